//! Bars: a file as far as it is here, in eighths of a column, never full below the whole.

use ratatui::style::Style;
use ratatui::text::Span;

use crate::config::theme::Role;
use crate::model::range::ByteRange;
use crate::model::state::StateKind;
use crate::model::view::DownloadRow;
use crate::tui::look::{Look, role_of};
use crate::tui::words;

/// A download's bar, exactly `columns` wide. An unknown size has none.
pub(crate) fn of(row: &DownloadRow, columns: usize, look: &Look) -> Vec<Span<'static>> {
    let kind = row.state.kind();
    let rest = Style { bg: None, ..look.style(Role::BarRest) };
    if kind == StateKind::Completed || (row.size.is_none() && row.covered == 0) {
        return vec![Span::raw(" ".repeat(columns))];
    }
    let Some(share) = words::share(row) else {
        return vec![Span::styled(look.glyphs.rest.repeat(columns), rest)];
    };
    let role = if kind.is_running() { Role::Bar } else { role_of(kind) };
    let whole = row.size == Some(row.covered);
    let (full, rest_of_it) = eighths(share, columns, whole, look);
    vec![Span::styled(full, Style { bg: None, ..look.style(role) }), Span::styled(rest_of_it, rest)]
}

/// The two halves of a bar: what is there, in eighths, and what is not.
fn eighths(share: f64, columns: usize, whole: bool, look: &Look) -> (String, String) {
    if columns == 0 {
        return (String::new(), String::new());
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "between 0 and eight times the columns"
    )]
    let mut steps = (share.clamp(0.0, 1.0) * (columns * 8) as f64) as usize;
    if !whole {
        steps = steps.min(columns * 8 - 1);
    }
    let (full, part) = (steps / 8, steps % 8);
    let glyphs = &look.glyphs;
    let mut text = glyphs.eighths[7].repeat(full);
    let mut used = full;
    if part > 0 && used < columns {
        if glyphs.ascii {
            text.push(if part >= 4 { '=' } else { '-' });
        } else {
            text.push_str(glyphs.eighths[part - 1]);
        }
        used += 1;
    }
    (text, glyphs.rest.repeat(columns - used))
}

/// The map of a file: each column is a slice of it, drawn as far as it is here; parts that are being fetched are set apart.
pub(crate) fn map(
    size: u64,
    coverage: &[ByteRange],
    segments: &[ByteRange],
    columns: usize,
    running: bool,
    look: &Look,
) -> Vec<Span<'static>> {
    let glyphs = &look.glyphs;
    let plain = |role| Style { bg: None, ..look.style(role) };
    let inner = columns.saturating_sub(2);
    if inner == 0 || size == 0 {
        return Vec::new();
    }
    let ink = plain(if running { Role::Bar } else { Role::Dim });
    let mut spans = vec![Span::styled(glyphs.edges[0], plain(Role::Dim))];
    let slices = u64::try_from(inner).unwrap_or(1);
    let edge =
        |at: u64| u64::try_from(u128::from(size) * u128::from(at) / u128::from(slices)).unwrap_or(size);
    let mut run = String::new();
    let mut run_style = ink;
    let mut ranges = coverage.iter().peekable();
    for at in 0..slices {
        let (start, end) = (edge(at), edge(at + 1).max(edge(at) + 1));
        while ranges.peek().is_some_and(|range| range.end() <= start) {
            ranges.next();
        }
        let here: u64 = ranges
            .clone()
            .take_while(|range| range.start() < end)
            .filter_map(|range| ByteRange::new(range.start().max(start), range.end().min(end)))
            .map(ByteRange::len)
            .sum();
        let eighth = usize::try_from(u128::from(here) * 8 / u128::from(end - start)).unwrap_or(0);
        let fetching = segments.iter().any(|segment| (start..end).contains(&segment.start()));
        let (glyph, style) = match eighth {
            0 if fetching => (glyphs.eighths[0], plain(Role::Accent)),
            0 => (glyphs.rest, plain(Role::BarRest)),
            8.. => (glyphs.eighths[7], ink),
            part => (glyphs.eighths[part - 1], ink),
        };
        if style != run_style && !run.is_empty() {
            spans.push(Span::styled(std::mem::take(&mut run), run_style));
        }
        run_style = style;
        run.push_str(glyph);
    }
    spans.push(Span::styled(run, run_style));
    spans.push(Span::styled(glyphs.edges[1], plain(Role::Dim)));
    spans
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tui::sample::row;
    use crate::tui::text::width;
    use crate::tui::view_tests::look;

    fn text(spans: &[Span<'_>]) -> String {
        spans.iter().map(|span| span.content.as_ref()).collect()
    }

    proptest! {
        #[test]
        fn a_bar_is_as_wide_as_it_should_be_and_never_full_below_the_whole(
            size in 1u64..5_000_000_000_000,
            missing in 1u64..1000,
            columns in 1usize..120,
            ascii in any::<bool>(),
        ) {
            let look = look("dark", ascii);
            let mut row = row(1, "x");
            (row.size, row.covered) = (Some(size), size.saturating_sub(missing));
            let bar = text(&of(&row, columns, &look));
            prop_assert_eq!(width(&bar), columns);
            prop_assert_ne!(bar, look.glyphs.eighths[7].repeat(columns));
            row.covered = size;
            prop_assert_eq!(text(&of(&row, columns, &look)), look.glyphs.eighths[7].repeat(columns));
        }
    }

    #[test]
    fn a_map_shows_where_in_the_file_the_bytes_lie() {
        let look = look("dark", false);
        let range = |start, end| ByteRange::new(start, end).unwrap();
        let map = |coverage: &[ByteRange], segments: &[ByteRange]| {
            text(&map(100, coverage, segments, 12, true, &look))
        };
        assert_eq!(map(&[range(0, 30)], &[]), "▕███·······▏");
        assert_eq!(map(&[range(0, 25), range(50, 75)], &[range(25, 50), range(90, 100)]), "▕██▌··██▌·▏▏");
        assert_eq!(map(&[range(0, 100)], &[]), "▕██████████▏");
    }
}
