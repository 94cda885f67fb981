//! The config file: what is wrong with it is told whole, what is right takes effect on real downloads.

use std::fs;
use std::time::Instant;

use toml::toml;

use crate::support::machine::Machine;
use crate::support::site::Site;

#[test]
fn three_mistakes_are_told_with_their_places() {
    let machine = Machine::new();
    machine.configure(
        "preset = \"nigth\"\n\n[engine]\nparalel = 3\nlimit = \"fast\"\n\n[[hosts]]\nmatch = \"*.example.com\"\nconnections = 2\n",
    );
    for command in [&["config", "check"][..], &["config", "show"], &["list"]] {
        let told = machine.run(command);
        assert_eq!(told.status.code(), Some(2), "{}", told.told());
        for said in [
            "config.toml:1:10",
            "did you mean \"night\"?",
            "config.toml:4:1",
            "did you mean `parallel`?",
            "config.toml:5:9",
            "`fast` is no rate",
            "haul: 3 problems in ",
        ] {
            assert!(told.stderr.contains(said), "{command:?}: no {said:?} in\n{}", told.stderr);
        }
        assert!(told.stdout.is_empty(), "{}", told.told());
    }
}

#[test]
fn a_broken_line_hides_no_other_mistake() {
    let machine = Machine::new();
    machine.configure("[engine]\nparallel = \nconections = 1\n");
    let told = machine.run(&["config", "check"]);
    assert_eq!(told.status.code(), Some(2));
    assert!(told.stderr.contains("config.toml:2:"), "{}", told.stderr);
    assert!(told.stderr.contains("did you mean `connections`?"), "{}", told.stderr);
}

