//! What each command does.

use super::{App, Tone};
use crate::command::Command;
use crate::model::id::DownloadId;
use crate::model::item::{Mode, Priority};
use crate::model::policy::{Cause, Policy};
use crate::model::request::{Act, Clear, Place, Request};
use crate::model::selector::{Selector, Term};
use crate::model::state::StateKind;
use crate::model::view::DownloadRow;
use crate::tui::effect::{Effect, Purpose};
use crate::tui::keep::Change;
use crate::tui::layout::{Pane, Size};
use crate::tui::overlay::Overlay;
use crate::tui::overlay::add::Add;
use crate::tui::overlay::confirm::Confirm;
use crate::tui::overlay::help::Help;
use crate::tui::overlay::palette::Palette;
use crate::tui::overlay::pick::Pick;
use crate::tui::overlay::prompt::{Prompt, Question};
use crate::tui::overlay::settings::Settings;
use crate::tui::sort::Sort;
use crate::tui::words;

impl App {
    /// Carries out a command that can act.
    pub(crate) fn run(&mut self, command: Command) {
        use Command as C;
        if self.pane == Pane::Library && self.run_on_shelf(command) {
            return;
        }
        let on_collection = command.of_collection().filter(|_| self.pane == Pane::Collections);
        let command = on_collection.unwrap_or(command);
        match command {
            C::Add => {
                let draft = self.drafts.add.take();
                self.overlay = Some(Overlay::Add(draft.unwrap_or_else(|| Box::new(Add::new(self)))));
            }
            C::Pause => self.pause_or_go_on(),
            C::HoldAll => {
                // What the plan, the line or the battery holds is released by the same key.
                let holds = self.totals.held || self.background().policy == Policy::Hold;
                let (request, said) = if holds {
                    let by_hand = self.background().cause == Some(Cause::Person);
                    let said = if by_hand || self.totals.held {
                        "released: downloads go on as the plan, the line and the power have it"
                    } else {
                        "released: downloads go on"
                    };
                    (Request::Go { id: None }, said)
                } else {
                    (
                        Request::Hold { id: None, until: None, for_good: false },
                        "held: {hold} releases everything",
                    )
                };
                self.call(Purpose::Say(self.options.keymap.fill(said)), request);
            }
            C::Resume => self.resume(),
            C::Cancel => self.act(Act::Cancel, "cancelled"),
            C::Remove => self.ask_to_remove(),
            C::Undo => self.call(Purpose::Undo, Request::Undo),
            C::Mode => self.switch_mode(),
            C::NewMode => {
                self.new_mode = other(self.new_mode);
                let said = match self.new_mode {
                    Mode::Background => {
                        format!("new downloads are background: each {}", words::afterwards(&self.options))
                    }
                    Mode::RealTime => "new downloads are real time: front first, lost if you quit".into(),
                };
                self.say(Tone::Plain, said);
            }
            C::Now => self.first_or_not(),
            C::Earlier => self.move_in_queue(Place::Up),
            C::Later => self.move_in_queue(Place::Down),
            C::Mark => self.mark(),
            C::MarkAll => self.mark_all(),
            C::Edit => {
                if let Some(id) = self.targets().first().copied() {
                    self.call(Purpose::Edit, Request::Show { id, reveal: true });
                }
            }
            C::NewLink => self.prompt(Question::NewLink),
            C::Collection => self.overlay = Some(Overlay::Pick(Pick::collections(self))),
            C::Limit => self.call(Purpose::Limit(false), Request::Standing),
            C::LimitAll => self.call(Purpose::Limit(true), Request::Standing),
            C::Open if !self.options.local => self.tell_how_to_pull(),
            C::Open => self.show_for(Purpose::Open),
            C::OpenFolder => self.show_for(Purpose::OpenFolder),
            C::CopyPath => self.show_for(Purpose::CopyPath),
            C::Copy => self.copy_link(),
            C::Filter => self.start_filter(),
            C::Sort => self.sort_by(Sort::by(self.list.sort().column.next())),
            C::Reverse => {
                let sort = self.list.sort();
                self.sort_by(Sort { falling: !sort.falling, ..sort });
            }
            C::NextNeed => self.next_need(1),
            C::PreviousNeed => self.next_need(-1),
            C::Freeze => {
                self.list.freeze(!self.list.is_frozen());
                let said = if self.list.is_frozen() {
                    "the order is frozen: {freeze} lets it go"
                } else {
                    "the order is live again"
                };
                self.say(Tone::Plain, self.options.keymap.fill(said));
                self.follow();
            }
            C::NextPane => self.pane_by(1),
            C::PreviousPane => self.pane_by(Pane::ALL.len() - 1),
            C::PaneCollections => self.show_pane(Pane::Collections),
            C::PaneDownloads => self.show_pane(Pane::Downloads),
            C::PaneLibrary => self.show_pane(Pane::Library),
            C::PaneLog | C::Since => self.show_pane(Pane::Log),
            C::Theme => self.overlay = Some(Overlay::Pick(Pick::themes(self))),
            C::Palette => self.overlay = Some(Overlay::Palette(Palette::new())),
            C::Help => self.overlay = Some(Overlay::Help(Help::default())),
            C::Quit => self.quit(),
            C::Leave => self.quit_now(),
            C::Suspend => self.effects.push(Effect::Suspend),
            C::Redraw => self.effects.push(Effect::Redraw),
            C::Start => {
                self.say(Tone::Plain, "starting the agent".into());
                self.effects.push(Effect::Start);
            }
            C::Up | C::Down | C::Top | C::Bottom | C::PageUp | C::PageDown => self.navigate(command),
            C::Left | C::Right | C::Enter => self.step(command),
            C::Back => self.back(),
            C::NewCollection => self.prompt(Question::NewCollection),
            C::RenameCollection => self.prompt(Question::RenameCollection),
            C::RemoveCollection => self.ask_to_remove_collection(),
            C::HoldCollection => self.hold_collection(),
            C::ClearFinished => self.clear(Clear::Finished),
            C::ClearCancelled => self.clear(Clear::Cancelled),
            C::RetryFailed => {
                let select = Selector { terms: vec![Term::State(StateKind::Failed)], ..Selector::default() };
                self.call(Purpose::Act("tried again"), Request::Act { select, act: Act::Retry });
            }
            C::Motion => {
                let calm = !self.options.ui.reduced_motion;
                self.effects.push(Effect::Change(Change::of_ui("reduced_motion", calm.to_string())));
            }
            C::Pages => {
                if let Some(page) = self.asking.first() {
                    self.overlay = Some(Overlay::Pick(Pick::page(page)));
                }
            }
            C::PriorityHigh => self.give_priority(Priority::High, "before the others"),
            C::PriorityNormal => self.give_priority(Priority::Normal, "at the usual priority"),
            C::PriorityLow => self.give_priority(Priority::Low, "after the others"),
            C::CollectionSettings => self.set_collection(),
            C::RetryCollection => self.retry_collection(),
            C::Presets => self.call(Purpose::Presets, Request::Presets),
            C::Settings => {
                self.overlay = Some(Overlay::Settings(Settings::default()));
                self.effects.push(Effect::ListSettings);
            }
        }
    }

