//! The downloads: one line each, with the most useful thing at its right. Only what is on the screen is looked at.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::{bar, header, pane};
use crate::config::theme::Role;
use crate::model::state::{State, StateKind};
use crate::model::units::clock;
use crate::model::view::DownloadRow;
use crate::tui::app::App;
use crate::tui::hit::{Hit, Hits};
use crate::tui::layout::{Areas, Pane, Size};
use crate::tui::list::{Group, Line as Entry};
use crate::tui::look::role_of;
use crate::tui::sort::Column;
use crate::tui::{text, words};

/// The width of each column; a column without room is 0 wide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Widths {
    name: usize,
    mode: usize,
    bar: usize,
    percent: usize,
    size: usize,
    right: usize,
}

/// Columns between two columns.
const GAP: usize = 2;

impl Widths {
    fn of(columns: usize) -> Self {
        let mut widths = match columns {
            140.. => Self { name: 0, mode: 2, bar: 44, percent: 4, size: 7, right: 22 },
            110.. => Self { name: 0, mode: 2, bar: 24, percent: 4, size: 7, right: 20 },
            90.. => Self { name: 0, mode: 2, bar: 18, percent: 4, size: 7, right: 18 },
            70.. => Self { name: 0, mode: 2, bar: 10, percent: 4, size: 7, right: 17 },
            56.. => Self { name: 0, mode: 0, bar: 8, percent: 4, size: 0, right: 17 },
            _ => Self { name: 0, mode: 0, bar: 0, percent: 4, size: 0, right: 12 },
        };
        let with_gap = |width: usize, gap: usize| if width > 0 { width + gap } else { 0 };
        let used = 3
            + with_gap(widths.mode, 1)
            + with_gap(widths.bar, 1)
            + with_gap(widths.percent, 1)
            + with_gap(widths.size, GAP)
            + with_gap(widths.right, GAP)
            + 1;
        widths.name = columns.saturating_sub(used).max(1);
        widths
    }
}

/// How many downloads have room.
pub(crate) fn lines_in(areas: &Areas) -> usize {
    let Some(area) = areas.table else { return 1 };
    let frame = if areas.size == Size::Compact { 1 } else { 3 };
    usize::from(area.height.saturating_sub(frame))
}

/// Draws the pane.
pub(crate) fn draw(app: &App, frame: &mut Frame<'_>, area: Rect, size: Size, hits: &mut Hits) {
    hits.add(area, Hit::Pane(Pane::Downloads));
    let inner = if size == Size::Compact {
        area
    } else {
        let title = match (size, app.cursor_collection()) {
            (Size::Wide, Some(row)) => {
                format!("{} {} {}", pane::title(Pane::Downloads), app.look.glyphs.dot, row.name)
            }
            (Size::Wide, None) => pane::title(Pane::Downloads),
            _ => "Downloads".into(),
        };
        let right = match size {
            Size::Wide => {
                format!("{}  {}", order(app), header::shown(app).split_once("  ").map_or("", |(_, of)| of))
            }
            _ => order(app),
        };
        pane::open(app, frame, area, Some(Pane::Downloads), &title, &right)
    };
    if inner.height == 0 {
        return;
    }
    let widths = Widths::of(usize::from(inner.width));
    headings(app, frame, Rect { height: 1, ..inner }, widths, hits);
    let body = Rect { y: inner.y + 1, height: inner.height - 1, ..inner };
    if app.list.shown() == 0 {
        empty(app, frame, body);
        return;
    }
    for line in 0..usize::from(body.height) {
        let at = app.cursor.top + line;
        let Some(entry) = app.list.line(at) else { break };
        let place = Rect { y: body.y + u16::try_from(line).unwrap_or(0), height: 1, ..body };
        let here = at == app.cursor.at;
        let drawn = match entry {
            Entry::Row(row) => one(app, row, widths, here),
            Entry::Group(group) => many(app, group, usize::from(body.width), here),
        };
        let ground = if here { app.look.style(Role::Selection) } else { Style::default() };
        frame.render_widget(Paragraph::new(drawn).style(ground), place);
        hits.add(place, Hit::Line(Pane::Downloads, at));
    }
}

fn order(app: &App) -> String {
    let sort = app.list.sort();
    let way = if sort.falling { app.look.glyphs.falling } else { app.look.glyphs.rising };
    let frozen = if app.list.is_frozen() { "frozen, " } else { "" };
    let marked = match app.marks.len() {
        0 => String::new(),
        count => format!("{} marked  ", words::thousands(count)),
    };
    format!("{marked}{frozen}by {} {way}", sort.column.word())
}

