//! What is looked at before anything else of a request: that it was meant for this door, and which page it comes from.

use ::http::header::{HOST, ORIGIN};
use ::http::{HeaderMap, Uri};

use crate::model::page::PageOrigin;

/// The names that the door has.
pub(super) struct Gate {
    names: [String; 3],
}

/// Where a request comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Whence {
    /// From no page that says so: a script that a page includes, or another program.
    Nowhere,
    /// From a page.
    Page(PageOrigin),
    /// From something that is no page of a server: a file, a frame without an origin, an extension.
    Elsewhere,
}

impl Gate {
    /// Returns the gate of a door at a port.
    pub(super) fn new(port: u16) -> Self {
        Self { names: ["127.0.0.1", "localhost", "[::1]"].map(|name| format!("{name}:{port}")) }
    }

    /// Whether a request was meant for this door. A page whose own name was made to lead here (DNS rebinding) says that name, and
    /// its browser takes both for one origin: only the name tells.
    pub(super) fn is_meant(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        let is_own = |name: &str| self.names.iter().any(|own| own.eq_ignore_ascii_case(name));
        let mut hosts = headers.get_all(HOST).iter();
        let host = hosts.next().and_then(|host| host.to_str().ok());
        host.is_some_and(is_own)
            && hosts.next().is_none()
            && uri.authority().is_none_or(|authority| is_own(authority.as_str()))
    }

    /// Tells where a request comes from.
    pub(super) fn whence(headers: &HeaderMap) -> Whence {
        let mut origins = headers.get_all(ORIGIN).iter();
        let Some(first) = origins.next() else { return Whence::Nowhere };
        let origin = first.to_str().ok().and_then(|text| text.parse().ok());
        match origin {
            Some(origin) if origins.next().is_none() => Whence::Page(origin),
            _ => Whence::Elsewhere,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn only_the_doors_own_names_are_answered() {
        let gate = Gate::new(4285);
        let is_meant = |uri: &str, hosts: &[&'static str]| {
            let lines: Vec<_> = hosts.iter().map(|host| ("host", *host)).collect();
            gate.is_meant(&uri.parse().unwrap(), &headers(&lines))
        };
        for host in ["127.0.0.1:4285", "localhost:4285", "LocalHost:4285", "[::1]:4285"] {
            assert!(is_meant("/rpc", &[host]), "{host}");
        }
        for host in [
            "rebound.example:4285",
            "rebound.example",
            "127.0.0.1",
            "127.0.0.1:80",
            "localhost.:4285",
            "127.0.0.1.nip.example:4285",
            "me@127.0.0.1:4285",
            "",
        ] {
            assert!(!is_meant("/rpc", &[host]), "{host}");
        }
        assert!(!is_meant("/rpc", &[]));
        assert!(!is_meant("/rpc", &["127.0.0.1:4285", "rebound.example:4285"]));
        assert!(!is_meant("http://rebound.example:4285/rpc", &["127.0.0.1:4285"]));
        assert!(is_meant("http://127.0.0.1:4285/rpc", &["127.0.0.1:4285"]));
    }

    #[test]
    fn a_page_is_known_by_the_one_origin_that_it_says() {
        let whence = |lines: &[(&'static str, &'static str)]| Gate::whence(&headers(lines));
        assert_eq!(whence(&[]), Whence::Nowhere);
        let page = Whence::Page("https://shop.example".parse().unwrap());
        assert_eq!(whence(&[("origin", "https://shop.example")]), page);
        for origin in
            ["null", "", "file://", "chrome-extension://abc", "https://shop.example, https://b.example"]
        {
            assert_eq!(whence(&[("origin", origin)]), Whence::Elsewhere, "{origin}");
        }
        let two = [("origin", "https://shop.example"), ("origin", "https://b.example")];
        assert_eq!(whence(&two), Whence::Elsewhere);
    }
}
