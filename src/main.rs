//! The binary: parses, wires the command line to an engine (the agent's, another machine's, or one of its own), runs, and ends
//! with the right exit code.

mod wiring;

use std::cell::Cell;
use std::process::ExitCode;
use std::rc::Rc;

use haul::cli::{self, AgentCommand, Args, Command, Status};
use haul::client::ConnectError;
use haul::tui::{self, Surroundings};

use crate::wiring::agent::{be_the_agent, bridge, control, install, uninstall};
use crate::wiring::console::{self, Shown};
use crate::wiring::context::{Spool, context, ended_from_outside, raise_file_limit};
use crate::wiring::here::run_here;
use crate::wiring::place::Place;
use crate::wiring::reach::{open_agent, open_agent_again, open_host, open_host_again, refuse};
use crate::wiring::settings::settings;
use crate::wiring::{porch, stage};

fn main() -> ExitCode {
    haul::sys::keep_little();
    let args = match cli::parse() {
        Ok(args) => args,
        Err(status) => return ExitCode::from(status),
    };
    if let Some(status) = cli::run_alone(&args) {
        return status.into();
    }
    if let Some(Command::Tags { write }) = args.command {
        // It ends with whoever asked it: then nobody is left to tell.
        return haul::library::serve(write).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
    }
    if let Some(Command::Demo(demo)) = &args.command {
        return if demo.serve { stage::open_shop() } else { stage::show(args.config.clone()) };
    }
    let place = match Place::of(&args) {
        Ok(place) => Rc::new(place),
        Err(status) => return status.into(),
    };
    raise_file_limit();
    if let Some(Command::Agent(agent)) = &args.command
        && args.host.is_some()
        && let Some(what) = agent.command.only_here()
    {
        cli::complain(
            &format!("`agent {what}` is about this machine"),
            &format!("run it there: ssh BOX haul agent {what}"),
        );
        return Status::Usage.into();
    }
    if let Some(Command::Agent(agent)) = &args.command
        && let AgentCommand::Run { on_demand, door, detached } = agent.command
    {
        return be_the_agent(&place, on_demand, door, detached);
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            cli::complain(
                &format!("the system gives no event queue: {error}"),
                "close something and try again",
            );
            return Status::Unreachable.into();
        }
    };
    let local = tokio::task::LocalSet::new();
    let status = local.block_on(&runtime, run(args, place));
    // A stdout that nobody reads may keep a thread of the runtime: nothing is left that needs it.
    runtime.shutdown_background();
    status
}

async fn run(args: Args, place: Rc<Place>) -> ExitCode {
    if let Some(Command::Agent(agent)) = &args.command {
        let ended = match agent.command {
            AgentCommand::Stdio { no_start } => bridge(&place, !no_start).await,
            AgentCommand::Install { print } => install(&place, print).await,
            AgentCommand::Uninstall => uninstall(&place).await,
            ref other => control(other, args.host.as_deref(), &place).await,
        };
        return ended.unwrap_or_else(|error| refuse(&error)).into();
    }
    if let Some(Command::Door(door)) = &args.command
        && let Some(what) = door.on_desktop()
    {
        return porch::on_desktop(what).await.unwrap_or_else(|error| refuse(&error)).into();
    }
    if args.here {
        return run_here(args.command, &place).await;
    }
    // An agent that runs has read its own; a name that leads nowhere is a mistake all the same.
    if args.host.is_none()
        && place.file.as_ref().is_some_and(|file| !file.exists())
        && let Err(wrong) = settings(place.file.clone())
    {
        return cli::tell_config(&wrong).into();
    }
    if let Some(surroundings) = console::wanted(args.command.as_ref()) {
        return show(args, surroundings, &place).await;
    }
    let client = match &args.host {
        Some(host) => open_host(host).await,
        None => open_agent(&place).await,
    };
    let client = match client {
        Ok(client) => client,
        Err(error) => return refuse_agent(&error, args.host.as_deref(), &place).into(),
    };
    if let Some(warning) = client.welcome().and_then(|welcome| welcome.warning) {
        cli::complain(&warning, "");
    }
    // The folder is there now, made by whoever has the store.
    let spool = Spool::of(args.command.as_ref().filter(|_| args.host.is_none()), &place.state);
    let code = match context(&spool, args.host.is_some()) {
        Ok(context) => tokio::select! {
            status = cli::run(args.command, client, context) => status.code(),
            signal = ended_from_outside() => signal,
        },
        Err(code) => code,
    };
    ExitCode::from(code)
}

/// Says why there is no agent. Where it can't start with this config, that says it better.
fn refuse_agent(error: &ConnectError, host: Option<&str>, place: &Place) -> Status {
    match settings(place.file.clone()) {
        Err(wrong) if host.is_none() => cli::tell_config(&wrong),
        _ => refuse(error),
    }
}

/// Opens the screen on this machine's agent, or another one's.
async fn show(args: Args, surroundings: Surroundings, place: &Rc<Place>) -> ExitCode {
    let shown = Shown {
        outlives: true,
        passing: false,
        host: args.host.clone().unwrap_or_default(),
        state: args.host.is_none().then(|| place.state.clone()),
        config: place.file.clone(),
        tip: String::new(),
    };
    let context = match context(&Spool(None), args.host.is_some()) {
        Ok(context) => context,
        Err(code) => return ExitCode::from(code),
    };
    let (place, host) = (Rc::clone(place), args.host);
    let is_first = Cell::new(true);
    let connect: tui::Connect = Box::new(move |may_start| {
        let (place, host, is_first) = (Rc::clone(&place), host.clone(), is_first.replace(false));
        Box::pin(async move {
            let client = match &host {
                Some(host) if is_first => open_host(host).await,
                Some(host) => open_host_again(host, may_start).await,
                None => open_agent_again(&place, may_start).await,
            };
            client.map_err(|error| error.to_string())
        })
    });
    let code = tokio::select! {
        status = console::open(connect, args.command, context, surroundings, shown) => status.code(),
        signal = ended_from_outside() => signal,
    };
    ExitCode::from(code)
}
