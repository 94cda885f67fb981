//! What a person does to downloads: each act on each chosen one, with an answer for those that can't.

use std::sync::Arc;

use super::core::{Core, tell};
use super::item::Then;
use super::transfer::Control;
use crate::kernel::transition::{Event, Next, next, refusal_by_mode};
use crate::model::coverage::Coverage;
use crate::model::id::DownloadId;
use crate::model::item::{Mode, Priority, TransferSettings};
use crate::model::policy::Policy;
use crate::model::printable::printable;
use crate::model::request::{Act, Acted, Changes, Clear, Refusal, RefusalKind};
use crate::model::selector::Selector;
use crate::model::state::{FailKind, State, StateKind};
use crate::model::way::Way;

impl Core {
    /// Which downloads a selector chooses, in the order of their numbers; a number that nobody has is refused.
    pub(super) fn choose(&self, select: &Selector) -> (Vec<DownloadId>, Vec<Acted>) {
        let mut chosen: Vec<DownloadId> = if select.is_by_sight() {
            self.items
                .values()
                .filter(|item| select.chooses(&self.row(item)))
                .map(|item| item.record.id)
                .collect()
        } else {
            select.ids.iter().copied().filter(|id| self.items.contains_key(id)).collect()
        };
        chosen.sort_unstable();
        chosen.dedup();
        let unknown = select.ids.iter().filter(|id| !self.items.contains_key(id));
        let unknown = unknown.map(|id| Acted { id: *id, refused: Some(not_found(*id)) }).collect();
        (chosen, unknown)
    }

    /// Does something to all that a selector chooses.
    pub(super) fn act(&mut self, client: u64, select: &Selector, act: &Act) -> Vec<Acted> {
        let (chosen, mut acted) = self.choose(select);
        if let Act::Move { to } = act {
            acted.extend(self.place(chosen, *to));
            self.pump();
            return acted;
        }
        self.begin_act();
        for id in chosen {
            let before = self.items.get(&id).map(|item| item.record.state.kind());
            let refused = self.act_on(client, id, act).err();
            if let (None, Act::Cancel, Some(before)) = (&refused, act, before)
                && before != StateKind::Cancelled
            {
                self.note_cancelled(id, before);
            }
            acted.push(Acted { id, refused });
        }
        if *act == Act::Remove {
            self.touch_collections();
        }
        self.pump();
        acted
    }

    fn act_on(&mut self, client: u64, id: DownloadId, act: &Act) -> Result<(), Refusal> {
        let item = self.items.get(&id).ok_or_else(|| not_found(id))?;
        let (state, mode) = (item.record.state.kind(), item.record.mode);
        if let Some((text, hint)) = refusal_by_mode(mode, state, act) {
            return Err(Refusal::new(RefusalKind::NotNow, text, hint.replace("ID", &id.to_string())));
        }
        match act {
            Act::Pause => self.let_go_by_hand(id, Event::Pause, Then::Pause, State::Paused),
            Act::Cancel => self.let_go_by_hand(id, Event::Cancel, Then::Cancel, State::Cancelled),
            Act::Remove => {
                if state == StateKind::Processing {
                    return Err(not_now("it is whole and gets its name just now"));
                }
                if self.stop_run(id, Then::Remove) {
                    self.note_removing(id);
                } else {
                    self.take_out(id);
                }
                Ok(())
            }
            Act::Resume | Act::Retry => self.go_on(id, act),
            Act::SetMode { mode } => {
                if !state.is_unfinished() {
                    return Err(not_now("only what is unfinished has a mode to change"));
                }
                self.set_mode_of(id, *mode);
                if let Some(item) = self.items.get_mut(&id) {
                    item.owner = (*mode == Mode::RealTime).then_some(client);
                }
                if *mode == Mode::RealTime && matches!(state, StateKind::Paused | StateKind::Waiting) {
                    self.step(id, Event::Resume, || State::Queued);
                    self.enqueue(id);
                }
                self.store(id);
                self.obey_hold(id);
                Ok(())
            }
            Act::SetPriority { priority } => {
                self.clients.is_said_by_hand(id);
                self.set_priority(id, *priority);
                Ok(())
            }
            // All that are chosen move together.
            Act::Move { .. } => Ok(()),
            Act::SetLimit { limit } => {
                self.set_limit(id, *limit);
                Ok(())
            }
            Act::Set(changes) => self.change(id, changes),
            Act::RefreshUrl { url } => {
                let changes = Changes { url: Some(url.clone()), ..Changes::default() };
                self.change(id, &changes)?;
                if matches!(state, StateKind::Waiting | StateKind::Failed) {
                    self.go_on(id, &Act::Retry)?;
                }
                Ok(())
            }
        }
    }

