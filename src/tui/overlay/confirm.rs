//! A question before data is lost. It names the thing, and the safe answer is the default.

use std::path::PathBuf;

use crokey::KeyCombination;
use crokey::crossterm::event::KeyCode;
use ratatui::Frame;
use ratatui::text::Line;

use super::dialog;
use crate::config::theme::Role;
use crate::model::id::{CollectionId, DownloadId};
use crate::model::media::MediaId;
use crate::model::request::{Act, Request};
use crate::model::shelf::LibraryRequest;
use crate::model::units::ByteCount;
use crate::tui::app::App;
use crate::tui::effect::{Effect, Purpose};
use crate::tui::hit::Hits;
use crate::tui::{text, typed, words};

/// A question, and what a yes does.
#[derive(Debug)]
pub(crate) struct Confirm {
    title: String,
    lines: Vec<String>,
    yes: String,
    does: Does,
}

#[derive(Debug)]
enum Does {
    Remove(Vec<DownloadId>),
    RemoveCollection(CollectionId),
    Open(PathBuf),
    DeleteFile(MediaId, String),
}

impl Confirm {
    /// Asks before the bytes of unfinished downloads are thrown away.
    pub(crate) fn remove(ids: Vec<DownloadId>, name: Option<String>, bytes: u64) -> Self {
        let what = name.unwrap_or_else(|| words::downloads(ids.len()));
        Self {
            title: "Remove?".into(),
            lines: vec![
                what,
                format!("{} that are here already are thrown away.", ByteCount(bytes)),
                "{undo} takes it back for 30 seconds.".into(),
            ],
            yes: "remove".into(),
            does: Does::Remove(ids),
        }
    }

    /// Asks before a collection goes.
    pub(crate) fn remove_collection(id: CollectionId, name: String, count: usize) -> Self {
        let goes = match count {
            0 => "It is empty.".to_owned(),
            1 => "Its download goes to the default collection.".to_owned(),
            count => format!("Its {count} downloads go to the default collection."),
        };
        Self {
            title: "Remove the collection?".into(),
            lines: vec![name, goes],
            yes: "remove it".into(),
            does: Does::RemoveCollection(id),
        }
    }

    /// Asks before a finished file is deleted for good.
    pub(crate) fn delete_file(id: MediaId, title: String, path: String, size: u64) -> Self {
        Self {
            title: "Delete the file for good?".into(),
            lines: vec![
                title.clone(),
                path,
                format!("{} are deleted; nothing brings them back.", ByteCount(size)),
            ],
            yes: "delete it".into(),
            does: Does::DeleteFile(id, title),
        }
    }

    /// Asks before a program is started.
    pub(crate) fn open(path: PathBuf, name: String) -> Self {
        Self {
            title: "Open a program?".into(),
            lines: vec![
                name,
                "It may run on this machine. Open it only if you trust where it came from.".into(),
            ],
            yes: "open it".into(),
            does: Does::Open(path),
        }
    }

    /// Takes in a key: only `y` says yes.
    pub(crate) fn key(self, key: KeyCombination, app: &mut App) -> Option<Self> {
        match typed::plain_code(key) {
            Some(KeyCode::Char('y')) => match self.does {
                Does::Remove(ids) => app.act_on(ids, Act::Remove, "removed; {undo} takes it back"),
                Does::RemoveCollection(id) => {
                    let request = Request::RemoveCollection { id, with_downloads: false };
                    app.ask(Purpose::Say("the collection is removed".into()), request);
                }
                Does::Open(path) => app.want(Effect::Open(path)),
                Does::DeleteFile(id, title) => {
                    let request = LibraryRequest::DeleteFiles { ids: vec![id] };
                    app.change_shelf(format!("{title}: deleted"), request);
                }
            },
            Some(KeyCode::Char('n') | KeyCode::Esc | KeyCode::Enter) => {}
            _ => return Some(self),
        }
        None
    }

    /// Draws it.
    pub(crate) fn draw(&self, app: &App, frame: &mut Frame<'_>, hits: &mut Hits) {
        let most = usize::from(frame.area().width.saturating_sub(6)).min(70);
        let mut shown: Vec<Line<'_>> = vec![Line::raw("")];
        for (at, line) in self.lines.iter().enumerate() {
            let style = app.look.style(if at == 0 { Role::Strong } else { Role::Text });
            let style = ratatui::style::Style { bg: None, ..style };
            // The first line is a name, from wherever it may be.
            let line = if at == 0 { line.clone() } else { app.options.keymap.fill(line) };
            for piece in text::wrap(&line, most) {
                shown.push(Line::styled(piece, style));
            }
        }
        let width = shown.iter().map(Line::width).max().unwrap_or(0).max(44);
        let height = u16::try_from(shown.len()).unwrap_or(u16::MAX) + 2;
        let area = dialog::open(app, frame, hits, &self.title, (u16::try_from(width).unwrap_or(60), height));
        dialog::lines(frame, area, shown);
        let buttons = [("Enter", "no, keep it".to_owned(), "enter"), ("y", self.yes.clone(), "y")];
        dialog::buttons(app, frame, hits, area, &buttons);
    }
}
