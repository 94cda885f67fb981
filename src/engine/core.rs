//! The engine's state, all of it on one thread: downloads, the line, hosts, collections, and what changed since when.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc, watch};

use super::checkpointer::{Checkpointer, Save};
use super::item::{Item, Running, Then};
use super::publisher::Publisher;
use super::transfer::{Control, Live, News, Order, TransferThread};
use crate::kernel::hosts::{self, Hosts};
use crate::kernel::limit;
use crate::kernel::queue::{Queue, Slots, Turn, Waiting, turn};
use crate::kernel::resolve;
use crate::kernel::transition::{Event, Next, next};
use crate::model::id::{CollectionId, DownloadId};
use crate::model::item::Mode;
use crate::model::policy::{Leave, Policy};
use crate::model::record::{CollectionRecord, HistoryLine};
use crate::model::settings::{EngineSettings, Settings};
use crate::model::state::{State, StateKind, WaitReason};
use crate::model::time::UnixMs;
use crate::model::view::Totals;
use crate::model::way::Ways;
use crate::store::db::{Db, Durability, Ticket};

/// Removed downloads that a client may still have to hear of.
pub(super) const MOST_REMOVED: usize = 100_000;

/// The engine's state.
pub(super) struct Core {
    /// The engine's own part of the settings, with what clients changed since.
    pub(super) settings: Arc<EngineSettings>,
    /// The settings as their source gave them last.
    pub(super) config: Settings,
    pub(super) source: super::Source,
    pub(super) db: Db,
    /// Each by itself: a table of the items themselves would be half empty, and twice there while it grows.
    pub(super) items: HashMap<DownloadId, Box<Item>>,
    pub(super) collections: BTreeMap<CollectionId, CollectionRecord>,
    pub(super) collections_changed: u64,
    pub(super) queue: Queue,
    pub(super) hosts: Hosts,
    /// What changed, by revision: each download is in it once.
    pub(super) changed: BTreeMap<u64, DownloadId>,
    pub(super) removed: BTreeMap<u64, DownloadId>,
    pub(super) revision: u64,
    pub(super) newest: watch::Sender<u64>,
    /// Waits that end by themselves.
    pub(super) due: BTreeSet<(Instant, DownloadId)>,
    /// The same source and target, found again by a hash of the URL.
    pub(super) by_source: BTreeSet<(u64, DownloadId)>,
    /// Room on disks, as it was granted.
    pub(super) space: Arc<super::space::Space>,
    /// Who waits for something that the engine itself looks at, and from when on.
    pub(super) looked_out: BTreeMap<Turn, Instant>,
    pub(super) look_at: Option<Instant>,
    /// Nothing starts before this moment: the network has just changed.
    pub(super) quiet_until: Option<Instant>,
    pub(super) last_download: u64,
    pub(super) last_collection: u64,
    pub(super) last_run: u64,
    /// Full share first, then those that step aside.
    pub(super) threads: [Vec<TransferThread>; 2],
    pub(super) turn: usize,
    pub(super) news: mpsc::UnboundedSender<News>,
    pub(super) checkpointer: Option<Checkpointer>,
    pub(super) publisher: Option<Publisher>,
    pub(super) librarian: Option<super::librarian::Librarian>,
    /// What the checkpointer was given, and has answered.
    pub(super) saves: super::settle::Saves,
    /// What a request gave to the store, until it is answered.
    pub(super) unheard: Vec<Ticket>,
    /// Tells whenever a transfer has let go, or something was saved.
    pub(super) moved: Rc<Notify>,
    /// How many files the publisher still owes an answer for.
    pub(super) publishing: usize,
    /// Whether other parts are to be deleted than the store knows of.
    pub(super) parts_to_go_changed: bool,
    /// What steps aside begins when the services have said how line and power are, and by then at the latest.
    pub(super) unheard_until: Option<Instant>,
    /// Counts the changes of the library.
    pub(super) library_changes: u64,
    /// Published files that may get their tags still, and when they were published.
    pub(super) tagging: HashMap<DownloadId, UnixMs>,
    pub(super) limiter: super::limits::Limiter,
    /// How each way to download stands.
    pub(super) leaves: Ways<Leave>,
    pub(super) plan: super::plan::Plan,
    /// Whether an idle machine is not to sleep.
    pub(super) awake: watch::Sender<bool>,
    pub(super) undo: super::steps::Steps,
    pub(super) totals: Option<(Instant, Totals)>,
    /// How fast everything is together.
    pub(super) pace: crate::kernel::rate::Pace,
    pub(super) clients: super::clients::Clients,
    /// As many downloads at once as this process may have files open for.
    pub(super) most: u32,
    /// Whether the session has the lowest weight.
    pub(super) quiet: bool,
    /// The governor of what steps aside.
    pub(super) polite: super::polite::Polite,
    pub(super) stopping: bool,
    pub(super) hooks: super::hooks::Hooks,
    /// What is told where no screen is open.
    pub(super) notices: super::notices::Notices,
    /// When a stopping engine no longer waits for the programs of hooks.
    pub(super) patience_ends: Option<Instant>,
    /// Who of the web pages is let in.
    pub(super) door: super::door::Door,
}

