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
use super::stay::{NAMED, Stay};
use crate::links::quantity;
use crate::model::item::GiveUp;
use crate::model::request::AddedHow;
use crate::model::selector::Selector;
use crate::model::state::StateKind;
use crate::model::update::Update;
use crate::model::view::DownloadRow;

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
    tell_paused(&first.rows, output);
    let stay = Stay {
        json: args.json,
        paths: false,
        asks_where: false,
        give_up: GiveUp::Never,
        deadline,
        pauses: false,
        now: context.now,
    };
    stay.until_done(following, Some(first), feed, engine, output, interrupts).await
}

/// Says which ones don't move until somebody lets them.
fn tell_paused(rows: &[DownloadRow], output: &mut Output) {
    let paused: Vec<_> = rows.iter().filter(|row| row.state.kind() == StateKind::Paused).collect();
    for row in paused.iter().take(NAMED) {
        output.say(&format!(
            "haul: {} ({}) is paused; `haul resume {}` lets it go on.",
            row.name, row.id, row.id
        ));
    }
    if paused.len() > NAMED {
        let more = paused.len() - NAMED;
        output.say(&format!("haul: and {more} more are paused; `haul resume state:paused` lets all go on."));
    }
}

/// Whether a download goes on without a person.
fn goes_on(kind: StateKind) -> bool {
    !kind.is_ended() && kind != StateKind::Paused
}

#[cfg(test)]
mod tests {
    use super::super::scripted::{Scripted, context, output, presses};
    use super::super::show::tests::detail;
    use super::*;
    use crate::model::request::{Reply, Request};

    /// How a wait for 7 ends that is given no time, and what is said.
    async fn waited(word: &'static str) -> (u8, String) {
        let engine = Scripted::new(move |request| match request {
            Request::Show { .. } => Some(Ok(Reply::Detail(Box::new(detail(word))))),
            _ => None,
        });
        engine.report(&format!("7:{word}"));
        let args =
            WaitArgs { select: vec!["7".into()], timeout: Some(Duration::ZERO), json: false, quiet: false };
        let (mut output, _, talk) = output();
        let (mut interrupts, _press) = presses(0);
        let context = context(std::path::Path::new("/"));
        let ended = wait(&args, &engine, &context, &mut output, &mut interrupts).await;
        (ended.unwrap().code(), talk.text())
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_does_not_move_is_named() {
        let given_up =
            |word: &str| format!("haul: given up waiting for file-7 (7): {word}. It stays in the list.\n");
        let paused = "haul: file-7 (7) is paused; `haul resume 7` lets it go on.\n".to_owned();
        assert_eq!(waited("paused").await, (4, paused + &given_up("paused")));
        assert_eq!(waited("queued").await, (4, given_up("queued")));
    }
}
