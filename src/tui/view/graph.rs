//! Speed over time: one line high for the header, several for the details.

use std::collections::VecDeque;

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::config::theme::Role;
use crate::tui::look::Look;

/// The newest samples as one line of heights, at most `columns` wide: the highest of them is full.
pub(crate) fn spark(samples: &VecDeque<u64>, columns: usize, look: &Look) -> Span<'static> {
    spark_of(samples, 1, columns, look)
}

/// The same, where at least `full` is full.
pub(crate) fn spark_of(samples: &VecDeque<u64>, full: u64, columns: usize, look: &Look) -> Span<'static> {
    let newest: Vec<u64> = samples.iter().rev().take(columns).copied().collect();
    let most = newest.iter().copied().max().unwrap_or(0).max(full);
    let text: String = newest
        .iter()
        .rev()
        .map(|sample| if *sample == 0 { " " } else { look.glyphs.heights[step(*sample, most, 8).min(7)] })
        .collect();
    Span::styled(text, Style { bg: None, ..look.style(Role::Graph) })
}

/// The newest samples as a graph of some lines, the newest at the right.
pub(crate) fn graph(
    samples: &VecDeque<u64>,
    columns: usize,
    lines: usize,
    look: &Look,
) -> Vec<Line<'static>> {
    let newest: Vec<u64> = samples.iter().rev().take(columns).copied().collect();
    let most = newest.iter().copied().max().unwrap_or(0).max(1);
    let style = Style { bg: None, ..look.style(Role::Graph) };
    let lead = " ".repeat(columns.saturating_sub(newest.len()));
    (0..lines)
        .map(|line| {
            let floor = (lines - 1 - line) * 8;
            let drawn: String = newest
                .iter()
                .rev()
                .map(|sample| {
                    let height = if *sample == 0 { 0 } else { step(*sample, most, lines * 8) + 1 };
                    match height.saturating_sub(floor) {
                        0 => " ",
                        above => look.glyphs.heights[above.min(8) - 1],
                    }
                })
                .collect();
            Line::from(Span::styled(format!("{lead}{drawn}"), style))
        })
        .collect()
}

/// A sample as one of some steps, from 0.
fn step(sample: u64, most: u64, steps: usize) -> usize {
    let steps = u128::try_from(steps.saturating_sub(1)).unwrap_or(0);
    usize::try_from(u128::from(sample.min(most)) * steps / u128::from(most)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::view_tests::look;

    #[test]
    fn heights_follow_the_samples() {
        let samples: VecDeque<u64> = [0, 10, 50, 100].into();
        assert_eq!(spark(&samples, 8, &look("dark", false)).content, " ▁▄█");
        let lines = graph(&samples, 6, 2, &look("dark", false));
        let texts: Vec<String> = lines.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["     █", "   ▂██"]);
    }
}
