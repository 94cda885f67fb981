//! The note: `NAME.part.haul` says which bytes of the part are there, write by write, without a sync.
//!
//! Two header slots, written in turn, make the part self-describing; behind them is a ring of fixed records, one for each write:
//! offset, length, CRC32 of the data, CRC32 of the record. A record counts only for its own generation and only if reading the
//! part again gives that CRC. So it is believed after a kill, and after a power cut exactly as far as it is true.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::error::{StoreError, StoreKind};
use super::files::is_file_of;
use super::owner::{OWNER, sign};
use super::part::Part;
use crate::model::coverage::Coverage;
use crate::model::id::{DownloadId, Generation};
use crate::model::range::ByteRange;
use crate::model::validators::Validators;

/// What a note adds to the part's name.
pub const NOTE: &str = ".haul";
const MAGIC: [u8; 8] = *b"haulnote";
const VERSION: u32 = 1;
/// Bytes of one header slot.
const SLOT: u64 = 32 * 1024;
/// Where the records begin.
const RECORDS: u64 = 2 * SLOT;
/// Bytes of one record.
const RECORD: usize = 32;
/// How many records the ring holds.
const CAPACITY: u64 = 65_536;
/// Bytes in front of a header's text: magic, version, sequence, length, CRC.
const PREFIX: usize = 28;
/// Records that are compared with the part when it is opened.
const SAMPLES: usize = 16;
/// The longest write that a record is believed about.
const LONGEST_WRITE: u32 = 64 << 20;

/// What a note says about its part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteHeader {
    /// Whose part it is.
    pub uuid: Uuid,
    /// Its number in the store that it came from.
    pub id: DownloadId,
    /// Which version of the file.
    pub generation: Generation,
    /// Where it comes from, without secrets.
    pub source_url: String,
    /// Size in bytes, where known.
    pub size: Option<u64>,
    /// Validators of this version.
    pub validators: Validators,
    /// The finished file's name.
    pub name: String,
    /// Bytes that were safe when this was written.
    pub safe: Coverage,
}

/// Writes a part's note. Nothing is on disk before the second write: small files never have a note.
#[derive(Debug)]
pub struct NoteWriter {
    path: PathBuf,
    header: NoteHeader,
    file: Option<File>,
    /// Whether the file is there from an earlier run, with records that are still needed.
    goes_on: bool,
    first: Option<[u8; RECORD]>,
    slot: u64,
    next: u64,
    /// Records before this one lie within safe coverage: their places may be used again.
    free_before: u64,
    marked: u64,
    /// Whether its name is somebody else's file: it stays as it is, and what is written stays unnoted.
    is_elsewhere: bool,
}

impl NoteWriter {
    /// Returns the writer of a part's note.
    pub fn new(part: &Part, header: NoteHeader) -> Self {
        let path = path_of(part);
        Self {
            path,
            header,
            file: None,
            goes_on: false,
            first: None,
            slot: 0,
            next: 0,
            free_before: 0,
            marked: 0,
            is_elsewhere: false,
        }
    }

    /// Returns the writer that goes on after what an earlier run noted: its records stay until a checkpoint has their bytes,
    /// because until then nothing else knows of them.
    pub fn after(part: &Part, header: NoteHeader, proven: &Proven) -> Self {
        Self {
            goes_on: true,
            slot: proven.header_number + 1,
            next: proven.next,
            free_before: proven.oldest,
            marked: proven.oldest,
            ..Self::new(part, header)
        }
    }

    /// Notes that `data` was written at `offset`: one system call.
    ///
    /// # Errors
    /// The note can't be written.
    pub fn noted(&mut self, offset: u64, data: &[u8]) -> Result<(), StoreError> {
        let Ok(len) = u32::try_from(data.len()) else { return Ok(()) };
        // A ring full of records that are not safe yet: this write stays unnoted, which costs at most fetching it again.
        if self.is_elsewhere || self.next - self.free_before >= CAPACITY {
            return Ok(());
        }
        let record = encode(offset, len, crc32fast::hash(data), self.header.generation, self.next);
        if self.file.is_none() && self.goes_on {
            self.open(OFlags::RDWR)?;
            self.write_header()?;
        } else if self.file.is_none() {
            let Some(first) = self.first.take() else {
                self.first = Some(record);
                self.next = 1;
                return Ok(());
            };
            self.create()?;
            if self.is_elsewhere {
                return Ok(());
            }
            self.write_header()?;
            self.put(0, &first)?;
        }
        self.put(self.next, &record)?;
        self.next += 1;
        Ok(())
    }

    /// Whether anything of it is on disk.
    pub fn is_on_disk(&self) -> bool {
        self.file.is_some() || self.goes_on
    }

