//! Hooks: a program runs for what happened, once, beside everything else. What it does, or fails to do, harms no download.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tokio::process::Command;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::core::Core;
use crate::model::hook::{HookCall, HookEvent};
use crate::model::id::{CollectionId, DownloadId};
use crate::model::printable::{mask_url, printable};
use crate::model::record::HistoryLine;
use crate::model::state::StateKind;
use crate::model::time::UnixMs;
use crate::store::db::Ticket;

/// Programs that run at a time.
const AT_ONCE: usize = 4;
/// How long a program may take where the config doesn't say.
const DEADLINE: Duration = Duration::from_mins(10);
/// How long a stopping engine waits for the programs that run.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of what a program says on stderr that are looked at when it failed.
const MOST_SAID: u64 = 4096;
/// Stands for everything where collections stand for themselves.
const EVERYTHING: u64 = 0;

/// What runs, what waits, and what may become an event.
pub(super) struct Hooks {
    news: mpsc::UnboundedSender<HookNews>,
    running: BTreeMap<u64, CancellationToken>,
    /// Whether there may be events in the store whose programs have not started.
    due: bool,
    /// Events on their way into the store.
    storing: usize,
    armed: BTreeSet<u64>,
    /// Collections in which something ended since they were looked at.
    ended: BTreeSet<CollectionId>,
    /// Whether something ended since everything was looked at.
    has_ended: bool,
}

/// What there is to tell of hooks.
pub(super) enum HookNews {
    /// Events are in the store.
    Stored,
    /// A program ended, or was let go; what went wrong is told.
    Ended(u64, Box<HookCall>, Option<String>),
    /// A program was not started, because that could not be stored. Its event stays for a later engine.
    NotStarted(u64, Box<HookCall>, String),
}

impl Hooks {
    pub(super) fn new(news: mpsc::UnboundedSender<HookNews>) -> Self {
        Self {
            news,
            running: BTreeMap::new(),
            due: false,
            storing: 0,
            armed: BTreeSet::new(),
            ended: BTreeSet::new(),
            has_ended: false,
        }
    }

    /// Whether no program runs or is about to.
    pub(super) fn is_quiet(&self) -> bool {
        self.running.is_empty() && self.storing == 0 && !self.due
    }

    /// What runs is stopped: that nothing runs then is no end of everything.
    pub(super) fn is_interrupted(&mut self) {
        self.has_ended = false;
    }

    /// Lets go of the programs that run: they are left alone.
    pub(super) fn let_go(&mut self) {
        self.due = false;
        self.running.values().for_each(CancellationToken::cancel);
    }
}

impl Core {
    /// Takes up what an earlier engine left. A dormant one starts nothing that isn't its own.
    pub(super) fn take_up_hooks(&mut self, dormant: bool) {
        let Ok(loaded) = self.db.take_hooks() else { return };
        for call in &loaded.interrupted {
            let text = "haul ended while its program ran; it is not started again";
            self.tell_hook(call, text);
        }
        self.hooks.armed = loaded.armed.into_iter().collect();
        if !dormant {
            self.hooks.due = true;
            self.hooks.has_ended = true;
            self.hooks.ended = self
                .hooks
                .armed
                .iter()
                .filter(|key| **key != EVERYTHING)
                .map(|key| CollectionId(*key))
                .collect();
        }
    }

    /// Something is open in a collection: its end will be an event.
    pub(super) fn arm(&mut self, collection: CollectionId) {
        let keys: Vec<u64> =
            [collection.0, EVERYTHING].into_iter().filter(|key| self.hooks.armed.insert(*key)).collect();
        if !keys.is_empty() {
            // An event that is lost with a power cut was about nothing that had ended.
            drop(self.db.arm(keys));
        }
    }

    /// A download ended well: its event is in the store already.
    pub(super) fn hook_done(&mut self, id: DownloadId) {
        self.hooks.due |= !self.config.hooks.on_done.is_empty();
        self.something_ended(id);
    }

    /// A download failed.
    pub(super) fn hook_failed(&mut self, id: DownloadId, error: &str) {
        if !self.config.hooks.on_failed.is_empty()
            && let Some(call) = self.hook_call(id, HookEvent::Failed)
        {
            let ticket = self.db.queue_hooks(vec![HookCall { error: error.to_owned(), ..call }]);
            self.store_hook(ticket);
        }
        self.something_ended(id);
    }

    /// What a program is told of a download.
    pub(super) fn hook_call(&self, id: DownloadId, event: HookEvent) -> Option<HookCall> {
        let record = &self.items.get(&id)?.record;
        let state = match event {
            HookEvent::Failed => StateKind::Failed,
            _ => StateKind::Completed,
        };
        Some(HookCall {
            id: Some(id),
            collection: Some(record.collection),
            name: record.name.clone(),
            path: record.folder.join(&record.name).display().to_string(),
            url: mask_url(&record.source_url),
            state: state.word().into(),
            size: record.size,
            ..HookCall::new(event)
        })
    }

