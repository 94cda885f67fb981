//! The librarian: a thread that shelves finished media, looks through folders and finds what moved. It never holds a download up:
//! what is to be shelved is in the store, and what a kill interrupts is done after the next start.

mod compare;
mod scan;

use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::rewriting;
use crate::kernel::space;
use crate::library::{self, Reader, Rewriter, Room, Trouble};
use crate::model::id::DownloadId;
use crate::model::media::{FileFacts, Info, MediaFacts, MediaId, MediaRecord, ToShelve};
use crate::model::printable::printable;
use crate::model::settings::{EngineSettings, LibrarySettings};
use crate::model::shelf::ScanProgress;
use crate::model::time::UnixMs;
use crate::store::db::{Db, Durability};

/// Entries that are stored together.
const GROUP: usize = 200;
/// The longest that a read entry waits for others to be stored with it.
const HOLD_BACK: Duration = Duration::from_millis(500);
/// After so long without work the process that reads tags ends until it is needed again.
const REST: Duration = Duration::from_secs(30);
/// How often watched folders are looked through.
const WATCH_EVERY: Duration = Duration::from_secs(30);
/// How long what was finished is still shelved while the engine ends; the rest is done after the next start.
const LAST_WORK: Duration = Duration::from_secs(3);
/// Scans whose result is kept for whoever asks.
const MOST_SCANS: usize = 16;

/// Something for the librarian to do.
enum Job {
    Shelve(ToShelve),
    Scan(u64, Vec<PathBuf>),
    Cover(PathBuf, u32, oneshot::Sender<Result<Option<Vec<u8>>, Trouble>>),
    Settle(LibrarySettings),
}

/// What the engine hears of the librarian.
pub(super) enum News {
    /// Nothing is left to do.
    Quiet,
    /// A finished file has other bytes now: so many.
    Rewritten(DownloadId, u64, String),
    /// What is known of a file could not be written into it.
    Left(DownloadId, String),
    /// A finished file is as it will be.
    Shelved(DownloadId),
    /// The library is not what it was.
    Changed,
}

/// The librarian, as the engine sees it.
pub(super) struct Librarian {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    desk: Arc<Desk>,
}

/// What the engine may look at while the librarian works.
#[derive(Default)]
struct Desk {
    state: Mutex<Scans>,
}

#[derive(Default)]
struct Scans {
    last: u64,
    recent: VecDeque<ScanProgress>,
    /// Jobs that were given and are not done; each print that is to be compared is one.
    open: usize,
    /// Those of them that were not yet looked at.
    waiting: usize,
    ending_since: Option<Instant>,
}

