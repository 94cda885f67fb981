//! How much room a folder's disk has.

use std::path::Path;

use super::error::StoreError;

/// A disk's room, in bytes, and which disk it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Device number of the file system.
    pub device: u64,
    /// Free for us.
    pub free: u64,
    /// In all.
    pub total: u64,
}

/// Returns the room on a folder's disk.
///
/// # Errors
/// The folder is away.
pub fn of(folder: &Path) -> Result<Space, StoreError> {
    let fail = |error: rustix::io::Errno| {
        StoreError::io("can't look at the disk of", folder.display(), &error.into())
    };
    let facts = rustix::fs::statvfs(folder).map_err(fail)?;
    Ok(Space {
        device: rustix::fs::stat(folder).map_err(fail)?.st_dev,
        free: facts.f_bavail.saturating_mul(facts.f_frsize),
        total: facts.f_blocks.saturating_mul(facts.f_frsize),
    })
}
