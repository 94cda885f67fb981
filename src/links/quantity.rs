//! Quantities of the command line and of lists, as the model counts them. Errors are sentences.

use std::time::Duration;

use crate::model::checksum::Checksum;
use crate::model::item::GiveUp;
use crate::model::units::{ByteCount, ByteRate, parse_duration};

/// Parses bytes, such as `10MB`.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    text.parse::<ByteCount>().map(|size| size.0).map_err(|error| error.to_string())
}

/// Parses bytes per second, such as `2MB/s`.
pub(crate) fn rate(text: &str) -> Result<u64, String> {
    match text.parse::<ByteRate>().map_err(|error| error.to_string())?.0 {
        0 => Err("a limit of 0 would stop it; leave the limit away, or pause".into()),
        rate => Ok(rate),
    }
}

/// A limit that is set or lifted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cap {
    /// No limit any more.
    Lifted,
    /// At most so many bytes per second.
    At(u64),
}

impl Cap {
    /// Bytes per second, where there is a limit.
    pub(crate) fn rate(self) -> Option<u64> {
        match self {
            Self::Lifted => None,
            Self::At(rate) => Some(rate),
        }
    }
}

/// Parses bytes per second, or `none`.
pub(crate) fn cap(text: &str) -> Result<Cap, String> {
    if text == "none" { Ok(Cap::Lifted) } else { rate(text).map(Cap::At) }
}

/// Parses a duration, such as `10m`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| error.to_string())
}

/// Parses `never` or a duration without a byte.
pub(crate) fn give_up(text: &str) -> Result<GiveUp, String> {
    if text == "never" {
        Ok(GiveUp::Never)
    } else {
        duration(text).map(|wait| GiveUp::AfterSecs(wait.as_secs()))
    }
}

/// Parses a checksum, such as `sha-256:HEX`.
pub(crate) fn checksum(text: &str) -> Result<Checksum, String> {
    text.parse().map_err(|error: <Checksum as std::str::FromStr>::Err| error.to_string())
}