fn headings(app: &App, frame: &mut Frame<'_>, area: Rect, widths: Widths, hits: &mut Hits) {
    let mut text_line = String::from("   ");
    let mut place = |text_line: &mut String, heading: &str, width: usize, right: bool, column: Column| {
        if width == 0 {
            return;
        }
        let x = area.x + u16::try_from(text::width(text_line)).unwrap_or(0);
        let shown = if right { text::fit_right(heading, width, "") } else { text::fit(heading, width, "") };
        text_line.push_str(&shown);
        let width = u16::try_from(width).unwrap_or(0).min(area.right().saturating_sub(x));
        hits.add(Rect { x, width, ..area }, Hit::Column(column));
    };
    place(&mut text_line, "Name", widths.name, false, Column::Name);
    if widths.mode > 0 {
        text_line.push_str("   ");
    }
    if widths.bar + widths.percent > 0 {
        text_line.push(' ');
        let width = widths.bar + widths.percent + usize::from(widths.bar > 0);
        let heading = if widths.bar > 0 { "Progress" } else { "   %" };
        place(&mut text_line, heading, width, false, Column::Progress);
    }
    if widths.size > 0 {
        text_line.push_str("  ");
        place(&mut text_line, "Size", widths.size, true, Column::Size);
    }
    text_line.push_str("  ");
    if widths.right >= 17 {
        place(&mut text_line, "Speed", widths.right - 8, true, Column::Speed);
        place(&mut text_line, "Left", 8, true, Column::Left);
    } else {
        place(&mut text_line, "Left", widths.right, true, Column::Left);
    }
    let style = Style { bg: None, ..app.look.style(Role::Header) };
    frame.render_widget(Paragraph::new(Line::styled(text_line, style)), area);
}

fn one(app: &App, row: &DownloadRow, widths: Widths, here: bool) -> Line<'static> {
    let look = &app.look;
    let kind = row.state.kind();
    let plain = |role| Style { bg: None, ..look.style(role) };
    let stale = !app.connected;
    let state = if stale { Role::Dim } else { role_of(kind) };
    let marked = app.marks.contains(&row.id);
    let quiet = stale || matches!(kind, StateKind::Completed | StateKind::Cancelled);
    let name_role = match (marked, here, quiet) {
        (true, ..) => Role::Mark,
        (_, true, _) => Role::Strong,
        (_, _, true) => Role::Dim,
        _ => Role::Text,
    };
    // The row under the cursor has its own ground: the mark says more.
    let lead = if marked {
        Span::styled(look.glyphs.mark, plain(Role::Mark))
    } else if here {
        Span::styled(look.glyphs.cursor, plain(Role::Accent))
    } else {
        Span::raw(" ")
    };
    let shown = if row.provisional { format!("{}?", row.name) } else { row.name.clone() };
    let mut spans = vec![
        lead,
        Span::styled(look.glyphs.state(kind, row.mode), plain(state)),
        Span::raw(" "),
        Span::styled(text::fit(&shown, widths.name, look.glyphs.ellipsis), plain(name_role)),
    ];
    if widths.mode > 0 {
        spans.push(Span::styled(
            format!(" {}", text::fit(words::mode(row), widths.mode, "")),
            plain(Role::Dim),
        ));
    }
    if widths.bar > 0 {
        spans.push(Span::raw(" "));
        if stale && kind.is_running() {
            let mut still = row.clone();
            still.state = State::Cancelled;
            spans.extend(bar::of(&still, widths.bar, look));
        } else {
            spans.extend(bar::of(row, widths.bar, look));
        }
    }
    if widths.percent > 0 {
        let percent = match words::percent(row) {
            Some(_) if matches!(kind, StateKind::Completed) => String::new(),
            Some(0) if row.covered == 0 => String::new(),
            Some(percent) => format!("{percent}%"),
            None => String::new(),
        };
        let role = if quiet { Role::Dim } else { Role::Text };
        spans.push(Span::styled(format!(" {}", text::fit_right(&percent, widths.percent, "")), plain(role)));
    }
    if widths.size > 0 {
        let size = text::fit_right(&words::size(row), widths.size, "");
        spans.push(Span::styled(format!("  {size}"), plain(if quiet { Role::Dim } else { Role::Text })));
    }
    spans.push(Span::raw("  "));
    let quiet = app.quiet_for(row).map(|quiet| format!("no data for {}", words::brief(quiet)));
    let is_quiet = quiet.is_some();
    if let Some(remark) = quiet.or_else(|| words::remark(row, app.held(row), app.now, &app.look)) {
        let role = match kind {
            _ if stale => Role::Dim,
            _ if is_quiet => Role::Waiting,
            StateKind::Failed => Role::Failed,
            StateKind::Waiting => Role::Waiting,
            _ => Role::Dim,
        };
        let remark = app.options.keymap.fill(&remark);
        let remark = text::fit_right(&remark, widths.right, look.glyphs.ellipsis);
        spans.push(Span::styled(remark, plain(role)));
    } else {
        let speed = words::speed(row.speed);
        let left = row.eta_secs.map(clock).unwrap_or_default();
        let (speed, left) = if widths.right >= 17 {
            (text::fit_right(&speed, widths.right - 8, ""), text::fit_right(&left, 8, ""))
        } else if left.is_empty() {
            (text::fit_right(&speed, widths.right, ""), String::new())
        } else {
            (String::new(), text::fit_right(&left, widths.right, ""))
        };
        let role = if stale { Role::Dim } else { Role::Text };
        spans.push(Span::styled(speed, plain(role)));
        spans.push(Span::styled(left, plain(role)));
    }
    Line::from(spans)
}

