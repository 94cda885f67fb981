//! The connection to the agent of another machine: the same protocol through `ssh BOX haul agent stdio`.

use std::cell::Cell;
use std::ffi::OsString;
use std::process::Stdio;

use tokio::process::Command;

use super::connect::{Connect, ConnectError, Connecting, Connection};

/// The way to another machine.
pub struct Ssh {
    program: Vec<OsString>,
    host: String,
    /// Whether an agent is started there where none runs.
    starts: bool,
    /// Whether it worked once: after that nobody is asked for a password while the screen is drawn.
    has_worked: Cell<bool>,
}

impl Ssh {
    /// Returns the way to a machine, by `ssh` or another program that takes its arguments.
    ///
    /// # Errors
    /// The name is none: ssh would take it for an option.
    pub fn new(program: Vec<OsString>, host: &str) -> Result<Self, ConnectError> {
        if host.is_empty() || host.starts_with('-') {
            return Err(ConnectError::lasting(
                format!("`{host}` is no machine's name"),
                "give what you would give `ssh`",
            ));
        }
        let program = if program.is_empty() { vec!["ssh".into()] } else { program };
        Ok(Self { program, host: host.to_owned(), starts: true, has_worked: Cell::new(false) })
    }

    /// Asks nobody for a password: a screen is drawn where that would be.
    #[must_use]
    pub fn unasked(self) -> Self {
        self.has_worked.set(true);
        self
    }

    /// Starts no agent there: it is only asked where one runs.
    #[must_use]
    pub fn without_starting(mut self) -> Self {
        self.starts = false;
        self
    }

    fn spawn(&self, may_start: bool) -> Result<Connection, ConnectError> {
        let Some((program, given)) = self.program.split_first() else {
            return Err(ConnectError::lasting("there is no ssh", "install it"));
        };
        let mut command = Command::new(program);
        command.args(given).args(["-T", "-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=3"]);
        if self.has_worked.get() {
            command.args(["-o", "BatchMode=yes"]).stderr(Stdio::null());
        }
        let mut child = command
            .arg(&self.host)
            .arg(if may_start { "haul agent stdio" } else { "haul agent stdio --no-start" })
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| ConnectError::lasting(format!("ssh can't be started: {error}"), "install it"))?;
        let (Some(writer), Some(reader)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(ConnectError::lasting("ssh has no pipes", ""));
        };
        self.has_worked.set(true);
        Ok(Connection { reader: Box::pin(reader), writer: Box::pin(writer), carrier: Some(child) })
    }
}

impl Connect for Ssh {
    fn connect(&self, may_start: bool) -> Connecting<'_> {
        Box::pin(async move { self.spawn(may_start && self.starts) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_never_an_option() {
        for host in ["-oProxyCommand=x", ""] {
            assert!(Ssh::new(Vec::new(), host).is_err(), "{host}");
        }
        assert!(Ssh::new(Vec::new(), "me@box").is_ok());
    }
}
