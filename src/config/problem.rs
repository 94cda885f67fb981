//! What is wrong with the config file: every problem with its place, the lines around it and what would be right.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use crate::model::printable::printable;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong, without its place.
    pub title: String,
    /// Where in the text, in bytes.
    pub span: Range<usize>,
    /// What is said at the place itself.
    pub label: String,
    /// What would be right.
    pub help: Option<String>,
}

/// Everything that is wrong with one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The file.
    pub path: PathBuf,
    /// What is in it.
    pub text: String,
    /// What is wrong with it, in the order of the file.
    pub problems: Vec<Problem>,
}

/// Why there is no config.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It can't be read or written.
    #[error("the config {} can't be {what}: {why}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// Why not.
        why: std::io::Error,
    },
    /// Nobody knows where it would be.
    #[error("there is no home folder to look for a config in: {0}")]
    NoHome(String),
    /// What is in it is wrong.
    #[error(transparent)]
    Wrong(Box<Report>),
}

/// Problems that are shown; the rest is counted.
const SHOWN: usize = 20;

impl Report {
    /// Writes every problem with the lines that it is in, for a terminal that takes colours or not.
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let renderer = renderer.decor_style(DecorStyle::Ascii);
        let path = printable(&self.path.display().to_string()).into_owned();
        // One byte for one, so that the places stay where they are.
        let text: String = self.text.replace(|c: char| c.is_ascii_control() && c != '\n', " ");
        let mut all = Vec::new();
        for problem in self.problems.iter().take(SHOWN) {
            let end = problem.span.end.min(text.len());
            let span = problem.span.start.min(end)..end;
            let marked = AnnotationKind::Primary.span(span).label(printable(&problem.label).into_owned());
            let title = Level::ERROR.primary_title(printable(&problem.title).into_owned());
            let mut group = title.element(Snippet::source(&*text).path(&*path).annotation(marked));
            if let Some(help) = &problem.help {
                group = group.element(Level::HELP.message(printable(help).into_owned()));
            }
            all.push(renderer.render(&[group]));
        }
        match self.problems.len().saturating_sub(SHOWN) {
            0 => {}
            1 => all.push("and 1 more problem".into()),
            more => all.push(format!("and {more} more problems")),
        }
        all.join("\n\n")
    }

    /// The line and the column of a place, both from 1; a column is a character.
    pub fn place(&self, at: usize) -> (usize, usize) {
        place(&self.text, at)
    }
}

impl fmt::Display for Report {
    /// Writes the first problem in one line, and how many there are: for where no excerpt fits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.problems.first() else { return Ok(()) };
        let (line, column) = self.place(first.span.start);
        write!(f, "{}:{line}:{column}: {}", self.path.display(), first.title)?;
        match self.problems.len() {
            1 => Ok(()),
            2 => f.write_str(", and 1 more problem"),
            many => write!(f, ", and {} more problems", many - 1),
        }
    }
}

impl std::error::Error for Report {}

/// The line and the column of a place in a text, both from 1.
pub(super) fn place(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(at)];
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    (before.matches('\n').count() + 1, before[start..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_line_and_a_character() {
        let text = "a = 1\nü = \"é\"\n";
        for (at, place_of) in [(0, (1, 1)), (4, (1, 5)), (6, (2, 1)), (8, (2, 2)), (99, (3, 1))] {
            assert_eq!(place(text, at), place_of, "{at}");
        }
    }

    #[test]
    fn a_problem_is_shown_where_it_is() {
        let text = "[engine]\nparalel = 4\n".to_owned();
        let problem = Problem {
            title: "`engine.paralel` is no setting".into(),
            span: 9..16,
            label: "unknown".into(),
            help: Some("did you mean `parallel`?".into()),
        };
        let report = Report { path: "/c/config.toml".into(), text, problems: vec![problem] };
        insta::assert_snapshot!(report.render(false), @r"
        error: `engine.paralel` is no setting
         --> /c/config.toml:2:1
          |
        2 | paralel = 4
          | ^^^^^^^ unknown
          |
          = help: did you mean `parallel`?
        ");
        assert_eq!(report.to_string(), "/c/config.toml:2:1: `engine.paralel` is no setting");
    }

    #[test]
    fn what_would_act_on_a_terminal_is_not_shown() {
        let text = "a = \"\u{1b}[31m\"\n".to_owned();
        let problem = Problem { title: "x\u{1b}[2J".into(), span: 4..9, label: "y".into(), help: None };
        let report = Report { path: "/c".into(), text, problems: vec![problem] };
        assert!(!report.render(false).contains('\u{1b}'), "{}", report.render(false));
    }
}
