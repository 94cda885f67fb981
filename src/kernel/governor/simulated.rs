//! The controller on simulated paths: a bottleneck as a fluid, a rival that fills it, and what becomes of both.

use std::time::{Duration, Instant};

use super::*;

const MS: Duration = Duration::from_millis(1);
const SEGMENT: f64 = 1448.0;

/// A bottleneck: bytes a second, round trip without a queue, and how many seconds its buffer holds.
#[derive(Clone, Copy)]
struct Bottleneck {
    rate: f64,
    trip: f64,
    buffer: f64,
    /// By how many seconds packets are held up, each way, by chance; none passes another.
    jitter: f64,
}

/// A line of 50 Mbit/s, 20 ms and a buffer of 200 ms.
const HOME: Bottleneck = Bottleneck { rate: 6.25e6, trip: 0.020, buffer: 0.200, jitter: 0.0 };
/// The same by radio.
const RADIO: Bottleneck = Bottleneck { jitter: 0.012, ..HOME };

/// Where the rival is, if anywhere, and when it sends: in milliseconds.
#[derive(Clone, Copy)]
struct Foreground {
    from: u64,
    until: u64,
    is_seen_by_counters: bool,
    /// Of each so many milliseconds it sends in the first so many.
    pages: Option<(u64, u64)>,
}

impl Foreground {
    fn wants(self, ms: u64) -> bool {
        (self.from..self.until).contains(&ms)
            && self.pages.is_none_or(|(each, sends)| (ms - self.from) % each < sends)
    }
}

/// What came of a run, over a span of its time.
struct Outcome {
    /// For each millisecond: bytes of the background, bytes of the rival, seconds of queue.
    log: Vec<(f64, f64, f64)>,
    stances: Vec<Stance>,
}

impl Outcome {
    fn background(&self, span: std::ops::Range<usize>, line: Bottleneck) -> f64 {
        let bytes: f64 = self.log[span.clone()].iter().map(|row| row.0).sum();
        bytes / (line.rate * f64::from(u32::try_from(span.len()).unwrap()) / 1000.0)
    }

    fn rival(&self, span: std::ops::Range<usize>, line: Bottleneck) -> f64 {
        let bytes: f64 = self.log[span.clone()].iter().map(|row| row.1).sum();
        bytes / (line.rate * f64::from(u32::try_from(span.len()).unwrap()) / 1000.0)
    }

    fn worst_queue(&self, span: std::ops::Range<usize>) -> f64 {
        self.log[span].iter().map(|row| row.2).fold(0.0, f64::max)
    }
}

/// A sender that keeps to its window: what it has on its way is what it sent less what came back a round trip later.
#[derive(Default)]
struct Sender {
    /// Bytes that will have been acknowledged in so many milliseconds.
    returning: std::collections::VecDeque<f64>,
    in_flight: f64,
    queued: f64,
    congestion: f64,
}

impl Sender {
    /// A millisecond: what arrives, what may be sent now.
    fn turn(&mut self, window: f64) -> f64 {
        let back = self.returning.pop_front().unwrap_or(0.0);
        self.in_flight -= back;
        self.congestion += back;
        let more = (window.min(self.congestion) - self.in_flight).max(0.0);
        self.in_flight += more;
        self.queued += more;
        more
    }
}

/// A way by radio: a packet that waits holds up those behind it, and the receiver smooths what it sees.
struct Air {
    random: fastrand::Rng,
    /// What a packet waits now, on either way.
    held: [f64; 2],
    smooth: f64,
}

impl Air {
    /// A millisecond in which so many bytes came, of ours and in all. Returns the receiver's round trip, if anything of ours came.
    fn turn(&mut self, trip: f64, jitter: f64, own: f64, all: f64) -> Option<f64> {
        for (held, each) in self.held.iter_mut().zip([SEGMENT, 2.0 * SEGMENT]) {
            *held = (*held - 0.001).max(0.0);
            let mut packets = all / each;
            while self.random.f64() < packets {
                *held = held.max(jitter * self.random.f64());
                packets -= 1.0;
            }
        }
        let sample = trip + self.held[0] + self.held[1];
        let mut ours = own / SEGMENT;
        let mut any = false;
        while self.random.f64() < ours {
            self.smooth += (sample - self.smooth) / 8.0;
            (ours, any) = (ours - 1.0, true);
        }
        any.then_some(self.smooth)
    }
}

