//! `kill -9` at random moments, again and again, until the file is whole.

use toml::toml;

use crate::agent;
use crate::support::content::{Held, first_difference};
use crate::support::machine::{Machine, wait_until_free};
use crate::support::site::Site;

const SIZE: u64 = 16 << 20;
/// What one connection may fetch again of what was on disk: the last write, which may not be noted.
const AGAIN: u64 = 512 << 10;
/// How many downloads are killed over and over.
const ROUNDS: usize = 6;
/// A download that is killed more often than this gets nowhere.
const MOST_KILLS: usize = 60;

#[test]
fn a_download_killed_at_random_bytes_loses_no_more_than_what_was_on_its_way() {
    let seed = std::env::var("HAUL_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    // Whoever sees a failure needs the seed to see it again.
    eprintln!("HAUL_TEST_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    for round in 0..ROUNDS {
        let connections = [1, 4][round % 2];
        kill_until_whole(
            &mut random,
            connections,
            &format!("round {round}, {connections} connections, seed {seed}"),
        );
    }
}

#[test]
fn nothing_is_on_disk_of_a_download_that_the_store_does_not_know_yet() {
    let (site, machine) = (Site::start(None), Machine::new());
    site.serve("file.bin", toml! { size = "3 MiB" });
    let args = ["get", &site.fill("{site}/file.bin"), "-n", "1"];
    // The store is made, and then kept busy: what is added waits.
    machine.run(&["list"]);
    let busy = rusqlite::Connection::open(machine.state().join("haul.db")).unwrap();
    busy.execute_batch("BEGIN IMMEDIATE").unwrap();
    site.hold_after(64 << 10);
    let mut running = machine.spawn(&args);
    assert!(site.wait_until_held(|| running.is_over()));
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(machine.names(), Vec::<String>::new());
    running.kill();
    drop(busy);
    site.release();
    let outcome = machine.get(&args[1..]);
    assert!(outcome.status.success(), "{}", outcome.told());
    assert_eq!(machine.names(), ["file.bin"], "{}", outcome.told());
}

fn kill_until_whole(random: &mut fastrand::Rng, connections: u64, told: &str) {
    let (site, machine) = (Site::start(None), Machine::new());
    site.serve("file.bin", toml! { size = "16 MiB" });
    let content = site.content("file.bin").unwrap();
    let part = machine.file("file.bin.part");
    let args = ["get", &site.fill("{site}/file.bin"), "-n", &connections.to_string()];
    for _ in 0..MOST_KILLS {
        let held = Held::of(&part, &content);
        site.forget();
        site.hold_after(random.u64(1..SIZE / 3));
        let mut running = machine.spawn(&args);
        let is_held = site.wait_until_held(|| running.is_over());
        let outcome = if is_held { running.kill() } else { running.wait() };
        site.release();
        let again: u64 = site.log().iter().map(|seen| held.overlap(seen.first, seen.sent)).sum();
        let most = connections * AGAIN;
        assert!(
            again <= most,
            "{again} of {} bytes on disk came again; {told}: {}",
            held.len(),
            outcome.told()
        );
        if is_held {
            continue;
        }
        assert!(outcome.status.success(), "{told}: {}", outcome.told());
        let whole = std::fs::read(machine.file("file.bin")).unwrap();
        assert_eq!(first_difference(&whole, &content), None, "{told}: {}", outcome.told());
        assert_eq!(machine.names(), ["file.bin"], "{told}");
        return;
    }
    panic!("killed {MOST_KILLS} times and not whole yet; {told}");
}

#[test]
fn the_part_of_a_removed_download_goes_after_a_kill_and_that_of_one_that_was_taken_back_stays() {
    let (site, machine) = (Site::start(None), Machine::with_agent());
    site.serve("file.bin", toml! { size = "8 MiB" });
    site.hold_after(4 << 20);
    let url = site.fill("{site}/file.bin");
    let folder = machine.downloads().display().to_string();
    let haul = |args: &[&str]| {
        let outcome = machine.run(args);
        assert!(outcome.status.success(), "{args:?}: {}", outcome.told());
    };
    let kill = || {
        agent::kill(agent::agent(&machine));
        wait_until_free(&machine.state());
    };
    haul(&["add", "-d", &folder, "-n", "1", &url]);
    assert!(site.wait_until_held(|| false));
    haul(&["pause", "1"]);
    haul(&["remove", "1"]);
    haul(&["undo"]);
    haul(&["list"]);
    kill();
    haul(&["list"]);
    assert!(machine.names().contains(&"file.bin.part".to_owned()), "{:?}", machine.names());
    haul(&["remove", "1"]);
    // What was asked for by then is written down.
    haul(&["list"]);
    kill();
    haul(&["list"]);
    assert_eq!(machine.names(), Vec::<String>::new());
    site.release();
}
