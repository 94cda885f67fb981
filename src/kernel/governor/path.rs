//! One path, and the window that all background connections on it share.
//!
//! ```text
//!            q > 0.6 τ, or full            standing queue, under 0.8 C
//!   Ramp ─────────────────────▶ Cruise ─────────────────────▶ Verify ──▶ Yield
//!    ▲                          │    ▲                          │          │
//!    │      10 s without an     ▼    │ base is measured         │          │
//!    │      empty queue        Drain ┘◀─── the queue was ours ──┘          │
//!    └────────── the hold is over and the queue is empty ◀─────────────────┘
//! ```
//!
//! Behind queues for each flow a queue is always our own. There what two connections get is compared with what one gets (Compare):
//! of a line that became slower both get all, beside somebody else one flow gets less than two.
//!
//! Others on this machine are seen directly (see [`Line`]): for them any state goes to Yield at once, or takes what is left.

mod compare;
mod ramp;

use std::time::{Duration, Instant};

use self::compare::{BUSY, WORTH_COMPARING};
use super::history::{Lowest, Readings, Recent};
use super::jitter::{self, Jitter, Try};
use super::line::Line;

/// The smallest window that a connection takes without stalling, in bytes.
pub const FLOOR: u64 = 2304;
/// How strongly the window follows the delay.
const GAIN: f64 = 0.5;
/// The queue that is aimed at, beside what slow rates and jitter add, in seconds.
const TARGET: f64 = 0.003;
/// The most that jitter adds to it, in seconds.
const JITTER: f64 = 0.002;
/// What a way that jitters all the time adds, in seconds: its lowest round trip of a moment is only sometimes as low as it gets.
const JITTERED: f64 = 0.003;
/// From which part of the window on it is what limits the rate.
const USED: f64 = 0.65;
/// How long the queue may not have been seen empty before the base is measured afresh.
const EMPTY: Duration = Duration::from_secs(10);
/// For how long a base of the past stands against a queue that never empties.
const STALE: Duration = Duration::from_mins(5);
/// The first hold before a rival that is inferred, and behind queues for each flow.
const HOLD: (Duration, Duration) = (Duration::from_millis(1250), Duration::from_secs(2));
/// The longest holds.
const LONGEST: (Duration, Duration) = (Duration::from_secs(8), Duration::from_secs(16));
/// The shortest span over which a rate is one.
const TICKS: Duration = Duration::from_millis(40);
/// Who is back within this after a hold was there all the time.
const AGAIN: Duration = Duration::from_secs(5);
/// How long what was on its way when we stepped aside takes to come, at least.
const SETTLED: Duration = Duration::from_millis(300);
/// How often a yield to others on this machine is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// What may be used of the line while somebody begins on it: it may be no more than a few packets.
const AT_A_START: f64 = 0.5;
/// The same where pages are read: it is the next one.
const AT_A_PAGE: f64 = 0.15;
/// What is used of the line between two pages.
const BETWEEN_PAGES: f64 = 0.9;

/// What was seen of a path since the last tick.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    /// The lowest receiver round trip among its connections that received something since.
    pub rtt: Option<Duration>,
    /// The highest one: where each flow has a queue, it may stand in one of them only.
    pub longest: Option<Duration>,
    /// The lowest round trip of their handshakes.
    pub handshake: Option<Duration>,
    /// Payload that has arrived in all, in order or not, in bytes.
    pub arrived: u64,
    /// The largest segment, in bytes.
    pub segment: u32,
    /// Connections.
    pub connections: u32,
    /// A probe's round trip, if one came back since.
    pub probe: Option<Duration>,
}

/// Who is made room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rival {
    /// Another program on this machine, or a download of ours at full share.
    Here,
    /// Somebody else on the line, known by the queue.
    Elsewhere,
}

