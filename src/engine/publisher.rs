//! The publisher: whole parts get their names. What ends together shares one sync, one look at each folder and two commits.

use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::mpsc as tokio_mpsc;

use super::sorter::Sorter;
use crate::library;
use crate::model::folders::Folders;
use crate::model::hook::HookCall;
use crate::model::id::DownloadId;
use crate::model::media::{Info, SetBy, ToShelve};
use crate::model::record::{Checkpoint, HistoryLine, SetAside};
use crate::model::time::UnixMs;
use crate::store::db::Db;
use crate::store::error::StoreError;
use crate::store::part::Part;
use crate::store::publish::{Ending, Placed, bring, clean_up, place, prepare, sync, sync_folders};
use crate::store::rows::Completed;

/// Parts that share one round at most.
const GROUP: usize = 1024;
/// Where so many end within this time, as small files do, the next round waits as long for more of them: a commit and a look at the
/// folder cost as much for one as for hundreds.
const MANY: usize = 16;
const LINGER: Duration = Duration::from_millis(20);
/// A name that is taken again and again is given up after so many numbers.
const MOST_ROUNDS: u32 = 100;

/// A whole part, and what is told of it.
pub(super) struct Publish {
    pub(super) ending: Ending,
    /// Where it came from, without secrets.
    pub(super) source: String,
    /// Partials of other versions that are no longer needed.
    pub(super) set_aside: Vec<SetAside>,
    /// Whether a note may be beside it.
    pub(super) noted: bool,
    /// Its event, where a program is to run for it.
    pub(super) hook: Option<HookCall>,
    /// Lines of history to keep.
    pub(super) history: u32,
    /// What is kept of its checkpoint.
    pub(super) kept: Option<Box<Checkpoint>>,
    /// The media type that the server sent.
    pub(super) media_type: Option<String>,
    /// What came with the request, for the library.
    pub(super) given: Info,
    /// Which setting gave its distributor.
    pub(super) set_by: Option<SetBy>,
    /// In which folders finished media stands.
    pub(super) folders: Option<Folders>,
    /// Whether it was sorted into them.
    pub(super) is_sorted: bool,
}

impl Publish {
    fn begins_as_media(&self) -> bool {
        let mut head = [0; library::HEAD];
        let head = &mut head[..usize::try_from(self.ending.size).unwrap_or(library::HEAD).min(library::HEAD)];
        self.ending.part.read_at(0, head).is_ok_and(|is_all| is_all && library::begins_as_media(head))
    }

    /// What the library is to do with it under its name, where it may be media.
    fn to_shelve(&self, path: &Path) -> Option<ToShelve> {
        let media_type = self.media_type.as_deref();
        let is_media = library::may_be_media(path, media_type)
            && (!library::only_bytes_tell(path, media_type) || self.begins_as_media());
        is_media.then(|| ToShelve {
            download: self.ending.id,
            path: path.to_owned(),
            media_type: self.media_type.clone(),
            given: self.given.clone(),
            source: self.source.clone(),
            set_by: self.set_by.clone(),
        })
    }
}

/// What became of it.
pub(super) struct Published {
    pub(super) id: DownloadId,
    pub(super) size: u64,
    pub(super) ended: UnixMs,
    /// Whether the part's bytes were made safe, whatever came then.
    pub(super) is_safe: bool,
    /// Whether its bytes had no name: without the final one they are gone.
    pub(super) was_unnamed: bool,
    pub(super) result: Result<PathBuf, StoreError>,
    /// What the library is to do with it.
    pub(super) shelve: Option<ToShelve>,
}

/// The publisher's thread.
pub(super) struct Publisher {
    sorter: Option<Sorter>,
    parts: Option<mpsc::Sender<Publish>>,
    thread: Option<JoinHandle<()>>,
}