impl Desk {
    fn with<T>(&self, act: impl FnOnce(&mut Scans) -> T) -> T {
        // Whoever panicked left numbers behind, nothing that could be half done.
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether there is something to do that was not yet looked at.
    fn has_more(&self) -> bool {
        self.with(|scans| scans.waiting > 0)
    }

    /// A job was taken up.
    fn took(&self) {
        self.with(|scans| scans.waiting = scans.waiting.saturating_sub(1));
    }

    fn is_ending(&self) -> bool {
        self.with(|scans| scans.ending_since.is_some())
    }

    /// Whether it is time to leave the rest to the next start.
    fn is_over(&self) -> bool {
        self.with(|scans| scans.ending_since.is_some_and(|since| since.elapsed() > LAST_WORK))
    }
}

impl Librarian {
    /// Starts the thread. Without a program that reads tags, files are shelved by their names.
    pub(super) fn start(
        db: Db,
        engine: &EngineSettings,
        settings: LibrarySettings,
        news: mpsc::UnboundedSender<News>,
    ) -> std::io::Result<Self> {
        let (jobs, incoming) = channel();
        let desk = Arc::<Desk>::default();
        let shared = Arc::clone(&desk);
        let (program, reserve) = (engine.tag_reader.clone(), engine.reserve);
        let thread = std::thread::Builder::new().name("librarian".into()).spawn(move || {
            let work = Work { settings, reserve, ..Work::new(db, program, news, shared) };
            work.all(&incoming);
        })?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread), desk })
    }

    /// Shelves a finished file.
    pub(super) fn shelve(&self, file: ToShelve) {
        self.give(Job::Shelve(file));
    }

    /// Begins a scan: of folders, or of all that is known.
    pub(super) fn scan(&self, folders: Vec<PathBuf>) -> ScanProgress {
        let begun = self.desk.with(|scans| {
            // Numbers of another agent's scans mean nothing here.
            if scans.last == 0 {
                scans.last = u64::from(uuid::Uuid::new_v4().as_fields().0);
            }
            scans.last += 1;
            let begun = ScanProgress { scan: scans.last, ..ScanProgress::default() };
            scans.recent.push_back(begun.clone());
            // One that still waits is somebody's to ask about.
            let ended = scans.recent.iter().position(|scan| scan.done);
            if let Some(ended) = ended.filter(|_| scans.recent.len() > MOST_SCANS) {
                scans.recent.remove(ended);
            }
            begun
        });
        self.give(Job::Scan(begun.scan, folders));
        begun
    }

    /// Takes other settings over.
    pub(super) fn settle(&self, settings: LibrarySettings) {
        self.give(Job::Settle(settings));
    }

    /// Whether nothing is left to do.
    pub(super) fn is_quiet(&self) -> bool {
        self.desk.with(|scans| scans.open == 0)
    }

    /// How far a scan is.
    pub(super) fn scan_state(&self, number: u64) -> Option<ScanProgress> {
        self.desk.with(|scans| scans.recent.iter().find(|scan| scan.scan == number).cloned())
    }

    /// Takes the cover out of a file.
    pub(super) fn cover(
        &self,
        path: PathBuf,
        side: u32,
    ) -> oneshot::Receiver<Result<Option<Vec<u8>>, Trouble>> {
        let (answer, coming) = oneshot::channel();
        self.give(Job::Cover(path, side, answer));
        coming
    }

    fn give(&self, job: Job) {
        if let Some(jobs) = &self.jobs {
            self.desk.with(|scans| {
                scans.open += 1;
                scans.waiting += 1;
            });
            // A thread that is gone has lost nothing: what is to be shelved is in the store.
            let _ = jobs.send(job);
        }
    }
}

impl Drop for Librarian {
    /// Ends scans where they are, and waits a moment for what was finished to be shelved.
    fn drop(&mut self) {
        self.desk.with(|scans| scans.ending_since = Some(Instant::now()));
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
    }
}

/// The thread's own.
struct Work {
    db: Db,
    reader: Option<Reader>,
    rewriter: Option<Rewriter>,
    settings: LibrarySettings,
    /// Bytes of every disk that stay free, where that is configured.
    reserve: Option<u64>,
    /// When the watched folders are to be looked through again.
    watched: Option<Instant>,
    news: mpsc::UnboundedSender<News>,
    desk: Arc<Desk>,
    /// What was read and is not stored yet.
    shelved: Vec<MediaRecord>,
    done: Vec<DownloadId>,
    held_since: Option<Instant>,
    /// Why something could not be stored: the next scan that ends tells it.
    unstored: Option<String>,
    /// Samples of which there are several files, to be compared.
    to_compare: BTreeSet<String>,
    /// Whether what was left of that the last time was looked for.
    looked_back: bool,
}

impl Work {
    fn new(db: Db, program: Option<PathBuf>, news: mpsc::UnboundedSender<News>, desk: Arc<Desk>) -> Self {
        Self {
            db,
            rewriter: program.clone().map(Rewriter::new),
            reader: program.map(Reader::new),
            settings: LibrarySettings::default(),
            reserve: None,
            watched: None,
            news,
            desk,
            shelved: Vec::new(),
            done: Vec::new(),
            held_since: None,
            unstored: None,
            to_compare: BTreeSet::new(),
            looked_back: false,
        }
    }

