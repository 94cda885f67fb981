//! Finished files whose tags are written: through a temporary copy that is looked over before it takes the file's place at once. What
//! goes wrong before that leaves the file as it is.

use std::ffi::CStr;
use std::fs::{File, FileTimes, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use tempfile::TempPath;

use super::reader::{Reader, Trouble};
use super::{look, write};
use crate::model::media::{FileFacts, Info, MediaFacts};
use crate::model::printable::without_numbers;

/// Bytes that are copied before it is asked whether there is time for more.
const PIECE: u64 = 8 << 20;
/// Bytes of all names of extended attributes, and of one value, as the system has them at most.
const MOST_NAMES: usize = 64 << 10;
const MOST_VALUE: usize = 64 << 10;

/// Why nothing was written.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unwritten {
    /// The file lacks nothing that is known.
    #[error("it lacks nothing")]
    Nothing,
    /// It can't be; it is as it was.
    #[error("{0}")]
    Left(String),
}

/// Hears where a copy is about to be made, and then of the whole copy that is about to take the file's place. An error leaves the file
/// as it is.
pub(crate) type Note<'a> = dyn FnMut(&Path, Option<FileFacts>) -> Result<(), String> + 'a;

/// Writes tags, with a process of its own that does it.
pub struct Rewriter {
    writer: Reader,
}

impl Rewriter {
    /// Returns one that runs `PROGRAM __tags --write`, not started yet.
    pub fn new(program: PathBuf) -> Self {
        Self { writer: Reader::that_writes(program) }
    }

    /// Ends the process until it is needed again.
    pub fn rest(&mut self) {
        self.writer.rest();
    }

    /// Writes what is known and the file lacks into it. Returns what is in the new file, and what was written.
    ///
    /// # Errors
    /// Why the file is as it was.
    pub fn rewrite(
        &mut self,
        path: &Path,
        facts: &MediaFacts,
        known: &Info,
        reader: &mut Reader,
        room: &Room<'_>,
        note: &mut Note<'_>,
    ) -> Result<(MediaFacts, Info), Unwritten> {
        let lacks = |(field, _): &(_, _)| write::can_hold(*field) && !facts.info.contains_key(field);
        let set: Info = known.clone().into_iter().filter(lacks).collect();
        if set.is_empty() {
            return Err(Unwritten::Nothing);
        }
        write::can_write(&facts.format).map_err(Unwritten::Left)?;
        let left = |error: io::Error| Unwritten::Left(without_numbers(&error.to_string()).into_owned());
        let folder = path.parent().ok_or_else(|| Unwritten::Left("it is in no folder".into()))?;
        let mut from = open(path, facts.file).map_err(left)?;
        let facts_before = from.metadata().map_err(left)?;
        if let Some((free, total)) = room_at(&from)
            && free < facts_before.len().saturating_add((room.reserve)(total))
        {
            return Err(Unwritten::Left("there is no room for a copy of it".into()));
        }
        let copy = folder.join(format!(".haul-tags-{:016x}", fastrand::u64(..)));
        note(&copy, None).map_err(Unwritten::Left)?;
        let mut into = File::options().write(true).create_new(true).mode(0o600).open(&copy).map_err(left)?;
        // From here on it goes when this ends, however that is.
        let copy = TempPath::try_from_path(copy).map_err(left)?;
        copy_all(&mut from, &mut into, room.is_over).map_err(left)?;
        drop(into);
        self.writer.write(&copy, &set).map_err(|trouble| match trouble {
            // The writer's own words.
            Trouble::Unreadable(why) => Unwritten::Left(why),
            other => Unwritten::Left(other.to_string()),
        })?;
        let again = reader.read(&copy, None).map_err(|trouble| Unwritten::Left(trouble.to_string()))?;
        if let Some(what) = differs(facts, &again) {
            return Err(Unwritten::Left(format!("what came of it has {what}")));
        }
        // What a tag has no room for, as a date in words, takes nothing from the rest.
        let set: Info = set.into_iter().filter(|(field, _)| again.info.contains_key(field)).collect();
        if set.is_empty() {
            return Err(Unwritten::Left("its tags can't hold what is known".into()));
        }
        let written = File::open(&copy).map_err(left)?;
        as_before(&from, &written, &facts_before).map_err(left)?;
        // The time stays that of the download: it is what the server said of it.
        let times = FileTimes::new().set_modified(facts_before.modified().map_err(left)?);
        File::options().append(true).open(&copy).and_then(|file| file.set_times(times)).map_err(left)?;
        written.sync_all().map_err(left)?;
        note(&copy, look(&copy)).map_err(Unwritten::Left)?;
        if look(path) != Some(facts.file) {
            return Err(Unwritten::Left("it was changed in the meantime".into()));
        }
        copy.persist(path).map_err(|error| left(error.error))?;
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(left)?;
        let file = look(path).unwrap_or(again.file);
        Ok((MediaFacts { file, kind: facts.kind, ..again }, set))
    }
}

