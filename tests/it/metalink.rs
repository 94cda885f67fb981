//! Metalink files: mirrors are used together, a bad one is dropped and its bytes are fetched elsewhere, names stay in their folder.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};
use toml::toml;

use crate::support::content::first_difference;
use crate::support::machine::{Machine, Outcome};
use crate::support::site::Site;

const SIZE: usize = 8 << 20;
const PIECE: usize = 512 << 10;

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// A document for a file with these places, the best first, and with sums of pieces where that is asked.
fn document(site: &Site, name: &str, content: &[u8], pieces: bool, places: &[&str]) -> String {
    let mut text = format!(
        "<?xml version='1.0'?><metalink xmlns='urn:ietf:params:xml:ns:metalink'><file name='{name}'><size>{}</size>\
         <hash type='sha-256'>{}</hash>",
        content.len(),
        hex(content)
    );
    if pieces {
        write!(text, "<pieces type='sha-256' length='{PIECE}'>").unwrap();
        for piece in content.chunks(PIECE) {
            write!(text, "<hash>{}</hash>", hex(piece)).unwrap();
        }
        text.push_str("</pieces>");
    }
    for (priority, place) in places.iter().enumerate() {
        write!(text, "<url priority='{}'>{}</url>", priority + 1, site.fill(place)).unwrap();
    }
    text + "</file></metalink>"
}

/// Gets what a document lists, from a machine that is thrown away, and checks that it is the good file.
fn get(site: &Site, pieces: bool, places: &[&str], more: &[&str]) -> Outcome {
    let machine = Machine::new();
    let content = site.content("good").unwrap();
    let list = machine.put("x.meta4", &document(site, "file.iso", &content, pieces, places));
    let list = list.display().to_string();
    site.forget();
    let outcome = machine.get(&[&[list.as_str(), "-n", "4"], more].concat());
    assert!(outcome.status.success(), "{}", outcome.told());
    let held = std::fs::read(machine.file("file.iso")).unwrap();
    assert_eq!(first_difference(&held, &content), None, "{}", outcome.told());
    assert_eq!(machine.names(), ["file.iso"], "{}", outcome.told());
    outcome
}

fn site() -> Site {
    let site = Site::start(None);
    site.serve("good", toml! { size = "8 MiB" rate = "16 MiB" });
    site
}

/// Bytes that went out of a file since the last look.
fn sent(site: &Site, name: &str) -> u64 {
    site.log().iter().filter(|seen| seen.name == name).map(|seen| seen.sent).sum()
}

#[test]
fn mirrors_are_used_together_whatever_their_tags() {
    let site = site();
    site.serve("mirror", toml! { size = "8 MiB" rate = "16 MiB" etag = "\"else\"" modified = "older" });
    site.serve("third", toml! { size = "8 MiB" rate = "16 MiB" etag = "" modified = "none" });
    let outcome = get(&site, true, &["{site}/good", "{other}/mirror", "{site}/third"], &[]);
    for name in ["good", "mirror", "third"] {
        assert!(sent(&site, name) > SIZE as u64 / 10, "{name} gave little: {}", outcome.told());
    }
    assert!(!outcome.stderr.contains("samples"), "{}", outcome.told());
}

#[test]
fn a_mirror_with_wrong_bytes_is_dropped_and_only_its_pieces_are_fetched_again() {
    let site = site();
    site.serve("bad", toml! { size = "8 MiB" version = 2 rate = "16 MiB" });
    let outcome = get(&site, true, &["{site}/good", "{other}/bad"], &[]);
    let (good, bad) = (sent(&site, "good"), sent(&site, "bad"));
    assert!(bad > 0, "the mirror was never used: {}", outcome.told());
    // All of it is 8 MiB; anew it would be 8 more, beside what it gave before.
    assert!(good < (SIZE + SIZE / 2) as u64, "{good} bytes came from the good one: {}", outcome.told());
}

#[test]
fn without_sums_of_pieces_all_that_mirrors_gave_is_fetched_from_the_source() {
    let site = site();
    site.serve("bad", toml! { size = "8 MiB" flip = [7_000_000, 5_000_000, 3_000_000] rate = "16 MiB" });
    get(&site, false, &["{site}/good", "{other}/bad"], &[]);
}

#[test]
fn a_source_with_another_file_than_the_sum_is_of_gives_way_to_its_mirrors() {
    let site = site();
    site.serve("bad", toml! { size = "8 MiB" version = 2 rate = "32 MiB" });
    get(&site, false, &["{other}/bad", "{site}/good"], &[]);
}

