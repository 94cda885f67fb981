//! What carries a client's connection: sends its wishes, hands answers and changes out, and seeks a lost engine again.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::connect::{Connect, ConnectError, ConnectKind, Connection};
use super::updates::Feed;
use super::{ClientError, Link};
use crate::model::id::{DownloadId, OwnerKey};
use crate::model::request::{Refusal, RefusalKind, Request};
use crate::model::shelf::LibraryRequest;
use crate::protocol::PROTOCOL;
use crate::protocol::error::{METHOD_NOT_FOUND, RpcError};
use crate::protocol::frame::{Frames, MAX_ANSWER};
use crate::protocol::message::{Ask, Incoming, read_params, read_result, request, try_request};
use crate::protocol::session::{Hello, Own, Pushed, Subscribed, Welcome};

/// How long an engine may take to answer a hello.
const WELCOME_WITHIN: Duration = Duration::from_secs(20);
/// How long a person may take to log in to another machine.
const LOGIN_WITHIN: Duration = Duration::from_mins(3);
/// The first wait before a lost engine is sought again; doubles from try to try.
const SEEK_FIRST: Duration = Duration::from_millis(250);
/// The longest wait between two tries.
const SEEK_MOST: Duration = Duration::from_secs(10);
/// How long an engine that was told to end may take to be back: it is restarted, or it is gone.
const RESTART_WITHIN: Duration = Duration::from_secs(10);
/// Numbers in one message, at most: one of more than a mebibyte is not taken.
const IDS_AT_ONCE: usize = 50_000;
/// Bytes that are read at once.
const READ: usize = 64 << 10;

/// What a client wants of its connection. Each carries the way back for its answer.
#[derive(Debug)]
pub(super) enum Wish {
    /// An answer, as the line that it came in.
    Ask { ask: Box<Ask>, answer: oneshot::Sender<Result<Vec<u8>, ClientError>> },
    /// The list, and what changes.
    Subscribe { feed: Arc<Feed>, answer: oneshot::Sender<Result<(), ClientError>> },
    /// A confirmed leave.
    Goodbye(oneshot::Sender<()>),
}

/// What is on its way.
enum Awaited {
    Answer {
        ask: Box<Ask>,
        answer: oneshot::Sender<Result<Vec<u8>, ClientError>>,
    },
    Subscription {
        feed: Weak<Feed>,
        answer: Option<oneshot::Sender<Result<(), ClientError>>>,
    },
    Goodbye(oneshot::Sender<()>),
    /// Nobody waits for it.
    Nobody,
}

/// The carrier.
pub(super) struct Driver {
    connect: Box<dyn Connect>,
    hello: Hello,
    seek: Option<Duration>,
    wire: Option<Wire>,
    last_id: u64,
    awaited: HashMap<u64, Awaited>,
    /// Who reads changes, over all connections.
    readers: Vec<Weak<Feed>>,
    /// The same by the number that this connection gave them.
    feeds: HashMap<u64, Weak<Feed>>,
    /// Whether the engine was told to end after it had served this client: it is gone because somebody wanted that.
    was_told_to_end: bool,
    /// Whether this engine did anything for this client.
    is_served: bool,
    /// Whether the engine took leave: what it has not answered by then it has not done.
    took_leave: bool,
    /// What it refused to do any more.
    undone: HashSet<u64>,
    /// What was promised to be stayed with, to be promised again to an engine that knows nothing of it.
    attends: Vec<DownloadId>,
    /// How many of its files were to run at once, to be said again in the same way.
    own_parallel: Option<u32>,
    /// Whether an engine of another protocol will do.
    any_protocol: bool,
}

struct Wire {
    connection: Connection,
    frames: Frames,
}

/// How a connection ended.
enum End {
    /// It broke.
    Lost(String),
    /// Nobody needs it any more.
    Over,
}