    fn all(mut self, jobs: &Receiver<Job>) {
        let mut waiting: VecDeque<Job> = VecDeque::new();
        while !self.desk.is_over() {
            let next = match waiting.pop_front() {
                Some(job) => Some(job),
                None => match jobs.try_recv() {
                    Ok(job) => {
                        self.desk.took();
                        Some(job)
                    }
                    Err(TryRecvError::Disconnected) => break,
                    Err(TryRecvError::Empty) => {
                        self.store(Durability::Relaxed);
                        if !self.to_compare.is_empty() && !self.desk.is_ending() {
                            self.compare_all(&mut |work| work.between(jobs, &mut waiting));
                            continue;
                        }
                        match jobs.recv_timeout(self.patience()) {
                            Ok(job) => {
                                self.desk.took();
                                Some(job)
                            }
                            Err(RecvTimeoutError::Disconnected) => break,
                            Err(RecvTimeoutError::Timeout) => None,
                        }
                    }
                },
            };
            match next {
                None if self.is_watch_due() => self.watch(jobs, &mut waiting),
                None => {
                    self.reader.iter_mut().for_each(Reader::rest);
                    self.rewriter.iter_mut().for_each(Rewriter::rest);
                }
                // What somebody looks at and what was just finished goes before what is left of a scan.
                Some(Job::Scan(number, folders)) => {
                    self.look_back();
                    self.scan(number, &folders, &mut |work| work.between(jobs, &mut waiting));
                    self.is_done();
                }
                Some(small) => self.small(small),
            }
        }
        self.store(Durability::Durable);
    }

    /// Does what came while many files are looked at, but for what takes many itself.
    fn between(&mut self, jobs: &Receiver<Job>, waiting: &mut VecDeque<Job>) {
        while let Ok(job) = jobs.try_recv() {
            self.desk.took();
            match job {
                Job::Scan(..) => waiting.push_back(job),
                small => self.small(small),
            }
        }
    }

    /// A job is done.
    fn is_done(&mut self) {
        let open = self.desk.with(|scans| {
            scans.open = scans.open.saturating_sub(1);
            scans.open
        });
        if open == 0 {
            self.store(Durability::Relaxed);
            // An engine that is gone needs no news.
            let _ = self.news.send(News::Quiet);
        }
    }

    /// How long to wait for the next job.
    fn patience(&self) -> Duration {
        match self.watched {
            _ if self.settings.watch.is_empty() => REST,
            None => Duration::ZERO,
            Some(at) => at.saturating_duration_since(Instant::now()).min(REST),
        }
    }

    fn is_watch_due(&self) -> bool {
        !self.settings.watch.is_empty() && self.watched.is_none_or(|at| at <= Instant::now())
    }

    /// Looks through the watched folders. What takes long is done less often: it may cost a hundredth of the time.
    fn watch(&mut self, jobs: &Receiver<Job>, waiting: &mut VecDeque<Job>) {
        let begin = Instant::now();
        // What is away now comes back.
        let folders: Vec<_> = self.settings.watch.iter().filter(|folder| folder.is_dir()).cloned().collect();
        if !folders.is_empty() {
            self.scan(0, &folders, &mut |work| work.between(jobs, waiting));
        }
        let every = self.settings.watch_every.unwrap_or(WATCH_EVERY);
        self.watched = Some(Instant::now() + every.max(begin.elapsed() * 100));
    }

    /// Does what takes one file.
    fn small(&mut self, job: Job) {
        match job {
            Job::Settle(settings) => {
                self.watched = self.watched.filter(|_| settings.watch == self.settings.watch);
                self.settings = settings;
            }
            Job::Shelve(file) => {
                self.look_back();
                self.shelve(file);
            }
            Job::Cover(path, side, answer) => self.cover(&path, side, answer),
            // They take many.
            Job::Scan(..) => return,
        }
        self.is_done();
    }

