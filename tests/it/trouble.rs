//! What a machine may do to a download: quotas, disks that fail or go away, links in its way, limits on files.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use haul::engine::Holder;
use rustix::process::{Pid, Signal, kill_process};
use toml::toml;

use crate::support::content::first_difference;
use crate::support::disk::require_small;
use crate::support::machine::{Machine, Outcome};
use crate::support::real;
use crate::support::site::{DEADLINE, Site};

/// A download of 4 MiB that was interrupted in its middle.
fn interrupted() -> (Site, Machine, String) {
    let (site, machine) = (Site::start(None), Machine::new());
    site.serve("file.bin", toml! { size = "4 MiB" });
    let url = site.fill("{site}/file.bin");
    site.hold_after(2 << 20);
    let mut running = machine.spawn(&["get", &url, "-n", "1"]);
    assert!(site.wait_until_held(|| running.is_over()));
    running.interrupt();
    site.release();
    site.forget();
    (site, machine, url)
}

fn assert_whole(site: &Site, machine: &Machine, outcome: &Outcome) {
    assert!(outcome.status.success(), "{}", outcome.told());
    let held = std::fs::read(machine.file("file.bin")).unwrap();
    assert_eq!(first_difference(&held, &site.content("file.bin").unwrap()), None, "{}", outcome.told());
}

#[test]
fn a_write_that_fails_costs_no_byte_that_was_written_and_says_what_it_was() {
    if !real::has("strace") {
        return;
    }
    for (error, status, words) in [
        ("EDQUOT", 130, "no space"),
        ("ENOSPC", 130, "no space"),
        ("ESTALE", 0, ""),
        ("EIO", 1, "input/output error"),
        ("EFBIG", 1, "another file system"),
        ("EROFS", 1, "read-only"),
    ] {
        let (site, machine, url) = interrupted();
        let mut tracer = Command::new("strace");
        tracer.args(["-f", "-qq", "-o", "/dev/null", "-P"]);
        tracer.arg(machine.file("file.bin.part").canonicalize().unwrap());
        let inject = format!("inject=pwrite64:error={error}:when=1");
        tracer.args(["-e", "trace=pwrite64", "-e", &inject, "--"]);
        let mut running = machine.spawn_under(tracer, &["get", &url, "-n", "1"]);
        if status == 130 {
            // It would try again by itself in half a minute: the disk says that there is room.
            running.wait_for_words(words);
            let pid = Holder::read(&machine.state()).pid.unwrap();
            kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), Signal::INT).unwrap();
        }
        let outcome = running.wait();
        assert_eq!(outcome.status.code(), Some(status), "{error}: {}", outcome.told());
        assert!(outcome.stderr.to_lowercase().contains(words), "{error}: {}", outcome.told());
        assert_eq!(machine.file("file.bin").exists(), status == 0, "{error}");
        assert_whole(&site, &machine, &machine.get(&[&url]));
        let again = site.log().iter().filter(|seen| seen.sent > 0 && seen.first < 1 << 20).count();
        assert_eq!(again, 0, "{error}: bytes that were here came again");
    }
}

#[test]
fn a_limit_on_the_size_of_files_fails_the_download_and_not_the_program() {
    let (site, machine) = (Site::start(None), Machine::new());
    site.serve("file.bin", toml! { size = "16 MiB" });
    site.serve("small", toml! { size = "1 MiB" });
    let (url, small) = (site.fill("{site}/file.bin"), site.fill("{site}/small"));
    let mut limited = Command::new("sh");
    // Shells count in half or whole kibibytes.
    limited.args(["-c", "ulimit -f 8192 && exec \"$0\" \"$@\""]);
    let outcome = machine.spawn_under(limited, &["get", &url, &small]).wait();
    assert_eq!(outcome.status.code(), Some(1), "{}", outcome.told());
    assert!(outcome.stderr.contains("too large"), "{}", outcome.told());
    assert_eq!(machine.names(), ["file.bin.part", "file.bin.part.haul", "small"]);
    assert_whole(&site, &machine, &machine.get(&[&url]));
}

