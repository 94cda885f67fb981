//! One agent for all clients: it is found or started once from wherever a command is run, downloads outlive their clients and the
//! agent itself, and nothing is left behind.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use haul::engine::Holder;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use toml::toml;

use crate::support::content::first_difference;
use crate::support::line::Line;
use crate::support::machine::{Machine, Outcome, wait_until_free};
use crate::support::real::{find, has};
use crate::support::site::{DEADLINE, Site};

/// How often a process or a file is looked at while a test waits for it.
const LOOK: Duration = Duration::from_millis(5);

fn socket(machine: &Machine) -> PathBuf {
    Holder::read(&machine.state()).socket.expect("no agent listens")
}

pub(crate) fn agent(machine: &Machine) -> u32 {
    Holder::read(&machine.state()).pid.expect("no agent runs")
}

pub(crate) fn kill(pid: u32) {
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), Signal::KILL).unwrap();
}

pub(crate) fn done(outcome: &Outcome) -> String {
    assert!(outcome.status.success(), "{}", outcome.told());
    String::from_utf8_lossy(&outcome.stdout).trim().to_owned()
}

pub(crate) fn until(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !is_so() {
        assert!(Instant::now() < end, "not within {DEADLINE:?}: {what}");
        thread::sleep(LOOK);
    }
}

pub(crate) fn whole(machine: &Machine, site: &Site, name: &str) {
    let (file, content) = (std::fs::read(machine.file(name)).unwrap(), site.content(name).unwrap());
    assert_eq!(first_difference(&file, &content), None);
}

/// A site and a machine whose agent has downloaded 3 MiB of the 8 of `file.bin`, and waits for more.
pub(crate) fn held_in_the_middle() -> (Site, Machine) {
    let (site, machine) = (Site::start(None), Machine::with_agent());
    site.serve("file.bin", toml! { size = "8 MiB" });
    site.hold_after(3 << 20);
    done(&machine.run(&["add", "-d", machine.downloads().to_str().unwrap(), &site.fill("{site}/file.bin")]));
    assert!(site.wait_until_held(|| false), "nobody downloads");
    (site, machine)
}

#[test]
fn what_is_added_outlives_whoever_added_it() {
    let (site, machine) = (Site::start(None), Machine::with_agent());
    site.serve("file.bin", toml! { size = "4 MiB" });
    site.hold_after(1 << 20);
    let url = site.fill("{site}/file.bin");
    let added = machine.run(&["add", "-d", machine.downloads().to_str().unwrap(), &url]);
    assert_eq!(done(&added), "1");
    assert!(site.wait_until_held(|| false), "nobody downloads");
    site.release();
    done(&machine.run(&["wait", "1"]));
    whole(&machine, &site, "file.bin");
}

#[test]
fn a_client_that_is_killed_takes_nothing_with_it_but_its_haste() {
    let (site, machine) = (Site::start(None), Machine::with_agent());
    site.serve("file.bin", toml! { size = "4 MiB" });
    site.hold_after(1 << 20);
    let mut getting = machine.spawn(&["get", &site.fill("{site}/file.bin")]);
    assert!(site.wait_until_held(|| getting.is_over()), "{}", getting.wait().told());
    let mut line = Line::hello(&socket(&machine), "test");
    assert_eq!(line.row(1).unwrap()["priority"], "now");
    getting.kill();
    let left = std::fs::read_dir(machine.state()).unwrap().flatten();
    let left: Vec<_> = left
        .map(|entry| entry.file_name())
        .filter(|name| name.to_string_lossy().starts_with("haul-"))
        .collect();
    assert_eq!(left, Vec::<std::ffi::OsString>::new());
    line.wait_for(1, "normal", |row| row["priority"] == "normal");
    site.release();
    done(&machine.run(&["wait"]));
    whole(&machine, &site, "file.bin");
}