    fn something_ended(&mut self, id: DownloadId) {
        self.count_for_notice(id);
        self.hooks.has_ended = true;
        self.hooks.ended.extend(self.items.get(&id).map(|item| item.record.collection));
    }

    fn store_hook(&mut self, ticket: Ticket) {
        self.hooks.storing += 1;
        let news = self.hooks.news.clone();
        tokio::task::spawn_local(async move {
            // An event that can't be stored has no program; the store's trouble is told elsewhere.
            let _ = ticket.done().await;
            let _ = news.send(HookNews::Stored);
        });
    }

    /// Takes in what is told of hooks.
    pub(super) fn hear_hook(&mut self, news: HookNews) {
        match news {
            HookNews::Stored => {
                self.hooks.storing = self.hooks.storing.saturating_sub(1);
                self.hooks.due = true;
            }
            HookNews::Ended(number, call, trouble) => {
                self.hooks.running.remove(&number);
                self.hooks.due = !self.stopping_is_over();
                drop(self.db.end_hook(number));
                if let Some(trouble) = trouble {
                    self.tell_hook(&call, &trouble);
                }
            }
            HookNews::NotStarted(number, call, why) => {
                self.hooks.running.remove(&number);
                self.tell_hook(&call, &format!("its program was not started: {why}"));
            }
        }
    }

    /// Finds ends of collections and of everything, and starts the programs of what happened.
    pub(super) fn run_hooks(&mut self) {
        for collection in std::mem::take(&mut self.hooks.ended) {
            self.notice_end(collection);
            self.look_for_end(collection);
        }
        self.start_waiting();
        // Last, because what was started just now comes first.
        if self.hooks.has_ended && self.nothing_is_left() {
            self.hooks.has_ended = false;
            if self.hooks.armed.remove(&EVERYTHING) {
                let is_wanted = !self.config.hooks.on_idle.is_empty();
                let ticket = self.db.disarm(EVERYTHING, is_wanted.then(|| HookCall::new(HookEvent::Idle)));
                self.store_hook(ticket);
            }
        }
    }

    /// Starts the programs of events that wait in the store, as many as may run at a time.
    fn start_waiting(&mut self) {
        if !self.hooks.due || self.hooks.running.len() >= AT_ONCE {
            return;
        }
        self.hooks.due = false;
        let Ok(waiting) = self.db.waiting_hooks() else { return };
        for (number, call) in waiting {
            if self.hooks.running.contains_key(&number) {
                continue;
            }
            if self.hooks.running.len() >= AT_ONCE {
                self.hooks.due = true;
                break;
            }
            self.start_hook(number, call);
        }
    }

    /// Whether a collection's last open download ended.
    fn look_for_end(&mut self, id: CollectionId) {
        let Some(collection) = self.collections.get(&id) else { return };
        let is_wanted =
            collection.settings.hook.is_some() || !self.config.hooks.on_collection_done.is_empty();
        if !is_wanted || !self.hooks.armed.contains(&id.0) {
            return;
        }
        let mut state = StateKind::Completed;
        for item in self.items.values().filter(|item| item.record.collection == id) {
            match item.record.state.kind() {
                StateKind::Failed => state = StateKind::Failed,
                StateKind::Completed | StateKind::Cancelled => {}
                _ => return,
            }
        }
        let folder = collection.settings.folder.as_ref().map(|folder| folder.display().to_string());
        let call = HookCall {
            collection: Some(id),
            name: collection.name.clone(),
            path: folder.unwrap_or_default(),
            state: state.word().into(),
            ..HookCall::new(HookEvent::CollectionDone)
        };
        self.hooks.armed.remove(&id.0);
        let ticket = self.db.disarm(id.0, Some(call));
        self.store_hook(ticket);
    }

    /// Whether nothing is left to do, by this engine or by a later one. Other programs come first.
    fn nothing_is_left(&self) -> bool {
        let is_open = |kind: StateKind| kind == StateKind::Queued || kind.is_running();
        self.is_quiet()
            && self.hooks.is_quiet()
            && self.due.is_empty()
            && self.queue.waiting() == 0
            && !self.items.values().any(|item| is_open(item.record.state.kind()))
    }

