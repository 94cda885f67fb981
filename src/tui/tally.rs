//! How many downloads of each state a collection has: counted here, row by row. The engine tells of a collection only when the
//! collection itself changes.

use std::collections::{BTreeMap, HashMap};

use crate::model::id::CollectionId;
use crate::model::state::StateKind;
use crate::model::view::DownloadRow;

/// The counts of every collection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    counts: HashMap<CollectionId, BTreeMap<StateKind, usize>>,
}

impl Tally {
    /// Counts a row.
    pub(crate) fn add(&mut self, row: &DownloadRow) {
        *self.counts.entry(row.collection).or_default().entry(row.state.kind()).or_default() += 1;
    }

    /// Counts a row no longer.
    pub(crate) fn take(&mut self, row: &DownloadRow) {
        let counts = self.counts.entry(row.collection).or_default();
        if let Some(count) = counts.get_mut(&row.state.kind()) {
            *count = count.saturating_sub(1);
        }
    }

    /// How many a collection has of a state.
    pub(crate) fn count(&self, id: CollectionId, kind: StateKind) -> usize {
        self.counts.get(&id).and_then(|counts| counts.get(&kind)).copied().unwrap_or(0)
    }

    /// How many a collection has in all.
    pub(crate) fn all(&self, id: CollectionId) -> usize {
        self.counts.get(&id).map_or(0, |counts| counts.values().sum())
    }

    /// Whether a collection has something that runs, or will.
    pub(crate) fn is_busy(&self, id: CollectionId) -> bool {
        let goes_on =
            |kind: &StateKind| kind.is_running() || matches!(kind, StateKind::Queued | StateKind::Waiting);
        let counts = self.counts.get(&id).into_iter().flatten();
        counts.filter(|(kind, _)| goes_on(kind)).any(|(_, count)| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::state::State;
    use crate::tui::list::List;
    use crate::tui::sample::row;

    #[test]
    fn rows_are_counted_where_they_are_and_as_they_are() {
        let (one, two) = (CollectionId(1), CollectionId(2));
        let mut list = List::default();
        list.put(row(1, "a"));
        list.put(row(2, "b"));
        assert_eq!((list.tally().all(one), list.tally().is_busy(one)), (2, true));
        let mut done = row(1, "a");
        done.state = State::Completed;
        list.put(done.clone());
        list.put(done);
        assert_eq!(list.tally().count(one, StateKind::Completed), 1);
        let mut moved = row(2, "b");
        moved.collection = two;
        list.put(moved);
        assert_eq!((list.tally().all(one), list.tally().is_busy(one)), (1, false));
        assert_eq!((list.tally().all(two), list.tally().is_busy(two)), (1, true));
        list.take(row(2, "b").id);
        assert_eq!((list.tally().all(two), list.tally().is_busy(two)), (0, false));
        list.clear();
        assert_eq!(list.tally().all(one), 0);
    }
}
