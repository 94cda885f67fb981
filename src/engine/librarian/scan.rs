//! A look through folders, or through all that is known: what is new, what changed, what moved and what is gone.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::compare::Between;
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
    /// Looks through folders, or through what is known where none is named. `between` does what can't wait.
    pub(super) fn scan(&mut self, number: u64, folders: &[PathBuf], between: &mut Between<'_>) {
        let mut progress = ScanProgress { scan: number, ..ScanProgress::default() };
        let ended = self.scan_all(folders, &mut progress, between);
        if let Err(error) = ended {
            trouble(&mut progress, &error.text);
        }
        self.store(Durability::Relaxed);
        self.tell(&progress);
        self.compare_all(between);
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
        between: &mut Between<'_>,
    ) -> Result<(), StoreError> {
        let store = self.db.media_reader()?;
        let mut pause = Pause { told: Instant::now(), between };
        let folders: Vec<PathBuf> =
            folders.iter().map(|folder| folder.canonicalize().unwrap_or_else(|_| folder.clone())).collect();
        let mut gone_now = HashSet::new();
        let places: Vec<Option<&Path>> = if folders.is_empty() {
            vec![None]
        } else {
            folders.iter().map(|folder| Some(folder.as_path())).collect()
        };
        // A watch looks again and again, and nobody waits for it.
        if progress.scan > 0 {
            progress.total = count(&store, &folders, &|| self.desk.is_ending());
            self.tell(progress);
        }
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
                            // What is there and is another file is looked at first.
                            if known.is_missing && known.file == file {
                                back.push(known.id);
                            }
                            // Folders that are walked through meet it again.
                            if place.is_none() {
                                self.meet(
                                    &store,
                                    Met { path, file, is_named: false },
                                    progress,
                                    &mut gone_now,
                                    &mut pause,
                                );
                            }
                        }
                    }
                    if !pause.breathe(self, progress) {
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
                let met = Met { path: folder.clone(), file, is_named: true };
                self.meet(&store, met, progress, &mut gone_now, &mut pause);
                continue;
            }
            let mut walk = Walk::new(folder);
            for (path, file) in walk.by_ref() {
                progress.at = printable(&path.to_string_lossy()).into_owned();
                self.meet(&store, Met { path, file, is_named: false }, progress, &mut gone_now, &mut pause);
                if !pause.breathe(self, progress) {
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
        met: Met,
        progress: &mut ScanProgress,
        gone_now: &mut HashSet<MediaId>,
        pause: &mut Pause<'_>,
    ) {
        let Met { path, file, is_named } = met;
        progress.seen += 1;
        let known = store.known(&path);
        let is_known = known.is_some_and(|known| known.file == file && !known.had_trouble);
        let stands_for_nothing = known.is_none_or(|known| known.is_missing);
        if is_known || (!is_named && stands_for_nothing && store.is_passed_over(file)) {
            progress.unchanged += 1;
            return;
        }
        if known.is_none() && library::has_no_word(&path) {
            match library::file_begins_as_media(&path) {
                Ok(true) => {}
                Ok(false) => {
                    progress.seen -= 1;
                    progress.total = progress.total.map(|total| total.saturating_sub(1));
                    // It is looked at again where that can't be stored.
                    let _ = self.db.pass_over(None, path, file, now()).wait();
                    return;
                }
                Err(error) => {
                    return trouble(progress, &format!("{} can't be read: {error}", path.display()));
                }
            }
        }
        let (facts, trouble_with_it) = self.read(&path, None, file);
        if let Some(text) = &trouble_with_it {
            trouble(progress, &format!("{}: {text}", path.display()));
        }
        let own = known.map(|known| known.id);
        let found = match moved(store, &path, own, &facts, None) {
            Moved::BySum => {
                let sum = self.sum(&path, pause.between).unwrap_or_default();
                moved(store, &path, own, &facts, Some(&sum))
            }
            found => found,
        };
        if let Moved::From(id, hash) = found {
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
            // What an entry was of is not there any more; and the file is not read again before it changes.
            (None, known) => {
                progress.not_media += 1;
                let _ = self.db.pass_over(own, path, facts.file, now()).wait();
                if known.is_some_and(|known| !known.is_missing) {
                    progress.missing += 1;
                    self.tell_changed();
                }
                return;
            }
            // What can't be read stays as it is known, until it can.
            (_, Some(known)) if known.file == file && !known.is_missing && trouble_with_it.is_some() => {
                progress.unchanged += 1;
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

/// How many files there are to look at; nothing where it is time to end.
fn count(store: &MediaReader, folders: &[PathBuf], is_ending: &dyn Fn() -> bool) -> Option<u64> {
    if folders.is_empty() {
        return store.count();
    }
    let files = folders.iter().flat_map(|folder| -> Box<dyn Iterator<Item = ()>> {
        if folder.is_file() { Box::new(std::iter::once(())) } else { Box::new(Walk::new(folder).map(drop)) }
    });
    let mut count = 0;
    for () in files {
        if is_ending() {
            return None;
        }
        count += 1;
    }
    Some(count)
}

/// A file that a scan met.
struct Met {
    path: PathBuf,
    file: FileFacts,
    /// Whether somebody named it.
    is_named: bool,
}

/// What a scan does now and then.
struct Pause<'a> {
    told: Instant,
    between: &'a mut Between<'a>,
}

impl Pause<'_> {
    /// Tells how far the scan is, and does what can't wait. Returns whether it goes on.
    fn breathe(&mut self, work: &mut Work, progress: &ScanProgress) -> bool {
        if self.told.elapsed() > Duration::from_millis(50) {
            self.told = Instant::now();
            work.tell(progress);
            (self.between)(work);
        }
        !work.desk.is_ending()
    }
}

/// Whether a file was known somewhere else.
enum Moved {
    No,
    /// It is that of this entry, and has this sum where it has one.
    From(MediaId, Option<String>),
    /// Its sum tells.
    BySum,
}

/// The entry of a file that is not where it was and whose bytes were met elsewhere; or the entry of this very file under another way
/// to it, or from where something else is by now. Where the path has an entry already (`own`), only the last counts.
fn moved(
    store: &MediaReader,
    path: &Path,
    own: Option<MediaId>,
    facts: &MediaFacts,
    sum: Option<&str>,
) -> Moved {
    if facts.print.is_empty() {
        return Moved::No;
    }
    for (id, old, known, hash) in store.of_print(&facts.print, MOST_MOVED) {
        if own == Some(id) {
            continue;
        }
        let is_this = known.file == facts.file
            && (library::look(&old) != Some(facts.file) || own.is_none() && library::true_path(&old) == path);
        if is_this {
            return Moved::From(id, hash);
        }
        if own.is_some() || known.file.size != facts.file.size || !library::is_gone(&old) {
            continue;
        }
        let Some(hash) = hash else { return Moved::From(id, None) };
        // There are files of the same samples and other bytes: it has a sum because there were two of them.
        match sum {
            None => return Moved::BySum,
            Some(sum) if sum == hash => return Moved::From(id, Some(hash)),
            Some(_) => {}
        }
    }
    Moved::No
}

fn trouble(progress: &mut ScanProgress, text: &str) {
    if progress.trouble.len() < MOST_TROUBLE {
        progress.trouble.push(printable(text).into_owned());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use tokio::sync::mpsc;

    use super::*;
    use crate::store::db::Db;

    fn at_work(state: &Path) -> Work {
        let (news, _heard) = mpsc::unbounded_channel();
        Work::new(Db::open(state, "2026-01-01T000000Z", None).unwrap().0, None, news, Arc::default())
    }

    /// The record of a file of this name, with the samples of others.
    fn alike(folder: &Path, name: &str, print: &str) -> crate::model::media::MediaRecord {
        let path = folder.join(name);
        std::fs::write(&path, "a song").unwrap();
        let file = library::look(&path).unwrap();
        let facts = MediaFacts { file, print: print.into(), ..library::by_name(&path, None) };
        record(path, facts, None)
    }

    #[test]
    fn what_comes_while_its_like_is_compared_is_compared_too() {
        let home = tempfile::tempdir().unwrap();
        let mut work = at_work(home.path());
        work.keep(alike(home.path(), "a.mp3", "same"));
        work.keep(alike(home.path(), "b.mp3", "same"));
        work.store(Durability::Relaxed);
        work.desk.with(|scans| scans.waiting = 1);
        work.compare_all(&mut |work| {
            work.desk.took();
            work.keep(alike(home.path(), "c.mp3", "same"));
        });
        let sum = |id| work.db.media(MediaId(id)).unwrap().unwrap().hash;
        assert!(sum(3).is_some() && sum(3) == sum(1));
        assert_eq!(work.desk.with(|scans| (scans.open, scans.waiting)), (0, 0));
    }

    #[test]
    fn what_an_end_left_uncompared_is_compared_the_next_time() {
        let home = tempfile::tempdir().unwrap();
        let mut work = at_work(home.path());
        for (name, print) in [("a.mp3", "same"), ("b.mp3", "same"), ("other.mp3", "other")] {
            work.keep(alike(home.path(), name, print));
        }
        work.store(Durability::Relaxed);
        // A kill takes what was noted with it.
        assert_eq!(std::mem::take(&mut work.to_compare), BTreeSet::from(["same".to_owned()]));
        work.desk = Arc::default();
        work.look_back();
        assert!(!work.desk.with(|scans| scans.open == 0), "nobody waits for it");
        work.compare_all(&mut |_| {});
        assert_eq!(work.desk.with(|scans| scans.open), 0);
        let sum = |id| work.db.media(MediaId(id)).unwrap().unwrap().hash;
        assert_eq!((sum(1).is_some(), sum(1) == sum(2), sum(3)), (true, true, None));
        assert!(work.db.media_reader().unwrap().uncompared().is_empty());
    }

    #[test]
    fn what_can_not_be_read_is_told_each_time_and_is_new_once() {
        let home = tempfile::tempdir().unwrap();
        let (state, folder) = (home.path().join("state"), home.path().join("music"));
        std::fs::create_dir(&state).unwrap();
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("song.mp3"), "no song").unwrap();
        let mut work = at_work(&state);
        let mut scanned = || {
            let mut progress = ScanProgress::default();
            work.scan_all(std::slice::from_ref(&folder), &mut progress, &mut |_| {}).unwrap();
            work.store(Durability::Relaxed);
            assert!(progress.trouble[0].contains("song.mp3: "), "{progress:?}");
            (progress.seen, progress.added, progress.updated, progress.unchanged)
        };
        assert_eq!(scanned(), (1, 1, 0, 0));
        assert_eq!(scanned(), (1, 0, 0, 1));
        std::fs::write(folder.join("song.mp3"), "another one").unwrap();
        assert_eq!(scanned(), (1, 0, 1, 0));
    }
}