#[test]
fn without_any_sum_the_places_are_asked_one_after_the_other() {
    let site = site();
    site.serve("error", toml! { status = 500 });
    site.serve("other", toml! { size = "8 MiB" version = 2 });
    for first in ["{site}/nothing", "{site}/error", "http://127.0.0.1:1/"] {
        let machine = Machine::new();
        let list = machine
            .put("list", &site.fill(&format!("{first}\t{{site}}/good\t{{site}}/other\n out=file.iso\n")));
        site.forget();
        let outcome = machine.get(&["-i", list.to_str().unwrap()]);
        assert!(outcome.status.success(), "{first}: {}", outcome.told());
        let held = std::fs::read(machine.file("file.iso")).unwrap();
        assert_eq!(first_difference(&held, &site.content("good").unwrap()), None, "{first}");
        assert_eq!(sent(&site, "other"), 0, "{first}: nothing tells whether that is the same file");
    }
}

#[test]
fn a_sum_that_can_not_be_read_is_no_sum_that_is_left_out() {
    let site = site();
    let machine = Machine::new();
    let content = site.content("good").unwrap();
    let whole = document(&site, "file.iso", &content, true, &["{site}/good"]);
    let sum = hex(&content);
    let first_piece = hex(&content[..PIECE]);
    for (from, to) in [(sum.as_str(), "zz"), (&first_piece, "00"), ("length='524288'", "length='1048576'")] {
        let list = machine.put("x.meta4", &whole.replacen(from, to, 1));
        let outcome = machine.get(&[list.to_str().unwrap()]);
        assert_eq!(outcome.status.code(), Some(2), "{to}: {}", outcome.told());
        assert!(outcome.stderr.contains("file.iso"), "{to}: {}", outcome.told());
    }
    assert_eq!(machine.names(), Vec::<String>::new());
}

#[test]
fn the_path_that_is_printed_is_where_the_file_is() {
    let site = site();
    let machine = Machine::new();
    std::fs::write(machine.file("file.iso"), "somebody else's").unwrap();
    let content = site.content("good").unwrap();
    let list = machine.put("x.meta4", &document(&site, "file.iso", &content, false, &["{site}/good"]));
    let outcome = machine.get(&[list.to_str().unwrap()]);
    assert!(outcome.status.success(), "{}", outcome.told());
    let printed = String::from_utf8_lossy(&outcome.stdout).trim().to_owned();
    assert_eq!(printed, machine.file("file (1).iso").display().to_string());
    assert_eq!(first_difference(&std::fs::read(printed).unwrap(), &content), None);
}

#[test]
fn a_mirror_of_another_size_and_one_that_has_nothing_are_dropped() {
    let site = site();
    site.serve("short", toml! { size = "7 MiB" rate = "16 MiB" });
    for places in [
        ["{site}/good", "{other}/short", "{other}/nothing"],
        ["{other}/nothing", "{other}/short", "{site}/good"],
        ["{other}/short", "{site}/good", "{other}/nothing"],
    ] {
        get(&site, true, &places, &[]);
    }
}

#[test]
fn a_file_that_is_wrong_everywhere_never_gets_its_name() {
    let site = site();
    let machine = Machine::new();
    let content = site.content("good").unwrap();
    site.serve("bad", toml! { size = "8 MiB" version = 2 });
    site.serve("short", toml! { size = "7 MiB" });
    for (places, said) in [
        (&["{site}/bad", "{other}/bad"][..], "not what the Metalink says"),
        (&["{site}/short"], "were announced"),
    ] {
        let list = machine.put("x.meta4", &document(&site, "file.iso", &content, true, places));
        let outcome = machine.get(&[list.display().to_string().as_str(), "-n", "4"]);
        assert_eq!(outcome.status.code(), Some(1), "{}", outcome.told());
        assert!(outcome.stderr.contains(said), "{}", outcome.told());
        assert!(!machine.file("file.iso").exists());
    }
}

#[test]
fn secrets_go_to_the_source_and_to_no_mirror() {
    let site = site();
    site.serve("mirror", toml! { size = "8 MiB" rate = "16 MiB" });
    get(&site, true, &["{site}/good", "{other}/mirror"], &["--header", "X-Token:secret"]);
    let log = site.log();
    assert!(log.iter().any(|seen| seen.name == "mirror"));
    for seen in &log {
        assert_eq!(seen.request.header("x-token").is_some(), seen.name == "good", "{}", seen.name);
    }
}

