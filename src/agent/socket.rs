//! The agent's socket: where it is, how it is made so that nobody else can speak to it, and what tells that it vanished.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::Mode;
use tokio::net::{UnixListener, UnixStream};

use crate::engine::Holder;

/// The socket's name in the state folder.
const NAME: &str = "agent.sock";
/// The longest path that a socket can have on every system.
const LONGEST: usize = 103;

/// Where the agent of a state folder listens: in the folder, or under a hashed name in the runtime folder where that path is too long.
pub fn place(state: &Path, runtime: &Path) -> PathBuf {
    let plain = state.join(NAME);
    if plain.as_os_str().as_bytes().len() <= LONGEST {
        return plain;
    }
    let mut hasher = DefaultHasher::new();
    state.hash(&mut hasher);
    runtime.join(format!("haul-{:016x}.sock", hasher.finish()))
}

/// Where to look for the agent of a state folder: where its lock says, else where it would be.
pub fn find(state: &Path, runtime: &Path) -> PathBuf {
    Holder::read(state).socket.unwrap_or_else(|| place(state, runtime))
}

/// The runtime folder: the session's where there is one, else one of our own.
pub fn runtime_folder(given: Option<PathBuf>) -> PathBuf {
    let uid = rustix::process::geteuid().as_raw();
    let session = PathBuf::from(format!("/run/user/{uid}"));
    // After `su` the variable still names the other user's.
    given
        .filter(|folder| folder.is_absolute() && is_own_folder(folder))
        .or_else(|| is_own_folder(&session).then_some(session))
        .unwrap_or_else(|| own_below(Path::new("/tmp"), &format!("haul-{uid}")))
}

/// Names in a folder that everybody can write, at most: somebody could have taken some of them.
const MOST_NAMES: u32 = 8;

/// The first name that is free or a folder of our own.
fn own_below(folder: &Path, name: &str) -> PathBuf {
    let first = folder.join(name);
    let others = (1..MOST_NAMES).map(|number| folder.join(format!("{name}-{number}")));
    let mut names = std::iter::once(first.clone()).chain(others);
    names.find(|path| path.symlink_metadata().is_err() || is_own_folder(path)).unwrap_or(first)
}

/// Whether a folder is there, no link, and this user's.
fn is_own_folder(path: &Path) -> bool {
    let uid = rustix::process::geteuid().as_raw();
    std::fs::symlink_metadata(path).is_ok_and(|facts| facts.is_dir() && facts.uid() == uid)
}

/// A socket that was made, and the file by which it is known.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) listener: UnixListener,
    /// The file's device and number.
    pub(super) identity: (u64, u64),
}

/// Whether the file at a path is the one by which a socket is known.
pub(super) fn is_there(path: &Path, identity: (u64, u64)) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|facts| (facts.dev(), facts.ino()) == identity)
}

/// Makes the socket. The caller holds the store, so one that is there belongs to nobody.
///
/// # Errors
/// Its folder can't be used, or the system refuses.
pub(super) fn bind(path: &Path) -> io::Result<Bound> {
    if let Some(folder) = path.parent() {
        make_private(folder)?;
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // Nobody else may connect in the moment between its making and the chmod. The mask is the whole process's: the owner's own bits
    // stay out of it, so that a folder that another thread makes meanwhile can still be entered.
    let before = rustix::process::umask(Mode::RWXG | Mode::RWXO);
    let listener = UnixListener::bind(path);
    rustix::process::umask(before);
    let listener = listener?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    let facts = std::fs::symlink_metadata(path)?;
    Ok(Bound { listener, identity: (facts.dev(), facts.ino()) })
}

/// Makes a folder that only its owner can use, and refuses one that somebody else could have put there.
fn make_private(folder: &Path) -> io::Result<()> {
    match std::fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let facts = std::fs::symlink_metadata(folder)?;
    let is_ours = facts.uid() == rustix::process::geteuid().as_raw();
    let is_shared = facts.mode() & 0o022 != 0;
    if facts.is_dir() && is_ours && !is_shared {
        return Ok(());
    }
    Err(io::Error::other(format!("{} is not a folder that only its owner can change", folder.display())))
}

/// Whether the process at the other end belongs to the same user.
pub(super) fn is_same_user(stream: &UnixStream) -> bool {
    stream.peer_cred().is_ok_and(|peer| peer.uid() == rustix::process::geteuid().as_raw())
}

/// Tells when the socket's file or the store's lock is gone, or another one in its place: by an event of the file system, so that nothing ticks.
#[cfg(target_os = "linux")]
pub(super) struct Watch {
    events: tokio::net::unix::pipe::Receiver,
    socket: PathBuf,
    identity: (u64, u64),
    lock: PathBuf,
}

#[cfg(target_os = "linux")]
impl Watch {
    /// Watches a socket's folder and the state folder.
    ///
    /// # Errors
    /// The system has no more watches.
    pub(super) fn new(socket: &Path, identity: (u64, u64), state: &Path) -> io::Result<Self> {
        use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};
        let events = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        let gone =
            WatchFlags::DELETE | WatchFlags::MOVED_FROM | WatchFlags::DELETE_SELF | WatchFlags::MOVE_SELF;
        // A file that is moved over another one takes its name without its being deleted.
        let replaced = WatchFlags::MOVED_TO | WatchFlags::CREATE;
        for folder in socket.parent().into_iter().chain([state]) {
            add_watch(&events, folder, gone | replaced)?;
        }
        // Not a pipe, but read like one: bytes when there are events.
        let events = tokio::net::unix::pipe::Receiver::from_owned_fd_unchecked(events)?;
        Ok(Self { events, socket: socket.to_owned(), identity, lock: state.join(Holder::FILE) })
    }

    /// Waits until one of them is gone, or the socket's file is another one.
    pub(super) async fn vanished(&self) {
        while is_there(&self.socket, self.identity) {
            if self.events.readable().await.is_err() {
                return std::future::pending().await;
            }
            // What happened to which file is told by looking.
            let mut buffer = [0; 4096];
            while self.events.try_read(&mut buffer).is_ok_and(|count| count > 0) {}
            // One that can't be made again is looked for at the next event, and before each commit.
            if !self.lock.exists() {
                return;
            }
        }
    }
}

