//! Too much at the door: connections, bodies, messages and patience have an end, and downloads go on.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;
use toml::toml;

use crate::support::machine::Machine;
use crate::support::page::Door;
use crate::support::site::{DEADLINE, Site};

const PAGE: &str = "http://127.0.0.1:8000";

/// Whether the other side has ended a connection, or does within a time.
fn is_ended(mut stream: &TcpStream, within: Duration) -> bool {
    stream.set_read_timeout(Some(within)).unwrap();
    loop {
        match stream.read(&mut [0; 4096]) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => {
                return !matches!(
                    error.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                );
            }
        }
    }
}

#[test]
fn whatever_comes_is_bounded_and_downloads_go_on() {
    let site = Site::start(None);
    site.serve("file.bin", toml! { size = "4 MiB" });
    site.hold_after(1 << 20);
    let mut machine = Machine::with_agent();
    let mut door = Door::open(&mut machine);
    let mut page = door.guest(&machine, PAGE, "k");
    let url = site.fill("{site}/file.bin");
    let added = machine.run(&["add", "-d", machine.downloads().to_str().unwrap(), &url]);
    assert!(added.status.success(), "{}", added.told());
    assert!(site.wait_until_held(|| false));

    // Slow senders: a head that never ends, a body that never comes, a WebSocket that says nothing.
    let begun = Instant::now();
    let slow: Vec<TcpStream> = ["GET /haul.js HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A", ""]
        .iter()
        .map(|head| {
            let mut stream = door.connect();
            stream.write_all(head.as_bytes()).unwrap();
            stream
        })
        .collect();
    let mut silent = door.page("https://silent.example").unwrap();

    // Ten thousand connections: most of them are closed at once, and no more than a few are held.
    let mut kept: Vec<TcpStream> = Vec::new();
    for _ in 0..10_000 {
        // Where the system lets nobody wait any more, that is an answer too.
        let address = ([127, 0, 0, 1], door.port).into();
        if let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
            kept.push(stream);
        }
        if kept.len() > 400 {
            kept.drain(..300);
        }
    }
    let descriptors = std::fs::read_dir(format!("/proc/{}/fd", door.agent().id())).unwrap().count();
    assert!(descriptors < 64 + 150, "{descriptors} descriptors are open");
    let last = kept.split_off(kept.len() - 50);
    drop(kept);
    drop(last);

    // A gigabyte, announced and not; a message that has no end.
    let head = format!(
        "POST /rpc HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nOrigin: {PAGE}\r\nContent-Type: application/json\r\n",
        door.port
    );
    let end = Instant::now() + DEADLINE;
    let announced = loop {
        let answer = door.ask(&format!("{}Content-Length: 1073741824\n\n", head.replace("\r\n", "\n")));
        // The crowd may not be gone yet.
        if !answer.is_empty() || Instant::now() > end {
            break answer;
        }
    };
    assert!(announced.starts_with("HTTP/1.1 413 "), "{announced}");
    let mut stream = door.connect();
    stream.write_all(format!("{head}Transfer-Encoding: chunked\r\n\r\n").as_bytes()).unwrap();
    let chunk = [b"10000\r\n".as_slice(), &vec![b' '; 0x10000], b"\r\n"].concat();
    let mut sent = 0;
    while sent < (1 << 30) && stream.write_all(&chunk).is_ok() {
        sent += chunk.len();
    }
    assert!(sent < (64 << 20), "{sent} bytes of a body were taken");
    let mut greedy = door.page(PAGE).unwrap();
    greedy.hello("greedy");
    greedy.send(" ".repeat(2 << 20));
    assert!(matches!(greedy.wait_for_end(), 1006 | 1009));

    // Many pages of one origin that nobody let in.
    let strangers: Vec<_> = (0..6).map(|_| door.page("https://many.example")).collect();
    assert_eq!(strangers.iter().filter(|page| page.is_ok()).count(), 4);
    assert!(strangers.into_iter().skip(4).all(|page| page.err() == Some(503)));

    // A page that asks too often waits; it is answered all the same, and in order.
    let asking = Instant::now();
    let last = (0..260).map(|_| page.say("collections", &Value::Null)).last().unwrap();
    assert!(page.answer(last)["result"].is_object());
    assert!(asking.elapsed() > Duration::from_millis(700), "260 messages took {:?}", asking.elapsed());

    site.release();
    let waited = machine.run(&["wait", "1"]);
    assert!(waited.status.success(), "{}", waited.told());
    for stream in &slow {
        assert!(is_ended(stream, DEADLINE), "a slow sender is kept");
    }
    assert_eq!(silent.wait_for_end(), 1006);
    assert!(begun.elapsed() < DEADLINE, "{:?}", begun.elapsed());
}

#[test]
fn nobody_at_the_door_keeps_the_agent_from_its_end() {
    let mut machine = Machine::with_agent();
    let door = Door::open(&mut machine);
    let mut page = door.guest(&machine, PAGE, "k");
    let mut slow = door.connect();
    slow.write_all(b"GET /haul.js HTTP/1.1\r\nHost:").unwrap();
    let mut stranger = door.page("https://stranger.example").unwrap();
    stranger.say("door.ask", &Value::Null);
    let begun = Instant::now();
    let stopped = machine.run(&["agent", "stop"]);
    assert!(stopped.status.success(), "{}", stopped.told());
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    assert_eq!((page.wait_for_end(), stranger.wait_for_end()), (1001, 1001));
}