impl Core {
    /// Marks a download as changed, for whoever asks what is new.
    pub(super) fn touch(&mut self, id: DownloadId) {
        let Some(item) = self.items.get_mut(&id) else { return };
        self.changed.remove(&item.revision);
        self.revision += 1;
        item.revision = self.revision;
        self.changed.insert(self.revision, id);
        self.newest.send_replace(self.revision);
    }

    pub(super) fn touch_collections(&mut self) {
        self.revision += 1;
        self.collections_changed = self.revision;
        self.newest.send_replace(self.revision);
    }

    /// The library is not what it was: whoever looks at it looks again.
    pub(super) fn library_changed(&mut self) {
        self.library_changes += 1;
        self.totals = None;
        self.touch_collections();
    }

    /// Changes a state by the table; false where the table refuses.
    pub(super) fn step(&mut self, id: DownloadId, event: Event, to: impl FnOnce() -> State) -> bool {
        let Some(item) = self.items.get_mut(&id) else { return false };
        match next(item.record.state.kind(), event) {
            Next::To(kind) => {
                let state = to();
                debug_assert_eq!(state.kind(), kind, "the table and the new state disagree");
                item.record.state = state;
                // Room that was granted, or is waited for, is there for others once this one wants nothing more.
                if matches!(kind, StateKind::Paused) || kind.is_ended() {
                    self.space.release(id);
                    item.is_under_way = false;
                }
                self.touch(id);
                true
            }
            Next::Stay => true,
            Next::Refused(_) => false,
        }
    }

    /// Puts a download in line, and lets it wait for nothing any more.
    pub(super) fn enqueue(&mut self, id: DownloadId) {
        self.clear_due(id);
        let Some(collection) = self.items.get(&id).map(|item| item.record.collection) else { return };
        self.arm(collection);
        let Some(item) = self.items.get(&id) else { return };
        self.queue.insert(Waiting {
            id,
            host: item.host().to_owned(),
            collection: item.record.collection,
            mode: item.record.mode,
            priority: item.record.priority,
            order: item.record.order,
            group: self.clients.group_of(id),
            goes_on: item.is_under_way,
        });
    }

    pub(super) fn clear_due(&mut self, id: DownloadId) {
        let Some(item) = self.items.get_mut(&id) else { return };
        if let Some(due) = item.due.take() {
            self.due.remove(&(due, id));
        }
        if let Some(turn) = item.looked_out.take() {
            self.looked_out.remove(&turn);
        }
    }

    /// Lets a download wait, until then where that is known.
    pub(super) fn wait(&mut self, id: DownloadId, why: WaitReason, after: Option<Duration>) {
        let now = Instant::now();
        let until = after.map(|after| UnixMs::from(super::wall()).after(after));
        if !self.step(id, Event::Wait, || State::Waiting { why, until }) {
            return;
        }
        self.queue.remove(id);
        self.clear_due(id);
        if let Some(after) = after
            && let Some(item) = self.items.get_mut(&id)
        {
            item.due = Some(now + after);
            self.due.insert((now + after, id));
        }
    }

