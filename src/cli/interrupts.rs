//! Ctrl-C, for the commands that do something about it. Where this is not held, Ctrl-C ends the process as ever.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::error::CliError;

/// The presses of Ctrl-C from now on.
pub(crate) enum Interrupts {
    /// This process's own, not taken over yet: until then Ctrl-C ends the process as ever.
    Later,
    /// This process's own.
    Process(Signal),
    /// Scripted ones.
    #[cfg(test)]
    Scripted(tokio::sync::mpsc::UnboundedReceiver<()>),
}

impl Interrupts {
    /// Takes Ctrl-C over as soon as somebody waits for it: while a command reads what it is to do nobody does.
    pub(crate) fn of_process() -> Self {
        Self::Later
    }

    /// Takes Ctrl-C over at once.
    ///
    /// # Errors
    /// The system has no room for another signal's pipe.
    pub(crate) fn from_now_on() -> Result<Self, CliError> {
        signal(SignalKind::interrupt())
            .map(Self::Process)
            .map_err(|error| CliError::Unreachable { why: format!("can't watch for Ctrl-C: {error}") })
    }

    /// Waits for the next press. Giving up this future loses none.
    pub(crate) async fn next(&mut self) {
        if matches!(self, Self::Later)
            && let Ok(own) = signal(SignalKind::interrupt())
        {
            *self = Self::Process(own);
        }
        let pressed = match self {
            // The system has no room for it: Ctrl-C ends the process.
            Self::Later => None,
            Self::Process(signal) => signal.recv().await,
            #[cfg(test)]
            Self::Scripted(presses) => presses.recv().await,
        };
        if pressed.is_none() {
            // Nobody is left to press it.
            std::future::pending::<()>().await;
        }
    }

    /// Waits for an answer, but no longer than the next press.
    ///
    /// # Errors
    /// The answer's own, or [`CliError::Interrupted`].
    pub(crate) async fn unless<T>(
        &mut self,
        answer: impl Future<Output = Result<T, CliError>>,
    ) -> Result<T, CliError> {
        tokio::select! {
            biased;
            answer = answer => answer,
            () = self.next() => Err(CliError::Interrupted),
        }
    }
}
