//! Web pages at the door: nothing before a person lets them in, their own and nothing else after it, and no way through them into
//! this machine.

use std::path::Path;

use serde_json::{Value, json};
use toml::toml;

use crate::support::content::first_difference;
use crate::support::machine::{Machine, Outcome};
use crate::support::page::Door;
use crate::support::site::Site;

const SHOP: &str = "https://shop.example";
const OTHER: &str = "https://other.example";
/// A page that lives on this machine: its downloads may come from it.
const HERE: &str = "http://127.0.0.1:8000";
/// The code of JSON-RPC for a page that nobody let in.
const NOT_LET_IN: &str = "-32002";

fn open() -> (Machine, Door) {
    let mut machine = Machine::with_agent();
    let folder = machine.downloads();
    config(&machine, &folder, "");
    let door = Door::open(&mut machine);
    (machine, door)
}

/// Writes a config that has downloads go to a folder.
fn config(machine: &Machine, folder: &Path, more: &str) {
    std::fs::create_dir_all(machine.config()).unwrap();
    let text = format!("[engine]\nfolder = {:?}\n{more}", folder.display().to_string());
    std::fs::write(machine.config().join("config.toml"), text).unwrap();
}

fn said(outcome: &Outcome) -> String {
    assert!(outcome.status.success(), "{}", outcome.told());
    String::from_utf8_lossy(&outcome.stdout).into_owned()
}

/// Waits until the command line shows something.
fn until(machine: &Machine, args: &[&str], shows: &str) {
    let end = std::time::Instant::now() + crate::support::site::DEADLINE;
    loop {
        let told = said(&machine.run(args));
        if told.contains(shows) {
            return;
        }
        assert!(std::time::Instant::now() < end, "{args:?} never shows {shows}: {told}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn a_page_gets_nothing_but_the_right_to_ask_before_somebody_lets_it_in() {
    let (machine, door) = open();
    let mut page = door.page(SHOP).unwrap();
    let hello = json!({ "name": "test", "version": "1", "protocol": 1, "key": "k" });
    let add = json!({ "downloads": [], "settings": [] });
    for (method, params) in [
        ("hello", &hello),
        ("add", &add),
        ("subscribe", &Value::Null),
        ("status", &Value::Null),
        ("collections", &Value::Null),
        ("stop", &Value::Null),
    ] {
        assert_eq!(page.refused(method, params), NOT_LET_IN, "{method}");
    }
    let asked = page.say("door.ask", &Value::Null);
    until(&machine, &["door", "requests"], "https://shop.example wants to add downloads, just now");
    // One question for all pages of an origin.
    let mut second = door.page(SHOP).unwrap();
    let asked_again = second.say("door.ask", &Value::Null);
    until(&machine, &["door", "requests", "--json"], "shop.example");
    assert_eq!(said(&machine.run(&["door", "requests"])).lines().count(), 1);
    said(&machine.run(&["door", "deny", SHOP]));
    assert_eq!(page.answer(asked)["result"]["granted"], false);
    assert_eq!(second.answer(asked_again)["result"]["granted"], false);
    // Never means that nobody is asked again.
    assert_eq!(page.get("door.ask", &Value::Null)["granted"], false);
    assert_eq!(said(&machine.run(&["door", "requests"])), "");
    assert_eq!(page.refused("hello", &hello), NOT_LET_IN);
    assert_eq!(said(&machine.run(&["door", "grants"])), "never   https://shop.example\n");
}

#[test]
fn what_was_not_meant_for_the_door_is_refused_before_it_is_looked_at() {
    let (machine, door) = open();
    said(&machine.run(&["door", "allow", SHOP]));
    let upgrade = "Connection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n";
    let json = "Content-Type: application/json\nContent-Length: 2\n";
    for (request, status) in [
        // A name that was made to lead here.
        ("GET /haul.js HTTP/1.1\nHost: rebound.example\n\n".to_owned(), 421),
        (format!("GET /rpc HTTP/1.1\nHost: rebound.example:4285\nOrigin: {SHOP}\n{upgrade}\n"), 421),
        (format!("POST /rpc HTTP/1.1\nHost: 127.0.0.1\nOrigin: {SHOP}\n{json}\n{{}}"), 421),
        ("GET /haul.js HTTP/1.0\n\n".into(), 421),
        // No page of a server.
        (format!("GET /rpc HTTP/1.1\nHost: HOST\n{upgrade}\n"), 403),
        (format!("GET /rpc HTTP/1.1\nHost: HOST\nOrigin: null\n{upgrade}\n"), 403),
        (format!("GET /rpc HTTP/1.1\nHost: HOST\nOrigin: file://\n{upgrade}\n"), 403),
        // Forms and scripts of other pages.
        (format!("POST /rpc HTTP/1.1\nHost: HOST\nOrigin: {OTHER}\n{json}\n{{}}"), 403),
        (format!("POST /rpc HTTP/1.1\nHost: HOST\n{json}\n{{}}"), 403),
        (
            format!(
                "POST /rpc HTTP/1.1\nHost: HOST\nOrigin: {SHOP}\nContent-Type: text/plain\nContent-Length: 2\n\n{{}}"
            ),
            415,
        ),
        (format!("OPTIONS /rpc HTTP/1.1\nHost: HOST\nOrigin: {OTHER}\n\n"), 403),
        (format!("DELETE /rpc HTTP/1.1\nHost: HOST\nOrigin: {SHOP}\n\n"), 405),
        (format!("GET / HTTP/1.1\nHost: HOST\nOrigin: {SHOP}\n\n"), 404),
        ("nonsense\n\n".into(), 400),
        // And what is meant for it.
        ("GET /haul.js HTTP/1.1\nHost: HOST\n\n".into(), 200),
        (format!("OPTIONS /rpc HTTP/1.1\nHost: HOST\nOrigin: {SHOP}\n\n"), 204),
    ] {
        let answer = door.ask(&request);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} "))
                || answer.starts_with(&format!("HTTP/1.0 {status} ")),
            "{request}\n{answer}"
        );
        let allows = answer.to_lowercase().contains("access-control-allow-origin");
        assert_eq!(allows, request.contains(SHOP) && status != 421, "{request}\n{answer}");
    }
}

