//! Where a web page's download may go: the addresses that a name leads to are looked at before any of them is connected to, on
//! every hop, so that no name and no redirect leads into a network that the page itself can't see.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use super::error::{FetchError, Kind};
use super::profile::Profile;
use crate::model::page::{Place, Reach, is_localhost};

/// A name that leads only to addresses out of reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a web page's download may not go there")]
pub(super) struct OutOfReach;

impl OutOfReach {
    /// As the error of a request to a host.
    pub(super) fn of(host: &str) -> FetchError {
        let text = format!(
            "{host} is on this machine or in a network of its own, where a web page's downloads may not go"
        );
        FetchError::new(Kind::OutOfReach, text)
    }
}

/// Refuses a URL that names an address out of reach. What a name leads to is for [`resolver`] to see; behind a proxy, which looks
/// names up itself, it is looked up here too.
///
/// # Errors
/// The URL is out of reach.
pub(super) async fn check(profile: &Profile, url: &Url) -> Result<(), FetchError> {
    if profile.reach == Reach::Anywhere {
        return Ok(());
    }
    let refused = || OutOfReach::of(url.host_str().unwrap_or_default());
    let admits = |address: IpAddr| profile.reach.admits(address);
    let name = match url.host() {
        Some(Host::Ipv4(address)) => return if admits(address.into()) { Ok(()) } else { Err(refused()) },
        Some(Host::Ipv6(address)) => return if admits(address.into()) { Ok(()) } else { Err(refused()) },
        Some(Host::Domain(name)) => name,
        None => return Err(refused()),
    };
    if is_localhost(name) && profile.reach != Reach::PublicAnd(Place::Loopback) {
        return Err(refused());
    }
    if profile.pinned.as_ref().is_some_and(|(host, address)| host == name && !admits(address.ip())) {
        return Err(refused());
    }
    if profile.proxy.is_some()
        && let Ok(found) = tokio::net::lookup_host((name, 0)).await
    {
        // A name that only the proxy knows is in a network of its own.
        let found: Vec<SocketAddr> = found.collect();
        if !found.is_empty() && !found.iter().any(|address| admits(address.ip())) {
            return Err(refused());
        }
    }
    Ok(())
}

/// Returns what looks names up for a profile that may not reach all addresses.
pub(super) fn resolver(profile: &Profile) -> Option<Arc<Within>> {
    let proxy = profile.proxy.as_ref().and_then(Url::host_str).map(str::to_owned);
    (profile.reach != Reach::Anywhere).then(|| Arc::new(Within { reach: profile.reach, proxy }))
}

/// Looks names up as the system does, and keeps the addresses within reach.
#[derive(Debug)]
pub(super) struct Within {
    reach: Reach,
    /// The proxy is the person's own, wherever it is.
    proxy: Option<String>,
}

