//! What the readers of our own make of any bytes: for those who try to break them.

use std::io::{self, Write as _};

use super::found::Found;
use super::source::Source;
use super::{asf, matroska, mp4};
use crate::model::media::Info;

/// Reads bytes as the header of an ASF file.
pub fn asf_header(bytes: &[u8]) -> Info {
    let mut found = Found::default();
    asf::header(bytes, &mut found);
    found.info
}

/// Reads bytes as what is in an `Xtra` box of an MP4 file.
pub fn mp4_xtra(bytes: &[u8]) -> Info {
    let mut found = Found::default();
    mp4::xtra(bytes, &mut found);
    found.info
}

/// Reads bytes as a whole file: MP4 and Matroska both, whatever it says it is.
///
/// # Errors
/// There is no place for a file.
pub fn file(bytes: &[u8]) -> io::Result<Info> {
    let mut file = tempfile::tempfile()?;
    file.write_all(bytes)?;
    let mut found = Found::default();
    let mut source = Source::of(file)?;
    // What makes no sense to a reader is an error of its own; what it found until then counts.
    let _ = matroska::read(&mut source, &mut found);
    let _ = mp4::read(&mut source, &mut found);
    Ok(found.info)
}
