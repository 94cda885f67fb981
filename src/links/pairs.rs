//! The `key=value` pairs of a list: one table reads them into an entry and writes them from one.

use std::str::FromStr;

use super::entry::{Entry, Override, parse_link, parse_mode, parse_priority};
use super::header::parse_header;
use super::quantity;

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
        word: "tries",
        read: |entry, text| entry.put(number(text).map(Override::Tries)),
        write: |entry| {
            entry.texts(|own| if let Override::Tries(n) = own { Some(n.to_string()) } else { None })
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
        read: |entry, text| read_yes(entry, "accept-html", text, Override::AcceptHtml),
        write: |entry| entry.texts(|own| matches!(own, Override::AcceptHtml).then(|| "yes".into())),
    },
    Key {
        word: "allow-downgrade",
        read: |entry, text| read_yes(entry, "allow-downgrade", text, Override::AllowDowngrade),
        write: |entry| entry.texts(|own| matches!(own, Override::AllowDowngrade).then(|| "yes".into())),
    },
];

/// Before the name of any other item info.
const INFO_PREFIX: &str = "info.";

/// Takes one pair into an entry.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub(crate) fn set(entry: &mut Entry, key: &str, value: &str) -> Result<(), String> {
    if let Some(name) = key.strip_prefix(INFO_PREFIX).filter(|name| !name.is_empty()) {
        return entry.inform(name, value);
    }
    if let Some(known) = KEYS.iter().find(|known| known.word == key) {
        (known.read)(entry, value)
    } else {
        let words: Vec<_> = KEYS.iter().map(|known| known.word).collect();
        Err(format!("`{key}` is no key of a list; there are {} and info.NAME", words.join(", ")))
    }
}

/// The pairs that say all that a list can say of an entry.
pub(crate) fn pairs(entry: &Entry) -> Vec<(String, String)> {
    let mut pairs: Vec<_> = KEYS
        .iter()
        .flat_map(|key| (key.write)(entry).into_iter().map(|value| (key.word.to_owned(), value)))
        .collect();
    let has_word = |name: &str| ["Title", "Artist", "Album", "Distributor"].contains(&name);
    let other = entry.extras.info.iter().filter(|(name, _)| !has_word(name));
    pairs.extend(other.map(|(name, value)| (format!("{INFO_PREFIX}{name}"), value.clone())));
    pairs
}

impl Entry {
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

fn read_yes(entry: &mut Entry, word: &str, text: &str, own: Override) -> Result<(), String> {
    match text {
        "yes" => entry.put(Ok(own)),
        _ => Err(format!("`{word}={text}`: only `{word}=yes` says anything")),
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
    use url::Url;

    use super::*;

    #[test]
    fn a_name_stays_below_its_folder() {
        let mut entry = Entry::new(Url::parse("http://a.example/x").unwrap());
        for bad in ["/etc/passwd", "../x", "a/../../x", "", "a/"] {
            assert!(set(&mut entry, "out", bad).is_err(), "{bad}");
        }
        set(&mut entry, "out", "a/b..c").unwrap();
        assert_eq!(entry.name.as_deref(), Some("a/b..c"));
    }

    #[test]
    fn an_unknown_key_is_told_with_the_known_ones() {
        let mut entry = Entry::new(Url::parse("http://a.example/x").unwrap());
        assert!(set(&mut entry, "folder", "x").unwrap_err().contains("out, dir, checksum"));
    }
}
