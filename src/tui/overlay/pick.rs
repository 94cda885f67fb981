//! One of several: a theme, shown while it is looked at, a preset with what it sets, or a collection.

use crokey::KeyCombination;
use crokey::crossterm::event::KeyCode;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::dialog;
use crate::config::as_typed;
use crate::config::theme::Role;
use crate::model::id::{CollectionId, DownloadId};
use crate::model::page::{DoorRequest, PageOrigin, PageRequest};
use crate::model::request::{Act, Changes, Request};
use crate::model::view::PresetRow;
use crate::tui::app::{App, Tone};
use crate::tui::effect::{Effect, Purpose};
use crate::tui::hit::{Hit, Hits};
use crate::tui::keep::Change;
use crate::tui::{text, typed};

/// A choice.
#[derive(Debug)]
pub(crate) struct Pick {
    title: String,
    names: Vec<String>,
    at: usize,
    of: Of,
}

#[derive(Debug)]
enum Of {
    Themes { before: String },
    Presets(Vec<PresetRow>),
    Collections { ids: Vec<CollectionId>, downloads: Vec<DownloadId> },
    Page(PageOrigin),
}

impl Pick {
    /// A theme.
    pub(crate) fn themes(app: &App) -> Self {
        let names: Vec<String> = app.options.themes.names().map(str::to_owned).collect();
        let before = app.look.theme.name.clone();
        let at = names.iter().position(|name| *name == before).unwrap_or(0);
        Self { title: "Theme".into(), names, at, of: Of::Themes { before } }
    }

    /// A preset for all downloads.
    pub(crate) fn presets(rows: Vec<PresetRow>) -> Self {
        let names = rows.iter().map(|row| row.name.clone()).collect();
        let at = rows.iter().position(|row| row.in_use).unwrap_or(0);
        Self { title: "Preset for all downloads".into(), names, at, of: Of::Presets(rows) }
    }

    /// Whether a web page that asks is let in. `Esc` leaves the question open.
    pub(crate) fn page(page: &PageRequest) -> Self {
        let names = ["Let it in once: until its last page is closed", "Let it in always", "Never let it in"];
        let title = format!("{} wants to add downloads", page.origin);
        Self { title, names: names.map(str::to_owned).into(), at: 0, of: Of::Page(page.origin.clone()) }
    }

    /// The collection that downloads move to.
    pub(crate) fn collections(app: &App) -> Self {
        let downloads = app.targets();
        let now = downloads.first().and_then(|id| app.list.row(*id)).map(|row| row.collection);
        let ids: Vec<_> = app.collections.iter().map(|row| row.id).collect();
        let at = ids.iter().position(|id| Some(*id) == now).unwrap_or(0);
        let names = app.collections.iter().map(|row| row.name.clone()).collect();
        Self { title: "Move to".into(), names, at, of: Of::Collections { ids, downloads } }
    }

    /// Takes in a key.
    pub(crate) fn key(mut self, key: KeyCombination, app: &mut App) -> Option<Self> {
        let last = self.names.len().saturating_sub(1);
        match typed::plain_code(key) {
            Some(KeyCode::Down | KeyCode::Char('j')) => self.at = (self.at + 1).min(last),
            Some(KeyCode::Up | KeyCode::Char('k')) => self.at = self.at.saturating_sub(1),
            Some(KeyCode::Home) => self.at = 0,
            Some(KeyCode::End) => self.at = last,
            Some(KeyCode::Enter) => {
                self.take(app);
                return None;
            }
            Some(KeyCode::Esc) => {
                if let Of::Themes { before } = &self.of {
                    wear(app, &before.clone());
                }
                return None;
            }
            _ => {}
        }
        self.preview(app);
        Some(self)
    }

    /// Takes in a click: the first shows, the second takes.
    pub(crate) fn choose(mut self, at: usize, app: &mut App) -> Option<Self> {
        if self.at == at {
            self.take(app);
            return None;
        }
        self.at = at;
        self.preview(app);
        Some(self)
    }

    fn preview(&self, app: &mut App) {
        if matches!(self.of, Of::Themes { .. })
            && let Some(name) = self.names.get(self.at)
        {
            wear(app, name);
        }
    }

    fn take(self, app: &mut App) {
        match self.of {
            Of::Themes { .. } => {
                if let Some(name) = self.names.get(self.at) {
                    wear(app, name);
                    app.want(Effect::Change(Change::of_ui("theme", name.clone())));
                }
            }
            Of::Presets(rows) => {
                if let Some(row) = rows.into_iter().nth(self.at) {
                    let said = format!("preset {}: holds now, and from now on", row.name);
                    app.ask(Purpose::Say(said), Request::UsePreset { name: row.name });
                }
            }
            Of::Page(origin) => {
                let (said, request) = match self.at {
                    0 => (
                        "may add downloads, until its last page is closed",
                        DoorRequest::Allow { origin: origin.clone(), once: true },
                    ),
                    1 => ("may add downloads", DoorRequest::Allow { origin: origin.clone(), once: false }),
                    _ => ("is never let in", DoorRequest::Deny { origin: origin.clone() }),
                };
                app.ask(Purpose::Say(format!("{origin} {said}")), Request::Door(request));
            }
            Of::Collections { ids, downloads } => {
                if let Some(id) = ids.get(self.at) {
                    let changes = Changes { collection: Some(*id), ..Changes::default() };
                    app.act_on(downloads, Act::Set(Box::new(changes)), "moved");
                }
            }
        }
    }

