//! The line under the cursor: it stays on its download, and on its line of the screen, whatever moves around it.

use super::App;
use crate::model::id::DownloadId;
use crate::model::view::DownloadRow;
use crate::tui::layout::{Pane, areas};
use crate::tui::list::{Cause, Line};

/// What the cursor is on.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Cursor {
    /// Its place among the lines.
    pub(crate) at: usize,
    /// The first line that is on the screen.
    pub(crate) top: usize,
    on: On,
}

#[derive(Clone, Debug, Default, PartialEq)]
enum On {
    #[default]
    Nothing,
    Row(DownloadId),
    Group(Cause),
}

impl App {
    /// The download under the cursor.
    pub(crate) fn cursor_row(&self) -> Option<&DownloadRow> {
        match self.list.line(self.cursor.at)? {
            Line::Row(row) => Some(row),
            Line::Group(_) => None,
        }
    }

    /// The crowd of failures under the cursor.
    pub(crate) fn cursor_cause(&self) -> Option<Cause> {
        match self.list.line(self.cursor.at)? {
            Line::Group(group) => Some(group.cause.clone()),
            Line::Row(_) => None,
        }
    }

    /// The downloads that a command means: the marked ones, or those under the cursor.
    pub(crate) fn targets(&self) -> Vec<DownloadId> {
        if !self.marks.is_empty() {
            let mut ids: Vec<_> = self.marks.iter().copied().collect();
            ids.sort_unstable();
            return ids;
        }
        match self.list.line(self.cursor.at) {
            Some(Line::Row(row)) => vec![row.id],
            Some(Line::Group(group)) => self.list.members(&group.cause),
            None => Vec::new(),
        }
    }

    /// Puts the cursor on a line.
    pub(crate) fn go_to(&mut self, at: usize) {
        self.cursor.at = at.min(self.list.shown().saturating_sub(1));
        self.cursor.on = match self.list.line(self.cursor.at) {
            Some(Line::Row(row)) => On::Row(row.id),
            Some(Line::Group(group)) => On::Group(group.cause.clone()),
            None => On::Nothing,
        };
        if self.notice.as_ref().is_some_and(|notice| On::Row(notice.id) == self.cursor.on) {
            self.notice = None;
        }
        self.keep_in_sight();
    }

    /// Moves the cursor.
    pub(crate) fn move_by(&mut self, lines: isize) {
        self.go_to(self.cursor.at.saturating_add_signed(lines));
    }

    /// Puts the cursor on a download, where it is shown.
    pub(crate) fn go_to_download(&mut self, id: DownloadId) -> bool {
        let place = self.list.place(id);
        if let Some(at) = place {
            self.go_to(at);
        }
        place.is_some()
    }

    /// Follows the download under the cursor to where it is now.
    pub(crate) fn follow(&mut self) {
        let (at, on_screen) = (self.cursor.at, self.cursor.at.saturating_sub(self.cursor.top));
        let place = match &self.cursor.on {
            On::Row(id) => self.list.place(*id),
            On::Group(cause) => self.list.place_of_group(cause),
            On::Nothing => None,
        };
        match place {
            Some(now) => {
                self.cursor.at = now;
                if self.cursor.top > 0 || now != at {
                    self.cursor.top = now.saturating_sub(on_screen);
                }
                self.keep_in_sight();
            }
            None => self.go_to(at),
        }
    }

    /// Lines of the list that fit on the screen.
    pub(crate) fn page(&self) -> usize {
        let areas = areas(self.size, Pane::Downloads, self.has_notice());
        crate::tui::view::table::lines_in(&areas)
    }

    /// Scrolls just as far as is needed to see the cursor.
    pub(crate) fn keep_in_sight(&mut self) {
        let page = self.page().max(1);
        let last_top = self.list.shown().saturating_sub(page);
        let cursor = &mut self.cursor;
        if cursor.at < cursor.top {
            cursor.top = cursor.at;
        } else if cursor.at >= cursor.top + page {
            cursor.top = cursor.at + 1 - page;
        }
        cursor.top = cursor.top.min(last_top);
    }

    /// The next line, or the one before, that needs a person.
    pub(crate) fn next_need(&mut self, step: isize) {
        let shown = self.list.shown();
        let needs = |at: usize| match self.list.line(at) {
            Some(Line::Group(_)) => true,
            Some(Line::Row(row)) => crate::tui::words::needs_you(&row.state),
            None => false,
        };
        let length = shown.cast_signed();
        let found = (1..=length)
            .map(|far| (self.cursor.at.cast_signed() + far * step).rem_euclid(length).cast_unsigned())
            .find(|at| needs(*at));
        match found {
            Some(at) if at == self.cursor.at => {
                self.say(super::Tone::Plain, "nothing else that is shown needs you".into());
            }
            Some(at) => self.go_to(at),
            None => self.say(super::Tone::Plain, "nothing that is shown needs you".into()),
        }
    }
}
