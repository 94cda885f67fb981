//! The agent's life: takes the store, listens, tells that it is ready, serves, and leaves everything safe behind it.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::time::Duration;

use sd_notify::NotifyState;
use serde::{Deserialize, Serialize};
use tokio::net::UnixStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::house::{Facts, House};
use super::serve::serve;
use super::socket::Bound;
use super::{log, notify, socket, sys};
use crate::engine::{Engine, Gate, Holder, Source, Started, StoreError, StoreKind};
use crate::model::settings::Settings;

/// How long an agent whose socket vanished may take to be reached again.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);
/// How long one may take to make its downloads safe and leave.
pub const LEAVES_WITHIN: Duration = Duration::from_mins(1);
/// What to do about one that takes longer.
pub const HANGS: &str =
    "see whether a disk hangs and try again; killing it costs what it has not yet written";
/// How often it is looked for meanwhile.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// What an agent is started with.
pub struct Run {
    /// The state folder, absolute.
    pub state: PathBuf,
    /// The runtime folder, for a socket whose path would be too long.
    pub runtime: PathBuf,
    /// Whether it was started in the background, by a client that waits for [`Ready`] on its stdout.
    pub detached: bool,
    /// How long it stays when nothing is left to do; for good where nothing is said.
    pub leaves_after: Option<Duration>,
    /// The engine's settings.
    pub settings: Settings,
    /// Where they came from, for when they are to be read anew.
    pub source: Source,
    /// The version that it says it is.
    pub version: String,
    /// The protocol that it says it speaks, where that is to be another one than it does.
    pub protocol: Option<u32>,
    /// What is served beside the socket.
    pub beside: Option<Beside>,
}

/// Begins to serve something beside the socket, until the token says that the engine has ended.
pub type Beside = Box<dyn Fn(Rc<House>, CancellationToken) -> Pin<Box<dyn Future<Output = ()>>>>;

/// What an agent that was started in the background says first, on one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ready {
    /// An agent can be reached here: this one, or one that was faster.
    At {
        /// The socket.
        socket: PathBuf,
    },
    /// There will be none.
    Failed {
        /// Why.
        text: String,
        /// What to do.
        hint: String,
    },
}

/// How long clients have to let go when the agent ends.
const GOODBYES: Duration = Duration::from_secs(5);

/// Why there is no agent.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The store can't be had.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system refuses something.
    #[error("{what}: {source}")]
    System {
        /// What.
        what: String,
        /// Why.
        source: std::io::Error,
    },
    /// The agent before this one doesn't end.
    #[error("the agent before this one (process {pid}) has not made its downloads safe within a minute")]
    Hanging {
        /// Its process.
        pid: u32,
    },
}

impl RunError {
    fn system(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::System { what, source }
    }

    /// What to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Store(error) => error.state_hint(),
            Self::Hanging { .. } => HANGS,
            Self::System { .. } => "check that the state folder can be written and that the system has room",
        }
    }
}

/// How an agent began.
enum Begun {
    /// It has the store and listens.
    Here(Box<Here>),
    /// Another one was faster, and can be reached.
    There(PathBuf),
}

struct Here {
    gate: Gate,
    started: Started,
    socket: PathBuf,
}

/// Is an agent until it is told to stop, or has nothing left to do.
///
/// # Errors
/// There can be none. One that runs already is no error for who was started in the background.
pub fn run(run: &Run) -> Result<(), RunError> {
    if run.detached {
        sys::detach().map_err(RunError::system("can't leave the terminal"))?;
    }
    let told = begin(run).and_then(|begun| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(RunError::system("the system gives no event queue"))?;
        match begun {
            Begun::There(socket) => tell_ready(run, &Ready::At { socket }),
            Begun::Here(here) => {
                let local = tokio::task::LocalSet::new();
                let lived = local.block_on(&runtime, live(run, *here));
                runtime.shutdown_background();
                lived
            }
        }
    });
    if let Err(error) = &told
        && run.detached
    {
        tell_ready(run, &Ready::Failed { text: error.to_string(), hint: error.hint().into() })?;
    }
    told
}

/// Tells a client that waits for an agent that there will be none: its settings are wrong.
pub fn tell_failed(text: &str, hint: &str) {
    let ready = Ready::Failed { text: text.into(), hint: hint.into() };
    // A client that is gone needs no word.
    let _ = writeln!(std::io::stdout(), "{}", serde_json::to_string(&ready).unwrap_or_default());
}

