//! What it costs to read a list of ten thousand links.

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{Criterion, Throughput};
use haul::links::list;

/// Links in the list.
const LINKS: u64 = 10_000;

fn links(pairs: &str) -> String {
    (0..LINKS).fold("# links\n".to_owned(), |mut text, number| {
        // Writing to a string never fails.
        let _ = writeln!(
            text,
            "https://cdn.example.org/albums/2024/track-{number:05}.flac?sign=0123456789abcdef{pairs}"
        );
        text
    })
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("list");
    group.throughput(Throughput::Elements(LINKS));
    for (name, pairs) in [("bare links", ""), ("links with pairs", "\tout=a track.flac\tartist=Somebody")] {
        let text = links(pairs);
        group.bench_function(name, |bencher| {
            bencher.iter(|| list::parse(black_box(text.as_bytes())).map(|listed| listed.entries.len()));
        });
    }
    group.finish();
    criterion.final_summary();
}
