//! Where a command writes: data to stdout, talk to stderr. A closed stdout ends a command quietly.

use std::io::{self, BufWriter, Write};
#[cfg(target_os = "linux")]
use std::os::fd::AsFd as _;

use serde::Serialize;
#[cfg(target_os = "linux")]
use tokio::io::Interest;

use super::context::Surface;
use super::error::{CliError, sentences};
use crate::model::printable::printable;
use crate::model::request::{Acted, RefusalKind};

/// Where data goes.
pub(crate) type Data = Box<dyn Write + Send>;

/// The two streams of a command.
pub(crate) struct Output {
    data: Data,
    talk: Box<dyn Write + Send>,
    /// What stdout is.
    pub(crate) stdout: Surface,
    /// What stderr is.
    pub(crate) stderr: Surface,
    /// Whether only errors are told.
    pub(crate) quiet: bool,
}

impl Output {
    /// Returns this process's own streams.
    pub(crate) fn of_process(stdout: Surface, stderr: Surface) -> Self {
        Self::new(Box::new(io::stdout()), Box::new(io::stderr()), stdout, stderr)
    }

    /// Returns this process's own streams, whatever they are.
    pub(crate) fn plain() -> Self {
        Self::of_process(Surface::default(), Surface::default())
    }

    /// Returns an output into any two writers.
    pub(crate) fn new(
        data: Box<dyn Write + Send>,
        talk: Box<dyn Write + Send>,
        stdout: Surface,
        stderr: Surface,
    ) -> Self {
        Self { data: Box::new(BufWriter::with_capacity(64 * 1024, data)), talk, stdout, stderr, quiet: false }
    }

    /// Writes a line of data.
    pub(crate) fn line(&mut self, text: &str) -> Result<(), CliError> {
        self.bytes(text.as_bytes())?;
        self.bytes(b"\n")
    }

    /// Writes a line of JSON.
    pub(crate) fn json<T: Serialize>(&mut self, value: &T) -> Result<(), CliError> {
        serde_json::to_writer(&mut self.data, value).map_err(|error| closed(error.into()))?;
        self.bytes(b"\n")
    }

    /// Writes data as it is.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<(), CliError> {
        self.data.write_all(bytes).map_err(closed)
    }

    /// Lends stdout to somebody who may have to wait for its reader; what is written meanwhile is lost.
    pub(crate) fn lend(&mut self) -> Data {
        std::mem::replace(&mut self.data, Box::new(io::sink()))
    }

    /// Takes stdout back.
    pub(crate) fn take_back(&mut self, data: Data) {
        self.data = data;
    }

    /// Waits until nobody reads stdout any more, where it is a pipe or a socket that tells.
    pub(crate) async fn abandoned(&self) {
        #[cfg(target_os = "linux")]
        if let Ok(stdout) = io::stdout().as_fd().try_clone_to_owned()
            && let Ok(stdout) = tokio::net::unix::pipe::Sender::from_owned_fd_unchecked(stdout)
            && stdout.ready(Interest::ERROR).await.is_ok()
        {
            return;
        }
        std::future::pending::<()>().await;
    }

    /// Hands all data on to whoever reads it.
    pub(crate) fn flush(&mut self) -> Result<(), CliError> {
        self.data.flush().map_err(closed)
    }

    /// Says something to the person, unless silence was asked for.
    pub(crate) fn say(&mut self, text: &str) {
        if !self.quiet {
            self.complain(text);
        }
    }

    /// Tells an error or a warning, always.
    pub(crate) fn complain(&mut self, text: &str) {
        // Where stderr is gone there is nobody left to tell.
        let _ = writeln!(self.talk, "{}", printable(text));
    }

    /// Writes a report of many lines that is fit for the terminal already, colours included.
    pub(crate) fn report(&mut self, text: &str) {
        // Where stderr is gone there is nobody left to tell.
        let _ = writeln!(self.talk, "{text}");
    }

    /// Tells what became of downloads that were acted on, and returns whether all of it was done.
    ///
    /// # Errors
    /// The refusal itself where nothing that was asked for exists.
    pub(crate) fn acted(&mut self, acted: &[Acted], json: bool, done: &str) -> Result<bool, CliError> {
        if json {
            acted.iter().try_for_each(|one| self.json(one))?;
        }
        let refused: Vec<_> =
            acted.iter().filter_map(|one| one.refused.as_ref().map(|why| (one.id, why))).collect();
        if !acted.is_empty()
            && refused.len() == acted.len()
            && let Some((_, why)) = refused.iter().find(|(_, why)| why.kind == RefusalKind::NotFound)
        {
            return Err(CliError::Refused((*why).clone()));
        }
        for (id, why) in &refused {
            self.complain(&sentences(&format!("{id}: {}", why.text), &why.hint));
        }
        let count = acted.len() - refused.len();
        match (acted.len(), count) {
            (0, _) => self.say("haul: nothing matches; nothing was changed."),
            (_, 0) => {}
            (_, 1) => self.say(&format!("{done} 1 download.")),
            _ => self.say(&format!("{done} {count} downloads.")),
        }
        Ok(refused.is_empty())
    }
}

/// Tells a reader that has seen enough from a real failure.
pub(crate) fn closed(error: io::Error) -> CliError {
    if error.kind() == io::ErrorKind::BrokenPipe { CliError::ClosedPipe } else { CliError::Output(error) }
}
