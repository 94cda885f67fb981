//! A bottleneck in user space: packets of all hosts share one queue, leave it at the line's rate, and are on their way for a while.
//!
//! All departures are reckoned on the line's own clock, so a late wake-up delays packets but adds nothing to the next ones.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::net::{ELSEWHERE, HERE, Space};

/// What the line is like. Rates are bits a second.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) down: f64,
    pub(super) up: f64,
    /// One way, without a queue.
    pub(super) delay: Duration,
    /// Bytes that wait for the line at most.
    pub(super) buffer: usize,
    /// Whether each flow has a queue of its own, kept short by `CoDel`.
    pub(super) per_flow: bool,
    /// The senders' congestion control.
    pub(super) congestion: &'static str,
    /// Segments that the hosts may hand over as one packet; a fast line needs it.
    pub(super) batch: Option<u32>,
    /// What varies on the way, and the share of packets that is lost on it.
    pub(super) jitter: Duration,
    pub(super) loss: f64,
}

/// Whose bytes: by the server's port.
pub(super) const BACKGROUND: u16 = 8000;
pub(super) const FOREGROUND: u16 = 8001;

/// A span of 20 ms at the bottleneck.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) at: Instant,
    pub(super) background: u64,
    /// How long a packet that came now would wait: of all flows, or of a new one where each has its queue.
    pub(super) wait: Duration,
}

const MOMENT: Duration = Duration::from_millis(20);
/// How long an idle bottleneck sleeps.
const NAP: Duration = Duration::from_micros(120);

/// A running bottleneck.
pub(super) struct Bottleneck {
    moments: Arc<Mutex<Vec<Moment>>>,
    rate: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Bottleneck {
    /// Opens one end in each namespace and begins to forward.
    pub(super) fn start(kind: Kind, server: &Space, clients: [&Space; 2]) -> Self {
        let batch = kind.batch.is_some();
        let ends = [open_end(server, batch), open_end(clients[0], batch), open_end(clients[1], batch)];
        let moments = Arc::new(Mutex::new(Vec::new()));
        let (rate, stop) = (Arc::new(AtomicU64::new(kind.down.to_bits())), Arc::new(AtomicBool::new(false)));
        let mut forwarder = Forwarder::new(kind, ends, Arc::clone(&moments), Arc::clone(&rate));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("bottleneck".into())
            .spawn(move || {
                be_on_time();
                while !stopped.load(Ordering::Relaxed) {
                    if !forwarder.turn() {
                        std::thread::sleep(NAP);
                    }
                }
            })
            .unwrap();
        Self { moments, rate, stop, thread: Some(thread) }
    }

    /// Changes the line's rate, in bits a second.
    pub(super) fn set_rate(&self, bits: f64) {
        self.rate.store(bits.to_bits(), Ordering::Relaxed);
    }

    /// What was forwarded between two instants.
    pub(super) fn between(&self, from: Instant, until: Instant) -> Vec<Moment> {
        let moments = self.moments.lock().unwrap();
        moments.iter().filter(|moment| (from..until).contains(&moment.at)).copied().collect()
    }
}

impl Drop for Bottleneck {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Packet {
    /// With the header of a batch before it, where there are batches.
    bytes: Vec<u8>,
    /// Bytes on the wire.
    wire: usize,
    came: Instant,
    to: usize,
    port: u16,
    flow: usize,
}

/// Flows that are told apart.
const FLOWS: usize = 256;
/// `CoDel`'s numbers (RFC 8289).
const TARGET: Duration = Duration::from_millis(5);
const INTERVAL: Duration = Duration::from_millis(100);
const QUANTUM: i64 = 1514;

#[derive(Default)]
struct Flow {
    queue: VecDeque<Packet>,
    deficit: i64,
    is_listed: bool,
    first_above: Option<Instant>,
    dropping: bool,
    drop_next: Option<Instant>,
    count: u32,
}

/// One direction of the line.
struct Way {
    rate: f64,
    buffer: usize,
    per_flow: bool,
    waiting: usize,
    free_at: Instant,
    fifo: VecDeque<Packet>,
    flows: Vec<Flow>,
    new: VecDeque<usize>,
    old: VecDeque<usize>,
    /// Out of the queue, and on their way.
    travelling: VecDeque<(Instant, Packet)>,
}

struct Forwarder {
    kind: Kind,
    ends: [File; 3],
    down: Way,
    up: Way,
    /// Bytes of the background since the last moment.
    counted: u64,
    next_moment: Instant,
    moments: Arc<Mutex<Vec<Moment>>>,
    rate: Arc<AtomicU64>,
    random: fastrand::Rng,
    buffer: Vec<u8>,
}

impl Forwarder {
    fn new(kind: Kind, ends: [File; 3], moments: Arc<Mutex<Vec<Moment>>>, rate: Arc<AtomicU64>) -> Self {
        let now = Instant::now();
        // 100 ms of buffer on the way up, where nothing but acknowledgements go.
        let up = usize::try_from((kind.up / 80.0) as u64).unwrap() + 30_000;
        Self {
            kind,
            ends,
            down: Way::new(kind.down, kind.buffer, kind.per_flow, now),
            up: Way::new(kind.up, up, kind.per_flow, now),
            counted: 0,
            next_moment: now + MOMENT,
            moments,
            rate,
            random: fastrand::Rng::with_seed(7),
            buffer: vec![0; 70_000],
        }
    }

