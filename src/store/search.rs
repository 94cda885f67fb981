//! Finding entries: by the shelf that they stand on, and by words while somebody types. Everything here is quick for 100,000 of them.

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::db::Db;
use super::error::StoreError;
use super::library::folded;
use super::rows::number;
use super::shelves::{ROW, on_shelf, row};
use crate::model::shelf::{LibraryQuery, MediaRows, MediaSort, ShelfPath};

/// Rows in one answer, at most.
const MOST_ROWS: u32 = 1000;
/// The shortest word that the index finds; shorter ones are looked for in what it found.
const TRIGRAM: usize = 3;
/// So many finds are put in any order in a moment.
const QUICK: usize = 2000;

impl Db {
    /// Entries.
    ///
    /// # Errors
    /// The store can't be read.
    pub fn media_rows(&self, query: &LibraryQuery) -> Result<MediaRows, StoreError> {
        let limit = match query.limit {
            0 => MOST_ROWS,
            limit => limit.min(MOST_ROWS),
        };
        self.read(|db| {
            let text = folded(&query.text);
            let words = Words::of(db, &text)?;
            let matching = matching(query, &words);
            let is_quick = query.quick && !words.is_empty();
            let few = if is_quick { few(db, &matching)? } else { None };
            let newest = is_quick && few.is_none();
            let (sql, values) = if newest {
                let query = LibraryQuery { sort: MediaSort::Added, descending: false, ..query.clone() };
                select(&query, matching, limit)
            } else {
                // What was found already is not looked for again.
                select(query, few.map_or(matching, |few| Matching::these(&few)), limit)
            };
            let mut statement = db.prepare(&sql)?;
            let mut rows: Vec<_> =
                statement.query_map(params_from_iter(values), row)?.collect::<rusqlite::Result<_>>()?;
            let more = rows.len() > usize::try_from(limit).unwrap_or(usize::MAX);
            rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
            Ok(MediaRows { rows, more, newest })
        })
    }
}

/// The numbers of those that match, unless they are more than are put in order in a moment.
fn few(db: &Connection, matching: &Matching) -> rusqlite::Result<Option<Vec<i64>>> {
    let Matching { from, only, values, id } = matching;
    let sql = format!("SELECT {id} FROM {from} WHERE {only} ORDER BY {id} DESC LIMIT {QUICK} + 1");
    let mut statement = db.prepare(&sql)?;
    let found = statement.query_map(params_from_iter(values), |row| row.get(0))?;
    let found = found.collect::<rusqlite::Result<Vec<i64>>>()?;
    Ok(Some(found).filter(|found| found.len() <= QUICK))
}

/// Which entries are meant: tables, condition, its values, and the column of their numbers.
struct Matching {
    from: String,
    only: String,
    values: Vec<Value>,
    id: &'static str,
}

impl Matching {
    /// Those with these numbers.
    fn these(numbers: &[i64]) -> Self {
        Self {
            from: "json_each(?) AS found CROSS JOIN media".into(),
            only: "media.id = found.value".into(),
            values: vec![Value::Text(format!("{numbers:?}"))],
            id: "media.id",
        }
    }
}

/// Words that are looked for: those that the index finds, and those that are looked for in all that an entry says.
struct Words<'a> {
    indexed: Vec<&'a str>,
    read: Vec<&'a str>,
}

impl<'a> Words<'a> {
    /// Sorts words by how they are found soonest: where those that the index knows are in many entries, and others are too short for
    /// it, reading all once is quicker than looking each of the many up.
    fn of(db: &Connection, text: &'a str) -> rusqlite::Result<Self> {
        let (indexed, read): (Vec<&str>, Vec<&str>) =
            text.split_whitespace().partition(|word| word.chars().count() >= TRIGRAM);
        if indexed.is_empty() || read.is_empty() {
            return Ok(Self { indexed, read });
        }
        let words = Self { indexed, read: Vec::new() };
        if few(db, &matching(&LibraryQuery::default(), &words))?.is_none() {
            // What is in few of them decides first.
            return Ok(Self { indexed: Vec::new(), read: [read, words.indexed].concat() });
        }
        Ok(Self { read, ..words })
    }

    fn is_empty(&self) -> bool {
        self.indexed.is_empty() && self.read.is_empty()
    }
}

