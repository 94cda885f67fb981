//! Downloads, collections, intents and history as rows: columns for what is hot, JSON only for what is rarely there.

use std::collections::HashMap;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, params};
use url::Url;
use uuid::Uuid;

use super::db::{About, Db, Durability, Stamp, Ticket};
use super::door::origin_of;
use super::error::StoreError;
use super::library::note_to_shelve;
use crate::model::hook::HookCall;
use crate::model::id::{CollectionId, DownloadId};
use crate::model::item::{Mode, Priority, TransferSettings};
use crate::model::media::ToShelve;
use crate::model::page::PageOrigin;
use crate::model::record::{
    Checkpoint, CollectionRecord, CollectionSettings, DownloadRecord, HistoryLine, PublishIntent,
};
use crate::model::state::{State, StateKind};
use crate::model::time::UnixMs;

/// All that a database held when it was opened.
#[derive(Default)]
pub struct Loaded {
    /// Downloads, by number.
    pub downloads: Vec<DownloadRecord>,
    /// Collections, by number.
    pub collections: Vec<CollectionRecord>,
    /// Publishings that were begun and not ended.
    pub intents: Vec<PublishIntent>,
    /// The highest number that a download ever had.
    pub last_download: u64,
    /// The highest number that a collection ever had.
    pub last_collection: u64,
}

const NAME_IS_FINAL: u32 = 1;
const NAME_IS_GIVEN: u32 = 2;
const JOINED_ON_SAMPLES: u32 = 4;
const REAL_TIME: u32 = 8;
const PRIORITY_SHIFT: u32 = 4;

/// A completed download, as it is committed at the end of its publishing.
#[derive(Clone, Debug)]
pub struct Completed {
    /// Which.
    pub id: DownloadId,
    /// The file's folder, where it is another one than the download had.
    pub folder: Option<PathBuf>,
    /// The file's name in its folder.
    pub name: String,
    /// Size in bytes.
    pub size: u64,
    /// When.
    pub ended: UnixMs,
    /// The event, where a program is to run for it.
    pub hook: Option<HookCall>,
    /// What the server said of it, so that it can be asked whether it has changed.
    pub kept: Option<Box<Checkpoint>>,
    /// What the library is to do with it, where it may be media.
    pub shelve: Option<ToShelve>,
}

impl Db {
    /// Stores new downloads, all or none.
    pub fn insert(&self, records: Vec<DownloadRecord>) -> Ticket {
        self.write_insertion(Box::new(move |db| {
            let mut ids = Interned::default();
            records.iter().try_for_each(|record| put(db, record, &mut ids))
        }))
    }

    /// Stores a download anew, if it is still there. A running one's checkpoint stays as it is stored: what is on disk of it is
    /// known only from its copies.
    pub fn update(&self, stamp: Stamp, record: Box<DownloadRecord>, with_checkpoint: bool) -> Ticket {
        let newest = self.newest();
        self.write(
            Durability::Durable,
            Box::new(move |db| {
                let download = newest.takes(record.id, About::Download, stamp);
                let checkpoint = with_checkpoint && newest.takes(record.id, About::Checkpoint, stamp);
                replace(db, &record, download, checkpoint)
            }),
        )
    }

    /// Stores checkpoints: what they say is on disk was synced before.
    pub fn checkpoint(
        &self,
        durability: Durability,
        stamp: Stamp,
        id: DownloadId,
        checkpoint: Box<Checkpoint>,
    ) -> Ticket {
        let newest = self.newest();
        self.write(
            durability,
            Box::new(move |db| {
                if !newest.takes(id, About::Checkpoint, stamp) {
                    return Ok(());
                }
                let mut statement = db.prepare_cached(
                    "UPDATE downloads SET checkpoint = ?2, size = ?3 WHERE id = ?1 AND state <> ?4",
                )?;
                let (size, over) = (checkpoint.size.map(number), kind_number(StateKind::Completed));
                statement.execute(params![number(id.0), json(&checkpoint)?, size, over]).map(drop)
            }),
        )
    }

