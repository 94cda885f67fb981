//! Every key, from the table of commands.

use crokey::KeyCombination;
use crokey::crossterm::event::KeyCode;
use ratatui::Frame;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::dialog;
use crate::command::{IN_DIALOGS, Scope, TABLE, on_collections};
use crate::config::keymap::readable;
use crate::config::theme::Role;
use crate::tui::app::App;
use crate::tui::hit::Hits;
use crate::tui::{text, typed};

/// The help, and how far it is scrolled.
#[derive(Debug, Default)]
pub(crate) struct Help {
    top: usize,
}

/// Headings, in the order in which they are shown.
const HEADINGS: [(Scope, &str); 5] = [
    (Scope::Download, "The download under the cursor, or all that are marked"),
    (Scope::List, "The list"),
    (Scope::Program, "The program"),
    (Scope::Moving, "Moving about"),
    (Scope::Collections, "Collections"),
];

impl Help {
    /// Takes in a key: scrolling, or the end of it.
    pub(crate) fn key(self, key: KeyCombination) -> Option<Self> {
        let top = match typed::plain_code(key) {
            Some(KeyCode::Down | KeyCode::Char('j')) => self.top + 1,
            Some(KeyCode::Up | KeyCode::Char('k')) => self.top.saturating_sub(1),
            Some(KeyCode::PageDown | KeyCode::Char(' ')) => self.top + 10,
            Some(KeyCode::PageUp) => self.top.saturating_sub(10),
            Some(KeyCode::Home | KeyCode::Char('g')) => 0,
            Some(KeyCode::End | KeyCode::Char('G')) => usize::MAX / 2,
            Some(KeyCode::Esc | KeyCode::Enter | KeyCode::Char('q' | '?')) => return None,
            _ => self.top,
        };
        Some(Self { top })
    }

    /// Draws it, in two columns where there is room.
    pub(crate) fn draw(&self, app: &App, frame: &mut Frame<'_>, hits: &mut Hits) {
        let look = &app.look;
        let plain = |role| Style { bg: None, ..look.style(role) };
        let whole = frame.area();
        let columns = if whole.width >= 130 { 2 } else { 1 };
        let width = (whole.width.saturating_sub(8)).min(if columns == 2 { 134 } else { 76 });
        let each = usize::from(width) / columns - usize::from(columns == 2);
        let heading =
            |told: &str| Line::styled(text::cut_end(told, each, look.glyphs.ellipsis), plain(Role::Title));
        let line = |keys: &str, told: &str| {
            let told = text::cut_end(told, each.saturating_sub(17), look.glyphs.ellipsis);
            Line::from(vec![
                Span::styled(format!("  {}", text::fit(keys, 14, look.glyphs.ellipsis)), plain(Role::Key)),
                Span::styled(told, plain(Role::Text)),
            ])
        };
        let mut blocks: Vec<Vec<Line<'_>>> = Vec::new();
        for (scope, told) in HEADINGS {
            let mut block = vec![heading(told)];
            for entry in TABLE.iter().filter(|entry| entry.scope == scope) {
                let keys = app.options.keymap.keys(entry.command);
                let keys: Vec<_> = keys.iter().map(|key| readable(key)).collect();
                let keys = if keys.is_empty() { ":".to_owned() } else { keys.join(" ") };
                block.push(line(&keys, entry.title));
            }
            block.push(Line::raw(""));
            blocks.push(block);
        }
        let mut block = vec![heading("On a collection")];
        block.extend(on_collections().into_iter().map(|(meant, commands)| {
            let keys: Vec<_> = commands.iter().filter_map(|one| app.options.keymap.shown(*one)).collect();
            line(&keys.join(" "), meant.title)
        }));
        block.push(Line::raw(""));
        blocks.push(block);
        let mut block = vec![heading("In dialogs")];
        block.extend(IN_DIALOGS.iter().map(|(keys, told)| {
            let keys: Vec<_> = keys.split(' ').map(readable).collect();
            line(&keys.join(" "), told)
        }));
        block.push(Line::raw(""));
        blocks.push(block);
        let total: usize = blocks.iter().map(Vec::len).sum();
        let mut sides: Vec<Vec<Line<'_>>> = vec![Vec::new(); columns];
        for block in blocks {
            let at = usize::from(columns == 2 && sides[0].len() + block.len() / 2 > total / 2);
            sides[at].extend(block);
        }
        let tall = sides.iter().map(Vec::len).max().unwrap_or(0);
        let room = usize::from(whole.height.saturating_sub(4)).saturating_sub(2);
        let height = tall.min(room) + 1;
        let area = dialog::open(app, frame, hits, "Keys", (width, u16::try_from(height).unwrap_or(u16::MAX)));
        let shown = usize::from(area.height.saturating_sub(1));
        let top = self.top.min(tall.saturating_sub(shown));
        for (at, side) in sides.into_iter().enumerate() {
            let lines: Vec<_> = side.into_iter().skip(top).take(shown).collect();
            let x = area.x + u16::try_from(at * (each + 2)).unwrap_or(0);
            let part = ratatui::layout::Rect {
                x,
                width: u16::try_from(each).unwrap_or(0).min(area.right().saturating_sub(x)),
                height: u16::try_from(shown).unwrap_or(0),
                ..area
            };
            dialog::lines(frame, part, lines);
        }
        let mut buttons = vec![("Esc", "back".to_owned(), "esc")];
        if tall > shown {
            let more = tall - shown - top;
            let told = if more == 0 { "scroll".to_owned() } else { format!("{more} more lines") };
            buttons.insert(0, (if look.glyphs.ascii { "Down" } else { "↓" }, told, "down"));
        }
        dialog::buttons(app, frame, hits, area, &buttons);
    }
}
