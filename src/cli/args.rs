//! The command line as a person types it, parsed once into types. Nothing here acts.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use clap_complete::Shell;

use super::act::{ModeArgs, MoveArgs, PriorityArgs, SelectArgs, UndoArgs};
use super::adopt::AdoptArgs;
use super::agent::AgentArgs;
use super::collections::{CollectionArgs, CollectionsArgs};
use super::config::ConfigArgs;
use super::door::DoorArgs;
use super::get::GetArgs;
use super::history::HistoryArgs;
use super::hold::{GoArgs, HoldArgs};
use super::library::LibraryArgs;
use super::limit::LimitArgs;
use super::list::ListArgs;
use super::offer::OfferArgs;
use super::preset::PresetArgs;
use super::pull::PullArgs;
use super::refresh::RefreshArgs;
use super::set::SetArgs;
use super::show::ShowArgs;
use super::wait::WaitArgs;
use super::watch::WatchArgs;

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "haul",
    version,
    about = "A terminal download console: downloads that resume without a wrong byte",
    after_help = "SELECT is a number, a range of them (3-7), `all`, or predicates that must all hold: state:failed host:cdn.example \
                  mode:background priority:low in:2 name:iso >1GB <10MB\n\n\
                  Exit status: 0 all done, 1 a download failed, 2 wrong usage or config, 3 the engine could not \
                  be reached or its store is in use, 4 given up waiting or trying, 130 interrupted",
    max_term_width = 110
)]
pub struct Args {
    /// Run the engine in this process instead of the agent
    #[arg(long, global = true, conflicts_with = "host")]
    pub here: bool,
    /// Where the store lives
    #[arg(long, global = true, value_name = "DIR", env = "HAUL_STATE_DIR")]
    pub state: Option<PathBuf>,
    /// The config file, instead of the one that `haul config path` names
    #[arg(long, global = true, value_name = "FILE", env = "HAUL_CONFIG")]
    pub config: Option<PathBuf>,
    /// Speak to the agent on another machine, over ssh
    #[arg(long, global = true, value_name = "BOX")]
    pub host: Option<String>,
    /// What to do; the console opens where nothing is named.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add downloads, show their progress and end with them
    Get(Box<GetArgs>),
    /// Add downloads and return at once with their numbers
    Add(Box<GetArgs>),
    /// `haul URL...`: links without a subcommand.
    #[command(hide = true, name = LINKS)]
    Links(Box<GetArgs>),
    /// Open the screen with links to look at: what `haul://` links and opened Metalink files do
    Offer(OfferArgs),
    /// List downloads
    #[command(visible_alias = "ls")]
    List(ListArgs),
    /// Show everything about one download
    Show(ShowArgs),
    /// Stop downloads and keep their bytes
    Pause(SelectArgs),
    /// Let paused or waiting downloads go on
    Resume(SelectArgs),
    /// Give downloads up; `undo` takes it back
    Cancel(SelectArgs),
    /// Take downloads out of the list with their partial files, never a finished file
    #[command(visible_alias = "rm")]
    Remove(SelectArgs),
    /// Take back the last cancel or remove
    Undo(UndoArgs),
    /// Try failed, cancelled or waiting downloads again
    Retry(SelectArgs),
    /// Switch downloads to background or real-time
    Mode(ModeArgs),
    /// Change the order in which downloads start: now, high, normal or low
    Priority(PriorityArgs),
    /// Move downloads in the queue: top, bottom, up, down, before ID or after ID
    Move(MoveArgs),
    /// Change what downloads were added with
    Set(Box<SetArgs>),
    /// Give a download a new link for the same file
    Refresh(RefreshArgs),
    /// List collections
    Collections(CollectionsArgs),
    /// Create, rename, clear, change or remove a collection
    Collection(CollectionArgs),
    /// Hold everything, or one collection: nothing new starts, and what runs in the background waits
    Hold(HoldArgs),
    /// Release a hold, and lift what the plan, the line, the battery or the budget hold, until that changes
    Go(GoArgs),
    /// Limit the speed of everything, of a way to download, a host, a collection or downloads; or show the limits
    Limit(LimitArgs),
    /// Show what happened, newest first
    History(HistoryArgs),
    /// Finished media on its shelves: list, tree, search, show, scan, play, edit and more
    #[command(visible_alias = "lib")]
    Library(LibraryArgs),
    /// Rebuild downloads from partial files, or take on one that another program left
    Adopt(Box<AdoptArgs>),
    /// Stream changes until interrupted
    Watch(WatchArgs),
    /// Wait until downloads have ended
    Wait(WaitArgs),
    /// Find, show, check or make the config file
    Config(ConfigArgs),
    /// List presets, or use one for everything
    Preset(PresetArgs),
    /// Web pages that add downloads: who asks, who is let in
    Door(DoorArgs),
    /// Look around with made-up downloads: a built-in shop, no network, nothing left behind
    Demo(DemoArgs),
    /// The process that reads tags for the library.
    #[command(hide = true, name = "__tags")]
    Tags {
        /// Let it change the file that it is asked to.
        #[arg(long)]
        write: bool,
    },
    /// Bring a finished file home from the machine that --host names
    Pull(PullArgs),
    /// The process that owns the downloads: start, stop, status, log, install
    Agent(AgentArgs),
    /// Print a completion script
    Completions {
        /// For which shell
        shell: Shell,
    },
}

