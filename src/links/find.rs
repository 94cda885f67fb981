//! Every link in a pasted text, whatever the text is: a list, Markdown, a page's source, an aria2 input file, commands that a
//! browser copied, prose.

use std::collections::HashSet;
use std::path::PathBuf;

use super::entry::{Entry, parse_link};
use super::{curl, expand, html, list, prose};
use crate::model::printable::is_hostile;

/// How much of a text is looked at.
const MOST_BYTES: usize = 1_000_000;
/// How many links are taken.
const MOST_LINKS: usize = 10_000;

/// What was found in a text.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The links, each once, in the order of the text.
    pub entries: Vec<Entry>,
    /// What was left out, and why, as sentences.
    pub remarks: Vec<String>,
}

/// Finds every link in a text. All of them are http or https; a text without any gives none.
pub fn find(text: &str) -> Found {
    let mut found = Found::default();
    let mut text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.len() > MOST_BYTES {
        text = &text[..text.floor_char_boundary(MOST_BYTES)];
        found.remark("The text is very long: only its first megabyte was looked at.".into());
    }
    // What can't be seen may stand inside a link, put there by a page that wraps its lines; what acts ends one.
    let text: String = without_colours(text).chars().filter(|c| c.is_control() || !is_hostile(*c)).collect();
    let has_braces = text.contains('{');
    let mut known = HashSet::new();
    for entry in entries(&text, &mut found) {
        for entry in expanded(entry, has_braces, &mut found) {
            if found.entries.len() == MOST_LINKS {
                found.remark(format!("Only the first {MOST_LINKS} links were taken."));
                return found;
            }
            let key: (_, _, Option<PathBuf>) =
                (entry.url.as_str().to_owned(), entry.name.clone(), entry.folder.clone());
            if known.insert(key) {
                found.entries.push(entry);
            }
        }
    }
    found
}

impl Found {
    fn remark(&mut self, sentence: String) {
        if !self.remarks.contains(&sentence) {
            self.remarks.push(sentence);
        }
    }
}

/// The links of a text, before ranges are written out.
fn entries(text: &str, found: &mut Found) -> Vec<Entry> {
    if let Ok(listed) = list::parse(text.as_bytes())
        && !listed.entries.is_empty()
    {
        listed.remarks.iter().for_each(|remark| found.remark(capitalised(remark)));
        return listed.entries;
    }
    let mut entries = Vec::new();
    for piece in curl::pieces(text) {
        match piece {
            curl::Piece::Command(command) => {
                let understood = curl::parse(command);
                entries.extend(understood.entries);
                understood.remarks.into_iter().for_each(|remark| found.remark(remark));
            }
            curl::Piece::Other(text) if html::is_html(text) => entries.extend(html::entries(text)),
            curl::Piece::Other(text) => entries.extend(prose::links(text).into_iter().map(Entry::new)),
        }
    }
    if entries.is_empty() {
        entries.extend(prose::bare(text.trim()).map(Entry::new));
    }
    entries
}

/// A text that was copied with a terminal's colours: each escape sequence (ECMA-48, section 5.4) becomes a space.
fn without_colours(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, sequence)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        plain.push(' ');
        let end = sequence.find(|c: char| !matches!(c, ' '..='?'));
        rest = end.map_or("", |end| {
            sequence[end..].strip_prefix(|c: char| c.is_ascii()).unwrap_or(&sequence[end..])
        });
    }
    plain.push_str(rest);
    plain
}

/// Writes out the ranges of a link. A name for one file can't be that of many.
fn expanded(entry: Entry, has_braces: bool, found: &mut Found) -> Vec<Entry> {
    let mut link = entry.url.as_str().to_owned();
    if has_braces {
        link = link.replace("%7B", "{").replace("%7D", "}");
    }
    let expand::Expanded { texts, left_out } = expand::expand(&link);
    if left_out > 0 {
        found.remark(format!(
            "A range stands for {} links: only the first {} were taken.",
            texts.len() as u128 + left_out,
            texts.len()
        ));
    }
    if texts.len() < 2 {
        return vec![entry];
    }
    let links = texts.iter().filter_map(|text| parse_link(text).ok());
    links.map(|url| Entry { url, name: None, name_is_asked: false, ..entry.clone() }).collect()
}

