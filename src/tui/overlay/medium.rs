//! What lies over the library: its file's distributor and kind to change, the ways to take it out, and all about it where no pane has
//! room for that.

use crokey::KeyCombination;
use crokey::crossterm::event::KeyCode;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use tui_input::Input;

use super::confirm::Confirm;
use super::{Overlay, dialog};
use crate::config::theme::Role;
use crate::model::media::{Field, KindFrom, MediaId, MediaKind};
use crate::model::shelf::{LibraryRequest, MediaDetail, MediaEdit};
use crate::model::units::ByteCount;
use crate::tui::app::{App, Tone};
use crate::tui::hit::{Hit, Hits};
use crate::tui::view::medium;
use crate::tui::{text, typed};

/// The distributor and the kind of a file.
#[derive(Debug)]
pub(crate) struct Reshelve {
    id: MediaId,
    title: String,
    distributor: Input,
    before: String,
    /// None lets the file itself say it.
    kind: Option<MediaKind>,
    kind_before: Option<MediaKind>,
    /// The line that has the keys: the distributor, or the kind.
    at: usize,
}

impl Reshelve {
    /// Starts with what is known.
    pub(crate) fn new(detail: &MediaDetail) -> Self {
        let value = detail.values.iter().find(|value| value.field == Field::Distributor);
        let before = value.map(|value| value.text.clone()).unwrap_or_default();
        let kind = (detail.kind_from == KindFrom::Person).then_some(detail.row.kind);
        Self {
            id: detail.row.id,
            title: detail.row.title.clone(),
            distributor: Input::new(before.clone()),
            before,
            kind,
            kind_before: kind,
            at: 0,
        }
    }

    /// Takes in a key.
    pub(crate) fn key(mut self, key: KeyCombination, app: &mut App) -> Option<Self> {
        match typed::plain_code(key) {
            Some(KeyCode::Esc) => return None,
            Some(KeyCode::Tab | KeyCode::BackTab | KeyCode::Up | KeyCode::Down) => self.at = 1 - self.at,
            Some(KeyCode::Enter) => {
                self.save(app);
                return None;
            }
            Some(KeyCode::Char(' ') | KeyCode::Right) if self.at == 1 => self.turn(1),
            Some(KeyCode::Left) if self.at == 1 => self.turn(MediaKind::ALL.len()),
            _ if self.at == 0 => {
                typed::edit(&mut self.distributor, key);
            }
            _ => {}
        }
        Some(self)
    }

    fn turn(&mut self, steps: usize) {
        let choices = [None, Some(MediaKind::Music), Some(MediaKind::Video), Some(MediaKind::Other)];
        let at = choices.iter().position(|kind| *kind == self.kind).unwrap_or(0);
        self.kind = choices[(at + steps) % choices.len()];
    }

    fn save(&self, app: &mut App) {
        let mut edit = MediaEdit::default();
        let now = self.distributor.value().trim();
        if now != self.before {
            if now.is_empty() {
                edit.reset.push(Field::Distributor);
            } else {
                edit.set.insert(Field::Distributor, now.to_owned());
            }
        }
        if self.kind != self.kind_before {
            edit.kind = self.kind;
            edit.reset_kind = self.kind.is_none();
        }
        if edit == MediaEdit::default() {
            return app.say(Tone::Plain, "nothing was changed".into());
        }
        let request = LibraryRequest::Edit { ids: vec![self.id], edit };
        app.change_shelf(format!("{}: changed in the library", self.title), request);
    }

    /// Takes in a click on a line.
    pub(crate) fn choose(mut self, at: usize) -> Self {
        if at == 1 && self.at == 1 {
            self.turn(1);
        }
        self.at = at.min(1);
        self
    }

    /// Takes in a paste.
    pub(crate) fn paste(&mut self, text: &str) -> bool {
        typed::insert(&mut self.distributor, text);
        true
    }

