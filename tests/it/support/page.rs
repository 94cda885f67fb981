//! A web page at the door, by hand: says what a test wants over HTTP and WebSocket, right or wrong, as of any origin.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest as _;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Message, WebSocket};

use super::machine::{Machine, Running};
use super::site::DEADLINE;

/// An agent with an open door.
pub(crate) struct Door {
    agent: Running,
    /// Where it is.
    pub(crate) port: u16,
}

impl Door {
    /// Starts an agent with a door on a machine, and waits until it is open.
    pub(crate) fn open(machine: &mut Machine) -> Self {
        Self::open_at(machine, 0)
    }

    /// The same at a port.
    pub(crate) fn open_at(machine: &mut Machine, port: u16) -> Self {
        machine.set("HAUL_TEST_DOOR_PORT", &port.to_string());
        let mut agent = machine.spawn_beside("agent", &["agent", "run", "--door"]);
        agent.wait_for_words("the door for web pages is open at ");
        let status = machine.run(&["agent", "status", "--json"]);
        let status: Value = serde_json::from_slice(&status.stdout).unwrap();
        let url = status["door"].as_str().unwrap_or_else(|| panic!("no door: {status}"));
        let port = url.rsplit(':').next().unwrap().parse().unwrap();
        Self { agent, port }
    }

    /// The agent's process.
    pub(crate) fn agent(&mut self) -> &mut Running {
        &mut self.agent
    }

    /// Connects, and says nothing yet.
    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream
    }

    /// Sends a request as it is, and returns the whole answer. `HOST` is the door's own.
    pub(crate) fn ask(&self, request: &str) -> String {
        let mut stream = self.connect();
        let request = request.replace("HOST", &format!("127.0.0.1:{}", self.port)).replace('\n', "\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        // A connection that is reset has said what it had to say.
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Begins a WebSocket as a page of an origin; the status where it is refused.
    pub(crate) fn page(&self, origin: &str) -> Result<Page, u16> {
        let mut request = format!("ws://127.0.0.1:{}/rpc", self.port).into_client_request().unwrap();
        request.headers_mut().insert("Origin", origin.parse().unwrap());
        let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
        match tungstenite::client::client_with_config(request, self.connect(), Some(config)) {
            Ok((socket, _)) => Ok(Page { socket, last: 0, passed: VecDeque::new() }),
            Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(answer))) => {
                Err(answer.status().as_u16())
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Lets a page in and has it say hello with a key.
    pub(crate) fn guest(&self, machine: &Machine, origin: &str, key: &str) -> Page {
        let allowed = machine.run(&["door", "allow", origin]);
        assert!(allowed.status.success(), "{}", allowed.told());
        let mut page = self.page(origin).unwrap();
        page.hello(key);
        page
    }
}

/// A page's connection.
pub(crate) struct Page {
    socket: WebSocket<TcpStream>,
    last: u64,
    /// What was pushed while an answer was waited for, oldest first.
    passed: VecDeque<Value>,
}

impl Page {
    /// Says hello.
    pub(crate) fn hello(&mut self, key: &str) {
        let hello = json!({ "name": "test", "version": "1", "protocol": 1, "key": key });
        let welcome = self.ask("hello", &hello);
        assert_eq!(welcome["result"]["name"], "haul", "{welcome}");
    }

    /// Sends a text as it is. Whether it went out.
    pub(crate) fn send(&mut self, text: String) -> bool {
        self.socket.send(Message::text(text)).is_ok()
    }

    /// Asks, and waits for no answer; returns the number that it will have.
    pub(crate) fn say(&mut self, method: &str, params: &Value) -> u64 {
        self.last += 1;
        let text = json!({ "jsonrpc": "2.0", "id": self.last, "method": method, "params": params });
        self.send(text.to_string());
        self.last
    }

    /// Reads the next message; the code with which the connection was closed where there is none.
    pub(crate) fn read(&mut self) -> Result<Value, u16> {
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => return Ok(serde_json::from_str(&text).unwrap()),
                Ok(Message::Close(frame)) => return Err(frame.map_or(1005, |frame| frame.code.into())),
                Ok(_) => {}
                Err(_) => return Err(1006),
            }
        }
    }

    /// Waits for an answer; what is pushed before it is kept for who waits for a download.
    pub(crate) fn answer(&mut self, id: u64) -> Value {
        loop {
            let answer = self.read().unwrap_or_else(|code| panic!("closed by {code} before the answer"));
            if answer["id"] == id {
                return answer;
            }
            self.passed.push_back(answer);
        }
    }

    /// Asks, and returns the answer.
    pub(crate) fn ask(&mut self, method: &str, params: &Value) -> Value {
        let id = self.say(method, params);
        self.answer(id)
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

    /// Asks for what is refused, and returns the kind of the refusal, or the code of the error.
    pub(crate) fn refused(&mut self, method: &str, params: &Value) -> String {
        let answer = self.ask(method, params);
        let error = &answer["error"];
        match error["data"]["kind"].as_str() {
            Some(kind) => kind.to_owned(),
            None => {
                error["code"].as_i64().unwrap_or_else(|| panic!("{method} {params}: {answer}")).to_string()
            }
        }
    }

    /// Makes a collection and returns its number.
    pub(crate) fn collection(&mut self, name: &str) -> u64 {
        self.get("create_collection", &json!({ "name": name }))[0]["id"].as_u64().unwrap()
    }

    /// Adds a download and returns its number.
    pub(crate) fn add(&mut self, collection: u64, url: &str, mode: &str) -> u64 {
        let batch =
            json!({ "downloads": [{ "url": url, "mode": mode, "collection": collection }], "settings": [] });
        self.get("add", &batch)[0]["id"].as_u64().unwrap()
    }

    /// Does something to a download; the kind of the refusal where that is refused.
    pub(crate) fn act(&mut self, id: u64, act: &str) -> Option<String> {
        let acted = self.get("act", &json!({ "select": { "ids": [id] }, "act": { "do": act } }));
        acted[0]["refused"]["kind"].as_str().map(str::to_owned)
    }

    /// Waits until a download is as a test wants it, among what is pushed after `subscribe`.
    pub(crate) fn wait_for(&mut self, id: u64, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        loop {
            let pushed = self.passed.pop_front().unwrap_or_else(|| {
                self.read().unwrap_or_else(|code| panic!("closed by {code} before {id} was {what}"))
            });
            let rows = pushed["params"]["update"]["rows"].as_array();
            if let Some(row) = rows.into_iter().flatten().find(|row| row["id"] == id && is_so(row)) {
                return row.clone();
            }
        }
    }

    /// Waits until a download is in a state.
    pub(crate) fn wait_for_state(&mut self, id: u64, state: &str) -> Value {
        self.wait_for(id, state, |row| row["state"]["is"] == state)
    }

    /// Waits for the end of the connection, and returns the code that it was closed with.
    pub(crate) fn wait_for_end(&mut self) -> u16 {
        loop {
            if let Err(code) = self.read() {
                return code;
            }
        }
    }
}
