//! The shelves of finished media, and the file under their cursor.

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

/// Draws the tree.
pub(crate) fn draw(app: &App, frame: &mut Frame<'_>, area: Rect, hits: &mut Hits) {
    let look = &app.look;
    let inner = pane::open(app, frame, area, Some(Pane::Library), &pane::title(Pane::Library), "");
    hits.add(area, Hit::Pane(Pane::Library));
    let plain = |role| Style { bg: None, ..look.style(role) };
    let columns = usize::from(inner.width);
    if app.library.is_empty() {
        let inner = Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner };
        let told = "Nothing is shelved yet. Finished music and video come here by themselves, by the shop that they are from.";
        let lines: Vec<_> = text::wrap(told, usize::from(inner.width))
            .into_iter()
            .map(|line| Line::styled(line, plain(Role::Dim)))
            .collect();
        frame.render_widget(Paragraph::new(lines), inner);
        return;
    }
    let branches = app.library.lines();
    let rows = usize::from(inner.height);
    let top = (app.library.at + 1).saturating_sub(rows);
    for (at, branch) in branches.iter().enumerate().skip(top).take(rows) {
        let here = at == app.library.at;
        let shelf = branch.shelf;
        let missing = shelf.file.as_ref().is_some_and(|medium| medium.missing);
        let sign = match (shelf.file.is_some(), branch.open) {
            (true, _) => " ",
            (_, true) => look.glyphs.open,
            (_, false) => look.glyphs.closed,
        };
        let count = if shelf.file.is_some() { String::new() } else { words::thousands(shelf.count) };
        let lead = " ".repeat(branch.depth);
        let room = columns.saturating_sub(5 + branch.depth + text::width(&count));
        let ink = match (missing, here) {
            (true, _) => Role::Warning,
            (_, true) => Role::Strong,
            _ => Role::Text,
        };
        let line = Line::from(vec![
            Span::styled(if here { look.glyphs.cursor } else { " " }, plain(Role::Accent)),
            Span::styled(format!("{lead}{sign} "), plain(Role::Dim)),
            Span::styled(text::fit(&shelf.name, room, look.glyphs.ellipsis), plain(ink)),
            Span::styled(format!(" {count} "), plain(Role::Dim)),
        ]);
        let ground =
            if here && app.pane == Pane::Library { look.style(Role::Selection) } else { Style::default() };
        let place = Rect { y: inner.y + u16::try_from(at - top).unwrap_or(0), height: 1, ..inner };
        frame.render_widget(Paragraph::new(line).style(ground), place);
        hits.add(place, Hit::Line(Pane::Library, at));
    }
}

/// Draws the file under the cursor.
pub(crate) fn medium(app: &App, frame: &mut Frame<'_>, area: Rect) {
    let look = &app.look;
    let plain = |role| Style { bg: None, ..look.style(role) };
    let chosen = app.library.chosen();
    let title = chosen.map_or("File", |(shelf, _)| shelf.name.as_str());
    let inner = pane::open(app, frame, area, None, title, "");
    let inner = Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner };
    let columns = usize::from(inner.width);
    let mut lines = Vec::new();
    if let Some((_, medium)) = chosen {
        for (name, value, origin) in &medium.facts {
            let origin = text::cut_end(origin, columns / 3, look.glyphs.ellipsis);
            let room = columns.saturating_sub(16 + text::width(&origin) + 2);
            lines.push(Line::from(vec![
                Span::styled(text::fit(name, 16, look.glyphs.ellipsis), plain(Role::Dim)),
                Span::styled(
                    format!("{}  ", text::fit(value, room, look.glyphs.ellipsis)),
                    plain(Role::Text),
                ),
                Span::styled(origin, plain(Role::Dim)),
            ]));
        }
        let path = app.shown_path(&medium.path.display().to_string());
        lines.push(Line::styled(text::cut_middle(&path, columns, look.glyphs.ellipsis), plain(Role::Link)));
        if medium.missing {
            lines.push(Line::styled(
                "It is missing there; it is found again when it returns.",
                plain(Role::Warning),
            ));
        }
    } else {
        let told = "Choose a file on the shelves: Enter opens a branch, o plays a file.";
        lines.extend(text::wrap(told, columns).into_iter().map(|line| Line::styled(line, plain(Role::Dim))));
    }
    frame.render_widget(Paragraph::new(lines), inner);
}
