//! One connection under the governor: what the governor grants, and how its transfer waits for its turn to read.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::kernel::limit::{self, Bucket};
use crate::model::id::DownloadId;

/// How often the trickle is read.
const SIP: Duration = Duration::from_millis(250);
/// What the trickle is, in bytes a second.
const TRICKLE_RATE: u64 = 16 * 1024;
/// How often a held transfer looks by itself, should it have missed its turn.
const LOOK: Duration = Duration::from_secs(1);

/// The two ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ends {
    /// Our address.
    pub(crate) local: SocketAddr,
    /// The server's, or the proxy's.
    pub(crate) remote: SocketAddr,
    /// Whether the other end is a proxy.
    pub(crate) proxied: bool,
    /// Whether it speaks HTTP/2, which has windows of its own.
    pub(crate) has_own_window: bool,
}

/// A connection, as the governor holds it.
pub(super) struct Connection {
    pub(super) download: DownloadId,
    pub(super) ends: Ends,
    /// A second descriptor of the socket; none where it could not be found.
    pub(super) socket: Option<OwnedFd>,
    leave: AtomicU8,
    wake: Notify,
    gone: AtomicU8,
    /// What its transfer has read, for systems that tell nothing of the socket.
    read: AtomicU64,
    /// The pace, where there is no window to set.
    pace: Bucket,
    /// Tells that the pace became a faster one.
    eased: Notify,
    counts: AtomicBool,
}

/// Its transfer may read as it likes, now and then, or not at all.
const FREE: u8 = 0;
const TRICKLE: u8 = 1;
const HELD: u8 = 2;
/// Its transfer is done with it; or wants it back, at full share.
const HERE: u8 = 0;
const DONE: u8 = 1;
const RELEASED: u8 = 2;

/// A connection, as its transfer holds it. Dropping it takes the connection out of the governor's hands.
pub(crate) struct Watched {
    connection: Arc<Connection>,
    /// When it was read last, and how long that lasts where only the trickle goes on.
    sipped: std::cell::Cell<Option<(Instant, Duration)>>,
}

pub(super) fn watch(download: DownloadId, ends: Ends) -> (Watched, Arc<Connection>) {
    let connection = Arc::new(Connection {
        download,
        ends,
        socket: crate::sys::duplicate_of(ends.local, ends.remote).ok(),
        leave: AtomicU8::new(FREE),
        wake: Notify::new(),
        gone: AtomicU8::new(HERE),
        read: AtomicU64::new(0),
        pace: Bucket::new(Instant::now(), 0),
        eased: Notify::new(),
        counts: AtomicBool::new(true),
    });
    (Watched { connection: Arc::clone(&connection), sipped: std::cell::Cell::new(None) }, connection)
}

impl Connection {
    pub(super) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire) != HERE
    }

    /// Whether its window must be given back to the kernel.
    pub(super) fn is_released(&self) -> bool {
        self.gone.load(Ordering::Acquire) == RELEASED
    }

    pub(super) fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// The governor knows nothing of its socket: what its transfer reads is all that counts.
    pub(super) fn is_blind(&self) -> bool {
        !self.counts.load(Ordering::Relaxed)
    }

    pub(super) fn be_blind(&self) {
        self.counts.store(false, Ordering::Relaxed);
    }

    /// The pace, in bytes a second; 0 for none.
    pub(super) fn pace(&self) -> u64 {
        self.pace.rate()
    }

    /// Sets the pace, in bytes a second; 0 for none. Who waits for the old one goes by the new one at once.
    pub(super) fn set_pace(&self, rate: u64) {
        let before = self.pace.rate();
        if before == rate {
            return;
        }
        self.pace.set_rate(rate);
        if before != 0 && (rate == 0 || rate > before) {
            self.eased.notify_waiters();
        }
    }

    pub(super) fn set_free(&self) {
        self.set(FREE);
    }

    pub(super) fn trickle(&self) {
        self.set(TRICKLE);
    }

    pub(super) fn hold(&self) {
        self.set(HELD);
    }

    fn set(&self, leave: u8) {
        if self.leave.swap(leave, Ordering::Release) > leave {
            self.wake.notify_one();
        }
    }
}

impl Watched {
    /// Counts what was read, and returns how long the pace holds the next read back, where there is one.
    pub(crate) fn took(&self, now: Instant, bytes: usize) -> Option<Duration> {
        let connection = &self.connection;
        connection.read.fetch_add(bytes as u64, Ordering::Relaxed);
        // What is sealed comes in records of up to 16 KiB: a sip that was larger lasts longer.
        let lasts = Duration::from_micros(bytes as u64 * 1_000_000 / TRICKLE_RATE);
        self.sipped.set(Some((now, SIP.max(lasts))));
        Some(connection.pace.take(now, bytes as u64)).filter(|wait| *wait > Duration::ZERO)
    }

    /// Bytes that are worth one wait, where there is a pace: what is taken at once is paid at once.
    pub(crate) fn piece(&self) -> Option<usize> {
        limit::piece_of(self.connection.pace.rate())
    }

    /// Waits until the pace becomes a faster one.
    pub(crate) async fn eased(&self) {
        self.connection.eased.notified().await;
    }

    /// Whether the governor lets it read as it likes.
    pub(crate) fn is_free(&self) -> bool {
        self.connection.leave.load(Ordering::Acquire) == FREE
    }

    /// Waits until it may read.
    pub(crate) async fn turn(&self) {
        loop {
            let wait = match self.connection.leave.load(Ordering::Acquire) {
                FREE => return,
                TRICKLE => {
                    let left = self
                        .sipped
                        .get()
                        .map_or(Duration::ZERO, |(at, rest)| rest.saturating_sub(at.elapsed()));
                    if left.is_zero() {
                        return;
                    }
                    left
                }
                _ => LOOK,
            };
            tokio::select! {
                () = self.connection.wake.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Takes it out of the governor's hands with its window given back: it has its full share from now on.
    pub(crate) fn release(&self) {
        self.connection.gone.store(RELEASED, Ordering::Release);
        self.connection.set_pace(0);
        self.connection.set(FREE);
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // What was released before stays so.
        let _ = self.connection.gone.compare_exchange(HERE, DONE, Ordering::AcqRel, Ordering::Acquire);
    }
}
