//! What is said for a moment or kept as it was: messages, marks, a filter that means nothing, a theme that can't be used, and what
//! happened while nobody looked.

use std::time::Duration;

use super::app::App;
use super::effect::{Effect, Msg, Purpose};
use super::sample::{self, NOW};
use super::update_tests::{acts, answer, toast};
use super::view_tests::{app_with, keys, options, shown};
use crate::config::theme::Depth;
use crate::model::id::DownloadId;
use crate::model::policy::{Cause, Leave, Policy};
use crate::model::request::{Acted, Reply};
use crate::model::state::{FailKind, Failure, State};
use crate::model::update::Update;
use crate::model::way::Ways;

fn app() -> App {
    app_with(sample::rows(), (80, 24), false)
}

#[test]
fn a_message_leaves_keys_and_news_to_be_read_and_goes_with_the_next_key() {
    for size in [(120, 36), (80, 24), (60, 16)] {
        let mut app = app_with(sample::rows(), size, false);
        app.options.tip = "buy something".into();
        assert!(app.go_to_download(DownloadId(6)));
        keys(&mut app, "p");
        let text = shown(&mut app);
        let lines: Vec<&str> = text.lines().collect();
        assert!(text.contains("it is completed already"), "{size:?}:\n{text}");
        let hint = lines[lines.len() - 2];
        assert!(hint.contains("buy something") && hint.contains("Esc hides"), "{size:?}:\n{text}");
        assert!(lines[lines.len() - 1].contains("q quit"), "{size:?}:\n{text}");
        keys(&mut app, "j");
        assert!(app.toast.is_none());
    }
}

#[test]
fn a_long_message_is_broken_and_stays_longer_than_a_short_one() {
    let mut app = app();
    let long =
        "the connection is lost: the engine said nothing for half a minute and was then ended by somebody";
    app.update(NOW, Msg::Told(Err(format!("{long}. Trying again"))));
    let text = shown(&mut app);
    assert!(text.contains("the connection is lost") && text.contains("Trying again"), "{text}");
    app.update(NOW.after(Duration::from_secs(3)), Msg::Tick);
    assert!(app.toast.is_some());
    app.update(NOW, Msg::Told(Ok("copied".into())));
    app.update(NOW.after(Duration::from_millis(1500)), Msg::Tick);
    assert!(app.toast.is_none());
}

#[test]
fn a_cancel_can_be_taken_back_before_it_is_answered() {
    let takes_back =
        |app: &mut App| keys(app, "z").iter().any(|effect| matches!(effect, Effect::Call(Purpose::Undo, _)));
    let mut app = app();
    assert!(app.go_to_download(DownloadId(1)));
    assert!(!takes_back(&mut app));
    assert_eq!(acts(&keys(&mut app, "x y")).len(), 1);
    assert!(takes_back(&mut app));
}

#[test]
fn an_agent_that_was_stopped_is_told_once_and_started_by_its_key() {
    let starts = |app: &mut App| keys(app, "A").contains(&Effect::Start);
    let mut app = app();
    assert!(!starts(&mut app));
    assert_eq!(toast(&app), "the agent runs");
    app.update(NOW, Msg::Lost("it left".into()));
    assert!(!starts(&mut app) && toast(&app).contains("comes back by itself"), "{}", toast(&app));
    app.update(NOW, Msg::Stopped);
    assert_eq!(toast(&app), "the agent was stopped: A starts it again");
    assert!(shown(&mut app).contains("○ stopped"));
    keys(&mut app, "j");
    app.update(NOW, Msg::Stopped);
    assert!(app.toast.is_none());
    assert!(shown(&mut app).lines().last().unwrap().contains("A start"), "{}", shown(&mut app));
    keys(&mut app, "p");
    assert_eq!(toast(&app), "the agent was stopped: A starts it again");
    assert!(starts(&mut app));
    app.update(NOW, Msg::Connected);
    assert!(!shown(&mut app).contains("A start"));
}

#[test]
fn star_marks_all_before_it_unmarks_all() {
    let mut app = app();
    app.go_to(0);
    keys(&mut app, "space");
    assert_eq!(app.marks.len(), 1);
    keys(&mut app, "*");
    assert_eq!(app.marks.len(), sample::rows().len());
    keys(&mut app, "*");
    assert_eq!(app.marks.len(), 0);
}

#[test]
fn a_filter_that_means_nothing_is_told_and_the_rows_stay() {
    let mut app = app();
    keys(&mut app, "/ f l a c");
    assert_eq!(app.list.shown(), 2);
    keys(&mut app, "enter /");
    assert_eq!(app.list.shown(), 2);
    keys(&mut app, "space");
    app.update(NOW, Msg::Paste("state".into()));
    assert_eq!(app.list.shown(), 0);
    app.update(NOW, Msg::Paste(":faild".into()));
    assert_eq!(app.list.shown(), 2);
    keys(&mut app, "enter");
    assert!(app.filtering.is_some());
    assert!(toast(&app).starts_with("`state:faild` means nothing: the states are"), "{}", toast(&app));
    // Put right, it holds; left, everything is back.
    keys(&mut app, "backspace e d enter");
    assert!(app.filtering.is_none());
    assert_eq!(app.list.shown(), 0);
    keys(&mut app, "/ : esc");
    assert_eq!((app.list.shown(), app.filter_problem.as_deref()), (sample::rows().len(), None));
}

