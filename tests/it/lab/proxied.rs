//! The governor behind a proxy: on another machine it sees the way as far as that one, on this machine only what the interface
//! counts. It says so, and leaves others no less than a plain limit does: behind a proxy on this machine as soon as what that
//! has buffered is through.

use std::time::Duration;

use super::{HOME, LINE, Lab, bottleneck, flow, is_asked_for, mean, net};
use crate::support::machine::Machine;
use crate::support::proxy::{Proxy, Speaks};

/// Where the proxy is that stands beside the server.
const BESIDE: &str = "10.77.0.4";

#[test]
fn behind_a_proxy_it_steps_aside_and_says_what_it_can_not_see() {
    if !net::is_possible() {
        return;
    }
    let _alone = LINE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    for is_here in [true, false] {
        // The gate takes the one that is harder to see through; the other is for who asks.
        if !is_here && !is_asked_for() {
            continue;
        }
        let mut lab = Lab::new(HOME);
        lab.machine = Machine::with_agent();
        lab.here.ip(&["route", "add", "default", "dev", "wan"]);
        lab.far.ip(&["addr", "add", &format!("{BESIDE}/24"), "dev", "wan"]);
        let (space, at) = if is_here {
            (&lab.here, "127.0.0.1:0".to_owned())
        } else {
            // What comes from this port is the background's share of the line.
            (&lab.far, format!("{BESIDE}:{}", bottleneck::BACKGROUND))
        };
        let proxy = space.inside(|| Proxy::start_at(Speaks::Http, &at));
        lab.add(&["--proxy", &format!("http://{}", proxy.address())]);
        std::thread::sleep(Duration::from_secs(5));
        let alone = lab.share_of_last(Duration::from_secs(2));
        let shown = lab.machine.run(&["show", "1"]);
        let shown = String::from_utf8(shown.stdout).unwrap();
        // Half seconds in which the foreground is there.
        let halves = if is_asked_for() { 24 } else { 16 };
        let rates: Vec<f64> =
            flow::by_halves(&lab.here, halves).into_iter().map(|rate| rate / lab.kind.down).collect();
        // What a proxy on this machine has taken ahead has to come first.
        let settled = mean(&rates[if is_here { rates.len() / 2 } else { 0 }..]);
        println!(
            "the proxy is here: {is_here}; alone {alone:.2}; the foreground has {settled:.2} of the line: {rates:.2?}"
        );
        space.inside(|| drop(proxy));
        assert!(shown.contains("not seen") && shown.contains("at the proxy"), "it does not say so: {shown}");
        assert!(alone > 0.0, "the background stands still");
        // A plain limit at half of the line leaves others half of it; on a busy machine nothing can be told.
        if is_asked_for() {
            assert!(settled >= 0.5, "the foreground has {settled:.2} of the line");
        }
    }
}
