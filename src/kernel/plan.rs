//! Which connection fetches which bytes: gaps first, then a share of what the one that is busy the longest still has before it.
//!
//! The share is such that both end together: a connection that takes over half of what a slow one has left waits for it in the
//! end, and on lines that lose packets some connections are many times slower than others.

use std::time::Duration;

use crate::model::coverage::Coverage;
use crate::model::range::ByteRange;

/// The least that a request is made for where connections are slow, in bytes.
const LEAST: u64 = 64 << 10;

/// One connection's work: it has come to `at` and reads on to `end`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lane {
    /// Next byte to come.
    pub at: u64,
    /// The byte after its last.
    pub end: u64,
    /// What it delivers, in bytes per second, once that is known.
    pub rate: Option<f64>,
}

/// What a new request costs, and in which order bytes are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Where nothing is known of rates: the least that each half of a lane keeps, in bytes.
    pub smallest: u64,
    /// The time from a request to its first byte.
    pub first_byte: Duration,
    /// The front goes first: pieces of at most so many bytes, in order, and nothing is stolen.
    pub window: Option<u64>,
}

/// Work for one more connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// A gap that nobody fetches.
    Gap(ByteRange),
    /// The end of a lane's rest: that lane's end goes down to the range's start.
    Steal {
        /// Which lane, by its place in the list.
        from: usize,
        /// What to take.
        range: ByteRange,
    },
}

/// Finds work for one more connection in a file of `size` bytes, or nothing where all is being fetched already.
pub fn next_work(size: u64, coverage: &Coverage, lanes: &[Lane], terms: Terms) -> Option<Work> {
    let mut taken = coverage.clone();
    for range in lanes.iter().filter_map(|lane| ByteRange::new(lane.at, lane.end.min(size))) {
        taken.insert(range);
    }
    if let Some(gap) = taken.gaps(size).next() {
        let len = terms.window.map_or(gap.len(), |window| gap.len().min(window.max(1)));
        return ByteRange::of_len(gap.start(), len).map(Work::Gap);
    }
    if terms.window.is_some() {
        return None;
    }
    let rates: Vec<f64> = lanes.iter().filter_map(|lane| lane.rate).filter(|rate| *rate > 0.0).collect();
    // What the new one may be expected to deliver.
    let usual =
        if rates.is_empty() { None } else { Some(rates.iter().sum::<f64>() / float(rates.len() as u64)) };
    let rest = |lane: &Lane| lane.end.min(size).saturating_sub(lane.at);
    // One that delivers nothing now is as good as one that takes for ever.
    let left = |lane: &Lane| match usual {
        Some(usual) => float(rest(lane)) / lane.rate.unwrap_or(usual).max(1.0),
        None => float(rest(lane)),
    };
    let (from, lane) = lanes
        .iter()
        .enumerate()
        .filter(|(_, lane)| rest(lane) > 0)
        .max_by(|(_, one), (_, other)| left(one).total_cmp(&left(other)))?;
    let (rest, smallest) = (rest(lane), terms.smallest.max(1));
    let share = match usual {
        None if rest < smallest.saturating_mul(2) => return None,
        None => rest - rest / 2,
        Some(usual) => {
            let (rate, wait) = (lane.rate.unwrap_or(usual).max(1.0), terms.first_byte.as_secs_f64());
            // Both end together: (rest - share) / rate = wait + share / usual.
            let share = (left(lane) - wait) * rate * usual / (rate + usual);
            // Less than what would have come meanwhile is not worth it.
            let least = (usual * wait).clamp(float(LEAST.min(smallest)), float(smallest));
            if share < least {
                return None;
            }
            whole(share).min(rest - 1)
        }
    };
    let end = lane.end.min(size);
    ByteRange::new(end - share, end).map(|range| Work::Steal { from, range })
}

