//! What a person can change in dialogs: a download, a collection, and what is about to be added.

use super::app::App;
use super::effect::{Effect, Msg, Purpose};
use super::sample::{self, NOW};
use super::update_tests::{acts, answer, toast};
use super::view_tests::{app_with, keys, shown};
use crate::model::id::{CollectionId, DownloadId};
use crate::model::item::{GivenHeader, Priority};
use crate::model::record::CollectionSettings;
use crate::model::request::{Act, Batch, Changes, Reply, Request};

fn app() -> App {
    app_with(sample::rows(), (80, 24), false)
}

/// Puts a text into the line that has the keys.
fn typing(app: &mut App, text: &str) {
    app.update(NOW, Msg::Paste(text.into()));
}

/// Goes so many fields on, and empties the line there.
fn field(app: &mut App, steps: usize) {
    keys(app, &"tab ".repeat(steps));
    keys(app, "ctrl-u");
}

fn header(name: &str, value: &str) -> GivenHeader {
    GivenHeader { name: name.into(), value: value.into() }
}

fn editing() -> App {
    let mut app = app();
    let detail = Reply::Detail(Box::new(sample::detail(&sample::rows()[0])));
    answer(&mut app, Purpose::Edit, detail);
    app
}

#[test]
fn a_download_s_priority_headers_and_what_it_is_are_edited() {
    let mut app = editing();
    keys(&mut app, "tab tab tab right");
    assert_eq!(acts(&keys(&mut app, "enter")), [(Act::SetPriority { priority: Priority::Low }, vec![1])]);
    let mut app = editing();
    field(&mut app, 6);
    app.update(NOW, Msg::Paste("Cookie: a=b; c=d | X-Key: 1".into()));
    field(&mut app, 1);
    field(&mut app, 1);
    typing(&mut app, "Delta");
    let changes = Changes {
        headers: Some(vec![header("Cookie", "a=b; c=d"), header("X-Key", "1")]),
        info: [("Title", "Delta"), ("Distributor", "")].map(|(name, text)| (name.into(), text.into())).into(),
        ..Changes::default()
    };
    assert_eq!(acts(&keys(&mut app, "enter")), [(Act::Set(Box::new(changes)), vec![1])]);
    let mut app = editing();
    keys(&mut app, "enter");
    assert_eq!(toast(&app), "nothing was changed");
}

#[test]
fn what_is_wrong_in_a_field_is_said_and_nothing_is_changed() {
    for (steps, typed, said) in [
        (0, "", "it needs a name"),
        (4, "99", "from 1 to 64"),
        (6, "no colon", "there is no colon"),
        (6, "Range: bytes=0-", "haul sets it itself"),
    ] {
        let mut app = editing();
        field(&mut app, steps);
        typing(&mut app, typed);
        assert_eq!(acts(&keys(&mut app, "enter")), [], "{typed}");
        assert!(shown(&mut app).contains(said), "{typed}: {}", shown(&mut app));
    }
}

fn added(effects: &[Effect]) -> Option<Batch> {
    effects.iter().find_map(|effect| match effect {
        Effect::Call(Purpose::Add(_), request) => match &**request {
            Request::Add(batch) => Some(batch.clone()),
            _ => None,
        },
        _ => None,
    })
}

#[test]
fn what_is_added_gets_headers_and_what_it_is_where_somebody_says_so() {
    let mut app = app();
    app.update(NOW, Msg::Paste("https://a.example/x.iso".into()));
    assert!(shown(&mut app).contains("distributor, title, artist, album, request headers"));
    // Four fields on is what shows the others.
    keys(&mut app, "tab tab tab tab space");
    typing(&mut app, "Tailspin");
    field(&mut app, 1);
    typing(&mut app, "Delta");
    field(&mut app, 3);
    typing(&mut app, "no colon");
    assert_eq!(added(&keys(&mut app, "enter")), None);
    assert!(shown(&mut app).contains("there is no colon"), "{}", shown(&mut app));
    keys(&mut app, "ctrl-u");
    typing(&mut app, "Authorization: secret");
    let batch = added(&keys(&mut app, "enter")).unwrap();
    assert_eq!(batch.settings[batch.downloads[0].settings].headers, [header("Authorization", "secret")]);
    let info = &batch.downloads[0].extras.info;
    assert_eq!(info.get("Title").map(String::as_str), Some("Delta"));
    assert_eq!(info.get("Distributor").map(String::as_str), Some("Tailspin"));
}

#[test]
fn a_dialog_that_has_no_room_shows_the_field_that_has_the_keys_and_ends_with_its_buttons() {
    for size in [(40, 8), (40, 10), (60, 15)] {
        let mut app = app_with(sample::rows(), size, false);
        app.update(NOW, Msg::Paste("https://a.example/x.iso https://a.example/y.iso".into()));
        for name in ["x.iso", "Into", "How", "Collection", "More"] {
            let text = shown(&mut app);
            assert!(text.contains(name), "{name} at {size:?}:\n{text}");
            let last = text.lines().rfind(|line| line.contains("Esc back")).unwrap_or_default();
            assert!(last.contains("Enter add 2"), "{size:?}:\n{text}");
            assert!(!last.contains("Distr") && !last.contains("More"), "{size:?}:\n{text}");
            keys(&mut app, "tab");
        }
        let mut app = app_with(sample::rows(), size, false);
        let detail = Reply::Detail(Box::new(sample::detail(&sample::rows()[0])));
        answer(&mut app, Purpose::Edit, detail);
        keys(&mut app, "backtab");
        let text = shown(&mut app);
        assert!(text.contains("Album") && text.contains("Enter save"), "{size:?}:\n{text}");
    }
}

