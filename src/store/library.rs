//! The library's tables: what is shelved, what is still to be, and the index that finds it while somebody types.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, Row, params};
use unicode_normalization::UnicodeNormalization as _;

use super::db::{Db, Durability, Ticket};
use super::error::StoreError;
use super::rows::{from_json, json, number, unsigned};
use crate::model::id::DownloadId;
use crate::model::media::{
    Field, FileFacts, Info, KindFrom, MediaFacts, MediaId, MediaKind, MediaRecord, SetBy, ToShelve,
};
use crate::model::shelf::MediaEdit;
use crate::model::time::UnixMs;

/// Columns of a whole record, in the order of [`record`].
const RECORD: &str =
    "media.id, path, device, inode, size, modified, read, given, edited, edited_kind, added, missing, download,
    source, hash, trouble, set_by";

/// Everything of an entry that somebody may look for.
const WORDS: &str = "title || ' ' || artist || ' ' || album_artist || ' ' || album || ' ' || genre || ' ' || distributor || ' ' || name";

/// What a scan must know of a file to leave it alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its entry.
    pub id: MediaId,
    /// The file that was read.
    pub file: FileFacts,
    /// Whether it was missing.
    pub is_missing: bool,
    /// Whether its tags could not be read the last time.
    pub had_trouble: bool,
}

impl Db {
    /// Shelves files: new ones are added; of known ones what was read is taken over and what a person changed stays.
    /// `done` are the downloads that are no longer to be shelved.
    pub fn shelve(&self, durability: Durability, records: Vec<MediaRecord>, done: Vec<DownloadId>) -> Ticket {
        self.write(
            durability,
            Box::new(move |db| {
                for record in &records {
                    shelve(db, record)?;
                }
                let mut statement = db.prepare_cached("DELETE FROM to_shelve WHERE download = ?1")?;
                done.iter().try_for_each(|id| statement.execute([number(id.0)]).map(drop))
            }),
        )
    }

    /// Finished downloads that are still to be shelved, oldest first.
    ///
    /// # Errors
    /// The store can't be read.
    pub fn to_shelve(&self) -> Result<Vec<ToShelve>, StoreError> {
        self.read(|db| {
            let mut statement = db.prepare(
                "SELECT download, path, media_type, given, source, set_by FROM to_shelve ORDER BY download",
            )?;
            let rows = statement.query_map([], |row| {
                Ok(ToShelve {
                    download: DownloadId(unsigned(row.get(0)?)),
                    path: path(row.get(1)?),
                    media_type: row.get(2)?,
                    given: from_json(row, 3)?,
                    source: row.get(4)?,
                    set_by: set_by(row, 5)?,
                })
            })?;
            rows.collect()
        })
    }

    /// Changes what the library says of entries.
    pub fn edit_media(&self, ids: Vec<MediaId>, edit: MediaEdit) -> Ticket {
        self.write(
            Durability::Durable,
            Box::new(move |db| {
                for id in &ids {
                    let Some(mut record) = find(db, "media.id = ?1", &number(id.0))? else { continue };
                    for (field, text) in &edit.set {
                        record.edited.insert(*field, text.clone());
                    }
                    for field in &edit.reset {
                        record.edited.remove(field);
                    }
                    record.edited_kind = match edit.kind {
                        Some(kind) => Some(kind),
                        None if edit.reset_kind => None,
                        None => record.edited_kind,
                    };
                    put(db, &record)?;
                }
                Ok(())
            }),
        )
    }

    /// Takes entries out of the library.
    pub fn forget_media(&self, ids: Vec<MediaId>) -> Ticket {
        self.write(
            Durability::Durable,
            Box::new(move |db| {
                let mut statement = db.prepare_cached("DELETE FROM media WHERE id = ?1")?;
                for id in &ids {
                    // The next look through its folder leaves the file alone; what is not there has no state to be known by.
                    let old = find(db, "media.id = ?1", &number(id.0))?;
                    if let Some(old) = old.filter(|old| old.missing.is_none()) {
                        pass_over(db, &old.path, old.facts.file)?;
                    }
                    statement.execute([number(id.0)])?;
                }
                Ok(())
            }),
        )
    }

