//! `[[schedule]]`, `[metered]`, `[battery]` and `[budget]`: when downloads may run, on which line, on which power, and how much may come.

use std::ops::Range;

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use toml::de::DeTable;

use super::nearest::nearest;
use super::setting::{Found, Layer, Setting, put};
use super::value::{Read, Value, Wrong, count, exact, exact_rate, list, quoted, rate, size, text};
use crate::model::policy::Policy;
use crate::model::settings::{BatteryRule, Budget, Circumstances, Days, MeteredRule, Window};
use crate::model::way::{Way, Ways};

/// The names of the sections.
pub(super) const SCHEDULE: &str = "schedule";
pub(super) const METERED_NAME: &str = "metered";
pub(super) const BATTERY_NAME: &str = "battery";
pub(super) const BUDGET_NAME: &str = "budget";

/// All of them.
pub(super) const NAMES: [&str; 4] = [SCHEDULE, METERED_NAME, BATTERY_NAME, BUDGET_NAME];

/// What the sections set, in the file or in a preset.
#[derive(Default)]
pub(super) struct Sections {
    windows: Vec<(Layer<Draft>, Range<usize>)>,
    metered: Layer<MeteredRule>,
    battery: Layer<BatteryRule>,
    budget: Layer<Budget>,
}

/// A window, as it is read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Draft {
    days: Days,
    from: Time,
    to: Time,
    ways: Ways<Option<Policy>>,
    zone: Option<(String, TimeZone)>,
}

impl Default for Draft {
    fn default() -> Self {
        let midnight = Time::midnight();
        Self { days: Days::ALL, from: midnight, to: midnight, ways: Ways::default(), zone: None }
    }
}

/// The settings of a window.
pub(super) const WINDOW: &[Setting<Draft>] = &[
    Setting {
        name: "days",
        about: "On which days it begins: \"mon-fri\", \"sat, sun\"; every day where nothing is set.",
        example: "\"mon-fri\"",
        read: |value| Ok(put(days(value)?, |to: &mut Draft, new| to.days = new)),
        show: |of| Some(quoted(&days_said(of.days))),
    },
    Setting {
        name: "from",
        about: "When it begins, by the wall clock.",
        example: "\"08:00\"",
        read: |value| Ok(put(time(value)?, |to: &mut Draft, new| to.from = new)),
        show: |of| Some(time_said(of.from)),
    },
    Setting {
        name: "to",
        about: "When it ends: on the next day, where that is not after it begins.",
        example: "\"18:00\"",
        read: |value| Ok(put(time(value)?, |to: &mut Draft, new| to.to = new)),
        show: |of| Some(time_said(of.to)),
    },
    Setting {
        name: "background",
        about: "What background downloads that step aside may do in it: \"run\", \"hold\", or at most \"500kB/s\" together.",
        example: "\"hold\"",
        read: |value| Ok(put(policy(value)?, |to: &mut Draft, new| to.ways.background = Some(new))),
        show: |of| of.ways.background.map(policy_said),
    },
    Setting {
        name: "now",
        about: "The same for downloads at priority now.",
        example: "\"2MB/s\"",
        read: |value| Ok(put(policy(value)?, |to: &mut Draft, new| to.ways.now = Some(new))),
        show: |of| of.ways.now.map(policy_said),
    },
    Setting {
        name: "real_time",
        about: "The same for real-time downloads; on hold none begins, and what runs goes on.",
        example: "\"run\"",
        read: |value| Ok(put(policy(value)?, |to: &mut Draft, new| to.ways.real_time = Some(new))),
        show: |of| of.ways.real_time.map(policy_said),
    },
    Setting {
        name: "zone",
        about: "Whose clock it goes by; the machine's where nothing is set.",
        example: "\"UTC\"",
        read: |value| Ok(put(zone(value)?, |to: &mut Draft, new| to.zone = Some(new))),
        show: |of| of.zone.as_ref().map(|(name, _)| quoted(name)),
    },
];

