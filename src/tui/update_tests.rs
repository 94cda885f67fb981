//! What keys do, as a person presses them.

use super::app::App;
use super::effect::{Effect, Msg, Purpose};
use super::keep::Change;
use super::overlay::Overlay;
use super::sample::{self, NOW};
use super::view_tests::{app_with, keys, shown};
use crate::config::theme::Depth;
use crate::model::id::DownloadId;
use crate::model::item::{Mode, Priority};
use crate::model::policy::{Speeds, Standing};
use crate::model::request::{Act, Acted, Added, AddedHow, Limits, Place, Reply, Request};
use crate::model::state::{FailKind, Failure, State, StateKind};
use crate::model::time::UnixMs;
use crate::model::update::Update;
use crate::model::way::Ways;

fn app() -> App {
    app_with(sample::rows(), (80, 24), false)
}

/// The acts that were asked for, with the numbers they are for.
pub(super) fn acts(effects: &[Effect]) -> Vec<(Act, Vec<u64>)> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Call(_, request) => match &**request {
                Request::Act { select, act } => {
                    Some((act.clone(), select.ids.iter().map(|id| id.0).collect()))
                }
                _ => None,
            },
            _ => None,
        })
        .collect()
}

pub(super) fn answer(app: &mut App, purpose: Purpose, reply: Reply) -> Vec<Effect> {
    app.update(NOW, Msg::Answered(purpose, Box::new(Ok(reply))))
}

pub(super) fn toast(app: &App) -> String {
    app.toast.as_ref().map(|toast| toast.text.clone()).unwrap_or_default()
}

/// Puts the cursor on a download.
fn on(app: &mut App, id: u64) {
    assert!(app.go_to_download(DownloadId(id)), "{id} is not shown");
}

#[test]
fn keys_do_what_the_table_says_to_the_download_under_the_cursor() {
    let background = |mode| Act::SetMode { mode };
    for (id, key, act) in [
        (1, "p", Act::Pause),
        (4, "p", Act::Resume),
        (4, "r", Act::Resume),
        (7, "r", Act::Retry),
        (5, "r", Act::Retry),
        (1, "x", Act::Cancel),
        (1, "m", background(Mode::RealTime)),
        (3, "m", background(Mode::Background)),
        (1, "!", Act::SetPriority { priority: Priority::Now }),
        (9, "K", Act::Move { to: Place::Up }),
        (2, "J", Act::Move { to: Place::Down }),
        (6, "d", Act::Remove),
    ] {
        let mut app = app();
        on(&mut app, id);
        assert_eq!(acts(&keys(&mut app, key)), [(act, vec![id])], "{key} on {id}");
    }
}

#[test]
fn a_key_that_cannot_act_says_why_and_does_nothing() {
    for (id, key, said) in [
        (3, "p", "real-time downloads can't pause: m switches it to background"),
        (6, "p", "it is completed already"),
        (7, "p", "it failed: r tries it again"),
        (1, "r", "it is running already"),
        (1, "o", "it is not whole yet"),
        (1, "K", "it is the first in the queue"),
        (9, "J", "it is the last in the queue"),
        (1, "z", "nothing was cancelled or removed"),
        (1, "9", "there are four panes"),
    ] {
        let mut app = app();
        on(&mut app, id);
        let effects = keys(&mut app, key);
        assert_eq!(acts(&effects), [], "{key} on {id}");
        assert!(toast(&app).contains(said), "{key} on {id}: {}", toast(&app));
    }
}

#[test]
fn marks_are_meant_before_the_cursor_and_are_gone_after() {
    let mut app = app();
    app.go_to(0);
    let effects = keys(&mut app, "space space p");
    assert_eq!(acts(&effects).len(), 1);
    assert_eq!(acts(&effects)[0].1.len(), 2);
    assert!(app.marks.is_empty());
    keys(&mut app, "*");
    assert_eq!(app.marks.len(), sample::rows().len());
    keys(&mut app, "esc");
    assert!(app.marks.is_empty());
}

#[test]
fn removing_asks_only_where_bytes_would_be_lost_and_no_is_the_answer() {
    let mut app = app();
    on(&mut app, 1);
    assert_eq!(acts(&keys(&mut app, "d")), []);
    assert!(shown(&mut app).contains("38.0 MB that are here already are thrown away"));
    assert_eq!(acts(&keys(&mut app, "enter")), []);
    assert!(app.overlay.is_none());
    assert_eq!(acts(&keys(&mut app, "d y")), [(Act::Remove, vec![1])]);
    let reply = Reply::Acted(vec![Acted { id: DownloadId(1), refused: None }]);
    answer(&mut app, Purpose::Act("removed; z takes it back"), reply);
    assert!(keys(&mut app, "z").iter().any(|effect| matches!(effect, Effect::Call(Purpose::Undo, _))));
}

