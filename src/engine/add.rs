//! Adding downloads: all of a batch or none, each under a number of its own, the same one twice only if that was asked.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::Arc;

use url::Url;
use uuid::Uuid;

use super::core::Core;
use super::item::{Item, Then};
use crate::fetch::name;
use crate::model::checksum::Checksum;
use crate::model::id::{CollectionId, DownloadId};
use crate::model::item::{Mode, NewDownload, Taken, TransferSettings};
use crate::model::record::DownloadRecord;
use crate::model::request::{Act, Added, AddedHow, Batch, Refusal, RefusalKind};
use crate::model::state::{State, StateKind};
use crate::model::time::UnixMs;
use crate::store::db::Ticket;
use crate::store::part::is_file_of;

impl Core {
    /// Adds a batch. What is to be stored comes back as a ticket; what is there already needs none. `proven` are the finished ones
    /// that have the checksum with which they are asked for again.
    pub(super) fn add(
        &mut self,
        client: u64,
        batch: Batch,
        proven: &HashSet<DownloadId>,
    ) -> Result<(Vec<Added>, Option<Ticket>), Refusal> {
        for new in &batch.downloads {
            self.check(new, batch.settings.len())?;
        }
        let settings: Vec<Arc<TransferSettings>> = batch.settings.into_iter().map(Arc::new).collect();
        let mut folders: HashMap<PathBuf, Arc<PathBuf>> = HashMap::new();
        let now = UnixMs::from(super::wall());
        let (mut added, mut records) = (Vec::with_capacity(batch.downloads.len()), Vec::new());
        for new in batch.downloads {
            let settings = settings.get(new.settings).cloned().unwrap_or_default();
            if let Some(there) = self.find_same(&new, &settings, proven) {
                added.push(there);
                continue;
            }
            let folder = folders.entry(new.folder.clone()).or_insert_with(|| Arc::new(new.folder.clone()));
            let record = self.new_record(new, settings, Arc::clone(folder), now);
            added.push(Added { id: record.id, how: AddedHow::New });
            self.take_in(record.clone(), client);
            if let Some(item) = self.items.get_mut(&record.id) {
                item.is_new = true;
            }
            records.push(record);
        }
        let ticket = (!records.is_empty()).then(|| self.db.insert(records));
        self.pump();
        Ok((added, ticket))
    }

    fn check(&self, new: &NewDownload, settings: usize) -> Result<(), Refusal> {
        let bad = |text: String, hint: &str| Err(Refusal::new(RefusalKind::BadRequest, text, hint));
        if !matches!(new.url.scheme(), "http" | "https") || !new.url.has_host() {
            return bad(
                format!("`{}:` is not for downloads", new.url.scheme()),
                "haul fetches http and https",
            );
        }
        if !new.folder.is_absolute() {
            return bad(format!("the folder {} is not an absolute path", new.folder.display()), "");
        }
        if let Some(name) = &new.name
            && (name.is_empty() || name.contains(['/', '\0']) || name == "." || name == "..")
        {
            return bad(format!("`{}` is no file name", name.escape_debug()), "name the folder with -d");
        }
        if let Some(id) = new.collection
            && !self.collections.contains_key(&id)
        {
            let text = format!("there is no collection {id}");
            return Err(Refusal::new(RefusalKind::NotFound, text, "`haul collections` lists them"));
        }
        if new.settings > 0 && new.settings >= settings {
            return bad("the batch names settings that it doesn't have".into(), "");
        }
        Ok(())
    }

    /// Downloads of the same source and target, by number.
    fn same_as(&self, new: &NewDownload) -> Vec<DownloadId> {
        let hash = source_hash(&new.url);
        self.by_source
            .range((hash, DownloadId(0))..=(hash, DownloadId(u64::MAX)))
            .map(|(_, id)| *id)
            .filter(|id| {
                self.items.get(id).is_some_and(|item| {
                    let record = &item.record;
                    record.source_url == new.url
                        && *record.folder == new.folder
                        && new.name.as_ref().is_none_or(|name| *name == record.name)
                        && (new.name.is_some() || !record.name_is_given)
                })
            })
            .collect()
    }

    /// The finished ones among them: their files, and the checksums that those were verified with.
    pub(super) fn finished_of(&self, new: &NewDownload) -> Vec<(DownloadId, PathBuf, Option<Checksum>)> {
        let finished = self.same_as(new).into_iter().filter_map(|id| {
            let record = &self.items.get(&id)?.record;
            let verified = record.extras.as_ref().and_then(|extras| extras.checksum.clone());
            let file = record.folder.join(&record.name);
            let is_here = !new.again && record.state == State::Completed && is_file_of(&file, record.size);
            is_here.then_some((id, file, verified))
        });
        finished.collect()
    }

