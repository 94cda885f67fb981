//! A long line that loses a packet in a thousand: many connections make up for what each one gives away.

use std::time::{Duration, Instant};

use super::bottleneck::{self, Kind};
use super::flow;
use super::net::{self, SERVER};
use super::{HOME, IDLE_ENOUGH, LINE, Lab, Processors, is_asked_for, median};
use crate::support::real;

/// Bytes of the file.
const SIZE: u64 = 64 << 20;
/// 200 Mbit/s and 80 ms there and back, with a buffer of 20 ms and a loss of 0.1 %, to a server on cubic.
const LOSSY: Kind = Kind {
    name: "200 Mbit/s, 80 ms, 0.1 % loss",
    down: 200e6,
    up: 200e6,
    delay: Duration::from_millis(40),
    buffer: 500_000,
    loss: 0.001,
    ..HOME
};

#[test]
fn sixteen_connections_fill_a_line_that_loses_packets() {
    if !is_asked_for() {
        println!("HAUL_LAB=lossy runs it");
        return;
    }
    if !net::is_possible() {
        return;
    }
    let _alone = LINE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let lab = Lab::of_size(LOSSY, SIZE);
    let single = flow::bulk(&lab.here, Duration::from_secs(5));
    println!(
        "one connection of another program: {:.1} Mbit/s, {:.1} s for all of it",
        single / 1e6,
        SIZE as f64 * 8.0 / single
    );
    if real::find("aria2c").is_some() {
        for round in 0..3 {
            let url = format!("http://{SERVER}:{}/big?a{round}", bottleneck::BACKGROUND);
            let mut command = lab.here.command();
            command.args(["aria2c", "-q", "-x16", "-s16", "-k1M", "--file-allocation=none", "-o"]);
            command.arg(format!("aria{round}.bin")).arg(url).current_dir(lab.machine.downloads());
            let begun = Instant::now();
            assert!(command.status().unwrap().success());
            println!("aria2 -x16: {:.2?}", begun.elapsed());
        }
    }
    let busy = Processors::now();
    let mut took = Vec::new();
    for round in 0..5 {
        let url = format!("http://{SERVER}:{}/big?{round}", bottleneck::BACKGROUND);
        let name = format!("{round}.bin");
        let words = ["get", "--mode", "background", "--priority", "now", "-n", "16", "-o", &name, &url];
        let begun = Instant::now();
        let outcome = lab.machine.spawn_under(lab.here.command(), &words).wait();
        took.push(begun.elapsed());
        if std::env::var_os("HAUL_LAB_TIMELINE").is_some() {
            let moments = lab.bottleneck.between(begun, Instant::now());
            let rates: Vec<_> = moments
                .chunks(10)
                .map(|span| span.iter().map(|moment| moment.background).sum::<u64>() as f64 * 8.0 / 0.2 / 1e6)
                .collect();
            println!("{rates:.0?}");
        }
        assert!(outcome.status.success(), "{}", outcome.told());
        assert_eq!(std::fs::metadata(lab.machine.file(&name)).unwrap().len(), SIZE);
    }
    println!("haul -n 16: {took:.2?}; {:.2} of the processors was idle", busy.idle_since());
    if busy.idle_since() >= IDLE_ENOUGH {
        let middle = median(took.iter().copied());
        assert!(middle < Duration::from_secs(4), "64 MiB took {middle:?}: {took:?}");
    }
}
