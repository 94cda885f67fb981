//! One engine for a store: whoever holds its lock may write.
//!
//! Coming and going is ordered by two locks. The *gate* is a lock on the state folder itself: whoever wants the store's lock
//! passes it, and an agent that starts holds it until it can be reached. So two that start at once end with one, without polling. The *lock*
//! is held as long as the store is open; its file says who holds it, and goes with its holder.
//!
//! A file can be taken away from under its lock, by hand or with the whole folder, and then somebody else could take another one.
//! So the holder looks before each of its commits ([`Hold::check`]): it makes the file again where it can, and else ends.

use std::fs::{DirBuilder, File, Metadata, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use tokio::sync::watch;

use super::error::{StoreError, StoreKind};

/// The lock's file in the state folder.
const FILE: &str = Holder::FILE;
/// How often a lock is looked at that somebody is about to let go, and may not.
const LOOK_AGAIN: Duration = Duration::from_millis(10);
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
            refuse_what_is_no_folder(state)?;
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

/// What has the state folder's name may be no folder: that says more than that none can be made.
fn refuse_what_is_no_folder(state: &Path) -> Result<(), StoreError> {
    let Ok(facts) = std::fs::symlink_metadata(state) else { return Ok(()) };
    let refused = |kind, why: String| {
        Err(StoreError::new(kind, format!("the state folder {} is {why}", state.display())))
    };
    if !facts.is_symlink() {
        return refused(StoreKind::Taken, "a file, not a folder".into());
    }
    let target = std::fs::read_link(state).unwrap_or_default();
    if state.exists() {
        refused(StoreKind::Taken, format!("a link to {}, which is no folder", target.display()))
    } else {
        refused(StoreKind::FolderAway, format!("a link to {}, which is not there", target.display()))
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
    /// The file in the state folder that says it.
    pub const FILE: &str = "lock";

    /// Reads who holds the store of a state folder, or held it when it was killed.
    pub fn read(state: &Path) -> Self {
        // Who holds it is a help, no more: a lock file that can't be read is still held.
        let text = std::fs::read_to_string(state.join(FILE)).unwrap_or_default();
        let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
        // One that came here with a copy of its folder, or was moved with it, says who has another store.
        if value("folder").is_some_and(|folder| named(state).is_ok_and(|here| here != folder)) {
            return Self::default();
        }
        Self {
            pid: value("pid").and_then(|pid| pid.parse().ok()),
            socket: value("socket").map(PathBuf::from),
            is_leaving: text.lines().any(|line| line == LEAVING),
        }
    }

    /// Waits until nobody holds the store, but no longer than that: whoever is about to let go may hang in a disk that doesn't answer.
    /// Returns whether it is free. Blocks the thread.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn is_free_within(state: &Path, within: Duration) -> std::io::Result<bool> {
        let file = match File::open(state.join(FILE)) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(true),
            Err(error) => return Err(error),
        };
        let end = Instant::now() + within;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(true),
                Err(TryLockError::WouldBlock) if Instant::now() < end => std::thread::sleep(LOOK_AGAIN),
                Err(TryLockError::WouldBlock) => return Ok(false),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }
}

/// The lock of a store, held until it is dropped.
#[derive(Debug)]
pub struct Lock(Hold);

impl Lock {
    /// Takes the lock of the store behind a gate.
    ///
    /// # Errors
    /// [`StoreKind::Locked`] names who holds it.
    pub fn take(gate: &Gate) -> Result<Self, StoreError> {
        let state = gate.state();
        let fail = |error: &std::io::Error| {
            StoreError::io("can't lock the store", state.join(FILE).display(), error)
        };
        let folder = std::fs::metadata(state).map_err(|error| fail(&error))?;
        let Some(file) = take_file(state).map_err(|error| fail(&error))? else {
            let who = match Holder::read(state) {
                Holder { pid: None, .. } => "another haul".to_owned(),
                Holder { pid: Some(pid), socket: None, .. } => format!("haul (pid {pid})"),
                Holder { pid: Some(pid), socket: Some(_), .. } => format!("the agent (pid {pid})"),
            };
            let text = format!("the store in {} is in use by {who}", state.display());
            return Err(StoreError::new(StoreKind::Locked, text));
        };
        let named = named(state).map_err(|error| fail(&error))?;
        let said = format!("pid {}\nfolder {named}\n", std::process::id());
        let hold = Held { file: Some(file), said };
        match hold.say() {
            // What it says is a help: on a full disk the list can still be looked at, and something be removed.
            Err(error)
                if !matches!(
                    error.raw_os_error().map(Errno::from_raw_os_error),
                    Some(Errno::NOSPC | Errno::DQUOT)
                ) =>
            {
                return Err(fail(&error));
            }
            _ => {}
        }
        Ok(Self(Hold(Arc::new(Inner {
            state: state.to_owned(),
            folder: identity(&folder),
            held: Mutex::new(hold),
            lost: watch::Sender::new(None),
        }))))
    }

