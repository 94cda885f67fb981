//! The file as the source of the engine's settings.

use std::path::PathBuf;

use super::locate::Place;
use super::problem::ConfigError;
use super::{Config, nearest, save};
use crate::model::request::{Refusal, RefusalKind};
use crate::model::settings::{Settings, SettingsSource};

/// Reads the engine's settings from the file, and keeps their changes there.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file.
    pub place: Place,
    /// Where downloads go where nothing is set.
    pub folder: Option<PathBuf>,
}

impl Source {
    /// Reads the settings, with the whole report of what is wrong.
    ///
    /// # Errors
    /// The file can't be read, or something in it is wrong.
    pub fn load(&self) -> Result<Settings, ConfigError> {
        Ok(Config::load(&self.place)?.settings(self.folder.as_deref()))
    }
}

impl SettingsSource for Source {
    fn read(&mut self) -> Result<Settings, Refusal> {
        self.load().map_err(|error| refusal(&error))
    }

    fn use_preset(&mut self, name: &str) -> Result<Settings, Refusal> {
        let settings = self.read()?;
        if !settings.presets.contains_key(name) {
            let meant = nearest(name, settings.presets.keys().map(String::as_str));
            let hint = meant.map_or_else(
                || "`haul preset list` shows them".to_owned(),
                |meant| format!("did you mean `{meant}`?"),
            );
            return Err(Refusal::new(RefusalKind::NotFound, format!("there is no preset `{name}`"), hint));
        }
        save(&self.place.path, &["preset"], name).map_err(|error| refusal(&error))?;
        self.read()
    }
}

fn refusal(error: &ConfigError) -> Refusal {
    let hint = match error {
        ConfigError::Wrong(_) => "`haul config check` shows all of it",
        ConfigError::File { .. } | ConfigError::NoHome(_) => "check the file and its folder",
    };
    Refusal::new(RefusalKind::BadRequest, error.to_string(), hint)
}
