//! What all lanes of one running download share: the part, the coverage, and what is known of the file.
//!
//! Everything here lives on one transfer thread; nothing is locked. The note follows each write, the coverage is what counts.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, Version};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::super::polite::Ends;
use super::lane::LaneCell;
use super::order::{Answered, Copied, News, Order, What};
use super::source::Sources;
use crate::fetch::cookies::Jar;
use crate::fetch::error::{FetchError, Kind};
use crate::fetch::http::Http;
use crate::fetch::profile::Profile;
use crate::fetch::transport::{Answer, Ask, Body};
use crate::kernel::answer::Known;
use crate::kernel::limit::{self, Bucket};
use crate::model::coverage::Coverage;
use crate::model::heard::Heard;
use crate::model::id::Generation;
use crate::model::item::Mode;
use crate::model::range::{Asked, ByteRange};
use crate::model::record::{Checkpoint, SetAside};
use crate::model::validators::Validators;
use crate::store::error::{StoreError, StoreKind};
use crate::store::note::{NoteHeader, NoteWriter};
use crate::store::part::Part;

/// What steps aside lets the disk begin to take what it wrote each time so many bytes have come: of a disk's queue twice as much
/// is its own at most.
const WRITE_BACK: u64 = 4 << 20;

/// One download while it runs.
pub(super) struct Shared {
    pub(super) order: Order,
    pub(super) http: Rc<Http>,
    pub(super) profile: RefCell<Rc<Profile>>,
    jar: Rc<Jar>,
    /// Ends every wait for the network.
    pub(super) stop: CancellationToken,
    /// An address of this machine is gone: what was asked from it will not be answered.
    pub(super) moved: Notify,
    pub(super) mode: Cell<Mode>,
    pub(super) part: RefCell<Option<Arc<Part>>>,
    pub(super) note: RefCell<Option<NoteWriter>>,
    pub(super) coverage: RefCell<Coverage>,
    /// What a power cut can't take.
    pub(super) safe: RefCell<Arc<Coverage>>,
    pub(super) generation: Cell<Generation>,
    pub(super) size: Cell<Option<u64>>,
    /// Whether an answer was accepted for this generation, now or in an earlier run.
    pub(super) begun: Cell<bool>,
    pub(super) validators: RefCell<Validators>,
    pub(super) media_type: RefCell<Option<String>>,
    pub(super) final_url: RefCell<Option<Url>>,
    pub(super) set_aside: RefCell<Vec<SetAside>>,
    pub(super) name: RefCell<Option<String>>,
    /// What the first answer told, where all came with it: it is told with the end.
    pub(super) answered: RefCell<Option<Box<Answered>>>,
    pub(super) sources: Sources,
    pub(super) joined_on_samples: Cell<bool>,
    /// The validators under which samples agreed: answers with the same ones may join.
    pub(super) sampled: RefCell<Vec<Validators>>,
    /// Whether the source itself turned out to have another file than the sum is of.
    pub(super) has_left_source: Cell<bool>,
    pub(super) cap: Cell<u32>,
    /// Whether it takes its full share of the line; else the governor has its connections.
    pub(super) full_share: Cell<bool>,
    /// Whether one connection is all that is used: the servers behind one name disagree.
    pub(super) alone: Cell<bool>,
    /// Whether another connection was answered from another version: if ours comes back, the servers disagree.
    pub(super) doubt: Cell<bool>,
    /// The size of the file that there was no room for.
    pub(super) announced: Cell<Option<u64>>,
    /// How often bytes of this version were fetched again because their sum was wrong, in this run and those before it.
    pub(super) fetched_again: Cell<u32>,
    /// How far it may grow, as room was granted; 0 where it needed not ask.
    pub(super) granted: Cell<u64>,
    /// Buckets that its bytes pass, outermost first.
    limits: RefCell<Vec<Arc<Bucket>>>,
    /// They changed: whoever waits for them looks again.
    limited_anew: Notify,
    received: Cell<u64>,
    /// What the file has at least, in bytes, where its size is no longer known for sure.
    pub(super) at_least: Cell<u64>,
    written: Cell<u64>,
    /// Of these, what the disk has begun to take.
    written_back: Cell<u64>,
}

