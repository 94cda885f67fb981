//! Text from outside, made safe for a terminal. Everything that was not written by haul passes here before anybody sees it.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthChar;
use url::Url;

/// Combining marks that one character may carry.
const MAX_MARKS: usize = 4;
/// Query keys whose values are shown: all others may be keys to something.
const HARMLESS_KEYS: [&str; 12] =
    ["id", "v", "page", "lang", "format", "type", "q", "name", "file", "filename", "expires", "version"];

/// Returns the text without control, escape, bidi and invisible characters; line breaks and tabs become spaces.
pub fn printable(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| (b' '..0x7f).contains(&byte)) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len());
    for cluster in text.graphemes(true) {
        let mut marks = 0;
        for c in cluster.chars() {
            match c {
                '\t' | '\n' | '\r' => clean.push(' '),
                _ if is_hostile(c) => {}
                _ if !clean.is_empty() && c.width() == Some(0) => {
                    marks += 1;
                    if marks <= MAX_MARKS {
                        clean.push(c);
                    }
                }
                _ => clean.push(c),
            }
        }
    }
    if clean == text { Cow::Borrowed(text) } else { Cow::Owned(clean) }
}

/// Returns the text without the numbers that the system puts behind its words: ` (os error 111)`.
pub fn without_numbers(text: &str) -> Cow<'_, str> {
    const NUMBER: &str = " (os error ";
    let mut parts = text.split(NUMBER);
    let first = parts.next().unwrap_or_default();
    if first.len() == text.len() {
        return Cow::Borrowed(text);
    }
    let ends = |c: char| !c.is_ascii_digit() && c != '-';
    parts.fold(Cow::Borrowed(first), |told, part| {
        let rest = part.trim_start_matches(|c| !ends(c));
        match rest.strip_prefix(')') {
            Some(rest) => told + rest,
            None => told + NUMBER + part,
        }
    })
}

/// Whether a character acts on the terminal, or on the order or presence of its neighbours.
pub fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'
                | '\u{1160}'
                | '\u{17b4}'
                | '\u{17b5}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

/// Returns a URL as it may be shown and logged: no user name, password or fragment, and no query value that may be a key.
pub fn mask_url(url: &Url) -> String {
    let mut shown = url.clone();
    // Neither can fail on a URL with a host; one without has neither to hide.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.set_fragment(None);
    if let Some(query) = url.query() {
        let masked: Vec<String> = query
            .split('&')
            .map(|pair| match pair.split_once('=') {
                Some((key, value)) if !value.is_empty() && !is_harmless(key) => format!("{key}=…"),
                _ => pair.to_owned(),
            })
            .collect();
        shown.set_query(None);
        return printable(&format!("{shown}?{}", masked.join("&"))).into_owned();
    }
    printable(shown.as_str()).into_owned()
}

fn is_harmless(key: &str) -> bool {
    HARMLESS_KEYS.iter().any(|harmless| key.eq_ignore_ascii_case(harmless))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_systems_words_stay_and_its_numbers_go() {
        for (said, told) in [
            ("tcp connect error: Connection refused (os error 111)", "tcp connect error: Connection refused"),
            ("a: No such file (os error 2): b: denied (os error -13).", "a: No such file: b: denied."),
            ("all (os error of old) is well", "all (os error of old) is well"),
            ("", ""),
        ] {
            assert_eq!(without_numbers(said), told);
        }
    }

    #[test]
    fn nothing_that_acts_gets_through() {
        let table = [
            ("plain.iso", "plain.iso"),
            ("\x1b[31mred\x1b[0m", "[31mred[0m"),
            ("a\tb\nc", "a b c"),
            ("\u{9b}2J", "2J"),
            ("evil\u{202e}gpj.exe", "evilgpj.exe"),
            ("zero\u{200b}width\u{feff}", "zerowidth"),
            ("naïve – 日本語 🎵", "naïve – 日本語 🎵"),
            ("e\u{301}", "e\u{301}"),
        ];
        for (text, clean) in table {
            assert_eq!(printable(text), clean);
        }
        let zalgo = format!("a{}b", "\u{301}".repeat(50));
        assert_eq!(printable(&zalgo).chars().count(), 2 + MAX_MARKS);
    }

    #[test]
    fn urls_are_shown_without_their_keys() {
        let table = [
            ("https://u:p@h.example/a.iso#frag", "https://h.example/a.iso"),
            ("https://h.example/a?id=3&sig=abc&Expires=9", "https://h.example/a?id=3&sig=…&Expires=9"),
            ("https://h.example/a?X-Amz-Signature=abc", "https://h.example/a?X-Amz-Signature=…"),
            ("https://h.example/a?bare", "https://h.example/a?bare"),
        ];
        for (url, shown) in table {
            assert_eq!(mask_url(&Url::parse(url).unwrap()), shown);
        }
    }

    proptest! {
        #[test]
        fn any_text_becomes_harmless_and_stays_so(text in any::<String>()) {
            let clean = printable(&text).into_owned();
            prop_assert!(!clean.chars().any(is_hostile));
            prop_assert_eq!(printable(&clean), clean.as_str());
        }
    }
}
