//! What running transfers tell, and what follows from it.

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::checkpointer::{Save, Saved};
use super::core::{Core, tell};
use super::item::{Item, Then};
use super::publisher::{Publish, Published};
use super::transfer::{Answered, Control, Ended, News, Outcome, What};
use super::undo::PartToGo;
use crate::kernel::retry::{self, Patience};
use crate::kernel::transition::Event;
use crate::model::coverage::Coverage;
use crate::model::hook::HookEvent;
use crate::model::id::DownloadId;
use crate::model::item::{GiveUp, Mode};
use crate::model::media::info_of;
use crate::model::printable::{mask_url, printable};
use crate::model::state::{FailKind, Failure, State, WaitReason};
use crate::model::time::UnixMs;
use crate::store::db::Durability;
use crate::store::error::StoreKind;
use crate::store::note;
use crate::store::publish::Ending;

/// How long a disk that refused a write is left alone, though it may say that it has room (a quota is not its own): at first, and
/// where not even one byte more came since.
const REFUSED: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(30)];
/// What is said of a file that needed not be fetched again.
pub(super) const UNCHANGED: &str = "the file here is still the one on the server";
/// The line of history of a file that changed on the server.
pub(super) const STARTED_OVER: &str = "started over";
/// What is said of such a file once it is whole.
pub(super) const CHANGED_MEANWHILE: &str =
    "the file changed on the server meanwhile: it was fetched from the first byte again";
/// How much later than the others of its host a download that was asked to wait asks again.
const BEHIND: Duration = Duration::from_secs(1);
/// How often a web page in the file's place is looked at again.
const PORTAL: Duration = Duration::from_mins(1);

impl Core {
    /// Takes in what a transfer tells. What a run tells that is over already means nothing.
    pub(super) fn hear(&mut self, news: News) {
        let News { id, run, what } = news;
        let current =
            self.items.get(&id).and_then(|item| item.run.as_ref()).is_some_and(|now| now.number == run);
        if !current {
            return;
        }
        match what {
            What::Answered(answered) => self.answered(id, *answered),
            What::Copied(mut copied) => {
                self.keep_place(id, &mut copied);
                let stamp = self.db.stamp();
                self.save(Save { id, run, stamp, copied: Some(copied), record: None, with_checkpoint: true });
            }
            What::Commit(checkpoint, done) => {
                if let Some(item) = self.items.get_mut(&id) {
                    item.record.checkpoint = Some(checkpoint.clone());
                    item.safe = Some(Arc::new(checkpoint.safe.clone()));
                }
                let ticket = self.db.checkpoint(Durability::Durable, self.db.stamp(), id, checkpoint);
                tokio::task::spawn_local(async move {
                    // A run that was stopped meanwhile asks again.
                    let _ = done.send(ticket.done().await.is_ok());
                });
            }
            What::Remark(text) => {
                let at = UnixMs::from(super::wall());
                if let Some(item) = self.items.get_mut(&id) {
                    let text = printable(&text).into_owned();
                    item.event(at, text.clone());
                    item.story().remark = Some(text);
                }
                self.touch(id);
            }
            What::Told(what, text) => {
                if let Some(item) = self.items.get_mut(&id).filter(|_| what == STARTED_OVER) {
                    item.story().started_over = true;
                }
                self.tell(id, what, printable(&text).into_owned());
                self.touch(id);
            }
            What::Crowded => {
                if let Some(item) = self.items.get(&id) {
                    let host = item.host().to_owned();
                    let active = item.run.as_ref().map_or(1, |run| run.live.connections());
                    if active > 0 {
                        self.hosts.crowded(&host, active);
                        self.share_out(&host);
                    }
                }
            }
            What::Verifying => {
                self.step(id, Event::Verify, || State::Verifying);
            }
            What::Ended(ended) => self.ended(id, *ended),
        }
    }

