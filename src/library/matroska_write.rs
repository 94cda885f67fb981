//! Values written into the tags of Matroska and `WebM` files (RFC 9559, section 5.1.8; names as the registry of tags and ffmpeg have
//! them). Nothing moves: the new tags go behind everything else, the old ones become void, and the seek head tells of the new place.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use super::bytes::Bytes;
use super::found::Found;
use super::matroska::{
    EBML, SEEK, SEEK_HEAD, SEEK_ID, SEEK_POSITION, SEGMENT, SIMPLE_TAG, TAG, TAG_NAME, TAG_STRING, TAGS,
    TARGET_LEVEL, TARGETS, TRACKS, id, number, size, tracks,
};
use crate::model::media::{Field, Info};

const VOID: u32 = 0xEC;
/// The sum of everything else in an element (RFC 8794, section 11.3.1).
const CRC_32: u32 = 0xBF;
/// The level of tags about an album or a film, which is meant where none is said, and of those about one track.
const WHOLE: u64 = 50;
const TRACK: u64 = 30;
/// Elements of a segment, at most; an hour of film has some thousands.
const MOST_TOPS: usize = 4_000_000;
/// Bytes that are held of one element, at most.
const MOST_HELD: u64 = 64 << 20;
/// Elements in one that is held, at most.
const MOST_PIECES: usize = 100_000;
/// Bytes of an element's own head, at most.
const MOST_HEAD: usize = 12;

const SENSELESS: &str = "its elements make no sense";

/// An element in the file: where its size stands, where what is in it begins, and where that ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Top {
    id: u32,
    start: u64,
    size_at: u64,
    inside: u64,
    end: u64,
    is_open: bool,
}

impl Top {
    fn whole(&self) -> u64 {
        self.end - self.start
    }

    /// Bytes of its size.
    fn width(&self) -> usize {
        usize::try_from(self.inside - self.size_at).unwrap_or(MOST_HEAD)
    }
}

/// An element in bytes: with its own head, and what is in it.
struct Piece<'a> {
    id: u32,
    whole: &'a [u8],
    inside: &'a [u8],
}

/// Writes values into a file that nobody needs yet.
///
/// # Errors
/// Why not: a sentence. The file is of no use then.
pub(super) fn write(file: &File, set: &Info) -> Result<(), String> {
    let told = |error: io::Error| error.to_string();
    let length = file.metadata().map_err(told)?.len();
    let segment = segment(file, length).map_err(told)?.ok_or(SENSELESS)?;
    let tops = tops(file, segment).map_err(told)?.ok_or(SENSELESS)?;
    if tops.iter().any(|top| top.is_open) {
        return Err("lengths in it were left open, as live recordings have them".into());
    }
    if tops.iter().any(|top| top.id == CRC_32) {
        return Err("a sum is over all of it".into());
    }
    let mut found = Found::default();
    for top in tops.iter().filter(|top| top.id == TRACKS) {
        tracks(&inside(file, top)?, &mut found);
    }
    let old = tops.iter().rfind(|top| top.id == TAGS);
    let is_led_to = tops.iter().any(|top| top.id == SEEK_HEAD);
    if old.is_some_and(|old| old.end != length) && !is_led_to {
        return Err("nothing would lead to its tags behind its pictures and sound".into());
    }
    let before = old.map(|old| inside(file, old)).transpose()?.unwrap_or_default();
    let new = element(TAGS, 8, &with(&before, set, found.streams.video).ok_or(SENSELESS)?);
    // Tags that are the last grow where they are.
    let place = old.filter(|old| old.end == length).map_or(length, |old| old.start);
    let end = place + new.len() as u64;
    lead(file, &tops, old, segment.inside, place)?;
    if let Some(old) = old.filter(|old| old.start != place) {
        file.write_all_at(&void(old.whole()).ok_or(SENSELESS)?, old.start).map_err(told)?;
    }
    file.set_len(place).and_then(|()| file.write_all_at(&new, place)).map_err(told)?;
    if !segment.is_open {
        let size = vint(end - segment.inside, segment.width()).ok_or("there is no room for its new size")?;
        file.write_all_at(&size, segment.size_at).map_err(told)?;
    }
    Ok(())
}

