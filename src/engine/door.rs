//! Who of the web pages is let in: what people decided, who asks just now, and who may stay until its last page is closed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};

use super::Engine;
use super::core::Core;
use crate::model::page::{DoorReply, DoorRequest, PageGrant, PageOrigin, PageRequest, Verdict};
use crate::model::request::{Refusal, RefusalKind};
use crate::model::time::UnixMs;
use crate::store::db::Ticket;

/// Origins that may ask at the same time.
const MOST_ASKING: usize = 16;
/// How long a question stands.
const ASK_FOR: Duration = Duration::from_mins(10);

/// The door's book.
pub(super) struct Door {
    decided: BTreeMap<PageOrigin, (Verdict, UnixMs)>,
    /// Connections of pages that were let in.
    pages: HashMap<PageOrigin, usize>,
    /// Since when those that were let in once have no page open.
    closed: HashMap<PageOrigin, Instant>,
    asking: Vec<Asking>,
    /// When the questions changed last, as a revision.
    changed: u64,
    verdicts: watch::Sender<u64>,
}

struct Asking {
    origin: PageOrigin,
    since: UnixMs,
    until: Instant,
    waiting: Vec<oneshot::Sender<bool>>,
}

/// What a page finds at the door.
pub enum Knock {
    /// It is let in.
    In,
    /// It never will be.
    Never,
    /// Somebody is asked; the answer says whether it is let in. None comes where nobody answers in time.
    Asked(oneshot::Receiver<bool>),
}

impl Door {
    pub(super) fn new(stored: Vec<(PageOrigin, Verdict, UnixMs)>) -> Self {
        Self {
            decided: stored.into_iter().map(|(origin, verdict, at)| (origin, (verdict, at))).collect(),
            pages: HashMap::new(),
            closed: HashMap::new(),
            asking: Vec::new(),
            changed: 0,
            verdicts: watch::Sender::new(0),
        }
    }

    /// All that ask, where that changed after a revision.
    pub(super) fn asking_since(&self, since: u64) -> Option<Vec<PageRequest>> {
        let is_news = self.changed > since || (since == 0 && !self.asking.is_empty());
        is_news.then(|| self.requests())
    }

    fn requests(&self) -> Vec<PageRequest> {
        let shown = |asking: &Asking| PageRequest { origin: asking.origin.clone(), since: asking.since };
        self.asking.iter().map(shown).collect()
    }
}

impl Engine {
    /// A page knocks.
    ///
    /// # Errors
    /// Too many ask already.
    pub fn knock(&self, origin: &PageOrigin) -> Result<Knock, Refusal> {
        let knock = self.core.borrow_mut().knock(origin, Instant::now());
        self.wake.notify_one();
        knock
    }

    /// Whether the pages of an origin are let in.
    pub fn lets_in(&self, origin: &PageOrigin) -> bool {
        self.core.borrow().lets_in(origin)
    }

    /// Changes whenever somebody decided something about pages.
    pub fn verdicts(&self) -> watch::Receiver<u64> {
        self.core.borrow().door.verdicts.subscribe()
    }

    /// A page that was let in has connected.
    pub fn page_came(&self, origin: &PageOrigin) {
        let door = &mut self.core.borrow_mut().door;
        *door.pages.entry(origin.clone()).or_default() += 1;
        door.closed.remove(origin);
    }

    /// A page that was let in is gone.
    pub fn page_left(&self, origin: &PageOrigin) {
        self.core.borrow_mut().page_left(origin, Instant::now());
        self.wake.notify_one();
    }

    pub(super) async fn answer_the_door(&self, request: DoorRequest) -> Result<DoorReply, Refusal> {
        let (reply, ticket) = self.core.borrow_mut().answer_the_door(request)?;
        super::stored(ticket).await?;
        Ok(reply)
    }
}

impl Core {
    fn verdict(&self, origin: &PageOrigin) -> Option<Verdict> {
        let decided = self.door.decided.get(origin).map(|(verdict, _)| *verdict);
        decided.or_else(|| self.config.door.origins.contains(origin).then_some(Verdict::Config))
    }

    pub(super) fn lets_in(&self, origin: &PageOrigin) -> bool {
        self.verdict(origin).is_some_and(Verdict::lets_in)
    }

