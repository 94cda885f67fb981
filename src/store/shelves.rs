//! What clients see of the library, read from its tables: shelves, rows, details and counts.

use std::os::unix::ffi::OsStrExt as _;

use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};

use super::db::Db;
use super::error::StoreError;
use super::library::{kind_from, kind_number, kind_of, path};
use super::rows::{number, unsigned};
use crate::model::media::{Field, MediaId, MediaKind, MediaRecord, Origin};
use crate::model::printable::printable;
use crate::model::shelf::{
    Arrangement, LibraryStats, MediaCopy, MediaDetail, MediaRow, MediaValue, ShelfNode, ShelfPath,
};
use crate::model::time::UnixMs;

/// Shelves in one answer, at most: more than anybody has artists.
const MOST_NODES: u32 = 200_000;
/// What counts are made of.
const SUMS: &str =
    "coalesce(sum(files), 0), coalesce(sum(size), 0), coalesce(sum(duration), 0), coalesce(sum(missing), 0)";
/// Columns of [`row`]. A missing file is nobody's copy, and copies are counted to [`crate::model::shelf::MOST_COPIES`]: each row counts.
pub(super) const ROW: &str = "media.id, kind, media.title, media.artist, media.album_artist, media.album, disc, track, media.genre,
    media.distributor, date, duration, size, added, missing, media.name, CASE WHEN hash IS NULL OR missing IS NOT NULL THEN 0 ELSE (SELECT count(DISTINCT device || ' ' || inode) FROM
        (SELECT device, inode FROM media other WHERE other.hash = media.hash AND other.missing IS NULL LIMIT 100)) END";
impl Db {
    /// The shelves on a shelf.
    ///
    /// # Errors
    /// The store can't be read.
    pub fn shelf(&self, at: &ShelfPath) -> Result<Vec<ShelfNode>, StoreError> {
        self.read(|db| match (at.kind, at.arrangement) {
            (None, _) => kinds(db),
            (Some(kind), None) => arrangements(db, kind),
            (Some(_), Some(arrangement)) => level(db, at, arrangement),
        })
    }

    /// Everything about one entry.
    ///
    /// # Errors
    /// The store can't be read.
    pub fn media_detail(&self, id: MediaId) -> Result<Option<MediaDetail>, StoreError> {
        let Some(record) = self.media(id)? else { return Ok(None) };
        self.read(|db| {
            let found =
                db.query_row(&format!("SELECT {ROW} FROM media WHERE id = ?1"), [number(id.0)], row)?;
            let mut statement =
                // Another name of the same file is no copy.
                db.prepare(
                    "SELECT id, path FROM media WHERE hash = ?1 AND id <> ?2 AND missing IS NULL AND NOT EXISTS (SELECT 1 FROM media own
                        WHERE own.id = ?2 AND own.device = media.device AND own.inode = media.inode) ORDER BY id LIMIT 100",
                )?;
            let copies = statement.query_map((&record.hash, number(id.0)), |row| {
                let path = path(row.get(1)?);
                Ok(MediaCopy {
                    id: MediaId(unsigned(row.get(0)?)),
                    path: printable(&path.to_string_lossy()).into_owned(),
                })
            })?;
            let copies = copies.collect::<rusqlite::Result<_>>()?;
            Ok(Some(detail(record, found, copies)))
        })
    }

    /// The library in numbers.
    ///
    /// # Errors
    /// The store can't be read.
    pub fn library_stats(&self) -> Result<LibraryStats, StoreError> {
        self.read(|db| {
            let count = |sql: &str| db.query_row(sql, [], |row| row.get(0)).map(unsigned);
            Ok(LibraryStats {
                kinds: kinds(db)?,
                purchased: count("SELECT coalesce(sum(files), 0) FROM shelves WHERE distributor <> ''")?,
                distributors: count("SELECT count(DISTINCT distributor) FROM shelves WHERE distributor <> ''")?,
                artists: count("SELECT count(DISTINCT album_artist) FROM shelves WHERE album_artist <> ''")?,
                albums: count(
                    "SELECT count(*) FROM (SELECT DISTINCT album_artist, album FROM shelves WHERE album <> '')",
                )?,
                missing: count("SELECT coalesce(sum(missing), 0) FROM shelves")?,
                duplicates: count(
                    "SELECT coalesce(sum(n), 0) FROM
                        (SELECT count(*) AS n FROM media WHERE hash IS NOT NULL AND missing IS NULL GROUP BY hash
                            HAVING min(inode) <> max(inode) OR min(device) <> max(device))",
                )?,
                waiting: count("SELECT count(*) FROM to_shelve")?,
            })
        })
    }
}

