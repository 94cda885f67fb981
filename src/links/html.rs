//! Links in a page's source: what `href` and `src` name, and the addresses in its text.

use url::Url;

use super::entry::Entry;
use super::prose;

/// Elements whose addresses are the page's own machinery.
const MACHINERY: [&str; 4] = ["script", "link", "style", "iframe"];
/// Elements whose content is no text.
const RAW: [&str; 2] = ["script", "style"];

/// Whether a text is the source of a page, or a piece of one.
pub(super) fn is_html(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let is_set = |name: &str| {
        lower.match_indices(name).any(|(at, _)| lower[at + name.len()..].trim_start().starts_with('='))
    };
    text.contains('<') && (is_set("href") || is_set("src"))
}

/// Finds the links of a page's source, in order. Relative ones need a `<base href>` before them.
pub(super) fn entries(text: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut base = None;
    let mut rest = text;
    while let Some(open) = rest.find('<') {
        entries.extend(in_text(&rest[..open]));
        rest = &rest[open..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
            continue;
        }
        let Some((tag, after)) = Tag::read(rest) else {
            // No tag: `<https://…>` in a mail, or a sign in a formula.
            entries.extend(in_text(&rest[1..rest[1..].find('<').map_or(rest.len(), |next| next + 1)]));
            rest = &rest[rest[1..].find('<').map_or(rest.len(), |next| next + 1)..];
            continue;
        };
        rest = after;
        if tag.name == "base" {
            base = tag.value("href").and_then(|href| Url::parse(&href).ok());
        } else {
            entries.extend(tag.entry(base.as_ref()));
        }
        if RAW.contains(&tag.name.as_str()) && !tag.is_end {
            rest = after_element(rest, &tag.name);
        }
    }
    entries.extend(in_text(rest));
    entries
}

fn in_text(text: &str) -> Vec<Entry> {
    prose::links(&unescaped(text)).into_iter().map(Entry::new).collect()
}

/// What follows the end of an element whose content is no text.
fn after_element<'a>(text: &'a str, name: &str) -> &'a str {
    text.match_indices("</")
        .find(|(at, _)| text[at + 2..].get(..name.len()).is_some_and(|word| word.eq_ignore_ascii_case(name)))
        .map_or("", |(at, _)| &text[at..])
}

/// A tag.
struct Tag<'a> {
    name: String,
    is_end: bool,
    attributes: Vec<(&'a str, &'a str)>,
}

impl<'a> Tag<'a> {
    /// Reads the tag that a text begins with, and returns what follows it.
    fn read(text: &'a str) -> Option<(Self, &'a str)> {
        let inside = text.strip_prefix('<')?;
        let (is_end, inside) = inside.strip_prefix('/').map_or((false, inside), |name| (true, name));
        let end = inside.find(|c: char| c.is_whitespace() || matches!(c, '>' | '/')).unwrap_or(inside.len());
        let (name, mut rest) = inside.split_at(end);
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !is_name {
            return None;
        }
        let mut attributes = Vec::new();
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
            if let Some(after) = rest.strip_prefix('>') {
                return Some((Self { name: name.to_ascii_lowercase(), is_end, attributes }, after));
            }
            if rest.is_empty() {
                return Some((Self { name: name.to_ascii_lowercase(), is_end, attributes }, rest));
            }
            let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '=' | '>')).unwrap_or(rest.len());
            let (key, after) = rest.split_at(end);
            let after_space = after.trim_start();
            let Some(value) = after_space.strip_prefix('=') else {
                attributes.push((key, ""));
                rest = after;
                continue;
            };
            let value = value.trim_start();
            let (value, after) = match value.chars().next() {
                Some(quote @ ('"' | '\'')) => value[1..].split_once(quote).unwrap_or((&value[1..], "")),
                _ => {
                    value.split_at(value.find(|c: char| c.is_whitespace() || c == '>').unwrap_or(value.len()))
                }
            };
            attributes.push((key, value));
            rest = after;
        }
    }

    fn value(&self, key: &str) -> Option<String> {
        let found = self.attributes.iter().find(|(name, _)| name.eq_ignore_ascii_case(key));
        found.map(|(_, value)| unescaped(value.trim()))
    }

    /// The link that the tag names, with the name that it gives the file.
    fn entry(&self, base: Option<&Url>) -> Option<Entry> {
        if MACHINERY.contains(&self.name.as_str()) {
            return None;
        }
        let link = self.value("href").or_else(|| self.value("src"))?;
        let url = match (Url::parse(&link), base) {
            (Err(url::ParseError::RelativeUrlWithoutBase), Some(base)) if !link.starts_with('#') => {
                base.join(&link).ok()?
            }
            (parsed, _) => parsed.ok()?,
        };
        let is_web = matches!(url.scheme(), "http" | "https") && url.has_host();
        let name = self.value("download").filter(|name| {
            !name.is_empty()
                && !name.contains(|c: char| c.is_control() || matches!(c, '/' | '\\'))
                && !matches!(name.as_str(), "." | "..")
        });
        is_web.then(|| Entry { name, ..Entry::new(url) })
    }
}

