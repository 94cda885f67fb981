//! What a running transfer shows while it runs: a few numbers that its thread writes and the engine reads.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// Numbers of one running download. Each is stored whole, never added to, so that no two can drift apart.
#[derive(Debug, Default)]
pub(crate) struct Live {
    covered: AtomicU64,
    received: AtomicU64,
    size: AtomicU64,
    connections: AtomicU32,
    limited: AtomicBool,
}

/// Stands for an unknown size.
const UNKNOWN: u64 = u64::MAX;

impl Live {
    /// Returns the numbers of a download that has `covered` bytes on disk.
    pub(crate) fn new(covered: u64, size: Option<u64>) -> Self {
        Self {
            covered: AtomicU64::new(covered),
            received: AtomicU64::new(0),
            size: AtomicU64::new(size.unwrap_or(UNKNOWN)),
            connections: AtomicU32::new(0),
            limited: AtomicBool::new(false),
        }
    }

    /// Bytes on disk.
    pub(crate) fn covered(&self) -> u64 {
        self.covered.load(Ordering::Relaxed)
    }

    /// Bytes that came over the network in this run, wanted or not.
    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Size of the whole file, where known.
    pub(crate) fn size(&self) -> Option<u64> {
        Some(self.size.load(Ordering::Relaxed)).filter(|size| *size != UNKNOWN)
    }

    /// Connections in use.
    pub(crate) fn connections(&self) -> u32 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Whether a limit held it back since this was asked last.
    pub(crate) fn take_limited(&self) -> bool {
        self.limited.swap(false, Ordering::Relaxed)
    }

    pub(super) fn show_limited(&self) {
        self.limited.store(true, Ordering::Relaxed);
    }

    pub(super) fn show_bytes(&self, covered: u64, received: u64) {
        self.covered.store(covered, Ordering::Relaxed);
        self.received.store(received, Ordering::Relaxed);
    }

    pub(super) fn show_size(&self, size: Option<u64>) {
        self.size.store(size.unwrap_or(UNKNOWN), Ordering::Relaxed);
    }

    pub(super) fn show_connections(&self, count: usize) {
        self.connections.store(u32::try_from(count).unwrap_or(u32::MAX), Ordering::Relaxed);
    }
}
