//! What the store keeps: a download's row, its checkpoint and a line of history. Pure data; `store` decides how it is written.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use url::Url;
use uuid::Uuid;

use super::coverage::Coverage;
use super::id::{CollectionId, DownloadId, Generation};
use super::item::{Extras, Mode, Priority, TransferSettings};
use super::page::PageOrigin;
use super::state::State;
use super::time::UnixMs;
use super::validators::Validators;

/// A download as it is kept over restarts.
#[derive(Clone, Debug, PartialEq)]
pub struct DownloadRecord {
    /// Number.
    pub id: DownloadId,
    /// Identity that never clashes with another machine's.
    pub uuid: Uuid,
    /// Collection.
    pub collection: CollectionId,
    /// Place in the queue: lower comes first within a priority. Fractions leave room for moves.
    pub order: f64,
    /// Where it comes from.
    pub source_url: Url,
    /// Folder for the finished file.
    pub folder: Arc<PathBuf>,
    /// File name: what the user chose, what a response decided, or the provisional one.
    pub name: String,
    /// Whether the name is more than a guess from the URL.
    pub name_is_final: bool,
    /// Whether the user chose the name.
    pub name_is_given: bool,
    /// Mode.
    pub mode: Mode,
    /// Priority.
    pub priority: Priority,
    /// State; running ones are kept as queued.
    pub state: State,
    /// When it was added.
    pub added: UnixMs,
    /// When it ended, where it has.
    pub ended: Option<UnixMs>,
    /// Size in bytes, where known.
    pub size: Option<u64>,
    /// Tries so far without a byte between them.
    pub attempts: u32,
    /// Since when no byte came, where one is awaited.
    pub dry_since: Option<UnixMs>,
    /// Whether old and new bytes were joined on the strength of samples only.
    pub joined_on_samples: bool,
    /// How it is fetched; shared by all that were added together.
    pub settings: Arc<TransferSettings>,
    /// What else is known, where anything is.
    pub extras: Option<Box<Extras>>,
    /// What is on disk of it.
    pub checkpoint: Option<Box<Checkpoint>>,
}

impl DownloadRecord {
    /// Whether it takes its full share of the line, of the processor and of the disk; else it steps aside.
    pub fn is_full_share(&self) -> bool {
        self.mode == Mode::RealTime || self.priority == Priority::Now
    }
}

/// All that is needed to go on with a part file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Which version of the file the bytes belong to.
    pub generation: Generation,
    /// File name of the part, in the download's folder.
    pub part: String,
    /// Device of the part file.
    pub device: u64,
    /// Inode of the part file.
    pub inode: u64,
    /// Bytes that are on disk for sure: safe after a power cut.
    pub safe: Coverage,
    /// Size of the whole file, where known.
    pub size: Option<u64>,
    /// What the file has at least, where its size was known once and is no longer told for sure.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub at_least: u64,
    /// How often bytes of it were taken out because their sum was wrong, to be fetched again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub fetched_again: u32,
    /// What the server said of this version.
    pub validators: Validators,
    /// Where the bytes came from in the end, after redirects.
    pub final_url: Option<Url>,
    /// Media type of the response that began it, without parameters.
    pub media_type: Option<String>,
    /// Partials of other versions that were set aside, oldest first.
    pub set_aside: Vec<SetAside>,
    /// The folder of the part, where the download was given another name or folder after the part was begun: the part stays
    /// where it is and moves when it is whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_from: Option<PathBuf>,
}

fn is_zero<T: Default + PartialEq>(number: &T) -> bool {
    *number == T::default()
}

impl Checkpoint {
    /// The folder of the part, of a download whose own is `folder`.
    pub fn part_folder<'a>(&'a self, folder: &'a Path) -> &'a Path {
        self.moved_from.as_deref().unwrap_or(folder)
    }
}

impl Checkpoint {
    /// Returns what stays of it once the file is whole: enough to ask the server whether it has changed since.
    #[must_use]
    pub fn of_finished(&self, size: u64) -> Option<Box<Self>> {
        if self.validators.etag.is_none() && !self.validators.is_settled() {
            return None;
        }
        Some(Box::new(Self {
            generation: self.generation,
            size: Some(size),
            validators: self.validators.clone(),
            ..Self::default()
        }))
    }
}

/// A partial of another version, kept until the new one is whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAside {
    /// File name of the part, in the download's folder.
    pub part: String,
    /// Device of the file.
    pub device: u64,
    /// Inode of the file.
    pub inode: u64,
    /// Its bytes on disk.
    pub bytes: u64,
    /// What the server said of that version.
    pub validators: Validators,
}

/// A collection as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CollectionRecord {
    /// Number.
    pub id: CollectionId,
    /// Name.
    pub name: String,
    /// Settings of its own.
    pub settings: CollectionSettings,
    /// Whether a person holds it.
    pub held: bool,
    /// The web page that made it.
    pub page: Option<PageOrigin>,
    /// Until when, where they said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_until: Option<UnixMs>,
}

/// What a collection sets for its downloads; each optional.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CollectionSettings {
    /// Folder for what is added without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
    /// Downloads at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallel: Option<u32>,
    /// Bytes per second for all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Preset for what is added to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// Program to run when all of it is done: an argument list, no shell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hook: Option<Vec<String>>,
}

/// A line of history: something happened to a download.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryLine {
    /// Running number.
    pub number: u64,
    /// When.
    pub at: UnixMs,
    /// Which download; 0 where it happened to no single one.
    pub id: DownloadId,
    /// Its name then.
    pub name: String,
    /// What happened, one word for programs: `completed`, `failed`, `started over`, `lost`, `removed`, `held` and so on.
    pub what: String,
    /// What happened, for people: secrets are never in it.
    pub text: String,
    /// Where the file is, or the source URL without secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// For how long, of what lasted and is over, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secs: Option<u64>,
}

/// A publishing that was begun: names the very file, so that recovery knows what happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishIntent {
    /// Which download.
    pub id: DownloadId,
    /// Where the file is to appear, absolute.
    pub target: PathBuf,
    /// The part that becomes it, absolute.
    pub part: PathBuf,
    /// Device of the file that is renamed.
    pub device: u64,
    /// Inode of the file that is renamed.
    pub inode: u64,
    /// Whether a file of that name is to be replaced.
    pub replace: bool,
    /// Device and inode of the empty file that keeps the name for us, where the file system can't rename without replacing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placeholder: Option<(u64, u64)>,
    /// When the file was made, where the target is the first name that it gets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub born: Option<Born>,
}

/// When a file was made, as its file system says: since 1970, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Born {
    /// Whole seconds.
    pub seconds: i64,
    /// What they lack.
    pub nanoseconds: u32,
}