/// What a copy may take.
pub struct Room<'a> {
    /// Bytes that stay free of a disk of so many.
    pub reserve: &'a dyn Fn(u64) -> u64,
    /// Whether there is no more time for it.
    pub is_over: &'a dyn Fn() -> bool,
}

/// Bytes that are free where a file is, and all; none where the system doesn't say.
fn room_at(file: &File) -> Option<(u64, u64)> {
    let facts = rustix::fs::fstatvfs(file).ok()?;
    Some((facts.f_bavail.saturating_mul(facts.f_frsize), facts.f_blocks.saturating_mul(facts.f_frsize)))
}

fn copy_all(from: &mut File, into: &mut File, is_over: &dyn Fn() -> bool) -> io::Result<()> {
    loop {
        if is_over() {
            return Err(io::Error::other("haul was ended before it was copied"));
        }
        if io::copy(&mut from.by_ref().take(PIECE), into)? == 0 {
            return Ok(());
        }
    }
}

/// Gives a copy what the file itself has beside its bytes: owner, extended attributes (access lists are such), permissions.
fn as_before(from: &File, copy: &File, before: &Metadata) -> io::Result<()> {
    use rustix::fs::{Gid, Uid, XattrFlags, fchown, fgetxattr, flistxattr, fsetxattr};
    let now = copy.metadata()?;
    if (now.uid(), now.gid()) != (before.uid(), before.gid()) {
        fchown(copy, Some(Uid::from_raw(before.uid())), Some(Gid::from_raw(before.gid())))?;
    }
    // Where there are no such things there are none to keep.
    let mut names = vec![0; MOST_NAMES];
    let length = flistxattr(from, &mut names[..]).unwrap_or(0);
    for name in names[..length].split_inclusive(|byte| *byte == 0) {
        let Ok(name) = CStr::from_bytes_with_nul(name) else { continue };
        let mut value = vec![0; MOST_VALUE];
        let length = fgetxattr(from, name, &mut value[..])?;
        let mut there = vec![0; length];
        let has = fgetxattr(copy, name, &mut there[..]).is_ok_and(|there_length| there_length == length);
        if !(has && there == value[..length]) {
            fsetxattr(copy, name, &value[..length], XattrFlags::empty())?;
        }
    }
    copy.set_permissions(before.permissions())
}

/// Opens the very file that was read.
fn open(path: &Path, expected: FileFacts) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags};
    let file = File::from(rustix::fs::open(
        path,
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
        Mode::empty(),
    )?);
    if super::source::facts_of(&file.metadata()?) == expected {
        Ok(file)
    } else {
        Err(io::Error::other("it was changed in the meantime"))
    }
}

/// What in a written file is not as it should be.
fn differs(before: &MediaFacts, after: &MediaFacts) -> Option<&'static str> {
    use crate::model::media::Field::Duration;
    let length = |facts: &MediaFacts| facts.info.get(&Duration).and_then(|text| text.parse::<i64>().ok());
    let far = match (length(before), length(after)) {
        (Some(before), Some(after)) => (before - after).abs() > 50,
        (before, after) => before != after,
    };
    let kept = before.info.iter().filter(|(field, _)| **field != Duration);
    match () {
        () if before.format != after.format => Some("another format"),
        () if before.frame != after.frame || far => Some("another length or size of pictures"),
        () if before.has_cover != after.has_cover => Some("another cover"),
        () if !kept.into_iter().all(|(field, text)| after.info.get(field) == Some(text)) => {
            Some("other values")
        }
        () => None,
    }
}
