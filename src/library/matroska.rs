//! The head of Matroska and `WebM` files: title, length, streams, tags and cover (RFC 9559). The crates there are take
//! a length field's word for what to allocate, so this small reader is our own.

use std::io::{self, Read, Seek, SeekFrom};

use super::bytes::{Bytes, utf8};
use super::found::{Found, MOST_COVER};
use super::source::Source;
use crate::model::media::Field;

/// Elements that are looked at, at most.
const MOST_ELEMENTS: usize = 20_000;
/// Bytes of one element that are taken into memory, at most; a cover has a bound of its own.
const MOST_BYTES: usize = 1 << 20;
/// Places that a seek head is followed to, at most.
const MOST_PLACES: usize = 64;

pub(super) const EBML: u32 = 0x1A45_DFA3;
pub(super) const SEGMENT: u32 = 0x1853_8067;
pub(super) const SEEK_HEAD: u32 = 0x114D_9B74;
pub(super) const SEEK: u32 = 0x4DBB;
pub(super) const SEEK_ID: u32 = 0x53AB;
pub(super) const SEEK_POSITION: u32 = 0x53AC;
const INFO: u32 = 0x1549_A966;
const TIMESTAMP_SCALE: u32 = 0x2A_D7B1;
const DURATION: u32 = 0x4489;
const TITLE: u32 = 0x7BA9;
pub(super) const TRACKS: u32 = 0x1654_AE6B;
const TRACK_ENTRY: u32 = 0xAE;
const TRACK_TYPE: u32 = 0x83;
const VIDEO: u32 = 0xE0;
const PIXEL_WIDTH: u32 = 0xB0;
const PIXEL_HEIGHT: u32 = 0xBA;
pub(super) const TAGS: u32 = 0x1254_C367;
pub(super) const TAG: u32 = 0x7373;
pub(super) const TARGETS: u32 = 0x63C0;
pub(super) const TARGET_LEVEL: u32 = 0x68CA;
pub(super) const SIMPLE_TAG: u32 = 0x67C8;
pub(super) const TAG_NAME: u32 = 0x45A3;
pub(super) const TAG_STRING: u32 = 0x4487;
const CLUSTER: u32 = 0x1F43_B675;
const ATTACHMENTS: u32 = 0x1941_A469;
const ATTACHED_FILE: u32 = 0x61A7;
const FILE_MEDIA_TYPE: u32 = 0x4660;
const FILE_DATA: u32 = 0x465C;

/// The level of a tag about an album, a film or an episode's season; below it are tracks.
const ALBUM: u64 = 50;

/// An element: where what is in it begins, and where that ends.
#[derive(Clone, Copy)]
struct Element {
    id: u32,
    start: u64,
    end: u64,
    /// Whether its length was left open, as live recordings have it.
    is_open: bool,
}

/// Reads the head of a file.
pub(super) fn read(source: &mut Source, found: &mut Found) -> io::Result<()> {
    let end = source.len();
    let mut walk = Walk { source, left: MOST_ELEMENTS, read: Vec::new(), tags: Vec::new() };
    let mut at = 0;
    let Some(first) = walk.next(&mut at, end)? else { return Ok(()) };
    if first.id != EBML || first.is_open {
        return Ok(());
    }
    while let Some(element) = walk.next(&mut at, end)? {
        if element.id == SEGMENT {
            walk.segment(element, found)?;
            break;
        }
    }
    // Tracks before tags: what an album's title means depends on the streams.
    for bytes in std::mem::take(&mut walk.tags) {
        tags(&bytes, found);
    }
    Ok(())
}

struct Walk<'a> {
    source: &'a mut Source,
    left: usize,
    /// Where elements were read already: a seek head may name them again.
    read: Vec<u64>,
    tags: Vec<Vec<u8>>,
}

