//! The part file: `NAME.part` holds a download's bytes until it is whole. Created new, locked, never reached through a link.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use uuid::Uuid;

use super::error::{StoreError, StoreKind};
use super::files::{MOST_NUMBERS, discard_named, exists, is_file_at, is_same, sync_folder};
use super::hole;
use super::note::{self, NOTE, Note};
use super::owner::{OWNER, create_owned, discard_of, sign};
use super::spent::at_disk;
use super::unnamed::{self, Unnamed};
use crate::model::file_name::numbered;
use crate::model::item::Taken;
use crate::model::record::Checkpoint;

/// What a part adds to the file's name.
pub const PART: &str = ".part";
/// File systems whose inode numbers last only as long as their mount, by `statfs(2)`: FAT, exFAT and FUSE.
const RENUMBERING: [rustix::fs::FsWord; 3] = [0x4d44, 0x2011_bab0, 0x6573_5546];

/// A part file, open and locked. Dropping it lets go of the lock and leaves the file.
#[derive(Debug)]
pub struct Part {
    file: File,
    folder: PathBuf,
    name: String,
    device: u64,
    inode: u64,
    /// The end of the last byte that is in the file.
    end: AtomicU64,
    /// Counts up with each part that is opened.
    opened: u64,
    /// Whether a sync failed since the bytes were last taken back to what is safe. The system tells each failure to one caller
    /// only: syncs take turns, so that every later one hears of it too.
    spoilt: Mutex<bool>,
    /// Where it has no name yet.
    unnamed: Option<Unnamed>,
}

static OPENED: AtomicU64 = AtomicU64::new(0);

impl Part {
    /// Creates `NAME.part` in a folder that must be there, or beside a taken name the next free number.
    /// Returns it with the final name that it was made for.
    ///
    /// # Errors
    /// The folder is away or can't be written, the disk is full, or the name is taken and may not be numbered.
    pub fn create(
        folder: &Path,
        name: &str,
        taken: Taken,
        owner: Uuid,
    ) -> Result<(Self, String), StoreError> {
        for n in 0..=MOST_NUMBERS {
            let candidate = if n == 0 { name.to_owned() } else { numbered(name, n) };
            if matches!(taken, Taken::Number | Taken::Refuse) && exists(&folder.join(&candidate)) {
                if taken == Taken::Refuse {
                    let text = format!("{} is there already", folder.join(&candidate).display());
                    return Err(StoreError::new(StoreKind::Taken, text));
                }
                continue;
            }
            let part = format!("{candidate}{PART}");
            let path = folder.join(&part);
            if is_taken_by_a_note(folder, &part, owner) {
                if taken == Taken::Number {
                    continue;
                }
                let text = format!("{}{NOTE} is there, and is no note of this download", path.display());
                return Err(StoreError::new(StoreKind::InTheWay, text));
            }
            let opened = match create_owned(folder, &path, owner) {
                // One of our own that the store never heard of has nothing to keep.
                Err(Errno::EXIST) if Self::of_owner(folder, &part, owner).is_some() => {
                    discard_of(folder, &part, owner)?;
                    create_owned(folder, &path, owner)
                }
                other => other,
            };
            match opened {
                Ok((file, was_unnamed)) => {
                    let part = Self::own(File::from(file), folder, part)?;
                    if was_unnamed {
                        unnamed::gives_names(part.device);
                    }
                    return Ok((part, candidate));
                }
                Err(Errno::EXIST) if taken == Taken::Number => {}
                Err(Errno::EXIST) => {
                    let text = format!("{} is there, and is no part of this download", path.display());
                    return Err(StoreError::new(StoreKind::InTheWay, text));
                }
                Err(error) => return Err(StoreError::io("can't create", path.display(), &error.into())),
            }
        }
        Err(StoreError::new(
            StoreKind::Taken,
            format!("{name} and {MOST_NUMBERS} numbers beside it are all taken"),
        ))
    }

