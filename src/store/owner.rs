//! Whose a part is: it says so itself, from its first moment on, so that a kill before the store has heard of it leaves nothing that nobody
//! knows.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags, XattrFlags};
use rustix::io::Errno;
use uuid::Uuid;

use super::error::{StoreError, StoreKind};
use super::files::{MOST_NUMBERS, exists, is_file_at, rename_aside};
use super::note;
use super::part::{PART, Part};
use super::unnamed;
use crate::model::file_name::numbered;

/// The extended attribute that says it.
pub(super) const OWNER: &str = "user.haul.download";

/// Makes a file that nobody had and that says from its first moment whose it is: it gets its name after its attribute, so that no
/// power cut comes between. A file system without unnamed files gives the name first. Returns whether it was unnamed, too.
pub(super) fn create_owned(folder: &Path, path: &Path, owner: Uuid) -> Result<(OwnedFd, bool), Errno> {
    let mode = Mode::RUSR | Mode::WUSR;
    if let Ok(file) = rustix::fs::open(folder, OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC, mode) {
        sign(&file, owner);
        match unnamed::link(&file, path) {
            Ok(()) => return Ok((file, true)),
            Err(Errno::EXIST) => return Err(Errno::EXIST),
            // No /proc, or no second names here.
            Err(_) => {}
        }
    }
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, mode)?;
    sign(&file, owner);
    Ok((file, false))
}

/// Not every file system keeps attributes: there a part is known by its note and its checkpoint alone.
pub(super) fn sign(file: impl std::os::fd::AsFd, owner: Uuid) {
    let _ = rustix::fs::fsetxattr(file, OWNER, owner.as_bytes(), XattrFlags::empty());
}

/// Says again whose a part is that was about to become a finished file.
pub fn sign_again(path: &Path, owner: Uuid) {
    let _ = rustix::fs::lsetxattr(path, OWNER, owner.as_bytes(), XattrFlags::empty());
}

/// Deletes a part and its note that belong to a download of which nothing was kept.
pub(super) fn discard_of(folder: &Path, name: &str, owner: Uuid) -> Result<(), StoreError> {
    if let Some(part) = Part::of_owner(folder, name, owner) {
        note::forget(&part.path(), owner)?;
        part.discard()?;
    }
    Ok(())
}

/// Deletes the parts in a folder that say that they belong to this download: one that the store never heard of. What can't be deleted stays.
pub fn discard_unheard_of(folder: &Path, owner: Uuid) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| name.ends_with(PART)) else { continue };
        let mut said = [0; 16];
        let found = rustix::fs::lgetxattr(entry.path(), OWNER, &mut said);
        if found == Ok(said.len()) && Uuid::from_bytes(said) == owner {
            let _ = discard_of(folder, name, owner);
        }
    }
}

/// Gives a part that was another program's file its name back, or a numbered one where that is taken. One that is gone already
/// is no error. Returns the name.
///
/// # Errors
/// What the disk says.
pub fn give_back(
    folder: &Path,
    part: &str,
    identity: (u64, u64),
    name: &str,
) -> Result<Option<String>, StoreError> {
    let path = folder.join(part);
    if !is_file_at(&path, identity.0, identity.1) {
        return Ok(None);
    }
    if part == name {
        return Ok(Some(name.to_owned()));
    }
    // Where it was never set there is nothing to take away.
    let _ = rustix::fs::removexattr(&path, OWNER);
    for n in 0..=MOST_NUMBERS {
        let wanted = if n == 0 { name.to_owned() } else { numbered(name, n) };
        if !exists(&folder.join(&wanted)) {
            rename_aside(folder, part, &wanted)?;
            return Ok(Some(wanted));
        }
    }
    let text = format!("{name} and {MOST_NUMBERS} numbers beside it are all taken");
    Err(StoreError::new(StoreKind::Taken, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::item::Taken;

    #[test]
    fn a_part_of_our_own_that_nobody_knows_makes_way_and_anothers_never_does() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        let (mine, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        drop(Part::create(here, "a", Taken::Number, mine).unwrap());
        assert!(Part::of_owner(here, "a.part", other).is_none());
        assert_eq!(Part::create(here, "a", Taken::Number, other).unwrap().1, "a (1)");
        assert_eq!(Part::create(here, "a", Taken::Number, mine).unwrap().1, "a");
    }

    #[test]
    fn what_the_store_never_heard_of_goes_and_anothers_stays() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        let (mine, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        for (name, owner) in [("a", mine), ("b", other), ("c", mine)] {
            drop(Part::create(here, name, Taken::Number, owner).unwrap());
        }
        std::fs::write(here.join("d.part"), b"somebody's").unwrap();
        discard_unheard_of(here, mine);
        let left: std::collections::BTreeSet<_> =
            std::fs::read_dir(here).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        if Part::of_owner(here, "b.part", other).is_some() {
            assert_eq!(left, ["b.part".into(), "d.part".into()].into());
        }
    }
}
