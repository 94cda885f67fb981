//! Every command by name: type a few letters, take one.

use crokey::KeyCombination;
use crokey::crossterm::event::KeyCode;
use frizbee::{Config, Matcher};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use tui_input::Input;

use super::dialog;
use crate::command::{Command, Entry, Facts, Scope, TABLE};
use crate::config::theme::Role;
use crate::tui::app::{App, Tone};
use crate::tui::hit::{Hit, Hits};
use crate::tui::{text, typed};

/// The palette.
#[derive(Debug)]
pub(crate) struct Palette {
    input: Input,
    at: usize,
}

impl Palette {
    /// Opens it.
    pub(crate) fn new() -> Self {
        Self { input: Input::default(), at: 0 }
    }

    /// The commands that what was typed means, best first. Moving about is for keys only; where the collections have the keys, what a
    /// key means for them has its own line.
    fn found(&self, facts: &Facts) -> Vec<&'static Entry> {
        let offered: Vec<&Entry> = TABLE
            .iter()
            .filter(|entry| {
                let is_own = facts.on_collections && entry.command.of_collection().is_some();
                let is_left_out = matches!(entry.command, Command::Palette | Command::Leave);
                entry.scope != Scope::Moving && !is_left_out && !is_own
            })
            .collect();
        if self.input.value().trim().is_empty() {
            return offered;
        }
        let names: Vec<String> =
            offered.iter().map(|entry| format!("{} {}", entry.title, entry.id)).collect();
        let mut matcher = Matcher::new(self.input.value().trim(), &Config::default());
        matcher
            .match_list(&names)
            .iter()
            .filter_map(|found| offered.get(found.index as usize).copied())
            .collect()
    }

    /// Takes in a key.
    pub(crate) fn key(mut self, key: KeyCombination, app: &mut App) -> Option<Self> {
        let count = self.found(&app.facts()).len();
        match typed::plain_code(key) {
            Some(KeyCode::Esc) => return None,
            Some(KeyCode::Down) => self.at = (self.at + 1).min(count.saturating_sub(1)),
            Some(KeyCode::Up) => self.at = self.at.saturating_sub(1),
            Some(KeyCode::Enter) => {
                let at = self.at;
                return self.choose_at(at, app);
            }
            _ => {
                if typed::edit(&mut self.input, key) {
                    self.at = 0;
                }
            }
        }
        Some(self)
    }

    /// Takes in a click.
    pub(crate) fn choose(self, at: usize, app: &mut App) -> Option<Self> {
        self.choose_at(at, app)
    }

    fn choose_at(self, at: usize, app: &mut App) -> Option<Self> {
        let Some(entry) = self.found(&app.facts()).get(at).copied() else { return Some(self) };
        match entry.command.why_not(&app.facts()) {
            Some(why) => app.say(Tone::Plain, app.options.keymap.fill(why)),
            None => app.run(entry.command),
        }
        None
    }

    /// Takes in a paste.
    pub(crate) fn paste(&mut self, text: &str) -> bool {
        typed::insert(&mut self.input, text);
        self.at = 0;
        true
    }

    /// Draws it.
    pub(crate) fn draw(&self, app: &App, frame: &mut Frame<'_>, hits: &mut Hits) {
        let look = &app.look;
        let whole = frame.area();
        let width = whole.width.saturating_sub(8).min(72);
        let room = whole.height.saturating_sub(7).clamp(1, 16);
        let area = dialog::open(app, frame, hits, "Commands", (width, room + 2));
        dialog::input(app, frame, Rect { height: 1, ..area }, &self.input, true);
        let facts = app.facts();
        let found = self.found(&facts);
        let rows = usize::from(area.height.saturating_sub(2));
        let top = (self.at + 1).saturating_sub(rows);
        if found.is_empty() {
            let line = Line::styled("nothing is called that", Style { bg: None, ..look.style(Role::Dim) });
            dialog::lines(frame, Rect { y: area.y + 2, height: 1, ..area }, vec![line]);
        }
        for (at, entry) in found.iter().enumerate().skip(top).take(rows) {
            let y = area.y + 2 + u16::try_from(at - top).unwrap_or(0);
            let place = Rect { y, height: 1, ..area };
            let key = app.options.keymap.shown(entry.command).unwrap_or_default();
            let room = usize::from(area.width).saturating_sub(12);
            let why = entry.command.why_not(&facts);
            let title = match why {
                Some(why) => format!("{} {} {}", entry.title, look.glyphs.dash, app.options.keymap.fill(why)),
                None => entry.title.to_owned(),
            };
            let title =
                text::fit(&text::cut_end(&title, room, look.glyphs.ellipsis), room, look.glyphs.ellipsis);
            let role = if why.is_some() { Role::Dim } else { Role::Text };
            let ground = if at == self.at { look.style(Role::Selection) } else { Style::default() };
            let spans = vec![
                Span::styled(
                    if at == self.at { look.glyphs.cursor } else { " " },
                    Style { bg: None, ..look.style(Role::Accent) },
                ),
                Span::styled(title, Style { bg: None, ..look.style(role) }),
                Span::styled(
                    text::fit_right(&key, 10, look.glyphs.ellipsis),
                    Style { bg: None, ..look.style(Role::Key) },
                ),
            ];
            let line = Line::from(spans).style(ground);
            frame.render_widget(ratatui::widgets::Paragraph::new(line).style(ground), place);
            hits.add(place, Hit::Choice(at));
        }
    }
}
