//! Tags of films: MP4 files that are too large to be held in memory, which is how lofty writes them. It gets what is left of a film
//! without its pictures and sound; those are moved as one where what stands before them grows, and the tables of where they lie
//! (ISO/IEC 14496-12, 8.7.5) with them.

use std::fs::File;
use std::io::{self, Cursor};
use std::os::unix::fs::FileExt as _;

use super::bytes::Bytes;
use super::chunks::read;
use super::mp4;
use super::source::Source;

/// Other boxes of more bytes than this are no more looked into than pictures and sound.
const HEAVY: u64 = 1 << 20;
/// Bytes that are held of one file, at most.
const MOST_HELD: u64 = 64 << 20;
/// Places of pictures and sound, at most.
const MOST_CHUNKS: usize = 4_000_000;
/// Bytes that are looked at where each of them lies, before and after.
const SAMPLE: usize = 16;
/// Bytes that are moved at a time.
const PIECE: u64 = 4 << 20;

const SENSELESS: &str = "its boxes make no sense";

/// A box at the top of a file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Top {
    pub(super) kind: [u8; 4],
    /// Where it begins, with its own head, and ends.
    pub(super) start: u64,
    pub(super) end: u64,
}

impl Top {
    fn is_heavy(&self) -> bool {
        &self.kind == b"mdat" || (&self.kind != b"moov" && self.end - self.start > HEAVY)
    }
}

/// Where the pieces of a track lie: a table in the bytes of a movie box.
struct Table {
    /// The first entry's place in them.
    at: usize,
    is_wide: bool,
    count: usize,
}

impl Table {
    fn width(&self) -> usize {
        if self.is_wide { 8 } else { 4 }
    }

    fn get(&self, movie: &[u8], entry: usize) -> Option<u64> {
        let mut bytes = Bytes(movie.get(self.at + entry * self.width()..)?);
        if self.is_wide { bytes.u64_be() } else { bytes.u32_be().map(u64::from) }
    }

    fn set(&self, movie: &mut [u8], entry: usize, place: u64) -> Result<(), String> {
        let at = self.at + entry * self.width();
        let to = movie.get_mut(at..at + self.width()).ok_or(SENSELESS)?;
        if self.is_wide {
            to.copy_from_slice(&place.to_be_bytes());
        } else {
            let place = u32::try_from(place).map_err(|_| "its places would be too large for their tables")?;
            to.copy_from_slice(&place.to_be_bytes());
        }
        Ok(())
    }
}

/// What changes tags, in a file that is held in memory.
pub(super) type Rewrite<'a> = dyn FnMut(&mut Cursor<Vec<u8>>) -> Result<(), String> + 'a;