fn many(app: &App, group: &Group, columns: usize, here: bool) -> Line<'static> {
    let look = &app.look;
    let plain = |role| Style { bg: None, ..look.style(role) };
    let (kind, host) = &group.cause;
    let count = words::thousands(group.count);
    let status = words::status(&group.text).map(|status| format!(" ({status})")).unwrap_or_default();
    let told = format!("{count} {} {} {host}{status}", look.glyphs.times, words::failure_kind(*kind));
    let hint = &app.options.keymap.fill("{enter} shows them  {resume} retries all ");
    let room = columns.saturating_sub(3);
    let with_hint = text::width(&told) + text::width(hint) + 2 <= room;
    // Members are looked for among all that is listed: not in every frame for nothing.
    let is_marked =
        !app.marks.is_empty() && app.list.members(&group.cause).iter().all(|id| app.marks.contains(id));
    let (sign, sign_role) = match (is_marked, here) {
        (true, _) => (look.glyphs.mark, Role::Mark),
        (false, true) => (look.glyphs.cursor, Role::Accent),
        (false, false) => (" ", Role::Accent),
    };
    let role = match (is_marked, here) {
        (true, _) => Role::Mark,
        (false, true) => Role::Strong,
        (false, false) => Role::Failed,
    };
    let name =
        text::fit(&told, if with_hint { room - text::width(hint) } else { room }, look.glyphs.ellipsis);
    Line::from(vec![
        Span::styled(sign, plain(sign_role)),
        Span::styled(
            format!("{} ", look.glyphs.state(StateKind::Failed, crate::model::item::Mode::Background)),
            plain(Role::Failed),
        ),
        Span::styled(name, plain(role)),
        Span::styled(if with_hint { hint.clone() } else { String::new() }, plain(Role::Dim)),
    ])
}

fn empty(app: &App, frame: &mut Frame<'_>, area: Rect) {
    let look = &app.look;
    let add = app.options.keymap.shown(crate::command::Command::Add).unwrap_or_else(|| "a".into());
    let lines: Vec<String> = if app.stopped {
        let start = app.options.keymap.fill("{start} starts it again.");
        vec!["The agent was stopped.".into(), start]
    } else if !app.connected || app.loading {
        vec![if app.connected { "Reading the list".into() } else { "Connecting".into() }]
    } else if !app.list.filter().text().is_empty() {
        vec!["Nothing matches.".into(), "Esc shows everything again.".into()]
    } else if app.list.len() > 0 {
        vec!["This collection is empty.".into(), format!("Press {add} to add a link to it, or paste one.")]
    } else {
        vec![
            format!("Press {add} to add a link, or paste one."),
            "Any text will do: a list, a page's source, Markdown, \"Copy as cURL\".".into(),
            "`haul demo` shows everything, with no network.".into(),
        ]
    };
    let top = area.y + area.height.saturating_sub(u16::try_from(lines.len()).unwrap_or(0)) / 3;
    for (at, told) in lines.into_iter().enumerate() {
        let y = top + u16::try_from(at).unwrap_or(0);
        let role = if at == 0 { Role::Text } else { Role::Dim };
        let told = text::cut_end(&told, usize::from(area.width), look.glyphs.ellipsis);
        let line = Line::styled(told, Style { bg: None, ..look.style(role) }).centered();
        if y < area.bottom() {
            frame.render_widget(Paragraph::new(line), Rect { y, height: 1, ..area });
        }
    }
}