    /// What tells whether it is held still.
    pub fn hold(&self) -> &Hold {
        &self.0
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let inner = &self.0.0;
        let mut held = inner.held();
        // The file goes too, unless it is another one, or somebody is on the way and may have opened it.
        if held.file.as_ref().is_some_and(|file| is_at(file, &inner.state.join(FILE)))
            && let Ok(folder) = File::open(&inner.state)
            && folder.try_lock().is_ok()
        {
            // One that stays is no harm: it says who held it, and nobody does.
            let _ = std::fs::remove_file(inner.state.join(FILE));
        }
        held.file = None;
    }
}

/// What tells whether the lock of a store is held still. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Hold(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: PathBuf,
    folder: (u64, u64),
    held: Mutex<Held>,
    /// Why it is held no more, once that is so.
    lost: watch::Sender<Option<StoreError>>,
}

impl Inner {
    fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct Held {
    /// The locked file, until it is let go.
    file: Option<File>,
    /// What it says.
    said: String,
}

impl Held {
    /// One write, so that no reader sees half of it.
    fn say(&self) -> std::io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        file.write_all_at(self.said.as_bytes(), 0)?;
        file.set_len(self.said.len() as u64)
    }
}

impl Hold {
    /// Says where the holder listens.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn announce(&self, socket: &Path) -> std::io::Result<()> {
        self.append(&format!("socket {}\n", socket.display()))
    }

    /// Says that the holder is about to let go.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn announce_end(&self) -> std::io::Result<()> {
        self.append(&format!("{LEAVING}\n"))
    }

    fn append(&self, line: &str) -> std::io::Result<()> {
        let mut held = self.0.held();
        if !held.said.contains(line) {
            held.said.push_str(line);
        }
        held.say()
    }

    /// Makes sure that nobody else can take the store: a lock whose file was taken away is made again.
    ///
    /// # Errors
    /// Somebody else has it by now, or its folder is gone. It is never held again then.
    pub fn check(&self) -> Result<(), StoreError> {
        let inner = &self.0;
        let mut held = inner.held();
        let Some(file) = &held.file else {
            return Err(StoreError::new(StoreKind::Other, "the store is closed"));
        };
        if let Some(lost) = &*inner.lost.borrow() {
            return Err(lost.clone());
        }
        let path = inner.state.join(FILE);
        if is_at(file, &path) {
            return Ok(());
        }
        match self.take_again() {
            // A file system that doesn't answer is no reason: what is written there then fails by itself.
            Err(error) if error.kind == StoreKind::Other => Ok(()),
            Err(error) => {
                inner.lost.send_replace(Some(error.clone()));
                Err(error)
            }
            Ok(file) => {
                tracing::warn!("{} was taken away; it is made again", path.display());
                held.file = Some(file);
                // What it says is a help, no more.
                let _ = held.say();
                Ok(())
            }
        }
    }

    fn take_again(&self) -> Result<File, StoreError> {
        let state = &self.0.state;
        let gone = |why: &str| {
            StoreError::new(
                StoreKind::Locked,
                format!("the store in {} can't be written any more: {why}", state.display()),
            )
        };
        match std::fs::metadata(state) {
            Ok(folder) if identity(&folder) == self.0.folder => {}
            Ok(_) => return Err(gone("another folder was put in its place")),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(gone("the folder was moved or removed"));
            }
            Err(error) => return Err(StoreError::new(StoreKind::Other, error.to_string())),
        }
        match take_file(state) {
            Ok(Some(file)) => Ok(file),
            Ok(None) => Err(gone("its lock was removed, and another haul has it now")),
            Err(error) => Err(StoreError::new(StoreKind::Other, error.to_string())),
        }
    }

    /// Waits until it is held no more, and returns why.
    pub async fn lost(&self) -> StoreError {
        let mut lost = self.0.lost.subscribe();
        match lost.wait_for(Option::is_some).await.map(|lost| lost.clone()) {
            Ok(Some(error)) => error,
            _ => std::future::pending().await,
        }
    }
}

/// Opens and locks the lock's file; none where somebody else has it.
fn take_file(state: &Path) -> std::io::Result<Option<File>> {
    let path = state.join(FILE);
    loop {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path)?;
        match file.try_lock() {
            // One that was taken away in between locks nobody out.
            Ok(()) if is_at(&file, &path) => return Ok(Some(file)),
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

/// Whether a path leads to an open file.
fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(file), Ok(there)) => identity(&file) == identity(&there),
        _ => false,
    }
}

/// What a lock says of the folder that it is in: which one it is, and where.
fn named(state: &Path) -> std::io::Result<String> {
    let (device, inode) = identity(&std::fs::metadata(state)?);
    Ok(format!("{device}:{inode} {}", state.canonicalize()?.display()))
}