/// Lets a film's tags be written, in a file that nobody needs yet: `rewrite` does it in what is left of the film without its pictures and
/// sound.
///
/// # Errors
/// Why not: a sentence. The file is of no use then.
pub(super) fn write(file: &File, rewrite: &mut Rewrite<'_>) -> Result<(), String> {
    let told = |error: io::Error| error.to_string();
    let length = file.metadata().map_err(told)?.len();
    let tops = tops(file).map_err(told)?;
    let mut movies = tops.iter().filter(|top| &top.kind == b"moov");
    let (Some(movie), None) = (movies.next().copied(), movies.next()) else { return Err(SENSELESS.into()) };
    if tops.last().is_none_or(|last| last.end != length) {
        return Err(SENSELESS.into());
    }
    let light: Vec<Top> = tops.iter().copied().filter(|top| !top.is_heavy()).collect();
    if light.iter().map(|top| top.end - top.start).sum::<u64>() > MOST_HELD {
        return Err("there is too much beside its pictures and sound".into());
    }
    let mut slim = Vec::new();
    for top in &light {
        slim.extend(read(file, top.start, top.end).map_err(told)?);
    }
    let old = read(file, movie.start, movie.end).map_err(told)?;
    let old_tables = tables(&old)?;
    let places = places(&old, &old_tables)?;
    if places.iter().flatten().any(|place| (movie.start..movie.end).contains(place)) {
        return Err(SENSELESS.into());
    }
    let samples = samples(file, &places).map_err(told)?;

    let before = slim.clone();
    let mut cursor = Cursor::new(slim);
    rewrite(&mut cursor)?;
    let mut new = other_movie(&before, &cursor.into_inner(), &light)?;
    let new_tables = tables(&new)?;
    if !new_tables.iter().map(|table| table.count).eq(places.iter().map(Vec::len)) {
        return Err(SENSELESS.into());
    }
    let more = i64::try_from(new.len()).unwrap_or(i64::MAX) - i64::try_from(old.len()).unwrap_or(0);
    let moved = |place: u64| {
        let is_behind = place >= movie.end;
        if is_behind { place.checked_add_signed(more).ok_or(SENSELESS) } else { Ok(place) }
    };
    let mut new_places = Vec::with_capacity(places.len());
    for (table, places) in new_tables.iter().zip(&places) {
        let places = places.iter().map(|place| moved(*place)).collect::<Result<Vec<_>, _>>()?;
        for (entry, place) in places.iter().enumerate() {
            table.set(&mut new, entry, *place)?;
        }
        new_places.push(places);
    }
    shift(file, movie.end, length, more).map_err(told)?;
    file.write_all_at(&new, movie.start).map_err(told)?;
    if self::samples(file, &new_places).map_err(told)? != samples {
        return Err("its pictures and sound would not be found again".into());
    }
    Ok(())
}

/// The boxes at the top of a file.
fn tops(file: &File) -> io::Result<Vec<Top>> {
    mp4::tops(&mut Source::of(file.try_clone()?)?)
}

/// The movie box of what was written; everything else in it has to be as it was.
fn other_movie(before: &[u8], after: &[u8], light: &[Top]) -> Result<Vec<u8>, String> {
    let movie = light.iter().position(|top| &top.kind == b"moov").ok_or(SENSELESS)?;
    let size = |tops: &[Top]| {
        usize::try_from(tops.iter().map(|top| top.end - top.start).sum::<u64>()).unwrap_or(usize::MAX)
    };
    let (head, tail) = (size(&light[..movie]), size(&light[movie + 1..]));
    let is_same = after.len() >= head + tail
        && before[..head] == after[..head]
        && before[before.len() - tail..] == after[after.len() - tail..];
    let new = after.get(head..after.len().saturating_sub(tail)).filter(|_| is_same).ok_or(SENSELESS)?;
    let mut bytes = Bytes(new);
    let is_whole = next(&mut bytes).is_some_and(|(kind, _)| &kind == b"moov") && bytes.is_empty();
    if is_whole { Ok(new.to_vec()) } else { Err(SENSELESS.into()) }
}

/// The next box of some bytes: what it is and what is in it.
fn next<'a>(bytes: &mut Bytes<'a>) -> Option<([u8; 4], Bytes<'a>)> {
    let size = bytes.u32_be()?;
    let kind = bytes.array()?;
    let inside = match size {
        0 => bytes.len() as u64,
        1 => bytes.u64_be()?.checked_sub(16)?,
        size => u64::from(size).checked_sub(8)?,
    };
    Some((kind, bytes.take_claimed(inside)?))
}