#[test]
fn links_in_the_list_are_known_by_their_address_whatever_their_files_are_called() {
    let (site, machine) = (Site::start(None), Machine::with_agent());
    site.serve("file.bin", toml! { size = "1 KiB" });
    let url = site.fill("{site}/file.bin");
    done(&machine.get(&[&url, "-o", "other.bin"]));
    let mut line = Line::hello(&socket(&machine), "test");
    let asked = json!({ "urls": [url, site.fill("{site}/new.bin")] });
    assert_eq!(line.get("known", &asked), json!([1, null]));
}

#[test]
fn files_at_once_of_one_get_take_no_place_from_others_and_end_with_it() {
    let (site, machine) = (Site::start(None), Machine::with_agent());
    let names = |first: char| (0..6).map(move |number| format!("{first}{number}"));
    for name in ['a', 'b', 'c'].into_iter().flat_map(names) {
        site.serve(&name, toml! { size = "64 KiB" });
    }
    let urls = |first, at: &'static str| names(first).map(move |name| format!("{at}/{name}"));
    let args = |words: &[&str], first, at| -> Vec<String> {
        let there = machine.downloads().display().to_string();
        let flags = words.iter().map(|word| (*word).to_owned()).chain(["-d".into(), there]);
        flags.chain(urls(first, at).map(|url| site.fill(&url))).collect()
    };
    let came = |first: char| site.log().iter().filter(|seen| seen.name.starts_with(first)).count();
    site.hold_after(0);
    let getting = machine.spawn(&args(&["get", "-j", "6", "-n", "1"], 'a', "{site}"));
    until("all of the get at once", || came('a') == 6);
    // Two of a host, as ever, beside the six.
    done(&machine.beside(&args(&["add"], 'b', "{other}")));
    until("two others beside them", || came('b') == 2);
    let queued = machine.beside(&["list", "--json", "state:queued"]);
    assert_eq!(done(&queued).lines().count(), 4, "{}", queued.told());
    site.release();
    done(&getting.wait());
    done(&machine.run(&["wait"]));
    site.hold_after(0);
    done(&machine.run(&args(&["add"], 'c', "{site}")));
    let queued = machine.run(&["list", "--json", "state:queued"]);
    assert_eq!(done(&queued).lines().count(), 4, "{}", queued.told());
    site.release();
    done(&machine.run(&["wait"]));
    let refused = machine.run(&args(&["add", "-j", "6"], 'c', "{site}"));
    assert_eq!(refused.status.code(), Some(2), "{}", refused.told());
}

#[test]
fn files_at_once_of_one_get_are_as_many_after_the_agent_was_killed() {
    let (site, machine) = (Site::start(None), Machine::with_agent());
    let names: Vec<_> = (0..6).map(|number| format!("a{number}")).collect();
    for name in &names {
        site.serve(name, toml! { size = "64 KiB" });
    }
    let urls = names.iter().map(|name| site.fill(&format!("{{site}}/{name}")));
    let words: Vec<_> = ["get", "-j", "6", "-n", "1"].map(str::to_owned).into_iter().chain(urls).collect();
    site.hold_after(0);
    let getting = machine.spawn(&words);
    until("all of the get at once", || site.log().len() == 6);
    kill(agent(&machine));
    // A busy machine may make one of them ask once more.
    let asked_again = |name: &&String| site.log().iter().filter(|seen| seen.name == **name).count() >= 2;
    until("all of them at once again", || names.iter().filter(asked_again).count() == 6);
    site.release();
    done(&getting.wait());
}

#[test]
fn ctrl_c_pauses_what_get_added_and_the_same_command_goes_on() {
    let (site, machine) = (Site::start(None), Machine::with_agent());
    site.serve("file.bin", toml! { size = "4 MiB" });
    site.hold_after(1 << 20);
    let url = site.fill("{site}/file.bin");
    let mut getting = machine.spawn(&["get", &url]);
    assert!(site.wait_until_held(|| getting.is_over()), "{}", getting.wait().told());
    let outcome = getting.interrupt();
    assert_eq!(outcome.status.code(), Some(130), "{}", outcome.told());
    site.release();
    let mut line = Line::hello(&socket(&machine), "test");
    line.wait_for(1, "paused", |row| row["state"]["is"] == "paused");
    done(&machine.get(&[&url]));
    whole(&machine, &site, "file.bin");
}

