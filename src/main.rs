//! The binary: parses, wires the engine to the command line, runs, and ends with the right exit code.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use haul::agent::session;
use haul::cli::{self, Args, Command, Context, MetalinkFile, Proxies, Status, Surface};
use haul::client::Client;
use haul::config::keymap::Keymap;
use haul::config::theme::Themes;
use haul::demo::{self, Shop};
use haul::engine::{Engine, Started};
use haul::fetch::{metalink, netrc};
use haul::model::id::OwnerKey;
use haul::model::item::{Credentials, TransferSettings};
use haul::model::settings::EngineSettings;
use haul::model::time::UnixMs;
use haul::store::error::StoreError;
use haul::tui::{self, Connect, Ended, Surroundings};
use tokio::signal::unix::{SignalKind, signal};

/// How soon a silent server of the demo is given up: whoever looks on should see it.
const DEMO_STALL: Duration = Duration::from_secs(8);

fn main() -> ExitCode {
    let args = match cli::parse() {
        Ok(args) => args,
        Err(status) => return ExitCode::from(status),
    };
    if let Some(status) = args.command.as_ref().and_then(cli::run_alone) {
        return status.into();
    }
    if let Some(Command::Demo(demo)) = &args.command {
        return if demo.serve { open_shop() } else { show_demo() };
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
fn open_shop() -> ExitCode {
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

/// Opens the screen on the built-in shop. What it keeps and downloads is in a folder of its own, which goes with it.
fn show_demo() -> ExitCode {
    let Some(surroundings) = surroundings_of_screen(None) else {
        cli::complain(
            "the demo is a full screen, and this is no terminal for one",
            "`haul demo --serve` opens the shop alone",
        );
        return Status::Usage.into();
    };
    raise_file_limit();
    let opened = tempfile::Builder::new().prefix("haul-demo-").tempdir().and_then(|folder| {
        std::fs::create_dir(folder.path().join("downloads"))?;
        Ok((folder, Shop::open()?, tokio::runtime::Builder::new_current_thread().enable_all().build()?))
    });
    match opened {
        Ok((folder, shop, runtime)) => {
            let local = tokio::task::LocalSet::new();
            let code = local.block_on(&runtime, run_demo(folder.path(), &shop, surroundings));
            // What still holds one of its files open must let go before it is removed.
            drop((local, runtime, shop));
            let left = folder.path().to_owned();
            if let Err(error) = folder.close() {
                cli::complain(&format!("{} can't be removed: {error}", left.display()), "remove it by hand");
            }
            code.into()
        }
        Err(error) => {
            cli::complain(
                &format!("the demo can't be set up: {error}"),
                "make room in the folder for temporary files",
            );
            Status::Unreachable.into()
        }
    }
}

async fn run_demo(folder: &std::path::Path, shop: &Shop, surroundings: Surroundings) -> u8 {
    let (state, downloads) = (folder.join("state"), folder.join("downloads"));
    let settings = EngineSettings { stall: DEMO_STALL, ..settings() };
    let Started { engine, drive, .. } = match Engine::start(&state, settings, false) {
        Ok(started) => started,
        Err(error) => {
            cli::complain(&error.text, error.hint());
            return Status::Unreachable.code();
        }
    };
    let driving = tokio::task::spawn_local(drive);
    let connect = connect_to(&engine);
    let code = match (connect().await, screen_options(surroundings, downloads.clone(), None)) {
        (Ok(client), Ok(options)) => tokio::select! {
            shown = tui::run(connect, options, || UnixMs::from(SystemTime::now()), Box::new(|_| Ok(()))) => match shown {
                Ok(_) => Status::Done.code(),
                Err(error) => {
                    cli::complain(&format!("the screen can't be shown: {error}"), "`haul demo --serve` needs none");
                    Status::Unreachable.code()
                }
            },
            () = fill(client, shop, &downloads) => Status::Done.code(),
            signal = ended_from_outside() => signal,
        },
        (Err(why), _) => {
            cli::complain(&why, "");
            Status::Unreachable.code()
        }
        (_, Err(error)) => {
            cli::complain(&error.to_string(), "");
            Status::Usage.code()
        }
    };
    engine.stop();
    // It ends by itself: what it would say of a panic has been said.
    let _ = driving.await;
    code
}

/// Fills the screen, and stays a client for as long as it is shown: a real-time download needs its owner.
async fn fill(client: Client, shop: &Shop, downloads: &std::path::Path) {
    // What the engine refuses is missing on the screen, which says why of everything else.
    let _ = demo::play(client.clone(), shop.address(), downloads).await;
    std::future::pending::<()>().await;
}

/// Runs the engine in this process, and the command as its client.
async fn run(args: Args, state: PathBuf) -> ExitCode {
    let screen = surroundings_of_screen(args.command.as_ref());
    let dormant = screen.is_none() && only_attended(args.command.as_ref());
    let started = Engine::start(&state, settings(), dormant);
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
    let driving = tokio::task::spawn_local(drive);
    let connect = connect_to(&engine);
    let spool = tempfile::Builder::new().prefix("haul-").tempdir_in(&state);
    let code = match context(&spool) {
        Ok(context) => tokio::select! {
            status = carry_out(args.command, screen, connect, context, &state) => status.code(),
            signal = ended_from_outside() => signal,
        },
        Err(code) => code,
    };
    engine.stop();
    // It ends by itself: what it would say of a panic has been said.
    let _ = driving.await;
    ExitCode::from(code)
}

/// The way to an engine within this process.
fn connect_to(engine: &Engine) -> Connect {
    let engine = engine.clone();
    Box::new(move || {
        let (client, wire) = Client::pipe();
        tokio::task::spawn_local(session::serve(engine.clone(), OwnerKey("here".into()), wire));
        Box::pin(std::future::ready(Ok(client)))
    })
}

/// Runs a command, or the screen; links are added before it opens.
async fn carry_out(
    command: Option<Command>,
    screen: Option<Surroundings>,
    connect: Connect,
    context: Context,
    state: &std::path::Path,
) -> Status {
    let client = match connect().await {
        Ok(client) => client,
        Err(why) => {
            cli::complain(&why, "");
            return Status::Unreachable;
        }
    };
    let Some(surroundings) = screen else { return cli::run(command, client, context).await };
    let (downloads, now) = (context.downloads.clone(), context.now);
    if command.is_some() {
        let added = cli::run(command, client, context).await;
        if added != Status::Done {
            return added;
        }
    }
    // The newest line of history that somebody saw, so that the next screen can tell what happened since.
    let seen_file = state.join("screen.seen");
    let seen = std::fs::read_to_string(&seen_file).ok().and_then(|text| text.trim().parse().ok());
    let options = match screen_options(surroundings, downloads, seen) {
        Ok(options) => options,
        Err(error) => {
            cli::complain(&error.to_string(), "");
            return Status::Usage;
        }
    };
    match tui::run(connect, options, now, Box::new(|_| Ok(()))).await {
        Ok(Ended::Left { told, seen }) => {
            // Where it can't be kept, more is told next time than is new.
            let _ = seen.map(|seen| std::fs::write(&seen_file, seen.to_string()));
            if let Some(told) = told {
                cli::say(&told);
            }
            Status::Done
        }
        Ok(Ended::Closed) => Status::Unreachable,
        Err(error) => {
            cli::complain(&format!("the screen can't be shown: {error}"), "`haul list` needs none");
            Status::Unreachable
        }
    }
}

/// What the terminal can show, where the command is the screen: `haul` alone, or with links, on a terminal that can show one.
fn surroundings_of_screen(command: Option<&Command>) -> Option<Surroundings> {
    let wants = matches!(command, None | Some(Command::Links(_)));
    let shows = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    if wants && shows { Surroundings::of(|name| std::env::var(name).ok()).ok() } else { None }
}

/// What the screen starts with.
fn screen_options(
    surroundings: Surroundings,
    folder: PathBuf,
    seen: Option<u64>,
) -> Result<tui::Options, haul::config::theme::ThemeError> {
    use etcetera::BaseStrategy;
    let own = etcetera::choose_base_strategy().ok().map(|base| base.config_dir().join("haul/themes"));
    let (themes, wrong) =
        own.map_or_else(|| (Themes::built_in(), Vec::new()), |folder| Themes::load(&folder));
    if let Some(error) = wrong.into_iter().next() {
        return Err(error);
    }
    let umask = rustix::process::umask(rustix::fs::Mode::empty());
    rustix::process::umask(umask);
    let settings = TransferSettings { umask: Some(umask.bits()), ..TransferSettings::default() };
    Ok(tui::Options {
        themes,
        theme: if surroundings.light { "light" } else { "dark" }.into(),
        depth: surroundings.depth,
        ascii: surroundings.ascii,
        calm: false,
        keymap: Keymap::default(),
        zone: jiff::tz::TimeZone::system(),
        folder,
        home: std::env::home_dir(),
        settings,
        local: true,
        outlives: false,
        place: String::new(),
        seen,
        bell: true,
        notify: true,
    })
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
