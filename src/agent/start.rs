//! Starts an agent where none answers: by its unit, else by the user's service manager, else as a process of its own. Each
//! says when it is ready; each has a deadline, and then the next way is tried.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use super::run::Ready;
use super::service;

/// How long a service manager may take.
const MANAGER_WITHIN: Duration = Duration::from_secs(8);
/// How long a process of its own may take: a large store is read first.
const PROCESS_WITHIN: Duration = Duration::from_mins(1);

/// How to start an agent.
#[derive(Clone, Debug)]
pub struct Start {
    /// This program.
    pub program: PathBuf,
    /// The state folder, absolute.
    pub state: PathBuf,
    /// What a unit's agent has to be told so that it is the one that is wanted.
    pub given: Vec<PathBuf>,
    /// The folder of the user's systemd units.
    pub units: Option<PathBuf>,
    /// The runtime folder of the user's session, where the service manager listens.
    pub session: PathBuf,
    /// The environment; an agent gets of it only what it needs.
    pub environment: Vec<(OsString, OsString)>,
}

/// Why no agent could be started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct StartError {
    /// Why.
    pub text: String,
    /// What to do.
    pub hint: String,
}

impl Start {
    /// Starts it and waits until it can be reached.
    ///
    /// # Errors
    /// None could be started.
    pub async fn start(&self) -> Result<(), StartError> {
        if self.by_unit().await || self.by_manager().await {
            return Ok(());
        }
        self.detached().await
    }

    async fn by_unit(&self) -> bool {
        let unit =
            self.units.as_ref().and_then(|units| std::fs::read_to_string(units.join(service::UNIT)).ok());
        // One of another store, or another config, is no help.
        if !(unit.is_some_and(|unit| service::unit_means(&unit, &self.given)) && self.has_manager()) {
            return false;
        }
        self.ends_well(Command::new("systemctl").args(["--user", "start", service::UNIT])).await
    }

    async fn by_manager(&self) -> bool {
        if !self.has_manager() {
            return false;
        }
        let mut command = Command::new("systemd-run");
        command.args(["--user", "--quiet", "--collect", "--service-type=notify", "--property=Delegate=cpu"]);
        for (name, value) in self.kept() {
            let mut pair = OsString::from("--setenv=");
            pair.push(name);
            pair.push("=");
            pair.push(value);
            command.arg(pair);
        }
        command
            .arg("--")
            .arg(&self.program)
            .args(["agent", "run", "--on-demand", "--state"])
            .arg(&self.state);
        self.ends_well(&mut command).await
    }

    /// Whether the user's service manager can be spoken to at all.
    fn has_manager(&self) -> bool {
        self.session.join("systemd/private").exists() || self.session.join("bus").exists()
    }

    /// Runs a service manager's command; one that takes too long counts as failed.
    async fn ends_well(&self, command: &mut Command) -> bool {
        let status = command
            .env_clear()
            .envs(self.kept())
            .env("XDG_RUNTIME_DIR", &self.session)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .status();
        let ended = tokio::time::timeout(MANAGER_WITHIN, status).await;
        matches!(ended, Ok(Ok(status)) if ExitStatus::success(&status))
    }

    async fn detached(&self) -> Result<(), StartError> {
        let fail = |text: String, hint: &str| StartError { text, hint: hint.into() };
        let mut child = Command::new(&self.program)
            .args(["agent", "run", "--on-demand", "--detached", "--state"])
            .arg(&self.state)
            .env_clear()
            .envs(self.kept())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| {
                fail(format!("the agent can't be started: {error}"), "use --here to do without it")
            })?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            let mut stdout = BufReader::new(stdout);
            let read = tokio::time::timeout(PROCESS_WITHIN, stdout.read_line(&mut line)).await;
            if !matches!(read, Ok(Ok(_))) {
                return Err(fail("the agent takes too long to start".into(), "see `haul agent log`"));
            }
        }
        match serde_json::from_str(&line) {
            Ok(Ready::At { .. }) => Ok(()),
            Ok(Ready::Failed { text, hint }) => Err(StartError { text, hint }),
            Err(_) => Err(fail(
                "the agent ended while it started".into(),
                "`haul agent run` in a terminal shows why",
            )),
        }
    }

    /// What an agent needs of an environment: the same from wherever it is started, and no secrets that happen to be there.
    fn kept(&self) -> Vec<(OsString, OsString)> {
        const NAMES: [&str; 13] = [
            "HOME",
            "USER",
            "LOGNAME",
            "PATH",
            "SHELL",
            "LANG",
            "TZ",
            "TMPDIR",
            "DBUS_SESSION_BUS_ADDRESS",
            "DBUS_SYSTEM_BUS_ADDRESS",
            "SSL_CERT_FILE",
            "SSL_CERT_DIR",
            "DISPLAY",
        ];
        const PREFIXES: [&str; 4] = ["LC_", "XDG_", "HAUL_", "WAYLAND_"];
        let is_kept =
            |name: &str| NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        let kept = self.environment.iter().filter(|(name, _)| name.to_str().is_some_and(is_kept));
        kept.cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_gets_no_secrets_that_happen_to_be_in_the_environment() {
        let pair = |name: &str| (OsString::from(name), OsString::from("x"));
        let start = Start {
            program: "haul".into(),
            state: "/s".into(),
            given: Vec::new(),
            units: None,
            session: "/nowhere".into(),
            environment: ["HOME", "AWS_SECRET", "LC_ALL", "HTTPS_PROXY", "LD_PRELOAD", "XDG_CONFIG_HOME"]
                .map(pair)
                .into(),
        };
        let kept: Vec<_> = start.kept().into_iter().map(|(name, _)| name).collect();
        assert_eq!(kept, ["HOME", "LC_ALL", "XDG_CONFIG_HOME"]);
    }
}