    /// Takes what came, sends what is due. Returns whether anything moved.
    fn turn(&mut self) -> bool {
        let mut moved = false;
        self.down.rate = f64::from_bits(self.rate.load(Ordering::Relaxed));
        for end in 0..self.ends.len() {
            for _ in 0..64 {
                let Ok(length) = self.ends[end].read(&mut self.buffer) else { break };
                moved = true;
                self.take(end, length);
            }
        }
        let now = Instant::now();
        self.counted += self.down.serve(now, &self.kind, &mut self.random);
        self.up.serve(now, &Kind { loss: 0.0, ..self.kind }, &mut self.random);
        for way in [&mut self.down, &mut self.up] {
            while let Some((_, packet)) = way.travelling.pop_front_if(|(due, _)| *due <= now) {
                moved = true;
                // A host that takes no more drops it, as a real one would.
                let _ = (&self.ends[packet.to]).write(&packet.bytes);
            }
        }
        if now >= self.next_moment {
            self.next_moment = (self.next_moment + MOMENT).max(now);
            let ahead = if self.kind.per_flow { 0 } else { self.down.waiting };
            let wait = Duration::from_secs_f64(ahead as f64 * 8.0 / self.down.rate);
            let background = std::mem::take(&mut self.counted);
            self.moments.lock().unwrap().push(Moment { at: now, background, wait });
        }
        moved
    }

    fn take(&mut self, end: usize, length: usize) {
        let header = if self.kind.batch.is_some() { BATCH_HEADER } else { 0 };
        let Some(packet) = self.buffer.get(header..length).filter(|packet| packet.len() >= 20) else {
            return;
        };
        if packet[0] >> 4 != 4 {
            return;
        }
        let ip_header = usize::from(packet[0] & 15) * 4;
        let is_down = end == 0;
        let word = |at: usize| packet.get(at..at + 2).map_or(0, |two| u16::from_be_bytes([two[0], two[1]]));
        let port = word(if is_down { ip_header } else { ip_header + 2 });
        let to = if !is_down {
            0
        } else if packet[16..20] == octets(HERE) {
            1
        } else if packet[16..20] == octets(ELSEWHERE) {
            2
        } else {
            return;
        };
        let mut segments = 1;
        if header > 0 && self.buffer[1] != 0 {
            let half = |at: usize| usize::from(u16::from_ne_bytes([self.buffer[at], self.buffer[at + 1]]));
            let (headers, size) = (half(2), half(4).max(1));
            segments = packet.len().saturating_sub(headers).div_ceil(size).max(1);
        }
        let flow = packet[12..20].iter().chain(packet.get(ip_header..ip_header + 4).unwrap_or_default());
        let flow =
            flow.fold(2_166_136_261_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(16_777_619));
        let packet = Packet {
            wire: packet.len() + 14 * segments + 52 * (segments - 1),
            bytes: self.buffer[..length].to_vec(),
            came: Instant::now(),
            to,
            port,
            flow: usize::try_from(flow ^ (flow >> 15)).unwrap() % FLOWS,
        };
        if is_down { self.down.enter(packet) } else { self.up.enter(packet) }
    }
}

impl Way {
    fn new(rate: f64, buffer: usize, per_flow: bool, now: Instant) -> Self {
        Self {
            rate,
            buffer,
            per_flow,
            waiting: 0,
            free_at: now,
            fifo: VecDeque::new(),
            flows: (0..FLOWS).map(|_| Flow::default()).collect(),
            new: VecDeque::new(),
            old: VecDeque::new(),
            travelling: VecDeque::new(),
        }
    }

