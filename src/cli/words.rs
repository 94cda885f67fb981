//! Downloads in words: the same tones and remarks in every command.

use super::table::Tone;
use crate::model::item::Mode;
use crate::model::state::{State, StateKind};
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
            match until.map(|until| until.since(now)).filter(|wait| !wait.is_zero()) {
                Some(wait) => format!("{why}, {}", span(wait)),
                None => why.to_string(),
            }
        }
        State::Failed(failure) => failure.text.clone(),
        State::Completed => row.ended.map(|ended| ago(now.since(ended))).unwrap_or_default(),
        other => other.kind().word().into(),
    }
}
