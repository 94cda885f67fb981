//! What each way to download may do: the plan, the line, the power, the budget and a person's word, weighed against each other.
//!
//! The strictest counts. A person's hold stands over all of it; a person's go lifts what holds or limits just then, each until it
//! would have changed by itself.

use serde::{Deserialize, Serialize};

use super::schedule::Stand;
use crate::model::policy::{Battery, Cause, Leave, Period, Policy, Spent};
use crate::model::settings::Circumstances;
use crate::model::time::UnixMs;
use crate::model::way::{Way, Ways};

/// What is known of this moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// What the plan says.
    pub plan: Ways<Stand>,
    /// Whether the line is metered; nothing where nobody tells.
    pub metered: Option<bool>,
    /// The battery, while the machine runs on it.
    pub on_battery: Option<Battery>,
    /// What is used of each budget.
    pub budgets: Vec<Spent>,
    /// Whether those that tell of line and power are yet to be heard.
    pub unheard: bool,
}

/// What a person said. It outlives the process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Word {
    /// Everything is held.
    pub hold: Option<Hold>,
    /// The plan is lifted until then.
    pub no_plan: Option<UnixMs>,
    /// Budgets that are lifted, each until then.
    pub no_budgets: Vec<(Period, UnixMs)>,
    /// The line may be metered, as long as it is.
    pub metered_is_fine: bool,
    /// The battery may be low, as long as it is.
    pub battery_is_fine: bool,
}

/// A hold over everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hold {
    /// Until then; until it is released where nothing is said.
    pub until: Option<UnixMs>,
    /// Whether that is when the plan changes.
    pub by_plan: bool,
}

/// Something that holds or limits a way, or lets it run in spite of something.
#[derive(Clone, Copy, Debug)]
struct Reason {
    policy: Policy,
    cause: Cause,
    until: Option<UnixMs>,
    then: Policy,
}

/// When the plan changes next.
pub fn boundary(plan: &Ways<Stand>) -> Option<UnixMs> {
    plan.iter().filter_map(|(_, stand)| stand.until).min().map(moment)
}

impl Word {
    /// Holds everything. Where no moment is named, it holds until the plan changes, and for good where there is none.
    pub fn hold(facts: &Facts, until: Option<UnixMs>, for_good: bool) -> Self {
        let by_plan = until.is_none() && !for_good;
        let until = until.or_else(|| boundary(&facts.plan)).filter(|_| !for_good);
        Self { hold: Some(Hold { until, by_plan }), ..Self::default() }
    }

    /// Lets everything go on that is held or limited just now, but for a person's own hold.
    pub fn go(facts: &Facts, rules: &Circumstances) -> Self {
        let has_plan = facts.plan.iter().any(|(_, stand)| stand.policy != Policy::Run);
        // A plan that never changes is lifted for as long as anybody can wait.
        let end = boundary(&facts.plan).unwrap_or(UnixMs(i64::MAX));
        let used_up = facts.budgets.iter().filter(|spent| spent.is_used_up());
        Self {
            hold: None,
            no_plan: has_plan.then_some(end),
            no_budgets: used_up.map(|spent| (spent.period, spent.until)).collect(),
            metered_is_fine: facts.metered == Some(true),
            battery_is_fine: is_low(facts, rules),
        }
    }

    /// Forgets what is over: its time has come, or what it was about is no longer so.
    pub fn age(&mut self, facts: &Facts, rules: &Circumstances, now: UnixMs) {
        let is_over = |until: &UnixMs| *until <= now;
        // What lasts until the plan changes lasts no longer where the plan is another one by now, or the clock was wrong.
        if let Some(next) = boundary(&facts.plan) {
            self.no_plan = self.no_plan.map(|until| until.min(next));
            if let Some(hold) = self.hold.as_mut().filter(|hold| hold.by_plan) {
                hold.until = Some(hold.until.map_or(next, |until| until.min(next)));
            }
        }
        self.hold = self.hold.filter(|hold| !hold.until.as_ref().is_some_and(is_over));
        self.no_plan = self.no_plan.filter(|until| !is_over(until));
        let ends =
            |of: Period| facts.budgets.iter().find(|spent| spent.period == of).map(|spent| spent.until);
        for (period, until) in &mut self.no_budgets {
            *until = ends(*period).map_or(*until, |end| end.min(*until));
        }
        self.no_budgets.retain(|(_, until)| !is_over(until));
        if !facts.unheard {
            self.metered_is_fine &= facts.metered == Some(true);
            self.battery_is_fine &= is_low(facts, rules);
        }
    }

