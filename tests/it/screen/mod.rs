//! The real program in a terminal: what a person sees and presses, and that the terminal is theirs again at the end.

mod ends;
mod mouse;
mod quick;
mod settings;

use std::ffi::OsString;

use rustix::process::Signal;
use toml::toml;

use crate::support::machine::Machine;
use crate::support::site::Site;
use crate::support::terminal::{Start, Terminal};

const NORMAL: (u16, u16) = (80, 24);

/// Starts the program on a machine; `more` is its environment beside the machine's.
pub(crate) fn open(machine: &Machine, args: &[&str], size: (u16, u16), more: &[(&str, &str)]) -> Terminal {
    let mut words: Vec<OsString> = vec!["--state".into(), machine.state().into()];
    words.extend(args.iter().map(OsString::from));
    start(machine, env!("CARGO_BIN_EXE_haul"), words, size, more)
}

fn start(
    machine: &Machine,
    program: &str,
    args: Vec<OsString>,
    size: (u16, u16),
    more: &[(&str, &str)],
) -> Terminal {
    let state = machine.state();
    let folder = |name: &str| state.with_file_name(name).into_os_string();
    let mut environment: Vec<(OsString, OsString)> = vec![
        ("PATH".into(), std::env::var_os("PATH").unwrap_or_default()),
        ("LANG".into(), "C.UTF-8".into()),
        ("TZ".into(), "UTC".into()),
        ("TERM".into(), "xterm-256color".into()),
        ("HOME".into(), folder("home")),
        ("XDG_CONFIG_HOME".into(), folder("config")),
        ("XDG_STATE_HOME".into(), folder("state")),
        ("XDG_RUNTIME_DIR".into(), folder("runtime")),
        ("HAUL_TEST_STALL_MS".into(), "600000".into()),
        ("HAUL_TEST_NOT_IDLE".into(), "1".into()),
    ];
    environment.extend(more.iter().map(|(name, value)| ((*name).into(), (*value).into())));
    Terminal::start(Start { program: program.into(), args, environment, folder: machine.downloads(), size })
}

fn here(machine: &Machine) -> Terminal {
    let terminal = open(machine, &["--here"], NORMAL, &[]);
    terminal.wait_for("nothing to do");
    terminal
}

/// A site that has given the first bytes of a file and holds the rest, and a screen on which it runs.
fn with_one_running() -> (Site, Machine, Terminal) {
    with_one_running_in(&[])
}

/// The same with more in the environment.
fn with_one_running_in(more: &[(&str, &str)]) -> (Site, Machine, Terminal) {
    let (site, machine) = (Site::start(None), Machine::new());
    site.serve("file.bin", toml! { size = "16 MiB" });
    site.hold_after(6 << 20);
    let mut terminal = open(&machine, &["--here"], NORMAL, more);
    terminal.wait_for("nothing to do");
    terminal.paste(&site.fill("{site}/file.bin"));
    terminal.wait_for("1 link");
    terminal.send("\r");
    terminal.wait_until("it runs", |text| text.contains("file.bin") && text.contains('%'));
    (site, machine, terminal)
}

/// Leaves, and sees the terminal as it was.
pub(crate) fn leave(terminal: &mut Terminal, key: &str) -> String {
    terminal.send(key);
    let (status, text) = terminal.farewell();
    assert!(status.success(), "{status}: {text}");
    assert_eq!(terminal.asked(), Vec::<&str>::new());
    assert!(terminal.is_cooked());
    text
}

#[test]
fn it_opens_invites_and_leaves_the_terminal_as_it_was() {
    let machine = Machine::new();
    let mut terminal = here(&machine);
    assert!(terminal.is_full_screen());
    assert!(!terminal.is_cooked());
    terminal.wait_for("Press a to add a link");
    leave(&mut terminal, "q");
}

#[test]
fn a_link_is_pasted_runs_pauses_goes_on_and_is_done() {
    let (site, machine, mut terminal) = with_one_running();
    terminal.send("p");
    terminal.wait_until("the row says so", |text| row(text, "file.bin").contains("paused"));
    site.release();
    terminal.send("p");
    terminal.wait_until("it is done", |text| row(text, "file.bin").contains('✓'));
    // Without a folder for downloads it is the home folder that they go to.
    let file = machine.state().with_file_name("home").join("file.bin");
    assert_eq!(std::fs::metadata(file).unwrap().len(), 16 << 20);
    leave(&mut terminal, "q");
}

/// The line of the table that holds a text.
fn row(text: &str, name: &str) -> String {
    text.lines().find(|line| line.contains(name)).unwrap_or_default().to_owned()
}

