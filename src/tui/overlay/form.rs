//! Fields one below the other, some typed, some chosen from a few: what the dialogs that change something have in common. Where the
//! screen is too small for all of them, the one that has the keys is among those that are shown.

use crokey::KeyCombination;
use crokey::crossterm::event::KeyCode;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use tui_input::Input;

use super::dialog;
use crate::config::theme::Role;
use crate::tui::app::App;
use crate::tui::hit::{Hit, Hits};
use crate::tui::{text, typed};

/// Columns of the labels.
const LABEL: u16 = 13;

/// The fields.
#[derive(Debug)]
pub(crate) struct Form {
    fields: Vec<Field>,
    at: usize,
    wrong: Option<String>,
}

/// A field.
#[derive(Debug)]
pub(crate) struct Field {
    name: &'static str,
    hint: &'static str,
    value: Value,
}

#[derive(Debug)]
enum Value {
    Text { input: Input, before: String },
    Choice { names: Vec<String>, at: usize, before: usize },
}

/// A field that can't be taken as it is, and why not.
#[derive(Debug)]
pub(crate) struct Wrong {
    field: &'static str,
    why: String,
}

/// What a key means for the dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// It goes on.
    On,
    /// Nothing is to be changed.
    Back,
    /// What was typed is to be taken.
    Take,
}

impl Field {
    /// A line of text.
    pub(crate) fn text(name: &'static str, hint: &'static str, value: impl Into<String>) -> Self {
        let before = value.into();
        Self { name, hint, value: Value::Text { input: Input::new(before.clone()), before } }
    }

    /// One of several.
    pub(crate) fn choice(name: &'static str, hint: &'static str, names: Vec<String>, at: usize) -> Self {
        Self { name, hint, value: Value::Choice { names, at, before: at } }
    }
}

impl Wrong {
    /// Says what is wrong with a field.
    pub(crate) fn of(field: &'static str, why: impl Into<String>) -> Self {
        Self { field, why: why.into() }
    }
}

impl Form {
    /// Starts at the first field.
    pub(crate) fn new(fields: Vec<Field>) -> Self {
        Self { fields, at: 0, wrong: None }
    }

    fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// What a line says now, where that is something else than before.
    pub(crate) fn changed(&self, name: &str) -> Option<&str> {
        match &self.field(name)?.value {
            Value::Text { input, before } => Some(input.value().trim()).filter(|now| now != before),
            Value::Choice { .. } => None,
        }
    }

    /// What is chosen now, where that is something else than before.
    pub(crate) fn chosen(&self, name: &str) -> Option<usize> {
        match self.field(name)?.value {
            Value::Choice { at, before, .. } => Some(at).filter(|at| *at != before),
            Value::Text { .. } => None,
        }
    }

    /// Whether something in it is not as it was.
    pub(crate) fn is_changed(&self) -> bool {
        self.fields.iter().any(|field| match &field.value {
            Value::Text { input, before } => input.value().trim() != before,
            Value::Choice { at, before, .. } => at != before,
        })
    }

    /// Takes over what was typed and chosen in an earlier one of the same fields, and where that stood.
    pub(crate) fn take_over(&mut self, earlier: Self) {
        self.at = earlier.at.min(self.fields.len().saturating_sub(1));
        for (own, other) in self.fields.iter_mut().zip(earlier.fields) {
            match (&mut own.value, other.value) {
                (Value::Text { input, .. }, Value::Text { input: typed, before })
                    if typed.value().trim() != before =>
                {
                    *input = typed;
                }
                (Value::Choice { at, .. }, Value::Choice { at: chosen, before, .. }) if chosen != before => {
                    *at = chosen;
                }
                _ => {}
            }
        }
    }

    /// Goes to the field that is wrong and says why, until something is typed.
    pub(crate) fn refuse(&mut self, Wrong { field, why }: Wrong) {
        if let Some(at) = self.fields.iter().position(|known| known.name == field) {
            self.at = at;
        }
        self.wrong = Some(format!("{field}: {why}"));
    }

