//! The library's pane: what keys do on it, what it asks for, and how it looks.

use std::sync::Arc;

use super::app::App;
use super::effect::{Effect, Msg, Purpose};
use super::library::{Asked, Cover, Key};
use super::picture::{How, Pictures};
use super::sample::{self, NOW};
use super::view_tests::{app_with, keys, shown};
use crate::config::theme::Depth;
use crate::model::media::{Field, KindFrom, MediaId, MediaKind, Origin};
use crate::model::request::{Refusal, RefusalKind, Reply, Request};
use crate::model::shelf::{
    Arrangement, LibraryQuery, LibraryReply, LibraryRequest, LibraryStats, MediaCopy, MediaDetail, MediaRow,
    MediaRows, MediaSort, MediaValue, ShelfNode, ShelfPath,
};
use crate::model::time::UnixMs;

const WIDE: (u16, u16) = (120, 36);
const NORMAL: (u16, u16) = (80, 24);

pub(super) fn row(id: u64, title: &str) -> MediaRow {
    MediaRow {
        id: MediaId(id),
        kind: MediaKind::Music,
        title: title.into(),
        artist: "Tailspin Orchestra".into(),
        album_artist: "Tailspin Orchestra".into(),
        album: "Harbour Lights".into(),
        disc: Some(1),
        track: u32::try_from(id).ok(),
        genre: "Ambient".into(),
        date: "2006".into(),
        distributor: "Tailspin".into(),
        duration_ms: Some(252_000),
        size: 61_300_000,
        added: UnixMs(NOW.0 - 600_000),
        missing: id == 3,
        copies: if id == 2 { 2 } else { 0 },
    }
}

pub(super) fn detail(row: &MediaRow) -> MediaDetail {
    let value = |field, text: &str, origin| MediaValue {
        field,
        text: text.into(),
        origin,
        place: None,
        set_by: None,
        instead_of: Vec::new(),
    };
    let shop = MediaValue {
        place: Some("ID3v2 PRIV WM/ContentDistributor".into()),
        instead_of: vec![(Origin::Download, "Other Shop".into())],
        ..value(Field::Distributor, "Tailspin", Origin::File)
    };
    MediaDetail {
        row: row.clone(),
        values: vec![
            value(Field::Title, &row.title, Origin::Person),
            value(Field::Artist, &row.artist, Origin::File),
            value(Field::Album, &row.album, Origin::File),
            value(Field::Track, "1", Origin::File),
            shop,
            value(Field::Rating, "80", Origin::Download),
            value(Field::Duration, "252000", Origin::File),
        ],
        kind_from: KindFrom::ClassId,
        path: format!("/home/me/Music/Tailspin/{}.flac", row.title),
        path_hex: None,
        format: "Free Lossless Audio Codec".into(),
        bitrate: Some(900_000),
        frame: None,
        has_cover: true,
        modified: UnixMs(NOW.0 - 700_000),
        missing_since: row.missing.then_some(UnixMs(NOW.0 - 60_000)),
        download: None,
        source: Some("https://shop.tailspin.example/03-delta.flac".into()),
        trouble: None,
        copies: if row.copies > 1 {
            vec![MediaCopy { id: MediaId(9), path: "/home/me/Old/Ferry.flac".into() }]
        } else {
            Vec::new()
        },
    }
}

fn node(at: &ShelfPath, count: u64) -> ShelfNode {
    let (size, duration_ms) = (61_300_000 * count, 252_000 * count);
    ShelfNode { label: at.label(), at: at.clone(), count, size, duration_ms, missing: u64::from(count > 2) }
}

