//! Files of chunks: WAV and AVI (RIFF) and AIFF. To write WAV and AIFF lofty holds all of a file in memory and takes the sizes in it as
//! they come: it gets one that was looked over, with an empty chunk in the place of the sound, which moves as one.

use std::fs::File;
use std::io::{self, Cursor};
use std::os::unix::fs::FileExt as _;

use super::bytes::Bytes;
use super::movie::{Rewrite, shift};

/// Bytes before what is in a chunk: its name and size.
pub(super) const HEAD: u64 = 8;
/// Bytes before the first chunk: those of the chunk that holds all, and what the file is.
pub(super) const FIRST: u64 = HEAD + 4;
/// Bytes that are held of one file beside its sound, at most.
const MOST_HELD: u64 = 64 << 20;
/// Chunks of a file, at most.
const MOST_CHUNKS: usize = 100_000;

const SENSELESS: &str = "its chunks make no sense";

/// What a kind of such files is like.
pub(super) struct Form {
    pub(super) outer: &'static [u8; 4],
    /// What may stand behind that.
    pub(super) is: &'static [&'static [u8; 4]],
    /// What its sound and pictures are in.
    pub(super) media: &'static [u8; 4],
    pub(super) read: fn([u8; 4]) -> u32,
    pub(super) write: fn(u32) -> [u8; 4],
}

const WAV: Form = Form {
    outer: b"RIFF",
    is: &[b"WAVE"],
    media: b"data",
    read: u32::from_le_bytes,
    write: u32::to_le_bytes,
};
const AIFF: Form = Form {
    outer: b"FORM",
    is: &[b"AIFF", b"AIFC"],
    media: b"SSND",
    read: u32::from_be_bytes,
    write: u32::to_be_bytes,
};

/// A chunk of a file: what it is, where it begins with its own head, and where the next one does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    pub(super) name: [u8; 4],
    pub(super) start: u64,
    pub(super) size: u64,
    pub(super) end: u64,
}

/// The chunks that a file has, and nothing else; none where it is not so.
pub(super) fn all(
    form: &Form,
    length: u64,
    mut read: impl FnMut(&mut [u8], u64) -> io::Result<()>,
) -> io::Result<Option<Vec<Chunk>>> {
    let mut head = [0; 12];
    if length < FIRST {
        return Ok(None);
    }
    read(&mut head, 0)?;
    let mut bytes = Bytes(&head);
    let (outer, size, is) = (bytes.array::<4>(), bytes.array().map(form.read), bytes.array::<4>());
    let is_one = outer.as_ref() == Some(form.outer)
        && is.is_some_and(|is| form.is.contains(&&is))
        && size.is_some_and(|size| u64::from(size) + HEAD == length);
    let (mut at, mut chunks) = (FIRST, Vec::new());
    while is_one && at + HEAD <= length && chunks.len() < MOST_CHUNKS {
        let mut head = [0; 8];
        read(&mut head, at)?;
        let [a, b, c, d, size @ ..] = head;
        let size = u64::from((form.read)(size));
        // They begin at even places; behind the last one that may be left out.
        let end = (at + HEAD + size).next_multiple_of(2);
        chunks.push(Chunk { name: [a, b, c, d], start: at, size, end });
        at = end;
    }
    let is_whole = at == length || at == length + 1;
    Ok((is_one && is_whole && !chunks.is_empty()).then_some(chunks))
}

pub(super) fn of_file(form: &Form, file: &File) -> Result<Vec<Chunk>, String> {
    let told = |error: io::Error| error.to_string();
    let length = file.metadata().map_err(told)?.len();
    let chunks = all(form, length, |bytes, at| file.read_exact_at(bytes, at)).map_err(told)?;
    chunks.ok_or_else(|| SENSELESS.into())
}

/// Writes the size of all that a file holds.
pub(super) fn set_size(form: &Form, file: &File, length: u64) -> Result<(), String> {
    let size = u32::try_from(length - HEAD).map_err(|_| "it would be too large for its kind")?;
    file.write_all_at(&(form.write)(size), 4).map_err(|error| error.to_string())
}

/// Lets the tags of a WAV file be written, as [`movie::write`](super::movie::write) does those of a film.
///
/// # Errors
/// Why not: a sentence. The file is of no use then.
pub(super) fn write_wav(file: &File, rewrite: &mut Rewrite<'_>) -> Result<(), String> {
    write(&WAV, file, rewrite)
}

/// Lets the tags of an AIFF file be written.
///
/// # Errors
/// As [`write_wav`].
pub(super) fn write_aiff(file: &File, rewrite: &mut Rewrite<'_>) -> Result<(), String> {
    write(&AIFF, file, rewrite)
}

