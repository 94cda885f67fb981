//! What a person sees while `get` and `wait` stay: bars on a terminal, one for each running download as far as there are
//! lines, and a line for the whole; elsewhere a plain line now and then.

use std::collections::HashMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;

use super::error::CliError;
use super::following::{Following, Sums};
use super::output::Output;
use super::table::{cut_middle, pad_left, pad_right};
use super::words::{glyph, percent, remark, size, speed};
use crate::model::id::DownloadId;
use crate::model::printable::printable;
use crate::model::time::UnixMs;
use crate::model::units::{ByteCount, clock};
use crate::model::view::DownloadRow;

/// How often a plain line is written.
const PLAIN_EVERY: Duration = Duration::from_secs(10);
/// Times a second that the terminal is drawn, at most.
const FRAMES: u8 = 10;
/// Lines that are left to what was there before.
const SPARE_LINES: u16 = 3;
/// Width where the terminal doesn't tell.
const USUAL_WIDTH: usize = 80;

/// The view of what goes on.
pub(crate) enum Progress {
    /// Nothing is shown.
    Silent,
    /// Plain lines.
    Lines {
        /// When the next one is due.
        next: Instant,
    },
    /// Bars.
    Bars(Box<Bars>),
}

/// The lines of a terminal.
pub(crate) struct Bars {
    all: MultiProgress,
    total: ProgressBar,
    one: HashMap<DownloadId, ProgressBar>,
    room: usize,
    ascii: bool,
}

impl Progress {
    /// Returns the view that suits stderr.
    pub(crate) fn new(output: &Output, many: bool) -> Self {
        if output.quiet {
            return Self::Silent;
        }
        if !output.stderr.terminal {
            return Self::Lines { next: Instant::now() + PLAIN_EVERY };
        }
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(FRAMES));
        let total = if many { all.add(line()) } else { ProgressBar::hidden() };
        let room = usize::from(output.stderr.rows.unwrap_or(24).saturating_sub(SPARE_LINES).max(1));
        Self::Bars(Box::new(Bars { all, total, one: HashMap::new(), room, ascii: output.stderr.ascii }))
    }

    /// Shows what changed.
    pub(crate) fn update(
        &mut self,
        changed: &[DownloadRow],
        following: &Following,
        output: &mut Output,
        now: UnixMs,
    ) {
        match self {
            Self::Silent => {}
            Self::Lines { next } => {
                if *next <= Instant::now() {
                    *next = Instant::now() + PLAIN_EVERY;
                    output.say(&total_line(following.sums(), following.len(), output.stderr.ascii));
                }
            }
            Self::Bars(bars) => bars.update(changed, following, now),
        }
    }

    /// Says something above the bars.
    pub(crate) fn say(&self, output: &mut Output, text: &str) {
        self.aside(|| output.say(text));
    }

    /// Complains above the bars.
    pub(crate) fn complain(&self, output: &mut Output, text: &str) {
        self.aside(|| output.complain(text));
    }

    /// Writes data, with the bars out of the way where both are on one terminal.
    pub(crate) fn data(
        &self,
        output: &mut Output,
        write: impl FnOnce(&mut Output) -> Result<(), CliError>,
    ) -> Result<(), CliError> {
        let write = |output: &mut Output| {
            write(output)?;
            output.flush()
        };
        if output.stdout.terminal { self.aside(|| write(output)) } else { write(output) }
    }

    /// Takes the bars away.
    pub(crate) fn end(&mut self) {
        if let Self::Bars(bars) = self {
            bars.one.drain().for_each(|(_, bar)| bar.finish_and_clear());
            bars.total.finish_and_clear();
            // A terminal that is gone needs no clearing.
            let _ = bars.all.clear();
        }
    }

    fn aside<T>(&self, act: impl FnOnce() -> T) -> T {
        match self {
            Self::Bars(bars) => bars.all.suspend(act),
            Self::Silent | Self::Lines { .. } => act(),
        }
    }
}

impl Bars {
    fn update(&mut self, changed: &[DownloadRow], following: &Following, now: UnixMs) {
        let active = following.active();
        let width = terminal_width();
        for row in changed.iter().filter(|row| !active.contains_key(&row.id)) {
            if let Some(bar) = self.one.remove(&row.id) {
                bar.finish_and_clear();
                self.all.remove(&bar);
            }
        }
        for row in changed.iter().filter(|row| active.contains_key(&row.id)) {
            if let Some(bar) = self.one.get(&row.id) {
                bar.set_message(row_line(row, width, now, self.ascii));
            }
        }
        if self.one.len() < self.room.min(active.len()) {
            let new: Vec<_> = active.values().filter(|row| !self.one.contains_key(&row.id)).collect();
            for row in new.into_iter().take(self.room - self.one.len()) {
                let bar = if self.total.is_hidden() {
                    self.all.add(line())
                } else {
                    self.all.insert_before(&self.total, line())
                };
                bar.set_message(row_line(row, width, now, self.ascii));
                self.one.insert(row.id, bar);
            }
        }
        self.total.set_message(total_line(following.sums(), following.len(), self.ascii));
    }
}

