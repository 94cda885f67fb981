//! Every setting: what holds, where that comes from, and a change of it that is looked at, kept and true at once.

use crokey::KeyCombination;
use crokey::crossterm::event::KeyCode;
use frizbee::{Config, Matcher};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use tui_input::Input;

use super::Overlay;
use super::dialog;
use super::pick::Pick;
use crate::command::Command;
use crate::config::theme::{Depth, Role};
use crate::config::{Effective, Origin, as_typed};
use crate::tui::app::App;
use crate::tui::effect::Effect;
use crate::tui::hit::{Hit, Hits};
use crate::tui::keep::Change;
use crate::tui::{text, typed};

/// Lines that one key scrolls.
const PAGE: usize = 10;

/// The list, and what of it is changed.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    /// Nothing until it was read.
    all: Option<Vec<Effective>>,
    input: Input,
    at: usize,
    /// The new value of the one under the cursor, while it is typed.
    editing: Option<Input>,
    wrong: Option<String>,
}

impl Settings {
    /// Takes in the list.
    pub(crate) fn put(&mut self, mut all: Vec<Effective>) {
        // Of these there is one for each command, and help shows them too.
        all.sort_by_key(|one| one.section == "keys");
        self.all = Some(all);
        self.editing = None;
        self.wrong = None;
    }

    /// Takes in why a change was refused, or the list could not be read.
    pub(crate) fn refuse(&mut self, why: String) {
        self.wrong = Some(why);
    }

    /// Those that have every word that was typed, in the name first; where none has, those that have its letters.
    fn found(&self) -> Vec<&Effective> {
        let all: Vec<&Effective> = self.all.iter().flatten().collect();
        let typed = self.input.value().trim().to_lowercase();
        let words: Vec<&str> = typed.split_whitespace().collect();
        let has = |text: &str| {
            let text = text.to_lowercase();
            words.iter().all(|word| text.contains(word))
        };
        let (named, rest): (Vec<_>, Vec<_>) = all.iter().copied().partition(|one| has(&whole_name(one)));
        let told = rest.into_iter().filter(|one| has(&format!("{} {}", whole_name(one), one.about)));
        let found: Vec<&Effective> = named.into_iter().chain(told).collect();
        if !found.is_empty() {
            return found;
        }
        let names: Vec<String> = all.iter().map(|one| whole_name(one)).collect();
        let mut matcher = Matcher::from_query(&typed, &Config::default());
        let found = matcher.match_list(&names);
        found.iter().filter_map(|found| all.get(found.index as usize).copied()).collect()
    }

    /// Takes in a key. Returns what lies over the panes after it.
    pub(crate) fn key(mut self, key: KeyCombination, app: &mut App) -> Option<Overlay> {
        let code = typed::plain_code(key);
        if let Some(mut input) = self.editing.take() {
            match code {
                Some(KeyCode::Esc) => self.wrong = None,
                Some(KeyCode::Enter) => {
                    self.change(input.value().to_owned(), app);
                    self.editing = Some(input);
                }
                _ => {
                    if typed::edit(&mut input, key) {
                        self.wrong = None;
                    }
                    self.editing = Some(input);
                }
            }
            return Some(Overlay::Settings(self));
        }
        let last = self.found().len().saturating_sub(1);
        match code {
            Some(KeyCode::Esc) => return None,
            Some(KeyCode::Down) => self.at = (self.at + 1).min(last),
            Some(KeyCode::Up) => self.at = self.at.saturating_sub(1),
            Some(KeyCode::PageDown) => self.at = (self.at + PAGE).min(last),
            Some(KeyCode::PageUp) => self.at = self.at.saturating_sub(PAGE),
            Some(KeyCode::Enter) => return self.enter(app),
            _ => {
                if typed::edit(&mut self.input, key) {
                    self.at = 0;
                    self.wrong = None;
                }
            }
        }
        Some(Overlay::Settings(self))
    }

