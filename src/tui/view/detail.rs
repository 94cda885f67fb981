//! Everything that matters of the download under the cursor: where it comes from, which parts of it are here, how fast it is, how safe.

use std::collections::VecDeque;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::{bar, graph, pane};
use crate::config::theme::Role;
use crate::model::item::{Mode, Priority};
use crate::model::range::ByteRange;
use crate::model::state::StateKind;
use crate::model::units::{ByteCount, ByteRate};
use crate::model::view::{DownloadDetail, DownloadRow};
use crate::model::way::Way;
use crate::tui::app::App;
use crate::tui::{text, words};

/// Columns of the labels.
const LABEL: usize = 8;
/// Columns in which the map of a file shows anything.
const LEAST_MAP: usize = 12;
/// So many lines has a running download without what is seen of its line.
const USUAL: usize = 13;

/// Draws the pane.
pub(crate) fn draw(app: &App, frame: &mut Frame<'_>, area: Rect) {
    let (title, right) = match (app.cursor_row(), app.cursor_cause()) {
        (Some(row), _) => (row.name.clone(), format!("number {}", row.id)),
        (None, Some((_, host))) => (host, String::new()),
        _ => ("Details".into(), String::new()),
    };
    let inner = pane::open(app, frame, area, None, &title, &right);
    let inner = Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner };
    let columns = usize::from(inner.width);
    let rows = usize::from(inner.height);
    let lines = match app.cursor_row() {
        Some(row) => {
            let detail = app.detail.as_deref().filter(|detail| detail.row.id == row.id);
            if rows < 8 {
                short(app, row, detail, columns, rows)
            } else {
                long(app, row, detail, columns, rows)
            }
        }
        None => group(app, columns),
    };
    let fill = app.look.style(Role::Text);
    frame.render_widget(
        Paragraph::new(lines.into_iter().take(rows).collect::<Vec<_>>()).style(Style { bg: None, ..fill }),
        inner,
    );
}

/// All lines, for the dialog.
pub(crate) fn whole(app: &App, columns: usize) -> Vec<Line<'static>> {
    let Some(row) = app.cursor_row() else { return group(app, columns) };
    let detail = app.detail.as_deref().filter(|detail| detail.row.id == row.id);
    let mut lines = long(app, row, detail, columns, usize::MAX);
    if let Some(detail) = detail
        && !detail.events.is_empty()
    {
        lines.push(Line::raw(""));
        for event in detail.events.iter().rev() {
            let at = app.look.moment(event.at, app.now);
            let room = columns.saturating_sub(text::width(&at) + 2);
            for (first, piece) in text::wrap(&event.text, room).into_iter().enumerate() {
                let lead = if first == 0 { format!("{at}  ") } else { " ".repeat(text::width(&at) + 2) };
                lines.push(Line::from(vec![
                    Span::styled(lead, plain(app, Role::Dim)),
                    Span::styled(piece, plain(app, Role::Text)),
                ]));
            }
        }
    }
    lines
}

fn plain(app: &App, role: Role) -> Style {
    Style { bg: None, ..app.look.style(role) }
}

fn labelled(app: &App, label: &str, mut rest: Vec<Span<'static>>) -> Line<'static> {
    let mut spans = vec![Span::styled(text::fit(label, LABEL, ""), plain(app, Role::Dim))];
    spans.append(&mut rest);
    Line::from(spans)
}

fn said(app: &App, label: &str, value: &str, columns: usize, role: Role) -> Line<'static> {
    let value = text::cut_middle(value, columns.saturating_sub(LABEL), app.look.glyphs.ellipsis);
    labelled(app, label, vec![Span::styled(value, plain(app, role))])
}

