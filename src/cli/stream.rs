//! `haul get -o -`: hands the bytes on in order while they come. The engine writes a part file and says what of it is on disk; this
//! copies the front of it to stdout, never a byte twice, and ends with an error where the front can no longer be trusted.

use std::fs::File;
use std::io;
use std::mem::discriminant;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::engine::{Engine, Feed, unexpected};
use super::error::CliError;
use super::interrupts::Interrupts;
use super::output::{Output, closed};
use super::status::Status;
use super::stay::failure;
use super::words::remark;
use crate::model::coverage::Coverage;
use crate::model::id::DownloadId;
use crate::model::item::GiveUp;
use crate::model::request::{Act, Reply, Request};
use crate::model::selector::Selector;
use crate::model::state::{State, StateKind};
use crate::model::time::UnixMs;
use crate::model::view::DownloadDetail;

/// Bytes that are copied at once.
const CHUNK: usize = 256 * 1024;

/// Streams one download to stdout, and takes it out of the list with its file.
///
/// # Errors
/// A part that is another file than before, stdout that can't be written, a lost engine, or a second Ctrl-C.
pub(crate) async fn stream<E: Engine>(
    id: DownloadId,
    feed: E::Feed,
    engine: &E,
    output: &mut Output,
    interrupts: &mut Interrupts,
    give_up: GiveUp,
    now: fn() -> UnixMs,
) -> Result<Status, CliError> {
    let outcome = interrupts.unless(hand_on(id, feed, engine, output, give_up, now)).await;
    let forgotten = interrupts.unless(forget(id, engine)).await;
    match (outcome, forgotten) {
        (_, Err(CliError::Interrupted)) => Err(CliError::Interrupted),
        // The reader left before the end, so this is no success, but nothing to tell either.
        (Err(CliError::ClosedPipe), _) => Ok(Status::Failed),
        (Err(CliError::Interrupted), _) => Ok(Status::Interrupted),
        // What can't be removed lies in a folder of ours that goes when the process ends.
        (outcome, _) => outcome,
    }
}

/// Takes a streamed download out of the list with its file: half a stream is of no use to anybody, and a whole one was handed on.
///
/// # Errors
/// A refusal, or no engine.
pub(crate) async fn forget<E: Engine>(id: DownloadId, engine: &E) -> Result<(), CliError> {
    let shown = engine.call(Request::Show { id, reveal: false }).await;
    engine.call(Request::Act { select: Selector::one(id), act: Act::Remove }).await?;
    if let Ok(Reply::Detail(detail)) = shown
        && detail.row.state.kind() == StateKind::Completed
    {
        let _ = std::fs::remove_file(&detail.path);
    }
    Ok(())
}

/// What has been handed on.
#[derive(Default)]
struct Front {
    file: Option<Arc<File>>,
    sent: u64,
}

async fn hand_on<E: Engine>(
    id: DownloadId,
    mut feed: E::Feed,
    engine: &E,
    output: &mut Output,
    give_up: GiveUp,
    now: fn() -> UnixMs,
) -> Result<Status, CliError> {
    let mut front = Front::default();
    let mut dry_since = Some(Instant::now());
    let mut held_by = None;
    loop {
        let update = tokio::select! {
            biased;
            update = feed.next() => update?,
            () = dry_for(dry_since, give_up) => {
                output.complain("haul: given up: no byte came for too long.");
                return Ok(Status::GaveUp);
            }
        };
        if update.removed.contains(&id) {
            output.complain(&format!("haul: {id} was taken out of the list meanwhile."));
            return Ok(Status::Failed);
        }
        let Some(row) = update.rows.into_iter().find(|row| row.id == id) else { continue };
        // A plan, a battery or a person may hold it for as long as they like: nothing is wrong with it.
        let hold = match &row.state {
            State::Waiting { why, .. } if why.is_hold() => Some(discriminant(why)),
            _ => None,
        };
        if hold != held_by {
            if hold.is_some() {
                output.say(&format!("haul: {} ({id}) waits: {}.", row.name, remark(&row, now())));
            }
            dry_since = hold.is_none().then(Instant::now);
            held_by = hold;
        }
        if matches!(row.state, State::Failed(_) | State::Cancelled) {
            output.complain(&failure(&row));
            return Ok(Status::Failed);
        }
        let detail = match engine.call(Request::Show { id, reveal: false }).await? {
            Reply::Detail(detail) => detail,
            other => return Err(unexpected(&other)),
        };
        // It may have failed in the meantime: what is there of it then is gone.
        if matches!(detail.row.state, State::Failed(_) | State::Cancelled) {
            output.complain(&failure(&detail.row));
            return Ok(Status::Failed);
        }
        let before = front.sent;
        front.advance(&detail, output).await?;
        if front.sent > before {
            dry_since = Some(Instant::now());
        }
        if detail.row.state.kind() == StateKind::Completed {
            return Ok(Status::Done);
        }
    }
}

