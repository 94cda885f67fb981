//! The engine: the shell that runs the kernel's decisions.
//!
//! All state is on one thread, in `core`; transfers run on threads of their own and tell what happens; one thread makes
//! bytes safe, one gives whole files their names, one writes the database. [`Engine`] is the face that clients' sessions use.

mod act;
mod add;
mod adopt;
mod checkpointer;
mod clients;
mod collections;
mod core;
mod door;
mod drive;
mod guest;
mod hooks;
mod item;
mod librarian;
mod library;
mod limits;
mod network;
mod news;
mod notices;
mod place;
mod plan;
mod polite;
mod publisher;
mod recover;
mod rewriting;
#[cfg(target_os = "linux")]
mod services;
mod settle;
mod sorter;
mod space;
mod standing;
mod steps;
mod transfer;
mod undo;
mod view;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use tokio::sync::{Notify, mpsc, watch};

use self::checkpointer::Checkpointer;
pub use self::clients::Leave;
use self::core::Core;
pub use self::door::Knock;
use self::item::Then;
use self::librarian::Librarian;
use self::publisher::Publisher;
use self::space::Space;
use self::transfer::{Class, TransferThread};
use crate::fetch::digest;
use crate::kernel::hosts::Hosts;
use crate::kernel::queue::Queue;
use crate::model::id::{DownloadId, OwnerKey};
use crate::model::item::Mode;
use crate::model::policy::{Speeds, Standing};
use crate::model::request::{Refusal, RefusalKind, Reply, Request};
use crate::model::settings::{Settings, SettingsSource};
use crate::model::update::Update;
use crate::model::way::Ways;
use crate::store::db::{Db, Ticket};
pub use crate::store::error::{StoreError, StoreKind};
use crate::store::lock::Lock;
pub use crate::store::lock::{Gate, Hold, Holder};

/// Where an engine's settings come from.
pub type Source = Rc<RefCell<dyn SettingsSource>>;

/// The engine, as the sessions of clients see it. Cheap to clone; everything on one thread.
#[derive(Clone)]
pub struct Engine {
    core: Rc<RefCell<Core>>,
    /// Something happened that the loop must look at.
    wake: Rc<Notify>,
    newest: watch::Receiver<u64>,
    idle: watch::Receiver<bool>,
    hold: Hold,
}

/// A started engine, and what was found at its start.
pub struct Started {
    /// The engine.
    pub engine: Engine,
    /// What makes it go: to be driven until it ends, after [`Engine::stop`].
    pub drive: std::pin::Pin<Box<dyn Future<Output = ()>>>,
    /// That a damaged store was set aside, for people: where, and what became of its downloads.
    pub damaged: Option<String>,
}

/// Files that the engine and its clients have open beside what downloads need, about.
const OWN_FILES: u64 = 40;
/// Files that a download has open: its part, its note and a connection, which the governor holds too.
const FILES_EACH: u64 = 4;

impl Engine {
    /// Opens the store in a state folder and takes up what it holds. The settings are those that the source gave last. A
    /// `dormant` engine leaves alone what an earlier one left unfinished until somebody asks for it.
    ///
    /// # Errors
    /// The store is in use, too new, or can't be opened; or the system gives no threads.
    pub fn start(
        state: &std::path::Path,
        config: Settings,
        source: Source,
        dormant: bool,
    ) -> Result<Started, StoreError> {
        Self::start_within(&Gate::enter(state)?, config, source, dormant)
    }