#[test]
fn the_ways_out_of_a_leave_are_seen_however_small_the_screen_is() {
    for size in [(40, 8), (40, 10), (60, 12), (80, 24), (120, 36)] {
        let rows = (1..=9).map(|id| sample::row(id, &format!("Episode {id}.mp3"))).map(|mut row| {
            row.mode = crate::model::item::Mode::RealTime;
            row
        });
        let mut app = app_with(rows.collect(), size, false);
        app.own.extend((1..=9).map(DownloadId));
        keys(&mut app, "q");
        let text = shown(&mut app);
        for way in ["b  make", "s  stay", "l  leave and lose"] {
            assert!(text.contains(way), "{way} at {size:?}:\n{text}");
        }
    }
}

/// The settings of a collection that were asked for.
fn set(effects: &[Effect]) -> Option<(CollectionId, Option<String>, Option<CollectionSettings>)> {
    effects.iter().find_map(|effect| match effect {
        Effect::Call(_, request) => match &**request {
            Request::SetCollection { id, name, settings } => Some((*id, name.clone(), settings.clone())),
            _ => None,
        },
        _ => None,
    })
}

#[test]
fn a_collection_s_settings_are_changed_where_it_stands() {
    for key in ["e", "c", "L"] {
        let mut app = app();
        keys(&mut app, "1 down down");
        keys(&mut app, key);
        assert!(shown(&mut app).contains("Collection Proseware"), "{key}: {}", shown(&mut app));
        field(&mut app, 1);
        typing(&mut app, "~/Films");
        field(&mut app, 1);
        typing(&mut app, "2");
        field(&mut app, 1);
        typing(&mut app, "2MB/s");
        field(&mut app, 1);
        typing(&mut app, "night");
        field(&mut app, 1);
        typing(&mut app, "notify-send 'all done' now");
        let settings = CollectionSettings {
            folder: Some("/home/me/Films".into()),
            parallel: Some(2),
            limit: Some(2_000_000),
            preset: Some("night".into()),
            hook: Some(["notify-send", "all done", "now"].map(str::to_owned).into()),
        };
        assert_eq!(set(&keys(&mut app, "enter")), Some((CollectionId(2), None, Some(settings.clone()))));
        // What is set is shown, and an empty line takes it away.
        app.collections[1].settings = settings.clone();
        keys(&mut app, key);
        let text = shown(&mut app);
        for said in ["~/Films", "2.00 MB/s", "night", "notify-send 'all done' now"] {
            assert!(text.contains(said), "{said}: {text}");
        }
        field(&mut app, 5);
        let without = CollectionSettings { hook: None, ..settings };
        assert_eq!(set(&keys(&mut app, "enter")), Some((CollectionId(2), None, Some(without))));
    }
}

#[test]
fn keys_on_a_collection_are_about_the_collection() {
    let mut app = app();
    keys(&mut app, "1");
    for key in ["d", "e", "p", "r"] {
        assert_eq!(keys(&mut app, key), [], "{key}");
        assert!(toast(&app).contains("choose one of them"), "{key}: {}", toast(&app));
    }
    keys(&mut app, "down d");
    assert_eq!(toast(&app), "the default collection stays");
    keys(&mut app, "down x");
    assert_eq!(toast(&app), "that is for downloads: 2 goes there");
    keys(&mut app, "d");
    assert!(shown(&mut app).contains("Remove the collection?"));
    let gone = Request::RemoveCollection { id: CollectionId(2), with_downloads: false };
    let asked = |effects: Vec<Effect>| match effects.into_iter().next() {
        Some(Effect::Call(_, request)) => *request,
        other => panic!("{other:?}"),
    };
    assert_eq!(asked(keys(&mut app, "y")), gone);
    let hold = Request::Hold { id: Some(CollectionId(2)), until: None, for_good: true };
    assert_eq!(asked(keys(&mut app, "p")), hold);
    app.collections[1].held = true;
    assert_eq!(asked(keys(&mut app, "p")), Request::Go { id: Some(CollectionId(2)) });
    match asked(keys(&mut app, "r")) {
        Request::Act { select, act: Act::Retry } => {
            assert_eq!((select.terms.len(), select.ids.len()), (2, 0));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn priorities_are_in_the_palette() {
    for (typed, priority) in
        [("high", Priority::High), ("normal pri", Priority::Normal), ("low pri", Priority::Low)]
    {
        let mut app = app();
        assert!(app.go_to_download(DownloadId(1)));
        keys(&mut app, ":");
        typing(&mut app, typed);
        assert_eq!(acts(&keys(&mut app, "enter")), [(Act::SetPriority { priority }, vec![1])], "{typed}");
    }
    let mut rows = sample::rows();
    (rows[0].priority, rows[1].priority) = (Priority::High, Priority::Low);
    let text = shown(&mut app_with(rows, (80, 24), false));
    assert!(text.contains(" hi ") && text.contains(" lo "), "{text}");
}
