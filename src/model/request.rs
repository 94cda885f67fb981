//! The object model as messages: every request that a client can make of the engine, and every answer.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use url::Url;

use super::checksum::Checksum;
use super::id::{CollectionId, DownloadId};
use super::item::{GivenHeader, Mode, NewDownload, Priority, TransferSettings};
use super::page::{DoorReply, DoorRequest};
use super::policy::{Speeds, Standing};
use super::printable::without_numbers;
use super::record::{CollectionSettings, HistoryLine};
use super::selector::Selector;
use super::shelf::{LibraryReply, LibraryRequest};
use super::time::UnixMs;
use super::view::{CollectionRow, DownloadDetail, DownloadRow, PresetRow, Totals};

/// A request. In the protocol its name is the method and its fields are the parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", content = "params", rename_all = "snake_case")]
pub enum Request {
    /// Adds downloads, all of them or none. Answer: [`Reply::Added`].
    Add(Batch),
    /// Lists downloads. Answer: [`Reply::Rows`].
    List {
        /// Which.
        select: Selector,
    },
    /// Shows one download whole. Answer: [`Reply::Detail`].
    Show {
        /// Which.
        id: DownloadId,
        /// Whether secrets in URLs are shown.
        #[serde(default)]
        reveal: bool,
    },
    /// Does something to downloads. Answer: [`Reply::Acted`].
    Act {
        /// To which.
        select: Selector,
        /// What.
        act: Act,
    },
    /// Takes back the last cancel or remove. Answer: [`Reply::Acted`].
    Undo,
    /// Writes the selected downloads so that they can be added again, true URLs included. Answer: [`Reply::Batch`].
    Export {
        /// Which.
        select: Selector,
    },
    /// Lists collections. Answer: [`Reply::Collections`].
    Collections,
    /// Makes a collection. Answer: [`Reply::Collections`] with the new one only.
    CreateCollection {
        /// Its name; numbered where none is given.
        #[serde(default)]
        name: Option<String>,
    },
    /// Removes a collection; its downloads go to the default one unless they are to be removed too. Answer: [`Reply::Done`].
    RemoveCollection {
        /// Which.
        id: CollectionId,
        /// Whether its downloads are removed with it.
        #[serde(default)]
        with_downloads: bool,
    },
    /// Changes a collection. Answer: [`Reply::Done`].
    SetCollection {
        /// Which.
        id: CollectionId,
        /// New name.
        #[serde(default)]
        name: Option<String>,
        /// New settings, all of them.
        #[serde(default)]
        settings: Option<CollectionSettings>,
    },
    /// Takes finished downloads out of a collection's list. Answer: [`Reply::Acted`].
    Clear {
        /// Which collection.
        id: CollectionId,
        /// Which of its downloads.
        what: Clear,
    },
    /// Holds everything, or one collection: nothing new starts and what runs in the background pauses. Answer: [`Reply::Done`].
    Hold {
        /// A collection; everything where none is named.
        #[serde(default)]
        id: Option<CollectionId>,
        /// Until when. Everything is held until the plan changes where nothing is said.
        #[serde(default)]
        until: Option<UnixMs>,
        /// Until it is released, whatever the plan says.
        #[serde(default)]
        for_good: bool,
    },
    /// Releases a hold, and lifts what else holds or limits everything just now, each until it would have changed by itself.
    /// Answer: [`Reply::Done`].
    Go {
        /// A collection; everything where none is named.
        #[serde(default)]
        id: Option<CollectionId>,
    },
    /// Where the files of downloads are, or will be. Answer: [`Reply::Paths`].
    Paths {
        /// Which downloads.
        select: Selector,
    },
    /// Which of some links are in the list already, whatever their files are called. Answer: [`Reply::Known`].
    Known {
        /// The links.
        urls: Vec<Url>,
    },
    /// Counts and speeds. Answer: [`Reply::Totals`].
    Totals,
    /// The newest lines of history, newest first. Answer: [`Reply::History`].
    History {
        /// How many at most.
        limit: u32,
        /// Only lines before this number.
        #[serde(default)]
        before: Option<u64>,
    },
    /// Rebuilds downloads from parts and notes, or takes on a partial file of another program. Answer: [`Reply::Added`].
    Adopt {
        /// Parts, notes, or folders to look through; or one foreign file.
        paths: Vec<PathBuf>,
        /// Where a foreign file comes from.
        #[serde(default)]
        url: Option<Url>,
        /// Settings for it.
        #[serde(default)]
        settings: Box<TransferSettings>,
    },
    /// Stays with downloads until they end: if this client vanishes without a goodbye, those at priority `now` fall to `normal`. Answer: [`Reply::Done`].
    Attend {
        /// Which.
        ids: Vec<DownloadId>,
    },
    /// Lets so many of the downloads that this client adds from now on run at once, while it stays: they take no place from
    /// others, and no limit on files at once is theirs but this and their collection's. Answer: [`Reply::Done`].
    SetOwnParallel {
        /// How many.
        parallel: u32,
    },
    /// Changes the engine's own limits while it runs. Answer: [`Reply::Done`].
    SetLimits(Limits),
    /// Tells what decides how fast downloads may be just now. Answer: [`Reply::Standing`].
    Standing,
    /// Something of the library. Answer: [`Reply::Library`].
    Library(LibraryRequest),
    /// Reads the engine's settings anew. What is wrong with them is refused and changes nothing. Answer: [`Reply::Done`].
    Reload,
    /// Lists the presets. Answer: [`Reply::Presets`].
    Presets,
    /// Makes a preset the engine's own, now and for good. Answer: [`Reply::Done`].
    UsePreset {
        /// Which.
        name: String,
    },
    /// Something about web pages and who of them is let in. Answer: [`Reply::Door`].
    Door(DoorRequest),
}

