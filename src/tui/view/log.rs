//! What happened, newest first.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::pane;
use crate::config::theme::Role;
use crate::tui::app::App;
use crate::tui::hit::{Hit, Hits};
use crate::tui::layout::Pane;
use crate::tui::{text, words};

/// Draws the pane.
pub(crate) fn draw(app: &App, frame: &mut Frame<'_>, area: Rect, hits: &mut Hits) {
    let look = &app.look;
    let count = app.log.len();
    let right = if count == 0 { String::new() } else { format!("{} lines", words::thousands(count)) };
    let inner = pane::open(app, frame, area, Some(Pane::Log), &pane::title(Pane::Log), &right);
    hits.add(area, Hit::Pane(Pane::Log));
    let plain = |role| Style { bg: None, ..look.style(role) };
    if app.log.is_empty() {
        let line = Line::styled(" Nothing has happened yet.", plain(Role::Dim));
        frame.render_widget(Paragraph::new(line), inner);
        return;
    }
    let rows = usize::from(inner.height);
    let columns = usize::from(inner.width);
    let top = (app.log_at + 1).saturating_sub(rows);
    for (at, entry) in app.log.iter().enumerate().skip(top).take(rows) {
        let here = at == app.log_at;
        let (role, word) = match entry.what.as_str() {
            "completed" => (Role::Done, "done"),
            "failed" => (Role::Failed, "failed"),
            "lost" => (Role::Warning, "lost"),
            "removed" | "cleared" => (Role::Dim, "removed"),
            other => (Role::Text, other),
        };
        let when = look.moment(entry.at, app.now);
        let name_room = (columns * 2 / 5).max(10);
        let rest = columns.saturating_sub(13 + 2 + 14 + name_room + 3);
        let told = if entry.text == entry.what {
            entry.place.clone().unwrap_or_default()
        } else {
            entry.text.clone()
        };
        let line = Line::from(vec![
            Span::styled(if here { look.glyphs.cursor } else { " " }, plain(Role::Accent)),
            Span::styled(format!("{}  ", text::fit_right(&when, 12, look.glyphs.ellipsis)), plain(Role::Dim)),
            Span::styled(format!("{} ", text::fit(word, 13, look.glyphs.ellipsis)), plain(role)),
            Span::styled(
                format!("{}  ", text::fit(&entry.name, name_room, look.glyphs.ellipsis)),
                plain(if here { Role::Strong } else { Role::Text }),
            ),
            Span::styled(text::cut_end(&app.shown_path(&told), rest, look.glyphs.ellipsis), plain(Role::Dim)),
        ]);
        let ground =
            if here && app.pane == Pane::Log { look.style(Role::Selection) } else { Style::default() };
        let place = Rect { y: inner.y + u16::try_from(at - top).unwrap_or(0), height: 1, ..inner };
        frame.render_widget(Paragraph::new(line).style(ground), place);
        hits.add(place, Hit::Line(Pane::Log, at));
    }
}
