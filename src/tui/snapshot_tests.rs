//! Every view at every size: in colour, in ASCII, and which parts stand out where there are no colours.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::Modifier;

use std::time::Duration;

use super::app::App;
use super::effect::{Msg, Purpose};
use super::library::{Asked, Key};
use super::library_tests::{TO_SONGS, press};
use super::picture::{How, Pictures};
use super::sample::{self, NOW};
use super::update_tests::asking;
use super::view_tests::{keys, options, shown};
use crate::config::theme::Depth;
use crate::model::id::DownloadId;
use crate::model::policy::{Cause, Leave, Policy, Speeds, Standing};
use crate::model::record::HistoryLine;
use crate::model::request::Reply;
use crate::model::shelf::{LibraryReply, ShelfPath};
use crate::model::state::{FailKind, Failure, State, WaitReason};
use crate::model::time::UnixMs;
use crate::model::update::Update;
use crate::model::way::Ways;

const SIZES: [(u16, u16); 4] = [(120, 36), (80, 24), (60, 16), (40, 8)];

fn start(size: (u16, u16), depth: Depth, ascii: bool) -> App {
    let mut app = App::new(options(depth, ascii)).unwrap();
    app.update(NOW, Msg::Resize(size.0, size.1));
    app.update(NOW, Msg::Connected);
    app.update(NOW, Msg::Changed(Box::new(sample::update(sample::rows()))));
    let root = Purpose::Library(Asked::Shelf(Key::Shelf(ShelfPath::default()), 0));
    let shelves = Reply::Library(LibraryReply::Nodes(Vec::new()));
    app.update(NOW, Msg::Answered(root, Box::new(Ok(shelves))));
    for step in 1..40 {
        let now = UnixMs(NOW.0 - 20_000 + step * 500);
        let mut row = sample::rows().remove(0);
        row.speed = 2_000_000 + 700_000 * (u64::try_from(step).unwrap() * 7 % 5);
        let mut update = sample::update(vec![row]);
        update.totals = sample::update(sample::rows()).totals;
        app.update(now, Msg::Changed(Box::new(update)));
    }
    app.update(NOW, Msg::Changed(Box::new(sample::update(sample::rows()))));
    app.go_to_download(DownloadId(1));
    let detail = Reply::Detail(Box::new(sample::detail(&sample::rows()[0])));
    app.update(NOW, Msg::Answered(Purpose::Detail(DownloadId(1)), Box::new(Ok(detail))));
    app
}