#[test]
fn few_descriptors_slow_it_down_and_fail_nothing() {
    let (site, machine) = (Site::start(None), Machine::new());
    let names: Vec<_> = (0..60).map(|number| format!("file{number}")).collect();
    let mut args = vec!["get".to_owned(), "-j".into(), "60".into()];
    for name in &names {
        site.serve(name, toml! { size = "300 KiB" rate = "600 KiB" });
        args.push(site.fill(&format!("{{site}}/{name}")));
    }
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -n 64 && exec \"$0\" \"$@\""]);
    let outcome = machine.spawn_under(limited, &args).wait();
    assert!(outcome.status.success(), "{}", outcome.told());
    assert_eq!(machine.names().len(), names.len(), "{}", outcome.told());
}

#[test]
fn many_small_files_that_wait_for_their_names_leave_descriptors_for_others() {
    let (site, machine) = (Site::start(None), Machine::new());
    let names: Vec<_> = (0..400).map(|number| format!("file{number:03}")).collect();
    let mut args = vec!["get".to_owned(), "-j".into(), "16".into()];
    for name in &names {
        site.serve(name, toml! { size = "2 KiB" });
        args.push(site.fill(&format!("{{site}}/{name}")));
    }
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -n 72 && exec \"$0\" \"$@\""]);
    let outcome = machine.spawn_under(limited, &args).wait();
    assert!(outcome.status.success(), "{}", outcome.told());
    assert!(!outcome.stderr.contains("Too many open files"), "{}", outcome.told());
    assert_eq!(machine.names(), names, "{}", outcome.told());
}

#[test]
fn a_folder_that_went_away_is_waited_for_and_never_made() {
    let (site, machine) = (Site::start(None), Machine::new());
    let (here, away) = (machine.file("here"), machine.file("away"));
    std::fs::create_dir(&here).unwrap();
    site.serve("file.bin", toml! { size = "4 MiB" });
    let args = ["get", &site.fill("{site}/file.bin"), "-n", "1", "-d", "here"];
    site.hold_after(2 << 20);
    let mut running = machine.spawn(&args);
    assert!(site.wait_until_held(|| running.is_over()));
    running.interrupt();
    site.release();
    site.forget();
    std::fs::rename(&here, &away).unwrap();
    assert_eq!(machine.run(&args).status.code(), Some(2));
    let resumed = machine.run(&["resume", "1"]);
    assert!(resumed.status.success(), "{}", resumed.told());
    let mut waiting = machine.spawn(&["wait", "1"]);
    waiting.wait_for_words("here is away");
    assert!(!here.exists(), "the folder was made");
    std::fs::rename(&away, &here).unwrap();
    let outcome = waiting.wait();
    assert!(outcome.status.success(), "{}", outcome.told());
    let held = std::fs::read(here.join("file.bin")).unwrap();
    assert_eq!(first_difference(&held, &site.content("file.bin").unwrap()), None, "{}", outcome.told());
    assert!(site.log().iter().all(|seen| seen.first > 1 << 20), "it began anew");
}

#[test]
fn links_where_its_files_would_be_are_never_written_through() {
    let (site, machine) = (Site::start(None), Machine::new());
    let outside = machine.put("precious", "mine");
    let nowhere = machine.root().join("nowhere");
    for (at, name) in ["name", "name.part", "name.part.haul"].into_iter().enumerate() {
        for (number, target) in [&outside, &nowhere].into_iter().enumerate() {
            let file = format!("file{at}{number}");
            site.serve(&file, toml! { size = "4 MiB" });
            symlink(target, machine.file(&name.replace("name", &file))).unwrap();
            let outcome = machine.get(&[&site.fill(&format!("{{site}}/{file}"))]);
            assert!(outcome.status.success(), "{name}: {}", outcome.told());
            let path = String::from_utf8(outcome.stdout.clone()).unwrap();
            let held = std::fs::read(path.trim_end()).unwrap();
            let served = site.content(&file).unwrap();
            assert_eq!(first_difference(&held, &served), None, "{name}: {}", outcome.told());
            let facts = std::fs::symlink_metadata(path.trim_end()).unwrap();
            assert!(facts.is_file(), "{name}: {path} is a link");
        }
    }
    assert_eq!(std::fs::read_to_string(outside).unwrap(), "mine");
    assert!(!nowhere.exists());
}

