//! The frame of a dialog: centred, as wide as its text, its buttons below.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph};
use tui_input::Input;

use crate::config::theme::Role;
use crate::tui::app::App;
use crate::tui::hit::{Hit, Hits};
use crate::tui::text;

/// A button: how its key is shown, what it does, and the key's name.
pub(crate) type Button = (&'static str, String, &'static str);

/// Draws the frame around `width` × `height` of content and returns where that goes.
pub(crate) fn open(
    app: &App,
    frame: &mut Frame<'_>,
    hits: &mut Hits,
    title: &str,
    (width, height): (u16, u16),
) -> Rect {
    let whole = frame.area();
    let outer_width = (width + 4).min(whole.width);
    let outer_height = (height + 2).min(whole.height);
    let area = Rect {
        x: whole.x + (whole.width - outer_width) / 2,
        y: whole.y + (whole.height - outer_height) / 2,
        width: outer_width,
        height: outer_height,
    };
    let look = &app.look;
    frame.render_widget(Clear, area);
    let title = format!(
        " {} ",
        text::cut_end(title, usize::from(area.width.saturating_sub(6)), look.glyphs.ellipsis)
    );
    let block = Block::bordered()
        .border_set(look.glyphs.border)
        .style(look.style(Role::Dialog))
        .border_style(look.style(Role::BorderFocus))
        .title(Span::styled(title, look.style(Role::Title)));
    frame.render_widget(block, area);
    hits.add(area, Hit::Overlay);
    Rect {
        x: area.x + 2,
        y: area.y + 1,
        width: area.width.saturating_sub(4),
        height: area.height.saturating_sub(2),
    }
}

/// Draws a dialog of many lines, from one of them on: as many as there is room for.
pub(crate) fn page(
    app: &App,
    frame: &mut Frame<'_>,
    hits: &mut Hits,
    title: &str,
    widest: u16,
    top: usize,
    content: impl FnOnce(usize) -> Vec<Line<'static>>,
) {
    let whole = frame.area();
    let width = whole.width.saturating_sub(8).min(widest);
    let content = content(usize::from(width));
    let room = usize::from(whole.height.saturating_sub(5));
    let height = content.len().min(room) + 1;
    let area = open(app, frame, hits, title, (width, u16::try_from(height).unwrap_or(u16::MAX)));
    let shown = usize::from(area.height.saturating_sub(1));
    let top = top.min(content.len().saturating_sub(shown));
    let is_long = content.len() > shown;
    lines(frame, area, content.into_iter().skip(top).take(shown).collect());
    let mut keys = vec![("Esc", "back".to_owned(), "esc")];
    if is_long {
        keys.insert(0, (if app.look.glyphs.ascii { "Down" } else { "↓" }, "more".to_owned(), "down"));
    }
    buttons(app, frame, hits, area, &keys);
}

/// Draws lines from the top of a dialog.
pub(crate) fn lines(frame: &mut Frame<'_>, area: Rect, lines: Vec<Line<'_>>) {
    frame.render_widget(Paragraph::new(lines), area);
}

/// Draws the buttons in the last line, at the right. Where there is no room for all, those in the middle are left out: the first goes
/// back, and the last goes on.
pub(crate) fn buttons(app: &App, frame: &mut Frame<'_>, hits: &mut Hits, area: Rect, buttons: &[Button]) {
    let look = &app.look;
    let y = area.bottom().saturating_sub(1);
    let columns =
        |(key, what, _): &Button| u16::try_from(text::width(key) + 1 + text::width(what)).unwrap_or(u16::MAX);
    let mut buttons: Vec<&Button> = buttons.iter().collect();
    let total = |buttons: &[&Button]| {
        let gaps = 3 * u16::try_from(buttons.len().saturating_sub(1)).unwrap_or(0);
        buttons.iter().map(|button| columns(button)).sum::<u16>() + gaps
    };
    while buttons.len() > 2 && total(&buttons) > area.width {
        buttons.remove(buttons.len() - 2);
    }
    let mut x = area.right().saturating_sub(total(&buttons)).max(area.x);
    // What is above may be longer than the dialog.
    let line = Rect { y, height: 1.min(area.height), ..area };
    frame.render_widget(Clear, line);
    frame.render_widget(Block::new().style(look.style(Role::Dialog)), line);
    for button in buttons {
        let (key, what, name) = button;
        let width = columns(button).min(area.right().saturating_sub(x));
        let place = Rect { x, y, width, height: 1 };
        let spans = vec![
            Span::styled(*key, look.style(Role::Key)),
            Span::raw(" "),
            Span::styled(what.clone(), look.style(Role::Hint)),
        ];
        frame.render_widget(Paragraph::new(Line::from(spans)), place);
        hits.add(place, Hit::Key(name));
        x = x.saturating_add(width + 3).min(area.right());
    }
}

/// Draws a line of text that is typed, with its cursor where it has the keys.
pub(crate) fn input(app: &App, frame: &mut Frame<'_>, area: Rect, input: &Input, active: bool) {
    let look = &app.look;
    let columns = usize::from(area.width.max(1));
    let scroll = input.visual_scroll(columns.saturating_sub(1));
    let style =
        if active { look.style(Role::Input) } else { look.style(Role::Text).bg_of(look.style(Role::Dialog)) };
    let scroll = u16::try_from(scroll).unwrap_or(u16::MAX);
    let shown =
        Paragraph::new(Line::from(Span::raw(input.value().to_owned()))).scroll((0, scroll)).style(style);
    frame.render_widget(shown, area);
    if active {
        let column = u16::try_from(input.visual_cursor()).unwrap_or(u16::MAX).saturating_sub(scroll);
        frame.set_cursor_position(Position::new(area.x + column.min(area.width.saturating_sub(1)), area.y));
    }
}

/// A style on the ground of another.
pub(crate) trait OnGround {
    /// Returns this style on the other's ground.
    fn bg_of(self, ground: ratatui::style::Style) -> Self;
}

impl OnGround for ratatui::style::Style {
    fn bg_of(self, ground: ratatui::style::Style) -> Self {
        Self { bg: ground.bg, ..self }
    }
}