/// What stands out without colours: bold, dim, reversed and underlined, one letter a cell.
fn weights(app: &App) -> String {
    let (columns, rows) = app.size;
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    terminal
        .draw(|frame| {
            super::view::draw(app, frame);
        })
        .unwrap();
    let buffer = terminal.backend().buffer();
    let mut text = String::new();
    for y in 0..rows {
        let line: String = (0..columns)
            .map(|x| {
                let cell = &buffer[(x, y)];
                assert!(matches!(cell.fg, ratatui::style::Color::Reset), "a colour at {x},{y}");
                let has = |modifier| cell.modifier.contains(modifier);
                match () {
                    () if has(Modifier::REVERSED) => 'r',
                    () if cell.symbol() == " " => ' ',
                    () if has(Modifier::BOLD) => 'b',
                    () if has(Modifier::DIM) => 'd',
                    () if has(Modifier::UNDERLINED) => 'u',
                    () => '.',
                }
            })
            .collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn check(view: &str, prepare: impl Fn(&mut App)) {
    for size in SIZES {
        let mut text = String::new();
        for ascii in [false, true] {
            let mut app = start(size, Depth::True, ascii);
            prepare(&mut app);
            let drawn = shown(&mut app);
            if ascii {
                let foreign = drawn.lines().find(|line| line.chars().any(|c| !c.is_ascii() && c != '–'));
                assert_eq!(foreign, None, "{view} at {size:?}");
            }
            text.push_str(&drawn);
            text.push('\n');
        }
        let mut app = start(size, Depth::None, false);
        prepare(&mut app);
        text.push_str(&weights(&app));
        insta::assert_snapshot!(format!("{view}-{}x{}", size.0, size.1), text);
    }
}

#[test]
fn downloads() {
    check("downloads", |_| {});
}

#[test]
fn a_failed_one() {
    check("failed", |app| {
        let mut row = sample::rows().remove(6);
        row.covered += 1;
        row.state = State::Failed(Failure {
            kind: FailKind::Gone,
            text: "gone: the server says 404".into(),
            hint: "Check the link".into(),
        });
        let paused = {
            let mut row = row.clone();
            row.state = State::Paused;
            row
        };
        for row in [paused, row] {
            app.update(
                NOW,
                Msg::Changed(Box::new(Update { revision: 2, rows: vec![row], ..Update::default() })),
            );
        }
    });
}

#[test]
fn nothing_yet() {
    check("empty", |app| {
        let removed = sample::rows().iter().map(|row| row.id).collect();
        let totals = Some(crate::model::view::Totals::default());
        app.update(NOW, Msg::Changed(Box::new(Update { revision: 2, removed, totals, ..Update::default() })));
    });
}

#[test]
fn many_failures() {
    check("crowd", |app| {
        let rows = (100..312)
            .map(|id| {
                let mut row = sample::row(id, &format!("part-{id}.rar"));
                row.host = "cdn.example".into();
                row.state = State::Failed(Failure {
                    kind: FailKind::Refused,
                    text: "the server refuses it: 403 Forbidden".into(),
                    hint: "It may want a login".into(),
                });
                row
            })
            .collect();
        app.update(NOW, Msg::Changed(Box::new(Update { revision: 2, rows, ..Update::default() })));
        app.notice = None;
        app.go_to(0);
    });
}

#[test]
fn log() {
    check("log", |app| {
        keys(app, "4");
        let line = |number, what: &str, name: &str, text: &str| HistoryLine {
            number,
            at: UnixMs(NOW.0 - 60_000 * i64::try_from(number).unwrap()),
            id: DownloadId(number),
            name: name.into(),
            what: what.into(),
            text: text.into(),
            place: Some("/home/me/Downloads/x".into()),
            secs: None,
        };
        let lines = vec![
            line(1, "failed", "Fabrikam – Trailer.webm", "gone: the server says 404"),
            line(6, "completed", "Tailspin Orchestra – 02 Ferry.flac", "completed"),
        ];
        app.update(NOW, Msg::Answered(Purpose::Log, Box::new(Ok(Reply::History(lines)))));
    });
}

#[test]
fn library() {
    check("library", |app| {
        press(app, "3");
        press(app, TO_SONGS);
    });
}

#[test]
fn library_empty() {
    check("library-empty", |app| {
        keys(app, "3");
    });
}

#[test]
fn library_shelf() {
    check("library-shelf", |app| {
        press(app, "3 right");
    });
}

#[test]
fn library_search() {
    check("library-search", |app| {
        press(app, "3 / r down");
    });
}

#[test]
fn library_edit() {
    check("library-edit", |app| {
        press(app, "3");
        press(app, TO_SONGS);
        press(app, "e");
    });
}

#[test]
fn library_remove() {
    check("library-remove", |app| {
        press(app, "3");
        press(app, TO_SONGS);
        press(app, "d");
    });
}

/// With a cover, where there are colours and more than ASCII; without one everywhere else.
#[test]
fn library_cover() {
    for size in [(120, 36), (80, 24)] {
        let mut app = start(size, Depth::True, false);
        app.options.pictures = Some(Pictures {
            how: How::HalfBlocks,
            cell: (10, 20),
            depth: Depth::True,
            in_tmux: false,
            is_far: false,
        });
        press(&mut app, "3");
        press(&mut app, TO_SONGS);
        insta::assert_snapshot!(format!("library-cover-{}x{}", size.0, size.1), shown(&mut app));
    }
}

#[test]
fn collections() {
    check("collections", |app| {
        keys(app, "1");
    });
}

#[test]
fn filter() {
    check("filter", |app| {
        keys(app, "/ s t a t e : f");
    });
}

#[test]
fn add() {
    check("add", |app| {
        let text =
            "https://shop.tailspin.example/03-delta.flac https://cdn.proseware.example/concert-1080p.mp4";
        app.update(NOW, Msg::Paste(text.into()));
    });
}

#[test]
fn add_more() {
    check("add-more", |app| {
        app.update(NOW, Msg::Paste("https://shop.tailspin.example/03-delta.flac".into()));
        keys(app, "backtab backtab space tab D e l t a");
    });
}

#[test]
fn collection() {
    check("collection", |app| {
        let own = &mut app.collections[1].settings;
        own.folder = Some("/home/me/Films".into());
        own.hook = Some(vec!["notify-send".into(), "all done".into()]);
        keys(app, "1 down down e tab tab 3");
    });
}

#[test]
fn message() {
    check("message", |app| {
        app.options.tip = "buy something in a browser".into();
        let text = "none of 212 downloads: the server refuses it: 403 Forbidden. It may want a login; edit the headers and try again";
        app.update(NOW, Msg::Told(Err(text.into())));
    });
}

#[test]
fn help() {
    check("help", |app| {
        keys(app, "?");
    });
}

#[test]
fn palette() {
    check("palette", |app| {
        keys(app, ": p a");
    });
}

#[test]
fn leave() {
    check("leave", |app| {
        app.own.insert(DownloadId(3));
        keys(app, "q");
    });
}

#[test]
fn remove() {
    check("remove", |app| {
        keys(app, "d");
    });
}

#[test]
fn limit() {
    check("limit", |app| {
        let limits = Speeds {
            rate: Some(3_000_000),
            hosts: [("shop.tailspin.example".parse().unwrap(), 500_000)].into(),
            ..Speeds::default()
        };
        let reply = Reply::Standing(Box::new(Standing { limits, ..Standing::default() }));
        app.update(NOW, Msg::Answered(Purpose::Limit(false), Box::new(Ok(reply))));
        keys(app, "tab tab 2 M");
    });
}

#[test]
fn plan() {
    check("plan", |app| {
        let until = Some(NOW.after(Duration::from_hours(3)));
        let leave = Leave {
            policy: Policy::Hold,
            cause: Some(Cause::Plan),
            until,
            then: Some(Policy::Limit(2_000_000)),
        };
        let mut rows = sample::rows();
        rows[8].state = State::Waiting { why: WaitReason::OutsidePlan, until };
        let mut update = sample::update(vec![rows.remove(8)]);
        if let Some(totals) = &mut update.totals {
            totals.ways = Some(Ways { background: leave, ..Ways::default() });
        }
        let id = update.rows[0].id;
        let mut detail = sample::detail(&update.rows[0]);
        detail.leave = Some(leave);
        app.update(NOW, Msg::Changed(Box::new(update)));
        app.go_to_download(id);
        let reply = Reply::Detail(Box::new(detail));
        app.update(NOW, Msg::Answered(Purpose::Detail(id), Box::new(Ok(reply))));
    });
}

#[test]
fn edit() {
    check("edit", |app| {
        let detail = Reply::Detail(Box::new(sample::detail(&sample::rows()[0])));
        app.update(NOW, Msg::Answered(Purpose::Edit, Box::new(Ok(detail))));
    });
}

#[test]
fn theme() {
    check("theme", |app| {
        keys(app, "t");
    });
}

#[test]
fn settings() {
    check("settings", |app| {
        super::settings_tests::open_settings(app);
        keys(app, "down");
    });
}

#[test]
fn presets() {
    check("presets", |app| {
        let rows = Reply::Presets(super::settings_tests::preset_rows());
        app.update(NOW, Msg::Answered(Purpose::Presets, Box::new(Ok(rows))));
        keys(app, "down");
    });
}

#[test]
fn page() {
    check("page", |app| {
        app.update(NOW, Msg::Changed(Box::new(asking("https://shop.example"))));
    });
    check("page-answer", |app| {
        app.update(NOW, Msg::Changed(Box::new(asking("https://shop.example"))));
        keys(app, "W down");
    });
}

#[test]
fn lost() {
    check("lost", |app| {
        app.update(NOW, Msg::Lost("the engine ended".into()));
        app.toast = None;
    });
}

#[test]
fn no_size_and_no_state_of_the_screen_panics() {
    for columns in [0, 1, 2, 7, 39, 40, 41, 59, 79, 80, 110, 120, 200] {
        for rows in [0, 1, 2, 7, 8, 9, 11, 12, 23, 24, 29, 30, 50] {
            let more = ["1 down down e", "1 down down d", "a backtab space", "/ : enter"];
            let keys_alone = ["", "?", ":", "a", "t", "e", "L", "q", "d", "/", "1", "3", "4", "enter", "c"];
            for pressed in keys_alone.into_iter().chain(more) {
                let mut app = start((columns, rows), Depth::True, false);
                app.own.insert(DownloadId(3));
                keys(&mut app, pressed);
                if columns > 0 && rows > 0 {
                    shown(&mut app);
                }
            }
        }
    }
}

#[test]
fn what_is_seen_of_the_line() {
    use crate::model::view::{LineMoment, Politeness};
    let mut app = start((200, 60), Depth::True, false);
    let moment = |at: u8| LineMoment {
        share: at.saturating_mul(3) % 101,
        others: 100 - at.saturating_mul(3) % 101,
        delay_us: u64::from(at) * 700,
    };
    let mut detail = sample::detail(&sample::rows()[0]);
    detail.politeness = Some(Box::new(Politeness {
        doing: "steps aside for others on this machine".into(),
        aside: true,
        base_us: Some(20_300),
        delay_us: Some(8_100),
        line: Some(6_250_000),
        line_is_known: true,
        rate: 1_000_000,
        others: Some(5_100_000),
        window: None,
        per_flow: false,
        missing: vec!["the probe: the server answers no echo".into()],
        moments: (0..60).map(moment).collect(),
    }));
    let reply = Reply::Detail(Box::new(detail));
    app.update(NOW, Msg::Answered(Purpose::Detail(DownloadId(1)), Box::new(Ok(reply))));
    let few = shown(&mut app);
    for told in
        ["carries 6.25 MB/s", "16 % of it background", "20.3 ms of its own, 8.1 ms in the queue", "share "]
    {
        assert!(few.contains(told), "{told}:\n{few}");
    }
    keys(&mut app, "enter");
    let all = shown(&mut app);
    for told in ["share ", "others ", "queue ", "answers no echo"] {
        assert!(all.contains(told), "{told}:\n{all}");
    }
}
