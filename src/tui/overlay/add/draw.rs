//! How the dialog looks: links, then fields, one line each. Where the screen is too small for all of them, the one that has the keys is
//! among those that are shown.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;
use tui_input::Input;

use super::{Add, Candidate, Field, ON_FIELD, ON_WAY, called, host};
use crate::config::theme::Role;
use crate::tui::app::App;
use crate::tui::hit::{Hit, Hits};
use crate::tui::overlay::dialog;
use crate::tui::{text, words};

/// Links that are shown at once, where there is room.
const SHOWN: usize = 8;
/// Columns in which a button for renaming has room too.
const WITH_RENAME: u16 = 68;
/// Columns of the labels.
const LABEL: u16 = 12;
/// Columns of the names of the ways to download.
const WAY: usize = 27;

/// A line of the dialog.
#[derive(Default)]
struct Row<'a> {
    line: Line<'a>,
    /// What is typed in it, and whether it has the keys.
    input: Option<(&'a Input, bool)>,
    /// What a click on it means.
    hit: Option<usize>,
    /// Whether it has to be seen.
    here: bool,
}

impl Add {
    /// Draws it.
    pub(crate) fn draw(&self, app: &App, frame: &mut Frame<'_>, hits: &mut Hits) {
        let whole = frame.area();
        let width = whole.width.saturating_sub(6).min(90);
        let is_low = whole.height < 20;
        let rows = self.rows(app, usize::from(width), is_low);
        // What is said has its line above the buttons; it is there for nothing else, where there is room.
        let said = self.said_below(app, usize::from(width));
        let below = if is_low { 1 + u16::from(said.is_some()) } else { 3 };
        let height = u16::try_from(rows.len()).unwrap_or(u16::MAX).saturating_add(below);
        let area = dialog::open(app, frame, hits, "Add downloads", (width, height));
        let room = usize::from(area.height.saturating_sub(below));
        let here = rows.iter().rposition(|row| row.here).unwrap_or(0);
        // The line after it is seen too: the ways to download go on below their first.
        let top = (here + 2).saturating_sub(room).min(rows.len().saturating_sub(room));
        for (at, row) in rows.into_iter().skip(top).take(room).enumerate() {
            let place = Rect { y: area.y + u16::try_from(at).unwrap_or(0), height: 1, ..area };
            frame.render_widget(Paragraph::new(row.line), place);
            if let Some((input, active)) = row.input {
                let field = Rect { x: area.x + LABEL, width: area.width.saturating_sub(LABEL), ..place };
                dialog::input(app, frame, field, input, active);
            }
            if let Some(hit) = row.hit {
                hits.add(place, Hit::Choice(hit));
            }
        }
        if let Some((said, role)) = said {
            let told = text::cut_end(said, usize::from(area.width), app.look.glyphs.ellipsis);
            let line = Line::styled(told, plain(app, role));
            let y = area.bottom().saturating_sub(2);
            frame.render_widget(Paragraph::new(line), Rect { y, height: 1, ..area });
        }
        self.buttons(app, frame, hits, area);
    }

    /// What is wrong; else what the chosen way means, where its own line has no room for that.
    fn said_below(&self, app: &App, columns: usize) -> Option<(&str, Role)> {
        let note = words::way_means(self.way, &app.options);
        let is_left_out = self.field == Field::How && !has_notes(app, columns);
        let wrong = self.wrong.as_deref().map(|wrong| (wrong, Role::Error));
        wrong.or_else(|| is_left_out.then_some((note, Role::Text)))
    }

    fn buttons(&self, app: &App, frame: &mut Frame<'_>, hits: &mut Hits, area: Rect) {
        let add = match (self.count(), self.input.value().trim().is_empty()) {
            (0, _) => "add".to_owned(),
            (count, true) => format!("add {count}"),
            (count, false) => format!("add {}", count + 1),
        };
        if self.naming.is_some() {
            let buttons = [("Esc", "as it was".to_owned(), "esc"), ("Enter", "keep".to_owned(), "enter")];
            return dialog::buttons(app, frame, hits, area, &buttons);
        }
        let mut buttons = vec![("Esc", "back".to_owned(), "esc"), ("Tab", "next".to_owned(), "tab")];
        match self.field {
            Field::Links if area.width >= WITH_RENAME => {
                buttons.push(("Space", "take or skip".to_owned(), "space"));
                buttons.push(("e", "rename".to_owned(), "e"));
            }
            Field::Links => buttons.push(("Space", "take or skip".to_owned(), "space")),
            Field::How | Field::Collection => buttons.push(("Space", "another".to_owned(), "space")),
            Field::More => buttons.push(("Space", "show them".to_owned(), "space")),
            _ => {}
        }
        buttons.push(("Enter", add, "enter"));
        dialog::buttons(app, frame, hits, area, &buttons);
    }

