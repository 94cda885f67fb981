//! Messages as JSON-RPC 2.0 writes them: requests are read strictly enough to answer every mistake, and answers are written without a copy of what
//! they carry.

use bytes::Bytes;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::error::{INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND, PARSE_ERROR, RpcError};
use super::method::{MODEL, OWN, knows};
use super::session::Own;
use crate::model::request::Request;

/// Requests in one batch, at most.
const MOST_PARTS: usize = 100;

/// What a client asks.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    /// Something of the object model.
    Model(Request),
    /// Something of the session.
    Own(Own),
}

/// A request as it came.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// What its answer is to carry; none for a notification, which gets no answer.
    pub id: Option<Value>,
    /// What is asked, or why that can't be told.
    pub ask: Result<Ask, RpcError>,
}

/// A line of requests.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// One.
    One(Asked),
    /// A JSON-RPC batch: the answers go into one line.
    Many(Vec<Asked>),
}

#[derive(Deserialize)]
struct Head {
    jsonrpc: Option<String>,
    #[serde(default, deserialize_with = "present")]
    id: Option<Value>,
    method: Option<String>,
}

/// An id of `null` is an id; a missing one is not.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl Line {
    /// Reads a line. What is wrong with it is part of what was asked.
    pub fn read(line: &[u8]) -> Self {
        let is_batch = line.trim_ascii_start().first() == Some(&b'[');
        if !is_batch {
            return Self::One(Asked::read(line));
        }
        let refused = |text: String| Self::One(Asked::broken(RpcError::new(INVALID_REQUEST, text)));
        // Counted first: a line of millions of small parts is refused without a copy of them.
        let parts = match serde_json::from_slice::<Vec<IgnoredAny>>(line).map(|parts| parts.len()) {
            Ok(0) => return refused("the batch is empty".into()),
            Ok(count) if count > MOST_PARTS => {
                return refused(format!("a batch has at most {MOST_PARTS} requests"));
            }
            Ok(_) => serde_json::from_slice::<Vec<Value>>(line),
            Err(error) => Err(error),
        };
        match parts {
            Ok(parts) => {
                Self::Many(parts.iter().map(|part| Asked::read(part.to_string().as_bytes())).collect())
            }
            Err(error) => Self::One(Asked::broken(not_json(&error))),
        }
    }
}

impl Asked {
    fn broken(error: RpcError) -> Self {
        Self { id: Some(Value::Null), ask: Err(error) }
    }

    fn read(text: &[u8]) -> Self {
        let head: Head = match serde_json::from_slice(text) {
            Ok(_) if text.trim_ascii_start().first() != Some(&b'{') => {
                return Self::broken(RpcError::new(INVALID_REQUEST, "a request is an object"));
            }
            Ok(head) => head,
            Err(error) if error.is_data() => {
                let text = format!("this is no request: {}", without_names(&error.to_string()));
                return Self::broken(RpcError::new(INVALID_REQUEST, text));
            }
            Err(error) => return Self::broken(not_json(&error)),
        };
        let id = head.id;
        // One with a fraction, or of more than 64 bits, would not come back as it was.
        let is_kept = match &id {
            None | Some(Value::Null | Value::String(_)) => true,
            Some(Value::Number(number)) => !number.is_f64(),
            Some(_) => false,
        };
        if !is_kept {
            return Self::broken(RpcError::new(
                INVALID_REQUEST,
                "an id is a whole number of at most 64 bits, or a text",
            ));
        }
        let invalid = |text: &str| Err(RpcError::new(INVALID_REQUEST, text));
        let ask = match (head.jsonrpc.as_deref(), head.method) {
            (Some("2.0"), Some(method)) => ask(&method, text),
            (Some("2.0"), None) => invalid("the request names no method"),
            _ => invalid("the request doesn't say \"jsonrpc\": \"2.0\""),
        };
        // Whoever sent a broken notification is told, as JSON-RPC says for what can't be read.
        let is_invalid = ask.as_ref().is_err_and(|error| error.code == INVALID_REQUEST);
        Self { id: if is_invalid { id.or(Some(Value::Null)) } else { id }, ask }
    }
}

fn not_json(error: &serde_json::Error) -> RpcError {
    RpcError::new(PARSE_ERROR, format!("the line is not JSON: {error}"))
}

