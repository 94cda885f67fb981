//! A background download takes only the processor and disk time that nobody else wants.

use std::hint::black_box;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use toml::toml;

use crate::support::machine::Machine;
use crate::support::real;
use crate::support::site::{DEADLINE, Site};

/// How long the processors are kept busy in each round.
const ROUND: Duration = Duration::from_secs(1);
/// Rounds with the download, and as many without.
const ROUNDS: usize = 9;
/// `SCHED_IDLE`, in `sched.h`.
const IDLE: &str = "5";

/// An agent with a background download that goes on for longer than any test, and its process.
struct Stage {
    machine: Machine,
    site: Site,
    pid: u32,
}

impl Stage {
    fn new() -> Self {
        let (machine, site) = (Machine::with_agent().and_idle(), Site::start(None));
        site.serve("file.bin", toml! { size = "128 MiB" rate = "4 MiB" });
        let stage = Self { pid: 0, machine, site };
        stage.run(&["add", &stage.site.fill("{site}/file.bin"), "--priority", "low", "-n", "1"]);
        let pid = haul::engine::Holder::read(&stage.machine.state()).pid.unwrap();
        let stage = Self { pid, ..stage };
        let end = Instant::now() + DEADLINE;
        while stage.covered() == 0 {
            assert!(Instant::now() < end, "nothing comes");
            std::thread::sleep(Duration::from_millis(20));
        }
        stage
    }

    fn run(&self, args: &[&str]) -> String {
        let outcome = self.machine.run(args);
        assert!(outcome.status.success(), "{}", outcome.told());
        String::from_utf8(outcome.stdout).unwrap()
    }

    fn covered(&self) -> u64 {
        let row: serde_json::Value = serde_json::from_str(self.run(&["list", "--json"]).trim()).unwrap();
        row["covered"].as_u64().unwrap()
    }

    /// The processor time that the agent took so far, in ticks.
    fn ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap();
        let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }

    /// The scheduling class of each of the agent's threads, by name.
    fn classes(&self) -> Vec<(String, String)> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid)).unwrap().flatten();
        let stats = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("stat")).ok());
        stats
            .map(|stat| {
                let (before, after) = stat.rsplit_once(')').unwrap();
                let name = before.split_once('(').unwrap().1.to_owned();
                (name, after.split_whitespace().nth(38).unwrap().to_owned())
            })
            .collect()
    }
}

/// Keeps every processor busy for a round; returns how much was counted in all.
fn count() -> u64 {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let counting: Vec<_> = (0..processors)
            .map(|_| {
                scope.spawn(|| {
                    let mut counted = 0_u64;
                    while !over.load(Ordering::Relaxed) {
                        for step in 0..1000_u64 {
                            black_box(step);
                        }
                        counted += 1;
                    }
                    counted
                })
            })
            .collect();
        std::thread::sleep(ROUND);
        over.store(true, Ordering::Relaxed);
        counting.into_iter().map(|thread| thread.join().unwrap()).sum()
    })
}

#[test]
fn what_fetches_in_the_background_is_in_the_idle_class_and_so_is_the_agent_s_session() {
    let stage = Stage::new();
    let classes = stage.classes();
    assert!(classes.iter().any(|(_, class)| class == IDLE), "no thread is idle: {classes:?}");
    // Whoever asks is answered at once all the same.
    assert!(classes.iter().any(|(_, class)| class != IDLE), "all threads are idle: {classes:?}");
    // Where the kernel shares out by sessions, an idle class counts only within its own.
    if let Ok(group) = std::fs::read_to_string(format!("/proc/{}/autogroup", stage.pid)) {
        assert!(group.trim().ends_with("nice 19"), "the session is {group}");
    }
}

#[test]
fn programs_that_want_every_processor_lose_next_to_nothing() {
    if std::env::var_os("HAUL_LAB").is_none() {
        println!("HAUL_LAB=processor measures it, on a machine that does nothing else");
        return;
    }
    let stage = Stage::new();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let (mut shares, mut taken) = (Vec::new(), 0);
    let before = stage.covered();
    for _ in 0..ROUNDS {
        stage.run(&["pause", "all"]);
        let alone = count();
        stage.run(&["resume", "all"]);
        std::thread::sleep(Duration::from_millis(300));
        let ticks = stage.ticks();
        shares.push(float(count()) / float(alone));
        taken += stage.ticks() - ticks;
    }
    shares.sort_by(f64::total_cmp);
    let middle = shares[ROUNDS / 2];
    let came = stage.covered() - before;
    // Ticks of a hundredth of a second, over all rounds and processors.
    let taken = float(taken) / 100.0 / (ROUND.as_secs_f64() * float((ROUNDS * processors) as u64));
    println!(
        "the agent took {taken:.4} of the processors; {middle:.3} of the work was done: {shares:.3?}; {came} bytes came"
    );
    assert!(came > 0, "nothing came meanwhile");
    assert!(taken < 0.03, "the agent took {taken:.4} of the processors");
    // The server is a part of this test, and takes its share too.
    assert!(middle > 0.9, "{middle:.3} of the work was done: {shares:.3?}");
}

