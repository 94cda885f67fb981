//! What it costs to find work for one more connection: at each connection's end, and ten times a second.

use std::hint::black_box;
use std::time::Duration;

use criterion::Criterion;
use haul::kernel::plan::{Lane, Terms, next_work};
use haul::model::coverage::Coverage;
use haul::model::range::ByteRange;

/// Size of the file, in bytes.
const SIZE: u64 = 64 << 30;
const TERMS: Terms = Terms { smallest: 256 << 10, first_byte: Duration::from_millis(20), window: None };

/// A file in `count` pieces, each fetched to its half, by as many connections.
fn halves(count: u64) -> (Coverage, Vec<Lane>) {
    let piece = SIZE / count;
    let done = (0..count).filter_map(|at| ByteRange::of_len(at * piece, piece / 2)).collect();
    let lanes = (0..count)
        .map(|at| Lane { at: at * piece + piece / 2, end: (at + 1) * piece, rate: Some(1e6) })
        .collect();
    (done, lanes)
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("plan");
    for connections in [4, 16, 64] {
        let (coverage, lanes) = halves(connections);
        group.bench_function(format!("steal from one of {connections}"), |bencher| {
            bencher.iter(|| next_work(SIZE, black_box(&coverage), &lanes, TERMS));
        });
    }
    let (scattered, _) = halves(10_000);
    group.bench_function("the first of 10,000 gaps", |bencher| {
        bencher.iter(|| next_work(SIZE, black_box(&scattered), &[], TERMS));
    });
    group.finish();
    criterion.final_summary();
}