#[test]
fn what_an_agent_can_not_store_is_not_added() {
    let Some(disk) = require_small(16) else { return };
    let machine = Machine::with_agent();
    std::fs::remove_dir(machine.state()).unwrap();
    std::fs::set_permissions(disk.folder(), std::fs::Permissions::from_mode(0o700)).unwrap();
    symlink(disk.folder(), machine.state()).unwrap();
    let held = machine.run(&["hold"]);
    assert!(held.status.success(), "{}", held.told());
    disk.fill();
    let there = machine.downloads().display().to_string();
    let mut stored = 0;
    let refused = (0..60).find_map(|batch| {
        let links: Vec<_> = (0..200).map(|number| format!("http://127.0.0.1:9/{batch}/{number}")).collect();
        let links = links.join("\n");
        let list = machine.put("list", &links);
        let outcome = machine.run(&["add", "-d", &there, "-i", list.to_str().unwrap()]);
        stored += 200 * usize::from(outcome.status.success());
        (!outcome.status.success()).then_some(outcome)
    });
    let refused = refused.expect("the disk is never full");
    assert_eq!(refused.status.code(), Some(3), "{}", refused.told());
    let count = || {
        let listed = machine.run(&["list", "--json"]);
        assert!(listed.status.success(), "{}", listed.told());
        String::from_utf8_lossy(&listed.stdout).lines().count()
    };
    assert_eq!(count(), stored, "{}", refused.told());
    disk.make_room();
    assert!(machine.run(&["agent", "stop"]).status.success());
    assert_eq!(count(), stored);
}

#[test]
fn a_store_on_a_full_disk_is_told_and_holds_what_it_held() {
    let Some(disk) = require_small(16) else { return };
    let site = Site::start(None);
    let machine = Machine::new();
    std::fs::remove_dir(machine.state()).unwrap();
    symlink(disk.folder(), machine.state()).unwrap();
    site.serve("file.bin", toml! { size = "4 MiB" });
    let url = site.fill("{site}/file.bin");
    site.hold_after(2 << 20);
    let mut running = machine.spawn(&["get", &url, "-n", "1"]);
    assert!(site.wait_until_held(|| running.is_over()));
    running.interrupt();
    site.release();
    disk.fill();
    let outcome = machine.run(&["get", &url, "-n", "1"]);
    assert!(!outcome.status.success(), "{}", outcome.told());
    assert!(
        outcome.stderr.to_lowercase().contains("full") || outcome.stderr.contains("space"),
        "{}",
        outcome.told()
    );
    disk.make_room();
    assert_whole(&site, &machine, &machine.run(&["get", &url]));
    let listed = machine.run(&["list", "--json"]);
    assert_eq!(String::from_utf8_lossy(&listed.stdout).lines().count(), 1, "{}", listed.told());
}

#[test]
fn links_that_a_host_always_puts_off_keep_its_others_from_nothing() {
    let (site, machine) = (Site::start(None), Machine::with_agent());
    for name in ["busy-1", "busy-2", "busy-3"] {
        site.serve(
            name,
            toml! { rule = [{ when = { from = 1 }, status = 429, headers = { Retry-After = "1" } }] },
        );
    }
    for name in ["a", "b", "c"] {
        site.serve(name, toml! { size = "64 KiB" });
    }
    let urls =
        ["busy-1", "busy-2", "busy-3", "a", "b", "c"].map(|name| site.fill(&format!("{{site}}/{name}")));
    let folder = machine.downloads().display().to_string();
    let mut words = vec!["add", "-d", folder.as_str()];
    words.extend(urls.iter().map(String::as_str));
    assert!(machine.run(&words).status.success());
    let outcome = machine.run(&["wait", "4-6", "--timeout", "20s"]);
    assert!(outcome.status.success(), "{}", outcome.told());
    assert_eq!(machine.names(), ["a", "b", "c"]);
}

