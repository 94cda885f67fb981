//! What a way sees and does, in words and numbers, for people.

use std::time::Instant;

use super::super::is_on_this_machine;
use super::{Lane, Road, Way, micros, whole};
use crate::kernel::governor::{Ease, Line, Rival, Scarce, Stance};
use crate::model::view::Politeness;

impl Way {
    /// What one of its connections is told with.
    pub(super) fn tell(&self, now: Instant, road: &Road, lane: &Lane, ease: Ease) -> Politeness {
        let line = &road.line;
        let mut missing = Vec::new();
        if self.is_blind() {
            missing.push("its connections tell nothing: it paces what it reads".to_owned());
        }
        if !line.is_counted() {
            missing
                .push("the interface counts nothing: other programs are known by the delay only".to_owned());
        }
        if !self.has_probe && !self.is_blind() {
            missing.push("no echo: a queue for each flow can't be told from a queue for all".to_owned());
        }
        if self.path.jitters() && !self.is_blind() {
            missing.push(
                "round trips differ all the time, as by radio: a short queue of others can't be told from that"
                    .to_owned(),
            );
        }
        if lane.connection.ends.proxied {
            let text = if is_on_this_machine(&lane.connection.ends) {
                "the way ends at the proxy on this machine: what that has taken ahead comes on for seconds"
            } else {
                "the way ends at the proxy: what is behind it is not seen"
            };
            missing.push(text.to_owned());
        }
        if lane.connection.ends.has_own_window {
            missing.push(
                "the server speaks HTTP/2 only: up to a window of that still comes when it stops reading"
                    .to_owned(),
            );
        }
        let stance = if self.is_blind() { None } else { self.grant.map(|grant| grant.stance) };
        Politeness {
            doing: eased_words(ease).unwrap_or_else(|| words(stance, line)).to_owned(),
            aside: ease != Ease::Full || matches!(stance, Some(Stance::Yield(_))),
            base_us: self.path.base().filter(|_| !self.is_blind()).map(micros),
            delay_us: (!self.is_blind()).then(|| micros(self.path.queue(now))),
            line: Some(whole(line.reached())).filter(|rate| *rate > 0),
            line_is_known: line.capacity().is_some(),
            rate: whole(if self.is_blind() { self.rate() } else { self.path.rate(now) }),
            others: line.is_counted().then(|| whole(line.others())),
            window: self.grant.map(|grant| whole(grant.window)).filter(|_| !self.is_blind()),
            per_flow: self.path.is_per_flow(),
            missing,
            moments: self.moments.iter().copied().collect(),
        }
    }
}

/// What it does where others go short, in words.
fn eased_words(ease: Ease) -> Option<&'static str> {
    match ease {
        Ease::Full => None,
        Ease::Half(scarce) | Ease::Trickle(scarce) => Some(match scarce {
            Scarce::Processor => "leaves the processor to other programs, which wait for it",
            Scarce::Disk => "leaves the disk to other programs, which wait for it",
            Scarce::Memory => "takes less, for other programs wait for memory",
        }),
    }
}

/// What it does, in words.
fn words(stance: Option<Stance>, line: &Line) -> &'static str {
    match stance {
        None => "keeps to a pace: it can't see the line well",
        Some(Stance::Yield(Rival::Here)) => "steps aside for another program on this machine",
        Some(Stance::Yield(Rival::Elsewhere)) => "steps aside for somebody else on the line",
        Some(_) if line.is_shared() => "uses what other programs leave of the line",
        Some(Stance::Ramp) => "finds out what the line carries",
        Some(Stance::Cruise) => "has the line to itself",
        Some(Stance::Verify) => "makes sure that the queue is its own",
        Some(Stance::Drain) => "empties its queue to see how long the way is",
    }
}
