//! What a person sets, in one TOML file: read once into types, with every problem told at its place.
//!
//! One table of settings for each section (`setting`) feeds the parser, `haul config show`, `haul config init` and the hints.
//! The engine never sees this part: it gets plain [`Settings`], through a
//! [`Source`]. A section is known here from the day that something reads it; until then it is an unknown name like any other.

mod change;
mod circumstances;
mod door;
mod engine;
mod hooks;
mod host;
mod init;
pub mod keymap;
mod keys;
mod library;
mod locate;
mod nearest;
mod preset;
mod problem;
mod save;
mod setting;
mod show;
mod source;
pub mod theme;
mod ui;
mod value;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

pub use self::change::{as_typed, change};
use self::circumstances::{BATTERY_NAME, BUDGET_NAME, METERED_NAME, SCHEDULE, Sections};
use self::door::DOOR;
use self::engine::{DOWNLOAD, ENGINE, FOLDER, Tuned};
use self::hooks::HOOKS;
use self::host::Rule;
pub use self::init::commented;
use self::keymap::Keymap;
use self::keys::Keys;
use self::library::LIBRARY;
pub use self::library::player;
pub use self::locate::{Place, usual_folder};
pub use self::nearest::nearest;
use self::preset::Preset;
pub use self::problem::{ConfigError, Problem, Report};
pub use self::save::{create, save};
use self::setting::{Found, Layer};
pub use self::show::{Effective, Origin};
pub use self::source::Source;
use self::theme::Themes;
use self::ui::UI;
pub use self::ui::Ui;
use crate::model::settings::{DoorSettings, Hooks, LibrarySettings, Settings};

/// The file, read. Every value in it is of its type and in its range.
pub struct Config {
    path: PathBuf,
    text: String,
    preset: Option<(String, Range<usize>)>,
    engine: Layer<Tuned>,
    presets: BTreeMap<String, Preset>,
    hosts: Vec<Rule>,
    hooks: Layer<Hooks>,
    library: Layer<LibrarySettings>,
    door: Layer<DoorSettings>,
    circumstances: Sections,
    ui: Layer<Ui>,
    keys: Keys,
}

/// Names on the top level.
const TOP: [&str; 13] = [
    "preset",
    "engine",
    "presets",
    "hosts",
    "hooks",
    "library",
    SCHEDULE,
    METERED_NAME,
    BATTERY_NAME,
    BUDGET_NAME,
    "door",
    "ui",
    "keys",
];

impl Config {
    /// Reads the file at a place. Where nobody named it, it need not be there.
    ///
    /// # Errors
    /// It can't be read, or something in it is wrong: then everything that is.
    pub fn load(place: &Place) -> Result<Self, ConfigError> {
        use std::os::unix::fs::FileTypeExt as _;
        if std::fs::metadata(&place.path).is_ok_and(|facts| facts.file_type().is_fifo()) {
            // Nobody may ever write into it.
            let why = std::io::Error::other("it is a pipe, and no file");
            return Err(ConfigError::File { path: place.path.clone(), what: "read", why });
        }
        let text = match std::fs::read_to_string(&place.path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !place.is_named => String::new(),
            Err(why) => return Err(ConfigError::File { path: place.path.clone(), what: "read", why }),
        };
        Self::parse(&place.path, text).map_err(|report| ConfigError::Wrong(Box::new(report)))
    }

