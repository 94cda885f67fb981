//! How the screen ends, or nearly does: the shell comes to the front, the terminal is closed, the agent is killed, something panics.

use std::ffi::OsString;
use std::time::{Duration, Instant};

use haul::engine::Holder;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use toml::toml;

use super::{NORMAL, leave, open, row, start, with_one_running};
use crate::support::machine::Machine;
use crate::support::site::{DEADLINE, Site};

/// The program as a job of a shell that is told what to run before and after it.
fn in_a_shell(machine: &Machine, script: &str) -> super::Terminal {
    let words: [OsString; 6] = [
        "-c".into(),
        script.into(),
        env!("CARGO_BIN_EXE_haul").into(),
        "--state".into(),
        machine.state().into(),
        "--here".into(),
    ];
    start(machine, "sh", words.into(), NORMAL, &[])
}

/// Waits until a shell has the terminal, as it was.
fn wait_for_shell(terminal: &super::Terminal, said: &str) {
    terminal.wait_for(said);
    assert_eq!(terminal.asked(), Vec::<&str>::new());
    assert!(terminal.is_cooked());
}

#[test]
fn ctrl_z_brings_the_shell_and_fg_the_screen() {
    let machine = Machine::new();
    let script = "set -m; \"$0\" \"$@\"; echo it is stopped; read line; fg > /dev/null; echo it is over";
    let mut terminal = in_a_shell(&machine, script);
    terminal.wait_for("nothing to do");
    terminal.send("\x1a");
    wait_for_shell(&terminal, "it is stopped");
    terminal.send("\n");
    terminal.wait_for("Press a to add a link");
    assert!(terminal.is_full_screen());
    // It hears, and draws only what it should.
    terminal.send("?");
    terminal.wait_for("The download under the cursor");
    terminal.send("\x1b");
    terminal.wait_gone("The download under the cursor");
    let text = leave(&mut terminal, "q");
    assert!(text.contains("it is over"), "{text}");
}

#[test]
fn what_it_was_started_by_stops_with_it() {
    let machine = Machine::new();
    // The inner shell is no job shell: it and haul are one job of the outer one.
    let script = "set -m; sh -c '\"$0\" \"$@\"; echo inner is over' \"$0\" \"$@\"; echo it is stopped; read line; \
                  fg > /dev/null; echo outer is over";
    let mut terminal = in_a_shell(&machine, script);
    terminal.wait_for("nothing to do");
    terminal.send("\x1a");
    wait_for_shell(&terminal, "it is stopped");
    terminal.send("\n");
    terminal.wait_for("Press a to add a link");
    let text = leave(&mut terminal, "q");
    assert!(text.contains("inner is over") && text.contains("outer is over"), "{text}");
}

#[test]
fn without_a_shell_to_go_back_to_it_stays_and_says_so() {
    let (_site, _machine, mut terminal) = with_one_running();
    terminal.send("\x1a");
    terminal.wait_for("there is no shell to go back to");
    assert!(terminal.is_full_screen());
    leave(&mut terminal, "q");
}

#[test]
fn a_stop_from_outside_is_slept_over_and_the_screen_is_drawn_anew() {
    let (_site, _machine, mut terminal) = with_one_running();
    terminal.signal(Signal::STOP);
    // Somebody else wrote on the terminal meanwhile.
    terminal.scribble("\x1b[2J\x1b[1;1Hwords of a stranger");
    terminal.wait_for("words of a stranger");
    terminal.signal(Signal::CONT);
    terminal.wait_until("it is drawn anew", |text| {
        text.contains("Downloads") && row(text, "file.bin").contains('%') && !text.contains("stranger")
    });
    leave(&mut terminal, "q");
}

#[test]
fn ctrl_l_draws_everything_anew() {
    let (_site, _machine, mut terminal) = with_one_running();
    terminal.scribble("\x1b[2J\x1b[1;1Hwords of a stranger");
    terminal.send("\x0c");
    terminal.wait_until("it is drawn anew", |text| {
        text.contains("Downloads") && row(text, "file.bin").contains('%') && !text.contains("stranger")
    });
}

/// A screen on an agent, with two downloads that run and don't end.
fn with_an_agent() -> (Site, Machine, super::Terminal) {
    let (site, machine) = (Site::start(None), Machine::with_agent());
    site.serve("steady.bin", toml! { size = "16 MiB" });
    site.serve("radio.bin", toml! { size = "16 MiB" });
    site.hold_after(6 << 20);
    let mut terminal = open(&machine, &[], NORMAL, &[]);
    terminal.wait_for("nothing to do");
    for name in ["steady.bin", "radio.bin"] {
        terminal.paste(&site.fill(&format!("{{site}}/{name}")));
        terminal.wait_for("1 link");
        terminal.send("\r");
        terminal.wait_until("it runs", |text| row(text, name).contains('▼'));
    }
    (site, machine, terminal)
}

/// What the agent says of a download.
fn told(machine: &Machine, name: &str) -> Value {
    let outcome = machine.run(&["list", "--json"]);
    assert!(outcome.status.success(), "{}", outcome.told());
    let text = String::from_utf8(outcome.stdout).unwrap();
    let rows = text.lines().flat_map(|line| match serde_json::from_str(line).unwrap() {
        Value::Array(rows) => rows,
        row => vec![row],
    });
    rows.into_iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("no {name} in {text}"))
}