/// A line that shows its message and nothing else.
fn line() -> ProgressBar {
    let style = ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
    ProgressBar::new_spinner().with_style(style)
}

fn terminal_width() -> usize {
    let size = rustix::termios::tcgetwinsize(rustix::stdio::stderr()).ok();
    size.map(|size| usize::from(size.ws_col)).filter(|width| *width > 0).unwrap_or(USUAL_WIDTH)
}

/// How a line of one width is divided. Columns never jump: what a download does changes the text in them, not their place.
struct Layout {
    name: usize,
    bar: usize,
    /// Size, speed and time left, where there is room for each.
    facts: &'static [usize],
}

/// Between the parts of a line.
const GAP: usize = 2;
/// Columns of `100%`.
const PERCENT: usize = 4;

impl Layout {
    fn of(width: usize) -> Self {
        let (bar, facts): (usize, &[usize]) = match width {
            0..40 => (0, &[]),
            40..60 => (0, &[11, 5]),
            60..100 => (12, &[8, 11, 5]),
            _ => (20, &[8, 11, 5]),
        };
        let mut layout = Self { name: 0, bar, facts };
        // The glyph and its space, and the last column, where a terminal would break the line.
        layout.name = width.saturating_sub(2 + GAP + layout.rest() + 1);
        layout
    }

    /// Columns right of the name.
    fn rest(&self) -> usize {
        let bar = if self.bar > 0 { self.bar + 1 } else { 0 };
        bar + PERCENT + self.facts.iter().map(|width| GAP + width).sum::<usize>()
    }
}

/// One download in one line.
fn row_line(row: &DownloadRow, width: usize, now: UnixMs, ascii: bool) -> String {
    let layout = Layout::of(width);
    let name = pad_right(&cut_middle(&printable(&row.name), layout.name, ascii), layout.name);
    let rest = if row.state.kind().is_running() {
        running(row, &layout, ascii)
    } else {
        cut_middle(&printable(&remark(row, now)), layout.rest(), ascii).into_owned()
    };
    format!("{} {name}  {rest}", glyph(row, ascii)).trim_end().to_owned()
}

fn running(row: &DownloadRow, layout: &Layout, ascii: bool) -> String {
    let percent = percent(row);
    let mut text = match percent {
        _ if layout.bar == 0 => String::new(),
        Some(_) => bar(row.covered, row.size.unwrap_or(0), layout.bar, ascii) + " ",
        None => " ".repeat(layout.bar + 1),
    };
    text.push_str(&pad_left(&percent.map(|percent| format!("{percent}%")).unwrap_or_default(), PERCENT));
    let speed = if row.speed > 0 { speed(row.speed) } else { row.state.kind().word().to_owned() };
    let left = row.eta_secs.map(clock).unwrap_or_default();
    let facts = [size(row), speed, left];
    for (fact, width) in facts[facts.len() - layout.facts.len()..].iter().zip(layout.facts) {
        text.push_str(&" ".repeat(GAP));
        text.push_str(&pad_left(fact, *width));
    }
    text
}

