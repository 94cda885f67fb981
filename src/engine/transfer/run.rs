//! One run of a download: from taking up its part to its end, with as many lanes as help.

use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::{AbortHandle, Abortable, LocalBoxFuture};
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc;

use super::lane::{LaneCell, Stop, pump};
use super::open::Opened;
use super::order::{Control, Ended, Look, Order, Outcome, What};
use super::shared::{Shared, wall};
use super::trouble;
use super::verify::Verified;
use crate::fetch::error::{FetchError, Kind};
use crate::fetch::hear;
use crate::fetch::http::Http;
use crate::fetch::transport::Body;
use crate::kernel::answer::{Meaning, judge};
use crate::kernel::identity::can_prove;
use crate::kernel::plan::{Terms, Work, next_work};
use crate::kernel::ramp::Ramp;
use crate::kernel::renew::Renewal;
use crate::model::item::Mode;
use crate::model::range::{Asked, ByteRange};
use crate::store::note::NoteWriter;

/// How often the ramp and the stall clock look, while bytes come.
const LOOK: Duration = Duration::from_millis(100);
/// How long all of it is held back before all connections but one are closed.
const ASIDE: Duration = Duration::from_millis(300);
/// How often one run asks anew though nothing came of it.
const IN_VAIN: u32 = 8;
/// The least that is worth a request of its own where nothing is known of rates, in bytes.
const SMALLEST: u64 = 256 * 1024;
/// In order: how far ahead of the front a connection may fetch, in bytes.
const WINDOW: u64 = 4 << 20;

/// Carries out an order, and tells the engine how it ended.
pub(super) async fn carry(order: Order, http: Rc<Http>) {
    let (shared, control) = Shared::take_up(order, http);
    let how = match shared.take_part() {
        Ok(()) => Run::new(Rc::clone(&shared), control).go().await,
        Err(outcome) => outcome,
    };
    let ended = Ended {
        how,
        answered: shared.answered.take(),
        left: shared.left(),
        gained: shared.gained(),
        announced: shared.announced.get(),
        joined_on_samples: shared.joined_on_samples.get(),
        noted: shared.order.held.is_some()
            || shared.note.borrow().as_ref().is_some_and(NoteWriter::is_on_disk),
        name: shared.name.borrow().clone(),
    };
    shared.tell(What::Ended(Box::new(ended)));
}

type LaneEnd = (Rc<LaneCell>, Option<Verdict>);
type LaneFuture = LocalBoxFuture<'static, Result<LaneEnd, futures_util::future::Aborted>>;

/// Why a lane is over.
enum Verdict {
    Stopped(Stop),
    /// Its answer was not a plain join.
    Judged(Meaning),
}

/// The lanes of a run and what decides about them.
struct Run {
    shared: Rc<Shared>,
    control: mpsc::UnboundedReceiver<Control>,
    lanes: FuturesUnordered<LaneFuture>,
    cells: Vec<(Rc<LaneCell>, AbortHandle)>,
    ramp: Ramp,
    renewal: Renewal,
    opened: u32,
    first_byte: Duration,
    /// Since when the governor holds all of it back.
    aside_since: Option<Instant>,
    /// Whether the rest may be had on a new connection, of the other scheduling class.
    moving: Option<LocalBoxFuture<'static, bool>>,
}

/// What the loop does after an event.
enum Next {
    Go,
    Reopen,
    End(Outcome),
}

impl Run {
    fn new(shared: Rc<Shared>, control: mpsc::UnboundedReceiver<Control>) -> Self {
        let fixed = shared.order.settings.connections.map(|wanted| wanted.min(shared.order.connections));
        let fixed = fixed.or((shared.order.mode == Mode::RealTime).then_some(1));
        let ramp = Ramp::new(shared.now(), fixed);
        Self {
            shared,
            control,
            lanes: FuturesUnordered::new(),
            cells: Vec::new(),
            ramp,
            renewal: Renewal::default(),
            opened: 0,
            first_byte: Duration::ZERO,
            aside_since: None,
            moving: None,
        }
    }

