//! Files by name: what is there, whether it is the file that was known, setting it aside or deleting it, never through a link.

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, RenameFlags};
use rustix::io::Errno;

use super::error::StoreError;
use super::spent::at_disk;

/// How many numbered names are tried beside a taken one.
pub(super) const MOST_NUMBERS: u32 = 9_999;

/// Deletes a part by name, if the name still means the file with this identity. One that is gone already is no error.
///
/// # Errors
/// What the disk says.
pub fn discard_named(folder: &Path, name: &str, device: u64, inode: u64) -> Result<(), StoreError> {
    let path = folder.join(name);
    if !is_file_at(&path, device, inode) {
        return Ok(());
    }
    rustix::fs::unlink(&path).map_err(|error| StoreError::io("can't delete", path.display(), &error.into()))
}

/// Whether a path names the file of this identity, see `is_same`; never through a link.
pub fn is_file_at(path: &Path, device: u64, inode: u64) -> bool {
    let folder = path.parent().unwrap_or(Path::new("/"));
    rustix::fs::statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|facts| is_same((facts.st_dev, facts.st_ino), (device, inode), folder))
}

/// Whether a file of a folder is the one that was known by device and inode. A file system gets its device number when it is
/// mounted, so after a restart, or when a disk was plugged in again, the number may be another one while the inode stays.
pub(super) fn is_same(found: (u64, u64), known: (u64, u64), folder: &Path) -> bool {
    let is_mounted_anew = || rustix::fs::stat(folder).is_ok_and(|facts| facts.st_dev == found.0);
    found.1 == known.1 && (found.0 == known.0 || is_mounted_anew())
}

/// Returns the first free name for setting a part aside: `NAME.part.1`, `NAME.part.2` and so on.
pub fn aside_name(folder: &Path, part: &str) -> String {
    (1..=MOST_NUMBERS)
        .map(|n| format!("{part}.{n}"))
        .find(|name| !exists(&folder.join(name)))
        .unwrap_or_else(|| format!("{part}.{}", MOST_NUMBERS + 1))
}

/// Renames within a folder without replacing anything; a source that is gone already is no error where the target is there.
///
/// # Errors
/// The target is taken by something else, or what the disk says.
pub fn rename_aside(folder: &Path, from: &str, to: &str) -> Result<(), StoreError> {
    let (from, to) = (folder.join(from), folder.join(to));
    match rustix::fs::renameat_with(CWD, &from, CWD, &to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        Err(Errno::NOENT) if exists(&to) => Ok(()),
        Err(Errno::INVAL | Errno::NOSYS) if !exists(&to) => rustix::fs::rename(&from, &to)
            .map_err(|error| StoreError::io("can't set aside", from.display(), &error.into())),
        Err(error) => Err(StoreError::io("can't set aside", from.display(), &error.into())),
    }
}

/// Makes a folder's entries safe against a power cut.
///
/// # Errors
/// What the disk says.
pub fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    let fail = |error: io::Error| StoreError::io("can't make safe", folder.display(), &error);
    at_disk(|| File::open(folder).and_then(|folder| folder.sync_all())).map_err(fail)
}

/// Whether anything of that name is there, a dangling link included.
pub fn exists(path: &Path) -> bool {
    rustix::fs::statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW).is_ok()
}

/// Whether a path is a regular file of this size.
pub fn is_file_of(path: &Path, size: Option<u64>) -> bool {
    rustix::fs::statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|facts| {
        FileType::from_raw_mode(facts.st_mode) == FileType::RegularFile
            && size.is_none_or(|size| u64::try_from(facts.st_size) == Ok(size))
    })
}
