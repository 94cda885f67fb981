//! Downloads in words, the same on the screen and in every command.

use std::time::Duration;

use super::item::Mode;
use super::state::StateKind;
use super::units::{ByteCount, ByteRate};
use super::view::DownloadRow;

/// The sign of a download's state.
pub fn glyph(kind: StateKind, mode: Mode) -> &'static str {
    match kind {
        StateKind::Queued => "·",
        StateKind::Paused => "‖",
        StateKind::Waiting => "◔",
        StateKind::Completed => "✓",
        StateKind::Failed => "✗",
        StateKind::Cancelled => "–",
        _ if mode == Mode::RealTime => "▶",
        _ => "▼",
    }
}

/// The sign of a download's state where there is only ASCII.
pub fn plain_glyph(kind: StateKind, mode: Mode) -> &'static str {
    match kind {
        StateKind::Queued => ".",
        StateKind::Paused => "=",
        StateKind::Waiting => "~",
        StateKind::Completed => "+",
        StateKind::Failed => "x",
        StateKind::Cancelled => "-",
        _ if mode == Mode::RealTime => ">",
        _ => "v",
    }
}

/// Whether the locale has nothing but ASCII: `C` and `POSIX`, and any that doesn't say UTF-8.
pub fn is_ascii_locale(variable: impl Fn(&str) -> Option<String>) -> bool {
    let get = |name: &str| variable(name).filter(|value| !value.is_empty());
    let locale = get("LC_ALL").or_else(|| get("LC_CTYPE")).or_else(|| get("LANG")).unwrap_or_default();
    let locale = locale.to_lowercase();
    !(locale.contains("utf-8") || locale.contains("utf8"))
}

/// How far a download is, in hundredths; nothing where its size is not known. A hundred only when it is whole.
pub fn percent(row: &DownloadRow) -> Option<u64> {
    let size = row.size.filter(|size| *size > 0)?;
    u64::try_from(u128::from(row.covered.min(size)) * 100 / u128::from(size)).ok()
}

/// Its size, or what is here of it.
pub fn size(row: &DownloadRow) -> String {
    match row.size {
        Some(size) => ByteCount(size).to_string(),
        None if row.covered > 0 => ByteCount(row.covered).to_string(),
        None => String::new(),
    }
}

/// A speed; nothing where nothing moves.
pub fn speed(bytes_per_second: u64) -> String {
    if bytes_per_second == 0 { String::new() } else { ByteRate(bytes_per_second).to_string() }
}

/// A span in its two largest units at most: `42 s`, `5 min`, `1 h 20 min`, `3 d`.
pub fn span(time: Duration) -> String {
    let minutes = whole_secs(time) / 60;
    match minutes {
        60..1440 if !minutes.is_multiple_of(60) => format!("{} h {} min", minutes / 60, minutes % 60),
        _ => brief(time),
    }
}

/// A span in its largest unit, for where there are few columns: `42 s`, `5 min`, `3 h`, `2 d`.
pub fn brief(time: Duration) -> String {
    let secs = whole_secs(time);
    match secs {
        0..60 => format!("{secs} s"),
        60..3600 => format!("{} min", secs / 60),
        3600..86_400 => format!("{} h", secs / 3600),
        _ => format!("{} d", secs / 86_400),
    }
}

fn whole_secs(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// How long ago something was.
pub fn ago(time: Duration) -> String {
    if time < Duration::from_secs(5) { "just now".into() } else { format!("{} ago", span(time)) }
}

/// `1 download`, `2 downloads`.
pub fn downloads(count: usize) -> String {
    if count == 1 { "1 download".into() } else { format!("{} downloads", thousands(count)) }
}

/// `12 345`: digits in groups.
pub fn thousands(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::view::tests::row;
    use super::*;

    #[test]
    fn a_locale_without_utf_8_has_ascii_only() {
        for (variables, is_ascii) in [
            (&[][..], true),
            (&[("LANG", "C.UTF-8")], false),
            (&[("LANG", "en_GB.utf8"), ("LC_ALL", "")], false),
            (&[("LANG", "en_GB.UTF-8"), ("LC_ALL", "C")], true),
            (&[("LANG", "C"), ("LC_CTYPE", "de_DE.UTF-8")], false),
            (&[("LC_ALL", "POSIX")], true),
        ] {
            let get = |name: &str| {
                variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            };
            assert_eq!(is_ascii_locale(get), is_ascii, "{variables:?}");
        }
    }

    #[test]
    fn times_are_short() {
        for (secs, words, few) in [
            (0, "0 s", "0 s"),
            (6, "6 s", "6 s"),
            (102, "1 min", "1 min"),
            (3723, "1 h 2 min", "1 h"),
            (7200, "2 h", "2 h"),
            (300_000, "3 d", "3 d"),
        ] {
            let time = Duration::from_secs(secs);
            assert_eq!((span(time), brief(time)), (words.into(), few.into()));
        }
        assert_eq!(span(Duration::from_millis(100)), "1 s");
        assert_eq!(ago(Duration::from_mins(2)), "2 min ago");
    }

    #[test]
    fn a_hundred_percent_is_only_what_is_whole() {
        let mut row = row(1);
        (row.size, row.covered) = (Some(1_000_000), 999_999);
        assert_eq!(percent(&row), Some(99));
        row.covered = 1_000_000;
        assert_eq!(percent(&row), Some(100));
        row.size = None;
        assert_eq!(percent(&row), None);
    }

    #[test]
    fn numbers_are_read_in_groups() {
        assert_eq!(
            (thousands(7), thousands(1234), thousands(100_000)),
            ("7".into(), "1 234".into(), "100 000".into())
        );
    }
}
