//! Sizes as scripts write them: `"4 MiB"`, or a plain number of bytes.

use serde::Deserialize;
use serde::de::{Deserializer, Error};

/// A number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ByteSize(pub(crate) u64);

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(u64),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Number(bytes) => Ok(Self(bytes)),
            Written::Text(text) => {
                parse(&text).ok_or_else(|| D::Error::custom(format!("{text:?} is no size such as \"4 MiB\"")))
            }
        }
    }
}

fn parse(text: &str) -> Option<ByteSize> {
    let (number, unit) = text.split_once(' ')?;
    let unit = match unit {
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        _ => return None,
    };
    Some(ByteSize(number.parse::<u64>().ok()? * unit))
}
