//! Tags and properties of everything that lofty reads, and the distributor out of each kind of tag.

use std::io::BufReader;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use file_format::FileFormat;
use lofty::aac::AacFile;
use lofty::ape::{ApeFile, ApeTag};
use lofty::config::{GlobalOptions, ParseOptions, apply_global_options};
use lofty::error::FileParseError;
use lofty::file::{AudioFile, TaggedFile, TaggedFileExt};
use lofty::flac::FlacFile;
use lofty::id3::v2::{Frame, Id3v2Tag};
use lofty::iff::aiff::AiffFile;
use lofty::iff::wav::WavFile;
use lofty::mp4::{AtomData, AtomIdent, Ilst, Mp4File};
use lofty::mpeg::MpegFile;
use lofty::musepack::MpcFile;
use lofty::ogg::tag::VorbisComments;
use lofty::ogg::{OpusFile, SpeexFile, VorbisFile};
use lofty::picture::{Picture, PictureType};
use lofty::tag::{Accessor, ItemKey, ItemValue, Tag};
use lofty::wavpack::WavPackFile;

use super::bytes::utf16_le;
use super::found::{Found, Value};
use super::source::Source;
use crate::model::media::Field;

/// Largest single thing in a tag that is taken into memory.
pub(super) const MOST_ITEM: usize = 8 << 20;

/// Reads a file with lofty, where its format is one that lofty truly reads: it takes AVI, FLV, Matroska and MPEG streams for
/// MPEG audio.
pub(super) fn read(source: &mut Source, format: FileFormat, found: &mut Found) {
    apply_global_options(GlobalOptions::new().allocation_limit(MOST_ITEM));
    // A video without sound has no properties that lofty knows, and fails with them. A file that lies may make it panic
    // (0.25.5 does over an Opus header without channels): then there is nothing to be had from it.
    let mut with = |options| {
        let attempt = AssertUnwindSafe(|| attempt(source, format, options, found));
        catch_unwind(attempt).is_ok_and(|read| read.is_ok())
    };
    let without = |cover: bool, properties: bool| {
        let mut options = ParseOptions::new();
        options = options.read_cover_art(cover);
        options.read_properties(properties)
    };
    // A cover that is too large is left out before all else is.
    let _ = with(without(true, true)) || with(without(false, true)) || with(without(false, false));
}

fn attempt(
    source: &mut Source,
    format: FileFormat,
    options: ParseOptions,
    found: &mut Found,
) -> Result<(), FileParseError> {
    use std::io::Seek as _;
    source.rewind()?;
    let mut reader = BufReader::with_capacity(16 << 10, source);
    let from = &mut reader;
    let tagged: TaggedFile = match format {
        FileFormat::Mpeg12AudioLayer3 | FileFormat::Mpeg12AudioLayer2 | FileFormat::Id3v2 => {
            let file = MpegFile::read_from(from, options)?;
            of_id3v2(file.id3v2(), found);
            of_ape(file.ape(), found);
            file.into()
        }
        FileFormat::AdvancedAudioCoding => {
            let file = AacFile::read_from(from, options)?;
            of_id3v2(file.id3v2(), found);
            file.into()
        }
        FileFormat::AudioInterchangeFileFormat => {
            let file = AiffFile::read_from(from, options)?;
            of_id3v2(file.id3v2(), found);
            file.into()
        }
        FileFormat::WaveformAudio => {
            let file = WavFile::read_from(from, options)?;
            of_id3v2(file.id3v2(), found);
            file.into()
        }
        FileFormat::FreeLosslessAudioCodec => {
            let file = FlacFile::read_from(from, options)?;
            of_vorbis(file.vorbis_comments(), found);
            of_id3v2(file.id3v2(), found);
            file.into()
        }
        FileFormat::OggVorbis => {
            let file = VorbisFile::read_from(from, options)?;
            of_vorbis(Some(file.vorbis_comments()), found);
            file.into()
        }
        FileFormat::OggOpus => {
            let file = OpusFile::read_from(from, options)?;
            of_vorbis(Some(file.vorbis_comments()), found);
            file.into()
        }
        FileFormat::OggSpeex => {
            let file = SpeexFile::read_from(from, options)?;
            of_vorbis(Some(file.vorbis_comments()), found);
            file.into()
        }
        FileFormat::MonkeysAudio => {
            let file = ApeFile::read_from(from, options)?;
            of_ape(file.ape(), found);
            of_id3v2(file.id3v2(), found);
            file.into()
        }
        FileFormat::Musepack => {
            let file = MpcFile::read_from(from, options)?;
            of_ape(file.ape(), found);
            of_id3v2(file.id3v2(), found);
            file.into()
        }
        FileFormat::Wavpack => {
            let file = WavPackFile::read_from(from, options)?;
            of_ape(file.ape(), found);
            file.into()
        }
        format if is_mp4(format) => {
            let file = Mp4File::read_from(from, options)?;
            of_ilst(file.ilst(), found);
            file.into()
        }
        _ => return Ok(()),
    };
    take_in(&tagged, found);
    Ok(())
}

