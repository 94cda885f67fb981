//! What was drawn where, so that a click means what it hits. Drawing fills it in; the mouse reads it.

use ratatui::layout::{Position, Rect};

use super::layout::Pane;
use super::sort::Column;
use crate::command::Command;

/// Something that can be clicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hit {
    /// A pane: the wheel scrolls it, a click gives it the keys.
    Pane(Pane),
    /// A line of a pane.
    Line(Pane, usize),
    /// A column's heading.
    Column(Column),
    /// A command, in the footer.
    Command(Command),
    /// A key, on a dialog's button.
    Key(&'static str),
    /// A line of what lies over the panes.
    Choice(usize),
    /// The ground of what lies over the panes: a click beside it goes one step back.
    Overlay,
}

/// All that was drawn and can be clicked. What was drawn later lies above.
#[derive(Clone, Debug, Default)]
pub struct Hits {
    areas: Vec<(Rect, Hit)>,
}

impl Hits {
    /// Notes something.
    pub(crate) fn add(&mut self, area: Rect, hit: Hit) {
        self.areas.push((area, hit));
    }

    /// What lies at a place, from above to below.
    pub(crate) fn at(&self, column: u16, row: u16) -> impl Iterator<Item = Hit> {
        let place = Position::new(column, row);
        self.areas.iter().rev().filter(move |(area, _)| area.contains(place)).map(|(_, hit)| *hit)
    }
}
