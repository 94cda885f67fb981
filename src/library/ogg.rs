//! Ogg: which streams a file has (RFC 3533), and of a film in Theora what lofty doesn't read: its size, its length and its comments
//! (Theora specification, sections 6.2, 6.3 and A.2).

use super::bytes::{Bytes, utf8};
use super::found::{Found, Value};
use super::source::Source;
/// A page that begins a stream.
const BEGINS: u8 = 2;
/// Bytes from the end in which the last pages lie: a page has at most 65,307.
const TAIL: usize = 128 << 10;
/// Streams of which the time is looked up, at most.
const MOST_TIMED: usize = 8;
/// No packet ends on a page with this position.
const NOWHERE: u64 = u64::MAX;

struct Page<'a> {
    flags: u8,
    position: u64,
    stream: u32,
    /// Lengths of its pieces of packets: one of 255 goes on.
    lacing: &'a [u8],
    body: &'a [u8],
}

/// Takes the next page. The head of a file ends where it was cut, and so may its last page.
fn page<'a>(bytes: &mut Bytes<'a>) -> Option<Page<'a>> {
    (bytes.take(4)? == b"OggS").then_some(())?;
    bytes.u8()?;
    let flags = bytes.u8()?;
    let (position, stream) = (bytes.u64_le()?, bytes.u32_le()?);
    // Number and sum.
    bytes.take(8)?;
    let count = usize::from(bytes.u8()?);
    let lacing = bytes.take(count)?;
    let length: usize = lacing.iter().map(|size| usize::from(*size)).sum();
    let body = bytes.take(length.min(bytes.len()))?;
    Some(Page { flags, position, stream, lacing, body })
}

/// A stream whose positions tell the time.
struct Timed {
    stream: u32,
    /// Steps in so many seconds.
    rate: (u32, u32),
    /// Bits of a position that count from the last key frame; what is above them counts up to it.
    shift: u32,
    /// Steps that are not heard.
    skip: u64,
}

impl Timed {
    fn millis(&self, position: u64) -> u64 {
        let steps = (position >> self.shift).saturating_add(position & ((1 << self.shift) - 1));
        let millis = u128::from(steps.saturating_sub(self.skip)) * u128::from(self.rate.1) * 1000;
        millis.checked_div(self.rate.0.into()).and_then(|millis| u64::try_from(millis).ok()).unwrap_or(0)
    }
}

/// Reads how a film introduces itself: its clock, and how large it is.
fn theora(stream: u32, first: &[u8]) -> Option<(Timed, (u32, u32))> {
    let mut bytes = Bytes(first.strip_prefix(b"\x80theora")?);
    let three = |bytes: &mut Bytes<'_>| {
        bytes.array::<3>().map(|[a, b, c]| u32::from(a) << 16 | u32::from(b) << 8 | u32::from(c))
    };
    // Version, and size in blocks.
    bytes.take(3 + 4)?;
    let frame = (three(&mut bytes)?, three(&mut bytes)?);
    bytes.take(2)?;
    let rate = (bytes.u32_be()?, bytes.u32_be()?);
    // Shape of a pixel, colours, rate of bits.
    bytes.take(3 + 3 + 1 + 3)?;
    let shift = u32::from(bytes.u16_be()? >> 5 & 0x1f);
    Some((Timed { stream, rate, shift, skip: 0 }, frame))
}

/// Reads how sound introduces itself.
fn sound(stream: u32, first: &[u8]) -> Option<Timed> {
    let samples = |rate, skip| Timed { stream, rate: (rate, 1), shift: 0, skip };
    if let Some(vorbis) = first.strip_prefix(b"\x01vorbis") {
        let mut bytes = Bytes(vorbis);
        // Version and channels.
        bytes.take(4 + 1)?;
        return Some(samples(bytes.u32_le()?, 0));
    }
    // RFC 7845, section 5.1: positions are at 48 kHz.
    let mut bytes = Bytes(first.strip_prefix(b"OpusHead")?);
    bytes.take(2)?;
    Some(samples(48_000, bytes.u16_le()?.into()))
}

/// Reads the pages that a file begins with, and of a film its last ones. Every stream's first page comes before any other page.
pub(super) fn read(source: &Source, head: &[u8], found: &mut Found) -> std::io::Result<()> {
    let mut bytes = Bytes(head);
    let (mut film, mut timed) = (None, Vec::new());
    let mut comments = Packets::default();
    while let Some(page) = page(&mut bytes) {
        if page.flags & BEGINS != 0 {
            let begins = |with: &[u8]| page.body.starts_with(with);
            found.streams.video |=
                begins(b"\x80theora") || begins(b"BBCD") || begins(b"OVP80") || begins(b"\x01video");
            found.streams.audio |= begins(b"\x01vorbis")
                || begins(b"OpusHead")
                || begins(b"Speex   ")
                || begins(b"\x7fFLAC")
                || begins(b"fLaC");
            timed.extend(sound(page.stream, page.body));
            if film.is_none()
                && let Some((clock, frame)) = theora(page.stream, page.body)
            {
                film = Some((page.stream, frame));
                timed.push(clock);
            }
        } else {
            match film {
                Some((stream, _)) if comments.whole.is_none() => {
                    if page.stream == stream {
                        comments.take(&page);
                    }
                }
                _ => break,
            }
        }
        if timed.len() > MOST_TIMED {
            break;
        }
    }
    // What is only heard is lofty's.
    let Some((_, frame)) = film else { return Ok(()) };
    if frame.0 > 0 && frame.1 > 0 {
        found.frame = Some(frame);
    }
    if let Some(packet) = &comments.whole {
        // Comments that are cut short say what they say until then.
        let _ = of_comments(packet, found);
    }
    let tail = source.sample(source.len().saturating_sub(TAIL as u64), TAIL)?;
    found.put_millis(
        timed.iter().map(|one| last(one.stream, &tail).map_or(0, |at| one.millis(at))).max().unwrap_or(0),
    );
    Ok(())
}