    /// Does something to what is meant, and forgets the marks.
    pub(crate) fn act(&mut self, act: Act, word: &'static str) {
        let ids = self.targets();
        self.act_on(ids, act, word);
    }

    pub(crate) fn act_on(&mut self, ids: Vec<DownloadId>, act: Act, word: &'static str) {
        let purpose = match &act {
            Act::SetMode { mode } => Purpose::SetMode(*mode),
            _ => Purpose::Act(word),
        };
        let keeps = matches!(act, Act::Move { .. });
        // From now on, not from the answer: that comes when it is done, and the row shows it before.
        self.undoable |= matches!(act, Act::Cancel | Act::Remove);
        self.call(purpose, Request::Act { select: Selector { ids, ..Selector::default() }, act });
        if !keeps {
            self.marks.clear();
        }
    }

    /// Moves what is meant one place up or down, all of it together; the list shows it only where it is sorted by the queue.
    fn move_in_queue(&mut self, to: Place) {
        let ids = self.targets();
        let place = |row: &DownloadRow| (row.order, row.id);
        let is_up = to == Place::Up;
        let is_ahead = |one: (f64, DownloadId), other: (f64, DownloadId)| {
            let order = one.0.total_cmp(&other.0).then(one.1.cmp(&other.1));
            if is_up { order.is_lt() } else { order.is_gt() }
        };
        let chosen: Vec<_> = ids.iter().filter_map(|id| self.list.row(*id)).map(place).collect();
        let others = self.list.rows().filter(|row| !ids.contains(&row.id)).map(place);
        let may_move = others.into_iter().any(|other| chosen.iter().any(|one| is_ahead(other, *one)));
        match (may_move, is_up) {
            (true, true) => self.act(Act::Move { to }, "earlier in the queue"),
            (true, false) => self.act(Act::Move { to }, "later in the queue"),
            (false, true) => self.say(Tone::Plain, "it is the first in the queue".into()),
            (false, false) => self.say(Tone::Plain, "it is the last in the queue".into()),
        }
    }

    fn pause_or_go_on(&mut self) {
        let ids = self.targets();
        let paused =
            |id: &DownloadId| self.list.row(*id).is_some_and(|row| row.state.kind() == StateKind::Paused);
        if ids.iter().all(paused) {
            self.act(Act::Resume, "resumed");
        } else {
            self.act(Act::Pause, "paused");
        }
    }

