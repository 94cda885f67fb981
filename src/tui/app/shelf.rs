//! What keys do on the library's pane, and what is asked for to show it.

use crokey::KeyCombination;
use crokey::crossterm::event::KeyCode;
use ratatui::layout::Rect;

use super::{App, Tone};
use crate::command::{Command, Shelf};
use crate::model::media::MediaId;
use crate::model::request::Request;
use crate::model::shelf::{LibraryReply, LibraryRequest};
use crate::tui::effect::{Effect, Purpose};
use crate::tui::layout::{Pane, Size, areas};
use crate::tui::library::{Asked, Cover, Found, Order};
use crate::tui::overlay::Overlay;
use crate::tui::overlay::medium::{Reshelve, TakeOut};
use crate::tui::picture::Picture;
use crate::tui::typed;
use crate::tui::view::medium;

impl App {
    /// What is under the cursor, for the table of commands.
    pub(super) fn shelf_facts(&self) -> Shelf {
        let row = self.library.row();
        Shelf {
            file: row.is_some(),
            known: self.library.detail().is_some(),
            missing: row.is_some_and(|row| row.missing),
        }
    }

    /// Carries out a command that means something else here than for downloads. Returns whether it was one.
    pub(super) fn run_on_shelf(&mut self, command: Command) -> bool {
        use Command as C;
        match command {
            C::Open => self.play(),
            C::OpenFolder => {
                if let Some(folder) = self.library.path().and_then(|path| path.parent().map(Into::into)) {
                    self.effects.push(Effect::Open(folder));
                }
            }
            C::Copy | C::CopyPath => {
                if let Some(path) = self.library.path() {
                    self.effects.push(Effect::Copy(path.to_string_lossy().into_owned()));
                    self.say(Tone::Good, "the path is copied".into());
                }
            }
            C::Edit => {
                self.overlay = self.library.detail().map(|detail| Overlay::Reshelve(Reshelve::new(detail)));
            }
            C::Remove => {
                self.overlay = self.library.detail().map(|detail| Overlay::TakeOut(TakeOut::new(detail)));
            }
            C::Filter => self.library.found.get_or_insert_with(Found::start).typing = true,
            C::Sort => self.reorder(self.library.order.next()),
            C::Reverse => {
                let order = self.library.order;
                self.reorder(Order { turned: !order.turned, ..order });
            }
            C::Right if self.library.row().is_some() => self.show_medium(),
            C::Right => self.library.tree.open(),
            C::Left | C::Back if self.library.found.is_some() => self.library.found = None,
            C::Left => {
                if !self.library.tree.close() {
                    self.show_pane(Pane::Downloads);
                }
            }
            C::Enter if self.library.row().is_none() => self.library.tree.toggle(),
            C::Enter => match C::Open.why_not(&self.facts()) {
                // Where it can't be played, it is shown.
                Some(_) if self.room() == Size::Compact => self.show_medium(),
                Some(why) => self.say(Tone::Plain, why.into()),
                None => self.play(),
            },
            _ => return false,
        }
        true
    }

    fn play(&mut self) {
        self.effects.extend(self.library.path().map(Effect::Play));
    }

    /// All about the file, where no pane shows it.
    fn show_medium(&mut self) {
        if self.room() == Size::Compact {
            self.overlay = Some(Overlay::Medium(0));
        }
    }

    fn reorder(&mut self, order: Order) {
        self.library.reorder(order);
        let turned = if order.turned { ", turned round" } else { "" };
        self.say(Tone::Plain, format!("the library is {}{turned}", order.word()));
    }