/// The settings of `[metered]`.
pub(super) const METERED: &[Setting<MeteredRule>] = &[
    Setting {
        name: "background",
        about: "What background downloads that step aside may do on a line that is paid by the byte: \"run\", \"hold\", or at most \"500kB/s\" together.",
        example: "\"hold\"",
        read: |value| Ok(put(policy(value)?, |to: &mut MeteredRule, new| to.ways.background = new)),
        show: |of| Some(policy_said(of.ways.background)),
    },
    Setting {
        name: "now",
        about: "The same for downloads at priority now.",
        example: "\"run\"",
        read: |value| Ok(put(policy(value)?, |to: &mut MeteredRule, new| to.ways.now = new)),
        show: |of| Some(policy_said(of.ways.now)),
    },
    Setting {
        name: "real_time",
        about: "The same for real-time downloads.",
        example: "\"run\"",
        read: |value| Ok(put(policy(value)?, |to: &mut MeteredRule, new| to.ways.real_time = new)),
        show: |of| Some(policy_said(of.ways.real_time)),
    },
];

/// The settings of `[battery]`.
pub(super) const BATTERY: &[Setting<BatteryRule>] = &[
    Setting {
        name: "below",
        about: "The rest holds while the machine runs on its battery and less than so many percent are left; 101 for always.",
        example: "20",
        read: |value| {
            let percent = u8::try_from(count(value, 0..=101)?).unwrap_or(101);
            Ok(put(percent, |to: &mut BatteryRule, new| to.below = new))
        },
        show: |of| Some(of.below.to_string()),
    },
    Setting {
        name: "background",
        about: "What background downloads that step aside may do then: \"run\", \"hold\", or at most \"500kB/s\" together.",
        example: "\"hold\"",
        read: |value| Ok(put(policy(value)?, |to: &mut BatteryRule, new| to.ways.background = new)),
        show: |of| Some(policy_said(of.ways.background)),
    },
    Setting {
        name: "now",
        about: "The same for downloads at priority now.",
        example: "\"hold\"",
        read: |value| Ok(put(policy(value)?, |to: &mut BatteryRule, new| to.ways.now = new)),
        show: |of| Some(policy_said(of.ways.now)),
    },
    Setting {
        name: "real_time",
        about: "The same for real-time downloads.",
        example: "\"run\"",
        read: |value| Ok(put(policy(value)?, |to: &mut BatteryRule, new| to.ways.real_time = new)),
        show: |of| Some(policy_said(of.ways.real_time)),
    },
];

/// The settings of `[budget]`.
pub(super) const BUDGET: &[Setting<Budget>] = &[
    Setting {
        name: "day",
        about: "Bytes that may come from midnight to midnight, or \"none\" for no end.",
        example: "\"2GB\"",
        read: |value| Ok(put(bytes(value)?, |to: &mut Budget, new| to.day = new)),
        show: |of| Some(quoted(&of.day.map_or_else(|| "none".to_owned(), exact))),
    },
    Setting {
        name: "month",
        about: "Bytes that may come in a month, or \"none\" for no end.",
        example: "\"20GB\"",
        read: |value| Ok(put(bytes(value)?, |to: &mut Budget, new| to.month = new)),
        show: |of| Some(quoted(&of.month.map_or_else(|| "none".to_owned(), exact))),
    },
    Setting {
        name: "month_begins",
        about: "The day on which the month begins, as on the bill.",
        example: "1",
        read: |value| {
            let day = u8::try_from(count(value, 1..=31)?).unwrap_or(1);
            Ok(put(day, |to: &mut Budget, new| to.month_begins = new))
        },
        show: |of| Some(of.month_begins.to_string()),
    },
    Setting {
        name: "background",
        about: "What background downloads that step aside may do when it is used up: \"run\", \"hold\", or at most \"500kB/s\" together.",
        example: "\"hold\"",
        read: |value| Ok(put(policy(value)?, |to: &mut Budget, new| to.ways.background = new)),
        show: |of| Some(policy_said(of.ways.background)),
    },
    Setting {
        name: "now",
        about: "The same for downloads at priority now.",
        example: "\"run\"",
        read: |value| Ok(put(policy(value)?, |to: &mut Budget, new| to.ways.now = new)),
        show: |of| Some(policy_said(of.ways.now)),
    },
    Setting {
        name: "real_time",
        about: "The same for real-time downloads.",
        example: "\"run\"",
        read: |value| Ok(put(policy(value)?, |to: &mut Budget, new| to.ways.real_time = new)),
        show: |of| Some(policy_said(of.ways.real_time)),
    },
];

