//! Links that somebody else opens: registered with the desktop, and only ever offered.

use std::path::Path;

use crate::support::machine::Machine;
use crate::support::terminal::{Start, Terminal};

fn data(machine: &Machine) -> std::path::PathBuf {
    machine.root().join("home/.local/share/applications/haul-link.desktop")
}

/// Opens the screen with words behind `haul`.
fn open(machine: &Machine, words: &[&str]) -> Terminal {
    let root = machine.root().to_owned();
    let folder = |name: &str| root.join(name).into_os_string();
    Terminal::start(Start {
        program: env!("CARGO_BIN_EXE_haul").into(),
        args: ["--here"].iter().chain(words).map(Into::into).collect(),
        environment: vec![
            ("PATH".into(), std::env::var_os("PATH").unwrap_or_default()),
            ("LANG".into(), "C.UTF-8".into()),
            ("TERM".into(), "xterm-256color".into()),
            ("HOME".into(), folder("home")),
            ("XDG_CONFIG_HOME".into(), folder("config")),
            ("XDG_STATE_HOME".into(), folder("state")),
            ("XDG_RUNTIME_DIR".into(), folder("runtime")),
        ],
        folder: machine.downloads(),
        size: (100, 30),
    })
}

#[test]
fn links_are_registered_with_the_desktop_and_taken_back() {
    let machine = Machine::new();
    let program = Path::new(env!("CARGO_BIN_EXE_haul"));
    let printed = machine.run(&["door", "register", "--print"]);
    let text = String::from_utf8_lossy(&printed.stdout).into_owned();
    assert!(text.contains("MimeType=x-scheme-handler/haul;application/metalink4+xml"), "{}", printed.told());
    assert!(!data(&machine).exists());
    assert!(machine.run(&["door", "register"]).status.success());
    let written = std::fs::read_to_string(data(&machine)).unwrap();
    assert_eq!(written, text);
    assert!(written.contains(&format!("Exec=\"{}\" offer %u", program.display())), "{written}");
    assert!(machine.run(&["door", "unregister"]).status.success());
    assert!(!data(&machine).exists());
    // No engine was needed for it.
    assert!(!machine.state().join("haul.db").exists());
}

#[test]
fn an_opened_link_or_metalink_only_fills_the_add_dialog() {
    let metalink = r#"<?xml version="1.0"?><metalink xmlns="urn:ietf:params:xml:ns:metalink">
        <file name="disc.iso"><url>http://127.0.0.1:9/disc.iso</url></file></metalink>"#;
    for opened in ["haul://add?url=http%3A%2F%2F127.0.0.1%3A9%2Fdisc.iso", "disc.meta4", "file://"] {
        let machine = Machine::new();
        std::fs::write(machine.downloads().join("disc.meta4"), metalink).unwrap();
        let words = match opened {
            "file://" => {
                vec!["offer".to_owned(), format!("file://{}/disc.meta4", machine.downloads().display())]
            }
            "disc.meta4" => vec!["offer".into(), opened.into()],
            link => vec![link.to_owned()],
        };
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let mut terminal = open(&machine, &words);
        let text = terminal.wait_for("disc.iso");
        assert!(text.contains("1 link"), "{text}");
        // Esc leaves it at that.
        terminal.send("\x1b");
        terminal.wait_gone("Add downloads");
        terminal.send("q");
        let (status, text) = terminal.farewell();
        assert!(status.success(), "{status}: {text}");
        let listed = machine.run(&["list"]);
        assert!(listed.stdout.is_empty() || !listed.told().contains("disc.iso"), "{}", listed.told());
    }
}

#[test]
fn where_no_screen_can_be_a_link_adds_nothing_and_says_what_would() {
    let machine = Machine::new();
    for link in ["haul://add?url=https://a.example/x", "haul://remove?id=1"] {
        let outcome = machine.run(&[link]);
        assert_eq!(outcome.status.code(), Some(2), "{}", outcome.told());
        assert!(outcome.stderr.contains("haul add URL"), "{}", outcome.told());
    }
    assert!(machine.run(&["list"]).stdout.is_empty());
}