    /// Remembers that everything noted so far is in the copy that is being made safe.
    pub fn mark(&mut self) {
        self.marked = self.next;
    }

    /// The copy is safe: says so in the header, and frees the records before the mark.
    ///
    /// # Errors
    /// The note can't be written.
    pub fn committed(&mut self, header: NoteHeader) -> Result<(), StoreError> {
        self.header = header;
        self.free_before = self.marked;
        if self.file.is_some() { self.write_header() } else { Ok(()) }
    }

    /// Makes the note say nothing any more, durably: its generation is over, or a sync failed.
    ///
    /// # Errors
    /// The note can't be deleted.
    pub fn void(self) -> Result<(), StoreError> {
        drop(self.file);
        void_at(&self.path, self.header.uuid)
    }

    /// Makes the file, or empties one of our own: it says nothing of this generation, and what it said was read when the part was
    /// opened.
    fn create(&mut self) -> Result<(), StoreError> {
        match self.open(OFlags::RDWR | OFlags::CREATE | OFlags::EXCL) {
            Err(error) if error.kind == StoreKind::Taken => {
                if !is_of(&self.path, self.header.uuid) {
                    self.is_elsewhere = true;
                    return Ok(());
                }
                self.open(OFlags::RDWR | OFlags::TRUNC)?;
            }
            other => other?,
        }
        if let Some(file) = &self.file {
            sign(file, self.header.uuid);
        }
        Ok(())
    }

    fn open(&mut self, flags: OFlags) -> Result<(), StoreError> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::open(&self.path, flags, Mode::RUSR | Mode::WUSR).map(File::from);
        self.file = Some(file.map_err(|error| self.failed(&error.into()))?);
        Ok(())
    }

    fn put(&self, number: u64, record: &[u8; RECORD]) -> Result<(), StoreError> {
        let Some(file) = &self.file else { return Ok(()) };
        let at = RECORDS + (number % CAPACITY) * RECORD as u64;
        file.write_all_at(record, at).map_err(|error| self.failed(&error))
    }

    fn write_header(&mut self) -> Result<(), StoreError> {
        let Some(file) = &self.file else { return Ok(()) };
        let bytes = encode_header(&self.header, self.slot);
        file.write_all_at(&bytes, (self.slot % 2) * SLOT).map_err(|error| self.failed(&error))?;
        self.slot += 1;
        Ok(())
    }

    fn failed(&self, error: &io::Error) -> StoreError {
        StoreError::io("can't write the note", self.path.display(), error)
    }
}

/// A note read back.
#[derive(Debug)]
pub struct Note {
    /// The newest header that is whole.
    pub header: NoteHeader,
    header_number: u64,
    file: File,
}

/// What a note's records prove about the part, and where its writer goes on.
#[derive(Debug, Default)]
pub struct Proven {
    /// Bytes that are there beside the safe ones.
    pub coverage: Coverage,
    header_number: u64,
    /// The oldest and the number after the newest record of this generation.
    oldest: u64,
    next: u64,
}

impl Note {
    /// Reads the note of a part, or nothing where there is none that is whole.
    pub fn of(part: &Part) -> Option<Self> {
        Self::read(&path_of(part))
    }