/// Reads the sections of a table: of the file's top, where `within` is empty, or of a preset such as `presets.night`.
pub(super) fn read(within: &str, table: &DeTable<'_>, found: &mut Found) -> Sections {
    fn section<T>(
        table: &DeTable<'_>,
        (within, name): (&str, &str),
        settings: &'static [Setting<T>],
        found: &mut Found,
    ) -> Layer<T> {
        let whole = whole_name(within, name);
        let section = table.get(name).and_then(|value| found.table(&whole, value));
        section.map(|section| found.layer(&whole, section, &[settings], &[])).unwrap_or_default()
    }
    let schedule = whole_name(within, SCHEDULE);
    Sections {
        windows: table.get(SCHEDULE).map(|value| windows(&schedule, value, found)).unwrap_or_default(),
        metered: section(table, (within, METERED_NAME), METERED, found),
        battery: section(table, (within, BATTERY_NAME), BATTERY, found),
        budget: section(table, (within, BUDGET_NAME), BUDGET, found),
    }
}

fn whole_name(within: &str, name: &str) -> String {
    if within.is_empty() { name.to_owned() } else { format!("{within}.{name}") }
}

fn windows(name: &str, section: &Value<'_>, found: &mut Found) -> Vec<(Layer<Draft>, Range<usize>)> {
    let Some(windows) = section.get_ref().as_array() else {
        found.problem(
            format!("`{name}` can't be a single section"),
            section.span(),
            "this is a list",
            Some(format!("write [[{name}]], with two brackets, for each window")),
        );
        return Vec::new();
    };
    let mut all = Vec::new();
    for window in windows {
        let Some(table) = found.table(name, window) else { continue };
        let before = found.problems.len();
        let layer = found.layer(name, table, &[WINDOW], &[]);
        let says = Way::ALL.iter().any(|way| layer.place_of(&key(*way)).is_some());
        if !says && found.problems.len() == before {
            found.problem(
                format!("a window of `{name}` says nothing"),
                window.span(),
                "neither background, now nor real_time is set",
                Some("add background = \"hold\", or a rate".into()),
            );
        }
        all.push((layer, window.span()));
    }
    all
}

/// How a way is written in the file.
fn key(way: Way) -> String {
    way.word().replace('-', "_")
}

impl Sections {
    /// Returns what the engine is told. What a preset in use sets stands over it; its windows take the place of all others.
    pub(super) fn circumstances(&self, preset: Option<&Self>) -> Circumstances {
        let mut all = Circumstances::default();
        for layer in [Some(self), preset].into_iter().flatten() {
            layer.metered.apply(&mut all.metered);
            layer.battery.apply(&mut all.battery);
            layer.budget.apply(&mut all.budget);
        }
        for (layer, _) in self.windows_under(preset) {
            let Draft { days, from, to, ways, zone } = drafted(layer);
            all.plan.push(Window { days, from, to, ways, zone: zone.map(|(_, zone)| zone) });
        }
        all
    }

    fn windows_under<'a>(&'a self, preset: Option<&'a Self>) -> &'a [(Layer<Draft>, Range<usize>)] {
        preset.filter(|preset| !preset.windows.is_empty()).map_or(&self.windows, |preset| &preset.windows)
    }

    /// What holds, with what a preset in use sets over it.
    pub(super) fn shown(&self, preset: Option<&Self>) -> Vec<Shown> {
        let all = self.circumstances(preset);
        let by_preset = preset.is_some_and(|preset| !preset.windows.is_empty());
        let mut shown = Vec::new();
        for (number, (layer, _)) in self.windows_under(preset).iter().enumerate() {
            let draft = drafted(layer);
            let section = format!("{SCHEDULE} {}", number + 1);
            let set = WINDOW.iter().filter_map(|setting| Some((setting, layer.place_of(setting.name)?)));
            shown.extend(set.map(|(setting, span)| Shown {
                section: section.clone(),
                name: setting.name,
                value: (setting.show)(&draft),
                set: if by_preset { Set::ByPreset } else { Set::At(span.clone()) },
                about: setting.about,
            }));
        }
        let metered = (&self.metered, preset.map(|preset| &preset.metered));
        shown.extend(section(METERED_NAME, METERED, metered, &all.metered));
        let battery = (&self.battery, preset.map(|preset| &preset.battery));
        shown.extend(section(BATTERY_NAME, BATTERY, battery, &all.battery));
        let budget = (&self.budget, preset.map(|preset| &preset.budget));
        shown.extend(section(BUDGET_NAME, BUDGET, budget, &all.budget));
        shown
    }

