//! What holds, setting by setting, and where each value comes from.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::Config;
use super::circumstances::{Set, Shown};
use super::door::DOOR;
use super::engine::{DOWNLOAD, ENGINE, FOLDER};
use super::hooks::HOOKS;
use super::keys::written;
use super::library::LIBRARY;
use super::problem::place;
use super::setting::{Layer, Setting};
use super::ui::UI;
use crate::command::TABLE;

/// One setting as it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// Its section; empty at the top.
    pub section: String,
    /// Its name.
    pub name: &'static str,
    /// Its value as it would be written in the file; nothing where none is set. Secrets are not in it.
    pub value: Option<String>,
    /// Where it comes from.
    pub origin: Origin,
    /// What it is for, in a line; nothing for what a host rule sets.
    pub about: &'static str,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// From haul itself.
    Default,
    /// From the file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// From the preset in use.
    Preset(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Preset(name) => write!(f, "preset {name}"),
        }
    }
}

impl Config {
    /// Returns every setting as it holds, with the folder that holds where none is set.
    pub fn effective(&self, folder: Option<&Path>) -> Vec<Effective> {
        let in_use = self.preset.as_ref().map(|(name, _)| name.as_str());
        let mut all = vec![Effective {
            section: String::new(),
            name: "preset",
            value: in_use.map(super::value::quoted),
            origin: self.preset.as_ref().map_or(Origin::Default, |(_, span)| self.at(span.start)),
            about: "The preset in use.",
        }];
        let tuned = self.tuned(in_use, folder);
        for setting in [ENGINE, FOLDER, DOWNLOAD].into_iter().flatten() {
            all.push(Effective {
                section: "engine".into(),
                name: setting.name,
                value: (setting.show)(&tuned),
                origin: self.origin(setting.name),
                about: setting.about,
            });
        }
        let over = self.in_use().map(|preset| &preset.circumstances);
        for Shown { section, name, value, set, about } in self.circumstances.shown(over) {
            let origin = match (set, &self.preset) {
                (Set::At(span), _) => self.at(span.start),
                (Set::ByPreset, Some((preset, _))) => Origin::Preset(preset.clone()),
                _ => Origin::Default,
            };
            all.push(Effective { section, name, value, origin, about });
        }
        all.extend(self.section("hooks", HOOKS, &self.hooks, &self.hooks()));
        all.extend(self.section("library", LIBRARY, &self.library, &self.library()));
        all.extend(self.section("door", DOOR, &self.door, &self.door()));
        all.extend(self.section("ui", UI, &self.ui, &self.ui()));
        all.extend(TABLE.iter().map(|entry| Effective {
            section: "keys".into(),
            name: entry.id,
            value: Some(written(self.keys.keymap.keys(entry.command))),
            origin: self.of_file(self.keys.place_of(entry.id)),
            about: entry.title,
        }));
        for rule in &self.hosts {
            let section = format!("hosts {}", rule.host);
            let sets = rule.sets().into_iter();
            all.extend(sets.map(|(name, value, span)| Effective {
                section: section.clone(),
                name,
                value: Some(value),
                origin: self.at(span.start),
                about: "",
            }));
        }
        all
    }

    fn origin(&self, name: &str) -> Origin {
        if let Some((preset, _)) = &self.preset
            && self.presets.get(preset).is_some_and(|found| found.layer.place_of(name).is_some())
        {
            return Origin::Preset(preset.clone());
        }
        self.of_file(self.engine.place_of(name))
    }

    /// A section that nothing stands over.
    fn section<T>(
        &self,
        section: &str,
        settings: &'static [Setting<T>],
        layer: &Layer<T>,
        holds: &T,
    ) -> Vec<Effective> {
        let one = |setting: &'static Setting<T>| Effective {
            section: section.to_owned(),
            name: setting.name,
            value: (setting.show)(holds),
            origin: self.of_file(layer.place_of(setting.name)),
            about: setting.about,
        };
        settings.iter().map(one).collect()
    }

    fn of_file(&self, span: Option<&Range<usize>>) -> Origin {
        span.map_or(Origin::Default, |span| self.at(span.start))
    }

    fn at(&self, at: usize) -> Origin {
        Origin::File { path: self.path.clone(), line: place(&self.text, at).0 }
    }
}
