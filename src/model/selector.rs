//! Which downloads: numbers, ranges of them, `all`, and the predicates of the filter (`state:failed host:x >1gb`).

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::id::{CollectionId, DownloadId};
use super::item::{Mode, Priority};
use super::state::{FailKind, State, StateKind};
use super::view::DownloadRow;

/// A choice of downloads: any of the numbers and ranges, and of the rest all that meet every predicate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Selector {
    /// Numbers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<DownloadId>,
    /// Ranges of numbers, first and last: `3-7`. Not every number in one needs to be there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ranges: Vec<(DownloadId, DownloadId)>,
    /// Predicates, all of which must hold. With none and no numbers, nothing is chosen unless [`Selector::all`] says so.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub terms: Vec<Term>,
    /// Everything.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
}

/// One predicate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Term {
    /// `state:failed`.
    State(StateKind),
    /// `why:gone`: it failed for this.
    Why(FailKind),
    /// `host:example`: the host contains this.
    Host(String),
    /// `mode:real-time`.
    Mode(Mode),
    /// `priority:low`.
    Priority(Priority),
    /// `in:3`: the collection.
    Collection(CollectionId),
    /// `name:text` or a bare word: the name contains this, whatever the case.
    Name(String),
    /// `>1gb`: larger than so many bytes.
    Larger(u64),
    /// `<1gb`: smaller than so many bytes.
    Smaller(u64),
}

/// Why a selector makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` selects nothing that haul knows: {why}")]
pub struct SelectorError {
    /// The word.
    pub word: String,
    /// Why.
    pub why: String,
}

impl Selector {
    /// Returns the selector of everything.
    pub fn everything() -> Self {
        Self { all: true, ..Self::default() }
    }

    /// Returns the selector of one download.
    pub fn one(id: DownloadId) -> Self {
        Self { ids: vec![id], ..Self::default() }
    }

    /// Parses the words of a command line.
    ///
    /// # Errors
    /// The first word that makes no sense.
    pub fn parse<S: AsRef<str>>(words: &[S]) -> Result<Self, SelectorError> {
        let mut selector = Self::default();
        for word in words.iter().flat_map(|word| word.as_ref().split_whitespace()) {
            if word == "all" {
                selector.all = true;
            } else if let Ok(number) = word.trim_start_matches('#').parse() {
                selector.ids.push(DownloadId(number));
            } else if let Some((first, last)) = range(word) {
                if first > last {
                    let why = "the smaller number of a range comes first".into();
                    return Err(SelectorError { word: word.to_owned(), why });
                }
                selector.ranges.push((first, last));
            } else {
                selector.terms.push(word.parse()?);
            }
        }
        Ok(selector)
    }

    /// Whether it chooses nothing at all.
    pub fn is_empty(&self) -> bool {
        !self.all && self.ids.is_empty() && self.ranges.is_empty() && self.terms.is_empty()
    }

    /// Whether it chooses among what is there, beside what it names one by one.
    pub fn is_by_sight(&self) -> bool {
        self.all || !self.ranges.is_empty() || !self.terms.is_empty()
    }

    /// Whether it chooses this download.
    pub fn chooses(&self, row: &DownloadRow) -> bool {
        let within = |(first, last): &(DownloadId, DownloadId)| (*first..=*last).contains(&row.id);
        if self.ids.contains(&row.id) || self.ranges.iter().any(within) {
            return true;
        }
        let by_terms = self.all || !self.terms.is_empty();
        by_terms && self.terms.iter().all(|term| term.holds(row))
    }
}

impl Term {
    /// Whether it holds for this download.
    pub fn holds(&self, row: &DownloadRow) -> bool {
        match self {
            Self::State(state) => row.state.kind() == *state,
            Self::Why(kind) => matches!(&row.state, State::Failed(failure) if failure.kind == *kind),
            Self::Host(part) => row.host.contains(part.as_str()),
            Self::Mode(mode) => row.mode == *mode,
            Self::Priority(priority) => row.priority == *priority,
            Self::Collection(id) => row.collection == *id,
            Self::Name(part) => row.name.to_lowercase().contains(part.as_str()),
            Self::Larger(bytes) => row.size.unwrap_or(row.covered) > *bytes,
            Self::Smaller(bytes) => row.size.is_some_and(|size| size < *bytes),
        }
    }
}

