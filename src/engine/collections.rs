//! Collections: made, named, changed and taken out.

use super::core::Core;
use super::item::Then;
use crate::model::id::{CollectionId, DownloadId};
use crate::model::record::{CollectionRecord, CollectionSettings};
use crate::model::request::{Refusal, RefusalKind};
use crate::model::state::StateKind;
use crate::store::db::Ticket;

impl Core {
    pub(super) fn create_collection(&mut self, name: Option<String>) -> (CollectionId, Ticket) {
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
        (id, self.db.put_collection(record))
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
        for download in inside {
            if with_downloads {
                if !self.stop_run(download, Then::Remove) {
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