    /// The next moment at which any of it is over.
    pub fn next(&self) -> Option<UnixMs> {
        let budgets = self.no_budgets.iter().map(|(_, until)| *until);
        [self.hold.and_then(|hold| hold.until), self.no_plan].into_iter().flatten().chain(budgets).min()
    }
}

/// Says what each way may do.
pub fn decide(facts: &Facts, rules: &Circumstances, word: &Word) -> Ways<Leave> {
    Ways::each(|way| weigh(&reasons(way, facts, rules, word)))
}

fn reasons(way: Way, facts: &Facts, rules: &Circumstances, word: &Word) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if let Some(hold) = word.hold {
        reasons.push(Reason {
            policy: Policy::Hold,
            cause: Cause::Person,
            until: hold.until,
            then: Policy::Run,
        });
    }
    let stand = facts.plan.of(way);
    let until = stand.until.map(moment);
    match word.no_plan {
        Some(lifted) if stand.policy != Policy::Run => {
            let then = if until == Some(lifted) { stand.then } else { stand.policy };
            let until = Some(lifted).filter(|until| *until < UnixMs(i64::MAX));
            reasons.push(Reason { policy: Policy::Run, cause: Cause::Person, until, then });
        }
        _ if until.is_some() || stand.policy != Policy::Run => {
            reasons.push(Reason { policy: stand.policy, cause: Cause::Plan, until, then: stand.then });
        }
        _ => {}
    }
    let open = |policy, cause, is_fine: bool| Reason {
        policy: if is_fine { Policy::Run } else { policy },
        cause,
        until: None,
        then: Policy::Run,
    };
    if facts.metered == Some(true) {
        reasons.push(open(*rules.metered.ways.of(way), Cause::Metered, word.metered_is_fine));
    }
    if is_low(facts, rules) {
        let cause = Cause::Battery { percent: facts.on_battery.and_then(|battery| battery.percent) };
        reasons.push(open(*rules.battery.ways.of(way), cause, word.battery_is_fine));
    }
    for spent in facts.budgets.iter().filter(|spent| spent.is_used_up()) {
        let is_lifted = word.no_budgets.iter().any(|(period, _)| *period == spent.period);
        let policy = if is_lifted { Policy::Run } else { *rules.budget.ways.of(way) };
        let cause = Cause::Budget { period: spent.period };
        reasons.push(Reason { policy, cause, until: Some(spent.until), then: Policy::Run });
    }
    reasons
}

/// The strictest of all reasons, and what the others leave of it when it is over.
fn weigh(reasons: &[Reason]) -> Leave {
    let policy = reasons.iter().fold(Policy::Run, |policy, reason| policy.and(reason.policy));
    // Of several that say the same the one that ends last is told; of those that let it run, one in spite of which it does.
    let end = |reason: &&Reason| (reason.until.is_none(), reason.until, reason.cause != Cause::Plan);
    let Some(chief) = reasons.iter().filter(|reason| reason.policy == policy).max_by_key(end) else {
        return Leave::default();
    };
    let after = |until: UnixMs| {
        reasons.iter().fold(Policy::Run, |then, reason| {
            let is_over = reason.until.is_some_and(|end| end <= until);
            then.and(if is_over { reason.then } else { reason.policy })
        })
    };
    // What runs in spite of something tells when that ends, and goes on running after what is over without a change.
    let ends = reasons.iter().filter_map(|reason| reason.until);
    let change = ends.filter(|until| policy == Policy::Run && after(*until) != Policy::Run).min();
    let until = change.or(chief.until);
    let then = until.map(after);
    let is_silent = policy == Policy::Run && chief.cause == Cause::Plan;
    Leave { policy, cause: Some(chief.cause).filter(|_| !is_silent), until, then }
}

/// Whether the machine runs on a battery that is lower than the rule wants. One of which nothing is known is none.
fn is_low(facts: &Facts, rules: &Circumstances) -> bool {
    facts.on_battery.and_then(|battery| battery.percent).is_some_and(|percent| percent < rules.battery.below)
}

