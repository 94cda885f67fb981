//! The characters that the screen is drawn with: one set for today's terminals, one in plain ASCII.

use ratatui::symbols::border;

use crate::model::item::Mode;
use crate::model::state::StateKind;
use crate::model::words;

/// A set of characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Glyphs {
    /// Whether it is the plain one.
    pub(crate) ascii: bool,
    /// Lines around panes.
    pub(crate) border: border::Set<'static>,
    /// At the left of the row under the cursor.
    pub(crate) cursor: &'static str,
    /// At the left of a marked row.
    pub(crate) mark: &'static str,
    /// In place of what was cut out.
    pub(crate) ellipsis: &'static str,
    /// Between two remarks.
    pub(crate) dot: &'static str,
    /// Before a redirected host.
    pub(crate) arrow: &'static str,
    /// Before the speed.
    pub(crate) down: &'static str,
    /// The order of a column.
    pub(crate) rising: &'static str,
    /// The order of a column, turned round.
    pub(crate) falling: &'static str,
    /// A connection that is there.
    pub(crate) online: &'static str,
    /// A connection that is not.
    pub(crate) offline: &'static str,
    /// An open branch of a tree.
    pub(crate) open: &'static str,
    /// A closed branch of a tree.
    pub(crate) closed: &'static str,
    /// Eighths of a bar, from one to full.
    pub(crate) eighths: [&'static str; 8],
    /// What a bar lacks.
    pub(crate) rest: &'static str,
    /// Heights of a sparkline, from least to most.
    pub(crate) heights: [&'static str; 8],
    /// The ends of a part in the map of a file.
    pub(crate) edges: [&'static str; 2],
    /// Chosen and not chosen.
    pub(crate) choice: [&'static str; 2],
    /// Times.
    pub(crate) times: &'static str,
    /// A dash between two things.
    pub(crate) dash: &'static str,
}

/// For terminals that show more than ASCII.
pub(crate) const UNICODE: Glyphs = Glyphs {
    ascii: false,
    border: border::ROUNDED,
    cursor: "▌",
    mark: "●",
    ellipsis: "…",
    dot: "·",
    arrow: "→",
    down: "↓",
    rising: "↑",
    falling: "↓",
    online: "●",
    offline: "○",
    open: "▾",
    closed: "▸",
    eighths: ["▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"],
    rest: "·",
    heights: ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
    edges: ["▕", "▏"],
    choice: ["(•)", "( )"],
    times: "×",
    dash: "–",
};

/// For all others.
pub(crate) const ASCII: Glyphs = Glyphs {
    ascii: true,
    border: border::Set {
        top_left: "+",
        top_right: "+",
        bottom_left: "+",
        bottom_right: "+",
        vertical_left: "|",
        vertical_right: "|",
        horizontal_top: "-",
        horizontal_bottom: "-",
    },
    cursor: ">",
    mark: "*",
    ellipsis: "...",
    dot: "-",
    arrow: "->",
    down: "v",
    rising: "^",
    falling: "v",
    online: "*",
    offline: "o",
    open: "-",
    closed: "+",
    eighths: ["-", "-", "-", "=", "=", "=", "=", "#"],
    rest: ".",
    heights: ["_", "_", ".", ".", "-", "=", "*", "#"],
    edges: ["[", "]"],
    choice: ["(*)", "( )"],
    times: "x",
    dash: "-",
};

impl Glyphs {
    /// The sign of a download's state.
    pub(crate) fn state(&self, kind: StateKind, mode: Mode) -> &'static str {
        if self.ascii { words::plain_glyph(kind, mode) } else { words::glyph(kind, mode) }
    }

    /// One character of ASCII for one of another kind, where it has the room of one.
    pub(crate) fn plain_sign(symbol: &str) -> char {
        match symbol {
            "…" => '.',
            "–" | "—" | "·" | "•" => '-',
            "×" => 'x',
            "→" => '>',
            "‘" | "’" => '\'',
            "“" | "”" => '"',
            "\u{a0}" => ' ',
            _ => '?',
        }
    }

    /// A text of haul's own with what this set lacks put plainly.
    pub(crate) fn plain(&self, text: &str) -> String {
        if !self.ascii || text.is_ascii() {
            return text.to_owned();
        }
        text.chars()
            .map(|c| match c {
                '…' => "...".to_owned(),
                '–' | '—' | '·' | '•' => "-".to_owned(),
                '×' => "x".to_owned(),
                '→' => "->".to_owned(),
                '‘' | '’' => "'".to_owned(),
                '“' | '”' => "\"".to_owned(),
                c => c.to_string(),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plain_set_is_plain_and_states_differ_without_colour() {
        for kind in StateKind::ALL {
            assert!(ASCII.state(kind, Mode::Background).is_ascii());
        }
        let told_apart = [
            StateKind::Queued,
            StateKind::Downloading,
            StateKind::Paused,
            StateKind::Waiting,
            StateKind::Completed,
            StateKind::Failed,
            StateKind::Cancelled,
        ];
        for set in [UNICODE, ASCII] {
            let mut signs: Vec<_> =
                told_apart.iter().map(|kind| set.state(*kind, Mode::Background)).collect();
            signs.sort_unstable();
            signs.dedup();
            assert_eq!(signs.len(), told_apart.len());
        }
        assert_eq!(ASCII.plain("a – b…"), "a - b...");
    }
}
