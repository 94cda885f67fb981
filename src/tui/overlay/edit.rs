//! What a download was added with: name, folder, link, priority, connections, checksum, request headers and what it is.

use std::path::PathBuf;

use crokey::KeyCombination;
use ratatui::Frame;

use super::form::{Field, Form, Step, Wrong};
use crate::links::header::parse_header;
use crate::model::id::DownloadId;
use crate::model::item::{GivenHeader, Priority};
use crate::model::request::{Act, Changes, Request};
use crate::model::selector::Selector;
use crate::model::view::DownloadDetail;
use crate::tui::app::{App, Tone};
use crate::tui::effect::Purpose;
use crate::tui::hit::Hits;

/// What a download may be said to be, by the names of item info.
pub(crate) const INFO: [&str; 4] = ["Distributor", "Title", "Artist", "Album"];
/// Priorities, in the order in which they are gone through.
const PRIORITIES: [(Priority, &str); 4] = [
    (Priority::Now, "now, at full speed"),
    (Priority::High, "high"),
    (Priority::Normal, "normal"),
    (Priority::Low, "low"),
];

/// The dialog.
#[derive(Debug)]
pub(crate) struct Edit {
    id: DownloadId,
    title: String,
    form: Form,
}

impl Edit {
    /// Starts with what is known, and with what was typed before and not taken.
    pub(crate) fn new(detail: &DownloadDetail, draft: Option<Self>) -> Self {
        let folder = std::path::Path::new(&detail.path).parent().map(|folder| folder.display().to_string());
        let connections = detail.connections.map(|value| value.to_string()).unwrap_or_default();
        let names = PRIORITIES.iter().map(|(_, name)| (*name).to_owned()).collect();
        let at = PRIORITIES.iter().position(|(priority, _)| *priority == detail.row.priority).unwrap_or(2);
        let mut fields = vec![
            Field::text("Name", "of the file, when it is whole", detail.row.name.clone()),
            Field::text("Folder", "what is here moves there when it is whole", folder.unwrap_or_default()),
            Field::text("Link", "the same file elsewhere; what is here is kept", detail.source_url.clone()),
            Field::choice("Priority", "Left and Right change it", names, at),
            Field::text("Connections", "at most so many; empty leaves it to haul", connections),
            Field::text(
                "Checksum",
                "sha-256:… and others; compared before the file gets its name",
                detail.checksum.clone().unwrap_or_default(),
            ),
            Field::text(
                "Headers",
                "Name: value | Name: value, instead of all it had; none takes them away",
                "",
            ),
        ];
        fields.extend(INFO.iter().map(|name| {
            let hint = match *name {
                "Distributor" => "the shop's name on its shelf; what the file itself says comes first",
                _ => "what the file itself says comes first",
            };
            Field::text(name, hint, detail.info.get(*name).cloned().unwrap_or_default())
        }));
        let mut form = Form::new(fields);
        if let Some(draft) = draft {
            form.take_over(draft.form);
        }
        Self { id: detail.row.id, title: detail.row.name.clone(), form }
    }

    /// What it is about.
    pub(crate) fn id(&self) -> DownloadId {
        self.id
    }

    /// Takes in a key.
    pub(crate) fn key(mut self, key: KeyCombination, app: &mut App) -> Option<Self> {
        match self.form.key(key) {
            Step::On => Some(self),
            Step::Back => {
                if self.form.is_changed() {
                    app.drafts.edit = Some(Box::new(self));
                    app.say_filled(Tone::Plain, "nothing is changed; {edit} brings back what you typed");
                }
                None
            }
            Step::Take => match self.changes(app) {
                Ok(changes) => {
                    self.save(changes, app);
                    None
                }
                Err(wrong) => {
                    self.form.refuse(wrong);
                    Some(self)
                }
            },
        }
    }

    /// What was typed is kept until the engine took it: it may know better.
    fn save(self, changes: Changes, app: &mut App) {
        let priority = self.form.chosen("Priority").and_then(|at| PRIORITIES.get(at));
        let has_changes = changes != Changes::default();
        if priority.is_none() && !has_changes {
            return app.say(Tone::Plain, "nothing was changed".into());
        }
        if let Some((priority, _)) = priority {
            app.act_on(vec![self.id], Act::SetPriority { priority: *priority }, "changed");
        }
        if has_changes {
            let select = Selector { ids: vec![self.id], ..Selector::default() };
            let act = Act::Set(Box::new(changes));
            app.ask(Purpose::Saved, Request::Act { select, act });
            app.marks.clear();
            app.drafts.edit = Some(Box::new(self));
        }
    }

    /// Its fields.
    pub(super) fn form(&mut self) -> &mut Form {
        &mut self.form
    }

    fn changes(&self, app: &App) -> Result<Changes, Wrong> {
        let form = &self.form;
        let mut changes = Changes::default();
        if let Some(name) = form.changed("Name") {
            changes.name = Some(file_name(name).map_err(|why| Wrong::of("Name", why))?);
        }
        if let Some(folder) = form.changed("Folder") {
            changes.folder = Some(folder_of(folder, app).map_err(|why| Wrong::of("Folder", why))?);
        }
        if let Some(link) = form.changed("Link") {
            let wrong = |_| Wrong::of("Link", "that is no link: it begins with https:// or http://");
            changes.url = Some(link.parse().map_err(wrong)?);
        }
        if let Some(connections) = form.changed("Connections") {
            let number = connections.parse().ok().filter(|number| (1..=64).contains(number));
            let wrong = || Wrong::of("Connections", "a number from 1 to 64");
            changes.connections = Some(number.ok_or_else(wrong)?);
        }
        if let Some(checksum) = form.changed("Checksum") {
            let checksum = checksum.parse().map_err(|error| Wrong::of("Checksum", format!("{error}")))?;
            changes.checksum = Some(checksum);
        }
        if let Some(typed) = form.changed("Headers") {
            changes.headers = Some(headers(typed).map_err(|why| Wrong::of("Headers", why))?);
        }
        for name in INFO {
            if let Some(value) = form.changed(name) {
                changes.info.insert(name.to_owned(), value.to_owned());
            }
        }
        Ok(changes)
    }

    /// Draws it.
    pub(crate) fn draw(&self, app: &App, frame: &mut Frame<'_>, hits: &mut Hits) {
        self.form.draw(&self.title, app, frame, hits);
    }
}

/// Reads request headers as they are typed: `Name: value | Name: value`, or `none`.
pub(crate) fn headers(typed: &str) -> Result<Vec<GivenHeader>, String> {
    let typed = typed.trim();
    if typed.is_empty() || typed == "none" {
        return Ok(Vec::new());
    }
    typed.split(" | ").map(parse_header).collect()
}

/// Reads a file's name as a person types it.
pub(crate) fn file_name(typed: &str) -> Result<String, String> {
    match typed.trim() {
        "" => Err("it needs a name".into()),
        "." | ".." => Err("that is no file's name".into()),
        name if name.contains('/') => Err("a name has no /; the folder is a field of its own".into()),
        name => Ok(name.to_owned()),
    }
}

/// Reads a folder for downloads as a person types it: where the engine is on this machine it must be there, and let them in.
pub(crate) fn folder_of(typed: &str, app: &App) -> Result<PathBuf, String> {
    let path = absolute(typed, app)?;
    app.options.check_folder.map_or(Ok(()), |check| check(&path))?;
    Ok(path)
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