    /// Takes downloads out.
    pub fn remove(&self, ids: Vec<DownloadId>) -> Ticket {
        self.write(
            Durability::Durable,
            Box::new(move |db| {
                let mut statement = db.prepare_cached("DELETE FROM downloads WHERE id = ?1")?;
                ids.iter().try_for_each(|id| statement.execute([number(id.0)]).map(drop))
            }),
        )
    }

    /// Announces publishings, before anything gets its name.
    pub fn begin_publish(&self, intents: Vec<PublishIntent>) -> Ticket {
        self.write(
            Durability::Durable,
            Box::new(move |db| {
                let mut statement = db.prepare_cached("INSERT OR REPLACE INTO intents VALUES (?1, ?2)")?;
                for intent in &intents {
                    statement.execute(params![number(intent.id.0), json(intent)?])?;
                }
                Ok(())
            }),
        )
    }

    /// Ends publishings that went well: the files have their names, durably.
    pub fn end_publish(&self, completed: Vec<Completed>, told: Vec<HistoryLine>, history: u32) -> Ticket {
        self.write(
            Durability::Durable,
            Box::new(move |db| {
                let mut done = db.prepare_cached(
                    "UPDATE downloads SET name = ?2, flags = flags | ?3, state = ?4, state_json = NULL, ended = ?5,
                        size = ?6, attempts = 0, dry_since = NULL, checkpoint = ?7 WHERE id = ?1",
                )?;
                let mut over = db.prepare_cached("DELETE FROM intents WHERE id = ?1")?;
                for item in &completed {
                    let state = kind_number(StateKind::Completed);
                    let kept = item.kept.as_ref().map(json).transpose()?;
                    done.execute(params![number(item.id.0), item.name, NAME_IS_FINAL, state, item.ended.0, number(item.size), kept])?;
                    over.execute([number(item.id.0)])?;
                    if let Some(folder) = &item.folder {
                        let folder = intern(db, "folders", "path", &folder.as_os_str().as_bytes())?;
                        db.prepare_cached("UPDATE downloads SET folder = ?2 WHERE id = ?1")?
                            .execute(params![number(item.id.0), folder])?;
                    }
                    if let Some(shelve) = &item.shelve {
                        note_to_shelve(db, shelve)?;
                    }
                }
                let hooks: Vec<_> = completed.iter().filter_map(|item| item.hook.clone()).collect();
                super::hooks::queue(db, &hooks)?;
                tell(db, &told, history)
            }),
        )
    }

    /// Forgets publishings that came to nothing.
    pub fn forget_publish(&self, ids: Vec<DownloadId>) -> Ticket {
        self.write(
            Durability::Durable,
            Box::new(move |db| {
                let mut statement = db.prepare_cached("DELETE FROM intents WHERE id = ?1")?;
                ids.iter().try_for_each(|id| statement.execute([number(id.0)]).map(drop))
            }),
        )
    }

    /// Stores a collection, new or changed.
    pub fn put_collection(&self, record: CollectionRecord) -> Ticket {
        self.write(
            Durability::Durable,
            Box::new(move |db| {
                db.prepare_cached("INSERT OR REPLACE INTO collections VALUES (?1, ?2, ?3, ?4, ?5)")?
                    .execute(params![
                        number(record.id.0),
                        record.name,
                        json(&record.settings)?,
                        held(&record),
                        record.page.as_ref().map(PageOrigin::as_str)
                    ])
                    .map(drop)
            }),
        )
    }

    /// Takes a collection out.
    pub fn remove_collection(&self, id: CollectionId) -> Ticket {
        self.write(
            Durability::Durable,
            Box::new(move |db| db.execute("DELETE FROM collections WHERE id = ?1", [number(id.0)]).map(drop)),
        )
    }

