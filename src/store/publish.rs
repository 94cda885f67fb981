//! A part gets its name: synced, announced, renamed without replacing, and only then called completed.
//!
//! The caller commits the intent between [`prepare`] and [`place`], and the completion after [`sync_folders`]. The intent names
//! device and inode of the very file that is renamed, so that [`recover`] knows what happened whenever the power went.

use std::collections::BTreeSet;
use std::fs::{FileTimes, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustix::fs::{CWD, Mode, OFlags, RenameFlags, XattrFlags};
use rustix::io::Errno;
use uuid::Uuid;

use super::error::{StoreError, StoreKind};
use super::files::{MOST_NUMBERS, discard_named, exists, is_file_at, is_file_of, sync_folder};
use super::note;
use super::part::Part;
use super::unnamed::is_born_at;
use crate::model::file_name::numbered;
use crate::model::id::DownloadId;
use crate::model::item::Taken;
use crate::model::record::{PublishIntent, SetAside};
use crate::model::time::UnixMs;

/// Bytes that are copied at a time to another file system.
const COPY: usize = 1 << 20;
/// From how many parts on one file system a single sync of all of it is cheaper.
const SYNC_ALL_FROM: usize = 8;
/// The extended attribute that says where a file came from: "Common Extended Attributes" of freedesktop.org.
const ORIGIN: &str = "user.xdg.origin.url";

/// A whole part on its way to its name.
pub struct Ending {
    /// Which download.
    pub id: DownloadId,
    /// The part, all its bytes written.
    pub part: Arc<Part>,
    /// Folder of the finished file.
    pub folder: Arc<PathBuf>,
    /// The finished file's name.
    pub name: String,
    /// Size in bytes.
    pub size: u64,
    /// What the file's attribute is to say of where it came from.
    pub origin: Option<String>,
    /// What Last-Modified said.
    pub modified: Option<UnixMs>,
    /// The client's file mode mask.
    pub umask: u32,
    /// What a taken name means.
    pub taken: Taken,
    /// Whether it runs at full share, so that syncing all of its file system is fair.
    pub full_share: bool,
    /// The download's identity, for a copy of the part on another file system.
    pub owner: Uuid,
    /// Device and inode of the empty file that keeps the name, where one had to be made.
    pub placeholder: Option<(u64, u64)>,
}

impl Ending {
    /// Returns what to commit before [`place`].
    pub fn intent(&self) -> PublishIntent {
        let (device, inode) = self.part.identity();
        PublishIntent {
            id: self.id,
            target: self.folder.join(&self.name),
            part: self.part.path(),
            device,
            inode,
            replace: matches!(self.taken, Taken::Replace | Taken::IfChanged),
            placeholder: self.placeholder,
            born: self.part.unnamed().map(|unnamed| unnamed.born),
        }
    }
}

/// Brings a part to its target's file system, as a copy beside the target; returns the original, which goes when the copy has
/// its name for good. Where both are on one file system there is nothing to do.
///
/// `seen` is the folder that was looked at last, with its device.
///
/// # Errors
/// The target's folder is away or full, or what the disks say.
pub fn bring(
    ending: &mut Ending,
    seen: &mut Option<(Arc<PathBuf>, u64)>,
) -> Result<Option<Arc<Part>>, StoreError> {
    let device = match seen {
        Some((folder, device)) if *folder == ending.folder => *device,
        _ => {
            let facts = rustix::fs::stat(ending.folder.as_path())
                .map_err(|error| StoreError::io("can't use", ending.folder.display(), &error.into()))?;
            *seen = Some((Arc::clone(&ending.folder), facts.st_dev));
            facts.st_dev
        }
    };
    if device == ending.part.identity().0 {
        return Ok(None);
    }
    ending.part.is_whole()?;
    let (copy, name) = Part::create(&ending.folder, &ending.name, ending.taken, ending.owner)?;
    let mut buffer = vec![0; COPY];
    let mut at = 0;
    while at < ending.size {
        let take = usize::try_from(ending.size - at).unwrap_or(COPY).min(COPY);
        if !ending.part.read_at(at, &mut buffer[..take])? {
            let text = format!("the part file {} became shorter", ending.part.path().display());
            return Err(StoreError::new(StoreKind::Gone, text));
        }
        copy.write_at(at, &buffer[..take])?;
        at += take as u64;
    }
    ending.name = name;
    Ok(Some(std::mem::replace(&mut ending.part, Arc::new(copy))))
}

/// Gives a part its mode, length and times.
///
/// # Errors
/// What the disk says.
pub fn prepare(ending: &Ending) -> Result<(), StoreError> {
    let file = ending.part.file();
    let fail = |error: std::io::Error| StoreError::io("can't finish", ending.part.path().display(), &error);
    ending.part.is_whole()?;
    if ending.part.length() != ending.size {
        ending.part.set_len(ending.size)?;
    }
    let mode = 0o666 & !ending.umask;
    if ending.part.unnamed().is_none_or(|unnamed| unnamed.mode != mode) {
        file.set_permissions(Permissions::from_mode(mode)).map_err(fail)?;
    }
    if let Some(origin) = &ending.origin {
        // Not every file system keeps attributes, and none keeps one of any length.
        let _ = rustix::fs::fsetxattr(file, ORIGIN, origin.as_bytes(), XattrFlags::empty());
    }
    if let Some(modified) = ending.modified {
        file.set_times(FileTimes::new().set_modified(SystemTime::from(modified))).map_err(fail)?;
    }
    Ok(())
}

/// Makes the bytes of parts safe: each by itself, or all at once where many end together at full share.
/// Returns what failed, part by part.
pub fn sync(endings: &[&Ending]) -> Vec<Result<(), StoreError>> {
    let one = |ending: &Ending| ending.part.synced(std::fs::File::sync_all);
    let Some(first) = endings.first() else { return Vec::new() };
    let together = endings.len() >= SYNC_ALL_FROM
        && endings.iter().all(|e| e.full_share && e.part.identity().0 == first.part.identity().0);
    // A failed write is told to descriptors that were opened before it: the oldest one hears of all.
    let oldest = endings.iter().min_by_key(|ending| ending.part.opened()).unwrap_or(first);
    if together && rustix::fs::syncfs(oldest.part.file()).is_ok() {
        // One whose sync failed before stays unsafe.
        return endings.iter().map(|ending| ending.part.synced(|_| Ok(()))).collect();
    }
    endings.iter().map(|ending| one(ending)).collect()
}

/// Where a part went.
#[derive(Debug, PartialEq, Eq)]
pub enum Placed {
    /// It has its name.
    Done(PathBuf),
    /// The name was taken in the meantime: commit an intent with this one, then place again.
    Renumber(String),
    /// The file system can't rename without replacing, so an empty file of this device and inode keeps the name: commit an intent
    /// with it, then place again.
    Kept(u64, u64),
}

/// Renames a part to its name, without replacing anything unless the intent says so. Its owner's mark goes first: from the
/// committed intent on the inode says whose it is.
///
/// # Errors
/// The name is taken and may not be numbered, or what the disk says.
pub fn place(intent: &PublishIntent, part: &Part, taken: Taken) -> Result<Placed, StoreError> {
    let (from, to) = (&intent.part, &intent.target);
    let fail = |error: Errno| match error {
        Errno::ISDIR => StoreError::new(StoreKind::InTheWay, format!("{} is a folder", to.display())),
        _ => StoreError::io("can't name the file", to.display(), &error.into()),
    };
    if part.is_unnamed() {
        return match part.name_first(to) {
            Ok(()) => Ok(Placed::Done(to.clone())),
            Err(Errno::EXIST) => taken_name(to, taken),
            Err(error) => Err(fail(error)),
        };
    }
    part.disown();
    // Another file may have taken the part's name: it is not what was fetched.
    let is_it = |path: &Path| is_file_at(path, intent.device, intent.inode);
    let gone = |path: &Path| {
        let why = if exists(path) { "another file than the one that was fetched" } else { "gone" };
        let text = format!("{} is {why}", path.display());
        Err(StoreError::new(StoreKind::Gone, text))
    };
    if !is_it(from) {
        return gone(from);
    }
    let done = || if is_it(to) { Ok(Placed::Done(to.clone())) } else { gone(to) };
    if intent.replace {
        rustix::fs::rename(from, to).map_err(fail)?;
        return done();
    }
    if let Some(kept) = intent.placeholder {
        if is_placeholder(to, kept) {
            rustix::fs::rename(from, to).map_err(fail)?;
            return done();
        }
        return taken_name(to, taken);
    }
    let result = match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS) => link_over(from, to),
        other => other.map(|()| Placed::Done(to.clone())),
    };
    match result {
        Ok(placed) => Ok(placed),
        Err(Errno::EXIST) => taken_name(to, taken),
        Err(error) => Err(fail(error)),
    }
}

