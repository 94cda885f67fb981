//! Runs of bytes in a file, as they are asked for and answered.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Bytes `start..end` of a file, never empty: `end` is the first byte that is not part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "(u64, u64)", try_from = "(u64, u64)")]
pub struct ByteRange {
    start: u64,
    end: u64,
}

impl ByteRange {
    /// Returns `start..end`, or nothing where that holds no byte.
    pub fn new(start: u64, end: u64) -> Option<Self> {
        (start < end).then_some(Self { start, end })
    }

    /// Returns the `len` bytes from `start`, or nothing where `len` is 0 or the end can't be counted.
    pub fn of_len(start: u64, len: u64) -> Option<Self> {
        start.checked_add(len).and_then(|end| Self::new(start, end))
    }

    /// First byte.
    pub fn start(self) -> u64 {
        self.start
    }

    /// The byte after the last.
    pub fn end(self) -> u64 {
        self.end
    }

    /// Last byte, as HTTP counts.
    pub fn last(self) -> u64 {
        self.end - 1
    }

    /// How many bytes, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "a range is never empty")]
    pub fn len(self) -> u64 {
        self.end - self.start
    }

    /// Returns the bytes that both have.
    #[must_use]
    pub fn intersection(self, other: Self) -> Option<Self> {
        Self::new(self.start.max(other.start), self.end.min(other.end))
    }
}

impl From<ByteRange> for (u64, u64) {
    fn from(range: ByteRange) -> Self {
        (range.start, range.end)
    }
}

impl TryFrom<(u64, u64)> for ByteRange {
    type Error = &'static str;

    fn try_from((start, end): (u64, u64)) -> Result<Self, Self::Error> {
        Self::new(start, end).ok_or("a byte range needs a start before its end")
    }
}

impl fmt::Display for ByteRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.start, self.last())
    }
}

/// Which bytes a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The whole file.
    Whole,
    /// The bytes from `start`, to `end` (exclusive) where one was named.
    From {
        /// First byte.
        start: u64,
        /// The byte after the last.
        end: Option<u64>,
    },
}

/// The Content-Range field (RFC 9110, section 14.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentRange {
    /// Not sent.
    Absent,
    /// Sent, and nonsense.
    Bad,
    /// These bytes, of so many where that was said.
    Bytes(ByteRange, Option<u64>),
    /// None of so many: with 416.
    Unsatisfied(u64),
}