    fn rows(&self, app: &App, columns: usize, is_low: bool) -> Vec<Row<'_>> {
        let mut rows = vec![self.told(app, columns), self.typed(app, Field::Link, &self.input)];
        let gap = |rows: &mut Vec<Row<'_>>| {
            if !is_low {
                rows.push(Row::default());
            }
        };
        if !self.links.is_empty() {
            gap(&mut rows);
            let shown = self.links.len().min(if is_low { 2 } else { SHOWN });
            let top = (self.at + 1).saturating_sub(shown);
            let links = self.links.iter().enumerate().skip(top).take(shown);
            rows.extend(links.map(|(at, candidate)| self.link(app, at, candidate, columns)));
        }
        gap(&mut rows);
        rows.push(self.typed(app, Field::Folder, &self.folder));
        rows.extend((0..words::WAYS.len()).map(|at| self.way(app, at, columns)));
        let turns = self.collections.len() > 1 && self.field == Field::Collection;
        let name = self.collections.get(self.collection).map_or("default", |(_, name)| name.as_str());
        let name = text::cut_end(name, columns.saturating_sub(24), app.look.glyphs.ellipsis);
        let name = if turns { format!("< {name} >") } else { name };
        rows.push(self.said(app, Field::Collection, name, Role::Text));
        if self.more {
            rows.extend((0..).zip(&self.info).map(|(at, input)| self.typed(app, Field::Info(at), input)));
            rows.push(self.typed(app, Field::Headers, &self.headers));
        } else {
            let told = "distributor, title, artist, album, request headers".to_owned();
            let told = text::cut_end(&told, columns.saturating_sub(12), app.look.glyphs.ellipsis);
            rows.push(self.said(app, Field::More, told, Role::Dim));
        }
        rows
    }

    fn told(&self, app: &App, columns: usize) -> Row<'_> {
        let told = match self.links.len() {
            0 => "Type a link, or paste any text that has links in it.".to_owned(),
            1 => "1 link".to_owned(),
            many => format!("{many} links"),
        };
        let told = match self.remarks.first() {
            Some(remark) => format!("{told}. {remark}"),
            None => told,
        };
        let told = text::cut_end(&told, columns, app.look.glyphs.ellipsis);
        Row { line: Line::styled(told, plain(app, Role::Strong)), ..Row::default() }
    }

    fn label(&self, app: &App, field: Field) -> Span<'static> {
        let role = if self.field == field { Role::Strong } else { Role::Dim };
        Span::styled(text::fit(field.name(), usize::from(LABEL), ""), plain(app, role))
    }

    /// What a click on a field means.
    fn click(&self, field: Field) -> Option<usize> {
        self.fields().iter().position(|known| *known == field).map(|at| ON_FIELD + at)
    }

    fn typed<'a>(&self, app: &App, field: Field, input: &'a Input) -> Row<'a> {
        let here = self.field == field;
        let line = Line::from(self.label(app, field));
        Row { line, input: Some((input, here)), hit: self.click(field), here }
    }

    fn said(&self, app: &App, field: Field, told: String, role: Role) -> Row<'_> {
        let here = self.field == field;
        let role = if here { Role::Strong } else { role };
        let line = Line::from(vec![self.label(app, field), Span::styled(told, plain(app, role))]);
        Row { line, input: None, hit: self.click(field), here }
    }

    fn link(&self, app: &App, at: usize, candidate: &Candidate, columns: usize) -> Row<'_> {
        let look = &app.look;
        let here = self.field == Field::Links && at == self.at;
        if let Some(input) = self.naming.as_ref().filter(|_| here) {
            let label = Span::styled(text::fit("Name", usize::from(LABEL), ""), plain(app, Role::Strong));
            return Row { line: Line::from(label), input: Some((input, true)), hit: Some(at), here };
        }
        let sign = if candidate.taken { "+" } else { "=" };
        let right = match &candidate.known {
            Some(known) if candidate.taken => known.clone(),
            Some(known) => format!("{known}: skipped"),
            None => host(&candidate.link).to_owned(),
        };
        let room = columns.saturating_sub(4);
        let right = text::cut_end(&right, room * 3 / 5, look.glyphs.ellipsis);
        let name_room = room.saturating_sub(text::width(&right) + 2);
        let name = text::fit(&called(&candidate.link), name_room, look.glyphs.ellipsis);
        let role = if candidate.taken { Role::Text } else { Role::Dim };
        let ground = if here { look.style(Role::Selection) } else { Style::default() };
        let line = Line::from(vec![
            Span::styled(if here { look.glyphs.cursor } else { " " }, plain(app, Role::Accent)),
            Span::styled(
                format!("{sign} "),
                plain(app, if candidate.taken { Role::Success } else { Role::Dim }),
            ),
            Span::styled(format!("{name}  "), plain(app, role)),
            Span::styled(right, plain(app, Role::Dim)),
        ]);
        Row { line: line.style(ground), input: None, hit: Some(at), here }
    }

    fn way(&self, app: &App, at: usize, columns: usize) -> Row<'_> {
        let look = &app.look;
        let (way, note) = (words::WAYS[at], words::way_means(at, &app.options));
        let chosen = at == self.way;
        let here = self.field == Field::How && chosen;
        let role = match (here, chosen) {
            (true, _) => Role::Strong,
            (_, true) => Role::Text,
            _ => Role::Dim,
        };
        let label =
            if at == 0 { self.label(app, Field::How) } else { Span::raw(" ".repeat(usize::from(LABEL))) };
        let room = columns.saturating_sub(usize::from(LABEL) + 4);
        let way = text::cut_end(way, room, look.glyphs.ellipsis);
        let note = if has_notes(app, columns) { note } else { "" };
        let line = Line::from(vec![
            label,
            Span::styled(
                format!("{} ", look.glyphs.choice[usize::from(!chosen)]),
                plain(app, if here { Role::Accent } else { role }),
            ),
            Span::styled(text::fit(&way, WAY.min(room), ""), plain(app, role)),
            Span::styled(note, plain(app, Role::Dim)),
        ]);
        Row { line, input: None, hit: Some(ON_WAY + at), here }
    }
}

/// Whether each way to download has room for what it means: cut, that would say nothing.
fn has_notes(app: &App, columns: usize) -> bool {
    let fits = |note: &str| usize::from(LABEL) + 4 + WAY + text::width(note) <= columns;
    (0..words::WAYS.len()).all(|at| fits(words::way_means(at, &app.options)))
}

fn plain(app: &App, role: Role) -> Style {
    Style { bg: None, ..app.look.style(role) }
}
