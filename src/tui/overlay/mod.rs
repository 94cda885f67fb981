//! What lies over the panes: one thing at a time. `Esc` always goes back one step and loses nothing.

pub(crate) mod add;
pub(crate) mod collection;
pub(crate) mod confirm;
pub(crate) mod detail;
pub(crate) mod dialog;
pub(crate) mod edit;
pub(crate) mod form;
pub(crate) mod help;
pub(crate) mod leave;
pub(crate) mod limit;
pub(crate) mod medium;
pub(crate) mod palette;
pub(crate) mod pick;
pub(crate) mod prompt;
pub(crate) mod settings;

use crokey::KeyCombination;
use crokey::crossterm::event::KeyCode;
use ratatui::Frame;

use super::app::App;
use super::hit::Hits;
use super::typed;
use add::Add;
use collection::Collection;
use confirm::Confirm;
use edit::Edit;
use help::Help;
use leave::Leave;
use limit::Limit;
use medium::{Reshelve, TakeOut};
use palette::Palette;
use pick::Pick;
use prompt::Prompt;
use settings::Settings;

/// What lies over the panes.
#[derive(Debug)]
pub(crate) enum Overlay {
    /// Adding downloads.
    Add(Box<Add>),
    /// What a collection sets.
    Collection(Box<Collection>),
    /// A question whether to go on.
    Confirm(Confirm),
    /// The whole of the details, and which line comes first.
    Detail(usize),
    /// What a download was added with.
    Edit(Box<Edit>),
    /// Every key.
    Help(Help),
    /// Leaving, where something would be lost.
    Leave(Leave),
    /// How fast something may be.
    Limit(Box<Limit>),
    /// The whole of what is known of a finished file, and which line comes first.
    Medium(usize),
    /// Every command.
    Palette(Palette),
    /// One of several.
    Pick(Pick),
    /// One line of text.
    Prompt(Prompt),
    /// Every setting.
    Settings(Settings),
    /// The distributor and the kind of a finished file.
    Reshelve(Reshelve),
    /// The ways to take a finished file out of the library.
    TakeOut(TakeOut),
}

impl Overlay {
    /// Takes in a key. Returns what lies over the panes after it.
    pub(crate) fn key(self, key: KeyCombination, app: &mut App) -> Option<Self> {
        match self {
            Self::Add(add) => add.key(key, app).map(|add| Self::Add(Box::new(add))),
            Self::Collection(own) => own.key(key, app).map(|own| Self::Collection(Box::new(own))),
            Self::Confirm(confirm) => confirm.key(key, app).map(Self::Confirm),
            Self::Detail(top) => scrolled(key, top).map(Self::Detail),
            Self::Edit(edit) => edit.key(key, app).map(|edit| Self::Edit(Box::new(edit))),
            Self::Help(help) => help.key(key).map(Self::Help),
            Self::Leave(leave) => leave.key(key, app).map(Self::Leave),
            Self::Limit(limit) => limit.key(key, app).map(|limit| Self::Limit(Box::new(limit))),
            Self::Palette(palette) => palette.key(key, app).map(Self::Palette),
            Self::Pick(pick) => pick.key(key, app).map(Self::Pick),
            Self::Prompt(prompt) => prompt.key(key, app).map(Self::Prompt),
            Self::Settings(settings) => settings.key(key, app),
            Self::Medium(top) => scrolled(key, top).map(Self::Medium),
            Self::Reshelve(reshelve) => reshelve.key(key, app).map(Self::Reshelve),
            Self::TakeOut(take_out) => take_out.key(key, app),
        }
    }

    /// Takes in a click on one of its lines.
    pub(crate) fn choose(mut self, at: usize, app: &mut App) -> Option<Self> {
        if let Some(form) = self.form() {
            form.choose(at);
            return Some(self);
        }
        match self {
            Self::Pick(pick) => pick.choose(at, app).map(Self::Pick),
            Self::Palette(palette) => palette.choose(at, app).map(Self::Palette),
            Self::Add(add) => Some(Self::Add(Box::new(add.choose(at)))),
            Self::Limit(limit) => Some(Self::Limit(Box::new(limit.choose(at)))),
            Self::Settings(settings) => settings.choose(at, app),
            Self::Reshelve(reshelve) => Some(Self::Reshelve(reshelve.choose(at))),
            other => Some(other),
        }
    }

    /// Takes in a paste, where text is typed in it.
    pub(crate) fn paste(&mut self, text: &str) -> bool {
        if let Some(form) = self.form() {
            form.paste(text);
            return true;
        }
        match self {
            Self::Add(add) => add.paste(text),
            Self::Limit(limit) => limit.paste(text),
            Self::Palette(palette) => palette.paste(text),
            Self::Prompt(prompt) => prompt.paste(text),
            Self::Settings(settings) => settings.paste(text),
            Self::Reshelve(reshelve) => reshelve.paste(text),
            _ => false,
        }
    }

    /// The fields of what is nothing but a form.
    fn form(&mut self) -> Option<&mut form::Form> {
        match self {
            Self::Edit(edit) => Some(edit.form()),
            Self::Collection(own) => Some(own.form()),
            _ => None,
        }
    }

    /// Draws it.
    pub(crate) fn draw(&self, app: &App, frame: &mut Frame<'_>, hits: &mut Hits) {
        match self {
            Self::Add(add) => add.draw(app, frame, hits),
            Self::Collection(own) => own.draw(app, frame, hits),
            Self::Confirm(confirm) => confirm.draw(app, frame, hits),
            Self::Detail(top) => detail::draw(*top, app, frame, hits),
            Self::Edit(edit) => edit.draw(app, frame, hits),
            Self::Help(help) => help.draw(app, frame, hits),
            Self::Leave(leave) => leave.draw(app, frame, hits),
            Self::Limit(limit) => limit.draw(app, frame, hits),
            Self::Palette(palette) => palette.draw(app, frame, hits),
            Self::Pick(pick) => pick.draw(app, frame, hits),
            Self::Prompt(prompt) => prompt.draw(app, frame, hits),
            Self::Settings(settings) => settings.draw(app, frame, hits),
            Self::Medium(top) => medium::draw(*top, app, frame, hits),
            Self::Reshelve(reshelve) => reshelve.draw(app, frame, hits),
            Self::TakeOut(take_out) => take_out.draw(app, frame, hits),
        }
    }
}

/// The first line after a key; none where the key closes the page.
fn scrolled(key: KeyCombination, top: usize) -> Option<usize> {
    match typed::plain_code(key) {
        Some(KeyCode::Down | KeyCode::Char('j')) => Some(top + 1),
        Some(KeyCode::Up | KeyCode::Char('k')) => Some(top.saturating_sub(1)),
        _ => None,
    }
}
