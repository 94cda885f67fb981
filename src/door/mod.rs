//! The door for web pages: HTTP and WebSocket on the loopback interface, in front of the same sessions as the agent's socket.
//!
//! Any page can find it, and none gets more than the right to ask before a person lets its origin in. What comes in is bounded
//! before it is looked at: connections, heads, messages, and the time that each may take.

pub mod desktop;
mod gate;
mod http;
mod peer;
mod room;
mod talk;

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::gate::Gate;
use self::http::Desk;
use self::peer::Peers;
use self::room::{Kind, Room};
use self::talk::{Call, talk};
use crate::agent::house::House;

/// How long a request's head may take.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// How long a request and its answer may take, where it does not become a WebSocket.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// Bytes of a request's head, at most.
const MOST_HEAD: usize = 16 << 10;
/// Connections that wait to be looked at, at most.
const WAITING: u32 = 1024;
/// Fields of a request's head, at most.
const MOST_FIELDS: usize = 64;

/// A door that is open, and not served yet.
pub struct Door {
    port: u16,
    v4: TcpListener,
    /// Where the machine has the newer loopback address.
    v6: Option<TcpListener>,
}

impl Door {
    /// Opens the door at a port of the loopback interface; 0 is any that is free.
    ///
    /// # Errors
    /// The port is taken, or the system gives none.
    pub fn open(port: u16) -> io::Result<Self> {
        let v4 = listen(TcpSocket::new_v4()?, (Ipv4Addr::LOCALHOST, port).into())?;
        let port = v4.local_addr()?.port();
        let v6 =
            TcpSocket::new_v6().and_then(|socket| listen(socket, (Ipv6Addr::LOCALHOST, port).into())).ok();
        Ok(Self { port, v4, v6 })
    }

    /// Where pages find it.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Serves pages until `closing` is cancelled.
    pub fn serve(self, house: Rc<House>, closing: CancellationToken) -> Pin<Box<dyn Future<Output = ()>>> {
        house.opens_door_at(self.url());
        Box::pin(serve(self, house, closing))
    }
}

fn listen(socket: TcpSocket, address: SocketAddr) -> io::Result<TcpListener> {
    // An agent that was restarted finds its port again.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(WAITING)
}

async fn serve(door: Door, house: Rc<House>, closing: CancellationToken) {
    let room = Rc::new(Room::default());
    let mut peers = Peers::new(door.v4.local_addr());
    let (calls, mut coming) = mpsc::unbounded_channel::<Call>();
    let desk = Rc::new(Desk::new(Gate::new(door.port), Rc::clone(&house), Rc::clone(&room), calls));
    let mut tasks = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = closing.cancelled() => break,
            Some(_) = tasks.join_next(), if !tasks.is_empty() => continue,
            Some(call) = coming.recv() => {
                tasks.spawn_local(talk(Rc::clone(&house), call, closing.clone()));
                continue;
            }
            accepted = door.v4.accept() => accepted,
            accepted = accept(door.v6.as_ref()) => accepted,
        };
        match accepted {
            // Every user of this machine reaches the door, and could say that he is any page.
            Ok((stream, from)) if !peers.may_pass(from, stream.local_addr()) => {}
            Ok((stream, _)) => {
                // Who finds no room is not even answered: a crowd must not cost more than that.
                if let Some(seat) = room.take(Kind::Asker, None) {
                    let (desk, closing) = (Rc::clone(&desk), closing.clone());
                    tasks.spawn_local(async move {
                        tokio::select! {
                            // Nobody's slow request keeps the agent from its end.
                            () = closing.cancelled() => {}
                            () = attend(desk, stream) => {}
                        }
                        drop(seat);
                    });
                }
            }
            // Out of descriptors: downloads go on, and pages come again.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
    while tasks.join_next().await.is_some() {}
}

async fn accept(listener: Option<&TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

/// Answers one request.
async fn attend(desk: Rc<Desk>, stream: TcpStream) {
    let service = service_fn(move |request| {
        let desk = Rc::clone(&desk);
        async move { Ok::<_, std::convert::Infallible>(desk.answer(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(MOST_HEAD)
        .max_headers(MOST_FIELDS)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    // A page that speaks nonsense, or not at all, is no trouble of ours.
    let _ = tokio::time::timeout(ANSWER_WITHIN, connection).await;
}