    async fn go(mut self) -> Outcome {
        let mut in_vain = 0;
        loop {
            let before = self.shared.gained();
            let asked_at = self.shared.now();
            let opened = match self.open().await {
                Ok(opened) => opened,
                Err(outcome) => return outcome,
            };
            self.first_byte = self.shared.now().saturating_duration_since(asked_at);
            if let Opened::Lane(cell, body, first) = opened {
                self.start(cell, body, first);
                self.fill();
                match self.transfer().await {
                    Next::End(outcome) => return outcome,
                    Next::Reopen => {
                        self.drop_lanes();
                        in_vain = if self.shared.gained() > before { 0 } else { in_vain + 1 };
                        if in_vain >= IN_VAIN {
                            let text = "the server's answers bring no byte that is missing".to_owned();
                            return Outcome::Transient { text, after: None, host: None };
                        }
                        continue;
                    }
                    Next::Go => {}
                }
            }
            self.drop_lanes();
            match self.shared.verify().await {
                Ok(Verified::Good) => return Outcome::Whole,
                Ok(Verified::Again) => {}
                Err(outcome) => return outcome,
            }
        }
    }

    /// Waits for the first answer, and heeds the engine meanwhile.
    async fn open(&mut self) -> Result<Opened, Outcome> {
        let shared = Rc::clone(&self.shared);
        let mut opening = std::pin::pin!(shared.open());
        loop {
            tokio::select! {
                biased;
                control = self.control.recv() => match control {
                    None | Some(Control::Stop) => shared.stop.cancel(),
                    Some(other) => shared.heed(other),
                },
                opened = &mut opening => return opened,
            }
        }
    }

    async fn transfer(&mut self) -> Next {
        let mut look = tokio::time::interval_at((Instant::now() + LOOK).into(), LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let next = tokio::select! {
                biased;
                control = self.control.recv() => match control {
                    None | Some(Control::Stop) => Next::End(Outcome::Stopped),
                    Some(Control::FullShare(full)) => {
                        self.shared.full_share.set(full);
                        for (cell, _) in &self.cells {
                            self.shared.govern(cell);
                        }
                        self.fill();
                        self.move_over();
                        Next::Go
                    }
                    Some(Control::Look(answer)) => {
                        let coverage = self.shared.coverage.borrow().ranges().collect();
                        // Whoever asked may have gone; then nobody needs it.
                        let _ = answer.send(Look { coverage, lanes: self.ranges() });
                        Next::Go
                    }
                    Some(Control::AddressGone(address)) => self.leave_address(address),
                    Some(other) => {
                        let reopen = matches!(other, Control::SyncFailed(..));
                        self.shared.heed(other);
                        if reopen { Next::Reopen } else { Next::Go }
                    }
                },
                Some(ended) = self.lanes.next() => match ended {
                    Ok((cell, verdict)) => self.lane_ended(&cell, verdict),
                    Err(futures_util::future::Aborted) => Next::Go,
                },
                may = asked(&mut self.moving) => self.moved(may),
                _ = look.tick() => self.look(),
            };
            match next {
                Next::Go if self.shared.is_whole() => return Next::Go,
                Next::Go if self.cells.is_empty() => return Next::Reopen,
                Next::Go => {}
                other => return other,
            }
        }
    }

    /// Puts a body to work.
    fn start(&mut self, cell: Rc<LaneCell>, mut body: Body, first: Option<Bytes>) {
        let shared = Rc::clone(&self.shared);
        let lane = Rc::clone(&cell);
        self.push(cell, async move {
            let stop = pump(&shared, &lane, &mut body, first).await;
            (lane, Some(Verdict::Stopped(stop)))
        });
    }

    /// Opens one more connection for a range.
    fn ask_for(&mut self, range: ByteRange, victim: Option<Rc<LaneCell>>) {
        self.opened += 1;
        let place = self.shared.sources.pick(usize::try_from(self.opened).unwrap_or(0));
        let cell = LaneCell::new(range.start(), range.end(), place, self.shared.now());
        cell.victim.replace(victim);
        let (shared, lane) = (Rc::clone(&self.shared), Rc::clone(&cell));
        self.push(cell, async move {
            let verdict = fetch(&shared, &lane, range).await;
            (lane, Some(verdict))
        });
    }

    fn push(&mut self, cell: Rc<LaneCell>, work: impl Future<Output = LaneEnd> + 'static) {
        let (handle, registration) = AbortHandle::new_pair();
        self.cells.push((cell, handle));
        self.lanes.push(Box::pin(Abortable::new(work, registration)));
        self.shared.order.live.show_connections(self.cells.len());
    }

