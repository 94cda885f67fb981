//! The keys that work now, most useful first; and above them what a person should read.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use crate::command::{Command, Facts};
use crate::config::theme::Role;
use crate::model::state::StateKind;
use crate::tui::app::App;
use crate::tui::hit::{Hit, Hits};
use crate::tui::layout::Pane;
use crate::tui::{text, words};

/// What is offered, most useful first.
fn offered(app: &App, facts: &Facts) -> Vec<Command> {
    use Command as C;
    let mut commands = Vec::new();
    match app.pane {
        Pane::Downloads => match facts.state {
            Some(StateKind::Failed) => commands.extend([C::Resume, C::NewLink, C::Remove]),
            Some(StateKind::Completed) => commands.extend([C::Open, C::OpenFolder, C::Remove]),
            Some(StateKind::Cancelled) => commands.extend([C::Resume, C::Remove]),
            Some(StateKind::Waiting) => commands.extend([C::Resume, C::Pause, C::NewLink, C::Cancel]),
            Some(_) => commands.extend([C::Pause, C::Cancel, C::Mode, C::Now]),
            None if facts.count > 0 => commands.extend([C::Pause, C::Resume, C::Cancel, C::Remove]),
            None => {}
        },
        Pane::Collections => {
            commands.extend([C::Enter, C::Edit, C::Pause, C::Remove, C::NewCollection]);
        }
        Pane::Library if facts.shelf.is_some_and(|shelf| shelf.file) => {
            commands.extend([C::Open, C::OpenFolder, C::Edit, C::Remove, C::Sort]);
        }
        Pane::Library => commands.extend([C::Enter, C::Left, C::Sort]),
        Pane::Log => commands.extend([C::Enter]),
    }
    commands.insert(0, C::Add);
    commands.insert(0, C::Start);
    if facts.undoable {
        commands.push(C::Undo);
    }
    commands.extend([C::Filter, C::NextNeed]);
    if app.pane == Pane::Downloads || app.pane == Pane::Library {
        commands.push(C::Copy);
    }
    commands.extend([C::Palette, C::Theme]);
    if app.pane == Pane::Downloads {
        commands.extend([C::Edit, C::Limit, C::Collection, C::Mark, C::Sort, C::NewMode]);
    }
    commands.retain(|command| command.why_not(facts).is_none());
    commands
}

/// Draws the line.
pub(crate) fn draw(app: &App, frame: &mut Frame<'_>, area: Rect, hits: &mut Hits) {
    let look = &app.look;
    let facts = app.facts();
    let plain = |role| Style { bg: None, ..look.style(role) };
    let width = |key: &str, what: &str| text::width(key) + 1 + text::width(what) + 2;
    let mut fixed = Vec::new();
    if app.overlay.is_some() {
        // It says itself which keys it takes.
        return;
    }
    if app.filtering.is_some() {
        return typing(app, frame, area);
    }
    for command in [Command::Help, Command::Quit] {
        if let Some(key) = app.options.keymap.shown(command) {
            fixed.push((key, command.short(&facts), command));
        }
    }
    let kept: usize = fixed.iter().map(|(key, what, _)| width(key, what)).sum();
    let mut room = usize::from(area.width).saturating_sub(kept + 1);
    let mut shown = Vec::new();
    for command in offered(app, &facts) {
        let Some(key) = app.options.keymap.shown(command) else { continue };
        let what = command.short(&facts);
        let needed = width(&key, what);
        if needed <= room {
            room -= needed;
            shown.push((key, what, command));
        }
    }
    let help = fixed.remove(0);
    shown.push(help);
    let mut x = area.x + 1;
    let draw = |frame: &mut Frame<'_>,
                hits: &mut Hits,
                x: &mut u16,
                (key, what, command): &(String, &str, Command)| {
        let columns = u16::try_from(width(key, what) - 2).unwrap_or(0).min(area.right().saturating_sub(*x));
        let place = Rect { x: *x, width: columns, ..area };
        let line = Line::from(vec![
            Span::styled(key.clone(), plain(Role::Key)),
            Span::raw(" "),
            Span::styled((*what).to_owned(), plain(Role::Hint)),
        ]);
        frame.render_widget(Paragraph::new(line), place);
        hits.add(place, Hit::Command(*command));
        *x = (*x + columns + 2).min(area.right());
    };
    for hint in &shown {
        draw(frame, hits, &mut x, hint);
    }
    if let Some(quit) = fixed.first() {
        let columns = u16::try_from(width(&quit.0, quit.1) - 2).unwrap_or(0);
        let mut x = area.right().saturating_sub(columns + 1).max(x);
        draw(frame, hits, &mut x, quit);
    }
}

