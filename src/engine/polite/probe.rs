//! A sparse probe of the way: an unprivileged echo, where the system lets us. It shares no queue with our bytes where the
//! bottleneck keeps one for each flow, and that is how such a bottleneck is known.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto};

/// Time between two probes.
const EVERY: Duration = Duration::from_millis(200);
/// An answer that is later than this is lost.
const LOST: Duration = Duration::from_secs(2);

/// Probes one address.
pub(super) struct Probe {
    address: IpAddr,
    socket: UdpSocket,
    number: u16,
    sent: Option<(u16, Instant)>,
    next: Instant,
}

impl Probe {
    /// Opens a probe; nothing where the system refuses.
    pub(super) fn of(address: IpAddr, now: Instant) -> Option<Self> {
        let address = address.to_canonical();
        let (family, protocol) = if address.is_ipv6() {
            (AddressFamily::INET6, ipproto::ICMPV6)
        } else {
            (AddressFamily::INET, ipproto::ICMP)
        };
        let socket =
            rustix::net::socket_with(family, SocketType::DGRAM, SocketFlags::CLOEXEC, Some(protocol)).ok()?;
        rustix::net::connect(&socket, &SocketAddr::new(address, 0)).ok()?;
        // Of a socket for datagrams that is connected, only these are used: send, receive, and the time to wait.
        Some(Self { address, socket: UdpSocket::from(socket), number: 0, sent: None, next: now })
    }

    /// Whom it probes.
    pub(super) fn address(&self) -> IpAddr {
        self.address
    }

    /// Whether an answer may come before the next tick.
    pub(super) fn is_waiting(&self) -> bool {
        self.sent.is_some()
    }

    /// Sends the next probe if it is time.
    pub(super) fn send(&mut self, now: Instant) {
        let is_lost = self.sent.is_some_and(|(_, at)| now.saturating_duration_since(at) > LOST);
        if now < self.next || (self.sent.is_some() && !is_lost) {
            return;
        }
        self.next = now + EVERY;
        self.number = self.number.wrapping_add(1);
        // The kernel fills in its own identifier and the sum.
        let mut echo = [0; 16];
        echo[0] = if self.address.is_ipv6() { 128 } else { 8 };
        echo[6..8].copy_from_slice(&self.number.to_be_bytes());
        self.sent = self.socket.send(&echo).is_ok().then(|| (self.number, Instant::now()));
    }

    /// Waits for an answer, at most until then, and returns its round trip.
    pub(super) fn wait(&mut self, until: Instant) -> Option<Duration> {
        let mut answer = [0; 64];
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || self.socket.set_read_timeout(Some(left)).is_err() {
                return None;
            }
            let length = self.socket.recv(&mut answer).ok()?;
            let number = (length >= 8).then(|| u16::from_be_bytes([answer[6], answer[7]]));
            if let Some((sent, at)) = self.sent
                && number == Some(sent)
            {
                self.sent = None;
                return Some(at.elapsed());
            }
        }
    }
}
