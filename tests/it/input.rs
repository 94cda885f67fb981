//! Bad input: each gets a clear error and its exit status, and nothing is lost by it.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use toml::toml;

use crate::support::content::{Held, first_difference};
use crate::support::machine::{Machine, Outcome};
use crate::support::site::Site;

fn assert_refused(outcome: &Outcome, status: i32, words: &[&str]) {
    assert_eq!(outcome.status.code(), Some(status), "{}", outcome.told());
    for words in words {
        assert!(outcome.stderr.contains(words), "no {words:?}: {}", outcome.told());
    }
}

/// A machine with a download of 8 MiB that was interrupted in its middle.
fn interrupted(site: &Site) -> (Machine, String) {
    let machine = Machine::new();
    site.serve("file.bin", toml! { size = "8 MiB" });
    let url = site.fill("{site}/file.bin");
    site.hold_after(4 << 20);
    let mut running = machine.spawn(&["get", &url, "-n", "1"]);
    assert!(site.wait_until_held(|| running.is_over()));
    running.interrupt();
    site.release();
    site.forget();
    (machine, url)
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_added() {
    let machine = Machine::new();
    let list =
        machine.put("list", "http://127.0.0.1:9/a\nthis is no link\nhttp://127.0.0.1:9/b\tcolour=red\n");
    let list = list.display().to_string();
    for (args, words) in [
        (&["get", "ftp://127.0.0.1/x"][..], &["https://"][..]),
        (&["get", "http://"], &[]),
        (&["get", "http://127.0.0.1:99999/x"], &[]),
        (&["get", "-i", &list], &["list:2:1", "list:3:22", "colour", "Nothing was added"]),
        (&["get", "-i", "nowhere"], &["nowhere"]),
        (&["get", "http://127.0.0.1:9/x", "--checksum", "sha-256:12"], &["checksum"]),
        (&["get", "http://127.0.0.1:9/x", "--checksum", "crc99:12"], &["crc99"]),
        (&["get", "http://127.0.0.1:9/x", "--limit", "fast"], &["fast"]),
        (&["get", "http://127.0.0.1:9/x", "-d", "/nowhere/at-all"], &["no such folder"]),
        (&["get", "", "http://127.0.0.1:9/x"], &["an empty word is no link"]),
        (&["list", "state:done"], &["state", "completed"]),
        (&["list", "colour:red"], &["colour"]),
        (&["priority", "soon", "1"], &["now", "low"]),
    ] {
        assert_refused(&machine.run(args), 2, words);
    }
    let listed = machine.run(&["list", "--json"]);
    assert_eq!(listed.stdout.len(), 0, "{}", listed.told());
}

#[test]
fn an_unknown_number_is_told_and_the_known_ones_are_acted_on() {
    let site = Site::start(None);
    let (machine, _) = interrupted(&site);
    for args in
        [&["show", "99"][..], &["resume", "99"], &["remove", "99"], &["retry", "99"], &["move", "top", "99"]]
    {
        let outcome = machine.run(args);
        assert!(!outcome.status.success(), "{args:?}: {}", outcome.told());
        assert!(outcome.stderr.contains("no download 99"), "{args:?}: {}", outcome.told());
    }
    let outcome = machine.run(&["priority", "low", "1", "99"]);
    assert!(!outcome.status.success(), "{}", outcome.told());
    let listed = machine.run(&["list", "priority:low", "--json"]);
    assert!(String::from_utf8_lossy(&listed.stdout).contains("file.bin"), "{}", listed.told());
}

#[test]
fn a_folder_that_can_not_be_written_fails_the_download_and_says_what_to_do() {
    let site = Site::start(None);
    site.serve("file.bin", toml! { size = "1 MiB" });
    let machine = Machine::new();
    let closed = machine.file("closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o555)).unwrap();
    let args = ["get", &site.fill("{site}/file.bin"), "-d", "closed"];
    let outcome = if rustix::process::geteuid().is_root() {
        // Root can write everywhere: somebody else must try.
        let nobody = 65534;
        let owned = Command::new("chown").args(["-R", "65534:65534"]).arg(machine.root()).status().unwrap();
        assert!(owned.success());
        std::os::unix::fs::chown(&closed, Some(0), Some(0)).unwrap();
        std::fs::set_permissions(machine.root(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut command = Command::new("env");
        command.uid(nobody).gid(nobody);
        // The program itself may lie where nobody else can reach it.
        let program = machine.root().join("haul");
        std::fs::copy(env!("CARGO_BIN_EXE_haul"), &program).unwrap();
        machine.spawn_other(command, &program, &args).wait()
    } else {
        machine.run(&args)
    };
    assert_refused(&outcome, 2, &["closed", "-d"]);
}

#[test]
fn a_store_that_is_in_use_names_who_uses_it() {
    let site = Site::start(None);
    let machine = Machine::new();
    site.serve("file.bin", toml! { size = "8 MiB" });
    site.hold_after(1 << 20);
    let mut running = machine.spawn(&["get", &site.fill("{site}/file.bin")]);
    assert!(site.wait_until_held(|| running.is_over()));
    let second = machine.beside(&["list"]);
    assert_refused(&second, 3, &[&running.id().to_string()]);
    site.release();
    assert!(running.wait().status.success());
}

#[test]
fn a_store_of_a_newer_haul_is_refused_and_left_untouched() {
    let site = Site::start(None);
    let (machine, _) = interrupted(&site);
    let path = machine.state().join("haul.db");
    let store = rusqlite::Connection::open(&path).unwrap();
    let version: u32 = store.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    store.pragma_update(None, "user_version", version + 1).unwrap();
    store.close().unwrap();
    let before = std::fs::read(&path).unwrap();
    assert_refused(&machine.run(&["list"]), 3, &["newer"]);
    assert!(std::fs::read(&path).unwrap() == before, "the store was changed");
    assert!(machine.names().contains(&"file.bin.part".to_owned()), "{:?}", machine.names());
}

/// What a damaged store can look like.
fn damage(path: &Path, how: &str) {
    let bytes = std::fs::read(path).unwrap();
    let damaged = match how {
        "zeros" => vec![0; bytes.len()],
        "text" => b"this is no store".to_vec(),
        "half" => bytes[..bytes.len() / 2].to_vec(),
        _ => {
            let mut bytes = bytes;
            let from = bytes.len() / 3;
            bytes[from..].fill(0xa5);
            bytes
        }
    };
    std::fs::write(path, damaged).unwrap();
}

#[test]
fn a_damaged_store_is_set_aside_and_the_downloads_are_rebuilt_from_their_parts() {
    for how in ["zeros", "text", "half", "garbage"] {
        let site = Site::start(None);
        let (machine, _) = interrupted(&site);
        let part = machine.file("file.bin.part");
        let content = site.content("file.bin").unwrap();
        let held = Held::of(&part, &content).len();
        assert!(held > 2 << 20, "only {held} bytes are on disk");
        for end in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(machine.state().join(format!("haul.db{end}")));
        }
        damage(&machine.state().join("haul.db"), how);
        let listed = machine.run(&["list"]);
        assert_refused(&listed, 0, &["damaged", "haul adopt"]);
        let aside: Vec<_> =
            std::fs::read_dir(machine.state()).unwrap().flatten().map(|e| e.file_name()).collect();
        assert!(
            aside.iter().any(|name| name.to_string_lossy().starts_with("haul.db.damaged-20")),
            "{how}: {aside:?}"
        );
        let downloads = machine.downloads().display().to_string();
        // The same command goes on with its part in either case.
        if matches!(how, "zeros" | "text") {
            let adopted = machine.run(&["adopt", &downloads]);
            assert!(adopted.status.success(), "{how}: {}", adopted.told());
            assert!(adopted.stderr.contains("paused. To let them go on: haul resume"), "{}", adopted.told());
        }
        let outcome = machine.get(&[site.fill("{site}/file.bin")]);
        assert!(outcome.status.success(), "{how}: {}", outcome.told());
        let whole = std::fs::read(machine.file("file.bin")).unwrap();
        assert_eq!(first_difference(&whole, &content), None, "{how}: {}", outcome.told());
        assert_eq!(machine.names(), ["file.bin"], "{how}");
        let sent: u64 = site.log().iter().map(|seen| seen.sent).sum();
        assert!(sent <= (8 << 20) - held + (512 << 10), "{how}: {sent} bytes came though {held} were here");
    }
}

#[test]
fn what_lies_where_downloads_go_is_rebuilt_by_itself_after_the_store_was_damaged() {
    let site = Site::start(None);
    let (machine, _) = interrupted(&site);
    std::fs::create_dir_all(machine.config()).unwrap();
    let config = format!("[engine]\nfolder = {:?}\n", machine.downloads().display().to_string());
    std::fs::write(machine.config().join("config.toml"), config).unwrap();
    for end in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(machine.state().join(format!("haul.db{end}")));
    }
    damage(&machine.state().join("haul.db"), "garbage");
    let listed = machine.run(&["list"]);
    assert_refused(&listed, 0, &["damaged", "1 downloads were rebuilt"]);
    assert!(String::from_utf8_lossy(&listed.stdout).contains("file.bin"), "{}", listed.told());
    let outcome = machine.get(&[&site.fill("{site}/file.bin")]);
    assert!(outcome.status.success(), "{}", outcome.told());
    assert_eq!(machine.names(), ["file.bin"]);
}

#[test]
fn a_link_with_a_secret_finds_what_was_begun_with_it_after_the_store_was_lost() {
    let (site, machine) = (Site::start(None), Machine::new());
    site.serve("file.bin?token=secret&page=2", toml! { size = "8 MiB" });
    let url = site.fill("{site}/file.bin?token=secret&page=2");
    let downloads = machine.downloads().display().to_string();
    for adopts in [true, false] {
        site.hold_after(5 << 20);
        let mut running = machine.spawn(&["get", &url, "-n", "1"]);
        assert!(site.wait_until_held(|| running.is_over()), "{}", running.wait().told());
        running.kill();
        site.release();
        std::fs::remove_dir_all(machine.state()).unwrap();
        std::fs::create_dir(machine.state()).unwrap();
        if adopts {
            let adopted = machine.run(&["adopt", &downloads]);
            assert!(adopted.status.success(), "{}", adopted.told());
        }
        site.forget();
        let outcome = machine.get(&[&url]);
        assert!(outcome.status.success(), "{}", outcome.told());
        assert_eq!(machine.names(), ["file.bin"], "{}", outcome.told());
        let sent: u64 = site.log().iter().map(|seen| seen.sent).sum();
        assert!(sent < 5 << 20, "{sent} bytes came");
        std::fs::remove_file(machine.file("file.bin")).unwrap();
    }
    // A part that is not signed by what its note says is a taken name.
    std::fs::write(machine.file("file.bin.part"), "mine").unwrap();
    let outcome = machine.get(&[&url]);
    assert!(outcome.status.success(), "{}", outcome.told());
    assert_eq!(machine.names(), ["file (1).bin", "file.bin.part"], "{}", outcome.told());
}

#[test]
fn a_store_that_was_cut_to_nothing_is_set_aside_with_what_was_written_beside_it() {
    let site = Site::start(None);
    let (machine, _) = interrupted(&site);
    let (store, wal) = (machine.state().join("haul.db"), machine.state().join("haul.db-wal"));
    std::fs::write(&store, "").unwrap();
    if !wal.exists() {
        std::fs::write(&wal, "something").unwrap();
    }
    let listed = machine.run(&["list"]);
    assert_refused(&listed, 0, &["damaged"]);
    let aside: Vec<_> =
        std::fs::read_dir(machine.state()).unwrap().flatten().map(|e| e.file_name()).collect();
    assert!(aside.iter().any(|name| name.to_string_lossy().ends_with("-wal")), "{aside:?}");
}

#[test]
fn a_foreign_partial_file_is_taken_on_after_its_samples_agree() {
    let site = Site::start(None);
    site.serve("file.bin", toml! { size = "8 MiB" });
    let content = site.content("file.bin").unwrap();
    let machine = Machine::new();
    std::fs::write(machine.file("file.bin.crdownload"), &content[..5 << 20]).unwrap();
    let url = site.fill("{site}/file.bin");
    let adopted = machine.run(&["adopt", "file.bin.crdownload", &url]);
    assert!(adopted.status.success(), "{}", adopted.told());
    let outcome = machine.get(&[url.as_str()]);
    assert!(outcome.status.success(), "{}", outcome.told());
    assert_eq!(first_difference(&std::fs::read(machine.file("file.bin")).unwrap(), &content), None);
    assert!(outcome.stderr.contains("samples"), "{}", outcome.told());
    let sent: u64 = site.log().iter().map(|seen| seen.sent).sum();
    assert!(sent < 4 << 20, "{sent} bytes came");
}

#[test]
fn a_file_that_was_taken_on_for_a_wrong_link_is_never_lost() {
    let site = Site::start(None);
    site.serve("file.bin", toml! { size = "8 MiB" });
    site.serve("small.bin", toml! { size = "1 MiB" });
    let content = site.content("file.bin").unwrap();
    let mine = [&content[1..5 << 20], b"mine"].concat();
    for link in ["{site}/file.bin", "{site}/small.bin", "{site}/gone.bin"] {
        for then in ["remove", "retry"] {
            let machine = Machine::new();
            std::fs::write(machine.file("precious.bin"), &mine).unwrap();
            let url = site.fill(link);
            assert!(machine.run(&["adopt", "precious.bin", &url]).status.success());
            // A link that is gone is waited for: a new one may be given.
            let outcome = machine.run(&["wait", "all", "--timeout", "2s"]);
            assert!(matches!(outcome.status.code(), Some(1 | 4)), "{link}: {}", outcome.told());
            assert!(machine.run(&[then, "1"]).status.success());
            // What can be taken back for a while is over with the run.
            machine.run(&["wait", "all", "--timeout", "2s"]);
            let held = std::fs::read(machine.file("precious.bin"));
            let held = held.or_else(|_| std::fs::read(machine.file("precious.bin.part")));
            assert_eq!(
                first_difference(&held.unwrap(), &mine),
                None,
                "{link}, {then}: {:?}",
                machine.names()
            );
            if then == "retry" && link.contains("file.bin") {
                let fetched = std::fs::read(machine.file("precious (1).bin")).unwrap();
                assert_eq!(first_difference(&fetched, &content), None);
            }
        }
    }
}