    /// Takes in a click: the first goes there, the second changes it.
    pub(crate) fn choose(mut self, at: usize, app: &mut App) -> Option<Overlay> {
        if self.at == at && self.editing.is_none() {
            return self.enter(app);
        }
        (self.at, self.editing) = (at, None);
        Some(Overlay::Settings(self))
    }

    /// Takes in a paste.
    pub(crate) fn paste(&mut self, text: &str) -> bool {
        typed::insert(self.editing.as_mut().unwrap_or(&mut self.input), text);
        self.wrong = None;
        true
    }

    /// Yes and no turn round, themes and presets have their own list, everything else is typed.
    fn enter(mut self, app: &mut App) -> Option<Overlay> {
        let Some(one) = self.found().get(self.at).copied().cloned() else {
            return Some(Overlay::Settings(self));
        };
        let value = one.value.as_deref().map(|value| as_typed(&one.section, value));
        let value = value.or_else(|| by_terminal(&one, app)).unwrap_or_default();
        match (one.section.as_str(), one.name) {
            ("ui", "theme") => return Some(Overlay::Pick(Pick::themes(app))),
            ("", "preset") => {
                app.run(Command::Presets);
                return None;
            }
            (section, _) if section.starts_with("hosts ") => {
                self.wrong = Some(format!("a rule for hosts is changed in the file: {}", place(&one, app)));
            }
            (section, _) if section.starts_with("schedule ") => {
                self.wrong =
                    Some(format!("a window of the plan is changed in the file: {}", place(&one, app)));
            }
            _ if value == "true" || value == "false" => {
                self.change((value == "false").to_string(), app);
            }
            _ => {
                self.wrong = None;
                self.editing = Some(Input::new(value));
            }
        }
        Some(Overlay::Settings(self))
    }

    fn change(&self, typed: String, app: &mut App) {
        if let Some(one) = self.found().get(self.at) {
            let change = Change { section: one.section.clone(), name: one.name.into(), typed };
            app.want(Effect::Change(change));
        }
    }

    /// Draws it.
    pub(crate) fn draw(&self, app: &App, frame: &mut Frame<'_>, hits: &mut Hits) {
        let look = &app.look;
        let plain = |role| Style { bg: None, ..look.style(role) };
        let whole = frame.area();
        let width = whole.width.saturating_sub(6).min(108);
        let columns = usize::from(width);
        let room = whole.height.saturating_sub(10).clamp(1, 24);
        let area = dialog::open(app, frame, hits, "Settings", (width, room + 6));
        let line = |y: u16| Rect { y: area.y + y, height: 1, ..area };
        dialog::input(app, frame, line(0), &self.input, self.editing.is_none());
        let found = self.found();
        if found.is_empty() {
            let told = if self.all.is_some() { "nothing is called that" } else { "reading them" };
            dialog::lines(frame, line(2), vec![Line::styled(told, plain(Role::Dim))]);
        }
        let rows = usize::from(area.height.saturating_sub(6)).max(1);
        let top = (self.at + 1).saturating_sub(rows);
        for (at, one) in found.iter().enumerate().skip(top).take(rows) {
            let here = at == self.at;
            let place = line(2 + u16::try_from(at - top).unwrap_or(0));
            let ground = if here { look.style(Role::Selection) } else { Style::default() };
            let drawn = row(app, one, columns, here);
            frame.render_widget(ratatui::widgets::Paragraph::new(drawn).style(ground), place);
            if let Some(input) = self.editing.as_ref().filter(|_| here) {
                let (name, value, _) = widths(columns);
                let x = area.x + u16::try_from(name + 2).unwrap_or(0);
                let field =
                    Rect { x, width: u16::try_from(value).unwrap_or(0).min(area.right() - x), ..place };
                dialog::input(app, frame, field, input, true);
            }
            hits.add(place, Hit::Choice(at));
        }
        let bottom = area.height.saturating_sub(3);
        let (told, role) = match (&self.wrong, found.get(self.at)) {
            (Some(wrong), _) => (wrong.clone(), Role::Error),
            (None, Some(one)) if self.editing.is_some() => {
                (format!("{} Empty: the default.", one.about), Role::Dim)
            }
            (None, Some(one)) => (format!("{} {}", one.about, place(one, app)), Role::Dim),
            (None, None) => (String::new(), Role::Dim),
        };
        let pieces = text::wrap(&look.glyphs.plain(told.trim()), columns);
        for (at, piece) in pieces.iter().take(2).enumerate() {
            let more = if at == 1 && pieces.len() > 2 { look.glyphs.ellipsis } else { "" };
            let piece =
                format!("{}{more}", text::cut_end(piece, columns.saturating_sub(text::width(more)), ""));
            let y = bottom + u16::try_from(at).unwrap_or(0);
            dialog::lines(frame, line(y), vec![Line::styled(piece, plain(role))]);
        }
        let enter = if self.editing.is_some() { "keep" } else { "change" };
        let buttons = [("Esc", "back".to_owned(), "esc"), ("Enter", enter.to_owned(), "enter")];
        dialog::buttons(app, frame, hits, area, &buttons);
    }
}

