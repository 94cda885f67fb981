//! What is used of a budget: bytes by day, added up over the day or the month that a moment lies in.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use crate::model::policy::{Period, Spent};
use crate::model::settings::Budget;
use crate::model::time::UnixMs;

/// Bytes that came, by the day of the wall clock on which they came.
pub type Traffic = BTreeMap<Date, u64>;

/// Says what is used of each budget that there is.
pub fn spent(traffic: &Traffic, budget: &Budget, zone: &TimeZone, now: Timestamp) -> Vec<Spent> {
    let today = now.to_zoned(zone.clone()).date();
    let begins = month_of(today, budget.month_begins);
    let next = begins.checked_add(1.month()).map_or(Date::MAX, |next| on_day(next, budget.month_begins));
    let of = |period, from: Date, until: Date, of: u64| Spent {
        period,
        bytes: traffic.range(from..until).map(|(_, bytes)| bytes).sum(),
        of,
        until: start_of(until, zone),
    };
    let day = budget.day.map(|bytes| of(Period::Day, today, today.saturating_add(1.day()), bytes));
    let month = budget.month.map(|bytes| of(Period::Month, begins, next, bytes));
    day.into_iter().chain(month).collect()
}

/// The first moment of a day; where the clock is set at midnight, the first one that it reads.
fn start_of(day: Date, zone: &TimeZone) -> UnixMs {
    day.to_zoned(zone.clone()).map_or(UnixMs(i64::MAX), |start| UnixMs(start.timestamp().as_millisecond()))
}

/// The day on which the month began that a day lies in.
fn month_of(day: Date, begins: u8) -> Date {
    let own = on_day(day, begins);
    if own <= day { own } else { on_day(day.first_of_month().saturating_sub(1.day()), begins) }
}

/// A day of the month that a day lies in, or its last one where it has not so many.
fn on_day(day: Date, number: u8) -> Date {
    let last = day.days_in_month();
    let number = i8::try_from(number.max(1)).unwrap_or(last).min(last);
    day.with().day(number).build().unwrap_or(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(month_begins: u8, now: &str) -> Vec<(u64, String)> {
        let traffic: Traffic = [
            ("2026-01-30", 1),
            ("2026-01-31", 10),
            ("2026-02-01", 100),
            ("2026-02-27", 1000),
            ("2026-02-28", 10_000),
            ("2026-03-01", 100_000),
            ("2026-03-29", 1_000_000),
        ]
        .into_iter()
        .map(|(day, bytes)| (day.parse().unwrap(), bytes))
        .collect();
        let budget = Budget { day: Some(5), month: Some(7), month_begins, ..Budget::default() };
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        spent(&traffic, &budget, &zone, now.parse().unwrap())
            .into_iter()
            .map(|spent| {
                let until = Timestamp::from_millisecond(spent.until.0).unwrap();
                (spent.bytes, until.to_zoned(zone.clone()).strftime("%d %b %H:%M").to_string())
            })
            .collect()
    }

    #[test]
    fn days_and_months_are_those_of_the_wall_clock() {
        for (begins, now, expected) in [
            (1, "2026-01-31T22:59Z", [(10, "01 Feb 00:00"), (11, "01 Feb 00:00")]),
            (1, "2026-01-31T23:00Z", [(100, "02 Feb 00:00"), (11_100, "01 Mar 00:00")]),
            (30, "2026-01-31T12:00Z", [(10, "01 Feb 00:00"), (1111, "28 Feb 00:00")]),
            (31, "2026-02-28T12:00Z", [(10_000, "01 Mar 00:00"), (1_110_000, "31 Mar 00:00")]),
            (15, "2026-03-29T12:00Z", [(1_000_000, "30 Mar 00:00"), (1_000_000, "15 Apr 00:00")]),
        ] {
            let expected = expected.map(|(bytes, until)| (bytes, until.to_owned()));
            assert_eq!(told(begins, now), expected, "{begins} {now}");
        }
    }

    #[test]
    fn what_has_no_budget_is_not_told() {
        let zone = TimeZone::UTC;
        assert_eq!(spent(&Traffic::new(), &Budget::default(), &zone, Timestamp::UNIX_EPOCH), []);
    }
}
