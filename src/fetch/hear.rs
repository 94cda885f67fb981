//! Reads an answer's header into the facts that judge it.

use std::time::SystemTime;

use http::HeaderMap;
use http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, DATE, ETAG, HeaderName, LAST_MODIFIED,
    RETRY_AFTER, TRANSFER_ENCODING,
};

use super::transport::Answer;
use super::{content_range, digest, retry_after};
use crate::model::heard::Heard;
use crate::model::range::ContentRange;
use crate::model::time::UnixMs;
use crate::model::validators::Validators;

/// The longest entity tag that is kept, in bytes; a longer one counts as none.
/// Longest media type that is believed: two names of 127 letters (RFC 6838, section 4.2).
const LONGEST_TYPE: usize = 255;
const LONGEST_TAG: usize = 1024;

/// Reads an answer. `now` is the wall clock, for Retry-After dates and for servers that send no Date.
pub fn hear(answer: &Answer, now: SystemTime) -> Heard {
    let headers = &answer.headers;
    let content_range =
        headers.get(CONTENT_RANGE).map_or(ContentRange::Absent, |v| content_range::parse(v.as_bytes()));
    let encoded = text(headers, &CONTENT_ENCODING).is_some_and(|coding| {
        coding
            .split(',')
            .map(str::trim)
            .any(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case("identity"))
    });
    Heard {
        status: answer.status.as_u16(),
        content_range,
        // Beside a transfer coding a length means nothing (RFC 9112, section 6.3).
        content_length: text(headers, &CONTENT_LENGTH)
            .filter(|_| !headers.contains_key(TRANSFER_ENCODING))
            .and_then(|length| length.trim().parse().ok()),
        encoded,
        media_type: text(headers, &CONTENT_TYPE)
            .and_then(|kind| kind.split(';').next())
            .map(|essence| essence.trim().to_ascii_lowercase())
            .filter(|essence| !essence.is_empty() && essence.len() <= LONGEST_TYPE),
        validators: validators(headers, answer.status.as_u16() == 200, now),
        retry_after: headers.get(RETRY_AFTER).and_then(|value| retry_after::parse(value.as_bytes(), now)),
        strange_host: false,
    }
}

fn validators(headers: &HeaderMap, is_whole: bool, now: SystemTime) -> Validators {
    let date = |name: &HeaderName| text(headers, name).and_then(|date| httpdate::parse_http_date(date).ok());
    Validators {
        etag: text(headers, &ETAG)
            .map(str::trim)
            .filter(|tag| !tag.is_empty() && tag.len() <= LONGEST_TAG)
            .map(str::to_owned),
        last_modified: date(&LAST_MODIFIED).map(UnixMs::from),
        date: Some(UnixMs::from(date(&DATE).unwrap_or(now))),
        digest: digest::promised(headers, is_whole).map(|sum| sum.to_string()),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
