//! `haul config`: where the config file is, what holds and why, whether it is right, and a new one to start from.
//!
//! These need no engine: they are about the file on this machine.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::error::{CliError, sentences};
use super::output::Output;
use super::status::Status;
use crate::config::theme::Themes;
use crate::config::{Config, ConfigError, Effective, Origin, Place, commented, create, usual_folder};
use crate::model::printable::printable;

/// `haul config`.
#[derive(Clone, Debug, Args)]
pub struct ConfigArgs {
    /// What to do.
    #[command(subcommand)]
    pub(crate) what: What,
}

/// What to do with the config.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum What {
    /// Print where the config file is, whether it is there or not
    Path,
    /// Print every setting that holds, and where it comes from
    Show {
        /// Write JSON, one object a line
        #[arg(long)]
        json: bool,
    },
    /// Say whether the file is right; exit status 2 where it is not
    Check,
    /// Write a file that shows every setting, commented out; one that is there is left alone
    Init,
}

/// Runs `haul config`.
///
/// # Errors
/// The file can't be found, read or made; what is wrong in it was told already.
pub(crate) fn config(
    args: &ConfigArgs,
    named: Option<PathBuf>,
    is_remote: bool,
    output: &mut Output,
) -> Result<Status, CliError> {
    if is_remote {
        return Err(CliError::usage(
            "the config is a file, and this speaks of the one on this machine",
            "Run it there: ssh BOX haul config",
        ));
    }
    let place =
        Place::find(named).map_err(|error| CliError::usage(error.to_string(), "Name one with --config"))?;
    match args.what {
        What::Path => {
            output.line(&place.path.display().to_string())?;
            Ok(Status::Done)
        }
        What::Check => {
            let is_there = place.path.exists();
            let checked = Config::load(&place).and_then(|config| {
                let themes = Themes::of_person().0;
                config.check_theme(&themes).map_err(|report| ConfigError::Wrong(Box::new(report)))
            });
            if let Err(error) = checked {
                return Ok(tell(&error, output));
            }
            let path = place.path.display();
            output.say(&if is_there {
                format!("haul: {path} is right.")
            } else {
                format!("haul: there is no {path}; the defaults hold.")
            });
            Ok(Status::Done)
        }
        What::Show { json } => {
            let config = match Config::load(&place) {
                Ok(config) => config,
                Err(error) => return Ok(tell(&error, output)),
            };
            show(&config.effective(usual_folder().as_deref()), json, output)?;
            Ok(Status::Done)
        }
        What::Init => {
            if let Err(error) = create(&place.path, &commented()) {
                let is_there = matches!(&error, ConfigError::File { why, .. } if why.kind() == std::io::ErrorKind::AlreadyExists);
                return Err(if is_there {
                    let text = format!("there is a config already: {}", place.path.display());
                    CliError::usage(
                        text,
                        "`haul config show` prints what it sets; move it away for a new one",
                    )
                } else {
                    CliError::usage(error.to_string(), "Check the folder, or name another file with --config")
                });
            }
            output.line(&place.path.display().to_string())?;
            Ok(Status::Done)
        }
    }
}

/// Tells what is wrong with the config, all of it.
pub(crate) fn tell(error: &ConfigError, output: &mut Output) -> Status {
    match error {
        ConfigError::Wrong(report) => {
            output.report(&report.render(output.stderr.colour));
            let count = report.problems.len();
            let what = if count == 1 { "1 problem".to_owned() } else { format!("{count} problems") };
            output.complain(&format!("haul: {what} in {}.", report.path.display()));
        }
        ConfigError::File { .. } | ConfigError::NoHome(_) => {
            output.complain(&sentences(&error.to_string(), "Check its name with `haul config path`"));
        }
    }
    Status::Usage
}

fn show(all: &[Effective], json: bool, output: &mut Output) -> Result<(), CliError> {
    if json {
        return all.iter().try_for_each(|setting| output.json(&as_json(setting)));
    }
    let values: Vec<String> =
        all.iter().map(|setting| setting.value.clone().unwrap_or_else(|| "-".into())).collect();
    let width = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or(0).min(40);
    let names = width(&mut all.iter().map(|setting| setting.name.len()));
    let widest = width(&mut values.iter().map(|value| value.chars().count()));
    let mut section = "";
    for (setting, value) in all.iter().zip(&values) {
        if setting.section != section {
            section = &setting.section;
            output.line(&format!("\n[{}]", printable(section)))?;
        }
        let line = format!("{:names$}  {value:widest$}  {}", setting.name, setting.origin);
        output.line(&printable(&line))?;
    }
    Ok(())
}

fn as_json(setting: &Effective) -> serde_json::Value {
    let value = setting.value.as_ref().and_then(|text| {
        let table = format!("value = {text}").parse::<toml::Table>().ok()?;
        serde_json::to_value(table.get("value")?).ok()
    });
    let name = match setting.section.as_str() {
        "" => setting.name.to_owned(),
        section => format!("{section}.{}", setting.name),
    };
    let (from, place, line) = match &setting.origin {
        Origin::Default => ("default", None, None),
        Origin::File { path, line } => ("file", Some(path.display().to_string()), Some(*line)),
        Origin::Preset(name) => ("preset", Some(name.clone()), None),
    };
    let mut told = serde_json::json!({ "name": name, "value": value, "from": from });
    for (key, value) in
        [("place", place.map(serde_json::Value::from)), ("line", line.map(serde_json::Value::from))]
    {
        if let Some(value) = value {
            told[key] = value;
        }
    }
    told
}