/// The one segment of a file, which ends with it.
fn segment(file: &File, length: u64) -> io::Result<Option<Top>> {
    let Some(first) = top(file, 0, length)?.filter(|first| first.id == EBML && !first.is_open) else {
        return Ok(None);
    };
    let mut at = first.end;
    for _ in 0..MOST_HEAD {
        match top(file, at, length)? {
            Some(void) if void.id == VOID && !void.is_open => at = void.end,
            found => return Ok(found.filter(|found| found.id == SEGMENT && found.end == length)),
        }
    }
    Ok(None)
}

/// All elements of a segment; none where they don't fill it.
fn tops(file: &File, segment: Top) -> io::Result<Option<Vec<Top>>> {
    let (mut at, mut tops) = (segment.inside, Vec::new());
    while at < segment.end {
        let Some(top) = top(file, at, segment.end)?.filter(|_| tops.len() < MOST_TOPS) else {
            return Ok(None);
        };
        at = top.end;
        tops.push(top);
    }
    Ok(Some(tops))
}

/// The element at a place, where it ends before `most`.
fn top(file: &File, start: u64, most: u64) -> io::Result<Option<Top>> {
    let mut head = [0; MOST_HEAD];
    let there = usize::try_from(most - start).unwrap_or(MOST_HEAD).min(MOST_HEAD);
    file.read_exact_at(&mut head[..there], start)?;
    let mut bytes = Bytes(&head[..there]);
    let place = |bytes: Bytes<'_>| start + (there - bytes.len()) as u64;
    let Some(id) = id(&mut bytes) else { return Ok(None) };
    let size_at = place(bytes);
    let Some(size) = size(&mut bytes) else { return Ok(None) };
    let inside = place(bytes);
    let end = size.known().map_or(Some(most), |size| inside.checked_add(size)).filter(|end| *end <= most);
    Ok(end.map(|end| Top { id, start, size_at, inside, end, is_open: size.known().is_none() }))
}

fn inside(file: &File, top: &Top) -> Result<Vec<u8>, String> {
    if top.whole() > MOST_HELD {
        return Err("there is too much beside its pictures and sound".into());
    }
    let mut bytes = vec![0; usize::try_from(top.end - top.inside).unwrap_or(usize::MAX)];
    file.read_exact_at(&mut bytes, top.inside).map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// The elements in some bytes; none where they don't fill them.
fn pieces(bytes: &[u8]) -> Option<Vec<Piece<'_>>> {
    let (mut rest, mut pieces) = (Bytes(bytes), Vec::new());
    while !rest.is_empty() {
        if pieces.len() == MOST_PIECES {
            return None;
        }
        let all = rest.0;
        let id = id(&mut rest)?;
        let size = size(&mut rest)?.known()?;
        let inside = rest.take_claimed(size)?.0;
        pieces.push(Piece { id, whole: &all[..all.len() - rest.len()], inside });
    }
    Some(pieces)
}

/// Lets the seek head lead to the tags at a place, instead of to the old ones. A file may have none: then nothing leads anywhere.
fn lead(file: &File, tops: &[Top], old: Option<&Top>, origin: u64, place: u64) -> Result<(), String> {
    let told = |error: io::Error| error.to_string();
    let (was, is) = (old.map(|old| old.start - origin), place - origin);
    if was == Some(is) {
        return Ok(());
    }
    let mut heads = Vec::new();
    for (at, top) in tops.iter().enumerate().filter(|(_, top)| top.id == SEEK_HEAD) {
        heads.push((at, inside(file, top)?));
    }
    let leads = |head: &[u8]| {
        let seeks = pieces(head).into_iter().flatten();
        was.is_some() && seeks.into_iter().any(|seek| leads_to(&seek) == was)
    };
    let of_old = heads.iter().position(|(_, head)| leads(head));
    let Some((at, head)) = heads.get(of_old.unwrap_or(0)) else { return Ok(()) };
    let mut new = Vec::new();
    for piece in pieces(head).ok_or(SENSELESS)?.iter().filter(|piece| piece.id != CRC_32) {
        match of_old.and(leads_to(piece)) {
            Some(place) if Some(place) == was => new.extend(seek(is, position_width(piece))),
            _ => new.extend(piece.whole),
        }
    }
    if of_old.is_none() {
        new.extend(seek(is, 1));
    }
    // Muxers leave room behind it.
    let room = tops.get(at + 1).filter(|next| next.id == VOID).map_or(0, Top::whole);
    let (top, full) = (tops[*at], "there is no room in its seek head");
    let fitted = |inside: &[u8], width: usize| {
        let mut bytes = element(SEEK_HEAD, width, inside);
        let left = (top.whole() + room).checked_sub(bytes.len() as u64)?;
        bytes.extend(if left == 0 { Vec::new() } else { void_head(left)? });
        Some(bytes)
    };
    // A void takes two bytes at least: a single one that is left goes into the size. And a sum may be left out.
    let with_sum = summed(new.clone(), head);
    let find = |inside: &[u8]| (top.width()..=8).find_map(|width| fitted(inside, width));
    let bytes = find(&with_sum).or_else(|| find(&new)).ok_or(full)?;
    file.write_all_at(&bytes, top.start).map_err(told)
}

