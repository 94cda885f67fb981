//! Tags that are written into finished files, and what an earlier engine left of that.

use super::core::Core;
use super::librarian::News;
use crate::library::{self, Reader, Rewriter, Room, Unwritten};
use crate::model::media::{MediaFacts, ToShelve};
use crate::model::printable::printable;
use crate::model::state::StateKind;
use crate::store::db::Db;
use crate::store::error::StoreError;
use crate::store::rewrites::Rewrite;

/// Writes what came with a download into its file, where that lacks it, and tells what became of it.
pub(super) fn rewrite(
    db: &Db,
    rewriter: &mut Rewriter,
    reader: &mut Reader,
    to: &ToShelve,
    facts: &mut MediaFacts,
    room: &Room<'_>,
) -> Option<News> {
    let mut is_noted = false;
    let rewritten = rewriter.rewrite(&to.path, facts, &to.given, reader, room, &mut |copy, file| {
        is_noted = true;
        let rewrite = Rewrite { download: to.download, copy: copy.to_owned(), file };
        db.note_rewrite(rewrite).wait().map_err(|error| error.text)
    });
    let left = match rewritten {
        Ok((now, set)) => {
            let words: Vec<_> = set.keys().map(|field| field.word()).collect();
            *facts = now;
            return Some(News::Rewritten(to.download, facts.file.size, told(&words.join(", "))));
        }
        Err(Unwritten::Nothing) => None,
        Err(Unwritten::Left(why)) => {
            let text = printable(&format!("its tags were left alone: {why}")).into_owned();
            Some(News::Left(to.download, text))
        }
    };
    if is_noted {
        // One that stays is found by the next start, and then there is nothing left of it.
        let _ = db.forget_rewrite(to.download).wait();
    }
    left
}

fn told(words: &str) -> String {
    format!("its tags were written: {words}; the file is no longer what the server sent")
}

impl Core {
    /// Finds out what an earlier engine left of writing tags: a file that its download does not know yet, or a copy that nobody
    /// needs. A row goes when there is nothing more to be told by it, which the start after this one may find.
    pub(super) fn recover_rewrites(&mut self) -> Result<(), StoreError> {
        for Rewrite { download, copy, file } in self.db.rewrites()? {
            let item =
                self.items.get_mut(&download).filter(|it| it.record.state.kind() == StateKind::Completed);
            if let (Some(item), Some(file)) = (item, file)
                && library::look(&item.record.folder.join(&item.record.name)) == Some(file)
                && item.record.size != Some(file.size)
            {
                item.record.size = Some(file.size);
                self.store(download);
                self.tell(download, "tags", told("before haul was ended"));
                continue;
            }
            if library::look(&copy).is_some()
                && let Err(error) = std::fs::remove_file(&copy)
            {
                tracing::warn!("{} is left of writing tags, and can't be removed: {error}", copy.display());
            }
            drop(self.db.forget_rewrite(download));
        }
        Ok(())
    }
}
