//! The command line: subcommands and their output. A client of the engine like any other: it parses once into types, asks through
//! `client`, and writes data to stdout and talk to stderr.

mod act;
mod adopt;
mod agent;
mod args;
mod batch;
mod collections;
mod config;
mod context;
mod demo;
mod door;
mod engine;
mod error;
mod folder;
mod following;
mod get;
mod header;
mod history;
mod hold;
mod intake;
mod interrupts;
mod library;
mod limit;
mod list;
mod offer;
mod output;
mod partial;
mod password;
mod preset;
mod progress;
mod proxy;
mod pull;
mod refresh;
#[cfg(test)]
mod scripted;
mod set;
mod show;
mod standing;
mod status;
mod stay;
mod stream;
mod table;
mod transfer;
mod wait;
mod watch;
mod words;

use clap::CommandFactory as _;

pub use agent::{AgentArgs, AgentCommand, say, tell_lines, tell_status};
pub use args::{Args, Command, DemoArgs, parse};
pub use context::{Context, MetalinkFile, Netrc, ReadMetalink, Surface};
pub use demo::attend_shop;
pub use door::{DoorArgs, OnDesktop};
pub use folder::check_folder;
pub use offer::OfferArgs;
pub use password::ask_password;
pub use proxy::Proxies;
pub use status::Status;

use crate::client::Client;
use crate::config::ConfigError;
use crate::links::entry::Entry;
use crate::model::request::Act;
use engine::Engine;
use error::CliError;
use interrupts::Interrupts;
use list::ListArgs;
use output::Output;
use pull::Files;

/// Runs a command to its end and leaves the engine; `haul` alone lists, until the console takes its place. Errors are told on stderr; the
/// status says how it ended.
///
/// A second Ctrl-C leaves without a goodbye, and a stdout that nobody reads may keep a thread of the runtime: end the process without waiting
/// for it.
pub async fn run(command: Option<Command>, client: Client, context: Context) -> Status {
    let mut output = Output::of_process(context.stdout, context.stderr);
    let ended = match command {
        Some(command) => dispatch(command, &client, &context, &mut output).await,
        None => bare(&client, &context, &mut output).await,
    };
    if !matches!(ended, Err(CliError::Interrupted)) {
        Engine::goodbye(client).await;
    }
    finish(ended, &mut output)
}

/// Runs a command that needs no engine, where it is one.
pub fn run_alone(args: &Args) -> Option<Status> {
    let mut output = Output::of_process(Surface::default(), surface_of_stderr());
    let ended = match args.command.as_ref()? {
        Command::Completions { shell } => write_completions(*shell, &mut output),
        Command::Config(what) => config::config(what, args.config.clone(), args.host.is_some(), &mut output),
        _ => return None,
    };
    Some(finish(ended, &mut output))
}

/// Returns the links that the screen is opened with, for a person to look at; what is wrong with them is told.
///
/// # Errors
/// One of them makes no sense.
pub fn offered(args: &OfferArgs, context: &Context) -> Result<Vec<Entry>, Status> {
    offer::offered(args, context).map_err(|error| {
        let mut output = Output::of_process(Surface::default(), surface_of_stderr());
        finish(Err(error), &mut output)
    })
}

/// Tells everything that is wrong with the config, on stderr.
pub fn tell_config(error: &ConfigError) -> Status {
    let mut output = Output::of_process(Surface::default(), surface_of_stderr());
    config::tell(error, &mut output)
}

fn surface_of_stderr() -> Surface {
    Surface::of_stderr(|name| std::env::var(name).ok())
}

/// Tells a failure that came before there was an engine, in the way of all commands: what, and what to do.
pub fn complain(what: &str, hint: &str) {
    let surface = Surface::default();
    Output::of_process(surface, surface).complain(&error::sentences(what, hint));
}

async fn bare<E: Engine>(engine: &E, context: &Context, output: &mut Output) -> Result<Status, CliError> {
    let status = list::list(&ListArgs::default(), engine, context, output).await?;
    output.flush()?;
    output.say("`haul get URL` downloads, `haul --help` tells the rest.");
    Ok(status)
}