/// What works while a filter is typed.
fn typing(app: &App, frame: &mut Frame<'_>, area: Rect) {
    let plain = |role| Style { bg: None, ..app.look.style(role) };
    let hints = [("Enter", "keeps it"), ("Esc", "shows all")];
    let hint = |(key, what): &(&'static str, &'static str)| {
        [
            Span::raw(" "),
            Span::styled(*key, plain(Role::Key)),
            Span::styled(format!(" {what} "), plain(Role::Hint)),
        ]
    };
    frame.render_widget(Paragraph::new(Line::from(hints.iter().flat_map(hint).collect::<Vec<_>>())), area);
}

/// Draws the line above: the filter, the newest failure, or what happened since.
pub(crate) fn notice(app: &App, frame: &mut Frame<'_>, area: Rect, hits: &mut Hits) {
    let look = &app.look;
    let plain = |role| Style { bg: None, ..look.style(role) };
    let columns = usize::from(area.width);
    let said = |frame: &mut Frame<'_>, told: &str, role: Role, key: &str, what: &str| {
        let hint = if key.is_empty() { String::new() } else { format!("{key} {what} ") };
        let room = columns.saturating_sub(text::width(&hint) + 3);
        let line = Line::from(vec![
            Span::raw(" "),
            Span::styled(
                text::fit(&text::cut_end(told, room, look.glyphs.ellipsis), room, look.glyphs.ellipsis),
                plain(role),
            ),
            Span::raw("  "),
            Span::styled(key.to_owned(), plain(Role::Key)),
            Span::styled(format!(" {what}"), plain(Role::Hint)),
        ]);
        frame.render_widget(Paragraph::new(line), area);
    };
    let filter = app.list.filter();
    if let Some(input) = &app.filtering {
        let problem = app.filter_problem.as_deref();
        let told = problem.unwrap_or("words, state:failed, host:name, mode:rt, >1GB");
        let typed = (text::width(input.value()) + 2).max(columns / 4).min(columns / 2);
        let role = if problem.is_some() { Role::Warning } else { Role::Dim };
        let line = Line::from(vec![
            Span::styled(" /", plain(Role::Key)),
            Span::styled(text::fit(input.value(), typed, look.glyphs.ellipsis), look.style(Role::Input)),
            Span::styled(
                format!("  {}", text::cut_end(told, columns.saturating_sub(typed + 5), look.glyphs.ellipsis)),
                plain(role),
            ),
        ]);
        frame.render_widget(Paragraph::new(line), area);
        let column = u16::try_from(input.visual_cursor().min(typed)).unwrap_or(0);
        frame.set_cursor_position(Position::new(area.x + 2 + column, area.y));
    } else if !filter.text().is_empty() {
        said(frame, &format!("filter: {}", filter.text()), Role::Accent, "Esc", "shows all");
        hits.add(area, Hit::Command(Command::Filter));
    } else if let Some(page) = app.asking.first() {
        let key = app.options.keymap.shown(Command::Pages).unwrap_or_default();
        said(frame, &words::asks(page), Role::Warning, &key, "answers");
        hits.add(area, Hit::Command(Command::Pages));
    } else if !app.options.tip.is_empty() {
        said(frame, &app.options.tip, Role::Accent, "Esc", "hides");
    } else if let Some(notice) = &app.notice {
        let key = app.options.keymap.shown(Command::NextNeed).unwrap_or_default();
        said(frame, &notice.text, Role::Failed, &key, "goes there");
        hits.add(area, Hit::Command(Command::NextNeed));
    } else if app.shows_since() {
        let from = app.since.from.map(|from| format!("since {}: ", look.time(from))).unwrap_or_default();
        let key = app.options.keymap.shown(Command::PaneLog).unwrap_or_default();
        said(frame, &format!("{from}{}", app.since.text()), Role::Text, &key, "shows");
        hits.add(area, Hit::Command(Command::Since));
    }
}
