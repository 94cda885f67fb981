//! One GET: what is asked, what comes back. The engine knows no more of the network than this.

use std::net::SocketAddr;
use std::rc::Rc;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, Version};
use url::Url;

use super::cookies::Jar;
use super::error::FetchError;
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
    pub(super) response: reqwest::Response,
    pub(super) host: Box<str>,
    /// The connection, where it is this answer's own.
    pub(super) loan: Option<Box<Loan>>,
}

impl Body {
    /// Returns the next piece as it came from the socket, or nothing at a clean end. Dropping the future loses nothing.
    ///
    /// # Errors
    /// The connection broke, or the body is shorter than announced.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, FetchError> {
        let chunk = self.response.chunk().await.map_err(|error| FetchError::sort(&error, &self.host))?;
        if chunk.is_none()
            && let Some(loan) = self.loan.take()
        {
            loan.give_back();
        }
        Ok(chunk)
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        // What was read up to its last byte may never have been asked for more.
        if self.response.content_length() == Some(0)
            && let Some(loan) = self.loan.take()
        {
            loan.give_back();
        }
    }
}
