//! The governor's loop: look, decide, do; every 10 ms while a background download runs, else not at all.

mod told;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use super::connection::{Connection, Ends};
use super::counters::Counter;
use super::is_on_this_machine;
use super::probe::Probe;
use super::report::Reports;
use super::sips::Sips;
use super::strain;
use crate::kernel::governor::{
    Arrived, Blind, Ease, FLOOR, Grant, Line, Part, Path, Pressure, Reading, Seen, Wants, share_out,
};
use crate::model::id::DownloadId;
use crate::model::settings::Eyes;
use crate::model::view::{LineMoment, Politeness};
use crate::sys;

/// How long a probe that could not be is not tried again.
const PROBE_AGAIN: Duration = Duration::from_mins(1);
/// Time between two looks.
const TICK: Duration = Duration::from_millis(10);
/// How long one connection has the trickle before the next.
const TURN: Duration = Duration::from_secs(5);
/// How often people are told.
const TELL: Duration = Duration::from_millis(200);
/// How many seconds the graph shows.
const SECONDS: usize = 60;
/// A path that was not used for so long is forgotten.
const FORGET: Duration = Duration::from_mins(10);
/// A path that was not used for so long begins anew, with what it knows of its length.
const IDLE: Duration = Duration::from_secs(2);
/// Readings of counter and sockets that took longer than this don't belong together.
const TOGETHER: Duration = Duration::from_micros(400);
/// A window that is none: the kernel's own tuning decides.
const NO_LIMIT: u64 = 1 << 30;

/// The window to a proxy on this machine: what is in it comes before a slower pace shows.
const TO_A_PROXY: u64 = 256 << 10;

/// What a connection may at least have where others go short of the disk, in bytes a second.
const LEAST_PACE: u64 = 16 << 10;
/// What half of a rate is at least, in bytes a second: less than that is no burden.
const LEAST_HALF: u64 = 256 << 10;

/// A transfer's word to the governor.
pub(super) enum Word {
    /// A connection to watch.
    Watch(Arc<Connection>),
    /// The engine ends.
    End,
}

/// Runs until the engine ends.
pub(super) fn govern(words: &mpsc::Receiver<Word>, eyes: Eyes, reports: &Reports) {
    let mut governor = Governor::new(eyes);
    let mut next = Instant::now();
    loop {
        loop {
            match words.try_recv() {
                Ok(Word::Watch(connection)) => governor.watch(connection, Instant::now()),
                Ok(Word::End) | Err(mpsc::TryRecvError::Disconnected) => return,
                Err(mpsc::TryRecvError::Empty) => break,
            }
        }
        if governor.is_idle() {
            reports.replace(HashMap::new());
            std::thread::park();
            next = Instant::now();
            continue;
        }
        let now = Instant::now();
        governor.tick(now);
        if now.saturating_duration_since(governor.told) >= TELL {
            governor.told = now;
            reports.replace(governor.report(now));
        }
        next = (next + TICK).max(now + TICK / 2);
        governor.rest(next);
    }
}

/// What the governor holds.
struct Governor {
    eyes: Eyes,
    lines: BTreeMap<String, Road>,
    probe: Option<Probe>,
    /// A server for which there could be no probe, and since when.
    unprobed: Option<(IpAddr, Instant)>,
    answer: Option<Duration>,
    turn: usize,
    turned: Instant,
    told: Instant,
    moment: Instant,
    pressure: Pressure,
    ease: Ease,
    /// What all connections together may have while less is taken, in bytes a second.
    eased: u64,
}

/// An interface, and the ways over it.
struct Road {
    line: Line,
    counter: Option<Counter>,
    /// Payload of all background connections that ever were.
    own: u64,
    ways: BTreeMap<IpAddr, Way>,
}

/// A way to one server's network.
struct Way {
    path: Path,
    blind: Blind,
    lanes: Vec<Lane>,
    arrived: u64,
    used: Instant,
    grant: Option<Grant>,
    moments: VecDeque<LineMoment>,
    has_probe: bool,
}