/// Where an entry of a seek head says that tags are.
fn leads_to(seek: &Piece<'_>) -> Option<u64> {
    let parts = (seek.id == SEEK).then(|| pieces(seek.inside))??;
    let value = |id| parts.iter().find(|part| part.id == id).and_then(|part| number(part.inside));
    (value(SEEK_ID)? == u64::from(TAGS)).then(|| value(SEEK_POSITION))?
}

fn position_width(seek: &Piece<'_>) -> usize {
    let parts = pieces(seek.inside).unwrap_or_default();
    parts.iter().find(|part| part.id == SEEK_POSITION).map_or(1, |part| part.inside.len())
}

/// An entry of a seek head for tags, its position in so many bytes or as many as it needs.
fn seek(position: u64, width: usize) -> Vec<u8> {
    let bytes = position.to_be_bytes();
    let needed = 8 - bytes.iter().take(7).take_while(|byte| **byte == 0).count();
    let position = &bytes[8 - needed.max(width).min(8)..];
    let inside = [element(SEEK_ID, 1, &TAGS.to_be_bytes()), element(SEEK_POSITION, 1, position)].concat();
    element(SEEK, 1, &inside)
}

/// What is in tags, with values put to those of their level.
fn with(before: &[u8], set: &Info, is_film: bool) -> Option<Vec<u8>> {
    let mut left: Vec<(u64, Vec<u8>)> = Vec::new();
    for (field, text) in set {
        let Some((name, level)) = name(*field, is_film) else { continue };
        let inside =
            [element(TAG_NAME, 1, name.as_bytes()), element(TAG_STRING, 8, text.as_bytes())].concat();
        let value = element(SIMPLE_TAG, 8, &inside);
        match left.iter_mut().find(|(other, _)| *other == level) {
            Some((_, values)) => values.extend(value),
            None => left.push((level, value)),
        }
    }
    let mut new = Vec::new();
    for piece in pieces(before)?.iter().filter(|piece| piece.id != CRC_32) {
        let level = (piece.id == TAG).then(|| level_of(piece.inside)).flatten();
        match level.and_then(|level| left.iter().position(|(other, _)| *other == level)) {
            Some(at) => {
                let (_, values) = left.swap_remove(at);
                new.extend(element(TAG, 8, &summed([plain(piece.inside)?, values].concat(), piece.inside)));
            }
            None => new.extend(piece.whole),
        }
    }
    for (level, values) in left {
        let level = element(TARGET_LEVEL, 1, &[u8::try_from(level).ok()?]);
        new.extend(element(TAG, 8, &[element(TARGETS, 1, &level), values].concat()));
    }
    Some(summed(new, before))
}

/// What a value is called, and at which level.
fn name(field: Field, is_film: bool) -> Option<(&'static str, u64)> {
    let level = if is_film { WHOLE } else { TRACK };
    Some(match field {
        Field::Title => ("TITLE", level),
        Field::Artist => ("ARTIST", level),
        Field::Track => ("PART_NUMBER", level),
        Field::Album => ("ALBUM", WHOLE),
        Field::AlbumArtist => ("ALBUM_ARTIST", WHOLE),
        Field::Disc => ("DISC", WHOLE),
        Field::Genre => ("GENRE", WHOLE),
        Field::Date => ("DATE_RELEASED", WHOLE),
        Field::Distributor => ("DISTRIBUTED_BY", WHOLE),
        Field::Provider => ("PROVIDER", WHOLE),
        Field::Rating | Field::Duration => return None,
    })
}

/// The level of a tag that is about nothing but that; none where it is about one stream, chapter or attachment.
fn level_of(tag: &[u8]) -> Option<u64> {
    let pieces = pieces(tag)?;
    let Some(targets) = pieces.iter().find(|piece| piece.id == TARGETS) else { return Some(WHOLE) };
    match self::pieces(targets.inside)?.as_slice() {
        [] => Some(WHOLE),
        [level] if level.id == TARGET_LEVEL => number(level.inside),
        _ => None,
    }
}