/// Replaces the character references that links have in them.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.bytes().take(12).position(|byte| byte == b';');
        let known = end.and_then(|end| Some((reference(&rest[1..end])?, end + 1)));
        let (c, len) = known.unwrap_or(('&', 1));
        plain.push(c);
        rest = &rest[len..];
    }
    plain.push_str(rest);
    plain
}

fn reference(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "nbsp" => Some(' '),
        _ => {
            let number = name.strip_prefix('#')?;
            let hex = number.strip_prefix(['x', 'X']);
            let code = hex.map_or_else(|| number.parse().ok(), |hex| u32::from_str_radix(hex, 16).ok())?;
            char::from_u32(code).filter(|c| !c.is_control())
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_page_names_its_files() {
        for (text, expected) in [
            ("<a href=\"https://a.example/x?a=1&amp;b=2\">x</a>", &["https://a.example/x?a=1&b=2"][..]),
            (
                "<A HREF='https://a.example/x'>https://a.example/y</A>",
                &["https://a.example/x", "https://a.example/y"],
            ),
            ("<a class=big href=https://a.example/x>x", &["https://a.example/x"]),
            ("<video src = \"https://a.example/v.mp4\" controls/>", &["https://a.example/v.mp4"]),
            (
                "<base href=\"https://a.example/dir/\"><a href=\"x.iso\">x</a><a href=\"#top\">t</a>",
                &["https://a.example/dir/x.iso"],
            ),
            ("<a href=\"x.iso\">x</a>", &[]),
            ("<a href=\"mailto:me@a.example\">m</a><a href='javascript:void(0)'>j</a>", &[]),
            (
                "<script src=\"https://a.example/s.js\">var a = '<a href=\"https://a.example/no\">';</script><a href='https://a.example/x'>",
                &["https://a.example/x"],
            ),
            (
                "<link href=\"https://a.example/style.css\"><!-- <a href=\"https://a.example/no\"> --> 1 < 2 <a href='https://a.example/x'>",
                &["https://a.example/x"],
            ),
            (
                "<p>mail <https://a.example/m></p><img src='https://a.example/i.png'>",
                &["https://a.example/m", "https://a.example/i.png"],
            ),
            ("<a href=\"https://a.example/open", &["https://a.example/open"]),
        ] {
            assert!(is_html(text), "{text}");
            let found: Vec<_> = entries(text).iter().map(|entry| entry.url.to_string()).collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn a_page_may_name_the_file() {
        let found = entries("<a href='https://a.example/x?id=1' download='Title &amp; more.flac'>x</a>");
        assert_eq!(found[0].name.as_deref(), Some("Title & more.flac"));
        let found = entries("<a href='https://a.example/x' download='../../evil'>x</a>");
        assert_eq!(found[0].name, None);
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in "(<|>|/|a|script|!--|-->|href=|src=|base|'|\"|&|;|#x|[0-9]|é|https://a.example/| |\\PC){0,40}") {
            for entry in entries(&text) {
                prop_assert!(matches!(entry.url.scheme(), "http" | "https"));
            }
        }
    }
}
