//! The binary: parses, wires the command line to an engine (the agent's, another machine's, or one of its own), runs, and ends
//! with the right exit code.

mod console;
mod porch;
mod stage;

use std::cell::RefCell;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use haul::agent::house::{Facts, House};
use haul::agent::run::{Beside, Run, run as run_agent};
use haul::agent::serve::serve;
use haul::agent::service::{Service, Way};
use haul::agent::start::Start;
use haul::agent::{service, socket};
use haul::cli::{self, AgentCommand, Args, Command, Context, MetalinkFile, Proxies, Status, Surface};
use haul::client::local::Local;
use haul::client::ssh::Ssh;
use haul::client::{Client, ClientError, Connect, ConnectError, ConnectKind, Link, SEEK};
use haul::config::{self, ConfigError};
use haul::engine::{Engine, Holder, Source, Started, StoreError, StoreKind};
use haul::fetch::{metalink, netrc};
use haul::model::id::OwnerKey;
use haul::model::item::Credentials;
use haul::model::request::Refusal;
use haul::model::settings::{Eyes, Settings, SettingsSource};
use haul::model::time::UnixMs;
use haul::tui::{self, Surroundings};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::console::Shown;

/// Bytes that the pipe within the process holds.
const PIPE: usize = 64 << 10;
/// How long an agent stays when nothing is left to do and nobody is here.
const LEAVES_AFTER: Duration = Duration::from_secs(10);
/// How often a connection is tried to an agent that leaves in that very moment.
const TRIES: usize = 4;

fn main() -> ExitCode {
    let args = match cli::parse() {
        Ok(args) => args,
        Err(status) => return ExitCode::from(status),
    };
    if let Some(status) = cli::run_alone(&args) {
        return status.into();
    }
    if let Some(Command::Tags { write }) = args.command {
        // It ends with whoever asked it: then nobody is left to tell.
        return haul::library::serve(write).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
    }
    if let Some(Command::Demo(demo)) = &args.command {
        return if demo.serve { stage::open_shop() } else { stage::show(args.config.clone()) };
    }
    let place = match Place::of(&args) {
        Ok(place) => Rc::new(place),
        Err(status) => return status.into(),
    };
    raise_file_limit();
    if let Some(Command::Agent(agent)) = &args.command
        && let AgentCommand::Run { on_demand, door, detached } = agent.command
    {
        return be_the_agent(&place, on_demand, door, detached);
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            cli::complain(
                &format!("the system gives no event queue: {error}"),
                "close something and try again",
            );
            return Status::Unreachable.into();
        }
    };
    let local = tokio::task::LocalSet::new();
    let status = local.block_on(&runtime, run(args, place));
    // A stdout that nobody reads may keep a thread of the runtime: nothing is left that needs it.
    runtime.shutdown_background();
    status
}

/// Where the engine of this command is.
struct Place {
    state: PathBuf,
    is_default_state: bool,
    runtime: PathBuf,
    config: Option<PathBuf>,
    /// The config file, where one was named.
    file: Option<PathBuf>,
}

impl Place {
    fn of(args: &Args) -> Result<Self, Status> {
        use etcetera::BaseStrategy as _;

        let default = default_state();
        let Some(state) = args.state.clone().or_else(|| default.clone()) else {
            cli::complain("there is no home folder to keep the store in", "name a folder with --state");
            return Err(Status::Usage);
        };
        let state = std::path::absolute(&state).unwrap_or(state);
        let runtime = socket::runtime_folder(std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from));
        let config = etcetera::choose_base_strategy().ok().map(|strategy| strategy.config_dir());
        let file =
            args.config.as_ref().map(|file| std::path::absolute(file).unwrap_or_else(|_| file.clone()));
        Ok(Self { is_default_state: Some(&state) == default.as_ref(), state, runtime, config, file })
    }

    /// The way to the agent; `starts` says whether one is started where none answers.
    fn agent(self: &Rc<Self>, starts: bool) -> Box<dyn Connect> {
        let here = Rc::clone(self);
        let find = Box::new(move || socket::find(&here.state, &here.runtime));
        let here = Rc::clone(self);
        let start: haul::client::local::Start = Box::new(move || {
            let start = here.start();
            Box::pin(async move {
                start.start().await.map_err(|error| ConnectError::lasting(error.text, error.hint))
            })
        });
        Box::new(Local::new(find, starts.then_some(start)))
    }

    fn start(&self) -> Start {
        Start {
            program: std::env::current_exe().unwrap_or_else(|_| "haul".into()),
            state: self.state.clone(),
            is_default_state: self.is_default_state,
            units: self.config.as_ref().map(|config| config.join("systemd/user")),
            session: self.runtime.clone(),
            environment: std::env::vars_os()
                .filter(|(name, _)| name != "HAUL_CONFIG")
                .chain(self.file.iter().map(|file| ("HAUL_CONFIG".into(), file.into())))
                .collect(),
        }
    }

    fn service(&self) -> Service {
        let home = std::env::home_dir().unwrap_or_else(|| "/".into());
        let config = self.config.clone().unwrap_or_else(|| home.join(".config"));
        let program = std::env::current_exe().unwrap_or_else(|_| "haul".into());
        Service::new(Way::of_machine(), &program, &home, &config)
    }
}

