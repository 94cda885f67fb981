//! Metalink 4 (RFC 5854): one file, its sizes and sums, and all the places that it can be had from.

use quick_xml::de::from_str;
use serde::Deserialize;
use url::Url;

use super::name;
use crate::model::checksum::{Algorithm, Checksum};
use crate::model::item::{Extras, Pieces};

/// The largest document that is read, in bytes.
const LARGEST: usize = 4 << 20;
/// How deep elements may be nested.
const DEEPEST: usize = 16;

/// One file of a Metalink document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name, made safe.
    pub name: Option<String>,
    /// Where it comes from, the best place first.
    pub url: Url,
    /// Size, sums, the other places.
    pub extras: Extras,
}

/// Why a document can't be used.
#[derive(Debug, thiserror::Error)]
pub enum MetalinkError {
    /// It is no Metalink 4 document.
    #[error("this is no Metalink 4 document: {0}")]
    NotMetalink(String),
    /// It is too large or too deep.
    #[error("this Metalink document is too {0}")]
    TooMuch(&'static str),
    /// A file in it has no http or https address.
    #[error("the Metalink document names no http or https address for `{0}`")]
    NoUrl(String),
    /// A sum in it can't be one.
    #[error("the Metalink document has a sum of `{file}` that can't be used: {what}")]
    BadSum {
        /// The file's name.
        file: String,
        /// What is wrong.
        what: String,
    },
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    file: Vec<File>,
}

#[derive(Deserialize)]
struct File {
    #[serde(rename = "@name", default)]
    name: String,
    size: Option<u64>,
    #[serde(default)]
    hash: Vec<Hash>,
    #[serde(default)]
    pieces: Vec<PieceList>,
    #[serde(default)]
    url: Vec<Place>,
}

#[derive(Deserialize)]
struct Hash {
    #[serde(rename = "@type", default)]
    kind: String,
    #[serde(rename = "$text", default)]
    sum: String,
}

#[derive(Deserialize)]
struct PieceList {
    #[serde(rename = "@type", default)]
    kind: String,
    #[serde(rename = "@length")]
    length: u64,
    #[serde(default)]
    hash: Vec<Hash>,
}

#[derive(Deserialize)]
struct Place {
    #[serde(rename = "@priority")]
    priority: Option<u32>,
    #[serde(rename = "$text", default)]
    url: String,
}

/// Whether a file's first bytes look like a Metalink document.
pub fn looks_like(bytes: &[u8]) -> bool {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(1024)]);
    head.contains("<metalink")
}

/// Reads a document.
///
/// # Errors
/// It is no Metalink 4, too large, or a file in it can't be had over HTTP.
pub fn parse(bytes: &[u8]) -> Result<Vec<Listed>, MetalinkError> {
    if bytes.len() > LARGEST {
        return Err(MetalinkError::TooMuch("large: more than 4 MiB"));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| MetalinkError::NotMetalink(error.to_string()))?;
    check_depth(text)?;
    let document: Document = from_str(text).map_err(|error| MetalinkError::NotMetalink(error.to_string()))?;
    if document.file.is_empty() {
        return Err(MetalinkError::NotMetalink("it lists no file".into()));
    }
    document.file.iter().map(read).collect()
}

fn check_depth(text: &str) -> Result<(), MetalinkError> {
    let mut reader = quick_xml::Reader::from_str(text);
    let mut depth = 0_usize;
    loop {
        match reader.read_event().map_err(|error| MetalinkError::NotMetalink(error.to_string()))? {
            quick_xml::events::Event::Start(_) => depth += 1,
            quick_xml::events::Event::End(_) => depth = depth.saturating_sub(1),
            quick_xml::events::Event::Eof => return Ok(()),
            _ => {}
        }
        if depth > DEEPEST {
            return Err(MetalinkError::TooMuch("deep"));
        }
    }
}

