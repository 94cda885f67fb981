//! Signals that a full screen has to mind.

use std::io;

use rustix::process::{Pid, Signal, getpid, getppid, getsid, kill_process};
use tokio::signal::unix::{self, SignalKind, signal};

/// The signals that the screen listens to.
pub(crate) struct Signals {
    resized: unix::Signal,
    stop: unix::Signal,
    goes_on: unix::Signal,
}

/// What was signalled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signalled {
    /// The terminal has another size.
    Resized,
    /// Somebody wants the shell back.
    Stop,
    /// The process goes on after it was stopped.
    GoesOn,
}

impl Signals {
    /// Begins to listen.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            resized: signal(SignalKind::window_change())?,
            stop: signal(SignalKind::from_raw(libc::SIGTSTP))?,
            goes_on: signal(SignalKind::from_raw(libc::SIGCONT))?,
        })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) -> Signalled {
        tokio::select! {
            _ = self.resized.recv() => Signalled::Resized,
            _ = self.stop.recv() => Signalled::Stop,
            _ = self.goes_on.recv() => Signalled::GoesOn,
        }
    }
}

/// Stops this process until it is told to go on. Where no shell could do that, it refuses.
///
/// # Errors
/// A sentence that says why.
pub(crate) fn stop() -> Result<(), String> {
    // The kernel never stops a group whose parents are all of another session: nobody could let it go on.
    let session = |pid: Option<Pid>| getsid(pid).ok();
    let parent = getppid();
    if parent.is_none() || session(parent) != session(None) {
        return Err("there is no shell to go back to".into());
    }
    kill_process(getpid(), Signal::STOP).map_err(|error| format!("can't stop: {error}"))
}
