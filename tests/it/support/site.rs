//! A scripted HTTP/1.1 server on a free port of 127.0.0.1: does as the scripts say, and remembers what it was asked.
//!
//! Everything that waits here waits on a condition; only a scripted rate sleeps. Nothing outlives the [`Site`].

use std::collections::HashMap;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use rustls::ServerConfig;
use toml::Table;

use super::answer::{Facts, Script};
use super::content::Version;
use super::reply;
use super::tls::Identity;
use super::wire::{Request, Wire};

/// How long a test waits for what must happen.
pub(crate) const DEADLINE: Duration = Duration::from_mins(1);
/// What the server leaves to the kernel of each connection, in bytes: what is on its way stays little.
const SEND_BUFFER: usize = 64 * 1024;
/// How long `{long}` is, in bytes.
const LONG: usize = 100_000;

/// The server. Its threads end when it is dropped.
pub(crate) struct Site {
    stage: Arc<Stage>,
    doors: Vec<(SocketAddr, JoinHandle<()>)>,
}

/// What the server's threads share.
pub(super) struct Stage {
    state: Mutex<State>,
    /// Signalled at every change of the state that somebody may wait for.
    changed: Condvar,
    /// What Date says, always: a file's age then depends on nothing.
    pub(super) date: SystemTime,
    addresses: Mutex<HashMap<&'static str, SocketAddr>>,
}

#[derive(Default)]
struct State {
    scripts: HashMap<String, Script>,
    served: HashMap<String, Vec<Version>>,
    log: Vec<Seen>,
    /// How often the log was begun anew.
    logs: u64,
    answering: u64,
    /// How many more bytes of bodies may go out; nothing: as many as are asked for.
    budget: Option<u64>,
    is_held: bool,
    releases: u64,
    links: u64,
    expired_links: u64,
    closing: bool,
    sockets: HashMap<u64, TcpStream>,
    threads: Vec<JoinHandle<()>>,
    connections: u64,
}

/// One request that came, and what went out for it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Which file it was for.
    pub(crate) name: String,
    /// The request.
    pub(crate) request: Request,
    /// Where in the file the body begins.
    pub(crate) first: u64,
    /// Bytes of the body that went out.
    pub(crate) sent: u64,
    /// When it came.
    pub(crate) at: Instant,
}

impl Site {
    /// Starts a server; with an identity it answers https too.
    pub(crate) fn start(identity: Option<&Identity>) -> Self {
        let stage = Arc::new(Stage {
            state: Mutex::default(),
            changed: Condvar::new(),
            date: SystemTime::now(),
            addresses: Mutex::default(),
        });
        let mut site = Self { stage, doors: Vec::new() };
        site.open("http", None);
        if let Some(identity) = identity {
            site.open("https", Some(identity.server()));
        }
        site
    }

    /// Starts a server whose https door opens only for clients that this identity's authority knows.
    pub(crate) fn start_for_known_clients(identity: &Identity) -> Self {
        let mut site = Self::start(None);
        site.open("https", Some(identity.server_for_known_clients()));
        site
    }

    /// Starts a server whose https door opens only for clients that speak this.
    pub(crate) fn start_for(identity: &Identity, protocol: &str) -> Self {
        let mut site = Self::start(None);
        site.open("https", Some(identity.server_of(protocol)));
        site
    }

    /// Host and port of its http door.
    pub(crate) fn address(&self) -> SocketAddr {
        self.stage.addresses.lock().unwrap()["http"]
    }

    fn open(&mut self, scheme: &'static str, tls: Option<Arc<ServerConfig>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        self.stage.addresses.lock().unwrap().insert(scheme, address);
        let stage = Arc::clone(&self.stage);
        self.doors.push((address, thread::spawn(move || accept(&stage, &listener, tls.as_ref()))));
    }

