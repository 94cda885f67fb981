//! Servers that speak HTTP/2 only: `HAProxy` before a scripted server. It hangs up on whoever offers something else; behind a door of
//! TLS that refuses with an alert it is what most others are.

use std::time::Duration;

use toml::toml;

use crate::support::content::{Held, Version, first_difference};
use crate::support::machine::{Machine, Outcome};
use crate::support::real::{Kind, Options, RealServer, require};
use crate::support::site::Site;
use crate::support::terminator::Terminator;
use crate::support::tls::Identity;

/// A scripted server that is reached in HTTP/2 only, and a machine that trusts it.
struct Scene {
    site: Site,
    machine: Machine,
    authority: String,
    door: Door,
}

enum Door {
    HangsUp(RealServer),
    /// The server behind it lives as long.
    Refuses(Terminator, #[expect(dead_code, reason = "it ends where it is dropped")] RealServer),
}

impl Scene {
    /// One whose door hangs up.
    fn hangs_up() -> Option<Self> {
        let (site, identity) = (Site::start(None), Identity::new());
        let options =
            Options { identity: Some(&identity), behind: Some(site.address()), ..Options::default() };
        let door = Door::HangsUp(require(Kind::Haproxy, options)?);
        Some(Self::of(site, &identity, door))
    }

    /// One whose door refuses with an alert.
    fn refuses() -> Option<Self> {
        let (site, identity) = (Site::start(None), Identity::new());
        let options = Options { behind: Some(site.address()), ..Options::default() };
        let server = require(Kind::Haproxy, options)?;
        let door = Door::Refuses(Terminator::start(&identity, server.address()), server);
        Some(Self::of(site, &identity, door))
    }

    fn of(site: Site, identity: &Identity, door: Door) -> Self {
        let machine = Machine::new();
        let authority = machine.put("ca.pem", &identity.authority_pem).display().to_string();
        Self { site, machine, authority, door }
    }

    fn url(&self, name: &str) -> String {
        match &self.door {
            Door::HangsUp(server) => server.url(name),
            Door::Refuses(terminator, _) => terminator.url(name),
        }
    }

    /// How many connections were let in.
    fn came(&self) -> usize {
        match &self.door {
            Door::HangsUp(_) => panic!("nobody counts them there"),
            Door::Refuses(terminator, _) => terminator.came(),
        }
    }

    fn args<'a>(&'a self, url: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        [&["get", url, "--ca", &self.authority], more].concat()
    }

    fn get(&self, name: &str, more: &[&str]) -> Outcome {
        self.machine.run(&self.args(&self.url(name), more))
    }

    fn assert_whole(&self, name: &str, outcome: &Outcome) {
        assert!(outcome.status.success(), "{}", outcome.told());
        let held = std::fs::read(self.machine.file(name)).unwrap();
        assert_eq!(first_difference(&held, &self.site.content(name).unwrap()), None, "{}", outcome.told());
    }
}

#[test]
fn a_file_comes_whole_over_one_connection_and_over_several() {
    for scene in [Scene::hangs_up(), Scene::refuses()].into_iter().flatten() {
        for (name, connections) in [("one.bin", "1"), ("four.bin", "4")] {
            scene.site.serve(name, toml! { size = "24 MiB" });
            let outcome = scene.get(name, &["-n", connections]);
            scene.assert_whole(name, &outcome);
            let log = scene.site.log();
            let sent: u64 = log.iter().filter(|seen| seen.name == name).map(|seen| seen.sent).sum();
            assert!(sent < 36 << 20, "{name}: {sent} bytes went out for 24 MiB");
        }
    }
}

#[test]
fn each_answer_has_a_connection_of_its_own_and_the_next_one_takes_it_over() {
    let Some(scene) = Scene::refuses() else { return };
    let names: Vec<String> = (0..40).map(|number| format!("{number}.bin")).collect();
    for name in &names {
        scene.site.serve(name, toml! { size = "10 KiB" });
    }
    let list: String = names.iter().map(|name| scene.url(name) + "\n").collect();
    let list = scene.machine.put("list", &list).display().to_string();
    let outcome = scene.machine.run(&["get", "-i", &list, "-j", "4", "--ca", &scene.authority]);
    for name in &names {
        scene.assert_whole(name, &outcome);
    }
    let came = scene.came();
    assert!((1..=8).contains(&came), "{came} connections for 40 files, 4 at a time: {}", outcome.told());
}

#[test]
fn after_a_kill_it_goes_on_where_it_was_and_a_changed_file_starts_over() {
    for is_changed in [false, true] {
        let Some(scene) = Scene::hangs_up() else { return };
        scene.site.serve("file.bin", toml! { size = "16 MiB" });
        let content = scene.site.content("file.bin").unwrap();
        scene.site.hold_after(6 << 20);
        let url = scene.url("file.bin");
        let mut running = scene.machine.spawn(&scene.args(&url, &["-n", "1"]));
        running.wait_for_bytes(&scene.machine.file("file.bin.part"), &content, 4 << 20);
        running.kill();
        let held = Held::of(&scene.machine.file("file.bin.part"), &content).len();
        scene.site.release();
        if is_changed {
            scene.site.change("file.bin", toml! { version = 2 etag = "\"two\"" modified = "fresh" });
        }
        scene.site.forget();
        let outcome = scene.get("file.bin", &["-n", "1"]);
        scene.assert_whole("file.bin", &outcome);
        let log = scene.site.log();
        let first = log.iter().find(|seen| seen.sent > 0).map(|seen| seen.first);
        let least = if is_changed { 0 } else { held - (1 << 20) };
        assert!(first.is_some_and(|first| first >= least), "{held} bytes were held: {first:?}");
        assert!(is_changed || first != Some(0), "it began from nothing: {}", outcome.told());
    }
}

#[test]
fn a_limit_holds_and_what_stops_in_the_middle_is_tried_again() {
    let Some(scene) = Scene::refuses() else { return };
    scene.site.serve("slow.bin", toml! { size = "3 MiB" });
    let began = std::time::Instant::now();
    let outcome = scene.get("slow.bin", &["--limit", "1MiB"]);
    let took = began.elapsed();
    scene.assert_whole("slow.bin", &outcome);
    assert!(took > Duration::from_millis(2700), "3 MiB at 1 MiB/s took {took:?}");
    scene.site.serve("cut.bin", toml! { size = "3 MiB" rule = [{ when = { to = 1 }, cut_after = "1 MiB" }] });
    let outcome = scene.get("cut.bin", &[]);
    scene.assert_whole("cut.bin", &outcome);
}

#[test]
fn an_answer_that_is_reset_without_an_error_is_not_taken_for_a_whole_file() {
    let (identity, machine) = (Identity::new(), Machine::new());
    let content = Version { seed: 7, size: 40_000, flip: Vec::new() }.bytes();
    let door = Terminator::breaking_off(&identity, content.clone());
    let authority = machine.put("ca.pem", &identity.authority_pem).display().to_string();
    let outcome = machine.run(&["get", &door.url("file.bin"), "--ca", &authority, "-n", "1"]);
    assert!(outcome.status.success(), "{}", outcome.told());
    let held = std::fs::read(machine.file("file.bin")).unwrap();
    assert_eq!(first_difference(&held, &content), None, "{} bytes: {}", held.len(), outcome.told());
}