    /// What these sections set by themselves: name and value as TOML.
    pub(super) fn sets(&self) -> Vec<(String, String)> {
        let shown = Self::default().shown(Some(self)).into_iter();
        let own = shown.filter(|shown| shown.set == Set::ByPreset);
        own.filter_map(|shown| Some((format!("{}.{}", shown.section, shown.name), shown.value?))).collect()
    }
}

fn drafted(layer: &Layer<Draft>) -> Draft {
    let mut draft = Draft::default();
    layer.apply(&mut draft);
    draft
}

/// A setting as it holds.
pub(super) struct Shown {
    pub(super) section: String,
    pub(super) name: &'static str,
    /// Its value as TOML.
    pub(super) value: Option<String>,
    pub(super) set: Set,
    /// What it is for.
    pub(super) about: &'static str,
}

/// Who set it.
#[derive(PartialEq, Eq)]
pub(super) enum Set {
    /// Nobody.
    Nowhere,
    /// The file, at this place.
    At(Range<usize>),
    /// The preset in use.
    ByPreset,
}

/// Shows all settings of a section: of the file, and of a preset.
fn section<T>(
    name: &str,
    settings: &'static [Setting<T>],
    (file, preset): (&Layer<T>, Option<&Layer<T>>),
    of: &T,
) -> Vec<Shown> {
    let line = |setting: &'static Setting<T>| {
        let by_preset = preset.is_some_and(|preset| preset.place_of(setting.name).is_some());
        let set = match file.place_of(setting.name) {
            _ if by_preset => Set::ByPreset,
            Some(span) => Set::At(span.clone()),
            None => Set::Nowhere,
        };
        let value = (setting.show)(of);
        Shown { section: name.to_owned(), name: setting.name, value, set, about: setting.about }
    };
    settings.iter().map(line).collect()
}

/// Reads what downloads may do.
fn policy(value: &Value<'_>) -> Read<Policy> {
    let word = value.get_ref().as_str().map(str::to_ascii_lowercase);
    match word.as_deref() {
        Some("run" | "none") => Ok(Policy::Run),
        Some("hold") => Ok(Policy::Hold),
        _ => match rate(value) {
            Ok(0) => Err(Wrong::from("a rate of 0 is no rate").help("write \"hold\"")),
            Ok(rate) => Ok(Policy::Limit(rate)),
            Err(_) => {
                let wrong = Wrong::from("\"run\", \"hold\" or a rate such as \"500kB/s\" goes here");
                let meant = word.and_then(|word| nearest(&word, ["run", "hold"]));
                Err(Wrong { help: meant.map(|meant| format!("did you mean \"{meant}\"?")), ..wrong })
            }
        },
    }
}

fn policy_said(policy: Policy) -> String {
    match policy {
        Policy::Run => quoted("run"),
        Policy::Hold => quoted("hold"),
        Policy::Limit(rate) => exact_rate(rate),
    }
}

/// Reads bytes, or `"none"`.
fn bytes(value: &Value<'_>) -> Read<Option<u64>> {
    if value.get_ref().as_str() == Some("none") { Ok(None) } else { size(value).map(Some) }
}

/// Reads a time of day; `"24:00"` is midnight.
fn time(value: &Value<'_>) -> Read<Time> {
    let wrong = || Wrong::from("a time of day goes here, such as \"08:00\"");
    let text = text(value).map_err(|_| wrong())?;
    if text == "24:00" {
        return Ok(Time::midnight());
    }
    let padded = if text.len() == 4 { format!("0{text}") } else { text };
    padded.parse().map_err(|_| wrong())
}

fn time_said(time: Time) -> String {
    let how = if time.second() == 0 { "%H:%M" } else { "%H:%M:%S" };
    quoted(&time.strftime(how).to_string())
}

