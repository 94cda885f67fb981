//! Who is connected: which real-time downloads are whose, and what becomes of them when their client leaves.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use super::core::Core;
use super::item::Then;
use crate::model::id::{DownloadId, OwnerKey};
use crate::model::item::{Mode, OnLost, Priority};
use crate::model::state::StateKind;
use crate::store::error::StoreError;

/// All clients that are here, or may come back.
#[derive(Default)]
pub(super) struct Clients {
    last: u64,
    here: HashMap<u64, Client>,
    /// Clients that vanished, and since when.
    gone: Vec<(Instant, u64, OwnerKey)>,
    /// Downloads that fall under their client's own limit.
    groups: HashMap<DownloadId, u64>,
    /// What stepped back because nobody attended to it any more: it comes before the others again with whoever does.
    lowered: HashSet<DownloadId>,
}

/// What the store keeps those under that somebody attends to, and that come before the others for that.
const ATTENDED: &str = "attended";

impl Clients {
    /// The client under whose own limit a download falls.
    pub(super) fn group_of(&self, id: DownloadId) -> Option<u64> {
        self.groups.get(&id).copied()
    }

    /// A download that is gone falls under nobody's limit.
    pub(super) fn forget(&mut self, id: DownloadId) {
        self.groups.remove(&id);
        self.lowered.remove(&id);
    }

    /// Somebody gave a download its priority: it is no longer a matter of who attends to it.
    pub(super) fn is_said_by_hand(&mut self, id: DownloadId) {
        self.lowered.remove(&id);
    }

    /// Whether a client is here.
    pub(super) fn has(&self, client: u64) -> bool {
        self.here.contains_key(&client)
    }
}

struct Client {
    key: OwnerKey,
    attends: Vec<DownloadId>,
    /// A client that lost its connection may be back before that is noticed; it is gone when the last one ends.
    connections: usize,
    /// Whether it said goodbye over one of them.
    has_ended: bool,
}

/// How a client left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// It said goodbye, and its person knows what is lost.
    Goodbye,
    /// Its connection broke.
    Vanished,
}

impl Core {
    /// A client came. The same key within a minute is the same owner.
    pub(super) fn join(&mut self, key: OwnerKey) -> u64 {
        let clients = &mut self.clients;
        if let Some((number, client)) = clients.here.iter_mut().find(|(_, client)| client.key == key) {
            client.connections += 1;
            return *number;
        }
        let back =
            clients.gone.iter().position(|(_, _, gone)| *gone == key).map(|at| clients.gone.remove(at).1);
        let number = back.unwrap_or_else(|| {
            clients.last += 1;
            clients.last
        });
        clients.here.insert(number, Client { key, attends: Vec::new(), connections: 1, has_ended: false });
        number
    }

    /// A client stays with downloads until they end.
    pub(super) fn attend(&mut self, client: u64, ids: &[DownloadId]) {
        let Some(here) = self.clients.here.get_mut(&client) else { return };
        here.attends.extend(ids);
        for id in ids {
            if self.clients.lowered.remove(id) {
                self.raise(*id);
            }
        }
        if self.queue.has_group(client) {
            self.join_again(client, ids);
        }
        self.keep_attended();
    }

    /// What is attended to is known after a kill, too: nobody comes back to attend to it after a power cut.
    fn keep_attended(&self) {
        let attended = self.clients.here.values().flat_map(|client| &client.attends);
        let first =
            |id: &&DownloadId| self.items.get(id).is_some_and(|item| item.record.priority == Priority::Now);
        let attended: Vec<DownloadId> = attended.filter(first).copied().collect();
        // Where it can't be stored they keep their priority after a kill, and somebody can lower them.
        drop(self.db.keep_loosely(ATTENDED, &attended));
    }

    /// What was attended to when the last engine was killed steps back, until somebody comes back to it.
    ///
    /// # Errors
    /// The store can't be read.
    pub(super) fn lower_attended(&mut self) -> Result<(), StoreError> {
        let attended: Vec<DownloadId> = self.db.kept(ATTENDED)?.unwrap_or_default();
        if !attended.is_empty() {
            for id in attended {
                self.lower(id);
            }
            self.keep_attended();
        }
        Ok(())
    }

    /// What a client added before the engine began anew falls under its own limit again; what runs already keeps the place that it has.
    fn join_again(&mut self, client: u64, ids: &[DownloadId]) {
        for id in ids {
            let Some(kind) = self.items.get(id).map(|item| item.record.state.kind()) else { continue };
            if kind.is_ended() || self.clients.group_of(*id) == Some(client) {
                continue;
            }
            self.join_group(client, *id);
            if kind == StateKind::Queued {
                self.enqueue(*id);
            }
        }
        self.pump();
    }

    /// What a client adds from now on has a limit of its own, while it stays.
    pub(super) fn set_own_parallel(&mut self, client: u64, parallel: u32) {
        self.queue.set_group(client, parallel.max(1));
    }

    /// A download that a client added, or found there unfinished, falls under its own limit where it has one.
    pub(super) fn join_group(&mut self, client: u64, id: DownloadId) {
        if self.queue.has_group(client) {
            self.clients.groups.insert(id, client);
        }
    }

    fn end_group(&mut self, client: u64) {
        if self.queue.has_group(client) {
            self.queue.end_group(client);
            self.clients.groups.retain(|_, group| *group != client);
        }
    }

