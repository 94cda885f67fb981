//! Signals that a full screen has to mind.

use std::io;

use rustix::process::{
    Signal, getpgid, getpgrp, getpid, getppid, getsid, kill_current_process_group, kill_process,
};
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

/// Whom a stop means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// This process and what it was started with, as Ctrl-Z does: `time haul` stops whole.
    All,
    /// This process alone: who sent the signal has told the others.
    Alone,
}

/// Stops until somebody lets it go on, which is then signalled.
///
/// # Errors
/// The system refuses.
pub(crate) fn stop(whom: Stopped) -> rustix::io::Result<()> {
    match whom {
        Stopped::All => kill_current_process_group(Signal::STOP),
        Stopped::Alone => kill_process(getpid(), Signal::STOP),
    }
}

/// Whether a shell of this session minds this process's group. Without one nobody could let it go on; Ctrl-Z doesn't stop such a
/// group either.
pub(crate) fn has_shell() -> bool {
    let (group, Ok(session)) = (getpgrp(), getsid(None)) else { return false };
    // Whoever started the session's own first group is in another session.
    group != session
        && getppid()
            .is_some_and(|parent| getpgid(Some(parent)) == Ok(group) || getsid(Some(parent)) == Ok(session))
}
