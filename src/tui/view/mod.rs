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

use super::app::{App, Toast, Tone};
use super::glyphs::Glyphs;
use super::hit::Hits;
use super::layout::{self, Areas, LEAST, Size};
use super::look::Look;
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
    if app.look.glyphs.ascii {
        make_plain(frame);
    }
    hits
}

/// Where a terminal shows nothing but ASCII, no name and no text of a server may hold anything else: it would not only look wrong, but
/// take other room than was counted.
fn make_plain(frame: &mut Frame<'_>) {
    for cell in &mut frame.buffer_mut().content {
        if !cell.symbol().is_ascii() {
            let plain = Glyphs::plain_sign(cell.symbol());
            cell.set_char(plain);
        }
    }
}

fn too_small(app: &App, frame: &mut Frame<'_>) {
    let area = frame.area();
    let told = format!("haul needs {}{}{}", LEAST.0, app.look.glyphs.times, LEAST.1);
    let told = text::cut_end(&told, usize::from(area.width), app.look.glyphs.ellipsis);
    let line = Rect { y: area.height / 2, height: 1.min(area.height), ..area };
    frame.render_widget(Paragraph::new(told).centered(), line.intersection(area));
}

/// Lines for which the name in a message is cut, and those that a message may take on the compact screen.
const TOAST_LINES: usize = 2;
/// Lines that a message may take elsewhere: what is wrong and the way out of it are both to be read.
const LONG_TOAST_LINES: usize = 4;
/// Columns that a name in it keeps.
const LEAST_NAME: usize = 8;

/// A short message at the right, over the lower line of the last pane: keys and what else is told stay to be read. Where it needs more
/// than that, or panes have no lines and it takes those above the list, the lines are all its own, so that no frame is broken.
fn toast(app: &App, frame: &mut Frame<'_>, areas: &Areas) {
    let Some(toast) = &app.toast else { return };
    let look = &app.look;
    let most = areas.header.width.saturating_sub(6);
    let lines = if areas.size == Size::Compact { TOAST_LINES } else { LONG_TOAST_LINES };
    let told = toast_lines(toast, usize::from(most), lines, look);
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
    let is_short = height == 1 && areas.size != Size::Compact;
    let area = if is_short {
        Rect { x: areas.header.right().saturating_sub(width + 2), y, width, height }
    } else {
        Rect { y, height, ..areas.header }
    };
    let area = area.intersection(frame.area());
    frame.render_widget(Clear, area);
    let style = Style { bg: None, ..look.style(role) };
    let lines: Vec<_> =
        told.into_iter().map(|line| Line::from(Span::styled(format!(" {line}"), style))).collect();
    frame.render_widget(Paragraph::new(lines).style(look.style(Role::Toast)), area);
}

/// The lines of a message: where it is too long, the name in it is cut first, and then its end.
fn toast_lines(toast: &Toast, columns: usize, lines: usize, look: &Look) -> Vec<String> {
    let ellipsis = look.glyphs.ellipsis;
    let wrapped = |told: &str| text::wrap(&look.glyphs.plain(told), columns);
    let mut told = wrapped(&toast.text);
    if told.len() > TOAST_LINES
        && let Some((name, rest)) = toast.named()
    {
        let most = (TOAST_LINES * columns).saturating_sub(text::width(rest)).max(LEAST_NAME);
        let cut = |room: usize| wrapped(&format!("{}{rest}", text::cut_middle(name, room, ellipsis)));
        let mut shorter = (LEAST_NAME..=most).rev().map(cut);
        told = shorter.find(|told| told.len() <= TOAST_LINES).unwrap_or_else(|| cut(LEAST_NAME));
    }
    if told.len() > lines {
        let rest = told.split_off(lines - 1).join(" ");
        told.push(text::cut_end(&rest, columns, ellipsis));
    }
    told
}