    /// The same, by whoever is on the way to the store already.
    ///
    /// # Errors
    /// As [`Engine::start`].
    pub fn start_within(
        gate: &Gate,
        config: Settings,
        source: Source,
        dormant: bool,
    ) -> Result<Started, StoreError> {
        let settings = config.engine.clone();
        let lock = Lock::take(gate)?;
        let state = gate.state();
        let date = jiff::Timestamp::now().strftime("%Y-%m-%dT%H%M%SZ").to_string();
        let (db, opened) = Db::open(state, &date, Some(lock.hold().clone()))?;
        let pages = db.pages()?;
        let (news, incoming) = mpsc::unbounded_channel();
        let (to_saved, saved) = mpsc::unbounded_channel();
        let (to_published, published) = mpsc::unbounded_channel();
        let (to_shelved, shelved) = mpsc::unbounded_channel();
        let no_thread = |error: std::io::Error| StoreError::io("can't start", "a thread", &error);
        let checkpointer = Checkpointer::start(db.clone(), to_saved).map_err(no_thread)?;
        let publisher =
            Publisher::start(db.clone(), to_published, settings.tag_reader.clone()).map_err(no_thread)?;
        let librarian =
            Librarian::start(db.clone(), &settings, config.library.clone(), to_shelved).map_err(no_thread)?;
        let polite = polite::Polite::start(settings.eyes).map_err(no_thread)?;
        let transfer = |name: &str, class| TransferThread::start(name, class).map_err(no_thread);
        let background = if settings.idle { Class::Idle } else { Class::FullShare };
        let threads =
            [vec![transfer("transfer", Class::FullShare)?], vec![transfer("background", background)?]];
        let (to_newest, newest) = watch::channel(0);
        let (to_hooked, hooked) = mpsc::unbounded_channel();
        let core = Core {
            limiter: limits::Limiter::new(),
            leaves: Ways::default(),
            plan: plan::Plan::default(),
            awake: watch::Sender::new(false),
            space: Arc::new(Space::new(settings.reserve)),
            looked_out: BTreeMap::new(),
            look_at: None,
            quiet_until: None,
            settings: Arc::new(settings),
            config,
            source,
            db,
            items: HashMap::new(),
            collections: BTreeMap::new(),
            collections_changed: 0,
            queue: Queue::default(),
            hosts: Hosts::default(),
            changed: BTreeMap::new(),
            removed: BTreeMap::new(),
            revision: 0,
            newest: to_newest,
            due: BTreeSet::new(),
            by_source: BTreeSet::new(),
            last_download: 0,
            last_collection: 1,
            last_run: 0,
            threads,
            turn: 0,
            news,
            checkpointer: Some(checkpointer),
            publisher: Some(publisher),
            librarian: Some(librarian),
            saves: settle::Saves::default(),
            unheard: Vec::new(),
            moved: Rc::default(),
            notices: notices::Notices::default(),
            publishing: 0,
            tagging: HashMap::new(),
            library_changes: 0,
            unheard_until: None,
            parts_to_go_changed: false,
            undo: steps::Steps::default(),
            totals: None,
            pace: crate::kernel::rate::Pace::default(),
            clients: clients::Clients::default(),
            most: most_at_once(),
            quiet: false,
            polite,
            stopping: false,
            hooks: hooks::Hooks::new(to_hooked),
            patience_ends: None,
            door: door::Door::new(pages),
        };
        let core = Rc::new(RefCell::new(core));
        {
            let mut core = core.borrow_mut();
            // Before anything new is published: what an earlier engine left is shelved once.
            let left = core.db.to_shelve()?;
            core.limiter.by_hand = core.db.kept(limits::SPEEDS)?.unwrap_or_default();
            core.limit_anew();
            core.delete_parts_to_go(&opened.loaded.downloads)?;
            core.take_up(opened.loaded, dormant);
            core.lower_attended()?;
            core.plan.unheard = cfg!(target_os = "linux") && core.settings.services;
            core.take_up_plan()?;
            core.recover_rewrites()?;
            for file in left {
                core.shelve(file);
            }
            core.db.has_started();
        }
        let damaged = opened.damaged.map(|aside| {
            let rebuilt = core.borrow_mut().rebuild();
            let rebuilt = rebuilt.map(|(folder, count)| {
                format!("; {count} downloads were rebuilt from their parts in {}", folder.display())
            });
            let (aside, rebuilt) = (aside.display(), rebuilt.unwrap_or_default());
            format!("the store was damaged; it is set aside as {aside}{rebuilt}")
        });
        let (to_idle, idle) = watch::channel(false);
        let hold = lock.hold().clone();
        let engine = Self { core, wake: Rc::new(Notify::new()), newest, idle, hold };
        let drive = Box::pin(drive::drive(
            engine.clone(),
            drive::Ears { incoming, saved, published, shelved, hooked },
            to_idle,
            lock,
        ));
        Ok(Started { engine, drive, damaged })
    }

