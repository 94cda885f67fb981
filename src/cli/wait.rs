//! `haul wait`: ends when the chosen downloads have ended.

use std::time::Duration;

use clap::Args;
use tokio::time::Instant;

use super::context::Context;
use super::engine::{Engine, Feed};
use super::error::CliError;
use super::following::Following;
use super::interrupts::Interrupts;
use super::output::Output;
use super::status::Status;
use super::stay::Stay;
use crate::links::quantity;
use crate::model::item::GiveUp;
use crate::model::request::AddedHow;
use crate::model::selector::Selector;
use crate::model::state::StateKind;
use crate::model::update::Update;

/// `wait`.
#[derive(Clone, Debug, Args)]
pub struct WaitArgs {
    /// Which downloads, as they are now; all that go on by themselves where none are named
    #[arg(value_name = "SELECT")]
    pub(crate) select: Vec<String>,
    /// Give up after so long: 10m, 2h
    #[arg(long, value_name = "DURATION", value_parser = quantity::duration)]
    pub(crate) timeout: Option<Duration>,
    /// Write what ended as JSON, one object a line
    #[arg(long)]
    pub(crate) json: bool,
    /// Tell errors only
    #[arg(short = 'q', long)]
    pub(crate) quiet: bool,
}

/// Waits. Ctrl-C ends the wait and nothing else.
///
/// # Errors
/// A selector that makes no sense or a number that isn't there, or an engine that is lost.
pub(crate) async fn wait<E: Engine>(
    args: &WaitArgs,
    engine: &E,
    context: &Context,
    output: &mut Output,
    interrupts: &mut Interrupts,
) -> Result<Status, CliError> {
    output.quiet |= args.quiet;
    let select = Selector::parse(&args.select)?;
    let deadline = args.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let mut feed = interrupts.unless(engine.subscribe()).await?;
    let mut following = Following::default();
    let mut first = Update::default();
    loop {
        let page = interrupts.unless(feed.next()).await?;
        for row in page.rows {
            let is_chosen = if select.is_empty() { goes_on(row.state.kind()) } else { select.chooses(&row) };
            if is_chosen {
                following.follow(row.id, AddedHow::Attached, row.mode, None);
                first.rows.push(row);
            }
        }
        if !page.more {
            break;
        }
    }
    CliError::unless_all_are_there(&select.ids, |id| first.rows.iter().any(|row| row.id == id))?;
    if first.rows.is_empty() {
        output.say("haul: there is nothing to wait for.");
        return Ok(Status::Done);
    }
    let stay = Stay {
        json: args.json,
        paths: false,
        give_up: GiveUp::Never,
        deadline,
        pauses: false,
        now: context.now,
    };
    stay.until_done(following, Some(first), feed, engine, output, interrupts).await
}

/// Whether a download goes on without a person.
fn goes_on(kind: StateKind) -> bool {
    !kind.is_ended() && kind != StateKind::Paused
}
