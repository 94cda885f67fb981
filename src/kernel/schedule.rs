//! The weekly plan: which windows hold at a moment, until when, and what comes then.
//!
//! A moment is within a window where the wall clock of its zone reads a time within it. So in the night when an hour comes twice a
//! window in it holds twice, one in the hour that is left out does not hold, and one across either holds from its start to its end.

use std::collections::BTreeSet;

use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use crate::model::policy::Policy;
use crate::model::settings::Window;
use crate::model::way::{Way, Ways};

/// How far ahead the next change is looked for: a week, and room for clocks that are set meanwhile.
const AHEAD_DAYS: i64 = 9;

/// How one way stands by the plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stand {
    /// What it may do now.
    pub policy: Policy,
    /// When that changes; nothing where it never does.
    pub until: Option<Timestamp>,
    /// What it may do from then on.
    pub then: Policy,
}

/// Says how each way stands at a moment. Windows that name no zone are of `zone`; of several that say something about a way, the
/// last one counts.
pub fn stand(windows: &[Window], zone: &TimeZone, now: Timestamp) -> Ways<Stand> {
    let before = policies(windows, zone, now);
    let mut stands = Ways::each(|way| Stand { policy: *before.of(way), until: None, then: *before.of(way) });
    for moment in moments(windows, zone, now) {
        let after = policies(windows, zone, moment);
        for way in Way::ALL {
            let stand = stands.of_mut(way);
            if stand.until.is_none() && *after.of(way) != stand.policy {
                (stand.until, stand.then) = (Some(moment), *after.of(way));
            }
        }
        if stands.iter().all(|(_, stand)| stand.until.is_some()) {
            break;
        }
    }
    stands
}

/// What each way may do at a moment.
fn policies(windows: &[Window], zone: &TimeZone, at: Timestamp) -> Ways<Policy> {
    let mut policies = Ways::default();
    for window in windows.iter().filter(|window| holds(window, zone, at)) {
        for way in Way::ALL {
            if let Some(policy) = window.ways.of(way) {
                *policies.of_mut(way) = *policy;
            }
        }
    }
    policies
}

/// Whether the wall clock reads a time within the window. One that ends where it begins, or before, ends on the next day.
fn holds(window: &Window, zone: &TimeZone, at: Timestamp) -> bool {
    let wall = at.to_zoned(window.zone.as_ref().unwrap_or(zone).clone()).datetime();
    let (day, time) = (wall.date().weekday(), wall.time());
    if window.from < window.to {
        return window.days.has(day) && window.from <= time && time < window.to;
    }
    (window.days.has(day) && window.from <= time) || (window.days.has(day.previous()) && time < window.to)
}

/// The moments at which anything may change, in order: wherever the wall clock reads an edge of a window, and wherever it is set.
fn moments(windows: &[Window], zone: &TimeZone, now: Timestamp) -> BTreeSet<Timestamp> {
    let mut moments = BTreeSet::new();
    let last = now.saturating_add(SignedDuration::from_hours(24 * AHEAD_DAYS)).unwrap_or(Timestamp::MAX);
    for window in windows {
        let zone = window.zone.as_ref().unwrap_or(zone);
        let changes = zone.following(now).map(|change| change.timestamp());
        moments.extend(changes.take_while(|moment| *moment <= last));
        let today = now.to_zoned(zone.clone()).date();
        for day in -1..=AHEAD_DAYS {
            let Ok(date) = today.checked_add(day.days()) else { continue };
            for edge in [window.from, window.to] {
                let wall = date.to_datetime(edge);
                let offsets = match zone.to_ambiguous_timestamp(wall).offset() {
                    AmbiguousOffset::Unambiguous { offset } => [Some(offset), None],
                    AmbiguousOffset::Fold { before, after } => [Some(before), Some(after)],
                    // The clock never reads it: what it would have changed changes when the clock is set.
                    AmbiguousOffset::Gap { .. } => [None, None],
                };
                let read = offsets.into_iter().flatten().filter_map(|offset| offset.to_timestamp(wall).ok());
                moments.extend(read.filter(|moment| *moment > now && *moment <= last));
            }
        }
    }
    moments
}

