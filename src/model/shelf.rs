//! The library as clients see and ask for it: shelves, rows, details, edits and scans. All text is printable here.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::id::DownloadId;
use super::media::{Field, Info, KindFrom, MediaId, MediaKind, Origin, SetBy};
use super::time::UnixMs;

/// What a client asks of the library.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum LibraryRequest {
    /// What stands on a shelf. Answer: [`LibraryReply::Nodes`], or [`LibraryReply::Rows`] where the shelf is the last one.
    Shelf {
        /// Which.
        at: ShelfPath,
    },
    /// Entries. Answer: [`LibraryReply::Rows`].
    List(LibraryQuery),
    /// One entry whole. Answer: [`LibraryReply::Detail`].
    Show {
        /// Which.
        id: MediaId,
    },
    /// The cover in a file. Answer: [`LibraryReply::Cover`].
    Cover {
        /// Whose.
        id: MediaId,
        /// Most pixels a side.
        side: u32,
    },
    /// Changes what the library says of entries, not their files. Answer: [`LibraryReply::Changed`].
    Edit {
        /// Which.
        ids: Vec<MediaId>,
        /// What.
        edit: MediaEdit,
    },
    /// Takes entries out; the files stay. Answer: [`LibraryReply::Changed`].
    Forget {
        /// Which.
        ids: Vec<MediaId>,
    },
    /// Deletes the files of entries, and the entries with them. Whoever asks this has asked a person. Answer: [`LibraryReply::Changed`].
    DeleteFiles {
        /// Which.
        ids: Vec<MediaId>,
    },
    /// Looks through folders, and at every file that is known in them. Answer: [`LibraryReply::Scan`].
    Scan {
        /// Absolute; the whole library where none is named: then only what is known is looked at.
        folders: Vec<PathBuf>,
    },
    /// How far a scan is. Answer: [`LibraryReply::Scan`].
    ScanState {
        /// Which.
        scan: u64,
    },
    /// Where a template of folders would put files; nothing is moved. Answer: [`LibraryReply::Sorted`].
    Folders {
        /// The template; the one of the config where none is named.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        template: Option<String>,
        /// Which files.
        query: LibraryQuery,
    },
    /// Counts. Answer: [`LibraryReply::Stats`].
    Stats,
}

/// The library's answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "library", content = "of", rename_all = "snake_case")]
pub enum LibraryReply {
    /// What stands on a shelf.
    Nodes(Vec<ShelfNode>),
    /// Entries.
    Rows(MediaRows),
    /// One entry.
    Detail(Box<MediaDetail>),
    /// A cover: a JPEG or PNG in base64; none where the file has none.
    Cover(Option<String>),
    /// How many entries were changed.
    Changed(u64),
    /// How far a scan is.
    Scan(ScanProgress),
    /// Where files would go.
    Sorted(Vec<Sorted>),
    /// Counts.
    Stats(LibraryStats),
}

/// Where a template would put a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sorted {
    /// The entry.
    pub id: MediaId,
    /// Where it is, printable.
    pub path: String,
    /// The folders and the name that it would get, below its download's folder.
    pub to: String,
}

/// How the files of a kind are put on shelves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrangement {
    /// What has a distributor: by distributor, album artist and album.
    Purchased,
    /// All, by album artist and album.
    Artists,
    /// All, by album.
    Albums,
    /// All, by genre, album artist and album.
    Genres,
    /// All, by distributor and album.
    Distributors,
}

impl Arrangement {
    /// All of them, in their order.
    pub const ALL: [Self; 5] =
        [Self::Purchased, Self::Artists, Self::Albums, Self::Genres, Self::Distributors];

    /// What the shelf is called.
    pub fn label(self) -> &'static str {
        match self {
            Self::Purchased => "Purchased",
            Self::Artists => "All by artist",
            Self::Albums => "All by album",
            Self::Genres => "All by genre",
            Self::Distributors => "All by distributor",
        }
    }

    /// By what its shelves are told apart, one level after the other.
    pub fn levels(self) -> &'static [Field] {
        match self {
            Self::Purchased => &[Field::Distributor, Field::AlbumArtist, Field::Album],
            Self::Artists => &[Field::AlbumArtist, Field::Album],
            Self::Albums => &[Field::Album],
            Self::Genres => &[Field::Genre, Field::AlbumArtist, Field::Album],
            Self::Distributors => &[Field::Distributor, Field::Album],
        }
    }
}

