//! The first answer of a run: what it means decides whether old bytes are joined, compared, set aside, or begun anew.

use std::path::Path;
use std::rc::Rc;
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::FutureExt;
use http::HeaderMap;
use http::header::{HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH};

use super::lane::LaneCell;
use super::order::{Answered, Outcome, What};
use super::samples::Samples;
use super::shared::{Shared, wall};
use super::trouble;
use crate::fetch::error::FetchError;
use crate::fetch::transport::{Answer, Body};
use crate::fetch::{digest, hear, name};
use crate::kernel::answer::{Known, Meaning, judge, phrase};
use crate::model::coverage::Coverage;
use crate::model::heard::Heard;
use crate::model::item::{OnWeak, Taken};
use crate::model::range::{Asked, ByteRange};
use crate::model::record::Checkpoint;
use crate::model::state::{FailKind, WaitReason};
use crate::model::time::UnixMs;
use crate::store::part::Part;

/// How many versions, by their validators, samples are compared with in one run.
const MOST_SAMPLED: usize = 4;
/// Up to this size a file may come all at once, in bytes.
const SMALL: u64 = 64 * 1024;

/// What a run begins with.
pub(super) enum Opened {
    /// A lane with its body, and what was read of it already.
    Lane(Rc<LaneCell>, Body, Option<Bytes>),
    /// All bytes are here.
    Whole,
}

/// What was tried already in this run.
#[derive(Default)]
struct Tried {
    whole: bool,
    fresh: bool,
    other_places: usize,
}

impl Shared {
    /// Asks until an answer can be used, and prepares the part for it.
    pub(super) async fn open(self: &Rc<Self>) -> Result<Opened, Outcome> {
        let mut tried = Tried::default();
        loop {
            if self.is_whole() {
                return Ok(Opened::Whole);
            }
            let asked = if tried.whole { Asked::Whole } else { self.first_question() };
            let place = self.sources.pick(0);
            let url = self.sources.url(place).unwrap_or_else(|| self.order.source.clone());
            let conditions = self.conditions().await;
            let conditional = !conditions.is_empty();
            let answer = match self.ask_if(url.clone(), asked, tried.fresh, conditions).await {
                Ok(answer) => answer,
                Err(error) if error.is_the_places() && self.sources.drop_place(place) => {
                    self.tell(What::Remark(format!("{error}; goes on with another mirror")));
                    continue;
                }
                Err(error) => return Err(trouble::of_fetch(self, &error)),
            };
            // A part without a row would be nobody's after a kill. The answer took longer, nearly always.
            if let Some(unwritten) = self.order.unwritten.clone() {
                unwritten.done().await;
            }
            let mut heard = hear::hear(&answer, wall());
            heard.strange_host = self.is_strange(&answer);
            let known = Known { conditional, ..self.known(place, &url, tried.whole) };
            let meaning = judge(asked, &heard, &known);
            if matches!(heard.status, 200 | 206) && meaning != Meaning::LoginPage {
                self.heed_disagreement(&answer, &heard);
            }
            match meaning {
                // A mirror with another file says nothing about the source's.
                Meaning::Changed | Meaning::Compare(_) if place > 0 && self.sources.drop_place(place) => {}
                Meaning::Sample(range, total) if place > 0 && total.is_some() => {
                    return self.join(place, answer, &heard, range, total);
                }
                Meaning::Begin(Some(size)) | Meaning::BeginPart(_, Some(size))
                    if self.is_other_size(size) =>
                {
                    if !self.sources.drop_place(place) {
                        return Err(self.other_size(size));
                    }
                }
                Meaning::Begin(size) => return self.begin(place, answer, &heard, size, None),
                Meaning::BeginPart(range, total) => {
                    return self.begin(place, answer, &heard, total, Some(range));
                }
                // It sends what is here already, whatever is asked: asking on would never end.
                Meaning::Join(range, _) if self.coverage.borrow().has(range) => {
                    let text = "the server sends only what is here already".to_owned();
                    return Err(self.final_word(Meaning::Nonsense(text)));
                }
                Meaning::Join(range, total) => return self.join(place, answer, &heard, range, total),
                Meaning::Sample(range, total) => {
                    if self.is_sampled(&heard) {
                        return self.join(place, answer, &heard, range, total);
                    }
                    // Servers behind one name may each have a tag of their own; where no two answers agree, none proves anything.
                    if self.sampled.borrow().len() >= MOST_SAMPLED {
                        drop(answer);
                        self.changed(&heard).await?;
                        continue;
                    }
                    self.refuse_in_stream("there is no proof that the file is still the same one")?;
                    drop(answer);
                    if self.sample(&heard).await? {
                        continue;
                    }
                    if tried.whole {
                        let text = "the server gives no bytes to compare with what is here".to_owned();
                        return Err(self.final_word(Meaning::Nonsense(text)));
                    }
                    tried.whole = true;
                }
                Meaning::Changed => {
                    drop(answer);
                    self.changed(&heard).await?;
                    tried.whole = false;
                }
                Meaning::Compare(size) => return self.compare(answer, &heard, size).await,
                Meaning::AskWhole => tried.whole = true,
                Meaning::AlreadyWhole(size) => {
                    self.size.set(Some(size));
                    return Ok(Opened::Whole);
                }
                Meaning::Unchanged => return Err(Outcome::Unchanged),
                Meaning::Misdirected if !tried.fresh => tried.fresh = true,
                Meaning::ViaSource(_) => self.sources.set_url(place, self.order.source.clone()),
                Meaning::Gone(_)
                | Meaning::Refused(_)
                | Meaning::Nonsense(_)
                | Meaning::WebPage
                | Meaning::Encoded
                | Meaning::Transient { .. }
                    if tried.other_places < 64 && self.sources.drop_place(place) =>
                {
                    tried.other_places += 1;
                }
                other => return Err(self.final_word(other)),
            }
        }
    }

