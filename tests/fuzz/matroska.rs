//! Any bytes as a Matroska file and as an MP4 one: nothing panics, and every text is printable and bounded.
//!
//! `cargo +nightly fuzz run --fuzz-dir tests/fuzz matroska`, with a fixture to begin with: `film.mkv`.

#![no_main]

use haul::library::tried;
use haul::model::media::MOST_TEXT;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(info) = tried::file(data) else { return };
    for text in info.values() {
        assert!(text.len() <= MOST_TEXT && !text.contains(|c: char| c.is_control()), "{text:?}");
    }
});
