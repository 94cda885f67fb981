//! The database: one writer thread that groups what comes together into one transaction. SQLite, WAL, `synchronous=FULL`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::ffi::SQLITE_IOERR_SHMSIZE;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use tokio::sync::{oneshot, watch};

use super::error::{StoreError, StoreKind};
use super::lock::Hold;
use super::rows::{self, Loaded};
use super::spent::at_disk;
use crate::model::id::DownloadId;

/// The database's file in the state folder.
pub const FILE: &str = "haul.db";
/// Jobs that share one transaction at most.
const GROUP: usize = 4096;
/// The steps from an empty file to today's schema; `user_version` counts those that were taken.
const MIGRATIONS: [&str; 10] = ["
    CREATE TABLE settings (id INTEGER PRIMARY KEY, json TEXT NOT NULL UNIQUE);
    CREATE TABLE folders (id INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE);
    CREATE TABLE collections (
        id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, settings TEXT NOT NULL, held INTEGER NOT NULL
    );
    INSERT INTO collections VALUES (1, 'default', '{}', 0);
    CREATE TABLE downloads (
        id INTEGER PRIMARY KEY AUTOINCREMENT, uuid BLOB NOT NULL, collection INTEGER NOT NULL, place REAL NOT NULL,
        url TEXT NOT NULL, folder INTEGER NOT NULL, name TEXT NOT NULL, flags INTEGER NOT NULL, state INTEGER NOT NULL,
        state_json TEXT, added INTEGER NOT NULL, ended INTEGER, size INTEGER, attempts INTEGER NOT NULL,
        dry_since INTEGER, settings INTEGER NOT NULL, extras TEXT, checkpoint TEXT
    );
    CREATE TABLE intents (id INTEGER PRIMARY KEY, json TEXT NOT NULL);
    CREATE TABLE history (
        number INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, id INTEGER NOT NULL, name TEXT NOT NULL,
        what TEXT NOT NULL, text TEXT NOT NULL, place TEXT
    );
", super::tables::TABLES, super::hooks::TABLES, super::door::TABLES, super::facts::TABLES, super::tables::SHELVES, super::rewrites::TABLES,
    "ALTER TABLE history ADD COLUMN secs INTEGER;", super::tables::FOLDED, super::tables::FOUND];
/// The step since which the words of library entries are folded by haul itself.
const FOLDED_SINCE: u32 = 9;

/// Whether a commit must survive a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// It is synced before it is answered.
    Durable,
    /// It survives the end of the process, not a power cut.
    Relaxed,
}

/// Something to do within a transaction. It may run twice, where another job of its group failed.
pub(super) type Work = Box<dyn FnMut(&Connection) -> rusqlite::Result<()> + Send>;

struct Job {
    durability: Durability,
    work: Work,
    done: oneshot::Sender<Result<(), StoreError>>,
    /// The number of the insertion, where it is one.
    insertion: Option<u64>,
}

/// The answer to come of something that was given to the database.
#[must_use = "whether it was stored is known only from its ticket"]
pub struct Ticket(oneshot::Receiver<Result<(), StoreError>>);

impl Ticket {
    /// Waits for the commit, from async code.
    ///
    /// # Errors
    /// Nothing was stored.
    pub async fn done(self) -> Result<(), StoreError> {
        self.0.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Waits for the commit, from a plain thread.
    ///
    /// # Errors
    /// Nothing was stored.
    pub fn wait(self) -> Result<(), StoreError> {
        self.0.blocking_recv().unwrap_or_else(|_| Err(gone()))
    }
}

/// The insertions that were given to the database up to a moment.
#[derive(Clone, Debug)]
pub struct Insertions {
    last: u64,
    written: watch::Receiver<u64>,
}

impl Insertions {
    /// Waits until each of them is committed, or was refused: what is made on disk after that has a row.
    pub async fn done(mut self) {
        // A writer that is gone commits nothing more.
        let _ = self.written.wait_for(|written| *written >= self.last).await;
    }
}

fn gone() -> StoreError {
    StoreError::new(StoreKind::Other, "the store is closed")
}

/// The database, for its one engine. Cheap to clone; the last clone closes it.
#[derive(Clone)]
pub struct Db {
    inner: Arc<Inner>,
}

/// How questions reach the database.
enum Reader {
    /// Through one connection: a start asks many, and each connection reads the schema first.
    Kept(Option<Connection>),
    /// Through a connection for each: who waits long between questions holds nothing open.
    Passing,
}

struct Inner {
    reader: Mutex<Reader>,
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    path: PathBuf,
    stamps: AtomicU64,
    newest: Arc<Newest>,
    /// Insertions that were given so far.
    given: AtomicU64,
    /// Those that the writer has done with.
    written: watch::Receiver<u64>,
}

/// When something about a download was decided. What was decided first may reach the database last, because a part is synced in
/// between: it must not undo what was decided after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(u64);

/// The newest decisions about each download that were written in this run.
#[derive(Default)]
pub(super) struct Newest(Mutex<HashMap<(DownloadId, About), Stamp>>);

/// What a decision is about; each is written by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum About {
    /// The download: its state, its settings.
    Download,
    /// What is on disk of it.
    Checkpoint,
}

