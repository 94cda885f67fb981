//! The shelves of finished media, or what a search finds among them.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::pane;
use crate::config::theme::Role;
use crate::model::shelf::MediaRow;
use crate::model::units::{ByteCount, clock};
use crate::tui::app::App;
use crate::tui::hit::{Hit, Hits};
use crate::tui::layout::Pane;
use crate::tui::library::{Branch, Found, Key};
use crate::tui::{text, words};

/// Columns from which on a file says how long it plays, and from which on a shelf does.
const WITH_TIME: (usize, usize) = (28, 42);
/// Columns from which on the names of the shelves of everything are whole.
const WHOLE_LABELS: usize = 28;
/// Columns from which on a find says whose it is.
const WITH_ARTIST: usize = 30;

/// Draws the pane.
pub(crate) fn draw(app: &App, frame: &mut Frame<'_>, area: Rect, hits: &mut Hits) {
    let library = &app.library;
    let (count, size, time) = library.tree.sums();
    let right = match &library.found {
        _ if app.pane != Pane::Library || count == 0 => String::new(),
        Some(found) => {
            let more = if found.more { "+" } else { "" };
            let newest = if found.newest { ", newest first" } else { "" };
            format!("{}{more} found{newest}", words::thousands(found.rows.len()))
        }
        None => {
            let order = if library.order.turned { app.look.glyphs.rising } else { app.look.glyphs.falling };
            let long = if time > 0 { format!(", {}", clock(time / 1000)) } else { String::new() };
            let sums = format!("{}{long}", ByteCount(size));
            if library.order == crate::tui::library::Order::default() {
                sums
            } else {
                format!("{} {order}  {sums}", library.order.word())
            }
        }
    };
    let inner = pane::open(app, frame, area, Some(Pane::Library), &pane::title(Pane::Library), &right);
    hits.add(area, Hit::Pane(Pane::Library));
    match &library.found {
        Some(found) => finds(app, found, frame, inner, hits),
        None if library.tree.len() == 0 => empty(app, frame, inner),
        None => shelves(app, frame, inner, hits),
    }
}

fn plain(app: &App, role: Role) -> Style {
    Style { bg: None, ..app.look.style(role) }
}

/// Says why there is nothing, and what would change that.
fn empty(app: &App, frame: &mut Frame<'_>, area: Rect) {
    if !app.library.known {
        return tell(app, frame, area, "Looking at the shelves.");
    }
    let mut told = "Nothing is shelved yet. Finished music and video come here by themselves, by the shop that they are from.".to_owned();
    if app.pane == Pane::Library {
        told.push_str(" `haul library scan FOLDER` takes in what is there already.");
    }
    tell(app, frame, area, &told);
}

fn tell(app: &App, frame: &mut Frame<'_>, area: Rect, told: &str) {
    let area = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
    let lines: Vec<_> = text::wrap(told, usize::from(area.width))
        .into_iter()
        .map(|line| Line::styled(line, plain(app, Role::Dim)))
        .collect();
    frame.render_widget(Paragraph::new(lines), area);
}

/// The first line that is shown: the cursor keeps to the middle of a long list.
fn top(at: usize, rows: usize, all: usize) -> usize {
    at.saturating_sub(rows / 2).min(all.saturating_sub(rows))
}

fn shelves(app: &App, frame: &mut Frame<'_>, area: Rect, hits: &mut Hits) {
    let tree = &app.library.tree;
    let rows = usize::from(area.height);
    let top = top(tree.at, rows, tree.len());
    for (row, branch) in tree.lines(top, rows).enumerate() {
        let at = top + row;
        let place = Rect { y: area.y + u16::try_from(row).unwrap_or(0), height: 1, ..area };
        line(
            app,
            frame,
            place,
            at == tree.at,
            shelf_line(app, branch, at == tree.at, usize::from(area.width)),
        );
        hits.add(place, Hit::Line(Pane::Library, at));
    }
}

fn line(app: &App, frame: &mut Frame<'_>, place: Rect, here: bool, line: Line<'_>) {
    let has_keys = app.pane == Pane::Library;
    let ground = if here && has_keys { app.look.style(Role::Selection) } else { Style::default() };
    frame.render_widget(Paragraph::new(line).style(ground), place);
}

