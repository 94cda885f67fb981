//! The connections of one profile: those of HTTP/1.1, which reqwest keeps, and those to servers that speak HTTP/2 only, of which each
//! carries one answer at a time, so that a segment has a socket of its own there, too.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use cookie_store::CookieStore;
use reqwest::Client;
use rustls::ClientConfig;
use url::{Position, Url};

use super::error::{FetchError, Kind};
use super::profile::Profile;
use super::{cookies, reach, tls};
use crate::model::printable::mask_url;

/// How many header fields an answer may have.
const MAX_HEADERS: usize = 1000;
/// How long a connection is kept without a request.
const KEPT: Duration = Duration::from_secs(20);
/// How many unused connections to one origin of HTTP/2 are kept.
const MOST_KEPT: usize = 16;
/// The largest frame of HTTP/2 that is taken, in bytes: one frame is one read.
const LARGEST_FRAME: u32 = 1024 * 1024;

/// How long a server that only hung up on HTTP/1.1 is asked in HTTP/2 first: it may have been a bad moment.
const BELIEVED: Duration = Duration::from_mins(10);
/// How many origins are remembered.
const MOST_HEARD: usize = 1000;
/// The most that the fields of an answer may take in HTTP/2, in bytes; as much as in HTTP/1.1.
const MOST_FIELDS: u32 = 400 * 1024;

/// What an origin was heard to speak over TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speaks {
    /// HTTP/1.1, whatever else.
    One,
    /// HTTP/2, and no HTTP/1.1: for good where it said so itself.
    TwoOnly(Option<Instant>),
}

/// The connections of one profile, and the cookies that the user brought.
pub(super) struct Pool {
    pub(super) brought: CookieStore,
    plain: RefCell<Option<Client>>,
    tls: RefCell<Option<Client>>,
    heard: RefCell<HashMap<String, Speaks>>,
    two: RefCell<Rc<Two>>,
}

/// What servers of HTTP/2 only are asked with.
#[derive(Default)]
struct Two {
    /// Loading authorities takes milliseconds; it is done once.
    config: RefCell<Option<ClientConfig>>,
    /// By origin, each since when.
    idle: RefCell<HashMap<String, Vec<(Client, Instant)>>>,
}

/// A connection that is one answer's own. It goes back only after all of the answer: what else comes is of nobody.
pub(super) struct Loan {
    client: Client,
    origin: String,
    of: Weak<Two>,
}

impl Pool {
    /// Returns a pool without connections.
    ///
    /// # Errors
    /// The cookie file can't be read.
    pub(super) fn of(profile: &Profile) -> Result<Self, FetchError> {
        let brought = match &profile.cookies {
            Some(file) => {
                cookies::read(file).map_err(|error| FetchError::new(Kind::Local, error.to_string()))?
            }
            None => CookieStore::new(),
        };
        Ok(Self {
            brought,
            plain: RefCell::default(),
            tls: RefCell::default(),
            heard: RefCell::default(),
            two: RefCell::default(),
        })
    }

    /// Lets go of idle connections, and of what was heard on them.
    pub(super) fn forget(&self) {
        self.plain.replace(None);
        self.tls.replace(None);
        self.heard.borrow_mut().clear();
        self.two.replace(Rc::default());
    }

    /// What asks for a URL in HTTP/1.1; with a new connection if that is wanted.
    pub(super) fn one(&self, profile: &Profile, url: &Url, fresh: bool) -> Result<Client, FetchError> {
        let secure = is_secure(url);
        let slot = if secure { &self.tls } else { &self.plain };
        if !fresh && let Some(client) = &*slot.borrow() {
            return Ok(client.clone());
        }
        let needs_tls = secure || profile.proxy.as_ref().is_some_and(is_secure);
        let mut config = if needs_tls { tls::config(profile)? } else { tls::none()? };
        if needs_tls {
            // A server that speaks none of it says so then, instead of answering in another language.
            config.alpn_protocols = vec![b"http/1.1".to_vec()];
        }
        let client = client(profile, config, reqwest::ClientBuilder::http1_only)?;
        if !fresh {
            slot.replace(Some(client.clone()));
        }
        Ok(client)
    }