    fn let_go_by_hand(&mut self, id: DownloadId, event: Event, then: Then, to: State) -> Result<(), Refusal> {
        let Some(item) = self.items.get(&id) else { return Err(not_found(id)) };
        match next(item.record.state.kind(), event) {
            Next::Refused(why) => return Err(not_now(why)),
            Next::Stay => return Ok(()),
            Next::To(_) => {}
        }
        // It shows at once; the transfer lets go in a moment and its last bytes still count.
        let running = self.stop_run(id, then);
        if !running {
            self.queue.remove(id);
            self.clear_due(id);
            self.step(id, event, || to);
            self.store(id);
        }
        Ok(())
    }

    pub(super) fn go_on(&mut self, id: DownloadId, act: &Act) -> Result<(), Refusal> {
        let event = if *act == Act::Resume { Event::Resume } else { Event::Retry };
        let Some(item) = self.items.get_mut(&id) else { return Err(not_found(id)) };
        let failure = match &item.record.state {
            State::Failed(failure) => Some(failure.kind),
            _ => None,
        };
        match next(item.record.state.kind(), event) {
            Next::Refused(why) => return Err(not_now(why)),
            Next::Stay => {
                // What was asked for in this very moment is taken back, but for what only `undo` takes back.
                match &mut item.run {
                    Some(run) if matches!(run.then, Then::Pause | Then::Cancel) => run.then = Then::Queue,
                    Some(run) if matches!(run.then, Then::Remove | Then::Lose) => {
                        return Err(not_now("it is being taken out of the list"));
                    }
                    _ => {}
                }
                return Ok(());
            }
            Next::To(_) => {}
        }
        item.record.attempts = 0;
        item.record.dry_since = None;
        item.record.ended = None;
        let is_adopted = item.record.extras.as_ref().is_some_and(|extras| extras.adopted.is_some());
        match failure {
            // What was taken on is of another file: it gets its name back, and the link's own file begins with nothing.
            Some(FailKind::Changed) if is_adopted => {
                super::news::discard(&item.record);
                item.record.checkpoint = None;
                item.safe = None;
                item.part = None;
                if let Some(extras) = &mut item.record.extras {
                    extras.adopted = None;
                }
            }
            // The bytes are wrong, or gone: from nothing. The part that is there makes way.
            Some(FailKind::Checksum | FailKind::PartGone) => {
                super::news::discard(&item.record);
                item.record.checkpoint = None;
                item.safe = None;
                item.part = None;
            }
            Some(FailKind::Changed) => {
                // What was set aside stays on disk; the count of changes begins anew.
                if let Some(checkpoint) = &mut item.record.checkpoint {
                    checkpoint.set_aside.clear();
                }
                item.record.settings = Arc::new(crate::model::item::TransferSettings {
                    on_change: crate::model::item::OnChange::Restart,
                    ..item.record.settings.as_ref().clone()
                });
            }
            _ => {}
        }
        let host = item.host().to_owned();
        let others_wait = self.hosts.release(&host);
        self.step(id, event, || State::Queued);
        self.enqueue(id);
        if others_wait {
            self.release_host(&host);
        }
        self.store(id);
        Ok(())
    }

    /// One of a host's held downloads was tried by hand: the others go on too.
    fn release_host(&mut self, host: &str) {
        let held: Vec<DownloadId> = self
            .items
            .iter()
            .filter(|(_, item)| {
                matches!(&item.record.state, State::Waiting { why: crate::model::state::WaitReason::HostRefuses { host: held }, .. } if held == host)
            })
            .map(|(id, _)| *id)
            .collect();
        for id in held {
            self.step(id, Event::Resume, || State::Queued);
            self.enqueue(id);
        }
    }

