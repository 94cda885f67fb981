//! Music, video or other: told by the class that the shop wrote, then by streams, first bytes, media type and extension.

use file_format::{FileFormat, Kind};
use uuid::{Uuid, uuid};

use crate::model::media::{KindFrom, MediaKind};

/// What a container holds, as far as its reader saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Streams {
    pub(super) audio: bool,
    pub(super) video: bool,
}

/// The classes of `WM/MediaClassPrimaryID`: music, video, other audio, other.
const CLASSES: [(Uuid, MediaKind); 4] = [
    (uuid!("D1607DBC-E323-4BE2-86A1-48A42A28441E"), MediaKind::Music),
    (uuid!("DB9830BD-3AB3-4FAB-8A37-1A995F7FF74B"), MediaKind::Video),
    (uuid!("01CD0F29-DA4E-4157-897B-6275D50C4F11"), MediaKind::Other),
    (uuid!("FCF24A76-9A57-4036-990D-E35DD8B244E1"), MediaKind::Other),
];

/// The kind of a class as files write GUIDs, the first three parts little-endian; none where the class is unknown.
pub(super) fn of_class(guid: &[u8]) -> Option<MediaKind> {
    known(Uuid::from_slice_le(guid).ok()?)
}

/// The kind of a class written as text, with or without braces.
pub(super) fn of_class_text(text: &str) -> Option<MediaKind> {
    known(text.trim().parse().ok()?)
}

fn known(class: Uuid) -> Option<MediaKind> {
    CLASSES.iter().find(|(known, _)| *known == class).map(|(_, kind)| *kind)
}

/// The kind of what a container holds; none where its reader saw nothing.
pub(super) fn of_streams(streams: Streams) -> Option<MediaKind> {
    match streams {
        Streams { video: true, .. } => Some(MediaKind::Video),
        Streams { audio: true, .. } => Some(MediaKind::Music),
        _ => None,
    }
}

/// The kind of a format: `Ok(None)` where the bytes say nothing for sure, an error where they say that it is no media.
pub(super) fn of_format(format: FileFormat) -> Result<Option<MediaKind>, ()> {
    match format {
        FileFormat::ArbitraryBinaryData | FileFormat::Empty => Ok(None),
        // A tag and then something that isn't known: the tag is of music.
        FileFormat::Id3v2 => Ok(Some(MediaKind::Music)),
        _ => match format.kind() {
            Kind::Audio => Ok(Some(MediaKind::Music)),
            Kind::Video => Ok(Some(MediaKind::Video)),
            _ => Err(()),
        },
    }
}

/// The kind of a media type, without parameters.
pub(super) fn of_media_type(media_type: &str) -> Option<MediaKind> {
    let (class, rest) = media_type.trim().split_once('/')?;
    if class.eq_ignore_ascii_case("video") {
        Some(MediaKind::Video)
    } else if class.eq_ignore_ascii_case("audio") && !rest.contains("mpegurl") && !rest.contains("scpls") {
        Some(MediaKind::Music)
    } else {
        None
    }
}

/// Extensions that say nothing of what is in a file: those of programs that sent it, and of bytes as such.
pub(super) fn says_nothing(extension: &str) -> bool {
    const NOTHING: [&str; 14] = [
        "asp", "aspx", "bin", "cgi", "dat", "data", "do", "download", "file", "jsp", "php", "php3", "tmp",
        "unknown",
    ];
    NOTHING.iter().any(|one| extension.eq_ignore_ascii_case(one))
}

/// The kind of a name's extension.
pub(super) fn of_extension(extension: &str) -> Option<MediaKind> {
    const MUSIC: [&str; 27] = [
        "aac", "ac3", "aif", "aifc", "aiff", "ape", "dsf", "flac", "m4a", "m4b", "m4p", "m4r", "mka", "mp2",
        "mp3", "mpc", "oga", "ogg", "opus", "spx", "tta", "wav", "wave", "weba", "wma", "wv", "dts",
    ];
    const VIDEO: [&str; 24] = [
        "3g2", "3gp", "asf", "avi", "dvr-ms", "f4v", "flv", "m2ts", "m4v", "mk3d", "mkv", "mov", "mp4",
        "mpe", "mpeg", "mpg", "mts", "ogm", "ogv", "ogx", "ts", "vob", "webm", "wmv",
    ];
    let lower = extension.to_ascii_lowercase();
    if MUSIC.contains(&lower.as_str()) {
        Some(MediaKind::Music)
    } else {
        VIDEO.contains(&lower.as_str()).then_some(MediaKind::Video)
    }
}

