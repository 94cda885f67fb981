//! When downloads may run: held by hand until a time, by the plan until its window ends, by a budget until the next day. All of it
//! outlives the agent, and says until when.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::Value;
use toml::toml;

use crate::support::machine::Machine;
use crate::support::site::{DEADLINE, Site};

const HOUR_MS: i64 = 3_600_000;

/// A machine with an agent, and a server with one file.
struct Scene {
    machine: Machine,
    site: Site,
}

impl Scene {
    fn new(config: &str, size: &str) -> Self {
        let (machine, site) = (Machine::with_agent(), Site::start(None));
        machine.configure(config);
        let mut script = toml! { ranges = true };
        script.insert("size".into(), size.into());
        site.serve("file.bin", script);
        Self { machine, site }
    }

    fn haul(&self, words: &[&str]) -> String {
        let outcome = self.machine.run(words);
        assert!(outcome.status.success(), "{words:?}: {}", outcome.told());
        String::from_utf8(outcome.stdout).unwrap() + &outcome.stderr
    }

    /// Adds the file.
    fn add(&self, words: &[&str]) {
        let (url, folder) = (self.site.fill("{site}/file.bin"), self.machine.downloads());
        self.haul(&[&["add", &url, "-d", folder.to_str().unwrap()], words].concat());
    }

    /// The download's row.
    fn row(&self) -> Value {
        let told = self.haul(&["list", "--json"]);
        serde_json::from_str(told.lines().next().unwrap()).unwrap()
    }

