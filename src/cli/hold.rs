//! `haul hold` and `haul go`: a person's word over everything or a collection.

use std::time::Duration;

use clap::Args;
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::collections::{done, find};
use super::context::Context;
use super::engine::{Engine, unexpected};
use super::error::CliError;
use super::output::Output;
use super::standing::moment;
use super::status::Status;
use crate::model::policy::{Cause, Policy};
use crate::model::request::{Reply, Request};
use crate::model::time::UnixMs;
use crate::model::units::parse_duration;
use crate::model::way::Way;

/// Nobody waits longer than this.
const FURTHEST: Duration = Duration::from_hours(10 * 366 * 24);

/// `hold`.
#[derive(Clone, Debug, Args)]
pub struct HoldArgs {
    /// A collection, by number or name; everything where none is named
    #[arg(value_name = "ID")]
    pub(crate) which: Option<String>,
    /// Until when: `01:00`, `2026-12-31 18:00`, `2h`, or `never`; everything is held until the plan changes where nothing is said
    #[arg(long, value_name = "TIME|DURATION|never")]
    pub(crate) until: Option<String>,
    /// Write JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `go`.
#[derive(Clone, Debug, Args)]
pub struct GoArgs {
    /// A collection, by number or name; everything where none is named
    #[arg(value_name = "ID")]
    pub(crate) which: Option<String>,
    /// Write JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Holds everything or one collection, and says until when.
///
/// # Errors
/// There is no such collection, no such time, or no engine.
pub(crate) async fn hold<E: Engine>(
    args: &HoldArgs,
    engine: &E,
    context: &Context,
    output: &mut Output,
) -> Result<Status, CliError> {
    let now = (context.now)();
    let for_good = args.until.as_deref() == Some("never");
    let until = match args.until.as_deref().filter(|_| !for_good) {
        Some(text) => Some(parse(text, now, &TimeZone::system())?),
        None => None,
    };
    let id = match &args.which {
        Some(which) => Some(find(which, engine).await?.id),
        None => None,
    };
    let reply = engine.call(Request::Hold { id, until, for_good }).await?;
    let status = done(&reply, args.json, output)?;
    if !args.json {
        let until = if id.is_none() && until.is_none() { held_until(engine).await? } else { until };
        let until = until.map(|until| format!(" until {}", moment(until, now, &TimeZone::system())));
        let which = args.which.as_ref().map_or_else(String::new, |which| format!(" {which}"));
        output.say(&format!("held{}; `haul go{which}` releases it.", until.unwrap_or_default()));
    }
    Ok(status)
}

/// Releases everything or one collection, and says what still holds.
///
/// # Errors
/// There is no such collection, or no engine.
pub(crate) async fn go<E: Engine>(
    args: &GoArgs,
    engine: &E,
    context: &Context,
    output: &mut Output,
) -> Result<Status, CliError> {
    let id = match &args.which {
        Some(which) => Some(find(which, engine).await?.id),
        None => None,
    };
    let reply = engine.call(Request::Go { id }).await?;
    let status = done(&reply, args.json, output)?;
    if id.is_none() && !args.json {
        let now = (context.now)();
        let ways = standing(engine).await?.ways;
        let mut is_held = false;
        for way in Way::ALL {
            let leave = ways.of(way);
            let still = leave.policy != Policy::Run;
            if still || (leave.cause == Some(Cause::Person) && leave.until.is_some()) {
                let said = leave.said(way, |at| moment(at, now, &TimeZone::system()));
                output.say(&format!("{}: {said}.", way.word()));
            }
            is_held |= still;
        }
        // Only what was held by hand is over.
        if is_held {
            output.say("haul: `haul go` once more lifts that, too.");
        }
    }
    Ok(status)
}

async fn standing<E: Engine>(engine: &E) -> Result<crate::model::policy::Standing, CliError> {
    match engine.call(Request::Standing).await? {
        Reply::Standing(standing) => Ok(*standing),
        other => Err(unexpected(&other)),
    }
}

/// Until when a person's hold lasts; a plan may go on holding after that.
async fn held_until<E: Engine>(engine: &E) -> Result<Option<UnixMs>, CliError> {
    let ways = standing(engine).await?.ways;
    let by_hand = ways.iter().filter(|(_, leave)| leave.cause == Some(Cause::Person));
    Ok(by_hand.filter_map(|(_, leave)| leave.until).max())
}

/// Reads a moment to come: a time of day, a date and a time, or how long from now.
fn parse(text: &str, now: UnixMs, zone: &TimeZone) -> Result<UnixMs, CliError> {
    let wrong = |why: &str| {
        CliError::usage(format!("`{text}` {why}"), "Write 01:00, \"2026-12-31 18:00\", 2h or never")
    };
    let at =
        |wall: DateTime| wall.to_zoned(zone.clone()).ok().map(|at| UnixMs(at.timestamp().as_millisecond()));
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(CliError::usage(
            format!("`{text}` alone may be an hour or seconds"),
            format!("Write {text}:00, {text}s, {text}min or {text}h"),
        ));
    }
    let today = Timestamp::from_millisecond(now.0).unwrap_or_default().to_zoned(zone.clone()).date();
    let padded = if text.len() == 4 && text.contains(':') { format!("0{text}") } else { text.to_owned() };
    let is_clock = padded.len() >= 5 && padded.as_bytes().get(2) == Some(&b':');
    let moment = if text == "24:00" {
        at(today.saturating_add(1.day()).to_datetime(Time::midnight()))
    } else if let Some(time) = padded.parse::<Time>().ok().filter(|_| is_clock) {
        let of = |day: jiff::civil::Date| at(day.to_datetime(time));
        // The next time that the clock reads it.
        of(today).filter(|at| *at > now).or_else(|| of(today.saturating_add(1.day())))
    } else if let Ok(wall) = text.replace(' ', "T").parse::<DateTime>() {
        at(wall)
    } else {
        let wait: Option<Duration> = parse_duration(text).ok().filter(|_| !text.contains(':'));
        wait.map(|wait| now.after(wait))
    };
    match moment {
        Some(moment) if moment > now.after(FURTHEST) => Err(CliError::usage(
            format!("`{text}` is more than ten years away"),
            "`--until never` holds until `haul go`",
        )),
        Some(moment) if moment > now => Ok(moment),
        Some(_) => Err(wrong("is over already")),
        None => Err(wrong("is no time")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::scripted::{Scripted, context, output};
    use super::*;
    use crate::model::policy::{Leave, Standing};
    use crate::model::way::Ways;

    #[test]
    fn a_moment_is_read_as_people_write_it() {
        // 12:00 on a day in the zone.
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let now = UnixMs("2026-10-24T10:00Z".parse::<Timestamp>().unwrap().as_millisecond());
        for (text, told) in [
            ("18:00", Some("2026-10-24T16:00:00Z")),
            ("9:30", Some("2026-10-25T08:30:00Z")),
            ("01:00", Some("2026-10-24T23:00:00Z")),
            ("24:00", Some("2026-10-24T22:00:00Z")),
            ("2h", Some("2026-10-24T12:00:00Z")),
            ("3650d", Some("2036-10-21T10:00:00Z")),
            ("18", None),
            ("100000w", None),
            ("99999999999999999999s", None),
            ("2026-12-31 18:00", Some("2026-12-31T17:00:00Z")),
            ("2026-12-31T18:00", Some("2026-12-31T17:00:00Z")),
            ("2020-01-01 00:00", None),
            ("soon", None),
            ("25:00", None),
            ("0s", None),
        ] {
            let read = parse(text, now, &zone).ok();
            let read = read.map(|at| Timestamp::from_millisecond(at.0).unwrap().to_string());
            assert_eq!(read.as_deref(), told, "{text}");
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_hold_says_until_when() {
        for (until, request, told) in [
            (None, Request::Hold { id: None, until: None, for_good: false }, "held until 00:00; `haul go`"),
            (
                Some("never"),
                Request::Hold { id: None, until: None, for_good: true },
                "held until 00:00; `haul go`",
            ),
        ] {
            let engine = Scripted::new(|request| {
                let leave = |cause, until| Leave {
                    policy: Policy::Hold,
                    until: Some(UnixMs(until)),
                    cause: Some(cause),
                    ..Leave::default()
                };
                // The plan's own hold is not a person's.
                let (now, background) = (leave(Cause::Person, 7), leave(Cause::Plan, 172_800_000));
                let standing =
                    Standing { ways: Ways { background, now, ..Ways::default() }, ..Standing::default() };
                (*request == Request::Standing).then(|| Ok(Reply::Standing(Box::new(standing))))
            });
            let home = tempfile::tempdir().unwrap();
            let (mut output, _, talk) = output();
            let args = HoldArgs { which: None, until: until.map(str::to_owned), json: false };
            hold(&args, &engine, &context(home.path()), &mut output).await.unwrap();
            assert_eq!(engine.requests()[0], request);
            assert!(talk.text().starts_with(told), "{}", talk.text());
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_collection_that_is_not_there_is_told() {
        let home = tempfile::tempdir().unwrap();
        let (mut output, _, _) = output();
        let args = HoldArgs { which: Some("films".into()), until: None, json: false };
        let engine = Scripted::new(|_| None);
        let error = hold(&args, &engine, &context(home.path()), &mut output).await.unwrap_err();
        assert_eq!(
            (error.status().code(), error.to_string().as_str()),
            (2, "there is no collection `films`")
        );
    }
}
