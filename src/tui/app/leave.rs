//! Leaving: at once where nothing is lost, with a question where something is, and never without a way out.

use super::App;
use crate::model::id::DownloadId;
use crate::model::item::Mode;
use crate::model::request::{Act, Request};
use crate::model::selector::Selector;
use crate::model::state::StateKind;
use crate::tui::effect::{Effect, Purpose};
use crate::tui::overlay::Overlay;
use crate::tui::overlay::leave::Leave;

impl App {
    /// Leaves, unless real-time downloads would be lost: then it asks.
    pub(super) fn quit(&mut self) {
        let lost = self.would_be_lost();
        if lost.is_empty() {
            self.go(true);
        } else {
            self.overlay = Some(Overlay::Leave(Leave::new(lost)));
        }
    }

    /// Ctrl-C: as [`Self::quit`], but a second time leaves whatever is lost.
    pub(super) fn quit_now(&mut self) {
        if self.leaving || matches!(self.overlay, Some(Overlay::Leave(_))) {
            self.go(false);
        } else {
            self.overlay = None;
            self.quit();
        }
    }

    /// Leaves. A goodbye gives up what this client owns; without one it has a minute to come back.
    pub(crate) fn go(&mut self, goodbye: bool) {
        self.leaving = true;
        self.effects.push(Effect::Quit { goodbye });
    }

    /// Makes the real-time downloads background ones, and leaves when that is done.
    pub(crate) fn keep_and_go(&mut self, ids: Vec<DownloadId>) {
        self.leaving = true;
        let select = Selector { ids, ..Selector::default() };
        self.call(Purpose::ThenLeave, Request::Act { select, act: Act::SetMode { mode: Mode::Background } });
    }

    /// The real-time downloads that end with this program.
    fn would_be_lost(&self) -> Vec<DownloadId> {
        let mut ids: Vec<_> = self
            .own
            .iter()
            .copied()
            .filter(|id| {
                self.list
                    .row(*id)
                    .is_some_and(|row| row.mode == Mode::RealTime && row.state.kind().is_unfinished())
            })
            .collect();
        ids.sort_unstable();
        ids
    }

    /// How many background downloads are not done.
    pub(crate) fn going_on(&self) -> usize {
        let unfinished =
            |kind: StateKind| kind.is_running() || matches!(kind, StateKind::Queued | StateKind::Waiting);
        let all: u64 =
            self.totals.counts.iter().filter(|(kind, _)| unfinished(**kind)).map(|(_, count)| *count).sum();
        usize::try_from(all).unwrap_or(usize::MAX).saturating_sub(self.would_be_lost().len())
    }

    /// What is said on the shell after a leave.
    pub fn last_words(&self) -> Option<String> {
        let count = self.going_on();
        if count == 0 {
            return None;
        }
        let what = crate::tui::words::downloads(count);
        if !self.connected && !self.options.local {
            let were = if count == 1 { "was" } else { "were" };
            return Some(format!("{what} {were} under way there when the connection was lost."));
        }
        Some(match (self.options.outlives && self.connected, count) {
            (true, 1) => format!("{what} goes on in the background; `haul` shows it."),
            (true, _) => format!("{what} go on in the background; `haul` shows them."),
            (false, 1) => format!("{what} waits; it goes on when `haul` runs again."),
            (false, _) => format!("{what} wait; they go on when `haul` runs again."),
        })
    }
}