/// A connection and what was read of it.
struct Lane {
    connection: Arc<Connection>,
    arrived: Arrived,
    /// Bytes a second, smoothed.
    rate: f64,
    segment: u32,
    sips: Sips,
}

impl Governor {
    fn new(eyes: Eyes) -> Self {
        let now = Instant::now();
        Self {
            eyes,
            lines: BTreeMap::new(),
            probe: None,
            unprobed: None,
            answer: None,
            turn: 0,
            turned: now,
            told: now,
            moment: now,
            pressure: Pressure::new(now),
            ease: Ease::Full,
            eased: 0,
        }
    }

    fn is_idle(&self) -> bool {
        self.lines.values().all(|road| road.ways.values().all(|way| way.lanes.is_empty()))
    }

    /// Takes a connection in. One to this machine has no line to step aside on, unless a proxy leads on from here: then its
    /// socket tells of the way to the proxy only, and the line is the one that leads out.
    fn watch(&mut self, connection: Arc<Connection>, now: Instant) {
        let is_here = is_on_this_machine(&connection.ends);
        if is_here && !connection.ends.proxied {
            return;
        }
        if is_here || !self.eyes.sockets || connection.socket.is_none() {
            connection.be_blind();
        }
        let interface =
            if is_here { sys::interface_out() } else { sys::interface_of(connection.ends.local.ip()) };
        let interface = interface.unwrap_or_default();
        let counts = self.eyes.counters;
        let road = self.lines.entry(interface).or_insert_with_key(|interface| Road {
            line: Line::default(),
            counter: Counter::of(interface).filter(|_| counts),
            own: 0,
            ways: BTreeMap::new(),
        });
        let way = road.ways.entry(network_of(&connection.ends)).or_insert_with(|| Way::new(now));
        if way.lanes.is_empty() && now.saturating_duration_since(way.used) > IDLE {
            way.path.begin_again(now);
        }
        let segment = 1448;
        way.lanes.push(Lane {
            connection,
            arrived: Arrived::default(),
            rate: 0.0,
            segment,
            sips: Sips::default(),
        });
    }

