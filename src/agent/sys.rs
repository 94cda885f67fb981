//! What needs the system directly: a process that is started in the background keeps nothing of whoever started it.

use std::fs::File;
use std::io;

/// Leaves the terminal, the folder, the files and the scheduling class of whoever started this process. To be called before anything is opened.
///
/// # Errors
/// The system refuses.
pub(super) fn detach() -> io::Result<()> {
    close_inherited();
    // Whoever leads a group already can't lead a session; a service manager has seen to that.
    let _ = rustix::process::setsid();
    crate::sys::be_usual();
    std::env::set_current_dir("/")
}

/// Lets go of stdout, by which readiness was told: nobody reads it any more.
///
/// # Errors
/// There is no `/dev/null`.
pub(super) fn close_stdout() -> io::Result<()> {
    let null = File::options().write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdout(&null)?;
    Ok(())
}

/// Closes every descriptor but the three standard ones.
#[expect(
    unsafe_code,
    reason = "closing a descriptor that something in this process owns would be unsound; this runs before anything is opened"
)]
fn close_inherited() {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: called first of all, so that no descriptor above 2 is owned by anything in this process.
        let closed = unsafe { libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, 0_u32) };
        if closed == 0 {
            return;
        }
    }
    let most = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(1024);
    for descriptor in 3..i32::try_from(most).unwrap_or(1024).min(65_536) {
        // SAFETY: as above; one that isn't open is refused by the system.
        unsafe { libc::close(descriptor) };
    }
}
