//! The file that `haul config init` writes: every setting with what it is for, commented out, so that defaults stay defaults.

use super::circumstances::{BATTERY, BUDGET, METERED, WINDOW};
use super::door::DOOR;
use super::engine::{CHOICE, DOWNLOAD, ENGINE, FOLDER, Tuned};
use super::hooks::HOOKS;
use super::host::OWN;
use super::keys::written;
use super::library::LIBRARY;
use super::preset;
use super::setting::Setting;
use super::ui::{UI, Ui};
use crate::command::{Entry, TABLE};

/// Returns a config file that sets nothing and shows everything.
pub fn commented() -> String {
    let names: Vec<_> = preset::shipped().into_keys().collect();
    let tuned = Tuned::default();
    let shown =
        |setting: &Setting<Tuned>| (setting.show)(&tuned).unwrap_or_else(|| setting.example.to_owned());
    let engine: Vec<_> = [ENGINE, FOLDER, DOWNLOAD].into_iter().flatten().collect();
    [
        "# The settings of haul. Every line that is commented out shows a default, or an example where there is none.\n\
         # `haul config check` says whether the file is right, `haul config show` what holds and why.\n\
         # Order: default < this file < preset < host rule < collection < flag.\n\n\
         # The preset in use: "
            .to_owned(),
        names.join(", "),
        ", or one of your own.\n#preset = \"balanced\"\n\n[engine]\n".to_owned(),
        lines(engine.into_iter(), shown),
        "\n# A preset sets any of the above, these, and as [presets.mine.metered] or [[presets.mine.schedule]] what the sections\n\
         # schedule, metered, battery and budget below do.\n#\n#[presets.mine]\n#about = \"what it is for\"\n".to_owned(),
        lines(CHOICE.iter(), |setting| setting.example.to_owned()),
        "\n# A rule for some hosts: \"example.com\" is that one, \"*.example.com\" is every one below it. A later rule stands\n\
         # over an earlier one. It sets these, what a preset sets for a download, and a folder.\n#\n\
         #[[hosts]]\n#match = \"*.example.com\"\n"
            .to_owned(),
        lines(OWN.iter(), |setting| setting.example.to_owned()),
        "\n# Programs to run when something happened, once for each event, beside everything else.\n#\n#[hooks]\n".to_owned(),
        lines(HOOKS.iter(), |setting| setting.example.to_owned()),
        "\n# What is done with finished media.\n#\n#[library]\n".to_owned(),
        lines(LIBRARY.iter(), |setting| setting.example.to_owned()),
        "\n# A window of the weekly plan. As many as you like; of those that hold at once, the last one counts.\n#\n#[[schedule]]\n".to_owned(),
        lines(WINDOW.iter(), |setting| setting.example.to_owned()),
        "\n# On a line that is paid by the byte, where NetworkManager says so.\n#\n#[metered]\n".to_owned(),
        lines(METERED.iter(), |setting| setting.example.to_owned()),
        "\n# On battery, where UPower says so.\n#\n#[battery]\n".to_owned(),
        lines(BATTERY.iter(), |setting| setting.example.to_owned()),
        "\n# How many bytes of files may come, and what downloads may do when they have.\n#\n#[budget]\n".to_owned(),
        lines(BUDGET.iter(), |setting| setting.example.to_owned()),
        "\n# The door for web pages; `haul door` says who asks and who is let in.\n#\n#[door]\n".to_owned(),
        lines(DOOR.iter(), |setting| setting.example.to_owned()),
        "\n# How the screen looks and what it tells.\n\n[ui]\n".to_owned(),
        lines(UI.iter(), |setting| (setting.show)(&Ui::default()).unwrap_or_else(|| setting.example.to_owned())),
        "\n# Keys of the screen: one, or a list; [] takes all away. A key is for one command: one that another has is\n\
         # an error until that gets another, or [].\n\n[keys]\n"
            .to_owned(),
        TABLE.iter().map(keys).collect::<Vec<_>>().concat(),
    ]
    .concat()
}

/// What a command does, and its keys.
fn keys(entry: &Entry) -> String {
    format!("# {}.\n#{} = {}\n", entry.title, entry.id, written(entry.keys))
}

/// What each setting is for, and a value of it.
fn lines<T: 'static>(
    settings: impl Iterator<Item = &'static Setting<T>>,
    value: impl Fn(&Setting<T>) -> String,
) -> String {
    let line =
        |setting: &Setting<T>| format!("# {}\n#{} = {}\n", setting.about, setting.name, value(setting));
    settings.map(line).collect::<Vec<_>>().concat()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Config;
    use super::*;

    #[test]
    fn it_sets_nothing() {
        let config = Config::parse(Path::new("/c"), commented()).unwrap();
        let bare = Config::parse(Path::new("/c"), String::new()).unwrap();
        assert_eq!(config.settings(None), bare.settings(None));
        assert_eq!((config.ui(), config.keymap()), (bare.ui(), bare.keymap()));
    }

    #[test]
    fn every_line_of_it_can_be_taken_at_its_word() {
        let home = tempfile::tempdir().unwrap();
        let secret = home.path().join("headers");
        std::fs::write(&secret, "X-A: b\n").unwrap();
        let taken = |line: &str| {
            let is_setting = line.starts_with('#') && !line.starts_with("# ") && line.len() > 1;
            if is_setting { line[1..].to_owned() } else { line.to_owned() }
        };
        let text = commented().replace("~/.secrets/example.headers", secret.to_str().unwrap());
        let text = text.lines().map(taken).collect::<Vec<_>>().join("\n");
        let parsed = Config::parse(Path::new("/c"), text.clone());
        let config = parsed.unwrap_or_else(|report| panic!("{}", report.render(false)));
        let shown = config.effective(None);
        assert!(shown.iter().all(|setting| setting.value.is_some()), "{shown:?}");
        // What shows is what was written.
        let sections = ["engine", "ui", "keys"];
        for setting in shown.iter().filter(|setting| sections.contains(&setting.section.as_str())) {
            let (section, value) = (&setting.section, setting.value.as_deref().unwrap());
            let again = format!("[{section}]\n{} = {value}\n", setting.name);
            assert!(Config::parse(Path::new("/c"), again.clone()).is_ok(), "{again}");
        }
    }
}
