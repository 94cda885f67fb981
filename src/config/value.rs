//! Values of the config file, read into types: each says what would be right where it is not.

use std::ops::{Range, RangeInclusive};
use std::path::PathBuf;
use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;
use url::Url;

use super::nearest::nearest;
use crate::model::units::{ByteCount, ByteRate, parse_duration};

/// A value with its place.
pub(super) type Value<'a> = Spanned<DeValue<'a>>;

/// A value as a type, or what is wrong with it.
pub(super) type Read<T> = Result<T, Wrong>;

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// What goes there.
    pub(super) label: String,
    /// What was meant.
    pub(super) help: Option<String>,
    /// Where, if not the whole value.
    pub(super) span: Option<Range<usize>>,
}

impl From<String> for Wrong {
    fn from(label: String) -> Self {
        Self { label, help: None, span: None }
    }
}

impl From<&str> for Wrong {
    fn from(label: &str) -> Self {
        label.to_owned().into()
    }
}

impl Wrong {
    /// Says what was meant.
    pub(super) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// Says where in the value.
    pub(super) fn at(self, value: &Value<'_>) -> Self {
        Self { span: Some(self.span.unwrap_or_else(|| value.span())), ..self }
    }
}

/// Reads a whole number.
pub(super) fn count(value: &Value<'_>, range: RangeInclusive<u32>) -> Read<u32> {
    whole(value)
        .and_then(|number| u32::try_from(number).ok())
        .filter(|number| range.contains(number))
        .ok_or_else(|| format!("a whole number from {} to {} goes here", range.start(), range.end()).into())
}

fn whole(value: &Value<'_>) -> Option<u64> {
    let number = value.get_ref().as_integer()?;
    u64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// Reads a text that is not empty.
pub(super) fn text(value: &Value<'_>) -> Read<String> {
    let text = value.get_ref().as_str().filter(|text| !text.is_empty());
    text.map(str::to_owned).ok_or_else(|| "a text in quotes goes here".into())
}

/// Reads one of some words.
pub(super) fn word<T: Copy>(value: &Value<'_>, choices: &[(&str, T)]) -> Read<T> {
    let all = choices.iter().map(|(word, _)| format!("\"{word}\"")).collect::<Vec<_>>();
    let wrong = || match &all[..] {
        [most @ .., last] if !most.is_empty() => format!("{} or {last} goes here", most.join(", ")),
        _ => format!("{} goes here", all.concat()),
    };
    let Some(given) = value.get_ref().as_str() else { return Err(wrong().into()) };
    choices.iter().find(|(word, _)| *word == given).map(|(_, value)| *value).ok_or_else(|| {
        let meant = nearest(given, choices.iter().map(|(word, _)| *word));
        Wrong { help: meant.map(|meant| format!("did you mean \"{meant}\"?")), ..wrong().into() }
    })
}

/// Reads true or false.
pub(super) fn flag(value: &Value<'_>) -> Read<bool> {
    value.get_ref().as_bool().ok_or_else(|| "true or false goes here".into())
}

/// Reads a duration: `"90s"`, or a number of seconds.
pub(super) fn duration(value: &Value<'_>, range: RangeInclusive<Duration>) -> Read<Duration> {
    let read = match value.get_ref().as_str() {
        Some(text) => parse_duration(text).map_err(|error| Wrong::from(error.to_string()))?,
        None => {
            Duration::from_secs(whole(value).ok_or("a duration goes here, such as \"90s\" or \"2h30m\"")?)
        }
    };
    if range.contains(&read) {
        return Ok(read);
    }
    Err(format!("a duration from {:?} to {:?} goes here", range.start(), range.end()).into())
}

/// Reads bytes per second: `"2MB/s"`, a number, or `"none"`, which is 0.
pub(super) fn rate(value: &Value<'_>) -> Read<u64> {
    match value.get_ref().as_str() {
        Some("none") => Ok(0),
        Some(text) => text.parse::<ByteRate>().map(|rate| rate.0).map_err(|error| error.to_string().into()),
        None => whole(value).ok_or_else(|| "a rate goes here, such as \"2MB/s\", or \"none\"".into()),
    }
}

/// Reads a number of bytes: `"1GiB"`, or a number.
pub(super) fn size(value: &Value<'_>) -> Read<u64> {
    match value.get_ref().as_str() {
        Some(text) => text.parse::<ByteCount>().map(|size| size.0).map_err(|error| error.to_string().into()),
        None => whole(value).ok_or_else(|| "a size goes here, such as \"500MB\"".into()),
    }
}

/// Reads an absolute path; `~/` is the home folder.
pub(super) fn path(value: &Value<'_>) -> Read<PathBuf> {
    whole_path(&text(value)?)
}

/// Makes a path absolute where it begins with `~/`.
pub(super) fn whole_path(text: &str) -> Read<PathBuf> {
    let path = match text.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => {
            let home = std::env::home_dir().ok_or("there is no home folder here: write the path whole")?;
            home.join(rest.trim_start_matches('/'))
        }
        _ => PathBuf::from(text),
    };
    if path.is_absolute() { Ok(path) } else { Err("a path that starts with / or ~/ goes here".into()) }
}