#[test]
fn a_limit_is_set_for_whatever_is_chosen_and_shows_what_holds() {
    let speeds = |speeds| Request::SetLimits(Limits { speeds, ..Limits::default() });
    let host =
        |rate| Speeds { hosts: [("cdn.example.org".parse().unwrap(), rate)].into(), ..Speeds::default() };
    let background = Ways { background: Some(0), ..Ways::default() };
    for (typed, request) in [
        ("2 M enter", None),
        ("tab 5 0 0 k enter", Some(speeds(host(500_000)))),
        ("tab tab tab ctrl-u enter", Some(speeds(Speeds { rates: background, ..Speeds::default() }))),
        ("up ctrl-u 1 M B / s enter", Some(speeds(Speeds { rate: Some(1_000_000), ..Speeds::default() }))),
    ] {
        let mut app = app();
        on(&mut app, 1);
        let host = app.cursor_row().unwrap().host.clone();
        let effects = keys(&mut app, "L");
        assert!(effects.contains(&Effect::Call(Purpose::Limit(false), Box::new(Request::Standing))));
        let limits = Speeds { rate: Some(3_000_000), ..Speeds::default() };
        let standing = Standing { limits, ..Standing::default() };
        answer(&mut app, Purpose::Limit(false), Reply::Standing(Box::new(standing)));
        assert!(shown(&mut app).contains("3.00 MB/s"), "{}", shown(&mut app));
        let effects = keys(&mut app, typed);
        match request {
            None => {
                assert_eq!(acts(&effects), [(Act::SetLimit { limit: Some(2_000_000) }, vec![1])]);
            }
            Some(request) => {
                let asked = effects.iter().find_map(|effect| match effect {
                    Effect::Call(Purpose::Say(_), request) => Some(request.as_ref().clone()),
                    _ => None,
                });
                let text = serde_json::to_string(&request).unwrap().replace("cdn.example.org", &host);
                assert_eq!(serde_json::to_string(&asked.unwrap()).unwrap(), text, "{typed}");
            }
        }
        assert!(app.overlay.is_none(), "{typed}");
    }
}

#[test]
fn quitting_is_quick_where_nothing_is_lost() {
    let mut app = app();
    assert_eq!(keys(&mut app, "q"), [Effect::Quit { goodbye: true }]);
    assert!(app.last_words().unwrap().contains("go on in the background"), "{:?}", app.last_words());
    // Of what can't be seen it isn't said that it goes on.
    app.update(NOW, Msg::Lost("the engine ended".into()));
    assert!(app.last_words().unwrap().contains("go on when `haul` runs again"), "{:?}", app.last_words());
    app.options.local = false;
    assert!(app.last_words().unwrap().contains("when the connection was lost"), "{:?}", app.last_words());
}

#[test]
fn quitting_names_what_is_lost_and_offers_ways_out() {
    let leaving = || {
        let mut app = app();
        app.own.insert(DownloadId(3));
        assert_eq!(keys(&mut app, "q"), []);
        app
    };
    let mut app = leaving();
    let text = shown(&mut app);
    assert!(text.contains("1 real-time download will be lost") && text.contains("Northwind Radio"), "{text}");
    assert_eq!(keys(&mut app, "s"), []);
    assert!(app.overlay.is_none());
    assert_eq!(keys(&mut leaving(), "l"), [Effect::Quit { goodbye: true }]);
    let mut app = leaving();
    assert_eq!(acts(&keys(&mut app, "b")), [(Act::SetMode { mode: Mode::Background }, vec![3])]);
    assert_eq!(answer(&mut app, Purpose::ThenLeave, Reply::Done), [Effect::Quit { goodbye: true }]);
    assert_eq!(keys(&mut leaving(), "ctrl-c"), [Effect::Quit { goodbye: false }]);
}

#[test]
fn a_real_time_download_that_this_screen_added_is_its_own() {
    let mut app = app();
    let added = Added { id: DownloadId(3), how: AddedHow::New };
    answer(&mut app, Purpose::Add(Mode::RealTime), Reply::Added(vec![added]));
    keys(&mut app, "q");
    assert!(matches!(app.overlay, Some(Overlay::Leave(_))));
}

