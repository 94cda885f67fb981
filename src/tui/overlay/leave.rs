//! Leaving while real-time downloads run: names them, says what is lost, and offers another way.

use crokey::KeyCombination;
use crokey::crossterm::event::KeyCode;
use ratatui::Frame;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::dialog;
use crate::config::theme::Role;
use crate::model::id::DownloadId;
use crate::tui::app::App;
use crate::tui::hit::Hits;
use crate::tui::{text, typed, words};

/// So many are named; the rest is counted.
const NAMED: usize = 6;

/// The question.
#[derive(Debug)]
pub(crate) struct Leave {
    lost: Vec<DownloadId>,
}

impl Leave {
    /// Asks about these.
    pub(crate) fn new(lost: Vec<DownloadId>) -> Self {
        Self { lost }
    }

    /// Takes in a key.
    pub(crate) fn key(self, key: KeyCombination, app: &mut App) -> Option<Self> {
        match typed::plain_code(key) {
            // What is thrown away with the demo is lost in any mode.
            Some(KeyCode::Char('b')) if !app.options.passing => app.keep_and_go(self.lost),
            Some(KeyCode::Char('l')) => app.go(true),
            Some(KeyCode::Char('s') | KeyCode::Enter | KeyCode::Esc) => {}
            _ => return Some(self),
        }
        None
    }

    /// Draws it.
    pub(crate) fn draw(&self, app: &App, frame: &mut Frame<'_>, hits: &mut Hits) {
        let look = &app.look;
        let plain = |role| Style { bg: None, ..look.style(role) };
        let width = usize::from(frame.area().width.saturating_sub(4)).min(60);
        let one = self.lost.len() == 1;
        let what = if one {
            "1 real-time download".into()
        } else {
            format!("{} real-time downloads", self.lost.len())
        };
        // Where there is little room, lines between go first, and then names: the ways out are always seen.
        let room = usize::from(frame.area().height.saturating_sub(2));
        let rest = app.going_on();
        let needed = 4 - usize::from(app.options.passing) + usize::from(rest > 0);
        let is_low = room < needed + 5 + self.lost.len().min(NAMED + 1);
        let free = room.saturating_sub(needed);
        let named = if self.lost.len() <= free { self.lost.len() } else { free.saturating_sub(1) }.min(NAMED);
        let mut lines = Vec::new();
        let gap = |lines: &mut Vec<Line<'_>>| {
            if !is_low {
                lines.push(Line::raw(""));
            }
        };
        gap(&mut lines);
        lines.push(Line::styled(format!("{what} will be lost:"), plain(Role::Warning)));
        gap(&mut lines);
        for row in self.lost.iter().take(named).filter_map(|id| app.list.row(*id)) {
            let far = words::percent(row)
                .map_or_else(|| words::size(row), |percent| format!("{percent} % of {}", words::size(row)));
            let room = width.saturating_sub(text::width(&far) + 5);
            let name = text::fit(&row.name, room, look.glyphs.ellipsis);
            lines.push(Line::from(vec![
                Span::styled(format!("  {name}  "), plain(Role::Strong)),
                Span::styled(far, plain(Role::Dim)),
            ]));
        }
        if self.lost.len() > named && named > 0 {
            lines.push(Line::styled(format!("  and {} more", self.lost.len() - named), plain(Role::Dim)));
        }
        gap(&mut lines);
        if rest > 0 {
            let count = if rest == 1 {
                "1 background download".into()
            } else {
                format!("{rest} background downloads")
            };
            let verb = match (app.options.outlives, rest, width < 48) {
                _ if app.options.passing => {
                    if rest == 1 {
                        "ends with the demo"
                    } else {
                        "end with the demo"
                    }
                }
                (true, 1, _) => "goes on",
                (true, ..) => "go on",
                (false, 1, true) => "waits",
                (false, _, true) => "wait",
                (false, 1, false) => "waits until haul runs again",
                (false, _, false) => "wait until haul runs again",
            };
            lines.push(Line::styled(format!("{count} {verb}."), plain(Role::Text)));
            gap(&mut lines);
        }
        let (keep, lose) = match (one, width < 48) {
            (_, true) => ("make it background and leave", "leave and lose it"),
            (true, false) => ("make it a background download and leave", "leave and lose it"),
            (false, false) => ("make them background downloads and leave", "leave and lose them"),
        };
        let first = lines.len();
        let ways = [("b", keep), ("s", "stay"), ("l", lose)];
        let ways = &ways[usize::from(app.options.passing)..];
        for (key, what) in ways {
            let mut spans = vec![
                Span::styled(format!(" {key}  "), plain(Role::Key)),
                Span::styled(*what, plain(Role::Text)),
            ];
            if *key == "s" {
                spans.push(Span::styled("  (Enter)", plain(Role::Dim)));
            }
            lines.push(Line::from(spans));
        }
        let height = u16::try_from(lines.len()).unwrap_or(u16::MAX);
        let area =
            dialog::open(app, frame, hits, "Leave haul?", (u16::try_from(width).unwrap_or(60), height));
        dialog::lines(frame, area, lines);
        for (at, (name, _)) in ways.iter().enumerate() {
            let y = area.y + u16::try_from(first + at).unwrap_or(0);
            hits.add(ratatui::layout::Rect { y, height: 1, ..area }, crate::tui::hit::Hit::Key(name));
        }
    }
}
