//! The library, by the real program: what was finished is shelved, folders are taken in, hostile files stop nothing.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::screen::{leave, open};
use super::support::machine::Machine;
use super::support::site::{DEADLINE, Site};
use super::support::terminal::Terminal;

pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/media").join(name)
}

/// Runs `haul library` and returns what it wrote, one JSON value a line.
pub(crate) fn library(machine: &Machine, args: &[&str]) -> Vec<Value> {
    let args: Vec<&str> = ["library"].iter().chain(args).copied().chain(["--json"]).collect();
    let outcome = machine.run(&args);
    assert!(outcome.status.success(), "{args:?}: {}", outcome.told());
    String::from_utf8(outcome.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

pub(crate) fn scan(machine: &Machine, folder: &Path) -> Value {
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
    assert_eq!((&second["added"], &second["unchanged"]), (&0.into(), &5.into()), "{second}");

    let id = library(&machine, &["search", "wmv"])[0]["id"].to_string();
    library(&machine, &["edit", &id, "--distributor", "Mine", "--kind", "other"]);
    std::fs::rename(folder.join("film.wmv"), folder.join("renamed.wmv")).unwrap();
    std::fs::rename(folder.join("sound.opus"), machine.file("away.opus")).unwrap();
    let moved = scan(&machine, &folder);
    assert_eq!(
        (&moved["found"], &moved["added"], &moved["missing"]),
        (&1.into(), &0.into(), &1.into()),
        "{moved}"
    );
    let detail = library(&machine, &["show", &id]).remove(0);
    assert!(detail["path"].as_str().unwrap().ends_with("renamed.wmv"));
    assert_eq!((&detail["row"]["distributor"], &detail["row"]["kind"]), (&"Mine".into(), &"other".into()));
    let missing = library(&machine, &["missing"]);
    assert_eq!(missing.len(), 1);
    std::fs::rename(machine.file("away.opus"), folder.join("sound.opus")).unwrap();
    assert_eq!(library(&machine, &["missing"]), Vec::<Value>::new());
    // An entry that was removed while its file was away says nothing of the file that comes back.
    std::fs::rename(folder.join("sound.opus"), machine.file("away.opus")).unwrap();
    scan(&machine, &folder);
    let away = library(&machine, &["missing"]);
    library(&machine, &["remove", &away[0]["id"].to_string()]);
    std::fs::rename(machine.file("away.opus"), folder.join("sound.opus")).unwrap();
    let back = scan(&machine, &folder);
    assert_eq!(back["added"], 1, "{back}");

    std::fs::copy(folder.join("plain.flac"), folder.join("again.flac")).unwrap();
    scan(&machine, &folder);
    let copies = library(&machine, &["duplicates"]);
    assert_eq!(copies.iter().map(|row| row["copies"].as_u64().unwrap()).collect::<Vec<_>>(), [2, 2]);

    // One that is not there, and nothing happens to the others.
    let unknown = machine.run(&["library", "remove", &copies[1]["id"].to_string(), "999"]);
    assert_eq!(unknown.status.code(), Some(2), "{}", unknown.told());
    assert!(unknown.stderr.contains("no library entry 999"), "{}", unknown.told());
    assert_eq!(library(&machine, &["duplicates"]).len(), 2);
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

/// Sets the library's part of the config.
pub(crate) fn set(machine: &Machine, text: &str) {
    std::fs::create_dir_all(machine.config()).unwrap();
    std::fs::write(machine.config().join("config.toml"), text).unwrap();
}

/// The value of a field, in an entry's details.
fn value<'a>(detail: &'a Value, field: &str) -> &'a Value {
    let values = detail["values"].as_array().unwrap();
    values.iter().find(|value| value["field"] == field).unwrap_or(&Value::Null)
}

#[test]
fn what_is_known_is_written_into_a_file_that_lacks_it_and_nowhere_else() {
    let (site, machine) = (Site::start(None), Machine::new());
    set(&machine, "[library]\nwrite_tags = true\n");
    site.serve("bare.opus", toml::toml! { fixture = "media/sound.opus" });
    site.serve("film.mkv", toml::toml! { fixture = "media/film.mkv" });
    site.serve("film.ogv", toml::toml! { fixture = "media/film.ogv" });
    let list = format!(
        "{0}/bare.opus\tinfo.Provider=Wingtip\tdistributor=Other\n{0}/film.mkv\tinfo.Provider=Wingtip\n{0}/film.ogv\tinfo.Provider=Wingtip\n",
        site.fill("{site}")
    );
    let list = machine.put("list", &list);
    let outcome = machine.get(&["-i", list.to_str().unwrap()]);
    assert!(outcome.status.success(), "{}", outcome.told());
    let file = machine.file("bare.opus");
    for written in ["opus", "mkv"] {
        let rows = library(&machine, &["search", written]);
        let detail = library(&machine, &["show", &rows[0]["id"].to_string()]).remove(0);
        let provider = value(&detail, "provider");
        assert_eq!((&provider["text"], &provider["origin"]), (&"Wingtip".into(), &"file".into()));
        assert_eq!(value(&detail, "distributor")["text"], "Tailspin Records");
    }
    let bytes = std::fs::read(&file).unwrap();
    assert_ne!(bytes, std::fs::read(fixture("sound.opus")).unwrap());
    assert!(bytes.windows(16).any(|part| part == b"PROVIDER=Wingtip"));
    // What can't be written is as it came, and the history says what became of all.
    assert_eq!(std::fs::read(machine.file("film.ogv")).unwrap(), std::fs::read(fixture("film.ogv")).unwrap());
    assert_eq!(machine.names(), ["bare.opus", "film.mkv", "film.ogv"]);
    let history = String::from_utf8(machine.run(&["history"]).stdout).unwrap();
    assert!(history.contains("tags were written: provider"), "{history}");
    assert!(history.contains("left alone") && history.contains("can't be written"), "{history}");
    // It is still the download's own file.
    let again = machine.get(&[&site.fill("{site}/bare.opus")]);
    assert!(again.status.success() && again.stderr.contains("already here"), "{}", again.told());
    assert_eq!(machine.names(), ["bare.opus", "film.mkv", "film.ogv"]);
}

/// The names in the download folder once an engine was there, and how many entries the library has.
fn what_is_there(machine: &Machine) -> (Vec<String>, usize) {
    let entries = library(machine, &["list"]).len();
    (machine.names(), entries)
}

#[test]
fn a_kill_while_tags_are_written_leaves_one_file_that_its_download_knows() {
    let (site, machine) = (Site::start(None), Machine::new());
    set(&machine, "[library]\nwrite_tags = true\n");
    site.serve("bare.opus", toml::toml! { fixture = "media/sound.opus" });
    let list = machine.put("list", &site.fill("{site}/bare.opus\tinfo.Provider=Wingtip\n"));
    let get = ["-i", list.to_str().unwrap()];
    let was = std::fs::metadata(fixture("sound.opus")).unwrap().len();
    let outcome = machine.get(&get);
    assert!(outcome.status.success(), "{}", outcome.told());
    assert_ne!(std::fs::metadata(machine.file("bare.opus")).unwrap().len(), was);

    // The store as a kill leaves it that comes when the copy has just taken the file's place.
    let store = rusqlite::Connection::open(machine.state().join("haul.db")).unwrap();
    let path = machine.file("bare.opus");
    let path = path.to_str().unwrap().as_bytes();
    let sql = "DELETE FROM media; UPDATE downloads SET size = ?1";
    store.execute_batch(&sql.replace("?1", &was.to_string())).unwrap();
    store
        .execute("INSERT INTO to_shelve (download, path, given, source) VALUES (1, ?1, '{}', '')", [path])
        .unwrap();
    let again = machine.get(&get);
    assert!(again.status.success() && again.stderr.contains("already here"), "{}", again.told());
    assert_eq!(what_is_there(&machine), (vec!["bare.opus".into()], 1));
    let size: i64 = store.query_row("SELECT size FROM downloads", [], |row| row.get(0)).unwrap();
    assert_eq!(size.cast_unsigned(), std::fs::metadata(machine.file("bare.opus")).unwrap().len());
    let rows = || store.query_row("SELECT count(*) FROM rewrites", [], |row| row.get::<_, u32>(0)).unwrap();
    assert_eq!(rows(), 0, "what is known needs no row");

    // And one that comes before: the copy goes, and the file stays.
    let copy = machine.file(".haul-tags-0123456789abcdef");
    std::fs::write(&copy, "half a copy").unwrap();
    store
        .execute("INSERT INTO rewrites VALUES (1, ?1, 'null')", [copy.to_str().unwrap().as_bytes()])
        .unwrap();
    assert_eq!(what_is_there(&machine), (vec!["bare.opus".into()], 1));
    assert_eq!(rows(), 0);

    // A file that somebody else put there is not taken for the download's own.
    let file = serde_json::json!({ "size": 1, "modified": 0, "device": 1, "inode": 1 }).to_string();
    store.execute("INSERT INTO rewrites VALUES (1, ?1, ?2)", (b"/nowhere", file)).unwrap();
    store.execute_batch(&sql.replace("?1", &was.to_string())).unwrap();
    library(&machine, &["list"]);
    let size: i64 = store.query_row("SELECT size FROM downloads", [], |row| row.get(0)).unwrap();
    assert_eq!((size.cast_unsigned(), rows()), (was, 0));
}

#[test]
fn kills_at_any_moment_of_writing_tags_lose_nothing_and_leave_nothing() {
    for round in 0..6 {
        let (site, machine) = (Site::start(None), Machine::new());
        set(&machine, "[library]\nwrite_tags = true\n");
        site.serve("bare.opus", toml::toml! { fixture = "media/sound.opus" });
        let list = machine.put("list", &site.fill("{site}/bare.opus\tinfo.Provider=Wingtip\n"));
        let get = ["get", "-i", list.to_str().unwrap()];
        let mut running = machine.spawn(&get);
        let was = std::fs::read(fixture("sound.opus")).unwrap();
        // The copy is there; it has taken the file's place; or a moment after either.
        let end = std::time::Instant::now() + DEADLINE;
        loop {
            let is_copied = machine.names().iter().any(|name| name.starts_with(".haul-tags-"));
            let is_written = std::fs::read(machine.file("bare.opus")).is_ok_and(|now| now != was);
            if is_written || (round % 2 == 0 && is_copied) || running.is_over() {
                break;
            }
            assert!(std::time::Instant::now() < end, "its tags are never written");
        }
        std::thread::sleep(std::time::Duration::from_millis(2 * (round / 2)));
        running.kill();
        // Whoever comes next finishes what is left to do; what it did is known to the one after it.
        machine.get(&get[1..]);
        let again = machine.get(&get[1..]);
        assert!(again.status.success() && again.stderr.contains("already here"), "{round}: {}", again.told());
        assert_eq!(what_is_there(&machine), (vec!["bare.opus".into()], 1), "round {round}");
        let bytes = std::fs::read(machine.file("bare.opus")).unwrap();
        assert!(bytes.windows(16).any(|part| part == b"PROVIDER=Wingtip"), "round {round}");
    }
}

#[test]
fn finished_media_goes_into_its_folders_and_never_over_a_file() {
    let (site, machine) = (Site::start(None), Machine::new());
    let template = "{kind}/{distributor}/{album_artist}/{album}/{track:02} {title}.{ext}";
    set(&machine, &format!("[library]\nfolders = \"{template}\"\n"));
    site.serve("x.flac", toml::toml! { fixture = "media/plain.flac" });
    site.serve("y.flac", toml::toml! { fixture = "media/plain.flac" });
    site.serve("data.iso", toml::toml! { size = "1 MiB" });
    let outcome = machine.get(&[&site.fill("{site}/x.flac"), &site.fill("{site}/data.iso")]);
    assert!(outcome.status.success(), "{}", outcome.told());
    let folder = "Music/Tailspin Records/Tailspin Crew/The Album";
    let file = machine.file(folder).join("03 Delta.flac");
    assert_eq!(std::fs::read(&file).unwrap(), std::fs::read(fixture("plain.flac")).unwrap());
    assert_eq!(machine.names(), ["Music", "data.iso"]);
    // The same again is here already; another one with the same tags gets a number.
    let again = machine.get(&[&site.fill("{site}/x.flac")]);
    assert!(again.status.success() && again.stderr.contains("already here"), "{}", again.told());
    assert!(machine.get(&[&site.fill("{site}/y.flac")]).status.success());
    assert!(machine.file(folder).join("03 Delta (1).flac").exists());
    // Whoever names a file means it.
    let named = machine.get(&["-o", "mine.flac", &site.fill("{site}/y.flac")]);
    assert!(named.status.success() && machine.file("mine.flac").exists(), "{}", named.told());
    // A look at a template moves nothing.
    let sorted = library(&machine, &["folders", "{year}/{artist} - {title}"]);
    let to: Vec<_> = sorted.iter().map(|row| row["to"].as_str().unwrap()).collect();
    assert_eq!(to, ["", " (1)", " (2)"].map(|number| format!("2006/Tailspin - Delta{number}.flac")));
    let some = machine.run(&["library", "folders", "-n", "2", "{title}"]);
    assert!(some.stderr.contains("newest 2"), "{}", some.told());
    assert!(!machine.run(&["library", "folders", "-n", "3", "{title}"]).stderr.contains("newest"));
    let wrong = machine.run(&["library", "folders", "{colour}"]);
    assert!(!wrong.status.success() && wrong.stderr.contains("{colour} is no value"), "{}", wrong.told());
    assert!(file.exists());
    let show = String::from_utf8(machine.run(&["config", "show"]).stdout).unwrap();
    assert!(show.contains("{track:02} {title}.{ext}"), "{show}");
}

#[test]
fn info_is_there_before_the_first_byte_and_fills_what_the_file_lacks() {
    let (site, machine) = (Site::start(None), Machine::with_agent());
    set(&machine, "[[hosts]]\nmatch = \"127.0.0.1\"\ndistributor = \"Rule Shop\"\n");
    site.serve("silent.mp4", toml::toml! { fixture = "media/silent.mp4" });
    site.hold_after(0);
    let given = "title=Given Title\tartist=Given Artist\talbum=Given Album\tinfo.TrackNumber=4\tinfo.Duration=3:45\tinfo.Provider=Wingtip\tinfo.UserRating=80";
    let list = machine.put("list", &format!("{}/silent.mp4\t{given}\n", site.fill("{site}")));
    let added = machine.run(&["add", "-i", list.to_str().unwrap()]);
    assert!(added.status.success(), "{}", added.told());
    let before = String::from_utf8(machine.run(&["show", "1"]).stdout).unwrap();
    for part in ["Given Title", "Given Artist", "Given Album", "Wingtip", "Rule Shop"] {
        assert!(before.contains(part), "{part:?} in\n{before}");
    }
    site.release();
    let waited = machine.run(&["wait", "1"]);
    assert!(waited.status.success(), "{}", waited.told());
    let end = std::time::Instant::now() + DEADLINE;
    let rows = loop {
        let rows = library(&machine, &["list"]);
        if !rows.is_empty() {
            break rows;
        }
        assert!(std::time::Instant::now() < end, "it was never shelved");
    };
    let detail = library(&machine, &["show", &rows[0]["id"].to_string()]).remove(0);
    // What the file says stands over what was given; that is shown beside it.
    for (field, text) in [("title", "Given Title"), ("album", "Given Album")] {
        assert_eq!(value(&detail, field)["instead_of"][0][1], text);
    }
    for (field, text) in [("rating", "80"), ("provider", "Wingtip")] {
        let value = value(&detail, field);
        assert_eq!((&value["text"], &value["origin"]), (&text.into(), &"download".into()), "{field}");
    }
    assert_eq!(value(&detail, "distributor")["set_by"]["rule"], "127.0.0.1");
    assert_eq!(detail["kind_from"], "streams");
}

#[test]
fn watched_folders_keep_the_agent_and_what_comes_into_them_is_shelved() {
    let mut machine = Machine::with_agent();
    machine.set("HAUL_TEST_WATCH_MS", "50");
    let folder = machine.file("music");
    std::fs::create_dir(&folder).unwrap();
    set(&machine, &format!("[library]\nwatch = [{:?}]\n", folder.to_str().unwrap()));
    assert_eq!(library(&machine, &["list"]), Vec::<Value>::new());
    std::fs::copy(fixture("plain.flac"), folder.join("new.flac")).unwrap();
    let end = std::time::Instant::now() + DEADLINE;
    while library(&machine, &["list"]).is_empty() {
        assert!(std::time::Instant::now() < end, "it was never shelved");
    }
    std::fs::remove_file(folder.join("new.flac")).unwrap();
    while library(&machine, &["stats"])[0]["missing"] != 1 {
        assert!(std::time::Instant::now() < end, "it was never missed");
    }
}

/// Waits until the program has written something, whatever the screen shows of it.
fn wait_for_raw(terminal: &Terminal, what: &str) {
    let end = std::time::Instant::now() + DEADLINE;
    while !terminal.raw().contains(what) {
        assert!(std::time::Instant::now() < end, "{what:?} was never written");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}

#[test]
fn the_pane_finds_shows_and_plays_on_a_terminal_that_says_what_it_can() {
    let machine = Machine::new();
    let folder = music(&machine);
    scan(&machine, &folder);
    let played = machine.put("played", "");
    let player = machine.put("player", "#!/bin/sh\nprintf %s \"$1\" > \"$(dirname \"$0\")/played\"\n");
    std::fs::set_permissions(&player, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let player = player.to_str().unwrap();
    // However busy the machine is, the answer comes in time.
    let colours = [("COLORTERM", "truecolor"), ("HAUL_PLAYER", player), ("HAUL_TEST_ASK_MS", "20000")];
    let mut terminal = open(&machine, &["--here"], (100, 36), &colours);
    // It is asked once and answers: sixels, and cells of 10 by 20 pixels.
    wait_for_raw(&terminal, "\x1b[5n");
    terminal.send("\x1b[?62;4c\x1b[6;20;10t\x1b[0n");
    terminal.wait_for("nothing to do");
    terminal.send("3");
    terminal.wait_until("the shelves are there", |text| text.contains("Other") && text.contains("Video"));
    terminal.send("/");
    terminal.send("id3v23");
    terminal.wait_until("it is found", |text| text.contains("1 found") && text.contains("number"));
    wait_for_raw(&terminal, "\x1bP");
    terminal.send("\r");
    terminal.send("o");
    terminal.wait_for("playing id3v23.mp3");
    let end = std::time::Instant::now() + DEADLINE;
    while std::fs::read_to_string(&played).unwrap() != folder.join("id3v23.mp3").to_str().unwrap() {
        assert!(std::time::Instant::now() < end, "it was not played");
    }
    leave(&mut terminal, "q");
}

#[test]
fn one_file_is_one_entry_whatever_way_leads_to_it() {
    let machine = Machine::new();
    let folder = music(&machine);
    std::fs::create_dir(machine.file("other")).unwrap();
    std::os::unix::fs::symlink(&folder, machine.file("link")).unwrap();
    std::fs::hard_link(folder.join("sound.opus"), folder.join("again.opus")).unwrap();
    scan(&machine, &machine.file("other").join("..").join(folder.file_name().unwrap()));
    let first = library(&machine, &["list"]).len();
    let second = scan(&machine, &machine.file("link"));
    assert_eq!((&second["added"], &second["updated"]), (&0.into(), &0.into()), "{second}");
    assert_eq!(library(&machine, &["list"]).len(), first);
    // Two names of one file are two entries, and no copies.
    assert_eq!(library(&machine, &["duplicates"]), Vec::<Value>::new());
}

#[test]
fn what_was_removed_stays_away_until_it_changes_or_is_named() {
    let machine = Machine::new();
    let folder = music(&machine);
    scan(&machine, &folder);
    let all = library(&machine, &["list"]).len();
    let id = library(&machine, &["search", "opus"])[0]["id"].to_string();
    library(&machine, &["remove", &id]);
    scan(&machine, &folder);
    assert_eq!(library(&machine, &["list"]).len(), all - 1);
    let named = scan(&machine, &folder.join("sound.opus"));
    assert_eq!(named["added"], 1, "{named}");
    assert_eq!(library(&machine, &["list"]).len(), all);
    // What is no media any more is not what the entry was of.
    std::fs::write(folder.join("plain.flac"), "only text").unwrap();
    scan(&machine, &folder);
    assert_eq!(library(&machine, &["missing"]).len(), 1);
    let again = scan(&machine, &folder);
    assert_eq!((&again["not_media"], &again["updated"]), (&0.into(), &0.into()), "{again}");
}

#[test]
fn what_has_no_extension_is_taken_in_by_its_bytes() {
    let machine = Machine::new();
    let folder = machine.file("music");
    std::fs::create_dir(&folder).unwrap();
    std::fs::copy(fixture("sound.opus"), folder.join("bare")).unwrap();
    std::fs::write(folder.join("README"), "no media at all").unwrap();
    let first = scan(&machine, &folder);
    assert_eq!(
        (&first["seen"], &first["added"], &first["not_media"]),
        (&1.into(), &1.into(), &0.into()),
        "{first}"
    );
    assert_eq!(library(&machine, &["list"]).len(), 1);
}

#[test]
fn samples_that_agree_make_no_copies_of_files_that_differ() {
    let machine = Machine::new();
    let folder = music(&machine);
    let mut wav = std::fs::read(fixture("id3.wav")).unwrap();
    // As much silence as the samples leave out.
    let at = wav.len();
    wav.extend(vec![0; 2 << 20]);
    std::fs::write(folder.join("a.wav"), &wav).unwrap();
    std::fs::write(folder.join("b.wav"), &wav).unwrap();
    scan(&machine, &folder);
    assert_eq!(library(&machine, &["duplicates"]).len(), 2);
    wav[at + (500 << 10)] = 1;
    std::fs::write(folder.join("b.wav"), &wav).unwrap();
    scan(&machine, &folder);
    assert_eq!(library(&machine, &["duplicates"]), Vec::<Value>::new());
}

#[test]
fn a_media_type_of_any_length_shifts_no_tags() {
    let (site, machine) = (Site::start(None), Machine::new());
    let long = format!("audio/{}", "x".repeat(66_000));
    let mut script = toml::toml! { fixture = "media/id3v24.mp3" };
    script.insert("headers".into(), toml::Table::from_iter([("Content-Type".into(), long.into())]).into());
    site.serve("Delta.mp3", script);
    let outcome = machine.get(&[&site.fill("{site}/Delta.mp3")]);
    assert!(outcome.status.success(), "{}", outcome.told());
    let folder = music(&machine);
    scan(&machine, &folder);
    for row in library(&machine, &["list"]) {
        let detail = library(&machine, &["show", &row["id"].to_string()]).remove(0);
        let (path, format) = (detail["path"].as_str().unwrap(), detail["format"].as_str().unwrap());
        let is = match path.rsplit('.').next().unwrap() {
            "mp3" => "MPEG",
            "opus" => "Opus",
            "flac" => "Lossless",
            "wmv" => "Windows Media",
            _ => continue,
        };
        assert!(format.contains(is), "{path}: {format}");
    }
}

#[test]
fn a_sorted_file_is_printed_where_it_is() {
    let (site, machine) = (Site::start(None), Machine::new());
    set(&machine, "[library]\nfolders = \"{album_artist}/{title}\"\n");
    site.serve("x.mp3", toml::toml! { fixture = "media/id3v24.mp3" });
    let outcome = machine.get(&[&site.fill("{site}/x.mp3")]);
    assert!(outcome.status.success(), "{}", outcome.told());
    let printed = String::from_utf8_lossy(&outcome.stdout).trim().to_owned();
    assert_ne!(printed, machine.file("x.mp3").display().to_string());
    assert!(std::path::Path::new(&printed).is_file(), "{printed}");
}

#[test]
fn nothing_waits_for_the_tags_of_another_file() {
    let (site, mut machine) = (Site::start(None), Machine::with_agent());
    set(&machine, "[library]\nfolders = \"{album_artist}/{title}\"\n");
    let slow = machine.put("slow", "");
    let script = format!(
        "#!/bin/sh\nwhile [ -e '{}' ]; do sleep 0.05; done\nexec '{}' \"$@\"\n",
        slow.display(),
        env!("CARGO_BIN_EXE_haul")
    );
    let reader = machine.put("reader", &script);
    std::fs::set_permissions(&reader, std::fs::Permissions::from_mode(0o755)).unwrap();
    machine.set("HAUL_TEST_TAG_READER", reader.to_str().unwrap());
    site.serve("x.mp3", toml::toml! { fixture = "media/id3v24.mp3" });
    site.serve("data.iso", toml::toml! { size = "64 KiB" });
    for name in ["x.mp3", "data.iso"] {
        let folder = machine.downloads().display().to_string();
        let added = machine.run(&["add", "-d", &folder, &site.fill(&format!("{{site}}/{name}"))]);
        assert!(added.status.success(), "{}", added.told());
    }
    let outcome = machine.run(&["wait", "2"]);
    assert!(outcome.status.success(), "{}", outcome.told());
    assert_eq!(
        machine.names().iter().filter(|name| !name.starts_with('.')).collect::<Vec<_>>(),
        ["data.iso", "x.mp3.part"]
    );
    std::fs::remove_file(slow).unwrap();
    assert!(machine.run(&["wait", "1"]).status.success());
    assert!(!machine.file("x.mp3").exists() && !machine.file("x.mp3.part").exists());
}

#[test]
fn whoever_is_told_that_a_file_is_done_finds_it_as_it_will_be() {
    let (site, machine) = (Site::start(None), Machine::with_agent());
    set(&machine, "[library]\nwrite_tags = true\n");
    site.serve("bare.opus", toml::toml! { fixture = "media/sound.opus" });
    let list = machine.put("list", &site.fill("{site}/bare.opus\tinfo.Provider=Wingtip\n"));
    let outcome = machine.get(&["-i", list.to_str().unwrap()]);
    assert!(outcome.status.success(), "{}", outcome.told());
    let now = std::fs::read(machine.file("bare.opus")).unwrap();
    assert!(now.windows(7).any(|part| part == b"Wingtip"), "it is not written yet");
    assert_eq!(machine.names(), ["bare.opus"]);
}

#[test]
fn words_are_found_in_every_script_and_composition() {
    let machine = Machine::new();
    let folder = music(&machine);
    scan(&machine, &folder);
    let id = library(&machine, &["search", "opus"])[0]["id"].to_string();
    library(&machine, &["edit", &id, "--set", "title=Да и Нет", "--set", "artist=Bjo\u{308}rk"]);
    for text in ["да", "ДА", "björk", "BJÖRK", "bjo\u{308}rk", "нет да", "jö"] {
        assert_eq!(library(&machine, &["search", text]).len(), 1, "{text}");
    }
}

#[test]
fn a_folder_that_is_no_utf_8_is_refused_and_nobody_waits() {
    use std::os::unix::ffi::OsStrExt as _;
    let machine = Machine::new();
    let folder = machine.downloads().join(std::ffi::OsStr::from_bytes(b"odd\xff"));
    std::fs::create_dir(&folder).unwrap();
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", r#""$0" "$@" "$(printf 'odd\377')""#]);
    let outcome = machine.spawn_under(shell, &["library", "scan"]).wait();
    assert_eq!(outcome.status.code(), Some(2), "{}", outcome.told());
    assert!(outcome.stderr.contains("UTF-8"), "{}", outcome.told());
}
