//! The list of downloads: all rows, which of them are shown, and in what order. A change moves only the rows that it touches, so a
//! hundred thousand rows cost no more than what is on the screen and what changed.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::filter::Filter;
use super::sort::Sort;
use super::tally::Tally;
use super::words;
use crate::model::id::{CollectionId, DownloadId};
use crate::model::state::{FailKind, State};
use crate::model::view::DownloadRow;

/// So many failures of one kind at one host are shown as one line.
const CROWD: usize = 8;

/// Why and where a crowd of downloads failed.
pub(crate) type Cause = (FailKind, String);

/// Many failures that are one fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    /// Why, and where.
    pub(crate) cause: Cause,
    /// What one of them says.
    pub(crate) text: String,
    /// How many.
    pub(crate) count: usize,
}

/// A line of the list.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Line<'a> {
    /// Many failures.
    Group(&'a Group),
    /// A download.
    Row(&'a DownloadRow),
}

/// All downloads, and what is shown of them.
#[derive(Debug, Default)]
pub(crate) struct List {
    slots: Vec<Option<DownloadRow>>,
    free: Vec<u32>,
    by_id: HashMap<DownloadId, u32>,
    order: Vec<u32>,
    groups: Vec<Group>,
    causes: BTreeMap<(u8, String), (Cause, BTreeSet<DownloadId>)>,
    needy: BTreeSet<DownloadId>,
    tally: Tally,
    sort: Sort,
    filter: Filter,
    collection: Option<CollectionId>,
    /// Whether the order stays as it is.
    frozen: bool,
    /// Rows that are new, or may have to come or go, or have another place.
    touched: HashSet<u32>,
    /// Rows whose place in a live column changed.
    drifted: HashSet<u32>,
    removed: HashSet<u32>,
    crowds_changed: bool,
}

impl List {
    /// Takes in a row.
    pub(crate) fn put(&mut self, row: DownloadRow) {
        let id = row.id;
        if let Some(slot) = self.by_id.get(&id).copied() {
            let Some(old) = self.slots[slot as usize].replace(row) else { return };
            let Some(new) = &self.slots[slot as usize] else { return };
            let place_changed = self.sort.compare(&old, new).is_ne();
            if old.collection != new.collection || old.state.kind() != new.state.kind() {
                self.tally.take(&old);
                self.tally.add(new);
            }
            let state_changed = old.state != new.state;
            let fits_changed = state_changed
                || old.name != new.name
                || old.collection != new.collection
                || old.mode != new.mode
                || old.priority != new.priority
                || old.size != new.size;
            if (fits_changed
                && (state_changed || !self.filter.is_empty() || old.collection != new.collection))
                || (place_changed && !self.sort.column.is_live())
            {
                self.touched.insert(slot);
            } else if place_changed {
                self.drifted.insert(slot);
            }
            if state_changed {
                let state = new.state.clone();
                let host = new.host.clone();
                self.uncount(id, &old);
                self.count(id, &state, &host);
            }
        } else {
            let (state, host) = (row.state.clone(), row.host.clone());
            self.tally.add(&row);
            let slot = if let Some(slot) = self.free.pop() {
                self.slots[slot as usize] = Some(row);
                slot
            } else {
                self.slots.push(Some(row));
                u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
            };
            self.by_id.insert(id, slot);
            self.touched.insert(slot);
            self.count(id, &state, &host);
        }
    }

    /// Takes out a row.
    pub(crate) fn take(&mut self, id: DownloadId) {
        let Some(slot) = self.by_id.remove(&id) else { return };
        if let Some(old) = self.slots[slot as usize].take() {
            self.tally.take(&old);
            self.uncount(id, &old);
        }
        self.touched.remove(&slot);
        self.drifted.remove(&slot);
        self.removed.insert(slot);
    }

    /// Forgets everything, before a whole new list comes; the way of looking stays.
    pub(crate) fn clear(&mut self) {
        let kept = Self {
            sort: self.sort,
            filter: std::mem::take(&mut self.filter),
            collection: self.collection,
            frozen: self.frozen,
            ..Self::default()
        };
        *self = kept;
    }

    /// Whether rows whose place in a live column changed wait to be put in order.
    pub(crate) fn drifts(&self) -> bool {
        !self.drifted.is_empty() && !self.frozen
    }

    /// Puts what changed in its place; what changed in a live column only when `drifting` too. Returns whether the order changed.
    pub(crate) fn settle(&mut self, drifting: bool) -> bool {
        let crowds = std::mem::take(&mut self.crowds_changed) && self.regroup();
        if drifting && !self.frozen {
            self.touched.extend(self.drifted.drain());
        }
        if self.touched.is_empty() && self.removed.is_empty() {
            return crowds;
        }
        // A whole new list is sorted at once: quicker than to merge what is all new.
        if self.touched.len() > self.order.len() && !self.frozen {
            self.reorder();
            return true;
        }
        let mut coming: Vec<u32> = Vec::new();
        for slot in std::mem::take(&mut self.touched) {
            if let Some(row) = &self.slots[slot as usize]
                && fits(row, self.collection, &self.groups, &self.filter)
                && self.filter.keeps(row)
            {
                coming.push(slot);
            }
            self.removed.insert(slot);
        }
        let frozen: HashSet<u32> = if self.frozen {
            let shown: HashSet<u32> = self.order.iter().copied().collect();
            coming.iter().copied().filter(|slot| shown.contains(slot)).collect()
        } else {
            HashSet::new()
        };
        coming.retain(|slot| !frozen.contains(slot));
        let leaving = std::mem::take(&mut self.removed);
        let mut order = std::mem::take(&mut self.order);
        order.retain(|slot| !leaving.contains(slot) || frozen.contains(slot));
        for slot in leaving {
            if self.slots[slot as usize].is_none() {
                self.free.push(slot);
            }
        }
        if self.frozen {
            order.append(&mut coming);
            self.order = order;
            return true;
        }
        let (slots, sort) = (&self.slots, self.sort);
        let place = |a: &u32, b: &u32| match (&slots[*a as usize], &slots[*b as usize]) {
            (Some(a), Some(b)) => sort.compare(a, b),
            _ => std::cmp::Ordering::Equal,
        };
        coming.sort_unstable_by(place);
        let mut merged = Vec::with_capacity(order.len() + coming.len());
        let mut from = 0;
        for slot in coming {
            let to = from + order[from..].partition_point(|other| place(other, &slot).is_lt());
            merged.extend_from_slice(&order[from..to]);
            merged.push(slot);
            from = to;
        }
        merged.extend_from_slice(&order[from..]);
        self.order = merged;
        true
    }

    /// Filters and sorts everything anew.
    fn reorder(&mut self) {
        self.touched.clear();
        self.drifted.clear();
        for slot in std::mem::take(&mut self.removed) {
            if self.slots[slot as usize].is_none() {
                self.free.push(slot);
            }
        }
        self.regroup();
        self.touched.clear();
        let (collection, groups, sort) = (self.collection, &self.groups, self.sort);
        let mut filter = std::mem::take(&mut self.filter);
        let mut keys: Vec<(u128, u32)> = Vec::with_capacity(self.by_id.len());
        let rows = (0u32..).zip(&self.slots).filter_map(|(slot, row)| Some((slot, row.as_ref()?)));
        let slots = &self.slots;
        let is_plain = filter.is_empty();
        let fitting = rows.filter(|(_, row)| {
            collection.is_none_or(|id| row.collection == id) && (!is_plain || !is_grouped(row, groups))
        });
        filter.sift(fitting, |slot| {
            if let Some(row) = &slots[slot as usize] {
                keys.push((sort.key(row), slot));
            }
        });
        keys.sort_unstable_by(|(a, x), (b, y)| {
            a.cmp(b).then_with(|| match (&slots[*x as usize], &slots[*y as usize]) {
                (Some(x), Some(y)) => sort.settle(x, y),
                _ => std::cmp::Ordering::Equal,
            })
        });
        self.order.clear();
        self.order.extend(keys.into_iter().map(|(_, slot)| slot));
        self.filter = filter;
    }

    fn count(&mut self, id: DownloadId, state: &State, host: &str) {
        if words::needs_you(state) {
            self.needy.insert(id);
        }
        if let State::Failed(failure) = state {
            let cause = (failure.kind, host.to_owned());
            self.causes.entry(cause_key(&cause)).or_insert_with(|| (cause, BTreeSet::new())).1.insert(id);
            self.crowds_changed = true;
        }
    }

    fn uncount(&mut self, id: DownloadId, old: &DownloadRow) {
        self.needy.remove(&id);
        if let State::Failed(failure) = &old.state {
            let key = cause_key(&(failure.kind, old.host.clone()));
            if let Some((_, members)) = self.causes.get_mut(&key) {
                members.remove(&id);
                if members.is_empty() {
                    self.causes.remove(&key);
                }
            }
            self.crowds_changed = true;
        }
    }

    /// Counts the crowds anew; the members of one that came or went are touched. Returns whether any changed.
    fn regroup(&mut self) -> bool {
        let collection = self.collection;
        let mut groups = Vec::new();
        if self.filter.is_empty() {
            for (cause, members) in self.causes.values() {
                if members.len() < CROWD {
                    continue;
                }
                let own = |id: &&DownloadId| {
                    collection.is_none_or(|wanted| self.row(**id).is_some_and(|row| row.collection == wanted))
                };
                let count =
                    if collection.is_none() { members.len() } else { members.iter().filter(own).count() };
                let text =
                    members.iter().find(own).and_then(|id| self.row(*id)).map(|row| match &row.state {
                        State::Failed(failure) => failure.text.clone(),
                        _ => String::new(),
                    });
                if count >= CROWD {
                    groups.push(Group { cause: cause.clone(), text: text.unwrap_or_default(), count });
                }
            }
        }
        groups.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.cause.1.cmp(&b.cause.1)));
        if groups == self.groups {
            return false;
        }
        let known = |groups: &[Group], cause: &Cause| groups.iter().any(|group| group.cause == *cause);
        for (cause, members) in self.causes.values() {
            if known(&groups, cause) != known(&self.groups, cause) {
                self.touched.extend(members.iter().filter_map(|id| self.by_id.get(id)));
            }
        }
        self.groups = groups;
        true
    }

    /// A row by its number.
    pub(crate) fn row(&self, id: DownloadId) -> Option<&DownloadRow> {
        self.slots[*self.by_id.get(&id)? as usize].as_ref()
    }

    /// How many downloads there are in all.
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// How many lines are shown.
    pub(crate) fn shown(&self) -> usize {
        self.groups.len() + self.order.len()
    }

    /// How many downloads are shown, those in groups counted.
    pub(crate) fn shown_downloads(&self) -> usize {
        self.order.len() + self.groups.iter().map(|group| group.count).sum::<usize>()
    }

    /// A line by its place.
    pub(crate) fn line(&self, at: usize) -> Option<Line<'_>> {
        match at.checked_sub(self.groups.len()) {
            None => self.groups.get(at).map(Line::Group),
            Some(at) => self.slots[*self.order.get(at)? as usize].as_ref().map(Line::Row),
        }
    }

    /// The place of a download's line.
    pub(crate) fn place(&self, id: DownloadId) -> Option<usize> {
        let slot = *self.by_id.get(&id)?;
        self.order.iter().position(|other| *other == slot).map(|at| at + self.groups.len())
    }

    /// The place of a group's line.
    pub(crate) fn place_of_group(&self, cause: &Cause) -> Option<usize> {
        self.groups.iter().position(|group| group.cause == *cause)
    }

    /// Every row that is shown by itself, in order.
    pub(crate) fn shown_rows(&self) -> impl Iterator<Item = &DownloadRow> {
        self.order.iter().filter_map(|slot| self.slots[*slot as usize].as_ref())
    }

    /// Every download that is shown, by itself or in a group.
    pub(crate) fn shown_ids(&self) -> HashSet<DownloadId> {
        let grouped = self.groups.iter().flat_map(|group| self.members(&group.cause));
        grouped.chain(self.shown_rows().map(|row| row.id)).collect()
    }

    /// Every row there is.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &DownloadRow> {
        self.slots.iter().flatten()
    }

    /// The members of a group.
    pub(crate) fn members(&self, cause: &Cause) -> Vec<DownloadId> {
        let wanted = self.collection;
        let all =
            self.causes.get(&cause_key(cause)).into_iter().flat_map(|(_, members)| members.iter().copied());
        all.filter(|id| wanted.is_none_or(|wanted| self.row(*id).is_some_and(|row| row.collection == wanted)))
            .collect()
    }

    /// How many need a person.
    pub(crate) fn needy(&self) -> usize {
        self.needy.len()
    }

    /// How many there are of each state in each collection.
    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// How the list is sorted.
    pub(crate) fn sort(&self) -> Sort {
        self.sort
    }

    /// Sorts by another column, or the other way.
    pub(crate) fn sort_by(&mut self, sort: Sort) {
        self.sort = sort;
        self.reorder();
    }

    /// What is filtered by.
    pub(crate) fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Filters by another line.
    pub(crate) fn filter_by(&mut self, filter: Filter) {
        self.filter = filter;
        self.reorder();
    }

    /// The collection that is shown; all where none is.
    pub(crate) fn collection(&self) -> Option<CollectionId> {
        self.collection
    }

    /// Shows one collection, or all.
    pub(crate) fn show(&mut self, collection: Option<CollectionId>) {
        self.collection = collection;
        self.reorder();
    }

    /// Whether the order stays as it is.
    pub(crate) fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// Freezes the order, or lets it go.
    pub(crate) fn freeze(&mut self, frozen: bool) {
        self.frozen = frozen;
        if !frozen {
            self.reorder();
        }
    }
}