/// Reads a list, each of its values by itself.
pub(super) fn list<T>(value: &Value<'_>, each: impl Fn(&Value<'_>) -> Read<T>) -> Read<Vec<T>> {
    let list = value.get_ref().as_array().ok_or("a list in [ ] goes here")?;
    list.iter().map(|value| each(value).map_err(|wrong| wrong.at(value))).collect()
}

/// Reads a program and its arguments. No shell ever sees them.
pub(super) fn program(value: &Value<'_>) -> Read<Vec<String>> {
    let one = |value: &Value<'_>| match value.get_ref().as_str() {
        Some(text) if text.contains('\0') => Err("no argument can hold a NUL".into()),
        Some(text) => Ok(text.to_owned()),
        None => Err(Wrong::from("a text in quotes goes here")),
    };
    if let Some(line) = value.get_ref().as_str() {
        let words: Vec<_> = line.split_whitespace().map(|word| format!("{word:?}")).collect();
        let wrong = Wrong::from("a list goes here: the program, then each argument by itself");
        return Err(wrong.help(format!("no shell reads it; did you mean [{}]?", words.join(", "))));
    }
    let mut words = list(value, one)?;
    if let Some(first) = words.first_mut() {
        if first.is_empty() {
            return Err("the first of these is the program".into());
        }
        if first.starts_with("~/") {
            *first = whole_path(first)?.display().to_string();
        }
    }
    Ok(words)
}

/// Reads a proxy.
pub(super) fn proxy(value: &Value<'_>) -> Read<Url> {
    let wrong = || Wrong::from("a proxy goes here: http://HOST:PORT, https://, socks5:// or socks5h://");
    let url = Url::parse(&text(value)?).map_err(|_| wrong())?;
    let is_proxy = matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h") && url.has_host();
    if is_proxy { Ok(url) } else { Err(wrong()) }
}

/// Writes a text as TOML does.
pub(super) fn quoted(text: &str) -> String {
    toml_edit::Value::from(text).to_string()
}

/// Writes a list as TOML does.
pub(super) fn listed<S: AsRef<str>>(texts: impl IntoIterator<Item = S>) -> String {
    let all: Vec<_> = texts.into_iter().map(|text| quoted(text.as_ref())).collect();
    format!("[{}]", all.join(", "))
}

/// Writes bytes so that not one is lost on the way back.
pub(super) fn exact(bytes: u64) -> String {
    for (factor, unit) in [
        (1 << 30, "GiB"),
        (1_000_000_000, "GB"),
        (1 << 20, "MiB"),
        (1_000_000, "MB"),
        (1 << 10, "KiB"),
        (1000, "kB"),
    ] {
        if bytes > 0 && bytes.is_multiple_of(factor) {
            return format!("{}{unit}", bytes / factor);
        }
    }
    bytes.to_string()
}

