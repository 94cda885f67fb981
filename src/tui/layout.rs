//! Which pane is where, at every size of the terminal.

use ratatui::layout::Rect;

/// A part of the screen that can have the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Pane {
    /// Collections.
    Collections,
    /// Downloads.
    Downloads,
    /// Finished media.
    Library,
    /// What happened.
    Log,
}

impl Pane {
    /// Every pane, in the order of its number.
    pub(crate) const ALL: [Self; 4] = [Self::Collections, Self::Downloads, Self::Library, Self::Log];

    /// Its title.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Collections => "Collections",
            Self::Downloads => "Downloads",
            Self::Library => "Library",
            Self::Log => "Log",
        }
    }

    /// Its number, as it is typed.
    pub(crate) fn number(self) -> usize {
        Self::ALL.iter().position(|pane| *pane == self).unwrap_or(0) + 1
    }
}

/// How much room there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    /// Panes side by side.
    Wide,
    /// Everything, one pane at a time.
    Normal,
    /// The list, and what matters of each row.
    Compact,
    /// Too little.
    None,
}

/// The least that anything can be shown in.
pub(crate) const LEAST: (u16, u16) = (40, 8);

impl Size {
    /// What a terminal has room for.
    pub(crate) fn of(columns: u16, rows: u16) -> Self {
        if columns >= 120 && rows >= 30 {
            Self::Wide
        } else if columns >= 80 && rows >= 24 {
            Self::Normal
        } else if columns >= LEAST.0 && rows >= LEAST.1 {
            Self::Compact
        } else {
            Self::None
        }
    }
}

/// Where everything is. A pane that has no place now has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Areas {
    /// How much room there is.
    pub(crate) size: Size,
    /// Totals.
    pub(crate) header: Rect,
    /// The panes' names, where only one is shown.
    pub(crate) tabs: Option<Rect>,
    /// Collections.
    pub(crate) collections: Option<Rect>,
    /// Downloads.
    pub(crate) table: Option<Rect>,
    /// Details of the download under the cursor.
    pub(crate) detail: Option<Rect>,
    /// Finished media.
    pub(crate) library: Option<Rect>,
    /// The medium under the cursor of the library.
    pub(crate) medium: Option<Rect>,
    /// What happened.
    pub(crate) log: Option<Rect>,
    /// The newest failure.
    pub(crate) notice: Option<Rect>,
    /// Keys.
    pub(crate) footer: Rect,
}

/// Lays out the screen.
pub(crate) fn areas((columns, rows): (u16, u16), pane: Pane, has_notice: bool) -> Areas {
    let size = Size::of(columns, rows);
    let line = |y: u16| Rect::new(0, y, columns, 1);
    let mut areas = Areas {
        size,
        header: line(0),
        tabs: None,
        collections: None,
        table: None,
        detail: None,
        library: None,
        medium: None,
        log: None,
        notice: None,
        footer: line(rows.saturating_sub(1)),
    };
    if size == Size::None {
        return areas;
    }
    let mut bottom = rows - 1;
    if has_notice {
        bottom -= 1;
        areas.notice = Some(line(bottom));
    }
    let below = |top: u16| Rect::new(0, top, columns, bottom - top);
    match size {
        Size::Wide => wide(&mut areas, below(1), pane),
        Size::Normal => {
            areas.tabs = Some(line(1));
            let body = below(2);
            let detail = if rows >= 30 { 8 } else { 6 };
            match pane {
                Pane::Downloads => {
                    let (above, under) = split_bottom(body, detail);
                    areas.table = Some(above);
                    areas.detail = Some(under);
                }
                Pane::Library => {
                    let tree = body.width * 9 / 20;
                    areas.library = Some(Rect { width: tree, ..body });
                    areas.medium = Some(Rect { x: body.x + tree, width: body.width - tree, ..body });
                }
                other => one(&mut areas, body, other),
            }
        }
        Size::Compact => {
            if rows >= 12 {
                areas.tabs = Some(line(1));
                one(&mut areas, below(2), pane);
            } else {
                one(&mut areas, below(1), pane);
            }
        }
        Size::None => {}
    }
    areas
}

fn one(areas: &mut Areas, body: Rect, pane: Pane) {
    match pane {
        Pane::Collections => areas.collections = Some(body),
        Pane::Downloads => areas.table = Some(body),
        Pane::Library => areas.library = Some(body),
        Pane::Log => areas.log = Some(body),
    }
}

fn wide(areas: &mut Areas, body: Rect, pane: Pane) {
    // A tree with names of artists and albums needs more room than one that is only glanced at.
    let side = match pane {
        Pane::Library => (body.width * 2 / 5).min(64),
        _ if body.width >= 180 => 32,
        _ => 24,
    };
    let left = Rect { width: side, ..body };
    let right = Rect { x: side, width: body.width - side, ..body };
    let collections = (body.height / 4).clamp(6, 14);
    areas.collections = Some(Rect { height: collections, ..left });
    areas.library = Some(Rect { y: left.y + collections, height: left.height - collections, ..left });
    match pane {
        Pane::Log => areas.log = Some(right),
        Pane::Library => areas.medium = Some(right),
        _ => {
            let detail = if body.height >= 44 { 18 } else { 14 };
            let (above, under) = split_bottom(right, detail);
            areas.table = Some(above);
            areas.detail = Some(under);
        }
    }
}

fn split_bottom(area: Rect, bottom: u16) -> (Rect, Rect) {
    let bottom = bottom.min(area.height / 2);
    let top = area.height - bottom;
    (Rect { height: top, ..area }, Rect { y: area.y + top, height: bottom, ..area })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_lies_over_anything_else_at_any_size() {
        for columns in (0..220).step_by(7).chain([40, 79, 80, 119, 120]) {
            for rows in (0..70).chain([24, 30]) {
                for pane in Pane::ALL {
                    for notice in [false, true] {
                        let areas = areas((columns, rows), pane, notice);
                        if areas.size == Size::None {
                            continue;
                        }
                        let mut parts: Vec<Rect> = [
                            areas.tabs,
                            areas.collections,
                            areas.table,
                            areas.detail,
                            areas.library,
                            areas.medium,
                            areas.log,
                            areas.notice,
                        ]
                        .into_iter()
                        .flatten()
                        .collect();
                        parts.extend([areas.header, areas.footer]);
                        let whole = Rect::new(0, 0, columns, rows);
                        let sum: u32 = parts.iter().map(|part| part.area()).sum();
                        assert_eq!(sum, whole.area(), "{columns}x{rows} {pane:?}");
                        for (at, part) in parts.iter().enumerate() {
                            assert_eq!(part.union(whole), whole, "{columns}x{rows} {pane:?}");
                            assert!(parts[at + 1..].iter().all(|other| !part.intersects(*other)));
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_sizes_are_those_of_the_design() {
        for (columns, rows, size) in [
            (120, 30, Size::Wide),
            (119, 50, Size::Normal),
            (80, 24, Size::Normal),
            (80, 23, Size::Compact),
            (40, 8, Size::Compact),
            (39, 8, Size::None),
            (0, 0, Size::None),
        ] {
            assert_eq!(Size::of(columns, rows), size);
        }
    }
}
