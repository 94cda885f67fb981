//! How many connections one download uses: one more step as long as the last one made it faster.

use std::time::{Duration, Instant};

/// Least time between two steps, so that a rate can be measured.
const STEP: Duration = Duration::from_millis(120);
/// A step is worth it if it brings at least this share of what the new connections would bring at the old ones' rate.
const WORTH: f64 = 0.25;
/// After a step that brought nothing, the next one is tried only after this long.
const REST: Duration = Duration::from_secs(15);
/// No step is taken for a rest of the file that is over sooner than this.
const TOO_LATE: Duration = Duration::from_millis(400);

/// Grows the number of connections from one by doubling, up to a cap.
#[derive(Clone, Debug)]
pub struct Ramp {
    target: u32,
    before: Option<(u32, f64)>,
    since: Instant,
    bytes_then: u64,
    rests_until: Option<Instant>,
}

impl Ramp {
    /// Starts with one connection, or with `fixed` where the user named a number.
    pub fn new(now: Instant, fixed: Option<u32>) -> Self {
        Self { target: fixed.unwrap_or(1).max(1), before: None, since: now, bytes_then: 0, rests_until: None }
    }

    /// How many connections to have now.
    pub fn target(&self) -> u32 {
        self.target
    }

    /// Takes a look: `bytes` received so far in all, `active` connections that deliver, `left` bytes still to come, at most
    /// `cap` connections, and the time to the first byte of a new one. Call it a few times a second.
    pub fn observe(
        &mut self,
        now: Instant,
        bytes: u64,
        active: u32,
        left: u64,
        cap: u32,
        first_byte: Duration,
    ) {
        let elapsed = now.saturating_duration_since(self.since);
        if elapsed < STEP.max(first_byte * 2) || active < self.target.min(cap) {
            return;
        }
        let rate = float(bytes.saturating_sub(self.bytes_then)) / elapsed.as_secs_f64();
        self.since = now;
        self.bytes_then = bytes;
        if self.rests_until.is_some_and(|until| now < until) {
            return;
        }
        self.rests_until = None;
        if let Some((count, old)) = self.before.take() {
            let added = f64::from(self.target - count.min(self.target));
            let hoped = old / f64::from(count.max(1)) * added;
            if rate < old + hoped * WORTH {
                self.rests_until = Some(now + REST);
                return;
            }
        }
        let over_soon = float(left) < rate * TOO_LATE.max(first_byte * 3).as_secs_f64();
        if self.target < cap && !over_soon && rate > 0.0 {
            self.before = Some((self.target, rate));
            self.target = self.target.saturating_mul(2).min(cap);
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 52 bits")]
fn float(bytes: u64) -> f64 {
    bytes as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a download in virtual time; `rate(n)` is what n connections get together, in bytes per second.
    fn settles_at(cap: u32, left: u64, rate: impl Fn(u32) -> u64) -> u32 {
        let start = Instant::now();
        let mut ramp = Ramp::new(start, None);
        let (mut bytes, mut now) = (0, start);
        for _ in 0..100 {
            now += Duration::from_millis(50);
            bytes += rate(ramp.target()) / 20;
            ramp.observe(
                now,
                bytes,
                ramp.target(),
                left.saturating_sub(bytes),
                cap,
                Duration::from_millis(5),
            );
        }
        ramp.target()
    }

    #[test]
    fn grows_where_each_connection_is_limited_and_stays_where_the_line_is() {
        assert_eq!(settles_at(16, 1 << 34, |n| u64::from(n) * 5_000_000), 16);
        assert_eq!(settles_at(8, 1 << 34, |n| u64::from(n) * 5_000_000), 8);
        assert_eq!(settles_at(16, 1 << 34, |_| 5_000_000), 2);
        assert_eq!(settles_at(16, 1 << 34, |n| u64::from(n.min(4)) * 5_000_000), 8);
    }

    #[test]
    fn a_file_that_is_nearly_here_gets_no_new_connection() {
        assert_eq!(settles_at(16, 1_000_000, |n| u64::from(n) * 5_000_000), 1);
    }

    #[test]
    fn a_number_that_was_asked_for_stands_from_the_start() {
        assert_eq!(Ramp::new(Instant::now(), Some(6)).target(), 6);
    }
}
