//! `haul library`: what was finished, on its shelves.

mod change;
mod folders;
mod list;
mod play;
mod scan;
mod show;

use clap::{Args, Subcommand};

use self::change::{DeleteArgs, EditArgs, RemoveArgs};
use self::folders::FoldersArgs;
use self::list::{FindArgs, ListArgs, StatsArgs, TreeArgs};
use self::play::PlayArgs;
use self::scan::{ScanArgs, WatchArgs};
use self::show::ShowArgs;
use super::context::Context;
use super::engine::{Engine, unexpected};
use super::error::CliError;
use super::interrupts::Interrupts;
use super::output::Output;
use super::status::Status;
use crate::model::media::{Field, MediaId, MediaKind};
use crate::model::request::{Reply, Request};
use crate::model::shelf::{Arrangement, LibraryReply, LibraryRequest, ShelfPath};

/// `library`.
#[derive(Clone, Debug, Args)]
pub struct LibraryArgs {
    #[command(subcommand)]
    what: What,
}

/// What to do with the library.
#[derive(Clone, Debug, Subcommand)]
enum What {
    /// List what stands on a shelf, or all there is
    #[command(visible_alias = "ls")]
    List(ListArgs),
    /// Show shelves and what stands on them, as a tree
    Tree(TreeArgs),
    /// Find entries by words in title, artist, album, genre, distributor or file name
    Search(FindArgs),
    /// Show everything about one entry, and who said it
    Show(ShowArgs),
    /// Take existing folders in; files that are as they were are not read again
    Scan(ScanArgs),
    /// Take folders in, and what comes into them, until Ctrl-C; `library.watch` in the config does so for good
    Watch(WatchArgs),
    /// Look at every file again and list those that are not where they were
    Missing(StatsArgs),
    /// List entries whose files have the same bytes
    Duplicates(StatsArgs),
    /// Play an entry, with --player or the system's own program
    Play(PlayArgs),
    /// Change what the library says of entries; their files stay as they are
    Edit(Box<EditArgs>),
    /// Take entries out of the library; their files stay
    #[command(visible_alias = "forget")]
    Remove(RemoveArgs),
    /// Delete the files of entries for good
    Delete(DeleteArgs),
    /// Show where a template of folders would put files; nothing is moved
    Folders(FoldersArgs),
    /// Count
    Stats(StatsArgs),
}

/// Does it.
///
/// # Errors
/// As each says.
pub(crate) async fn library<E: Engine>(
    args: LibraryArgs,
    engine: &E,
    context: &Context,
    output: &mut Output,
) -> Result<Status, CliError> {
    match args.what {
        What::List(args) => list::list(&args, engine, output).await,
        What::Tree(args) => list::tree(&args, engine, output).await,
        What::Search(args) => list::search(&args, engine, output).await,
        What::Show(args) => show::show(&args, engine, context, output).await,
        What::Scan(args) => scan::scan(&args, engine, context, output, &mut Interrupts::of_process()).await,
        What::Watch(args) => scan::watch(&args, engine, context, output, &mut Interrupts::of_process()).await,
        What::Missing(args) => scan::missing(&args, engine, output, &mut Interrupts::of_process()).await,
        What::Duplicates(args) => list::duplicates(&args, engine, output).await,
        What::Play(args) => play::play(&args, engine, context, output).await,
        What::Edit(args) => change::edit(*args, engine, output).await,
        What::Remove(args) => change::remove(args, engine, output).await,
        What::Delete(args) => change::delete(args, engine, output).await,
        What::Folders(args) => folders::folders(args, engine, output).await,
        What::Stats(args) => list::stats(&args, engine, output).await,
    }
}

/// Asks the library.
async fn ask<E: Engine>(engine: &E, request: LibraryRequest) -> Result<LibraryReply, CliError> {
    match engine.call(Request::Library(request)).await? {
        Reply::Library(reply) => Ok(reply),
        other => Err(unexpected(&other)),
    }
}

/// The error of an answer that belongs to another question.
fn strange(reply: LibraryReply) -> CliError {
    unexpected(&Reply::Library(reply))
}