/// The columns: name, value, where it comes from.
fn widths(columns: usize) -> (usize, usize, usize) {
    let origin = 18.min(columns / 4);
    let name = (columns * 2 / 5).min(44);
    (name, columns.saturating_sub(name + origin + 4), origin)
}

fn row(app: &App, one: &Effective, columns: usize, here: bool) -> Line<'static> {
    let look = &app.look;
    let plain = |role| Style { bg: None, ..look.style(role) };
    let ellipsis = look.glyphs.ellipsis;
    let (name, value, origin) = widths(columns);
    let is_set = one.origin != Origin::Default;
    let set = one.value.as_deref().map(|value| as_typed(&one.section, value));
    let shown = set.filter(|value| !value.is_empty()).or_else(|| by_terminal(one, app));
    let shown = shown.unwrap_or_else(|| look.glyphs.dash.to_owned());
    let from = match &one.origin {
        Origin::Default => "default".to_owned(),
        Origin::File { line, .. } => format!("file, line {line}"),
        Origin::Preset(name) => format!("preset {name}"),
    };
    Line::from(vec![
        Span::styled(if here { look.glyphs.cursor } else { " " }, plain(Role::Accent)),
        Span::styled(
            format!("{} ", text::fit(&whole_name(one), name, ellipsis)),
            plain(if here { Role::Strong } else { Role::Text }),
        ),
        Span::styled(
            format!("{}  ", text::fit(&shown, value, ellipsis)),
            plain(if is_set { Role::Strong } else { Role::Dim }),
        ),
        Span::styled(
            text::fit(&from, origin, ellipsis),
            plain(if is_set { Role::Accent } else { Role::Dim }),
        ),
    ])
}

/// What the terminal gives where a person set nothing.
fn by_terminal(one: &Effective, app: &App) -> Option<String> {
    let given = app.options.surroundings;
    if one.section != "ui" {
        return None;
    }
    Some(match one.name {
        "theme" => app.options.theme().to_owned(),
        "ascii" => given.ascii.to_string(),
        "progress" => given.progress.to_string(),
        "colours" => match given.depth {
            Depth::True => "all",
            Depth::Indexed => "256",
            Depth::Sixteen => "16",
            Depth::None => "none",
        }
        .to_owned(),
        _ => return None,
    })
}

fn whole_name(one: &Effective) -> String {
    if one.section.is_empty() { one.name.to_owned() } else { format!("{}.{}", one.section, one.name) }
}

/// Where it is set, where that is in the file.
fn place(one: &Effective, app: &App) -> String {
    match &one.origin {
        Origin::File { path, line } => format!("{}:{line}", app.shown_path(&path.display().to_string())),
        Origin::Default | Origin::Preset(_) => String::new(),
    }
}
