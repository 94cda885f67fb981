//! One table of settings for each section: it feeds the parser, `show`, `init` and the hints.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeString, DeTable};

use super::nearest::nearest;
use super::problem::Problem;
use super::value::{Read, Value};

/// One setting of a section whose values end up in a `T`.
pub(super) struct Setting<T: 'static> {
    /// Its name in the file.
    pub(super) name: &'static str,
    /// What it is for, in a line.
    pub(super) about: &'static str,
    /// A value as it could be written, for `init` where nothing is set by default.
    pub(super) example: &'static str,
    /// Reads a value, and returns what puts it into its place.
    pub(super) read: fn(&Value<'_>) -> Read<Put<T>>,
    /// Writes the value that is set, as TOML; nothing where none is.
    pub(super) show: fn(&T) -> Option<String>,
}

/// Puts a value into its place.
pub(super) type Put<T> = Box<dyn Fn(&mut T)>;

/// Returns what puts a value into its place.
pub(super) fn put<T: 'static, V: Clone + 'static>(value: V, place: fn(&mut T, V)) -> Put<T> {
    Box::new(move |target| place(target, value.clone()))
}

/// What one section of the file sets.
pub(super) struct Layer<T: 'static> {
    pub(super) entries: Vec<Entry<T>>,
}

/// One setting that a section sets.
pub(super) struct Entry<T: 'static> {
    pub(super) setting: &'static Setting<T>,
    /// Where its value is.
    pub(super) span: Range<usize>,
    put: Put<T>,
}

impl<T> Default for Layer<T> {
    fn default() -> Self {
        Self { entries: Vec::new() }
    }
}

impl<T> Layer<T> {
    /// Puts everything that it sets into place.
    pub(super) fn apply(&self, target: &mut T) {
        self.entries.iter().for_each(|entry| (entry.put)(target));
    }

    /// Adds a setting, where its value could be read.
    pub(super) fn add(&mut self, setting: &'static Setting<T>, span: Range<usize>, put: Option<Put<T>>) {
        self.entries.extend(put.map(|put| Entry { setting, span, put }));
    }

    /// Where a setting is set, if it is.
    pub(super) fn place_of(&self, name: &str) -> Option<&Range<usize>> {
        self.entries.iter().find(|entry| entry.setting.name == name).map(|entry| &entry.span)
    }
}

/// The problems that were found so far, and where in the file one is.
pub(super) struct Found {
    pub(super) problems: Vec<Problem>,
}

impl Found {
    /// Keeps a problem.
    pub(super) fn problem(
        &mut self,
        title: String,
        span: Range<usize>,
        label: impl Into<String>,
        help: Option<String>,
    ) {
        self.problems.push(Problem { title, span, label: label.into(), help });
    }

    /// Keeps that a name is unknown, with the one that was meant.
    pub(super) fn unknown<'a>(
        &mut self,
        what: &str,
        name: &Spanned<DeString<'_>>,
        known: impl IntoIterator<Item = &'a str>,
    ) {
        let known: Vec<_> = known.into_iter().collect();
        let meant = nearest(name.get_ref(), known.iter().copied());
        let help = meant.map_or_else(
            || format!("there are {}", known.join(", ")),
            |meant| format!("did you mean `{meant}`?"),
        );
        self.problem(format!("`{what}` is no setting"), name.span(), "unknown", Some(help));
    }

    /// Reads one value; a wrong one is kept as a problem.
    pub(super) fn value<V>(
        &mut self,
        what: &str,
        value: &Value<'_>,
        read: impl FnOnce(&Value<'_>) -> Read<V>,
    ) -> Option<V> {
        match read(value) {
            Ok(value) => Some(value),
            Err(wrong) => {
                let title = format!("`{what}` can't be {}", kind(value));
                self.problem(title, wrong.span.unwrap_or_else(|| value.span()), wrong.label, wrong.help);
                None
            }
        }
    }

    /// Reads a value as a table; anything else is kept as a problem.
    pub(super) fn table<'v, 'a>(&mut self, what: &str, value: &'v Value<'a>) -> Option<&'v DeTable<'a>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.problem(
                format!("`{what}` can't be {}", kind(value)),
                value.span(),
                format!("a section goes here: [{what}]"),
                None,
            );
        }
        table
    }

    /// Reads a section. Names in `others` are somebody else's to read.
    pub(super) fn layer<T>(
        &mut self,
        section: &str,
        table: &DeTable<'_>,
        settings: &[&'static [Setting<T>]],
        others: &[&'static str],
    ) -> Layer<T> {
        let mut layer = Layer::default();
        for (name, value) in table {
            let what = if section.is_empty() {
                name.get_ref().to_string()
            } else {
                format!("{section}.{}", name.get_ref())
            };
            if others.contains(&&**name.get_ref()) {
                continue;
            }
            let mut all = settings.iter().copied().flatten();
            let Some(setting) = all.find(|setting| setting.name == name.get_ref()) else {
                let own = settings.iter().copied().flatten().map(|setting| setting.name);
                let known = own.chain(others.iter().copied());
                self.unknown(&what, name, known);
                continue;
            };
            layer.add(setting, value.span(), self.value(&what, value, setting.read));
        }
        layer
    }
}

/// What kind of value it is, for people; short texts and numbers as they are.
fn kind(value: &Value<'_>) -> String {
    match value.get_ref() {
        toml::de::DeValue::String(text) if text.len() <= 24 => format!("{text:?}"),
        toml::de::DeValue::String(_) => "this text".into(),
        toml::de::DeValue::Integer(number) => number.to_string(),
        toml::de::DeValue::Float(number) => number.to_string(),
        toml::de::DeValue::Boolean(flag) => flag.to_string(),
        toml::de::DeValue::Datetime(_) => "a date".into(),
        toml::de::DeValue::Array(_) => "this list".into(),
        toml::de::DeValue::Table(_) => "this section".into(),
    }
}
