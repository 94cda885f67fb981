//! Staying with downloads until they end: what `get` and `wait` have in common. Tells what happens, and knows what Ctrl-C and
//! too long a wait mean.

use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::engine::{Engine, Feed};
use super::error::{CliError, sentences};
use super::following::{Event, Following};
use super::interrupts::Interrupts;
use super::output::Output;
use super::progress::Progress;
use super::status::Status;
use super::words::{downloads, remark};
use crate::model::id::DownloadId;
use crate::model::item::{GiveUp, Mode};
use crate::model::printable::printable;
use crate::model::request::{Act, Reply, Request};
use crate::model::selector::Selector;
use crate::model::state::State;
use crate::model::time::UnixMs;
use crate::model::update::Update;
use crate::model::view::{DownloadDetail, DownloadRow};

/// Numbers in one request, at most: a message holds 1 MiB.
pub(crate) const IDS_AT_ONCE: usize = 50_000;
/// How many downloads are named one by one.
pub(crate) const NAMED: usize = 8;
/// How long the engine may take to tell more of a download: a connection that is sought again keeps nobody from leaving.
const TOLD_WITHIN: Duration = Duration::from_secs(10);

/// How to stay.
pub(crate) struct Stay {
    /// Whether what ended is written as JSON.
    pub(crate) json: bool,
    /// Whether the paths of finished files are written.
    pub(crate) paths: bool,
    /// Whether the engine is asked where a finished file is that was not told where to go.
    pub(crate) asks_where: bool,
    /// How long to stay where only a person could make something move.
    pub(crate) give_up: GiveUp,
    /// When to leave in any case.
    pub(crate) deadline: Option<Instant>,
    /// Whether Ctrl-C pauses what has not ended.
    pub(crate) pauses: bool,
    /// The wall clock.
    pub(crate) now: fn() -> UnixMs,
}

/// A download that ended, with `--json`: its row, and where its file is.
#[derive(Serialize)]
struct Ended<'a> {
    #[serde(flatten)]
    row: &'a DownloadRow,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a PathBuf>,
}

impl Stay {
    /// Stays until all have ended, it is interrupted, or it has waited too long. What was read of the feed already goes first.
    ///
    /// # Errors
    /// stdout that can't be written, a lost engine, or a second Ctrl-C.
    pub(crate) async fn until_done<E: Engine>(
        &self,
        mut following: Following,
        mut first: Option<Update>,
        mut feed: E::Feed,
        engine: &E,
        output: &mut Output,
        interrupts: &mut Interrupts,
    ) -> Result<Status, CliError> {
        let mut progress = Progress::new(output, following.len() > 1);
        let mut stuck_since: Option<Instant> = None;
        while !following.is_done() {
            let update = tokio::select! {
                biased;
                update = read(&mut first, &mut feed) => update,
                () = interrupts.next() => {
                    progress.end();
                    return if self.pauses {
                        pause_and_leave(&following, engine, output, interrupts).await
                    } else {
                        Ok(Status::Interrupted)
                    };
                }
                () = moment(self.leaves_at(stuck_since)) => {
                    progress.end();
                    return Ok(self.gave_up(&following, engine, output).await);
                }
            };
            let update = update.inspect_err(|_| progress.end())?;
            let mut events = following.apply(&update);
            if self.asks_where {
                ask_where(&mut events, engine).await;
            }
            if let Err(error) = self.tell(&events, &progress, output) {
                progress.end();
                // Nobody reads the paths any more, so nobody waits for the rest. That is no success.
                return if matches!(error, CliError::ClosedPipe) { Ok(Status::Failed) } else { Err(error) };
            }
            progress.update(&update.rows, &following, output, (self.now)());
            stuck_since = following.is_stuck().then(|| stuck_since.unwrap_or_else(Instant::now));
        }
        progress.end();
        let sums = following.sums();
        if following.len() > 1 {
            let done = following.len() - sums.failed;
            let failed = if sums.failed > 0 { format!(", {} failed", sums.failed) } else { String::new() };
            output.say(&format!("haul: {done} of {} done{failed}.", following.len()));
        }
        Ok(following.status())
    }

    /// When to leave, for nothing could move for as long as that is waited for, or for the time is up.
    fn leaves_at(&self, stuck_since: Option<Instant>) -> Option<Instant> {
        let stuck = match (stuck_since, self.give_up) {
            (Some(since), GiveUp::AfterSecs(secs)) => since.checked_add(Duration::from_secs(secs)),
            _ => None,
        };
        [stuck, self.deadline].into_iter().flatten().min()
    }

    /// Tells for what the rest waits.
    async fn gave_up<E: Engine>(&self, following: &Following, engine: &E, output: &mut Output) -> Status {
        let open = following.unended();
        for (id, _) in open.iter().take(NAMED) {
            let row = match following.active().get(id) {
                Some(row) => Some(row.clone()),
                // One that neither runs nor waits was never more than a number here.
                None => detail(*id, engine).await.map(|detail| detail.row),
            };
            let what = row.as_ref().map_or_else(|| id.to_string(), |row| format!("{} ({id})", row.name));
            let why = row.map_or_else(String::new, |row| format!(": {}", self.why_not_yet(&row)));
            output.complain(&sentences(&format!("given up waiting for {what}{why}"), "It stays in the list"));
        }
        if open.len() > NAMED {
            output.complain(&format!("haul: and for {} more.", open.len() - NAMED));
        }
        let sums = following.sums();
        if sums.failed > sums.gave_up { Status::Failed } else { Status::GaveUp }
    }