impl Walk<'_> {
    /// The element at a place, which then moves behind it.
    fn next(&mut self, at: &mut u64, end: u64) -> io::Result<Option<Element>> {
        if self.left == 0 || *at >= end {
            return Ok(None);
        }
        self.left -= 1;
        self.source.seek(SeekFrom::Start(*at))?;
        let mut head = [0; 12];
        let there = usize::try_from(end - *at).unwrap_or(usize::MAX).min(head.len());
        self.source.read_exact(&mut head[..there])?;
        let mut bytes = Bytes(&head[..there]);
        let Some((id, size)) = id(&mut bytes).zip(size(&mut bytes)) else { return Ok(None) };
        let size = size.known();
        let start = *at + (there - bytes.len()) as u64;
        *at = size.map_or(end, |size| start.saturating_add(size).min(end));
        Ok(Some(Element { id, start, end: *at, is_open: size.is_none() }))
    }

    fn segment(&mut self, segment: Element, found: &mut Found) -> io::Result<()> {
        let mut places = Vec::new();
        let mut at = segment.start;
        while let Some(element) = self.next(&mut at, segment.end)? {
            match element.id {
                SEEK_HEAD => places.extend(seek_head(&self.payload(element)?)),
                // There may be more media than is looked at: what the seek head knows comes before.
                CLUSTER if !element.is_open => self.follow(segment, std::mem::take(&mut places), found)?,
                // What follows an open cluster can't be told from what is in it: only a seek head leads there.
                _ if element.is_open => break,
                _ => self.top_level(element, found)?,
            }
        }
        self.follow(segment, places, found)
    }

    /// Looks where a seek head leads to.
    fn follow(&mut self, segment: Element, places: Vec<u64>, found: &mut Found) -> io::Result<()> {
        for place in places.into_iter().take(MOST_PLACES) {
            let mut at = segment.start.saturating_add(place);
            if let Some(element) = self.next(&mut at, segment.end)?.filter(|element| !element.is_open) {
                self.top_level(element, found)?;
            }
        }
        Ok(())
    }

    fn top_level(&mut self, element: Element, found: &mut Found) -> io::Result<()> {
        if !matches!(element.id, INFO | TRACKS | TAGS | ATTACHMENTS) || self.read.contains(&element.start) {
            return Ok(());
        }
        self.read.push(element.start);
        match element.id {
            INFO => info(&self.payload(element)?, found),
            TRACKS => tracks(&self.payload(element)?, found),
            TAGS if self.tags.len() < MOST_PLACES => {
                let bytes = self.payload(element)?;
                self.tags.push(bytes);
            }
            ATTACHMENTS => self.attachments(element, found)?,
            _ => {}
        }
        Ok(())
    }

    fn payload(&mut self, element: Element) -> io::Result<Vec<u8>> {
        let there = usize::try_from(element.end.saturating_sub(element.start)).unwrap_or(usize::MAX);
        self.source.read_at(element.start, there.min(MOST_BYTES))
    }

    fn attachments(&mut self, attachments: Element, found: &mut Found) -> io::Result<()> {
        let mut at = attachments.start;
        while let Some(file) = self.next(&mut at, attachments.end)? {
            let (mut is_picture, mut data) = (false, None);
            let mut inside = file.start;
            while let Some(part) = self.next(&mut inside, file.end)?.filter(|_| file.id == ATTACHED_FILE) {
                match part.id {
                    FILE_MEDIA_TYPE => is_picture = self.payload(part)?.starts_with(b"image/"),
                    FILE_DATA => data = Some(part),
                    _ => {}
                }
            }
            let Some(data) = data.filter(|data| is_picture && data.end - data.start <= MOST_COVER as u64)
            else {
                continue;
            };
            found.has_cover = true;
            if found.wants_cover && found.cover.is_none() {
                let bytes = self.source.read_at(data.start, MOST_COVER)?;
                let length = usize::try_from(data.end - data.start).unwrap_or(0).min(bytes.len());
                found.put_cover(&bytes[..length]);
            }
        }
        Ok(())
    }
}

