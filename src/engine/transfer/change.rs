//! When the file on the server is no longer the one that was begun, or may not be: nothing of two versions is ever mixed.
//!
//! A known change sets the old partial aside, whole and with its note, until the new version is complete. A server that
//! answers from the first byte though a range was asked is compared with the disk as it comes, up to the first hole or difference.

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http::Version;
use http::header::TRANSFER_ENCODING;
use tokio::sync::oneshot;

use super::super::news::STARTED_OVER;
use super::lane::LaneCell;
use super::open::Opened;
use super::order::{Outcome, What};
use super::shared::Shared;
use super::trouble;
use crate::fetch::profile::Profile;
use crate::fetch::transport::Answer;
use crate::kernel::identity::{Verdict, same_file};
use crate::model::coverage::Coverage;
use crate::model::heard::Heard;
use crate::model::item::OnChange;
use crate::model::record::SetAside;
use crate::model::state::FailKind;
use crate::model::validators::Validators;
use crate::store::files::{aside_name, rename_aside};
use crate::store::note;

/// How often a file may change before somebody has to look.
const MOST_CHANGES: usize = 3;
/// Bytes that are copied at a time.
const COPY: usize = 256 * 1024;

impl Shared {
    /// The file changed: sets aside what was fetched of the old version, and begins with nothing.
    pub(super) async fn changed(self: &Rc<Self>, heard: &Heard) -> Result<(), Outcome> {
        self.set_aside_for(&heard.validators).await?;
        self.forget_version();
        Ok(())
    }

    /// Keeps to one server where an answer shows that those behind one name disagree: a version came back that was set aside, or
    /// ours did after another connection was given another one.
    pub(super) fn heed_disagreement(&self, answer: &Answer, heard: &Heard) {
        let ours = self.validators.borrow();
        let is_back = |old: &SetAside| {
            // Versions that are called the same can't be told from each other.
            if (&old.validators.etag, old.validators.last_modified) == (&ours.etag, ours.last_modified) {
                return false;
            }
            let is_same_tag = old.validators.etag.is_some() && old.validators.etag == heard.validators.etag;
            is_same_tag || same_file(&old.validators, None, &heard.validators, None) == Verdict::Proof
        };
        // Where ours is not what comes now the file has simply changed.
        let is_ours = same_file(&ours, None, &heard.validators, None) == Verdict::Proof;
        let doubted = self.doubt.replace(false) && is_ours;
        if self.alone.get() || !(doubted || self.set_aside.borrow().iter().any(is_back)) {
            return;
        }
        self.alone.set(true);
        let pinned =
            answer.final_url.host_str().zip(answer.remote).filter(|_| self.order.settings.proxy.is_none());
        if let Some((host, address)) = pinned {
            let mut profile = Profile::clone(&self.profile.borrow());
            profile.pinned = Some((host.to_owned(), address));
            self.profile.replace(Rc::new(profile));
        }
        let text = "the servers behind this name have different versions: one of them is kept to, over one connection";
        self.tell(What::Told("servers disagree", text.into()));
    }

