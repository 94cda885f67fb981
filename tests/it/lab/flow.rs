//! What runs in the lab beside the program: a server of files without end, and a foreground that wants its rate.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::bottleneck::{BACKGROUND, FOREGROUND, be_on_time};
use super::net::{SERVER, Space};

/// An object of a web page, in bytes.
const OBJECT: u64 = 1_000_000;
/// What a person looks at a page for.
const THINK: Duration = Duration::from_millis(500);

/// The server: on one port for the background, on another for the foreground. It ends with the test.
pub(super) struct Server {
    stop: Arc<AtomicBool>,
}

impl Server {
    /// Serves `/big` of so many bytes, and `/object`.
    pub(super) fn start(space: &Space, size: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        for port in [BACKGROUND, FOREGROUND] {
            let listener = space.inside(|| TcpListener::bind((SERVER, port)).unwrap());
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || {
                be_on_time();
                for peer in listener.incoming().map_while(Result::ok) {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    std::thread::spawn(move || {
                        be_on_time();
                        // A client that leaves ends the connection.
                        let _ = serve(&peer, size);
                    });
                }
            });
        }
        Self { stop }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn serve(peer: &TcpStream, size: u64) -> std::io::Result<()> {
    let mut lines = BufReader::new(peer.try_clone()?).lines();
    let mut peer = peer;
    let zeros = vec![0; 256 << 10];
    while let Some(request) = lines.next() {
        let size = if request?.contains("/object") { OBJECT } else { size };
        let mut range = None;
        for line in lines.by_ref() {
            let line = line?.to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some((first, last)) =
                line.strip_prefix("range: bytes=").and_then(|range| range.split_once('-'))
            {
                range = Some((first.parse().unwrap_or(0), last.parse().map_or(size, |last: u64| last + 1)));
            }
        }
        let (first, end) = range.unwrap_or((0, size));
        let head = if range.is_some() {
            format!("206 Partial Content\r\nContent-Range: bytes {first}-{}/{size}", end - 1)
        } else {
            "200 OK".to_owned()
        };
        let length = end - first;
        write!(
            peer,
            "HTTP/1.1 {head}\r\nContent-Length: {length}\r\nETag: \"zeros\"\r\nAccept-Ranges: bytes\r\n\r\n"
        )?;
        let mut left = length;
        while left > 0 {
            let some = usize::try_from(left).unwrap_or(usize::MAX).min(zeros.len());
            peer.write_all(&zeros[..some])?;
            left -= some as u64;
        }
    }
    Ok(())
}

/// A download in another program, as fast as it goes, for a while. Returns bits a second.
pub(super) fn bulk(space: &Space, length: Duration) -> f64 {
    space.inside(|| {
        be_on_time();
        let began = Instant::now();
        let mut stream = TcpStream::connect((SERVER, FOREGROUND)).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        stream.write_all(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let (mut bytes, mut buffer) = (0_u64, vec![0; 256 << 10]);
        while began.elapsed() < length {
            // A pause in the stream is the line's, not the test's.
            bytes += stream.read(&mut buffer).unwrap_or(0) as u64;
        }
        bytes as f64 * 8.0 / began.elapsed().as_secs_f64()
    })
}

/// The same, in bits a second over each half second.
pub(super) fn by_halves(space: &Space, halves: u32) -> Vec<f64> {
    space.inside(|| {
        be_on_time();
        let mut stream = TcpStream::connect((SERVER, FOREGROUND)).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        stream.write_all(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut buffer = vec![0; 256 << 10];
        let half = |_| {
            let (began, mut bytes) = (Instant::now(), 0_u64);
            while began.elapsed() < Duration::from_millis(500) {
                bytes += stream.read(&mut buffer).unwrap_or(0) as u64;
            }
            bytes as f64 * 8.0 / began.elapsed().as_secs_f64()
        };
        (0..halves).map(half).collect()
    })
}

/// A download that holds itself to a rate as curl's `--limit-rate` does: it reads, and sleeps where it is ahead.
pub(super) fn limited(space: &Space, bits: f64, length: Duration) {
    space.inside(|| {
        let began = Instant::now();
        let mut stream = TcpStream::connect((SERVER, BACKGROUND)).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        stream.write_all(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let (mut bytes, mut buffer) = (0_u64, vec![0; 16 << 10]);
        while began.elapsed() < length {
            bytes += stream.read(&mut buffer).unwrap_or(0) as u64;
            let due = Duration::from_secs_f64(bytes as f64 * 8.0 / bits);
            std::thread::sleep(due.saturating_sub(began.elapsed()));
        }
    });
}

/// A person who reads pages: an object, a moment to think, the next. Returns how long each took, in seconds.
pub(super) fn pages(space: &Space, length: Duration) -> Vec<f64> {
    space.inside(|| {
        be_on_time();
        let (began, mut took) = (Instant::now(), Vec::new());
        while began.elapsed() < length {
            let asked = Instant::now();
            let mut stream = TcpStream::connect((SERVER, FOREGROUND)).unwrap();
            stream.write_all(b"GET /object HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
            let (mut bytes, mut buffer) = (0_u64, vec![0; 64 << 10]);
            while bytes < OBJECT {
                match stream.read(&mut buffer).unwrap() {
                    0 => break,
                    some => bytes += some as u64,
                }
            }
            took.push(asked.elapsed().as_secs_f64());
            drop(stream);
            std::thread::sleep(THINK);
        }
        took
    })
}
