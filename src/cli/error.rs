//! Why a command could not do its work: what happened, to what, and what to do next.

use std::io;
use std::path::PathBuf;

use super::status::Status;
use crate::links::list::Problem;
use crate::model::id::DownloadId;
use crate::model::printable::{printable, without_numbers};
use crate::model::request::{Refusal, RefusalKind};
use crate::model::selector::SelectorError;

/// How many problems of a list are told one by one.
const PROBLEMS_TOLD: usize = 20;

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// It makes no sense as it was written.
    #[error("{what}")]
    Usage {
        /// What is wrong, with the word that is.
        what: String,
        /// What to do instead; may be empty.
        hint: String,
    },
    /// Lines of a list make no sense.
    #[error("{} in {from}", count(problems.len()))]
    List {
        /// The list's name.
        from: String,
        /// All of them.
        problems: Vec<Problem>,
    },
    /// A file that was named could not be read.
    #[error("can't read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The selector makes no sense.
    #[error(transparent)]
    Selector(#[from] SelectorError),
    /// The engine refused.
    #[error("{}", .0.text)]
    Refused(Refusal),
    /// The engine can't be reached, or went away.
    #[error("{why}")]
    Unreachable {
        /// Why.
        why: String,
    },
    /// A downloaded file could not be handed on.
    #[error("{what}: {source}")]
    Handing {
        /// What was being done, to which file.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
    /// stdout can't be written.
    #[error("can't write to stdout: {0}")]
    Output(io::Error),
    /// Whoever reads stdout has seen enough.
    #[error("stdout was closed")]
    ClosedPipe,
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
}

impl CliError {
    /// Returns the error of wrong usage.
    pub(crate) fn usage(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Usage { what: what.into(), hint: hint.into() }
    }

    /// Fails for the first of the numbers that were named and is not there.
    ///
    /// # Errors
    /// There is no download of that number.
    pub(crate) fn unless_all_are_there(
        named: &[DownloadId],
        is_there: impl Fn(DownloadId) -> bool,
    ) -> Result<(), Self> {
        match named.iter().find(|id| !is_there(**id)) {
            Some(id) => {
                let text = format!("there is no download {id}");
                Err(Self::Refused(Refusal::new(RefusalKind::NotFound, text, "See `haul list`")))
            }
            None => Ok(()),
        }
    }

    /// The exit status that it leads to.
    pub(crate) fn status(&self) -> Status {
        match self {
            Self::Usage { .. } | Self::List { .. } | Self::Read { .. } | Self::Selector(_) => Status::Usage,
            Self::Refused(refusal) => match refusal.kind {
                RefusalKind::BadRequest | RefusalKind::NotFound | RefusalKind::Taken => Status::Usage,
                RefusalKind::NotNow | RefusalKind::Forbidden => Status::Failed,
                RefusalKind::Store | RefusalKind::Stopping => Status::Unreachable,
            },
            Self::Unreachable { .. } => Status::Unreachable,
            Self::Handing { .. } | Self::Output(_) => Status::Failed,
            Self::ClosedPipe => Status::Done,
            Self::Interrupted => Status::Interrupted,
        }
    }

    /// What to do next, for people; may be empty.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Usage { hint, .. } => hint.clone(),
            Self::List { .. } => "Nothing was added; correct the list and try again".into(),
            Self::Read { .. } => "Check the name and that it may be read".into(),
            Self::Selector(_) => "See `haul --help` for what selects downloads".into(),
            Self::Refused(refusal) => refusal.hint.clone(),
            Self::Unreachable { .. } => "Downloads that are in the list keep their bytes; try again".into(),
            Self::Handing { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    "Make room there, and give the same command again".into()
                }
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                    "Check who may use it, or choose another place".into()
                }
                _ => String::new(),
            },
            Self::Output(_) | Self::ClosedPipe | Self::Interrupted => String::new(),
        }
    }

    /// The lines to print on stderr; none where there is nothing to tell.
    pub(crate) fn lines(&self) -> Vec<String> {
        match self {
            Self::ClosedPipe | Self::Interrupted => Vec::new(),
            Self::List { from, problems } => {
                let mut lines: Vec<_> = problems
                    .iter()
                    .take(PROBLEMS_TOLD)
                    .map(|at| format!("haul: {from}:{}:{}: {}", at.line, at.column, printable(&at.text)))
                    .collect();
                if problems.len() > PROBLEMS_TOLD {
                    lines.push(format!("haul: and {} more", problems.len() - PROBLEMS_TOLD));
                }
                lines.push(sentences(&self.to_string(), &self.hint()));
                lines
            }
            _ => vec![sentences(&self.to_string(), &self.hint())],
        }
    }
}

/// Writes an error as `haul: what. What to do.`, fit to be shown.
pub(crate) fn sentences(what: &str, hint: &str) -> String {
    format!("haul: {}", as_sentences(what, hint))
}

/// Writes what is so, and what to do about it: each a sentence.
pub(crate) fn as_sentences(what: &str, hint: &str) -> String {
    let what = printable(what);
    let what = without_numbers(&what);
    let hint = printable(hint);
    let mut first = hint.chars();
    match first.next() {
        None => ended(&what),
        Some(letter) => {
            format!("{} {}", ended(&what), ended(&format!("{}{}", letter.to_uppercase(), first.as_str())))
        }
    }
}

/// Ends a sentence, unless it has an end.
fn ended(sentence: &str) -> String {
    if sentence.ends_with(['.', '?', '!']) { sentence.to_owned() } else { format!("{sentence}.") }
}

fn count(problems: usize) -> String {
    if problems == 1 { "1 problem".into() } else { format!("{problems} problems") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_and_what_to_do_and_nothing_else() {
        for (what, hint, line) in [
            ("there is no download 7", "See `haul list`.", "haul: there is no download 7. See `haul list`."),
            ("x is no link", "did you mean y?", "haul: x is no link. Did you mean y?"),
            ("done\u{1b}[31m.", "", "haul: done[31m."),
        ] {
            assert_eq!(sentences(what, hint), line);
        }
    }

    #[test]
    fn a_full_disk_says_what_to_do() {
        let source = io::Error::from_raw_os_error(libc::ENOSPC);
        let said = CliError::Handing { what: "writing /d/x.pull".into(), source }.lines().concat();
        assert!(said.ends_with("Make room there, and give the same command again."), "{said}");
    }

    #[test]
    fn refusals_lead_to_the_status_that_scripts_need() {
        for (kind, code) in [
            (RefusalKind::BadRequest, 2),
            (RefusalKind::NotFound, 2),
            (RefusalKind::Taken, 2),
            (RefusalKind::NotNow, 1),
            (RefusalKind::Store, 3),
            (RefusalKind::Stopping, 3),
        ] {
            assert_eq!(CliError::Refused(Refusal::new(kind, "x", "")).status().code(), code, "{kind:?}");
        }
    }
}
