//! What must stay secret does: in all that is shown, kept and logged, behind redirects, with a certificate that is not to be
//! trusted, and for an agent that was started from somebody's environment.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use toml::toml;

use crate::support::machine::Machine;
use crate::support::proxy::{Proxy, Speaks};
use crate::support::site::Site;
use crate::support::tls::Identity;

/// Words that may appear nowhere.
const SECRETS: [&str; 5] = ["hunter2", "token-of-mine", "sid-of-mine", "proxy-word", "netrc-word"];

/// Every file below a folder.
fn files_below(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            files_below(&entry.path(), found);
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
}

fn assert_hides(what: &str, text: &[u8]) {
    for secret in SECRETS {
        let told = text.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!told, "{what} tells {secret}: {}", String::from_utf8_lossy(text));
    }
}

#[test]
fn secrets_are_in_nothing_that_is_shown_or_logged_and_kept_where_only_their_owner_reads() {
    let machine = Machine::with_agent();
    // It makes its own.
    std::fs::remove_dir(machine.state()).unwrap();
    let (site, proxy) = (Site::start(None), Proxy::start(Speaks::Http));
    site.serve("file.bin", toml! { size = "1 MiB" });
    site.serve("gone.bin", toml! { status = 404 });
    site.serve("closed.bin", toml! { status = 403 });
    let headers = machine.put("headers", "X-Token: token-of-mine\nCookie: sid=sid-of-mine\n");
    std::fs::set_permissions(&headers, std::fs::Permissions::from_mode(0o600)).unwrap();
    let headers = format!("@{}", headers.display());
    std::fs::write(machine.root().join("home/.netrc"), "machine localhost login me password netrc-word\n")
        .unwrap();
    let through = format!("http://someone:proxy-word@{}", proxy.address());
    let named = |name: &str| site.fill(&format!("{{owner}}/{name}"));
    let given = ["--header", headers.as_str(), "--proxy", through.as_str()];
    let mut told = Vec::new();
    let mut keep = |what: &str, outcome: &crate::support::machine::Outcome| {
        told.push((what.to_owned(), [&outcome.stdout, outcome.stderr.as_bytes()].concat()));
    };
    let got = machine.get(&[&[named("file.bin").as_str()], &given[..]].concat());
    assert!(got.status.success(), "{}", got.told());
    keep("get", &got);
    assert!(site.log()[0].request.header("authorization").is_some());
    assert_eq!(site.log()[0].request.header("x-token"), Some("token-of-mine"));
    // Failures quote what was asked for.
    for name in ["gone.bin", "closed.bin"] {
        keep(name, &machine.get(&[&[named(name).as_str()], &given[..]].concat()));
    }
    keep("netrc", &machine.get(&[site.fill("{other}/file.bin").as_str(), "--netrc", "--again"]));
    for words in [
        &["list"][..],
        &["list", "--json"],
        &["show", "1"],
        &["show", "1", "--json"],
        &["show", "2"],
        &["show", "3", "--json"],
        &["show", "4", "--json"],
        &["history"],
        &["history", "--json"],
        &["collections", "--json"],
        &["agent", "log", "-n", "1000"],
        &["agent", "status", "--json"],
    ] {
        let outcome = machine.run(words);
        assert!(outcome.status.success(), "{words:?}: {}", outcome.told());
        keep(&words.join(" "), &outcome);
    }
    let logged = machine.run(&["agent", "log"]);
    assert!(!logged.stdout.is_empty(), "{}", logged.told());
    machine.run(&["agent", "stop"]);
    for (what, text) in told {
        assert_hides(&what, &text);
    }
    // The store alone holds them, for the next try, where only its owner reads.
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&machine.state()), 0o700);
    let mut kept = Vec::new();
    files_below(&machine.state(), &mut kept);
    for path in kept {
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("haul.db")) {
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        } else {
            assert_hides(&path.display().to_string(), &std::fs::read(&path).unwrap());
        }
    }
    // What the file itself says of where it is from.
    let mut origin = [0; 4096];
    match rustix::fs::getxattr(machine.file("file.bin"), "user.xdg.origin.url", &mut origin) {
        Ok(length) => {
            let origin = std::str::from_utf8(&origin[..length]).unwrap();
            assert!(origin.starts_with("http://127.0.0.1") && !origin.contains(['?', '@', '#']), "{origin}");
            assert_hides("the file's origin", origin.as_bytes());
        }
        Err(error) => assert_eq!(error, rustix::io::Errno::NOTSUP),
    }
}