impl Publisher {
    pub(super) fn start(
        db: Db,
        published: tokio_mpsc::UnboundedSender<Vec<Published>>,
        tag_reader: Option<PathBuf>,
    ) -> std::io::Result<Self> {
        let (parts, incoming) = mpsc::channel::<Publish>();
        let sorter = Sorter::start(parts.clone(), tag_reader)?;
        let thread = std::thread::Builder::new().name("publisher".into()).spawn(move || {
            let mut crowd = Crowd::default();
            while let Ok(first) = incoming.recv() {
                let mut group = vec![first];
                if crowd.is_there(Instant::now()) {
                    std::thread::sleep(LINGER);
                }
                group.extend(incoming.try_iter().take(GROUP - 1));
                crowd.count(Instant::now(), group.len());
                // An engine that is gone needs no answer.
                let _ = published.send(publish(&db, group));
            }
        })?;
        Ok(Self { sorter: Some(sorter), parts: Some(parts), thread: Some(thread) })
    }

    pub(super) fn publish(&self, part: Publish) {
        match (&self.sorter, &self.parts) {
            (Some(sorter), _) if part.is_to_be_sorted() => sorter.sort(part),
            (_, Some(parts)) => {
                // A thread that is gone takes the engine with it: nobody is left to tell.
                let _ = parts.send(part);
            }
            _ => {}
        }
    }
}

impl Drop for Publisher {
    /// Waits until all that was given has its name.
    fn drop(&mut self) {
        self.sorter = None;
        self.parts = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
    }
}

/// Whether many end at once.
#[derive(Default)]
struct Crowd {
    /// How many ended since when.
    seen: Option<(Instant, usize)>,
    is_there: bool,
}

impl Crowd {
    fn count(&mut self, now: Instant, ended: usize) {
        let (since, seen) = self.seen.unwrap_or((now, 0));
        let (age, seen) = (now.saturating_duration_since(since), seen + ended);
        if age < LINGER && seen < MANY {
            self.seen = Some((since, seen));
        } else {
            self.is_there = seen >= MANY && age < 2 * LINGER;
            self.seen = Some((now, 0));
        }
    }

    /// Whether the last ones came so close together that more are near.
    fn is_there(&self, now: Instant) -> bool {
        self.is_there && self.seen.is_some_and(|(since, _)| now.saturating_duration_since(since) < 2 * LINGER)
    }
}

/// One part on its way, or why it stopped.
struct Way {
    part: Publish,
    is_safe: bool,
    state: Result<Option<PathBuf>, StoreError>,
    /// The part on another file system that it was copied from; it goes last.
    original: Option<Arc<Part>>,
    /// What the library is to do with it, once it has its name.
    shelve: Option<ToShelve>,
}

impl Way {
    fn fail_all(ways: &mut [Self], error: &StoreError) {
        for way in ways.iter_mut().filter(|way| matches!(way.state, Ok(None))) {
            way.state = Err(error.clone());
        }
    }
}

