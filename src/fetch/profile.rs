//! Everything that decides which connections a request may share and which headers it carries.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use url::{Origin, Url};

use crate::model::host::Pin;
use crate::model::item::{Credentials, GivenHeader, TransferSettings};
use crate::model::page::{PageOrigin, Reach};

/// A request's identity: requests with equal profiles share connections and the cookies that the user brought, others never do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Profile {
    /// Where the secrets were given for: they go to this scheme, host and port only.
    pub home: Url,
    /// User-Agent.
    pub user_agent: Option<String>,
    /// Referer, for the home origin.
    pub referer: Option<String>,
    /// Headers, for the home origin.
    pub headers: Vec<GivenHeader>,
    /// User name and password, for the home origin.
    pub credentials: Option<Credentials>,
    /// Cookie file, read when the first request is made.
    pub cookies: Option<PathBuf>,
    /// Authorities to trust beside the system's.
    pub ca: Option<PathBuf>,
    /// Client certificate.
    pub cert: Option<PathBuf>,
    /// The client certificate's key.
    pub key: Option<PathBuf>,
    /// Keys that some hosts must have.
    pub pins: Vec<Pin>,
    /// Proxy.
    pub proxy: Option<Url>,
    /// Network interface.
    pub interface: Option<String>,
    /// The one address of this host that is used, where the servers behind its name disagree.
    pub pinned: Option<(String, SocketAddr)>,
    /// Whether redirects from https to http are followed.
    pub allow_downgrade: bool,
    /// Which addresses may be reached, on every hop.
    pub reach: Reach,
    /// Time to connect.
    pub connect_within: Duration,
    /// Time from the request to the first byte of the answer.
    pub answer_within: Duration,
}

impl Profile {
    /// Returns the profile of a download. Its secrets belong to the source URL's origin.
    pub fn of(source: &Url, settings: &TransferSettings, answer_within: Duration) -> Self {
        let credentials = settings.credentials.clone().or_else(|| {
            let user =
                percent_encoding::percent_decode_str(source.username()).decode_utf8_lossy().into_owned();
            let password = source.password().unwrap_or_default();
            let password = percent_encoding::percent_decode_str(password).decode_utf8_lossy().into_owned();
            (!user.is_empty() || !password.is_empty()).then_some(Credentials { user, password })
        });
        // Only the origin matters, and an equal one must give an equal profile.
        let home = source.join("/").map_or_else(
            |_| source.clone(),
            |mut home| {
                // Neither can fail on a URL with a host, and http has one always.
                let _ = home.set_username("");
                let _ = home.set_password(None);
                home
            },
        );
        Self {
            home,
            user_agent: settings.user_agent.clone(),
            referer: settings.referer.clone(),
            headers: settings.headers.clone(),
            credentials,
            cookies: settings.cookies.clone(),
            ca: settings.ca.clone(),
            cert: settings.cert.clone(),
            key: settings.key.clone(),
            pins: settings.pins.clone(),
            proxy: settings.proxy.clone(),
            interface: settings.interface.clone(),
            pinned: None,
            allow_downgrade: settings.allow_downgrade,
            reach: settings.page.as_ref().map_or(Reach::Anywhere, PageOrigin::reach),
            connect_within: Duration::from_secs(15).min(answer_within),
            answer_within,
        }
    }

    /// Whether secrets may go to this URL.
    pub fn is_home(&self, url: &Url) -> bool {
        fn key(url: &Url) -> Origin {
            url.origin()
        }
        key(&self.home) == key(url)
    }

    /// Whether anything in it ties it to its origin, so that other hosts need a profile of their own.
    pub fn is_plain(&self) -> bool {
        self.referer.is_none() && self.headers.is_empty() && self.credentials.is_none()
    }
}
