//! What `get` and `wait` know of the downloads that they stay with. Pure: updates in, events out, each in time that grows with
//! what changed.

use std::collections::{BTreeMap, HashMap};
use std::mem::{Discriminant, discriminant};
use std::path::{Path, PathBuf};

use super::batch::Target;
use super::status::Status;
use crate::model::id::DownloadId;
use crate::model::item::Mode;
use crate::model::printable::printable;
use crate::model::request::AddedHow;
use crate::model::state::{FailKind, State, WaitReason};
use crate::model::update::Update;
use crate::model::view::DownloadRow;

/// The downloads that are stayed with.
#[derive(Debug, Default)]
pub(crate) struct Following {
    followed: HashMap<DownloadId, Followed>,
    /// Those that run or wait, for the screen.
    active: BTreeMap<DownloadId, DownloadRow>,
    sums: Sums,
    /// Whether the first list was read to its end, so that what is not in it is gone.
    is_whole: bool,
}

/// Sums over all that are followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    /// How many have ended.
    pub(crate) ended: usize,
    /// How many of those are no file.
    pub(crate) failed: usize,
    /// How many of those because the time was up.
    pub(crate) gave_up: usize,
    /// How many wait for something that a person must do.
    pub(crate) stuck: usize,
    /// Bytes on disk.
    pub(crate) covered: u64,
    /// Bytes in all, as far as known.
    pub(crate) size: u64,
    /// How many are on their way whose size is not known.
    pub(crate) unknown: usize,
    /// Bytes per second.
    pub(crate) speed: u64,
}

/// Something to tell.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Event {
    /// It is a file.
    Completed {
        /// The download.
        row: DownloadRow,
        /// The file, where its target is known.
        path: Option<PathBuf>,
        /// Whether it was one before.
        already: bool,
    },
    /// It will not be a file: failed or cancelled.
    Failed(DownloadRow),
    /// It waits.
    Waits(DownloadRow),
    /// Somebody took it out of the list.
    Gone(DownloadId),
}

#[derive(Debug)]
struct Followed {
    target: Option<Target>,
    already: bool,
    seen: Seen,
}

/// What is remembered of a row, to tell what changed.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    phase: Phase,
    why: Option<Discriminant<WaitReason>>,
    mode: Mode,
    covered: u64,
    size: u64,
    is_unknown: bool,
    speed: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Unseen,
    Idle,
    Running,
    Waiting,
    Stuck,
    Completed,
    Failed,
    GaveUp,
}

impl Phase {
    fn of(state: &State) -> Self {
        match state {
            State::Queued | State::Paused => Self::Idle,
            State::Waiting { why, .. } if why.is_hold() || matches!(why, WaitReason::Retry { .. }) => {
                Self::Waiting
            }
            State::Waiting { .. } => Self::Stuck,
            State::Completed => Self::Completed,
            State::Failed(failure) if failure.kind == FailKind::GaveUp => Self::GaveUp,
            State::Failed(_) | State::Cancelled => Self::Failed,
            State::Connecting | State::Downloading | State::Verifying | State::Processing => Self::Running,
        }
    }

    fn is_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::GaveUp)
    }

    fn is_waiting(self) -> bool {
        matches!(self, Self::Waiting | Self::Stuck)
    }
}

impl Following {
    /// Stays with one more; the mode is what it was added with.
    pub(crate) fn follow(&mut self, id: DownloadId, how: AddedHow, mode: Mode, target: Option<Target>) {
        self.followed.entry(id).or_insert(Followed {
            target,
            already: how == AddedHow::AlreadyHere,
            seen: Seen { mode, ..Seen::default() },
        });
    }

    /// Takes in what changed and returns what is to be told.
    pub(crate) fn apply(&mut self, update: &Update) -> Vec<Event> {
        let mut events = Vec::new();
        for row in &update.rows {
            self.see(row, &mut events);
        }
        for id in &update.removed {
            if self.followed.get(id).is_some_and(|one| !one.seen.phase.is_ended()) {
                self.lose(*id, &mut events);
            }
        }
        if !self.is_whole && !update.more {
            self.is_whole = true;
            let missing = self.followed.iter().filter(|(_, one)| one.seen.phase == Phase::Unseen);
            let mut missing: Vec<_> = missing.map(|(id, _)| *id).collect();
            missing.sort_unstable();
            for id in missing {
                self.lose(id, &mut events);
            }
        }
        events
    }