    /// What is paused goes on; what failed, was cancelled or waits is tried again.
    fn resume(&mut self) {
        let (paused, rest): (Vec<_>, Vec<_>) = self
            .targets()
            .into_iter()
            .partition(|id| self.list.row(*id).is_some_and(|row| row.state.kind() == StateKind::Paused));
        if !paused.is_empty() {
            self.act_on(paused, Act::Resume, "resumed");
        }
        if !rest.is_empty() {
            self.act_on(rest, Act::Retry, "tried again");
        }
    }

    fn switch_mode(&mut self) {
        let ids = self.targets();
        let all_real = ids.iter().all(|id| self.list.row(*id).is_some_and(|row| row.mode == Mode::RealTime));
        let mode = if all_real { Mode::Background } else { Mode::RealTime };
        self.act_on(ids, Act::SetMode { mode }, "");
    }

    /// First now; those that are already go back to the usual priority.
    fn first_or_not(&mut self) {
        let ids = self.targets();
        let is_now = |id: &DownloadId| self.list.row(*id).is_some_and(|row| row.priority == Priority::Now);
        let (priority, said) = if !ids.is_empty() && ids.iter().all(is_now) {
            (Priority::Normal, "at the usual priority again")
        } else {
            let is_paused =
                |id: &DownloadId| self.list.row(*id).is_some_and(|row| row.state.kind() == StateKind::Paused);
            let said = if ids.iter().any(is_paused) {
                "first, at full speed, once it is resumed: {pause}; {now} again takes that back"
            } else {
                "first now, at full speed; {now} again takes that back"
            };
            (Priority::Now, said)
        };
        self.give_priority(priority, said);
    }

    fn give_priority(&mut self, priority: Priority, said: &'static str) {
        self.act(Act::SetPriority { priority }, said);
    }

    /// Removing asks only where bytes would be lost.
    fn ask_to_remove(&mut self) {
        let ids = self.targets();
        let rows: Vec<_> = ids.iter().filter_map(|id| self.list.row(*id)).collect();
        let lost: u64 =
            rows.iter().filter(|row| row.state.kind() != StateKind::Completed).map(|row| row.covered).sum();
        if lost == 0 {
            return self.act(Act::Remove, "removed; {undo} takes it back");
        }
        let name = (rows.len() == 1).then(|| rows[0].name.clone());
        self.overlay = Some(Overlay::Confirm(Confirm::remove(ids, name, lost)));
    }

    /// A finished file of another machine is brought home by a command, which is copied.
    fn tell_how_to_pull(&mut self) {
        let Some(id) = self.targets().first().copied() else { return };
        let command = format!("haul --host {} pull {id}", self.options.place);
        self.say(
            Tone::Plain,
            format!("it is on {}: `{command}` brings it here, and is copied", self.options.place),
        );
        self.effects.push(Effect::Copy(command));
    }

    pub(super) fn prompt(&mut self, question: Question) {
        self.overlay = Some(Overlay::Prompt(Prompt::new(question, self)));
    }

    fn show_for(&mut self, purpose: Purpose) {
        if let Some(id) = self.targets().first().copied() {
            self.call(purpose, Request::Show { id, reveal: false });
        }
    }

    /// The owner's explicit copy carries the true link.
    fn copy_link(&mut self) {
        let ids = self.targets();
        if let [id] = ids[..] {
            self.call(Purpose::CopyLink, Request::Show { id, reveal: true });
        } else {
            self.call(Purpose::CopyLink, Request::Export { select: Selector { ids, ..Selector::default() } });
        }
    }

    fn mark(&mut self) {
        if let Some(cause) = self.cursor_cause() {
            let members = self.list.members(&cause);
            if members.iter().all(|id| self.marks.contains(id)) {
                for id in &members {
                    self.marks.remove(id);
                }
            } else {
                self.marks.extend(members);
            }
        } else if let Some(id) = self.cursor_row().map(|row| row.id)
            && !self.marks.remove(&id)
        {
            self.marks.insert(id);
        }
        self.move_by(1);
    }

    fn mark_all(&mut self) {
        let shown = self.list.shown_ids();
        if shown.is_subset(&self.marks) {
            self.marks.clear();
        } else {
            self.marks = shown;
        }
    }

    /// Sorts by a column; the cursor stays on its download.
    pub(crate) fn sort_by(&mut self, sort: Sort) {
        self.list.sort_by(sort);
        self.follow();
    }

    fn pane_by(&mut self, steps: usize) {
        let at = self.pane.number() - 1 + steps;
        self.show_pane(Pane::ALL[at % Pane::ALL.len()]);
    }

