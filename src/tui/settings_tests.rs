//! What a person sets on the screen: listed, changed and true at once; presets and themes, looked at before they are taken.

use super::app::App;
use super::effect::{Effect, Msg, Purpose};
use super::keep::{Change, Kept};
use super::overlay::Overlay;
use super::sample::{self, NOW};
use super::view_tests::{app_with, keys, shown};
use crate::config::Config;
use crate::model::request::{Reply, Request};
use crate::model::view::PresetRow;

fn config(text: &str) -> Config {
    Config::parse("/home/me/.config/haul/config.toml".as_ref(), text.into())
        .unwrap_or_else(|wrong| panic!("{wrong}"))
}

/// The list of settings, of a file with some set.
pub(crate) fn open_settings(app: &mut App) {
    let effects = keys(app, ": s e t t i n g s enter");
    assert_eq!(effects, [Effect::ListSettings]);
    let text = "preset = \"night\"\n[engine]\nparallel = 6\n[ui]\ntheme = \"nord\"\n[[hosts]]\nmatch = \"*.example.com\"\nconnections = 2\n";
    let all = config(text).effective(Some("/home/me/Downloads".as_ref()));
    app.update(NOW, Msg::Settings(Ok(all)));
}

pub(crate) fn preset_rows() -> Vec<PresetRow> {
    config("preset = \"balanced\"\n").settings(None).preset_rows
}

fn app() -> App {
    app_with(sample::rows(), (120, 36), false)
}

/// Types a text, one key a character.
fn type_in(app: &mut App, text: &str) -> Vec<Effect> {
    let mut effects = Vec::new();
    for c in text.chars() {
        effects.extend(keys(app, &if c == ' ' { "space".to_owned() } else { c.to_string() }));
    }
    effects
}

/// Carries out changes as whoever opened the screen would.
fn keep(app: &mut App, effects: Vec<Effect>, text: &str) -> Vec<Effect> {
    let mut more = Vec::new();
    for effect in effects {
        if let Effect::Change(change) = effect {
            let config = config(text);
            let kept = Kept { ui: config.ui(), keymap: config.keymap().clone() };
            more.extend(app.update(NOW, Msg::Kept(change, Ok(Box::new(kept)))));
        }
    }
    more
}

#[test]
fn every_setting_is_listed_with_its_value_and_where_it_comes_from() {
    let mut app = app();
    open_settings(&mut app);
    for (typed, lines) in [
        ("engine parallel", &["engine.parallel", "6", "file, line 3"][..]),
        ("per host", &["engine.parallel_per_host", "2", "default"]),
        ("engine priority", &[]),
        ("engine give up", &["engine.give_up", "28d", "preset night"]),
        ("ui theme", &["ui.theme", "nord", "file, line 5"]),
        ("keys pause", &["keys.pause", "p", "default"]),
        ("hosts connections", &["hosts *.example.com.connections", "2", "file, line 8"]),
    ] {
        type_in(&mut app, typed);
        let text = shown(&mut app);
        let is_there =
            text.lines().any(|line| !lines.is_empty() && lines.iter().all(|word| line.contains(word)));
        assert!(is_there || lines.is_empty(), "{typed}: {text}");
        keys(&mut app, "ctrl-u");
    }
}

#[test]
fn yes_and_no_turn_round_and_hold_at_once() {
    let mut app = app();
    open_settings(&mut app);
    type_in(&mut app, "ui ascii");
    // Nothing is set: what the terminal gives is turned round.
    let effects = keys(&mut app, "enter");
    assert_eq!(effects, [Effect::Change(Change::of_ui("ascii", "true"))]);
    assert_eq!(keep(&mut app, effects, "[ui]\nascii = true\n"), [Effect::ListSettings]);
    assert!(app.look.glyphs.ascii);
    keys(&mut app, "esc");
    open_settings(&mut app);
    type_in(&mut app, "ui mouse");
    assert_eq!(keys(&mut app, "enter"), [Effect::Change(Change::of_ui("mouse", "false"))]);
}

