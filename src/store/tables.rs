//! The library's schema, step by step: what is sorted and searched, who said what, the index of words, and the sums that the tree
//! shows.

/// The step that adds the library. `media` has what is sorted and searched, in narrow rows; `media_said` who said what, as
/// JSON; `shelves` the sums that the tree shows, kept by triggers, so that a tree over 100,000 files is one over their albums.
pub(super) const TABLES: &str = "
    CREATE TABLE media (
        id INTEGER PRIMARY KEY AUTOINCREMENT, path BLOB NOT NULL UNIQUE, name TEXT NOT NULL,
        device INTEGER NOT NULL, inode INTEGER NOT NULL, size INTEGER NOT NULL, modified INTEGER NOT NULL,
        kind INTEGER NOT NULL, title TEXT NOT NULL, artist TEXT NOT NULL, album_artist TEXT NOT NULL, album TEXT NOT NULL,
        genre TEXT NOT NULL, distributor TEXT NOT NULL, date TEXT NOT NULL, disc INTEGER, track INTEGER, duration INTEGER,
        edited_kind INTEGER, added INTEGER NOT NULL, missing INTEGER, download INTEGER, source TEXT, print TEXT NOT NULL,
        hash TEXT, trouble TEXT
    );
    CREATE INDEX media_order ON media (
        album_artist COLLATE NOCASE, album COLLATE NOCASE, disc, track, title COLLATE NOCASE, id
    );
    CREATE INDEX media_artist ON media (album_artist, album);
    CREATE INDEX media_album ON media (album);
    CREATE INDEX media_distributor ON media (distributor) WHERE distributor <> '';
    CREATE INDEX media_print ON media (print);
    CREATE INDEX media_hash ON media (hash) WHERE hash IS NOT NULL;
    CREATE INDEX media_missing ON media (missing) WHERE missing IS NOT NULL;
    CREATE TABLE media_said (id INTEGER PRIMARY KEY, read TEXT NOT NULL, given TEXT NOT NULL, edited TEXT NOT NULL);
    CREATE TABLE shelves (
        kind INTEGER NOT NULL, distributor TEXT NOT NULL, album_artist TEXT NOT NULL, album TEXT NOT NULL, genre TEXT NOT NULL,
        files INTEGER NOT NULL, size INTEGER NOT NULL, duration INTEGER NOT NULL, missing INTEGER NOT NULL,
        PRIMARY KEY (kind, distributor, album_artist, album, genre)
    ) WITHOUT ROWID;
    CREATE VIRTUAL TABLE media_text USING fts5 (
        title, artist, album_artist, album, genre, distributor, name,
        content = 'media', content_rowid = 'id', tokenize = 'trigram'
    );
    CREATE TRIGGER media_in AFTER INSERT ON media BEGIN
        INSERT INTO media_text (rowid, title, artist, album_artist, album, genre, distributor, name)
        VALUES (new.id, new.title, new.artist, new.album_artist, new.album, new.genre, new.distributor, new.name);
        INSERT INTO shelves VALUES (new.kind, new.distributor, new.album_artist, new.album, new.genre,
            1, new.size, coalesce(new.duration, 0), new.missing IS NOT NULL)
        ON CONFLICT DO UPDATE SET files = files + 1, size = size + excluded.size, duration = duration + excluded.duration,
            missing = missing + excluded.missing;
    END;
    CREATE TRIGGER media_out AFTER DELETE ON media BEGIN
        INSERT INTO media_text (media_text, rowid, title, artist, album_artist, album, genre, distributor, name)
        VALUES ('delete', old.id, old.title, old.artist, old.album_artist, old.album, old.genre, old.distributor, old.name);
        UPDATE shelves SET files = files - 1, size = size - old.size, duration = duration - coalesce(old.duration, 0),
            missing = missing - (old.missing IS NOT NULL)
        WHERE kind = old.kind AND distributor = old.distributor AND album_artist = old.album_artist AND album = old.album
            AND genre = old.genre;
        DELETE FROM shelves WHERE kind = old.kind AND distributor = old.distributor AND album_artist = old.album_artist
            AND album = old.album AND genre = old.genre AND files = 0;
        DELETE FROM media_said WHERE id = old.id;
    END;
    CREATE TRIGGER media_reworded AFTER UPDATE OF title, artist, album_artist, album, genre, distributor, name ON media BEGIN
        INSERT INTO media_text (media_text, rowid, title, artist, album_artist, album, genre, distributor, name)
        VALUES ('delete', old.id, old.title, old.artist, old.album_artist, old.album, old.genre, old.distributor, old.name);
        INSERT INTO media_text (rowid, title, artist, album_artist, album, genre, distributor, name)
        VALUES (new.id, new.title, new.artist, new.album_artist, new.album, new.genre, new.distributor, new.name);
    END;
    CREATE TRIGGER media_reshelved
    AFTER UPDATE OF kind, album_artist, album, genre, distributor, size, duration, missing ON media BEGIN
        UPDATE shelves SET files = files - 1, size = size - old.size, duration = duration - coalesce(old.duration, 0),
            missing = missing - (old.missing IS NOT NULL)
        WHERE kind = old.kind AND distributor = old.distributor AND album_artist = old.album_artist AND album = old.album
            AND genre = old.genre;
        DELETE FROM shelves WHERE kind = old.kind AND distributor = old.distributor AND album_artist = old.album_artist
            AND album = old.album AND genre = old.genre AND files = 0;
        INSERT INTO shelves VALUES (new.kind, new.distributor, new.album_artist, new.album, new.genre,
            1, new.size, coalesce(new.duration, 0), new.missing IS NOT NULL)
        ON CONFLICT DO UPDATE SET files = files + 1, size = size + excluded.size, duration = duration + excluded.duration,
            missing = missing + excluded.missing;
    END;
    CREATE TABLE to_shelve (
        download INTEGER PRIMARY KEY, path BLOB NOT NULL, media_type TEXT, given TEXT NOT NULL, source TEXT NOT NULL
    );
