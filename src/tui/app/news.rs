//! What changed, as it comes from the engine; and what of it a person should be told.

use std::borrow::Cow;
use std::time::Duration;

use super::App;
use crate::model::id::{CollectionId, DownloadId};
use crate::model::item::Mode;
use crate::model::page::PageRequest;
use crate::model::policy::{Cause, Policy};
use crate::model::printable::without_numbers;
use crate::model::record::HistoryLine;
use crate::model::request::Request;
use crate::model::state::{State, StateKind};
use crate::model::time::UnixMs;
use crate::model::update::Update;
use crate::model::view::DownloadRow;
use crate::tui::effect::{Effect, Purpose};
use crate::tui::overlay::Overlay;
use crate::tui::overlay::add::Add;
use crate::tui::words;

/// How long a message stays at least, and how much longer for each of its characters: nobody reads faster. The next key ends it.
const TOAST_MS: (i64, i64) = (1200, 40);
/// How long the longest message stays.
const LONGEST_TOAST_MS: i64 = 6000;
/// A shorter hold is no news.
const LEAST_HOLD: Duration = Duration::from_mins(1);
/// Lines of the log that are asked for.
const LOG: u32 = 500;

/// How a message is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Just said.
    Plain,
    /// Good news.
    Good,
    /// Something to mind.
    Warning,
    /// Something went wrong.
    Bad,
}

/// A short message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Toast {
    /// How it is meant.
    pub(crate) tone: Tone,
    /// What it says.
    pub(crate) text: String,
    /// The name that it begins with; empty where it begins with none.
    name: String,
    until: UnixMs,
}

impl Toast {
    /// A message that stays until a key is pressed.
    pub(crate) fn until_read(tone: Tone, text: String) -> Self {
        Self { tone, text, name: String::new(), until: UnixMs(i64::MAX) }
    }

    /// The name that it begins with, where it begins with one, and what it says of that.
    pub(crate) fn named(&self) -> Option<(&str, &str)> {
        let rest = self.text.strip_prefix(&self.name).filter(|_| !self.name.is_empty())?;
        Some((&self.name, rest))
    }

    /// Whether it goes by itself.
    pub(crate) fn goes(&self) -> bool {
        self.until < UnixMs(i64::MAX)
    }

    /// Whether its time is over.
    pub(crate) fn is_over(&self, now: UnixMs) -> bool {
        now >= self.until
    }
}

/// The newest failure, until it is read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Notice {
    /// Of which download.
    pub(crate) id: DownloadId,
    /// Its name and what happened.
    pub(crate) text: String,
}

/// What happened while nobody looked.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Since {
    /// Since when.
    pub(crate) from: Option<UnixMs>,
    /// How many were completed.
    pub(crate) done: usize,
    /// How many failed.
    pub(crate) failed: usize,
    /// How many were started over.
    pub(crate) over: usize,
    /// How many were lost.
    pub(crate) lost: usize,
    /// How long background downloads were held in all, and by what.
    pub(crate) held: Option<(Duration, String)>,
}

impl Since {
    /// What the log says that happened after a line of it.
    fn of(lines: &[HistoryLine], seen: u64) -> Self {
        let news = || lines.iter().filter(|line| line.number > seen);
        let count = |what: &str| news().filter(|line| line.what == what).count();
        let mut since = Self {
            from: news().map(|line| line.at).min(),
            done: count("completed"),
            failed: count("failed"),
            over: count("started over"),
            lost: count("lost"),
            held: None,
        };
        for line in news().filter(|line| line.what == "held") {
            since.count_held(Duration::from_secs(line.secs.unwrap_or_default()), &line.text);
        }
        since
    }

    /// Whether there is anything to tell.
    pub(crate) fn is_news(&self) -> bool {
        self.done + self.failed + self.over + self.lost > 0 || self.held.is_some()
    }

    /// Counts a time in which background downloads were held.
    fn count_held(&mut self, time: Duration, cause: &str) {
        let (known, causes) = self.held.get_or_insert_with(|| (Duration::ZERO, String::new()));
        *known += time;
        if !causes.split(", ").any(|known| known == cause) {
            let gap = if causes.is_empty() { "" } else { ", " };
            causes.push_str(gap);
            causes.push_str(cause);
        }
    }

    /// `27 done, 2 failed, 40 min held (metered)`
    pub(crate) fn text(&self) -> String {
        let parts =
            [(self.done, "done"), (self.failed, "failed"), (self.over, "started over"), (self.lost, "lost")];
        let told = parts.iter().filter(|(count, _)| *count > 0);
        let held = self.held.as_ref().map(|(time, cause)| format!("{} held ({cause})", words::span(*time)));
        told.map(|(count, word)| format!("{count} {word}")).chain(held).collect::<Vec<_>>().join(", ")
    }
}

