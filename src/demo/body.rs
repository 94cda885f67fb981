//! What a file of the shop holds. Nothing is kept: every byte is made when it is asked for, from its place in the file.

use std::io;

use super::flac::Flac;
use super::wav::Wav;

/// A file's bytes.
#[derive(Debug)]
pub(super) enum Body {
    /// Music with tags.
    Flac(Flac),
    /// Sound with tags.
    Wav(Wav),
    /// Bytes that mean nothing, but for the first ones.
    Pattern(Pattern),
}

impl Body {
    /// Bytes in the file.
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Flac(flac) => flac.len(),
            Self::Wav(wav) => wav.len(),
            Self::Pattern(pattern) => pattern.len,
        }
    }

    /// Writes the bytes from an offset on. The buffer must not reach past the file's end.
    pub(super) fn fill(&self, offset: u64, buffer: &mut [u8]) {
        match self {
            Self::Flac(flac) => flac.fill(offset, buffer),
            Self::Wav(wav) => wav.fill(offset, buffer),
            Self::Pattern(pattern) => pattern.fill(offset, buffer),
        }
    }
}

/// Bytes that follow from a seed and their place, so that none is where another should be.
#[derive(Debug)]
pub(super) struct Pattern {
    /// The file's first bytes, by which it is known.
    pub(super) head: &'static [u8],
    /// What makes this file different from others.
    pub(super) seed: u64,
    /// Bytes in all.
    pub(super) len: u64,
}

impl Pattern {
    fn fill(&self, offset: u64, buffer: &mut [u8]) {
        let mut at = offset;
        let mut rest = &mut buffer[..];
        while !rest.is_empty() {
            let word = mixed(self.seed ^ (at / 8)).to_le_bytes();
            let begin = usize::try_from(at % 8).unwrap_or(0);
            let len = rest.len().min(8 - begin);
            let (now, later) = rest.split_at_mut(len);
            now.copy_from_slice(&word[begin..begin + len]);
            at += len as u64;
            rest = later;
        }
        overlay(self.head, 0, offset, buffer);
    }
}

/// Copies the part of `bytes`, which lie at `place` in the file, that falls into the buffer, which lies at `offset`.
pub(super) fn overlay(bytes: &[u8], place: u64, offset: u64, buffer: &mut [u8]) {
    let begin = place.max(offset);
    let end = (place + bytes.len() as u64).min(offset + buffer.len() as u64);
    if begin < end {
        let range = |base: u64| index(begin - base)..index(end - base);
        buffer[range(offset)].copy_from_slice(&bytes[range(place)]);
    }
}

/// An offset within a buffer.
pub(super) fn index(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

/// `SplitMix64`'s output function: every bit of the input counts.
pub(super) fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// What stands in the tags of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tags {
    /// Who sold it.
    pub(super) distributor: &'static str,
    /// Who plays.
    pub(super) artist: &'static str,
    /// Album.
    pub(super) album: &'static str,
    /// Title.
    pub(super) title: &'static str,
    /// Track.
    pub(super) track: u32,
    /// Genre.
    pub(super) genre: &'static str,
}

/// Names a tag writer's error as one of input and output.
pub(super) fn untagged(error: impl std::fmt::Display) -> io::Error {
    io::Error::other(format!("the tags can't be written: {error}"))
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::super::goods;
    use super::*;

    /// One file of each make.
    static BODIES: LazyLock<[Body; 3]> =
        LazyLock::new(|| [2, 4, 7].map(|which| goods::all()[which].body().unwrap()));

    proptest! {
        #[test]
        fn a_piece_is_what_lies_there_in_the_whole(which in 0..3usize, from in 0u64..200_000, len in 1usize..40_000) {
            let body = &BODIES[which];
            let mut whole = vec![0; 240_000];
            body.fill(0, &mut whole);
            let mut piece = vec![0; len];
            body.fill(from, &mut piece);
            prop_assert_eq!(&piece[..], &whole[index(from)..index(from) + len]);
        }

        #[test]
        fn every_file_ends_where_it_says(which in 0..3usize, back in 1u64..50_000) {
            let body = &BODIES[which];
            let mut end = vec![0; index(back)];
            body.fill(body.len() - back, &mut end);
            let mut last = [0];
            body.fill(body.len() - 1, &mut last);
            prop_assert_eq!(end.last(), last.first());
        }
    }
}
