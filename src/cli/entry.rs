//! One download as a person or a list asks for it, before it meets the command line's settings, and the `key=value`
//! pairs that say the same in a list. One table reads and writes them.

use std::path::PathBuf;
use std::str::FromStr;

use url::Url;

use super::header::parse_header;
use super::quantity;
use crate::model::item::{
    Credentials, Extras, GivenHeader, Mode, NewDownload, Priority, Taken, TransferSettings,
};

/// One download that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Where it comes from.
    pub(crate) url: Url,
    /// The file name, where one was chosen; may name folders below the download's own.
    pub(crate) name: Option<String>,
    /// Whether a person chose the name, so that a taken one is refused.
    pub(crate) name_is_asked: bool,
    /// The folder, where one was chosen.
    pub(crate) folder: Option<PathBuf>,
    /// The mode, where one was chosen.
    pub(crate) mode: Option<Mode>,
    /// The priority, where one was chosen.
    pub(crate) priority: Option<Priority>,
    /// What is known beside the URL.
    pub(crate) extras: Extras,
    /// What it sets differently from the others.
    pub(crate) overrides: Vec<Override>,
}

/// One setting that a download has of its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Override {
    /// One more request header.
    Header(GivenHeader),
    /// Connections at most.
    Connections(u32),
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
}

/// One word before the `=`.
struct Key {
    word: &'static str,
    read: fn(&mut Entry, &str) -> Result<(), String>,
    write: fn(&Entry) -> Vec<String>,
}

/// All of them, in the order in which they are written.
const KEYS: &[Key] = &[
    Key { word: "out", read: read_out, write: |entry| one(entry.name.clone()) },
    Key {
        word: "dir",
        read: read_dir,
        write: |entry| one(entry.folder.as_ref().map(|dir| dir.display().to_string())),
    },
    Key {
        word: "checksum",
        read: read_checksum,
        write: |entry| one(entry.extras.checksum.as_ref().map(ToString::to_string)),
    },
    Key { word: "mode", read: read_mode, write: |entry| one(entry.mode.map(|mode| mode.word().into())) },
    Key {
        word: "priority",
        read: read_priority,
        write: |entry| one(entry.priority.map(|order| order.word().into())),
    },
    Key {
        word: "header",
        read: read_header,
        write: |entry| {
            entry.texts(|own| match own {
                Override::Header(header) => Some(format!("{}: {}", header.name, header.value)),
                _ => None,
            })
        },
    },
    Key {
        word: "title",
        read: |entry, text| entry.inform("Title", text),
        write: |entry| one(entry.info("Title")),
    },
    Key {
        word: "artist",
        read: |entry, text| entry.inform("Artist", text),
        write: |entry| one(entry.info("Artist")),
    },
    Key {
        word: "album",
        read: |entry, text| entry.inform("Album", text),
        write: |entry| one(entry.info("Album")),
    },
    Key {
        word: "distributor",
        read: |entry, text| entry.inform("Distributor", text),
        write: |entry| one(entry.info("Distributor")),
    },
    Key {
        word: "mirror",
        read: |entry, text| parse_link(text).map(|url| entry.extras.mirrors.push(url)),
        write: |entry| entry.extras.mirrors.iter().map(ToString::to_string).collect(),
    },
    Key { word: "size", read: read_size, write: |entry| one(entry.extras.size.map(|size| size.to_string())) },
    Key {
        word: "connections",
        read: |entry, text| entry.put(number(text).map(Override::Connections)),
        write: |entry| {
            entry.texts(|own| if let Override::Connections(n) = own { Some(n.to_string()) } else { None })
        },
    },
    Key {
        word: "limit",
        read: |entry, text| entry.put(quantity::rate(text).map(Override::Limit)),
        write: |entry| {
            entry.texts(|own| if let Override::Limit(rate) = own { Some(rate.to_string()) } else { None })
        },
    },
    Key {
        word: "referer",
        read: |entry, text| entry.put(Ok(Override::Referer(text.into()))),
        write: |entry| {
            entry.texts(|own| if let Override::Referer(text) = own { Some(text.clone()) } else { None })
        },
    },
    Key {
        word: "user-agent",
        read: |entry, text| entry.put(Ok(Override::UserAgent(text.into()))),
        write: |entry| {
            entry.texts(|own| if let Override::UserAgent(text) = own { Some(text.clone()) } else { None })
        },
    },
    Key {
        word: "proxy",
        read: |entry, text| entry.put(super::proxy::parse(text).map(Override::Proxy)),
        write: |entry| {
            entry.texts(|own| if let Override::Proxy(url) = own { Some(url.to_string()) } else { None })
        },
    },
    Key {
        word: "interface",
        read: |entry, text| entry.put(Ok(Override::Interface(text.into()))),
        write: |entry| {
            entry.texts(|own| if let Override::Interface(text) = own { Some(text.clone()) } else { None })
        },
    },
    Key {
        word: "cookies",
        read: |entry, text| entry.put(Ok(Override::Cookies(text.into()))),
        write: |entry| {
            entry.texts(|own| {
                if let Override::Cookies(path) = own { Some(path.display().to_string()) } else { None }
            })
        },
    },
    Key {
        word: "taken",
        read: read_taken,
        write: |entry| entry.texts(|own| matches!(own, Override::Replace).then(|| "replace".into())),
    },
    Key {
        word: "accept-html",
        read: read_accept_html,
        write: |entry| entry.texts(|own| matches!(own, Override::AcceptHtml).then(|| "yes".into())),
    },
];

