//! An answer's header, read: what the judgement of an answer needs and no more.

use std::time::Duration;

use super::range::ContentRange;
use super::validators::Validators;

/// What a server said, as far as it matters here.
#[derive(Clone, Debug)]
pub struct Heard {
    /// Status code of the last hop.
    pub status: u16,
    /// Content-Range.
    pub content_range: ContentRange,
    /// Content-Length, in bytes.
    pub content_length: Option<u64>,
    /// Whether the body is compressed though that was refused.
    pub encoded: bool,
    /// Media type in lower case, without parameters.
    pub media_type: Option<String>,
    /// Validators.
    pub validators: Validators,
    /// Retry-After, from now.
    pub retry_after: Option<Duration>,
    /// Whether the answer came from a host that this download was never led to before, though it has bytes.
    pub strange_host: bool,
}
