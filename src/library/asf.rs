//! The header of .wma, .wmv and .asf files, after the ASF specification (revision 01.20.03), sections 3 and 4. No length field is trusted.

use std::io;

use uuid::{Uuid, uuid};

use super::bytes::{Bytes, utf16_le};
use super::found::{Found, Value};
use super::source::Source;
use crate::model::media::Field;

/// Bytes of a header that are looked at, at most: what lies behind is not read.
const MOST_HEADER: usize = 8 << 20;
/// Objects and attributes of a header that are looked at, at most.
const MOST_OBJECTS: usize = 10_000;

pub(super) const HEADER: Uuid = uuid!("75B22630-668E-11CF-A6D9-00AA0062CE6C");
pub(super) const FILE_PROPERTIES: Uuid = uuid!("8CABDCA1-A947-11CF-8EE4-00C00C205365");
const STREAM_PROPERTIES: Uuid = uuid!("B7DC0791-A9B7-11CF-8EE6-00C00C205365");
const HEADER_EXTENSION: Uuid = uuid!("5FBF03B5-A92E-11CF-8EE3-00C00C205365");
pub(super) const CONTENT_DESCRIPTION: Uuid = uuid!("75B22633-668E-11CF-A6D9-00AA0062CE6C");
pub(super) const EXTENDED_CONTENT_DESCRIPTION: Uuid = uuid!("D2D0A440-E307-11D2-97F0-00A0C95EA850");
const METADATA: Uuid = uuid!("C5F8CBEA-5BAF-4877-8467-AA8C44FA4CCA");
const METADATA_LIBRARY: Uuid = uuid!("44231C94-9498-49D1-A141-1D134E457054");
const AUDIO: Uuid = uuid!("F8699E40-5B4D-11CF-A8FD-00805F5C442B");
const VIDEO: Uuid = uuid!("BC19EFC0-5B4D-11CF-A8FD-00805F5C442B");

/// Reads the header of a file.
pub(super) fn read(source: &mut Source, found: &mut Found) -> io::Result<()> {
    let bytes = source.read_at(0, MOST_HEADER)?;
    header(&bytes, found);
    Ok(())
}

/// Reads a header, as far as it makes sense.
pub(super) fn header(bytes: &[u8], found: &mut Found) {
    let mut bytes = Bytes(bytes);
    let mut begin = || -> Option<u64> {
        (guid(&mut bytes)? == HEADER).then_some(())?;
        let size = bytes.u64_le()?;
        // The number of objects, and two reserved bytes: the sizes say all that is needed.
        bytes.take(6)?;
        Some(size)
    };
    let Some(size) = begin() else { return };
    let inside = usize::try_from(size.saturating_sub(30)).unwrap_or(usize::MAX).min(bytes.len());
    let mut left = MOST_OBJECTS;
    objects(Bytes(&bytes.0[..inside]), true, &mut left, found);
}

/// Walks through objects; only the header itself may hold an extension with more.
fn objects(mut bytes: Bytes<'_>, may_extend: bool, left: &mut usize, found: &mut Found) {
    // What is in the extension is said after all else: of several values the further ones are in there.
    let mut extension = None;
    while let Some((kind, object)) = next(&mut bytes, left) {
        // Each ends where its bytes do; what was read until then counts.
        let _ = match kind {
            FILE_PROPERTIES => file_properties(object, found),
            STREAM_PROPERTIES => stream_properties(object, found),
            CONTENT_DESCRIPTION => content_description(object, found),
            EXTENDED_CONTENT_DESCRIPTION => extended_content_description(object, left, found),
            METADATA => metadata(object, "Metadata", left, found),
            METADATA_LIBRARY => metadata(object, "Metadata Library", left, found),
            HEADER_EXTENSION if may_extend => extension.replace(object).map(drop),
            _ => Some(()),
        };
    }
    if let Some(object) = extension {
        let _ = header_extension(object, left, found);
    }
}

/// The next object, unless there were too many. What is cut off in the middle is read as far as it goes.
fn next<'a>(bytes: &mut Bytes<'a>, left: &mut usize) -> Option<(Uuid, Bytes<'a>)> {
    *left = left.checked_sub(1)?;
    let kind = guid(bytes)?;
    let size = bytes.u64_le()?.checked_sub(24)?;
    let inside = usize::try_from(size).unwrap_or(usize::MAX).min(bytes.len());
    Some((kind, Bytes(bytes.take(inside)?)))
}

fn guid(bytes: &mut Bytes<'_>) -> Option<Uuid> {
    bytes.array().map(Uuid::from_bytes_le)
}

fn header_extension(mut object: Bytes<'_>, left: &mut usize, found: &mut Found) -> Option<()> {
    object.take(22)?;
    objects(object, false, left, found);
    Some(())
}