    fn preset(&self) -> Option<&PresetRow> {
        match &self.of {
            Of::Presets(rows) => rows.get(self.at),
            _ => None,
        }
    }

    /// Lines below the names: as many as the longest needs, so that nothing jumps; none where there is little room.
    fn notes(&self, columns: usize, height: u16) -> usize {
        match &self.of {
            Of::Presets(rows) if height >= 16 => {
                rows.iter().map(|row| told(row, columns).len() + 1).max().unwrap_or(0).min(8)
            }
            _ => 0,
        }
    }

    /// Draws it.
    pub(crate) fn draw(&self, app: &App, frame: &mut Frame<'_>, hits: &mut Hits) {
        let look = &app.look;
        let longest = self.names.iter().map(|name| text::width(name)).max().unwrap_or(0);
        let is_preset = matches!(self.of, Of::Presets(_));
        let least = if is_preset { 60 } else { 34 };
        let width = u16::try_from(longest + 4).unwrap_or(40).clamp(least, 60);
        let width = width.min(frame.area().width.saturating_sub(4));
        let notes = self.notes(usize::from(width), frame.area().height);
        let below = u16::try_from(notes).unwrap_or(0);
        let most = frame.area().height.saturating_sub(5 + below);
        let rows = u16::try_from(self.names.len()).unwrap_or(u16::MAX).min(most).max(1);
        let area = dialog::open(app, frame, hits, &self.title, (width, rows + below + 2));
        let rows = usize::from(area.height.saturating_sub(2 + below));
        let top = (self.at + 1).saturating_sub(rows);
        for (at, name) in self.names.iter().enumerate().skip(top).take(rows) {
            let place = Rect { y: area.y + u16::try_from(at - top).unwrap_or(0), height: 1, ..area };
            let here = at == self.at;
            let ground = if here { look.style(Role::Selection) } else { Style::default() };
            let role = if here { Role::Strong } else { Role::Text };
            let in_use = match &self.of {
                Of::Themes { before } => before == name,
                Of::Presets(rows) => rows.get(at).is_some_and(|row| row.in_use),
                _ => false,
            };
            let now = if in_use { "  in use" } else { "" };
            let line = Line::from(vec![
                Span::styled(
                    if here { look.glyphs.cursor } else { " " },
                    Style { bg: None, ..look.style(Role::Accent) },
                ),
                Span::styled(
                    format!(" {}", text::cut_end(name, usize::from(width) - 3, look.glyphs.ellipsis)),
                    Style { bg: None, ..look.style(role) },
                ),
                Span::styled(now, Style { bg: None, ..look.style(Role::Dim) }),
            ]);
            frame.render_widget(ratatui::widgets::Paragraph::new(line).style(ground), place);
            hits.add(place, Hit::Choice(at));
        }
        if let Some(row) = self.preset() {
            let top = area.y + u16::try_from(rows).unwrap_or(0) + 1;
            let lines = told(row, usize::from(width)).into_iter().take(notes.saturating_sub(1)).map(
                |(line, role)| {
                    let line = text::cut_end(&line, usize::from(width), look.glyphs.ellipsis);
                    Line::styled(line, Style { bg: None, ..look.style(role) })
                },
            );
            let place = Rect { y: top, height: below.saturating_sub(1), ..area };
            dialog::lines(frame, place.intersection(area), lines.collect());
        }
        let take = match self.of {
            Of::Themes { .. } => "keep",
            Of::Presets(_) => "use",
            Of::Collections { .. } => "move",
            Of::Page(_) => "answer",
        };
        let buttons = [("Esc", "back".to_owned(), "esc"), ("Enter", take.to_owned(), "enter")];
        dialog::buttons(app, frame, hits, area, &buttons);
    }
}

/// What a preset is for, and what it sets.
fn told(row: &PresetRow, columns: usize) -> Vec<(String, Role)> {
    let of = match (row.in_use, row.shipped) {
        (true, _) => "In use now: ",
        (_, true) => "",
        (_, false) => "Your own: ",
    };
    let mut lines = vec![(format!("{of}{}", row.about), Role::Strong)];
    if row.sets.is_empty() {
        lines.push(("it changes nothing".into(), Role::Dim));
    }
    let mut line = String::new();
    for (name, value) in &row.sets {
        let name = name.replace('_', " ");
        let one = format!("{name} {}", as_typed("engine", value));
        if !line.is_empty() && text::width(&line) + 2 + text::width(&one) > columns {
            lines.push((std::mem::take(&mut line), Role::Dim));
        }
        let lead = if line.is_empty() { "" } else { ", " };
        line.push_str(lead);
        line.push_str(&one);
    }
    if !line.is_empty() {
        lines.push((line, Role::Dim));
    }
    lines
}

fn wear(app: &mut App, name: &str) {
    match app.options.themes.find(name) {
        Ok(theme) => app.look.wear(&theme),
        Err(error) => app.say(Tone::Bad, error.to_string()),
    }
}