fn shelf_line(app: &App, Branch { node, depth }: Branch<'_>, here: bool, columns: usize) -> Line<'static> {
    let glyphs = &app.look.glyphs;
    let sign = match (node.is_branch(), node.open) {
        (false, _) => " ",
        (true, true) => glyphs.open,
        (true, false) => glyphs.closed,
    };
    let name = match &node.key {
        Key::More => format!("{} more", glyphs.ellipsis),
        // Where there are few columns, what each of these shelves has in common goes first.
        Key::Shelf(path) if columns < WHOLE_LABELS && path.keys.is_empty() => {
            node.name.strip_prefix("All ").map_or_else(|| node.name.clone(), words::capitalized)
        }
        _ => node.name.clone(),
    };
    let time = |ms: u64, from| if ms > 0 && columns >= from { clock(ms / 1000) } else { String::new() };
    let right = match &node.row {
        Some(row) => remark(app, row).unwrap_or_else(|| time(row.duration_ms.unwrap_or(0), WITH_TIME.0)),
        None if node.key == Key::More => String::new(),
        None => {
            let count = words::thousands(usize::try_from(node.count).unwrap_or(usize::MAX));
            let time = time(node.duration_ms, WITH_TIME.1);
            if time.is_empty() { count } else { format!("{time:>8} {count:>7}") }
        }
    };
    let lead = " ".repeat(depth);
    let room = columns.saturating_sub(5 + depth + text::width(&right));
    let is_missing = node.row.as_ref().is_some_and(|row| row.missing) || node.key == Key::Missing;
    let ink = match (is_missing, here) {
        (true, _) => Role::Warning,
        (_, true) => Role::Strong,
        _ if node.key == Key::More => Role::Dim,
        _ => Role::Text,
    };
    Line::from(vec![
        Span::styled(if here { glyphs.cursor } else { " " }, plain(app, Role::Accent)),
        Span::styled(format!("{lead}{sign} "), plain(app, Role::Dim)),
        Span::styled(text::fit_end(&name, room, glyphs.ellipsis), plain(app, ink)),
        Span::styled(format!(" {right} "), plain(app, if is_missing { Role::Warning } else { Role::Dim })),
    ])
}

/// What is wrong with a file, or strange.
fn remark(app: &App, row: &MediaRow) -> Option<String> {
    match row.copies {
        _ if row.missing => Some("missing".into()),
        2.. => Some(format!("{}{}", row.copies, app.look.glyphs.times)),
        _ => None,
    }
}

/// Draws the line that is typed, and what it finds.
fn finds(app: &App, found: &Found, frame: &mut Frame<'_>, area: Rect, hits: &mut Hits) {
    let look = &app.look;
    let typed =
        Rect { x: area.x + 2, width: area.width.saturating_sub(3), height: 1.min(area.height), ..area };
    let key = Line::styled("/", plain(app, Role::Key));
    frame.render_widget(Paragraph::new(key), Rect { x: area.x + 1, width: 1.min(area.width), ..typed });
    let columns = usize::from(typed.width.max(1));
    let scroll = found.input.visual_scroll(columns.saturating_sub(1));
    let scrolled = u16::try_from(scroll).unwrap_or(u16::MAX);
    let style = if found.typing { look.style(Role::Input) } else { plain(app, Role::Accent) };
    let value = Paragraph::new(found.input.value().to_owned()).scroll((0, scrolled)).style(style);
    frame.render_widget(value, typed);
    if found.typing && app.pane == Pane::Library && app.overlay.is_none() {
        let column = u16::try_from(found.input.visual_cursor().saturating_sub(scroll)).unwrap_or(0);
        frame
            .set_cursor_position(Position::new(typed.x + column.min(typed.width.saturating_sub(1)), typed.y));
    }
    let below = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    if found.rows.is_empty() {
        let told = match (found.text().is_empty(), found.is_settled()) {
            (true, _) => {
                "Words, or parts of them, of title, artist, album, genre, distributor or file name. Esc goes back."
            }
            (_, true) => "Nothing matches all of these words.",
            (_, false) => "Looking.",
        };
        return tell(app, frame, below, told);
    }
    let rows = usize::from(below.height);
    let top = top(found.at, rows, found.rows.len());
    for (row, find) in found.rows.iter().enumerate().skip(top).take(rows) {
        let place = Rect { y: below.y + u16::try_from(row - top).unwrap_or(0), height: 1, ..below };
        let here = row == found.at;
        line(app, frame, place, here, find_line(app, find, here, usize::from(below.width)));
        hits.add(place, Hit::Line(Pane::Library, row));
    }
}

fn find_line(app: &App, row: &MediaRow, here: bool, columns: usize) -> Line<'static> {
    let glyphs = &app.look.glyphs;
    let right = remark(app, row).unwrap_or_default();
    let room = columns.saturating_sub(4 + text::width(&right));
    let artist = if row.artist.is_empty() { &row.album_artist } else { &row.artist };
    let by = if columns >= WITH_ARTIST && !artist.is_empty() { room / 3 } else { 0 };
    let ink = match (row.missing, here) {
        (true, _) => Role::Warning,
        (_, true) => Role::Strong,
        _ => Role::Text,
    };
    let title = text::fit_end(&row.title, room.saturating_sub(by), glyphs.ellipsis);
    let artist = if by == 0 { String::new() } else { text::fit(&format!(" {artist}"), by, glyphs.ellipsis) };
    Line::from(vec![
        Span::styled(if here { glyphs.cursor } else { " " }, plain(app, Role::Accent)),
        Span::raw(" "),
        Span::styled(title, plain(app, ink)),
        Span::styled(artist, plain(app, Role::Dim)),
        Span::styled(format!(" {right} "), plain(app, if row.missing { Role::Warning } else { Role::Dim })),
    ])
}