impl Resolve for Within {
    fn resolve(&self, name: Name) -> Resolving {
        let is_proxy = self.proxy.as_deref() == Some(name.as_str());
        let reach = if is_proxy { Reach::Anywhere } else { self.reach };
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let within: Vec<_> = found.iter().copied().filter(|address| reach.admits(address.ip())).collect();
            if within.is_empty() && !found.is_empty() {
                return Err(OutOfReach.into());
            }
            Ok(Box::new(within.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;
    use std::time::Duration;

    use super::super::http::Http;
    use super::super::transport::Ask;
    use super::*;
    use crate::model::item::TransferSettings;
    use crate::model::range::Asked;

    async fn get(page: &str, url: &str, proxy: Option<&str>) -> Result<u16, Kind> {
        let settings = TransferSettings {
            page: Some(page.parse().unwrap()),
            proxy: proxy.map(|proxy| proxy.parse().unwrap()),
            ..TransferSettings::default()
        };
        let url: Url = url.parse().unwrap();
        let profile = Rc::new(Profile::of(&url, &settings, Duration::from_secs(10)));
        let ask = Ask {
            url,
            asked: Asked::Whole,
            conditions: http::HeaderMap::new(),
            profile,
            jar: Rc::default(),
            fresh: false,
        };
        Http::new().get(&ask).await.map(|answer| answer.status.as_u16()).map_err(|error| error.kind)
    }

    /// A server that answers every request with this, once a connection.
    async fn serve(answer: String) -> SocketAddr {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let answer = answer.clone();
                tokio::spawn(async move {
                    let _ = stream.read(&mut [0; 4096]).await;
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        address
    }

    fn ok() -> String {
        "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n".into()
    }

    #[tokio::test(flavor = "current_thread")]
    async fn an_address_out_of_reach_is_never_connected_to() {
        let server = serve(ok()).await;
        let port = server.port();
        let home = format!("http://127.0.0.1:{port}/");
        assert_eq!(get("http://127.0.0.1:9", &home, None).await, Ok(204));
        assert_eq!(get("http://localhost:9", &home, None).await, Ok(204));
        for url in [
            home.clone(),
            format!("http://localhost:{port}/"),
            format!("http://[::1]:{port}/"),
            format!("http://0.0.0.0:{port}/"),
            format!("http://[::ffff:127.0.0.1]:{port}/"),
            // The standard's other ways to write the same.
            format!("http://2130706433:{port}/"),
            format!("http://127.1:{port}/"),
            format!("http://0x7f.0.0.1:{port}/"),
            "http://169.254.169.254/latest/meta-data/".into(),
            "http://10.0.0.1/".into(),
        ] {
            assert_eq!(get("https://shop.example", &url, None).await, Err(Kind::OutOfReach), "{url}");
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn no_redirect_and_no_name_leads_out_of_reach() {
        let target = serve(ok()).await;
        for location in
            ["http://169.254.169.254/x".to_owned(), "http://192.168.1.1/".into(), "http://[fe80::1]/".into()]
        {
            let answer = format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
            let server = serve(answer).await;
            let url = format!("http://127.0.0.1:{}/", server.port());
            assert_eq!(get("http://127.0.0.1", &url, None).await, Err(Kind::OutOfReach), "{location}");
        }
        // What the system's own list of names says of this machine is found by the resolver, not by the URL.
        let name = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
        let name = name
            .lines()
            .filter_map(|line| line.strip_prefix("127.0.0.1")?.split_whitespace().next())
            .find(|name| !is_localhost(name) && name.contains(|c: char| c.is_ascii_alphabetic()));
        let resolver = Within {
            reach: "https://shop.example".parse::<crate::model::page::PageOrigin>().unwrap().reach(),
            proxy: None,
        };
        let name = name.unwrap_or("localhost").to_owned();
        let found = resolver.resolve(name.parse().unwrap()).await;
        assert!(found.err().is_some_and(|error| error.is::<OutOfReach>()), "{name} {}", target.port());
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_proxy_of_the_persons_own_is_reached_and_leads_nowhere_else() {
        let proxy = format!("http://localhost:{}/", serve(ok()).await.port());
        let page = "https://shop.example";
        assert_eq!(get(page, "http://93.184.215.14/", Some(&proxy)).await, Ok(204));
        assert_eq!(get(page, "http://127.0.0.1/", Some(&proxy)).await, Err(Kind::OutOfReach));
        assert_eq!(get(page, "http://localhost/", Some(&proxy)).await, Err(Kind::OutOfReach));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_the_resolver_refuses_is_told_as_that() {
        let within = Within { reach: Reach::PublicAnd(Place::Public), proxy: None };
        let client = reqwest::Client::builder()
            .no_proxy()
            .tls_backend_preconfigured(super::super::tls::none().unwrap())
            .dns_resolver(Arc::new(within))
            .build()
            .unwrap();
        let error = client.get("http://localhost:9/").send().await.unwrap_err();
        assert_eq!(FetchError::sort(&error, "localhost:9").kind, Kind::OutOfReach);
    }
}
