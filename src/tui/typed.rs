//! Keys that type: one line of text, edited as a shell does.

use crokey::KeyCombination;
use crokey::crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use tui_input::backend::crossterm::EventHandler as _;
use tui_input::{Input, InputRequest};

use crate::model::printable::printable;

/// The most characters that a line takes: what is longer is no name, link or path.
const MOST: usize = 8192;

/// Gives a line a key. Returns whether its text changed.
pub(crate) fn edit(input: &mut Input, key: KeyCombination) -> bool {
    let event: KeyEvent = key.into();
    let is_long = input.value().len() >= MOST && matches!(event.code, KeyCode::Char(_));
    !is_long && input.handle_event(&Event::Key(event)).is_some_and(|changed| changed.value)
}

/// Puts a pasted text into a line: without line breaks and whatever else acts on a terminal.
pub(crate) fn insert(input: &mut Input, text: &str) {
    let text: String = printable(text.trim()).chars().take(MOST).collect();
    for c in text.chars() {
        input.handle(InputRequest::InsertChar(c));
    }
}

/// The key without modifiers but shift.
pub(crate) fn plain_code(key: KeyCombination) -> Option<KeyCode> {
    let event: KeyEvent = key.into();
    (event.modifiers - KeyModifiers::SHIFT).is_empty().then_some(event.code)
}
