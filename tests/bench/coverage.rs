//! What the set of covered bytes costs: once for each write of a transfer, so it must be nothing beside the write itself.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput};
use haul::model::coverage::Coverage;
use haul::model::range::ByteRange;

/// What one read of a socket brings, in bytes.
const CHUNK: u64 = 256 * 1024;

/// Covered runs that grow side by side, as segments do.
fn runs(count: u64) -> Coverage {
    (0..count).filter_map(|run| ByteRange::of_len(run * (1 << 30), CHUNK)).collect()
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("coverage");
    group.throughput(Throughput::Elements(1));
    for segments in [1, 16, 1000] {
        let begun = runs(segments);
        group.bench_function(format!("insert behind one of {segments}"), |bencher| {
            let mut coverage = begun.clone();
            let mut at = CHUNK;
            bencher.iter(|| {
                coverage.extend_with(ByteRange::of_len(at, CHUNK));
                at = if at + CHUNK < 1 << 29 { at + CHUNK } else { CHUNK };
                black_box(coverage.len())
            });
        });
        group.bench_function(format!("copy for a checkpoint, of {segments}"), |bencher| {
            bencher.iter_batched(|| (), |()| black_box(&begun).clone(), BatchSize::SmallInput);
        });
    }
    group.finish();
    criterion.final_summary();
}
