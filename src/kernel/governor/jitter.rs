//! A way whose round trips differ all the time, as radio has it: packets wait for their turn in the air, those behind them too, and the
//! more come the more of them wait. None of that is a queue of ours, and the lowest round trip of all is one that nobody has under load.
//!
//! What tells the two apart is what more of a window brings: into a queue it brings nothing, on such a way it brings as much more. That is
//! tried from time to time, and what was no queue counts as the way's own length from then on. A rival would give way as well; so only
//! so much is taken for jitter, and the queue that somebody fills is soon longer.

use std::time::{Duration, Instant};

use super::history::Lowest;

/// From this mean fall between one round trip and the next on it is jitter, in seconds.
const FALLS: f64 = 0.000_5;
/// No single fall counts for more, in seconds: a queue that empties at once is none.
const MOST_FALL: f64 = 0.004;
/// Round trips that it takes to tell, and over how many the mean goes.
const ENOUGH: u32 = 60;
const OVER: f64 = 120.0;
/// A way that was steady for so long has no jitter any more. Under full load little of it shows.
const STEADY: Duration = Duration::from_mins(5);
/// The most that may be taken for jitter, over the lowest round trip, in seconds.
pub(super) const MOST: f64 = 0.020;
/// For a sixth of how long the lowest round trip is remembered: a rival may stay for long.
const FLOOR: Duration = Duration::from_secs(50);
/// On a longer way what comes of more is not seen soon enough, in seconds.
const LONGEST: f64 = 0.15;
/// What a window is grown by to see what comes of it.
const STEP: f64 = 0.12;
/// How long until it is tried again: at first, and where nothing comes of it again and again.
const AGAIN: (Duration, Duration) = (Duration::from_millis(600), Duration::from_secs(8));
/// What counts as the round trip of a moment, and how often the window follows it.
pub(super) const MOMENT: Duration = Duration::from_millis(200);

/// What is known of a path's jitter.
#[derive(Clone, Debug)]
pub(super) struct Jitter {
    seen_at: Option<Instant>,
    /// The round trip before, how many there were, and how far one falls under the one before on an average.
    last: f64,
    count: u32,
    falls: f64,
    /// The lowest round trip, whatever the load.
    floor: Lowest,
    /// Rate and window before the window was grown to see what comes of it.
    tried: Option<(f64, f64)>,
    next_try: Instant,
    patience: Duration,
}

/// What is to be done with the window.
pub(super) enum Try {
    /// What the law says.
    Follow,
    /// It is this now.
    Window(f64),
    /// It stays, and the round trip has no queue in it.
    NoQueue,
}

