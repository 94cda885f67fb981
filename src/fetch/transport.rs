//! One GET: what is asked, what comes back. The engine knows no more of the network than this.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{HeaderMap, StatusCode, Version};
use hyper::body::Body as _;
use url::Url;

use super::cookies::Jar;
use super::error::{FetchError, Kind};
use super::pool::Loan;
use super::profile::Profile;
use crate::model::range::Asked;

/// One GET to be made.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Where.
    pub url: Url,
    /// Which bytes.
    pub asked: Asked,
    /// Further fields for the first hop: conditions such as If-None-Match.
    pub conditions: HeaderMap,
    /// Which connections and headers.
    pub profile: Rc<Profile>,
    /// What servers set meanwhile.
    pub jar: Rc<Jar>,
    /// Whether a new connection is wanted.
    pub fresh: bool,
}

/// The answer of the last hop, its body unread.
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Header fields.
    pub headers: HeaderMap,
    /// HTTP version.
    pub version: Version,
    /// Where the answer came from, after redirects.
    pub final_url: Url,
    /// How many redirects were followed.
    pub hops: usize,
    /// The server's address.
    pub remote: Option<SocketAddr>,
    /// Our own address on the connection.
    pub local: Option<SocketAddr>,
    /// The body.
    pub body: Body,
}

/// A body, read piece by piece.
pub struct Body {
    stream: Stream,
    host: Box<str>,
    /// The connection, where it is this answer's own, and how much came over it.
    loan: Option<Box<(Loan, u64)>>,
}

enum Stream {
    /// Up to HTTP/1.1: a cut is an error, but for a body that only the connection's end ends.
    One(reqwest::Response),
    /// HTTP/2, which has an end of its own.
    Two(reqwest::Body),
}

/// A window that has grown with more than this came with a connection of HTTP/2, in bytes: whoever has it next could not read slowly.
const LENT_AGAIN: u64 = 1024 * 1024;
/// What may be unread of an answer that nobody wants, for its connection to be of use, in bytes: it comes all the same.
const UNREAD: u64 = 64 * 1024;

impl Body {
    pub(super) fn of(response: reqwest::Response, host: String, loan: Option<Loan>) -> Self {
        let stream = if response.version() == Version::HTTP_2 {
            Stream::Two(http::Response::<reqwest::Body>::from(response).into_body())
        } else {
            Stream::One(response)
        };
        Self { stream, host: host.into(), loan: loan.map(|loan| Box::new((loan, 0))) }
    }

    /// Returns the next piece as it came from the socket, or nothing at a clean end. Dropping the future loses nothing.
    ///
    /// # Errors
    /// The connection broke, or the body is shorter than announced.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, FetchError> {
        let body = match &mut self.stream {
            Stream::One(response) => {
                return response.chunk().await.map_err(|error| FetchError::sort(&error, &self.host));
            }
            Stream::Two(body) => body,
        };
        loop {
            match poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await {
                Some(Ok(frame)) => {
                    // Trailers say nothing about the bytes.
                    let Ok(data) = frame.into_data() else { continue };
                    if let Some(loan) = &mut self.loan {
                        loan.1 += data.len() as u64;
                    }
                    return Ok(Some(data));
                }
                Some(Err(error)) => return Err(FetchError::sort(&error, &self.host)),
                // A stream that is reset without an error code looks like its end, too (RFC 9113, 8.1).
                None if !body.is_end_stream() => {
                    let text = format!("{} broke off in the middle of its answer", self.host);
                    return Err(FetchError::new(Kind::Cut, text));
                }
                None => return Ok(None),
            }
        }
    }

    /// Takes in the end of a body whose bytes are all here, where it has come: one that is let go of before is reset.
    pub fn finish(&mut self) {
        if matches!(self.stream, Stream::Two(_)) {
            // Whatever comes now changes nothing.
            let _ = self.chunk().now_or_never();
        }
    }

    /// Bytes that are yet to come, as far as known.
    fn left(&self) -> Option<u64> {
        match &self.stream {
            Stream::One(response) => response.content_length(),
            Stream::Two(body) if body.is_end_stream() => Some(0),
            Stream::Two(body) => body.size_hint().exact(),
        }
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        let unread = if matches!(self.stream, Stream::Two(_)) { UNREAD } else { 0 };
        if self.left().is_some_and(|left| left <= unread)
            && let Some(loan) = self.loan.take()
            && loan.1 <= LENT_AGAIN
        {
            loan.0.give_back();
        }
    }
}