impl Shared {
    /// Takes up an order. The control channel is the caller's to read.
    pub(super) fn take_up(
        mut order: Order,
        http: Rc<Http>,
    ) -> (Rc<Self>, mpsc::UnboundedReceiver<super::order::Control>) {
        let (_, nobody) = mpsc::unbounded_channel();
        let control = std::mem::replace(&mut order.control, nobody);
        let profile = Rc::new(Profile::of(&order.source, &order.settings, order.engine.stall));
        let held = order.checkpoint.take();
        let sources = Sources::new(&order, held.as_deref());
        let checkpoint = held.as_deref().cloned().unwrap_or_default();
        order.held = held;
        let shared = Rc::new(Self {
            http,
            profile: RefCell::new(profile),
            jar: Rc::default(),
            stop: CancellationToken::new(),
            moved: Notify::new(),
            mode: Cell::new(order.mode),
            part: RefCell::new(None),
            note: RefCell::new(None),
            coverage: RefCell::new(Coverage::new()),
            safe: RefCell::new(Arc::new(checkpoint.safe)),
            generation: Cell::new(checkpoint.generation),
            size: Cell::new(checkpoint.size.or(order.extras.as_ref().and_then(|extras| extras.size))),
            begun: Cell::new(false),
            validators: RefCell::new(checkpoint.validators),
            media_type: RefCell::new(checkpoint.media_type),
            final_url: RefCell::new(checkpoint.final_url),
            set_aside: RefCell::new(checkpoint.set_aside),
            name: RefCell::new(None),
            answered: RefCell::new(None),
            sources,
            joined_on_samples: Cell::new(false),
            sampled: RefCell::default(),
            has_left_source: Cell::new(false),
            cap: Cell::new(order.connections.max(1)),
            full_share: Cell::new(order.full_share),
            alone: Cell::new(false),
            doubt: Cell::new(false),
            announced: Cell::new(None),
            fetched_again: Cell::new(checkpoint.fetched_again),
            granted: Cell::new(0),
            limits: RefCell::new(std::mem::take(&mut order.limits)),
            limited_anew: Notify::new(),
            received: Cell::new(0),
            at_least: Cell::new(checkpoint.at_least),
            written: Cell::new(0),
            written_back: Cell::new(0),
            order,
        });
        (shared, control)
    }

    /// The monotonic clock.
    #[expect(clippy::unused_self, reason = "one place to read the clock, should a test ever replace it")]
    pub(super) fn now(&self) -> Instant {
        Instant::now()
    }

    /// Asks a source for bytes. Ends at once when the download is stopped.
    pub(super) async fn ask(&self, url: Url, asked: Asked, fresh: bool) -> Result<Answer, FetchError> {
        self.ask_if(url, asked, fresh, HeaderMap::new()).await
    }

