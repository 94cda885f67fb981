//! What it costs to find work for one more connection: at each connection's end, and ten times a second.

use std::hint::black_box;

use criterion::Criterion;
use haul::kernel::plan::{Lane, next_work};
use haul::model::coverage::Coverage;
use haul::model::range::ByteRange;

/// Size of the file, in bytes.
const SIZE: u64 = 64 << 30;
/// The least that is worth a request of its own, in bytes.
const SMALLEST: u64 = 256 * 1024;

/// A file in `count` pieces, each fetched to its half, by as many connections.
fn halves(count: u64) -> (Coverage, Vec<Lane>) {
    let piece = SIZE / count;
    let done = (0..count).filter_map(|at| ByteRange::of_len(at * piece, piece / 2)).collect();
    let lanes = (0..count).map(|at| Lane { at: at * piece + piece / 2, end: (at + 1) * piece }).collect();
    (done, lanes)
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("plan");
    for connections in [4, 16, 64] {
        let (coverage, lanes) = halves(connections);
        group.bench_function(format!("steal from one of {connections}"), |bencher| {
            bencher.iter(|| next_work(SIZE, black_box(&coverage), &lanes, SMALLEST, None));
        });
    }
    let (scattered, _) = halves(10_000);
    group.bench_function("the first of 10,000 gaps", |bencher| {
        bencher.iter(|| next_work(SIZE, black_box(&scattered), &[], SMALLEST, None));
    });
    group.finish();
    criterion.final_summary();
}
