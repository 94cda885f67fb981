//! The mouse: a click means what was drawn there.

use crokey::crossterm::event::{MouseButton, MouseEvent, MouseEventKind};

use super::App;
use crate::config::keymap;
use crate::tui::hit::Hit;
use crate::tui::layout::Pane;
use crate::tui::sort::Sort;

/// Lines that the wheel scrolls at a time.
const WHEEL: isize = 3;

impl App {
    /// Takes in what the mouse did.
    pub(super) fn mouse(&mut self, event: MouseEvent) {
        let hits: Vec<Hit> = self.hits.at(event.column, event.row).collect();
        match event.kind {
            MouseEventKind::Down(MouseButton::Left) => self.click(&hits),
            MouseEventKind::ScrollDown => self.wheel(&hits, WHEEL),
            MouseEventKind::ScrollUp => self.wheel(&hits, -WHEEL),
            _ => {}
        }
    }

    fn click(&mut self, hits: &[Hit]) {
        if self.overlay.is_some() {
            match hits.first() {
                Some(Hit::Key(name)) => self.press(name),
                Some(Hit::Choice(at)) => {
                    if let Some(overlay) = self.overlay.take() {
                        let next = overlay.choose(*at, self);
                        if self.overlay.is_none() {
                            self.overlay = next;
                        }
                    }
                }
                Some(Hit::Overlay) => {}
                _ => self.press("esc"),
            }
            return;
        }
        match hits.first() {
            Some(Hit::Column(column)) => {
                let sort = self.list.sort();
                let again = sort.column == *column;
                self.sort_by(if again { Sort { falling: !sort.falling, ..sort } } else { Sort::by(*column) });
            }
            Some(Hit::Command(command)) => match command.why_not(&self.facts()) {
                Some(why) => self.say(super::Tone::Plain, self.options.keymap.fill(why)),
                None => self.run(*command),
            },
            Some(Hit::Line(pane, at)) => {
                self.show_pane(*pane);
                match pane {
                    Pane::Downloads => self.go_to(*at),
                    Pane::Collections => self.show_collection(*at),
                    Pane::Library => self.library.click(*at),
                    Pane::Log => self.log_at = *at,
                }
            }
            Some(Hit::Pane(pane)) => self.show_pane(*pane),
            _ => {}
        }
    }

    /// A button does what its key does.
    fn press(&mut self, name: &str) {
        if let Some(key) = keymap::parse(name) {
            self.key(key);
        }
    }

    fn wheel(&mut self, hits: &[Hit], lines: isize) {
        if self.overlay.is_some() {
            let name = if lines > 0 { "down" } else { "up" };
            return self.press(name);
        }
        let pane = hits.iter().find_map(|hit| match hit {
            Hit::Pane(pane) => Some(*pane),
            _ => None,
        });
        match pane {
            Some(Pane::Downloads) => self.move_by(lines),
            Some(Pane::Collections) => {
                let at = self.collection_line.saturating_add_signed(lines.signum());
                self.show_collection(at);
            }
            Some(Pane::Library) => self.library.move_by(lines),
            Some(Pane::Log) => {
                let last = self.log.len().saturating_sub(1);
                self.log_at = self.log_at.saturating_add_signed(lines).min(last);
            }
            None => {}
        }
    }
}
