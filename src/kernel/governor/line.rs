//! The line that an interface leads to: how much it carries, and what others on this machine take of it.
//!
//! All paths over an interface share one line. Rates are in bytes of payload a second.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::history::{Lowest, Readings};

/// From this share of the line on, others are somebody to make room for.
const NOTICED: f64 = 0.02;
/// Of a quiet line, this share is a first flight.
const FLIGHT: f64 = 0.004;
/// And no less than this, in bytes: a keystroke over ssh is none.
const FLIGHT_BYTES: f64 = 3_000.0;
/// The time in which a first flight comes.
const AT_ONCE: Duration = Duration::from_millis(20);
/// How long others must have been quiet for a first flight to be one: not much longer than a page is looked at.
const QUIET: Duration = Duration::from_millis(250);
/// Somebody who began so many times on a quiet line within the last while reads pages: the next one is to find no queue and room.
const VISITS: usize = 3;
/// Who was quiet for less than this has not come again, nor who came so short a time ago: what was lost is waited for.
const AWAY: Duration = Duration::from_millis(400);
const APART: Duration = Duration::from_secs(1);
/// That while.
const FREQUENTED: Duration = Duration::from_secs(30);
/// What comes at once with a page, as what the line carries in so many seconds: less may be what we misread of our own.
const PAGE: f64 = 0.01;
/// Part of the line that stays free beside others.
const HEADROOM: f64 = 0.08;
/// How long others that rose are expected to rise further.
const RISING: Duration = Duration::from_millis(200);
/// What headers add to payload where nothing was learned yet, and what they add at most.
const OVERHEAD: (f64, f64) = (1.046, 1.09);
/// The span over which others are told from noise.
const SPAN: Duration = Duration::from_millis(100);
/// How fast the estimate of the line follows a higher rate.
const UP: Duration = Duration::from_millis(50);
/// And a lower one, while there is a queue.
const DOWN: Duration = Duration::from_mins(1);

/// One line.
#[derive(Clone, Debug)]
pub struct Line {
    capacity: Option<f64>,
    /// Whether the line has been seen full: before, its capacity is only what was reached.
    is_known: bool,
    overhead: Lowest,
    learned_at: Option<Instant>,
    received: Readings,
    own: Readings,
    /// What others received, as far as it can be told.
    foreign: Readings,
    counted: bool,
    others: f64,
    /// Others' rate in the tick before this one: two must agree.
    before: f64,
    loud_at: Option<Instant>,
    flight_at: Option<Instant>,
    /// Whether it was quiet for long before that.
    is_visit: bool,
    /// When somebody began on a quiet line, the last few times.
    visits: VecDeque<Instant>,
    rose_at: Option<Instant>,
    last_raised: Option<Instant>,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            capacity: None,
            is_known: false,
            overhead: Lowest::new(Duration::from_secs(10)),
            learned_at: None,
            received: Readings::new(Duration::from_millis(1100)),
            own: Readings::new(Duration::from_millis(1100)),
            foreign: Readings::new(Duration::from_millis(600)),
            counted: false,
            others: 0.0,
            before: 0.0,
            loud_at: None,
            flight_at: None,
            is_visit: false,
            visits: VecDeque::new(),
            rose_at: None,
            last_raised: None,
        }
    }
}

