//! Writing back as it goes: a disk's queue of what was written and is not on it yet is everybody's, and syncs wait for all of it.

use std::fs::File;
use std::io;

/// Waits until what was begun to be written back of a file is on the disk, and begins with what was written since. It makes
/// nothing safe: names, sizes and the disk's own cache are left to a sync.
///
/// # Errors
/// The disk failed to take bytes: no later sync tells of these again.
#[cfg(target_os = "linux")]
pub fn write_back(file: &File) -> io::Result<()> {
    use std::os::fd::AsRawFd as _;

    let flags = libc::SYNC_FILE_RANGE_WAIT_BEFORE | libc::SYNC_FILE_RANGE_WRITE;
    #[expect(unsafe_code, reason = "plain numbers and an open file; 0 and 0 are all of it")]
    let answer = unsafe { libc::sync_file_range(file.as_raw_fd(), 0, 0, flags) };
    match answer {
        0 => Ok(()),
        _ => match io::Error::last_os_error() {
            // File systems without it, and sandboxes that forbid it: the kernel does it in its own time.
            error
                if matches!(
                    error.raw_os_error(),
                    Some(libc::ENOSYS | libc::EINVAL | libc::EPERM | libc::ESPIPE)
                ) =>
            {
                Ok(())
            }
            error => Err(error),
        },
    }
}

/// Does nothing: the kernel writes back in its own time.
///
/// # Errors
/// None.
#[cfg(not(target_os = "linux"))]
pub fn write_back(_file: &File) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn what_was_written_stays_as_it_is() {
        let mut file = tempfile::tempfile().unwrap();
        for _ in 0..3 {
            file.write_all(&[7; 4096]).unwrap();
            write_back(&file).unwrap();
        }
        assert_eq!(file.metadata().unwrap().len(), 3 * 4096);
    }
}
