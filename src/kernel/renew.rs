//! When an old connection makes way for a new one: on a long line that loses packets, senders that saw some losses are far below
//! what they gave at first, and take many seconds to come back. A new one begins anew at once.
//!
//! It is done only where it can be seen to help: for several connections over a long line, one after another, and no more for a
//! while once it brought nothing, as on a line that others have come to.

use std::time::{Duration, Instant};

/// On shorter ways senders come back by themselves as fast.
const LONG: Duration = Duration::from_millis(40);
/// From so many connections on.
const SEVERAL: usize = 4;
/// It is tried where all together give less than this share of the most that they gave.
const FALLEN: f64 = 0.85;
/// A connection is let alone for so many times the wait for a first byte.
const YOUNG: u32 = 4;
/// Not for a rest that is over sooner than this.
const OVER_SOON: Duration = Duration::from_secs(1);
/// What it must bring to be done again at once.
const WORTH: f64 = 1.1;
/// How long it is not tried after it brought nothing; twice as long each time.
const REST: Duration = Duration::from_secs(20);

/// A connection as it is seen here.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// How long ago its request was made.
    pub age: Duration,
    /// What it gives, in bytes per second.
    pub rate: f64,
}

/// Finds the connection to renew.
#[derive(Clone, Debug, Default)]
pub struct Renewal {
    best: f64,
    last: Option<Instant>,
    /// The rate of all before the first renewal that helped.
    before: Option<f64>,
    /// How many were made since it was last seen whether they help.
    made: usize,
    rests_until: Option<Instant>,
    in_vain: u32,
}

impl Renewal {
    /// Takes a look at all connections and returns which one to renew, by its place. `left` bytes are still to come;
    /// `first_byte` is the wait for a new connection's first byte. Call it a few times a second.
    pub fn observe(&mut self, now: Instant, seen: &[Seen], left: u64, first_byte: Duration) -> Option<usize> {
        let rate: f64 = seen.iter().map(|one| one.rate).sum();
        self.best = self.best.max(rate);
        let since = self.last.map_or(Duration::MAX, |last| now.saturating_duration_since(last));
        if self.made >= seen.len() || self.made > 0 && rate >= self.best * FALLEN {
            if since < first_byte * YOUNG {
                return None;
            }
            self.made = 0;
            if self.before.is_some_and(|before| rate < before * WORTH) {
                self.rests_until = Some(now + REST * 2_u32.saturating_pow(self.in_vain.min(10)));
                self.in_vain += 1;
                // What was once is no measure any more.
                (self.best, self.before) = (rate, None);
            }
        }
        let rests = self.rests_until.is_some_and(|until| now < until);
        let over_soon = float(left) < rate * OVER_SOON.as_secs_f64();
        let is_fallen = rate < self.best * FALLEN;
        if rests
            || over_soon
            || !is_fallen
            || first_byte < LONG
            || seen.len() < SEVERAL
            || since < first_byte / 2
        {
            return None;
        }
        let each = self.best / float(seen.len() as u64);
        let (chosen, _) = seen
            .iter()
            .enumerate()
            .filter(|(_, one)| one.age >= first_byte * YOUNG && one.rate < each * FALLEN)
            .min_by(|(_, one), (_, other)| one.rate.total_cmp(&other.rate))?;
        self.last = Some(now);
        self.made += 1;
        self.before.get_or_insert(rate);
        Some(chosen)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 52 bits")]
fn float(bytes: u64) -> f64 {
    bytes as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST_BYTE: Duration = Duration::from_millis(160);
    const LOOK: Duration = Duration::from_millis(100);

    /// A line in virtual time: `rate(number, age)` is what the connection of that number gives at that age. Returns how many
    /// were renewed in so many seconds.
    fn renewed_in(
        seconds: u32,
        count: usize,
        first_byte: Duration,
        rate: impl Fn(usize, Duration) -> f64,
    ) -> usize {
        let (start, mut renewal, mut renewed) = (Instant::now(), Renewal::default(), 0);
        let mut born = vec![start; count];
        for step in 0..seconds * 10 {
            let now = start + LOOK * step;
            let seen: Vec<_> = born
                .iter()
                .enumerate()
                .map(|(number, born)| {
                    let age = now.saturating_duration_since(*born);
                    Seen { age, rate: rate(number, age) }
                })
                .collect();
            if let Some(slow) = renewal.observe(now, &seen, 1 << 40, first_byte) {
                born[slow] = now;
                renewed += 1;
            }
        }
        renewed
    }

    /// Fast when young, slow after two seconds: what random losses do to a sender.
    fn lossy(_: usize, age: Duration) -> f64 {
        if age < Duration::from_secs(2) { 2e6 } else { 5e5 }
    }

    #[test]
    fn connections_that_losses_made_slow_are_renewed_one_after_another_as_long_as_it_helps() {
        let renewed = renewed_in(20, 16, FIRST_BYTE, lossy);
        assert!((30..=180).contains(&renewed), "{renewed} in 20 s");
    }

    #[test]
    fn on_a_line_that_others_share_it_is_tried_ever_more_seldom() {
        let start = Instant::now();
        let (mut renewal, mut at) = (Renewal::default(), Vec::new());
        for step in 0..3000 {
            let now = start + LOOK * step;
            // Half of the line is gone after five seconds, whatever is done.
            let each = if step < 50 { 1e6 } else { 5e5 };
            let seen = vec![Seen { age: Duration::from_secs(10), rate: each }; 8];
            if renewal.observe(now, &seen, 1 << 40, FIRST_BYTE).is_some() {
                at.push(step);
            }
        }
        assert!(at.len() <= 8, "renewed at {at:?}");
    }

    #[test]
    fn a_steady_line_a_short_one_and_a_few_connections_are_let_alone() {
        // A twentieth up and down.
        let steady = |number: usize, age: Duration| {
            1e6 * if (age.as_millis() / 100) % 2 == number as u128 % 2 { 1.05 } else { 0.95 }
        };
        assert_eq!(renewed_in(60, 16, FIRST_BYTE, steady), 0);
        assert_eq!(renewed_in(20, 16, Duration::from_millis(5), lossy), 0);
        assert_eq!(renewed_in(20, 3, FIRST_BYTE, lossy), 0);
    }

    #[test]
    fn what_is_nearly_here_and_what_is_young_is_let_alone() {
        let start = Instant::now();
        let mut renewal = Renewal::default();
        let seen = |age, rate| vec![Seen { age: Duration::from_secs(age), rate }; 8];
        assert_eq!(renewal.observe(start, &seen(9, 1e6), 1 << 30, FIRST_BYTE), None);
        assert_eq!(renewal.observe(start + LOOK, &seen(9, 1e5), 700_000, FIRST_BYTE), None);
        assert_eq!(renewal.observe(start + LOOK, &seen(0, 1e5), 1 << 30, FIRST_BYTE), None);
        assert!(renewal.observe(start + LOOK, &seen(9, 1e5), 1 << 30, FIRST_BYTE).is_some());
    }
}