    /// Opens the part of a checkpoint: the very file, with all the bytes that are safe.
    ///
    /// # Errors
    /// [`StoreKind::Gone`] where it is another file, or shorter; [`StoreKind::FolderAway`] where its folder is not there.
    pub fn open(folder: &Path, checkpoint: &Checkpoint, owner: Uuid) -> Result<Self, StoreError> {
        let part = Self::open_named(folder, &checkpoint.part)?;
        let path = folder.join(&checkpoint.part);
        let gone = |why| StoreError::new(StoreKind::Gone, format!("the part file {} {why}", path.display()));
        if !part.is_of(checkpoint, owner) {
            return Err(gone("is another file than the one that was begun"));
        }
        if part.length() < checkpoint.safe.end() {
            return Err(gone("is shorter than what was fetched"));
        }
        Ok(part)
    }

    /// Opens a part by its name alone: for adopting one whose note says whose it is.
    ///
    /// # Errors
    /// As [`Part::open`].
    pub fn open_named(folder: &Path, name: &str) -> Result<Self, StoreError> {
        let path = folder.join(name);
        match rustix::fs::open(
            &path,
            OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK,
            Mode::empty(),
        ) {
            Ok(file) => Self::own(File::from(file), folder, name.to_owned()),
            Err(Errno::NOENT) if exists(folder) => {
                Err(StoreError::new(StoreKind::Gone, format!("the part file {} is gone", path.display())))
            }
            Err(error) => Err(StoreError::io("can't open", path.display(), &error.into())),
        }
    }

    /// Opens a part of which the store knows nothing yet, if it says that it belongs to this download.
    pub fn of_owner(folder: &Path, name: &str, owner: Uuid) -> Option<Self> {
        let part = Self::open_named(folder, name).ok()?;
        let by_attribute = part.said_owner() == Some(owner);
        (by_attribute || Note::of(&part).is_some_and(|note| note.header.uuid == owner)).then_some(part)
    }

    /// Whether it is the file that a checkpoint names. One that says that it belongs to another download never is.
    fn is_of(&self, checkpoint: &Checkpoint, owner: Uuid) -> bool {
        let note = Note::of(self);
        let said = self.said_owner();
        let is_anothers = said.is_some_and(|said| said != owner)
            || note.as_ref().is_some_and(|note| note.header.uuid != owner);
        let noted =
            note.filter(|note| (note.header.uuid, note.header.generation) == (owner, checkpoint.generation));
        let is_numbered = self.is(checkpoint.device, checkpoint.inode) || noted.is_some() && self.renumbers();
        if is_anothers || !is_numbered {
            return false;
        }
        // Numbers are given out again: a file that somebody made in the place of ours may have the same. Ours says whose it is, or,
        // where no file can say anything, has the bytes that its note tells of.
        said == Some(owner)
            || match noted.and_then(|note| note.is_true(self, checkpoint.generation, &checkpoint.safe)) {
                Some(is_true) => is_true,
                None => !self.keeps_attributes(),
            }
    }

    /// Whether its file system keeps attributes.
    fn keeps_attributes(&self) -> bool {
        let mut said = [0; 16];
        let answer = rustix::fs::fgetxattr(&self.file, OWNER, &mut said);
        !matches!(answer, Err(Errno::NOTSUP | Errno::NOSYS | Errno::PERM))
    }

    /// Whether it is the file of this identity, see `is_same`.
    pub fn is(&self, device: u64, inode: u64) -> bool {
        is_same((self.device, self.inode), (device, inode), &self.folder)
    }

    /// Whether its file system makes inode numbers up anew at each mount, as FAT does and what runs outside the kernel may.
    fn renumbers(&self) -> bool {
        rustix::fs::fstatfs(&self.file).is_ok_and(|facts| RENUMBERING.contains(&facts.f_type))
    }