/// An element's id, with the bits that say how long it is.
pub(super) fn id(bytes: &mut Bytes<'_>) -> Option<u32> {
    let first = bytes.u8()?;
    let more = first.leading_zeros();
    let more = (more < 4).then_some(more)?;
    (0..more).try_fold(u32::from(first), |id, _| Some(id << 8 | u32::from(bytes.u8()?)))
}

/// An element's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    Known(u64),
    /// Left open, as live recordings have it.
    Open,
}

impl Size {
    pub(super) fn known(self) -> Option<u64> {
        match self {
            Self::Known(size) => Some(size),
            Self::Open => None,
        }
    }
}

pub(super) fn size(bytes: &mut Bytes<'_>) -> Option<Size> {
    let first = bytes.u8()?;
    let more = first.leading_zeros();
    let more = (more < 8).then_some(more)?;
    let begin = u64::from(first) & (0x7f >> more);
    let size = (0..more).try_fold(begin, |size, _| Some(size << 8 | u64::from(bytes.u8()?)))?;
    let all_ones = (1_u64 << (7 * (more + 1))) - 1;
    Some(if size == all_ones { Size::Open } else { Size::Known(size) })
}

/// The elements in a run of bytes; what is cut off is handed out as far as it goes.
fn elements(bytes: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    let mut bytes = Bytes(bytes);
    std::iter::from_fn(move || {
        let id = id(&mut bytes)?;
        let size = size(&mut bytes)?.known();
        let there =
            size.map_or(bytes.len(), |size| usize::try_from(size).unwrap_or(usize::MAX)).min(bytes.len());
        Some((id, bytes.take(there)?))
    })
    .take(MOST_ELEMENTS)
}