    /// The same source and target: an unfinished one goes on, a finished one whose file is still here is here.
    fn find_same(
        &mut self,
        new: &NewDownload,
        settings: &TransferSettings,
        proven: &HashSet<DownloadId>,
    ) -> Option<Added> {
        if new.again {
            return None;
        }
        for id in self.same_as(new).into_iter().rev() {
            let Some(item) = self.items.get(&id) else { continue };
            let record = &item.record;
            match record.state.kind() {
                StateKind::Completed => {
                    let wants_new = matches!(settings.taken, Taken::Replace | Taken::IfChanged);
                    let is_proven = new.extras.checksum.is_none() || proven.contains(&id);
                    if !wants_new && is_proven && is_file_of(&record.folder.join(&record.name), record.size) {
                        return Some(Added { id, how: AddedHow::AlreadyHere });
                    }
                }
                StateKind::Cancelled => {}
                kind => {
                    let mut fetches_anew = false;
                    if let Some(item) = self.items.get_mut(&id) {
                        item.record.priority = item.record.priority.min(new.priority);
                        item.record.attempts = 0;
                        item.record.dry_since = None;
                        let asked = item.record.settings.with(settings);
                        fetches_anew = *item.record.settings != asked;
                        item.record.settings = Arc::new(asked);
                        if let Some(checksum) = &new.extras.checksum {
                            let held =
                                item.record.extras.as_ref().and_then(|extras| extras.checksum.as_ref());
                            fetches_anew |= held != Some(checksum);
                            item.record.extras.get_or_insert_default().checksum = Some(checksum.clone());
                        }
                    }
                    if fetches_anew && kind != StateKind::Processing {
                        self.stop_run(id, Then::Queue);
                    }
                    match kind {
                        // A pause that was asked for in this very moment is taken back.
                        kind if kind.is_running() => drop(self.go_on(id, &Act::Resume)),
                        // One of an earlier engine, which nobody asked for until now.
                        StateKind::Queued => {
                            self.enqueue(id);
                            self.store(id);
                        }
                        // What neither runs nor is completed can always be retried, and by kind.
                        _ => drop(self.go_on(id, &Act::Retry)),
                    }
                    return Some(Added { id, how: AddedHow::Attached });
                }
            }
        }
        None
    }

    pub(super) fn new_record(
        &mut self,
        new: NewDownload,
        settings: Arc<TransferSettings>,
        folder: Arc<PathBuf>,
        now: UnixMs,
    ) -> DownloadRecord {
        self.last_download += 1;
        #[expect(clippy::cast_precision_loss, reason = "places need an order, not every digit")]
        let order = self.last_download as f64;
        // What is here already is compared with the server's by what was stored of it, under the name that it got.
        let here = (settings.taken == Taken::IfChanged).then(|| self.newest_finished_of(&new)).flatten();
        let name_is_given = new.name.is_some();
        let name_is_known = here.is_some();
        let extras = new.extras;
        let is_plain = extras == crate::model::item::Extras::default();
        DownloadRecord {
            id: DownloadId(self.last_download),
            uuid: Uuid::new_v4(),
            collection: new.collection.unwrap_or(CollectionId::DEFAULT),
            order,
            name: match &here {
                Some(here) => here.name.clone(),
                None => new.name.unwrap_or_else(|| name::provisional(&new.url)),
            },
            source_url: new.url,
            folder,
            name_is_final: name_is_given || name_is_known,
            name_is_given,
            mode: new.mode,
            priority: new.priority,
            state: State::Queued,
            added: now,
            ended: None,
            size: extras.size,
            attempts: 0,
            dry_since: None,
            joined_on_samples: false,
            settings,
            extras: (!is_plain).then(|| Box::new(extras)),
            checkpoint: here.and_then(|here| here.checkpoint.clone()),
        }
    }

    fn newest_finished_of(&self, new: &NewDownload) -> Option<DownloadRecord> {
        let (id, ..) = self.finished_of(new).pop()?;
        self.items.get(&id).map(|item| item.record.clone())
    }

    /// Takes a record into the list, and into line where it is queued.
    pub(super) fn take_in(&mut self, record: DownloadRecord, client: u64) {
        let id = record.id;
        let queued = matches!(record.state, State::Queued);
        self.put_in_list(record, client);
        if queued {
            self.enqueue(id);
        }
    }

    /// Takes a record into the list only.
    pub(super) fn put_in_list(&mut self, record: DownloadRecord, client: u64) {
        let id = record.id;
        self.by_source.insert((source_hash(&record.source_url), id));
        let mut item = Item::new(record);
        if item.record.mode == Mode::RealTime {
            item.owner = Some(client);
        }
        self.items.insert(id, item);
        self.touch(id);
    }
}

/// A short stand-in for a URL in the index of sources.
pub(super) fn source_hash(url: &Url) -> u64 {
    let mut hasher = DefaultHasher::new();
    url.as_str().hash(&mut hasher);
    hasher.finish()
}
