//! Web pages as clients: their origins, what people decided about them, and which addresses their downloads may reach.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::id::DownloadId;
use super::time::UnixMs;
use super::view::{CollectionRow, DownloadRow};

/// Bytes of an origin, at most.
const MOST_ORIGIN: usize = 300;

/// A web page's origin as a browser sends it: scheme, host, and the port where it isn't the scheme's own (RFC 6454, section 6.2).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PageOrigin(String);

/// Why a text is no page's origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no web page's origin, such as https://shop.example")]
pub struct OriginError(String);

impl PageOrigin {
    /// The origin as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host, without its port.
    pub fn host(&self) -> String {
        self.url().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
    }

    /// Which addresses downloads of its pages may reach: the public ones, and those where the page itself lives. A name says
    /// nothing of where a page lives, as its owner lets it lead wherever he likes; only an address does, and `localhost`.
    pub fn reach(&self) -> Reach {
        let lives = match self.url().as_ref().and_then(Url::host) {
            Some(Host::Ipv4(address)) => Place::of(address.into()),
            Some(Host::Ipv6(address)) => Place::of(address.into()),
            Some(Host::Domain(name)) if is_localhost(name) => Place::Loopback,
            _ => Place::Public,
        };
        Reach::PublicAnd(lives)
    }

    fn url(&self) -> Option<Url> {
        Url::parse(&self.0).ok()
    }
}

/// Whether a name is this machine's by definition (RFC 6761, section 6.3).
pub fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

impl FromStr for PageOrigin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let wrong = || OriginError(text.chars().take(60).collect());
        let url = Some(text).filter(|text| text.len() <= MOST_ORIGIN).and_then(|text| Url::parse(text).ok());
        let url = url.filter(|url| matches!(url.scheme(), "http" | "https")).ok_or_else(wrong)?;
        // What a browser sends is what it comes to, letter for letter.
        if url.origin().ascii_serialization() == text { Ok(Self(text.to_owned())) } else { Err(wrong()) }
    }
}

impl TryFrom<String> for PageOrigin {
    type Error = OriginError;

    fn try_from(text: String) -> Result<Self, OriginError> {
        text.parse()
    }
}

impl From<PageOrigin> for String {
    fn from(origin: PageOrigin) -> Self {
        origin.0
    }
}

impl fmt::Display for PageOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Where an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// Somewhere on the internet.
    Public,
    /// This machine.
    Loopback,
    /// A network of one's own.
    Private,
    /// The same wire: also where clouds keep their machines' secrets.
    LinkLocal,
    /// Nowhere that a download comes from: groups, documentation, tests, the future.
    Special,
}

impl Place {
    /// Tells where an address is; one that carries an IPv4 address in it is where that one is.
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => Self::of_v6(address),
        }
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        match address.octets() {
            // Nobody's address leads to this machine on Linux.
            [0 | 127, ..] => Self::Loopback,
            [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Self::Private,
            [169, 254, ..] => Self::LinkLocal,
            [192, 0, 0 | 2, _]
            | [198, 18 | 19, ..]
            | [198, 51, 100, _]
            | [203, 0, 113, _]
            | [224..=255, ..] => Self::Special,
            _ => Self::Public,
        }
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        let segments = address.segments();
        let inner = |high: u16, low: u16| {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            Self::of_v4(Ipv4Addr::new(a, b, c, d))
        };
        match segments {
            [0, 0, 0, 0, 0, 0, 0, 0 | 1] => Self::Loopback,
            // Mapped, compatible and translated IPv4 addresses, 6to4.
            [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
            | [0, 0, 0, 0, 0xffff, 0, high, low]
            | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
            | [0x2002, high, low, ..] => inner(high, low),
            [0xfe80..=0xfebf, ..] => Self::LinkLocal,
            [0xfc00..=0xfdff | 0xfec0..=0xfeff, ..] | [0x64, 0xff9b, 1, ..] => Self::Private,
            [0x2000..=0x3fff, second, ..]
                if !(segments[0] == 0x2001 && matches!(second, 0..=0x1ff | 0xdb8))
                    && segments[0] != 0x3fff =>
            {
                Self::Public
            }
            _ => Self::Special,
        }
    }
}

/// Which addresses a download may reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Reach {
    /// All: a person asked for it.
    #[default]
    Anywhere,
    /// The public ones, and those of one other kind.
    PublicAnd(Place),
}

impl Reach {
    /// Whether an address is within it.
    pub fn admits(self, address: IpAddr) -> bool {
        match self {
            Self::Anywhere => true,
            Self::PublicAnd(place) => {
                let at = Place::of(address);
                at == Place::Public || (at == place && at != Place::Special)
            }
        }
    }
}

/// Something about web pages that a person asks or decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum DoorRequest {
    /// Who asks to be let in. Answer: [`DoorReply::Requests`].
    Requests,
    /// Lets the pages of an origin in, whether they asked or not.
    Allow {
        /// The origin.
        origin: PageOrigin,
        /// Until its last page is closed; else for good.
        #[serde(default)]
        once: bool,
    },
    /// Never lets the pages of an origin in, nor ask again.
    Deny {
        /// The origin.
        origin: PageOrigin,
    },
    /// What was decided. Answer: [`DoorReply::Grants`].
    Grants,
    /// Forgets what was decided about an origin: its pages must ask again.
    Revoke {
        /// The origin.
        origin: PageOrigin,
    },
}