#[test]
fn an_agent_that_is_killed_is_started_by_whoever_needs_it_and_goes_on_by_itself() {
    let (site, machine) = (Site::start(None), Machine::with_agent());
    site.serve("file.bin", toml! { size = "8 MiB" });
    site.hold_after(3 << 20);
    let mut getting = machine.spawn(&["get", &site.fill("{site}/file.bin")]);
    assert!(site.wait_until_held(|| getting.is_over()), "{}", getting.wait().told());
    let first = agent(&machine);
    kill(first);
    // Who waits may start another one before anybody sees the store free.
    until("it is gone", || !is_alive(first));
    site.release();
    // Who stays with it starts the next one.
    done(&getting.wait());
    assert_ne!(agent(&machine), first);
    whole(&machine, &site, "file.bin");
}

#[test]
fn after_a_kill_the_next_command_brings_downloads_back() {
    let (site, machine) = (Site::start(None), Machine::with_agent());
    site.serve("file.bin", toml! { size = "8 MiB" });
    site.hold_after(3 << 20);
    let url = site.fill("{site}/file.bin");
    done(&machine.run(&["add", "-d", machine.downloads().to_str().unwrap(), &url]));
    assert!(site.wait_until_held(|| false), "nobody downloads");
    kill(agent(&machine));
    wait_until_free(&machine.state());
    site.release();
    done(&machine.run(&["list"]));
    done(&machine.run(&["wait", "1"]));
    whole(&machine, &site, "file.bin");
}

#[test]
fn many_that_start_at_once_end_with_one_agent() {
    let machine = Machine::with_agent();
    let running: Vec<_> = (0..8).map(|_| machine.spawn(&["agent", "status", "--json"])).collect();
    // Nobody runs yet for those who only ask.
    assert!(running.into_iter().all(|one| one.wait().status.code() == Some(3)));
    let running: Vec<_> = (0..8).map(|_| machine.spawn(&["list"])).collect();
    for one in running {
        done(&one.wait());
    }
    let pids: BTreeSet<_> = (0..3).map(|_| status(&machine)["pid"].as_u64().unwrap()).collect();
    assert_eq!(pids, BTreeSet::from([u64::from(agent(&machine))]));
    let log = done(&machine.run(&["agent", "log"]));
    assert_eq!(log.lines().filter(|line| line.contains(" begins")).count(), 1, "{log}");
}

pub(crate) fn status(machine: &Machine) -> Value {
    serde_json::from_str(&done(&machine.run(&["agent", "status", "--json"]))).unwrap()
}

#[test]
fn the_same_agent_is_found_from_a_terminal_from_cron_and_from_next_to_nothing() {
    let home = tempfile::tempdir().unwrap();
    let runtime = home.path().join("runtime");
    std::fs::create_dir(&runtime).unwrap();
    let state = home.path().join(".local/state/haul");
    let text = |path: &Path| path.display().to_string();
    let path = std::env::var("PATH").unwrap_or_default();
    let pid = || Holder::read(&state).pid;
    let mut pids = Vec::new();
    for (told, variables) in [
        ("env -i", vec![]),
        (
            "cron",
            vec![("LOGNAME", "me".into()), ("SHELL", "/bin/sh".into()), ("PATH", "/usr/bin:/bin".into())],
        ),
        ("terminal", vec![("PATH", path), ("TERM", "xterm".into()), ("XDG_RUNTIME_DIR", text(&runtime))]),
    ] {
        let outcome = Command::new(env!("CARGO_BIN_EXE_haul"))
            .args(["list"])
            .current_dir("/")
            .env_clear()
            .env("HOME", home.path())
            .envs(variables)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(outcome.status.success(), "{told}: {}", String::from_utf8_lossy(&outcome.stderr));
        pids.push(pid().unwrap());
    }
    kill(pids[0]);
    wait_until_free(&state);
    assert!(pids.iter().all(|one| *one == pids[0]), "{pids:?}");
}