fn kinds(db: &Connection) -> rusqlite::Result<Vec<ShelfNode>> {
    let mut statement =
        db.prepare(&format!("SELECT {SUMS}, kind FROM shelves GROUP BY kind ORDER BY kind"))?;
    let nodes = statement.query_map([], |row| {
        node(row, ShelfPath { kind: Some(kind_of(row.get(4)?)), ..ShelfPath::default() })
    })?;
    nodes.collect()
}

fn arrangements(db: &Connection, kind: MediaKind) -> rusqlite::Result<Vec<ShelfNode>> {
    let sums = |only: &str, arrangement| {
        let sql = format!("SELECT {SUMS} FROM shelves WHERE kind = ?1 {only}");
        db.query_row(&sql, [kind_number(kind)], |row| {
            node(row, ShelfPath { kind: Some(kind), arrangement: Some(arrangement), keys: Vec::new() })
        })
    };
    let all = sums("", Arrangement::Artists)?;
    let mut nodes = vec![sums("AND distributor <> ''", Arrangement::Purchased)?];
    nodes.extend(Arrangement::ALL.into_iter().skip(1).map(|arrangement| {
        let at = ShelfPath { arrangement: Some(arrangement), ..all.at.clone() };
        ShelfNode { label: at.label(), at, ..all.clone() }
    }));
    Ok(nodes)
}

fn level(db: &Connection, at: &ShelfPath, arrangement: Arrangement) -> rusqlite::Result<Vec<ShelfNode>> {
    let Some(field) = arrangement.levels().get(at.keys.len()) else { return Ok(Vec::new()) };
    let column = column(*field);
    let table = if arrangement == Arrangement::Genres { "genres" } else { "shelves" };
    let (only, values) = on_shelf(at, table);
    let sql = format!(
        "SELECT {SUMS}, {column} FROM {table} WHERE {only} GROUP BY {column}
         ORDER BY {column} = '', {column} COLLATE NOCASE LIMIT {MOST_NODES}"
    );
    let mut statement = db.prepare(&sql)?;
    let nodes = statement.query_map(params_from_iter(values), |row| {
        let mut at = at.clone();
        at.keys.push(row.get(4)?);
        node(row, at)
    })?;
    nodes.collect()
}

fn node(row: &Row<'_>, at: ShelfPath) -> rusqlite::Result<ShelfNode> {
    Ok(ShelfNode {
        label: at.label(),
        at,
        count: unsigned(row.get(0)?),
        size: unsigned(row.get(1)?),
        duration_ms: unsigned(row.get(2)?),
        missing: unsigned(row.get(3)?),
    })
}

fn column(field: Field) -> &'static str {
    match field {
        Field::Distributor => "distributor",
        Field::AlbumArtist => "album_artist",
        Field::Album => "album",
        Field::Genre => "genre",
        _ => "title",
    }
}

/// The condition that holds for what stands on a shelf and below it.
pub(super) fn on_shelf(at: &ShelfPath, table: &str) -> (String, Vec<Value>) {
    let mut terms = Vec::new();
    let mut values = Vec::new();
    if let Some(kind) = at.kind {
        terms.push("kind = ?".to_owned());
        values.push(Value::Integer(kind_number(kind)));
    }
    if let Some(arrangement) = at.arrangement {
        if arrangement == Arrangement::Purchased {
            terms.push(format!("{table}.distributor <> ''"));
        }
        for (field, key) in arrangement.levels().iter().zip(&at.keys) {
            terms.push(format!("{table}.{} = ?", column(*field)));
            values.push(Value::Text(key.clone()));
        }
    }
    if terms.is_empty() {
        terms.push("1".into());
    }
    (terms.join(" AND "), values)
}

pub(super) fn row(row: &Row<'_>) -> rusqlite::Result<MediaRow> {
    let title: String = row.get(2)?;
    Ok(MediaRow {
        id: MediaId(unsigned(row.get(0)?)),
        kind: kind_of(row.get(1)?),
        title: if title.is_empty() { row.get(15)? } else { title },
        artist: row.get(3)?,
        album_artist: row.get(4)?,
        album: row.get(5)?,
        disc: row.get(6)?,
        track: row.get(7)?,
        genre: row.get(8)?,
        distributor: row.get(9)?,
        date: row.get(10)?,
        duration_ms: row.get::<_, Option<i64>>(11)?.map(unsigned),
        size: unsigned(row.get(12)?),
        added: UnixMs(row.get(13)?),
        missing: row.get::<_, Option<i64>>(14)?.is_some(),
        copies: row.get(16)?,
    })
}