    fn answered(&mut self, id: DownloadId, answered: Answered) {
        let Some(item) = self.items.get_mut(&id) else { return };
        let host = item.host().to_owned();
        let before = item.record.checkpoint.as_ref().map_or(0, |held| held.inode);
        let renamed = item.run.as_ref().is_some_and(|run| run.renamed);
        let record = &mut item.record;
        if !renamed {
            record.name = answered.name;
            record.name_is_final = true;
        }
        record.size = answered.size;
        if let Some(mut copied) = answered.copy {
            // Nothing of this run is safe yet: only what was before, of the same version.
            let same = record
                .checkpoint
                .as_ref()
                .is_some_and(|held| held.generation == copied.checkpoint.generation);
            let safe = item.safe.clone().filter(|_| same).unwrap_or_default();
            copied.checkpoint.safe = Coverage::clone(&safe);
            record.checkpoint = Some(copied.checkpoint);
            item.safe = Some(safe);
        }
        let story = item.story();
        story.remote = answered.remote;
        let is_small = item.record.size.is_some_and(|size| size <= SMALL);
        self.hosts.served(&host);
        // A part that is new, at the start or after the file changed, must be known as ours after a kill.
        let now = item.record.checkpoint.as_ref().map_or(0, |held| held.inode);
        let led_to = item.record.checkpoint.as_ref().and_then(|held| held.final_url.as_ref()?.host_str());
        let is_led_away = led_to.is_some_and(|led_to| led_to != host);
        if now != before && !is_small {
            self.note_part(id);
        }
        // What limits that host limits this, too.
        if is_led_away {
            self.limit_anew_one(id);
        }
        self.step(id, Event::Answered, || State::Downloading);
    }

    fn ended(&mut self, id: DownloadId, mut ended: Ended) {
        if let Some(answered) = ended.answered.take() {
            self.answered(id, *answered);
        }
        let Some(item) = self.items.get_mut(&id) else { return };
        let Some(mut run) = item.run.take() else { return };
        let came = run.count();
        let host = item.host().to_owned();
        self.queue.ended(id);
        self.space.release(id);
        if let Some(name) = ended.name.filter(|_| !run.renamed) {
            item.record.name = name;
            item.record.name_is_final = true;
        }
        item.record.joined_on_samples |= ended.joined_on_samples;
        if let Some(story) = &mut item.story {
            story.received += run.live.received();
        }
        // A part without a name is gone with its run, unless it becomes the file.
        let becomes_file =
            matches!(ended.how, Outcome::Whole) && matches!(run.then, Then::Queue | Then::Pause);
        ended.left = ended.left.filter(|left| becomes_file || !left.part.is_unnamed());
        if let Some(left) = &mut ended.left {
            if run.renamed {
                left.checkpoint.moved_from.get_or_insert_with(|| left.part.folder().to_owned());
            }
            item.record.checkpoint = Some(left.checkpoint.clone());
            item.record.size = left.checkpoint.size.or(item.record.size);
            item.part = Some(Arc::clone(&left.part));
        }
        item.record.size = ended.announced.or(item.record.size);
        if ended.gained > 0 {
            item.record.attempts = 0;
            item.record.dry_since = None;
        }
        let left = ended.left;
        let save = |core: &mut Self| {
            let Some(item) = core.items.get(&id) else { return };
            // A real-time download has no checkpoint: its bytes are its client's, and go with it.
            let keeps = item.record.mode == Mode::Background;
            let mut record = Box::new(item.record.clone());
            if !keeps && let Some(checkpoint) = &mut record.checkpoint {
                checkpoint.safe = Coverage::new();
            }
            let (stamp, copied) = (core.db.stamp(), left.filter(|_| keeps));
            let run = run.number;
            core.save(Save { id, run, stamp, copied, record: Some(record), with_checkpoint: true });
        };
        match ended.how {
            Outcome::Whole if matches!(run.then, Then::Queue | Then::Pause) => self.publish(id, ended.noted),
            Outcome::Whole | Outcome::Stopped => self.let_go(id, run.then, save),
            Outcome::Unchanged => {
                self.step(id, Event::Publish, || State::Processing);
                self.tell(id, "unchanged", UNCHANGED.into());
                let size = self.items.get_mut(&id).and_then(|item| {
                    item.story().remark = Some(UNCHANGED.into());
                    let facts = std::fs::metadata(item.record.folder.join(&item.record.name)).ok()?;
                    Some(facts.len())
                });
                self.complete(id, size, UnixMs::from(super::wall()));
                self.store(id);
                self.take_out_succeeded(id);
            }
            // Somebody wanted it stopped in the moment that it ended otherwise.
            _ if run.stopping && run.then != Then::Queue => self.let_go(id, run.then, save),
            Outcome::Transient { text, after, host } => {
                self.trouble(id, &text, after, host);
                save(self);
            }
            Outcome::Waits(why) => {
                let after = (why == WaitReason::LoginPage).then_some(PORTAL);
                let is_ours_to_see = matches!(
                    why,
                    WaitReason::NoSpace { .. }
                        | WaitReason::FolderAway { .. }
                        | WaitReason::InterfaceAway { .. }
                );
                if why == WaitReason::LinkExpired {
                    self.hosts.refused(&host);
                }
                self.wait(id, why, after);
                if is_ours_to_see {
                    self.look_out_for(id, Duration::ZERO);
                }
                save(self);
            }
            Outcome::Full { missing, folder } => {
                self.wait(id, WaitReason::NoSpace { missing, folder }, None);
                self.look_out_for(id, REFUSED[usize::from(ended.gained == 0)]);
                save(self);
            }
            Outcome::Fails(failure) => {
                if failure.kind == FailKind::Refused {
                    self.hosts.refused(&host);
                }
                self.fail(id, failure);
                save(self);
            }
        }
        self.count_traffic(came, std::time::Instant::now());
        self.share_out(&host);
        self.pump();
        self.moved.notify_waiters();
    }

