//! How much room a folder's disk has.

use std::path::Path;

use super::error::StoreError;

/// A disk's room, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
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
    let facts = rustix::fs::statvfs(folder)
        .map_err(|error| StoreError::io("can't look at the disk of", folder.display(), &error.into()))?;
    Ok(Space {
        free: facts.f_bavail.saturating_mul(facts.f_frsize),
        total: facts.f_blocks.saturating_mul(facts.f_frsize),
    })
}
