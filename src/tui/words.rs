//! Downloads in words as short as a row allows, and whole sentences where there is room.

use crate::model::item::{Mode, Priority};
use crate::model::policy::{Leave, Policy};
use crate::model::state::{FailKind, Failure, State, StateKind, WaitReason};
use crate::model::time::UnixMs;
use crate::model::units::{ByteCount, clock};
use crate::model::view::DownloadRow;
use crate::model::way::Ways;
pub(crate) use crate::model::words::{ago, brief, downloads, percent, size, span, speed, thousands};
use crate::tui::app::Options;
use crate::tui::look::Look;

/// What a web page wants that asks to be let in.
pub(crate) fn asks(page: &crate::model::page::PageRequest) -> String {
    format!("{} wants to add downloads", page.origin)
}

/// How far it is, between 0 and 1; nothing where its size is not known.
#[expect(clippy::cast_precision_loss, reason = "a bar has some hundred steps")]
pub(crate) fn share(row: &DownloadRow) -> Option<f64> {
    let size = row.size.filter(|size| *size > 0)?;
    Some((row.covered.min(size)) as f64 / size as f64)
}

/// A text with its first letter large.
pub(crate) fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// `bg` or `rt`, or the priority where it is a special one.
pub(crate) fn mode(row: &DownloadRow) -> &'static str {
    match (row.mode, row.priority) {
        (Mode::RealTime, _) => "rt",
        (Mode::Background, Priority::Now) => "!",
        (Mode::Background, Priority::High) => "hi",
        (Mode::Background, Priority::Normal) => "bg",
        (Mode::Background, Priority::Low) => "lo",
    }
}

/// The three ways to download, in the user's words.
pub(crate) const WAYS: [&str; 3] =
    ["background, steps aside", "background, full speed", "real time, to play it now"];

/// What becomes of a background download when the screen is left.
pub(crate) fn afterwards(options: &Options) -> &'static str {
    match (options.passing, options.outlives) {
        (true, _) => "ends with the demo",
        (false, true) => "goes on after you quit",
        (false, false) => "waits while haul doesn't run",
    }
}

/// What a way to download means.
pub(crate) fn way_means(at: usize, options: &Options) -> &'static str {
    if at == 2 { "front first; lost if you quit" } else { afterwards(options) }
}

/// What a way means to the engine.
pub(crate) fn way(at: usize) -> (Mode, Priority) {
    match at {
        1 => (Mode::Background, Priority::Now),
        2 => (Mode::RealTime, Priority::Normal),
        _ => (Mode::Background, Priority::Normal),
    }
}

/// What keeps a download in line from starting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// Everything is held.
    Everything,
    /// Its collection is.
    Collection,
}

/// The most useful thing about a download now, in at most `room` columns: why it failed, for what it waits, when it was done.
/// Nothing where its speed and time left say more. Commands stand in braces for their keys.
pub(crate) fn remark(row: &DownloadRow, held: Option<Held>, now: UnixMs, look: &Look) -> Option<String> {
    match &row.state {
        State::Queued if held.is_some() => Some("held".into()),
        State::Downloading => None,
        State::Queued => Some(
            match (row.mode, row.priority) {
                (Mode::RealTime, _) => "next, real time",
                (_, Priority::Low) => "queued, low",
                (_, Priority::High) => "queued, high",
                _ => "queued",
            }
            .into(),
        ),
        State::Connecting => Some("connecting".into()),
        State::Verifying => Some("checking".into()),
        State::Processing => Some("finishing".into()),
        State::Paused => Some("paused".into()),
        State::Cancelled => Some("cancelled".into()),
        State::Completed => Some(row.ended.map_or_else(|| "done".into(), |ended| ago(now.since(ended)))),
        State::Waiting { why, until } => Some(waiting(why, *until, now, look)),
        State::Failed(failure) => Some(failed(failure)),
    }
}

