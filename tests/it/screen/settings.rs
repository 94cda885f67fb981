//! What a person set: read when the screen opens, changed on it, kept in the one file with every comment where it was.

use crate::support::machine::Machine;
use std::fs;

use super::{NORMAL, Terminal, here, leave, open};

fn config(machine: &Machine) -> std::path::PathBuf {
    machine.config().join("config.toml")
}

fn with_config(text: &str) -> Machine {
    let machine = Machine::new();
    fs::create_dir_all(machine.config()).unwrap();
    fs::write(config(&machine), text).unwrap();
    machine
}

/// Opens the list of settings and looks for one.
fn look_for(terminal: &mut Terminal, name: &str) {
    terminal.send(":");
    terminal.wait_for("Commands");
    terminal.send("settings\r");
    terminal.wait_for("engine.parallel");
    terminal.send(name);
    terminal.wait_until("it is found", |text| !text.contains("engine.stall") && text.contains(name));
}

#[test]
fn a_theme_is_kept_in_the_config_and_worn_at_the_next_start() {
    let machine = with_config("# mine\n[ui]\n# no noise\nbell = false # none\n");
    let mut terminal = here(&machine);
    terminal.send("t");
    terminal.wait_for("high-contrast");
    terminal.send("\x1b[F\r");
    terminal.wait_for("kept for good");
    leave(&mut terminal, "q");
    let text = fs::read_to_string(config(&machine)).unwrap();
    assert_eq!(text, "# mine\n[ui]\n# no noise\nbell = false # none\ntheme = \"tritanopia\"\n");
    let mut terminal = here(&machine);
    terminal.send(":");
    terminal.wait_for("Commands");
    terminal.send("theme\r");
    terminal.wait_for("▌ tritanopia");
}

#[test]
fn keys_are_those_of_the_config() {
    let machine = with_config("[keys]\nquit = \"Q\"\nadd = [\"ctrl-n\", \"a\"]\n");
    let mut terminal = here(&machine);
    terminal.wait_until("the footer says so", |text| text.contains("Q quit") && text.contains("Ctrl-N add"));
    terminal.send("\x0e");
    terminal.wait_for("Add downloads");
    terminal.send("\x1b");
    terminal.wait_gone("Add downloads");
    leave(&mut terminal, "Q");
}

#[test]
fn what_is_wrong_with_it_is_told_at_its_place_before_anything_is_drawn() {
    for (text, said) in [
        ("[keys]\npauze = \"p\"\n", &["config.toml:2:1", "did you mean `pause`?"][..]),
        ("[keys]\npause = \"x\"\nedit = \"x\"\n", &["config.toml:3:8", "`pause` has this key too"]),
        ("[ui]\nmouse = \"no\"\n", &["config.toml:2:9", "true or false goes here"]),
    ] {
        let machine = with_config(text);
        let mut terminal = open(&machine, &["--here"], (120, 30), &[]);
        let (status, told) = terminal.farewell();
        assert_eq!(status.exit_code(), 2, "{told}");
        assert!(said.iter().all(|said| told.contains(said)), "{told}");
        let checked = machine.run(&["config", "check"]);
        assert_eq!(checked.status.code(), Some(2), "{}", checked.told());
    }
}

#[test]
fn a_setting_is_changed_on_the_screen_kept_and_true_at_once() {
    let machine = with_config("# mine\n[engine]\nparallel = 3 # few\n");
    let mut terminal = here(&machine);
    look_for(&mut terminal, "engine.parallel");
    terminal.wait_for("file, line 3");
    terminal.send("\r\x150\r");
    terminal.wait_for("a whole number from 1 to 1000 goes here");
    terminal.send("\x157\r");
    terminal.wait_for("parallel: 7, kept for good");
    assert_eq!(fs::read_to_string(config(&machine)).unwrap(), "# mine\n[engine]\nparallel = 7 # few\n");
    terminal.send("\x1b");
    terminal.wait_gone("Settings");
    // No mouse is asked for any more, and none when the terminal comes back.
    assert!(terminal.asked().contains(&"the mouse"));
    look_for(&mut terminal, "ui.mouse");
    terminal.send("\r");
    terminal.wait_for("mouse: false, kept for good");
    terminal.send("\x1b");
    terminal.wait_gone("Settings");
    assert!(!terminal.asked().contains(&"the mouse"));
    leave(&mut terminal, "q");
}

#[test]
fn a_preset_is_used_from_the_palette_and_stands_in_the_file() {
    let machine = with_config("# mine\n");
    let mut terminal = here(&machine);
    terminal.send(":");
    terminal.wait_for("Commands");
    terminal.send("preset\r");
    terminal.wait_for("Preset for all downloads");
    terminal.send("\x1b[F");
    terminal.wait_for("few connections");
    terminal.send("\r");
    terminal.wait_for("preset polite: holds now");
    let text = fs::read_to_string(config(&machine)).unwrap();
    assert!(text.contains("# mine") && text.contains("preset = \"polite\""), "{text}");
    leave(&mut terminal, "q");
}

#[test]
fn the_task_bar_and_the_title_say_how_far_all_is_where_they_should() {
    let (_site, _machine, mut terminal) = super::with_one_running_in(&[("WT_SESSION", "x")]);
    terminal.wait_for_raw("\x1b]9;4;1;");
    terminal.wait_for_raw("\x1b]0;haul: 1 running");
    leave(&mut terminal, "q");
    assert!(terminal.raw().contains("\x1b]9;4;0;0"));
    let machine = with_config("[ui]\ntitle = false\n");
    let mut terminal = open(&machine, &["--here"], NORMAL, &[]);
    terminal.wait_for("nothing to do");
    leave(&mut terminal, "q");
    let raw = terminal.raw();
    assert!(!raw.contains("\x1b]0;") && !raw.contains("\x1b]9;4"), "{raw:?}");
}
