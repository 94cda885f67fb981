//! The collections, each with how many downloads it has; the first line is all of them.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::pane;
use crate::config::theme::Role;
use crate::model::item::Mode;
use crate::model::state::StateKind;
use crate::tui::app::App;
use crate::tui::hit::{Hit, Hits};
use crate::tui::layout::Pane;
use crate::tui::{text, words};

/// Draws the pane.
pub(crate) fn draw(app: &App, frame: &mut Frame<'_>, area: Rect, hits: &mut Hits) {
    let look = &app.look;
    let inner = pane::open(app, frame, area, Some(Pane::Collections), &pane::title(Pane::Collections), "");
    hits.add(area, Hit::Pane(Pane::Collections));
    let rows = usize::from(inner.height);
    let top = (app.collection_line + 1).saturating_sub(rows);
    let columns = usize::from(inner.width);
    for at in (top..=app.collections.len()).take(rows) {
        let tally = app.list.tally();
        let (name, count, held, failed) = match at.checked_sub(1).and_then(|at| app.collections.get(at)) {
            Some(row) => {
                (row.name.as_str(), tally.all(row.id), row.held, tally.count(row.id, StateKind::Failed))
            }
            None => ("all", app.list.len(), false, 0),
        };
        let here = at == app.collection_line;
        let count = words::thousands(count);
        let note = if held { "held  " } else { "" };
        let wrong = match failed {
            0 => String::new(),
            failed => {
                let sign = look.glyphs.state(StateKind::Failed, Mode::Background);
                format!("{sign}{}  ", words::thousands(failed))
            }
        };
        let room = columns.saturating_sub(3 + text::width(&count) + text::width(note) + text::width(&wrong));
        let plain = |role| Style { bg: None, ..look.style(role) };
        let ink = if here { Role::Strong } else { Role::Text };
        let line = Line::from(vec![
            Span::styled(if here { look.glyphs.cursor } else { " " }, plain(Role::Accent)),
            Span::styled(format!("{} ", text::fit_end(name, room, look.glyphs.ellipsis)), plain(ink)),
            Span::styled(note, plain(Role::Warning)),
            Span::styled(wrong, plain(Role::Failed)),
            Span::styled(format!("{count} "), plain(Role::Dim)),
        ]);
        let ground = if here && app.pane == Pane::Collections {
            look.style(Role::Selection)
        } else {
            Style::default()
        };
        let place = Rect { y: inner.y + u16::try_from(at - top).unwrap_or(0), height: 1, ..inner };
        frame.render_widget(Paragraph::new(line).style(ground), place);
        hits.add(place, Hit::Line(Pane::Collections, at));
    }
}