fn ask(method: &str, text: &[u8]) -> Result<Ask, RpcError> {
    if knows(&OWN, method) {
        typed(method, text).map(Ask::Own)
    } else if knows(&MODEL, method) {
        typed(method, text).map(Ask::Model)
    } else {
        Err(RpcError::new(METHOD_NOT_FOUND, format!("there is no method `{method}`")))
    }
}

#[derive(Deserialize)]
struct Params {
    #[serde(default)]
    params: Value,
}

/// Reads the parameters. Where a method needs none, none, `{}`, `[]` and `null` are the same.
fn typed<T: DeserializeOwned>(method: &str, text: &[u8]) -> Result<T, RpcError> {
    let wrong = |error: &serde_json::Error| {
        let text = format!("`{method}` can't take these parameters: {}", without_names(&error.to_string()));
        RpcError::new(INVALID_PARAMS, text)
    };
    let params = || serde_json::from_slice::<Params>(text).map_or(Value::Null, |given| given.params);
    let error = match serde_json::from_slice(text) {
        // By order they would depend on how the types here happen to be written.
        Ok(_) if params().as_array().is_some_and(|items| !items.is_empty()) => {
            let text = format!("the parameters of `{method}` have names: they are an object");
            return Err(RpcError::new(INVALID_PARAMS, text));
        }
        Ok(ask) => return Ok(ask),
        Err(error) => error,
    };
    let params = params();
    let is_empty = match &params {
        Value::Null => true,
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    };
    if !is_empty {
        return Err(wrong(&error));
    }
    serde_json::from_value(serde_json::json!({ "method": method }))
        .or_else(|_| serde_json::from_value(serde_json::json!({ "method": method, "params": {} })))
        .map_err(|error| wrong(&error))
}

/// Takes the names that only the program's own types have out of what serde says.
fn without_names(text: &str) -> String {
    let mut told = text.to_owned();
    for (kind, plain) in [
        ("internally tagged enum ", "an object"),
        ("adjacently tagged enum ", "an object"),
        ("struct variant ", "an object"),
        ("tuple variant ", "a list"),
        ("newtype variant ", "something in it"),
        ("unit variant ", "nothing in it"),
        ("tuple struct ", "a list"),
        ("unit struct ", "nothing in it"),
        ("struct ", "an object"),
        ("enum ", "one of the known words"),
    ] {
        while let Some(at) = told.find(&format!("expected {kind}")) {
            let at = at + "expected ".len();
            let name = told[at + kind.len()..].find(|c: char| !c.is_alphanumeric() && !"_:".contains(c));
            let end = name.map_or(told.len(), |length| at + kind.len() + length);
            told.replace_range(at..end, plain);
        }
    }
    if let Some(at) = told.find(UNTAGGED) {
        let name = told[at + UNTAGGED.len()..].find(|c: char| !c.is_alphanumeric() && !"_:".contains(c));
        let end = name.map_or(told.len(), |length| at + UNTAGGED.len() + length);
        told.replace_range(at..end, "it has none of the known forms");
    }
    without_widths(&told)
}

/// What serde says where nothing fits that could.
const UNTAGGED: &str = "data did not match any variant of untagged enum ";

/// Takes the widths of numbers out: how wide they are here is nobody else's business.
fn without_widths(text: &str) -> String {
    const EXPECTED: &str = "expected ";
    let Some((before, after)) = text.split_once(EXPECTED) else { return text.to_owned() };
    let end = after.find(|c: char| !c.is_alphanumeric()).unwrap_or(after.len());
    let (word, rest) = after.split_at(end);
    let is_number = word.strip_prefix(['u', 'i', 'f']).is_some_and(|width| {
        width == "size" || (!width.is_empty() && width.bytes().all(|digit| digit.is_ascii_digit()))
    });
    let word = if is_number { "a number" } else { word };
    format!("{before}{EXPECTED}{word}{}", without_widths(rest))
}

/// A message to a client, in pieces so that many can share what is long. The line's end is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Before the body.
    pub head: Bytes,
    /// What may be shared.
    pub body: Bytes,
    /// After the body.
    pub tail: Bytes,
    /// The subscription whose changes may follow once this is sent.
    pub opens: Option<u64>,
}

/// Pieces up to this size are joined before they are written.
const JOIN: usize = 16 << 10;

impl Outgoing {
    /// Returns a message that is one piece; the line's end is added.
    fn whole(mut text: Vec<u8>) -> Self {
        text.push(b'\n');
        Self { head: Bytes::new(), body: text.into(), tail: Bytes::new(), opens: None }
    }

