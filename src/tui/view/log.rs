//! What happened, newest first.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::pane;
use crate::config::theme::Role;
use crate::model::record::HistoryLine;
use crate::tui::app::App;
use crate::tui::hit::{Hit, Hits};
use crate::tui::layout::Pane;
use crate::tui::{text, words};

/// Columns of the words that come most often, so that scrolling moves nothing.
const LEAST_WORD: usize = 7;

/// What happened, in a word.
fn word(entry: &HistoryLine) -> (Role, &str) {
    match entry.what.as_str() {
        "completed" => (Role::Done, "done"),
        "failed" => (Role::Failed, "failed"),
        "lost" => (Role::Warning, "lost"),
        "removed" | "cleared" => (Role::Dim, "removed"),
        other => (Role::Text, other),
    }
}

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
    let shown = || app.log.iter().skip(top).take(rows);
    let widest = |text: &dyn Fn(&HistoryLine) -> usize| shown().map(text).max().unwrap_or(0);
    let when_room = widest(&|entry| text::width(&look.moment(entry.at, app.now)));
    let word_room = widest(&|entry| text::width(word(entry).1)).max(LEAST_WORD);
    let left = columns.saturating_sub(1 + when_room + 2 + word_room + 2 + 2 + 1);
    let name_room = widest(&|entry| text::width(&entry.name)).min(left * 3 / 5).min(left);
    for (at, entry) in app.log.iter().enumerate().skip(top).take(rows) {
        let here = at == app.log_at;
        let (role, word) = word(entry);
        let when = look.moment(entry.at, app.now);
        let rest = left.saturating_sub(name_room);
        let told = if entry.text == entry.what {
            entry.place.clone().unwrap_or_default()
        } else {
            entry.text.clone()
        };
        let line = Line::from(vec![
            Span::styled(if here { look.glyphs.cursor } else { " " }, plain(Role::Accent)),
            Span::styled(format!("{}  ", text::fit(&when, when_room, "")), plain(Role::Dim)),
            Span::styled(format!("{}  ", text::fit(word, word_room, "")), plain(role)),
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
