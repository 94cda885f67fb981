//! Real servers from a temporary folder, on a free port, as whatever user runs the tests: nginx, Apache and lighttpd, and `HAProxy`,
//! which speaks HTTP/2 only to its clients and has another server behind it.

use std::fmt::Write as _;
use std::fs::{File, Permissions};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use rustix::process::{Pid, Signal, getuid, kill_process, kill_process_group};
use tempfile::TempDir;

use super::site::DEADLINE;
use super::tls::Identity;

/// How often a starting or stopping server is looked at.
const LOOK: Duration = Duration::from_millis(5);
/// A free port may be taken by somebody else before the server has it; so often another one is tried.
const PORTS: usize = 5;

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Nginx,
    Apache,
    Lighttpd,
    Haproxy,
}

/// What the server does beside serving files.
#[derive(Clone, Copy, Default)]
pub(crate) struct Options<'a> {
    /// KiB a second for each connection.
    pub(crate) rate_kib: Option<u32>,
    /// How many connections a client may have, and the status that others get. Only nginx knows this.
    pub(crate) connections: Option<(u32, u16)>,
    /// What it presents; then it speaks https only. Only nginx and `HAProxy` are set up for it.
    pub(crate) identity: Option<&'a Identity>,
    /// Whose answers `HAProxy` gives.
    pub(crate) behind: Option<SocketAddr>,
    /// Where it is found; at a free port of this machine where nothing is said. Only `HAProxy` is set up for it.
    pub(crate) at: Option<SocketAddr>,
}

/// A server that runs; it and all that it started end when it is dropped.
pub(crate) struct RealServer {
    /// Which one.
    pub(crate) kind: Kind,
    folder: TempDir,
    address: SocketAddr,
    is_tls: bool,
    child: Child,
}

/// Starts a server, or says that it is not installed; that is a failure where nothing may be skipped.
pub(crate) fn require(kind: Kind, options: Options<'_>) -> Option<RealServer> {
    let name = kind.program();
    let program = find(name).or_else(|| {
        skip(name);
        None
    })?;
    let tries = (0..PORTS).map(|_| RealServer::start(kind, &program, options));
    let mut failed = String::new();
    for started in tries {
        match started {
            Ok(server) => return Some(server),
            Err(error) => failed = error,
        }
    }
    panic!("{name} doesn't start: {failed}");
}

/// Whether a program is installed; where it isn't, says that the test is skipped.
pub(crate) fn has(program: &str) -> bool {
    let is_here = find(program).is_some();
    if !is_here {
        skip(program);
    }
    is_here
}

fn skip(program: &str) {
    assert!(std::env::var_os("HAUL_TESTS_NO_SKIP").is_none(), "{program} is not installed");
    #[expect(clippy::print_stderr, reason = "whoever runs the tests wants to know what did not run")]
    {
        eprintln!("skipped: {program} is not installed");
    }
}

/// Where a program is.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let extra = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    let mut paths = std::env::split_paths(&path).chain(extra).map(|folder| folder.join(program));
    paths.find(|path| path.is_file())
}