#[test]
fn whoever_watches_for_a_reader_that_left_ends_with_it() {
    let machine = Machine::with_agent();
    done(&machine.run(&["list"]));
    let mut shell = Command::new("sh");
    shell.args(["-c", r#""$0" "$@" | head -n 1"#]);
    // It ends, though nothing changes.
    let told = done(&machine.spawn_under(shell, &["watch", "--json"]).wait());
    assert!(told.contains("revision"), "{told}");
}

#[test]
fn a_config_that_is_not_there_is_wrong_usage_with_and_without_an_agent() {
    let machine = Machine::with_agent();
    for _ in 0..2 {
        let outcome = machine.run(&["--config", "/nowhere/haul.toml", "list"]);
        assert_eq!(outcome.status.code(), Some(2), "{}", outcome.told());
        assert!(outcome.stderr.contains("/nowhere/haul.toml"), "{}", outcome.told());
        done(&machine.run(&["list"]));
    }
}

#[test]
fn stop_leaves_nothing_behind_but_the_store_and_the_log() {
    let (site, machine) = (Site::start(None), Machine::with_agent());
    site.serve("file.bin", toml! { size = "4 MiB" });
    site.hold_after(1 << 20);
    done(&machine.run(&["add", "-d", machine.downloads().to_str().unwrap(), &site.fill("{site}/file.bin")]));
    assert!(site.wait_until_held(|| false), "nobody downloads");
    let (pid, socket) = (agent(&machine), socket(&machine));
    let told = machine.run(&["agent", "stop"]);
    done(&told);
    assert!(told.stderr.contains("has stopped"), "{}", told.told());
    assert!(!socket.exists());
    // The store is free; the process has nothing left but to end.
    until("its process has ended", || !is_alive(pid));
    let names: Vec<_> = std::fs::read_dir(machine.state())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with("agent.") && !name.starts_with("haul.db"))
        .collect();
    assert_eq!(names, Vec::<String>::new());
    // It was checkpointed, not lost.
    assert_eq!(machine.names(), ["file.bin.part", "file.bin.part.haul"]);
    assert!(machine.run(&["agent", "stop"]).stderr.contains("no agent is running"));
    site.release();
    done(&machine.run(&["agent", "start"]));
    done(&machine.run(&["wait", "1"]));
    whole(&machine, &site, "file.bin");
    assert_eq!(machine.names(), ["file.bin"]);
}

/// Whether a process is there and no zombie.
fn is_alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z'))
}

#[test]
fn a_client_that_reads_nothing_does_not_keep_the_agent() {
    let machine = Machine::with_agent();
    done(&machine.run(&["list"]));
    let pid = agent(&machine);
    let mut deaf = UnixStream::connect(socket(&machine)).unwrap();
    deaf.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let hello = json!({ "jsonrpc": "2.0", "id": 1, "method": "hello",
        "params": { "name": "deaf", "version": "0", "protocol": 1, "key": "deaf" } });
    deaf.write_all(format!("{hello}\n").as_bytes()).unwrap();
    let status = json!({ "jsonrpc": "2.0", "id": 2, "method": "status" }).to_string() + "\n";
    let asks = status.repeat(100);
    while deaf.write_all(asks.as_bytes()).is_ok() {}
    let began = Instant::now();
    done(&machine.run(&["agent", "stop"]));
    until("it is gone", || !is_alive(pid));
    assert!(began.elapsed() < Duration::from_secs(15), "it took {:?}", began.elapsed());
}

#[test]
fn an_agent_that_hangs_is_named_and_never_called_absent() {
    let machine = Machine::with_agent();
    done(&machine.run(&["list"]));
    let pid = agent(&machine);
    let process = Pid::from_raw(pid.cast_signed()).unwrap();
    kill_process(process, Signal::STOP).unwrap();
    let outcome = machine.run(&["agent", "stop"]);
    kill_process(process, Signal::CONT).unwrap();
    assert_eq!(outcome.status.code(), Some(3), "{}", outcome.told());
    assert!(outcome.stderr.contains(&format!("process {pid}, doesn't answer")), "{}", outcome.told());
    done(&machine.run(&["agent", "stop"]));
}