    fn drop_lanes(&mut self) {
        for (cell, handle) in self.cells.drain(..) {
            blame(&self.shared, &cell);
            handle.abort();
        }
        self.lanes.clear();
        self.shared.order.live.show_connections(0);
    }

    /// Gives work to as many connections as the ramp wants.
    fn fill(&mut self) {
        let shared = Rc::clone(&self.shared);
        let Some(size) = shared.size.get() else { return };
        let provable = can_prove(&shared.validators.borrow()) || shared.sources.has_mirrors();
        let several = provable && !shared.alone.get();
        let in_order = shared.mode.get() == Mode::RealTime || shared.order.settings.streamed;
        // While it steps aside one connection is enough for the trickle.
        let several = several && !self.steps_aside();
        let most = if several { shared.cap.get().min(self.ramp.target()) } else { 1 };
        while self.cells.len() < usize::try_from(most).unwrap_or(1) {
            let lanes: Vec<_> = self.cells.iter().map(|(cell, _)| cell.lane(&self.cells)).collect();
            let window = (in_order && most > 1).then_some(WINDOW);
            let terms = Terms { smallest: SMALLEST, first_byte: self.first_byte, window };
            let work = next_work(size, &shared.coverage.borrow(), &lanes, terms);
            match work {
                Some(Work::Gap(range)) => self.ask_for(range, None),
                Some(Work::Steal { from, range }) => {
                    let victim = self.cells.get(from).map(|(cell, _)| Rc::clone(cell));
                    self.ask_for(range, victim);
                }
                None => break,
            }
        }
    }

    /// Ten times a second: more connections where they help, and new ones for those that fell silent.
    fn look(&mut self) -> Next {
        let shared = Rc::clone(&self.shared);
        let now = shared.now();
        let stall = shared.order.engine.stall;
        let silent =
            |cell: &LaneCell| !cell.held.get() && now.saturating_duration_since(cell.heard.get()) >= stall;
        let before = self.cells.len();
        self.cells.retain(|(cell, handle)| {
            if silent(cell) {
                handle.abort();
                blame(&shared, cell);
            }
            !silent(cell)
        });
        if self.cells.is_empty() {
            let host = shared.order.source.host_str().unwrap_or("the server");
            let text = format!("{host} has sent nothing for {} s", stall.as_secs().max(1));
            return Next::End(Outcome::Transient { text, after: None, host: None });
        }
        if self.cells.len() < before {
            shared.tell(What::Remark("a silent connection was replaced".into()));
        }
        if let Err(outcome) = shared.check_growth() {
            return Next::End(outcome);
        }
        for (cell, _) in &self.cells {
            cell.measure(now);
        }
        self.step_aside(now);
        if let Some(size) = shared.size.get().filter(|_| !self.steps_aside()) {
            let left = size.saturating_sub(shared.coverage.borrow().len());
            let active = self.cells.iter().filter(|(cell, _)| cell.answered.get()).count();
            let active = u32::try_from(active).unwrap_or(u32::MAX);
            self.ramp.observe(now, shared.received_so_far(), active, left, shared.cap.get(), self.first_byte);
            self.renew(now, left);
        }
        self.fill();
        Next::Go
    }

    /// A connection that losses have made slow makes way for a new one, where all of the line is ours to take.
    fn renew(&mut self, now: Instant, left: u64) {
        let is_held = !self.shared.full_share.get() || self.shared.piece().is_some();
        if is_held || self.shared.sources.has_mirrors() {
            return;
        }
        let seen: Vec<_> = self.cells.iter().map(|(cell, _)| cell.seen(now)).collect();
        if let Some(slow) = self.renewal.observe(now, &seen, left, self.first_byte) {
            let (cell, handle) = self.cells.remove(slow);
            blame(&self.shared, &cell);
            handle.abort();
        }
    }

    /// Connections from an address that is gone are dead, whatever they say.
    fn leave_address(&mut self, address: IpAddr) -> Next {
        self.shared.moved.notify_waiters();
        let shared = Rc::clone(&self.shared);
        let before = self.cells.len();
        self.cells.retain(|(cell, handle)| {
            let is_dead = cell.local.get() == Some(address);
            if is_dead {
                handle.abort();
                blame(&shared, cell);
            }
            !is_dead
        });
        if self.cells.is_empty() {
            let text = format!("the address {address} of this machine is gone");
            return Next::End(Outcome::Transient { text, after: None, host: None });
        }
        if self.cells.len() < before {
            self.fill();
        }
        Next::Go
    }