impl RealServer {
    fn start(kind: Kind, program: &Path, options: Options<'_>) -> Result<Self, String> {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        // Workers may run as somebody else.
        std::fs::set_permissions(at, Permissions::from_mode(0o755)).unwrap();
        for name in ["files", "tmp"] {
            std::fs::create_dir(at.join(name)).unwrap();
        }
        let address =
            options.at.unwrap_or_else(|| TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
        let config = at.join("config");
        std::fs::write(&config, kind.config(at, address, options)).unwrap();
        let messages = at.join("messages");
        let child = Command::new(program)
            .args(kind.arguments(at, &config))
            .current_dir(at)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(Stdio::null())
            .stdout(File::create(&messages).unwrap())
            .stderr(File::options().append(true).open(&messages).unwrap())
            // Its own group, so that all its workers can be ended with it.
            .process_group(0)
            .spawn()
            .unwrap();
        let mut server = Self { kind, folder, address, is_tls: options.identity.is_some(), child };
        let end = Instant::now() + DEADLINE;
        while TcpStream::connect(address).is_err() {
            if server.is_over() || Instant::now() > end {
                return Err(std::fs::read_to_string(&messages).unwrap());
            }
            thread::sleep(LOOK);
        }
        // Whoever answers must be ours: a server that lost its port to another one ends.
        if server.is_over() { Err("the port was taken".into()) } else { Ok(server) }
    }

    /// Host and port.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns a file's URL.
    pub(crate) fn url(&self, name: &str) -> String {
        format!("{}://{}/{name}", if self.is_tls { "https" } else { "http" }, self.address)
    }

    /// Puts a file into its document root as one step, changed so long ago.
    pub(crate) fn put(&self, name: &str, content: &[u8], changed: SystemTime) {
        let fresh = self.folder.path().join("tmp").join("fresh");
        std::fs::write(&fresh, content).unwrap();
        std::fs::set_permissions(&fresh, Permissions::from_mode(0o644)).unwrap();
        File::options().write(true).open(&fresh).unwrap().set_modified(changed).unwrap();
        std::fs::rename(&fresh, self.folder.path().join("files").join(name)).unwrap();
    }

    /// Ends it once its last answer is out, and returns how many bytes it sent to the client of that name.
    pub(crate) fn sent_to(mut self, user_agent: &str) -> u64 {
        let _ = kill_process(Pid::from_child(&self.child), self.kind.end_in_order());
        self.wait_for_end();
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap();
        let lines = log.lines().filter_map(|line| line.split_once(' '));
        lines.filter(|(_, agent)| *agent == user_agent).map(|(bytes, _)| bytes.parse().unwrap_or(0)).sum()
    }

    fn is_over(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    fn wait_for_end(&mut self) -> bool {
        let end = Instant::now() + DEADLINE / 6;
        while !self.is_over() && Instant::now() < end {
            thread::sleep(LOOK);
        }
        self.is_over()
    }
}

impl Drop for RealServer {
    fn drop(&mut self) {
        let pid = Pid::from_child(&self.child);
        if !self.is_over() {
            let _ = kill_process(pid, Signal::TERM);
            if !self.wait_for_end() {
                let _ = kill_process_group(pid, Signal::KILL);
                let _ = self.child.wait();
            }
        }
        // Workers that outlived it, if any.
        let _ = kill_process_group(pid, Signal::KILL);
    }
}

impl Kind {
    /// The server's program.
    pub(crate) fn program(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Apache => "apache2",
            Self::Lighttpd => "lighttpd",
            Self::Haproxy => "haproxy",
        }
    }

    fn arguments(self, at: &Path, config: &Path) -> Vec<String> {
        let (at, config) = (at.display().to_string(), config.display().to_string());
        match self {
            Self::Nginx => {
                let errors = format!("{at}/messages");
                vec!["-e".into(), errors, "-p".into(), at, "-c".into(), config]
            }
            Self::Apache => vec!["-DFOREGROUND".into(), "-d".into(), at, "-f".into(), config],
            Self::Lighttpd => vec!["-D".into(), "-f".into(), config],
            Self::Haproxy => vec!["-db".into(), "-f".into(), config],
        }
    }

    /// The signal after which it lets its clients finish.
    fn end_in_order(self) -> Signal {
        match self {
            Self::Nginx => Signal::QUIT,
            Self::Apache => Signal::WINCH,
            Self::Lighttpd => Signal::INT,
            Self::Haproxy => Signal::USR1,
        }
    }

    /// The config. The log has a line for each request: bytes sent, and the client's name.
    fn config(self, at: &Path, address: SocketAddr, options: Options<'_>) -> String {
        let port = address.port();
        let is_root = getuid().is_root();
        let at_text = at.display();
        match self {
            Self::Nginx => {
                let mut server = format!("listen 127.0.0.1:{port}");
                if let Some(identity) = options.identity {
                    std::fs::write(at.join("certificate.pem"), &identity.certificate_pem).unwrap();
                    std::fs::write(at.join("key.pem"), &identity.key_pem).unwrap();
                    server += " ssl; ssl_certificate certificate.pem; ssl_certificate_key key.pem";
                }
                if let Some(rate) = options.rate_kib {
                    write!(server, "; limit_rate {rate}k").unwrap();
                }
                if let Some((most, status)) = options.connections {
                    write!(server, "; limit_conn clients {most}; limit_conn_status {status}").unwrap();
                }
                let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
                let temporary = temporary.map(|kind| format!("{kind}_temp_path tmp/{kind};\n")).concat();
                let user = if is_root { "user root;" } else { "" };
                format!(
                    "daemon off; worker_processes 1; pid nginx.pid; {user}\n\
                     events {{}}\n\
                     http {{\n{temporary}\
                     log_format short '$body_bytes_sent $http_user_agent'; access_log log short;\n\
                     limit_conn_zone $binary_remote_addr zone=clients:1m;\n\
                     server {{ {server}; root files; }}\n}}\n"
                )
            }
            Self::Apache => {
                let user = if is_root { "User www-data\nGroup www-data\n" } else { "" };
                let rate = options.rate_kib.map(|rate| {
                    format!(
                        "LoadModule ratelimit_module /usr/lib/apache2/modules/mod_ratelimit.so\n\
                         <Location \"/\">\nSetOutputFilter RATE_LIMIT\nSetEnv rate-limit {rate}\n</Location>\n"
                    )
                });
                format!(
                    "ServerRoot {at_text}\nServerName 127.0.0.1\nListen 127.0.0.1:{port}\n{user}\
                     LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so\n\
                     LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so\n\
                     LoadModule env_module /usr/lib/apache2/modules/mod_env.so\n\
                     PidFile httpd.pid\nDefaultRuntimeDir {at_text}/tmp\nErrorLog {at_text}/messages\n\
                     LogFormat \"%O %{{User-Agent}}i\" short\nCustomLog {at_text}/log short\n\
                     DocumentRoot {at_text}/files\n{}",
                    rate.unwrap_or_default()
                )
            }
            Self::Lighttpd => {
                let rate = options.rate_kib.map(|rate| format!("connection.kbytes-per-second = {rate}\n"));
                // Without a type lighttpd gives no validators; its cache serves a replaced file for a second more.
                format!(
                    "mimetype.assign = (\"\" => \"application/octet-stream\")\n\
                     server.stat-cache-engine = \"disable\"\nserver.modules = (\"mod_accesslog\")\nserver.document-root = \"{at_text}/files\"\n\
                     server.bind = \"127.0.0.1\"\nserver.port = {port}\nserver.upload-dirs = (\"{at_text}/tmp\")\n\
                     accesslog.filename = \"{at_text}/log\"\naccesslog.format = \"%b %{{User-Agent}}i\"\n{}",
                    rate.unwrap_or_default()
                )
            }
            Self::Haproxy => {
                let mut door = address.to_string();
                if let Some(identity) = options.identity {
                    let pem = at.join("identity.pem");
                    std::fs::write(&pem, format!("{}{}", identity.certificate_pem, identity.key_pem))
                        .unwrap();
                    write!(door, " ssl crt {} alpn h2", pem.display()).unwrap();
                }
                let behind = options.behind.unwrap();
                format!(
                    "defaults\nmode http\ntimeout connect 10s\ntimeout client 60s\ntimeout server 60s\n\
                     frontend door\nbind {door} proto h2\ndefault_backend behind\n\
                     backend behind\nserver one {behind}\n"
                )
            }
        }
    }
}