    /// Serves a file by a script.
    pub(crate) fn serve(&self, name: &str, script: Table) {
        let script = Script::parse(script).unwrap_or_else(|error| panic!("{name}: {error}"));
        self.put(name, script);
    }

    /// Changes a served file's script, for requests from now on.
    pub(crate) fn change(&self, name: &str, change: Table) {
        let script = self.stage.lock().scripts.get(name).map(|script| script.changed(change));
        let script = script.unwrap_or_else(|| panic!("{name} is not served"));
        self.put(name, script.unwrap_or_else(|error| panic!("{name}: {error}")));
    }

    fn put(&self, name: &str, script: Script) {
        let mut state = self.stage.lock();
        state.served.entry(name.to_owned()).or_default().extend(script.versions());
        state.scripts.insert(name.to_owned(), script);
    }

    /// Fills `{site}`, `{owner}` (the same with a name and a password in it), `{other}` (the same server by another name, so
    /// another origin) and `{tls}`.
    pub(crate) fn fill(&self, text: &str) -> String {
        self.stage.fill(text)
    }

    /// Returns the content that a file has now, where no rule applies.
    pub(crate) fn content(&self, name: &str) -> Option<Arc<[u8]>> {
        let script = self.stage.lock().scripts.get(name).cloned();
        Some(script?.plain().bytes())
    }

    /// Returns every version of a file that was ever served.
    pub(crate) fn versions(&self, name: &str) -> Vec<Version> {
        self.stage.lock().served.get(name).cloned().unwrap_or_default()
    }

    /// Forgets all requests and counts from 1 again.
    pub(crate) fn forget(&self) {
        let mut state = self.stage.lock();
        state.log.clear();
        state.logs += 1;
    }

    /// Returns the requests since [`Site::forget`].
    pub(crate) fn log(&self) -> Vec<Seen> {
        self.stage.lock().log.clone()
    }

    /// Lets so many more bytes of bodies out, then holds all connections.
    pub(crate) fn hold_after(&self, bytes: u64) {
        let mut state = self.stage.lock();
        (state.budget, state.is_held) = (Some(bytes), false);
    }

    /// Waits until all that [`Site::hold_after`] lets out is out, or until `is_over` says that it never will be.
    pub(crate) fn wait_until_held(&self, mut is_over: impl FnMut() -> bool) -> bool {
        let end = Instant::now() + DEADLINE;
        let mut state = self.stage.lock();
        while !state.is_held && Instant::now() < end && !is_over() {
            (state, _) = self.stage.changed.wait_timeout(state, Duration::from_millis(20)).unwrap();
        }
        state.is_held
    }

    /// Lets go of all that is held or stalled.
    pub(crate) fn release(&self) {
        let mut state = self.stage.lock();
        (state.budget, state.is_held) = (None, false);
        state.releases += 1;
        self.stage.changed.notify_all();
    }

    /// Makes every link that `{fresh}` gave so far answer 403.
    pub(crate) fn expire_links(&self) {
        let mut state = self.stage.lock();
        state.expired_links = state.links;
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let threads = {
            let mut state = self.stage.lock();
            state.closing = true;
            self.stage.changed.notify_all();
            for socket in state.sockets.values() {
                let _ = socket.shutdown(Shutdown::Both);
            }
            std::mem::take(&mut state.threads)
        };
        for (address, door) in self.doors.drain(..) {
            // A door sleeps in `accept`: knock, so that it sees that it is time to go.
            let _ = TcpStream::connect(address);
            let _ = door.join();
        }
        for thread in threads {
            let _ = thread.join();
        }
    }
}