    /// A copy of a run that began before its download was given another name or folder says where the part stays.
    fn keep_place(&self, id: DownloadId, copied: &mut super::transfer::Copied) {
        if self.items.get(&id).and_then(|item| item.run.as_ref()).is_some_and(|run| run.renamed) {
            copied.checkpoint.moved_from.get_or_insert_with(|| copied.part.folder().to_owned());
        }
    }

    /// What was decided when it was told to let go.
    fn let_go(&mut self, id: DownloadId, then: Then, save: impl FnOnce(&mut Self)) {
        match then {
            Then::Queue => {
                self.step(id, Event::LetGo, || State::Queued);
                self.enqueue(id);
                save(self);
            }
            Then::Pause => {
                self.step(id, Event::Pause, || State::Paused);
                save(self);
            }
            Then::Cancel => {
                self.step(id, Event::Cancel, || State::Cancelled);
                save(self);
            }
            Then::Remove => self.take_out(id),
            Then::Lose => {
                self.tell_lost(id, "its client left; a real-time download goes with it");
                self.take_out_for_good(id);
            }
        }
    }

    /// A download that is lost leaves no more than its line of history: with that it can be started again.
    pub(super) fn tell_lost(&mut self, id: DownloadId, why: &str) {
        let Some(item) = self.items.get(&id) else { return };
        let text = format!("{why}; it came from {}", mask_url(&item.record.source_url));
        self.tell(id, "lost", text);
    }