    fn enter(&mut self, packet: Packet) {
        if self.waiting == 0 {
            self.free_at = self.free_at.max(packet.came);
        }
        if !self.per_flow {
            if self.waiting + packet.wire <= self.buffer {
                self.waiting += packet.wire;
                self.fifo.push_back(packet);
            }
            return;
        }
        let index = packet.flow;
        self.waiting += packet.wire;
        let flow = &mut self.flows[index];
        flow.queue.push_back(packet);
        if !flow.is_listed {
            (flow.is_listed, flow.deficit) = (true, QUANTUM);
            self.new.push_back(index);
        }
        while self.waiting > self.buffer {
            let bytes = |flow: &Flow| flow.queue.iter().map(|packet| packet.wire).sum::<usize>();
            let Some(longest) = self.flows.iter_mut().max_by_key(|flow| bytes(flow)) else { break };
            let Some(dropped) = longest.queue.pop_front() else { break };
            self.waiting -= dropped.wire;
        }
    }

    /// Lets out what the line carried until now. Returns the bytes of the background.
    fn serve(&mut self, now: Instant, kind: &Kind, random: &mut fastrand::Rng) -> u64 {
        let mut served = 0;
        while self.free_at <= now {
            let at = self.free_at;
            let Some(packet) = self.next(at) else { break };
            let starts = at.max(packet.came);
            self.free_at = starts + Duration::from_secs_f64(packet.wire as f64 * 8.0 / self.rate);
            if packet.port == BACKGROUND {
                served += packet.wire as u64;
            }
            if random.f64() < kind.loss {
                continue;
            }
            let varies = kind.jitter.mul_f64(random.f64());
            let due = self.free_at + kind.delay + varies;
            // What varies doesn't change the order.
            let due = self.travelling.back().map_or(due, |(last, _)| due.max(*last));
            self.travelling.push_back((due, packet));
        }
        served
    }

    fn next(&mut self, at: Instant) -> Option<Packet> {
        if !self.per_flow {
            let packet = self.fifo.pop_front()?;
            self.waiting -= packet.wire;
            return Some(packet);
        }
        loop {
            let from_new = !self.new.is_empty();
            let index = *if from_new { self.new.front()? } else { self.old.front()? };
            if self.flows[index].deficit <= 0 {
                self.flows[index].deficit += QUANTUM;
                if from_new {
                    self.new.pop_front()
                } else {
                    self.old.pop_front()
                };
                self.old.push_back(index);
                continue;
            }
            let before: usize = self.flows[index].queue.len();
            let (packet, dropped) = self.flows[index].controlled(at);
            self.waiting -= dropped;
            debug_assert!(before >= self.flows[index].queue.len());
            if let Some(packet) = packet {
                self.waiting -= packet.wire;
                self.flows[index].deficit -= i64::try_from(packet.wire).unwrap();
                return Some(packet);
            }
            if from_new {
                self.new.pop_front();
                self.old.push_back(index);
            } else {
                self.old.pop_front();
                self.flows[index].is_listed = false;
            }
        }
    }
}

impl Flow {
    /// Takes a packet out as `CoDel` does, and says how many bytes it dropped for it.
    fn controlled(&mut self, at: Instant) -> (Option<Packet>, usize) {
        let mut dropped = 0;
        let Some((mut packet, mut is_late)) = self.first(at) else {
            self.dropping = false;
            return (None, 0);
        };
        if self.dropping {
            self.dropping = is_late;
            while self.dropping && self.drop_next.is_some_and(|next| at >= next) {
                dropped += packet.wire;
                self.count += 1;
                let Some(next) = self.first(at) else {
                    self.dropping = false;
                    return (None, dropped);
                };
                (packet, is_late) = next;
                self.dropping = is_late;
                self.drop_next =
                    self.drop_next.map(|next| next + INTERVAL.div_f64(f64::from(self.count).sqrt()));
            }
        } else if is_late {
            dropped += packet.wire;
            let soon = self.drop_next.is_some_and(|next| at < next + 16 * INTERVAL);
            self.count = if soon && self.count > 2 { self.count - 2 } else { 1 };
            self.dropping = true;
            self.drop_next = Some(at + INTERVAL.div_f64(f64::from(self.count).sqrt()));
            match self.first(at) {
                Some(next) => packet = next.0,
                None => return (None, dropped),
            }
        }
        (Some(packet), dropped)
    }

