//! One store, one engine: whoever comes while another has it, leaves it, or has lost it.

use std::process::Command;

use haul::engine::Holder;
use rustix::process::Pid;
use toml::toml;

use crate::agent::{agent, done, held_in_the_middle, until, whole};
use crate::support::machine::Machine;
use crate::support::site::Site;

#[test]
fn a_command_that_meets_an_agent_on_its_way_out_waits_for_the_next_one() {
    let (site, machine) = held_in_the_middle();
    for round in 0..6 {
        let stopping = machine.spawn(&["agent", "stop"]);
        let commands: [&[&str]; 6] = [
            &["list"],
            &["pause", "1"],
            &["show", "1"],
            &["set", "1", "--limit", "900MB"],
            &["resume", "1"],
            &["list"],
        ];
        let asked = (0..).zip(commands).map(|(number, command)| {
            let which = format!("{round}-{number}");
            (command, machine.spawn_beside(&which, command))
        });
        for (command, one) in asked.collect::<Vec<_>>() {
            let outcome = one.wait();
            assert!(outcome.status.success(), "round {round}, {command:?}: {}", outcome.told());
        }
        stopping.wait();
    }
    // Nothing is whole before it is released, and what is whole can't be resumed.
    done(&machine.run(&["resume", "1"]));
    site.release();
    done(&machine.run(&["wait", "1"]));
    whole(&machine, &site, "file.bin");
}

#[test]
fn a_lock_that_was_removed_lets_nobody_else_in() {
    let (site, machine) = held_in_the_middle();
    let pid = agent(&machine);
    std::fs::remove_file(machine.state().join("lock")).unwrap();
    until("it is made again", || Holder::read(&machine.state()).pid == Some(pid));
    let outcome = machine.run(&["--here", "list"]);
    assert_eq!(outcome.status.code(), Some(3), "{}", outcome.told());
    std::fs::remove_file(machine.state().join("agent.sock")).unwrap();
    done(&machine.run(&["list"]));
    assert_eq!(agent(&machine), pid);
    // A folder that is gone is no place for a store: it ends, and makes none of its own.
    let away = machine.state().with_extension("away");
    std::fs::rename(machine.state(), &away).unwrap();
    until("it ends", || {
        rustix::process::test_kill_process(Pid::from_raw(pid.cast_signed()).unwrap()).is_err()
    });
    assert!(!machine.state().exists());
    std::fs::rename(&away, machine.state()).unwrap();
    site.release();
    done(&machine.run(&["wait", "1"]));
    whole(&machine, &site, "file.bin");
}

#[test]
fn an_agent_and_an_engine_in_a_console_never_share_a_store() {
    let (site, machine) = (Site::start(None), Machine::with_agent());
    done(&machine.run(&["list"]));
    let pid = agent(&machine);
    let outcome = machine.run(&["--here", "list"]);
    assert_eq!(outcome.status.code(), Some(3), "{}", outcome.told());
    assert!(outcome.stderr.contains(&format!("the agent (pid {pid})")), "{}", outcome.told());
    assert!(
        outcome.stderr.contains("--here") && outcome.stderr.contains("haul agent stop"),
        "{}",
        outcome.told()
    );
    done(&machine.run(&["agent", "stop"]));
    site.serve("file.bin", toml! { size = "4 MiB" });
    site.hold_after(1 << 20);
    let mut here = machine.spawn(&["--here", "get", &site.fill("{site}/file.bin")]);
    assert!(site.wait_until_held(|| here.is_over()), "{}", here.wait().told());
    let outcome = machine.run(&["list"]);
    assert_eq!(outcome.status.code(), Some(3), "{}", outcome.told());
    assert!(outcome.stderr.contains(&format!("haul (pid {})", here.pid())), "{}", outcome.told());
    site.release();
    done(&here.wait());
    // What is left is the next agent's.
    done(&machine.run(&["list"]));
}

#[test]
fn a_copy_of_a_store_is_a_store_of_its_own() {
    let (site, machine) = held_in_the_middle();
    let pid = agent(&machine);
    let copy = machine.state().with_extension("copy");
    std::fs::create_dir(&copy).unwrap();
    for entry in std::fs::read_dir(machine.state()).unwrap().flatten() {
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
        }
    }
    for words in [&["hold"][..], &["agent", "stop"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_haul"));
        command.arg("--state").arg(&copy).args(words).env_clear().env("HOME", machine.downloads());
        let outcome = command.output().unwrap();
        assert!(outcome.status.success(), "{words:?}: {}", String::from_utf8_lossy(&outcome.stderr));
    }
    assert_eq!(agent(&machine), pid);
    site.release();
    done(&machine.run(&["wait", "1"]));
    whole(&machine, &site, "file.bin");
    std::fs::remove_dir_all(copy).unwrap();
}
