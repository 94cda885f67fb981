//! What a download was added with: name, folder, link, connections, checksum.

use std::path::PathBuf;

use crokey::KeyCombination;
use crokey::crossterm::event::KeyCode;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use tui_input::Input;

use super::dialog;
use crate::config::theme::Role;
use crate::model::id::DownloadId;
use crate::model::request::{Act, Changes};
use crate::model::view::DownloadDetail;
use crate::tui::app::{App, Tone};
use crate::tui::hit::{Hit, Hits};
use crate::tui::{text, typed};

/// The dialog.
#[derive(Debug)]
pub(crate) struct Edit {
    id: DownloadId,
    title: String,
    fields: [Field; 5],
    at: usize,
    wrong: Option<String>,
}

#[derive(Debug)]
struct Field {
    name: &'static str,
    hint: &'static str,
    before: String,
    input: Input,
}

impl Field {
    fn new(name: &'static str, hint: &'static str, value: String) -> Self {
        Self { name, hint, input: Input::new(value.clone()), before: value }
    }

    fn changed(&self) -> Option<&str> {
        let now = self.input.value().trim();
        (now != self.before).then_some(now)
    }
}

impl Edit {
    /// Starts with what is known.
    pub(crate) fn new(detail: &DownloadDetail) -> Self {
        let folder = std::path::Path::new(&detail.path).parent().map(|folder| folder.display().to_string());
        let number = |value: Option<u32>| value.map(|value| value.to_string()).unwrap_or_default();
        Self {
            id: detail.row.id,
            title: detail.row.name.clone(),
            fields: [
                Field::new("Name", "can change until the first byte is here", detail.row.name.clone()),
                Field::new("Folder", "can change until the first byte is here", folder.unwrap_or_default()),
                Field::new(
                    "Link",
                    "the same file elsewhere; what is here is kept",
                    detail.source_url.clone(),
                ),
                Field::new(
                    "Connections",
                    "at most so many; empty leaves it to haul",
                    number(detail.connections),
                ),
                Field::new(
                    "Checksum",
                    "sha-256:… and others; compared before the file gets its name",
                    detail.checksum.clone().unwrap_or_default(),
                ),
            ],
            at: 0,
            wrong: None,
        }
    }

    /// Takes in a key.
    pub(crate) fn key(mut self, key: KeyCombination, app: &mut App) -> Option<Self> {
        match typed::plain_code(key) {
            Some(KeyCode::Esc) => return None,
            Some(KeyCode::Tab | KeyCode::Down) => self.at = (self.at + 1) % self.fields.len(),
            Some(KeyCode::BackTab | KeyCode::Up) => {
                self.at = (self.at + self.fields.len() - 1) % self.fields.len();
            }
            Some(KeyCode::Enter) => match self.changes(app) {
                Ok(None) => {
                    app.say(Tone::Plain, "nothing was changed".into());
                    return None;
                }
                Ok(Some(changes)) => {
                    app.act_on(vec![self.id], Act::Set(Box::new(changes)), "changed");
                    return None;
                }
                Err(wrong) => self.wrong = Some(wrong),
            },
            _ => {
                if typed::edit(&mut self.fields[self.at].input, key) {
                    self.wrong = None;
                }
            }
        }
        Some(self)
    }

    /// Takes in a click on a field.
    pub(crate) fn choose(mut self, at: usize) -> Self {
        self.at = at.min(self.fields.len() - 1);
        self
    }

    /// Takes in a paste.
    pub(crate) fn paste(&mut self, text: &str) -> bool {
        typed::insert(&mut self.fields[self.at].input, text);
        self.wrong = None;
        true
    }

    fn changes(&self, app: &App) -> Result<Option<Changes>, String> {
        let [name, folder, link, connections, checksum] = &self.fields;
        let mut changes = Changes::default();
        if let Some(name) = name.changed() {
            if name.is_empty() {
                return Err("it needs a name".into());
            }
            changes.name = Some(name.to_owned());
        }
        if let Some(folder) = folder.changed() {
            changes.folder = Some(absolute(folder, app)?);
        }
        if let Some(link) = link.changed() {
            changes.url = Some(
                link.parse().map_err(|_| "that is no link: it begins with https:// or http://".to_owned())?,
            );
        }
        if let Some(connections) = connections.changed() {
            let number = connections.parse().ok().filter(|number| (1..=64).contains(number));
            changes.connections = Some(number.ok_or("connections are a number from 1 to 64")?);
        }
        if let Some(checksum) = checksum.changed() {
            changes.checksum = Some(checksum.parse().map_err(|error| format!("{error}"))?);
        }
        Ok((changes != Changes::default()).then_some(changes))
    }

    /// Draws it.
    pub(crate) fn draw(&self, app: &App, frame: &mut Frame<'_>, hits: &mut Hits) {
        let look = &app.look;
        let width = frame.area().width.saturating_sub(8).min(84);
        let plain = |role| Style { bg: None, ..look.style(role) };
        let height = u16::try_from(self.fields.len()).unwrap_or(5) + 5;
        let area = dialog::open(app, frame, hits, &self.title, (width, height));
        for (at, field) in self.fields.iter().enumerate() {
            let y = area.y + 1 + u16::try_from(at).unwrap_or(0);
            let row = Rect { y, height: 1, ..area };
            let role = if at == self.at { Role::Strong } else { Role::Dim };
            dialog::lines(frame, row, vec![Line::styled(field.name, plain(role))]);
            let place = Rect { x: area.x + 13, width: area.width.saturating_sub(13), ..row };
            dialog::input(app, frame, place, &field.input, at == self.at);
            hits.add(row, Hit::Choice(at));
        }
        let (said, role) = match &self.wrong {
            Some(wrong) => (wrong.as_str(), Role::Error),
            None => (self.fields[self.at].hint, Role::Dim),
        };
        let said = text::cut_end(&look.glyphs.plain(said), usize::from(width), look.glyphs.ellipsis);
        let y = area.y + u16::try_from(self.fields.len()).unwrap_or(5) + 2;
        dialog::lines(frame, Rect { y, height: 1, ..area }, vec![Line::styled(said, plain(role))]);
        let buttons = [
            ("Esc", "back".to_owned(), "esc"),
            ("Tab", "next".to_owned(), "tab"),
            ("Enter", "save".to_owned(), "enter"),
        ];
        dialog::buttons(app, frame, hits, area, &buttons);
    }
}

/// Reads a folder as a person types it: `~` is their home.
pub(crate) fn absolute(typed: &str, app: &App) -> Result<PathBuf, String> {
    absolute_in(typed, app.options.home.as_deref())
}

/// As [`absolute`], with the home named.
pub(crate) fn absolute_in(typed: &str, home: Option<&std::path::Path>) -> Result<PathBuf, String> {
    let typed = typed.trim();
    let path = match (typed.strip_prefix('~'), home) {
        (Some(""), Some(home)) => home.to_owned(),
        (Some(rest), Some(home)) if rest.starts_with('/') => home.join(rest.trim_start_matches('/')),
        _ => PathBuf::from(typed),
    };
    if path.is_absolute() { Ok(path) } else { Err("a folder begins with / or ~".into()) }
}
