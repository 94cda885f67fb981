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
    given
        .filter(|folder| folder.is_absolute() && folder.is_dir())
        .or_else(|| session.is_dir().then_some(session))
        .unwrap_or_else(|| PathBuf::from(format!("/tmp/haul-{uid}")))
}

/// Makes the socket. The caller holds the store, so one that is there belongs to nobody.
///
/// # Errors
/// Its folder can't be used, or the system refuses.
pub(super) fn bind(path: &Path) -> io::Result<UnixListener> {
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
    Ok(listener)
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

/// Tells when the socket's file or the store's lock is gone: by an event of the file system, so that nothing ticks.
#[cfg(target_os = "linux")]
pub(super) struct Watch {
    events: tokio::net::unix::pipe::Receiver,
    socket: PathBuf,
    lock: PathBuf,
}

#[cfg(target_os = "linux")]
impl Watch {
    /// Watches a socket's folder and the state folder.
    ///
    /// # Errors
    /// The system has no more watches.
    pub(super) fn new(socket: &Path, state: &Path) -> io::Result<Self> {
        use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};
        let events = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        let gone =
            WatchFlags::DELETE | WatchFlags::MOVED_FROM | WatchFlags::DELETE_SELF | WatchFlags::MOVE_SELF;
        for folder in socket.parent().into_iter().chain([state]) {
            add_watch(&events, folder, gone)?;
        }
        // Not a pipe, but read like one: bytes when there are events.
        let events = tokio::net::unix::pipe::Receiver::from_owned_fd_unchecked(events)?;
        Ok(Self { events, socket: socket.to_owned(), lock: state.join(Holder::FILE) })
    }

    /// Waits until one of them is gone.
    pub(super) async fn vanished(&self) {
        while self.socket.exists() {
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
    pub(super) fn new(_socket: &Path, _state: &Path) -> io::Result<Self> {
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
        let listener = bind(&path).unwrap();
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
        let _listener = bind(&path).unwrap();
        std::fs::write(folder.path().join(Holder::FILE), "").unwrap();
        let watch = Watch::new(&path, folder.path()).unwrap();
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
}