    /// Changes the mode and keeps the bytes: background writes its first checkpoint at once.
    pub(super) fn set_mode_of(&mut self, id: DownloadId, mode: Mode) {
        let Some(item) = self.items.get_mut(&id) else { return };
        if item.record.mode == mode {
            return;
        }
        item.record.mode = mode;
        item.is_under_way = mode == Mode::RealTime && item.run.is_some();
        if mode == Mode::Background {
            item.owner = None;
        }
        if let Some(run) = &mut item.run {
            tell(run, Control::Mode(mode));
            tell(run, Control::FullShare(item.record.is_full_share()));
            if mode == Mode::Background && !run.copying && !run.stopping {
                run.copying = true;
                run.copied_at = run.live.covered();
                tell(run, Control::Copy);
            }
        } else if item.record.state == State::Queued {
            self.enqueue(id);
        }
        self.limit_anew_one(id);
        self.touch(id);
    }

    pub(super) fn set_priority(&mut self, id: DownloadId, priority: Priority) {
        let Some(item) = self.items.get_mut(&id) else { return };
        item.record.priority = priority;
        if let Some(run) = &item.run {
            tell(run, Control::FullShare(item.record.is_full_share()));
        }
        if item.record.state == State::Queued {
            self.enqueue(id);
        }
        self.limit_anew_one(id);
        self.touch(id);
        self.store(id);
        self.obey_hold(id);
    }

    /// One that runs, and has come to what is held, goes back in line.
    fn obey_hold(&mut self, id: DownloadId) {
        let Some(item) = self.items.get(&id) else { return };
        let record = &item.record;
        let way = Way::of(record.mode, record.priority);
        let is_held = self.leaves.of(way).policy == Policy::Hold
            || self.collections.get(&record.collection).is_some_and(|own| own.held);
        let may_be = record.mode == Mode::Background && record.state.kind() != StateKind::Processing;
        if is_held && may_be && item.run.as_ref().is_some_and(|run| !run.stopping) {
            self.stop_run(id, Then::Queue);
        }
    }

