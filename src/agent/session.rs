//! One client's session, whatever carries its messages: one message in, one message out, and changes that are pushed.
//!
//! [`super::serve`] carries it over a stream of bytes; a WebSocket would call [`Session::answer`] for each message and send what
//! [`Session::push`] returns.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use data_encoding::{BASE64, HEXLOWER};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::house::{House, Shared, Watcher};
use crate::engine::Leave;
use crate::model::id::{DownloadId, OwnerKey};
use crate::model::page::PageOrigin;
use crate::model::request::{Batch, Refusal, RefusalKind, Request};
use crate::protocol::error::{HELLO_FIRST, INVALID_PARAMS, INVALID_REQUEST, RpcError};
use crate::protocol::message::{Ask, Asked, Line, Outgoing, failure, line, result, update};
use crate::protocol::session::{LetIn, MAX_PIECE, Own, Piece, Subscribed, Sum};

/// Updates come at most ten times a second: what changes faster is told together. Once the engine has nothing left to do the last
/// one comes at once: somebody may wait for it.
const COALESCE: Duration = Duration::from_millis(100);
/// After a quiet second the first ones come at once, so that a short life is seen as it happens.
const BURST: u32 = 10;
/// The least time between a change and its update: what belongs together is told together.
const BREATH: Duration = Duration::from_millis(1);
/// Downloads in one staged batch, at most.
const MOST_STAGED: usize = 2_000_000;
/// Bytes of the messages of one staged batch, at most.
const MOST_STAGED_BYTES: usize = 1 << 30;
/// Subscriptions of one client, at most: each is looked at and told with each change.
const MOST_SUBSCRIPTIONS: usize = 16;
/// Bytes of the answers to one batch, after which no further part is carried out: they go out in one piece.
const MOST_ANSWERED: usize = 16 << 20;
/// What is said then.
const TOO_MUCH: &str = "the answers to this batch are too large for one line: ask for the rest by itself";
/// Bytes of a client's key, at most: it is kept for as long as the client may come back.
const LONGEST_KEY: usize = 256;

/// A session. Its end without [`Own::Goodbye`] is a client that vanished.
pub struct Session {
    house: Rc<House>,
    /// The web page that it is of; a person's own client where there is none.
    page: Option<PageOrigin>,
    /// Whether it ends with its first answer.
    is_passing: Cell<bool>,
    /// What a page knows of.
    known: RefCell<HashSet<DownloadId>>,
    client: Cell<Option<u64>>,
    is_over: Cell<bool>,
    staged: RefCell<Staged>,
    /// Bytes of the message that is being answered.
    message: Cell<usize>,
    subscriptions: RefCell<BTreeMap<u64, Subscription>>,
    last_subscription: Cell<u64>,
    /// Something about the subscriptions changed.
    turn: Notify,
}

#[derive(Default)]
struct Staged {
    pieces: u32,
    bytes: usize,
    batch: Batch,
}

struct Subscription {
    since: Option<u64>,
    more: bool,
    /// Whether the client knows its number.
    is_open: bool,
    /// Whether the client did something itself: what comes of it is told at once.
    is_prompt: bool,
    /// When news was first seen that is not told yet.
    noticed: Option<Instant>,
    /// When the last update of an even ten a second would have come.
    paid_until: Instant,
    /// A person follows for as long as this is held: nobody else needs to be told then.
    _watcher: Option<Watcher>,
}

/// When something is to be pushed.
enum Due {
    Now(u64),
    At(Instant),
    WithNews,
}

impl Session {
    /// Returns a session of a client that has said nothing yet.
    pub fn new(house: Rc<House>) -> Self {
        Self {
            house,
            page: None,
            is_passing: Cell::new(false),
            known: RefCell::default(),
            client: Cell::new(None),
            is_over: Cell::new(false),
            staged: RefCell::default(),
            message: Cell::new(0),
            subscriptions: RefCell::default(),
            last_subscription: Cell::new(0),
            turn: Notify::new(),
        }
    }

    /// Returns a session of a web page that has said nothing yet.
    pub fn of_page(house: Rc<House>, page: PageOrigin) -> Self {
        let mut session = Self::new(house);
        session.page = Some(page);
        session
    }

    /// The page of this session asks once and has no connection that stays: its hello is left out.
    pub fn pass(&self, key: &OwnerKey) {
        self.is_passing.set(true);
        if let Some(page) = &self.page {
            self.let_in(page, key);
        }
    }

    /// Says goodbye for the client.
    pub fn leave(&self) {
        if let Some(client) = self.client.get() {
            self.end(client, Leave::Goodbye);
        }
    }

    pub(super) fn is_passing(&self) -> bool {
        self.is_passing.get()
    }