/// A number of up to eight bytes.
pub(super) fn number(bytes: &[u8]) -> Option<u64> {
    (bytes.len() <= 8).then(|| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

fn real(bytes: &[u8]) -> Option<f64> {
    match bytes.len() {
        4 => Some(f64::from(f32::from_be_bytes(bytes.try_into().ok()?))),
        8 => Some(f64::from_be_bytes(bytes.try_into().ok()?)),
        _ => None,
    }
}

/// Where the elements lie that a seek head names, those of use only.
fn seek_head(bytes: &[u8]) -> Vec<u64> {
    let mut places = Vec::new();
    for (_, seek) in elements(bytes).filter(|(id, _)| *id == SEEK) {
        let (mut wanted, mut place) = (false, None);
        for (id, value) in elements(seek) {
            match id {
                SEEK_ID => {
                    wanted = number(value).is_some_and(|id| {
                        [INFO, TRACKS, TAGS, ATTACHMENTS].iter().any(|useful| u64::from(*useful) == id)
                    });
                }
                SEEK_POSITION => place = number(value),
                _ => {}
            }
        }
        places.extend(place.filter(|_| wanted));
    }
    places
}

fn info(bytes: &[u8], found: &mut Found) {
    let (mut scale, mut units) = (1_000_000, None);
    for (id, value) in elements(bytes) {
        match id {
            TITLE => found.put(Field::Title, &utf8(value)),
            TIMESTAMP_SCALE => scale = number(value).unwrap_or(scale),
            DURATION => units = real(value),
            _ => {}
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "a length is shown in seconds")]
    let millis = units.map_or(0.0, |units| units * scale as f64 / 1e6);
    if millis.is_finite() && (1.0..1e15).contains(&millis) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked just before")]
        found.put_millis(millis as u64);
    }
}

pub(super) fn tracks(bytes: &[u8], found: &mut Found) {
    for (_, track) in elements(bytes).filter(|(id, _)| *id == TRACK_ENTRY) {
        for (id, value) in elements(track) {
            match id {
                TRACK_TYPE => match number(value) {
                    Some(1) => found.streams.video = true,
                    Some(2) => found.streams.audio = true,
                    _ => {}
                },
                VIDEO => {
                    let pixels = |wanted| {
                        let value = elements(value).find(|(id, _)| *id == wanted)?.1;
                        u32::try_from(number(value)?).ok()
                    };
                    found.frame = found.frame.or(pixels(PIXEL_WIDTH).zip(pixels(PIXEL_HEIGHT)));
                }
                _ => {}
            }
        }
    }
}

fn tags(bytes: &[u8], found: &mut Found) {
    let mut said = Vec::new();
    for (_, tag) in elements(bytes).filter(|(id, _)| *id == TAG) {
        // None where it says nothing: writers put tracks' values there too.
        let mut level = None;
        for (id, value) in elements(tag) {
            match id {
                TARGETS => {
                    let found = elements(value).find(|(id, _)| *id == TARGET_LEVEL);
                    level = found.and_then(|(_, value)| number(value));
                }
                SIMPLE_TAG => {
                    let text = |wanted| {
                        let found = elements(value).find(|(id, _)| *id == wanted);
                        found.map(|(_, value)| utf8(&value[..value.len().min(1 << 16)]))
                    };
                    said.extend(text(TAG_NAME).zip(text(TAG_STRING)).map(|(name, text)| (level, name, text)));
                }
                _ => {}
            }
        }
    }
    // Tracks speak before their albums.
    said.sort_by_key(|(level, _, _)| level.unwrap_or(0));
    let is_album = !found.streams.video;
    for (level, name, text) in said {
        let field = match (Field::of_name(&name), name.to_ascii_uppercase().as_str()) {
            (_, "PART_NUMBER") => Some(Field::Track),
            (_, "DISTRIBUTED_BY") => Some(Field::Distributor),
            // Numbers, names and lengths of statistics that muxers add.
            (Some(Field::Duration), _) => None,
            (field, _) => field,
        };
        match (field, level) {
            (Some(Field::Distributor), _) => found.put_distributor(&text, &format!("Matroska tag {name}")),
            (Some(Field::Title), Some(ALBUM)) if is_album => found.put(Field::Album, &text),
            (Some(Field::Artist), Some(ALBUM)) if is_album => {
                found.put(Field::AlbumArtist, &text);
                found.put(Field::Artist, &text);
            }
            (Some(field), _) => found.put(field, &text),
            (None, _) => {
                if name.eq_ignore_ascii_case("WM/MediaClassPrimaryID") {
                    found.put_attribute(&name, &super::found::Value::Text(text), "Matroska tag");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::library::kind::Streams;

    fn element(id: u32, inside: &[u8]) -> Vec<u8> {
        let id: Vec<u8> = id.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
        let size = (inside.len() as u64 | 1 << 56).to_be_bytes();
        [&id[..], &size, inside].concat()
    }

    fn simple(name: &str, text: &str) -> Vec<u8> {
        element(
            SIMPLE_TAG,
            &[element(TAG_NAME, name.as_bytes()), element(TAG_STRING, text.as_bytes())].concat(),
        )
    }

    fn tag(level: u8, inside: &[Vec<u8>]) -> Vec<u8> {
        element(TAG, &[element(TARGETS, &element(TARGET_LEVEL, &[level])), inside.concat()].concat())
    }

    fn shop_file(track_type: u8) -> Vec<u8> {
        let tags = [
            tag(50, &[simple("TITLE", "The Album"), simple("ARTIST", "Tailspin")]),
            tag(
                30,
                &[
                    simple("PART_NUMBER", "3"),
                    simple("WM/CONTENTDISTRIBUTOR", "Tailspin Records"),
                    simple("DURATION", "00:01:00.000000000"),
                ],
            ),
        ];
        let cover = [element(FILE_MEDIA_TYPE, b"image/png"), element(FILE_DATA, b"\x89PNG")].concat();
        let segment = [
            element(INFO, &[element(TITLE, b"Delta"), element(DURATION, &60_000_f64.to_be_bytes())].concat()),
            element(TRACKS, &element(TRACK_ENTRY, &element(TRACK_TYPE, &[track_type]))),
            element(0x1F43_B675, &[0; 200]),
            element(ATTACHMENTS, &element(ATTACHED_FILE, &cover)),
            element(TAGS, &tags.concat()),
        ];
        [element(EBML, &[]), element(SEGMENT, &segment.concat())].concat()
    }

    fn read_file(bytes: &[u8]) -> Found {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, bytes).unwrap();
        let mut found = Found { wants_cover: true, ..Found::default() };
        // An end in the middle is no harm: what was found counts.
        let _ = read(&mut Source::open(&path).unwrap(), &mut found);
        found
    }

    #[test]
    fn tags_streams_length_and_cover_are_read() {
        let found = read_file(&shop_file(2));
        let table = [
            (Field::Title, "Delta"),
            (Field::Album, "The Album"),
            (Field::AlbumArtist, "Tailspin"),
            (Field::Artist, "Tailspin"),
            (Field::Track, "3"),
            (Field::Distributor, "Tailspin Records"),
            (Field::Duration, "60000"),
        ];
        for (field, text) in table {
            assert_eq!(found.info.get(&field).map(String::as_str), Some(text), "{field:?}");
        }
        assert_eq!(found.distributor_in.as_deref(), Some("Matroska tag WM/CONTENTDISTRIBUTOR"));
        assert_eq!(found.streams, Streams { audio: true, video: false });
        assert_eq!(found.cover.as_deref(), Some(&b"\x89PNG"[..]));
        // A film's title is its own.
        let film = read_file(&shop_file(1));
        assert_eq!(film.info.get(&Field::Album), None);
    }

    #[test]
    fn what_the_seek_head_knows_is_read_however_much_media_there_is() {
        let clusters = element(CLUSTER, &[]).repeat(MOST_ELEMENTS + 1);
        let tags = element(TAGS, &tag(50, &[simple("ARTIST", "Tailspin")]));
        let head = |place: u64| {
            let seek = [element(SEEK_ID, &TAGS.to_be_bytes()), element(SEEK_POSITION, &place.to_be_bytes())];
            element(SEEK_HEAD, &element(SEEK, &seek.concat()))
        };
        let place = head(0).len() + clusters.len();
        let segment = [head(place as u64), clusters, tags].concat();
        let found = read_file(&[element(EBML, &[]), element(SEGMENT, &segment)].concat());
        assert_eq!(found.info[&Field::Artist], "Tailspin");
    }

    #[test]
    fn a_file_that_ends_anywhere_is_survived() {
        let whole = shop_file(2);
        for end in 0..whole.len() {
            read_file(&whole[..end]);
        }
    }

    #[test]
    fn a_gigabyte_that_is_claimed_is_not_taken() {
        let mut file = element(EBML, &[]);
        file.extend([0x18, 0x53, 0x80, 0x67, 0x01, 0, 0, 0, 0x40, 0, 0, 0]);
        file.extend([0x12, 0x54, 0xc3, 0x67, 0x08, 0x40, 0, 0, 0]);
        let found = read_file(&file);
        assert!(found.info.is_empty());
    }

    #[test]
    fn sizes_are_read_in_every_length() {
        let table: [(&[u8], Option<Size>); 5] = [
            (&[0x81], Some(Size::Known(1))),
            (&[0x40, 0x02], Some(Size::Known(2))),
            (&[0xff], Some(Size::Open)),
            (&[0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], Some(Size::Open)),
            (&[0x00, 1, 2, 3, 4, 5, 6, 7, 8], None),
        ];
        for (bytes, is) in table {
            assert_eq!(size(&mut Bytes(bytes)), is, "{bytes:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_bytes_do_harm(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..30)) {
            let mut bytes = shop_file(2);
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            read_file(&bytes);
        }

        #[test]
        fn no_random_tags_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
            tags(&bytes, &mut Found::default());
            tracks(&bytes, &mut Found::default());
            info(&bytes, &mut Found::default());
            seek_head(&bytes);
        }
    }
}