impl Front {
    /// Hands on what has come since.
    async fn advance(&mut self, detail: &DownloadDetail, output: &mut Output) -> Result<(), CliError> {
        let is_done = detail.row.state.kind() == StateKind::Completed;
        let path = if is_done { Some(&detail.path) } else { detail.part.as_ref() };
        let Some(path) = path.map(Path::new) else { return Ok(()) };
        let Some(file) = self.open(path, is_done)? else { return Ok(()) };
        let end = if is_done {
            file.metadata().map_err(|source| handing("reading", path, source))?.len()
        } else {
            detail.coverage.iter().copied().collect::<Coverage>().prefix()
        };
        // Between two tries less may be told than is there; the engine itself lets no stream start over.
        if is_done && end < self.sent {
            let text = "it is shorter than what was handed on already";
            return Err(handing("reading", path, io::Error::other(text)));
        }
        if end > self.sent {
            let (from, mut data) = (self.sent, output.lend());
            // A pipe may be full for as long as its reader likes; the engine must not wait with it.
            let copying = tokio::task::spawn_blocking(move || (copy(&file, from, end, &mut data), data));
            let (copied, data) = copying.await.map_err(|error| handing("handing on", path, error.into()))?;
            output.take_back(data);
            copied.map_err(|broken| match broken {
                Broken::File(source) => handing("reading", path, source),
                Broken::Pipe(source) => closed(source),
            })?;
            self.sent = end;
        }
        Ok(())
    }

    /// Returns the file, which must be the same one as before. A part may not be there yet, or have been renamed already.
    fn open(&mut self, path: &Path, is_done: bool) -> Result<Option<Arc<File>>, CliError> {
        let found = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !is_done => {
                return Ok(self.file.clone());
            }
            Err(source) => return Err(handing("opening", path, source)),
        };
        let is_same = match &self.file {
            Some(known) => identity(known, path)? == identity(&found, path)?,
            None => true,
        };
        if !is_same && self.sent > 0 {
            return Err(handing(
                "reading",
                path,
                io::Error::other("another version of the file took its place"),
            ));
        }
        let file = Arc::new(found);
        self.file = Some(Arc::clone(&file));
        Ok(Some(file))
    }
}

/// Which side of a copy broke.
enum Broken {
    File(io::Error),
    Pipe(io::Error),
}

fn copy(file: &File, from: u64, end: u64, data: &mut dyn io::Write) -> Result<(), Broken> {
    let mut chunk = vec![0; CHUNK];
    let mut at = from;
    while at < end {
        let length = usize::try_from(end - at).unwrap_or(CHUNK).min(CHUNK);
        file.read_exact_at(&mut chunk[..length], at).map_err(Broken::File)?;
        data.write_all(&chunk[..length]).map_err(Broken::Pipe)?;
        at += length as u64;
    }
    data.flush().map_err(Broken::Pipe)
}

fn identity(file: &File, path: &Path) -> Result<(u64, u64), CliError> {
    let known = file.metadata().map_err(|source| handing("reading", path, source))?;
    Ok((known.dev(), known.ino()))
}

