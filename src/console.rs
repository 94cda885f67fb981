//! Opening the screen: when it is wanted, with what it starts, and what is said after it.

use std::cell::RefCell;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use haul::cli::{self, Command, Context, Status};
use haul::config::keymap::Keymap;
use haul::config::theme::{ThemeError, Themes};
use haul::model::item::TransferSettings;
use haul::tui::{self, Connect, Ended, Surroundings};

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
}

/// What the terminal can show, where the command is the screen: `haul` alone, or with links, on a terminal that can show one.
pub(crate) fn wanted(command: Option<&Command>) -> Option<Surroundings> {
    let wants = matches!(command, None | Some(Command::Links(_)));
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
    let client = match connect().await {
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
    let connect: Connect = Box::new(move || match first.take() {
        Some(client) => Box::pin(std::future::ready(Ok(client))),
        None => connect(),
    });
    let options = match options(surroundings, &shown, downloads, umask) {
        Ok(options) => options,
        Err(error) => {
            cli::complain(&error.to_string(), "take the file away, or put it right");
            return Status::Usage;
        }
    };
    let theme_file = theme_file();
    let keep_theme = Box::new(move |name: &str| {
        panic_if_asked();
        keep(theme_file.as_deref(), name)
    });
    match tui::run(connect, options, now, keep_theme).await {
        Ok(Ended::Left { told, seen }) => {
            let kept = shown.state.as_ref().map(|state| state.join("screen.seen")).zip(seen);
            // Where it can't be kept, more is told next time than is new.
            let _ = kept.map(|(file, seen)| std::fs::write(file, seen.to_string()));
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

fn options(
    surroundings: Surroundings,
    shown: &Shown,
    downloads: PathBuf,
    umask: u32,
) -> Result<tui::Options, ThemeError> {
    let own = folder().map(|folder| folder.join("themes"));
    let (themes, wrong) = own.map_or_else(|| (Themes::built_in(), Vec::new()), |own| Themes::load(&own));
    if let Some(error) = wrong.into_iter().next() {
        return Err(error);
    }
    let local = shown.host.is_empty();
    let usual = if surroundings.light { "light" } else { "dark" };
    let theme =
        theme_file().and_then(|file| std::fs::read_to_string(file).ok()).map(|name| name.trim().to_owned());
    let seen = shown.state.as_ref().and_then(|state| std::fs::read_to_string(state.join("screen.seen")).ok());
    Ok(tui::Options {
        theme: theme.filter(|name| themes.find(name).is_ok()).unwrap_or_else(|| usual.into()),
        themes,
        depth: surroundings.depth,
        ascii: surroundings.ascii,
        calm: false,
        keymap: Keymap::default(),
        zone: jiff::tz::TimeZone::system(),
        // Folders of another machine are not known here.
        folder: if local { downloads } else { PathBuf::new() },
        home: std::env::home_dir().filter(|_| local),
        settings: TransferSettings { umask: local.then_some(umask), ..TransferSettings::default() },
        local,
        outlives: shown.outlives,
        place: shown.host.clone(),
        seen: seen.and_then(|text| text.trim().parse().ok()),
        bell: true,
        notify: true,
    })
}

/// A test sees what becomes of the terminal.
fn panic_if_asked() {
    let is_asked = cfg!(debug_assertions) && std::env::var_os("HAUL_TEST_PANIC").is_some();
    assert!(!is_asked, "asked to panic");
}

/// The folder of what a person sets.
fn folder() -> Option<PathBuf> {
    use etcetera::BaseStrategy as _;
    etcetera::choose_base_strategy().ok().map(|base| base.config_dir().join("haul"))
}

/// Where the name of the theme that was chosen on the screen is kept.
fn theme_file() -> Option<PathBuf> {
    folder().map(|folder| folder.join("theme"))
}

fn keep(file: Option<&Path>, name: &str) -> Result<(), String> {
    let file = file.ok_or("there is no home folder to keep the theme in")?;
    let told = |error: std::io::Error| format!("the theme can't be kept in {}: {error}", file.display());
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).map_err(told)?;
    }
    std::fs::write(file, name).map_err(told)
}