    /// Waits until the download is as a test wants it.
    fn wait_for(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + DEADLINE;
        loop {
            let row = self.row();
            if is_so(&row) {
                return row;
            }
            assert!(Instant::now() < end, "it is not {what}: {row}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn wait_until_done(&self) {
        self.wait_for("completed", |row| row["state"]["is"] == "completed");
        assert_eq!(
            std::fs::read(self.machine.file("file.bin")).unwrap()[..],
            self.site.content("file.bin").unwrap()[..]
        );
    }
}

fn waits_for(row: &Value, why: &str) -> bool {
    row["state"]["is"] == "waiting" && row["state"]["why"]["for"] == why
}

/// A time of day, some seconds from now.
fn clock(seconds: i64) -> String {
    let at = Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
    at.to_zoned(jiff::tz::TimeZone::UTC).strftime("%H:%M:%S").to_string()
}

#[test]
fn held_until_a_time_is_said_and_outlives_the_agent() {
    let scene = Scene::new("", "1 MiB");
    let before = Timestamp::now().as_millisecond();
    let told = scene.haul(&["hold", "--until", "2h"]);
    assert!(told.contains("held until "), "{told}");
    scene.add(&[]);
    for _ in 0..2 {
        let row = scene.wait_for("held", |row| waits_for(row, "held"));
        let until = row["state"]["until"].as_i64().unwrap() - before;
        assert!((2 * HOUR_MS - 1000..2 * HOUR_MS + 60_000).contains(&until), "{row}");
        let told = scene.haul(&["list"]);
        assert!(told.contains("held; `haul go` releases it, "), "{told}");
        // A new agent knows it, too.
        scene.haul(&["agent", "stop"]);
    }
    let told = scene.haul(&["show", "1"]);
    assert!(told.contains("plan        on hold, by hand, until "), "{told}");
    scene.haul(&["go"]);
    scene.wait_until_done();
}

#[test]
fn a_hold_is_over_by_itself_when_its_time_has_come() {
    let scene = Scene::new("", "1 MiB");
    scene.haul(&["hold", "--until", &clock(3)]);
    scene.add(&[]);
    scene.wait_until_done();
    // A collection's, too.
    scene.haul(&["hold", "default", "--until", &clock(3)]);
    scene.add(&["--again"]);
    let row = |scene: &Scene| -> Value {
        let told = scene.haul(&["list", "--json"]);
        serde_json::from_str(told.lines().last().unwrap()).unwrap()
    };
    assert!(waits_for(&row(&scene), "held"), "{}", row(&scene));
    scene.haul(&["agent", "stop"]);
    let end = Instant::now() + DEADLINE;
    while row(&scene)["state"]["is"] != "completed" {
        assert!(Instant::now() < end, "{}", row(&scene));
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn what_runs_waits_when_a_window_of_the_plan_begins_and_goes_on_when_it_ends() {
    let scene = Scene::new("", "4 MiB");
    scene.add(&["--limit", "300kB/s"]);
    scene.wait_for("running", |row| row["covered"].as_u64() > Some(0));
    let (from, to) = (clock(-60), clock(10));
    scene.machine.configure(&format!(
        "[[schedule]]\nfrom = \"{from}\"\nto = \"{to}\"\nbackground = \"hold\"\nnow = \"300kB/s\"\n"
    ));
    let pid = haul::engine::Holder::read(&scene.machine.state()).pid.unwrap();
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    let row = scene.wait_for("outside the plan", |row| waits_for(row, "outside_plan"));
    let covered = row["covered"].as_u64().unwrap();
    assert!(covered > 0 && covered < 4 << 20, "{row}");
    let told = scene.haul(&["agent", "status"]);
    assert!(told.contains("background on hold, by the plan, until "), "{told}");
    assert!(told.contains("then full speed"), "{told}");
    assert!(told.contains("now        300 kB/s at most, by the plan, until "), "{told}");
    scene.haul(&["set", "1", "--limit", "none"]);
    scene.wait_until_done();
    let end = scene.row()["ended"].as_i64().unwrap();
    assert!(end >= row["state"]["until"].as_i64().unwrap(), "it went on too early");
}

#[test]
fn a_persons_word_lifts_the_plan_until_its_next_change() {
    let config =
        format!("[[schedule]]\nfrom = \"{}\"\nto = \"{}\"\nbackground = \"hold\"\n", clock(-60), clock(600));
    let scene = Scene::new(&config, "1 MiB");
    scene.add(&[]);
    scene.wait_for("outside the plan", |row| waits_for(row, "outside_plan"));
    // A download at `now` is not meant.
    let other = scene.site.fill("{other}/file.bin");
    scene.haul(&["add", &other, "-o", "other.bin", "--priority", "now"]);
    scene.haul(&["wait", "2", "--timeout", "30s"]);
    assert!(waits_for(&scene.row(), "outside_plan"));
    let told = scene.haul(&["go"]);
    assert!(told.contains("background: steps aside, by hand, until ") && !told.contains(", then"), "{told}");
    scene.wait_until_done();
    // A hold lasts until then, too; and both are still so in a new agent.
    scene.haul(&["agent", "stop"]);
    scene.haul(&["agent", "start"]);
    let told = scene.haul(&["agent", "status"]);
    assert!(told.contains("background steps aside, by hand, until "), "{told}");
    let told = scene.haul(&["hold"]);
    assert!(told.contains("held until "), "{told}");
}

#[test]
fn a_budget_that_is_used_up_holds_what_steps_aside_until_the_next_day() {
    let scene = Scene::new("[budget]\nday = \"300kB\"\n", "1 MiB");
    scene.add(&["--limit", "400kB/s"]);
    let row = scene.wait_for("out of budget", |row| waits_for(row, "budget_spent"));
    let covered = row["covered"].as_u64().unwrap();
    assert!((300_000..600_000).contains(&covered), "{row}");
    let until = row["state"]["until"].as_i64().unwrap();
    assert_eq!(until % (24 * HOUR_MS), 0, "{row}");
    // The count outlives the agent, and a kill of it.
    scene.haul(&["agent", "stop"]);
    assert!(waits_for(&scene.row(), "budget_spent"));
    let told = scene.haul(&["agent", "status"]);
    assert!(told.contains("of 300 kB used this day"), "{told}");
    // What is wanted now goes on, and says in spite of what.
    let other = scene.site.fill("{other}/file.bin");
    scene.haul(&["add", &other, "-o", "other.bin", "--priority", "now"]);
    scene.haul(&["wait", "2", "--timeout", "30s"]);
    scene.haul(&["set", "1", "--limit", "none"]);
    assert!(waits_for(&scene.row(), "budget_spent"));
    scene.haul(&["go"]);
    scene.wait_until_done();
}

#[test]
fn a_go_for_the_day_s_budget_is_none_for_the_month_s() {
    let scene = Scene::new("[budget]\nday = \"300kB\"\nmonth = \"900kB\"\n", "4 MiB");
    scene.add(&["--limit", "400kB/s"]);
    let of = |period: &'static str| {
        move |row: &Value| waits_for(row, "budget_spent") && row["state"]["why"]["period"] == period
    };
    scene.wait_for("out of the day's budget", of("day"));
    scene.haul(&["go"]);
    let row = scene.wait_for("out of the month's budget", of("month"));
    assert!((900_000..1_400_000).contains(&row["covered"].as_u64().unwrap()), "{row}");
    scene.haul(&["go"]);
    scene.wait_for("running", |row| row["state"]["is"] == "downloading");
}

#[test]
fn what_is_wanted_now_takes_a_place_and_the_others_come_back_after() {
    let scene = Scene::new("[engine]\nparallel = 1\n", "1 MiB");
    scene.add(&["--limit", "150kB/s"]);
    scene.wait_for("running", |row| row["covered"].as_u64() > Some(0));
    let (other, folder) = (scene.site.fill("{other}/file.bin"), scene.machine.downloads());
    scene.haul(&["add", &other, "-d", folder.to_str().unwrap(), "-o", "other.bin"]);
    scene.haul(&["priority", "now", "2"]);
    scene.haul(&["wait", "2", "--timeout", "30s"]);
    let row = scene.row();
    assert_ne!(row["state"]["is"], "completed", "the first one was not faster: {row}");
    scene.haul(&["set", "1", "--limit", "none"]);
    scene.wait_until_done();
    // It went on where it was.
    let log = scene.site.log();
    let again =
        log.iter().rev().find(|seen| seen.request.header("host").is_some_and(|host| host.starts_with("127")));
    let range = again.and_then(|seen| seen.request.header("range")).unwrap_or_default();
    assert!(!range.is_empty() && !range.starts_with("bytes=0-"), "{log:?}");
}

#[test]
fn how_long_all_was_held_is_in_the_history_once_it_is_over() {
    let mut machine = Machine::with_agent();
    machine.set("HAUL_TEST_LEAST_HOLD_MS", "1000");
    let site = Site::start(None);
    site.serve("file.bin", toml! { size = "1 MiB" });
    let scene = Scene { machine, site };
    let held = || -> Vec<Value> {
        let told = scene.haul(&["history", "--json"]);
        let lines = told.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["what"] == "held").collect()
    };
    scene.haul(&["hold"]);
    std::thread::sleep(Duration::from_millis(1100));
    scene.haul(&["go"]);
    assert_eq!(held(), [] as [Value; 0], "nothing waited for it");
    scene.haul(&["hold"]);
    scene.add(&[]);
    scene.wait_for("held", |row| waits_for(row, "held"));
    std::thread::sleep(Duration::from_millis(1100));
    scene.haul(&["go"]);
    scene.wait_until_done();
    let [line] = &held()[..] else { panic!("{:?}", held()) };
    assert_eq!((line["text"].as_str(), line["id"].as_u64()), (Some("by you"), Some(0)));
    assert!((1..60).contains(&line["secs"].as_u64().unwrap()), "{line}");
}

#[test]
fn what_comes_to_what_is_held_while_it_runs_waits_with_it() {
    let config =
        format!("[[schedule]]\nfrom = \"{}\"\nto = \"{}\"\nbackground = \"hold\"\n", clock(-60), clock(600));
    let scene = Scene::new(&config, "4 MiB");
    scene.add(&["--limit", "200kB/s", "--priority", "now"]);
    scene.wait_for("running", |row| row["covered"].as_u64() > Some(0));
    scene.haul(&["priority", "normal", "1"]);
    scene.wait_for("outside the plan", |row| waits_for(row, "outside_plan"));
    scene.haul(&["priority", "now", "1"]);
    scene.wait_for("running again", |row| row["state"]["is"] == "downloading");
    scene.haul(&["collection", "create", "later"]);
    scene.haul(&["hold", "later"]);
    scene.haul(&["set", "1", "--collection", "2"]);
    scene.wait_for("held", |row| waits_for(row, "held"));
    scene.haul(&["go", "later"]);
    scene.haul(&["set", "1", "--limit", "none"]);
    scene.wait_until_done();
}

#[test]
fn a_get_whose_terminal_goes_away_obeys_the_plan_from_then_on() {
    let config =
        format!("[[schedule]]\nfrom = \"{}\"\nto = \"{}\"\nbackground = \"hold\"\n", clock(-60), clock(600));
    let scene = Scene::new(&config, "4 MiB");
    let url = scene.site.fill("{site}/file.bin");
    let getting = scene.machine.spawn(&["get", &url, "--limit", "200kB/s"]);
    let row = |scene: &Scene| {
        let told = scene.machine.beside(&["list", "--json"]);
        let told = String::from_utf8(told.stdout).unwrap();
        told.lines().next().and_then(|line| serde_json::from_str::<Value>(line).ok()).unwrap_or_default()
    };
    let end = Instant::now() + DEADLINE;
    while row(&scene)["state"]["is"] != "downloading" {
        assert!(Instant::now() < end, "{}", row(&scene));
        std::thread::sleep(Duration::from_millis(20));
    }
    getting.kill();
    while !waits_for(&row(&scene), "outside_plan") {
        assert!(Instant::now() < end, "{}", row(&scene));
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn what_runs_in_real_time_goes_on_in_a_hold_though_its_connection_breaks() {
    let scene = Scene::new("", "4 MiB");
    scene.site.serve("breaks", toml! { size = "4 MiB" cut_after = "1 MiB" });
    scene.site.hold_after(512 * 1024);
    let url = scene.site.fill("{site}/breaks");
    let mut getting = scene.machine.spawn(&["get", &url, "-n", "1", "--mode", "real-time"]);
    assert!(scene.site.wait_until_held(|| getting.is_over()), "{}", getting.wait().told());
    let beside = |words: &[&str]| {
        let outcome = scene.machine.beside(words);
        assert!(outcome.status.success(), "{words:?}: {}", outcome.told());
        outcome
    };
    beside(&["hold"]);
    scene.site.release();
    let outcome = getting.wait();
    assert!(outcome.status.success(), "{}", outcome.told());
    assert_eq!(scene.site.log().iter().filter(|seen| seen.name == "breaks").count(), 4);
    // What is paused and resumed begins anew, and what never ran does, too.
    scene.site.hold_after(512 * 1024);
    let mut getting = scene.machine.spawn(&["get", &url, "-n", "1", "--mode", "real-time", "--again"]);
    let end = Instant::now() + DEADLINE;
    while !String::from_utf8(beside(&["list", "state:waiting"]).stdout).unwrap().contains("held") {
        assert!(!getting.is_over() && Instant::now() < end);
        std::thread::sleep(Duration::from_millis(20));
    }
    getting.kill();
}

#[test]
fn a_stream_says_what_holds_it_and_gives_nothing_up_meanwhile() {
    let scene = Scene::new("", "1 MiB");
    scene.haul(&["hold"]);
    let url = scene.site.fill("{site}/file.bin");
    let mut getting = scene.machine.spawn(&["get", &url, "-o", "-", "--give-up", "1s"]);
    std::thread::sleep(Duration::from_millis(2500));
    assert!(!getting.is_over(), "{}", getting.wait().told());
    assert!(scene.machine.beside(&["go"]).status.success());
    let outcome = getting.wait();
    assert!(outcome.status.success(), "{}", outcome.told());
    assert_eq!(outcome.stdout[..], scene.site.content("file.bin").unwrap()[..]);
    assert!(
        outcome.stderr.contains("haul: file.bin (1) waits: held; `haul go` releases it."),
        "{}",
        outcome.told()
    );
}

#[test]
fn a_go_after_a_hold_by_hand_lifts_that_and_nothing_else() {
    let config =
        format!("[[schedule]]\nfrom = \"{}\"\nto = \"{}\"\nbackground = \"hold\"\n", clock(-60), clock(600));
    let scene = Scene::new(&config, "1 MiB");
    scene.haul(&["hold"]);
    let told = scene.haul(&["go"]);
    assert!(told.contains("background: on hold, by the plan, until "), "{told}");
    scene.add(&[]);
    scene.wait_for("outside the plan", |row| waits_for(row, "outside_plan"));
    scene.haul(&["go"]);
    scene.wait_until_done();
}

#[test]
fn nobody_makes_way_for_what_could_not_start_all_the_same() {
    let scene = Scene::new("[engine]\nparallel = 2\n", "64 MiB");
    scene.site.serve("slow", toml! { size = "8 MiB" rate = "200 KiB" });
    let folder = scene.machine.downloads();
    let slow = scene.site.fill("{site}/slow");
    let add = |words: &[&str]| scene.haul(&[&["add", &slow, "-d", folder.to_str().unwrap()], words].concat());
    add(&["-o", "stays", "-n", "1"]);
    scene.haul(&["collection", "create", "narrow"]);
    scene.haul(&["collection", "set", "2", "--parallel", "1"]);
    add(&["-o", "first", "-n", "1", "--priority", "now", "--collection", "2"]);
    add(&["-o", "second", "-n", "1", "--priority", "now", "--collection", "2"]);
    let covered = || scene.row()["covered"].as_u64().unwrap();
    scene.wait_for("running", |row| row["covered"].as_u64() > Some(100_000));
    let before = covered();
    let asked = scene.site.log().len();
    std::thread::sleep(Duration::from_secs(2));
    assert!(covered() > before + 100_000, "it was stopped: {} of {before}", covered());
    assert!(scene.site.log().len() <= asked + 2, "it was begun again and again");
}

/// This machine's clock, set to another time; it is right again when this is dropped.
struct SetClock(jiff::SignedDuration);

impl SetClock {
    fn by(offset: jiff::SignedDuration) -> Self {
        set_clock(offset);
        Self(offset)
    }
}

impl Drop for SetClock {
    fn drop(&mut self) {
        set_clock(-self.0);
    }
}

fn set_clock(offset: jiff::SignedDuration) {
    use rustix::time::{ClockId, Timespec, clock_gettime, clock_settime};
    let now = clock_gettime(ClockId::Realtime);
    clock_settime(ClockId::Realtime, Timespec { tv_sec: now.tv_sec + offset.as_secs(), ..now }).unwrap();
}

#[test]
fn a_clock_that_is_set_is_heeded_at_once() {
    /// Long before a moment of the wall clock is looked at anew without a word from the system.
    const AT_ONCE: Duration = Duration::from_secs(5);
    if std::env::var_os("HAUL_CLOCK").is_none() {
        println!(
            "as root, HAUL_CLOCK=set sets this machine's clock for some seconds; nothing else should run"
        );
        return;
    }
    let hours = jiff::SignedDuration::from_hours;
    let scene = Scene::new("", "4 MiB");
    scene.add(&["--limit", "100kB/s"]);
    scene.wait_for("running", |row| row["covered"].as_u64() > Some(0));
    let (from, to) = (clock(2 * 3600), clock(4 * 3600));
    scene
        .machine
        .configure(&format!("[[schedule]]\nfrom = \"{from}\"\nto = \"{to}\"\nbackground = \"hold\"\n"));
    let pid = haul::engine::Holder::read(&scene.machine.state()).pid.unwrap();
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    scene.wait_for("running", |row| row["state"]["is"] == "downloading");
    // Forward into the window, and back out of it.
    let asked = Instant::now();
    let forward = SetClock::by(hours(3));
    scene.wait_for("outside the plan", |row| waits_for(row, "outside_plan"));
    let held = asked.elapsed();
    drop(forward);
    let asked = Instant::now();
    scene.wait_for("running", |row| row["state"]["is"] == "downloading");
    let runs = asked.elapsed();
    // A time until which a person holds everything comes as the clock says it.
    scene.haul(&["hold", "--until", "2h"]);
    scene.wait_for("held", |row| waits_for(row, "held"));
    let forward = SetClock::by(hours(5));
    let asked = Instant::now();
    scene.wait_for("running", |row| row["state"]["is"] == "downloading");
    let released = asked.elapsed();
    drop(forward);
    println!("held after {held:.1?}, on again after {runs:.1?}; a hold was over after {released:.1?}");
    assert!(held < AT_ONCE && runs < AT_ONCE && released < AT_ONCE, "{held:?}, {runs:?}, {released:?}");
}