#[test]
fn a_paste_is_reviewed_and_added() {
    let mut app = app();
    app.update(NOW, Msg::Paste("see https://a.example/x.iso and\nhttps://b.example/y.zip".into()));
    let text = shown(&mut app);
    assert!(text.contains("2 links") && text.contains("x.iso?") && text.contains("b.example"), "{text}");
    // The second link is left out, and the way is real time.
    let effects = keys(&mut app, "down space tab tab down down enter");
    let batch = effects.iter().find_map(|effect| match effect {
        Effect::Call(Purpose::Add(Mode::RealTime), request) => match &**request {
            Request::Add(batch) => Some(batch),
            _ => None,
        },
        _ => None,
    });
    let batch = batch.unwrap_or_else(|| panic!("nothing added: {effects:?}"));
    assert_eq!(batch.downloads.len(), 1);
    assert_eq!(batch.downloads[0].url.as_str(), "https://a.example/x.iso");
    assert_eq!(
        batch.downloads[0].folder.as_deref().and_then(std::path::Path::to_str),
        Some("/home/me/Downloads")
    );
}

#[test]
fn what_is_here_already_is_offered_and_skipped() {
    let mut app = app();
    keys(&mut app, "a");
    let asked = |effects: Vec<Effect>| {
        let found = effects.into_iter().find_map(|effect| match effect {
            Effect::Call(Purpose::Known(first), request) => match *request {
                Request::Known { urls } => Some((first, urls.len())),
                _ => None,
            },
            _ => None,
        });
        found.unwrap_or_else(|| panic!("nothing was asked"))
    };
    let paste = |text: &str| Msg::Paste(text.into());
    let effects = app.update(NOW, paste("https://a.example/x.iso https://a.example/new.iso"));
    assert_eq!(asked(effects), (0, 2));
    // Whatever the file is called by now, and wherever it comes from in the end.
    answer(&mut app, Purpose::Known(0), Reply::Known(vec![Some(DownloadId(6)), None]));
    let text = shown(&mut app);
    assert!(text.contains("already here, done 2 min ago: skipped"), "{text}");
    assert!(text.contains("add 1"), "{text}");
    assert_eq!(asked(app.update(NOW, paste("https://a.example/late.iso"))), (2, 1));
    answer(&mut app, Purpose::Known(2), Reply::Known(vec![Some(DownloadId(1))]));
    assert!(shown(&mut app).contains("in the list: goes on"));
}

#[test]
fn a_link_can_be_typed() {
    let mut app = app();
    keys(&mut app, "a");
    for c in "https://a.example/z".chars() {
        keys(&mut app, &c.to_string());
    }
    let effects = keys(&mut app, "enter");
    assert!(matches!(&effects[..], [Effect::Call(Purpose::Add(Mode::Background), _)]), "{effects:?}");
    keys(&mut app, "a n o");
    keys(&mut app, "enter");
    assert!(shown(&mut app).contains("no link is in that"));
}

#[test]
fn the_filter_is_typed_kept_and_left() {
    let mut app = app();
    keys(&mut app, "/ f l a c");
    assert_eq!(app.list.shown(), 2);
    keys(&mut app, "enter");
    assert!(shown(&mut app).contains("filter: flac"));
    keys(&mut app, "esc");
    assert_eq!(app.list.shown(), sample::rows().len());
    keys(&mut app, "/");
    app.update(NOW, Msg::Paste("state:failed".into()));
    assert_eq!(app.list.shown(), 1);
}

#[test]
fn the_cursor_stays_on_its_download_when_rows_move() {
    let mut app = app();
    on(&mut app, 4);
    keys(&mut app, "s s s");
    assert_eq!(app.cursor_row().unwrap().id, DownloadId(4));
    let mut gone = sample::row(1, "Tailspin Orchestra – 03 Delta.flac");
    gone.state = State::Completed;
    app.update(NOW, Msg::Changed(Box::new(Update { revision: 2, rows: vec![gone], ..Update::default() })));
    assert_eq!(app.cursor_row().unwrap().id, DownloadId(4));
    let removed = Update { revision: 3, removed: vec![DownloadId(4)], ..Update::default() };
    app.update(NOW, Msg::Changed(Box::new(removed)));
    assert!(app.cursor_row().is_some());
}

#[test]
fn n_goes_to_what_needs_somebody() {
    let mut app = app();
    app.go_to(0);
    keys(&mut app, "n");
    assert_eq!(app.cursor_row().unwrap().state.kind(), StateKind::Failed);
}

