//! What a search finds while it is typed: one question on its way at a time, so that fast typing makes no queue.

use tui_input::Input;

use super::tree::Order;
use crate::model::shelf::{LibraryQuery, LibraryRequest, MediaRow, MediaRows};

/// Finds that are asked for at a time.
const PAGE: u32 = 200;

/// A search.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    /// What was typed.
    pub(crate) input: Input,
    /// Whether it still has the keys.
    pub(crate) typing: bool,
    /// What was found, of the text that was asked for last.
    pub(crate) rows: Vec<MediaRow>,
    /// Whether there is more.
    pub(crate) more: bool,
    /// Whether there are so many that the newest come first, whatever the order is.
    pub(crate) newest: bool,
    /// The find under the cursor.
    pub(crate) at: usize,
    /// The text that is asked for now, and after how many of its finds.
    flying: Option<(String, usize)>,
    /// The text that the finds are of, where they are as new as can be.
    of: Option<String>,
    /// The text that the finds are of, new or not.
    shown: Option<String>,
}

impl Found {
    /// Begins to search.
    pub(crate) fn start() -> Self {
        Self { typing: true, ..Self::default() }
    }

    /// The text.
    pub(crate) fn text(&self) -> &str {
        self.input.value().trim()
    }

    /// Whether what is shown is what the text finds.
    pub(crate) fn is_settled(&self) -> bool {
        self.of.as_deref() == Some(self.text())
    }

    /// What has to be asked for now: the text, after how many of its finds, and the question.
    pub(crate) fn wants(&mut self, order: Order) -> Option<(String, usize, LibraryRequest)> {
        if self.flying.is_some() || self.text().is_empty() {
            return None;
        }
        let is_settled = self.is_settled();
        let at_end = self.more && self.at + 1 >= self.rows.len();
        if is_settled && !at_end {
            return None;
        }
        let (text, after) = (self.text().to_owned(), if is_settled { self.rows.len() } else { 0 });
        self.flying = Some((text.clone(), after));
        // What is asked for again is as long as what is there.
        let again = if self.shown.as_deref() == Some(&text) && after == 0 { self.rows.len() } else { 0 };
        let query = LibraryQuery {
            text: text.clone(),
            offset: after as u64,
            limit: PAGE.max(u32::try_from(again).unwrap_or(u32::MAX)),
            quick: true,
            ..LibraryQuery::default()
        };
        Some((text, after, LibraryRequest::List(order.of(query))))
    }

    /// Takes in finds.
    pub(crate) fn put(&mut self, text: &str, after: usize, found: MediaRows) {
        if self.flying.as_ref().is_none_or(|(asked, from)| asked != text || *from != after) {
            return;
        }
        self.flying = None;
        // A longer text's finds are among these: they show that something happens.
        if after == 0 {
            let was_on = self.rows.get(self.at).map(|row| row.id);
            self.rows = found.rows;
            // Who stands on a find and asks for nothing else stays on it, or where it was.
            self.at = if self.shown.as_deref() == Some(text) {
                self.rows.iter().position(|row| Some(row.id) == was_on).unwrap_or(self.at)
            } else {
                0
            };
            self.move_by(0);
        } else {
            self.rows.extend(found.rows);
        }
        (self.more, self.newest) = (found.more, found.newest);
        self.of = Some(text.to_owned());
        self.shown.clone_from(&self.of);
    }

    /// The question was refused: it is asked again when something else is typed.
    pub(crate) fn refused(&mut self, text: &str) {
        self.flying = None;
        self.rows.clear();
        self.more = false;
        self.of = Some(text.to_owned());
    }

    /// Asks again: the order or the library changed.
    pub(crate) fn refresh(&mut self) {
        self.flying = None;
        self.of = None;
    }

    /// Moves the cursor.
    pub(crate) fn move_by(&mut self, lines: isize) {
        let last = self.rows.len().saturating_sub(1);
        self.at = self.at.saturating_add_signed(lines.clamp(-1_000_000, 1_000_000)).min(last);
    }
}