    /// Trouble that often passes: wait and try again, unless patience is over.
    fn trouble(&mut self, id: DownloadId, text: &str, after: Option<Duration>, host: Option<String>) {
        let now = UnixMs::from(super::wall());
        let Some(item) = self.items.get_mut(&id) else { return };
        let settings = &item.record.settings;
        let dry = settings.give_up.unwrap_or(GiveUp::AfterSecs(self.settings.give_up_after.as_secs()));
        let patience = Patience { tries: settings.tries, dry };
        let has_bytes = item.record.checkpoint.as_ref().is_some_and(|checkpoint| !checkpoint.safe.is_empty());
        item.record.attempts += 1;
        let attempts = item.record.attempts;
        let since = *item.record.dry_since.get_or_insert(now);
        let text = printable(text).into_owned();
        if patience.is_over(attempts, has_bytes, now.since(since)) {
            let tries = if attempts == 1 { "once".to_owned() } else { format!("{attempts} times") };
            let failure = Failure {
                kind: FailKind::GaveUp,
                text: format!("{text} (tried {tries})"),
                hint: "retry it when the server or the network is well again".into(),
            };
            return self.fail(id, failure);
        }
        item.event(now, text.clone());
        let (first, most) = (self.settings.backoff_first, self.settings.backoff_most);
        let wait = retry::wait(attempts, first, most, after, fastrand::f64());
        if let (Some(host), Some(after)) = (host, after.filter(|after| !after.is_zero())) {
            self.hosts.asked_to_wait(&host, now.after(after));
            // Whoever only heeds that wish was not asked yet, and may well be served: it is their turn first.
            let behind = if self.is_waited_for_by_others(id, &host) { BEHIND } else { Duration::ZERO };
            return self.wait(id, WaitReason::HostAsked { host }, Some(wait + behind));
        }
        self.wait(id, WaitReason::Retry { attempt: attempts + 1, text }, Some(wait));
    }

    fn is_waited_for_by_others(&self, id: DownloadId, host: &str) -> bool {
        self.items.values().any(|other| {
            let is_waiting = matches!(
                other.record.state,
                State::Queued | State::Waiting { why: WaitReason::HostAsked { .. }, .. }
            );
            is_waiting && other.record.id != id && other.host() == host
        })
    }

    pub(super) fn fail(&mut self, id: DownloadId, failure: Failure) {
        let failure = Failure { text: printable(&failure.text).into_owned(), ..failure };
        let text = failure.text.clone();
        if self.step(id, Event::Fail, || State::Failed(failure)) {
            if let Some(item) = self.items.get_mut(&id) {
                item.record.ended = Some(UnixMs::from(super::wall()));
            }
            self.hook_failed(id, &text);
            self.tell(id, "failed", text);
        }
    }

    /// All bytes are here: on to its name.
    fn publish(&mut self, id: DownloadId, noted: bool) {
        self.step(id, Event::Publish, || State::Processing);
        let on_done = !self.config.hooks.on_done.is_empty();
        let hook = self.hook_call(id, HookEvent::Done).filter(|_| on_done);
        let Some(item) = self.items.get_mut(&id) else { return };
        let Some(part) = item.part.take() else { return };
        let record = &item.record;
        let Some(checkpoint) = &record.checkpoint else { return };
        let ending = Ending {
            id,
            part,
            folder: Arc::clone(&record.folder),
            name: record.name.clone(),
            size: checkpoint.size.unwrap_or_else(|| checkpoint.safe.end()),
            origin: self.settings.mark_origin.then(|| origin_of(&record.source_url)),
            modified: checkpoint.validators.last_modified,
            umask: record.settings.umask.unwrap_or(0o022),
            taken: record.settings.taken,
            full_share: record.is_full_share(),
            owner: record.uuid,
            placeholder: None,
        };
        let publish = Publish {
            hook,
            history: self.settings.history,
            source: mask_url(&record.source_url),
            set_aside: checkpoint.set_aside.clone(),
            noted,
            kept: checkpoint.of_finished(ending.size),
            media_type: checkpoint.media_type.clone(),
            given: record.extras.as_ref().map(|extras| info_of(&extras.info)).unwrap_or_default(),
            set_by: record.extras.as_ref().and_then(|extras| extras.set_by.clone()),
            folders: self.config.library.folders.clone(),
            is_sorted: false,
            ending,
        };
        if let Some(publisher) = &self.publisher {
            self.publishing += 1;
            publisher.publish(publish);
        }
    }