fn matching(query: &LibraryQuery, words: &Words<'_>) -> Matching {
    let (mut only, mut values) = on_shelf(query.at.as_ref().unwrap_or(&ShelfPath::default()), "media");
    let mut from = String::new();
    let mut id = "media.id";
    if !words.indexed.is_empty() {
        // Each word in quotes: nothing that is typed is an operator.
        let quoted: Vec<_> =
            words.indexed.iter().map(|word| format!("\"{}\"", word.replace('"', "\"\""))).collect();
        only.push_str(" AND media_text MATCH ?");
        values.push(Value::Text(quoted.join(" AND ")));
        from.push_str("media_text CROSS JOIN ");
        // The index hands its finds out in this order: nothing is sorted.
        id = "media_text.rowid";
    }
    if !words.read.is_empty() {
        from.push_str("media_words CROSS JOIN ");
        for word in &words.read {
            only.push_str(" AND instr(media_words.words, ?)");
            values.push(Value::Text((*word).to_owned()));
        }
        if id == "media.id" {
            id = "media_words.id";
        } else {
            only.push_str(" AND media_words.id = media_text.rowid");
        }
    }
    from.push_str("media");
    if id != "media.id" {
        only = format!("{only} AND media.id = {id}");
    } else if query.missing && query.at.is_none() {
        // What is missing is little, whatever it is sorted by.
        from.push_str(" INDEXED BY media_missing");
    }
    if query.missing {
        only.push_str(" AND media.missing IS NOT NULL");
    }
    if query.duplicates {
        only.push_str(
            " AND media.missing IS NULL AND media.hash IN
                (SELECT hash FROM media WHERE hash IS NOT NULL AND missing IS NULL GROUP BY hash
                    HAVING min(inode) <> max(inode) OR min(device) <> max(device))",
        );
    }
    Matching { from, only, values, id }
}

