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
        let url = format!("http://{SERVER}:{}/big", bottleneck::BACKGROUND);
        let added = lab
            .machine
            .spawn_under(lab.here.command(), &["add", &url, "--priority", "low", "-n", "2"])
            .wait();
        assert!(added.status.success(), "{}", added.told());
        lab
    }

    /// What background gets of the line in a span that ends now.
    fn share_of_last(&self, span: Duration) -> f64 {
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
        for word in told {
            assert!(shown.contains("not seen") && shown.contains(word), "no {word:?}: {shown}");
        }
        assert!(alone > 0.0, "without {without} the background stands still");
        // A plain download of two connections would leave a third of it; on a busy machine less than that can be told.
        let least = match (is_asked_for(), without) {
            (true, "sockets,counters,probe") => 0.34,
            (true, _) => 0.7,
            (false, _) => 0.2,
        };
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
    std::thread::sleep(Duration::from_secs(3));
    std::thread::scope(|scope| {
        scope.spawn(|| flow::bulk(&lab.here, Duration::from_secs(14)));
        std::thread::sleep(Duration::from_secs(3));
        let aside = lab.share_of_last(Duration::from_secs(1));
        let mut line = Line::hello(&lab.machine.state().join("agent.sock"), "lab");
        let select = json!({ "ids": [1] });
        line.get("act", &json!({ "select": select, "act": { "do": "set_mode", "mode": "real-time" } }));
        // Against a sender that fills the buffer a new connection gets what any newcomer gets: its share grows over seconds.
        let up = lab.until(|share| share > 0.1);
        std::thread::sleep(Duration::from_secs(2));
        let front = lab.share_of_last(Duration::from_secs(1));
        line.get("act", &json!({ "select": select, "act": { "do": "set_mode", "mode": "background" } }));
        let down = lab.until(|share| share < 0.15);
        println!(
            "aside {aside:.2}; in real time over 0.1 after {up:?}, then {front:.2}; aside again after {down:?}"
        );
        assert!(up.is_some_and(|up| up < Duration::from_secs(3)), "{up:?}");
        assert!(down.is_some_and(|down| down < Duration::from_secs(2)), "{down:?}");
    });
}