    /// Notes which entries' files are not where they were, and which are back.
    pub fn mark_missing(&self, gone: Vec<MediaId>, back: Vec<MediaId>, now: UnixMs) -> Ticket {
        self.write(
            Durability::Relaxed,
            Box::new(move |db| {
                let mut statement =
                    db.prepare_cached("UPDATE media SET missing = ?2 WHERE id = ?1 AND missing IS NULL")?;
                for id in &gone {
                    statement.execute(params![number(id.0), now.0])?;
                }
                let mut statement = db.prepare_cached("UPDATE media SET missing = NULL WHERE id = ?1")?;
                back.iter().try_for_each(|id| statement.execute([number(id.0)]).map(drop))
            }),
        )
    }

    /// Notes that an entry's file was found again under another name. The entry that had that name gets the old one: its own file was
    /// moved away from there, and may be met there.
    pub fn move_media(&self, id: MediaId, to: PathBuf, file: FileFacts, hash: Option<String>) -> Ticket {
        self.write(
            Durability::Relaxed,
            Box::new(move |db| {
                let from: Option<Vec<u8>> = db
                    .prepare_cached("SELECT path FROM media WHERE id = ?1")?
                    .query_row([number(id.0)], |row| row.get(0))
                    .optional()?;
                let Some(from) = from.map(path) else { return Ok(()) };
                let other: Option<i64> = db
                    .prepare_cached("SELECT id FROM media WHERE path = ?1 AND id <> ?2")?
                    .query_row(params![to.as_os_str().as_bytes(), number(id.0)], |row| row.get(0))
                    .optional()?;
                if let Some(other) = other {
                    // No two have the same path at any time: this one is no path at all.
                    db.prepare_cached("UPDATE media SET path = zeroblob(1) WHERE id = ?1")?
                        .execute([other])?;
                }
                db.prepare_cached(
                    "UPDATE media SET path = ?2, name = ?3, device = ?4, inode = ?5, size = ?6, modified = ?7,
                        missing = NULL, hash = ?8 WHERE id = ?1",
                )?
                .execute(params![
                    number(id.0),
                    to.as_os_str().as_bytes(),
                    name_of(&to),
                    bits(file.device),
                    bits(file.inode),
                    number(file.size),
                    file.modified.0,
                    hash,
                ])?;
                if let Some(other) = other {
                    db.prepare_cached("UPDATE media SET path = ?2, name = ?3 WHERE id = ?1")?
                        .execute(params![other, from.as_os_str().as_bytes(), name_of(&from)])?;
                    reword(db, other)?;
                }
                reword(db, number(id.0))
            }),
        )
    }

    /// Notes a file that is no media, which no scan has to read again before it changes. The entry that stood for it is missing: what it
    /// is of may come back, and what somebody said of it is kept.
    pub fn pass_over(&self, entry: Option<MediaId>, at: PathBuf, file: FileFacts, now: UnixMs) -> Ticket {
        self.write(
            Durability::Relaxed,
            Box::new(move |db| {
                if let Some(entry) = entry {
                    db.prepare_cached("UPDATE media SET missing = ?2 WHERE id = ?1 AND missing IS NULL")?
                        .execute(params![number(entry.0), now.0])?;
                }
                pass_over(db, &at, file)
            }),
        )
    }

    /// Notes the sums of whole files.
    pub fn hash_media(&self, hashes: Vec<(MediaId, String)>) -> Ticket {
        self.write(
            Durability::Relaxed,
            Box::new(move |db| {
                let mut statement = db.prepare_cached("UPDATE media SET hash = ?2 WHERE id = ?1")?;
                hashes
                    .iter()
                    .try_for_each(|(id, hash)| statement.execute(params![number(id.0), hash]).map(drop))
            }),
        )
    }

    /// One entry whole.
    ///
    /// # Errors
    /// The store can't be read.
    pub fn media(&self, id: MediaId) -> Result<Option<MediaRecord>, StoreError> {
        self.read(|db| find(db, "media.id = ?1", &number(id.0)))
    }

    /// The entries of some numbers, those that there are.
    ///
    /// # Errors
    /// The store can't be read.
    pub fn media_paths(&self, ids: &[MediaId]) -> Result<Vec<(MediaId, PathBuf)>, StoreError> {
        self.read(|db| {
            let mut statement = db.prepare("SELECT path FROM media WHERE id = ?1")?;
            let mut found = Vec::new();
            for id in ids {
                let bytes = statement.query_row([number(id.0)], |row| row.get(0)).optional()?;
                found.extend(bytes.map(|bytes| (*id, path(bytes))));
            }
            Ok(found)
        })
    }

