//! What is said for a moment or kept as it was: messages, marks, a filter that means nothing, a theme that can't be used, and what
//! happened while nobody looked.

use std::time::Duration;

use super::app::App;
use super::effect::{Effect, Msg};
use super::sample::{self, NOW};
use super::update_tests::toast;
use super::view_tests::{app_with, keys, options, shown};
use crate::config::theme::Depth;
use crate::model::id::DownloadId;
use crate::model::policy::{Cause, Leave, Policy};
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
