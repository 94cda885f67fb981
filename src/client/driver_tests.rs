//! What a client does when its connection breaks while something is on its way: an engine that is played line by line.

use std::cell::RefCell;
use std::rc::Rc;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream};
use tokio::task::LocalSet;

use super::*;
use crate::model::item::{Extras, NewDownload, Priority};
use crate::model::request::{Added, AddedHow, Batch, Reply};

/// Connections that were made beforehand, handed out one by one.
struct Prepared(Rc<RefCell<Vec<DuplexStream>>>);

impl Connect for Prepared {
    fn connect(&self, _may_start: bool) -> super::super::Connecting<'_> {
        let next = self.0.borrow_mut().pop();
        Box::pin(async move {
            next.map(Connection::of_stream).ok_or_else(|| ConnectError::lasting("no more connections", ""))
        })
    }
}

/// The engine's end of a connection.
struct Played(BufReader<DuplexStream>);

impl Played {
    async fn hears(&mut self) -> Value {
        let mut line = String::new();
        self.0.read_line(&mut line).await.unwrap();
        serde_json::from_str(&line).unwrap()
    }

    async fn answers(&mut self, asked: &Value, result: Value) {
        let mut text = json!({"jsonrpc": "2.0", "id": asked["id"], "result": result}).to_string();
        text.push('\n');
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    async fn welcomes(&mut self) {
        let hello = self.hears().await;
        assert_eq!(hello["method"], "hello");
        let welcome =
            json!({"name": "haul", "version": "0", "protocol": PROTOCOL, "capabilities": [], "pid": 1});
        self.answers(&hello, welcome).await;
    }
}

/// Two connections for a client, and their engines' ends.
fn two() -> (Box<dyn Connect>, Played, Played) {
    let (first, first_end) = tokio::io::duplex(1 << 16);
    let (second, second_end) = tokio::io::duplex(1 << 16);
    let prepared = Prepared(Rc::new(RefCell::new(vec![second, first])));
    (Box::new(prepared), Played(BufReader::new(first_end)), Played(BufReader::new(second_end)))
}

fn adding(again: bool) -> Request {
    let new = NewDownload {
        url: "https://a.example/file".parse().unwrap(),
        folder: Some("/downloads".into()),
        name: None,
        mode: None,
        priority: None,
        otherwise: Priority::Normal,
        collection: None,
        again,
        settings: 0,
        extras: Extras::default(),
    };
    Request::Add(Batch { downloads: vec![new], settings: Vec::new() })
}

/// Plays an engine that is lost with the first thing that it is asked, and a second one.
async fn played<T>(
    mut first: Played,
    mut second: Played,
    client: impl Future<Output = T>,
    again: impl AsyncFnOnce(&mut Played),
) -> T {
    let engine = async {
        first.welcomes().await;
        first.hears().await;
        drop(first);
        second.welcomes().await;
        again(&mut second).await;
        second
    };
    LocalSet::new().run_until(async { tokio::join!(client, engine).0 }).await
}

fn key() -> OwnerKey {
    serde_json::from_value(json!("0123456789abcdef0123456789abcdef")).unwrap()
}

#[tokio::test]
async fn what_finds_what_is_there_is_asked_again() {
    let (connect, first, second) = two();
    let client = async {
        let client = crate::client::Client::open(connect, key(), Some(Duration::from_mins(1))).await.unwrap();
        client.call(adding(false)).await
    };
    let reply = played(first, second, client, async |second| {
        let asked = second.hears().await;
        assert_eq!(asked["method"], "add");
        let reply = Reply::Added(vec![Added { id: DownloadId(7), how: AddedHow::Attached }]);
        second.answers(&asked, serde_json::to_value(reply).unwrap()).await;
    });
    assert!(matches!(reply.await, Ok(Reply::Added(added)) if added[0].id == DownloadId(7)));
}

#[tokio::test]
async fn what_would_be_done_twice_is_not_asked_again() {
    let (connect, first, second) = two();
    let client = async {
        let client = crate::client::Client::open(connect, key(), Some(Duration::from_mins(1))).await.unwrap();
        client.call(adding(true)).await
    };
    let reply = played(first, second, client, async |_| {}).await;
    assert!(matches!(reply, Err(ClientError::Lost { .. })), "{reply:?}");
}

#[tokio::test]
async fn a_subscription_that_was_on_its_way_is_asked_for_again() {
    let (connect, first, second) = two();
    let client = async {
        let client = crate::client::Client::open(connect, key(), Some(Duration::from_mins(1))).await.unwrap();
        client.subscribe().await.map(drop)
    };
    let subscribed = played(first, second, client, async |second| {
        let asked = second.hears().await;
        assert_eq!(asked["method"], "subscribe");
        second.answers(&asked, json!({"subscription": 1})).await;
    });
    assert!(subscribed.await.is_ok());
}

#[tokio::test]
async fn a_limit_of_its_own_and_a_long_list_of_promises_are_made_again_in_messages_that_fit() {
    const MANY: usize = 120_000;
    let (connect, mut first, mut second) = two();
    let client = async {
        let client = crate::client::Client::open(connect, key(), Some(Duration::from_mins(1))).await.unwrap();
        client.call(Request::SetOwnParallel { parallel: 6 }).await.unwrap();
        let ids: Vec<_> = (0..MANY as u64).map(|id| DownloadId(10_000_000_000 - id)).collect();
        for ids in ids.chunks(MANY / 3) {
            client.call(Request::Attend { ids: ids.to_vec() }).await.unwrap();
        }
        // The connection breaks with this one, which is asked again.
        client.call(Request::Totals).await.unwrap();
    };
    let engine = async {
        first.welcomes().await;
        for _ in 0..4 {
            let asked = first.hears().await;
            first.answers(&asked, serde_json::to_value(Reply::Done).unwrap()).await;
        }
        first.hears().await;
        drop(first);
        second.welcomes().await;
        let asked = second.hears().await;
        assert_eq!((&asked["method"], &asked["params"]["parallel"]), (&json!("set_own_parallel"), &json!(6)));
        let mut attended = 0;
        let mut asked = second.hears().await;
        while asked["method"] == "attend" {
            assert!(asked.to_string().len() <= crate::protocol::frame::MAX_REQUEST);
            attended += asked["params"]["ids"].as_array().unwrap().len();
            asked = second.hears().await;
        }
        assert_eq!((attended, &asked["method"]), (MANY, &json!("totals")));
        second.answers(&asked, serde_json::to_value(Reply::Done).unwrap()).await;
        second
    };
    LocalSet::new().run_until(async { tokio::join!(client, engine) }).await;
}

#[tokio::test]
async fn what_an_engine_on_its_way_out_refused_is_asked_of_the_next_one() {
    let (connect, mut first, mut second) = two();
    let client = async {
        let client = crate::client::Client::open(connect, key(), Some(Duration::from_mins(1))).await.unwrap();
        let (refused, unheard) = tokio::join!(client.call(adding(true)), client.call(adding(true)));
        (refused, unheard)
    };
    let engine = async {
        first.welcomes().await;
        let asked = first.hears().await;
        first.hears().await;
        let data = Refusal::new(RefusalKind::Stopping, "the engine is stopping", "");
        let error = json!({"code": -32000, "message": "the engine is stopping", "data": data});
        let mut text = json!({"jsonrpc": "2.0", "id": asked["id"], "error": error}).to_string();
        text.push_str("\n{\"jsonrpc\":\"2.0\",\"method\":\"leaving\",\"params\":{}}\n");
        first.0.write_all(text.as_bytes()).await.unwrap();
        drop(first);
        second.welcomes().await;
        for _ in 0..2 {
            let asked = second.hears().await;
            assert_eq!(asked["method"], "add");
            let reply = Reply::Added(vec![Added { id: DownloadId(7), how: AddedHow::New }]);
            second.answers(&asked, serde_json::to_value(reply).unwrap()).await;
        }
        second
    };
    let ((refused, unheard), _) = LocalSet::new().run_until(async { tokio::join!(client, engine) }).await;
    assert!(refused.is_ok() && unheard.is_ok(), "{refused:?} {unheard:?}");
}
