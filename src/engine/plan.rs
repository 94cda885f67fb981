//! The plan at work: what each way to download may do is decided anew when a moment has come, a person says something, or the line,
//! the power or the budget changed; and what follows from it is done.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::core::Core;
use super::item::{Item, Then};
use crate::kernel::budget::{self, Traffic};
use crate::kernel::leave::{self, Facts, Word};
use crate::kernel::schedule;
use crate::model::id::{CollectionId, DownloadId};
use crate::model::item::Mode;
use crate::model::policy::{Battery, Cause, Period, Policy, Spent};
use crate::model::record::HistoryLine;
use crate::model::request::Refusal;
use crate::model::state::{State, StateKind, WaitReason};
use crate::model::time::UnixMs;
use crate::model::way::Way;
use crate::model::words::span;
use crate::store::db::Durability;

/// What the store keeps a person's word under.
pub(super) const WORD: &str = "word";
/// How long a moment of the wall clock is believed, should nobody tell that the clock was set or the time zone changed.
const LOOK_AGAIN: Duration = Duration::from_mins(1);
/// How often the traffic is stored.
const KEEP_TRAFFIC: Duration = Duration::from_secs(1);

/// What is decided, and by what.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) word: Word,
    pub(super) traffic: Traffic,
    /// Bytes of a day that are not stored yet.
    unstored: Option<(Date, u64)>,
    stored_at: Option<Instant>,
    /// When it is decided anew, should nothing happen before.
    again: Option<Instant>,
    /// Whether the line is metered and what the battery has, where somebody tells.
    pub(super) metered: Option<bool>,
    pub(super) on_battery: Option<Battery>,
    /// Whether those that tell of them are yet to be heard.
    pub(super) unheard: bool,
    /// The budgets that were used up when it was decided.
    used_up: Vec<Period>,
    /// Since when background downloads are held, and by what.
    held: Option<(UnixMs, &'static str)>,
}

impl Core {
    /// Takes up what an earlier engine kept.
    ///
    /// # Errors
    /// The store can't be read.
    pub(super) fn take_up_plan(&mut self) -> Result<(), crate::store::error::StoreError> {
        self.plan.word = self.db.kept(WORD)?.unwrap_or_default();
        let days = self.db.traffic()?.into_iter();
        self.plan.traffic = days.filter_map(|(day, bytes)| Some((day.parse().ok()?, bytes))).collect();
        self.reconsider(Instant::now());
        Ok(())
    }

    /// What is known of this moment.
    pub(super) fn circumstances(&self) -> Facts {
        let (zone, now) = (TimeZone::system(), timestamp());
        let rules = &self.config.circumstances;
        Facts {
            plan: schedule::stand(&rules.plan, &zone, now),
            metered: self.plan.metered,
            on_battery: self.plan.on_battery,
            budgets: budget::spent(&self.plan.traffic, &rules.budget, &zone, now),
            unheard: self.plan.unheard,
        }
    }

    /// Decides anew where it is time to. Returns when it will be again.
    pub(super) fn keep_to_plan(&mut self, now: Instant) -> Option<Instant> {
        if self.plan.again.is_some_and(|again| again <= now) {
            self.reconsider(now);
        }
        self.plan.again
    }

    /// Decides anew at the next turn of the loop.
    pub(super) fn reconsider_soon(&mut self) {
        self.plan.again = Some(Instant::now());
    }

    /// Decides what each way may do, and does what follows.
    pub(super) fn reconsider(&mut self, now: Instant) {
        let facts = self.circumstances();
        let wall = UnixMs::from(super::wall());
        let mut word = self.plan.word.clone();
        word.age(&facts, &self.config.circumstances, wall);
        self.say_word(word);
        let leaves = leave::decide(&facts, &self.config.circumstances, &self.plan.word);
        self.plan.used_up = used_up(&facts.budgets);
        let background = leaves.of(Way::Background);
        let holds = background.policy == Policy::Hold;
        self.mind_hold(holds.then(|| Cause::brief(background.cause)), wall);
        let released = self.release_collections(wall);
        let moments = leaves.iter().filter_map(|(_, leave)| leave.until);
        let moments = moments.chain(self.plan.word.next());
        let moments = moments.chain(facts.budgets.iter().map(|spent| spent.until));
        let moments = moments.chain(self.collections.values().filter_map(|own| own.held_until));
        self.plan.again = moments.min().map(|moment| now + moment.since(wall).min(LOOK_AGAIN));
        if leaves == self.leaves && !released {
            return;
        }
        let before = std::mem::replace(&mut self.leaves, leaves);
        for way in Way::ALL {
            let (was, is) = (before.of(way).policy, self.leaves.of(way).policy);
            if is == Policy::Hold && was != Policy::Hold && way != Way::RealTime {
                self.hold_running(None, Some(way));
            }
        }
        self.limit_anew();
        self.show_leaves();
        self.pump();
    }