    pub(super) fn page(&self) -> Option<&PageOrigin> {
        self.page.as_ref()
    }

    pub(super) fn house(&self) -> &House {
        &self.house
    }

    pub(super) fn known(&self) -> &RefCell<HashSet<DownloadId>> {
        &self.known
    }

    pub(super) fn is_subscribed(&self) -> bool {
        !self.subscriptions.borrow().is_empty()
    }

    /// The client has said who it is.
    pub(super) fn greet(&self, key: OwnerKey) {
        self.client.set(Some(self.house.join(key)));
    }

    /// Whether the client has said who it is.
    pub fn is_greeted(&self) -> bool {
        self.client.get().is_some()
    }

    /// Whether the client said goodbye.
    pub fn is_over(&self) -> bool {
        self.is_over.get()
    }

    /// Answers a message; one without an id gets no answer. When the answer is sent, tell [`Session::sent`].
    pub async fn answer(&self, text: &[u8]) -> Option<Outgoing> {
        self.message.set(text.len());
        let (asked, is_batch) = match Line::read(text) {
            Line::One(asked) => (vec![asked], false),
            Line::Many(asked) => (asked, true),
        };
        let mut answers = Vec::new();
        let mut opens = None;
        let mut bytes = 0;
        for Asked { id, ask } in asked {
            let subscribes = matches!(ask, Ok(Ask::Own(Own::Subscribe)));
            let answered = match ask {
                Ok(_) if bytes > MOST_ANSWERED => Err(RpcError::new(INVALID_REQUEST, TOO_MUCH)),
                Ok(ask) => self.carry_out(ask, id.as_ref().unwrap_or(&Value::Null)).await,
                Err(error) => Err(error),
            };
            if subscribes && answered.is_ok() {
                opens = Some(self.last_subscription.get());
            }
            if let Some(id) = id {
                let answer = answered.unwrap_or_else(|error| failure(&id, &error));
                bytes += answer.len();
                answers.push(answer);
            }
            if is_batch {
                // Others have their turn between two parts.
                tokio::task::yield_now().await;
            }
        }
        line(answers, is_batch).map(|message| Outgoing { opens, ..message })
    }

    /// An answer has been sent: whoever knows its subscription's number by it can be sent changes.
    pub fn sent(&self, opens: Option<u64>) {
        for (number, one) in self.subscriptions.borrow_mut().iter_mut() {
            one.is_open |= opens.is_some_and(|opens| *number <= opens);
        }
        self.turn.notify_one();
    }

    /// Waits for the next change to push. Giving up this future loses none.
    pub async fn push(&self) -> Outgoing {
        let mut newest = self.house.engine.watch();
        let mut idle = self.house.engine.idle();
        loop {
            let revision = *newest.borrow_and_update();
            let is_idle = *idle.borrow_and_update();
            match self.due(Instant::now(), revision, is_idle) {
                Due::Now(number) => {
                    if let Some(update) = self.take(number) {
                        return update;
                    }
                }
                Due::At(at) => tokio::select! {
                    () = tokio::time::sleep_until(at) => {}
                    Ok(_) = idle.wait_for(|idle| *idle), if !is_idle => {}
                    () = self.turn.notified() => {}
                },
                Due::WithNews => tokio::select! {
                    changed = newest.changed() => if changed.is_err() {
                        std::future::pending::<()>().await;
                    },
                    () = self.turn.notified() => {}
                },
            }
        }
    }

    fn due(&self, now: Instant, revision: u64, is_idle: bool) -> Due {
        let mut next: Option<Instant> = None;
        for (number, one) in self.subscriptions.borrow_mut().iter_mut() {
            if !one.is_open {
                continue;
            }
            if one.more {
                return Due::Now(*number);
            }
            if one.since.is_some_and(|since| since >= revision) {
                continue;
            }
            let noticed = *one.noticed.get_or_insert(now);
            let breath = noticed + BREATH;
            let at = if is_idle { breath } else { (one.paid_until - COALESCE * (BURST - 1)).max(breath) };
            if one.is_prompt || at <= now {
                return Due::Now(*number);
            }
            next = Some(next.map_or(at, |next| next.min(at)));
        }
        next.map_or(Due::WithNews, Due::At)
    }