    /// Starts whoever may start.
    pub(super) fn pump(&mut self) {
        let mut held = Ways::each(|way| self.leaves.of(way).policy == Policy::Hold);
        held.background |= self.unheard_until.is_some();
        let all_are_held = held.iter().all(|(_, held)| *held) && !self.queue.some_go_on();
        if self.stopping || all_are_held || self.quiet_until.is_some() {
            return;
        }
        // Who waits for its name still has its part open.
        let waiting = u64::try_from(self.publishing).unwrap_or(u64::MAX) / super::FILES_EACH;
        let slots = Slots {
            most: self.most.saturating_sub(u32::try_from(waiting).unwrap_or(u32::MAX)),
            parallel: self.settings.parallel,
            per_host: self.settings.parallel_per_host,
            per_collection: self
                .collections
                .values()
                .filter_map(|collection| Some((collection.id, collection.settings.parallel?)))
                .collect(),
        };
        let now = UnixMs::from(super::wall());
        loop {
            let collections = &self.collections;
            let is_held =
                |id| collections.get(&id).is_some_and(|collection: &CollectionRecord| collection.held);
            let chosen = self.queue.next(&slots, &held, is_held);
            let Some(id) = chosen else { break };
            let Some(item) = self.items.get(&id) else {
                self.queue.remove(id);
                continue;
            };
            let host = item.host().to_owned();
            match self.hosts.leave(&host, now) {
                hosts::Leave::Ask => match self.lacks(id) {
                    None => self.start(id, &host),
                    Some(why) => {
                        self.wait(id, why, None);
                        self.look_out_for(id, Duration::ZERO);
                        self.store(id);
                    }
                },
                hosts::Leave::After(until) => {
                    self.wait(id, WaitReason::HostAsked { host }, Some(until.since(now)));
                    self.store(id);
                }
                hosts::Leave::Held => {
                    self.hosts.wait_for(&host);
                    self.wait(id, WaitReason::HostRefuses { host }, None);
                    self.store(id);
                }
            }
        }
        self.make_way(&slots, held);
    }

    /// What is wanted now takes the place of what steps aside, one at a time: the last in line that runs goes back there.
    fn make_way(&mut self, slots: &Slots, held: Ways<bool>) {
        let collections = &self.collections;
        let is_held = |id| collections.get(&id).is_some_and(|own: &CollectionRecord| own.held);
        let Some((wanted, host)) = self.queue.wants_place(slots, &held, is_held) else { return };
        let may_ask = self.items.get(&wanted).is_some_and(|item| {
            let leave = self.hosts.leave(item.host(), UnixMs::from(super::wall()));
            matches!(leave, hosts::Leave::Ask)
        });
        let running: Vec<_> =
            self.queue.ids_running().into_iter().filter_map(|id| self.items.get(&id)).collect();
        if !may_ask || running.iter().any(|item| item.run.as_ref().is_some_and(|run| run.stopping)) {
            return;
        }
        let last = running
            .into_iter()
            .filter(|item| host.is_none_or(|host| item.host() == host))
            .filter(|item| !self.queue.is_in_group(item.record.id))
            .map(|item| &item.record)
            .filter(|record| !record.is_full_share() && record.state.kind() != StateKind::Processing)
            .map(|record| turn(record.mode, record.priority, record.order, record.id))
            .max();
        if let Some((.., id)) = last {
            self.stop_run(id, Then::Queue);
        }
    }