    /// What asks for a URL in HTTP/2, or in what else the server chooses.
    pub(super) fn two(&self, profile: &Profile, url: &Url, fresh: bool) -> Result<Loan, FetchError> {
        let (origin, two) = (origin_of(url), Rc::clone(&self.two.borrow()));
        let kept = if fresh { None } else { two.take(origin) };
        let client = if let Some(client) = kept {
            client
        } else {
            // The window grows with what is read in a round trip: what was read slowly from the first byte on is not sent ahead.
            client(profile, two.config(profile, fresh)?, |builder| {
                builder
                    .http2_adaptive_window(true)
                    .http2_max_frame_size(LARGEST_FRAME)
                    .http2_max_header_list_size(MOST_FIELDS)
            })?
        };
        Ok(Loan { client, origin: origin.to_owned(), of: Rc::downgrade(&two) })
    }

    /// Whether the origin of a URL was heard to speak HTTP/1.1.
    pub(super) fn is_known_to_speak_one(&self, url: &Url) -> bool {
        self.heard.borrow().get(origin_of(url)) == Some(&Speaks::One)
    }

    /// Whether the origin of a URL is to be asked in HTTP/2 at once.
    pub(super) fn is_two_only(&self, url: &Url) -> bool {
        match self.heard.borrow().get(origin_of(url)) {
            Some(Speaks::TwoOnly(since)) => since.is_none_or(|since| since.elapsed() < BELIEVED),
            _ => false,
        }
    }

    /// Keeps what the origin of a URL spoke; `told_so` is whether it said that it speaks nothing else.
    pub(super) fn hear(&self, url: &Url, is_two_only: bool, told_so: bool) {
        let mut heard = self.heard.borrow_mut();
        match heard.get(origin_of(url)) {
            Some(Speaks::One) if !is_two_only => return,
            // Since it was found out, not since it was used last.
            Some(Speaks::TwoOnly(Some(since))) if is_two_only && since.elapsed() < BELIEVED => return,
            Some(Speaks::TwoOnly(None)) if is_two_only => return,
            _ => {}
        }
        if heard.len() >= MOST_HEARD {
            heard.clear();
        }
        let speaks = if is_two_only { Speaks::TwoOnly((!told_so).then(Instant::now)) } else { Speaks::One };
        heard.insert(origin_of(url).to_owned(), speaks);
    }

    /// Forgets what the origin of a URL spoke.
    pub(super) fn unhear(&self, url: &Url) {
        self.heard.borrow_mut().remove(origin_of(url));
    }
}

impl Two {
    fn config(&self, profile: &Profile, fresh: bool) -> Result<ClientConfig, FetchError> {
        if let Some(config) = self.config.borrow().as_ref().filter(|_| !fresh) {
            return Ok(config.clone());
        }
        let mut config = tls::config(profile)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        self.config.replace(Some(config.clone()));
        Ok(config)
    }

    /// The connection to an origin that was used last.
    fn take(&self, origin: &str) -> Option<Client> {
        let mut idle = self.idle.borrow_mut();
        let (client, since) = idle.get_mut(origin)?.pop()?;
        (since.elapsed() < KEPT).then_some(client)
    }

    fn keep(&self, origin: String, client: Client) {
        let mut idle = self.idle.borrow_mut();
        idle.retain(|_, kept| {
            kept.retain(|(_, since)| since.elapsed() < KEPT);
            !kept.is_empty()
        });
        let kept = idle.entry(origin).or_default();
        if kept.len() < MOST_KEPT {
            kept.push((client, Instant::now()));
        }
    }
}

impl Loan {
    /// The client whose only connection it is.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Gives the connection back; nobody takes it where all connections were let go of meanwhile.
    pub(super) fn give_back(self) {
        if let Some(two) = self.of.upgrade() {
            two.keep(self.origin, self.client);
        }
    }
}

/// Whether a URL is asked over TLS.
pub(super) fn is_secure(url: &Url) -> bool {
    url.scheme() == "https"
}

/// Scheme, host and port, as the URL has them.
fn origin_of(url: &Url) -> &str {
    &url[..Position::BeforePath]
}

fn client(
    profile: &Profile,
    config: ClientConfig,
    speaks: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
) -> Result<Client, FetchError> {
    let mut builder = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .no_proxy()
        .http1_max_headers(MAX_HEADERS)
        .connect_timeout(profile.connect_within)
        .tcp_keepalive(Duration::from_mins(1))
        .pool_idle_timeout(KEPT)
        .tls_backend_preconfigured(config);
    builder = speaks(builder);
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
