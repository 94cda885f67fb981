//! One download as a person or a list asks for it, before it meets the command line's settings.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use url::Url;

use crate::model::item::{
    Credentials, Extras, GivenHeader, Mode, NewDownload, Priority, Taken, TransferSettings,
};
use crate::model::printable::{mask_url, printable};

/// One download that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it comes from.
    pub url: Url,
    /// The file name, where one was chosen; may name folders below the download's own.
    pub name: Option<String>,
    /// Whether a person chose the name, so that a taken one is refused.
    pub name_is_asked: bool,
    /// The folder, where one was chosen.
    pub folder: Option<PathBuf>,
    /// The mode, where one was chosen.
    pub mode: Option<Mode>,
    /// The priority, where one was chosen.
    pub priority: Option<Priority>,
    /// What is known beside the URL.
    pub extras: Extras,
    /// What it sets differently from the others.
    pub overrides: Vec<Override>,
}

/// One setting that a download has of its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Override {
    /// One more request header.
    Header(GivenHeader),
    /// Connections at most.
    Connections(u32),
    /// Tries at most.
    Tries(u32),
    /// Bytes per second at most.
    Limit(u64),
    /// Referer.
    Referer(String),
    /// User-Agent.
    UserAgent(String),
    /// Proxy.
    Proxy(Url),
    /// Network interface.
    Interface(String),
    /// Cookie file.
    Cookies(PathBuf),
    /// User name and password.
    Credentials(Credentials),
    /// A taken name is replaced.
    Replace,
    /// A web page is taken.
    AcceptHtml,
    /// A redirect from https to http is followed.
    AllowDowngrade,
}

impl Entry {
    /// Returns the entry of a bare link.
    pub fn new(url: Url) -> Self {
        Self {
            url,
            name: None,
            name_is_asked: false,
            folder: None,
            mode: None,
            priority: None,
            extras: Extras::default(),
            overrides: Vec::new(),
        }
    }

    /// Returns the link as it may be shown: printable, and without what may be a key to something.
    pub fn shown_link(&self) -> String {
        mask_url(&self.url)
    }

    /// Returns the name that the file will have as far as anybody knows yet, printable.
    pub fn shown_name(&self) -> String {
        let from_link = || {
            let last = self.url.path_segments()?.rfind(|segment| !segment.is_empty())?;
            Some(percent_decode_str(last).decode_utf8_lossy().into_owned())
        };
        let name = self.name.clone().or_else(from_link);
        let shown = name.map(|name| printable(&name).trim().to_owned()).filter(|name| !name.is_empty());
        shown.unwrap_or_else(|| printable(self.url.host_str().unwrap_or("download")).into_owned())
    }

    /// Returns what was added as it could be asked for again. Secrets that a list can't carry (a password) and sums of pieces are left out.
    pub fn of_added(new: NewDownload, settings: &TransferSettings) -> Self {
        let mut overrides: Vec<_> = settings.headers.iter().cloned().map(Override::Header).collect();
        overrides.extend(settings.connections.map(Override::Connections));
        overrides.extend(settings.tries.map(Override::Tries));
        overrides.extend(settings.limit.map(Override::Limit));
        overrides.extend(settings.referer.clone().map(Override::Referer));
        overrides.extend(settings.user_agent.clone().map(Override::UserAgent));
        overrides.extend(settings.proxy.clone().map(Override::Proxy));
        overrides.extend(settings.interface.clone().map(Override::Interface));
        overrides.extend(settings.cookies.clone().map(Override::Cookies));
        overrides.extend((settings.taken == Taken::Replace).then_some(Override::Replace));
        overrides.extend(settings.accept_html.then_some(Override::AcceptHtml));
        overrides.extend(settings.allow_downgrade.then_some(Override::AllowDowngrade));
        Self {
            url: new.url,
            name_is_asked: new.name.is_some(),
            name: new.name,
            folder: new.folder,
            mode: new.mode,
            priority: new.priority,
            extras: new.extras,
            overrides,
        }
    }
}

