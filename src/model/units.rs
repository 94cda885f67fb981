//! Quantities.
use std::str::FromStr;

/// Bytes.
pub struct ByteCount(pub u64);

impl FromStr for ByteCount {
    type Err = std::num::ParseIntError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}
