//! Behind queues for each flow: how they are known, and how a rival whom no queue shows is told from a line that became slower.
//!
//! There each flow has its part of the line and a queue of its own, whoever else is there. What two flows of ours get together is
//! more than what one gets where somebody else has a flow, too (of the line two thirds and a half), and the same where nobody has.

use std::time::{Duration, Instant};

use super::{HOLD, LONGEST, Line, Path, Phase, Rival, Several, TICKS, seconds};

/// The window is no larger than this times what fills a known line with the queue that is aimed at, and this at most, in seconds: what
/// keeps queues short drops from 5 ms on (RFC 8289).
const WIDEST: f64 = 1.02;
const STANDS: f64 = 0.004;
/// Who has less than this of it, and no queue, loses on the way: then the window is as large as it likes for so long.
const LOST: f64 = 0.97;
const LOOSE: Duration = Duration::from_secs(10);
/// What one connection gets of what several got, from which on the line is ours: beside one rival it is three quarters, beside more less.
const ALL_OF_IT: f64 = 0.88;
/// How old a round trip may be that is held against a probe's, and how many looks make sure.
const AT_A_PROBE: Duration = Duration::from_millis(50);
const SURE: i8 = 4;
/// How much longer than our own way a probe's may be, in seconds.
const MORE_THAN_OURS: f64 = 0.001;
/// Behind queues for each flow, who has less than this of the line may be beside somebody, however many connections: of 13 flows one is
/// the rival's.
const LESS_THAN_ALL: f64 = 0.93;
/// How long each is looked at, and what several connections may take to be there.
const COMPARED: Duration = Duration::from_millis(150);
const GATHERED: Duration = Duration::from_millis(1200);
/// How long a sender may take to use its window, as far as its queue shows that it doesn't, in seconds.
const GROWN: Duration = Duration::from_secs(1);
/// What waits now and then in a queue that is kept short, in seconds.
const NOW_AND_THEN: f64 = 0.002;
/// Where nothing waited when it was compared, it is not compared again for so long.
const UNTIL_COMPARED_AGAIN: Duration = Duration::from_secs(5);
/// Behind queues for each flow a visit compares where the hold before it was that long.
pub(super) const WORTH_COMPARING: Duration = Duration::from_secs(8);
/// From this part of the line on our other ways have changed what a comparison would tell.
const SIBLINGS: f64 = 0.1;
/// The queue that makes sure that a flow's part of the line is used, in seconds.
pub(super) const BUSY: f64 = 0.010;

impl Path {
    /// A queue that the probe doesn't see is ours alone: the line keeps one for each flow. One look may be a chance.
    pub(super) fn compare_with_probe(&mut self, now: Instant, probe: f64) {
        if self.jitter.is_there() {
            // Two ways of looking that each see something else by chance.
            (self.is_per_flow, self.alone_in_queue) = (false, 0);
            return;
        }
        // By then a way that jitters is known as one.
        let Some(base) = self.probe_base.get().filter(|_| self.jitter.is_judged()) else { return };
        // The first probe may have met a queue of ours.
        let base = base.min(self.base_or_guess() + MORE_THAN_OURS);
        let own = self.rtts.lowest(now, AT_A_PROBE).map_or(0.0, |rtt| rtt - self.base_or_guess());
        let theirs = probe - base;
        // What is smoothed over four readings a second shows queues that are gone.
        let is_fresh = !matches!(self.phase, Phase::Yield { .. } | Phase::Drain { .. });
        if is_fresh && own > 0.002 && theirs < 0.3 * own {
            self.alone_in_queue += 1;
        } else if theirs > 0.002 && theirs > 0.6 * own {
            self.alone_in_queue -= if theirs > 0.005 { 2 } else { 1 };
        }
        self.alone_in_queue = self.alone_in_queue.clamp(-SURE, SURE);
        self.is_per_flow =
            if self.is_per_flow { self.alone_in_queue > 0 } else { self.alone_in_queue >= SURE - 1 };
    }

    /// Keeps the window to what fills a known line. Where that drops early, senders go by what it drops instead of by a window that is too
    /// large, and no queue would show who comes.
    pub(super) fn keep_within(&mut self, now: Instant, share: f64) {
        let second = Duration::from_secs(1);
        let is_less = self.arrivals.rate(second).is_some_and(|rate| rate < LOST * share);
        if is_less && !self.is_per_flow && self.waits(now, second) < NOW_AND_THEN {
            // What is lost on the way leaves room that only a larger window uses.
            self.loose_until = Some(now + LOOSE);
        }
        if self.loose_until.is_none_or(|until| now >= until) {
            let enough = WIDEST * share * (self.base_or_guess() + self.target(now).min(STANDS));
            self.window = self.window.min(enough.max(0.9 * self.window));
        }
    }