impl Driver {
    pub(super) async fn connect(
        connect: Box<dyn Connect>,
        key: OwnerKey,
        seek: Option<Duration>,
        any_protocol: bool,
        may_start: bool,
    ) -> Result<(Self, Welcome), ConnectError> {
        let version = env!("CARGO_PKG_VERSION").into();
        let hello = Hello { name: env!("CARGO_PKG_NAME").into(), version, protocol: PROTOCOL, key };
        let mut driver = Self {
            connect,
            hello,
            seek,
            wire: None,
            last_id: 0,
            awaited: HashMap::new(),
            readers: Vec::new(),
            feeds: HashMap::new(),
            was_told_to_end: !may_start,
            is_served: false,
            took_leave: false,
            undone: HashSet::new(),
            attends: Vec::new(),
            own_parallel: None,
            any_protocol,
        };
        let welcome = driver.greet().await?;
        // Whoever answers after a reconnection is another one, and whoever is here now was told nothing.
        (driver.any_protocol, driver.was_told_to_end) = (false, false);
        Ok((driver, welcome))
    }

    /// Connects and says hello.
    async fn greet(&mut self) -> Result<Welcome, ConnectError> {
        let connection = self.connect.connect(!self.was_told_to_end).await?;
        let mut wire = Wire { connection, frames: Frames::new(MAX_ANSWER) };
        // Whoever comes back is not asked for a password again.
        let may_be_asked = self.last_id == 0 && wire.connection.carrier.is_some();
        let within = if may_be_asked { LOGIN_WITHIN } else { WELCOME_WITHIN };
        self.last_id += 1;
        let text = request(self.last_id, &Own::Hello(self.hello.clone()));
        let greeted = tokio::time::timeout(within, wire.exchange(&text)).await;
        let greeted = greeted.unwrap_or_else(|_| {
            Err(ConnectError::silent("the engine is there and doesn't answer", "try again"))
        });
        let welcome: Welcome = match greeted {
            Ok(welcome) => welcome,
            Err(error) => return Err(wire.connection.explain(error).await),
        };
        if welcome.protocol != PROTOCOL && !self.any_protocol {
            return Err(super::other_protocol(&welcome));
        }
        self.wire = Some(wire);
        self.is_served = false;
        self.took_leave = false;
        self.undone.clear();
        Ok(welcome)
    }

    /// Carries the connection until nobody needs it, or it can't be had any more.
    pub(super) async fn drive(
        mut self,
        mut wishes: mpsc::UnboundedReceiver<Wish>,
        link: watch::Sender<Link>,
    ) {
        loop {
            let why = match self.carry(&mut wishes).await {
                End::Over => return self.end_feeds("this client left"),
                End::Lost(why) => why,
            };
            self.wire = None;
            let repeat = self.drop_awaited(&why);
            link.send_replace(self.down(why.clone()));
            match self.seek_again(&mut wishes, &link, why).await {
                Ok(welcome) => drop(link.send_replace(Link::Up(welcome))),
                Err(why) => {
                    link.send_replace(self.down(why.clone()));
                    self.end_feeds(&why);
                    // Those that were to be asked again hear it by their senders' end.
                    drop(repeat);
                    return;
                }
            }
            self.awaited = repeat.into_iter().map(|awaited| (self.new_id(), awaited)).collect();
            self.feeds.clear();
            self.readers.retain(|feed| feed.strong_count() > 0);
            for feed in self.readers.clone() {
                if let Some(feed) = feed.upgrade() {
                    feed.begin_anew();
                }
                let id = self.new_id();
                self.awaited.insert(id, Awaited::Subscription { feed, answer: None });
            }
        }
    }

    fn down(&self, why: String) -> Link {
        Link::Down { why, is_stopped: self.was_told_to_end }
    }

    fn end_feeds(&self, why: &str) {
        self.readers.iter().filter_map(Weak::upgrade).for_each(|feed| feed.end(why));
    }