/// Downloads to add together, with the settings that they share.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// The downloads.
    pub downloads: Vec<NewDownload>,
    /// Settings; each download names one by its index.
    pub settings: Vec<TransferSettings>,
}

/// The engine's own limits; what is not named stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Files at once.
    pub parallel: Option<u32>,
    /// Files at once from one host.
    pub parallel_per_host: Option<u32>,
    /// Connections to one host.
    pub connections_per_host: Option<u32>,
    /// Connections in all.
    pub connections: Option<u32>,
    /// Forgets every speed limit that was set by hand, before anything else.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reset: bool,
    /// Speed limits. They are kept until they are changed or forgotten, or the settings are read anew.
    #[serde(flatten)]
    pub speeds: Speeds,
}

/// Something that can be done to a download.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Act {
    /// Stops it and keeps its bytes.
    Pause,
    /// Lets a paused or waiting one go on.
    Resume,
    /// Gives it up; its part stays until it is removed.
    Cancel,
    /// Takes it out of the list, cancelled first where it runs, with its part but never its finished file.
    Remove,
    /// Tries a failed, cancelled or waiting one again.
    Retry,
    /// Switches the mode and keeps the bytes.
    SetMode {
        /// To which.
        mode: Mode,
    },
    /// Changes the priority.
    SetPriority {
        /// To which.
        priority: Priority,
    },
    /// Moves it in the queue.
    Move {
        /// Where to.
        to: Place,
    },
    /// Limits its speed.
    SetLimit {
        /// Bytes per second; no limit where none is given.
        limit: Option<u64>,
    },
    /// Changes what it was added with.
    Set(Box<Changes>),
    /// Gives it a new link for the same file; secrets stay with the origin that they were given for.
    RefreshUrl {
        /// The link.
        url: Url,
    },
}

/// Where in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "place", rename_all = "snake_case")]
pub enum Place {
    /// Before all others.
    Top,
    /// After all others.
    Bottom,
    /// Before the one above it.
    Up,
    /// After the one below it.
    Down,
    /// Before another.
    Before {
        /// Which.
        id: DownloadId,
    },
    /// After another.
    After {
        /// Which.
        id: DownloadId,
    },
}

/// Changes to a download; what is not named stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Changes {
    /// File name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Folder, absolute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
    /// Source URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<Url>,
    /// Request headers, all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<Vec<GivenHeader>>,
    /// Connections at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<u32>,
    /// Checksum to verify.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checksum: Option<Checksum>,
    /// Collection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collection: Option<CollectionId>,
    /// Item info to set, by name; an empty text takes it away.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub info: BTreeMap<String, String>,
}

/// Which downloads of a collection to clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clear {
    /// All that are not running.
    All,
    /// The completed ones.
    Finished,
    /// The cancelled ones.
    Cancelled,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", content = "data", rename_all = "snake_case")]
pub enum Reply {
    /// Done; nothing to say.
    Done,
    /// What became of each download that was to be added, in order.
    Added(Vec<Added>),
    /// Downloads.
    Rows(Vec<DownloadRow>),
    /// One download.
    Detail(Box<DownloadDetail>),
    /// What became of each download that was to be acted on.
    Acted(Vec<Acted>),
    /// Downloads as they could be added again.
    Batch(Batch),
    /// Collections.
    Collections(Vec<CollectionRow>),
    /// The finished file of each download, or where it will be.
    Paths(Vec<(DownloadId, String)>),
    /// For each link, in order, the newest download of it.
    Known(Vec<Option<DownloadId>>),
    /// Totals.
    Totals(Totals),
    /// History.
    History(Vec<HistoryLine>),
    /// What the library answers.
    Library(LibraryReply),
    /// Presets.
    Presets(Vec<PresetRow>),
    /// About web pages.
    Door(DoorReply),
    /// What decides how fast downloads may be just now.
    Standing(Box<Standing>),
}

/// What became of a download that was to be added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Added {
    /// Its number.
    pub id: DownloadId,
    /// Whether it is new, or was there already.
    pub how: AddedHow,
}

/// How an added download came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AddedHow {
    /// It is new.
    New,
    /// The same source and target was there, unfinished: it goes on.
    Attached,
    /// The same source and target is finished, and its file is still here.
    AlreadyHere,
}

/// What became of one download that was to be acted on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acted {
    /// Which.
    pub id: DownloadId,
    /// Why it can't be done, where it can't.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refusal>,
}

/// Why a request was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{text}")]
pub struct Refusal {
    /// For programs.
    pub kind: RefusalKind,
    /// What can't be done, and why.
    pub text: String,
    /// What to do instead; may be empty.
    #[serde(default)]
    pub hint: String,
}

/// The kinds of refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalKind {
    /// The request makes no sense.
    BadRequest,
    /// There is no such download or collection.
    NotFound,
    /// It can't be done in this state or mode.
    NotNow,
    /// The file name or the part is taken.
    Taken,
    /// The store could not be written.
    Store,
    /// The engine is stopping.
    Stopping,
    /// It is not for who asks.
    Forbidden,
}

impl Refusal {
    /// Returns a refusal.
    pub fn new(kind: RefusalKind, text: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { kind, text: without_numbers(&text.into()).into_owned(), hint: hint.into() }
    }
}