fn waiting(why: &WaitReason, until: Option<UnixMs>, now: UnixMs, look: &Look) -> String {
    let clock = until.map(|until| look.until(until, now));
    let left = until.map(|until| until.since(now)).filter(|left| !left.is_zero()).map(brief);
    match (why, left) {
        (WaitReason::Retry { attempt, .. }, Some(left)) => format!("try {attempt} in {left}"),
        (WaitReason::Retry { attempt, .. }, None) => format!("try {attempt} is next"),
        (WaitReason::HostAsked { .. }, Some(left)) => format!("host says {left}"),
        (WaitReason::HostAsked { .. }, None) => "host says wait".into(),
        (WaitReason::HostRefuses { .. }, _) => "host refuses: {resume}".into(),
        (WaitReason::LoginPage, _) => "login page?".into(),
        (WaitReason::LinkExpired, _) => "link expired: {new-link}".into(),
        (WaitReason::NoSpace { missing, .. }, _) => format!("needs {} more", ByteCount(*missing)),
        (WaitReason::FolderAway { .. }, _) => "folder away".into(),
        (WaitReason::InterfaceAway { interface }, _) => format!("{interface} is away"),
        (WaitReason::Held, _) => clock.map_or_else(|| "held".into(), |clock| format!("held until {clock}")),
        (WaitReason::OutsidePlan, _) => {
            clock.map_or_else(|| "outside the plan".into(), |clock| format!("not until {clock}"))
        }
        (WaitReason::Metered, _) => "metered line".into(),
        (WaitReason::OnBattery { percent: Some(percent) }, _) => format!("battery {percent} %"),
        (WaitReason::OnBattery { percent: None }, _) => "on battery".into(),
        (WaitReason::BudgetSpent { .. }, _) => {
            clock.map_or_else(|| "budget used up".into(), |clock| format!("budget: {clock}"))
        }
    }
}

/// The status of HTTP that a sentence has in it.
pub(crate) fn status(text: &str) -> Option<&str> {
    text.split(|c: char| !c.is_ascii_digit()).find(|word| word.len() == 3)
}

/// Why it failed, in two words.
pub(crate) fn failed(failure: &Failure) -> String {
    match (failure.kind, status(&failure.text)) {
        (FailKind::Gone, Some(status)) => format!("gone: {status}"),
        (FailKind::Gone, None) => "gone".into(),
        (FailKind::Refused, Some(status)) => format!("refused: {status}"),
        (FailKind::Refused, None) => "refused".into(),
        (FailKind::WebPage, _) => "page, not a file".into(),
        (FailKind::Certificate, _) => "bad certificate".into(),
        (FailKind::Redirect, _) => "bad redirect".into(),
        (FailKind::Protocol, _) => "bad answer".into(),
        (FailKind::Encoded, _) => "came encoded".into(),
        (FailKind::Checksum, _) => "wrong checksum".into(),
        (FailKind::Changed, _) => "file changed".into(),
        (FailKind::NoProof, _) => "no proof to join".into(),
        (FailKind::PartGone, _) => "part file gone".into(),
        (FailKind::NameTaken, _) => "name taken".into(),
        (FailKind::Publish, _) => "can't be named".into(),
        (FailKind::Local, _) => "local trouble".into(),
        (FailKind::GaveUp, _) => "gave up".into(),
    }
}

/// What a kind of failure is called for many at once.
pub(crate) fn failure_kind(kind: FailKind) -> &'static str {
    match kind {
        FailKind::Gone => "gone from",
        FailKind::Refused => "refused by",
        FailKind::WebPage => "a web page from",
        FailKind::Certificate => "bad certificate of",
        FailKind::Redirect => "bad redirect by",
        FailKind::Protocol | FailKind::Encoded => "bad answer from",
        FailKind::Checksum => "wrong checksum from",
        FailKind::Changed => "changed at",
        FailKind::NoProof => "no proof to join from",
        FailKind::PartGone => "part file gone, from",
        FailKind::NameTaken => "name taken, from",
        FailKind::Publish | FailKind::Local => "local trouble, from",
        FailKind::GaveUp => "gave up on",
    }
}

