//! Opening the screen: when it is wanted, with what it starts, and what is said after it.

use std::cell::RefCell;
use std::io::IsTerminal as _;
use std::path::PathBuf;

use haul::cli::{self, Command, Context, Status};
use haul::config::theme::Themes;
use haul::config::{self, Config, Effective, Place};
use haul::model::item::TransferSettings;
use haul::tui::{self, Change, Connect, Ended, Keep, Kept, Surroundings};

/// Where the newest line of the log is kept that somebody saw, in the state folder.
const SEEN: &str = "screen.seen";

/// The engine that the screen shows, as far as it matters to it.
pub(crate) struct Shown {
    /// Whether background downloads go on when the screen ends.
    pub(crate) outlives: bool,
    /// Whether nothing of it is kept, so that there is nothing to say at the end.
    pub(crate) passing: bool,
    /// Another machine's name; empty for this one.
    pub(crate) host: String,
    /// The state folder, where it is on this machine.
    pub(crate) state: Option<PathBuf>,
    /// The config file, where one was named.
    pub(crate) config: Option<PathBuf>,
    /// What a newcomer may try; empty for none.
    pub(crate) tip: String,
}

/// What the terminal can show, where the command is the screen: `haul` alone, or with links, on a terminal that can show one.
pub(crate) fn wanted(command: Option<&Command>) -> Option<Surroundings> {
    let wants = matches!(command, None | Some(Command::Links(_) | Command::Offer(_)));
    let shows = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    if wants && shows { Surroundings::of(|name| std::env::var(name).ok()).ok() } else { None }
}

/// Adds the command's links, where it has any, and shows the screen until somebody leaves.
pub(crate) async fn open(
    connect: Connect,
    command: Option<Command>,
    context: Context,
    surroundings: Surroundings,
    shown: Shown,
) -> Status {
    let (command, offered) = match command {
        Some(Command::Offer(args)) => match cli::offered(&args, &context) {
            Ok(offered) => (None, offered),
            Err(status) => return status,
        },
        other => (other, Vec::new()),
    };
    // What is wrong with it is told as everywhere, and before an agent is started that can't read it either.
    if let Err(error) = Place::find(shown.config.clone()).and_then(|place| Config::load(&place)) {
        return cli::tell_config(&error);
    }
    let client = match connect(true).await {
        Ok(client) => client,
        Err(why) => {
            cli::complain(&why, "`haul agent log` says more");
            return Status::Unreachable;
        }
    };
    let (downloads, umask, now) = (context.downloads.clone(), context.umask, context.now);
    let first = RefCell::new(None);
    if command.is_some() {
        let added = cli::run(command, client, context).await;
        if added != Status::Done {
            return added;
        }
    } else {
        first.replace(Some(client));
    }
    let connect: Connect = Box::new(move |may_start| match first.take() {
        Some(client) => Box::pin(std::future::ready(Ok(client))),
        None => connect(may_start),
    });
    // Asked of the terminal before anything else reads it.
    let pictures = match tui::Pictures::of(surroundings, |name| std::env::var(name).ok()) {
        Ok(pictures) => pictures,
        Err(why) => {
            cli::complain(&why, "take the variable away, or put it right");
            return Status::Usage;
        }
    };
    let (options, owner) = match options(surroundings, &shown, downloads, umask, pictures) {
        Ok((options, owner)) => (tui::Options { offered, ..options }, owner),
        Err(status) => return status,
    };
    match tui::run(connect, options, now, Box::new(owner)).await {
        Ok(Ended::Left { told, seen }) => {
            let kept = shown.state.as_ref().map(|state| state.join(SEEN)).zip(seen);
            if let Some((file, seen)) = kept
                && let Err(error) = std::fs::write(&file, seen.to_string())
            {
                let text = format!("what you have seen can't be kept in {}: {error}", file.display());
                cli::complain(&text, "check the folder; until then the screen tells old news again");
            }
            if let Some(told) = told.filter(|_| !shown.passing) {
                cli::say(&format!("haul: {told}"));
            }
            Status::Done
        }
        Ok(Ended::Closed) => Status::Unreachable,
        Err(error) => {
            cli::complain(&format!("the screen can't be shown: {error}"), "`haul list` needs none");
            Status::Unreachable
        }
    }
}

