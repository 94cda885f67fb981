//! Every key of the table, pressed in every state: it acts, or it says why it can't. And crowds of failures, which are one fact.

use super::app::App;
use super::effect::{Effect, Msg};
use super::sample::{self, NOW};
use super::view_tests::{app_with, keys, options, shown};
use crate::command::{Scope, TABLE};
use crate::config::theme::Depth;
use crate::model::id::DownloadId;
use crate::model::item::NewDownload;
use crate::model::request::{Act, Request};
use crate::model::state::{FailKind, Failure, State};
use crate::model::update::Update;
use crate::model::view::DownloadRow;

/// A screen with nothing on it.
fn empty() -> App {
    app_with(Vec::new(), (80, 24), false)
}

/// A screen whose cursor is on one of the sample's downloads.
fn on(id: u64) -> App {
    let mut app = app_with(sample::rows(), (80, 24), false);
    assert!(app.go_to_download(DownloadId(id)), "{id} is not shown");
    app
}

#[test]
fn every_key_acts_or_says_why_whatever_is_under_the_cursor() {
    let ids: Vec<u64> = sample::rows().iter().map(|row| row.id.0).collect();
    for entry in TABLE.iter().filter(|entry| entry.scope != Scope::Moving) {
        for key in entry.keys {
            for id in ids.iter().copied().map(Some).chain([None]) {
                for connected in [true, false] {
                    let start = || {
                        let mut app = id.map_or_else(empty, on);
                        if !connected {
                            app.update(NOW, Msg::Lost("the engine ended".into()));
                            app.toast = None;
                        }
                        app
                    };
                    let mut app = start();
                    let effects = keys(&mut app, key);
                    if effects.is_empty() && app.toast.is_none() {
                        let what = format!("{key} ({}) on {id:?}, connected: {connected}", entry.id);
                        assert_ne!(shown(&mut app), shown(&mut start()), "{what} does nothing");
                    }
                }
            }
        }
    }
}

#[test]
fn every_pane_has_its_key_and_other_numbers_say_so() {
    for (key, title) in
        [("1", "[1 Collections]"), ("2", "[2 Downloads]"), ("3", "[3 Library]"), ("4", "[4 Log]")]
    {
        let mut app = on(1);
        keys(&mut app, key);
        assert!(shown(&mut app).contains(title), "{key}");
    }
    for key in ["5", "6", "7", "8", "9"] {
        let mut app = on(1);
        keys(&mut app, key);
        assert!(app.toast.is_some(), "{key}");
    }
}

/// Downloads that all failed alike, and one that runs.
fn crowd(count: u64) -> Vec<DownloadRow> {
    let failed = |id| {
        let mut row = sample::row(id, &format!("part{id:03}.rar"));
        (row.host, row.covered, row.speed, row.eta_secs) = ("cdn.example".into(), 0, 0, None);
        row.state = State::Failed(Failure {
            kind: FailKind::Refused,
            text: "the server refuses it: 403 Forbidden".into(),
            hint: "Log in again".into(),
        });
        row
    };
    (2..2 + count).map(failed).chain([sample::row(1, "runs.iso")]).collect()
}

/// The act that was asked for, and for how many.
fn act(effects: &[Effect]) -> Option<(Act, usize)> {
    effects.iter().find_map(|effect| match effect {
        Effect::Call(_, request) => match &**request {
            Request::Act { select, act } => Some((act.clone(), select.ids.len())),
            _ => None,
        },
        _ => None,
    })
}

#[test]
fn many_failures_of_one_cause_are_one_row_that_opens_and_is_retried_whole() {
    let mut app = app_with(crowd(212), (80, 24), false);
    let text = shown(&mut app);
    assert!(text.contains("212 × refused by cdn.example"), "{text}");
    assert!(!text.contains("part002.rar") && text.contains("runs.iso"), "{text}");
    keys(&mut app, "n");
    assert_eq!(act(&keys(&mut app, "r")), Some((Act::Retry, 212)));
    assert_eq!(act(&keys(&mut app, "d")), Some((Act::Remove, 212)));
    keys(&mut app, "*");
    let all = app.marks.len();
    assert_eq!(all, app.list.rows().count());
    keys(&mut app, "*");
    assert!(all > 212 && app.marks.is_empty());
    keys(&mut app, "enter");
    let text = shown(&mut app);
    assert!(text.contains("part002.rar") && !text.contains("runs.iso"), "{text}");
    keys(&mut app, "esc");
    assert!(shown(&mut app).contains("212 × refused"));
    // Those that go on are no longer counted.
    let mut again = crowd(212);
    again.truncate(210);
    for row in &mut again {
        row.state = State::Queued;
    }
    app.update(NOW, Msg::Changed(Box::new(Update { revision: 2, rows: again, ..Update::default() })));
    let text = shown(&mut app);
    assert!(!text.contains("× refused") && text.contains("part212.rar"), "{text}");
}

/// What was asked to be added.
fn added(effects: &[Effect]) -> Vec<NewDownload> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Call(_, request) => match &**request {
                Request::Add(batch) => Some(batch.downloads.clone()),
                _ => None,
            },
            _ => None,
        })
        .flatten()
        .collect()
}

#[test]
fn a_distributor_is_given_to_all_that_are_added_or_left_to_the_file() {
    let text = "https://shop.tailspin.example/03-delta.flac https://cdn.proseware.example/live.mp4";
    let mut app = empty();
    app.update(NOW, Msg::Paste(text.into()));
    assert!(shown(&mut app).contains("distributor, title"));
    let left = added(&keys(&mut app, "enter"));
    assert!(left.iter().all(|new| new.extras.info.is_empty()) && left.len() == 2);
    app.update(NOW, Msg::Paste(text.into()));
    keys(&mut app, "backtab backtab space T a i l s p i n");
    let given = added(&keys(&mut app, "enter"));
    assert!(given.iter().all(|new| new.extras.info["Distributor"] == "Tailspin") && given.len() == 2);
}

#[test]
fn less_room_shows_less_and_never_nothing() {
    let mut app = App::new(options(Depth::True, false)).unwrap();
    app.update(NOW, Msg::Resize(39, 8));
    assert!(shown(&mut app).contains("haul needs 40×8"));
    // Nothing acts that can't be seen, and the way out stays.
    assert_eq!(keys(&mut app, "a"), []);
    assert_eq!(keys(&mut app, "q"), [Effect::Quit { goodbye: true }]);
}
