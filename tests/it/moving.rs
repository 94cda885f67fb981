//! A download gets another name and folder while it is half done: its bytes stay where they are and move when they are whole.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use toml::toml;

use crate::support::content::first_difference;
use crate::support::disk::require_small;
use crate::support::machine::Machine;
use crate::support::site::Site;

/// Kills a download half done, gives it another folder and name, and lets it end there.
fn move_to(folder: &Path) {
    let (site, machine) = (Site::start(None), Machine::new());
    site.serve("file.bin", toml! { size = "4 MiB" });
    let (url, content) = (site.fill("{site}/file.bin"), site.content("file.bin").unwrap());
    // A kill costs a write, and one write may be large: there must be more than one.
    site.hold_after(3 << 20);
    let mut running = machine.spawn(&["get", &url]);
    running.wait_for_bytes(&machine.file("file.bin.part"), &content, 2 << 20);
    assert!(site.wait_until_held(|| running.is_over()));
    running.kill();
    site.release();
    let there = folder.to_str().unwrap();
    let set = machine.run(&["set", "1", "--name", "other.bin", "-d", there]);
    assert!(set.status.success(), "{}", set.told());
    site.forget();
    let outcome = machine.get(&[&url, "-d", there, "-o", "other.bin"]);
    assert!(outcome.status.success(), "{}", outcome.told());
    let whole = std::fs::read(folder.join("other.bin")).unwrap();
    assert_eq!(first_difference(&whole, &content), None, "{}", outcome.told());
    let sent: u64 = site.log().iter().map(|seen| seen.sent).sum();
    assert!(sent < 4 << 20, "{sent} bytes came though some were there: {}", outcome.told());
    assert_eq!(machine.names(), Vec::<String>::new(), "the part is still where it was begun");
    let names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["other.bin"], "nothing but the file is left");
}

#[test]
fn a_download_moves_within_its_file_system() {
    move_to(tempfile::tempdir().unwrap().path());
}

#[test]
fn a_download_moves_to_another_file_system() {
    let Ok(other) = tempfile::tempdir_in("/dev/shm") else {
        eprintln!("skipped: needs /dev/shm");
        return;
    };
    let here = tempfile::tempdir().unwrap();
    if here.path().metadata().unwrap().dev() == other.path().metadata().unwrap().dev() {
        eprintln!("skipped: /dev/shm is on the same file system as the temporary folder");
        return;
    }
    move_to(other.path());
}

#[test]
fn room_is_asked_for_where_the_part_lies_and_a_set_aside_one_is_given_up_there() {
    let Some(disk) = require_small(16) else { return };
    let (site, machine) = (Site::start(None), Machine::new());
    site.serve("file.bin", toml! { size = "8 MiB" });
    let url = site.fill("{site}/file.bin");
    site.hold_after(6 << 20);
    let small = disk.folder().display().to_string();
    let mut running = machine.spawn(&["get", &url, "-n", "1", "-d", &small]);
    assert!(site.wait_until_held(|| running.is_over()));
    running.interrupt();
    site.release();
    let there = machine.downloads().display().to_string();
    let set = machine.run(&["set", "1", "-d", &there]);
    assert!(set.status.success(), "{}", set.told());
    site.serve("file.bin", toml! { size = "14 MiB" version = 2 etag = "\"two\"" });
    let outcome = machine.get(&[&url, "-n", "1", "-d", &there]);
    assert!(outcome.status.success(), "{}", outcome.told());
    let whole = std::fs::read(machine.file("file.bin")).unwrap();
    assert_eq!(first_difference(&whole, &site.content("file.bin").unwrap()), None, "{}", outcome.told());
    let left: Vec<_> =
        std::fs::read_dir(disk.folder()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.is_empty(), "{left:?}");
    let history = String::from_utf8(machine.run(&["history"]).stdout).unwrap();
    assert!(history.contains("file.bin.part.1 (") && history.contains("is deleted"), "{history}");
}
