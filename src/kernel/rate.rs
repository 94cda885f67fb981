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

/// How far back the pace of everything together looks, for the most part: files come and go in it, and are of many sizes.
const LONG_SPAN: Duration = Duration::from_secs(20);
/// After so long without a sample it begins anew.
const FORGOTTEN: Duration = Duration::from_secs(10);

/// How fast everything is together, smoothed, from samples of a speed: what says when all of it will be done.
#[derive(Clone, Debug, Default)]
pub struct Pace {
    /// Since when, as of when, and how fast.
    known: Option<(Instant, Instant, u64)>,
}

impl Pace {
    /// Takes a sample: so many bytes per second at `now`.
    pub fn sample(&mut self, now: Instant, speed: u64) {
        let known =
            self.known.filter(|(_, last, _)| speed > 0 && now.saturating_duration_since(*last) < FORGOTTEN);
        self.known = Some(match known {
            None => (now, now, speed),
            Some((since, last, pace)) => {
                let step = now.saturating_duration_since(last).as_millis();
                let span = now.saturating_duration_since(since).min(LONG_SPAN).as_millis().max(step).max(1);
                let both = u128::from(pace) * (span - step) + u128::from(speed) * step;
                (since, now, u64::try_from(both / span).unwrap_or(u64::MAX))
            }
        });
    }

    /// Time left for so many bytes, where the pace is known for long enough, and what comes now is not far from it.
    pub fn time_left(&self, bytes: u64, speed: u64) -> Option<Duration> {
        let (since, last, pace) = self.known?;
        let is_settled = last.saturating_duration_since(since) >= SETTLE;
        let is_steady = speed.max(pace) <= speed.min(pace).saturating_mul(STEADY);
        (is_settled && is_steady && pace > 0).then(|| Duration::from_secs(bytes.div_ceil(pace)))
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
    fn the_pace_of_everything_is_told_when_it_is_known_and_doesn_t_jump() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut pace = Pace::default();
        pace.sample(at(0), 1_000_000);
        assert_eq!(pace.time_left(10_000_000, 1_000_000), None);
        (1..=300).for_each(|tenths| pace.sample(at(tenths * 100), 1_000_000));
        assert_eq!(pace.time_left(10_000_000, 1_000_000), Some(Duration::from_secs(10)));
        // A second at half the speed moves it by less than a twentieth.
        (301..=310).for_each(|tenths| pace.sample(at(tenths * 100), 500_000));
        assert_eq!(pace.time_left(100_000_000, 500_000).unwrap().as_secs(), 103);
        // What stands still, or is nothing like before, says nothing.
        assert_eq!(pace.time_left(10_000_000, 100_000), None);
        pace.sample(at(31_100), 0);
        assert_eq!(pace.time_left(10_000_000, 0), None);
        pace.sample(at(60_000), 1_000_000);
        assert_eq!(pace.time_left(10_000_000, 1_000_000), None);
    }

    #[test]
    fn no_time_left_is_shown_early_or_while_it_jumps() {
        assert_eq!(fed(&[(1_000_000, 10)]).0.time_left(1), None);
        assert_eq!(fed(&[(1_000_000, 15), (50_000, 15)]).0.time_left(1), None);
        assert_eq!(fed(&[(1_000_000, 50), (0, 40)]).0.time_left(1), None);
    }
}