fn accept(shared: &Arc<Stage>, listener: &TcpListener, tls: Option<&Arc<ServerConfig>>) {
    for stream in listener.incoming() {
        let Ok(stream) = stream else { continue };
        let mut state = shared.lock();
        if state.closing {
            return;
        }
        let (Ok(()), Ok(()), Ok(socket)) = (
            rustix::net::sockopt::set_socket_send_buffer_size(&stream, SEND_BUFFER),
            stream.set_nodelay(true),
            stream.try_clone(),
        ) else {
            continue;
        };
        state.connections += 1;
        let number = state.connections;
        state.sockets.insert(number, socket);
        let (of_thread, tls) = (Arc::clone(shared), tls.cloned());
        state.threads.push(thread::spawn(move || attend(&of_thread, number, Wire::new(stream, tls))));
    }
}

/// Answers the requests of one connection until either side ends it.
fn attend(stage: &Stage, number: u64, mut wire: Wire) {
    while let Some(request) = wire.read_request() {
        let turn = stage.take_in(request);
        let ending = reply::give(stage, &mut wire, &turn);
        stage.lock().answering -= 1;
        match ending {
            Ok(reply::Ending::Open) => continue,
            Ok(reply::Ending::Closed) => wire.end_in_order(),
            Ok(reply::Ending::Reset) => wire.reset_at_end(),
            Ok(reply::Ending::Cut) | Err(_) => {}
        }
        break;
    }
    // The registered copy first: a reset happens only when the last descriptor closes.
    stage.lock().sockets.remove(&number);
}

/// A request with what is needed to answer it.
pub(super) struct Turn {
    pub(super) request: Request,
    /// The script and what its conditions look at; nothing: there is no such file.
    pub(super) script: Option<(Script, Facts)>,
    /// Whether the link that it came by has expired.
    pub(super) is_expired: bool,
    /// Which log it stands in, and where.
    entry: (u64, usize),
}

impl Stage {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn take_in(&self, request: Request) -> Turn {
        let mut state = self.lock();
        // A signed link is `go/NUMBER/NAME`.
        let signed = request.path.strip_prefix("go/").and_then(|rest| rest.split_once('/'));
        let link = signed.and_then(|(link, _)| link.parse::<u64>().ok());
        let name = signed.map_or(request.path.as_str(), |(_, name)| name).to_owned();
        let number = 1 + state.log.iter().filter(|seen| seen.name == name).count() as u64;
        let facts = Facts {
            number,
            range_start: request.header("range").and_then(reply::range_start),
            has_if_range: request.header("if-range").is_some(),
            beside: state.answering,
        };
        state.answering += 1;
        state.log.push(Seen {
            name: name.clone(),
            request: request.clone(),
            first: 0,
            sent: 0,
            at: Instant::now(),
        });
        Turn {
            script: state.scripts.get(&name).map(|script| (script.clone(), facts)),
            is_expired: link.is_some_and(|link| link <= state.expired_links),
            request,
            entry: (state.logs, state.log.len() - 1),
        }
    }

    /// Takes up to `wanted` bytes out of the budget; waits while there are none. Nothing: the site is being closed.
    pub(super) fn grant(&self, wanted: usize) -> Option<usize> {
        let mut state = self.lock();
        loop {
            if state.closing {
                return None;
            }
            match state.budget {
                None => return Some(wanted),
                Some(0) => {
                    state = self.changed.wait(state).unwrap();
                }
                Some(left) => {
                    let granted = wanted.min(usize::try_from(left).unwrap_or(usize::MAX));
                    state.budget = Some(left - granted as u64);
                    return Some(granted);
                }
            }
        }
    }

    /// Gives back what was granted and didn't go out.
    pub(super) fn give_back(&self, granted: usize) {
        let mut state = self.lock();
        state.budget = state.budget.map(|left| left + granted as u64);
        self.changed.notify_all();
    }

    /// Counts bytes that went out, of a body that begins at `first`.
    pub(super) fn count(&self, turn: &Turn, first: usize, bytes: usize) {
        let mut state = self.lock();
        let (log, place) = turn.entry;
        // A test may have begun to count anew while an old answer was still going out.
        if log == state.logs
            && let Some(seen) = state.log.get_mut(place)
        {
            seen.first = first as u64;
            seen.sent += bytes as u64;
        }
        if state.budget == Some(0) {
            state.is_held = true;
            self.changed.notify_all();
        }
    }