    /// Makes way for another version: the intent is committed, then part and note get another name.
    async fn set_aside_for(self: &Rc<Self>, new: &Validators) -> Result<(), Outcome> {
        self.refuse_in_stream("the file changed on the server")?;
        let aside = self.set_aside.borrow().clone();
        if let Some(name) = self.order.extras.as_deref().and_then(|extras| extras.adopted.as_deref()) {
            return Err(trouble::fails(
                FailKind::Changed,
                format!("{name} is not the beginning of the file at this address: its bytes differ"),
                "remove gives the file its name back; retry does too, and fetches the other one beside it",
            ));
        }
        if self.order.settings.on_change == OnChange::Stop {
            return Err(trouble::fails(
                FailKind::Changed,
                format!("the file changed on the server: {} before, {} now", self.describe(), describe(new)),
                "what was fetched is kept; retry starts the new version",
            ));
        }
        if aside.len() + 1 >= MOST_CHANGES {
            let mut versions: Vec<String> = aside.iter().map(|old| describe(&old.validators)).collect();
            versions.extend([self.describe(), describe(new)]);
            versions.sort();
            versions.dedup();
            return Err(trouble::fails(
                FailKind::Changed,
                format!("the file changed {MOST_CHANGES} times: {}", versions.join(", ")),
                "the servers behind this name may disagree: try another address of the file",
            ));
        }
        if let Some(note) = self.note.take() {
            // The old records stay true of the old file; they go with it.
            drop(note);
        }
        let has_bytes = !self.coverage.borrow().is_empty();
        // Taken away before anything is awaited: no copy may be made of the old bytes under the new generation.
        if let Some(part) = if has_bytes { self.part.take() } else { None } {
            let (device, inode) = part.identity();
            let to = aside_name(part.folder(), part.file_name());
            self.set_aside.borrow_mut().push(SetAside {
                part: to.clone(),
                device,
                inode,
                bytes: self.coverage.borrow().len(),
                validators: self.validators.borrow().clone(),
            });
            self.generation.set(self.generation.get().next());
            let mut checkpoint = self.checkpoint();
            checkpoint.safe = Coverage::new();
            self.commit(checkpoint).await?;
            let note_from = format!("{}{}", part.file_name(), note::NOTE);
            rename_aside(part.folder(), part.file_name(), &to)
                .map_err(|error| trouble::of_disk(self, &error))?;
            // A small part never had a note, and what else is there stays.
            if note::is_of(&part.folder().join(&note_from), self.order.uuid) {
                rename_aside(part.folder(), &note_from, &format!("{to}{}", note::NOTE))
                    .map_err(|error| trouble::of_disk(self, &error))?;
            }
            part.sync_folder().map_err(|error| trouble::of_disk(self, &error))?;
            let text = format!(
                "the file changed on the server ({} before, {} now): started over, the old partial is kept as {to} until the new one is whole",
                self.describe(),
                describe(new)
            );
            self.tell(What::Told(STARTED_OVER, text));
        } else {
            self.generation.set(self.generation.get().next());
        }
        Ok(())
    }

    fn forget_version(&self) {
        self.coverage.replace(Coverage::new());
        self.at_least.set(0);
        self.fetched_again.set(0);
        self.safe.replace(Arc::default());
        self.begun.set(false);
        self.size.set(None);
        self.validators.replace(Validators::default());
        self.sampled.take();
        self.show();
    }

    /// Commits through the engine and waits until it is safe.
    async fn commit(&self, checkpoint: Box<crate::model::record::Checkpoint>) -> Result<(), Outcome> {
        let (done, committed) = oneshot::channel();
        self.tell(What::Commit(checkpoint, done));
        match committed.await {
            Ok(true) => Ok(()),
            Ok(false) => Err(trouble::fails(
                FailKind::Local,
                "the store could not be written",
                "make room where the store is, and retry",
            )),
            Err(_) => Err(Outcome::Stopped),
        }
    }

