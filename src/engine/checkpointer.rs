//! The checkpointer: syncs parts, then commits what they hold. In that order, and never in another.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use tokio::sync::mpsc as tokio_mpsc;

use super::transfer::Copied;
use crate::model::coverage::Coverage;
use crate::model::id::{DownloadId, Generation};
use crate::model::record::DownloadRecord;
use crate::store::db::{Db, Durability, Stamp};
use crate::store::error::StoreError;

/// Something to make safe.
pub(super) struct Save {
    pub(super) id: DownloadId,
    pub(super) run: u64,
    /// When this was decided.
    pub(super) stamp: Stamp,
    /// What is on disk; nothing where only the record is to be stored.
    pub(super) copied: Option<Copied>,
    /// The whole record, at a pause, stop or end. It carries the same checkpoint.
    pub(super) record: Option<Box<DownloadRecord>>,
    /// Whether the record's checkpoint is what is on disk; a running download's is known only from its copies.
    pub(super) with_checkpoint: bool,
}

/// What became of it.
pub(super) struct Saved {
    pub(super) id: DownloadId,
    pub(super) run: u64,
    pub(super) generation: Generation,
    pub(super) coverage: Arc<Coverage>,
    pub(super) result: Result<(), StoreError>,
    /// Whether a part was synced with it.
    pub(super) of_part: bool,
    /// Whether the part could not be synced: then nothing since the last success may be believed.
    pub(super) sync_failed: bool,
}

/// The checkpointer's thread.
pub(super) struct Checkpointer {
    saves: Option<mpsc::Sender<Save>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    pub(super) fn start(db: Db, answers: tokio_mpsc::UnboundedSender<Saved>) -> std::io::Result<Self> {
        let (saves, incoming) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("checkpointer".into())
            .spawn(move || work(&db, &incoming, &answers))?;
        Ok(Self { saves: Some(saves), thread: Some(thread) })
    }

    pub(super) fn save(&self, save: Save) {
        if let Some(saves) = &self.saves {
            // A thread that is gone takes the engine with it: nobody is left to tell.
            let _ = saves.send(save);
        }
    }
}

impl Drop for Checkpointer {
    /// Waits until all that was given is safe.
    fn drop(&mut self) {
        self.saves = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
    }
}

fn work(db: &Db, incoming: &mpsc::Receiver<Save>, answers: &tokio_mpsc::UnboundedSender<Saved>) {
    // Folders are synced once for each part: its name must be as safe as its bytes.
    let mut named: HashSet<(u64, u64)> = HashSet::new();
    while let Ok(first) = incoming.recv() {
        let mut group = vec![first];
        group.extend(incoming.try_iter());
        let newer = newer_ones(&group);
        let mut tickets = Vec::with_capacity(group.len());
        for (save, newer) in group.into_iter().zip(newer) {
            let Save { id, run, stamp, copied, record, with_checkpoint } = save;
            let (generation, coverage) = copied.as_ref().map_or_else(Default::default, |copied| {
                (copied.checkpoint.generation, Arc::new(copied.checkpoint.safe.clone()))
            });
            let of_part = copied.is_some();
            let synced = copied.as_ref().map_or(Ok(()), |copied| {
                copied.part.sync_data()?;
                if named.insert(copied.part.identity()) { copied.part.sync_folder() } else { Ok(()) }
            });
            let ticket = match (&synced, record, copied) {
                _ if newer.is_some() => None,
                (Ok(()), Some(record), _) => Some(db.update(stamp, record, with_checkpoint)),
                (Ok(()), None, Some(copied)) => {
                    Some(db.checkpoint(Durability::Durable, stamp, id, copied.checkpoint))
                }
                (Err(_), ..) | (Ok(()), None, None) => None,
            };
            let saved = Saved {
                id,
                run,
                generation,
                coverage,
                of_part,
                sync_failed: synced.is_err(),
                result: synced,
            };
            tickets.push((saved, newer, ticket));
        }
        let mut done: Vec<Saved> = Vec::with_capacity(tickets.len());
        let mut instead = Vec::new();
        for (at, (mut saved, newer, ticket)) in tickets.into_iter().enumerate() {
            if let (Ok(()), Some(ticket)) = (&saved.result, ticket) {
                saved.result = ticket.wait();
            }
            instead.extend(newer.map(|newer| (at, newer)));
            done.push(saved);
        }
        for (at, newer) in instead {
            let result = done[newer].result.clone();
            done[at].result = result;
        }
        for saved in done {
            // An engine that is gone needs no answer.
            let _ = answers.send(saved);
        }
    }
}

/// Which of a group need not be written, because another of it says all that they say, and newer: its place. What changes faster
/// than the disk can take it is written as it is in the end.
fn newer_ones(group: &[Save]) -> Vec<Option<usize>> {
    let mut last: HashMap<DownloadId, usize> = HashMap::new();
    let mut newer = vec![None; group.len()];
    for (at, save) in group.iter().enumerate().rev() {
        if save.record.is_none() || save.copied.is_some() {
            continue;
        }
        match last.get(&save.id) {
            Some(&later) if group[later].with_checkpoint || !save.with_checkpoint => newer[at] = Some(later),
            _ => {
                last.insert(save.id, at);
            }
        }
    }
    newer
}