#[test]
fn show_tells_what_holds_and_why() {
    let machine = Machine::new();
    machine.configure("preset = \"polite\"\n[engine]\nlimit = \"2MB/s\"\nparallel = 9\n");
    let told = machine.run(&["config", "show"]);
    let text = String::from_utf8(told.stdout).unwrap();
    let line = |name: &str| {
        let line = text.lines().find(|line| line.split_whitespace().next() == Some(name));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let file = machine.config().join("config.toml").display().to_string();
    assert_eq!(line("limit"), format!("limit \"2MB/s\" {file}:3"));
    assert_eq!(line("parallel"), "parallel 2 preset polite");
    assert_eq!(line("stall"), "stall \"30s\" default");
    let told = machine.run(&["config", "show", "--json"]);
    let told: Vec<serde_json::Value> = String::from_utf8(told.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let limit = told.iter().find(|told| told["name"] == "engine.limit").unwrap();
    assert_eq!(
        (&limit["value"], &limit["from"], &limit["line"]),
        (&"2MB/s".into(), &"file".into(), &3.into())
    );
}

#[test]
fn init_writes_a_file_once_and_another_can_be_named() {
    let machine = Machine::new();
    let told = machine.run(&["config", "path"]);
    let path = machine.config().join("config.toml");
    assert_eq!(String::from_utf8(told.stdout).unwrap().trim(), path.to_str().unwrap());
    assert_eq!(machine.run(&["config", "init"]).status.code(), Some(0));
    assert!(fs::read_to_string(&path).unwrap().contains("#parallel = 4"));
    fs::write(&path, "# mine\n").unwrap();
    let again = machine.run(&["config", "init"]);
    assert_eq!(again.status.code(), Some(2), "{}", again.told());
    assert_eq!(fs::read_to_string(&path).unwrap(), "# mine\n");
    let nowhere = machine.run(&["--config", "/nowhere/x.toml", "list"]);
    assert_eq!(nowhere.status.code(), Some(2), "{}", nowhere.told());
    let other = machine.put("other.toml", "[engine]\nparallel = 7\n");
    let told = machine.run(&["--config", other.to_str().unwrap(), "config", "show"]);
    assert!(String::from_utf8(told.stdout).unwrap().contains("parallel              7"));
}

#[test]
fn a_preset_limits_a_real_download() {
    let (machine, site) = (Machine::new(), Site::start(None));
    site.serve("f", toml! { size = 200_000 });
    machine.configure("[presets.slow]\nlimit_per_file = \"100kB/s\"\n");
    let link = site.fill("{site}/f");
    let began = Instant::now();
    let got = machine.get(&[link.as_str(), "--preset", "slow"]);
    assert_eq!(got.status.code(), Some(0), "{}", got.told());
    // 200 kB at 100 kB/s, less what may be saved up.
    assert!(began.elapsed().as_millis() > 1500, "{:?}", began.elapsed());
    let shown = String::from_utf8(machine.run(&["show", "1"]).stdout).unwrap();
    assert!(shown.contains("100 kB/s") && shown.contains("slow"), "{shown}");
    let unknown = machine.get(&[link.as_str(), "--again", "--preset", "slwo"]);
    assert_eq!(unknown.status.code(), Some(2), "{}", unknown.told());
    assert!(unknown.stderr.contains("haul preset list"), "{}", unknown.told());
}

#[test]
fn a_host_rule_gives_headers_and_credentials_to_its_host_only() {
    let (machine, site) = (Machine::new(), Site::start(None));
    site.serve("f", toml! { size = 1000 });
    site.serve(
        "g",
        toml! { size = 1000
        redirect = "{other}/f" },
    );
    let netrc = machine.put("netrc", "machine 127.0.0.1 login me password hush\n");
    let header = machine.put("header", "X-Key: secret\n");
    let folder = machine.downloads().join("mine");
    fs::create_dir(&folder).unwrap();
    machine.configure(&format!(
        "[[hosts]]\nmatch = \"127.0.0.1\"\ncredentials = {{ netrc = {netrc:?} }}\nheaders = [\"@{}\"]\nfolder = {folder:?}\ndistributor = \"Shop\"\n",
        header.display()
    ));
    let got = machine.get(&[site.fill("{site}/g").as_str(), "--json"]);
    assert_eq!(got.status.code(), Some(0), "{}", got.told());
    let asked: Vec<_> = site
        .log()
        .iter()
        .map(|seen| {
            (
                seen.name.clone(),
                seen.request.header("authorization").map(str::to_owned),
                seen.request.header("x-key").map(str::to_owned),
            )
        })
        .collect();
    assert_eq!(
        asked,
        [
            ("g".to_owned(), Some("Basic bWU6aHVzaA==".to_owned()), Some("secret".to_owned())),
            ("f".to_owned(), None, None)
        ]
    );
    site.forget();
    assert_eq!(machine.get(&[site.fill("{other}/f").as_str(), "-o", "h"]).status.code(), Some(0));
    assert_eq!(site.log()[0].request.header("authorization"), None);
    let added = machine.run(&["add", &site.fill("{site}/f")]);
    assert_eq!(added.status.code(), Some(0), "{}", added.told());
    let shown = String::from_utf8(machine.run(&["show", "3"]).stdout).unwrap();
    assert!(shown.contains(folder.join("f").to_str().unwrap()), "{shown}");
    assert!(shown.contains("Distributor: Shop"), "{shown}");
    // What is secret is in nothing that is printed.
    for command in [&["config", "show"][..], &["config", "show", "--json"], &["show", "1"]] {
        let told = machine.run(command).told();
        assert!(!told.contains("secret") && !told.contains("hush"), "{told}");
    }
}

#[test]
fn a_preset_in_use_is_kept_with_every_comment() {
    let machine = Machine::new();
    machine.configure("# mine\n[engine] # all\nlimit = \"1MB/s\" # slow\n");
    let told = machine.run(&["preset", "use", "polite"]);
    assert_eq!(told.status.code(), Some(0), "{}", told.told());
    let text = fs::read_to_string(machine.config().join("config.toml")).unwrap();
    for part in ["# mine", "# all", "limit = \"1MB/s\" # slow", "preset = \"polite\""] {
        assert!(text.contains(part), "{text}");
    }
    let listed = String::from_utf8(machine.run(&["preset", "list"]).stdout).unwrap();
    assert!(listed.contains("* polite") && listed.contains("  balanced"), "{listed}");
    let wrong = machine.run(&["preset", "use", "plite"]);
    assert_eq!(wrong.status.code(), Some(2), "{}", wrong.told());
    assert!(wrong.stderr.contains("Did you mean `polite`?"), "{}", wrong.told());
}

/// A program for hooks: adds a line to a file for each time that it runs.
fn witness(machine: &Machine, ends: &str) -> (std::path::PathBuf, std::path::PathBuf) {
    let seen = machine.put("seen", "");
    let text = format!(
        "echo \"$HAUL_EVENT $HAUL_ID $HAUL_NAME $HAUL_STATE $HAUL_PATH $HAUL_URL $1\" >> {}\n{ends}\n",
        seen.display()
    );
    (script(machine, "hook", &text), seen)
}

fn script(machine: &Machine, name: &str, text: &str) -> std::path::PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let program = machine.put(name, &format!("#!/bin/sh\n{text}\n"));
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    program
}

#[test]
fn hooks_run_once_for_each_event() {
    let (machine, site) = (Machine::new(), Site::start(None));
    site.serve("f", toml! { size = 1000 });
    site.serve(
        "gone",
        toml! { size = 10
        status = 404 },
    );
    let (program, seen) = witness(&machine, "");
    let hook = |event: &str| format!("{event} = [{program:?}, \"it's $HOME; one argument\"]\n");
    let all = ["on_done", "on_failed", "on_collection_done", "on_idle"].map(hook).concat();
    machine.configure(&format!("[hooks]\n{all}"));
    let link = site.fill("{site}/f").replace("http://", "http://me:hush@");
    assert_eq!(machine.get(&[link.as_str()]).status.code(), Some(0));
    let path = machine.file("f").display().to_string();
    let told = fs::read_to_string(&seen).unwrap();
    let mut lines: Vec<_> = told.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines.len(), 3, "{told}");
    assert!(lines[0].starts_with("on_collection_done  default completed"), "{told}");
    assert!(lines[1].starts_with(&format!("on_done 1 f completed {path} http://127.0.0.1:")), "{told}");
    assert!(lines[1].ends_with("it's $HOME; one argument") && !told.contains("hush"), "{told}");
    assert!(lines[2].starts_with("on_idle"), "{told}");
    // A program that only looks makes nothing happen again, and neither does one that attaches.
    machine.run(&["list"]);
    assert_eq!(machine.get(&[link.as_str()]).status.code(), Some(0));
    assert_eq!(fs::read_to_string(&seen).unwrap(), told);
    fs::write(&seen, "").unwrap();
    assert_eq!(machine.get(&[site.fill("{site}/gone").as_str()]).status.code(), Some(1));
    let told = fs::read_to_string(&seen).unwrap();
    assert!(told.contains("on_failed 2 gone failed"), "{told}");
    assert!(told.contains("on_collection_done  default failed"), "{told}");
}