/// An answer about web pages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DoorReply {
    /// Done.
    Done,
    /// Who asks.
    Requests(Vec<PageRequest>),
    /// What was decided.
    Grants(Vec<PageGrant>),
}

/// An origin whose pages ask to be let in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageRequest {
    /// The origin.
    pub origin: PageOrigin,
    /// Since when.
    pub since: UnixMs,
}

/// What was decided about an origin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageGrant {
    /// The origin.
    pub origin: PageOrigin,
    /// What.
    pub verdict: Verdict,
    /// When; not known where the config says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<UnixMs>,
    /// Its collections, by number.
    #[serde(default)]
    pub collections: u64,
}

/// What changed, as a page is told: its own, with what it gave.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct PageUpdate {
    /// All changes up to this revision are in.
    pub revision: u64,
    /// Whether more follow at once.
    pub more: bool,
    /// Downloads that are new or changed.
    pub rows: Vec<PageRow>,
    /// Downloads that are no longer the page's.
    pub removed: Vec<DownloadId>,
    /// All of its collections, where any of them changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collections: Option<Vec<CollectionRow>>,
}

/// A page's download.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PageRow {
    /// The row.
    #[serde(flatten)]
    pub row: DownloadRow,
    /// Where it comes from, as the page gave it.
    pub source_url: Url,
    /// Item info by name.
    pub info: BTreeMap<String, String>,
}

/// A decision about an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Let in for good.
    Always,
    /// Let in until its last page is closed.
    Once,
    /// Never let in.
    Never,
    /// Let in by the config.
    Config,
}

impl Verdict {
    /// Whether its pages are let in.
    pub fn lets_in(self) -> bool {
        self != Self::Never
    }

    /// The word for people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Once => "once",
            Self::Never => "never",
            Self::Config => "config",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_a_browser_sends() {
        for text in [
            "https://shop.example",
            "http://127.0.0.1:8000",
            "http://[::1]:8000",
            "http://localhost",
            "https://xn--mnchen-3ya.example",
        ] {
            let origin: PageOrigin = text.parse().unwrap();
            assert_eq!(origin.as_str(), text);
        }
        for text in [
            "null",
            "",
            "https://",
            "https://shop.example/",
            "https://shop.example/path",
            "https://shop.example:443",
            "https://SHOP.example",
            "https://me@shop.example",
            "https://shop.example https://other.example",
            "file://",
            "chrome-extension://abc",
            "https://münchen.example",
            &format!("https://{}.example", "x".repeat(400)),
        ] {
            assert!(text.parse::<PageOrigin>().is_err(), "{text}");
        }
    }

    #[test]
    fn every_address_has_its_place() {
        use Place as P;
        for (address, place) in [
            ("93.184.215.14", P::Public),
            ("0.0.0.0", P::Loopback),
            ("127.0.0.1", P::Loopback),
            ("127.8.9.10", P::Loopback),
            ("10.0.0.1", P::Private),
            ("172.16.0.1", P::Private),
            ("172.32.0.1", P::Public),
            ("192.168.1.1", P::Private),
            ("100.64.0.1", P::Private),
            ("100.128.0.1", P::Public),
            ("169.254.169.254", P::LinkLocal),
            ("198.18.0.1", P::Special),
            ("224.0.0.1", P::Special),
            ("255.255.255.255", P::Special),
            ("::", P::Loopback),
            ("::1", P::Loopback),
            ("::ffff:127.0.0.1", P::Loopback),
            ("::ffff:169.254.169.254", P::LinkLocal),
            ("::127.0.0.1", P::Loopback),
            ("64:ff9b::10.0.0.1", P::Private),
            ("64:ff9b::5db8:d70e", P::Public),
            ("2002:7f00:1::", P::Loopback),
            ("fe80::1", P::LinkLocal),
            ("fd00::1", P::Private),
            ("ff02::1", P::Special),
            ("2001:db8::1", P::Special),
            ("2001::1", P::Special),
            ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", P::Public),
        ] {
            assert_eq!(Place::of(address.parse().unwrap()), place, "{address}");
        }
    }

    #[test]
    fn a_page_reaches_the_public_and_where_it_lives() {
        for (origin, address, reaches) in [
            ("https://shop.example", "93.184.215.14", true),
            ("https://shop.example", "127.0.0.1", false),
            ("https://shop.example", "169.254.169.254", false),
            ("https://shop.example", "192.168.1.1", false),
            ("http://127.0.0.1:8000", "127.0.0.1", true),
            ("http://127.0.0.1:8000", "::1", true),
            ("http://localhost:8000", "127.0.0.1", true),
            ("http://shop.localhost", "127.0.0.1", true),
            ("http://127.0.0.1:8000", "192.168.1.1", false),
            ("http://127.0.0.1:8000", "169.254.169.254", false),
            ("http://192.168.1.5", "192.168.1.1", true),
            ("http://192.168.1.5", "127.0.0.1", false),
            ("http://224.0.0.1", "224.0.0.1", false),
        ] {
            let origin: PageOrigin = origin.parse().unwrap();
            assert_eq!(origin.reach().admits(address.parse().unwrap()), reaches, "{origin} {address}");
        }
        assert!(Reach::Anywhere.admits("127.0.0.1".parse().unwrap()));
    }
}