fn publish(db: &Db, group: Vec<Publish>) -> Vec<Published> {
    let history = group.last().map_or(0, |part| part.history);
    let mut seen = None;
    let mut ways: Vec<Way> = group
        .into_iter()
        .map(|mut part| {
            let brought = bring(&mut part.ending, &mut seen);
            let prepared = brought.and_then(|original| prepare(&part.ending).map(|()| original));
            match prepared {
                Ok(original) => Way { part, is_safe: false, state: Ok(None), original, shelve: None },
                Err(error) => Way { part, is_safe: false, state: Err(error), original: None, shelve: None },
            }
        })
        .collect();
    let good: Vec<usize> = (0..ways.len()).filter(|at| ways[*at].state.is_ok()).collect();
    let endings: Vec<&Ending> = good.iter().map(|at| &ways[*at].part.ending).collect();
    let synced = sync(&endings);
    for (at, result) in good.into_iter().zip(synced) {
        ways[at].is_safe = result.is_ok();
        if let Err(error) = result {
            ways[at].state = Err(error);
        }
    }
    name_all(db, &mut ways);
    let named: Vec<_> = ways
        .iter()
        .filter(|way| matches!(way.state, Ok(Some(_))))
        .map(|way| {
            let intent = way.part.ending.intent();
            if way.original.is_none() {
                clean_up(&intent.part, way.part.ending.owner, way.part.noted, &way.part.set_aside);
            }
            intent
        })
        .collect();
    if let Err(error) = sync_folders(&named) {
        for way in ways.iter_mut().filter(|way| way.state.is_ok()) {
            way.state = Err(error.clone());
        }
    }
    let ended = UnixMs::from(super::wall());
    let (mut completed, mut told, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for way in &mut ways {
        let ending = &way.part.ending;
        match &way.state {
            Ok(Some(path)) => {
                way.shelve = way.part.to_shelve(path);
                completed.push(Completed {
                    id: ending.id,
                    folder: path.parent().filter(|_| way.part.is_sorted).map(Path::to_owned),
                    name: ending.name.clone(),
                    size: ending.size,
                    ended,
                    hook: way.part.hook.clone().map(|call| HookCall {
                        name: ending.name.clone(),
                        path: path.display().to_string(),
                        size: Some(ending.size),
                        ..call
                    }),
                    kept: way.part.kept.clone(),
                    shelve: way.shelve.clone(),
                });
                told.push(HistoryLine {
                    number: 0,
                    at: ended,
                    id: ending.id,
                    name: ending.name.clone(),
                    what: "completed".into(),
                    text: format!("from {}", way.part.source),
                    place: Some(path.display().to_string()),
                    secs: None,
                });
            }
            _ => failed.push(ending.id),
        }
    }
    let forgotten = (!failed.is_empty()).then(|| db.forget_publish(failed));
    let committed =
        if completed.is_empty() { Ok(()) } else { db.end_publish(completed, told, history).wait() };
    // What could not be forgotten is found out again at the next start.
    let _ = forgotten.map(crate::store::db::Ticket::wait);
    ways.into_iter()
        .map(|way| {
            if let (Some(original), Ok(Some(_)), Ok(())) = (&way.original, &way.state, &committed) {
                clean_up(&original.path(), way.part.ending.owner, way.part.noted, &way.part.set_aside);
                // What can't be deleted stays, and says whose it is.
                let _ = original.discard();
            }
            let shelve = way.shelve;
            let (ending, is_safe) = (way.part.ending, way.is_safe);
            let was_unnamed = ending.part.is_unnamed();
            let result = match (way.state, &committed) {
                (Ok(Some(path)), Ok(())) => Ok(path),
                (Ok(_), Err(error)) => Err(error.clone()),
                (Ok(None), Ok(())) => Err(StoreError::new(
                    crate::store::error::StoreKind::Taken,
                    format!("no free name for {}", ending.name),
                )),
                (Err(error), _) => Err(error),
            };
            Published { id: ending.id, size: ending.size, ended, is_safe, was_unnamed, result, shelve }
        })
        .collect()
}

/// Announces and renames, in rounds: a name that was taken in the meantime is announced again with its number.
fn name_all(db: &Db, ways: &mut [Way]) {
    for _ in 0..MOST_ROUNDS {
        let intents: Vec<_> = ways
            .iter()
            .filter(|way| matches!(way.state, Ok(None)))
            .map(|way| way.part.ending.intent())
            .collect();
        if intents.is_empty() {
            return;
        }
        if let Err(error) = db.begin_publish(intents.clone()).wait() {
            Way::fail_all(ways, &error);
            return;
        }
        let announced = ways.iter_mut().filter(|way| matches!(way.state, Ok(None)));
        for (way, intent) in announced.zip(intents) {
            let ending = &mut way.part.ending;
            match place(&intent, &ending.part, ending.taken) {
                Ok(Placed::Done(path)) => way.state = Ok(Some(path)),
                Ok(Placed::Renumber(name)) => (ending.name, ending.placeholder) = (name, None),
                Ok(Placed::Kept(device, inode)) => ending.placeholder = Some((device, inode)),
                Err(error) => way.state = Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_where_many_end_at_once_a_round_waits_for_more() {
        let begin = Instant::now();
        let at = |ms| begin + Duration::from_millis(ms);
        let mut crowd = Crowd::default();
        for n in 0..20 {
            assert!(!crowd.is_there(at(n * 30)));
            crowd.count(at(n * 30), 1);
        }
        for n in 600..618 {
            crowd.count(at(n), 1);
        }
        assert!(crowd.is_there(at(618)));
        crowd.count(at(640), 200);
        assert!(crowd.is_there(at(641)));
        assert!(!crowd.is_there(at(700)), "what comes later comes alone");
        crowd.count(at(700), 1);
        assert!(!crowd.is_there(at(701)));
    }
}