    /// Whether the file's attribute names this download, which nothing but haul writes.
    pub fn is_signed_by(&self, owner: Uuid) -> bool {
        self.said_owner() == Some(owner)
    }

    /// The download that the file's attribute names.
    fn said_owner(&self) -> Option<Uuid> {
        let mut said = [0; 16];
        (rustix::fs::fgetxattr(&self.file, OWNER, &mut said) == Ok(said.len()))
            .then(|| Uuid::from_bytes(said))
    }

    fn own(file: File, folder: &Path, name: String) -> Result<Self, StoreError> {
        let fail = |error: &io::Error| StoreError::io("can't use", folder.join(&name).display(), error);
        let facts = file.metadata().map_err(|error| fail(&error))?;
        if !facts.is_file() {
            return Err(StoreError::new(
                StoreKind::Gone,
                format!("{} is no file", folder.join(&name).display()),
            ));
        }
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let text = format!("another haul works on {}", folder.join(&name).display());
                return Err(StoreError::new(StoreKind::Locked, text));
            }
            Err(TryLockError::Error(error)) => return Err(fail(&error)),
        }
        Ok(Self::new(file, folder, name, (facts.dev(), facts.ino()), facts.len()))
    }

    fn new(file: File, folder: &Path, name: String, (device, inode): (u64, u64), length: u64) -> Self {
        Self {
            file,
            folder: folder.to_owned(),
            name,
            device,
            inode,
            end: AtomicU64::new(length),
            opened: OPENED.fetch_add(1, Ordering::Relaxed),
            spoilt: Mutex::new(false),
            unnamed: None,
        }
    }

    /// Takes over a file that has no name: nobody else can reach it, so it needs no lock. `name` is that of the part which it
    /// is in the place of.
    pub(super) fn without_name(
        file: File,
        folder: &Path,
        name: String,
        identity: (u64, u64),
        unnamed: Unnamed,
    ) -> Self {
        Self { unnamed: Some(unnamed), ..Self::new(file, folder, name, identity, 0) }
    }

    /// Whether it had no name when it was made: it is gone with its last user, unless it becomes the file.
    pub fn is_unnamed(&self) -> bool {
        self.unnamed.is_some()
    }

    pub(super) fn unnamed(&self) -> Option<Unnamed> {
        self.unnamed
    }

    /// Writes bytes to their place: one system call, unless the kernel takes less.
    ///
    /// # Errors
    /// What the disk says; nothing counts as written then.
    pub fn write_at(&self, offset: u64, data: &[u8]) -> Result<(), StoreError> {
        self.is_all_there()?;
        at_disk(|| self.file.write_all_at(data, offset))
            .map_err(|error| self.failed("can't write to", &error))?;
        self.end.fetch_max(offset + data.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Whether the file still has a name and all that was written: somebody may have deleted it, or cut it, and what is written then
    /// would go nowhere, or leave a hole.
    ///
    /// # Errors
    /// [`StoreKind::Gone`] where it is shorter or has no name any more.
    pub fn is_all_there(&self) -> Result<(), StoreError> {
        let end = self.length();
        if end == 0 {
            return Ok(());
        }
        let facts =
            rustix::fs::fstat(&self.file).map_err(|error| self.failed("can't look at", &error.into()))?;
        // Some file systems count no names at all: only where its own name leads elsewhere too it is gone.
        if facts.st_nlink == 0 && !self.is_unnamed() && !is_file_at(&self.path(), self.device, self.inode) {
            let text = format!("the part file {} is gone", self.path().display());
            return Err(StoreError::new(StoreKind::Gone, text));
        }
        if u64::try_from(facts.st_size).is_ok_and(|size| size >= end) {
            return Ok(());
        }
        Err(StoreError::new(
            StoreKind::Gone,
            format!("the part file {} became shorter", self.path().display()),
        ))
    }

    /// Whether all its bytes are there, each of which was written.
    ///
    /// # Errors
    /// As [`Part::is_all_there`], and [`StoreKind::Gone`] where there is a hole.
    pub(super) fn is_whole(&self) -> Result<(), StoreError> {
        // Nobody else can reach a file without a name.
        if self.is_unnamed() {
            return Ok(());
        }
        self.is_all_there()?;
        match hole::first(&self.file, self.length()) {
            None => Ok(()),
            Some(at) => Err(StoreError::new(
                StoreKind::Gone,
                format!(
                    "the part file {} became shorter while it was written, and has a hole at byte {at}",
                    self.path().display()
                ),
            )),
        }
    }

    /// Reads bytes into all of `buffer`; false where the file ends before.
    ///
    /// # Errors
    /// What the disk says.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<bool, StoreError> {
        match self.file.read_exact_at(buffer, offset) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(self.failed("can't read", &error)),
        }
    }

    /// Makes what was written safe against a power cut.
    ///
    /// # Errors
    /// What the disk says: then nothing since the last success may be believed.
    pub fn sync_data(&self) -> Result<(), StoreError> {
        self.synced(File::sync_data)
    }

    /// Makes everything about the file safe against a power cut, by `sync`.
    ///
    /// # Errors
    /// What the disk says, now or since [`Part::forgive`].
    pub(super) fn synced(&self, sync: impl FnOnce(&File) -> io::Result<()>) -> Result<(), StoreError> {
        let mut spoilt = self.spoilt.lock().unwrap_or_else(PoisonError::into_inner);
        if *spoilt {
            let text = format!("{} could not be made safe before", self.path().display());
            return Err(StoreError::new(StoreKind::Other, text));
        }
        at_disk(|| sync(&self.file)).map_err(|error| {
            *spoilt = true;
            self.failed("can't make safe", &error)
        })
    }

    /// Begins to write back what is not on the disk yet, by `begin`. What fails there counts as a failed sync: no later one tells of it.
    ///
    /// # Errors
    /// What the disk says, now or since [`Part::forgive`].
    pub fn write_back(&self, begin: impl FnOnce(&File) -> io::Result<()>) -> Result<(), StoreError> {
        self.synced(begin)
    }

    /// Lets the system forget what it holds of the file in memory, after a sync: others need that room more.
    pub fn leave_cache(&self) {
        // It is a hint.
        let _ = rustix::fs::fadvise(&self.file, 0, None, rustix::fs::Advice::DontNeed);
    }

    /// A failed sync was heeded: what it may have lost no longer counts, and is written again.
    pub fn forgive(&self) {
        *self.spoilt.lock().unwrap_or_else(PoisonError::into_inner) = false;
    }

    /// Makes the folder entry safe against a power cut.
    ///
    /// # Errors
    /// What the disk says.
    pub fn sync_folder(&self) -> Result<(), StoreError> {
        sync_folder(&self.folder)
    }

    /// The file's length in bytes, as far as it was written through this part.
    pub fn length(&self) -> u64 {
        self.end.load(Ordering::Relaxed)
    }

    /// Bytes of disk that the file takes up.
    pub fn allocated(&self) -> u64 {
        self.file.metadata().map_or(0, |facts| facts.blocks().saturating_mul(512))
    }

    /// Cuts the file to its first `size` bytes.
    ///
    /// # Errors
    /// What the disk says.
    pub fn set_len(&self, size: u64) -> Result<(), StoreError> {
        self.file.set_len(size).map_err(|error| self.failed("can't cut", &error))?;
        self.end.store(size, Ordering::Relaxed);
        Ok(())
    }

    /// A number that is lower the earlier the part was opened.
    pub fn opened(&self) -> u64 {
        self.opened
    }

    /// Device and inode.
    pub fn identity(&self) -> (u64, u64) {
        (self.device, self.inode)
    }

    /// The part's own file name.
    pub fn file_name(&self) -> &str {
        &self.name
    }

    /// The folder that it is in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The part's path.
    pub fn path(&self) -> PathBuf {
        self.folder.join(&self.name)
    }

    /// Says whose part it is, where its file system keeps attributes.
    pub fn sign(&self, owner: Uuid) {
        sign(&self.file, owner);
    }

    /// Takes away what says whose part it is, before it becomes a finished file.
    pub(super) fn disown(&self) {
        // Where it was never set there is nothing to take away.
        let _ = rustix::fs::fremovexattr(&self.file, OWNER);
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Deletes the file, if the name still means it.
    ///
    /// # Errors
    /// What the disk says.
    pub fn discard(&self) -> Result<(), StoreError> {
        discard_named(&self.folder, &self.name, self.device, self.inode)
    }

    fn failed(&self, what: &str, error: &io::Error) -> StoreError {
        StoreError::io(what, self.path().display(), error)
    }
}