    /// The whole file came though a range was asked: compares it with the disk as it comes. What is equal up to the first hole
    /// stays; a difference makes it another version, which begins with a copy of the equal bytes.
    pub(super) async fn compare(
        self: &Rc<Self>,
        mut answer: Answer,
        heard: &Heard,
        size: Option<u64>,
    ) -> Result<Opened, Outcome> {
        let end = self.coverage.borrow().prefix();
        let other_size = size.is_some() && self.size.get().is_some_and(|held| Some(held) != size);
        let mut at = 0;
        let mut rest: Option<Bytes> = None;
        let mut differs = other_size && end == 0;
        let mut body_ended = false;
        // What is only compared steps aside like what is kept.
        let compared = LaneCell::new(0, end, 0, self.now());
        compared.ends.set(self.ends(&answer));
        self.govern(&compared);
        while at < end && rest.is_none() {
            compared.turn(self).await;
            let chunk = self.next_chunk(&mut answer.body).await;
            let Some(chunk) = chunk.map_err(|error| trouble::of_fetch(self, &error))? else {
                body_ended = true;
                break;
            };
            self.received(chunk.len());
            let known = usize::try_from(end - at).unwrap_or(usize::MAX).min(chunk.len());
            let equal = self.equal_prefix(at, &chunk[..known])?;
            at += equal as u64;
            if equal < known {
                differs = true;
            }
            if equal < chunk.len() {
                rest = Some(chunk.slice(equal..));
            }
        }
        // A size that an answer doesn't name is still the one that was heard before, where it is of the same version.
        let told = self.size.get().or(Some(self.at_least.get()).filter(|least| *least > 0));
        let unnamed = size.is_none() && !differs;
        let held = told.filter(|_| unnamed);
        let is_proven = same_file(&self.validators.borrow(), held, &heard.validators, None) == Verdict::Proof;
        let known = held.filter(|_| is_proven);
        let ends_by_itself =
            answer.headers.contains_key(TRANSFER_ENCODING) || answer.version >= Version::HTTP_2;
        // The end of a connection says nothing where more was known to be there: told by the server, or fetched already.
        let least = held.max(Some(self.coverage.borrow().end()).filter(|end| unnamed && *end > 0));
        let least = least.filter(|_| is_proven || !ends_by_itself);
        let is_short = size.or(least).is_some_and(|wanted| at < wanted);
        if body_ended && is_short {
            let text = "the server sent less than it announced".to_owned();
            return Err(Outcome::Transient { text, after: None, host: None });
        }
        self.at_least.set(least.unwrap_or(0));
        differs |= other_size || (body_ended && self.size.get().is_some_and(|held| held != at));
        if differs {
            let old = self.part.borrow().clone();
            self.set_aside_for(&heard.validators).await?;
            self.forget_version();
            self.check_space(size)?;
            self.make_part(&answer)?;
            if let Some(old) = old {
                self.copy_prefix(&old, at)?;
            }
        }
        self.coverage.replace(Coverage::prefix_of(at));
        self.safe.replace(Arc::new(Coverage::prefix_of(if differs { 0 } else { at })));
        self.adopt_answer(0, &answer, heard);
        self.size.set(if body_ended { Some(at) } else { size.or(known) });
        self.begun.set(true);
        if !differs {
            self.begin_generation().await?;
        }
        self.show();
        self.announce(&answer, self.size.get());
        if self.is_whole() {
            return Ok(Opened::Whole);
        }
        let lane =
            LaneCell::new(at, self.size.get().unwrap_or(u64::MAX), 0, self.now()).at_address(answer.local);
        lane.ends.set(self.ends(&answer));
        Ok(Opened::Lane(lane, answer.body, rest))
    }

    /// The same part under a new generation, with the coverage as it is now: its old records are void before a new byte is written.
    pub(super) async fn begin_generation(self: &Rc<Self>) -> Result<(), Outcome> {
        self.generation.set(self.generation.get().next());
        // What was compared was read from the page cache: only a sync makes it fit for a durable checkpoint.
        let part = self.part.borrow().clone();
        if let Some(part) = &part {
            part.sync_data().map_err(|error| trouble::of_disk(self, &error))?;
        }
        self.commit(self.checkpoint()).await?;
        drop(self.note.take());
        if let Some(part) = &part {
            note::void_at(&note::path_of(part), self.order.uuid)
                .map_err(|error| trouble::of_disk(self, &error))?;
        }
        Ok(())
    }

    /// How many of these bytes the part holds at an offset, from the first on.
    fn equal_prefix(&self, offset: u64, bytes: &[u8]) -> Result<usize, Outcome> {
        let part = self.part.borrow();
        let Some(part) = part.as_ref() else { return Ok(0) };
        let mut held = vec![0; bytes.len()];
        if !part.read_at(offset, &mut held).map_err(|error| trouble::of_disk(self, &error))? {
            return Ok(0);
        }
        Ok(held.iter().zip(bytes).take_while(|(held, new)| held == new).count())
    }

    fn copy_prefix(&self, old: &crate::store::part::Part, len: u64) -> Result<(), Outcome> {
        let mut buffer = vec![0; COPY];
        let mut at = 0;
        while at < len {
            let take = usize::try_from(len - at).unwrap_or(COPY).min(COPY);
            let held =
                old.read_at(at, &mut buffer[..take]).map_err(|error| trouble::of_disk(self, &error))?;
            if !held {
                return Err(trouble::fails(
                    FailKind::PartGone,
                    format!("the part file {} became shorter", old.path().display()),
                    "retry starts over from nothing",
                ));
            }
            self.write(at, &buffer[..take]).map_err(|error| trouble::of_disk(self, &error))?;
            at += take as u64;
        }
        Ok(())
    }

    fn describe(&self) -> String {
        describe(&self.validators.borrow())
    }
}

/// A version in a few words.
fn describe(validators: &Validators) -> String {
    match (&validators.etag, validators.last_modified) {
        (Some(tag), _) => format!("version {}", crate::model::printable::printable(tag)),
        (None, Some(date)) => format!("version of {}", httpdate::fmt_http_date(date.into())),
        _ => "a version without a name".to_owned(),
    }
}
