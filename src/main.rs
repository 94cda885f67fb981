//! The binary: parses, wires the engine to the command line, runs, and ends with the right exit code.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use haul::agent::session;
use haul::cli::{self, Args, Command, Context, MetalinkFile, Proxies, Status, Surface};
use haul::client::Client;
use haul::demo::Shop;
use haul::engine::{Engine, Started};
use haul::fetch::{metalink, netrc};
use haul::model::id::OwnerKey;
use haul::model::item::Credentials;
use haul::model::settings::EngineSettings;
use haul::model::time::UnixMs;
use haul::store::error::StoreError;
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    let args = match cli::parse() {
        Ok(args) => args,
        Err(status) => return ExitCode::from(status),
    };
    if let Some(status) = args.command.as_ref().and_then(cli::run_alone) {
        return status.into();
    }
    if let Some(Command::Demo(_)) = &args.command {
        return demo();
    }
    let Some(state) = args.state.clone().or_else(default_state) else {
        cli::complain("there is no home folder to keep the store in", "name a folder with --state");
        return Status::Usage.into();
    };
    raise_file_limit();
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
    let status = local.block_on(&runtime, run(args, state));
    // A stdout that nobody reads may keep a thread of the runtime: nothing is left that needs it.
    runtime.shutdown_background();
    status
}

/// Opens the built-in shop until Ctrl-C.
fn demo() -> ExitCode {
    let opened = Shop::open()
        .and_then(|shop| Ok((shop, tokio::runtime::Builder::new_current_thread().enable_all().build()?)));
    match opened {
        Ok((shop, runtime)) => runtime
            .block_on(async {
                tokio::select! {
                    status = cli::attend_shop(shop.links()) => status.code(),
                    signal = ended_from_outside() => signal,
                }
            })
            .into(),
        Err(error) => {
            cli::complain(&format!("the shop can't open: {error}"), "close something and try again");
            Status::Unreachable.into()
        }
    }
}

/// Runs the engine in this process, and the command as its client.
async fn run(args: Args, state: PathBuf) -> ExitCode {
    let started = Engine::start(&state, settings(), only_attended(args.command.as_ref()));
    let Started { engine, drive, damaged } = match started {
        Ok(started) => started,
        Err(error) => return refuse(&error),
    };
    if let Some(aside) = damaged {
        cli::complain(
            &format!("the store was damaged; it is set aside as {}", aside.display()),
            "rebuild the downloads from their parts with `haul adopt FOLDER`",
        );
    }
    let (client, wire) = Client::pipe();
    let driving = tokio::task::spawn_local(drive);
    let serving = tokio::task::spawn_local(session::serve(engine.clone(), OwnerKey("here".into()), wire));
    let spool = tempfile::Builder::new().prefix("haul-").tempdir_in(&state);
    let code = match context(&spool) {
        Ok(context) => tokio::select! {
            status = cli::run(args.command, client, context) => status.code(),
            signal = ended_from_outside() => signal,
        },
        Err(code) => code,
    };
    engine.stop();
    // Both end by themselves: what they would say of a panic has been said.
    let _ = driving.await;
    let _ = serving.await;
    ExitCode::from(code)
}

/// Only these commands let downloads run while they stay; the others look and leave.
fn only_attended(command: Option<&Command>) -> bool {
    !matches!(command, Some(Command::Wait(_) | Command::Watch(_)))
}

fn refuse(error: &StoreError) -> ExitCode {
    cli::complain(&error.text, error.hint());
    Status::Unreachable.into()
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

fn context(spool: &std::io::Result<tempfile::TempDir>) -> Result<Context, u8> {
    let spool = spool.as_ref().map_err(|error| {
        cli::complain(&format!("no folder for temporary files: {error}"), "check the state folder's disk");
        Status::Unreachable.code()
    })?;
    let cwd = std::env::current_dir().map_err(|error| {
        cli::complain(&format!("this folder can't be used: {error}"), "change to another one");
        Status::Usage.code()
    })?;
    let variable = |name: &str| std::env::var(name).ok();
    let home = std::env::home_dir();
    let downloads = home.as_ref().map_or_else(|| cwd.clone(), |home| home.join("Downloads"));
    let umask = rustix::process::umask(rustix::fs::Mode::empty());
    rustix::process::umask(umask);
    Ok(Context {
        downloads: if downloads.is_dir() { downloads } else { cwd.clone() },
        cwd,
        umask: umask.bits(),
        spool: spool.path().to_owned(),
        remote: false,
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

/// The engine's settings. The two variables make stalls and retries quick for tests.
fn settings() -> EngineSettings {
    let ms =
        |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok()).map(Duration::from_millis);
    let mut settings = EngineSettings::default();
    if let Some(stall) = ms("HAUL_TEST_STALL_MS") {
        settings.stall = stall;
    }
    if let Some(first) = ms("HAUL_TEST_BACKOFF_MS") {
        settings.backoff_first = first;
    }
    if let Some(every) = ms("HAUL_TEST_CHECKPOINT_MS") {
        settings.checkpoint_every = every;
    }
    settings
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