    /// Begins to compare what several connections get with what one gets.
    pub(super) fn compare(&mut self, now: Instant, line: &Line) {
        self.reached = self.total(now, line);
        self.jitter.drop_try();
        // Who has just come has taken more, or less, than is theirs.
        self.phase = Phase::Compare { several: None, since: now, until: now + GATHERED };
    }

    /// Goes on with it, once a round trip.
    pub(super) fn compared(
        &mut self,
        now: Instant,
        line: &mut Line,
        several: Option<Several>,
        since: Instant,
        until: Instant,
    ) {
        let span = seconds(5.0 * self.rtt(now)).max(COMPARED);
        if self.connections < 2.0 {
            // Those that were closed while we stepped aside come again, where there were any.
            self.phase = Phase::Compare { several: None, since: now, until };
            if now < until {
                return;
            }
            if self.hold < LONGEST.1 {
                return self.yield_to(now, Rival::Elsewhere, line);
            }
            // Of one connection nobody can tell. Who stayed for so long gets their part of the line, and a slower one is not left
            // unused for ever.
            line.slowed_to(1.05 * self.rate(now));
            return self.cruise(now);
        }
        // What was on its way before says nothing.
        if now.saturating_duration_since(since) < span + seconds(3.0 * self.rtt(now)) {
            return;
        }
        let rate = self.arrivals.rate(span).unwrap_or(0.0);
        let Some(several) = several else {
            let waits = self.waits(now, span);
            if waits < NOW_AND_THEN {
                // Nothing waits anywhere: it is the server that sends no more.
                self.compared_at = Some(now);
                return self.cruise(now);
            }
            let siblings = self.siblings(line, span);
            self.phase = Phase::Compare { several: Some(Several { rate, siblings }), since: now, until };
            return;
        };
        // Until a sender has grown to what it may have, it has less.
        let newest = seconds(3.0 * self.rtt(now)).max(2 * TICKS);
        let rate = self.arrivals.rate(newest).unwrap_or(0.0);
        let moved = (self.siblings(line, newest) - several.siblings).abs();
        if line.capacity().is_some_and(|capacity| moved > SIBLINGS * capacity) {
            // What another way of ours let go of, or took, was not the line's.
            self.compared_at = Some(now);
            return self.cruise(now);
        }
        if rate < ALL_OF_IT * several.rate {
            if self.waits(now, newest) >= NOW_AND_THEN {
                return self.yield_to(now, Rival::Elsewhere, line);
            }
            // A sender that doesn't fill its part has not had all that it could have.
            if now.saturating_duration_since(since) >= GROWN {
                self.compared_at = Some(now);
                self.cruise(now);
            }
            return;
        }
        line.slowed_to(1.05 * several.rate.max(rate));
        self.hold = HOLD.1;
        self.cruise(now);
    }

    /// Whether it is one of a line for each flow, and a comparison would tell something: beside others who are seen it would not, and
    /// not so soon after one that told nothing.
    pub(super) fn may_compare(&self, now: Instant, line: &Line) -> bool {
        let was_compared =
            self.compared_at.is_some_and(|at| now.saturating_duration_since(at) < UNTIL_COMPARED_AGAIN);
        self.is_per_flow && !line.is_shared() && !was_compared
    }

    /// What we have of the line where somebody is there: less than this.
    pub(super) fn part_beside_one(&self) -> f64 {
        LESS_THAN_ALL.min((self.connections + 0.5) / (self.connections + 1.0))
    }

    /// Whether one of our queues holds something now and then: what keeps queues short empties them by what it drops.
    pub(super) fn has_one_at_times(&self, now: Instant, span: Duration) -> bool {
        self.waits(now, span) > NOW_AND_THEN
    }

    /// What our other ways over the line have.
    fn siblings(&self, line: &Line, span: Duration) -> f64 {
        (line.own(span) - self.arrivals.rate(span).unwrap_or(0.0)).max(0.0)
    }

    /// The longest wait in one of our queues over a span, in seconds.
    fn waits(&self, now: Instant, span: Duration) -> f64 {
        self.longest.highest(now, span).map_or(0.0, |rtt| rtt - self.base_or_guess())
    }
}
