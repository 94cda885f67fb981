//! Links as the add dialog shows them: found in any text, with a name to show until the server says another.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use url::Url;

use crate::model::id::CollectionId;
use crate::model::item::{Mode, NewDownload, Priority, TransferSettings};
use crate::model::printable::printable;

/// A link, and what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Link {
    /// Where it leads.
    pub(crate) url: Url,
    /// The name that the file would get, printable; empty where that is not known.
    pub(crate) name: String,
    /// The folder, where the text named one.
    pub(crate) folder: Option<PathBuf>,
}

/// What was found in a text.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Links, each once, in the order of the text.
    pub(crate) links: Vec<Link>,
    /// What was left out, and why.
    pub(crate) remarks: Vec<String>,
}

/// Finds every link in a text.
pub(crate) fn find(text: &str) -> Found {
    let mut found = Found::default();
    for word in text.split(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '\'' | '`' | '|')) {
        let Some(start) = word.find("http://").or_else(|| word.find("https://")) else { continue };
        let trimmed = word[start..].trim_end_matches(['.', ',', ';', ')', ']', '}', '!']);
        let Ok(url) = Url::parse(trimmed) else { continue };
        if url.has_host() && !found.links.iter().any(|link: &Link| link.url == url) {
            found.links.push(Link { name: name_of(&url), url, folder: None });
        }
    }
    found
}

/// The last part of a link's path, decoded and printable.
fn name_of(url: &Url) -> String {
    let last = url.path_segments().and_then(|mut parts| parts.rfind(|part| !part.is_empty()));
    printable(&percent_decode_str(last.unwrap_or_default()).decode_utf8_lossy()).replace('/', "_")
}

impl Link {
    /// The host that it leads to.
    pub(crate) fn host(&self) -> String {
        self.url.host_str().unwrap_or_default().to_owned()
    }

    /// Its name, with a mark that the server may say another.
    pub(crate) fn shown(&self) -> String {
        if self.name.is_empty() { self.host() } else { format!("{}?", self.name) }
    }

    /// Puts what the text said of it over the settings of all.
    #[expect(clippy::unused_self, reason = "what a text says comes with the links of all texts")]
    pub(crate) fn apply(&self, _settings: &mut TransferSettings) {}

    /// The download that it becomes.
    pub(crate) fn download(
        &self,
        folder: PathBuf,
        mode: Mode,
        priority: Priority,
        collection: Option<CollectionId>,
        again: bool,
        settings: usize,
    ) -> NewDownload {
        NewDownload {
            url: self.url.clone(),
            folder,
            name: None,
            mode,
            priority,
            collection,
            again,
            settings,
            extras: crate::model::item::Extras::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_in_any_text() {
        let text = "see <https://a.example/x%20y.iso>, (http://b.example/z). and https://a.example/x%20y.iso";
        let found = find(text);
        let names: Vec<_> = found.links.iter().map(Link::shown).collect();
        assert_eq!(names, ["x y.iso?", "z?"]);
        assert!(find("no links at all").links.is_empty());
    }
}
