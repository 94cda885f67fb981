//! One connection at work: body bytes go from the socket to their place in the file, and nowhere else.

use std::cell::{Cell, RefCell};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::AbortHandle;

use super::super::polite::{Ends, Watched};
use super::narrow::Narrow;
use super::shared::Shared;
use crate::fetch::error::FetchError;
use crate::fetch::transport::Body;
use crate::kernel::plan::Lane;
use crate::kernel::renew::Seen;
use crate::store::error::StoreError;

/// What the planner and the stall clock know of a lane. The planner may lower the end while it runs.
pub(super) struct LaneCell {
    /// Next byte to come.
    pub(super) at: Cell<u64>,
    /// The byte after the last; `u64::MAX` where the size is unknown.
    pub(super) end: Cell<u64>,
    /// When bytes last came, or the lane began to wait for them.
    pub(super) heard: Cell<Instant>,
    /// Whether a limit of ours holds it back: the stall clock stands still.
    pub(super) held: Cell<bool>,
    /// Whether its answer has come.
    pub(super) answered: Cell<bool>,
    /// Our own address of its connection, once there is one.
    pub(super) local: Cell<Option<IpAddr>>,
    /// Which of the download's places its bytes come from.
    pub(super) place: usize,
    /// Where it began.
    pub(super) from: u64,
    /// When its request was made.
    born: Instant,
    /// What it delivers, as far as it was looked at.
    pace: Cell<Pace>,
    /// The ends of its connection, once its answer has come.
    pub(super) ends: Cell<Option<Ends>>,
    /// Whose range it took the end of. That one has it until this one's answer is known to be of use.
    pub(super) victim: RefCell<Option<Rc<LaneCell>>>,
    /// The governor's leave to read, while the download steps aside.
    pub(super) watched: RefCell<Option<Rc<Watched>>>,
    /// Its connection's buffer, while a limit holds.
    narrow: RefCell<Narrowed>,
}

/// What is done about a connection's buffer.
enum Narrowed {
    /// Nothing: no limit holds.
    No,
    /// Nothing can be.
    Never,
    /// It is kept small.
    Kept(Narrow),
}

/// A lane's rate in bytes per second, over about half a second.
#[derive(Clone, Copy)]
struct Pace {
    /// How far it had come.
    at: u64,
    /// When that was; nothing before its answer.
    since: Option<Instant>,
    rate: Option<f64>,
}

/// What a new look counts beside those before it.
const NEW: f64 = 0.25;

#[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 52 bits")]
fn float(bytes: u64) -> f64 {
    bytes as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate is positive, and far under 2^64"
)]
fn whole(rate: f64) -> u64 {
    rate.max(0.0) as u64
}

impl LaneCell {
    pub(super) fn new(at: u64, end: u64, place: usize, now: Instant) -> Rc<Self> {
        Rc::new(Self {
            at: Cell::new(at),
            end: Cell::new(end),
            heard: Cell::new(now),
            held: Cell::new(false),
            answered: Cell::new(false),
            local: Cell::new(None),
            place,
            from: at,
            born: now,
            pace: Cell::new(Pace { at, since: None, rate: None }),
            ends: Cell::new(None),
            victim: RefCell::new(None),
            watched: RefCell::new(None),
            narrow: RefCell::new(Narrowed::No),
        })
    }

    /// Returns it with our own address of its connection.
    pub(super) fn at_address(self: Rc<Self>, local: Option<SocketAddr>) -> Rc<Self> {
        self.local.set(local.map(|local| local.ip()));
        self
    }

    /// Returns what the planner is to know of it: what others are about to take over is no longer its own.
    pub(super) fn lane(self: &Rc<Self>, others: &[(Rc<Self>, AbortHandle)]) -> Lane {
        let taken = others
            .iter()
            .filter(|(other, _)| other.victim.borrow().as_ref().is_some_and(|of| Rc::ptr_eq(of, self)))
            .map(|(other, _)| other.from);
        let end = taken.fold(self.end.get(), u64::min);
        Lane { at: self.at.get(), end, rate: self.pace.get().rate }
    }

    /// Its answer is of use: whoever had its range lets go of it.
    pub(super) fn takes_over(&self) {
        if let Some(victim) = self.victim.take() {
            victim.end.set(victim.end.get().min(self.from));
        }
    }

    /// Returns its age and what it delivers.
    pub(super) fn seen(&self, now: Instant) -> Seen {
        Seen { age: now.saturating_duration_since(self.born), rate: self.pace.get().rate.unwrap_or_default() }
    }

    /// Takes a look at how fast it is; a few times a second.
    pub(super) fn measure(&self, now: Instant) {
        if !self.answered.get() {
            return;
        }
        let (mut pace, at) = (self.pace.get(), self.at.get());
        if let Some(since) = pace.since {
            let rate = float(at.saturating_sub(pace.at))
                / now.saturating_duration_since(since).as_secs_f64().max(0.001);
            pace.rate = Some(pace.rate.map_or(rate, |old| old + NEW * (rate - old)));
        }
        (pace.at, pace.since) = (at, Some(now));
        self.pace.set(pace);
    }

    /// Whether the governor holds it back just now.
    pub(super) fn steps_aside(&self) -> bool {
        self.watched.borrow().as_ref().is_some_and(|watched| !watched.is_free())
    }