fn detail(record: MediaRecord, row: MediaRow, copies: Vec<MediaCopy>) -> MediaDetail {
    let values = Field::ALL.into_iter().filter_map(|field| value(&record, field)).collect();
    let text = record.path.to_string_lossy();
    let shown = printable(&text).into_owned();
    let bytes = record.path.as_os_str().as_bytes();
    MediaDetail {
        row,
        values,
        kind_from: kind_from(&record),
        path_hex: (shown.as_bytes() != bytes).then(|| data_encoding::HEXLOWER.encode(bytes)),
        path: shown,
        format: record.facts.format,
        bitrate: record.facts.bitrate,
        frame: record.facts.frame,
        has_cover: record.facts.has_cover,
        modified: record.facts.file.modified,
        missing_since: record.missing,
        download: record.download,
        source: record.source,
        trouble: record.trouble,
        copies,
    }
}

fn value(record: &MediaRecord, field: Field) -> Option<MediaValue> {
    let (text, origin) = record.value(field)?;
    let others = [(&record.facts.info, Origin::File), (&record.given, Origin::Download)];
    let instead_of = others
        .into_iter()
        .filter(|(_, other)| *other > origin)
        .filter_map(|(info, other)| Some((other, printable(info.get(&field)?).into_owned())))
        .filter(|(_, other)| other != text)
        .collect();
    let place = (field == Field::Distributor && origin == Origin::File)
        .then(|| record.facts.distributor_in.clone())
        .flatten();
    let is_set = field == Field::Distributor && origin == Origin::Download;
    let set_by = record.set_by.clone().filter(|_| is_set);
    Some(MediaValue { field, text: printable(text).into_owned(), origin, place, set_by, instead_of })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::id::DownloadId;
    use crate::model::media::{Info, KindFrom, MediaFacts};
    use crate::model::shelf::MediaEdit;
    use crate::model::shelf::{LibraryQuery, MediaSort};
    use crate::store::db::Durability;

    pub(in crate::store) fn open() -> (tempfile::TempDir, Db) {
        let folder = tempfile::tempdir().unwrap();
        let (db, _) = Db::open(folder.path(), "2026-01-02", None).unwrap();
        (folder, db)
    }

    fn entry(path: &str, values: &[(Field, &str)]) -> MediaRecord {
        let info: Info = values.iter().map(|(field, text)| (*field, (*text).to_owned())).collect();
        MediaRecord {
            id: MediaId(0),
            path: path.into(),
            facts: MediaFacts {
                kind: Some((MediaKind::Music, KindFrom::Bytes)),
                info,
                print: format!("print of {path}"),
                file: crate::model::media::FileFacts {
                    size: 1000,
                    inode: path.bytes().map(u64::from).sum(),
                    ..Default::default()
                },
                ..MediaFacts::default()
            },
            given: Info::new(),
            edited: Info::new(),
            edited_kind: None,
            added: UnixMs(5),
            missing: None,
            download: None,
            source: None,
            hash: None,
            trouble: None,
            set_by: None,
        }
    }

    fn small(db: &Db) {
        use Field::{Album, AlbumArtist, Artist, Distributor, Duration, Genre, Title, Track};
        let records = vec![
            entry(
                "/m/1.flac",
                &[
                    (Title, "Delta"),
                    (AlbumArtist, "Tailspin"),
                    (Album, "One"),
                    (Track, "2"),
                    (Distributor, "Shop"),
                    (Duration, "60000"),
                ],
            ),
            entry(
                "/m/2.flac",
                &[
                    (Title, "Alpha"),
                    (AlbumArtist, "Tailspin"),
                    (Album, "One"),
                    (Track, "1/2"),
                    (Distributor, "Shop"),
                    (Genre, "Ambient"),
                ],
            ),
            entry("/m/3.mp3", &[(Title, "Lone"), (Artist, "Nobody 100%")]),
            entry("/m/no_name.mp3", &[]),
        ];
        db.shelve(Durability::Durable, records, Vec::new()).wait().unwrap();
    }

    fn labels(db: &Db, at: &ShelfPath) -> Vec<(String, u64)> {
        db.shelf(at).unwrap().into_iter().map(|node| (node.label, node.count)).collect()
    }

    fn titles(db: &Db, query: &LibraryQuery) -> Vec<String> {
        db.media_rows(query).unwrap().rows.into_iter().map(|row| row.title).collect()
    }

    pub(in crate::store) fn shelf(arrangement: Arrangement, keys: &[&str]) -> ShelfPath {
        ShelfPath {
            kind: Some(MediaKind::Music),
            arrangement: Some(arrangement),
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        }
    }

    #[test]
    fn shelves_lead_to_files() {
        let (_folder, db) = open();
        small(&db);
        let pairs = |pairs: &[(&str, u64)]| -> Vec<(String, u64)> {
            pairs.iter().map(|(label, count)| ((*label).to_owned(), *count)).collect()
        };
        assert_eq!(labels(&db, &ShelfPath::default()), pairs(&[("Music", 4)]));
        let music = ShelfPath { kind: Some(MediaKind::Music), ..ShelfPath::default() };
        assert_eq!(
            labels(&db, &music),
            pairs(&[
                ("Purchased", 2),
                ("All by artist", 4),
                ("All by album", 4),
                ("All by genre", 4),
                ("All by distributor", 4)
            ])
        );
        assert_eq!(labels(&db, &shelf(Arrangement::Purchased, &[])), pairs(&[("Shop", 2)]));
        assert_eq!(labels(&db, &shelf(Arrangement::Purchased, &["Shop"])), pairs(&[("Tailspin", 2)]));
        assert_eq!(
            labels(&db, &shelf(Arrangement::Artists, &[])),
            pairs(&[("Nobody 100%", 1), ("Tailspin", 2), ("Unknown Artist", 1)])
        );
        let album = shelf(Arrangement::Purchased, &["Shop", "Tailspin", "One"]);
        assert!(album.is_last());
        let on_album = LibraryQuery { at: Some(album), ..LibraryQuery::default() };
        assert_eq!(titles(&db, &on_album), ["Alpha", "Delta"]);
        let node = &db.shelf(&shelf(Arrangement::Purchased, &[])).unwrap()[0];
        assert_eq!((node.size, node.duration_ms, node.missing), (2000, 60_000, 0));
    }

    #[test]
    fn words_find_entries_by_any_part_of_them() {
        let (_folder, db) = open();
        small(&db);
        let found = |text: &str| {
            titles(
                &db,
                &LibraryQuery { text: text.into(), sort: MediaSort::Title, ..LibraryQuery::default() },
            )
        };
        assert_eq!(found("ailsp"), ["Alpha", "Delta"]);
        assert_eq!(found("TAILSPIN delta"), ["Delta"]);
        assert_eq!(found("al"), ["Alpha"]);
        assert_eq!(found("tailspin De"), ["Delta"]);
        assert_eq!(found("100%"), ["Lone"]);
        assert_eq!(found("0%"), ["Lone"]);
        assert_eq!(found("o_n"), ["no_name.mp3"]);
        for nonsense in ["\"", "AND OR", "NEAR(", "*", "title:delta", "'; DROP TABLE media"] {
            assert_eq!(found(nonsense), Vec::<String>::new(), "{nonsense}");
        }
        assert_eq!(found("").len(), 4);
    }

    #[test]
    fn what_a_person_changed_stays_and_can_be_taken_back() {
        let (_folder, db) = open();
        small(&db);
        let id = MediaId(3);
        let set: Info = [(Field::Distributor, "Mine".to_owned())].into();
        let edit = MediaEdit { set, kind: Some(MediaKind::Video), ..MediaEdit::default() };
        db.edit_media(vec![id], edit).wait().unwrap();
        // Read anew, by a scan.
        db.shelve(
            Durability::Durable,
            vec![entry("/m/3.mp3", &[(Field::Title, "Lone"), (Field::Distributor, "Read")])],
            Vec::new(),
        )
        .wait()
        .unwrap();
        let detail = db.media_detail(id).unwrap().unwrap();
        assert_eq!((detail.row.kind, detail.kind_from), (MediaKind::Video, KindFrom::Person));
        let distributor = detail.values.iter().find(|value| value.field == Field::Distributor).unwrap();
        assert_eq!((distributor.text.as_str(), distributor.origin), ("Mine", Origin::Person));
        assert_eq!(distributor.instead_of, [(Origin::File, "Read".to_owned())]);
        let back = MediaEdit { reset: vec![Field::Distributor], reset_kind: true, ..MediaEdit::default() };
        db.edit_media(vec![id], back).wait().unwrap();
        let row = db.media_detail(id).unwrap().unwrap().row;
        assert_eq!((row.kind, row.distributor.as_str()), (MediaKind::Music, "Read"));
        let found = LibraryQuery { text: "mine".into(), ..LibraryQuery::default() };
        assert_eq!(titles(&db, &found), Vec::<String>::new());
    }

    #[test]
    fn missing_files_and_copies_are_told() {
        let (_folder, db) = open();
        small(&db);
        db.mark_missing(vec![MediaId(1)], Vec::new(), UnixMs(9)).wait().unwrap();
        db.hash_media(vec![(MediaId(2), "h".into()), (MediaId(3), "h".into()), (MediaId(4), "i".into())])
            .wait()
            .unwrap();
        let missing = LibraryQuery { missing: true, ..LibraryQuery::default() };
        assert_eq!(titles(&db, &missing), ["Delta"]);
        let copies = LibraryQuery { duplicates: true, ..LibraryQuery::default() };
        let rows = db.media_rows(&copies).unwrap().rows;
        assert_eq!(rows.iter().map(|row| (row.id.0, row.copies)).collect::<Vec<_>>(), [(2, 2), (3, 2)]);
        assert_eq!(db.media_detail(MediaId(2)).unwrap().unwrap().copies[0].path, "/m/3.mp3");
        let stats = db.library_stats().unwrap();
        assert_eq!((stats.missing, stats.duplicates, stats.purchased, stats.albums), (1, 2, 2, 1));
        // Every row counts, but not for ever.
        let many = (0..150).map(|number| {
            let mut equal = entry(&format!("/many/{number}.mp3"), &[]);
            (equal.hash, equal.facts.file.inode) = (Some("many".into()), 1000 + number);
            equal
        });
        db.shelve(Durability::Durable, many.collect(), Vec::new()).wait().unwrap();
        let page = LibraryQuery { limit: 300, ..copies.clone() };
        let rows = db.media_rows(&page).unwrap().rows;
        assert_eq!(rows.iter().filter(|row| row.copies == crate::model::shelf::MOST_COPIES).count(), 150);
        let ids = rows.iter().map(|row| row.id).filter(|id| id.0 > 4).collect();
        db.forget_media(ids).wait().unwrap();
        // What is left of two is no copy of what is gone.
        db.mark_missing(vec![MediaId(3)], Vec::new(), UnixMs(9)).wait().unwrap();
        assert_eq!(db.media_rows(&copies).unwrap().rows, []);
        assert_eq!(db.library_stats().unwrap().duplicates, 0);
        let left = db.media_detail(MediaId(2)).unwrap().unwrap();
        assert_eq!((left.row.copies, left.copies), (1, Vec::new()));
        assert_eq!(db.media_detail(MediaId(3)).unwrap().unwrap().row.copies, 0);
        db.mark_missing(Vec::new(), vec![MediaId(3)], UnixMs(10)).wait().unwrap();
        // Two names of one file are no copies of each other.
        let mut other_name = entry("/m/3.mp3", &[(Field::Title, "Lone")]);
        other_name.path = "/m/link.mp3".into();
        other_name.hash = Some("i".into());
        let mut one = entry("/m/3.mp3", &[(Field::Title, "Lone")]);
        one.hash = Some("i".into());
        one.path = "/m/no_name.mp3".into();
        db.shelve(Durability::Durable, vec![other_name, one], Vec::new()).wait().unwrap();
        let rows = db.media_rows(&copies).unwrap().rows;
        assert_eq!(rows.iter().map(|row| row.id.0).collect::<Vec<_>>(), [2, 3]);
        db.mark_missing(Vec::new(), vec![MediaId(1)], UnixMs(10)).wait().unwrap();
        assert_eq!(db.library_stats().unwrap().missing, 0);
        db.forget_media(vec![MediaId(1), MediaId(2)]).wait().unwrap();
        assert_eq!(labels(&db, &shelf(Arrangement::Purchased, &[])), []);
        let gone = LibraryQuery { text: "delta".into(), ..LibraryQuery::default() };
        assert_eq!(titles(&db, &gone), Vec::<String>::new());
    }

    #[test]
    fn a_path_of_any_bytes_is_kept_whole() {
        use std::os::unix::ffi::OsStrExt as _;
        let (_folder, db) = open();
        let strange = std::ffi::OsStr::from_bytes(b"/m/line\nbreak\xff.mp3");
        let mut record = entry("", &[]);
        record.path = strange.into();
        record.download = Some(DownloadId(7));
        db.shelve(Durability::Durable, vec![record], Vec::new()).wait().unwrap();
        let detail = db.media_detail(MediaId(1)).unwrap().unwrap();
        assert_eq!(detail.path, "/m/line break\u{fffd}.mp3");
        assert_eq!(detail.path_hex.as_deref(), Some("2f6d2f6c696e650a627265616bff2e6d7033"));
        assert_eq!(detail.download, Some(DownloadId(7)));
        assert!(db.media_reader().unwrap().known(strange.as_ref()).is_some());
    }
}
