//! Where a download is in its life.
//!
//! ```text
//! Queued -> Connecting -> Downloading -> Verifying -> Processing -> Completed
//!    ^          |              |             |            |
//!    |          +--------------+------+------+------------+
//!    |                                v
//!    +------- Paused   Waiting{why, until}   Failed{kind, text, hint}   Cancelled
//! ```
//!
//! The one table of what may follow what is in `kernel::transition`.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::policy::Period;
use super::time::UnixMs;
use super::units::ByteCount;

/// A download's state, with what a person needs to know about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum State {
    /// In line for a free place.
    Queued,
    /// Asked the server; no answer yet.
    Connecting,
    /// Bytes are coming, or may come at any moment.
    Downloading,
    /// All bytes are here; the checksum is being compared.
    Verifying,
    /// Getting its name, its times and its place in the library.
    Processing,
    /// Whole, under its name, safe against a power cut.
    Completed,
    /// Stopped by a person; keeps its bytes.
    Paused,
    /// Stopped by circumstances; goes on by itself.
    Waiting {
        /// What it waits for.
        why: WaitReason,
        /// When it is tried again, where that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<UnixMs>,
    },
    /// Needs a person.
    Failed(Failure),
    /// Given up by a person; keeps its part until removed, so that this can be undone.
    Cancelled,
}

/// What a waiting download waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "for", rename_all = "snake_case")]
pub enum WaitReason {
    /// Something went wrong that often goes away by itself.
    Retry {
        /// Which try comes next.
        attempt: u32,
        /// What went wrong.
        text: String,
    },
    /// The host named a time (Retry-After).
    HostAsked {
        /// The host.
        host: String,
    },
    /// The host refused several downloads in a row: one key tries one of them and releases all.
    HostRefuses {
        /// The host.
        host: String,
    },
    /// A web page came where a file was: somebody has to log in to the network.
    LoginPage,
    /// The link no longer works and the bytes are kept for a new one.
    LinkExpired,
    /// The disk is full.
    NoSpace {
        /// How many bytes more it needs.
        missing: u64,
        /// The folder.
        folder: String,
    },
    /// The folder or its disk is not there.
    FolderAway {
        /// The folder.
        folder: String,
    },
    /// The network interface that it is bound to is not there.
    InterfaceAway {
        /// The interface.
        interface: String,
    },
    /// A person holds everything, or this collection.
    Held,
    /// The weekly plan says not now.
    OutsidePlan,
    /// The line is paid by the byte.
    Metered,
    /// The machine runs on its battery.
    OnBattery {
        /// Percent left, where known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        percent: Option<u8>,
    },
    /// What was set aside for a day or a month is used up.
    BudgetSpent {
        /// Which.
        period: Period,
    },
}

impl WaitReason {
    /// Whether somebody or something holds it that is neither its file's nor its server's: nothing is wrong with the download.
    pub fn is_hold(&self) -> bool {
        matches!(
            self,
            Self::Held
                | Self::OutsidePlan
                | Self::Metered
                | Self::OnBattery { .. }
                | Self::BudgetSpent { .. }
        )
    }
}

/// Why a download failed: a kind for programs, words for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What kind of failure.
    pub kind: FailKind,
    /// What happened, to what.
    pub text: String,
    /// What to do next.
    pub hint: String,
}

/// The kinds of failure, as far as what comes next differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailKind {
    /// 404 or 410, also through the source URL.
    Gone,
    /// 400, 401, 403, 451 and other refusals.
    Refused,
    /// A web page where a file was expected.
    WebPage,
    /// The server's certificate can't be trusted.
    Certificate,
    /// A redirect that is not followed.
    Redirect,
    /// The server's answers contradict HTTP or each other.
    Protocol,
    /// The body came compressed though that was refused.
    Encoded,
    /// The bytes are not those that the checksum names.
    Checksum,
    /// The file on the server changed and the settings say to stop then.
    Changed,
    /// A join would need proof that the server doesn't give.
    NoProof,
    /// The part file is gone or shorter than what was noted.
    PartGone,
    /// The name that was asked for is taken.
    NameTaken,
    /// All bytes are here, but the file could not be put in its place.
    Publish,
    /// A local file, folder or setting.
    Local,
    /// Tried as often or as long as was allowed.
    GaveUp,
}

