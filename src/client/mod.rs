//! A client's end of a connection to an engine: requests and their answers, and the stream of what changes.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::model::request::{Refusal, Reply, Request};
use crate::model::update::Update;

/// Updates come at most ten times a second: what changes faster is told together.
const COALESCE: Duration = Duration::from_millis(100);
/// After a quiet second the first ones come at once, so that a short life is seen as it happens.
const BURST: u32 = 10;
/// The least time between two updates of a burst.
const BREATH: Duration = Duration::from_millis(1);

/// A connection to an engine, wherever it runs. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    wire: mpsc::UnboundedSender<Wire>,
}

/// What goes over the connection. Each carries the way back for its answer.
#[derive(Debug)]
pub enum Wire {
    /// A request.
    Call(Box<Request>, oneshot::Sender<Result<Reply, Refusal>>),
    /// How to learn of new revisions.
    Watch(oneshot::Sender<watch::Receiver<u64>>),
    /// What changed after a revision.
    Changes(Option<u64>, oneshot::Sender<Update>),
    /// A confirmed leave.
    Goodbye(oneshot::Sender<()>),
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

impl Client {
    /// Returns a connection within the process, and the engine's end of it.
    pub fn pipe() -> (Self, mpsc::UnboundedReceiver<Wire>) {
        let (wire, end) = mpsc::unbounded_channel();
        (Self { wire }, end)
    }

    /// Makes a request and waits for its answer.
    ///
    /// # Errors
    /// It was refused, or the connection is gone.
    pub async fn call(&self, request: Request) -> Result<Reply, ClientError> {
        Ok(self.ask(|answer| Wire::Call(Box::new(request), answer)).await??)
    }

    /// Asks for the whole list, in pages, and then for every change.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn subscribe(&self) -> Result<Updates, ClientError> {
        let newest = self.ask(Wire::Watch).await?;
        Ok(Updates { client: self.clone(), newest, since: None, more: true, paid_until: Instant::now() })
    }

    /// Leaves for good: what this client owned may end.
    pub async fn goodbye(self) {
        // An engine that is gone needs no goodbye.
        let _ = self.ask(Wire::Goodbye).await;
    }

    async fn ask<T>(&self, wire: impl FnOnce(oneshot::Sender<T>) -> Wire) -> Result<T, ClientError> {
        let lost = || ClientError::Lost { why: "the engine ended".into() };
        let (answer, coming) = oneshot::channel();
        self.wire.send(wire(answer)).map_err(|_| lost())?;
        coming.await.map_err(|_| lost())
    }
}

/// The changes that an engine reports: first the whole list in pages, then what changed, at most ten times a second.
#[derive(Debug)]
pub struct Updates {
    client: Client,
    newest: watch::Receiver<u64>,
    since: Option<u64>,
    more: bool,
    /// When the last update of an even ten a second would have come.
    paid_until: Instant,
}

impl Updates {
    /// Waits for the next changes. Whoever is slow gets the newest state, never a queue; giving up this future loses nothing.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn next(&mut self) -> Result<Update, ClientError> {
        if !self.more {
            let since = self.since.unwrap_or(0);
            let lost = |_| ClientError::Lost { why: "the engine ended".into() };
            self.newest.wait_for(|newest| *newest > since).await.map_err(lost)?;
            tokio::time::sleep_until((self.paid_until - COALESCE * (BURST - 1)).max(Instant::now() + BREATH))
                .await;
        }
        let since = self.since;
        let update = self.client.ask(|answer| Wire::Changes(since, answer)).await?;
        self.since = Some(update.revision);
        self.more = update.more;
        let now = Instant::now();
        self.paid_until = self.paid_until.max(now) + COALESCE;
        Ok(update)
    }
}