#[expect(clippy::cast_precision_loss, reason = "a share needs no more than 52 bits")]
fn float(count: u64) -> f64 {
    count as f64
}

#[test]
fn what_steps_aside_writes_back_as_it_goes_and_what_is_wanted_now_leaves_that_to_the_system() {
    if !real::has("strace") {
        return;
    }
    for (priority, least, most) in [("low", 6, 9), ("now", 0, 0)] {
        let (machine, site) = (Machine::new(), Site::start(None));
        site.serve("file.bin", toml! { size = "32 MiB" });
        let told = machine.root().join("calls");
        let mut tracer = Command::new("strace");
        tracer.args(["-f", "-qq", "-e", "trace=sync_file_range", "-o"]).arg(&told).arg("--");
        let words = ["get", &site.fill("{site}/file.bin"), "-n", "1", "--priority", priority];
        let outcome = machine.spawn_under(tracer, &words).wait();
        assert!(outcome.status.success(), "{}", outcome.told());
        let calls = std::fs::read_to_string(&told).unwrap().matches("sync_file_range(").count();
        assert!((least..=most).contains(&calls), "at priority {priority}: {calls} calls");
    }
}

#[test]
fn an_agent_has_no_class_of_whoever_started_it() {
    for (program, words) in [("chrt", &["-i", "0"][..]), ("nice", &["-n", "7"])] {
        if !real::has(program) {
            return;
        }
        let machine = Machine::with_agent();
        let mut under = Command::new(program);
        under.args(words);
        let outcome = machine.spawn_under(under, &["list"]).wait();
        assert!(outcome.status.success(), "{}", outcome.told());
        let pid = haul::engine::Holder::read(&machine.state()).pid.unwrap();
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        // Behind the name the niceness is the 17th field and the policy the 39th; only root may be less nice again.
        let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        assert_eq!(fields[38], "0", "{program}");
        assert!(fields[16] == "0" || !rustix::process::geteuid().is_root(), "{program}: {}", fields[16]);
    }
}

/// A group of this test's own, named as our unit's is, with the processor in it; gone when it is dropped.
struct Unit(std::path::PathBuf);

impl Unit {
    /// Makes one where the system has the processor in cgroup version 2, and gives it to us; says so elsewhere.
    fn require() -> Option<Self> {
        let root = std::path::Path::new("/sys/fs/cgroup");
        let unit = root.join(format!("haul-test-{}.service", std::process::id()));
        let has_processor =
            std::fs::read_to_string(root.join("cgroup.controllers")).is_ok_and(|all| all.contains("cpu"));
        let is_made = has_processor
            && std::fs::write(root.join("cgroup.subtree_control"), "+cpu").is_ok()
            && std::fs::create_dir(&unit).is_ok();
        if !is_made {
            #[expect(clippy::print_stderr, reason = "a test that did not run must say so")]
            {
                eprintln!(
                    "skipped: needs root, and the processor in a cgroup version 2 at {}",
                    root.display()
                );
            }
            return None;
        }
        Some(Self(unit))
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        let end = Instant::now() + DEADLINE;
        // A group goes when the last process in it has.
        for group in [self.0.join("background"), self.0.clone()] {
            while group.exists() && std::fs::remove_dir(&group).is_err() && Instant::now() < end {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

#[test]
fn under_its_unit_what_fetches_in_the_background_is_in_an_idle_group() {
    let Some(unit) = Unit::require() else { return };
    let (machine, site) = (Machine::with_agent().and_idle(), Site::start(None));
    site.serve("file.bin", toml! { size = "128 MiB" rate = "4 MiB" });
    let enter = format!("echo $$ > {}/cgroup.procs; exec \"$@\"", unit.0.display());
    let mut shell = Command::new("sh");
    shell.args(["-c", &enter, "sh"]);
    let words = ["add", &site.fill("{site}/file.bin"), "--priority", "low", "-n", "1"];
    let added = machine.spawn_under(shell, &words).wait();
    assert!(added.status.success(), "{}", added.told());
    let group = unit.0.join("background");
    let read = |name: &str| std::fs::read_to_string(group.join(name)).unwrap_or_default();
    let end = Instant::now() + DEADLINE;
    while read("cgroup.threads").is_empty() {
        assert!(Instant::now() < end, "no thread is in {}", group.display());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(read("cpu.idle").trim(), "1");
    let pid = haul::engine::Holder::read(&machine.state()).pid.unwrap().to_string();
    let all = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().count();
    let idle = read("cgroup.threads").lines().count();
    assert!(
        idle < all && !read("cgroup.threads").lines().any(|thread| thread == pid),
        "{idle} of {all} threads"
    );
    machine.run(&["agent", "stop"]);
}
