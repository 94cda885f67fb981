//! What people decided about web pages, as rows: one an origin, there until it is revoked.

use rusqlite::params;
use rusqlite::types::Type;

use super::db::{Db, Durability, Ticket};
use super::error::StoreError;
use crate::model::page::{PageOrigin, Verdict};
use crate::model::time::UnixMs;

/// The table of decisions, and which page made a collection.
pub(super) const TABLES: &str = "
    ALTER TABLE collections ADD COLUMN page TEXT;
    CREATE TABLE pages (origin TEXT PRIMARY KEY, lets_in INTEGER NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;
";

impl Db {
    /// Stores a decision about an origin, in place of an earlier one.
    pub fn put_page(&self, origin: PageOrigin, verdict: Verdict, at: UnixMs) -> Ticket {
        self.write(
            Durability::Durable,
            Box::new(move |db| {
                db.execute(
                    "INSERT OR REPLACE INTO pages VALUES (?1, ?2, ?3)",
                    params![origin.as_str(), verdict.lets_in(), at.0],
                )
                .map(drop)
            }),
        )
    }

    /// Forgets a decision.
    pub fn remove_page(&self, origin: PageOrigin) -> Ticket {
        self.write(
            Durability::Durable,
            Box::new(move |db| {
                db.execute("DELETE FROM pages WHERE origin = ?1", [origin.as_str()]).map(drop)
            }),
        )
    }

    /// Returns all decisions.
    ///
    /// # Errors
    /// The store can't be read.
    pub fn pages(&self) -> Result<Vec<(PageOrigin, Verdict, UnixMs)>, StoreError> {
        self.read(|db| {
            db.prepare("SELECT origin, lets_in, at FROM pages ORDER BY origin")?
                .query_map([], |row| {
                    let verdict = if row.get(1)? { Verdict::Always } else { Verdict::Never };
                    Ok((origin_of(0, row.get(0)?)?, verdict, UnixMs(row.get(2)?)))
                })?
                .collect()
        })
    }
}

/// Reads an origin out of a column.
pub(super) fn origin_of(column: usize, text: String) -> rusqlite::Result<PageOrigin> {
    text.try_into().map_err(|error: crate::model::page::OriginError| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_is_kept_until_it_is_revoked() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Db::open(folder.path(), "2026-01-01", None).unwrap().0;
        let origin = |text: &str| text.parse::<PageOrigin>().unwrap();
        let db = open();
        db.put_page(origin("https://a.example"), Verdict::Never, UnixMs(1)).wait().unwrap();
        db.put_page(origin("https://b.example"), Verdict::Always, UnixMs(2)).wait().unwrap();
        db.put_page(origin("https://a.example"), Verdict::Always, UnixMs(3)).wait().unwrap();
        db.remove_page(origin("https://b.example")).wait().unwrap();
        drop(db);
        assert_eq!(open().pages().unwrap(), [(origin("https://a.example"), Verdict::Always, UnixMs(3))]);
    }
}
