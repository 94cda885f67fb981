//! An upgrade: a newer client meets an older agent, of the same protocol or of another one.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use haul::engine::Holder;
use serde_json::{Value, json};
use toml::toml;

use crate::agent::{agent, done, status, until};
use crate::support::line::Line;
use crate::support::machine::Machine;
use crate::support::site::Site;

#[test]
fn a_newer_client_lets_an_older_agent_make_way_unless_somebody_would_lose_by_it() {
    let (site, machine) = (Site::start(None), Machine::with_agent());
    let socket = machine.state().join("agent.sock");
    let mut old = old_agent(&machine);
    site.serve("file.bin", toml! { size = "4 MiB" });
    site.hold_after(1 << 20);
    let mut owner = Line::hello(&socket, "mine");
    let new =
        json!({ "url": site.fill("{site}/file.bin"), "folder": machine.downloads(), "mode": "real-time" });
    owner.get("add", &json!({ "downloads": [new], "settings": [] }));
    assert!(site.wait_until_held(|| false), "nobody downloads");
    done(&machine.run(&["list"]));
    assert_eq!(agent(&machine), old.id(), "it serves somebody's real-time download");
    owner.get("goodbye", &Value::Null);
    site.release();
    until("it is gone", || Line::hello(&socket, "x").row(1).is_none());
    done(&machine.run(&["list"]));
    assert!(old.wait().unwrap().success());
    assert_eq!(status(&machine)["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn an_older_agent_of_another_protocol_makes_way_too() {
    let machine = Machine::with_agent();
    let mut old = old_agent_of(&machine, "0");
    done(&machine.run(&["list"]));
    assert!(old.wait().unwrap().success());
    assert_eq!(status(&machine)["version"], env!("CARGO_PKG_VERSION"));
    done(&machine.run(&["agent", "stop"]));
    // What every version understands is asked of any.
    let mut old = old_agent_of(&machine, "0");
    assert_eq!(status(&machine)["version"], "0.0.1");
    done(&machine.run(&["agent", "stop"]));
    assert!(old.wait().unwrap().success());
}

#[test]
fn an_older_agent_of_another_protocol_stays_while_somebody_would_lose_by_its_end() {
    let (site, machine) = (Site::start(None), Machine::with_agent());
    let mut old = old_agent_of(&machine, "0");
    site.serve("file.bin", toml! { size = "4 MiB" });
    site.hold_after(1 << 20);
    let mut owner = Line::connect(&machine.state().join("agent.sock"));
    owner.ask("hello", &json!({ "name": "test", "version": "0.0.1", "protocol": 0, "key": "mine" }));
    let new =
        json!({ "url": site.fill("{site}/file.bin"), "folder": machine.downloads(), "mode": "real-time" });
    owner.get("add", &json!({ "downloads": [new], "settings": [] }));
    assert!(site.wait_until_held(|| false), "nobody downloads");
    let outcome = machine.run(&["list"]);
    assert_eq!(outcome.status.code(), Some(3), "{}", outcome.told());
    assert!(outcome.stderr.contains("needed for a real-time download"), "{}", outcome.told());
    assert!(outcome.stderr.contains("haul agent restart"), "{}", outcome.told());
    site.release();
    done(&machine.run(&["agent", "restart"]));
    assert!(old.wait().unwrap().success());
    done(&machine.run(&["list"]));
}

/// Starts an agent in the foreground, as an older version.
fn old_agent(machine: &Machine) -> std::process::Child {
    old_agent_of(machine, "1")
}

/// The same, speaking a protocol by its own account.
pub(crate) fn old_agent_of(machine: &Machine, protocol: &str) -> std::process::Child {
    let child = Command::new(env!("CARGO_BIN_EXE_haul"))
        .arg("--state")
        .arg(machine.state())
        .args(["agent", "run"])
        .env_clear()
        .env("HOME", machine.root())
        .env("HAUL_TEST_VERSION", "0.0.1")
        .env("HAUL_TEST_PROTOCOL", protocol)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    until("it listens", || Holder::read(&machine.state()).socket.is_some());
    child
}
