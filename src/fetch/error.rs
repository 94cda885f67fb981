//! Why a request or a body failed: a kind for the retry policy, words for people.

use std::error::Error as _;
use std::fmt;

use super::reach::OutOfReach;
use crate::model::printable::without_numbers;

/// What kind of trouble the network gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The host's name has no address, or nobody could be asked.
    Dns,
    /// Refused, unreachable or reset before anything was said.
    Connect,
    /// No connection in time.
    ConnectTimeout,
    /// Connected, and no answer in time.
    FirstByteTimeout,
    /// The certificate can't be trusted.
    Certificate,
    /// The connection broke in the middle.
    Cut,
    /// The answer contradicts HTTP.
    BadAnswer,
    /// It speaks neither HTTP/1.1 nor HTTP/2.
    OtherProtocol,
    /// Too many redirects, or in a circle.
    RedirectLoop,
    /// A redirect that is not followed.
    RedirectRefused,
    /// An address that a web page's download may not reach.
    OutOfReach,
    /// The proxy.
    Proxy,
    /// The network interface is not there.
    InterfaceAway,
    /// A local file or setting that the request needs.
    Local,
    /// We stopped it.
    Stopped,
}

/// A failed request or body.
#[derive(Clone, Debug)]
pub struct FetchError {
    /// The kind.
    pub kind: Kind,
    /// What happened; URLs in it are masked.
    pub text: String,
}

impl FetchError {
    /// Returns an error.
    pub fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }

    /// Sorts an error of the HTTP client. `host` is whom it spoke to.
    pub(super) fn sort(error: &reqwest::Error, host: &str) -> Self {
        let mut said = Vec::new();
        let mut source = error.source();
        while let Some(inner) = source {
            if inner.is::<OutOfReach>() {
                return OutOfReach::of(host);
            }
            said.push(without_numbers(&inner.to_string()).into_owned());
            source = inner.source();
        }
        let all = said.join(": ");
        let last = said.last().cloned().unwrap_or_else(|| error.to_string());
        let has = |needle: &str| all.to_ascii_lowercase().contains(needle);
        // What a server of HTTP/2 gives as its reason is its own words: none of them tells of anything here.
        let is_of_two = |text: &String| {
            ["connection error ", "stream error "].iter().any(|begin| text.starts_with(begin))
        };
        if said.iter().any(is_of_two) {
            return Self::new(Kind::Cut, format!("the connection to {host} broke: {last}"));
        }
        if has("certificate") || has("invalid peer") || has("unknownissuer") {
            return Self::new(Kind::Certificate, format!("{host}'s certificate can't be trusted: {last}"));
        }
        if has("noapplicationprotocol") || has("unofferedapplicationprotocol") {
            let text = format!("{host} speaks neither HTTP/1.1 nor HTTP/2");
            return Self::new(Kind::OtherProtocol, text);
        }
        if has("dns error") || has("failed to lookup") {
            return Self::new(Kind::Dns, format!("the name {host} can't be found: {last}"));
        }
        if has("no such device") {
            return Self::new(Kind::InterfaceAway, format!("the network interface is away: {last}"));
        }
        if has("proxy") || has("socks") || has("tunnel") {
            return Self::new(Kind::Proxy, format!("the proxy doesn't lead to {host}: {last}"));
        }
        if error.is_connect() {
            return Self::new(Kind::Connect, format!("no connection to {host}: {last}"));
        }
        if has("parse") || has("invalid") || has("message head") || has("content-length") || has("chunk size")
        {
            return Self::new(Kind::BadAnswer, format!("{host} answers what is no HTTP: {last}"));
        }
        Self::new(Kind::Cut, format!("the connection to {host} broke: {last}"))
    }

    /// What to do next.
    pub fn hint(&self) -> &'static str {
        match self.kind {
            Kind::Certificate => "trust its authority with --ca FILE, or check the clock and the address",
            Kind::RedirectRefused => "check where the link leads with a browser",
            Kind::OutOfReach => "add it yourself with `haul add`, if you want it from there",
            Kind::RedirectLoop => "the server's fault; try the address that it should lead to",
            Kind::Dns => "check the address for a typing error, and the network",
            Kind::Proxy => "check --proxy, or the proxy that the environment names",
            Kind::Local => "correct the file or setting and retry",
            Kind::OtherProtocol => "name a mirror, or a proxy that speaks both",
            Kind::BadAnswer => "the server's fault; try another address or a proxy",
            _ => "it is tried again by itself",
        }
    }

    /// Whether another place of the same file may do better.
    pub fn is_the_places(&self) -> bool {
        !matches!(self.kind, Kind::OutOfReach | Kind::Local | Kind::InterfaceAway | Kind::Stopped)
    }

    /// Whether trying again may help, with nothing changed on our side.
    pub fn is_transient(&self) -> bool {
        !matches!(
            self.kind,
            Kind::Certificate
                | Kind::OtherProtocol
                | Kind::RedirectLoop
                | Kind::RedirectRefused
                | Kind::OutOfReach
                | Kind::Local
                | Kind::InterfaceAway
        )
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for FetchError {}
