//! Connecting to an agent: this machine's, started where it is not, or another machine's.

use std::rc::Rc;

use haul::agent::run::{HANGS, LEAVES_WITHIN};
use haul::cli::{self, Status};
use haul::client::ssh::Ssh;
use haul::client::{Client, Connect, ConnectError, ConnectKind, Link, SEEK};
use haul::engine::Holder;
use haul::model::id::OwnerKey;

use super::place::Place;

/// How often a connection is tried to an agent that leaves in that very moment.
const TRIES: usize = 4;
/// Keeps the version of an older agent that came back when it was stopped.
pub(crate) const OLDER: &str = "agent.older";

/// Connects to this machine's agent. An older one makes way where nobody loses anything by it.
pub(crate) async fn open_agent(place: &Rc<Place>) -> Result<Client, ConnectError> {
    let client = match open(|| place.agent(true)).await {
        Ok(client) => client,
        // Another protocol, or no haul at all.
        Err(error) if error.kind == ConnectKind::Final => return past_foreign(place, error).await,
        Err(error) => return Err(error),
    };
    if !client.welcome().is_some_and(|welcome| is_older(&welcome.version)) {
        return Ok(client);
    }
    let version = client.welcome().map(|welcome| welcome.version).unwrap_or_default();
    let known = place.state.join(OLDER);
    // One that comes back however often it is stopped, as its unit has it, is spoken to as it is.
    if std::fs::read_to_string(&known).is_ok_and(|known| known == version) {
        return Ok(client);
    }
    match client.stop(true).await {
        Ok(()) => {
            let client = instead_of(client, place).await?;
            let again = client.welcome().map(|welcome| welcome.version).filter(|version| is_older(version));
            if let Some(version) = again {
                // What can't be kept is found out again.
                let _ = std::fs::write(&known, &version);
                cli::complain(
                    &format!("the agent that starts here is haul {version}, older than this program"),
                    "`haul agent install` puts this one in its place",
                );
            }
            Ok(client)
        }
        // It is spoken to as it is until nobody needs it.
        Err(_) => Ok(client),
    }
}

/// Gets past an agent that can't be talked to, which is what `error` says: an older one that nobody needs makes way.
async fn past_foreign(place: &Rc<Place>, mut error: ConnectError) -> Result<Client, ConnectError> {
    let Ok(client) = open_any(place).await else { return Err(error) };
    let Some(welcome) = client.welcome() else { return Err(error) };
    if !is_older(&welcome.version) {
        error.hint = "use that haul, or put this one in its place: haul agent restart".into();
        return Err(error);
    }
    match client.stop(true).await {
        Ok(()) => instead_of(client, place).await,
        Err(_) => Err(ConnectError::lasting(
            format!("{}, and is needed for a real-time download", error.text),
            "try again when that has ended; `haul agent restart` doesn't wait for it",
        )),
    }
}

/// Starts an agent where one was told to stop.
async fn instead_of(old: Client, place: &Rc<Place>) -> Result<Client, ConnectError> {
    wait_until_gone(old, place).await?;
    open(|| place.agent(true)).await
}

/// Connects to this machine's agent of whatever version, if one runs.
pub(crate) async fn open_any(place: &Rc<Place>) -> Result<Client, ConnectError> {
    let key = new_key()?;
    tried(|| Client::open_any(place.agent(false), key.clone())).await
}

/// Connects to this machine's agent again, for a screen that lost it.
pub(crate) async fn open_agent_again(place: &Rc<Place>, may_start: bool) -> Result<Client, ConnectError> {
    if may_start {
        return open_agent(place).await;
    }
    Client::open_running(place.agent(true), new_key()?, Some(SEEK)).await
}

/// Connects to another machine's agent again, for a screen that lost it.
pub(crate) async fn open_host_again(host: &str, may_start: bool) -> Result<Client, ConnectError> {
    let (way, key) = (Box::new(way_to(host)?.unasked()), new_key()?);
    if may_start {
        return Client::open(way, key, Some(SEEK)).await;
    }
    Client::open_running(way, key, Some(SEEK)).await
}