    /// Whether a size is another one than that which was announced with the request.
    pub(super) fn is_other_size(&self, size: u64) -> bool {
        self.order.extras.as_deref().and_then(|extras| extras.size).is_some_and(|wanted| wanted != size)
    }

    pub(super) fn other_size(&self, size: u64) -> Outcome {
        let wanted = self.order.extras.as_deref().and_then(|extras| extras.size).unwrap_or_default();
        trouble::fails(
            FailKind::Checksum,
            format!("the file has {size} bytes, but {wanted} were announced"),
            "check where the announcement comes from; retry fetches it from the first byte",
        )
    }

    /// Which bytes to ask for first: the first gap, to its end where more is known to follow.
    fn first_question(&self) -> Asked {
        let coverage = self.coverage.borrow();
        if coverage.is_empty() {
            return Asked::Whole;
        }
        match self.size.get() {
            Some(size) => match coverage.gaps(size).next() {
                Some(gap) => Asked::From { start: gap.start(), end: (gap.end() < size).then_some(gap.end()) },
                None => Asked::From { start: size, end: None },
            },
            None => Asked::From { start: coverage.prefix(), end: None },
        }
    }

    /// `--if-changed` asks with what was stored of the file that is here. Where that is not the file any more, or never was, there is
    /// nothing to ask with: it is fetched.
    async fn conditions(&self) -> HeaderMap {
        let mut conditions = HeaderMap::new();
        if self.order.settings.taken != Taken::IfChanged || !self.coverage.borrow().is_empty() {
            return conditions;
        }
        let Some(stored) = self.order.held.as_deref().filter(|stored| stored.inode == 0) else {
            return conditions;
        };
        let file = self.order.folder.join(&self.order.name);
        if !is_as_stored(&file, stored) || !self.has_the_given_sum(&file).await {
            return conditions;
        }
        let validators = &stored.validators;
        if let Some(value) = validators.etag.as_deref().and_then(|tag| HeaderValue::from_str(tag).ok()) {
            conditions.insert(IF_NONE_MATCH, value);
        } else if let Some(date) = validators.last_modified {
            let date = httpdate::fmt_http_date(SystemTime::from(date));
            conditions.extend(HeaderValue::from_str(&date).ok().map(|value| (IF_MODIFIED_SINCE, value)));
        }
        conditions
    }

