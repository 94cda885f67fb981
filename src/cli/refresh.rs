//! `haul refresh`: new links for the same files, one by hand or many from a list by name and size.

use std::path::PathBuf;

use clap::Args;
use percent_encoding::percent_decode_str;
use url::Url;

use super::act::act;
use super::context::Context;
use super::engine::{Engine, unexpected};
use super::error::{CliError, sentences};
use super::output::Output;
use super::status::Status;
use crate::links::entry::{Entry, parse_link};
use crate::links::list;
use crate::model::id::DownloadId;
use crate::model::request::{Act, Reply, Request};
use crate::model::selector::Selector;
use crate::model::view::DownloadRow;

/// `refresh`.
#[derive(Clone, Debug, Args)]
pub struct RefreshArgs {
    /// Which download
    #[arg(value_name = "ID", value_parser = super::show::download, required_unless_present = "list", requires = "url")]
    pub(crate) id: Option<DownloadId>,
    /// Its new link
    #[arg(value_name = "URL", value_parser = parse_link)]
    pub(crate) url: Option<Url>,
    /// Take the links from a list, each for the unfinished download of that name, and of that size where the list tells it
    #[arg(short = 'i', long = "input", value_name = "LIST", conflicts_with = "id")]
    pub(crate) list: Option<PathBuf>,
    /// Write JSON, one object a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// Gives new links.
///
/// # Errors
/// A list that makes no sense, a number that isn't there, or no engine.
pub(crate) async fn refresh<E: Engine>(
    args: &RefreshArgs,
    engine: &E,
    context: &Context,
    output: &mut Output,
) -> Result<Status, CliError> {
    if let (Some(id), Some(url)) = (args.id, args.url.clone()) {
        return act(&[id.to_string()], Act::RefreshUrl { url }, args.json, engine, output).await;
    }
    let Some(list) = &args.list else {
        return Err(CliError::usage(
            "no link is given",
            "Write `haul refresh ID URL` or `haul refresh -i LIST`",
        ));
    };
    let path = context.absolute(list);
    let bytes = std::fs::read(&path).map_err(|source| CliError::Read { path: path.clone(), source })?;
    let listed = list::parse(&bytes)
        .map_err(|problems| CliError::List { from: list.display().to_string(), problems })?;
    let rows = match engine.call(Request::List { select: Selector::everything() }).await? {
        Reply::Rows(rows) => rows,
        other => return Err(unexpected(&other)),
    };
    let mut status = Status::Done;
    for entry in listed.entries {
        let refreshed = match find(&entry, &rows) {
            Ok(id) => {
                let act_on = [id.to_string()];
                act(&act_on, Act::RefreshUrl { url: entry.url }, args.json, engine, output).await?
            }
            Err(why) => {
                output.complain(&sentences(&why, ""));
                Status::Failed
            }
        };
        if refreshed != Status::Done {
            status = refreshed;
        }
    }
    Ok(status)
}

/// The one unfinished download that an entry is a new link for.
fn find(entry: &Entry, rows: &[DownloadRow]) -> Result<DownloadId, String> {
    let name = name(entry);
    let fits = |row: &&DownloadRow| {
        let same_size = entry.extras.size.is_none() || row.size.is_none() || entry.extras.size == row.size;
        row.state.kind().is_unfinished() && row.name == name && same_size
    };
    let mut found = rows.iter().filter(fits);
    match (found.next(), found.next()) {
        (Some(row), None) => Ok(row.id),
        (None, _) => Err(format!("no unfinished download is called {name}, as the list says")),
        (Some(one), Some(other)) => Err(format!(
            "{} and {} are both called {name}: give the link to one by its number",
            one.id, other.id
        )),
    }
}

/// The name that is given, else the one that the link ends with.
fn name(entry: &Entry) -> String {
    let last = entry.url.path_segments().and_then(|mut segments| segments.next_back()).unwrap_or_default();
    entry.name.clone().unwrap_or_else(|| percent_decode_str(last).decode_utf8_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::super::scripted::{Scripted, context, output, row};
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn links_of_a_list_find_their_downloads_by_name_and_size() {
        let home = tempfile::tempdir().unwrap();
        let list = "http://new.example/file%2D1\nhttp://new.example/x\tout=file-2\tsize=1000\nhttp://new.example/x\tout=file-2\tsize=9\n\
            http://new.example/file-3\nhttp://new.example/twin\n";
        std::fs::write(home.path().join("list"), list).unwrap();
        let engine = Scripted::new(|request| match request {
            Request::List { .. } => {
                let mut rows = vec![
                    row(1, "expired"),
                    row(2, "failed"),
                    row(3, "completed"),
                    row(4, "paused"),
                    row(5, "paused"),
                ];
                rows[3].name = "twin".into();
                rows[4].name = "twin".into();
                Some(Ok(Reply::Rows(rows)))
            }
            _ => None,
        });
        let (mut output, _, talk) = output();
        let args = RefreshArgs { id: None, url: None, list: Some("list".into()), json: false };
        let status = refresh(&args, &engine, &context(home.path()), &mut output).await.unwrap();
        assert_eq!(status, Status::Failed);
        insta::assert_snapshot!(talk.text(), @r#"
        new link for 1 download.
        new link for 1 download.
        haul: no unfinished download is called file-2, as the list says.
        haul: no unfinished download is called file-3, as the list says.
        haul: 4 and 5 are both called twin: give the link to one by its number.
        "#);
        let refreshed = engine.asked().iter().filter(|asked| asked.contains("refresh_url")).count();
        assert_eq!(refreshed, 2);
    }
}