#[test]
fn browsers_are_told_that_a_page_may_ask_when_it_was_let_in() {
    let (machine, door) = open();
    let preflight = |origin: &str| {
        door.ask(&format!(
            "OPTIONS /rpc HTTP/1.1\nHost: HOST\nOrigin: {origin}\nAccess-Control-Request-Method: POST\n\
             Access-Control-Request-Headers: content-type\nAccess-Control-Request-Private-Network: true\n\n"
        ))
    };
    assert!(!preflight(SHOP).contains("access-control"), "{}", preflight(SHOP));
    said(&machine.run(&["door", "allow", SHOP]));
    let answer = preflight(SHOP);
    for field in [
        "access-control-allow-origin: https://shop.example\r\n",
        "access-control-allow-methods: POST\r\n",
        "access-control-allow-headers: content-type\r\n",
        "access-control-allow-private-network: true\r\n",
        "vary: Origin\r\n",
    ] {
        assert!(answer.contains(field), "{field} is missing in {answer}");
    }
    assert!(!answer.contains("credentials"), "{answer}");
    assert!(!preflight(OTHER).contains("access-control"));
}

#[test]
fn a_single_message_needs_no_connection_that_stays() {
    let (site, (machine, door)) = (Site::start(None), open());
    site.serve("file.bin", toml! { size = "1 MiB" });
    said(&machine.run(&["door", "allow", HERE]));
    let post = |method: &str, params: Value| -> Value {
        let text = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
        let answer = door.ask(&format!(
            "POST /rpc HTTP/1.1\nHost: HOST\nOrigin: {HERE}\nContent-Type: application/json\nContent-Length: {}\n\n{text}",
            text.len()
        ));
        serde_json::from_str(answer.rsplit("\r\n\r\n").next().unwrap()).unwrap_or_else(|_| panic!("{answer}"))
    };
    let made = post("create_collection", json!({ "name": "Songs" }));
    let collection = &made["result"]["data"][0]["id"];
    let new = |mode: &str| {
        let url = site.fill("{site}/file.bin");
        json!({ "downloads": [{ "url": url, "collection": collection, "mode": mode }], "settings": [] })
    };
    assert_eq!(post("add", new("real-time"))["error"]["data"]["kind"], "not_now");
    let added = post("add", new("background"));
    let id = added["result"]["data"][0]["id"].to_string();
    said(&machine.run(&["wait", &id]));
    let listed = post("list", json!({ "select": { "all": true } }));
    assert_eq!(listed["result"]["data"][0]["state"]["is"], "completed");
}