fn be_the_agent(place: &Place, on_demand: bool, door: bool, detached: bool) -> ExitCode {
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

async fn run(args: Args, place: Rc<Place>) -> ExitCode {
    if let Some(Command::Agent(agent)) = &args.command {
        let ended = match agent.command {
            AgentCommand::Stdio => bridge(&place).await,
            AgentCommand::Install { print } => install(&place, print).await,
            AgentCommand::Uninstall => uninstall(&place).await,
            ref other => control(other, args.host.as_deref(), &place).await,
        };
        return ended.unwrap_or_else(|error| refuse(&error)).into();
    }
    if let Some(Command::Door(door)) = &args.command
        && let Some(what) = door.on_desktop()
    {
        return porch::on_desktop(what).await.unwrap_or_else(|error| refuse(&error)).into();
    }
    if args.here {
        return run_here(args.command, &place).await;
    }
    if let Some(surroundings) = console::wanted(args.command.as_ref()) {
        return show(args, surroundings, &place).await;
    }
    let client = match &args.host {
        Some(host) => open_host(host).await,
        None => open_agent(&place).await,
    };
    let client = match client {
        Ok(client) => client,
        Err(error) => return refuse(&error).into(),
    };
    // The folder is there now, made by whoever has the store.
    let spool = Spool::of(args.command.as_ref().filter(|_| args.host.is_none()), &place.state);
    let code = match context(&spool, args.host.is_some()) {
        Ok(context) => tokio::select! {
            status = cli::run(args.command, client, context) => status.code(),
            signal = ended_from_outside() => signal,
        },
        Err(code) => code,
    };
    ExitCode::from(code)
}

/// Opens the screen on this machine's agent, or another one's.
async fn show(args: Args, surroundings: Surroundings, place: &Rc<Place>) -> ExitCode {
    let shown = Shown {
        outlives: true,
        passing: false,
        host: args.host.clone().unwrap_or_default(),
        state: args.host.is_none().then(|| place.state.clone()),
        config: place.file.clone(),
        tip: String::new(),
    };
    let context = match context(&Spool(None), args.host.is_some()) {
        Ok(context) => context,
        Err(code) => return ExitCode::from(code),
    };
    let (place, host) = (Rc::clone(place), args.host);
    let connect: tui::Connect = Box::new(move || {
        let (place, host) = (Rc::clone(&place), host.clone());
        Box::pin(async move {
            let client = match &host {
                Some(host) => open_host(host).await,
                None => open_agent(&place).await,
            };
            client.map_err(|error| error.to_string())
        })
    });
    let code = tokio::select! {
        status = console::open(connect, args.command, context, surroundings, shown) => status.code(),
        signal = ended_from_outside() => signal,
    };
    ExitCode::from(code)
}

/// Connects to this machine's agent. An older one makes way where nobody loses anything by it.
async fn open_agent(place: &Rc<Place>) -> Result<Client, ConnectError> {
    let client = open(|| place.agent(true)).await?;
    if !client.welcome().is_some_and(|welcome| is_older(&welcome.version)) {
        return Ok(client);
    }
    if client.stop(true).await.is_err() {
        // It is spoken to as it is until nobody needs it.
        return Ok(client);
    }
    wait_until_gone(client, place).await?;
    open(|| place.agent(true)).await
}

async fn open_host(host: &str) -> Result<Client, ConnectError> {
    let program = std::env::var("HAUL_SSH").unwrap_or_default();
    let ssh = Ssh::new(program.split_whitespace().map(Into::into).collect(), host)?;
    Client::open(Box::new(ssh), new_key()?, Some(SEEK)).await
}

async fn open(connect: impl Fn() -> Box<dyn Connect>) -> Result<Client, ConnectError> {
    let key = new_key()?;
    let mut tries = 0;
    loop {
        tries += 1;
        match Client::open(connect(), key.clone(), Some(SEEK)).await {
            // One that leaves in this very moment is gone at the next look.
            Err(error) if error.kind == ConnectKind::Away && tries < TRIES => {}
            other => return other,
        }
    }
}

fn new_key() -> Result<OwnerKey, ConnectError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| ConnectError::lasting(format!("the system gives no random bytes: {error}"), ""))?;
    Ok(OwnerKey(data_encoding::HEXLOWER.encode(&bytes)))
}