    /// Reads a note by its path, or nothing where it is no note or damaged.
    pub fn read(path: &Path) -> Option<Self> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = File::from(rustix::fs::open(path, flags, Mode::empty()).ok()?);
        if !file.metadata().ok()?.is_file() {
            return None;
        }
        let newest =
            [0, SLOT].into_iter().filter_map(|at| read_header(&file, at)).max_by_key(|(number, _)| *number);
        newest.map(|(header_number, header)| Self { header, header_number, file })
    }

    /// Returns what the records prove about the part, beside what is safe already: each is believed only if the part's bytes
    /// still have its CRC.
    ///
    /// # Errors
    /// The part can't be read.
    pub fn proven(&self, part: &Part, generation: Generation, safe: &Coverage) -> Result<Proven, StoreError> {
        let mut coverage = Coverage::new();
        let mut numbers: Option<(u64, u64)> = None;
        let mut buffer = Vec::new();
        for record in self.records() {
            let Some((number, range, crc)) = decode(&record, generation) else { continue };
            numbers =
                Some(numbers.map_or((number, number), |(low, high)| (low.min(number), high.max(number))));
            if safe.has(range) || coverage.has(range) {
                continue;
            }
            buffer.resize(usize::try_from(range.len()).unwrap_or(0), 0);
            if part.read_at(range.start(), &mut buffer)? && crc32fast::hash(&buffer) == crc {
                coverage.insert(range);
            }
        }
        let (oldest, next) = numbers.map_or((0, 0), |(oldest, newest)| (oldest, newest + 1));
        Ok(Proven { coverage, header_number: self.header_number, oldest, next })
    }

    /// Whether the part still has what the note says of some of its safe bytes: samples of the records, the newest among them. Nothing
    /// where the note says nothing of them.
    pub fn is_true(&self, part: &Part, generation: Generation, safe: &Coverage) -> Option<bool> {
        let mut told: Vec<_> = self
            .records()
            .filter_map(|record| decode(&record, generation))
            .filter(|(_, range, _)| safe.has(*range))
            .collect();
        told.sort_unstable_by_key(|(number, ..)| *number);
        let step = told.len().div_ceil(SAMPLES).max(1);
        let mut buffer = Vec::new();
        let mut sampled = told.iter().rev().step_by(step).peekable();
        sampled.peek()?;
        Some(sampled.all(|(_, range, crc)| {
            buffer.resize(usize::try_from(range.len()).unwrap_or(0), 0);
            part.read_at(range.start(), &mut buffer).is_ok_and(|is_there| is_there)
                && crc32fast::hash(&buffer) == *crc
        }))
    }

    fn records(&self) -> impl Iterator<Item = [u8; RECORD]> {
        let length = self.file.metadata().map_or(0, |facts| facts.len());
        let count = (length.saturating_sub(RECORDS) / RECORD as u64).min(CAPACITY);
        (0..count).map_while(|place| {
            let mut record = [0; RECORD];
            self.file.read_exact_at(&mut record, RECORDS + place * RECORD as u64).ok().map(|()| record)
        })
    }
}

/// The note's path of a part.
pub fn path_of(part: &Part) -> PathBuf {
    part.folder().join(format!("{}{NOTE}", part.file_name()))
}

/// Whether what lies at a note's path is this download's: it says so. One that is empty is nobody's, and may be what a power cut left.
pub fn is_of(path: &Path, owner: Uuid) -> bool {
    let mut said = [0; 16];
    let is_signed = rustix::fs::lgetxattr(path, OWNER, &mut said) == Ok(said.len());
    is_signed && Uuid::from_bytes(said) == owner
        || is_file_of(path, Some(0))
        || Note::read(path).is_some_and(|note| note.header.uuid == owner)
}

/// Deletes a download's note, durably. One that is not there is no error, and a file of somebody else stays.
///
/// # Errors
/// What the disk says.
pub fn void_at(path: &Path, owner: Uuid) -> Result<(), StoreError> {
    if !is_of(path, owner) {
        return Ok(());
    }
    match std::fs::remove_file(path) {
        Ok(()) => path.parent().map_or(Ok(()), super::files::sync_folder),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(StoreError::io("can't delete the note", path.display(), &error)),
    }
}

/// Deletes the note of a download's part that is no longer needed, without a sync: a note without its part means nothing. A file of
/// somebody else stays.
///
/// # Errors
/// What the disk says.
pub fn forget(part_path: &Path, owner: Uuid) -> Result<(), StoreError> {
    let mut path = part_path.as_os_str().to_owned();
    path.push(NOTE);
    if !is_of(Path::new(&path), owner) {
        return Ok(());
    }
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::io("can't delete the note", Path::new(&path).display(), &error))
        }
        _ => Ok(()),
    }
}

fn encode(offset: u64, len: u32, crc: u32, generation: Generation, number: u64) -> [u8; RECORD] {
    let mut record = [0; RECORD];
    record[0..8].copy_from_slice(&offset.to_le_bytes());
    record[8..12].copy_from_slice(&len.to_le_bytes());
    record[12..16].copy_from_slice(&crc.to_le_bytes());
    record[16..20].copy_from_slice(&generation.0.to_le_bytes());
    record[20..28].copy_from_slice(&number.to_le_bytes());
    let own = crc32fast::hash(&record[..28]);
    record[28..32].copy_from_slice(&own.to_le_bytes());
    record
}

/// Returns a record's number, range and CRC, if it is whole and of this generation.
fn decode(record: &[u8; RECORD], generation: Generation) -> Option<(u64, ByteRange, u32)> {
    let word = |at: usize| u32::from_le_bytes([record[at], record[at + 1], record[at + 2], record[at + 3]]);
    let long = |at: usize| u64::from(word(at)) | u64::from(word(at + 4)) << 32;
    if word(28) != crc32fast::hash(&record[..28]) || word(16) != generation.0 || word(8) > LONGEST_WRITE {
        return None;
    }
    Some((long(20), ByteRange::of_len(long(0), u64::from(word(8)))?, word(12)))
}