#[test]
fn a_theme_that_cannot_be_used_is_told_until_a_key_is_pressed() {
    for wrong in
        ["", "the theme `mine` can't be used: /c/mine.toml:3: failed: `rde` is no colour. Put it right"]
    {
        let mut options = options(Depth::True, false);
        options.ui.theme = Some("mine".into());
        options.wrong = wrong.into();
        let mut app = App::new(options).unwrap();
        assert_eq!(app.look.theme.name, "dark");
        app.update(NOW, Msg::Resize(80, 24));
        app.update(NOW.after(Duration::from_hours(1)), Msg::Tick);
        let text = shown(&mut app);
        assert!(text.contains("theme `mine`"), "{text}");
        assert!(wrong.is_empty() || text.contains("/c/mine.toml:3"), "{text}");
        assert_eq!(app.next_tick(), None);
        keys(&mut app, "j");
        assert!(!shown(&mut app).contains("theme `mine`"));
    }
}

#[test]
fn how_long_and_by_what_downloads_were_held_is_told_to_who_comes_back() {
    let totals = |policy, cause| {
        let mut update = sample::update(Vec::new());
        let leave = Leave { policy, cause, ..Leave::default() };
        update.rows = Vec::new();
        let totals = update.totals.as_mut().unwrap();
        totals.counts = sample::update(sample::rows()).totals.unwrap().counts;
        totals.ways = Some(Ways { background: leave, ..Ways::default() });
        Msg::Changed(Box::new(Update { revision: 9, ..update }))
    };
    let mut app = app();
    app.update(NOW, totals(Policy::Hold, Some(Cause::Metered)));
    app.update(NOW.after(Duration::from_mins(5)), Msg::Focus(false));
    app.update(NOW.after(Duration::from_mins(45)), totals(Policy::Run, None));
    app.update(NOW.after(Duration::from_mins(46)), totals(Policy::Hold, Some(Cause::Metered)));
    // A moment's hold is none.
    app.update(NOW.after(Duration::from_secs(46 * 60 + 20)), Msg::Focus(true));
    let text = shown(&mut app);
    assert!(text.contains("since 12:05: 40 min held (metered)"), "{text}");
}

#[test]
fn a_finished_file_of_another_machine_is_brought_home_by_a_command() {
    let mut options = options(Depth::True, false);
    (options.local, options.place) = (false, "box".into());
    let mut app = App::new(options).unwrap();
    app.update(NOW, Msg::Resize(80, 24));
    app.update(NOW, Msg::Connected);
    app.update(NOW, Msg::Changed(Box::new(sample::update(sample::rows()))));
    assert!(app.go_to_download(DownloadId(6)));
    let effects = keys(&mut app, "o");
    assert!(effects.contains(&Effect::Copy("haul --host box pull 6".into())), "{effects:?}");
    assert!(toast(&app).contains("`haul --host box pull 6` brings it here"), "{}", toast(&app));
    assert!(app.go_to_download(DownloadId(1)));
    keys(&mut app, "o");
    assert_eq!(toast(&app), "it is not whole yet");
}

#[test]
fn a_small_library_lies_open_and_the_cursor_is_where_there_is_something_to_see() {
    let mut app = app_with(sample::rows(), (80, 24), false);
    super::library_tests::press(&mut app, "3");
    let text = shown(&mut app);
    assert!(text.contains("Harbour Lights") && text.contains("1 Harbour"), "{text}");
    assert!(app.library.row().is_some());
    // What somebody closes stays closed.
    let lines = app.library.tree.len();
    super::library_tests::press(&mut app, "home left");
    app.library.refresh();
    super::library_tests::press(&mut app, "home");
    assert!(app.library.tree.len() < lines - 5);
}

#[test]
fn a_message_that_is_too_long_cuts_the_name_in_it_and_no_frame() {
    for size in [(40, 8), (60, 15), (80, 24)] {
        let mut rows = sample::rows();
        rows[0].name = format!("Tailspin Orchestra – {} 03 Delta.flac", "very ".repeat(30));
        let mut app = app_with(rows, size, false);
        let acted = vec![Acted { id: DownloadId(1), refused: None }];
        answer(&mut app, Purpose::Act("removed; {undo} takes it back"), Reply::Acted(acted));
        let text = shown(&mut app);
        let said: Vec<&str> = text.lines().filter(|line| line.contains("takes it back")).collect();
        assert_eq!(said.len(), 1, "{size:?}:\n{text}");
        assert!(text.contains("Delta.flac: removed") || text.contains("Delta.flac:\n"), "{size:?}:\n{text}");
        // What is longer than a line has whole lines: none is half a frame.
        let of_it: Vec<&str> = text.lines().filter(|line| line.contains("very")).collect();
        assert!(of_it.iter().all(|line| !line.contains(['╰', '╯'])), "{size:?}:\n{text}");
        let long = "the connection is lost and nobody knows why ".repeat(9);
        app.update(NOW, Msg::Told(Err(long)));
        let count = shown(&mut app).matches("nobody").count();
        assert!((1..=7).contains(&count), "{size:?}:\n{}", shown(&mut app));
    }
}