#[test]
fn a_page_that_was_let_in_starts_follows_pauses_resumes_and_cancels() {
    let (site, (machine, door)) = (Site::start(None), open());
    site.serve("one.bin", toml! { size = "4 MiB" });
    site.serve("two.bin", toml! { size = "4 MiB" });
    site.hold_after(1 << 20);
    let mut page = door.guest(&machine, HERE, "k");
    page.get("subscribe", &Value::Null);
    let collection = page.collection("Songs");
    let url = site.fill("{site}/one.bin");
    let id = page.add(collection, &url, "background");
    let row = page.wait_for(id, "there", |_| true);
    assert_eq!(row["source_url"], url);
    assert!(site.wait_until_held(|| false));
    assert_eq!(page.act(id, "pause"), None);
    page.wait_for_state(id, "paused");
    site.release();
    assert_eq!(page.act(id, "resume"), None);
    page.wait_for_state(id, "completed");
    let (file, content) = (std::fs::read(machine.file("one.bin")).unwrap(), site.content("one.bin").unwrap());
    assert_eq!(first_difference(&file, &content), None);

    site.hold_after(1 << 20);
    let id = page.add(collection, &site.fill("{site}/two.bin"), "background");
    assert!(site.wait_until_held(|| false));
    assert_eq!(page.act(id, "cancel"), None);
    page.wait_for_state(id, "cancelled");
    assert_eq!(page.act(id, "remove"), None);
    let collections = said(&machine.run(&["collections"]));
    assert!(collections.contains("127.0.0.1: Songs"), "{collections}");
    let shown = said(&machine.run(&["show", "1"]));
    assert!(shown.contains("a page of http://127.0.0.1:8000"), "{shown}");
    site.release();
}

#[test]
fn a_page_sees_its_own_downloads_and_nothing_of_anybody_elses() {
    let (site, (machine, door)) = (Site::start(None), open());
    for name in ["mine.bin", "theirs.bin", "own.bin"] {
        site.serve(name, toml! { size = "64 KiB" });
    }
    let mine = site.fill("{site}/mine.bin");
    said(&machine.run(&["add", &mine]));
    said(&machine.run(&["wait", "1"]));
    // An origin is a port too.
    let mut theirs = door.guest(&machine, "http://127.0.0.1:9000", "same key");
    let foreign = theirs.collection("Theirs");
    let second = theirs.add(foreign, &site.fill("{site}/theirs.bin"), "background");
    said(&machine.run(&["wait", &second.to_string()]));

    let mut page = door.guest(&machine, HERE, "same key");
    page.get("subscribe", &Value::Null);
    let first = page.read().unwrap();
    assert_eq!(first["params"]["update"]["rows"], json!([]), "{first}");
    assert_eq!(first["params"]["update"]["collections"], json!([]), "{first}");
    assert!(first["params"]["update"]["totals"].is_null() && first["params"]["update"]["asking"].is_null());
    let collection = page.collection("Own");
    // What is there of others is neither attached to nor told of.
    let own = page.add(collection, &mine, "background");
    assert!(own > second, "{own}");
    page.wait_for_state(own, "completed");
    let listed = page.get("list", &json!({ "select": { "all": true } }));
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(page.get("collections", &Value::Null).as_array().unwrap().len(), 1);
    for id in [1, second, 999] {
        assert_eq!(page.refused("show", &json!({ "id": id })), "not_found");
        for act in ["pause", "cancel", "remove", "retry"] {
            assert_eq!(page.act(id, act).as_deref(), Some("not_found"), "{act} {id}");
        }
    }
    let into = json!({ "downloads": [{ "url": mine, "collection": foreign }], "settings": [] });
    assert_eq!(page.refused("add", &into), "not_found");
    for collection in [1, foreign, 999] {
        let id = json!({ "id": collection, "name": "x", "what": "all" });
        for method in ["remove_collection", "set_collection", "clear"] {
            assert_eq!(page.refused(method, &id), "not_found", "{method} {collection}");
        }
    }
    // The whole list is still there.
    assert_eq!(said(&machine.run(&["list", "--json"])).lines().count(), 3);
    assert_eq!(page.refused("subscribe", &Value::Null), "not_now");
    // Nothing of this machine is told.
    let detail = page.get("show", &json!({ "id": own, "reveal": true })).to_string();
    for secret in [machine.root().to_str().unwrap(), "part", "remote", "final_url"] {
        assert!(!detail.contains(secret), "{secret} is in {detail}");
    }
}