    /// A connection lives and dies on the thread that opened it. To go on in the other class the source must give the rest
    /// to a new one; until that is known the old one stays.
    fn move_over(&mut self) {
        self.moving = None;
        let shared = &self.shared;
        if shared.full_share.get() != shared.order.full_share && !shared.order.settings.streamed {
            self.moving = Some(Box::pin(may_resume(Rc::clone(shared))));
        }
    }

    /// The new connection's answer is judged: the run ends here, and begins again on the other thread.
    fn moved(&mut self, may: bool) -> Next {
        self.moving = None;
        if may {
            return Next::End(Outcome::Stopped);
        }
        let text = "its source can't be asked for the rest: it keeps its connection and its scheduling class";
        self.shared.tell(What::Remark(text.into()));
        Next::Go
    }

    /// Whether the governor holds all of it back.
    fn steps_aside(&self) -> bool {
        !self.cells.is_empty() && self.cells.iter().all(|(cell, _)| cell.steps_aside())
    }

    /// Who steps aside for more than a moment keeps one connection: the kernel would go on filling the others' buffers.
    fn step_aside(&mut self, now: Instant) {
        if !self.steps_aside() {
            self.aside_since = None;
            return;
        }
        let since = *self.aside_since.get_or_insert(now);
        if self.cells.len() > 1 && now.saturating_duration_since(since) >= ASIDE {
            for (cell, handle) in self.cells.drain(1..) {
                blame(&self.shared, &cell);
                handle.abort();
            }
            self.shared.order.live.show_connections(1);
        }
    }

    fn lane_ended(&mut self, cell: &Rc<LaneCell>, verdict: Option<Verdict>) -> Next {
        blame(&self.shared, cell);
        self.cells.retain(|(other, _)| !Rc::ptr_eq(other, cell));
        let alone = self.cells.is_empty();
        self.shared.order.live.show_connections(self.cells.len());
        match verdict {
            None | Some(Verdict::Stopped(Stop::Done)) => {}
            Some(Verdict::Stopped(Stop::BodyEnded)) => {
                let is_open = cell.end.get() == u64::MAX && cell.at.get() >= self.shared.at_least.get();
                if self.shared.size.get().is_none() && alone && is_open {
                    // A body without a length or a range ended cleanly: that is the file.
                    self.shared.size.set(Some(cell.at.get()));
                    self.shared.show();
                    return Next::Go;
                }
                if alone && cell.at.get() == cell.from {
                    let text = "the server ends its answers without a byte".to_owned();
                    return Next::End(Outcome::Transient { text, after: None, host: None });
                }
            }
            Some(Verdict::Stopped(Stop::Disk(error))) => {
                return Next::End(trouble::of_disk(&self.shared, &error));
            }
            Some(Verdict::Stopped(Stop::Cut(error))) => return self.cut(cell, &error, alone),
            Some(Verdict::Judged(meaning)) => return self.judged(cell, &meaning, alone),
        }
        self.fill();
        Next::Go
    }

    /// A connection broke. Others go on with its work; the last one ends the run, to wait and try again.
    fn cut(&mut self, cell: &LaneCell, error: &FetchError, alone: bool) -> Next {
        if error.kind == Kind::Stopped {
            return Next::End(Outcome::Stopped);
        }
        if self.shared.sources.drop_place(cell.place) {
            self.shared.tell(What::Remark(format!("{error}; goes on with another mirror")));
            self.fill();
            return Next::Go;
        }
        if alone {
            return Next::End(trouble::of_fetch(&self.shared, error));
        }
        self.shrink(cell);
        Next::Go
    }