#[test]
fn what_is_about_this_machine_is_not_done_here_for_another_one() {
    let machine = Machine::with_agent();
    for words in [&["run"][..], &["install", "--print"], &["uninstall"]] {
        let outcome = machine.run(&[&["--host", "box", "agent"], words].concat());
        assert_eq!(outcome.status.code(), Some(2), "{}", outcome.told());
        let way_out = format!("ssh BOX haul agent {}", words[0]);
        assert!(outcome.stderr.contains(&way_out), "{}", outcome.told());
        assert!(outcome.stdout.is_empty());
    }
}

#[test]
fn sigterm_is_as_good_as_stop() {
    let machine = Machine::with_agent();
    done(&machine.run(&["list"]));
    let socket = socket(&machine);
    kill_process(Pid::from_raw(agent(&machine).cast_signed()).unwrap(), Signal::TERM).unwrap();
    wait_until_free(&machine.state());
    assert!(!socket.exists());
    assert!(!machine.state().join("lock").exists());
}

#[test]
fn it_leaves_when_nothing_is_left_to_do() {
    let mut machine = Machine::with_agent();
    machine.set("HAUL_TEST_LEAVE_MS", "30");
    done(&machine.run(&["list"]));
    wait_until_free(&machine.state());
    until("the socket is gone", || !machine.state().join("agent.sock").exists());
    // It can be had again at any time, also while it leaves.
    for _ in 0..5 {
        done(&machine.run(&["list"]));
    }
}

#[test]
fn it_stays_while_a_client_or_a_download_is_there() {
    let (site, mut machine) = (Site::start(None), Machine::with_agent());
    machine.set("HAUL_TEST_LEAVE_MS", "1");
    site.serve("file.bin", toml! { size = "4 MiB" });
    site.hold_after(1 << 20);
    done(&machine.run(&["add", "-d", machine.downloads().to_str().unwrap(), &site.fill("{site}/file.bin")]));
    assert!(site.wait_until_held(|| false), "nobody downloads");
    let pid = agent(&machine);
    let mut line = Line::hello(&socket(&machine), "test");
    site.release();
    line.wait_for(1, "completed", |row| row["state"]["is"] == "completed");
    assert_eq!(line.get("status", &Value::Null)["pid"], pid);
    drop(line);
    wait_until_free(&machine.state());
    whole(&machine, &site, "file.bin");
}

#[test]
fn a_socket_that_vanishes_is_made_again() {
    let machine = Machine::with_agent();
    done(&machine.run(&["list"]));
    let (pid, socket) = (agent(&machine), socket(&machine));
    std::fs::remove_file(&socket).unwrap();
    until("it is there again", || socket.exists());
    done(&machine.run(&["list"]));
    assert_eq!(status(&machine)["pid"], pid);
}

#[test]
fn a_socket_whose_name_another_file_took_is_made_again() {
    let machine = Machine::with_agent();
    done(&machine.run(&["list"]));
    let (pid, socket) = (agent(&machine), socket(&machine));
    let other = std::os::unix::net::UnixListener::bind(machine.state().join("other")).unwrap();
    std::fs::rename(machine.state().join("other"), &socket).unwrap();
    drop(other);
    until("it answers again", || UnixStream::connect(&socket).is_ok());
    assert_eq!(status(&machine)["pid"], pid);
}

#[test]
fn a_variable_that_is_set_and_empty_is_as_good_as_none() {
    let machine = Machine::new();
    let run = |name: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_haul"));
        command.args(["--here", "list"]).env_clear().env(name, "").env("HOME", machine.root());
        command.output().unwrap()
    };
    for name in ["HAUL_STATE_DIR", "HAUL_CONFIG"] {
        let output = run(name);
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(machine.root().join(".local/state/haul").is_dir());
}

