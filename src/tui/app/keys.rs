//! Where a key goes: to what lies over the panes, to the filter line, or through the table of commands to the pane that has the keys.

use crokey::KeyCombination;
use crokey::crossterm::event::{KeyCode, KeyModifiers};
use tui_input::Input;

use super::{App, Tone};
use crate::command::Command;
use crate::tui::filter::Filter;
use crate::tui::layout::{Pane, Size};
use crate::tui::overlay::Overlay;
use crate::tui::overlay::add::Add;
use crate::tui::typed;

impl App {
    /// Takes in a key.
    pub(super) fn key(&mut self, key: KeyCombination) {
        if self.options.keymap.command(key) == Some(Command::Leave) {
            return self.quit_now();
        }
        if self.options.keymap.command(key) == Some(Command::Suspend) {
            return self.run(Command::Suspend);
        }
        if self.room() == Size::None {
            if self.options.keymap.command(key) == Some(Command::Quit) {
                self.quit();
            }
            return;
        }
        if let Some(overlay) = self.overlay.take() {
            let next = overlay.key(key, self);
            if self.overlay.is_none() {
                self.overlay = next;
            }
            return;
        }
        if self.filtering.is_some() {
            return self.filter_key(key);
        }
        if self.pane == Pane::Library && self.search_key(key) {
            return;
        }
        let Some(command) = self.options.keymap.command(key) else {
            let said = match digit(key) {
                Some(digit) => format!("there are four panes: {digit} is none of them"),
                None => self.options.keymap.fill("nothing is on that key: {help} shows all keys"),
            };
            return self.say(Tone::Plain, said);
        };
        match command.why_not(&self.facts()) {
            Some(why) => self.say(Tone::Plain, self.options.keymap.fill(why)),
            None => self.run(command),
        }
    }

    fn filter_key(&mut self, key: KeyCombination) {
        let Some(mut input) = self.filtering.take() else { return };
        match typed::plain_code(key) {
            Some(KeyCode::Esc) => self.filter_by(""),
            // What means nothing can't be kept: the line stays until it is put right, or left.
            Some(KeyCode::Enter) if self.filter_problem.is_some() => {
                let what = self.filter_problem.clone().unwrap_or_default();
                self.say(Tone::Warning, what);
                self.filtering = Some(input);
            }
            Some(KeyCode::Enter) => {}
            Some(KeyCode::Down | KeyCode::Up) => {
                let down = typed::plain_code(key) == Some(KeyCode::Down);
                self.move_by(if down { 1 } else { -1 });
                self.filtering = Some(input);
            }
            _ => {
                if typed::edit(&mut input, key) {
                    let text = input.value().to_owned();
                    self.filter_by(&text);
                }
                self.filtering = Some(input);
            }
        }
    }

    /// Filters by a line; the cursor stays where it can. Where a predicate in it means nothing, the rows are those of before it was
    /// typed.
    pub(crate) fn filter_by(&mut self, text: &str) {
        let mut filter = Filter::parse(text);
        self.filter_problem = filter.problem().map(str::to_owned);
        if self.filter_problem.is_some() {
            filter = Filter::parse(&self.filter_before);
        }
        if filter.text() != self.list.filter().text() {
            self.list.filter_by(filter);
            self.follow();
        }
    }

    /// Opens the filter line.
    pub(super) fn start_filter(&mut self) {
        self.pane = Pane::Downloads;
        self.filter_before = self.list.filter().text().to_owned();
        self.filtering = Some(Input::new(self.filter_before.clone()));
    }

    /// Takes in a text that was pasted: where something is typed it goes there, else its links are offered.
    pub(super) fn pasted(&mut self, text: &str) {
        if let Some(overlay) = &mut self.overlay
            && overlay.paste(text)
        {
            return;
        }
        if let Some(input) = &mut self.filtering {
            typed::insert(input, text);
            let text = input.value().to_owned();
            return self.filter_by(&text);
        }
        if self.overlay.is_some() || self.search_paste(text) {
            return;
        }
        if !self.connected {
            let why = self.options.keymap.fill(self.facts().lost());
            return self.say(Tone::Plain, why);
        }
        // Links that were given up before are not among them: only its own key brings them back.
        let add = Add::with_text(text, self);
        if add.is_empty() {
            self.say(Tone::Plain, "no link is in what was pasted".into());
        } else {
            self.overlay = Some(Overlay::Add(Box::new(add)));
        }
    }
}

fn digit(key: KeyCombination) -> Option<char> {
    match typed::plain_code(key) {
        Some(KeyCode::Char(c)) if c.is_ascii_digit() && key.modifiers == KeyModifiers::NONE => Some(c),
        _ => None,
    }
}