/// A library of three songs on one album, as an engine answers for it.
fn answer(request: &LibraryRequest) -> LibraryReply {
    let under = |at: &ShelfPath, key: &str| {
        let mut at = at.clone();
        at.keys.push(key.into());
        at
    };
    match request {
        LibraryRequest::Shelf { at } => LibraryReply::Nodes(match (at.kind, at.arrangement, at.keys.len()) {
            (None, ..) => [(MediaKind::Music, 3), (MediaKind::Video, 1)]
                .map(|(kind, count)| node(&ShelfPath { kind: Some(kind), ..ShelfPath::default() }, count))
                .into(),
            (_, None, _) => Arrangement::ALL
                .map(|arrangement| node(&ShelfPath { arrangement: Some(arrangement), ..at.clone() }, 3))
                .into(),
            (_, Some(Arrangement::Purchased), 0) => {
                vec![node(&under(at, "Litware"), 1), node(&under(at, "Tailspin"), 3)]
            }
            (_, _, 1) => vec![node(&under(at, "Tailspin Orchestra"), 3)],
            _ => vec![node(&under(at, "Harbour Lights"), 3)],
        }),
        LibraryRequest::List(query) => {
            let all = [row(1, "Harbour"), row(2, "Ferry"), row(3, "Delta")];
            let found = all.into_iter().filter(|row| {
                (!query.missing || row.missing)
                    && (!query.duplicates || row.copies > 1)
                    && row.title.to_lowercase().contains(&query.text)
            });
            LibraryReply::Rows(MediaRows { rows: found.collect(), more: false, newest: false })
        }
        LibraryRequest::Show { id } => {
            let title = ["", "Harbour", "Ferry", "Delta"][usize::try_from(id.0).unwrap()];
            LibraryReply::Detail(Box::new(detail(&row(id.0, title))))
        }
        LibraryRequest::Cover { .. } => {
            let bytes = include_bytes!("../../tests/fixtures/media/cover.png");
            LibraryReply::Cover(Some(data_encoding::BASE64.encode(bytes)))
        }
        LibraryRequest::Stats => {
            LibraryReply::Stats(LibraryStats { missing: 1, duplicates: 2, ..LibraryStats::default() })
        }
        _ => LibraryReply::Changed(1),
    }
}

/// What of some effects is for the library.
fn asked(effects: &[Effect]) -> Vec<(Asked, LibraryRequest)> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Call(Purpose::Library(asked), request) => match &**request {
                Request::Library(request) => Some((asked.clone(), request.clone())),
                _ => None,
            },
            _ => None,
        })
        .collect()
}

/// Answers everything that is asked of the library, and makes covers ready, until nothing is left; returns all effects.
fn settle(app: &mut App, effects: Vec<Effect>) -> Vec<Effect> {
    let mut all = effects.clone();
    let mut open = effects;
    for _ in 0..20 {
        let mut next = Vec::new();
        for (what, request) in asked(&open) {
            let reply = Reply::Library(answer(&request));
            next.extend(app.update(NOW, Msg::Answered(Purpose::Library(what), Box::new(Ok(reply)))));
        }
        for effect in &open {
            if let Effect::Picture(id, bytes, room) = effect {
                let picture = app.options.pictures.and_then(|pictures| pictures.make(bytes, *room));
                next.extend(app.update(NOW, Msg::Pictured(*id, *room, picture)));
            }
        }
        if next.is_empty() {
            return all;
        }
        all.extend(next.clone());
        open = next;
    }
    panic!("it asks without end: {open:?}");
}

/// Presses keys, one after the other, and answers what they ask for.
pub(super) fn press(app: &mut App, names: &str) -> Vec<Effect> {
    let mut all = Vec::new();
    for name in names.split_whitespace() {
        let effects = keys(app, name);
        all.extend(settle(app, effects));
    }
    all
}

fn library(size: (u16, u16)) -> App {
    let mut app = app_with(sample::rows(), size, false);
    press(&mut app, "3 home");
    app
}

/// Goes down to the first song of the second shop; what the first has is closed.
pub(super) const TO_SONGS: &str = "home right right left down right right right";

fn toast(app: &App) -> String {
    app.toast.as_ref().map(|toast| toast.text.clone()).unwrap_or_default()
}

fn titles(app: &App) -> Vec<String> {
    app.library.tree.lines(0, 99).map(|branch| branch.node.name.trim().to_owned()).collect()
}