impl FailKind {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Gone,
        Self::Refused,
        Self::WebPage,
        Self::Certificate,
        Self::Redirect,
        Self::Protocol,
        Self::Encoded,
        Self::Checksum,
        Self::Changed,
        Self::NoProof,
        Self::PartGone,
        Self::NameTaken,
        Self::Publish,
        Self::Local,
        Self::GaveUp,
    ];

    /// The word, as in `why:gone`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Refused => "refused",
            Self::WebPage => "web-page",
            Self::Certificate => "certificate",
            Self::Redirect => "redirect",
            Self::Protocol => "protocol",
            Self::Encoded => "encoded",
            Self::Checksum => "checksum",
            Self::Changed => "changed",
            Self::NoProof => "no-proof",
            Self::PartGone => "part-gone",
            Self::NameTaken => "name-taken",
            Self::Publish => "publish",
            Self::Local => "local",
            Self::GaveUp => "gave-up",
        }
    }
}

/// A [`State`] without what goes with it: for tables, filters and counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateKind {
    /// See [`State::Queued`].
    Queued,
    /// See [`State::Connecting`].
    Connecting,
    /// See [`State::Downloading`].
    Downloading,
    /// See [`State::Verifying`].
    Verifying,
    /// See [`State::Processing`].
    Processing,
    /// See [`State::Completed`].
    Completed,
    /// See [`State::Paused`].
    Paused,
    /// See [`State::Waiting`].
    Waiting,
    /// See [`State::Failed`].
    Failed,
    /// See [`State::Cancelled`].
    Cancelled,
}

impl State {
    /// Returns the state without what goes with it.
    pub fn kind(&self) -> StateKind {
        match self {
            Self::Queued => StateKind::Queued,
            Self::Connecting => StateKind::Connecting,
            Self::Downloading => StateKind::Downloading,
            Self::Verifying => StateKind::Verifying,
            Self::Processing => StateKind::Processing,
            Self::Completed => StateKind::Completed,
            Self::Paused => StateKind::Paused,
            Self::Waiting { .. } => StateKind::Waiting,
            Self::Failed(_) => StateKind::Failed,
            Self::Cancelled => StateKind::Cancelled,
        }
    }
}

impl StateKind {
    /// Every kind, in the order of a download's life.
    pub const ALL: [Self; 10] = [
        Self::Queued,
        Self::Connecting,
        Self::Downloading,
        Self::Verifying,
        Self::Processing,
        Self::Completed,
        Self::Paused,
        Self::Waiting,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The word for people and for filters.
    pub fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Connecting => "connecting",
            Self::Downloading => "downloading",
            Self::Verifying => "verifying",
            Self::Processing => "processing",
            Self::Completed => "completed",
            Self::Paused => "paused",
            Self::Waiting => "waiting",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether a transfer thread or the publisher works on it.
    pub fn is_running(self) -> bool {
        matches!(self, Self::Connecting | Self::Downloading | Self::Verifying | Self::Processing)
    }

    /// Whether nothing happens to it any more by itself.
    pub fn is_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }

    /// Whether it may still become a file: anything but completed and cancelled.
    pub fn is_unfinished(self) -> bool {
        !matches!(self, Self::Completed | Self::Cancelled)
    }
}

impl fmt::Display for StateKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl fmt::Display for WaitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Retry { attempt, text } => write!(f, "{text}; try {attempt} is next"),
            Self::HostAsked { host } => write!(f, "{host} asked to wait"),
            Self::HostRefuses { host } => write!(f, "{host} refuses; retry one to try all again"),
            Self::LoginPage => f.write_str("a web page came instead of the file: log in to the network?"),
            Self::LinkExpired => f.write_str("the link expired; give it a new one with `haul refresh`"),
            Self::NoSpace { missing, folder } => {
                write!(f, "no space: needs {} more on {folder}", ByteCount(*missing))
            }
            Self::FolderAway { folder } => write!(f, "the folder {folder} is away"),
            Self::InterfaceAway { interface } => write!(f, "the network interface {interface} is away"),
            Self::Held => f.write_str("held; `haul go` releases it"),
            Self::OutsidePlan => f.write_str("outside the plan; `haul go` lifts it until the plan changes"),
            Self::Metered => f.write_str("on a metered line; `haul go` lets it go on"),
            Self::OnBattery { percent: Some(percent) } => {
                write!(f, "on battery, {percent} % left; `haul go` lets it go on")
            }
            Self::OnBattery { percent: None } => f.write_str("on battery; `haul go` lets it go on"),
            Self::BudgetSpent { period } => {
                write!(f, "the budget of the {} is used up; `haul go` lets it go on", period.word())
            }
        }
    }
}