    /// Returns the pieces to write, in order.
    pub fn pieces(self) -> Vec<Bytes> {
        let Self { head, body, tail, .. } = self;
        if head.is_empty() && tail.is_empty() {
            return vec![body];
        }
        if body.len() <= JOIN {
            return vec![[head, body, tail].concat().into()];
        }
        vec![head, body, tail]
    }

    /// Returns the line as text without its end.
    pub fn into_text(self) -> String {
        let bytes = [self.head, self.body, self.tail].concat();
        String::from_utf8_lossy(&bytes).trim_end().to_owned()
    }
}

/// Writes an answer with its result.
pub fn result<T: Serialize>(id: &Value, result: &T) -> Vec<u8> {
    #[derive(Serialize)]
    struct Success<'a, T> {
        jsonrpc: &'static str,
        id: &'a Value,
        result: &'a T,
    }
    written(&Success { jsonrpc: "2.0", id, result })
}

/// Writes an answer with its error.
pub fn failure(id: &Value, error: &RpcError) -> Vec<u8> {
    #[derive(Serialize)]
    struct Failure<'a> {
        jsonrpc: &'static str,
        id: &'a Value,
        error: &'a RpcError,
    }
    written(&Failure { jsonrpc: "2.0", id, error })
}

/// Joins the answers of a batch into one line; none where none of it wanted one.
pub fn line(answers: Vec<Vec<u8>>, is_batch: bool) -> Option<Outgoing> {
    if !is_batch {
        return answers.into_iter().next().map(Outgoing::whole);
    }
    (!answers.is_empty()).then(|| {
        let mut text = vec![b'['];
        text.extend(answers.join(&b','));
        text.push(b']');
        Outgoing::whole(text)
    })
}

/// Writes an update as its subscribers share it.
pub fn update_body<T: Serialize>(update: &T) -> Bytes {
    written(update).into()
}

/// Writes an `update` notification around a body.
pub fn update(subscription: u64, body: Bytes) -> Outgoing {
    let head =
        format!(r#"{{"jsonrpc":"2.0","method":"update","params":{{"subscription":{subscription},"update":"#);
    Outgoing { head: head.into(), body, tail: Bytes::from_static(b"}}\n"), opens: None }
}

/// Writes the engine's last word: it was told to end, and whoever is connected must not start it again by itself.
pub fn leaving() -> Outgoing {
    Outgoing::whole(br#"{"jsonrpc":"2.0","method":"leaving","params":{}}"#.to_vec())
}

/// Writes a request with its number, which JSON can hold.
pub fn request<T: Serialize>(id: u64, ask: &T) -> Vec<u8> {
    try_request(id, ask).unwrap_or_default()
}

/// Writes a request with its number.
///
/// # Errors
/// Something in it can't be written as JSON: a path that is not UTF-8.
pub fn try_request<T: Serialize>(id: u64, ask: &T) -> Result<Vec<u8>, serde_json::Error> {
    #[derive(Serialize)]
    struct Numbered<'a, T> {
        jsonrpc: &'static str,
        id: u64,
        #[serde(flatten)]
        ask: &'a T,
    }
    let mut text = serde_json::to_vec(&Numbered { jsonrpc: "2.0", id, ask })?;
    text.push(b'\n');
    Ok(text)
}

/// Writes JSON. Every message is made of types that JSON can hold.
fn written<T: Serialize>(message: &T) -> Vec<u8> {
    serde_json::to_vec(message).unwrap_or_default()
}

/// A message from an engine, told apart before its content is read.
#[derive(Debug, PartialEq)]
pub enum Incoming {
    /// The answer to a request of ours.
    Answer {
        /// The request's number.
        id: u64,
        /// Whether it has a result; else the error.
        error: Option<RpcError>,
    },
    /// A change of a subscription.
    Update,
    /// The engine was told to end.
    Leaving,
    /// Something that a newer engine says, or an error without an id.
    Other(Option<RpcError>),
}

impl Incoming {
    /// Tells what a line is.
    ///
    /// # Errors
    /// It is no message.
    pub fn read(line: &[u8]) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Head {
            #[serde(default)]
            id: Option<u64>,
            #[serde(default)]
            method: Option<String>,
            #[serde(default)]
            error: Option<RpcError>,
        }
        let head: Head = serde_json::from_slice(line)?;
        Ok(match (head.id, head.method.as_deref()) {
            (Some(id), None) => Self::Answer { id, error: head.error },
            (_, Some("update")) => Self::Update,
            (_, Some("leaving")) => Self::Leaving,
            _ => Self::Other(head.error),
        })
    }
}

