//! The last cancels and removes can be taken back: a removed download's part stays on disk until that is no longer possible.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::core::Core;
use super::item::{Item, Then};
use super::news::discard;
use super::steps::What;
use crate::model::id::{CollectionId, DownloadId};
use crate::model::item::Taken;
use crate::model::record::DownloadRecord;
use crate::model::request::Acted;
use crate::model::state::{State, StateKind};
use crate::store::db::Ticket;
use crate::store::error::StoreError;
use crate::store::{files, note, owner};

/// What the store keeps the parts under that are to be deleted.
const PARTS_TO_GO: &str = "parts_to_go";

/// A part of a removed download, which is deleted when the removal can't be taken back any more.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PartToGo {
    folder: PathBuf,
    part: String,
    device: u64,
    inode: u64,
    /// The download's own name for itself: only its note goes with the part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<Uuid>,
    /// The name that it gets back, where somebody else made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    adopted: Option<String>,
}

impl PartToGo {
    /// A download's part and those that are set aside for it.
    pub(super) fn of(record: &DownloadRecord) -> Vec<Self> {
        let Some(checkpoint) = &record.checkpoint else { return Vec::new() };
        let folder = checkpoint.part_folder(&record.folder);
        let adopted = record.extras.as_deref().and_then(|extras| extras.adopted.clone());
        let own = (checkpoint.inode != 0).then(|| Self {
            folder: folder.to_owned(),
            part: checkpoint.part.clone(),
            device: checkpoint.device,
            inode: checkpoint.inode,
            owner: Some(record.uuid),
            adopted,
        });
        let aside = checkpoint.set_aside.iter().map(|old| Self {
            folder: folder.to_owned(),
            part: old.part.clone(),
            device: old.device,
            inode: old.inode,
            owner: Some(record.uuid),
            adopted: None,
        });
        own.into_iter().chain(aside).collect()
    }

    /// Deletes it, if the name still means it; what was there before us gets its name back.
    pub(super) fn delete(&self) {
        let identity = (self.device, self.inode);
        // One that stays is a file that somebody can see.
        let _ = match &self.adopted {
            Some(name) => owner::give_back(&self.folder, &self.part, identity, name).map(drop),
            None => files::discard_named(&self.folder, &self.part, identity.0, identity.1),
        };
        if let Some(owner) = self.owner {
            let _ = note::forget(&self.folder.join(&self.part), owner);
        }
    }
}

impl Core {
    /// An act begins: what can be taken back of it is taken back together.
    pub(super) fn begin_act(&mut self) {
        self.undo.begin_act();
    }

    /// A cancel can be taken back.
    pub(super) fn note_cancelled(&mut self, id: DownloadId, before: StateKind) {
        self.undo.push(What::Cancelled(id, before));
    }

    /// A running download will be removed: its place among the acts is now.
    pub(super) fn note_removing(&mut self, id: DownloadId) {
        self.undo.push_removing(id);
    }

    /// Keeps a removed download for a while.
    pub(super) fn keep_for_undo(&mut self, item: Item) {
        let mut record = item.record;
        let kind = record.state.kind();
        if !matches!(
            kind,
            StateKind::Completed | StateKind::Failed | StateKind::Cancelled | StateKind::Paused
        ) {
            record.state = State::Queued;
        }
        self.undo.push_removed(record, Instant::now());
        self.parts_to_go_changed = true;
    }

    /// Forgets what can't be taken back any more. Returns when to look again.
    pub(super) fn end_undo(&mut self, now: Instant) -> Option<Instant> {
        self.forget_removed(Some(now));
        self.undo.due()
    }

    /// Whether something is kept that will be forgotten in a while.
    pub(super) fn keeps_removed(&self) -> bool {
        self.undo.due().is_some()
    }

    /// Takes a download out with its part, and nothing of it can be taken back.
    pub(super) fn take_out_for_good(&mut self, id: DownloadId) {
        self.take_out(id);
        if let Some(record) = self.undo.take(id) {
            discard(&record);
        }
    }

    /// Takes finished ones out of the list whose file is another one's by now: the same link was fetched anew into their place.
    pub(super) fn take_out_succeeded(&mut self, by: DownloadId) {
        let Some(item) = self.items.get(&by) else { return };
        let record = &item.record;
        if !matches!(record.settings.taken, Taken::Replace | Taken::IfChanged) {
            return;
        }
        let hash = super::add::source_hash(&record.source_url);
        let is_succeeded = |id: &DownloadId| {
            *id != by
                && self.items.get(id).is_some_and(|old| {
                    let old = &old.record;
                    old.state == State::Completed
                        && old.source_url == record.source_url
                        && old.folder == record.folder
                        && old.name == record.name
                })
        };
        let same = self.by_source.range((hash, DownloadId(0))..=(hash, DownloadId(u64::MAX)));
        let succeeded: Vec<_> = same.map(|(_, id)| *id).filter(is_succeeded).collect();
        for id in succeeded {
            self.take_out(id);
            self.undo.take(id);
        }
    }

