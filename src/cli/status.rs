//! How a command ended, as scripts see it.

use std::process::ExitCode;

/// The exit status of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// All done.
    Done,
    /// A download failed, or something could not be done to one.
    Failed,
    /// Wrong usage or config; nothing was changed.
    Usage,
    /// The engine could not be reached, or its store is in use.
    Unreachable,
    /// Given up waiting.
    GaveUp,
    /// Interrupted by Ctrl-C.
    Interrupted,
}

impl Status {
    /// The number that the process ends with.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Unreachable => 3,
            Self::GaveUp => 4,
            Self::Interrupted => 130,
        }
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status.code())
    }
}
