//! Columns of text that stay aligned whatever the script, and as wide as the terminal. Text from outside is made
//! printable here, so that no table can forget it.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

use super::context::Surface;
use super::error::CliError;
use super::output::Output;
use crate::model::printable::printable;

/// Between two columns.
const GAP: &str = "  ";
/// What a column of names is never cut below.
const NARROWEST: usize = 12;

/// A colour with a meaning; nothing is ever said by colour alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Nothing to be said.
    #[default]
    Plain,
    /// Secondary, or done.
    Dim,
    /// Moves.
    Accent,
    /// Waits.
    Yellow,
    /// Failed.
    Red,
}

impl Tone {
    fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Dim => Some("2"),
            Self::Accent => Some("36"),
            Self::Yellow => Some("33"),
            Self::Red => Some("31"),
        }
    }
}

/// One column's heading and behaviour.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    /// Heading.
    pub(crate) title: &'static str,
    /// Whether its texts end at the same place.
    pub(crate) right: bool,
    /// Whether it gives way where the terminal is narrow.
    pub(crate) cuts: bool,
    /// Whether its beginning says most, so that it loses its end and not its middle.
    pub(crate) is_sentence: bool,
}

impl Column {
    /// Returns a column of words.
    pub(crate) const fn left(title: &'static str) -> Self {
        Self { title, right: false, cuts: false, is_sentence: false }
    }

    /// Returns a column of numbers.
    pub(crate) const fn right(title: &'static str) -> Self {
        Self { title, right: true, cuts: false, is_sentence: false }
    }

    /// Returns a column that gives way.
    pub(crate) const fn wide(title: &'static str) -> Self {
        Self { title, right: false, cuts: true, is_sentence: false }
    }

    /// Returns a column of sentences, which gives way too.
    pub(crate) const fn sentence(title: &'static str) -> Self {
        Self { is_sentence: true, ..Self::wide(title) }
    }
}

/// A table.
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<(Tone, Vec<String>)>,
}

impl Table {
    /// Returns an empty table.
    pub(crate) fn new(columns: &[Column]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row, one text a column.
    pub(crate) fn row(&mut self, tone: Tone, texts: impl IntoIterator<Item = String>) {
        let clean = |text: String| {
            let cleaned = match printable(&text) {
                Cow::Borrowed(_) => None,
                Cow::Owned(cleaned) => Some(cleaned),
            };
            cleaned.unwrap_or(text)
        };
        self.rows.push((tone, texts.into_iter().map(clean).collect()));
    }

    /// Writes it to stdout; nothing is cut where that is no terminal.
    pub(crate) fn write(&self, output: &mut Output) -> Result<(), CliError> {
        let surface = output.stdout;
        self.lines(surface).iter().try_for_each(|line| output.line(line))
    }

    fn lines(&self, surface: Surface) -> Vec<String> {
        let widths = self.widths(surface.columns.map(usize::from));
        let heading = self.columns.iter().map(|column| column.title.to_owned()).collect();
        std::iter::once(&(Tone::Dim, heading))
            .chain(&self.rows)
            .map(|(tone, texts)| {
                paint(self.line(texts, &widths, surface.ascii).trim_end(), *tone, surface.colour)
            })
            .collect()
    }

    fn line(&self, texts: &[String], widths: &[usize], ascii: bool) -> String {
        let mut line = String::with_capacity(widths.iter().sum::<usize>() + GAP.len() * widths.len());
        for ((column, text), width) in self.columns.iter().zip(texts).zip(widths) {
            if !line.is_empty() {
                line.push_str(GAP);
            }
            let text = if column.is_sentence {
                cut_end(text, *width, ascii)
            } else {
                cut_middle(text, *width, ascii)
            };
            let fill = std::iter::repeat_n(' ', width.saturating_sub(text.width()));
            if column.right {
                line.extend(fill);
                line.push_str(&text);
            } else {
                line.push_str(&text);
                line.extend(fill);
            }
        }
        line
    }

    fn widths(&self, room: Option<usize>) -> Vec<usize> {
        let mut widths: Vec<_> = self
            .columns
            .iter()
            .enumerate()
            .map(|(at, column)| {
                let texts = self.rows.iter().filter_map(|(_, texts)| texts.get(at)).map(|text| text.width());
                texts.max().unwrap_or(0).max(column.title.width())
            })
            .collect();
        let total: usize = widths.iter().sum::<usize>() + GAP.len() * widths.len().saturating_sub(1);
        let mut excess = total.saturating_sub(room.unwrap_or(usize::MAX));
        // The widest of those that give way goes first, then the next.
        while excess > 0 {
            let cut =
                widths.iter().enumerate().filter(|(at, width)| self.columns[*at].cuts && **width > NARROWEST);
            let Some((widest, _)) = cut.max_by_key(|(_, width)| **width) else { break };
            widths[widest] -= 1;
            excess -= 1;
        }
        widths
    }
}

/// Puts a text in its tone, where colours are taken.
pub(crate) fn paint(text: &str, tone: Tone, colour: bool) -> String {
    match tone.code().filter(|_| colour) {
        Some(code) => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        None => text.to_owned(),
    }
}

/// Cuts a text to a width in the middle, so that its end and extension stay.
pub(crate) fn cut_middle(text: &str, width: usize, ascii: bool) -> Cow<'_, str> {
    if text.width() <= width {
        return Cow::Borrowed(text);
    }
    let ellipsis = if ascii { "..." } else { "…" };
    let Some(room) = width.checked_sub(ellipsis.width()) else { return Cow::Borrowed("") };
    let back_room = room / 2;
    let front: String = taken(text.graphemes(true), room - back_room).collect();
    let mut back: Vec<_> = taken(text.graphemes(true).rev(), back_room).collect();
    back.reverse();
    Cow::Owned(format!("{front}{ellipsis}{}", back.concat()))
}

