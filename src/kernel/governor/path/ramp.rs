//! The ramp: finding out what a line carries, and on one that is known whether somebody is there, before all of it is used.

use std::time::{Duration, Instant};

use super::compare::WORTH_COMPARING;
use super::{AGAIN, Line, Path, Phase, Rival, TICKS, USED, jitter, seconds};

/// Before it uses all of a line that is known, it uses this part of it for so many round trips, and behind queues for each flow, where one
/// of ours has to grow to its part first; and what of it is too little then, where there is a queue.
const PAUSE: ((f64, f64), (f64, f64)) = ((0.75, 3.0), (0.93, 7.0));
const LITTLE: (f64, f64) = (0.7, 0.85);

impl Path {
    /// Once a round trip.
    pub(super) fn ramp(
        &mut self,
        now: Instant,
        line: &mut Line,
        share: Option<f64>,
        waits_until: Option<Instant>,
    ) {
        let (base, rtt, target) = (self.base_or_guess(), self.rtt(now), self.target(now));
        let rate = self.rate(now);
        // What comes doubles each round trip: only the last one counts. It comes in bursts, and a burst is no queue
        // that stands; where the line is known, there is time to tell the two apart.
        let newest = self.arrivals.rate(seconds(rtt.max(0.02))).unwrap_or(rate).max(rate);
        let little = if self.is_per_flow { LITTLE.1 } else { LITTLE.0 };
        // What our other ways over the line have of it is no rival's.
        let is_used = line.capacity().is_some_and(|c| self.total(now, line).max(newest) >= LITTLE.1 * c);
        let too_little = share.is_some_and(|share| newest < little * share) && !is_used;
        let span = seconds(2.0 * base).max(Duration::from_millis(if share.is_some() { 60 } else { 25 }));
        let standing = self.rtts.lowest(now, span.max(self.moment())).map_or(0.0, |rtt| rtt - base);
        if standing > self.suspicious(0.6) * target {
            let is_theirs = !self.jitter.is_there() || standing > jitter::MOST;
            if too_little && is_theirs && line.others() < 0.02 * line.reached() {
                if self.is_per_flow && (self.connections >= 2.0 || self.hold >= WORTH_COMPARING) {
                    return self.compare(now, line);
                }
                return self.yield_to(now, Rival::Elsewhere, line);
            }
            line.is_full();
            return self.cruise(now);
        }
        if rate > self.best.0 * 1.05 {
            self.best = (rate, now);
        }
        let patience = seconds(10.0 * rtt).max(Duration::from_millis(300));
        if now.saturating_duration_since(self.best.1) > patience && rate > 0.0 {
            return self.cruise(now);
        }
        self.grow(now, line, share, waits_until);
    }

    fn grow(&mut self, now: Instant, line: &Line, share: Option<f64>, waits_until: Option<Instant>) {
        let (base, target) = (self.base_or_guess(), self.target(now));
        let first = 10.0 * self.segment * self.connections;
        let grown = if self.window < first && self.released_at.is_none() {
            first
        } else if self.is_the_limit(base, USED / 2.0) {
            self.window * 2.0
        } else {
            self.window
        };
        let Some(share) = share else {
            self.window = grown;
            return;
        };
        let (part, trips) = if self.is_per_flow { PAUSE.1 } else { PAUSE.0 };
        let pause = part * share * base;
        match waits_until {
            None if grown >= pause => {
                self.window = pause;
                self.phase = Phase::Ramp { waits_until: Some(now + seconds(trips * base)) };
            }
            Some(until) if now >= until => {
                let again = self.released_at.is_some_and(|at| now.saturating_duration_since(at) < AGAIN);
                let newest = self.arrivals.rate(seconds(2.0 * base).max(TICKS)).unwrap_or(0.0);
                if self.is_per_flow && again && newest < LITTLE.1 * share {
                    return self.compare(now, line);
                }
                self.window = share * (base + target / 2.0);
                self.cruise(now);
            }
            None => self.window = grown,
            Some(_) => {}
        }
    }
}
