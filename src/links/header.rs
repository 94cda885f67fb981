//! One request header as a person writes it: `Name: value`.

use http::{HeaderName, HeaderValue};

use crate::model::item::GivenHeader;

/// What haul sets itself, because the bytes depend on it (RFC 9110, sections 12.5.3, 13.1.5 and 14.2).
const OWN: [&str; 8] = [
    "range",
    "if-range",
    "accept-encoding",
    "content-length",
    "transfer-encoding",
    "connection",
    "te",
    "upgrade",
];

/// Parses `Name: value`.
///
/// # Errors
/// A sentence that says what is wrong with it, without the value.
pub(crate) fn parse_header(text: &str) -> Result<GivenHeader, String> {
    let Some((name, value)) = text.split_once(':') else {
        return Err("a header is written as `Name: value`; there is no colon".into());
    };
    let (name, value) = (name.trim(), value.trim());
    let known =
        HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("`{name}` can't name a header"))?;
    HeaderValue::from_bytes(value.as_bytes())
        .map_err(|_| format!("the value of `{name}` has a control character in it"))?;
    if OWN.contains(&known.as_str()) {
        return Err(format!("`{name}` can't be given: haul sets it itself, because resuming depends on it"));
    }
    Ok(GivenHeader { name: name.to_owned(), value: value.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_a_name_a_colon_and_a_value() {
        let header = parse_header("X-Thing:  a: b ").unwrap();
        assert_eq!((header.name.as_str(), header.value.as_str()), ("X-Thing", "a: b"));
        for bad in ["no colon", ": x", "a b: c", "X: a\u{1}b", "Range: bytes=0-", "accept-encoding: gzip"] {
            assert!(parse_header(bad).is_err(), "{bad}");
        }
    }
}
