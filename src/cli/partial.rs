//! The file that `pull` brings home while it is not whole: haul's own, or nobody touches it.

use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use data_encoding::HEXLOWER;
use rustix::fs::XattrFlags;
use sha2::{Digest as _, Sha256};

use super::error::CliError;

/// How a file is called until it is whole.
const PART: &str = ".pull";
/// The attribute that says that `pull` began a file.
const MARK: &str = "user.haul.pull";
/// The end of the file's name that says it where the file system keeps no attributes.
const NOTE: &str = ".haul";
/// What either of them says.
const SAID: &[u8] = b"begun by haul pull\n";

/// The file while it is not whole. One that nothing came for, or that could not be known again, goes when it is dropped.
pub(super) struct Partial {
    file: File,
    path: PathBuf,
    /// Bytes that are there.
    pub(super) length: u64,
    is_marked: bool,
    /// Whether its name is not ours to take away: it is not locked yet, or it is whole.
    is_left: bool,
}

impl Partial {
    /// Goes on with what was begun for a target, or begins.
    ///
    /// # Errors
    /// The target is there, a file that haul did not begin has the name, or the folder can't be written.
    pub(super) fn open(target: &Path) -> Result<Self, CliError> {
        if target.symlink_metadata().is_ok() {
            return Err(CliError::usage(
                format!("{} is there already", target.display()),
                "Name another folder with -d, or move it away",
            ));
        }
        let folder = target.parent().unwrap_or(Path::new("/"));
        if !folder.is_dir() {
            return Err(CliError::usage(
                format!("there is no folder {}", folder.display()),
                "Make it, or name another one with -d",
            ));
        }
        let path = with_end(target, PART);
        let made = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path);
        match made {
            Ok(file) => Self::begin(file, path),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Self::go_on(path),
            Err(source) => Err(CliError::Handing { what: format!("making {}", path.display()), source }),
        }
    }

    fn begin(file: File, path: PathBuf) -> Result<Self, CliError> {
        let is_marked = rustix::fs::fsetxattr(&file, MARK, SAID, XattrFlags::empty()).is_ok()
            || write_note(&with_end(&path, NOTE));
        Self { file, path, length: 0, is_marked, is_left: true }.locked()
    }

    fn go_on(path: PathBuf) -> Result<Self, CliError> {
        // Not one that a link leads to, and without waiting for whoever would write into a pipe.
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        let opened =
            OpenOptions::new().read(true).write(true).custom_flags(flags.bits().cast_signed()).open(&path);
        let ours = opened
            .ok()
            .filter(|file| file.metadata().is_ok_and(|facts| facts.is_file()) && is_begun(file, &path));
        let Some(mut file) = ours else {
            return Err(CliError::usage(
                format!("{} is there, and `pull` did not begin it", path.display()),
                "Move it away, or name another folder with -d",
            ));
        };
        let length = file
            .seek(SeekFrom::End(0))
            .map_err(|source| CliError::Handing { what: format!("reading {}", path.display()), source })?;
        Self { file, path, length, is_marked: true, is_left: true }.locked()
    }

    /// Two that bring the same file home must not write into each other.
    fn locked(mut self) -> Result<Self, CliError> {
        let busy = || {
            CliError::usage(
                format!("another haul brings {} home just now", self.path.display()),
                "Wait for that one, or name another folder with -d",
            )
        };
        match self.file.try_lock() {
            // The other one may have given it its name in between.
            Ok(()) if self.is_there() => {
                self.is_left = false;
                Ok(self)
            }
            Ok(()) | Err(TryLockError::WouldBlock) => Err(busy()),
            Err(TryLockError::Error(source)) => Err(self.failed("locking", source)),
        }
    }

    fn is_there(&self) -> bool {
        let identity = |facts: Metadata| (facts.dev(), facts.ino());
        match (self.file.metadata(), self.path.symlink_metadata()) {
            (Ok(ours), Ok(there)) => identity(ours) == identity(there),
            _ => false,
        }
    }

    /// Whether the same command goes on with it.
    pub(super) fn is_kept(&self) -> bool {
        self.is_marked && self.length > 0
    }

    fn failed(&self, what: &str, source: io::Error) -> CliError {
        CliError::Handing { what: format!("{what} {}", self.path.display()), source }
    }

    /// Writes the next bytes.
    ///
    /// # Errors
    /// What the disk says.
    pub(super) fn append(&mut self, piece: &[u8]) -> Result<(), CliError> {
        self.file.write_all(piece).map_err(|source| self.failed("writing", source))?;
        self.length += piece.len() as u64;
        Ok(())
    }

    /// Gives up all bytes past a length.
    ///
    /// # Errors
    /// What the disk says.
    pub(super) fn cut(&mut self, length: u64) -> Result<(), CliError> {
        let cut = self.file.set_len(length).and_then(|()| self.file.seek(SeekFrom::Start(length)));
        cut.map_err(|source| self.failed("cutting", source))?;
        self.length = length;
        Ok(())
    }

    /// Has what is there outlive a loss of power.
    ///
    /// # Errors
    /// What the disk says.
    pub(super) fn sync(&self) -> Result<(), CliError> {
        self.file.sync_data().map_err(|source| self.failed("syncing", source))
    }

    /// Sums the first bytes.
    ///
    /// # Errors
    /// What the disk says.
    pub(super) fn sum_of(&mut self, length: u64) -> Result<String, CliError> {
        let mut hasher = Sha256::new();
        let mut chunk = vec![0; 256 << 10];
        let mut sum = || -> io::Result<()> {
            self.file.seek(SeekFrom::Start(0))?;
            let mut rest = (&self.file).take(length);
            loop {
                let count = rest.read(&mut chunk)?;
                if count == 0 {
                    break;
                }
                hasher.update(&chunk[..count]);
            }
            self.file.seek(SeekFrom::End(0)).map(drop)
        };
        sum().map_err(|source| self.failed("reading", source))?;
        Ok(HEXLOWER.encode(&hasher.finalize()))
    }

    /// Gives it its name, without replacing anything.
    ///
    /// # Errors
    /// The name was taken meanwhile, or what the disk says.
    pub(super) fn publish(mut self, target: &Path, modified_ms: i64, umask: u32) -> Result<(), CliError> {
        let publish = || -> io::Result<()> {
            self.file.set_permissions(std::fs::Permissions::from_mode(0o666 & !umask))?;
            if let Ok(modified) = u64::try_from(modified_ms) {
                self.file.set_modified(UNIX_EPOCH + Duration::from_millis(modified))?;
            }
            self.file.sync_all()?;
            rename_to_free(&self.path, target)
        };
        publish().map_err(|source| self.failed("giving its name to", source))?;
        self.is_left = true;
        // Where there is none, nothing is to be taken away.
        let _ = rustix::fs::fremovexattr(&self.file, MARK);
        remove_note(&self.path);
        let folder = target.parent().unwrap_or(Path::new("/"));
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|source| self.failed("giving its name to", source))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.is_left && !self.is_kept() && self.is_there() {
            // One that stays is empty, or the next `pull` names it.
            let _ = std::fs::remove_file(&self.path);
            remove_note(&self.path);
        }
    }
}