impl Line {
    /// Takes readings made in one go: what the interface has received in all, where it counts, and what of it was the
    /// payload of all background connections. Call it every tick, before the paths' own.
    pub fn observe(&mut self, now: Instant, received: Option<u64>, own: u64) {
        let own = float(own);
        let own_before = self.own.last().map(|(_, own)| own);
        self.own.push(now, own);
        let Some(received) = received.map(float) else {
            (self.counted, self.others) = (false, 0.0);
            self.received.clear();
            self.foreign.clear();
            return;
        };
        self.counted = true;
        let before = self.received.last();
        self.received.push(now, received);
        self.learn_overhead(now);
        let (Some((last_at, received_before)), Some(own_before)) = (before, own_before) else { return };
        let grown = (received - received_before) / self.overhead() - (own - own_before);
        let so_far = self.foreign.last().map_or(0.0, |(_, total)| total);
        self.foreign.push(now, so_far + grown);
        let elapsed = now.saturating_duration_since(last_at).as_secs_f64().max(1e-3);
        let in_this_tick = (grown / elapsed).max(0.0);
        let agreed = in_this_tick.min(self.before);
        self.before = in_this_tick;
        let average = self.foreign.rate(SPAN).unwrap_or(0.0).max(0.0);
        let was = self.others;
        self.others = agreed.max(average);
        let capacity = self.capacity.unwrap_or(f64::INFINITY);
        if self.others > was * 1.1 && self.others > FLIGHT * capacity {
            self.rose_at = Some(now);
        }
        // What was read of ours a moment too early is missing there a moment later: that is nobody's.
        let flight = self.foreign.grown(AT_ONCE).min(self.foreign.grown(3 * AT_ONCE));
        let is_flight = self.capacity.is_some()
            && agreed > FLIGHT * capacity
            && flight > FLIGHT_BYTES.max(1e-4 * capacity);
        if is_flight || self.others > NOTICED * capacity {
            let was_quiet =
                |long: Duration| self.loud_at.is_none_or(|at| now.saturating_duration_since(at) >= long);
            if was_quiet(QUIET) {
                (self.flight_at, self.is_visit) = (Some(now), was_quiet(AWAY));
            }
            self.loud_at = Some(now);
        }
        // Whoever is there now counts once.
        let is_apart = match (self.flight_at, self.visits.back()) {
            (Some(flight), Some(last)) => flight.saturating_duration_since(*last) >= APART,
            (flight, _) => flight.is_some(),
        };
        let is_new = self.is_visit && is_apart;
        if is_new && self.foreign.grown(2 * SPAN) > PAGE * capacity {
            self.visits.push_back(now);
            if self.visits.len() > VISITS {
                self.visits.pop_front();
            }
        }
    }

    /// Tells whether one of the paths over this line sees a queue. Call it every tick, after the paths' own.
    pub fn measure(&mut self, now: Instant, queue: bool) {
        // Both over the same span: who comes in a moment takes what we have in the next.
        let total = self.own(2 * SPAN) + self.foreign.rate(2 * SPAN).unwrap_or(0.0).max(0.0);
        let elapsed = self.last_raised.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        self.last_raised = Some(now);
        let share = |constant: Duration| 1.0 - (-elapsed.as_secs_f64() / constant.as_secs_f64()).exp();
        match self.capacity {
            None if total > 0.0 => self.capacity = Some(total),
            Some(capacity) if total > capacity => {
                self.capacity = Some(capacity + (total - capacity) * share(UP));
            }
            Some(capacity) if queue && total > 0.0 => {
                self.capacity = Some(capacity + (total - capacity) * share(DOWN));
            }
            _ => {}
        }
    }

    /// The line has been seen full.
    pub(super) fn is_full(&mut self) {
        self.is_known = true;
    }

    /// The line turned out to be slower than it was.
    pub(super) fn slowed_to(&mut self, rate: f64) {
        if let Some(capacity) = self.capacity {
            self.capacity = Some(capacity.min(rate.max(1.0)));
        }
    }

    /// What the line carries, once it has been seen full.
    pub fn capacity(&self) -> Option<f64> {
        self.capacity.filter(|_| self.is_known)
    }

    /// The most that was ever reached on it.
    pub fn reached(&self) -> f64 {
        self.capacity.unwrap_or(0.0)
    }

    /// What others on this machine take of it.
    pub fn others(&self) -> f64 {
        self.others
    }

    /// Whether the interface counts what it receives.
    pub fn is_counted(&self) -> bool {
        self.counted
    }

    /// What all background connections over it receive.
    pub(super) fn own(&self, span: Duration) -> f64 {
        self.own.rate(span).unwrap_or(0.0)
    }

    /// What everybody on this machine receives over it, where the interface counts.
    pub(super) fn received(&self, span: Duration) -> Option<f64> {
        self.received.rate(span).map(|rate| rate / self.overhead())
    }

    /// Whether others take enough to be made room for.
    pub fn is_shared(&self) -> bool {
        self.capacity().is_some_and(|capacity| self.others > NOTICED * capacity)
    }

    /// What is left of a known line beside others, with room for them to grow; nothing where nobody is there.
    pub(super) fn left(&self, now: Instant) -> Option<f64> {
        let capacity = self.capacity().filter(|_| self.is_shared())?;
        let rising = self.rose_at.is_some_and(|at| now.saturating_duration_since(at) < RISING);
        let room = self.others * if rising { 2.0 } else { 1.25 };
        Some((capacity * (1.0 - HEADROOM) - room).max(0.0))
    }

    /// Whether somebody has just begun on a quiet line.
    pub(super) fn has_first_flight(&self, now: Instant, span: Duration) -> bool {
        self.flight_at.is_some_and(|at| now.saturating_duration_since(at) < span)
    }

