//! Lists of downloads (`-i LIST`): one link a line, `key=value` pairs after tabs, `#` comments. An aria2 input file is
//! recognised by itself. Every problem is found at once, with its place.

use super::aria2;
use super::entry::{Entry, parse_link};
use super::pairs;

/// What a list holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// The downloads, in order.
    pub entries: Vec<Entry>,
    /// What was understood and left aside, as sentences.
    pub remarks: Vec<String>,
}

/// Something that makes no sense, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1, in characters.
    pub column: usize,
    /// What is wrong, as a sentence.
    pub text: String,
}

/// One part of a line between tabs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field<'a> {
    /// Its line, from 1.
    pub(crate) line: usize,
    /// Its column, from 1, in characters.
    pub(crate) column: usize,
    /// Its text, without space around it.
    pub(crate) text: &'a str,
}

impl Field<'_> {
    /// Returns the problem with this field.
    pub(crate) fn problem(&self, text: impl Into<String>) -> Problem {
        Problem { line: self.line, column: self.column, text: text.into() }
    }
}

/// Parses a list.
///
/// # Errors
/// Every problem in it, in order.
pub fn parse(bytes: &[u8]) -> Result<Listed, Vec<Problem>> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        let line = before.rsplit('\n').next().unwrap_or_default();
        let (line, column) = (before.matches('\n').count() + 1, line.chars().count() + 1);
        vec![Problem { line, column, text: "this is not UTF-8 text".into() }]
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if aria2::is_aria2(text) { aria2::parse(text) } else { parse_own(text) }
}

/// The lines that say something, numbered from 1: no blank ones, no comments.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line)).filter(|(_, line)| {
        let line = line.trim_start();
        !line.is_empty() && !line.starts_with('#')
    })
}

/// The fields of a line.
pub(crate) fn fields(line: usize, text: &str) -> impl Iterator<Item = Field<'_>> {
    let mut column = 1;
    text.split('\t').map(move |field| {
        let indent = field.chars().take_while(|c| c.is_whitespace()).count();
        let here = Field { line, column: column + indent, text: field.trim() };
        column += field.chars().count() + 1;
        here
    })
}

fn parse_own(text: &str) -> Result<Listed, Vec<Problem>> {
    let mut listed = Listed::default();
    let mut problems = Vec::new();
    for (number, line) in lines(text) {
        let mut fields = fields(number, line).filter(|field| !field.text.is_empty());
        let Some(link) = fields.next() else { continue };
        let mut entry = match parse_link(link.text) {
            Ok(url) => Some(Entry::new(url)),
            Err(why) => {
                problems.push(link.problem(why));
                None
            }
        };
        for field in fields {
            let Some((key, value)) = field.text.split_once('=') else {
                problems.push(field.problem(format!("`{}` is no key=value pair", field.text)));
                continue;
            };
            if let Some(entry) = &mut entry
                && let Err(why) = pairs::set(entry, key.trim(), &unescaped(value))
            {
                problems.push(field.problem(why));
            }
        }
        listed.entries.extend(entry);
    }
    if problems.is_empty() { Ok(listed) } else { Err(problems) }
}

/// Writes a download as a line of a list, without the line's end.
pub(crate) fn line(entry: &Entry) -> String {
    let mut line = entry.url.to_string();
    for (key, value) in pairs::pairs(entry) {
        line.push('\t');
        line.push_str(&key);
        line.push('=');
        line.push_str(&escaped(&value));
    }
    line
}

/// What a value can't hold as it is.
const ESCAPES: [(char, char); 4] = [('\\', '\\'), ('\t', 't'), ('\n', 'n'), ('\r', 'r')];

fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for c in value.chars() {
        match ESCAPES.iter().find(|(plain, _)| *plain == c) {
            Some((_, letter)) => text.extend(['\\', *letter]),
            None => text.push(c),
        }
    }
    text
}

