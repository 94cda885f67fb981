//! Disks that are too small: room is granted in queue order, what doesn't fit waits and goes on by itself when room returns.

use std::path::Path;

use haul::engine::Holder;
use toml::toml;

use crate::agent::{agent, done, kill};
use crate::support::content::first_difference;
use crate::support::disk::require_small;
use crate::support::machine::{Machine, Outcome, wait_until_free};
use crate::support::site::Site;

fn assert_file(site: &Site, folder: &Path, name: &str, outcome: &Outcome) {
    let held = std::fs::read(folder.join(name)).unwrap_or_default();
    assert_eq!(first_difference(&held, &site.content(name).unwrap()), None, "{name}: {}", outcome.told());
}

/// What `haul history` tells.
fn history(machine: &Machine) -> String {
    String::from_utf8(machine.run(&["history"]).stdout).unwrap()
}

#[test]
fn what_does_not_fit_waits_while_what_fits_behind_it_goes_on_and_goes_on_itself_when_room_returns() {
    let Some(disk) = require_small(24) else { return };
    let (site, machine) = (Site::start(None), Machine::with_agent());
    site.serve("first", toml! { size = "12 MiB" });
    site.serve("large", toml! { size = "16 MiB" });
    site.serve("small", toml! { size = "4 MiB" });
    let urls = ["first", "large", "small"].map(|name| site.fill(&format!("{{site}}/{name}")));
    let folder = disk.folder().display().to_string();
    // The first one's size is known, and its room promised, before the others ask.
    site.hold_after(1 << 20);
    let added = machine.run(&["add", &urls[0], "-d", &folder]);
    assert!(added.status.success(), "{}", added.told());
    assert!(site.wait_until_held(|| false), "nobody downloads");
    let mut running = machine.spawn(&["get", &urls[1], &urls[2], "-j", "3", "-n", "1", "-d", &folder]);
    running.wait_for_words("no space: needs ");
    site.release();
    let small = disk.folder().join("small");
    let first = disk.folder().join("first");
    running.wait_for_files(&[&first, &small]);
    assert!(!disk.folder().join("large").exists());
    std::fs::remove_file(first).unwrap();
    let outcome = running.wait();
    assert!(outcome.status.success(), "{}", outcome.told());
    assert_file(&site, disk.folder(), "small", &outcome);
    assert_file(&site, disk.folder(), "large", &outcome);
    // The disk never got too full: nobody asked for the large one in vain but the once that told its size.
    let asked = site.log().iter().filter(|seen| seen.name == "large").count();
    assert_eq!(asked, 2, "{}", outcome.told());
}

#[test]
fn a_disk_that_is_full_in_mid_write_is_waited_for_and_nothing_is_lost() {
    let Some(disk) = require_small(16) else { return };
    let (site, machine) = (Site::start(None), Machine::new());
    site.serve("file.bin", toml! { size = "12 MiB" chunked = true });
    let filler = disk.folder().join("filler");
    std::fs::write(&filler, vec![7; 8 << 20]).unwrap();
    let folder = disk.folder().display().to_string();
    let mut running = machine.spawn(&["get", &site.fill("{site}/file.bin"), "-d", &folder]);
    running.wait_for_words("no space: needs ");
    let held = std::fs::metadata(disk.folder().join("file.bin.part")).unwrap().len();
    assert!(held > 4 << 20, "only {held} bytes were written");
    site.forget();
    std::fs::remove_file(filler).unwrap();
    let outcome = running.wait();
    assert!(outcome.status.success(), "{}", outcome.told());
    assert_file(&site, disk.folder(), "file.bin", &outcome);
    assert!(site.log().iter().all(|seen| seen.first > 4 << 20), "it began anew: {}", outcome.told());
}

#[test]
fn a_set_aside_partial_is_given_up_where_only_its_room_is_missing_and_the_history_says_so() {
    let Some(disk) = require_small(16) else { return };
    let (site, machine) = (Site::start(None), Machine::new());
    site.serve("file.bin", toml! { size = "8 MiB" });
    let url = site.fill("{site}/file.bin");
    let folder = disk.folder().display().to_string();
    let args = ["get", url.as_str(), "-n", "1", "-d", &folder];
    site.hold_after(6 << 20);
    let mut running = machine.spawn(&args);
    assert!(site.wait_until_held(|| running.is_over()));
    running.kill();
    site.release();
    site.serve("file.bin", toml! { size = "14 MiB" version = 2 etag = "\"two\"" });
    let outcome = machine.run(&args);
    assert!(outcome.status.success(), "{}", outcome.told());
    assert_file(&site, disk.folder(), "file.bin", &outcome);
    let told = history(&machine);
    assert!(told.contains("file.bin.part.1 (") && told.contains("is deleted"), "{told}");
}

#[test]
fn a_set_aside_partial_stays_where_there_is_room_for_both_until_the_new_version_is_whole() {
    let Some(disk) = require_small(24) else { return };
    let (site, machine) = (Site::start(None), Machine::new());
    site.serve("file.bin", toml! { size = "8 MiB" });
    let url = site.fill("{site}/file.bin");
    let folder = disk.folder().display().to_string();
    let args = ["get", url.as_str(), "-n", "1", "-d", &folder];
    for (version, held) in [(1, "file.bin.part"), (2, "file.bin.part.1")] {
        site.serve(
            "file.bin",
            toml::from_str(&format!("size = '8 MiB'\nversion = {version}\netag = '\"{version}\"'")).unwrap(),
        );
        site.hold_after(4 << 20);
        let mut running = machine.spawn(&args);
        assert!(site.wait_until_held(|| running.is_over()));
        assert!(disk.folder().join(held).exists(), "{held}");
        running.kill();
        site.release();
    }
    let outcome = machine.run(&args);
    assert!(outcome.status.success(), "{}", outcome.told());
    assert_file(&site, disk.folder(), "file.bin", &outcome);
    assert!(!disk.folder().join("file.bin.part.1").exists());
    assert!(!history(&machine).contains("is deleted"));
}

#[test]
fn an_agent_starts_and_is_found_where_the_disk_of_its_state_folder_is_full() {
    let Some(disk) = require_small(8) else { return };
    let machine = Machine::with_agent();
    std::fs::remove_dir(machine.state()).unwrap();
    std::os::unix::fs::symlink(disk.folder(), machine.state()).unwrap();
    std::fs::set_permissions(disk.folder(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    done(&machine.run(&["list"]));
    // One that is killed leaves its database open, so that the full disk has room for that; there is none to say who holds it.
    kill(agent(&machine));
    wait_until_free(&machine.state());
    std::fs::remove_file(machine.state().join(Holder::FILE)).unwrap();
    let filled = std::fs::write(disk.folder().join("filler"), vec![7; 9 << 20]);
    assert_eq!(filled.unwrap_err().kind(), std::io::ErrorKind::StorageFull);
    for words in [&["list"][..], &["agent", "status"], &["agent", "stop"]] {
        done(&machine.run(words));
        assert_eq!(Holder::read(&machine.state()).socket, None, "the disk is not full");
    }
}
