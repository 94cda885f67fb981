//! HTTP over reqwest: connections by profile, redirects by hand, secrets to their own origin only.
//!
//! One [`Http`] belongs to one transfer thread. Nothing here decompresses, times out a body or takes a proxy from the environment.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use cookie_store::CookieStore;
use http::Method;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, COOKIE, HeaderMap, HeaderName, HeaderValue, LOCATION, RANGE,
    REFERER, SET_COOKIE, TRANSFER_ENCODING,
};
use hyper_util::client::legacy::connect::HttpInfo;
use reqwest::{Client, Request};
use url::Url;

use super::error::{FetchError, Kind};
use super::profile::Profile;
use super::transport::{Answer, Ask, Body};
use super::{cookies, reach, tls};
use crate::model::printable::mask_url;
use crate::model::range::Asked;

/// How many redirects are followed.
const MAX_REDIRECTS: usize = 20;
/// How long a Location may be, in bytes.
const MAX_LOCATION: usize = 8 * 1024;
/// How many header fields an answer may have.
const MAX_HEADERS: usize = 1000;
/// Sent where the user names nothing else.
const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("haul/", env!("CARGO_PKG_VERSION")));
const IDENTITY: HeaderValue = HeaderValue::from_static("identity");
const ANYTHING: HeaderValue = HeaderValue::from_static("*/*");

/// The HTTP clients of one transfer thread.
#[derive(Default)]
pub struct Http {
    pools: RefCell<HashMap<Rc<Profile>, Rc<Pool>>>,
}

/// The connections of one profile, and the cookies that the user brought.
struct Pool {
    plain: RefCell<Option<Client>>,
    tls: RefCell<Option<Client>>,
    brought: CookieStore,
}

impl Http {
    /// Returns a transport without connections.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes one GET and follows its redirects; the last hop's answer comes back with its body unread.
    ///
    /// # Errors
    /// No answer, or a redirect that is not followed. An answer with an error status is an answer.
    pub async fn get(&self, ask: &Ask) -> Result<Answer, FetchError> {
        let pool = self.pool(&ask.profile)?;
        let mut url = ask.url.clone();
        let mut been: Vec<Url> = Vec::new();
        loop {
            let response = self.hop(&pool, ask, &url, been.is_empty()).await?;
            // Some send everybody to where they are already, and look whether the cookie comes back with them.
            let is_gate = ask.jar.keep(response.headers().get_all(SET_COOKIE).iter(), &url, &pool.brought);
            let status = response.status();
            refuse_codings(&response, &url)?;
            let Some(location) = response.headers().get(LOCATION).filter(|_| is_redirect(status.as_u16()))
            else {
                return Ok(Answer {
                    status,
                    headers: response.headers().clone(),
                    version: response.version(),
                    hops: been.len(),
                    remote: response.remote_addr(),
                    local: response.extensions().get::<HttpInfo>().map(HttpInfo::local_addr),
                    body: Body { host: host_of(&url), response },
                    final_url: url,
                });
            };
            let next = follow(&url, location, ask.profile.allow_downgrade)?;
            let is_circle = !is_gate && (next == url || been.contains(&next));
            if been.len() >= MAX_REDIRECTS || is_circle {
                return Err(FetchError::new(
                    Kind::RedirectLoop,
                    format!(
                        "{} leads in a circle, or through more than {MAX_REDIRECTS} redirects",
                        mask_url(&ask.url)
                    ),
                ));
            }
            been.push(std::mem::replace(&mut url, next));
        }
    }

    /// Lets go of idle connections: the network is another one, and who knows where they lead.
    pub fn forget_connections(&self) {
        for pool in self.pools.borrow().values() {
            pool.plain.replace(None);
            pool.tls.replace(None);
        }
    }

    fn pool(&self, profile: &Rc<Profile>) -> Result<Rc<Pool>, FetchError> {
        if let Some(pool) = self.pools.borrow().get(profile) {
            return Ok(Rc::clone(pool));
        }
        let brought = match &profile.cookies {
            Some(file) => {
                cookies::read(file).map_err(|error| FetchError::new(Kind::Local, error.to_string()))?
            }
            None => CookieStore::new(),
        };
        let pool = Rc::new(Pool { plain: RefCell::default(), tls: RefCell::default(), brought });
        self.pools.borrow_mut().insert(Rc::clone(profile), Rc::clone(&pool));
        Ok(pool)
    }

