//! The screen at every size, in each set of characters and with colours and without.

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::app::{App, Options};
use super::effect::{Effect, Msg};
use super::look::Look;
use super::sample::{self, NOW};
use super::surroundings::Surroundings;
use crate::config::Ui;
use crate::config::keymap::{self, Keymap};
use crate::config::theme::{Depth, Themes};
use crate::model::item::TransferSettings;

/// A look for tests.
pub(crate) fn look(theme: &str, ascii: bool) -> Look {
    let theme = Themes::built_in().find(theme).unwrap();
    Look::new(&theme, Depth::True, ascii, false, jiff::tz::TimeZone::UTC)
}

pub(crate) fn options(depth: Depth, ascii: bool) -> Options {
    Options {
        themes: Themes::built_in(),
        surroundings: Surroundings { depth, ascii, light: false, progress: true },
        ui: Ui::default(),
        keymap: Keymap::default(),
        zone: jiff::tz::TimeZone::UTC,
        folder: "/home/me/Downloads".into(),
        home: Some("/home/me".into()),
        settings: TransferSettings::default(),
        local: true,
        check_folder: None,
        outlives: true,
        passing: false,
        place: String::new(),
        tip: String::new(),
        wrong: String::new(),
        offered: Vec::new(),
        seen: None,
        pictures: None,
        player: Vec::new(),
    }
}

/// A screen with these downloads, at a size.
pub(crate) fn app_with(
    rows: Vec<crate::model::view::DownloadRow>,
    (columns, lines): (u16, u16),
    ascii: bool,
) -> App {
    let mut app = App::new(options(Depth::True, ascii)).unwrap();
    app.update(NOW, Msg::Resize(columns, lines));
    app.update(NOW, Msg::Connected);
    app.update(NOW, Msg::Changed(Box::new(sample::update(rows))));
    app
}

/// Presses keys by their names and returns what the screen wants done.
pub(crate) fn keys(app: &mut App, names: &str) -> Vec<Effect> {
    let mut effects = Vec::new();
    for name in names.split_whitespace() {
        let key = keymap::parse(name).unwrap_or_else(|| panic!("{name} is no key"));
        effects.extend(app.update(NOW, Msg::Key(key)));
    }
    effects
}

/// What the screen shows, as text.
pub(crate) fn shown(app: &mut App) -> String {
    let (columns, rows) = app.size;
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    let mut hits = super::hit::Hits::default();
    terminal.draw(|frame| hits = super::view::draw(app, frame)).unwrap();
    app.drawn(hits);
    let buffer = terminal.backend().buffer();
    let mut text = String::new();
    for y in 0..rows {
        let mut line = String::new();
        let mut skip = 0;
        for x in 0..columns {
            let symbol = buffer[(x, y)].symbol();
            if skip > 0 {
                skip -= 1;
                continue;
            }
            skip = super::text::width(symbol).saturating_sub(1);
            line.push_str(symbol);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
