//! Finished files whose tags are being written, as rows: the copy that is made, and the file that will be there once it has taken the
//! finished one's place. So a kill in between leaves no copy behind, and no file that its own download does not know.

use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;

use rusqlite::params;

use super::db::{Db, Durability, Ticket};
use super::error::StoreError;
use super::rows::{from_json, json, number, unsigned};
use crate::model::id::DownloadId;
use crate::model::media::FileFacts;

/// The table.
pub(super) const TABLES: &str = "
    CREATE TABLE rewrites (download INTEGER PRIMARY KEY, copy BLOB NOT NULL, file TEXT NOT NULL);
";

/// A finished file whose tags are being written, or were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewrite {
    /// The download whose file it is.
    pub download: DownloadId,
    /// The copy that they are written into.
    pub copy: PathBuf,
    /// The copy as it takes the file's place; none before it is whole.
    pub file: Option<FileFacts>,
}

impl Db {
    /// Stores what is about to be done to a file.
    pub fn note_rewrite(&self, rewrite: Rewrite) -> Ticket {
        self.write(
            Durability::Durable,
            Box::new(move |db| {
                db.prepare_cached("INSERT OR REPLACE INTO rewrites VALUES (?1, ?2, ?3)")?
                    .execute(params![
                        number(rewrite.download.0),
                        rewrite.copy.as_os_str().as_bytes(),
                        json(&rewrite.file)?,
                    ])
                    .map(drop)
            }),
        )
    }

    /// Forgets it: nothing came of it, or its download knows the file.
    pub fn forget_rewrite(&self, download: DownloadId) -> Ticket {
        self.write(
            Durability::Relaxed,
            Box::new(move |db| {
                db.execute("DELETE FROM rewrites WHERE download = ?1", [number(download.0)]).map(drop)
            }),
        )
    }

    /// Returns all that were not forgotten.
    ///
    /// # Errors
    /// The store can't be read.
    pub fn rewrites(&self) -> Result<Vec<Rewrite>, StoreError> {
        self.read(|db| {
            db.prepare("SELECT download, copy, file FROM rewrites ORDER BY download")?
                .query_map([], |row| {
                    Ok(Rewrite {
                        download: DownloadId(unsigned(row.get(0)?)),
                        copy: std::ffi::OsString::from_vec(row.get(1)?).into(),
                        file: from_json(row, 2)?,
                    })
                })?
                .collect()
        })
    }
}
