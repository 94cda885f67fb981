//! The protocol by hand: a connection to an agent's socket that sends what a test says, right or wrong.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde_json::{Value, json};

use super::site::DEADLINE;

/// A connection.
pub(crate) struct Line {
    reader: BufReader<UnixStream>,
    last: u64,
}

impl Line {
    /// Connects, and says nothing yet.
    pub(crate) fn connect(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        Self { reader: BufReader::new(stream), last: 0 }
    }

    /// Connects and says hello with a key.
    pub(crate) fn hello(socket: &Path, key: &str) -> Self {
        let mut line = Self::connect(socket);
        let hello = json!({ "name": "test", "version": "0.1.0", "protocol": 1, "key": key });
        let welcome = line.ask("hello", &hello);
        assert_eq!(welcome["result"]["name"], "haul", "{welcome}");
        line
    }

    /// Sends bytes as they are.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.reader.get_mut().write_all(bytes).unwrap();
    }

    /// Says that nothing more is sent.
    pub(crate) fn end(&mut self) {
        self.reader.get_mut().shutdown(std::net::Shutdown::Write).unwrap();
    }

    /// Reads the next message; nothing where the connection has ended.
    pub(crate) fn read(&mut self) -> Option<Value> {
        let mut text = String::new();
        self.reader.read_line(&mut text).unwrap();
        (!text.is_empty()).then(|| serde_json::from_str(&text).unwrap())
    }

    /// Asks, and returns the answer; what is pushed before it is passed over.
    pub(crate) fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.last += 1;
        let text = json!({ "jsonrpc": "2.0", "id": self.last, "method": method, "params": params });
        self.send(format!("{text}\n").as_bytes());
        loop {
            let answer = self.read().expect("the connection ended before the answer");
            if answer["id"] == self.last {
                return answer;
            }
        }
    }

    /// Asks for what is not refused, and returns the data of the answer.
    pub(crate) fn get(&mut self, method: &str, params: &Value) -> Value {
        let mut answer = self.ask(method, params);
        assert!(answer.get("error").is_none(), "{method} {params}: {answer}");
        match answer["result"]["data"].take() {
            Value::Null => answer["result"].take(),
            data => data,
        }
    }

    /// Returns the row of a download.
    pub(crate) fn row(&mut self, id: u64) -> Option<Value> {
        let rows = self.get("list", &json!({ "select": { "ids": [id] } }));
        rows.as_array().and_then(|rows| rows.first().cloned())
    }

    /// Subscribes, and waits until a download is as a test wants it.
    pub(crate) fn wait_for(&mut self, id: u64, what: &str, is_so: impl Fn(&Value) -> bool) {
        self.get("subscribe", &Value::Null);
        loop {
            let pushed = self.read().unwrap_or_else(|| panic!("the agent ended before {id} was {what}"));
            let rows = pushed["params"]["update"]["rows"].as_array();
            if rows.is_some_and(|rows| rows.iter().any(|row| row["id"] == id && is_so(row))) {
                return;
            }
        }
    }
}
