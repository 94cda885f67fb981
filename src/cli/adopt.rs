//! `haul adopt`: rebuilds downloads from parts and notes, or takes on a partial file that another program left.

use std::path::{Path, PathBuf};

use clap::Args;

use super::batch::says_who_asks;
use super::context::Context;
use super::engine::{Engine, unexpected};
use super::error::CliError;
use super::output::Output;
use super::status::Status;
use super::transfer::TransferArgs;
use super::words::downloads;
use crate::links::entry::parse_link;
use crate::model::request::{Reply, Request};

/// `adopt`.
#[derive(Clone, Debug, Args)]
pub struct AdoptArgs {
    /// Partial files, their notes, or folders to look through; or one file of another program and the link it came from
    #[arg(value_name = "PATH [URL]", required = true)]
    pub(crate) words: Vec<String>,
    /// Write JSON, one object a line
    #[arg(long)]
    pub(crate) json: bool,
    /// How it is fetched
    #[command(flatten)]
    pub(crate) transfer: TransferArgs,
}

/// Adopts.
///
/// # Errors
/// A path that is not there, a link without exactly one file, a refusal, or no engine.
pub(crate) async fn adopt<E: Engine>(
    args: &AdoptArgs,
    engine: &E,
    context: &Context,
    output: &mut Output,
) -> Result<Status, CliError> {
    let (link, words): (Vec<_>, Vec<_>) = args.words.iter().partition(|word| word.contains("://"));
    let url = match link[..] {
        [] => None,
        [link] if words.len() == 1 => Some(parse_link(link).map_err(|why| CliError::usage(why, ""))?),
        _ => {
            return Err(CliError::usage(
                "a link belongs to exactly one file",
                "Write `haul adopt FILE URL`, one file at a time",
            ));
        }
    };
    let mut settings = args.transfer.settings(context, output)?;
    if let Some(url) = &url {
        settings.proxy = args.transfer.proxy()?.for_link(url, context)?;
        if args.transfer.netrc && !says_who_asks(url) {
            settings.credentials =
                (context.netrc)(url).map_err(|why| CliError::usage(format!("--netrc: {why}"), ""))?;
        }
    }
    let is_foreign = url.is_some();
    let paths = words.into_iter().map(|word| existing(word, context)).collect::<Result<Vec<_>, _>>()?;
    let added = match engine.call(Request::Adopt { paths, url, settings: Box::new(settings) }).await? {
        Reply::Added(added) => added,
        other => return Err(unexpected(&other)),
    };
    for one in &added {
        if args.json {
            output.json(one)?;
        } else {
            output.line(&one.id.to_string())?;
        }
    }
    if added.is_empty() {
        output.say("haul: there is nothing to adopt: no part has a note beside it.");
    } else if is_foreign {
        output.say(&format!("haul: adopted {}.", downloads(added.len())));
    } else {
        let ids = added.iter().map(|one| one.id.to_string()).collect::<Vec<_>>().join(" ");
        let count = downloads(added.len());
        output.say(&format!("haul: adopted {count}, paused. To let them go on: haul resume {ids}"));
    }
    Ok(Status::Done)
}

fn existing(word: &str, context: &Context) -> Result<PathBuf, CliError> {
    let path = context.absolute(Path::new(word));
    if !context.remote {
        std::fs::symlink_metadata(&path).map_err(|source| CliError::Read { path: path.clone(), source })?;
    }
    Ok(path)
}
