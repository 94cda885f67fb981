//! Any bytes in any pieces: lines are cut the same however they come, nothing is held beyond a line, and every line is answered or
//! understood without a panic.

#![no_main]

use haul::protocol::frame::Frames;
use haul::protocol::message::{Incoming, Line};
use libfuzzer_sys::fuzz_target;

/// A limit that inputs reach.
const LIMIT: usize = 64;

fuzz_target!(|data: &[u8]| {
    let Some((step, bytes)) = data.split_first() else { return };
    let step = usize::from(*step).max(1);
    let lines = cut(bytes, step);
    assert_eq!(lines, cut(bytes, bytes.len().max(1)));
    for line in lines.into_iter().flatten() {
        let _ = Line::read(&line);
        let _ = Incoming::read(&line);
    }
});

fn cut(bytes: &[u8], step: usize) -> Vec<Option<Vec<u8>>> {
    let mut frames = Frames::new(LIMIT);
    let mut lines = Vec::new();
    for piece in bytes.chunks(step) {
        frames.push(piece);
        while let Some(line) = frames.next() {
            lines.push(line.ok().map(<[u8]>::to_vec));
        }
    }
    lines
}
