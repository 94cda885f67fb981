//! What is known of a file, written into its tags where they lack it. To be called in the process that writes, on a copy: what it reads
//! may be hostile.

use std::borrow::Cow;
use std::fmt::Debug;
use std::fs::File;
use std::io::{BufReader, Seek as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use file_format::FileFormat;
use lofty::aac::AacFile;
use lofty::ape::{ApeFile, ApeItem, ApeTag};
use lofty::config::{GlobalOptions, ParseOptions, ParsingMode, WriteOptions, apply_global_options};
use lofty::file::AudioFile;
use lofty::flac::FlacFile;
use lofty::id3::v2::{Frame, FrameId, Id3v2Tag, Id3v2Version, PrivateFrame, TextInformationFrame};
use lofty::iff::aiff::AiffFile;
use lofty::iff::wav::WavFile;
use lofty::mp4::{Atom, AtomData, AtomIdent, Ilst, Mp4File};
use lofty::mpeg::MpegFile;
use lofty::musepack::MpcFile;
use lofty::ogg::tag::VorbisComments;
use lofty::ogg::{OggPictureStorage as _, OpusFile, SpeexFile, VorbisFile};
use lofty::tag::{Accessor, ItemValue};
use lofty::wavpack::WavPackFile;

use super::mp4;
use super::source::Source;
use super::tags::{MOST_ITEM, MP4, is_mp4};
use crate::model::media::{Field, Info, leading_number};

/// The name that shops use for who sold a file.
const DISTRIBUTOR: &str = "WM/ContentDistributor";

/// Writes values into a file's tags; what else is in them stays.
///
/// # Errors
/// Its format can't be written, or what is wrong with it: a sentence.
pub(super) fn write(path: &Path, set: &Info) -> Result<(), String> {
    apply_global_options(GlobalOptions::new().allocation_limit(MOST_ITEM));
    let mut file = File::options().read(true).write(true).open(path).map_err(|error| error.to_string())?;
    let format = FileFormat::from_reader(&mut file).map_err(|error| error.to_string())?;
    let attempt = AssertUnwindSafe(|| attempt(&mut file, format, set));
    // A file that lies may make lofty panic: then there is nothing to be written into it.
    catch_unwind(attempt).unwrap_or_else(|_| Err("its tags make no sense".into()))
}

/// How a file is read that is to be written: what lofty would leave out or put otherwise makes it fail, and the file stays.
fn exactly() -> ParseOptions {
    let mut options = ParseOptions::new();
    options = options.parsing_mode(ParsingMode::Strict);
    options.implicit_conversions(false)
}

/// Reads, changes and writes a file of one kind, and looks whether everything that was in it before still is. `$all` lists that.
macro_rules! through {
    ($file:ident, $kind:ty, $options:expr, $all:expr, |$tags:ident| $change:expr) => {{
        let read = |file: &mut File| {
            file.rewind().map_err(|error| error.to_string())?;
            <$kind>::read_from(&mut BufReader::new(file), exactly()).map_err(|error| error.to_string())
        };
        let mut $tags = read($file)?;
        let before: Vec<String> = $all(&$tags);
        let mut options = WriteOptions::new();
        options = $options(&$tags, options);
        $change;
        $file.rewind().map_err(|error| error.to_string())?;
        $tags.save_to($file, options).map_err(|error| error.to_string())?;
        same(before, $all(&read($file)?))
    }};
}

/// Whether all that was in a file's tags before still is.
fn same(before: Vec<String>, mut after: Vec<String>) -> Result<(), String> {
    for item in before {
        let Some(at) = after.iter().position(|now| *now == item) else {
            return Err("something else in its tags would not stay as it is".into());
        };
        after.swap_remove(at);
    }
    Ok(())
}

/// What a list of frames, items or atoms has, each in full.
fn each<T: Debug>(all: impl IntoIterator<Item = T>) -> impl Iterator<Item = String> {
    all.into_iter().map(|one| format!("{one:?}"))
}

/// What an `ID3v2` tag has, but for its date: the versions write that in frames of their own, and its value is compared by whoever
/// reads the file again.
fn of_id3v2(tag: Option<&Id3v2Tag>) -> impl Iterator<Item = String> {
    const DATES: [&str; 4] = ["TDRC", "TYER", "TDAT", "TIME"];
    each(tag.into_iter().flatten().filter(|frame| !DATES.contains(&frame.id().as_str())))
}

/// What the tags of MPEG audio have.
macro_rules! of_id3 {
    ($of:ident) => {
        of_id3v2($of.id3v2()).chain(each($of.id3v1()))
    };
}

/// What Vorbis comments have.
fn of_comments(comments: &VorbisComments) -> impl Iterator<Item = String> {
    each(comments.items()).chain(each(comments.pictures()))
}

fn attempt(file: &mut File, format: FileFormat, set: &Info) -> Result<(), String> {
    match format {
        FileFormat::Mpeg12AudioLayer3 | FileFormat::Mpeg12AudioLayer2 | FileFormat::Id3v2 => {
            let all =
                |of: &MpegFile| of_id3!(of).chain(each(of.ape().into_iter().flatten())).collect::<Vec<_>>();
            through!(file, MpegFile, |of: &MpegFile, options| as_it_was(of.id3v2(), options), all, |tags| {
                let tag = tags.id3v2().cloned().unwrap_or_default();
                tags.set_id3v2(with_id3v2(tag, set));
            })
        }
        FileFormat::AdvancedAudioCoding => {
            let all = |of: &AacFile| of_id3!(of).collect::<Vec<_>>();
            through!(file, AacFile, |of: &AacFile, options| as_it_was(of.id3v2(), options), all, |tags| {
                let tag = tags.id3v2().cloned().unwrap_or_default();
                tags.set_id3v2(with_id3v2(tag, set));
            })
        }
        FileFormat::AudioInterchangeFileFormat => {
            let all = |of: &AiffFile| of_id3v2(of.id3v2()).chain(each(of.text_chunks())).collect::<Vec<_>>();
            through!(file, AiffFile, |of: &AiffFile, options| as_it_was(of.id3v2(), options), all, |tags| {
                let tag = tags.id3v2().cloned().unwrap_or_default();
                tags.set_id3v2(with_id3v2(tag, set));
            })
        }
        FileFormat::WaveformAudio => {
            let all = |of: &WavFile| of_id3v2(of.id3v2()).chain(each(of.riff_info())).collect::<Vec<_>>();
            through!(file, WavFile, |of: &WavFile, options| as_it_was(of.id3v2(), options), all, |tags| {
                let tag = tags.id3v2().cloned().unwrap_or_default();
                tags.set_id3v2(with_id3v2(tag, set));
            })
        }
        FileFormat::FreeLosslessAudioCodec => {
            let all = |of: &FlacFile| {
                let comments = of.vorbis_comments().into_iter().flat_map(of_comments);
                comments.chain(each(of.pictures())).collect::<Vec<_>>()
            };
            through!(file, FlacFile, |_: &FlacFile, options| options, all, |tags| {
                let tag = tags.vorbis_comments().cloned().unwrap_or_default();
                tags.set_vorbis_comments(with_vorbis(tag, set));
            })
        }
        FileFormat::OggVorbis => {
            let all = |of: &VorbisFile| of_comments(of.vorbis_comments()).collect::<Vec<_>>();
            through!(file, VorbisFile, |_: &VorbisFile, options| options, all, |tags| {
                let tag = tags.vorbis_comments().clone();
                tags.set_vorbis_comments(with_vorbis(tag, set));
            })
        }
        FileFormat::OggOpus => {
            let all = |of: &OpusFile| of_comments(of.vorbis_comments()).collect::<Vec<_>>();
            through!(file, OpusFile, |_: &OpusFile, options| options, all, |tags| {
                let tag = tags.vorbis_comments().clone();
                tags.set_vorbis_comments(with_vorbis(tag, set));
            })
        }
        FileFormat::OggSpeex => {
            let all = |of: &SpeexFile| of_comments(of.vorbis_comments()).collect::<Vec<_>>();
            through!(file, SpeexFile, |_: &SpeexFile, options| options, all, |tags| {
                let tag = tags.vorbis_comments().clone();
                tags.set_vorbis_comments(with_vorbis(tag, set));
            })
        }
        FileFormat::MonkeysAudio => {
            let all =
                |of: &ApeFile| of_id3!(of).chain(each(of.ape().into_iter().flatten())).collect::<Vec<_>>();
            through!(file, ApeFile, |_: &ApeFile, options| options, all, |tags| {
                let tag = tags.ape().cloned().unwrap_or_default();
                tags.set_ape(with_ape(tag, set)?);
            })
        }
        FileFormat::Musepack => {
            let all =
                |of: &MpcFile| of_id3!(of).chain(each(of.ape().into_iter().flatten())).collect::<Vec<_>>();
            through!(file, MpcFile, |_: &MpcFile, options| options, all, |tags| {
                let tag = tags.ape().cloned().unwrap_or_default();
                tags.set_ape(with_ape(tag, set)?);
            })
        }
        FileFormat::Wavpack => {
            let all = |of: &WavPackFile| {
                each(of.ape().into_iter().flatten()).chain(each(of.id3v1())).collect::<Vec<_>>()
            };
            through!(file, WavPackFile, |_: &WavPackFile, options| options, all, |tags| {
                let tag = tags.ape().cloned().unwrap_or_default();
                tags.set_ape(with_ape(tag, set)?);
            })
        }
        format if is_mp4(format) => {
            // Its fragments say where their bytes are from the file's beginning, and that moves.
            let is_in_fragments = file
                .try_clone()
                .and_then(Source::of)
                .and_then(|mut source| mp4::is_in_fragments(&mut source))
                .map_err(|error| error.to_string())?;
            if is_in_fragments {
                return Err("tags of MP4 in fragments can't be written".into());
            }
            let all = |of: &Mp4File| each(of.ilst().into_iter().flatten()).collect::<Vec<_>>();
            through!(file, Mp4File, |_: &Mp4File, options| options, all, |tags| {
                let tag = tags.ilst().cloned().unwrap_or_default();
                tags.set_ilst(with_ilst(tag, set));
            })
        }
        other => Err(cannot(other.name())),
    }
}

fn cannot(format: &str) -> String {
    format!("tags of {format} can't be written")
}

/// Whether tags of a format can be written, as it is called in what was read of a file.
///
/// # Errors
/// They can't: a sentence.
pub(super) fn can_write(format: &str) -> Result<(), String> {
    const WRITTEN: [FileFormat; 13] = [
        FileFormat::Mpeg12AudioLayer3,
        FileFormat::Mpeg12AudioLayer2,
        FileFormat::Id3v2,
        FileFormat::AdvancedAudioCoding,
        FileFormat::AudioInterchangeFileFormat,
        FileFormat::WaveformAudio,
        FileFormat::FreeLosslessAudioCodec,
        FileFormat::OggVorbis,
        FileFormat::OggOpus,
        FileFormat::OggSpeex,
        FileFormat::MonkeysAudio,
        FileFormat::Musepack,
        FileFormat::Wavpack,
    ];
    let mut written = WRITTEN.iter().chain(&MP4);
    if written.any(|one| one.name() == format) { Ok(()) } else { Err(cannot(format)) }
}

/// A tag of the older version stays one: players that know no other go on reading it.
fn as_it_was(tag: Option<&Id3v2Tag>, mut options: WriteOptions) -> WriteOptions {
    let is_old = tag.is_some_and(|tag| tag.original_version() != Id3v2Version::V4);
    options.use_id3v23(is_old)
}

/// Sets what every kind of tag has in its own way. Returns what is left.
fn common(tag: &mut impl Accessor, set: &Info) -> Vec<(Field, String)> {
    let mut left = Vec::new();
    for (field, text) in set {
        let number = leading_number(text);
        match (field, number) {
            (Field::Title, _) => tag.set_title(text.clone()),
            (Field::Artist, _) => tag.set_artist(text.clone()),
            (Field::Album, _) => tag.set_album(text.clone()),
            (Field::Genre, _) => tag.set_genre(text.clone()),
            (Field::Track, Some(number)) => tag.set_track(number),
            (Field::Disc, Some(number)) => tag.set_disk(number),
            (Field::AlbumArtist | Field::Date | Field::Distributor | Field::Provider, _) => {
                left.push((*field, text.clone()));
            }
            _ => {}
        }
    }
    left
}

/// Which values there is a place for in tags.
pub(super) fn can_hold(field: Field) -> bool {
    // A rating's scale is everybody's own, and the length is in the streams.
    !matches!(field, Field::Rating | Field::Duration)
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

fn with_id3v2(mut tag: Id3v2Tag, set: &Info) -> Id3v2Tag {
    let text = |id: &'static str, value: String| {
        let id = FrameId::Valid(Cow::Borrowed(id));
        Frame::Text(TextInformationFrame::new(id, lofty::TextEncoding::UTF16, value))
    };
    for (field, value) in common(&mut tag, set) {
        let frame = match field {
            Field::AlbumArtist => text("TPE2", value),
            Field::Date => {
                if let Ok(date) = value.parse() {
                    tag.set_date(date);
                }
                continue;
            }
            Field::Provider => Frame::Private(PrivateFrame::new("WM/Provider", utf16(&value))),
            _ => Frame::Private(PrivateFrame::new(DISTRIBUTOR, utf16(&value))),
        };
        drop(tag.insert(frame));
    }
    tag
}

fn with_vorbis(mut tag: VorbisComments, set: &Info) -> VorbisComments {
    for (field, value) in common(&mut tag, set) {
        let name = match field {
            Field::AlbumArtist => "ALBUMARTIST",
            Field::Date => "DATE",
            Field::Provider => "PROVIDER",
            _ => "CONTENTDISTRIBUTOR",
        };
        tag.insert(name.into(), value);
    }
    tag
}

fn with_ape(mut tag: ApeTag, set: &Info) -> Result<ApeTag, String> {
    for (field, value) in common(&mut tag, set) {
        let name = match field {
            Field::AlbumArtist => "Album Artist",
            Field::Date => "Year",
            Field::Provider => "Provider",
            _ => "ContentDistributor",
        };
        let item = ApeItem::new(name.into(), ItemValue::Text(value)).map_err(|error| error.to_string())?;
        tag.insert(item);
    }
    Ok(tag)
}

fn with_ilst(mut tag: Ilst, set: &Info) -> Ilst {
    for (field, value) in common(&mut tag, set) {
        let freeform = |name: &'static str| AtomIdent::Freeform {
            mean: Cow::Borrowed("com.apple.iTunes"),
            name: Cow::Borrowed(name),
        };
        let ident = match field {
            Field::AlbumArtist => AtomIdent::Fourcc(*b"aART"),
            Field::Date => AtomIdent::Fourcc(*b"\xa9day"),
            Field::Provider => freeform("WM/Provider"),
            _ => freeform(DISTRIBUTOR),
        };
        tag.replace_atom(Atom::new(ident, AtomData::UTF8(value)));
    }
    tag
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::read::read;
    use super::*;

    fn fixture(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/media").join(name)
    }

    fn all() -> Info {
        [
            (Field::Distributor, "Proseware ☂"),
            (Field::Title, "Neu"),
            (Field::Artist, "Wer"),
            (Field::AlbumArtist, "Alle"),
            (Field::Album, "Platte"),
            (Field::Track, "7/9"),
            (Field::Disc, "2"),
            (Field::Genre, "Jazz"),
            (Field::Date, "2011"),
            (Field::Provider, "Wingtip"),
        ]
        .map(|(field, text)| (field, text.to_owned()))
        .into()
    }

    /// The bytes of sound and pictures of a file, as they stand in it.
    fn streams(bytes: &[u8], name: &str) -> Vec<u8> {
        let be = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        let le = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        match name.rsplit('.').next().unwrap() {
            "mp3" => {
                let digits = bytes[6..10].iter().fold(0, |size, byte| size << 7 | usize::from(*byte));
                bytes[10 + digits..].iter().copied().skip_while(|byte| *byte == 0).collect()
            }
            "flac" => {
                let mut at = 4;
                loop {
                    let is_last = bytes[at] & 0x80 != 0;
                    at += 4 + (be(at) & 0xff_ffff);
                    if is_last {
                        return bytes[at..].to_vec();
                    }
                }
            }
            // Pages are numbered and summed anew; what is in those that hold sound is not.
            "ogg" | "opus" => {
                let (mut at, mut sound) = (0, Vec::new());
                while at < bytes.len() {
                    let count = usize::from(bytes[at + 26]);
                    let lengths = &bytes[at + 27..at + 27 + count];
                    let size: usize = lengths.iter().map(|length| usize::from(*length)).sum();
                    let begin = at + 27 + count;
                    if bytes[at + 6..at + 14] != [0; 8] {
                        sound.extend_from_slice(&bytes[begin..begin + size]);
                    }
                    at = begin + size;
                }
                sound
            }
            "wav" | "aiff" => {
                let mut at = 12;
                loop {
                    let (id, size) =
                        (&bytes[at..at + 4], if name.ends_with("wav") { le(at + 4) } else { be(at + 4) });
                    if id == b"data" || id == b"SSND" {
                        return bytes[at + 8..at + 8 + size].to_vec();
                    }
                    at += 8 + size + size % 2;
                }
            }
            "m4a" | "mp4" => {
                let mut at = 0;
                loop {
                    if &bytes[at + 4..at + 8] == b"mdat" {
                        return bytes[at + 8..at + be(at)].to_vec();
                    }
                    at += be(at);
                }
            }
            "ape" => {
                let end = bytes.windows(8).position(|eight| eight == b"APETAGEX").unwrap();
                bytes[..end].to_vec()
            }
            other => panic!("{other}"),
        }
    }

    /// Takes every tag out of a file.
    fn bare(path: &Path) {
        use lofty::file::TaggedFileExt as _;
        let kinds: Vec<_> =
            lofty::read_from_path(path).unwrap().tags().iter().map(lofty::tag::Tag::tag_type).collect();
        for kind in kinds {
            kind.remove_from_path(path, WriteOptions::new()).unwrap();
        }
    }

    #[test]
    fn every_format_takes_values_and_keeps_what_sounds() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "id3v23.mp3",
            "id3v24.mp3",
            "plain.flac",
            "vorbis.ogg",
            "sound.opus",
            "freeform.m4a",
            "xtra.mp4",
            "id3.wav",
            "id3.aiff",
            "tagged.ape",
        ] {
            let copy = folder.path().join(name);
            std::fs::copy(fixture(name), &copy).unwrap();
            bare(&copy);
            let before = read(&copy, None).unwrap();
            let lacking: Info =
                all().into_iter().filter(|(field, _)| !before.info.contains_key(field)).collect();
            assert!(lacking.len() >= 9, "{name}: {:?}", before.info);
            write(&copy, &lacking).unwrap_or_else(|why| panic!("{name}: {why}"));
            let after = read(&copy, None).unwrap();
            for (field, text) in lacking {
                let now = after.info.get(&field).map_or("", String::as_str);
                let is_number = matches!(field, Field::Track | Field::Disc);
                let is = if is_number { leading_number(now) == leading_number(&text) } else { now == text };
                assert!(is, "{name}: {} is {now:?}", field.word());
            }
            let length = |facts: &crate::model::media::MediaFacts| facts.info.get(&Field::Duration).cloned();
            assert_eq!(
                (&after.format, after.frame, after.has_cover, length(&after)),
                (&before.format, before.frame, before.has_cover, length(&before)),
                "{name}"
            );
            let bytes = |path: &Path| std::fs::read(path).unwrap();
            assert_eq!(streams(&bytes(&copy), name), streams(&bytes(&fixture(name)), name), "{name}");
        }
    }

    #[test]
    fn what_a_tag_held_beside_stays() {
        let folder = tempfile::tempdir().unwrap();
        for (name, what) in [
            ("id3v23.mp3", &b"WM/Provider"[..]),
            ("xtra.mp4", b"Xtra"),
            ("plain.flac", b"CONTENTDISTRIBUTOR=Tailspin Records"),
        ] {
            let copy = folder.path().join(name);
            let mut bytes = std::fs::read(fixture(name)).unwrap();
            // It has everything: its genre becomes who encoded it.
            if let Some(at) =
                bytes.windows(4).position(|four| four == b"TCON").filter(|_| name == "id3v23.mp3")
            {
                bytes[at..at + 4].copy_from_slice(b"TENC");
            }
            std::fs::write(&copy, bytes).unwrap();
            let has = |path: &Path| std::fs::read(path).unwrap().windows(what.len()).any(|part| part == what);
            let before = has(&copy);
            let known = read(&copy, None).unwrap().info;
            let lacks = [
                Field::Disc,
                Field::Genre,
                Field::Provider,
                Field::Date,
                Field::AlbumArtist,
                Field::Artist,
                Field::Track,
            ];
            let lacking = *lacks.iter().find(|field| !known.contains_key(field)).unwrap();
            let text = match lacking {
                Field::Disc | Field::Track => "2",
                Field::Date => "2011",
                _ => "Wingtip",
            };
            write(&copy, &[(lacking, text.to_owned())].into()).unwrap();
            assert_eq!(has(&copy), before, "{name}");
            let after = read(&copy, None).unwrap().info;
            assert_eq!(after[&lacking], text, "{name}");
            assert!(known.iter().all(|(field, text)| after.get(field) == Some(text)), "{name}: {after:?}");
        }
        // Players that know only the older version go on reading it.
        assert_eq!(std::fs::read(folder.path().join("id3v23.mp3")).unwrap()[3], 3);
    }

    #[test]
    fn what_can_not_be_written_is_left_alone_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        for (name, told) in [
            ("film.wmv", "Windows Media Video can't be written"),
            ("film.mkv", "Matroska Video can't be written"),
            ("film.avi", "can't be written"),
            ("cover.png", "can't be written"),
        ] {
            let copy = folder.path().join(name);
            std::fs::copy(fixture(name), &copy).unwrap();
            let why = write(&copy, &all()).unwrap_err();
            assert!(why.contains(told), "{name}: {why}");
            assert_eq!(std::fs::read(&copy).unwrap(), std::fs::read(fixture(name)).unwrap());
        }
    }

    #[test]
    fn what_lofty_would_not_keep_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        // Vorbis comments of a FLAC file, put in by hand: in the place of a comment of the same length.
        let put = |name: &str, from: &[u8], to: &[u8]| {
            assert_eq!(from.len(), to.len());
            let copy = folder.path().join(name);
            let mut bytes = std::fs::read(fixture("plain.flac")).unwrap();
            let at = bytes.windows(from.len()).position(|part| part == from).unwrap();
            bytes[at..at + from.len()].copy_from_slice(to);
            std::fs::write(&copy, bytes).unwrap();
            copy
        };
        let artist = b"CONTENTDISTRIBUTOR=Tailspin Records";
        let number = put("number.flac", artist, b"TRACKNUMBER=03/12                  ");
        write(&number, &[(Field::Provider, "Wingtip".to_owned())].into()).unwrap();
        let has = |path: &Path, what: &[u8]| {
            std::fs::read(path).unwrap().windows(what.len()).any(|part| part == what)
        };
        assert!(has(&number, b"TRACKNUMBER=03/12   "), "it stays as it was written");
        let broken = put("broken.flac", artist, b"CONTENTDISTRIBUTOR=Tailsp\xff\xfe Records");
        let before = std::fs::read(&broken).unwrap();
        let written = write(&broken, &[(Field::Provider, "Wingtip".to_owned())].into());
        assert!(written.is_err() || has(&broken, b"Tailsp\xff\xfe Records"));
        assert!(written.is_err() || std::fs::read(&broken).unwrap() != before);
    }

    #[test]
    fn a_film_in_fragments_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("fragments.mp4");
        let mut bytes = std::fs::read(fixture("xtra.mp4")).unwrap();
        bytes.extend(b"\0\0\0\x10moof\0\0\0\x08mfhd");
        std::fs::write(&copy, &bytes).unwrap();
        let why = write(&copy, &all()).unwrap_err();
        assert!(why.contains("fragments"), "{why}");
        assert_eq!(std::fs::read(&copy).unwrap(), bytes);
    }

    #[test]
    fn files_that_lie_are_survived() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["id3v23.mp3", "plain.flac", "vorbis.ogg", "freeform.m4a", "id3.wav", "tagged.ape"] {
            let whole = std::fs::read(fixture(name)).unwrap();
            let copy = folder.path().join(name);
            for at in (0..whole.len().min(700)).step_by(13) {
                let mut bytes = whole.clone();
                let end = (at + 4).min(bytes.len());
                bytes[at..end].fill(0xff);
                std::fs::write(&copy, &bytes).unwrap();
                // Whether it can be written is the file's own affair; nothing panics, and nothing grows without end.
                let _ = write(&copy, &all());
                assert!(std::fs::metadata(&copy).unwrap().len() < 1 << 20, "{name} at {at}");
            }
        }
    }
}
