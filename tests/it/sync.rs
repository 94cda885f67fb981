//! Disks that fail to make bytes safe: what a failed sync may have lost never becomes a file.

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use toml::toml;

use crate::support::content::first_difference;
use crate::support::machine::{Machine, Outcome};
use crate::support::real;
use crate::support::site::Site;

/// Runs the program under a tracer that makes the first `call` fail; with `on`, only the first on that file.
fn with_failing(call: &str, how: &str, on: Option<&Path>, machine: &Machine, args: &[&str]) -> Outcome {
    let mut tracer = Command::new("strace");
    tracer.args(["-f", "-qq", "-o", "/dev/null"]);
    if let Some(file) = on {
        tracer.arg("-P").arg(file.canonicalize().unwrap());
    }
    tracer.args(["-e", &format!("trace={call}"), "-e", &format!("inject={call}:{how}"), "--"]);
    machine.spawn_under(tracer, args).wait()
}

fn assert_whole(site: &Site, machine: &Machine, outcome: &Outcome) {
    assert!(outcome.status.success(), "{}", outcome.told());
    let held = std::fs::read(machine.file("file.bin")).unwrap();
    assert_eq!(first_difference(&held, &site.content("file.bin").unwrap()), None, "{}", outcome.told());
}

/// The disk had said that it failed, and this is what it meant.
fn lose_all_behind(part: &Path, safe: u64) {
    let file = std::fs::File::options().write(true).open(part).unwrap();
    let len = usize::try_from(file.metadata().unwrap().len() - safe).unwrap();
    file.write_all_at(&vec![0; len], safe).unwrap();
}

#[test]
fn a_failed_sync_at_the_end_publishes_nothing_and_a_retry_fetches_what_was_not_safe() {
    if !real::has("strace") {
        return;
    }
    let (site, machine) = (Site::start(None), Machine::new());
    site.serve("file.bin", toml! { size = "4 MiB" });
    let url = site.fill("{site}/file.bin");
    site.hold_after(2 << 20);
    let mut running = machine.spawn(&["get", &url, "-n", "1"]);
    assert!(site.wait_until_held(|| running.is_over()));
    running.interrupt();
    site.release();
    let part = machine.file("file.bin.part");
    let args = ["get", url.as_str(), "-n", "1"];
    let outcome = with_failing("fsync", "error=EIO:when=1", Some(&part), &machine, &args);
    assert_eq!(outcome.status.code(), Some(1), "{}", outcome.told());
    assert!(outcome.stderr.contains("can't make safe"), "{}", outcome.told());
    assert!(!machine.file("file.bin").exists());
    lose_all_behind(&part, 2 << 20);
    let outcome = machine.get(&[&url]);
    assert_whole(&site, &machine, &outcome);
    assert_eq!(machine.names(), ["file.bin"]);
}

#[test]
fn a_failed_sync_on_the_way_is_told_and_what_came_since_is_fetched_again() {
    if !real::has("strace") {
        return;
    }
    let (site, machine) =
        (Site::start(None), Machine::within(&std::env::temp_dir(), Duration::from_millis(15)));
    site.serve("file.bin", toml! { size = "4 MiB" rate = "8 MiB" });
    let url = site.fill("{site}/file.bin");
    let outcome = with_failing("fdatasync", "error=EIO:when=1", None, &machine, &["get", &url, "-n", "1"]);
    assert_whole(&site, &machine, &outcome);
    let from_zero = site.log().iter().filter(|seen| seen.first == 0).count();
    assert_eq!(from_zero, 2, "{}", outcome.told());
    let told = String::from_utf8(machine.run(&["history"]).stdout).unwrap();
    assert!(told.contains("could not make bytes safe"), "{told}");
}

#[test]
fn a_sync_that_fails_late_reaches_the_run_that_took_up_the_bytes() {
    if !real::has("strace") {
        return;
    }
    let (site, machine) = (Site::start(None), Machine::new());
    // The first answer breaks off; the sync at the end of its run takes long, and fails while the next run goes on.
    site.serve(
        "file.bin",
        toml! { size = "4 MiB"
        rule = [{ when = { to = 1 }, cut_after = "1 MiB" }, { when = { to = 2 }, rate = "3 MiB" }] },
    );
    let url = site.fill("{site}/file.bin");
    let how = "error=EIO:delay_enter=400000:when=1";
    let outcome = with_failing("fdatasync", how, None, &machine, &["get", &url, "-n", "1"]);
    assert_whole(&site, &machine, &outcome);
    let from_zero = site.log().iter().filter(|seen| seen.first == 0).count();
    assert_eq!(from_zero, 2, "{}", outcome.told());
}
