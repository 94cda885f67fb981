//! Values written into the header of .wma, .wmv and .asf files (ASF specification, revision 01.20.03, sections 3.1 to 3.11). Every object
//! stays as it is but for those that describe the content, which grow; the media behind the header moves as one. Nothing in a file says
//! where its bytes lie from the beginning.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use uuid::{Uuid, uuid};

use super::asf::{CONTENT_DESCRIPTION, EXTENDED_CONTENT_DESCRIPTION, FILE_PROPERTIES, HEADER};
use super::bytes::Bytes;
use super::movie::shift;
use crate::model::media::{Field, Info};

/// Largest header that is written.
const MOST_HEADER: u64 = 64 << 20;
/// Bytes of the header's own head: what it is, its size, how many objects are in it, two bytes without a meaning.
const HEAD: usize = 16 + 8 + 4 + 2;
/// Bytes before what is in an object.
const OBJECT: usize = 16 + 8;
/// A header that somebody signed.
const SIGNATURE: Uuid = uuid!("2211B3FC-BD23-11D2-B4B7-00A0C955FC6E");
/// Texts of a content description: title, author, copyright, description, rating.
const TEXTS: usize = 5;
/// The type of an attribute that is a text.
const TEXT: u16 = 0;

const SENSELESS: &str = "its header makes no sense";
const TOO_LONG: &str = "what is known is too long for its header";

/// An object of the header.
struct Object {
    kind: Uuid,
    inside: Vec<u8>,
}

/// Writes values into a file that nobody needs yet.
///
/// # Errors
/// Why not: a sentence. The file is of no use then.
pub(super) fn write(file: &File, set: &Info) -> Result<(), String> {
    let told = |error: std::io::Error| error.to_string();
    let length = file.metadata().map_err(told)?.len();
    let mut head = [0; HEAD];
    file.read_exact_at(&mut head, 0).map_err(told)?;
    let (size, count, rest) = head_of(&head).ok_or(SENSELESS)?;
    if size > length.min(MOST_HEADER) || size < HEAD as u64 {
        return Err(SENSELESS.into());
    }
    let mut inside = vec![0; usize::try_from(size).unwrap_or(usize::MAX) - HEAD];
    file.read_exact_at(&mut inside, HEAD as u64).map_err(told)?;
    let mut objects = objects(&inside, count).ok_or(SENSELESS)?;
    if objects.iter().any(|object| object.kind == SIGNATURE) {
        return Err("its header is signed".into());
    }
    describe(&mut objects, set)?;
    extend(&mut objects, set)?;

    let new: usize = HEAD + objects.iter().map(|object| OBJECT + object.inside.len()).sum::<usize>();
    let more = i64::try_from(new).unwrap_or(i64::MAX) - i64::try_from(size).unwrap_or(0);
    for object in objects.iter_mut().filter(|object| object.kind == FILE_PROPERTIES) {
        let told = object.inside.get_mut(16..24).ok_or(SENSELESS)?;
        let known = u64::from_le_bytes(told.try_into().unwrap_or_default());
        // A broadcast doesn't say how large it is.
        if known > 0 {
            told.copy_from_slice(&known.saturating_add_signed(more).to_le_bytes());
        }
    }
    let count = u32::try_from(objects.len()).map_err(|_| SENSELESS)?;
    let mut header = HEADER.to_bytes_le().to_vec();
    header.extend((new as u64).to_le_bytes());
    header.extend(count.to_le_bytes());
    header.extend(rest);
    for object in &objects {
        header.extend(object.kind.to_bytes_le());
        header.extend(((OBJECT + object.inside.len()) as u64).to_le_bytes());
        header.extend(&object.inside);
    }
    shift(file, size, length, more).map_err(told)?;
    file.write_all_at(&header, 0).map_err(told)
}

/// What a header's head says: its size, its objects, and two bytes that are kept.
fn head_of(head: &[u8]) -> Option<(u64, u32, [u8; 2])> {
    let mut head = Bytes(head);
    (head.array().map(Uuid::from_bytes_le)? == HEADER).then_some(())?;
    Some((head.u64_le()?, head.u32_le()?, head.array()?))
}