fn write(form: &Form, file: &File, rewrite: &mut Rewrite<'_>) -> Result<(), String> {
    let told = |error: io::Error| error.to_string();
    let length = file.metadata().map_err(told)?.len();
    let chunks = of_file(form, file)?;
    let names = |chunks: &[Chunk]| chunks.iter().map(|chunk| chunk.name).collect::<Vec<_>>();
    let before = names(&chunks);
    let sound = sound(form, chunks)?;
    let end = sound.end.min(length);
    let begin = sound.start + HEAD;
    if length - (end - begin) > MOST_HELD {
        return Err("there is too much beside its sound".into());
    }
    let mut slim = read(file, 0, begin).map_err(told)?;
    slim.extend(read(file, end, length).map_err(told)?);
    let size = u32::try_from(slim.len() as u64 - HEAD).map_err(|_| SENSELESS)?;
    slim[4..8].copy_from_slice(&(form.write)(size));
    let head = usize::try_from(begin).map_err(|_| SENSELESS)?;
    slim[head - 4..head].fill(0);

    let mut cursor = Cursor::new(slim);
    rewrite(&mut cursor)?;
    let new = cursor.into_inner();
    let chunks = all(form, new.len() as u64, |bytes, at| {
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let from =
            new.get(at..).and_then(|rest| rest.get(..bytes.len())).ok_or(io::ErrorKind::UnexpectedEof)?;
        bytes.copy_from_slice(from);
        Ok(())
    });
    let chunks = chunks.map_err(told)?.ok_or(SENSELESS)?;
    let mut after = names(&chunks);
    for name in before {
        // lofty keeps one of each.
        let at = after.iter().position(|now| now.eq_ignore_ascii_case(&name));
        after.swap_remove(at.ok_or("something else in it would not stay as it is")?);
    }
    let still = self::sound(form, chunks)?;
    if still.size != 0 {
        return Err(SENSELESS.into());
    }
    let (before, after) = new.split_at(usize::try_from(still.end).map_err(|_| SENSELESS)?);
    let by = i64::try_from(still.end).unwrap_or(0) - i64::try_from(begin).unwrap_or(0);
    // What follows begins at an even place.
    let sound_end = still.end + (end - begin).next_multiple_of(2);
    let whole = sound_end + after.len() as u64;
    shift(file, begin, end, by).map_err(told)?;
    file.set_len(whole).map_err(told)?;
    file.write_all_at(before, 0).map_err(told)?;
    let size = u32::try_from(sound.size).map_err(|_| SENSELESS)?;
    file.write_all_at(&(form.write)(size), still.end - 4).map_err(told)?;
    file.write_all_at(after, sound_end).map_err(told)?;
    set_size(form, file, whole)
}

/// The one chunk of a file that holds its sound.
fn sound(form: &Form, chunks: Vec<Chunk>) -> Result<Chunk, String> {
    let mut sounds = chunks.into_iter().filter(|chunk| chunk.name == *form.media);
    match (sounds.next(), sounds.next()) {
        (Some(sound), None) => Ok(sound),
        _ => Err(SENSELESS.into()),
    }
}

