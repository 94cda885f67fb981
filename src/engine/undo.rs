//! The last cancels and removes can be taken back: a removed download's part stays on disk until that is no longer possible.

use std::time::{Duration, Instant};

use super::core::Core;
use super::item::Item;
use super::news::discard;
use crate::model::id::DownloadId;
use crate::model::record::DownloadRecord;
use crate::model::request::Acted;
use crate::model::state::{State, StateKind};
use crate::store::db::Ticket;

/// How long a removed download can be taken back.
const KEEP: Duration = Duration::from_secs(30);
/// How many steps can be taken back.
const MOST: usize = 1000;

/// Something to take back.
pub(super) enum Undo {
    /// These were cancelled.
    Cancelled(Vec<DownloadId>),
    /// This was removed, then.
    Removed(Box<DownloadRecord>, Instant),
    /// Where one act's removals begin.
    Mark,
}

impl Core {
    /// Keeps a removed download for a while.
    pub(super) fn keep_for_undo(&mut self, item: Item) {
        let mut record = item.record;
        if !matches!(record.state.kind(), StateKind::Completed | StateKind::Failed | StateKind::Cancelled) {
            record.state = State::Paused;
        }
        self.undo.push(Undo::Removed(Box::new(record), Instant::now()));
        self.forget_removed(false);
    }

    /// Forgets what can't be taken back any more. Returns when the next one is to be forgotten.
    pub(super) fn end_undo(&mut self, now: Instant) -> Option<Instant> {
        let next = |undo: &[Undo]| {
            let since = undo.iter().filter_map(|undo| match undo {
                Undo::Removed(_, since) => Some(*since + KEEP),
                _ => None,
            });
            since.min()
        };
        if next(&self.undo).is_some_and(|next| next <= now) {
            self.forget_removed(false);
        }
        next(&self.undo)
    }

    /// Whether something is kept that will be forgotten in a while.
    pub(super) fn keeps_removed(&self) -> bool {
        self.undo.iter().any(|undo| matches!(undo, Undo::Removed(..)))
    }

    /// Takes a download out with its part, and nothing of it can be taken back.
    pub(super) fn take_out_for_good(&mut self, id: DownloadId) {
        self.take_out(id);
        if let Some(Undo::Removed(record, since)) = self.undo.pop() {
            if record.id == id {
                discard(&record);
            } else {
                self.undo.push(Undo::Removed(record, since));
            }
        }
    }

    /// Deletes the parts of those that were removed so long ago that they can't be taken back; all of them at the end.
    pub(super) fn forget_removed(&mut self, all: bool) {
        let too_many = self.undo.len().saturating_sub(MOST);
        let mut seen = 0;
        self.undo.retain(|undo| {
            seen += 1;
            let Undo::Removed(record, since) = undo else { return !all };
            let over = all || seen <= too_many || since.elapsed() >= KEEP;
            if over && record.state.kind() != StateKind::Completed {
                discard(record);
            }
            !over
        });
    }

    /// Takes back the last cancel or remove.
    pub(super) fn undo_last(&mut self) -> (Vec<Acted>, Option<Ticket>) {
        let mut acted = Vec::new();
        let mut back = Vec::new();
        while let Some(last) = self.undo.pop() {
            match last {
                Undo::Mark if back.is_empty() => {}
                Undo::Mark => break,
                Undo::Cancelled(ids) if back.is_empty() => {
                    for id in ids {
                        if let Some(item) = self.items.get_mut(&id)
                            && item.record.state == State::Cancelled
                        {
                            item.record.state = State::Queued;
                            self.touch(id);
                            self.enqueue(id);
                            self.store(id);
                            acted.push(Acted { id, refused: None });
                        }
                    }
                    break;
                }
                Undo::Cancelled(ids) => {
                    self.undo.push(Undo::Cancelled(ids));
                    break;
                }
                Undo::Removed(record, _) => back.push(*record),
            }
        }
        for record in &back {
            self.removed.retain(|_, id| *id != record.id);
            self.take_in(record.clone(), 0);
            acted.push(Acted { id: record.id, refused: None });
        }
        let ticket = (!back.is_empty()).then(|| self.db.insert(back));
        self.pump();
        (acted, ticket)
    }
}
