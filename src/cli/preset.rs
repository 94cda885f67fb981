//! `haul preset`: lists presets, and makes one the engine's own.

use clap::{Args, Subcommand};

use super::engine::{Engine, unexpected};
use super::error::CliError;
use super::output::Output;
use super::status::Status;
use crate::model::printable::printable;
use crate::model::request::{Reply, Request};
use crate::model::view::PresetRow;

/// `haul preset`.
#[derive(Clone, Debug, Args)]
pub struct PresetArgs {
    /// What to do.
    #[command(subcommand)]
    what: What,
}

/// What to do with presets.
#[derive(Clone, Debug, Subcommand)]
enum What {
    /// List presets with what they set; * is the one in use
    #[command(visible_alias = "ls")]
    List {
        /// Write JSON, one object a line
        #[arg(long)]
        json: bool,
    },
    /// Make a preset the engine's own, at once and from now on
    Use {
        /// Its name
        name: String,
    },
}

/// Runs `haul preset`.
///
/// # Errors
/// There is no such preset, the config can't be written, or there is no engine.
pub(crate) async fn preset<E: Engine>(
    args: &PresetArgs,
    engine: &E,
    output: &mut Output,
) -> Result<Status, CliError> {
    match &args.what {
        What::List { json } => match engine.call(Request::Presets).await? {
            Reply::Presets(rows) if *json => rows.iter().try_for_each(|row| output.json(row))?,
            Reply::Presets(rows) => rows.iter().try_for_each(|row| list(row, output))?,
            other => return Err(unexpected(&other)),
        },
        What::Use { name } => match engine.call(Request::UsePreset { name: name.clone() }).await? {
            Reply::Done => output.say(&format!("haul: {name} is in use now, and from now on.")),
            other => return Err(unexpected(&other)),
        },
    }
    Ok(Status::Done)
}

fn list(row: &PresetRow, output: &mut Output) -> Result<(), CliError> {
    let mark = if row.in_use { '*' } else { ' ' };
    let own = if row.shipped { "" } else { " (from the config)" };
    let line = format!("{mark} {:12}  {}{own}", row.name, row.about);
    output.line(printable(&line).trim_end())?;
    for (name, value) in &row.sets {
        output.line(&printable(&format!("      {name} = {value}")))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::scripted::{Scripted, output};
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn presets_are_listed_with_what_they_set() {
        let engine = Scripted::new(|request| match request {
            Request::Presets => Some(Ok(Reply::Presets(vec![
                PresetRow { name: "balanced".into(), shipped: true, in_use: true, ..PresetRow::default() },
                PresetRow {
                    name: "mine".into(),
                    about: "slow".into(),
                    sets: [("parallel".to_owned(), "1".to_owned())].into(),
                    ..PresetRow::default()
                },
            ]))),
            _ => None,
        });
        let (mut out, data, _) = output();
        let args = PresetArgs { what: What::List { json: false } };
        preset(&args, &engine, &mut out).await.unwrap();
        out.flush().unwrap();
        assert_eq!(data.text(), "* balanced\n  mine          slow (from the config)\n      parallel = 1\n");
    }
}