/// An element's inside without its sum.
fn plain(inside: &[u8]) -> Option<Vec<u8>> {
    let pieces = pieces(inside)?;
    Some(pieces.iter().filter(|piece| piece.id != CRC_32).flat_map(|piece| piece.whole).copied().collect())
}

/// New contents, with their sum where the old ones had one.
fn summed(new: Vec<u8>, old: &[u8]) -> Vec<u8> {
    let had = pieces(old).is_some_and(|pieces| pieces.iter().any(|piece| piece.id == CRC_32));
    if !had {
        return new;
    }
    let sum = crc32fast::hash(&new).to_le_bytes();
    [element(CRC_32, 1, &sum), new].concat()
}

/// An element whose size takes so many bytes, or as many as it needs.
fn element(id: u32, width: usize, inside: &[u8]) -> Vec<u8> {
    let size = (width..=8).find_map(|width| vint(inside.len() as u64, width)).unwrap_or_default();
    let id = id.to_be_bytes().into_iter().skip_while(|byte| *byte == 0);
    id.chain(size).chain(inside.iter().copied()).collect()
}

/// What an element of so many bytes in all begins with that says nothing; none of fewer than two.
fn void_head(whole: u64) -> Option<Vec<u8>> {
    let width = if whole > 8 { 8 } else { 1 };
    let inside = whole.checked_sub(1 + width as u64)?;
    Some([&VOID.to_be_bytes()[3..], &vint(inside, width)?].concat())
}

/// The same, with nothing in it.
fn void(whole: u64) -> Option<Vec<u8>> {
    let mut bytes = void_head(whole)?;
    bytes.resize(usize::try_from(whole).ok()?, 0);
    Some(bytes)
}

