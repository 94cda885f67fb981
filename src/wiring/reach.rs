//! Connecting to an agent: this machine's, started where it is not, or another machine's.

use std::rc::Rc;

use haul::cli::{self, Status};
use haul::client::ssh::Ssh;
use haul::client::{Client, Connect, ConnectError, ConnectKind, Link, SEEK};
use haul::engine::Holder;
use haul::model::id::OwnerKey;

use super::place::Place;

/// How often a connection is tried to an agent that leaves in that very moment.
const TRIES: usize = 4;

/// Connects to this machine's agent. An older one makes way where nobody loses anything by it.
pub(crate) async fn open_agent(place: &Rc<Place>) -> Result<Client, ConnectError> {
    let found = open(|| place.agent(true)).await;
    let (client, is_spoken) = match found {
        Ok(client) if !client.welcome().is_some_and(|welcome| is_older(&welcome.version)) => {
            return Ok(client);
        }
        Ok(client) => (client, true),
        Err(error) if error.kind == ConnectKind::Final => {
            // Another protocol, or no haul at all.
            let Ok(client) = open_any(place).await else { return Err(error) };
            if !client.welcome().is_some_and(|welcome| is_older(&welcome.version)) {
                return Err(error);
            }
            (client, false)
        }
        Err(error) => return Err(error),
    };
    match client.stop(true).await {
        // It is spoken to as it is until nobody needs it.
        Err(_) if is_spoken => Ok(client),
        Err(_) => Err(ConnectError::lasting(
            "the agent is of an older haul, speaks another protocol, and is needed for a real-time download",
            "try again when that has ended; `haul agent restart` doesn't wait for it",
        )),
        Ok(()) => {
            wait_until_gone(client, place).await?;
            open(|| place.agent(true)).await
        }
    }
}

/// Connects to this machine's agent of whatever version, if one runs.
pub(crate) async fn open_any(place: &Rc<Place>) -> Result<Client, ConnectError> {
    Client::open_any(place.agent(false), new_key()?).await
}

pub(crate) async fn open_host(host: &str) -> Result<Client, ConnectError> {
    let program = std::env::var("HAUL_SSH").unwrap_or_default();
    let ssh = Ssh::new(program.split_whitespace().map(Into::into).collect(), host)?;
    Client::open(Box::new(ssh), new_key()?, Some(SEEK)).await
}

pub(crate) async fn open(connect: impl Fn() -> Box<dyn Connect>) -> Result<Client, ConnectError> {
    let key = new_key()?;
    let mut tries = 0;
    loop {
        tries += 1;
        match Client::open(connect(), key.clone(), Some(SEEK)).await {
            // One that leaves in this very moment is gone at the next look.
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

/// Waits until an agent that was told to stop has let go of everything.
pub(crate) async fn wait_until_gone(client: Client, place: &Place) -> Result<(), ConnectError> {
    let mut link = client.link();
    // A driver that has ended knows that it is gone.
    let _ = link.wait_for(|link| matches!(link, Link::Down { .. })).await;
    drop(client);
    let state = place.state.clone();
    let waited = tokio::task::spawn_blocking(move || Holder::wait_until_free(&state)).await;
    waited
        .unwrap_or_else(|error| Err(error.into()))
        .map_err(|error| ConnectError::lasting(format!("the agent's end can't be seen: {error}"), ""))
}

pub(crate) fn refuse(error: &ConnectError) -> Status {
    cli::complain(&error.text, &error.hint);
    Status::Unreachable
}
