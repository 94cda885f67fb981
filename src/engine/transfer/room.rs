//! Room for a running download: what can't end isn't begun, and what grows without a known end asks again in time.

use super::super::space::SMALL;
use super::order::{Outcome, What};
use super::shared::Shared;
use super::trouble;
use crate::kernel::space::{Asks, Grant};
use crate::model::state::WaitReason;
use crate::model::units::ByteCount;
use crate::store::files::discard_named;
use crate::store::note;

/// How close to the end of what was granted a file of unknown size asks for more, in bytes.
const AHEAD: u64 = 64 << 20;

impl Shared {
    /// Waits for room where the disk has none, rather than begin what can't end.
    pub(super) fn check_space(&self, size: Option<u64>) -> Result<(), Outcome> {
        if size.is_some_and(|size| size <= SMALL) {
            return Ok(());
        }
        let covered = self.coverage.borrow().len();
        // A part may be larger on disk than what counts of it: blocks that are there already need no room.
        let allocated = self.part.borrow().as_ref().map_or(0, |part| part.allocated());
        let asks = Asks {
            id: self.order.id,
            turn: self.order.turn,
            has: size.map_or(covered, |size| covered.max(allocated.min(size))),
            size,
            set_aside: self.set_aside.borrow().iter().map(|old| old.bytes).sum(),
        };
        let grant = self.order.space.ask(&self.order.folder, asks, Some(&self.order.live));
        match grant.map_err(|error| trouble::of_disk(self, &error))? {
            Grant::UpTo(up_to) => {
                self.granted.set(up_to);
                Ok(())
            }
            Grant::WithoutSetAside(up_to) => {
                self.give_up_set_aside();
                self.granted.set(up_to);
                Ok(())
            }
            Grant::Missing(missing) => {
                self.announced.set(size);
                let folder = self.order.folder.display().to_string();
                Err(Outcome::Waits(WaitReason::NoSpace { missing, folder }))
            }
        }
    }

    /// A file of unknown size asks for more before it has used up what was granted.
    pub(super) fn check_growth(&self) -> Result<(), Outcome> {
        let covered = self.coverage.borrow().len();
        let granted = self.granted.get();
        if self.size.get().is_some() || granted == 0 || covered.saturating_add(AHEAD) < granted {
            return Ok(());
        }
        match self.check_space(None) {
            // What was granted is its own to the last byte: it may well be enough.
            Err(Outcome::Waits(WaitReason::NoSpace { .. })) if covered < granted => Ok(()),
            other => other,
        }
    }

    /// Partials of other versions go first where only their room is missing.
    fn give_up_set_aside(&self) {
        for old in self.set_aside.take() {
            let path = self.order.folder.join(&old.part);
            // One that can't be deleted stays, and the disk will say that it is full.
            let _ = discard_named(&self.order.folder, &old.part, old.device, old.inode);
            let _ = note::forget(&path, self.order.uuid);
            let text = format!(
                "{} ({} of another version) is deleted: its room is needed for the new one",
                old.part,
                ByteCount(old.bytes)
            );
            self.tell(What::Told("given up", text));
        }
    }
}
