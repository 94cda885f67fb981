//! Finished media: what a file is, what is known of it, and who said so.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::id::DownloadId;
use super::time::UnixMs;
use super::units::parse_duration;

/// Longest text of a tag that is kept, in bytes.
pub const MOST_TEXT: usize = 4096;

/// Number of a library entry; never given to another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MediaId(pub u64);

impl std::fmt::Display for MediaId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Which shelf a file stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaKind {
    /// Music.
    Music,
    /// Video.
    Video,
    /// Spoken audio, and what is neither.
    Other,
}

impl MediaKind {
    /// All of them, in the order of the shelves.
    pub const ALL: [Self; 3] = [Self::Music, Self::Video, Self::Other];

    /// The word of the command line and the screen.
    pub fn word(self) -> &'static str {
        match self {
            Self::Music => "Music",
            Self::Video => "Video",
            Self::Other => "Other",
        }
    }
}

/// What told the kind. The first that says anything decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KindFrom {
    /// A person chose it.
    Person,
    /// `WM/MediaClassPrimaryID` in the file.
    ClassId,
    /// The streams that the container holds.
    Streams,
    /// The file's first bytes.
    Bytes,
    /// The media type that the server sent.
    MediaType,
    /// The extension of the name.
    Extension,
}

impl KindFrom {
    /// What told it, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Person => "chosen by you",
            Self::ClassId => "WM/MediaClassPrimaryID in the file",
            Self::Streams => "the streams in the file",
            Self::Bytes => "the file's first bytes",
            Self::MediaType => "the media type that the server sent",
            Self::Extension => "the name's extension",
        }
    }
}

/// What can be known of a file beside its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// Title.
    Title,
    /// Who performs it.
    Artist,
    /// Whose album it is.
    AlbumArtist,
    /// Album.
    Album,
    /// Number on the disc.
    Track,
    /// Number of the disc.
    Disc,
    /// Genre.
    Genre,
    /// Date or year of release.
    Date,
    /// Who sold or gave it: the shop's name on the shelf.
    Distributor,
    /// Who provided what is known of it.
    Provider,
    /// Rating by a person, as it was given.
    Rating,
    /// Length, in milliseconds.
    Duration,
}

impl Field {
    /// All of them, in the order in which details show them.
    pub const ALL: [Self; 12] = [
        Self::Title,
        Self::Artist,
        Self::AlbumArtist,
        Self::Album,
        Self::Track,
        Self::Disc,
        Self::Genre,
        Self::Date,
        Self::Distributor,
        Self::Provider,
        Self::Rating,
        Self::Duration,
    ];

    /// The word of details and `--set`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Title => "title",
            Self::Artist => "artist",
            Self::AlbumArtist => "album artist",
            Self::Album => "album",
            Self::Track => "track",
            Self::Disc => "disc",
            Self::Genre => "genre",
            Self::Date => "date",
            Self::Distributor => "distributor",
            Self::Provider => "provider",
            Self::Rating => "rating",
            Self::Duration => "duration",
        }
    }

    /// The field that a name of item info, a Vorbis comment or a Matroska tag stands for; case, spaces and `WM/` don't matter.
    pub fn of_name(name: &str) -> Option<Self> {
        let plain: String =
            name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
        let plain = plain
            .strip_prefix("wm")
            .filter(|_| name.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("WM/")))
            .unwrap_or(&plain);
        Some(match plain {
            "title" => Self::Title,
            "artist" | "author" => Self::Artist,
            "albumartist" => Self::AlbumArtist,
            "album" | "albumtitle" => Self::Album,
            "track" | "tracknumber" => Self::Track,
            "disc" | "discnumber" | "partofset" => Self::Disc,
            "genre" => Self::Genre,
            "date" | "year" | "daterecorded" | "datereleased" => Self::Date,
            "distributor" | "contentdistributor" => Self::Distributor,
            "provider" => Self::Provider,
            "rating" | "userrating" => Self::Rating,
            "duration" | "length" => Self::Duration,
            _ => return None,
        })
    }
}

impl Field {
    /// A value as people read it: a length as a clock shows it.
    pub fn shown(self, text: &str) -> Cow<'_, str> {
        match (self, text.parse::<u64>()) {
            (Self::Duration, Ok(millis)) => super::units::clock(millis / 1000).into(),
            _ => text.into(),
        }
    }
}

/// Values by field, as text.
pub type Info = BTreeMap<Field, String>;