fn file_properties(mut object: Bytes<'_>, found: &mut Found) -> Option<()> {
    // File id, size, date, packets.
    object.take(16 + 8 + 8 + 8)?;
    let play = object.u64_le()? / 10_000;
    let _send = object.u64_le()?;
    let preroll = object.u64_le()?;
    found.put_millis(play.saturating_sub(preroll));
    object.take(4 + 4 + 4)?;
    found.bitrate = Some(object.u32_le()?).filter(|rate| *rate > 0);
    Some(())
}

fn stream_properties(mut object: Bytes<'_>, found: &mut Found) -> Option<()> {
    let kind = guid(&mut object)?;
    found.streams.audio |= kind == AUDIO;
    found.streams.video |= kind == VIDEO;
    object.take(16 + 8 + 4 + 4 + 2 + 4)?;
    if kind == VIDEO {
        let (width, height) = (object.u32_le()?, object.u32_le()?);
        found.frame = found.frame.or(Some((width, height)));
    }
    Some(())
}

fn content_description(mut object: Bytes<'_>, found: &mut Found) -> Option<()> {
    let lengths = [(); 5].map(|()| object.u16_le().unwrap_or(0));
    // Title, author, copyright, description, rating: the last is of a board of censors, not of a listener.
    for (length, field) in
        lengths.into_iter().zip([Some(Field::Title), Some(Field::Artist), None, None, None])
    {
        let text = object.take(usize::from(length))?;
        if let Some(field) = field {
            found.put(field, &utf16_le(text));
        }
    }
    Some(())
}

fn extended_content_description(mut object: Bytes<'_>, left: &mut usize, found: &mut Found) -> Option<()> {
    for _ in 0..object.u16_le()? {
        *left = left.checked_sub(1)?;
        let length = object.u16_le()?;
        let name = utf16_le(object.take(usize::from(length))?);
        let kind = object.u16_le()?;
        let length = object.u16_le()?;
        let value = object.take(usize::from(length))?;
        attribute(&name, kind, value, "ASF Extended Content Description", found);
    }
    Some(())
}

fn metadata(mut object: Bytes<'_>, place: &str, left: &mut usize, found: &mut Found) -> Option<()> {
    let place = format!("ASF {place}");
    for _ in 0..object.u16_le()? {
        *left = left.checked_sub(1)?;
        // Language and stream.
        object.take(4)?;
        let name_length = object.u16_le()?;
        let kind = object.u16_le()?;
        let length = object.u32_le()?;
        let name = utf16_le(object.take(usize::from(name_length))?);
        let value = object.take_claimed(u64::from(length))?.0;
        attribute(&name, kind, value, &place, found);
    }
    Some(())
}

/// An attribute: type 0 is text, 1 bytes, 2 a flag, 3 to 5 numbers, 6 a GUID.
fn attribute(name: &str, kind: u16, value: &[u8], place: &str, found: &mut Found) {
    if name == "WM/Picture" {
        // None where it makes no sense: then there is no cover.
        let _ = picture(Bytes(value), found);
        return;
    }
    let mut number = Bytes(value);
    let value = match kind {
        0 => Value::Text(utf16_le(value)),
        1 | 6 => Value::Bytes(value),
        3 => Value::Number(u64::from(number.u32_le().unwrap_or(0))),
        4 => Value::Number(number.u64_le().unwrap_or(0)),
        5 => Value::Number(u64::from(number.u16_le().unwrap_or(0))),
        _ => return,
    };
    found.put_attribute(name, &value, &format!("{place}, {name}"));
}

