//! What clients see: rows for lists, details on demand, totals. Everything from outside is already printable here.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::id::{CollectionId, DownloadId};
use super::item::{Mode, Priority};
use super::policy::Leave;
use super::range::ByteRange;
use super::record::CollectionSettings;
use super::state::{State, StateKind};
use super::time::UnixMs;
use super::units::ByteRate;
use super::way::Ways;

/// A download as one row of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DownloadRow {
    /// Number.
    pub id: DownloadId,
    /// Collection.
    pub collection: CollectionId,
    /// Place in the queue; lower comes first within a priority.
    pub order: f64,
    /// File name, printable.
    pub name: String,
    /// Whether the name is only a guess so far.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub provisional: bool,
    /// The folder that it is in, where that is another one than it was to go into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_to: Option<String>,
    /// Host of the source URL.
    pub host: String,
    /// Mode.
    pub mode: Mode,
    /// Priority.
    pub priority: Priority,
    /// State.
    pub state: State,
    /// Size in bytes, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Bytes on disk.
    pub covered: u64,
    /// Bytes per second now; 0 when nothing moves.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub speed: u64,
    /// Seconds left, where that is stable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eta_secs: Option<u64>,
    /// When it was added.
    pub added: UnixMs,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<UnixMs>,
    /// Whether it was joined on samples only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub joined_on_samples: bool,
    /// A remark on a running one: what it steps aside for, which rule it follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(value: &u64) -> bool {
    *value == 0
}

/// A queue that is a long one, in microseconds.
const LONG_QUEUE_US: u64 = 100_000;

/// Everything about one download.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DownloadDetail {
    /// The row.
    pub row: DownloadRow,
    /// Identity that never clashes with another machine's.
    pub uuid: Uuid,
    /// Source URL, secrets masked unless they were asked for.
    pub source_url: String,
    /// Where the bytes come from, after redirects, secrets masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub final_url: Option<String>,
    /// The finished file, or where it will be.
    pub path: String,
    /// The part file, while there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// Address of the server that is connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<String>,
    /// Entity tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// Last-Modified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<UnixMs>,
    /// The checksum that is verified at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<String>,
    /// What is on disk, in order.
    pub coverage: Vec<ByteRange>,
    /// What is being fetched, one a connection: from where it has come to where it ends.
    pub segments: Vec<ByteRange>,
    /// Bytes that are safe against a power cut.
    pub safe: u64,
    /// When the last checkpoint was committed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpointed: Option<UnixMs>,
    /// Tries without a byte between them.
    pub attempts: u32,
    /// Bytes received in this run of the engine.
    pub received: u64,
    /// Limit, in bytes per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Limits that it shares with others, the lowest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shared_limits: Vec<SharedLimit>,
    /// Connections at most, where the download sets its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<u32>,
    /// The proxy, without its credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// The network interface that it is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// The preset that it was added with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// The web page that added it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// Partials of other versions that are kept beside it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set_aside: Vec<String>,
    /// Item info by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub info: BTreeMap<String, String>,
    /// The last things that happened to it, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Note>,
    /// How its way to download stands, where there is anything to say about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leave: Option<Leave>,
    /// How it steps aside, while it runs in the background below priority `now`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub politeness: Option<Box<Politeness>>,
}

/// A limit for several downloads together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharedLimit {
    /// What it is for, as `haul limit` takes it: `everything`, `background`, `host:example.org`, `collection:NAME`.
    pub of: String,
    /// Bytes per second.
    pub rate: u64,
}

impl fmt::Display for SharedLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for {}", ByteRate(self.rate), self.of)
    }
}

/// What the governor sees of the line that a background download is on, and what it does about it. Rates are bytes a second.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Politeness {
    /// What it does, in words.
    pub doing: String,
    /// Whether it steps aside just now.
    pub aside: bool,
    /// The way's own round trip, in microseconds.
    pub base_us: Option<u64>,
    /// How long its bytes wait in a queue, in microseconds.
    pub delay_us: Option<u64>,
    /// What the line carries, or the most that was reached on it.
    pub line: Option<u64>,
    /// Whether the line has been seen full.
    pub line_is_known: bool,
    /// What all background downloads from this server's network get.
    pub rate: u64,
    /// What others on this machine get, where the interface counts.
    pub others: Option<u64>,
    /// The window that its connections share, in bytes.
    pub window: Option<u64>,
    /// Whether the line keeps a queue for each flow.
    pub per_flow: bool,
    /// What can't be seen, and what follows from it.
    pub missing: Vec<String>,
    /// The last minute, a moment a second, oldest first.
    pub moments: Vec<LineMoment>,
}