/// A bar in eighths of a block, never full before the file is.
pub(super) fn bar(covered: u64, size: u64, width: usize, ascii: bool) -> String {
    const EIGHTHS: [char; 8] = ['·', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    const PLAIN: [char; 8] = ['.', '-', '-', '-', '=', '=', '=', '='];
    let steps = u128::try_from(width * 8).unwrap_or(0);
    let filled = u128::from(covered.min(size)) * steps / u128::from(size.max(1));
    let filled = usize::try_from(filled).unwrap_or(0);
    let (full, part, rest) =
        if ascii { ('#', PLAIN[filled % 8], '.') } else { ('█', EIGHTHS[filled % 8], '·') };
    let mut bar: String = std::iter::repeat_n(full, filled / 8).collect();
    if filled / 8 < width {
        bar.push(part);
        bar.extend(std::iter::repeat_n(rest, width - filled / 8 - 1));
    }
    bar
}

/// All downloads in one line.
fn total_line(sums: Sums, count: usize, ascii: bool) -> String {
    let failed = if sums.failed > 0 { format!(", {} failed", sums.failed) } else { String::new() };
    let sign = if ascii { "" } else { "↓ " };
    let rate = if sums.speed > 0 { format!("   {sign}{}", speed(sums.speed)) } else { String::new() };
    let (covered, size) = (ByteCount(sums.covered), ByteCount(sums.size));
    // Where a size is not known, nobody knows how much all of it is.
    let far = match (sums.unknown, sums.covered) {
        (0, 0) if sums.size == 0 => String::new(),
        (0, _) => format!("   {covered} of {size}"),
        (_, 0) => String::new(),
        _ => format!("   {covered}"),
    };
    format!("{} of {count} done{failed}{far}{rate}", sums.ended - sums.failed)
}

#[cfg(test)]
mod tests {
    use super::super::scripted::row;
    use super::*;

    #[test]
    fn a_bar_is_full_only_when_the_file_is() {
        for (covered, size, drawn) in [
            (0, 100, "····"),
            (1, 100, "····"),
            (4, 100, "▏···"),
            (50, 100, "██··"),
            (62, 100, "██▍·"),
            (99, 100, "███▉"),
            (u64::MAX - 1, u64::MAX, "███▉"),
            (100, 100, "████"),
            (200, 100, "████"),
        ] {
            assert_eq!(bar(covered, size, 4, false), drawn, "{covered} of {size}");
            assert!(bar(covered, size, 4, true).is_ascii());
            assert_eq!(bar(covered, size, 4, true) == "####", drawn == "████");
        }
    }

    #[test]
    fn a_line_never_outgrows_the_terminal_and_says_what_matters() {
        let mut running = row(1, "downloading");
        running.name = "Tailspin Orchestra – 03 Delta.flac".into();
        (running.covered, running.size, running.speed) = (38_000_000, Some(61_300_000), 4_100_000);
        running.eta_secs = Some(6);
        let mut unsized_row = row(2, "connecting");
        (unsized_row.size, unsized_row.covered) = (None, 0);
        let waiting = row(3, "retrying");
        let mut drawn = String::new();
        for width in [120, 80, 50, 20] {
            for row in [&running, &unsized_row, &waiting] {
                let line = row_line(row, width, UnixMs(0), false);
                let plain = row_line(row, width, UnixMs(0), true);
                // The name stays as it is.
                assert!(plain.chars().all(|c| c.is_ascii() || c == '–'), "{plain}");
                assert!(unicode_width::UnicodeWidthStr::width(line.as_str()) < width, "{width}: {line}");
                drawn.push_str(&line);
                drawn.push('\n');
            }
        }
        insta::assert_snapshot!(drawn, @r#"
        ▼ Tailspin Orchestra – 03 Delta.flac                            ████████████▍·······  61%   61.3 MB    4.10 MB/s   0:06
        ▼ file-2                                                                                              connecting
        ◔ file-3                                                        the server closed the connection; try 3 is next, 8 s
        ▼ Tailspin Orche…03 Delta.flac  ███████▍····  61%   61.3 MB    4.10 MB/s   0:06
        ▼ file-2                                                      connecting
        ◔ file-3                        the server closed the c…ion; try 3 is next, 8 s
        ▼ Tailspin O…Delta.flac   61%    4.10 MB/s   0:06
        ▼ file-2                        connecting
        ◔ file-3                 the server c…s next, 8 s
        ▼ Tails….flac   61%
        ▼ file-2
        ◔ file-3       th…s
        "#);
    }

    #[test]
    fn an_unknown_size_is_no_size() {
        let sums = Sums { unknown: 1, ..Sums::default() };
        assert_eq!(total_line(sums, 1, false), "0 of 1 done");
        let sums = Sums { covered: 1_200_000, size: 1_200_000, speed: 4_100_000, ..sums };
        assert_eq!(total_line(sums, 1, false), "0 of 1 done   1.20 MB   ↓ 4.10 MB/s");
        assert_eq!(total_line(Sums::default(), 1, false), "0 of 1 done");
    }

    #[test]
    fn the_whole_in_one_line() {
        let sums = Sums {
            ended: 3,
            failed: 1,
            covered: 1_200_000,
            size: 4_500_000,
            speed: 4_100_000,
            ..Sums::default()
        };
        insta::assert_snapshot!(total_line(sums, 10, false), @"2 of 10 done, 1 failed   1.20 MB of 4.50 MB   ↓ 4.10 MB/s");
    }
}