#[expect(clippy::cast_precision_loss, reason = "shares of a file need no more than 52 bits")]
fn float(bytes: u64) -> f64 {
    bytes as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share is positive and less than the file"
)]
fn whole(bytes: f64) -> u64 {
    bytes as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn range(start: u64, end: u64) -> ByteRange {
        ByteRange::new(start, end).unwrap()
    }

    fn lane(at: u64, end: u64) -> Lane {
        Lane { at, end, rate: None }
    }

    fn terms(smallest: u64, window: Option<u64>) -> Terms {
        Terms { smallest, first_byte: Duration::from_millis(100), window }
    }

    #[test]
    fn gaps_come_before_stealing() {
        let coverage: Coverage = [range(0, 10), range(20, 30)].into_iter().collect();
        let lanes = [lane(10, 20)];
        assert_eq!(next_work(100, &coverage, &lanes, terms(1, None)), Some(Work::Gap(range(30, 100))));
        assert_eq!(next_work(100, &coverage, &lanes, terms(1, Some(8))), Some(Work::Gap(range(30, 38))));
    }

    #[test]
    fn without_rates_the_longest_rest_is_halved_unless_that_is_not_worth_a_request() {
        let lanes = [lane(0, 30), lane(40, u64::MAX)];
        let done: Coverage = [range(30, 40)].into_iter().collect();
        assert_eq!(
            next_work(100, &done, &lanes, terms(30, None)),
            Some(Work::Steal { from: 1, range: range(70, 100) })
        );
        assert_eq!(next_work(100, &done, &lanes, terms(31, None)), None);
        assert_eq!(next_work(100, &done, &lanes, terms(1, Some(8))), None);
    }

    #[test]
    fn the_slow_one_gives_so_much_that_both_end_together() {
        let done = Coverage::new();
        // 1 MB left at 1 MB/s, and 900 kB left at 100 kB/s: the second would take 9 s.
        let lanes = [
            Lane { rate: Some(1e6), ..lane(0, 1_000_000) },
            Lane { rate: Some(1e5), ..lane(1_000_000, 1_900_000) },
        ];
        let Some(Work::Steal { from: 1, range: taken }) =
            next_work(1_900_000, &done, &lanes, terms(256 << 10, None))
        else {
            panic!("nothing is taken from the slow one");
        };
        let (slow, new) = (float(900_000 - taken.len()) / 1e5, 0.1 + float(taken.len()) / 5.5e5);
        assert!((slow - new).abs() < 0.01, "{slow} s and {new} s");
    }

    #[test]
    fn what_would_have_come_before_the_first_byte_is_not_worth_a_request() {
        let of = |left, rate| {
            let lanes = [Lane { rate: Some(rate), ..lane(0, left) }];
            next_work(left, &Coverage::new(), &lanes, terms(256 << 10, None))
        };
        // 150 ms left, of which 100 ms would go by.
        assert_eq!(of(150_000, 1e6), None);
        assert!(of(500_000, 1e6).is_some());
        // Slow as it may be, nobody asks for less than so much.
        assert_eq!(of(2 * LEAST, 1e3), None);
    }

    proptest! {
        #[test]
        fn work_never_overlaps_what_is_there_or_under_way(
            size in 1u64..500, have in prop::collection::vec((0u64..500, 1u64..60), 0..6),
            under_way in prop::collection::vec((0u64..500, 1u64..60, prop::option::of(0.0..500.0)), 0..6),
            smallest in 1u64..40,
        ) {
            let coverage: Coverage = have.iter().filter_map(|(at, len)| ByteRange::new(*at, (at + len).min(size))).collect();
            let mut claimed = coverage.clone();
            let mut lanes = Vec::new();
            for (at, len, rate) in under_way {
                if let Some(part) = ByteRange::new(at, (at + len).min(size)) && claimed.gaps_within(part).eq([part]) {
                    claimed.insert(part);
                    lanes.push(Lane { rate, ..lane(part.start(), part.end()) });
                }
            }
            match next_work(size, &coverage, &lanes, terms(smallest, None)) {
                Some(Work::Gap(gap)) => prop_assert!(claimed.gaps_within(gap).eq([gap])),
                Some(Work::Steal { from, range }) => {
                    prop_assert!(claimed.is_whole(size));
                    prop_assert!(range.start() > lanes[from].at && range.end() == lanes[from].end);
                    prop_assert!(range.len() >= smallest);
                    let halves = lanes.iter().all(|lane| lane.rate.is_none_or(|rate| rate == 0.0));
                    prop_assert!(!halves || range.start() >= lanes[from].at + smallest);
                }
                None => prop_assert!(claimed.is_whole(size)),
            }
        }
    }
}
