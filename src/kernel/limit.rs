//! Speed limits: debt token buckets that many transfer threads share without a lock.
//!
//! A bucket is one number: the moment until which what was taken is paid for (the generic cell rate algorithm, as in ATM's
//! I.371). Taking moves it on by what the bytes cost; whoever finds it in the future waits until then before the bytes count as
//! taken. So in any span of time no more is taken than the rate gives in it, what was saved up, and one piece.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How much unused time may be saved up, so that a reader that came late catches up but never bursts.
const SAVED_NS: u64 = 50_000_000;

/// A limit in bytes per second, which may change at any time.
#[derive(Debug)]
pub struct Bucket {
    epoch: Instant,
    rate: AtomicU64,
    paid_until_ns: AtomicU64,
}

impl Bucket {
    /// Returns a bucket; a rate of 0 is no limit.
    pub fn new(epoch: Instant, rate: u64) -> Self {
        Self { epoch, rate: AtomicU64::new(rate), paid_until_ns: AtomicU64::new(0) }
    }

    /// Changes the rate; 0 takes the limit away. What was taken under another rate is paid for.
    pub fn set_rate(&self, rate: u64) {
        if self.rate.swap(rate, Ordering::Relaxed) != rate {
            self.paid_until_ns.store(0, Ordering::Relaxed);
        }
    }

    /// The rate in bytes per second; 0 is no limit.
    pub fn rate(&self) -> u64 {
        self.rate.load(Ordering::Relaxed)
    }

    /// Takes `bytes`, and returns how long to wait before they may be used.
    pub fn take(&self, now: Instant, bytes: u64) -> Duration {
        let rate = self.rate();
        if rate == 0 {
            return Duration::ZERO;
        }
        let now_ns = u64::try_from(now.saturating_duration_since(self.epoch).as_nanos()).unwrap_or(u64::MAX);
        let cost = u64::try_from(u128::from(bytes) * 1_000_000_000 / u128::from(rate)).unwrap_or(u64::MAX);
        let turn = |until: u64| until.max(now_ns.saturating_sub(SAVED_NS));
        let pay = |until: u64| Some(turn(until).saturating_add(cost));
        let before = self.paid_until_ns.fetch_update(Ordering::Relaxed, Ordering::Relaxed, pay);
        Duration::from_nanos(turn(before.unwrap_or(0)).saturating_sub(now_ns))
    }
}

/// The shortest time that a piece is worth: what comes at once is taken in such pieces, so that a limit is smooth.
const PIECES_A_SECOND: u64 = 100;
/// How many times the part of what steps aside is that of what doesn't, where one limit holds both.
pub const FULL: usize = 16;
/// The smallest part of a piece, in bytes.
const LEAST_PART: usize = 64;
/// The smallest piece, in bytes.
const SMALLEST_PIECE: u64 = 512;

/// The lowest of these limits, in bytes a second; nothing where none holds.
pub fn least(buckets: &[Arc<Bucket>]) -> Option<u64> {
    buckets.iter().map(|bucket| bucket.rate()).filter(|rate| *rate > 0).min()
}

/// How much to take at once under these limits; as it comes where none holds.
pub fn piece(buckets: &[Arc<Bucket>]) -> Option<usize> {
    piece_of(least(buckets)?)
}

/// How much one of a download's connections takes at once of such a piece. Whoever waits for a bucket is served in turn, so each gets
/// of the rate what it takes at once: a download with many connections no more than one with a single one, and what has its full share
/// [`FULL`] times what steps aside.
pub fn part_of(piece: usize, has_full_share: bool, connections: u32) -> usize {
    let connections = usize::try_from(connections.max(1)).unwrap_or(1);
    let whole = if has_full_share { piece.saturating_mul(2) } else { piece.saturating_mul(2) / FULL };
    (whole / connections).max(LEAST_PART)
}

/// How much to take at once at a rate, in bytes per second.
pub fn piece_of(rate: u64) -> Option<usize> {
    (rate > 0).then(|| usize::try_from((rate / PIECES_A_SECOND).max(SMALLEST_PIECE)).unwrap_or(usize::MAX))
}