#[test]
fn shelves_open_one_after_the_other_and_close_around_the_cursor() {
    let mut app = library(NORMAL);
    // What was bought is seen before anybody opens anything.
    assert_eq!(titles(&app)[..5], ["Music", "Purchased", "Litware", "Tailspin Orchestra", "Harbour Lights"]);
    assert_eq!(app.library.shelf().unwrap().name, "Music");
    press(&mut app, TO_SONGS);
    assert_eq!(
        titles(&app)[..8],
        [
            "Music",
            "Purchased",
            "Litware",
            "Tailspin",
            "Tailspin Orchestra",
            "Harbour Lights",
            "1 Harbour",
            "2 Ferry"
        ]
    );
    assert_eq!(app.library.row().unwrap().title, "Harbour");
    let text = shown(&mut app);
    for part in ["in ID3v2 PRIV WM/ContentDi…", "instead of Other Shop…", "title        Harbour"] {
        assert!(text.contains(part), "{part:?} in\n{text}");
    }
    press(&mut app, "left");
    assert_eq!(app.library.shelf().unwrap().name, "Harbour Lights");
    assert!(shown(&mut app).contains("3 files, 184 MB, plays 12:36"), "{}", shown(&mut app));
    press(&mut app, "left left");
    assert_eq!(app.library.shelf().unwrap().name, "Tailspin Orchestra");
    press(&mut app, "left left left left left left left");
    assert_eq!(titles(&app)[..3], ["Music", "Video", "Purchased"]);
}

#[test]
fn what_is_missing_or_there_twice_has_a_branch_and_says_so_on_its_line() {
    let mut app = library(NORMAL);
    press(&mut app, "end right right");
    let text = shown(&mut app);
    assert!(text.contains("Ferry") && text.contains("2×"), "{text}");
    assert!(text.contains("same bytes   ~/Old/Ferry.flac"), "{text}");
    press(&mut app, "end up up right right");
    let text = shown(&mut app);
    assert!(text.contains("missing since 11:59:00"), "{text}");
    assert_eq!(press(&mut app, "o"), []);
    assert!(toast(&app).contains("its file is missing"), "{}", toast(&app));
}

#[test]
fn a_search_asks_with_every_key_but_never_twice_at_a_time() {
    let mut app = library(NORMAL);
    let first = keys(&mut app, "/ f");
    assert_eq!(asked(&first).len(), 1);
    // While that is on its way, more is typed: it is asked for when the answer has come.
    assert_eq!(asked(&keys(&mut app, "e r")), []);
    let late = settle(&mut app, first);
    let texts: Vec<_> = asked(&late)
        .into_iter()
        .filter_map(|(asked, _)| match asked {
            Asked::Found(text, _) => Some(text),
            _ => None,
        })
        .collect();
    assert_eq!(texts, ["f", "fer"]);
    assert_eq!(app.library.row().unwrap().title, "Ferry");
    let text = shown(&mut app);
    assert!(text.contains("1 found") && text.contains("/fer"), "{text}");
    // What types no longer has the keys: they act again.
    press(&mut app, "enter");
    assert_eq!(press(&mut app, "o"), [Effect::Play("/home/me/Music/Tailspin/Ferry.flac".into())]);
    press(&mut app, "/ z z");
    assert!(shown(&mut app).contains("Nothing matches all of these"), "{}", shown(&mut app));
    press(&mut app, "esc");
    assert!(app.library.found.is_none());
    assert_eq!(app.library.shelf().unwrap().name, "Music");
}

#[test]
fn what_changes_elsewhere_leaves_the_cursor_on_its_find() {
    let mut app = library(NORMAL);
    press(&mut app, "/ r enter down");
    assert_eq!(app.library.row().unwrap().title, "Ferry");
    app.library.refresh();
    press(&mut app, "t");
    press(&mut app, "esc");
    assert_eq!(app.library.row().unwrap().title, "Ferry");
    // Another text is another search.
    press(&mut app, "/ backspace a");
    assert_eq!(app.library.row().unwrap().title, "Harbour");
}

#[test]
fn a_refused_question_is_not_asked_for_ever() {
    let mut app = library(NORMAL);
    let effects = keys(&mut app, "/ f");
    let (what, _) = asked(&effects).remove(0);
    let refusal = Refusal::new(RefusalKind::NotNow, "the store can't be read", "");
    let next = app.update(NOW, Msg::Answered(Purpose::Library(what), Box::new(Err(refusal))));
    assert_eq!(asked(&next), []);
    assert_eq!(asked(&keys(&mut app, "e")).len(), 1);
}

