//! Short memories of what was measured: rates from counters, the lowest of a while, the recent of a moment.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A counter's last readings, from which a rate over any shorter span is taken.
#[derive(Clone, Debug)]
pub(super) struct Readings {
    points: VecDeque<(Instant, f64)>,
    keep: Duration,
}

impl Readings {
    /// Remembers readings for `keep`.
    pub(super) fn new(keep: Duration) -> Self {
        Self { points: VecDeque::new(), keep }
    }

    /// Takes a reading of the counter.
    pub(super) fn push(&mut self, now: Instant, total: f64) {
        self.points.push_back((now, total));
        // One reading older than asked for stays, so that a full span can be looked back.
        while self.points.get(1).is_some_and(|(at, _)| now.saturating_duration_since(*at) >= self.keep) {
            self.points.pop_front();
        }
    }

    /// Forgets all readings: the counter begins anew.
    pub(super) fn clear(&mut self) {
        self.points.clear();
    }

    /// The newest reading.
    pub(super) fn last(&self) -> Option<(Instant, f64)> {
        self.points.back().copied()
    }

    /// The newest reading that is at least `span` old, or the oldest.
    fn before(&self, span: Duration) -> Option<(Instant, f64)> {
        let (now, _) = self.last()?;
        let old = |(at, _): &&(Instant, f64)| now.saturating_duration_since(*at) >= span;
        self.points.iter().rev().find(old).or(self.points.front()).copied()
    }

    /// What was counted in the last `span`.
    pub(super) fn grown(&self, span: Duration) -> f64 {
        match (self.before(span), self.last()) {
            (Some((_, then)), Some((_, now))) => now - then,
            _ => 0.0,
        }
    }

    /// Units per second over the last `span`, once at least half of it has been seen.
    pub(super) fn rate(&self, span: Duration) -> Option<f64> {
        let ((then_at, then), (now_at, now)) = (self.before(span)?, self.last()?);
        let seen = now_at.saturating_duration_since(then_at);
        (seen * 2 >= span).then(|| (now - then) / seen.as_secs_f64().max(1e-6))
    }
}

/// Six buckets make a minute: a minimum leaves with its bucket.
const BUCKETS: usize = 6;

/// The lowest value of the last six buckets of time.
#[derive(Clone, Debug)]
pub(super) struct Lowest {
    width: Duration,
    buckets: VecDeque<(Instant, f64)>,
}

impl Lowest {
    /// Remembers for six times `width`.
    pub(super) fn new(width: Duration) -> Self {
        Self { width, buckets: VecDeque::new() }
    }

    /// Takes a value.
    pub(super) fn push(&mut self, now: Instant, value: f64) {
        match self.buckets.back_mut() {
            Some((since, lowest)) if now.saturating_duration_since(*since) < self.width => {
                *lowest = lowest.min(value);
            }
            _ => self.buckets.push_back((now, value)),
        }
        if self.buckets.len() > BUCKETS {
            self.buckets.pop_front();
        }
    }

    /// The lowest value that is remembered.
    pub(super) fn get(&self) -> Option<f64> {
        self.buckets.iter().map(|(_, value)| *value).reduce(f64::min)
    }

    /// Forgets all but what comes from now on.
    pub(super) fn clear(&mut self) {
        self.buckets.clear();
    }
}

/// The values of the last moments.
#[derive(Clone, Debug)]
pub(super) struct Recent {
    values: VecDeque<(Instant, f64)>,
    keep: Duration,
}

impl Recent {
    /// Remembers values for `keep`.
    pub(super) fn new(keep: Duration) -> Self {
        Self { values: VecDeque::new(), keep }
    }

    /// Takes a value.
    pub(super) fn push(&mut self, now: Instant, value: f64) {
        self.values.push_back((now, value));
        while self.values.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) > self.keep) {
            self.values.pop_front();
        }
    }

    /// The lowest of the last `span`; the newest where none is that young.
    pub(super) fn lowest(&self, now: Instant, span: Duration) -> Option<f64> {
        let young = |(at, _): &&(Instant, f64)| now.saturating_duration_since(*at) <= span;
        let lowest = self.values.iter().rev().take_while(young).map(|(_, value)| *value).reduce(f64::min);
        lowest.or(self.values.back().map(|(_, value)| *value))
    }

    /// The highest of the last `span`; the newest where none is that young.
    pub(super) fn highest(&self, now: Instant, span: Duration) -> Option<f64> {
        let young = |(at, _): &&(Instant, f64)| now.saturating_duration_since(*at) <= span;
        let highest = self.values.iter().rev().take_while(young).map(|(_, value)| *value).reduce(f64::max);
        highest.or(self.values.back().map(|(_, value)| *value))
    }

    /// How far the mean lies over the lowest.
    pub(super) fn spread(&self) -> f64 {
        let Some(lowest) = self.values.iter().map(|(_, value)| *value).reduce(f64::min) else { return 0.0 };
        let sum: f64 = self.values.iter().map(|(_, value)| value - lowest).sum();
        sum / count(self.values.len())
    }
}

#[expect(clippy::cast_precision_loss, reason = "a few hundred values at most")]
fn count(values: usize) -> f64 {
    values.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_rate_is_what_grew_over_the_span_that_was_seen() {
        let start = Instant::now();
        let mut readings = Readings::new(ms(1000));
        assert_eq!(readings.rate(ms(100)), None);
        for tick in 0..=50_u32 {
            readings.push(start + ms(10) * tick, f64::from(tick) * 1000.0);
        }
        assert!((readings.rate(ms(100)).unwrap() - 100_000.0).abs() < 1.0);
        assert!((readings.grown(ms(200)) - 20_000.0).abs() < 1.0);
        assert_eq!(readings.rate(ms(2000)), None, "only half a second was seen");
    }

    #[test]
    fn the_lowest_leaves_with_its_bucket() {
        let start = Instant::now();
        let mut lowest = Lowest::new(ms(10_000));
        lowest.push(start, 20.0);
        lowest.push(start + ms(1), 30.0);
        assert_eq!(lowest.get(), Some(20.0));
        for bucket in 1..=6_u32 {
            lowest.push(start + ms(10_000) * bucket, 30.0);
        }
        assert_eq!(lowest.get(), Some(30.0));
    }

    #[test]
    fn recent_values_give_their_lowest_and_their_spread() {
        let start = Instant::now();
        let mut recent = Recent::new(ms(1000));
        for (at, value) in [(0, 20.0), (10, 26.0), (20, 23.0)] {
            recent.push(start + ms(at), value);
        }
        assert_eq!(recent.lowest(start + ms(20), ms(15)), Some(23.0));
        assert_eq!(recent.lowest(start + ms(500), ms(15)), Some(23.0), "nothing is younger than the newest");
        assert_eq!(recent.highest(start + ms(20), ms(15)), Some(26.0));
        assert_eq!(recent.highest(start + ms(500), ms(15)), Some(23.0));
        assert!((recent.spread() - 3.0).abs() < 1e-9);
    }
}
