//! What all sessions of one engine share: the engine, what is told of the process, and updates that many clients get alike.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::watch;

use crate::engine::Engine;
use crate::model::id::OwnerKey;
use crate::model::page::PageUpdate;
use crate::protocol::message::update_body;
use crate::protocol::method::capabilities;
use crate::protocol::session::{AgentStatus, LogLines, Welcome};
use crate::protocol::{PROTOCOL, session::Hello};

/// Updates that are kept for whoever asks for the same.
const SHARED: usize = 8;

/// How long before an end who waited for it may be gone: it hears of it first.
const MOMENT: Duration = Duration::from_millis(300);

/// What the sessions of an engine share.
pub struct House {
    /// The engine.
    pub engine: Engine,
    facts: Facts,
    started: Instant,
    clients: Cell<u64>,
    watchers: Cell<u64>,
    /// When the last one of them left.
    unwatched: Cell<Option<Instant>>,
    socket: RefCell<Option<PathBuf>>,
    door: RefCell<Option<String>>,
    stop: watch::Sender<bool>,
    shared: RefCell<Vec<Shared>>,
}

/// Somebody who is told of every change.
pub(super) struct Watcher(Rc<House>);

impl Drop for Watcher {
    fn drop(&mut self) {
        self.0.watchers.set(self.0.watchers.get().saturating_sub(1));
        self.0.unwatched.set(Some(Instant::now()));
    }
}

/// What is told of the process.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The version that it says it is.
    pub version: String,
    /// The protocol that it says it speaks, where a test wants another one than it does.
    pub protocol: Option<u32>,
    /// The state folder.
    pub state: PathBuf,
    /// Whether it stays when nothing is left to do.
    pub stays: bool,
    /// Whether it is an agent, which can be asked to stop and has a log.
    pub is_agent: bool,
    /// What every client is told as long as it runs.
    pub warning: Option<String>,
}

/// An update as its subscribers share it.
#[derive(Clone)]
pub(super) struct Shared {
    since: Option<u64>,
    at: u64,
    /// All changes up to this revision are in.
    pub(super) revision: u64,
    /// Whether more follow at once.
    pub(super) more: bool,
    /// The update.
    pub(super) body: Bytes,
}

impl Shared {
    /// Returns an update that nobody else gets; none where there is nothing to tell.
    pub(super) fn alone(revision: u64, more: bool, update: Option<&PageUpdate>) -> Self {
        let body = update.map(update_body).unwrap_or_default();
        Self { since: None, at: revision, revision, more, body }
    }
}

impl House {
    /// Returns a house around an engine.
    pub fn new(engine: Engine, facts: Facts) -> Rc<Self> {
        Rc::new(Self {
            engine,
            facts,
            started: Instant::now(),
            clients: Cell::new(0),
            watchers: Cell::new(0),
            unwatched: Cell::new(None),
            socket: RefCell::default(),
            door: RefCell::default(),
            stop: watch::Sender::new(false),
            shared: RefCell::default(),
        })
    }

    /// Whether somebody asked the agent to stop, whenever that changes.
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    /// Asks the agent to stop.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Whether this is an agent, and no engine within a console.
    pub(super) fn is_agent(&self) -> bool {
        self.facts.is_agent
    }

    /// Names the socket.
    pub(super) fn listens_at(&self, socket: PathBuf) {
        *self.socket.borrow_mut() = Some(socket);
    }

    /// Names the door.
    pub fn opens_door_at(&self, url: String) {
        *self.door.borrow_mut() = Some(url);
    }

    pub(super) fn welcome(&self, _hello: &Hello) -> Welcome {
        Welcome {
            name: env!("CARGO_PKG_NAME").into(),
            version: self.facts.version.clone(),
            protocol: self.facts.protocol.unwrap_or(PROTOCOL),
            capabilities: capabilities(),
            pid: std::process::id(),
            warning: self.facts.warning.clone(),
        }
    }

    pub(super) fn join(&self, key: OwnerKey) -> u64 {
        self.clients.set(self.clients.get() + 1);
        self.engine.join(key)
    }

    /// Whether a person's client is told of every change, or was within so long, or a moment before.
    pub(super) fn was_watched_within(&self, span: Duration) -> bool {
        let is_watched = self.watchers.get() > 0;
        is_watched || self.unwatched.get().is_some_and(|at| at.elapsed() < span + MOMENT)
    }

    /// One more is told of every change, until what this returns is dropped.
    pub(super) fn watch(self: &Rc<Self>) -> Watcher {
        self.watchers.set(self.watchers.get() + 1);
        Watcher(Rc::clone(self))
    }

    pub(super) fn left(&self) {
        self.clients.set(self.clients.get().saturating_sub(1));
    }

    pub(super) fn status(&self) -> AgentStatus {
        AgentStatus {
            version: self.facts.version.clone(),
            pid: std::process::id(),
            state: self.facts.state.display().to_string(),
            socket: self.socket.borrow().as_ref().map(|socket| socket.display().to_string()),
            door: self.door.borrow().clone(),
            clients: self.clients.get(),
            stays: self.facts.stays,
            uptime_secs: self.started.elapsed().as_secs(),
            unfinished: self.engine.unfinished().len() as u64,
            standing: Some(Box::new(self.engine.standing())),
        }
    }

    pub(super) fn log(&self, lines: u32) -> std::io::Result<LogLines> {
        super::log::last_lines(&self.facts.state, lines).map(|lines| LogLines { lines })
    }

    /// What changed after a revision. Whoever asks for the same while nothing changes gets the same bytes.
    pub(super) fn changes(&self, since: Option<u64>) -> Shared {
        let at = *self.engine.watch().borrow();
        let mut shared = self.shared.borrow_mut();
        if let Some(known) = shared.iter().find(|known| known.since == since && known.at == at) {
            return known.clone();
        }
        let update = self.engine.changes(since);
        let new =
            Shared { since, at, revision: update.revision, more: update.more, body: update_body(&update) };
        shared.retain(|known| known.at == at);
        if shared.len() >= SHARED {
            shared.remove(0);
        }
        shared.push(new.clone());
        new
    }

    /// Lets go of updates that nobody asks for any more.
    pub(super) fn forget_shared(&self) {
        self.shared.borrow_mut().clear();
    }
}
