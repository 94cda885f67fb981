//! The line on top: what runs, waits and failed, what is left and when it is done, how fast it is; and the panes' names below it where
//! only one is shown.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::graph;
use crate::config::theme::Role;
use crate::model::item::Mode;
use crate::model::policy::{Cause, Policy};
use crate::model::state::StateKind;
use crate::model::time::UnixMs;
use crate::model::units::{ByteCount, ByteRate};
use crate::tui::app::App;
use crate::tui::hit::{Hit, Hits};
use crate::tui::layout::Pane;
use crate::tui::look::role_of;
use crate::tui::{text, words};

/// The fewest columns in which a graph says anything.
const LEAST_SPARK: usize = 6;

/// Draws the line on top. What there is no room for is left out, least useful first.
pub(crate) fn draw(app: &App, frame: &mut Frame<'_>, area: Rect) {
    let wide = area.width >= 110;
    let width = usize::from(area.width);
    let mut left = vec![Span::styled(" haul ", style(app, Role::Title)), Span::raw(" ")];
    left.extend(counts(app, wide));
    let mut right = Vec::new();
    let chip = chip(app);
    let rate = speed(app);
    let mode = mode(app, wide);
    let rest = rest(app);
    let used = |spans: &[Span<'_>]| spans.iter().map(Span::width).sum::<usize>();
    let mut room = width.saturating_sub(used(&left) + used(&chip));
    if used(&rate) <= room {
        room -= used(&rate);
        right.extend(rate);
    }
    let plan = plan(app, room);
    room -= used(&plan);
    left.extend(plan);
    if let Some(rest) = rest.into_iter().find(|rest| rest.width() + 2 <= room) {
        room -= rest.width() + 2;
        left.push(Span::raw("  "));
        left.push(rest);
    }
    let mut before = Vec::new();
    // Where there is room for both, the graph leaves some for the mode.
    let most = if wide { 16 } else { 8 };
    let columns = [most, LEAST_SPARK].into_iter().find(|columns| columns + 1 + used(&mode) <= room);
    // Where there is not, the mode is worth more.
    let alone = if mode.is_empty() || used(&mode) > room { room.saturating_sub(1).min(most) } else { 0 };
    let columns = columns.unwrap_or(alone);
    let spark = spark(app, columns);
    room = room.saturating_sub(used(&spark));
    right.extend(spark);
    if used(&mode) <= room {
        before.extend(mode);
    }
    before.extend(right);
    before.extend(chip);
    let gap = width.saturating_sub(used(&left) + used(&before));
    left.push(Span::raw(" ".repeat(gap)));
    left.extend(before);
    frame.render_widget(Paragraph::new(Line::from(left)), area);
}

fn style(app: &App, role: Role) -> Style {
    Style { bg: None, ..app.look.style(role) }
}

fn counts(app: &App, wide: bool) -> Vec<Span<'static>> {
    let count = |kind: StateKind| app.totals.counts.get(&kind).copied().unwrap_or(0);
    let running: u64 = StateKind::ALL.iter().filter(|kind| kind.is_running()).map(|kind| count(*kind)).sum();
    let mut spans = Vec::new();
    for (kind, number, word) in [
        (StateKind::Downloading, running, "running"),
        (StateKind::Waiting, count(StateKind::Waiting), "waiting"),
        (StateKind::Queued, count(StateKind::Queued), "queued"),
        (StateKind::Paused, count(StateKind::Paused), "paused"),
        (StateKind::Failed, count(StateKind::Failed), "failed"),
    ] {
        if number == 0 {
            continue;
        }
        let number = words::thousands(usize::try_from(number).unwrap_or(usize::MAX));
        let told = if wide {
            format!(" {number} {word} ")
        } else {
            format!(" {} {number} ", app.look.glyphs.state(kind, Mode::Background))
        };
        spans.push(Span::styled(told, style(app, role_of(kind))));
    }
    if spans.is_empty() {
        let done = count(StateKind::Completed);
        let told = match (app.loading, done) {
            (true, _) => " reading the list".to_owned(),
            (_, 0) => " nothing to do".to_owned(),
            (_, done) => {
                format!(" all {} done", words::thousands(usize::try_from(done).unwrap_or(usize::MAX)))
            }
        };
        spans.push(Span::styled(told, style(app, Role::Dim)));
    }
    spans
}

