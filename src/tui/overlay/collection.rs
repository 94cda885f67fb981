//! What a collection sets for its downloads: its name, folder, files at once, limit, preset, and what is run when all of it is done.

use crokey::KeyCombination;
use ratatui::Frame;

use super::edit::folder_of;
use super::form::{Field, Form, Step, Wrong};
use crate::links::{joined_words, words};
use crate::model::id::CollectionId;
use crate::model::record::CollectionSettings;
use crate::model::request::Request;
use crate::model::units::ByteRate;
use crate::model::view::CollectionRow;
use crate::tui::app::{App, Tone};
use crate::tui::effect::Purpose;
use crate::tui::hit::Hits;

/// The dialog.
#[derive(Debug)]
pub(crate) struct Collection {
    id: CollectionId,
    name: String,
    before: CollectionSettings,
    form: Form,
}

impl Collection {
    /// Starts with what is set.
    pub(crate) fn new(row: &CollectionRow, app: &App) -> Self {
        let own = &row.settings;
        let folder = own.folder.as_ref().map(|folder| app.shown_path(&folder.display().to_string()));
        let number = own.parallel.map(|parallel| parallel.to_string());
        let limit = own.limit.map(|limit| ByteRate(limit).to_string());
        let hook = own.hook.as_deref().map(joined_words);
        let form = Form::new(vec![
            Field::text("Name", "what it is called", row.name.clone()),
            Field::text(
                "Folder",
                "for what is added to it; empty: the usual one",
                folder.unwrap_or_default(),
            ),
            Field::text(
                "At once",
                "so many of its files run at once; empty: as many as may",
                number.unwrap_or_default(),
            ),
            Field::text(
                "Limit",
                "2MB/s, 500k, 5Mbit/s for all of it together; empty: none",
                limit.unwrap_or_default(),
            ),
            Field::text(
                "Preset",
                "for what is added to it; empty: none",
                own.preset.clone().unwrap_or_default(),
            ),
            Field::text(
                "When done",
                "a program and its arguments, run when all of it is done",
                hook.unwrap_or_default(),
            ),
        ]);
        Self { id: row.id, name: row.name.clone(), before: own.clone(), form }
    }

    /// Takes in a key.
    pub(crate) fn key(mut self, key: KeyCombination, app: &mut App) -> Option<Self> {
        match self.form.key(key) {
            Step::On => Some(self),
            Step::Back => None,
            Step::Take => match self.save(app) {
                Ok(()) => None,
                Err(wrong) => {
                    self.form.refuse(wrong);
                    Some(self)
                }
            },
        }
    }

    fn save(&self, app: &mut App) -> Result<(), Wrong> {
        let form = &self.form;
        let mut settings = self.before.clone();
        let given = |name| form.changed(name).map(|typed| Some(typed).filter(|typed| !typed.is_empty()));
        if let Some(folder) = given("Folder") {
            let folder = folder.map(|folder| folder_of(folder, app)).transpose();
            settings.folder = folder.map_err(|why| Wrong::of("Folder", why))?;
        }
        if let Some(number) = given("At once") {
            let parse = |typed: &str| typed.parse().ok().filter(|number| (1..=1000).contains(number));
            let wrong = || Wrong::of("At once", "a number from 1 to 1000");
            settings.parallel = number.map(|typed| parse(typed).ok_or_else(wrong)).transpose()?;
        }
        if let Some(limit) = given("Limit") {
            let parse = |typed: &str| {
                typed.parse::<ByteRate>().map_err(|error| Wrong::of("Limit", error.to_string()))
            };
            settings.limit = limit.map(parse).transpose()?.map(|rate| rate.0).filter(|rate| *rate > 0);
        }
        if let Some(preset) = given("Preset") {
            settings.preset = preset.map(str::to_owned);
        }
        if let Some(hook) = given("When done") {
            settings.hook = hook.map(words);
        }
        let name = match form.changed("Name") {
            Some("") => return Err(Wrong::of("Name", "it needs a name")),
            name => name.map(str::to_owned),
        };
        if name.is_none() && settings == self.before {
            app.say(Tone::Plain, "nothing was changed".into());
            return Ok(());
        }
        let settings = Some(settings).filter(|settings| *settings != self.before);
        let said = format!("{}: changed", name.as_deref().unwrap_or(&self.name));
        app.ask(Purpose::Say(said), Request::SetCollection { id: self.id, name, settings });
        Ok(())
    }

    /// Its fields.
    pub(super) fn form(&mut self) -> &mut Form {
        &mut self.form
    }

    /// Draws it.
    pub(crate) fn draw(&self, app: &App, frame: &mut Frame<'_>, hits: &mut Hits) {
        self.form.draw(&format!("Collection {}", self.name), app, frame, hits);
    }
}
