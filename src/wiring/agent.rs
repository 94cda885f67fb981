//! `haul agent ...`: being the agent, and what is done with one.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use haul::agent::run::{Beside, Run, run as run_agent};
use haul::agent::{service, socket};
use haul::cli::{self, AgentCommand, Status};
use haul::client::{ClientError, ConnectError, ConnectKind};
use haul::engine::Holder;
use haul::model::time::UnixMs;

use super::here::PIPE;
use super::place::Place;
use super::porch;
use super::reach::{OLDER, open_agent, open_any, open_any_host, open_host, wait_until_gone};
use super::settings::{settings, test_ms, test_number};

/// How long an agent stays when nothing is left to do and nobody is here.
const LEAVES_AFTER: Duration = Duration::from_secs(10);

pub(crate) fn be_the_agent(place: &Place, on_demand: bool, door: bool, detached: bool) -> ExitCode {
    let leaves_after = test_ms("HAUL_TEST_LEAVE_MS").unwrap_or(LEAVES_AFTER);
    let (source, settings) = match settings(place.file.clone()) {
        Ok(found) => found,
        Err(error) => {
            if detached {
                haul::agent::run::tell_failed(&error.to_string(), "`haul config check` shows all of it");
            }
            return cli::tell_config(&error).into();
        }
    };
    let door = (door || settings.door.enabled).then(|| {
        let port = test_number("HAUL_TEST_DOOR_PORT").unwrap_or(settings.door.port);
        Box::new(move |house, closing| porch::open_door(port, house, closing)) as Beside
    });
    let ended = run_agent(&Run {
        state: place.state.clone(),
        runtime: place.runtime.clone(),
        detached,
        // Pages come when they like.
        leaves_after: (on_demand && door.is_none()).then_some(leaves_after),
        settings,
        source,
        version: std::env::var("HAUL_TEST_VERSION").unwrap_or_else(|_| env!("CARGO_PKG_VERSION").into()),
        protocol: test_number("HAUL_TEST_PROTOCOL"),
        beside: door,
    });
    match ended {
        Ok(()) => Status::Done.into(),
        Err(error) => {
            cli::complain(&error.to_string(), error.hint());
            Status::Unreachable.into()
        }
    }
}

/// Says which process it is that doesn't answer.
fn with_process(mut error: ConnectError, place: &Place) -> ConnectError {
    if error.kind == ConnectKind::Silent
        && let Some(pid) = Holder::read(&place.state).pid
    {
        error.text = format!("the agent, process {pid}, doesn't answer");
        error.hint = format!("try again, or end it: kill {pid}; downloads go on from their checkpoints");
    }
    error
}

/// What is done with the agent itself.
pub(crate) async fn control(
    command: &AgentCommand,
    host: Option<&str>,
    place: &Rc<Place>,
) -> Result<Status, ConnectError> {
    let lost = |error: ClientError| match error {
        ClientError::Refused(refusal) => ConnectError::lasting(refusal.text, refusal.hint),
        other @ ClientError::Lost { .. } => ConnectError::away(other.to_string(), ""),
    };
    let present = || async {
        match host {
            Some(host) => open_any_host(host).await,
            None => open_any(place).await.map_err(|error| with_process(error, place)),
        }
    };
    match command {
        AgentCommand::Status { json } => {
            let client = present().await?;
            let status = client.status().await.map_err(lost)?;
            client.goodbye().await;
            Ok(cli::tell_status(&status, UnixMs::from(SystemTime::now()), *json))
        }
        AgentCommand::Log { lines } => {
            let told = match present().await {
                Ok(client) => client.log(*lines).await.map_err(lost)?.lines,
                // One that is gone has left its log.
                Err(_) if host.is_none() => haul::agent::last_log_lines(&place.state, *lines)
                    .map_err(|error| ConnectError::lasting(format!("the log can't be read: {error}"), ""))?,
                Err(error) => return Err(error),
            };
            Ok(cli::tell_lines(&told))
        }
        AgentCommand::Start => {
            let client = match host {
                Some(host) => open_host(host).await?,
                None => open_agent(place).await?,
            };
            let status = client.status().await.map_err(lost)?;
            client.goodbye().await;
            cli::say(&format!("haul: the agent runs as process {}.", status.pid));
            Ok(Status::Done)
        }
        AgentCommand::Stop | AgentCommand::Restart => {
            // One that could not start again is better left as it is.
            if *command == AgentCommand::Restart
                && host.is_none()
                && let Err(error) = settings(place.file.clone())
            {
                return Ok(cli::tell_config(&error));
            }
            match present().await {
                Ok(client) => {
                    match client.stop(false).await {
                        // Somebody else stopped it in that moment.
                        Ok(()) | Err(ClientError::Lost { .. }) => {}
                        Err(refused) => return Err(lost(refused)),
                    }
                    if host.is_none() {
                        wait_until_gone(client, place).await?;
                    }
                    cli::say("haul: the agent has stopped.");
                }
                Err(error)
                    if error.kind == ConnectKind::Absent
                        || (error.kind == ConnectKind::Away && host.is_none()) =>
                {
                    cli::say("haul: no agent is running.");
                }
                Err(error) => return Err(error),
            }
            if *command == AgentCommand::Stop {
                return Ok(Status::Done);
            }
            Box::pin(control(&AgentCommand::Start, host, place)).await
        }
        AgentCommand::Run { .. }
        | AgentCommand::Stdio { .. }
        | AgentCommand::Install { .. }
        | AgentCommand::Uninstall => Ok(Status::Done),
    }
}