/// What a path does, for people to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stance {
    /// Finds out what there is to use.
    Ramp,
    /// Uses what is left.
    Cruise,
    /// Makes sure that a queue is its own, or that the line is.
    Verify,
    /// Empties its queue to see how long the way is.
    Drain,
    /// Steps aside; a trickle goes on.
    Yield(Rival),
}

/// What a path may do until the next tick.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grant {
    /// The window of all connections together, in bytes.
    pub window: f64,
    /// Whether only the trickle goes on.
    pub trickle: bool,
    /// Whether one connection has all of the window.
    pub single: bool,
    /// What it does.
    pub stance: Stance,
}

/// What several connections got.
#[derive(Clone, Copy, Debug)]
struct Several {
    rate: f64,
    /// What our other ways over the line had meanwhile.
    siblings: f64,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// Until a known line's three quarters have shown no rival.
    Ramp {
        waits_until: Option<Instant>,
    },
    Cruise {
        suspicions: u8,
        next_check: Instant,
    },
    Verify {
        until: Instant,
    },
    /// What several connections got, once that is known: from then on one has the window.
    Compare {
        several: Option<Several>,
        since: Instant,
        until: Instant,
    },
    Drain {
        until: Instant,
    },
    Yield {
        rival: Rival,
        until: Instant,
        since: Instant,
        met_queue: bool,
        gone: u8,
    },
}

/// One path.
#[derive(Clone, Debug)]
pub struct Path {
    phase: Phase,
    window: f64,
    next_law: Instant,
    began: Instant,
    base: Lowest,
    rtts: Recent,
    longest: Recent,
    arrivals: Readings,
    segment: f64,
    connections: f64,
    emptied_at: Instant,
    best: (f64, Instant),
    hold: Duration,
    released_at: Option<Instant>,
    /// What was reached before the last yield.
    reached: f64,
    probe_base: Lowest,
    /// How many looks more have found our queue to be ours alone than not, as far as they count.
    alone_in_queue: i8,
    is_per_flow: bool,
    /// Until when the window is not kept to what fills the line.
    loose_until: Option<Instant>,
    /// When nothing was found to wait anywhere.
    compared_at: Option<Instant>,
    jitter: Jitter,
}

impl Path {
    /// Returns a path that knows nothing yet.
    pub fn new(now: Instant) -> Self {
        Self {
            phase: Phase::Ramp { waits_until: None },
            window: 0.0,
            next_law: now,
            began: now,
            base: Lowest::new(Duration::from_secs(10)),
            rtts: Recent::new(Duration::from_secs(1)),
            longest: Recent::new(Duration::from_secs(1)),
            arrivals: Readings::new(Duration::from_millis(1100)),
            segment: 1448.0,
            connections: 1.0,
            emptied_at: now,
            best: (0.0, now),
            hold: HOLD.0,
            released_at: None,
            reached: 0.0,
            probe_base: Lowest::new(Duration::from_secs(10)),
            alone_in_queue: 0,
            is_per_flow: false,
            loose_until: None,
            compared_at: None,
            jitter: Jitter::new(now),
        }
    }

    /// Takes the path up again after a while in which it was not used: what is known of its length stays.
    pub fn begin_again(&mut self, now: Instant) {
        self.phase = Phase::Ramp { waits_until: None };
        (self.window, self.next_law, self.began, self.released_at) = (0.0, now, now, None);
        (self.emptied_at, self.best) = (now, (0.0, now));
        self.arrivals.clear();
        self.jitter.drop_try();
    }

