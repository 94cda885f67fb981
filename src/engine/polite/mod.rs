//! The shell that runs the governor: it reads the sockets of background downloads and the interface's counters every 10 ms,
//! and does what comes out of [`crate::kernel::governor`].
//!
//! A thread of its own at the normal class: it is awake for a fraction of a millisecond a tick, only while something runs in the
//! background, and must be on time when the transfer threads, in the idle class, are not. Transfers hand it connections through
//! a channel and read their leave from atomics: no lock is shared with an idle thread.

mod connection;
mod counters;
mod probe;
mod report;
mod sips;
mod strain;
mod thread;

pub(crate) use self::connection::{Ends, Watched};
pub(crate) use self::report::Reports;
use self::thread::Word;
use crate::model::id::DownloadId;
use crate::model::settings::Eyes;

use std::sync::mpsc;
use std::thread::JoinHandle;

/// The governor's thread.
pub(super) struct Polite {
    handle: Option<PoliteHandle>,
    thread: Option<JoinHandle<()>>,
    reports: Reports,
}

/// Where transfers hand in their connections. Cheap to clone.
#[derive(Clone)]
pub(crate) struct PoliteHandle {
    words: mpsc::Sender<Word>,
    thread: std::thread::Thread,
}

impl Polite {
    /// Starts the governor.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(super) fn start(eyes: Eyes) -> std::io::Result<Self> {
        let (words, incoming) = mpsc::channel();
        let reports = Reports::default();
        let own = reports.clone();
        let thread = std::thread::Builder::new()
            .name("governor".into())
            .spawn(move || thread::govern(&incoming, eyes, &own))?;
        let handle = PoliteHandle { words, thread: thread.thread().clone() };
        Ok(Self { handle: Some(handle), thread: Some(thread), reports })
    }

    /// For a transfer.
    pub(super) fn handle(&self) -> Option<PoliteHandle> {
        self.handle.clone()
    }

    /// What it sees and does.
    pub(super) fn reports(&self) -> &Reports {
        &self.reports
    }
}

impl PoliteHandle {
    /// Puts a connection under the governor until what comes back is dropped.
    pub(crate) fn watch(&self, download: DownloadId, ends: Ends) -> Watched {
        let (watched, connection) = connection::watch(download, ends);
        // A governor that is gone takes the engine with it.
        let _ = self.words.send(Word::Watch(connection));
        self.thread.unpark();
        watched
    }
}

impl Drop for Polite {
    fn drop(&mut self) {
        // The thread ends when the last handle is gone; transfers have ended before.
        if let Some(handle) = self.handle.take() {
            let _ = handle.words.send(Word::End);
            handle.thread.unpark();
        }
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
    }
}

/// The way that a connection takes, for a line and a path to be found.
pub(super) fn is_on_this_machine(ends: &Ends) -> bool {
    ends.remote.ip().to_canonical().is_loopback() || ends.local.ip() == ends.remote.ip()
}

impl std::fmt::Debug for PoliteHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PoliteHandle")
    }
}