    /// Takes in a key.
    pub(crate) fn key(&mut self, key: KeyCombination) -> Step {
        let count = self.fields.len();
        let code = typed::plain_code(key);
        match code {
            Some(KeyCode::Esc) => return Step::Back,
            Some(KeyCode::Enter) => return Step::Take,
            Some(KeyCode::Tab | KeyCode::Down) => self.at = (self.at + 1) % count,
            Some(KeyCode::BackTab | KeyCode::Up) => self.at = (self.at + count - 1) % count,
            _ => match &mut self.fields[self.at].value {
                Value::Text { input, .. } => {
                    if typed::edit(input, key) {
                        self.wrong = None;
                    }
                }
                Value::Choice { names, at, .. } => match code {
                    Some(KeyCode::Right | KeyCode::Char(' ')) => *at = (*at + 1) % names.len(),
                    Some(KeyCode::Left) => *at = (*at + names.len() - 1) % names.len(),
                    _ => {}
                },
            },
        }
        Step::On
    }

    /// Takes in a click on a field.
    pub(crate) fn choose(&mut self, at: usize) {
        self.at = at.min(self.fields.len() - 1);
    }

    /// Takes in a paste.
    pub(crate) fn paste(&mut self, text: &str) {
        if let Value::Text { input, .. } = &mut self.fields[self.at].value {
            typed::insert(input, text);
            self.wrong = None;
        }
    }

    /// Draws it.
    pub(crate) fn draw(&self, title: &str, app: &App, frame: &mut Frame<'_>, hits: &mut Hits) {
        let look = &app.look;
        let whole = frame.area();
        let width = whole.width.saturating_sub(8).min(84);
        let plain = |role| Style { bg: None, ..look.style(role) };
        let fields = u16::try_from(self.fields.len()).unwrap_or(u16::MAX);
        // What is said and the buttons; and a line between, where there is room.
        let gap = u16::from(whole.height >= fields + 8);
        let area = dialog::open(app, frame, hits, title, (width, fields + 2 + 3 * gap));
        let rows = usize::from(area.height.saturating_sub(2 + 3 * gap)).max(1);
        let top = (self.at + 1).saturating_sub(rows);
        for (row, (at, field)) in self.fields.iter().enumerate().skip(top).take(rows).enumerate() {
            let y = area.y + gap + u16::try_from(row).unwrap_or(0);
            let row = Rect { y, height: 1, ..area };
            let here = at == self.at;
            let role = if here { Role::Strong } else { Role::Dim };
            dialog::lines(frame, row, vec![Line::styled(field.name, plain(role))]);
            let place = Rect { x: area.x + LABEL, width: area.width.saturating_sub(LABEL), ..row };
            match &field.value {
                Value::Text { input, .. } => dialog::input(app, frame, place, input, here),
                Value::Choice { names, at, .. } => {
                    let name = names.get(*at).map_or("", String::as_str);
                    let told = if here { format!("< {name} >") } else { name.to_owned() };
                    let told = text::cut_end(&told, usize::from(place.width), look.glyphs.ellipsis);
                    let role = if here { Role::Strong } else { Role::Text };
                    dialog::lines(frame, place, vec![Line::styled(told, plain(role))]);
                }
            }
            hits.add(row, Hit::Choice(at));
        }
        let (said, role) = match &self.wrong {
            Some(wrong) => (wrong.as_str(), Role::Error),
            None => (self.fields[self.at].hint, Role::Dim),
        };
        let said = text::cut_end(&look.glyphs.plain(said), usize::from(area.width), look.glyphs.ellipsis);
        let y = area.bottom().saturating_sub(2 + gap);
        dialog::lines(frame, Rect { y, height: 1, ..area }, vec![Line::styled(said, plain(role))]);
        let buttons = [
            ("Esc", "back".to_owned(), "esc"),
            ("Tab", "next".to_owned(), "tab"),
            ("Enter", "save".to_owned(), "enter"),
        ];
        dialog::buttons(app, frame, hits, area, &buttons);
    }
}
