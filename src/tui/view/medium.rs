//! What is under the cursor of the library: a file with its cover and who said what of it, or a shelf with its sums.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::pane;
use crate::config::theme::Role;
use crate::model::media::{KindFrom, Origin};
use crate::model::shelf::{MediaDetail, MediaValue};
use crate::model::units::{ByteCount, clock};
use crate::tui::app::App;
use crate::tui::library::{Key, Node};
use crate::tui::{text, words};

/// Columns of the labels.
const LABEL: usize = 13;
/// Lines that stay for words where there is a cover: in a high pane, and in one that is not.
const WORDS: (u16, u16) = (16, 11);
/// Lines of a pane that is high.
const HIGH: u16 = 28;
/// The least lines that make a picture.
const LEAST: u16 = 4;

/// The inside of the pane.
fn inside(area: Rect) -> Rect {
    Rect {
        x: area.x + 2,
        y: area.y + 1,
        width: area.width.saturating_sub(4),
        height: area.height.saturating_sub(2),
    }
}

/// Columns and rows that a cover may take in the pane; none where there is no room for one.
pub(crate) fn cover_room(area: Rect) -> Option<(u16, u16)> {
    let inner = inside(area);
    let words = if inner.height >= HIGH { WORDS.0 } else { WORDS.1 };
    let rows = inner.height.saturating_sub(words + 1);
    (rows >= LEAST && inner.width >= 2 * LEAST).then_some((inner.width, rows))
}

/// Draws the pane.
pub(crate) fn draw(app: &App, frame: &mut Frame<'_>, area: Rect) {
    let title = match (app.library.row(), app.library.shelf()) {
        (Some(row), _) => row.title.clone(),
        (None, Some(node)) => node.name.clone(),
        _ => "Details".into(),
    };
    let number = app.library.row().map(|row| format!("number {}", row.id)).unwrap_or_default();
    pane::open(app, frame, area, None, &title, &number);
    let mut inner = inside(area);
    if let Some(picture) = app.picture(area) {
        let (_, rows) = picture.size();
        picture.draw(frame, Rect { height: rows.min(inner.height), ..inner });
        let taken = (rows + 1).min(inner.height);
        inner = Rect { y: inner.y + taken, height: inner.height - taken, ..inner };
    }
    let lines = lines(app, usize::from(inner.width));
    let fill = Style { bg: None, ..app.look.style(Role::Text) };
    let rows = usize::from(inner.height);
    frame.render_widget(Paragraph::new(lines.into_iter().take(rows).collect::<Vec<_>>()).style(fill), inner);
}

fn plain(app: &App, role: Role) -> Style {
    Style { bg: None, ..app.look.style(role) }
}

/// All lines about what is under the cursor.
pub(crate) fn lines(app: &App, columns: usize) -> Vec<Line<'static>> {
    match (app.library.row(), app.library.detail(), app.library.shelf()) {
        (Some(_), Some(detail), _) => file(app, detail, columns),
        (Some(_), None, _) => vec![Line::styled("Looking it up.", plain(app, Role::Dim))],
        (None, _, Some(node)) => shelf(app, node, columns),
        _ => told(app, "Choose a file on the shelves: Enter opens a branch, / searches.", columns),
    }
}

fn told(app: &App, what: &str, columns: usize) -> Vec<Line<'static>> {
    text::wrap(what, columns).into_iter().map(|line| Line::styled(line, plain(app, Role::Dim))).collect()
}

/// A shelf with its sums.
fn shelf(app: &App, node: &Node, columns: usize) -> Vec<Line<'static>> {
    let count = usize::try_from(node.count).unwrap_or(usize::MAX);
    let files = if count == 1 { "1 file".into() } else { format!("{} files", words::thousands(count)) };
    let mut lines = Vec::new();
    let way: Vec<_> = app.library.tree.above().into_iter().map(|node| node.name.clone()).collect();
    if !way.is_empty() {
        let way = way.join(&format!(" {} ", app.look.glyphs.arrow));
        lines.push(Line::styled(
            text::cut_middle(&way, columns, app.look.glyphs.ellipsis),
            plain(app, Role::Dim),
        ));
    }
    let sums = match node.key {
        Key::Missing | Key::Copies => files,
        _ if node.duration_ms > 0 => {
            format!("{files}, {}, plays {}", ByteCount(node.size), clock(node.duration_ms / 1000))
        }
        _ => format!("{files}, {}", ByteCount(node.size)),
    };
    lines.push(Line::styled(sums, plain(app, Role::Text)));
    if node.missing > 0 && node.key != Key::Missing {
        let missing = format!("{} missing", words::thousands(usize::try_from(node.missing).unwrap_or(0)));
        lines.push(Line::styled(missing, plain(app, Role::Warning)));
    }
    lines.push(Line::raw(""));
    let hint = match node.key {
        Key::Missing => {
            "They are not where they were. They are found again when they return, or where they are now by `haul library scan FOLDER`."
        }
        Key::Copies => "Files that have the same bytes as another one, side by side.",
        _ if node.open => "Left closes it, / searches everything.",
        _ => "Enter opens it, / searches everything.",
    };
    lines.extend(told(app, hint, columns));
    lines
}

