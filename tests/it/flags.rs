//! Every flag of `haul get`, seen from the server's side or in what is left on disk.

use std::fs::File;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use rusqlite::Connection;
use serde_json::Value;
use toml::toml;

use crate::support::content::first_difference;
use crate::support::machine::{Machine, Outcome};
use crate::support::proxy::{Proxy, Speaks};
use crate::support::site::Site;
use crate::support::tls::Identity;

/// A machine and a server with `file.bin` and `other.bin`.
struct Stage {
    site: Site,
    machine: Machine,
}

impl Stage {
    fn new() -> Self {
        let stage = Self { site: Site::start(None), machine: Machine::new() };
        stage.site.serve("file.bin", toml! { size = "1 MiB" });
        stage.site.serve("other.bin", toml! { size = "1 MiB" version = 7 });
        stage
    }

    fn url(&self) -> String {
        self.site.fill("{site}/file.bin")
    }

    /// Gets `file.bin` with flags; it must end well.
    fn get(&self, flags: &[&str]) -> Outcome {
        let outcome = self.machine.get(&[&[self.url().as_str()], flags].concat());
        assert!(outcome.status.success(), "{flags:?}: {}", outcome.told());
        outcome
    }

    fn assert_held(&self, name: &str, content: &str) {
        let held = std::fs::read(self.machine.file(name)).unwrap();
        assert_eq!(first_difference(&held, &self.site.content(content).unwrap()), None, "{name}");
    }

    /// The value of a field that the last request had.
    fn sent(&self, field: &str) -> Option<String> {
        self.site.log().last().unwrap().request.header(field).map(str::to_owned)
    }
}