/// Returns item info that came with a request as fields. A duration is read as people type it; what is no field is left out.
pub fn info_of<'a>(given: impl IntoIterator<Item = (&'a String, &'a String)>) -> Info {
    let mut info = Info::new();
    for (name, value) in given {
        let Some(field) = Field::of_name(name) else { continue };
        let value = match field {
            Field::Duration => match parse_duration(value) {
                Ok(time) => time.as_millis().to_string(),
                Err(_) => continue,
            },
            _ => value.trim().to_owned(),
        };
        if !value.is_empty() {
            info.insert(field, value);
        }
    }
    info
}

/// Who said something of a file. The order is the rank: what a person chose stands over what was read, and that over what was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A person changed it in the library.
    Person,
    /// It is in the file.
    File,
    /// It came with the download: given with it, or by its host's rule or its preset.
    Download,
}

impl Origin {
    /// Who said it, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Person => "changed by you",
            Self::File => "read from the file",
            Self::Download => "given with the download",
        }
    }
}

/// Which setting gave a download's distributor, where nobody named one for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SetBy {
    /// The rule for hosts of this pattern.
    Rule(String),
    /// The preset of this name.
    Preset(String),
    /// The config, for all downloads.
    Config,
}

impl std::fmt::Display for SetBy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rule(pattern) => write!(f, "rule for {pattern}"),
            Self::Preset(name) => write!(f, "preset {name}"),
            Self::Config => f.write_str("config"),
        }
    }
}

/// The file itself, as the system knows it: whether it is the one that was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFacts {
    /// Size in bytes.
    pub size: u64,
    /// When it was last changed.
    pub modified: UnixMs,
    /// Device.
    pub device: u64,
    /// Inode.
    pub inode: u64,
}

/// What was read from a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MediaFacts {
    /// The file.
    pub file: FileFacts,
    /// Its kind and what told it; none where it is no media.
    pub kind: Option<(MediaKind, KindFrom)>,
    /// Name of the format, such as `Windows Media Audio`.
    pub format: String,
    /// What the tags say.
    pub info: Info,
    /// Which tag the distributor was in.
    pub distributor_in: Option<String>,
    /// Bits per second.
    pub bitrate: Option<u32>,
    /// Width and height of its pictures.
    pub frame: Option<(u32, u32)>,
    /// Whether there is a cover in it.
    pub has_cover: bool,
    /// A sum over its size and samples of its bytes: two files whose sums differ are different.
    pub print: String,
}

/// A library entry as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaRecord {
    /// Number; 0 before it is stored.
    pub id: MediaId,
    /// The file, absolute.
    pub path: PathBuf,
    /// What was read from it.
    pub facts: MediaFacts,
    /// What came with the download.
    pub given: Info,
    /// What a person changed; an empty text hides what others say.
    pub edited: Info,
    /// The kind that a person chose.
    pub edited_kind: Option<MediaKind>,
    /// When it was shelved.
    pub added: UnixMs,
    /// Since when the file is not where it was.
    pub missing: Option<UnixMs>,
    /// The download that it came with.
    pub download: Option<DownloadId>,
    /// Where that came from, without secrets.
    pub source: Option<String>,
    /// SHA-256-like sum of all of its bytes (BLAKE3), where a file with the same samples made it worth the reading.
    pub hash: Option<String>,
    /// Why its tags could not be read, where they could not.
    pub trouble: Option<String>,
    /// Which setting gave the distributor that came with the download.
    pub set_by: Option<SetBy>,
}

impl MediaRecord {
    /// The value of a field, and who said it.
    pub fn value(&self, field: Field) -> Option<(&str, Origin)> {
        let said = [
            (&self.edited, Origin::Person),
            (&self.facts.info, Origin::File),
            (&self.given, Origin::Download),
        ];
        let (text, origin) = said.iter().find_map(|(info, origin)| Some((info.get(&field)?, *origin)))?;
        (!text.is_empty()).then_some((text.as_str(), origin))
    }

    /// The value of a field alone.
    pub fn text(&self, field: Field) -> Option<&str> {
        self.value(field).map(|(text, _)| text)
    }

    /// The kind, and what told it.
    pub fn kind(&self) -> Option<(MediaKind, KindFrom)> {
        self.edited_kind.map(|kind| (kind, KindFrom::Person)).or(self.facts.kind)
    }

    /// A number at the start of a field: `3` of `3/12`.
    pub fn number(&self, field: Field) -> Option<u32> {
        leading_number(self.text(field)?)
    }
}