#[cfg(test)]
mod tests {
    use jiff::civil::{Time, Weekday};
    use proptest::prelude::*;

    use super::*;
    use crate::model::settings::Days;

    /// Zones by their rules, so that nothing depends on what is installed: an hour in spring and autumn, half an hour, at
    /// midnight, and none.
    const ZONES: [&str; 5] = [
        "CET-1CEST,M3.5.0,M10.5.0/3",
        "EST5EDT,M3.2.0,M11.1.0",
        "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
        "<-04>4<-03>,M9.1.6/24,M4.1.6/24",
        "UTC0",
    ];

    fn zone(rule: &str) -> TimeZone {
        TimeZone::posix(rule).unwrap()
    }

    fn time(text: &str) -> Time {
        text.parse().unwrap()
    }

    fn window(days: &[Weekday], from: &str, to: &str, background: Policy) -> Window {
        Window {
            days: days.iter().copied().collect(),
            from: time(from),
            to: time(to),
            ways: Ways { background: Some(background), ..Ways::default() },
            zone: None,
        }
    }

    const ALL: [Weekday; 7] = [
        Weekday::Monday,
        Weekday::Tuesday,
        Weekday::Wednesday,
        Weekday::Thursday,
        Weekday::Friday,
        Weekday::Saturday,
        Weekday::Sunday,
    ];

    /// `hold until 2026-03-29T03:00 then run`, in the wall clock of the zone.
    fn told(windows: &[Window], rule: &str, at: &str) -> String {
        let zone = zone(rule);
        let stand = stand(windows, &zone, at.parse().unwrap()).background;
        let word = |policy| match policy {
            Policy::Run => "run".to_owned(),
            Policy::Hold => "hold".to_owned(),
            Policy::Limit(rate) => rate.to_string(),
        };
        match stand.until {
            None => format!("{} for ever", word(stand.policy)),
            Some(until) => {
                let wall = until.to_zoned(zone).strftime("%a %d %H:%M %Z").to_string();
                format!("{} until {wall} then {}", word(stand.policy), word(stand.then))
            }
        }
    }

    #[test]
    fn an_ordinary_week() {
        let work = &ALL[..5];
        let windows = [
            window(work, "08:00", "18:00", Policy::Hold),
            window(&ALL, "22:00", "06:00", Policy::Limit(5)),
            window(&[Weekday::Saturday], "00:00", "00:00", Policy::Hold),
        ];
        for (at, expected) in [
            // A Thursday.
            ("2026-11-26T06:30Z", "run until Thu 26 08:00 CET then hold"),
            ("2026-11-26T07:00Z", "hold until Thu 26 18:00 CET then run"),
            ("2026-11-26T17:00Z", "run until Thu 26 22:00 CET then 5"),
            ("2026-11-26T23:30Z", "5 until Fri 27 06:00 CET then run"),
            // The whole of Saturday stands over the night before it and the evening of it.
            ("2026-11-27T22:59Z", "5 until Sat 28 00:00 CET then hold"),
            ("2026-11-28T21:30Z", "hold until Sun 29 00:00 CET then 5"),
        ] {
            assert_eq!(told(&windows, ZONES[0], at), expected, "{at}");
        }
        assert_eq!(told(&[], ZONES[0], "2026-11-26T06:30Z"), "run for ever");
        let always = [window(&ALL, "00:00", "00:00", Policy::Hold)];
        assert_eq!(told(&always, ZONES[0], "2026-11-26T06:30Z"), "hold for ever");
    }

