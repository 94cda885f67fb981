//! The governor before a server that speaks HTTP/2 only: each answer has a connection of its own there, too, so that it is seen and
//! held as any other. What the windows of HTTP/2 let through on top is told, and others are left no less than by a plain limit.

use std::time::Duration;

use super::{HOME, LINE, Lab, bottleneck, flow, is_asked_for, mean, net};
use crate::support::machine::Machine;
use crate::support::real::{Kind, Options, require};
use crate::support::tls::Identity;

/// Where the server of HTTP/2 is, beside the one that it asks.
const BESIDE: &str = "10.77.0.4";

#[test]
fn before_a_server_of_http_2_only_it_steps_aside_and_says_what_it_speaks() {
    if !net::is_possible() {
        return;
    }
    let _alone = LINE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut lab = Lab::new(HOME);
    lab.machine = Machine::with_agent();
    lab.far.ip(&["addr", "add", &format!("{BESIDE}/24"), "dev", "wan"]);
    let identity = Identity::of(&[BESIDE]);
    let options = Options {
        identity: Some(&identity),
        // What comes from this port is the background's share of the line.
        at: format!("{BESIDE}:{}", bottleneck::BACKGROUND).parse().ok(),
        behind: format!("{}:{}", net::SERVER, bottleneck::BACKGROUND).parse().ok(),
        ..Options::default()
    };
    let Some(server) = lab.far.inside(|| require(Kind::Haproxy, options)) else { return };
    let authority = lab.machine.put("ca.pem", &identity.authority_pem).display().to_string();
    lab.add_from(&server.url("big"), &["--ca", &authority]);
    std::thread::sleep(Duration::from_secs(5));
    let alone = lab.share_of_last(Duration::from_secs(2));
    let shown = lab.machine.run(&["show", "1"]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    let halves = if is_asked_for() { 24 } else { 12 };
    let rates: Vec<f64> =
        flow::by_halves(&lab.here, halves).into_iter().map(|rate| rate / lab.kind.down).collect();
    let kept = mean(&rates);
    // Gone from the line, it comes back.
    std::thread::sleep(Duration::from_secs(3));
    let again = lab.share_of_last(Duration::from_secs(1));
    println!(
        "alone {alone:.2} of the line, {again:.2} again; the foreground has {kept:.2} of it: {rates:.2?}"
    );
    assert!(shown.contains("speaks HTTP/2 only"), "it does not say so: {shown}");
    assert!(alone > 0.0, "the background stands still");
    if is_asked_for() {
        assert!(alone >= 0.9 && again >= 0.8, "it has {alone:.2} of the line alone, and {again:.2} again");
        assert!(kept >= 0.9, "the foreground has {kept:.2} of the line");
    }
}
