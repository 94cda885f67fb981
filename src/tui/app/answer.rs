//! What the engine answers, and what a person is told of it.

use std::path::{Path, PathBuf};

use super::{App, Tone};
use crate::model::item::Mode;
use crate::model::request::{Acted, Added, AddedHow, Refusal, Reply};
use crate::model::view::DownloadDetail;
use crate::tui::effect::{Effect, Purpose};
use crate::tui::overlay::Overlay;
use crate::tui::overlay::edit::Edit;
use crate::tui::overlay::limit::Limit;
use crate::tui::overlay::pick::Pick;
use crate::tui::words;

impl App {
    /// Takes in an answer.
    pub(super) fn answered(&mut self, purpose: Purpose, answer: Result<Reply, Refusal>) {
        let reply = match answer {
            Ok(reply) => reply,
            Err(refusal) => return self.refused(&purpose, &refusal),
        };
        match (purpose, reply) {
            (Purpose::Detail(id), Reply::Detail(detail)) => {
                self.asked.detail = None;
                if self.cursor_row().is_some_and(|row| row.id == id) {
                    self.detail = Some(detail);
                }
            }
            (Purpose::Known(first), Reply::Known(known)) => {
                if let Some(Overlay::Add(mut add)) =
                    self.overlay.take_if(|over| matches!(over, Overlay::Add(_)))
                {
                    add.mind_known(first, &known, self);
                    self.overlay = Some(Overlay::Add(add));
                }
            }
            (Purpose::Log, Reply::History(lines)) => self.log_read(lines),
            (Purpose::Library(asked), Reply::Library(reply)) => self.shelf_answered(asked, reply),
            (Purpose::Add(mode), Reply::Added(added)) => self.added(mode, &added),
            (Purpose::SetMode(mode), Reply::Acted(acted)) => self.mode_set(mode, &acted),
            (Purpose::Act(word), Reply::Acted(acted)) => self.acted(word, &acted),
            (Purpose::Undo, Reply::Acted(acted)) => {
                self.undoable = false;
                if acted.is_empty() {
                    self.say(Tone::Plain, "nothing is left to take back".into());
                } else {
                    self.acted("taken back", &acted);
                }
            }
            (Purpose::CopyLink, Reply::Detail(detail)) => self.copy(detail.source_url, "the link is copied"),
            (Purpose::CopyLink, Reply::Batch(batch)) => {
                let links: Vec<_> = batch.downloads.iter().map(|new| new.url.to_string()).collect();
                let said = format!("{} links are copied", links.len());
                self.copy(links.join("\n"), &said);
            }
            (Purpose::CopyPath, Reply::Detail(detail)) => self.copy(detail.path, "the path is copied"),
            (Purpose::Open, Reply::Detail(detail)) => self.open(&detail),
            (Purpose::OpenFolder, Reply::Detail(detail)) => {
                if let Some(folder) = Path::new(&detail.path).parent() {
                    self.effects.push(Effect::Open(folder.to_owned()));
                }
            }
            (Purpose::Edit, Reply::Detail(detail)) if self.overlay.is_none() => {
                let draft = self.drafts.edit.take_if(|draft| draft.id() == detail.row.id);
                self.overlay = Some(Overlay::Edit(Box::new(Edit::new(&detail, draft.map(|draft| *draft)))));
            }
            (Purpose::Saved, Reply::Acted(acted)) => {
                self.acted("changed", &acted);
                let is_refused = acted.iter().any(|one| one.refused.is_some());
                if is_refused {
                    self.say_more("{edit} brings back what you typed");
                } else {
                    self.drafts.edit = None;
                }
            }
            (Purpose::Limit(everything), Reply::Standing(standing)) if self.overlay.is_none() => {
                let limit = Limit::new(&standing, everything, self);
                self.overlay = Some(Overlay::Limit(Box::new(limit)));
            }
            (Purpose::Presets, Reply::Presets(rows)) if self.overlay.is_none() => {
                if rows.is_empty() {
                    self.say(Tone::Plain, "there are no presets there".into());
                } else {
                    self.overlay = Some(Overlay::Pick(Pick::presets(rows)));
                }
            }
            (Purpose::Say(text), _) => self.say(Tone::Good, text),
            (Purpose::ThenLeave, _) => self.go(true),
            _ => {}
        }
    }