#[test]
fn a_page_does_only_what_is_for_pages() {
    let (machine, door) = open();
    let mut page = door.guest(&machine, HERE, "k");
    let collection = page.collection("Songs");
    for (method, params) in [
        ("status", Value::Null),
        ("log", json!({ "lines": 10 })),
        ("stop", Value::Null),
        ("read", json!({ "id": 1, "offset": 0, "length": 1 })),
        ("sum", json!({ "id": 1 })),
        ("stage", json!({ "number": 0, "batch": { "downloads": [], "settings": [] } })),
        ("undo", Value::Null),
        ("export", json!({ "select": { "all": true } })),
        ("hold", Value::Null),
        ("go", Value::Null),
        ("totals", Value::Null),
        ("history", json!({ "limit": 5 })),
        ("adopt", json!({ "paths": ["/etc/passwd"] })),
        ("attend", json!({ "ids": [1] })),
        ("set_limits", json!({ "parallel": 1 })),
        ("reload", Value::Null),
        ("presets", Value::Null),
        ("use_preset", json!({ "name": "polite" })),
        ("library", json!({ "what": "show", "id": 1 })),
        ("door", json!({ "what": "allow", "origin": OTHER })),
        ("set_collection", json!({ "id": collection, "settings": { "hook": ["/bin/sh"] } })),
        ("act", json!({ "select": { "all": true }, "act": { "do": "move", "to": { "place": "top" } } })),
        ("act", json!({ "select": { "all": true }, "act": { "do": "set_priority", "priority": "now" } })),
        ("act", json!({ "select": { "all": true }, "act": { "do": "set", "folder": "/etc" } })),
        (
            "act",
            json!({ "select": { "all": true }, "act": { "do": "refresh_url", "url": "http://a.example/" } }),
        ),
    ] {
        assert_eq!(page.refused(method, &params), "forbidden", "{method} {params}");
    }
    let url = "http://127.0.0.1:9/x";
    let new = |more: Value| {
        let mut new = json!({ "url": url, "collection": collection });
        new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "downloads": [new], "settings": [] })
    };
    for more in [
        json!({ "folder": "/etc" }),
        json!({ "folder": "../x" }),
        json!({ "folder": machine.downloads().join("../home") }),
        json!({ "priority": "now" }),
        json!({ "url": "http://me:secret@127.0.0.1:9/x" }),
        json!({ "url": format!("http://127.0.0.1:9/{}", "x".repeat(10_000)) }),
        json!({ "collection": null }),
        json!({ "extras": { "info": { "Title": "x".repeat(2000) } } }),
        json!({ "extras": { "mirrors": ["http://192.168.1.1/x"] } }),
    ] {
        assert_eq!(page.refused("add", &new(more.clone())), "forbidden", "{more}");
    }
    for url in ["file:///etc/passwd", "ftp://127.0.0.1/x", "javascript:alert(1)"] {
        assert_eq!(page.refused("add", &new(json!({ "url": url }))), "forbidden", "{url}");
    }
    for settings in [
        json!({ "headers": [{ "name": "Authorization", "value": "x" }] }),
        json!({ "headers": [{ "name": "X-Api-Key", "value": "x" }] }),
        json!({ "cookies": "/home/me/.mozilla/cookies.sqlite" }),
        json!({ "ca": "/tmp/x.pem" }),
        json!({ "cert": "/tmp/x.pem" }),
        json!({ "proxy": "http://evil.example:1" }),
        json!({ "interface": "lo" }),
        json!({ "referer": "https://bank.example/" }),
        json!({ "user_agent": "x" }),
        json!({ "credentials": { "user": "a", "password": "b" } }),
        json!({ "preset": "full-speed" }),
        json!({ "taken": "replace" }),
        json!({ "page": OTHER }),
    ] {
        let batch =
            json!({ "downloads": [{ "url": url, "collection": collection }], "settings": [settings] });
        assert_eq!(page.refused("add", &batch), "forbidden", "{batch}");
    }
    let many: Vec<_> =
        (0..101).map(|n| json!({ "url": format!("{url}{n}"), "collection": collection })).collect();
    assert_eq!(page.refused("add", &json!({ "downloads": many, "settings": [] })), "forbidden");
    for _ in 1..32 {
        page.collection("more");
    }
    assert_eq!(page.refused("create_collection", &json!({})), "forbidden");
    assert_eq!(said(&machine.run(&["list"])).lines().filter(|line| line.contains("127.0.0.1")).count(), 0);
}

