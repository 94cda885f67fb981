//! The frame of a pane: thin, dim, in the accent where it has the keys.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Block;

use crate::config::theme::Role;
use crate::tui::app::App;
use crate::tui::layout::Pane;
use crate::tui::text;

/// Draws the frame of a pane and returns what is in it. `title` follows the pane's own; `right` stands at the right of it.
pub(crate) fn open(
    app: &App,
    frame: &mut Frame<'_>,
    area: Rect,
    pane: Option<Pane>,
    title: &str,
    right: &str,
) -> Rect {
    let look = &app.look;
    let focused = pane == Some(app.pane);
    let (border, ink) = if focused { (Role::BorderFocus, Role::Title) } else { (Role::Border, Role::Dim) };
    let mut block = Block::bordered().border_set(look.glyphs.border).border_style(look.style(border));
    let room = usize::from(area.width.saturating_sub(6));
    let right = if text::width(right) + text::width(title) + 2 > room { "" } else { right };
    let left = text::cut_middle(title, room.saturating_sub(text::width(right)), look.glyphs.ellipsis);
    block = block.title(Span::styled(format!(" {left} "), look.style(ink)));
    if !right.is_empty() {
        let right = Line::from(Span::styled(format!(" {right} "), look.style(Role::Dim))).right_aligned();
        block = block.title(right);
    }
    let inner = block.inner(area);
    frame.render_widget(block, area);
    inner
}

/// A pane's title: its number and its name.
pub(crate) fn title(pane: Pane) -> String {
    format!("{} {}", pane.number(), pane.title())
}
