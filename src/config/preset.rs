//! Presets: named bundles of settings, those that come with haul and the file's own.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::circumstances::{self, Sections};
use super::engine::{CHOICE, DOWNLOAD, ENGINE, FOLDER, Tuned};
use super::setting::{Found, Layer};
use super::value;
use crate::model::view::PresetRow;

const SHIPPED: &str = include_str!("presets.toml");
const ABOUT: &str = "about";

/// A preset.
pub(super) struct Preset {
    pub(super) about: String,
    pub(super) layer: Layer<Tuned>,
    pub(super) circumstances: Sections,
    /// Where it is in the file; nothing where it comes with haul.
    pub(super) span: Option<Range<usize>>,
}

/// Returns the presets that come with haul.
pub(super) fn shipped() -> BTreeMap<String, Preset> {
    let mut found = Found { problems: Vec::new() };
    let parsed = DeTable::parse(SHIPPED).ok();
    let section = parsed.as_ref().and_then(|table| table.get_ref().get("presets"));
    let mut presets = section.map(|section| read(section, &mut found)).unwrap_or_default();
    for preset in presets.values_mut() {
        preset.span = None;
    }
    presets
}

/// Reads the section `[presets]`.
pub(super) fn read(section: &value::Value<'_>, found: &mut Found) -> BTreeMap<String, Preset> {
    let mut presets = BTreeMap::new();
    let Some(table) = found.table("presets", section) else { return presets };
    for (name, preset) in table {
        let what = format!("presets.{}", name.get_ref());
        let Some(table) = found.table(&what, preset) else { continue };
        let [schedule, metered, battery, budget] = circumstances::NAMES;
        let others = [ABOUT, schedule, metered, battery, budget];
        let layer = found.layer(&what, table, &[ENGINE, FOLDER, DOWNLOAD, CHOICE], &others);
        let circumstances = circumstances::read(&what, table, found);
        let about = table
            .get(ABOUT)
            .and_then(|about| found.value(&format!("{what}.{ABOUT}"), about, value::text))
            .unwrap_or_default();
        let span = Some(name.span());
        presets.insert(name.get_ref().to_string(), Preset { about, layer, circumstances, span });
    }
    presets
}

impl Preset {
    /// Returns it as it is listed.
    pub(super) fn row(&self, name: &str, in_use: bool) -> PresetRow {
        let mut tuned = Tuned::default();
        self.layer.apply(&mut tuned);
        let sets = self.layer.entries.iter().map(|entry| {
            // A limit that is lifted shows as nothing once it is in its place.
            let shown = (entry.setting.show)(&tuned).unwrap_or_else(|| value::quoted("none"));
            (entry.setting.name.to_owned(), shown)
        });
        PresetRow {
            name: name.to_owned(),
            about: self.about.clone(),
            shipped: self.span.is_none(),
            in_use,
            sets: sets.chain(self.circumstances.sets()).collect(),
        }
    }
}

/// Reads the name of a preset.
pub(super) fn name(value: &value::Value<'_>, known: &BTreeMap<String, Preset>) -> value::Read<String> {
    let DeValue::String(name) = value.get_ref() else { return Err("the name of a preset goes here".into()) };
    if known.contains_key(&**name) {
        return Ok(name.to_string());
    }
    let all = known.keys().map(String::as_str);
    let wrong = value::Wrong::from("there is no such preset");
    Err(match super::nearest::nearest(name, all.clone()) {
        Some(meant) => wrong.help(format!("did you mean \"{meant}\"?")),
        None => wrong.help(format!("there are {}", all.collect::<Vec<_>>().join(", "))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_come_with_haul_are_sound() {
        let table = DeTable::parse(SHIPPED).unwrap();
        let mut found = Found { problems: Vec::new() };
        read(&table.get_ref()["presets"], &mut found);
        assert_eq!(found.problems, []);
        let names: Vec<_> = shipped().into_keys().collect();
        assert_eq!(names, ["balanced", "full-speed", "metered", "night", "polite"]);
        assert!(shipped().values().all(|preset| !preset.about.is_empty()));
    }

    #[test]
    fn a_row_says_what_a_preset_sets_as_it_would_be_written() {
        let row = shipped()["full-speed"].row("full-speed", true);
        assert_eq!((row.shipped, row.in_use), (true, true));
        assert_eq!(row.sets["limit_per_file"], "\"none\"");
        assert_eq!(row.sets["parallel"], "8");
    }
}