impl App {
    /// Says something for a few seconds.
    pub(crate) fn say(&mut self, tone: Tone, mut text: String) {
        if let Cow::Owned(told) = without_numbers(&text) {
            text = told;
        }
        let long = i64::try_from(text.chars().count()).unwrap_or(i64::MAX).saturating_mul(TOAST_MS.1);
        let stays = TOAST_MS.0.saturating_add(long).min(LONGEST_TOAST_MS);
        self.toast = Some(Toast { tone, text, name: String::new(), until: UnixMs(self.now.0 + stays) });
    }

    /// Says something of a thing with a name.
    pub(crate) fn say_of(&mut self, tone: Tone, name: String, text: &str) {
        self.say(tone, format!("{name}: {text}"));
        if let Some(toast) = &mut self.toast {
            toast.name = name;
        }
    }

    /// Says something with keys in it after what is said already.
    pub(super) fn say_more(&mut self, text: &str) {
        let Some(before) = self.toast.take() else { return };
        self.say(before.tone, format!("{}. {}", before.text, self.options.keymap.fill(text)));
    }

    /// Counts how long background downloads are held while nobody looks: a hold of less than a minute is no news.
    pub(super) fn mind_hold(&mut self) {
        let leave = self.background();
        let holds = leave.policy == Policy::Hold && self.going_on() > 0 && !self.focused;
        let cause = Cause::brief(leave.cause);
        if holds && self.held_since.as_ref().is_some_and(|(_, known)| *known == cause) {
            return;
        }
        if let Some((from, cause)) = self.held_since.take() {
            let time = self.now.since(from);
            if time >= LEAST_HOLD {
                self.since.from.get_or_insert(from);
                self.since.count_held(time, cause);
            }
        }
        self.held_since = holds.then_some((self.now, cause));
    }

    /// Takes in what changed.
    pub(super) fn changed(&mut self, update: Update) {
        let was_loading = self.loading;
        if self.loading && self.list.len() > 0 && self.asked.settled == 0 && !update.rows.is_empty() {
            // A connection that was made anew brings the whole list again.
            self.list.clear();
        }
        for row in update.rows {
            if !was_loading {
                self.notice_change(&row);
            }
            self.track(&row);
            if self.detail.as_ref().is_some_and(|detail| detail.row.id == row.id) {
                self.asked.detail_stale = true;
            }
            if row.mode != Mode::RealTime || !row.state.kind().is_unfinished() {
                self.own.remove(&row.id);
            } else if self.options.passing {
                // Whoever began it, it is lost with all the rest.
                self.own.insert(row.id);
            }
            self.list.put(row);
        }
        for id in update.removed {
            self.list.take(id);
            self.marks.remove(&id);
            self.own.remove(&id);
            self.tracks.remove(&id);
            if self.notice.as_ref().is_some_and(|notice| notice.id == id) {
                self.notice = None;
            }
        }
        if let Some(collections) = update.collections {
            self.collections = collections;
            self.collection_line = self.collection_line.min(self.collections.len());
            if let Some(id) = self.list.collection()
                && !self.collections.iter().any(|row| row.id == id)
            {
                self.show_collection(0);
            }
        }
        if let Some(asking) = update.asking {
            let is_new = |page: &&PageRequest| !self.asking.iter().any(|known| known.origin == page.origin);
            let new: Vec<_> = asking.iter().filter(is_new).map(words::asks).collect();
            self.asking = asking;
            for text in new {
                self.ring(text);
            }
            self.keep_in_sight();
        }
        if let Some(totals) = update.totals {
            // Somebody else may have changed it, or a scan did.
            if totals.library != self.totals.library {
                self.library.refresh();
            }
            self.totals = totals;
        }
        self.mind_hold();
        self.loading = update.more;
        self.asked.settled = self.asked.settled.max(1);
        if was_loading && !self.loading {
            self.busy = self.counted_busy();
            self.read_log();
            self.offer();
        } else if !self.loading {
            self.mind_collections();
        }
        self.settle(false);
        self.sample();
    }

    /// Fills the Add dialog with what the screen was opened with, once.
    fn offer(&mut self) {
        if self.overlay.is_none() && !self.options.offered.is_empty() {
            let offered = std::mem::take(&mut self.options.offered);
            self.overlay = Some(Overlay::Add(Box::new(Add::with_entries(offered, self))));
        }
    }

    /// Speeds are kept of what runs, and of nothing else.
    fn track(&mut self, row: &DownloadRow) {
        if row.state.kind().is_running() {
            self.tracks.entry(row.id).or_default();
        } else {
            self.tracks.remove(&row.id);
        }
    }