#[test]
fn a_group_shows_that_its_members_are_marked_and_space_takes_that_back() {
    let rows: Vec<_> = (100..112)
        .map(|id| {
            let mut row = sample::row(id, &format!("part-{id}.rar"));
            row.state = State::Failed(Failure {
                kind: FailKind::Refused,
                text: "the server refuses it: 403 Forbidden".into(),
                hint: String::new(),
            });
            row
        })
        .collect();
    let mut app = app_with(rows, (80, 24), false);
    let group = |app: &mut App| {
        let text = shown(app);
        text.lines()
            .find(|line| line.contains("12 × refused by"))
            .unwrap_or_else(|| panic!("{text}"))
            .to_owned()
    };
    app.go_to(0);
    assert!(!group(&mut app).contains('●'));
    for key in ["space", "*"] {
        keys(&mut app, key);
        assert_eq!(app.marks.len(), 12, "{key}");
        assert!(group(&mut app).contains('●'), "{key}: {}", group(&mut app));
        app.go_to(0);
        keys(&mut app, key);
        assert_eq!(app.marks.len(), 0, "{key}");
    }
}

#[test]
fn nothing_is_told_of_the_end_while_a_size_is_not_known() {
    for (width, told) in [(120, "1.53 MB, 299 of unknown size"), (80, "1.53 MB, 299 of unknown size")] {
        let mut app = app_with(sample::rows(), (width, 36), false);
        assert!(shown(&mut app).contains("done 14:32"));
        (app.totals.unknown, app.totals.here) = (299, 1_530_000);
        let text = shown(&mut app);
        let top = text.lines().next().unwrap();
        assert!(top.contains(told) && !top.contains("done ") && !top.contains(" of 9.40"), "{text}");
    }
}

#[test]
fn where_only_ascii_is_shown_names_are_ascii_too() {
    let mut rows = sample::rows();
    rows[0].name = "Björk – 音楽.flac".into();
    let mut app = app_with(rows, (80, 24), true);
    let text = shown(&mut app);
    assert!(text.is_ascii(), "{text}");
    assert!(text.contains("Bj?rk - ?"), "{text}");
}

#[test]
fn the_log_has_no_filter_and_a_filter_that_finds_nothing_says_so() {
    let mut app = app();
    keys(&mut app, "4 /");
    assert!(app.filtering.is_none() && toast(&app).contains("2 goes to the downloads"), "{}", toast(&app));
    assert!(!shown(&mut app).contains("/ filter"));
    keys(&mut app, "2 /");
    app.update(NOW, Msg::Paste("state:verifying".into()));
    assert!(shown(&mut app).contains("Nothing matches."), "{}", shown(&mut app));
}

#[test]
fn a_failed_one_is_not_in_the_queue() {
    for key in ["J", "K"] {
        let mut app = app();
        assert!(app.go_to_download(DownloadId(7)));
        assert_eq!(acts(&keys(&mut app, key)), []);
        assert_eq!(toast(&app), "it failed and is not in the queue: r tries it again");
    }
}

#[test]
fn details_wrap_a_long_sentence_where_there_is_room() {
    let mut rows = sample::rows();
    rows[6].state = State::Failed(Failure {
        kind: FailKind::Local,
        text: "the folder /home/me/Music/Tailspin Orchestra/Harbour Lights can't be written: it belongs to somebody else".into(),
        hint: "give it another folder of your own to be saved in".into(),
    });
    let mut app = app_with(rows, (80, 24), false);
    assert!(app.go_to_download(DownloadId(7)));
    app.notice = None;
    let text = shown(&mut app);
    assert!(text.contains("somebody else") && text.contains("to be saved in"), "{text}");
}

#[test]
fn a_collection_s_name_is_its_own() {
    let mut app = app();
    keys(&mut app, "1 C");
    app.update(NOW, Msg::Paste("Proseware".into()));
    assert_eq!(keys(&mut app, "enter"), []);
    assert!(shown(&mut app).contains("of that name already"), "{}", shown(&mut app));
    keys(&mut app, "ctrl-u");
    app.update(NOW, Msg::Paste("Films".into()));
    let made = Purpose::Say("the collection is made".into());
    assert!(matches!(&keys(&mut app, "enter")[..], [Effect::Call(purpose, _)] if *purpose == made));
}
