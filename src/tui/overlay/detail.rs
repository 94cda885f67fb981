//! The whole of the details of a download, where the pane has no room for all.

use ratatui::Frame;

use super::dialog;
use crate::tui::app::App;
use crate::tui::hit::Hits;
use crate::tui::view::detail;

/// Draws it.
pub(crate) fn draw(top: usize, app: &App, frame: &mut Frame<'_>, hits: &mut Hits) {
    let whole = frame.area();
    let width = whole.width.saturating_sub(8).min(110);
    let lines = detail::whole(app, usize::from(width));
    let room = usize::from(whole.height.saturating_sub(5));
    let height = lines.len().min(room) + 1;
    let title = app.cursor_row().map_or("Details", |row| row.name.as_str());
    let area = dialog::open(app, frame, hits, title, (width, u16::try_from(height).unwrap_or(u16::MAX)));
    let shown = usize::from(area.height.saturating_sub(1));
    let top = top.min(lines.len().saturating_sub(shown));
    let is_long = lines.len() > shown;
    dialog::lines(frame, area, lines.into_iter().skip(top).take(shown).collect());
    let mut buttons = vec![("Esc", "back".to_owned(), "esc")];
    if is_long {
        buttons.insert(0, (if app.look.glyphs.ascii { "Down" } else { "↓" }, "more".to_owned(), "down"));
    }
    dialog::buttons(app, frame, hits, area, &buttons);
}
