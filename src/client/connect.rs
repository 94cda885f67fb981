//! The smallest face of whatever brings a connection about: a socket, a pipe, ssh.

use std::cell::RefCell;
use std::pin::Pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

/// How long the process that carries a connection may take to end after it.
const CARRIER_ENDS_WITHIN: Duration = Duration::from_secs(2);

/// Brings a connection about, again where it was lost.
pub trait Connect {
    /// Connects; starts the engine where that is what it takes, and nobody told it to end.
    fn connect(&self, may_start: bool) -> Connecting<'_>;
}

/// A connection to come.
pub type Connecting<'a> = Pin<Box<dyn Future<Output = Result<Connection, ConnectError>> + 'a>>;

/// A connection: bytes both ways.
pub struct Connection {
    /// What the engine says.
    pub reader: Pin<Box<dyn AsyncRead>>,
    /// What the client says.
    pub writer: Pin<Box<dyn AsyncWrite>>,
    /// The process that carries it, where one does; it ends with the connection.
    pub carrier: Option<tokio::process::Child>,
}

impl Connection {
    /// Returns a connection over one stream.
    pub fn of_stream(stream: impl AsyncRead + AsyncWrite + 'static) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        Self { reader: Box::pin(reader), writer: Box::pin(writer), carrier: None }
    }
}

impl Connection {
    /// Says better why a connection failed at once, where the process that carries it knows.
    pub(super) async fn explain(mut self, error: ConnectError) -> ConnectError {
        let Some(mut carrier) = self.carrier.take() else { return error };
        drop((self.reader, self.writer));
        let ended = tokio::time::timeout(CARRIER_ENDS_WITHIN, carrier.wait()).await;
        match ended.map(|status| status.ok().and_then(|status| status.code())) {
            Ok(Some(255)) => ConnectError::away("ssh can't connect", "check the name with plain `ssh`"),
            Ok(Some(127)) => ConnectError::lasting(
                "there is no haul on the other machine",
                "install it there, in the PATH of a shell that is not interactive",
            ),
            // What haul ends with there, and it has said why.
            Ok(Some(3)) => ConnectError {
                kind: ConnectKind::Absent,
                text: "no agent answers on the other machine".into(),
                hint: "start it with `haul --host BOX agent start`".into(),
            },
            _ => error,
        }
    }
}

/// Why there is no connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct ConnectError {
    /// What kind of trouble it is.
    pub kind: ConnectKind,
    /// What was tried, and why it failed.
    pub text: String,
    /// What to do; may be empty.
    pub hint: String,
}

/// What kind of trouble it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectKind {
    /// It may be better later.
    Away,
    /// Nothing runs there, and nothing was to be started.
    Absent,
    /// It is there, and doesn't answer.
    Silent,
    /// It will not get better by itself: there is no use in trying on.
    Final,
}

impl ConnectError {
    /// Returns trouble that may pass.
    pub fn away(text: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { kind: ConnectKind::Away, text: text.into(), hint: hint.into() }
    }

    /// Returns that something is there which doesn't answer.
    pub fn silent(text: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { kind: ConnectKind::Silent, text: text.into(), hint: hint.into() }
    }

    /// Returns trouble that stays.
    pub fn lasting(text: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { kind: ConnectKind::Final, text: text.into(), hint: hint.into() }
    }
}

/// One stream that is there already; a second one never is.
pub(super) struct Once(RefCell<Option<Connection>>);

impl Once {
    pub(super) fn new(stream: impl AsyncRead + AsyncWrite + 'static) -> Self {
        Self(RefCell::new(Some(Connection::of_stream(stream))))
    }
}

impl Connect for Once {
    fn connect(&self, _may_start: bool) -> Connecting<'_> {
        let there = self.0.borrow_mut().take();
        Box::pin(async move { there.ok_or_else(|| ConnectError::lasting("the engine ended", "")) })
    }
}
