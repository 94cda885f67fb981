//! Without sight of the sockets: a pace for reading. It leaves room for others on this machine where the interface counts, and
//! takes two fifths of what the line has shown where nothing does: reads that are paced come in bursts, and with these that costs
//! others as much as a plain limit at half of the line.

use std::time::{Duration, Instant};

use super::history::{Lowest, Readings};
use super::line::Line;

/// How long it goes unpaced to see what the line carries, and how often.
const LOOK: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_mins(1);
/// What comes through a proxy here is read in bursts: others are told from it over no less than this.
const SPAN: Duration = Duration::from_millis(500);
/// The share of the line from which on others are somebody: headers are known to half of it.
const NOTICED: f64 = 0.08;
/// What is left of a line beside others.
const HEADROOM: f64 = 0.08;
/// The share of what the line has shown that is taken where nothing tells of others.
const UNSEEN: f64 = 0.4;
/// The slowest pace, in bytes a second.
const TRICKLE: f64 = 16_384.0;

/// The pace of one path.
#[derive(Clone, Debug)]
pub struct Blind {
    received: Readings,
    /// The lowest of the negative: what was reached in the last minutes.
    best: Lowest,
    looks_until: Instant,
    next_look: Instant,
}

impl Blind {
    /// Returns the pace of a path that knows nothing yet.
    pub fn new(now: Instant) -> Self {
        Self {
            received: Readings::new(Duration::from_secs(1)),
            best: Lowest::new(LOOK_EVERY / 2),
            looks_until: now + LOOK,
            next_look: now + LOOK_EVERY,
        }
    }

    /// Takes what has been received in all, and returns the pace in bytes a second; none where it is free. Call it every tick.
    /// `late` where a proxy on this machine has buffered what is read.
    pub fn tick(&mut self, now: Instant, received: u64, line: &mut Line, late: bool) -> Option<u64> {
        self.received.push(now, float(received));
        let own = self.received.rate(SPAN);
        // What a proxy had buffered is read at once, long after it came: what came is the interface's to tell.
        let all = line.received(SPAN).filter(|_| late);
        if let Some(rate) = all.or(own) {
            self.best.push(now, -rate);
        }
        let best = -self.best.get().unwrap_or(0.0);
        let pace = if line.is_counted() {
            let (others, reached, noticed) = match all {
                Some(all) => ((all - line.own(SPAN)).max(0.0), best, NOTICED),
                // What is read so far behind its arrival shows others only where they are many.
                None => (line.others(), line.reached().max(best), 0.1),
            };
            if others <= noticed * reached {
                return None;
            }
            reached * (1.0 - HEADROOM) - 1.25 * others
        } else {
            if now >= self.next_look {
                (self.looks_until, self.next_look) = (now + LOOK, now + LOOK_EVERY);
            }
            if now < self.looks_until {
                return None;
            }
            best * UNSEEN
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at least the trickle")]
        let pace = pace.max(TRICKLE) as u64;
        Some(pace)
    }
}

#[expect(clippy::cast_precision_loss, reason = "differences of a few readings need no more than 52 bits")]
fn float(bytes: u64) -> f64 {
    bytes as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(10);

    /// The pace after so many seconds at 6.25 MB/s, beside others that receive `others` from the fourth second on.
    fn pace(seconds: u32, others: Option<f64>, late: bool) -> Option<u64> {
        let start = Instant::now();
        let (mut blind, mut line) = (Blind::new(start), Line::default());
        let mut pace = None;
        let (mut own, mut wire) = (0.0, 0.0);
        for tick in 0..seconds * 100 {
            let now = start + TICK * tick;
            let theirs = others.filter(|_| tick >= 400).unwrap_or(0.0);
            own += (6.25e6 - theirs) / 100.0;
            wire += 62_500.0 * 1.046;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive counters")]
            let (received, counted) = (own as u64, others.map(|_| wire as u64));
            line.observe(now, counted, received);
            line.measure(now, false);
            pace = blind.tick(now, received, &mut line, late);
        }
        pace
    }

    #[test]
    fn without_counters_it_looks_and_then_takes_a_part() {
        assert_eq!(pace(1, None, false), None);
        let paced = pace(5, None, false).unwrap();
        assert!(paced.abs_diff(2_500_000) < 100_000, "{paced}");
    }

    #[test]
    fn with_counters_it_takes_what_is_left() {
        for late in [false, true] {
            assert_eq!(pace(5, Some(0.0), late), None);
            let paced = pace(8, Some(2e6), late).unwrap();
            assert!(paced.abs_diff(3_250_000) < 300_000, "{paced}");
            assert_eq!(pace(8, Some(6.2e6), late), Some(16_384));
        }
    }
}