";

/// Takes what a row was off the sums of its shelves.
macro_rules! off {
    () => {
        "
        UPDATE shelves SET files = files - 1, size = size - old.size, duration = duration - coalesce(old.duration, 0),
            missing = missing - (old.missing IS NOT NULL)
        WHERE kind = old.kind AND distributor = old.distributor AND album_artist = old.album_artist AND album = old.album;
        DELETE FROM shelves WHERE kind = old.kind AND distributor = old.distributor AND album_artist = old.album_artist
            AND album = old.album AND files = 0;
        UPDATE genres SET files = files - 1, size = size - old.size, duration = duration - coalesce(old.duration, 0),
            missing = missing - (old.missing IS NOT NULL)
        WHERE kind = old.kind AND genre = old.genre AND album_artist = old.album_artist AND album = old.album;
        DELETE FROM genres WHERE kind = old.kind AND genre = old.genre AND album_artist = old.album_artist
            AND album = old.album AND files = 0;"
    };
}

/// Puts what a row is onto the sums of its shelves.
macro_rules! on {
    () => {
        "
        INSERT INTO shelves VALUES (new.kind, new.distributor, new.album_artist, new.album,
            1, new.size, coalesce(new.duration, 0), new.missing IS NOT NULL)
        ON CONFLICT DO UPDATE SET files = files + 1, size = size + excluded.size, duration = duration + excluded.duration,
            missing = missing + excluded.missing;
        INSERT INTO genres VALUES (new.kind, new.genre, new.album_artist, new.album,
            1, new.size, coalesce(new.duration, 0), new.missing IS NOT NULL)
        ON CONFLICT DO UPDATE SET files = files + 1, size = size + excluded.size, duration = duration + excluded.duration,
            missing = missing + excluded.missing;"
    };
}

/// Keeps all words of a row in one place.
macro_rules! words {
    () => {
        "
        INSERT INTO media_words VALUES (new.id, lower(new.title || ' ' || new.artist || ' ' || new.album_artist || ' ' ||
            new.album || ' ' || new.genre || ' ' || new.distributor || ' ' || new.name))
        ON CONFLICT (id) DO UPDATE SET words = excluded.words;"
    };
}

