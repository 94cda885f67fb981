//! `haul limit`: how fast downloads may be, now and until it is changed.

use clap::Args;

use super::act::act;
use super::collections::find;
use super::engine::{Engine, unexpected};
use super::error::CliError;
use super::output::Output;
use super::status::Status;
use super::table::pad_right;
use crate::links::quantity;
use crate::model::host::HostPattern;
use crate::model::policy::{Speeds, Standing};
use crate::model::record::CollectionSettings;
use crate::model::request::{Act, Limits, Reply, Request};
use crate::model::selector::{Selector, Term};
use crate::model::units::ByteRate;
use crate::model::way::{Way, Ways};

/// `limit`.
#[derive(Clone, Debug, Args)]
#[command(
    override_usage = "haul limit [WHAT] RATE|none\n       haul limit reset\n       haul limit",
    after_help = "WHAT is\n  \
    everything         everything together, as nothing is\n  \
    background         all background downloads that step aside, together\n  \
    now                all at priority now, together\n  \
    real-time          all real-time downloads, together\n  \
    host:NAME          all that comes from these hosts, together: host:example.org, host:*.example.org\n  \
    collection:NAME    all of a collection, together, by its name or number\n  \
    numbers, all       each of these downloads by itself\n\n\
    A limit holds at once, for what runs too. Those for everything, a way or a host are kept until they are changed, until\n\
    `haul limit reset`, or until the config is read anew or a preset is used. Without any word: what holds now."
)]
pub struct LimitArgs {
    /// What, and how fast at most: `2MB/s`, `16Mbit/s`, `none`; or `reset`
    #[arg(value_name = "WHAT RATE|none|reset")]
    pub(crate) words: Vec<String>,
    /// Write JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What is limited.
#[derive(Clone, Debug, PartialEq)]
enum What {
    /// Everything, ways or hosts.
    Speeds(Limits),
    /// A collection, by number or name.
    Collection(String, Option<u64>),
    /// Each of these.
    Downloads(Vec<String>, Option<u64>),
}

/// Sets a limit, or shows those that hold.
///
/// # Errors
/// No rate, nothing of that name, or no engine.
pub(crate) async fn limit<E: Engine>(
    args: &LimitArgs,
    engine: &E,
    output: &mut Output,
) -> Result<Status, CliError> {
    if args.words.is_empty() {
        return show(args.json, engine, output).await;
    }
    let what = parse(&args.words)?;
    let told = confirm(&what);
    match what {
        What::Speeds(limits) => match engine.call(Request::SetLimits(limits)).await? {
            Reply::Done => {}
            other => return Err(unexpected(&other)),
        },
        What::Collection(which, limit) => {
            let row = find(&which, engine).await?;
            let settings = CollectionSettings { limit, ..row.settings };
            let request = Request::SetCollection { id: row.id, name: None, settings: Some(settings) };
            match engine.call(request).await? {
                Reply::Done => {}
                other => return Err(unexpected(&other)),
            }
        }
        What::Downloads(select, limit) => {
            refuse_what_is_nothing(&select, engine).await?;
            return act(&select, Act::SetLimit { limit }, args.json, engine, output).await;
        }
    }
    if args.json {
        output.json(&Reply::Done)?;
    } else {
        output.say(&told);
    }
    Ok(Status::Done)
}

/// A word that means nothing else is part of a name; where nothing has that, it was meant as something else.
async fn refuse_what_is_nothing<E: Engine>(words: &[String], engine: &E) -> Result<(), CliError> {
    let select = Selector::parse(words)?;
    let is_name = |term: &Term| matches!(term, Term::Name(_));
    if !select.terms.iter().any(is_name) {
        return Ok(());
    }
    match engine.call(Request::List { select }).await? {
        Reply::Rows(rows) if rows.is_empty() => Err(CliError::usage(
            format!("nothing is called `{}`", words.join(" ")),
            "`haul limit --help` says what can be limited",
        )),
        Reply::Rows(_) => Ok(()),
        other => Err(unexpected(&other)),
    }
}

/// What was done, in words.
fn confirm(what: &What) -> String {
    let rate =
        |rate: u64| if rate == 0 { "no limit".to_owned() } else { format!("at most {}", ByteRate(rate)) };
    match what {
        What::Speeds(Limits { reset: true, .. }) => {
            "haul: the limits are those of the config again.".to_owned()
        }
        What::Speeds(Limits { speeds, .. }) => {
            let all = speeds.rate.map(|of| format!("everything: {}", rate(of)));
            let ways = Way::ALL
                .into_iter()
                .filter_map(|way| Some(format!("{}: {}", way.word(), rate((*speeds.rates.of(way))?))));
            let hosts = speeds.hosts.iter().map(|(host, of)| format!("{host}: {}", rate(*of)));
            let said: Vec<_> = all.into_iter().chain(ways).chain(hosts).collect();
            format!("haul: {}.", said.join(", "))
        }
        What::Collection(name, of) => format!("haul: collection {name}: {}.", rate(of.unwrap_or(0))),
        What::Downloads(..) => String::new(),
    }
}

fn parse(words: &[String]) -> Result<What, CliError> {
    let Some((last, what)) = words.split_last() else {
        return Err(CliError::usage("no rate is named", "See `haul limit --help`"));
    };
    if last == "reset" && what.is_empty() {
        return Ok(What::Speeds(Limits { reset: true, ..Limits::default() }));
    }
    if what.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(CliError::usage(
            format!("`{last}` alone may be a download or a rate"),
            format!(
                "`haul limit {last} RATE` limits download {last}; a rate has a unit: {last}kB/s, {last}MB/s"
            ),
        ));
    }
    let usage = |why: String| CliError::usage(why, "The rate comes last; see `haul limit --help`");
    let limit = quantity::cap(last).map_err(usage)?.rate();
    let rate = limit.unwrap_or(0);
    let speeds = |speeds| Ok(What::Speeds(Limits { speeds, ..Limits::default() }));
    let [what] = what else {
        return match what {
            [] => speeds(Speeds { rate: Some(rate), ..Speeds::default() }),
            many => Ok(What::Downloads(many.to_vec(), limit)),
        };
    };
    if what == "everything" {
        return speeds(Speeds { rate: Some(rate), ..Speeds::default() });
    }
    if let Some(way) = Way::ALL.into_iter().find(|way| way.word() == what) {
        let rates = Ways::each(|other| (other == way).then_some(rate));
        return speeds(Speeds { rates, ..Speeds::default() });
    }
    if let Some(host) = what.strip_prefix("host:") {
        let host: HostPattern = host.parse().map_err(|error| usage(format!("{error}")))?;
        return speeds(Speeds { hosts: [(host, rate)].into(), ..Speeds::default() });
    }
    if let Some(name) = what.strip_prefix("collection:") {
        return Ok(What::Collection(name.to_owned(), limit));
    }
    Ok(What::Downloads(vec![what.clone()], limit))
}

