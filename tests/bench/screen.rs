//! What the screen costs with a hundred thousand downloads: a frame, a thousand changes, a filter, a sort.

#![expect(clippy::unwrap_used, reason = "a bench that can't begin has nothing to measure")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use haul::config::Ui;
use haul::config::keymap::{self, Keymap};
use haul::config::theme::{Depth, Themes};
use haul::model::id::{CollectionId, DownloadId};
use haul::model::item::{Mode, Priority, TransferSettings};
use haul::model::state::State;
use haul::model::time::UnixMs;
use haul::model::update::Update;
use haul::model::view::{DownloadRow, Totals};
use haul::tui::{App, Msg, Options, Surroundings, draw};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

const MANY: u64 = 100_000;
const RUNNING: u64 = 1_000;

fn row(id: u64, step: u64) -> DownloadRow {
    let running = id < RUNNING;
    DownloadRow {
        id: DownloadId(id),
        collection: CollectionId::DEFAULT,
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        order: id as f64,
        name: format!("Tailspin Orchestra – {:05} {}.flac", id * 7919 % 100_003, id % 97),
        provisional: false,
        moved_to: None,
        host: format!("cdn{}.tailspin.example", id % 16),
        mode: Mode::Background,
        priority: Priority::Normal,
        state: if running { State::Downloading } else { State::Queued },
        size: Some(1_000_000 + id * 1000),
        covered: if running { 1000 * step + id } else { 0 },
        speed: if running { 10_000 + (id * 31 + step * 17) % 5000 } else { 0 },
        eta_secs: running.then_some(100),
        added: UnixMs(i64::try_from(id).unwrap()),
        ended: None,
        joined_on_samples: false,
        remark: None,
    }
}

fn app() -> App {
    let mut app = App::new(Options {
        themes: Themes::built_in(),
        surroundings: Surroundings { depth: Depth::True, ascii: false, light: false, progress: false },
        ui: Ui { bell: false, notify: false, ..Ui::default() },
        keymap: Keymap::default(),
        zone: jiff::tz::TimeZone::UTC,
        folder: "/tmp".into(),
        home: None,
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
    })
    .unwrap();
    app.update(UnixMs(0), Msg::Resize(200, 50));
    app.update(UnixMs(0), Msg::Connected);
    let rows: Vec<_> = (0..MANY).map(|id| row(id, 0)).collect();
    for (at, page) in rows.chunks(2000).enumerate() {
        let more = (at + 1) * 2000 < rows.len();
        let totals = (!more).then(Totals::default);
        let revision = u64::try_from(at).unwrap();
        let update = Update { revision, more, rows: page.to_vec(), totals, ..Update::default() };
        app.update(UnixMs(0), Msg::Changed(Box::new(update)));
    }
    app
}

fn press(app: &mut App, key: &str) {
    black_box(app.update(UnixMs(0), Msg::Key(keymap::parse(key).unwrap())));
}

fn screen(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("screen/100k");
    group.sample_size(20);
    let mut app = app();
    let mut terminal = Terminal::new(TestBackend::new(200, 50)).unwrap();
    group.bench_function("frame", |bencher| {
        bencher.iter(|| {
            press(&mut app, "j");
            terminal.draw(|frame| drop(draw(&app, frame))).unwrap();
        });
    });
    let mut step = 0;
    group.bench_function("a thousand running ones change", |bencher| {
        bencher.iter(|| {
            step += 1;
            let rows = (0..RUNNING).map(|id| row(id, step)).collect();
            let update = Update { revision: 100 + step, rows, ..Update::default() };
            app.update(UnixMs(0), Msg::Changed(Box::new(update)));
        });
    });
    group.bench_function("sort", |bencher| bencher.iter(|| press(&mut app, "s")));
    group.bench_function("filter by a word", |bencher| {
        bencher.iter(|| {
            press(&mut app, "/");
            app.update(UnixMs(0), Msg::Paste("orchestra 12".into()));
            press(&mut app, "esc");
        });
    });
    group.bench_function("filter by a predicate", |bencher| {
        bencher.iter(|| {
            press(&mut app, "/");
            app.update(UnixMs(0), Msg::Paste("host:cdn3 >50MB".into()));
            press(&mut app, "esc");
        });
    });
    group.finish();
}

/// What this process holds in memory, in kilobytes; nothing where the system doesn't say.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok())
}

/// The whole list fits in 100 MB.
fn memory(_: &mut Criterion) {
    let before = resident();
    let app = app();
    if let Some((before, after)) = before.zip(resident()) {
        let held = after.saturating_sub(before) / 1024;
        #[expect(clippy::print_stdout, reason = "a bench tells what it measured")]
        {
            println!("screen/100k: {held} MB of memory");
        }
        assert!(held < 100, "the list holds {held} MB");
    }
    black_box(app);
}

fn first_page(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("screen/start");
    group.sample_size(10);
    group.bench_function("a hundred thousand rows arrive in pages", |bencher| bencher.iter(app));
    group.finish();
}

// First: what is freed later stays with the process, and would be counted too little.
criterion_group!(benches, memory, screen, first_page);
criterion_main!(benches);
