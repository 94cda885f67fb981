//! How the screen looks: theme, characters, and how much moves.

use jiff::tz::TimeZone;
use ratatui::style::Style;

use super::glyphs::{ASCII, Glyphs, UNICODE};
use crate::config::theme::{Depth, Role, Theme};
use crate::model::state::StateKind;
use crate::model::time::UnixMs;

/// How the screen looks.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    /// What colours mean, as far as the terminal has them.
    pub(crate) theme: Theme,
    /// The theme before the terminal's colours.
    depth: Depth,
    /// Characters.
    pub(crate) glyphs: Glyphs,
    /// Whether bars and graphs step once a second only.
    pub(crate) calm: bool,
    /// Where times of day are read.
    zone: TimeZone,
}

impl Look {
    /// Returns a look.
    pub(crate) fn new(theme: &Theme, depth: Depth, ascii: bool, calm: bool, zone: TimeZone) -> Self {
        Self { theme: theme.shown_in(depth), depth, glyphs: if ascii { ASCII } else { UNICODE }, calm, zone }
    }

    /// Puts another theme in place.
    pub(crate) fn wear(&mut self, theme: &Theme) {
        self.theme = theme.shown_in(self.depth);
    }

    /// The style of a role.
    pub(crate) fn style(&self, role: Role) -> Style {
        self.theme[role]
    }

    /// `14:32`
    pub(crate) fn time(&self, at: UnixMs) -> String {
        self.format(at, "%H:%M")
    }

    /// `14:32:05`, or with the day before it where that is another one.
    pub(crate) fn moment(&self, at: UnixMs, now: UnixMs) -> String {
        let day = |at| self.format(at, "%Y-%m-%d");
        if day(at) == day(now) { self.format(at, "%H:%M:%S") } else { self.format(at, "%d %b %H:%M") }
    }

    /// `14:32`, or with the day before it where that is another one: a moment to come.
    pub(crate) fn until(&self, at: UnixMs, now: UnixMs) -> String {
        let day = |at| self.format(at, "%Y-%m-%d");
        let far = at.since(now) >= std::time::Duration::from_hours(6 * 24);
        match (day(at) == day(now), far) {
            (true, _) => self.time(at),
            (false, false) => self.format(at, "%a %H:%M"),
            (false, true) => self.format(at, "%d %b %H:%M"),
        }
    }

    fn format(&self, at: UnixMs, how: &str) -> String {
        jiff::Timestamp::from_millisecond(at.0)
            .map(|at| at.to_zoned(self.zone.clone()).strftime(how).to_string())
            .unwrap_or_default()
    }
}

/// The role of a state.
pub(crate) fn role_of(kind: StateKind) -> Role {
    match kind {
        StateKind::Connecting | StateKind::Downloading | StateKind::Verifying | StateKind::Processing => {
            Role::Running
        }
        StateKind::Waiting => Role::Waiting,
        StateKind::Paused | StateKind::Queued => Role::Paused,
        StateKind::Failed => Role::Failed,
        StateKind::Completed => Role::Done,
        StateKind::Cancelled => Role::Cancelled,
    }
}