impl Jitter {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            seen_at: None,
            last: 0.0,
            count: 0,
            falls: 0.0,
            floor: Lowest::new(FLOOR),
            tried: None,
            next_try: now,
            patience: AGAIN.0,
        }
    }

    /// Whether the path has it.
    pub(super) fn is_there(&self) -> bool {
        self.seen_at.is_some()
    }

    /// Whether enough was seen to tell.
    pub(super) fn is_judged(&self) -> bool {
        self.count >= ENOUGH
    }

    /// Takes a round trip in; `is_settled` is whether it is one under load, and no queue of our own has just been let go. True where jitter is seen for the first
    /// time.
    pub(super) fn look(&mut self, now: Instant, rtt: f64, is_settled: bool) -> bool {
        self.floor.push(now, rtt);
        let last = std::mem::replace(&mut self.last, rtt);
        let is_near = self.floor.get().is_some_and(|floor| rtt.max(last) <= floor + MOST);
        if self.seen_at.is_some_and(|at| now.saturating_duration_since(at) > STEADY) {
            self.seen_at = None;
        }
        if !is_settled || last == 0.0 || !is_near {
            return false;
        }
        self.count = self.count.saturating_add(1);
        self.falls += ((last - rtt).clamp(0.0, MOST_FALL) - self.falls) / OVER.min(f64::from(self.count));
        self.count >= ENOUGH && self.falls > FALLS && self.seen_at.replace(now).is_none()
    }

    /// What is to be done, once for each [`MOMENT`]. Where there is room in the queue that is aimed at, nothing needs to be tried.
    pub(super) fn try_more(&mut self, now: Instant, rtt: f64, rate: f64, window: f64, has_room: bool) -> Try {
        if let Some((rate_before, window_before)) = self.tried.take() {
            let is_more = rate >= rate_before * (1.0 + STEP / 2.0);
            let is_near = self.floor.get().is_some_and(|floor| rtt <= floor + MOST);
            let brought = is_more && is_near;
            self.patience = if brought { AGAIN.0 } else { (2 * self.patience).min(AGAIN.1) };
            self.next_try = now + self.patience;
            return if brought { Try::NoQueue } else { Try::Window(window_before) };
        }
        if has_room || now < self.next_try || rtt > LONGEST {
            return Try::Follow;
        }
        self.tried = Some((rate, window));
        Try::Window(window * (1.0 + STEP))
    }

    /// What may count as a round trip without a queue where it looks like this: no less than the lowest, and not much more.
    pub(super) fn bounded(&self, rtt: f64) -> f64 {
        self.floor.get().map_or(rtt, |floor| rtt.clamp(floor, floor + MOST))
    }

    /// Others came, or we step aside: what was tried says nothing.
    pub(super) fn drop_try(&mut self) {
        self.tried = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(10);

    /// Whether so many round trips, in milliseconds, look like jitter.
    fn is_seen(trips: impl IntoIterator<Item = f64>) -> bool {
        let start = Instant::now();
        let mut jitter = Jitter::new(start);
        let seen = trips
            .into_iter()
            .zip(0_u32..)
            .map(|(trip, tick)| jitter.look(start + TICK * tick, trip / 1e3, true));
        // Each is looked at: the first time is told once.
        seen.filter(|first| *first).count() == 1
    }

    #[test]
    fn what_differs_all_the_time_is_told_from_a_queue() {
        let mut random = fastrand::Rng::with_seed(3);
        assert!(is_seen((0..100).map(|_| 26.0 + 10.0 * random.f64())));
        // A queue that grows and is gone at once, again and again; somebody's full buffer; one that hardly moves; none.
        let mut full = std::iter::once(20.0).chain((0..1000).map(|_| 180.0 + 40.0 * random.f64()));
        assert!(!is_seen(&mut full));
        assert!(!is_seen((0..1000).map(|tick| 20.0 + 2.0 * f64::from(tick % 100))));
        assert!(!is_seen((0..1000).map(|_| 24.0 + random.f64())));
        assert!(!is_seen((0..1000).map(|_| 20.0)));
    }

    #[test]
    fn more_that_brings_as_much_more_met_no_queue_and_is_tried_again_soon() {
        let start = Instant::now();
        let mut jitter = Jitter::new(start);
        jitter.look(start, 0.020, true);
        let full = |jitter: &mut Jitter, at: u32, rate: f64| {
            jitter.try_more(start + MOMENT * at, 0.035, rate, 100.0, false)
        };
        assert!(matches!(jitter.try_more(start, 0.021, 10.0, 100.0, true), Try::Follow));
        assert!(matches!(full(&mut jitter, 1, 10.0), Try::Window(window) if window > 111.0));
        assert!(matches!(full(&mut jitter, 2, 11.2), Try::NoQueue));
        assert!(matches!(full(&mut jitter, 3, 11.2), Try::Follow));
        assert!(matches!(full(&mut jitter, 6, 11.2), Try::Window(window) if window > 111.0));
        // Nothing came of it: the window is what it was, and the next time is later.
        assert!(matches!(full(&mut jitter, 7, 11.3), Try::Window(100.0)));
        assert!(matches!(full(&mut jitter, 12, 11.3), Try::Follow));
        assert!(matches!(full(&mut jitter, 14, 11.3), Try::Window(_)));
        // So far over the lowest it is somebody's queue.
        assert!(matches!(
            jitter.try_more(start + MOMENT * 15, 0.041, 15.0, 112.0, false),
            Try::Window(100.0)
        ));
    }
}