fn taken_name(to: &Path, taken: Taken) -> Result<Placed, StoreError> {
    match taken {
        Taken::Number => Ok(Placed::Renumber(free_name(to))),
        _ => Err(StoreError::new(StoreKind::Taken, format!("{} is there already", to.display()))),
    }
}

/// A file system that can't rename without replacing: a second name, or an empty file that keeps the name for us.
fn link_over(from: &Path, to: &Path) -> Result<Placed, Errno> {
    match rustix::fs::link(from, to) {
        Ok(()) => rustix::fs::unlink(from).map(|()| Placed::Done(to.to_owned())),
        Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS | Errno::MLINK) => keep_name(to),
        Err(error) => Err(error),
    }
}

/// Makes the empty file that keeps a name for us.
fn keep_name(to: &Path) -> Result<Placed, Errno> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let facts = rustix::fs::fstat(rustix::fs::open(to, flags, Mode::RUSR | Mode::WUSR)?)?;
    Ok(Placed::Kept(facts.st_dev, facts.st_ino))
}

/// Whether a name is still kept by our own empty file.
fn is_placeholder(path: &Path, (device, inode): (u64, u64)) -> bool {
    is_file_at(path, device, inode) && is_file_of(path, Some(0))
}

fn free_name(target: &Path) -> String {
    let name = target.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let folder = target.parent().unwrap_or(Path::new("/"));
    (1..=MOST_NUMBERS)
        .map(|n| numbered(&name, n))
        .find(|candidate| !exists(&folder.join(candidate)))
        .unwrap_or_else(|| numbered(&name, MOST_NUMBERS + 1))
}

