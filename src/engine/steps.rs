//! What can be taken back: the steps of the last acts, and how long each is kept.

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

use crate::model::id::DownloadId;
use crate::model::record::DownloadRecord;
use crate::model::state::StateKind;

/// How long a removed download can be taken back.
const KEEP: Duration = Duration::from_secs(30);
/// How many acts can be taken back.
const MOST_ACTS: u64 = 1000;
/// How many steps are kept of more acts than one; the last act is kept whole.
const MOST_STEPS: usize = 100_000;

/// Something to take back.
struct Step {
    /// Which act it belongs to: all of one act is taken back together.
    act: u64,
    what: What,
}

pub(super) enum What {
    /// This was cancelled; it was in that state before.
    Cancelled(DownloadId, StateKind),
    /// This is to be removed as soon as its transfer has let go.
    Removing(DownloadId),
    /// This was removed, then.
    Removed(Box<DownloadRecord>, Instant),
}

/// What can be taken back, the oldest first. What a step costs doesn't grow with their number.
#[derive(Default)]
pub(super) struct Steps {
    kept: VecDeque<Step>,
    /// Counts the acts that have steps.
    act: u64,
    is_new_act: bool,
    /// Those that are still to be removed, of the steps.
    removing: HashSet<DownloadId>,
    /// What was removed in acts that are too long ago.
    over: Vec<DownloadRecord>,
    /// When the first of those that were removed is to be forgotten.
    due: Option<Instant>,
}

impl Steps {
    /// What is taken back together begins anew.
    pub(super) fn begin_act(&mut self) {
        self.is_new_act = true;
    }