    async fn hop(
        &self,
        pool: &Pool,
        ask: &Ask,
        url: &Url,
        first: bool,
    ) -> Result<reqwest::Response, FetchError> {
        let host = host_of(url);
        reach::check(&ask.profile, url).await?;
        let client = if ask.fresh {
            client(&ask.profile, url.scheme() == "https")?
        } else {
            pool.client(&ask.profile, url)?
        };
        let mut again = true;
        loop {
            let mut request = Request::new(Method::GET, bare(url));
            *request.headers_mut() = headers(ask, pool, url, first)?;
            let answer = tokio::time::timeout(
                ask.profile.connect_within + ask.profile.answer_within,
                client.execute(request),
            );
            return match answer.await {
                Ok(Ok(response)) => Ok(response),
                Ok(Err(error)) => {
                    let mut sorted = FetchError::sort(&error, &host);
                    // Whoever goes through a proxy connects to nobody else.
                    if let (Kind::Connect | Kind::Dns, Some(proxy)) = (sorted.kind, &ask.profile.proxy) {
                        let who = if sorted.kind == Kind::Dns { "of the proxy" } else { "the proxy" };
                        let told = sorted.text.replacen(&host, &format!("{who} {}", host_of(proxy)), 1);
                        sorted = FetchError::new(Kind::Proxy, told);
                    }
                    // A kept connection may have been closed by the server while the request was on its way (RFC 9112, 9.3.1).
                    if again && sorted.kind == Kind::Cut {
                        again = false;
                        continue;
                    }
                    Err(sorted)
                }
                Err(_) => Err(FetchError::new(
                    Kind::FirstByteTimeout,
                    format!("{host} doesn't answer within {} s", ask.profile.answer_within.as_secs().max(1)),
                )),
            };
        }
    }
}

impl Pool {
    fn client(&self, profile: &Profile, url: &Url) -> Result<Client, FetchError> {
        let secure = url.scheme() == "https";
        let slot = if secure { &self.tls } else { &self.plain };
        if let Some(client) = &*slot.borrow() {
            return Ok(client.clone());
        }
        let client = client(profile, secure)?;
        slot.replace(Some(client.clone()));
        Ok(client)
    }
}

fn client(profile: &Profile, secure: bool) -> Result<Client, FetchError> {
    let mut builder = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .no_proxy()
        .http1_only()
        .http1_max_headers(MAX_HEADERS)
        .connect_timeout(profile.connect_within)
        .tcp_keepalive(Duration::from_mins(1))
        .pool_idle_timeout(Duration::from_secs(20));
    let tls_proxy = profile.proxy.as_ref().is_some_and(|proxy| proxy.scheme() == "https");
    builder = builder.tls_backend_preconfigured(if secure || tls_proxy {
        let mut config = tls::config(profile)?;
        // A server that speaks none of it says so then, instead of answering in another language.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config
    } else {
        tls::none()?
    });
    if let Some(proxy) = &profile.proxy {
        let proxy = reqwest::Proxy::all(proxy.clone()).map_err(|error| {
            FetchError::new(Kind::Local, format!("`{}` can't be used as a proxy: {error}", mask_url(proxy)))
        })?;
        builder = builder.proxy(proxy);
    }
    if let Some(resolver) = reach::resolver(profile) {
        builder = builder.dns_resolver(resolver);
    }
    if let Some((host, address)) = &profile.pinned {
        builder = builder.resolve(host, *address);
    }
    #[cfg(target_os = "linux")]
    if let Some(interface) = &profile.interface {
        builder = builder.interface(interface);
    }
    builder
        .build()
        .map_err(|error| FetchError::new(Kind::Local, format!("the HTTP client can't be set up: {error:?}")))
}