    /// What a subscription is to be told, if anything of it is for this client.
    fn take(&self, number: u64) -> Option<Outgoing> {
        let mut subscriptions = self.subscriptions.borrow_mut();
        let since = subscriptions.get(&number).and_then(|one| one.since);
        let (shared, is_for_us) = match &self.page {
            None => (self.house.changes(since), true),
            Some(page) => {
                let update = self.house.engine.changes(since);
                let (revision, more) = (update.revision, update.more);
                let own = self.told_to_page(page, update, since.is_none());
                (Shared::alone(revision, more, own.as_ref()), own.is_some())
            }
        };
        if let Some(one) = subscriptions.get_mut(&number) {
            let now = Instant::now();
            one.since = Some(shared.revision);
            one.more = shared.more;
            one.is_prompt = false;
            one.noticed = None;
            if is_for_us {
                one.paid_until = one.paid_until.max(now) + COALESCE;
            }
        }
        is_for_us.then(|| update(number, shared.body))
    }

    /// Carries a request out and writes the answer with its result.
    async fn carry_out(&self, ask: Ask, id: &Value) -> Result<Vec<u8>, RpcError> {
        if let Ask::Own(Own::Hello(hello)) = &ask
            && hello.key.0.len() > LONGEST_KEY
        {
            let text = format!("a client's key has at most {LONGEST_KEY} bytes");
            return Err(RpcError::new(INVALID_PARAMS, text));
        }
        let Some(client) = self.client.get() else {
            if let Some(page) = &self.page {
                return self.meet_page(page, ask, id).await;
            }
            let Ask::Own(Own::Hello(hello)) = ask else {
                return Err(RpcError::new(HELLO_FIRST, "say `hello` first"));
            };
            self.greet(hello.key.clone());
            return Ok(result(id, &self.house.welcome(&hello)));
        };
        match ask {
            Ask::Model(request) => self.call(client, request, id).await,
            Ask::Own(own) => self.carry_out_own(client, own, id).await,
        }
    }

    async fn call(&self, client: u64, request: Request, id: &Value) -> Result<Vec<u8>, RpcError> {
        let reply = match &self.page {
            None => self.house.engine.call(client, request).await?,
            Some(page) => {
                self.check_passing(&request)?;
                self.house.engine.call_as_page(client, page, request).await?
            }
        };
        // What comes of it is told at once.
        for one in self.subscriptions.borrow_mut().values_mut() {
            one.is_prompt = true;
        }
        self.turn.notify_one();
        Ok(result(id, &reply))
    }

    async fn carry_out_own(&self, client: u64, own: Own, id: &Value) -> Result<Vec<u8>, RpcError> {
        let done = |()| result(id, &());
        self.check_page(&own)?;
        match own {
            // Only before the hello.
            Own::DoorAsk => Ok(result(id, &LetIn { granted: true })),
            Own::Hello(hello) => Ok(result(id, &self.house.welcome(&hello))),
            Own::Goodbye => {
                self.end(client, Leave::Goodbye);
                Ok(done(()))
            }
            Own::Subscribe if self.subscriptions.borrow().len() >= MOST_SUBSCRIPTIONS => {
                let text = format!("a client has at most {MOST_SUBSCRIPTIONS} subscriptions");
                Err(refuse(RefusalKind::NotNow, text, "end one of them first"))
            }
            Own::Subscribe => {
                let subscription = self.last_subscription.get() + 1;
                self.last_subscription.set(subscription);
                let new = Subscription {
                    since: None,
                    more: true,
                    is_open: false,
                    is_prompt: false,
                    noticed: None,
                    paid_until: Instant::now(),
                    _watcher: self.page.is_none().then(|| self.house.watch()),
                };
                self.subscriptions.borrow_mut().insert(subscription, new);
                Ok(result(id, &Subscribed { subscription }))
            }
            Own::Unsubscribe(Subscribed { subscription }) => {
                self.subscriptions.borrow_mut().remove(&subscription);
                Ok(done(()))
            }
            Own::Stage { number, batch } => self.stage(number, batch).map(done),
            Own::AddStaged { pieces } => {
                let staged = std::mem::take(&mut *self.staged.borrow_mut());
                if staged.pieces != pieces {
                    let text = format!("{pieces} pieces were to be added, {} are staged", staged.pieces);
                    return Err(RpcError::new(INVALID_PARAMS, text));
                }
                self.call(client, Request::Add(staged.batch), id).await
            }
            Own::Status => Ok(result(id, &self.house.status())),
            Own::Log { lines } => {
                self.only_agents()?;
                let lines = self.house.log(lines).map_err(|error| {
                    refuse(RefusalKind::Store, format!("the log can't be read: {error}"), "")
                })?;
                Ok(result(id, &lines))
            }
            Own::Stop { gently } => {
                self.only_agents()?;
                if gently && self.house.engine.serves_real_time_of_others(Some(client)) {
                    let text = "somebody's real-time download would be lost";
                    return Err(refuse(RefusalKind::NotNow, text, "stop it when that is done"));
                }
                self.house.stop();
                Ok(done(()))
            }
            Own::Read { id: download, offset, length } => {
                let path = self.house.engine.finished_file(download)?;
                let length = length.min(MAX_PIECE);
                Ok(result(id, &aside(move || read_piece(&path, offset, length)).await?))
            }
            Own::Sum { id: download, length } => {
                let path = self.house.engine.finished_file(download)?;
                Ok(result(id, &aside(move || sum(&path, length)).await?))
            }
        }
    }