#[test]
fn a_state_folder_with_a_long_path_has_its_socket_elsewhere() {
    let machine = Machine::with_agent();
    let deep = machine.root().join("x".repeat(100));
    let run = |args: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_haul"))
            .arg("--state")
            .arg(&deep)
            .args(args)
            .env_clear()
            .env("HOME", machine.root())
            .env("XDG_RUNTIME_DIR", machine.root().join("runtime"))
            .output()
            .unwrap()
    };
    let outcome = run(&["list"]);
    assert!(outcome.status.success(), "{}", String::from_utf8_lossy(&outcome.stderr));
    let socket = Holder::read(&deep).socket.unwrap();
    assert!(socket.starts_with(machine.root().join("runtime")), "{}", socket.display());
    assert!(run(&["agent", "stop"]).status.success());
    assert!(!socket.exists());
}

#[test]
fn real_time_belongs_to_a_key_and_ends_with_its_goodbye() {
    let (site, machine) = (Site::start(None), Machine::with_agent());
    site.serve("file.bin", toml! { size = "4 MiB" });
    site.hold_after(1 << 20);
    done(&machine.run(&["list"]));
    let socket = socket(&machine);
    let mut owner = Line::hello(&socket, "mine");
    let new =
        json!({ "url": site.fill("{site}/file.bin"), "folder": machine.downloads(), "mode": "real-time" });
    assert_eq!(owner.get("add", &json!({ "downloads": [new], "settings": [] }))[0]["id"], 1);
    assert!(site.wait_until_held(|| false), "nobody downloads");
    // Somebody else's leave means nothing to it, nor does a connection that is lost and comes back.
    Line::hello(&socket, "other").get("goodbye", &Value::Null);
    drop(owner);
    let mut owner = Line::hello(&socket, "mine");
    assert_eq!(owner.row(1).unwrap()["mode"], "real-time");
    // Nobody stops it gently.
    let mut other = Line::hello(&socket, "other");
    assert_eq!(other.ask("stop", &json!({ "gently": true }))["error"]["data"]["kind"], "not_now");
    owner.get("goodbye", &Value::Null);
    assert_eq!(owner.read(), None, "the connection ends with it");
    site.release();
    until("it is gone", || Line::hello(&socket, "x").row(1).is_none());
    until("its part is gone", || machine.names().is_empty());
}

#[test]
fn broken_messages_are_answered_and_hurt_nobody() {
    let machine = Machine::with_agent();
    done(&machine.run(&["list"]));
    let socket = socket(&machine);
    let mut bystander = Line::hello(&socket, "bystander");
    let mut line = Line::connect(&socket);
    let mut tell = |text: &[u8], id: Value, code: i32| {
        line.send(text);
        let answer = line.read().expect("an answer");
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&id, &json!(code)), "{answer}");
    };
    tell(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"list\"}\n", json!(1), -32602);
    tell(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"undo\"}\n", json!(1), -32001);
    tell(b"nonsense\n", Value::Null, -32700);
    tell(b"[]\n", Value::Null, -32600);
    tell(format!("[{}1]\n", "1,".repeat(100)).as_bytes(), Value::Null, -32600);
    tell(&[vec![b'x'; (1 << 20) + 1], vec![b'\n']].concat(), Value::Null, -32600);
    tell(b"\xff\xfe\n", Value::Null, -32700);
    for id in ["18446744073709551616", "1.5", "true"] {
        let asked = format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"list\"}}\n");
        tell(asked.as_bytes(), Value::Null, -32600);
    }
    tell(b"{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"fly\"}\n", json!("a"), -32601);
    line.send(b"{\"jsonrpc\":\"2.0\",\"id\":1,");
    line.end();
    assert_eq!(line.read(), None, "half a line is no request");
    // A notification is carried out and not answered.
    bystander.send(b"{\"jsonrpc\":\"2.0\",\"method\":\"create_collection\",\"params\":{\"name\":\"x\"}}\n");
    assert_eq!(bystander.get("collections", &Value::Null).as_array().unwrap().len(), 2);
    assert_eq!(bystander.get("status", &Value::Null)["clients"], 1);
}

