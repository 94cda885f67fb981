//! Drawing: the screen as it is, from the state alone. What can be clicked is told to the caller.

pub(crate) mod bar;
pub(crate) mod collections;
pub(crate) mod detail;
pub(crate) mod footer;
pub(crate) mod graph;
pub(crate) mod header;
pub(crate) mod library;
pub(crate) mod log;
pub(crate) mod medium;
pub(crate) mod pane;
pub(crate) mod table;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph};

use super::app::{App, Tone};
use super::hit::Hits;
use super::layout::{self, Areas, LEAST, Size};
use super::text;
use crate::config::theme::Role;

/// Draws everything.
pub fn draw(app: &App, frame: &mut Frame<'_>) -> Hits {
    let mut hits = Hits::default();
    let whole = frame.area();
    frame.render_widget(Block::new().style(app.look.style(Role::Text)), whole);
    let areas = layout::areas((whole.width, whole.height), app.pane, app.has_notice());
    if areas.size == Size::None {
        too_small(app, frame);
        return hits;
    }
    header::draw(app, frame, areas.header);
    if let Some(area) = areas.tabs {
        header::tabs(app, frame, area, &mut hits);
    }
    if let Some(area) = areas.collections {
        collections::draw(app, frame, area, &mut hits);
    }
    if let Some(area) = areas.table {
        table::draw(app, frame, area, areas.size, &mut hits);
    }
    if let Some(area) = areas.detail {
        detail::draw(app, frame, area);
    }
    if let Some(area) = areas.library {
        library::draw(app, frame, area, &mut hits);
    }
    if let Some(area) = areas.medium {
        medium::draw(app, frame, area);
    }
    if let Some(area) = areas.log {
        log::draw(app, frame, area, &mut hits);
    }
    if let Some(area) = areas.notice {
        footer::notice(app, frame, area, &mut hits);
    }
    footer::draw(app, frame, areas.footer, &mut hits);
    if let Some(overlay) = &app.overlay {
        overlay.draw(app, frame, &mut hits);
    }
    toast(app, frame, &areas);
    hits
}

fn too_small(app: &App, frame: &mut Frame<'_>) {
    let area = frame.area();
    let told = format!("haul needs {}{}{}", LEAST.0, app.look.glyphs.times, LEAST.1);
    let told = text::cut_end(&told, usize::from(area.width), app.look.glyphs.ellipsis);
    let line = Rect { y: area.height / 2, height: 1.min(area.height), ..area };
    frame.render_widget(Paragraph::new(told).centered(), line.intersection(area));
}

/// Lines that a message may take.
const TOAST_LINES: usize = 3;

/// A short message at the right, over the lower line of the last pane and what is above it: keys and what else is told stay to be
/// read. Where panes have no lines it takes those above the list.
fn toast(app: &App, frame: &mut Frame<'_>, areas: &Areas) {
    let Some(toast) = &app.toast else { return };
    let look = &app.look;
    let most = areas.header.width.saturating_sub(6);
    let mut told = text::wrap(&look.glyphs.plain(&toast.text), usize::from(most));
    if told.len() > TOAST_LINES {
        let rest = told.split_off(TOAST_LINES - 1).join(" ");
        told.push(text::cut_end(&rest, usize::from(most), look.glyphs.ellipsis));
    }
    let role = match toast.tone {
        Tone::Plain => Role::Text,
        Tone::Good => Role::Success,
        Tone::Warning => Role::Warning,
        Tone::Bad => Role::Error,
    };
    let widest = told.iter().map(|line| text::width(line)).max().unwrap_or(0);
    let width = u16::try_from(widest + 2).unwrap_or(most).min(most + 2);
    let height = u16::try_from(told.len()).unwrap_or(1);
    let below = areas.notice.map_or(areas.footer.y, |notice| notice.y);
    let y = match areas.size {
        Size::Compact => areas.tabs.map_or(areas.header.y, |tabs| tabs.y),
        _ => below.saturating_sub(height),
    };
    let area = Rect { x: areas.header.right().saturating_sub(width + 2), y, width, height };
    let area = area.intersection(frame.area());
    frame.render_widget(Clear, area);
    let style = Style { bg: None, ..look.style(role) };
    let lines: Vec<_> =
        told.into_iter().map(|line| Line::from(Span::styled(format!(" {line}"), style))).collect();
    frame.render_widget(Paragraph::new(lines).style(look.style(Role::Toast)), area);
}
