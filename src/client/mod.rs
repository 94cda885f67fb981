//! A client's end of a connection to an engine: requests and their answers, and the stream of what changes. The same handle
//! over a socket, a pipe within the process, or ssh.

mod connect;
mod driver;
pub mod local;
pub mod ssh;
mod updates;

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot, watch};

pub use crate::protocol::session::{AgentStatus, LogLines, MAX_PIECE, Sum, Welcome};
pub use connect::{Connect, ConnectError, ConnectKind, Connecting, Connection};
pub use updates::Updates;

use crate::model::id::{DownloadId, OwnerKey};
use crate::model::request::{Batch, Refusal, RefusalKind, Reply, Request};
use crate::protocol::frame::MAX_REQUEST;
use crate::protocol::message::{Ask, read_result};
use crate::protocol::session::{Own, Piece};
use driver::Wish;

/// How long a lost connection is sought again before a command gives up.
pub const SEEK: Duration = Duration::from_mins(2);

/// How long a goodbye may take to be heard.
const HEARD_WITHIN: Duration = Duration::from_secs(2);

/// A connection to an engine, wherever it runs. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    wishes: mpsc::UnboundedSender<Wish>,
    link: watch::Receiver<Link>,
}

/// How the connection is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// It is there, to this engine.
    Up(Welcome),
    /// It is lost and sought again; what is known may be old.
    Down {
        /// Why.
        why: String,
        /// Whether somebody told the engine to end: it is gone because that was wanted, and is not started again by itself.
        is_stopped: bool,
    },
}

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The engine refused it.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// The connection is gone.
    #[error("the connection to the engine was lost: {why}")]
    Lost {
        /// Why.
        why: String,
    },
}

/// Refuses an engine that speaks another protocol.
pub fn other_protocol(welcome: &Welcome) -> ConnectError {
    ConnectError::lasting(
        format!("the engine is haul {} and speaks another protocol", welcome.version),
        "use the same version on both sides",
    )
}

impl Client {
    /// Connects. What goes over the connection is carried by a task of the local set that this is called in. A lost connection is
    /// sought for `seek`; without it, a lost connection is the end.
    ///
    /// # Errors
    /// There is no engine to connect to.
    pub async fn open(
        connect: Box<dyn Connect>,
        key: OwnerKey,
        seek: Option<Duration>,
    ) -> Result<Self, ConnectError> {
        Self::meet(connect, key, seek, false, true).await
    }

    /// Connects to one that runs, after somebody told the one before it to end. Where it is lost in its turn, it is started as ever.
    ///
    /// # Errors
    /// None runs.
    pub async fn open_running(
        connect: Box<dyn Connect>,
        key: OwnerKey,
        seek: Option<Duration>,
    ) -> Result<Self, ConnectError> {
        Self::meet(connect, key, seek, false, false).await
    }

    /// Connects to whatever version of haul is there, for what every version understands: `hello`, `status`, `log` and `stop` stay as
    /// they are. The welcome says which protocol it speaks.
    ///
    /// # Errors
    /// There is no engine to connect to.
    pub async fn open_any(connect: Box<dyn Connect>, key: OwnerKey) -> Result<Self, ConnectError> {
        Self::meet(connect, key, None, true, true).await
    }

    async fn meet(
        connect: Box<dyn Connect>,
        key: OwnerKey,
        seek: Option<Duration>,
        any_protocol: bool,
        may_start: bool,
    ) -> Result<Self, ConnectError> {
        let (driver, welcome) = driver::Driver::connect(connect, key, seek, any_protocol, may_start).await?;
        let (wishes, incoming) = mpsc::unbounded_channel();
        let (to_link, link) = watch::channel(Link::Up(welcome));
        tokio::task::spawn_local(driver.drive(incoming, to_link));
        Ok(Self { wishes, link })
    }

    /// Connects over a stream that is there already, such as a pipe within the process.
    ///
    /// # Errors
    /// Nobody at the other end speaks the protocol.
    pub async fn over(
        stream: impl AsyncRead + AsyncWrite + 'static,
        key: OwnerKey,
    ) -> Result<Self, ConnectError> {
        Self::open(Box::new(connect::Once::new(stream)), key, None).await
    }

    /// How the connection is, whenever that changes.
    pub fn link(&self) -> watch::Receiver<Link> {
        self.link.clone()
    }

