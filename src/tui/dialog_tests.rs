//! What a person can change in dialogs: a download, a collection, and what is about to be added.

use super::app::App;
use super::effect::{Effect, Msg, Purpose};
use super::sample::{self, NOW};
use super::update_tests::{acts, answer, toast};
use super::view_tests::{app_with, keys, shown};
use crate::model::id::{CollectionId, DownloadId};
use crate::model::item::{GivenHeader, Priority};
use crate::model::record::CollectionSettings;
use crate::model::request::{Act, Acted, Batch, Changes, Refusal, RefusalKind, Reply, Request};

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
        (0, "", "Name: it needs a name"),
        (0, "a/b", "Name: a name has no /"),
        (1, "downloads", "Folder: a folder begins with"),
        (2, "x", "Link: that is no link"),
        (4, "99", "Connections: a number from 1 to 64"),
        (6, "no colon", "Headers: "),
        (6, "Range: bytes=0-", "haul sets it itself"),
    ] {
        let mut app = editing();
        field(&mut app, steps);
        typing(&mut app, typed);
        // Whichever field has the keys, the one that is wrong gets them.
        keys(&mut app, "tab tab");
        assert_eq!(acts(&keys(&mut app, "enter")), [], "{typed}");
        assert!(shown(&mut app).contains(said), "{typed}: {}", shown(&mut app));
        keys(&mut app, "esc");
        assert!(toast(&app).contains("brings back"), "{typed}: {}", toast(&app));
    }
}

#[test]
fn what_is_typed_for_a_download_is_kept_until_it_is_taken() {
    let detail = |app: &mut App, row: usize| {
        let detail = Reply::Detail(Box::new(sample::detail(&sample::rows()[row])));
        answer(app, Purpose::Edit, detail);
    };
    let mut app = editing();
    field(&mut app, 8);
    typing(&mut app, "Delta");
    keys(&mut app, "esc");
    assert!(toast(&app).contains("e brings back what you typed"), "{}", toast(&app));
    // It is of that download, and of no other.
    detail(&mut app, 1);
    assert!(!shown(&mut app).contains("Title        Delta"));
    keys(&mut app, "esc");
    detail(&mut app, 0);
    let text = shown(&mut app);
    assert!(text.contains("Title        Delta"), "{text}");
    let changes = Changes { info: [("Title".into(), "Delta".into())].into(), ..Changes::default() };
    assert_eq!(acts(&keys(&mut app, "enter")), [(Act::Set(Box::new(changes)), vec![1])]);
    // What the engine refuses is not lost either; what it took is done with.
    let refused = Refusal::new(RefusalKind::Taken, "the name is taken", "choose another");
    for (refused, is_kept) in [(Some(refused), true), (None, false)] {
        let acted = vec![Acted { id: DownloadId(1), refused }];
        answer(&mut app, Purpose::Saved, Reply::Acted(acted));
        assert_eq!(toast(&app).contains("e brings back what you typed"), is_kept, "{}", toast(&app));
        detail(&mut app, 0);
        assert_eq!(shown(&mut app).contains("Title        Delta"), is_kept);
        keys(&mut app, "esc");
    }
}

#[test]
fn a_limit_that_was_typed_and_not_set_comes_back() {
    let mut app = app();
    let limit = |app: &mut App| answer(app, Purpose::Limit(false), Reply::Standing(Box::default()));
    limit(&mut app);
    keys(&mut app, "tab");
    typing(&mut app, "3MB/s");
    keys(&mut app, "esc");
    assert!(toast(&app).contains("L brings back what you typed"), "{}", toast(&app));
    keys(&mut app, "down");
    limit(&mut app);
    assert!(!shown(&mut app).contains("3MB/s"));
    keys(&mut app, "esc up");
    limit(&mut app);
    assert!(shown(&mut app).contains("3MB/s"));
    let effects = keys(&mut app, "enter");
    assert!(matches!(&effects[..], [Effect::Call(_, request)] if matches!(**request, Request::SetLimits(_))));
    limit(&mut app);
    assert!(!shown(&mut app).contains("3MB/s"));
    // What is typed first is for whatever is chosen then.
    typing(&mut app, "5MB/s");
    keys(&mut app, "tab");
    assert!(shown(&mut app).contains("5MB/s"));
    let effects = keys(&mut app, "enter");
    let [Effect::Call(_, request)] = &effects[..] else { panic!("{effects:?}") };
    let Request::SetLimits(limits) = &**request else { panic!("{request:?}") };
    assert_eq!(limits.speeds.hosts.values().copied().collect::<Vec<_>>(), [5_000_000]);
}

#[test]
fn a_folder_that_is_not_there_is_refused_where_the_engine_is_on_this_machine() {
    let mut app = editing();
    app.options.check_folder =
        Some(|path| if path.ends_with("none") { Err("there is no such folder".into()) } else { Ok(()) });
    field(&mut app, 1);
    typing(&mut app, "~/none");
    assert_eq!(acts(&keys(&mut app, "enter")), []);
    assert!(shown(&mut app).contains("Folder: there is no such folder"), "{}", shown(&mut app));
    keys(&mut app, "esc");
    app.update(NOW, Msg::Paste("https://a.example/x.iso".into()));
    field(&mut app, 1);
    typing(&mut app, "~/none");
    assert_eq!(added(&keys(&mut app, "enter")), None);
    assert!(shown(&mut app).contains("there is no such folder"), "{}", shown(&mut app));
    keys(&mut app, "ctrl-u");
    typing(&mut app, "~/there");
    assert!(added(&keys(&mut app, "enter")).is_some());
}

#[test]
fn nothing_of_a_demo_goes_on_so_that_its_leave_offers_only_to_stay_or_to_lose_it() {
    let mut app = app();
    app.options.passing = true;
    app.own.insert(DownloadId(3));
    keys(&mut app, "q");
    let text = shown(&mut app);
    assert!(text.contains("s  stay") && text.contains("l  leave") && !text.contains("b  make"), "{text}");
    assert_eq!(acts(&keys(&mut app, "b")), []);
    assert!(app.overlay.is_some());
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
