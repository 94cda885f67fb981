//! Speed limits, measured: what comes in any span of time is never more than the limit gives in it and a tenth of a second of it,
//! and over a longer time it is what was asked for. They hold at once for what runs, and outlive the agent.

#![expect(clippy::cast_precision_loss, reason = "rates of a few seconds")]

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use toml::toml;

use crate::support::line::Line;
use crate::support::machine::Machine;
use crate::support::site::{DEADLINE, Site};

/// Time between two looks.
const LOOK: Duration = Duration::from_millis(5);

/// An agent that downloads files without an end in sight.
struct Flow {
    machine: Machine,
    site: Site,
    line: Line,
    ids: Vec<u64>,
}

/// What had come, and between which moments that was so.
#[derive(Clone, Copy, Debug)]
struct Seen {
    asked: Instant,
    told: Instant,
    bytes: u64,
}

impl Flow {
    fn start(words: &[&str], files: usize) -> Self {
        let (machine, site) = (Machine::with_agent(), Site::start(None));
        let mut urls = Vec::new();
        for number in 0..files {
            let name = format!("file-{number}.bin");
            site.serve(&name, toml! { size = "512 MiB" });
            urls.push(site.fill(&format!("{{site}}/{name}")));
        }
        let mut args = vec!["add"];
        args.extend(words);
        args.extend(urls.iter().map(String::as_str));
        let added = machine.run(&args);
        assert!(added.status.success(), "{}", added.told());
        let told = String::from_utf8(added.stdout.clone()).unwrap();
        let ids: Vec<u64> = told.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        assert_eq!(ids.len(), files, "{}", added.told());
        let line = Line::hello(&machine.state().join("agent.sock"), "limits");
        Self { machine, site, line, ids }
    }

    fn haul(&self, words: &[&str]) -> String {
        let outcome = self.machine.run(words);
        assert!(outcome.status.success(), "{words:?}: {}", outcome.told());
        String::from_utf8(outcome.stdout).unwrap()
    }

    fn look(&mut self) -> Seen {
        let asked = Instant::now();
        let rows = self.line.get("list", &json!({ "select": { "ids": self.ids } }));
        let told = Instant::now();
        let covered = |row: &Value| row["covered"].as_u64().unwrap();
        Seen { asked, told, bytes: rows.as_array().unwrap().iter().map(covered).sum() }
    }

    /// Waits until bytes come.
    fn wait_for_bytes(&mut self) -> Seen {
        let end = Instant::now() + DEADLINE;
        loop {
            let seen = self.look();
            if seen.bytes > 0 {
                return seen;
            }
            assert!(Instant::now() < end, "no byte came");
            std::thread::sleep(LOOK);
        }
    }

    /// Waits until a limit is reached: a connection may have to grow, or what the old limit let through to be over.
    fn wait_for_rate(&mut self, rate: u64) {
        let end = Instant::now() + DEADLINE;
        loop {
            let first = self.look();
            std::thread::sleep(20 * LOOK);
            let last = self.look();
            let span = last.told.saturating_duration_since(first.asked).as_secs_f64();
            let reached = (last.bytes - first.bytes) as f64 / span;
            if (0.7..1.3).contains(&(reached / rate as f64)) {
                return;
            }
            assert!(Instant::now() < end, "{reached:.0} B/s, not {rate} B/s");
        }
    }

    /// Looks for a while, and holds every span of it to the limit.
    fn hold_to(&mut self, rate: u64, length: Duration) -> f64 {
        let first = self.look();
        let mut all = vec![first];
        while first.asked.elapsed() < length {
            std::thread::sleep(LOOK);
            all.push(self.look());
        }
        // The most that any span had above what the limit gives in it: the way from the lowest point of the difference up.
        let above = |seen: &Seen, at: Instant| {
            seen.bytes as f64 - rate as f64 * at.saturating_duration_since(first.asked).as_secs_f64()
        };
        let mut lowest = f64::MAX;
        for seen in &all {
            lowest = lowest.min(above(seen, seen.asked));
            let most = above(seen, seen.told) - lowest;
            assert!(
                most <= rate as f64 / 10.0,
                "{} ms of {rate} B/s came at once",
                most * 1000.0 / rate as f64
            );
        }
        let last = all.last().unwrap();
        (last.bytes - first.bytes) as f64 / last.told.saturating_duration_since(first.asked).as_secs_f64()
    }
}

/// How often a rate is measured that a busy machine gave no time to be reached.
const TRIES: usize = 4;

/// Holds a flow to a limit, which it must reach too, as exactly as a busy machine allows.
fn assert_held(flow: &mut Flow, rate: u64, length: Duration) {
    let most = 1.0 + 0.1 / length.as_secs_f64();
    for left in (0..TRIES).rev() {
        let reached = flow.hold_to(rate, length);
        let share = reached / rate as f64;
        assert!(share <= most, "{reached:.0} B/s of {rate} B/s");
        if share >= 0.9 {
            return;
        }
        assert!(left > 0, "{reached:.0} B/s of {rate} B/s");
    }
}

#[test]
fn no_span_has_more_than_a_tenth_of_a_second_above_the_limit_and_the_whole_has_what_was_asked_for() {
    const RATE: u64 = 8_000_000;
    let mut flow = Flow::start(&["-n", "4", "--limit", "8MB/s"], 1);
    flow.wait_for_bytes();
    let length = Duration::from_secs(5);
    assert_held(&mut flow, RATE, length);
}

