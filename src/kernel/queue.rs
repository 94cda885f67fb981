//! Who is next: downloads in line, by priority and then by place, within the limits for all, for a host and for a collection.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::model::id::{CollectionId, DownloadId};
use crate::model::item::{Mode, Priority};
use crate::model::way::{Way, Ways};

/// A download in line.
#[derive(Clone, Debug, PartialEq)]
pub struct Waiting {
    /// Which.
    pub id: DownloadId,
    /// Its host.
    pub host: String,
    /// Its collection.
    pub collection: CollectionId,
    /// Real-time ones start at once, whatever the limits.
    pub mode: Mode,
    /// Priority.
    pub priority: Priority,
    /// Place in the line.
    pub order: f64,
}

/// What may run at once.
#[derive(Clone, Debug)]
pub struct Slots {
    /// In all.
    pub parallel: u32,
    /// From one host.
    pub per_host: u32,
    /// From single collections.
    pub per_collection: HashMap<CollectionId, u32>,
}

/// The line: one ordered set for each host, so that a full host costs one look, however many wait for it.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    by_host: BTreeMap<String, BTreeSet<Key>>,
    waiting: HashMap<DownloadId, (Key, String)>,
    running: HashMap<DownloadId, (String, CollectionId)>,
    per_host: HashMap<String, u32>,
    per_collection: HashMap<CollectionId, u32>,
}

/// A download's turn: real time first, then by priority, place and number. The lower one comes first.
pub type Turn = (u8, Priority, u64, DownloadId);

/// The turn, and the collection comes along.
type Key = (u8, Priority, u64, DownloadId, CollectionId);

impl Queue {
    /// Puts a download in line, or changes its place there.
    pub fn insert(&mut self, waiting: Waiting) {
        self.remove(waiting.id);
        let (class, priority, place, id) = turn(waiting.mode, waiting.priority, waiting.order, waiting.id);
        let key = (class, priority, place, id, waiting.collection);
        self.waiting.insert(waiting.id, (key, waiting.host.clone()));
        self.by_host.entry(waiting.host).or_default().insert(key);
    }

    /// Takes a download out of the line.
    pub fn remove(&mut self, id: DownloadId) {
        if let Some((key, host)) = self.waiting.remove(&id)
            && let Some(line) = self.by_host.get_mut(&host)
        {
            line.remove(&key);
            if line.is_empty() {
                self.by_host.remove(&host);
            }
        }
    }

    /// A download took a place.
    pub fn started(&mut self, id: DownloadId, host: &str, collection: CollectionId) {
        self.remove(id);
        if self.running.insert(id, (host.to_owned(), collection)).is_none() {
            *self.per_host.entry(host.to_owned()).or_default() += 1;
            *self.per_collection.entry(collection).or_default() += 1;
        }
    }

    /// A download gave its place back.
    pub fn ended(&mut self, id: DownloadId) {
        if let Some((host, collection)) = self.running.remove(&id) {
            if let Some(count) = self.per_host.get_mut(&host) {
                *count -= 1;
                if *count == 0 {
                    self.per_host.remove(&host);
                }
            }
            if let Some(count) = self.per_collection.get_mut(&collection) {
                *count -= 1;
            }
        }
    }

    /// How many run.
    pub fn running(&self) -> usize {
        self.running.len()
    }

    /// How many run from a host.
    pub fn running_from(&self, host: &str) -> u32 {
        self.per_host.get(host).copied().unwrap_or(0)
    }

    /// Who runs.
    pub fn ids_running(&self) -> Vec<DownloadId> {
        self.running.keys().copied().collect()
    }

    /// Who runs from a host.
    pub fn ids_running_from(&self, host: &str) -> Vec<DownloadId> {
        self.running.iter().filter(|(_, (other, _))| other == host).map(|(id, _)| *id).collect()
    }

    /// How many are in line.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Returns who is to start next, or nothing where all places are taken. `held` says which ways to download are
    /// held, and `is_held` whether a collection is.
    pub fn next(
        &self,
        slots: &Slots,
        held: &Ways<bool>,
        is_held: impl Fn(CollectionId) -> bool,
    ) -> Option<DownloadId> {
        let room = u32::try_from(self.running.len()).unwrap_or(u32::MAX) < slots.parallel;
        let fits = |key: &Key, host: &str| {
            let collection = key.4;
            let own = slots.per_collection.get(&collection).copied().unwrap_or(u32::MAX);
            let in_collection = self.per_collection.get(&collection).copied().unwrap_or(0);
            !held.of(way_of(key))
                && !is_held(collection)
                && (key.0 == 0 || (room && self.running_from(host) < slots.per_host && in_collection < own))
        };
        self.by_host
            .iter()
            .filter(|(host, line)| {
                // Real time comes first in each line: a full engine looks no further than that.
                let front_is_real_time = line.first().is_some_and(|key| key.0 == 0);
                front_is_real_time || (room && self.running_from(host) < slots.per_host)
            })
            .filter_map(|(host, line)| {
                // What steps aside stands last in each line: where it is held nobody looks through all of it.
                let ends = |key: &&Key| !(held.background && way_of(key) == Way::Background);
                line.iter().take_while(ends).find(|key| fits(key, host))
            })
            .min()
            .map(|key| key.3)
    }
}

