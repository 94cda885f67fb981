//! Tags as they stand in a file, counted and not understood: what a parser leaves out when it reads a file, it would lose when it writes
//! it. Where the counts differ the file is left alone.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt as _;

use super::bytes::Bytes;
use super::mp4;
use super::source::Source;

/// Bytes of a tag that are looked at, at most.
const MOST_TAG: usize = 64 << 20;
/// Chunks, frames or pages that are looked at, at most.
const MOST_PIECES: usize = 4_000_000;
/// Frames of a date: the versions write it in frames of their own, and its value is compared elsewhere.
pub(super) const DATES: [&str; 4] = ["TDRC", "TYER", "TDAT", "TIME"];

/// How many frames of each name an `ID3v2` tag has, but for a date's. The oldest version has shorter names: those are one number, under
/// no name.
pub(super) type Frames = BTreeMap<String, usize>;

/// The frames of the tag at a file's beginning, or in the chunk of a WAV or AIFF file.
///
/// # Errors
/// It can't be read: a sentence.
pub(super) fn frames(file: &File) -> Result<Frames, String> {
    let read = |at: u64, most: usize| read_at(file, at, most).map_err(|error| error.to_string());
    let head = read(0, 12)?;
    let at = match (head.get(..4), head.get(8..12)) {
        (Some(b"RIFF"), Some(b"WAVE")) => chunk(file, u32::from_le_bytes)?,
        (Some(b"FORM"), Some(b"AIFF" | b"AIFC")) => chunk(file, u32::from_be_bytes)?,
        _ => Some(0),
    };
    let Some(at) = at else { return Ok(Frames::new()) };
    let head = read(at, 10)?;
    let [b'I', b'D', b'3', version, _, flags, ref size @ ..] = head[..] else { return Ok(Frames::new()) };
    let tag = read(at + 10, usize::try_from(seven_bits(size)).unwrap_or(MOST_TAG).min(MOST_TAG))?;
    Ok(count(version, flags, tag))
}

/// The place of the chunk that holds a tag.
fn chunk(file: &File, number: fn([u8; 4]) -> u32) -> Result<Option<u64>, String> {
    let mut at = 12;
    for _ in 0..MOST_PIECES {
        let head = read_at(file, at, 8).map_err(|error| error.to_string())?;
        let mut head = Bytes(&head);
        let (Some(name), Some(size)) = (head.array::<4>(), head.array::<4>()) else { break };
        if name.eq_ignore_ascii_case(b"id3 ") {
            return Ok(Some(at + 8));
        }
        let size = u64::from(number(size));
        at += 8 + size + size % 2;
    }
    Ok(None)
}

fn count(version: u8, flags: u8, tag: Vec<u8>) -> Frames {
    const UNSYNCHRONISED: u8 = 0x80;
    const EXTENDED: u8 = 0x40;
    // Until the last version zeros were put in all over the tag, and are in no size.
    let tag = if version < 4 && flags & UNSYNCHRONISED != 0 { synchronised(&tag) } else { tag };
    let mut bytes = Bytes(&tag);
    if version > 2 && flags & EXTENDED != 0 {
        let size = bytes.array::<4>().unwrap_or_default();
        let more = if version == 3 { u32::from_be_bytes(size) } else { seven_bits(&size).saturating_sub(4) };
        bytes.take_claimed(more.into());
    }
    let mut frames = Frames::new();
    for _ in 0..MOST_PIECES {
        let (name, size) = if version == 2 {
            let (Some(name), Some([a, b, c])) = (bytes.array::<3>(), bytes.array::<3>()) else { break };
            (name.to_vec(), u32::from_be_bytes([0, a, b, c]))
        } else {
            let (Some(name), Some(size), Some(_)) =
                (bytes.array::<4>(), bytes.array::<4>(), bytes.array::<2>())
            else {
                break;
            };
            (name.to_vec(), if version == 3 { u32::from_be_bytes(size) } else { seven_bits(&size) })
        };
        // Behind the frames there are zeros.
        if name[0] == 0 {
            break;
        }
        let name = String::from_utf8_lossy(&name).into_owned();
        let is_date = DATES.contains(&name.as_str()) || ["TYE", "TDA", "TIM"].contains(&name.as_str());
        if !is_date {
            *frames.entry(if version == 2 { String::new() } else { name }).or_default() += 1;
        }
        if bytes.take_claimed(size.into()).is_none() {
            break;
        }
    }
    frames
}

