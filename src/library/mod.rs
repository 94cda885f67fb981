//! The library: what finished media is and what is in it. Everything that a file says is read by [`serve()`] in a process of its
//! own, with caps on memory and time, and asked for through [`Reader`]; the process that owns the engine never parses a tag.

mod asf;
mod asf_write;
mod avi;
mod avi_write;
mod bytes;
mod chunks;
mod cover;
#[cfg(test)]
mod fixtures;
mod format;
mod found;
mod kind;
mod matroska;
mod matroska_write;
mod movie;
mod mp4;
mod ogg;
mod raw;
pub mod read;
mod reader;
mod rewrite;
mod serve;
mod source;
mod tags;
pub mod tried;
pub mod walk;
mod wire;
mod write;

pub use reader::{Reader, Trouble};
pub use rewrite::{Rewriter, Room, Unwritten};
pub use serve::serve;
pub use source::Sum;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use file_format::FileFormat;

use crate::model::media::{FileFacts, KindFrom, MediaFacts};

/// Whether a finished file is worth a look for the library. Cheap: most downloads are no media.
pub fn may_be_media(path: &Path, media_type: Option<&str>) -> bool {
    let by_type = |media_type: &str| {
        let plain = media_type.trim().to_ascii_lowercase();
        plain.starts_with("audio/") || plain.starts_with("video/") || plain == "application/ogg"
    };
    let by_extension = |extension: &OsStr| extension.to_str().and_then(kind::of_extension).is_some();
    media_type.is_some_and(by_type)
        || path.extension().is_some_and(by_extension)
        || only_bytes_tell(path, media_type)
}

/// Whether neither name nor media type says what a file is: then [`begins_as_media`] does.
pub fn only_bytes_tell(path: &Path, media_type: Option<&str>) -> bool {
    const BYTES: [&str; 3] =
        ["application/octet-stream", "binary/octet-stream", "application/force-download"];
    has_no_word(path) && media_type.is_none_or(|media_type| BYTES.contains(&media_type))
}

/// Whether a name has no extension, or one that says nothing.
pub fn has_no_word(path: &Path) -> bool {
    path.extension().is_none_or(|extension| extension.to_str().is_some_and(kind::says_nothing))
}

/// The first bytes of a file that [`begins_as_media`] needs.
pub const HEAD: usize = 4096;

/// Whether a file that begins with these bytes may be media.
pub fn begins_as_media(head: &[u8]) -> bool {
    let format = FileFormat::from_bytes(head);
    // Containers of both: their streams say what they are.
    let is_container = matches!(
        format,
        FileFormat::ExtensibleBinaryMetaLanguage
            | FileFormat::AdvancedSystemsFormat
            | FileFormat::OggMultiplexedMedia
    );
    // What is behind a long tag isn't seen here.
    is_container || head.starts_with(b"ID3") || matches!(kind::of_format(format), Ok(Some(_)))
}

/// Whether a file begins as media does.
///
/// # Errors
/// It can't be read.
pub fn file_begins_as_media(path: &Path) -> std::io::Result<bool> {
    let head = source::Source::open(path)?.read_at(0, HEAD)?;
    Ok(begins_as_media(&head))
}

/// What can be said of a file without reading it: its kind by media type or name.
pub fn by_name(path: &Path, media_type: Option<&str>) -> MediaFacts {
    let by_type = media_type.and_then(kind::of_media_type).map(|kind| (kind, KindFrom::MediaType));
    let extension = path.extension().and_then(|extension| extension.to_str());
    let by_extension = extension.and_then(kind::of_extension).map(|kind| (kind, KindFrom::Extension));
    MediaFacts {
        kind: by_type.or(by_extension),
        file: look(path).unwrap_or_default(),
        ..MediaFacts::default()
    }
}

/// What the system knows of a regular file; none where there is none.
pub fn look(path: &Path) -> Option<FileFacts> {
    let found = std::fs::symlink_metadata(path).ok()?;
    found.is_file().then(|| source::facts_of(&found))
}

/// Whether there is no regular file at a path: one that can't be looked at may be there.
pub fn is_gone(path: &Path) -> bool {
    match std::fs::symlink_metadata(path) {
        Ok(found) => !found.is_file(),
        Err(error) => {
            matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
        }
    }
}

/// The one way to a file, whatever links lead to its folder; as it is where the folder can't be looked into.
pub fn true_path(path: &Path) -> PathBuf {
    let real = path.parent().and_then(|folder| folder.canonicalize().ok());
    match (real, path.file_name()) {
        (Some(real), Some(name)) => real.join(name),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::media::MediaKind;

    #[test]
    fn most_downloads_are_not_looked_at() {
        let table = [
            ("a.iso", None, false),
            ("a.mp3", None, true),
            ("a.MKV", Some("application/octet-stream"), true),
            ("a.php", Some("audio/mpeg"), true),
            ("stream", Some("application/octet-stream"), true),
            ("Makefile", Some("text/plain"), false),
            ("get.php", Some("application/octet-stream"), true),
            ("film.BIN", None, true),
            ("get.php", Some("text/html"), false),
        ];
        for (name, media_type, is) in table {
            assert_eq!(may_be_media(Path::new(name), media_type), is, "{name}");
        }
    }

    #[test]
    fn the_first_bytes_tell_whether_a_file_may_be_media() {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/media");
        let mut seen = 0;
        for entry in std::fs::read_dir(fixtures).unwrap().flatten() {
            let path = entry.path();
            if path.extension().and_then(OsStr::to_str).and_then(kind::of_extension).is_some() {
                let bytes = std::fs::read(&path).unwrap();
                assert!(begins_as_media(&bytes[..bytes.len().min(HEAD)]), "{}", path.display());
                seen += 1;
            }
        }
        assert!(seen > 10, "only {seen} fixtures");
        assert!(begins_as_media(&[&b"ID3\x03\0\0\0\x7f\x7f\x7f"[..], &[0; HEAD - 10]].concat()));
        for other in [&b"PK\x03\x04 a zip archive"[..], b"#!/bin/sh", b"\x7fELF\x02\x01\x01", &[0; HEAD], b""]
        {
            assert!(!begins_as_media(other), "{other:?}");
        }
    }

    #[test]
    fn a_name_alone_gives_the_kind() {
        let kind = |name, media_type| by_name(Path::new(name), media_type).kind;
        assert_eq!(kind("/none/a.wmv", None), Some((MediaKind::Video, KindFrom::Extension)));
        assert_eq!(kind("/none/a", Some("audio/mpeg")), Some((MediaKind::Music, KindFrom::MediaType)));
        assert_eq!(kind("/none/a.txt", None), None);
    }
}