/// The first packet of a stream's further pages.
#[derive(Default)]
struct Packets {
    begun: Vec<u8>,
    whole: Option<Vec<u8>>,
}

impl Packets {
    fn take(&mut self, page: &Page<'_>) {
        let pieces =
            page.lacing.iter().position(|size| *size < 255).map_or(page.lacing, |last| &page.lacing[..=last]);
        let length: usize = pieces.iter().map(|size| usize::from(*size)).sum();
        self.begun.extend_from_slice(&page.body[..length.min(page.body.len())]);
        if pieces.last().is_some_and(|size| *size < 255) {
            self.whole = Some(std::mem::take(&mut self.begun));
        }
    }
}

/// Comments as Vorbis has them (<https://xiph.org/vorbis/doc/v-comment.html>).
fn of_comments(packet: &[u8], found: &mut Found) -> Option<()> {
    let mut bytes = Bytes(packet.strip_prefix(b"\x81theora")?);
    let text = |bytes: &mut Bytes<'_>| {
        let length = bytes.u32_le()?;
        bytes.take_claimed(length.into()).map(|text| utf8(text.0))
    };
    // Who made it.
    text(&mut bytes)?;
    for _ in 0..bytes.u32_le()? {
        let comment = text(&mut bytes)?;
        let Some((name, value)) = comment.split_once('=') else { continue };
        found.put_attribute(name, &Value::Text(value.to_owned()), &format!("Vorbis comment {name}"));
    }
    Some(())
}

/// The position at the end of a stream.
fn last(stream: u32, tail: &[u8]) -> Option<u64> {
    let pages = (0..tail.len().saturating_sub(4)).rev().filter(|at| tail[*at..].starts_with(b"OggS"));
    pages
        .filter_map(|at| page(&mut Bytes(&tail[at..])))
        .find_map(|page| (page.stream == stream && page.position != NOWHERE).then_some(page.position))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use proptest::prelude::*;

    use super::*;
    use crate::library::kind::Streams;
    use crate::model::media::Field;

    fn page_of(flags: u8, position: u64, body: &[u8]) -> Vec<u8> {
        let mut lacing = vec![255; body.len() / 255];
        lacing.push(u8::try_from(body.len() % 255).unwrap());
        let count = u8::try_from(lacing.len()).unwrap();
        [&b"OggS\0"[..], &[flags], &position.to_le_bytes(), &[7, 0, 0, 0], &[0; 8], &[count], &lacing, body]
            .concat()
    }

    fn read(bytes: &[u8]) -> Found {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        let mut found = Found::default();
        super::read(&Source::of(file).unwrap(), bytes, &mut found).unwrap();
        found
    }

    #[test]
    fn kinds_are_told_by_all_streams() {
        let of = |pages: &[Vec<u8>]| read(&pages.concat()).streams;
        let audio = Streams { audio: true, video: false };
        assert_eq!(of(&[page_of(2, 0, b"\x01vorbis")]), audio);
        assert_eq!(of(&[page_of(2, 0, b"OpusHead")]), audio);
        let film = [b"fishead\0", &b"\x80theora"[..], b"\x01vorbis"].map(|first| page_of(2, 0, first));
        assert_eq!(of(&film), Streams { audio: true, video: true });
        assert_eq!(of(&[page_of(0, 0, b""), page_of(2, 0, b"\x80theora")]), Streams::default());
    }

    #[test]
    fn a_film_tells_its_size_its_length_and_what_is_in_its_comments() {
        let shape = [0, 0, 0, 0, 0, 0, 0];
        let rest = [&[0, 2, 128, 0, 1, 224, 0, 0][..], &25_u32.to_be_bytes(), &1_u32.to_be_bytes(), &[0; 10]]
            .concat();
        // Six bits of quality, then five of the shift: 6.
        let first = [&b"\x80theora\x03\x02\x01"[..], &shape[..4], &rest, &[0, 6 << 5]].concat();
        let long = format!("TITLE={}", "x".repeat(300));
        let mut comments = b"\x81theora\x01\0\0\0v\x02\0\0\0".to_vec();
        for comment in ["wm/contentdistributor=Shop", &long] {
            comments.extend(u32::try_from(comment.len()).unwrap().to_le_bytes());
            comments.extend(comment.as_bytes());
        }
        let file = [
            page_of(2, 0, &first),
            page_of(0, 0, &comments),
            page_of(0, (40 << 6) + 10, b"frames"),
            page_of(4, NOWHERE, b"x"),
        ];
        let found = read(&file.concat());
        assert_eq!(found.frame, Some((640, 480)));
        assert_eq!(found.info[&Field::Duration], "2000");
        assert_eq!(found.info[&Field::Distributor], "Shop");
        assert_eq!(found.info[&Field::Title], "x".repeat(300));
    }

    proptest! {
        #[test]
        fn no_bytes_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..4000)) {
            read(&[b"OggS".as_slice(), &bytes].concat());
            let first = [&b"\x80theora"[..], &bytes[..bytes.len().min(200)]].concat();
            read(&[page_of(2, 0, &first), page_of(0, u64::MAX - 1, &bytes)].concat());
        }
    }
}
