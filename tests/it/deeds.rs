//! An answer comes after the deed: what a command says is so, is in the store, and is still so after a kill.

use haul::engine::Holder;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use toml::toml;

use crate::agent::{agent, done, held_in_the_middle, kill, until, whole};
use crate::support::line::Line;
use crate::support::machine::{Machine, wait_until_free};
use crate::support::site::Site;

/// Kills the agent and waits until its store is free.
fn kill_agent(machine: &Machine) {
    kill(agent(machine));
    wait_until_free(&machine.state());
}

fn rows(machine: &Machine) -> Vec<Value> {
    let listed = machine.run(&["list", "--json"]);
    String::from_utf8_lossy(&listed.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn what_was_answered_outlives_a_kill_in_the_next_moment() {
    for (act, state) in [("pause", Some("paused")), ("cancel", Some("cancelled")), ("remove", None)] {
        let (_site, machine) = held_in_the_middle();
        done(&machine.run(&[act, "1"]));
        kill_agent(&machine);
        let states: Vec<_> = rows(&machine).iter().map(|row| row["state"]["is"].clone()).collect();
        assert_eq!(states, state.into_iter().map(Value::from).collect::<Vec<_>>(), "{act}");
    }
}

#[test]
fn what_was_removed_or_cancelled_is_so_for_the_next_command() {
    let (site, machine) = held_in_the_middle();
    let url = site.fill("{site}/file.bin");
    done(&machine.run(&["cancel", "1"]));
    assert_eq!(rows(&machine)[0]["state"]["is"], "cancelled");
    site.release();
    done(&machine.run(&["retry", "1"]));
    done(&machine.run(&["wait", "1"]));
    whole(&machine, &site, "file.bin");
    done(&machine.run(&["remove", "1"]));
    std::fs::remove_file(machine.file("file.bin")).unwrap();
    site.hold_after(3 << 20);
    let folder = machine.downloads().display().to_string();
    let id = done(&machine.run(&["add", "-d", &folder, &url]));
    assert!(site.wait_until_held(|| false), "nobody downloads");
    // The same link again is a new download, not the one that is on its way out.
    done(&machine.run(&["remove", &id]));
    site.release();
    let again = done(&machine.run(&["add", "-d", &folder, &url]));
    assert_ne!(again, id);
    done(&machine.run(&["wait", &again]));
    assert_eq!(rows(&machine).len(), 1);
}

/// Between the asking and the fetching lies a hold: what counts is the file as it is by then.
#[test]
fn a_file_that_was_damaged_after_it_was_asked_for_again_is_fetched_anew() {
    let (site, machine) = (Site::start(None), Machine::with_agent());
    site.serve("file.bin", toml! { size = "1 MiB" });
    let (folder, url) = (machine.downloads().display().to_string(), site.fill("{site}/file.bin"));
    done(&machine.run(&["get", &url]));
    assert_eq!(rows(&machine)[0]["path"], machine.file("file.bin").to_str().unwrap());
    done(&machine.run(&["hold"]));
    let id = done(&machine.run(&["add", "-d", &folder, "--if-changed", &url]));
    std::fs::write(machine.file("file.bin"), "damaged").unwrap();
    done(&machine.run(&["go"]));
    done(&machine.run(&["wait", &id]));
    whole(&machine, &site, "file.bin");
}

#[test]
fn what_can_not_be_stored_is_not_called_done() {
    let Some(disk) = crate::support::disk::require_small(16) else { return };
    let (site, machine) = (Site::start(None), Machine::with_agent());
    std::fs::remove_dir(machine.state()).unwrap();
    let own = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(disk.folder(), own).unwrap();
    std::os::unix::fs::symlink(disk.folder(), machine.state()).unwrap();
    site.serve("file.bin", toml! { size = "8 MiB" });
    site.hold_after(3 << 20);
    let folder = machine.downloads().display().to_string();
    done(&machine.run(&["add", "-d", &folder, &site.fill("{site}/file.bin")]));
    assert!(site.wait_until_held(|| false), "nobody downloads");
    disk.fill();
    for command in [&["hold"][..], &["go"], &["pause", "1"]] {
        let outcome = machine.run(command);
        assert_eq!(outcome.status.code(), Some(3), "{command:?}: {}", outcome.told());
        assert!(outcome.stderr.contains("only until haul ends"), "{command:?}: {}", outcome.told());
    }
    disk.make_room();
    done(&machine.run(&["resume", "1"]));
    done(&machine.run(&["pause", "1"]));
    done(&machine.run(&["agent", "stop"]));
}

#[test]
fn what_somebody_attended_to_steps_back_with_a_kill_and_comes_first_again_with_who_comes_back() {
    let (site, machine) = (Site::start(None), Machine::with_agent());
    site.serve("file.bin", toml! { size = "8 MiB" });
    site.hold_after(3 << 20);
    let mut getting = machine.spawn(&["get", "-n", "1", &site.fill("{site}/file.bin")]);
    assert!(site.wait_until_held(|| getting.is_over()), "{}", getting.wait().told());
    assert_eq!(rows(&machine)[0]["priority"], "now");
    // Who waits comes back by itself, and starts another agent before anybody sees the store free.
    let first = agent(&machine);
    kill(first);
    until("another agent", || Holder::read(&machine.state()).pid.is_some_and(|pid| pid != first));
    until("it comes first again", || rows(&machine)[0]["priority"] == "now");
    // Both are gone in one moment, as after a power cut: who waits can't start another agent, nor be seen to leave.
    let waiting = Pid::from_raw(getting.pid().cast_signed()).unwrap();
    kill_process(waiting, Signal::STOP).unwrap();
    kill_agent(&machine);
    getting.kill();
    assert_eq!(rows(&machine)[0]["priority"], "normal");
    site.release();
    done(&machine.run(&["wait", "1"]));
    whole(&machine, &site, "file.bin");
}

#[test]
fn nobody_owns_anything_after_a_goodbye() {
    let (site, machine) = (Site::start(None), Machine::with_agent());
    site.serve("file.bin", toml! { size = "4 MiB" });
    site.hold_after(1 << 20);
    done(&machine.run(&["list"]));
    let socket = Holder::read(&machine.state()).socket.unwrap();
    let new =
        json!({ "url": site.fill("{site}/file.bin"), "folder": machine.downloads(), "mode": "real-time" });
    let mut line = Line::hello(&socket, "mine");
    let add = json!({ "jsonrpc": "2.0", "id": 8, "method": "add", "params": { "downloads": [new], "settings": [] } });
    let goodbye = json!({ "jsonrpc": "2.0", "id": 7, "method": "goodbye" });
    line.send(format!("{}\n", json!([goodbye, add])).as_bytes());
    let answers = line.read().unwrap();
    assert_eq!(answers[1]["error"]["data"]["kind"], "not_now", "{answers}");
    // With two connections it is the last one that takes them with it.
    let (mut first, mut second) = (Line::hello(&socket, "two"), Line::hello(&socket, "two"));
    first.get("goodbye", &Value::Null);
    second.get("add", &add["params"]);
    assert!(site.wait_until_held(|| false), "nobody downloads");
    second.get("goodbye", &Value::Null);
    site.release();
    until("it is gone", || rows(&machine).is_empty());
}