    /// Waits until the test releases the site, or closes it.
    pub(super) fn wait_for_release(&self) {
        let mut state = self.lock();
        let seen = state.releases;
        while state.releases == seen && !state.closing {
            state = self.changed.wait(state).unwrap();
        }
    }

    /// Fills the places that a script's texts leave open.
    pub(super) fn fill(&self, text: &str) -> String {
        let addresses = self.addresses.lock().unwrap();
        let port = addresses["http"].port();
        let mut text = text.replace("{site}", &format!("http://127.0.0.1:{port}"));
        text = text.replace("{owner}", &format!("http://me:hunter2@127.0.0.1:{port}"));
        text = text.replace("{long}", &"x".repeat(LONG));
        text = text.replace("{other}", &format!("http://localhost:{port}"));
        if let Some(https) = addresses.get("https") {
            text = text.replace("{tls}", &format!("https://127.0.0.1:{}", https.port()));
        }
        if text.contains("{fresh}") {
            let mut state = self.lock();
            state.links += 1;
            text = text.replace("{fresh}", &format!("http://127.0.0.1:{port}/go/{}", state.links));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;
    use toml::toml;

    /// Sends requests over one connection and returns all that comes until the server closes it.
    fn ask(site: &Site, requests: &[&str]) -> String {
        let mut stream = TcpStream::connect(site.doors[0].0).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        for request in requests {
            write!(stream, "GET /{request}\r\nHost: x\r\n\r\n").unwrap();
        }
        let mut heard = Vec::new();
        let _ = stream.read_to_end(&mut heard);
        String::from_utf8_lossy(&heard).into_owned()
    }

    fn site(script: Table) -> Site {
        let site = Site::start(None);
        site.serve("f", Script::parse(script.clone()).map(|_| script).unwrap());
        site
    }

    #[test]
    fn answers_follow_the_script() {
        let cut = |field: &str| format!("size = 10\nclose = true\nbody = \"0123456789\"\n{field}");
        let table = [
            ("", "f HTTP/1.1", &["HTTP/1.1 200", "Content-Length: 10", "ETag: \"one\"", "0123456789"][..]),
            ("", "f HTTP/1.1\r\nRange: bytes=3-5", &["206", "Content-Range: bytes 3-5/10", "\n345"]),
            ("", "f HTTP/1.1\r\nRange: bytes=20-", &["416", "Content-Range: bytes */10"]),
            ("", "f HTTP/1.1\r\nRange: bytes=3-5\r\nIf-Range: \"two\"", &["200", "0123456789"]),
            ("", "f HTTP/1.1\r\nIf-None-Match: \"one\"", &["304"]),
            ("", "g HTTP/1.1", &["404"]),
            ("ranges = false", "f HTTP/1.1\r\nRange: bytes=3-5", &["200", "0123456789"]),
            ("piece = 2", "f HTTP/1.1\r\nRange: bytes=3-9", &["Content-Range: bytes 3-4/10", "\n34"]),
            ("shift = 1", "f HTTP/1.1\r\nRange: bytes=3-4", &["bytes 4-4/10", "\n4"]),
            (
                "content_range = \"bytes {last}-{first}/*\"",
                "f HTTP/1.1\r\nRange: bytes=3-4",
                &["bytes 4-3/*"],
            ),
            ("unasked = 4", "f HTTP/1.1", &["206", "bytes 0-3/10", "\n0123"]),
            ("chunked = true", "f HTTP/1.1", &["Transfer-Encoding: chunked", "a\r\n0123456789\r\n0\r\n"]),
            ("cut_after = 4", "f HTTP/1.1", &["Content-Length: 10", "\n0123"]),
            ("status = 429\nretry_after = \"+2\"", "f HTTP/1.1", &["429", "Retry-After: 2"]),
            ("status = 503\nretry_after = \"date+2\"", "f HTTP/1.1", &["503", "Retry-After: ", " GMT"]),
            ("redirect = \"/again/{n}\"", "f HTTP/1.1", &["302", "Location: /again/1"]),
            ("redirect = \"{fresh}/f\"", "f HTTP/1.1", &["302", "/go/1/f"]),
            (
                "multipart = true",
                "f HTTP/1.1\r\nRange: bytes=3-5",
                &["multipart/byteranges", "345\r\n--cut--"],
            ),
            ("head = \"HTTP/1.1 20O OK\\r\\n\\r\\n\"", "f HTTP/1.1", &["HTTP/1.1 20O OK", "0123456789"]),
            ("length = \"-5\"", "f HTTP/1.1", &["Content-Length: -5"]),
            ("headers = { ETag = \"\", X-More = \"1\" }", "f HTTP/1.1", &["X-More: 1"]),
        ];
        for (field, request, expected) in table {
            let site = site(cut(field).parse().unwrap());
            let heard = ask(&site, &[request]);
            for part in expected {
                assert!(heard.contains(part), "{field}, {request}: no {part:?} in {heard}");
            }
        }
    }

    #[test]
    fn a_gzip_body_is_a_true_one() {
        let site = site(toml! { size = 10
        gzip = true
        close = true });
        let heard = ask(&site, &["f HTTP/1.1"]);
        // Ten header bytes, one stored block, CRC and length.
        assert!(heard.contains("Content-Encoding: gzip") && heard.contains("Content-Length: 33"), "{heard}");
    }

    #[test]
    fn a_connection_answers_many_requests_and_all_are_counted() {
        let site = site(toml! { size = 10
        rule = [{ when = { from = 2 }, close = true }] });
        let heard = ask(&site, &["f HTTP/1.1", "f HTTP/1.1\r\nRange: bytes=8-"]);
        assert_eq!(heard.matches("HTTP/1.1 20").count(), 2);
        let log: Vec<_> = site.log().iter().map(|seen| (seen.first, seen.sent)).collect();
        assert_eq!(log, [(0, 10), (8, 2)]);
        site.forget();
        assert!(site.log().is_empty());
    }

    #[test]
    fn held_bytes_go_out_when_the_site_is_released() {
        let site = site(toml! { size = "1 MiB"
        close = true });
        site.hold_after(1000);
        thread::scope(|scope| {
            let heard = scope.spawn(|| ask(&site, &["f HTTP/1.1"]));
            assert!(site.wait_until_held(|| false));
            assert_eq!(site.log()[0].sent, 1000);
            site.release();
            heard.join().unwrap();
        });
        assert_eq!(site.log()[0].sent, 1 << 20);
    }

    #[test]
    fn a_site_that_is_dropped_ends_stalled_connections() {
        let site = site(toml! { size = 10
        stall_after = 5 });
        let address = site.doors[0].0;
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"GET /f HTTP/1.1\r\n\r\n").unwrap();
        let mut heard = [0; 64];
        stream.read_exact(&mut heard).unwrap();
        drop(site);
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        assert!(TcpStream::connect(address).is_err());
    }

    #[test]
    fn links_expire_on_command() {
        let site = site(toml! { size = 10
        close = true });
        assert!(site.fill("{fresh}/f").ends_with("/go/1/f"));
        assert!(ask(&site, &["go/1/f HTTP/1.1"]).contains("HTTP/1.1 200"));
        site.expire_links();
        assert!(site.fill("{fresh}/f").ends_with("/go/2/f"));
        assert!(ask(&site, &["go/2/f HTTP/1.1"]).contains("HTTP/1.1 200"));
        assert!(ask(&site, &["go/1/f HTTP/1.1\r\nConnection: close"]).contains("HTTP/1.1 403"));
    }
}
