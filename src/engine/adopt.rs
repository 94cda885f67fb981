//! Adopting: downloads are rebuilt from parts and their notes, and what another program left behind is taken on.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use url::Url;

use super::add::{Settled, source_hash};
use super::core::Core;
use crate::fetch::name;
use crate::model::coverage::Coverage;
use crate::model::id::DownloadId;
use crate::model::item::{NewDownload, OnChange, TransferSettings};
use crate::model::printable::mask_url;
use crate::model::record::{Checkpoint, DownloadRecord};
use crate::model::request::{Added, AddedHow, Refusal, RefusalKind};
use crate::model::state::State;
use crate::model::time::UnixMs;
use crate::store::db::Ticket;
use crate::store::files::{exists, rename_aside};
use crate::store::note::{NOTE, Note};
use crate::store::part::{PART, Part};

/// How deep folders are looked through for parts.
const DEEPEST: usize = 4;

impl Core {
    /// Rebuilds downloads from the notes that are found; they come back paused. With a URL, takes on one foreign file instead.
    pub(super) fn adopt(
        &mut self,
        paths: &[PathBuf],
        url: Option<Url>,
        settings: TransferSettings,
    ) -> Result<(Vec<Added>, Option<Ticket>), Refusal> {
        let records = if let Some(url) = url {
            match paths {
                [path] => vec![self.adopt_foreign(path, url, settings)?],
                _ => {
                    return Err(Refusal::new(
                        RefusalKind::BadRequest,
                        "a URL goes with one file",
                        "haul adopt FILE URL",
                    ));
                }
            }
        } else {
            let mut notes = Vec::new();
            for path in paths {
                find_notes(path, 0, &mut notes);
            }
            notes
                .into_iter()
                .filter_map(|note| self.adopt_note(&note).transpose())
                .collect::<Result<Vec<_>, _>>()?
        };
        if records.is_empty() {
            let text = "no part with a note was found that isn't in the list already";
            return Err(Refusal::new(
                RefusalKind::NotFound,
                text,
                "name a NAME.part file, or the folder that it is in",
            ));
        }
        let added = records.iter().map(|record| Added { id: record.id, how: AddedHow::New }).collect();
        for record in &records {
            self.take_in(record.clone(), 0);
        }
        Ok((added, Some(self.db.insert(records))))
    }

    /// After a store was lost: takes in what lies in the folder where downloads go. Returns where, and how many those are.
    pub(super) fn rebuild(&mut self) -> Option<(PathBuf, usize)> {
        let folder = self.config.downloads.folder.clone()?;
        let mut notes = notes_in(&folder);
        notes.sort();
        // One that can't be had is told by `haul adopt`.
        let records: Vec<_> = notes.iter().filter_map(|note| self.adopt_note(note).ok().flatten()).collect();
        let count = records.len();
        for record in &records {
            self.put_in_list(record.clone(), 0);
        }
        // What can't be stored is there again at the next start.
        drop(self.db.insert(records));
        (count > 0).then_some((folder, count))
    }

    /// What an earlier store knew of: the part beside which a new download would begin is its own, as the note and the attribute say.
    /// Only what is among `notes` is read: what else is added costs no look at the disk.
    pub(super) fn take_in_lost(&mut self, new: &NewDownload, notes: &HashSet<PathBuf>) -> Option<DownloadId> {
        let folder = new.folder.as_ref()?;
        let name = new.name.clone().unwrap_or_else(|| name::provisional(&new.url));
        let path = folder.join(format!("{name}{PART}{NOTE}"));
        if !notes.contains(&path) {
            return None;
        }
        let header = Note::read(&path)?.header;
        let part = Part::open_named(folder, &format!("{name}{PART}")).ok()?;
        let is_its_own = header.source_url == mask_url(&new.url) && part.is_signed_by(header.uuid);
        drop(part);
        if !is_its_own {
            return None;
        }
        // What was rebuilt has the link without its secrets, as notes do.
        let rebuilt = self.items.values().map(|item| &item.record).find(|record| record.uuid == header.uuid);
        if let Some((id, shown)) = rebuilt.map(|record| (record.id, &record.source_url)) {
            if *shown == new.url || !is_masked(shown, &new.url) {
                return None;
            }
            self.complete_link(id, new.url.clone());
            return Some(id);
        }
        let mut record = self.adopt_note(&path).ok().flatten()?;
        record.source_url = new.url.clone();
        let id = record.id;
        self.put_in_list(record.clone(), 0);
        // What can't be stored is found again.
        drop(self.db.insert(vec![record]));
        Some(id)
    }

    fn complete_link(&mut self, id: DownloadId, url: Url) {
        let Some(item) = self.items.get_mut(&id) else { return };
        let old = source_hash(&item.record.source_url);
        let new = source_hash(&url);
        item.record.source_url = url;
        self.by_source.remove(&(old, id));
        self.by_source.insert((new, id));
        self.touch(id);
        self.store(id);
    }