fn identity(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
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
        lock.hold().announce(Path::new("/run/a b.sock")).unwrap();
        assert!(take().unwrap_err().text.contains(&format!("the agent (pid {pid})")));
        let holder = Holder { pid: Some(pid), socket: Some("/run/a b.sock".into()), is_leaving: false };
        assert_eq!(Holder::read(&state), holder);
        lock.hold().announce_end().unwrap();
        assert_eq!(Holder::read(&state), Holder { is_leaving: true, ..holder });
        let is_free = |ms| Holder::is_free_within(&state, Duration::from_millis(ms)).unwrap();
        assert!(!is_free(30));
        let leaving = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(30));
            drop(lock);
        });
        assert!(is_free(60_000));
        leaving.join().unwrap();
        assert!(is_free(0));
        assert_eq!(std::fs::read_dir(&state).unwrap().count(), 0);
        assert!(take().is_ok());
    }

    #[test]
    fn the_lock_of_a_copied_or_moved_folder_says_nothing_of_the_store_there() {
        let folder = tempfile::tempdir().unwrap();
        let (state, copy) = (folder.path().join("state"), folder.path().join("copy"));
        let lock = Lock::take(&Gate::enter(&state).unwrap()).unwrap();
        lock.hold().announce(Path::new("/run/a.sock")).unwrap();
        std::fs::create_dir(&copy).unwrap();
        std::fs::copy(state.join(FILE), copy.join(FILE)).unwrap();
        assert_eq!(Holder::read(&copy), Holder::default());
        let moved = folder.path().join("moved");
        std::fs::rename(&state, &moved).unwrap();
        assert_eq!(Holder::read(&moved), Holder::default());
        // Other ways to it lead to the same.
        std::fs::rename(&moved, &state).unwrap();
        std::os::unix::fs::symlink(&state, &moved).unwrap();
        assert_eq!(Holder::read(&moved).socket, Some("/run/a.sock".into()));
    }

    #[test]
    fn what_is_no_folder_is_said_to_be_none() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("file"), "").unwrap();
        std::os::unix::fs::symlink(at("gone"), at("dangling")).unwrap();
        std::os::unix::fs::symlink(at("file"), at("link")).unwrap();
        for (name, why, hint) in [
            ("file", "is a file, not a folder", "move it away"),
            ("dangling", "gone, which is not there", "make the folder"),
            ("link", "file, which is no folder", "move it away"),
        ] {
            let error = Gate::enter(&at(name)).unwrap_err();
            assert!(error.text.ends_with(why) && error.text.contains(name), "{error}");
            assert!(error.state_hint().starts_with(hint) && error.state_hint().contains("--state"), "{name}");
        }
    }

    #[test]
    fn whoever_waits_for_it_is_woken_by_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().to_owned();
        let lock = Lock::take(&Gate::enter(&state).unwrap()).unwrap();
        let (said, heard) = std::sync::mpsc::channel();
        let waiting = std::thread::spawn(move || {
            said.send("waits").unwrap();
            assert!(Holder::is_free_within(&state, Duration::from_mins(1)).unwrap());
            said.send("free").unwrap();
        });
        assert_eq!(heard.recv().unwrap(), "waits");
        drop(lock);
        assert_eq!(heard.recv().unwrap(), "free");
        waiting.join().unwrap();
    }

    #[test]
    fn a_lock_that_was_taken_away_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().to_owned();
        let lock = Lock::take(&Gate::enter(&state).unwrap()).unwrap();
        lock.hold().announce(Path::new("/run/a.sock")).unwrap();
        let said = Holder::read(&state);
        std::fs::remove_file(state.join(FILE)).unwrap();
        lock.hold().check().unwrap();
        assert_eq!(Holder::read(&state), said);
        let refused = Lock::take(&Gate::enter(&state).unwrap()).unwrap_err();
        assert_eq!(refused.kind, StoreKind::Locked);
        drop(lock);
        assert!(!state.join(FILE).exists());
    }

    #[tokio::test(flavor = "current_thread")]
    async fn who_lost_it_is_told_and_leaves_what_is_others_alone() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().to_owned();
        let take = || Lock::take(&Gate::enter(&state).unwrap()).unwrap();
        let first = take();
        std::fs::remove_file(state.join(FILE)).unwrap();
        let second = take();
        second.hold().announce(Path::new("/run/b.sock")).unwrap();
        let error = first.hold().check().unwrap_err();
        assert_eq!(error.kind, StoreKind::Locked);
        assert!(error.text.contains("another haul has it now"), "{error}");
        assert_eq!(first.hold().lost().await.text, error.text);
        first.hold().announce_end().unwrap();
        drop(first);
        let holder = Holder::read(&state);
        assert!(!holder.is_leaving && holder.socket.is_some());
        second.hold().check().unwrap();
    }

    #[test]
    fn a_store_whose_folder_is_gone_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let lock = Lock::take(&Gate::enter(&state).unwrap()).unwrap();
        std::fs::rename(&state, folder.path().join("away")).unwrap();
        assert!(lock.hold().check().unwrap_err().text.contains("moved or removed"));
        std::fs::create_dir(&state).unwrap();
        assert!(lock.hold().check().is_err(), "for good");
        drop(lock);
        assert_eq!(std::fs::read_dir(&state).unwrap().count(), 0);
    }
}