#[test]
fn every_limit_holds_at_once_for_what_runs_and_for_all_that_it_is_about_together() {
    let mut flow = Flow::start(&["-n", "2", "--limit", "6MB/s"], 2);
    flow.wait_for_bytes();
    let last = flow.ids[1].to_string();
    for (words, rate) in [
        (&["limit", "8MB/s"][..], 8_000_000),
        (&["limit", "background", "3MB/s"], 3_000_000),
        (&["limit", "reset"], 12_000_000),
        (&["limit", "host:127.0.0.1", "5MB/s"], 5_000_000),
        (&["limit", "host:127.0.0.1", "none"], 12_000_000),
        (&["limit", "collection:default", "2MB/s"], 2_000_000),
        (&["limit", "collection:default", "none"], 12_000_000),
        (&["limit", &last, "1MB/s"], 7_000_000),
        (&["priority", "now", "all"], 7_000_000),
        (&["limit", "now", "500kB/s"], 500_000),
    ] {
        flow.haul(words);
        flow.wait_for_rate(rate);
        let length = Duration::from_millis(600);
        println!("{words:?}");
        assert_held(&mut flow, rate, length);
    }
}

#[test]
fn a_limit_set_by_hand_outlives_the_agent_until_it_is_reset() {
    let mut flow = Flow::start(&["--limit", "10MB/s"], 1);
    flow.wait_for_bytes();
    flow.haul(&["limit", "2MB/s"]);
    flow.haul(&["agent", "stop"]);
    let told = flow.haul(&["limit"]);
    assert!(told.contains("everything              2.00 MB/s, set by hand"), "{told}");
    let told = flow.haul(&["show", "1"]);
    assert!(told.contains("limit       2.00 MB/s for everything\n"), "{told}");
    flow.line = Line::hello(&flow.machine.state().join("agent.sock"), "limits");
    flow.wait_for_rate(2_000_000);
    let length = Duration::from_secs(1);
    assert_held(&mut flow, 2_000_000, length);
    flow.haul(&["limit", "reset"]);
    let told = flow.haul(&["limit", "--json"]);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["limits"]["rate"], Value::Null, "{told}");
    flow.wait_for_rate(10_000_000);
}

#[test]
fn a_limit_is_shared_by_download_whatever_their_connections_and_what_is_wanted_now_comes_first() {
    let mut flow = Flow::start(&["-n", "1"], 2);
    flow.wait_for_bytes();
    flow.haul(&["set", &flow.ids[0].to_string(), "-n", "8"]);
    flow.haul(&["limit", "2MB/s"]);
    flow.wait_for_rate(2_000_000);
    let covered = |flow: &mut Flow| -> Vec<u64> {
        let rows = flow.line.get("list", &json!({ "select": { "ids": flow.ids } }));
        rows.as_array().unwrap().iter().map(|row| row["covered"].as_u64().unwrap()).collect()
    };
    let gained = |flow: &mut Flow| -> Vec<u64> {
        let before = covered(flow);
        std::thread::sleep(Duration::from_secs(3));
        covered(flow).iter().zip(before).map(|(now, before)| now - before).collect()
    };
    let shares = gained(&mut flow);
    let (least, most) = (shares.iter().min().unwrap(), shares.iter().max().unwrap());
    assert!(*least * 2 > *most, "{shares:?}");
    flow.haul(&["priority", "now", &flow.ids[1].to_string()]);
    std::thread::sleep(Duration::from_secs(1));
    let shares = gained(&mut flow);
    assert!(shares[1] > 3 * shares[0], "{shares:?}");
}

/// The most that lies unread in one of this machine's connections to a port, in bytes.
fn unread(port: u16) -> u64 {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let of = |line: &str| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let (_, far) = fields.get(2)?.split_once(':')?;
        let (_, unread) = fields.get(4)?.split_once(':')?;
        (u16::from_str_radix(far, 16).ok()? == port).then(|| u64::from_str_radix(unread, 16).ok())?
    };
    table.lines().filter_map(of).max().unwrap_or(0)
}

#[test]
fn a_limit_holds_on_the_wire_too_and_gives_all_back_when_it_is_lifted() {
    /// A tenth of a second of the limit is kept ready, in buffers that the kernel doubles.
    const MOST: u64 = 600_000;
    for way in ["now", "normal"] {
        let mut flow = Flow::start(&["--limit", "2MB/s", "-n", "1", "--priority", way], 1);
        let port = url::Url::parse(&flow.site.fill("{site}/")).unwrap().port().unwrap();
        flow.wait_for_bytes();
        let (begin, mut most) = (Instant::now(), 0);
        while begin.elapsed() < Duration::from_secs(1) {
            most = most.max(unread(port));
            std::thread::sleep(LOOK);
        }
        assert!(most < MOST, "{way}: {most} bytes lie unread");
        flow.haul(&["limit", "1", "none"]);
        let before = flow.look().bytes;
        let end = Instant::now() + DEADLINE;
        while flow.look().bytes < before + (20 << 20) {
            assert!(Instant::now() < end, "{way}: it stays slow");
            std::thread::sleep(LOOK);
        }
    }
}
