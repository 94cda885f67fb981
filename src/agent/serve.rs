//! Carries a session over a stream of bytes, one message a line. Whoever reads slowly is answered slowly, and nothing piles up.

use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::house::House;
use super::session::Session;
use crate::protocol::error::{INVALID_REQUEST, RpcError};
use crate::protocol::frame::{Frames, MAX_REQUEST};
use crate::protocol::message::{Outgoing, failure, leaving, line};

/// Requests of one client that are carried out at once; more are read when one of them is answered.
const AT_ONCE: usize = 32;
/// How long a client has to say who it is.
const HELLO_WITHIN: Duration = Duration::from_secs(10);
/// How long the last answers may take when the engine ends.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Bytes that are read at once.
const READ: usize = 8 << 10;

/// Serves a client until it leaves, its connection breaks, or `closing` is cancelled.
pub async fn serve(
    house: Rc<House>,
    reader: impl AsyncRead + Unpin,
    writer: impl AsyncWrite + Unpin,
    closing: CancellationToken,
) {
    let session = Session::new(house);
    let (answers, ready) = mpsc::channel(1);
    let mut inbound = pin!(take_in(&session, reader, answers, &closing));
    let mut outbound = pin!(give_out(&session, writer, ready));
    tokio::select! {
        // A connection that broke needs no last words.
        _ = &mut outbound => return,
        () = &mut inbound => {}
    }
    // `inbound` has let go of its end: what is answered already still goes out.
    let _ = tokio::time::timeout(LAST_WORDS, outbound).await;
}

async fn take_in(
    session: &Session,
    mut reader: impl AsyncRead + Unpin,
    answers: mpsc::Sender<Outgoing>,
    closing: &CancellationToken,
) {
    let mut frames = Frames::new(MAX_REQUEST);
    let mut chunk = vec![0; READ];
    let mut asked = FuturesUnordered::new();
    let mut is_ended = false;
    let mut is_closing = false;
    let mut last_words = pin!(tokio::time::sleep(LAST_WORDS));
    let mut patience = pin!(tokio::time::sleep(HELLO_WITHIN));
    loop {
        while asked.len() < AT_ONCE && !is_closing {
            let Some(next) = frames.next() else { break };
            let next = next.map(<[u8]>::to_vec);
            asked.push(async move {
                match next {
                    Ok(text) => session.answer(&text).await,
                    Err(error) => {
                        let error = RpcError::new(INVALID_REQUEST, error.to_string());
                        line(vec![failure(&serde_json::Value::Null, &error)], false)
                    }
                }
            });
        }
        if asked.is_empty() && is_closing {
            // What has no answer by now was not done. A client that is gone, or reads nothing, needs no last word.
            let _ = tokio::time::timeout(LAST_WORDS, answers.send(leaving())).await;
            return;
        }
        if asked.is_empty() && is_ended {
            return;
        }
        tokio::select! {
            biased;
            Some(answer) = asked.next() => {
                if let Some(answer) = answer {
                    // Whoever reads nothing must not outlive the engine, nor stay without a word who it is.
                    let out_of_time = async {
                        closing.cancelled().await;
                        tokio::time::sleep(LAST_WORDS).await;
                    };
                    tokio::select! {
                        biased;
                        sent = answers.send(answer) => if sent.is_err() {
                            return;
                        },
                        () = out_of_time => return,
                        () = &mut patience, if !session.is_greeted() => return,
                    }
                }
                if session.is_over() {
                    return;
                }
            }
            () = closing.cancelled(), if !is_closing => {
                is_closing = true;
                last_words.as_mut().reset(tokio::time::Instant::now() + LAST_WORDS);
            }
            () = &mut last_words, if is_closing => return,
            read = reader.read(&mut chunk), if !is_ended && !is_closing && asked.len() < AT_ONCE => match read {
                Ok(0) | Err(_) => is_ended = true,
                Ok(count) => frames.push(&chunk[..count]),
            },
            () = &mut patience, if !session.is_greeted() => return,
        }
    }
}

async fn give_out(
    session: &Session,
    mut writer: impl AsyncWrite + Unpin,
    mut ready: mpsc::Receiver<Outgoing>,
) -> std::io::Result<()> {
    loop {
        let message = tokio::select! {
            biased;
            answer = ready.recv() => match answer {
                Some(answer) => answer,
                None => break,
            },
            pushed = session.push() => pushed,
        };
        let opens = message.opens;
        for piece in message.pieces() {
            writer.write_all(&piece).await?;
        }
        writer.flush().await?;
        if opens.is_some() {
            session.sent(opens);
        }
    }
    writer.shutdown().await
}