#[test]
fn a_hook_that_fails_or_hangs_is_told_and_harms_nothing() {
    let (machine, site) = (Machine::new(), Site::start(None));
    site.serve("f", toml! { size = 1000 });
    let (program, seen) = witness(&machine, "echo 'no such thing' >&2; exit 3");
    let slow = script(&machine, "slow", "exec sleep 1000");
    machine.configure(&format!(
        "[hooks]\non_done = [{program:?}]\non_idle = [{slow:?}]\non_collection_done = [\"/nowhere/x\"]\ndeadline = \"300ms\"\n"
    ));
    let got = machine.get(&[site.fill("{site}/f").as_str()]);
    assert_eq!(got.status.code(), Some(0), "{}", got.told());
    assert_eq!(fs::read_to_string(&seen).unwrap().lines().count(), 1);
    let history = String::from_utf8(machine.run(&["history"]).stdout).unwrap();
    for said in
        ["ended with status 3: no such thing", "took longer than 300ms", "`/nowhere/x` can't be started"]
    {
        assert!(history.contains(said), "no {said:?} in {history}");
    }
    assert!(machine.file("f").exists());
}

#[test]
fn a_config_that_is_a_pipe_is_refused_and_not_waited_for() {
    let machine = Machine::new();
    let pipe = machine.root().join("pipe.toml");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
    let outcome = machine.run(&["--config", pipe.to_str().unwrap(), "list"]);
    assert_eq!(outcome.status.code(), Some(2), "{}", outcome.told());
    assert!(outcome.stderr.contains("it is a pipe"), "{}", outcome.told());
}
