//! `haul list`: the downloads as a table, as JSON, or as a list that `-i` reads.

use std::collections::HashMap;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::context::Context;
use super::engine::{Engine, unexpected};
use super::error::CliError;
use super::output::Output;
use super::status::Status;
use super::table::{Column, Table};
use super::words::{glyph, percent, remark, size, speed, tone};
use crate::links;
use crate::links::entry::Entry;
use crate::model::item::Mode;
use crate::model::printable::printable;
use crate::model::request::{Batch, Reply, Request};
use crate::model::selector::Selector;
use crate::model::time::UnixMs;
use crate::model::view::DownloadRow;

/// `list`.
#[derive(Clone, Debug, Default, Args)]
pub struct ListArgs {
    /// Which downloads; all where none are named
    #[arg(value_name = "SELECT")]
    pub(crate) select: Vec<String>,
    /// Write a table, or a list that `get -i` and `add -i` read (with the true links)
    #[arg(long, value_enum, default_value_t, conflicts_with = "json")]
    pub(crate) format: ListFormat,
    /// Write JSON, one object a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// How a list is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListFormat {
    /// Aligned columns.
    #[default]
    Table,
    /// One link a line, with `key=value` pairs.
    List,
}

const COLUMNS: [Column; 8] = [
    Column::right("ID"),
    Column::left(""),
    Column::wide("NAME"),
    Column::left(""),
    Column::right(""),
    Column::right("SIZE"),
    Column::right("SPEED"),
    Column::sentence("STATE"),
];

/// A download and where its file is, or will be. One that was removed between the two questions has no path any more.
#[derive(Serialize)]
struct Located<'a> {
    #[serde(flatten)]
    row: &'a DownloadRow,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
}

/// Lists downloads.
///
/// # Errors
/// A selector that makes no sense, a number that is not there (the others are listed), or no engine.
pub(crate) async fn list<E: Engine>(
    args: &ListArgs,
    engine: &E,
    context: &Context,
    output: &mut Output,
) -> Result<Status, CliError> {
    let mut select = Selector::parse(&args.select)?;
    select.all |= select.is_empty();
    let named = select.ids.clone();
    if args.format == ListFormat::List && named.is_empty() {
        return export(select, engine, output).await;
    }
    let rows = match engine.call(Request::List { select: select.clone() }).await? {
        Reply::Rows(rows) => rows,
        other => return Err(unexpected(&other)),
    };
    if args.format == ListFormat::List {
        export(select, engine, output).await?;
    } else if args.json {
        let paths = match engine.call(Request::Paths { select }).await? {
            Reply::Paths(paths) => paths.into_iter().collect::<HashMap<_, _>>(),
            other => return Err(unexpected(&other)),
        };
        let path = |row: &DownloadRow| paths.get(&row.id).map(String::as_str);
        rows.iter().try_for_each(|row| output.json(&Located { row, path: path(row) }))?;
    } else if !rows.is_empty() {
        table(&rows, (context.now)(), output.stdout.ascii).write(output)?;
    } else if named.is_empty() {
        output.say(if args.select.is_empty() {
            "haul: the list is empty. Add a download with `haul get URL` or `haul add URL`."
        } else {
            "haul: nothing matches."
        });
    }
    CliError::unless_all_are_there(&named, |id| rows.iter().any(|row| row.id == id))?;
    Ok(Status::Done)
}

async fn export<E: Engine>(select: Selector, engine: &E, output: &mut Output) -> Result<Status, CliError> {
    match engine.call(Request::Export { select }).await? {
        Reply::Batch(batch) => write_list(batch, output),
        other => Err(unexpected(&other)),
    }
}

fn table(rows: &[DownloadRow], now: UnixMs, ascii: bool) -> Table {
    let mut table = Table::new(&COLUMNS);
    for row in rows {
        let is_unfinished = row.state.kind().is_unfinished();
        let state = match remark(row, now) {
            said if said.is_empty() || said == row.state.kind().word() => row.state.kind().word().to_owned(),
            said => format!("{}: {said}", row.state.kind().word()),
        };
        table.row(
            tone(row.state.kind()),
            [
                row.id.to_string(),
                glyph(row, ascii).to_owned(),
                if row.provisional { format!("{}?", row.name) } else { row.name.clone() },
                if row.mode == Mode::RealTime { "rt" } else { "bg" }.to_owned(),
                percent(row)
                    .filter(|_| is_unfinished)
                    .map(|percent| format!("{percent}%"))
                    .unwrap_or_default(),
                size(row),
                speed(row.speed),
                if row.joined_on_samples { format!("{state}, joined on samples") } else { state },
            ],
        );
    }
    table
}