/// Connects to another machine's agent, which is started there where none runs.
pub(crate) async fn open_host(host: &str) -> Result<Client, ConnectError> {
    Client::open(Box::new(way_to(host)?), new_key()?, Some(SEEK)).await
}

/// Connects to another machine's agent of whatever version, if one runs.
pub(crate) async fn open_any_host(host: &str) -> Result<Client, ConnectError> {
    Client::open_any(Box::new(way_to(host)?.without_starting()), new_key()?).await
}

fn way_to(host: &str) -> Result<Ssh, ConnectError> {
    let program = std::env::var("HAUL_SSH").unwrap_or_default();
    Ssh::new(program.split_whitespace().map(Into::into).collect(), host)
}

pub(crate) async fn open(connect: impl Fn() -> Box<dyn Connect>) -> Result<Client, ConnectError> {
    let key = new_key()?;
    tried(|| Client::open(connect(), key.clone(), Some(SEEK))).await
}

/// Tries again where one leaves in this very moment: it is gone at the next look.
async fn tried<F: Future<Output = Result<Client, ConnectError>>>(
    open: impl Fn() -> F,
) -> Result<Client, ConnectError> {
    let mut tries = 0;
    loop {
        tries += 1;
        match open().await {
            Err(error) if error.kind == ConnectKind::Away && tries < TRIES => {}
            other => return other,
        }
    }
}

fn new_key() -> Result<OwnerKey, ConnectError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| ConnectError::lasting(format!("the system gives no random bytes: {error}"), ""))?;
    Ok(OwnerKey(data_encoding::HEXLOWER.encode(&bytes)))
}

/// Whether a version comes before this program's.
fn is_older(version: &str) -> bool {
    let numbers = |text: &str| -> Vec<u64> {
        text.split(['.', '-', '+']).map_while(|part| part.parse().ok()).take(3).collect()
    };
    numbers(version) < numbers(env!("CARGO_PKG_VERSION"))
}

/// Waits until an agent that was told to stop has let go of everything. The next one may be there by then.
pub(crate) async fn wait_until_gone(client: Client, place: &Place) -> Result<(), ConnectError> {
    let pid = client.welcome().map(|welcome| welcome.pid);
    let mut link = client.link();
    // A driver that has ended knows that it is gone.
    let _ = link.wait_for(|link| matches!(link, Link::Down { .. })).await;
    drop(client);
    let state = place.state.clone();
    let free = tokio::task::spawn_blocking(move || Holder::is_free_within(&state, LEAVES_WITHIN));
    let is_free = tokio::select! {
        free = free => free
            .unwrap_or_else(|error| Err(error.into()))
            .map_err(|error| ConnectError::lasting(format!("the agent's end can't be seen: {error}"), ""))?,
        () = ended(pid, place) => true,
    };
    if is_free {
        return Ok(());
    }
    let who = pid.map(|pid| format!(" (process {pid})")).unwrap_or_default();
    Err(ConnectError::lasting(
        format!("the agent{who} was told to stop and has not made its downloads safe within a minute"),
        HANGS,
    ))
}

/// Waits for the end of the process that had the store, where the system tells.
async fn ended(pid: Option<u32>, place: &Place) {
    if Holder::read(&place.state).pid != pid {
        return;
    }
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Pid, PidfdFlags, pidfd_open};
        use tokio::net::unix::pipe::Receiver;

        let pid = pid.and_then(|pid| Pid::from_raw(pid.cast_signed()));
        // Not a pipe, but readable like one: when the process has ended.
        if let Some(Ok(process)) = pid.map(|pid| pidfd_open(pid, PidfdFlags::empty()))
            && let Ok(process) = Receiver::from_owned_fd_unchecked(process)
            && process.readable().await.is_ok()
        {
            return;
        }
        if Holder::read(&place.state).pid != pid.map(|pid| pid.as_raw_nonzero().get().cast_unsigned()) {
            return;
        }
    }
    std::future::pending::<()>().await;
}

pub(crate) fn refuse(error: &ConnectError) -> Status {
    cli::complain(&error.text, &error.hint);
    Status::Unreachable
}