/// Before the name of any other item info.
const INFO_PREFIX: &str = "info.";

impl Entry {
    /// Returns the entry of a bare link.
    pub(crate) fn new(url: Url) -> Self {
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

    /// Takes in one `key=value` pair of a list.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub(crate) fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        if let Some(name) = key.strip_prefix(INFO_PREFIX).filter(|name| !name.is_empty()) {
            return self.inform(name, value);
        }
        if let Some(known) = KEYS.iter().find(|known| known.word == key) {
            (known.read)(self, value)
        } else {
            let words: Vec<_> = KEYS.iter().map(|known| known.word).collect();
            Err(format!("`{key}` is no key of a list; there are {} and info.NAME", words.join(", ")))
        }
    }

    /// The pairs that say all that a list can say of it.
    pub(crate) fn pairs(&self) -> Vec<(String, String)> {
        let mut pairs: Vec<_> = KEYS
            .iter()
            .flat_map(|key| (key.write)(self).into_iter().map(|value| (key.word.to_owned(), value)))
            .collect();
        let other = self
            .extras
            .info
            .iter()
            .filter(|(name, _)| !["Title", "Artist", "Album", "Distributor"].contains(&name.as_str()));
        pairs.extend(other.map(|(name, value)| (format!("{INFO_PREFIX}{name}"), value.clone())));
        pairs
    }

    /// Returns what was added as it could be asked for again. Secrets that a list can't carry (a password) and sums of pieces are left out.
    pub(crate) fn of_added(new: NewDownload, settings: &TransferSettings) -> Self {
        let mut overrides: Vec<_> = settings.headers.iter().cloned().map(Override::Header).collect();
        overrides.extend(settings.connections.map(Override::Connections));
        overrides.extend(settings.limit.map(Override::Limit));
        overrides.extend(settings.referer.clone().map(Override::Referer));
        overrides.extend(settings.user_agent.clone().map(Override::UserAgent));
        overrides.extend(settings.proxy.clone().map(Override::Proxy));
        overrides.extend(settings.interface.clone().map(Override::Interface));
        overrides.extend(settings.cookies.clone().map(Override::Cookies));
        overrides.extend((settings.taken == Taken::Replace).then_some(Override::Replace));
        overrides.extend(settings.accept_html.then_some(Override::AcceptHtml));
        Self {
            url: new.url,
            name_is_asked: new.name.is_some(),
            name: new.name,
            folder: Some(new.folder),
            mode: Some(new.mode),
            priority: Some(new.priority),
            extras: new.extras,
            overrides,
        }
    }

    fn texts(&self, text: impl Fn(&Override) -> Option<String>) -> Vec<String> {
        self.overrides.iter().filter_map(text).collect()
    }

    fn info(&self, name: &str) -> Option<String> {
        self.extras.info.get(name).cloned()
    }

    #[expect(clippy::unnecessary_wraps, reason = "the table's signature")]
    fn inform(&mut self, name: &str, value: &str) -> Result<(), String> {
        self.extras.info.insert(name.to_owned(), value.to_owned());
        Ok(())
    }

    fn put(&mut self, own: Result<Override, String>) -> Result<(), String> {
        self.overrides.push(own?);
        Ok(())
    }
}

