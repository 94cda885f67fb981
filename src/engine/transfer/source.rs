//! Where a download's bytes come from: the source URL, what it redirects to, and the mirrors that a list or a Metalink names.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use url::Url;

use super::order::Order;
use crate::model::coverage::Coverage;
use crate::model::range::ByteRange;
use crate::model::record::Checkpoint;
use crate::model::validators::Validators;

/// The places of one file. The first is the source itself; the others are used together with it only where a checksum can tell a bad
/// one. Where there is none, they are asked one after the other, and all bytes come from the first that answers.
pub(super) struct Sources {
    one_after_other: bool,
    /// Whether the source itself was found out to have other bytes than the sum is of.
    source_is_bad: Cell<bool>,
    places: RefCell<Vec<Place>>,
    /// Who wrote what, for blame; kept only where there is more than one place.
    wrote: RefCell<Vec<(ByteRange, usize)>>,
}

struct Place {
    url: Url,
    heard: Option<Validators>,
    dropped: bool,
}

impl Sources {
    /// Returns the places of an order. What was begun goes on where its bytes came from.
    pub(super) fn new(order: &Order, held: Option<&Checkpoint>) -> Self {
        let first = held.and_then(|held| held.final_url.clone()).unwrap_or_else(|| order.source.clone());
        let mut places = vec![Place { url: first, heard: None, dropped: false }];
        let extras = order.extras.as_deref();
        let has_sum = extras.is_some_and(|extras| extras.checksum.is_some() || extras.pieces.is_some());
        // What was begun goes on where it was begun, where nothing could tell another file's bytes.
        let is_begun = held.is_some_and(|held| held.final_url.is_some());
        if let Some(extras) = extras.filter(|_| has_sum || !is_begun) {
            places.extend(extras.mirrors.iter().map(|url| Place {
                url: url.clone(),
                heard: None,
                dropped: false,
            }));
        }
        Self {
            one_after_other: !has_sum,
            source_is_bad: Cell::new(false),
            places: RefCell::new(places),
            wrote: RefCell::new(Vec::new()),
        }
    }

    /// The URL to ask at a place.
    pub(super) fn url(&self, place: usize) -> Option<Url> {
        self.places.borrow().get(place).map(|place| place.url.clone())
    }

    /// The place asks at another URL from now on.
    pub(super) fn set_url(&self, place: usize, url: Url) {
        if let Some(place) = self.places.borrow_mut().get_mut(place) {
            place.url = url;
        }
    }

    /// What a place said of the file the first time.
    pub(super) fn heard(&self, place: usize) -> Option<Validators> {
        self.places.borrow().get(place).and_then(|place| place.heard.clone())
    }

    /// Keeps what a place said the first time.
    pub(super) fn hear(&self, place: usize, validators: &Validators) {
        if let Some(place) = self.places.borrow_mut().get_mut(place) {
            place.heard.get_or_insert_with(|| validators.clone());
        }
    }

    /// A place begins to give bytes. Returns its number from now on: the only one, where they are asked one after the other.
    pub(super) fn settle(&self, place: usize) -> usize {
        if !self.one_after_other {
            return place;
        }
        let mut places = self.places.borrow_mut();
        if place < places.len() {
            places.swap(0, place);
        }
        places.truncate(1);
        0
    }

    /// The sum says that the source itself has another file: from now on only the others are asked, also those that were suspected
    /// before. False where there are none, or that was tried.
    pub(super) fn leave_source(&self) -> bool {
        let mut places = self.places.borrow_mut();
        if self.one_after_other || places.len() < 2 || self.source_is_bad.replace(true) {
            return false;
        }
        places.iter_mut().enumerate().for_each(|(number, place)| place.dropped = number == 0);
        true
    }

    /// Which place the `n`th connection uses: they take turns.
    pub(super) fn pick(&self, n: usize) -> usize {
        let n = if self.one_after_other { 0 } else { n };
        let places = self.places.borrow();
        let usable: Vec<usize> = (0..places.len()).filter(|at| !places[*at].dropped).collect();
        usable.get(n % usable.len().max(1)).copied().unwrap_or(0)
    }

    /// Whether there is a choice at any time.
    pub(super) fn has_mirrors(&self) -> bool {
        !self.one_after_other && self.are_several()
    }

    fn are_several(&self) -> bool {
        self.places.borrow().iter().filter(|place| !place.dropped).count() > 1
    }

    /// Gives a place up, unless it is the last.
    pub(super) fn drop_place(&self, place: usize) -> bool {
        if !self.are_several() {
            return false;
        }
        if let Some(place) = self.places.borrow_mut().get_mut(place) {
            place.dropped = true;
        }
        true
    }

    /// Whether a place that may still be asked is none of these.
    pub(super) fn has_other_than(&self, guilty: &[usize]) -> bool {
        let places = self.places.borrow();
        places.iter().enumerate().any(|(place, of)| !of.dropped && !guilty.contains(&place))
    }

    /// Keeps who wrote what.
    pub(super) fn wrote(&self, range: ByteRange, place: usize) {
        if self.places.borrow().len() > 1 {
            self.wrote.borrow_mut().push((range, place));
        }
    }

    /// What did not come from the source itself.
    pub(super) fn of_mirrors(&self) -> Vec<ByteRange> {
        self.wrote.borrow().iter().filter(|(_, place)| *place > 0).map(|(range, _)| *range).collect()
    }

    /// What was written into these ranges counts for nobody any more: they are fetched again.
    pub(super) fn forget(&self, ranges: &[ByteRange]) {
        let mut kept = Vec::new();
        for (range, place) in self.wrote.take() {
            let mut wrote: Coverage = [range].into_iter().collect();
            for range in ranges {
                wrote.remove(*range);
            }
            kept.extend(wrote.ranges().map(|range| (range, place)));
        }
        self.wrote.replace(kept);
    }

    /// Who is to blame for bad pieces: whoever wrote one of them alone. Where all of them were written together, whoever
    /// wrote no good one alone; and where that says nothing, every mirror.
    pub(super) fn guilty(&self, bad: &[ByteRange], good: &[ByteRange]) -> Vec<usize> {
        let writers = |ranges: &[ByteRange]| -> Vec<Vec<usize>> {
            ranges.iter().map(|range| self.who_wrote(*range)).filter(|who| !who.is_empty()).collect()
        };
        let alone = |all: &[Vec<usize>]| -> BTreeSet<usize> {
            all.iter().filter(|who| who.len() == 1).flatten().copied().collect()
        };
        let bad = writers(bad);
        let mut guilty = alone(&bad);
        if guilty.is_empty() {
            let trusted = alone(&writers(good));
            guilty = bad.iter().flatten().copied().filter(|place| !trusted.contains(place)).collect();
        }
        if guilty.len() > 1 {
            // The source itself goes last.
            guilty.remove(&0);
        }
        guilty.into_iter().collect()
    }

    /// Who wrote any byte of a range.
    fn who_wrote(&self, range: ByteRange) -> Vec<usize> {
        let mut who: Vec<usize> = self
            .wrote
            .borrow()
            .iter()
            .filter(|(wrote, _)| wrote.intersection(range).is_some())
            .map(|(_, place)| *place)
            .collect();
        who.sort_unstable();
        who.dedup();
        who
    }
}