    /// Waits for the governor's leave to read; the stall clock stands still meanwhile.
    pub(super) async fn turn(&self, shared: &Shared) {
        let watched = self.watched.borrow().clone();
        if let Some(watched) = watched.filter(|watched| !watched.is_free()) {
            self.held.set(true);
            watched.turn().await;
            self.held.set(false);
            self.heard.set(shared.now());
        }
    }

    /// Bytes that are taken at once at most, where the governor sets a pace.
    fn piece(&self) -> Option<usize> {
        self.watched.borrow().as_ref().and_then(|watched| watched.piece())
    }

    /// Pays for so many bytes: how long the limits and the governor's pace hold them back, where one of them does.
    fn pay(&self, shared: &Shared, now: Instant, bytes: usize) -> Option<Wait> {
        let pace = self.watched.borrow().as_ref().and_then(|watched| watched.took(now, bytes));
        let limit = shared.limit(now, bytes);
        (limit.is_some() || pace.is_some()).then_some(Wait { now, limit, pace })
    }

    /// Keeps little more on its way than a limit lets through; gives all of it back where none holds any more.
    fn narrow(&self, shared: &Shared) {
        let mut narrow = self.narrow.borrow_mut();
        let Some(rate) = shared.rate_each() else {
            if matches!(*narrow, Narrowed::Kept(_)) {
                *narrow = Narrowed::No;
            }
            return;
        };
        if matches!(*narrow, Narrowed::No) {
            let found = self.ends.get().and_then(|ends| Narrow::of(&ends));
            *narrow = found.map_or(Narrowed::Never, Narrowed::Kept);
        }
        if let Narrowed::Kept(kept) = &mut *narrow {
            let pace = self.pace.get().rate.unwrap_or_default();
            kept.keep_to(shared.now(), rate, whole(pace));
        }
    }

    /// Waits, with the stall clock standing still. False where a limit changed meanwhile: what was paid then counts no more.
    async fn rest(&self, shared: &Shared, wait: Wait) -> bool {
        self.held.set(true);
        let watched = self.watched.borrow().clone();
        let eased = async {
            match &watched {
                Some(watched) => watched.eased().await,
                None => std::future::pending().await,
            }
        };
        let is_over = match wait.limit {
            Some(limit) => shared.rest(limit).await,
            None => true,
        };
        // The limits are paid whatever becomes of the pace: one that is lifted must not have them pay again.
        let passed = shared.now().saturating_duration_since(wait.now);
        if let Some(rest) = wait.pace.map(|pace| pace.saturating_sub(passed)).filter(|_| is_over) {
            tokio::select! {
                () = tokio::time::sleep(rest) => {}
                () = eased => {}
            }
        }
        self.held.set(false);
        self.heard.set(shared.now());
        is_over
    }
}

/// What bytes wait for before they are taken.
struct Wait {
    /// When they were paid for.
    now: Instant,
    /// What the limits ask.
    limit: Option<Duration>,
    /// What the governor asks.
    pace: Option<Duration>,
}

/// Why a lane stopped.
pub(super) enum Stop {
    /// It has all its bytes.
    Done,
    /// The body ended, cleanly, before the lane's end.
    BodyEnded,
    /// The network.
    Cut(FetchError),
    /// The disk.
    Disk(StoreError),
}

/// Moves a body's bytes into the file until the lane has all of its range. `first` is what was read of the body already.
pub(super) async fn pump(shared: &Shared, cell: &LaneCell, body: &mut Body, first: Option<Bytes>) -> Stop {
    cell.answered.set(true);
    shared.govern(cell);
    let stop = take(shared, cell, body, first).await;
    if matches!(stop, Stop::Done) {
        body.finish();
    }
    // Whoever has the connection next has it whole.
    cell.narrow.replace(Narrowed::No);
    stop
}

async fn take(shared: &Shared, cell: &LaneCell, body: &mut Body, mut first: Option<Bytes>) -> Stop {
    loop {
        cell.narrow(shared);
        let room = cell.end.get().saturating_sub(cell.at.get());
        if room == 0 {
            return Stop::Done;
        }
        let chunk = if let Some(chunk) = first.take() {
            chunk
        } else {
            cell.turn(shared).await;
            match body.chunk().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => return Stop::BodyEnded,
                Err(error) => return Stop::Cut(error),
            }
        };
        let mut rest = &chunk[..];
        while !rest.is_empty() {
            let now = shared.now();
            cell.heard.set(now);
            cell.narrow(shared);
            // Sockets give hundreds of kilobytes at once: under a limit they are taken in pieces, or it would come in bursts.
            let most = [shared.piece(), cell.piece()].into_iter().flatten().min();
            let piece = rest.len().min(most.unwrap_or(usize::MAX));
            if let Some(wait) = cell.pay(shared, now, piece)
                && !cell.rest(shared, wait).await
            {
                continue;
            }
            // Read again: the planner may have given a part of the range away while this one waited.
            let room = cell.end.get().saturating_sub(cell.at.get());
            let take = usize::try_from(room).unwrap_or(usize::MAX).min(piece);
            shared.received(piece);
            if let Err(error) = shared.write(cell.at.get(), &rest[..take]) {
                return Stop::Disk(error);
            }
            cell.at.set(cell.at.get() + take as u64);
            rest = &rest[piece..];
        }
    }
}