    fn start(&mut self, id: DownloadId, host: &str) {
        let share = self.share(host, 1);
        self.last_run += 1;
        let number = self.last_run;
        let (control, incoming) = mpsc::unbounded_channel();
        let (news, settings) = (self.news.clone(), Arc::clone(&self.settings));
        let limits = self.limits_of(id);
        let gave_files = self.hosts.gave_files(host);
        let Some(item) = self.items.get_mut(&id) else { return };
        let live = Arc::new(Live::new(item.covered(), item.record.size));
        let is_new = std::mem::take(&mut item.is_new);
        item.is_under_way = item.record.mode == Mode::RealTime;
        let record = &item.record;
        let connections = record.settings.connections.map_or(share, |wanted| wanted.max(1));
        let has_sums =
            record.extras.as_ref().is_some_and(|extras| extras.checksum.is_some() || extras.pieces.is_some());
        let is_plain = record.checkpoint.is_none() && record.mode == Mode::Background && !has_sums;
        // What is sorted into folders by its tags is read where it is; what steps aside, or is slowed down, is read as slowly as that.
        let may_be_unnamed = is_plain
            && record.is_full_share()
            && !record.settings.streamed
            && self.config.library.folders.is_none()
            && limit::piece(&limits).is_none();
        let moved_from = record.checkpoint.as_ref().and_then(|checkpoint| checkpoint.moved_from.as_ref());
        let order = Order {
            id,
            uuid: record.uuid,
            run: number,
            source: record.source_url.clone(),
            folder: moved_from.map_or_else(|| Arc::clone(&record.folder), |folder| Arc::new(folder.clone())),
            name: record.name.clone(),
            name_is_final: record.name_is_final || record.name_is_given,
            mode: record.mode,
            settings: Arc::clone(&record.settings),
            extras: record.extras.clone(),
            checkpoint: record.checkpoint.clone(),
            held: None,
            is_new,
            may_be_unnamed,
            unwritten: self.db.insertions(),
            part: item.part.take(),
            connections,
            polite: self.polite.handle(),
            full_share: record.is_full_share(),
            host_gave_files: gave_files,
            engine: settings,
            limits,
            space: Arc::clone(&self.space),
            turn: turn(record.mode, record.priority, record.order, id),
            live: Arc::clone(&live),
            control: incoming,
            news,
        };
        let full_share = record.is_full_share();
        let collection = record.collection;
        let run = Running {
            number,
            copied_at: item.covered(),
            shown: item.covered(),
            counted: 0,
            live,
            control,
            rate: crate::kernel::rate::Rate::default(),
            then: Then::Queue,
            share,
            copying: false,
            stopping: false,
            limited_for: 0,
            aside: None,
            renamed: false,
        };
        item.run = Some(Box::new(run));
        self.queue.started(id, host, collection);
        self.step(id, Event::Start, || State::Connecting);
        self.turn = self.turn.wrapping_add(1);
        // Who starts at full share must not begin with the lowest weight.
        self.quiet_session();
        let threads = &self.threads[usize::from(!full_share)];
        let given = threads.get(self.turn % threads.len().max(1)).is_some_and(|thread| thread.give(order));
        if !given {
            self.wait(
                id,
                WaitReason::Retry { attempt: 1, text: "no transfer thread".into() },
                Some(Duration::from_secs(1)),
            );
        }
        self.share_out(host);
    }

    /// How many connections a download from this host may use, `more` of them being about to start.
    fn share(&self, host: &str, more: u32) -> u32 {
        let running = (self.queue.running_from(host) + more).max(1);
        let most = resolve::connections_to(host, &self.config.hosts, self.settings.connections_per_host);
        let of_host = self.hosts.cap(host, most) / running;
        let all = u32::try_from(self.queue.running()).unwrap_or(u32::MAX).saturating_add(more).max(1);
        of_host.min(self.settings.connections / all).max(1)
    }

    /// Shares a host's connections out among its downloads anew.
    pub(super) fn share_out(&mut self, host: &str) {
        if self.queue.running_from(host) == 0 {
            return;
        }
        let share = self.share(host, 0);
        for id in self.queue.ids_running_from(host) {
            let Some(item) = self.items.get_mut(&id) else { continue };
            let wanted = item.record.settings.connections;
            if let Some(run) = &mut item.run
                && run.share != share
            {
                run.share = share;
                tell(run, Control::Connections(wanted.unwrap_or(share)));
            }
        }
    }

    /// Tells a running download to let go; what becomes of it then is decided now.
    pub(super) fn stop_run(&mut self, id: DownloadId, then: Then) -> bool {
        let Some(run) = self.items.get_mut(&id).and_then(|item| item.run.as_mut()) else { return false };
        // Back in line is what becomes of it where nobody decided otherwise.
        if !run.stopping || then != Then::Queue {
            run.then = then;
        }
        if !run.stopping {
            run.stopping = true;
            tell(run, Control::Stop);
        }
        true
    }

    /// Stores a download's record; of a running one all but its checkpoint, which its copies tell.
    pub(super) fn store(&mut self, id: DownloadId) {
        let Some(item) = self.items.get(&id) else { return };
        let (record, run) = (Box::new(item.record.clone()), item.run.as_ref().map(|run| run.number));
        let with_checkpoint = run.is_none();
        let (run, stamp) = (run.unwrap_or(0), self.db.stamp());
        self.save(Save { id, run, stamp, copied: None, record: Some(record), with_checkpoint });
    }

    pub(super) fn save(&mut self, save: Save) {
        if let Some(checkpointer) = &self.checkpointer {
            self.saves.give();
            checkpointer.save(save);
        }
    }

    /// Adds a line to the history and to the download's own story.
    pub(super) fn tell(&mut self, id: DownloadId, what: &str, text: String) {
        let at = UnixMs::from(super::wall());
        let Some(item) = self.items.get_mut(&id) else { return };
        item.event(at, text.clone());
        let line = HistoryLine {
            number: 0,
            at,
            id,
            name: item.record.name.clone(),
            what: what.into(),
            text,
            place: None,
            secs: None,
        };
        // History is a help: what can't be written is told in the story all the same.
        drop(self.db.tell(vec![line], self.settings.history));
    }

