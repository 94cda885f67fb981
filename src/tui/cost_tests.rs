//! What the screen may cost with a hundred thousand downloads, in time of the processor: that is the same however busy the machine
//! is. `cargo bench --bench screen` measures it in a build that is made to be fast; here it is held to a multiple of that.

use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use rustix::time::{ClockId, clock_gettime};

use super::app::App;
use super::effect::Msg;
use super::sample::{self, NOW};
use super::view_tests::{keys, options};
use crate::config::theme::Depth;
use crate::model::state::State;
use crate::model::update::Update;
use crate::model::view::DownloadRow;

const MANY: u64 = 100_000;
const RUNNING: u64 = 1000;
/// How much slower it may be here: a build for finding mistakes is, and a processor that others use too has cold caches.
const SLOWER: u32 = if cfg!(debug_assertions) { 30 } else { 3 };

fn spent() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap())
}

fn costs<T>(what: &str, most: Duration, act: impl FnOnce() -> T) -> T {
    let before = spent();
    let outcome = act();
    let cost = spent().checked_sub(before).unwrap();
    assert!(cost < most * SLOWER, "{what} takes {cost:?}, and may take {:?}", most * SLOWER);
    outcome
}

fn row(id: u64, step: u64) -> DownloadRow {
    let mut row =
        sample::row(id, &format!("Tailspin Orchestra – {:05} {}.flac", id * 7919 % 100_003, id % 97));
    row.host = format!("cdn{}.tailspin.example", id % 16);
    row.covered = 1000 * step + id;
    if id >= RUNNING {
        (row.state, row.covered, row.speed, row.eta_secs) = (State::Queued, 0, 0, None);
    }
    row
}

fn page(app: &mut App, ids: std::ops::Range<u64>) {
    let update = Update {
        revision: ids.end,
        more: ids.end < MANY,
        rows: ids.map(|id| row(id, 0)).collect(),
        ..Update::default()
    };
    app.update(NOW, Msg::Changed(Box::new(update)));
}

#[test]
fn a_hundred_thousand_downloads_are_no_burden() {
    let mut terminal = Terminal::new(TestBackend::new(200, 50)).unwrap();
    let mut app = App::new(options(Depth::True, false)).unwrap();
    let mut frame = |app: &App| {
        terminal.draw(|frame| drop(super::view::draw(app, frame))).unwrap();
    };
    app.update(NOW, Msg::Resize(200, 50));
    app.update(NOW, Msg::Connected);
    costs("the first screen", Duration::from_millis(300), || {
        page(&mut app, 0..2000);
        frame(&app);
    });
    for start in (2000..MANY).step_by(2000) {
        page(&mut app, start..start + 2000);
    }
    assert_eq!(app.list.len(), usize::try_from(MANY).unwrap());
    for key in ["j", "pagedown", "end", "g"] {
        costs(&format!("a frame after {key}"), Duration::from_millis(4), || {
            keys(&mut app, key);
            frame(&app);
        });
    }
    let rows = (0..RUNNING).map(|id| row(id, 1)).collect();
    let update = Update { revision: MANY + 1, rows, ..Update::default() };
    costs("a thousand changes, a key and a frame", Duration::from_millis(16), || {
        app.update(NOW, Msg::Changed(Box::new(update)));
        keys(&mut app, "j");
        frame(&app);
    });
    costs("another order", Duration::from_millis(100), || keys(&mut app, "s"));
    costs("the order turned round", Duration::from_millis(100), || keys(&mut app, "S"));
    costs("a filter by a word", Duration::from_millis(100), || {
        keys(&mut app, "/");
        app.update(NOW, Msg::Paste("orchestra 12".into()));
    });
    costs("all again", Duration::from_millis(100), || keys(&mut app, "esc"));
}
