//! Collections: `haul collections` and `haul collection create|rename|remove|clear|set`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::act::settle;
use super::context::Context;
use super::engine::{Engine, unexpected};
use super::error::CliError;
use super::folder::destination;
use super::output::Output;
use super::status::Status;
use super::table::{Column, Table, Tone};
use crate::links::quantity;
use crate::model::id::CollectionId;
use crate::model::request::{Clear, Refusal, RefusalKind, Reply, Request};
use crate::model::state::StateKind;
use crate::model::units::ByteRate;
use crate::model::view::CollectionRow;

/// `collections`.
#[derive(Clone, Debug, Args)]
pub struct CollectionsArgs {
    /// Write JSON, one object a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// `collection`.
#[derive(Clone, Debug, Args)]
pub struct CollectionArgs {
    #[command(subcommand)]
    pub(crate) act: CollectionAct,
    /// Write JSON, one object a line
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// What is done to a collection. `ID` is its number or its name.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum CollectionAct {
    /// Make a collection
    Create {
        /// Its name; numbered where none is given
        name: Option<String>,
    },
    /// Give a collection another name
    Rename {
        /// Which
        #[arg(value_name = "ID")]
        which: String,
        /// Its new name
        name: String,
    },
    /// Remove a collection; its downloads go to the default one
    Remove {
        /// Which
        #[arg(value_name = "ID")]
        which: String,
        /// Remove its downloads too, never finished files
        #[arg(long)]
        with_downloads: bool,
    },
    /// Take ended downloads out of a collection's list, never finished files
    Clear {
        /// Which
        #[arg(value_name = "ID")]
        which: String,
        /// Which of its downloads
        #[arg(value_enum, default_value = "finished")]
        what: ClearWhat,
    },
    /// Change a collection's settings
    Set {
        /// Which
        #[arg(value_name = "ID")]
        which: String,
        /// Its settings
        #[command(flatten)]
        settings: CollectionSetArgs,
    },
}

/// Which downloads are cleared.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ClearWhat {
    /// All that are not running.
    All,
    /// The completed ones.
    Finished,
    /// The cancelled ones.
    Cancelled,
}

/// A collection's settings; what is not named stays, and an empty text takes a setting away.
#[derive(Clone, Debug, Args)]
pub(crate) struct CollectionSetArgs {
    /// Folder for what is added without one
    #[arg(short = 'd', long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Files at once; 0 takes the setting away
    #[arg(short = 'j', long, value_name = "N")]
    parallel: Option<u32>,
    /// Speed of all of it together, at most, or none
    #[arg(long, value_name = "RATE|none", value_parser = quantity::cap)]
    limit: Option<quantity::Cap>,
    /// Preset for what is added to it
    #[arg(long, value_name = "NAME")]
    preset: Option<String>,
    /// Program to run when all of it is done, with its arguments; must come last
    #[arg(long, value_name = "PROGRAM", num_args = 1.., allow_hyphen_values = true)]
    hook: Option<Vec<String>>,
}

const COLUMNS: [Column; 7] = [
    Column::right("ID"),
    Column::wide("NAME"),
    Column::right("RUNNING"),
    Column::right("WAITING"),
    Column::right("DONE"),
    Column::right("FAILED"),
    Column::wide("SETTINGS"),
];

/// Lists collections.
///
/// # Errors
/// No engine.
pub(crate) async fn collections<E: Engine>(
    args: &CollectionsArgs,
    engine: &E,
    output: &mut Output,
) -> Result<Status, CliError> {
    write(&all(engine).await?, args.json, output)
}

/// Does something to a collection.
///
/// # Errors
/// There is none of that number or name, a setting makes no sense, or no engine.
pub(crate) async fn collection<E: Engine>(
    args: CollectionArgs,
    engine: &E,
    context: &Context,
    output: &mut Output,
) -> Result<Status, CliError> {
    let json = args.json;
    let reply = match args.act {
        CollectionAct::Create { name } => engine.call(Request::CreateCollection { name }).await?,
        CollectionAct::Rename { which, name } => {
            let id = find(&which, engine).await?.id;
            engine.call(Request::SetCollection { id, name: Some(name), settings: None }).await?
        }
        CollectionAct::Remove { which, with_downloads } => {
            let id = find(&which, engine).await?.id;
            engine.call(Request::RemoveCollection { id, with_downloads }).await?
        }
        CollectionAct::Clear { which, what } => {
            let id = find(&which, engine).await?.id;
            let what = match what {
                ClearWhat::All => Clear::All,
                ClearWhat::Finished => Clear::Finished,
                ClearWhat::Cancelled => Clear::Cancelled,
            };
            return settle(engine.call(Request::Clear { id, what }).await?, json, "cleared", output);
        }
        CollectionAct::Set { which, settings: args } => {
            let CollectionRow { id, mut settings, .. } = find(&which, engine).await?;
            if let Some(dir) = args.dir {
                let folder = Some(dir).filter(|dir| !dir.as_os_str().is_empty());
                settings.folder = folder.map(|dir| destination(&dir, context)).transpose()?;
            }
            if let Some(parallel) = args.parallel {
                settings.parallel = Some(parallel).filter(|parallel| *parallel > 0);
            }
            if let Some(limit) = args.limit {
                settings.limit = limit.rate();
            }
            if let Some(preset) = args.preset {
                settings.preset = Some(preset).filter(|preset| !preset.is_empty());
            }
            if let Some(hook) = args.hook {
                settings.hook = Some(hook).filter(|hook| hook.iter().any(|word| !word.is_empty()));
            }
            engine.call(Request::SetCollection { id, name: None, settings: Some(settings) }).await?
        }
    };
    match reply {
        Reply::Collections(rows) if json => write(&rows, true, output),
        Reply::Collections(rows) => {
            rows.iter().try_for_each(|row| output.line(&row.id.to_string()))?;
            Ok(Status::Done)
        }
        other => done(&other, json, output),
    }
}

