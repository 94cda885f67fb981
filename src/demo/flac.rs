//! FLAC files that are made while they are served (RFC 9639): uncompressed frames of a tune, with true sums, after a head with tags.

use std::fmt;
use std::io::{self, Cursor};

use lofty::config::WriteOptions;
use lofty::ogg::OggPictureStorage as _;
use lofty::ogg::tag::VorbisComments;
use lofty::picture::{MimeType, Picture, PictureInformation, PictureType};
use lofty::tag::TagExt as _;

use super::body::{Tags, index, overlay, untagged};
use super::cover;
use super::tune::{BLOCK, RATE, blocks};

/// Bytes of a frame but for its number: header 4, sum 1, two subframes of 1 and the samples, sum 2.
const FRAME_BYTES: u64 = 4 + 1 + 2 * (1 + 2 * BLOCK as u64) + 2;
/// Frame numbers from which on they take one byte more (they are coded as UTF-8 codes characters).
const WIDER_FROM: [u64; 2] = [0x80, 0x800];

/// A FLAC file.
pub(super) struct Flac {
    head: Vec<u8>,
    /// The subframes of each block of the tune.
    subframes: Vec<Vec<u8>>,
    frames: u64,
}

impl fmt::Debug for Flac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flac").field("frames", &self.frames).finish_non_exhaustive()
    }
}

impl Flac {
    /// Returns the file of a tune that lasts about so many seconds.
    ///
    /// # Errors
    /// The tags can't be written.
    pub(super) fn new(seed: u64, seconds: u32, tags: &Tags) -> io::Result<Self> {
        let frames = (u64::from(seconds) * u64::from(RATE)).div_ceil(BLOCK as u64);
        let subframes = blocks(seed).iter().map(|block| subframes(block)).collect();
        Ok(Self { head: head(frames, tags)?, subframes, frames })
    }

    pub(super) fn len(&self) -> u64 {
        self.head.len() as u64 + begin(self.frames)
    }

    pub(super) fn fill(&self, offset: u64, buffer: &mut [u8]) {
        overlay(&self.head, 0, offset, buffer);
        let audio = self.head.len() as u64;
        let end = offset + buffer.len() as u64;
        let mut number = self.frame_at(offset.saturating_sub(audio));
        while number < self.frames && audio + begin(number) < end {
            overlay(&self.frame(number), audio + begin(number), offset, buffer);
            number += 1;
        }
    }

    /// Which frame holds this byte of the audio.
    fn frame_at(&self, offset: u64) -> u64 {
        let mut number = (offset / (FRAME_BYTES + 3)).min(self.frames);
        while number < self.frames && begin(number + 1) <= offset {
            number += 1;
        }
        number
    }

    fn frame(&self, number: u64) -> Vec<u8> {
        // Blocks of fixed size; 4096 samples at 44.1 kHz; two channels of 16 bits.
        let mut frame = vec![0xff, 0xf8, 0xc9, 0x18];
        let coded = u32::try_from(number).ok().and_then(char::from_u32).unwrap_or('\0');
        frame.extend_from_slice(coded.encode_utf8(&mut [0; 4]).as_bytes());
        frame.push(crc8(&frame));
        frame.extend_from_slice(&self.subframes[index(number) % self.subframes.len()]);
        let sum = crc16(&frame);
        frame.extend_from_slice(&sum.to_be_bytes());
        frame
    }
}

/// Where a frame begins in the audio.
fn begin(number: u64) -> u64 {
    let wider: u64 = WIDER_FROM.iter().map(|from| number.saturating_sub(*from)).sum();
    number * (FRAME_BYTES + 1) + wider
}

/// Both channels of a block, sample by sample as they are.
fn subframes(block: &[[i16; 2]]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(2 * (1 + 2 * BLOCK));
    for channel in 0..2 {
        bytes.push(0b0000_0010);
        bytes.extend(block.iter().flat_map(|sample| sample[channel].to_be_bytes()));
    }
    bytes
}

