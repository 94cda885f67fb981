//! The filter line: words are searched for as they are, and where nothing has them with letters left out; predicates are those of the command line (`state:failed host:x >1GB`).

use frizbee::{Config, Matcher, Matching};

use crate::model::selector::Term;
use crate::model::view::DownloadRow;

/// A match with less than this share of the best one's score is none: scattered letters are in every long name.
const CUTOFF: (u32, u32) = (2, 3);

/// What the filter line says.
#[derive(Default)]
pub(crate) struct Filter {
    text: String,
    terms: Vec<Term>,
    words: Vec<String>,
    /// Finds the words as they are, and with letters left out.
    matchers: Option<(Matcher, Matcher)>,
    /// Whether anything has the words as they are.
    literal: bool,
    least: u16,
    problem: Option<String>,
}

impl Filter {
    /// Reads a line.
    pub(crate) fn parse(text: &str) -> Self {
        let mut filter = Self { text: text.to_owned(), ..Self::default() };
        for word in text.split_whitespace() {
            if !(word.contains(':') || word.starts_with(['<', '>'])) {
                filter.words.push(word.to_owned());
                continue;
            }
            match word.parse() {
                Ok(term) => filter.terms.push(term),
                Err(error) => filter.problem = Some(format!("`{word}` means nothing: {}", error.why)),
            }
        }
        if !filter.words.is_empty() {
            let words = filter.words.join(" ");
            let literal = Config::default().matching(Matching::Substring);
            filter.matchers = Some((
                Matcher::from_query(&words, &literal),
                Matcher::from_query(&words, &Config::default()),
            ));
        }
        filter
    }

    /// What was typed.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Why a predicate in it means nothing yet.
    pub(crate) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// Whether it lets everything through.
    pub(crate) fn is_empty(&self) -> bool {
        self.terms.is_empty() && self.words.is_empty()
    }

    /// Goes through many rows and calls back for each that is kept.
    pub(crate) fn sift<'a>(
        &mut self,
        rows: impl Iterator<Item = (u32, &'a DownloadRow)>,
        mut keep: impl FnMut(u32),
    ) {
        let terms = &self.terms;
        let kept = rows.filter(|(_, row)| terms.iter().all(|term| term.holds(row)));
        let Some((literal, fuzzy)) = &mut self.matchers else {
            kept.for_each(|(slot, _)| keep(slot));
            return;
        };
        let rows: Vec<(u32, &DownloadRow)> = kept.collect();
        self.literal = false;
        for (slot, row) in &rows {
            if literal.match_one(&row.name, *slot).is_some() {
                self.literal = true;
                keep(*slot);
            }
        }
        if self.literal {
            return;
        }
        let found: Vec<(u16, u32)> = rows
            .iter()
            .filter_map(|(slot, row)| fuzzy.match_one(&row.name, *slot).map(|found| (found.score, *slot)))
            .collect();
        let best = found.iter().map(|(score, _)| *score).max().unwrap_or(0);
        self.least = u16::try_from(u32::from(best) * CUTOFF.0 / CUTOFF.1).unwrap_or(u16::MAX);
        for (score, slot) in found {
            if score >= self.least {
                keep(slot);
            }
        }
    }

    /// Whether one row is kept, by the measure of the last [`Self::sift`].
    pub(crate) fn keeps(&mut self, row: &DownloadRow) -> bool {
        if !self.terms.iter().all(|term| term.holds(row)) {
            return false;
        }
        let (is_literal, least) = (self.literal, self.least);
        match &mut self.matchers {
            None => true,
            Some((literal, _)) if is_literal => literal.match_one(&row.name, 0).is_some(),
            Some((_, fuzzy)) => fuzzy.match_one(&row.name, 0).is_some_and(|found| found.score >= least),
        }
    }
}

impl std::fmt::Debug for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Filter").field(&self.text).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::state::State;
    use crate::tui::sample::row;

    fn kept(text: &str) -> Vec<u32> {
        let mut rows =
            [row(1, "Tailspin Orchestra – 03 Delta.flac"), row(2, "debian-13.1.iso"), row(3, "Litware.opus")];
        rows[1].size = Some(4_000_000_000);
        rows[1].host = "cdn.debian.example".into();
        rows[2].state = State::Paused;
        let mut filter = Filter::parse(text);
        let mut kept = Vec::new();
        filter.sift(rows.iter().enumerate().map(|(at, row)| (u32::try_from(at).unwrap(), row)), |slot| {
            kept.push(slot);
        });
        for slot in &kept {
            assert!(filter.keeps(&rows[*slot as usize]), "{text}");
        }
        kept
    }

    #[test]
    fn words_and_predicates_go_together() {
        for (text, slots) in [
            ("", vec![0, 1, 2]),
            ("delta", vec![0]),
            ("tlspn", vec![0]),
            ("state:paused", vec![2]),
            ("host:debian >1GB", vec![1]),
            ("iso host:cdn", vec![1]),
            ("iso state:paused", vec![]),
        ] {
            assert_eq!(kept(text), slots, "{text}");
        }
    }

    #[test]
    fn a_predicate_that_means_nothing_yet_is_told() {
        let filter = Filter::parse("state:fai iso");
        assert!(filter.problem().unwrap().contains("failed"));
        assert_eq!(Filter::parse("state:failed iso").problem(), None);
    }
}