    /// Takes what was seen, and decides. `paths` is how many paths over the line are in use. Call it every 10 ms.
    pub fn tick(&mut self, now: Instant, seen: &Seen, line: &mut Line, paths: u32) -> Grant {
        self.take_in(now, seen);
        let rtt = self.rtt(now);
        if now >= self.next_law {
            let is_steady = matches!(self.phase, Phase::Cruise { .. }) && self.jitter.is_there();
            let least = if is_steady { jitter::MOMENT } else { Duration::from_millis(10) };
            self.next_law = now + seconds(rtt).max(least);
            self.law(now, line, paths);
        }
        let cap = self.heed_others(now, line, paths);
        let least = self.segment * 2.0;
        self.window = self.window.max(least);
        let (window, trickle) = match self.phase {
            Phase::Yield { .. } => (float(FLOOR), true),
            _ => (cap.map_or(self.window, |cap| self.window.min(cap)).max(least), false),
        };
        let single = matches!(self.phase, Phase::Compare { several: Some(_), .. });
        Grant { window, trickle, single, stance: self.stance() }
    }

    /// What it does.
    pub fn stance(&self) -> Stance {
        match self.phase {
            Phase::Ramp { .. } => Stance::Ramp,
            Phase::Cruise { .. } => Stance::Cruise,
            Phase::Verify { .. } | Phase::Compare { .. } => Stance::Verify,
            Phase::Drain { .. } => Stance::Drain,
            Phase::Yield { rival, .. } => Stance::Yield(rival),
        }
    }

    /// The way's own round trip, in seconds, as far as it is known.
    pub fn base(&self) -> Option<f64> {
        self.base.get()
    }

    /// How long what is sent now waits in a queue, in seconds.
    pub fn queue(&self, now: Instant) -> f64 {
        (self.rtt(now) - self.base_or_guess()).max(0.0)
    }

    /// Bytes a second.
    pub fn rate(&self, now: Instant) -> f64 {
        self.arrivals.rate(self.rate_span(now)).unwrap_or(0.0).max(0.0)
    }

    /// Whether the line keeps a queue for each flow, as far as the probe can tell.
    pub fn is_per_flow(&self) -> bool {
        self.is_per_flow
    }

    /// Whether its round trips differ all the time, whatever stands in its queue.
    pub fn jitters(&self) -> bool {
        self.jitter.is_there()
    }

    /// Whether there is a queue that matters.
    pub fn has_queue(&self, now: Instant) -> bool {
        self.queue(now) > 0.6 * self.target(now)
    }

    fn take_in(&mut self, now: Instant, seen: &Seen) {
        self.arrivals.push(now, float(seen.arrived));
        if seen.segment > 0 {
            self.segment = f64::from(seen.segment);
        }
        self.connections = f64::from(seen.connections.max(1));
        let young = now.saturating_duration_since(self.began) < Duration::from_secs(1);
        if let Some(handshake) = seen.handshake.filter(|_| young && !self.jitter.is_there()) {
            self.base.push(now, handshake.as_secs_f64());
        }
        if let Some(longest) = seen.longest {
            self.longest.push(now, longest.as_secs_f64());
        }
        if let Some(rtt) = seen.rtt.map(|rtt| rtt.as_secs_f64()) {
            self.rtts.push(now, rtt);
            // Where one has all of the window, others have a shorter way.
            let is_settled =
                !matches!(self.phase, Phase::Drain { .. } | Phase::Yield { .. } | Phase::Compare { .. });
            if self.jitter.look(now, rtt, is_settled) {
                // What was lowest until now is what nobody has under load.
                self.base.clear();
                self.base.push(now, self.rtts.lowest(now, jitter::MOMENT).unwrap_or(rtt));
            }
            // Somebody's queue must not become the way's own length while we step aside.
            let is_theirs = matches!(self.phase, Phase::Yield { since, .. }
                if self.base.get().is_some_and(|base| rtt > base + TARGET)
                    && now.saturating_duration_since(since) < STALE);
            let is_light = self.jitter.is_there()
                && self.base.get().is_some()
                && match self.phase {
                    Phase::Yield { since, .. } => now.saturating_duration_since(since) < STALE,
                    Phase::Ramp { .. } => true,
                    _ => false,
                };
            if !is_theirs && !is_light {
                self.base.push(now, rtt);
            }
        }
        if self.queue(now) < (0.25 * self.target(now)).max(0.000_5) {
            self.emptied_at = now;
        }
        if let Some(probe) = seen.probe.map(|rtt| rtt.as_secs_f64()) {
            self.probe_base.push(now, probe);
            self.compare_with_probe(now, probe);
        }
    }

