//! What decides how fast downloads may be just now, in words.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::model::policy::Standing;
use crate::model::time::UnixMs;
use crate::model::units::ByteRate;

/// Writes a moment to come as shortly as it can't be mistaken: `18:00`, `Sat 18:00`, `2026-12-31 18:00`.
pub(crate) fn moment(at: UnixMs, now: UnixMs, zone: &TimeZone) -> String {
    let wall = |at: UnixMs| Timestamp::from_millisecond(at.0).map(|at| at.to_zoned(zone.clone()));
    let (Ok(at), Ok(now)) = (wall(at), wall(now)) else { return at.0.to_string() };
    let days = (at.date() - now.date()).get_days();
    let how = match days {
        0 => "%H:%M",
        1..7 => "%a %H:%M",
        _ => "%Y-%m-%d %H:%M",
    };
    at.strftime(how).to_string()
}

/// Everything that there is to say, labelled: how each way stands, limits, budgets.
pub(crate) fn lines(standing: &Standing, now: UnixMs, zone: &TimeZone) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    for (way, leave) in standing.ways.iter().filter(|(_, leave)| !leave.is_plain()) {
        lines.push((way.word().to_owned(), leave.said(way, |at| moment(at, now, zone))));
    }
    let limits = &standing.limits;
    let all = limits.rate.map(|rate| ("everything".to_owned(), rate));
    let ways = limits.rates.iter().filter_map(|(way, rate)| Some((way.word().to_owned(), (*rate)?)));
    let hosts = limits.hosts.iter().map(|(host, rate)| (host.to_string(), *rate));
    for (what, rate) in all.into_iter().chain(ways).chain(hosts) {
        lines.push(("limit".to_owned(), format!("{what} {}", ByteRate(rate))));
    }
    lines.extend(standing.budgets.iter().map(|spent| ("budget".to_owned(), spent.said())));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::policy::{Cause, Leave, Period, Policy, Speeds, Spent};
    use crate::model::way::Ways;

    const HOUR: i64 = 3_600_000;

    #[test]
    fn a_moment_is_told_as_shortly_as_it_is_clear() {
        let now = UnixMs(20_000 * 24 * HOUR + 12 * HOUR);
        for (hours, told) in
            [(6, "18:00"), (13, "Sat 01:00"), (6 * 24, "Thu 12:00"), (7 * 24, "2024-10-11 12:00")]
        {
            let at = UnixMs(now.0 + hours * HOUR);
            assert_eq!(moment(at, now, &TimeZone::UTC), told);
        }
    }

    #[test]
    fn what_there_is_to_say() {
        let leave = Leave {
            policy: Policy::Hold,
            cause: Some(Cause::Plan),
            until: Some(UnixMs(18 * HOUR)),
            then: Some(Policy::Limit(500_000)),
        };
        let standing = Standing {
            ways: Ways { background: leave, ..Ways::default() },
            limits: Speeds {
                rate: Some(2_000_000),
                rates: Ways { now: Some(5000), ..Ways::default() },
                ..Speeds::default()
            },
            budgets: vec![Spent {
                period: Period::Day,
                bytes: 1_200_000_000,
                of: 2_000_000_000,
                until: UnixMs(0),
            }],
            ..Standing::default()
        };
        let told: Vec<_> = lines(&standing, UnixMs(0), &TimeZone::UTC)
            .into_iter()
            .map(|(label, text)| format!("{label}: {text}"))
            .collect();
        insta::assert_snapshot!(told.join("\n"), @r"
        background: on hold, by the plan, until 18:00, then 500 kB/s at most
        limit: everything 2.00 MB/s
        limit: now 5.00 kB/s
        budget: 1.20 GB of 2.00 GB used this day
        ");
        assert_eq!(lines(&Standing::default(), UnixMs(0), &TimeZone::UTC), []);
    }
}