/// The tables of a movie box, in their order.
fn tables(movie: &[u8]) -> Result<Vec<Table>, String> {
    const WAY: [&[u8; 4]; 5] = [b"moov", b"trak", b"mdia", b"minf", b"stbl"];
    fn walk(movie: &[u8], from: usize, to: usize, way: &[&[u8; 4]], tables: &mut Vec<Table>) -> Option<()> {
        let mut bytes = Bytes(movie.get(from..to)?);
        while !bytes.is_empty() {
            let (kind, mut inside) = next(&mut bytes)?;
            let end = to - bytes.len();
            match way.split_first() {
                Some((step, way)) if kind == **step => walk(movie, end - inside.len(), end, way, tables)?,
                None if matches!(&kind, b"stco" | b"co64") => {
                    inside.take(4)?;
                    let count = usize::try_from(inside.u32_be()?).ok()?;
                    let table = Table { at: end - inside.len(), is_wide: &kind == b"co64", count };
                    (inside.len() >= count.checked_mul(table.width())?).then_some(())?;
                    tables.push(table);
                }
                _ => {}
            }
        }
        Some(())
    }
    let mut tables = Vec::new();
    walk(movie, 0, movie.len(), &WAY, &mut tables).ok_or(SENSELESS)?;
    let count = tables.iter().map(|table| table.count).fold(0, usize::saturating_add);
    if count > MOST_CHUNKS { Err("it has too many pieces".into()) } else { Ok(tables) }
}

fn places(movie: &[u8], tables: &[Table]) -> Result<Vec<Vec<u64>>, String> {
    let of =
        |table: &Table| (0..table.count).map(|entry| table.get(movie, entry)).collect::<Option<Vec<_>>>();
    tables.iter().map(of).collect::<Option<Vec<_>>>().ok_or_else(|| SENSELESS.into())
}

/// The bytes at each place, as far as the file goes.
fn samples(file: &File, places: &[Vec<u64>]) -> io::Result<Vec<u8>> {
    let mut samples = Vec::new();
    for place in places.iter().flatten() {
        let mut sample = [0; SAMPLE];
        let read = file.read_at(&mut sample, *place)?;
        samples.extend_from_slice(&sample[..read]);
    }
    Ok(samples)
}

