//! The template that says in which folders finished media stands, and under which name. It gives texts; making them safe names is for
//! whoever uses it.

use std::fmt;
use std::str::FromStr;

use super::media::{Field, MediaKind, leading_number};

/// The template that is shown as an example.
pub const EXAMPLE: &str = "{kind}/{distributor}/{album_artist}/{album}/{track:02} {title}.{ext}";

/// What can stand in braces.
const NAMES: [&str; 11] = [
    "kind",
    "distributor",
    "album_artist",
    "artist",
    "album",
    "disc",
    "track",
    "title",
    "genre",
    "year",
    "ext",
];

/// A template, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folders {
    text: String,
    /// Folders, and the file's name as the last.
    levels: Vec<Vec<Piece>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// A value, and the digits that a number is filled up to.
    Value(&'static str, usize),
}

/// Why a text is no template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FoldersError(String);

/// What a template is filled with.
pub trait Values {
    /// The kind of the file.
    fn kind(&self) -> MediaKind;
    /// The value of a field, where there is one.
    fn text(&self, field: Field) -> Option<&str>;
    /// The name that the file has without this.
    fn name(&self) -> &str;
}

impl FromStr for Folders {
    type Err = FoldersError;

    fn from_str(text: &str) -> Result<Self, FoldersError> {
        let wrong = |what: String| FoldersError(what);
        let levels: Vec<Vec<Piece>> = text.split('/').map(level).collect::<Result<_, _>>().map_err(wrong)?;
        if text.starts_with('/') || levels.iter().any(Vec::is_empty) {
            let told = "folders are named one below the other, from the download's own folder on";
            return Err(FoldersError(told.into()));
        }
        let names_it = levels
            .last()
            .is_some_and(|last| last.iter().any(|piece| matches!(piece, Piece::Value("title" | "track", _))));
        if !names_it {
            return Err(FoldersError("the last part is the file's name: it needs {title} or {track}".into()));
        }
        Ok(Self { text: text.to_owned(), levels })
    }
}

impl fmt::Display for Folders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn level(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        if !before.is_empty() {
            pieces.push(Piece::Text(before.to_owned()));
        }
        let (name, after) = after.split_once('}').ok_or("a brace is open to the end")?;
        let (name, digits) = match name.split_once(':') {
            Some((name, digits)) => (name, digits.parse().ok().filter(|digits| (1..=9).contains(digits))),
            None => (name, Some(0)),
        };
        let known = NAMES.iter().find(|known| **known == name);
        match (known, digits) {
            (Some(known), Some(0)) => pieces.push(Piece::Value(known, 0)),
            (Some(known @ &("track" | "disc" | "year")), Some(digits)) => {
                pieces.push(Piece::Value(known, digits));
            }
            (Some(known), Some(_)) => return Err(format!("{{{known}}} is no number")),
            (Some(known), None) => {
                return Err(format!("after {known}: goes a number of digits, as in {{track:02}}"));
            }
            (None, _) => return Err(format!("{{{name}}} is no value; there are {}", NAMES.join(", "))),
        }
        rest = after;
    }
    if rest.contains('}') {
        return Err("a brace is closed that was not opened".into());
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    Ok(pieces)
}

impl Folders {
    /// Fills the template: the folders from the outermost, and the file's name as the last. What a value has of separators is taken
    /// out, so that each is one name.
    pub fn fill(&self, values: &dyn Values) -> Vec<String> {
        let (stem, extension) = match values.name().rsplit_once('.') {
            Some((stem, extension)) if !stem.is_empty() => (stem, extension),
            _ => (values.name(), ""),
        };
        let last = self.levels.len() - 1;
        let names_extension = self.levels[last].iter().any(|piece| matches!(piece, Piece::Value("ext", _)));
        let filled = self.levels.iter().enumerate().map(|(at, level)| {
            let parts = level.iter().map(|piece| match piece {
                Piece::Text(text) => text.clone(),
                Piece::Value(name, digits) => value(name, *digits, values, stem, extension),
            });
            let mut text: String = parts.collect::<String>().trim().to_owned();
            if at == last {
                // A name of nothing but what is unknown is none: it keeps its own.
                let named = text.strip_suffix(extension).filter(|_| names_extension).unwrap_or(&text);
                if named.trim_end_matches('.').trim().is_empty() {
                    text = format!("{stem}{text}");
                    if names_extension && !text.ends_with(&format!(".{extension}")) {
                        text = format!("{stem}.{extension}");
                    }
                }
                if names_extension && extension.is_empty() {
                    text = text.trim_end_matches('.').to_owned();
                } else if !names_extension && !extension.is_empty() {
                    text = format!("{text}.{extension}");
                }
            }
            text
        });
        filled.collect()
    }
}