    /// A client came. Its key says whose real-time downloads are its own.
    pub fn join(&self, key: OwnerKey) -> u64 {
        self.core.borrow_mut().join(key)
    }

    /// A client left.
    pub fn leave(&self, client: u64, how: Leave) {
        self.core.borrow_mut().leave(client, how, Instant::now());
        self.wake.notify_one();
    }

    /// What changed after a revision, or everything; at most a page.
    pub fn changes(&self, since: Option<u64>) -> Update {
        self.core.borrow_mut().changes(since, Instant::now())
    }

    /// The newest revision, whenever there is a new one.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.newest.clone()
    }

    /// Whether the settings want somebody to be told where no screen is open.
    pub fn wants_notices(&self) -> bool {
        self.core.borrow().settings.notify
    }

    /// Days whose logs the settings want kept.
    pub fn log_days(&self) -> usize {
        usize::try_from(self.core.borrow().settings.log_days).unwrap_or(usize::MAX)
    }

    /// Tells whether the store is this engine's still. One that isn't ends by itself.
    pub fn hold(&self) -> &Hold {
        &self.hold
    }

    /// Whether nothing will ever happen by itself, whenever that changes.
    pub fn idle(&self) -> watch::Receiver<bool> {
        self.idle.clone()
    }

    /// Whether somebody else's real-time download would be lost if the engine ended now.
    pub fn serves_real_time_of_others(&self, client: Option<u64>) -> bool {
        self.core.borrow().serves_real_time_of_others(client)
    }

    /// What decides how fast downloads may be just now.
    pub fn standing(&self) -> Standing {
        self.core.borrow().standing()
    }

    /// Where a finished download's file is.
    ///
    /// # Errors
    /// There is no such download, or it isn't finished.
    pub fn finished_file(&self, id: DownloadId) -> Result<PathBuf, Refusal> {
        let core = self.core.borrow();
        let record = &core.items.get(&id).ok_or_else(|| act::not_found(id))?.record;
        if record.state.kind() != crate::model::state::StateKind::Completed {
            return Err(Refusal::new(
                RefusalKind::NotNow,
                format!("download {id} is not finished"),
                "wait for it with `haul wait`",
            ));
        }
        Ok(record.folder.join(&record.name))
    }

    /// Downloads that go on by themselves.
    pub fn unfinished(&self) -> Vec<DownloadId> {
        self.core.borrow().unfinished()
    }

    /// Lets go of everything, checkpoints first; the drive ends when all is safe.
    pub fn stop(&self) {
        let mut core = self.core.borrow_mut();
        core.stopping = true;
        core.patience_ends = Some(Instant::now() + hooks::PATIENCE);
        if core.queue.running() > 0 {
            core.hooks.is_interrupted();
        }
        for id in core.queue.ids_running() {
            let real_time = core.items.get(&id).is_some_and(|item| item.record.mode == Mode::RealTime);
            if real_time {
                core.keep_bytes(id);
            } else {
                core.stop_run(id, Then::Queue);
            }
        }
        self.wake.notify_one();
    }

    /// Reads the settings anew. What runs goes on; new limits hold at once, all else for what starts from now on.
    ///
    /// # Errors
    /// What is wrong with them; the old ones stay.
    pub fn reload(&self) -> Result<(), Refusal> {
        let mut core = self.core.borrow_mut();
        let settings = core.source.borrow_mut().read()?;
        core.take_settings(settings);
        self.wake.notify_one();
        Ok(())
    }

    /// Carries out a request.
    ///
    /// # Errors
    /// Why not, for people.
    pub async fn call(&self, client: u64, request: Request) -> Result<Reply, Refusal> {
        if self.core.borrow().stopping {
            return Err(Refusal::new(
                RefusalKind::Stopping,
                "the engine is stopping",
                "try again in a moment",
            ));
        }
        let is_owners = matches!(request, Request::Add(_) | Request::Act { .. } | Request::Attend { .. });
        if is_owners && !self.core.borrow().clients.has(client) {
            let text = "this client has said goodbye already";
            return Err(Refusal::new(RefusalKind::NotNow, text, "connect again"));
        }
        self.core.borrow_mut().unheard.clear();
        let reply = self.carry_out(client, request).await;
        self.wake.notify_one();
        let reply = reply?;
        self.hear().await?;
        Ok(reply)
    }

    /// Which finished downloads have the checksum with which they are asked for again: that somebody once verified nothing, or
    /// something else, proves nothing about their files.
    async fn compare_finished(&self, batch: &add::Settled) -> add::Proven {
        let mut proven = add::Proven::new();
        loop {
            // Others end while files are read: who asks for a download in the moment when it ends has it, too.
            let mut unread = Vec::new();
            for (new, settings) in &batch.orders {
                let Some(wanted) = &new.extras.checksum else { continue };
                for (id, file, verified) in self.core.borrow().finished_of(new, settings.page.as_ref()) {
                    let key = (id, wanted.clone());
                    if proven.contains_key(&key) {
                        continue;
                    }
                    if verified.as_ref() == Some(wanted) {
                        proven.insert(key, true);
                    } else {
                        unread.push((key, file));
                    }
                }
            }
            if unread.is_empty() {
                return proven;
            }
            for (key, file) in unread {
                let algorithm = key.1.algorithm();
                let sum = tokio::task::spawn_blocking(move || digest::of_file(&file, algorithm)).await;
                let is_equal = matches!(sum, Ok(Ok(sum)) if sum == key.1);
                proven.insert(key, is_equal);
            }
        }
    }

    async fn carry_out(&self, client: u64, request: Request) -> Result<Reply, Refusal> {
        match request {
            Request::Add(batch) => {
                let batch = self.core.borrow().settle(batch)?;
                let notes = adopt::notes_beside(&batch).await;
                let proven = self.compare_finished(&batch).await;
                let (added, ticket) = self.core.borrow_mut().add(client, batch, &proven, &notes)?;
                if let Err(refusal) = stored(ticket).await {
                    self.core.borrow_mut().take_out_unstored(client, &added);
                    return Err(refusal);
                }
                Ok(Reply::Added(added))
            }
            Request::List { select } => Ok(Reply::Rows(self.core.borrow().rows(&select))),
            Request::Show { id, reveal } => {
                let look = self.core.borrow().look_at(id);
                // A transfer that has just ended, or waits for its first answer, has nothing to show.
                let look = match look {
                    Some(look) => look.await.ok(),
                    None => None,
                };
                let mut detail = self.core.borrow().detail(id, reveal).ok_or_else(|| act::not_found(id))?;
                if let Some(look) = look {
                    (detail.coverage, detail.segments) = (look.coverage, look.lanes);
                }
                Ok(Reply::Detail(Box::new(detail)))
            }
            Request::Act { select, act } => {
                let given = self.saves_given();
                let acted = self.core.borrow_mut().act(client, &select, &act);
                self.wake.notify_one();
                self.settle(&acted, given).await?;
                Ok(Reply::Acted(acted))
            }
            Request::Undo => {
                let (acted, ticket) = self.core.borrow_mut().undo_last();
                stored(ticket).await?;
                Ok(Reply::Acted(acted))
            }
            Request::Export { select } => Ok(Reply::Batch(self.core.borrow().export(&select))),
            Request::Collections => Ok(Reply::Collections(self.core.borrow().collection_rows())),
            Request::CreateCollection { name } => {
                let (id, ticket) = self.core.borrow_mut().create_collection(name)?;
                stored(Some(ticket)).await?;
                let rows = self.core.borrow().collection_rows();
                Ok(Reply::Collections(rows.into_iter().filter(|row| row.id == id).collect()))
            }
            Request::RemoveCollection { id, with_downloads } => {
                let ticket = self.core.borrow_mut().remove_collection(id, with_downloads)?;
                stored(Some(ticket)).await?;
                Ok(Reply::Done)
            }
            Request::SetCollection { id, name, settings } => {
                let ticket = self.core.borrow_mut().set_collection(id, name, settings)?;
                stored(Some(ticket)).await?;
                Ok(Reply::Done)
            }
            Request::Clear { id, what } => {
                let select = crate::model::selector::Selector {
                    terms: vec![crate::model::selector::Term::Collection(id)],
                    ..Default::default()
                };
                Ok(Reply::Acted(self.core.borrow_mut().clear(&select, what)))
            }
            Request::Hold { id, until, for_good } => {
                self.core.borrow_mut().hold(id, until, for_good).map(|()| Reply::Done)
            }
            Request::Go { id } => self.core.borrow_mut().go(id).map(|()| Reply::Done),
            Request::Paths { select } => Ok(Reply::Paths(self.core.borrow().paths(&select))),
            Request::Known { urls } => Ok(Reply::Known(self.core.borrow().known(&urls))),
            Request::Totals => Ok(Reply::Totals(self.core.borrow_mut().count_all(Instant::now()))),
            Request::History { limit, before } => {
                let db = self.core.borrow().db.clone();
                let lines = db.history(limit, before).map_err(|error| refuse(&error))?;
                Ok(Reply::History(lines))
            }
            Request::Adopt { paths, url, settings } => {
                let (added, ticket) = self.core.borrow_mut().adopt(&paths, url, *settings)?;
                stored(ticket).await?;
                self.core.borrow_mut().pump();
                Ok(Reply::Added(added))
            }
            Request::Attend { ids } => {
                self.core.borrow_mut().attend(client, &ids);
                Ok(Reply::Done)
            }
            Request::SetOwnParallel { parallel } => {
                self.core.borrow_mut().set_own_parallel(client, parallel);
                Ok(Reply::Done)
            }
            Request::SetLimits(limits) => {
                if [limits.parallel, limits.parallel_per_host].contains(&Some(0)) {
                    let text = "no download at once is no limit";
                    return Err(Refusal::new(RefusalKind::BadRequest, text, "`hold` stops everything"));
                }
                self.core.borrow_mut().set_limits(&limits);
                Ok(Reply::Done)
            }
            Request::Standing => Ok(Reply::Standing(Box::new(self.standing()))),
            Request::Reload => self.reload().map(|()| Reply::Done),
            Request::Presets => Ok(Reply::Presets(self.core.borrow().config.preset_rows.clone())),
            Request::UsePreset { name } => {
                let mut core = self.core.borrow_mut();
                let settings = core.source.borrow_mut().use_preset(&name)?;
                core.take_settings(settings);
                Ok(Reply::Done)
            }
            Request::Library(request) => self.library(request).await.map(Reply::Library),
            Request::Door(request) => self.answer_the_door(request).await.map(Reply::Door),
        }
    }
}

