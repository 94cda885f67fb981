//! What is done to downloads: `pause`, `resume`, `cancel`, `remove`, `retry`, `undo`, `mode`, `priority` and `move`.

use std::collections::BTreeMap;

use clap::Args;

use super::engine::{Engine, unexpected};
use super::error::CliError;
use super::output::Output;
use super::status::Status;
use crate::links::entry::{parse_mode, parse_priority};
use crate::model::id::DownloadId;
use crate::model::item::{Mode, Priority};
use crate::model::request::{Act, Place, RefusalKind, Reply, Request};
use crate::model::selector::Selector;
use crate::model::state::State;
use crate::model::words::downloads;

/// A choice of downloads.
#[derive(Clone, Debug, Args)]
pub struct SelectArgs {
    /// Which downloads: numbers, `all`, or predicates such as state:failed host:cdn.example
    #[arg(value_name = "SELECT", required = true)]
    pub(crate) select: Vec<String>,
    /// Write JSON, one object a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// `undo`.
#[derive(Clone, Debug, Args)]
pub struct UndoArgs {
    /// Write JSON, one object a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// `mode`.
#[derive(Clone, Debug, Args)]
pub struct ModeArgs {
    /// background or real-time, before or after which downloads
    #[arg(value_names = ["MODE", "SELECT"], num_args = 2.., required = true)]
    pub(crate) words: Vec<String>,
    /// Write JSON, one object a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// `priority`.
#[derive(Clone, Debug, Args)]
pub struct PriorityArgs {
    /// now, high, normal or low, before or after which downloads
    #[arg(value_names = ["PRIORITY", "SELECT"], num_args = 2.., required = true)]
    pub(crate) words: Vec<String>,
    /// Write JSON, one object a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// `move`.
#[derive(Clone, Debug, Args)]
pub struct MoveArgs {
    /// top, bottom, up, down, `before ID` or `after ID`, before or after which downloads
    #[arg(value_names = ["PLACE", "SELECT"], num_args = 2.., required = true)]
    pub(crate) words: Vec<String>,
    /// Write JSON, one object a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// Of so many that were told to run it is told what holds them.
const LOOKED_AT: usize = 1000;

/// Does something to the chosen downloads.
///
/// # Errors
/// A selector that makes no sense or finds none of its numbers, or no engine.
pub(crate) async fn act<E: Engine>(
    select: &[String],
    act: Act,
    json: bool,
    engine: &E,
    output: &mut Output,
) -> Result<Status, CliError> {
    let done = past(&act);
    let select = Selector::parse(select)?;
    let by_sight = select.is_by_sight();
    let is_wanted = matches!(act, Act::Resume | Act::Retry | Act::SetPriority { priority: Priority::Now });
    let reply = engine.call(Request::Act { select, act }).await?;
    let reply = if by_sight { without_those_left_alone(reply, json, output)? } else { reply };
    let ids = match &reply {
        Reply::Acted(acted) if is_wanted && !json => {
            acted.iter().filter(|one| one.refused.is_none()).map(|one| one.id).take(LOOKED_AT).collect()
        }
        _ => Vec::new(),
    };
    let status = settle(reply, json, &done, output)?;
    tell_what_holds(ids, engine, output).await?;
    Ok(status)
}

/// Says of what was just now told to run that something holds it all the same.
async fn tell_what_holds<E: Engine>(
    ids: Vec<DownloadId>,
    engine: &E,
    output: &mut Output,
) -> Result<(), CliError> {
    if ids.is_empty() {
        return Ok(());
    }
    let select = Selector { ids, ..Selector::default() };
    let rows = match engine.call(Request::List { select }).await? {
        Reply::Rows(rows) => rows,
        other => return Err(unexpected(&other)),
    };
    let held: Vec<_> = rows
        .iter()
        .filter_map(|row| match &row.state {
            State::Waiting { why, .. } if why.is_hold() => Some((row.id, why)),
            _ => None,
        })
        .collect();
    match held[..] {
        [] => {}
        [(id, why)] => output.say(&format!("haul: {id} waits: {why}.")),
        [(_, why), ..] => output.say(&format!("haul: {} wait: {why}.", downloads(held.len()))),
    }
    Ok(())
}

/// Takes those out of an answer that were chosen by sight and to which it does not apply: they are told of, and are no failure.
fn without_those_left_alone(reply: Reply, json: bool, output: &mut Output) -> Result<Reply, CliError> {
    let Reply::Acted(acted) = reply else { return Ok(reply) };
    let (alone, acted): (Vec<_>, Vec<_>) = acted
        .into_iter()
        .partition(|one| one.refused.as_ref().is_some_and(|why| why.kind == RefusalKind::NotNow));
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for one in &alone {
        if json {
            output.json(one)?;
        }
        *reasons.entry(one.refused.as_ref().map_or_else(String::new, |why| why.text.clone())).or_default() +=
            1;
    }
    for (reason, count) in reasons {
        output.say(&format!("haul: left {} alone: {reason}.", downloads(count)));
    }
    if acted.is_empty() && !alone.is_empty() {
        output.say("haul: nothing was changed.");
        return Ok(Reply::Done);
    }
    Ok(Reply::Acted(acted))
}

/// Takes back the last cancel or remove.
///
/// # Errors
/// A refusal, or no engine.
pub(crate) async fn undo<E: Engine>(
    args: &UndoArgs,
    engine: &E,
    output: &mut Output,
) -> Result<Status, CliError> {
    let reply = engine.call(Request::Undo).await?;
    if reply == Reply::Acted(Vec::new()) {
        output.say("haul: there is nothing to take back.");
        return Ok(Status::Done);
    }
    settle(reply, args.json, "brought back", output)
}

/// Switches the mode.
///
/// # Errors
/// As [`act`]; also `real-time`, which ends with the client that asks for it, and this one ends at once.
pub(crate) async fn mode<E: Engine>(
    args: &ModeArgs,
    engine: &E,
    output: &mut Output,
) -> Result<Status, CliError> {
    let (mode, select) = apart(&args.words, parse_mode)?;
    if mode == Mode::RealTime {
        return Err(CliError::usage(
            "a real-time download ends with the client that asks for it, and this command ends at once",
            "Press m in the console, or use `haul get --mode real-time`; `haul priority now` gives full speed in the background",
        ));
    }
    act(select, Act::SetMode { mode }, args.json, engine, output).await
}

/// Changes the priority.
///
/// # Errors
/// As [`act`].
pub(crate) async fn priority<E: Engine>(
    args: &PriorityArgs,
    engine: &E,
    output: &mut Output,
) -> Result<Status, CliError> {
    let (priority, select) = apart(&args.words, parse_priority)?;
    act(select, Act::SetPriority { priority }, args.json, engine, output).await
}

/// Moves in the queue.
///
/// # Errors
/// As [`act`].
pub(crate) async fn shift<E: Engine>(
    args: &MoveArgs,
    engine: &E,
    output: &mut Output,
) -> Result<Status, CliError> {
    let (to, select) = place(&args.words)?;
    act(select, Act::Move { to }, args.json, engine, output).await
}

/// Tells what became of downloads that were acted on.
///
/// # Errors
/// Nothing of it exists.
pub(crate) fn settle(reply: Reply, json: bool, done: &str, output: &mut Output) -> Result<Status, CliError> {
    match reply {
        Reply::Acted(acted) => {
            let all = output.acted(&acted, json, done)?;
            Ok(if all { Status::Done } else { Status::Failed })
        }
        // Nothing that was chosen could be changed, and that was told.
        Reply::Done => Ok(Status::Done),
        other => Err(unexpected(&other)),
    }
}

/// Tells a value from the selector that stands before or after it.
fn apart<T>(words: &[String], parse: impl Fn(&str) -> Result<T, String>) -> Result<(T, &[String]), CliError> {
    let tried = words.split_first().map(|(first, rest)| (parse(first), rest));
    match (tried, words.split_last()) {
        (Some((Ok(value), rest)), _) => Ok((value, rest)),
        (Some((Err(why), _)), Some((last, rest))) => {
            let value =
                parse(last).map_err(|_| CliError::usage(why, "Write it before or after the downloads"))?;
            Ok((value, rest))
        }
        _ => Err(CliError::usage("nothing is selected", "Name downloads by number, or `all`")),
    }
}

/// Tells a place in the queue from the selector that stands before or after it.
fn place(words: &[String]) -> Result<(Place, &[String]), CliError> {
    let beside = |side: &str, id: &str| {
        let id = DownloadId(id.trim_start_matches('#').parse().ok()?);
        match side {
            "before" => Some(Place::Before { id }),
            "after" => Some(Place::After { id }),
            _ => None,
        }
    };
    if let [side, id, select @ ..] = words
        && !select.is_empty()
        && let Some(place) = beside(side, id)
    {
        return Ok((place, select));
    }
    if let [select @ .., side, id] = words
        && !select.is_empty()
        && let Some(place) = beside(side, id)
    {
        return Ok((place, select));
    }
    apart(words, |word| match word {
        "top" => Ok(Place::Top),
        "bottom" => Ok(Place::Bottom),
        "up" => Ok(Place::Up),
        "down" => Ok(Place::Down),
        _ => Err(format!(
            "`{word}` is no place in the queue; there are top, bottom, up, down, before ID and after ID"
        )),
    })
}

fn past(act: &Act) -> String {
    match act {
        Act::Pause => "paused".into(),
        Act::Resume => "resumed".into(),
        Act::Cancel => "cancelled".into(),
        Act::Remove => "removed".into(),
        Act::Retry => "trying again:".into(),
        Act::SetMode { mode } => format!("switched to {}:", mode.word()),
        Act::SetPriority { priority } => format!("set to {}:", priority.word()),
        Act::Move { .. } => "moved".into(),
        Act::SetLimit { .. } | Act::Set(_) => "changed".into(),
        Act::RefreshUrl { .. } => "new link for".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::scripted::{Scripted, output};
    use super::*;
    use crate::model::request::{Acted, Refusal, RefusalKind};
    use crate::model::state::WaitReason;
    use crate::model::view::DownloadRow;
    use crate::model::view::tests::row;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn a_value_may_stand_before_or_after_the_downloads() {
        for (line, value, select) in [
            ("background 3 4", Some(Mode::Background), "3 4"),
            ("3 4 background", Some(Mode::Background), "3 4"),
            ("real-time all", Some(Mode::RealTime), "all"),
            ("3 4", None, ""),
        ] {
            let words = words(line);
            match apart(&words, parse_mode) {
                Ok((mode, rest)) => {
                    assert_eq!((Some(mode), rest.join(" ").as_str()), (value, select), "{line}");
                }
                Err(error) => assert!(value.is_none() && error.to_string().contains("no mode"), "{line}"),
            }
        }
    }

    #[test]
    fn places_in_the_queue() {
        for (line, place_of, select) in [
            ("top 3", Some(Place::Top), "3"),
            ("3 4 bottom", Some(Place::Bottom), "3 4"),
            ("before 5 3", Some(Place::Before { id: DownloadId(5) }), "3"),
            ("3 4 after 5", Some(Place::After { id: DownloadId(5) }), "3 4"),
            ("3 after #5", Some(Place::After { id: DownloadId(5) }), "3"),
            ("3 4", None, ""),
            ("3 after", None, ""),
            ("after 3", None, ""),
        ] {
            let words = words(line);
            match place(&words) {
                Ok((place, rest)) => {
                    assert_eq!((Some(place), rest.join(" ").as_str()), (place_of, select), "{line}");
                }
                Err(_) => assert!(place_of.is_none(), "{line}"),
            }
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn refusals_are_told_one_by_one_and_decide_the_status() {
        for (kinds, code, said) in [
            ("ok ok", Ok(0), "paused 2 downloads.\n"),
            ("ok not-now", Ok(1), "haul: 2: can't. Do this.\npaused 1 download.\n"),
            ("not-now not-now", Ok(1), "haul: 1: can't. Do this.\nhaul: 2: can't. Do this.\n"),
            ("not-found", Err(2), ""),
            ("", Ok(0), "haul: nothing matches; nothing was changed.\n"),
        ] {
            let engine = Scripted::new(move |_| {
                let acted = kinds.split_whitespace().zip(1..).map(|(word, id)| {
                    let kind = match word {
                        "not-now" => Some(RefusalKind::NotNow),
                        "not-found" => Some(RefusalKind::NotFound),
                        _ => None,
                    };
                    let refused = kind.map(|kind| Refusal::new(kind, "can't", "Do this"));
                    Acted { id: DownloadId(id), refused }
                });
                Some(Ok(Reply::Acted(acted.collect())))
            });
            let (mut output, _, talk) = output();
            let status = act(&words("1 2"), Act::Pause, false, &engine, &mut output).await;
            assert_eq!(status.map(Status::code).map_err(|error| error.status().code()), code, "{kinds}");
            assert_eq!(talk.text(), said, "{kinds}");
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_goes_on_but_is_held_says_what_holds_it() {
        for (held, said) in [
            ("queued queued", "resumed 2 downloads.\n"),
            ("queued held", "resumed 2 downloads.\nhaul: 2 waits: held; `haul go` releases it.\n"),
            ("held held", "resumed 2 downloads.\nhaul: 2 downloads wait: held; `haul go` releases it.\n"),
        ] {
            let engine = Scripted::new(move |request| {
                Some(Ok(match request {
                    Request::List { select } => {
                        let rows = select.ids.iter().zip(held.split_whitespace()).map(|(id, word)| {
                            let why = WaitReason::Held;
                            let state = if word == "held" {
                                State::Waiting { why, until: None }
                            } else {
                                State::Queued
                            };
                            DownloadRow { state, ..row(id.0) }
                        });
                        Reply::Rows(rows.collect())
                    }
                    _ => Reply::Acted([1, 2].map(|id| Acted { id: DownloadId(id), refused: None }).to_vec()),
                }))
            });
            let (mut output, _, talk) = output();
            act(&words("1 2"), Act::Resume, false, &engine, &mut output).await.unwrap();
            assert_eq!(talk.text(), said);
            // Nobody asks why what was paused waits.
            let asked = engine.asked().len();
            act(&words("1 2"), Act::Pause, false, &engine, &mut output).await.unwrap();
            assert_eq!(engine.asked().len(), asked + 1);
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn real_time_is_refused_before_the_engine_is_asked() {
        let engine = Scripted::new(|_| None);
        let (mut output, _, _) = output();
        let args = ModeArgs { words: words("3 real-time"), json: false };
        let error = mode(&args, &engine, &mut output).await.unwrap_err();
        assert_eq!(error.status().code(), 2);
        assert!(engine.asked().is_empty());
    }
}
