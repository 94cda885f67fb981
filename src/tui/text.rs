//! Text in columns: measured by what a terminal shows, cut in the middle, filled up to a width. Everything here is printable already.

use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

/// Columns that a text takes.
pub(crate) fn width(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.width() }
}

/// Cuts a text to a width in the middle, so that its end and extension stay; between words where one ends near enough.
pub(crate) fn cut_middle(text: &str, room: usize, ellipsis: &str) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let Some(left) = room.checked_sub(width(ellipsis)) else { return String::new() };
    let back_room = left / 2;
    let front: String = taken(text.graphemes(true), left - back_room).collect();
    let mut back: Vec<_> = taken(text.graphemes(true).rev(), back_room).collect();
    back.reverse();
    let back = back.concat();
    let gap = &text[front.len()..text.len() - back.len()];
    let front_end = match front.rfind(' ') {
        Some(at) if !gap.starts_with(' ') && at * 2 >= front.len() => at,
        _ => front.len(),
    };
    let back_start = match back.find(' ') {
        Some(at) if !gap.ends_with(' ') && at * 2 <= back.len() => at,
        _ => 0,
    };
    format!("{}{ellipsis}{}", front[..front_end].trim_end(), back[back_start..].trim_start())
}

/// Cuts a text to a width at its end; between two words where one ends near enough.
pub(crate) fn cut_end(text: &str, room: usize, ellipsis: &str) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let Some(left) = room.checked_sub(width(ellipsis)) else { return String::new() };
    let front: String = taken(text.graphemes(true), left).collect();
    let ends_a_word = text[front.len()..].starts_with(' ');
    let kept = match front.rfind(' ').filter(|_| !ends_a_word) {
        Some(at) if at * 3 >= front.len() * 2 => front[..at].trim_end_matches([' ', ',', ':', ';']),
        _ => front.trim_end_matches([' ', ',', ':', ';']),
    };
    format!("{kept}{ellipsis}")
}

/// Exactly `columns` wide: cut in the middle or filled up on the right.
pub(crate) fn fit(text: &str, columns: usize, ellipsis: &str) -> String {
    let cut = cut_middle(text, columns, ellipsis);
    let fill = columns.saturating_sub(width(&cut));
    format!("{cut}{}", " ".repeat(fill))
}

/// Exactly `columns` wide: cut at the end or filled up on the right.
pub(crate) fn fit_end(text: &str, columns: usize, ellipsis: &str) -> String {
    let cut = cut_end(text, columns, ellipsis);
    let fill = columns.saturating_sub(width(&cut));
    format!("{cut}{}", " ".repeat(fill))
}

/// Exactly `columns` wide: cut at the end or filled up on the left.
pub(crate) fn fit_right(text: &str, columns: usize, ellipsis: &str) -> String {
    let cut = cut_end(text, columns, ellipsis);
    let fill = columns.saturating_sub(width(&cut));
    format!("{}{cut}", " ".repeat(fill))
}

/// Breaks a text into lines of at most `columns`, between words where there are any.
pub(crate) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let gap = usize::from(!line.is_empty());
        if width(&line) + gap + width(word) <= columns {
            if gap == 1 {
                line.push(' ');
            }
            line.push_str(word);
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        for piece in word.graphemes(true) {
            if width(&line) + width(piece) > columns {
                lines.push(std::mem::take(&mut line));
            }
            line.push_str(piece);
        }
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

fn taken<'a>(parts: impl Iterator<Item = &'a str>, room: usize) -> impl Iterator<Item = &'a str> {
    let mut used = 0;
    parts.take_while(move |part| {
        used += width(part);
        used <= room
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cut_is_exactly_as_wide_as_its_column() {
        let names = [
            "short",
            "a long name that goes on.iso",
            "漢字漢字漢字漢字.txt",
            "e\u{301}e\u{301}e\u{301}e\u{301}e\u{301}e\u{301}",
            "שלום עולם.mp3",
            "👩‍👩‍👧‍👦 family 🎵.flac",
            "",
        ];
        for name in names {
            for columns in 0..24 {
                assert_eq!(width(&fit(name, columns, "…")), columns, "{name} in {columns}");
                assert_eq!(width(&fit_right(name, columns, "…")), columns, "{name} in {columns}");
            }
        }
        assert_eq!(cut_middle("a long name.iso", 9, "…"), "a lo….iso");
        assert_eq!(cut_middle("Northwind Radio – Episode 212.mp3", 26, "…"), "Northwind…212.mp3");
        assert_eq!(cut_middle("Undivided.and.without.a.gap", 13, "…"), "Undivi….a.gap");
        assert_eq!(cut_middle("a long name.iso", 9, "..."), "a l...iso");
    }

    #[test]
    fn a_sentence_is_cut_and_broken_between_words() {
        assert_eq!(cut_end("the server says no, for good", 20, "…"), "the server says no…");
        assert_eq!(cut_end("averylongwordwithoutspaces", 10, "…"), "averylong…");
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrap("", 3), [""]);
    }
}