#[test]
fn a_name_that_leads_out_of_the_folder_is_made_safe() {
    let (site, machine) = (site(), Machine::new());
    let content = site.content("good").unwrap();
    for name in ["../evil.iso", "/evil.iso", "a/../../evil.iso", "..\\evil.iso"] {
        let list = machine.put("x.meta4", &document(&site, name, &content, false, &["{site}/good"]));
        let outcome = machine.get(&[list.display().to_string().as_str(), "--again"]);
        assert!(outcome.status.success(), "{}", outcome.told());
    }
    let beside: Vec<_> =
        std::fs::read_dir(machine.root()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(beside.iter().all(|name| !name.to_string_lossy().contains("evil")), "{beside:?}");
    assert_eq!(machine.names().len(), 4, "{:?}", machine.names());
    assert!(machine.names().iter().all(|name| name.starts_with("evil")), "{:?}", machine.names());
}

#[test]
fn a_kill_while_bad_pieces_are_fetched_again_brings_none_of_them_back() {
    let site = site();
    let machine = Machine::new();
    let content = site.content("good").unwrap();
    site.serve("bad", toml! { size = "8 MiB" version = 2 rate = "16 MiB" });
    let list =
        machine.put("x.meta4", &document(&site, "file.iso", &content, true, &["{site}/good", "{other}/bad"]));
    let list = list.display().to_string();
    // Past all of the file, in the middle of what is fetched again.
    site.hold_after(SIZE as u64 + (2 << 20));
    let mut running = machine.spawn(&["get", &list, "-n", "2"]);
    assert!(site.wait_until_held(|| running.is_over()));
    running.kill();
    site.release();
    let outcome = machine.get(&[list.as_str()]);
    assert!(outcome.status.success(), "{}", outcome.told());
    let held = std::fs::read(machine.file("file.iso")).unwrap();
    assert_eq!(first_difference(&held, &content), None, "{}", outcome.told());
}

/// A document without size and sum, whose sums of pieces are of `content`, the last `left_out` of them left out.
fn pieces_only(site: &Site, content: &[u8], left_out: usize, place: &str) -> String {
    let mut pieces = content.chunks(PIECE).map(|piece| format!("<hash>{}</hash>", hex(piece)));
    let count = content.len().div_ceil(PIECE) - left_out;
    format!(
        "<?xml version='1.0'?><metalink xmlns='urn:ietf:params:xml:ns:metalink'><file name='file.iso'>\
         <pieces type='sha-256' length='{PIECE}'>{}</pieces><url>{}</url></file></metalink>",
        pieces.by_ref().take(count).collect::<String>(),
        site.fill(place)
    )
}

#[test]
fn sums_of_pieces_that_cover_less_or_more_than_the_file_are_no_sums_of_it() {
    let site = site();
    let content = site.content("good").unwrap();
    let longer = [&content[..], &content[..PIECE]].concat();
    for (sums_of, left_out, exit, said) in
        [(&content[..], 1, 1, "15 pieces"), (&longer[..], 0, 1, "17 pieces"), (&content[..], 0, 0, "")]
    {
        let machine = Machine::new();
        let list = machine.put("x.meta4", &pieces_only(&site, sums_of, left_out, "{site}/good"));
        let outcome = machine.get(&[list.to_str().unwrap()]);
        assert_eq!(outcome.status.code(), Some(exit), "{}", outcome.told());
        assert!(outcome.stderr.contains(said), "{}", outcome.told());
        assert_eq!(machine.file("file.iso").exists(), exit == 0);
    }
}

#[test]
fn wrong_pieces_are_fetched_again_once_though_the_server_breaks_every_end() {
    let (site, machine) = (Site::start(None), Machine::new());
    site.serve("good", toml! { size = "1 MiB" });
    site.serve(
        "odd",
        toml! {
            size = "1 MiB"
            version = 2
            rule = [{ when = { ranged = false }, chunked = true, cut_after = "1 MiB" }]
        },
    );
    let content = site.content("good").unwrap();
    let list = pieces_only(&site, &content, 0, "{site}/odd");
    let list = machine.put("x.meta4", &list.replace("<pieces", "<size>1048576</size><pieces"));
    let outcome = machine.get(&[list.to_str().unwrap(), "-n", "1"]);
    assert_eq!(outcome.status.code(), Some(1), "{}", outcome.told());
    assert!(outcome.stderr.contains("not what the Metalink says"), "{}", outcome.told());
    assert!(sent(&site, "odd") <= 3 << 20, "{} bytes came", sent(&site, "odd"));
}
