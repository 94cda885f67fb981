//! A door in front of a server of HTTP/2: it ends TLS, refuses with an alert whoever offers no `h2` (RFC 7301, section 3.2), and
//! counts who came in.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use std::thread::{self, JoinHandle};

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::tls::Identity;

/// The door; all that goes through it ends when it is dropped.
pub(crate) struct Terminator {
    address: SocketAddr,
    came: Arc<AtomicUsize>,
    end: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Terminator {
    /// Opens a door that leads to a server.
    pub(crate) fn start(identity: &Identity, to: SocketAddr) -> Self {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = TlsAcceptor::from(identity.server_of("h2"));
        let (came, end) = (Arc::new(AtomicUsize::new(0)), CancellationToken::new());
        let (counts, ended) = (Arc::clone(&came), end.clone());
        let door = async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, counts) = (acceptor.clone(), Arc::clone(&counts));
                tokio::spawn(async move {
                    // Who is refused, and who goes away in the middle, ends here.
                    let mut client = acceptor.accept(stream).await.ok()?;
                    counts.fetch_add(1, Ordering::Relaxed);
                    let mut server = TcpStream::connect(to).await.ok()?;
                    tokio::io::copy_bidirectional(&mut client, &mut server).await.ok()
                });
            }
        };
        let thread = thread::spawn(move || {
            runtime.block_on(ended.run_until_cancelled(door));
        });
        Self { address, came, end, thread: Some(thread) }
    }

    /// Returns a file's URL.
    pub(crate) fn url(&self, name: &str) -> String {
        format!("https://{}/{name}", self.address)
    }

    /// How many connections were let in.
    pub(crate) fn came(&self) -> usize {
        self.came.load(Ordering::Relaxed)
    }
}

impl Drop for Terminator {
    fn drop(&mut self) {
        self.end.cancel();
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