    /// Sleeps until then, or takes a probe's answer meanwhile.
    fn rest(&mut self, until: Instant) {
        if let Some(probe) = self.probe.as_mut().filter(|probe| probe.is_waiting())
            && let Some(trip) = probe.wait(until)
        {
            self.answer = Some(trip);
        }
        let left = until.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            std::thread::sleep(left);
        }
    }

    fn tick(&mut self, now: Instant) {
        self.aim_probe(now);
        let answer = self.answer.take();
        if now.saturating_duration_since(self.turned) >= TURN {
            self.turned = now;
            self.turn = self.turn.wrapping_add(1);
        }
        let aside = self.lines.values().flat_map(|road| road.ways.values());
        let aside = aside.filter(|way| way.grant.is_some_and(|grant| grant.trickle)).count().max(1);
        let mut place = 0;
        let second = now.saturating_duration_since(self.moment) >= Duration::from_secs(1);
        if second {
            self.moment = now;
            self.mind_pressure(now);
        }
        let (ease, pace) = (self.ease, self.pace_each());
        for road in self.lines.values_mut() {
            let seen = road.look(now, answer);
            let used = u32::try_from(seen.len()).unwrap_or(1);
            let mut queue = false;
            for (network, seen) in seen {
                let Some(way) = road.ways.get_mut(&network) else { continue };
                if way.is_blind() {
                    way.pace(now, &mut road.line, pace);
                    continue;
                }
                let mut grant = way.path.tick(now, &seen, &mut road.line, used);
                queue |= way.path.has_queue(now);
                grant.trickle |= matches!(ease, Ease::Trickle(_));
                // Of all that step aside one has the trickle.
                let has_turn = !grant.trickle || self.turn % aside == place % aside;
                place += usize::from(grant.trickle);
                way.grant = Some(grant);
                way.carry_out(now, grant, has_turn, self.turn / aside);
                way.keep_to(pace);
                if second {
                    way.remember(now, &road.line);
                }
            }
            road.line.measure(now, queue);
            road.ways
                .retain(|_, way| !way.lanes.is_empty() || now.saturating_duration_since(way.used) < FORGET);
        }
    }

    /// Takes less where others go short of processor, disk or memory, and more again.
    fn mind_pressure(&mut self, now: Instant) {
        let Some(strain) = strain::read().filter(|_| self.eyes.pressure) else { return };
        let ways = self.lines.values().flat_map(|road| road.ways.values());
        let rate: f64 = ways.map(Way::rate).sum();
        let before = std::mem::replace(&mut self.ease, self.pressure.look(now, &strain));
        match (before, self.ease) {
            (Ease::Full, Ease::Half(_)) => self.eased = whole(rate / 2.0).max(LEAST_HALF),
            // As slowly as it was begun with.
            (Ease::Full, Ease::Trickle(_)) => self.eased = whole(rate / 4.0).max(LEAST_HALF),
            _ => {}
        }
    }

    /// What each connection may have, in bytes a second; 0 for all that its window gives.
    fn pace_each(&self) -> u64 {
        let ways = self.lines.values().flat_map(|road| road.ways.values());
        let lanes = u64::try_from(ways.map(|way| way.lanes.len()).sum::<usize>()).unwrap_or(1).max(1);
        match self.ease {
            Ease::Full => 0,
            Ease::Half(_) => (self.eased / lanes).max(LEAST_PACE),
            Ease::Trickle(_) => LEAST_PACE,
        }
    }

    /// The probe goes to the server that sends most.
    fn aim_probe(&mut self, now: Instant) {
        if !self.eyes.probe {
            return;
        }
        let ways = self.lines.values().flat_map(|road| road.ways.values());
        let busiest = ways
            .filter(|way| !way.lanes.is_empty() && !way.is_blind())
            .max_by(|a, b| a.rate().total_cmp(&b.rate()));
        let Some(address) =
            busiest.and_then(|way| way.lanes.first()).map(|lane| lane.connection.ends.remote.ip())
        else {
            self.probe = None;
            return;
        };
        let is_another = self.probe.as_ref().is_none_or(|probe| probe.address() != address.to_canonical());
        // What was refused is not asked for again until another server is, or for a while: there may have been no route.
        let was_refused = self.unprobed.is_some_and(|(refused, since)| {
            refused == address && now.saturating_duration_since(since) < PROBE_AGAIN
        });
        if is_another && !was_refused {
            self.probe = Probe::of(address, now);
            self.unprobed = self.probe.is_none().then_some((address, now));
        } else if is_another {
            self.probe = None;
        }
        for way in self.lines.values_mut().flat_map(|road| road.ways.values_mut()) {
            let is_probed = way.lanes.iter().any(|lane| lane.connection.ends.remote.ip() == address);
            way.has_probe = is_probed && self.probe.is_some();
        }
        if let Some(probe) = &mut self.probe {
            probe.send(now);
        }
    }

    fn report(&self, now: Instant) -> HashMap<DownloadId, Politeness> {
        let mut reports = HashMap::new();
        for road in self.lines.values() {
            for way in road.ways.values() {
                for lane in &way.lanes {
                    reports
                        .entry(lane.connection.download)
                        .or_insert_with(|| way.tell(now, road, lane, self.ease));
                }
            }
        }
        reports
    }
}

