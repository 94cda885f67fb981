//! A download as the engine holds it: its record, and what runs of it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc;

use super::transfer::{Control, Live};
use crate::kernel::queue::Turn;
use crate::kernel::rate::Rate;
use crate::model::coverage::Coverage;
use crate::model::record::DownloadRecord;
use crate::model::state::State;
use crate::model::time::UnixMs;
use crate::model::view::Note;
use crate::store::part::Part;

/// Lines that are kept of each download's life.
const MOST_EVENTS: usize = 20;

/// One download.
pub(super) struct Item {
    pub(super) record: DownloadRecord,
    /// When it last changed, as a revision.
    pub(super) revision: u64,
    pub(super) run: Option<Box<Running>>,
    /// What a power cut can't take; the record's checkpoint may say more while the process lives.
    pub(super) safe: Option<Arc<Coverage>>,
    /// The open part between two runs, until it is synced: its lock stays ours.
    pub(super) part: Option<Arc<Part>>,
    /// When a wait ends.
    pub(super) due: Option<Instant>,
    /// Its turn, where the engine looks whether what it lacks is there again.
    pub(super) looked_out: Option<Turn>,
    /// Which client set it to real time.
    pub(super) owner: Option<u64>,
    /// Whether it runs in real time, or would but for an interruption of its own: a hold is about what begins.
    pub(super) is_under_way: bool,
    /// Whether it was added just now and never ran: nothing of it can be on disk.
    pub(super) is_new: bool,
    /// What happened to it, and where it was last connected.
    pub(super) story: Option<Box<Story>>,
}

/// What happened to a download since the engine started.
#[derive(Default)]
pub(super) struct Story {
    pub(super) events: VecDeque<Note>,
    pub(super) remark: Option<String>,
    /// Whether the file changed on the server, so that it was started over.
    pub(super) started_over: bool,
    pub(super) remote: Option<String>,
    pub(super) checkpointed: Option<UnixMs>,
    pub(super) received: u64,
}

/// A transfer that runs.
pub(super) struct Running {
    pub(super) number: u64,
    pub(super) live: Arc<Live>,
    pub(super) control: mpsc::UnboundedSender<Control>,
    pub(super) rate: Rate,
    /// What becomes of it when it has let go.
    pub(super) then: Then,
    /// Connections that it may use.
    pub(super) share: u32,
    /// Bytes on disk when clients were last told.
    pub(super) shown: u64,
    /// Bytes from the network that are counted already.
    pub(super) counted: u64,
    /// Bytes on disk when a copy was last asked for.
    pub(super) copied_at: u64,
    /// Whether a copy is on its way to the disk.
    pub(super) copying: bool,
    /// Whether it was told to let go.
    pub(super) stopping: bool,
    /// Looks for which a limit counts as holding it back; 0 where none does.
    pub(super) limited_for: u8,
    /// What it steps aside for just now.
    pub(super) aside: Option<String>,
    /// Whether the download was given another name or folder meanwhile: what this run says of its name no longer counts.
    pub(super) renamed: bool,
}

impl Running {
    /// Bytes that came since they were last counted.
    pub(super) fn count(&mut self) -> u64 {
        let received = self.live.received();
        received.saturating_sub(std::mem::replace(&mut self.counted, received))
    }
}

/// What becomes of a download whose transfer was told to let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// Back in line.
    Queue,
    /// Paused.
    Pause,
    /// Cancelled.
    Cancel,
    /// Out of the list.
    Remove,
    /// Lost with its client: out of the list, with its bytes.
    Lose,
}

impl Item {
    pub(super) fn new(record: DownloadRecord) -> Self {
        let safe = record.checkpoint.as_ref().map(|checkpoint| Arc::new(checkpoint.safe.clone()));
        Self {
            record,
            revision: 0,
            run: None,
            safe,
            part: None,
            due: None,
            looked_out: None,
            owner: None,
            is_under_way: false,
            is_new: false,
            story: None,
        }
    }

    /// Host of the source URL.
    pub(super) fn host(&self) -> &str {
        self.record.source_url.host_str().unwrap_or_default()
    }

    /// Bytes on disk.
    pub(super) fn covered(&self) -> u64 {
        match (&self.run, &self.record.state) {
            (Some(run), _) => run.live.covered(),
            (None, State::Completed) => self.record.size.unwrap_or(0),
            (None, _) => self.record.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.safe.len()),
        }
    }

    /// Size in bytes, where known.
    pub(super) fn size(&self) -> Option<u64> {
        self.run.as_ref().and_then(|run| run.live.size()).or(self.record.size)
    }

    pub(super) fn story(&mut self) -> &mut Story {
        self.story.get_or_insert_default()
    }

    /// Adds a line to what happened.
    pub(super) fn event(&mut self, at: UnixMs, text: String) {
        let events = &mut self.story().events;
        if events.len() >= MOST_EVENTS {
            events.pop_front();
        }
        events.push_back(Note { at, text });
    }
}