/// Takes the store. Who leaves just now is waited for; who is here to stay is found.
fn begin(run: &Run) -> Result<Begun, RunError> {
    let end = std::time::Instant::now() + ANSWERS_WITHIN;
    loop {
        let gate = Gate::enter(&run.state)?;
        let error = match Engine::start_within(&gate, run.settings.clone(), Rc::clone(&run.source), false) {
            Ok(started) => {
                let socket = socket::place(&run.state, &run.runtime);
                return Ok(Begun::Here(Box::new(Here { gate, started, socket })));
            }
            Err(error) => error,
        };
        let holder = Holder::read(&run.state);
        let Some(socket) = holder.socket.filter(|_| error.kind == StoreKind::Locked) else {
            return Err(error.into());
        };
        if std::os::unix::net::UnixStream::connect(&socket).is_ok() {
            return if run.detached { Ok(Begun::There(socket)) } else { Err(error.into()) };
        }
        if holder.is_leaving {
            let is_free = Holder::is_free_within(&run.state, LEAVES_WITHIN)
                .map_err(RunError::system("can't wait for the agent that is about to leave"))?;
            if !is_free {
                return Err(RunError::Hanging { pid: holder.pid.unwrap_or_default() });
            }
        } else if std::time::Instant::now() < end {
            // Its socket vanished, and it makes another in this moment; or it was killed in this moment.
            drop(gate);
            std::thread::sleep(LOOK_AGAIN);
        } else {
            return Err(error.into());
        }
    }
}

fn tell_ready(run: &Run, ready: &Ready) -> Result<(), RunError> {
    if !run.detached {
        return Ok(());
    }
    let text = serde_json::to_string(ready).unwrap_or_default();
    // A client that is gone needs no word.
    let _ = writeln!(std::io::stdout(), "{text}");
    sys::close_stdout().map_err(RunError::system("can't close stdout"))
}

async fn live(run: &Run, here: Here) -> Result<(), RunError> {
    let Here { gate, started: Started { engine, drive, damaged }, socket } = here;
    if let Err(error) = log::start(&run.state, engine.log_days(), !run.detached) {
        // An agent without a log is better than none.
        tracing::warn!("there is no log: {error}");
    }
    tracing::info!("haul {} begins, process {}", run.version, std::process::id());
    let warning = damaged.map(|damaged| {
        format!("{damaged}. Rebuild those in other folders from their parts with `haul adopt FOLDER`")
    });
    if let Some(warning) = &warning {
        tracing::warn!("{warning}");
    }
    let house = House::new(
        engine.clone(),
        Facts {
            version: run.version.clone(),
            protocol: run.protocol,
            state: run.state.clone(),
            stays: run.leaves_after.is_none(),
            is_agent: true,
            warning,
        },
    );
    let driving = tokio::task::spawn_local(drive);
    let served = match listen(&engine, &socket) {
        Ok(bound) => {
            house.listens_at(socket.clone());
            let closing = CancellationToken::new();
            let beside = run.beside.as_ref().map(|begin| begin(Rc::clone(&house), closing.clone()));
            tell_ready(run, &Ready::At { socket: socket.clone() })?;
            // Nobody to be told is no trouble.
            let _ = sd_notify::notify(&[NotifyState::Ready]);
            drop(gate);
            let beside = beside.map(tokio::task::spawn_local);
            let telling =
                tokio::task::spawn_local(notify::deliver(Rc::clone(&house), house.engine.notices()));
            let served = serve_all(run, &house, bound, &socket, driving, closing).await;
            if let Some(beside) = beside {
                // A panic in there has been told by the hook.
                let _ = beside.await;
            }
            telling.abort();
            served
        }
        Err(error) => {
            engine.stop();
            // The lock can't be taken away while somebody is on the way to it.
            drop(gate);
            let _ = driving.await;
            Err(error)
        }
    };
    if let Err(error) = &served {
        tracing::error!("{error}");
    }
    tracing::info!("haul ends");
    served
}

fn listen(engine: &Engine, path: &Path) -> Result<Bound, RunError> {
    let bound =
        socket::bind(path).map_err(RunError::system(format!("can't listen at {}", path.display())))?;
    match engine.hold().announce(path) {
        // Whoever finds nothing said looks where it is all the same; and only the engine can make room.
        Err(error) if is_full(&error) => tracing::warn!("can't say where the agent listens: {error}"),
        said => said.map_err(RunError::system("can't say where the agent listens"))?,
    }
    Ok(bound)
}

fn is_full(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
}