    fn refused(&mut self, purpose: &Purpose, refusal: &Refusal) {
        match purpose {
            Purpose::Detail(_) => self.asked.detail = None,
            Purpose::Log => self.asked.log = false,
            Purpose::ThenLeave => self.leaving = false,
            Purpose::Library(asked) => return self.shelf_refused(asked, &told(refusal)),
            _ => {}
        }
        if !matches!(purpose, Purpose::Detail(_) | Purpose::Known(_)) {
            self.say(Tone::Bad, told(refusal));
        }
        if *purpose == Purpose::Saved {
            self.say_more("{edit} brings back what you typed");
        }
    }

    fn added(&mut self, mode: Mode, added: &[Added]) {
        let count = |how| added.iter().filter(|one| one.how == how).count();
        if mode == Mode::RealTime {
            self.own.extend(added.iter().filter(|one| one.how == AddedHow::New).map(|one| one.id));
        }
        let parts = [
            (count(AddedHow::New), "added"),
            (count(AddedHow::Attached), "in the list already"),
            (count(AddedHow::AlreadyHere), "already here"),
        ];
        let told: Vec<_> = parts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        if let [one] = added {
            self.go_to_download(one.id);
        }
        self.say(Tone::Good, told.join(", "));
    }

    fn mode_set(&mut self, mode: Mode, acted: &[Acted]) {
        let done = acted.iter().filter(|one| one.refused.is_none());
        match mode {
            Mode::RealTime => self.own.extend(done.map(|one| one.id)),
            Mode::Background => done.for_each(|one| {
                self.own.remove(&one.id);
            }),
        }
        let word = match mode {
            Mode::RealTime => "in real time: front first, lost if you quit".to_owned(),
            Mode::Background => format!("in the background: {}", words::afterwards(&self.options)),
        };
        self.acted(&word, acted);
    }

    fn acted(&mut self, word: &str, acted: &[Acted]) {
        let word = &self.options.keymap.fill(word);
        let refused: Vec<&Refusal> = acted.iter().filter_map(|one| one.refused.as_ref()).collect();
        let done = acted.len() - refused.len();
        if done > 0 && (word == "cancelled" || word.starts_with("removed")) {
            self.undoable = true;
        }
        match (done, refused.as_slice()) {
            (0, []) => self.say(Tone::Plain, "there was nothing to do".into()),
            (0, [one]) => self.say(Tone::Bad, told(one)),
            (0, many) => {
                let text = format!("none of {}: {}", words::downloads(many.len()), reasons(many));
                self.say(Tone::Bad, text);
            }
            (1, []) => {
                let name = acted.first().and_then(|one| self.list.row(one.id)).map(|row| row.name.clone());
                match name {
                    Some(name) => self.say_of(Tone::Good, name, word),
                    None => self.say(Tone::Good, word.clone()),
                }
            }
            (done, []) => self.say(Tone::Good, format!("{} {word}", words::downloads(done))),
            (done, many) => {
                let text =
                    format!("{} {word}, {} not: {}", words::downloads(done), many.len(), reasons(many));
                self.say(Tone::Warning, text);
            }
        }
    }

    fn copy(&mut self, text: String, said: &str) {
        self.effects.push(Effect::Copy(text));
        self.say(Tone::Good, said.to_owned());
    }

    /// Programs and launchers are never opened without a question.
    fn open(&mut self, detail: &DownloadDetail) {
        let path = PathBuf::from(&detail.path);
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_lowercase();
        let acts = [
            "desktop", "sh", "run", "appimage", "exe", "msi", "bat", "cmd", "jar", "py", "deb", "rpm", "bin",
        ];
        if acts.contains(&ending.as_str()) || (ending.is_empty()) {
            let confirm = crate::tui::overlay::confirm::Confirm::open(path, detail.row.name.clone());
            self.overlay = Some(Overlay::Confirm(confirm));
        } else {
            self.effects.push(Effect::Open(path));
        }
    }
}

fn told(refusal: &Refusal) -> String {
    let mut hint = refusal.hint.chars();
    hint.next().map_or_else(
        || refusal.text.clone(),
        |first| format!("{}. {}{}", refusal.text, first.to_uppercase(), hint.as_str()),
    )
}

/// Why some were refused: where it is not the same for all, each reason with how many have it, the commonest first.
fn reasons(refused: &[&Refusal]) -> String {
    let mut counts = std::collections::BTreeMap::new();
    for refusal in refused {
        *counts.entry(refusal.text.as_str()).or_insert(0) += 1;
    }
    if let ([first, ..], 1) = (refused, counts.len()) {
        return told(first);
    }
    let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.iter().map(|(text, count)| format!("{text} ({count})")).collect::<Vec<_>>().join(", ")
}