impl Override {
    /// Changes the settings that a download would have without it.
    pub(crate) fn apply(&self, settings: &mut TransferSettings) {
        match self.clone() {
            Self::Header(header) => settings.headers.push(header),
            Self::Connections(connections) => settings.connections = Some(connections),
            Self::Limit(limit) => settings.limit = Some(limit),
            Self::Referer(text) => settings.referer = Some(text),
            Self::UserAgent(text) => settings.user_agent = Some(text),
            Self::Proxy(url) => settings.proxy = Some(url),
            Self::Interface(name) => settings.interface = Some(name),
            Self::Cookies(path) => settings.cookies = Some(path),
            Self::Credentials(credentials) => settings.credentials = Some(credentials),
            Self::Replace => settings.taken = Taken::Replace,
            Self::AcceptHtml => settings.accept_html = true,
        }
    }
}

/// Parses a link that can be downloaded.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub(crate) fn parse_link(text: &str) -> Result<Url, String> {
    if text.contains(char::is_whitespace) {
        return Err(format!(
            "`{text}` has a space in it: put a tab between a link and what follows, or %20 inside one"
        ));
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
pub(crate) fn parse_mode(text: &str) -> Result<Mode, String> {
    [Mode::Background, Mode::RealTime]
        .into_iter()
        .find(|mode| mode.word() == text)
        .ok_or_else(|| format!("`{text}` is no mode; there are background and real-time"))
}

/// Parses the word of a priority.
pub(crate) fn parse_priority(text: &str) -> Result<Priority, String> {
    [Priority::Now, Priority::High, Priority::Normal, Priority::Low]
        .into_iter()
        .find(|priority| priority.word() == text)
        .ok_or_else(|| format!("`{text}` is no priority; there are now, high, normal and low"))
}

fn read_out(entry: &mut Entry, text: &str) -> Result<(), String> {
    let strays = text.starts_with('/') || text.split('/').any(|part| part == "..") || text.ends_with('/');
    if text.is_empty() || strays {
        return Err(format!(
            "`out={text}` must name a file in or below the download's folder; `dir=` names the folder"
        ));
    }
    entry.name = Some(text.to_owned());
    entry.name_is_asked = true;
    Ok(())
}

fn read_dir(entry: &mut Entry, text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("`dir=` names no folder".into());
    }
    entry.folder = Some(text.into());
    Ok(())
}

fn read_checksum(entry: &mut Entry, text: &str) -> Result<(), String> {
    entry.extras.checksum = Some(quantity::checksum(text)?);
    Ok(())
}

fn read_mode(entry: &mut Entry, text: &str) -> Result<(), String> {
    entry.mode = Some(parse_mode(text)?);
    Ok(())
}

fn read_priority(entry: &mut Entry, text: &str) -> Result<(), String> {
    entry.priority = Some(parse_priority(text)?);
    Ok(())
}

fn read_header(entry: &mut Entry, text: &str) -> Result<(), String> {
    entry.put(parse_header(text).map(Override::Header))
}

fn read_size(entry: &mut Entry, text: &str) -> Result<(), String> {
    entry.extras.size = Some(quantity::size(text)?);
    Ok(())
}

fn read_taken(entry: &mut Entry, text: &str) -> Result<(), String> {
    match text {
        "replace" => entry.put(Ok(Override::Replace)),
        _ => Err(format!("`taken={text}`: only `taken=replace` can be asked for in a list")),
    }
}

fn read_accept_html(entry: &mut Entry, text: &str) -> Result<(), String> {
    match text {
        "yes" => entry.put(Ok(Override::AcceptHtml)),
        _ => Err(format!("`accept-html={text}`: only `accept-html=yes` says anything")),
    }
}

fn number(text: &str) -> Result<u32, String> {
    u32::from_str(text)
        .ok()
        .filter(|number| *number > 0)
        .ok_or_else(|| format!("`{text}` is no number from 1 up"))
}

fn one(text: Option<String>) -> Vec<String> {
    text.into_iter().collect()
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
    fn a_name_stays_below_its_folder() {
        let mut entry = Entry::new(Url::parse("http://a.example/x").unwrap());
        for bad in ["/etc/passwd", "../x", "a/../../x", "", "a/"] {
            assert!(entry.set("out", bad).is_err(), "{bad}");
        }
        entry.set("out", "a/b..c").unwrap();
        assert_eq!(entry.name.as_deref(), Some("a/b..c"));
    }

    #[test]
    fn an_unknown_key_is_told_with_the_known_ones() {
        let mut entry = Entry::new(Url::parse("http://a.example/x").unwrap());
        assert!(entry.set("folder", "x").unwrap_err().contains("out, dir, checksum"));
    }
}
