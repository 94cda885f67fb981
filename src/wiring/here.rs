//! The engine in the command's own process, and the command as its client.

use std::path::Path;
use std::process::ExitCode;

use haul::agent::house::{Facts, House};
use haul::agent::serve::serve;
use haul::cli::{self, Command, Status};
use haul::client::Client;
use haul::engine::{Engine, Holder, Started, StoreError, StoreKind};
use haul::model::id::OwnerKey;
use haul::tui;
use tokio_util::sync::CancellationToken;

use super::console::{self, Shown};
use super::context::{Spool, context, ended_from_outside};
use super::place::Place;
use super::settings::settings;

/// What to do after a store was damaged.
const REBUILD: &str = "rebuild those in other folders from their parts with `haul adopt FOLDER`";

/// Bytes that the pipe within the process holds.
pub(crate) const PIPE: usize = 64 << 10;

/// Runs the engine in this process, and the command as its client.
pub(crate) async fn run_here(command: Option<Command>, place: &Place) -> ExitCode {
    let (source, settings) = match settings(place.file.clone()) {
        Ok(found) => found,
        Err(error) => return cli::tell_config(&error).into(),
    };
    let state = &place.state;
    let screen = console::wanted(command.as_ref());
    let dormant = screen.is_none() && only_attended(command.as_ref());
    let started = Engine::start(state, settings, source, dormant);
    let Started { engine, drive, damaged } = match started {
        Ok(started) => started,
        Err(error) => return refuse_here(&error, state).into(),
    };
    if let Some(damaged) = damaged {
        cli::complain(&damaged, REBUILD);
    }
    let spool = Spool::of(command.as_ref(), state);
    let driving = tokio::task::spawn_local(drive);
    let connect = connect_here(&engine, state);
    let code = match (context(&spool, false), screen) {
        (Ok(context), Some(surroundings)) => {
            let shown = Shown {
                outlives: false,
                host: String::new(),
                state: Some(state.into()),
                passing: false,
                config: place.file.clone(),
                tip: String::new(),
            };
            tokio::select! {
                status = console::open(connect, command, context, surroundings, shown) => status.code(),
                signal = ended_from_outside() => signal,
            }
        }
        (Ok(context), None) => match connect(true).await {
            Ok(client) => tokio::select! {
                status = cli::run(command, client, context) => status.code(),
                signal = ended_from_outside() => signal,
            },
            Err(why) => {
                cli::complain(&why, "");
                Status::Unreachable.code()
            }
        },
        (Err(code), _) => code,
    };
    engine.stop();
    // It ends by itself: what it would say of a panic has been said.
    let _ = driving.await;
    ExitCode::from(code)
}

/// The way to an engine within this process.
pub(crate) fn connect_here(engine: &Engine, state: &Path) -> tui::Connect {
    let (engine, state) = (engine.clone(), state.to_owned());
    Box::new(move |_| {
        let facts =
            Facts { version: env!("CARGO_PKG_VERSION").into(), state: state.clone(), ..Facts::default() };
        let house = House::new(engine.clone(), facts);
        let (ours, its) = tokio::io::duplex(PIPE);
        let (reader, writer) = tokio::io::split(its);
        tokio::task::spawn_local(serve(house, reader, writer, CancellationToken::new()));
        Box::pin(async move {
            Client::over(ours, OwnerKey("here".into())).await.map_err(|error| error.to_string())
        })
    })
}

/// Says who has the store, and the way out.
pub(crate) fn refuse_here(error: &StoreError, state: &Path) -> Status {
    let has_agent = error.kind == StoreKind::Locked && Holder::read(state).socket.is_some();
    let hint = if has_agent {
        "leave --here out to use the agent, or stop it with `haul agent stop`"
    } else {
        error.state_hint()
    };
    cli::complain(&error.text, hint);
    Status::Unreachable
}

/// Only these commands let downloads run while they stay; the others look and leave.
fn only_attended(command: Option<&Command>) -> bool {
    !matches!(command, Some(Command::Wait(_) | Command::Watch(_)))
}
