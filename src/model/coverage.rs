//! Which bytes of a file are known to be on disk. Progress is always derived from it.

use range_set_blaze::{RangeSetBlaze, RangesIter};
use serde::{Deserialize, Serialize};

use super::range::ByteRange;

/// A set of bytes, kept as sorted runs that don't touch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Vec<ByteRange>", from = "Vec<ByteRange>")]
pub struct Coverage {
    runs: RangeSetBlaze<u64>,
}

impl Coverage {
    /// Returns the coverage of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the coverage of the first `len` bytes.
    pub fn prefix_of(len: u64) -> Self {
        ByteRange::new(0, len).into_iter().collect()
    }

    /// Adds a range; what is covered already stays so.
    pub fn insert(&mut self, range: ByteRange) {
        self.runs.ranges_insert(range.start()..=range.last());
    }

    /// Adds a range where there is one.
    pub fn extend_with(&mut self, range: Option<ByteRange>) {
        if let Some(range) = range {
            self.insert(range);
        }
    }

    /// Takes a range out.
    pub fn remove(&mut self, range: ByteRange) {
        let hole = RangeSetBlaze::from_iter([range.start()..=range.last()]);
        self.runs = &self.runs - &hole;
    }

    /// Adds all that `other` covers.
    pub fn merge(&mut self, other: &Self) {
        for range in other.ranges() {
            self.insert(range);
        }
    }

    /// Takes out everything at and after `end`.
    pub fn truncate(&mut self, end: u64) {
        if let Some(rest) = ByteRange::new(end, u64::MAX) {
            self.remove(rest);
        }
    }

    /// Number of bytes covered.
    pub fn len(&self) -> u64 {
        u64::try_from(self.runs.len()).unwrap_or(u64::MAX)
    }

    /// Whether nothing is covered.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// The byte after the last covered one; 0 when nothing is covered.
    pub fn end(&self) -> u64 {
        self.runs.last().map_or(0, |last| last.saturating_add(1))
    }

    /// How many bytes are covered from the very start without a hole.
    pub fn prefix(&self) -> u64 {
        self.ranges().next().filter(|first| first.start() == 0).map_or(0, ByteRange::end)
    }

    /// Whether every byte of `range` is covered.
    pub fn has(&self, range: ByteRange) -> bool {
        self.gaps_within(range).next().is_none()
    }

    /// Whether the byte at `offset` is covered.
    pub fn has_byte(&self, offset: u64) -> bool {
        self.runs.contains(offset)
    }

    /// Whether exactly the `size` bytes of a whole file are covered.
    pub fn is_whole(&self, size: u64) -> bool {
        self.len() == size && self.end() == size
    }

    /// The covered runs, in order.
    pub fn ranges(&self) -> Runs<'_> {
        Runs { inner: self.runs.ranges() }
    }

    /// How many runs there are.
    pub fn run_count(&self) -> usize {
        self.runs.ranges_len()
    }

    /// The holes in the first `size` bytes, in order.
    pub fn gaps(&self, size: u64) -> impl Iterator<Item = ByteRange> + '_ {
        ByteRange::new(0, size).into_iter().flat_map(|all| self.gaps_within(all))
    }

    /// The holes in `within`, in order.
    pub fn gaps_within(&self, within: ByteRange) -> impl Iterator<Item = ByteRange> + '_ {
        let mut at = within.start();
        let mut runs = self.ranges().filter_map(move |run| run.intersection(within));
        let mut ended = false;
        std::iter::from_fn(move || {
            while !ended {
                let next = runs.next();
                let stop = next.map_or(within.end(), ByteRange::start);
                let gap = ByteRange::new(at, stop);
                match next {
                    Some(run) => at = run.end(),
                    None => ended = true,
                }
                if gap.is_some() {
                    return gap;
                }
            }
            None
        })
    }
}

/// The covered runs of a [`Coverage`], in order.
pub struct Runs<'a> {
    inner: RangesIter<'a, u64>,
}

impl Iterator for Runs<'_> {
    type Item = ByteRange;

    fn next(&mut self) -> Option<ByteRange> {
        let run = self.inner.next()?;
        ByteRange::new(*run.start(), run.end().saturating_add(1))
    }
}

impl FromIterator<ByteRange> for Coverage {
    fn from_iter<I: IntoIterator<Item = ByteRange>>(ranges: I) -> Self {
        let mut coverage = Self::new();
        for range in ranges {
            coverage.insert(range);
        }
        coverage
    }
}

impl From<Vec<ByteRange>> for Coverage {
    fn from(ranges: Vec<ByteRange>) -> Self {
        ranges.into_iter().collect()
    }
}

impl From<Coverage> for Vec<ByteRange> {
    fn from(coverage: Coverage) -> Self {
        coverage.ranges().collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn range(start: u64, end: u64) -> ByteRange {
        ByteRange::new(start, end).unwrap()
    }

    #[test]
    fn gaps_lie_between_the_runs() {
        let coverage: Coverage = [range(2, 4), range(6, 8)].into_iter().collect();
        assert_eq!(coverage.gaps(10).collect::<Vec<_>>(), [range(0, 2), range(4, 6), range(8, 10)]);
        assert_eq!(coverage.gaps_within(range(3, 7)).collect::<Vec<_>>(), [range(4, 6)]);
        assert_eq!(coverage.prefix(), 0);
        assert_eq!(coverage.end(), 8);
    }

    #[test]
    fn nothing_has_one_gap_and_a_whole_file_none() {
        assert_eq!(Coverage::new().gaps(5).collect::<Vec<_>>(), [range(0, 5)]);
        assert!(Coverage::prefix_of(5).is_whole(5));
        assert!(Coverage::new().is_whole(0));
        assert_eq!(Coverage::prefix_of(5).gaps(5).next(), None);
    }

    proptest! {
        #[test]
        fn agrees_with_a_plain_bitmap(edits in prop::collection::vec((any::<bool>(), 0u64..64, 1u64..20), 0..40)) {
            let mut coverage = Coverage::new();
            let mut bitmap = [false; 96];
            for (add, start, len) in edits {
                let edit = range(start, start + len);
                if add { coverage.insert(edit) } else { coverage.remove(edit) }
                for byte in start..start + len {
                    bitmap[usize::try_from(byte).unwrap()] = add;
                }
            }
            let covered = bitmap.iter().filter(|bit| **bit).count() as u64;
            prop_assert_eq!(coverage.len(), covered);
            let gaps: u64 = coverage.gaps(96).map(ByteRange::len).sum();
            prop_assert_eq!(gaps, 96 - covered);
            for (byte, bit) in bitmap.iter().enumerate() {
                prop_assert_eq!(coverage.has_byte(byte as u64), *bit);
            }
            let again: Coverage = serde_json::from_str(&serde_json::to_string(&coverage).unwrap()).unwrap();
            prop_assert_eq!(again, coverage);
        }
    }
}