    /// Changes what a download was added with. What is being fetched with the old settings begins anew with the new ones.
    fn change(&mut self, id: DownloadId, changes: &Changes) -> Result<(), Refusal> {
        let Some(item) = self.items.get(&id) else { return Err(not_found(id)) };
        let state = item.record.state.kind();
        if state == StateKind::Processing {
            return Err(not_now("it is whole and gets its name just now"));
        }
        let moves = changes.name.is_some() || changes.folder.is_some();
        if state == StateKind::Completed && (moves || changes.url.is_some() || changes.checksum.is_some()) {
            return Err(not_now("it is completed already; its file is yours to move"));
        }
        if let Some(name) = &changes.name
            && (name.is_empty() || name.contains(['/', '\0']))
        {
            return Err(Refusal::new(
                RefusalKind::BadRequest,
                format!("`{}` is no file name", name.escape_debug()),
                "",
            ));
        }
        if changes.folder.as_ref().is_some_and(|folder| !folder.is_absolute()) {
            return Err(Refusal::new(RefusalKind::BadRequest, "the folder is not an absolute path", ""));
        }
        if changes
            .url
            .as_ref()
            .is_some_and(|url| !matches!(url.scheme(), "http" | "https") || !url.has_host())
        {
            return Err(Refusal::new(RefusalKind::BadRequest, "a link begins with http:// or https://", ""));
        }
        if let Some(collection) = changes.collection
            && !self.collections.contains_key(&collection)
        {
            let text = format!("there is no collection {collection}");
            return Err(Refusal::new(RefusalKind::NotFound, text, "`haul collections` lists them"));
        }
        let moved = changes.url.as_ref().map(|url| self.move_secrets(id, url)).transpose()?.flatten();
        let Some(item) = self.items.get_mut(&id) else { return Err(not_found(id)) };
        let record = &mut item.record;
        let mut settings = record.settings.as_ref().clone();
        let old = super::add::source_hash(&record.source_url);
        if let Some(given) = moved {
            settings = given;
        }
        if let Some(url) = &changes.url {
            record.source_url = url.clone();
            if let Some(checkpoint) = &mut record.checkpoint {
                checkpoint.final_url = None;
            }
        }
        // The part stays where it is, and moves when it is whole.
        if moves
            && let Some(checkpoint) = record.checkpoint.as_mut().filter(|checkpoint| checkpoint.inode != 0)
        {
            checkpoint.moved_from.get_or_insert_with(|| record.folder.as_ref().clone());
        }
        if let Some(run) = item.run.as_mut().filter(|_| moves) {
            run.renamed = true;
        }
        if let Some(name) = &changes.name {
            record.name.clone_from(name);
            (record.name_is_given, record.name_is_final) = (true, true);
        }
        if let Some(folder) = &changes.folder {
            record.folder = Arc::new(folder.clone());
        }
        if let Some(headers) = &changes.headers {
            settings.headers.clone_from(headers);
        }
        if changes.connections.is_some() {
            settings.connections = changes.connections;
        }
        if changes.checksum.is_some() || !changes.info.is_empty() {
            let extras = record.extras.get_or_insert_default();
            if changes.checksum.is_some() {
                extras.checksum.clone_from(&changes.checksum);
            }
            for (name, value) in &changes.info {
                if value.is_empty() {
                    extras.info.remove(name);
                } else {
                    extras.info.insert(name.clone(), printable(value).into_owned());
                }
            }
        }
        if let Some(collection) = changes.collection {
            record.collection = collection;
        }
        record.settings = Arc::new(settings);
        let new = super::add::source_hash(&record.source_url);
        self.by_source.remove(&(old, id));
        self.by_source.insert((new, id));
        let refetch = changes.url.is_some()
            || changes.headers.is_some()
            || changes.connections.is_some()
            || changes.checksum.is_some()
            || moves;
        if refetch {
            self.stop_run(id, Then::Queue);
        }
        if state == StateKind::Queued {
            self.enqueue(id);
        }
        if changes.collection.is_some() {
            self.obey_hold(id);
            self.limit_anew_one(id);
            self.touch_collections();
        }
        self.touch(id);
        self.store(id);
        Ok(())
    }

    /// The settings of a download that is to come from another origin: secrets stay with the one that they were given for, and
    /// what the rules about the new host say comes instead.
    fn move_secrets(&self, id: DownloadId, to: &url::Url) -> Result<Option<TransferSettings>, Refusal> {
        let Some(item) = self.items.get(&id) else { return Err(not_found(id)) };
        let record = &item.record;
        if to.origin() == record.source_url.origin() {
            return Ok(None);
        }
        let kept = TransferSettings {
            headers: Vec::new(),
            credentials: None,
            referer: None,
            // What it gave is among the settings already.
            preset: None,
            ..record.settings.as_ref().clone()
        };
        let given = self.give(&kept, to, record.collection)?;
        Ok(Some(TransferSettings { preset: record.settings.preset.clone(), ..given.settings }))
    }

    /// Takes downloads of a collection out of its list.
    pub(super) fn clear(&mut self, select: &Selector, what: Clear) -> Vec<Acted> {
        let (chosen, _) = self.choose(select);
        self.begin_act();
        let mut acted = Vec::new();
        for id in chosen {
            let Some(item) = self.items.get(&id) else { continue };
            let kind = item.record.state.kind();
            let wanted = match what {
                Clear::All => !kind.is_running(),
                Clear::Finished => kind == StateKind::Completed,
                Clear::Cancelled => kind == StateKind::Cancelled,
            };
            if wanted {
                self.take_out(id);
                acted.push(Acted { id, refused: None });
            }
        }
        acted
    }
}

/// Without coverage nothing of a part is worth keeping.
pub(super) fn has_bytes(coverage: Option<&Coverage>) -> bool {
    coverage.is_some_and(|coverage| !coverage.is_empty())
}

pub(super) fn not_found(id: DownloadId) -> Refusal {
    Refusal::new(RefusalKind::NotFound, format!("there is no download {id}"), "`haul list` shows them")
}

fn not_now(why: &str) -> Refusal {
    Refusal::new(RefusalKind::NotNow, why, "")
}