pub(super) fn read(file: &File, start: u64, end: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(end - start).unwrap_or(usize::MAX)];
    file.read_exact_at(&mut bytes, start)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Seek as _};

    use lofty::config::{ParseOptions, WriteOptions};
    use lofty::file::AudioFile;
    use lofty::id3::v2::Id3v2Tag;
    use lofty::iff::aiff::AiffFile;
    use lofty::iff::wav::WavFile;
    use lofty::tag::Accessor as _;
    use proptest::prelude::*;

    use super::super::fixtures::{bytes_of, file_of, fixture};
    use super::*;

    type Change = fn(&mut Cursor<Vec<u8>>, &str);

    fn retitle<T: AudioFile>(file: &mut Cursor<Vec<u8>>, change: impl Fn(&mut T)) {
        file.rewind().unwrap();
        let options = ParseOptions::new().read_properties(false);
        let mut tags = T::read_from(&mut BufReader::new(&mut *file), options).unwrap();
        change(&mut tags);
        file.rewind().unwrap();
        tags.save_to(file, WriteOptions::new()).unwrap();
    }

    fn tag(title: &str) -> Id3v2Tag {
        let mut tag = Id3v2Tag::default();
        tag.set_title(title.into());
        tag
    }

    fn wav(file: &mut Cursor<Vec<u8>>, title: &str) {
        retitle::<WavFile>(file, |of| drop(of.set_id3v2(tag(title))));
    }

    fn aiff(file: &mut Cursor<Vec<u8>>, title: &str) {
        retitle::<AiffFile>(file, |of| drop(of.set_id3v2(tag(title))));
    }

    /// The same file with its chunks the other way round but for the first, and its sound one byte shorter if that is asked.
    fn laid_out(form: &Form, bytes: &[u8], is_turned: bool, is_odd: bool) -> Vec<u8> {
        let mut parts: Vec<Vec<u8>> = of_file(form, &file_of(bytes))
            .unwrap()
            .iter()
            .map(|chunk| {
                let from = usize::try_from(chunk.start).unwrap();
                let mut part = bytes[from..usize::try_from(chunk.end).unwrap().min(bytes.len())].to_vec();
                if is_odd && chunk.name == *form.media {
                    let size =
                        u32::try_from(chunk.size).unwrap() - 1 + (u32::try_from(chunk.size).unwrap() % 2);
                    part[4..8].copy_from_slice(&(form.write)(size));
                    *part.last_mut().unwrap() = 0;
                }
                part.resize(part.len().next_multiple_of(2), 0);
                part
            })
            .collect();
        if is_turned {
            parts[1..].reverse();
        }
        let mut made = [&bytes[..12], &parts.concat()].concat();
        let size = u32::try_from(made.len() - 8).unwrap();
        made[4..8].copy_from_slice(&(form.write)(size));
        made
    }

    #[test]
    fn what_comes_of_a_large_file_is_what_lofty_makes_of_it() {
        for (form, name, change) in [(&WAV, "id3.wav", wav as Change), (&AIFF, "id3.aiff", aiff as Change)] {
            for (is_turned, is_odd) in [(false, false), (true, false), (false, true), (true, true)] {
                for length in [1, 300, 100_000] {
                    let before = laid_out(form, &fixture(name), is_turned, is_odd);
                    let title = "x".repeat(length);
                    let mut whole = Cursor::new(before.clone());
                    change(&mut whole, &title);
                    let file = file_of(&before);
                    let mut calls = |slim: &mut Cursor<Vec<u8>>| {
                        change(slim, &title);
                        Ok(())
                    };
                    write(form, &file, &mut calls).unwrap();
                    assert!(bytes_of(&file) == whole.into_inner(), "{name} {is_turned} {is_odd} {length}");
                }
            }
        }
    }

    #[test]
    fn what_makes_no_sense_is_left_alone() {
        let before = fixture("id3.wav");
        let end = before.len() - 30;
        let two = {
            let mut two = [&before[..], b"data\0\0\0\0"].concat();
            let size = u32::try_from(two.len() - 8).unwrap().to_le_bytes();
            two[4..8].copy_from_slice(&size);
            two
        };
        for bytes in [&before[..end], &two, b"RIFF", b"RIFF\x04\0\0\0WAVE", b""] {
            assert_eq!(write(&WAV, &file_of(bytes), &mut |_| Ok(())).unwrap_err(), SENSELESS);
        }
        // A second name, of which only one would be left; and a size that leaves out the last byte, which is there.
        let mut named = fixture("id3.aiff");
        let name = b"NAME\0\0\0\x02ab";
        named.splice(12..12, [&name[..], name].concat());
        let size = u32::try_from(named.len() - 8).unwrap().to_be_bytes();
        named[4..8].copy_from_slice(&size);
        let rewrite = &mut |slim: &mut Cursor<Vec<u8>>| {
            aiff(slim, "x");
            Ok(())
        };
        let why = write(&AIFF, &file_of(&named), rewrite).unwrap_err();
        assert!(why.contains("would not stay"), "{why}");
        let mut short = laid_out(&WAV, &before, false, true);
        let size = u32::try_from(short.len() - 9).unwrap().to_le_bytes();
        short[4..8].copy_from_slice(&size);
        assert_eq!(write(&WAV, &file_of(&short), &mut |_| Ok(())).unwrap_err(), SENSELESS);
        let meddle = |slim: &mut Cursor<Vec<u8>>| {
            slim.get_mut()[4] ^= 1;
            Ok(())
        };
        assert_eq!(write(&WAV, &file_of(&before), &mut { meddle }).unwrap_err(), SENSELESS);
    }

    proptest! {
        #[test]
        fn no_file_does_harm(at in 0_usize..9000, lie in any::<[u8; 4]>()) {
            let mut bytes = fixture("id3.wav");
            bytes[at..at + 4].copy_from_slice(&lie);
            let file = file_of(&bytes);
            if write(&WAV, &file, &mut |_| Ok(())).is_ok() {
                prop_assert!(bytes_of(&file) == bytes || bytes.len() % 2 == 1);
            }
        }
    }
}
