//! Many clients and many downloads: everybody ends with the same, right list, and the agent stays small.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use haul::client::local::Local;
use haul::client::{Client, Updates};
use haul::engine::Holder;
use haul::model::id::{DownloadId, OwnerKey};
use haul::model::item::{Extras, Mode, NewDownload, Priority};
use haul::model::request::{Act, Batch, Reply, Request};
use haul::model::selector::Selector;
use haul::model::view::DownloadRow;

use crate::support::machine::Machine;

/// Clients at once.
const CLIENTS: usize = 200;
/// Downloads that change.
const DOWNLOADS: usize = 1000;
/// How often all of them change.
const ROUNDS: u64 = if cfg!(debug_assertions) { 4 } else { 20 };
/// A long list; an unoptimised build has less patience.
const LONG: usize = if cfg!(debug_assertions) { 20_000 } else { 100_000 };

type Rows = BTreeMap<DownloadId, DownloadRow>;

fn on_one_thread(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, test);
}

async fn connect(machine: &Machine, key: usize) -> Client {
    let state = machine.state();
    let find = Box::new(move || Holder::read(&state).socket.unwrap());
    Client::open(Box::new(Local::new(find, None)), OwnerKey(format!("key {key}")), None).await.unwrap()
}

fn batch(count: usize, machine: &Machine) -> Batch {
    let new = |number: usize| NewDownload {
        url: format!("http://127.0.0.1:9/a/rather/long/path/to/file-{number}.bin").parse().unwrap(),
        folder: machine.downloads(),
        name: None,
        mode: Mode::Background,
        priority: Priority::Normal,
        collection: None,
        again: false,
        settings: 0,
        extras: Extras::default(),
    };
    Batch { downloads: (0..count).map(new).collect(), settings: Vec::new() }
}

/// Follows until the list is as it is to be in the end, or for so many updates.
async fn follow(updates: &mut Updates, rows: &mut Rows, is_last: impl Fn(&Rows, bool) -> bool) {
    loop {
        let update = updates.next().await.unwrap();
        rows.extend(update.rows.into_iter().map(|row| (row.id, row)));
        update.removed.iter().for_each(|id| drop(rows.remove(id)));
        if is_last(rows, update.more) {
            return;
        }
    }
}

async fn listed(client: &Client) -> Rows {
    match client.call(Request::List { select: Selector::everything() }).await.unwrap() {
        Reply::Rows(rows) => rows.into_iter().map(|row| (row.id, row)).collect(),
        other => panic!("{other:?}"),
    }
}

fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn two_hundred_clients_end_with_the_same_right_list_however_slow_they_are() {
    let machine = Machine::with_agent();
    assert!(machine.run(&["hold"]).status.success());
    let pid = Holder::read(&machine.state()).pid.unwrap();
    on_one_thread(async {
        let driver = connect(&machine, 0).await;
        driver.call(Request::Add(batch(DOWNLOADS, &machine))).await.unwrap();
        let mut clients = Vec::new();
        for key in 1..=CLIENTS {
            let client = connect(&machine, key).await;
            clients.push((client.subscribe().await.unwrap(), Rows::new()));
        }
        let mut peak = 0;
        for round in 1..=ROUNDS {
            let act =
                Act::SetPriority { priority: if round % 2 == 0 { Priority::High } else { Priority::Low } };
            driver.call(Request::Act { select: Selector::everything(), act }).await.unwrap();
            peak = peak.max(resident_kib(pid));
            // Half of them read as it goes; the others only at the end.
            for (updates, rows) in clients.iter_mut().step_by(2) {
                follow(updates, rows, |_, _| true).await;
            }
        }
        driver
            .call(Request::Act {
                select: Selector::everything(),
                act: Act::SetPriority { priority: Priority::Now },
            })
            .await
            .unwrap();
        let truth = listed(&driver).await;
        assert_eq!(truth.len(), DOWNLOADS);
        for (updates, rows) in &mut clients {
            let is_last = |rows: &Rows, _| {
                rows.len() == DOWNLOADS && rows.values().all(|row| row.priority == Priority::Now)
            };
            follow(updates, rows, is_last).await;
            assert!(*rows == truth, "a client has another list");
        }
        peak = peak.max(resident_kib(pid));
        // A queue for each client would take more than a gigabyte.
        assert!(peak < 200 * 1024, "{peak} KiB");
    });
}

#[test]
fn a_long_list_begins_at_once_and_is_soon_whole() {
    let machine = Machine::with_agent();
    assert!(machine.run(&["hold"]).status.success());
    on_one_thread(async {
        let client = connect(&machine, 0).await;
        let Reply::Added(added) = client.call(Request::Add(batch(LONG, &machine))).await.unwrap() else {
            panic!("not added")
        };
        assert_eq!(added.len(), LONG, "all pieces of a batch that is too big for one message");
        let reader = connect(&machine, 1).await;
        let begun = Instant::now();
        let mut updates = reader.subscribe().await.unwrap();
        let mut rows = Rows::new();
        follow(&mut updates, &mut rows, |_, _| true).await;
        let first = begun.elapsed();
        follow(&mut updates, &mut rows, |_, more| !more).await;
        let whole = begun.elapsed();
        assert_eq!(rows.len(), LONG);
        eprintln!("{LONG} downloads: the first page after {first:?}, all after {whole:?}");
        assert!(first < whole / 2, "the first page waited for the others");
        assert!(whole < Duration::from_secs(20), "{whole:?}");
    });
}