/// Reads a value; a backslash before anything else stands for itself.
fn unescaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut rest = value.chars();
    while let Some(c) = rest.next() {
        let known = (c == '\\')
            .then(|| rest.clone().next())
            .flatten()
            .and_then(|next| ESCAPES.iter().find(|(_, letter)| *letter == next));
        if let Some((plain, _)) = known {
            text.push(*plain);
            rest.next();
        } else {
            text.push(c);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;
    use url::Url;

    use super::super::entry::Override;
    use super::*;
    use crate::model::item::{GivenHeader, Mode, Priority};

    #[test]
    fn links_pairs_and_comments() {
        let text = "\u{feff}# mine\r\nhttps://a.example/x\r\n\n  https://b.example/y\tout=z.bin\ttitle=A b\\tc \tmode=real-time\theader=X-A: 1\theader=X-B: 2\n";
        let listed = parse(text.as_bytes()).unwrap();
        assert_eq!(listed.entries.len(), 2);
        assert_eq!(listed.entries[0], Entry::new(Url::parse("https://a.example/x").unwrap()));
        let entry = &listed.entries[1];
        assert_eq!(entry.name.as_deref(), Some("z.bin"));
        assert_eq!(entry.extras.info["Title"], "A b\tc");
        assert_eq!(entry.mode, Some(Mode::RealTime));
        assert_eq!(entry.overrides.len(), 2);
    }

    #[test]
    fn every_problem_is_told_with_its_place() {
        for (text, places) in [
            ("ftp://a.example\nhttps://ok.example\n\nnope", &[(1, 1), (4, 1)][..]),
            ("https://a.example/x\tout=y\tcolour=red\tmode=fast", &[(1, 27), (1, 38)]),
            ("  https://a.example/x out=y", &[(1, 3)]),
            ("https://é.example/\tchecksum=sha-256:xyz\tplain", &[(1, 20), (1, 41)]),
        ] {
            let problems = parse(text.as_bytes()).unwrap_err();
            let found: Vec<_> = problems.iter().map(|at| (at.line, at.column)).collect();
            assert_eq!(found, places, "{text}: {problems:?}");
        }
        let problems = parse(b"https://a.example\nhttps://b\xff").unwrap_err();
        assert_eq!((problems[0].line, problems[0].column), (2, 10));
    }

    #[test]
    fn nothing_is_an_empty_list() {
        assert_eq!(parse(b""), Ok(Listed::default()));
        assert_eq!(parse(b"# only this\n\t\n"), Ok(Listed::default()));
    }

    #[test]
    fn what_is_written_is_what_was_meant() {
        let mut entry = Entry::new(Url::parse("https://u:p@a.example/x?sig=1#f").unwrap());
        entry.name = Some("a b.iso".into());
        entry.name_is_asked = true;
        entry.folder = Some(Path::new("/data/a\tb").into());
        entry.mode = Some(Mode::Background);
        entry.priority = Some(Priority::Low);
        entry.extras.info.insert("Title".into(), "One\nTwo\\n".into());
        entry.extras.info.insert("TrackNumber".into(), "3".into());
        entry.extras.mirrors.push(Url::parse("http://b.example/x").unwrap());
        entry.overrides.push(Override::Header(GivenHeader { name: "X-A".into(), value: "b: c".into() }));
        entry.overrides.push(Override::Limit(2_000_000));
        entry.overrides.push(Override::Replace);
        insta::assert_snapshot!(line(&entry).replace('\t', "  |  "), @r"https://u:p@a.example/x?sig=1#f  |  out=a b.iso  |  dir=/data/a\tb  |  mode=background  |  priority=low  |  header=X-A: b: c  |  title=One\nTwo\\n  |  mirror=http://b.example/x  |  limit=2000000  |  taken=replace  |  info.TrackNumber=3");
        assert_eq!(parse(line(&entry).as_bytes()).unwrap().entries, [entry]);
    }

    proptest! {
        #[test]
        fn any_text_survives_a_list(title in "\\S(\\PC|[\t\n\r\\\\])*\\S", album in "[\\\\tnr]{1,8}") {
            let mut entry = Entry::new(Url::parse("https://a.example/x").unwrap());
            entry.extras.info.insert("Title".into(), title);
            entry.extras.info.insert("Album".into(), album);
            let again = parse(line(&entry).as_bytes()).unwrap();
            prop_assert_eq!(again.entries, [entry]);
        }

        #[test]
        fn no_bytes_break_the_parser(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Err(problems) = parse(&bytes) {
                prop_assert!(!problems.is_empty());
            }
        }
    }
}
