//! Any bytes as the header of an ASF file: nothing panics, and every text is printable and bounded.
//!
//! `cargo +nightly fuzz run --fuzz-dir tests/fuzz asf`, with a fixture to begin with: `film.wmv`.

#![no_main]

use haul::library::tried;
use haul::model::media::MOST_TEXT;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let info = tried::asf_header(data);
    for text in info.values() {
        assert!(text.len() <= MOST_TEXT && !text.contains(|c: char| c.is_control()), "{text:?}");
    }
});
