//! One file, read: what it is and what is in it. To be called in the helper process: what it reads may be hostile.

use std::io::{self, Seek as _};
use std::path::Path;

use file_format::FileFormat;

use super::found::Found;
use super::kind::{self, Said};
use super::source::Source;
use super::{asf, avi, format, matroska, mp4, ogg, tags};
use crate::model::media::MediaFacts;

/// Bytes of each sample that goes into a file's print.
const SAMPLE: usize = 64 << 10;
/// Bytes from the start of an Ogg or AVI file in which its streams introduce themselves.
const HEAD: usize = 64 << 10;

/// Reads a file. Tags that make no sense are no error: what was found until then counts.
///
/// # Errors
/// It can't be opened, or is no regular file.
pub fn read(path: &Path, media_type: Option<&str>) -> io::Result<MediaFacts> {
    let mut source = Source::open(path)?;
    let mut found = Found::default();
    let format = look(&mut source, &mut found)?;
    let extension = path.extension().and_then(|extension| extension.to_str());
    let kind =
        kind::decide(&Said { class: found.class, streams: found.streams, format, media_type, extension });
    Ok(MediaFacts {
        file: source.facts(),
        kind,
        format: format.name().to_owned(),
        info: found.info,
        distributor_in: found.distributor_in,
        bitrate: found.bitrate,
        frame: found.frame,
        has_cover: found.has_cover,
        print: print(&source)?,
    })
}

/// Takes the cover out of a file, as it is in there.
///
/// # Errors
/// It can't be opened, or is no regular file.
pub(super) fn cover(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut source = Source::open(path)?;
    let mut found = Found { wants_cover: true, ..Found::default() };
    look(&mut source, &mut found)?;
    Ok(found.cover)
}

fn look(source: &mut Source, found: &mut Found) -> io::Result<FileFormat> {
    let head = source.read_at(0, HEAD)?;
    source.rewind()?;
    // Its readers look further into a file for what it is than we want to spend on it; then the first bytes must do.
    let format = format::of(source).unwrap_or_else(|_| FileFormat::from_bytes(&head));
    // Whatever goes wrong in a reader, what it found until then counts.
    match format {
        FileFormat::AdvancedSystemsFormat
        | FileFormat::WindowsMediaAudio
        | FileFormat::WindowsMediaVideo
        | FileFormat::MicrosoftDigitalVideoRecording => drop(asf::read(source, found)),
        FileFormat::MatroskaVideo
        | FileFormat::MatroskaAudio
        | FileFormat::Matroska3dVideo
        | FileFormat::MatroskaSubtitles
        | FileFormat::ExtensibleBinaryMetaLanguage
        | FileFormat::Webm => drop(matroska::read(source, found)),
        FileFormat::AudioVideoInterleave => drop(avi::read(source, found)),
        _ => {
            if head.starts_with(b"OggS") {
                drop(ogg::read(source, &head, found));
            }
            tags::read(source, format, found);
            if tags::is_mp4(format) {
                drop(mp4::read(source, found));
            }
        }
    }
    Ok(format)
}

