//! The Retry-After field in both its forms (RFC 9110, section 10.2.3).

use std::time::{Duration, SystemTime};

/// No server makes haul wait longer than this at a time.
pub const MOST: Duration = Duration::from_hours(6);

/// Returns how long to wait from `now`, at most [`MOST`]; nothing where the field makes no sense.
pub fn parse(value: &[u8], now: SystemTime) -> Option<Duration> {
    let text = std::str::from_utf8(value).ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than a number holds are still a long time.
        return Some(text.parse().map_or(MOST, Duration::from_secs).min(MOST));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default().min(MOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_honoured_and_capped() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let table = [
            ("7", Some(7)),
            ("0", Some(0)),
            ("1000000000", Some(6 * 3600)),
            ("99999999999999999999999", Some(6 * 3600)),
            ("Sun, 06 Nov 1994 08:50:07 GMT", Some(30)),
            ("Sunday, 06-Nov-94 08:50:07 GMT", Some(30)),
            ("Sun Nov  6 08:50:07 1994", Some(30)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("-5", None),
            ("soon", None),
            ("", None),
        ];
        for (text, seconds) in table {
            assert_eq!(parse(text.as_bytes(), now), seconds.map(Duration::from_secs), "{text}");
        }
    }
}