/// All objects of a header, which has nothing else in it.
fn objects(inside: &[u8], count: u32) -> Option<Vec<Object>> {
    let mut bytes = Bytes(inside);
    let mut objects = Vec::new();
    while !bytes.is_empty() {
        let kind = bytes.array().map(Uuid::from_bytes_le)?;
        let size = bytes.u64_le()?.checked_sub(OBJECT as u64)?;
        objects.push(Object { kind, inside: bytes.take_claimed(size)?.0.to_vec() });
    }
    (u32::try_from(objects.len()).ok()? == count).then_some(objects)
}

/// The object of a kind; made where there is none.
fn object(objects: &mut Vec<Object>, kind: Uuid, empty: &[u8]) -> usize {
    objects.iter().position(|object| object.kind == kind).unwrap_or_else(|| {
        objects.push(Object { kind, inside: empty.to_vec() });
        objects.len() - 1
    })
}

/// Puts title and author into the content description.
fn describe(objects: &mut Vec<Object>, set: &Info) -> Result<(), String> {
    let new = [set.get(&Field::Title), set.get(&Field::Artist), None, None, None];
    if new.iter().all(Option::is_none) {
        return Ok(());
    }
    let at = object(objects, CONTENT_DESCRIPTION, &[0; 2 * TEXTS]);
    let mut old = Bytes(&objects[at].inside);
    let lengths = [(); TEXTS].map(|()| old.u16_le().unwrap_or(0));
    let (mut told, mut texts) = (Vec::new(), Vec::new());
    for (length, new) in lengths.into_iter().zip(new) {
        let old = old.take(usize::from(length)).ok_or(SENSELESS)?;
        let text = new.map_or_else(|| old.to_vec(), |new| wide(new));
        told.extend(u16::try_from(text.len()).map_err(|_| TOO_LONG)?.to_le_bytes());
        texts.extend(text);
    }
    // What stands behind the texts has no meaning, and stays.
    objects[at].inside = [told, texts, old.0.to_vec()].concat();
    Ok(())
}