/// Reads the result of an answer.
///
/// # Errors
/// It is another type than was expected.
pub fn read_result<T: DeserializeOwned>(line: &[u8]) -> Result<T, serde_json::Error> {
    #[derive(Deserialize)]
    struct Success<T> {
        result: T,
    }
    serde_json::from_slice::<Success<T>>(line).map(|success| success.result)
}

/// Reads the parameters of a notification.
///
/// # Errors
/// It is another type than was expected.
pub fn read_params<T: DeserializeOwned>(line: &[u8]) -> Result<T, serde_json::Error> {
    #[derive(Deserialize)]
    struct Notification<T> {
        params: T,
    }
    serde_json::from_slice::<Notification<T>>(line).map(|notification| notification.params)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::request::{Refusal, RefusalKind, Reply};
    use crate::model::selector::Selector;

    fn one(line: &str) -> Asked {
        match Line::read(line.as_bytes()) {
            Line::One(asked) => asked,
            Line::Many(_) => panic!("{line} is no batch"),
        }
    }

    #[test]
    fn every_mistake_is_answered_by_its_code() {
        for (line, id, code) in [
            ("{", "null", PARSE_ERROR),
            ("nonsense", "null", PARSE_ERROR),
            ("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"list\"", "null", PARSE_ERROR),
            ("[", "null", PARSE_ERROR),
            ("[]", "null", INVALID_REQUEST),
            ("1", "null", INVALID_REQUEST),
            ("{}", "null", INVALID_REQUEST),
            (r#"{"id":7,"method":"undo"}"#, "7", INVALID_REQUEST),
            (r#"{"jsonrpc":"1.0","id":7,"method":"undo"}"#, "7", INVALID_REQUEST),
            (r#"{"jsonrpc":"2.0","id":"x"}"#, r#""x""#, INVALID_REQUEST),
            (r#"{"jsonrpc":"2.0","id":{},"method":"undo"}"#, "null", INVALID_REQUEST),
            (r#"{"jsonrpc":"2.0","id":1,"method":7}"#, "null", INVALID_REQUEST),
            (r#"{"jsonrpc":"2.0","id":1,"method":"fly"}"#, "1", METHOD_NOT_FOUND),
            (r#"{"jsonrpc":"2.0","id":1,"method":"list","params":{"select":7}}"#, "1", INVALID_PARAMS),
            (r#"{"jsonrpc":"2.0","id":1,"method":"list"}"#, "1", INVALID_PARAMS),
            (r#"{"jsonrpc":"2.0","id":1,"method":"undo","params":[1]}"#, "1", INVALID_PARAMS),
        ] {
            let asked = one(line);
            assert_eq!(asked.id.map(|id| id.to_string()).as_deref(), Some(id), "{line}");
            assert_eq!(asked.ask.unwrap_err().code, code, "{line}");
        }
    }

    #[test]
    fn an_error_names_none_of_the_types_that_only_the_program_has() {
        for (method, params) in [
            ("show", r#""x""#),
            ("show", r#"{"id":"x"}"#),
            ("show", r#"{"id":-1}"#),
            ("undo", r#"{"a":1}"#),
            ("undo", "7"),
            ("add", r#"{"downloads":7}"#),
            ("add", r#"{"downloads":[7]}"#),
            ("set_own_parallel", r#"{"parallel":true}"#),
            ("set_limits", r#"{"parallel":"x"}"#),
            ("act", r#"{"select":{},"act":7}"#),
            ("act", r#"{"select":{"ids":[true]},"act":{"do":"pause"}}"#),
            ("limit", r#"{"rate":"x"}"#),
            ("unsubscribe", "true"),
            ("hello", r#"{"name":7}"#),
            ("stage", r#"{"number":-7,"batch":[]}"#),
        ] {
            let line = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
            let Err(error) = one(&line).ask else { continue };
            for name in ["struct", "enum", "variant ", "::", " u32", " u64", " i64", " f64"] {
                assert!(!error.message.contains(name), "{line}: {}", error.message);
            }
        }
        for (said, told) in [
            ("invalid type: string \"x\", expected struct variant Request::Show", "expected an object"),
            ("invalid type: map, expected unit variant Request::Undo", "expected nothing in it"),
            (
                "invalid type: string \"x\", expected u64 at line 1 column 2",
                "expected a number at line 1 column 2",
            ),
            (
                "data did not match any variant of untagged enum Word at line 1",
                "it has none of the known forms at line 1",
            ),
            ("unknown variant `x`, expected `union` or `u`", "expected `union` or `u`"),
        ] {
            assert!(without_names(said).ends_with(told), "{}", without_names(said));
        }
    }

    #[test]
    fn parameters_that_a_method_does_not_need_may_be_left_out_or_empty() {
        for params in ["", r#","params":{}"#, r#","params":[]"#, r#","params":null"#] {
            for (method, ask) in [
                ("undo", Ask::Model(Request::Undo)),
                ("hold", Ask::Model(Request::Hold { id: None, until: None, for_good: false })),
                ("status", Ask::Own(Own::Status)),
                ("stop", Ask::Own(Own::Stop { gently: false })),
            ] {
                let asked = one(&format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}"{params}}}"#));
                assert_eq!(asked.ask, Ok(ask), "{method} {params}");
            }
        }
    }

    #[test]
    fn a_request_without_an_id_is_a_notification_and_null_is_an_id() {
        assert_eq!(one(r#"{"jsonrpc":"2.0","method":"undo"}"#).id, None);
        assert_eq!(one(r#"{"jsonrpc":"2.0","method":"undo","id":null}"#).id, Some(Value::Null));
    }

    #[test]
    fn what_a_client_writes_is_what_an_engine_reads() {
        let request = Request::List { select: Selector::everything() };
        let text = request_text(&request);
        assert_eq!(text, r#"{"jsonrpc":"2.0","id":3,"method":"list","params":{"select":{"all":true}}}"#);
        assert_eq!(one(&text), Asked { id: Some(3.into()), ask: Ok(Ask::Model(request)) });
        assert_eq!(request_text(&Own::Goodbye), r#"{"jsonrpc":"2.0","id":3,"method":"goodbye"}"#);
    }

    fn request_text<T: Serialize>(ask: &T) -> String {
        String::from_utf8(super::request(3, ask)).unwrap().trim_end().to_owned()
    }

    #[test]
    fn answers_are_told_apart_and_read() {
        let line = result(&3.into(), &Reply::Done);
        assert_eq!(String::from_utf8_lossy(&line), r#"{"jsonrpc":"2.0","id":3,"result":{"reply":"done"}}"#);
        assert_eq!(Incoming::read(&line).unwrap(), Incoming::Answer { id: 3, error: None });
        assert_eq!(read_result::<Reply>(&line).unwrap(), Reply::Done);
        let refusal = Refusal::new(RefusalKind::NotNow, "not now", "later");
        let line = failure(&4.into(), &refusal.clone().into());
        let Incoming::Answer { id: 4, error: Some(error) } = Incoming::read(&line).unwrap() else {
            panic!("{}", String::from_utf8_lossy(&line))
        };
        assert_eq!(error.data, Some(refusal));
        let pushed = update(9, update_body(&crate::model::update::Update::default())).into_text();
        assert_eq!(
            pushed,
            r#"{"jsonrpc":"2.0","method":"update","params":{"subscription":9,"update":{"revision":0}}}"#
        );
        assert_eq!(Incoming::read(pushed.as_bytes()).unwrap(), Incoming::Update);
        assert_eq!(Incoming::read(leaving().into_text().as_bytes()).unwrap(), Incoming::Leaving);
    }

    #[test]
    fn a_batch_is_answered_in_one_line() {
        let Line::Many(asked) =
            Line::read(br#"[{"jsonrpc":"2.0","id":1,"method":"undo"},{"jsonrpc":"2.0","method":"undo"},5]"#)
        else {
            panic!("one")
        };
        assert_eq!(asked.len(), 3);
        assert_eq!(asked[2].ask.as_ref().unwrap_err().code, INVALID_REQUEST);
        let answers = vec![result(&1.into(), &1), result(&2.into(), &2)];
        let text = line(answers, true).unwrap().into_text();
        assert_eq!(text, r#"[{"jsonrpc":"2.0","id":1,"result":1},{"jsonrpc":"2.0","id":2,"result":2}]"#);
        assert_eq!(line(Vec::new(), true), None);
    }
}