impl Override {
    /// Changes the settings that a download would have without it.
    pub fn apply(&self, settings: &mut TransferSettings) {
        match self.clone() {
            Self::Header(header) => settings.headers.push(header),
            Self::Connections(connections) => settings.connections = Some(connections),
            Self::Tries(tries) => settings.tries = Some(tries),
            Self::Limit(limit) => settings.limit = Some(limit),
            Self::Referer(text) => settings.referer = Some(text),
            Self::UserAgent(text) => settings.user_agent = Some(text),
            Self::Proxy(url) => (settings.proxy, settings.direct) = (Some(url), false),
            Self::Interface(name) => settings.interface = Some(name),
            Self::Cookies(path) => settings.cookies = Some(path),
            Self::Credentials(credentials) => settings.credentials = Some(credentials),
            Self::Replace => settings.taken = Taken::Replace,
            Self::AcceptHtml => settings.accept_html = true,
            Self::AllowDowngrade => settings.allow_downgrade = true,
        }
    }
}

/// Parses a link that can be downloaded.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub fn parse_link(text: &str) -> Result<Url, String> {
    if text.contains(char::is_whitespace) {
        return Err(format!(
            "`{text}` has a space in it: put a tab between a link and what follows, or %20 inside one"
        ));
    }
    if text.is_empty() {
        return Err("an empty word is no link: a variable may have nothing in it".into());
    }
    let url = Url::parse(text).map_err(|error| match error {
        url::ParseError::RelativeUrlWithoutBase => {
            format!("`{text}` is no link: it must start with https:// or http://")
        }
        other => format!("`{text}` is no link: {other}"),
    })?;
    match url.scheme() {
        "http" | "https" if url.has_host() => Ok(url),
        scheme => Err(format!("`{scheme}:` links can't be downloaded: only https:// and http:// ones can")),
    }
}

/// Parses the word of a mode.
pub fn parse_mode(text: &str) -> Result<Mode, String> {
    [Mode::Background, Mode::RealTime]
        .into_iter()
        .find(|mode| mode.word() == text)
        .ok_or_else(|| format!("`{text}` is no mode; there are background and real-time"))
}

/// Parses the word of a priority.
pub fn parse_priority(text: &str) -> Result<Priority, String> {
    [Priority::Now, Priority::High, Priority::Normal, Priority::Low]
        .into_iter()
        .find(|priority| priority.word() == text)
        .ok_or_else(|| format!("`{text}` is no priority; there are now, high, normal and low"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_links_are_links() {
        for (text, said) in [
            ("example.com/x", "must start with https://"),
            ("ftp://example.com/x", "`ftp:` links"),
            ("file:///etc/passwd", "`file:` links"),
            ("https://", "is no link"),
            ("http://a.example/x out=y", "put a tab"),
        ] {
            let error = parse_link(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
        assert_eq!(parse_link("HTTPS://A.example/x").unwrap().as_str(), "https://a.example/x");
    }

    #[test]
    fn a_name_is_guessed_and_shown_without_tricks() {
        for (link, shown) in [
            ("http://a.example/dir/x%20y.iso", "x y.iso"),
            ("http://a.example/dir/", "dir"),
            ("http://a.example/%1b%5b31m%e2%80%aex", "[31mx"),
            ("http://a.example", "a.example"),
            ("http://a.example/%20", "a.example"),
        ] {
            assert_eq!(Entry::new(parse_link(link).unwrap()).shown_name(), shown, "{link}");
        }
        let named = Entry {
            name: Some("a\tb".into()),
            ..Entry::new(parse_link("http://a.example/x?key=s").unwrap())
        };
        assert_eq!(named.shown_name(), "a b");
        assert_eq!(named.shown_link(), "http://a.example/x?key=…");
    }
}