/// What stands before the first frame: what the audio is, and the tags.
fn head(frames: u64, tags: &Tags) -> io::Result<Vec<u8>> {
    let block = u16::try_from(BLOCK).unwrap_or(u16::MAX).to_be_bytes();
    let mut head = b"fLaC\x80\x00\x00\x22".to_vec();
    head.extend(block);
    head.extend(block);
    // Least and largest frame: not said.
    head.extend([0; 6]);
    let samples = frames * BLOCK as u64;
    head.extend(((u64::from(RATE) << 44) | (1 << 41) | (15 << 36) | samples).to_be_bytes());
    // The sum of the samples: not said.
    head.extend([0; 16]);
    let mut comments = VorbisComments::new();
    for (key, value) in [
        ("ARTIST", tags.artist),
        ("ALBUMARTIST", tags.artist),
        ("ALBUM", tags.album),
        ("TITLE", tags.title),
        ("TRACKNUMBER", &tags.track.to_string()),
        ("GENRE", tags.genre),
        ("WM/ContentDistributor", tags.distributor),
    ] {
        comments.push(key.to_owned(), value.to_owned());
    }
    let cover = Picture::unchecked(cover::png(tags.album)?)
        .pic_type(PictureType::CoverFront)
        .mime_type(MimeType::Png)
        .build();
    let information = PictureInformation::from_picture(&cover).map_err(untagged)?;
    comments.insert_picture(cover, Some(information)).map_err(untagged)?;
    let mut file = Cursor::new(head);
    comments.save_to(&mut file, WriteOptions::default()).map_err(untagged)?;
    Ok(file.into_inner())
}

/// The header's sum: polynomial 0x07.
fn crc8(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| {
        (0..8).fold(sum ^ byte, |sum, _| if sum & 0x80 == 0 { sum << 1 } else { (sum << 1) ^ 0x07 })
    })
}

/// The frame's sum: polynomial 0x8005.
fn crc16(bytes: &[u8]) -> u16 {
    const TABLE: [u16; 256] = {
        let mut table = [0; 256];
        let mut byte = 0_u16;
        while byte < 256 {
            let mut sum = byte << 8;
            let mut bit = 0;
            while bit < 8 {
                sum = if sum & 0x8000 == 0 { sum << 1 } else { (sum << 1) ^ 0x8005 };
                bit += 1;
            }
            table[byte as usize] = sum;
            byte += 1;
        }
        table
    };
    bytes.iter().fold(0, |sum, byte| (sum << 8) ^ TABLE[usize::from((sum >> 8) as u8 ^ byte)])
}

#[cfg(test)]
mod tests {
    use lofty::file::{AudioFile as _, TaggedFileExt as _};
    use lofty::probe::Probe;
    use lofty::tag::Accessor as _;

    use super::*;

    const TAGS: Tags = Tags {
        distributor: "Tailspin",
        artist: "Tailspin Orchestra",
        album: "Harbour Lights",
        title: "Delta",
        track: 3,
        genre: "Ambient",
    };

    #[test]
    fn it_is_a_whole_file_with_tags() {
        let flac = Flac::new(7, 200, &TAGS).unwrap();
        let mut bytes = vec![0; index(flac.len())];
        flac.fill(0, &mut bytes);
        let read = Probe::new(Cursor::new(&bytes)).guess_file_type().unwrap().read().unwrap();
        assert_eq!(read.properties().duration().as_secs(), 200);
        let tag = read.primary_tag().unwrap();
        assert_eq!(tag.title().as_deref(), Some("Delta"));
        assert_eq!(tag.track(), Some(3));
        assert_eq!(tag.pictures().len(), 1);
        let text = String::from_utf8_lossy(&bytes[..flac.head.len()]).into_owned();
        assert!(text.contains("WM/ContentDistributor=Tailspin"));
    }

    #[test]
    fn frames_stand_where_they_are_said_to() {
        let flac = Flac::new(7, 250, &TAGS).unwrap();
        assert!(flac.frames > 0x800, "no three-byte number in {} frames", flac.frames);
        for number in [0, 1, 0x7f, 0x80, 0x81, 0x7ff, 0x800, 0x801, flac.frames - 1] {
            let frame = flac.frame(number);
            assert_eq!(begin(number + 1) - begin(number), frame.len() as u64, "{number}");
            assert_eq!(flac.frame_at(begin(number)), number);
            assert_eq!(flac.frame_at(begin(number + 1) - 1), number);
            assert_eq!(crc16(&frame), 0, "a sum over its own sum is nothing");
        }
    }

    #[test]
    fn sums_are_those_of_the_standard() {
        // The check values of CRC-8/SMBUS and CRC-16/UMTS.
        assert_eq!(crc8(b"123456789"), 0xf4);
        assert_eq!(crc16(b"123456789"), 0xfee8);
    }
}