fn rename_to_free(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
            std::fs::hard_link(from, to)?;
            std::fs::remove_file(from)
        }
        other => Ok(other?),
    }
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(end);
    path.into()
}

/// Whether `pull` began a file, as the file says, or the note beside it.
fn is_begun(file: &File, path: &Path) -> bool {
    let mut said = [0; SAID.len()];
    rustix::fs::fgetxattr(file, MARK, &mut said).is_ok_and(|length| said[..length] == *SAID)
        || is_note(&with_end(path, NOTE))
}

/// Writes the note; false where that can't be, or somebody's file has its name.
fn write_note(path: &Path) -> bool {
    match OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(mut note) => note.write_all(SAID).is_ok(),
        Err(_) => is_note(path),
    }
}

fn is_note(path: &Path) -> bool {
    let is_as_long =
        path.symlink_metadata().is_ok_and(|facts| facts.is_file() && facts.len() == SAID.len() as u64);
    is_as_long && std::fs::read(path).is_ok_and(|said| said == SAID)
}

fn remove_note(path: &Path) {
    let note = with_end(path, NOTE);
    if is_note(&note) {
        // One that stays says nothing wrong until somebody else's file has the name.
        let _ = std::fs::remove_file(note);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_known_again_by_its_attribute_or_by_the_note_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("big.bin");
        let mut begun = Partial::open(&target).unwrap();
        begun.append(b"abc").unwrap();
        assert!(Partial::open(&target).is_err(), "it is being written");
        drop(begun);
        assert_eq!(Partial::open(&target).unwrap().length, 3);
        let path = with_end(&target, PART);
        // Where the file system keeps none, there was none.
        let _ = rustix::fs::removexattr(&path, MARK);
        assert!(Partial::open(&target).is_err(), "nothing says whose it is");
        assert!(write_note(&with_end(&path, NOTE)));
        Partial::open(&target).unwrap().publish(&target, 0, 0o022).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "the note goes too");
    }

    #[test]
    fn what_could_not_be_known_again_is_not_left() {
        let folder = tempfile::tempdir().unwrap();
        let mut begun = Partial::open(&folder.path().join("big.bin")).unwrap();
        begun.append(b"abc").unwrap();
        begun.is_marked = false;
        assert!(!begun.is_kept());
        drop(begun);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