/// Whether what lies where a part's note would be is something else: it would be written over. Of a note of ours a power cut may
/// have left no more than its name: then it is empty, or lies beside a part that is ours.
fn is_taken_by_a_note(folder: &Path, part: &str, owner: Uuid) -> bool {
    let path = folder.join(format!("{part}{NOTE}"));
    exists(&path) && !note::is_of(&path, owner) && Part::of_owner(folder, part, owner).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::coverage::Coverage;

    #[test]
    fn a_part_is_created_new_and_numbers_itself_beside_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        std::fs::write(here.join("a.iso"), b"mine").unwrap();
        std::os::unix::fs::symlink("/nowhere", here.join("b.iso.part")).unwrap();
        let (part, name) = Part::create(here, "a.iso", Taken::Number, Uuid::nil()).unwrap();
        assert_eq!((part.file_name(), name.as_str()), ("a (1).iso.part", "a (1).iso"));
        let (_, name) = Part::create(here, "b.iso", Taken::Number, Uuid::nil()).unwrap();
        assert_eq!(name, "b (1).iso");
        std::fs::write(here.join("c.iso.part.haul"), b"mine").unwrap();
        let (_, name) = Part::create(here, "c.iso", Taken::Number, Uuid::nil()).unwrap();
        assert_eq!(name, "c (1).iso");
        let refused = Part::create(here, "c.iso", Taken::Refuse, Uuid::nil()).unwrap_err();
        assert_eq!(refused.kind, StoreKind::InTheWay);
        std::fs::write(here.join("f.iso.part"), b"mine").unwrap();
        let refused = Part::create(here, "f.iso", Taken::Replace, Uuid::nil()).unwrap_err();
        assert_eq!(refused.kind, StoreKind::InTheWay, "{refused}");
        // What a power cut left of our own.
        let ours = Uuid::from_u128(7);
        for (name, note, part_is_there) in [("d.iso", &b""[..], false), ("e.iso", &b"torn"[..], true)] {
            let made = part_is_there.then(|| Part::create(here, name, Taken::Number, ours).unwrap());
            drop(made);
            std::fs::write(here.join(format!("{name}.part.haul")), note).unwrap();
            assert_eq!(Part::create(here, name, Taken::Number, ours).unwrap().1, name);
        }
        let mode = std::fs::metadata(part.path()).unwrap().mode() & 0o777;
        assert_eq!(mode, 0o600);
        assert_eq!(
            Part::create(here, "a.iso", Taken::Refuse, Uuid::nil()).unwrap_err().kind,
            StoreKind::Taken
        );
        assert_eq!(Part::create(here, "a.iso", Taken::Replace, Uuid::nil()).unwrap().1, "a.iso");
        assert_eq!(
            Part::create(&here.join("no"), "a", Taken::Number, Uuid::nil()).unwrap_err().kind,
            StoreKind::FolderAway
        );
    }

    #[test]
    fn only_the_very_file_with_all_its_bytes_is_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        let (part, _) = Part::create(here, "a", Taken::Number, Uuid::nil()).unwrap();
        part.write_at(0, b"0123456789").unwrap();
        let (device, inode) = part.identity();
        let safe = Coverage::prefix_of(10);
        let good = Checkpoint { part: "a.part".into(), device, inode, safe, ..Checkpoint::default() };
        assert_eq!(Part::open(here, &good, Uuid::nil()).unwrap_err().kind, StoreKind::Locked);
        drop(part);
        assert!(Part::open(here, &good, Uuid::nil()).is_ok());
        let longer = Checkpoint { safe: Coverage::prefix_of(11), ..good.clone() };
        assert_eq!(Part::open(here, &longer, Uuid::nil()).unwrap_err().kind, StoreKind::Gone);
        std::fs::rename(here.join("a.part"), here.join("old")).unwrap();
        assert_eq!(Part::open(here, &good, Uuid::nil()).unwrap_err().kind, StoreKind::Gone);
        std::fs::write(here.join("a.part"), b"0123456789").unwrap();
        assert_eq!(Part::open(here, &good, Uuid::nil()).unwrap_err().kind, StoreKind::Gone);
    }

    #[test]
    fn a_file_that_somebody_made_in_its_place_is_never_taken_for_it_whatever_its_number() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        let mine = Uuid::from_u128(1);
        let (part, _) = Part::create(here, "a", Taken::Number, mine).unwrap();
        if !part.keeps_attributes() {
            return;
        }
        drop(part);
        // Numbers are given out again, as ext4 does at once: here the other file has the number that ours had.
        std::fs::remove_file(here.join("a.part")).unwrap();
        std::fs::write(here.join("a.part"), b"ZZZZZZZZZZ").unwrap();
        let facts = std::fs::metadata(here.join("a.part")).unwrap();
        let safe = Coverage::prefix_of(10);
        let (device, inode) = (facts.dev(), facts.ino());
        let held = Checkpoint { part: "a.part".into(), device, inode, safe, ..Checkpoint::default() };
        assert_eq!(Part::open(here, &held, mine).unwrap_err().kind, StoreKind::Gone);
        // One that lost its attribute, as a copy does, is ours where it has what the note tells of.
        let other = Part::open_named(here, "a.part").unwrap();
        let header = crate::store::note::NoteHeader {
            uuid: mine,
            id: crate::model::id::DownloadId(1),
            generation: held.generation,
            source_url: "https://a.example/a".into(),
            size: Some(10),
            validators: crate::model::validators::Validators::default(),
            name: "a".into(),
            safe: held.safe.clone(),
        };
        let mut note = crate::store::note::NoteWriter::new(&other, header);
        for (at, bytes) in [(0, b"01234"), (5, b"56789")] {
            note.noted(at, bytes).unwrap();
        }
        drop(other);
        assert_eq!(Part::open(here, &held, mine).unwrap_err().kind, StoreKind::Gone);
        std::fs::write(here.join("a.part"), b"0123456789").unwrap();
        assert!(Part::open(here, &held, mine).is_ok());
    }

    #[test]
    fn a_disk_that_was_mounted_anew_under_another_number_still_holds_the_part() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        let (mine, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let (part, _) = Part::create(here, "a", Taken::Number, mine).unwrap();
        part.write_at(0, b"0123456789").unwrap();
        let (device, inode) = part.identity();
        drop(part);
        let before = device + 1;
        let safe = Coverage::prefix_of(10);
        let held = Checkpoint { part: "a.part".into(), device: before, inode, safe, ..Checkpoint::default() };
        assert!(Part::open(here, &held, mine).is_ok());
        assert_eq!(Part::open(here, &held, other).unwrap_err().kind, StoreKind::Gone);
        discard_named(here, "a.part", before, inode + 1).unwrap();
        assert!(exists(&here.join("a.part")));
        discard_named(here, "a.part", before, inode).unwrap();
        assert!(!exists(&here.join("a.part")));
    }
}