impl Core {
    /// Takes new settings over from their source.
    fn take_settings(&mut self, config: Settings) {
        self.settings = Arc::new(config.engine.clone());
        if let Some(librarian) = &self.librarian {
            librarian.settle(config.library.clone());
        }
        self.config = config;
        if self.limiter.by_hand != Speeds::default() {
            self.limiter.by_hand = Speeds::default();
            self.keep_speeds();
        }
        self.limit_anew();
        self.reconsider_soon();
        let hosts: BTreeSet<String> = self
            .queue
            .ids_running()
            .iter()
            .filter_map(|id| Some(self.items.get(id)?.host().to_owned()))
            .collect();
        for host in &hosts {
            self.share_out(host);
        }
        self.pump();
    }
}

/// As many downloads at once as this process may have files open for.
fn most_at_once() -> u32 {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let for_downloads = limit.unwrap_or(u64::MAX).saturating_sub(OWN_FILES) / FILES_EACH;
    u32::try_from(for_downloads).unwrap_or(u32::MAX).max(1)
}

async fn stored(ticket: Option<Ticket>) -> Result<(), Refusal> {
    match ticket {
        Some(ticket) => ticket.done().await.map_err(|error| refuse(&error)),
        None => Ok(()),
    }
}

fn refuse(error: &StoreError) -> Refusal {
    Refusal::new(RefusalKind::Store, error.text.clone(), error.hint())
}

/// The wall clock: for what people read and what must outlive the process.
fn wall() -> SystemTime {
    SystemTime::now()
}