    /// The window's law, once a round trip.
    fn law(&mut self, now: Instant, line: &mut Line, paths: u32) {
        let (base, rtt, queue, target) =
            (self.base_or_guess(), self.rtt(now), self.queue(now), self.target(now));
        let rate = self.rate(now);
        let capacity = line.capacity();
        let share = capacity.map(|capacity| Self::share(capacity, line, paths, rate));
        match self.phase {
            Phase::Ramp { waits_until } => self.ramp(now, line, share, waits_until),
            Phase::Cruise { suspicions, next_check } => {
                self.follow(now, line, share);
                if now >= next_check {
                    self.check(now, line, suspicions);
                }
                if now.saturating_duration_since(self.emptied_at) > EMPTY
                    && matches!(self.phase, Phase::Cruise { .. })
                {
                    self.phase = Phase::Drain { until: now + seconds(2.5 * rtt) };
                    self.jitter.drop_try();
                    self.window /= 2.0;
                    // What the path looked like with our queue in it is forgotten.
                    self.base.clear();
                }
            }
            Phase::Verify { until } => {
                if now >= until {
                    let starved = capacity.is_some_and(|c| self.total(now, line) < 0.8 * c);
                    if starved && queue > self.suspicious(0.4) * target {
                        return self.yield_to(now, Rival::Elsewhere, line);
                    }
                    self.cruise(now);
                }
            }
            // The queue that is made for it is seen by the probe: it is one for all.
            Phase::Compare { .. } if !self.is_per_flow => self.yield_to(now, Rival::Elsewhere, line),
            Phase::Compare { several, since, until } => {
                // One gets room for as much as several had.
                let rate = several.map_or(rate, |several| several.rate);
                self.window = (rate * (base + BUSY)).max(4.0 * self.segment * self.connections);
                self.compared(now, line, several, since, until);
            }
            Phase::Drain { until } => {
                if now >= until {
                    self.emptied_at = now;
                    if let Some(base) = self.base.get().filter(|_| self.jitter.is_there()) {
                        self.base.clear();
                        self.base.push(now, self.jitter.bounded(base));
                    }
                    self.window *= 2.0 * 0.95;
                    self.cruise(now);
                }
            }
            Phase::Yield { rival, until, since, met_queue, .. } => {
                // What was on its way when we stepped aside says nothing about others.
                let settled = now.saturating_duration_since(since) > seconds(2.5 * rtt).max(SETTLED);
                let met = met_queue || (settled && queue > 0.5 * target);
                if let Phase::Yield { met_queue, .. } = &mut self.phase {
                    *met_queue = met;
                }
                if rival == Rival::Elsewhere && now >= until && queue < 0.5 * target {
                    if !met && !self.is_per_flow {
                        // Nobody was there: the line is slower than it was.
                        line.slowed_to(1.1 * self.reached);
                    }
                    self.release(now);
                }
            }
        }
    }

