//! `[keys]`: a person's own keys, by the id of the command. Only clients read it.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::DeValue;

use super::keymap::{KeyError, Keymap};
use super::setting::Found;
use super::value::{Read, Value, list, listed, quoted};
use crate::command::TABLE;

/// The keys of every command, and where the file sets any.
#[derive(Default)]
pub(super) struct Keys {
    pub(super) keymap: Keymap,
    places: BTreeMap<&'static str, Range<usize>>,
}

/// Reads the section.
pub(super) fn read(section: &Value<'_>, found: &mut Found) -> Keys {
    let Some(table) = found.table("keys", section) else { return Keys::default() };
    let mut own: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut places = BTreeMap::new();
    let mut spans: BTreeMap<&str, Vec<Range<usize>>> = BTreeMap::new();
    for (name, value) in table {
        let Some(entry) = TABLE.iter().find(|entry| entry.id == name.get_ref()) else {
            found.unknown(&format!("keys.{}", name.get_ref()), name, TABLE.iter().map(|entry| entry.id));
            continue;
        };
        let Some(keys) = found.value(&format!("keys.{}", entry.id), value, keys) else { continue };
        places.insert(entry.id, value.span());
        spans.insert(entry.id, keys.iter().map(|(_, span)| span.clone()).collect());
        own.insert(entry.id.to_owned(), keys.into_iter().map(|(key, _)| key).collect());
    }
    let keymap = Keymap::with(&own).unwrap_or_else(|wrong| {
        for KeyError { id, key, text, help } in wrong {
            let of_key = key.and_then(|at| spans.get(id)?.get(at).cloned());
            let span = of_key.or_else(|| places.get(id).cloned()).unwrap_or_else(|| section.span());
            let of_key = key.and_then(|at| own.get(id)?.get(at));
            let value = of_key.map_or_else(|| "[]".to_owned(), |key| quoted(key));
            found.problem(format!("`keys.{id}` can't be {value}"), span, text, help);
        }
        Keymap::default()
    });
    Keys { keymap, places }
}

/// Reads one key or a list of them, each with its place.
fn keys(value: &Value<'_>) -> Read<Vec<(String, Range<usize>)>> {
    let one = |value: &Value<'_>| match value.get_ref() {
        DeValue::String(key) => Ok((key.to_string(), value.span())),
        _ => Err("a key in quotes goes here, such as \"p\", \"ctrl-p\" or \"f5\"".into()),
    };
    match value.get_ref() {
        DeValue::Array(_) => list(value, one),
        DeValue::String(_) => Ok(vec![one(value)?]),
        _ => Err("a key in quotes goes here, or a list of them in [ ]".into()),
    }
}

impl Keys {
    /// Where a command's keys are set, if they are.
    pub(super) fn place_of(&self, id: &str) -> Option<&Range<usize>> {
        self.places.get(id)
    }
}

/// Writes keys as TOML does: one by itself, others as a list.
pub(super) fn written<S: AsRef<str>>(keys: &[S]) -> String {
    match keys {
        [one] => quoted(one.as_ref()),
        many => listed(many),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{Config, Report};
    use crate::command::Command;
    use crate::config::keymap::parse;

    fn report(text: &str) -> Report {
        Config::parse(Path::new("/c"), text.into()).err().unwrap()
    }

    #[test]
    fn one_key_or_several_by_the_id_of_the_command() {
        let text = "[keys]\npause = \"ctrl-p\"\nquit = [\"Q\", \"f10\"]\nnew-link = []\n";
        let keymap = Config::parse(Path::new("/c"), text.into())
            .unwrap_or_else(|wrong| panic!("{wrong}"))
            .keymap()
            .clone();
        assert_eq!(keymap.command(parse("ctrl-p").unwrap()), Some(Command::Pause));
        assert_eq!(keymap.command(parse("p").unwrap()), None);
        assert_eq!(keymap.keys(Command::Quit), ["Q", "f10"]);
        assert_eq!(keymap.keys(Command::NewLink), &[] as &[String]);
    }

    #[test]
    fn what_is_wrong_is_told_at_its_place() {
        for (text, title, label, at) in [
            ("[keys]\npauze = \"p\"", "`keys.pauze` is no setting", "unknown", (2, 1)),
            ("[keys]\npause = 5", "`keys.pause` can't be 5", "a key in quotes goes here", (2, 9)),
            (
                "[keys]\npause = [\"p\", \"hyper-p\"]",
                "`keys.pause` can't be \"hyper-p\"",
                "this is no key",
                (2, 15),
            ),
            ("[keys]\npause = \"q\"", "`keys.pause` can't be \"q\"", "`quit` has this key", (2, 9)),
            (
                "[keys]\nedit = \"f9\"\npause = [\"p\", \"f9\"]",
                "`keys.edit`",
                "`pause` has this key too",
                (2, 8),
            ),
            ("[keys]\nquit = []\nleave = []", "`keys.quit`", "nothing would leave", (2, 8)),
            ("[keys]\nquit = []\nleave = \"ctrl-l\"", "`keys.leave`", "`redraw` has this key", (3, 9)),
            ("keys = 1", "`keys` can't be 1", "a section goes here", (1, 8)),
        ] {
            let report = report(text);
            let problem = &report.problems[0];
            assert_eq!(report.problems.len(), 1, "{text}: {:?}", report.problems);
            assert!(problem.title.contains(title), "{text}: {}", problem.title);
            assert!(problem.label.contains(label), "{text}: {}", problem.label);
            assert_eq!(report.place(problem.span.start), at, "{text}");
        }
        assert_eq!(
            report("[keys]\npauze = \"p\"").problems[0].help.as_deref(),
            Some("did you mean `pause`?")
        );
    }
}
