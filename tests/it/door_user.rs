//! Another user of the machine at the door: reaches it as everybody does, says that he is a page that was let in, and gets nothing.

use std::process::{Command, Output};

use serde_json::json;

use crate::support::machine::Machine;
use crate::support::page::Door;
use crate::support::real::{find, has};

const PAGE: &str = "http://127.0.0.1:8000";

/// Says a request as somebody: waits for the answer, or leaves at once.
fn say(user: u32, door: &Door, name: &str, waits: bool) -> Output {
    let message =
        json!({ "jsonrpc": "2.0", "id": 1, "method": "create_collection", "params": { "name": name } });
    let message = message.to_string();
    let request = format!(
        "POST /rpc HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nOrigin: {PAGE}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{message}",
        door.port,
        message.len()
    );
    let script = if waits {
        r#"exec 3<>"/dev/tcp/127.0.0.1/$PORT"; printf %s "$REQUEST" >&3; cat <&3"#
    } else {
        // What comes and goes before it is looked at has no holder by then.
        r#"for _ in $(seq 100); do exec 3<>"/dev/tcp/127.0.0.1/$PORT"; printf %s "$REQUEST" >&3; exec 3>&-; done"#
    };
    let user = user.to_string();
    Command::new(find("setpriv").unwrap())
        .args(["--reuid", &user, "--regid", &user, "--clear-groups", "--", "bash", "-c", script])
        .current_dir("/")
        .env("PORT", door.port.to_string())
        .env("REQUEST", request)
        .output()
        .unwrap()
}

#[test]
fn another_user_is_no_page_whatever_origin_he_says() {
    if !rustix::process::geteuid().is_root() || !has("setpriv") || !has("bash") {
        return;
    }
    let mut machine = Machine::with_agent();
    let door = Door::open(&mut machine);
    let mut page = door.guest(&machine, PAGE, "k");
    // The same words by the agent's own user are a page's.
    let ours = String::from_utf8_lossy(&say(0, &door, "ours", true).stdout).into_owned();
    assert!(ours.starts_with("HTTP/1.1 200"), "{ours}");
    assert_eq!(say(65534, &door, "theirs", true).stdout, b"", "he is not even answered");
    say(65534, &door, "theirs", false);
    // Whatever was taken in before has been carried out by now.
    let collections = page.get("collections", &json!(null)).to_string();
    assert!(collections.contains("ours") && !collections.contains("theirs"), "{collections}");
    let log = machine.run(&["agent", "log"]);
    assert!(String::from_utf8_lossy(&log.stdout).contains("another user tried the door"), "{}", log.told());
}
