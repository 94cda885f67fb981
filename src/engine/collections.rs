//! Collections: made, named, changed and taken out.

use super::core::Core;
use super::item::Then;
use crate::model::id::{CollectionId, DownloadId};
use crate::model::record::{CollectionRecord, CollectionSettings};
use crate::model::request::{Refusal, RefusalKind};
use crate::model::state::StateKind;
use crate::store::db::Ticket;

/// Letters of a collection's name, at most: every list and every client has it.
const LONGEST_NAME: usize = 200;

/// Refuses a name that is longer than any list could show.
fn check_name(name: Option<&str>) -> Result<(), Refusal> {
    let Some(letters) = name.map(|name| name.chars().count()).filter(|letters| *letters > LONGEST_NAME)
    else {
        return Ok(());
    };
    let text = format!("a collection's name has at most {LONGEST_NAME} letters, and this one has {letters}");
    Err(Refusal::new(RefusalKind::BadRequest, text, "choose a shorter one"))
}

impl Core {
    pub(super) fn create_collection(
        &mut self,
        name: Option<String>,
    ) -> Result<(CollectionId, Ticket), Refusal> {
        check_name(name.as_deref())?;
        self.refuse_taken(name.as_deref(), None)?;
        self.last_collection += 1;
        let id = CollectionId(self.last_collection);
        let name = name.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| format!("collection {id}"));
        let record = CollectionRecord {
            id,
            name,
            settings: CollectionSettings::default(),
            held: false,
            held_until: None,
            page: None,
        };
        self.collections.insert(id, record.clone());
        self.touch_collections();
        Ok((id, self.db.put_collection(record)))
    }

    /// Commands find a collection by its name: two of one name would be one too many. Those of web pages are theirs.
    fn refuse_taken(&self, name: Option<&str>, own: Option<CollectionId>) -> Result<(), Refusal> {
        let Some(name) = name else { return Ok(()) };
        let is_it = |record: &&CollectionRecord| record.name == name && record.page.is_none();
        match self.collections.values().find(is_it) {
            Some(record) if Some(record.id) != own => Err(Refusal::new(
                RefusalKind::Taken,
                format!("there is a collection `{name}` already, number {}", record.id),
                "choose another name",
            )),
            _ => Ok(()),
        }
    }

    pub(super) fn collection(&mut self, id: CollectionId) -> Result<&mut CollectionRecord, Refusal> {
        let none = || {
            Refusal::new(
                RefusalKind::NotFound,
                format!("there is no collection {id}"),
                "`haul collections` lists them",
            )
        };
        self.collections.get_mut(&id).ok_or_else(none)
    }

    pub(super) fn remove_collection(
        &mut self,
        id: CollectionId,
        with_downloads: bool,
    ) -> Result<Ticket, Refusal> {
        self.collection(id)?;
        if id == CollectionId::DEFAULT {
            return Err(Refusal::new(
                RefusalKind::BadRequest,
                "the default collection is always there",
                "clear it instead",
            ));
        }
        let inside: Vec<DownloadId> = self
            .items
            .values()
            .filter(|item| item.record.collection == id)
            .map(|item| item.record.id)
            .collect();
        self.begin_act();
        for download in inside {
            if with_downloads {
                if self.stop_run(download, Then::Remove) {
                    self.note_removing(download);
                } else {
                    self.take_out(download);
                }
            } else if let Some(item) = self.items.get_mut(&download) {
                item.record.collection = CollectionId::DEFAULT;
                let queued = item.record.state.kind() == StateKind::Queued;
                self.touch(download);
                if queued {
                    self.enqueue(download);
                }
                self.store(download);
            }
        }
        self.collections.remove(&id);
        self.limiter.forget_collection(id);
        self.touch_collections();
        Ok(self.db.remove_collection(id))
    }

    pub(super) fn set_collection(
        &mut self,
        id: CollectionId,
        name: Option<String>,
        settings: Option<CollectionSettings>,
    ) -> Result<Ticket, Refusal> {
        check_name(name.as_deref())?;
        self.refuse_taken(name.as_deref(), Some(id))?;
        let collection = self.collection(id)?;
        if let Some(name) = name {
            collection.name = name;
        }
        if let Some(settings) = settings {
            collection.settings = settings;
        }
        let record = collection.clone();
        self.limit_anew();
        self.touch_collections();
        self.pump();
        Ok(self.db.put_collection(record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_longer_than_a_list_can_show() {
        assert!(check_name(None).is_ok() && check_name(Some(&"ü".repeat(LONGEST_NAME))).is_ok());
        let refused = check_name(Some(&"ü".repeat(LONGEST_NAME + 1))).unwrap_err();
        assert!(refused.text.contains("at most 200 letters"), "{}", refused.text);
    }
}
