//! A limit on the wire: what the bottleneck carries follows it at once, and nothing is taken ahead that comes in a burst.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::{HOME, IDLE_ENOUGH, LINE, Lab, Processors, is_asked_for, net, rate_of};
use crate::support::machine::Machine;

/// 500 kB/s in bits a second.
const LIMIT: f64 = 4e6;

#[test]
fn a_limit_holds_on_the_line_at_once_and_is_over_at_once() {
    if !net::is_possible() {
        return;
    }
    let _alone = LINE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    for way in ["normal", "now"] {
        let mut lab = Lab::new(HOME);
        lab.machine = Machine::with_agent();
        lab.add(&[]);
        let haul = |words: &[&str]| {
            let outcome = lab.machine.run(words);
            assert!(outcome.status.success(), "{}", outcome.told());
        };
        haul(&["priority", way, "1"]);
        let rate_from = |from: Instant, length: Duration| {
            std::thread::sleep(length);
            let until = Instant::now();
            rate_of(&lab.bottleneck.between(from, until), from, until)
        };
        let busy = Processors::now();
        std::thread::sleep(Duration::from_secs(4));
        haul(&["limit", "1", "500kB/s"]);
        // What is on its way, and in the line's own queue, comes still.
        std::thread::sleep(Duration::from_millis(500));
        let limited = rate_from(Instant::now(), Duration::from_secs(2)) / LIMIT;
        let shown = lab.machine.run(&["show", "1", "--json"]);
        let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
        let doing = shown["politeness"]["doing"].as_str();
        let begin = Instant::now();
        haul(&["limit", "1", "none"]);
        let back = loop {
            let rate = rate_from(Instant::now(), Duration::from_millis(200));
            if rate > 0.8 * HOME.down || begin.elapsed() > Duration::from_secs(10) {
                break begin.elapsed();
            }
        };
        println!("{way}: {limited:.2} of the limit on the line, and the whole line again after {back:.1?}");
        // Headers of packets are no bytes of a file, and what had come by then is read first.
        assert!(limited < 1.5, "{way}: the line carries {limited:.2} of the limit");
        if way == "normal" {
            assert_eq!(doing, Some("keeps to a limit"));
        }
        if is_asked_for() && busy.idle_since() >= IDLE_ENOUGH {
            assert!(limited > 0.4 && back < Duration::from_secs(3), "{way}: {limited:.2}, {back:.1?}");
        }
    }
}