    fn see(&mut self, row: &DownloadRow, events: &mut Vec<Event>) {
        let Some(one) = self.followed.get_mut(&row.id) else { return };
        let before = one.seen;
        let phase = Phase::of(&row.state);
        let why = match &row.state {
            State::Waiting { why, .. } => Some(discriminant(why)),
            _ => None,
        };
        one.seen = Seen {
            phase,
            why,
            mode: row.mode,
            covered: row.covered,
            size: row.size.unwrap_or(row.covered),
            is_unknown: row.size.is_none() && !phase.is_ended(),
            speed: row.speed,
        };
        let after = one.seen;
        self.sums.take(before);
        self.sums.put(after);
        if phase == Phase::Running || phase.is_waiting() {
            self.active.insert(row.id, row.clone());
        } else {
            self.active.remove(&row.id);
        }
        if (phase, why) == (before.phase, before.why) {
            return;
        }
        match phase {
            Phase::Completed => {
                // What it is called now is the truth: the name that was asked for may have been taken.
                let target = one.target.as_ref();
                let asked = target.and_then(|target| target.name.as_deref());
                let name = asked.filter(|asked| printable(asked) == row.name).unwrap_or(&row.name);
                let folder =
                    row.moved_to.as_deref().map(Path::new).or(target.and_then(|of| of.folder.as_deref()));
                let path = folder.map(|folder| folder.join(name));
                events.push(Event::Completed { row: row.clone(), path, already: one.already });
            }
            Phase::Failed | Phase::GaveUp => events.push(Event::Failed(row.clone())),
            Phase::Waiting | Phase::Stuck => events.push(Event::Waits(row.clone())),
            Phase::Unseen | Phase::Idle | Phase::Running => {}
        }
    }

    fn lose(&mut self, id: DownloadId, events: &mut Vec<Event>) {
        let Some(one) = self.followed.get_mut(&id) else { return };
        self.sums.take(one.seen);
        one.seen = Seen { phase: Phase::Failed, ..Seen::default() };
        self.sums.put(one.seen);
        self.active.remove(&id);
        events.push(Event::Gone(id));
    }

    /// How many are followed.
    pub(crate) fn len(&self) -> usize {
        self.followed.len()
    }

    /// Whether all have ended.
    pub(crate) fn is_done(&self) -> bool {
        self.sums.ended == self.followed.len()
    }

    /// Whether nothing moves any more until a person does something.
    pub(crate) fn is_stuck(&self) -> bool {
        self.sums.stuck > 0 && self.sums.ended + self.sums.stuck == self.followed.len()
    }

    /// The sums.
    pub(crate) fn sums(&self) -> Sums {
        self.sums
    }

    /// Those that run or wait, by number.
    pub(crate) fn active(&self) -> &BTreeMap<DownloadId, DownloadRow> {
        &self.active
    }

    /// Those that have not ended, by number, and their modes.
    pub(crate) fn unended(&self) -> Vec<(DownloadId, Mode)> {
        let open = self.followed.iter().filter(|(_, one)| !one.seen.phase.is_ended());
        let mut open: Vec<_> = open.map(|(id, one)| (*id, one.seen.mode)).collect();
        open.sort_unstable_by_key(|(id, _)| *id);
        open
    }

    /// The status to end with.
    pub(crate) fn status(&self) -> Status {
        match self.sums {
            Sums { failed: 0, .. } => Status::Done,
            Sums { failed, gave_up, .. } if failed == gave_up => Status::GaveUp,
            _ => Status::Failed,
        }
    }
}

impl Sums {
    // Bytes wrap: servers announce what they like, and what was put in is taken out again exactly.
    fn put(&mut self, seen: Seen) {
        self.ended += usize::from(seen.phase.is_ended());
        self.failed += usize::from(matches!(seen.phase, Phase::Failed | Phase::GaveUp));
        self.gave_up += usize::from(seen.phase == Phase::GaveUp);
        self.stuck += usize::from(seen.phase == Phase::Stuck);
        self.covered = self.covered.wrapping_add(seen.covered);
        self.size = self.size.wrapping_add(seen.size);
        self.unknown += usize::from(seen.is_unknown);
        self.speed = self.speed.wrapping_add(seen.speed);
    }