    fn knock(&mut self, origin: &PageOrigin, now: Instant) -> Result<Knock, Refusal> {
        match self.verdict(origin) {
            Some(Verdict::Never) => return Ok(Knock::Never),
            Some(_) => return Ok(Knock::In),
            None => {}
        }
        let (answer, coming) = oneshot::channel();
        let asking = &mut self.door.asking;
        if let Some(known) = asking.iter_mut().find(|asking| asking.origin == *origin) {
            known.waiting.retain(|waiting| !waiting.is_closed());
            known.waiting.push(answer);
            return Ok(Knock::Asked(coming));
        }
        if asking.len() >= MOST_ASKING {
            // One whose page is closed makes room.
            let gone = asking.iter().position(|asking| asking.waiting.iter().all(oneshot::Sender::is_closed));
            let Some(gone) = gone else {
                let text = "too many web pages ask to be let in already";
                return Err(Refusal::new(RefusalKind::NotNow, text, "answer them, then ask again"));
            };
            asking.remove(gone);
        }
        asking.push(Asking {
            origin: origin.clone(),
            since: UnixMs::from(super::wall()),
            until: now + ASK_FOR,
            waiting: vec![answer],
        });
        tracing::info!("pages of {origin} ask to be let in");
        self.notice(format!("{origin} wants to add downloads: answer in haul, or with haul door requests"));
        self.touch_door();
        Ok(Knock::Asked(coming))
    }

    fn touch_door(&mut self) {
        self.revision += 1;
        self.door.changed = self.revision;
        self.newest.send_replace(self.revision);
    }

    fn page_left(&mut self, origin: &PageOrigin, now: Instant) {
        let Some(count) = self.door.pages.get_mut(origin) else { return };
        *count = count.saturating_sub(1);
        if *count == 0 {
            self.door.pages.remove(origin);
            if self.verdict(origin) == Some(Verdict::Once) {
                self.door.closed.insert(origin.clone(), now);
            }
        }
    }

    fn answer_the_door(&mut self, request: DoorRequest) -> Result<(DoorReply, Option<Ticket>), Refusal> {
        let ticket = match request {
            DoorRequest::Requests => return Ok((DoorReply::Requests(self.door.requests()), None)),
            DoorRequest::Grants => return Ok((DoorReply::Grants(self.grants()), None)),
            DoorRequest::Allow { origin, once: true } => self.decide(origin, Some(Verdict::Once)),
            DoorRequest::Allow { origin, once: false } => self.decide(origin, Some(Verdict::Always)),
            DoorRequest::Deny { origin } => self.decide(origin, Some(Verdict::Never)),
            DoorRequest::Revoke { origin } => match self.verdict(&origin) {
                Some(Verdict::Config) => {
                    let text = format!("{origin} is let in by the config");
                    let hint = "take it out of `door.origins` there, or `haul door deny` it";
                    return Err(Refusal::new(RefusalKind::NotNow, text, hint));
                }
                Some(_) => self.decide(origin, None),
                None => {
                    let text = format!("nothing was decided about {origin}");
                    return Err(Refusal::new(RefusalKind::NotFound, text, "`haul door grants` lists them"));
                }
            },
        };
        Ok((DoorReply::Done, ticket))
    }

    fn decide(&mut self, origin: PageOrigin, verdict: Option<Verdict>) -> Option<Ticket> {
        let at = UnixMs::from(super::wall());
        let had = self.door.decided.get(&origin).map(|(verdict, _)| *verdict);
        let is_stored = had.is_some_and(|had| had != Verdict::Once);
        tracing::info!("pages of {origin}: {}", verdict.map_or("must ask again", Verdict::word));
        match verdict {
            Some(verdict) => self.door.decided.insert(origin.clone(), (verdict, at)),
            None => self.door.decided.remove(&origin),
        };
        self.door.closed.remove(&origin);
        if verdict == Some(Verdict::Once) && !self.door.pages.contains_key(&origin) {
            // It has as long to come as a client to come back.
            self.door.closed.insert(origin.clone(), Instant::now());
        }
        if let Some(at) = self.door.asking.iter().position(|asking| asking.origin == origin) {
            let is_in = verdict.is_some_and(Verdict::lets_in);
            for waiting in self.door.asking.remove(at).waiting {
                // A page that is closed needs no answer.
                let _ = waiting.send(is_in);
            }
            self.touch_door();
        }
        self.door.verdicts.send_modify(|count| *count += 1);
        match verdict {
            Some(verdict @ (Verdict::Always | Verdict::Never)) => Some(self.db.put_page(origin, verdict, at)),
            _ => is_stored.then(|| self.db.remove_page(origin)),
        }
    }

    fn grants(&self) -> Vec<PageGrant> {
        let all: BTreeSet<&PageOrigin> = self.door.decided.keys().chain(&self.config.door.origins).collect();
        let shown = |origin: &PageOrigin| {
            let own = self.collections.values().filter(|record| record.page.as_ref() == Some(origin));
            Some(PageGrant {
                verdict: self.verdict(origin)?,
                at: self.door.decided.get(origin).map(|(_, at)| *at),
                collections: own.count() as u64,
                origin: origin.clone(),
            })
        };
        all.into_iter().filter_map(shown).collect()
    }

