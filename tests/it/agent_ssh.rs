//! The agent of another machine, over a real sshd on loopback: every command, a connection that breaks, and a file brought home.

use std::fmt::Write as _;
use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use haul::engine::Holder;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use toml::toml;

use crate::agent::done;
use crate::agent_upgrade::old_agent_of;
use crate::support::content::first_difference;
use crate::support::machine::Machine;
use crate::support::real::{find, has};
use crate::support::site::{DEADLINE, Site};

/// How often a starting server is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// An sshd whose logins have their haul state in a machine's folder. Ends when it is dropped.
struct Sshd {
    folder: TempDir,
    child: Child,
}

impl Sshd {
    /// Starts one; nothing where there is no sshd.
    fn start(machine: &Machine) -> Option<Self> {
        if !(has("sshd") && has("ssh") && has("ssh-keygen")) {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        for key in ["host", "user"] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(at.join(key))
                .stdin(Stdio::null())
                .status();
            assert!(made.unwrap().success());
        }
        std::fs::copy(at.join("user.pub"), at.join("authorized")).unwrap();
        std::fs::create_dir(at.join("bin")).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_haul"), at.join("bin/haul")).unwrap();
        if rustix::process::geteuid().is_root() {
            // Debian's sshd wants it; its service makes it where one runs.
            std::fs::create_dir_all("/run/sshd").unwrap();
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let path = std::env::var("PATH").unwrap_or_default();
        let shown = |path: &Path| path.display().to_string();
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {host}\nAuthorizedKeysFile {authorized}\nPidFile none\n\
             StrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\nPrintMotd no\n\
             SetEnv \"PATH={bin}:{path}\" \"HAUL_STATE_DIR={state}\"\n",
            host = shown(&at.join("host")),
            authorized = shown(&at.join("authorized")),
            bin = shown(&at.join("bin")),
            state = shown(&machine.state()),
        );
        std::fs::write(at.join("sshd_config"), config).unwrap();
        let mut client = String::from("Host box\n");
        for (key, value) in [
            ("HostName", "127.0.0.1".to_owned()),
            ("Port", port.to_string()),
            ("IdentityFile", shown(&at.join("user"))),
            ("IdentitiesOnly", "yes".to_owned()),
            ("StrictHostKeyChecking", "no".to_owned()),
            ("UserKnownHostsFile", shown(&at.join("known"))),
            ("LogLevel", "ERROR".to_owned()),
        ] {
            writeln!(client, "  {key} {value}").unwrap();
        }
        std::fs::write(at.join("ssh_config"), client).unwrap();
        let log = File::create(at.join("log")).unwrap();
        // By its whole path: it starts itself again for each connection.
        let child = Command::new(find("sshd").unwrap())
            .args(["-D", "-e", "-f"])
            .arg(at.join("sshd_config"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut started = Self { folder, child };
        let end = Instant::now() + DEADLINE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let is_over = started.child.try_wait().unwrap().is_some();
            assert!(!is_over && Instant::now() < end, "sshd doesn't start: {}", started.log());
            thread::sleep(LOOK);
        }
        Some(started)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// What haul is to call instead of plain `ssh`.
    fn ssh(&self) -> String {
        format!("ssh -F {}", self.folder.path().join("ssh_config").display())
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The process of a name that a process started.
fn child_of(parent: u32, name: &str) -> Option<u32> {
    std::fs::read_dir("/proc").unwrap().flatten().find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        let (head, tail) = stat.rsplit_once(')')?;
        let is_named = head.split_once('(')?.1 == name;
        let its_parent: u32 = tail.split_whitespace().nth(1)?.parse().ok()?;
        (is_named && its_parent == parent).then_some(pid)
    })
}

#[test]
fn every_command_reaches_another_machine_and_a_file_comes_home() {
    let (site, mut machine) = (Site::start(None), Machine::with_agent());
    let Some(sshd) = Sshd::start(&machine) else { return };
    machine.set("HAUL_SSH", &sshd.ssh());
    site.serve("file.bin", toml! { size = "3 MiB" });
    let (url, there) = (site.fill("{site}/file.bin"), machine.root().join("there"));
    std::fs::create_dir(&there).unwrap();
    let run = |args: &[&str]| {
        let args: Vec<_> = ["--host", "box"].iter().chain(args).copied().collect();
        let outcome = machine.run(&args);
        assert!(outcome.status.success(), "{}\n{}", outcome.told(), sshd.log());
        String::from_utf8(outcome.stdout).unwrap()
    };
    assert_eq!(run(&["add", "-d", there.to_str().unwrap(), &url]).trim(), "1");
    run(&["wait", "1"]);
    assert!(run(&["list"]).contains("file.bin"));
    assert!(run(&["agent", "status"]).contains("agent.sock"));
    let pulled = run(&["pull", "1"]);
    assert_eq!(pulled.trim(), machine.file("file.bin").to_str().unwrap());
    let file = std::fs::read(machine.file("file.bin")).unwrap();
    assert_eq!(first_difference(&file, &site.content("file.bin").unwrap()), None);
    assert_eq!(machine.names(), ["file.bin"]);
}

#[test]
fn a_connection_that_breaks_is_made_again_while_a_command_waits() {
    let (site, mut machine) = (Site::start(None), Machine::with_agent());
    let Some(sshd) = Sshd::start(&machine) else { return };
    machine.set("HAUL_SSH", &sshd.ssh());
    site.serve("file.bin", toml! { size = "4 MiB" });
    site.hold_after(1 << 20);
    let there = machine.downloads();
    let mut getting = machine.spawn(&[
        "--host",
        "box",
        "get",
        "-d",
        there.to_str().unwrap(),
        &site.fill("{site}/file.bin"),
    ]);
    assert!(site.wait_until_held(|| getting.is_over()), "{}\n{}", getting.wait().told(), sshd.log());
    let ssh = child_of(getting.pid(), "ssh").expect("no ssh");
    kill_process(Pid::from_raw(ssh.cast_signed()).unwrap(), Signal::KILL).unwrap();
    let end = Instant::now() + DEADLINE;
    while child_of(getting.pid(), "ssh").is_none_or(|again| again == ssh) {
        assert!(!getting.is_over() && Instant::now() < end, "nobody connects again");
        thread::sleep(LOOK);
    }
    site.release();
    let outcome = getting.wait();
    assert!(outcome.status.success(), "{}\n{}", outcome.told(), sshd.log());
    let file = std::fs::read(machine.file("file.bin")).unwrap();
    assert_eq!(first_difference(&file, &site.content("file.bin").unwrap()), None);
}

#[test]
fn a_machine_that_cannot_be_reached_is_said_to_be() {
    let mut machine = Machine::with_agent();
    if !has("ssh") {
        return;
    }
    machine.set("HAUL_SSH", "ssh -F /dev/null -o BatchMode=yes -p 1");
    let outcome = machine.run(&["--host", "127.0.0.1", "list"]);
    assert_eq!(outcome.status.code(), Some(3), "{}", outcome.told());
    assert!(outcome.stderr.contains("ssh can't connect"), "{}", outcome.told());
    assert_eq!(machine.run(&["--host=-oProxyCommand=touch x", "list"]).status.code(), Some(3));
    assert_eq!(machine.names(), Vec::<String>::new());
}

/// A machine that is reached by a script in place of ssh, which runs what it is told right here.
fn near() -> Machine {
    let mut machine = Machine::with_agent();
    let ssh = machine.put("ssh.sh", "for last; do :; done\nexec sh -c \"$last\"\n");
    let bin = machine.root().join("bin");
    std::fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_haul"), bin.join("haul")).unwrap();
    machine.set("PATH", &format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default()));
    machine.set("HAUL_SSH", &format!("sh {}", ssh.display()));
    machine
}

#[test]
fn looking_at_another_machines_agent_starts_none() {
    let machine = near();
    for (words, code) in [(&["status"][..], 3), (&["log"], 3), (&["stop"], 0)] {
        let outcome = machine.run(&[&["--host", "box", "agent"], words].concat());
        assert_eq!(outcome.status.code(), Some(code), "{words:?}: {}", outcome.told());
        assert!(outcome.stderr.contains("no agent"), "{}", outcome.told());
        assert_eq!(Holder::read(&machine.state()).pid, None, "{words:?} started one");
    }
    done(&machine.run(&["--host", "box", "agent", "start"]));
    assert!(done(&machine.run(&["--host", "box", "agent", "status"])).contains("agent.sock"));
}

#[test]
fn another_machines_agent_of_another_protocol_tells_how_it_is_and_is_stopped() {
    let machine = near();
    let mut old = old_agent_of(&machine, "999");
    assert!(done(&machine.run(&["--host", "box", "agent", "status"])).contains("0.0.1"));
    done(&machine.run(&["--host", "box", "agent", "log"]));
    done(&machine.run(&["--host", "box", "agent", "stop"]));
    assert!(old.wait().unwrap().success());
}

#[test]
fn a_folder_of_this_machine_is_no_flag_for_another_one_and_a_variable_is() {
    let machine = near();
    for flag in ["--state", "--config"] {
        let outcome = machine.run(&["--host", "box", flag, "/nowhere", "list"]);
        assert_eq!(outcome.status.code(), Some(2), "{}", outcome.told());
        assert!(outcome.stderr.contains(&format!("'{flag} <")), "{}", outcome.told());
    }
    done(&machine.run(&["--host", "box", "list"]));
}

#[test]
fn get_on_another_machine_says_where_the_file_is() {
    let (site, machine) = (Site::start(None), near());
    site.serve("file.bin", toml! { size = "64 KiB" });
    site.serve("two.bin", toml! { size = "64 KiB" });
    let get = |name: &str, flags: &[&str]| {
        let url = site.fill(&format!("{{site}}/{name}"));
        done(&machine.run(&[&["--host", "box", "get", &url], flags].concat()))
    };
    let path = get("file.bin", &[]);
    assert!(Path::new(&path).is_absolute() && Path::new(&path).is_file(), "{path}");
    let told: serde_json::Value = serde_json::from_str(&get("two.bin", &["--json"])).unwrap();
    assert_eq!(told["path"].as_str().map(Path::new), Some(&*Path::new(&path).with_file_name("two.bin")));
}
