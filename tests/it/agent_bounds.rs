//! What one client can cost an agent has an end: what it stages, what it is called, and files that became something else.

use haul::engine::Holder;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value, json};
use toml::toml;

use crate::agent::done;
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
