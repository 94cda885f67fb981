//! AVI: which streams a file has, how long and how large it is, and the texts of its `INFO` lists. What is said of the
//! streams stands before the media, texts stand there or behind (<https://learn.microsoft.com/windows/win32/directshow/avi-riff-file-reference>).

use std::io;

use super::bytes::{Bytes, utf8};
use super::found::Found;
use super::source::Source;
use crate::model::media::Field;

/// Chunks of a file that are looked at, at most, and bytes of a list.
const MOST_CHUNKS: usize = 1000;
const MOST_LIST: usize = 1 << 20;

/// What the headers say of the film's length.
#[derive(Default)]
struct Length {
    /// Microseconds of a frame.
    frame: u32,
    /// Frames: by the file's header, by the stream's, and by the one that counts beyond the first gigabyte.
    frames: [u32; 3],
    /// Seconds of a frame, as a fraction.
    scale: u32,
    rate: u32,
}

impl Length {
    fn millis(&self) -> u64 {
        let frames = self.frames.iter().copied().max().map_or(0, u64::from);
        let millis = u128::from(frames) * u128::from(self.scale) * 1000;
        match millis.checked_div(self.rate.into()) {
            Some(millis) if millis > 0 => u64::try_from(millis).unwrap_or(u64::MAX),
            _ => frames * u64::from(self.frame) / 1000,
        }
    }
}

/// Reads what is beside the media of a file.
///
/// # Errors
/// It can't be read; what was found until then counts.
pub(super) fn read(source: &mut Source, found: &mut Found) -> io::Result<()> {
    if !source.read_at(0, 12)?.starts_with(b"RIFF") {
        return Ok(());
    }
    let mut at = 12;
    for _ in 0..MOST_CHUNKS {
        let head = source.read_at(at, 12)?;
        let mut bytes = Bytes(&head);
        let (Some(name), Some(size), kind) = (bytes.array::<4>(), bytes.u32_le(), bytes.array::<4>()) else {
            break;
        };
        if (&name, kind.as_ref()) == (b"LIST", Some(b"hdrl"))
            || (&name, kind.as_ref()) == (b"LIST", Some(b"INFO"))
        {
            let most = usize::try_from(size).unwrap_or(MOST_LIST).min(MOST_LIST);
            list(&source.read_at(at + 8, most)?, found);
        }
        at += 8 + u64::from(size) + u64::from(size % 2);
    }
    Ok(())
}

/// Reads a list: what it is, and what is in it.
fn list(inside: &[u8], found: &mut Found) {
    let mut bytes = Bytes(inside);
    match bytes.take(4) {
        Some(b"hdrl") => {
            let mut length = Length::default();
            lists(bytes, 1, found, &mut length);
            found.put_millis(length.millis());
        }
        Some(b"INFO") => texts(bytes, found),
        _ => {}
    }
}

/// Walks through chunks; lists of headers are entered, so deep and no deeper.
fn lists(mut bytes: Bytes<'_>, depth: u32, found: &mut Found, length: &mut Length) {
    while let Some((name, mut inside)) = chunk(&mut bytes) {
        // A header that is cut short says nothing.
        let _ = match &name {
            b"LIST" if depth > 0 => match inside.take(4) {
                Some(b"strl" | b"odml") => {
                    lists(inside, depth - 1, found, length);
                    Some(())
                }
                _ => None,
            },
            b"avih" => of_file(inside, found, length),
            b"strh" => of_stream(inside, found, length),
            b"dmlh" => inside.u32_le().map(|frames| length.frames[2] = frames),
            _ => None,
        };
    }
}

fn of_file(mut header: Bytes<'_>, found: &mut Found, length: &mut Length) -> Option<()> {
    length.frame = header.u32_le()?;
    header.take(12)?;
    length.frames[0] = header.u32_le()?;
    header.take(12)?;
    let frame = (header.u32_le()?, header.u32_le()?);
    if frame.0 > 0 && frame.1 > 0 {
        found.frame = Some(frame);
    }
    Some(())
}

fn of_stream(mut header: Bytes<'_>, found: &mut Found, length: &mut Length) -> Option<()> {
    match header.take(4)? {
        b"vids" => found.streams.video = true,
        b"auds" => {
            found.streams.audio = true;
            return None;
        }
        _ => return None,
    }
    header.take(16)?;
    (length.scale, length.rate) = (header.u32_le()?, header.u32_le()?);
    header.take(4)?;
    length.frames[1] = header.u32_le()?;
    Some(())
}

