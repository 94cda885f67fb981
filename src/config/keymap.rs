//! Which key means which command: the table's own keys, with `[keys]` of the config put over them.

use std::collections::{BTreeMap, HashMap};

use crokey::KeyCombination;
use crokey::crossterm::event::{KeyCode, KeyModifiers};

use crate::command::{Command, Entry, TABLE};

/// The keys of every command.
#[derive(Clone, Debug, PartialEq)]
pub struct Keymap {
    commands: HashMap<KeyCombination, Command>,
    names: BTreeMap<Command, Vec<String>>,
}

/// Why a line of `[keys]` can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyError {
    /// The command's id.
    pub id: &'static str,
    /// Which of its keys; all of them where none is told.
    pub key: Option<usize>,
    /// What is wrong.
    pub text: String,
    /// What would be right.
    pub help: Option<String>,
}

impl Default for Keymap {
    fn default() -> Self {
        Self::with(&BTreeMap::new())
            .unwrap_or_else(|_| Self { commands: HashMap::new(), names: BTreeMap::new() })
    }
}

impl Keymap {
    /// Returns the keys with a person's own put over them, by the command's id. A command that is named has these keys only; an
    /// empty list takes all away.
    ///
    /// # Errors
    /// Every key that is none or that two commands would have, and that nothing would be left to leave with.
    pub fn with(own: &BTreeMap<String, Vec<String>>) -> Result<Self, Vec<KeyError>> {
        let mut wrong = Vec::new();
        let mut commands: HashMap<KeyCombination, Command> = HashMap::new();
        let mut names: BTreeMap<Command, Vec<String>> = BTreeMap::new();
        // What a person chose comes first.
        let (chosen, rest): (Vec<&Entry>, Vec<&Entry>) =
            TABLE.iter().partition(|entry| own.contains_key(entry.id));
        for entry in chosen {
            for (at, text) in own.get(entry.id).into_iter().flatten().enumerate() {
                let refuse = |text: String, help: Option<&str>| KeyError {
                    id: entry.id,
                    key: Some(at),
                    text,
                    help: help.map(str::to_owned),
                };
                let Some(key) = parse(text) else {
                    let help = "write p, P, ctrl-p, f5, space, pageup and so on";
                    wrong.push(refuse("this is no key".into(), Some(help)));
                    continue;
                };
                match commands.insert(key, entry.command) {
                    Some(other) if other == entry.command => {}
                    Some(other) => {
                        let help = "a key is for one command: choose another for one of the two";
                        wrong.push(refuse(format!("`{}` has this key too", other.entry().id), Some(help)));
                    }
                    None => names.entry(entry.command).or_default().push(text.clone()),
                }
            }
        }
        for entry in rest {
            for text in entry.keys {
                let Some(key) = parse(text) else { continue };
                if let Some(chosen) = commands.get(&key) {
                    wrong.extend(taken_from(entry, key, chosen.entry(), own));
                    continue;
                }
                names.entry(entry.command).or_default().push((*text).to_owned());
                commands.insert(key, entry.command);
            }
        }
        let ways_out = [Command::Quit, Command::Leave];
        if wrong.is_empty() && !ways_out.iter().any(|way| names.contains_key(way)) {
            let named = ways_out.into_iter().find(|way| own.contains_key(way.entry().id));
            wrong.push(KeyError {
                id: named.unwrap_or(Command::Quit).entry().id,
                key: None,
                text: "nothing would leave haul then".into(),
                help: Some("give `quit` or `leave` a key".into()),
            });
        }
        if wrong.is_empty() { Ok(Self { commands, names }) } else { Err(wrong) }
    }

    /// What a key means.
    pub fn command(&self, key: KeyCombination) -> Option<Command> {
        self.commands.get(&key).copied()
    }

    /// A command's keys, as they are written.
    pub fn keys(&self, command: Command) -> &[String] {
        self.names.get(&command).map_or(&[], Vec::as_slice)
    }

    /// Puts keys into a text that names commands in braces; one without a key is found in the palette.
    pub fn fill(&self, text: &str) -> String {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, named)) = rest.split_once('{') {
            filled.push_str(before);
            let known = named
                .split_once('}')
                .and_then(|(id, after)| Some((TABLE.iter().find(|entry| entry.id == id)?, after)));
            if let Some((entry, after)) = known {
                let palette = || self.shown(Command::Palette).map(|key| format!("{key} {}", entry.id));
                let shown = self.shown(entry.command).or_else(palette);
                filled.push_str(shown.as_deref().unwrap_or(entry.id));
                rest = after;
            } else {
                filled.push('{');
                rest = named;
            }
        }
        filled.push_str(rest);
        filled
    }

    /// A command's first key, as people read it; nothing where it has none.
    pub fn shown(&self, command: Command) -> Option<String> {
        self.keys(command).first().map(|key| readable(key))
    }
}