impl Politeness {
    /// What is seen of the line and what of it is taken, in words, each behind what it is of.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let ms = |us: u64| format!("{:.1} ms", f64::from(u32::try_from(us).unwrap_or(u32::MAX)) / 1000.0);
        let share = self.line.filter(|line| *line > 0).map(|line| self.rate.min(line) * 100 / line);
        let carries = self.line.map(|line| {
            let seen = if self.line_is_known { "carries" } else { "has carried" };
            format!("{seen} {}", ByteRate(line))
        });
        let share = share.map(|share| format!("{share} % of it background"));
        let others = self.others.map(|others| format!("others on this machine {}", ByteRate(others)));
        let all: Vec<_> = [carries, share, others].into_iter().flatten().collect();
        let mut lines = Vec::new();
        if !all.is_empty() {
            lines.push(("", all.join(", ")));
        }
        if let (Some(base), Some(delay)) = (self.base_us, self.delay_us) {
            let queues = if self.per_flow { "; the line keeps a queue for each flow" } else { "" };
            lines.push(("delay", format!("{} of its own, {} in the queue now{queues}", ms(base), ms(delay))));
        }
        lines
    }

    /// The last minute as numbers, each behind what it is of: percents of the line, and the queue in microseconds. And what fills a
    /// column of its graph, unless something is higher.
    pub fn graphs(&self) -> Vec<(&'static str, Vec<u64>, u64)> {
        if self.moments.len() < 2 {
            return Vec::new();
        }
        let of = |value: fn(&LineMoment) -> u64| self.moments.iter().map(value).collect();
        let mut graphs = vec![("share", of(|moment| u64::from(moment.share)), 100)];
        if self.others.is_some() {
            graphs.push(("others", of(|moment| u64::from(moment.others)), 100));
        }
        if self.delay_us.is_some() {
            graphs.push(("queue", of(|moment| moment.delay_us), LONG_QUEUE_US));
        }
        graphs
    }
}

/// A moment of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineMoment {
    /// Our part of it, in percent.
    pub share: u8,
    /// That of others on this machine, in percent.
    pub others: u8,
    /// The queue, in microseconds.
    pub delay_us: u64,
}

/// A line about one download.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// When.
    pub at: UnixMs,
    /// What happened, printable.
    pub text: String,
}

/// A collection, with counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CollectionRow {
    /// Number.
    pub id: CollectionId,
    /// Name, printable.
    pub name: String,
    /// Whether a person holds it.
    pub held: bool,
    /// Until when, where they said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_until: Option<UnixMs>,
    /// How many downloads, by state.
    pub counts: BTreeMap<StateKind, u64>,
    /// Its own settings.
    pub settings: CollectionSettings,
}

/// Everything in a few numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    /// How many downloads, by state.
    pub counts: BTreeMap<StateKind, u64>,
    /// Bytes per second, all together.
    pub speed: u64,
    /// Bytes still to come, of the running and waiting ones whose size is known.
    pub left: u64,
    /// Bytes in all, of the same.
    pub size: u64,
    /// How many of the running and waiting ones have no known size: while there are any, nobody knows how much all of it is.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unknown: u64,
    /// Bytes that are here, of all running and waiting ones.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub here: u64,
    /// Whether everything is held.
    pub held: bool,
    /// How the ways to download stand, where there is anything to say about one of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ways: Option<Ways<Leave>>,
    /// Seconds until all is done, where every size is known and the speed is stable.
    pub eta_secs: Option<u64>,
    /// Counts up with each change of the library.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub library: u64,
}

/// A preset, as it is listed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PresetRow {
    /// Name.
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// Whether it comes with haul; else it is the file's own.
    pub shipped: bool,
    /// Whether it is the one in use.
    pub in_use: bool,
    /// What it sets, as it would be written in the config.
    pub sets: BTreeMap<String, String>,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A queued row.
    pub(crate) fn row(id: u64) -> DownloadRow {
        DownloadRow {
            id: DownloadId(id),
            collection: CollectionId::DEFAULT,
            order: 0.0,
            name: format!("file-{id}"),
            provisional: false,
            moved_to: None,
            host: "a.example".into(),
            mode: Mode::Background,
            priority: Priority::Normal,
            state: State::Queued,
            size: None,
            covered: 0,
            speed: 0,
            eta_secs: None,
            added: UnixMs(0),
            ended: None,
            joined_on_samples: false,
            remark: None,
        }
    }
}
