//! What lofty doesn't show of MP4: the `Xtra` box in moov/udta (Windows Media attributes), and which streams there are.

use std::io::{self, Read, Seek, SeekFrom};

use super::bytes::{Bytes, utf8, utf16_le};
use super::found::{Found, Value};
use super::movie::Top;
use super::source::Source;

/// Boxes that are looked at, at most.
const MOST_BOXES: usize = 20_000;
/// Bytes of an `Xtra` box that are looked at, at most.
const MOST_XTRA: usize = 1 << 20;
/// Bytes of an index of fragments that are looked at: as many as it may have.
const MOST_INDEX: usize = 32 + 12 * 65_535;
/// Attributes in one, at most.
const MOST_ATTRIBUTES: usize = 10_000;
/// A text, a number, a moment, a GUID.
const TYPES: [u16; 4] = [8, 19, 21, 72];

/// Reads the boxes of a file.
pub(super) fn read(source: &mut Source, found: &mut Found) -> io::Result<()> {
    let end = source.len();
    let mut walk = Walk { source, left: MOST_BOXES };
    let mut is_audio_brand = false;
    let mut at = 0;
    while let Some(found_box) = walk.next(&mut at, end)? {
        match &found_box.kind {
            b"ftyp" => {
                let brand = walk.payload(&found_box, 4)?;
                is_audio_brand = matches!(brand.as_slice(), b"M4A " | b"M4B " | b"M4P ");
            }
            b"moov" => walk.movie(&found_box, found)?,
            // A file in fragments: the first index is of all of it.
            b"sidx" => {
                let index = walk.payload(&found_box, MOST_INDEX)?;
                found.put_millis(indexed(Bytes(&index)).unwrap_or(0));
            }
            _ => {}
        }
    }
    // The pictures of an audio book's chapters are no film.
    found.streams.video &= !is_audio_brand;
    Ok(())
}

/// The boxes at the top of a file, as far as they make sense.
pub(super) fn tops(source: &mut Source) -> io::Result<Vec<Top>> {
    let end = source.len();
    let mut walk = Walk { source, left: MOST_BOXES };
    let (mut at, mut tops) = (0, Vec::new());
    let mut start = at;
    while let Some(found) = walk.next(&mut at, end)? {
        tops.push(Top { kind: found.kind, start, end: found.end });
        start = at;
    }
    Ok(tops)
}

/// Whether a file has its bytes in fragments, or an index of such.
pub(super) fn is_in_fragments(source: &mut Source) -> io::Result<bool> {
    let end = source.len();
    let mut walk = Walk { source, left: MOST_BOXES };
    let mut at = 0;
    while let Some(found) = walk.next(&mut at, end)? {
        match &found.kind {
            b"moof" | b"sidx" | b"mfra" => return Ok(true),
            b"moov" => {
                let mut at = found.start;
                while let Some(inside) = walk.next(&mut at, found.end)? {
                    if &inside.kind == b"mvex" {
                        return Ok(true);
                    }
                }
            }
            _ => {}
        }
    }
    Ok(false)
}

/// How many items the list in moov/udta/meta has, those without a value too.
pub(super) fn items(source: &mut Source) -> io::Result<usize> {
    let end = source.len();
    let mut walk = Walk { source, left: MOST_BOXES };
    let (mut at, mut items) = (0, 0);
    while let Some(movie) = walk.next(&mut at, end)? {
        let mut at = movie.start;
        while &movie.kind == b"moov"
            && let Some(user) = walk.next(&mut at, movie.end)?
        {
            let mut at = user.start;
            while &user.kind == b"udta"
                && let Some(meta) = walk.next(&mut at, user.end)?
            {
                // A version stands before its boxes, but for QuickTime's.
                let head = walk.payload(&meta, 8)?;
                let mut at = meta.start + if head.get(4..) == Some(b"hdlr") { 0 } else { 4 };
                while &meta.kind == b"meta"
                    && let Some(list) = walk.next(&mut at, meta.end)?
                {
                    let mut at = list.start;
                    while &list.kind == b"ilst"
                        && let Some(item) = walk.next(&mut at, list.end)?
                    {
                        items += usize::from(!matches!(&item.kind, b"free" | b"skip"));
                    }
                }
            }
        }
    }
    Ok(items)
}

struct Box4 {
    kind: [u8; 4],
    /// Where what is in it begins and ends.
    start: u64,
    end: u64,
}