/// A file, and who said what of it.
fn file(app: &App, detail: &MediaDetail, columns: usize) -> Vec<Line<'static>> {
    let ellipsis = app.look.glyphs.ellipsis;
    let row = &detail.row;
    let mut lines = Vec::new();
    if detail.row.missing {
        let since = detail.missing_since.map(|since| app.look.moment(since, app.now)).unwrap_or_default();
        let told = format!("missing since {since}; it is found again when it returns");
        lines.push(Line::styled(text::cut_end(&told, columns, ellipsis), plain(app, Role::Warning)));
    }
    for value in &detail.values {
        lines.extend(valued(app, value, columns));
    }
    lines.push(labelled(app, "kind", row.kind.word(), kind_by(detail.kind_from), columns));
    let path = app.shown_path(&detail.path);
    lines.push(labelled(app, "file", &path, "", columns));
    let mut say = |label: &str, value: String| lines.push(labelled(app, label, &value, "", columns));
    let mut format = detail.format.clone();
    if let Some(rate) = detail.bitrate {
        format = format!("{format}, {} kbit/s", rate / 1000);
    }
    if let Some((width, height)) = detail.frame {
        format = format!("{format}, {width}{}{height}", app.look.glyphs.times);
    }
    say("format", format);
    say("size", ByteCount(row.size).to_string());
    if let Some(source) = &detail.source {
        say("from", source.clone());
    }
    say("shelved", app.look.moment(row.added, app.now));
    if let Some(trouble) = &detail.trouble {
        for piece in text::wrap(trouble, columns) {
            lines.push(Line::styled(piece, plain(app, Role::Warning)));
        }
    }
    for copy in &detail.copies {
        let path = app.shown_path(&copy.path);
        lines.push(labelled(app, "same bytes", &path, &format!("number {}", copy.id), columns));
    }
    lines
}

fn labelled(app: &App, label: &str, value: &str, by: &str, columns: usize) -> Line<'static> {
    let ellipsis = app.look.glyphs.ellipsis;
    let by = text::cut_end(by, columns / 3, ellipsis);
    let gap = if by.is_empty() { 0 } else { 2 };
    let room = columns.saturating_sub(LABEL + text::width(&by) + gap);
    Line::from(vec![
        Span::styled(text::fit(label, LABEL, ellipsis), plain(app, Role::Dim)),
        Span::styled(text::fit(value, room, ellipsis), plain(app, Role::Text)),
        Span::styled(format!("{}{by}", " ".repeat(gap)), plain(app, Role::Dim)),
    ])
}

/// A value with who said it; for the distributor, where in the file it is and what it won over.
fn valued(app: &App, value: &MediaValue, columns: usize) -> Vec<Line<'static>> {
    let shown = value.field.shown(&value.text);
    let by = value.set_by.as_ref().map_or_else(|| said_by(value.origin).to_owned(), ToString::to_string);
    let mut lines = vec![labelled(app, value.field.word(), &shown, &by, columns)];
    let room = columns.saturating_sub(LABEL);
    let mut under = |text: String| {
        let cut = text::cut_end(&text, room, app.look.glyphs.ellipsis);
        lines.push(Line::from(vec![Span::raw(" ".repeat(LABEL)), Span::styled(cut, plain(app, Role::Dim))]));
    };
    if let Some(place) = &value.place {
        under(format!("in {place}"));
    }
    for (origin, other) in &value.instead_of {
        under(format!("instead of {} ({})", value.field.shown(other), said_by(*origin)));
    }
    lines
}

/// Who said a value, in a word.
fn said_by(origin: Origin) -> &'static str {
    match origin {
        Origin::Person => "you",
        Origin::File => "file",
        Origin::Download => "download",
    }
}

/// What told the kind, in a word or two.
fn kind_by(from: KindFrom) -> &'static str {
    match from {
        KindFrom::Person => "you",
        KindFrom::ClassId => "its class",
        KindFrom::Streams => "its streams",
        KindFrom::Bytes => "its bytes",
        KindFrom::MediaType => "the server",
        KindFrom::Extension => "its name",
    }
}