    /// Opens a connection for many small questions, as a scan has them.
    ///
    /// # Errors
    /// The store can't be opened.
    pub fn media_reader(&self) -> Result<MediaReader, StoreError> {
        Ok(MediaReader { connection: self.connection()? })
    }
}

/// A connection that answers many small questions.
pub struct MediaReader {
    connection: Connection,
}

impl MediaReader {
    /// What is known of a path.
    pub fn known(&self, at: &Path) -> Option<Known> {
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT id, device, inode, size, modified, missing, trouble FROM media WHERE path = ?1",
            )
            .ok()?;
        statement.query_row([at.as_os_str().as_bytes()], known).optional().ok()?
    }

    /// A page of entries after a number, by number: all of them, or those in a folder.
    pub fn page(&self, folder: Option<&Path>, after: MediaId, most: u32) -> Vec<(PathBuf, Known)> {
        let read = || -> rusqlite::Result<Vec<(PathBuf, Known)>> {
            let mut statement = self.connection.prepare_cached(
                "SELECT id, device, inode, size, modified, missing, trouble, path FROM media WHERE id > ?1
                    AND (?2 IS NULL OR (path >= ?2 AND path < ?3)) ORDER BY id LIMIT ?4",
            )?;
            // All paths below a folder lie between `FOLDER/` and `FOLDER0`, the byte after the slash.
            let below = folder.map(|folder| {
                let mut from = folder.as_os_str().as_bytes().to_vec();
                if from.last() != Some(&b'/') {
                    from.push(b'/');
                }
                let mut to = from.clone();
                to.pop();
                to.push(b'0');
                (from, to)
            });
            let (from, to) = below.unzip();
            let rows = statement.query_map(params![number(after.0), from, to, most], |row| {
                Ok((path(row.get(7)?), known(row)?))
            })?;
            rows.collect()
        };
        // What can't be read now is looked at by the next scan.
        read().unwrap_or_default()
    }

    /// Whether a file is to be left alone: it is no media, or was taken out of the library, and has not changed since, whatever it is
    /// called now.
    pub fn is_passed_over(&self, file: FileFacts) -> bool {
        let read = || -> rusqlite::Result<bool> {
            self.connection
                .prepare_cached(
                    "SELECT 1 FROM passed_over WHERE inode = ?1 AND device = ?2 AND size = ?3 AND modified = ?4",
                )?
                .exists(params![bits(file.inode), bits(file.device), number(file.size), file.modified.0])
        };
        read().unwrap_or_default()
    }

    /// How many entries there are.
    pub fn count(&self) -> Option<u64> {
        self.connection.query_row("SELECT COUNT(*) FROM media", [], |row| row.get(0)).map(unsigned).ok()
    }

    /// Samples that several files have, of which not all were compared.
    pub fn uncompared(&self) -> Vec<String> {
        let read = || -> rusqlite::Result<Vec<_>> {
            let mut statement = self.connection.prepare(
                "SELECT DISTINCT print FROM media WHERE hash IS NULL AND missing IS NULL AND print IN
                    (SELECT print FROM media WHERE print <> '' GROUP BY print HAVING COUNT(*) > 1)",
            )?;
            statement.query_map([], |row| row.get(0))?.collect()
        };
        read().unwrap_or_default()
    }

    /// Entries whose samples are the same: those that may have the same bytes, first those whose files are missing.
    pub fn of_print(&self, print: &str, most: u32) -> Vec<(MediaId, PathBuf, Known, Option<String>)> {
        let read = || -> rusqlite::Result<Vec<_>> {
            let mut statement = self.connection.prepare_cached(
                "SELECT id, device, inode, size, modified, missing, trouble, path, hash FROM media
                    WHERE print = ?1 AND missing IS NOT NULL
                 UNION ALL SELECT id, device, inode, size, modified, missing, trouble, path, hash FROM media
                    WHERE print = ?1 AND missing IS NULL LIMIT ?2",
            )?;
            let rows = statement.query_map(params![print, most], |row| {
                let known = known(row)?;
                Ok((known.id, path(row.get(7)?), known, row.get(8)?))
            })?;
            rows.collect()
        };
        read().unwrap_or_default()
    }
}

