//! What a session says beside the object model: hello and goodbye, subscriptions, big batches, the agent itself, finished files.

use serde::{Deserialize, Serialize};

use crate::model::id::{DownloadId, OwnerKey};
use crate::model::policy::Standing;
use crate::model::request::Batch;
use crate::model::update::Update;

/// A request of the session itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", content = "params", rename_all = "snake_case")]
pub enum Own {
    /// The first message: who the client is. Answer: [`Welcome`].
    Hello(Hello),
    /// A confirmed leave: real-time downloads of this client end. Answer: `null`, then the connection ends.
    Goodbye,
    /// Asks for the whole list and every change after it. Answer: [`Subscribed`].
    Subscribe,
    /// Ends a subscription. Answer: `null`.
    Unsubscribe(Subscribed),
    /// Stages a piece of a batch that is too big for one message. Answer: `null`.
    Stage {
        /// Its place, from 0 on; each once and in order.
        number: u32,
        /// The piece; its downloads name its own settings.
        batch: Batch,
    },
    /// Adds all staged pieces together, as `add` does. Answer: that of `add`.
    AddStaged {
        /// How many pieces there are.
        pieces: u32,
    },
    /// How the agent is. Answer: [`AgentStatus`].
    Status,
    /// A web page asks to be let in. Answer: [`LetIn`], when somebody has decided.
    #[serde(rename = "door.ask")]
    DoorAsk,
    /// The last lines of the agent's log. Answer: [`LogLines`].
    Log {
        /// How many at most.
        lines: u32,
    },
    /// Checkpoints everything and ends the agent. Answer: `null`, before it ends.
    Stop {
        /// Refuses where somebody's real-time download would end.
        #[serde(default)]
        gently: bool,
    },
    /// Reads a piece of a finished file. Answer: [`Piece`].
    Read {
        /// Which download.
        id: DownloadId,
        /// From where.
        offset: u64,
        /// How many bytes, at most [`MAX_PIECE`].
        length: u32,
    },
    /// Sums the first bytes of a finished file. Answer: [`Sum`].
    Sum {
        /// Which download.
        id: DownloadId,
        /// How many bytes; the whole file where it is not said.
        #[serde(default)]
        length: Option<u64>,
    },
}

/// Bytes of one piece of a file, at most.
pub const MAX_PIECE: u32 = 512 << 10;

/// Who a client is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The program's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The protocol that it speaks.
    pub protocol: u32,
    /// A random key. The same key within a minute is the same owner of real-time downloads.
    pub key: OwnerKey,
}

/// Who the engine is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The program's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The protocol that it speaks.
    pub protocol: u32,
    /// What it can do beside the object model: the names of the session's methods.
    pub capabilities: Vec<String>,
    /// Its process.
    pub pid: u32,
    /// What its owner must know and may have missed: where a damaged store was set aside, and what to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

/// What was decided about a page that asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LetIn {
    /// Whether it is let in.
    pub granted: bool,
}

/// A subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscribed {
    /// Its number within the session.
    pub subscription: u64,
}

/// The parameters of an `update` notification.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pushed {
    /// Of which subscription.
    pub subscription: u64,
    /// What changed.
    pub update: Update,
}

/// How an agent is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentStatus {
    /// Its version.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// Its state folder.
    pub state: String,
    /// Its socket; none within the console's own process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub socket: Option<String>,
    /// Where the door for web pages is; none where it is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub door: Option<String>,
    /// Clients that are connected, whoever asks included.
    pub clients: u64,
    /// Whether it stays when nothing is left to do.
    pub stays: bool,
    /// Seconds since it started.
    pub uptime_secs: u64,
    /// Downloads that run, wait or are in line.
    pub unfinished: u64,
    /// What decides how fast downloads may be just now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<Box<Standing>>,
}

/// Lines of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLines {
    /// Oldest first.
    pub lines: Vec<String>,
}

/// A piece of a finished file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// The bytes, in base64; fewer than asked for at the end of the file.
    pub data: String,
}

/// What a finished file is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// When it was last changed, in milliseconds since 1970.
    pub modified_ms: i64,
    /// How many bytes from its start were summed.
    pub summed: u64,
    /// Their SHA-256, in hex.
    pub sha256: String,
}