    #[test]
    fn nights_in_which_clocks_are_set() {
        let night = [window(&ALL, "01:00", "05:00", Policy::Hold)];
        let inside = [window(&ALL, "02:10", "02:40", Policy::Hold)];
        let until = [window(&ALL, "23:00", "02:30", Policy::Hold)];
        for (windows, at, expected) in [
            // Berlin: 02:00 becomes 03:00 on 29 March 2026, and 03:00 becomes 02:00 on 25 October.
            (&night, "2026-03-28T23:30Z", "run until Sun 29 01:00 CET then hold"),
            (&night, "2026-03-29T00:30Z", "hold until Sun 29 05:00 CEST then run"),
            (&night, "2026-10-25T00:30Z", "hold until Sun 25 05:00 CET then run"),
            // What lies within the hour that is left out is left out with it; within the one that comes twice it comes twice.
            (&inside, "2026-03-28T23:30Z", "run until Mon 30 02:10 CEST then hold"),
            (&inside, "2026-10-24T23:30Z", "run until Sun 25 02:10 CEST then hold"),
            (&inside, "2026-10-25T00:20Z", "hold until Sun 25 02:40 CEST then run"),
            (&inside, "2026-10-25T00:50Z", "run until Sun 25 02:10 CET then hold"),
            (&inside, "2026-10-25T01:20Z", "hold until Sun 25 02:40 CET then run"),
            // An end that no clock reads comes when the clock is set.
            (&until, "2026-03-28T23:30Z", "hold until Sun 29 03:00 CEST then run"),
        ] {
            assert_eq!(told(windows, ZONES[0], at), expected, "{at}");
        }
    }

    #[test]
    fn a_window_may_be_of_another_zone_and_ways_are_apart() {
        let mut there = window(&ALL, "08:00", "09:00", Policy::Hold);
        there.zone = Some(zone(ZONES[1]));
        there.ways.now = Some(Policy::Limit(7));
        let stands = stand(&[there], &zone(ZONES[0]), "2026-11-26T13:30Z".parse().unwrap());
        let until = "2026-11-26T14:00Z".parse().ok();
        assert_eq!(stands.background, Stand { policy: Policy::Hold, until, then: Policy::Run });
        assert_eq!(stands.now, Stand { policy: Policy::Limit(7), until, then: Policy::Run });
        assert_eq!(stands.real_time, Stand::default());
    }

    fn windows() -> impl Strategy<Value = Vec<Window>> {
        let edge = (0i8..24, prop::sample::select(vec![0i8, 15, 30, 45]))
            .prop_map(|(hour, minute)| Time::constant(hour, minute, 0, 0));
        let policy = prop_oneof![Just(Policy::Hold), Just(Policy::Run), (1u64..9).prop_map(Policy::Limit)];
        let one = (1u8..128, edge.clone(), edge, policy).prop_map(|(days, from, to, policy)| Window {
            days: ALL
                .into_iter()
                .enumerate()
                .filter(|(at, _)| days >> at & 1 == 1)
                .map(|(_, day)| day)
                .collect::<Days>(),
            from,
            to,
            ways: Ways { background: Some(policy), ..Ways::default() },
            zone: None,
        });
        prop::collection::vec(one, 0..5)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Held against a clock that is read every 15 minutes: what is said to come next is what it reads next.
        #[test]
        fn the_next_change_is_where_a_clock_that_is_watched_sees_it(
            windows in windows(), rule in prop::sample::select(ZONES.to_vec()), quarter in 0i64..35_040,
        ) {
            let zone = zone(rule);
            let quarters = |count: i64| SignedDuration::from_mins(15 * count);
            let now = "2026-01-01T00:00Z".parse::<Timestamp>().unwrap() + quarters(quarter);
            let stand = stand(&windows, &zone, now).background;
            prop_assert_eq!(stand.policy, policies(&windows, &zone, now).background);
            let seen = (1..=4 * 24 * 8).map(|count| now + quarters(count)).find_map(|moment| {
                let policy = policies(&windows, &zone, moment).background;
                (policy != stand.policy).then_some((moment, policy))
            });
            if let Some((moment, policy)) = seen {
                prop_assert_eq!((stand.until, stand.then), (Some(moment), policy), "{}", rule);
            } else {
                // Within eight days everything that ever changes has changed.
                let never = stand.until.is_none_or(|until| until > now + quarters(4 * 24 * 8));
                prop_assert!(never, "{:?}", stand);
            }
        }
    }
}
