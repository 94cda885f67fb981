//! The lab: how polite is a background download? Namespaces, a bottleneck in user space, and a foreground that must not notice.
//!
//! `cargo test --test it lab -- --nocapture` runs the short form, as the gate does. As root, with `HAUL_LAB=all` (or the names of
//! some lines, by commas), it runs every line and prints the table.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rates of a few seconds, and sizes of packets"
)]

mod bottleneck;
mod eyes;
mod flow;
mod http2;
mod limited;
mod lossy;
mod net;
mod proxied;
mod short;

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use self::bottleneck::{Bottleneck, Kind, Moment};
use self::flow::Server;
use self::net::{ELSEWHERE, HERE, SERVER, Space};
use crate::support::machine::{Machine, Running};

const MS: Duration = Duration::from_millis(1);

/// 50 Mbit/s down, 20 Mbit/s up, 20 ms there and back, and a buffer of 200 ms that drops at its end.
const HOME: Kind = Kind {
    name: "50 Mbit/s, 20 ms, 200 ms buffer",
    down: 50e6,
    up: 20e6,
    delay: Duration::from_millis(10),
    buffer: 1_250_000,
    per_flow: false,
    congestion: "cubic",
    batch: None,
    jitter: Duration::ZERO,
    loss: 0.0,
};