fn value(name: &str, digits: usize, values: &dyn Values, stem: &str, extension: &str) -> String {
    let text = |field| values.text(field).map(|text| text.replace(['/', '\\'], "-"));
    let or = |field, otherwise: &str| text(field).unwrap_or_else(|| otherwise.to_owned());
    let number = |field| {
        let number = values.text(field).and_then(leading_number);
        number.map(|number| format!("{number:0digits$}")).unwrap_or_default()
    };
    match name {
        "kind" => values.kind().word().to_owned(),
        "distributor" => or(Field::Distributor, "Unknown Distributor"),
        "album_artist" => text(Field::AlbumArtist).unwrap_or_else(|| or(Field::Artist, "Unknown Artist")),
        "artist" => text(Field::Artist).unwrap_or_else(|| or(Field::AlbumArtist, "Unknown Artist")),
        "album" => or(Field::Album, "Unknown Album"),
        "genre" => or(Field::Genre, "Unknown Genre"),
        "title" => or(Field::Title, stem),
        "disc" => number(Field::Disc),
        "track" => number(Field::Track),
        "year" => number(Field::Date),
        _ => extension.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    struct Song(BTreeMap<Field, &'static str>, &'static str);

    impl Values for Song {
        fn kind(&self) -> MediaKind {
            MediaKind::Music
        }

        fn text(&self, field: Field) -> Option<&str> {
            self.0.get(&field).copied()
        }

        fn name(&self) -> &str {
            self.1
        }
    }

    fn filled(template: &str, values: &[(Field, &'static str)], name: &'static str) -> String {
        let song = Song(values.iter().copied().collect(), name);
        template.parse::<Folders>().unwrap().fill(&song).join("|")
    }

    #[test]
    fn values_fill_it_and_what_is_unknown_says_so() {
        use Field::{Album, AlbumArtist, Artist, Date, Distributor, Title, Track};
        let full = [
            (Title, "Delta / Part 2"),
            (AlbumArtist, "AC/DC"),
            (Album, "One"),
            (Track, "3/12"),
            (Distributor, "Shop"),
            (Date, "2006-05-01"),
        ];
        for (template, values, name, is) in [
            (EXAMPLE, &full[..], "x.flac", "Music|Shop|AC-DC|One|03 Delta - Part 2.flac"),
            (EXAMPLE, &[], "song.mp3", "Music|Unknown Distributor|Unknown Artist|Unknown Album|song.mp3"),
            (EXAMPLE, &[(Artist, "A")], "none", "Music|Unknown Distributor|A|Unknown Album|none"),
            ("{year}/{title}", &full[..], "x.tar.gz", "2006|Delta - Part 2.gz"),
            ("{title}", &[(Title, "../../etc")], ".hidden", "..-..-etc"),
            ("{title}/{track}", &[], "song.mp3", "song|song.mp3"),
            ("{title}/{track:02}.{ext}", &[], "song.mp3", "song|song.mp3"),
            ("{title}/{track}", &full[..], "song.mp3", "Delta - Part 2|3.mp3"),
        ] {
            assert_eq!(filled(template, values, name), is, "{template}");
        }
    }

    #[test]
    fn what_is_no_template_says_what_would_be_one() {
        for (template, told) in [
            ("", "one below the other"),
            ("/{title}", "one below the other"),
            ("a//{title}", "one below the other"),
            ("{kind}/{album}", "needs {title} or {track}"),
            ("{colour}/{title}", "{colour} is no value; there are kind"),
            ("{title", "open to the end"),
            ("title}", "closed that was not opened"),
            ("{title:02}", "{title} is no number"),
            ("{track:x}", "a number of digits"),
        ] {
            let error = template.parse::<Folders>().unwrap_err();
            assert!(error.to_string().contains(told), "{template}: {error}");
        }
        assert_eq!(EXAMPLE.parse::<Folders>().unwrap().to_string(), EXAMPLE);
    }
}