/// Where a shelf is: nothing named is the root.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct ShelfPath {
    /// The kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<MediaKind>,
    /// The arrangement within it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arrangement: Option<Arrangement>,
    /// One value a level; empty where files don't say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
}

impl ShelfPath {
    /// Whether files stand here, not more shelves.
    pub fn is_last(&self) -> bool {
        self.arrangement.is_some_and(|arrangement| self.keys.len() >= arrangement.levels().len())
    }

    /// What the shelf is called.
    pub fn label(&self) -> String {
        let Some(kind) = self.kind else { return "Library".into() };
        let Some(arrangement) = self.arrangement else { return kind.word().into() };
        match self.keys.last() {
            None => arrangement.label().into(),
            Some(key) if !key.is_empty() => key.clone(),
            Some(_) => match arrangement.levels().get(self.keys.len() - 1) {
                Some(Field::AlbumArtist) => "Unknown Artist".into(),
                Some(Field::Album) => "Unknown Album".into(),
                Some(Field::Genre) => "No genre".into(),
                _ => "No distributor".into(),
            },
        }
    }
}

/// A shelf, with what stands on it in all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShelfNode {
    /// Where it is.
    pub at: ShelfPath,
    /// What it is called.
    pub label: String,
    /// How many files.
    pub count: u64,
    /// Bytes, all together.
    pub size: u64,
    /// Milliseconds, all together.
    pub duration_ms: u64,
    /// How many of the files are not where they were.
    #[serde(default)]
    pub missing: u64,
}

/// Which entries, and in which order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LibraryQuery {
    /// Words that must all be in the title, artist, album, genre, distributor or file name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// Only those of a shelf.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<ShelfPath>,
    /// Only those whose file is not where it was.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub missing: bool,
    /// Only those of which there is another one with the same bytes.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub duplicates: bool,
    /// The order.
    pub sort: MediaSort,
    /// Whether the order is turned round.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub descending: bool,
    /// Whether somebody waits with every key: where more match than are put in order in a moment, the newest come first.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub quick: bool,
    /// How many to leave out from the start.
    pub offset: u64,
    /// How many at most; 0 is as many as an answer may hold.
    pub limit: u32,
}

/// Orders of entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaSort {
    /// As on a shelf: album artist, album, disc, track, title.
    #[default]
    Shelf,
    /// By title.
    Title,
    /// By artist.
    Artist,
    /// By album.
    Album,
    /// By date of release.
    Date,
    /// By length.
    Duration,
    /// By size.
    Size,
    /// The newest first.
    Added,
}

/// Entries, and how many there are of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaRows {
    /// The entries.
    pub rows: Vec<MediaRow>,
    /// Whether there are more than these.
    pub more: bool,
    /// Whether so many match that the newest come first, whatever order was asked for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub newest: bool,
}

/// Copies of one file that are counted, at most.
pub const MOST_COPIES: u32 = 100;

/// An entry as one row of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaRow {
    /// Number.
    pub id: MediaId,
    /// Kind.
    pub kind: MediaKind,
    /// Title; the file's name where there is none.
    pub title: String,
    /// Artist; may be empty.
    pub artist: String,
    /// Album artist, or the artist; may be empty.
    pub album_artist: String,
    /// Album; may be empty.
    pub album: String,
    /// Disc.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disc: Option<u32>,
    /// Track.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub track: Option<u32>,
    /// Genre; may be empty.
    pub genre: String,
    /// Date of release; may be empty.
    pub date: String,
    /// Distributor; may be empty.
    pub distributor: String,
    /// Length in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// Size in bytes.
    pub size: u64,
    /// When it was shelved.
    pub added: UnixMs,
    /// Whether the file is not where it was.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub missing: bool,
    /// How many entries have the same bytes, this one included, counted to [`MOST_COPIES`]; 0 where nothing suggests that any has.
    #[serde(default)]
    pub copies: u32,
}