/// What background downloads may do now, until when, and what then: as much of it as there is room for.
fn plan(app: &App, room: usize) -> Vec<Span<'static>> {
    // What steps aside is what it is mostly about; where that is free, another way may not be.
    let ways = app.totals.ways.unwrap_or_default();
    let others = [("now: ", ways.now), ("real time: ", ways.real_time)];
    let told = [("", ways.background)].into_iter().chain(others).find(|(_, leave)| !leave.is_plain());
    let Some((whose, leave)) = told else { return Vec::new() };
    let word = |policy: Policy| match policy {
        Policy::Run if whose.is_empty() => "steps aside".to_owned(),
        Policy::Run => "full speed".to_owned(),
        Policy::Limit(rate) => format!("at most {}", ByteRate(rate)),
        Policy::Hold => "hold".to_owned(),
    };
    let (now, role) = match (leave.policy, leave.cause) {
        (Policy::Hold, Some(Cause::Person) | None) => ("held".to_owned(), Role::Warning),
        (policy, Some(Cause::Metered)) => (format!("{}, metered line", word(policy)), Role::Warning),
        (policy, Some(Cause::Battery { percent: Some(percent) })) => {
            (format!("{}, battery {percent} %", word(policy)), Role::Warning)
        }
        (policy, Some(Cause::Budget { .. })) => (format!("{}, budget used up", word(policy)), Role::Warning),
        (Policy::Hold, _) => ("hold".to_owned(), Role::Warning),
        (policy, _) => (word(policy), Role::Dim),
    };
    let now = format!("{whose}{now}");
    let until = leave.until.map(|until| format!("{now} until {}", app.look.until(until, app.now)));
    let whole =
        until.as_ref().zip(leave.comes()).map(|(until, then)| format!("{until}, then {}", word(then)));
    // What holds is told before what is to come.
    let short = Some(now).filter(|_| leave.policy != Policy::Run || leave.cause.is_some());
    let told = [whole, until, short].into_iter().flatten().find(|told| text::width(told) + 2 <= room);
    told.map(|told| vec![Span::styled(format!("  {told}"), style(app, role))]).unwrap_or_default()
}

/// How much is here and when the rest will be: whole, and shorter for where there is less room.
fn rest(app: &App) -> Vec<Span<'static>> {
    let totals = &app.totals;
    let dim = |told: String| Span::styled(told, style(app, Role::Dim));
    if totals.unknown > 0 {
        // Neither the whole nor its end can be told.
        let here = ByteCount(totals.here).to_string();
        let unknown = words::thousands(usize::try_from(totals.unknown).unwrap_or(usize::MAX));
        let unknown = format!("{unknown} of unknown size");
        let told = if totals.here > 0 { vec![format!("{here}, {unknown}"), here] } else { vec![unknown] };
        return told.into_iter().map(dim).collect();
    }
    if totals.size == 0 || totals.left == 0 {
        return Vec::new();
    }
    let (here, all) =
        (ByteCount(totals.size.saturating_sub(totals.left)).to_string(), ByteCount(totals.size).to_string());
    // `2.1 of 9.4 GB`: the unit is said once where it is the same.
    let here = match (here.split_once(' '), all.split_once(' ')) {
        (Some((number, unit)), Some((_, same))) if unit == same => number.to_owned(),
        _ => here,
    };
    let far = format!("{here} of {all}");
    let when = totals.eta_secs.filter(|secs| *secs < 30 * 86_400).map(|secs| {
        let at = UnixMs(app.now.0.saturating_add(i64::try_from(secs).unwrap_or(0).saturating_mul(1000)));
        if secs < 20 * 3600 {
            app.look.time(at)
        } else {
            format!("in {}", words::span(std::time::Duration::from_secs(secs)))
        }
    });
    let told = match when {
        Some(when) => vec![format!("{far}, done {when}"), far, format!("done {when}")],
        None => vec![far],
    };
    told.into_iter().map(dim).collect()
}

