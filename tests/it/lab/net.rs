//! Network namespaces for a lab: a server's, a client's, another client's, each with one end of the bottleneck.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Command, Stdio};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// The addresses of the lab: the server, and two hosts behind one line.
pub(super) const SERVER: &str = "10.77.0.1";
pub(super) const HERE: &str = "10.77.0.2";
pub(super) const ELSEWHERE: &str = "10.77.0.3";

/// A network namespace, gone when it is dropped.
pub(super) struct Space {
    name: String,
}

impl Space {
    /// Makes a namespace with a loopback interface.
    pub(super) fn new(name: &str) -> Self {
        let name = format!("haul-lab-{}-{name}", std::process::id());
        let space = Self { name };
        ip(&["netns", "add", &space.name]);
        space.ip(&["link", "set", "lo", "up"]);
        space
    }

    /// Runs `ip` in it.
    pub(super) fn ip(&self, words: &[&str]) {
        ip(&[&["-n", &self.name], words].concat());
    }

    /// Gives its end of the bottleneck an address, and its senders a way to react to loss.
    pub(super) fn connect(&self, address: &str, congestion: &str, batch: Option<u32>) {
        self.ip(&["addr", "add", &format!("{address}/24"), "dev", "wan"]);
        if let Some(segments) = batch {
            let bytes = (segments * 1514).to_string();
            self.ip(&["link", "set", "wan", "gso_max_segs", &segments.to_string(), "gso_max_size", &bytes]);
        }
        self.ip(&["link", "set", "wan", "up"]);
        self.ip(&["route", "replace", "10.77.0.0/24", "dev", "wan", "src", address, "congctl", congestion]);
        self.inside(|| {
            // Nothing is remembered from one run to the next; an echo may be sent by everybody, as on most systems.
            let _ = std::fs::write("/proc/sys/net/ipv4/tcp_no_metrics_save", "1");
            let _ = std::fs::write("/proc/sys/net/ipv4/ping_group_range", "0 2147483647");
        });
    }

    /// A command that runs in it, to which a program and its words are added.
    pub(super) fn command(&self) -> Command {
        // A session of its own, as the agent has: the processor is shared out by sessions.
        let mut command = Command::new("setsid");
        command.args(["ip", "netns", "exec", &self.name]);
        command
    }

    /// Does something on a thread that is in it: sockets that are opened there stay there.
    pub(super) fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let entry = self.entry();
        std::thread::scope(|scope| {
            let thread = scope.spawn(move || {
                move_into_link_name_space(entry.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
                work()
            });
            thread.join().unwrap()
        })
    }

    fn entry(&self) -> OwnedFd {
        File::open(format!("/run/netns/{}", self.name)).unwrap().into()
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.name]).stderr(Stdio::null()).status();
    }
}

fn ip(words: &[&str]) {
    let done = Command::new("ip").args(words).output().unwrap();
    assert!(done.status.success(), "ip {}: {}", words.join(" "), String::from_utf8_lossy(&done.stderr));
}

/// Whether a lab can be built here: by root, with namespaces, TUN and `ip`. Says what is missing, or fails where nothing may be skipped.
pub(super) fn is_possible() -> bool {
    static LAST: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = LAST.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let name = format!("haul-lab-{}-try-{number}", std::process::id());
    let run = |words: &[&str]| {
        Command::new("ip")
            .args(words)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|s| s.success())
    };
    let missing = if !rustix::process::geteuid().is_root() {
        "root"
    } else if !std::path::Path::new("/dev/net/tun").exists() {
        "/dev/net/tun"
    } else if !run(&["netns", "add", &name]) {
        "network namespaces, or iproute2"
    } else {
        run(&["netns", "del", &name]);
        return true;
    };
    // A machine without namespaces can't be given them by installing something: that is no failure of the gate.
    #[expect(clippy::print_stderr, reason = "a test that did not run must say so")]
    {
        eprintln!("skipped: the lab needs {missing}");
    }
    false
}
