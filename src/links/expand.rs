//! Ranges in links, as curl writes them: `[01-12]`, `[0-100:10]`, `[a-f]` and `{one,two}` stand for many links.

use std::fmt::Write as _;

/// How many texts one range may stand for.
const MOST_TEXTS: usize = 10_000;

/// The texts that a text with ranges stands for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Expanded {
    /// The texts in order; the text itself where it has no range.
    pub(super) texts: Vec<String>,
    /// How many more it would stand for.
    pub(super) left_out: u128,
}

/// Part of a text.
enum Part<'a> {
    Plain(&'a str),
    /// Numbers from the first to the last by a step, each at least so many digits wide.
    Numbers {
        first: u128,
        step: u128,
        count: u128,
        width: usize,
    },
    Letters {
        first: u8,
        count: u128,
    },
    Words(Vec<&'a str>),
}

/// Writes the ranges of a link out; the last one turns fastest. Brackets that are no range stay what they are.
pub(super) fn expand(text: &str) -> Expanded {
    let parts = parts(text);
    let total = parts.iter().map(Part::count).fold(1, u128::saturating_mul);
    let taken = usize::try_from(total).map_or(MOST_TEXTS, |total| total.min(MOST_TEXTS));
    let texts = (0..taken).map(|n| nth(&parts, n as u128)).collect();
    Expanded { texts, left_out: total - taken as u128 }
}

impl Part<'_> {
    fn count(&self) -> u128 {
        match self {
            Self::Plain(_) => 1,
            Self::Numbers { count, .. } | Self::Letters { count, .. } => *count,
            Self::Words(words) => words.len() as u128,
        }
    }

    fn write(&self, n: u128, text: &mut String) {
        match self {
            Self::Plain(plain) => text.push_str(plain),
            Self::Numbers { first, step, width, .. } => {
                // Writing into a String can't fail.
                let _ = write!(text, "{:0width$}", first + n * step);
            }
            Self::Letters { first, .. } => text.push(char::from(first + u8::try_from(n).unwrap_or(0))),
            Self::Words(words) => text.push_str(words[usize::try_from(n).unwrap_or(0)]),
        }
    }
}

/// The `n`th text.
fn nth(parts: &[Part<'_>], n: u128) -> String {
    let mut places = vec![0; parts.len()];
    let mut rest = n;
    for (place, part) in places.iter_mut().zip(parts).rev() {
        *place = rest % part.count();
        rest /= part.count();
    }
    let mut text = String::new();
    for (part, place) in parts.iter().zip(places) {
        part.write(place, &mut text);
    }
    text
}

fn parts(text: &str) -> Vec<Part<'_>> {
    // Brackets in the authority are an IPv6 address.
    let begin = text.find("://").map_or(0, |at| at + 3);
    let mut at = text[begin..].find('/').map_or(text.len(), |slash| begin + slash);
    let mut parts = vec![Part::Plain(&text[..at])];
    while at < text.len() {
        let rest = &text[at..];
        let Some(open) = rest.find(['[', '{']) else { break };
        let closer = if rest.as_bytes()[open] == b'[' { ']' } else { '}' };
        let inside = rest[open + 1..].find(closer).map(|close| &rest[open + 1..open + 1 + close]);
        let range = inside.and_then(|inside| if closer == ']' { range(inside) } else { words(inside) });
        let end = match (inside, &range) {
            (Some(inside), Some(_)) => open + inside.len() + 2,
            _ => open + 1,
        };
        let plain = if range.is_some() { &rest[..open] } else { &rest[..end] };
        parts.push(Part::Plain(plain));
        parts.extend(range);
        at += end;
    }
    parts.push(Part::Plain(&text[at..]));
    parts
}

/// `01-12`, `0-100:10` or `a-f`.
fn range(inside: &str) -> Option<Part<'_>> {
    let (bounds, step) = inside.split_once(':').unwrap_or((inside, "1"));
    let (first, last) = bounds.split_once('-')?;
    if let (&[first], &[last]) = (first.as_bytes(), last.as_bytes())
        && first.is_ascii_alphabetic()
        && last.is_ascii_alphabetic()
        && first.is_ascii_lowercase() == last.is_ascii_lowercase()
        && first <= last
        && step == "1"
    {
        return Some(Part::Letters { first, count: u128::from(last - first) + 1 });
    }
    let is_number =
        |text: &str| !text.is_empty() && text.len() < 25 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(first) || !is_number(last) || !is_number(step) {
        return None;
    }
    let width = if first.starts_with('0') { first.len() } else { 1 };
    let (first, last, step) =
        (first.parse::<u128>().ok()?, last.parse::<u128>().ok()?, step.parse::<u128>().ok()?);
    let count = last.checked_sub(first)?.checked_div(step)? + 1;
    Some(Part::Numbers { first, step, count, width })
}

/// `one,two`; a single word in braces is a template's, not a range.
fn words(inside: &str) -> Option<Part<'_>> {
    let words: Vec<_> = inside.split(',').collect();
    (words.len() > 1 && !inside.contains('{')).then_some(Part::Words(words))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_range_stands_for_many_links() {
        for (text, expected) in [
            ("http://a/x", &["http://a/x"][..]),
            ("http://a/[08-11]", &["http://a/08", "http://a/09", "http://a/10", "http://a/11"]),
            ("http://a/[9-11]", &["http://a/9", "http://a/10", "http://a/11"]),
            ("http://a/[0-20:10].x", &["http://a/0.x", "http://a/10.x", "http://a/20.x"]),
            ("http://a/[b-d]", &["http://a/b", "http://a/c", "http://a/d"]),
            ("http://a/{x,yy}/[1-2]", &["http://a/x/1", "http://a/x/2", "http://a/yy/1", "http://a/yy/2"]),
            ("http://[::1]/[1-2]", &["http://[::1]/1", "http://[::1]/2"]),
            ("http://a/{id}", &["http://a/{id}"]),
            ("http://a/?q[]=1&r[0]=2", &["http://a/?q[]=1&r[0]=2"]),
            ("http://a/[3-1]", &["http://a/[3-1]"]),
            ("http://a/[1-3:0]", &["http://a/[1-3:0]"]),
            ("http://a/[1-2", &["http://a/[1-2"]),
            ("http://a/[[1-2]]", &["http://a/[1]", "http://a/[2]"]),
        ] {
            assert_eq!(expand(text).texts, expected, "{text}");
        }
    }

    #[test]
    fn a_wide_range_is_cut_and_says_how_much_is_left() {
        let expanded = expand("http://a/[1-1000]/[001-100]");
        assert_eq!((expanded.texts.len(), expanded.left_out), (10_000, 90_000));
        assert_eq!(expanded.texts[9_999], "http://a/100/100");
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in "(\\[|\\]|\\{|\\}|,|-|:|[0-9]{1,30}|[a-z]|/|://|\\PC){0,30}") {
            let expanded = expand(&text);
            prop_assert!(!expanded.texts.is_empty() && expanded.texts.len() <= MOST_TEXTS);
            if !text.contains(['[', '{']) {
                prop_assert_eq!(&expanded.texts, &[text]);
            }
        }
    }
}
