//! The network changes: waits for it are over at once, and sockets from an address that is gone are dropped.
//!
//! Each test has a network of its own, whose only address is taken away and given back.

use std::os::fd::AsFd;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use toml::toml;

use crate::support::content::first_difference;
use crate::support::machine::{Machine, Outcome};
use crate::support::real;
use crate::support::site::Site;

/// A network namespace; gone when it is dropped.
struct Net {
    name: String,
}

impl Net {
    /// Makes one, or says why there is none.
    fn require() -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        if !rustix::process::geteuid().is_root() || !real::has("ip") {
            #[expect(clippy::print_stderr, reason = "whoever runs the tests wants to know what did not run")]
            {
                eprintln!("skipped: needs root and ip");
            }
            return None;
        }
        let name = format!("haul-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        run(&["netns", "add", &name]);
        let net = Self { name };
        net.ip(&["link", "set", "lo", "up"]);
        Some(net)
    }

    /// Runs `ip` within it.
    fn ip(&self, args: &[&str]) {
        run(&[&["-n", &self.name], args].concat());
    }

    /// Plays a scene within it: servers and programs that are started there belong to it.
    fn within(&self, scene: impl FnOnce() + Send) {
        let path = format!("/run/netns/{}", self.name);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let net = std::fs::File::open(path).unwrap();
                // Only this thread moves, and what it starts.
                move_into_link_name_space(net.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
                scene();
            });
        });
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}

fn run(args: &[&str]) {
    let output = Command::new("ip").args(args).output().unwrap();
    assert!(output.status.success(), "ip {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn assert_whole(site: &Site, machine: &Machine, outcome: &Outcome) {
    assert!(outcome.status.success(), "{}", outcome.told());
    let held = std::fs::read(machine.file("file.bin")).unwrap();
    assert_eq!(first_difference(&held, &site.content("file.bin").unwrap()), None, "{}", outcome.told());
}

#[test]
fn a_new_address_ends_a_wait_that_would_have_been_long() {
    let Some(net) = Net::require() else { return };
    net.within(|| {
        let (site, machine) = (Site::start(None), Machine::new().never_tries_again_by_itself());
        site.serve("file.bin", toml! { size = "1 MiB" });
        net.ip(&["addr", "del", "127.0.0.1/8", "dev", "lo"]);
        let mut running = machine.spawn(&["get", &site.fill("{site}/file.bin")]);
        running.wait_for_words("waits");
        net.ip(&["addr", "add", "127.0.0.1/8", "dev", "lo"]);
        let outcome = running.wait();
        assert_whole(&site, &machine, &outcome);
    });
}

#[test]
fn connections_from_an_address_that_is_gone_are_dropped_and_the_download_goes_on_with_the_next() {
    let Some(net) = Net::require() else { return };
    net.within(|| {
        let (site, machine) = (Site::start(None), Machine::new().never_tries_again_by_itself());
        site.serve("file.bin", toml! { size = "4 MiB" });
        site.hold_after(1 << 20);
        let url = site.fill("{site}/file.bin");
        // No stall ends it: the program waits longer for a silent connection than the test does.
        let mut running = machine.spawn(&["get", &url, "-n", "1"]);
        assert!(site.wait_until_held(|| running.is_over()));
        net.ip(&["addr", "del", "127.0.0.1/8", "dev", "lo"]);
        running.wait_for_words("127.0.0.1 of this machine is gone");
        site.release();
        net.ip(&["addr", "add", "127.0.0.1/8", "dev", "lo"]);
        let outcome = running.wait();
        assert_whole(&site, &machine, &outcome);
    });
}