const WEEK: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// Reads days: `"mon-fri"`, `"sat, sun"`, or a list of such.
fn days(value: &Value<'_>) -> Read<Days> {
    let each = |value: &Value<'_>| days_of(&text(value)?);
    let days = match value.get_ref().as_array() {
        Some(_) => list(value, each)?.concat(),
        None => each(value)?,
    };
    if days.is_empty() {
        Err("a day goes here, such as \"mon\"".into())
    } else {
        Ok(days.into_iter().collect())
    }
}

fn days_of(text: &str) -> Read<Vec<Weekday>> {
    let day = |word: &str| -> Read<usize> {
        let word = word.trim().to_lowercase();
        let full = |day: &Weekday| format!("{day:?}").to_lowercase();
        let found = WEEK.iter().position(|(short, day)| word == *short || word == full(day));
        found.ok_or_else(|| {
            Wrong::from(format!("`{word}` is no day"))
                .help("there are mon, tue, wed, thu, fri, sat and sun; mon-fri is a span")
        })
    };
    let mut days = Vec::new();
    // `Monday - Friday` is one span.
    let text = text.split('-').map(str::trim).collect::<Vec<_>>().join("-");
    for part in text.split([',', ' ']).filter(|part| !part.trim().is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (day(first)?, day(last)?);
        // From Saturday to Monday is three days.
        let length = (last + WEEK.len() - first) % WEEK.len();
        days.extend((0..=length).map(|step| WEEK[(first + step) % WEEK.len()].1));
    }
    Ok(days)
}

fn days_said(days: Days) -> String {
    let names: Vec<_> = WEEK.iter().filter(|(_, day)| days.has(*day)).map(|(name, _)| *name).collect();
    let all: Vec<_> = WEEK.iter().map(|(name, _)| *name).collect();
    // Three days and more that follow each other are a span.
    match (names.as_slice(), all.windows(names.len().max(1)).any(|span| span == names)) {
        ([first, .., last], true) if names.len() > 2 => format!("{first}-{last}"),
        _ => names.join(", "),
    }
}

