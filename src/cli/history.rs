//! `haul history`: what happened, newest first.

use clap::Args;
use jiff::tz::TimeZone;

use super::engine::{Engine, unexpected};
use super::error::CliError;
use super::output::Output;
use super::show::date;
use super::status::Status;
use super::table::{Column, Table, Tone};
use crate::model::id::DownloadId;
use crate::model::record::HistoryLine;
use crate::model::request::{Reply, Request};

/// `history`.
#[derive(Clone, Debug, Args)]
pub struct HistoryArgs {
    /// How many lines, at most
    #[arg(short = 'n', long, value_name = "N", default_value_t = 50)]
    pub(crate) limit: u32,
    /// Only lines before this one
    #[arg(long, value_name = "NUMBER")]
    pub(crate) before: Option<u64>,
    /// Write JSON, one object a line
    #[arg(long)]
    pub(crate) json: bool,
}

const COLUMNS: [Column; 6] = [
    Column::left("WHEN"),
    Column::right("ID"),
    Column::wide("NAME"),
    Column::left("WHAT"),
    Column::sentence("MORE"),
    Column::wide("WHERE"),
];

/// Shows history.
///
/// # Errors
/// No engine.
pub(crate) async fn history<E: Engine>(
    args: &HistoryArgs,
    engine: &E,
    output: &mut Output,
) -> Result<Status, CliError> {
    let lines = match engine.call(Request::History { limit: args.limit, before: args.before }).await? {
        Reply::History(lines) => lines,
        other => return Err(unexpected(&other)),
    };
    if args.json {
        lines.iter().try_for_each(|line| output.json(line))?;
    } else if lines.is_empty() {
        output.say("haul: nothing has happened yet.");
    } else {
        table(&lines, &TimeZone::system()).write(output)?;
    }
    Ok(Status::Done)
}

fn table(lines: &[HistoryLine], zone: &TimeZone) -> Table {
    let mut table = Table::new(&COLUMNS);
    for line in lines {
        let tone = if line.what == "failed" { Tone::Red } else { Tone::Plain };
        let place = line.place.clone().unwrap_or_default();
        // What is about no single download has no number.
        let id = if line.id == DownloadId(0) { String::new() } else { line.id.to_string() };
        let at = date(line.at, zone);
        table.row(tone, [at, id, line.name.clone(), line.what.clone(), line.text.clone(), place]);
    }
    table
}
