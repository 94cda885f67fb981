//! Downloads in words: the same tones and remarks in every command.

use std::time::Duration;

use super::table::Tone;
use crate::model::item::Mode;
use crate::model::state::{State, StateKind, WaitReason};
use crate::model::time::UnixMs;
use crate::model::units::clock;
use crate::model::view::DownloadRow;
pub(crate) use crate::model::words::{ago, downloads, percent, size, span, speed};

/// The glyph of a download's state.
pub(crate) fn glyph(row: &DownloadRow, ascii: bool) -> &'static str {
    let glyph = if ascii { crate::model::words::plain_glyph } else { crate::model::words::glyph };
    glyph(row.state.kind(), row.mode)
}

/// The tone of a download's state.
pub(crate) fn tone(kind: StateKind) -> Tone {
    match kind {
        StateKind::Waiting => Tone::Yellow,
        StateKind::Failed => Tone::Red,
        StateKind::Completed | StateKind::Cancelled => Tone::Dim,
        kind if kind.is_running() => Tone::Accent,
        _ => Tone::Plain,
    }
}

/// The most useful thing about a download now: how long it takes, for what it waits, why it failed, when it was done.
pub(crate) fn remark(row: &DownloadRow, now: UnixMs) -> String {
    match &row.state {
        State::Queued if row.mode == Mode::RealTime => "queued, real time".into(),
        State::Downloading => {
            let left = row.eta_secs.map(|secs| format!("{} left", clock(secs)));
            [left, row.remark.clone()].into_iter().flatten().collect::<Vec<_>>().join(", ")
        }
        State::Waiting { why, until } => {
            let wait = until.map(|until| until.since(now)).filter(|wait| !wait.is_zero());
            match wait {
                _ if *why == WaitReason::LoginPage => login_page(why, wait),
                Some(wait) => format!("{why}, {}", span(wait)),
                None => why.to_string(),
            }
        }
        State::Failed(failure) => failure.text.clone(),
        State::Completed => row.ended.map(|ended| ago(now.since(ended))).unwrap_or_default(),
        other => other.kind().word().into(),
    }
}

/// Where a page is what was wanted, only the command line can say so.
fn login_page(why: &WaitReason, wait: Option<Duration>) -> String {
    let again = wait.map(|wait| format!(" Tried again in {}.", span(wait))).unwrap_or_default();
    format!("{why}{again} If the page is the file: --accept-html")
}

#[cfg(test)]
mod tests {
    use super::super::scripted::row;
    use super::*;

    #[test]
    fn a_login_page_is_tried_again_and_may_be_the_file() {
        let mut waits = row(1, "retrying");
        waits.state = State::Waiting { why: WaitReason::LoginPage, until: Some(UnixMs(24_000)) };
        assert_eq!(
            remark(&waits, UnixMs(0)),
            "a web page came instead of the file: log in to the network? Tried again in 24 s. If the page is the file: --accept-html"
        );
    }
}
