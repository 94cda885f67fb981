//! The file that is read: a regular one, opened without following or waiting for anything, and read only so far.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use crate::model::media::FileFacts;
use crate::model::time::UnixMs;

/// Bytes that are read of one file at most, all readers together.
pub(super) const MOST_READ: u64 = 64 << 20;

/// Bytes that are summed at a time.
const HASHED: usize = 1 << 20;

/// An open file with a budget.
pub(super) struct Source {
    file: File,
    facts: FileFacts,
    left: u64,
}

impl Source {
    /// Opens a regular file: no link, no pipe, no device.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        Self::of(File::from(rustix::fs::open(path, flags, Mode::empty())?))
    }

    /// Takes an open file, if it is a regular one.
    pub(super) fn of(file: File) -> io::Result<Self> {
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
        }
        Ok(Self { facts: facts_of(&found), file, left: MOST_READ })
    }

    pub(super) fn facts(&self) -> FileFacts {
        self.facts
    }

    pub(super) fn len(&self) -> u64 {
        self.facts.size
    }

    /// Reads at most so many bytes from a place; fewer where the file ends. Memory follows the file, never a claim.
    pub(super) fn read_at(&mut self, at: u64, most: usize) -> io::Result<Vec<u8>> {
        self.seek(SeekFrom::Start(at))?;
        let there = usize::try_from(self.len().saturating_sub(at)).unwrap_or(usize::MAX);
        let mut bytes = Vec::with_capacity(most.min(there));
        self.by_ref().take(most as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads a sample of the file, beside the budget: so much and no more.
    pub(super) fn sample(&self, at: u64, most: usize) -> io::Result<Vec<u8>> {
        let there = usize::try_from(self.len().saturating_sub(at)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; most.min(there)];
        let mut filled = 0;
        while filled < bytes.len() {
            match self.file.read_at(&mut bytes[filled..], at + filled as u64)? {
                0 => break,
                read => filled += read,
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }
}

/// The sum of all bytes of a file, beside any budget, that may be left and gone on with.
pub struct Sum {
    file: File,
    sum: blake3::Hasher,
}

impl Sum {
    /// Begins.
    ///
    /// # Errors
    /// It can't be opened, or is no regular file.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: Source::open(path)?.file, sum: blake3::Hasher::new() })
    }

    /// Goes on; none where it was stopped before the end.
    ///
    /// # Errors
    /// It can't be read.
    pub fn go_on(&mut self, is_stopped: &dyn Fn() -> bool) -> io::Result<Option<String>> {
        let mut buffer = vec![0; HASHED];
        while !is_stopped() {
            match self.file.read(&mut buffer)? {
                0 => return Ok(Some(self.sum.finalize().to_hex().to_string())),
                read => self.sum.update(&buffer[..read]),
            };
        }
        Ok(None)
    }
}

/// What the system knows of a file.
pub(super) fn facts_of(found: &std::fs::Metadata) -> FileFacts {
    FileFacts {
        size: found.len(),
        modified: found.modified().map(UnixMs::from).unwrap_or_default(),
        device: found.dev(),
        inode: found.ino(),
    }
}

impl Read for Source {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::Error::other("more was read of it than a tag may take"));
        }
        let most = into.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = self.file.read(&mut into[..most])?;
        self.left -= read as u64;
        Ok(read)
    }
}

impl Seek for Source {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_are_opened_and_nothing_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, b"0123456789").unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let fifo = folder.path().join("fifo");
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        for other in [link.as_path(), &fifo, folder.path(), Path::new("/dev/zero")] {
            assert!(Source::open(other).is_err(), "{}", other.display());
        }
        let mut source = Source::open(&file).unwrap();
        assert_eq!(source.read_at(8, 100).unwrap(), b"89");
        assert_eq!(source.read_at(u64::from(u32::MAX), 100).unwrap(), b"");
    }

    #[test]
    fn a_budget_ends_the_reading() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sparse");
        File::create(&file).unwrap().set_len(8 << 30).unwrap();
        let mut source = Source::open(&file).unwrap();
        let mut read = 0;
        let mut buffer = vec![0; 1 << 20];
        let error = loop {
            match source.read(&mut buffer) {
                Ok(count) => read += count as u64,
                Err(error) => break error,
            }
        };
        assert_eq!(read, MOST_READ);
        assert_eq!(error.to_string(), "more was read of it than a tag may take");
    }
}