    /// Who the engine says it is; the last one that was connected.
    pub fn welcome(&self) -> Option<Welcome> {
        match &*self.link.borrow() {
            Link::Up(welcome) => Some(welcome.clone()),
            Link::Down { .. } => None,
        }
    }

    /// Makes a request and waits for its answer. A batch that is too big for one message goes in pieces that are committed together.
    ///
    /// # Errors
    /// It was refused, or the connection is gone.
    pub async fn call(&self, request: Request) -> Result<Reply, ClientError> {
        let request = match request {
            Request::Add(batch) => match pieces(batch)? {
                Pieces::One(batch) => Request::Add(batch),
                Pieces::Many(batches) => {
                    let pieces = u32::try_from(batches.len()).unwrap_or(u32::MAX);
                    for (number, batch) in (0..).zip(batches) {
                        self.own::<()>(Own::Stage { number, batch }).await?;
                    }
                    return self.own(Own::AddStaged { pieces }).await;
                }
            },
            other => other,
        };
        self.ask(Ask::Model(request)).await
    }

    /// Asks for the whole list, in pages, and then for every change. A lost connection is bridged: the list that comes of all updates
    /// is the true one again when it is back.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn subscribe(&self) -> Result<Updates, ClientError> {
        let (updates, feed) = Updates::of(Some(self.clone()));
        self.wish(|answer| Wish::Subscribe { feed, answer }).await??;
        Ok(updates)
    }

    /// Leaves for good: what this client owned may end. An engine that is not there, or does not hear it within a moment, takes it for
    /// one that vanished: nobody is kept waiting for it.
    pub async fn goodbye(self) {
        if self.welcome().is_some() {
            let _ = tokio::time::timeout(HEARD_WITHIN, self.wish(Wish::Goodbye)).await;
        }
    }

    /// Asks how the agent is.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn status(&self) -> Result<AgentStatus, ClientError> {
        self.own(Own::Status).await
    }

    /// Asks for the last lines of the agent's log.
    ///
    /// # Errors
    /// There is no log, or the connection is gone.
    pub async fn log(&self, lines: u32) -> Result<LogLines, ClientError> {
        self.own(Own::Log { lines }).await
    }

    /// Asks the agent to checkpoint everything and end; gently only where nobody's real-time download would be lost.
    ///
    /// # Errors
    /// It was refused, or the connection is gone.
    pub async fn stop(&self, gently: bool) -> Result<(), ClientError> {
        self.own(Own::Stop { gently }).await
    }

    /// Reads a piece of a finished file.
    ///
    /// # Errors
    /// There is no such file, or the connection is gone.
    pub async fn read(&self, id: DownloadId, offset: u64, length: u32) -> Result<Vec<u8>, ClientError> {
        let piece: Piece = self.own(Own::Read { id, offset, length }).await?;
        data_encoding::BASE64.decode(piece.data.as_bytes()).map_err(|error| garbled(&error))
    }

    /// Asks what a finished file is, and for the sum of its first bytes.
    ///
    /// # Errors
    /// There is no such file, or the connection is gone.
    pub async fn sum(&self, id: DownloadId, length: Option<u64>) -> Result<Sum, ClientError> {
        self.own(Own::Sum { id, length }).await
    }

    async fn own<T: serde::de::DeserializeOwned>(&self, own: Own) -> Result<T, ClientError> {
        self.ask(Ask::Own(own)).await
    }

    async fn ask<T: serde::de::DeserializeOwned>(&self, ask: Ask) -> Result<T, ClientError> {
        let line = self.wish(|answer| Wish::Ask { ask: Box::new(ask), answer }).await??;
        read_result(&line).map_err(|error| garbled(&error))
    }

    async fn wish<T>(&self, wish: impl FnOnce(oneshot::Sender<T>) -> Wish) -> Result<T, ClientError> {
        let (answer, coming) = oneshot::channel();
        self.wishes.send(wish(answer)).map_err(|_| self.lost())?;
        coming.await.map_err(|_| self.lost())
    }

    fn lost(&self) -> ClientError {
        let why = match &*self.link.borrow() {
            Link::Up(_) => "the engine ended".into(),
            Link::Down { why, .. } => why.clone(),
        };
        ClientError::Lost { why }
    }
}

