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
    /// The group that it runs in: those have a limit of their own in place of the common ones.
    pub group: Option<u64>,
    /// Whether it runs in real time but for an interruption of its own: no hold is about it.
    pub goes_on: bool,
}

/// What may run at once.
#[derive(Clone, Debug)]
pub struct Slots {
    /// As many as there are files for, whoever they belong to.
    pub most: u32,
    /// In all, those in groups aside.
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
    running: HashMap<DownloadId, (String, CollectionId, Option<u64>)>,
    per_host: HashMap<String, u32>,
    per_collection: HashMap<CollectionId, u32>,
    groups: HashMap<u64, Group>,
    /// How many run that are in no group.
    alone: u32,
    /// How many in line go on after an interruption.
    going_on: usize,
}

/// Downloads that have a limit of their own.
#[derive(Clone, Copy, Debug)]
struct Group {
    limit: u32,
    waiting: usize,
    running: u32,
}

impl Group {
    fn is_open(self) -> bool {
        self.running < self.limit
    }
}

/// Downloads of one host that are looked at for one that lacks a place.
const LOOKED_AT: usize = 64;

/// A download's turn: real time first, then by priority, place and number. The lower one comes first.
pub type Turn = (u8, Priority, u64, DownloadId);

/// A place in a line: the turn, and what is needed to tell who may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    turn: Turn,
    collection: CollectionId,
    group: Option<u64>,
    goes_on: bool,
}

impl Key {
    fn way(self) -> Way {
        match (self.turn.0, self.turn.1) {
            (0, _) => Way::RealTime,
            (_, Priority::Now) => Way::Now,
            _ => Way::Background,
        }
    }
}

impl Queue {
    /// Puts a download in line, or changes its place there.
    pub fn insert(&mut self, waiting: Waiting) {
        self.remove(waiting.id);
        let turn = turn(waiting.mode, waiting.priority, waiting.order, waiting.id);
        let group = waiting.group.filter(|group| self.groups.contains_key(group));
        if let Some(group) = group.and_then(|group| self.groups.get_mut(&group)) {
            group.waiting += 1;
        }
        let key = Key { turn, collection: waiting.collection, group, goes_on: waiting.goes_on };
        self.going_on += usize::from(key.goes_on);
        self.waiting.insert(waiting.id, (key, waiting.host.clone()));
        self.by_host.entry(waiting.host).or_default().insert(key);
    }

    /// Takes a download out of the line.
    pub fn remove(&mut self, id: DownloadId) {
        if let Some((key, host)) = self.waiting.remove(&id)
            && let Some(line) = self.by_host.get_mut(&host)
        {
            line.remove(&key);
            self.going_on -= usize::from(key.goes_on);
            if line.is_empty() {
                self.by_host.remove(&host);
            }
            if let Some(group) = key.group.and_then(|group| self.groups.get_mut(&group)) {
                group.waiting -= 1;
            }
        }
    }

    /// Makes a group, or changes its limit.
    pub fn set_group(&mut self, group: u64, limit: u32) {
        self.groups.entry(group).or_insert(Group { limit, waiting: 0, running: 0 }).limit = limit;
    }

    /// Ends a group: what is of it in line or running falls under the common limits again.
    pub fn end_group(&mut self, group: u64) {
        let Some(ended) = self.groups.remove(&group) else { return };
        self.alone += ended.running;
        for (_, _, of) in self.running.values_mut().filter(|(_, _, of)| *of == Some(group)) {
            *of = None;
        }
        if ended.waiting == 0 {
            return;
        }
        for (key, host) in self.waiting.values_mut().filter(|(key, _)| key.group == Some(group)) {
            if let Some(line) = self.by_host.get_mut(host) {
                line.remove(key);
                key.group = None;
                line.insert(*key);
            }
        }
    }

    /// Whether a group of this number is there.
    pub fn has_group(&self, group: u64) -> bool {
        self.groups.contains_key(&group)
    }

