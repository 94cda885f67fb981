//! Ten thousand downloads in one store: four times as many cost four times as much, of time and of memory.

use std::fmt::Write as _;

use haul::engine::Holder;
use serde_json::json;

use crate::support::line::Line;
use crate::support::machine::Machine;

/// What an agent may grow by while its downloads change again and again, in KiB.
const MOST_GROWN: u64 = 75_000;

/// What a step cost a process: processor time in ticks of the system, and the most memory, in KiB.
#[derive(Clone, Copy, Debug)]
struct Cost {
    ticks: u64,
    peak: u64,
}

/// What the agent used so far.
fn used(machine: &Machine) -> Cost {
    let pid = Holder::read(&machine.state()).pid.unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // Behind the name, which may hold anything, user and system time are the 12th and 13th field.
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    Cost {
        ticks: fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap(),
        peak: peak.trim().trim_end_matches(" kB").parse().unwrap(),
    }
}

/// Adds so many, ends the agent, lets the next one start with all of them and list them, cancels all and tries all again, and
/// removes all and takes that back.
fn cost_of(count: u32) -> [Cost; 4] {
    let machine = Machine::with_agent();
    let done = |args: &[&str]| {
        let outcome = machine.run(args);
        assert!(outcome.status.success(), "{}", outcome.told());
        outcome.stdout
    };
    let mut list = String::new();
    for number in 0..count {
        writeln!(list, "http://host{}.invalid/a/rather/long/path/file-{number}.bin", number % 50).unwrap();
    }
    let list = machine.put("list", &list);
    done(&["hold"]);
    let before = used(&machine);
    done(&["add", "-i", list.to_str().unwrap()]);
    let added = used(&machine);
    done(&["agent", "stop"]);
    let rows = done(&["list", "--json"]);
    assert_eq!(String::from_utf8(rows).unwrap().lines().count(), usize::try_from(count).unwrap());
    let listed = used(&machine);
    done(&["cancel", "all"]);
    done(&["retry", "all"]);
    let tried = used(&machine);
    let waiting = || {
        let rows = String::from_utf8(done(&["list", "state:waiting", "--json"])).unwrap();
        assert_eq!(rows.lines().count(), usize::try_from(count).unwrap());
    };
    waiting();
    let found = used(&machine);
    done(&["remove", "all"]);
    assert_eq!(done(&["list", "--json"]), b"");
    done(&["undo"]);
    let back = used(&machine);
    waiting();
    [
        Cost { ticks: added.ticks - before.ticks, ..added },
        listed,
        Cost { ticks: tried.ticks - listed.ticks, ..tried },
        Cost { ticks: back.ticks - found.ticks, ..back },
    ]
}

#[test]
fn adding_listing_and_trying_all_again_cost_time_and_memory_that_grow_with_the_number() {
    let steps = ["adding", "starting and listing", "cancelling and trying again", "removing and taking back"];
    // Beside others a process costs more time than it takes: what is linear is so at one time or another.
    let mut told = Vec::new();
    for _ in 0..3 {
        told.clear();
        let (few, many) = (cost_of(2_500), cost_of(10_000));
        for (what, (few, many)) in steps.into_iter().zip(few.into_iter().zip(many)) {
            eprintln!("{what}: {few:?} for 2,500, {many:?} for 10,000");
            // Four times as much, and as much again for what a tick can't tell; a square would be sixteen times.
            if many.ticks > few.ticks.max(5) * 8 || many.peak > few.peak * 5 {
                told.push(format!("{what}: {few:?}, {many:?}"));
            }
        }
        if told.is_empty() {
            return;
        }
    }
    panic!("{told:?}");
}

#[test]
fn what_changes_faster_than_it_can_be_written_does_not_pile_up() {
    const COUNT: u32 = 4_000;
    let machine = Machine::with_agent();
    let mut list = String::new();
    for number in 0..COUNT {
        writeln!(list, "http://host.invalid/file-{number}.bin").unwrap();
    }
    let list = machine.put("list", &list);
    assert!(machine.run(&["hold"]).status.success());
    assert!(machine.run(&["add", "-i", list.to_str().unwrap()]).status.success());
    let before = used(&machine);
    let mut line = Line::hello(&Holder::read(&machine.state()).socket.unwrap(), "many");
    for turn in 0..80 {
        let priority = if turn % 2 == 0 { "high" } else { "low" };
        let act = json!({ "do": "set_priority", "priority": priority });
        line.get("act", &json!({ "select": { "all": true }, "act": act }));
    }
    let grown = used(&machine).peak - before.peak;
    assert!(grown < MOST_GROWN, "{grown} KiB more for {COUNT} downloads that change again and again");
    assert!(machine.run(&["agent", "stop"]).status.success());
    let rows = String::from_utf8(machine.run(&["list", "priority:low", "--json"]).stdout).unwrap();
    assert_eq!(rows.lines().count(), 4_000, "the last word counts");
}