/// A remark of the command line as a sentence of its own.
fn capitalised(remark: &str) -> String {
    let text = remark.strip_prefix("haul: ").unwrap_or(remark);
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::links::entry::Override;
    use crate::model::item::Mode;

    fn links(text: &str) -> Vec<String> {
        find(text).entries.iter().map(|entry| entry.url.to_string()).collect()
    }

    #[test]
    fn a_link_is_found_wherever_it_stands() {
        for (text, expected) in [
            ("https://a.example/x", &["https://a.example/x"][..]),
            (
                "see HTTPS://a.example/x, or http://b.example/y.",
                &["https://a.example/x", "http://b.example/y"],
            ),
            ("[the file](https://a.example/x_(1).iso)", &["https://a.example/x_(1).iso"]),
            (
                "a <https://a.example/x>; \"http://b.example/y\"",
                &["https://a.example/x", "http://b.example/y"],
            ),
            ("nothing here", &[]),
            ("ftp://a.example/x file:///etc/passwd javascript:alert(1)", &[]),
            ("example.org/file.iso", &["https://example.org/file.iso"]),
            ("e.g. and/or", &[]),
            ("https://a.example/so\u{200b}me\u{ad}where", &["https://a.example/somewhere"]),
            ("\u{1b}[31mhttps://a.example/x\u{1b}[0m", &["https://a.example/x"]),
            ("https://a.example/x\nhttps://a.example/x\n", &["https://a.example/x"]),
            (
                "https://a.example/[1-3].flac",
                &["https://a.example/1.flac", "https://a.example/2.flac", "https://a.example/3.flac"],
            ),
            ("get https://a.example/{a,b}.flac", &["https://a.example/a.flac", "https://a.example/b.flac"]),
            ("https://a.example/%7Ba,b%7D.flac", &["https://a.example/%7Ba,b%7D.flac"]),
        ] {
            assert_eq!(links(text), expected, "{text}");
        }
    }

    #[test]
    fn a_list_says_more_than_links() {
        let found = find("# mine\nhttps://a.example/x\tout=y.bin\tmode=real-time\nhttps://a.example/z\n");
        assert_eq!(found.entries[0].name.as_deref(), Some("y.bin"));
        assert_eq!(found.entries[0].mode, Some(Mode::RealTime));
        assert_eq!(found.entries.len(), 2);
    }

    #[test]
    fn an_aria2_input_file_is_understood_and_what_it_can_t_say_is_told() {
        let found = find("http://a.example/x\thttp://b.example/x\n  out=y.iso\n  header=X-A: 1\n  gid=7\n");
        assert_eq!(found.remarks, ["These aria2 options are not used: gid."]);
        let [entry] = &found.entries[..] else { panic!("{found:?}") };
        assert_eq!((entry.name.as_deref(), entry.extras.mirrors.len()), (Some("y.iso"), 1));
        assert!(matches!(&entry.overrides[..], [Override::Header(_)]));
    }

    #[test]
    fn commands_and_prose_may_stand_side_by_side() {
        let text = "first https://a.example/1\n$ curl -L 'https://b.example/2' \\\n  -H 'X-A: 1' -o two.bin\nthen https://c.example/3";
        let found = find(text);
        assert_eq!(links(text), ["https://a.example/1", "https://b.example/2", "https://c.example/3"]);
        assert_eq!(found.entries[1].name.as_deref(), Some("two.bin"));
        assert_eq!(found.entries[1].overrides.len(), 1);
    }

    #[test]
    fn no_text_is_too_long_and_no_range_too_wide() {
        let many: Vec<_> = (0..MOST_LINKS + 5).map(|n| format!("https://a.example/{n}")).collect();
        let found = find(&many.join("\n"));
        assert_eq!((found.entries.len(), found.remarks.len()), (MOST_LINKS, 1));
        let found = find("https://a.example/[0-99999999999999999999]/[1-9]/[a-z]");
        assert!(found.entries.len() <= MOST_LINKS);
        assert!(found.remarks[0].contains("stands for"), "{:?}", found.remarks);
        let long = format!("{}é https://late.example/x", "é ".repeat(MOST_BYTES / 3));
        assert_eq!(find(&long).entries, []);
        assert!(find(&long).remarks[0].contains("very long"));
    }

    #[test]
    fn the_same_link_under_two_names_is_two_downloads() {
        let found =
            find("https://a.example/x\tout=1\nhttps://a.example/x\tout=2\nhttps://a.example/x\tout=1\n");
        assert_eq!(found.entries.len(), 2);
    }

    proptest! {
        #[test]
        fn no_text_breaks_it_and_all_that_is_found_can_be_fetched(
            text in "(curl |-H|'|\"|\\\\\n|\\^|<a href=|>|\\[0-3\\]|\\{a,b|\\}|https?://|[a-z]{1,3}\\.example/|ftp://|\\)|\\(|\\PC|[\t\n\r\u{1b}]){0,40}"
        ) {
            for entry in find(&text).entries {
                prop_assert!(matches!(entry.url.scheme(), "http" | "https"));
                prop_assert!(entry.url.has_host());
                prop_assert!(!entry.shown_name().chars().any(is_hostile));
                prop_assert!(!entry.shown_link().chars().any(is_hostile));
            }
        }

        #[test]
        fn a_link_between_words_is_always_found(before in "[a-z ]{0,20}", after in "[a-z ]{0,20}", path in "[a-z0-9/_-]{1,20}") {
            let link = format!("https://a.example/{path}");
            prop_assert_eq!(links(&format!("{before} {link} {after}")), [link]);
        }
    }
}