/// The whole question, for one row more than the limit.
fn select(query: &LibraryQuery, matching: Matching, limit: u32) -> (String, Vec<Value>) {
    let Matching { from, only, values, id } = matching;
    let down = if query.descending { " DESC" } else { "" };
    let by = |column: &str| format!("media.{column} COLLATE NOCASE");
    let (artist, album, title) = (by("album_artist"), by("album"), by("title"));
    let order = match query.sort {
        // What is the same stands together.
        MediaSort::Shelf if query.duplicates => "media.hash, media.id".into(),
        MediaSort::Shelf => {
            format!("{artist}{down}, {album}{down}, disc{down}, track{down}, {title}{down}, media.id{down}")
        }
        MediaSort::Title => format!("{title}{down}, media.id"),
        MediaSort::Artist => format!("{}{down}, {album}, disc, track, media.id", by("artist")),
        MediaSort::Album => format!("{album}{down}, disc, track, media.id"),
        MediaSort::Date => format!("date{down}, {album}, disc, track, media.id"),
        MediaSort::Duration => format!("duration{down}, media.id"),
        MediaSort::Size => format!("size{down}, media.id"),
        MediaSort::Added => format!("{id}{}", if query.descending { "" } else { " DESC" }),
    };
    // Only numbers are sorted; the rows of those that are wanted are read after.
    let sql = format!(
        "WITH page AS MATERIALIZED (SELECT media.id FROM {from} WHERE {only} ORDER BY {order} LIMIT {} OFFSET {})
         SELECT {ROW} FROM media WHERE id IN page ORDER BY {}",
        u64::from(limit) + 1,
        number(query.offset),
        order.replace(id, "media.id")
    );
    (sql, values)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::media::MediaKind;
    use crate::model::shelf::Arrangement;
    use crate::store::shelves::tests::{open, shelf};

    /// Fills a library with so many songs of ten on an album, as a scan would.
    fn fill(folder: &std::path::Path, songs: u32) {
        let filler = rusqlite::Connection::open(folder.join(crate::store::db::FILE)).unwrap();
        let sql = format!(
            "WITH RECURSIVE song (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM song WHERE n < {songs})
             INSERT INTO media SELECT n, '/m/' || n || '.flac', printf('%06d-song.flac', n), 1, n, 1000, 5, 0,
                'Song number ' || n || ' of the river', 'Artist ' || (n / 100), 'Artist ' || (n / 100),
                'Album ' || (n / 10), 'Genre ' || (n / 10 % 20), CASE n / 10 % 2 WHEN 0 THEN 'Shop ' || (n / 10 % 10) ELSE '' END,
                '2006', 1, n % 10, 200000, NULL, n, CASE n % 1000 WHEN 0 THEN 7 END, NULL, NULL, 'p' || n,
                CASE WHEN n % 5000 IN (1, 2) THEN 'h' || (n / 5000) END, NULL, NULL
             FROM song"
        );
        filler.execute_batch(&sql).unwrap();
        crate::store::library::reword_all(&filler).unwrap();
    }

    /// The bound for 100,000 entries: 50 ms for anything that somebody waits for. What counts is this thread's own time, so that nothing
    /// that runs beside it matters, and the best of a few tries; the work is `SQLite`'s, which is optimised in every build.
    #[test]
    fn a_hundred_thousand_entries_are_quick_to_see() {
        let (folder, db) = open();
        fill(folder.path(), 100_000);
        let slow = std::cell::RefCell::new(Vec::new());
        let used = || {
            let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
            Duration::new(time.tv_sec.cast_unsigned(), u32::try_from(time.tv_nsec).unwrap())
        };
        let time = |what: &str, work: &dyn Fn() -> usize| {
            let mut best = Duration::MAX;
            let mut count = 0;
            for _ in 0..5 {
                let begin = used();
                count = work();
                best = best.min(used().saturating_sub(begin));
            }
            if std::env::var_os("HAUL_TEST_TELL").is_some() {
                eprintln!("{what:40} {count:6} {best:?}");
            }
            if best.as_millis() >= 50 {
                slow.borrow_mut().push(format!("{what} took {best:?}"));
            }
            count
        };
        let node = |at: &ShelfPath| db.shelf(at).unwrap().len();
        assert_eq!(time("open", &|| node(&ShelfPath::default())), 1);
        time("stats", &|| usize::try_from(db.library_stats().unwrap().albums).unwrap());
        let music = ShelfPath { kind: Some(MediaKind::Music), ..ShelfPath::default() };
        assert_eq!(time("music", &|| node(&music)), 5);
        assert_eq!(time("artists", &|| node(&shelf(Arrangement::Artists, &[]))), 1001);
        assert_eq!(time("albums", &|| node(&shelf(Arrangement::Albums, &[]))), 10_001);
        assert_eq!(time("purchased", &|| node(&shelf(Arrangement::Purchased, &[]))), 5);
        assert_eq!(time("a shop", &|| node(&shelf(Arrangement::Purchased, &["Shop 4"]))), 1000);
        assert_eq!(time("genres", &|| node(&shelf(Arrangement::Genres, &[]))), 20);
        assert_eq!(time("a genre", &|| node(&shelf(Arrangement::Genres, &["Genre 3"]))), 500);
        let rows = |query: &LibraryQuery| db.media_rows(query).unwrap().rows.len();
        let page = LibraryQuery { limit: 300, ..LibraryQuery::default() };
        let album = shelf(Arrangement::Artists, &["Artist 77", "Album 777"]);
        assert_eq!(time("an album", &|| rows(&LibraryQuery { at: Some(album.clone()), ..page.clone() })), 10);
        assert_eq!(time("missing", &|| rows(&LibraryQuery { missing: true, ..page.clone() })), 100);
        assert_eq!(time("copies", &|| rows(&LibraryQuery { duplicates: true, ..page.clone() })), 40);
        for text in [
            "s",
            "so",
            "zq",
            "son",
            "song",
            "song river",
            "song 99",
            "song zq",
            "number 4242",
            "artist 77 album",
            "nothing",
        ] {
            for sort in [MediaSort::Shelf, MediaSort::Title, MediaSort::Added] {
                let query = LibraryQuery { text: text.into(), sort, quick: true, ..page.clone() };
                let found = time(&format!("{text} {sort:?}"), &|| rows(&query));
                assert_eq!(found == 0, ["zq", "song zq", "nothing"].contains(&text), "{text}: {found}");
            }
        }
        assert_eq!(slow.into_inner(), Vec::<String>::new());
    }
}