    /// Gives a pane the keys.
    pub(crate) fn show_pane(&mut self, pane: Pane) {
        let comes = self.pane != pane;
        self.pane = pane;
        if pane == Pane::Library && comes {
            self.library.refresh();
        }
        if pane == Pane::Log {
            self.read_log();
            self.since = super::Since::default();
        }
        self.keep_in_sight();
    }

    fn navigate(&mut self, command: Command) {
        let page = self.page().max(2).cast_signed() - 1;
        let step = match command {
            Command::Up => -1,
            Command::Down => 1,
            Command::PageUp => -page,
            Command::PageDown => page,
            Command::Top => isize::MIN,
            _ => isize::MAX,
        };
        match self.pane {
            Pane::Downloads => match step {
                isize::MAX => self.go_to(usize::MAX),
                isize::MIN => self.go_to(0),
                step => self.move_by(step),
            },
            Pane::Collections => {
                let last = self.collections.len();
                let at = self.collection_line.saturating_add_signed(step.clamp(-100_000, 100_000)).min(last);
                self.show_collection(at);
            }
            Pane::Library => self.library.move_by(step),
            Pane::Log => {
                let last = self.log.len().saturating_sub(1);
                self.log_at = self.log_at.saturating_add_signed(step.clamp(-100_000, 100_000)).min(last);
            }
        }
    }

    fn step(&mut self, command: Command) {
        match (self.pane, command) {
            (Pane::Collections, Command::Right | Command::Enter) | (Pane::Log, Command::Left) => {
                self.show_pane(Pane::Downloads);
            }
            (Pane::Downloads, Command::Left) => self.show_pane(Pane::Collections),
            (Pane::Downloads, Command::Enter) => self.enter(),
            (Pane::Log, Command::Enter) => match self.log.get(self.log_at).map(|line| line.id) {
                Some(DownloadId(0)) => {
                    self.say(Tone::Plain, "that was about no single download".into());
                }
                Some(id) => self.jump(id),
                None => {}
            },
            _ => {}
        }
    }

    /// Shows a download wherever it is.
    pub(crate) fn jump(&mut self, id: DownloadId) {
        if self.list.row(id).is_none() {
            return self.say(Tone::Plain, "it is no longer in the list".into());
        }
        if self.list.place(id).is_none() {
            self.show_collection(0);
            self.filter_by("");
        }
        self.show_pane(Pane::Downloads);
        if !self.go_to_download(id)
            && let Some(row) = self.list.row(id)
        {
            let text = format!("state:{} host:{}", row.state.kind().word(), row.host);
            self.filter_by(&text);
            self.go_to_download(id);
        }
    }

    fn enter(&mut self) {
        if let Some((kind, host)) = self.cursor_cause() {
            self.filter_by(&format!("why:{} host:{host}", kind.word()));
            return;
        }
        let Some(row) = self.cursor_row() else { return };
        let is_done = row.state.kind() == StateKind::Completed;
        if self.room() == Size::Compact {
            self.overlay = Some(Overlay::Detail(0));
        } else if is_done && self.options.local {
            self.show_for(Purpose::Open);
        } else {
            self.overlay = Some(Overlay::Detail(0));
        }
    }

    fn back(&mut self) {
        if !self.marks.is_empty() {
            self.marks.clear();
        } else if !self.list.filter().text().is_empty() {
            self.filter_by("");
        } else if self.pane != Pane::Downloads {
            self.show_pane(Pane::Downloads);
        } else if !self.options.tip.is_empty() {
            self.options.tip.clear();
        } else if self.notice.take().is_some() {
        } else if self.since.is_news() {
            self.since = super::Since::default();
        } else if self.collection_line > 0 {
            self.show_collection(0);
        } else {
            self.say(Tone::Plain, self.options.keymap.fill("{quit} leaves"));
        }
        self.keep_in_sight();
    }

    /// Makes a request for a dialog.
    pub(crate) fn ask(&mut self, purpose: Purpose, request: Request) {
        self.call(purpose, request);
    }

    /// Keeps links that were looked through and not added: `Esc` loses nothing.
    pub(crate) fn keep_draft(&mut self, mut add: Add) {
        if let Some(earlier) = self.drafts.add.take() {
            add.take_over(*earlier);
        }
        self.drafts.add = Some(Box::new(add));
        self.say_filled(Tone::Plain, "nothing is added; {add} brings the links back");
    }

    /// Says something with keys in it.
    pub(crate) fn say_filled(&mut self, tone: Tone, text: &str) {
        self.say(tone, self.options.keymap.fill(text));
    }

    /// Wants something done for a dialog.
    pub(crate) fn want(&mut self, effect: Effect) {
        self.effects.push(effect);
    }
}

fn other(mode: Mode) -> Mode {
    match mode {
        Mode::Background => Mode::RealTime,
        Mode::RealTime => Mode::Background,
    }
}