#[test]
fn a_pages_downloads_are_written_below_the_configured_folders_only() {
    let site = Site::start(None);
    site.serve("a.bin", toml! { size = "1 KiB" });
    site.serve("b.bin", toml! { size = "1 KiB" });
    let mut machine = Machine::with_agent();
    let (pages, elsewhere) = (machine.root().join("pages"), machine.root().join("elsewhere"));
    std::fs::create_dir_all(pages.join("album/one")).unwrap();
    std::fs::create_dir(&elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, pages.join("link")).unwrap();
    let folder = machine.downloads();
    config(&machine, &folder, &format!("[door]\nfolders = [{pages:?}]\norigins = [\"{HERE}\"]\n"));
    let door = Door::open(&mut machine);
    // The config lets it in.
    let mut page = door.page(HERE).unwrap();
    page.hello("k");
    assert_eq!(said(&machine.run(&["door", "grants"])), format!("config  {HERE}\n"));
    let collection = page.collection("Songs");
    let mut add = |name: &str, folder: Value| {
        let url = site.fill(&format!("{{site}}/{name}"));
        let new = json!({ "url": url, "collection": collection, "folder": folder });
        let answer = page.ask("add", &json!({ "downloads": [new], "settings": [] }));
        answer["result"]["data"][0]["id"].as_u64().ok_or(answer)
    };
    for outside in ["link", "link/below", "..", "/", folder.to_str().unwrap()] {
        assert!(add("a.bin", outside.into()).is_err(), "{outside}");
    }
    let (plain, below) = (add("a.bin", Value::Null).unwrap(), add("b.bin", "album/one".into()).unwrap());
    said(&machine.run(&["wait", &plain.to_string(), &below.to_string()]));
    assert!(pages.join("a.bin").exists() && pages.join("album/one/b.bin").exists());
    assert_eq!(std::fs::read_dir(&elsewhere).unwrap().count(), 0);
}

#[test]
fn no_download_of_a_page_leads_into_this_machine_or_its_network() {
    let (site, (machine, door)) = (Site::start(None), open());
    site.serve("plain.bin", toml! { size = "1 KiB" });
    site.serve("metadata", toml! { redirect = "http://169.254.169.254/latest/meta-data/" });
    site.serve("router", toml! { redirect = "http://192.168.1.1/reboot" });
    site.serve("loop", toml! { redirect = "{other}/plain.bin" });
    let mut page = door.guest(&machine, SHOP, "k");
    let collection = page.collection("Songs");
    let port = site.fill("{site}").rsplit(':').next().unwrap().to_owned();
    for url in [
        site.fill("{site}/plain.bin"),
        site.fill("{other}/plain.bin"),
        format!("http://[::1]:{port}/plain.bin"),
        format!("http://0.0.0.0:{port}/plain.bin"),
        format!("http://2130706433:{port}/plain.bin"),
        format!("http://shop.localhost:{port}/plain.bin"),
        "http://169.254.169.254/latest/meta-data/".into(),
        "http://[fe80::1]/".into(),
        "http://10.0.0.1/".into(),
        "http://[::ffff:192.168.1.1]/".into(),
    ] {
        let batch = json!({ "downloads": [{ "url": url, "collection": collection }], "settings": [] });
        assert_eq!(page.refused("add", &batch), "forbidden", "{url}");
    }
    assert!(site.log().is_empty(), "the site was asked");
    // A page of this machine may fetch from it, and is led no further.
    let mut here = door.guest(&machine, HERE, "k");
    here.get("subscribe", &Value::Null);
    let collection = here.collection("Songs");
    for name in ["metadata", "router"] {
        let id = here.add(collection, &site.fill(&format!("{{site}}/{name}")), "background");
        let row = here.wait_for_state(id, "failed");
        let text = row["state"]["text"].as_str().unwrap();
        assert!(text.contains("a web page's downloads may not go"), "{text}");
    }
    let id = here.add(collection, &site.fill("{site}/loop"), "background");
    here.wait_for_state(id, "completed");
}

