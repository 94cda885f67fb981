//! Files to serve, made from a seed so that none is stored, and how much of one is on disk.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};

/// The block in which [`Held`] counts, in bytes: a hole in a sparse file is never taken for content.
const BLOCK: usize = 4096;

/// One version of a file: pseudo-random bytes from a seed, some of them inverted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Version {
    /// What the bytes are made from.
    pub(crate) seed: u64,
    /// How many there are.
    pub(crate) size: u64,
    /// Offsets of bytes that differ from what the seed gives.
    pub(crate) flip: Vec<u64>,
}

impl Version {
    /// Returns the bytes. They are made once and shared by all tests.
    pub(crate) fn bytes(&self) -> Arc<[u8]> {
        static MADE: LazyLock<Mutex<HashMap<Version, Arc<[u8]>>>> = LazyLock::new(Mutex::default);
        if let Some(bytes) = MADE.lock().unwrap().get(self) {
            return Arc::clone(bytes);
        }
        let mut bytes = vec![0; usize::try_from(self.size).unwrap()];
        fastrand::Rng::with_seed(self.seed).fill(&mut bytes);
        for offset in &self.flip {
            bytes[usize::try_from(*offset).unwrap()] ^= 0xff;
        }
        let bytes: Arc<[u8]> = bytes.into();
        MADE.lock().unwrap().insert(self.clone(), Arc::clone(&bytes));
        bytes
    }
}

/// Returns where two byte strings first differ; a missing end counts.
pub(crate) fn first_difference(left: &[u8], right: &[u8]) -> Option<usize> {
    let at = left.iter().zip(right).position(|(left, right)| left != right);
    at.or((left.len() != right.len()).then(|| left.len().min(right.len())))
}

/// Which bytes of a file are on disk, in their places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held(Vec<Range<u64>>);

impl Held {
    /// Compares the file at `path` with what it is to become; nothing is held where there is no such file.
    pub(crate) fn of(path: &Path, content: &[u8]) -> Self {
        let mut held: Vec<Range<u64>> = Vec::new();
        let on_disk = std::fs::read(path).unwrap_or_default();
        for (number, (content, on_disk)) in content.chunks(BLOCK).zip(on_disk.chunks(BLOCK)).enumerate() {
            // The last block may be written in part.
            let common = content.len().min(on_disk.len());
            let same = if content[..common] == on_disk[..common] {
                common
            } else {
                content.iter().zip(on_disk).take_while(|(content, on_disk)| content == on_disk).count()
            };
            let (start, end) = ((number * BLOCK) as u64, (number * BLOCK + same) as u64);
            match held.last_mut() {
                Some(last) if last.end == start => last.end = end,
                _ => held.push(start..end),
            }
        }
        held.retain(|range| !range.is_empty());
        Self(held)
    }

    /// Returns how many bytes are held.
    pub(crate) fn len(&self) -> u64 {
        self.0.iter().map(|range| range.end - range.start).sum()
    }

    /// Returns how many of `sent` bytes from `first` on are held.
    pub(crate) fn overlap(&self, first: u64, sent: u64) -> u64 {
        let both = |range: &Range<u64>| range.end.min(first + sent).saturating_sub(range.start.max(first));
        self.0.iter().map(both).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_the_same_every_time_and_flips_are_two_bytes() {
        let one = Version { seed: 1, size: 10_000, flip: Vec::new() };
        let other = Version { flip: vec![7, 9_999], ..one.clone() };
        let differing = one.bytes().iter().zip(&*other.bytes()).filter(|(left, right)| left != right).count();
        assert_eq!(differing, 2);
        assert_eq!(first_difference(&one.bytes(), &other.bytes()), Some(7));
        assert_eq!(first_difference(&one.bytes(), &one.bytes()), None);
        assert_eq!(first_difference(&one.bytes(), &one.bytes()[..5]), Some(5));
    }

    #[test]
    fn holes_are_not_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part");
        let content = Version { seed: 3, size: 20_000, flip: Vec::new() }.bytes();
        assert_eq!(Held::of(&path, &content), Held::default());
        let mut sparse = vec![0; 20_000];
        sparse[..5_000].copy_from_slice(&content[..5_000]);
        sparse[8_192..12_288].copy_from_slice(&content[8_192..12_288]);
        std::fs::write(&path, &sparse).unwrap();
        let held = Held::of(&path, &content);
        assert_eq!(held, Held(vec![0..5_000, 8_192..12_288]));
        assert_eq!(held.len(), 5_000 + 4_096);
        assert_eq!(held.overlap(4_000, 5_000), 1_000 + 808);
    }
}