    /// Takes back what [`Self::put`] put in.
    fn take(&mut self, seen: Seen) {
        self.ended -= usize::from(seen.phase.is_ended());
        self.failed -= usize::from(matches!(seen.phase, Phase::Failed | Phase::GaveUp));
        self.gave_up -= usize::from(seen.phase == Phase::GaveUp);
        self.stuck -= usize::from(seen.phase == Phase::Stuck);
        self.covered = self.covered.wrapping_sub(seen.covered);
        self.size = self.size.wrapping_sub(seen.size);
        self.unknown -= usize::from(seen.is_unknown);
        self.speed = self.speed.wrapping_sub(seen.speed);
    }
}

#[cfg(test)]
mod tests {
    use super::super::scripted::{row, state};
    use super::*;

    /// Follows 1 and 2, applies one update a word (`1:downloading`, `-2` removes), and writes what was told.
    fn told(story: &str) -> (Vec<String>, Following) {
        let mut following = Following::default();
        for id in [1, 2] {
            let target = Target { folder: Some(std::path::Path::new("/d").into()), name: None };
            following.follow(DownloadId(id), AddedHow::New, Mode::Background, Some(target));
        }
        let mut told = Vec::new();
        for word in story.split_whitespace() {
            let mut update = Update::default();
            for part in word.split('+') {
                match part.split_once(':') {
                    Some((id, word)) => update.rows.push(row(id.parse().unwrap(), word)),
                    None => update.removed.push(DownloadId(part.trim_start_matches('-').parse().unwrap())),
                }
            }
            told.extend(following.apply(&update).into_iter().map(|event| match event {
                Event::Completed { path, .. } => format!("done {}", path.unwrap().display()),
                Event::Failed(row) => format!("failed {}", row.id),
                Event::Waits(row) => format!("waits {}", row.id),
                Event::Gone(id) => format!("gone {id}"),
            }));
        }
        (told, following)
    }

    #[test]
    fn stories() {
        for (story, events, status) in [
            ("1:queued+2:queued 1:downloading 1:completed 2:completed", "done /d/file-1, done /d/file-2", 0),
            ("1:queued+2:queued+3:failed 1:completed+2:failed", "done /d/file-1, failed 2", 1),
            ("1:completed+2:gave-up", "done /d/file-1, failed 2", 4),
            ("1:failed+2:gave-up", "failed 1, failed 2", 1),
            ("1:completed+2:cancelled", "done /d/file-1, failed 2", 1),
            (
                "1:retrying+2:queued 1:retrying 1:downloading 1:retrying 1:completed 2:completed",
                "waits 1, waits 1, done /d/file-1, done /d/file-2",
                0,
            ),
            // Another reason is news, and the same one is not.
            (
                "1:retrying+2:queued 1:held 1:held 1:completed 2:completed",
                "waits 1, waits 1, done /d/file-1, done /d/file-2",
                0,
            ),
            ("1:completed", "done /d/file-1, gone 2", 1),
            ("1:queued+2:queued -2 1:completed -1", "gone 2, done /d/file-1", 1),
            ("1:failed+2:completed 1:queued 1:completed", "failed 1, done /d/file-2, done /d/file-1", 0),
        ] {
            let (told, following) = told(story);
            assert_eq!(told.join(", "), events, "{story}");
            assert!(following.is_done(), "{story}");
            assert_eq!(following.status().code(), status, "{story}");
        }
    }

    #[test]
    fn it_is_stuck_only_where_nothing_can_move_by_itself() {
        for (story, stuck) in [
            ("1:expired+2:completed", true),
            ("1:expired+2:expired", true),
            ("1:expired+2:downloading", false),
            ("1:expired+2:retrying", false),
            ("1:expired+2:paused", false),
            ("1:completed+2:completed", false),
        ] {
            assert_eq!(told(story).1.is_stuck(), stuck, "{story}");
        }
    }

    #[test]
    fn sums_follow_every_change() {
        let (_, mut following) = told("1:queued+2:downloading");
        let (covered, size) = (following.sums().covered - 250, following.sums().size - 1000);
        let mut one = row(1, "downloading");
        (one.covered, one.size, one.speed) = (10, Some(100), 5);
        following.apply(&Update { rows: vec![one.clone()], ..Update::default() });
        assert_eq!(
            (following.sums().covered - covered, following.sums().size - size, following.sums().speed),
            (10, 100, 5)
        );
        (one.covered, one.speed, one.state) = (100, 0, state("completed"));
        following.apply(&Update { rows: vec![one], ..Update::default() });
        assert_eq!(
            (following.sums().covered - covered, following.sums().speed, following.sums().ended),
            (100, 0, 1)
        );
        assert_eq!(following.active().len(), 1);
    }
}