/// The step that keeps the sums of shelves apart from those of genres: in one table there was a row for each pair of an album and a
/// genre on it, and a tree over many files was one over nearly as many rows. Words that are
/// too short for the index are looked for in a narrow table. It also keeps which setting gave a distributor.
pub(super) const SHELVES: &str = concat!(
    "
    ALTER TABLE media ADD COLUMN set_by TEXT;
    ALTER TABLE to_shelve ADD COLUMN set_by TEXT;
    DROP TRIGGER media_in;
    DROP TRIGGER media_out;
    DROP TRIGGER media_reshelved;
    DROP TABLE shelves;
    CREATE TABLE shelves (
        kind INTEGER NOT NULL, distributor TEXT NOT NULL, album_artist TEXT NOT NULL, album TEXT NOT NULL,
        files INTEGER NOT NULL, size INTEGER NOT NULL, duration INTEGER NOT NULL, missing INTEGER NOT NULL,
        PRIMARY KEY (kind, distributor, album_artist, album)
    ) WITHOUT ROWID;
    CREATE TABLE genres (
        kind INTEGER NOT NULL, genre TEXT NOT NULL, album_artist TEXT NOT NULL, album TEXT NOT NULL,
        files INTEGER NOT NULL, size INTEGER NOT NULL, duration INTEGER NOT NULL, missing INTEGER NOT NULL,
        PRIMARY KEY (kind, genre, album_artist, album)
    ) WITHOUT ROWID;
    CREATE TABLE media_words (id INTEGER PRIMARY KEY, words TEXT NOT NULL);
    INSERT INTO media_words SELECT id, lower(title || ' ' || artist || ' ' || album_artist || ' ' || album || ' ' || genre || ' ' ||
        distributor || ' ' || name) FROM media;
    DROP TRIGGER media_reworded;
    CREATE TRIGGER media_reworded AFTER UPDATE OF title, artist, album_artist, album, genre, distributor, name ON media BEGIN
        INSERT INTO media_text (media_text, rowid, title, artist, album_artist, album, genre, distributor, name)
        VALUES ('delete', old.id, old.title, old.artist, old.album_artist, old.album, old.genre, old.distributor, old.name);
        INSERT INTO media_text (rowid, title, artist, album_artist, album, genre, distributor, name)
        VALUES (new.id, new.title, new.artist, new.album_artist, new.album, new.genre, new.distributor, new.name);",
    words!(),
    "
    END;
    INSERT INTO shelves SELECT kind, distributor, album_artist, album, count(*), sum(size), sum(coalesce(duration, 0)),
        sum(missing IS NOT NULL) FROM media GROUP BY 1, 2, 3, 4;
    INSERT INTO genres SELECT kind, genre, album_artist, album, count(*), sum(size), sum(coalesce(duration, 0)),
        sum(missing IS NOT NULL) FROM media GROUP BY 1, 2, 3, 4;
    CREATE TRIGGER media_in AFTER INSERT ON media BEGIN
        INSERT INTO media_text (rowid, title, artist, album_artist, album, genre, distributor, name)
        VALUES (new.id, new.title, new.artist, new.album_artist, new.album, new.genre, new.distributor, new.name);",
    words!(),
    on!(),
    "
    END;
    CREATE TRIGGER media_out AFTER DELETE ON media BEGIN
        INSERT INTO media_text (media_text, rowid, title, artist, album_artist, album, genre, distributor, name)
        VALUES ('delete', old.id, old.title, old.artist, old.album_artist, old.album, old.genre, old.distributor, old.name);
        DELETE FROM media_said WHERE id = old.id;
        DELETE FROM media_words WHERE id = old.id;",
    off!(),
    "
    END;
    CREATE TRIGGER media_counted AFTER UPDATE OF size, duration, missing ON media
    WHEN old.kind = new.kind AND old.distributor = new.distributor AND old.album_artist = new.album_artist
        AND old.album = new.album AND old.genre = new.genre
    BEGIN
        UPDATE shelves SET size = size + new.size - old.size,
            duration = duration + coalesce(new.duration, 0) - coalesce(old.duration, 0),
            missing = missing + (new.missing IS NOT NULL) - (old.missing IS NOT NULL)
        WHERE kind = new.kind AND distributor = new.distributor AND album_artist = new.album_artist AND album = new.album;
        UPDATE genres SET size = size + new.size - old.size,
            duration = duration + coalesce(new.duration, 0) - coalesce(old.duration, 0),
            missing = missing + (new.missing IS NOT NULL) - (old.missing IS NOT NULL)
        WHERE kind = new.kind AND genre = new.genre AND album_artist = new.album_artist AND album = new.album;
    END;
    CREATE TRIGGER media_reshelved AFTER UPDATE OF kind, album_artist, album, genre, distributor ON media
    WHEN old.kind <> new.kind OR old.distributor <> new.distributor OR old.album_artist <> new.album_artist
        OR old.album <> new.album OR old.genre <> new.genre
    BEGIN",
    off!(),
    on!(),
    "
    END;
"
);