impl Road {
    /// Reads the counter and all sockets in one go; again if something came between.
    fn look(&mut self, now: Instant, answer: Option<Duration>) -> Vec<(IpAddr, Seen)> {
        let mut counted = None;
        for _ in 0..3 {
            let began = Instant::now();
            let before = self.counter.as_ref().and_then(Counter::read);
            for way in self.ways.values_mut() {
                way.read();
            }
            counted = before;
            if began.elapsed() < TOGETHER || self.counter.is_none() {
                break;
            }
        }
        let mut seen = Vec::with_capacity(self.ways.len());
        for (network, way) in &mut self.ways {
            let (grown, mut facts) = way.count();
            self.own += grown;
            if way.lanes.is_empty() {
                continue;
            }
            way.used = now;
            facts.probe = answer.filter(|_| way.has_probe);
            seen.push((*network, facts));
        }
        self.line.observe(now, counted, self.own);
        seen
    }
}

impl Way {
    fn new(now: Instant) -> Self {
        Self {
            path: Path::new(now),
            blind: Blind::new(now),
            lanes: Vec::new(),
            arrived: 0,
            used: now,
            grant: None,
            moments: VecDeque::new(),
            has_probe: false,
        }
    }

    fn rate(&self) -> f64 {
        self.lanes.iter().map(|lane| lane.rate).sum()
    }

    fn is_blind(&self) -> bool {
        self.lanes.iter().any(|lane| lane.connection.is_blind())
    }

    /// Reads all sockets.
    fn read(&mut self) {
        for lane in &mut self.lanes {
            let connection = &lane.connection;
            let facts = match &connection.socket {
                Some(socket) if !connection.is_blind() => sys::facts_of(socket.as_fd()),
                _ => Err(std::io::ErrorKind::Unsupported.into()),
            };
            if let Ok(facts) = facts {
                lane.arrived.read(Reading {
                    bytes: facts.bytes,
                    segments: facts.segments,
                    astray: facts.astray,
                    trip: facts.trip,
                    handshake: facts.handshake,
                    segment: facts.segment,
                });
            } else {
                connection.be_blind();
                lane.arrived.read(Reading { bytes: connection.read(), ..Reading::default() });
            }
        }
    }

    /// Adds up what was read, and lets go of connections that are done.
    fn count(&mut self) -> (u64, Seen) {
        let mut grown = 0;
        let mut seen = Seen::default();
        for lane in &mut self.lanes {
            let step = lane.arrived.step();
            grown += step.bytes;
            lane.rate += (float(step.bytes) / TICK.as_secs_f64() - lane.rate) * 0.1;
            if step.segment > 0 {
                lane.segment = step.segment;
            }
            seen.segment = seen.segment.max(lane.segment);
            seen.rtt = [seen.rtt, step.trip].into_iter().flatten().min();
            seen.longest = [seen.longest, step.trip].into_iter().flatten().max();
            seen.handshake = [seen.handshake, step.handshake].into_iter().flatten().min();
        }
        self.lanes.retain_mut(|lane| {
            let connection = &lane.connection;
            if connection.is_gone()
                && let Some(socket) = &connection.socket
            {
                lane.sips.end(socket.as_fd());
                if connection.is_released() {
                    // A connection that broke meanwhile needs no window.
                    let _ = sys::clamp_window(socket.as_fd(), NO_LIMIT);
                }
            }
            !connection.is_gone()
        });
        self.arrived += grown;
        seen.arrived = self.arrived;
        seen.connections = u32::try_from(self.lanes.len()).unwrap_or(u32::MAX);
        (grown, seen)
    }