/// A cover: type, size, media type and description as text, the bytes.
fn picture(mut value: Bytes<'_>, found: &mut Found) -> Option<()> {
    value.u8()?;
    let size = value.u32_le()?;
    for _ in 0..2 {
        while value.u16_le()? != 0 {}
    }
    found.put_cover(value.take_claimed(u64::from(size))?.0);
    Some(())
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::library::kind::Streams;
    use crate::model::media::MediaKind;

    fn wide(text: &str) -> Vec<u8> {
        text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
    }

    fn object(kind: Uuid, inside: &[u8]) -> Vec<u8> {
        let size = (inside.len() as u64 + 24).to_le_bytes();
        [&kind.to_bytes_le()[..], &size, inside].concat()
    }

    fn library_attribute(name: &str, kind: u16, value: &[u8]) -> Vec<u8> {
        let name = wide(name);
        let (name_length, length) = (u16::try_from(name.len()).unwrap(), u32::try_from(value.len()).unwrap());
        [&[0; 4][..], &name_length.to_le_bytes(), &kind.to_le_bytes(), &length.to_le_bytes(), &name, value]
            .concat()
    }

    /// A header with everything that is read, as a shop's file has it.
    pub(in crate::library) fn shop_file() -> Vec<u8> {
        let class = uuid!("DB9830BD-3AB3-4FAB-8A37-1A995F7FF74B").to_bytes_le();
        let mut cover = vec![3];
        cover.extend(4_u32.to_le_bytes());
        cover.extend([wide("image/png"), wide("")].concat());
        cover.extend(b"\x89PNG");
        let library = [
            3_u16.to_le_bytes().to_vec(),
            library_attribute("WM/ContentDistributor", 0, &wide("Tailspin Records")),
            library_attribute("WM/MediaClassPrimaryID", 6, &class),
            library_attribute("WM/Picture", 1, &cover),
        ]
        .concat();
        let extension = [vec![0; 22], object(METADATA_LIBRARY, &library)].concat();
        let mut stream = VIDEO.to_bytes_le().to_vec();
        stream.extend([0; 38]);
        stream.extend([320_u32.to_le_bytes(), 240_u32.to_le_bytes()].concat());
        let title = wide("Delta");
        let mut described = Vec::new();
        for length in [title.len(), 0, 0, 0, 0] {
            described.extend(u16::try_from(length).unwrap().to_le_bytes());
        }
        described.extend(title);
        let mut properties = vec![0; 40];
        properties.extend([(63_000_u64 * 10_000).to_le_bytes(), [0; 8], 3000_u64.to_le_bytes()].concat());
        properties.extend([0; 12]);
        properties.extend(128_000_u32.to_le_bytes());
        let inside = [
            object(FILE_PROPERTIES, &properties),
            object(STREAM_PROPERTIES, &stream),
            object(CONTENT_DESCRIPTION, &described),
            object(HEADER_EXTENSION, &extension),
        ]
        .concat();
        let mut file = HEADER.to_bytes_le().to_vec();
        file.extend((inside.len() as u64 + 30).to_le_bytes());
        file.extend([4, 0, 0, 0, 1, 2]);
        file.extend(inside);
        file
    }

    fn read(bytes: &[u8]) -> Found {
        let mut found = Found { wants_cover: true, ..Found::default() };
        header(bytes, &mut found);
        found
    }

    #[test]
    fn a_shops_file_says_all() {
        let found = read(&shop_file());
        assert_eq!(found.info[&Field::Title], "Delta");
        assert_eq!(found.info[&Field::Duration], "60000");
        assert_eq!(found.info[&Field::Distributor], "Tailspin Records");
        assert_eq!(found.distributor_in.as_deref(), Some("ASF Metadata Library, WM/ContentDistributor"));
        assert_eq!((found.class, found.bitrate), (Some(MediaKind::Video), Some(128_000)));
        assert_eq!((found.streams, found.frame), (Streams { audio: false, video: true }, Some((320, 240))));
        assert_eq!(found.cover.as_deref(), Some(&b"\x89PNG"[..]));
    }

    #[test]
    fn of_several_values_the_first_counts_wherever_the_others_stand() {
        let further = [1_u16.to_le_bytes().to_vec(), library_attribute("Title", 0, &wide("Second"))].concat();
        let extension = object(HEADER_EXTENSION, &[vec![0; 22], object(METADATA_LIBRARY, &further)].concat());
        let first = wide("First");
        let length = u16::try_from(first.len()).unwrap().to_le_bytes();
        let described = object(CONTENT_DESCRIPTION, &[&length[..], &[0; 8], &first].concat());
        for inside in [[extension.clone(), described.clone()].concat(), [described, extension].concat()] {
            let size = (inside.len() as u64 + 30).to_le_bytes();
            let file = [&HEADER.to_bytes_le()[..], &size, &[2, 0, 0, 0, 1, 2], &inside].concat();
            assert_eq!(read(&file).info[&Field::Title], "First");
        }
    }

    #[test]
    fn a_header_that_ends_anywhere_is_read_as_far_as_it_goes() {
        let whole = shop_file();
        for end in 0..whole.len() {
            read(&whole[..end]);
        }
        assert_eq!(read(&whole[..whole.len() - 1]).info[&Field::Title], "Delta");
    }

    #[test]
    fn every_length_that_lies_is_survived() {
        let whole = shop_file();
        for at in 0..whole.len() {
            for lie in [0, 1, 0x7f, 0xff] {
                let mut bytes = whole.clone();
                let end = (at + 8).min(bytes.len());
                bytes[at..end].fill(lie);
                read(&bytes);
            }
        }
    }

    #[test]
    fn an_extension_within_an_extension_is_not_entered() {
        let mut inner = object(CONTENT_DESCRIPTION, &[]);
        for _ in 0..100_000 {
            inner.truncate(1 << 16);
            inner = object(HEADER_EXTENSION, &[vec![0; 22], inner].concat());
        }
        let mut file = HEADER.to_bytes_le().to_vec();
        file.extend(u64::MAX.to_le_bytes());
        file.extend([1, 0, 0, 0, 1, 2]);
        file.extend(inner);
        assert!(read(&file).info.is_empty());
    }

    proptest! {
        #[test]
        fn no_bytes_do_harm(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40)) {
            let mut bytes = shop_file();
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            let found = read(&bytes);
            prop_assert!(found.info.values().all(|text| text.len() <= crate::model::media::MOST_TEXT));
        }

        #[test]
        fn no_random_bytes_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
            let mut file = HEADER.to_bytes_le().to_vec();
            file.extend(&bytes);
            read(&file);
        }
    }
}