    /// A download took a place.
    pub fn started(&mut self, id: DownloadId, host: &str, collection: CollectionId) {
        let group = self.waiting.get(&id).and_then(|(key, _)| key.group);
        self.remove(id);
        if self.running.insert(id, (host.to_owned(), collection, group)).is_none() {
            match group.and_then(|group| self.groups.get_mut(&group)) {
                Some(group) => group.running += 1,
                None => self.alone += 1,
            }
            *self.per_host.entry(host.to_owned()).or_default() += 1;
            *self.per_collection.entry(collection).or_default() += 1;
        }
    }

    /// A download gave its place back.
    pub fn ended(&mut self, id: DownloadId) {
        if let Some((host, collection, group)) = self.running.remove(&id) {
            match group.and_then(|group| self.groups.get_mut(&group)) {
                Some(group) => group.running -= 1,
                None => self.alone -= 1,
            }
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

    /// Whether one that runs does so in a group, beside the common limits.
    pub fn is_in_group(&self, id: DownloadId) -> bool {
        self.running.get(&id).is_some_and(|(.., group)| group.is_some())
    }

    /// Who runs.
    pub fn ids_running(&self) -> Vec<DownloadId> {
        self.running.keys().copied().collect()
    }

    /// Who runs from a host.
    pub fn ids_running_from(&self, host: &str) -> Vec<DownloadId> {
        self.running.iter().filter(|(_, (other, ..))| other == host).map(|(id, _)| *id).collect()
    }

    /// Whether some in line go on after an interruption, whatever is held.
    pub fn some_go_on(&self) -> bool {
        self.going_on > 0
    }

    /// How many are in line.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Returns the first download at priority `now` that would start if something that steps aside made way, and the host
    /// from which that must be, where only its host's places are taken.
    pub fn wants_place(
        &self,
        slots: &Slots,
        held: &Ways<bool>,
        is_held: impl Fn(CollectionId) -> bool,
    ) -> Option<(DownloadId, Option<&str>)> {
        if held.now {
            return None;
        }
        let running = u32::try_from(self.running.len()).unwrap_or(u32::MAX);
        let is_full = running >= slots.most;
        let no_room = self.alone >= slots.parallel;
        // Where more run than may, one that stops is no place yet.
        if running > slots.most || self.alone > slots.parallel {
            return None;
        }
        let firsts = self.by_host.iter().filter_map(|(host, line)| {
            let host_is_full = self.running_from(host) >= slots.per_host;
            let is_over = self.running_from(host) > slots.per_host;
            // A place that is freed must be one that it can take: its collection or its group may be what is full.
            let waits = |key: &&Key| {
                let own = slots.per_collection.get(&key.collection).copied().unwrap_or(u32::MAX);
                let in_collection = self.per_collection.get(&key.collection).copied().unwrap_or(0);
                let lacks_place = match key.group {
                    Some(group) => is_full && self.groups.get(&group).is_some_and(|group| group.is_open()),
                    None => !is_over && (is_full || no_room || host_is_full),
                };
                key.way() == Way::Now && !is_held(key.collection) && in_collection < own && lacks_place
            };
            // A line of thousands is not looked through at each turn: nothing in it can lack a place that it could take, or what could
            // stands behind many that can't.
            let can_alone = !is_over && (is_full || no_room || host_is_full);
            if !can_alone && !is_full {
                return None;
            }
            let is_now = |key: &&Key| key.way() != Way::Background;
            let key = line.iter().take(LOOKED_AT).take_while(is_now).find(waits)?;
            Some((key, Some(host.as_str()).filter(|_| host_is_full && key.group.is_none())))
        });
        firsts.min_by_key(|(key, _)| *key).map(|(key, host)| (key.turn.3, host))
    }

    /// Returns who is to start next, or nothing where all places are taken. `held` says which ways to download are
    /// held, and `is_held` whether a collection is.
    pub fn next(
        &self,
        slots: &Slots,
        held: &Ways<bool>,
        is_held: impl Fn(CollectionId) -> bool,
    ) -> Option<DownloadId> {
        let is_full = u32::try_from(self.running.len()).unwrap_or(u32::MAX) >= slots.most;
        let room = !is_full && self.alone < slots.parallel;
        let is_open = |group| !is_full && self.groups.get(&group).is_some_and(|group| group.is_open());
        // A group of which nobody waits is no reason to look through the lines.
        let some_group = !is_full && self.groups.values().any(|group| group.is_open() && group.waiting > 0);
        let fits = |key: &Key, host: &str| {
            let collection = key.collection;
            let own = slots.per_collection.get(&collection).copied().unwrap_or(u32::MAX);
            let in_collection = self.per_collection.get(&collection).copied().unwrap_or(0);
            let may = match key.group {
                Some(group) => is_open(group),
                None => room && self.running_from(host) < slots.per_host,
            };
            let is_released = key.goes_on || !(*held.of(key.way()) || is_held(collection));
            is_released && (key.turn.0 == 0 || (may && in_collection < own))
        };
        self.by_host
            .iter()
            .filter(|(host, line)| {
                // Real time comes first in each line: a full engine looks no further than that.
                let front_is_real_time = line.first().is_some_and(|key| key.turn.0 == 0);
                front_is_real_time || some_group || (room && self.running_from(host) < slots.per_host)
            })
            .filter_map(|(host, line)| {
                // What steps aside stands last in each line: where it is held nobody looks through all of it.
                let ends = |key: &&Key| !(held.background && key.way() == Way::Background);
                line.iter().take_while(ends).find(|key| fits(key, host))
            })
            .min()
            .map(|key| key.turn.3)
    }
}

/// Returns a download's turn.
pub fn turn(mode: Mode, priority: Priority, order: f64, id: DownloadId) -> Turn {
    (u8::from(mode != Mode::RealTime), priority, sortable(order), id)
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
        Waiting {
            id,
            host: host.into(),
            collection,
            mode: Mode::Background,
            priority,
            order,
            group: None,
            goes_on: false,
        }
    }

    fn slots(parallel: u32, per_host: u32) -> Slots {
        Slots { most: u32::MAX, parallel, per_host, per_collection: HashMap::new() }
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

    proptest! {
        /// The place that is asked for is taken by what is wanted now: else one would be stopped for it again and again.
        #[test]
        fn a_place_that_is_asked_for_is_taken(
            all in prop::collection::vec((0_u8..3, 0_u8..3, 0_u8..3, 0_u64..3), 1..14),
            parallel in 1_u32..4, per_host in 1_u32..4, own in 1_u32..3, limit in 1_u32..3,
        ) {
            let mut queue = Queue::default();
            queue.set_group(1, limit);
            let per_collection = [(CollectionId(2), own)].into();
            let slots = Slots { most: 5, parallel, per_host, per_collection };
            for (id, (host, priority, collection, group)) in (1..).zip(all) {
                let priority = [Priority::Now, Priority::Normal, Priority::Low][usize::from(priority)];
                queue.insert(Waiting {
                    id: DownloadId(id),
                    host: format!("h{host}"),
                    collection: CollectionId(1 + u64::from(collection % 2)),
                    mode: Mode::Background,
                    priority,
                    order: 1.0,
                    group: (group == 1).then_some(1),
                    goes_on: false,
                });
                // Those that came first run already.
                if id % 2 == 0 && let Some(next) = queue.next(&slots, &Ways::default(), |_| false) {
                    let (key, host) = queue.waiting[&next].clone();
                    queue.started(next, &host, key.collection);
                }
            }
            while let Some(next) = queue.next(&slots, &Ways::default(), |_| false) {
                let (key, host) = queue.waiting[&next].clone();
                queue.started(next, &host, key.collection);
            }
            if let Some((wanted, host)) = queue.wants_place(&slots, &Ways::default(), |_| false) {
                let host = host.map(str::to_owned);
                let victims: Vec<_> = queue
                    .running
                    .iter()
                    .filter(|(_, (from, _, group))| host.as_ref().is_none_or(|host| host == from) && group.is_none())
                    .map(|(id, _)| *id)
                    .collect();
                for victim in victims {
                    let mut after = queue.clone();
                    after.ended(victim);
                    // Another one of its kind may have lacked the same place.
                    let next = after.next(&slots, &Ways::default(), |_| false);
                    let way = next.map(|next| after.waiting[&next].0.way());
                    prop_assert_eq!(way, Some(Way::Now), "{} wanted it, {:?} has it", wanted, next);
                }
            }
        }
    }

    #[test]
    fn what_was_interrupted_goes_on_though_everything_is_held() {
        let mut queue = Queue::default();
        let all = Ways { background: true, now: true, real_time: true };
        let in_real_time = |id| Waiting { mode: Mode::RealTime, ..waiting(id, "a", Priority::Normal, 1.0) };
        let next = |queue: &Queue| queue.next(&slots(1, 1), &all, |_| true).map(|id| id.0);
        queue.insert(in_real_time(1));
        assert!(next(&queue).is_none() && !queue.some_go_on());
        queue.insert(Waiting { goes_on: true, ..in_real_time(2) });
        assert!(next(&queue) == Some(2) && queue.some_go_on());
        // It begins anew.
        queue.insert(in_real_time(2));
        assert!(next(&queue).is_none() && !queue.some_go_on());
    }

    #[test]
    fn what_is_wanted_now_asks_for_a_place_only_where_it_lacks_one() {
        let mut queue = Queue::default();
        let ways = Ways::default();
        let asks = |queue: &Queue, slots: &Slots, held: &Ways<bool>| {
            queue.wants_place(slots, held, |_| false).map(|(id, host)| (id.0, host.map(str::to_owned)))
        };
        queue.insert(waiting(1, "a", Priority::Normal, 1.0));
        assert_eq!(drain(&mut queue, &slots(1, 1)), [1]);
        queue.insert(waiting(2, "b", Priority::High, 2.0));
        assert_eq!(asks(&queue, &slots(1, 1), &ways), None);
        queue.insert(waiting(3, "b", Priority::Now, 3.0));
        assert_eq!(asks(&queue, &slots(1, 1), &ways), Some((3, None)));
        assert_eq!(asks(&queue, &slots(2, 1), &ways), None);
        assert_eq!(asks(&queue, &slots(1, 1), &Ways { now: true, ..ways }), None);
        queue.remove(DownloadId(3));
        queue.insert(waiting(4, "a", Priority::Now, 3.0));
        assert_eq!(asks(&queue, &slots(9, 1), &ways), Some((4, Some("a".into()))));
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
    fn a_group_has_its_own_limit_and_takes_no_place_from_others() {
        let mut queue = Queue::default();
        queue.set_group(7, 3);
        for id in 1..=5 {
            queue.insert(Waiting { group: Some(7), ..waiting(id, "a", Priority::Now, 1.0) });
        }
        for id in 6..=8 {
            queue.insert(waiting(id, "b", Priority::Normal, 1.0));
        }
        // Who names a group that is not there is in none.
        queue.insert(Waiting { group: Some(8), ..waiting(9, "b", Priority::Low, 1.0) });
        assert_eq!(drain(&mut queue, &slots(2, 2)), [1, 2, 3, 6, 7]);
        queue.ended(DownloadId(2));
        assert_eq!(drain(&mut queue, &slots(2, 2)), [4]);
        // Its end: the common limits hold for all, and those that run count.
        queue.end_group(7);
        assert_eq!(drain(&mut queue, &slots(2, 2)), [0_u64; 0]);
        for id in [1, 3, 4, 6] {
            queue.ended(DownloadId(id));
        }
        assert_eq!(drain(&mut queue, &slots(2, 2)), [5]);
        // No more than there are files for, whatever a group may.
        queue.set_group(9, 100);
        for id in 20..30 {
            queue.insert(Waiting { group: Some(9), ..waiting(id, "c", Priority::Now, 1.0) });
        }
        let slots = Slots { most: 4, ..slots(2, 2) };
        assert_eq!(drain(&mut queue, &slots), [20, 21]);
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