/// The whole sentence about its state, and the way out where there is one, with commands in braces for their keys.
pub(crate) fn sentence(
    row: &DownloadRow,
    held: Option<Held>,
    ways: &Ways<Leave>,
    now: UnixMs,
    look: &Look,
) -> (String, String) {
    match &row.state {
        State::Queued if held.is_some() => {
            let hint = match held {
                Some(Held::Everything) => "{hold} releases everything",
                _ => "{hold-collection} releases its collection, {collection} moves it to another",
            };
            ("held: it doesn't start".into(), hint.into())
        }
        State::Failed(failure) => {
            // What a command would do, a key does here.
            let hint = match failure.kind {
                FailKind::Gone => "check the address; {new-link} gives it a new link",
                FailKind::Refused => "it may want a login: {edit} gives it headers, {new-link} another link",
                FailKind::WebPage => "open it in a browser, and give the link to the file with {new-link}",
                FailKind::Checksum => "{resume} fetches it anew; {edit} corrects the checksum",
                FailKind::NameTaken => "{edit} gives it another name",
                _ => &failure.hint,
            };
            (failure.text.clone(), hint.to_owned())
        }
        State::Waiting { why, until } => {
            let left = until.map(|until| until.since(now)).filter(|left| !left.is_zero()).map(span);
            let text = match why {
                WaitReason::NoSpace { missing, folder } => {
                    format!("no space: {folder} needs {} more", ByteCount(*missing))
                }
                WaitReason::LoginPage => "a web page came instead of the file".to_owned(),
                WaitReason::LinkExpired => "the link expired; its bytes are kept".to_owned(),
                WaitReason::HostRefuses { host } => format!("{host} refuses several in a row"),
                WaitReason::Held => "held".to_owned(),
                WaitReason::OutsidePlan => "outside the plan".to_owned(),
                WaitReason::Metered => "on a metered line".to_owned(),
                WaitReason::OnBattery { percent: Some(percent) } => format!("on battery, {percent} % left"),
                WaitReason::OnBattery { percent: None } => "on battery".to_owned(),
                WaitReason::BudgetSpent { period } => {
                    format!("the budget of the {} is used up", period.word())
                }
                other => other.to_string(),
            };
            let hint = match why {
                WaitReason::LinkExpired => "{new-link} gives it a new link",
                WaitReason::HostRefuses { .. } => "{resume} tries one, and all if that works",
                WaitReason::Held => "{hold} releases everything",
                WaitReason::OutsidePlan
                | WaitReason::Metered
                | WaitReason::OnBattery { .. }
                | WaitReason::BudgetSpent { .. }
                    if ways.now.policy == Policy::Hold =>
                {
                    "{hold} lets everything go on"
                }
                why if why.is_hold() => "{hold} lets everything go on, {now} this one",
                WaitReason::LoginPage => "log in to the network; it goes on by itself",
                WaitReason::NoSpace { .. } | WaitReason::FolderAway { .. } => {
                    "it goes on by itself when that is back"
                }
                _ => "{resume} tries at once",
            };
            let by_clock =
                matches!(why, WaitReason::Held | WaitReason::OutsidePlan | WaitReason::BudgetSpent { .. });
            let text = match (left, until.filter(|_| by_clock)) {
                (_, Some(until)) => format!("{text} until {}", look.until(until, now)),
                (Some(left), None) if *why == WaitReason::LoginPage => {
                    format!("{text}, tried again in {left}")
                }
                (Some(left), None) => format!("{text}, {left} left"),
                (None, None) => text,
            };
            (text, hint.into())
        }
        State::Downloading => {
            let left = row.eta_secs.map(|secs| format!("{} left", clock(secs)));
            let text = [left, row.remark.clone()].into_iter().flatten().collect::<Vec<_>>().join(", ");
            (if text.is_empty() { "downloading".into() } else { text }, String::new())
        }
        State::Completed => (
            row.ended.map_or_else(|| "done".into(), |ended| format!("done {}", ago(now.since(ended)))),
            String::new(),
        ),
        State::Cancelled => {
            ("cancelled; its bytes are kept until it is removed".into(), "{resume} takes it up again".into())
        }
        State::Paused => ("paused".into(), "{pause} goes on".into()),
        other => (other.kind().word().into(), String::new()),
    }
}