/// Parses an entry's number.
fn entry(text: &str) -> Result<MediaId, String> {
    let number = text.trim_start_matches('#').parse();
    number.map(MediaId).map_err(|_| format!("`{text}` is no library entry's number; see `haul library list`"))
}

/// Parses a kind's word.
fn kind(text: &str) -> Result<MediaKind, String> {
    let found = MediaKind::ALL.into_iter().find(|kind| kind.word().eq_ignore_ascii_case(text));
    found.ok_or_else(|| format!("`{text}` is no kind; there are music, video and other"))
}

/// Parses a field's word.
fn field(text: &str) -> Result<Field, String> {
    Field::of_name(text).ok_or_else(|| {
        let words: Vec<_> = Field::ALL.iter().map(|field| field.word()).collect();
        format!("`{text}` is nothing that the library knows; there are {}", words.join(", "))
    })
}

/// Reads a shelf from its words: kind, arrangement, then one name a level.
fn shelf(words: &[String]) -> Result<ShelfPath, CliError> {
    let usage = |what: String| {
        CliError::usage(what, "Example: haul library tree music purchased \"Tailspin Records\"")
    };
    // As one word, too: music/purchased. Names that have a slash are words of their own.
    let split: Vec<String>;
    let words = match words {
        [one] if one.contains('/') => {
            split = one.split('/').filter(|word| !word.is_empty()).map(str::to_owned).collect();
            &split
        }
        _ => words,
    };
    let mut words = words.iter();
    let kind = words.next().map(|word| kind(word)).transpose().map_err(usage)?;
    let arrangement = words.next().map(|word| arrangement(word)).transpose().map_err(usage)?;
    Ok(ShelfPath { kind, arrangement, keys: words.cloned().collect() })
}

fn arrangement(text: &str) -> Result<Arrangement, String> {
    let words = ["purchased", "artists", "albums", "genres", "distributors"];
    let found = Arrangement::ALL.into_iter().zip(words).find(|(arrangement, word)| {
        word.eq_ignore_ascii_case(text) || arrangement.label().eq_ignore_ascii_case(text)
    });
    found
        .map(|(arrangement, _)| arrangement)
        .ok_or_else(|| format!("`{text}` is no arrangement; there are {}", words.join(", ")))
}

/// `1 entry`, `2 entries`.
fn entries(count: u64) -> String {
    if count == 1 { "1 entry".into() } else { format!("{count} entries") }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::shelf::MediaRow;
    use crate::model::time::UnixMs;

    pub(super) fn row(id: u64, title: &str) -> MediaRow {
        MediaRow {
            id: MediaId(id),
            kind: MediaKind::Music,
            title: title.into(),
            artist: "Tailspin".into(),
            album_artist: "Tailspin".into(),
            album: "One".into(),
            disc: None,
            track: u32::try_from(id).ok(),
            genre: String::new(),
            date: "2006".into(),
            distributor: "Shop".into(),
            duration_ms: Some(61_000),
            size: 4_100_000,
            added: UnixMs(0),
            missing: id == 2,
            copies: 0,
        }
    }

    #[test]
    fn shelves_are_named_by_words() {
        let path = |words: &[&str]| shelf(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        let found = path(&["music", "All by genre", "Ambient", ""]).unwrap();
        assert_eq!((found.kind, found.arrangement), (Some(MediaKind::Music), Some(Arrangement::Genres)));
        let joined = path(&["Music/Purchased/Shop"]).unwrap();
        assert_eq!(joined, path(&["music", "purchased", "Shop"]).unwrap());
        assert_eq!(path(&["music", "purchased", "A/B"]).unwrap().keys, ["A/B"]);
        assert_eq!(found.keys, ["Ambient", ""]);
        assert_eq!(path(&[]).unwrap(), ShelfPath::default());
        assert!(path(&["films"]).unwrap_err().to_string().contains("music, video and other"));
        assert!(path(&["video", "sold"]).unwrap_err().to_string().contains("purchased, artists"));
        assert_eq!(field("album-artist"), Ok(Field::AlbumArtist));
        assert!(field("colour").unwrap_err().contains("distributor"));
    }
}