#[test]
fn a_failure_is_told_until_it_is_read() {
    let mut app = app();
    app.go_to(0);
    let mut row = sample::row(2, "Concert.mp4");
    row.state = State::Failed(Failure {
        kind: FailKind::Gone,
        text: "gone: the server says 404".into(),
        hint: String::new(),
    });
    let effects =
        app.update(NOW, Msg::Changed(Box::new(Update { revision: 2, rows: vec![row], ..Update::default() })));
    assert!(!effects.contains(&Effect::Bell), "the end of its collection rings, and nothing else");
    assert!(shown(&mut app).contains("Concert.mp4: gone: the server says 404"));
    on(&mut app, 2);
    assert!(app.notice.is_none());
}

#[test]
fn the_end_of_a_collection_is_told_once_and_of_a_file_never() {
    let mut app = app();
    app.update(NOW, Msg::Focus(false));
    let mut rows = sample::rows();
    for row in &mut rows {
        row.state = State::Completed;
    }
    let first = Update { revision: 2, rows: rows[..1].to_vec(), ..Update::default() };
    assert!(!app.update(NOW, Msg::Changed(Box::new(first))).contains(&Effect::Bell));
    let all = Update { revision: 3, rows, ..Update::default() };
    let effects = app.update(NOW, Msg::Changed(Box::new(all)));
    assert_eq!(
        effects
            .iter()
            .filter(|effect| matches!(effect, Effect::Notify(text) if text.contains("all done")))
            .count(),
        1
    );
}

#[test]
fn a_lost_connection_dims_and_refuses_but_shows() {
    let mut app = app();
    app.update(NOW, Msg::Lost("the engine ended".into()));
    let text = shown(&mut app);
    assert!(text.contains("reconnecting") && text.contains("Delta.flac"), "{text}");
    assert_eq!(acts(&keys(&mut app, "p")), []);
    assert!(toast(&app).contains("comes back by itself"));
    app.update(NOW, Msg::Connected);
    app.update(NOW, Msg::Changed(Box::new(sample::update(sample::rows()[..2].to_vec()))));
    assert_eq!(app.list.len(), 2);
}

#[test]
fn a_click_means_what_was_drawn_there() {
    use crokey::crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
    let click = |app: &mut App, wanted: &str| {
        let text = shown(app);
        let (row, line) = text.lines().enumerate().find(|(_, line)| line.contains(wanted)).unwrap();
        let column = crate::tui::text::width(&line[..line.find(wanted).unwrap()]);
        let event = MouseEvent {
            kind: MouseEventKind::Down(MouseButton::Left),
            column: u16::try_from(column).unwrap(),
            row: u16::try_from(row).unwrap(),
            modifiers: KeyModifiers::NONE,
        };
        app.update(NOW, Msg::Mouse(event))
    };
    let mut app = app();
    click(&mut app, "Contoso");
    assert_eq!(app.cursor_row().unwrap().id, DownloadId(4));
    click(&mut app, "Size");
    assert!(shown(&mut app).contains("by size"));
    assert_eq!(acts(&click(&mut app, "go on")), [(Act::Resume, vec![4])]);
    keys(&mut app, "d");
    assert_eq!(acts(&click(&mut app, "y remove")), [(Act::Remove, vec![4])]);
    keys(&mut app, "?");
    click(&mut app, "haul");
    assert!(app.overlay.is_none());
}

#[test]
fn the_palette_finds_commands_by_a_few_letters() {
    let mut app = app();
    keys(&mut app, ":");
    for key in "quit".chars() {
        keys(&mut app, &key.to_string());
    }
    assert_eq!(keys(&mut app, "enter"), [Effect::Quit { goodbye: true }]);
}

#[test]
fn a_theme_is_shown_while_it_is_looked_at_and_kept_when_taken() {
    let mut app = app();
    keys(&mut app, "t down");
    assert_ne!(app.look.theme.name, "dark");
    keys(&mut app, "esc");
    assert_eq!(app.look.theme.name, "dark");
    let effects = keys(&mut app, "t down enter");
    assert_eq!(effects, [Effect::Change(Change::of_ui("theme", app.look.theme.name.clone()))]);
}

