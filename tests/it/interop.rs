//! The program against real servers. Each test starts its own; one that is not installed is said and skipped.

use std::time::{Duration, SystemTime};

use crate::support::content::{Held, Version, first_difference};
use crate::support::machine::{Machine, Outcome};
use crate::support::real::{Kind, Options, RealServer, require};
use crate::support::tls::Identity;

const SIZE: u64 = 16 << 20;
/// Where a download is killed.
const KILLED_AT: u64 = 4 << 20;
/// So that a download lasts long enough to be killed.
const SLOW: Options<'static> =
    Options { rate_kib: Some(8 * 1024), connections: None, identity: None, behind: None, at: None };
/// What a connection may fetch again of what was on disk: the last write, which may not be noted, and a head.
const AGAIN: u64 = 512 << 10;
const DAY: Duration = Duration::from_hours(24);
const ALL: [Kind; 3] = [Kind::Nginx, Kind::Apache, Kind::Lighttpd];

fn version(seed: u64) -> Version {
    Version { seed, size: SIZE, flip: Vec::new() }
}

fn days_ago(days: u32) -> SystemTime {
    SystemTime::now() - days * DAY
}

/// Gets the file until it is killed at [`KILLED_AT`]; returns how many bytes are on disk then.
fn get_and_kill(machine: &Machine, server: &RealServer, content: &[u8], connections: &str) -> u64 {
    let url = server.url("file.bin");
    let mut running = machine.spawn(&["get", &url, "-n", connections, "--user-agent", "first"]);
    running.wait_for_bytes(&machine.file("file.bin.part"), content, KILLED_AT);
    running.kill();
    Held::of(&machine.file("file.bin.part"), content).len()
}

fn assert_whole(server: &RealServer, machine: &Machine, outcome: &Outcome, content: &[u8]) {
    let told = format!("{:?}: {}", server.kind, outcome.told());
    assert!(outcome.status.success(), "{told}");
    let held = std::fs::read(machine.file("file.bin")).unwrap();
    assert_eq!(first_difference(&held, content), None, "{told}");
    assert_eq!(machine.names(), ["file.bin"], "{told}");
}

#[test]
fn a_plain_get_from_each_server_is_whole() {
    for server in ALL.into_iter().filter_map(|kind| require(kind, Options::default())) {
        let machine = Machine::new();
        server.put("file.bin", &version(1).bytes(), days_ago(1));
        let outcome = machine.get(&[server.url("file.bin")]);
        assert_whole(&server, &machine, &outcome, &version(1).bytes());
    }
}

#[test]
fn nginx_serves_over_https_to_whoever_trusts_its_authority() {
    let identity = Identity::new();
    let options = Options { identity: Some(&identity), ..Options::default() };
    let Some(server) = require(Kind::Nginx, options) else { return };
    let machine = Machine::new();
    server.put("file.bin", &version(1).bytes(), days_ago(1));
    let refused = machine.get(&[server.url("file.bin")]);
    assert_eq!(refused.status.code(), Some(1), "{}", refused.told());
    let authority = machine.put("authority.pem", &identity.authority_pem).display().to_string();
    let outcome = machine.get(&[&server.url("file.bin"), "--ca", &authority]);
    assert_whole(&server, &machine, &outcome, &version(1).bytes());
}

/// How often a kill is tried: on a busy machine a server's socket takes megabytes that nobody reads before they are given to another
/// connection, and the server counts them as sent.
const TRIES: usize = 3;

#[test]
fn after_a_kill_only_what_was_on_its_way_comes_again() {
    for kind in ALL {
        for connections in [1, 4] {
            let tried = (0..TRIES).map_while(|_| sent_again(kind, connections));
            let told: Vec<_> = tried.take_while(Result::is_err).filter_map(Result::err).collect();
            assert!(told.len() < TRIES, "{told:?}");
        }
    }
}

/// Kills a download, goes on with it, and says what was sent where that is more than what lacked; nothing without the server.
fn sent_again(kind: Kind, connections: u64) -> Option<Result<(), String>> {
    let server = require(kind, SLOW)?;
    let (machine, content) = (Machine::new(), version(1).bytes());
    server.put("file.bin", &content, days_ago(1));
    let connections_text = connections.to_string();
    let held = get_and_kill(&machine, &server, &content, &connections_text);
    let outcome = machine.get(&[&server.url("file.bin"), "--user-agent", "second", "-n", &connections_text]);
    assert_whole(&server, &machine, &outcome, &content);
    let sent = server.sent_to("second");
    let told = format!("{kind:?} sent {sent}, {held} of {SIZE} were on disk; {}", outcome.told());
    Some(if sent <= SIZE - held + connections * AGAIN { Ok(()) } else { Err(told) })
}

#[test]
fn a_file_that_was_swapped_after_the_kill_is_never_mixed() {
    for server in ALL.into_iter().filter_map(|kind| require(kind, SLOW)) {
        for connections in ["1", "4"] {
            let machine = Machine::new();
            server.put("file.bin", &version(1).bytes(), days_ago(2));
            get_and_kill(&machine, &server, &version(1).bytes(), connections);
            server.put("file.bin", &version(2).bytes(), days_ago(1));
            let outcome = machine.get(&[server.url("file.bin")]);
            // lighttpd goes on serving the file that it has open while an answer that was cut off is still in its hands.
            let still_old = server.kind == Kind::Lighttpd
                && std::fs::read(machine.file("file.bin")).is_ok_and(|held| *held == *version(1).bytes());
            let served = if still_old { version(1) } else { version(2) };
            assert_whole(&server, &machine, &outcome, &served.bytes());
        }
    }
}

#[test]
fn two_versions_of_one_second_are_told_apart_though_nginx_gives_them_one_tag() {
    let Some(server) = require(Kind::Nginx, SLOW) else { return };
    let (machine, second) = (Machine::new(), SystemTime::now());
    server.put("file.bin", &version(1).bytes(), second);
    get_and_kill(&machine, &server, &version(1).bytes(), "4");
    server.put("file.bin", &version(2).bytes(), second);
    let outcome = machine.get(&[server.url("file.bin")]);
    assert_whole(&server, &machine, &outcome, &version(2).bytes());
}

#[test]
fn a_file_that_became_shorter_than_what_is_here_begins_anew() {
    for server in ALL.into_iter().filter_map(|kind| require(kind, SLOW)) {
        let (machine, shorter) = (Machine::new(), Version { size: 1 << 20, ..version(2) });
        server.put("file.bin", &version(1).bytes(), days_ago(2));
        get_and_kill(&machine, &server, &version(1).bytes(), "1");
        server.put("file.bin", &shorter.bytes(), days_ago(1));
        // The server says 416 now.
        let outcome = machine.get(&[server.url("file.bin")]);
        assert_whole(&server, &machine, &outcome, &shorter.bytes());
    }
}

#[test]
fn a_server_that_takes_two_connections_and_refuses_more_is_no_failure() {
    for status in [503, 429] {
        let options = Options { connections: Some((2, status)), ..SLOW };
        let Some(server) = require(Kind::Nginx, options) else { return };
        let machine = Machine::new();
        server.put("file.bin", &version(1).bytes(), days_ago(1));
        let outcome = machine.get(&[&server.url("file.bin"), "-n", "4"]);
        assert_whole(&server, &machine, &outcome, &version(1).bytes());
    }
}
