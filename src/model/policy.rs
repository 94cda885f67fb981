//! What circumstances let each way to download do: run, run slower, or hold; why, until when, and what comes then.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::host::HostPattern;
use super::state::WaitReason;
use super::time::UnixMs;
use super::units::{ByteCount, ByteRate};
use super::way::{Way, Ways};

/// What downloads of one way may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// They run.
    #[default]
    Run,
    /// They run, all of them together with so many bytes per second at most.
    Limit(u64),
    /// They wait.
    Hold,
}

impl Policy {
    /// Returns the stricter of the two.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Hold, _) | (_, Self::Hold) => Self::Hold,
            (Self::Limit(one), Self::Limit(two)) => Self::Limit(one.min(two)),
            (Self::Run, limit) | (limit, Self::Run) => limit,
        }
    }

    /// The most that may come, where it is limited.
    pub fn rate(self) -> Option<u64> {
        match self {
            Self::Limit(rate) => Some(rate),
            Self::Run | Self::Hold => None,
        }
    }
}

impl Policy {
    /// What downloads of a way do under it: `5.00 kB/s at most`.
    pub fn said(self, way: Way) -> String {
        match self {
            // Nothing holds it back but its own manners.
            Self::Run if way == Way::Background => "steps aside".into(),
            Self::Run => "full speed".into(),
            Self::Limit(rate) => format!("{} at most", ByteRate(rate)),
            Self::Hold => "on hold".into(),
        }
    }
}

/// What a policy comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A person said so.
    Person,
    /// The weekly plan.
    Plan,
    /// The line is paid by the byte.
    Metered,
    /// The machine runs on its battery, with so many percent left.
    Battery {
        /// Percent, where known.
        percent: Option<u8>,
    },
    /// What was set aside for a day or a month is used up.
    Budget {
        /// Which.
        period: Period,
    },
}

/// What a budget is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// From midnight to midnight.
    Day,
    /// From one day of a month to the same of the next.
    Month,
}

impl Cause {
    /// What a download waits for that it holds.
    pub fn reason(self) -> WaitReason {
        match self {
            Self::Person => WaitReason::Held,
            Self::Plan => WaitReason::OutsidePlan,
            Self::Metered => WaitReason::Metered,
            Self::Battery { percent } => WaitReason::OnBattery { percent },
            Self::Budget { period } => WaitReason::BudgetSpent { period },
        }
    }
}

impl Period {
    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
        }
    }
}

impl Cause {
    /// What holds, in a word or two: `metered`. Without a cause it is a person.
    pub fn brief(of: Option<Self>) -> &'static str {
        match of {
            Some(Self::Person) | None => "by you",
            Some(Self::Plan) => "by the plan",
            Some(Self::Metered) => "metered",
            Some(Self::Battery { .. }) => "battery",
            Some(Self::Budget { .. }) => "budget",
        }
    }

    /// Whether its words say more than a few circumstances.
    fn is_sentence(self) -> bool {
        matches!(self, Self::Budget { .. })
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person => f.write_str("by hand"),
            Self::Plan => f.write_str("by the plan"),
            Self::Metered => f.write_str("on a metered line"),
            Self::Battery { percent: Some(percent) } => write!(f, "on battery, {percent} %"),
            Self::Battery { percent: None } => f.write_str("on battery"),
            Self::Budget { period } => write!(f, "the budget of the {} is used up", period.word()),
        }
    }
}

/// How one way stands: what its downloads may do, why, until when, and what comes then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leave {
    /// What they may do.
    pub policy: Policy,
    /// What it comes from; nothing where nothing holds or limits them, or they go on in spite of something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// Until when, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<UnixMs>,
    /// What they may do from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<Policy>,
}

impl Leave {
    /// Whether there is nothing to say about it.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// What comes after it, where that is anything to be told: what runs and goes on running is not. One hold after another is, as it
    /// lasts longer than was said.
    pub fn comes(&self) -> Option<Policy> {
        self.then.filter(|then| *then != self.policy || self.policy != Policy::Run)
    }

    /// Says of a way in one sentence how it stands; `at` writes a moment: `on hold, by the plan, until 18:00, then full speed`.
    pub fn said(&self, way: Way, at: impl Fn(UnixMs) -> String) -> String {
        let mut said = self.policy.said(way);
        if let Some(cause) = self.cause.filter(|cause| !cause.is_sentence()) {
            said = format!("{said}, {cause}");
        }
        if let Some(until) = self.until {
            said = format!("{said}, until {}", at(until));
            if let Some(then) = self.comes() {
                said = format!("{said}, then {}", then.said(way));
            }
        }
        if let Some(cause) = self.cause.filter(|cause| cause.is_sentence()) {
            let link = if self.policy == Policy::Run { ", though" } else { ":" };
            said = format!("{said}{link} {cause}");
        }
        said
    }
}

