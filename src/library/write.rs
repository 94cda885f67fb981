//! What is known of a file, written into its tags where they lack it. To be called in the process that writes, on a copy: what it reads
//! may be hostile.

use std::borrow::Cow;
use std::fmt::Debug;
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use file_format::FileFormat;
use lofty::aac::AacFile;
use lofty::ape::{ApeFile, ApeItem, ApeTag};
use lofty::config::{GlobalOptions, ParseOptions, ParsingMode, WriteOptions, apply_global_options};
use lofty::file::AudioFile;
use lofty::flac::FlacFile;
use lofty::id3::v2::{
    ExtendedTextFrame, Frame, FrameId, Id3v2Tag, Id3v2Version, PrivateFrame, TextInformationFrame,
    TimestampFrame,
};
use lofty::iff::aiff::AiffFile;
use lofty::iff::wav::WavFile;
use lofty::mp4::{Atom, AtomData, AtomIdent, Ilst, Mp4File};
use lofty::mpeg::MpegFile;
use lofty::musepack::MpcFile;
use lofty::ogg::tag::VorbisComments;
use lofty::ogg::{OggPictureStorage as _, OpusFile, SpeexFile, VorbisFile};
use lofty::tag::{Accessor, ItemValue};
use lofty::wavpack::WavPackFile;

use super::raw;
use super::source::Source;
use super::tags::{MOST_ITEM, MP4, is_mp4};
use super::{asf_write, avi_write, chunks, format, matroska_write, movie, mp4};
use crate::model::media::{Field, Info, leading_number};

/// What Windows Media calls its one container.
const ASF: [FileFormat; 3] =
    [FileFormat::AdvancedSystemsFormat, FileFormat::WindowsMediaAudio, FileFormat::WindowsMediaVideo];
/// What Matroska is called, by what is in it.
const MATROSKA: [FileFormat; 5] = [
    FileFormat::MatroskaVideo,
    FileFormat::MatroskaAudio,
    FileFormat::Matroska3dVideo,
    FileFormat::Webm,
    // One whose streams stand behind its media.
    FileFormat::ExtensibleBinaryMetaLanguage,
];
/// MP4 of more bytes than this is not held in memory, which is how lofty writes it.
const LARGE: u64 = 64 << 20;
/// The names that shops use for who sold a file, and for who told of it.
const DISTRIBUTOR: &str = "WM/ContentDistributor";
const PROVIDER: &str = "WM/Provider";