    /// The first packet, and whether the queue has been too long for an interval.
    fn first(&mut self, at: Instant) -> Option<(Packet, bool)> {
        let Some(packet) = self.queue.pop_front() else {
            self.first_above = None;
            return None;
        };
        if at.saturating_duration_since(packet.came) < TARGET || self.queue.is_empty() {
            self.first_above = None;
            return Some((packet, false));
        }
        let since = *self.first_above.get_or_insert(at + INTERVAL);
        Some((packet, at >= since))
    }
}

/// `struct virtio_net_hdr`, before each packet of an end that hands over batches.
const BATCH_HEADER: usize = 10;

fn octets(address: &str) -> [u8; 4] {
    address.parse::<std::net::Ipv4Addr>().unwrap().octets()
}

/// Opens a TUN device called `wan` in a namespace.
fn open_end(space: &Space, batch: bool) -> File {
    space.inside(|| {
        let end = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK)
            .open("/dev/net/tun")
            .unwrap_or_else(|error| panic!("/dev/net/tun: {error}"));
        let mut request = [0_u8; 40];
        request[..3].copy_from_slice(b"wan");
        let flags = libc::IFF_TUN | libc::IFF_NO_PI | if batch { libc::IFF_VNET_HDR } else { 0 };
        request[16..18].copy_from_slice(&u16::try_from(flags).unwrap().to_ne_bytes());
        #[expect(unsafe_code, reason = "the kernel reads and writes one ifreq, which has 40 bytes")]
        let made = unsafe { libc::ioctl(end.as_raw_fd(), libc::TUNSETIFF as _, request.as_mut_ptr()) };
        assert_eq!(made, 0, "TUNSETIFF: {}", std::io::Error::last_os_error());
        if batch {
            // Sums are left out and segments put together, as a network card would do.
            const OFFLOAD: libc::c_ulong = 0x4004_54d0;
            const SUMS_AND_SEGMENTS: libc::c_ulong = 1 | 2 | 4;
            #[expect(unsafe_code, reason = "the argument is a plain number")]
            let set = unsafe { libc::ioctl(end.as_raw_fd(), OFFLOAD as _, SUMS_AND_SEGMENTS) };
            assert_eq!(set, 0, "TUNSETOFFLOAD: {}", std::io::Error::last_os_error());
        }
        end
    })
}

/// The lab's own threads must not wait for the programs of this machine: what they would lose is not the background's doing.
pub(super) fn be_on_time() {
    let parameters = libc::sched_param { sched_priority: 10 };
    #[expect(unsafe_code, reason = "the kernel reads one sched_param; 0 is the calling thread")]
    let refused = unsafe { libc::sched_setscheduler(0, libc::SCHED_RR, &raw const parameters) } != 0;
    if refused {
        #[expect(clippy::print_stderr, reason = "whoever reads the numbers must know")]
        {
            eprintln!("the lab runs at the usual priority: its numbers are noisy");
        }
    }
}