    fn new_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Lets go of what was on its way. What was not done, or may be asked twice, is asked again; whether the rest was done, nobody knows.
    fn drop_awaited(&mut self, why: &str) -> Vec<Awaited> {
        let lost = || Err(ClientError::Lost { why: why.to_owned() });
        let mut repeat = Vec::new();
        for (id, awaited) in self.awaited.drain() {
            let is_undone = self.took_leave || self.undone.contains(&id);
            match awaited {
                Awaited::Answer { ask, answer }
                    if self.seek.is_some() && (is_undone || may_be_asked_twice(&ask)) =>
                {
                    repeat.push(Awaited::Answer { ask, answer });
                }
                Awaited::Subscription { feed, answer: Some(answer) } if self.seek.is_some() => {
                    repeat.push(Awaited::Subscription { feed, answer: Some(answer) });
                }
                // Whoever gave up waiting needs no answer.
                Awaited::Answer { answer, .. } => drop(answer.send(lost())),
                Awaited::Subscription { answer: Some(answer), .. } => {
                    drop(answer.send(lost().map(|_: Vec<u8>| ())));
                }
                Awaited::Goodbye(answer) => drop(answer.send(())),
                Awaited::Subscription { answer: None, .. } | Awaited::Nobody => {}
            }
        }
        repeat
    }

