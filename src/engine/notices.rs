//! What a person should hear of who looks at no screen: that a collection has nothing left to do, and that a web page asks to be let
//! in. One word for a collection, however many files it has.

use std::collections::BTreeMap;

use tokio::sync::mpsc;

use super::Engine;
use super::core::Core;
use crate::model::id::{CollectionId, DownloadId};
use crate::model::printable::printable;
use crate::model::state::{State, StateKind};

/// What ended since a collection last had nothing to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Ended {
    done: u64,
    failed: u64,
    /// The last one's name and, where it failed, why.
    last: (String, Option<String>),
}

impl Ended {
    /// `podcasts: 12 done, 1 failed`, or what became of the only one.
    fn told(&self, collection: &str) -> String {
        let (name, collection) = (printable(&self.last.0), printable(collection));
        match (self.done, self.failed, &self.last.1) {
            (1, 0, _) => format!("{name} is done"),
            (0, 1, Some(why)) => format!("{name} failed: {}", printable(why)),
            (done, 0, _) => format!("{collection}: {done} done"),
            (0, failed, _) => format!("{collection}: {failed} failed"),
            (done, failed, _) => format!("{collection}: {done} done, {failed} failed"),
        }
    }
}

/// Who is told, and of what.
#[derive(Default)]
pub(super) struct Notices {
    to: Option<mpsc::UnboundedSender<String>>,
    ended: BTreeMap<CollectionId, Ended>,
}

impl Engine {
    /// What a person should hear of from now on, a sentence each.
    pub fn notices(&self) -> mpsc::UnboundedReceiver<String> {
        let (to, notices) = mpsc::unbounded_channel();
        self.core.borrow_mut().notices.to = Some(to);
        notices
    }
}

impl Core {
    /// Tells a sentence to whoever listens.
    pub(super) fn notice(&mut self, text: String) {
        // Whoever listens no longer needs nothing.
        self.notices.to = self.notices.to.take().filter(|to| to.send(text).is_ok());
    }

    /// Counts a download that completed or failed.
    pub(super) fn count_for_notice(&mut self, id: DownloadId) {
        let Some(record) = self.items.get(&id).map(|item| &item.record) else { return };
        if self.notices.to.is_none() {
            return;
        }
        let ended = self.notices.ended.entry(record.collection).or_default();
        let why = match &record.state {
            State::Failed(failure) => Some(failure.text.clone()),
            _ => None,
        };
        *(if why.is_some() { &mut ended.failed } else { &mut ended.done }) += 1;
        ended.last = (record.name.clone(), why);
    }

    /// Tells of a collection that has nothing left to do.
    pub(super) fn notice_end(&mut self, id: CollectionId) {
        let (Some(ended), Some(collection)) = (self.notices.ended.get(&id), self.collections.get(&id)) else {
            return;
        };
        let is_open =
            |kind: StateKind| kind.is_running() || matches!(kind, StateKind::Queued | StateKind::Waiting);
        let mut own = self.items.values().filter(|item| item.record.collection == id);
        if own.any(|item| is_open(item.record.state.kind())) {
            return;
        }
        let text = ended.told(&collection.name);
        self.notices.ended.remove(&id);
        self.notice(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_told_by_its_name_and_many_by_their_numbers() {
        let name = || "a.iso".to_owned();
        let table = [
            (Ended { done: 1, failed: 0, last: (name(), None) }, "a.iso is done"),
            (
                Ended { done: 0, failed: 1, last: (name(), Some("gone: 404".into())) },
                "a.iso failed: gone: 404",
            ),
            (Ended { done: 12, failed: 0, last: (name(), None) }, "iso: 12 done"),
            (Ended { done: 0, failed: 2, last: (name(), Some("gone".into())) }, "iso: 2 failed"),
            (Ended { done: 12, failed: 1, last: (name(), None) }, "iso: 12 done, 1 failed"),
        ];
        for (ended, told) in table {
            assert_eq!(ended.told("iso"), told);
        }
    }
}
