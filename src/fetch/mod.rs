//! The network: one GET at a time, what came back, and how to read what servers say.

pub mod content_range;
pub mod cookies;
pub mod digest;
pub mod disposition;
pub mod error;
pub mod hear;
pub mod http;
#[cfg(target_os = "linux")]
pub mod link;
pub mod metalink;
pub mod name;
pub mod netrc;
mod pool;
pub mod profile;
mod reach;
pub mod retry_after;
pub mod tls;
pub mod transport;
