//! Which streams an Ogg or AVI file has: told by the first bytes, where each stream introduces itself.

use super::bytes::Bytes;
use super::kind::Streams;

/// Bytes from the start in which all introductions lie.
pub(super) const HEAD: usize = 64 << 10;
/// A page of Ogg that begins a stream.
const BEGINS: u8 = 2;

/// The streams of an Ogg file: every stream's first page comes before any other page (RFC 3533, section 4).
pub(super) fn ogg(head: &[u8]) -> Streams {
    let mut bytes = Bytes(head);
    let mut streams = Streams::default();
    let mut page = || -> Option<()> {
        (bytes.take(4)? == b"OggS").then_some(())?;
        bytes.u8()?;
        (bytes.u8()? & BEGINS != 0).then_some(())?;
        // Position, serial number, page number, sum.
        bytes.take(8 + 4 + 4 + 4)?;
        let count = usize::from(bytes.u8()?);
        let length = bytes.take(count)?.iter().map(|size| usize::from(*size)).sum();
        let first = bytes.take(length)?;
        let begins = |with: &[u8]| first.starts_with(with);
        streams.video |= begins(b"\x80theora") || begins(b"BBCD") || begins(b"OVP80") || begins(b"\x01video");
        streams.audio |= begins(b"\x01vorbis")
            || begins(b"OpusHead")
            || begins(b"Speex   ")
            || begins(b"\x7fFLAC")
            || begins(b"fLaC");
        Some(())
    };
    while page().is_some() {}
    streams
}

/// The streams of an AVI file: the headers in its first list.
pub(super) fn avi(head: &[u8]) -> Streams {
    let mut streams = Streams::default();
    let mut bytes = Bytes(head);
    let mut begin = || -> Option<()> {
        (bytes.take(4)? == b"RIFF").then_some(())?;
        bytes.take(4)?;
        (bytes.take(4)? == b"AVI ").then_some(())
    };
    if begin().is_some() {
        riff(bytes, 2, &mut streams);
    }
    streams
}

/// Walks through chunks; lists of headers are entered, so deep and no deeper.
fn riff(mut bytes: Bytes<'_>, depth: u32, streams: &mut Streams) {
    while let Some((name, mut inside)) = chunk(&mut bytes) {
        match &name {
            b"LIST" if depth > 0 && matches!(inside.take(4), Some(b"hdrl" | b"strl")) => {
                riff(inside, depth - 1, streams);
            }
            b"strh" => match inside.take(4) {
                Some(b"vids") => streams.video = true,
                Some(b"auds") => streams.audio = true,
                _ => {}
            },
            _ => {}
        }
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

    fn page(flags: u8, first: &[u8]) -> Vec<u8> {
        let size = u8::try_from(first.len()).unwrap();
        [&b"OggS\0"[..], &[flags], &[0; 20], &[1, size], first].concat()
    }

    #[test]
    fn ogg_is_told_by_all_of_its_streams() {
        let audio = Streams { audio: true, video: false };
        assert_eq!(ogg(&page(2, b"\x01vorbis")), audio);
        assert_eq!(ogg(&page(2, b"OpusHead")), audio);
        let film =
            [page(2, b"fishead\0"), page(2, b"\x80theora"), page(2, b"\x01vorbis"), page(0, b"")].concat();
        assert_eq!(ogg(&film), Streams { audio: true, video: true });
        assert_eq!(ogg(&[page(0, b""), page(2, b"\x80theora")].concat()), Streams::default());
    }

    #[test]
    fn avi_is_told_by_its_stream_headers() {
        let chunk = |name: &[u8; 4], inside: &[u8]| {
            let size = u32::try_from(inside.len()).unwrap().to_le_bytes();
            [&name[..], &size, inside].concat()
        };
        let list = |name: &[u8; 4], inside: &[u8]| chunk(b"LIST", &[&name[..], inside].concat());
        let file = |kind: &[u8; 4]| {
            let headers =
                list(b"hdrl", &[chunk(b"avih", &[0; 56]), list(b"strl", &chunk(b"strh", kind))].concat());
            chunk(b"RIFF", &[&b"AVI "[..], &headers].concat())
        };
        assert_eq!(avi(&file(b"vids")), Streams { audio: false, video: true });
        assert_eq!(avi(&file(b"auds")), Streams { audio: true, video: false });
    }

    proptest! {
        #[test]
        fn no_bytes_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..4000)) {
            ogg(&[b"OggS".as_slice(), &bytes].concat());
            avi(&[b"RIFF\0\0\0\0AVI ".as_slice(), &bytes].concat());
        }
    }
}
