//! A door in front of a server of HTTP/2: it ends TLS, refuses with an alert whoever offers no `h2` (RFC 7301, section 3.2), and
//! counts who came in. Or, in the place of a server, one that breaks off in the middle of its first answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
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
        Self::open(identity, move |mut client| async move {
            let mut server = TcpStream::connect(to).await.ok()?;
            tokio::io::copy_bidirectional(&mut client, &mut server).await.ok().map(|_| ())
        })
    }

    /// Opens one that has a file itself, says nothing of its size, and resets the first stream in the middle of it with `NO_ERROR`.
    pub(crate) fn breaking_off(identity: &Identity, content: Arc<[u8]>) -> Self {
        let asked = Arc::new(AtomicUsize::new(0));
        Self::open(identity, move |client| {
            let (content, asked) = (Arc::clone(&content), Arc::clone(&asked));
            async move {
                let mut connection = h2::server::handshake(client).await.ok()?;
                while let Some(Ok((_, mut respond))) = connection.accept().await {
                    let is_first = asked.fetch_add(1, Ordering::Relaxed) == 0;
                    let content = Bytes::copy_from_slice(&content);
                    let mut body = respond.send_response(http::Response::new(()), false).ok()?;
                    tokio::spawn(async move {
                        if is_first {
                            body.send_data(content.slice(..content.len() / 2), false).ok()?;
                            // What is on its way has to arrive before.
                            tokio::time::sleep(Duration::from_millis(300)).await;
                            body.send_reset(h2::Reason::NO_ERROR);
                        } else {
                            body.send_data(content, true).ok()?;
                        }
                        Some(())
                    });
                }
                Some(())
            }
        })
    }

    fn open<F: Future<Output = Option<()>> + Send + 'static>(
        identity: &Identity,
        serve: impl Fn(TlsStream<TcpStream>) -> F + Send + Sync + 'static,
    ) -> Self {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = TlsAcceptor::from(identity.server_of("h2"));
        let (came, end) = (Arc::new(AtomicUsize::new(0)), CancellationToken::new());
        let (counts, ended) = (Arc::clone(&came), end.clone());
        let door = async move {
            let serve = Arc::new(serve);
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, counts, serve) = (acceptor.clone(), Arc::clone(&counts), Arc::clone(&serve));
                tokio::spawn(async move {
                    // Who is refused, and who goes away in the middle, ends here.
                    let client = acceptor.accept(stream).await.ok()?;
                    counts.fetch_add(1, Ordering::Relaxed);
                    serve(client).await
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