/// Writes bytes per second; 0 is none.
pub(super) fn exact_rate(rate: u64) -> String {
    if rate == 0 { quoted("none") } else { quoted(&format!("{}/s", exact(rate))) }
}

/// Writes a duration in its largest even unit.
pub(super) fn exact_duration(duration: Duration) -> String {
    let ms = duration.as_millis();
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1000, "s"), (1, "ms")];
    let even = units.into_iter().find(|(unit, _)| ms >= *unit && ms.is_multiple_of(*unit));
    let (unit, name) = even.unwrap_or((1, "ms"));
    quoted(&format!("{}{name}", ms / unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Value<'_> {
        DeValue::parse(text).unwrap()
    }

    #[test]
    fn what_is_written_is_read_back_exactly() {
        for bytes in [1, 999, 1000, 1024, 1_500_000, 1 << 20, 3 << 30, u64::from(u32::MAX), 123_456_789] {
            let text = exact_rate(bytes);
            assert_eq!(rate(&value(&text)), Ok(bytes), "{text}");
            let text = quoted(&exact(bytes));
            assert_eq!(size(&value(&text)), Ok(bytes), "{text}");
        }
        for ms in [1, 500, 1000, 1500, 60_000, 90_000, 3_600_000, 14 * 86_400_000] {
            let wait = Duration::from_millis(ms);
            let text = exact_duration(wait);
            assert_eq!(duration(&value(&text), Duration::ZERO..=Duration::MAX), Ok(wait), "{text}");
        }
        assert_eq!(rate(&value(&exact_rate(0))), Ok(0));
    }

    #[test]
    fn what_is_wrong_says_what_would_be_right() {
        let seconds = Duration::from_secs(1)..=Duration::from_hours(1);
        for (wrong, label) in [
            (count(&value("0"), 1..=9).map(drop), "from 1 to 9"),
            (count(&value("-1"), 1..=9).map(drop), "from 1 to 9"),
            (count(&value("\"4\""), 1..=9).map(drop), "a whole number"),
            (text(&value("\"\"")).map(drop), "in quotes"),
            (flag(&value("\"yes\"")).map(drop), "true or false"),
            (duration(&value("\"0s\""), seconds.clone()).map(drop), "from 1s"),
            (duration(&value("\"soon\""), seconds).map(drop), "is no duration"),
            (rate(&value("\"fast\"")).map(drop), "is no rate"),
            (rate(&value("1.5")).map(drop), "2MB/s"),
            (path(&value("\"x/y\"")).map(drop), "starts with /"),
            (program(&value("[\"\"]")).map(drop), "the program"),
            (proxy(&value("\"ftp://p\"")).map(drop), "socks5"),
        ] {
            let wrong = wrong.unwrap_err();
            assert!(wrong.label.contains(label), "{wrong:?}");
        }
    }

    #[test]
    fn a_shell_line_becomes_a_list_in_the_hint() {
        let wrong = program(&value("\"notify-send done now\"")).unwrap_err();
        assert!(wrong.help.unwrap().contains(r#"["notify-send", "done", "now"]"#));
    }

    #[test]
    fn a_wrong_word_is_told_with_the_one_that_was_meant() {
        let wrong = word(&value("\"restrt\""), &[("restart", 1), ("stop", 2)]).unwrap_err();
        assert_eq!(wrong.label, "\"restart\" or \"stop\" goes here");
        assert_eq!(wrong.help.as_deref(), Some("did you mean \"restart\"?"));
    }

    #[test]
    fn a_wrong_value_in_a_list_is_shown_by_itself() {
        let wrong = list(&value("[1, \"x\", 3]"), |value| count(value, 1..=9)).unwrap_err();
        assert_eq!(wrong.span, Some(4..7));
    }
}
