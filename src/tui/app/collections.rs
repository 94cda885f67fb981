//! What keys do to collections.

use super::App;
use crate::model::id::CollectionId;
use crate::model::request::{Act, Clear, Request};
use crate::model::selector::{Selector, Term};
use crate::model::state::StateKind;
use crate::tui::effect::Purpose;
use crate::tui::overlay::Overlay;
use crate::tui::overlay::collection::Collection;
use crate::tui::overlay::confirm::Confirm;

impl App {
    /// Shows the collection of a line of its pane; 0 shows all.
    pub(crate) fn show_collection(&mut self, line: usize) {
        self.collection_line = line.min(self.collections.len());
        let id = self.cursor_collection().map(|row| row.id);
        if self.list.collection() != id {
            self.marks.clear();
            self.list.show(id);
            self.cursor.top = 0;
            self.follow();
        }
    }

    pub(super) fn ask_to_remove_collection(&mut self) {
        let Some(row) = self.cursor_collection() else { return };
        let count = self.list.tally().all(row.id);
        let confirm = Confirm::remove_collection(row.id, row.name.clone(), count);
        self.overlay = Some(Overlay::Confirm(confirm));
    }

    pub(super) fn hold_collection(&mut self) {
        let Some((id, held, name)) = self.cursor_collection().map(|row| (row.id, row.held, row.name.clone()))
        else {
            return;
        };
        let (request, said) = if held {
            (Request::Go { id: Some(id) }, format!("{name} is released"))
        } else {
            (Request::Hold { id: Some(id), until: None, for_good: true }, format!("{name} is held"))
        };
        self.call(Purpose::Say(said), request);
    }

    pub(super) fn clear(&mut self, what: Clear) {
        let id = self.cursor_collection().map_or(CollectionId::DEFAULT, |row| row.id);
        self.call(Purpose::Act("cleared"), Request::Clear { id, what });
    }

    pub(super) fn retry_collection(&mut self) {
        let Some(id) = self.cursor_collection().map(|row| row.id) else { return };
        let terms = vec![Term::Collection(id), Term::State(StateKind::Failed)];
        let select = Selector { terms, ..Selector::default() };
        self.call(Purpose::Act("tried again"), Request::Act { select, act: Act::Retry });
    }

    pub(super) fn set_collection(&mut self) {
        let dialog = self.cursor_collection().map(|row| Collection::new(row, self));
        self.overlay = dialog.map(|dialog| Overlay::Collection(Box::new(dialog)));
    }
}