fn moment(at: jiff::Timestamp) -> UnixMs {
    UnixMs(at.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn at(hour: i64) -> UnixMs {
        UnixMs(hour * HOUR)
    }

    /// What the plan says of background: now, until which hour, then.
    fn planned(policy: Policy, until: i64, then: Policy) -> Facts {
        let until = jiff::Timestamp::from_millisecond(until * HOUR).ok();
        let plan = Ways { background: Stand { policy, until, then }, ..Ways::default() };
        Facts { plan, ..Facts::default() }
    }

    fn spent(period: Period, bytes: u64, until: i64) -> Spent {
        Spent { period, bytes, of: 100, until: at(until) }
    }

    #[expect(clippy::unnecessary_wraps, reason = "as the facts have it")]
    fn battery(percent: u8) -> Option<Battery> {
        Some(Battery { percent: Some(percent) })
    }

    /// How a way stands, with the hour for a moment.
    fn told(way: Way, facts: &Facts, word: &Word) -> String {
        let leave = *decide(facts, &Circumstances::default(), word).of(way);
        leave.said(way, |at| (at.0 / HOUR).to_string())
    }

    #[test]
    fn the_strictest_counts_and_says_what_comes_after_it() {
        use Policy::{Hold, Limit, Run};
        let word = Word::default();
        let metered = |facts| Facts { metered: Some(true), ..facts };
        let used_up = |facts, until| Facts { budgets: vec![spent(Period::Day, 100, until)], ..facts };
        for (way, facts, expected) in [
            (Way::Background, Facts::default(), "steps aside"),
            (Way::Background, planned(Run, 22, Hold), "steps aside, until 22, then on hold"),
            (Way::Background, planned(Hold, 18, Run), "on hold, by the plan, until 18, then steps aside"),
            (
                Way::Background,
                planned(Limit(5000), 18, Hold),
                "5.00 kB/s at most, by the plan, until 18, then on hold",
            ),
            (Way::Now, planned(Hold, 18, Run), "full speed"),
            (Way::Background, metered(Facts::default()), "on hold, on a metered line"),
            (Way::Now, metered(Facts::default()), "full speed, on a metered line"),
            // Nobody knows when a metered line ends, so that is told and not the plan.
            (Way::Background, metered(planned(Hold, 18, Run)), "on hold, on a metered line"),
            (
                Way::Background,
                used_up(Facts::default(), 24),
                "on hold, until 24, then steps aside: the budget of the day is used up",
            ),
            (
                Way::Background,
                used_up(planned(Hold, 18, Run), 24),
                "on hold, until 24, then steps aside: the budget of the day is used up",
            ),
            (
                Way::Background,
                used_up(planned(Hold, 30, Run), 24),
                "on hold, by the plan, until 30, then steps aside",
            ),
            (
                Way::Background,
                used_up(planned(Run, 22, Hold), 24),
                "on hold, until 24, then on hold: the budget of the day is used up",
            ),
            (
                Way::Background,
                Facts { budgets: vec![spent(Period::Day, 99, 24)], ..Facts::default() },
                "steps aside",
            ),
            (Way::Now, Facts { on_battery: battery(19), ..Facts::default() }, "on hold, on battery, 19 %"),
            (
                Way::RealTime,
                Facts { on_battery: battery(19), ..Facts::default() },
                "full speed, on battery, 19 %",
            ),
            (Way::Now, Facts { on_battery: battery(20), ..Facts::default() }, "full speed"),
            (Way::Now, Facts { on_battery: Some(Battery::default()), ..Facts::default() }, "full speed"),
        ] {
            assert_eq!(told(way, &facts, &word), expected, "{way:?} {facts:?}");
        }
    }

    #[test]
    fn a_hold_lasts_until_the_plan_changes_and_a_go_lifts_what_holds() {
        use Policy::{Hold, Run};
        let rules = Circumstances::default();
        let quiet = planned(Run, 22, Hold);
        let hold = Word::hold(&quiet, None, false);
        assert_eq!(told(Way::Background, &quiet, &hold), "on hold, by hand, until 22, then on hold");
        assert_eq!(told(Way::RealTime, &quiet, &hold), "on hold, by hand, until 22, then full speed");
        let named = Word::hold(&quiet, Some(at(1)), false);
        assert_eq!(told(Way::Background, &quiet, &named), "on hold, by hand, until 1, then steps aside");
        let for_good = Word::hold(&quiet, None, true);
        assert_eq!(told(Way::Background, &quiet, &for_good), "on hold, by hand");
        assert_eq!(
            told(Way::Background, &Facts::default(), &Word::hold(&Facts::default(), None, false)),
            "on hold, by hand"
        );

        let held = Facts {
            metered: Some(true),
            on_battery: battery(5),
            budgets: vec![spent(Period::Day, 100, 24)],
            ..planned(Hold, 18, Run)
        };
        let go = Word::go(&held, &rules);
        assert!(decide(&held, &rules, &go).iter().all(|(_, leave)| leave.policy == Run));
        assert_eq!(go.next(), Some(at(18)));
        assert_eq!(Word::go(&Facts::default(), &rules), Word::default());
        // The plan alone, lifted: then it says what it says.
        let again = planned(Hold, 18, Policy::Limit(5000));
        let go = Word::go(&again, &rules);
        assert_eq!(told(Way::RealTime, &again, &go), "full speed");
        assert_eq!(
            told(Way::Background, &again, &go),
            "steps aside, by hand, until 18, then 5.00 kB/s at most"
        );
    }

    #[test]
    fn a_word_is_over_when_its_time_has_come_or_what_it_was_about_is_gone() {
        let rules = Circumstances::default();
        let facts = Facts {
            metered: Some(true),
            on_battery: battery(5),
            budgets: vec![spent(Period::Month, 100, 50)],
            ..planned(Policy::Hold, 18, Policy::Run)
        };
        let mut word = Word::go(&facts, &rules);
        word.age(&facts, &rules, at(17));
        assert_eq!(word, Word::go(&facts, &rules));
        word.age(&facts, &rules, at(18));
        assert_eq!((word.no_plan, &word.no_budgets[..]), (None, &[(Period::Month, at(50))][..]));
        // Of a line that nobody tells of nobody knows whether it is the same when somebody does again.
        word.age(&Facts { metered: None, ..facts.clone() }, &rules, at(18));
        assert!(!word.metered_is_fine && word.battery_is_fine);
        word.age(&Facts { on_battery: None, ..facts }, &rules, at(50));
        assert_eq!(word, Word::default());
        // One that was said of a plan that is no more, or by a clock that was wrong, ends with the plan that there is.
        let for_ever = Facts::default();
        let mut word = Word { no_plan: Some(UnixMs(i64::MAX)), ..Word::default() };
        word.age(&for_ever, &rules, at(1));
        assert_eq!(word.no_plan, Some(UnixMs(i64::MAX)));
        word.age(&planned(Policy::Hold, 18, Policy::Run), &rules, at(1));
        assert_eq!(word.no_plan, Some(at(18)));
        // A budget that is lifted is that one.
        let both = |day| Facts {
            budgets: vec![spent(Period::Day, day, 24), spent(Period::Month, 100, 50)],
            ..Facts::default()
        };
        let word = Word::go(&both(0), &rules);
        assert_eq!(told(Way::Background, &both(0), &word).split(',').next(), Some("steps aside"));
        assert!(told(Way::Background, &both(100), &word).starts_with("on hold"));
        // What runs in spite of both tells of the one that matters; and of the plan, where that ends it.
        let word = Word::go(&both(100), &rules);
        assert_eq!(
            told(Way::Background, &both(100), &word),
            "steps aside, until 50, though the budget of the month is used up"
        );
        let planned = Facts { plan: planned(Policy::Run, 40, Policy::Hold).plan, ..both(100) };
        assert_eq!(
            told(Way::Background, &planned, &word),
            "steps aside, until 40, then on hold, though the budget of the month is used up"
        );
        // Before anybody has told of line and power nothing is known to be over.
        let mut word = Word { metered_is_fine: true, battery_is_fine: true, ..Word::default() };
        word.age(&Facts { unheard: true, ..Facts::default() }, &rules, at(1));
        assert!(word.metered_is_fine && word.battery_is_fine);
        word.age(&Facts::default(), &rules, at(1));
        assert_eq!(word, Word::default());
        let mut hold = Word::hold(&Facts::default(), Some(at(3)), false);
        hold.age(&Facts::default(), &rules, at(2));
        assert!(hold.hold.is_some());
        hold.age(&Facts::default(), &rules, at(3));
        assert_eq!(hold, Word::default());
    }
}