fn texts(mut list: Bytes<'_>, found: &mut Found) {
    while let Some((name, inside)) = chunk(&mut list) {
        let field = match &name {
            b"INAM" => Field::Title,
            b"IART" => Field::Artist,
            b"IPRD" => Field::Album,
            b"IGNR" => Field::Genre,
            b"ICRD" => Field::Date,
            b"IPRT" | b"ITRK" => Field::Track,
            b"IDST" => {
                found.put_distributor(&utf8(inside.0), "INFO text IDST");
                continue;
            }
            _ => continue,
        };
        found.put(field, &utf8(inside.0));
    }
}

fn chunk<'a>(bytes: &mut Bytes<'a>) -> Option<([u8; 4], Bytes<'a>)> {
    let name = bytes.array()?;
    let size = usize::try_from(bytes.u32_le()?).ok()?;
    let inside = Bytes(bytes.take(size.min(bytes.len()))?);
    // Chunks begin at even places.
    bytes.take(size % 2);
    Some((name, inside))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use proptest::prelude::*;

    use super::*;
    use crate::library::kind::Streams;

    fn chunked(name: [u8; 4], inside: &[u8]) -> Vec<u8> {
        let size = u32::try_from(inside.len()).unwrap().to_le_bytes();
        [&name[..], &size, inside, &[0][..inside.len() % 2]].concat()
    }

    fn list(name: [u8; 4], inside: &[u8]) -> Vec<u8> {
        chunked(*b"LIST", &[&name[..], inside].concat())
    }

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    fn read(lists: &[u8]) -> Found {
        read_file(&chunked(*b"RIFF", &[&b"AVI "[..], lists].concat()))
    }

    fn read_file(bytes: &[u8]) -> Found {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        let mut found = Found::default();
        super::read(&mut Source::of(file).unwrap(), &mut found).unwrap();
        found
    }

    #[test]
    fn streams_are_told_by_their_headers() {
        let file = |kind: &[u8; 4]| {
            let stream = list(*b"strl", &chunked(*b"strh", kind));
            read(&list(*b"hdrl", &[chunked(*b"avih", &[0; 56]), stream].concat())).streams
        };
        assert_eq!(file(b"vids"), Streams { audio: false, video: true });
        assert_eq!(file(b"auds"), Streams { audio: true, video: false });
    }

    #[test]
    fn the_length_is_the_longest_that_is_told() {
        let file = |micros: u32, total: u32, stream: [u32; 3], odml: u32| {
            let header = words(&[micros, 0, 0, 0, total, 0, 0, 0, 640, 480]);
            let [scale, rate, length] = stream;
            let stream = [&b"vids"[..], &[0; 16], &words(&[scale, rate, 0, length])].concat();
            let all = [
                chunked(*b"avih", &header),
                list(*b"strl", &chunked(*b"strh", &stream)),
                list(*b"odml", &chunked(*b"dmlh", &words(&[odml]))),
            ];
            read(&list(*b"hdrl", &all.concat()))
        };
        let millis = |found: Found| found.info.get(&Field::Duration).cloned();
        assert_eq!(file(40_000, 50, [1, 25, 50], 0).frame, Some((640, 480)));
        assert_eq!(millis(file(40_000, 50, [1, 25, 50], 0)).unwrap(), "2000");
        assert_eq!(millis(file(40_000, 50, [1001, 30_000, 30], 300)).unwrap(), "10010");
        assert_eq!(millis(file(40_000, 50, [0, 0, 0], 0)).unwrap(), "2000");
        assert_eq!(millis(file(u32::MAX, 0, [1, 0, 0], 0)), None);
        assert!(millis(file(u32::MAX, u32::MAX, [u32::MAX, 1, 0], 0)).is_some());
    }

    #[test]
    fn texts_are_read() {
        let info = [chunked(*b"INAM", b"Delta\0"), chunked(*b"IART", b"Tailspin"), chunked(*b"ISFT", b"x")];
        let (media, texts) = (list(*b"movi", &vec![7; 70_001]), list(*b"INFO", &info.concat()));
        let found = read(&[media, texts].concat());
        assert_eq!(found.info[&Field::Title], "Delta");
        assert_eq!(found.info[&Field::Artist], "Tailspin");
        assert_eq!(found.info.len(), 2);
    }

    proptest! {
        #[test]
        fn no_bytes_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..4000)) {
            read_file(&[b"RIFF\0\0\0\0AVI ".as_slice(), &bytes].concat());
            super::list(&[b"hdrl".as_slice(), &bytes].concat(), &mut Found::default());
        }
    }
}
