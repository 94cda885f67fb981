//! What goes out beside the drawing, and what comes in beside the keys: the mouse, the clipboard, the bell, notifications.

use super::{leave, row, with_one_running};

/// Presses the left button on a cell, counted from 1.
fn click(column: usize, line: usize) -> String {
    format!("\x1b[<0;{column};{line}M\x1b[<0;{column};{line}m")
}

/// Where a text stands on the screen, counted from 1.
fn place_of(text: &str, words: &str) -> (usize, usize) {
    let mut lines = text.lines().enumerate();
    let found = lines.find_map(|(line, text)| {
        let at = text.find(words)?;
        Some((text[..at].chars().count() + 1, line + 1))
    });
    found.unwrap_or_else(|| panic!("{words:?} is not in\n{text}"))
}

#[test]
fn a_click_means_what_is_drawn_there() {
    let (_site, _machine, mut terminal) = with_one_running();
    for (words, then) in [
        ("Size ", "by size ↓"),
        ("Size ", "by size ↑"),
        ("4 Log", "[4 Log]"),
        ("2 Downloads", "! now"),
        ("? help", "The download under the cursor"),
        ("Esc back", "[2 Downloads]"),
        ("a add", "Add downloads"),
    ] {
        // A frame may have come in part only.
        terminal.wait_for(words);
        let (column, line) = place_of(&terminal.text(), words);
        terminal.send(&click(column, line));
        terminal.wait_until(&format!("a click on {words:?} leads to {then:?}"), |text| text.contains(then));
    }
    // A click beside a dialog goes one step back.
    terminal.send(&click(1, 24));
    terminal.wait_gone("Add downloads");
    terminal.wait_for("p pause");
    let (column, line) = place_of(&terminal.text(), "p pause");
    terminal.send(&click(column, line));
    terminal.wait_until("the row says so", |text| row(text, "file.bin").contains("paused"));
    leave(&mut terminal, "q");
}

#[test]
fn the_wheel_scrolls_what_it_is_over() {
    let (_site, _machine, mut terminal) = with_one_running();
    terminal.send("?");
    terminal.wait_for("The download under the cursor");
    terminal.send(&"\x1b[<65;40;12M".repeat(5));
    terminal.wait_gone("The download under the cursor");
    terminal.send(&"\x1b[<64;40;12M".repeat(5));
    terminal.wait_for("The download under the cursor");
}

#[test]
fn the_link_is_copied_to_the_clipboard_of_whoever_looks_on() {
    let (site, _machine, mut terminal) = with_one_running();
    terminal.send("y");
    terminal.wait_for("the link is copied");
    let link = data_encoding::BASE64.encode(site.fill("{site}/file.bin").as_bytes());
    terminal.wait_for_raw(&format!("\x1b]52;c;{link}"));
    leave(&mut terminal, "q");
}

#[test]
fn the_desktop_is_told_once_when_all_is_done_and_only_who_looks_away() {
    let (site, _machine, mut terminal) = with_one_running();
    // The terminal is no longer in front.
    terminal.send("\x1b[O");
    site.release();
    terminal.wait_for_raw("\x1b]9;default: all done, 1 completed\x1b\\");
    terminal.wait_for_raw("\x07");
    terminal.wait_for("1 done");
    leave(&mut terminal, "q");
    assert_eq!(terminal.raw().matches("all done, 1 completed").count(), 1);
}
