//! The engine's own settings: what holds for all downloads together.

use std::path::PathBuf;
use std::time::Duration;

/// What the engine may use and how long it waits. Every number can be set in the config.
#[derive(Clone, Debug, PartialEq)]
pub struct EngineSettings {
    /// Files at once.
    pub parallel: u32,
    /// Files at once from one host.
    pub parallel_per_host: u32,
    /// Connections to one host.
    pub connections_per_host: u32,
    /// Connections in all.
    pub connections: u32,
    /// Bytes per second in all; 0 is no limit.
    pub rate: u64,
    /// How long a connection may be silent before it is replaced.
    pub stall: Duration,
    /// Longest first wait after trouble; doubles from try to try.
    pub backoff_first: Duration,
    /// Longest wait after trouble.
    pub backoff_most: Duration,
    /// How long to go on without a byte where the download doesn't say.
    pub give_up_after: Duration,
    /// Time between two checkpoints.
    pub checkpoint_every: Duration,
    /// Lines of history to keep.
    pub history: u32,
    /// Bytes to leave free on a disk; where none are set, the smaller of 1 GiB and 2 % of it.
    pub reserve: Option<u64>,
    /// The program that reads tags as `PROGRAM __tags`; without one, media is shelved by its name.
    pub tag_reader: Option<PathBuf>,
    /// What background downloads may look at to step aside.
    pub eyes: Eyes,
    /// Whether background downloads take the processor and the disk only when nobody else wants them.
    pub idle: bool,
}

/// What the governor of background downloads may look at. Without one of them it goes on with what is left, and says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Eyes {
    /// What the kernel knows of our own connections, and the window that they offer.
    pub sockets: bool,
    /// The counters of the network interfaces.
    pub counters: bool,
    /// An echo to the busiest server, five times a second.
    pub probe: bool,
}

impl Default for Eyes {
    fn default() -> Self {
        Self { sockets: true, counters: true, probe: true }
    }
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            parallel: 4,
            parallel_per_host: 2,
            connections_per_host: 8,
            connections: 16,
            rate: 0,
            stall: Duration::from_secs(30),
            backoff_first: Duration::from_secs(1),
            backoff_most: Duration::from_mins(10),
            give_up_after: Duration::from_hours(14 * 24),
            checkpoint_every: Duration::from_secs(1),
            history: 10_000,
            reserve: None,
            tag_reader: None,
            eyes: Eyes::default(),
            idle: true,
        }
    }
}