fn run(
    line: Bottleneck,
    length: usize,
    rate: impl Fn(usize) -> f64,
    foreground: Option<Foreground>,
) -> Outcome {
    let start = Instant::now();
    let (mut path, mut sight) = (Path::new(start), Line::default());
    let (mut ours, mut theirs) =
        (Sender { congestion: 10.0 * SEGMENT, ..Sender::default() }, Sender::default());
    let trip_ms = (line.trip * 1000.0).round();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few milliseconds")]
    let trip = trip_ms as usize;
    ours.returning.resize(trip, 0.0);
    theirs.returning.resize(trip, 0.0);
    let (mut arrived, mut counted, mut window, mut cut_at) = (0.0, 0.0, 10.0 * SEGMENT, 0);
    let mut shortest = f64::INFINITY;
    let mut air = Air { random: fastrand::Rng::with_seed(5), held: [0.0; 2], smooth: line.trip };
    let mut outcome = Outcome { log: Vec::new(), stances: Vec::new() };
    for ms in 0..length {
        let now = start + MS * u32::try_from(ms).unwrap();
        let capacity = rate(ms) / 1000.0;
        ours.turn(window);
        let wants = foreground.filter(|foreground| foreground.wants(ms as u64));
        if wants.is_none() {
            theirs.congestion = 10.0 * SEGMENT;
        }
        theirs.turn(if wants.is_some() { f64::INFINITY } else { 0.0 });
        // The queue is one for all: each gets out as it stands in it.
        let queued = ours.queued + theirs.queued;
        let served = queued.min(capacity);
        let part = if queued > 0.0 { ours.queued / queued } else { 0.0 };
        let (own, foreign) = (served * part, served * (1.0 - part));
        ours.queued -= own;
        theirs.queued -= foreign;
        let over = ours.queued + theirs.queued - line.buffer * rate(ms);
        if over > 0.0 {
            // A full buffer drops: the rival's loss-based control halves its window, at most once a round trip.
            theirs.queued -= over * (1.0 - part);
            theirs.in_flight -= over * (1.0 - part);
            ours.queued -= over * part;
            ours.in_flight -= over * part;
            if ms > cut_at + trip + 200 {
                theirs.congestion = theirs.in_flight * 0.7;
                cut_at = ms;
            }
        } else if cut_at > 0 && ms < cut_at + 2000 {
            // After a loss it grows by a segment a round trip, not by one for each that arrives.
            theirs.congestion = theirs.congestion.min(theirs.in_flight + foreign + SEGMENT / trip_ms);
        }
        ours.returning.push_back(own);
        theirs.returning.push_back(foreign);
        arrived += own;
        counted +=
            (own + if foreground.is_some_and(|f| f.is_seen_by_counters) { foreign } else { 0.0 }) * 1.046;
        let delay = (ours.queued + theirs.queued) / rate(ms);
        outcome.log.push((own, foreign, delay));
        if line.jitter > 0.0 {
            shortest = air.turn(line.trip + delay, line.jitter, own, own + foreign).unwrap_or(shortest);
        } else if own > 0.0 {
            shortest = shortest.min(line.trip + delay);
        }
        if ms % 10 == 0 {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive counters")]
            let (bytes, interface) = (arrived as u64, counted as u64);
            sight.observe(now, Some(interface), bytes);
            let seen = Seen {
                rtt: shortest.is_finite().then(|| Duration::from_secs_f64(shortest)),
                longest: shortest.is_finite().then(|| Duration::from_secs_f64(shortest)),
                handshake: (ms == 0).then(|| Duration::from_secs_f64(line.trip)),
                arrived: bytes,
                segment: 1448,
                connections: 1,
                probe: (ms % 200 == 0)
                    .then(|| Duration::from_secs_f64(line.trip + delay + air.held[0] + air.held[1])),
            };
            let grant = path.tick(now, &seen, &mut sight, 1);
            sight.measure(now, path.has_queue(now));
            // The trickle is read four times a second: one segment each.
            window = if grant.trickle { if ms % 250 == 0 { SEGMENT } else { 0.0 } } else { grant.window };
            outcome.stances.push(grant.stance);
            shortest = f64::INFINITY;
        }
    }
    outcome
}

#[test]
fn alone_it_fills_the_line_with_a_short_queue() {
    let outcome = run(HOME, 12_000, |_| HOME.rate, None);
    let used = outcome.background(2000..12_000, HOME);
    assert!(used > 0.97, "{used}");
    assert!(outcome.worst_queue(3000..12_000) < 0.012, "{}", outcome.worst_queue(3000..12_000));
}