#[test]
fn what_is_for_the_engine_is_read_by_it() {
    let mut app = app();
    open_settings(&mut app);
    type_in(&mut app, "engine parallel");
    keys(&mut app, "enter ctrl-u 9");
    let effects = keys(&mut app, "enter");
    let change = Change { section: "engine".into(), name: "parallel".into(), typed: "9".into() };
    assert_eq!(effects, [Effect::Change(change)]);
    let effects = keep(&mut app, effects, "[engine]\nparallel = 9\n");
    let reload = |effect: &Effect| matches!(effect, Effect::Call(_, request) if **request == Request::Reload);
    assert!(effects.iter().any(reload), "{effects:?}");
}

#[test]
fn a_wrong_value_is_told_where_it_was_typed_and_can_be_put_right() {
    let mut app = app();
    open_settings(&mut app);
    type_in(&mut app, "engine parallel");
    keys(&mut app, "enter ctrl-u 0 enter");
    let change = Change { section: "engine".into(), name: "parallel".into(), typed: "0".into() };
    app.update(NOW, Msg::Kept(change, Err("a whole number from 1 to 1000 goes here".into())));
    let text = shown(&mut app);
    assert!(text.contains("a whole number from 1 to 1000 goes here"), "{text}");
    keys(&mut app, "ctrl-u");
    assert!(!shown(&mut app).contains("goes here"));
    keys(&mut app, "esc esc");
    assert!(app.overlay.is_none());
}

#[test]
fn a_rule_for_hosts_names_its_place_in_the_file() {
    let mut app = app();
    open_settings(&mut app);
    type_in(&mut app, "hosts connections");
    assert_eq!(keys(&mut app, "enter"), []);
    assert!(shown(&mut app).contains("~/.config/haul/config.toml:8"), "{}", shown(&mut app));
}

#[test]
fn a_key_of_ones_own_acts_at_once() {
    let mut app = app();
    let change = Change { section: "keys".into(), name: "quit".into(), typed: "ctrl-q".into() };
    keep(&mut app, vec![Effect::Change(change)], "[keys]\nquit = \"ctrl-q\"\n");
    assert_eq!(keys(&mut app, "q"), []);
    assert_eq!(keys(&mut app, "ctrl-q"), [Effect::Quit { goodbye: true }]);
    assert!(shown(&mut app).contains("Ctrl-Q quit"));
}

#[test]
fn presets_are_looked_at_and_one_is_taken_for_all() {
    let mut app = app();
    let effects = keys(&mut app, ": p r e s e t enter");
    assert!(matches!(&effects[..], [Effect::Call(Purpose::Presets, _)]), "{effects:?}");
    app.update(NOW, Msg::Answered(Purpose::Presets, Box::new(Ok(Reply::Presets(preset_rows())))));
    assert!(shown(&mut app).contains("In use now: what haul does by itself"), "{}", shown(&mut app));
    keys(&mut app, "end");
    let text = shown(&mut app);
    assert!(text.contains("few connections") && text.contains("parallel per host 1"), "{text}");
    let effects = keys(&mut app, "enter");
    let taken = effects.iter().any(|effect| {
        matches!(effect, Effect::Call(_, request) if **request == Request::UsePreset { name: "polite".into() })
    });
    assert!(taken, "{effects:?}");
    assert!(app.overlay.is_none());
}

#[test]
fn the_theme_and_the_preset_of_the_list_have_their_own_lists() {
    let mut app = app();
    open_settings(&mut app);
    type_in(&mut app, "ui theme");
    keys(&mut app, "enter");
    assert!(matches!(app.overlay, Some(Overlay::Pick(_))));
    keys(&mut app, "esc");
    open_settings(&mut app);
    let effects = keys(&mut app, "enter");
    assert!(matches!(&effects[..], [Effect::Call(Purpose::Presets, _)]), "{effects:?}");
}

#[test]
fn less_motion_is_kept() {
    let mut app = app();
    let effects = keys(&mut app, ": m o t i o n enter");
    assert_eq!(effects, [Effect::Change(Change::of_ui("reduced_motion", "true"))]);
    keep(&mut app, effects, "[ui]\nreduced_motion = true\n");
    assert!(app.look.calm);
}
