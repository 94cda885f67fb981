//! A real browser at the door: pages of several origins ask, drive downloads through haul.js, are closed and come again.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use toml::toml;

use crate::support::machine::Machine;
use crate::support::page::Door;
use crate::support::real::{find, has};
use crate::support::site::Site;
use crate::support::terminal::{Start, Terminal};
use crate::support::tls::Identity;

/// How long a step of the browser may take.
const STEP: Duration = Duration::from_mins(1);

/// The script that drives the browser; killed when it is dropped.
struct Script {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Script {
    fn start(name: &str, told: &Value) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
        let mut child = Command::new("node")
            .arg(folder.join(name))
            .env("HAUL_TEST_PAGE", told.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (to_lines, lines) = mpsc::channel();
        // It ends with the script.
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if to_lines.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    /// Waits for a step.
    fn step(&mut self, name: &str) -> Value {
        let line = self.lines.recv_timeout(STEP);
        let line = line.unwrap_or_else(|_| panic!("the browser never comes to `{name}`"));
        let step: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
        assert_eq!(step["step"], name);
        step
    }

    /// Lets it go on.
    fn go_on(&mut self) {
        self.child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether there is all that a browser needs; `.ci/run` gets the modules.
fn has_browser() -> bool {
    let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/node_modules/playwright-core");
    let has_modules = modules.exists();
    assert!(
        has_modules || std::env::var_os("HAUL_TESTS_NO_SKIP").is_none(),
        "run `npm ci` in tests/browser first"
    );
    has_modules && has("node") && has("chromium")
}

fn haul(machine: &Machine, args: &[&str]) -> String {
    let outcome = machine.run(args);
    assert!(outcome.status.success(), "{}", outcome.told());
    String::from_utf8_lossy(&outcome.stdout).into_owned()
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + STEP;
    while !is_so() {
        assert!(Instant::now() < end, "not within {STEP:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn pages_in_a_browser_ask_and_drive_their_downloads_and_those_of_another_origin_get_nothing() {
    if !has_browser() {
        return;
    }
    let site = Site::start(None);
    site.serve("one.bin", toml! { size = "4 MiB"  rate = "2 MiB" });
    // Slow enough to be found on their way when the page is closed.
    for name in ["two.bin", "three.bin", "four.bin"] {
        site.serve(name, toml! { size = "4 MiB"  rate = "640 KiB" });
    }
    let mut machine = Machine::with_agent();
    machine.set("HAUL_TEST_COME_BACK_MS", "700");
    std::fs::create_dir_all(machine.config()).unwrap();
    let config = format!("[engine]\nfolder = {:?}\n", machine.downloads().display().to_string());
    std::fs::write(machine.config().join("config.toml"), config).unwrap();
    let door = Door::open(&mut machine);
    let mut script = Script::start(
        "page.mjs",
        &json!({ "door": format!("http://127.0.0.1:{}", door.port), "site": site.fill("{site}"), "browser": find("chromium") }),
    );

    let shop = script.step("asks")["origin"].as_str().unwrap().to_owned();
    assert_eq!(haul(&machine, &["door", "requests"]), format!("{shop} wants to add downloads, just now\n"));
    haul(&machine, &["door", "allow", &shop]);
    script.go_on();
    let other = script.step("asks")["origin"].as_str().unwrap().to_owned();
    assert!(haul(&machine, &["door", "requests"]).starts_with(&other));
    haul(&machine, &["door", "deny", &other]);
    script.go_on();
    script.step("denied");
    let grants = haul(&machine, &["door", "grants"]);
    assert!(grants.contains(&format!("always  {shop}")) && grants.contains(&format!("never   {other}")));
    script.go_on();

    script.step("closing");
    // Each in its own mode, until the page is gone.
    let running = haul(&machine, &["list", "--json", "state:downloading"]);
    assert!(running.contains("real-time") && running.contains("background"), "{running}");
    script.go_on();
    script.step("closed");
    until("the real-time one pauses in the background", || {
        haul(&machine, &["list", "--json", "state:paused"]).contains("four.bin")
    });
    haul(&machine, &["wait", "name:three.bin"]);
    assert!(machine.file("three.bin").exists() && !machine.file("four.bin").exists());
    script.go_on();

    script.step("restart");
    let port = door.port;
    drop(door);
    let _door = Door::open_at(&mut machine, port);
    script.go_on();
    script.step("revoke");
    haul(&machine, &["door", "revoke", &shop]);
    script.go_on();
    script.step("done");
    assert!(script.child.wait().unwrap().success());
}

#[test]
fn what_is_bought_on_the_page_of_the_demos_shop_is_seen_in_the_terminal_and_on_its_shelf() {
    if !has_browser() {
        return;
    }
    let machine = Machine::new();
    let folder = |name: &str| machine.root().join(name).into_os_string();
    let mut terminal = Terminal::start(Start {
        program: env!("CARGO_BIN_EXE_haul").into(),
        args: vec!["demo".into()],
        environment: vec![
            ("PATH".into(), std::env::var_os("PATH").unwrap_or_default()),
            ("LANG".into(), "C.UTF-8".into()),
            ("TERM".into(), "xterm-256color".into()),
            ("HOME".into(), folder("home")),
            ("TMPDIR".into(), folder("downloads")),
            ("HAUL_TEST_NOT_IDLE".into(), "1".into()),
        ],
        folder: machine.downloads(),
        size: (140, 40),
    });
    let shown = terminal.wait_for("buy something in a browser: http://");
    let (_, url) = shown.split_once("in a browser: ").unwrap();
    let url = url.split_whitespace().next().unwrap();
    let mut script = Script::start("shop.mjs", &json!({ "page": url, "browser": find("chromium") }));
    script.step("asks");
    terminal.wait_for("wants to add downloads");
    terminal.send("W");
    terminal.wait_for("Let it in once");
    terminal.send("\r");
    script.step("buys");
    terminal.wait_for("127.0.0.1: Bought");
    script.step("has it");
    assert!(script.child.wait().unwrap().success());
    // The demo shelves two songs of its own in that time; the third is the one that was bought.
    until("it is on its shelf", || {
        terminal.send("23");
        let text = terminal.wait_for("Music");
        let line = text.lines().find(|line| line.contains("Music")).unwrap_or_default();
        let numbers: Vec<u32> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        numbers.iter().any(|songs| *songs >= 3)
    });
}

#[test]
fn a_page_of_the_internet_needs_the_browsers_leave_first_and_is_told_so() {
    if !has_browser() {
        return;
    }
    let mut machine = Machine::with_agent();
    let door = Door::open(&mut machine);
    let identity = Identity::new();
    let told = json!({
        "door": format!("http://127.0.0.1:{}", door.port),
        "cert": identity.certificate_pem,
        "key": identity.key_pem,
        "browser": find("chromium"),
    });
    let mut script = Script::start("network.mjs", &told);
    let shop = script.step("asks")["origin"].as_str().unwrap().to_owned();
    assert_eq!(haul(&machine, &["door", "requests"]), format!("{shop} wants to add downloads, just now\n"));
    haul(&machine, &["door", "allow", &shop]);
    script.go_on();
    script.step("done");
    assert!(script.child.wait().unwrap().success());
}
