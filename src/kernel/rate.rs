//! How fast it is, and when it will be done: a rate over the last seconds, and a time left that shows only while it is stable.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How far back the rate looks.
const SPAN: Duration = Duration::from_secs(3);
/// A time left shows only after so long.
const SETTLE: Duration = Duration::from_secs(2);
/// A time left hides when the two halves of the span differ by more than this factor.
const STEADY: u64 = 3;

/// A rate estimate from samples of a growing number.
#[derive(Clone, Debug, Default)]
pub struct Rate {
    samples: VecDeque<(Instant, u64)>,
}

impl Rate {
    /// Takes a sample: `bytes` in all at `now`.
    pub fn sample(&mut self, now: Instant, bytes: u64) {
        while let (Some((_, _)), Some((second, _))) = (self.samples.front(), self.samples.get(1)) {
            if now.saturating_duration_since(*second) < SPAN {
                break;
            }
            self.samples.pop_front();
        }
        self.samples.push_back((now, bytes));
    }

    /// Bytes per second over the last seconds; 0 before there are two samples.
    pub fn speed(&self) -> u64 {
        match (self.samples.front(), self.samples.back()) {
            (Some(first), Some(last)) => between(*first, *last),
            _ => 0,
        }
    }

    /// Time left for so many bytes, where the rate is steady enough to say.
    pub fn time_left(&self, bytes: u64) -> Option<Duration> {
        let (first, last) = (*self.samples.front()?, *self.samples.back()?);
        if last.0.saturating_duration_since(first.0) < SETTLE {
            return None;
        }
        let middle = *self.samples.get(self.samples.len() / 2)?;
        let (early, late) = (between(first, middle), between(middle, last));
        let speed = self.speed();
        if speed == 0 || early.max(late) > early.min(late).saturating_mul(STEADY) {
            return None;
        }
        Some(Duration::from_secs(bytes.div_ceil(speed)))
    }
}

fn between(first: (Instant, u64), last: (Instant, u64)) -> u64 {
    let ms = last.0.saturating_duration_since(first.0).as_millis();
    let bytes = u128::from(last.1.saturating_sub(first.1));
    (bytes * 1000).checked_div(ms).map_or(0, |rate| u64::try_from(rate).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fed(steps: &[(u64, u32)]) -> (Rate, Instant, u64) {
        let (mut rate, mut now, mut bytes) = (Rate::default(), Instant::now(), 0);
        rate.sample(now, bytes);
        for (speed, tenths) in steps {
            for _ in 0..*tenths {
                now += Duration::from_millis(100);
                bytes += speed / 10;
                rate.sample(now, bytes);
            }
        }
        (rate, now, bytes)
    }

    #[test]
    fn a_steady_rate_is_exact_and_says_when_it_ends() {
        let (rate, ..) = fed(&[(1_000_000, 100)]);
        assert_eq!(rate.speed(), 1_000_000);
        assert_eq!(rate.time_left(10_000_000), Some(Duration::from_secs(10)));
    }

    #[test]
    fn a_new_rate_is_followed_within_four_seconds() {
        assert_eq!(fed(&[(1_000_000, 100), (200_000, 40)]).0.speed(), 200_000);
        assert_eq!(fed(&[(1_000_000, 100), (0, 40)]).0.speed(), 0);
    }

    #[test]
    fn no_time_left_is_shown_early_or_while_it_jumps() {
        assert_eq!(fed(&[(1_000_000, 10)]).0.time_left(1), None);
        assert_eq!(fed(&[(1_000_000, 15), (50_000, 15)]).0.time_left(1), None);
        assert_eq!(fed(&[(1_000_000, 50), (0, 40)]).0.time_left(1), None);
    }
}