async fn show<E: Engine>(json: bool, engine: &E, output: &mut Output) -> Result<Status, CliError> {
    let standing = match engine.call(Request::Standing).await? {
        Reply::Standing(standing) => standing,
        other => return Err(unexpected(&other)),
    };
    if json {
        output.json(&standing)?;
        return Ok(Status::Done);
    }
    let collections = match engine.call(Request::Collections).await? {
        Reply::Collections(collections) => collections,
        other => return Err(unexpected(&other)),
    };
    let collections = collections.into_iter().filter_map(|row| {
        let limit = row.settings.limit.filter(|limit| *limit > 0)?;
        Some((
            format!("collection:{}", row.name),
            format!("{}, for each collection by itself", ByteRate(limit)),
        ))
    });
    for (what, rate) in lines(&standing).into_iter().chain(collections) {
        output.line(&format!("{}{rate}", pad_right(&what, 24)))?;
    }
    Ok(Status::Done)
}

/// What holds for everything, each way and each host, and which of it was set by hand.
fn lines(standing: &Standing) -> Vec<(String, String)> {
    let Standing { limits, by_hand, ways, .. } = standing;
    let said = |rate: Option<u64>, by_hand: bool| {
        let rate = rate.map_or_else(|| "no limit".to_owned(), |rate| ByteRate(rate).to_string());
        if by_hand { format!("{rate}, set by hand") } else { rate }
    };
    let mut lines = vec![("everything".to_owned(), said(limits.rate, by_hand.rate.is_some()))];
    for way in Way::ALL {
        let told = said(*limits.rates.of(way), by_hand.rates.of(way).is_some());
        let leave = ways.of(way);
        let told = match (leave.policy.rate(), leave.cause) {
            (Some(rate), Some(cause)) => format!("{told}; {} {cause}", ByteRate(rate)),
            _ => told,
        };
        lines.push((way.word().to_owned(), told));
    }
    let lifted = by_hand.hosts.iter().filter(|(_, rate)| **rate == 0).map(|(host, _)| (host, None));
    let hosts = limits.hosts.iter().map(|(host, rate)| (host, Some(*rate))).chain(lifted);
    lines.extend(
        hosts.map(|(host, rate)| (format!("host:{host}"), said(rate, by_hand.hosts.contains_key(host)))),
    );
    lines
}