/// `demo`.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct DemoArgs {
    /// Only open the shop: print its links and sell until Ctrl-C
    #[arg(long)]
    pub serve: bool,
}

/// The flags whose variables may be set and empty.
const STATE: &str = "state";
const CONFIG: &str = "config";
/// The hidden subcommand that stands for `haul URL...`.
const LINKS: &str = "links";
/// The subcommand that stands for `haul haul://...`.
const OFFER: &str = "offer";

/// Parses this process's command line. What is wrong with it, or the help that was asked for, is printed.
///
/// # Errors
/// The exit status to end with: 2 for wrong usage, 0 for help and version.
pub fn parse() -> Result<Args, u8> {
    parse_from(std::env::args_os().collect()).map_err(|error| {
        // Nothing can be told to anybody where even this fails.
        let _ = error.print();
        u8::try_from(error.exit_code()).unwrap_or(2)
    })
}

/// Parses a command line; `haul URL...` is read as the hidden subcommand, which takes all that `add` takes.
fn parse_from(words: Vec<OsString>) -> Result<Args, clap::Error> {
    let error = match read(&words) {
        Ok(args) => return Ok(args),
        Err(error) => error,
    };
    let stranger = match (error.kind(), error.get(ContextKind::InvalidSubcommand)) {
        (ErrorKind::InvalidSubcommand, Some(ContextValue::String(word))) if is_link(word) => word.clone(),
        _ => return Err(error),
    };
    let Some(at) = words.iter().skip(1).position(|word| *word == *stranger) else {
        return Err(error);
    };
    let mut words = words;
    let is_offer = stranger.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("haul://"));
    words.insert(at + 1, if is_offer { OFFER } else { LINKS }.into());
    read(&words)
}

/// Reads a command line as it is. A variable that is set but empty is as good as none.
fn read(words: &[OsString]) -> Result<Args, clap::Error> {
    let mut command = [STATE, CONFIG].into_iter().fold(Args::command(), |command, name| {
        command.mut_arg(name, |arg| {
            let is_empty = arg.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty());
            if is_empty { arg.env(Resettable::Reset) } else { arg }
        })
    });
    let matches = command.try_get_matches_from_mut(words)?;
    let args = Args::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
    // From the environment they are about this machine, whatever is asked of another one.
    let is_named = |name| matches.value_source(name) == Some(ValueSource::CommandLine);
    // The screen has colours and keys of this machine's config.
    let has_screen = matches!(args.command, None | Some(Command::Links(_) | Command::Offer(_)));
    let wrong = match args.host {
        Some(_) if is_named(STATE) => {
            Some("'--state <DIR>' cannot be used with '--host <BOX>': it names a folder")
        }
        Some(_) if is_named(CONFIG) && !has_screen => {
            Some("'--config <FILE>' cannot be used with '--host <BOX>': it names a file")
        }
        _ => None,
    };
    match wrong {
        Some(wrong) => {
            let text = format!("the argument {wrong} of this machine, and the agent there has its own");
            Err(command.error(ErrorKind::ArgumentConflict, text))
        }
        None => Ok(args),
    }
}

/// Whether a word that is no subcommand is meant as a link.
fn is_link(word: &str) -> bool {
    word.contains("://")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Args, clap::Error> {
        parse_from(std::iter::once("haul").chain(line.split_whitespace()).map(OsString::from).collect())
    }

    #[test]
    fn the_definition_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn links_need_no_subcommand_and_take_the_flags_of_add() {
        let args = parsed("--here https://a.example/x -d /tmp https://a.example/y").unwrap();
        assert!(args.here);
        let Some(Command::Links(get)) = args.command else { panic!("not links") };
        assert_eq!(get.inputs, ["https://a.example/x", "https://a.example/y"]);
        assert_eq!(get.dir, Some("/tmp".into()));
    }

    #[test]
    fn a_haul_link_is_only_offered() {
        let args = parsed("haul://add?url=https://a.example/x").unwrap();
        assert!(matches!(args.command, Some(Command::Offer(_))));
    }

    #[test]
    fn wrong_usage_is_told_with_what_is_near() {
        for (line, near) in [
            ("lst", "list"),
            ("resum all", "resume"),
            ("get --prioritty low https://a.example", "--priority"),
            ("get --mode realtime https://a.example", "real-time"),
        ] {
            let error = parsed(line).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line}");
            assert!(error.to_string().contains(near), "{line}: {error}");
        }
    }

    #[test]
    fn nothing_at_all_is_fine() {
        assert!(parsed("").unwrap().command.is_none());
        assert!(parsed("--here").unwrap().command.is_none());
        assert!(parsed("--host box --config /c").is_ok(), "the screen's colours and keys are in it");
    }

    #[test]
    fn flags_exclude_each_other_where_they_contradict() {
        for line in [
            "--here --host box list",
            "--host box --state /s list",
            "list --state /s --host box",
            "--host box --state /s",
            "--host box agent status --config /c",
            "get --replace --again https://a.example",
            "get --user me --netrc https://a.example",
            "get --cert c.pem https://a.example",
            "get -n 0 https://a.example",
            "get",
            "pause",
        ] {
            assert_eq!(parsed(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }
}
