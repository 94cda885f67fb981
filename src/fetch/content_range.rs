//! The Content-Range field, read strictly: a part that can't say what it is, is not used (RFC 9110, section 14.4).

use crate::model::range::{ByteRange, ContentRange};

/// Reads a Content-Range field.
pub fn parse(value: &[u8]) -> ContentRange {
    std::str::from_utf8(value).ok().and_then(read).unwrap_or(ContentRange::Bad)
}

fn read(text: &str) -> Option<ContentRange> {
    let text = text.trim();
    let (unit, rest) = text.split_once([' ', '='])?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (range, total) = rest.trim().split_once('/')?;
    let total = match total.trim() {
        "*" => None,
        digits => Some(number(digits)?),
    };
    if range.trim() == "*" {
        return total.map(ContentRange::Unsatisfied);
    }
    let (first, last) = range.split_once('-')?;
    let (first, last) = (number(first.trim())?, number(last.trim())?);
    if total.is_some_and(|total| last >= total) {
        return None;
    }
    let range = ByteRange::new(first, last.checked_add(1)?)?;
    Some(ContentRange::Bytes(range, total))
}

/// Digits only: no sign, no blanks.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_rfc_allows_and_nothing_else() {
        let bytes = |start, end, total| ContentRange::Bytes(ByteRange::new(start, end).unwrap(), total);
        let table = [
            ("bytes 0-499/1234", bytes(0, 500, Some(1234))),
            ("bytes 0-499/*", bytes(0, 500, None)),
            ("Bytes 5-5/6", bytes(5, 6, Some(6))),
            ("bytes */1234", ContentRange::Unsatisfied(1234)),
            ("bytes 500-499/1234", ContentRange::Bad),
            ("bytes 0-1234/1234", ContentRange::Bad),
            ("bytes 0-18446744073709551615/*", ContentRange::Bad),
            ("bytes 0-99999999999999999999/*", ContentRange::Bad),
            ("bytes -1-5/10", ContentRange::Bad),
            ("bytes +1-5/10", ContentRange::Bad),
            ("bytes */*", ContentRange::Bad),
            ("items 0-1/2", ContentRange::Bad),
            ("", ContentRange::Bad),
        ];
        for (text, read) in table {
            assert_eq!(parse(text.as_bytes()), read, "{text}");
        }
    }
}
