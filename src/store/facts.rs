//! What the engine keeps beside downloads: words of a person that outlive the process, and how much came on each day.

use rusqlite::{OptionalExtension, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::db::{Db, Durability, Ticket};
use super::error::StoreError;
use super::rows::{json, number, unsigned};

/// The tables.
pub(super) const TABLES: &str = "
    CREATE TABLE facts (name TEXT PRIMARY KEY, json TEXT NOT NULL);
    CREATE TABLE traffic (day TEXT PRIMARY KEY, bytes INTEGER NOT NULL);
";
/// Days that are kept: more than any month that is still counted.
const DAYS: u32 = 400;

impl Db {
    /// Keeps something under a name, instead of what was there.
    pub fn keep<T: Serialize>(&self, name: &'static str, what: &T) -> Ticket {
        self.keep_as(Durability::Durable, name, what)
    }

    /// Keeps something under a name, without a sync: a kill leaves it, a power cut may not.
    pub fn keep_loosely<T: Serialize>(&self, name: &'static str, what: &T) -> Ticket {
        self.keep_as(Durability::Relaxed, name, what)
    }

    fn keep_as<T: Serialize>(&self, durability: Durability, name: &'static str, what: &T) -> Ticket {
        let text = json(what);
        self.write(
            durability,
            Box::new(move |db| match &text {
                Ok(text) => {
                    db.execute("INSERT OR REPLACE INTO facts VALUES (?1, ?2)", params![name, text]).map(drop)
                }
                // Plain data that is no JSON: nothing of it is worth more than what was there.
                Err(_) => Ok(()),
            }),
        )
    }

    /// Returns what is kept under a name; nothing where there is none, or another version wrote it.
    ///
    /// # Errors
    /// The store can't be read.
    pub fn kept<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StoreError> {
        let text: Option<String> = self.read(|db| {
            db.query_row("SELECT json FROM facts WHERE name = ?1", [name], |row| row.get(0)).optional()
        })?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Adds bytes to those of a day, written `2026-11-26`.
    pub fn count_traffic(&self, durability: Durability, day: String, bytes: u64) -> Ticket {
        self.write(
            durability,
            Box::new(move |db| {
                db.prepare_cached(
                    "INSERT INTO traffic VALUES (?1, ?2) ON CONFLICT (day) DO UPDATE SET bytes = bytes + excluded.bytes",
                )?
                .execute(params![day, number(bytes)])?;
                db.prepare_cached(
                    "DELETE FROM traffic WHERE day NOT IN (SELECT day FROM traffic ORDER BY day DESC LIMIT ?1)",
                )?
                .execute([DAYS])
                .map(drop)
            }),
        )
    }

    /// Returns how many bytes came on each day, oldest first.
    ///
    /// # Errors
    /// The store can't be read.
    pub fn traffic(&self) -> Result<Vec<(String, u64)>, StoreError> {
        self.read(|db| {
            db.prepare("SELECT day, bytes FROM traffic ORDER BY day")?
                .query_map([], |row| Ok((row.get(0)?, unsigned(row.get(1)?))))?
                .collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(folder: &std::path::Path) -> Db {
        Db::open(folder, "2026-01-01", None).unwrap().0
    }

    #[test]
    fn what_is_kept_is_there_for_the_next_process() {
        let folder = tempfile::tempdir().unwrap();
        let db = open(folder.path());
        assert_eq!(db.kept::<u32>("word").unwrap(), None);
        db.keep("word", &7).wait().unwrap();
        db.keep("word", &8).wait().unwrap();
        drop(db);
        let db = open(folder.path());
        assert_eq!(db.kept("word").unwrap(), Some(8));
        assert_eq!(db.kept::<Vec<String>>("word").unwrap(), None);
    }

    #[test]
    fn bytes_are_added_to_their_day_and_old_days_go() {
        let folder = tempfile::tempdir().unwrap();
        let db = open(folder.path());
        for (day, bytes) in [("2026-11-26", 5), ("2026-11-27", 1), ("2026-11-26", 7)] {
            db.count_traffic(Durability::Relaxed, day.into(), bytes).wait().unwrap();
        }
        drop(db);
        let db = open(folder.path());
        assert_eq!(db.traffic().unwrap(), [("2026-11-26".into(), 12), ("2026-11-27".into(), 1)]);
        for day in 0..DAYS {
            let day = format!("2027-{:02}-{:02}", 1 + day / 31, 1 + day % 31);
            drop(db.count_traffic(Durability::Relaxed, day, 1));
        }
        db.count_traffic(Durability::Relaxed, "2099-01-01".into(), 1).wait().unwrap();
        let days = db.traffic().unwrap();
        assert_eq!((days.len(), days[0].0.as_str()), (DAYS as usize, "2027-01-02"));
    }
}