    /// Sets windows, and tells who may read.
    fn carry_out(&mut self, now: Instant, grant: Grant, has_turn: bool, turn: usize) {
        let trip = self.path.base().unwrap_or(0.05);
        let wants: Vec<Wants> = self
            .lanes
            .iter()
            .map(|lane| Wants {
                download: lane.connection.download.0,
                demand: 2.0 * lane.rate * trip + 8.0 * f64::from(lane.segment),
                segment: lane.segment,
            })
            .collect();
        for (lane, part) in self.lanes.iter_mut().zip(share_out(grant, &wants, turn)) {
            let connection = &lane.connection;
            let window = match part {
                Part::Window(window) => window,
                Part::Trickle | Part::Held => FLOOR,
            };
            if let Some(socket) = &connection.socket {
                // What gives the buffer back opens the window, too: the clamp comes last.
                match part {
                    Part::Window(_) => lane.sips.end(socket.as_fd()),
                    Part::Trickle | Part::Held => {
                        let trip = Duration::from_secs_f64(trip.clamp(0.0, 10.0));
                        lane.sips.take(now, trip, socket.as_fd());
                    }
                }
                // A connection that broke is its transfer's to notice.
                let _ = sys::clamp_window(socket.as_fd(), window);
            }
            match part {
                Part::Window(_) => connection.set_free(),
                Part::Trickle if has_turn => connection.trickle(),
                Part::Trickle | Part::Held => connection.hold(),
            }
        }
    }

    /// Keeps each connection to a pace, beside its window; 0 for none.
    fn keep_to(&self, pace: u64) {
        for lane in
            self.lanes.iter().filter(|lane| !lane.connection.is_gone() && lane.connection.pace() != pace)
        {
            lane.connection.set_pace(pace);
        }
    }

    /// Without sight of the sockets: a pace for reading, from what the interface leaves over, and at most another one where that is
    /// not 0.
    fn pace(&mut self, now: Instant, line: &mut Line, most: u64) {
        let late = self.lanes.iter().any(|lane| is_on_this_machine(&lane.connection.ends));
        let rate = self.blind.tick(now, self.arrived, line, late);
        let each = rate.map_or(0, |rate| {
            let lanes = u64::try_from(self.lanes.len()).unwrap_or(1).max(1);
            (rate / lanes).max(1)
        });
        let each = [each, most].into_iter().filter(|rate| *rate > 0).min().unwrap_or(0);
        for lane in &mut self.lanes {
            lane.connection.set_free();
            if let Some(socket) = &lane.connection.socket {
                // It may have had a window until another one came that nothing is known of.
                lane.sips.end(socket.as_fd());
                // What a proxy here has buffered for us comes on however slowly we read. A connection that broke is its transfer's.
                let is_here = is_on_this_machine(&lane.connection.ends);
                let _ = sys::clamp_window(socket.as_fd(), if is_here { TO_A_PROXY } else { NO_LIMIT });
            }
            if lane.connection.pace() != each {
                lane.connection.set_pace(each);
            }
        }
    }

    fn remember(&mut self, now: Instant, line: &Line) {
        if self.moments.len() >= SECONDS {
            self.moments.pop_front();
        }
        self.moments.push_back(LineMoment {
            share: percent(self.path.rate(now), line.reached()),
            others: percent(line.others(), line.reached()),
            delay_us: micros(self.path.queue(now)),
        });
    }
}

/// Servers of one network share a way; so do proxies on this machine.
fn network_of(ends: &Ends) -> IpAddr {
    if is_on_this_machine(ends) {
        return std::net::Ipv4Addr::LOCALHOST.into();
    }
    match ends.remote.ip().to_canonical() {
        IpAddr::V4(address) => IpAddr::V4((u32::from(address) & 0xffff_ff00).into()),
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 80 << 80).into()),
    }
}

#[expect(clippy::cast_precision_loss, reason = "bytes of one tick")]
fn float(bytes: u64) -> f64 {
    bytes as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive, and far under 2^64")]
fn whole(number: f64) -> u64 {
    number.max(0.0) as u64
}

fn micros(seconds: f64) -> u64 {
    whole(seconds * 1e6)
}

fn percent(part: f64, of: f64) -> u8 {
    if of > 0.0 {
        u8::try_from(whole((part / of * 100.0).clamp(0.0, 100.0).round())).unwrap_or(100)
    } else {
        0
    }
}
