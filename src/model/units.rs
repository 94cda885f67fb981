//! Quantities as people type and read them: sizes, rates and durations.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A number of bytes. `10M` are millions, `10Mi` are 1024 × 1024.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteCount(pub u64);

/// Bytes per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteRate(pub u64);

/// Why a text is no quantity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no {what}: write {example}")]
pub struct UnitError {
    text: String,
    what: &'static str,
    example: &'static str,
}

impl FromStr for ByteCount {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        scaled(text).map(Self).ok_or_else(|| UnitError {
            text: text.to_owned(),
            what: "size",
            example: "500k, 10M, 1.5 GiB or a number of bytes",
        })
    }
}

impl FromStr for ByteRate {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let plain = text.trim().trim_end_matches("/s").trim_end_matches("ps").trim();
        let bits = plain
            .strip_suffix("bit")
            .or_else(|| plain.strip_suffix('b').filter(|rest| rest.ends_with(['k', 'K', 'M', 'G'])));
        let rate = match bits {
            Some(bits) => scaled(bits).map(|bits| bits / 8),
            None => scaled(plain),
        };
        rate.map(Self).ok_or_else(|| UnitError {
            text: text.to_owned(),
            what: "rate",
            example: "500k, 2MB/s, 5Mbit/s or bytes a second",
        })
    }
}

/// Parses a duration: `90`, `90s`, `10min`, `2h30m`, `14d` or `1:30`.
///
/// # Errors
/// Anything else.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    let fail = || UnitError { text: text.to_owned(), what: "duration", example: "90s, 10min, 2h30m or 14d" };
    let plain = text.trim();
    if let Some((minutes, seconds)) = plain.split_once(':') {
        let (minutes, seconds): (u64, u64) =
            (minutes.parse().map_err(|_| fail())?, seconds.parse().map_err(|_| fail())?);
        return minutes
            .checked_mul(60)
            .and_then(|all| all.checked_add(seconds))
            .map(Duration::from_secs)
            .ok_or_else(fail);
    }
    let mut seconds = 0.0;
    let mut rest = plain;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number: f64 = rest[..digits].parse().map_err(|_| fail())?;
        rest = rest[digits..].trim_start();
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let unit = match &rest[..letters] {
            "ms" => 0.001,
            "" | "s" | "sec" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            "w" => 604_800.0,
            _ => return Err(fail()),
        };
        seconds += number * unit;
        rest = rest[letters..].trim_start();
    }
    if plain.is_empty() { Err(fail()) } else { Duration::try_from_secs_f64(seconds).map_err(|_| fail()) }
}

/// A number with an optional prefix: k, M, G, T by thousands, Ki, Mi, Gi, Ti by 1024; a `B` may follow.
fn scaled(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim().trim_end_matches(['B', 'b']);
    let factor: u64 = match unit {
        "" => 1,
        "k" | "K" => 1000,
        "m" | "M" => 1_000_000,
        "g" | "G" => 1_000_000_000,
        "t" | "T" => 1_000_000_000_000,
        "ki" | "Ki" | "KI" => 1 << 10,
        "mi" | "Mi" | "MI" => 1 << 20,
        "gi" | "Gi" | "GI" => 1 << 30,
        "ti" | "Ti" | "TI" => 1 << 40,
        _ => return None,
    };
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(factor);
    }
    // A part of a byte is a unit that was forgotten.
    let part: f64 = number.parse().ok().filter(|_| factor > 1)?;
    #[expect(clippy::cast_precision_loss, reason = "a fraction was typed: no more precision is there")]
    let bytes = part * factor as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked just before")]
    (bytes.is_finite() && (0.0..1.8e19).contains(&bytes)).then_some(bytes as u64)
}

impl fmt::Display for ByteCount {
    /// Writes three digits and a unit, at most seven columns wide: `4.38 GB`, `61.3 MB`, ` 210 MB`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&three_digits(self.0))
    }
}

impl fmt::Display for ByteRate {
    /// Writes like [`ByteCount`], with `/s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/s", three_digits(self.0)))
    }
}

fn three_digits(bytes: u64) -> String {
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut value = bytes as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.5 && unit < 4 {
        value /= 1000.0;
        unit += 1;
    }
    let unit = ["kB", "MB", "GB", "TB", "PB"][unit];
    if value < 9.995 {
        format!("{value:.2} {unit}")
    } else if value < 99.95 {
        format!("{value:.1} {unit}")
    } else {
        format!("{value:.0} {unit}")
    }
}

/// Writes a time left or past as people read it: `0:06`, `1:42`, `2:07:00`, `3 d`.
pub fn clock(seconds: u64) -> String {
    match seconds {
        0..3600 => format!("{}:{:02}", seconds / 60, seconds % 60),
        3600..172_800 => format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_they_are_typed() {
        let table = [
            ("0", 0),
            ("500k", 500_000),
            ("10M", 10_000_000),
            ("10 MB", 10_000_000),
            ("1.5 GiB", 1_610_612_736),
            ("4Ki", 4096),
        ];
        for (text, bytes) in table {
            assert_eq!(text.parse(), Ok(ByteCount(bytes)), "{text}");
        }
        for bad in ["", "x", "10Q", "-1", "1e3", "1.5", "0.5B", "99999999999G"] {
            assert!(bad.parse::<ByteCount>().is_err(), "{bad}");
        }
    }

    #[test]
    fn rates_count_bits_only_where_they_say_so() {
        let table =
            [("2MB/s", 2_000_000), ("5Mbit/s", 625_000), ("5Mb/s", 625_000), ("100", 100), ("1k", 1000)];
        for (text, rate) in table {
            assert_eq!(text.parse(), Ok(ByteRate(rate)), "{text}");
        }
    }

    #[test]
    fn durations_are_read_as_they_are_typed() {
        let table =
            [("90", 90), ("90s", 90), ("10min", 600), ("2h30m", 9000), ("14d", 1_209_600), ("1:30", 90)];
        for (text, seconds) in table {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for bad in ["", "x", "10y", "1:x"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn columns_never_jump() {
        let table = [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.00 kB"),
            (9_999, "10.0 kB"),
            (61_300_000, "61.3 MB"),
            (210_000_000, "210 MB"),
            (999_600_000, "1.00 GB"),
            (4_380_000_000, "4.38 GB"),
        ];
        for (bytes, text) in table {
            assert_eq!(ByteCount(bytes).to_string(), text);
            assert!(text.len() <= 7);
        }
        assert_eq!((clock(6), clock(102), clock(7620)), ("0:06".into(), "1:42".into(), "2:07:00".into()));
    }
}