    /// When the first of those that were removed is to be forgotten.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    pub(super) fn push(&mut self, what: What) {
        if std::mem::take(&mut self.is_new_act) {
            self.act += 1;
        }
        self.kept.push_back(Step { act: self.act, what });
        while let Some(oldest) = self.kept.front().map(|step| step.act)
            && oldest < self.act
            && (oldest + MOST_ACTS <= self.act || self.kept.len() > MOST_STEPS)
        {
            if let Some(What::Removed(record, _)) = self.kept.pop_front().map(|step| step.what) {
                self.over.push(*record);
            }
        }
    }

    pub(super) fn push_removing(&mut self, id: DownloadId) {
        self.removing.insert(id);
        self.push(What::Removing(id));
    }

    /// A removed one can be taken back from now on, at the place that it had while its transfer let go.
    pub(super) fn push_removed(&mut self, record: DownloadRecord, now: Instant) {
        let id = record.id;
        let was_among = self.removing.remove(&id);
        let is_it = |step: &&mut Step| matches!(step.what, What::Removing(of) if of == id);
        let removed = What::Removed(Box::new(record), now);
        self.due = self.due.or(Some(now + KEEP));
        match was_among.then(|| self.kept.iter_mut().rev().find(is_it)).flatten() {
            Some(step) => step.what = removed,
            None => self.push(removed),
        }
    }

    /// The last act's steps, the last first.
    pub(super) fn pop_act(&mut self) -> Vec<What> {
        let Some(act) = self.kept.back().map(|step| step.act) else { return Vec::new() };
        let mut last = Vec::new();
        while let Some(step) = self.kept.pop_back_if(|step| step.act == act) {
            if let What::Removing(id) = step.what {
                self.removing.remove(&id);
            }
            last.push(step.what);
        }
        self.set_due();
        last
    }

    /// A removed one that is not to be taken back.
    pub(super) fn take(&mut self, id: DownloadId) -> Option<DownloadRecord> {
        let is_it = |step: &Step| matches!(&step.what, What::Removed(record, _) if record.id == id);
        let place = self.kept.iter().rposition(is_it)?;
        let taken = self.kept.remove(place)?.what;
        self.set_due();
        match taken {
            What::Removed(record, _) => Some(*record),
            What::Cancelled(..) | What::Removing(_) => None,
        }
    }

    /// Takes out what was removed so long ago that it can't be taken back; where there is no time, all that was.
    pub(super) fn take_over(&mut self, now: Option<Instant>) -> Vec<DownloadRecord> {
        let mut over = std::mem::take(&mut self.over);
        if now.is_some_and(|now| self.due.is_none_or(|due| now < due)) {
            return over;
        }
        for step in std::mem::take(&mut self.kept) {
            match step.what {
                What::Removed(record, since) if now.is_none_or(|now| since + KEEP <= now) => {
                    over.push(*record);
                }
                _ => self.kept.push_back(step),
            }
        }
        self.set_due();
        over
    }

    fn set_due(&mut self) {
        self.due = self.removed().map(|(_, since)| since + KEEP).min();
    }

    /// What was removed and can be taken back, and since when.
    pub(super) fn removed(&self) -> impl Iterator<Item = (&DownloadRecord, Instant)> {
        self.kept.iter().filter_map(|step| match &step.what {
            What::Removed(record, since) => Some((&**record, *since)),
            What::Cancelled(..) | What::Removing(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;

    use url::Url;
    use uuid::Uuid;

    use super::*;
    use crate::model::id::CollectionId;
    use crate::model::item::{Mode, Priority};
    use crate::model::state::State;
    use crate::model::time::UnixMs;

    fn record(id: u64) -> DownloadRecord {
        DownloadRecord {
            id: DownloadId(id),
            uuid: Uuid::nil(),
            collection: CollectionId::DEFAULT,
            order: 0.,
            source_url: Url::parse("https://h.example/a").unwrap(),
            folder: Arc::new(PathBuf::from("/x")),
            name: "a".into(),
            name_is_final: true,
            name_is_given: false,
            mode: Mode::Background,
            priority: Priority::Normal,
            state: State::Queued,
            added: UnixMs(5),
            ended: None,
            size: None,
            attempts: 0,
            dry_since: None,
            joined_on_samples: false,
            settings: Arc::default(),
            extras: None,
            checkpoint: None,
        }
    }

    /// The ids of steps: what was cancelled, is being removed, or was removed.
    fn told(steps: &[What]) -> Vec<(char, u64)> {
        let told = |step: &What| match step {
            What::Cancelled(id, _) => ('c', id.0),
            What::Removing(id) => ('-', id.0),
            What::Removed(record, _) => ('r', record.id.0),
        };
        steps.iter().map(told).collect()
    }

    fn ids(records: &[DownloadRecord]) -> Vec<u64> {
        records.iter().map(|record| record.id.0).collect()
    }

    #[test]
    fn an_act_is_taken_back_whole_the_last_one_first() {
        let now = Instant::now();
        let mut steps = Steps::default();
        steps.begin_act();
        (0..3).for_each(|id| steps.push(What::Cancelled(DownloadId(id), StateKind::Queued)));
        steps.begin_act();
        steps.push_removing(DownloadId(1));
        steps.push_removed(record(2), now);
        // An act without steps is none.
        steps.begin_act();
        steps.begin_act();
        steps.push(What::Cancelled(DownloadId(7), StateKind::Paused));
        // It let go by now, and keeps its place.
        steps.push_removed(record(1), now);
        assert_eq!(told(&steps.pop_act()), [('c', 7)]);
        assert_eq!(steps.due(), Some(now + KEEP));
        assert_eq!(told(&steps.pop_act()), [('r', 2), ('r', 1)]);
        assert_eq!(steps.due(), None);
        assert_eq!(told(&steps.pop_act()), [('c', 2), ('c', 1), ('c', 0)]);
        assert_eq!(told(&steps.pop_act()), []);
    }

    #[test]
    fn what_was_removed_is_over_after_a_while_and_what_was_cancelled_is_not() {
        let now = Instant::now();
        let later = now + KEEP / 2;
        let mut steps = Steps::default();
        steps.begin_act();
        steps.push_removed(record(1), now);
        steps.push(What::Cancelled(DownloadId(2), StateKind::Queued));
        steps.push_removed(record(3), later);
        assert!(steps.take_over(Some(later)).is_empty());
        assert_eq!(ids(&steps.take_over(steps.due())), [1]);
        assert_eq!(steps.due(), Some(later + KEEP));
        assert_eq!(steps.take(DownloadId(3)).map(|record| record.id.0), Some(3));
        assert_eq!((steps.take(DownloadId(2)), steps.due()), (None, None));
        assert_eq!(told(&steps.pop_act()), [('c', 2)]);
        // Without a time all of them are.
        steps.push_removed(record(4), later);
        assert_eq!(ids(&steps.take_over(None)), [4]);
        assert_eq!(steps.due(), None);
    }

    #[test]
    fn old_acts_make_room_and_the_last_one_is_kept_whole() {
        let now = Instant::now();
        let mut steps = Steps::default();
        for act in 0..=MOST_ACTS {
            steps.begin_act();
            steps.push_removed(record(act), now);
        }
        assert_eq!(ids(&steps.take_over(Some(now))), [0]);
        steps.begin_act();
        let most = u64::try_from(MOST_STEPS).unwrap() + 5;
        (0..most).for_each(|id| steps.push(What::Cancelled(DownloadId(id), StateKind::Queued)));
        let over = ids(&steps.take_over(Some(now)));
        assert!(over.iter().copied().eq(1..=MOST_ACTS), "{over:?}");
        assert_eq!(u64::try_from(steps.pop_act().len()).unwrap(), most);
        assert_eq!(told(&steps.pop_act()), []);
    }
}