/// The many names of MP4.
pub(super) const MP4: [FileFormat; 11] = [
    FileFormat::Mpeg4Part14,
    FileFormat::Mpeg4Part14Audio,
    FileFormat::Mpeg4Part14Video,
    FileFormat::Mpeg4Part14Subtitles,
    FileFormat::AppleItunesAudio,
    FileFormat::AppleItunesAudiobook,
    FileFormat::AppleItunesProtectedAudio,
    FileFormat::AppleItunesVideo,
    FileFormat::AppleQuicktime,
    FileFormat::ThirdGenerationPartnershipProject,
    FileFormat::ThirdGenerationPartnershipProject2,
];

/// Whether a format is MP4 in one of its many names.
pub(super) fn is_mp4(format: FileFormat) -> bool {
    MP4.contains(&format)
}

fn take_in(tagged: &TaggedFile, found: &mut Found) {
    let properties = tagged.properties();
    found.put_millis(millis(properties.duration()));
    let rate = properties.audio_bitrate().or(properties.overall_bitrate());
    found.bitrate = found.bitrate.or(rate.filter(|rate| *rate > 0).map(|rate| rate.saturating_mul(1000)));
    let first = tagged.primary_tag().into_iter().chain(tagged.tags());
    for tag in first {
        of_tag(tag, found);
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn of_tag(tag: &Tag, found: &mut Found) {
    for (key, field) in [
        (ItemKey::TrackTitle, Field::Title),
        (ItemKey::TrackArtist, Field::Artist),
        (ItemKey::AlbumArtist, Field::AlbumArtist),
        (ItemKey::AlbumTitle, Field::Album),
        (ItemKey::Genre, Field::Genre),
        (ItemKey::RecordingDate, Field::Date),
        (ItemKey::Year, Field::Date),
        (ItemKey::ReleaseDate, Field::Date),
    ] {
        if let Some(text) = tag.get_string(key) {
            found.put(field, text);
        }
    }
    if let Some(track) = tag.track() {
        found.put(Field::Track, &track.to_string());
    }
    if let Some(disc) = tag.disk() {
        found.put(Field::Disc, &disc.to_string());
    }
    if let Some(rating) = tag.ratings().next() {
        found.put(Field::Rating, &(rating.rating as u8).to_string());
    }
    let front = |picture: &&Picture| picture.pic_type() == PictureType::CoverFront;
    if let Some(picture) = tag.pictures().iter().find(front).or_else(|| tag.pictures().first()) {
        found.put_cover(picture.data());
    }
}

/// `PRIV` frames are what Windows Media writes, `TXXX` what everybody else does.
fn of_id3v2(tag: Option<&Id3v2Tag>, found: &mut Found) {
    for frame in tag.into_iter().flatten() {
        match frame {
            Frame::Private(frame) if frame.owner.starts_with("WM/") => {
                // Text is UTF-16LE, a class is a GUID: told apart by the name.
                let value = if frame.owner == "WM/MediaClassPrimaryID" {
                    Value::Bytes(&frame.private_data)
                } else {
                    Value::Text(utf16_le(&frame.private_data))
                };
                found.put_attribute(&frame.owner, &value, &format!("ID3v2 PRIV {}", frame.owner));
            }
            Frame::UserText(frame) => {
                let place = format!("ID3v2 TXXX {}", frame.description);
                named(&frame.description, &frame.content, &place, found);
            }
            _ => {}
        }
    }
}

fn of_ape(tag: Option<&ApeTag>, found: &mut Found) {
    for item in tag.into_iter().flatten() {
        if let ItemValue::Text(text) = item.value() {
            named(item.key(), text, &format!("APE {}", item.key()), found);
        }
    }
}

fn of_vorbis(comments: Option<&VorbisComments>, found: &mut Found) {
    for (name, text) in comments.into_iter().flat_map(VorbisComments::items) {
        named(name, text, &format!("Vorbis comment {name}"), found);
    }
}

fn of_ilst(list: Option<&Ilst>, found: &mut Found) {
    for atom in list.into_iter().flatten() {
        let AtomIdent::Freeform { name, .. } = atom.ident() else { continue };
        for data in atom.data() {
            match data {
                AtomData::UTF8(text) | AtomData::UTF16(text) => {
                    named(name, text, &format!("MP4 freeform atom {name}"), found);
                }
                _ => {}
            }
        }
    }
}

/// A value under a name that anybody may choose: only what lofty has no key for is taken.
fn named(name: &str, text: &str, place: &str, found: &mut Found) {
    if name.eq_ignore_ascii_case("WM/MediaClassPrimaryID") {
        found.put_attribute(name, &Value::Text(text.to_owned()), place);
        return;
    }
    match Field::of_name(name) {
        Some(Field::Distributor) => found.put_distributor(text, place),
        Some(Field::Provider) => found.put(Field::Provider, text),
        _ => {}
    }
}