/// What is said of a file's kind, from the most to the least trusted.
pub(super) struct Said<'a> {
    pub(super) class: Option<MediaKind>,
    pub(super) streams: Streams,
    pub(super) format: FileFormat,
    pub(super) media_type: Option<&'a str>,
    pub(super) extension: Option<&'a str>,
}

/// Decides; none where it is no media.
pub(super) fn decide(said: &Said<'_>) -> Option<(MediaKind, KindFrom)> {
    if let Some(kind) = said.class {
        return Some((kind, KindFrom::ClassId));
    }
    if let Some(kind) = of_streams(said.streams) {
        return Some((kind, KindFrom::Streams));
    }
    match of_format(said.format) {
        Ok(Some(kind)) => return Some((kind, KindFrom::Bytes)),
        Ok(None) => {}
        Err(()) => return None,
    }
    let by_type = said.media_type.and_then(of_media_type).map(|kind| (kind, KindFrom::MediaType));
    by_type.or_else(|| said.extension.and_then(of_extension).map(|kind| (kind, KindFrom::Extension)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_says_anything_decides() {
        let said = |class, audio, video, format, media_type, extension| {
            let streams = Streams { audio, video };
            decide(&Said { class, streams, format, media_type, extension })
        };
        let unknown = FileFormat::ArbitraryBinaryData;
        let table = [
            (
                said(Some(MediaKind::Other), true, true, FileFormat::Mpeg4Part14Video, None, None),
                Some((MediaKind::Other, KindFrom::ClassId)),
            ),
            (
                said(None, true, false, FileFormat::Webm, Some("video/webm"), Some("webm")),
                Some((MediaKind::Music, KindFrom::Streams)),
            ),
            (
                said(None, false, false, FileFormat::Mpeg12AudioLayer3, Some("video/mp4"), None),
                Some((MediaKind::Music, KindFrom::Bytes)),
            ),
            (
                said(None, false, false, unknown, Some("video/mp4"), Some("mp3")),
                Some((MediaKind::Video, KindFrom::MediaType)),
            ),
            (
                said(None, false, false, unknown, Some("application/octet-stream"), Some("MP3")),
                Some((MediaKind::Music, KindFrom::Extension)),
            ),
            (said(None, false, false, FileFormat::Zip, Some("audio/mpeg"), Some("mp3")), None),
            (said(None, false, false, FileFormat::PlainText, Some("audio/mpeg"), Some("mp3")), None),
            (said(None, false, false, unknown, None, Some("iso")), None),
            (said(None, false, false, unknown, Some("audio/x-mpegurl"), Some("m3u")), None),
        ];
        for (at, (is, should)) in table.into_iter().enumerate() {
            assert_eq!(is, should, "line {at}");
        }
    }

    #[test]
    fn classes_are_read_as_bytes_and_as_text() {
        let table = [
            ("D1607DBC-E323-4BE2-86A1-48A42A28441E", MediaKind::Music),
            ("{DB9830BD-3AB3-4FAB-8A37-1A995F7FF74B}", MediaKind::Video),
            ("01cd0f29-da4e-4157-897b-6275d50c4f11", MediaKind::Other),
            ("FCF24A76-9A57-4036-990D-E35DD8B244E1", MediaKind::Other),
        ];
        for (text, kind) in table {
            assert_eq!(of_class_text(text), Some(kind), "{text}");
        }
        assert_eq!(of_class_text("00000000-0000-0000-0000-000000000000"), None);
        assert_eq!(of_class_text("Music"), None);
    }
}
