//! The part that was begun: opened again, with what of it is there for sure.

use std::sync::Arc;

use super::order::{Outcome, What};
use super::shared::Shared;
use super::trouble;
use crate::model::coverage::Coverage;
use crate::model::item::Mode;
use crate::model::record::Checkpoint;
use crate::store::files::rename_aside;
use crate::store::note::{self, NOTE, Note, NoteHeader, NoteWriter};
use crate::store::part::{PART, Part};

impl Shared {
    /// Opens the part that was begun and finds out what of it is there: what is safe, and what its note proves.
    pub(super) fn take_part(&self) -> Result<(), Outcome> {
        let safe = Arc::clone(&self.safe.borrow());
        let Some(held) = &self.order.held else {
            if !self.order.is_new {
                self.take_unknown_part();
            }
            return Ok(());
        };
        let checkpoint = Checkpoint { safe: safe.as_ref().clone(), ..Checkpoint::clone(held) };
        let fail = |error| trouble::of_disk(self, &error);
        // A part that was about to be set aside when the power went: its intent was committed, so finish it.
        if let Some(aside) = self.set_aside.borrow().last()
            && let Some(name) = aside.part.rsplit_once('.').map(|(name, _)| name)
            && !self.order.folder.join(&aside.part).exists()
            && let Ok(part) = Part::open_named(&self.order.folder, name)
            && part.is(aside.device, aside.inode)
        {
            rename_aside(&self.order.folder, name, &aside.part).map_err(fail)?;
            let note_name = format!("{name}{NOTE}");
            // A small part never had a note, and what else is there stays.
            if note::is_of(&self.order.folder.join(&note_name), self.order.uuid) {
                rename_aside(&self.order.folder, &note_name, &format!("{}{NOTE}", aside.part))
                    .map_err(fail)?;
            }
        }
        if checkpoint.inode == 0 {
            return Ok(());
        }
        let still_open = self.order.part.clone().filter(|part| part.is(checkpoint.device, checkpoint.inode));
        let opened = still_open
            .map_or_else(|| Part::open(&self.order.folder, &checkpoint, self.order.uuid).map(Arc::new), Ok);
        let part = match opened {
            Ok(part) => part,
            // Nothing of it is needed: begin again.
            Err(error) if error.kind == crate::store::error::StoreKind::Gone && safe.is_empty() => {
                return Ok(());
            }
            Err(error) => return Err(fail(error)),
        };
        let mut coverage = safe.as_ref().clone();
        if let Some(note) = Note::of(&part).filter(|note| note.header.uuid == self.order.uuid) {
            let is_spoilt = note.is_true(&part, checkpoint.generation, &safe) == Some(false);
            // Somebody changed it: only what its records prove byte for byte still counts.
            let believed = if is_spoilt { Coverage::new() } else { safe.as_ref().clone() };
            let proven = note.proven(&part, checkpoint.generation, &believed).map_err(fail)?;
            if is_spoilt {
                self.tell(What::Told(
                    "changed on disk",
                    "somebody changed the part: what is not as it was fetched is fetched again".into(),
                ));
                self.safe.replace(Arc::default());
            }
            coverage = believed;
            coverage.merge(&proven.coverage);
            if self.mode.get() == Mode::Background && !proven.coverage.is_empty() {
                let safe = self.safe.borrow().as_ref().clone();
                let header = NoteHeader { safe, ..note.header };
                self.note.replace(Some(NoteWriter::after(&part, header, &proven)));
            }
        }
        self.take_up_part(part, coverage);
        Ok(())
    }

    /// A kill may have come before the store heard of the part: then its note says what it is.
    fn take_unknown_part(&self) {
        let name = format!("{}{PART}", self.order.name);
        let Some(part) = Part::of_owner(&self.order.folder, &name, self.order.uuid).map(Arc::new) else {
            return;
        };
        let Some(note) = Note::of(&part) else { return };
        let Ok(proven) = note.proven(&part, note.header.generation, &Coverage::new()) else { return };
        if self.mode.get() != Mode::Background || proven.coverage.is_empty() {
            return;
        }
        self.generation.set(note.header.generation);
        self.size.set(note.header.size);
        self.validators.replace(note.header.validators.clone());
        let header = NoteHeader { safe: Coverage::new(), ..note.header };
        self.note.replace(Some(NoteWriter::after(&part, header, &proven)));
        self.take_up_part(part, proven.coverage);
    }

    fn take_up_part(&self, part: Arc<Part>, coverage: Coverage) {
        self.begun.set(!coverage.is_empty());
        self.coverage.replace(coverage);
        let made_for = part.file_name().strip_suffix(PART).unwrap_or(&self.order.name);
        let was_moved = self.order.held.as_ref().is_some_and(|held| held.moved_from.is_some());
        self.name.replace(Some(if was_moved { self.order.name.clone() } else { made_for.to_owned() }));
        self.part.replace(Some(part));
        self.show();
    }
}