fn read(file: &File) -> Result<Listed, MetalinkError> {
    let mut places: Vec<(u32, Url)> = file
        .url
        .iter()
        .filter_map(|place| Some((place.priority.unwrap_or(999_999), Url::parse(place.url.trim()).ok()?)))
        .filter(|(_, url)| matches!(url.scheme(), "http" | "https"))
        .collect();
    places.sort_by_key(|(priority, _)| *priority);
    let mut urls = places.into_iter().map(|(_, url)| url);
    let url = urls.next().ok_or(MetalinkError::NoUrl(file.name.clone()))?;
    // One of a kind that nobody here can compute is none; one that can't be read is a mistake, and not to be taken for none.
    let wrong = |what: String| MetalinkError::BadSum { file: file.name.clone(), what };
    let sum =
        |algorithm, text: &str| Checksum::parse(algorithm, text).map_err(|error| wrong(error.to_string()));
    let mut checksum: Option<Checksum> = None;
    for hash in &file.hash {
        let Some(algorithm) = Algorithm::named(&hash.kind) else { continue };
        let next = sum(algorithm, &hash.sum)?;
        checksum = checksum.into_iter().chain([next]).max_by_key(Checksum::algorithm);
    }
    let mut pieces = None;
    for list in &file.pieces {
        let Some(algorithm) = Algorithm::named(&list.kind) else { continue };
        let sums = list.hash.iter().map(|hash| sum(algorithm, &hash.sum)).collect::<Result<Vec<_>, _>>()?;
        if list.length == 0 {
            return Err(wrong("its pieces have no length".into()));
        }
        let wanted = file.size.map(|size| size.div_ceil(list.length));
        if wanted.is_some_and(|wanted| wanted != sums.len() as u64) {
            let text =
                format!("it has sums of {} pieces, and {} pieces", sums.len(), wanted.unwrap_or_default());
            return Err(wrong(text));
        }
        pieces = pieces.or(Some(Pieces { length: list.length, sums }));
    }
    let extras = Extras { mirrors: urls.collect(), size: file.size, checksum, pieces, ..Extras::default() };
    Ok(Listed { name: name::sanitise(&file.name), url, extras })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<metalink xmlns="urn:ietf:params:xml:ns:metalink">
  <file name="../../etc/example.ext">
    <size>1048576</size>
    <url priority="2">http://b.example/example.ext</url>
    <metaurl mediatype="torrent">http://t.example/example.torrent</metaurl>
    <url location="de" priority="1">https://a.example/example.ext</url>
    <url priority="1">ftp://f.example/example.ext</url>
    <hash type="md5">d41d8cd98f00b204e9800998ecf8427e</hash>
    <hash type="sha-256">e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855</hash>
    <pieces length="1048576" type="sha-1">
      <hash>da39a3ee5e6b4b0d3255bfef95601890afd80709</hash>
    </pieces>
  </file>
</metalink>"#;

    #[test]
    fn a_document_gives_places_sums_and_a_safe_name() {
        assert!(looks_like(DOCUMENT.as_bytes()));
        let files = parse(DOCUMENT.as_bytes()).unwrap();
        let [file] = &files[..] else { panic!("one file") };
        assert_eq!(file.name.as_deref(), Some("example.ext"));
        assert_eq!(file.url.as_str(), "https://a.example/example.ext");
        assert_eq!(file.extras.mirrors[0].as_str(), "http://b.example/example.ext");
        assert_eq!(file.extras.mirrors.len(), 1);
        assert_eq!(file.extras.size, Some(1 << 20));
        assert_eq!(file.extras.checksum.as_ref().unwrap().algorithm(), Algorithm::Sha256);
        assert_eq!(file.extras.pieces.as_ref().unwrap().length, 1 << 20);
    }

    #[test]
    fn what_is_none_says_so() {
        let deep = format!("<metalink>{}{}</metalink>", "<a>".repeat(99), "</a>".repeat(99));
        let no_url = "<metalink><file name=\"x\"><url>ftp://h/x</url></file></metalink>";
        let table = [
            ("hello", "no Metalink 4"),
            ("<metalink></metalink>", "lists no file"),
            (deep.as_str(), "too deep"),
            (no_url, "no http or https address for `x`"),
        ];
        for (text, why) in table {
            let error = parse(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
