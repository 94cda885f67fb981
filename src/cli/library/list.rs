//! Entries and shelves, listed.

use clap::{Args, ValueEnum};

use super::{ask, entries, shelf, strange};
use crate::cli::engine::Engine;
use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::cli::status::Status;
use crate::cli::table::{Column, Table, Tone};
use crate::model::printable::printable;
use crate::model::shelf::{
    Arrangement, LibraryQuery, LibraryReply, LibraryRequest, LibraryStats, MOST_COPIES, MediaRow, MediaRows,
    MediaSort, ShelfNode, ShelfPath,
};
use crate::model::units::{ByteCount, clock};

/// `library list`.
#[derive(Clone, Debug, Args)]
pub(super) struct ListArgs {
    /// A shelf: a kind, an arrangement (purchased, artists, albums, genres, distributors), then one name a level
    #[arg(value_name = "SHELF")]
    shelf: Vec<String>,
    #[command(flatten)]
    how: How,
}

/// `library search`.
#[derive(Clone, Debug, Args)]
pub(super) struct FindArgs {
    /// Words, or parts of them, that must all be there
    #[arg(value_name = "WORDS", required = true)]
    words: Vec<String>,
    #[command(flatten)]
    how: How,
}

/// `library tree`.
#[derive(Clone, Debug, Args)]
pub(super) struct TreeArgs {
    /// A shelf to begin at: a kind, an arrangement, then one name a level
    #[arg(value_name = "SHELF")]
    shelf: Vec<String>,
    /// How many levels to open; down to the files where it is not said
    #[arg(short = 'L', long, value_name = "N")]
    depth: Option<usize>,
    /// Write JSON, one object a line
    #[arg(long)]
    json: bool,
}

