//! The nearest valid name: what somebody most likely meant.

/// Returns the candidate that is fewest edits away, where that is close enough to be meant.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let far = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (edits(word, candidate), candidate))
        .filter(|(edits, _)| *edits <= far)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Letters to insert, delete, replace or swap with the next one, whatever the case (optimal string alignment).
fn edits(from: &str, to: &str) -> usize {
    let from: Vec<char> = from.to_lowercase().chars().map(same).collect();
    let to: Vec<char> = to.to_lowercase().chars().map(same).collect();
    let (mut before, mut row) = (Vec::new(), (0..=to.len()).collect::<Vec<_>>());
    for (i, a) in from.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let mut best = (row[j] + usize::from(a != b)).min(row[j + 1] + 1).min(next[j] + 1);
            let is_swap = i > 0 && j > 0 && *a == to[j - 1] && from[i - 1] == *b;
            if is_swap {
                let before: &Vec<usize> = &before;
                best = best.min(before[j - 1] + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[to.len()]
}

/// A dash is as good as an underscore.
fn same(letter: char) -> char {
    if letter == '-' { '_' } else { letter }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_found() {
        let names = ["parallel", "parallel_per_host", "limit", "stall", "on_done"];
        for (word, found) in [
            ("paralel", Some("parallel")),
            ("parallle", Some("parallel")),
            ("parallel-per-host", Some("parallel_per_host")),
            ("LIMIT", Some("limit")),
            ("limits", Some("limit")),
            ("ondone", Some("on_done")),
            ("speed", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, names), found, "{word}");
        }
    }
}
