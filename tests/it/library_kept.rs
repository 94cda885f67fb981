//! What somebody said of media stays with it wherever its file goes, and what is deleted is what was shown.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::agent::until;
use crate::library::{fixture, library, scan, set};
use crate::support::machine::Machine;
use crate::support::site::Site;

/// A machine with a folder of so many songs, each with bytes of its own.
fn songs(names: &[&str]) -> (Machine, PathBuf) {
    let machine = Machine::new();
    let folder = machine.file("music");
    std::fs::create_dir(&folder).unwrap();
    for (number, name) in names.iter().enumerate() {
        let mut bytes = std::fs::read(fixture("id3v24.mp3")).unwrap();
        bytes.extend(vec![u8::try_from(number).unwrap(); 100 + number]);
        std::fs::write(folder.join(name), bytes).unwrap();
    }
    scan(&machine, &folder);
    (machine, folder)
}

fn rows(machine: &Machine) -> Vec<Value> {
    library(machine, &["list"])
}

/// The entry whose file is called that.
fn entry(machine: &Machine, name: &str) -> String {
    let ids = rows(machine).into_iter().map(|row| row["id"].to_string());
    let is_it = |id: &String| path_of(machine, id).ends_with(&format!("/{name}"));
    ids.into_iter().find(is_it).unwrap_or_else(|| panic!("no entry of {name}"))
}

fn path_of(machine: &Machine, id: &str) -> String {
    library(machine, &["show", id])[0]["path"].as_str().unwrap().to_owned()
}

fn title(machine: &Machine, id: &str) -> Value {
    library(machine, &["show", id])[0]["row"]["title"].clone()
}

fn rename(folder: &Path, from: &str, to: &str) {
    std::fs::rename(folder.join(from), folder.join(to)).unwrap();
}

#[test]
fn only_the_file_that_was_shown_is_deleted() {
    let (machine, folder) = songs(&["other.mp3", "link.mp3", "away.mp3", "it.mp3"]);
    let ids = ["other.mp3", "link.mp3", "away.mp3", "it.mp3"].map(|name| entry(&machine, name));
    std::fs::write(folder.join("new"), "the only copy of something else").unwrap();
    rename(&folder, "new", "other.mp3");
    rename(&folder, "link.mp3", "elsewhere");
    std::os::unix::fs::symlink(folder.join("elsewhere"), folder.join("link.mp3")).unwrap();
    rename(&folder, "away.mp3", "on another disk");
    for (id, why) in [(&ids[0], "another file now"), (&ids[1], "another file now"), (&ids[2], "is not there")]
    {
        let refused = machine.run(&["library", "delete", "--yes", id]);
        assert!(!refused.status.success() && refused.stderr.contains(why), "{}", refused.told());
    }
    assert_eq!(rows(&machine).len(), 4);
    library(&machine, &["delete", "--yes", &ids[3]]);
    let mut names: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["elsewhere", "link.mp3", "on another disk", "other.mp3"]);
    assert_eq!(rows(&machine).len(), 3);
}

#[test]
fn what_somebody_said_outlives_a_file_that_is_no_media_for_a_while() {
    let (machine, folder) = songs(&["a.mp3"]);
    let id = entry(&machine, "a.mp3");
    library(&machine, &["edit", &id, "--distributor", "Mine", "--set", "title=Precious"]);
    let media = std::fs::read(folder.join("a.mp3")).unwrap();
    std::fs::write(folder.join("a.mp3"), "PK\x03\x04 something else").unwrap();
    let scanned = scan(&machine, &folder);
    assert_eq!((&scanned["not_media"], &scanned["missing"]), (&1.into(), &1.into()), "{scanned}");
    let again = scan(&machine, &folder);
    assert_eq!((&again["unchanged"], &again["missing"], &again["found"]), (&1.into(), &0.into(), &0.into()));
    assert_eq!(rows(&machine)[0]["missing"], true);
    std::fs::write(folder.join("a.mp3"), media).unwrap();
    let back = scan(&machine, &folder);
    assert_eq!((&back["added"], &back["updated"]), (&0.into(), &1.into()), "{back}");
    let row = &rows(&machine)[0];
    assert_eq!((row["id"].to_string(), &row["title"]), (id, &"Precious".into()));
    assert_eq!((&row["distributor"], &row["missing"]), (&"Mine".into(), &Value::Null), "{row}");
}

#[test]
fn files_that_take_each_others_names_keep_what_was_said_of_them() {
    let (machine, folder) = songs(&["a.mp3", "b.mp3", "c.mp3"]);
    let [a, b, c] = ["a.mp3", "b.mp3", "c.mp3"].map(|name| entry(&machine, name));
    for (id, name) in [(&a, "A"), (&b, "B"), (&c, "C")] {
        library(&machine, &["edit", id, "--set", &format!("title={name}")]);
    }
    rename(&folder, "a.mp3", "aside");
    rename(&folder, "b.mp3", "a.mp3");
    rename(&folder, "aside", "b.mp3");
    let swapped = scan(&machine, &folder);
    assert_eq!((&swapped["added"], &swapped["updated"]), (&0.into(), &0.into()), "{swapped}");
    assert!(path_of(&machine, &a).ends_with("/b.mp3") && path_of(&machine, &b).ends_with("/a.mp3"));
    // One moves away and another one takes its place.
    rename(&folder, "c.mp3", "z.mp3");
    rename(&folder, "a.mp3", "c.mp3");
    let shifted = scan(&machine, &folder);
    assert_eq!((&shifted["added"], &shifted["updated"]), (&0.into(), &0.into()), "{shifted}");
    scan(&machine, &folder);
    for (id, name, path) in [(&a, "A", "/b.mp3"), (&b, "B", "/c.mp3"), (&c, "C", "/z.mp3")] {
        assert_eq!(title(&machine, id), name);
        assert!(path_of(&machine, id).ends_with(path), "{name}: {}", path_of(&machine, id));
    }
    assert_eq!(library(&machine, &["stats"])[0]["missing"], 0);
    // And then it is another file by right: what was said stays with the name.
    std::fs::copy(fixture("vorbis.ogg"), folder.join("b.mp3")).unwrap();
    assert_eq!(scan(&machine, &folder)["updated"], 1);
    assert_eq!(title(&machine, &a), "A");
}

