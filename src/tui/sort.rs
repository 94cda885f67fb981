//! The order of the list: each column as a number that compares at once, so that a hundred thousand rows are sorted without a stutter.

use std::cmp::Ordering;

use super::words;
use crate::model::state::StateKind;
use crate::model::view::DownloadRow;

/// What the list is sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Column {
    /// What moves, what is wrong, what waits, what is over.
    #[default]
    State,
    /// The order in which they start.
    Queue,
    /// When they were added.
    Added,
    /// Name, whatever the case.
    Name,
    /// How far they are.
    Progress,
    /// Size.
    Size,
    /// Speed.
    Speed,
    /// Time left.
    Left,
    /// Host.
    Host,
}

impl Column {
    /// Every column, in the order in which a key goes through them.
    pub(crate) const ALL: [Self; 9] = [
        Self::State,
        Self::Queue,
        Self::Added,
        Self::Name,
        Self::Progress,
        Self::Size,
        Self::Speed,
        Self::Left,
        Self::Host,
    ];

    /// The word for people.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Queue => "queue",
            Self::Added => "added",
            Self::Name => "name",
            Self::Progress => "progress",
            Self::Size => "size",
            Self::Speed => "speed",
            Self::Left => "time left",
            Self::Host => "host",
        }
    }

    /// Whether it changes while downloads run, so that rows are put in order once a second only.
    pub(crate) fn is_live(self) -> bool {
        matches!(self, Self::Progress | Self::Speed | Self::Left)
    }

    /// Whether its first order is from large to small.
    pub(crate) fn starts_falling(self) -> bool {
        matches!(self, Self::Added | Self::Progress | Self::Size | Self::Speed)
    }

    /// The column after this one.
    pub(crate) fn next(self) -> Self {
        let at = Self::ALL.iter().position(|column| *column == self).unwrap_or(0);
        Self::ALL[(at + 1) % Self::ALL.len()]
    }
}

/// A column and its direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sort {
    /// By what.
    pub(crate) column: Column,
    /// Whether from large to small.
    pub(crate) falling: bool,
}

impl Sort {
    /// Returns a column in its first direction.
    pub(crate) fn by(column: Column) -> Self {
        Self { column, falling: column.starts_falling() }
    }

    /// Puts two rows in order.
    pub(crate) fn compare(self, a: &DownloadRow, b: &DownloadRow) -> Ordering {
        self.key(a).cmp(&self.key(b)).then_with(|| self.settle(a, b))
    }

    /// A row's place as a number: the whole truth for numbers, the first letters for words.
    pub(crate) fn key(self, row: &DownloadRow) -> u128 {
        let turn = |value: u64| if self.falling { !value } else { value };
        let with_id = |value: u64| u128::from(turn(value)) << 64 | u128::from(row.id.0);
        match self.column {
            Column::State => {
                let kind = row.state.kind();
                let rank = if kind.is_running() { 0 } else { words::state_rank(kind) };
                let rank = u64::from(rank);
                let within = match kind {
                    StateKind::Completed | StateKind::Cancelled | StateKind::Failed => {
                        !row.ended.map_or(0, |ended| signed(ended.0))
                    }
                    _ => ordered(row.order),
                };
                u128::from(turn(rank)) << 64 | u128::from(within)
            }
            Column::Queue => with_id(ordered(row.order)),
            Column::Added => with_id(signed(row.added.0)),
            Column::Progress => with_id(words::share(row).map_or(0, ordered)),
            Column::Size => with_id(row.size.unwrap_or(row.covered)),
            Column::Speed => with_id(row.speed),
            Column::Left => with_id(row.eta_secs.unwrap_or(u64::MAX >> 1)),
            Column::Name => self.letters(&row.name),
            Column::Host => self.letters(&row.host),
        }
    }

    fn letters(self, text: &str) -> u128 {
        let mut bytes = [0; 16];
        for (to, from) in bytes.iter_mut().zip(text.bytes()) {
            *to = from.to_ascii_lowercase();
        }
        let key = u128::from_be_bytes(bytes);
        if self.falling { !key } else { key }
    }

    /// What the first letters leave open.
    pub(crate) fn settle(self, a: &DownloadRow, b: &DownloadRow) -> Ordering {
        let words = match self.column {
            Column::Name => folded(&a.name, &b.name),
            Column::Host => folded(&a.host, &b.host),
            _ => Ordering::Equal,
        };
        let words = if self.falling { words.reverse() } else { words };
        words.then_with(|| a.id.cmp(&b.id))
    }
}

fn folded(a: &str, b: &str) -> Ordering {
    a.bytes().map(|c| c.to_ascii_lowercase()).cmp(b.bytes().map(|c| c.to_ascii_lowercase()))
}

/// A signed number as an unsigned one of the same order.
fn signed(value: i64) -> u64 {
    value.cast_unsigned() ^ (1 << 63)
}

/// A float as an unsigned number of the same order.
fn ordered(value: f64) -> u64 {
    let bits = value.to_bits();
    if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::state::State;
    use crate::model::time::UnixMs;
    use crate::tui::sample::row;

    fn sorted(sort: Sort, rows: &[DownloadRow]) -> Vec<u64> {
        let mut rows: Vec<_> = rows.iter().collect();
        rows.sort_by(|a, b| sort.compare(a, b));
        rows.iter().map(|row| row.id.0).collect()
    }

    #[test]
    fn every_column_sorts_both_ways() {
        let mut rows = [row(1, "beta"), row(2, "Alpha"), row(3, "a name that is longer than sixteen b")];
        rows[0].size = Some(30);
        rows[1].size = Some(10);
        rows[2].size = Some(20);
        (rows[0].order, rows[1].order, rows[2].order) = (-1.5, 0.25, 7.0);
        (rows[0].added, rows[1].added, rows[2].added) = (UnixMs(-5), UnixMs(0), UnixMs(9));
        rows[2].state = State::Completed;
        for (column, rising) in [
            (Column::Name, [3, 2, 1]),
            (Column::Size, [2, 3, 1]),
            (Column::Queue, [1, 2, 3]),
            (Column::Added, [1, 2, 3]),
            (Column::State, [1, 2, 3]),
        ] {
            assert_eq!(sorted(Sort { column, falling: false }, &rows), rising, "{column:?}");
        }
        assert_eq!(sorted(Sort { column: Column::Size, falling: true }, &rows), [1, 3, 2]);
        assert_eq!(sorted(Sort { column: Column::Name, falling: true }, &rows), [1, 2, 3]);
    }

    #[test]
    fn long_names_are_told_apart_behind_their_first_letters() {
        let rows = [row(1, "the same sixteen letters B"), row(2, "The same sixteen letters a")];
        assert_eq!(sorted(Sort { column: Column::Name, falling: false }, &rows), [2, 1]);
    }
}