/// The parts of the file, with how much is here.
fn parts(
    app: &App,
    row: &DownloadRow,
    detail: Option<&DownloadDetail>,
    columns: usize,
) -> Vec<Span<'static>> {
    let running = row.state.kind().is_running();
    let count = detail.map_or(0, |detail| detail.segments.len());
    let far = match row.size {
        Some(size) if row.state.kind() == StateKind::Completed => format!("{}, whole", ByteCount(size)),
        Some(size) => format!("{} of {}", ByteCount(row.covered), ByteCount(size)),
        None => format!("{}, size unknown", ByteCount(row.covered)),
    };
    let connections = match count {
        0 => String::new(),
        1 => "  1 connection".into(),
        count => format!("  {count} connections"),
    };
    let Some(size) = row.size.filter(|size| *size > 0) else {
        return vec![Span::styled(far, plain(app, Role::Text))];
    };
    let whole = [ByteRange::new(0, size)];
    let fallback: Vec<ByteRange> = ByteRange::new(0, row.covered).into_iter().collect();
    let (coverage, segments): (Vec<ByteRange>, &[ByteRange]) = match detail {
        _ if row.state.kind() == StateKind::Completed => (whole.into_iter().flatten().collect(), &[]),
        // The safe bytes lag behind by a moment; what is ahead of them lies where the connections are.
        Some(detail) => (live(detail, row.covered), &detail.segments),
        None => (fallback, &[]),
    };
    // What has no room beside a map that still shows something is left out.
    let here = ByteCount(row.covered).to_string();
    let told = [format!("  {far}{connections}"), format!("  {far}"), format!("  {here}"), String::new()];
    let fits = |told: &&String| text::width(told) + LEAST_MAP <= columns;
    let told = told.iter().find(fits).cloned().unwrap_or_default();
    let room = columns.saturating_sub(text::width(&told));
    let mut spans = bar::map(size, &coverage, segments, room, running, &app.look);
    spans.push(Span::styled(told, plain(app, Role::Text)));
    spans
}

/// What is safe, and what came since: just before each connection's place.
fn live(detail: &DownloadDetail, covered: u64) -> Vec<ByteRange> {
    let safe: u64 = detail.coverage.iter().map(|range| range.len()).sum();
    let mut ahead = covered.saturating_sub(safe);
    let mut ranges: Vec<ByteRange> = detail.coverage.clone();
    for segment in &detail.segments {
        let before = detail
            .coverage
            .iter()
            .map(|range| range.end())
            .filter(|end| *end <= segment.start())
            .max()
            .unwrap_or(0);
        let gap = segment.start() - before;
        let filled = gap.min(ahead);
        if let Some(range) = ByteRange::new(segment.start() - filled, segment.start()) {
            ranges.push(range);
            ahead -= filled;
        }
    }
    if detail.segments.is_empty()
        && ahead > 0
        && let Some(range) = ByteRange::new(safe, safe + ahead)
    {
        ranges.push(range);
    }
    let coverage: crate::model::coverage::Coverage = ranges.into_iter().collect();
    coverage.ranges().collect()
}

/// A few lines, for the small screen.
fn short(
    app: &App,
    row: &DownloadRow,
    detail: Option<&DownloadDetail>,
    columns: usize,
    rows: usize,
) -> Vec<Line<'static>> {
    let glyphs = &app.look.glyphs;
    let mut lines = vec![Line::from(parts(app, row, detail, columns))];
    // What people should read comes before where it comes from and what is known of it.
    lines.extend(state_lines(app, row, columns, rows.saturating_sub(1).max(2)));
    let (host, remote) = detail.map(elsewhere).unwrap_or_default();
    let host = host.unwrap_or_else(|| row.host.clone());
    let from = [Some(host), remote].into_iter().flatten().collect::<Vec<_>>().join("  ");
    let track = app.tracks.get(&row.id);
    let graph_room = 20.min(columns / 3);
    let mut spans = vec![Span::styled(
        text::fit(&from, columns.saturating_sub(graph_room + 2), glyphs.ellipsis),
        plain(app, Role::Link),
    )];
    if let Some(track) = track {
        spans.push(Span::raw("  "));
        spans.push(graph::spark(track, graph_room, &app.look));
    }
    lines.push(Line::from(spans));
    if let Some(detail) = detail {
        let safe = safety(app, row, detail);
        // A moment needs to be told what it is of; the sentences speak for themselves.
        let is_moment = row.state.kind() != StateKind::Completed && row.mode != Mode::RealTime;
        let safe = safe.map(|safe| if is_moment { format!("safe {safe}") } else { safe });
        let facts = [safe, Some(mode_words(row).to_owned()), validators(detail)];
        let told = facts.into_iter().flatten().collect::<Vec<_>>().join(&format!(" {} ", glyphs.dot));
        let room = rows.saturating_sub(lines.len()).max(1);
        let mut told: Vec<_> = text::wrap(&told, columns).into_iter().map(|told| (told, Role::Dim)).collect();
        if told.len() > room {
            told.truncate(room);
            shorten(&mut told, columns, glyphs.ellipsis);
        }
        lines.extend(told.into_iter().map(|(told, role)| Line::styled(told, plain(app, role))));
    }
    lines
}