    /// Draws it.
    pub(crate) fn draw(&self, app: &App, frame: &mut Frame<'_>, hits: &mut Hits) {
        let look = &app.look;
        let plain = |role| Style { bg: None, ..look.style(role) };
        let width = frame.area().width.saturating_sub(8).min(68);
        let area = dialog::open(app, frame, hits, &self.title, (width, 7));
        let row = |at: u16| Rect { y: area.y + at, height: 1, ..area };
        for (at, name) in [(0, "Distributor"), (1, "Kind")] {
            let role = if usize::from(at) == self.at { Role::Strong } else { Role::Dim };
            dialog::lines(frame, row(1 + at), vec![Line::styled(name, plain(role))]);
            hits.add(row(1 + at), Hit::Choice(usize::from(at)));
        }
        let value = |at: u16| Rect { x: area.x + 13, width: area.width.saturating_sub(13), ..row(at) };
        dialog::input(app, frame, value(1), &self.distributor, self.at == 0);
        let kind = self.kind.map_or("as the file says", MediaKind::word);
        let role = if self.at == 1 { Role::Strong } else { Role::Text };
        dialog::lines(frame, value(2), vec![Line::styled(format!("< {kind} >"), plain(role))]);
        let hint = match self.at {
            0 => "the shop's name on the shelf; empty takes what the file or the download says",
            _ => "Space goes to the next; the file itself stays as it is",
        };
        let hint = text::cut_end(hint, usize::from(width), look.glyphs.ellipsis);
        dialog::lines(frame, row(4), vec![Line::styled(hint, plain(Role::Dim))]);
        let buttons = [
            ("Esc", "back".to_owned(), "esc"),
            ("Tab", "next".to_owned(), "tab"),
            ("Enter", "save".to_owned(), "enter"),
        ];
        dialog::buttons(app, frame, hits, area, &buttons);
    }
}

/// The ways to take a file out of the library.
#[derive(Debug)]
pub(crate) struct TakeOut {
    id: MediaId,
    title: String,
    path: String,
    size: u64,
    missing: bool,
}

impl TakeOut {
    /// Asks.
    pub(crate) fn new(detail: &MediaDetail) -> Self {
        Self {
            id: detail.row.id,
            title: detail.row.title.clone(),
            path: detail.path.clone(),
            size: detail.row.size,
            missing: detail.row.missing,
        }
    }

    /// Takes in a key. Deleting the file asks once more.
    pub(crate) fn key(self, key: KeyCombination, app: &mut App) -> Option<Overlay> {
        match typed::plain_code(key) {
            Some(KeyCode::Char('r')) => {
                let request = LibraryRequest::Forget { ids: vec![self.id] };
                app.change_shelf(format!("{}: taken out, the file stays", self.title), request);
            }
            Some(KeyCode::Char('f')) if !self.missing => {
                let path = app.shown_path(&self.path);
                return Some(Overlay::Confirm(Confirm::delete_file(self.id, self.title, path, self.size)));
            }
            Some(KeyCode::Char('n') | KeyCode::Esc | KeyCode::Enter) => {}
            _ => return Some(Overlay::TakeOut(self)),
        }
        None
    }

    /// Draws it.
    pub(crate) fn draw(&self, app: &App, frame: &mut Frame<'_>, hits: &mut Hits) {
        let look = &app.look;
        let plain = |role| Style { bg: None, ..look.style(role) };
        let width = usize::from(frame.area().width.saturating_sub(8).min(64));
        let path = text::cut_middle(&app.shown_path(&self.path), width, look.glyphs.ellipsis);
        let lines = vec![
            Line::raw(""),
            Line::styled(text::cut_end(&self.title, width, look.glyphs.ellipsis), plain(Role::Strong)),
            Line::styled(path, plain(Role::Link)),
            Line::styled(
                if self.missing { "missing".to_owned() } else { ByteCount(self.size).to_string() },
                plain(Role::Dim),
            ),
        ];
        let title = "Take it out of the library?";
        let area = dialog::open(app, frame, hits, title, (u16::try_from(width).unwrap_or(60), 6));
        dialog::lines(frame, area, lines);
        let mut buttons = vec![
            ("Enter", "no, keep it".to_owned(), "enter"),
            ("r", "the entry, the file stays".to_owned(), "r"),
        ];
        if !self.missing {
            buttons.push(("f", "the file too".to_owned(), "f"));
        }
        dialog::buttons(app, frame, hits, area, &buttons);
    }
}

/// Draws all about the file under the cursor.
pub(crate) fn draw(top: usize, app: &App, frame: &mut Frame<'_>, hits: &mut Hits) {
    let title = app.library.row().map_or("File", |row| row.title.as_str());
    dialog::page(app, frame, hits, title, 90, top, |width| medium::lines(app, width));
}