    fn stage(&self, number: u32, batch: Batch) -> Result<(), RpcError> {
        let mut staged = self.staged.borrow_mut();
        if number == 0 {
            *staged = Staged::default();
        }
        let text = if number != staged.pieces {
            format!("piece {number} came where piece {} was to come", staged.pieces)
        } else if staged.batch.downloads.len() + batch.downloads.len() > MOST_STAGED {
            format!("a batch has at most {MOST_STAGED} downloads")
        } else if staged.bytes + self.message.get() > MOST_STAGED_BYTES {
            format!("the pieces of a batch have at most {MOST_STAGED_BYTES} bytes")
        } else if batch.downloads.is_empty() || batch.settings.len() > batch.downloads.len() {
            // Settings that nobody uses would take room and never be counted.
            "the piece has more settings than downloads".to_owned()
        } else if batch.downloads.iter().any(|new| new.settings > 0 && new.settings >= batch.settings.len()) {
            "the piece names settings that it doesn't have".to_owned()
        } else {
            staged.pieces += 1;
            staged.bytes += self.message.get();
            let first = staged.batch.settings.len();
            let needs_default = batch.settings.is_empty();
            staged.batch.settings.extend(batch.settings);
            if needs_default {
                staged.batch.settings.push(crate::model::item::TransferSettings::default());
            }
            staged.batch.downloads.extend(batch.downloads.into_iter().map(|mut new| {
                new.settings += first;
                new
            }));
            return Ok(());
        };
        *staged = Staged::default();
        Err(RpcError::new(INVALID_PARAMS, text))
    }

    fn only_agents(&self) -> Result<(), RpcError> {
        if self.house.is_agent() {
            return Ok(());
        }
        Err(refuse(RefusalKind::NotNow, "this engine runs within the console's own process", ""))
    }

    fn end(&self, client: u64, how: Leave) {
        if !self.is_over.replace(true) {
            self.house.left();
            if let Some(page) = &self.page {
                self.house.engine.page_left(page);
            }
            self.house.engine.leave(client, how);
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(client) = self.client.get() {
            self.end(client, Leave::Vanished);
        }
        if !self.subscriptions.borrow().is_empty() {
            self.house.forget_shared();
        }
    }
}

fn refuse(kind: RefusalKind, text: impl Into<String>, hint: &str) -> RpcError {
    Refusal::new(kind, text, hint).into()
}

/// Does what may wait for a disk beside the engine's own thread.
async fn aside<T: Serialize + Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, RpcError> {
    let done = tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(error.into()));
    done.map_err(|error| {
        refuse(
            RefusalKind::Store,
            format!("the finished file can't be read: {error}"),
            "it may have been moved or deleted",
        )
    })
}

/// Opens a finished file. What took its name may be a pipe, whose opening waits for somebody who writes.
fn open_file(path: &Path) -> std::io::Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let at_once = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = std::fs::OpenOptions::new().read(true).custom_flags(at_once).open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(std::io::Error::other("something else than a file has its name now"))
    }
}

fn read_piece(path: &Path, offset: u64, length: u32) -> std::io::Result<Piece> {
    use std::io::{Read as _, Seek as _};
    let mut file = open_file(path)?;
    file.seek(std::io::SeekFrom::Start(offset))?;
    let mut bytes = Vec::with_capacity(length as usize);
    file.take(u64::from(length)).read_to_end(&mut bytes)?;
    Ok(Piece { data: BASE64.encode(&bytes) })
}

fn sum(path: &Path, length: Option<u64>) -> std::io::Result<Sum> {
    use std::io::Read as _;
    let file = open_file(path)?;
    let facts = file.metadata()?;
    let mut hasher = Sha256::new();
    let mut file = file.take(length.unwrap_or(u64::MAX));
    let mut chunk = vec![0; 256 << 10];
    let mut summed = 0;
    loop {
        let read = file.read(&mut chunk)?;
        if read == 0 {
            break;
        }
        hasher.update(&chunk[..read]);
        summed += read as u64;
    }
    Ok(Sum {
        name: path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
        size: facts.len(),
        modified_ms: facts.modified().map_or(0, |time| crate::model::time::UnixMs::from(time).0),
        summed,
        sha256: HEXLOWER.encode(&hasher.finalize()),
    })
}
