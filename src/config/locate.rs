//! Where the config file is.

use std::path::PathBuf;

use super::problem::ConfigError;

/// Where the config file is, and whether somebody said so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, absolute.
    pub path: PathBuf,
    /// Whether it was named, by `--config` or `HAUL_CONFIG`: then it must be there.
    pub is_named: bool,
}

impl Place {
    /// Returns the named file, or the one in the platform's folder.
    ///
    /// # Errors
    /// There is no home folder, or no working folder that a relative name could start from.
    pub fn find(named: Option<PathBuf>) -> Result<Self, ConfigError> {
        let no_home = |why: &dyn std::fmt::Display| ConfigError::NoHome(why.to_string());
        if let Some(path) = named {
            let path = std::path::absolute(path).map_err(|error| no_home(&error))?;
            return Ok(Self { path, is_named: true });
        }
        let path =
            confy::get_configuration_file_path("haul", Some("config")).map_err(|error| no_home(&error))?;
        Ok(Self { path, is_named: false })
    }
}

/// Where a person's own themes are: beside the config file of the platform's folder.
pub(super) fn themes_folder() -> Option<PathBuf> {
    let file = confy::get_configuration_file_path("haul", Some("config")).ok()?;
    Some(file.parent()?.join("themes"))
}

/// Where downloads go where nothing is set: `~/Downloads` where there is one, else the home folder.
pub fn usual_folder() -> Option<PathBuf> {
    let home = std::env::home_dir().filter(|home| home.is_absolute())?;
    let downloads = home.join("Downloads");
    Some(if downloads.is_dir() { downloads } else { home })
}
