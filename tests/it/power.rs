//! Power cuts on a real ext4, and kills at each system call that changes the disk: the resumed file is always right.

use std::process::Command;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use toml::{Table, toml};

use crate::support::content::first_difference;
use crate::support::disk::{self, Disk};
use crate::support::machine::{Machine, Running};
use crate::support::real;
use crate::support::site::{DEADLINE, Site};

/// Checkpoints come so often that one always lies between two calls of interest.
const CHECKPOINT: Duration = Duration::from_millis(15);
/// The calls that change the disk, and how many of each are stopped at: the store itself makes many of the first two.
const CALLS: [(&str, &[u32]); 9] = [
    ("pwrite64", &[1, 2, 3, 4, 5, 6, 8, 10, 13, 17, 22, 30, 45, 70]),
    ("fdatasync", &[1, 2, 3, 4, 5, 6, 8, 10, 13, 17]),
    ("fsync", &[1, 2, 3, 4]),
    ("syncfs", &[1]),
    ("renameat2", &[1, 2, 3]),
    ("unlink", &[1, 2, 3]),
    ("unlinkat", &[1, 2]),
    ("fchmod", &[1]),
    ("ftruncate", &[1, 2]),
];
/// How many safe bytes may come again: the end of what was safe may lie within what one write holds.
const BEHIND: u64 = 1 << 20;

/// What the server has, and what it has after the first kill; each `url` gets it.
struct Scene {
    before: Option<(Table, u64)>,
    now: Table,
}

fn fresh() -> Scene {
    Scene { before: None, now: toml! { size = "3 MiB" rate = "24 MiB" } }
}

fn changed() -> Scene {
    Scene {
        before: Some((toml! { size = "3 MiB" modified = "older" }, 1 << 20)),
        now: toml! { size = "3 MiB" rate = "24 MiB" version = 2 etag = "\"two\"" },
    }
}

/// A machine whose files are on a disk, where there is one, that holds all that was written before.
fn machine_on(disk: Option<&Disk>) -> Machine {
    let Some(disk) = disk else { return Machine::within(&std::env::temp_dir(), CHECKPOINT) };
    let machine = Machine::within(&disk.mount_point(), CHECKPOINT);
    disk.settle();
    machine
}

/// What kills a program at the `nth` call of its kind.
fn killer(call: &str, nth: u32) -> Command {
    let mut tracer = Command::new("strace");
    tracer.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e"]);
    tracer.arg(format!("inject={call}:signal=SIGKILL:when={nth}")).arg("--");
    tracer
}

/// Runs a scene into a kill at the `nth` call of its kind, cuts the power where there is a disk to cut, and runs again.
/// Returns whether the call was ever reached.
fn stop_at(call: &str, nth: u32, scene: &Scene, disk: Option<&Disk>) -> bool {
    let machine = machine_on(disk);
    let site = Site::start(None);
    let url = site.fill("{site}/file.bin");
    let args = ["get", &url, "-n", "1"];
    if let Some((before, killed_at)) = &scene.before {
        site.serve("file.bin", before.clone());
        site.hold_after(*killed_at);
        let mut running = machine.spawn(&args);
        assert!(site.wait_until_held(|| running.is_over()));
        running.kill();
        site.release();
    }
    site.serve("file.bin", scene.now.clone());
    let stopped = machine.spawn_under(killer(call, nth), &args).wait();
    let reached = !stopped.status.success();
    if let Some(disk) = disk {
        disk.cut();
    }
    let outcome = machine.get(&args[1..]);
    let history = String::from_utf8_lossy(&machine.run(&["history"]).stdout).into_owned();
    let told =
        format!("stopped at {call} {nth}, {:?} is here: {}\n{history}", machine.names(), outcome.told());
    assert!(outcome.status.success(), "{told}");
    let whole = std::fs::read(machine.file("file.bin")).unwrap_or_else(|error| panic!("{error}: {told}"));
    assert_eq!(first_difference(&whole, &site.content("file.bin").unwrap()), None, "{told}");
    assert_eq!(machine.names(), ["file.bin"], "{told}");
    reached
}

