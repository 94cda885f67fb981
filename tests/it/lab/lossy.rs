//! A long line that loses a packet in a thousand: many connections make up for what each one gives away.

use std::sync::PoisonError;
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

/// How long it may take at most, where it can't be compared with another program in the same run.
const AT_MOST: Duration = Duration::from_millis(4800);

#[test]
fn sixteen_connections_fill_a_line_that_loses_packets() {
    if !is_asked_for() {
        println!("HAUL_LAB=lossy runs it");
        return;
    }
    if !net::is_possible() {
        return;
    }
    let _alone = LINE.lock().unwrap_or_else(PoisonError::into_inner);
    let lab = Lab::of_size(LOSSY, SIZE);
    let single = flow::bulk(&lab.here, Duration::from_secs(5));
    println!("one connection: {:.1} Mbit/s, {:.1} s for all of it", single / 1e6, SIZE as f64 * 8.0 / single);
    let busy = Processors::now();
    let has_aria = real::find("aria2c").is_some();
    let (mut took, mut others) = (Vec::new(), Vec::new());
    for round in 0..5 {
        let url = format!("http://{SERVER}:{}/big?{round}", bottleneck::BACKGROUND);
        if has_aria {
            let mut command = lab.here.command();
            command.args(["aria2c", "-q", "-x16", "-s16", "-k1M", "--file-allocation=none", "-o"]);
            command.arg(format!("aria{round}.bin")).arg(&url).current_dir(lab.machine.downloads());
            let begun = Instant::now();
            assert!(command.status().unwrap().success());
            others.push(begun.elapsed());
        }
        let name = format!("{round}.bin");
        let begun = Instant::now();
        let words = ["get", "--priority", "now", "-n", "16", "-o", &name, &url];
        let outcome = lab.machine.spawn_under(lab.here.command(), &words).wait();
        took.push(begun.elapsed());
        assert!(outcome.status.success(), "{}", outcome.told());
        assert_eq!(std::fs::metadata(lab.machine.file(&name)).unwrap().len(), SIZE);
    }
    let idle = busy.idle_since();
    println!("haul -n 16: {took:.2?}; aria2 -x16: {others:.2?}; {idle:.2} of the processors was idle");
    if idle < IDLE_ENOUGH {
        return;
    }
    let middle = median(took.iter().copied());
    assert!(middle < AT_MOST, "64 MiB took {middle:?}: {took:?}");
    if has_aria {
        let other = median(others.iter().copied());
        assert!(middle < other, "64 MiB took {middle:?}, and {other:?} with aria2: {took:?}, {others:?}");
    }
}