#[test]
fn a_terminal_that_is_closed_is_no_goodbye() {
    let (site, machine, mut terminal) = with_an_agent();
    terminal.send("m");
    let real = terminal.wait_until("one is real time", |text| text.contains(" rt "));
    let real = if row(&real, "radio.bin").contains(" rt ") { "radio.bin" } else { "steady.bin" };
    terminal.close();
    terminal.wait_end();
    // A goodbye would have taken it away at once; one who vanished has a minute to come back.
    assert_eq!(told(&machine, real)["mode"], "real-time");
    site.release();
    let end = Instant::now() + DEADLINE;
    for name in ["steady.bin", "radio.bin"] {
        while told(&machine, name)["state"]["is"] != "completed" {
            assert!(Instant::now() < end, "{name} doesn't go on: {}", told(&machine, name));
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn an_agent_that_was_stopped_stays_so_until_it_is_wanted_again() {
    let (site, machine, mut terminal) = with_an_agent();
    let agent = |machine: &Machine| Holder::read(&machine.state()).pid;
    let before = agent(&machine);
    let stopped = machine.run(&["agent", "stop"]);
    assert!(stopped.status.success(), "{}", stopped.told());
    terminal.wait_for("○ reconnecting");
    terminal.wait_for("the agent was stopped: A starts it again");
    let text = terminal.wait_for("○ stopped");
    assert!(row(&text, "steady.bin").contains("steady.bin"), "what was known is still shown: {text}");
    // It looks every five seconds whether somebody started one, and starts none itself.
    std::thread::sleep(Duration::from_secs(6));
    assert_eq!(machine.run(&["agent", "status"]).status.code(), Some(3));
    site.release();
    terminal.send("A");
    terminal.wait_until("all is done", |text| text.contains("all 2 done"));
    assert_ne!(agent(&machine), before);
    terminal.send("A");
    terminal.wait_for("the agent runs");
    leave(&mut terminal, "q");
}

#[test]
fn an_agent_that_somebody_else_started_again_is_as_good_as_the_first() {
    let (site, machine, mut terminal) = with_an_agent();
    for command in ["stop", "start"] {
        if command == "start" {
            terminal.wait_for("○ stopped");
        }
        let outcome = machine.run(&["agent", command]);
        assert!(outcome.status.success(), "{}", outcome.told());
    }
    terminal.wait_until("it is found", |text| !text.contains("stopped") && text.contains('●'));
    let agent = Holder::read(&machine.state()).pid.unwrap();
    kill_process(Pid::from_raw(agent.cast_signed()).unwrap(), Signal::KILL).unwrap();
    // Nobody wanted that: the screen starts the next one.
    terminal.wait_until("another one is there", |text| {
        text.contains('●') && Holder::read(&machine.state()).pid.is_some_and(|pid| pid != agent)
    });
    site.release();
    terminal.wait_until("all is done", |text| text.contains("all 2 done"));
    leave(&mut terminal, "q");
}

#[test]
fn a_terminal_that_is_closed_ends_it() {
    let (_site, _machine, mut terminal) = with_one_running();
    terminal.close();
    terminal.wait_end();
}

#[test]
fn sighup_is_a_closed_terminal() {
    let (_site, _machine, mut terminal) = with_one_running();
    terminal.signal(Signal::HUP);
    let (status, _) = terminal.farewell();
    assert_eq!(status.exit_code(), 129);
    assert_eq!(terminal.asked(), Vec::<&str>::new());
}

#[test]
fn sigterm_gives_the_terminal_back() {
    let (_site, _machine, mut terminal) = with_one_running();
    terminal.signal(Signal::TERM);
    let (status, _) = terminal.farewell();
    assert_eq!(status.exit_code(), 143);
    assert_eq!(terminal.asked(), Vec::<&str>::new());
}

#[test]
fn an_agent_that_is_killed_dims_the_screen_until_it_is_back() {
    let (site, machine, mut terminal) = with_an_agent();
    terminal.wait_until("its size is known", |text| row(text, "steady.bin").contains('%'));
    let (state, aside) = (machine.state(), machine.root().join("aside"));
    let agent = Holder::read(&state).pid.unwrap();
    // No other one can start as long as its folder is away.
    std::fs::rename(&state, &aside).unwrap();
    std::fs::write(&state, "").unwrap();
    kill_process(Pid::from_raw(agent.cast_signed()).unwrap(), Signal::KILL).unwrap();
    terminal.wait_for("the connection is lost");
    let text = terminal.wait_for("○ reconnecting");
    assert!(row(&text, "steady.bin").contains('%'), "what was known is still shown: {text}");
    terminal.send("x");
    terminal.wait_for("the connection is lost: it comes back by itself");
    std::fs::remove_file(&state).unwrap();
    std::fs::rename(&aside, &state).unwrap();
    terminal.wait_until("it is there again", |text| !text.contains("connecting") && text.contains('●'));
    assert_ne!(Holder::read(&state).pid, Some(agent));
    site.release();
    terminal.wait_until("all is done", |text| text.contains("all 2 done"));
    leave(&mut terminal, "q");
}

#[test]
fn a_panic_is_told_on_a_terminal_that_is_as_it_was() {
    let machine = Machine::new();
    let mut terminal = open(&machine, &["--here"], NORMAL, &[("HAUL_TEST_PANIC", "1")]);
    terminal.wait_for("nothing to do");
    terminal.send("t");
    terminal.wait_for("Theme");
    terminal.send("\r");
    let (status, text) = terminal.farewell();
    assert_eq!(terminal.asked(), Vec::<&str>::new());
    assert!(terminal.is_cooked());
    assert!(!status.success() && text.contains("asked to panic"), "{status}: {text}");
}
