//! The start: what an earlier engine left is put right before anything new begins.

use std::path::Path;

use super::core::Core;
use super::item::Item;
use crate::library;
use crate::model::hook::HookEvent;
use crate::model::id::DownloadId;
use crate::model::item::Mode;
use crate::model::media::{ToShelve, info_of};
use crate::model::printable::mask_url;
use crate::model::record::PublishIntent;
use crate::model::state::{State, StateKind};
use crate::model::time::UnixMs;
use crate::store::owner;
use crate::store::publish::{Recovered, recover};
use crate::store::rows::{Completed, Loaded};

impl Core {
    /// Takes in what was stored. Downloads that ran are in line again; interrupted publishings are ended or begun anew.
    pub(super) fn take_up(&mut self, loaded: Loaded, dormant: bool) {
        self.last_download = loaded.last_download;
        self.last_collection = loaded.last_collection.max(1);
        for collection in loaded.collections {
            self.collections.insert(collection.id, collection);
        }
        let mut lost = Vec::new();
        self.items.reserve(loaded.downloads.len());
        for mut record in loaded.downloads {
            let id = record.id;
            self.last_download = self.last_download.max(id.0);
            if !self.collections.contains_key(&record.collection) {
                record.collection = crate::model::id::CollectionId::DEFAULT;
            }
            // A real-time download ended with the engine; one that ever had a checkpoint keeps its bytes.
            if record.mode == Mode::RealTime && record.state.kind().is_unfinished() {
                let kept =
                    super::act::has_bytes(record.checkpoint.as_ref().map(|checkpoint| &checkpoint.safe));
                if kept {
                    record.mode = Mode::Background;
                    record.state = State::Paused;
                } else {
                    lost.push(id);
                }
            }
            // What waited begins anew: circumstances may have changed while nobody looked.
            if let State::Waiting { why, .. } = &record.state
                && !matches!(
                    why,
                    crate::model::state::WaitReason::LinkExpired
                        | crate::model::state::WaitReason::HostRefuses { .. }
                )
            {
                record.state = State::Queued;
            }
            if dormant {
                self.put_in_list(record, 0);
            } else {
                self.take_in(record, 0);
            }
        }
        for id in lost {
            if let Some(item) = self.items.get(&id) {
                super::news::discard(&item.record);
                if item.record.checkpoint.is_none() {
                    // It ended in the moment in which its part was made.
                    owner::discard_unheard_of(&item.record.folder, item.record.uuid);
                }
            }
            self.tell_lost(id, "the engine ended; a real-time download ends with it");
            self.take_out(id);
        }
        self.undo = super::steps::Steps::default();
        for intent in loaded.intents {
            self.end_intent(&intent);
        }
        self.take_up_hooks(dormant);
    }

