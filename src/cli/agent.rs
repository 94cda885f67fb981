//! `haul agent`: the process that owns the engine. What the commands are and what they say; `main` carries them out.

use clap::{Args, Subcommand};
use jiff::tz::TimeZone;

use super::error::CliError;
use super::output::Output;
use super::standing;
use super::status::Status;
use super::table::pad_right;
use super::words::downloads;
use crate::client::AgentStatus;
use crate::model::time::UnixMs;

/// `agent`.
#[derive(Clone, Debug, Args)]
pub struct AgentArgs {
    /// What to do with it
    #[command(subcommand)]
    pub command: AgentCommand,
}

/// What to do with the agent.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum AgentCommand {
    /// Be the agent, here, until told to stop
    Run {
        /// Leave when nothing is left to do and nobody is here
        #[arg(long)]
        on_demand: bool,
        /// Open the door for web pages, whatever the config says; then it stays
        #[arg(long)]
        door: bool,
        /// Started in the background by a client that waits for a word on stdout.
        #[arg(long, hide = true)]
        detached: bool,
    },
    /// Start it, unless it runs
    Start,
    /// Tell how it is; exit status 3 where none runs
    Status {
        /// Write JSON
        #[arg(long)]
        json: bool,
    },
    /// Checkpoint everything and stop it
    Stop,
    /// Stop it and start it again
    Restart,
    /// Show the end of its log
    Log {
        /// How many lines, at most
        #[arg(short = 'n', long, value_name = "N", default_value_t = 100)]
        lines: u32,
    },
    /// Connect stdin and stdout to it: what `--host` runs on the other machine
    Stdio {
        /// Only where one runs: it was told to stop, and nobody asked for it since
        #[arg(long, hide = true)]
        no_start: bool,
    },
    /// Start it at every login: a systemd user unit, an autostart entry or a launchd agent
    Install {
        /// Show what would be written, and where
        #[arg(long)]
        print: bool,
    },
    /// Take away what `install` wrote
    Uninstall,
}

impl AgentCommand {
    /// The word, of what is about this machine and no other.
    pub fn only_here(&self) -> Option<&'static str> {
        match self {
            Self::Run { .. } => Some("run"),
            Self::Install { .. } => Some("install"),
            Self::Uninstall => Some("uninstall"),
            _ => None,
        }
    }
}

/// Tells how the agent is.
pub fn tell_status(status: &AgentStatus, now: UnixMs, json: bool) -> Status {
    let mut output = Output::plain();
    let told = if json {
        output.json(status)
    } else {
        lines(status, now).iter().try_for_each(|line| output.line(line))
    };
    super::finish(told.map(|()| Status::Done), &mut output)
}

/// Writes lines of data.
pub fn tell_lines(lines: &[String]) -> Status {
    let mut output = Output::plain();
    let told: Result<(), CliError> = lines.iter().try_for_each(|line| {
        let shown = crate::model::printable::printable(line);
        output.line(&shown)
    });
    super::finish(told.map(|()| Status::Done), &mut output)
}

/// Says something to the person.
pub fn say(text: &str) {
    Output::plain().complain(text);
}

fn lines(status: &AgentStatus, now: UnixMs) -> Vec<String> {
    let plural = if status.clients == 1 { "" } else { "s" };
    let mut lines = vec![
        format!(
            "haul {} runs as process {}, for {}",
            status.version,
            status.pid,
            duration(status.uptime_secs)
        ),
        format!("state      {}", status.state),
    ];
    if let Some(socket) = &status.socket {
        lines.push(format!("socket     {socket}"));
    }
    if let Some(door) = &status.door {
        lines.push(format!("door       {door}"));
    }
    let unfinished = usize::try_from(status.unfinished).unwrap_or(usize::MAX);
    lines.push(format!("clients    {} client{plural}, this one included", status.clients));
    lines.push(format!("unfinished {}", downloads(unfinished)));
    lines.push(format!(
        "stays      {}",
        if status.stays { "until it is stopped" } else { "while there is something to do" }
    ));
    if let Some(standing) = &status.standing {
        let told = standing::lines(standing, now, &TimeZone::system());
        lines.extend(told.into_iter().map(|(label, text)| format!("{}{text}", pad_right(&label, 11))));
    }
    lines
}

fn duration(secs: u64) -> String {
    match (secs / 86_400, secs / 3600 % 24, secs / 60 % 60, secs % 60) {
        (0, 0, 0, secs) => format!("{secs} s"),
        (0, 0, minutes, _) => format!("{minutes} min"),
        (0, hours, minutes, _) => format!("{hours} h {minutes} min"),
        (days, hours, ..) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_it_is_is_told_in_words() {
        let status = AgentStatus {
            version: "0.1.0".into(),
            pid: 7,
            state: "/s".into(),
            socket: Some("/s/agent.sock".into()),
            door: Some("http://127.0.0.1:4285".into()),
            clients: 1,
            stays: false,
            uptime_secs: 7260,
            unfinished: 3,
            standing: None,
        };
        insta::assert_snapshot!(lines(&status, UnixMs(0)).join("\n"), @r"
        haul 0.1.0 runs as process 7, for 2 h 1 min
        state      /s
        socket     /s/agent.sock
        door       http://127.0.0.1:4285
        clients    1 client, this one included
        unfinished 3 downloads
        stays      while there is something to do
        ");
    }
}