/// Serves whoever comes until it is time to leave; then everything is made safe.
async fn serve_all(
    run: &Run,
    house: &Rc<House>,
    bound: Bound,
    path: &Path,
    driving: tokio::task::JoinHandle<()>,
    closing: CancellationToken,
) -> Result<(), RunError> {
    let mut sessions = JoinSet::new();
    let served = accept_all(run, house, bound, path, &closing, &mut sessions).await;
    let _ = sd_notify::notify(&[NotifyState::Stopping]);
    // New clients find nobody, and whoever they start waits for the store. One that can't be told looks for a while, and then gives up.
    let hold = house.engine.hold();
    let _ = hold.announce_end();
    if hold.check().is_ok() {
        let _ = std::fs::remove_file(path);
    }
    house.engine.stop();
    // A panic in there has been told by the hook.
    let _ = driving.await;
    closing.cancel();
    let all_left = async { while sessions.join_next().await.is_some() {} };
    if tokio::time::timeout(GOODBYES, all_left).await.is_err() {
        tracing::warn!("a client doesn't let go");
        sessions.abort_all();
        while sessions.join_next().await.is_some() {}
    }
    served
}

async fn accept_all(
    run: &Run,
    house: &Rc<House>,
    mut bound: Bound,
    path: &Path,
    closing: &CancellationToken,
    sessions: &mut JoinSet<()>,
) -> Result<(), RunError> {
    let mut ends = pin!(told_to_end(house)?);
    let mut idle = house.engine.idle();
    let mut watch = socket::Watch::new(path, bound.identity, &run.state).ok();
    let mut leaves_at: Option<Instant> = None;
    let mut had_nothing = false;
    loop {
        let has_nothing = *idle.borrow_and_update() && sessions.is_empty();
        if has_nothing && !had_nothing {
            // An agent that waits is small. Where the system knows no such thing, it is what it is.
            let _ = crate::sys::let_go_of_code();
        }
        had_nothing = has_nothing;
        leaves_at = match run.leaves_after {
            Some(after) if has_nothing => Some(leaves_at.unwrap_or_else(|| Instant::now() + after)),
            _ => None,
        };
        tokio::select! {
            biased;
            accepted = bound.listener.accept() => match accepted {
                Ok((stream, _)) => welcome(house, stream, closing, sessions),
                // Out of descriptors: those who are here go on, and the next one is tried when one of them leaves.
                Err(error) => {
                    tracing::warn!("nobody new can come: {error}");
                    tokio::select! {
                        _ = sessions.join_next(), if !sessions.is_empty() => {}
                        () = &mut ends => return Ok(()),
                        () = tokio::time::sleep(Duration::from_secs(1)) => {}
                    }
                }
            },
            Some(_) = sessions.join_next() => {}
            () = &mut ends => return Ok(()),
            _ = idle.changed() => {}
            () = gone(watch.as_ref()) => {
                house.engine.hold().check()?;
                if !socket::is_there(path, bound.identity) {
                    tracing::warn!("the socket vanished, or another one took its place; it is made again");
                    bound = listen(&house.engine, path)?;
                }
                watch = socket::Watch::new(path, bound.identity, &run.state).ok();
            }
            lost = house.engine.hold().lost() => return Err(lost.into()),
            () = until(leaves_at) => {
                tracing::info!("nothing is left to do and nobody is here");
                return Ok(());
            }
        }
    }
}

fn welcome(house: &Rc<House>, stream: UnixStream, closing: &CancellationToken, sessions: &mut JoinSet<()>) {
    if !socket::is_same_user(&stream) {
        tracing::warn!("somebody else tried to connect");
        return;
    }
    let (reader, writer) = stream.into_split();
    sessions.spawn_local(serve(Rc::clone(house), reader, writer, closing.clone()));
}

/// Waits for a signal, or for a client's word.
fn told_to_end(house: &Rc<House>) -> Result<impl Future<Output = ()> + use<>, RunError> {
    let catch = |kind| signal(kind).map_err(RunError::system("can't watch for signals"));
    let (mut terminated, mut interrupted) =
        (catch(SignalKind::terminate())?, catch(SignalKind::interrupt())?);
    // A terminal that closes is none of an agent's business; somebody who sends this wants the settings read anew.
    let engine = house.engine.clone();
    let mut hung_up = catch(SignalKind::hangup())?;
    let mut stopping = house.stopping();
    Ok(async move {
        tokio::select! {
            _ = terminated.recv() => tracing::info!("told to end by SIGTERM"),
            _ = interrupted.recv() => tracing::info!("told to end by SIGINT"),
            _ = stopping.wait_for(|stopping| *stopping) => tracing::info!("told to end by a client"),
            () = async {
                while hung_up.recv().await.is_some() {
                    match engine.reload() {
                        Ok(()) => tracing::info!("the settings were read anew"),
                        Err(refusal) => tracing::warn!("the old settings stay: {}", refusal.text),
                    }
                }
                std::future::pending::<()>().await;
            } => {}
        }
    })
}

async fn gone(watch: Option<&socket::Watch>) {
    match watch {
        Some(watch) => watch.vanished().await,
        None => std::future::pending().await,
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