/// Speed limits, in bytes per second. What is not named is not touched; 0 takes a limit away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Speeds {
    /// Of everything together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<u64>,
    /// Of each way's downloads together.
    pub rates: Ways<Option<u64>>,
    /// Of all that comes from some hosts together.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub hosts: BTreeMap<HostPattern, u64>,
}

impl Speeds {
    /// Puts what `upper` names over these.
    pub fn put(&mut self, upper: &Self) {
        self.rate = upper.rate.or(self.rate);
        for way in Way::ALL {
            let own = self.rates.of_mut(way);
            *own = upper.rates.of(way).or(*own);
        }
        self.hosts.extend(upper.hosts.iter().map(|(host, rate)| (host.clone(), *rate)));
    }
}

/// What is used of a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// Of which.
    pub period: Period,
    /// Bytes that came in it.
    pub bytes: u64,
    /// Bytes that may come in it.
    pub of: u64,
    /// When the next one begins.
    pub until: UnixMs,
}

impl Spent {
    /// Whether nothing is left of it.
    pub fn is_used_up(&self) -> bool {
        self.bytes >= self.of
    }

    /// Says it: `1.2 GB of 2 GB used this day`.
    pub fn said(&self) -> String {
        format!("{} of {} used this {}", ByteCount(self.bytes), ByteCount(self.of), self.period.word())
    }
}

/// Everything that decides how fast downloads may be just now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Standing {
    /// How each way stands.
    pub ways: Ways<Leave>,
    /// The limits in force, those of the config and those set by hand.
    pub limits: Speeds,
    /// Those of them that were set by hand.
    pub by_hand: Speeds,
    /// What is used of each budget.
    pub budgets: Vec<Spent>,
    /// Whether the line is metered, where somebody tells.
    pub metered: Option<bool>,
    /// The battery while the machine runs on it, where somebody tells.
    pub on_battery: Option<Battery>,
}

/// A battery that the machine runs on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Battery {
    /// Percent left, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stricter_of_two_holds() {
        use Policy::{Hold, Limit, Run};
        for (one, two, both) in [
            (Run, Run, Run),
            (Run, Limit(5), Limit(5)),
            (Limit(5), Limit(3), Limit(3)),
            (Limit(5), Hold, Hold),
            (Run, Hold, Hold),
        ] {
            assert_eq!((one.and(two), two.and(one)), (both, both));
        }
    }

    #[test]
    fn how_a_way_stands_is_one_sentence() {
        let leave = Leave {
            policy: Policy::Hold,
            cause: Some(Cause::Plan),
            until: Some(UnixMs(7)),
            then: Some(Policy::Limit(500_000)),
        };
        let said = leave.said(Way::Background, |at| format!("#{}", at.0));
        assert_eq!(said, "on hold, by the plan, until #7, then 500 kB/s at most");
        let used_up = Some(Cause::Budget { period: Period::Day });
        for (way, policy, told) in [
            (Way::Now, Policy::Hold, "on hold, until #9, then full speed: the budget of the day is used up"),
            (
                Way::Background,
                Policy::Hold,
                "on hold, until #9, then steps aside: the budget of the day is used up",
            ),
            // Where nothing changes then, nothing is said of it.
            (Way::Now, Policy::Run, "full speed, until #9, though the budget of the day is used up"),
            (Way::Background, Policy::Run, "steps aside, until #9, though the budget of the day is used up"),
        ] {
            let leave = Leave { policy, cause: used_up, until: Some(UnixMs(9)), then: Some(Policy::Run) };
            assert_eq!(leave.said(way, |at| format!("#{}", at.0)), told);
        }
        assert!(Leave::default().is_plain() && !leave.is_plain());
    }

    #[test]
    fn what_is_not_named_stays() {
        let host: HostPattern = "a.example".parse().unwrap();
        let mut speeds = Speeds { rate: Some(5), hosts: [(host.clone(), 3)].into(), ..Speeds::default() };
        let rates = Ways { now: Some(0), ..Ways::default() };
        speeds.put(&Speeds { rates, ..Speeds::default() });
        assert_eq!((speeds.rate, speeds.rates.now, speeds.rates.background), (Some(5), Some(0), None));
        speeds.put(&Speeds { hosts: [(host.clone(), 0)].into(), ..Speeds::default() });
        assert_eq!(speeds.hosts, [(host, 0)].into());
    }
}