fn stop_everywhere(scene: &Scene, disk: Option<&Disk>) {
    let mut reached = 0;
    for (call, numbers) in CALLS {
        for nth in numbers {
            if !stop_at(call, *nth, scene, disk) {
                break;
            }
            reached += 1;
        }
    }
    assert!(reached > 20, "only {reached} calls were reached: the table of calls is out of date");
}

#[test]
fn a_kill_at_each_call_that_changes_the_disk_leaves_a_file_that_ends_right() {
    if real::has("strace") {
        stop_everywhere(&fresh(), None);
    }
}

#[test]
fn a_power_cut_at_each_call_that_changes_the_disk_leaves_a_file_that_ends_right() {
    if let (true, Some(disk)) = (real::has("strace"), disk::require()) {
        stop_everywhere(&fresh(), Some(&disk));
    }
}

#[test]
fn a_power_cut_while_a_changed_file_is_set_aside_mixes_nothing_and_leaves_nothing() {
    if let (true, Some(disk)) = (real::has("strace"), disk::require()) {
        stop_everywhere(&changed(), Some(&disk));
    }
}

#[test]
fn a_power_cut_costs_no_more_than_what_came_since_the_last_checkpoint() {
    let Some(disk) = disk::require() else { return };
    for connections in ["1", "4"] {
        let machine = Machine::within(&disk.mount_point(), CHECKPOINT);
        let site = Site::start(None);
        site.serve("file.bin", toml! { size = "16 MiB" });
        let url = site.fill("{site}/file.bin");
        let args = ["get", &url, "-n", connections];
        site.hold_after(6 << 20);
        let mut running = machine.spawn(&args);
        assert!(site.wait_until_held(|| running.is_over()));
        let safe = wait_for_checkpoint(&machine, &mut running, 5 << 20);
        running.kill();
        disk.cut();
        site.release();
        site.forget();
        let outcome = machine.get(&args[1..]);
        let whole = std::fs::read(machine.file("file.bin")).unwrap();
        assert_eq!(first_difference(&whole, &site.content("file.bin").unwrap()), None, "{}", outcome.told());
        // What goes out beyond a range that was halved for another connection was never here before.
        let again: u64 = site
            .log()
            .iter()
            .flat_map(|seen| {
                safe.iter().map(move |range| overlap(*range, (seen.first, seen.first + seen.sent)))
            })
            .sum();
        assert!(again <= BEHIND, "{again} bytes came again though {safe:?} was safe");
    }
}

