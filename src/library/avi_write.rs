//! Values written into AVI files: a list of texts (`INFO`, with the names of the "Multimedia Programming Interface and Data
//! Specifications 1.0", and `IDST` for who distributes it, as exiftool knows it) behind everything else. Nothing moves.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use super::chunks::{self, Form};
use crate::model::media::{Field, Info};

const AVI: Form = Form {
    outer: b"RIFF",
    is: &[b"AVI "],
    media: b"movi",
    read: u32::from_le_bytes,
    write: u32::to_le_bytes,
};

/// Writes values into a file that nobody needs yet; those that such a file has no name for are left out.
///
/// # Errors
/// Why not: a sentence. The file is of no use then.
pub(super) fn write(file: &File, set: &Info) -> Result<(), String> {
    let told = |error: std::io::Error| error.to_string();
    let length = file.metadata().map_err(told)?.len();
    // One of over a gigabyte goes on in other lists behind the first, whose places its indexes name.
    let chunks =
        chunks::of_file(&AVI, file).map_err(|_| "it is in several parts, or its chunks make no sense")?;
    let end = chunks.last().map_or(length, |last| last.end);
    let mut texts = b"INFO".to_vec();
    for (field, text) in set {
        let Some(name) = name(*field) else { continue };
        let size = u32::try_from(text.len() + 1).map_err(|_| "what is known is too long for it")?;
        texts.extend(name);
        texts.extend(size.to_le_bytes());
        texts.extend(text.bytes().chain([0]));
        texts.resize(texts.len().next_multiple_of(2), 0);
    }
    if texts.len() == 4 {
        return Ok(());
    }
    let size = u32::try_from(texts.len()).map_err(|_| "what is known is too long for it")?;
    let list = [b"LIST", &size.to_le_bytes()[..], &texts].concat();
    chunks::set_size(&AVI, file, end + list.len() as u64)?;
    file.set_len(end).and_then(|()| file.write_all_at(&list, end)).map_err(told)
}

/// What a value is called.
fn name(field: Field) -> Option<&'static [u8; 4]> {
    Some(match field {
        Field::Title => b"INAM",
        Field::Artist => b"IART",
        Field::Album => b"IPRD",
        Field::Track => b"IPRT",
        Field::Genre => b"IGNR",
        Field::Date => b"ICRD",
        Field::Distributor => b"IDST",
        Field::AlbumArtist | Field::Disc | Field::Provider | Field::Rating | Field::Duration => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use proptest::prelude::*;

    use super::super::avi;
    use super::super::fixtures::fixture;
    use super::super::found::Found;
    use super::super::source::Source;
    use super::*;

    fn written(bytes: &[u8], set: &Info) -> Result<Vec<u8>, String> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        write(&file, set)?;
        Ok(chunks::read(&file, 0, file.metadata().unwrap().len()).unwrap())
    }

    fn found(bytes: &[u8]) -> Info {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        let mut found = Found::default();
        avi::read(&mut Source::of(file).unwrap(), &mut found).unwrap();
        found.info
    }

    #[test]
    fn a_film_takes_what_it_has_names_for_and_stays_what_it_is() {
        let before = fixture("film.avi");
        let known = found(&before);
        let set: Info = [
            (Field::Title, "Neu ☂"),
            (Field::Artist, "Wer"),
            (Field::Album, "Platte"),
            (Field::Track, "7"),
            (Field::Genre, "Jazz"),
            (Field::Date, "2011"),
            (Field::Distributor, "Shop"),
        ]
        .map(|(field, text)| (field, text.to_owned()))
        .into();
        let after = written(&before, &set).unwrap();
        let now = found(&after);
        assert!(known.iter().chain(&set).all(|(field, text)| now.get(field) == Some(text)), "{now:?}");
        assert_eq!(after[8..before.len()], before[8..]);
        assert_eq!(u32::from_le_bytes(after[4..8].try_into().unwrap()) as usize, after.len() - 8);
        // A second time, and with nothing that it has a name for.
        let provider: Info = [(Field::Provider, "Wingtip".to_owned())].into();
        assert_eq!(written(&after, &provider).unwrap(), after);
    }

    #[test]
    fn a_film_in_parts_or_cut_short_is_left_alone() {
        let set: Info = [(Field::Title, "Neu".to_owned())].into();
        let before = fixture("film.avi");
        let parts = [&before[..], b"RIFF\x04\0\0\0AVIX"].concat();
        for bytes in [&parts[..], &before[..before.len() - 30], b"RIFF\x04\0\0\0AVI ", b"RIFF", b""] {
            assert!(written(bytes, &set).is_err(), "{}", bytes.len());
        }
    }

    proptest! {
        #[test]
        fn no_film_does_harm(at in 0_usize..18_000, lie in any::<[u8; 4]>()) {
            let mut bytes = fixture("film.avi");
            bytes[at..at + 4].copy_from_slice(&lie);
            if let Ok(after) = written(&bytes, &[(Field::Title, "Neu".to_owned())].into()) {
                prop_assert!(after[8..bytes.len()] == bytes[8..]);
            }
        }
    }
}
