//! The controller on a simulated bottleneck that keeps a queue for each flow, as `fq_codel` does: whoever is there, each flow has its
//! part, and only its own queue. And on one with a single queue, beside it: round trips are smoothed as the kernel does it, connections
//! that were closed come again a while later, and a probe looks on.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::*;

const MS: Duration = Duration::from_millis(1);
const SEGMENT: f64 = 1448.0;
/// 50 Mbit/s in bytes a millisecond, and a round trip of 20 ms.
const RATE: f64 = 6250.0;
const TRIP: usize = 20;
/// What such a line lets stand in a flow's queue, in milliseconds, and for how long.
const STANDS: f64 = 5.0;
const PATIENCE: usize = 100;
/// What a single queue holds, in milliseconds.
const BUFFER: f64 = 200.0;
/// Until a connection that was closed is there again, in milliseconds.
const AGAIN: usize = 160;

/// One flow: what is on its way back, and what stands in its queue.
#[derive(Clone)]
struct Flow {
    returning: VecDeque<f64>,
    in_flight: f64,
    queued: f64,
    congestion: f64,
    /// Where its doubling ends.
    calm: f64,
    /// Since when too much stands in its queue.
    stands_since: Option<usize>,
    wait: f64,
    /// The wait as the receiver knows it.
    smooth: f64,
}

impl Flow {
    fn new() -> Self {
        let returning = std::iter::repeat_n(0.0, TRIP).collect();
        Self {
            returning,
            in_flight: 0.0,
            queued: 0.0,
            congestion: 10.0 * SEGMENT,
            calm: f64::INFINITY,
            stands_since: None,
            wait: 0.0,
            smooth: 0.0,
        }
    }

    /// A millisecond at its sender.
    fn send(&mut self, window: f64) {
        let back = self.returning.pop_front().unwrap_or(0.0);
        let is_limit = self.in_flight >= 0.7 * self.congestion;
        self.in_flight -= back;
        if is_limit {
            self.congestion +=
                if self.congestion < self.calm { back } else { 2.0 * SEGMENT * back / self.congestion };
        }
        let more = (window.min(self.congestion) - self.in_flight).max(0.0);
        self.in_flight += more;
        self.queued += more;
    }

    /// A millisecond at the bottleneck, which lets so much through.
    fn pass(&mut self, bytes: f64, wait: Option<f64>, ms: usize) {
        self.queued -= bytes;
        self.returning.push_back(bytes);
        if bytes > 0.0 {
            self.wait = wait.unwrap_or(self.queued / bytes);
            self.smooth += (self.wait - self.smooth) * (bytes / SEGMENT / 8.0).min(1.0);
        }
        let (stands, patience) = if wait.is_some() { (BUFFER, 0) } else { (STANDS, PATIENCE) };
        if self.wait < stands {
            self.stands_since = None;
        } else if ms - *self.stands_since.get_or_insert(ms) >= patience {
            // Once a round trip.
            self.stands_since = Some(ms + if patience == 0 { 200 } else { 0 });
            self.congestion = 0.7 * self.in_flight;
            self.calm = self.congestion;
        }
    }
}

/// Shares a millisecond of the line out among flows with something in their queues.
fn shares(queued: &[f64], line: f64) -> Vec<f64> {
    let mut given = vec![0.0; queued.len()];
    let mut left = line;
    let mut open: Vec<usize> = (0..queued.len()).collect();
    while !open.is_empty() && left > 1e-9 {
        let each = left / f64::from(u32::try_from(open.len()).unwrap());
        let (content, hungry): (Vec<usize>, Vec<usize>) =
            open.iter().partition(|at| queued[**at] - given[**at] <= each);
        if content.is_empty() {
            for at in &hungry {
                given[*at] += each;
            }
            break;
        }
        for at in &content {
            left -= queued[*at] - given[*at];
            given[*at] = queued[*at];
        }
        open = hungry;
    }
    given
}

/// What came of a run: for each millisecond the background's bytes and the rival's.
struct Outcome(Vec<(f64, f64)>);

impl Outcome {
    fn background(&self, span: std::ops::Range<usize>) -> f64 {
        let bytes: f64 = self.0[span.clone()].iter().map(|row| row.0).sum();
        bytes / (RATE * f64::from(u32::try_from(span.len()).unwrap()))
    }

    fn rival(&self, span: std::ops::Range<usize>) -> f64 {
        let bytes: f64 = self.0[span.clone()].iter().map(|row| row.1).sum();
        bytes / (RATE * f64::from(u32::try_from(span.len()).unwrap()))
    }
}

/// A line, and who is on it.
#[derive(Clone)]
struct Scene<'a> {
    /// How long it goes on, in milliseconds.
    length: usize,
    connections: usize,
    /// The line's rate in each millisecond.
    rate: &'a dyn Fn(usize) -> f64,
    /// Flows on another host, and when they send.
    rivals: (usize, std::ops::Range<usize>),
    /// Whether there is one queue for all.
    is_single: bool,
}

const QUIET: Scene<'_> =
    Scene { length: 60_000, connections: 2, rate: &|_| RATE, rivals: (0, 0..0), is_single: false };