fn known(row: &Row<'_>) -> rusqlite::Result<Known> {
    Ok(Known {
        id: MediaId(unsigned(row.get(0)?)),
        file: FileFacts {
            device: from_bits(row.get(1)?),
            inode: from_bits(row.get(2)?),
            size: unsigned(row.get(3)?),
            modified: UnixMs(row.get(4)?),
        },
        is_missing: row.get::<_, Option<i64>>(5)?.is_some(),
        had_trouble: row.get::<_, Option<String>>(6)?.is_some(),
    })
}

/// Writes down what is to be shelved, in the transaction that ends the publishing.
pub(super) fn note_to_shelve(db: &Connection, to: &ToShelve) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR REPLACE INTO to_shelve VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![
            number(to.download.0),
            to.path.as_os_str().as_bytes(),
            to.media_type,
            json(&to.given)?,
            to.source,
            to.set_by.as_ref().map(json).transpose()?,
        ])
        .map(drop)
}

fn shelve(db: &Connection, new: &MediaRecord) -> rusqlite::Result<()> {
    let mut record = new.clone();
    if let Some(old) = find(db, "path = ?1", &new.path.as_os_str().as_bytes())? {
        // Samples tell that two files may be the same, and a sum is of one file at one time.
        let same_file = old.facts.file == new.facts.file;
        record.id = old.id;
        record.added = old.added;
        record.edited = old.edited;
        record.edited_kind = old.edited_kind;
        if record.download.is_none() {
            record.download = old.download;
            record.source = old.source;
            record.given = old.given;
            record.set_by = old.set_by;
        }
        record.hash = record.hash.or(old.hash.filter(|_| same_file));
    }
    put(db, &record)
}

/// Writes down a file that scans leave alone.
fn pass_over(db: &Connection, at: &Path, file: FileFacts) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR REPLACE INTO passed_over VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![
            at.as_os_str().as_bytes(),
            bits(file.device),
            bits(file.inode),
            number(file.size),
            file.modified.0,
        ])
        .map(drop)
}

fn put(db: &Connection, record: &MediaRecord) -> rusqlite::Result<()> {
    // What is no media has no shelf.
    let Some((kind, _)) = record.kind() else { return Ok(()) };
    // Letters that look alike are alike, however they are put together.
    let text = |field| record.text(field).map(composed).unwrap_or_default();
    let name = name_of(&record.path);
    let album_artist =
        record.text(Field::AlbumArtist).or(record.text(Field::Artist)).map(composed).unwrap_or_default();
    let file = record.facts.file;
    db.prepare_cached(
        "INSERT INTO media (id, path, name, device, inode, size, modified, kind, title, artist, album_artist, album, genre,
            distributor, date, disc, track, duration, edited_kind, added, missing, download, source, print, hash, trouble, set_by)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24,
            ?25, ?26, ?27)
         ON CONFLICT (id) DO UPDATE SET path = ?2, name = ?3, device = ?4, inode = ?5, size = ?6, modified = ?7, kind = ?8,
            title = ?9, artist = ?10, album_artist = ?11, album = ?12, genre = ?13, distributor = ?14, date = ?15, disc = ?16,
            track = ?17, duration = ?18, edited_kind = ?19, added = ?20, missing = ?21, download = ?22, source = ?23,
            print = ?24, hash = ?25, trouble = ?26, set_by = ?27",
    )?
    .execute(params![
        (record.id.0 != 0).then(|| number(record.id.0)),
        record.path.as_os_str().as_bytes(),
        name,
        bits(file.device),
        bits(file.inode),
        number(file.size),
        file.modified.0,
        kind_number(kind),
        text(Field::Title),
        text(Field::Artist),
        album_artist,
        text(Field::Album),
        text(Field::Genre),
        text(Field::Distributor),
        text(Field::Date),
        record.number(Field::Disc),
        record.number(Field::Track),
        record.text(Field::Duration).and_then(|text| text.parse::<i64>().ok()),
        record.edited_kind.map(kind_number),
        record.added.0,
        record.missing.map(|since| since.0),
        record.download.map(|id| number(id.0)),
        record.source,
        record.facts.print,
        record.hash,
        record.trouble,
        record.set_by.as_ref().map(json).transpose()?,
    ])?;
    let id = if record.id.0 == 0 { db.last_insert_rowid() } else { number(record.id.0) };
    db.prepare_cached("INSERT OR REPLACE INTO media_said VALUES (?1, ?2, ?3, ?4)")?.execute(params![
        id,
        json(&record.facts)?,
        json(&record.given)?,
        json(&record.edited)?
    ])?;
    db.prepare_cached("DELETE FROM passed_over WHERE path = ?1 OR (inode = ?2 AND device = ?3)")?
        .execute(params![record.path.as_os_str().as_bytes(), bits(file.inode), bits(file.device)])?;
    reword(db, id)
}

