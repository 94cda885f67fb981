//! Which connection fetches which bytes: gaps first, then half of what another one still has before it.

use crate::model::coverage::Coverage;
use crate::model::range::ByteRange;

/// One connection's work: it has come to `at` and reads on to `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lane {
    /// Next byte to come.
    pub at: u64,
    /// The byte after its last.
    pub end: u64,
}

/// Work for one more connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// A gap that nobody fetches.
    Gap(ByteRange),
    /// The second half of a lane's rest: that lane's end goes down to the range's start.
    Steal {
        /// Which lane, by its place in the list.
        from: usize,
        /// What to take.
        range: ByteRange,
    },
}

/// Finds work for one more connection in a file of `size` bytes, or nothing where all is being fetched already.
///
/// A lane is split only where each half keeps `smallest` bytes: a new request costs a round trip. With `window`, the front goes
/// first: pieces of at most so many bytes, in order, and nothing is stolen.
pub fn next_work(
    size: u64,
    coverage: &Coverage,
    lanes: &[Lane],
    smallest: u64,
    window: Option<u64>,
) -> Option<Work> {
    let mut taken = coverage.clone();
    for range in lanes.iter().filter_map(|lane| ByteRange::new(lane.at, lane.end.min(size))) {
        taken.insert(range);
    }
    if let Some(gap) = taken.gaps(size).next() {
        let len = window.map_or(gap.len(), |window| gap.len().min(window.max(1)));
        return ByteRange::of_len(gap.start(), len).map(Work::Gap);
    }
    if window.is_some() {
        return None;
    }
    let (from, lane) =
        lanes.iter().enumerate().max_by_key(|(_, lane)| lane.end.min(size).saturating_sub(lane.at))?;
    let rest = ByteRange::new(lane.at, lane.end.min(size))?;
    if rest.len() < smallest.max(1).saturating_mul(2) {
        return None;
    }
    ByteRange::new(rest.start() + rest.len() / 2, rest.end()).map(|range| Work::Steal { from, range })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn range(start: u64, end: u64) -> ByteRange {
        ByteRange::new(start, end).unwrap()
    }

    #[test]
    fn gaps_come_before_stealing() {
        let coverage: Coverage = [range(0, 10), range(20, 30)].into_iter().collect();
        let lanes = [Lane { at: 10, end: 20 }];
        assert_eq!(next_work(100, &coverage, &lanes, 1, None), Some(Work::Gap(range(30, 100))));
        assert_eq!(next_work(100, &coverage, &lanes, 1, Some(8)), Some(Work::Gap(range(30, 38))));
    }

    #[test]
    fn the_longest_rest_is_halved_unless_that_is_not_worth_a_request() {
        let lanes = [Lane { at: 0, end: 30 }, Lane { at: 40, end: u64::MAX }];
        let done: Coverage = [range(30, 40)].into_iter().collect();
        assert_eq!(
            next_work(100, &done, &lanes, 30, None),
            Some(Work::Steal { from: 1, range: range(70, 100) })
        );
        assert_eq!(next_work(100, &done, &lanes, 31, None), None);
        assert_eq!(next_work(100, &done, &lanes, 1, Some(8)), None);
    }

    proptest! {
        #[test]
        fn work_never_overlaps_what_is_there_or_under_way(
            size in 1u64..500, have in prop::collection::vec((0u64..500, 1u64..60), 0..6),
            under_way in prop::collection::vec((0u64..500, 1u64..60), 0..6), smallest in 1u64..40,
        ) {
            let coverage: Coverage = have.iter().filter_map(|(at, len)| ByteRange::new(*at, (at + len).min(size))).collect();
            let mut claimed = coverage.clone();
            let mut lanes = Vec::new();
            for (at, len) in under_way {
                if let Some(part) = ByteRange::new(at, (at + len).min(size)) && claimed.gaps_within(part).eq([part]) {
                    claimed.insert(part);
                    lanes.push(Lane { at: part.start(), end: part.end() });
                }
            }
            match next_work(size, &coverage, &lanes, smallest, None) {
                Some(Work::Gap(gap)) => prop_assert!(claimed.gaps_within(gap).eq([gap])),
                Some(Work::Steal { from, range }) => {
                    prop_assert!(claimed.is_whole(size));
                    prop_assert!(range.start() >= lanes[from].at + smallest && range.end() == lanes[from].end);
                    prop_assert!(range.len() >= smallest);
                }
                None => prop_assert!(claimed.is_whole(size)),
            }
        }
    }
}
