//! What a server says that tells one version of a file from another (RFC 9110, section 8.8).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::time::UnixMs;

/// How much older than the response's Date a Last-Modified must be before nobody can have changed the file unseen.
pub const SETTLED_AFTER: Duration = Duration::from_mins(1);

/// The validators of one response, as far as it had any.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validators {
    /// The entity tag as it was sent, `W/` and quotes included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// Last-Modified, parsed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<UnixMs>,
    /// The server's own clock when it answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<UnixMs>,
    /// The whole representation's digest where the server sent one (RFC 9530), as `algorithm:hex`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

impl Validators {
    /// Whether the entity tag is there and strong.
    pub fn has_strong_etag(&self) -> bool {
        self.etag.as_deref().is_some_and(|tag| !tag.starts_with("W/"))
    }

    /// Whether Last-Modified is old enough that a change within the same second would have shown.
    pub fn is_settled(&self) -> bool {
        match (self.last_modified, self.date) {
            (Some(modified), Some(date)) => date.since(modified) >= SETTLED_AFTER,
            _ => false,
        }
    }

    /// Whether there is nothing to compare.
    pub fn is_empty(&self) -> bool {
        self.etag.is_none() && self.last_modified.is_none() && self.digest.is_none()
    }
}