    /// Whether a file has the checksum that was given, where one was.
    async fn has_the_given_sum(&self, file: &Path) -> bool {
        let given = self.order.extras.as_deref().and_then(|extras| extras.checksum.clone());
        let Some(given) = given else { return true };
        let (file, algorithm) = (file.to_owned(), given.algorithm());
        let sum = tokio::task::spawn_blocking(move || digest::of_file(&file, algorithm)).await;
        matches!(sum, Ok(Ok(sum)) if sum == given)
    }

    /// Whether samples agreed with what this answer is of.
    pub(super) fn is_sampled(&self, heard: &Heard) -> bool {
        self.sampled.borrow().contains(&undated(heard))
    }

    /// Whether an answer came from a host that this download was never led to.
    fn is_strange(&self, answer: &Answer) -> bool {
        let host = answer.final_url.host_str();
        let known = self.final_url.borrow();
        known.as_ref().is_some_and(|known| known.host_str() != host) && self.order.source.host_str() != host
    }

    /// The first bytes of a file: decides its name and makes the part.
    fn begin(
        self: &Rc<Self>,
        place: usize,
        mut answer: Answer,
        heard: &Heard,
        size: Option<u64>,
        range: Option<ByteRange>,
    ) -> Result<Opened, Outcome> {
        self.refuse_in_stream_restart()?;
        self.check_space(size)?;
        let place = self.sources.settle(place);
        let mut first = None;
        // What turns out to have another sum is kept, for people to look at.
        let has_sum = heard.validators.digest.is_some();
        if self.order.may_be_unnamed && !has_sum && range.is_none() && self.part.borrow().is_none() {
            first = at_once(&mut answer.body, size).map_err(|error| trouble::of_fetch(self, &error))?;
            if let Some(whole) = first.as_ref().filter(|first| Some(first.len() as u64) == size)
                && self.keep_unnamed(&answer, whole)?
            {
                self.adopt_answer(place, &answer, heard);
                self.size.set(size);
                self.begun.set(true);
                self.show();
                self.answered.replace(Some(Box::new(self.told_by(&answer, size))));
                return Ok(Opened::Whole);
            }
        }
        if self.part.borrow().is_none() {
            self.make_part(&answer)?;
        }
        self.coverage.replace(Coverage::new());
        self.adopt_answer(place, &answer, heard);
        self.size.set(size);
        self.begun.set(true);
        self.show();
        self.announce(&answer, size);
        if size == Some(0) {
            return Ok(Opened::Whole);
        }
        let end = range.map(ByteRange::end).or(size).unwrap_or(u64::MAX);
        let lane = LaneCell::new(0, end, place, self.now()).at_address(answer.local);
        lane.ends.set(self.ends(&answer));
        Ok(Opened::Lane(lane, answer.body, first))
    }

    /// Keeps a file that came whole with its answer, in a file without a name. False where that can't be had here.
    fn keep_unnamed(&self, answer: &Answer, whole: &Bytes) -> Result<bool, Outcome> {
        let (order, name) = (&self.order, self.decided_name(answer));
        let umask = order.settings.umask.unwrap_or(0o022);
        let Some(part) = Part::create_unnamed(&order.folder, &name, order.settings.taken, umask) else {
            return Ok(false);
        };
        part.write_at(0, whole).map_err(|error| trouble::of_disk(self, &error))?;
        self.received(whole.len());
        if let Some(range) = ByteRange::of_len(0, whole.len() as u64) {
            self.count_written(range);
        }
        self.part.replace(Some(std::sync::Arc::new(part)));
        self.name.replace(Some(name));
        Ok(true)
    }

