//! Any bytes as the `Xtra` box of an MP4 file: nothing panics, and every text is printable and bounded.
//!
//! `cargo +nightly fuzz run --fuzz-dir tests/fuzz xtra`, with a fixture to begin with: `xtra.mp4`.

#![no_main]

use haul::library::tried;
use haul::model::media::MOST_TEXT;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let info = tried::mp4_xtra(data);
    for text in info.values() {
        assert!(text.len() <= MOST_TEXT && !text.contains(|c: char| c.is_control()), "{text:?}");
    }
});