    fn adopt_note(&mut self, path: &Path) -> Result<Option<DownloadRecord>, Refusal> {
        let Some(note) = Note::read(path) else { return Ok(None) };
        let header = &note.header;
        if self.items.values().any(|item| item.record.uuid == header.uuid) {
            return Ok(None);
        }
        let (Some(folder), Some(part_name)) =
            (path.parent(), path.file_stem().map(|name| name.to_string_lossy().into_owned()))
        else {
            return Ok(None);
        };
        let refuse = |error: crate::store::error::StoreError| {
            Refusal::new(RefusalKind::Taken, error.text.clone(), error.hint())
        };
        let Ok(part) = Part::open_named(folder, &part_name).map_err(refuse) else { return Ok(None) };
        let Ok(source) = Url::parse(&header.source_url) else { return Ok(None) };
        let mut safe = header.safe.clone();
        safe.truncate(part.length());
        let proven = note.proven(&part, header.generation, &safe).map_err(refuse)?.coverage;
        safe.merge(&proven);
        part.sync_data().map_err(refuse)?;
        part.sign(header.uuid);
        let (device, inode) = part.identity();
        let checkpoint = Checkpoint {
            generation: header.generation,
            part: part_name,
            device,
            inode,
            safe,
            size: header.size,
            validators: header.validators.clone(),
            ..Checkpoint::default()
        };
        let name = name::sanitise(&header.name).unwrap_or_else(|| "download".into());
        let uuid = header.uuid;
        let mut record = self.rebuilt(source, folder, name, TransferSettings::default());
        record.uuid = uuid;
        record.size = header.size;
        record.checkpoint = Some(Box::new(checkpoint));
        Ok(Some(record))
    }

    /// Another program's partial file: it becomes a part, and goes on only after its samples were compared.
    fn adopt_foreign(
        &mut self,
        path: &Path,
        url: Url,
        settings: TransferSettings,
    ) -> Result<DownloadRecord, Refusal> {
        let refuse = |text: String, hint: &str| Refusal::new(RefusalKind::BadRequest, text, hint);
        let facts = std::fs::symlink_metadata(path).map_err(|error| {
            refuse(format!("{} can't be adopted: {error}", path.display()), "check the path")
        })?;
        if !facts.is_file() {
            return Err(refuse(format!("{} is no file", path.display()), ""));
        }
        let mut control = path.as_os_str().to_owned();
        control.push(".aria2");
        if exists(Path::new(&control)) {
            return Err(refuse(
                format!("{} was not written from front to back", path.display()),
                "only aria2 knows which of its bytes are there; let aria2 finish it",
            ));
        }
        let (Some(folder), Some(own)) =
            (path.parent(), path.file_name().map(|own| own.to_string_lossy().into_owned()))
        else {
            return Err(refuse(format!("{} is no file in a folder", path.display()), ""));
        };
        let name = [".crdownload", ".part", ".partial", ".opdownload", ".download"]
            .iter()
            .find_map(|end| own.strip_suffix(end))
            .unwrap_or(&own);
        let name = name::sanitise(name).unwrap_or_else(|| name::provisional(&url));
        let part_name = format!("{name}{PART}");
        if own != part_name {
            rename_aside(folder, &own, &part_name)
                .map_err(|error| Refusal::new(RefusalKind::Taken, error.text.clone(), error.hint()))?;
        }
        let part = Part::open_named(folder, &part_name)
            .map_err(|error| Refusal::new(RefusalKind::Taken, error.text.clone(), error.hint()))?;
        let (device, inode) = part.identity();
        // Where the link is of another file, what is here is not ours to replace.
        let mut record =
            self.rebuilt(url, folder, name, TransferSettings { on_change: OnChange::Stop, ..settings });
        part.sign(record.uuid);
        record.state = State::Queued;
        record.extras.get_or_insert_default().adopted = Some(own);
        record.checkpoint = Some(Box::new(Checkpoint {
            part: part_name,
            device,
            inode,
            safe: Coverage::prefix_of(facts.len()),
            ..Checkpoint::default()
        }));
        Ok(record)
    }

    fn rebuilt(
        &mut self,
        url: Url,
        folder: &Path,
        name: String,
        settings: TransferSettings,
    ) -> DownloadRecord {
        let new = NewDownload {
            url,
            folder: Some(folder.to_owned()),
            name: Some(name),
            mode: Some(crate::model::item::Mode::Background),
            priority: None,
            otherwise: crate::model::item::Priority::Normal,
            collection: None,
            again: true,
            settings: 0,
            extras: crate::model::item::Extras::default(),
        };
        let now = UnixMs::from(super::wall());
        let mut record = self.new_record(new, Arc::new(settings), Arc::new(folder.to_owned()), now);
        record.state = State::Paused;
        // The same link finds it, whatever it is called.
        record.name_is_given = false;
        record
    }
}

/// The notes in the folders that a batch goes to, listed once for each, beside the engine's thread: a folder may be large, or far.
pub(super) async fn notes_beside(batch: &Settled) -> HashSet<PathBuf> {
    let wanted = batch.orders.iter().filter(|(new, _)| !new.again);
    let folders: HashSet<PathBuf> = wanted.filter_map(|(new, _)| new.folder.clone()).collect();
    let listed =
        tokio::task::spawn_blocking(move || folders.iter().flat_map(|folder| notes_in(folder)).collect());
    listed.await.unwrap_or_default()
}

fn notes_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let end = format!("{PART}{NOTE}");
    entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.to_string_lossy().ends_with(&end))
        .collect()
}

/// Whether a link is another one without its secrets.
fn is_masked(shown: &Url, url: &Url) -> bool {
    Url::parse(&mask_url(url)).is_ok_and(|masked| masked == *shown)
}

/// Collects the notes that a path means: itself, its part's, or those in a folder.
fn find_notes(path: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    if path.is_dir() {
        if depth > DEEPEST {
            return;
        }
        let Ok(entries) = std::fs::read_dir(path) else { return };
        let mut inside: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        inside.sort();
        for path in inside {
            let is_folder = path.symlink_metadata().is_ok_and(|facts| facts.is_dir());
            let is_note = path.to_string_lossy().ends_with(&format!("{PART}{NOTE}"));
            if is_folder || is_note {
                find_notes(&path, depth + 1, found);
            }
        }
        return;
    }
    let text = path.to_string_lossy();
    if text.ends_with(NOTE) {
        found.push(path.to_owned());
    } else {
        let mut note = path.as_os_str().to_owned();
        note.push(NOTE);
        found.push(PathBuf::from(note));
    }
}
