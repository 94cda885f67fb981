//! HTTP over reqwest: redirects by hand, secrets to their own origin only.
//!
//! One [`Http`] belongs to one transfer thread. Nothing here decompresses, times out a body or takes a proxy from the environment.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue, LOCATION,
    RANGE, REFERER, SET_COOKIE, TRANSFER_ENCODING,
};
use http::{Method, Version};
use hyper_util::client::legacy::connect::HttpInfo;
use reqwest::{Client, Request};
use url::Url;

use super::error::{FetchError, Kind};
use super::pool::{Loan, Pool, is_secure};
use super::profile::Profile;
use super::reach;
use super::transport::{Answer, Ask, Body};
use crate::model::printable::mask_url;
use crate::model::range::Asked;

/// How many redirects are followed.
const MAX_REDIRECTS: usize = 20;
/// How long a Location may be, in bytes.
const MAX_LOCATION: usize = 8 * 1024;
/// Sent where the user names nothing else.
const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("haul/", env!("CARGO_PKG_VERSION")));
const IDENTITY: HeaderValue = HeaderValue::from_static("identity");
const ANYTHING: HeaderValue = HeaderValue::from_static("*/*");

/// The HTTP clients of one transfer thread.
#[derive(Default)]
pub struct Http {
    pools: RefCell<HashMap<Rc<Profile>, Rc<Pool>>>,
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
            let (response, loan) = self.hop(&pool, ask, &url, been.is_empty()).await?;
            // Some send everybody to where they are already, and look whether the cookie comes back with them.
            let is_gate = ask.jar.keep(response.headers().get_all(SET_COOKIE).iter(), &url, &pool.brought);
            let status = response.status();
            refuse_codings(&response, &url)?;
            let Some(location) =
                response.headers().get(LOCATION).filter(|_| is_redirect(status.as_u16())).cloned()
            else {
                return Ok(Answer {
                    status,
                    headers: response.headers().clone(),
                    version: response.version(),
                    hops: been.len(),
                    remote: response.remote_addr(),
                    local: response.extensions().get::<HttpInfo>().map(HttpInfo::local_addr),
                    body: Body::of(response, host_of(&url), loan),
                    final_url: url,
                });
            };
            // Its connection may be of use again.
            drop(Body::of(response, String::new(), loan));
            let next = follow(&url, &location, ask.profile.allow_downgrade)?;
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
            pool.forget();
        }
    }

    fn pool(&self, profile: &Rc<Profile>) -> Result<Rc<Pool>, FetchError> {
        if let Some(pool) = self.pools.borrow().get(profile) {
            return Ok(Rc::clone(pool));
        }
        let pool = Rc::new(Pool::of(profile)?);
        self.pools.borrow_mut().insert(Rc::clone(profile), Rc::clone(&pool));
        Ok(pool)
    }

    /// Asks one address. A server that speaks no HTTP/1.1 is asked in HTTP/2.
    async fn hop(
        &self,
        pool: &Pool,
        ask: &Ask,
        url: &Url,
        first: bool,
    ) -> Result<(reqwest::Response, Option<Loan>), FetchError> {
        reach::check(&ask.profile, url).await?;
        let mut is_two = is_secure(url) && pool.is_two_only(url);
        let mut told_so = false;
        let mut again = true;
        loop {
            let loan = if is_two { Some(pool.two(&ask.profile, url, ask.fresh)?) } else { None };
            let client = match &loan {
                Some(loan) => loan.client().clone(),
                None => pool.one(&ask.profile, url, ask.fresh)?,
            };
            let mut request = Request::new(Method::GET, bare(url));
            *request.headers_mut() = headers(ask, pool, url, first)?;
            if is_two && request.headers().contains_key(HOST) {
                let text = format!("{} speaks HTTP/2, where no Host can be given", host_of(url));
                return Err(FetchError::new(Kind::Local, text));
            }
            let error = match execute(&client, request, ask, url).await {
                Ok(response) => {
                    let is_only = is_two && response.version() == Version::HTTP_2;
                    if is_secure(url) {
                        pool.hear(url, is_only, told_so);
                    }
                    return Ok((response, loan));
                }
                Err(error) => error,
            };
            if is_two {
                // It may speak the other one, too: the next one to ask finds out.
                pool.unhear(url);
            }
            // A kept connection may have been closed by the server while the request was on its way (RFC 9112, 9.3.1).
            if again && error.kind == Kind::Cut {
                again = false;
                continue;
            }
            // Not all say that they speak no HTTP/1.1 (RFC 7301, 3.2): some hang up, some begin to speak HTTP/2.
            told_so = error.kind == Kind::OtherProtocol;
            let may_be_two = told_so
                || matches!(error.kind, Kind::Cut | Kind::BadAnswer) && !pool.is_known_to_speak_one(url);
            if !is_secure(url) || is_two || !may_be_two {
                return Err(error);
            }
            is_two = true;
        }
    }
}

/// Makes one request and sorts what comes of it.
async fn execute(
    client: &Client,
    request: Request,
    ask: &Ask,
    url: &Url,
) -> Result<reqwest::Response, FetchError> {
    let (host, profile) = (host_of(url), &ask.profile);
    let within = profile.connect_within + profile.answer_within;
    match tokio::time::timeout(within, client.execute(request)).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(error)) => {
            let sorted = FetchError::sort(&error, &host);
            // Whoever goes through a proxy connects to nobody else.
            if let (Kind::Connect | Kind::Dns, Some(proxy)) = (sorted.kind, &profile.proxy) {
                let who = if sorted.kind == Kind::Dns { "of the proxy" } else { "the proxy" };
                let told = sorted.text.replacen(&host, &format!("{who} {}", host_of(proxy)), 1);
                return Err(FetchError::new(Kind::Proxy, told));
            }
            Err(sorted)
        }
        Err(_) => Err(FetchError::new(
            Kind::FirstByteTimeout,
            format!("{host} doesn't answer within {} s", profile.answer_within.as_secs().max(1)),
        )),
    }
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