/// The step that leaves the words of an entry to who writes it, who folds letters of every script, and notes the files that
/// scans leave alone.
pub(super) const FOLDED: &str = concat!(
    "
    DROP TRIGGER media_in;
    DROP TRIGGER media_reworded;
    CREATE TRIGGER media_in AFTER INSERT ON media BEGIN
        INSERT INTO media_text (rowid, title, artist, album_artist, album, genre, distributor, name)
        VALUES (new.id, new.title, new.artist, new.album_artist, new.album, new.genre, new.distributor, new.name);",
    on!(),
    "
    END;
    CREATE TRIGGER media_reworded AFTER UPDATE OF title, artist, album_artist, album, genre, distributor, name ON media BEGIN
        INSERT INTO media_text (media_text, rowid, title, artist, album_artist, album, genre, distributor, name)
        VALUES ('delete', old.id, old.title, old.artist, old.album_artist, old.album, old.genre, old.distributor, old.name);
        INSERT INTO media_text (rowid, title, artist, album_artist, album, genre, distributor, name)
        VALUES (new.id, new.title, new.artist, new.album_artist, new.album, new.genre, new.distributor, new.name);
    END;
    CREATE TABLE passed_over (
        path BLOB PRIMARY KEY, device INTEGER NOT NULL, inode INTEGER NOT NULL, size INTEGER NOT NULL, modified INTEGER NOT NULL
    ) WITHOUT ROWID;
"
);

/// The step that finds entries whose files are missing by their samples, and files that scans leave alone by what they are.
pub(super) const FOUND: &str = "
    CREATE INDEX media_gone ON media (print) WHERE missing IS NOT NULL;
    CREATE INDEX passed_over_file ON passed_over (inode);
";

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    #[test]
    fn a_library_of_before_keeps_its_shelves_and_its_words() {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(TABLES).unwrap();
        let songs = "
            INSERT INTO media (path, name, device, inode, size, modified, kind, title, artist, album_artist, album, genre,
                distributor, date, duration, added, missing, print)
            VALUES ('/a', 'a.mp3', 1, 1, 10, 0, 0, 'Delta', 'A', 'A', 'One', 'Rock', 'Shop', '', 5, 0, NULL, ''),
                ('/b', 'b.mp3', 1, 2, 20, 0, 0, 'Echo', 'A', 'A', 'One', 'Pop', 'Shop', '', NULL, 0, 7, '');";
        db.execute_batch(songs).unwrap();
        db.execute_batch(SHELVES).unwrap();
        let sums = |table: &str| -> Vec<(i64, i64, i64, i64)> {
            let sql = format!("SELECT files, size, duration, missing FROM {table} ORDER BY size");
            let mut statement = db.prepare(&sql).unwrap();
            let rows =
                statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)));
            rows.unwrap().collect::<Result<_, _>>().unwrap()
        };
        assert_eq!(sums("shelves"), [(2, 30, 5, 1)]);
        assert_eq!(sums("genres"), [(1, 10, 5, 0), (1, 20, 0, 1)]);
        let words = |sql: &str| -> String { db.query_row(sql, [], |row| row.get(0)).unwrap() };
        assert_eq!(words("SELECT words FROM media_words WHERE id = 1"), "delta a a one rock shop a.mp3");
        db.execute_batch("UPDATE media SET title = 'Foxtrot', size = 11, missing = 1 WHERE id = 1").unwrap();
        assert_eq!(words("SELECT words FROM media_words WHERE id = 1"), "foxtrot a a one rock shop a.mp3");
        assert_eq!(sums("shelves"), [(2, 31, 5, 2)]);
        db.execute_batch("UPDATE media SET genre = 'Pop', size = 12 WHERE id = 1").unwrap();
        assert_eq!((sums("shelves"), sums("genres")), (vec![(2, 32, 5, 2)], vec![(2, 32, 5, 2)]));
        db.execute_batch("DELETE FROM media").unwrap();
        assert_eq!((sums("shelves"), sums("genres")), (vec![], vec![]));
    }
}