    /// A client left.
    pub(super) fn leave(&mut self, client: u64, how: Leave, now: Instant) {
        let Some(here) = self.clients.here.get_mut(&client) else { return };
        here.connections = here.connections.saturating_sub(1);
        here.has_ended |= how == Leave::Goodbye;
        if here.connections > 0 {
            return;
        }
        let Some(gone) = self.clients.here.remove(&client) else { return };
        if gone.has_ended {
            self.end_group(client);
            self.lose(client, OnLost::Drop);
        } else {
            for id in &gone.attends {
                self.lower(*id);
            }
            self.clients.gone.push((now, client, gone.key));
        }
        if !gone.attends.is_empty() {
            self.keep_attended();
        }
    }

    /// What a vanished client attended steps back into the ordinary line.
    fn lower(&mut self, id: DownloadId) {
        let Some(item) = self.items.get(&id) else { return };
        if item.record.priority == Priority::Now && item.record.state.kind().is_unfinished() {
            self.set_priority(id, Priority::Normal);
            self.clients.lowered.insert(id);
        }
    }

    /// What is attended to again comes before the others again.
    fn raise(&mut self, id: DownloadId) {
        let Some(item) = self.items.get(&id) else { return };
        if item.record.priority == Priority::Normal && item.record.state.kind().is_unfinished() {
            self.set_priority(id, Priority::Now);
        }
    }

    /// Gives up on clients that did not come back. Returns when the next one's time is over.
    pub(super) fn end_absences(&mut self, now: Instant) -> Option<Instant> {
        let come_back = self.settings.come_back;
        let over: Vec<u64> = self
            .clients
            .gone
            .iter()
            .filter(|(since, ..)| now.saturating_duration_since(*since) >= come_back)
            .map(|(_, client, _)| *client)
            .collect();
        self.clients.gone.retain(|(_, client, _)| !over.contains(client));
        for client in over {
            self.end_group(client);
            self.lose(client, OnLost::Keep);
        }
        self.clients.gone.iter().map(|(since, ..)| *since + come_back).min()
    }

    /// A client's real-time downloads without it: kept, they become paused background ones with their bytes.
    pub(super) fn lose(&mut self, client: u64, how: OnLost) {
        let lost: Vec<DownloadId> = self
            .items
            .iter()
            .filter(|(_, item)| {
                item.owner == Some(client)
                    && item.record.mode == Mode::RealTime
                    && item.record.state.kind().is_unfinished()
            })
            .map(|(id, _)| *id)
            .collect();
        for id in lost {
            let drop_it = how == OnLost::Drop
                || self.items.get(&id).is_some_and(|item| item.record.settings.on_lost == OnLost::Drop);
            if drop_it {
                if !self.stop_run(id, Then::Lose) {
                    self.tell(id, "lost", "its client left; a real-time download goes with it".into());
                    self.take_out_for_good(id);
                }
            } else {
                self.keep_bytes(id);
            }
        }
    }

    /// Turns a real-time download into a paused background one with its bytes.
    pub(super) fn keep_bytes(&mut self, id: DownloadId) {
        self.set_mode_of(id, Mode::Background);
        if !self.stop_run(id, Then::Pause) {
            self.queue.remove(id);
            self.clear_due(id);
            self.step(id, crate::kernel::transition::Event::Pause, || crate::model::state::State::Paused);
            self.store(id);
        }
        self.tell(
            id,
            "kept",
            "its client vanished: it is a paused background download now, with its bytes".into(),
        );
    }

    /// Whether an unfinished real-time download would be lost to somebody else than this client if the engine ended.
    pub(super) fn serves_real_time_of_others(&self, client: Option<u64>) -> bool {
        self.items.values().any(|item| {
            item.record.mode == Mode::RealTime
                && item.record.state.kind().is_unfinished()
                && item.owner.is_none_or(|owner| Some(owner) != client)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::engine::{Engine, Started};
    use crate::model::settings::Settings;

    const COME_BACK: Duration = Duration::from_mins(1);

    #[tokio::test(flavor = "current_thread")]
    async fn a_client_that_comes_back_is_the_same_owner_whichever_end_is_noticed_first() {
        let folder = tempfile::tempdir().unwrap();
        let Started { engine, drive: _drive, .. } = Engine::start(
            folder.path(),
            Settings::default(),
            std::rc::Rc::new(std::cell::RefCell::new(Settings::default())),
            false,
        )
        .unwrap();
        let key = |text: &str| OwnerKey(text.into());
        let mut core = engine.core.borrow_mut();
        let first = core.join(key("a"));
        assert_ne!(core.join(key("b")), first);
        // Back before the old connection's end was noticed: that end means nothing.
        assert_eq!(core.join(key("a")), first);
        let now = Instant::now();
        core.leave(first, Leave::Vanished, now);
        assert_eq!(core.end_absences(now), None);
        core.leave(first, Leave::Vanished, now);
        assert_eq!(core.end_absences(now), Some(now + COME_BACK));
        // Back within the minute, and too late.
        assert_eq!(core.join(key("a")), first);
        core.leave(first, Leave::Vanished, now);
        assert_eq!(core.end_absences(now + COME_BACK), None);
        assert_ne!(core.join(key("a")), first);
    }
}
