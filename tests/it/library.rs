//! The library, by the real program: what was finished is shelved, folders are taken in, hostile files stop nothing.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::support::machine::Machine;
use super::support::site::Site;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/media").join(name)
}

/// Runs `haul library` and returns what it wrote, one JSON value a line.
fn library(machine: &Machine, args: &[&str]) -> Vec<Value> {
    let args: Vec<&str> = ["library"].iter().chain(args).copied().chain(["--json"]).collect();
    let outcome = machine.run(&args);
    assert!(outcome.status.success(), "{args:?}: {}", outcome.told());
    String::from_utf8(outcome.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn scan(machine: &Machine, folder: &Path) -> Value {
    library(machine, &["scan", folder.to_str().unwrap()]).remove(0)
}

fn music(machine: &Machine) -> PathBuf {
    let folder = machine.file("music");
    std::fs::create_dir(&folder).unwrap();
    for name in ["id3v23.mp3", "plain.flac", "film.wmv", "sound.opus"] {
        std::fs::copy(fixture(name), folder.join(name)).unwrap();
    }
    folder
}

#[test]
fn a_finished_download_stands_on_its_shelf_with_what_was_read_and_what_was_given() {
    let (site, machine) = (Site::start(None), Machine::new());
    site.serve("Delta.mp3", toml::toml! { fixture = "media/id3v23.mp3" });
    site.serve(
        "plain.bin",
        toml::toml! { fixture = "media/tagged.ape" headers = { Content-Type = "audio/x-ape" } },
    );
    site.serve("data.iso", toml::toml! { size = "1 MiB" });
    let list =
        format!("{0}/Delta.mp3\tdistributor=Given Shop\n{0}/plain.bin\n{0}/data.iso\n", site.fill("{site}"));
    let list = machine.put("list", &list);
    let outcome = machine.get(&["-i", list.to_str().unwrap()]);
    assert!(outcome.status.success(), "{}", outcome.told());
    let rows = library(&machine, &["list"]);
    let titles: Vec<_> = rows.iter().map(|row| row["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["Delta", "Delta"], "{rows:?}");
    let found = library(&machine, &["search", "elta", "tailspin", "rec"]);
    assert_eq!(found.len(), 2);
    let id = rows.iter().find(|row| row["genre"] == "Ambient").unwrap()["id"].to_string();
    let detail = library(&machine, &["show", &id]).remove(0);
    let distributor =
        detail["values"].as_array().unwrap().iter().find(|value| value["field"] == "distributor").unwrap();
    assert_eq!(distributor["text"], "Tailspin Records");
    assert_eq!(distributor["origin"], "file");
    assert_eq!(distributor["place"], "ID3v2 PRIV WM/ContentDistributor");
    assert_eq!(distributor["instead_of"][0][1], "Given Shop");
    assert_eq!((&detail["kind_from"], &detail["row"]["kind"]), (&"class_id".into(), &"other".into()));
    assert!(detail["source"].as_str().unwrap().ends_with("/Delta.mp3"));
    let nodes = library(&machine, &["tree", "other", "purchased", "--depth", "1"]);
    assert_eq!((nodes[0]["label"].as_str(), &nodes[0]["count"]), (Some("Tailspin Records"), &1.into()));
    let cover = machine.file("cover.jpg");
    library(&machine, &["show", &id, "--cover", cover.to_str().unwrap()]);
    assert!(std::fs::metadata(cover).unwrap().len() > 50);
    assert_eq!(library(&machine, &["stats"])[0]["waiting"], 0);
}

#[test]
fn folders_are_taken_in_once_and_what_moves_is_found_again() {
    let machine = Machine::new();
    let folder = music(&machine);
    std::fs::write(folder.join("page.mp3"), "<!DOCTYPE html><html><body>log in</body></html>").unwrap();
    let first = scan(&machine, &folder);
    assert_eq!((&first["added"], &first["not_media"]), (&4.into(), &1.into()), "{first}");
    let second = scan(&machine, &folder);
    assert_eq!((&second["added"], &second["unchanged"]), (&0.into(), &4.into()), "{second}");

    let id = library(&machine, &["search", "wmv"])[0]["id"].to_string();
    library(&machine, &["edit", &id, "--distributor", "Mine", "--kind", "other"]);
    std::fs::rename(folder.join("film.wmv"), folder.join("renamed.wmv")).unwrap();
    std::fs::rename(folder.join("sound.opus"), machine.file("away.opus")).unwrap();
    let moved = scan(&machine, &folder);
    assert_eq!(
        (&moved["found"], &moved["added"], &moved["missing"]),
        (&1.into(), &0.into(), &2.into()),
        "{moved}"
    );
    let detail = library(&machine, &["show", &id]).remove(0);
    assert!(detail["path"].as_str().unwrap().ends_with("renamed.wmv"));
    assert_eq!((&detail["row"]["distributor"], &detail["row"]["kind"]), (&"Mine".into(), &"other".into()));
    let missing = library(&machine, &["missing"]);
    assert_eq!(missing.len(), 1);
    std::fs::rename(machine.file("away.opus"), folder.join("sound.opus")).unwrap();
    assert_eq!(library(&machine, &["missing"]), Vec::<Value>::new());

    std::fs::copy(folder.join("plain.flac"), folder.join("again.flac")).unwrap();
    scan(&machine, &folder);
    let copies = library(&machine, &["duplicates"]);
    assert_eq!(copies.iter().map(|row| row["copies"].as_u64().unwrap()).collect::<Vec<_>>(), [2, 2]);

    library(&machine, &["remove", &copies[1]["id"].to_string()]);
    assert!(folder.join("again.flac").exists());
    library(&machine, &["delete", &copies[0]["id"].to_string(), "--yes"]);
    assert!(!folder.join("plain.flac").exists() && folder.join("again.flac").exists());
}

/// A tag that claims a gigabyte, a cover that would take one, a text full of escapes, and a file that is another one by the time it is read.
#[test]
fn hostile_files_are_shelved_and_stop_nothing() {
    let machine = Machine::new();
    let folder = music(&machine);
    let mut claims = b"ID3\x04\x00\x00\x3f\x7f\x7f\x7fPRIV\x3f\x7f\x7f\x7f\0\0".to_vec();
    claims.extend(std::fs::read(fixture("id3v24.mp3")).unwrap());
    std::fs::write(folder.join("claims.mp3"), claims).unwrap();
    let sparse = std::fs::File::create(folder.join("sparse.mp4")).unwrap();
    sparse.set_len(1 << 40).unwrap();
    let mut cut = std::fs::read(fixture("film.wmv")).unwrap();
    cut[16..24].fill(0xff);
    std::fs::write(folder.join("cut.wmv"), &cut[..1000]).unwrap();
    std::fs::write(folder.join("e\x1b[2J\u{202e}3pm.mp3"), std::fs::read(fixture("id3v23.mp3")).unwrap())
        .unwrap();
    let fifo = folder.join("fifo.mp3");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let scanned = scan(&machine, &folder);
    assert_eq!((&scanned["seen"], &scanned["done"]), (&8.into(), &true.into()), "{scanned}");
    let outcome = machine.run(&["library", "list"]);
    let text = String::from_utf8(outcome.stdout).unwrap();
    assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
}