/// A sum over the size, the start, the middle and the end: two files whose prints differ are different.
fn print(source: &Source) -> io::Result<String> {
    let size = source.len();
    let mut sum = blake3::Hasher::new();
    sum.update(&size.to_le_bytes());
    for at in [0, size / 2, size.saturating_sub(SAMPLE as u64)] {
        sum.update(&source.sample(at, SAMPLE)?);
    }
    Ok(data_encoding::HEXLOWER.encode(&sum.finalize().as_bytes()[..16]))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt as _;
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::model::media::{Field, KindFrom, MediaKind};

    fn fixtures() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/media")
    }

    fn facts(name: &str) -> MediaFacts {
        read(&fixtures().join(name), None).unwrap()
    }

    const SHOP: &str = "Tailspin Records";

    #[test]
    fn distributor_and_kind_are_right_in_every_container() {
        use KindFrom::{Bytes, ClassId, Streams};
        use MediaKind::{Music, Other, Video};
        let table = [
            ("id3v23.mp3", "ID3v2 PRIV WM/ContentDistributor", (Other, ClassId)),
            ("id3v24.mp3", "ID3v2 TXXX WM/ContentDistributor", (Music, Bytes)),
            ("plain.flac", "Vorbis comment CONTENTDISTRIBUTOR", (Music, Bytes)),
            ("vorbis.ogg", "Vorbis comment WM/ContentDistributor", (Music, Streams)),
            ("sound.opus", "Vorbis comment WM/ContentDistributor", (Music, Streams)),
            ("freeform.m4a", "MP4 freeform atom WM/ContentDistributor", (Music, Streams)),
            ("xtra.mp4", "MP4 Xtra, WM/ContentDistributor", (Video, ClassId)),
            ("sound.wma", "ASF Extended Content Description, WM/ContentDistributor", (Music, Streams)),
            ("film.wmv", "ASF Extended Content Description, WM/ContentDistributor", (Video, ClassId)),
            ("id3.wav", "ID3v2 PRIV WM/ContentDistributor", (Music, Bytes)),
            ("id3.aiff", "ID3v2 PRIV WM/ContentDistributor", (Music, Bytes)),
            ("film.mkv", "Matroska tag WM/CONTENTDISTRIBUTOR", (Video, Streams)),
            ("sound.webm", "Matroska tag WM/CONTENTDISTRIBUTOR", (Music, Streams)),
            ("tagged.ape", "APE ContentDistributor", (Music, Bytes)),
        ];
        for (name, place, kind) in table {
            let facts = facts(name);
            assert_eq!(facts.info.get(&Field::Distributor).map(String::as_str), Some(SHOP), "{name}");
            assert_eq!(facts.distributor_in.as_deref(), Some(place), "{name}");
            assert_eq!(facts.kind, Some(kind), "{name}");
            assert_eq!(facts.info.get(&Field::Title).map(String::as_str), Some("Delta"), "{name}");
        }
    }

    #[test]
    fn what_players_show_is_read_from_every_container() {
        let full = [
            "id3v23.mp3",
            "id3v24.mp3",
            "plain.flac",
            "vorbis.ogg",
            "sound.opus",
            "freeform.m4a",
            "xtra.mp4",
            "sound.wma",
            "film.wmv",
            "film.mkv",
            "sound.webm",
        ];
        for name in full {
            let facts = facts(name);
            let said = |field| facts.info.get(&field).map_or("", String::as_str);
            assert_eq!(
                [said(Field::Artist), said(Field::Album), said(Field::AlbumArtist), said(Field::Genre)],
                ["Tailspin", "The Album", "Tailspin Crew", "Ambient"],
                "{name}"
            );
            assert_eq!(crate::model::media::leading_number(said(Field::Track)), Some(3), "{name}");
            assert!(said(Field::Date).starts_with("2006"), "{name}: {:?}", said(Field::Date));
            let millis: u64 = said(Field::Duration).parse().unwrap();
            assert!((900..1400).contains(&millis), "{name}: {millis} ms");
        }
        assert_eq!(facts("id3v23.mp3").info[&Field::Provider], "AMG");
        assert_eq!(facts("sound.wma").info[&Field::Provider], "AMG");
        for name in ["xtra.mp4", "film.wmv", "film.mkv", "film.ogv", "film.avi"] {
            let facts = facts(name);
            assert_eq!(facts.frame, Some((32, 24)), "{name}");
            let millis: u64 = facts.info[&Field::Duration].parse().unwrap();
            assert!((900..1400).contains(&millis), "{name}: {millis} ms");
        }
    }

    #[test]
    fn containers_of_sound_and_film_are_told_apart_by_their_streams() {
        let table = [
            ("film.ogv", MediaKind::Video),
            ("film.avi", MediaKind::Video),
            ("silent.mp4", MediaKind::Video),
            ("vorbis.ogg", MediaKind::Music),
        ];
        for (name, kind) in table {
            assert_eq!(facts(name).kind, Some((kind, KindFrom::Streams)), "{name}");
        }
        // Named as something else, they stay what they are.
        let folder = tempfile::tempdir().unwrap();
        let lie = folder.path().join("film.mp4");
        std::fs::copy(fixtures().join("sound.webm"), &lie).unwrap();
        assert_eq!(read(&lie, Some("video/mp4")).unwrap().kind, Some((MediaKind::Music, KindFrom::Streams)));
        assert_eq!(facts("cover.png").kind, None);
        assert_eq!(facts("make").kind, None);
    }

    #[test]
    fn covers_come_out_as_they_went_in() {
        let picture = std::fs::read(fixtures().join("cover.png")).unwrap();
        for name in ["id3v23.mp3", "plain.flac", "freeform.m4a", "film.mkv"] {
            assert!(facts(name).has_cover, "{name}");
            assert_eq!(cover(&fixtures().join(name)).unwrap().as_ref(), Some(&picture), "{name}");
        }
        assert!(!facts("sound.opus").has_cover);
        assert_eq!(cover(&fixtures().join("sound.opus")).unwrap(), None);
    }

    #[test]
    fn equal_files_have_equal_prints_and_others_have_not() {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("copy.opus");
        std::fs::copy(fixtures().join("sound.opus"), &copy).unwrap();
        assert_eq!(read(&copy, None).unwrap().print, facts("sound.opus").print);
        assert_ne!(facts("sound.webm").print, facts("sound.opus").print);
        assert_eq!(facts("sound.opus").print.len(), 32);
    }

    /// Does something to each fixture, one on each processor.
    fn with_each(work: impl Fn(&Path, &[u8]) + Sync) {
        let paths: Vec<_> =
            std::fs::read_dir(fixtures()).unwrap().map(|entry| entry.unwrap().path()).collect();
        let (folder, next) = (tempfile::tempdir().unwrap(), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
                scope.spawn(|| {
                    while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let whole = std::fs::read(path).unwrap();
                        work(&folder.path().join(path.file_name().unwrap()), &whole);
                    }
                });
            }
        });
    }

    /// A fixture cut at each byte; a larger one at its start, its end and in between: nothing panics.
    #[test]
    fn files_that_end_anywhere_are_survived() {
        with_each(|cut, whole| {
            std::fs::write(cut, whole).unwrap();
            let file = std::fs::File::options().write(true).open(cut).unwrap();
            let is_small = whole.len() < 10_000;
            let near = |end: usize| end < 300 || end + 120 > whole.len() || end.is_multiple_of(89);
            for end in (0..whole.len()).rev().filter(|end| is_small || near(*end)) {
                file.set_len(end as u64).unwrap();
                read(cut, None).unwrap();
            }
        });
    }

    /// Every field of a fixture that may be a length lies in turn, as large and as small as it can.
    #[test]
    fn files_whose_lengths_lie_are_survived() {
        with_each(|lying, whole| {
            std::fs::write(lying, whole).unwrap();
            let file = std::fs::File::options().write(true).open(lying).unwrap();
            for at in (0..whole.len().min(900)).chain(whole.len().saturating_sub(400).max(900)..whole.len()) {
                let field = &whole[at..(at + 4).min(whole.len())];
                for lie in [0xff, 0x7f, 0] {
                    file.write_all_at(&[lie; 4][..field.len()], at as u64).unwrap();
                    let facts = read(lying, None).unwrap();
                    assert!(facts.info.values().all(|text| text.len() <= crate::model::media::MOST_TEXT));
                }
                file.write_all_at(field, at as u64).unwrap();
            }
        });
    }
}