    /// Takes the window to where the queue is the one that is aimed at.
    fn follow(&mut self, now: Instant, line: &Line, share: Option<f64>) {
        let (base, rtt, queue, target) =
            (self.base_or_guess(), self.rtt(now), self.queue(now), self.target(now));
        let rate = self.rate(now);
        if self.jitter.is_there() && line.others() < 0.02 * line.reached() {
            let newest = self.arrivals.rate(jitter::MOMENT * 3 / 4).unwrap_or(rate);
            let has_room = queue < 0.6 * target || !self.is_the_limit(rtt, USED);
            match self.jitter.try_more(now, rtt, newest, self.window, has_room) {
                Try::Follow => {}
                Try::Window(window) => {
                    self.window = window;
                    return;
                }
                Try::NoQueue => {
                    self.base.clear();
                    self.base.push(now, self.jitter.bounded(rtt - target / 2.0));
                    return;
                }
            }
        } else {
            self.jitter.drop_try();
        }
        if queue > target {
            let follow = ((base + target) / rtt).max(0.5);
            self.window = self.window.min(1.5 * rate * rtt) * follow;
        } else if self.is_the_limit(rtt, USED) {
            self.window *= 1.0 + GAIN * ((base + target) / rtt - 1.0);
        }
        if let Some(share) = share.filter(|_| !self.jitter.is_there()) {
            self.keep_within(now, share);
        }
    }

    /// Looks whether a queue that never empties is somebody else's.
    fn check(&mut self, now: Instant, line: &Line, suspicions: u8) {
        let span = self.rate_span(now).max(self.moment());
        let target = self.target(now);
        let standing = self.rtts.lowest(now, span).map_or(0.0, |rtt| rtt - self.base_or_guess());
        let part = if self.may_compare(now, line) { self.part_beside_one() } else { 0.8 };
        let starved = line.capacity().is_some_and(|c| self.total(now, line) < part * c);
        let has_queue = if self.is_per_flow {
            self.may_compare(now, line)
                && (standing > self.suspicious(0.4) * target || self.has_one_at_times(now, 2 * span))
        } else {
            standing > self.suspicious(0.4) * target
        };
        let suspicions = if has_queue && starved { suspicions + 1 } else { 0 };
        self.phase = Phase::Cruise { suspicions, next_check: now + span };
        let enough = if self.jitter.is_there() { 3 } else { 2 };
        if suspicions < enough {
            return;
        }
        if self.is_per_flow && (self.connections >= 2.0 || self.hold >= WORTH_COMPARING) {
            return self.compare(now, line);
        }
        if self.is_per_flow || standing > (4.0 * target).max(0.02) {
            return self.yield_to(now, Rival::Elsewhere, line);
        }
        let base = self.base_or_guess();
        self.window = line.capacity().unwrap_or(0.0) * base;
        self.phase = Phase::Verify { until: now + seconds(3.0 * base).max(Duration::from_millis(80)) };
    }

    /// Steps aside for others on this machine before anything else. Returns the most that the window may be.
    fn heed_others(&mut self, now: Instant, line: &Line, paths: u32) -> Option<f64> {
        let capacity = line.capacity()?;
        let base = self.base_or_guess();
        let left = line.left(now).map(|left| left / f64::from(paths.max(1)));
        if let Phase::Yield { rival: Rival::Here, until, gone, .. } = &mut self.phase {
            if now >= *until {
                *until = now + LOOK;
                *gone = if left.is_none_or(|left| left > 0.06 * capacity) { *gone + 1 } else { 0 };
                if *gone >= 2 {
                    self.release(now);
                }
            }
            return None;
        }
        if left.is_some_and(|left| left < 0.03 * capacity) {
            if matches!(self.phase, Phase::Yield { .. }) {
                return None;
            }
            self.yield_to(now, Rival::Here, line);
            return None;
        }
        let is_frequented = line.is_frequented(now);
        let start = line
            .has_first_flight(now, seconds(8.0 * base).max(Duration::from_millis(150)))
            .then_some(if is_frequented { AT_A_PAGE } else { AT_A_START } * capacity * base);
        let calm = is_frequented.then_some(BETWEEN_PAGES * capacity * base / f64::from(paths.max(1)));
        let cap = [left.map(|left| left * base), start, calm].into_iter().flatten().reduce(f64::min)?;
        // What is taken away now must be won back slowly.
        if cap < self.window {
            self.window = cap;
            self.jitter.drop_try();
        }
        Some(cap)
    }