    /// Whether somebody comes and goes: pages are read.
    pub(super) fn is_frequented(&self, now: Instant) -> bool {
        self.visits.len() == VISITS
            && self.visits.front().is_some_and(|at| now.saturating_duration_since(*at) < FREQUENTED)
    }

    /// Bytes on the line for one byte of payload.
    pub(super) fn overhead(&self) -> f64 {
        self.overhead.get().unwrap_or(OVERHEAD.0).clamp(1.0, OVERHEAD.1)
    }

    /// Others can only add to what the headers do: the lowest ratio is theirs.
    fn learn_overhead(&mut self, now: Instant) {
        const OVER: Duration = Duration::from_secs(1);
        if self.learned_at.is_some_and(|at| now.saturating_duration_since(at) < OVER) {
            return;
        }
        let own = self.own.grown(OVER);
        let (Some(wire), Some(payload)) = (self.received.rate(OVER), self.own.rate(OVER)) else { return };
        self.learned_at = Some(now);
        if own > 200_000.0 && payload > 0.0 {
            self.overhead.push(now, wire / payload);
        }
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

    /// A line of 6.25 MB/s that is full of our own bytes, then of what `others` sends, for so many ticks.
    fn line(others: impl Fn(u32) -> f64, ticks: u32) -> (Line, Instant) {
        let start = Instant::now();
        let (mut line, mut wire, mut own) = (Line::default(), 0.0, 0.0);
        for tick in 0..(300 + ticks) {
            let now = start + TICK * tick;
            let theirs = if tick < 300 { 0.0 } else { others(tick - 300) };
            let ours = (6.25e6 - theirs).max(0.0) / 100.0;
            own += ours;
            wire += (ours + theirs / 100.0) * 1.046;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive counters")]
            line.observe(now, Some(wire as u64), own as u64);
            line.measure(now, true);
            line.is_full();
        }
        (line, start + TICK * (299 + ticks))
    }

    #[test]
    fn a_quiet_line_is_ours() {
        let (line, now) = line(|_| 0.0, 100);
        assert!((line.capacity().unwrap() - 6.25e6).abs() < 1e5, "{line:?}");
        assert!(line.others() < 0.01 * 6.25e6, "{}", line.others());
        assert_eq!(line.left(now), None);
        assert!(!line.has_first_flight(now, Duration::from_secs(1)));
    }

    #[test]
    fn who_comes_is_seen_in_two_ticks_and_gets_room_to_double() {
        let (line, now) = line(|_| 2e6, 3);
        assert!(line.has_first_flight(now, Duration::from_millis(150)));
        let left = line.left(now).unwrap();
        assert!((line.others() - 2e6).abs() < 3e5, "{}", line.others());
        assert!(left < 2.2e6, "{left}");
    }

    #[test]
    fn who_stays_keeps_a_quarter_more_than_they_use() {
        let (line, now) = line(|_| 2e6, 100);
        let left = line.left(now).unwrap();
        assert!((left - (6.25e6 * 0.92 - 2.5e6)).abs() < 3e5, "{left}");
        assert!(!line.has_first_flight(now, Duration::from_millis(150)));
    }

    #[test]
    fn who_comes_and_goes_reads_pages_and_who_stays_does_not() {
        let pages = |tick: u32| if tick % 140 < 30 { 3e6 } else { 0.0 };
        for (others, ticks, is_so) in [
            (&pages as &dyn Fn(u32) -> f64, 270, false),
            (&pages, 300, true),
            (&|tick| if tick < 400 { pages(tick) } else { 0.0 }, 3000, true),
            (&|tick| if tick < 400 { pages(tick) } else { 0.0 }, 3500, false),
            (&|_| 3e6, 3000, false),
            // Who waits for what was lost, and goes on.
            (&|tick| if tick % 65 < 30 { 3e6 } else { 0.0 }, 3000, false),
        ] {
            let (line, now) = line(others, ticks);
            assert_eq!(line.is_frequented(now), is_so, "{ticks}");
        }
    }

    #[test]
    fn a_keystroke_is_nobody() {
        let (line, now) = line(|tick| if tick == 50 { 20_000.0 } else { 0.0 }, 52);
        assert!(!line.has_first_flight(now, Duration::from_millis(150)));
        assert!(!line.is_shared());
    }

    #[test]
    fn a_line_without_counters_has_no_others() {
        let mut line = Line::default();
        let start = Instant::now();
        for tick in 0..100 {
            line.observe(start + TICK * tick, None, u64::from(tick) * 62_500);
        }
        assert!(!line.is_counted());
        assert!(line.others() < 1.0);
    }
}