/// Makes the names safe: each folder once.
///
/// # Errors
/// What the disk says.
pub fn sync_folders<'a>(intents: impl IntoIterator<Item = &'a PublishIntent>) -> Result<(), StoreError> {
    let folders: BTreeSet<&Path> = intents
        .into_iter()
        .flat_map(|intent| [intent.target.parent(), intent.part.parent()])
        .flatten()
        .collect();
    folders.into_iter().try_for_each(sync_folder)
}

/// What became of a publishing that was interrupted.
#[derive(Debug, PartialEq, Eq)]
pub enum Recovered {
    /// The file has its name.
    Placed,
    /// The part is still there: publish it again.
    Again,
    /// Neither is there.
    Lost,
}

/// Deletes what a named file no longer needs: its note and partials of other versions. Before [`sync_folders`], so that nothing
/// of them comes back once the file counts as completed.
pub fn clean_up(part: &Path, owner: Uuid, noted: bool, set_aside: &[SetAside]) {
    // What can't be deleted stays: it does no harm and says whose it is.
    if noted {
        let _ = note::forget(part, owner);
    }
    let Some(folder) = part.parent() else { return };
    for old in set_aside {
        let _ = discard_named(folder, &old.part, old.device, old.inode);
        let _ = note::forget(&folder.join(&old.part), owner);
    }
}