    /// Keeps in the history how long background downloads were held, once they no longer are, or by something else: nobody may have
    /// looked. It counts where one of them waited for it, and for longer than a moment.
    pub(super) fn mind_hold(&mut self, now: Option<&'static str>, wall: UnixMs) {
        if self.plan.held.map(|(_, cause)| cause) == now {
            return;
        }
        let before = std::mem::replace(&mut self.plan.held, now.map(|cause| (wall, cause)));
        let Some((from, cause)) = before else { return };
        let waited = |item: &Item| {
            let record = &item.record;
            let kind = record.state.kind();
            let goes_on = kind.is_running() || matches!(kind, StateKind::Queued | StateKind::Waiting);
            record.mode == Mode::Background && goes_on && record.added < wall
        };
        let waits = self.items.values().filter(|item| waited(item)).map(|item| item.record.added).min();
        let Some(first) = waits else { return };
        let time = wall.since(from.max(first));
        if time < self.settings.least_hold {
            return;
        }
        let line = HistoryLine {
            number: 0,
            at: wall,
            id: DownloadId(0),
            name: format!("background, for {}", span(time)),
            what: "held".into(),
            text: cause.into(),
            place: None,
            secs: Some(time.as_secs()),
        };
        // History is a help.
        drop(self.db.tell(vec![line], self.settings.history));
    }

    /// How downloads stand that are in line or run shows in their rows.
    fn show_leaves(&mut self) {
        let shown: Vec<_> = self
            .items
            .values()
            .filter(|item| item.record.state == State::Queued || item.run.is_some())
            .map(|item| item.record.id)
            .collect();
        for id in shown {
            self.touch(id);
        }
        self.totals = None;
        self.touch_collections();
    }

    /// Keeps what a person said, where that is something new.
    fn say_word(&mut self, word: Word) {
        if word != self.plan.word {
            self.plan.word = word;
            // What can't be stored holds all the same, until the process ends.
            let ticket = self.db.keep(WORD, &self.plan.word);
            self.answer_after(ticket);
        }
    }

    /// Holds everything or a collection, or releases it.
    pub(super) fn hold(
        &mut self,
        id: Option<CollectionId>,
        until: Option<UnixMs>,
        for_good: bool,
    ) -> Result<(), Refusal> {
        match id {
            None => {
                let facts = self.circumstances();
                let hold = Word::hold(&facts, until, for_good).hold;
                self.say_word(Word { hold, ..self.plan.word.clone() });
                self.reconsider(Instant::now());
            }
            Some(id) => self.hold_collection(id, true, until)?,
        }
        Ok(())
    }

    /// Releases everything or a collection. Where a person held everything, that is over; else what holds is lifted, each until it
    /// would have changed by itself.
    pub(super) fn go(&mut self, id: Option<CollectionId>) -> Result<(), Refusal> {
        match id {
            None => {
                let facts = self.circumstances();
                let word = match self.plan.word.hold {
                    Some(_) => Word { hold: None, ..self.plan.word.clone() },
                    None => Word::go(&facts, &self.config.circumstances),
                };
                self.say_word(word);
                self.reconsider(Instant::now());
            }
            Some(id) => self.hold_collection(id, false, None)?,
        }
        Ok(())
    }

    fn hold_collection(
        &mut self,
        id: CollectionId,
        held: bool,
        until: Option<UnixMs>,
    ) -> Result<(), Refusal> {
        let collection = self.collection(id)?;
        (collection.held, collection.held_until) = (held, until.filter(|_| held));
        let record = collection.clone();
        let ticket = self.db.put_collection(record);
        self.answer_after(ticket);
        if held {
            self.hold_running(Some(id), None);
        }
        self.show_leaves();
        self.reconsider_soon();
        self.pump();
        Ok(())
    }