/// Keeps all words of an entry in one place, as [`folded`] has them.
fn reword(db: &Connection, id: i64) -> rusqlite::Result<()> {
    let words: Option<String> = db
        .prepare_cached(&format!("SELECT {WORDS} FROM media WHERE id = ?1"))?
        .query_row([id], |row| row.get(0))
        .optional()?;
    let Some(words) = words else { return Ok(()) };
    db.prepare_cached("INSERT OR REPLACE INTO media_words VALUES (?1, ?2)")?
        .execute(params![id, folded(&words)])
        .map(drop)
}

/// Folds the words of all entries anew: an earlier haul did it for ASCII only.
pub(super) fn reword_all(db: &Connection) -> rusqlite::Result<()> {
    let mut statement = db.prepare(&format!("SELECT id, {WORDS} FROM media"))?;
    let mut put = db.prepare("INSERT OR REPLACE INTO media_words VALUES (?1, ?2)")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        put.execute(params![row.get::<_, i64>(0)?, folded(&row.get::<_, String>(1)?)])?;
    }
    Ok(())
}

/// Text in one composition of its letters (NFC), so that what looks the same is the same.
fn composed(text: &str) -> String {
    text.nfc().collect()
}

/// Text as it is compared with what somebody types: one composition, no capitals.
pub(super) fn folded(text: &str) -> String {
    composed(text).to_lowercase()
}

fn find(db: &Connection, which: &str, value: &dyn rusqlite::ToSql) -> rusqlite::Result<Option<MediaRecord>> {
    db.prepare_cached(&format!(
        "SELECT {RECORD} FROM media JOIN media_said ON media_said.id = media.id WHERE {which}"
    ))?
    .query_row([value], record)
    .optional()
}

fn record(row: &Row<'_>) -> rusqlite::Result<MediaRecord> {
    let facts: MediaFacts = from_json(row, 6)?;
    let file = FileFacts {
        device: from_bits(row.get(2)?),
        inode: from_bits(row.get(3)?),
        size: unsigned(row.get(4)?),
        modified: UnixMs(row.get(5)?),
    };
    let (given, edited): (Info, Info) = (from_json(row, 7)?, from_json(row, 8)?);
    Ok(MediaRecord {
        id: MediaId(unsigned(row.get(0)?)),
        path: path(row.get(1)?),
        facts: MediaFacts { file, ..facts },
        given,
        edited,
        edited_kind: row.get::<_, Option<i64>>(9)?.map(kind_of),
        added: UnixMs(row.get(10)?),
        missing: row.get::<_, Option<i64>>(11)?.map(UnixMs),
        download: row.get::<_, Option<i64>>(12)?.map(|id| DownloadId(unsigned(id))),
        source: row.get(13)?,
        hash: row.get(14)?,
        trouble: row.get(15)?,
        set_by: set_by(row, 16)?,
    })
}

fn set_by(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<SetBy>> {
    let is_set = row.get_ref(at)? != rusqlite::types::ValueRef::Null;
    is_set.then(|| from_json(row, at)).transpose()
}

pub(super) fn path(bytes: Vec<u8>) -> PathBuf {
    OsString::from_vec(bytes).into()
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    crate::model::printable::printable(&name).into_owned()
}

pub(super) fn kind_number(kind: MediaKind) -> i64 {
    match kind {
        MediaKind::Music => 0,
        MediaKind::Video => 1,
        MediaKind::Other => 2,
    }
}

pub(super) fn kind_of(number: i64) -> MediaKind {
    match number {
        0 => MediaKind::Music,
        1 => MediaKind::Video,
        _ => MediaKind::Other,
    }
}

/// Devices and inodes use all 64 bits.
fn bits(number: u64) -> i64 {
    number.cast_signed()
}

fn from_bits(number: i64) -> u64 {
    number.cast_unsigned()
}

/// What told the kind that an entry stands under.
pub(super) fn kind_from(record: &MediaRecord) -> KindFrom {
    record.kind().map_or(KindFrom::Extension, |(_, from)| from)
}