    /// Ends waits whose time has come. Returns when the next one does.
    pub(super) fn end_waits(&mut self, now: Instant) -> Option<Instant> {
        while let Some((due, id)) = self.due.first().copied() {
            if due > now {
                return Some(due);
            }
            self.due.remove(&(due, id));
            if let Some(item) = self.items.get_mut(&id) {
                item.due = None;
            }
            if self.step(id, Event::Due, || State::Queued) {
                self.enqueue(id);
            }
        }
        None
    }

    /// Ten times a second while something runs: speeds, and what moved.
    pub(super) fn sample(&mut self, now: Instant) {
        let running = self.queue.ids_running();
        let mut came = 0;
        for id in running {
            let Some(item) = self.items.get_mut(&id) else { continue };
            let Some(run) = &mut item.run else { continue };
            came += run.count();
            let covered = run.live.covered();
            let before = run.rate.speed();
            run.rate.sample(now, covered);
            let limited = run.live.take_limited();
            run.limited_for = if limited { LIMITED_FOR } else { run.limited_for.saturating_sub(1) };
            let aside = self.polite.reports().remark(id);
            let moved = aside != run.aside;
            run.aside = aside;
            if moved || before != 0 || run.rate.speed() != 0 || run.shown != covered {
                run.shown = covered;
                self.touch(id);
            }
        }
        self.count_traffic(came, now);
    }

    /// Once a second: asks running background downloads that moved for a copy.
    pub(super) fn checkpoint_all(&mut self) {
        self.quiet_session();
        for id in self.queue.ids_running() {
            let Some(item) = self.items.get_mut(&id) else { continue };
            let background = item.record.mode == Mode::Background;
            let Some(run) = &mut item.run else { continue };
            let covered = run.live.covered();
            if background && !run.copying && !run.stopping && covered != run.copied_at {
                run.copied_at = covered;
                run.copying = true;
                tell(run, Control::Copy);
            }
        }
    }

    /// Where the kernel shares the processor out by sessions, the idle class counts within one's own only. A process that leads
    /// its session (the agent does) gives it the lowest weight while nothing in it takes a full share.
    pub(super) fn quiet_session(&mut self) {
        let mut running =
            self.queue.ids_running().into_iter().filter_map(|id| self.items.get(&id)).peekable();
        let quiet = self.settings.idle
            && running.peek().is_some()
            && running.all(|item| !item.record.is_full_share());
        let leads =
            || rustix::process::getsid(None).is_ok_and(|session| session == rustix::process::getpid());
        if quiet != self.quiet && leads() {
            // A kernel that doesn't share out by sessions needs nothing of it.
            let _ = crate::sys::quiet_autogroup(quiet);
        }
        self.quiet = quiet;
    }

    /// Stores the part of a download that has just begun, so that it is known as ours after a kill.
    pub(super) fn note_part(&mut self, id: DownloadId) {
        let Some(checkpoint) = self.items.get(&id).and_then(|item| item.record.checkpoint.clone()) else {
            return;
        };
        // The file itself says the rest; this write is only the faster way to it.
        drop(self.db.checkpoint(Durability::Relaxed, self.db.stamp(), id, checkpoint));
    }

    /// Whether nothing runs, is timed or waits to be stored.
    pub(super) fn is_quiet(&self) -> bool {
        self.queue.running() == 0 && self.saves.are_done() && self.publishing == 0
    }

    /// Whether nothing will ever happen by itself.
    pub(super) fn is_idle(&self) -> bool {
        self.is_quiet()
            && self.queue.waiting() == 0
            && self.due.is_empty()
            && self.looked_out.is_empty()
            && !self.keeps_removed()
            && self.hooks.is_quiet()
            && self.librarian.as_ref().is_none_or(super::librarian::Librarian::is_quiet)
            && self.config.library.watch.is_empty()
    }
}

/// For how many looks a limit that held a download back once counts: one that is low lets a piece through now and then.
const LIMITED_FOR: u8 = 4;

/// Says something to a running transfer. One that has ended in this very moment will say so itself.
pub(super) fn tell(run: &Running, control: Control) {
    let _ = run.control.send(control);
}
