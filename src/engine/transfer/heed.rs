//! What the engine says to a running transfer, as far as it is not about its connections.

use super::order::{Control, What};
use super::shared::Shared;
use crate::store::note::NoteWriter;

impl Shared {
    /// Does what the engine says, as far as it needs no lanes.
    pub(super) fn heed(&self, control: Control) {
        match control {
            Control::Copy => {
                if let Some(note) = self.note.borrow_mut().as_mut() {
                    note.mark();
                }
                if let Some(copy) = self.copy() {
                    self.tell(What::Copied(copy));
                }
            }
            Control::Committed(generation, safe) if generation == self.generation.get() => {
                self.safe.replace(safe);
                if let Some(part) = self.part.borrow().as_ref().filter(|_| !self.full_share.get()) {
                    part.leave_cache();
                }
                let header = self.header();
                let failed = self.note.borrow_mut().as_mut().and_then(|note| note.committed(header).err());
                if let Some(error) = failed {
                    self.tell(What::Remark(format!("{error}; the part itself is safe")));
                }
            }
            Control::SyncFailed(generation, safe) if generation == self.generation.get() => {
                let voided = self.note.take().map_or(Ok(()), NoteWriter::void);
                if let Err(error) = voided {
                    self.tell(What::Remark(error.to_string()));
                }
                if let Some(part) = self.part.borrow().as_ref() {
                    part.forgive();
                }
                self.coverage.replace(safe.as_ref().clone());
                self.safe.replace(safe);
                self.generation.set(self.generation.get().next());
                self.show();
                self.tell(What::Told(
                    "sync failed",
                    "the disk could not make bytes safe: what came since the last checkpoint is fetched again".into(),
                ));
            }
            Control::Connections(cap) => self.cap.set(cap.max(1)),
            Control::Mode(mode) => self.mode.set(mode),
            Control::FullShare(full) => self.full_share.set(full),
            Control::Limits(limits) => self.set_limits(limits),
            Control::AddressGone(_) => self.moved.notify_waiters(),
            Control::Stop | Control::Look(_) | Control::Committed(..) | Control::SyncFailed(..) => {}
        }
    }
}