/// A number of four bytes with seven bits in each.
fn seven_bits(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |number, byte| number << 7 | u32::from(byte & 0x7f))
}

/// A tag without the zeros behind each 255.
fn synchronised(tag: &[u8]) -> Vec<u8> {
    let mut before = 0;
    let is_kept = |byte: &u8| !(std::mem::replace(&mut before, *byte) == 0xff && *byte == 0);
    tag.iter().copied().filter(is_kept).collect()
}

/// How many items the list of an MP4 file has.
///
/// # Errors
/// It can't be read: a sentence.
pub(super) fn items(file: &File) -> Result<usize, String> {
    let read = || mp4::items(&mut Source::of(file.try_clone()?)?);
    read().map_err(|error| error.to_string())
}

/// How many streams an Ogg file has, side by side or one after the other.
///
/// # Errors
/// It can't be read: a sentence.
pub(super) fn streams(file: &File) -> Result<usize, String> {
    const FIRST: u8 = 2;
    let (mut at, mut streams) = (0, 0);
    for _ in 0..MOST_PIECES {
        let head = read_at(file, at, 27 + 255).map_err(|error| error.to_string())?;
        let Some(page) = head.strip_prefix(b"OggS").filter(|_| head.len() >= 27) else { break };
        streams += usize::from(page[1] & FIRST != 0);
        let count = usize::from(head[26]);
        let size: u64 = head[27..].iter().take(count).map(|length| u64::from(*length)).sum();
        at += 27 + count as u64 + size;
    }
    Ok(streams)
}

fn read_at(file: &File, at: u64, most: usize) -> std::io::Result<Vec<u8>> {
    let there = file.metadata()?.len().saturating_sub(at);
    let mut bytes = vec![0; usize::try_from(there).unwrap_or(most).min(most)];
    file.read_exact_at(&mut bytes, at)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(version: u8, flags: u8, tag: &[u8]) -> String {
        let frames = count(version, flags, tag.to_vec());
        frames.iter().map(|(name, count)| format!("{name}:{count}")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn frames_are_counted_in_every_version() {
        let old = b"TT2\0\0\x02\0aTP1\0\0\x02\0bTYE\0\0\x02\0c\0\0\0";
        assert_eq!(told(2, 0, old), ":2");
        let v3 = b"TPE1\0\0\0\x02\0\0\0aTPE1\0\0\0\x02\0\0\0bTYER\0\0\0\x01\0\0\0TIT2\0\0\0\x02\0\0\0c\0\0\0\0\0\0\0\0\0\0";
        assert_eq!(told(3, 0, v3), "TIT2:1 TPE1:2");
        // 200 bytes are two digits of seven bits.
        let long = [&b"COMM\0\0\x01\x48\0\0"[..], &[7; 200], b"COMM\0\0\0\x01\0\0x"].concat();
        assert_eq!(told(4, 0, &long), "COMM:2");
        // An extended header, and zeros that are no part of it.
        assert_eq!(told(3, 0x40, &[&b"\0\0\0\x06\0\0\0\0\0\0"[..], v3].concat()), "TIT2:1 TPE1:2");
        assert_eq!(told(4, 0x40, &[&b"\0\0\0\x06\x01\0"[..], &long].concat()), "COMM:2");
        assert_eq!(told(3, 0x80, b"PRIV\0\0\0\x02\0\0\xff\0\x01TIT2\0\0\0\x01\0\0x"), "PRIV:1 TIT2:1");
        // One that claims more than there is ends it.
        assert_eq!(told(3, 0, b"TIT2\xff\xff\xff\xff\0\0x"), "TIT2:1");
        assert_eq!(told(4, 0, b"TIT"), "");
    }
}