fn said(outcome: &Outcome) -> Vec<Value> {
    String::from_utf8_lossy(&outcome.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn headers_come_from_the_line_and_from_a_file() {
    let stage = Stage::new();
    let file = stage.machine.put("headers", "X-Token: secret\nX-More:  two \n");
    stage.get(&["--header", "X-One: 1", "--header", &format!("@{}", file.display())]);
    let sent = ["x-one", "x-token", "x-more"].map(|field| stage.sent(field));
    assert_eq!(sent, [Some("1".into()), Some("secret".into()), Some("two".into())]);
}

#[test]
fn a_secret_in_the_arguments_is_warned_of_and_one_in_a_file_is_not() {
    let stage = Stage::new();
    let warned = stage.get(&["--header", "Authorization: Bearer x"]);
    assert!(warned.stderr.contains("@FILE"), "{}", warned.told());
    assert!(!warned.stderr.contains("Bearer"), "{}", warned.told());
    let file = stage.machine.put("headers", "Authorization: Bearer x\n");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let quiet = stage.get(&["--again", "--header", &format!("@{}", file.display())]);
    assert_eq!(quiet.stderr, "", "{}", quiet.told());
}

#[test]
fn cookies_come_from_a_netscape_file_and_from_a_firefox_profile() {
    let stage = Stage::new();
    let netscape = stage.machine.put(
        "cookies.txt",
        "# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t4102444800\tsid\tone\n\
         elsewhere.example\tFALSE\t/\tFALSE\t4102444800\tsid\tno\n",
    );
    stage.get(&["--cookies", &netscape.display().to_string()]);
    assert_eq!(stage.sent("cookie").as_deref(), Some("sid=one"));
    let profile = stage.machine.root().join("cookies.sqlite");
    let store = Connection::open(&profile).unwrap();
    store
        .execute_batch(
            "CREATE TABLE moz_cookies (id INTEGER PRIMARY KEY, originAttributes TEXT NOT NULL DEFAULT '', name TEXT,
                value TEXT, host TEXT, path TEXT, expiry INTEGER, lastAccessed INTEGER, creationTime INTEGER,
                isSecure INTEGER, isHttpOnly INTEGER, inBrowserElement INTEGER DEFAULT 0, sameSite INTEGER DEFAULT 0);
             INSERT INTO moz_cookies (name, value, host, path, expiry, isSecure, isHttpOnly)
                VALUES ('sid', 'fox', '127.0.0.1', '/', 4102444800, 0, 1), ('no', 'no', 'elsewhere.example', '/', 4102444800, 0, 0);",
        )
        .unwrap();
    drop(store);
    stage.get(&["--again", "--cookies", &profile.display().to_string()]);
    assert_eq!(stage.sent("cookie").as_deref(), Some("sid=fox"));
}

#[test]
fn referer_user_agent_and_netrc_are_sent() {
    let stage = Stage::new();
    let netrc = stage.machine.root().join("home/.netrc");
    std::fs::write(netrc, "machine 127.0.0.1 login me password hush\n").unwrap();
    stage.get(&["--referer", "http://a.example/", "--user-agent", "robot", "--netrc"]);
    assert_eq!(stage.sent("referer").as_deref(), Some("http://a.example/"));
    assert_eq!(stage.sent("user-agent").as_deref(), Some("robot"));
    // me:hush
    assert_eq!(stage.sent("authorization").as_deref(), Some("Basic bWU6aHVzaA=="));
}

#[test]
fn a_password_is_asked_for_and_where_nobody_can_be_asked_that_is_told() {
    let stage = Stage::new();
    let outcome = stage.machine.get(&[stage.url().as_str(), "--user", "me"]);
    assert_eq!(outcome.status.code(), Some(2), "{}", outcome.told());
    assert!(outcome.stderr.contains("--netrc"), "{}", outcome.told());
    assert!(stage.site.log().is_empty());
}

#[test]
fn an_authority_is_trusted_only_where_it_is_named() {
    let identity = Identity::new();
    let (site, machine) = (Site::start(Some(&identity)), Machine::new());
    site.serve("file.bin", toml! { size = "1 MiB" });
    let url = site.fill("{tls}/file.bin");
    let refused = machine.get(&[&url]);
    assert_eq!(refused.status.code(), Some(1), "{}", refused.told());
    assert!(refused.stderr.contains("--ca"), "{}", refused.told());
    let authority = machine.put("ca.pem", &identity.authority_pem);
    let outcome = machine.get(&[url.as_str(), "--ca", &authority.display().to_string()]);
    assert!(outcome.status.success(), "{}", outcome.told());
}

#[test]
fn a_client_certificate_opens_what_is_closed_without_one() {
    let identity = Identity::new();
    let (site, machine) = (Site::start_for_known_clients(&identity), Machine::new());
    site.serve("file.bin", toml! { size = "1 MiB" });
    let url = site.fill("{tls}/file.bin");
    let put = |name: &str, pem: &str| machine.put(name, pem).display().to_string();
    let ca = put("ca.pem", &identity.authority_pem);
    let (cert, key) = (put("cert.pem", &identity.certificate_pem), put("key.pem", &identity.key_pem));
    let refused = machine.get(&[url.as_str(), "--ca", &ca, "--tries", "1"]);
    assert!(!refused.status.success(), "{}", refused.told());
    let outcome = machine.get(&[url.as_str(), "--ca", &ca, "--cert", &cert, "--key", &key]);
    assert!(outcome.status.success(), "{}", outcome.told());
}

#[test]
fn all_goes_through_the_proxy_that_is_named_and_it_is_shown_without_its_password() {
    for (speaks, scheme) in [(Speaks::Http, "http"), (Speaks::Socks5, "socks5"), (Speaks::Socks5, "socks5h")]
    {
        let (stage, proxy) = (Stage::new(), Proxy::start(speaks));
        stage.get(&["--proxy", &format!("{scheme}://{}", proxy.address())]);
        stage.assert_held("file.bin", "file.bin");
        assert!(proxy.came() > 0, "{scheme}");
        let shown = stage.machine.run(&["show", "1"]);
        assert!(
            String::from_utf8_lossy(&shown.stdout).contains(&proxy.address().to_string()),
            "{}",
            shown.told()
        );
    }
}

#[test]
fn a_proxy_that_is_not_there_is_no_reason_to_go_without() {
    let stage = Stage::new();
    let outcome = stage.machine.get(&[stage.url().as_str(), "--proxy", "http://127.0.0.1:9", "--tries", "2"]);
    assert_eq!(outcome.status.code(), Some(4), "{}", outcome.told());
    assert!(outcome.stderr.contains("no connection to the proxy 127.0.0.1:9"), "{}", outcome.told());
    // One whose name nobody knows is not blamed on the link's host.
    let nameless = ["--proxy", "http://proxy.invalid:8080", "--tries", "1"];
    let outcome = stage.machine.get(&[&[stage.url().as_str()], &nameless[..]].concat());
    assert_eq!(outcome.status.code(), Some(4), "{}", outcome.told());
    assert!(outcome.stderr.contains("the name of the proxy proxy.invalid:8080"), "{}", outcome.told());
    assert!(stage.site.log().is_empty());
}

#[test]
fn an_interface_is_bound_to_and_never_another_one_in_its_place() {
    let stage = Stage::new();
    let away = stage.machine.get(&[stage.url().as_str(), "--interface", "nowhere0", "--give-up", "0s"]);
    assert_eq!(away.status.code(), Some(4), "{}", away.told());
    assert!(away.stderr.contains("nowhere0"), "{}", away.told());
    assert!(stage.site.log().is_empty());
    let outcome = stage.machine.get(&[stage.url().as_str(), "--again", "--interface", "lo"]);
    assert!(outcome.status.success(), "{}", outcome.told());
}

#[test]
fn tries_and_time_without_a_byte_end_in_giving_up() {
    let stage = Stage::new();
    stage.site.serve("busy", toml! { status = 503 });
    let url = stage.site.fill("{site}/busy");
    let outcome = stage.machine.get(&[url.as_str(), "--tries", "3"]);
    assert_eq!((outcome.status.code(), stage.site.log().len()), (Some(4), 3), "{}", outcome.told());
    stage.site.forget();
    let outcome = stage.machine.get(&[url.as_str(), "--again", "--give-up", "0s", "--tries", "99"]);
    assert_eq!((outcome.status.code(), stage.site.log().len()), (Some(4), 1), "{}", outcome.told());
}

#[test]
fn a_taken_name_is_numbered_refused_or_replaced() {
    let stage = Stage::new();
    let mine = stage.machine.file("file.bin");
    std::fs::write(&mine, b"mine").unwrap();
    stage.get(&[]);
    assert_eq!(std::fs::read(&mine).unwrap(), b"mine");
    stage.assert_held("file (1).bin", "file.bin");
    let refused = stage.machine.get(&[stage.url().as_str(), "-o", "file.bin"]);
    assert_eq!(refused.status.code(), Some(1), "{}", refused.told());
    assert_eq!(std::fs::read(&mine).unwrap(), b"mine");
    // Not before the new one is whole.
    stage.site.serve("gone", toml! { status = 404 });
    let failed = stage.machine.get(&[&stage.site.fill("{site}/gone"), "-o", "file.bin", "--replace"]);
    assert_eq!(failed.status.code(), Some(1), "{}", failed.told());
    assert_eq!(std::fs::read(&mine).unwrap(), b"mine");
    stage.get(&["-o", "file.bin", "--replace"]);
    stage.assert_held("file.bin", "file.bin");
}

#[test]
fn again_makes_a_second_copy_and_without_it_what_is_here_is_here() {
    let stage = Stage::new();
    stage.get(&[]);
    stage.site.forget();
    let here = stage.get(&[]);
    assert!(here.stderr.contains("already here"), "{}", here.told());
    assert_eq!(
        String::from_utf8_lossy(&here.stdout).trim(),
        stage.machine.file("file.bin").display().to_string()
    );
    assert!(stage.site.log().is_empty());
    stage.get(&["--again"]);
    assert_eq!(stage.machine.names(), ["file (1).bin", "file.bin"]);
}

#[test]
fn what_is_here_is_compared_with_the_sum_that_is_asked_for() {
    use sha2::Digest as _;
    let stage = Stage::new();
    stage.get(&[]);
    let sum = sha2::Sha256::digest(stage.site.content("file.bin").unwrap());
    let sum = data_encoding::HEXLOWER.encode(&sum);
    let here = stage.get(&["--checksum", &format!("sha-256:{sum}")]);
    assert!(here.stderr.contains("already here"), "{}", here.told());
    let wrong = format!("sha-256:{}", "0".repeat(64));
    let outcome = stage.machine.get(&[stage.url().as_str(), "--checksum", &wrong]);
    assert_eq!(outcome.status.code(), Some(1), "{}", outcome.told());
    assert!(outcome.stderr.contains("checksum"), "{}", outcome.told());
}

#[test]
fn if_changed_fetches_only_what_changed() {
    let stage = Stage::new();
    stage.get(&["--if-changed"]);
    stage.site.forget();
    let same = stage.get(&["--if-changed"]);
    assert!(stage.site.log().iter().all(|seen| seen.sent == 0), "{}", same.told());
    assert_eq!(stage.site.log().len(), 1, "{}", same.told());
    assert!(
        same.stderr.contains("file.bin: the file here is still the one on the server"),
        "{}",
        same.told()
    );
    let listed = said(&stage.machine.run(&["list", "--json"]));
    assert!(listed.iter().all(|row| row["size"].is_u64()), "{listed:?}");
    stage.site.change("file.bin", toml! { version = 2 etag = "\"two\"" modified = "fresh" });
    stage.get(&["--if-changed"]);
    stage.assert_held("file.bin", "file.bin");
    // Put back to an older version: its date lies before that of the file here.
    stage.site.change("file.bin", toml! { version = 3 etag = "\"three\"" modified = "older" });
    stage.get(&["--if-changed"]);
    stage.assert_held("file.bin", "file.bin");
    assert_eq!(stage.machine.names(), ["file.bin"]);
    // One file, one line: what was fetched before it is in the history.
    let listed = said(&stage.machine.run(&["list", "--json"]));
    assert_eq!(listed.len(), 1, "{listed:?}");
    let gone = stage.machine.run(&["undo"]);
    assert!(!gone.told().contains("1 download"), "{}", gone.told());
    // What somebody did to the file, or left in its place, says nothing of the server's.
    let file = stage.machine.file("file.bin");
    let (size, date) = (file.metadata().unwrap().len(), file.metadata().unwrap().modified().unwrap());
    let damage: [&dyn Fn(); 4] = [
        &|| std::fs::write(&file, b"damaged").unwrap(),
        &|| File::options().write(true).open(&file).unwrap().set_modified(SystemTime::now()).unwrap(),
        &|| {
            std::fs::remove_file(&file).unwrap();
            File::create(&file).unwrap().set_len(size - 1).unwrap();
            File::options().write(true).open(&file).unwrap().set_modified(date).unwrap();
        },
        &|| std::fs::remove_file(&file).unwrap(),
    ];
    for damage in damage {
        damage();
        stage.get(&["--if-changed"]);
        stage.assert_held("file.bin", "file.bin");
    }
    // A sum that the file doesn't have is not proven by the server's word.
    let wrong = format!("sha-256:{}", "0".repeat(64));
    let outcome = stage.machine.get(&[stage.url().as_str(), "--if-changed", "--checksum", &wrong]);
    assert_eq!(outcome.status.code(), Some(1), "{}", outcome.told());
    stage.machine.run(&["remove", "state:failed"]);
    // Another name is another file.
    stage.get(&["-o", "other.bin"]);
    stage.get(&["--replace"]);
    let names: Vec<_> = said(&stage.machine.run(&["list", "--json"]))
        .iter()
        .map(|row| row["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["other.bin", "file.bin"]);
}

#[test]
fn a_server_that_knows_only_dates_is_asked_by_them() {
    let stage = Stage::new();
    stage.site.serve("file.bin", toml! { size = "1 MiB" etag = "" });
    stage.get(&["--if-changed"]);
    stage.site.forget();
    let same = stage.get(&["--if-changed"]);
    assert!(stage.site.log().iter().all(|seen| seen.sent == 0), "{}", same.told());
    // A date that is as new as the answer tells nothing of a change within its second.
    stage.site.change("file.bin", toml! { version = 2 modified = "fresh" });
    for _ in 0..2 {
        stage.site.forget();
        stage.get(&["--if-changed"]);
        assert!(stage.site.log().iter().any(|seen| seen.sent > 0));
        stage.assert_held("file.bin", "file.bin");
    }
}

#[test]
fn a_limit_holds_and_connections_are_as_many_as_asked() {
    let stage = Stage::new();
    let before = Instant::now();
    stage.get(&["--limit", "500kB"]);
    let took = before.elapsed();
    assert!(took > Duration::from_millis(1500), "a MiB at 500 kB/s took {took:?}");
    for (connections, least, most) in [("1", 1, 1), ("4", 4, 12)] {
        stage.site.serve("file.bin", toml! { size = "8 MiB" rate = "8 MiB" });
        stage.site.forget();
        stage.get(&["--again", "-n", connections]);
        let asked = stage.site.log().len();
        assert!((least..=most).contains(&asked), "-n {connections}: {asked} requests");
    }
}

#[test]
fn files_at_once_are_as_many_as_asked() {
    let stage = Stage::new();
    let names = ["a", "b", "c", "d"];
    for name in names {
        stage.site.serve(
            name,
            toml! { size = "256 KiB" rate = "1 MiB"
            rule = [{ when = { beside = 1 }, status = 404 }] },
        );
    }
    let urls = names.map(|name| stage.site.fill(&format!("{{site}}/{name}")));
    let urls: Vec<_> = urls.iter().map(String::as_str).collect();
    let outcome = stage.machine.get(&[&urls[..], &["-j", "1", "-n", "1"]].concat());
    assert!(outcome.status.success(), "{}", outcome.told());
    let outcome = stage.machine.get(&[&urls[..], &["-j", "4", "-n", "1", "--again"]].concat());
    assert_eq!(outcome.status.code(), Some(1), "{}", outcome.told());
}

#[test]
fn a_web_page_is_taken_where_that_is_asked() {
    let stage = Stage::new();
    stage.site.serve("file.zip", toml! { body = "<html>" headers = { Content-Type = "text/html" } });
    let url = stage.site.fill("{site}/file.zip");
    assert_eq!(stage.machine.get(&[&url]).status.code(), Some(1));
    let outcome = stage.machine.get(&[url.as_str(), "--accept-html"]);
    assert!(outcome.status.success(), "{}", outcome.told());
    assert_eq!(std::fs::read(stage.machine.file("file.zip")).unwrap(), b"<html>");
}

#[test]
fn a_stream_hands_its_bytes_on_in_order_while_they_come() {
    let stage = Stage::new();
    stage.site.serve("file.bin", toml! { size = "8 MiB" });
    let content = stage.site.content("file.bin").unwrap();
    stage.site.hold_after(4 << 20);
    let mut running = stage.machine.spawn(&["get", &stage.url(), "-o", "-", "-n", "1"]);
    assert!(stage.site.wait_until_held(|| running.is_over()));
    running.wait_for_stdout(3 << 20);
    stage.site.release();
    let outcome = running.wait();
    assert!(outcome.status.success(), "{}", outcome.told());
    assert_eq!(first_difference(&outcome.stdout, &content), None);
    assert!(stage.machine.names().is_empty());
    // With several connections too the front comes first.
    let outcome = stage.machine.get(&[stage.url().as_str(), "-o", "-", "-n", "4"]);
    assert_eq!(first_difference(&outcome.stdout, &content), None, "{}", outcome.told());
}

#[test]
fn a_stream_ends_in_an_error_where_its_front_can_no_longer_be_trusted() {
    let cases = [
        // Another version; no proof; another version, and all of it from the start.
        "version = 2, etag = '\"two\"', modified = 'fresh'",
        "etag = '', modified = 'none'",
        "ranges = false, version = 2",
    ];
    for then in cases {
        let stage = Stage::new();
        let script = format!(
            "size = '8 MiB'\nrule = [{{ when = {{ to = 1 }}, cut_after = '4 MiB' }}, {{ when = {{ from = 2 }}, {then} }}]"
        );
        stage.site.serve("file.bin", toml::from_str(&script).unwrap());
        let outcome = stage.machine.get(&[stage.url().as_str(), "-o", "-", "-n", "1"]);
        assert_eq!(outcome.status.code(), Some(1), "{then}: {}", outcome.told());
        assert!(outcome.stdout.len() <= 4 << 20, "{then}: {} bytes went out", outcome.stdout.len());
        assert_ne!(outcome.stderr, "", "{then}");
    }
}

#[test]
fn a_stream_with_a_wrong_sum_is_no_success() {
    let stage = Stage::new();
    let wrong = format!("sha-256:{}", "0".repeat(64));
    let outcome = stage.machine.get(&[stage.url().as_str(), "-o", "-", "--checksum", &wrong]);
    assert_eq!(outcome.status.code(), Some(1), "{}", outcome.told());
}

#[test]
fn quiet_says_nothing_and_json_says_it_in_lines() {
    let stage = Stage::new();
    let quiet = stage.get(&["-q"]);
    assert_eq!((quiet.stdout.len(), quiet.stderr.as_str()), (0, ""), "{}", quiet.told());
    let json =
        stage.machine.get(&[stage.url().as_str(), &stage.site.fill("{site}/nothing"), "--again", "--json"]);
    assert_eq!(json.status.code(), Some(1), "{}", json.told());
    let rows = said(&json);
    let of = |state: &str| rows.iter().find(|row| row["state"]["is"] == state).unwrap();
    assert_eq!(of("completed")["path"], stage.machine.file("file (1).bin").display().to_string());
    assert_eq!(
        of("failed")["state"]["data"].get("kind").or(of("failed")["state"].get("kind")).unwrap(),
        "gone"
    );
}

#[test]
fn names_folders_priorities_and_collections_are_as_asked() {
    let stage = Stage::new();
    std::fs::create_dir(stage.machine.file("sub")).unwrap();
    stage.get(&["-d", "sub", "-o", "own.bin", "--priority", "low"]);
    stage.assert_held("sub/own.bin", "file.bin");
    let rows = said(&stage.machine.run(&["list", "--json"]));
    assert_eq!(rows[0]["priority"], "low");
    let made = said(&stage.machine.run(&["collection", "create", "music", "--json"]));
    let number = made[0]["id"].to_string();
    stage.get(&["--collection", &number, "-o", "two.bin"]);
    let rows = said(&stage.machine.run(&["list", &format!("in:{number}"), "--json"]));
    assert_eq!((rows.len(), &rows[0]["name"]), (1, &Value::from("two.bin")));
}

#[test]
fn ctrl_c_pauses_what_was_added_and_says_how_to_go_on() {
    for mode in ["background", "real-time"] {
        let stage = Stage::new();
        stage.site.serve("file.bin", toml! { size = "8 MiB" });
        stage.site.hold_after(4 << 20);
        let mut running = stage.machine.spawn(&["get", &stage.url(), "-n", "1", "--mode", mode]);
        assert!(stage.site.wait_until_held(|| running.is_over()));
        let outcome = running.interrupt();
        assert_eq!(outcome.status.code(), Some(130), "{mode}: {}", outcome.told());
        assert!(outcome.stderr.contains("haul resume 1"), "{mode}: {}", outcome.told());
        stage.site.release();
        let rows = said(&stage.machine.run(&["list", "--json"]));
        assert_eq!(
            (&rows[0]["state"]["is"], &rows[0]["mode"]),
            (&"paused".into(), &"background".into()),
            "{mode}"
        );
        assert!(rows[0]["covered"].as_u64().unwrap() > 2 << 20, "{mode}: {rows:?}");
        stage.site.forget();
        stage.get(&[]);
        stage.assert_held("file.bin", "file.bin");
        assert!(stage.site.log().iter().all(|seen| seen.first > 2 << 20), "{mode}");
    }
}

#[test]
fn a_second_ctrl_c_leaves_at_once() {
    let stage = Stage::new();
    stage.site.serve("file.bin", toml! { size = "8 MiB" });
    stage.site.hold_after(4 << 20);
    let mut running = stage.machine.spawn(&["get", &stage.url(), "-n", "1"]);
    assert!(stage.site.wait_until_held(|| running.is_over()));
    running.press_ctrl_c();
    running.press_ctrl_c();
    let outcome = running.wait();
    assert_eq!(outcome.status.code(), Some(130), "{}", outcome.told());
    stage.site.release();
    stage.get(&[]);
    stage.assert_held("file.bin", "file.bin");
}

#[test]
fn a_real_time_download_that_is_killed_is_gone_with_its_part_and_its_history_says_so() {
    let stage = Stage::new();
    stage.site.serve("file.bin", toml! { size = "8 MiB" });
    stage.site.hold_after(4 << 20);
    let mut running = stage.machine.spawn(&["get", &stage.url(), "--mode", "real-time"]);
    assert!(stage.site.wait_until_held(|| running.is_over()));
    running.wait_for_files(&[&stage.machine.file("file.bin.part")]);
    running.kill();
    stage.site.release();
    assert!(said(&stage.machine.run(&["list", "--json"])).is_empty());
    assert!(stage.machine.names().is_empty(), "{:?}", stage.machine.names());
    let told = stage.machine.run(&["history"]);
    assert!(String::from_utf8_lossy(&told.stdout).contains("real-time"), "{}", told.told());
}

#[test]
fn an_aria2_input_file_and_a_list_on_stdin_are_read() {
    let stage = Stage::new();
    let (first, second) = (stage.url(), stage.site.fill("{site}/other.bin"));
    let list = stage.machine.put("aria2.txt", &format!("{first}\n  out=renamed.bin\n# no\n{second}\n"));
    let outcome = stage.machine.get(&["-i", &list.display().to_string()]);
    assert!(outcome.status.success(), "{}", outcome.told());
    stage.assert_held("renamed.bin", "file.bin");
    stage.assert_held("other.bin", "other.bin");
    let list =
        stage.machine.put("list", &format!("# links\n{first}\tout=two.bin\theader=X-One: 1\ttitle=Delta\n"));
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("exec \"$0\" \"$@\" < {}", list.display())]);
    let outcome = stage.machine.spawn_under(shell, &["get", "-i", "-"]).wait();
    assert!(outcome.status.success(), "{}", outcome.told());
    stage.assert_held("two.bin", "file.bin");
    assert_eq!(stage.sent("x-one").as_deref(), Some("1"));
    let shown = stage.machine.run(&["show", "3"]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("Delta"), "{}", shown.told());
}

#[test]
fn several_headers_of_one_name_are_all_sent_and_take_the_place_of_our_own() {
    let stage = Stage::new();
    let given = ["X-One: a", "Accept: text/plain", "X-One: b", "User-Agent: mine"];
    let flags: Vec<_> = given.iter().flat_map(|header| ["--header", header]).collect();
    stage.get(&flags);
    let log = stage.site.log();
    let sent = |name: &str| {
        let fields = log[0].request.headers.iter().filter(|(field, _)| field == name);
        fields.map(|(_, value)| value.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(sent("x-one"), ["a", "b"]);
    assert_eq!(sent("accept"), ["text/plain"]);
    assert_eq!(sent("user-agent"), ["mine"]);
}

#[test]
fn who_asks_is_said_by_the_link_before_netrc() {
    let stage = Stage::new();
    std::fs::write(stage.machine.root().join("home/.netrc"), "machine 127.0.0.1 login file password word\n")
        .unwrap();
    let link = stage.url().replace("http://", "http://me:mine@");
    assert!(stage.machine.get(&[link.as_str(), "--netrc"]).status.success());
    let basic = |pair: &str| Some(format!("Basic {}", data_encoding::BASE64.encode(pair.as_bytes())));
    assert_eq!(stage.sent("authorization"), basic("me:mine"));
    stage.get(&["--netrc", "--again"]);
    assert_eq!(stage.sent("authorization"), basic("file:word"));
}

#[test]
fn a_cookie_file_that_is_none_is_refused_with_its_line_before_anything_is_added() {
    let stage = Stage::new();
    let bad =
        stage.machine.put("bad.txt", "# Netscape HTTP Cookie File\nnot a cookie\n").display().to_string();
    let list = stage.machine.put("list", &format!("{}\tcookies={bad}\n", stage.url()));
    for words in [&[&stage.url(), "--cookies", &bad][..], &["-i", list.to_str().unwrap()]] {
        let outcome = stage.machine.get(words);
        assert_eq!(outcome.status.code(), Some(2), "{}", outcome.told());
        assert!(outcome.stderr.contains("bad.txt:2:"), "{}", outcome.told());
        assert!(!outcome.stderr.contains("not a cookie"), "{}", outcome.told());
    }
    assert_eq!(stage.site.log().len(), 0);
}

#[test]
fn a_cookie_that_one_download_was_given_is_not_sent_by_another() {
    let stage = Stage::new();
    stage.site.serve("setter", toml! { size = "64 KiB" headers = { Set-Cookie = "jar=secret; Path=/" } });
    let setter = stage.site.fill("{site}/setter");
    let got = stage.machine.get(&[setter.as_str(), stage.url().as_str(), "-j", "1"]);
    assert!(got.status.success(), "{}", got.told());
    let log = stage.site.log();
    assert_eq!(log.last().unwrap().name, "file.bin");
    assert!(log.iter().all(|seen| seen.request.header("cookie").is_none()));
}

#[test]
fn what_replace_can_not_replace_is_named_with_what_helps() {
    let stage = Stage::new();
    std::fs::write(stage.machine.file("f.part"), "somebody else's").unwrap();
    let refused = stage.machine.get(&[stage.url().as_str(), "-o", "f", "--replace"]);
    assert_eq!(refused.status.code(), Some(1), "{}", refused.told());
    let said = refused.stderr.to_lowercase();
    assert!(said.contains("remove or rename") && said.contains("haul adopt"), "{}", refused.told());
    assert!(!said.contains("--replace it"), "{}", refused.told());
    // One that is made meanwhile.
    stage.site.hold_after(512 << 10);
    let mut running = stage.machine.spawn(&["get", &stage.url(), "-o", "g", "--replace"]);
    assert!(stage.site.wait_until_held(|| running.is_over()));
    std::fs::create_dir(stage.machine.file("g")).unwrap();
    stage.site.release();
    let refused = running.wait();
    assert_eq!(refused.status.code(), Some(1), "{}", refused.told());
    assert!(refused.stderr.contains("is a folder"), "{}", refused.told());
    assert!(refused.stderr.to_lowercase().contains("remove or rename"), "{}", refused.told());
}

#[test]
#[cfg(target_os = "linux")]
fn a_stream_into_a_stdout_that_is_closed_is_no_success() {
    let stage = Stage::new();
    let mut shell = Command::new("sh");
    shell.args(["-c", "exec \"$@\" >&-", "sh"]);
    let outcome = stage.machine.spawn_under(shell, &["get", "-o", "-", &stage.url()]).wait();
    assert_eq!(outcome.status.code(), Some(1), "{}", outcome.told());
    assert!(outcome.stderr.contains("stdout"), "{}", outcome.told());
    assert_eq!(stage.site.log().len(), 0);
}
