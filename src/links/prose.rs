//! Links in running text and in Markdown: where one begins is clear, where it ends is a matter of what stands around it.

use url::Url;

use super::entry::parse_link;

/// What ends a link wherever it stands.
const ENDS: [char; 8] = ['<', '>', '"', '`', '\\', '|', '^', '\u{3000}'];
/// What belongs to the sentence when it stands at the end of a link.
const SENTENCE: &str = ".,;:!?'…。，、；：！？»”’";
/// What Markdown puts on both sides of a text.
const EMPHASIS: &str = "*_~";

/// Finds the links of a text, in order.
pub(super) fn links(text: &str) -> Vec<Url> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = next_scheme(text, at) {
        let word = word(text, start);
        // Past the scheme at least, so that a broken link can't hold the search.
        at = start + word.len().max("http".len());
        found.extend(parse_link(word).ok());
    }
    found
}

/// A word without a scheme that can only be meant as a link: `example.org/file.iso`.
pub(super) fn bare(word: &str) -> Option<Url> {
    let (host, path) = word.split_once('/')?;
    let is_top = |name: &str| name.len() > 1 && name.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_host = host.rsplit_once('.').is_some_and(|(front, top)| !front.is_empty() && is_top(top))
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    let is_word = !path.is_empty() && !word.contains(|c: char| c.is_whitespace() || c.is_control());
    if is_host && is_word { parse_link(&format!("https://{word}")).ok() } else { None }
}

/// Where the next `http://` or `https://` begins.
fn next_scheme(text: &str, from: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = from;
    loop {
        let colon = at + text.get(at..)?.find("://")?;
        let begins = ["https", "http"].into_iter().find_map(|scheme| {
            let start = colon.checked_sub(scheme.len()).filter(|start| *start >= from)?;
            let is_it = bytes[start..colon].eq_ignore_ascii_case(scheme.as_bytes());
            let is_begun = start == 0 || !bytes[start - 1].is_ascii_alphanumeric();
            (is_it && is_begun).then_some(start)
        });
        if begins.is_some() {
            return begins;
        }
        at = colon + 3;
    }
}

/// The link that begins at `start`: up to a space, or to what closes the bracket or the quote that it stands in.
fn word(text: &str, start: usize) -> &str {
    let opener = text[..start].chars().next_back();
    let mut open = Vec::new();
    let mut end = text.len();
    for (at, c) in text[start..].char_indices() {
        let is_end = c.is_whitespace()
            || c.is_control()
            || ENDS.contains(&c)
            || (c == '\'' && opener == Some('\''))
            || (closes(c).is_some() && open.last() != closes(c).as_ref() && opener == closes(c));
        if is_end {
            end = start + at;
            break;
        }
        match c {
            '(' | '[' | '{' => open.push(c),
            _ if closes(c).is_some() && open.last() == closes(c).as_ref() => {
                open.pop();
            }
            _ => {}
        }
    }
    trimmed(&text[start..end], opener)
}

/// The bracket that this one closes.
fn closes(c: char) -> Option<char> {
    match c {
        ')' => Some('('),
        ']' => Some('['),
        '}' => Some('{'),
        _ => None,
    }
}

/// The link without what belongs to the sentence around it.
fn trimmed(word: &str, opener: Option<char>) -> &str {
    let mut word = word;
    while let Some(last) = word.chars().next_back() {
        let is_emphasis = EMPHASIS.contains(last) && opener == Some(last);
        let is_sentence = is_emphasis || SENTENCE.contains(last);
        let is_stray =
            closes(last).is_some_and(|opener| word.matches(opener).count() < word.matches(last).count());
        if !is_sentence && !is_stray && !matches!(last, '(' | '[' | '{') {
            break;
        }
        word = &word[..word.len() - last.len_utf8()];
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_ends_where_a_reader_sees_it_end() {
        for (text, expected) in [
            ("http://a.example/x.", &["http://a.example/x"][..]),
            ("(http://a.example/x)", &["http://a.example/x"]),
            ("(see http://a.example/x)", &["http://a.example/x"]),
            ("http://a.example/x_(y)", &["http://a.example/x_(y)"]),
            (
                "[a](http://a.example/x),[b](http://a.example/y \"title\")",
                &["http://a.example/x", "http://a.example/y"],
            ),
            ("![pic](http://a.example/p.png)", &["http://a.example/p.png"]),
            ("[http://a.example/x](http://a.example/x)", &["http://a.example/x", "http://a.example/x"]),
            ("[ref]: http://a.example/x", &["http://a.example/x"]),
            ("**http://a.example/x**", &["http://a.example/x"]),
            ("'http://a.example/x' 'http://a.example/y'", &["http://a.example/x", "http://a.example/y"]),
            ("http://a.example/it's", &["http://a.example/it's"]),
            ("| http://a.example/x | http://a.example/y |", &["http://a.example/x", "http://a.example/y"]),
            ("http://a.example/x?a=1&b=[2]#f", &["http://a.example/x?a=1&b=[2]#f"]),
            ("xhttp://a.example/x", &[]),
            ("http:// http://a.example/x", &["http://a.example/x"]),
            ("git+https://a.example/x", &["https://a.example/x"]),
            ("«http://a.example/é»", &["http://a.example/%C3%A9"]),
        ] {
            let found: Vec<_> = links(text).iter().map(ToString::to_string).collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn a_link_may_lack_its_scheme_but_not_its_path() {
        assert_eq!(bare("example.org/x.iso").unwrap().as_str(), "https://example.org/x.iso");
        for no_link in ["example.org", "and/or", "1.2/3", "../x.y/z", "/a.example/x", "a.example/x y"] {
            assert_eq!(bare(no_link), None, "{no_link}");
        }
    }
}