fn speed(app: &App) -> Vec<Span<'static>> {
    let rate = if app.connected { words::speed(app.totals.speed) } else { String::new() };
    if rate.is_empty() {
        return Vec::new();
    }
    let told = format!("  {} {} ", app.look.glyphs.down, text::fit_right(&rate, 9, ""));
    vec![Span::styled(told, style(app, Role::Accent))]
}

fn spark(app: &App, columns: usize) -> Vec<Span<'static>> {
    if !app.connected || app.totals.speed == 0 || columns < LEAST_SPARK {
        return Vec::new();
    }
    let spark = graph::spark(&app.speeds, columns, &app.look);
    let lead = columns.saturating_sub(spark.width());
    vec![Span::raw(" ".repeat(lead)), spark, Span::raw(" ")]
}

fn mode(app: &App, wide: bool) -> Vec<Span<'static>> {
    let word = match (app.new_mode, wide) {
        (Mode::Background, true) => "  new: background",
        (Mode::RealTime, true) => "  new: real time",
        // The ordinary one needs no room where there is little.
        (Mode::Background, false) => return Vec::new(),
        (Mode::RealTime, false) => "  new: rt",
    };
    let role = if app.new_mode == Mode::RealTime { Role::Warning } else { Role::Dim };
    vec![Span::styled(word, style(app, role))]
}

fn chip(app: &App) -> Vec<Span<'static>> {
    let glyphs = &app.look.glyphs;
    let place = &app.options.place;
    if app.connected {
        let told = if place.is_empty() {
            format!(" {} ", glyphs.online)
        } else {
            format!(" {} {place} ", glyphs.online)
        };
        vec![Span::styled(told, style(app, Role::Success))]
    } else {
        let told = match app.stopped {
            true => "stopped",
            false if app.loading && app.list.len() == 0 => "connecting",
            false => "reconnecting",
        };
        vec![Span::styled(format!(" {} {told} ", glyphs.offline), style(app, Role::Warning))]
    }
}

/// Draws the panes' names.
pub(crate) fn tabs(app: &App, frame: &mut Frame<'_>, area: Rect, hits: &mut Hits) {
    let mut spans = Vec::new();
    let mut x = area.x;
    let short = area.width < 60;
    for pane in Pane::ALL {
        let here = pane == app.pane;
        let name = if short && !here {
            pane.number().to_string()
        } else {
            format!("{} {}", pane.number(), pane.title())
        };
        let told = if here { format!("[{name}]") } else { format!(" {name} ") };
        let width = u16::try_from(text::width(&told)).unwrap_or(0);
        hits.add(Rect { x, width, ..area }, Hit::Pane(pane));
        x += width;
        spans.push(Span::styled(told, style(app, if here { Role::Title } else { Role::Dim })));
    }
    let shown = shown(app);
    let used: usize = spans.iter().map(Span::width).sum();
    let gap = usize::from(area.width).saturating_sub(used + text::width(&shown) + 1);
    if gap > 0 {
        spans.push(Span::raw(" ".repeat(gap)));
        spans.push(Span::styled(shown, style(app, Role::Dim)));
    }
    frame.render_widget(Paragraph::new(Line::from(spans)), area);
}

/// `default  9 of 9`
pub(crate) fn shown(app: &App) -> String {
    let name = app.cursor_collection().map_or("all", |row| row.name.as_str());
    let (shown, all) = (app.list.shown_downloads(), app.list.len());
    format!(
        "{}  {} of {}",
        text::cut_end(name, 20, app.look.glyphs.ellipsis),
        words::thousands(shown),
        words::thousands(all)
    )
}