    /// Takes in what the publisher did.
    pub(super) fn published(&mut self, done: Vec<Published>) {
        for Published { id, size, ended, is_safe, was_unnamed, result, shelve } in done {
            self.publishing = self.publishing.saturating_sub(1);
            if result.is_err()
                && was_unnamed
                && let Some(item) = self.items.get_mut(&id)
            {
                item.record.checkpoint = None;
                item.safe = None;
            }
            // A file that may still get its tags is not done: whoever is told that it is may take its sum.
            let gets_tags = self.config.library.write_tags && shelve.is_some() && self.librarian.is_some();
            if let (Ok(_), Some(shelve)) = (&result, shelve) {
                self.shelve(shelve);
            }
            match result {
                Ok(path) => {
                    let mut moved = false;
                    if let Some(item) = self.items.get_mut(&id) {
                        if let Some(name) = path.file_name() {
                            item.record.name = name.to_string_lossy().into_owned();
                        }
                        item.record.size = Some(size);
                        if let Some(folder) =
                            path.parent().filter(|folder| *folder != item.record.folder.as_path())
                        {
                            let asked_into = item.record.folder.as_ref().clone();
                            item.record.extras.get_or_insert_default().asked_into = Some(asked_into);
                            item.record.folder = Arc::new(folder.to_owned());
                            moved = true;
                        }
                    }
                    if gets_tags {
                        self.tagging.insert(id, ended);
                    } else {
                        self.finish(id, ended, moved);
                    }
                }
                // Its bytes are here: only its name is still to be given.
                Err(error) if error.kind == StoreKind::FolderAway => {
                    if let Some(item) = self.items.get_mut(&id) {
                        if !is_safe {
                            fall_back(item);
                        }
                        let folder = item.record.folder.display().to_string();
                        self.wait(id, WaitReason::FolderAway { folder }, None);
                        self.look_out_for(id, Duration::ZERO);
                        self.store(id);
                    }
                }
                Err(error) => {
                    let kind = match error.kind {
                        StoreKind::Taken | StoreKind::InTheWay => FailKind::NameTaken,
                        StoreKind::Gone => FailKind::PartGone,
                        _ => FailKind::Publish,
                    };
                    if let Some(item) = self.items.get_mut(&id).filter(|_| !is_safe) {
                        fall_back(item);
                    }
                    self.fail(id, Failure { kind, text: error.text.clone(), hint: error.hint().into() });
                    self.store(id);
                }
            }
        }
    }

    /// A published file is as it will be. `is_news` says whether the store knows less of it.
    pub(super) fn finish(&mut self, id: DownloadId, ended: UnixMs, is_news: bool) {
        let size = self.items.get(&id).and_then(|item| item.record.size);
        self.complete(id, size, ended);
        if is_news {
            self.store(id);
        }
        self.take_out_succeeded(id);
        self.hook_done(id);
    }

    fn complete(&mut self, id: DownloadId, size: Option<u64>, ended: UnixMs) {
        if let Some(item) = self.items.get_mut(&id) {
            let record = &mut item.record;
            record.ended = Some(ended);
            record.size = size.or(record.size);
            let size = record.size.unwrap_or_default();
            record.checkpoint = record.checkpoint.take().and_then(|held| held.of_finished(size));
            record.attempts = 0;
            record.dry_since = None;
            item.safe = None;
            item.part = None;
            item.owner = None;
        }
        self.limiter.forget(id);
        self.step(id, Event::Published, || State::Completed);
    }