    /// Seeks the engine again, while somebody is there to need it. Wishes wait meanwhile.
    async fn seek_again(
        &mut self,
        wishes: &mut mpsc::UnboundedReceiver<Wish>,
        link: &watch::Sender<Link>,
        why: String,
    ) -> Result<Welcome, String> {
        let Some(seek) = self.seek else { return Err(why) };
        let seek = if self.was_told_to_end { seek.min(RESTART_WITHIN) } else { seek };
        let end = Instant::now() + seek;
        let mut wait = SEEK_FIRST;
        loop {
            if wishes.is_closed() && wishes.is_empty() {
                return Err(why);
            }
            let error = match self.greet().await {
                Ok(welcome) => {
                    self.was_told_to_end = false;
                    return Ok(welcome);
                }
                Err(error) => error,
            };
            link.send_replace(self.down(error.text.clone()));
            if error.kind == ConnectKind::Final || Instant::now() + wait > end {
                return Err(error.text);
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(SEEK_MOST);
        }
    }

    /// Carries one connection to its end.
    async fn carry(&mut self, wishes: &mut mpsc::UnboundedReceiver<Wish>) -> End {
        let Some(Wire { connection, mut frames }) = self.wire.take() else {
            return End::Lost("there is no connection".into());
        };
        let Connection { mut reader, mut writer, carrier: _carrier } = connection;
        let (outbox, mut to_write) = mpsc::unbounded_channel::<Vec<u8>>();
        // Beside the reading: an engine that waits to be read must not wait for us.
        let writing = async move {
            while let Some(text) = to_write.recv().await {
                if let Err(error) = writer.write_all(&text).await {
                    return error.to_string();
                }
                if let Err(error) = writer.flush().await {
                    return error.to_string();
                }
            }
            std::future::pending().await
        };
        let mut writing = std::pin::pin!(writing);
        self.resume(&outbox);
        let mut chunk = vec![0; READ];
        // Why nothing can be said any more. What the engine said last is heard all the same.
        let mut broken: Option<String> = None;
        loop {
            while let Some(line) = frames.next() {
                let handled = match line {
                    Ok(line) => self.hear(line, &outbox),
                    Err(error) => Err(End::Lost(error.to_string())),
                };
                if let Err(end) = handled {
                    return end;
                }
            }
            tokio::select! {
                read = reader.read(&mut chunk) => match read {
                    Ok(0) => return End::Lost(broken.unwrap_or_else(|| "the engine ended".into())),
                    Ok(count) => frames.push(&chunk[..count]),
                    Err(error) => return End::Lost(broken.unwrap_or_else(|| error.to_string())),
                },
                why = &mut writing, if broken.is_none() => broken = Some(why),
                wish = wishes.recv(), if broken.is_none() => match wish {
                    Some(wish) => self.grant(wish, &outbox),
                    // Nobody is left; what was not said goodbye to is vanished from.
                    None => return End::Over,
                },
            }
        }
    }

    /// Asks an engine that is new to us what the last one didn't answer.
    fn resume(&mut self, outbox: &mpsc::UnboundedSender<Vec<u8>>) {
        // Those that are attended to join what has the limit.
        let limit = self.own_parallel.map(|parallel| Request::SetOwnParallel { parallel });
        let attends = self.attends.chunks(IDS_AT_ONCE).map(|ids| Request::Attend { ids: ids.to_vec() });
        for again in limit.into_iter().chain(attends).collect::<Vec<_>>() {
            let id = self.new_id();
            send(outbox, request(id, &again));
            self.awaited.insert(id, Awaited::Nobody);
        }
        for (id, awaited) in &self.awaited {
            match awaited {
                Awaited::Answer { ask, .. } => {
                    // It could be written before.
                    if let Ok(text) = written(*id, ask) {
                        send(outbox, text);
                    }
                }
                Awaited::Subscription { .. } => send(outbox, request(*id, &Own::Subscribe)),
                Awaited::Goodbye(_) | Awaited::Nobody => {}
            }
        }
    }

    fn grant(&mut self, wish: Wish, outbox: &mpsc::UnboundedSender<Vec<u8>>) {
        let id = self.new_id();
        match wish {
            Wish::Ask { ask, answer } => {
                match ask.as_ref() {
                    Ask::Model(Request::Attend { ids }) if self.seek.is_some() => self.attends.extend(ids),
                    Ask::Model(Request::SetOwnParallel { parallel }) => self.own_parallel = Some(*parallel),
                    _ => {}
                }
                match written(id, &ask) {
                    Ok(text) => send(outbox, text),
                    // Whoever gave up waiting needs no answer.
                    Err(_) => return drop(answer.send(Err(unspeakable()))),
                }
                self.awaited.insert(id, Awaited::Answer { ask, answer });
            }
            Wish::Subscribe { feed, answer } => {
                send(outbox, request(id, &Own::Subscribe));
                let feed = Arc::downgrade(&feed);
                self.awaited.insert(id, Awaited::Subscription { feed, answer: Some(answer) });
            }
            Wish::Goodbye(answer) => {
                send(outbox, request(id, &Own::Goodbye));
                self.awaited.insert(id, Awaited::Goodbye(answer));
            }
        }
    }

    /// Takes in a line.
    fn hear(&mut self, line: &[u8], outbox: &mpsc::UnboundedSender<Vec<u8>>) -> Result<(), End> {
        let garbled = |error: serde_json::Error| End::Lost(format!("the engine makes no sense: {error}"));
        match Incoming::read(line).map_err(garbled)? {
            Incoming::Answer { id, error } => self.answered(id, error, line),
            Incoming::Update => {
                let Pushed { subscription, update } = read_params(line).map_err(garbled)?;
                match self.feeds.get(&subscription).and_then(Weak::upgrade) {
                    Some(feed) => feed.accept(update),
                    // Nobody reads it any more.
                    None if self.feeds.remove(&subscription).is_some() => {
                        let id = self.new_id();
                        send(outbox, request(id, &Own::Unsubscribe(Subscribed { subscription })));
                        self.awaited.insert(id, Awaited::Nobody);
                    }
                    None => {}
                }
                Ok(())
            }
            Incoming::Leaving => {
                self.took_leave = true;
                // Whoever came while it was ending came a moment too early, and starts the next one.
                self.was_told_to_end = self.is_served;
                Ok(())
            }
            Incoming::Other(_) => Ok(()),
        }
    }

    fn answered(&mut self, id: u64, error: Option<RpcError>, line: &[u8]) -> Result<(), End> {
        let is_ending = error.as_ref().and_then(|error| error.data.as_ref()).map(|refusal| refusal.kind)
            == Some(RefusalKind::Stopping);
        self.is_served |= !is_ending;
        // Whoever gave up waiting needs no answer.
        match self.awaited.remove(&id) {
            // It was not done, and is asked again when that one is gone.
            Some(awaited @ Awaited::Answer { .. }) if is_ending && self.seek.is_some() => {
                self.awaited.insert(id, awaited);
                self.undone.insert(id);
            }
            Some(Awaited::Answer { answer, .. }) => {
                let result = error.map_or_else(|| Ok(line.to_vec()), |error| Err(refused(error)));
                drop(answer.send(result));
            }
            Some(Awaited::Subscription { feed, answer }) => {
                let result = match (error, read_result::<Subscribed>(line)) {
                    (Some(error), _) => Err(refused(error)),
                    (None, Err(error)) => Err(super::garbled(&error)),
                    (None, Ok(subscribed)) => {
                        if answer.is_some() {
                            self.readers.push(Weak::clone(&feed));
                        }
                        self.feeds.insert(subscribed.subscription, feed);
                        Ok(())
                    }
                };
                if let Some(answer) = answer {
                    drop(answer.send(result));
                }
            }
            Some(Awaited::Goodbye(answer)) => {
                let _ = answer.send(());
                return Err(End::Over);
            }
            Some(Awaited::Nobody) | None => {}
        }
        Ok(())
    }
}

impl Wire {
    /// Sends the first request and waits for its answer.
    async fn exchange(&mut self, text: &[u8]) -> Result<Welcome, ConnectError> {
        let broken = |error: std::io::Error| {
            ConnectError::away(format!("the engine went away at once: {error}"), "try again")
        };
        self.connection.writer.write_all(text).await.map_err(broken)?;
        self.connection.writer.flush().await.map_err(broken)?;
        let mut chunk = vec![0; READ];
        loop {
            match self.frames.next() {
                Some(Ok(line)) => {
                    return match Incoming::read(line) {
                        Ok(Incoming::Answer { error: Some(error), .. } | Incoming::Other(Some(error))) => {
                            Err(ConnectError::lasting(error.message, "use the same version on both sides"))
                        }
                        Ok(Incoming::Answer { .. }) => read_result(line).map_err(|error| no_haul(&error)),
                        Ok(_) => continue,
                        Err(error) => Err(no_haul(&error)),
                    };
                }
                Some(Err(error)) => return Err(no_haul(&error)),
                None => {}
            }
            match self.connection.reader.read(&mut chunk).await.map_err(broken)? {
                0 => return Err(ConnectError::away("the engine went away at once", "try again")),
                count => self.frames.push(&chunk[..count]),
            }
        }
    }
}

fn no_haul(error: &dyn std::fmt::Display) -> ConnectError {
    ConnectError::lasting(
        format!("what answers there doesn't speak haul's protocol: {error}"),
        "check that the other side runs haul, and that nothing prints at its login",
    )
}

fn written(id: u64, ask: &Ask) -> Result<Vec<u8>, serde_json::Error> {
    match ask {
        Ask::Model(model) => try_request(id, model),
        Ask::Own(own) => try_request(id, own),
    }
}

fn unspeakable() -> ClientError {
    ClientError::Refused(Refusal::new(
        RefusalKind::BadRequest,
        "a path that is not UTF-8 can't be named to the engine",
        "name the folder above it, or give it another name",
    ))
}

/// The writer that has ended says why itself.
fn send(outbox: &mpsc::UnboundedSender<Vec<u8>>, text: Vec<u8>) {
    let _ = outbox.send(text);
}

fn refused(error: RpcError) -> ClientError {
    let RpcError { code, message, data } = error;
    ClientError::Refused(data.unwrap_or_else(|| {
        let hint = if code == METHOD_NOT_FOUND { "the agent is older: `haul agent restart`" } else { "" };
        Refusal::new(RefusalKind::BadRequest, message, hint)
    }))
}

/// Whether asking twice does no more than asking once: it only looks, or finds what the first one did.
fn may_be_asked_twice(ask: &Ask) -> bool {
    match ask {
        // The same source and target attaches to what is there.
        Ask::Model(Request::Add(batch)) => batch.downloads.iter().all(|new| !new.again),
        Ask::Model(request) => matches!(
            request,
            Request::List { .. }
                | Request::Show { .. }
                | Request::Export { .. }
                | Request::Collections
                | Request::Paths { .. }
                | Request::Known { .. }
                | Request::Totals
                | Request::History { .. }
                | Request::Attend { .. }
                | Request::Library(
                    LibraryRequest::Shelf { .. }
                        | LibraryRequest::List(_)
                        | LibraryRequest::Show { .. }
                        | LibraryRequest::Cover { .. }
                        | LibraryRequest::ScanState { .. }
                )
        ),
        Ask::Own(own) => {
            matches!(own, Own::Status | Own::Log { .. } | Own::Read { .. } | Own::Sum { .. })
        }
    }
}

#[cfg(test)]
#[path = "driver_tests.rs"]
mod tests;