/// The header fields of one hop. Secrets go to the origin that they were given for, conditions and Range to every hop.
fn headers(ask: &Ask, pool: &Pool, url: &Url, first: bool) -> Result<HeaderMap, FetchError> {
    let profile = &ask.profile;
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(ACCEPT, ANYTHING);
    headers.insert(ACCEPT_ENCODING, IDENTITY);
    headers.insert(
        http::header::USER_AGENT,
        match &profile.user_agent {
            Some(agent) => value_of("User-Agent", agent)?,
            None => USER_AGENT,
        },
    );
    if let Asked::From { start, end } = ask.asked {
        let range = end.map_or_else(|| format!("bytes={start}-"), |end| format!("bytes={start}-{}", end - 1));
        headers.insert(RANGE, value_of("Range", &range)?);
    }
    headers.extend(ask.conditions.clone());
    if let Some(cookies) = ask.jar.field(url, &pool.brought) {
        headers.insert(COOKIE, cookies);
    }
    if !profile.is_plain() && profile.is_home(url) {
        if let Some(referer) = profile.referer.as_ref().filter(|_| first) {
            headers.insert(REFERER, value_of("Referer", referer)?);
        }
        if let Some(given) = &profile.credentials {
            let pair = data_encoding::BASE64.encode(format!("{}:{}", given.user, given.password).as_bytes());
            let mut value = value_of("Authorization", &format!("Basic {pair}"))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let mut given_names = Vec::with_capacity(profile.headers.len());
        for given in &profile.headers {
            let name = HeaderName::try_from(given.name.as_str())
                .map_err(|_| FetchError::new(Kind::Local, format!("`{}` is no header name", given.name)))?;
            let mut value = value_of(&given.name, &given.value)?;
            value.set_sensitive(true);
            // The first of a name takes the place of our own; a person may give several.
            if given_names.contains(&name) {
                headers.append(name, value);
            } else {
                headers.insert(name.clone(), value);
                given_names.push(name);
            }
        }
    }
    Ok(headers)
}

fn value_of(name: &str, text: &str) -> Result<HeaderValue, FetchError> {
    HeaderValue::from_str(text).map_err(|_| {
        FetchError::new(Kind::Local, format!("the value given for {name} can't be sent in a header"))
    })
}

/// Only chunks are taken: a body in a coding that nobody asked for is not the file, and its end can't be told from a cut.
fn refuse_codings(response: &reqwest::Response, url: &Url) -> Result<(), FetchError> {
    for value in response.headers().get_all(TRANSFER_ENCODING) {
        let coding = String::from_utf8_lossy(value.as_bytes());
        if !coding.trim().eq_ignore_ascii_case("chunked") {
            let text = format!("{} answers what is no HTTP: the transfer coding `{coding}`", host_of(url));
            return Err(FetchError::new(Kind::BadAnswer, text));
        }
    }
    Ok(())
}

fn is_redirect(status: u16) -> bool {
    matches!(status, 300 | 301 | 302 | 303 | 307 | 308)
}

/// Resolves a Location against the URL that sent it (RFC 3986, section 5).
fn follow(from: &Url, location: &HeaderValue, allow_downgrade: bool) -> Result<Url, FetchError> {
    let refuse = |why: &str| {
        let text = format!("{} redirects to an address that is not followed: {why}", mask_url(from));
        Err(FetchError::new(Kind::RedirectRefused, text))
    };
    let bytes = location.as_bytes();
    if bytes.len() > MAX_LOCATION {
        return refuse("it is too long");
    }
    let text = String::from_utf8_lossy(bytes);
    if text.chars().any(char::is_control) {
        return refuse("it holds control characters");
    }
    let Ok(mut next) = from.join(&text) else {
        return refuse("it makes no sense");
    };
    next.set_fragment(None);
    match (from.scheme(), next.scheme()) {
        ("https", "http") if !allow_downgrade => {
            refuse("it would leave https for http, which --allow-downgrade allows")
        }
        (_, "http" | "https") if next.has_host() => Ok(next),
        (_, scheme) => refuse(&format!("`{scheme}:` is not for downloads")),
    }
}

/// The URL as it is asked: user names, passwords and fragments are never part of it.
fn bare(url: &Url) -> Url {
    let mut url = url.clone();
    url.set_fragment(None);
    // Neither can fail on a URL with a host, and http has one always.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url
}

/// Host and port for people.
fn host_of(url: &Url) -> String {
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_owned(),
        _ => "the server".to_owned(),
    }
}