#[test]
fn the_order_is_asked_for_and_shelves_follow_it() {
    let mut app = library(NORMAL);
    press(&mut app, "right right left down left up");
    assert_eq!(titles(&app)[2..4], ["Litware", "Tailspin"]);
    press(&mut app, "s s s s s s");
    assert_eq!(toast(&app), "the library is by size");
    assert_eq!(titles(&app)[2..4], ["Tailspin", "Litware"]);
    press(&mut app, "S");
    assert_eq!(titles(&app)[2..4], ["Litware", "Tailspin"]);
    let mut app = library(NORMAL);
    press(&mut app, TO_SONGS);
    let sorted = press(&mut app, "s");
    let query = asked(&sorted).into_iter().find_map(|(_, request)| match request {
        LibraryRequest::List(query) => Some(query),
        _ => None,
    });
    assert_eq!(query.map(|query| query.sort), Some(MediaSort::Title));
    assert!(shown(&mut app).contains("by title"), "{}", shown(&mut app));
    assert_eq!(app.library.row().unwrap().title, "Harbour", "the cursor stays on its file");
}

#[test]
fn files_are_played_copied_and_their_folder_opened() {
    let mut app = library(NORMAL);
    press(&mut app, TO_SONGS);
    let path = "/home/me/Music/Tailspin/Harbour.flac";
    assert_eq!(press(&mut app, "o"), [Effect::Play(path.into())]);
    assert_eq!(press(&mut app, "enter"), [Effect::Play(path.into())]);
    assert_eq!(press(&mut app, "O"), [Effect::Open("/home/me/Music/Tailspin".into())]);
    assert_eq!(press(&mut app, "y"), [Effect::Copy(path.into())]);
    app.options.local = false;
    assert_eq!(press(&mut app, "o"), []);
    assert_eq!(toast(&app), "its file is on another machine");
}

#[test]
fn a_path_of_any_bytes_is_opened_whole() {
    use std::os::unix::ffi::OsStrExt as _;
    let mut app = library(NORMAL);
    press(&mut app, TO_SONGS);
    let strange = MediaDetail { path_hex: Some("2f6d2fff".into()), ..detail(app.library.row().unwrap()) };
    let reply = Reply::Library(LibraryReply::Detail(Box::new(strange)));
    app.update(NOW, Msg::Answered(Purpose::Library(Asked::Detail(MediaId(1))), Box::new(Ok(reply))));
    let path = std::ffi::OsStr::from_bytes(b"/m/\xff");
    assert_eq!(keys(&mut app, "o"), [Effect::Play(path.into())]);
}

#[test]
fn keys_for_downloads_touch_none_from_here() {
    let mut app = library(WIDE);
    for key in ["p", "x", "m", "!", "u", "L", "space", "n", "J"] {
        assert_eq!(press(&mut app, key), [], "{key}");
        assert_eq!(toast(&app), "that is for downloads: 2 goes there", "{key}");
    }
    for key in ["o", "O", "y", "e", "d"] {
        assert_eq!(press(&mut app, key), [], "{key}");
        assert_eq!(toast(&app), "choose a file on the shelves first", "{key}");
    }
    assert!(app.overlay.is_none());
}

/// What was asked to be changed.
fn changes(effects: &[Effect]) -> Vec<LibraryRequest> {
    let changed = |(asked, request)| matches!(asked, Asked::Changed(_)).then_some(request);
    asked(effects).into_iter().filter_map(changed).collect()
}

