//! Downloads in words: the same glyphs, states and times in every command.

use std::time::Duration;

use super::table::Tone;
use crate::model::item::Mode;
use crate::model::state::{State, StateKind};
use crate::model::time::UnixMs;
use crate::model::units::{ByteCount, ByteRate, clock};
use crate::model::view::DownloadRow;

/// The glyph of a download's state.
pub(crate) fn glyph(row: &DownloadRow) -> &'static str {
    match row.state.kind() {
        StateKind::Queued => "·",
        StateKind::Paused => "‖",
        StateKind::Waiting => "◔",
        StateKind::Completed => "✓",
        StateKind::Failed => "✗",
        StateKind::Cancelled => "–",
        _ if row.mode == Mode::RealTime => "▶",
        _ => "▼",
    }
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

/// How far a download is; nothing where its size is not known. Full only when it is.
pub(crate) fn percent(row: &DownloadRow) -> Option<u64> {
    let size = row.size.filter(|size| *size > 0)?;
    let percent = u128::from(row.covered.min(size)) * 100 / u128::from(size);
    u64::try_from(percent).ok()
}

/// A size, or nothing known.
pub(crate) fn size(row: &DownloadRow) -> String {
    match row.size {
        Some(size) => ByteCount(size).to_string(),
        None if row.covered > 0 => ByteCount(row.covered).to_string(),
        None => String::new(),
    }
}

/// A speed, or nothing that moves.
pub(crate) fn speed(bytes_per_second: u64) -> String {
    if bytes_per_second == 0 { String::new() } else { ByteRate(bytes_per_second).to_string() }
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

/// A span in its two largest units at most: `42 s`, `5 min`, `1 h 20 min`, `3 d`.
pub(crate) fn span(time: Duration) -> String {
    let secs = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    match secs {
        0..60 => format!("{secs} s"),
        60..3600 => format!("{} min", secs / 60),
        3600..86_400 if !(secs / 60).is_multiple_of(60) => {
            format!("{} h {} min", secs / 3600, secs / 60 % 60)
        }
        3600..86_400 => format!("{} h", secs / 3600),
        _ => format!("{} d", secs / 86_400),
    }
}

/// How long ago something was.
pub(crate) fn ago(time: Duration) -> String {
    if time < Duration::from_secs(5) { "just now".into() } else { format!("{} ago", span(time)) }
}

/// `1 download`, `2 downloads`.
pub(crate) fn downloads(count: usize) -> String {
    if count == 1 { "1 download".into() } else { format!("{count} downloads") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        for (secs, words) in
            [(0, "0 s"), (6, "6 s"), (102, "1 min"), (3723, "1 h 2 min"), (7200, "2 h"), (300_000, "3 d")]
        {
            assert_eq!(span(Duration::from_secs(secs)), words);
        }
        assert_eq!(span(Duration::from_millis(100)), "1 s");
        assert_eq!(ago(Duration::from_mins(2)), "2 min ago");
    }
}
