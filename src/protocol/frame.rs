//! One message a line: cuts a stream of bytes into lines, however they come, and never holds more than one line may have.

/// Bytes of one request, at most.
pub const MAX_REQUEST: usize = 1 << 20;
/// Bytes of one answer, at most: an agent is trusted more than its clients, but not without end.
pub const MAX_ANSWER: usize = 512 << 20;

/// A line was longer than it may be. The rest of it is skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message has more than {limit} bytes")]
pub struct TooLong {
    /// The most that it may have.
    pub limit: usize,
}

/// Cuts bytes into lines. Bytes go in by [`Frames::push`], lines come out of [`Frames::next`]; a line without an end is no line.
#[derive(Debug)]
pub struct Frames {
    held: Vec<u8>,
    /// Where the next line begins.
    start: usize,
    /// How far it was looked at for an end.
    looked: usize,
    limit: usize,
    is_skipping: bool,
}

impl Frames {
    /// Returns a cutter for lines of at most so many bytes, their end not counted.
    pub fn new(limit: usize) -> Self {
        Self { held: Vec::new(), start: 0, looked: 0, limit, is_skipping: false }
    }

    /// Takes in what came. Call [`Frames::next`] until it has nothing more before the next push.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.held.drain(..self.start);
            self.looked -= self.start;
            self.start = 0;
        }
        self.held.extend_from_slice(bytes);
    }

    /// Returns the next whole line that is not blank, without its end.
    ///
    /// # Errors
    /// The line is too long; it is told once, as soon as that is known.
    #[expect(clippy::should_implement_trait, reason = "it ends for now, not for good")]
    pub fn next(&mut self) -> Option<Result<&[u8], TooLong>> {
        loop {
            let Some(end) = self.held[self.looked..].iter().position(|byte| *byte == b'\n') else {
                self.looked = self.held.len();
                return self.unended();
            };
            let (from, to) = (self.start, self.looked + end);
            self.start = to + 1;
            self.looked = self.start;
            if std::mem::take(&mut self.is_skipping) {
                continue;
            }
            if to - from > self.limit {
                return Some(Err(TooLong { limit: self.limit }));
            }
            if !self.held[from..to].trim_ascii().is_empty() {
                return Some(Ok(&self.held[from..to]));
            }
        }
    }

    /// There is no end yet: a line that is too long already is let go of.
    fn unended(&mut self) -> Option<Result<&[u8], TooLong>> {
        let is_too_long = self.held.len() - self.start > self.limit;
        if self.is_skipping || is_too_long {
            self.held.clear();
            (self.start, self.looked) = (0, 0);
            if !std::mem::replace(&mut self.is_skipping, true) {
                return Some(Err(TooLong { limit: self.limit }));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What comes out when the bytes come in these pieces.
    fn cut<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, limit: usize) -> Vec<Result<Vec<u8>, TooLong>> {
        let mut frames = Frames::new(limit);
        let mut lines = Vec::new();
        for piece in pieces {
            frames.push(piece);
            while let Some(line) = frames.next() {
                lines.push(line.map(<[u8]>::to_vec));
            }
            assert!(frames.held.len() <= limit + piece.len(), "more is held than a line may have");
        }
        lines
    }

    /// The same, by the simplest rule there is.
    fn plain(bytes: &[u8], limit: usize) -> Vec<Result<Vec<u8>, TooLong>> {
        let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
        let rest = lines.pop().unwrap_or_default();
        let mut cut: Vec<_> = lines
            .into_iter()
            .filter(|line| line.len() > limit || !line.trim_ascii().is_empty())
            .map(|line| if line.len() > limit { Err(TooLong { limit }) } else { Ok(line.to_vec()) })
            .collect();
        if rest.len() > limit {
            cut.push(Err(TooLong { limit }));
        }
        cut
    }

    #[test]
    fn lines_are_the_same_wherever_the_bytes_are_split() {
        let bytes =
            b"{\"a\":1}\n\n  \r\n{\"b\":\"\xc3\xa4\"}\r\n0123456789012345678901234567890123456789\n{}\nhalf";
        let whole = plain(bytes, 20);
        assert_eq!(whole.len(), 4);
        for at in 0..=bytes.len() {
            assert_eq!(cut([&bytes[..at], &bytes[at..]], 20), whole, "split at {at}");
        }
        assert_eq!(cut(bytes.chunks(1), 20), whole);
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_are_cut_as_the_plain_rule_says(
            bytes in prop::collection::vec(prop_oneof![Just(b'\n'), Just(b' '), any::<u8>()], 0..300),
            cuts in prop::collection::vec(0usize..300, 0..12),
            limit in 0usize..40,
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|at| at.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]);
            prop_assert_eq!(cut(pieces, limit), plain(&bytes, limit));
        }
    }
}
