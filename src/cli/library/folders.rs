//! `haul library folders`: where a template would put what is shelved. Only new downloads ever go there.

use clap::Args;

use super::{ask, strange};
use crate::cli::engine::Engine;
use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::cli::status::Status;
use crate::model::printable::printable;
use crate::model::shelf::{LibraryQuery, LibraryReply, LibraryRequest, MediaSort};

/// `library folders`.
#[derive(Clone, Debug, Args)]
pub(super) struct FoldersArgs {
    /// The template, such as `{kind}/{album_artist}/{track:02} {title}.{ext}`; the one of the config where none is named
    #[arg(value_name = "TEMPLATE")]
    template: Option<String>,
    /// How many files, the newest first; at most 999
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..1000))]
    limit: u32,
    /// Write JSON, one object a line
    #[arg(long)]
    json: bool,
}

/// Shows it.
pub(super) async fn folders<E: Engine>(
    args: FoldersArgs,
    engine: &E,
    output: &mut Output,
) -> Result<Status, CliError> {
    // One more than is shown tells whether there are more.
    let query = LibraryQuery { sort: MediaSort::Added, limit: args.limit + 1, ..LibraryQuery::default() };
    let mut sorted = match ask(engine, LibraryRequest::Folders { template: args.template, query }).await? {
        LibraryReply::Sorted(sorted) => sorted,
        other => return Err(strange(other)),
    };
    let all = sorted.len();
    sorted.truncate(args.limit as usize);
    for file in &sorted {
        if args.json {
            output.json(file)?;
        } else {
            output.line(&printable(&file.path))?;
            output.line(&printable(&format!("  would go to {}", file.to)))?;
        }
    }
    if sorted.is_empty() && !args.json {
        output.say("haul: the library is empty; `haul library scan FOLDER` takes in what is there.");
    }
    if all > sorted.len() {
        output.say(&format!("haul: these are the newest {}; `-n` shows more.", args.limit));
    }
    Ok(Status::Done)
}