    /// Another connection's answer was no plain join. While others are served nothing fails: this one is let go.
    fn judged(&mut self, cell: &LaneCell, meaning: &Meaning, alone: bool) -> Next {
        match meaning {
            // A mirror with another file says nothing about the source's.
            _ if cell.place > 0 && self.shared.sources.drop_place(cell.place) => {
                self.shared.tell(What::Remark("a mirror has another file, or none: it is dropped".into()));
                self.fill();
                return if self.cells.is_empty() { Next::Reopen } else { Next::Go };
            }
            Meaning::Changed => {
                self.shared.doubt.set(true);
                return Next::Reopen;
            }
            Meaning::Transient { crowded: true, .. } | Meaning::Refused(403) | Meaning::ViaSource(403)
                if !alone =>
            {
                self.shared.tell(What::Crowded);
            }
            _ if self.shared.sources.drop_place(cell.place) => {
                self.fill();
                return Next::Go;
            }
            _ => {}
        }
        if alone {
            return Next::Reopen;
        }
        self.shrink(cell);
        Next::Go
    }

    /// One connection fewer from now on, and half of what was asked for at most.
    fn shrink(&mut self, _lost: &LaneCell) {
        let left = u32::try_from(self.cells.len()).unwrap_or(1).max(1);
        self.shared.cap.set(self.shared.cap.get().min(left));
    }

    /// What is being fetched.
    fn ranges(&self) -> Vec<ByteRange> {
        let size = self.shared.size.get().unwrap_or(u64::MAX);
        self.cells
            .iter()
            .filter_map(|(cell, _)| ByteRange::new(cell.at.get(), cell.end.get().min(size)))
            .collect()
    }
}

/// Asks for a range on a connection of its own, and moves it into the file where the answer is a plain join.
async fn fetch(shared: &Rc<Shared>, cell: &Rc<LaneCell>, range: ByteRange) -> Verdict {
    let url = shared.sources.url(cell.place).unwrap_or_else(|| shared.order.source.clone());
    let asked = Asked::From { start: range.start(), end: Some(cell.end.get().max(range.start() + 1)) };
    let mut answer = match shared.ask(url.clone(), asked, false).await {
        Ok(answer) => answer,
        Err(error) => return Verdict::Stopped(Stop::Cut(error)),
    };
    cell.ends.set(shared.ends(&answer));
    let heard = hear::hear(&answer, wall());
    cell.local.set(answer.local.map(|local| local.ip()));
    match judge(asked, &heard, &shared.known(cell.place, &url, true)) {
        // A mirror's own tags prove nothing about the source's file: its size agrees, and a sum will tell about its bytes.
        Meaning::Join(got, _) | Meaning::Sample(got, Some(_)) if cell.place > 0 => {
            shared.sources.hear(cell.place, &heard.validators);
            shared.sources.set_url(cell.place, answer.final_url.clone());
            cell.end.set(cell.end.get().min(got.end()));
        }
        Meaning::Join(got, _) => {
            shared.sources.hear(cell.place, &heard.validators);
            shared.take_promise(cell.place, &heard);
            cell.end.set(cell.end.get().min(got.end()));
        }
        Meaning::Sample(got, _) if shared.is_sampled(&heard) => {
            cell.end.set(cell.end.get().min(got.end()));
        }
        other => return Verdict::Judged(other),
    }
    cell.takes_over();
    Verdict::Stopped(pump(shared, cell, &mut answer.body, None).await)
}

/// Asks a new connection for the next byte that is missing, and holds the answer to the rules of a join.
async fn may_resume(shared: Rc<Shared>) -> bool {
    let size = shared.size.get();
    let gap = size.and_then(|size| shared.coverage.borrow().gaps(size).next());
    let provable = can_prove(&shared.validators.borrow()) || !shared.sampled.borrow().is_empty();
    let (Some(gap), true, Some(url)) = (gap, provable, shared.sources.url(0)) else { return false };
    let asked = Asked::From { start: gap.end() - 1, end: Some(gap.end()) };
    let Ok(answer) = shared.ask(url.clone(), asked, false).await else { return false };
    let heard = hear::hear(&answer, wall());
    match judge(asked, &heard, &shared.known(0, &url, true)) {
        Meaning::Join(..) => true,
        Meaning::Sample(..) => shared.is_sampled(&heard),
        _ => false,
    }
}

/// The answer of a question, where one is open.
async fn asked(question: &mut Option<LocalBoxFuture<'static, bool>>) -> bool {
    match question {
        Some(question) => question.await,
        None => std::future::pending().await,
    }
}

/// Keeps who wrote what, where there are mirrors.
fn blame(shared: &Shared, cell: &LaneCell) {
    if let Some(range) = ByteRange::new(cell.from, cell.at.get()) {
        shared.sources.wrote(range, cell.place);
    }
}
