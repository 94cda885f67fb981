//! The controller on a simulated bottleneck that keeps a queue for each flow, as `fq_codel` does: whoever is there, each flow has its
//! part, and only its own queue.

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
    fn pass(&mut self, bytes: f64, ms: usize) {
        self.queued -= bytes;
        self.returning.push_back(bytes);
        self.wait = if bytes > 0.0 { self.queued / bytes } else { self.wait };
        if self.wait < STANDS {
            self.stands_since = None;
        } else if ms - *self.stands_since.get_or_insert(ms) >= PATIENCE {
            self.stands_since = Some(ms);
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

/// So many connections of ours, and a rival on another host that sends in these milliseconds.
fn run(
    length: usize,
    connections: usize,
    rate: impl Fn(usize) -> f64,
    rival: std::ops::Range<usize>,
) -> Outcome {
    let start = Instant::now();
    let (mut path, mut line) = (Path::new(start), super::Line::default());
    let mut own: Vec<Flow> = (0..connections).map(|_| Flow::new()).collect();
    let mut foreign = Flow::new();
    let (mut arrived, mut wait, mut longest) = (0.0, f64::INFINITY, 0.0_f64);
    let mut windows = vec![5.0 * SEGMENT; connections];
    let mut outcome = Outcome(Vec::new());
    let mut aside_since = None;
    for ms in 0..length {
        let now = start + MS * u32::try_from(ms).unwrap();
        for (flow, window) in own.iter_mut().zip(&windows) {
            flow.send(*window);
        }
        if !rival.contains(&ms) {
            foreign.congestion = 10.0 * SEGMENT;
            foreign.calm = f64::INFINITY;
        }
        foreign.send(if rival.contains(&ms) { f64::INFINITY } else { 0.0 });
        let mut queued: Vec<f64> = own.iter().map(|flow| flow.queued).collect();
        queued.push(foreign.queued);
        let given = shares(&queued, rate(ms));
        let mut came = 0.0;
        for (flow, bytes) in own.iter_mut().zip(&given) {
            flow.pass(*bytes, ms);
            came += bytes;
            if *bytes > 0.0 {
                (wait, longest) = (wait.min(flow.wait), longest.max(flow.wait));
            }
        }
        foreign.pass(given[connections], ms);
        arrived += came;
        outcome.0.push((came, given[connections]));
        if ms % 10 == 0 {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive counters")]
            let bytes = arrived as u64;
            line.observe(now, None, bytes);
            #[expect(clippy::cast_precision_loss, reason = "a few milliseconds")]
            let trip = |wait: f64| Duration::from_secs_f64((TRIP as f64 + wait) / 1000.0);
            // Who steps aside for long keeps one connection.
            let used = if aside_since.is_some_and(|since| ms - since >= 300) { 1 } else { connections };
            let seen = Seen {
                rtt: wait.is_finite().then(|| trip(wait)),
                longest: wait.is_finite().then(|| trip(longest)),
                handshake: (ms == 0).then(|| trip(0.0)),
                arrived: bytes,
                segment: 1448,
                connections: u32::try_from(used).unwrap(),
                probe: (ms % 200 == 0).then(|| trip(0.0)),
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
    for connections in [1, 2] {
        let outcome = run(15_000, connections, |_| RATE, 0..0);
        assert!(outcome.background(3000..15_000) > 0.95, "{}", outcome.background(3000..15_000));
    }
}

#[test]
fn a_rival_on_another_machine_has_more_than_its_part() {
    // One flow of ours would leave half of the line, two a third, four a fifth.
    for (connections, least) in [(1, 0.85), (2, 0.9), (4, 0.9)] {
        let outcome = run(60_000, connections, |_| RATE, 5000..35_000);
        let kept = outcome.rival(5000..35_000);
        assert!(kept > least, "{connections} connections: the rival has {kept}");
        let back = outcome.background(53_000..60_000);
        assert!(back > 0.9, "{connections} connections: {back}");
    }
}

#[test]
fn a_slower_line_is_no_rival_for_long() {
    for connections in [1, 2, 4] {
        let rate = |ms: usize| if (6000..60_000).contains(&ms) { RATE * 0.4 } else { RATE };
        let outcome = run(70_000, connections, rate, 0..0);
        let slow = outcome.background(42_000..60_000) / 0.4;
        assert!(slow > 0.9, "{connections} connections: {slow}");
        let fast = outcome.background(65_000..70_000);
        assert!(fast > 0.9, "{connections} connections: {fast}");
    }
}