/// Whether a person should look at it.
pub(crate) fn needs_you(state: &State) -> bool {
    match state {
        State::Failed(_) => true,
        State::Waiting { why, .. } => matches!(
            why,
            WaitReason::HostRefuses { .. }
                | WaitReason::LoginPage
                | WaitReason::LinkExpired
                | WaitReason::NoSpace { .. }
                | WaitReason::FolderAway { .. }
                | WaitReason::InterfaceAway { .. }
        ),
        _ => false,
    }
}

/// The order in which states are sorted: what moves, what is wrong, what waits, what is over.
pub(crate) fn state_rank(kind: StateKind) -> u8 {
    match kind {
        StateKind::Processing => 0,
        StateKind::Verifying => 1,
        StateKind::Downloading => 2,
        StateKind::Connecting => 3,
        StateKind::Failed => 4,
        StateKind::Waiting => 5,
        StateKind::Paused => 6,
        StateKind::Queued => 7,
        StateKind::Completed => 8,
        StateKind::Cancelled => 9,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::policy::Period;
    use crate::tui::sample::row;
    use crate::tui::view_tests::look;

    #[test]
    fn a_login_page_is_tried_again_and_no_flag_is_named_that_no_key_has() {
        let now = UnixMs(1_000_000);
        let mut row = row(1, "x");
        let until = Some(now.after(Duration::from_secs(24)));
        row.state = State::Waiting { why: WaitReason::LoginPage, until };
        let (told, hint) = sentence(&row, None, &Ways::default(), now, &look("dark", false));
        assert_eq!(told, "a web page came instead of the file, tried again in 24 s");
        assert_eq!(hint, "log in to the network; it goes on by itself");
    }

    #[test]
    fn a_key_is_offered_where_it_would_help() {
        let held = Leave { policy: Policy::Hold, ..Leave::default() };
        let mut row = row(1, "x");
        row.state = State::Waiting { why: WaitReason::OnBattery { percent: Some(9) }, until: None };
        for (ways, offered) in [
            (Ways { background: held, ..Ways::default() }, "{hold} lets everything go on, {now} this one"),
            (Ways { background: held, now: held, ..Ways::default() }, "{hold} lets everything go on"),
        ] {
            let (_, hint) = sentence(&row, None, &ways, UnixMs(1), &look("dark", false));
            assert_eq!(hint, offered);
        }
    }

    #[test]
    fn a_row_says_the_most_useful_thing_in_few_columns() {
        let now = UnixMs(1_000_000);
        let said = |state: State| {
            let mut row = row(1, "x");
            row.state = state;
            row.ended = Some(UnixMs(1_000_000 - 120_000));
            remark(&row, None, now, &look("dark", false)).unwrap_or_default()
        };
        let wait = |why| State::Waiting { why, until: Some(now.after(Duration::from_secs(42))) };
        let fail = |kind, text: &str| State::Failed(Failure { kind, text: text.into(), hint: String::new() });
        for (state, words) in [
            (State::Downloading, ""),
            (State::Completed, "2 min ago"),
            (wait(WaitReason::HostAsked { host: "h".into() }), "host says 42 s"),
            (wait(WaitReason::Retry { attempt: 3, text: "reset".into() }), "try 3 in 42 s"),
            (
                wait(WaitReason::NoSpace { missing: 312_000_000_000, folder: "/data".into() }),
                "needs 312 GB more",
            ),
            (wait(WaitReason::Held), "held until 00:17"),
            (wait(WaitReason::OutsidePlan), "not until 00:17"),
            (wait(WaitReason::OnBattery { percent: Some(19) }), "battery 19 %"),
            (wait(WaitReason::BudgetSpent { period: Period::Day }), "budget: 00:17"),
            (fail(FailKind::Gone, "gone: the server says 404"), "gone: 404"),
            (fail(FailKind::Refused, "the server refuses it: 403 Forbidden"), "refused: 403"),
        ] {
            assert_eq!(said(state.clone()), words);
            assert!(said(state).chars().count() <= 17);
        }
    }
}