/// Elsewhere nothing tells.
#[cfg(not(target_os = "linux"))]
pub(super) struct Watch;

#[cfg(not(target_os = "linux"))]
impl Watch {
    pub(super) fn new(_socket: &Path, _identity: (u64, u64), _state: &Path) -> io::Result<Self> {
        Ok(Self)
    }

    pub(super) async fn vanished(&self) {
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn a_path_that_is_too_long_moves_to_the_runtime_folder() {
        let runtime = Path::new("/run/user/7");
        assert_eq!(
            place(Path::new("/home/me/.local/state/haul"), runtime),
            Path::new("/home/me/.local/state/haul/agent.sock")
        );
        let long = PathBuf::from("/home/me").join("x".repeat(100));
        let moved = place(&long, runtime);
        assert!(moved.starts_with(runtime) && moved.as_os_str().len() < LONGEST, "{}", moved.display());
        assert_eq!(moved, place(&long, runtime));
        assert_ne!(moved, place(&long.join("y"), runtime));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn nobody_else_can_use_it_and_a_stale_one_makes_way() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("own/agent.sock");
        drop(bind(&path).unwrap());
        assert!(path.exists(), "a killed agent leaves it");
        let listener = bind(&path).unwrap().listener;
        assert_eq!(std::fs::symlink_metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(std::fs::metadata(folder.path().join("own")).unwrap().mode() & 0o777, 0o700);
        let (connected, accepted) = tokio::join!(UnixStream::connect(&path), listener.accept());
        assert!(is_same_user(&accepted.unwrap().0));
        drop(connected);
        std::fs::set_permissions(folder.path().join("own"), std::fs::Permissions::from_mode(0o777)).unwrap();
        assert!(bind(&path).is_err(), "anybody could put a socket there");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn its_end_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.sock");
        let bound = bind(&path).unwrap();
        std::fs::write(folder.path().join(Holder::FILE), "").unwrap();
        let watch = Watch::new(&path, bound.identity, folder.path()).unwrap();
        std::fs::write(folder.path().join("other"), "").unwrap();
        std::fs::remove_file(folder.path().join("other")).unwrap();
        tokio::select! {
            biased;
            () = watch.vanished() => panic!("it is there"),
            () = tokio::task::yield_now() => {}
        }
        std::fs::remove_file(folder.path().join(Holder::FILE)).unwrap();
        watch.vanished().await;
        std::fs::rename(&path, folder.path().join("away")).unwrap();
        watch.vanished().await;
    }

    #[tokio::test(flavor = "current_thread")]
    async fn another_one_in_its_place_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.sock");
        let bound = bind(&path).unwrap();
        std::fs::write(folder.path().join(Holder::FILE), "").unwrap();
        let watch = Watch::new(&path, bound.identity, folder.path()).unwrap();
        let mut vanished = std::pin::pin!(watch.vanished());
        tokio::select! {
            biased;
            () = &mut vanished => panic!("it is there"),
            () = tokio::task::yield_now() => {}
        }
        let _other = std::os::unix::net::UnixListener::bind(folder.path().join("other")).unwrap();
        std::fs::rename(folder.path().join("other"), &path).unwrap();
        assert!(!is_there(&path, bound.identity));
        vanished.await;
    }

    #[test]
    fn a_runtime_folder_of_somebody_else_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().to_owned();
        assert_eq!(runtime_folder(Some(own.clone())), own);
        assert!(!is_own_folder(&own.join("missing")));
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&own, Some(1234), None).unwrap();
            assert_ne!(runtime_folder(Some(own.clone())), own);
        }
        let base = tempfile::tempdir().unwrap();
        assert_eq!(own_below(base.path(), "haul-7"), base.path().join("haul-7"));
        std::os::unix::fs::symlink(&own, base.path().join("haul-7")).unwrap();
        assert_eq!(own_below(base.path(), "haul-7"), base.path().join("haul-7-1"));
    }
}
