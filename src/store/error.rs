//! Why something could not be stored: a kind for the engine, words for people.

use std::io;

use rustix::io::Errno;

use crate::model::printable::without_numbers;

/// What kind of trouble the disk gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// No space, or over a quota.
    Full,
    /// The folder or its disk is not there.
    FolderAway,
    /// Not allowed, or read-only.
    Refused,
    /// The file that was begun is gone, short, or another one.
    Gone,
    /// The name is taken.
    Taken,
    /// What is there is nothing that `--replace` replaces: somebody else's part or note, or a folder.
    InTheWay,
    /// Somebody else has it locked.
    Locked,
    /// This process, or the system, has no more files to open.
    NoFiles,
    /// The file would be larger than the file system or a limit allows.
    TooLarge,
    /// The database is damaged.
    Damaged,
    /// The database was made by a newer haul.
    Newer,
    /// Anything else.
    Other,
}

/// A failed operation on the store, a part or a note.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{text}")]
pub struct StoreError {
    /// The kind.
    pub kind: StoreKind,
    /// What was tried, on what, and why it failed.
    pub text: String,
}

impl StoreError {
    /// Returns an error.
    pub fn new(kind: StoreKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }

    /// Sorts an error of the operating system: `what` was tried on `object`.
    pub fn io(what: &str, object: impl std::fmt::Display, error: &io::Error) -> Self {
        let kind = match error.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::NOSPC | Errno::DQUOT) => StoreKind::Full,
            Some(Errno::NOENT | Errno::NOTDIR | Errno::STALE) => StoreKind::FolderAway,
            Some(Errno::ACCESS | Errno::PERM | Errno::ROFS) => StoreKind::Refused,
            Some(Errno::EXIST) => StoreKind::Taken,
            Some(Errno::FBIG) => StoreKind::TooLarge,
            Some(Errno::MFILE | Errno::NFILE) => StoreKind::NoFiles,
            Some(Errno::WOULDBLOCK) => StoreKind::Locked,
            _ => StoreKind::Other,
        };
        Self::new(kind, format!("{what} {object}: {}", plain(error)))
    }

    /// What to do next where the state folder or what lies in it can't be used.
    pub fn state_hint(&self) -> &'static str {
        match self.kind {
            StoreKind::Refused => "check who may write there, or name another folder with --state",
            StoreKind::FolderAway => "make the folder or mount its disk, or name another one with --state",
            StoreKind::Full => "make room, or name a folder on another disk with --state",
            StoreKind::Taken => "move it away, or name a folder with --state",
            _ => self.hint(),
        }
    }

    /// What to do next.
    pub fn hint(&self) -> &'static str {
        match self.kind {
            StoreKind::Full => "make room; it goes on by itself",
            StoreKind::FolderAway => "make the folder or mount its disk; it goes on by itself",
            StoreKind::Refused => "check who may write there, or choose another folder with -d",
            StoreKind::Gone => "retry starts over from nothing",
            StoreKind::Taken => "choose another name with -o, or --replace it",
            StoreKind::InTheWay => {
                "remove or rename what is there, or choose another name with -o; a part that is yours goes on with `haul adopt`"
            }
            StoreKind::Locked => "wait for it or stop it; an agent is stopped with `haul agent stop`",
            StoreKind::NoFiles => "allow more open files (`ulimit -n`), or let fewer downloads run at once",
            StoreKind::TooLarge => "choose a folder on another file system",
            StoreKind::Damaged => {
                "it is set aside, and downloads are rebuilt from their parts with `haul adopt`"
            }
            StoreKind::Newer => "update haul, or name another folder with --state",
            StoreKind::Other => "check the disk and the system's log",
        }
    }
}

/// The operating system's words, without its number.
fn plain(error: &io::Error) -> String {
    without_numbers(&error.to_string()).to_lowercase()
}
