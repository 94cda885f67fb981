//! `haul door`: which web pages ask to be let in, and what is decided about them.

use clap::{Args, Subcommand};

use super::context::Context;
use super::engine::{Engine, unexpected};
use super::error::CliError;
use super::output::Output;
use super::status::Status;
use super::words::ago;
use crate::model::page::{DoorReply, DoorRequest, PageGrant, PageOrigin, PageRequest};
use crate::model::request::{Reply, Request};

/// `haul door`.
#[derive(Clone, Debug, Args)]
pub struct DoorArgs {
    /// What to do.
    #[command(subcommand)]
    what: What,
}

/// What to do about web pages.
#[derive(Clone, Debug, Subcommand)]
enum What {
    /// List the pages that ask to be let in
    Requests {
        /// Write JSON, one object a line
        #[arg(long)]
        json: bool,
    },
    /// Let the pages of an origin add downloads
    Allow {
        /// The origin, such as `https://shop.example`
        origin: PageOrigin,
        /// Until its last page is closed, not for good
        #[arg(long)]
        once: bool,
    },
    /// Never let the pages of an origin in, nor ask again
    Deny {
        /// The origin
        origin: PageOrigin,
    },
    /// List what was decided
    Grants {
        /// Write JSON, one object a line
        #[arg(long)]
        json: bool,
    },
    /// Forget what was decided about an origin: its pages must ask again
    Revoke {
        /// The origin
        origin: PageOrigin,
    },
    /// Have the desktop open `haul://` links and Metalink files with haul: they fill the Add dialog
    Register {
        /// Show what would be written, and where
        #[arg(long)]
        print: bool,
    },
    /// Take away what `register` wrote
    Unregister,
}

/// What is done with the desktop, which needs no engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDesktop {
    /// The entry is written.
    Register {
        /// Or only shown.
        print: bool,
    },
    /// It is taken away.
    Unregister,
}

impl DoorArgs {
    /// What is to be done with the desktop, where it is that.
    pub fn on_desktop(&self) -> Option<OnDesktop> {
        match self.what {
            What::Register { print } => Some(OnDesktop::Register { print }),
            What::Unregister => Some(OnDesktop::Unregister),
            _ => None,
        }
    }
}

/// Runs `haul door`.
///
/// # Errors
/// Nothing was decided about the origin, or there is no engine.
pub(crate) async fn door<E: Engine>(
    args: DoorArgs,
    engine: &E,
    context: &Context,
    output: &mut Output,
) -> Result<Status, CliError> {
    let (request, json, said) = match args.what {
        What::Requests { json } => (DoorRequest::Requests, json, String::new()),
        What::Grants { json } => (DoorRequest::Grants, json, String::new()),
        What::Allow { origin, once } => {
            let till = if once { "until its last page is closed" } else { "until you revoke that" };
            let said = format!("haul: pages of {origin} may add downloads {till}.");
            (DoorRequest::Allow { origin, once }, false, said)
        }
        What::Deny { origin } => {
            let said = format!("haul: pages of {origin} are never let in.");
            (DoorRequest::Deny { origin }, false, said)
        }
        // Those that need no engine were carried out before there was one.
        What::Register { .. } | What::Unregister => return Ok(Status::Done),
        What::Revoke { origin } => {
            let said = format!("haul: pages of {origin} must ask again. What they added goes on.");
            (DoorRequest::Revoke { origin }, false, said)
        }
    };
    let now = (context.now)();
    match engine.call(Request::Door(request)).await? {
        Reply::Door(DoorReply::Done) => output.say(&said),
        Reply::Door(DoorReply::Requests(rows)) if json => rows.iter().try_for_each(|row| output.json(row))?,
        Reply::Door(DoorReply::Grants(rows)) if json => rows.iter().try_for_each(|row| output.json(row))?,
        Reply::Door(DoorReply::Requests(rows)) if rows.is_empty() => {
            output.say(&nobody_asks(engine.door().await?.as_deref()));
        }
        Reply::Door(DoorReply::Grants(rows)) if rows.is_empty() => {
            output.say("haul: nothing was decided about web pages.");
        }
        Reply::Door(DoorReply::Requests(rows)) => {
            rows.iter().try_for_each(|row| output.line(&asking(row, &ago(now.since(row.since)))))?;
        }
        Reply::Door(DoorReply::Grants(rows)) => {
            rows.iter().try_for_each(|row| output.line(&decided(row)))?;
        }
        other => return Err(unexpected(&other)),
    }
    Ok(Status::Done)
}

fn nobody_asks(door: Option<&str>) -> String {
    match door {
        Some(url) => format!("haul: no web page asks. The door is open at {url}."),
        None => "haul: the door is closed, so that no web page can ask. `haul agent run --door` opens it, and so does \
                 `enabled = true` in [door] of the config."
            .into(),
    }
}

fn asking(row: &PageRequest, ago: &str) -> String {
    format!("{} wants to add downloads, {ago}", row.origin)
}

fn decided(row: &PageGrant) -> String {
    let collections = match row.collections {
        0 => String::new(),
        1 => "  1 collection".into(),
        count => format!("  {count} collections"),
    };
    format!("{:7} {}{collections}", row.verdict.word(), row.origin)
}

#[cfg(test)]
mod tests {
    use super::super::scripted::{Scripted, context, output};
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn where_nobody_asks_it_is_said_whether_anybody_can() {
        let home = tempfile::tempdir().unwrap();
        let engine = Scripted::new(|_| Some(Ok(Reply::Door(DoorReply::Requests(Vec::new())))));
        let (mut output, _, talk) = output();
        let args = DoorArgs { what: What::Requests { json: false } };
        door(args, &engine, &context(home.path()), &mut output).await.unwrap();
        assert!(talk.text().contains("the door is closed"), "{}", talk.text());
        assert!(nobody_asks(Some("http://127.0.0.1:4285")).contains("open at http://127.0.0.1:4285"));
    }
}
