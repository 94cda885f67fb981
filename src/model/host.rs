//! Hosts as a person names them in a rule, and the keys that a host must show.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Which hosts a rule is about: `example.com` is that one, `*.example.com` is every one below it, `*` is all.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostPattern(String);

/// Why a text is no pattern of hosts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no host: write example.com, *.example.com or *")]
pub struct HostPatternError(String);

impl HostPattern {
    /// Whether it is about this host, whatever the case. A port never matters.
    pub fn is_about(&self, host: &str) -> bool {
        // TLS names an IPv6 address without the brackets that a URL needs.
        let host = host.trim_end_matches('.').trim_matches(['[', ']']);
        match self.0.strip_prefix('*') {
            Some("") => true,
            Some(end) => {
                let front = host.len().checked_sub(end.len());
                front.is_some_and(|at| {
                    at > 0 && host.is_char_boundary(at) && host[at..].eq_ignore_ascii_case(end)
                })
            }
            None => host.eq_ignore_ascii_case(self.0.trim_matches(['[', ']'])),
        }
    }
}

impl FromStr for HostPattern {
    type Err = HostPatternError;

    fn from_str(text: &str) -> Result<Self, HostPatternError> {
        let fail = || HostPatternError(text.to_owned());
        let (star, host) = match text.strip_prefix('*') {
            Some("") => return Ok(Self("*".into())),
            Some(end) => ("*.", end.strip_prefix('.').ok_or_else(fail)?),
            None => ("", text),
        };
        // The URL parser knows what a host is, and writes international ones as the network does.
        let host = url::Host::parse(host).map_err(|_| fail())?;
        // Nothing is below an address.
        let is_below_address = !star.is_empty() && !matches!(host, url::Host::Domain(_));
        let host = host.to_string();
        let is_plain = !is_below_address && !host.is_empty() && !host.contains(['*', '/', '@']);
        if is_plain { Ok(Self(format!("{star}{}", host.trim_end_matches('.')))) } else { Err(fail()) }
    }
}

impl TryFrom<String> for HostPattern {
    type Error = HostPatternError;

    fn try_from(text: String) -> Result<Self, HostPatternError> {
        text.parse()
    }
}

impl From<HostPattern> for String {
    fn from(pattern: HostPattern) -> Self {
        pattern.0
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A key that the certificates of some hosts must have. Several for one host: any of them will do.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Pin {
    /// Which hosts; others are trusted as usual.
    pub host: HostPattern,
    /// The SHA-256 of the key, as `sha256//BASE64`.
    pub key: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_about_a_host_or_all_below_it() {
        for (pattern, host, is_about) in [
            ("example.com", "example.com", true),
            ("Example.COM", "example.com", true),
            ("example.com", "EXAMPLE.com.", true),
            ("example.com", "www.example.com", false),
            ("*.example.com", "www.example.com", true),
            ("*.example.com", "a.b.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", "notexample.com", false),
            ("*.example.com", "éexample.com", false),
            ("*", "anything.at.all", true),
            ("127.0.0.1", "127.0.0.1", true),
            ("[::1]", "[::1]", true),
            ("[::1]", "::1", true),
            ("bücher.example", "xn--bcher-kva.example", true),
        ] {
            let parsed: HostPattern = pattern.parse().unwrap();
            assert_eq!(parsed.is_about(host), is_about, "{pattern} {host}");
        }
    }

    #[test]
    fn what_names_no_host_is_refused() {
        for text in
            ["", "*example.com", "https://example.com", "example.com/x", "a.*.b", "a b", "*.", "*.0.0.1"]
        {
            assert!(text.parse::<HostPattern>().is_err(), "{text}");
        }
    }
}