impl Newest {
    /// Whether a decision is to be written: nothing newer was.
    pub(super) fn takes(&self, id: DownloadId, about: About, stamp: Stamp) -> bool {
        let mut newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = newest.entry((id, about)).or_insert(stamp);
        *last = stamp.max(*last);
        *last == stamp
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Before the writer ends: the last connection that closes is the one that may clean up.
        *self.reader.get_mut().unwrap_or_else(PoisonError::into_inner) = Reader::Passing;
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
    }
}

/// What was found when the database was opened.
pub struct Opened {
    /// All that was stored.
    pub loaded: Loaded,
    /// Where a damaged database was set aside: downloads are to be rebuilt from their parts.
    pub damaged: Option<PathBuf>,
}

impl Db {
    /// Opens the database of a state folder, or makes it. A damaged one is set aside under a dated name. Nothing is committed where the
    /// hold on the store is lost.
    ///
    /// # Errors
    /// [`StoreKind::Newer`]: a newer haul made it; it stays untouched. Or it can't be read or written.
    pub fn open(state: &Path, date: &str, hold: Option<Hold>) -> Result<(Self, Opened), StoreError> {
        let path = state.join(FILE);
        let open = || -> Result<(Connection, Loaded), StoreError> {
            let connection = connect(&path)?;
            let loaded = rows::load(&connection).map_err(|error| sort("read", &path, &error))?;
            Ok((connection, loaded))
        };
        let (connection, loaded, damaged) = match open() {
            Ok((connection, loaded)) => (connection, loaded, None),
            Err(error) if error.kind == StoreKind::Damaged => {
                let aside = set_aside(&path, date)?;
                let (connection, loaded) = open()?;
                (connection, loaded, Some(aside))
            }
            Err(error) => return Err(error),
        };
        let (jobs, incoming) = mpsc::channel();
        let (tell, written) = watch::channel(0);
        let at = path.clone();
        let thread = std::thread::Builder::new()
            .name("store".into())
            .spawn(move || write_all(connection, &incoming, &tell, &at, hold.as_ref()))
            .map_err(|error| StoreError::io("can't start the thread of", path.display(), &error))?;
        let inner = Inner {
            reader: Mutex::new(Reader::Kept(None)),
            jobs: Some(jobs),
            thread: Some(thread),
            path,
            stamps: AtomicU64::default(),
            newest: Arc::default(),
            given: AtomicU64::default(),
            written,
        };
        Ok((Self { inner: Arc::new(inner) }, Opened { loaded, damaged }))
    }

    /// Returns the stamp of what is being decided just now.
    pub fn stamp(&self) -> Stamp {
        Stamp(self.inner.stamps.fetch_add(1, Ordering::Relaxed))
    }

    pub(super) fn newest(&self) -> Arc<Newest> {
        Arc::clone(&self.inner.newest)
    }

    /// Gives work to the writer. What is given at the same time is committed together.
    pub(super) fn write(&self, durability: Durability, work: Work) -> Ticket {
        self.give(durability, work, None)
    }

    /// Returns when all that was given so far is committed, or was refused.
    pub async fn settled(&self) {
        // A writer that is gone has nothing left to do.
        let _ = self.write(Durability::Relaxed, Box::new(|_| Ok(()))).done().await;
    }

