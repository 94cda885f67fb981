//! WAV files that are made while they are served: a tune over and over, with tags after it.

use std::fmt;
use std::io::{self, Cursor};

use lofty::TextEncoding;
use lofty::config::WriteOptions;
use lofty::id3::v2::{ExtendedTextFrame, Frame, Id3v2Tag};
use lofty::tag::{Accessor as _, TagExt as _};

use super::body::{Tags, index, overlay, untagged};
use super::tune::{RATE, blocks};

/// The sound of the file that the tags are written into first.
const STUB: [u8; 4] = [0; 4];

/// A WAV file.
pub(super) struct Wav {
    head: Vec<u8>,
    /// The tune, once.
    tune: Vec<u8>,
    sound: u64,
    tail: Vec<u8>,
}

impl fmt::Debug for Wav {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wav").field("sound", &self.sound).finish_non_exhaustive()
    }
}

impl Wav {
    /// Returns the file of a tune that lasts so many seconds.
    ///
    /// # Errors
    /// The tags can't be written.
    pub(super) fn new(seed: u64, seconds: u32, tags: &Tags) -> io::Result<Self> {
        let sound = u64::from(seconds) * u64::from(RATE) * 4;
        let tune = blocks(seed).iter().flatten().flatten().flat_map(|level| level.to_le_bytes()).collect();
        let (mut head, tail) = around(tags)?;
        let all = head.len() as u64 + sound + tail.len() as u64;
        put_size(&mut head[4..8], all - 8)?;
        let end = head.len();
        put_size(&mut head[end - 4..], sound)?;
        Ok(Self { head, tune, sound, tail })
    }

    pub(super) fn len(&self) -> u64 {
        self.head.len() as u64 + self.sound + self.tail.len() as u64
    }

    pub(super) fn fill(&self, offset: u64, buffer: &mut [u8]) {
        let begin = self.head.len() as u64;
        let end = begin + self.sound;
        let tune = self.tune.len() as u64;
        let mut at = begin + offset.saturating_sub(begin) / tune * tune;
        while at < end && at < offset + buffer.len() as u64 {
            let len = index((end - at).min(tune));
            overlay(&self.tune[..len], at, offset, buffer);
            at += tune;
        }
        overlay(&self.head, 0, offset, buffer);
        overlay(&self.tail, end, offset, buffer);
    }
}

/// What stands before the sound and after it; both sizes in the head are still those of the stub.
fn around(tags: &Tags) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let mut stub = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x02\0".to_vec();
    stub.extend(RATE.to_le_bytes());
    stub.extend((RATE * 4).to_le_bytes());
    stub.extend(b"\x04\0\x10\0data");
    stub.extend([4, 0, 0, 0]);
    stub.extend(STUB);
    let all = stub.len() as u64 - 8;
    put_size(&mut stub[4..8], all)?;
    let sound = stub.len() - STUB.len();
    let mut tag = Id3v2Tag::new();
    tag.set_artist(tags.artist.to_owned());
    tag.set_album(tags.album.to_owned());
    tag.set_title(tags.title.to_owned());
    tag.set_track(tags.track);
    tag.set_genre(tags.genre.to_owned());
    tag.insert(Frame::UserText(ExtendedTextFrame::new(
        TextEncoding::UTF8,
        "WM/ContentDistributor",
        tags.distributor,
    )));
    let mut file = Cursor::new(stub);
    tag.save_to(&mut file, WriteOptions::default()).map_err(untagged)?;
    let bytes = file.into_inner();
    let is_as_meant = bytes.get(sound - 8..sound - 4) == Some(b"data");
    let tail = bytes.get(sound + STUB.len()..).filter(|_| is_as_meant);
    let tail = tail.ok_or_else(|| untagged("the sound was moved"))?;
    Ok((bytes[..sound].to_vec(), tail.to_vec()))
}

fn put_size(place: &mut [u8], size: u64) -> io::Result<()> {
    let size = u32::try_from(size).map_err(|_| io::Error::other("a WAV file holds no more than 4 GiB"))?;
    place.copy_from_slice(&size.to_le_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use lofty::file::{AudioFile as _, TaggedFileExt as _};
    use lofty::probe::Probe;

    use super::*;

    #[test]
    fn it_is_a_whole_file_with_tags() {
        let tags = Tags {
            distributor: "Litware",
            artist: "Litware Field Team",
            album: "Field Recordings",
            title: "Rain",
            track: 1,
            genre: "Field",
        };
        let wav = Wav::new(3, 20, &tags).unwrap();
        let mut bytes = vec![0; index(wav.len())];
        wav.fill(0, &mut bytes);
        let read = Probe::new(Cursor::new(&bytes)).guess_file_type().unwrap().read().unwrap();
        assert_eq!(read.properties().duration().as_secs(), 20);
        let tag = read.primary_tag().unwrap();
        assert_eq!(
            (tag.title().as_deref(), tag.album().as_deref()),
            (Some("Rain"), Some("Field Recordings"))
        );
    }
}