/// Finds the collection of a flag, where there is one.
///
/// # Errors
/// There is none of that number or name, or no engine.
pub(crate) async fn find_named<E: Engine>(
    which: Option<&str>,
    engine: &E,
) -> Result<Option<CollectionId>, CliError> {
    match which {
        Some(which) => Ok(Some(find(which, engine).await?.id)),
        None => Ok(None),
    }
}

async fn all<E: Engine>(engine: &E) -> Result<Vec<CollectionRow>, CliError> {
    match engine.call(Request::Collections).await? {
        Reply::Collections(rows) => Ok(rows),
        other => Err(unexpected(&other)),
    }
}

/// Finds a collection by its number, or else by its name.
pub(crate) async fn find<E: Engine>(which: &str, engine: &E) -> Result<CollectionRow, CliError> {
    let rows = all(engine).await?;
    let by_number = rows.iter().find(|row| row.id.to_string() == which);
    let found = by_number.or_else(|| rows.iter().find(|row| row.name == which)).cloned();
    found.ok_or_else(|| {
        let text = format!("there is no collection `{which}`");
        CliError::Refused(Refusal::new(RefusalKind::NotFound, text, "See `haul collections`"))
    })
}

pub(crate) fn done(reply: &Reply, json: bool, output: &mut Output) -> Result<Status, CliError> {
    if *reply != Reply::Done {
        return Err(unexpected(reply));
    }
    if json {
        output.json(reply)?;
    }
    Ok(Status::Done)
}

fn write(rows: &[CollectionRow], json: bool, output: &mut Output) -> Result<Status, CliError> {
    if json {
        rows.iter().try_for_each(|row| output.json(row))?;
        return Ok(Status::Done);
    }
    let mut table = Table::new(&COLUMNS);
    for row in rows {
        let count = |is: fn(StateKind) -> bool| {
            let counts = row.counts.iter().filter(|(kind, _)| is(**kind)).map(|(_, count)| *count);
            counts.sum::<u64>().to_string()
        };
        table.row(
            if row.held { Tone::Yellow } else { Tone::Plain },
            [
                row.id.to_string(),
                row.name.clone(),
                count(StateKind::is_running),
                count(|kind| matches!(kind, StateKind::Queued | StateKind::Paused | StateKind::Waiting)),
                count(|kind| kind == StateKind::Completed),
                count(|kind| kind == StateKind::Failed),
                settings(row),
            ],
        );
    }
    table.write(output)?;
    Ok(Status::Done)
}

fn settings(row: &CollectionRow) -> String {
    let own = &row.settings;
    let said = [
        row.held.then(|| "held".to_owned()),
        own.folder.as_ref().map(|folder| format!("to {}", folder.display())),
        own.parallel.map(|parallel| format!("{parallel} at once")),
        own.limit.map(|limit| format!("at most {}", ByteRate(limit))),
        own.preset.clone(),
        own.hook.as_ref().map(|hook| format!("then {}", hook.join(" "))),
    ];
    said.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::scripted::{Scripted, context, output};
    use super::*;
    use crate::model::record::CollectionSettings;

    fn engine() -> Scripted {
        Scripted::new(|request| {
            let row = |id, name: &str, held, settings| CollectionRow {
                id: CollectionId(id),
                name: name.into(),
                held,
                held_until: None,
                counts: BTreeMap::from([
                    (StateKind::Queued, 2),
                    (StateKind::Paused, 1),
                    (StateKind::Completed, 40),
                ]),
                settings,
            };
            let settings = CollectionSettings {
                parallel: Some(2),
                limit: Some(500_000),
                ..CollectionSettings::default()
            };
            let rows =
                vec![row(1, "default", false, CollectionSettings::default()), row(2, "iso", true, settings)];
            (*request == Request::Collections).then_some(Ok(Reply::Collections(rows)))
        })
    }

    #[tokio::test(flavor = "current_thread")]
    async fn the_table() {
        let (mut output, data, _) = output();
        collections(&CollectionsArgs { json: false }, &engine(), &mut output).await.unwrap();
        output.flush().unwrap();
        insta::assert_snapshot!(data.text(), @r#"
        ID  NAME     RUNNING  WAITING  DONE  FAILED  SETTINGS
         1  default        0        3    40       0
         2  iso            0        3    40       0  held, 2 at once, at most 500 kB/s
        "#);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_flag_names_one_by_its_number_or_its_name() {
        for (which, id) in [("iso", 2), ("2", 2), ("default", 1)] {
            let found = find_named(Some(which), &engine()).await.unwrap();
            assert_eq!(found, Some(CollectionId(id)), "{which}");
        }
        assert_eq!(find_named(None, &engine()).await.unwrap(), None);
        assert_eq!(find_named(Some("films"), &engine()).await.unwrap_err().status().code(), 2);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn set_keeps_what_it_does_not_name() {
        let engine = engine();
        let home = tempfile::tempdir().unwrap();
        let (mut output, _, _) = output();
        let settings = CollectionSetArgs {
            dir: None,
            parallel: Some(0),
            limit: None,
            preset: Some("night".into()),
            hook: None,
        };
        let args = CollectionArgs { act: CollectionAct::Set { which: "iso".into(), settings }, json: false };
        collection(args, &engine, &context(home.path()), &mut output).await.unwrap();
        let want = CollectionSettings {
            limit: Some(500_000),
            preset: Some("night".into()),
            ..CollectionSettings::default()
        };
        let request = Request::SetCollection { id: CollectionId(2), name: None, settings: Some(want) };
        assert_eq!(engine.requests().last(), Some(&request));
    }
}