#[test]
fn what_ended_with_success_is_there_after_a_power_cut() {
    let Some(disk) = disk::require() else { return };
    let machine = Machine::within(&disk.mount_point(), CHECKPOINT);
    let site = Site::start(None);
    let names: Vec<String> = (0..20).map(|number| format!("{number}.bin")).collect();
    for (name, size) in names.iter().zip([1_i64, 70_000, 3 << 20].into_iter().cycle()) {
        site.serve(name, toml::Table::from_iter([("size".to_owned(), size.into())]));
    }
    let urls: Vec<String> = names.iter().map(|name| site.fill(&format!("{{site}}/{name}"))).collect();
    let outcome = machine.get(&urls);
    assert!(outcome.status.success(), "{}", outcome.told());
    disk.cut();
    for name in &names {
        let held = std::fs::read(machine.file(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(first_difference(&held, &site.content(name).unwrap()), None, "{name}");
    }
    let listed = machine.run(&["list", "--json"]);
    let completed = String::from_utf8(listed.stdout).unwrap().matches("\"completed\"").count();
    assert_eq!(completed, names.len());
}

/// The calls that change the disk where many small files come, and how many of each are stopped at.
const CALLS_OF_MANY: [(&str, &[u32]); 4] = [
    ("linkat", &[1, 2, 3, 4, 6, 9, 12]),
    ("renameat2", &[1]),
    ("fsync", &[1, 2, 3, 4, 5, 6]),
    ("pwrite64", &[5, 20, 40, 60, 80, 120]),
];
const MANY: usize = 12;

/// Fetches small files into a kill at the `nth` call of its kind, cuts the power where there is a disk to cut, and runs again.
/// Returns whether the call was ever reached.
fn stop_many_at(call: &str, nth: u32, disk: Option<&Disk>) -> bool {
    let machine = machine_on(disk);
    let site = Site::start(None);
    let mut names: Vec<String> = (0..MANY).map(|number| format!("{number:02}.bin")).collect();
    // So small that they leave the server in one write with their headers.
    for (name, size) in names.iter().zip((1000_i64..).step_by(300)) {
        site.serve(name, Table::from_iter([("size".to_owned(), size.into())]));
    }
    let urls: Vec<String> = names.iter().map(|name| site.fill(&format!("{{site}}/{name}"))).collect();
    let args: Vec<&str> = ["get", "-j", "4"].into_iter().chain(urls.iter().map(String::as_str)).collect();
    let reached = !machine.spawn_under(killer(call, nth), &args).wait().status.success();
    if let Some(disk) = disk {
        disk.cut();
    }
    let outcome = machine.get(&args[1..]);
    let told = format!("stopped at {call} {nth}, {:?} is here: {}", machine.names(), outcome.told());
    assert!(outcome.status.success(), "{told}");
    for name in &names {
        let whole = std::fs::read(machine.file(name)).unwrap_or_else(|error| panic!("{error}: {told}"));
        assert_eq!(first_difference(&whole, &site.content(name).unwrap()), None, "{told}");
    }
    names.sort_unstable();
    assert_eq!(machine.names(), names, "{told}");
    reached
}

fn stop_many_everywhere(disk: Option<&Disk>) {
    let mut reached = 0;
    for (call, numbers) in CALLS_OF_MANY {
        reached += numbers.iter().take_while(|nth| stop_many_at(call, **nth, disk)).count();
    }
    assert!(reached > 14, "only {reached} calls were reached: the table of calls is out of date");
}

#[test]
fn a_kill_while_small_files_get_their_names_loses_and_doubles_none() {
    if real::has("strace") {
        stop_many_everywhere(None);
        // Each but the first ones gets its final name at once.
        assert!(!stop_many_at("renameat2", 5, None), "small files go through parts with names");
    }
}

#[test]
fn a_power_cut_while_small_files_get_their_names_loses_and_doubles_none() {
    if let (true, Some(disk)) = (real::has("strace"), disk::require()) {
        stop_many_everywhere(Some(&disk));
    }
}

/// How many bytes two ranges share.
fn overlap(one: (u64, u64), other: (u64, u64)) -> u64 {
    one.1.min(other.1).saturating_sub(one.0.max(other.0))
}

/// Waits until the store holds a checkpoint of at least so many bytes; returns which.
fn wait_for_checkpoint(machine: &Machine, running: &mut Running, bytes: u64) -> Vec<(u64, u64)> {
    let end = Instant::now() + DEADLINE;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    loop {
        assert!(!running.is_over() && Instant::now() < end, "no checkpoint of {bytes} bytes");
        let safe = Connection::open_with_flags(machine.state().join("haul.db"), flags).and_then(|store| {
            store.query_row(
                "SELECT json_extract(checkpoint, '$.safe') FROM downloads WHERE checkpoint NOT NULL",
                [],
                |row| row.get::<_, String>(0),
            )
        });
        let ranges: Vec<(u64, u64)> =
            safe.ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        if ranges.iter().map(|(start, end)| end - start).sum::<u64>() >= bytes {
            return ranges;
        }
        std::thread::yield_now();
    }
}