#[test]
fn a_part_that_somebody_cuts_while_it_runs_is_never_finished_with_a_hole() {
    for left in [0, 500_000] {
        let (site, machine) = (Site::start(None), Machine::new());
        site.serve("file.bin", toml! { size = "8 MiB" });
        let content = site.content("file.bin").unwrap();
        site.hold_after(4 << 20);
        let mut running = machine.spawn(&["get", &site.fill("{site}/file.bin"), "-n", "1"]);
        assert!(site.wait_until_held(|| running.is_over()));
        // All that was let through: who still writes at that moment may not see it before the end.
        running.wait_for_bytes(&machine.file("file.bin.part"), &content, 4 << 20);
        std::fs::OpenOptions::new()
            .write(true)
            .open(machine.file("file.bin.part"))
            .and_then(|part| part.set_len(left))
            .unwrap();
        site.release();
        let outcome = running.wait();
        assert_eq!(outcome.status.code(), Some(1), "{}", outcome.told());
        assert!(outcome.stderr.contains("became shorter"), "{}", outcome.told());
        assert!(!machine.names().contains(&"file.bin".to_owned()), "{:?}", machine.names());
        // Only from the first byte on is anything of it sure.
        assert!(machine.run(&["retry", "1"]).status.success());
        assert!(machine.run(&["wait", "all"]).status.success());
        let whole = std::fs::read(machine.file("file.bin")).unwrap();
        assert_eq!(first_difference(&whole, &content), None);
    }
}

#[test]
fn a_part_that_is_deleted_while_it_runs_ends_it_then_and_not_when_all_was_fetched_for_nothing() {
    let (site, machine) = (Site::start(None), Machine::new());
    site.serve("file.bin", toml! { size = "64 MiB" rate = "32 MiB" });
    let content = site.content("file.bin").unwrap();
    site.hold_after(4 << 20);
    let mut running = machine.spawn(&["get", &site.fill("{site}/file.bin"), "-n", "1"]);
    assert!(site.wait_until_held(|| running.is_over()));
    running.wait_for_bytes(&machine.file("file.bin.part"), &content, 2 << 20);
    std::fs::remove_file(machine.file("file.bin.part")).unwrap();
    site.release();
    let outcome = running.wait();
    assert_eq!(outcome.status.code(), Some(1), "{}", outcome.told());
    assert!(outcome.stderr.contains("file.bin.part is gone"), "{}", outcome.told());
    let sent: u64 = site.log().iter().map(|seen| seen.sent).sum();
    assert!(sent < 32 << 20, "{sent} bytes came");
}

#[test]
fn a_folder_that_is_away_when_all_is_here_is_waited_for() {
    let (site, machine) = (Site::start(None), Machine::with_agent());
    site.serve("file.bin", toml! { size = "4 MiB" });
    let content = site.content("file.bin").unwrap();
    let (folder, away) = (machine.file("to"), machine.file("away"));
    std::fs::create_dir(&folder).unwrap();
    site.hold_after(2 << 20);
    let url = site.fill("{site}/file.bin");
    let added = machine.run(&["add", &url, "-n", "1", "-d", &folder.display().to_string()]);
    assert!(added.status.success(), "{}", added.told());
    assert!(site.wait_until_held(|| false));
    std::fs::rename(&folder, &away).unwrap();
    site.release();
    let row = || String::from_utf8(machine.run(&["list", "--json"]).stdout).unwrap();
    let wait = |what: &str| {
        let end = Instant::now() + DEADLINE;
        while !row().contains(what) {
            assert!(Instant::now() < end, "no {what}: {}", row());
            thread::sleep(Duration::from_millis(20));
        }
    };
    wait("folder_away");
    std::fs::rename(&away, &folder).unwrap();
    wait("\"completed\"");
    assert_eq!(first_difference(&std::fs::read(folder.join("file.bin")).unwrap(), &content), None);
}
