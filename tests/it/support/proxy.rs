//! Two small proxies, HTTP and SOCKS5: they lead where they are asked to and count who came.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Which language it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speaks {
    /// HTTP, with a request in absolute form or CONNECT.
    Http,
    /// SOCKS5 without a password, by address or name.
    Socks5,
}

/// A proxy on a free port; its threads end with it.
pub(crate) struct Proxy {
    address: SocketAddr,
    came: Arc<AtomicUsize>,
    closing: Arc<AtomicBool>,
    door: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Starts one.
    pub(crate) fn start(speaks: Speaks) -> Self {
        Self::start_at(speaks, "127.0.0.1:0")
    }

    /// Starts one that is found at an address.
    pub(crate) fn start_at(speaks: Speaks, address: &str) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let (came, closing) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (counts, closes) = (Arc::clone(&came), Arc::clone(&closing));
        let door = thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if closes.load(Ordering::Relaxed) {
                    break;
                }
                counts.fetch_add(1, Ordering::Relaxed);
                // A client that goes away in the middle ends its own thread only.
                thread::spawn(move || match speaks {
                    Speaks::Http => http(stream),
                    Speaks::Socks5 => socks(stream),
                });
            }
        });
        Self { address, came, closing, door: Some(door) }
    }

    /// Host and port.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections came.
    pub(crate) fn came(&self) -> usize {
        self.came.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Relaxed);
        // From outside its network nobody can wake it: it ends with the test.
        if TcpStream::connect_timeout(&self.address, Duration::from_secs(1)).is_ok() {
            let _ = self.door.take().map(JoinHandle::join);
        }
    }
}

fn http(stream: TcpStream) -> Option<()> {
    let mut client = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if client.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let (first, rest) = head.split_once("\r\n")?;
    let mut words = first.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    if method == "CONNECT" {
        let server = TcpStream::connect(target).ok()?;
        client.get_mut().write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
        return join(client.into_inner(), server);
    }
    let (host, path) = target.strip_prefix("http://")?.split_once('/')?;
    let mut server = TcpStream::connect(host).ok()?;
    // One request a connection: what follows on it would be another's.
    let rest = rest.replace("keep-alive", "close");
    write!(server, "{method} /{path} HTTP/1.1\r\nConnection: close\r\n{rest}").ok()?;
    join(client.into_inner(), server)
}

fn socks(mut client: TcpStream) -> Option<()> {
    let mut read = |len: usize| {
        let mut bytes = vec![0; len];
        client.read_exact(&mut bytes).ok()?;
        Some(bytes)
    };
    let methods = read(2)?[1];
    read(methods.into())?;
    client.write_all(&[5, 0]).ok()?;
    let mut read = |len: usize| {
        let mut bytes = vec![0; len];
        client.read_exact(&mut bytes).ok()?;
        Some(bytes)
    };
    let host = match read(4)?[3] {
        1 => Ipv4Addr::from(<[u8; 4]>::try_from(read(4)?).ok()?).to_string(),
        3 => {
            let len = read(1)?[0];
            String::from_utf8(read(len.into())?).ok()?
        }
        _ => return None,
    };
    let port = read(2)?;
    let server = TcpStream::connect((host, u16::from_be_bytes([port[0], port[1]]))).ok()?;
    client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).ok()?;
    join(client, server)
}

/// Passes bytes both ways until either side ends.
fn join(client: TcpStream, server: TcpStream) -> Option<()> {
    let (mut from, mut to) = (client.try_clone().ok()?, server.try_clone().ok()?);
    let up = thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    let (mut from, mut to) = (server, client);
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Both);
    let _ = up.join();
    Some(())
}