fn handing(what: &str, path: &Path, source: io::Error) -> CliError {
    let path: PathBuf = path.into();
    CliError::Handing { what: format!("{what} {}", path.display()), source }
}

async fn dry_for(since: Option<Instant>, give_up: GiveUp) {
    match (since, give_up) {
        (Some(since), GiveUp::AfterSecs(secs)) => {
            tokio::time::sleep_until(since + Duration::from_secs(secs)).await;
        }
        _ => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::super::scripted::{Scripted, output, presses};
    use super::super::show::tests::detail;
    use super::*;
    use crate::model::range::ByteRange;

    /// Streams while the engine shows `STATE PART COVERED` in turn, a line each; returns the status, stdout and stderr. The part `a`
    /// and the finished file are one file with ten bytes, `b` is another.
    async fn streamed(story: &str) -> (Result<u8, u8>, String, String) {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(at("a"), "0123456789").unwrap();
        std::fs::write(at("b"), "abcdefghij").unwrap();
        std::fs::hard_link(at("a"), at("done")).unwrap();
        let mut words = Vec::new();
        let shown: Vec<_> = story
            .lines()
            .map(|line| {
                let [state, part, covered] = line.split_whitespace().collect::<Vec<_>>()[..] else {
                    panic!("{line}")
                };
                words.push(format!("1:{state}"));
                let mut detail = detail(state);
                detail.path = at("done");
                detail.part = (part != "-").then(|| at(part));
                let ranges = covered.split(',').filter_map(|range| range.split_once('-'));
                let ranges = ranges
                    .filter_map(|(start, end)| ByteRange::new(start.parse().unwrap(), end.parse().unwrap()));
                detail.coverage = ranges.collect();
                detail
            })
            .collect();
        let shown = Mutex::new(shown.into_iter());
        let engine = Scripted::new(move |request| match request {
            Request::Show { .. } => {
                let next = shown.lock().unwrap().next();
                Some(next.map(|detail| Reply::Detail(Box::new(detail))).ok_or(CliError::Interrupted))
            }
            _ => None,
        });
        engine.report(&words.join(" "));
        let (mut output, data, talk) = output();
        let (mut interrupts, _press) = presses(0);
        let feed = engine.subscribe().await.unwrap();
        let ended =
            stream(DownloadId(1), feed, &engine, &mut output, &mut interrupts, GiveUp::AfterSecs(0), || {
                UnixMs(0)
            })
            .await;
        let ended = ended.map(Status::code).map_err(|error| {
            error.lines().iter().for_each(|line| output.complain(line));
            error.status().code()
        });
        assert!(engine.asked().last().unwrap().contains("remove"));
        (ended, data.text(), talk.text())
    }

    #[tokio::test(flavor = "current_thread")]
    async fn the_front_goes_out_in_order_and_nothing_twice() {
        for (story, status, data, said) in [
            ("completed - none", Ok(0), "0123456789", ""),
            (
                "connecting - none\ndownloading a 0-4\ndownloading a 0-4\ndownloading a 0-7\ncompleted - none",
                Ok(0),
                "0123456789",
                "",
            ),
            ("downloading a 0-2,5-9\ndownloading a 0-9\ncompleted - none", Ok(0), "0123456789", ""),
            ("downloading a 3-9\nfailed a 3-9", Ok(1), "", "404"),
            ("downloading a 0-4\nfailed a 0-4", Ok(1), "0123", "404"),
            ("downloading a 0-4\ndownloading b 0-5", Err(1), "0123", "another version"),
            (
                "downloading a 0-4\ndownloading a none\ndownloading a 0-2\ncompleted - none",
                Ok(0),
                "0123456789",
                "",
            ),
            ("downloading b none\ndownloading a 0-2\ncompleted - none", Ok(0), "0123456789", ""),
            ("downloading a 0-4", Ok(4), "0123", "given up"),
        ] {
            let (ended, sent, talk) = streamed(story).await;
            assert_eq!((ended, sent.as_str()), (status, data), "{story}: {talk}");
            assert!(talk.contains(said), "{story}: {talk}");
        }
    }
}
