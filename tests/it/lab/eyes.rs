//! The governor without one of its eyes: it goes on with what is left, leaves most of the line to others, and says what it can't see.
//! And a mode that is switched while the line is busy: how soon that is felt.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{HOME, LINE, Lab, bottleneck, is_asked_for, net, rate_of};
use crate::lab::flow;
use crate::lab::net::SERVER;
use crate::support::line::Line;
use crate::support::machine::Machine;

impl Lab {
    /// A lab whose downloads belong to an agent in it, with the first of them begun.
    fn with_agent(variables: &[(&str, &str)]) -> Self {
        let mut lab = Self::new(HOME);
        lab.machine = Machine::with_agent();
        for (name, value) in variables {
            lab.machine.set(name, value);
        }
        lab.add(&[]);
        lab
    }

    /// Adds a background download.
    pub(super) fn add(&self, more: &[&str]) {
        self.add_from(&format!("http://{SERVER}:{}/big", bottleneck::BACKGROUND), more);
    }

    /// Adds a background download from an address.
    pub(super) fn add_from(&self, url: &str, more: &[&str]) {
        let words = [&["add", url, "--priority", "low", "-n", "2"], more].concat();
        let added = self.machine.spawn_under(self.here.command(), &words).wait();
        assert!(added.status.success(), "{}", added.told());
    }

    /// What background gets of the line in a span that ends now.
    pub(super) fn share_of_last(&self, span: Duration) -> f64 {
        let until = Instant::now();
        let from = until.checked_sub(span).unwrap();
        rate_of(&self.bottleneck.between(from, until), from, until) / self.kind.down
    }

    /// How long it takes until background has that share of the line, over a fifth of a second.
    fn until(&self, is_so: impl Fn(f64) -> bool) -> Option<Duration> {
        let began = Instant::now();
        let span = Duration::from_millis(200);
        while began.elapsed() < Duration::from_secs(6) {
            std::thread::sleep(Duration::from_millis(20));
            if began.elapsed() >= span && is_so(self.share_of_last(span)) {
                return Some(began.elapsed());
            }
        }
        None
    }
}

#[test]
fn without_one_of_its_eyes_it_still_steps_aside_and_says_what_it_can_not_see() {
    if !net::is_possible() {
        return;
    }
    let _alone = LINE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let all = [
        ("sockets", &["its connections tell nothing"][..]),
        ("counters", &["counts nothing"]),
        ("probe", &["echo"]),
        ("sockets,counters,probe", &["its connections tell nothing", "counts nothing"]),
    ];
    for (without, told) in all {
        // The gate takes the worst of them; the others are for who asks.
        if without != "sockets,counters,probe" && !is_asked_for() {
            continue;
        }
        let lab = Lab::with_agent(&[("HAUL_TEST_WITHOUT", without)]);
        std::thread::sleep(Duration::from_secs(4));
        let alone = lab.share_of_last(Duration::from_secs(2));
        let shown = lab.machine.run(&["show", "1"]);
        let shown = String::from_utf8(shown.stdout).unwrap();
        let kept = flow::bulk(&lab.here, Duration::from_secs(4)) / lab.kind.down;
        println!("without {without}: alone {alone:.2}, the foreground has {kept:.2} of the line");
        if is_asked_for() && without == "sockets,counters,probe" {
            // Nothing is left to see by: then it is as good as a limit at half of the line.
            assert!(lab.machine.run(&["pause", "all"]).status.success());
            let plain = std::thread::scope(|scope| {
                scope.spawn(|| flow::limited(&lab.here, lab.kind.down / 2.0, Duration::from_secs(8)));
                std::thread::sleep(Duration::from_secs(4));
                flow::bulk(&lab.here, Duration::from_secs(4)) / lab.kind.down
            });
            println!("beside a plain limit at half of the line it has {plain:.2}");
            assert!(
                kept >= 0.95 * plain,
                "the foreground has {kept:.2}, and {plain:.2} beside a plain limit"
            );
        }
        for word in told {
            assert!(shown.contains("not seen") && shown.contains(word), "no {word:?}: {shown}");
        }
        assert!(alone > 0.0, "without {without} the background stands still");
        // A plain limit at half of the line leaves others half of it; on a busy machine less than that can be told.
        let least = if is_asked_for() { 0.5 } else { 0.2 };
        assert!(kept >= least, "without {without} the foreground has {kept:.2} of the line");
    }
}

#[test]
fn a_switched_mode_is_felt_at_once() {
    if !net::is_possible() || !is_asked_for() {
        println!("HAUL_LAB=all measures it");
        return;
    }
    let _alone = LINE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let lab = Lab::with_agent(&[]);
    // A real-time download stays with who asked for it.
    let mut line = Line::hello(&lab.machine.state().join("agent.sock"), "lab");
    let mut switch = |mode: &str| {
        let act = json!({ "select": { "ids": [1] }, "act": { "do": "set_mode", "mode": mode } });
        line.get("act", &act);
    };
    let limit = |rate: &str| {
        let outcome = lab.machine.run(&["limit", "background", rate]);
        assert!(outcome.status.success(), "{}", outcome.told());
    };
    std::thread::sleep(Duration::from_secs(3));
    // Where only our own plan held it back it has the line at once.
    limit("500k");
    std::thread::sleep(Duration::from_secs(2));
    let before = lab.share_of_last(Duration::from_secs(1));
    switch("real-time");
    let up = lab.until(|share| share > 0.9);
    switch("background");
    let down = lab.until(|share| share < 0.15);
    println!("limited {before:.2}; in real time over 0.9 after {up:.2?}; limited again after {down:.2?}");
    assert!(up.is_some_and(|up| up < Duration::from_secs(1)), "{up:?}");
    assert!(down.is_some_and(|down| down < Duration::from_secs(2)), "{down:?}");
    limit("none");
    std::thread::sleep(Duration::from_secs(3));
    // Beside a rival that fills the buffer it has at least what somebody else would have who came in that moment.
    let halves = 6;
    let rates = std::thread::scope(|scope| {
        scope.spawn(|| flow::bulk(&lab.here, Duration::from_secs(10)));
        std::thread::sleep(Duration::from_secs(3));
        switch("real-time");
        let rates: Vec<f64> = (0..halves)
            .map(|_| {
                std::thread::sleep(Duration::from_millis(500));
                lab.share_of_last(Duration::from_millis(500))
            })
            .collect();
        switch("background");
        let down = lab.until(|share| share < 0.15);
        println!("beside a rival, in real time {rates:.2?}; aside again after {down:.2?}");
        assert!(down.is_some_and(|down| down < Duration::from_secs(2)), "{down:?}");
        rates
    });
    lab.machine.run(&["pause", "all"]);
    let newcomer: Vec<f64> = std::thread::scope(|scope| {
        scope.spawn(|| flow::bulk(&lab.here, Duration::from_secs(7)));
        std::thread::sleep(Duration::from_secs(3));
        flow::by_halves(&lab.here, halves).into_iter().map(|rate| rate / lab.kind.down).collect()
    });
    println!("another program that comes in that moment: {newcomer:.2?}");
    let (ours, theirs) = (super::mean(&rates), super::mean(&newcomer));
    assert!(ours >= 0.8 * theirs, "{ours:.2} of the line, where a newcomer has {theirs:.2}");
}