    /// Gives an insertion to the writer. Only one thread may do so.
    pub(super) fn write_insertion(&self, work: Work) -> Ticket {
        let number = self.inner.given.fetch_add(1, Ordering::Relaxed) + 1;
        self.give(Durability::Durable, work, Some(number))
    }

    /// Returns the insertions that are not yet committed; none where all are.
    pub fn insertions(&self) -> Option<Insertions> {
        let last = self.inner.given.load(Ordering::Relaxed);
        let written = &self.inner.written;
        (*written.borrow() < last).then(|| Insertions { last, written: written.clone() })
    }

    fn give(&self, durability: Durability, work: Work, insertion: Option<u64>) -> Ticket {
        let (done, ticket) = oneshot::channel();
        let job = Job { durability, work, done, insertion };
        if let Some(jobs) = &self.inner.jobs {
            // A writer that is gone drops the job, and the ticket says so.
            let _ = jobs.send(job);
        }
        Ticket(ticket)
    }

    /// The start is over: questions are few from now on.
    pub fn has_started(&self) {
        *self.inner.reader.lock().unwrap_or_else(PoisonError::into_inner) = Reader::Passing;
    }

    /// Reads beside the writer, through a connection that isn't the writer's.
    ///
    /// # Errors
    /// It can't be read.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let mut reader = self.inner.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let passing;
        let connection = match &mut *reader {
            Reader::Kept(Some(kept)) => &*kept,
            Reader::Kept(none) => none.insert(self.connection()?),
            Reader::Passing => {
                drop(reader);
                passing = self.connection()?;
                &passing
            }
        };
        read(connection).map_err(|error| sort("read", &self.inner.path, &error))
    }

    /// Opens a connection for reading, for whoever reads more than once.
    pub(super) fn connection(&self) -> Result<Connection, StoreError> {
        let path = &self.inner.path;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Connection::open_with_flags(path, flags).map_err(|error| sort("open", path, &error))
    }
}

fn connect(path: &Path) -> Result<Connection, StoreError> {
    let fail = |error: &rusqlite::Error| sort("open", path, error);
    if !path.exists() {
        // Made here, so that nobody else can ever read it.
        use std::os::unix::fs::OpenOptionsExt;
        let made =
            std::fs::OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
        made.map_err(|error| StoreError::io("can't make the store", path.display(), &error))?;
    }
    if is_cut(path) {
        // SQLite would take it for a new one, and throw away what was written beside it.
        let text = format!("the store {} has lost its beginning", path.display());
        return Err(StoreError::new(StoreKind::Damaged, text));
    }
    let connection = Connection::open(path).map_err(|error| fail(&error))?;
    let setup = || -> rusqlite::Result<u32> {
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.set_prepared_statement_cache_capacity(64);
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_query_value(None, "user_version", |row| row.get(0))
    };
    let version = setup().map_err(|error| fail(&error))?;
    migrate(&connection, path, version)?;
    Ok(connection)
}

fn migrate(connection: &Connection, path: &Path, version: u32) -> Result<(), StoreError> {
    let known = u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX);
    if version > known {
        let text = format!(
            "the store {} was made by a newer haul (version {version}, this one knows {known})",
            path.display()
        );
        return Err(StoreError::new(StoreKind::Newer, text));
    }
    if version == known {
        return Ok(());
    }
    let fail = |error: &rusqlite::Error| sort("migrate", path, error);
    if version > 0 {
        let copy = path.with_extension(format!("db.before-v{known}"));
        connection
            .backup("main", &copy, None::<fn(rusqlite::backup::Progress)>)
            .map_err(|error| fail(&error))?;
    }
    let steps = MIGRATIONS.iter().skip(usize::try_from(version).unwrap_or(0)).copied().collect::<String>();
    let take = || -> rusqlite::Result<()> {
        let transaction = rusqlite::Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
        transaction.execute_batch(&format!("{steps} PRAGMA user_version = {known};"))?;
        if version < FOLDED_SINCE {
            super::library::reword_all(&transaction)?;
        }
        transaction.commit()
    };
    take().map_err(|error| fail(&error))
}

