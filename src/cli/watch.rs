//! `haul watch`: changes as they come, until Ctrl-C.

use std::collections::HashMap;

use clap::Args;

use super::context::Context;
use super::engine::{Engine, Feed};
use super::error::CliError;
use super::interrupts::Interrupts;
use super::output::Output;
use super::status::Status;
use super::words::{glyph, percent, remark, size, speed};
use crate::model::id::DownloadId;
use crate::model::printable::printable;
use crate::model::selector::Selector;
use crate::model::state::StateKind;
use crate::model::time::UnixMs;
use crate::model::view::DownloadRow;

/// `watch`.
#[derive(Clone, Debug, Args)]
pub struct WatchArgs {
    /// Which downloads; all where none are named
    #[arg(value_name = "SELECT")]
    pub(crate) select: Vec<String>,
    /// Write the protocol's own updates as JSON, one a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// Streams changes: with `--json` every update, else a line whenever a download's state or percentage changes.
///
/// # Errors
/// A selector that makes no sense, a number that is not there at the start, or an engine that is lost.
pub(crate) async fn watch<E: Engine>(
    args: &WatchArgs,
    engine: &E,
    context: &Context,
    output: &mut Output,
    interrupts: &mut Interrupts,
) -> Result<Status, CliError> {
    let mut select = Selector::parse(&args.select)?;
    select.all |= select.is_empty();
    let mut feed = interrupts.unless(engine.subscribe()).await?;
    let mut last: HashMap<DownloadId, (StateKind, Option<u64>)> = HashMap::new();
    let mut named = select.ids.clone();
    loop {
        let update = async {
            tokio::select! {
                update = feed.next() => update,
                // Whoever has seen enough need not wait for the next change to be rid of this.
                () = output.abandoned() => Err(CliError::ClosedPipe),
            }
        };
        let mut update = match interrupts.unless(update).await {
            Err(CliError::Interrupted) => return Ok(Status::Interrupted),
            update => update?,
        };
        let left: Vec<_> = update.rows.iter().filter(|row| !select.chooses(row)).map(|row| row.id).collect();
        // One that is chosen no longer is seen leaving, once.
        let left: Vec<_> = left.into_iter().filter(|id| last.contains_key(id)).collect();
        update.rows.retain(|row| select.chooses(row) || left.contains(&row.id));
        update.removed.retain(|id| last.contains_key(id));
        for row in &update.rows {
            let seen = (row.state.kind(), percent(row));
            let is_news = last.insert(row.id, seen) != Some(seen);
            if is_news && !args.json {
                output.line(&line(row, (context.now)(), output.stdout.ascii))?;
            }
        }
        for id in &update.removed {
            last.remove(id);
            if !args.json {
                output.line(&format!("{id}  removed"))?;
            }
        }
        last.retain(|id, _| !left.contains(id));
        if args.json {
            output.json(&update)?;
        }
        output.flush()?;
        if !update.more {
            CliError::unless_all_are_there(&std::mem::take(&mut named), |id| last.contains_key(&id))?;
        }
    }
}

fn line(row: &DownloadRow, now: UnixMs, ascii: bool) -> String {
    let percent = percent(row).filter(|_| row.state.kind().is_unfinished());
    let words = [
        row.id.to_string(),
        glyph(row, ascii).to_owned(),
        printable(&row.name).into_owned(),
        row.state.kind().word().to_owned(),
        percent.map(|percent| format!("{percent}%")).unwrap_or_default(),
        size(row),
        speed(row.speed),
        Some(printable(&remark(row, now)).into_owned())
            .filter(|said| said != row.state.kind().word())
            .unwrap_or_default(),
    ];
    words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join("  ")
}
