//! What the heap keeps of what was given back.

/// Bytes at the heap's end that stay the process's own.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const KEPT: libc::c_int = 4 << 20;
/// Pieces of as many bytes are the system's own, and go back at once. What comes from a connection is in smaller ones: with 128 KiB, as
/// glibc has it at first, 1,000 files of 1 MiB cost half as much time again, all of it in faults.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE: libc::c_int = 1 << 20;

/// Has memory that was given back go to the system again. glibc's heap keeps more and more of it by itself once large pieces were taken
/// and given back, as the list of a long line is: 8 MiB of 55 with 10,000 downloads queued. Setting either threshold keeps both as they
/// are (mallopt(3)).
pub fn keep_little() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(unsafe_code, reason = "it sets two numbers of the heap's own, before there are other threads")]
    // What it can't set stays as it was.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
        libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT);
    }
}