#[test]
fn a_cancel_is_taken_back() {
    let (_site, _machine, mut terminal) = with_one_running();
    terminal.send("x");
    terminal.wait_until("the row says so", |text| row(text, "file.bin").contains("cancelled"));
    terminal.send("z");
    terminal.wait_until("it is back", |text| !row(text, "file.bin").contains("cancelled"));
}

#[test]
fn the_mode_is_switched_and_a_key_that_can_not_act_says_why() {
    let (_site, _machine, mut terminal) = with_one_running();
    terminal.send("m");
    terminal.wait_until("it is real time", |text| row(text, "file.bin").contains("rt"));
    terminal.send("p");
    terminal.wait_for("real-time downloads can't pause");
    terminal.send("q");
    terminal.wait_for("will be lost");
    terminal.send("s");
    terminal.wait_gone("will be lost");
    terminal.send("m");
    terminal.wait_until("it is background", |text| row(text, "file.bin").contains("bg"));
    leave(&mut terminal, "q");
}

#[test]
fn a_burst_of_keys_that_spells_a_link_is_a_paste() {
    let machine = Machine::new();
    let mut terminal = here(&machine);
    terminal.send("https://a.example/quick.iso");
    terminal.wait_until("it is reviewed", |text| text.contains("1 link") && text.contains("quick.iso"));
    terminal.send("\x1b");
    terminal.wait_gone("Add downloads");
    leave(&mut terminal, "q");
}

#[test]
fn a_paste_may_be_a_command_that_a_browser_copied() {
    let machine = Machine::new();
    let mut terminal = here(&machine);
    terminal.paste("curl 'https://a.example/x?token=hush' -H 'Authorization: hush' -o 'name.iso'\n");
    let text = terminal.wait_until("it is reviewed", |text| text.contains("name.iso"));
    assert!(!text.contains("hush"), "{text}");
}

#[test]
fn the_list_is_filtered_and_whole_again() {
    let (_site, _machine, mut terminal) = with_one_running();
    terminal.send("/");
    terminal.send("nothing like it");
    terminal.wait_until("it is filtered out", |text| row(text, "file.bin").is_empty());
    terminal.send("\x1b");
    terminal.send("\x1b");
    terminal.wait_until("it is back", |text| row(text, "file.bin").contains('%'));
}

#[test]
fn it_fits_every_size_and_says_what_it_needs() {
    let (_site, _machine, mut terminal) = with_one_running();
    terminal.resize(120, 36);
    terminal.wait_until("panes stand side by side", |text| {
        text.contains("╭ 3 Library") && text.contains("parts")
    });
    terminal.resize(50, 10);
    terminal.wait_for("file.bin");
    terminal.resize(30, 6);
    terminal.wait_for("needs 40");
    terminal.resize(80, 24);
    terminal.wait_until("all is back", |text| row(text, "file.bin").contains('%'));
}

#[test]
fn a_key_after_a_resize_is_heard_alone() {
    let machine = Machine::new();
    let mut terminal = here(&machine);
    for (columns, rows) in [(100, 30), (90, 28), (110, 34), (80, 24)] {
        terminal.resize(columns, rows);
        terminal.send("?");
        terminal.wait_for("The download under the cursor");
        terminal.send("\x1b");
        terminal.wait_gone("The download under the cursor");
    }
    leave(&mut terminal, "q");
}

#[test]
fn a_theme_that_cannot_be_used_is_told_on_the_screen_and_the_usual_one_is_worn() {
    let machine = Machine::new();
    machine.configure("[ui]\ntheme = \"mine\"\n");
    let folder = machine.config().join("themes");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("mine.toml"), "inherits = \"dark\"\n[roles]\nfailed = \"rde\"\n").unwrap();
    let mut terminal = here(&machine);
    let text = terminal.wait_for("mine.toml:3");
    assert!(text.contains("`rde` is no") && text.contains("Put it right"), "{text}");
    terminal.send("j");
    terminal.wait_gone("mine.toml:3");
    leave(&mut terminal, "q");
    machine.configure("[ui]\ntheme = \"nrod\"\n");
    std::fs::remove_dir_all(folder).unwrap();
    let mut terminal = here(&machine);
    let text = terminal.wait_for("did you mean \"nord\"?");
    assert!(text.contains("config.toml:2:9"), "{text}");
    leave(&mut terminal, "q");
    assert_eq!(machine.run(&["config", "check"]).status.code(), Some(2));
}