/// Puts everything else into the extended content description.
fn extend(objects: &mut Vec<Object>, set: &Info) -> Result<(), String> {
    let mut attributes = Vec::new();
    let mut more = 0_u16;
    for (field, value) in set {
        let name = match field {
            Field::AlbumArtist => "WM/AlbumArtist",
            Field::Album => "WM/AlbumTitle",
            Field::Track => "WM/TrackNumber",
            Field::Disc => "WM/PartOfSet",
            Field::Genre => "WM/Genre",
            Field::Date => "WM/Year",
            Field::Distributor => "WM/ContentDistributor",
            Field::Provider => "WM/Provider",
            Field::Title | Field::Artist | Field::Rating | Field::Duration => continue,
        };
        let (name, value) = (wide(name), wide(value));
        let length = |text: &[u8]| u16::try_from(text.len()).map(u16::to_le_bytes).map_err(|_| TOO_LONG);
        attributes.extend(length(&name)?);
        attributes.extend(&name);
        attributes.extend(TEXT.to_le_bytes());
        attributes.extend(length(&value)?);
        attributes.extend(&value);
        more += 1;
    }
    if more == 0 {
        return Ok(());
    }
    let at = object(objects, EXTENDED_CONTENT_DESCRIPTION, &[0; 2]);
    let inside = &objects[at].inside;
    let mut bytes = Bytes(inside);
    let count = bytes.u16_le().ok_or(SENSELESS)?;
    for _ in 0..count {
        // Name, type and value.
        let mut attribute = || {
            let length = bytes.u16_le()?;
            bytes.take(usize::from(length))?;
            bytes.u16_le()?;
            let length = bytes.u16_le()?;
            bytes.take(usize::from(length))
        };
        attribute().ok_or(SENSELESS)?;
    }
    let (old, rest) = inside.split_at(inside.len() - bytes.len());
    let count = count.checked_add(more).ok_or(TOO_LONG)?;
    objects[at].inside = [&count.to_le_bytes()[..], &old[2..], &attributes, rest].concat();
    Ok(())
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

#[cfg(test)]
mod tests {
    use std::io::{Seek as _, Write as _};

    use proptest::prelude::*;

    use super::super::fixtures::fixture;
    use super::*;
    use crate::library::asf;
    use crate::library::found::Found;

    fn written(bytes: &[u8], set: &Info) -> Result<Vec<u8>, String> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        write(&file, set)?;
        let mut after = Vec::new();
        file.rewind().unwrap();
        std::io::Read::read_to_end(&mut file, &mut after).unwrap();
        Ok(after)
    }

    fn found(bytes: &[u8]) -> Info {
        let mut found = Found::default();
        asf::header(bytes, &mut found);
        found.info
    }

    /// A file with a header of these objects, and media behind it.
    fn file(objects: &[(Uuid, &[u8])]) -> Vec<u8> {
        let inside: Vec<u8> = objects
            .iter()
            .flat_map(|(kind, inside)| {
                let size = ((OBJECT + inside.len()) as u64).to_le_bytes();
                [&kind.to_bytes_le()[..], &size, inside].concat()
            })
            .collect();
        let size = ((HEAD + inside.len()) as u64).to_le_bytes();
        let count = u32::try_from(objects.len()).unwrap().to_le_bytes();
        [&HEADER.to_bytes_le()[..], &size, &count, &[1, 2], &inside, b"media"].concat()
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

    #[test]
    fn a_header_takes_everything_and_the_media_stays() {
        let size = [&[7; 16][..], &100_u64.to_le_bytes(), &[0; 56]].concat();
        let before = file(&[(FILE_PROPERTIES, &size)]);
        let after = written(&before, &all()).unwrap();
        assert_eq!(found(&after), all());
        assert!(after.ends_with(b"media"));
        let grown = (after.len() - before.len()) as u64;
        assert_eq!(after[HEAD + OBJECT + 16..][..8], (100 + grown).to_le_bytes());
        assert_eq!(u64::from_le_bytes(after[16..24].try_into().unwrap()), after.len() as u64 - 5);
        assert_eq!((&after[24..28], &after[28..30]), (&3_u32.to_le_bytes()[..], &[1, 2][..]));
    }

    #[test]
    fn what_is_there_stays() {
        for name in ["sound.wma", "film.wmv"] {
            let before = fixture(name);
            let known = found(&before);
            let lacking: Info =
                [(Field::Provider, "Wingtip".to_owned()), (Field::Disc, "9".to_owned())].into();
            let lacking: Info = lacking.into_iter().filter(|(field, _)| !known.contains_key(field)).collect();
            let after = written(&before, &lacking).unwrap();
            let now = found(&after);
            assert!(
                known.iter().chain(&lacking).all(|(field, text)| now.get(field) == Some(text)),
                "{now:?}"
            );
            let media = |bytes: &[u8]| {
                let size = usize::try_from(u64::from_le_bytes(bytes[16..24].try_into().unwrap())).unwrap();
                bytes[size..].to_vec()
            };
            assert!(media(&before) == media(&after), "{name}");
        }
    }

    #[test]
    fn a_title_beside_an_author_that_is_there_leaves_it() {
        let texts = [wide(""), wide("Tailspin"), wide("(c)"), vec![], wide("R")];
        let lengths = texts.iter().flat_map(|text| u16::try_from(text.len()).unwrap().to_le_bytes());
        let described: Vec<u8> = lengths.chain(texts.concat()).collect();
        let before = file(&[(CONTENT_DESCRIPTION, &described)]);
        let after = written(&before, &[(Field::Title, "Neu".to_owned())].into()).unwrap();
        assert_eq!(
            (&found(&after)[&Field::Title], &found(&after)[&Field::Artist]),
            (&"Neu".into(), &"Tailspin".into())
        );
        assert!(after.windows(8).any(|part| part == [wide("(c)"), vec![]].concat()));
    }

    #[test]
    fn what_makes_no_sense_or_is_signed_is_left_alone() {
        assert_eq!(written(&file(&[(SIGNATURE, b"")]), &all()).unwrap_err(), "its header is signed");
        let whole = file(&[(EXTENDED_CONTENT_DESCRIPTION, &[1, 0, 2, 0, b'x', 0, 0, 0, 9, 0])]);
        assert_eq!(written(&whole, &all()).unwrap_err(), SENSELESS);
        let mut more = file(&[]);
        more[24] = 1;
        assert_eq!(written(&more, &all()).unwrap_err(), SENSELESS);
        let long: Info = [(Field::Genre, "x".repeat(40_000))].into();
        assert_eq!(written(&file(&[]), &long).unwrap_err(), TOO_LONG);
    }

    proptest! {
        #[test]
        fn no_header_does_harm(at in 0_usize..2000, lie in any::<[u8; 8]>()) {
            let mut bytes = fixture("film.wmv");
            let at = at.min(bytes.len() - 8);
            bytes[at..at + 8].copy_from_slice(&lie);
            // Whatever comes of it, it ends.
            let _ = written(&bytes, &all());
        }
    }
}