async fn dispatch<E: Engine + Files>(
    command: Command,
    engine: &E,
    context: &Context,
    output: &mut Output,
) -> Result<Status, CliError> {
    match command {
        Command::Get(args) => get::get(&args, engine, context, output, &mut Interrupts::of_process()).await,
        Command::Add(args) | Command::Links(args) => get::add(&args, engine, context, output).await,
        Command::List(args) => list::list(&args, engine, context, output).await,
        Command::Show(args) => show::show(&args, engine, context, output).await,
        Command::Pause(args) => act::act(&args.select, Act::Pause, args.json, engine, output).await,
        Command::Resume(args) => act::act(&args.select, Act::Resume, args.json, engine, output).await,
        Command::Cancel(args) => act::act(&args.select, Act::Cancel, args.json, engine, output).await,
        Command::Remove(args) => act::act(&args.select, Act::Remove, args.json, engine, output).await,
        Command::Retry(args) => act::act(&args.select, Act::Retry, args.json, engine, output).await,
        Command::Undo(args) => act::undo(&args, engine, output).await,
        Command::Mode(args) => act::mode(&args, engine, output).await,
        Command::Priority(args) => act::priority(&args, engine, output).await,
        Command::Move(args) => act::shift(&args, engine, output).await,
        Command::Set(args) => set::set(&args, engine, context, output).await,
        Command::Refresh(args) => refresh::refresh(&args, engine, context, output).await,
        Command::Collections(args) => collections::collections(&args, engine, output).await,
        Command::Collection(args) => collections::collection(args, engine, context, output).await,
        Command::Hold(args) => hold::hold(&args, engine, context, output).await,
        Command::Go(args) => hold::go(&args, engine, context, output).await,
        Command::Limit(args) => limit::limit(&args, engine, output).await,
        Command::History(args) => history::history(&args, engine, output).await,
        Command::Library(args) => library::library(args, engine, context, output).await,
        Command::Adopt(args) => adopt::adopt(&args, engine, context, output).await,
        Command::Watch(args) => {
            watch::watch(&args, engine, context, output, &mut Interrupts::of_process()).await
        }
        Command::Wait(args) => {
            wait::wait(&args, engine, context, output, &mut Interrupts::of_process()).await
        }
        Command::Door(args) => door::door(args, engine, context, output).await,
        Command::Preset(args) => preset::preset(&args, engine, output).await,
        Command::Demo(_) => {
            Err(CliError::usage("the demo has an engine of its own", "Run `haul demo` by itself"))
        }
        Command::Pull(args) => {
            pull::pull(&args, engine, context, output, &mut Interrupts::of_process()).await
        }
        Command::Offer(_) => Err(CliError::usage(
            "such a link fills the Add dialog, and this is no terminal for a screen",
            "Run `haul add URL` to add something without one",
        )),
        // Those that need no client were carried out before there was one.
        Command::Completions { .. } | Command::Config(_) | Command::Agent(_) | Command::Tags { .. } => {
            Ok(Status::Done)
        }
    }
}

/// Hands the last data on, and tells what went wrong.
fn finish(ended: Result<Status, CliError>, output: &mut Output) -> Status {
    let flushed = output.flush();
    match ended.and_then(|status| flushed.map(|()| status)) {
        Ok(status) => status,
        Err(error) => {
            error.lines().iter().for_each(|line| output.complain(line));
            error.status()
        }
    }
}

fn write_completions(shell: clap_complete::Shell, output: &mut Output) -> Result<Status, CliError> {
    let mut script = Vec::new();
    // What haul calls itself is for nobody to type.
    let all = Args::command();
    let shown = all.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
    let mut command =
        clap::Command::new("haul").args(all.get_arguments().cloned()).subcommands(shown.collect::<Vec<_>>());
    clap_complete::generate(shell, &mut command, "haul", &mut script);
    output.bytes(&script)?;
    Ok(Status::Done)
}