    /// Adds lines of history and drops the oldest beyond `most`.
    pub fn tell(&self, lines: Vec<HistoryLine>, most: u32) -> Ticket {
        self.write(Durability::Relaxed, Box::new(move |db| tell(db, &lines, most)))
    }

    /// Returns the newest lines of history, newest first.
    ///
    /// # Errors
    /// The store can't be read.
    pub fn history(&self, limit: u32, before: Option<u64>) -> Result<Vec<HistoryLine>, StoreError> {
        self.read(|db| {
            let mut statement = db.prepare(
                "SELECT number, at, id, name, what, text, place, secs FROM history WHERE number < ?1
                 ORDER BY number DESC LIMIT ?2",
            )?;
            let before = before.map_or(i64::MAX, number);
            let lines = statement.query_map(params![before, limit], |row| {
                Ok(HistoryLine {
                    number: unsigned(row.get(0)?),
                    at: UnixMs(row.get(1)?),
                    id: DownloadId(unsigned(row.get(2)?)),
                    name: row.get(3)?,
                    what: row.get(4)?,
                    text: row.get(5)?,
                    place: row.get(6)?,
                    secs: row.get::<_, Option<i64>>(7)?.map(unsigned),
                })
            })?;
            lines.collect()
        })
    }
}

fn tell(db: &Connection, lines: &[HistoryLine], most: u32) -> rusqlite::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    let mut statement = db.prepare_cached(
        "INSERT INTO history (at, id, name, what, text, place, secs) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for line in lines {
        statement.execute(params![
            line.at.0,
            number(line.id.0),
            line.name,
            line.what,
            line.text,
            line.place,
            line.secs.map(number)
        ])?;
    }
    let oldest = db.last_insert_rowid().saturating_sub(i64::from(most));
    db.prepare_cached("DELETE FROM history WHERE number <= ?1")?.execute([oldest]).map(drop)
}

/// Settings and folders that were stored already in this transaction.
#[derive(Default)]
struct Interned {
    settings: HashMap<*const TransferSettings, i64>,
    folders: HashMap<PathBuf, i64>,
}

fn put(db: &Connection, record: &DownloadRecord, ids: &mut Interned) -> rusqlite::Result<()> {
    let settings = if let Some(id) = ids.settings.get(&Arc::as_ptr(&record.settings)) {
        *id
    } else {
        let id = intern(db, "settings", "json", &json(record.settings.as_ref())?)?;
        ids.settings.insert(Arc::as_ptr(&record.settings), id);
        id
    };
    let folder = if let Some(id) = ids.folders.get(record.folder.as_ref()) {
        *id
    } else {
        let id = intern(db, "folders", "path", &record.folder.as_os_str().as_bytes())?;
        ids.folders.insert(record.folder.as_ref().clone(), id);
        id
    };
    let mut flags = (record.priority as u32) << PRIORITY_SHIFT;
    for (is_set, flag) in [
        (record.name_is_final, NAME_IS_FINAL),
        (record.name_is_given, NAME_IS_GIVEN),
        (record.joined_on_samples, JOINED_ON_SAMPLES),
        (record.mode == Mode::RealTime, REAL_TIME),
    ] {
        if is_set {
            flags |= flag;
        }
    }
    let kind = record.state.kind();
    // What runs is in line again after a restart.
    let kind = if kind.is_running() { StateKind::Queued } else { kind };
    let state_json = match &record.state {
        State::Waiting { .. } | State::Failed(_) => Some(json(&record.state)?),
        _ => None,
    };
    db.prepare_cached(
        "INSERT OR REPLACE INTO downloads VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
    )?
    .execute(params![
        number(record.id.0),
        record.uuid.as_bytes(),
        number(record.collection.0),
        record.order,
        record.source_url.as_str(),
        folder,
        record.name,
        flags,
        kind_number(kind),
        state_json,
        record.added.0,
        record.ended.map(|ended| ended.0),
        record.size.map(number),
        record.attempts,
        record.dry_since.map(|since| since.0),
        settings,
        record.extras.as_ref().map(json).transpose()?,
        record.checkpoint.as_ref().map(json).transpose()?,
    ])
    .map(drop)
}

