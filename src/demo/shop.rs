//! The shop: an HTTP server on this machine, on a thread of its own, that sells what `goods` lists. It is asked directly, or as a
//! proxy for the hosts that the goods name, so that a session shows hosts of many distributors and needs no network.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::body::{Body, index};
use super::goods::{self, Good, Manner};
use super::http::{Request, head};
use super::page::page;

/// How much is written at once, at most; a slow file is written in smaller pieces.
const PIECE: u64 = 64 * 1024;
/// Where an agent's door is where nothing else is said.
const DOOR: &str = "http://127.0.0.1:4285";
/// Pieces of a second's bytes.
const PIECES_A_SECOND: u64 = 20;
/// The files are this old when the shop opens: a young one could still be changing.
const AGE: Duration = Duration::from_hours(24 * 30);

/// The shop; it closes when it is dropped.
#[derive(Debug)]
pub struct Shop {
    address: SocketAddr,
    door: Arc<OnceLock<String>>,
    closing: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Shop {
    /// Opens the shop on a free port of the loopback interface.
    ///
    /// # Errors
    /// There is no port, no thread or no event queue.
    pub fn open() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let closing = CancellationToken::new();
        let token = closing.clone();
        let door = Arc::new(OnceLock::new());
        let known = Arc::clone(&door);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("shop".into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = token.cancelled() => {}
                    () = serve(listener, known) => {}
                }
            });
        })?;
        Ok(Self { address, door, closing, thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Names the door that its page is to knock at; the usual one where none is named.
    pub fn knows_door(&self, url: String) {
        // The first one that it was told of counts.
        let _ = self.door.set(url);
    }

    /// Where its page is.
    pub fn page(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Returns each file's own link and name.
    pub fn links(&self) -> impl Iterator<Item = (Url, &'static str)> {
        let address = self.address;
        goods::all().iter().filter_map(move |good| {
            Some((Url::parse(&format!("http://{address}{}", good.path)).ok()?, good.name))
        })
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.closing.cancel();
        // A panic there has been told, and nothing here depends on it.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// What the shop remembers.
struct Shelf {
    by_path: HashMap<&'static str, Place>,
    door: Arc<OnceLock<String>>,
    modified: SystemTime,
}

/// A file on the shelf.
struct Place {
    good: &'static Good,
    /// Made when somebody asks first.
    body: OnceLock<Option<Body>>,
    /// Whether it asked to be left alone already.
    has_begged: AtomicBool,
}

async fn serve(listener: TcpListener, door: Arc<OnceLock<String>>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let by_path = goods::all()
        .iter()
        .map(|good| (good.path, Place { good, body: OnceLock::new(), has_begged: AtomicBool::new(false) }));
    let shelf = Arc::new(Shelf { by_path: by_path.collect(), door, modified: SystemTime::now() - AGE });
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let shelf = Arc::clone(&shelf);
                tokio::spawn(async move {
                    // A client that goes away, or speaks nonsense, is no trouble of the shop's.
                    let _ = attend(stream, &shelf).await;
                });
            }
            // Out of descriptors, for a moment.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// What follows an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// The next request.
    Next,
    /// Nothing.
    Close,
    /// Nothing, and nobody says so.
    Silence,
}

/// Answers the requests of one connection, until one side has enough.
async fn attend(stream: TcpStream, shelf: &Shelf) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut from, mut to) = stream.into_split();
    while let Some(request) = Request::read(&mut from).await? {
        match answer(&request, shelf, &mut to).await? {
            Then::Next => {}
            Then::Close => break,
            Then::Silence => {
                // Until the client has had enough.
                while from.read(&mut [0; 64]).await? > 0 {}
                break;
            }
        }
    }
    Ok(())
}

/// Answers one request.
async fn answer(request: &Request, shelf: &Shelf, to: &mut OwnedWriteHalf) -> io::Result<Then> {
    let place = shelf.by_path.get(request.path.as_str());
    if !matches!(request.method.as_str(), "GET" | "HEAD") {
        return refuse("405 Method Not Allowed", &[("Allow", "GET, HEAD".into())], to).await;
    }
    if request.path == "/" {
        return show_page(request, shelf, to).await;
    }
    let Some(place) = place.filter(|place| place.good.manner != Manner::Gone) else {
        return refuse("404 Not Found", &[], to).await;
    };
    let good = place.good;
    if let Manner::Busy(seconds) = good.manner
        && !place.has_begged.swap(true, Ordering::Relaxed)
    {
        return refuse("503 Service Unavailable", &[("Retry-After", seconds.to_string())], to).await;
    }
    let Some(body) = place.body.get_or_init(|| good.body().ok()) else {
        return refuse("500 Internal Server Error", &[], to).await;
    };
    let len = body.len();
    let etag = format!("\"{len:x}-{:x}\"", good.path.len());
    let has_ranges = good.manner != Manner::NoRanges;
    let asked = if has_ranges { request.range(len, &etag) } else { Ok(None) };
    let Ok(asked) = asked else {
        return refuse("416 Range Not Satisfiable", &[("Content-Range", format!("bytes */{len}"))], to).await;
    };
    let status = if asked.is_some() { "206 Partial Content" } else { "200 OK" };
    let mut headers = vec![
        ("Date", httpdate::fmt_http_date(SystemTime::now())),
        ("Server", "haul-demo".into()),
        ("Content-Type", good.kind().into()),
        ("Content-Disposition", disposition(good.name)),
        ("Last-Modified", httpdate::fmt_http_date(shelf.modified)),
        ("ETag", etag),
    ];
    if has_ranges {
        headers.push(("Accept-Ranges", "bytes".into()));
    }
    if let Some(range) = &asked {
        headers.push(("Content-Range", format!("bytes {}-{}/{len}", range.start, range.end - 1)));
    }
    let range = asked.unwrap_or(0..len);
    headers.push(("Content-Length", (range.end - range.start).to_string()));
    to.write_all(head(status, &headers).as_bytes()).await?;
    if request.method == "HEAD" { Ok(Then::Next) } else { send(good, body, range, to).await }
}

/// Sends the page.
async fn show_page(request: &Request, shelf: &Shelf, to: &mut OwnedWriteHalf) -> io::Result<Then> {
    let text = page(shelf.door.get().map_or(DOOR, String::as_str));
    let headers = [
        ("Date", httpdate::fmt_http_date(SystemTime::now())),
        ("Content-Type", "text/html; charset=utf-8".into()),
        ("Cache-Control", "no-store".into()),
        ("Content-Length", text.len().to_string()),
    ];
    let body = if request.method == "HEAD" { "" } else { &text };
    to.write_all(format!("{}{body}", head("200 OK", &headers)).as_bytes()).await?;
    Ok(Then::Next)
}

async fn refuse(status: &str, headers: &[(&str, String)], to: &mut OwnedWriteHalf) -> io::Result<Then> {
    let text = format!("{status}\n");
    let mut headers = headers.to_vec();
    headers.push(("Date", httpdate::fmt_http_date(SystemTime::now())));
    headers.push(("Content-Type", "text/plain".into()));
    headers.push(("Content-Length", text.len().to_string()));
    to.write_all(format!("{}{text}", head(status, &headers)).as_bytes()).await?;
    Ok(Then::Next)
}

/// The name as RFC 6266 writes it, for those who read only ASCII too.
fn disposition(name: &str) -> String {
    let plain: String = name.chars().map(|c| if c.is_ascii() { c } else { '-' }).collect();
    let coded = percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC);
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{coded}")
}

/// Sends a body at the file's speed, as far as the server's manner lets it.
async fn send(good: &Good, body: &Body, range: Range<u64>, to: &mut OwnedWriteHalf) -> io::Result<Then> {
    let most = match good.manner {
        Manner::Stalls(bytes) | Manner::Drops(bytes) => bytes,
        _ => u64::MAX,
    };
    let end = range.end.min(range.start.saturating_add(most));
    let piece = (good.speed / PIECES_A_SECOND).clamp(1, PIECE);
    let mut buffer = vec![0; index(piece)];
    let begun = Instant::now();
    let mut at = range.start;
    while at < end {
        let len = index(piece.min(end - at));
        body.fill(at, &mut buffer[..len]);
        to.write_all(&buffer[..len]).await?;
        at += len as u64;
        let due = Duration::from_micros((at - range.start).saturating_mul(1_000_000) / good.speed);
        tokio::time::sleep_until(begun + due).await;
    }
    Ok(match good.manner {
        _ if end == range.end => Then::Next,
        Manner::Stalls(_) => Then::Silence,
        _ => Then::Close,
    })
}
