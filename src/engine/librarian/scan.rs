//! A look through folders, or through all that is known: what is new, what changed, what moved and what is gone.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Work, now, record};
use crate::library;
use crate::library::walk::Walk;
use crate::model::media::{FileFacts, MediaFacts, MediaId};
use crate::model::printable::printable;
use crate::model::shelf::ScanProgress;
use crate::store::db::Durability;
use crate::store::error::StoreError;
use crate::store::library::MediaReader;

/// Troubles of a scan that are told.
const MOST_TROUBLE: usize = 50;
/// Entries among which that of a moved file is looked for.
const MOST_MOVED: u32 = 100;

impl Work {
    /// Looks through folders, or through what is known where none is named. `interrupted` does between files what can't wait.
    pub(super) fn scan(&mut self, number: u64, folders: &[PathBuf], interrupted: &mut dyn FnMut(&mut Self)) {
        let mut progress = ScanProgress { scan: number, ..ScanProgress::default() };
        let ended = self.scan_all(folders, &mut progress, interrupted);
        if let Err(error) = ended {
            trouble(&mut progress, &error.text);
        }
        self.store(Durability::Relaxed);
        if let Some(text) = self.unstored.take() {
            trouble(&mut progress, &text);
        }
        progress.done = true;
        progress.at.clear();
        self.tell(&progress);
    }

    fn scan_all(
        &mut self,
        folders: &[PathBuf],
        progress: &mut ScanProgress,
        interrupted: &mut dyn FnMut(&mut Self),
    ) -> Result<(), StoreError> {
        let store = self.db.media_reader()?;
        let mut told = Instant::now();
        let mut breathe = |work: &mut Self, progress: &ScanProgress| {
            if told.elapsed() > Duration::from_millis(50) {
                told = Instant::now();
                work.tell(progress);
                interrupted(work);
            }
            !work.desk.is_ending()
        };
        let folders: Vec<PathBuf> =
            folders.iter().map(|folder| folder.canonicalize().unwrap_or_else(|_| folder.clone())).collect();
        let mut gone_now = HashSet::new();
        let places: Vec<Option<&Path>> = if folders.is_empty() {
            vec![None]
        } else {
            folders.iter().map(|folder| Some(folder.as_path())).collect()
        };
        // First what is known: a file that moved can then be told from a new one.
        for place in &places {
            let mut after = MediaId(0);
            loop {
                let page = store.page(*place, after, 500);
                let Some((_, last)) = page.last() else { break };
                after = last.id;
                let (mut gone, mut back) = (Vec::new(), Vec::new());
                for (path, known) in page {
                    match library::look(&path) {
                        None if !known.is_missing && library::is_gone(&path) => gone.push(known.id),
                        None => {}
                        Some(file) => {
                            if known.is_missing {
                                back.push(known.id);
                            }
                            // Folders that are walked through meet it again.
                            if place.is_none() {
                                self.meet(&store, path, file, false, progress, &mut gone_now);
                            }
                        }
                    }
                    if !breathe(self, progress) {
                        return Ok(());
                    }
                }
                progress.missing += gone.len() as u64;
                gone_now.extend(gone.iter().copied());
                progress.found += back.len() as u64;
                if !(gone.is_empty() && back.is_empty()) {
                    self.db.mark_missing(gone, back, now()).wait()?;
                    self.tell_changed();
                }
            }
        }
        for folder in &folders {
            // One that is named by itself is meant, whatever was said of it before.
            if let Some(file) = library::look(folder) {
                self.meet(&store, folder.clone(), file, true, progress, &mut gone_now);
                continue;
            }
            let mut walk = Walk::new(folder);
            for (path, file) in walk.by_ref() {
                progress.at = printable(&path.to_string_lossy()).into_owned();
                self.meet(&store, path, file, false, progress, &mut gone_now);
                if !breathe(self, progress) {
                    return Ok(());
                }
            }
            for folder in &walk.unreadable {
                trouble(progress, &format!("{} can't be looked into", folder.display()));
            }
        }
        Ok(())
    }

    /// Takes in a file that a scan met.
    fn meet(
        &mut self,
        store: &MediaReader,
        path: PathBuf,
        file: FileFacts,
        is_named: bool,
        progress: &mut ScanProgress,
        gone_now: &mut HashSet<MediaId>,
    ) {
        progress.seen += 1;
        let known = store.known(&path);
        let is_known = known.is_some_and(|known| known.file == file && !known.had_trouble);
        if is_known || (!is_named && known.is_none() && store.is_passed_over(&path, file)) {
            progress.unchanged += 1;
            return;
        }
        if known.is_none() && path.extension().is_none() && !library::file_begins_as_media(&path) {
            progress.seen -= 1;
            // It is looked at again where that can't be stored.
            let _ = self.db.pass_over(None, path, file).wait();
            return;
        }
        let (facts, trouble_with_it) = self.read(&path, None, file);
        if let Some(text) = &trouble_with_it {
            trouble(progress, &format!("{}: {text}", path.display()));
        }
        if known.is_none()
            && let Some((id, hash)) = moved(store, &path, &facts, &|| self.desk.is_ending())
        {
            progress.found += 1;
            if gone_now.remove(&id) {
                progress.missing = progress.missing.saturating_sub(1);
            }
            // What could not be stored is found by the next scan.
            let _ = self.db.move_media(id, path, facts.file, hash).wait();
            self.tell_changed();
            return;
        }
        match (&facts.kind, known) {
            // An entry of what is no media any more stands for nothing; and the file is not read again before it changes.
            (None, known) => {
                progress.not_media += 1;
                let _ = self.db.pass_over(known.map(|known| known.id), path, facts.file).wait();
                if known.is_some() {
                    self.tell_changed();
                }
                return;
            }
            (_, Some(_)) => progress.updated += 1,
            (_, None) => progress.added += 1,
        }
        self.keep(record(path, facts, trouble_with_it));
        self.store_if_due();
    }

    fn tell(&self, progress: &ScanProgress) {
        self.desk.with(|scans| {
            if let Some(scan) = scans.recent.iter_mut().find(|scan| scan.scan == progress.scan) {
                scan.clone_from(progress);
            }
        });
    }
}

/// The entry of a file that is not where it was and whose bytes were met elsewhere, and its sum where it has one; or the entry of
/// this very file under another way to it.
fn moved(
    store: &MediaReader,
    path: &Path,
    facts: &MediaFacts,
    is_stopped: &dyn Fn() -> bool,
) -> Option<(MediaId, Option<String>)> {
    if facts.print.is_empty() {
        return None;
    }
    let mut sum = None;
    for (id, old, known, hash) in store.of_print(&facts.print, MOST_MOVED) {
        let is_this = known.file == facts.file && library::true_path(&old) == path;
        if is_this {
            return Some((id, hash));
        }
        if known.file.size != facts.file.size || !library::is_gone(&old) {
            continue;
        }
        let Some(hash) = hash else { return Some((id, None)) };
        // There are files of the same samples and other bytes: it has a sum because there were two of them.
        let sum = sum.get_or_insert_with(|| library::hash(path, is_stopped).ok().flatten());
        if sum.as_ref() == Some(&hash) {
            return Some((id, Some(hash)));
        }
    }
    None
}

fn trouble(progress: &mut ScanProgress, text: &str) {
    if progress.trouble.len() < MOST_TROUBLE {
        progress.trouble.push(printable(text).into_owned());
    }
}
