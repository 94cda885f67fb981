//! Every command on a download in every state, through the real program and an agent: what becomes of it, what is said, with which
//! exit status, and that its bytes are kept.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use toml::toml;

use crate::support::content::first_difference;
use crate::support::line::Line;
use crate::support::machine::{Machine, Outcome};
use crate::support::site::{DEADLINE, Site};

/// What each command leads to: a state, `=` where nothing changes, `-` where it is gone from the list, or `x` where it is refused.
const TABLE: &str = "
                            held        downloading paused      waiting     failed      cancelled   completed
pause                       paused      paused      =           paused      x           x           x
resume                      =           =           downloading downloading downloading downloading x
cancel                      cancelled   cancelled   cancelled   cancelled   cancelled   =           x
remove                      -           -           -           -           -           -           -
retry                       =           =           downloading downloading downloading downloading x
mode_background             =           =           =           =           =           x           x
mode_real-time              X           X           X           X           X           X           X
priority_low                =           =           =           =           =           =           =
move_top                    =           =           =           =           =           =           =
set_-n_3                    =           downloading =           =           =           =           =
set_--limit_9M              =           downloading =           =           =           =           =
set_--name_other            =           downloading =           =           =           =           x
set_--url_{url}             =           downloading =           =           =           =           x
refresh                     =           downloading =           downloading downloading =           x
";

/// What is said of a refusal.
const REFUSED: &[(&str, &str, &str)] = &[
    ("pause", "failed", "it failed; there is nothing to pause"),
    ("pause", "cancelled", "it is cancelled; there is nothing to pause"),
    ("pause", "completed", "it is completed already"),
    ("resume", "completed", "it is completed already"),
    ("retry", "completed", "it is completed already"),
    ("cancel", "completed", "it is completed already; remove takes it out of the list and leaves the file"),
    ("mode", "cancelled", "only what is unfinished has a mode to change"),
    ("mode", "completed", "only what is unfinished has a mode to change"),
    ("set", "completed", "it is completed already; its file is yours to move"),
    ("refresh", "completed", "it is completed already; its file is yours to move"),
];

/// What is said of what was done to one download.
const DONE: &[(&str, &str)] = &[
    ("pause", "paused 1 download."),
    ("resume", "resumed 1 download."),
    ("cancel", "cancelled 1 download."),
    ("remove", "removed 1 download."),
    ("retry", "trying again: 1 download."),
    ("mode", "switched to background: 1 download."),
    ("priority", "set to low: 1 download."),
    ("move", "moved 1 download."),
    ("set", "changed 1 download."),
    ("refresh", "new link for 1 download."),
];

/// Bytes of a file that stops half way, and where it does.
const SIZE: u64 = 4 << 20;
const HALF: u64 = 1 << 20;
/// A note and a write may be under way.
const IN_HAND: u64 = 64 << 10;

/// A download in each state, by its number; the numbers are the columns of the table.
struct Stage {
    site: Site,
    machine: Machine,
    line: Line,
}

const STATES: [&str; 7] = ["held", "downloading", "paused", "waiting", "failed", "cancelled", "completed"];