#[test]
fn a_program_on_this_machine_keeps_its_rate_and_the_line_is_taken_back_when_it_ends() {
    for line in [HOME, Bottleneck { rate: 125e6, trip: 0.010, buffer: 0.020, jitter: 0.0 }] {
        let foreground = Foreground { from: 5000, until: 15_000, is_seen_by_counters: true, pages: None };
        let outcome = run(line, 20_000, |_| line.rate, Some(foreground));
        let alone = run(line, 15_000, |_| line.rate, None);
        let kept = outcome.rival(5000..15_000, line);
        assert!(
            kept > 0.95,
            "kept {kept}; the background alone gets {}",
            alone.background(5000..15_000, line)
        );
        assert!(outcome.background(6000..15_000, line) < 0.02, "{}", outcome.background(6000..15_000, line));
        let back = outcome.background(17_000..20_000, line);
        assert!(back > 0.9, "{back}");
    }
}

#[test]
fn a_rival_on_another_machine_is_known_by_its_queue() {
    let foreground = Foreground { from: 5000, until: 20_000, is_seen_by_counters: false, pages: None };
    let outcome = run(HOME, 26_000, |_| HOME.rate, Some(foreground));
    assert!(outcome.rival(5000..20_000, HOME) > 0.93, "{}", outcome.rival(5000..20_000, HOME));
    assert!(outcome.background(23_000..26_000, HOME) > 0.8, "{}", outcome.background(23_000..26_000, HOME));
}

#[test]
fn by_radio_it_finds_the_line_and_leaves_it() {
    let outcome = run(RADIO, 30_000, |_| RADIO.rate, None);
    let used = outcome.background(10_000..30_000, RADIO);
    assert!(used > 0.8, "{used}");
    for (is_seen_by_counters, kept) in [(true, 0.93), (false, 0.85)] {
        let foreground = Foreground { from: 12_000, until: 27_000, is_seen_by_counters, pages: None };
        let outcome = run(RADIO, 27_000, |_| RADIO.rate, Some(foreground));
        let rival = outcome.rival(12_000..27_000, RADIO);
        assert!(rival > kept, "{rival}, seen {is_seen_by_counters}");
    }
}

#[test]
fn a_page_finds_a_line_with_room_and_no_queue_where_pages_are_read() {
    let pages = Some((2000, 250));
    let foreground = Foreground { from: 5000, until: 35_000, is_seen_by_counters: true, pages };
    let outcome = run(HOME, 75_000, |_| HOME.rate, Some(foreground));
    for page in 4..14 {
        // What was there before and what the page itself brings.
        let comes = 5000 + 2000 * page;
        assert!(
            outcome.worst_queue(comes - 500..comes) < 0.001,
            "{}",
            outcome.worst_queue(comes - 500..comes)
        );
        let between = outcome.background(comes - 1000..comes, HOME);
        assert!((0.85..0.93).contains(&between), "{between} before page {page}");
        let at_it = outcome.background(comes + 80..comes + 250, HOME);
        assert!(at_it < 0.2, "{at_it} at page {page}");
    }
    let after = outcome.background(68_000..75_000, HOME);
    assert!(after > 0.97, "{after}");
}

#[test]
fn a_slower_line_is_no_rival_for_long() {
    let rate = |ms: usize| if (6000..16_000).contains(&ms) { HOME.rate * 0.4 } else { HOME.rate };
    let outcome = run(HOME, 22_000, rate, None);
    let slow = outcome.background(9000..16_000, HOME) / 0.4;
    assert!(slow > 0.9, "{slow}");
    assert!(outcome.background(19_000..22_000, HOME) > 0.9, "{}", outcome.background(19_000..22_000, HOME));
}

#[test]
fn the_trickle_never_ends() {
    let foreground = Foreground { from: 3000, until: 60_000, is_seen_by_counters: true, pages: None };
    let outcome = run(HOME, 60_000, |_| HOME.rate, Some(foreground));
    for second in 6..59 {
        let bytes: f64 = outcome.log[second * 1000..(second + 1) * 1000].iter().map(|row| row.0).sum();
        assert!(bytes > 0.0, "nothing came in second {second}");
    }
    assert!(outcome.stances.contains(&Stance::Yield(Rival::Here)));
}
