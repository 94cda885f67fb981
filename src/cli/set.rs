//! `haul set`: changes what downloads were added with, in any state.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use url::Url;

use super::act::act;
use super::collections::find_named;
use super::context::Context;
use super::engine::Engine;
use super::error::CliError;
use super::folder::destination;
use super::header::read_headers;
use super::output::Output;
use super::status::Status;
use crate::links::{entry, quantity};
use crate::model::checksum::Checksum;
use crate::model::request::{Act, Changes};

/// `set`.
#[derive(Clone, Debug, Args)]
pub struct SetArgs {
    /// Which downloads
    #[arg(value_name = "SELECT", required = true)]
    pub(crate) select: Vec<String>,
    /// File name
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Folder
    #[arg(short = 'd', long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Link; `refresh` is for a new link to the same file
    #[arg(long, value_name = "URL", value_parser = entry::parse_link)]
    pub(crate) url: Option<Url>,
    /// Request headers, instead of all it had; @FILE reads them from a file
    #[arg(long = "header", value_name = "K: V|@FILE")]
    pub(crate) headers: Vec<String>,
    /// Connections at most
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) connections: Option<u32>,
    /// Speed at most, or none
    #[arg(long, value_name = "RATE|none", value_parser = quantity::cap)]
    pub(crate) limit: Option<quantity::Cap>,
    /// The checksum to verify
    #[arg(long, value_name = "ALG:HEX", value_parser = quantity::checksum)]
    pub(crate) checksum: Option<Checksum>,
    /// The collection that it belongs to
    #[arg(long, value_name = "ID|NAME")]
    pub(crate) collection: Option<String>,
    /// Item info, such as Title=Delta; nothing after the = takes it away
    #[arg(long, value_name = "NAME=TEXT", value_parser = pair)]
    pub(crate) info: Vec<(String, String)>,
    /// Write JSON, one object a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// Changes downloads.
///
/// # Errors
/// Nothing to change, a value that makes no sense, or no engine.
pub(crate) async fn set<E: Engine>(
    args: &SetArgs,
    engine: &E,
    context: &Context,
    output: &mut Output,
) -> Result<Status, CliError> {
    let (headers, warnings) = read_headers(&args.headers, |path| context.absolute(path))?;
    for warning in &warnings {
        output.complain(warning);
    }
    if args.name.as_deref().is_some_and(|name| name.is_empty() || name.contains('/')) {
        return Err(CliError::usage("--name is a file's name, without folders", "Name the folder with -d"));
    }
    let changes = Changes {
        name: args.name.clone(),
        folder: args.dir.as_deref().map(|dir| destination(dir, context)).transpose()?,
        url: args.url.clone(),
        headers: Some(headers).filter(|headers| !headers.is_empty()),
        connections: args.connections,
        checksum: args.checksum.clone(),
        collection: find_named(args.collection.as_deref(), engine).await?,
        info: args.info.iter().cloned().collect::<BTreeMap<_, _>>(),
    };
    let has_changes = changes != Changes::default();
    if !has_changes && args.limit.is_none() {
        return Err(CliError::usage("nothing is to be changed", "See `haul set --help`"));
    }
    let mut status = Status::Done;
    if let Some(limit) = args.limit.map(quantity::Cap::rate) {
        status =
            act(&args.select, Act::SetLimit { limit }, args.json && !has_changes, engine, output).await?;
    }
    if has_changes {
        let other = act(&args.select, Act::Set(Box::new(changes)), args.json, engine, output).await?;
        if other != Status::Done {
            status = other;
        }
    }
    Ok(status)
}

pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("`{text}` is no NAME=TEXT pair")),
    }
}