struct Walk<'a> {
    source: &'a mut Source,
    left: usize,
}

impl Walk<'_> {
    /// The box at a place, which then moves behind it; none where no whole header is left or there were too many.
    fn next(&mut self, at: &mut u64, end: u64) -> io::Result<Option<Box4>> {
        if self.left == 0 || end.saturating_sub(*at) < 8 {
            return Ok(None);
        }
        self.left -= 1;
        self.source.seek(SeekFrom::Start(*at))?;
        let mut header = [0; 16];
        let there = usize::try_from(end - *at).unwrap_or(usize::MAX).min(16);
        self.source.read_exact(&mut header[..8])?;
        let mut bytes = Bytes(&header);
        let (size, kind) = (bytes.u32_be().unwrap_or(0), bytes.array().unwrap_or_default());
        let (size, head) = match size {
            0 => (end - *at, 8),
            1 if there == 16 => {
                self.source.read_exact(&mut header[8..])?;
                (Bytes(&header[8..]).u64_be().unwrap_or(0), 16)
            }
            size => (u64::from(size), 8),
        };
        if size < head {
            return Ok(None);
        }
        let start = *at + head;
        *at = at.saturating_add(size).min(end);
        Ok(Some(Box4 { kind, start, end: *at }))
    }

    fn payload(&mut self, inside: &Box4, most: usize) -> io::Result<Vec<u8>> {
        let there = usize::try_from(inside.end.saturating_sub(inside.start)).unwrap_or(usize::MAX);
        self.source.read_at(inside.start, most.min(there))
    }

    fn movie(&mut self, movie: &Box4, found: &mut Found) -> io::Result<()> {
        let mut scale = 0;
        let mut at = movie.start;
        while let Some(inside) = self.next(&mut at, movie.end)? {
            match &inside.kind {
                b"mvhd" => {
                    let header = self.payload(&inside, 32)?;
                    if let Some((units, of)) = duration(Bytes(&header)) {
                        scale = of;
                        found.put_millis(millis(units, scale));
                    }
                }
                b"mvex" => {
                    let mut at = inside.start;
                    while let Some(more) = self.next(&mut at, inside.end)? {
                        if &more.kind == b"mehd" {
                            let header = self.payload(&more, 12)?;
                            let units = extended(Bytes(&header)).unwrap_or(0);
                            found.put_millis(millis(units, scale));
                        }
                    }
                }
                b"trak" => self.track(&inside, found)?,
                b"udta" => {
                    let mut at = inside.start;
                    while let Some(user) = self.next(&mut at, inside.end)? {
                        if &user.kind == b"Xtra" {
                            xtra(&self.payload(&user, MOST_XTRA)?, found);
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn track(&mut self, track: &Box4, found: &mut Found) -> io::Result<()> {
        let mut frame = None;
        let mut is_video = false;
        let mut at = track.start;
        while let Some(inside) = self.next(&mut at, track.end)? {
            match &inside.kind {
                b"tkhd" => frame = size(&self.payload(&inside, 104)?),
                b"mdia" => {
                    let mut at = inside.start;
                    while let Some(media) = self.next(&mut at, inside.end)? {
                        if &media.kind == b"hdlr" {
                            let handler = self.payload(&media, 12)?;
                            found.streams.audio |= handler.get(8..12) == Some(b"soun");
                            is_video |= handler.get(8..12) == Some(b"vide");
                        }
                    }
                }
                _ => {}
            }
        }
        found.streams.video |= is_video;
        found.frame = found.frame.or(frame.filter(|_| is_video));
        Ok(())
    }
}

/// How long a movie is, of its header: units, and how many a second has.
fn duration(mut header: Bytes<'_>) -> Option<(u64, u32)> {
    let version = header.u8()?;
    header.take(3)?;
    let (scale, units) = if version == 1 {
        header.take(16)?;
        (header.u32_be()?, header.u64_be()?)
    } else {
        header.take(8)?;
        (header.u32_be()?, u64::from(header.u32_be()?))
    };
    Some((units, scale))
}

/// How long a movie in fragments is, in units of its header (ISO/IEC 14496-12, 8.8.2).
fn extended(mut header: Bytes<'_>) -> Option<u64> {
    let version = header.u8()?;
    header.take(3)?;
    if version == 1 { header.u64_be() } else { header.u32_be().map(u64::from) }
}

/// Milliseconds that an index of fragments is of (ISO/IEC 14496-12, 8.16.3).
fn indexed(mut index: Bytes<'_>) -> Option<u64> {
    let version = index.u8()?;
    index.take(3 + 4)?;
    let scale = index.u32_be()?;
    index.take(if version == 0 { 8 } else { 16 } + 2)?;
    let mut units = 0;
    for _ in 0..index.u16_be()? {
        index.take(4)?;
        units += u64::from(index.u32_be()?);
        index.take(4)?;
    }
    Some(millis(units, scale))
}

fn millis(units: u64, scale: u32) -> u64 {
    let millis = (u128::from(units) * 1000).checked_div(scale.into());
    millis.and_then(|millis| u64::try_from(millis).ok()).unwrap_or(0)
}

/// Width and height, the last two numbers of a track header, in 16.16.
fn size(header: &[u8]) -> Option<(u32, u32)> {
    let mut last = Bytes(header.get(header.len().checked_sub(8)?..)?);
    let (width, height) = (last.u32_be()? >> 16, last.u32_be()? >> 16);
    (width > 0 && height > 0).then_some((width, height))
}

/// Reads what is in an `Xtra` box: sizes are big-endian, values little-endian.
pub(super) fn xtra(bytes: &[u8], found: &mut Found) {
    let mut bytes = Bytes(bytes);
    let mut left = MOST_ATTRIBUTES;
    while !bytes.is_empty() && left > 0 {
        if attribute(&mut bytes, &mut left, found).is_none() {
            return;
        }
    }
}

fn attribute(bytes: &mut Bytes<'_>, left: &mut usize, found: &mut Found) -> Option<()> {
    *left = left.checked_sub(1)?;
    let mut inside = sized(bytes)?;
    let length = inside.u32_be()?;
    let name = utf8(inside.take_claimed(u64::from(length))?.0);
    for _ in 0..inside.u32_be()? {
        *left = left.checked_sub(1)?;
        let mut value = sized(&mut inside)?;
        let kind = value.u16_be()?;
        if !TYPES.contains(&kind) {
            continue;
        }
        let value = match kind {
            8 => Value::Text(utf16_le(value.0)),
            72 => Value::Bytes(value.0),
            _ => Value::Number(value.u64_le()?),
        };
        found.put_attribute(&name, &value, &format!("MP4 Xtra, {name}"));
    }
    Some(())
}

/// Takes what a size before it says, the size itself included.
fn sized<'a>(bytes: &mut Bytes<'a>) -> Option<Bytes<'a>> {
    let size = bytes.u32_be()?.checked_sub(4)?;
    bytes.take_claimed(u64::from(size))
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::library::kind::Streams;
    use crate::model::media::{Field, MediaKind};

    fn boxed(kind: [u8; 4], inside: &[u8]) -> Vec<u8> {
        let size = u32::try_from(inside.len() + 8).unwrap().to_be_bytes();
        [&size[..], &kind, inside].concat()
    }

    fn entry(name: &str, kind: u16, value: &[u8]) -> Vec<u8> {
        let value = [&kind.to_be_bytes()[..], value].concat();
        let value = [&u32::try_from(value.len() + 4).unwrap().to_be_bytes()[..], &value].concat();
        let length = u32::try_from(name.len()).unwrap().to_be_bytes();
        let inside = [&length[..], name.as_bytes(), &1_u32.to_be_bytes(), &value].concat();
        [&u32::try_from(inside.len() + 4).unwrap().to_be_bytes()[..], &inside].concat()
    }

    /// What a shop writes.
    pub(in crate::library) fn shop_xtra() -> Vec<u8> {
        let name: Vec<u8> = "Tailspin".encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
        let class = uuid::uuid!("D1607DBC-E323-4BE2-86A1-48A42A28441E").to_bytes_le();
        [
            entry("WM/SharedUserRating", 19, &50_u64.to_le_bytes()),
            entry("WM/ContentDistributor", 8, &name),
            entry("WM/MediaClassPrimaryID", 72, &class),
        ]
        .concat()
    }

    fn handler(kind: [u8; 4]) -> Vec<u8> {
        let mut head = vec![0; 84];
        head[76..78].copy_from_slice(&320_u16.to_be_bytes());
        head[80..82].copy_from_slice(&240_u16.to_be_bytes());
        let inside = boxed(*b"hdlr", &[&[0; 8][..], &kind, &[0; 12]].concat());
        boxed(*b"trak", &[boxed(*b"tkhd", &head), boxed(*b"mdia", &inside)].concat())
    }

    fn shop_file(brand: [u8; 4]) -> Vec<u8> {
        let mut header = vec![0; 12];
        header.extend([1000_u32.to_be_bytes(), 60_000_u32.to_be_bytes()].concat());
        let movie = [
            boxed(*b"mvhd", &header),
            handler(*b"soun"),
            handler(*b"vide"),
            boxed(*b"udta", &boxed(*b"Xtra", &shop_xtra())),
        ]
        .concat();
        [boxed(*b"ftyp", &brand), boxed(*b"mdat", &[0; 100]), boxed(*b"moov", &movie)].concat()
    }

    fn read_file(bytes: &[u8]) -> Found {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, bytes).unwrap();
        let mut found = Found::default();
        // An end in the middle is no harm: what was found counts.
        let _ = read(&mut Source::open(&path).unwrap(), &mut found);
        found
    }

    #[test]
    fn a_film_in_fragments_has_the_length_of_its_index() {
        let header = [&[0; 12][..], &1000_u32.to_be_bytes(), &0_u32.to_be_bytes()].concat();
        let told = boxed(*b"mvex", &boxed(*b"mehd", &[&[0; 4][..], &2500_u32.to_be_bytes()].concat()));
        let long = boxed(*b"mvex", &boxed(*b"mehd", &[&[1, 0, 0, 0][..], &3500_u64.to_be_bytes()].concat()));
        let movie = |more: &[u8]| boxed(*b"moov", &[&boxed(*b"mvhd", &header), more].concat());
        let one = |units: u32| [&[0; 4][..], &units.to_be_bytes(), &[0; 4]].concat();
        let index = |version: u8, places: usize| {
            let head = [&[version, 0, 0, 0, 0, 0, 0, 1][..], &90_000_u32.to_be_bytes(), &vec![0; places + 2]];
            let all = [head.concat(), 2_u16.to_be_bytes().to_vec(), one(90_000), one(45_000)];
            boxed(*b"sidx", &all.concat())
        };
        for (file, millis) in [
            (movie(&told), Some("2500")),
            (movie(&long), Some("3500")),
            ([movie(&[]), index(0, 8)].concat(), Some("1500")),
            ([movie(&[]), index(1, 16), index(1, 16)].concat(), Some("1500")),
            (movie(&[]), None),
        ] {
            assert_eq!(read_file(&file).info.get(&Field::Duration).map(String::as_str), millis);
        }
    }

    #[test]
    fn attributes_streams_and_length_are_read() {
        let found = read_file(&shop_file(*b"mp42"));
        assert_eq!(found.info[&Field::Distributor], "Tailspin");
        assert_eq!(found.distributor_in.as_deref(), Some("MP4 Xtra, WM/ContentDistributor"));
        assert_eq!(found.info[&Field::Duration], "60000");
        assert_eq!(found.class, Some(MediaKind::Music));
        assert_eq!((found.streams, found.frame), (Streams { audio: true, video: true }, Some((320, 240))));
        assert_eq!(read_file(&shop_file(*b"M4B ")).streams, Streams { audio: true, video: false });
    }

    #[test]
    fn a_file_that_ends_anywhere_is_survived() {
        let whole = shop_file(*b"mp42");
        for end in 0..whole.len() {
            read_file(&whole[..end]);
        }
    }

    #[test]
    fn a_time_scale_of_nothing_is_no_length() {
        assert_eq!(millis(60_000, 0), 0);
    }

    #[test]
    fn a_count_without_end_ends_with_the_bytes() {
        let mut bytes = entry("WM/ContentDistributor", 8, b"x\0");
        let count = bytes.len() - 8 - 4;
        bytes[count..count + 4].fill(0xff);
        let mut found = Found::default();
        xtra(&bytes, &mut found);
        xtra(&[0, 0, 0, 4].repeat(1 << 16), &mut found);
        xtra(&[0xff; 4096], &mut found);
    }

    proptest! {
        #[test]
        fn no_bytes_do_harm(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..30)) {
            let mut bytes = shop_xtra();
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            let mut found = Found::default();
            xtra(&bytes, &mut found);
            prop_assert!(found.info.values().all(|text| text.len() <= crate::model::media::MOST_TEXT));
        }

        #[test]
        fn no_random_bytes_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
            xtra(&bytes, &mut Found::default());
        }
    }
}