    fn decided_name(&self, answer: &Answer) -> String {
        if self.order.name_is_final {
            self.order.name.clone()
        } else {
            name::decide(&self.order.source, &answer.final_url, &answer.headers)
        }
    }

    /// Bytes that belong to what is here already.
    fn join(
        self: &Rc<Self>,
        place: usize,
        answer: Answer,
        heard: &Heard,
        range: ByteRange,
        total: Option<u64>,
    ) -> Result<Opened, Outcome> {
        self.check_space(total.or(self.size.get()))?;
        if self.size.get().is_none() && total.is_some() {
            self.size.set(total);
        }
        if place == 0 {
            self.final_url.replace(Some(answer.final_url.clone()));
        }
        self.sources.hear(place, &heard.validators);
        self.take_promise(place, heard);
        self.sources.set_url(place, answer.final_url.clone());
        self.begun.set(true);
        self.show();
        self.announce(&answer, self.size.get());
        let end = self.coverage.borrow().gaps_within(range).next().map_or(range.end(), ByteRange::end);
        let lane = LaneCell::new(range.start(), end, place, self.now()).at_address(answer.local);
        lane.ends.set(self.ends(&answer));
        Ok(Opened::Lane(lane, answer.body, None))
    }

    /// Takes over what an answer says of the version that it begins.
    pub(super) fn adopt_answer(&self, place: usize, answer: &Answer, heard: &Heard) {
        self.validators.replace(heard.validators.clone());
        self.media_type.replace(heard.media_type.clone());
        self.final_url.replace(Some(answer.final_url.clone()));
        self.sources.set_url(place, answer.final_url.clone());
        self.sources.hear(place, &heard.validators);
    }

    /// Creates the part, beside a taken name under the next free number.
    pub(super) fn make_part(&self, answer: &Answer) -> Result<(), Outcome> {
        let (order, name) = (&self.order, self.decided_name(answer));
        let (part, name) = Part::create(&order.folder, &name, order.settings.taken, order.uuid)
            .map_err(|error| trouble::of_disk(self, &error))?;
        self.part.replace(Some(std::sync::Arc::new(part)));
        self.name.replace(Some(name));
        Ok(())
    }

    pub(super) fn announce(&self, answer: &Answer, size: Option<u64>) {
        self.tell(What::Answered(Box::new(self.told_by(answer, size))));
    }

    fn told_by(&self, answer: &Answer, size: Option<u64>) -> Answered {
        let name = self.name.borrow().clone().unwrap_or_else(|| self.order.name.clone());
        let remote = answer.remote.map(|address| address.to_string());
        Answered { name, size, remote, copy: self.copy() }
    }

    /// Compares samples where nothing proves that the file is the same. False where the server gives none: then only all of the file
    /// can tell.
    async fn sample(self: &Rc<Self>, heard: &Heard) -> Result<bool, Outcome> {
        if self.order.settings.on_weak == OnWeak::Restart {
            self.changed(heard).await?;
            return Ok(true);
        }
        match self.compare_samples(&heard.validators).await? {
            Samples::Agree => {
                self.sampled.borrow_mut().push(undated(heard));
                self.validators.replace(heard.validators.clone());
                self.joined_on_samples.set(true);
                let text = "nothing proves that the file is still the same; its samples agree, so it goes on";
                self.tell(What::Told("joined on samples", text.into()));
            }
            Samples::Differ => self.changed(heard).await?,
            Samples::Refused => return Ok(false),
        }
        Ok(true)
    }

    /// What was handed out can't be taken back: a stream never starts over.
    fn refuse_in_stream_restart(&self) -> Result<(), Outcome> {
        if self.coverage.borrow().is_empty() {
            Ok(())
        } else {
            self.refuse_in_stream("the server starts over")
        }
    }

