//! One engine for a store: whoever holds its lock may write.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use super::error::{StoreError, StoreKind};

/// The lock of a store, held until it is dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Makes the state folder where it is missing, for nobody else to see, and takes its lock.
    ///
    /// # Errors
    /// [`StoreKind::Locked`] names who holds it; the folder can't be made or belongs to somebody else.
    pub fn take(state: &Path) -> Result<Self, StoreError> {
        if !state.is_dir() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(state)
                .map_err(|error| StoreError::io("can't make the state folder", state.display(), &error))?;
        }
        let path = state.join("lock");
        let fail = |error: &std::io::Error| StoreError::io("can't lock the store", path.display(), error);
        let owner = std::fs::metadata(state).map_err(|error| fail(&error))?.uid();
        if owner != rustix::process::geteuid().as_raw() {
            let text = format!("the state folder {} belongs to another user (uid {owner})", state.display());
            return Err(StoreError::new(StoreKind::Refused, text));
        }
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|error| fail(&error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Who holds it is a help, no more: a lock file that can't be read is still held.
                let _ = file.read_to_string(&mut holder);
                let holder = holder.trim();
                let who =
                    if holder.is_empty() { "another haul".to_owned() } else { format!("haul ({holder})") };
                let text = format!("the store in {} is in use by {who}", state.display());
                return Err(StoreError::new(StoreKind::Locked, text));
            }
            Err(TryLockError::Error(error)) => return Err(fail(&error)),
        }
        let mut say = || -> std::io::Result<()> {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "pid {}", std::process::id())
        };
        say().map_err(|error| fail(&error))?;
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_one_is_told_who_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("a/b");
        let lock = Lock::take(&state).unwrap();
        assert_eq!(std::fs::metadata(&state).unwrap().mode() & 0o777, 0o700);
        let refused = Lock::take(&state).unwrap_err();
        assert_eq!(refused.kind, StoreKind::Locked);
        assert!(refused.text.contains(&format!("pid {}", std::process::id())), "{refused}");
        drop(lock);
        assert!(Lock::take(&state).is_ok());
    }
}