    fn end_intent(&mut self, intent: &PublishIntent) {
        let id = intent.id;
        let set_aside = self
            .items
            .get(&id)
            .and_then(|item| item.record.checkpoint.as_ref())
            .map(|checkpoint| checkpoint.set_aside.clone());
        let owner = self.items.get(&id).map(|item| item.record.uuid);
        let recovered = recover(intent, owner, &set_aside.unwrap_or_default());
        if let (Ok(Recovered::Again), Some(item)) = (&recovered, self.items.get(&id)) {
            owner::sign_again(&intent.part, item.record.uuid);
        }
        match recovered {
            Ok(Recovered::Placed) => {
                // A file that was copied to another file system: the original goes last.
                if let Some(item) = self.items.get(&id) {
                    super::news::discard(&item.record);
                }
                let ended = UnixMs::from(super::wall());
                let name = intent
                    .target
                    .file_name()
                    .map(|name| name.to_string_lossy().into_owned())
                    .unwrap_or_default();
                let size = std::fs::metadata(&intent.target).map_or(0, |facts| facts.len());
                let mut kept = None;
                let target = intent.target.parent().map(Path::to_owned);
                let folder = target.filter(|folder| {
                    self.items.get(&id).is_some_and(|item| item.record.folder.as_path() != folder)
                });
                let media_type =
                    self.items.get(&id).and_then(|item| item.record.checkpoint.as_ref()?.media_type.clone());
                if let Some(item) = self.items.get_mut(&id) {
                    kept = item.record.checkpoint.take().and_then(|held| held.of_finished(size));
                    item.record.state = State::Completed;
                    if let Some(folder) = &folder {
                        item.record.folder = std::sync::Arc::new(folder.clone());
                    }
                    item.record.name.clone_from(&name);
                    item.record.name_is_final = true;
                    item.record.size = Some(size);
                    item.record.ended = Some(ended);
                    item.record.checkpoint.clone_from(&kept);
                    item.safe = None;
                }
                self.queue.remove(id);
                self.touch(id);
                let shelve = self.to_shelve(id, &intent.target, media_type);
                let is_wanted = !self.config.hooks.on_done.is_empty();
                let hook = self.hook_call(id, HookEvent::Done).filter(|_| is_wanted);
                // What can't be committed now is found out again at the next start.
                drop(self.db.end_publish(
                    vec![Completed { id, folder, name, size, ended, hook, kept, shelve }],
                    Vec::new(),
                    self.settings.history,
                ));
            }
            // The part is whole and still there: the run finds all its bytes, verifies and publishes again.
            Ok(Recovered::Again) => {
                if let Some(item) = self.items.get_mut(&id) {
                    keep_whole(item, intent);
                }
                drop(self.db.forget_publish(vec![id]));
            }
            Ok(Recovered::Lost) => drop(self.db.forget_publish(vec![id])),
            Err(error) => {
                let at = UnixMs::from(super::wall());
                if let Some(item) = self.items.get_mut(&id) {
                    item.event(at, error.to_string());
                }
            }
        }
    }

    /// What the library is to do with a download that an earlier engine had just published.
    fn to_shelve(&self, id: DownloadId, path: &Path, media_type: Option<String>) -> Option<ToShelve> {
        let record = &self.items.get(&id)?.record;
        library::may_be_media(path, media_type.as_deref()).then(|| ToShelve {
            download: id,
            path: path.to_owned(),
            media_type,
            given: record.extras.as_ref().map(|extras| info_of(&extras.info)).unwrap_or_default(),
            source: mask_url(&record.source_url),
            set_by: record.extras.as_ref().and_then(|extras| extras.set_by.clone()),
        })
    }

    /// Downloads that go on by themselves.
    pub(super) fn unfinished(&self) -> Vec<DownloadId> {
        let mut ids: Vec<_> = self
            .items
            .values()
            .filter(|item| {
                let kind = item.record.state.kind();
                kind.is_running() || matches!(kind, StateKind::Queued | StateKind::Waiting)
            })
            .map(|item| item.record.id)
            .collect();
        ids.sort_unstable();
        ids
    }
}

/// The intent was committed after the part was synced: all of its bytes are safe, whatever the last checkpoint knew.
fn keep_whole(item: &mut Item, intent: &PublishIntent) {
    let Ok(facts) = std::fs::symlink_metadata(&intent.part) else { return };
    let part = intent.part.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let safe = crate::model::coverage::Coverage::prefix_of(facts.len());
    item.safe = Some(std::sync::Arc::new(safe.clone()));
    // A copy beside its target takes the place of the part elsewhere.
    if item.record.checkpoint.as_ref().is_some_and(|held| held.inode != intent.inode) {
        super::news::discard(&item.record);
    }
    let before = item.record.checkpoint.take().map(|checkpoint| *checkpoint).unwrap_or_default();
    let moved_from = intent.part.parent().filter(|folder| *folder != item.record.folder.as_path());
    item.record.checkpoint = Some(Box::new(crate::model::record::Checkpoint {
        part,
        device: intent.device,
        inode: intent.inode,
        safe,
        size: Some(facts.len()),
        moved_from: moved_from.map(std::path::Path::to_owned),
        ..before
    }));
    item.record.size = Some(facts.len());
}