    /// Ends a stream where a file would go on.
    pub(super) fn refuse_in_stream(&self, why: &str) -> Result<(), Outcome> {
        if self.order.settings.streamed && !self.coverage.borrow().is_empty() {
            let text = format!("{why}, and what was written out can't be taken back");
            return Err(trouble::fails(FailKind::NoProof, text, "get it into a file with -o instead"));
        }
        Ok(())
    }

    /// A meaning after which nothing more can be asked now.
    fn final_word(&self, meaning: Meaning) -> Outcome {
        let has_bytes = !self.coverage.borrow().is_empty();
        match meaning {
            Meaning::Transient { text, after, crowded } => {
                if crowded {
                    self.tell(What::Crowded);
                }
                let host = self.order.source.host_str().map(str::to_owned);
                Outcome::Transient { text, after, host: host.filter(|_| after.is_some()) }
            }
            Meaning::Misdirected => Outcome::Transient { text: phrase(421), after: None, host: None },
            // The link has just been good: it may be the server's count of connections, which lags behind.
            Meaning::Gone(status) | Meaning::Refused(status @ (401 | 403)) if self.gained() > 0 => {
                self.tell(What::Crowded);
                Outcome::Transient { text: phrase(status), after: None, host: None }
            }
            Meaning::Gone(_) | Meaning::Refused(401 | 403) if has_bytes => {
                Outcome::Waits(WaitReason::LinkExpired)
            }
            Meaning::Gone(status) => trouble::fails(
                FailKind::Gone,
                phrase(status),
                "check the address; a new link: haul refresh ID URL",
            ),
            Meaning::Refused(status @ 401) => {
                trouble::fails(FailKind::Refused, phrase(status), "give a name with --user, or --netrc")
            }
            Meaning::Refused(status) => trouble::fails(
                FailKind::Refused,
                phrase(status),
                match status {
                    402 => "buy it on its page, and bring the cookies with --cookies",
                    451 => "look for another address of the file",
                    _ => "it may want a login: bring its cookies with --cookies, or another link",
                },
            ),
            Meaning::LoginPage => Outcome::Waits(WaitReason::LoginPage),
            Meaning::WebPage => trouble::fails(
                FailKind::WebPage,
                "this is a web page, not a file",
                "open it in a browser and take the link to the file, or use --accept-html",
            ),
            Meaning::Encoded => trouble::fails(
                FailKind::Encoded,
                "the server compresses the file though that was refused",
                "the server's fault; try another address of the file",
            ),
            Meaning::Nonsense(text) => trouble::fails(
                FailKind::Protocol,
                text,
                "the server's fault; try another address of the file",
            ),
            _ => Outcome::Transient { text: "the answer could not be used".into(), after: None, host: None },
        }
    }
}

/// Takes what is here already of a small body. Nothing where it has yet to come.
fn at_once(body: &mut Body, size: Option<u64>) -> Result<Option<Bytes>, FetchError> {
    if !size.is_some_and(|size| (1..=SMALL).contains(&size)) {
        return Ok(None);
    }
    body.chunk().now_or_never().transpose().map(Option::flatten)
}

/// Validators without the server's clock: what must be equal for samples to stand for a later answer.
fn undated(heard: &Heard) -> crate::model::validators::Validators {
    crate::model::validators::Validators { date: None, ..heard.validators.clone() }
}

/// Whether a file is the one that was finished: of the same size, and with the date that the server gave it.
fn is_as_stored(file: &Path, stored: &Checkpoint) -> bool {
    let Ok(facts) = std::fs::metadata(file) else { return false };
    let seconds = |at: UnixMs| at.0.div_euclid(1000);
    let modified = facts.modified().ok().map(|at| seconds(UnixMs::from(at)));
    facts.is_file()
        && stored.size == Some(facts.len())
        && stored.validators.last_modified.is_none_or(|date| modified == Some(seconds(date)))
}