impl Field {
    /// Whether a text is a value of this field; one that is empty hides what is known.
    ///
    /// # Errors
    /// It is none: a sentence.
    pub fn check(self, text: &str) -> Result<(), String> {
        let is_year = || text.len() >= 4 && text.bytes().take(4).all(|byte| byte.is_ascii_digit());
        let wanted = match self {
            _ if text.is_empty() => return Ok(()),
            Self::Track | Self::Disc if leading_number(text).is_none() => "a number, such as 3 or 3/12",
            Self::Date if !is_year() => "a year or a date, such as 2011 or 2011-05-28",
            Self::Duration if text.parse::<u64>().is_err() => "a number of milliseconds",
            _ => return Ok(()),
        };
        Err(format!("`{text}` is no {}: write {wanted}", self.word()))
    }
}

/// The number that a text begins with.
pub fn leading_number(text: &str) -> Option<u32> {
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

/// A finished download that is to be shelved. Kept by the store until that is done, so that no kill loses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToShelve {
    /// The download.
    pub download: DownloadId,
    /// The finished file.
    pub path: PathBuf,
    /// The media type that the server sent.
    pub media_type: Option<String>,
    /// What came with the request.
    pub given: Info,
    /// Where it came from, without secrets.
    pub source: String,
    /// Which setting gave its distributor.
    pub set_by: Option<SetBy>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> MediaRecord {
        MediaRecord {
            id: MediaId(0),
            path: "/m/a.mp3".into(),
            facts: MediaFacts::default(),
            given: Info::new(),
            edited: Info::new(),
            edited_kind: None,
            added: UnixMs(0),
            missing: None,
            download: None,
            source: None,
            hash: None,
            trouble: None,
            set_by: None,
        }
    }

    #[test]
    fn what_was_read_wins_over_what_was_given_and_a_person_over_both() {
        let mut record = record();
        let distributor = Field::Distributor;
        record.given.insert(distributor, "Given".into());
        assert_eq!(record.value(distributor), Some(("Given", Origin::Download)));
        record.facts.info.insert(distributor, "Read".into());
        assert_eq!(record.value(distributor), Some(("Read", Origin::File)));
        record.edited.insert(distributor, "Chosen".into());
        assert_eq!(record.value(distributor), Some(("Chosen", Origin::Person)));
        record.edited.insert(distributor, String::new());
        assert_eq!(record.value(distributor), None);
    }

    #[test]
    fn names_of_every_container_mean_the_same_fields() {
        let table = [
            ("Title", Some(Field::Title)),
            ("ALBUMARTIST", Some(Field::AlbumArtist)),
            ("WM/AlbumArtist", Some(Field::AlbumArtist)),
            ("album artist", Some(Field::AlbumArtist)),
            ("WM/ContentDistributor", Some(Field::Distributor)),
            ("wm/contentdistributor", Some(Field::Distributor)),
            ("Distributor", Some(Field::Distributor)),
            ("WM/Provider", Some(Field::Provider)),
            ("UserRating", Some(Field::Rating)),
            ("TrackNumber", Some(Field::Track)),
            ("WM/Lyrics", None),
            ("wmtitle", None),
        ];
        for (name, field) in table {
            assert_eq!(Field::of_name(name), field, "{name}");
        }
    }

    #[test]
    fn given_info_is_read_as_people_type_it() {
        let given: BTreeMap<String, String> =
            [("Duration", "3:45"), ("Title", " Delta "), ("Colour", "blue"), ("Album", "")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into();
        let info = info_of(&given);
        assert_eq!(info.get(&Field::Duration).map(String::as_str), Some("225000"));
        assert_eq!(info.get(&Field::Title).map(String::as_str), Some("Delta"));
        assert_eq!(info.len(), 2);
        assert_eq!(
            (leading_number("3/12"), leading_number("x"), leading_number(" 07")),
            (Some(3), None, Some(7))
        );
    }

    #[test]
    fn a_value_is_one_of_its_field() {
        for (field, text, is_one) in [
            (Field::Title, "anything", true),
            (Field::Track, "3/12", true),
            (Field::Track, "three", false),
            (Field::Disc, "", true),
            (Field::Date, "2011", true),
            (Field::Date, "2011-05-28", true),
            (Field::Date, "May 2011", false),
            (Field::Duration, "252000", true),
            (Field::Duration, "4:12", false),
        ] {
            assert_eq!(field.check(text).is_ok(), is_one, "{field:?} {text}");
        }
    }
}