    /// Takes in what the checkpointer did.
    pub(super) fn saved(&mut self, saved: Saved) {
        let Saved { id, run, generation, coverage, result, of_part, sync_failed } = saved;
        self.saves.end(&result);
        self.moved.notify_waiters();
        let now = UnixMs::from(super::wall());
        let Some(item) = self.items.get_mut(&id) else { return };
        let is_current = item.record.checkpoint.as_ref().is_some_and(|held| held.generation == generation);
        let before = item.safe.clone().unwrap_or_default();
        let is_between_runs = item.run.is_none();
        // A run that began meanwhile took up what could not be made safe: it must hear of that too.
        if let Some(now) = item.run.as_ref().filter(|_| sync_failed) {
            tell(now, Control::SyncFailed(generation, before));
        }
        let running = item.run.as_mut().filter(|now| now.number == run);
        match (&result, running) {
            (Ok(()), Some(run)) => {
                run.copying = false;
                tell(run, Control::Committed(generation, Arc::clone(&coverage)));
            }
            (Err(_), Some(run)) => run.copying = false,
            // Nobody writes to it any more: its lock can go.
            (Ok(()), None)
                if of_part
                    && is_between_runs
                    && item.record.state.kind() != crate::model::state::StateKind::Processing =>
            {
                item.part = None;
            }
            _ => {}
        }
        match result {
            Ok(()) if is_current && !coverage.is_empty() => {
                item.safe = Some(coverage);
                item.story().checkpointed = Some(now);
            }
            Ok(()) => {}
            Err(error) => {
                if sync_failed && is_current && item.run.is_none() {
                    fall_back(item);
                }
                let text = printable(&error.text).into_owned();
                item.event(now, text);
                self.touch(id);
            }
        }
    }

    /// Takes a download out of the list, with its part, but never with its file.
    pub(super) fn take_out(&mut self, id: DownloadId) {
        self.queue.remove(id);
        self.clear_due(id);
        self.clients.forget(id);
        self.limiter.forget(id);
        self.space.release(id);
        let Some(item) = self.items.remove(&id) else { return };
        self.changed.remove(&item.revision);
        self.by_source.remove(&(super::add::source_hash(&item.record.source_url), id));
        self.revision += 1;
        self.removed.insert(self.revision, id);
        while self.removed.len() > super::core::MOST_REMOVED {
            self.removed.pop_first();
        }
        self.newest.send_replace(self.revision);
        // Its answer is of no use: what stays in the store after a failure is there again at the next start.
        drop(self.db.remove(vec![id]));
        self.keep_for_undo(*item);
    }
}

/// Where a file came from, as anybody who may read it may know: without user, password, query and fragment.
fn origin_of(source: &Url) -> String {
    let mut origin = source.clone();
    // Neither can fail on a link with a host, and there are no others.
    let _ = origin.set_username("");
    let _ = origin.set_password(None);
    origin.set_query(None);
    origin.set_fragment(None);
    origin.into()
}

/// A sync failed: only what was safe before counts, and the note is void. Reading the part again would prove nothing, because it
/// reads the page cache.
fn fall_back(item: &mut Item) {
    if let Some(part) = &item.part {
        part.forgive();
    }
    let Some(checkpoint) = &mut item.record.checkpoint else { return };
    checkpoint.safe = item.safe.as_deref().cloned().unwrap_or_default();
    checkpoint.generation = checkpoint.generation.next();
    let name = format!("{}{}", checkpoint.part, note::NOTE);
    // One that can't be deleted is of another generation now, and not believed.
    let _ = note::void_at(&checkpoint.part_folder(&item.record.folder).join(name), item.record.uuid);
}

/// Deletes what is on disk of a download that is not finished; what was adopted gets its name back. What can't be deleted stays where it is, and says whose it is.
pub(super) fn discard(record: &crate::model::record::DownloadRecord) {
    PartToGo::of(record).iter().for_each(PartToGo::delete);
}

/// Up to this size a file is so quickly fetched again that its part isn't stored before its first checkpoint, in bytes.
const SMALL: u64 = 64 * 1024;