#[test]
fn a_password_from_netrc_goes_only_to_the_host_that_was_asked_first() {
    let (site, machine) = (Site::start(None), Machine::new());
    site.serve("away", toml! { redirect = "{other}/file.bin" });
    site.serve("file.bin", toml! { size = 5 });
    // Both hosts are in it, and so is everybody else: a redirect's target is still not asked for.
    let netrc = "machine 127.0.0.1 login me password netrc-word\n\
                 machine localhost login me password netrc-word\n\
                 default login me password netrc-word\n";
    std::fs::write(machine.root().join("home/.netrc"), netrc).unwrap();
    let outcome = machine.get(&[site.fill("{site}/away").as_str(), "--netrc"]);
    assert!(outcome.status.success(), "{}", outcome.told());
    let sent: Vec<_> = site
        .log()
        .iter()
        .map(|seen| (seen.name.clone(), seen.request.header("authorization").is_some()))
        .collect();
    assert_eq!(sent, [("away".to_owned(), true), ("file.bin".to_owned(), false)]);
}

#[test]
fn a_certificate_of_another_name_or_another_time_is_refused_though_its_authority_is_trusted() {
    for (identity, fault) in
        [(Identity::of_another_name(), "elsewhere.example"), (Identity::of_another_time(), "expired")]
    {
        let (site, machine) = (Site::start(Some(&identity)), Machine::new());
        site.serve("file.bin", toml! { size = "1 MiB" });
        let authority = machine.put("ca.pem", &identity.authority_pem).display().to_string();
        let url = site.fill("{tls}/file.bin");
        let outcome = machine.get(&[url.as_str(), "--ca", &authority]);
        assert_eq!(outcome.status.code(), Some(1), "{fault}: {}", outcome.told());
        assert!(outcome.stderr.contains(fault), "{fault}: {}", outcome.told());
        assert!(site.log().is_empty(), "{fault}: it was asked all the same");
        assert!(machine.names().is_empty(), "{fault}: {:?}", machine.names());
    }
}

#[test]
fn a_server_of_another_protocol_is_told_at_once_and_shown() {
    let (identity, machine) = (Identity::new(), Machine::with_agent());
    let site = Site::start_for(&identity, "spdy/3");
    site.serve("file.bin", toml! { size = "1 MiB" });
    let authority = machine.put("ca.pem", &identity.authority_pem).display().to_string();
    let url = site.fill("{tls}/file.bin");
    let outcome = machine.get(&[url.as_str(), "--ca", &authority, "--priority", "low"]);
    assert_eq!(outcome.status.code(), Some(1), "{}", outcome.told());
    assert!(outcome.stderr.contains("speaks neither HTTP/1.1 nor HTTP/2"), "{}", outcome.told());
    let shown = machine.run(&["show", "1"]);
    assert!(
        String::from_utf8_lossy(&shown.stdout).contains("speaks neither HTTP/1.1 nor HTTP/2"),
        "{}",
        shown.told()
    );
}

#[test]
fn an_agent_goes_by_no_proxy_of_the_environment_that_it_was_started_in() {
    let mut machine = Machine::with_agent();
    let (site, proxy) = (Site::start(None), Proxy::start(Speaks::Http));
    site.serve("file.bin", toml! { size = "1 MiB" });
    let variables = ["http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY", "ALL_PROXY"];
    for name in variables {
        machine.set(name, "http://127.0.0.1:9");
    }
    let started = machine.run(&["agent", "start"]);
    assert!(started.status.success(), "{}", started.told());
    for name in variables {
        machine.set(name, "");
    }
    let url = site.fill("{site}/file.bin");
    let outcome = machine.get(&[url.as_str()]);
    assert!(outcome.status.success(), "{}", outcome.told());
    // What the command itself was given is the download's own, and is shown with it.
    machine.set("http_proxy", &format!("http://someone:proxy-word@{}", proxy.address()));
    let outcome = machine.get(&[url.as_str(), "--again"]);
    assert!(outcome.status.success() && proxy.came() > 0, "{}", outcome.told());
    let shown = machine.run(&["show", "2"]);
    let text = String::from_utf8_lossy(&shown.stdout);
    assert!(text.contains(&proxy.address().to_string()), "{}", shown.told());
    assert_hides("show", &shown.stdout);
}