    fn cruise(&mut self, now: Instant) {
        let span = self.rate_span(now);
        self.phase = Phase::Cruise { suspicions: 0, next_check: now + span };
    }

    fn yield_to(&mut self, now: Instant, rival: Rival, line: &Line) {
        // A ramp has not reached anything yet.
        let is_ramp = matches!(self.phase, Phase::Ramp { .. });
        self.reached = if is_ramp { f64::INFINITY } else { self.total(now, line) };
        self.jitter.drop_try();
        let (first, longest) = if self.is_per_flow { (HOLD.1, LONGEST.1) } else { (HOLD.0, LONGEST.0) };
        let again = self.released_at.is_some_and(|at| now.saturating_duration_since(at) < AGAIN);
        let until = match rival {
            Rival::Here => now + LOOK,
            Rival::Elsewhere => {
                let factor = if self.is_per_flow { 2.0 } else { 1.5 };
                self.hold = if again { self.hold.mul_f64(factor).min(longest) } else { first };
                now + self.hold
            }
        };
        self.phase = Phase::Yield { rival, until, since: now, met_queue: false, gone: 0 };
    }

    fn release(&mut self, now: Instant) {
        self.released_at = Some(now);
        self.window = 4.0 * self.segment * self.connections;
        self.best = (0.0, now);
        self.emptied_at = now;
        self.phase = Phase::Ramp { waits_until: None };
        self.next_law = now + seconds(self.base_or_guess().max(0.01));
    }

    /// The part of a line that is this path's to use.
    fn share(capacity: f64, line: &Line, paths: u32, rate: f64) -> f64 {
        let free = (capacity - line.others()).max(0.0);
        let siblings = (line.own(Duration::from_millis(200)) - rate).max(0.0);
        (free / f64::from(paths.max(1))).max(free - siblings)
    }

    /// What all of ours and all others here get together.
    fn total(&self, now: Instant, line: &Line) -> f64 {
        line.own(self.rate_span(now)).max(self.rate(now)) + line.others()
    }

    /// Whether what came in the last round trip could have been more with a larger window, of which it is this part at least.
    fn is_the_limit(&self, rtt: f64, part: f64) -> bool {
        self.arrivals.grown(seconds(rtt.max(0.02))) * (rtt / rtt.max(0.02)) >= part * self.window
    }

    /// The queue that is aimed at, in seconds.
    fn target(&self, now: Instant) -> f64 {
        let slow = (3.0 * self.segment / self.rate(now).max(1.0)).min(0.1);
        let more = if self.jitter.is_there() { JITTERED } else { 0.0 };
        TARGET + slow + (0.5 * self.rtts.spread()).min(JITTER) + more
    }

    fn rate_span(&self, now: Instant) -> Duration {
        seconds(2.0 * self.rtt(now)).clamp(Duration::from_millis(100), Duration::from_secs(1))
    }

    /// The round trip now: the lowest of a moment, because senders that pause only make it look longer.
    fn rtt(&self, now: Instant) -> f64 {
        let base = self.base_or_guess();
        let span = seconds(base).clamp(self.moment(), Duration::from_millis(200));
        self.rtts.lowest(now, span).unwrap_or(base).max(base)
    }

    /// The shortest span that tells how long a round trip is.
    fn moment(&self) -> Duration {
        if self.jitter.is_there() { jitter::MOMENT } else { Duration::from_millis(25) }
    }

    /// From which part of the target on a queue is one that stands.
    fn suspicious(&self, part: f64) -> f64 {
        if self.jitter.is_there() { 1.0 } else { part }
    }

    fn base_or_guess(&self) -> f64 {
        const GUESS: f64 = 0.05;
        self.base.get().unwrap_or(GUESS)
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds.clamp(0.0, 3600.0))
}

#[expect(clippy::cast_precision_loss, reason = "differences of a few readings need no more than 52 bits")]
fn float(bytes: u64) -> f64 {
    bytes as f64
}
