//! What one client can cost an agent has an end: what it stages, what it is called, and files that became something else.

use std::time::{Duration, Instant};

use haul::engine::Holder;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use toml::toml;

use crate::agent::{agent, done};
use crate::screen::{leave, open};
use crate::support::line::Line;
use crate::support::machine::Machine;
use crate::support::site::Site;

fn socket(machine: &Machine) -> std::path::PathBuf {
    Holder::read(&machine.state()).socket.expect("no agent listens")
}

fn refused(answer: &Value, why: &str) {
    let said = answer["error"]["message"].as_str().unwrap_or_default();
    assert!(said.contains(why), "{answer}");
}

#[test]
fn what_a_client_stages_and_how_it_calls_things_is_bounded() {
    let machine = Machine::with_agent();
    done(&machine.run(&["list"]));
    let socket = socket(&machine);
    let hello = json!({ "name": "x", "version": "0", "protocol": 1, "key": "k".repeat(257) });
    refused(&Line::connect(&socket).ask("hello", &hello), "at most 256 bytes");
    let mut line = Line::hello(&socket, &"k".repeat(256));
    let settings: Vec<_> = (0..10).map(|_| json!({})).collect();
    for downloads in [json!([]), json!([{ "url": "http://a.example/x" }])] {
        let piece = json!({ "number": 0, "batch": { "downloads": downloads, "settings": settings } });
        refused(&line.ask("stage", &piece), "more settings than downloads");
    }
    let piece = json!({ "downloads": [{ "url": "http://a.example/x" }], "settings": [{}] });
    line.get("stage", &json!({ "number": 0, "batch": piece }));
    for _ in 0..16 {
        line.get("subscribe", &Value::Null);
    }
    refused(&line.ask("subscribe", &Value::Null), "at most 16 subscriptions");
    line.get("unsubscribe", &json!({ "subscription": 3 }));
    line.get("subscribe", &Value::Null);
    let name = "n".repeat(201);
    refused(&line.ask("create_collection", &json!({ "name": name })), "at most 200 letters");
    line.get("create_collection", &json!({ "name": "films" }));
    refused(&line.ask("set_collection", &json!({ "id": 2, "name": name })), "at most 200 letters");
}

#[test]
fn a_finished_file_that_became_a_pipe_keeps_nobody_waiting() {
    let (site, machine) = (Site::start(None), Machine::with_agent());
    site.serve("file.bin", toml! { size = "64 KiB" });
    done(&machine.get(&[&site.fill("{site}/file.bin")]));
    let path = machine.file("file.bin");
    std::fs::remove_file(&path).unwrap();
    mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let mut line = Line::hello(&socket(&machine), "test");
    for (method, params) in
        [("sum", json!({ "id": 1, "length": 0 })), ("read", json!({ "id": 1, "offset": 0, "length": 10 }))]
    {
        let answer = line.ask(method, &params);
        assert!(answer["error"].is_object(), "{answer}");
    }
}

/// An agent that hears nothing, as one behind a network that is away.
#[test]
fn whoever_leaves_an_agent_that_hangs_is_not_kept() {
    let machine = Machine::with_agent();
    done(&machine.run(&["hold"]));
    done(&machine.run(&["add", "-d", machine.downloads().to_str().unwrap(), "http://127.0.0.1:9/held"]));
    let process = Pid::from_raw(agent(&machine).cast_signed()).unwrap();
    let mut watching = machine.spawn(&["watch", "--json"]);
    watching.wait_for_stdout(10);
    let mut screen = open(&machine, &[], (80, 24), &[]);
    screen.wait_for("held");
    kill_process(process, Signal::STOP).unwrap();
    let began = Instant::now();
    let watched = watching.interrupt();
    leave(&mut screen, "q");
    kill_process(process, Signal::CONT).unwrap();
    assert_eq!(watched.status.code(), Some(130), "{}", watched.told());
    assert!(began.elapsed() < Duration::from_secs(15), "it took {:?}", began.elapsed());
}

#[test]
fn the_answers_to_one_batch_are_bounded() {
    let machine = Machine::with_agent();
    done(&machine.run(&["hold"]));
    let links: Vec<_> =
        (0..3000).map(|number| format!("http://127.0.0.1:9/{}/{number}", "x".repeat(200))).collect();
    let list = machine.put("list", &links.join("\n"));
    let folder = machine.downloads().display().to_string();
    done(&machine.run(&["add", "-d", &folder, "-i", list.to_str().unwrap()]));
    let mut line = Line::hello(&socket(&machine), "x");
    let part =
        json!({ "jsonrpc": "2.0", "id": 1, "method": "list", "params": { "select": { "all": true } } });
    line.send(format!("{}\n", json!(vec![part; 100])).as_bytes());
    let answers = line.read().unwrap();
    let answers = answers.as_array().unwrap();
    let whole = answers.iter().take_while(|answer| answer["result"].is_object()).count();
    assert!(whole > 1, "{whole}");
    let rest: Vec<_> = answers[whole..].iter().collect();
    assert!(rest.len() > 40 && rest.iter().all(|answer| answer["error"]["code"] == -32600), "{whole}");
    refused(rest[0], "ask for the rest by itself");
}