/// Puts a record, its checkpoint or both in the place of what is stored under its number, if there still is such a download. One
/// that has ended stays ended: what was decided while it got its name came too late.
fn replace(
    db: &Connection,
    record: &DownloadRecord,
    download: bool,
    checkpoint: bool,
) -> rusqlite::Result<()> {
    let mut held = db.prepare_cached("SELECT state, checkpoint FROM downloads WHERE id = ?1")?;
    let held = held
        .query_row([number(record.id.0)], |row| Ok((row.get::<_, u32>(0)?, row.get::<_, Option<String>>(1)?)))
        .optional()?;
    let Some((state, held)) = held else { return Ok(()) };
    if state == kind_number(StateKind::Completed) && record.state.kind() == StateKind::Processing {
        return Ok(());
    }
    if download {
        put(db, record, &mut Interned::default())?;
    }
    let on_disk = if checkpoint { record.checkpoint.as_ref().map(json).transpose()? } else { held };
    db.prepare_cached("UPDATE downloads SET checkpoint = ?2 WHERE id = ?1")?
        .execute(params![number(record.id.0), on_disk])
        .map(drop)
}

fn intern(db: &Connection, table: &str, column: &str, value: &dyn rusqlite::ToSql) -> rusqlite::Result<i64> {
    let find = format!("SELECT id FROM {table} WHERE {column} = ?1");
    if let Some(id) = db.prepare_cached(&find)?.query_row([value], |row| row.get(0)).optional()? {
        return Ok(id);
    }
    db.prepare_cached(&format!("INSERT INTO {table} ({column}) VALUES (?1)"))?.execute([value])?;
    Ok(db.last_insert_rowid())
}