#[test]
fn hostile_names_reach_no_terminal_and_keep_the_columns_straight() {
    let names = [
        "日本語の長い名前がここに.flac",
        "👩‍👩‍👧‍👦 family 🎵 trip.mp4",
        "e\u{301}e\u{301} combining.iso",
        "שלום עולם.mp3",
    ];
    let rows = (1..).zip(names).map(|(id, name)| sample::row(id, name)).collect();
    let mut app = app_with(rows, (80, 24), false);
    let text = shown(&mut app);
    let places: Vec<usize> = text
        .lines()
        .filter(|line| line.contains("62%"))
        .map(|line| crate::tui::text::width(&line[..line.find("62%").unwrap()]))
        .collect();
    assert_eq!(places.len(), names.len(), "{text}");
    assert!(places.iter().all(|place| *place == places[0]), "{text}");
}

#[test]
fn what_happened_since_the_last_look_is_told_until_it_is_read() {
    use crate::model::record::HistoryLine;
    let mut options = super::view_tests::options(crate::config::theme::Depth::True, false);
    options.seen = Some(10);
    let mut app = App::new(options).unwrap();
    app.update(NOW, Msg::Resize(80, 24));
    app.update(NOW, Msg::Connected);
    app.update(NOW, Msg::Changed(Box::new(sample::update(sample::rows()))));
    let line = |number, what: &str| HistoryLine {
        number,
        at: NOW,
        id: DownloadId(number),
        name: "x".into(),
        what: what.into(),
        text: what.into(),
        place: None,
        secs: None,
    };
    let held = HistoryLine { text: "metered".into(), secs: Some(2400), ..line(14, "held") };
    let lines =
        vec![held, line(13, "failed"), line(12, "completed"), line(11, "completed"), line(10, "failed")];
    answer(&mut app, Purpose::Log, Reply::History(lines));
    assert!(
        shown(&mut app).contains("since 12:00: 2 done, 1 failed, 40 min held (metered)"),
        "{}",
        shown(&mut app)
    );
    assert_eq!(app.seen(), Some(14));
    // Enter is the row's.
    keys(&mut app, "enter");
    assert!(app.overlay.is_some() && app.since.is_news(), "{}", shown(&mut app));
    keys(&mut app, "esc 4");
    assert!(!app.since.is_news());
}

/// A page asks.
pub(crate) fn asking(origin: &str) -> Update {
    let page = crate::model::page::PageRequest { origin: origin.parse().unwrap(), since: NOW };
    Update { asking: Some(vec![page]), ..Update::default() }
}

#[test]
fn a_web_page_that_asks_is_told_of_and_answered_by_one_key() {
    use crate::model::page::DoorRequest;
    let origin = || "https://shop.example".parse().unwrap();
    for (press, request) in [
        ("W enter", Some(DoorRequest::Allow { origin: origin(), once: true })),
        ("W down enter", Some(DoorRequest::Allow { origin: origin(), once: false })),
        ("W down down enter", Some(DoorRequest::Deny { origin: origin() })),
        ("W esc", None),
    ] {
        let mut app = app();
        keys(&mut app, "W");
        assert_eq!(toast(&app), "no web page asks to be let in");
        let told = app.update(NOW, Msg::Changed(Box::new(asking("https://shop.example"))));
        assert!(told.contains(&Effect::Bell), "{told:?}");
        assert!(shown(&mut app).contains("https://shop.example wants to add downloads"));
        let effects = keys(&mut app, press);
        let asked = effects.into_iter().find_map(|effect| match effect {
            Effect::Call(_, request) => match *request {
                Request::Door(request) => Some(request),
                _ => None,
            },
            _ => None,
        });
        assert_eq!(asked, request, "{press}");
        app.update(NOW, Msg::Changed(Box::new(Update { asking: Some(Vec::new()), ..Update::default() })));
        assert!(!shown(&mut app).contains("wants to add downloads"));
    }
}

#[test]
fn what_somebody_else_opened_fills_the_add_dialog_and_adds_nothing_by_itself() {
    use crate::links::entry::Entry;
    let offered = vec![Entry::new("https://a.example/x.iso".parse().unwrap())];
    let options = super::app::Options { offered, ..super::view_tests::options(Depth::True, false) };
    let mut app = App::new(options).unwrap();
    app.update(NOW, Msg::Resize(80, 24));
    app.update(NOW, Msg::Connected);
    let effects = app.update(NOW, Msg::Changed(Box::new(sample::update(sample::rows()))));
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Call(Purpose::Add(_), _))), "{effects:?}");
    assert!(matches!(app.overlay, Some(Overlay::Add(_))));
    assert!(shown(&mut app).contains("x.iso"));
    // Once: who closes it is not asked again when the connection was lost.
    keys(&mut app, "esc");
    app.update(NOW, Msg::Connected);
    app.update(NOW, Msg::Changed(Box::new(sample::update(sample::rows()))));
    assert!(app.overlay.is_none());
}

