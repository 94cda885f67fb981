//! A burst of keys that spells a link is a paste: terminals without bracketed paste send one as if it had been typed, and every letter
//! of it would be a command.

use crokey::crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// The fewest characters of a link: `http://a.b`.
const SHORTEST: usize = 10;

/// Whether so many came at once that a person can't have typed them: then more may follow in a moment.
pub(crate) fn is_burst(events: &[Event]) -> bool {
    events.iter().filter(|event| typed(event).is_some()).take(3).count() == 3
}

/// Puts a burst that spells a link together into a paste; everything else stays as it is. `before` is a character that came just
/// before, when it was not yet known that more would follow.
pub(crate) fn joined(events: Vec<Event>, before: Option<char>) -> Vec<Event> {
    if events.iter().any(|event| typed(event).is_none()) {
        return events;
    }
    let mut text: String = events.iter().filter_map(typed).collect();
    if text.len() + 1 < SHORTEST {
        return events;
    }
    let starts = |text: &str| text.contains("http://") || text.contains("https://");
    if !starts(&text)
        && let Some(before) = before
    {
        text.insert(0, before);
    }
    if starts(&text) { vec![Event::Paste(text)] } else { events }
}

/// The character that an event types.
pub(crate) fn typed(event: &Event) -> Option<char> {
    let Event::Key(KeyEvent { code, modifiers, kind: KeyEventKind::Press, .. }) = event else { return None };
    if !(*modifiers - KeyModifiers::SHIFT).is_empty() {
        return None;
    }
    match code {
        KeyCode::Char(c) => Some(*c),
        KeyCode::Enter => Some('\n'),
        KeyCode::Tab => Some('\t'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<Event> {
        text.chars()
            .map(|c| {
                let code = if c == '\n' { KeyCode::Enter } else { KeyCode::Char(c) };
                Event::Key(KeyEvent::new(code, KeyModifiers::NONE))
            })
            .collect()
    }

    #[test]
    fn only_what_spells_a_link_is_a_paste() {
        let link = "https://a.example/x.iso\nhttps://a.example/y.iso\n";
        assert!(is_burst(&keys(link)));
        assert_eq!(joined(keys(link), None), [Event::Paste(link.into())]);
        assert_eq!(joined(keys("ttp://a.example"), Some('h')), [Event::Paste("http://a.example".into())]);
        for text in ["jjjjjjjjjjjjjjjj", "hjkl", "q", "ttp://a.example"] {
            assert_eq!(joined(keys(text), None), keys(text), "{text}");
        }
        assert!(!is_burst(&keys("jj")));
    }
}