#[test]
fn whoever_is_shown_out_is_cut_off_and_what_it_added_goes_on() {
    let (site, (machine, door)) = (Site::start(None), open());
    site.serve("file.bin", toml! { size = "4 MiB" });
    site.hold_after(1 << 20);
    let mut page = door.guest(&machine, HERE, "k");
    let collection = page.collection("Songs");
    let id = page.add(collection, &site.fill("{site}/file.bin"), "background");
    assert!(site.wait_until_held(|| false));
    said(&machine.run(&["door", "revoke", HERE]));
    assert_eq!(page.wait_for_end(), 4403);
    assert_eq!(said(&machine.run(&["door", "grants"])), "");
    site.release();
    said(&machine.run(&["wait", &id.to_string()]));
    assert!(!machine.run(&["door", "revoke", HERE]).status.success());
    // Let in again, it finds what is its own.
    let mut page = door.guest(&machine, HERE, "k");
    assert_eq!(page.get("list", &json!({ "select": { "all": true } }))[0]["id"], id);
}

#[test]
fn a_real_time_download_belongs_to_its_pages_connection() {
    let site = Site::start(None);
    for name in ["one.bin", "two.bin"] {
        site.serve(name, toml! { size = "4 MiB" });
    }
    let mut machine = Machine::with_agent();
    machine.set("HAUL_TEST_COME_BACK_MS", "700");
    let folder = machine.downloads();
    config(&machine, &folder, "");
    let door = Door::open(&mut machine);
    site.hold_after(1 << 20);
    let mut page = door.guest(&machine, HERE, "key");
    let collection = page.collection("Songs");
    let id = page.add(collection, &site.fill("{site}/one.bin"), "real-time");
    assert!(site.wait_until_held(|| false));
    assert_eq!(page.act(id, "pause").as_deref(), Some("not_now"));
    // A page that vanishes and comes back in time is the same owner.
    drop(page);
    let mut page = door.page(HERE).unwrap();
    page.hello("key");
    page.get("subscribe", &Value::Null);
    page.wait_for(id, "real-time", |row| row["mode"] == "real-time");
    // One that doesn't leaves its bytes.
    drop(page);
    until(&machine, &["list", "--json"], "\"paused\"");
    let shown = said(&machine.run(&["show", &id.to_string()]));
    assert!(shown.contains("background"), "{shown}");
    // One that says goodbye has it end.
    site.release();
    site.hold_after(1 << 20);
    let mut page = door.page(HERE).unwrap();
    page.hello("key");
    page.add(collection, &site.fill("{site}/two.bin"), "real-time");
    assert!(site.wait_until_held(|| false));
    page.get("goodbye", &Value::Null);
    assert_eq!(page.wait_for_end(), 1000);
    until(&machine, &["history"], "two.bin");
    assert_eq!(said(&machine.run(&["list", "--json"])).lines().count(), 1);
    site.release();
}

#[test]
fn leave_for_once_ends_with_the_last_page() {
    let mut machine = Machine::with_agent();
    machine.set("HAUL_TEST_COME_BACK_MS", "500");
    let folder = machine.downloads();
    config(&machine, &folder, "");
    let door = Door::open(&mut machine);
    let mut page = door.page(SHOP).unwrap();
    let asked = page.say("door.ask", &Value::Null);
    until(&machine, &["door", "requests"], SHOP);
    said(&machine.run(&["door", "allow", "--once", SHOP]));
    assert_eq!(page.answer(asked)["result"]["granted"], true);
    page.hello("k");
    assert_eq!(said(&machine.run(&["door", "grants"])), "once    https://shop.example\n");
    drop(page);
    let end = std::time::Instant::now() + crate::support::site::DEADLINE;
    while !said(&machine.run(&["door", "grants"])).is_empty() {
        assert!(std::time::Instant::now() < end, "it is let in for ever");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn a_door_is_closed_unless_it_is_asked_for_and_keeps_its_agent() {
    let mut machine = Machine::with_agent();
    machine.set("HAUL_TEST_LEAVE_MS", "100");
    let status: Value = serde_json::from_str(&said(&{
        said(&machine.run(&["agent", "start"]));
        machine.run(&["agent", "status", "--json"])
    }))
    .unwrap();
    assert!(status["door"].is_null(), "{status}");
    said(&machine.run(&["agent", "stop"]));
    // One that was started by a command stays too, where the config opens its door.
    machine.set("HAUL_TEST_DOOR_PORT", "0");
    let folder = machine.downloads();
    config(&machine, &folder, "[door]\nenabled = true\n");
    said(&machine.run(&["agent", "start"]));
    let status: Value = serde_json::from_str(&said(&machine.run(&["agent", "status", "--json"]))).unwrap();
    assert!(status["door"].as_str().is_some_and(|url| url.starts_with("http://127.0.0.1:")), "{status}");
    assert_eq!(status["stays"], true);
}