/// Takes bytes from every bucket, and returns the longest wait before they may be used; nothing where no limit holds them back.
pub fn wait(buckets: &[Arc<Bucket>], now: Instant, bytes: u64) -> Option<Duration> {
    let longest = buckets.iter().map(|bucket| bucket.take(now, bytes)).max()?;
    (longest > Duration::ZERO).then_some(longest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Connections of several downloads that share a bucket for a while, one of them at full share: what each download gets.
    #[test]
    fn a_shared_limit_is_shared_by_download_and_by_way() {
        let begin = Instant::now();
        let bucket = Bucket::new(begin, 1_000_000);
        let downloads = [(false, 8), (false, 1), (true, 1)];
        let piece = piece_of(1_000_000).unwrap();
        let mut got = [0_u64; 3];
        // When each connection asks next, and of which download it is.
        let mut turns: Vec<(Instant, usize)> = downloads
            .iter()
            .enumerate()
            .flat_map(|(number, (_, connections))| (0..*connections).map(move |_| (begin, number)))
            .collect();
        while let Some(next) = turns.iter_mut().min_by_key(|(at, _)| *at) {
            let (at, number) = *next;
            if at.saturating_duration_since(begin) > Duration::from_secs(5) {
                break;
            }
            let (full, connections) = downloads[number];
            let part = part_of(piece, full, connections) as u64;
            next.0 = at + bucket.take(at, part).max(Duration::from_nanos(1));
            got[number] += part;
        }
        let [many, one, now] = got;
        assert!((4_900_000..5_300_000).contains(&got.iter().sum::<u64>()), "{got:?}");
        assert!(many.abs_diff(one) < one / 5, "{got:?}");
        assert!(now > 10 * one, "{got:?}");
    }

    #[test]
    fn no_limit_never_waits() {
        let now = Instant::now();
        assert_eq!(Bucket::new(now, 0).take(now, u64::MAX), Duration::ZERO);
        assert_eq!(wait(&[], now, 1), None);
    }

    proptest! {
        #[test]
        fn two_seconds_are_exact_whatever_the_pieces(
            rate in 10_000u64..2_000_000_000, pieces in prop::collection::vec(1u64..400_000, 4..40), readers in 1usize..5,
        ) {
            // Pieces no larger than 10 ms of the rate: a piece that has come can't be given back.
            let epoch = Instant::now();
            let bucket = Bucket::new(epoch, rate);
            let mut free_at = vec![epoch; readers];
            let mut taken = 0u64;
            let mut turn = 0;
            let end = epoch + Duration::from_secs(4);
            let start_counting = epoch + Duration::from_secs(2);
            loop {
                let reader = (0..readers).min_by_key(|reader| free_at[*reader]).unwrap();
                let now = free_at[reader];
                if now >= end { break }
                let piece = pieces[turn % pieces.len()].min(rate / 100).max(1);
                turn += 1;
                // Using a piece takes no time of its own: the limit alone paces.
                let used = now + bucket.take(now, piece);
                if (start_counting..end).contains(&used) { taken += piece }
                free_at[reader] = used + Duration::from_nanos(1);
            }
            let expected = rate * 2;
            let off = taken.abs_diff(expected);
            prop_assert!(off * 50 <= expected, "{taken} of {expected}");
        }
    }

    /// Readers that get all they want in chunks, as sockets give them, and take each chunk in pieces. Returns what was taken when.
    fn taken(rate: u64, chunk: usize, readers: usize, seconds: u64) -> Vec<(Duration, u64)> {
        let epoch = Instant::now();
        let buckets = [Arc::new(Bucket::new(epoch, 0)), Arc::new(Bucket::new(epoch, rate))];
        let mut free_at = vec![epoch; readers];
        let mut left = vec![0; readers];
        let mut taken = Vec::new();
        loop {
            let reader = (0..readers).min_by_key(|reader| free_at[*reader]).unwrap();
            let now = free_at[reader];
            if now - epoch >= Duration::from_secs(seconds) {
                return taken;
            }
            if left[reader] == 0 {
                left[reader] = chunk;
            }
            let piece = piece(&buckets).unwrap().min(left[reader]);
            left[reader] -= piece;
            let used = now + wait(&buckets, now, piece as u64).unwrap_or_default();
            taken.push((used - epoch, piece as u64));
            free_at[reader] = used + Duration::from_nanos(1);
        }
    }

    #[test]
    fn a_limit_is_exact_over_two_seconds_and_smooth_over_a_tenth_whatever_comes_at_once() {
        for rate in [100_000, 1_000_000, 50_000_000] {
            for (chunk, readers) in [(400_000, 1), (400_000, 4), (1448, 2)] {
                let taken = taken(rate, chunk, readers, 8);
                let within = |from: Duration, length: Duration| -> u64 {
                    taken
                        .iter()
                        .filter(|(at, _)| (from..from + length).contains(at))
                        .map(|(_, bytes)| bytes)
                        .sum()
                };
                let told = format!("{rate} B/s in chunks of {chunk} by {readers}");
                // From the first moment on: never more than the rate gives, and a tenth of a second of it.
                let mut sum = 0;
                let mut in_order = taken.clone();
                in_order.sort_unstable();
                for (at, bytes) in in_order {
                    sum += bytes;
                    let given = u64::try_from(u128::from(rate) * at.as_nanos() / 1_000_000_000).unwrap();
                    assert!(sum <= given + rate / 10, "{sum} after {at:?}: {told}");
                }
                for tenth in 10..60 {
                    let from = Duration::from_millis(tenth * 100);
                    let two = within(from, Duration::from_secs(2));
                    assert!(two.abs_diff(2 * rate) * 50 <= 2 * rate, "{two} in two seconds: {told}");
                    let short = within(from, Duration::from_millis(100));
                    assert!(short <= 2 * rate / 10, "{short} in a tenth: {told}");
                }
            }
        }
    }

    #[test]
    fn without_a_limit_all_is_taken_as_it_comes() {
        assert_eq!(piece(&[Arc::new(Bucket::new(Instant::now(), 0))]), None);
        assert_eq!(piece(&[]), None);
    }

    #[test]
    fn a_change_holds_at_once() {
        let epoch = Instant::now();
        let bucket = Bucket::new(epoch, 1000);
        assert_eq!(bucket.take(epoch, 10_000), Duration::ZERO);
        assert!(bucket.take(epoch, 10_000) >= Duration::from_secs(9));
        // The same rate once more is no change.
        bucket.set_rate(1000);
        assert!(bucket.take(epoch, 1) >= Duration::from_secs(19));
        bucket.set_rate(0);
        assert_eq!(bucket.take(epoch, 10_000), Duration::ZERO);
    }
}
