//! A walk through folders for media: no link is followed, no folder entered twice, nothing half-downloaded taken.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::ReadDir;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::kind;
use super::source::facts_of;
use crate::model::media::FileFacts;

/// Folders within folders that are entered.
const DEEPEST: usize = 200;

/// A walk. Hands out media files by their names, and those whose names say nothing; hidden files and folders are left alone.
pub struct Walk {
    open: Vec<ReadDir>,
    /// Device and inode of every folder that was entered.
    entered: HashSet<(u64, u64)>,
    /// Folders that could not be read, or lie too deep.
    pub unreadable: Vec<PathBuf>,
}

impl Walk {
    /// Begins in a folder.
    pub fn new(folder: &Path) -> Self {
        let mut walk = Self { open: Vec::new(), entered: HashSet::new(), unreadable: Vec::new() };
        walk.enter(folder);
        walk
    }

    fn enter(&mut self, folder: &Path) {
        let opened = std::fs::metadata(folder)
            .and_then(|found| Ok(((found.dev(), found.ino()), std::fs::read_dir(folder)?)));
        match opened {
            Ok((id, entries)) if self.open.len() < DEEPEST => {
                if self.entered.insert(id) {
                    self.open.push(entries);
                }
            }
            _ => self.unreadable.push(folder.to_owned()),
        }
    }
}

impl Iterator for Walk {
    type Item = (PathBuf, FileFacts);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some(entry) = self.open.last_mut()?.next() else {
                self.open.pop();
                continue;
            };
            // What vanished since the folder was opened is not there.
            let Ok(entry) = entry else { continue };
            let name = entry.file_name();
            if name.as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                self.enter(&entry.path());
                continue;
            }
            let path = entry.path();
            // What a name says nothing of is told by its bytes, once.
            let is_media = |extension: &str| kind::of_extension(extension).is_some();
            let may_be =
                super::has_no_word(&path) || path.extension().and_then(OsStr::to_str).is_some_and(is_media);
            if !kind.is_file() || !may_be {
                continue;
            }
            if let Ok(found) = entry.metadata() {
                return Some((path, facts_of(&found)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;

    #[test]
    fn media_is_found_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::create_dir_all(root.join("a/b")).unwrap();
        std::fs::create_dir(root.join(".hidden")).unwrap();
        let strange = OsStr::from_bytes(b"line\nbreak\xff\x1b.flac");
        for name in [
            "one.mp3",
            "a/two.MKV",
            "a/b/three.wma",
            "a/bare",
            "a/text.txt",
            "a/four.mp3.part",
            ".hidden/x.mp3",
        ] {
            std::fs::write(root.join(name), name).unwrap();
        }
        std::fs::write(root.join("a").join(strange), "x").unwrap();
        std::os::unix::fs::symlink(root, root.join("a/loop")).unwrap();
        std::os::unix::fs::symlink(root.join("one.mp3"), root.join("a/link.mp3")).unwrap();
        let fifo = root.join("fifo.mp3");
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        let mut found: Vec<_> = Walk::new(root).map(|(path, facts)| (path, facts.size)).collect();
        found.sort();
        let mut expected = vec![
            (root.join("one.mp3"), 7),
            (root.join("a/two.MKV"), 9),
            (root.join("a/b/three.wma"), 13),
            (root.join("a/bare"), 6),
            (root.join("a").join(strange), 1),
        ];
        expected.sort();
        assert_eq!(found, expected);
    }

    #[test]
    fn depth_is_no_danger() {
        let folder = tempfile::tempdir().unwrap();
        let mut deep = folder.path().to_owned();
        for _ in 0..250 {
            deep.push("d");
        }
        std::fs::create_dir_all(&deep).unwrap();
        std::fs::write(deep.join("deep.mp3"), "x").unwrap();
        std::fs::write(folder.path().join("flat.mp3"), "x").unwrap();
        let mut walk = Walk::new(folder.path());
        assert_eq!((walk.by_ref().count(), walk.unreadable.len()), (1, 1));
        let mut none = Walk::new(&folder.path().join("none"));
        assert_eq!((none.next(), none.unreadable.len()), (None, 1));
    }
}
