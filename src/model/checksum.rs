//! Checksums.
use serde::{Deserialize, Serialize};

/// A checksum.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Checksum(pub String);
