//! The whole of the details of a download, where the pane has no room for all.

use ratatui::Frame;

use super::dialog;
use crate::tui::app::App;
use crate::tui::hit::Hits;
use crate::tui::view::detail;

/// Draws it.
pub(crate) fn draw(top: usize, app: &App, frame: &mut Frame<'_>, hits: &mut Hits) {
    let title = app.cursor_row().map_or("Details", |row| row.name.as_str());
    dialog::page(app, frame, hits, title, 110, top, |width| detail::whole(app, width));
}
