//! Hooks as rows: an event is stored with what it is about, marked before its program starts, and gone when that ended. So a
//! program runs once for it, whatever becomes of the process: one that had started is never started again.

use rusqlite::{Connection, params};

use super::db::{Db, Durability, Ticket};
use super::error::StoreError;
use super::rows::{from_json, json, number, unsigned};
use crate::model::hook::HookCall;

/// The tables: what happened and has no program yet, and what has something open in it.
pub(super) const TABLES: &str = "
    CREATE TABLE hooks (number INTEGER PRIMARY KEY AUTOINCREMENT, json TEXT NOT NULL, started INTEGER NOT NULL);
    CREATE TABLE armed (id INTEGER PRIMARY KEY);
";
/// Hooks that are handed out at a time.
const MOST: u32 = 64;

/// What was left of hooks when a store was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadedHooks {
    /// Those whose program had started: nobody knows how it ended. They are forgotten.
    pub interrupted: Vec<HookCall>,
    /// What is armed: collections by their number, and 0 for everything.
    pub armed: Vec<u64>,
}

impl Db {
    /// Stores events.
    pub fn queue_hooks(&self, calls: Vec<HookCall>) -> Ticket {
        self.write(Durability::Durable, Box::new(move |db| queue(db, &calls)))
    }

    /// Returns the oldest events whose programs have not started, with their numbers.
    ///
    /// # Errors
    /// The store can't be read.
    pub fn waiting_hooks(&self) -> Result<Vec<(u64, HookCall)>, StoreError> {
        self.read(|db| {
            db.prepare("SELECT number, json FROM hooks WHERE started = 0 ORDER BY number LIMIT ?1")?
                .query_map([MOST], |row| Ok((unsigned(row.get(0)?), from_json(row, 1)?)))?
                .collect()
        })
    }

    /// Marks an event whose program is about to start.
    pub fn begin_hook(&self, number_of: u64) -> Ticket {
        self.write(
            Durability::Durable,
            Box::new(move |db| {
                db.execute("UPDATE hooks SET started = 1 WHERE number = ?1", [number(number_of)]).map(drop)
            }),
        )
    }

    /// Forgets an event.
    pub fn end_hook(&self, number_of: u64) -> Ticket {
        self.write(
            Durability::Durable,
            Box::new(move |db| {
                db.execute("DELETE FROM hooks WHERE number = ?1", [number(number_of)]).map(drop)
            }),
        )
    }

    /// Remembers that something is open in a collection, or at all (0): its end is an event.
    pub fn arm(&self, keys: Vec<u64>) -> Ticket {
        self.write(
            Durability::Relaxed,
            Box::new(move |db| {
                let mut statement = db.prepare_cached("INSERT OR IGNORE INTO armed VALUES (?1)")?;
                keys.iter().try_for_each(|key| statement.execute([number(*key)]).map(drop))
            }),
        )
    }

    /// Ends what was armed, and stores the event in the same transaction, unless that was done before.
    pub fn disarm(&self, key: u64, call: Option<HookCall>) -> Ticket {
        self.write(
            Durability::Durable,
            Box::new(move |db| {
                let was_armed = db.execute("DELETE FROM armed WHERE id = ?1", [number(key)])? > 0;
                match &call {
                    Some(call) if was_armed => queue(db, std::slice::from_ref(call)),
                    _ => Ok(()),
                }
            }),
        )
    }

    /// Returns what an earlier process left, and forgets what it had started.
    ///
    /// # Errors
    /// The store can't be read.
    pub fn take_hooks(&self) -> Result<LoadedHooks, StoreError> {
        let loaded = self.read(|db| {
            let interrupted = db
                .prepare("SELECT json FROM hooks WHERE started = 1 ORDER BY number")?
                .query_map([], |row| from_json(row, 0))?
                .collect::<rusqlite::Result<_>>()?;
            let armed = db
                .prepare("SELECT id FROM armed")?
                .query_map([], |row| row.get(0).map(unsigned))?
                .collect::<rusqlite::Result<_>>()?;
            Ok(LoadedHooks { interrupted, armed })
        })?;
        if !loaded.interrupted.is_empty() {
            // What can't be deleted now is told once more at the next start.
            drop(self.write(
                Durability::Durable,
                Box::new(|db| db.execute("DELETE FROM hooks WHERE started = 1", []).map(drop)),
            ));
        }
        Ok(loaded)
    }
}

/// Stores events within a transaction.
pub(super) fn queue(db: &Connection, calls: &[HookCall]) -> rusqlite::Result<()> {
    let mut statement = db.prepare_cached("INSERT INTO hooks (json, started) VALUES (?1, 0)")?;
    calls.iter().try_for_each(|call| statement.execute(params![json(call)?]).map(drop))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::hook::HookEvent;
    use crate::model::id::DownloadId;

    fn call(id: u64) -> HookCall {
        HookCall { id: Some(DownloadId(id)), ..HookCall::new(HookEvent::Done) }
    }

    fn open(folder: &std::path::Path) -> Db {
        Db::open(folder, "2026-01-01", None).unwrap().0
    }

    #[test]
    fn an_event_waits_until_its_program_starts_and_never_starts_twice() {
        let folder = tempfile::tempdir().unwrap();
        let db = open(folder.path());
        db.queue_hooks(vec![call(1), call(2)]).wait().unwrap();
        let waiting = db.waiting_hooks().unwrap();
        assert_eq!(waiting.iter().map(|(_, call)| call.id.unwrap().0).collect::<Vec<_>>(), [1, 2]);
        db.begin_hook(waiting[0].0).wait().unwrap();
        drop(db);
        let db = open(folder.path());
        assert_eq!(db.waiting_hooks().unwrap(), [waiting[1].clone()]);
        assert_eq!(db.take_hooks().unwrap().interrupted, [call(1)]);
        db.end_hook(waiting[1].0).wait().unwrap();
        assert_eq!(db.take_hooks().unwrap(), LoadedHooks::default());
        assert_eq!(db.waiting_hooks().unwrap(), []);
    }

    #[test]
    fn the_end_of_what_is_armed_is_one_event() {
        let folder = tempfile::tempdir().unwrap();
        let db = open(folder.path());
        db.arm(vec![0, 3]).wait().unwrap();
        db.arm(vec![3]).wait().unwrap();
        assert_eq!(db.take_hooks().unwrap().armed, [0, 3]);
        for _ in 0..2 {
            db.disarm(3, Some(HookCall::new(HookEvent::CollectionDone))).wait().unwrap();
        }
        db.disarm(0, None).wait().unwrap();
        assert_eq!(db.waiting_hooks().unwrap().len(), 1);
        assert!(db.take_hooks().unwrap().armed.is_empty());
    }
}