#[test]
fn distributor_and_kind_are_changed() {
    let mut app = library(NORMAL);
    press(&mut app, TO_SONGS);
    press(&mut app, "e");
    assert!(shown(&mut app).contains("as the file says"), "{}", shown(&mut app));
    let effects = press(&mut app, "ctrl-u M y tab space space enter");
    let edits = changes(&effects);
    let LibraryRequest::Edit { ids, edit } = &edits[0] else { panic!("{edits:?}") };
    assert_eq!(ids, &[MediaId(1)]);
    assert_eq!(edit.set.get(&Field::Distributor).map(String::as_str), Some("My"));
    assert_eq!((edit.kind, edit.reset_kind), (Some(MediaKind::Video), false));
    assert_eq!(toast(&app), "Harbour: changed in the library");
    // Everything is asked for anew, and the cursor is where it was.
    assert!(asked(&effects).iter().any(|(_, request)| matches!(request, LibraryRequest::Stats)));
    assert_eq!(app.library.row().unwrap().id, MediaId(1));
    // An empty one lets the file speak again; nothing changed is nothing asked.
    let edits = changes(&press(&mut app, "e ctrl-u enter"));
    let LibraryRequest::Edit { edit, .. } = &edits[0] else { panic!("{edits:?}") };
    assert_eq!(edit.reset, [Field::Distributor]);
    assert_eq!(changes(&press(&mut app, "e enter")), []);
    assert_eq!(changes(&press(&mut app, "e X esc")), []);
}

#[test]
fn an_entry_goes_and_its_file_stays_unless_somebody_is_sure() {
    let mut app = library(NORMAL);
    press(&mut app, TO_SONGS);
    assert_eq!(changes(&press(&mut app, "d enter")), []);
    assert_eq!(changes(&press(&mut app, "d r")), [LibraryRequest::Forget { ids: vec![MediaId(1)] }]);
    press(&mut app, "d f");
    let text = shown(&mut app);
    assert!(
        text.contains("Delete the file for good?") && text.contains("~/Music/Tailspin/Harbour.flac"),
        "{text}"
    );
    assert_eq!(changes(&press(&mut app, "enter")), []);
    assert_eq!(changes(&press(&mut app, "d f y")), [LibraryRequest::DeleteFiles { ids: vec![MediaId(1)] }]);
}

#[test]
fn a_long_shelf_comes_page_by_page() {
    let mut app = app_with(sample::rows(), NORMAL, false);
    // Who moves before it is known finds it closed.
    let mut effects = keys(&mut app, "3");
    effects.extend(keys(&mut app, "home"));
    settle(&mut app, effects);
    press(&mut app, "right right right right right right");
    let page = |from: u64, more| {
        let rows = (from..from + 3).map(|id| row(id, &format!("Song {id}"))).collect();
        Reply::Library(LibraryReply::Rows(MediaRows { rows, more, newest: false }))
    };
    let effects = keys(&mut app, "right");
    let (what, request) = asked(&effects).remove(0);
    assert!(matches!(request, LibraryRequest::List(LibraryQuery { offset: 0, .. })), "{request:?}");
    let Asked::Shelf(key, 0) = what.clone() else { panic!("{what:?}") };
    assert!(matches!(&key, Key::Shelf(at) if at.is_last()));
    app.update(NOW, Msg::Answered(Purpose::Library(what), Box::new(Ok(page(1, true)))));
    assert!(shown(&mut app).contains("… more"), "{}", shown(&mut app));
    keys(&mut app, "down down down");
    let effects = keys(&mut app, "down");
    let (what, request) = asked(&effects).remove(0);
    assert!(matches!(request, LibraryRequest::List(LibraryQuery { offset: 3, .. })), "{request:?}");
    // It is asked for once.
    assert_eq!(asked(&keys(&mut app, "up down")).len(), 1, "only the file's details");
    app.update(NOW, Msg::Answered(Purpose::Library(what), Box::new(Ok(page(4, false)))));
    assert_eq!(app.library.row().unwrap().title, "Song 4");
    assert!(!shown(&mut app).contains("more"));
}

#[test]
fn what_was_just_finished_is_shown_a_moment_later() {
    let mut app = library(NORMAL);
    let mut done = sample::rows().remove(0);
    done.state = crate::model::state::State::Completed;
    let update =
        Box::new(crate::model::update::Update { revision: 2, rows: vec![done], ..Default::default() });
    assert_eq!(asked(&app.update(NOW, Msg::Changed(update))), []);
    assert_eq!(app.next_tick(), Some(500));
    assert_eq!(asked(&app.update(UnixMs(NOW.0 + 500), Msg::Tick)), []);
    let later = app.update(UnixMs(NOW.0 + 2000), Msg::Tick);
    assert!(asked(&later).iter().any(|(_, request)| matches!(request, LibraryRequest::Stats)));
}