/// What the screen starts with, and who keeps what is changed on it. What is wrong with it was told already.
fn options(
    surroundings: Surroundings,
    shown: &Shown,
    downloads: PathBuf,
    umask: u32,
    pictures: Option<tui::Pictures>,
) -> Result<(tui::Options, Owner), Status> {
    let place = Place::find(shown.config.clone()).map_err(|error| cli::tell_config(&error))?;
    let config = Config::load(&place).map_err(|error| cli::tell_config(&error))?;
    let (themes, wrong) = Themes::of_person();
    // A theme is no reason not to open: the usual one is taken, and the screen says why.
    let wrong = wrong.first().map(|error| format!("{error}. Put it right, or take the file away"));
    let wrong = wrong.or_else(|| {
        let report = config.check_theme(&themes).err()?;
        let help = report.problems.first().and_then(|problem| problem.help.as_deref());
        Some(help.map_or_else(|| report.to_string(), |help| format!("{report}; {help}")))
    });
    let local = shown.host.is_empty();
    let player = std::env::var("HAUL_PLAYER").unwrap_or_default();
    let player: Vec<String> = player.split_whitespace().map(str::to_owned).collect();
    let player = if player.is_empty() { config.library().player } else { player };
    // The engine of another machine, or of a demo, has settings of its own.
    let engine = local && !shown.passing;
    let folder = match config.settings(Some(&downloads)).downloads.folder {
        _ if !local => PathBuf::new(),
        Some(folder) if engine => folder,
        _ => downloads.clone(),
    };
    let seen = shown.state.as_ref().and_then(|state| std::fs::read_to_string(state.join(SEEN)).ok());
    let options = tui::Options {
        themes: themes.clone(),
        surroundings,
        ui: config.ui(),
        keymap: config.keymap().clone(),
        zone: jiff::tz::TimeZone::system(),
        folder,
        home: std::env::home_dir().filter(|_| local),
        settings: TransferSettings { umask: local.then_some(umask), ..TransferSettings::default() },
        local,
        check_folder: local.then_some(cli::check_folder),
        outlives: shown.outlives,
        passing: shown.passing,
        place: shown.host.clone(),
        tip: shown.tip.clone(),
        wrong: wrong.unwrap_or_default(),
        offered: Vec::new(),
        seen: seen.and_then(|text| text.trim().parse().ok()),
        pictures,
        player,
    };
    Ok((options, Owner { place, themes, engine, downloads }))
}

/// Whose settings these are: they live in the config file.
struct Owner {
    place: Place,
    themes: Themes,
    /// Whether the engine reads this file too.
    engine: bool,
    /// Where downloads go where nothing is set.
    downloads: PathBuf,
}

impl Keep for Owner {
    fn list(&self) -> Result<Vec<Effective>, String> {
        let config = Config::load(&self.place).map_err(|error| error.to_string())?;
        let mut all = config.effective(Some(&self.downloads));
        all.retain(|setting| self.engine || is_of_screen(&setting.section));
        Ok(all)
    }

    fn change(&self, change: &Change) -> Result<Kept, String> {
        panic_if_asked();
        if !self.engine && !is_of_screen(&change.section) {
            return Err("that engine doesn't read this machine's config".into());
        }
        if (change.section.as_str(), change.name.as_str()) == ("ui", "theme")
            && !change.typed.trim().is_empty()
        {
            self.themes.find(change.typed.trim()).map_err(|error| error.to_string())?;
        }
        let config = config::change(&self.place, &change.section, &change.name, &change.typed)?;
        Ok(Kept { ui: config.ui(), keymap: config.keymap().clone() })
    }
}

/// Whether a section is for the screen alone.
fn is_of_screen(section: &str) -> bool {
    matches!(section, "ui" | "keys")
}

/// A test sees what becomes of the terminal.
fn panic_if_asked() {
    let is_asked = cfg!(debug_assertions) && std::env::var_os("HAUL_TEST_PANIC").is_some();
    assert!(!is_asked, "asked to panic");
}