/// `library stats` and others without more to say.
#[derive(Clone, Debug, Args)]
pub(super) struct StatsArgs {
    /// Write JSON, one object a line
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Clone, Debug, Args)]
struct How {
    /// Order
    #[arg(long, value_enum, default_value_t)]
    sort: Sort,
    /// Turn the order round
    #[arg(long)]
    reverse: bool,
    /// How many at most; all where it is not said
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// Only those whose file is not where it was
    #[arg(long)]
    missing: bool,
    /// Write JSON, one object a line
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Sort {
    /// As on a shelf: album artist, album, disc, track
    #[default]
    Shelf,
    Title,
    Artist,
    Album,
    Date,
    Duration,
    Size,
    /// The newest first
    Added,
}

impl Sort {
    fn order(self) -> MediaSort {
        match self {
            Self::Shelf => MediaSort::Shelf,
            Self::Title => MediaSort::Title,
            Self::Artist => MediaSort::Artist,
            Self::Album => MediaSort::Album,
            Self::Date => MediaSort::Date,
            Self::Duration => MediaSort::Duration,
            Self::Size => MediaSort::Size,
            Self::Added => MediaSort::Added,
        }
    }
}

const COLUMNS: [Column; 8] = [
    Column::right("ID"),
    Column::right("#"),
    Column::wide("TITLE"),
    Column::wide("ARTIST"),
    Column::wide("ALBUM"),
    Column::wide("DISTRIBUTOR"),
    Column::right("TIME"),
    Column::right("SIZE"),
];

/// Lists a shelf.
pub(super) async fn list<E: Engine>(
    args: &ListArgs,
    engine: &E,
    output: &mut Output,
) -> Result<Status, CliError> {
    let at = shelf(&args.shelf)?;
    let query = LibraryQuery { at: Some(at), ..LibraryQuery::default() };
    let nothing = if args.shelf.is_empty() && !args.how.missing {
        "haul: the library is empty. Finished media comes by itself; `haul library scan FOLDER` takes in what is there."
    } else {
        "haul: nothing is there."
    };
    listed(query, &args.how, nothing, engine, output).await
}

/// Finds entries.
pub(super) async fn search<E: Engine>(
    args: &FindArgs,
    engine: &E,
    output: &mut Output,
) -> Result<Status, CliError> {
    let query = LibraryQuery { text: args.words.join(" "), ..LibraryQuery::default() };
    listed(query, &args.how, "haul: nothing matches.", engine, output).await
}

/// Lists what is there more than once.
pub(super) async fn duplicates<E: Engine>(
    args: &StatsArgs,
    engine: &E,
    output: &mut Output,
) -> Result<Status, CliError> {
    let query = LibraryQuery { duplicates: true, ..LibraryQuery::default() };
    let rows = all(query, None, engine).await?;
    write(&rows, args.json, "haul: no two files have the same bytes.", output)
}

/// Lists what is not where it was.
pub(super) async fn gone<E: Engine>(json: bool, engine: &E, output: &mut Output) -> Result<Status, CliError> {
    let query = LibraryQuery { missing: true, ..LibraryQuery::default() };
    write(&all(query, None, engine).await?, json, "haul: every file is where it was.", output)
}

async fn listed<E: Engine>(
    query: LibraryQuery,
    how: &How,
    nothing: &str,
    engine: &E,
    output: &mut Output,
) -> Result<Status, CliError> {
    let query =
        LibraryQuery { sort: how.sort.order(), descending: how.reverse, missing: how.missing, ..query };
    write(&all(query, how.limit, engine).await?, how.json, nothing, output)
}

/// All rows, page by page.
async fn all<E: Engine>(
    mut query: LibraryQuery,
    most: Option<u64>,
    engine: &E,
) -> Result<Vec<MediaRow>, CliError> {
    let mut rows: Vec<MediaRow> = Vec::new();
    loop {
        query.offset = rows.len() as u64;
        let left = most.map(|most| most.saturating_sub(query.offset));
        if left == Some(0) {
            return Ok(rows);
        }
        query.limit = left.map_or(0, |left| u32::try_from(left).unwrap_or(0));
        let MediaRows { rows: page, more, .. } =
            match ask(engine, LibraryRequest::List(query.clone())).await? {
                LibraryReply::Rows(rows) => rows,
                other => return Err(strange(other)),
            };
        let is_last = !more || page.is_empty();
        rows.extend(page);
        if is_last {
            return Ok(rows);
        }
    }
}

fn write(rows: &[MediaRow], json: bool, nothing: &str, output: &mut Output) -> Result<Status, CliError> {
    if json {
        rows.iter().try_for_each(|row| output.json(row))?;
    } else if rows.is_empty() {
        output.say(nothing);
    } else {
        table(rows).write(output)?;
    }
    Ok(Status::Done)
}

fn table(rows: &[MediaRow]) -> Table {
    let mut table = Table::new(&COLUMNS);
    for row in rows {
        let mut title = row.title.clone();
        if row.missing {
            title.push_str(" (missing)");
        }
        if row.copies > 1 {
            let more = if row.copies >= MOST_COPIES { " or more" } else { "" };
            title = format!("{title} (1 of {}{more} copies)", row.copies);
        }
        let artist = if row.artist.is_empty() { &row.album_artist } else { &row.artist };
        table.row(
            if row.missing { Tone::Yellow } else { Tone::Plain },
            [
                row.id.to_string(),
                row.track.map(|track| track.to_string()).unwrap_or_default(),
                title,
                artist.clone(),
                row.album.clone(),
                row.distributor.clone(),
                row.duration_ms.map(|ms| clock(ms / 1000)).unwrap_or_default(),
                ByteCount(row.size).to_string(),
            ],
        );
    }
    table
}

/// Shows shelves.
pub(super) async fn tree<E: Engine>(
    args: &TreeArgs,
    engine: &E,
    output: &mut Output,
) -> Result<Status, CliError> {
    let root = shelf(&args.shelf)?;
    // A shelf stands on this stack with how deep it is; the top is written next.
    let mut open: Vec<(usize, Standing)> =
        standing(&root, engine).await?.into_iter().rev().map(|one| (0, one)).collect();
    if open.is_empty() && !args.json {
        output.say("haul: nothing is there.");
    }
    while let Some((depth, one)) = open.pop() {
        let indent = "  ".repeat(depth);
        match &one {
            Standing::Entry(row) if args.json => output.json(row)?,
            Standing::Shelf(node) if args.json && args.depth == Some(depth + 1) => output.json(node)?,
            Standing::Shelf(_) if args.json => {}
            Standing::Entry(row) => output.line(&printable(&format!("{indent}{}", entry_line(row))))?,
            Standing::Shelf(node) => output.line(&printable(&format!("{indent}{}", shelf_line(node))))?,
        }
        if let Standing::Shelf(node) = &one
            && args.depth.is_none_or(|most| depth + 1 < most)
        {
            // A kind holds the same files in every arrangement: without a wish, the two that everybody knows are opened.
            let mut inside = standing(&node.at, engine).await?;
            inside.retain(|one| match one {
                Standing::Shelf(node) if node.at.keys.is_empty() => {
                    matches!(node.at.arrangement, Some(Arrangement::Purchased | Arrangement::Artists))
                }
                _ => true,
            });
            open.extend(inside.into_iter().rev().map(|one| (depth + 1, one)));
        }
    }
    Ok(Status::Done)
}

/// What stands on a shelf.
enum Standing {
    Shelf(ShelfNode),
    Entry(MediaRow),
}

async fn standing<E: Engine>(at: &ShelfPath, engine: &E) -> Result<Vec<Standing>, CliError> {
    if at.is_last() {
        let query = LibraryQuery { at: Some(at.clone()), ..LibraryQuery::default() };
        return Ok(all(query, None, engine).await?.into_iter().map(Standing::Entry).collect());
    }
    match ask(engine, LibraryRequest::Shelf { at: at.clone() }).await? {
        LibraryReply::Nodes(nodes) => {
            Ok(nodes.into_iter().filter(|node| node.count > 0).map(Standing::Shelf).collect())
        }
        other => Err(strange(other)),
    }
}

fn shelf_line(node: &ShelfNode) -> String {
    let mut line = format!("{}  {}, {}", node.label, entries(node.count), ByteCount(node.size));
    if node.duration_ms > 0 {
        line = format!("{line}, {}", clock(node.duration_ms / 1000));
    }
    if node.missing > 0 {
        line = format!("{line}, {} missing", node.missing);
    }
    line
}

fn entry_line(row: &MediaRow) -> String {
    let track = row.track.map(|track| format!("{track:02} ")).unwrap_or_default();
    let missing = if row.missing { "  (missing)" } else { "" };
    let time = row.duration_ms.map(|ms| format!("  {}", clock(ms / 1000))).unwrap_or_default();
    format!("{track}{}{time}  #{}{missing}", row.title, row.id)
}

/// Counts.
pub(super) async fn stats<E: Engine>(
    args: &StatsArgs,
    engine: &E,
    output: &mut Output,
) -> Result<Status, CliError> {
    let stats = match ask(engine, LibraryRequest::Stats).await? {
        LibraryReply::Stats(stats) => stats,
        other => return Err(strange(other)),
    };
    if args.json {
        output.json(&stats)?;
    } else {
        lines(&stats).iter().try_for_each(|line| output.line(line))?;
    }
    Ok(Status::Done)
}

fn lines(stats: &LibraryStats) -> Vec<String> {
    let mut lines: Vec<String> = stats.kinds.iter().map(shelf_line).collect();
    if lines.is_empty() {
        lines.push("The library is empty.".into());
    }
    let plural = |count: u64| if count == 1 { "" } else { "s" };
    let (purchased, shops) = (stats.purchased, stats.distributors);
    lines.push(format!("{purchased} purchased, from {shops} distributor{}", plural(shops)));
    let (artists, albums) = (stats.artists, stats.albums);
    lines.push(format!("{artists} album artist{}, {albums} album{}", plural(artists), plural(albums)));
    lines.push(format!("{} missing, {} with the bytes of another", stats.missing, stats.duplicates));
    if stats.waiting > 0 {
        lines.push(format!("{} finished downloads are still to be shelved", stats.waiting));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::tests::row;
    use super::*;
    use crate::cli::scripted::{Scripted, output};
    use crate::model::media::MediaKind;
    use crate::model::request::{Reply, Request};

    fn args(line: &str) -> How {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            how: How,
        }
        <Line as clap::Parser>::try_parse_from(std::iter::once("x").chain(line.split_whitespace()))
            .unwrap()
            .how
    }

    #[tokio::test(flavor = "current_thread")]
    async fn entries_are_listed_page_by_page_with_what_is_wrong_with_them() {
        let engine = Scripted::new(|request| {
            let Request::Library(LibraryRequest::List(query)) = request else { return None };
            let mut rows = match query.offset {
                0 => vec![row(1, "Delta"), row(2, "Alpha")],
                _ => vec![row(3, "\u{1b}[31mEcho")],
            };
            rows[0].copies = if query.offset == 0 { 0 } else { 2 };
            let more = query.offset == 0;
            Some(Ok(Reply::Library(LibraryReply::Rows(MediaRows { rows, more, newest: false }))))
        });
        let (mut output, data, _) = output();
        let find = FindArgs { words: vec!["tail".into(), "spin".into()], how: args("--sort title") };
        search(&find, &engine, &mut output).await.unwrap();
        output.flush().unwrap();
        insta::assert_snapshot!(data.text(), @r"
        ID  #  TITLE                     ARTIST    ALBUM  DISTRIBUTOR  TIME     SIZE
         1  1  Delta                     Tailspin  One    Shop         1:01  4.10 MB
         2  2  Alpha (missing)           Tailspin  One    Shop         1:01  4.10 MB
         3  3  [31mEcho (1 of 2 copies)  Tailspin  One    Shop         1:01  4.10 MB
        ");
        assert_eq!(engine.asked().len(), 2);
        assert!(engine.asked()[0].contains(r#""text":"tail spin","sort":"title""#), "{}", engine.asked()[0]);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn the_tree_opens_as_far_as_it_was_asked() {
        let engine = Scripted::new(|request| {
            let Request::Library(LibraryRequest::Shelf { at }) = request else {
                let rows = MediaRows { rows: vec![row(2, "Alpha")], more: false, newest: false };
                return Some(Ok(Reply::Library(LibraryReply::Rows(rows))));
            };
            let mut at = at.clone();
            if at.kind.is_none() {
                at.kind = Some(MediaKind::Music);
            } else if at.arrangement.is_none() {
                at.arrangement = Some(crate::model::shelf::Arrangement::Purchased);
            } else {
                at.keys.push(["Shop", "", "One"][at.keys.len()].into());
            }
            let node = ShelfNode {
                label: at.label(),
                at,
                count: 1,
                size: 4_100_000,
                duration_ms: 61_000,
                missing: 1,
            };
            Some(Ok(Reply::Library(LibraryReply::Nodes(vec![node]))))
        });
        let (mut output, data, _) = output();
        tree(&TreeArgs { shelf: Vec::new(), depth: None, json: false }, &engine, &mut output).await.unwrap();
        output.flush().unwrap();
        insta::assert_snapshot!(data.text(), @r"
        Music  1 entry, 4.10 MB, 1:01, 1 missing
          Purchased  1 entry, 4.10 MB, 1:01, 1 missing
            Shop  1 entry, 4.10 MB, 1:01, 1 missing
              Unknown Artist  1 entry, 4.10 MB, 1:01, 1 missing
                One  1 entry, 4.10 MB, 1:01, 1 missing
                  02 Alpha  1:01  #2  (missing)
        ");
        let before = engine.asked().len();
        tree(&TreeArgs { shelf: vec!["music".into()], depth: Some(1), json: true }, &engine, &mut output)
            .await
            .unwrap();
        output.flush().unwrap();
        assert_eq!(engine.asked().len(), before + 1);
        assert!(data.text().ends_with("\"missing\":1}\n"), "{}", data.text());
    }
}