    /// Holds of collections whose time has come are over. Returns whether one was.
    fn release_collections(&mut self, wall: UnixMs) -> bool {
        let over: Vec<_> = self
            .collections
            .values_mut()
            .filter(|collection| collection.held_until.is_some_and(|until| until <= wall))
            .map(|collection| {
                (collection.held, collection.held_until) = (false, None);
                collection.clone()
            })
            .collect();
        let any = !over.is_empty();
        for record in over {
            drop(self.db.put_collection(record));
        }
        any
    }

    /// Lets go of what runs in the background, of a collection or a way where one is named.
    fn hold_running(&mut self, collection: Option<CollectionId>, way: Option<Way>) {
        for id in self.queue.ids_running() {
            let Some(item) = self.items.get(&id) else { continue };
            let record = &item.record;
            let is_meant = collection.is_none_or(|collection| record.collection == collection)
                && way.is_none_or(|way| Way::of(record.mode, record.priority) == way);
            if is_meant && record.mode == Mode::Background && record.state.kind() != StateKind::Processing {
                self.stop_run(id, Then::Queue);
            }
        }
    }

    /// A download's state as people see it: one in line that may not start waits, and says for what.
    pub(super) fn shown_state(&self, item: &Item) -> State {
        let record = &item.record;
        if record.state != State::Queued {
            return record.state.clone();
        }
        let leave = self.leaves.of(Way::of(record.mode, record.priority));
        if item.is_under_way {
            return State::Queued;
        }
        if leave.policy == Policy::Hold {
            let why = leave.cause.map_or(WaitReason::Held, Cause::reason);
            return State::Waiting { why, until: leave.until };
        }
        match self.collections.get(&record.collection) {
            Some(own) if own.held => State::Waiting { why: WaitReason::Held, until: own.held_until },
            _ => State::Queued,
        }
    }

    /// What limits a running download, or what it runs in spite of, in words for its row.
    pub(super) fn leave_remark(&self, item: &Item) -> Option<String> {
        let way = Way::of(item.record.mode, item.record.priority);
        let leave = self.leaves.of(way);
        let cause = leave.cause?;
        match leave.policy {
            Policy::Limit(_) => Some(format!("{}, {cause}", leave.policy.said(way))),
            Policy::Run if matches!(cause, Cause::Person) => None,
            Policy::Run => Some(cause.to_string()),
            Policy::Hold => None,
        }
    }

    /// Counts bytes that came. A budget that is used up by them is seen to at once.
    pub(super) fn count_traffic(&mut self, bytes: u64, now: Instant) {
        if bytes > 0 {
            let today = timestamp().to_zoned(TimeZone::system()).date();
            if self.plan.unstored.is_some_and(|(day, _)| day != today) {
                self.keep_traffic(Durability::Relaxed);
            }
            *self.plan.traffic.entry(today).or_default() += bytes;
            self.plan.unstored.get_or_insert((today, 0)).1 += bytes;
            let budget = &self.config.circumstances.budget;
            if budget.day.is_some() || budget.month.is_some() {
                self.mind_budget();
            }
        }
        if self.plan.stored_at.is_none_or(|at| now.saturating_duration_since(at) >= KEEP_TRAFFIC) {
            self.plan.stored_at = Some(now);
            self.keep_traffic(Durability::Relaxed);
        }
    }

    fn mind_budget(&mut self) {
        let rules = &self.config.circumstances;
        let spent = budget::spent(&self.plan.traffic, &rules.budget, &TimeZone::system(), timestamp());
        if used_up(&spent) != self.plan.used_up {
            self.reconsider_soon();
        }
    }

    /// Stores the bytes that are not stored yet.
    pub(super) fn keep_traffic(&mut self, durability: Durability) {
        if let Some((day, bytes)) = self.plan.unstored.take() {
            // What can't be stored is counted in this process all the same.
            drop(self.db.count_traffic(durability, day.to_string(), bytes));
        }
    }
}

/// The budgets of which nothing is left.
fn used_up(budgets: &[Spent]) -> Vec<Period> {
    budgets.iter().filter(|spent| spent.is_used_up()).map(|spent| spent.period).collect()
}

/// The wall clock, as the plan reads it.
fn timestamp() -> Timestamp {
    Timestamp::try_from(super::wall()).unwrap_or(Timestamp::UNIX_EPOCH)
}
