//! Holes in a part that should have none. Somebody who cuts a part between the look at its length and the write behind it is not seen by
//! the length: what is written next makes it as long as it should be, with nothing in between. The file system knows.

use std::fs::File;

use rustix::fs::{FsWord, SeekFrom};

/// File systems on which written zeros never become a hole, by `statfs(2)`: ext2 to ext4, XFS, Btrfs, F2FS and tmpfs. Others may make
/// holes of zeros by themselves, as ZFS does, or ask one that does.
const KEEPS_ZEROS: [FsWord; 5] = [0xef53, 0x5846_5342, 0x9123_683e, 0xf2f5_2010, 0x0102_1994];

/// Where the first hole is in a file of which `size` bytes were written, if there is one, and if the file system can tell. What is smaller
/// than one of its blocks is not seen.
pub(super) fn first(file: &File, size: u64) -> Option<u64> {
    let can_tell =
        size > 0 && rustix::fs::fstatfs(file).is_ok_and(|facts| KEEPS_ZEROS.contains(&facts.f_type));
    let at = can_tell.then(|| rustix::fs::seek(file, SeekFrom::Hole(0)).ok())??;
    // Behind the last byte every file has one.
    (at < size).then_some(at)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt as _;

    use super::*;

    #[test]
    fn only_what_was_never_written_is_a_hole() {
        let file = tempfile::tempfile().unwrap();
        let facts = rustix::fs::fstatfs(&file).unwrap();
        let can_tell = KEEPS_ZEROS.contains(&facts.f_type);
        assert_eq!(first(&file, 0), None);
        file.write_all_at(&vec![0; 300_000], 0).unwrap();
        assert_eq!(first(&file, 300_000), None);
        file.sync_all().unwrap();
        assert_eq!(first(&file, 300_000), None, "zeros are bytes");
        file.set_len(8192).unwrap();
        file.write_all_at(&vec![1; 100_000], 200_000).unwrap();
        assert_eq!(first(&file, 300_000).is_some(), can_tell);
        file.sync_all().unwrap();
        assert_eq!(first(&file, 300_000).is_some(), can_tell);
    }
}