/// Connects stdin and stdout to the agent: the far end of `--host`.
pub(crate) async fn bridge(place: &Rc<Place>, starts: bool) -> Result<Status, ConnectError> {
    // It is there after this, started where it wasn't and may be.
    drop(place.agent(starts).connect(starts).await?);
    let path = socket::find(&place.state, &place.runtime);
    let away =
        |error: std::io::Error| ConnectError::away(format!("the agent went away: {error}"), "try again");
    let stream = UnixStream::connect(&path).map_err(away)?;
    let mut inward = stream.try_clone().map_err(away)?;
    // Nobody waits for this thread: where stdin stays open, the process ends with the agent all the same.
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut inward);
        // The agent answers what it was asked, and then ends.
        let _ = inward.shutdown(std::net::Shutdown::Write);
    });
    // What breaks here is seen by both ends.
    let _ = tokio::task::spawn_blocking(move || hand_out(stream)).await;
    Ok(Status::Done)
}

/// Copies to stdout without holding anything back.
fn hand_out(mut stream: UnixStream) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    let mut chunk = vec![0; PIPE];
    loop {
        let count = stream.read(&mut chunk)?;
        if count == 0 {
            return Ok(());
        }
        stdout.write_all(&chunk[..count])?;
        stdout.flush()?;
    }
}

pub(crate) async fn install(place: &Place, print: bool) -> Result<Status, ConnectError> {
    let service = place.service()?;
    if print {
        cli::say(&format!("haul: {} would be:", service.path.display()));
        let lines: Vec<_> = service.text.lines().map(str::to_owned).collect();
        return Ok(cli::tell_lines(&lines));
    }
    let fail = |error: std::io::Error| {
        ConnectError::lasting(format!("{} can't be written: {error}", service.path.display()), "")
    };
    service.install().map_err(fail)?;
    // Where an older one came back until now, the next command tries again to put this one in its place.
    let _ = std::fs::remove_file(place.state.join(OLDER));
    cli::say(&format!("haul: wrote {}. {}", service.path.display(), service.advice()));
    tell_system(&service.after_install()).await;
    Ok(Status::Done)
}

pub(crate) async fn uninstall(place: &Place) -> Result<Status, ConnectError> {
    let service = place.service()?;
    if service.path.exists() {
        tell_system(&service.before_uninstall()).await;
    }
    let fail = |error: std::io::Error| {
        ConnectError::lasting(format!("{} can't be removed: {error}", service.path.display()), "")
    };
    if service.uninstall().map_err(fail)? {
        cli::say(&format!("haul: removed {}.", service.path.display()));
    } else {
        cli::say("haul: nothing was installed.");
    }
    Ok(Status::Done)
}

/// Tells the service manager; where that fails, the person is told what to run.
pub(crate) async fn tell_system(commands: &[Vec<&'static str>]) {
    for command in commands {
        let Some((program, given)) = command.split_first() else { continue };
        let ran = tokio::process::Command::new(program)
            .args(given)
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .kill_on_drop(true)
            .status();
        let ended = tokio::time::timeout(service::TELL_WITHIN, ran).await;
        if !matches!(ended, Ok(Ok(status)) if status.success()) {
            cli::say(&format!("haul: `{}` could not be run; run it yourself.", command.join(" ")));
        }
    }
}