    /// Deletes the parts of those that were removed so long ago that they can't be taken back; at the end, without a time, of all.
    pub(super) fn forget_removed(&mut self, now: Option<Instant>) {
        let over = self.undo.take_over(now);
        over.iter().filter(|record| record.state.kind() != StateKind::Completed).for_each(discard);
        self.parts_to_go_changed |= !over.is_empty();
    }

    /// Keeps in the store which parts are still to be deleted, where that is not what it has: a kill leaves none of them behind.
    pub(super) fn keep_parts_to_go(&mut self) {
        if !std::mem::take(&mut self.parts_to_go_changed) {
            return;
        }
        let removed = self.undo.removed().map(|(record, _)| record);
        let unfinished = removed.filter(|record| record.state.kind() != StateKind::Completed);
        let parts: Vec<PartToGo> = unfinished.flat_map(PartToGo::of).collect();
        // What can't be stored stays after a kill, as a file that somebody can see.
        drop(self.db.keep(PARTS_TO_GO, &parts));
    }

    /// Deletes the parts of what an earlier engine removed and was killed before it could; not of what was taken back in its last moment.
    ///
    /// # Errors
    /// The store can't be read.
    pub(super) fn delete_parts_to_go(&mut self, downloads: &[DownloadRecord]) -> Result<(), StoreError> {
        let parts: Vec<PartToGo> = self.db.kept(PARTS_TO_GO)?.unwrap_or_default();
        if parts.is_empty() {
            return Ok(());
        }
        self.parts_to_go_changed = true;
        let needed: HashSet<(u64, u64)> =
            downloads.iter().flat_map(PartToGo::of).map(|part| (part.device, part.inode)).collect();
        let is_needed = |part: &&PartToGo| needed.contains(&(part.device, part.inode));
        parts.iter().filter(|part| !is_needed(part)).for_each(PartToGo::delete);
        Ok(())
    }

    /// Takes back the last act that cancelled or removed something.
    pub(super) fn undo_last(&mut self) -> (Vec<Acted>, Option<Ticket>) {
        let mut acted = Vec::new();
        let mut back = Vec::new();
        for step in self.undo.pop_act() {
            match step {
                What::Cancelled(id, before) => {
                    if self.take_back_cancel(id, before) {
                        acted.push(Acted { id, refused: None });
                    }
                }
                What::Removing(id) => {
                    if self.take_back_stop(id, Then::Remove, Then::Queue) {
                        acted.push(Acted { id, refused: None });
                    }
                }
                What::Removed(record, _) => back.push(*record),
            }
        }
        let ids: HashSet<DownloadId> = back.iter().map(|record| record.id).collect();
        self.removed.retain(|_, id| !ids.contains(id));
        for record in &mut back {
            if !self.collections.contains_key(&record.collection) {
                record.collection = CollectionId::DEFAULT;
            }
            self.take_in(record.clone(), 0);
            acted.push(Acted { id: record.id, refused: None });
        }
        self.parts_to_go_changed |= !back.is_empty();
        let ticket = (!back.is_empty()).then(|| self.db.insert(back));
        self.pump();
        (acted, ticket)
    }

    fn take_back_cancel(&mut self, id: DownloadId, before: StateKind) -> bool {
        let was_paused = before == StateKind::Paused;
        if self.take_back_stop(id, Then::Cancel, if was_paused { Then::Pause } else { Then::Queue }) {
            return true;
        }
        let Some(item) = self.items.get_mut(&id).filter(|item| item.record.state == State::Cancelled) else {
            return false;
        };
        item.record.ended = None;
        item.record.state = if was_paused { State::Paused } else { State::Queued };
        self.touch(id);
        if !was_paused {
            self.enqueue(id);
        }
        self.store(id);
        true
    }

    /// A transfer that is still letting go learns what else is to become of it then.
    fn take_back_stop(&mut self, id: DownloadId, from: Then, to: Then) -> bool {
        let run = self.items.get_mut(&id).and_then(|item| item.run.as_mut());
        let Some(run) = run.filter(|run| run.stopping && run.then == from) else { return false };
        run.then = to;
        self.touch(id);
        true
    }
}