/// Everything about an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaDetail {
    /// The row.
    pub row: MediaRow,
    /// Each known value, and who said it.
    pub values: Vec<MediaValue>,
    /// What told the kind.
    pub kind_from: KindFrom,
    /// The file, printable.
    pub path: String,
    /// Every byte of the path in hex, where `path` is not the very same text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_hex: Option<String>,
    /// Name of the format.
    pub format: String,
    /// Bits per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bitrate: Option<u32>,
    /// Width and height.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame: Option<(u32, u32)>,
    /// Whether there is a cover in it.
    pub has_cover: bool,
    /// When the file was last changed.
    pub modified: UnixMs,
    /// Since when it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing_since: Option<UnixMs>,
    /// The download that it came with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub download: Option<DownloadId>,
    /// Where that came from, without secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Why its tags could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// Other entries with the same bytes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub copies: Vec<MediaCopy>,
}

/// A value, and who said it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaValue {
    /// Of what.
    pub field: Field,
    /// The value.
    pub text: String,
    /// Who said it.
    pub origin: Origin,
    /// Which tag it was in, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Which setting gave it, where it came with the download and nobody named it for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_by: Option<SetBy>,
    /// What others said that it won over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub instead_of: Vec<(Origin, String)>,
}

/// Another entry with the same bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaCopy {
    /// Number.
    pub id: MediaId,
    /// The file, printable.
    pub path: String,
}

/// A change to what the library says; the file is not touched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MediaEdit {
    /// Values to set; an empty text hides what the file says.
    #[serde(skip_serializing_if = "Info::is_empty")]
    pub set: Info,
    /// Fields to take back, so that the file's or the download's word counts again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reset: Vec<Field>,
    /// Kind to set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<MediaKind>,
    /// Whether a kind that was set is taken back.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reset_kind: bool,
}

/// How far a scan is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ScanProgress {
    /// Number of the scan.
    pub scan: u64,
    /// Whether it has ended.
    pub done: bool,
    /// Media files that were met.
    pub seen: u64,
    /// Files that there are to look at, once they are counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// New entries.
    pub added: u64,
    /// Entries whose file had changed and was read anew.
    pub updated: u64,
    /// Files that are as they were.
    pub unchanged: u64,
    /// Entries whose file moved, or was missing and is back.
    pub found: u64,
    /// Entries whose file is no longer there.
    pub missing: u64,
    /// Files that are no media, whatever their name says.
    pub not_media: u64,
    /// Files and folders that could not be read, printable; the first of them only.
    pub trouble: Vec<String>,
    /// What is being read, printable.
    pub at: String,
}

/// The library in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LibraryStats {
    /// One line a kind.
    pub kinds: Vec<ShelfNode>,
    /// Files with a distributor.
    pub purchased: u64,
    /// Distributors.
    pub distributors: u64,
    /// Album artists.
    pub artists: u64,
    /// Albums.
    pub albums: u64,
    /// Entries whose file is not where it was.
    pub missing: u64,
    /// Entries with the bytes of another one.
    pub duplicates: u64,
    /// Finished downloads that are still to be shelved.
    pub waiting: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shelves_have_names_at_every_level() {
        let at = |arrangement, keys: &[&str]| ShelfPath {
            kind: Some(MediaKind::Music),
            arrangement,
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        };
        let table = [
            (ShelfPath::default(), "Library", false),
            (at(None, &[]), "Music", false),
            (at(Some(Arrangement::Purchased), &[]), "Purchased", false),
            (at(Some(Arrangement::Purchased), &["Shop"]), "Shop", false),
            (at(Some(Arrangement::Purchased), &["Shop", ""]), "Unknown Artist", false),
            (at(Some(Arrangement::Purchased), &["Shop", "", ""]), "Unknown Album", true),
            (at(Some(Arrangement::Genres), &[""]), "No genre", false),
            (at(Some(Arrangement::Distributors), &[""]), "No distributor", false),
            (at(Some(Arrangement::Albums), &["A"]), "A", true),
        ];
        for (path, label, is_last) in table {
            assert_eq!((path.label().as_str(), path.is_last()), (label, is_last));
        }
    }
}
