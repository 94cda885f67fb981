//! As much of HTTP/1.1 as the shop needs: a request's head, and the head of its answer.

use std::fmt::Write as _;
use std::io;
use std::ops::Range;

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// How large a request's head may be.
const MOST_HEAD: usize = 16 * 1024;

/// A request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    /// `GET`, `HEAD` or something else.
    pub(super) method: String,
    /// The path, without scheme, host and query.
    pub(super) path: String,
    headers: Vec<(String, String)>,
}

impl Request {
    /// Reads the next request of a connection; nothing where the client is done.
    ///
    /// # Errors
    /// The connection broke, or what came is no request.
    pub(super) async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Self>> {
        let mut head = Vec::new();
        // Nothing follows a head here, as requests have no bodies and are not sent ahead.
        while !head.ends_with(b"\r\n\r\n") {
            if head.len() >= MOST_HEAD {
                return Err(io::Error::other("the request's head is too long"));
            }
            if from.read_buf(&mut head).await? == 0 {
                return Ok(None);
            }
        }
        let head = String::from_utf8_lossy(&head);
        Self::parse(&head).map(Some).ok_or_else(|| io::Error::other("that is no request"))
    }

    fn parse(head: &str) -> Option<Self> {
        let mut lines = head.split("\r\n");
        let mut words = lines.next()?.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?);
        // A proxy is asked with the whole link.
        let path = match target.split_once("://") {
            Some((_, rest)) => rest.find('/').map_or("/", |slash| &rest[slash..]),
            None => target,
        };
        let path = path.split(['?', '#']).next()?.to_owned();
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Some(Self { method, path, headers })
    }

    /// Returns a header's value, by its name in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Returns the bytes that are asked for, of `len`. The error says that there are none such (RFC 9110, section 14.1.2).
    pub(super) fn range(&self, len: u64, etag: &str) -> Result<Option<Range<u64>>, ()> {
        if self.header("if-range").is_some_and(|known| known != etag) {
            return Ok(None);
        }
        let Some(asked) = self.header("range").and_then(|range| range.strip_prefix("bytes=")) else {
            return Ok(None);
        };
        // Several ranges, and what is no range, are not heeded.
        let Some((first, last)) = asked.split_once('-').filter(|_| !asked.contains(',')) else {
            return Ok(None);
        };
        let range = match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
            (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(len),
            (Ok(first), Err(_)) if last.trim().is_empty() => first..len,
            (Err(_), Ok(suffix)) if first.trim().is_empty() && suffix > 0 => len.saturating_sub(suffix)..len,
            _ => return Ok(None),
        };
        if range.is_empty() { Err(()) } else { Ok(Some(range)) }
    }
}

/// Writes the head of an answer.
pub(super) fn head(status: &str, headers: &[(&str, String)]) -> String {
    let mut head = format!("HTTP/1.1 {status}\r\n");
    for (name, value) in headers {
        // Writing into a String can't fail.
        let _ = write!(head, "{name}: {value}\r\n");
    }
    head.push_str("\r\n");
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(line: &str, headers: &str) -> Request {
        Request::parse(&format!("{line} HTTP/1.1\r\n{headers}\r\n")).unwrap()
    }

    #[test]
    fn a_link_is_asked_for_as_of_a_server_or_as_of_a_proxy() {
        for (line, path) in [
            ("GET /a/b?c=d", "/a/b"),
            ("GET http://shop.example/a/b", "/a/b"),
            ("GET http://shop.example", "/"),
        ] {
            assert_eq!(asked(line, "").path, path, "{line}");
        }
        assert_eq!(Request::parse("nonsense\r\n"), None);
    }

    #[test]
    fn ranges_are_those_of_the_standard() {
        for (headers, range) in [
            ("", Ok(None)),
            ("Range: bytes=0-9\r\n", Ok(Some(0..10))),
            ("range: bytes=90-\r\n", Ok(Some(90..100))),
            ("Range: bytes=-10\r\n", Ok(Some(90..100))),
            ("Range: bytes=-1000\r\n", Ok(Some(0..100))),
            ("Range: bytes=50-1000\r\n", Ok(Some(50..100))),
            ("Range: bytes=100-\r\n", Err(())),
            ("Range: bytes=5-4\r\n", Ok(None)),
            ("Range: bytes=0-1,3-4\r\n", Ok(None)),
            ("Range: lines=1-2\r\n", Ok(None)),
            ("Range: bytes=0-9\r\nIf-Range: \"one\"\r\n", Ok(Some(0..10))),
            ("Range: bytes=0-9\r\nIf-Range: \"two\"\r\n", Ok(None)),
        ] {
            assert_eq!(asked("GET /", headers).range(100, "\"one\""), range, "{headers}");
        }
    }
}
