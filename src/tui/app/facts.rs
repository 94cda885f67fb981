//! What the command table has to know of this moment.

use super::App;
use crate::command::Facts;
use crate::model::id::CollectionId;
use crate::model::policy::Leave;
use crate::model::state::StateKind;
use crate::model::view::{CollectionRow, DownloadRow};
use crate::tui::layout::{Pane, Size};
use crate::tui::words::Held;

impl App {
    /// What is known of this moment.
    pub(crate) fn facts(&self) -> Facts {
        let targets = self.targets();
        let mut rows = targets.iter().filter_map(|id| self.list.row(*id));
        let first = rows.next();
        let (mut state, mut mode) = (first.map(|row| row.state.kind()), first.map(|row| row.mode));
        for row in rows {
            state = state.filter(|state| *state == row.state.kind());
            mode = mode.filter(|mode| *mode == row.mode);
            if state.is_none() && mode.is_none() {
                break;
            }
        }
        let collection = self.cursor_collection();
        Facts {
            connected: self.connected,
            stopped: self.stopped,
            count: targets.len(),
            state,
            mode,
            here: self.options.local,
            undoable: self.undoable,
            shown: self.list.shown(),
            needy: self.list.needy(),
            fixed_collection: collection.is_none_or(|row| row.id == CollectionId::DEFAULT),
            no_collection: collection.is_none(),
            on_collections: self.pane == Pane::Collections,
            on_log: self.pane == Pane::Log,
            held_collection: collection.is_some_and(|row| row.held),
            shelf: (self.pane == Pane::Library).then(|| self.shelf_facts()),
            asked: !self.asking.is_empty(),
        }
    }

    /// The collection under the cursor of its pane; none where that is on all of them.
    pub(crate) fn cursor_collection(&self) -> Option<&CollectionRow> {
        self.collections.get(self.collection_line.checked_sub(1)?)
    }

    /// What keeps a download that is in line from starting, where anything does.
    pub(crate) fn held(&self, row: &DownloadRow) -> Option<Held> {
        if row.state.kind() != StateKind::Queued {
            return None;
        }
        if self.totals.held {
            return Some(Held::Everything);
        }
        let own = self.collections.iter().find(|collection| collection.id == row.collection)?;
        own.held.then_some(Held::Collection)
    }

    /// A collection's name.
    pub(crate) fn collection_name(&self, id: CollectionId) -> &str {
        self.collections.iter().find(|row| row.id == id).map_or("", |row| row.name.as_str())
    }

    /// How background downloads stand that step aside: what the plan is mostly about.
    pub(crate) fn background(&self) -> Leave {
        self.totals.ways.map(|ways| ways.background).unwrap_or_default()
    }

    /// How much room there is.
    pub(crate) fn room(&self) -> Size {
        Size::of(self.size.0, self.size.1)
    }

    /// Whether there is a line above the footer.
    pub(crate) fn has_notice(&self) -> bool {
        self.filtering.is_some()
            || !self.list.filter().text().is_empty()
            || self.notice.is_some()
            || !self.asking.is_empty()
            || !self.options.tip.is_empty()
            || self.since.is_news()
    }

    /// Whether the details are on the screen.
    pub(crate) fn shows_detail(&self) -> bool {
        match self.room() {
            Size::Wide => matches!(self.pane, Pane::Downloads | Pane::Collections),
            Size::Normal => self.pane == Pane::Downloads,
            Size::Compact | Size::None => {
                matches!(self.overlay, Some(crate::tui::overlay::Overlay::Detail(_)))
            }
        }
    }
}