fn encode_header(header: &NoteHeader, number: u64) -> Vec<u8> {
    let text = |header: &NoteHeader| serde_json::to_vec(header).unwrap_or_default();
    let mut body = text(header);
    if body.len() > usize::try_from(SLOT).unwrap_or(usize::MAX) - PREFIX {
        // A coverage of thousands of runs: the records and the store still have it.
        body = text(&NoteHeader { safe: Coverage::new(), ..header.clone() });
    }
    let mut bytes = Vec::with_capacity(PREFIX + body.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&number.to_le_bytes());
    bytes.extend_from_slice(&u32::try_from(body.len()).unwrap_or(0).to_le_bytes());
    let mut crc = crc32fast::Hasher::new();
    crc.update(&bytes);
    crc.update(&body);
    bytes.extend_from_slice(&crc.finalize().to_le_bytes());
    bytes.extend_from_slice(&body);
    bytes
}

fn read_header(file: &File, at: u64) -> Option<(u64, NoteHeader)> {
    let mut prefix = [0; PREFIX];
    file.read_exact_at(&mut prefix, at).ok()?;
    let word = |at: usize| u32::from_le_bytes([prefix[at], prefix[at + 1], prefix[at + 2], prefix[at + 3]]);
    if prefix[..8] != MAGIC || word(8) != VERSION {
        return None;
    }
    let length = u64::from(word(20));
    if length > SLOT - PREFIX as u64 {
        return None;
    }
    let mut body = vec![0; usize::try_from(length).ok()?];
    file.read_exact_at(&mut body, at + PREFIX as u64).ok()?;
    let mut crc = crc32fast::Hasher::new();
    crc.update(&prefix[..PREFIX - 4]);
    crc.update(&body);
    if crc.finalize() != word(24) {
        return None;
    }
    let number = u64::from(word(12)) | u64::from(word(16)) << 32;
    Some((number, serde_json::from_slice(&body).ok()?))
}

