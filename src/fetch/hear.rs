//! Reads an answer's header into the facts that judge it.

use std::time::SystemTime;

use http::HeaderMap;
use http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, DATE, ETAG, HeaderName, HeaderValue,
    LAST_MODIFIED, RETRY_AFTER, TRANSFER_ENCODING,
};
use url::Url;

use super::transport::Answer;
use super::{content_range, digest, retry_after};
use crate::model::heard::Heard;
use crate::model::range::ContentRange;
use crate::model::time::UnixMs;
use crate::model::validators::Validators;

/// Longest media type that is believed: two names of 127 letters (RFC 6838, section 4.2).
const LONGEST_TYPE: usize = 255;
/// The longest entity tag that is kept, in bytes; a longer one counts as none.
const LONGEST_TAG: usize = 1024;

/// Reads an answer. `now` is the wall clock, for Retry-After dates and for servers that send no Date.
pub fn hear(answer: &Answer, now: SystemTime) -> Heard {
    let headers = &answer.headers;
    // Two that disagree say nothing of where the bytes belong.
    let content_range = match sole(headers, &CONTENT_RANGE) {
        Some(value) => content_range::parse(value.as_bytes()),
        None if headers.contains_key(CONTENT_RANGE) => ContentRange::Bad,
        None => ContentRange::Absent,
    };
    let date = date(headers, &DATE);
    Heard {
        status: answer.status.as_u16(),
        content_range,
        // Beside a transfer coding a length means nothing (RFC 9112, section 6.3).
        content_length: text(headers, &CONTENT_LENGTH)
            .filter(|_| !headers.contains_key(TRANSFER_ENCODING))
            .and_then(|length| length.trim().parse().ok()),
        encoded: is_encoded(headers, &answer.final_url),
        media_type: text(headers, &CONTENT_TYPE)
            .and_then(|kind| kind.split(';').next())
            .map(|essence| essence.trim().to_ascii_lowercase())
            .filter(|essence| !essence.is_empty() && essence.len() <= LONGEST_TYPE),
        validators: validators(headers, answer.status.as_u16() == 200, now),
        // A date is of the server's clock, which says in the same answer what it shows.
        retry_after: headers
            .get(RETRY_AFTER)
            .and_then(|value| retry_after::parse(value.as_bytes(), date.unwrap_or(now))),
        strange_host: false,
    }
}

fn validators(headers: &HeaderMap, is_whole: bool, now: SystemTime) -> Validators {
    Validators {
        etag: sole(headers, &ETAG)
            .and_then(|tag| tag.to_str().ok())
            .map(str::trim)
            .filter(|tag| !tag.is_empty() && tag.len() <= LONGEST_TAG)
            .map(str::to_owned),
        last_modified: date(headers, &LAST_MODIFIED).map(UnixMs::from),
        date: Some(UnixMs::from(date(headers, &DATE).unwrap_or(now))),
        digest: digest::promised(headers, is_whole).map(|sum| sum.to_string()),
    }
}

/// Whether the body is something else than the file's own bytes. Servers name a stored `.gz` as its own coding; its bytes are the
/// file all the same.
fn is_encoded(headers: &HeaderMap, from: &Url) -> bool {
    // The list may come in one field or in several (RFC 9110, section 5.3).
    let codings: Vec<String> = headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase())
        .flat_map(|list| list.split(',').map(|coding| coding.trim().to_owned()).collect::<Vec<_>>())
        .filter(|coding| !coding.is_empty() && coding != "identity")
        .collect();
    match &codings[..] {
        [] => false,
        [coding] => !is_named_as_coded(coding, from),
        _ => true,
    }
}

fn is_named_as_coded(coding: &str, from: &Url) -> bool {
    let path = std::path::Path::new(from.path());
    let ends = |endings: &[&str]| {
        path.extension().is_some_and(|own| endings.iter().any(|ending| own.eq_ignore_ascii_case(ending)))
    };
    match coding {
        "gzip" | "x-gzip" => ends(&["gz", "tgz", "svgz"]),
        "compress" | "x-compress" => ends(&["z"]),
        "br" => ends(&["br"]),
        "zstd" => ends(&["zst"]),
        _ => false,
    }
}

fn date(headers: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(text(headers, name)?).ok()
}

/// A field that may come once only: nothing where two of it disagree.
fn sole<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut all = headers.get_all(name).iter();
    let first = all.next()?;
    all.all(|other| other == first).then_some(first)
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codings_count_in_whatever_field_they_come() {
        let table: [(&[&str], &str, bool); 8] = [
            (&[], "/a", false),
            (&["identity"], "/a", false),
            (&["gzip"], "/a", true),
            (&["identity", "gzip"], "/a", true),
            (&["identity, gzip"], "/a", true),
            (&["gzip"], "/a.tar.GZ", false),
            (&["identity", "gzip"], "/a.gz", false),
            (&["gzip", "br"], "/a.gz", true),
        ];
        for (fields, path, encoded) in table {
            let mut headers = HeaderMap::new();
            for field in fields {
                headers.append(CONTENT_ENCODING, HeaderValue::from_static(field));
            }
            let from = Url::parse("http://h.example").unwrap().join(path).unwrap();
            assert_eq!(is_encoded(&headers, &from), encoded, "{fields:?} {path}");
        }
    }

    #[test]
    fn a_field_that_comes_twice_proves_nothing_unless_both_agree() {
        let tags = |fields: [&'static str; 2]| {
            let mut headers = HeaderMap::new();
            for field in fields {
                headers.append(ETAG, HeaderValue::from_static(field));
            }
            validators(&headers, true, SystemTime::UNIX_EPOCH).etag
        };
        assert_eq!(tags(["\"a\"", "\"a\""]).as_deref(), Some("\"a\""));
        assert_eq!(tags(["\"a\"", "\"b\""]), None);
    }
}
