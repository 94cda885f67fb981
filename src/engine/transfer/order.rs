//! What the engine and a running transfer say to each other.

use std::sync::Arc;

use tokio::sync::mpsc;
use url::Url;
use uuid::Uuid;

use super::super::polite::PoliteHandle;
use super::super::space::Space;
use super::live::Live;
use crate::kernel::limit::Bucket;
use crate::kernel::queue::Turn;
use crate::model::coverage::Coverage;
use crate::model::id::{DownloadId, Generation};
use crate::model::item::{Extras, Mode, TransferSettings};
use crate::model::range::ByteRange;
use crate::model::record::Checkpoint;
use crate::model::settings::EngineSettings;
use crate::model::state::{Failure, WaitReason};
use crate::store::db::Insertions;
use crate::store::part::Part;

/// A download to carry out, with all that is known of it.
pub(crate) struct Order {
    /// Number.
    pub(crate) id: DownloadId,
    /// Identity.
    pub(crate) uuid: Uuid,
    /// Which run of this download: answers of an older one are stale.
    pub(crate) run: u64,
    /// Where it comes from.
    pub(crate) source: Url,
    /// Folder of the part: the finished file's, unless that was changed meanwhile.
    pub(crate) folder: Arc<std::path::PathBuf>,
    /// File name as far as it is known.
    pub(crate) name: String,
    /// Whether the name is decided.
    pub(crate) name_is_final: bool,
    /// Mode.
    pub(crate) mode: Mode,
    /// How it is fetched.
    pub(crate) settings: Arc<TransferSettings>,
    /// What else is known.
    pub(crate) extras: Option<Box<Extras>>,
    /// What is on disk of it.
    pub(crate) checkpoint: Option<Box<Checkpoint>>,
    /// The same, for the run itself.
    pub(crate) held: Option<Box<Checkpoint>>,
    /// Whether it never ran before: nothing of it can be on disk.
    pub(crate) is_new: bool,
    /// Whether it may wait for its final name without any, if all of it comes at once.
    pub(crate) may_be_unnamed: bool,
    /// What the store has yet to commit before anything may be made on disk.
    pub(crate) unwritten: Option<Insertions>,
    /// The part, where it is still open from the run before.
    pub(crate) part: Option<Arc<Part>>,
    /// Connections at most.
    pub(crate) connections: u32,
    /// Where connections that step aside are handed in.
    pub(crate) polite: Option<PoliteHandle>,
    /// Whether it takes its full share of the line.
    pub(crate) full_share: bool,
    /// Whether its host gave files before, so that a web page is suspicious.
    pub(crate) host_gave_files: bool,
    /// The engine's settings.
    pub(crate) engine: Arc<EngineSettings>,
    /// Buckets that its bytes pass, outermost first.
    pub(crate) limits: Vec<Arc<Bucket>>,
    /// Room on disks.
    pub(crate) space: Arc<Space>,
    /// Its turn in the queue, by which room is granted.
    pub(crate) turn: Turn,
    /// Numbers to show.
    pub(crate) live: Arc<Live>,
    /// Where orders from the engine come in.
    pub(crate) control: mpsc::UnboundedReceiver<Control>,
    /// Where news goes.
    pub(crate) news: mpsc::UnboundedSender<News>,
}

/// The engine's word to a running transfer.
#[derive(Debug)]
pub(crate) enum Control {
    /// Let go, with a checkpoint.
    Stop,
    /// Hand over a copy of the coverage, for a checkpoint.
    Copy,
    /// These bytes are safe now, for this generation.
    Committed(Generation, Arc<Coverage>),
    /// The part could not be synced: only these bytes are sure.
    SyncFailed(Generation, Arc<Coverage>),
    /// Connections at most.
    Connections(u32),
    /// Another mode: background begins to be noted, real time ends to be.
    Mode(Mode),
    /// Whether it takes its full share of the line, or steps aside.
    FullShare(bool),
    /// Buckets that its bytes pass from now on, outermost first.
    Limits(Vec<Arc<Bucket>>),
    /// This machine no longer has this address: connections from it are dead.
    AddressGone(std::net::IpAddr),
    /// Say what is on disk and what is being fetched.
    Look(tokio::sync::oneshot::Sender<Look>),
}

/// A running download as it is in this moment.
#[derive(Debug)]
pub(crate) struct Look {
    /// What is on disk.
    pub(crate) coverage: Vec<ByteRange>,
    /// What each connection still has before it.
    pub(crate) lanes: Vec<ByteRange>,
}

/// A transfer's word to the engine.
pub(crate) struct News {
    /// Which download.
    pub(crate) id: DownloadId,
    /// Which run of it.
    pub(crate) run: u64,
    /// What happened.
    pub(crate) what: What,
}

/// What happened in a transfer.
pub(crate) enum What {
    /// The first answer was accepted: bytes may come.
    Answered(Box<Answered>),
    /// A copy for a checkpoint.
    Copied(Copied),
    /// Commit this before going on: the part is about to be set aside, or its coverage to shrink.
    Commit(Box<Checkpoint>, tokio::sync::oneshot::Sender<bool>),
    /// A line for the details.
    Remark(String),
    /// A line for the history as well: what happened in one word, and in a sentence.
    Told(&'static str, String),
    /// One connection was refused while others are served.
    Crowded,
    /// All bytes are here; the checksum is being compared.
    Verifying,
    /// It ended.
    Ended(Box<Ended>),
}

/// What the first answer told.
pub(crate) struct Answered {
    /// File name, decided.
    pub(crate) name: String,
    /// Size in bytes.
    pub(crate) size: Option<u64>,
    /// Address of the server.
    pub(crate) remote: Option<String>,
    /// The part, so that it is known as ours from the start.
    pub(crate) copy: Option<Copied>,
}

/// A checkpoint to be made safe: the part is synced, then the rest committed.
pub(crate) struct Copied {
    /// What to commit.
    pub(crate) checkpoint: Box<Checkpoint>,
    /// What to sync first.
    pub(crate) part: Arc<Part>,
}

/// How a transfer ended, and what is left of it.
pub(crate) struct Ended {
    /// How.
    pub(crate) how: Outcome,
    /// What its first answer told, where all came with it.
    pub(crate) answered: Option<Box<Answered>>,
    /// The part and its last coverage; nothing where no byte was written.
    pub(crate) left: Option<Copied>,
    /// Bytes that it put on disk in this run.
    pub(crate) gained: u64,
    /// The size that the server announced, where there was no room to begin.
    pub(crate) announced: Option<u64>,
    /// Whether old and new bytes were joined on samples only.
    pub(crate) joined_on_samples: bool,
    /// Whether a note is beside the part.
    pub(crate) noted: bool,
    /// File name, where it was decided in this run.
    pub(crate) name: Option<String>,
}

/// How a transfer ended.
pub(crate) enum Outcome {
    /// All bytes are here and verified as far as anything was known to verify.
    Whole,
    /// The file that is here already is still the one on the server.
    Unchanged,
    /// The engine said stop.
    Stopped,
    /// Trouble that often passes.
    Transient {
        /// For people.
        text: String,
        /// When the server wants to be asked again.
        after: Option<std::time::Duration>,
        /// Whether it was the network, so that a change of the network ends the wait.
        host: Option<String>,
    },
    /// Something else must change first.
    Waits(WaitReason),
    /// The disk refused a write: it is full, or the user's share of it is.
    Full {
        /// How many bytes more it needs, as far as known.
        missing: u64,
        /// The folder.
        folder: String,
    },
    /// Needs a person.
    Fails(Failure),
}