/// The lines of the whole table, by the name to choose them with.
fn lines() -> [(&'static str, Kind, Guest); 12] {
    let here = Guest::default();
    let elsewhere = Guest { elsewhere: true, ..here };
    let shallow = Kind { name: "same, 20 ms buffer", buffer: 125_000, ..HOME };
    let fair = Kind { name: "same, fq_codel", per_flow: true, ..HOME };
    let fast = Kind {
        name: "1 Gbit/s, 10 ms, 20 ms buffer",
        down: 1e9,
        up: 1e9,
        delay: Duration::from_millis(5),
        buffer: 2_500_000,
        batch: Some(8),
        ..HOME
    };
    [
        ("home", HOME, here),
        ("pages", Kind { name: "same, pages in the foreground", ..HOME }, Guest { pages: true, ..here }),
        ("elsewhere", Kind { name: "same, foreground on another host", ..HOME }, elsewhere),
        ("bbr", Kind { name: "same, foreground is BBR", congestion: "bbr", ..HOME }, here),
        ("shallow", shallow, here),
        ("fq", fair, here),
        ("fq-elsewhere", Kind { name: "same, fq_codel, another host", ..fair }, elsewhere),
        ("jitter", Kind { name: "same, 6 ms jitter", jitter: 12 * MS, ..HOME }, here),
        ("loss", Kind { name: "same, 0.05 % loss", loss: 0.0005, ..HOME }, here),
        ("five", Kind { name: "same, 5 downloads", ..HOME }, Guest { downloads: 5, ..here }),
        ("four", Kind { name: "same, 4 connections", ..HOME }, Guest { connections: 4, ..here }),
        ("gigabit", fast, here),
    ]
}

/// Who else is on the line, and how many downloads of ours.
#[derive(Clone, Copy, Debug)]
struct Guest {
    elsewhere: bool,
    pages: bool,
    downloads: usize,
    connections: usize,
}

impl Default for Guest {
    fn default() -> Self {
        Self { elsewhere: false, pages: false, downloads: 1, connections: 2 }
    }
}

/// One round of measurement.
#[derive(Clone, Copy, Debug)]
struct Round {
    /// Foreground with the background, of the foreground alone: its rate, or the time for a page.
    kept: f64,
    slower: f64,
    /// Background alone, of the line.
    alone: f64,
    /// What the background alone adds to the wait at the line, 95 times of 100.
    added: Duration,
    /// Until the background is under 15 % of the line.
    yielded: Option<Duration>,
    /// Until it is over 80 % of it again.
    back: Option<Duration>,
    /// The part of the processors that nobody used meanwhile.
    idle: f64,
}

/// The lab itself.
struct Lab {
    kind: Kind,
    bottleneck: Bottleneck,
    _server: Server,
    here: Space,
    elsewhere: Space,
    far: Space,
    machine: Machine,
}

impl Lab {
    fn new(kind: Kind) -> Self {
        Self::of_size(kind, if kind.down > 1e8 { 6 << 30 } else { 1 << 30 })
    }

    /// A lab whose file has so many bytes.
    fn of_size(kind: Kind, size: u64) -> Self {
        let (far, here, elsewhere) = (Space::new("server"), Space::new("here"), Space::new("elsewhere"));
        let bottleneck = Bottleneck::start(kind, &far, [&here, &elsewhere]);
        far.connect(SERVER, kind.congestion, kind.batch);
        here.connect(HERE, kind.congestion, kind.batch);
        elsewhere.connect(ELSEWHERE, kind.congestion, kind.batch);
        let server = Server::start(&far, size);
        Self { kind, bottleneck, _server: server, here, elsewhere, far, machine: Machine::new() }
    }

    /// Starts background downloads that step aside.
    fn background(&self, guest: Guest) -> Running {
        let address = format!("http://{SERVER}:{}/big", bottleneck::BACKGROUND);
        let connections = guest.connections.to_string();
        let names: Vec<String> = (0..guest.downloads).map(|n| format!("{address}?{n}")).collect();
        let most = guest.downloads.to_string();
        let mut words = vec!["get", "--priority", "low", "-n", &connections, "-j", &most];
        words.extend(names.iter().map(String::as_str));
        self.machine.spawn_under(self.here.command(), &words)
    }

    fn foreground(&self, guest: Guest, length: Duration) -> (f64, f64) {
        let space = if guest.elsewhere { &self.elsewhere } else { &self.here };
        if guest.pages { (0.0, mean(&flow::pages(space, length))) } else { (flow::bulk(space, length), 0.0) }
    }

    /// The background is in full flow; then the foreground comes for a while and leaves.
    fn round(&self, guest: Guest, alone: (f64, f64), length: Duration) -> Round {
        let busy = Processors::now();
        let from = Instant::now();
        std::thread::sleep(length);
        let comes = Instant::now();
        let (rate, page) = self.foreground(guest, length);
        let leaves = Instant::now();
        std::thread::sleep(Duration::from_secs(5));
        let solo = self.bottleneck.between(from, comes);
        let (line, used) = (self.kind.down, rate_of(&solo, from, comes));
        let mut waits: Vec<Duration> = solo.iter().map(|moment| moment.wait).collect();
        waits.sort_unstable();
        let first = |moments: &[Moment], since: Instant, wanted: &dyn Fn(f64) -> bool| {
            let span = 10;
            let at = moments.windows(span).find(|window| {
                let bytes: u64 = window.iter().map(|moment| moment.background).sum();
                wanted(bytes as f64 * 8.0 / 0.2)
            });
            at.and_then(|window| window.last()).map(|moment| moment.at.saturating_duration_since(since))
        };
        let with = self.bottleneck.between(comes, leaves);
        let after = self.bottleneck.between(leaves, Instant::now());
        Round {
            kept: if guest.pages { 0.0 } else { rate / alone.0 },
            slower: if guest.pages { page / alone.1 } else { 0.0 },
            alone: used / line,
            added: waits.get(waits.len() * 95 / 100).copied().unwrap_or_default(),
            yielded: first(&with, comes, &|rate| rate < 0.15 * line),
            back: first(&after, leaves, &|rate| rate > 0.8 * used),
            idle: busy.idle_since(),
        }
    }
}

fn rate_of(moments: &[Moment], from: Instant, until: Instant) -> f64 {
    let bytes: u64 = moments.iter().map(|moment| moment.background).sum();
    bytes as f64 * 8.0 / until.saturating_duration_since(from).as_secs_f64()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

fn median<T: PartialOrd + Copy>(values: impl IntoIterator<Item = T>) -> T {
    let mut values: Vec<T> = values.into_iter().collect();
    values.sort_by(|a, b| a.partial_cmp(b).unwrap());
    values[values.len() / 2]
}

/// The time that all processors were idle, and in all.
struct Processors(f64, f64);

impl Processors {
    fn now() -> Self {
        let stat = std::fs::read_to_string("/proc/stat").unwrap();
        let ticks: Vec<f64> = stat
            .lines()
            .next()
            .unwrap()
            .split_whitespace()
            .skip(1)
            .map(|word| word.parse().unwrap())
            .collect();
        Self(ticks[3], ticks.iter().take(8).sum())
    }

    fn idle_since(&self) -> f64 {
        let now = Self::now();
        (now.0 - self.0) / (now.1 - self.1).max(1.0)
    }
}

const HEAD: &str =
    "line                              |   kept | page x |  alone |   p95 | yield |  back | idle";

fn row(name: &str, rounds: &[Round]) -> String {
    let seconds =
        |span: Option<Duration>| span.map_or("-".into(), |span| format!("{:.1} s", span.as_secs_f64()));
    let middle = |value: &dyn Fn(&Round) -> f64| median(rounds.iter().map(value));
    format!(
        "{name:33} | {:5.1} % | {:6.2} | {:5.1} % | {:3} ms | {:>5} | {:>5} | {:3.0} %",
        100.0 * middle(&|round| round.kept),
        middle(&|round| round.slower),
        100.0 * middle(&|round| round.alone),
        median(rounds.iter().map(|round| round.added)).as_millis(),
        seconds(median(rounds.iter().map(|round| round.yielded))),
        seconds(median(rounds.iter().map(|round| round.back))),
        100.0 * middle(&|round| round.idle),
    )
}

fn measure(kind: Kind, guest: Guest, rounds: usize, length: Duration) -> Vec<Round> {
    let lab = Lab::new(kind);
    let alone: Vec<(f64, f64)> = (0..2).map(|_| lab.foreground(guest, length)).collect();
    let alone = (median(alone.iter().map(|run| run.0)), median(alone.iter().map(|run| run.1)));
    let mut running = lab.background(guest);
    std::thread::sleep(Duration::from_secs(3));
    let rounds = (0..rounds).map(|_| lab.round(guest, alone, length)).collect();
    assert!(!running.is_over(), "the background ended: {}", running.wait().told());
    rounds
}

/// Where the processors are never idle, both flows and the line itself wait for them: numbers of that say nothing about the line.
const IDLE_ENOUGH: f64 = 0.25;

/// One lab at a time: each wants the machine for itself.
static LINE: Mutex<()> = Mutex::new(());

/// Whether the lab's numbers are what this run is about. Beside other tests they say as much of the machine as of the program.
fn is_asked_for() -> bool {
    std::env::var_os("HAUL_LAB").is_some()
}

#[test]
fn a_background_download_leaves_the_line_to_others_and_takes_it_back() {
    if !net::is_possible() {
        return;
    }
    let _alone = LINE.lock().unwrap_or_else(PoisonError::into_inner);
    let rounds = measure(HOME, Guest::default(), 3, Duration::from_secs(5));
    println!("{HEAD}\n{}", row(HOME.name, &rounds));
    for round in &rounds {
        println!("{round:?}");
    }
    // What is true under any load: both get something, and the foreground gets most of the line.
    assert!(rounds.iter().all(|round| round.alone > 0.0), "the background stands still: {rounds:?}");
    let kept = median(rounds.iter().map(|round| round.kept));
    assert!(kept >= 0.5, "the foreground keeps {kept}: {rounds:?}");
    let idle = median(rounds.iter().map(|round| round.idle));
    if !is_asked_for() {
        println!("HAUL_LAB=all holds it to the numbers, on a machine that does nothing else");
        return;
    }
    if idle < IDLE_ENOUGH {
        println!(
            "only {idle:.2} of the processors was idle: what the line would give can't be told from what they give"
        );
        return;
    }
    assert!(kept >= 0.97, "the foreground keeps {kept}: {rounds:?}");
    let added = median(rounds.iter().map(|round| round.added));
    assert!(added < 15 * MS, "a queue of {added:?}: {rounds:?}");
    let alone = median(rounds.iter().map(|round| round.alone));
    assert!(alone >= 0.95, "alone it reaches {alone}: {rounds:?}");
    let back = median(rounds.iter().map(|round| round.back.unwrap_or(Duration::MAX)));
    assert!(back <= Duration::from_secs(3), "back after {back:?}: {rounds:?}");
}

#[test]
fn the_whole_table() {
    let Some(chosen) = std::env::var_os("HAUL_LAB").map(|chosen| chosen.to_string_lossy().into_owned())
    else {
        println!("HAUL_LAB=all runs it");
        return;
    };
    if !net::is_possible() {
        return;
    }
    let _alone = LINE.lock().unwrap_or_else(PoisonError::into_inner);
    println!("{HEAD}");
    for (name, kind, guest) in lines() {
        if chosen == "all" || chosen.split(',').any(|wanted| wanted == name) {
            println!("{}", row(kind.name, &measure(kind, guest, 3, Duration::from_secs(8))));
        }
    }
}

#[test]
fn a_slower_line_is_followed_down_and_up() {
    if !net::is_possible() {
        return;
    }
    let _alone = LINE.lock().unwrap_or_else(PoisonError::into_inner);
    let lab = Lab::new(HOME);
    let _running = lab.background(Guest::default());
    let busy = Processors::now();
    std::thread::sleep(Duration::from_secs(4));
    let mut reached = Vec::new();
    for bits in [20e6, 50e6] {
        lab.bottleneck.set_rate(bits);
        std::thread::sleep(Duration::from_secs(4));
        let from = Instant::now();
        std::thread::sleep(Duration::from_secs(2));
        let until = Instant::now();
        reached.push(rate_of(&lab.bottleneck.between(from, until), from, until) / bits);
    }
    println!("a slower and a faster line: {reached:.2?}");
    if is_asked_for() && busy.idle_since() >= IDLE_ENOUGH {
        assert!(reached.iter().all(|share| *share > 0.8), "{reached:?}");
    }
}