/// Whether a database is empty though something was written for it.
fn is_cut(path: &Path) -> bool {
    let length = |path: &Path| std::fs::metadata(path).map_or(0, |facts| facts.len());
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    length(path) == 0 && length(Path::new(&wal)) > 0
}

fn set_aside(path: &Path, date: &str) -> Result<PathBuf, StoreError> {
    let aside = path.with_extension(format!("db.damaged-{date}"));
    for (from, to) in [("", ""), ("-wal", "-wal"), ("-shm", "-shm")] {
        let with = |path: &Path, end: &str| {
            let mut name = path.as_os_str().to_owned();
            name.push(end);
            PathBuf::from(name)
        };
        let (from, to) = (with(path, from), with(&aside, to));
        if from.exists() {
            std::fs::rename(&from, &to).map_err(|error| {
                StoreError::io("can't set aside the damaged store", from.display(), &error)
            })?;
        }
    }
    Ok(aside)
}

/// The writer: takes what is there, commits it together, answers, and sleeps until more comes.
fn write_all(
    connection: Connection,
    incoming: &mpsc::Receiver<Job>,
    written: &watch::Sender<u64>,
    path: &Path,
    hold: Option<&Hold>,
) {
    let mut now = Durability::Durable;
    while let Ok(first) = incoming.recv() {
        let mut group = vec![first];
        while group.len() < GROUP
            && let Ok(job) = incoming.try_recv()
        {
            group.push(job);
        }
        let insertion = group.iter().filter_map(|job| job.insertion).max();
        let wanted = if group.iter().any(|job| job.durability == Durability::Durable) {
            Durability::Durable
        } else {
            Durability::Relaxed
        };
        let mut ready = hold.map_or(Ok(()), Hold::check);
        if ready.is_ok() && wanted != now {
            let level = if wanted == Durability::Durable { "FULL" } else { "NORMAL" };
            match connection.pragma_update(None, "synchronous", level) {
                Ok(()) => now = wanted,
                Err(error) => ready = Err(sort("write", path, &error)),
            }
        }
        if let Err(error) = ready {
            for job in group {
                // Whoever no longer waits needs no answer.
                let _ = job.done.send(Err(error.clone()));
            }
            if let Some(insertion) = insertion {
                written.send_replace(insertion);
            }
            continue;
        }
        match commit(&connection, &mut group) {
            Ok(()) => group.into_iter().for_each(|job| {
                let _ = job.done.send(Ok(()));
            }),
            // One of them spoilt it for all: each by itself, so that only that one fails.
            Err(_) => {
                for mut job in group {
                    let alone = commit(&connection, std::slice::from_mut(&mut job));
                    let _ = job.done.send(alone.map_err(|error| sort("write", path, &error)));
                }
            }
        }
        if let Some(insertion) = insertion {
            written.send_replace(insertion);
        }
    }
    // Closing checkpoints the WAL; what could not be is still in it.
    let _ = connection.close();
}

fn commit(connection: &Connection, group: &mut [Job]) -> rusqlite::Result<()> {
    let transaction = connection.unchecked_transaction()?;
    for job in group {
        (job.work)(&transaction)?;
    }
    at_disk(|| transaction.commit())
}

fn sort(what: &str, path: &Path, error: &rusqlite::Error) -> StoreError {
    // What readers and writers share lies beside the database, and SQLite has no better word where there is no room for it.
    if error.sqlite_error().is_some_and(|error| error.extended_code == SQLITE_IOERR_SHMSIZE) {
        let text = format!("can't {what} the store {}: no space left on its disk", path.display());
        return StoreError::new(StoreKind::Full, text);
    }
    let kind = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreKind::Full,
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => StoreKind::Refused,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreKind::Damaged,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreKind::Locked,
        _ => match error {
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::Utf8Error(..) => StoreKind::Damaged,
            // A file without the tables that its version promises.
            rusqlite::Error::SqliteFailure(_, Some(text)) if text.contains("no such") => StoreKind::Damaged,
            rusqlite::Error::SqlInputError { msg, .. } if msg.contains("no such") => StoreKind::Damaged,
            _ => StoreKind::Other,
        },
    };
    StoreError::new(kind, format!("can't {what} the store {}: {error}", path.display()))
}
