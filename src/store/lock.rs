//! One engine for a store: whoever holds its lock may write.
//!
//! Coming and going is ordered by two locks. The *gate* is a lock on the state folder itself: whoever wants the store's lock
//! passes it, and an agent that starts holds it until it can be reached. So two that start at once end with one, without polling. The *lock*
//! is held as long as the store is open; its file says who holds it, and goes with its holder.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::error::{StoreError, StoreKind};

/// The lock's file in the state folder.
const FILE: &str = "lock";
/// The line of a holder that is about to let go.
const LEAVING: &str = "leaving";

/// The way to a store's lock: one at a time.
#[derive(Debug)]
pub struct Gate {
    state: PathBuf,
    _folder: File,
}

impl Gate {
    /// Makes the state folder where it is missing, for nobody else to see, and waits until nobody else is on the way.
    ///
    /// # Errors
    /// The folder can't be made, belongs to somebody else or can't be locked.
    pub fn enter(state: &Path) -> Result<Self, StoreError> {
        if !state.is_dir() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(state)
                .map_err(|error| StoreError::io("can't make the state folder", state.display(), &error))?;
        }
        let fail = |error: &std::io::Error| StoreError::io("can't lock the store", state.display(), error);
        let owner = std::fs::metadata(state).map_err(|error| fail(&error))?.uid();
        if owner != rustix::process::geteuid().as_raw() {
            let text = format!("the state folder {} belongs to another user (uid {owner})", state.display());
            return Err(StoreError::new(StoreKind::Refused, text));
        }
        let folder = File::open(state).map_err(|error| fail(&error))?;
        folder.lock().map_err(|error| fail(&error))?;
        Ok(Self { state: state.to_owned(), _folder: folder })
    }

    /// The state folder.
    pub fn state(&self) -> &Path {
        &self.state
    }
}

/// Who holds a store, as the lock's file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holder {
    /// Its process.
    pub pid: Option<u32>,
    /// Where it listens; none for an engine within a console.
    pub socket: Option<PathBuf>,
    /// Whether it has said that it is about to let go.
    pub is_leaving: bool,
}

impl Holder {
    /// Reads who holds the store of a state folder, or held it when it was killed.
    pub fn read(state: &Path) -> Self {
        // Who holds it is a help, no more: a lock file that can't be read is still held.
        let text = std::fs::read_to_string(state.join(FILE)).unwrap_or_default();
        let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
        Self {
            pid: value("pid").and_then(|pid| pid.parse().ok()),
            socket: value("socket").map(PathBuf::from),
            is_leaving: text.lines().any(|line| line == LEAVING),
        }
    }

    /// Says where the holder of a store listens; to be called by the holder.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn announce(state: &Path, socket: &Path) -> std::io::Result<()> {
        append(state, &format!("socket {}\n", socket.display()))
    }

    /// Says that the holder of a store is about to let go; to be called by the holder.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn announce_end(state: &Path) -> std::io::Result<()> {
        append(state, &format!("{LEAVING}\n"))
    }

    /// Waits until nobody holds the store. Blocks the thread.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn wait_until_free(state: &Path) -> std::io::Result<()> {
        match File::open(state.join(FILE)) {
            Ok(file) => file.lock(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// One write, so that no reader sees half of it.
fn append(state: &Path, line: &str) -> std::io::Result<()> {
    OpenOptions::new().append(true).open(state.join(FILE))?.write_all(line.as_bytes())
}

/// The lock of a store, held until it is dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
    state: PathBuf,
}

impl Lock {
    /// Takes the lock of the store behind a gate.
    ///
    /// # Errors
    /// [`StoreKind::Locked`] names who holds it.
    pub fn take(gate: &Gate) -> Result<Self, StoreError> {
        let state = gate.state();
        let path = state.join(FILE);
        let fail = |error: &std::io::Error| StoreError::io("can't lock the store", path.display(), error);
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
                let who = match Holder::read(state) {
                    Holder { pid: None, .. } => "another haul".to_owned(),
                    Holder { pid: Some(pid), socket: None, .. } => format!("haul (pid {pid})"),
                    Holder { pid: Some(pid), socket: Some(_), .. } => format!("the agent (pid {pid})"),
                };
                let text = format!("the store in {} is in use by {who}", state.display());
                return Err(StoreError::new(StoreKind::Locked, text));
            }
            Err(TryLockError::Error(error)) => return Err(fail(&error)),
        }
        let mut say = || -> std::io::Result<()> {
            file.set_len(0)?;
            file.rewind()?;
            file.write_all(format!("pid {}\n", std::process::id()).as_bytes())
        };
        say().map_err(|error| fail(&error))?;
        Ok(Self { _file: file, state: state.to_owned() })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // The file goes too, unless somebody is on the way and may have opened it.
        if let Ok(folder) = File::open(&self.state)
            && folder.try_lock().is_ok()
        {
            // One that stays is no harm: it says who held it, and nobody does.
            let _ = std::fs::remove_file(self.state.join(FILE));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_one_is_told_who_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("a/b");
        let take = || Lock::take(&Gate::enter(&state).unwrap());
        let lock = take().unwrap();
        assert_eq!(std::fs::metadata(&state).unwrap().mode() & 0o777, 0o700);
        let refused = take().unwrap_err();
        assert_eq!(refused.kind, StoreKind::Locked);
        let pid = std::process::id();
        assert!(refused.text.contains(&format!("haul (pid {pid})")), "{refused}");
        Holder::announce(&state, Path::new("/run/a b.sock")).unwrap();
        assert!(take().unwrap_err().text.contains(&format!("the agent (pid {pid})")));
        let holder = Holder { pid: Some(pid), socket: Some("/run/a b.sock".into()), is_leaving: false };
        assert_eq!(Holder::read(&state), holder);
        Holder::announce_end(&state).unwrap();
        assert_eq!(Holder::read(&state), Holder { is_leaving: true, ..holder });
        drop(lock);
        assert_eq!(std::fs::read_dir(&state).unwrap().count(), 0);
        Holder::wait_until_free(&state).unwrap();
        assert!(take().is_ok());
    }

    #[test]
    fn whoever_waits_for_it_is_woken_by_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().to_owned();
        let lock = Lock::take(&Gate::enter(&state).unwrap()).unwrap();
        let (said, heard) = std::sync::mpsc::channel();
        let waiting = std::thread::spawn(move || {
            said.send("waits").unwrap();
            Holder::wait_until_free(&state).unwrap();
            said.send("free").unwrap();
        });
        assert_eq!(heard.recv().unwrap(), "waits");
        drop(lock);
        assert_eq!(heard.recv().unwrap(), "free");
        waiting.join().unwrap();
    }
}
