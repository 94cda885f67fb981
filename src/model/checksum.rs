//! Checksums as people and servers write them.

use std::fmt;
use std::str::FromStr;

use data_encoding::{BASE64, HEXLOWER, HEXLOWER_PERMISSIVE};
use serde::{Deserialize, Serialize};

/// How a checksum is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// MD5, 16 bytes: finds accidents, not attackers.
    Md5,
    /// SHA-1, 20 bytes: finds accidents, not attackers.
    Sha1,
    /// SHA-256, 32 bytes.
    Sha256,
    /// SHA-384, 48 bytes.
    Sha384,
    /// SHA-512, 64 bytes.
    Sha512,
    /// BLAKE3, 32 bytes.
    Blake3,
}

impl Algorithm {
    /// Every algorithm, the weakest first.
    pub const ALL: [Self; 6] =
        [Self::Md5, Self::Sha1, Self::Sha256, Self::Sha384, Self::Sha512, Self::Blake3];

    /// The name as RFC 9530 and Metalink write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha-1",
            Self::Sha256 => "sha-256",
            Self::Sha384 => "sha-384",
            Self::Sha512 => "sha-512",
            Self::Blake3 => "blake3",
        }
    }

    /// Bytes in a sum.
    pub fn length(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 | Self::Blake3 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// Finds an algorithm by any of its common spellings.
    pub fn named(text: &str) -> Option<Self> {
        let plain: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
        Self::ALL.into_iter().find(|known| {
            known
                .name()
                .chars()
                .filter(char::is_ascii_alphanumeric)
                .collect::<String>()
                .eq_ignore_ascii_case(&plain)
                || (*known == Self::Sha1 && plain.eq_ignore_ascii_case("sha"))
        })
    }
}

/// A sum and how it is computed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Checksum {
    algorithm: Algorithm,
    bytes: Box<[u8]>,
}

/// Why a text is no checksum.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChecksumError {
    /// No algorithm is named.
    #[error("`{0}` names no algorithm: write it as sha-256:HEX")]
    NoAlgorithm(String),
    /// The algorithm is not known.
    #[error(
        "`{0}` is no checksum algorithm that haul knows: it knows md5, sha-1, sha-256, sha-384, sha-512 and blake3"
    )]
    Unknown(String),
    /// The sum has the wrong length or other characters.
    #[error("a {algorithm} sum has {digits} hexadecimal digits; `{text}` has {} characters", text.len())]
    BadSum {
        /// The algorithm.
        algorithm: &'static str,
        /// How many digits it wants.
        digits: usize,
        /// What was given.
        text: String,
    },
}

impl Checksum {
    /// Returns a sum, or nothing where its length is not the algorithm's.
    pub fn new(algorithm: Algorithm, bytes: &[u8]) -> Option<Self> {
        (bytes.len() == algorithm.length()).then(|| Self { algorithm, bytes: bytes.into() })
    }

    /// Parses a sum in hexadecimal digits, or in base64.
    ///
    /// # Errors
    /// Another length or other characters.
    pub fn parse(algorithm: Algorithm, text: &str) -> Result<Self, ChecksumError> {
        let text = text.trim();
        HEXLOWER_PERMISSIVE
            .decode(text.as_bytes())
            .ok()
            .and_then(|bytes| Self::new(algorithm, &bytes))
            .or_else(|| BASE64.decode(text.as_bytes()).ok().and_then(|bytes| Self::new(algorithm, &bytes)))
            .ok_or_else(|| ChecksumError::BadSum {
                algorithm: algorithm.name(),
                digits: algorithm.length() * 2,
                text: text.to_owned(),
            })
    }

    /// The algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm.name(), HEXLOWER.encode(&self.bytes))
    }
}

impl FromStr for Checksum {
    type Err = ChecksumError;

    /// Parses `ALGORITHM:SUM` or, as aria2 writes it, `ALGORITHM=SUM`.
    fn from_str(text: &str) -> Result<Self, ChecksumError> {
        let (name, sum) =
            text.split_once([':', '=']).ok_or_else(|| ChecksumError::NoAlgorithm(text.to_owned()))?;
        let algorithm = Algorithm::named(name).ok_or_else(|| ChecksumError::Unknown(name.to_owned()))?;
        Self::parse(algorithm, sum)
    }
}

impl From<Checksum> for String {
    fn from(sum: Checksum) -> Self {
        sum.to_string()
    }
}

impl TryFrom<String> for Checksum {
    type Error = ChecksumError;

    fn try_from(text: String) -> Result<Self, ChecksumError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_sum_are_equal() {
        let hex = "d41d8cd98f00b204e9800998ecf8427e";
        let sum: Checksum = format!("md5:{hex}").parse().unwrap();
        for text in [
            format!("MD5={hex}"),
            format!("md5:{}", hex.to_uppercase()),
            "md5:1B2M2Y8AsgTpgAmY7PhCfg==".into(),
        ] {
            assert_eq!(text.parse(), Ok(sum.clone()), "{text}");
        }
        assert_eq!(sum.to_string(), format!("md5:{hex}"));
        assert_eq!(Algorithm::named("SHA256"), Some(Algorithm::Sha256));
        assert_eq!(Algorithm::named("sha"), Some(Algorithm::Sha1));
    }

    #[test]
    fn what_is_no_checksum_says_why() {
        let text = |bad: &str| bad.parse::<Checksum>().unwrap_err().to_string();
        assert!(text("abcdef").contains("names no algorithm"));
        assert!(text("crc32:00").contains("sha-256"));
        assert_eq!(text("sha-256:00"), "a sha-256 sum has 64 hexadecimal digits; `00` has 2 characters");
    }
}
