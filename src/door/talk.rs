//! A page's connection: its messages in, answers and changes out, until it leaves or is shown out. Whoever reads slowly is answered
//! slowly, whoever asks too often waits, and nothing piles up.

use std::rc::Rc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::room::Seat;
use crate::agent::house::House;
use crate::agent::session::Session;
use crate::model::page::PageOrigin;
use crate::protocol::message::{Outgoing, leaving};

/// Messages of one page that are carried out at once.
const AT_ONCE: usize = 32;
/// How long a page that was not let in may say nothing.
const SAYS_WITHIN: Duration = Duration::from_secs(10);
/// How long a page may take to read what it is sent.
const READS_WITHIN: Duration = Duration::from_secs(30);
/// Messages a second, on the whole.
const A_SECOND: u32 = 50;
/// Messages at once, after a pause.
const BURST: u32 = 200;
/// What a page is told that was let in and is no longer.
const SHOWN_OUT: u16 = 4403;
/// What a page is told when the agent ends.
const GOING_AWAY: u16 = 1001;

/// A page that is about to be connected.
pub(super) struct Call {
    pub(super) origin: PageOrigin,
    /// The connection, when the browser has its answer.
    pub(super) socket: oneshot::Receiver<WebSocket>,
    pub(super) seat: Seat,
}

/// How often somebody may ask: so many a second, and a few more after a pause.
pub(super) struct Pace {
    /// When all that was taken would have been due.
    paid_until: Instant,
}

impl Default for Pace {
    fn default() -> Self {
        Self { paid_until: Instant::now() }
    }
}

impl Pace {
    const STEP: Duration = Duration::from_millis(1000 / A_SECOND as u64);

    /// When the next one may be taken.
    fn next(&self) -> Instant {
        self.paid_until.checked_sub(Self::STEP * BURST).unwrap_or(self.paid_until)
    }

    /// Takes one.
    fn take(&mut self) {
        self.paid_until = self.paid_until.max(Instant::now()) + Self::STEP;
    }

    /// Takes one, if it may be taken.
    pub(super) fn takes(&mut self) -> bool {
        let may = self.next() <= Instant::now();
        if may {
            self.take();
        }
        may
    }
}

/// Serves a page until it leaves, is shown out, or `closing` is cancelled.
pub(super) async fn talk(house: Rc<House>, call: Call, closing: CancellationToken) {
    let Call { origin, socket, mut seat } = call;
    let Ok(Ok(mut socket)) = tokio::time::timeout(SAYS_WITHIN, socket).await else { return };
    let engine = house.engine.clone();
    let session = Session::of_page(house, origin.clone());
    let mut verdicts = engine.verdicts();
    let mut pace = Pace::default();
    let mut asked = FuturesUnordered::new();
    let mut heard = Instant::now();
    loop {
        let has_room = asked.len() < AT_ONCE;
        let is_silent = !session.is_greeted() && asked.is_empty();
        let message = tokio::select! {
            biased;
            () = closing.cancelled() => {
                // A page that is gone needs no last word.
                let _ = send(&mut socket, leaving()).await;
                return close(socket, GOING_AWAY, "haul ends").await;
            }
            Ok(()) = verdicts.changed() => {
                if session.is_greeted() && !engine.lets_in(&origin) {
                    return close(socket, SHOWN_OUT, "this page is no longer let in").await;
                }
                continue;
            }
            Some(answer) = asked.next(), if !asked.is_empty() => answer,
            pushed = session.push() => Some(pushed),
            received = hear(&mut socket, pace.next()), if has_room => {
                let Some(text) = received else { return };
                pace.take();
                heard = Instant::now();
                let session = &session;
                asked.push(async move { session.answer(text.as_bytes()).await });
                continue;
            }
            () = tokio::time::sleep_until(heard + SAYS_WITHIN), if is_silent => return,
        };
        if session.is_greeted() {
            seat.promote();
        }
        if let Some(message) = message {
            let opens = message.opens;
            if !send(&mut socket, message).await {
                return;
            }
            if opens.is_some() {
                session.sent(opens);
            }
        }
        if session.is_over() {
            return close(socket, 1000, "").await;
        }
    }
}

/// Waits for the next message, from a moment on. Nothing comes from a page that is gone, or says what is no text.
async fn hear(socket: &mut WebSocket, from: Instant) -> Option<axum::extract::ws::Utf8Bytes> {
    tokio::time::sleep_until(from).await;
    loop {
        match socket.recv().await? {
            Ok(Message::Text(text)) => return Some(text),
            Ok(Message::Ping(_) | Message::Pong(_)) => {}
            Ok(Message::Binary(_) | Message::Close(_)) | Err(_) => return None,
        }
    }
}

/// Sends a message. Whether the page has taken it.
async fn send(socket: &mut WebSocket, message: Outgoing) -> bool {
    let sent = socket.send(Message::Text(message.into_text().into()));
    matches!(tokio::time::timeout(READS_WITHIN, sent).await, Ok(Ok(())))
}

async fn close(mut socket: WebSocket, code: u16, reason: &'static str) {
    let frame = CloseFrame { code, reason: reason.into() };
    // It is closed either way.
    let _ = tokio::time::timeout(Duration::from_secs(1), socket.send(Message::Close(Some(frame)))).await;
}
