//! One setting changed as a person types it: looked at within the whole file first, and kept only where all of it is right.

use toml_edit::{Array, Value};

use super::locate::Place;
use super::problem::ConfigError;
use super::save::{merge, read, replace};
use super::{Config, Report};

/// Sets a value, or takes it out where nothing is typed, and returns the config as it is then. Texts need no quotes; keys stand
/// beside each other.
///
/// # Errors
/// What is wrong with it, or with the file.
pub fn change(place: &Place, section: &str, name: &str, typed: &str) -> Result<Config, String> {
    let sections = Some(section).filter(|section| !section.is_empty());
    let keys: Vec<&str> = sections.into_iter().chain([name]).collect();
    // What is wrong already is told with its own place, not as something that was typed.
    let before =
        Config::load(&Place { is_named: false, ..place.clone() }).map_err(|error| error.to_string())?;
    let file = |what, why| ConfigError::File { path: place.path.clone(), what, why }.to_string();
    let text = read(&place.path).map_err(|error| error.to_string())?;
    let merged = merge(&text, &keys, value(section, typed)).map_err(|why| file("changed", why))?;
    if merged == text {
        return Ok(before);
    }
    let config = Config::parse(&place.path, merged.clone()).map_err(|report| first(&report))?;
    replace(&place.path, &merged).map_err(|why| file("written", why))?;
    Ok(config)
}

/// Writes a value of [`super::Effective`] as a person would type it.
pub fn as_typed(section: &str, value: &str) -> String {
    let words = |list: &Array| list.iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>();
    match value.parse() {
        Ok(Value::String(text)) => text.into_value(),
        Ok(Value::Array(list)) if section == "keys" => words(&list).join(" "),
        _ => value.to_owned(),
    }
}

fn value(section: &str, typed: &str) -> Option<Value> {
    let typed = typed.trim();
    if typed.is_empty() {
        return None;
    }
    if section == "keys" {
        let mut keys: Vec<&str> = typed.split_whitespace().collect();
        return Some(match keys.pop() {
            Some(only) if keys.is_empty() => only.into(),
            last => keys.into_iter().chain(last).collect::<Array>().into(),
        });
    }
    Some(typed.parse().unwrap_or_else(|_| typed.into()))
}

/// What is wrong with the value that was typed.
fn first(report: &Report) -> String {
    report.problems.first().map_or_else(String::new, |problem| match &problem.help {
        Some(help) => format!("{}: {help}", problem.label),
        None => problem.label.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# mine\n[engine]\nparallel = 3 # few\n\n[ui]\ntheme = \"nord\"\n";

    /// What the file holds after a change, and what is said where it is refused.
    fn changed(section: &str, name: &str, typed: &str) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        let place = Place { path: folder.path().join("config.toml"), is_named: false };
        std::fs::write(&place.path, TEXT).unwrap();
        let outcome = change(&place, section, name, typed);
        let text = std::fs::read_to_string(&place.path).unwrap();
        match outcome {
            Ok(_) => Ok(text),
            Err(why) => {
                assert_eq!(text, TEXT, "a refused change is in the file");
                Err(why)
            }
        }
    }

    #[test]
    fn what_is_typed_stands_in_the_file_and_comments_stay() {
        for (section, name, typed, line) in [
            ("engine", "parallel", "6", "parallel = 6 # few"),
            ("engine", "limit", "2MB/s", "limit = \"2MB/s\""),
            ("ui", "theme", "dracula", "theme = \"dracula\""),
            ("ui", "mouse", "false", "mouse = false"),
            ("hooks", "on_done", "[\"true\"]", "on_done = [\"true\"]"),
            ("keys", "pause", "5", "pause = \"5\""),
            ("keys", "pause", "p  ctrl-p", "pause = [\"p\", \"ctrl-p\"]"),
            ("", "preset", "night", "preset = \"night\""),
        ] {
            let text = changed(section, name, typed).unwrap();
            assert!(text.lines().any(|found| found == line), "{line}: {text}");
            assert!(text.contains("# mine"), "{text}");
        }
        let text = changed("ui", "theme", " ").unwrap();
        assert!(!text.contains("theme"), "{text}");
        assert_eq!(changed("ui", "bell", "").unwrap(), TEXT, "what is not set can't be taken out");
    }

    #[test]
    fn what_is_wrong_is_told_and_not_kept() {
        for (section, name, typed, said) in [
            ("engine", "parallel", "0", "from 1 to 1000"),
            ("engine", "limit", "fast", "is no rate"),
            ("ui", "mouse", "maybe", "true or false"),
            ("keys", "pause", "f9 hyper-j", "no key"),
            ("", "preset", "nigth", "did you mean"),
        ] {
            let why = changed(section, name, typed).unwrap_err();
            assert!(why.contains(said), "{why}");
        }
    }

    #[test]
    fn a_value_is_typed_as_it_is_read() {
        for (section, value, typed) in [
            ("engine", "\"2MB/s\"", "2MB/s"),
            ("engine", "4", "4"),
            ("ui", "true", "true"),
            ("keys", "[\"p\", \"f5\"]", "p f5"),
            ("keys", "\"p\"", "p"),
            ("hooks", "[\"true\"]", "[\"true\"]"),
        ] {
            assert_eq!(as_typed(section, value), typed);
        }
    }
}