fn garbled(error: &dyn std::fmt::Display) -> ClientError {
    ClientError::Lost { why: format!("the answer makes no sense: {error}") }
}

/// Room for what stands around a batch in its message.
const AROUND: usize = 4 << 10;

enum Pieces {
    One(Batch),
    Many(Vec<Batch>),
}

/// Cuts a batch so that each piece fits into a message; settings go with whoever names them.
fn pieces(batch: Batch) -> Result<Pieces, ClientError> {
    let room = MAX_REQUEST - AROUND;
    if length(&batch) <= room {
        return Ok(Pieces::One(batch));
    }
    let settings: Vec<usize> = batch.settings.iter().map(|one| length(one) + 1).collect();
    let mut done = Vec::new();
    let mut open = Batch::default();
    let mut places = std::collections::HashMap::new();
    let mut bytes = 0;
    for mut new in batch.downloads {
        let own = length(&new) + 16;
        let wanted = batch.settings.get(new.settings);
        let with_settings = wanted.is_some() && !places.contains_key(&new.settings);
        let more = own + if with_settings { settings[new.settings] } else { 0 };
        if bytes + more > room && !open.downloads.is_empty() {
            done.push(std::mem::take(&mut open));
            places.clear();
            bytes = 0;
        }
        let alone = own + wanted.map_or(0, |_| settings[new.settings]);
        if alone > room {
            return Err(Refusal::new(
                RefusalKind::BadRequest,
                "one download comes with more than fits into a message",
                "leave some of what was given with it out",
            )
            .into());
        }
        bytes += own;
        if let Some(wanted) = wanted {
            let place = *places.entry(new.settings).or_insert_with(|| {
                bytes += settings[new.settings];
                open.settings.push(wanted.clone());
                open.settings.len() - 1
            });
            new.settings = place;
        }
        open.downloads.push(new);
    }
    done.push(open);
    Ok(Pieces::Many(done))
}

/// The length of a value's JSON.
fn length<T: serde::Serialize>(value: &T) -> usize {
    struct Counter(usize);
    impl std::io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    // Types that JSON can't hold don't occur in requests.
    let _ = serde_json::to_writer(&mut counter, value);
    counter.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::item::{Extras, Mode, NewDownload, Priority, TransferSettings};

    fn new(number: usize, settings: usize) -> NewDownload {
        NewDownload {
            url: format!("https://a.example/{number}/{}", "x".repeat(200)).parse().unwrap(),
            folder: Some("/downloads".into()),
            name: None,
            mode: Some(Mode::Background),
            priority: Some(Priority::Normal),
            otherwise: Priority::Normal,
            collection: None,
            again: false,
            settings,
            extras: Extras::default(),
        }
    }

    #[test]
    fn a_big_batch_is_cut_into_messages_that_say_the_same() {
        let settings = |limit| TransferSettings { limit: Some(limit), ..TransferSettings::default() };
        let batch = Batch {
            downloads: (0..20_000).map(|number| new(number, number % 3)).collect(),
            settings: vec![settings(1), settings(2), settings(3)],
        };
        let Ok(Pieces::Many(pieces)) = pieces(batch.clone()) else { panic!("not cut") };
        assert!(pieces.len() > 3);
        let mut seen = Vec::new();
        for (number, batch) in (0..).zip(pieces) {
            let text =
                crate::protocol::message::request(u64::MAX, &Own::Stage { number, batch: batch.clone() });
            assert!(text.len() <= MAX_REQUEST, "{}", text.len());
            for new in batch.downloads {
                let limit = batch.settings[new.settings].limit;
                seen.push((new.url, limit));
            }
        }
        let asked: Vec<_> =
            batch.downloads.iter().map(|new| (new.url.clone(), batch.settings[new.settings].limit)).collect();
        assert!(seen == asked);
    }

    #[test]
    fn what_fits_is_not_cut_and_what_never_fits_is_refused() {
        let batch = Batch { downloads: vec![new(1, 0)], settings: Vec::new() };
        assert!(matches!(pieces(batch), Ok(Pieces::One(_))));
        let mut big = new(1, 0);
        big.extras.info.insert("Title".into(), "x".repeat(MAX_REQUEST));
        let batch = Batch { downloads: vec![big], settings: Vec::new() };
        assert!(matches!(pieces(batch), Err(ClientError::Refused(_))));
    }
}
