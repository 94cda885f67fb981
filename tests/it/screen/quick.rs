//! How quick the real program is in a terminal: the first screen of a hundred thousand downloads, and a key's frame while a thousand
//! run. The numbers are printed; the bounds are wide, because the machine is shared and this is a build for finding mistakes.

use std::fmt::Write as _;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{NORMAL, leave, open};
use crate::support::machine::Machine;

const RUNNING: usize = 1000;
/// Hosts that they come from: each has a limit of connections.
const HOSTS: usize = 8;
const MANY: usize = 100_000;
/// What a person takes for at once is 50 ms, and a busy machine may need that many times.
const SLACK: u32 = 10;

/// A server that gives everybody a little, ten times a second: for minutes on end.
struct Drip {
    port: u16,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drip {
    fn start() -> Self {
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let thread = Some(std::thread::spawn(move || drip(&listener, &over)));
        Self { port, is_over, thread }
    }

    fn links(&self) -> String {
        let mut list = String::new();
        for number in 0..RUNNING {
            let host = number % HOSTS + 1;
            writeln!(list, "http://127.0.0.{host}:{}/{number}\tout=file-{number}.bin", self.port).unwrap();
        }
        list
    }
}

impl Drop for Drip {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn drip(listener: &TcpListener, is_over: &AtomicBool) {
    let mut clients: Vec<(TcpStream, bool)> = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        while let Ok((client, _)) = listener.accept() {
            client.set_nonblocking(true).unwrap();
            clients.push((client, false));
        }
        clients.retain_mut(|(client, is_asked)| {
            let given = if *is_asked {
                client.write(&[7; 2048])
            } else {
                let asked = client.read(&mut [0; 8192]);
                if asked.as_ref().is_ok_and(|length| *length > 0) {
                    *is_asked = true;
                    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\
                                Content-Length: 4000000\r\n\r\n";
                    client.write(head.as_bytes())
                } else {
                    asked
                }
            };
            match given {
                Ok(length) => length > 0,
                Err(error) => error.kind() == ErrorKind::WouldBlock,
            }
        });
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// How long it takes from some keys until a text is there.
fn until(terminal: &mut super::Terminal, keys: &str, is_so: impl FnMut(&str) -> bool) -> Duration {
    let before = Instant::now();
    terminal.send(keys);
    terminal.wait_until(&format!("{keys:?} does something"), is_so);
    before.elapsed()
}

/// How many frames the program has drawn: it puts each between two marks, so that none is seen half.
fn frames(terminal: &super::Terminal) -> usize {
    terminal.raw().matches("\x1b[?2026h").count()
}

fn median(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort_unstable();
    (times[times.len() / 2], times[times.len() - 1])
}

#[test]
fn a_key_s_frame_is_there_at_once_while_a_thousand_run() {
    let (server, machine) = (Drip::start(), Machine::with_agent());
    machine.configure(
        "[engine]\nparallel = 1000\nparallel_per_host = 1000\nconnections = 1000\nconnections_per_host = 256\n",
    );
    let list = machine.put("list", &server.links());
    let outcome = machine.run(&["add", "-i", list.to_str().unwrap()]);
    assert!(outcome.status.success(), "{}", outcome.told());
    let mut terminal = open(&machine, &[], (120, 36), &[]);
    terminal.wait_until("they run", |text| {
        let runs = |line: &str| line.split_once(" running").map(|(count, _)| count.to_owned());
        let count = text.lines().find_map(runs).unwrap_or_default();
        let digits: String = count.chars().filter(char::is_ascii_digit).collect();
        digits.parse().is_ok_and(|count: usize| count >= RUNNING * 9 / 10)
    });
    let (before, began) = (frames(&terminal), Instant::now());
    std::thread::sleep(Duration::from_secs(2));
    let (drawn, span) = (frames(&terminal) - before, began.elapsed());
    eprintln!("{drawn} frames in {span:?}, {RUNNING} running");
    assert!(drawn > 0 && drawn as u128 <= span.as_millis() * 30 / 1000 + 2, "{drawn} frames in {span:?}");
    let mut times = Vec::new();
    for _ in 0..20 {
        times.push(until(&mut terminal, "?", |text| text.contains("The download under the cursor")));
        times.push(until(&mut terminal, "\x1b", |text| !text.contains("The download under the cursor")));
    }
    let (usual, worst) = median(times);
    eprintln!("from key to frame, {RUNNING} running: {usual:?}, at worst {worst:?} of 40");
    assert!(usual < Duration::from_millis(50) * SLACK, "a key takes {usual:?}");
    leave(&mut terminal, "q");
}

#[test]
fn where_nothing_happens_nothing_is_drawn() {
    let machine = Machine::with_agent();
    let mut terminal = open(&machine, &[], NORMAL, &[]);
    terminal.wait_until("it is there", |text| text.contains("to add a link"));
    std::thread::sleep(Duration::from_secs(1));
    let before = terminal.raw().len();
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(terminal.raw()[before..], *"", "it draws though nothing happens");
    leave(&mut terminal, "q");
}

#[test]
fn the_first_screen_of_a_hundred_thousand_is_there_at_once() {
    let machine = Machine::with_agent();
    let held = machine.run(&["hold"]);
    assert!(held.status.success(), "{}", held.told());
    let mut links = String::new();
    for number in 0..MANY {
        writeln!(links, "http://host{}.invalid/file-{number}.bin", number % 50).unwrap();
    }
    let list = machine.put("list", &links);
    let outcome = machine.run(&["add", "-i", list.to_str().unwrap()]);
    assert!(outcome.status.success(), "{}", outcome.told());
    let before = Instant::now();
    let mut terminal = open(&machine, &[], NORMAL, &[]);
    terminal.wait_until("rows are there", |text| text.contains("file-") && text.contains("held"));
    let first = before.elapsed();
    terminal.wait_until("all are there", |text| text.contains("of 100 000"));
    let all = before.elapsed();
    let key = until(&mut terminal, "?", |text| text.contains("The download under the cursor"));
    eprintln!("{MANY} downloads: first rows after {first:?}, all after {all:?}, then a key {key:?}");
    assert!(first < Duration::from_millis(300) * SLACK, "the first screen takes {first:?}");
    until(&mut terminal, "\x1b", |text| !text.contains("The download under the cursor"));
    leave(&mut terminal, "q");
}