fn with_pictures(size: (u16, u16), how: How) -> App {
    let mut app = app_with(sample::rows(), size, false);
    let pictures = Pictures { how, cell: (10, 20), depth: Depth::True, in_tmux: false, is_far: false };
    app.options.pictures = Some(pictures);
    press(&mut app, "3");
    press(&mut app, TO_SONGS);
    app
}

/// Whether the cover has the place that there is for it.
fn is_drawn(app: &App) -> bool {
    let area = super::layout::areas(app.size, app.pane, app.has_notice()).medium.unwrap();
    app.picture(area).is_some()
}

#[test]
fn a_cover_is_made_ready_for_its_place_and_again_for_another() {
    let mut app = with_pictures(WIDE, How::HalfBlocks);
    let Cover::Drawn(_, room, picture) = app.library.cover.clone() else { panic!("{:?}", app.library.cover) };
    assert!(room.1 >= 10 && picture.size().1 <= room.1, "{room:?}");
    assert!(is_drawn(&app));
    let effects = app.update(NOW, Msg::Resize(100, 26));
    assert!(matches!(effects[..], [Effect::Picture(..)]), "{effects:?}");
    // One that comes late is for a place that is no more.
    let Effect::Picture(id, bytes, small) = effects[0].clone() else { unreachable!() };
    let picture = app.options.pictures.unwrap().make(&bytes, small);
    app.update(NOW, Msg::Resize(120, 36));
    let effects = app.update(NOW, Msg::Pictured(id, small, picture));
    assert!(!is_drawn(&app));
    settle(&mut app, effects);
    assert!(is_drawn(&app));
    // And one of a file that is no longer under the cursor is not taken.
    app.update(NOW, Msg::Pictured(MediaId(77), (1, 1), None));
    assert_ne!(app.library.cover, Cover::None);
}

#[test]
fn the_cover_of_the_next_file_is_made_when_that_of_the_last_comes_late() {
    let mut app = with_pictures(WIDE, How::HalfBlocks);
    // Answers come, and covers take their time.
    let mut go = |name: &str| {
        let (mut open, mut making) = (keys(&mut app, name), Vec::new());
        while !open.is_empty() {
            let mut next = Vec::new();
            for (what, request) in asked(&open) {
                let reply = Reply::Library(answer(&request));
                next.extend(app.update(NOW, Msg::Answered(Purpose::Library(what), Box::new(Ok(reply)))));
            }
            making.extend(open.into_iter().filter(|effect| matches!(effect, Effect::Picture(..))));
            open = next;
        }
        making
    };
    let first = go("down");
    let Some(Effect::Picture(id, _, room)) = first.first() else { panic!("no cover: {first:?}") };
    assert_eq!(go("up"), [], "one at a time");
    let effects = app.update(NOW, Msg::Pictured(*id, *room, None));
    settle(&mut app, effects);
    assert!(is_drawn(&app));
}

#[test]
fn without_pictures_no_cover_is_asked_for() {
    let mut app = library(WIDE);
    let effects = press(&mut app, TO_SONGS);
    assert!(!asked(&effects).iter().any(|(asked, _)| matches!(asked, Asked::Cover(_))));
    // Nor where there is no room for one.
    let mut app = with_pictures((60, 16), How::HalfBlocks);
    assert_eq!(app.library.cover, Cover::Unknown);
    press(&mut app, "right");
    assert!(shown(&mut app).contains("title        Harbour"), "{}", shown(&mut app));
}

#[test]
fn a_cover_that_is_no_picture_is_no_trouble() {
    let mut app = with_pictures(WIDE, How::Kitty);
    app.library.cover = Cover::Bytes(Arc::from(&b"no picture"[..]));
    let effects = app.update(NOW, Msg::Tick);
    settle(&mut app, effects);
    assert_eq!(app.library.cover, Cover::None);
}

#[test]
fn a_picture_that_is_no_text_goes_while_a_dialog_lies_over_it() {
    let mut app = with_pictures(WIDE, How::Sixel);
    assert!(is_drawn(&app));
    press(&mut app, "e");
    assert!(!is_drawn(&app));
    press(&mut app, "esc");
    assert!(is_drawn(&app));
}