/// Reads the name of a zone.
fn zone(value: &Value<'_>) -> Read<(String, TimeZone)> {
    let name = text(value)?;
    let zone = TimeZone::get(&name).map_err(|_| {
        Wrong::from(format!("this machine knows no zone `{name}`")).help("write it as in \"Europe/Berlin\"")
    })?;
    Ok((name, zone))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Config;
    use super::*;

    fn read(text: &str) -> Circumstances {
        let parsed = Config::parse(Path::new("/c"), text.to_owned());
        parsed.unwrap_or_else(|report| panic!("{}", report.render(false))).settings(None).circumstances
    }

    #[test]
    fn a_plan_is_read_in_the_order_of_the_file() {
        let read = read(
            "[[schedule]]\ndays = \"mon-fri\"\nfrom = \"8:00\"\nto = \"18:00\"\nbackground = \"hold\"\nnow = \"2MB/s\"\n\
             [[schedule]]\ndays = [\"sat-mon\", \"Wednesday\"]\nfrom = \"22:00\"\nto = \"24:00\"\nreal_time = \"run\"\nzone = \"UTC\"\n",
        );
        let [work, night] = &read.plan[..] else { panic!("{read:?}") };
        assert_eq!(days_said(work.days), "mon-fri");
        assert_eq!((work.from.hour(), work.to.hour(), work.zone.clone()), (8, 18, None));
        assert_eq!(
            (work.ways.background, work.ways.now, work.ways.real_time),
            (Some(Policy::Hold), Some(Policy::Limit(2_000_000)), None)
        );
        assert_eq!(days_said(night.days), "mon, wed, sat, sun");
        assert_eq!(
            (night.to, night.ways.real_time, night.zone.clone()),
            (Time::midnight(), Some(Policy::Run), Some(TimeZone::UTC))
        );
    }

    #[test]
    fn the_other_sections_stand_over_their_defaults() {
        assert_eq!(read(""), Circumstances::default());
        let read = read(
            "[metered]\nnow = \"hold\"\n[battery]\nbelow = 101\nbackground = \"100kB/s\"\n\
             [budget]\nday = \"2GB\"\nmonth_begins = 15\nnow = \"hold\"\n",
        );
        assert_eq!((read.metered.ways.background, read.metered.ways.now), (Policy::Hold, Policy::Hold));
        assert_eq!((read.battery.below, read.battery.ways.background), (101, Policy::Limit(100_000)));
        assert_eq!(
            (read.budget.day, read.budget.month, read.budget.month_begins),
            (Some(2_000_000_000), None, 15)
        );
    }

    #[test]
    fn a_preset_in_use_stands_over_the_file_and_brings_its_own_plan() {
        let text = "[[schedule]]\nbackground = \"hold\"\n[metered]\nnow = \"hold\"\n[budget]\nday = \"2GB\"\n\
                    [presets.away.metered]\nbackground = \"run\"\n[presets.away.battery]\nbelow = 50\n\
                    [[presets.away.schedule]]\nfrom = \"1:00\"\nto = \"5:00\"\nnow = \"run\"\n[presets.plain]\nparallel = 1\n";
        let away = read(&format!("preset = \"away\"\n{text}"));
        assert_eq!((away.metered.ways.background, away.metered.ways.now), (Policy::Run, Policy::Hold));
        assert_eq!((away.battery.below, away.budget.day), (50, Some(2_000_000_000)));
        let [window] = &away.plan[..] else { panic!("{away:?}") };
        assert_eq!((window.ways.now, window.ways.background), (Some(Policy::Run), None));
        let plain = read(&format!("preset = \"plain\"\n{text}"));
        assert_eq!(plain, read(text));
        assert_eq!(plain.plan[0].ways.background, Some(Policy::Hold));
        let config = Config::parse(Path::new("/c"), format!("preset = \"away\"\n{text}")).ok().unwrap();
        let origins: Vec<_> = config
            .effective(None)
            .into_iter()
            .filter(|one| ["schedule 1", "metered"].contains(&one.section.as_str()))
            .map(|one| format!("{}.{} {}", one.section, one.name, one.origin))
            .collect();
        let said =
            ["from preset away", "to preset away", "now preset away"].map(|one| format!("schedule 1.{one}"));
        assert_eq!(origins[..3], said);
        assert_eq!(
            origins[3..],
            ["metered.background preset away", "metered.now /c:5", "metered.real_time default"]
        );
        let row = config.settings(None).preset_rows.into_iter().find(|row| row.name == "away").unwrap();
        assert_eq!(row.sets["metered.background"], "\"run\"");
        assert_eq!(row.sets["schedule 1.now"], "\"run\"");
        assert_eq!(row.sets.len(), 5, "{:?}", row.sets);
    }

    #[test]
    fn what_is_wrong_is_told_at_its_place() {
        for (text, told) in [
            ("[schedule]\nfrom = \"1:00\"\n", "write [[schedule]]"),
            ("[[schedule]]\nfrom = \"25:00\"\nbackground = \"hold\"\n", "a time of day"),
            ("[[schedule]]\ndays = \"mo-fri\"\nbackground = \"hold\"\n", "`mo` is no day"),
            ("[[schedule]]\nbackground = \"stop\"\n", "\"run\", \"hold\" or a rate"),
            ("[[schedule]]\nbackground = \"hodl\"\n", "did you mean \"hold\"?"),
            ("[[schedule]]\nbackground = \"1.5\"\n", "\"run\", \"hold\" or a rate"),
            ("[[schedule]]\nbackground = 0\n", "write \"hold\""),
            ("[[schedule]]\nfrom = \"1:00\"\n", "says nothing"),
            ("[[schedule]]\nbackground = \"hold\"\nzone = \"Nowhere/Land\"\n", "no zone"),
            ("[[schedule]]\nbackgroud = \"hold\"\n", "did you mean `background`?"),
            ("[budget]\nday = \"lots\"\n", "is no size"),
            ("[battery]\nbelow = 102\n", "from 0 to 101"),
            ("[presets.x.metered]\nnwo = \"run\"\n", "presets.x.metered.nwo"),
            ("[presets.x.schedule]\nnow = \"run\"\n", "write [[presets.x.schedule]]"),
        ] {
            let report = Config::parse(Path::new("/c"), text.to_owned()).err().unwrap();
            let rendered = report.render(false);
            assert!(rendered.contains(told), "{text}: {rendered}");
        }
    }
}