    /// Takes in a key while a search is typed. Returns whether it was for that.
    pub(super) fn search_key(&mut self, key: KeyCombination) -> bool {
        let Some(found) = self.library.found.as_mut().filter(|found| found.typing) else { return false };
        match typed::plain_code(key) {
            Some(KeyCode::Esc) => self.library.found = None,
            Some(KeyCode::Enter) if found.text().is_empty() => self.library.found = None,
            Some(KeyCode::Enter | KeyCode::Tab) => found.typing = false,
            Some(KeyCode::Down) => found.move_by(1),
            Some(KeyCode::Up) => found.move_by(-1),
            Some(KeyCode::PageDown) => found.move_by(10),
            Some(KeyCode::PageUp) => found.move_by(-10),
            _ => {
                typed::edit(&mut found.input, key);
            }
        }
        true
    }

    /// Takes in a paste while a search is typed. Returns whether it was for that.
    pub(super) fn search_paste(&mut self, text: &str) -> bool {
        let found = self.library.found.as_mut().filter(|found| found.typing && self.pane == Pane::Library);
        found.map(|found| typed::insert(&mut found.input, text)).is_some()
    }

    /// What the pane shows is asked for when it is shown, and the cover is made ready for its place.
    pub(super) fn ask_for_shelves(&mut self) {
        let shown = self.pane == Pane::Library || self.room() == Size::Wide;
        if !self.connected || self.loading || !shown {
            return;
        }
        let room = self.cover_room();
        let side = room.and(self.options.pictures).map(crate::tui::Pictures::side);
        for (asked, request) in self.library.wants(side) {
            self.call(Purpose::Library(asked), Request::Library(request));
        }
        let Some(room) = room else { return };
        let bytes = match &self.library.cover {
            Cover::Bytes(bytes) => bytes,
            Cover::Drawn(bytes, of, _) if *of != room => bytes,
            _ => return,
        };
        if self.library.making != Some(room)
            && let Some(row) = self.library.row()
        {
            self.effects.push(Effect::Picture(row.id, bytes.clone(), room));
            self.library.making = Some(room);
        }
    }

    /// Columns and rows that the cover may take; none where it is not shown.
    fn cover_room(&self) -> Option<(u16, u16)> {
        let pictures = self.options.pictures?;
        let area = areas(self.size, self.pane, self.has_notice()).medium?;
        medium::cover_room(area).map(|room| pictures.room(room))
    }

    /// Takes in a cover that is ready.
    pub(super) fn pictured(&mut self, id: MediaId, room: (u16, u16), picture: Option<Picture>) {
        // Of whichever file it is: the next one may be made now.
        self.library.making = None;
        if self.library.row().is_none_or(|row| row.id != id) {
            return;
        }
        let bytes = match &self.library.cover {
            Cover::Bytes(bytes) | Cover::Drawn(bytes, ..) => bytes.clone(),
            _ => return,
        };
        self.library.cover = picture.map_or(Cover::None, |picture| Cover::Drawn(bytes, room, picture));
    }

    /// The picture to draw now, in the room that it was made for. One that is no text comes and goes with what lies over it.
    pub(crate) fn picture(&self, area: Rect) -> Option<&Picture> {
        let room = self.options.pictures?.room(medium::cover_room(area)?);
        match &self.library.cover {
            Cover::Drawn(_, of, picture) if *of == room => {
                (picture.is_text() || self.overlay.is_none()).then_some(picture)
            }
            _ => None,
        }
    }

    /// Takes in an answer.
    pub(super) fn shelf_answered(&mut self, asked: Asked, reply: LibraryReply) {
        match asked {
            Asked::Changed(said) => {
                self.say(Tone::Good, said);
                self.library.refresh();
            }
            asked => self.library.put(&asked, reply),
        }
    }

    /// Takes in a refusal.
    pub(super) fn shelf_refused(&mut self, asked: &Asked, told: &str) {
        match asked {
            Asked::Changed(_) => {
                self.say(Tone::Bad, told.to_owned());
                self.library.refresh();
            }
            asked => self.library.refused(asked),
        }
    }

    /// Changes the library for a dialog.
    pub(crate) fn change_shelf(&mut self, said: String, request: LibraryRequest) {
        self.call(Purpose::Library(Asked::Changed(said)), Request::Library(request));
    }
}