/// Whether a version comes before this program's.
fn is_older(version: &str) -> bool {
    let numbers = |text: &str| -> Vec<u64> {
        text.split(['.', '-', '+']).map_while(|part| part.parse().ok()).take(3).collect()
    };
    numbers(version) < numbers(env!("CARGO_PKG_VERSION"))
}

/// Waits until an agent that was told to stop has let go of everything.
async fn wait_until_gone(client: Client, place: &Place) -> Result<(), ConnectError> {
    let mut link = client.link();
    // A driver that has ended knows that it is gone.
    let _ = link.wait_for(|link| matches!(link, Link::Down { .. })).await;
    drop(client);
    let state = place.state.clone();
    let waited = tokio::task::spawn_blocking(move || Holder::wait_until_free(&state)).await;
    waited
        .unwrap_or_else(|error| Err(error.into()))
        .map_err(|error| ConnectError::lasting(format!("the agent's end can't be seen: {error}"), ""))
}

/// What is done with the agent itself.
async fn control(
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
            Some(host) => open_host(host).await,
            None => open(|| place.agent(false)).await,
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
            match present().await {
                Ok(client) => {
                    client.stop(false).await.map_err(lost)?;
                    if host.is_none() {
                        wait_until_gone(client, place).await?;
                    }
                    cli::say("haul: the agent has stopped.");
                }
                Err(error) if error.kind == ConnectKind::Away && host.is_none() => {
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
        | AgentCommand::Stdio
        | AgentCommand::Install { .. }
        | AgentCommand::Uninstall => Ok(Status::Done),
    }
}

/// Connects stdin and stdout to the agent: the far end of `--host`.
async fn bridge(place: &Rc<Place>) -> Result<Status, ConnectError> {
    // It is there after this, started where it wasn't.
    drop(place.agent(true).connect(true).await?);
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

async fn install(place: &Place, print: bool) -> Result<Status, ConnectError> {
    let service = place.service();
    if print {
        cli::say(&format!("haul: {} would be:", service.path.display()));
        let lines: Vec<_> = service.text.lines().map(str::to_owned).collect();
        return Ok(cli::tell_lines(&lines));
    }
    let fail = |error: std::io::Error| {
        ConnectError::lasting(format!("{} can't be written: {error}", service.path.display()), "")
    };
    service.install().map_err(fail)?;
    cli::say(&format!("haul: wrote {}. {}", service.path.display(), service.advice()));
    tell_system(&service.after_install()).await;
    Ok(Status::Done)
}

async fn uninstall(place: &Place) -> Result<Status, ConnectError> {
    let service = place.service();
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
async fn tell_system(commands: &[Vec<&'static str>]) {
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

fn refuse(error: &ConnectError) -> Status {
    cli::complain(&error.text, &error.hint);
    Status::Unreachable
}

/// Runs the engine in this process, and the command as its client.
async fn run_here(command: Option<Command>, place: &Place) -> ExitCode {
    let (source, settings) = match settings(place.file.clone()) {
        Ok(found) => found,
        Err(error) => return cli::tell_config(&error).into(),
    };
    let state = &place.state;
    let screen = console::wanted(command.as_ref());
    let dormant = screen.is_none() && only_attended(command.as_ref());
    let started = Engine::start(state, settings, source, dormant);
    let Started { engine, drive, damaged } = match started {
        Ok(started) => started,
        Err(error) => return refuse_here(&error, state).into(),
    };
    if let Some(aside) = damaged {
        cli::complain(
            &format!("the store was damaged; it is set aside as {}", aside.display()),
            "rebuild the downloads from their parts with `haul adopt FOLDER`",
        );
    }
    let spool = Spool::of(command.as_ref(), state);
    let driving = tokio::task::spawn_local(drive);
    let connect = connect_here(&engine, state);
    let code = match (context(&spool, false), screen) {
        (Ok(context), Some(surroundings)) => {
            let shown = Shown {
                outlives: false,
                host: String::new(),
                state: Some(state.into()),
                passing: false,
                config: place.file.clone(),
                tip: String::new(),
            };
            tokio::select! {
                status = console::open(connect, command, context, surroundings, shown) => status.code(),
                signal = ended_from_outside() => signal,
            }
        }
        (Ok(context), None) => match connect().await {
            Ok(client) => tokio::select! {
                status = cli::run(command, client, context) => status.code(),
                signal = ended_from_outside() => signal,
            },
            Err(why) => {
                cli::complain(&why, "");
                Status::Unreachable.code()
            }
        },
        (Err(code), _) => code,
    };
    engine.stop();
    // It ends by itself: what it would say of a panic has been said.
    let _ = driving.await;
    ExitCode::from(code)
}

/// The way to an engine within this process.
fn connect_here(engine: &Engine, state: &Path) -> tui::Connect {
    let (engine, state) = (engine.clone(), state.to_owned());
    Box::new(move || {
        let facts =
            Facts { version: env!("CARGO_PKG_VERSION").into(), state: state.clone(), ..Facts::default() };
        let house = House::new(engine.clone(), facts);
        let (ours, its) = tokio::io::duplex(PIPE);
        let (reader, writer) = tokio::io::split(its);
        tokio::task::spawn_local(serve(house, reader, writer, CancellationToken::new()));
        Box::pin(async move {
            Client::over(ours, OwnerKey("here".into())).await.map_err(|error| error.to_string())
        })
    })
}

/// Says who has the store, and the way out.
fn refuse_here(error: &StoreError, state: &Path) -> Status {
    let has_agent = error.kind == StoreKind::Locked && Holder::read(state).socket.is_some();
    let hint = if has_agent {
        "leave --here out to use the agent, or stop it with `haul agent stop`"
    } else {
        error.hint()
    };
    cli::complain(&error.text, hint);
    Status::Unreachable
}

/// Where the file of `-o -` lies while it is streamed; made only for who may need it.
struct Spool(Option<std::io::Result<tempfile::TempDir>>);

impl Spool {
    fn of(command: Option<&Command>, state: &Path) -> Self {
        let needs_one = matches!(command, Some(Command::Get(_)));
        Self(needs_one.then(|| tempfile::Builder::new().prefix("haul-").tempdir_in(state)))
    }
}

/// Only these commands let downloads run while they stay; the others look and leave.
fn only_attended(command: Option<&Command>) -> bool {
    !matches!(command, Some(Command::Wait(_) | Command::Watch(_)))
}

/// The numbers of `kill`: 128 and the signal. Ctrl-C is the command's own.
async fn ended_from_outside() -> u8 {
    let wait = |kind: SignalKind| async move {
        match signal(kind) {
            Ok(mut signal) => signal.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = wait(SignalKind::terminate()) => 143,
        _ = wait(SignalKind::hangup()) => 129,
    }
}

fn context(Spool(spool): &Spool, remote: bool) -> Result<Context, u8> {
    let spool = match spool {
        None => PathBuf::new(),
        Some(Ok(spool)) => spool.path().to_owned(),
        Some(Err(error)) => {
            let hint = "check the state folder's disk";
            cli::complain(&format!("no folder for temporary files: {error}"), hint);
            return Err(Status::Unreachable.code());
        }
    };
    let cwd = std::env::current_dir().map_err(|error| {
        cli::complain(&format!("this folder can't be used: {error}"), "change to another one");
        Status::Usage.code()
    })?;
    let variable = |name: &str| std::env::var(name).ok();
    let home = std::env::home_dir();
    let umask = rustix::process::umask(rustix::fs::Mode::empty());
    rustix::process::umask(umask);
    Ok(Context {
        downloads: config::usual_folder().unwrap_or_else(|| cwd.clone()),
        cwd,
        umask: umask.bits(),
        spool,
        remote,
        proxies: Proxies::of_environment(variable),
        stdout: Surface::of_stdout(variable),
        stderr: Surface::of_stderr(variable),
        now: || UnixMs::from(SystemTime::now()),
        read_metalink,
        netrc: Box::new(move |url| read_netrc(home.as_deref(), url)),
        ask_password: cli::ask_password,
    })
}

fn read_metalink(bytes: &[u8]) -> Result<Vec<MetalinkFile>, String> {
    let listed = metalink::parse(bytes).map_err(|error| error.to_string())?;
    Ok(listed
        .into_iter()
        .map(|file| MetalinkFile { url: file.url, name: file.name, extras: file.extras })
        .collect())
}

fn read_netrc(home: Option<&std::path::Path>, url: &url::Url) -> Result<Option<Credentials>, String> {
    let file = std::env::var_os("NETRC").map(PathBuf::from).or_else(|| Some(home?.join(".netrc")));
    let Some(file) = file else { return Err("there is no home folder to find .netrc in".into()) };
    let text = std::fs::read_to_string(&file)
        .map_err(|error| format!("{} can't be read: {error}", file.display()))?;
    Ok(netrc::find(&text, url.host_str().unwrap_or_default()))
}

/// The engine's settings, and where they come from.
fn settings(named: Option<PathBuf>) -> Result<(Source, Settings), ConfigError> {
    let source = config::Source { place: config::Place::find(named)?, folder: config::usual_folder() };
    let settings = source.load()?;
    Ok((Rc::new(RefCell::new(Hurried(source))), hurry(settings)))
}

/// The settings' source, with variables over it that make stalls, retries and checkpoints quick for tests, and let them run on a
/// machine that is never idle, or without one of the governor's eyes.
struct Hurried(config::Source);

impl SettingsSource for Hurried {
    fn read(&mut self) -> Result<Settings, Refusal> {
        self.0.read().map(hurry)
    }

    fn use_preset(&mut self, name: &str) -> Result<Settings, Refusal> {
        self.0.use_preset(name).map(hurry)
    }
}

fn hurry(mut settings: Settings) -> Settings {
    let engine = &mut settings.engine;
    engine.tag_reader = tag_reader();
    engine.stall = test_ms("HAUL_TEST_STALL_MS").unwrap_or(engine.stall);
    engine.backoff_first = test_ms("HAUL_TEST_BACKOFF_MS").unwrap_or(engine.backoff_first);
    engine.come_back = test_ms("HAUL_TEST_COME_BACK_MS").unwrap_or(engine.come_back);
    engine.checkpoint_every = test_ms("HAUL_TEST_CHECKPOINT_MS").unwrap_or(engine.checkpoint_every);
    engine.idle = std::env::var_os("HAUL_TEST_NOT_IDLE").is_none();
    let blind = std::env::var("HAUL_TEST_WITHOUT").unwrap_or_default();
    let sees = |eye: &str| !blind.split(',').any(|closed| closed == eye);
    engine.eyes = Eyes { sockets: sees("sockets"), counters: sees("counters"), probe: sees("probe") };
    settings.library.watch_every = test_ms("HAUL_TEST_WATCH_MS");
    settings
}

fn test_ms(name: &str) -> Option<Duration> {
    test_number(name).map(Duration::from_millis)
}

fn test_number<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// This program: on Linux by the link that holds even when a newer one was put in its place.
fn tag_reader() -> Option<PathBuf> {
    let link = PathBuf::from("/proc/self/exe");
    if link.exists() { Some(link) } else { std::env::current_exe().ok() }
}

/// `~/.local/state/haul`, or where the platform keeps such things.
fn default_state() -> Option<PathBuf> {
    use etcetera::BaseStrategy;
    let strategy = etcetera::choose_base_strategy().ok()?;
    Some(strategy.state_dir().unwrap_or_else(|| strategy.data_dir()).join("haul"))
}

/// Parts, connections and the store need more files than some systems give at first.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        // Where it can't be raised, the limits on files at once still hold.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    }
}