    pub(super) async fn ask_if(
        &self,
        url: Url,
        asked: Asked,
        fresh: bool,
        conditions: HeaderMap,
    ) -> Result<Answer, FetchError> {
        let (profile, jar) = (Rc::clone(&self.profile.borrow()), Rc::clone(&self.jar));
        let ask = Ask { url, asked, conditions, profile, jar, fresh };
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(FetchError::new(Kind::Stopped, "stopped")),
            () = self.moved.notified() => Err(self.moved_away()),
            answer = self.http.get(&ask) => answer,
        }
    }

    /// Reads on in a body that no lane has taken over. It too may be stopped, fall silent or lose its network.
    pub(super) async fn next_chunk(&self, body: &mut Body) -> Result<Option<Bytes>, FetchError> {
        let stall = self.order.engine.stall;
        let stopped = || FetchError::new(Kind::Stopped, "stopped");
        let chunk = tokio::select! {
            biased;
            () = self.stop.cancelled() => return Err(stopped()),
            () = self.moved.notified() => return Err(self.moved_away()),
            chunk = body.chunk() => chunk?,
            () = tokio::time::sleep(stall) => {
                let host = self.order.source.host_str().unwrap_or("the server");
                let text = format!("{host} has sent nothing for {} s", stall.as_secs().max(1));
                return Err(FetchError::new(Kind::Cut, text));
            }
        };
        // What is only looked at comes over the same line.
        if let Some(wait) = chunk.as_ref().and_then(|chunk| self.limit(self.now(), chunk.len())) {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(stopped()),
                _ = self.rest(wait) => {}
            }
        }
        Ok(chunk)
    }

    fn moved_away(&self) -> FetchError {
        let host = self.order.source.host_str().unwrap_or("the server");
        FetchError::new(Kind::Cut, format!("the network changed on the way to {host}"))
    }

    /// What an answer from a source is judged against.
    pub(super) fn known(&self, source: usize, url: &Url, asked_whole: bool) -> Known {
        let coverage = self.coverage.borrow();
        let validators =
            if source == 0 { Some(self.validators.borrow().clone()) } else { self.sources.heard(source) };
        let settings = &self.order.settings;
        Known {
            has_bytes: !coverage.is_empty(),
            begun: self.begun.get(),
            size: self.size.get(),
            have: if coverage.run_count() <= 1 { coverage.prefix() } else { 0 },
            // A mirror that was never heard is held to the size only: the checksum decides about its bytes.
            validators: validators.unwrap_or_default(),
            wants_page: settings.accept_html || is_page(&self.order),
            // What was killed before its first checkpoint has bytes of a file, and no more is known of them.
            gave_files: self.media_type.borrow().is_some()
                || self.order.host_gave_files
                || !coverage.is_empty(),
            at_source: *url == self.order.source || source > 0,
            asked_whole,
            conditional: false,
        }
    }

    /// Writes bytes to their place and notes them.
    pub(super) fn write(&self, offset: u64, data: &[u8]) -> Result<(), StoreError> {
        let Some(range) = ByteRange::of_len(offset, data.len() as u64) else { return Ok(()) };
        let part = self.part.borrow();
        let Some(part) = part.as_ref() else {
            return Err(StoreError::new(StoreKind::Gone, format!("{} has no part", self.order.name)));
        };
        part.write_at(offset, data)?;
        if !self.full_share.get() && self.written.get() >= self.written_back.get() + WRITE_BACK {
            part.write_back(crate::sys::write_back)?;
            self.written_back.set(self.written.get());
        }
        if self.mode.get() == Mode::Background {
            self.record(part, offset, data)?;
        }
        self.count_written(range);
        Ok(())
    }

    /// Counts bytes that are in the part.
    pub(super) fn count_written(&self, range: ByteRange) {
        let mut coverage = self.coverage.borrow_mut();
        coverage.insert(range);
        self.written.set(self.written.get() + range.len());
        self.order.live.show_bytes(coverage.len(), self.received.get());
    }

    /// The note begins with the second write: small files never have one.
    fn record(&self, part: &Part, offset: u64, data: &[u8]) -> Result<(), StoreError> {
        let mut note = self.note.borrow_mut();
        if note.is_none() {
            *note = Some(NoteWriter::new(part, self.header()));
        }
        match note.as_mut() {
            Some(note) => note.noted(offset, data),
            None => Ok(()),
        }
    }

    /// What the note says about the part.
    pub(super) fn header(&self) -> NoteHeader {
        NoteHeader {
            uuid: self.order.uuid,
            id: self.order.id,
            generation: self.generation.get(),
            source_url: crate::model::printable::mask_url(&self.order.source),
            size: self.size.get(),
            validators: self.validators.borrow().clone(),
            name: self.name.borrow().clone().unwrap_or_else(|| self.order.name.clone()),
            safe: Coverage::clone(&self.safe.borrow()),
        }
    }

    /// Counts bytes from the network.
    pub(super) fn received(&self, bytes: usize) {
        self.received.set(self.received.get() + bytes as u64);
    }

    /// Bytes from the network in this run.
    pub(super) fn received_so_far(&self) -> u64 {
        self.received.get()
    }

    /// Bytes put on disk in this run.
    pub(super) fn gained(&self) -> u64 {
        self.written.get()
    }

    /// The two ends of the connection that an answer came on.
    pub(super) fn ends(&self, answer: &Answer) -> Option<Ends> {
        let proxied = self.order.settings.proxy.is_some();
        let has_own_window = answer.version >= Version::HTTP_2;
        Some(Ends { local: answer.local?, remote: answer.remote?, proxied, has_own_window })
    }

    /// Puts a lane's connection under the governor, or takes it out, as the download's share wants it.
    pub(super) fn govern(&self, cell: &LaneCell) {
        let mut watched = cell.watched.borrow_mut();
        if self.full_share.get() {
            if let Some(watched) = watched.take() {
                watched.release();
            }
        } else if watched.is_none()
            && let (Some(polite), Some(ends)) = (&self.order.polite, cell.ends.get())
        {
            *watched = Some(Rc::new(polite.watch(self.order.id, ends)));
        }
    }

    /// How much of what came is taken at once, where a limit holds.
    pub(super) fn piece(&self) -> Option<usize> {
        let piece = limit::piece(&self.limits.borrow())?;
        Some(limit::part_of(piece, self.full_share.get(), self.order.live.connections()))
    }

    /// What a limit leaves each connection, in bytes a second, where one holds.
    pub(super) fn rate_each(&self) -> Option<u64> {
        let rate = limit::least(&self.limits.borrow())?;
        Some((rate / u64::from(self.order.live.connections().max(1))).max(1))
    }

    /// Pays for bytes: how long the limits hold them back.
    pub(super) fn limit(&self, now: Instant, bytes: usize) -> Option<Duration> {
        let wait = limit::wait(&self.limits.borrow(), now, bytes as u64);
        if wait.is_some() {
            self.order.live.show_limited();
        }
        wait
    }

    /// Takes other limits, at once.
    pub(super) fn set_limits(&self, limits: Vec<Arc<Bucket>>) {
        self.limits.replace(limits);
        self.limited_anew.notify_waiters();
    }

    /// Waits for a limit. False where the limits changed before the time was over.
    pub(super) async fn rest(&self, wait: Duration) -> bool {
        tokio::select! {
            () = self.limited_anew.notified() => false,
            () = tokio::time::sleep(wait) => true,
        }
    }

    /// Tells the engine.
    pub(super) fn tell(&self, what: What) {
        // Nobody listens any more only when the engine is gone, and then nobody needs to know.
        let _ = self.order.news.send(News { id: self.order.id, run: self.order.run, what });
    }

    /// What is on disk, as it would be checkpointed now.
    pub(super) fn checkpoint(&self) -> Box<Checkpoint> {
        let part = self.part.borrow();
        let (name, (device, inode)) = part
            .as_ref()
            .map_or_else(Default::default, |part| (part.file_name().to_owned(), part.identity()));
        Box::new(Checkpoint {
            generation: self.generation.get(),
            part: name,
            device,
            inode,
            safe: self.coverage.borrow().clone(),
            size: self.size.get(),
            at_least: self.at_least.get(),
            fetched_again: self.fetched_again.get(),
            validators: self.validators.borrow().clone(),
            final_url: self.final_url.borrow().clone(),
            media_type: self.media_type.borrow().clone(),
            set_aside: self.set_aside.borrow().clone(),
            moved_from: self.order.held.as_ref().and_then(|held| held.moved_from.clone()),
        })
    }

    /// A copy for a checkpoint, where there is a part that a later run finds again.
    pub(super) fn copy(&self) -> Option<Copied> {
        self.left().filter(|left| !left.part.is_unnamed())
    }

    /// What is left at the end, where there is a part.
    pub(super) fn left(&self) -> Option<Copied> {
        let part = Arc::clone(self.part.borrow().as_ref()?);
        Some(Copied { checkpoint: self.checkpoint(), part })
    }

    /// Shows the coverage and size as they are now.
    pub(super) fn show(&self) {
        self.order.live.show_size(self.size.get());
        self.order.live.show_bytes(self.coverage.borrow().len(), self.received.get());
    }

    /// Takes over the sum of the whole file that a later answer of the source is the first to promise. What mirrors promise is of
    /// their own file.
    pub(super) fn take_promise(&self, place: usize, heard: &Heard) {
        let mut validators = self.validators.borrow_mut();
        if place == 0 && validators.digest.is_none() {
            validators.digest.clone_from(&heard.validators.digest);
        }
    }

    /// Whether every byte is here.
    pub(super) fn is_whole(&self) -> bool {
        self.begun.get() && self.size.get().is_some_and(|size| self.coverage.borrow().is_whole(size))
    }
}

/// Whether what the user asked for looks like a web page.
fn is_page(order: &Order) -> bool {
    let page = |name: &str| {
        let extension = crate::model::file_name::extension(name).map(str::to_ascii_lowercase);
        matches!(extension.as_deref(), Some("html" | "htm" | "xhtml" | "php" | "asp" | "aspx" | "jsp"))
    };
    let last = order.source.path_segments().and_then(|mut segments| segments.next_back()).unwrap_or_default();
    last.is_empty() || page(last) || page(&order.name)
}

/// The wall clock.
pub(super) fn wall() -> SystemTime {
    SystemTime::now()
}