/// Reads everything.
pub(super) fn load(db: &Connection) -> rusqlite::Result<Loaded> {
    let settings: HashMap<i64, Arc<TransferSettings>> = db
        .prepare("SELECT id, json FROM settings")?
        .query_map([], |row| Ok((row.get(0)?, Arc::new(from_json(row, 1)?))))?
        .collect::<rusqlite::Result<_>>()?;
    let folders: HashMap<i64, Arc<PathBuf>> = db
        .prepare("SELECT id, path FROM folders")?
        .query_map([], |row| {
            let path: Vec<u8> = row.get(1)?;
            Ok((row.get(0)?, Arc::new(PathBuf::from(std::ffi::OsString::from_vec(path)))))
        })?
        .collect::<rusqlite::Result<_>>()?;
    // Room for all of them at once: a list that grows is copied again and again.
    let count: i64 = db.query_row("SELECT count(*) FROM downloads", [], |row| row.get(0))?;
    let mut downloads = Vec::with_capacity(usize::try_from(count).unwrap_or(0));
    for record in db
        .prepare("SELECT * FROM downloads ORDER BY id")?
        .query_map([], |row| download(row, &settings, &folders))?
    {
        downloads.push(record?);
    }
    let collections = db
        .prepare("SELECT id, name, settings, held, page FROM collections ORDER BY id")?
        .query_map([], |row| {
            let settings: CollectionSettings = from_json(row, 2)?;
            Ok(CollectionRecord {
                id: CollectionId(unsigned(row.get(0)?)),
                name: row.get(1)?,
                settings,
                held: row.get::<_, i64>(3)? != 0,
                held_until: Some(UnixMs(row.get(3)?)).filter(|until| until.0 > 1),
                page: row.get::<_, Option<String>>(4)?.map(|text| origin_of(4, text)).transpose()?,
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    let intents = db
        .prepare("SELECT json FROM intents")?
        .query_map([], |row| from_json(row, 0))?
        .collect::<rusqlite::Result<_>>()?;
    let highest = |table: &str| -> rusqlite::Result<u64> {
        let found = db
            .query_row("SELECT seq FROM sqlite_sequence WHERE name = ?1", [table], |row| row.get(0))
            .optional()?;
        Ok(found.map_or(0, unsigned))
    };
    Ok(Loaded {
        downloads,
        collections,
        intents,
        last_download: highest("downloads")?,
        last_collection: highest("collections")?,
    })
}

fn download(
    row: &Row<'_>,
    settings: &HashMap<i64, Arc<TransferSettings>>,
    folders: &HashMap<i64, Arc<PathBuf>>,
) -> rusqlite::Result<DownloadRecord> {
    let flags: u32 = row.get(7)?;
    let url: String = row.get(4)?;
    let state: Option<State> = match row.get_ref(9)? {
        rusqlite::types::ValueRef::Null => None,
        _ => Some(from_json(row, 9)?),
    };
    let kind: u32 = row.get(8)?;
    let state = match state {
        Some(state) => state,
        None => match StateKind::ALL.get(usize::try_from(kind).unwrap_or(usize::MAX)) {
            Some(StateKind::Completed) => State::Completed,
            Some(StateKind::Paused) => State::Paused,
            Some(StateKind::Cancelled) => State::Cancelled,
            _ => State::Queued,
        },
    };
    let present =
        |column: usize| Ok::<_, rusqlite::Error>(row.get_ref(column)? != rusqlite::types::ValueRef::Null);
    let priorities = [Priority::Now, Priority::High, Priority::Normal, Priority::Low];
    Ok(DownloadRecord {
        id: DownloadId(unsigned(row.get(0)?)),
        uuid: Uuid::from_slice(row.get_ref(1)?.as_blob()?).map_err(|error| bad(1, error))?,
        collection: CollectionId(unsigned(row.get(2)?)),
        order: row.get(3)?,
        source_url: Url::parse(&url).map_err(|error| bad(4, error))?,
        folder: folders.get(&row.get(5)?).cloned().unwrap_or_default(),
        name: row.get(6)?,
        name_is_final: flags & NAME_IS_FINAL != 0,
        name_is_given: flags & NAME_IS_GIVEN != 0,
        mode: if flags & REAL_TIME == 0 { Mode::Background } else { Mode::RealTime },
        priority: priorities[usize::try_from(flags >> PRIORITY_SHIFT & 3).unwrap_or(2)],
        state,
        added: UnixMs(row.get(10)?),
        ended: row.get::<_, Option<i64>>(11)?.map(UnixMs),
        size: row.get::<_, Option<i64>>(12)?.map(unsigned),
        attempts: row.get(13)?,
        dry_since: row.get::<_, Option<i64>>(14)?.map(UnixMs),
        joined_on_samples: flags & JOINED_ON_SAMPLES != 0,
        settings: settings.get(&row.get(15)?).cloned().unwrap_or_default(),
        extras: if present(16)? { Some(from_json(row, 16)?) } else { None },
        checkpoint: if present(17)? { Some(from_json(row, 17)?) } else { None },
    })
}

fn kind_number(kind: StateKind) -> u32 {
    StateKind::ALL.iter().position(|known| *known == kind).and_then(|at| u32::try_from(at).ok()).unwrap_or(0)
}

/// SQLite's integers are signed; sizes and ids never reach the sign.
/// How a hold is stored: 0 none, 1 for good, else until when.
fn held(record: &CollectionRecord) -> i64 {
    match (record.held, record.held_until) {
        (false, _) => 0,
        (true, None) => 1,
        (true, Some(until)) => until.0.max(2),
    }
}

pub(super) fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

pub(super) fn json<T: serde::Serialize>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

pub(super) fn from_json<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    serde_json::from_str(row.get_ref(column)?.as_str()?).map_err(|error| bad(column, error))
}

fn bad(column: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
}

#[cfg(test)]
#[path = "rows_tests.rs"]
mod tests;
