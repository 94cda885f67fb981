//! What a command knows of the process it runs in: folders, environment, terminal, signals.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use haul::cli::{self, Command, Context, MetalinkFile, Proxies, Status, Surface};
use haul::config;
use haul::fetch::{cookies, metalink, netrc};
use haul::model::item::Credentials;
use haul::model::time::UnixMs;
use tokio::signal::unix::{SignalKind, signal};

/// Where the file of `-o -` lies while it is streamed; made only for who may need it.
pub(crate) struct Spool(pub(crate) Option<std::io::Result<tempfile::TempDir>>);

impl Spool {
    pub(crate) fn of(command: Option<&Command>, state: &Path) -> Self {
        let needs_one = matches!(command, Some(Command::Get(get)) if get.is_streamed());
        Self(needs_one.then(|| tempfile::Builder::new().prefix("haul-").tempdir_in(state)))
    }
}

/// The numbers of `kill`: 128 and the signal. Ctrl-C is the command's own.
pub(crate) async fn ended_from_outside() -> u8 {
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

pub(crate) fn context(Spool(spool): &Spool, remote: bool) -> Result<Context, u8> {
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
        stdout: Surface { closed: haul::sys::stdout_was_closed(), ..Surface::of_stdout(variable) },
        stderr: Surface::of_stderr(variable),
        now: || UnixMs::from(SystemTime::now()),
        read_metalink,
        check_cookies: |file| cookies::read(file).map(drop).map_err(|error| error.to_string()),
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

fn read_netrc(home: Option<&Path>, url: &url::Url) -> Result<Option<Credentials>, String> {
    let file = std::env::var_os("NETRC").map(PathBuf::from).or_else(|| Some(home?.join(".netrc")));
    let Some(file) = file else { return Err("there is no home folder to find .netrc in".into()) };
    let text = std::fs::read_to_string(&file)
        .map_err(|error| format!("{} can't be read: {error}", file.display()))?;
    Ok(netrc::find(&text, url.host_str().unwrap_or_default()))
}
/// Parts, connections and the store need more files than some systems give at first.
pub(crate) fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        // Where it can't be raised, the limits on files at once still hold.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    }
}