/// What is wrong with a key that a person gave to `chosen`, and that `entry` has by default.
fn taken_from(
    entry: &Entry,
    key: KeyCombination,
    chosen: &Entry,
    own: &BTreeMap<String, Vec<String>>,
) -> Option<KeyError> {
    let at = own.get(chosen.id)?.iter().position(|text| parse(text) == Some(key));
    let help = format!("choose another, or give `{0}` one: {0} = \"f9\", or {0} = [] for none", entry.id);
    let text = format!("`{}` has this key", entry.id);
    Some(KeyError { id: chosen.id, key: at, text, help: Some(help) })
}

/// Reads a key's name: one character as it is typed, or a name with `ctrl-`, `alt-` and `shift-` before it.
pub fn parse(text: &str) -> Option<KeyCombination> {
    let mut characters = text.chars();
    if let (Some(only), None) = (characters.next(), characters.next()) {
        return Some(KeyCombination::one_key(KeyCode::Char(only), KeyModifiers::NONE).normalized());
    }
    crokey::parse(text).ok()
}

/// `space` → `Space`, `ctrl-c` → `Ctrl-C`, `pageup` → `PgUp`.
pub fn readable(key: &str) -> String {
    let known = match key {
        "pageup" => "PgUp",
        "pagedown" => "PgDn",
        "backtab" | "shift-backtab" => "Shift-Tab",
        "delete" => "Del",
        _ => "",
    };
    if !known.is_empty() {
        return known.to_owned();
    }
    if key.chars().count() == 1 {
        return key.to_owned();
    }
    let parts: Vec<String> = key
        .split('-')
        .map(|part| {
            let mut characters = part.chars();
            characters
                .next()
                .map_or_else(String::new, |first| format!("{}{}", first.to_uppercase(), characters.as_str()))
        })
        .collect();
    parts.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(lines: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
        lines
            .iter()
            .map(|(id, keys)| ((*id).to_owned(), keys.iter().map(|key| (*key).to_owned()).collect()))
            .collect()
    }

    #[test]
    fn every_default_key_can_be_read_and_means_its_command() {
        let keymap = Keymap::default();
        for entry in &TABLE {
            assert_eq!(keymap.keys(entry.command).len(), entry.keys.len(), "{}", entry.id);
            for key in entry.keys {
                assert_eq!(keymap.command(parse(key).unwrap()), Some(entry.command), "{key}");
            }
        }
        assert_ne!(parse("p"), parse("P"));
        assert_eq!(parse("P"), parse("shift-p"));
    }

    #[test]
    fn a_persons_keys_take_the_place_of_the_tables() {
        let chosen = [("pause", &["ctrl-p", "x"][..]), ("quit", &[]), ("cancel", &[])];
        let keymap = Keymap::with(&own(&chosen)).unwrap();
        assert_eq!(keymap.command(parse("x").unwrap()), Some(Command::Pause));
        assert_eq!(keymap.command(parse("p").unwrap()), None);
        assert_eq!(keymap.command(parse("q").unwrap()), None);
        assert_eq!(keymap.keys(Command::Cancel), &[] as &[String]);
        assert_eq!(keymap.shown(Command::Pause).unwrap(), "Ctrl-P");
    }

    #[test]
    fn a_key_that_another_command_has_is_refused_until_that_has_another() {
        let wrong = Keymap::with(&own(&[("pause", &["f5", "q"])])).unwrap_err();
        assert_eq!((wrong.len(), wrong[0].id, wrong[0].key), (1, "pause", Some(1)));
        assert_eq!(wrong[0].text, "`quit` has this key");
        assert!(wrong[0].help.as_ref().unwrap().contains("quit = []"), "{:?}", wrong[0].help);
        assert!(Keymap::with(&own(&[("pause", &["q"]), ("quit", &["f10"])])).is_ok());
    }

    #[test]
    fn a_text_names_the_keys_that_a_person_has() {
        let keymap = Keymap::with(&own(&[("mode", &["ctrl-m"]), ("remove", &[])])).unwrap();
        for (text, filled) in [
            ("{mode} switches it", "Ctrl-M switches it"),
            ("{resume}, or {remove}", "r, or : remove"),
            ("a {b} c {", "a {b} c {"),
            ("none", "none"),
        ] {
            assert_eq!(keymap.fill(text), filled);
        }
    }

    #[test]
    fn keys_are_shown_as_people_read_them() {
        for (key, shown) in
            [("p", "p"), ("space", "Space"), ("ctrl-c", "Ctrl-C"), ("pageup", "PgUp"), ("f1", "F1")]
        {
            assert_eq!(readable(key), shown);
        }
    }
}
