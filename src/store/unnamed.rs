//! A small file that comes whole in one piece needs no part to go on from: its bytes wait in a file without a name, and the first
//! name that this gets is the final one. A kill before that leaves nothing, and costs as much as one write.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, StatxFlags};
use rustix::io::Errno;

use super::files::exists;
use super::part::{PART, Part};
use crate::model::item::Taken;
use crate::model::record::Born;

/// The device of the last file system that gave a name to an unnamed file: what it did once it does again.
static GIVES_NAMES: AtomicU64 = AtomicU64::new(NONE);
const NONE: u64 = u64::MAX;

/// What is known of a file that has no name yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unnamed {
    /// With its inode number this tells it from every later file.
    pub(super) born: Born,
    /// Its permissions.
    pub(super) mode: u32,
}

/// Keeps in mind that a file system gives names to unnamed files.
pub(super) fn gives_names(device: u64) {
    GIVES_NAMES.store(device, Ordering::Relaxed);
}

impl Part {
    /// Makes a file without a name in a folder, for what will be called `name` with a mode as `umask` leaves it. Nothing where that
    /// can't be had: on a file system that was not yet seen to give names to such files, or keeps no time of birth, and where the
    /// name is not free.
    pub fn create_unnamed(folder: &Path, name: &str, taken: Taken, umask: u32) -> Option<Self> {
        let device = GIVES_NAMES.load(Ordering::Relaxed);
        let part = format!("{name}{PART}");
        let is_free = match taken {
            Taken::Number => true,
            Taken::Refuse => !exists(&folder.join(name)),
            Taken::Replace | Taken::IfChanged => false,
        };
        if device == NONE || !is_free || exists(&folder.join(&part)) {
            return None;
        }
        let mode = Mode::from_raw_mode(0o666 & !umask);
        let file = rustix::fs::open(folder, OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC, mode).ok()?;
        let wanted = StatxFlags::INO | StatxFlags::MODE | StatxFlags::BTIME;
        let facts = rustix::fs::statx(&file, "", AtFlags::EMPTY_PATH, wanted).ok()?;
        let is_on = rustix::fs::makedev(facts.stx_dev_major, facts.stx_dev_minor);
        if is_on != device || !StatxFlags::from_bits_retain(facts.stx_mask).contains(wanted) {
            return None;
        }
        let born = Born { seconds: facts.stx_btime.tv_sec, nanoseconds: facts.stx_btime.tv_nsec };
        let unnamed = Unnamed { born, mode: u32::from(facts.stx_mode) & 0o7777 };
        Some(Self::without_name(File::from(file), folder, part, (device, facts.stx_ino), unnamed))
    }

    /// Gives a file without a name its first one. Nothing is ever replaced.
    ///
    /// # Errors
    /// What the system says; `EEXIST` where the name is taken.
    pub(super) fn name_first(&self, path: &Path) -> Result<(), Errno> {
        link(self.file(), path)
    }
}

/// Gives a name to an open file that has none.
pub(super) fn link(file: &impl AsRawFd, path: &Path) -> Result<(), Errno> {
    let unnamed = format!("/proc/self/fd/{}", file.as_raw_fd());
    rustix::fs::linkat(CWD, unnamed, CWD, path, AtFlags::SYMLINK_FOLLOW)
}

/// Whether a path names the file of this inode that was born in this moment; never through a link.
pub(super) fn is_born_at(path: &Path, inode: u64, born: Born) -> bool {
    let wanted = StatxFlags::INO | StatxFlags::BTIME;
    rustix::fs::statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, wanted).is_ok_and(|facts| {
        let found = Born { seconds: facts.stx_btime.tv_sec, nanoseconds: facts.stx_btime.tv_nsec };
        StatxFlags::from_bits_retain(facts.stx_mask).contains(wanted)
            && facts.stx_ino == inode
            && found == born
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;
    use std::sync::Arc;

    use uuid::Uuid;

    use super::*;
    use crate::model::id::DownloadId;
    use crate::store::publish::{Ending, Placed, Recovered, place, prepare, recover, sync, sync_folders};

    fn ending(folder: &Path, name: &str, taken: Taken) -> Option<Ending> {
        let part = Part::create_unnamed(folder, name, taken, 0o027)?;
        part.write_at(0, b"whole").unwrap();
        Some(Ending {
            id: DownloadId(1),
            part: Arc::new(part),
            folder: Arc::new(folder.to_owned()),
            name: name.into(),
            size: 5,
            origin: None,
            modified: None,
            umask: 0o027,
            taken,
            full_share: true,
            owner: Uuid::nil(),
            placeholder: None,
        })
    }

    /// A folder whose file system has shown that it gives names to unnamed files; nothing where it doesn't.
    fn folder() -> Option<tempfile::TempDir> {
        let folder = tempfile::tempdir().unwrap();
        drop(Part::create(folder.path(), "first", Taken::Number, Uuid::nil()).unwrap());
        std::fs::remove_file(folder.path().join("first.part")).unwrap();
        (GIVES_NAMES.load(Ordering::Relaxed) != NONE).then_some(folder)
    }

    #[test]
    fn its_first_name_is_the_final_one() {
        let Some(folder) = folder() else { return };
        let ending = ending(folder.path(), "a", Taken::Number).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        prepare(&ending).unwrap();
        assert!(sync(&[&ending]).iter().all(Result::is_ok));
        let intent = ending.intent();
        assert_eq!(recover(&intent, Some(Uuid::nil()), &[]).unwrap(), Recovered::Lost);
        let path = folder.path().join("a");
        assert_eq!(place(&intent, &ending.part, ending.taken).unwrap(), Placed::Done(path.clone()));
        sync_folders([&intent]).unwrap();
        assert_eq!(recover(&intent, Some(Uuid::nil()), &[]).unwrap(), Recovered::Placed);
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_later_file_in_its_inode_is_another_one() {
        let Some(folder) = folder() else { return };
        let ending = ending(folder.path(), "a", Taken::Number).unwrap();
        let mut intent = ending.intent();
        place(&intent, &ending.part, ending.taken).unwrap();
        intent.born = intent.born.map(|born| Born { seconds: born.seconds - 1, ..born });
        assert_eq!(recover(&intent, Some(Uuid::nil()), &[]).unwrap(), Recovered::Lost);
    }

    #[test]
    fn a_name_that_is_taken_is_left_alone() {
        let Some(folder) = folder() else { return };
        let ending = ending(folder.path(), "a", Taken::Number).unwrap();
        std::fs::write(folder.path().join("a"), b"mine").unwrap();
        let placed = place(&ending.intent(), &ending.part, ending.taken).unwrap();
        assert_eq!(placed, Placed::Renumber("a (1)".into()));
        assert_eq!(std::fs::read(folder.path().join("a")).unwrap(), b"mine");
        assert!(super::tests::ending(folder.path(), "a", Taken::Refuse).is_none());
        assert!(super::tests::ending(folder.path(), "b", Taken::Replace).is_none());
        std::fs::write(folder.path().join("c.part"), b"another's").unwrap();
        assert!(super::tests::ending(folder.path(), "c", Taken::Number).is_none());
    }
}
