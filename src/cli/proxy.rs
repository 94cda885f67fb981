//! Which proxy a link goes through: `--proxy`, or the environment's variables as curl reads them.

use std::net::IpAddr;

use url::{Host, Url};

use crate::links::proxy::parse;

/// The environment's proxies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    http: Option<(String, String)>,
    https: Option<(String, String)>,
    all: Option<(String, String)>,
    exempt: Vec<String>,
}

impl Proxies {
    /// Reads `http_proxy` (lower case only: a web server sets `HTTP_PROXY` from a request's header), `https_proxy`, `all_proxy`
    /// and `no_proxy`; lower case stands over upper case. Empty is unset.
    pub fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let first = |names: &[&str]| {
            let set = names.iter().find_map(|name| Some(((*name).to_owned(), variable(name)?)));
            set.filter(|(_, value)| !value.is_empty())
        };
        let exempt = first(&["no_proxy", "NO_PROXY"]).map(|(_, value)| value).unwrap_or_default();
        Self {
            http: first(&["http_proxy"]),
            https: first(&["https_proxy", "HTTPS_PROXY"]),
            all: first(&["all_proxy", "ALL_PROXY"]),
            exempt: exempt
                .split([',', ' '])
                .map(|word| word.trim().trim_start_matches('.').trim_end_matches('.').to_ascii_lowercase())
                .filter(|word| !word.is_empty())
                .collect(),
        }
    }

    /// Returns the proxy for a link, if it goes through one.
    ///
    /// # Errors
    /// A sentence that names the variable whose value is no proxy.
    pub fn for_link(&self, link: &Url) -> Result<Option<Url>, String> {
        let own = if link.scheme() == "https" { &self.https } else { &self.http };
        let Some((name, value)) = own.as_ref().or(self.all.as_ref()) else {
            return Ok(None);
        };
        if link.host().is_none_or(|host| self.is_exempt(&host)) {
            return Ok(None);
        }
        parse(value).map(Some).map_err(|why| format!("the environment's {name} can't be used: {why}"))
    }

    fn is_exempt(&self, host: &Host<&str>) -> bool {
        let address = match host {
            Host::Ipv4(address) => Some(IpAddr::V4(*address)),
            Host::Ipv6(address) => Some(IpAddr::V6(*address)),
            Host::Domain(_) => None,
        };
        self.exempt.iter().any(|word| match (word.as_str(), address, host) {
            ("*", _, _) => true,
            (word, Some(address), _) => is_within(address, word),
            (word, None, Host::Domain(name)) => {
                let name = name.trim_end_matches('.');
                name.strip_suffix(word).is_some_and(|front| front.is_empty() || front.ends_with('.'))
            }
            _ => false,
        })
    }
}

/// Whether an address is the one that is written, or in the network (`10.0.0.0/8`).
fn is_within(address: IpAddr, word: &str) -> bool {
    let (network, bits) = word.split_once('/').map_or((word, None), |(network, bits)| (network, Some(bits)));
    let Ok(network) = network.trim_matches(['[', ']']).parse::<IpAddr>() else { return false };
    let (address, network, width) = match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            (u128::from(address.to_bits()), u128::from(network.to_bits()), 32)
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => (address.to_bits(), network.to_bits(), 128),
        _ => return false,
    };
    let Ok(bits) = bits.map_or(Ok(width), str::parse::<u32>) else { return false };
    let Some(rest) = width.checked_sub(bits) else { return false };
    address.checked_shr(rest).unwrap_or(0) == network.checked_shr(rest).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `VARIABLE=VALUE ...`, a link, and the proxy that it goes through.
    #[test]
    fn the_environment_is_read_as_curl_reads_it() {
        for (environment, link, proxy) in [
            ("", "http://a.example/", "direct"),
            ("http_proxy=http://p:3128", "http://a.example/", "http://p:3128/"),
            ("http_proxy=http://p:3128", "https://a.example/", "direct"),
            ("HTTP_PROXY=http://p:3128", "http://a.example/", "direct"),
            ("HTTPS_PROXY=http://p:3128", "https://a.example/", "http://p:3128/"),
            ("https_proxy=http://low:1 HTTPS_PROXY=http://up:1", "https://a.example/", "http://low:1/"),
            ("https_proxy= HTTPS_PROXY=http://up:1", "https://a.example/", "direct"),
            ("all_proxy=socks5h://p:9050", "https://a.example/", "socks5h://p:9050"),
            ("ALL_PROXY=p:8080", "http://a.example/", "http://p:8080/"),
            ("http_proxy=http://own:1 all_proxy=http://all:1", "http://a.example/", "http://own:1/"),
            ("http_proxy=p", "http://a.example/", "http://p:1080/"),
            ("http_proxy=http://u:s@p", "http://a.example/", "http://u:s@p:1080/"),
            ("http_proxy=http://p:80", "http://a.example/", "http://p/"),
            ("http_proxy=https://p", "http://a.example/", "https://p/"),
            ("http_proxy=http://[::1]", "http://a.example/", "http://[::1]:1080/"),
            ("http_proxy=p:1 no_proxy=*", "http://a.example/", "direct"),
            ("http_proxy=p:1 no_proxy=example", "http://a.example/", "direct"),
            ("http_proxy=p:1 no_proxy=.a.example", "http://a.example/", "direct"),
            ("http_proxy=p:1 no_proxy=x,a.example", "http://b.a.example/", "direct"),
            ("http_proxy=p:1 NO_PROXY=A.EXAMPLE", "http://a.example./", "direct"),
            ("http_proxy=p:1 no_proxy=a.example", "http://ba.example/", "http://p:1/"),
            ("http_proxy=p:1 no_proxy=10.0.0.0/8", "http://10.2.3.4/", "direct"),
            ("http_proxy=p:1 no_proxy=10.0.0.0/8", "http://11.2.3.4/", "http://p:1/"),
            ("http_proxy=p:1 no_proxy=127.0.0.1", "http://127.0.0.1:8000/", "direct"),
            ("http_proxy=p:1 no_proxy=[::1]", "http://[::1]/", "direct"),
            ("http_proxy=p:1 no_proxy=fe80::/10", "http://[fe81::2]/", "direct"),
            ("http_proxy=p:1 no_proxy=0.0.0.0/0", "http://9.9.9.9/", "direct"),
            ("http_proxy=p:1 no_proxy=10.0.0.0/33", "http://10.0.0.0/", "http://p:1/"),
        ] {
            let set: Vec<_> =
                environment.split_whitespace().filter_map(|pair| pair.split_once('=')).collect();
            let proxies = Proxies::of_environment(|name| {
                set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            });
            let found = proxies.for_link(&Url::parse(link).unwrap()).unwrap();
            assert_eq!(found.map_or("direct".into(), |url| url.to_string()), proxy, "{environment} {link}");
        }
    }

    #[test]
    fn a_variable_that_holds_no_proxy_is_named() {
        let proxies = Proxies::of_environment(|name| (name == "http_proxy").then(|| "gopher://p".into()));
        assert!(
            proxies.for_link(&Url::parse("http://a.example").unwrap()).unwrap_err().contains("http_proxy")
        );
    }
}
