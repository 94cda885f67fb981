//! AVI: which streams a file has, how long and how large it is, and the texts of its `INFO` list. All of that stands in the lists before
//! the media (<https://learn.microsoft.com/windows/win32/directshow/avi-riff-file-reference>).

use super::bytes::{Bytes, utf8};
use super::found::Found;
use crate::model::media::Field;

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

/// Reads the headers that a file begins with.
pub(super) fn headers(head: &[u8], found: &mut Found) {
    let mut bytes = Bytes(head);
    let mut begin = || -> Option<()> {
        (bytes.take(4)? == b"RIFF").then_some(())?;
        bytes.take(4)?;
        (bytes.take(4)? == b"AVI ").then_some(())
    };
    if begin().is_some() {
        let mut length = Length::default();
        lists(bytes, 2, found, &mut length);
        found.put_millis(length.millis());
    }
}

/// Walks through chunks; lists of headers are entered, so deep and no deeper.
fn lists(mut bytes: Bytes<'_>, depth: u32, found: &mut Found, length: &mut Length) {
    while let Some((name, mut inside)) = chunk(&mut bytes) {
        // A header that is cut short says nothing.
        let _ = match &name {
            b"LIST" if depth > 0 => match inside.take(4) {
                Some(b"hdrl" | b"strl" | b"odml") => {
                    lists(inside, depth - 1, found, length);
                    Some(())
                }
                Some(b"INFO") => {
                    texts(inside, found);
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

    fn read(headers: &[u8]) -> Found {
        let mut found = Found::default();
        super::headers(&chunked(*b"RIFF", &[&b"AVI "[..], headers].concat()), &mut found);
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
        let found = read(&list(*b"INFO", &info.concat()));
        assert_eq!(found.info[&Field::Title], "Delta");
        assert_eq!(found.info[&Field::Artist], "Tailspin");
        assert_eq!(found.info.len(), 2);
    }

    proptest! {
        #[test]
        fn no_bytes_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..4000)) {
            super::headers(&[b"RIFF\0\0\0\0AVI ".as_slice(), &bytes].concat(), &mut Found::default());
        }
    }
}