/// The state in a whole sentence, and the way out: in one line where that has room, else in at most so many.
fn state_lines(app: &App, row: &DownloadRow, columns: usize, most: usize) -> Vec<Line<'static>> {
    let (sentence, hint) =
        words::sentence(row, app.held(row), &app.totals.ways.unwrap_or_default(), app.now, &app.look);
    let hint = app.options.keymap.fill(&hint);
    let kind = row.state.kind();
    let role = match kind {
        StateKind::Failed => Role::Failed,
        StateKind::Waiting => Role::Waiting,
        _ => Role::Text,
    };
    let sentence = match (kind, words::speed(row.speed), app.quiet_for(row)) {
        (StateKind::Downloading, speed, _) if !speed.is_empty() => format!("{speed}, {sentence}"),
        (_, _, Some(quiet)) => format!("no data for {}", words::span(quiet)),
        _ => sentence,
    };
    let glyphs = &app.look.glyphs;
    let (sentence, hint) = (glyphs.plain(&sentence), glyphs.plain(&hint));
    let styled = |told: String, role: Role| Span::styled(told, plain(app, role));
    if hint.is_empty() && text::width(&sentence) <= columns {
        return vec![Line::from(styled(sentence, role))];
    }
    if text::width(&sentence) + 2 + text::width(&hint) <= columns {
        return vec![Line::from(vec![styled(sentence, role), styled(format!("  {hint}"), Role::Hint)])];
    }
    let pieces = |told: &str, role: Role| {
        let pieces = if told.is_empty() { Vec::new() } else { text::wrap(told, columns) };
        pieces.into_iter().map(move |piece| (piece, role)).collect::<Vec<_>>()
    };
    let mut all = pieces(&sentence, role);
    let way_out = pieces(&hint, Role::Hint);
    if all.len() + way_out.len() > most {
        // The way out keeps a line of its own: of both only the ends are left out.
        let room = most.saturating_sub(1).max(1);
        if all.len() > room {
            all.truncate(room);
            shorten(&mut all, columns, glyphs.ellipsis);
        }
    }
    let left = most.saturating_sub(all.len());
    let is_cut = way_out.len() > left;
    let mut way_out: Vec<_> = way_out.into_iter().take(left).collect();
    if is_cut {
        shorten(&mut way_out, columns, glyphs.ellipsis);
    }
    all.append(&mut way_out);
    all.into_iter().map(|(piece, role)| Line::from(styled(piece, role))).collect()
}

/// Shows that something was left out after the last line.
fn shorten(lines: &mut [(String, Role)], columns: usize, ellipsis: &str) {
    if let Some((last, _)) = lines.last_mut() {
        *last = text::cut_end(&format!("{last} {}", "x".repeat(columns)), columns, ellipsis);
    }
}

