//! What a file is by its bytes. An `ID3v2` tag may stand before anything: then what is behind it counts.

use std::io::{self, Read, Seek, SeekFrom};

use file_format::FileFormat;

/// Bytes of the head of an `ID3v2` tag, and of its foot where it has one (<https://id3.org/id3v2.4.0-structure>, section 3).
const EDGE: usize = 10;
/// Its flag for a foot.
const HAS_FOOT: u8 = 0x10;

/// Tags one behind another that are passed over; nobody writes more than two.
const MOST_TAGS: u32 = 8;

/// Returns what a file is.
///
/// # Errors
/// It can't be read.
pub(super) fn of(file: &mut (impl Read + Seek)) -> io::Result<FileFormat> {
    let format = FileFormat::from_reader(&mut *file)?;
    let mut at = 0;
    for _ in 0..MOST_TAGS {
        let first = first_at(file, at)?;
        match tag(&first) {
            Some(length) => at += length,
            None if at == 0 => break,
            None => return Ok(begins(&first).unwrap_or(format)),
        }
    }
    Ok(format)
}

/// The first bytes from a place on; fewer where the file ends.
fn first_at(file: &mut (impl Read + Seek), at: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(at))?;
    let mut first = Vec::with_capacity(EDGE);
    file.take(EDGE as u64).read_to_end(&mut first)?;
    Ok(first)
}

/// The bytes of a tag that begins so.
fn tag(first: &[u8]) -> Option<u64> {
    let [b'I', b'D', b'3', _, _, flags, a, b, c, d] = *first else { return None };
    let size = [a, b, c, d].iter().fold(0, |size, byte| size << 7 | u64::from(byte & 0x7f));
    let edges = if flags & HAS_FOOT == 0 { 1 } else { 2 };
    Some(size + edges * EDGE as u64)
}

/// What lofty reads behind a tag, by its first bytes.
fn begins(first: &[u8]) -> Option<FileFormat> {
    match first {
        // The sync words of MPEG audio (ISO/IEC 11172-3, 2.4.2.3), whose layer tells, and of ADTS (14496-3, 1.A.2.2.1), with none.
        [0xff, second, ..] if second & 0xe0 == 0xe0 => match second & 6 {
            0 if second & 0xf0 == 0xf0 => Some(FileFormat::AdvancedAudioCoding),
            2 => Some(FileFormat::Mpeg12AudioLayer3),
            4 => Some(FileFormat::Mpeg12AudioLayer2),
            _ => None,
        },
        [b'f', b'L', b'a', b'C', ..] => Some(FileFormat::FreeLosslessAudioCodec),
        [b'M', b'A', b'C', b' ', ..] => Some(FileFormat::MonkeysAudio),
        [b'M', b'P', b'C', b'K', ..] | [b'M', b'P', b'+', ..] => Some(FileFormat::Musepack),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn behind(flags: u8, padding: usize, rest: &[u8]) -> FileFormat {
        let size = u8::try_from(padding).unwrap();
        let foot: &[u8] = if flags & HAS_FOOT == 0 { b"" } else { b"3DI\x04\0\x10\0\0\0\0" };
        let tag =
            [&b"ID3\x04\0"[..], &[flags, 0, 0, 0, size], &vec![0; padding], foot, rest, &[0; 20]].concat();
        of(&mut Cursor::new(tag)).unwrap()
    }

    #[test]
    fn what_is_behind_a_tag_counts() {
        for (first, format) in [
            (&b"\xff\xf1\x50\x80"[..], FileFormat::AdvancedAudioCoding),
            (b"\xff\xfb\x50\x80", FileFormat::Mpeg12AudioLayer3),
            (b"\xff\xfd\x50\x80", FileFormat::Mpeg12AudioLayer2),
            (b"ID3\x04\0\0\0\0\0\x01x\xff\xf1", FileFormat::AdvancedAudioCoding),
            (b"fLaC\0", FileFormat::FreeLosslessAudioCodec),
            (b"MAC \x96", FileFormat::MonkeysAudio),
            (b"MPCKSH", FileFormat::Musepack),
            (b"MP+\x07", FileFormat::Musepack),
            (b"nothing known", FileFormat::Id3v2),
            (b"", FileFormat::Id3v2),
        ] {
            for (flags, padding) in [(0, 0), (0, 100), (HAS_FOOT, 20)] {
                assert_eq!(behind(flags, padding, first), format, "{first:?} {flags} {padding}");
            }
        }
    }

    #[test]
    fn a_tag_that_claims_more_than_there_is_is_a_tag() {
        let mut lie = Cursor::new(b"ID3\x04\0\0\x7f\x7f\x7f\x7fxyz");
        assert!(!matches!(of(&mut lie).unwrap(), FileFormat::AdvancedAudioCoding | FileFormat::Musepack));
        let mut one_behind_another = Cursor::new(b"ID3\x04\0\0\0\0\0\0".repeat(100_000));
        assert!(of(&mut one_behind_another).is_ok());
    }
}