/// Writes values into a file's tags; what else is in them stays.
///
/// # Errors
/// Its format can't be written, or what is wrong with it: a sentence.
pub(super) fn write(path: &Path, set: &Info) -> Result<(), String> {
    apply_global_options(GlobalOptions::new().allocation_limit(MOST_ITEM));
    let mut file = File::options().read(true).write(true).open(path).map_err(|error| error.to_string())?;
    let format = format::of(&mut file).map_err(|error| error.to_string())?;
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

/// A way to have a file written without all of it in memory.
type Apart = fn(&File, &mut movie::Rewrite<'_>) -> Result<(), String>;

/// Reads, changes and writes a file of one kind, `apart` where that is given, and looks whether everything that was in it before still is:
/// `all` lists that, and `whole` says whether that is all there was.
fn through<T: AudioFile>(
    file: &mut File,
    apart: Option<Apart>,
    all: impl Fn(&T) -> Vec<String>,
    whole: impl Fn(&T, &File) -> Result<bool, String>,
    change: impl Fn(&mut T) -> Result<WriteOptions, String>,
) -> Result<(), String> {
    fn read<T: AudioFile>(from: &mut (impl Read + Seek), options: ParseOptions) -> Result<T, String> {
        from.rewind().map_err(|error| error.to_string())?;
        T::read_from(&mut BufReader::new(from), options).map_err(|error| error.to_string())
    }
    let mut tags: T = read(file, exactly())?;
    if !whole(&tags, file)? {
        return Err(NOT_AS_IT_IS.into());
    }
    let before = all(&tags);
    match apart {
        None => {
            let options = change(&mut tags)?;
            file.rewind().map_err(|error| error.to_string())?;
            tags.save_to(file, options).map_err(|error| error.to_string())?;
        }
        Some(apart) => apart(file, &mut |slim| {
            let mut tags: T = read(slim, exactly().read_properties(false))?;
            let options = change(&mut tags)?;
            slim.rewind().map_err(|error| error.to_string())?;
            tags.save_to(slim, options).map_err(|error| error.to_string())
        })?,
    }
    same(before, all(&read(file, exactly())?))
}

/// Puts values into the `ID3v2` tag of a file, which stays one of its version.
macro_rules! into_id3v2 {
    ($set:ident) => {
        |of| {
            let options = as_it_was(of.id3v2());
            let tag = of.id3v2().cloned().unwrap_or_default();
            of.set_id3v2(with_id3v2(tag, $set));
            Ok(options)
        }
    };
}

/// Puts values into the APE tag of a file.
macro_rules! into_ape {
    ($set:ident) => {
        |of| {
            let tag = of.ape().cloned().unwrap_or_default();
            of.set_ape(with_ape(tag, $set)?);
            Ok(WriteOptions::new())
        }
    };
}

/// Puts values into the comments of an Ogg file.
macro_rules! into_comments {
    ($set:ident) => {
        |of| {
            let tag = of.vorbis_comments().clone();
            of.set_vorbis_comments(with_vorbis(tag, $set));
            Ok(WriteOptions::new())
        }
    };
}

const NOT_AS_IT_IS: &str = "something else in its tags would not stay as it is";

/// Whether every frame of a file's tag was read: of those of one name some stand for all.
fn has_every_frame(tag: Option<&Id3v2Tag>, file: &File) -> Result<bool, String> {
    let mut read = raw::Frames::new();
    let is_old = tag.is_some_and(|tag| tag.original_version() == Id3v2Version::V2);
    for frame in tag.into_iter().flatten() {
        let name = frame.id().as_str();
        if !raw::DATES.contains(&name) {
            *read.entry(if is_old { String::new() } else { name.to_owned() }).or_default() += 1;
        }
    }
    Ok(read == raw::frames(file)?)
}

/// Pages are numbered anew up to the end, whatever stream they are of.
fn is_one_stream<T>(_: &T, file: &File) -> Result<bool, String> {
    Ok(raw::streams(file)? == 1)
}

/// Whether all that was in a file's tags before still is.
fn same(before: Vec<String>, mut after: Vec<String>) -> Result<(), String> {
    for item in before {
        let Some(at) = after.iter().position(|now| *now == item) else {
            return Err(NOT_AS_IT_IS.into());
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
    each(tag.into_iter().flatten().filter(|frame| !raw::DATES.contains(&frame.id().as_str())))
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
    let size = file.metadata().map_err(|error| error.to_string())?.len();
    match format {
        FileFormat::Mpeg12AudioLayer3 | FileFormat::Mpeg12AudioLayer2 | FileFormat::Id3v2 => {
            let all = |of: &MpegFile| of_id3!(of).chain(each(of.ape().into_iter().flatten())).collect();
            through(file, None, all, |of, file| has_every_frame(of.id3v2(), file), into_id3v2!(set))
        }
        FileFormat::AdvancedAudioCoding => {
            let all = |of: &AacFile| of_id3!(of).collect();
            through(file, None, all, |of, file| has_every_frame(of.id3v2(), file), into_id3v2!(set))
        }
        FileFormat::AudioInterchangeFileFormat => {
            let all = |of: &AiffFile| of_id3v2(of.id3v2()).chain(each(of.text_chunks())).collect();
            let whole = |of: &AiffFile, file: &File| has_every_frame(of.id3v2(), file);
            through(file, Some(chunks::write_aiff), all, whole, into_id3v2!(set))
        }
        FileFormat::WaveformAudio => {
            let all = |of: &WavFile| of_id3v2(of.id3v2()).chain(each(of.riff_info())).collect();
            let whole = |of: &WavFile, file: &File| has_every_frame(of.id3v2(), file);
            through(file, Some(chunks::write_wav), all, whole, |of| {
                let options = as_it_was(of.id3v2());
                let tag = of.id3v2().cloned().unwrap_or_default();
                of.set_id3v2(told_in_words(with_id3v2(tag, set), set));
                Ok(options)
            })
        }
        FileFormat::FreeLosslessAudioCodec => {
            let all = |of: &FlacFile| {
                let comments = of.vorbis_comments().into_iter().flat_map(of_comments);
                comments.chain(each(of.pictures())).collect()
            };
            let change = |of: &mut FlacFile| {
                let tag = of.vorbis_comments().cloned().unwrap_or_default();
                of.set_vorbis_comments(with_vorbis(tag, set));
                Ok(WriteOptions::new())
            };
            through(file, None, all, |of, file| has_every_frame(of.id3v2(), file), change)
        }
        FileFormat::OggVorbis => {
            let all = |of: &VorbisFile| of_comments(of.vorbis_comments()).collect();
            through(file, None, all, is_one_stream, into_comments!(set))
        }
        FileFormat::OggOpus => {
            let all = |of: &OpusFile| of_comments(of.vorbis_comments()).collect();
            through(file, None, all, is_one_stream, into_comments!(set))
        }
        FileFormat::OggSpeex => {
            let all = |of: &SpeexFile| of_comments(of.vorbis_comments()).collect();
            through(file, None, all, is_one_stream, into_comments!(set))
        }
        FileFormat::MonkeysAudio => {
            let all = |of: &ApeFile| of_id3!(of).chain(each(of.ape().into_iter().flatten())).collect();
            through(file, None, all, |of, file| has_every_frame(of.id3v2(), file), into_ape!(set))
        }
        FileFormat::Musepack => {
            let all = |of: &MpcFile| of_id3!(of).chain(each(of.ape().into_iter().flatten())).collect();
            through(file, None, all, |of, file| has_every_frame(of.id3v2(), file), into_ape!(set))
        }
        FileFormat::Wavpack => {
            let all =
                |of: &WavPackFile| each(of.ape().into_iter().flatten()).chain(each(of.id3v1())).collect();
            through(file, None, all, |_, _| Ok(true), into_ape!(set))
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
            let all = |of: &Mp4File| each(of.ilst().into_iter().flatten()).collect();
            let whole =
                |of: &Mp4File, file: &File| Ok(of.ilst().into_iter().flatten().count() == raw::items(file)?);
            let apart: Option<Apart> = if size > LARGE { Some(movie::write) } else { None };
            through(file, apart, all, whole, |of| {
                let tag = of.ilst().cloned().unwrap_or_default();
                of.set_ilst(with_ilst(tag, set));
                Ok(WriteOptions::new())
            })
        }
        format if ASF.contains(&format) => asf_write::write(file, set),
        format if MATROSKA.contains(&format) => matroska_write::write(file, set),
        FileFormat::AudioVideoInterleave => avi_write::write(file, set),
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
    const WRITTEN: [FileFormat; 14] = [
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
        FileFormat::AudioVideoInterleave,
    ];
    let mut written = WRITTEN.iter().chain(&MP4).chain(&ASF).chain(&MATROSKA);
    if written.any(|one| one.name() == format) { Ok(()) } else { Err(cannot(format)) }
}

/// A tag of the older version stays one: players that know no other go on reading it.
fn as_it_was(tag: Option<&Id3v2Tag>) -> WriteOptions {
    let is_old = tag.is_some_and(|tag| tag.original_version() != Id3v2Version::V4);
    let mut options = WriteOptions::new();
    options = options.use_id3v23(is_old);
    options
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
                // As a text, which is what lofty makes of it, the older version would lose it.
                let id = FrameId::Valid(Cow::Borrowed("TDRC"));
                let Ok(date) = value.parse() else { continue };
                Frame::Timestamp(TimestampFrame::new(id, lofty::TextEncoding::Latin1, date))
            }
            Field::Provider => Frame::Private(PrivateFrame::new(PROVIDER, utf16(&value))),
            _ => Frame::Private(PrivateFrame::new(DISTRIBUTOR, utf16(&value))),
        };
        drop(tag.insert(frame));
    }
    tag
}

/// Puts what Windows Media has frames of its own for into those that everybody reads: beside the former, ffmpeg reads nothing else of a
/// WAV file's tag.
fn told_in_words(mut tag: Id3v2Tag, set: &Info) -> Id3v2Tag {
    for (field, name) in [(Field::Distributor, DISTRIBUTOR), (Field::Provider, PROVIDER)] {
        let Some(value) = set.get(&field) else { continue };
        tag.retain(|frame| !matches!(frame, Frame::Private(private) if private.owner == name));
        let text = ExtendedTextFrame::new(lofty::TextEncoding::UTF16, name, value.clone());
        drop(tag.insert(Frame::UserText(text)));
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
#[path = "write_tests.rs"]
mod tests;
