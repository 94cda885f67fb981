//! The file name in a Content-Disposition field (RFC 6266, RFC 8187). A bad field is never an error: it only gives no name.

use std::borrow::Cow;

/// Returns the name that the field gives: `filename*` before `filename`, decoded, not yet made safe.
pub fn file_name(value: &[u8]) -> Option<String> {
    let text: Cow<'_, str> = match std::str::from_utf8(value) {
        Ok(text) => text.into(),
        Err(_) => encoding_rs::WINDOWS_1252.decode(value).0,
    };
    let parameters = parameters(&text);
    let find =
        |wanted: &str| parameters.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, v)| v);
    find("filename*")
        .and_then(|value| extended(value))
        .or_else(|| find("filename").map(|value| plain(value)))
        .filter(|name| !name.trim().is_empty())
}

/// `charset'language'percent-encoded` (RFC 8187, section 3.2).
fn extended(value: &str) -> Option<String> {
    let (charset, rest) = value.split_once('\'')?;
    let (_, encoded) = rest.split_once('\'')?;
    let bytes: Vec<u8> = percent_encoding::percent_decode_str(encoded).collect();
    let encoding = encoding_rs::Encoding::for_label(charset.trim().as_bytes())?;
    Some(encoding.decode_without_bom_handling(&bytes).0.into_owned())
}

/// Not in the RFC, but in the field: a percent-encoded plain name.
fn plain(value: &str) -> String {
    let looks_encoded =
        value.as_bytes().windows(3).any(|w| w[0] == b'%' && w[1..].iter().all(u8::is_ascii_hexdigit));
    if !looks_encoded {
        return value.to_owned();
    }
    percent_encoding::percent_decode_str(value)
        .decode_utf8()
        .map_or_else(|_| value.to_owned(), Cow::into_owned)
}

/// Splits at semicolons that are not in quotes, and takes the quotes away.
fn parameters(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut chars = text.chars().peekable();
    let mut first = true;
    while chars.peek().is_some() {
        let (mut part, mut value, mut in_value) = (String::new(), String::new(), false);
        while let Some(c) = chars.next() {
            match c {
                ';' => break,
                '=' if !in_value => in_value = true,
                '"' if in_value && value.trim().is_empty() => {
                    value.clear();
                    while let Some(c) = chars.next() {
                        match c {
                            '"' => break,
                            '\\' => value.extend(chars.next()),
                            _ => value.push(c),
                        }
                    }
                }
                _ if in_value => value.push(c),
                _ => part.push(c),
            }
        }
        // The first part is the type, unless a server forgot it.
        if in_value || !first {
            found.push((part.trim().to_owned(), value.trim().to_owned()));
        }
        first = false;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_as_browsers_find_them() {
        let table: [(&[u8], Option<&str>); 16] = [
            (b"attachment; filename=\"foo.html\"", Some("foo.html")),
            (b"attachment; filename=foo.html", Some("foo.html")),
            (b"attachment; filename=\"f\\oo.html\"", Some("foo.html")),
            (b"attachment; filename=\"\\\"quoting\\\" tested.html\"", Some("\"quoting\" tested.html")),
            (b"attachment; filename=\"semi;colon.html\"", Some("semi;colon.html")),
            (b"attachment; foo=\"bar\"; filename=\"foo.html\"", Some("foo.html")),
            (b"attachment; FILENAME=\"foo.html\"", Some("foo.html")),
            (b"attachment; filename*=UTF-8''foo-%c3%a4-%e2%82%ac.html", Some("foo-ä-€.html")),
            (b"attachment; filename*=iso-8859-1''foo-%E4.html", Some("foo-ä.html")),
            (b"attachment; filename=\"fallback.html\"; filename*=UTF-8''real.html", Some("real.html")),
            (b"attachment; filename=\"fallback.html\"; filename*=broken", Some("fallback.html")),
            (b"attachment; filename=\"foo-\xe4.html\"", Some("foo-ä.html")),
            (b"attachment; filename=\"foo-%41.html\"", Some("foo-A.html")),
            (b"filename=bare.html", Some("bare.html")),
            (b"attachment", None),
            (b"attachment; filename=\"\"", None),
        ];
        for (value, name) in table {
            assert_eq!(file_name(value).as_deref(), name, "{}", String::from_utf8_lossy(value));
        }
    }
}