    fn start_hook(&mut self, number: u64, call: HookCall) {
        let hooks = &self.config.hooks;
        let own = || self.collections.get(&call.collection?)?.settings.hook.as_ref();
        let words = match call.event {
            HookEvent::Done => &hooks.on_done,
            HookEvent::Failed => &hooks.on_failed,
            HookEvent::CollectionDone => own().unwrap_or(&hooks.on_collection_done),
            HookEvent::Idle => &hooks.on_idle,
        };
        let Some((program, arguments)) = words.split_first() else {
            // The config changed since: nobody wants to know any more.
            drop(self.db.end_hook(number));
            return;
        };
        let folder = call.id.and_then(|_| Some(Path::new(&call.path).parent()?.to_owned()));
        let job = Job {
            program: program.clone(),
            arguments: arguments.to_vec(),
            folder: folder.filter(|folder| folder.is_dir()).unwrap_or_else(|| PathBuf::from("/")),
            deadline: hooks.deadline.unwrap_or(DEADLINE),
            stop: CancellationToken::new(),
        };
        self.hooks.running.insert(number, job.stop.clone());
        let begun = self.db.begin_hook(number);
        let news = self.hooks.news.clone();
        tokio::task::spawn_local(async move {
            let told = match begun.done().await {
                Ok(()) => {
                    let trouble = job.run(&call).await.err();
                    HookNews::Ended(number, Box::new(call), trouble)
                }
                Err(error) => HookNews::NotStarted(number, Box::new(call), error.text),
            };
            // An engine that is gone has let go of it.
            let _ = news.send(told);
        });
    }

    /// Adds to the history that a hook went wrong.
    fn tell_hook(&mut self, call: &HookCall, text: &str) {
        let at = UnixMs::from(super::wall());
        let text = printable(&format!("{}: {text}", call.event.word())).into_owned();
        if let Some(item) = call.id.and_then(|id| self.items.get_mut(&id)) {
            item.event(at, text.clone());
        }
        let line = HistoryLine {
            number: 0,
            at,
            id: call.id.unwrap_or(DownloadId(0)),
            name: call.name.clone(),
            what: "hook failed".into(),
            text,
            place: None,
            secs: None,
        };
        // History is a help: the download itself is not touched by this.
        drop(self.db.tell(vec![line], self.settings.history));
    }

    /// Whether a stopping engine no longer waits for programs.
    fn stopping_is_over(&self) -> bool {
        self.stopping && self.patience_ends.is_some_and(|end| Instant::now() >= end)
    }
}

/// A program to run.
struct Job {
    program: String,
    arguments: Vec<String>,
    folder: PathBuf,
    deadline: Duration,
    /// Lets go of it.
    stop: CancellationToken,
}

impl Job {
    /// Runs it to its end; what went wrong comes back in words.
    async fn run(&self, call: &HookCall) -> Result<(), String> {
        let program = &self.program;
        let mut said =
            tempfile::tempfile().map_err(|error| format!("`{program}` was not started: {error}"))?;
        let stderr = said.try_clone().map_err(|error| format!("`{program}` was not started: {error}"))?;
        let started = Command::new(program)
            .args(&self.arguments)
            .envs(call.environment())
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::from(stderr))
            .process_group(0)
            .spawn();
        let mut child = started.map_err(|error| format!("`{program}` can't be started: {error}"))?;
        let group = child.id();
        tokio::select! {
            ended = child.wait() => match ended {
                Ok(status) if status.success() => Ok(()),
                Ok(status) => Err(format!("`{program}` {}{}", how(status), last_line(&mut said))),
                Err(error) => Err(format!("`{program}` can't be waited for: {error}")),
            },
            () = tokio::time::sleep(self.deadline) => {
                kill_group(group);
                // Killed, it ends at once; without this it would stay a zombie.
                let _ = child.wait().await;
                Err(format!("`{program}` was ended: it took longer than {:?}", self.deadline))
            }
            () = self.stop.cancelled() => Err(format!("`{program}` still ran when haul stopped; it was left alone")),
        }
    }
}

fn how(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with status {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended in a way of its own".into(),
    }
}

/// The last thing that a program said.
fn last_line(said: &mut std::fs::File) -> String {
    let mut text = Vec::new();
    let length = said.metadata().map_or(0, |facts| facts.len());
    let read = said
        .seek(SeekFrom::Start(length.saturating_sub(MOST_SAID)))
        .and_then(|_| said.take(MOST_SAID).read_to_end(&mut text));
    let text = String::from_utf8_lossy(&text);
    match text.lines().rev().find(|line| !line.trim().is_empty()) {
        Some(line) if read.is_ok() => format!(": {}", line.trim()),
        _ => String::new(),
    }
}

fn kill_group(group: Option<u32>) {
    let pid = group.and_then(|group| i32::try_from(group).ok()).and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid {
        // One that ended in this moment needs no signal.
        let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
    }
}