impl Stage {
    fn new() -> Self {
        let (site, machine) = (Site::start(None), Machine::with_agent().never_tries_again_by_itself());
        for state in STATES {
            let file = match state {
                "waiting" => toml! { size = "4 MiB" stall_after = "1 MiB"
                rule = [{ when = { to = 1 }, cut_after = "1 MiB", stall_after = "1024 MiB" }] },
                "failed" => toml! { size = "4 MiB" stall_after = "1 MiB"
                rule = [{ when = { to = 1 }, status = 404 }] },
                "completed" => toml! { size = "1 MiB" },
                _ => toml! { size = "4 MiB" stall_after = "1 MiB" },
            };
            site.serve(state, file);
        }
        let there = machine.downloads().display().to_string();
        let held = machine.run(&["collection", "create", "shelved"]);
        assert!(held.status.success(), "{}", held.told());
        assert!(machine.run(&["hold", "2"]).status.success());
        let mut line = Line::hello(&machine.state().join("agent.sock"), "test");
        line.get("set_limits", &json!({ "parallel": 20, "parallel_per_host": 20 }));
        let url = |state: &&str| site.fill(&format!("{{site}}/{state}"));
        let add = ["add", "-n", "1", "-d", &there];
        let queued = machine.run(&[&add[..], &["--collection", "2", &url(&"held")]].concat());
        assert!(queued.status.success(), "{}", queued.told());
        let urls: Vec<_> = STATES[1..].iter().map(url).collect();
        let added = machine.run(&[&add[..], &urls.iter().map(String::as_str).collect::<Vec<_>>()].concat());
        assert!(added.status.success(), "{}", added.told());
        let mut stage = Self { site, machine, line };
        for (id, state) in (1..).zip(STATES) {
            if matches!(state, "paused" | "cancelled" | "downloading") {
                stage.wait(id, |row| row["covered"].as_u64() >= Some(HALF));
            }
            match state {
                "paused" => stage.act(id, &json!({ "do": "pause" })),
                "cancelled" => stage.act(id, &json!({ "do": "cancel" })),
                _ => {}
            }
            stage.wait(id, |row| row["state"]["is"] == word(state));
        }
        stage.site.forget();
        for state in ["waiting", "failed"] {
            stage.site.change(state, toml! { rule = [] });
        }
        stage
    }

    fn act(&mut self, id: u64, act: &Value) {
        let acted = self.line.get("act", &json!({ "select": { "ids": [id] }, "act": act }));
        assert!(acted[0]["refused"].is_null(), "{acted}");
    }

    fn wait(&mut self, id: u64, is_so: impl Fn(&Value) -> bool) -> Value {
        until(&mut self.line, id, is_so)
    }

    fn state(&mut self, id: u64) -> Option<String> {
        self.line.row(id).map(|row| row["state"]["is"].as_str().unwrap().to_owned())
    }

    /// Runs a command on one download.
    fn run(&self, command: &str, id: u64) -> Outcome {
        let url = self.site.fill(&format!("{{site}}/{}", STATES[usize::try_from(id).unwrap() - 1]));
        let id = id.to_string();
        let words: Vec<_> = command.split('_').map(|word| word.replace("{url}", &url)).collect();
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let name = format!("other{id}");
        let args = match words[..] {
            ["refresh"] => vec!["refresh", &id, &url],
            ["set", "--name", _] => vec!["set", &id, "--name", &name],
            ["set", ref change @ ..] => [&["set", &id], change].concat(),
            _ => [&words[..], &[&id]].concat(),
        };
        self.machine.run(&args)
    }

    /// Lets all end that can, and holds the files against what is served: nothing but the rest was fetched.
    fn end(mut self, ids: &[u64], told: &str) {
        for (id, state) in (1..).zip(STATES) {
            if ids.contains(&id) {
                self.site.change(state, toml! { stall_after = "1024 MiB" rule = [] });
            }
        }
        self.site.release();
        assert!(self.machine.run(&["go", "2"]).status.success());
        for id in ids {
            if self
                .state(*id)
                .is_some_and(|state| matches!(&*state, "paused" | "cancelled" | "waiting" | "failed"))
            {
                self.act(*id, &json!({ "do": "retry" }));
            }
        }
        for id in ids {
            let state = STATES[usize::try_from(*id).unwrap() - 1];
            let site = &self.site;
            // What was asked for before the change may come to its stop only now.
            let row = until(&mut self.line, *id, |row| {
                site.release();
                row["state"]["is"] == "completed"
            });
            let held = std::fs::read(self.machine.file(row["name"].as_str().unwrap())).unwrap();
            let served = self.site.content(state).unwrap();
            assert_eq!(first_difference(&held, &served), None, "{told}: {state}");
            let again = self
                .site
                .log()
                .iter()
                .filter(|seen| seen.name == state && seen.sent > 0 && seen.first < HALF - IN_HAND)
                .count();
            let had_none = matches!(state, "held" | "failed" | "completed");
            assert!(had_none || again == 0, "{told}: bytes of {state} came again");
        }
    }
}