impl FromStr for Term {
    type Err = SelectorError;

    fn from_str(word: &str) -> Result<Self, SelectorError> {
        let fail = |why: String| SelectorError { word: word.to_owned(), why };
        if let Some(size) = word.strip_prefix('>') {
            return bytes(size).map(Self::Larger).map_err(fail);
        }
        if let Some(size) = word.strip_prefix('<') {
            return bytes(size).map(Self::Smaller).map_err(fail);
        }
        let Some((key, value)) = word.split_once(':') else {
            return Ok(Self::Name(word.to_lowercase()));
        };
        match key {
            "state" => {
                StateKind::ALL.into_iter().find(|kind| kind.word() == value).map(Self::State).ok_or_else(
                    || fail(format!("the states are {}", StateKind::ALL.map(StateKind::word).join(", "))),
                )
            }
            "why" => {
                FailKind::ALL.into_iter().find(|kind| kind.word() == value).map(Self::Why).ok_or_else(|| {
                    fail(format!("the reasons are {}", FailKind::ALL.map(FailKind::word).join(", ")))
                })
            }
            "host" => Ok(Self::Host(value.to_lowercase())),
            "name" => Ok(Self::Name(value.to_lowercase())),
            "mode" => match value {
                "real-time" | "rt" => Ok(Self::Mode(Mode::RealTime)),
                "background" | "bg" => Ok(Self::Mode(Mode::Background)),
                _ => Err(fail("the modes are real-time and background".into())),
            },
            "priority" => match value {
                "now" => Ok(Self::Priority(Priority::Now)),
                "high" => Ok(Self::Priority(Priority::High)),
                "normal" => Ok(Self::Priority(Priority::Normal)),
                "low" => Ok(Self::Priority(Priority::Low)),
                _ => Err(fail("the priorities are now, high, normal and low".into())),
            },
            "in" => value
                .parse()
                .map(|id| Self::Collection(CollectionId(id)))
                .map_err(|_| fail("`in:` takes a collection's number".into())),
            _ => Err(fail(
                "the predicates are state:, why:, host:, name:, mode:, priority:, in:, >SIZE and <SIZE"
                    .into(),
            )),
        }
    }
}

/// Reads `3-7` or `#3-7`.
fn range(word: &str) -> Option<(DownloadId, DownloadId)> {
    let (first, last) = word.trim_start_matches('#').split_once('-')?;
    Some((DownloadId(first.parse().ok()?), DownloadId(last.parse().ok()?)))
}

fn bytes(text: &str) -> Result<u64, String> {
    text.parse::<super::units::ByteCount>().map(|count| count.0).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_to_fail_can_be_asked_for() {
        for kind in FailKind::ALL {
            assert_eq!(format!("why:{}", kind.word()).parse(), Ok(Term::Why(kind)));
        }
        let wrong = "why:because".parse::<Term>().unwrap_err();
        assert!(wrong.why.contains("gone, refused"), "{}", wrong.why);
    }

    #[test]
    fn a_range_is_of_numbers_and_no_part_of_a_name() {
        let selector = Selector::parse(&["2", "#5-7", "9-9"]).unwrap();
        assert_eq!(selector.ids, [DownloadId(2)]);
        assert_eq!(selector.ranges, [(DownloadId(5), DownloadId(7)), (DownloadId(9), DownloadId(9))]);
        assert!(selector.terms.is_empty() && selector.is_by_sight() && !selector.is_empty());
        assert!(Selector::parse(&["7-5"]).unwrap_err().to_string().contains("smaller number"));
        let names = Selector::parse(&["a-7", "2024-05-01", "-3"]).unwrap();
        assert_eq!((names.terms.len(), names.ranges.len()), (3, 0));
    }
}