    fn why_not_yet(&self, row: &DownloadRow) -> String {
        let why = remark(row, (self.now)());
        if why.is_empty() { row.state.kind().word().to_owned() } else { why }
    }

    fn tell(&self, events: &[Event], progress: &Progress, output: &mut Output) -> Result<(), CliError> {
        if events.is_empty() {
            return Ok(());
        }
        progress.data(output, |output| {
            for event in events {
                match event {
                    Event::Completed { row, path, .. } if self.json => {
                        output.json(&Ended { row, path: path.as_ref() })?;
                    }
                    Event::Completed { path: Some(path), .. } if self.paths => {
                        if output.stdout.terminal {
                            output.bytes(printable(&path.to_string_lossy()).as_bytes())?;
                        } else {
                            output.bytes(path.as_os_str().as_bytes())?;
                        }
                        output.bytes(b"\n")?;
                    }
                    Event::Failed(row) if self.json => output.json(&Ended { row, path: None })?,
                    _ => {}
                }
            }
            Ok(())
        })?;
        for event in events {
            match event {
                Event::Completed { row, already: true, .. } => {
                    progress.say(output, &format!("haul: {} is already here.", row.name));
                }
                Event::Completed { row, .. } if row.joined_on_samples => {
                    let said = "was joined on samples: the server proves nothing about its version";
                    progress.say(output, &format!("haul: {} {said}.", row.name));
                }
                Event::Completed { row: DownloadRow { name, remark: Some(remark), .. }, .. } => {
                    progress.say(output, &format!("haul: {name}: {remark}."));
                }
                Event::Failed(row) => progress.complain(output, &failure(row)),
                // A terminal shows this in the download's own line.
                Event::Waits(row) if !output.stderr.terminal => {
                    let waits = remark(row, (self.now)());
                    progress.say(output, &format!("haul: {} ({}) waits: {waits}.", row.name, row.id));
                }
                Event::Gone(id) => {
                    progress.complain(output, &format!("haul: {id} was taken out of the list meanwhile."));
                }
                Event::Completed { .. } | Event::Waits(_) => {}
            }
        }
        Ok(())
    }
}

/// Looks up where finished files are, as far as that is not known here.
async fn ask_where<E: Engine>(events: &mut [Event], engine: &E) {
    let unknown = events.iter_mut().filter_map(|event| match event {
        Event::Completed { row, path, .. } if path.as_ref().is_none_or(|path| path.is_relative()) => {
            Some((row.id, path))
        }
        _ => None,
    });
    let asked = unknown.map(|(id, path)| async move {
        if let Some(detail) = detail(id, engine).await {
            *path = Some(detail.path.into());
        }
    });
    futures_util::future::join_all(asked).await;
}

/// Everything about a download, where the engine tells it soon.
async fn detail<E: Engine>(id: DownloadId, engine: &E) -> Option<Box<DownloadDetail>> {
    match tokio::time::timeout(TOLD_WITHIN, engine.call(Request::Show { id, reveal: false })).await {
        Ok(Ok(Reply::Detail(detail))) => Some(detail),
        _ => None,
    }
}

/// Tells why a download is no file.
pub(crate) fn failure(row: &DownloadRow) -> String {
    match &row.state {
        State::Failed(failure) => {
            sentences(&format!("{} ({}): {}", row.name, row.id, failure.text), &failure.hint)
        }
        other => sentences(&format!("{} ({}) was {}", row.name, row.id, other.kind().word()), ""),
    }
}

/// Pauses what this command added, says how to go on, and ends. Real-time downloads can't be paused, so they are made background ones.
pub(crate) async fn pause_and_leave<E: Engine>(
    following: &Following,
    engine: &E,
    output: &mut Output,
    interrupts: &mut Interrupts,
) -> Result<Status, CliError> {
    let open = following.unended();
    let ids: Vec<_> = open.iter().map(|(id, _)| *id).collect();
    let real_time: Vec<_> =
        open.iter().filter(|(_, mode)| *mode == Mode::RealTime).map(|(id, _)| *id).collect();
    let to_background = Act::SetMode { mode: Mode::Background };
    let acts = real_time.chunks(IDS_AT_ONCE).map(|ids| (ids, &to_background));
    let acts = acts.chain(ids.chunks(IDS_AT_ONCE).map(|ids| (ids, &Act::Pause)));
    for (ids, act) in acts {
        let select = Selector { ids: ids.to_vec(), ..Selector::default() };
        interrupts.unless(engine.call(Request::Act { select, act: act.clone() })).await?;
    }
    if !ids.is_empty() {
        output.complain(&format!("haul: paused {}. {}.", downloads(ids.len()), how_to_go_on(&ids)));
    }
    Ok(Status::Interrupted)
}

fn how_to_go_on(ids: &[DownloadId]) -> String {
    let named: Vec<_> = ids.iter().map(ToString::to_string).collect();
    let which = if ids.len() > NAMED { "state:paused".to_owned() } else { named.join(" ") };
    format!("Go on with `haul resume {which}`, or the same command again")
}

/// Reads what is there already, or else waits for what comes.
async fn read(first: &mut Option<Update>, feed: &mut impl Feed) -> Result<Update, CliError> {
    match first.take() {
        Some(update) => Ok(update),
        None => feed.next().await,
    }
}

/// Waits for a moment, if there is one.
async fn moment(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
