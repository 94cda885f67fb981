//! What the terminal can show, as the environment tells it.

use crate::config::theme::Depth;

/// What the terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Surroundings {
    /// How many colours.
    pub depth: Depth,
    /// Whether only ASCII.
    pub ascii: bool,
    /// Whether its ground is light, as far as it says.
    pub light: bool,
    /// Whether it is known to show in the task bar how far something is. Others may take that for a notification.
    pub progress: bool,
}

impl Surroundings {
    /// Reads the environment.
    ///
    /// # Errors
    /// The terminal can't move its cursor: a sentence that says so.
    pub fn of(variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let get = |name: &str| variable(name).filter(|value| !value.is_empty());
        let term = get("TERM").unwrap_or_default();
        if term.is_empty() || term == "dumb" {
            return Err(format!("this terminal (TERM={term}) can't show a full screen"));
        }
        let truecolor = get("COLORTERM").is_some_and(|value| value == "truecolor" || value == "24bit");
        let depth = if get("NO_COLOR").is_some() {
            Depth::None
        } else if truecolor || term.contains("direct") || term.contains("kitty") {
            Depth::True
        } else if term.contains("256") || get("WT_SESSION").is_some() {
            Depth::Indexed
        } else {
            Depth::Sixteen
        };
        let ascii = crate::model::words::is_ascii_locale(&variable);
        // The colours of the terminal's text and ground, where it tells: `0;15` is black on white.
        let ground = get("COLORFGBG")
            .and_then(|value| value.rsplit(';').next().and_then(|ground| ground.parse::<u8>().ok()));
        let program = get("TERM_PROGRAM").unwrap_or_default();
        let progress = get("WT_SESSION").is_some()
            || get("ConEmuANSI").is_some_and(|value| value == "ON")
            || ["WezTerm", "ghostty"].contains(&program.as_str())
            || get("TERM_FEATURES").is_some_and(|features| features.contains('P'));
        Ok(Self { depth, ascii, light: matches!(ground, Some(7 | 15)), progress })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Result<Surroundings, String> {
        let variables: Vec<(String, String)> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Surroundings::of(|name| {
            variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
        })
    }

    #[test]
    fn a_terminal_is_taken_at_its_word() {
        let utf8 = ("LANG", "en_GB.UTF-8");
        for (variables, depth, ascii, light) in [
            (vec![("TERM", "xterm-256color"), utf8], Depth::Indexed, false, false),
            (vec![("TERM", "xterm-256color"), ("COLORTERM", "truecolor"), utf8], Depth::True, false, false),
            (vec![("TERM", "linux"), utf8], Depth::Sixteen, false, false),
            (vec![("TERM", "xterm"), ("NO_COLOR", "1"), ("LANG", "C")], Depth::None, true, false),
            (
                vec![("TERM", "xterm"), ("COLORFGBG", "0;15"), ("LC_ALL", "C.UTF-8")],
                Depth::Sixteen,
                false,
                true,
            ),
        ] {
            assert_eq!(
                of(&variables),
                Ok(Surroundings { depth, ascii, light, progress: false }),
                "{variables:?}"
            );
        }
        let knows = |name, value| of(&[("TERM", "xterm-256color"), utf8, (name, value)]).unwrap().progress;
        assert!(
            knows("WT_SESSION", "x") && knows("TERM_PROGRAM", "ghostty") && knows("TERM_FEATURES", "Sc7P")
        );
        assert!(!knows("TERM_PROGRAM", "Apple_Terminal"));
        assert!(of(&[("TERM", "dumb")]).unwrap_err().contains("dumb"));
        assert!(of(&[]).is_err());
    }
}
