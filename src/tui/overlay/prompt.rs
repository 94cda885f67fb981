//! One line of text for one purpose: a new link, a name.

use crokey::KeyCombination;
use crokey::crossterm::event::KeyCode;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use tui_input::Input;
use url::Url;

use super::dialog;
use crate::config::theme::Role;
use crate::model::id::{CollectionId, DownloadId};
use crate::model::request::{Act, Request};
use crate::tui::app::App;
use crate::tui::effect::Purpose;
use crate::tui::hit::Hits;
use crate::tui::{text, typed, words};

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// Where the same file is now.
    NewLink,
    /// What a new collection is called.
    NewCollection,
    /// What the collection is called from now on.
    RenameCollection,
}

/// A question, and what was typed so far.
#[derive(Debug)]
pub(crate) struct Prompt {
    question: Question,
    input: Input,
    about: String,
    wrong: Option<String>,
    downloads: Vec<DownloadId>,
    collection: Option<CollectionId>,
}

impl Prompt {
    /// Asks.
    pub(crate) fn new(question: Question, app: &App) -> Self {
        let downloads = app.targets();
        let name = match downloads[..] {
            [id] => app.list.row(id).map(|row| row.name.clone()).unwrap_or_default(),
            _ => words::downloads(downloads.len()),
        };
        let collection = app.cursor_collection();
        let (about, start) = match question {
            Question::NewLink => (name, String::new()),
            Question::NewCollection => ("a new collection".into(), String::new()),
            Question::RenameCollection => {
                let name = collection.map(|row| row.name.clone()).unwrap_or_default();
                (name.clone(), name)
            }
        };
        Self {
            question,
            input: Input::new(start),
            about,
            wrong: None,
            downloads,
            collection: collection.map(|row| row.id),
        }
    }

    fn words(&self) -> (&'static str, &'static str) {
        match self.question {
            Question::NewLink => {
                ("New link for the same file", "paste it here; the bytes that are here are kept")
            }
            Question::NewCollection => ("New collection", "a name"),
            Question::RenameCollection => ("Rename the collection", "a name"),
        }
    }

    /// Takes in a key.
    pub(crate) fn key(mut self, key: KeyCombination, app: &mut App) -> Option<Self> {
        match typed::plain_code(key) {
            Some(KeyCode::Esc) => None,
            Some(KeyCode::Enter) => match self.answer(app) {
                Ok(()) => None,
                Err(wrong) => {
                    self.wrong = Some(wrong);
                    Some(self)
                }
            },
            _ => {
                if typed::edit(&mut self.input, key) {
                    self.wrong = None;
                }
                Some(self)
            }
        }
    }

    /// Takes in a paste.
    pub(crate) fn paste(&mut self, text: &str) -> bool {
        typed::insert(&mut self.input, text);
        self.wrong = None;
        true
    }

    fn answer(&self, app: &mut App) -> Result<(), String> {
        let typed = self.input.value().trim();
        match self.question {
            Question::NewLink => {
                let url: Url = typed
                    .parse()
                    .map_err(|_| "that is no link: it begins with https:// or http://".to_owned())?;
                if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
                    return Err("that is no link: it begins with https:// or http://".into());
                }
                app.act_on(self.downloads.clone(), Act::RefreshUrl { url }, "goes on with the new link");
            }
            Question::NewCollection => {
                refuse_taken(typed, None, app)?;
                let name = Some(typed.to_owned()).filter(|name| !name.is_empty());
                app.ask(Purpose::Say("the collection is made".into()), Request::CreateCollection { name });
            }
            Question::RenameCollection => {
                if typed.is_empty() {
                    return Err("it needs a name".into());
                }
                refuse_taken(typed, self.collection, app)?;
                if let Some(id) = self.collection {
                    let request = Request::SetCollection { id, name: Some(typed.to_owned()), settings: None };
                    app.ask(Purpose::Say("renamed".into()), request);
                }
            }
        }
        Ok(())
    }

    /// Draws it.
    pub(crate) fn draw(&self, app: &App, frame: &mut Frame<'_>, hits: &mut Hits) {
        let look = &app.look;
        let (title, hint) = self.words();
        let width = frame.area().width.saturating_sub(8).min(64);
        let plain = |role| Style { bg: None, ..look.style(role) };
        let area = dialog::open(app, frame, hits, title, (width, 6));
        let about = text::cut_middle(&self.about, usize::from(width), look.glyphs.ellipsis);
        dialog::lines(frame, Rect { height: 1, ..area }, vec![Line::styled(about, plain(Role::Strong))]);
        dialog::input(app, frame, Rect { y: area.y + 2, height: 1, ..area }, &self.input, true);
        let (said, role) = match &self.wrong {
            Some(wrong) => (wrong.as_str(), Role::Error),
            None => (hint, Role::Dim),
        };
        let said = text::cut_end(said, usize::from(width), look.glyphs.ellipsis);
        dialog::lines(
            frame,
            Rect { y: area.y + 3, height: 1, ..area },
            vec![Line::styled(said, plain(role))],
        );
        let buttons = [("Esc", "back".to_owned(), "esc"), ("Enter", "take it".to_owned(), "enter")];
        dialog::buttons(app, frame, hits, area, &buttons);
    }
}

/// A collection's name is its own.
fn refuse_taken(name: &str, own: Option<CollectionId>, app: &App) -> Result<(), String> {
    let is_taken = app.collections.iter().any(|row| row.name == name && Some(row.id) != own);
    if is_taken { Err("there is a collection of that name already".into()) } else { Ok(()) }
}