fn run(scene: &Scene) -> Outcome {
    let start = Instant::now();
    let (mut path, mut line) = (Path::new(start), super::Line::default());
    let connections = scene.connections;
    let mut own: Vec<Flow> = (0..connections).map(|_| Flow::new()).collect();
    let mut foreign: Vec<Flow> = (0..scene.rivals.0).map(|_| Flow::new()).collect();
    let (mut arrived, mut wait, mut longest) = (0.0, f64::INFINITY, 0.0_f64);
    let mut windows = vec![5.0 * SEGMENT; connections];
    let mut outcome = Outcome(Vec::new());
    let (mut aside_since, mut all_from) = (None, 0);
    for ms in 0..scene.length {
        let now = start + MS * u32::try_from(ms).unwrap();
        let rate = (scene.rate)(ms);
        for (flow, window) in own.iter_mut().zip(&windows) {
            flow.send(*window);
        }
        let comes = scene.rivals.1.contains(&ms);
        for flow in &mut foreign {
            if !comes {
                (flow.congestion, flow.calm) = (10.0 * SEGMENT, f64::INFINITY);
            }
            flow.send(if comes { f64::INFINITY } else { 0.0 });
        }
        let queued: Vec<f64> = own.iter().chain(&foreign).map(|flow| flow.queued).collect();
        let all: f64 = queued.iter().sum();
        let given = if scene.is_single {
            queued.iter().map(|bytes| bytes * (rate / all.max(rate))).collect()
        } else {
            shares(&queued, rate)
        };
        let common = scene.is_single.then_some((all - rate).max(0.0) / rate);
        let (mut came, mut theirs) = (0.0, 0.0);
        for (flow, bytes) in own.iter_mut().zip(&given) {
            flow.pass(*bytes, common, ms);
            came += bytes;
            if *bytes > 0.0 {
                (wait, longest) = (wait.min(flow.smooth), longest.max(flow.smooth));
            }
        }
        for (flow, bytes) in foreign.iter_mut().zip(&given[connections..]) {
            flow.pass(*bytes, common, ms);
            theirs += bytes;
        }
        arrived += came;
        outcome.0.push((came, theirs));
        if ms % 10 == 0 {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive counters")]
            let bytes = arrived as u64;
            line.observe(now, None, bytes);
            #[expect(clippy::cast_precision_loss, reason = "a few milliseconds")]
            let trip = |wait: f64| Duration::from_secs_f64((TRIP as f64 + wait) / 1000.0);
            // Who steps aside for long keeps one connection.
            let is_long = aside_since.is_some_and(|since| ms - since >= 300);
            let used = if is_long || ms < all_from { 1 } else { connections };
            let seen = Seen {
                rtt: wait.is_finite().then(|| trip(wait)),
                longest: wait.is_finite().then(|| trip(longest)),
                handshake: (ms == 0).then(|| trip(0.0)),
                arrived: bytes,
                segment: 1448,
                connections: u32::try_from(used).unwrap(),
                probe: (ms % 200 == 0).then(|| trip(common.unwrap_or(0.0))),
            };
            let grant = path.tick(now, &seen, &mut line, 1);
            line.measure(now, path.has_queue(now));
            if grant.trickle {
                aside_since.get_or_insert(ms);
            } else if let Some(since) = aside_since.take()
                && ms - since >= 300
            {
                // New ones take the place of those that were closed.
                own[1..].fill(Flow::new());
                all_from = ms + AGAIN;
            }
            let wants: Vec<Wants> =
                (0..used).map(|_| Wants { download: 1, demand: f64::INFINITY, segment: 1448 }).collect();
            windows = vec![0.0; connections];
            for (window, part) in windows.iter_mut().zip(share_out(grant, &wants, 0)) {
                *window = match part {
                    #[expect(clippy::cast_precision_loss, reason = "a window")]
                    Part::Window(window) => window as f64,
                    Part::Trickle if ms % 250 == 0 => SEGMENT,
                    Part::Trickle | Part::Held => 0.0,
                };
            }
            (wait, longest) = (f64::INFINITY, 0.0);
        }
    }
    outcome
}

#[test]
fn alone_all_of_the_line_is_ours() {
    for (connections, is_single) in [(1, false), (2, false), (8, false), (1, true), (4, true)] {
        let outcome = run(&Scene { connections, is_single, ..QUIET });
        let used = outcome.background(3000..60_000);
        assert!(used > 0.95, "{connections} connections, one queue: {is_single}: {used}");
    }
}

#[test]
fn a_rival_on_another_machine_has_more_than_its_part() {
    // Of one connection nobody can tell for ever: from half a minute on it has its part.
    for (connections, flows, at_first, later) in
        [(1, 1, 0.85, 0.49), (2, 1, 0.85, 0.9), (4, 1, 0.8, 0.9), (4, 2, 0.8, 0.9), (8, 3, 0.8, 0.9)]
    {
        let rivals = (flows, 5000..110_000);
        let outcome = run(&Scene { length: 140_000, connections, rivals, ..QUIET });
        let told = format!("{connections} connections, {flows} flows");
        let (first, then) = (outcome.rival(5000..20_000), outcome.rival(60_000..110_000));
        assert!(first > at_first, "{told}: the rival has {first} at first");
        assert!(then > later, "{told}: the rival has {then}");
        let back = outcome.background(130_000..140_000);
        assert!(back > 0.9, "{told}: {back}");
    }
}

#[test]
fn a_slower_line_is_no_rival_for_long() {
    for is_single in [false, true] {
        for (connections, part) in [(1, 0.9), (1, 0.4), (2, 0.9), (2, 0.4), (4, 0.5), (4, 0.8), (8, 0.8)] {
            let rate = |ms: usize| if (6000..60_000).contains(&ms) { RATE * part } else { RATE };
            let outcome = run(&Scene { length: 80_000, connections, rate: &rate, is_single, ..QUIET });
            let told = format!("{connections} connections, {part} of the line, one queue: {is_single}");
            let slow = outcome.background(42_000..60_000) / part;
            assert!(slow > 0.9, "{told}: {slow}");
            let fast = outcome.background(70_000..80_000);
            assert!(fast > 0.9, "{told}: {fast} once it is as fast as before");
        }
    }
}