    fn cover(&mut self, path: &Path, side: u32, answer: oneshot::Sender<Result<Option<Vec<u8>>, Trouble>>) {
        let found = match &mut self.reader {
            Some(reader) => reader.cover(path, side),
            None => Ok(None),
        };
        // Whoever no longer looks needs none.
        let _ = answer.send(found);
    }

    fn shelve(&mut self, to: ToShelve) {
        // What is gone or another file by now was moved or changed by somebody: a scan finds it where it is.
        if let Some(file) = library::look(&to.path) {
            let (mut facts, trouble) = self.read(&to.path, to.media_type.as_deref(), file);
            let is_wanted = self.settings.write_tags && trouble.is_none() && facts.kind.is_some();
            let desk = Arc::clone(&self.desk);
            let reserve = self.reserve;
            let room = Room { reserve: &|total| space::reserve(total, reserve), is_over: &|| desk.is_over() };
            if let (true, Some(rewriter), Some(reader)) = (is_wanted, &mut self.rewriter, &mut self.reader)
                && let Some(news) = rewriting::rewrite(&self.db, rewriter, reader, &to, &mut facts, &room)
            {
                // An engine that is gone needs no news.
                let _ = self.news.send(news);
            }
            let record = MediaRecord {
                download: Some(to.download),
                source: Some(to.source),
                given: to.given,
                set_by: to.set_by,
                ..record(library::true_path(&to.path), facts, trouble)
            };
            self.keep(record);
        }
        // An engine that is gone needs no news.
        let _ = self.news.send(News::Shelved(to.download));
        self.done.push(to.download);
        self.store_if_due();
    }

    /// Reads a file; what can't be read is known by its name.
    fn read(
        &mut self,
        path: &Path,
        media_type: Option<&str>,
        file: FileFacts,
    ) -> (MediaFacts, Option<String>) {
        let read = match &mut self.reader {
            Some(reader) => reader.read(path, media_type),
            None => Err(Trouble::NoReader("there is none here".into())),
        };
        match read {
            Ok(facts) => (facts, None),
            Err(trouble) => {
                let facts = MediaFacts { file, ..library::by_name(path, media_type) };
                (facts, Some(printable(&trouble.to_string()).into_owned()))
            }
        }
    }

    fn keep(&mut self, record: MediaRecord) {
        if record.kind().is_some() {
            self.shelved.push(record);
        }
        self.held_since.get_or_insert_with(Instant::now);
    }

    fn store_if_due(&mut self) {
        let is_due = self.held_since.is_some_and(|since| since.elapsed() > HOLD_BACK);
        if is_due || self.shelved.len() >= GROUP || self.done.len() >= GROUP {
            self.store(Durability::Relaxed);
        }
    }

    fn store(&mut self, durability: Durability) {
        self.held_since = None;
        if self.shelved.is_empty() && self.done.is_empty() {
            return;
        }
        let shelved = std::mem::take(&mut self.shelved);
        let is_news = !shelved.is_empty();
        let prints: BTreeSet<String> = shelved
            .iter()
            .map(|record| record.facts.print.clone())
            .filter(|print| !print.is_empty())
            .collect();
        // What could not be stored is still to be shelved, or found by the next scan.
        match self.db.shelve(durability, shelved, std::mem::take(&mut self.done)).wait() {
            Ok(()) => {
                self.note_prints(prints);
                if is_news {
                    self.tell_changed();
                }
            }
            Err(error) => self.unstored = Some(error.text),
        }
    }

    fn tell_changed(&self) {
        // An engine that is gone needs no news.
        let _ = self.news.send(News::Changed);
    }
}

fn record(path: PathBuf, facts: MediaFacts, trouble: Option<String>) -> MediaRecord {
    MediaRecord {
        id: MediaId(0),
        path,
        facts,
        given: Info::new(),
        edited: Info::new(),
        edited_kind: None,
        added: now(),
        missing: None,
        download: None,
        source: None,
        hash: None,
        trouble,
        set_by: None,
    }
}

fn now() -> UnixMs {
    UnixMs::from(super::wall())
}