/// Refuses a part whose note names another download.
///
/// # Errors
/// [`StoreKind::Gone`]: it is not ours.
pub fn check_owner(part: &Part, uuid: Uuid) -> Result<(), StoreError> {
    match Note::of(part) {
        Some(note) if note.header.uuid != uuid => Err(StoreError::new(
            StoreKind::Gone,
            format!("{} belongs to another download", part.path().display()),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::item::Taken;

    fn header(generation: u32, safe: u64) -> NoteHeader {
        NoteHeader {
            uuid: Uuid::nil(),
            id: DownloadId(7),
            generation: Generation(generation),
            source_url: "http://h.example/a".into(),
            size: Some(100),
            validators: Validators::default(),
            name: "a".into(),
            safe: Coverage::prefix_of(safe),
        }
    }

    fn begun() -> (tempfile::TempDir, Part, NoteWriter) {
        let folder = tempfile::tempdir().unwrap();
        let (part, _) = Part::create(folder.path(), "a", Taken::Number, uuid::Uuid::nil()).unwrap();
        let note = NoteWriter::new(&part, header(1, 0));
        (folder, part, note)
    }

    fn write(part: &Part, note: &mut NoteWriter, offset: u64, data: &[u8]) {
        part.write_at(offset, data).unwrap();
        note.noted(offset, data).unwrap();
    }

    fn proven(part: &Part, generation: u32) -> Vec<(u64, u64)> {
        let note = Note::of(part).unwrap();
        let proven = note.proven(part, Generation(generation), &Coverage::new()).unwrap().coverage;
        proven.ranges().map(|range| (range.start(), range.end())).collect()
    }

    #[test]
    fn a_single_write_leaves_no_note() {
        let (_folder, part, mut note) = begun();
        write(&part, &mut note, 0, b"only");
        assert!(!path_of(&part).exists());
        write(&part, &mut note, 4, b"more");
        assert_eq!(proven(&part, 1), [(0, 8)]);
    }

    #[test]
    fn a_file_of_somebody_else_in_the_place_of_a_note_stays_as_it_is() {
        let (_folder, part, mut note) = begun();
        std::fs::write(path_of(&part), b"mine").unwrap();
        for at in 0..3 {
            write(&part, &mut note, at * 4, b"aaaa");
        }
        note.mark();
        note.committed(header(1, 12)).unwrap();
        assert!(!note.is_on_disk());
        note.void().unwrap();
        forget(&part.path(), Uuid::nil()).unwrap();
        assert_eq!(std::fs::read(path_of(&part)).unwrap(), b"mine");
        // One of our own of which a power cut left only the name, or that is of an earlier generation, is used again.
        for ours in [&b""[..], &encode_header(&header(0, 0), 0)] {
            std::fs::write(path_of(&part), ours).unwrap();
            let mut note = NoteWriter::new(&part, header(1, 0));
            write(&part, &mut note, 0, b"aaaa");
            write(&part, &mut note, 4, b"bbbb");
            assert_eq!(proven(&part, 1), [(0, 8)]);
        }
        // Another download's never is.
        let mut other = NoteWriter::new(&part, NoteHeader { uuid: Uuid::from_u128(7), ..header(1, 0) });
        write(&part, &mut other, 0, b"cccc");
        write(&part, &mut other, 4, b"dddd");
        assert_eq!(Note::of(&part).unwrap().header.uuid, Uuid::nil());
        forget(&part.path(), Uuid::from_u128(7)).unwrap();
        assert!(path_of(&part).exists());
        forget(&part.path(), Uuid::nil()).unwrap();
        assert!(!path_of(&part).exists());
    }

    #[test]
    fn a_record_counts_only_for_its_generation_and_only_while_it_is_true() {
        let (_folder, part, mut note) = begun();
        write(&part, &mut note, 0, b"aaaa");
        write(&part, &mut note, 10, b"bbbb");
        write(&part, &mut note, 20, b"cccc");
        assert_eq!(proven(&part, 1), [(0, 4), (10, 14), (20, 24)]);
        assert_eq!(proven(&part, 2), []);
        part.write_at(11, b"x").unwrap();
        assert_eq!(proven(&part, 1), [(0, 4), (20, 24)]);
        part.set_len(22).unwrap();
        assert_eq!(proven(&part, 1), [(0, 4)]);
    }

    #[test]
    fn a_second_run_goes_on_after_the_records_of_the_first() {
        let (_folder, part, mut note) = begun();
        write(&part, &mut note, 0, b"aaaa");
        write(&part, &mut note, 4, b"bbbb");
        drop(note);
        let first = Note::of(&part).unwrap();
        let read = first.proven(&part, Generation(1), &Coverage::new()).unwrap();
        let mut note = NoteWriter::after(&part, header(1, 0), &read);
        // One write is noted at once now, and what the first run noted is still there.
        write(&part, &mut note, 8, b"cccc");
        assert_eq!(proven(&part, 1), [(0, 12)]);
        note.mark();
        note.committed(header(1, 12)).unwrap();
        assert_eq!(Note::of(&part).unwrap().header.safe, Coverage::prefix_of(12));
    }

    #[test]
    fn the_newest_whole_header_counts() {
        let (_folder, part, mut note) = begun();
        write(&part, &mut note, 0, b"aaaa");
        write(&part, &mut note, 4, b"bbbb");
        for safe in 1..=3 {
            note.mark();
            note.committed(header(1, safe)).unwrap();
            assert_eq!(Note::of(&part).unwrap().header.safe, Coverage::prefix_of(safe));
        }
        // The slot that was written last is torn: the one before it is still there.
        let file = std::fs::OpenOptions::new().write(true).open(path_of(&part)).unwrap();
        file.write_all_at(b"torn", SLOT + 40).unwrap();
        assert_eq!(Note::of(&part).unwrap().header.safe, Coverage::prefix_of(2));
    }

    #[test]
    fn a_void_note_is_gone_and_a_full_ring_forgets_only_what_is_safe() {
        let (_folder, part, mut note) = begun();
        for at in 0..CAPACITY + 5 {
            write(&part, &mut note, at, b"z");
        }
        assert_eq!(proven(&part, 1), [(0, CAPACITY)]);
        note.mark();
        note.committed(header(1, CAPACITY)).unwrap();
        write(&part, &mut note, CAPACITY + 5, b"z");
        assert!(proven(&part, 1).contains(&(CAPACITY + 5, CAPACITY + 6)));
        note.void().unwrap();
        assert!(Note::of(&part).is_none());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_damaged_note_never_proves_a_wrong_byte(flips in prop::collection::vec((0usize..70_000, any::<u8>()), 1..40)) {
            let (_folder, part, mut note) = begun();
            for at in 0..20 {
                write(&part, &mut note, at * 8, &at.to_le_bytes());
            }
            let mut bytes = std::fs::read(path_of(&part)).unwrap();
            for (at, flip) in flips {
                let at = at % bytes.len();
                bytes[at] ^= flip;
            }
            std::fs::write(path_of(&part), &bytes).unwrap();
            if let Some(note) = Note::of(&part) {
                let proven = note.proven(&part, Generation(1), &Coverage::new()).unwrap();
                prop_assert!(proven.coverage.end() <= 160);
            }
        }
    }
}