fn long(
    app: &App,
    row: &DownloadRow,
    detail: Option<&DownloadDetail>,
    columns: usize,
    rows: usize,
) -> Vec<Line<'static>> {
    let glyphs = &app.look.glyphs;
    let value = columns.saturating_sub(LABEL);
    let most = if rows >= 12 { 3 } else { 2 };
    let most = if rows == usize::MAX { usize::MAX } else { most };
    let mut lines: Vec<_> = state_lines(app, row, value, most)
        .into_iter()
        .enumerate()
        .map(|(at, line)| labelled(app, if at == 0 { "state" } else { "" }, line.spans))
        .collect();
    lines.push(labelled(app, "parts", parts(app, row, detail, value)));
    let tall = if rows >= 15 { 3 } else { 2 };
    if row.state.kind().is_running() {
        let none = VecDeque::new();
        let track = app.tracks.get(&row.id).unwrap_or(&none);
        let peak = track.iter().copied().max().unwrap_or(0);
        let told = if peak > 0 { format!("  peak {}", ByteRate(peak)) } else { String::new() };
        let room = value.saturating_sub(text::width(&told));
        let drawn = graph::graph(track, room, tall, &app.look);
        for (at, line) in drawn.into_iter().enumerate() {
            let mut spans = line.spans;
            if at + 1 == tall {
                spans.push(Span::styled(told.clone(), plain(app, Role::Dim)));
            }
            lines.push(labelled(app, if at == 0 { "speed" } else { "" }, spans));
        }
    }
    let Some(detail) = detail else {
        lines.push(said(app, "from", &row.host, columns, Role::Link));
        return lines;
    };
    lines.push(said(app, "from", &detail.source_url, columns, Role::Link));
    let (host, remote) = elsewhere(detail);
    let told = [host, remote].into_iter().flatten().collect::<Vec<_>>().join("  ");
    if !told.is_empty() {
        lines.push(said(app, "", &format!("{} {told}", glyphs.arrow), columns, Role::Text));
    }
    lines.push(said(app, "to", &app.shown_path(&detail.path), columns, Role::Text));
    if let Some(info) = info_line(app, detail) {
        lines.push(said(app, "item", &info, columns, Role::Text));
    }
    let safe = [safety(app, row, detail), validators(detail), checksum(row, detail)];
    let safe = safe.into_iter().flatten().collect::<Vec<_>>().join("  ");
    if !safe.is_empty() {
        lines.push(said(app, "safe", &safe, columns, Role::Text));
    }
    lines.push(said(app, "mode", &mode_line(app, row, detail), columns, Role::Text));
    if let Some(leave) = detail.leave.filter(|_| !row.state.kind().is_ended()) {
        let told = leave.said(Way::of(row.mode, row.priority), |at| app.look.until(at, app.now));
        lines.push(said(app, "plan", &told, columns, Role::Text));
    }
    if let Some(politeness) = &detail.politeness {
        lines.push(said(app, "line", &politeness.doing, columns, Role::Text));
        // Where there is room: what is seen, and the last minute of it.
        let mut seen: Vec<_> = politeness
            .facts()
            .into_iter()
            .map(|(label, told)| said(app, label, &told, columns, Role::Text))
            .collect();
        for (label, values, full) in politeness.graphs() {
            let drawn = graph::spark_of(&values.into_iter().collect(), full, value, &app.look);
            seen.push(labelled(app, label, vec![drawn]));
        }
        seen.extend(politeness.missing.iter().map(|told| said(app, "unseen", told, columns, Role::Dim)));
        seen.truncate(rows.saturating_sub(USUAL));
        lines.extend(seen);
    }
    let mut tries = vec![format!("added {}", words::ago(app.now.since(row.added)))];
    if detail.attempts > 0 {
        tries.insert(0, format!("{} without a byte", detail.attempts));
    }
    if detail.received > 0 {
        tries.push(format!("{} received this time", ByteCount(detail.received)));
    }
    lines.push(said(app, "tries", &tries.join("  "), columns, Role::Dim));
    // Where all that happened follows, the last of it needs no line of its own.
    let with_last = rows < usize::MAX;
    for (label, told) in notes(app, row, detail, with_last) {
        lines.push(said(app, label, &told, columns, Role::Dim));
    }
    lines
}

fn notes(
    app: &App,
    row: &DownloadRow,
    detail: &DownloadDetail,
    with_last: bool,
) -> Vec<(&'static str, String)> {
    let mut notes = Vec::new();
    if row.joined_on_samples {
        notes.push((
            "note",
            "old and new bytes were joined after samples of the old ones were fetched again and found equal"
                .into(),
        ));
    }
    for old in &detail.set_aside {
        notes.push(("note", format!("an older version is set aside as {}", app.shown_path(old))));
    }
    if let Some(proxy) = &detail.proxy {
        notes.push(("proxy", proxy.clone()));
    }
    if let Some(interface) = &detail.interface {
        notes.push(("line", format!("bound to {interface}")));
    }
    if let Some(event) = detail.events.last().filter(|_| with_last) {
        notes.push(("last", format!("{}  {}", app.look.moment(event.at, app.now), event.text)));
    }
    notes
}

/// The host that the bytes come from, where that is not the link's own, and the address. Behind a proxy the address is the proxy's,
/// which has its own line.
fn elsewhere(detail: &DownloadDetail) -> (Option<String>, Option<String>) {
    let host = detail.final_url.as_deref().map(|url| {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        rest.split('/').next().unwrap_or(rest).to_owned()
    });
    let name = |host: &str| host.rsplit_once(':').map_or(host, |(name, _)| name).to_owned();
    let host = host.filter(|host| name(host) != detail.row.host);
    (host, detail.remote.clone().filter(|_| detail.proxy.is_none()))
}