#[test]
fn what_was_removed_stays_out_under_another_name() {
    let (machine, folder) = songs(&["a.mp3", "b.mp3"]);
    library(&machine, &["remove", &entry(&machine, "a.mp3")]);
    rename(&folder, "a.mp3", "renamed.mp3");
    assert_eq!(scan(&machine, &folder)["added"], 0);
    // Named itself it is meant, and is an ordinary entry from then on.
    assert_eq!(scan(&machine, &folder.join("renamed.mp3"))["added"], 1);
    rename(&folder, "renamed.mp3", "again.mp3");
    let moved = scan(&machine, &folder);
    assert_eq!((&moved["found"], &moved["added"]), (&1.into(), &0.into()), "{moved}");
}

#[test]
fn a_folder_of_many_equal_files_is_found_again() {
    let machine = Machine::new();
    let folder = machine.file("music");
    std::fs::create_dir(&folder).unwrap();
    for number in 0..150 {
        std::fs::copy(fixture("id3v24.mp3"), folder.join(format!("{number}.mp3"))).unwrap();
    }
    scan(&machine, &folder);
    let moved = machine.file("moved");
    std::fs::rename(&folder, &moved).unwrap();
    library(&machine, &["missing"]);
    let found = scan(&machine, &moved);
    assert_eq!((&found["found"], &found["added"]), (&150.into(), &0.into()), "{found}");
    assert_eq!(library(&machine, &["stats"])[0]["missing"], 0);
}

#[test]
fn scans_that_wait_for_others_are_answered() {
    let mut machine = Machine::with_agent();
    machine.set("HAUL_TEST_WATCH_MS", "60000");
    let folder = machine.file("music");
    std::fs::create_dir(&folder).unwrap();
    for number in 0..60 {
        std::fs::copy(fixture("plain.flac"), folder.join(format!("{number}.flac"))).unwrap();
    }
    library(&machine, &["list"]);
    let folder = folder.to_str().unwrap();
    let scans: Vec<_> = (0..20)
        .map(|number| machine.spawn_beside(&number.to_string(), &["library", "scan", folder, "--json"]))
        .collect();
    for scan in scans {
        let outcome = scan.wait();
        assert!(outcome.status.success(), "{}", outcome.told());
        let told: Value = serde_json::from_slice(&outcome.stdout).unwrap();
        assert_eq!(told["seen"], 60, "{told}");
    }
}

/// Whether two large files have the same bytes is found out by reading them: nobody waits for that.
#[test]
fn a_long_comparison_holds_up_no_download_and_no_cover() {
    let (site, machine) = (Site::start(None), Machine::with_agent());
    set(&machine, "[library]\nwrite_tags = true\n");
    let folder = machine.file("films");
    std::fs::create_dir(&folder).unwrap();
    for name in ["a.mkv", "b.mkv"] {
        std::fs::copy(fixture("film.mkv"), folder.join(name)).unwrap();
        // Minutes of reading, and no byte on the disk.
        let film = std::fs::File::options().append(true).open(folder.join(name)).unwrap();
        film.set_len(200 << 30).unwrap();
    }
    let mut scanning = machine.spawn(&["library", "scan", folder.to_str().unwrap()]);
    until("both are shelved", || library(&machine, &["list"]).len() == 2);
    site.serve("silent.mp4", toml::toml! { fixture = "media/silent.mp4" });
    let folder = machine.downloads().display().to_string();
    let outcome =
        machine.run(&["get", "-d", &folder, "--distributor", "Shop", &site.fill("{site}/silent.mp4")]);
    assert!(outcome.status.success(), "{}", outcome.told());
    let detail = library(&machine, &["show", "3"]).remove(0);
    assert_eq!(detail["values"].as_array().unwrap().iter().filter(|one| one["text"] == "Shop").count(), 1);
    let cover = machine.file("cover.jpg");
    let shown = machine.run(&["library", "show", "1", "--cover", cover.to_str().unwrap()]);
    assert!(shown.status.success() && cover.exists(), "{}", shown.told());
    assert!(!scanning.is_over(), "it is compared already");
    assert!(machine.run(&["agent", "stop"]).status.success());
    scanning.interrupt();
}

#[test]
fn a_file_that_is_gone_is_marked_by_whoever_asks_for_it_and_found_when_it_is_back() {
    let (machine, folder) = songs(&["a.mp3"]);
    std::fs::rename(folder.join("a.mp3"), folder.join("away")).unwrap();
    let shown = || library(&machine, &["show", "1"]).remove(0)["missing_since"].is_null();
    assert!(!shown());
    assert_eq!(library(&machine, &["missing"]).len(), 1);
    std::fs::rename(folder.join("away"), folder.join("a.mp3")).unwrap();
    assert!(shown());
}
