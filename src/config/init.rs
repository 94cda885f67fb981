//! The file that `haul config init` writes: every setting with what it is for, commented out, so that defaults stay defaults.

use super::engine::{CHOICE, DOWNLOAD, ENGINE, FOLDER, Tuned};
use super::host::OWN;
use super::preset;
use super::setting::Setting;

/// Returns a config file that sets nothing and shows everything.
pub fn commented() -> String {
    let mut text = String::from(
        "# The settings of haul. Every line that is commented out shows a default, or an example where there is none.\n\
         # `haul config check` says whether the file is right, `haul config show` what holds and why.\n\
         # Order: default < this file < preset < host rule < collection < flag.\n\n",
    );
    let names: Vec<_> = preset::shipped().into_keys().collect();
    text.push_str(&format!("# The preset in use: {}, or one of your own.\n", names.join(", ")));
    text.push_str("#preset = \"balanced\"\n\n[engine]\n");
    let tuned = Tuned::default();
    for setting in [ENGINE, FOLDER, DOWNLOAD].into_iter().flatten() {
        let value = (setting.show)(&tuned).unwrap_or_else(|| setting.example.to_owned());
        text.push_str(&format!("# {}\n#{} = {value}\n", setting.about, setting.name));
    }
    text.push_str(
        "\n# A preset sets any of the above, and these:\n#\n#[presets.mine]\n#about = \"what it is for\"\n",
    );
    text.push_str(&examples(CHOICE));
    text.push_str(
        "\n# A rule for some hosts: \"example.com\" is that one, \"*.example.com\" is every one below it. A later rule stands over\n\
         # an earlier one. It sets these, what a preset sets for a download, and a folder.\n#\n#[[hosts]]\n#match = \"*.example.com\"\n",
    );
    text.push_str(&examples(OWN));
    text
}

fn examples<T>(settings: &[Setting<T>]) -> String {
    settings
        .iter()
        .map(|setting| format!("# {}\n#{} = {}\n", setting.about, setting.name, setting.example))
        .collect()
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
    }

    #[test]
    fn every_line_of_it_can_be_taken_at_its_word() {
        let home = tempfile::tempdir().unwrap();
        let secret = home.path().join("headers");
        std::fs::write(&secret, "X-A: b\n").unwrap();
        let text: String = commented()
            .replace("~/.secrets/example.headers", secret.to_str().unwrap())
            .lines()
            .map(|line| {
                let is_setting = line.starts_with('#') && !line.starts_with("# ") && line.len() > 1;
                format!("{}\n", if is_setting { &line[1..] } else { line })
            })
            .collect();
        let parsed = Config::parse(Path::new("/c"), text.clone());
        let config = parsed.unwrap_or_else(|report| panic!("{}", report.render(false)));
        let shown = config.effective(None);
        assert!(shown.iter().all(|setting| setting.value.is_some()), "{shown:?}");
        // What shows is what was written.
        for setting in shown.iter().filter(|setting| setting.section == "engine") {
            let again = format!("[engine]\n{} = {}\n", setting.name, setting.value.as_deref().unwrap());
            assert!(Config::parse(Path::new("/c"), again.clone()).is_ok(), "{again}");
        }
    }
}