#[test]
fn a_config_that_makes_no_sense_is_told_as_everywhere_and_no_agent_is_started_for_it() {
    let machine = Machine::with_agent();
    machine.configure("[ui]\nnothing = 1\n");
    let (status, text) = open(&machine, &[], NORMAL, &[]).farewell();
    assert_eq!(status.exit_code(), 2, "{text}");
    assert!(text.contains("config.toml:2:1"), "{text}");
    assert_eq!(haul::engine::Holder::read(&machine.state()).pid, None);
}

#[test]
fn where_there_is_only_ascii_haul_writes_no_sign_of_its_own_that_is_not() {
    let (site, machine) = (Site::start(None), Machine::new());
    site.serve("file.bin", toml! { size = "64 KiB" });
    let mut terminal = open(&machine, &["--here"], NORMAL, &[("LC_ALL", "C")]);
    terminal.wait_for("nothing to do");
    terminal.paste(&site.fill("{site}/file.bin"));
    terminal.wait_for("1 link");
    terminal.send("\r");
    let text = terminal.wait_until("it is done", |text| row(text, "file.bin").contains("ago"));
    assert!(text.is_ascii(), "{text}");
    leave(&mut terminal, "q");
    for args in [&["list"][..], &["watch", "--help"], &["show", "1"], &["history"]] {
        let mut words: Vec<OsString> = vec!["--state".into(), machine.state().into(), "--here".into()];
        words.extend(args.iter().map(OsString::from));
        let mut terminal = start(&machine, env!("CARGO_BIN_EXE_haul"), words, NORMAL, &[("LC_ALL", "C")]);
        let (_, text) = terminal.farewell();
        assert!(text.is_ascii() && !text.trim().is_empty(), "{args:?}: {text}");
    }
}

#[test]
fn no_colour_means_none() {
    let machine = Machine::new();
    let mut terminal = open(&machine, &["--here"], NORMAL, &[("NO_COLOR", "1")]);
    terminal.wait_for("nothing to do");
    leave(&mut terminal, "q");
    let raw = terminal.raw();
    for sequence in ["\x1b[38", "\x1b[48", "\x1b[31m", "\x1b[36m"] {
        assert!(!raw.contains(sequence), "{sequence:?} is written");
    }
}

/// The demo on a machine, and the folder in which it keeps what it has.
fn demo(machine: &Machine) -> (Terminal, std::path::PathBuf) {
    let folder = machine.state().with_file_name("tmp");
    std::fs::create_dir(&folder).unwrap();
    let terminal = open(machine, &["demo"], (120, 44), &[("TMPDIR", folder.to_str().unwrap())]);
    (terminal, folder)
}

fn entries(folder: &std::path::Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

#[test]
fn the_demo_shows_everything_and_leaves_nothing_behind() {
    let machine = Machine::new();
    let (mut terminal, folder) = demo(&machine);
    for (name, state) in [
        ("Tailspin", "ago"),
        ("trailer.webm", "404"),
        ("rain.wav", "host says"),
        ("Contoso", "paused"),
        ("Wingtip", "cancelled"),
    ] {
        terminal.wait_until(&format!("{name} is {state}"), |text| {
            text.lines().any(|line| line.contains(name) && line.contains(state))
        });
    }
    terminal.wait_until("collections are counted", |text| {
        let mut left = text.lines().map(|line| line.chars().take(24).collect::<String>());
        let mut counts = |words: &[&str]| left.any(|line| line.split_whitespace().eq(words.iter().copied()));
        counts(&["│", "Proseware", "3", "│"]) && counts(&["│", "archive", "held", "1", "│"])
    });
    // What is done comes to its shelf by itself, and is seen there.
    terminal.wait_until("it is shelved", |text| text.contains("▾ Purchased") && text.contains("▾ Tailspin"));
    assert_eq!(entries(&folder), 1);
    // A real-time download is in sight: it asks.
    terminal.send("q");
    terminal
        .wait_until("it asks", |text| text.contains("will be lost") && text.contains("end with the demo"));
    leave(&mut terminal, "l");
    assert_eq!(entries(&folder), 0);
    assert_eq!(entries(&machine.downloads()), 0);
}

#[test]
fn a_demo_that_is_ended_from_outside_leaves_nothing_behind() {
    let machine = Machine::new();
    let (mut terminal, folder) = demo(&machine);
    terminal.wait_for("Proseware");
    terminal.signal(Signal::TERM);
    let (status, _) = terminal.farewell();
    assert_eq!(status.exit_code(), 143);
    assert_eq!(entries(&folder), 0);
    assert_eq!(terminal.asked(), Vec::<&str>::new());
}