fn cut_end(text: &str, width: usize, ascii: bool) -> Cow<'_, str> {
    if text.width() <= width {
        return Cow::Borrowed(text);
    }
    let ellipsis = if ascii { "..." } else { "…" };
    let Some(room) = width.checked_sub(ellipsis.width()) else { return Cow::Borrowed("") };
    let front: String = taken(text.graphemes(true), room).collect();
    Cow::Owned(format!("{}{ellipsis}", front.trim_end()))
}

fn taken<'a>(parts: impl Iterator<Item = &'a str>, room: usize) -> impl Iterator<Item = &'a str> {
    let mut used = 0;
    parts.take_while(move |part| {
        used += part.width();
        used <= room
    })
}

/// Fills up with spaces on the right.
pub(crate) fn pad_right(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

/// Fills up with spaces on the left.
pub(crate) fn pad_left(text: &str, width: usize) -> String {
    format!("{}{text}", " ".repeat(width.saturating_sub(text.width())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_in_the_middle_by_columns_not_characters() {
        for (text, width, cut) in [
            ("short", 5, "short"),
            ("a long name.iso", 9, "a lo….iso"),
            ("漢字漢字漢字.txt", 9, "漢字….txt"),
            ("e\u{301}e\u{301}e\u{301}e\u{301}", 3, "e\u{301}…e\u{301}"),
            ("anything", 1, "…"),
            ("anything", 0, ""),
        ] {
            assert_eq!(cut_middle(text, width, false), cut);
            assert!(cut_middle(text, width, true).width() <= width);
        }
    }

    #[test]
    fn a_sentence_loses_its_end() {
        let mut table = Table::new(&[Column::right("ID"), Column::sentence("STATE")]);
        table.row(Tone::Plain, ["1".into(), "failed: the checksum is sha-256:e3b0c442".into()]);
        let narrow = Surface { terminal: true, columns: Some(28), ..Surface::default() };
        assert_eq!(table.lines(narrow)[1], " 1  failed: the checksum is…");
        assert_eq!(cut_end("漢字漢字", 4, false), "漢…");
        assert_eq!(cut_end("anything", 2, true), "");
        assert_eq!(cut_end("anything", 8, true), "anything");
    }

    fn sample(surface: Surface) -> String {
        let mut table = Table::new(&[Column::right("ID"), Column::wide("NAME"), Column::right("SIZE")]);
        table.row(Tone::Plain, ["1".into(), "漢字.iso".into(), "1.42 GB".into()]);
        table.row(
            Tone::Red,
            ["12".into(), "evil\u{1b}[2J\u{202e}name that is long.iso".into(), "61.3 MB".into()],
        );
        table.lines(surface).join("\n")
    }

    #[test]
    fn columns_are_aligned_and_cut_only_on_a_terminal() {
        insta::assert_snapshot!(sample(Surface::default()), @r#"
        ID  NAME                             SIZE
         1  漢字.iso                      1.42 GB
        12  evil[2Jname that is long.iso  61.3 MB
        "#);
        let narrow = Surface { terminal: true, columns: Some(30), ..Surface::default() };
        insta::assert_snapshot!(sample(narrow), @r#"
        ID  NAME                  SIZE
         1  漢字.iso           1.42 GB
        12  evil[2Jn…long.iso  61.3 MB
        "#);
    }

    #[test]
    fn colour_is_only_there_where_it_is_taken() {
        assert_eq!(paint("x", Tone::Red, false), "x");
        assert_eq!(paint("x", Tone::Red, true), "\u{1b}[31mx\u{1b}[0m");
        assert_eq!(paint("x", Tone::Plain, true), "x");
    }
}