#[test]
fn what_stalls_says_so_in_its_row_and_in_its_sentence() {
    let mut app = app();
    on(&mut app, 1);
    let mut still = sample::rows().remove(0);
    (still.speed, still.eta_secs) = (0, None);
    for step in 1..=10 {
        let now = UnixMs(NOW.0 + step * 500);
        app.update(now, Msg::Changed(Box::new(sample::update(vec![still.clone()]))));
    }
    let text = shown(&mut app);
    assert!(text.lines().filter(|line| line.contains("no data for 5 s")).count() >= 2, "{text}");
    still.speed = 1000;
    app.update(UnixMs(NOW.0 + 6000), Msg::Changed(Box::new(sample::update(vec![still]))));
    assert!(!shown(&mut app).contains("no data"));
}

#[test]
fn where_several_are_refused_each_reason_is_told_with_how_many_have_it() {
    use crate::model::request::{Refusal, RefusalKind};
    let mut app = app();
    let refused = |id, text: &str| Acted {
        id: DownloadId(id),
        refused: Some(Refusal::new(RefusalKind::NotNow, text, "do something else")),
    };
    let one = Acted { id: DownloadId(9), refused: None };
    let acted =
        vec![one.clone(), refused(1, "it is done"), refused(2, "it is done"), refused(3, "it failed")];
    answer(&mut app, Purpose::Act("paused"), Reply::Acted(acted));
    assert_eq!(toast(&app), "1 download paused, 3 not: it is done (2), it failed (1)");
    answer(&mut app, Purpose::Act("paused"), Reply::Acted(vec![one, refused(1, "it is done")]));
    assert_eq!(toast(&app), "1 download paused, 1 not: it is done. Do something else");
}

#[test]
fn links_that_were_looked_through_are_not_lost_by_leaving_them() {
    let mut app = app();
    app.update(NOW, Msg::Paste("https://a.example/x.iso https://a.example/y.iso".into()));
    keys(&mut app, "space esc");
    assert!(app.overlay.is_none() && toast(&app).contains("brings the links back"), "{}", toast(&app));
    app.update(NOW, Msg::Paste("https://a.example/z.iso".into()));
    // What was given up is not among what comes next; it is seen again only where somebody asks for it, and not chosen.
    let text = shown(&mut app);
    assert!(text.contains("z.iso") && !text.contains("x.iso") && text.contains("add 1"), "{text}");
    keys(&mut app, "esc a");
    let text = shown(&mut app);
    assert!(text.contains("x.iso") && text.contains("add 1"), "{text}");
    let effects = keys(&mut app, "enter");
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Call(Purpose::Add(_), _))), "{effects:?}");
    keys(&mut app, "a");
    assert!(!shown(&mut app).contains("x.iso"));
}

#[test]
fn one_esc_puts_one_thing_away() {
    let mut app = app();
    app.since.done = 3;
    let mut row = sample::row(2, "Concert.mp4");
    row.state = State::Failed(Failure { kind: FailKind::Gone, text: "gone".into(), hint: String::new() });
    app.go_to(0);
    app.update(NOW, Msg::Changed(Box::new(Update { revision: 2, rows: vec![row], ..Update::default() })));
    assert!(app.notice.is_some());
    keys(&mut app, "esc");
    assert!(app.notice.is_none() && app.since.is_news());
    keys(&mut app, "esc");
    assert!(!app.since.is_news());
}

#[test]
fn a_link_gets_another_name_before_it_is_added() {
    let mut app = app();
    app.update(NOW, Msg::Paste("https://a.example/x.iso https://a.example/y.iso".into()));
    keys(&mut app, "down e home Z enter");
    assert!(shown(&mut app).contains("Zy.iso"), "{}", shown(&mut app));
    keys(&mut app, "e / enter");
    assert!(shown(&mut app).contains("a name has no /"), "{}", shown(&mut app));
    let effects = keys(&mut app, "esc enter");
    let names = effects.iter().find_map(|effect| match effect {
        Effect::Call(Purpose::Add(_), request) => match &**request {
            Request::Add(batch) => {
                Some(batch.downloads.iter().map(|new| new.name.clone()).collect::<Vec<_>>())
            }
            _ => None,
        },
        _ => None,
    });
    assert_eq!(names, Some(vec![None, Some("Zy.iso".to_owned())]));
}