    /// Reads a text.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(path: &Path, text: String) -> Result<Self, Report> {
        let mut found = Found { problems: Vec::new() };
        let (table, errors) = DeTable::parse_recoverable(&text);
        for error in &errors {
            let span = error.span().unwrap_or(0..0);
            found.problem("this is no TOML".into(), span, error.message().replace('\n', ", "), None);
        }
        let syntax = found.problems.len();
        let table = table.get_ref();
        for (name, _) in table.iter().filter(|(name, _)| !TOP.contains(&&**name.get_ref())) {
            found.unknown(name.get_ref(), name, TOP);
        }
        let mut presets = preset::shipped();
        if let Some(section) = table.get("presets") {
            presets.append(&mut preset::read(section, &mut found));
        }
        let preset = table.get("preset").and_then(|value| {
            let name = found.value("preset", value, |value| preset::name(value, &presets))?;
            Some((name, value.span()))
        });
        let engine = table.get("engine").and_then(|section| {
            let table = found.table("engine", section)?;
            Some(found.layer("engine", table, &[ENGINE, FOLDER, DOWNLOAD], &[]))
        });
        let hosts = table.get("hosts").map(|section| host::read(section, &mut found));
        let hooks = table.get("hooks").and_then(|section| {
            let table = found.table("hooks", section)?;
            Some(found.layer("hooks", table, &[HOOKS], &[]))
        });
        let library = table.get("library").and_then(|section| {
            let table = found.table("library", section)?;
            Some(found.layer("library", table, &[LIBRARY], &[]))
        });
        let door = table.get("door").and_then(|section| {
            let table = found.table("door", section)?;
            Some(found.layer("door", table, &[DOOR], &[]))
        });
        let circumstances = circumstances::read("", table, &mut found);
        let ui = table.get("ui").and_then(|section| {
            let table = found.table("ui", section)?;
            Some(found.layer("ui", table, &[UI], &[]))
        });
        let keys = table.get("keys").map(|section| keys::read(section, &mut found));
        if found.problems.is_empty() {
            let (engine, hosts) = (engine.unwrap_or_default(), hosts.unwrap_or_default());
            let (hooks, door) = (hooks.unwrap_or_default(), door.unwrap_or_default());
            let library = library.unwrap_or_default();
            let (ui, keys) = (ui.unwrap_or_default(), keys.unwrap_or_default());
            return Ok(Self {
                path: path.to_owned(),
                text,
                preset,
                engine,
                presets,
                hosts,
                hooks,
                library,
                door,
                circumstances,
                ui,
                keys,
            });
        }
        let mut problems = found.problems;
        if syntax > 0 {
            keep_sure(&text, &mut problems, syntax);
        }
        problems.sort_by_key(|problem| problem.span.start);
        Err(Report { path: path.to_owned(), text, problems })
    }

    /// Returns what the engine is told, with the folder that holds where none is set.
    pub fn settings(&self, folder: Option<&Path>) -> Settings {
        let in_use = self.preset.as_ref().map(|(name, _)| name.as_str());
        let own = self.tuned(in_use, folder);
        let presets =
            self.presets.keys().map(|name| (name.clone(), self.tuned(Some(name), folder).downloads));
        let rows = self.presets.iter().map(|(name, preset)| preset.row(name, in_use == Some(name.as_str())));
        Settings {
            engine: own.engine,
            downloads: own.downloads,
            presets: presets.collect(),
            preset_rows: rows.collect(),
            hosts: self.hosts.iter().map(Rule::rule).collect(),
            hooks: self.hooks(),
            library: self.library(),
            door: self.door(),
            circumstances: self
                .circumstances
                .circumstances(self.in_use().map(|preset| &preset.circumstances)),
        }
    }

    /// Returns what is done with finished media, and what plays it.
    pub fn library(&self) -> LibrarySettings {
        let mut library = LibrarySettings::default();
        self.library.apply(&mut library);
        library
    }

    /// Returns what is set for the screen.
    pub fn ui(&self) -> Ui {
        let mut ui = Ui::default();
        self.ui.apply(&mut ui);
        ui
    }

    /// Checks that the theme is one that there is.
    ///
    /// # Errors
    /// It is none: where that is written, and what would be right.
    pub fn check_theme(&self, themes: &Themes) -> Result<(), Report> {
        let Some((name, span)) = self.ui().theme.zip(self.ui.place_of("theme")) else { return Ok(()) };
        if themes.names().any(|known| known == name) {
            return Ok(());
        }
        let help = nearest(&name, themes.names()).map_or_else(
            || format!("there are {}", themes.names().collect::<Vec<_>>().join(", ")),
            |meant| format!("did you mean \"{meant}\"?"),
        );
        let problem = Problem {
            title: format!("`ui.theme` can't be {name:?}"),
            span: span.clone(),
            label: "there is no such theme".into(),
            help: Some(help),
        };
        Err(Report { path: self.path.clone(), text: self.text.clone(), problems: vec![problem] })
    }

    /// Returns the keys of every command.
    pub fn keymap(&self) -> &Keymap {
        &self.keys.keymap
    }

    fn hooks(&self) -> Hooks {
        let mut hooks = Hooks::default();
        self.hooks.apply(&mut hooks);
        hooks
    }

    fn door(&self) -> DoorSettings {
        let mut door = DoorSettings::default();
        self.door.apply(&mut door);
        door
    }

    fn in_use(&self) -> Option<&Preset> {
        self.presets.get(&self.preset.as_ref()?.0)
    }

    /// The defaults under the file under a preset.
    fn tuned(&self, preset: Option<&str>, folder: Option<&Path>) -> Tuned {
        let mut tuned = Tuned::default();
        tuned.downloads.folder = folder.map(Path::to_owned);
        self.engine.apply(&mut tuned);
        if let Some(preset) = preset.and_then(|name| self.presets.get(name)) {
            preset.layer.apply(&mut tuned);
        }
        tuned
    }
}

/// Where the text is no TOML, what follows from that is not told: problems on the same lines, and all of them where the
/// name of a section can't be read.
fn keep_sure(text: &str, problems: &mut Vec<Problem>, syntax: usize) {
    let line_of = |problem: &Problem| problem::place(text, problem.span.start).0;
    let broken: Vec<usize> = problems[..syntax].iter().map(line_of).collect();
    let names_section = |line: &usize| {
        text.lines().nth(line.saturating_sub(1)).is_some_and(|line| line.trim_start().starts_with('['))
    };
    let is_lost = broken.iter().any(names_section);
    let mut at = 0;
    problems.retain(|problem| {
        at += 1;
        at <= syntax || (!is_lost && !broken.contains(&line_of(problem)))
    });
}