/// Moves what is between two places by so many bytes, and ends the file behind it.
pub(super) fn shift(file: &File, start: u64, end: u64, by: i64) -> io::Result<()> {
    let mut done = 0;
    let mut bytes = Vec::new();
    while by != 0 && done < end - start {
        let size = PIECE.min(end - start - done);
        // What is moved on is moved from its end, so that nothing is written over before it was read.
        let at = if by > 0 { end - done - size } else { start + done };
        bytes.resize(usize::try_from(size).unwrap_or(usize::MAX), 0);
        file.read_exact_at(&mut bytes, at)?;
        file.write_all_at(&bytes, at.saturating_add_signed(by))?;
        done += size;
    }
    file.set_len(end.saturating_add_signed(by))
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Seek as _};

    use lofty::config::{ParseOptions, WriteOptions};
    use lofty::file::AudioFile as _;
    use lofty::mp4::Mp4File;
    use lofty::tag::Accessor as _;

    use super::super::fixtures::{bytes_of, file_of, fixture};
    use super::*;

    /// The same film with its movie box before or behind everything else, as far as it may be.
    fn laid_out(bytes: &[u8], is_first: bool) -> Vec<u8> {
        let tops = tops(&file_of(bytes)).unwrap();
        let place = |top: &Top| {
            let at = tops.iter().position(|one| one == top).unwrap();
            match (&top.kind, is_first) {
                (b"ftyp", _) => (0, at),
                (b"moov", true) => (1, at),
                (b"moov", false) => (3, at),
                _ => (2, at),
            }
        };
        let mut order = tops.clone();
        order.sort_by_key(place);
        let mut made: Vec<u8> = Vec::new();
        let mut now = Vec::new();
        for top in &order {
            now.push((*top, made.len() as u64));
            made.extend(&bytes[usize::try_from(top.start).unwrap()..usize::try_from(top.end).unwrap()]);
        }
        let (movie, at) = *now.iter().find(|(top, _)| &top.kind == b"moov").unwrap();
        let at = usize::try_from(at).unwrap();
        let end = at + usize::try_from(movie.end - movie.start).unwrap();
        let movie = &mut made[at..end];
        for table in tables(movie).unwrap() {
            for entry in 0..table.count {
                let old = table.get(movie, entry).unwrap();
                let (top, to) = now.iter().find(|(top, _)| (top.start..top.end).contains(&old)).unwrap();
                table.set(movie, entry, old - top.start + to).unwrap();
            }
        }
        made
    }

    #[test]
    fn what_comes_of_a_film_is_what_lofty_makes_of_the_whole_of_it() {
        for name in ["freeform.m4a", "xtra.mp4", "silent.mp4"] {
            for is_first in [true, false] {
                for length in [1, 300, 100_000] {
                    let film = laid_out(&fixture(name), is_first);
                    let title = "x".repeat(length);
                    let mut whole = Cursor::new(film.clone());
                    retitle(&mut whole, &title).unwrap();
                    let file = file_of(&film);
                    write(&file, &mut |slim| retitle(slim, &title)).unwrap();
                    assert!(bytes_of(&file) == whole.into_inner(), "{name} {is_first} {length}");
                }
            }
        }
    }

    fn retitle(file: &mut Cursor<Vec<u8>>, title: &str) -> Result<(), String> {
        file.rewind().unwrap();
        let options = ParseOptions::new().read_properties(false);
        let mut tags = Mp4File::read_from(&mut BufReader::new(&mut *file), options).unwrap();
        let mut list = tags.ilst().cloned().unwrap_or_default();
        list.set_title(title.into());
        tags.set_ilst(list);
        file.rewind().unwrap();
        tags.save_to(file, WriteOptions::new()).map_err(|error| error.to_string())
    }

    #[test]
    fn bytes_are_moved_either_way() {
        let bytes: Vec<u8> = (0..u32::try_from(PIECE).unwrap() / 2).flat_map(u32::to_le_bytes).collect();
        let file = file_of(&bytes);
        shift(&file, 1000, bytes.len() as u64, 77).unwrap();
        let moved = bytes_of(&file);
        assert!(moved[..1000] == bytes[..1000] && moved[1077..] == bytes[1000..]);
        shift(&file, 1077, moved.len() as u64, -77).unwrap();
        assert!(bytes_of(&file) == bytes);
    }

    #[test]
    fn what_makes_no_sense_is_left_alone() {
        let film = laid_out(&fixture("freeform.m4a"), true);
        let top = tops(&file_of(&film)).unwrap().into_iter().find(|top| &top.kind == b"moov").unwrap();
        let movie = usize::try_from(top.start).unwrap()..usize::try_from(top.end).unwrap();
        let table = tables(&film[movie.clone()]).unwrap().remove(0);
        let at = movie.start + table.at;
        // A place in the movie box itself, and more places than there is room for.
        for (at, lie) in [(at, u32::try_from(movie.start + 8).unwrap()), (at - 4, u32::MAX)] {
            let mut lying = film.clone();
            lying[at..at + 4].copy_from_slice(&lie.to_be_bytes());
            let why = write(&file_of(&lying), &mut |slim| retitle(slim, "x")).unwrap_err();
            assert_eq!(why, SENSELESS);
        }
        let two = [film.as_slice(), &film[movie]].concat();
        assert_eq!(write(&file_of(&two), &mut |_| Ok(())).unwrap_err(), SENSELESS);
        let more = [film.as_slice(), b"more"].concat();
        assert_eq!(write(&file_of(&more), &mut |_| Ok(())).unwrap_err(), SENSELESS);
        // Whoever rewrites changes nothing but the movie box.
        let file = file_of(&film);
        let meddle = |slim: &mut Cursor<Vec<u8>>| {
            slim.get_mut()[10] ^= 1;
            Ok(())
        };
        assert_eq!(write(&file, &mut { meddle }).unwrap_err(), SENSELESS);
        assert!(bytes_of(&file) == film);
    }
}