/// A size in so many bytes. All ones would mean that it is left open.
fn vint(size: u64, width: usize) -> Option<Vec<u8>> {
    let bits = 7 * u32::try_from(width).ok()?;
    let fits = (1..=8).contains(&width) && size < (1 << bits) - 1;
    fits.then(|| (size | 1 << bits).to_be_bytes()[8 - width..].to_vec())
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Seek as _};

    use proptest::prelude::*;

    use super::super::fixtures::{file_of, fixture};
    use super::*;
    use crate::library::matroska;
    use crate::library::source::Source;

    const CLUSTER: u32 = 0x1F43_B675;
    const CUES: u32 = 0x1C53_BB6B;

    fn written(bytes: &[u8], set: &Info) -> Result<Vec<u8>, String> {
        let mut file = file_of(bytes);
        write(&file, set)?;
        let mut after = Vec::new();
        file.rewind().unwrap();
        file.read_to_end(&mut after).unwrap();
        Ok(after)
    }

    fn found(bytes: &[u8]) -> Info {
        let mut found = Found::default();
        matroska::read(&mut Source::of(file_of(bytes)).unwrap(), &mut found).unwrap();
        found.info
    }

    fn one(field: Field, text: &str) -> Info {
        [(field, text.to_owned())].into()
    }

    fn all() -> Info {
        let fields = [
            (Field::Title, "Neu ☂"),
            (Field::Artist, "Wer"),
            (Field::AlbumArtist, "Alle"),
            (Field::Album, "Platte"),
            (Field::Track, "7"),
            (Field::Disc, "2"),
            (Field::Genre, "Jazz"),
            (Field::Date, "2011"),
            (Field::Distributor, "Shop"),
            (Field::Provider, "Wingtip"),
        ];
        fields.map(|(field, text)| (field, text.to_owned())).into()
    }

    fn film(parts: &[Vec<u8>]) -> Vec<u8> {
        [element(EBML, 1, &[]), element(SEGMENT, 8, &parts.concat())].concat()
    }

    /// Tracks of a film or a song, and something that counts as its media.
    fn media(kind: u8) -> Vec<u8> {
        let tracks = element(TRACKS, 1, &element(0xAE, 1, &element(0x83, 1, &[kind])));
        [tracks, element(CLUSTER, 8, &[kind; 300]), element(CUES, 2, &[5; 20])].concat()
    }

    /// What of a file is no tag and leads to none, with the places.
    fn rest(bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
        let file = file_of(bytes);
        let segment = segment(&file, bytes.len() as u64).unwrap().unwrap();
        let tops = tops(&file, segment).unwrap().unwrap();
        let kept = tops.iter().filter(|top| ![SEEK_HEAD, VOID, TAGS].contains(&top.id));
        kept.map(|top| (top.start, inside(&file, top).unwrap())).collect()
    }

    /// Where the seek heads say that tags are, from the file's beginning, and where they are.
    fn told_and_true(bytes: &[u8]) -> (Vec<u64>, Vec<u64>) {
        let file = file_of(bytes);
        let segment = segment(&file, bytes.len() as u64).unwrap().unwrap();
        let tops = tops(&file, segment).unwrap().unwrap();
        let mut told = Vec::new();
        for head in tops.iter().filter(|top| top.id == SEEK_HEAD) {
            let head = inside(&file, head).unwrap();
            let pieces = pieces(&head).unwrap();
            if let Some(first) = pieces.first().filter(|first| first.id == CRC_32) {
                let sum = crc32fast::hash(&head[first.whole.len()..]).to_le_bytes();
                assert_eq!(first.inside, sum, "the sum is that of the rest");
            }
            told.extend(pieces.iter().filter_map(leads_to).map(|place| place + segment.inside));
        }
        (told, tops.iter().filter(|top| top.id == TAGS).map(|top| top.start).collect())
    }

    #[test]
    fn a_file_takes_everything_and_nothing_moves() {
        for kind in [1, 2] {
            let room = void(30).unwrap();
            let heads = [
                vec![],
                [element(SEEK_HEAD, 1, &[]), room.clone()].concat(),
                [element(SEEK_HEAD, 1, &summed(vec![], &element(CRC_32, 1, &[0; 4]))), room].concat(),
            ];
            for head in heads {
                let before = film(&[head.clone(), media(kind)]);
                let after = written(&before, &all()).unwrap();
                let now = found(&after);
                assert_eq!(now, all());
                assert_eq!(rest(&after), rest(&before));
                let (told, is) = told_and_true(&after);
                assert_eq!((told.len(), is.len()), (usize::from(!head.is_empty()), 1));
                assert!(told.is_empty() || told == is);
            }
        }
    }

    #[test]
    fn what_muxers_make_takes_more_and_keeps_what_it_has() {
        for name in ["film.mkv", "sound.webm"] {
            let before = fixture(name);
            let known = found(&before);
            let mut after = before.clone();
            for (field, text) in [(Field::Provider, "Wingtip"), (Field::Genre, "Jazz")] {
                let lacking = if known.contains_key(&field) { Field::Rating } else { field };
                after = written(&after, &one(lacking, text)).unwrap();
                let (told, is) = told_and_true(&after);
                assert_eq!((&told, is.len()), (&is, 1), "{name}");
            }
            let now = found(&after);
            assert_eq!(now[&Field::Provider], "Wingtip");
            assert!(known.iter().all(|(field, text)| now.get(field) == Some(text)), "{name}: {now:?}");
            assert_eq!(rest(&after), rest(&before), "{name}");
        }
    }

    #[test]
    fn tags_that_are_the_last_grow_where_they_are() {
        let text = element(SIMPLE_TAG, 1, &element(TAG_NAME, 1, b"MOOD"));
        let of_stream =
            element(TAG, 1, &[element(TARGETS, 1, &element(0x63C5, 1, &[1])), text.clone()].concat());
        let of_all = element(TAG, 1, &[element(TARGETS, 1, &[]), text].concat());
        let tags = element(TAGS, 1, &[of_stream.clone(), of_all].concat());
        let before = film(&[media(1), tags]);
        let after = written(&before, &one(Field::Distributor, "Shop")).unwrap();
        let (_, was) = told_and_true(&before);
        let (_, is) = told_and_true(&after);
        assert_eq!(was, is);
        // One tag for all of the film stays one, and that of the stream is as it was.
        let file = file_of(&after);
        let top = top(&file, is[0], after.len() as u64).unwrap().unwrap();
        let inside = inside(&file, &top).unwrap();
        let tags = pieces(&inside).unwrap();
        assert_eq!(tags.len(), 2);
        assert_eq!(tags[0].whole, of_stream);
        assert_eq!(pieces(tags[1].inside).unwrap().len(), 3);
    }

    #[test]
    fn a_full_seek_head_takes_the_new_place_in_the_room_of_the_old() {
        let tags = |mood: &[u8]| {
            element(TAGS, 8, &element(TAG, 1, &element(SIMPLE_TAG, 1, &element(TAG_NAME, 1, mood))))
        };
        let head = |place| element(SEEK_HEAD, 1, &seek(place, 2));
        let place = head(0).len() as u64;
        let before = film(&[head(place), tags(b"MOOD"), media(1)]);
        let after = written(&before, &one(Field::Genre, "Jazz")).unwrap();
        let (told, is) = told_and_true(&after);
        assert_eq!((told, is.len()), (is.clone(), 1));
        assert_eq!(rest(&after), rest(&before));
        // Without an entry for tags it has no room for one.
        // Nor would anything lead to tags behind the media where nothing leads anywhere.
        let unled = film(&[tags(b"MOOD"), media(1)]);
        assert!(written(&unled, &one(Field::Genre, "Jazz")).unwrap_err().contains("nothing would lead"));
        // Its sum makes room for an entry that is longer than the old one.
        let with_sum = |place| element(SEEK_HEAD, 1, &summed(seek(place, 1), &element(CRC_32, 1, &[0; 4])));
        let place = with_sum(0).len() as u64;
        let head = with_sum(place);
        assert_eq!(head.len() as u64, place);
        let tight = film(&[head, tags(b"MOOD"), media(1)]);
        let after = written(&tight, &one(Field::Genre, "Jazz")).unwrap();
        let (told, is) = told_and_true(&after);
        assert_eq!((told, is.len()), (is.clone(), 1));
        let full = film(&[element(SEEK_HEAD, 1, &[]), media(1)]);
        assert_eq!(
            written(&full, &one(Field::Genre, "Jazz")).unwrap_err(),
            "there is no room in its seek head"
        );
        // One byte that is left over is taken by the size; of two, a void is made.
        for more in 0..4 {
            let room = seek(1, 2).len() + more;
            let before = film(&[element(SEEK_HEAD, 1, &[]), void(room as u64).unwrap(), media(1)]);
            let after = written(&before, &one(Field::Genre, "Jazz")).unwrap();
            let (told, is) = told_and_true(&after);
            assert_eq!((told, is.len()), (is.clone(), 1), "{more}");
            assert_eq!(rest(&after), rest(&before), "{more}");
        }
    }

    #[test]
    fn what_makes_no_sense_or_is_open_is_left_alone() {
        let set = one(Field::Genre, "Jazz");
        let live = film(&[media(1), vec![0x1F, 0x43, 0xB6, 0x75, 0xFF, 1, 2]]);
        assert!(written(&live, &set).unwrap_err().contains("left open"));
        let more = [film(&[media(1)]), b"more".to_vec()].concat();
        let summed = film(&[element(CRC_32, 1, &[0; 4]), media(1)]);
        let cut = film(&[media(1), element(TAGS, 1, &[0x73, 0x73, 0x8F])]);
        for senseless in [&more[..], &cut, b"", b"\x1a\x45\xdf\xa3\x80"] {
            assert!(written(senseless, &set).is_err());
        }
        assert!(written(&summed, &set).unwrap_err().contains("sum"));
        let mut narrow = [element(EBML, 1, &[]), vec![0x18, 0x53, 0x80, 0x67]].concat();
        let inside = element(CLUSTER, 1, &[0; 60]);
        narrow.extend(vint(inside.len() as u64, 1).unwrap());
        narrow.extend(inside);
        assert!(written(&narrow, &one(Field::Genre, &"x".repeat(60))).unwrap_err().contains("no room"));
    }

    #[test]
    fn sizes_and_voids_are_of_the_length_that_they_should_be() {
        for whole in 2..300 {
            let void = void(whole).unwrap();
            assert_eq!(void.len() as u64, whole);
            assert_eq!(pieces(&void).unwrap()[0].id, VOID);
        }
        assert!(void(1).is_none());
        assert_eq!((vint(127, 1), vint(126, 1)), (None, Some(vec![0xFE])));
        assert_eq!(vint(127, 2), Some(vec![0x40, 127]));
        assert_eq!(vint((1 << 56) - 1, 8), None);
    }

    proptest! {
        #[test]
        fn no_file_does_harm(at in 0_usize..2700, lie in any::<[u8; 4]>()) {
            let mut bytes = fixture("film.mkv");
            let at = at.min(bytes.len() - 4);
            bytes[at..at + 4].copy_from_slice(&lie);
            // Whatever comes of it, it ends, and the media is where it was.
            if let Ok(after) = written(&bytes, &one(Field::Provider, "Wingtip")) {
                prop_assert_eq!(rest(&after), rest(&bytes));
            }
        }
    }
}