    fn notice_change(&mut self, row: &DownloadRow) {
        let before = self.list.row(row.id).map(|row| row.state.kind());
        let now = row.state.kind();
        if before == Some(now) {
            return;
        }
        if now == StateKind::Completed && self.asked.shelves.is_none_or(|(_, look)| look > 0) {
            self.asked.shelves = Some((self.now.0 + super::SHELVED_MS[0], 0));
        }
        match &row.state {
            State::Failed(failure) => {
                self.notice = Some(Notice { id: row.id, text: format!("{}: {}", row.name, failure.text) });
                if !self.focused {
                    self.since.failed += 1;
                    self.since.from.get_or_insert(self.now);
                }
            }
            State::Completed if before.is_some() && !self.focused => {
                self.since.done += 1;
                self.since.from.get_or_insert(self.now);
            }
            _ => {}
        }
        if before == Some(StateKind::Failed) && self.notice.as_ref().is_some_and(|notice| notice.id == row.id)
        {
            self.notice = None;
        }
        if before != Some(now) && (now.is_ended() || before.is_none()) && self.pane == super::Pane::Log {
            self.read_log();
        }
    }

    /// Whether the line above the footer tells what happened since somebody looked, and nothing else that comes first there.
    pub(crate) fn shows_since(&self) -> bool {
        self.since.is_news()
            && self.filtering.is_none()
            && self.list.filter().text().is_empty()
            && self.asking.is_empty()
            && self.options.tip.is_empty()
            && self.notice.is_none()
    }

    /// Asks for the log, unless that was done already and is on its way.
    pub(crate) fn read_log(&mut self) {
        if self.connected && !self.asked.log {
            self.asked.log = true;
            self.call(Purpose::Log, Request::History { limit: LOG, before: None });
        }
    }

    /// The log has come.
    pub(super) fn log_read(&mut self, lines: Vec<HistoryLine>) {
        self.asked.log = false;
        if let Some(seen) = self.options.seen.take() {
            self.since = Since::of(&lines, seen);
        }
        self.log = lines;
        self.log_at = self.log_at.min(self.log.len().saturating_sub(1));
    }

    /// Whether a collection has something to do, for each.
    fn counted_busy(&self) -> std::collections::BTreeMap<CollectionId, bool> {
        self.collections.iter().map(|row| (row.id, self.list.tally().is_busy(row.id))).collect()
    }

    /// A collection that has no more to do is news, once.
    fn mind_collections(&mut self) {
        let busy = self.counted_busy();
        let tally = self.list.tally();
        let ended: Vec<String> = self
            .collections
            .iter()
            .filter(|row| self.busy.get(&row.id) == Some(&true) && busy.get(&row.id) == Some(&false))
            .map(|row| {
                let done = tally.count(row.id, StateKind::Completed);
                let failures = match tally.count(row.id, StateKind::Failed) {
                    0 => String::new(),
                    failed => format!(", {failed} failed"),
                };
                format!("{}: all done, {done} completed{failures}", row.name)
            })
            .collect();
        self.busy = busy;
        for text in ended {
            self.ring(text);
        }
    }

    fn ring(&mut self, text: String) {
        if self.options.ui.bell {
            self.effects.push(Effect::Bell);
        }
        if self.options.ui.notify && !self.focused {
            self.effects.push(Effect::Notify(text));
        }
    }

    /// The newest line of the log that was there to be read: what comes after it is news at the next start.
    pub fn seen(&self) -> Option<u64> {
        self.log.first().map(|line| line.number)
    }

    /// The terminal's title; nothing where it stays as it is.
    pub fn title(&self) -> Option<String> {
        if !self.options.ui.title {
            return None;
        }
        let failed = self.totals.counts.get(&StateKind::Failed).copied().unwrap_or(0);
        Some(match (self.running(), failed, words::speed(self.totals.speed)) {
            (0, 0, _) => "haul".into(),
            (0, failed, _) => format!("haul: {failed} failed"),
            (running, _, speed) if speed.is_empty() => format!("haul: {running} running"),
            (running, _, speed) => format!("haul: {running} running, {speed}"),
        })
    }

    /// How many downloads run.
    fn running(&self) -> u64 {
        let running = self.totals.counts.iter().filter(|(kind, _)| kind.is_running());
        running.map(|(_, count)| *count).sum()
    }

    /// How far everything is, in hundredths, for the terminal's task bar; nothing where nothing runs.
    pub fn progress(&self) -> Option<u8> {
        let totals = &self.totals;
        let shows = self.options.ui.progress.unwrap_or(self.options.surroundings.progress);
        if !shows || totals.size == 0 || self.running() == 0 {
            return None;
        }
        let here = totals.size.saturating_sub(totals.left);
        u8::try_from(u128::from(here) * 100 / u128::from(totals.size)).ok()
    }
}
