//! Files for the tests of what reads and writes media.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use super::chunks::read;

/// The bytes of a real file.
pub(super) fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/media").join(name)).unwrap()
}

/// A file of these bytes, gone when it is dropped.
pub(super) fn file_of(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

/// All bytes of a file.
pub(super) fn bytes_of(file: &File) -> Vec<u8> {
    read(file, 0, file.metadata().unwrap().len()).unwrap()
}