/// Finds out what became of an intent, and cleans up after it. The note is left where nobody knows any more whose it was.
///
/// # Errors
/// What the disk says.
pub fn recover(
    intent: &PublishIntent,
    owner: Option<Uuid>,
    set_aside: &[SetAside],
) -> Result<Recovered, StoreError> {
    // Its inode was free again if it got no name: another file may have it by now.
    if let Some(born) = intent.born {
        let is_placed = is_born_at(&intent.target, intent.inode, born);
        if is_placed {
            sync_folders([intent])?;
        }
        return Ok(if is_placed { Recovered::Placed } else { Recovered::Lost });
    }
    let is_it = |path: &Path| is_file_at(path, intent.device, intent.inode);
    let part_is_left = is_it(&intent.part);
    if is_it(&intent.target) {
        if part_is_left {
            rustix::fs::unlink(&intent.part)
                .map_err(|error| StoreError::io("can't delete", intent.part.display(), &error.into()))?;
        }
        if let Some(owner) = owner {
            clean_up(&intent.part, owner, true, set_aside);
        }
        sync_folders([intent])?;
        return Ok(Recovered::Placed);
    }
    // The name is free again, for the part itself or for another download.
    if intent.placeholder.is_some_and(|kept| is_placeholder(&intent.target, kept)) {
        rustix::fs::unlink(&intent.target)
            .map_err(|error| StoreError::io("can't delete", intent.target.display(), &error.into()))?;
    }
    Ok(if part_is_left { Recovered::Again } else { Recovered::Lost })
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::fs::FileExt as _;

    use super::*;

    fn whole(folder: &Path, name: &str, taken: Taken) -> Ending {
        let (part, name) = Part::create(folder, name, taken, uuid::Uuid::nil()).unwrap();
        part.write_at(0, b"whole, and some more").unwrap();
        Ending {
            id: DownloadId(1),
            part: Arc::new(part),
            folder: Arc::new(folder.to_owned()),
            name,
            size: 5,
            origin: Some("https://a.example/a".into()),
            modified: Some(UnixMs(784_111_777_000)),
            umask: 0o027,
            taken,
            full_share: true,
            owner: Uuid::nil(),
            placeholder: None,
        }
    }

    #[test]
    fn a_part_becomes_the_file_with_its_mode_and_time() {
        let folder = tempfile::tempdir().unwrap();
        let ending = whole(folder.path(), "a", Taken::Number);
        prepare(&ending).unwrap();
        assert!(sync(&[&ending]).iter().all(Result::is_ok));
        let intent = ending.intent();
        assert_eq!(recover(&intent, Some(Uuid::nil()), &[]).unwrap(), Recovered::Again);
        assert_eq!(
            place(&intent, &ending.part, ending.taken).unwrap(),
            Placed::Done(folder.path().join("a"))
        );
        sync_folders([&intent]).unwrap();
        assert_eq!(recover(&intent, Some(Uuid::nil()), &[]).unwrap(), Recovered::Placed);
        let facts = std::fs::metadata(folder.path().join("a")).unwrap();
        assert_eq!((facts.len(), facts.permissions().mode() & 0o777), (5, 0o640));
        assert_eq!(UnixMs::from(facts.modified().unwrap()), UnixMs(784_111_777_000));
        let mut origin = [0; 64];
        match rustix::fs::getxattr(folder.path().join("a"), ORIGIN, &mut origin) {
            Ok(length) => assert_eq!(&origin[..length], b"https://a.example/a"),
            Err(error) => assert_eq!(error, Errno::NOTSUP),
        }
        std::fs::remove_file(folder.path().join("a")).unwrap();
        assert_eq!(recover(&intent, Some(Uuid::nil()), &[]).unwrap(), Recovered::Lost);
    }

    #[test]
    fn a_part_that_was_cut_in_the_middle_of_a_write_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut ending = whole(folder.path(), "a", Taken::Number);
        ending.size = 300_000;
        ending.part.write_at(0, &vec![7; 200_000]).unwrap();
        // Between the look at its length and the write.
        let path = folder.path().join("a.part");
        File::options().write(true).open(&path).and_then(|part| part.set_len(50_000)).unwrap();
        ending.part.file().write_all_at(&vec![7; 100_000], 200_000).unwrap();
        ending.part.write_at(299_999, &[7]).unwrap();
        match prepare(&ending) {
            Err(error) => {
                assert_eq!(error.kind, StoreKind::Gone);
                assert!(error.text.contains("became shorter"), "{error:?}");
            }
            // Where the file system can't tell.
            Ok(()) => assert_eq!(super::super::hole::first(ending.part.file(), ending.size), None),
        }
    }

    #[test]
    fn a_name_that_was_taken_meanwhile_is_never_replaced_unless_that_was_asked() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        let table =
            [(Taken::Number, "mine"), (Taken::Refuse, "mine"), (Taken::Replace, "whole, and some more")];
        for (taken, kept) in table {
            let ending = whole(here, "a", taken);
            std::fs::write(here.join("a"), b"mine").unwrap();
            let placed = place(&ending.intent(), &ending.part, taken);
            match taken {
                Taken::Number => assert_eq!(placed.unwrap(), Placed::Renumber("a (1)".into())),
                Taken::Refuse => assert_eq!(placed.unwrap_err().kind, StoreKind::Taken),
                _ => assert_eq!(placed.unwrap(), Placed::Done(here.join("a"))),
            }
            assert_eq!(std::fs::read_to_string(here.join("a")).unwrap(), kept);
            drop(ending);
            std::fs::remove_file(here.join("a")).unwrap();
            let _ = std::fs::remove_file(here.join("a.part"));
        }
    }

    #[test]
    fn an_empty_file_keeps_the_name_where_nothing_else_can() {
        let folder = tempfile::tempdir().unwrap();
        let (ending, target) = (whole(folder.path(), "a", Taken::Number), folder.path().join("a"));
        let Placed::Kept(device, inode) = keep_name(&target).unwrap() else { panic!("the name isn't kept") };
        assert_eq!(keep_name(&target), Err(Errno::EXIST));
        let intent = PublishIntent { placeholder: Some((device, inode)), ..ending.intent() };
        assert_eq!(recover(&intent, Some(Uuid::nil()), &[]).unwrap(), Recovered::Again);
        assert!(!target.exists(), "a name that nobody uses is free again");
        std::fs::write(&target, b"somebody else's").unwrap();
        assert_eq!(place(&intent, &ending.part, Taken::Number).unwrap(), Placed::Renumber("a (1)".into()));
        std::fs::remove_file(&target).unwrap();
        let Placed::Kept(device, inode) = keep_name(&target).unwrap() else { panic!("the name isn't kept") };
        let intent = PublishIntent { placeholder: Some((device, inode)), ..intent };
        assert_eq!(place(&intent, &ending.part, Taken::Number).unwrap(), Placed::Done(target.clone()));
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "whole, and some more");
    }

    #[test]
    fn another_file_under_the_parts_name_is_never_published() {
        let folder = tempfile::tempdir().unwrap();
        let ending = whole(folder.path(), "a", Taken::Number);
        std::fs::rename(folder.path().join("a.part"), folder.path().join("away")).unwrap();
        std::fs::write(folder.path().join("a.part"), b"not it").unwrap();
        for taken in [Taken::Number, Taken::Replace] {
            let intent = PublishIntent { replace: taken == Taken::Replace, ..ending.intent() };
            assert_eq!(place(&intent, &ending.part, taken).unwrap_err().kind, StoreKind::Gone);
            assert!(!folder.path().join("a").exists());
        }
    }

    #[test]
    fn a_file_system_without_exclusive_rename_still_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        std::fs::write(&from, b"new").unwrap();
        std::fs::write(&to, b"old").unwrap();
        assert_eq!(link_over(&from, &to), Err(Errno::EXIST));
        std::fs::remove_file(&to).unwrap();
        assert_eq!(link_over(&from, &to), Ok(Placed::Done(to.clone())));
        assert_eq!(std::fs::read(&to).unwrap(), b"new");
        assert!(!from.exists());
    }
}