fn info_line(app: &App, detail: &DownloadDetail) -> Option<String> {
    let get = |name: &str| detail.info.get(name).filter(|value| !value.is_empty()).cloned();
    let mut parts: Vec<String> = ["AlbumArtist", "Artist", "Album", "TrackNumber", "Title", "Duration"]
        .iter()
        .filter_map(|name| get(name))
        .collect();
    parts.dedup();
    for name in ["Distributor", "Provider"] {
        if let Some(value) = get(name) {
            parts.push(format!("{} {value}", name.to_lowercase()));
        }
    }
    let known =
        ["AlbumArtist", "Artist", "Album", "TrackNumber", "Title", "Duration", "Distributor", "Provider"];
    parts.extend(
        detail
            .info
            .iter()
            .filter(|(name, _)| !known.contains(&name.as_str()))
            .map(|(name, value)| format!("{name}: {value}")),
    );
    (!parts.is_empty()).then(|| parts.join(&format!(" {} ", app.look.glyphs.dot)))
}

fn safety(app: &App, row: &DownloadRow, detail: &DownloadDetail) -> Option<String> {
    if row.state.kind() == StateKind::Completed {
        return Some("under its own name, and on the disk".into());
    }
    if row.mode == Mode::RealTime {
        return Some("real time: nothing is kept if you quit".into());
    }
    let at = detail.checkpointed?;
    let ago = app.now.since(at);
    let ago = if ago.as_secs() < 10 { format!("{:.1} s ago", ago.as_secs_f64()) } else { words::ago(ago) };
    Some(format!("{ago}, {}", ByteCount(detail.safe)))
}

fn validators(detail: &DownloadDetail) -> Option<String> {
    let tag = detail.etag.as_ref().map(|tag| format!("ETag {tag}"));
    tag.or_else(|| detail.last_modified.map(|_| "Last-Modified known".into()))
}

fn checksum(row: &DownloadRow, detail: &DownloadDetail) -> Option<String> {
    let sum = detail.checksum.as_ref()?;
    let name = sum.split(':').next().unwrap_or("checksum").to_uppercase();
    Some(match row.state.kind() {
        StateKind::Completed => format!("{name} compared"),
        _ => format!("{name} known, compared at the end"),
    })
}

fn mode_words(row: &DownloadRow) -> &'static str {
    match (row.mode, row.priority) {
        (Mode::RealTime, _) => "real time",
        (_, Priority::Now) => "background, full speed",
        (_, Priority::High) => "background, high",
        (_, Priority::Normal) => "background, steps aside",
        (_, Priority::Low) => "background, low",
    }
}

fn mode_line(app: &App, row: &DownloadRow, detail: &DownloadDetail) -> String {
    let mut parts = vec![mode_words(row).to_owned()];
    let own = detail.limit.map(|limit| (limit, ByteRate(limit).to_string()));
    let shared = detail.shared_limits.first().map(|limit| (limit.rate, limit.to_string()));
    // The lowest one is what it can feel.
    if let Some((_, told)) = own.into_iter().chain(shared).min_by_key(|(rate, _)| *rate) {
        parts.push(format!("at most {told}"));
    }
    if let Some(connections) = detail.connections {
        parts.push(if connections == 1 {
            "1 connection".into()
        } else {
            format!("at most {connections} connections")
        });
    }
    let name = app.collection_name(row.collection);
    if !name.is_empty() {
        parts.push(format!("in {name}"));
    }
    parts.join("  ")
}

fn group(app: &App, columns: usize) -> Vec<Line<'static>> {
    let Some(crate::tui::list::Line::Group(group)) = app.list.line(app.cursor.at) else {
        return Vec::new();
    };
    let mut lines: Vec<Line<'static>> = text::wrap(&group.text, columns)
        .into_iter()
        .map(|line| Line::styled(line, plain(app, Role::Failed)))
        .collect();
    let told = format!(
        "{} say the same. {{enter}} shows them, {{resume}} tries all again, {{remove}} removes them.",
        words::downloads(group.count)
    );
    let told = app.options.keymap.fill(&told);
    lines.extend(
        text::wrap(&told, columns).into_iter().map(|line| Line::styled(line, plain(app, Role::Text))),
    );
    lines
}