#[cfg(test)]
mod tests {
    use super::super::scripted::{Scripted, output};
    use super::*;
    use crate::model::policy::{Cause, Leave, Policy};

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn what_is_limited_is_read_from_the_words() {
        let speeds = |speeds| What::Speeds(Limits { speeds, ..Limits::default() });
        let host =
            |host: &str, rate| Speeds { hosts: [(host.parse().unwrap(), rate)].into(), ..Speeds::default() };
        for (line, what) in [
            ("2MB/s", speeds(Speeds { rate: Some(2_000_000), ..Speeds::default() })),
            ("everything 2MB/s", speeds(Speeds { rate: Some(2_000_000), ..Speeds::default() })),
            ("none", speeds(Speeds { rate: Some(0), ..Speeds::default() })),
            ("reset", What::Speeds(Limits { reset: true, ..Limits::default() })),
            (
                "background 500k",
                speeds(Speeds {
                    rates: Ways { background: Some(500_000), ..Ways::default() },
                    ..Speeds::default()
                }),
            ),
            ("host:*.example.org 1MB/s", speeds(host("*.example.org", 1_000_000))),
            ("host:a.example none", speeds(host("a.example", 0))),
            ("collection:films 1MB/s", What::Collection("films".into(), Some(1_000_000))),
            ("3 4 none", What::Downloads(words("3 4"), None)),
            ("all 100k", What::Downloads(words("all"), Some(100_000))),
        ] {
            assert_eq!(parse(&words(line)).unwrap(), what, "{line}");
        }
        for line in ["fast", "background", "2MB/s now", "host:a/b 1M", "0"] {
            assert_eq!(parse(&words(line)).unwrap_err().status().code(), 2, "{line}");
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_is_nothing_is_refused() {
        let engine = Scripted::new(|request| {
            matches!(request, Request::List { .. }).then(|| Ok(Reply::Rows(Vec::new())))
        });
        let (mut output, _, _) = output();
        let args = LimitArgs { words: words("xyz 3MB/s"), json: false };
        let error = limit(&args, &engine, &mut output).await.unwrap_err();
        assert_eq!((error.status().code(), error.to_string().as_str()), (2, "nothing is called `xyz`"));
        assert_eq!(engine.requests().len(), 1);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_holds_is_shown_with_where_it_comes_from() {
        let engine = Scripted::new(|request| {
            let leave =
                Leave { policy: Policy::Limit(100_000), cause: Some(Cause::Plan), ..Leave::default() };
            let host: HostPattern = "a.example".parse().unwrap();
            let standing = Standing {
                ways: Ways { background: leave, ..Ways::default() },
                limits: Speeds { rate: Some(2_000_000), hosts: [(host, 5_000)].into(), ..Speeds::default() },
                by_hand: Speeds { rate: Some(2_000_000), ..Speeds::default() },
                ..Standing::default()
            };
            (*request == Request::Standing).then(|| Ok(Reply::Standing(Box::new(standing))))
        });
        let (mut output, data, _) = output();
        limit(&LimitArgs { words: Vec::new(), json: false }, &engine, &mut output).await.unwrap();
        output.flush().unwrap();
        insta::assert_snapshot!(data.text(), @r"
        everything              2.00 MB/s, set by hand
        background              no limit; 100 kB/s by the plan
        now                     no limit
        real-time               no limit
        host:a.example          5.00 kB/s
        ");
    }
}