fn cause_key(cause: &Cause) -> (u8, String) {
    (cause.0 as u8, cause.1.clone())
}

fn is_grouped(row: &DownloadRow, groups: &[Group]) -> bool {
    match &row.state {
        State::Failed(failure) if !groups.is_empty() => {
            groups.iter().any(|group| group.cause.0 == failure.kind && group.cause.1 == row.host)
        }
        _ => false,
    }
}

fn fits(row: &DownloadRow, collection: Option<CollectionId>, groups: &[Group], filter: &Filter) -> bool {
    collection.is_none_or(|id| row.collection == id) && (!filter.is_empty() || !is_grouped(row, groups))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::sort::Column;
    use super::*;
    use crate::model::state::Failure;
    use crate::tui::sample::row;

    fn order(list: &List) -> Vec<u64> {
        list.shown_rows().map(|row| row.id.0).collect()
    }

    fn failed(id: u64, kind: FailKind) -> DownloadRow {
        let mut row = row(id, &format!("file-{id}"));
        row.state = State::Failed(Failure { kind, text: "gone: 404".into(), hint: String::new() });
        row
    }

    proptest! {
        #[test]
        fn changes_one_by_one_end_as_if_all_were_sorted_anew(
            edits in prop::collection::vec((1u64..30, 0u64..6, 0u64..50), 1..80),
            column in 0usize..Column::ALL.len(),
            falling in any::<bool>(),
        ) {
            let mut list = List::default();
            list.sort_by(Sort { column: Column::ALL[column], falling });
            for (id, what, size) in edits {
                if what == 0 {
                    list.take(DownloadId(id));
                } else {
                    let mut row = row(id, &format!("name-{}", (id * 7) % 11));
                    (row.size, row.covered) = (Some(size * 10), size);
                    row.speed = size * what;
                    if what == 1 {
                        row.state = State::Paused;
                    }
                    list.put(row);
                }
                list.settle(true);
                let merged = order(&list);
                let mut fresh = List::default();
                fresh.sort_by(list.sort());
                list.rows().cloned().for_each(|row| fresh.put(row));
                fresh.settle(true);
                prop_assert_eq!(merged, order(&fresh));
            }
        }
    }

    #[test]
    fn a_live_column_waits_and_a_frozen_list_stays() {
        let mut list = List::default();
        list.sort_by(Sort::by(Column::Speed));
        for id in 1..=3 {
            let mut row = row(id, "x");
            row.speed = id * 100;
            list.put(row);
        }
        list.settle(false);
        assert_eq!(order(&list), [3, 2, 1]);
        let mut fast = row(1, "x");
        fast.speed = 1000;
        list.put(fast.clone());
        assert!(!list.settle(false));
        assert_eq!(order(&list), [3, 2, 1]);
        list.settle(true);
        assert_eq!(order(&list), [1, 3, 2]);
        list.freeze(true);
        fast.speed = 1;
        list.put(fast);
        list.take(DownloadId(3));
        list.put(row(9, "new"));
        list.settle(true);
        assert_eq!(order(&list), [1, 2, 9]);
    }

    #[test]
    fn many_failures_of_one_kind_are_one_line() {
        let mut list = List::default();
        list.put(row(100, "fine"));
        for id in 1..CROWD as u64 {
            list.put(failed(id, FailKind::Gone));
        }
        list.settle(false);
        assert_eq!(list.shown(), CROWD);
        list.put(failed(50, FailKind::Gone));
        list.put(failed(51, FailKind::Refused));
        list.settle(false);
        let Some(Line::Group(group)) = list.line(0) else { panic!("no group") };
        assert_eq!((group.count, list.shown(), list.shown_downloads()), (CROWD, 3, CROWD + 2));
        list.filter_by(Filter::parse("state:failed"));
        assert_eq!(list.shown(), CROWD + 1);
        list.filter_by(Filter::default());
        list.put(row(50, "again"));
        list.settle(false);
        assert_eq!(list.shown(), CROWD + 2);
    }
}