fn until(line: &mut Line, id: u64, is_so: impl Fn(&Value) -> bool) -> Value {
    let end = Instant::now() + DEADLINE;
    loop {
        let row = line.row(id).unwrap();
        if is_so(&row) {
            return row;
        }
        assert!(Instant::now() < end, "download {id} stays {row}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// What is held waits.
fn word(state: &str) -> &str {
    if state == "held" { "waiting" } else { state }
}

fn check(command: &str, cells: &[&str]) {
    let mut stage = Stage::new();
    let verb = command.split('_').next().unwrap();
    let said =
        |table: &[(&str, &str)]| table.iter().find(|(of, _)| *of == verb).map(|(_, text)| (*text).to_owned());
    for ((id, before), cell) in (1..).zip(STATES).zip(cells) {
        let outcome = stage.run(command, id);
        let told = format!("{command} on what is {before}: {}", outcome.told());
        let (exit, words, after) = match *cell {
            "x" => {
                let refused = REFUSED.iter().find(|(of, state, _)| *of == verb && *state == before);
                (1, format!("haul: {id}: {}", refused.expect(&told).2), before)
            }
            "X" => (2, "ends with the client that asks for it".into(), before),
            "=" => (0, said(DONE).unwrap(), before),
            after => (0, said(DONE).unwrap(), after),
        };
        assert_eq!(outcome.status.code(), Some(exit), "{told}");
        assert!(outcome.stderr.contains(&words), "no {words:?}: {told}");
        if after == "-" {
            let end = Instant::now() + DEADLINE;
            while stage.line.row(id).is_some() {
                assert!(Instant::now() < end, "{told}");
                thread::sleep(Duration::from_millis(5));
            }
            continue;
        }
        stage.wait(id, |row| row["state"]["is"] == word(after));
        if !matches!(before, "held" | "failed" | "completed") {
            let row = stage.wait(id, |row| row["covered"].as_u64() >= Some(HALF - IN_HAND));
            assert!(row["size"] == SIZE, "{told}");
        }
    }
    if verb == "remove" {
        // Finished files are nobody's to remove; parts go when the removal can't be taken back any more.
        assert!(stage.machine.names().contains(&"completed".to_owned()), "{:?}", stage.machine.names());
    } else {
        stage.end(&[1, 2, 3, 4, 5, 6, 7], command);
    }
}

#[test]
fn undo_takes_back_the_last_cancel_and_the_last_remove_with_all_bytes() {
    for (act, told) in [("cancel", "cancelled 5 downloads."), ("remove", "removed 5 downloads.")] {
        let mut stage = Stage::new();
        let outcome = stage.machine.run(&[act, "1", "2", "3", "4", "5"]);
        assert_eq!(outcome.status.code(), Some(0), "{}", outcome.told());
        assert!(outcome.stderr.contains(told), "{}", outcome.told());
        for id in 1..=5 {
            let end = Instant::now() + DEADLINE;
            while stage.state(id).is_some_and(|state| state != "cancelled") {
                assert!(Instant::now() < end, "{act} {id}");
                thread::sleep(Duration::from_millis(5));
            }
        }
        let outcome = stage.machine.run(&["undo"]);
        assert_eq!(outcome.status.code(), Some(0), "{}", outcome.told());
        assert!(outcome.stderr.contains("brought back 5 downloads."), "{}", outcome.told());
        let states: Vec<_> = (1..=5).map(|id| stage.state(id)).collect();
        assert!(
            states.iter().all(|state| state.as_ref().is_some_and(|state| state != "cancelled")),
            "{states:?}"
        );
        stage.end(&[1, 2, 3, 4, 5], act);
    }
    let machine = Machine::new();
    let outcome = machine.run(&["undo"]);
    assert_eq!(outcome.status.code(), Some(0), "{}", outcome.told());
    assert!(outcome.stderr.contains("there is nothing to take back"), "{}", outcome.told());
}

#[test]
fn undo_takes_back_the_last_act_though_its_transfers_have_not_let_go_yet() {
    let mut stage = Stage::new();
    let undo = |stage: &Stage| {
        let outcome = stage.machine.run(&["undo"]);
        assert!(outcome.stderr.contains("brought back 1 download."), "{}", outcome.told());
    };
    // Each time it goes on another MiB comes, so it may be whole in the end.
    let goes_on = |row: &Value| matches!(row["state"]["is"].as_str(), Some("downloading" | "completed"));
    for act in ["cancel", "remove"] {
        assert!(stage.machine.run(&[act, "2"]).status.success());
        undo(&stage);
        stage.wait(2, goes_on);
    }
    // A running one was removed, and then another one cancelled that was paused: each comes back as it was, the last one first.
    assert!(stage.machine.run(&["remove", "2"]).status.success());
    assert!(stage.machine.run(&["cancel", "3"]).status.success());
    undo(&stage);
    stage.wait(3, |row| row["state"]["is"] == "paused");
    undo(&stage);
    stage.wait(2, goes_on);
}

#[test]
fn numbers_all_and_predicates_choose_what_they_say() {
    let mut stage = Stage::new();
    let mut expect =
        |args: &[&str], exit: i32, words: &str, changed: &[u64], is_so: &dyn Fn(&Value) -> bool| {
            let outcome = stage.machine.run(args);
            assert_eq!(outcome.status.code(), Some(exit), "{args:?}: {}", outcome.told());
            assert!(outcome.stderr.contains(words), "{args:?}: {}", outcome.told());
            let chosen: Vec<u64> = (1..=7).filter(|id| is_so(&stage.line.row(*id).unwrap())).collect();
            assert_eq!(chosen, changed, "{args:?}");
        };
    let low: &dyn Fn(&Value) -> bool = &|row| row["priority"] == "low";
    let high: &dyn Fn(&Value) -> bool = &|row| row["priority"] == "high";
    expect(&["priority", "low", "2", "#4"], 0, "2 downloads", &[2, 4], low);
    expect(&["priority", "high", "state:paused"], 0, "1 download", &[3], high);
    expect(&["priority", "high", "priority:low"], 0, "2 downloads", &[2, 3, 4], high);
    expect(&["priority", "low", "host:127.0.0.1", "in:2"], 0, "1 download", &[1], low);
    expect(&["priority", "low", "host:nowhere.example"], 0, "nothing matches", &[1], low);
    expect(&["priority", "low", ">2MB", "state:waiting"], 0, "1 download", &[1, 4], low);
    expect(&["priority", "low", "5", "99"], 1, "there is no download 99", &[1, 4, 5], low);
    expect(&["priority", "low", "99"], 2, "there is no download 99", &[1, 4, 5], low);
    for named in [&["list", "1", "99"][..], &["list", "--format", "list", "99"], &["watch", "99"]] {
        expect(named, 2, "there is no download 99", &[1, 4, 5], low);
    }
    expect(&["list", "90-99"], 0, "nothing matches", &[1, 4, 5], low);
    expect(&["priority", "low", "2-3", "7", "90-99"], 0, "3 downloads", &[1, 2, 3, 4, 5, 7], low);
    expect(&["priority", "high", "all"], 0, "7 downloads", &[1, 2, 3, 4, 5, 6, 7], high);
    let paused: &dyn Fn(&Value) -> bool = &|row| row["state"]["is"] == "cancelled";
    expect(&["pause", "all"], 0, "paused 4 downloads", &[6], paused);
}

#[test]
fn a_collection_s_name_is_its_own_and_a_flag_takes_it() {
    let (site, machine) = (Site::start(None), Machine::with_agent());
    site.serve("file", toml! { size = "1 MiB" });
    let expect = |args: &[&str], exit: i32, words: &str| {
        let outcome = machine.run(args);
        assert_eq!(outcome.status.code(), Some(exit), "{args:?}: {}", outcome.told());
        assert!(outcome.stderr.contains(words), "{args:?}: {}", outcome.told());
    };
    expect(&["collection", "create", "Foo"], 0, "");
    expect(&["collection", "create", "Foo"], 2, "there is a collection `Foo` already, number 2");
    expect(&["collection", "rename", "default", "Foo"], 2, "there is a collection `Foo` already");
    expect(&["collection", "rename", "Foo", "Foo"], 0, "");
    expect(&["hold", "Foo"], 0, "held");
    let url = site.fill("{site}/file");
    let there = machine.downloads().display().to_string();
    expect(&["add", "-d", &there, "--collection", "Bar", &url], 2, "there is no collection `Bar`");
    expect(&["add", "-d", &there, "--collection", "Foo", &url], 0, "");
    let mut line = Line::hello(&machine.state().join("agent.sock"), "test");
    assert_eq!(line.row(1).unwrap()["collection"], 2);
    expect(&["set", "1", "--collection", "Foo"], 0, "");
    // Nobody knows how much all is while one has no size, nor when it is done.
    line.get("subscribe", &Value::Null);
    let totals = std::iter::repeat_with(|| line.read().unwrap())
        .find_map(|said| Some(said["params"]["update"]["totals"].clone()).filter(|totals| !totals.is_null()))
        .unwrap();
    assert_eq!((&totals["unknown"], &totals["eta_secs"]), (&json!(1), &Value::Null), "{totals}");
    // What went with its collection comes back without it, and what was done before is another act.
    expect(&["cancel", "1"], 0, "cancelled 1");
    expect(&["collection", "remove", "Foo", "--with-downloads"], 0, "");
    assert_eq!(line.row(1), None);
    expect(&["undo"], 0, "brought back 1 download.");
    let row = line.row(1).unwrap();
    assert_eq!((&row["collection"], &row["state"]["is"]), (&json!(1), &json!("cancelled")), "{row}");
    expect(&["undo"], 0, "brought back 1 download.");
    expect(&["wait", "1"], 0, "");
}

#[test]
fn completions_offer_what_people_type() {
    for shell in ["bash", "zsh", "fish"] {
        let script = Machine::new().run(&["completions", shell]).stdout;
        let script = String::from_utf8(script).unwrap();
        assert!(script.contains("collections"), "{shell}");
        assert!(!script.contains("__tags") && !script.contains("haul,links"), "{shell}");
    }
}

#[test]
fn a_list_that_was_written_gives_the_same_downloads_when_it_is_read() {
    let (site, machine, other) = (Site::start(None), Machine::with_agent(), Machine::with_agent());
    for name in ["a%20b.bin?token=secret", "plain", "sum"] {
        site.serve(name, toml! { body = "hello\n" });
    }
    // Nothing is fetched before both lists are compared.
    assert!(machine.run(&["hold"]).status.success() && other.run(&["hold"]).status.success());
    let there = machine.file("there");
    std::fs::create_dir(&there).unwrap();
    let there = there.display().to_string();
    let url = |name: &str| site.fill(&format!("{{site}}/{name}"));
    let sum = "sha-256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
    for args in [
        &["add", &url("a%20b.bin?token=secret#part"), "-d", &there, "--priority", "low"][..],
        &[
            "add",
            &url("plain"),
            "-d",
            &there,
            "-o",
            "given name.bin",
            "--header",
            "X-A: b c",
            "--header",
            "X-B: d",
        ],
        &["add", &url("sum"), "-d", &there, "--checksum", sum, "-n", "3", "--limit", "5M"],
    ] {
        let added = machine.run(args);
        assert!(added.status.success(), "{}", added.told());
    }
    let written = machine.run(&["list", "--format", "list"]);
    assert_eq!(String::from_utf8_lossy(&written.stdout).lines().count(), 3, "{}", written.told());
    std::fs::write(other.file("list"), &written.stdout).unwrap();
    let added = other.run(&["add", "-i", "list"]);
    assert!(added.status.success(), "{}", added.told());
    let again = other.run(&["list", "--format", "list"]);
    assert_eq!(String::from_utf8_lossy(&again.stdout), String::from_utf8_lossy(&written.stdout));
    for id in ["1", "2", "3"] {
        let shown = |machine: &Machine| {
            let shown = machine.run(&["show", id, "--json"]);
            let shown: Value =
                serde_json::from_slice(&shown.stdout).unwrap_or_else(|_| panic!("{}", shown.told()));
            let of = |name: &str| shown[name].clone();
            let row = |name: &str| shown["row"][name].clone();
            let details = ["source_url", "path", "checksum", "connections", "limit"].map(of);
            (details, ["mode", "priority", "collection"].map(row))
        };
        assert_eq!(shown(&other), shown(&machine));
    }
    // And they are fetched as they were to be.
    assert!(other.run(&["go"]).status.success());
    let outcome = other.get(&["-i", "list"]);
    assert!(outcome.status.success(), "{}", outcome.told());
    let names =
        std::fs::read_dir(&there).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    assert_eq!(names, ["a b.bin", "given name.bin", "sum"]);
    let sent = |name: &str, field: &str| {
        let log = site.log();
        let seen = log.iter().find(|seen| seen.name.starts_with(name)).unwrap();
        seen.request.header(field).map(str::to_owned)
    };
    assert_eq!(sent("plain", "x-a").as_deref(), Some("b c"));
    assert_eq!(sent("plain", "x-b").as_deref(), Some("d"));
    assert_eq!(sent("sum", "x-a"), None);
}

/// Makes a test of each row.
macro_rules! rows {
    ($($name:ident $command:literal)*) => {
        $(#[test]
        fn $name() {
            let row = TABLE.lines().find(|line| line.split(' ').next() == Some($command)).unwrap();
            check($command, &row.split_whitespace().skip(1).collect::<Vec<_>>());
        })*

        #[test]
        fn every_row_is_checked() {
            let rows: Vec<_> = TABLE.lines().skip(2).filter_map(|line| line.split_whitespace().next()).collect();
            assert_eq!(rows, [$($command),*]);
        }
    };
}

rows! {
    pause "pause"
    resume "resume"
    cancel "cancel"
    remove "remove"
    retry "retry"
    mode_background "mode_background"
    mode_real_time "mode_real-time"
    priority "priority_low"
    shift "move_top"
    set_connections "set_-n_3"
    set_limit "set_--limit_9M"
    set_name "set_--name_other"
    set_url "set_--url_{url}"
    refresh "refresh"
}

#[test]
fn what_was_started_over_says_so_when_somebody_asks() {
    let (site, machine) = (Site::start(None), Machine::with_agent());
    let script = "size = '8 MiB'\nrule = [{ when = { to = 1 }, cut_after = '4 MiB' }, \
                  { when = { from = 2 }, version = 2, etag = '\"two\"', modified = 'fresh' }]";
    site.serve("file.bin", toml::from_str(script).unwrap());
    let there = machine.downloads().display().to_string();
    for words in [&["add", "-d", &there, "-n", "1", &site.fill("{site}/file.bin")][..], &["wait", "1"]] {
        let outcome = machine.run(words);
        assert!(outcome.status.success(), "{}", outcome.told());
    }
    let shown = String::from_utf8(machine.run(&["show", "1"]).stdout).unwrap();
    for told in [
        "state       completed: just now; the file changed on the server meanwhile",
        "safe        under its own name, and on the disk\n",
        "connections 1 at most\n",
        "  the file changed on the server (version \"one\" before, version \"two\" now): started over",
    ] {
        assert!(shown.contains(told), "{shown}");
    }
}
