//! A scripted engine for tests: answers by a function, remembers what it was asked, reports what the test says.

use std::io;
use std::sync::{Arc, Mutex};

use tokio::sync::mpsc;
use url::Url;

use super::context::{Context, Surface};
use super::engine::{Engine, Feed};
use super::error::CliError;
use super::interrupts::Interrupts;
use super::output::Output;
use super::proxy::Proxies;
use crate::model::id::{CollectionId, DownloadId};
use crate::model::item::{Mode, Priority};
use crate::model::request::{Acted, Added, AddedHow, Reply, Request};
use crate::model::state::{FailKind, Failure, State, WaitReason};
use crate::model::time::UnixMs;
use crate::model::update::Update;
use crate::model::view::DownloadRow;

type Answer = dyn Fn(&Request) -> Result<Reply, CliError> + Send + Sync;

/// The engine.
#[derive(Clone)]
pub(crate) struct Scripted {
    asked: Arc<Mutex<Vec<Request>>>,
    answer: Arc<Answer>,
    updates: Arc<Mutex<Option<mpsc::UnboundedReceiver<Update>>>>,
    reports: mpsc::UnboundedSender<Update>,
    /// Whether what is to be done to downloads is never answered.
    pub(crate) is_deaf: bool,
}

/// What it reports.
pub(crate) struct ScriptedFeed(mpsc::UnboundedReceiver<Update>);

impl Scripted {
    /// Returns an engine with answers of its own; `None` leaves a request to the usual answer.
    pub(crate) fn new(
        answer: impl Fn(&Request) -> Option<Result<Reply, CliError>> + Send + Sync + 'static,
    ) -> Self {
        let (reports, updates) = mpsc::unbounded_channel();
        let added = Mutex::new(0);
        let answer = move |request: &Request| answer(request).unwrap_or_else(|| Ok(usual(request, &added)));
        Self {
            asked: Arc::default(),
            answer: Arc::new(answer),
            updates: Arc::new(Mutex::new(Some(updates))),
            reports,
            is_deaf: false,
        }
    }

    /// Reports one update a word: `1:downloading+2:queued 1:completed`.
    pub(crate) fn report(&self, words: &str) {
        for word in words.split_whitespace() {
            let rows = word.split('+').filter_map(|part| part.split_once(':'));
            let rows = rows.map(|(id, word)| row(id.parse().unwrap(), word)).collect();
            self.reports.send(Update { rows, ..Update::default() }).unwrap();
        }
    }

    /// What it was asked, in short.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().iter().map(short).collect()
    }

    /// What it was asked.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }
}

impl Engine for Scripted {
    type Feed = ScriptedFeed;

    async fn call(&self, request: Request) -> Result<Reply, CliError> {
        let reply = (self.answer)(&request);
        let is_silent = self.is_deaf && matches!(request, Request::Act { .. });
        self.asked.lock().unwrap().push(request);
        if is_silent {
            std::future::pending::<()>().await;
        }
        reply
    }

    async fn door(&self) -> Result<Option<String>, CliError> {
        Ok(None)
    }

    async fn subscribe(&self) -> Result<ScriptedFeed, CliError> {
        Ok(ScriptedFeed(self.updates.lock().unwrap().take().expect("one subscription")))
    }

    async fn goodbye(self) {}
}

impl Feed for ScriptedFeed {
    async fn next(&mut self) -> Result<Update, CliError> {
        self.0.recv().await.ok_or(CliError::Unreachable { why: "the engine is gone".into() })
    }
}

fn usual(request: &Request, added: &Mutex<u64>) -> Reply {
    match request {
        Request::Add(batch) => {
            let mut last = added.lock().unwrap();
            let new = batch.downloads.iter().map(|_| {
                *last += 1;
                Added { id: DownloadId(*last), how: AddedHow::New }
            });
            Reply::Added(new.collect())
        }
        Request::Act { select, .. } => {
            Reply::Acted(select.ids.iter().map(|id| Acted { id: *id, refused: None }).collect())
        }
        Request::Clear { .. } | Request::Undo => Reply::Acted(Vec::new()),
        Request::List { .. } => Reply::Rows(Vec::new()),
        Request::Collections => Reply::Collections(Vec::new()),
        Request::History { .. } => Reply::History(Vec::new()),
        _ => Reply::Done,
    }
}

/// A request as one line.
fn short(request: &Request) -> String {
    match request {
        Request::Add(batch) => format!("add {}", batch.downloads.len()),
        other => serde_json::to_string(other).unwrap(),
    }
}

/// A state by its word.
pub(crate) fn state(word: &str) -> State {
    let failed =
        |kind, text: &str, hint: &str| State::Failed(Failure { kind, text: text.into(), hint: hint.into() });
    match word {
        "queued" => State::Queued,
        "connecting" => State::Connecting,
        "downloading" => State::Downloading,
        "verifying" => State::Verifying,
        "completed" => State::Completed,
        "paused" => State::Paused,
        "cancelled" => State::Cancelled,
        "failed" => failed(FailKind::Gone, "gone: the server says 404", "Check the link"),
        "gave-up" => failed(FailKind::GaveUp, "gave up after 5 tries", "Try again with `haul retry`"),
        "expired" => State::Waiting { why: WaitReason::LinkExpired, until: None },
        "held" => State::Waiting { why: WaitReason::Held, until: None },
        "retrying" => State::Waiting {
            why: WaitReason::Retry { attempt: 3, text: "the server closed the connection".into() },
            until: Some(UnixMs(8_000)),
        },
        other => panic!("no such state: {other}"),
    }
}

/// A row in that state.
pub(crate) fn row(id: u64, word: &str) -> DownloadRow {
    DownloadRow {
        id: DownloadId(id),
        collection: CollectionId::DEFAULT,
        order: 0.0,
        name: format!("file-{id}"),
        provisional: false,
        moved_to: None,
        host: "a.example".into(),
        mode: Mode::Background,
        priority: Priority::Normal,
        state: state(word),
        size: Some(1000),
        covered: if word == "completed" { 1000 } else { 250 },
        speed: 0,
        eta_secs: None,
        added: UnixMs(0),
        ended: None,
        joined_on_samples: false,
        remark: None,
    }
}

/// What was written to one stream.
#[derive(Clone, Default)]
pub(crate) struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    /// All of it.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An output that no terminal shows, and what is written to it.
pub(crate) fn output() -> (Output, Written, Written) {
    let (data, talk) = (Written::default(), Written::default());
    let output =
        Output::new(Box::new(data.clone()), Box::new(talk.clone()), Surface::default(), Surface::default());
    (output, data, talk)
}

/// Surroundings in a folder of the test's own.
pub(crate) fn context(folder: &std::path::Path) -> Context {
    Context {
        cwd: folder.to_owned(),
        umask: 0o022,
        downloads: folder.to_owned(),
        spool: folder.to_owned(),
        remote: false,
        proxies: Proxies::default(),
        stdout: Surface::default(),
        stderr: Surface::default(),
        now: || UnixMs(0),
        read_metalink: |_| Err("no Metalink here".into()),
        check_cookies: |_| Ok(()),
        netrc: Box::new(|_: &Url| Ok(None)),
        ask_password: |_| Err(io::ErrorKind::NotFound.into()),
    }
}

/// Presses of Ctrl-C, so many of them already made.
pub(crate) fn presses(count: usize) -> (Interrupts, mpsc::UnboundedSender<()>) {
    let (press, presses) = mpsc::unbounded_channel();
    (0..count).for_each(|_| press.send(()).unwrap());
    (Interrupts::Scripted(presses), press)
}