    /// Takes back questions that nobody answered and leave that was given once. Returns when the next one is due.
    pub(super) fn end_knocks(&mut self, now: Instant) -> Option<Instant> {
        let before = self.door.asking.len();
        self.door.asking.retain(|asking| asking.until > now);
        if self.door.asking.len() != before {
            self.touch_door();
        }
        let stay = self.settings.come_back;
        let over: Vec<PageOrigin> = self
            .door
            .closed
            .iter()
            .filter(|(_, since)| now.saturating_duration_since(**since) >= stay)
            .map(|(origin, _)| origin.clone())
            .collect();
        for origin in over {
            drop(self.decide(origin, None));
        }
        let asking = self.door.asking.iter().map(|asking| asking.until);
        asking.chain(self.door.closed.values().map(|since| *since + stay)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Started;
    use crate::model::settings::Settings;

    fn start(state: &std::path::Path) -> Started {
        let settings = Settings::default();
        let source = std::rc::Rc::new(std::cell::RefCell::new(settings.clone()));
        Engine::start(state, settings, source, false).unwrap()
    }

    fn origin(text: &str) -> PageOrigin {
        text.parse().unwrap()
    }

    #[tokio::test(flavor = "current_thread")]
    async fn who_asks_waits_until_somebody_decides_and_asks_once() {
        let folder = tempfile::tempdir().unwrap();
        let Started { engine, drive: _drive, .. } = start(folder.path());
        let shop = origin("https://shop.example");
        let Ok(Knock::Asked(first)) = engine.knock(&shop) else { panic!("not asked") };
        let Ok(Knock::Asked(second)) = engine.knock(&shop) else { panic!("not asked") };
        assert!(!engine.lets_in(&shop));
        let DoorReply::Requests(asking) = engine.answer_the_door(DoorRequest::Requests).await.unwrap() else {
            panic!("no requests")
        };
        assert_eq!(asking.len(), 1);
        let allow = DoorRequest::Allow { origin: shop.clone(), once: false };
        engine.answer_the_door(allow).await.unwrap();
        assert_eq!((first.await, second.await), (Ok(true), Ok(true)));
        assert!(engine.lets_in(&shop));
        assert!(matches!(engine.knock(&shop), Ok(Knock::In)));
        engine.answer_the_door(DoorRequest::Deny { origin: shop.clone() }).await.unwrap();
        assert!(matches!(engine.knock(&shop), Ok(Knock::Never)));
        engine.answer_the_door(DoorRequest::Revoke { origin: shop.clone() }).await.unwrap();
        assert!(matches!(engine.knock(&shop), Ok(Knock::Asked(_))));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_was_decided_for_good_outlives_the_engine_and_what_was_allowed_once_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let (always, once) = (origin("https://always.example"), origin("https://once.example"));
        let never = origin("https://never.example");
        let local = tokio::task::LocalSet::new();
        let Started { engine, drive, .. } = start(folder.path());
        local
            .run_until(async {
                let driving = tokio::task::spawn_local(drive);
                for (origin, once) in [(&always, false), (&once, true)] {
                    let allow = DoorRequest::Allow { origin: origin.clone(), once };
                    engine.answer_the_door(allow).await.unwrap();
                }
                engine.answer_the_door(DoorRequest::Deny { origin: never.clone() }).await.unwrap();
                assert!(engine.lets_in(&once));
                engine.stop();
                driving.await.unwrap();
            })
            .await;
        drop(engine);
        let Started { engine, drive: _drive, .. } = start(folder.path());
        assert!(engine.lets_in(&always));
        assert!(matches!(engine.knock(&once), Ok(Knock::Asked(_))));
        assert!(matches!(engine.knock(&never), Ok(Knock::Never)));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn leave_that_was_given_once_ends_when_its_last_page_has_been_closed_for_a_while() {
        let folder = tempfile::tempdir().unwrap();
        let Started { engine, drive: _drive, .. } = start(folder.path());
        let shop = origin("https://shop.example");
        engine.answer_the_door(DoorRequest::Allow { origin: shop.clone(), once: true }).await.unwrap();
        engine.page_came(&shop);
        engine.page_came(&shop);
        engine.page_left(&shop);
        let mut core = engine.core.borrow_mut();
        let (now, stay) = (Instant::now(), core.settings.come_back);
        assert_eq!(core.end_knocks(now + 2 * stay), None);
        assert!(core.lets_in(&shop));
        core.page_left(&shop, now);
        assert_eq!(core.end_knocks(now), Some(now + stay));
        assert_eq!(core.end_knocks(now + stay), None);
        assert!(!core.lets_in(&shop));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn questions_are_few_and_do_not_stand_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let Started { engine, drive: _drive, .. } = start(folder.path());
        let knock = |number: usize| engine.knock(&origin(&format!("https://p{number}.example")));
        let asked: Vec<_> = (0..MOST_ASKING).map(|number| knock(number).ok().unwrap()).collect();
        assert!(knock(99).is_err());
        drop(asked);
        assert!(knock(99).is_ok());
        let mut core = engine.core.borrow_mut();
        assert_eq!(core.door.asking.len(), MOST_ASKING);
        assert_eq!(core.end_knocks(Instant::now() + ASK_FOR), None);
        assert_eq!(core.door.requests(), []);
    }
}