/// Returns a download's turn.
pub fn turn(mode: Mode, priority: Priority, order: f64, id: DownloadId) -> Turn {
    (u8::from(mode != Mode::RealTime), priority, sortable(order), id)
}

/// The way of a download, by its turn.
fn way_of(key: &Key) -> Way {
    match (key.0, key.1) {
        (0, _) => Way::RealTime,
        (_, Priority::Now) => Way::Now,
        _ => Way::Background,
    }
}

/// The bits of a place, so that they sort as the number does.
fn sortable(order: f64) -> u64 {
    let bits = order.to_bits();
    if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn waiting(id: u64, host: &str, priority: Priority, order: f64) -> Waiting {
        let (id, collection) = (DownloadId(id), CollectionId(1 + id % 2));
        Waiting { id, host: host.into(), collection, mode: Mode::Background, priority, order }
    }

    fn slots(parallel: u32, per_host: u32) -> Slots {
        Slots { parallel, per_host, per_collection: HashMap::new() }
    }

    /// Starts all that may start and returns them in order.
    fn drain(queue: &mut Queue, slots: &Slots) -> Vec<u64> {
        let mut started = Vec::new();
        while let Some(id) = queue.next(slots, &Ways::default(), |_| false) {
            let host = queue.waiting[&id].1.clone();
            queue.started(id, &host, CollectionId(1));
            started.push(id.0);
        }
        started
    }

    #[test]
    fn priority_comes_before_place_and_limits_before_both() {
        let mut queue = Queue::default();
        queue.insert(waiting(1, "a", Priority::Normal, 1.0));
        queue.insert(waiting(2, "a", Priority::Normal, 0.5));
        queue.insert(waiting(3, "a", Priority::High, 9.0));
        queue.insert(waiting(4, "b", Priority::Low, -1.0));
        assert_eq!(drain(&mut queue, &slots(3, 2)), [3, 2, 4]);
        queue.ended(DownloadId(3));
        assert_eq!(drain(&mut queue, &slots(3, 2)), [1]);
    }

    #[test]
    fn real_time_starts_whatever_is_full() {
        let mut queue = Queue::default();
        queue.insert(waiting(1, "a", Priority::Now, 1.0));
        queue.insert(Waiting { mode: Mode::RealTime, ..waiting(2, "a", Priority::Low, 2.0) });
        queue.insert(Waiting { mode: Mode::RealTime, ..waiting(3, "a", Priority::Low, 3.0) });
        assert_eq!(drain(&mut queue, &slots(1, 1)), [2, 3]);
    }

    #[test]
    fn held_collections_are_passed_over() {
        let mut queue = Queue::default();
        queue.insert(waiting(1, "a", Priority::Now, 1.0));
        queue.insert(waiting(2, "b", Priority::Normal, 1.0));
        let slots = slots(4, 4);
        assert_eq!(queue.next(&slots, &Ways::default(), |id| id == CollectionId(2)), Some(DownloadId(2)));
        assert_eq!(queue.next(&slots, &Ways::default(), |_| true), None);
    }

    proptest! {
        #[test]
        fn agrees_with_a_plain_scan(
            items in prop::collection::vec((0u8..3, 0u8..4, -9i8..9), 1..30), parallel in 0u32..6, per_host in 1u32..4,
        ) {
            let mut queue = Queue::default();
            let priorities = [Priority::Now, Priority::High, Priority::Normal, Priority::Low];
            let mut plain: Vec<Waiting> = Vec::new();
            for (id, (host, priority, order)) in items.into_iter().enumerate() {
                let item = waiting(id as u64, ["a", "b", "c"][usize::from(host)], priorities[usize::from(priority)], order.into());
                queue.insert(item.clone());
                plain.push(item);
            }
            plain.sort_by(|a, b| (a.priority, a.order).partial_cmp(&(b.priority, b.order)).unwrap().then(a.id.cmp(&b.id)));
            let mut expected = Vec::new();
            let mut per = HashMap::<String, u32>::new();
            for item in &plain {
                let count = per.entry(item.host.clone()).or_default();
                if u32::try_from(expected.len()).unwrap() < parallel && *count < per_host {
                    *count += 1;
                    expected.push(item.id.0);
                }
            }
            prop_assert_eq!(drain(&mut queue, &slots(parallel, per_host)), expected);
        }
    }
}
