//! Room on disks: the ledger that the engine and all transfer threads share, and downloads that wait for a disk to change.
//!
//! Its lock is taken when a file begins, ends or asks for more, never for a piece of a file.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::core::Core;
use super::transfer::Live;
use crate::kernel::queue::turn;
use crate::kernel::space::{Asks, Grant, Ledger, Room, reserve};
use crate::kernel::transition::Event;
use crate::model::id::DownloadId;
use crate::model::state::{State, WaitReason};
use crate::store::error::{StoreError, StoreKind};
use crate::store::space;

/// How often a full disk, a missing folder or a missing interface is looked at, while somebody waits for it.
const LOOK: Duration = Duration::from_secs(1);
/// Files up to this size are begun without looking at the disk first, in bytes.
pub(super) const SMALL: u64 = 1 << 20;

/// The ledger, shared.
pub(crate) struct Space {
    state: Mutex<Shared>,
    reserve: Option<u64>,
    released: AtomicBool,
}

#[derive(Default)]
struct Shared {
    ledger: Ledger,
    /// The numbers of those that run: what they have on disk by now.
    live: HashMap<DownloadId, Arc<Live>>,
}

impl Space {
    pub(crate) fn new(reserve: Option<u64>) -> Self {
        Self { state: Mutex::default(), reserve, released: AtomicBool::new(false) }
    }

    /// Asks for room on a folder's disk. `live` is there where the download runs.
    ///
    /// # Errors
    /// The folder is away.
    pub(crate) fn ask(
        &self,
        folder: &Path,
        asks: Asks,
        live: Option<&Arc<Live>>,
    ) -> Result<Grant, StoreError> {
        let space = space::of(folder)?;
        let room = Room { disk: space.device, free: space.free, total: space.total };
        let mut state = self.lock();
        let Shared { ledger, live: running } = &mut *state;
        let has = |id| running.get(&id).map_or(0, |live| live.covered());
        let grant = ledger.ask(asks, room, reserve(room.total, self.reserve), has);
        if let Some(live) = live {
            running.insert(asks.id, Arc::clone(live));
        }
        Ok(grant)
    }

    /// A download ended, or no longer wants to grow: its room is there for others.
    pub(crate) fn release(&self, id: DownloadId) {
        let mut state = self.lock();
        state.live.remove(&id);
        if state.ledger.release(id) {
            self.released.store(true, Ordering::Relaxed);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // Each change is whole before the next call: a thread that panicked left nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Core {
    /// Says what room a download lacks before it begins or goes on, or nothing.
    pub(super) fn lacks(&self, id: DownloadId) -> Option<WaitReason> {
        let item = self.items.get(&id)?;
        let record = &item.record;
        if record.size.is_none_or(|size| size <= SMALL) {
            return None;
        }
        self.lacks_room(id)
    }

    fn lacks_room(&self, id: DownloadId) -> Option<WaitReason> {
        let item = self.items.get(&id)?;
        let record = &item.record;
        let aside = record.checkpoint.iter().flat_map(|checkpoint| &checkpoint.set_aside);
        let asks = Asks {
            id,
            turn: turn(record.mode, record.priority, record.order, id),
            has: item.covered(),
            size: record.size,
            set_aside: aside.map(|old| old.bytes).sum(),
        };
        let place =
            record.checkpoint.as_ref().map_or(&**record.folder, |held| held.part_folder(&record.folder));
        let folder = place.display().to_string();
        match self.space.ask(place, asks, None) {
            Ok(Grant::Missing(missing)) => Some(WaitReason::NoSpace { missing, folder }),
            Err(error) if error.kind == StoreKind::FolderAway => Some(WaitReason::FolderAway { folder }),
            // What goes first where only its room is missing is given up by the run itself, and another error it finds too.
            Ok(Grant::UpTo(_) | Grant::WithoutSetAside(_)) | Err(_) => None,
        }
    }

    /// Lets the engine itself look whether what a waiting download lacks is there again, but not before `wait` is over.
    pub(super) fn look_out_for(&mut self, id: DownloadId, wait: Duration) {
        let now = Instant::now();
        let Some(item) = self.items.get_mut(&id) else { return };
        let record = &item.record;
        let turn = turn(record.mode, record.priority, record.order, id);
        item.looked_out = Some(turn);
        self.looked_out.insert(turn, now + wait);
        self.look_at.get_or_insert(now + LOOK);
    }

    /// Looks at disks, folders and interfaces that somebody waits for, in queue order. Returns when to look again.
    pub(super) fn look_out(&mut self, now: Instant) -> Option<Instant> {
        if self.looked_out.is_empty() {
            return None;
        }
        let is_time = self.look_at.is_none_or(|at| at <= now);
        if !self.space.released.swap(false, Ordering::Relaxed) && !is_time {
            return self.look_at;
        }
        let due: Vec<DownloadId> =
            self.looked_out.iter().filter(|(_, from)| **from <= now).map(|(turn, _)| turn.3).collect();
        for id in due {
            let Some(State::Waiting { why, .. }) = self.items.get(&id).map(|item| &item.record.state) else {
                self.clear_due(id);
                continue;
            };
            match self.still_lacks(id, why) {
                None => {
                    if self.step(id, Event::Due, || State::Queued) {
                        self.enqueue(id);
                    }
                }
                Some(lacks) if lacks != *why => {
                    if let Some(item) = self.items.get_mut(&id) {
                        item.record.state = State::Waiting { why: lacks, until: None };
                    }
                    self.touch(id);
                }
                Some(_) => {}
            }
        }
        self.look_at = (!self.looked_out.is_empty()).then_some(now + LOOK);
        self.look_at
    }

    fn still_lacks(&self, id: DownloadId, why: &WaitReason) -> Option<WaitReason> {
        let is_there = match why {
            WaitReason::NoSpace { .. } => return self.lacks_room(id),
            // The part's folder, or the one that the file is to move to: the next run says which.
            WaitReason::FolderAway { .. } => self.items.get(&id).is_some_and(|item| {
                let record = &item.record;
                let part = record.checkpoint.as_ref().map(|held| held.part_folder(&record.folder));
                record.folder.is_dir() && part.is_none_or(Path::is_dir)
            }),
            WaitReason::InterfaceAway { interface } => Path::new("/sys/class/net").join(interface).exists(),
            _ => true,
        };
        (!is_there).then(|| why.clone())
    }
}