fn write_list(batch: Batch, output: &mut Output) -> Result<Status, CliError> {
    let mut left_out = 0;
    for new in batch.downloads {
        let Some(settings) = batch.settings.get(new.settings) else {
            return Err(CliError::Unreachable {
                why: "the engine named settings that it did not send".into(),
            });
        };
        left_out += usize::from(settings.credentials.is_some());
        let line = links::list::line(&Entry::of_added(new, settings));
        if output.stdout.terminal {
            let fields: Vec<_> = line.split('\t').map(printable).collect();
            output.line(&fields.join("\t"))?;
        } else {
            output.line(&line)?;
        }
    }
    if left_out > 0 {
        output.complain(&format!(
            "haul: {left_out} passwords were left out. Give --user or --netrc when you read the list."
        ));
    }
    Ok(Status::Done)
}

#[cfg(test)]
mod tests {
    use super::super::batch::{Common, order};
    use super::super::scripted::{Scripted, context, output, row};
    use super::super::transfer::ProxyChoice;
    use super::*;
    use crate::model::id::DownloadId;
    use crate::model::item::{Priority, TransferSettings};

    #[tokio::test(flavor = "current_thread")]
    async fn the_table_says_what_each_does() {
        let engine = Scripted::new(|_| {
            let states = [
                "downloading",
                "retrying",
                "queued",
                "paused",
                "completed",
                "failed",
                "cancelled",
                "connecting",
            ];
            let mut rows: Vec<_> = states.iter().zip(1..).map(|(word, id)| row(id, word)).collect();
            rows[0].name = "Tailspin – 03 Delta.flac".into();
            (rows[0].speed, rows[0].eta_secs, rows[0].size) = (4_100_000, Some(6), Some(61_300_000));
            rows[0].covered = 38_000_000;
            rows[2].provisional = true;
            rows[3].joined_on_samples = true;
            rows[7].mode = Mode::RealTime;
            Some(Ok(Reply::Rows(rows)))
        });
        let home = tempfile::tempdir().unwrap();
        let (mut output, data, _) = output();
        list(&ListArgs::default(), &engine, &context(home.path()), &mut output).await.unwrap();
        output.flush().unwrap();
        assert_eq!(engine.asked(), [r#"{"method":"list","params":{"select":{"all":true}}}"#]);
        insta::assert_snapshot!(data.text(), @r#"
        ID     NAME                                  SIZE      SPEED  STATE
         1  ▼  Tailspin – 03 Delta.flac  bg  61%  61.3 MB  4.10 MB/s  downloading: 0:06 left
         2  ◔  file-2                    bg  25%  1.00 kB             waiting: the server closed the connection; try 3 is next, 8 s
         3  ·  file-3?                   bg  25%  1.00 kB             queued
         4  ‖  file-4                    bg  25%  1.00 kB             paused, joined on samples
         5  ✓  file-5                    bg       1.00 kB             completed
         6  ✗  file-6                    bg  25%  1.00 kB             failed: gone: the server says 404
         7  –  file-7                    bg       1.00 kB             cancelled
         8  ▶  file-8                    rt  25%  1.00 kB             connecting
        "#);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn json_says_where_each_file_is() {
        let engine = Scripted::new(|request| {
            Some(Ok(match request {
                Request::Paths { .. } => Reply::Paths(vec![(DownloadId(1), "/d/file-1".into())]),
                _ => Reply::Rows(vec![row(1, "completed"), row(2, "queued")]),
            }))
        });
        let home = tempfile::tempdir().unwrap();
        let (mut output, data, _) = output();
        let args = ListArgs { json: true, ..ListArgs::default() };
        list(&args, &engine, &context(home.path()), &mut output).await.unwrap();
        output.flush().unwrap();
        let text = data.text();
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((&lines[0]["id"], &lines[0]["path"]), (&1.into(), &"/d/file-1".into()));
        // This one was removed between the two questions.
        assert_eq!((&lines[1]["id"], lines[1].get("path")), (&2.into(), None));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_list_writes_is_what_a_list_says() {
        let home = tempfile::tempdir().unwrap();
        let context = context(home.path());
        let text = "https://u:p@a.example/x\tout=a b.iso\theader=X-A: b\ttitle=T\tlimit=5000\nhttps://b.example/y\tmode=background\tpriority=low\tmirror=http://c.example/y\n";
        let common = Common {
            settings: TransferSettings::default(),
            folder: Some(home.path().to_owned()),
            mode: Some(Mode::Background),
            priority: Some(Priority::Normal),
            otherwise: Priority::Normal,
            collection: None,
            again: false,
            proxy: ProxyChoice::Direct,
            netrc: false,
        };
        let batch = |text: &str| {
            let listed = links::list::parse(text.as_bytes()).unwrap();
            order(listed.entries, &common, &context).unwrap().batch
        };
        let added = batch(text);
        let (mut output, data, _) = output();
        write_list(added.clone(), &mut output).unwrap();
        output.flush().unwrap();
        assert_eq!(batch(&data.text()), added);
    }
}