#[test]
fn another_user_gets_no_answer() {
    if !rustix::process::geteuid().is_root() || !has("setpriv") {
        return;
    }
    let machine = Machine::with_agent();
    done(&machine.run(&["list"]));
    let socket = socket(&machine);
    // Even where somebody opened all doors.
    for open in [machine.root(), &machine.state(), &socket] {
        std::fs::set_permissions(open, std::fs::Permissions::from_mode(0o777)).unwrap();
    }
    let program = machine.root().join("haul");
    std::fs::copy(env!("CARGO_BIN_EXE_haul"), &program).unwrap();
    let outcome = Command::new(find("setpriv").unwrap())
        .args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "--"])
        .arg(&program)
        .arg("--state")
        .arg(machine.state())
        .arg("list")
        .env_clear()
        .env("HOME", machine.root())
        .output()
        .unwrap();
    assert_eq!(outcome.status.code(), Some(3), "{}", String::from_utf8_lossy(&outcome.stderr));
    assert_eq!(outcome.stdout, b"");
    done(&machine.run(&["list"]));
}

#[test]
fn an_idle_agent_does_nothing_at_all() {
    let machine = Machine::with_agent();
    done(&machine.run(&["list"]));
    let pid = agent(&machine);
    let used = || {
        let mut all = Vec::new();
        for task in std::fs::read_dir(format!("/proc/{pid}/task")).unwrap() {
            let status = std::fs::read_to_string(task.unwrap().path().join("status")).unwrap();
            all.extend(status.lines().filter(|line| line.contains("ctxt_switches")).map(str::to_owned));
        }
        all
    };
    // The last client's leave is still being seen to; after that there is nothing, not even what ticks once in two seconds.
    let mut before = used();
    let end = Instant::now() + DEADLINE;
    loop {
        thread::sleep(Duration::from_millis(2500));
        let after = used();
        if after == before {
            break;
        }
        assert!(Instant::now() < end, "it is never quiet: {before:?} {after:?}");
        before = after;
    }
}

#[test]
fn clients_that_come_and_go_leave_no_descriptor() {
    let machine = Machine::with_agent();
    done(&machine.run(&["list"]));
    let (pid, socket) = (agent(&machine), socket(&machine));
    let open = || std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    until("the first client is gone", || status_of(&socket)["clients"] == 1);
    let inherited = std::fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok())
        .filter(|target| target.starts_with(machine.root()) && !target.starts_with(machine.state()))
        .count();
    assert_eq!(inherited, 0, "what the starter had open is none of its business");
    assert_eq!(std::fs::read_link(format!("/proc/{pid}/cwd")).unwrap(), Path::new("/"));
    let before = {
        until("it is quiet", || {
            let one = open();
            thread::sleep(LOOK);
            one == open()
        });
        open()
    };
    for round in 0..50 {
        let mut line = Line::hello(&socket, &format!("key {round}"));
        line.get("subscribe", &Value::Null);
    }
    until("all are closed", || open() == before);
}

fn status_of(socket: &Path) -> Value {
    Line::hello(socket, "status").get("status", &Value::Null)
}

#[test]
fn the_unit_is_one_that_systemd_takes() {
    use haul::agent::service::{Service, Way};
    if !has("systemd-analyze") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let unit =
        Service::new(Way::Systemd, Path::new(env!("CARGO_BIN_EXE_haul")), &[], folder.path(), folder.path())
            .unwrap();
    unit.install().unwrap();
    let outcome = Command::new("systemd-analyze")
        .args(["verify", "--user"])
        .arg(&unit.path)
        .env("XDG_RUNTIME_DIR", folder.path())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&outcome.stderr).into_owned();
    assert!(outcome.status.success() && !told.contains("haul.service"), "{told}");
}
