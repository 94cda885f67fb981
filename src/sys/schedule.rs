//! The classes of processor and disk time: background threads take what nobody else wants.

use std::io;

/// Puts the calling thread into the lowest class of processor and disk time. Where the class is refused it takes the lowest
/// priority of the normal one. Returns whether the idle class was given.
pub fn be_idle() -> bool {
    let idle = idle_class().is_ok();
    if !idle {
        // Nobody is refused a lower priority; a system without it has no other means either.
        let _ = rustix::process::setpriority_process(None, 19);
    }
    // A disk scheduler without classes ignores it, and only an agent under its unit has a group to give.
    let _ = idle_disk();
    let _ = idle_group();
    idle
}

/// Takes this process back to the usual class of processor and disk time: one that was started from an idle or a nice program is not
/// that program. To be called before there are other threads. What the system refuses stays as it is.
pub fn be_usual() {
    let _ = usual_class();
    let _ = rustix::process::setpriority_process(None, 0);
    let _ = usual_disk();
}

/// Keeps a session's background work below everybody else's. Where the kernel schedules by sessions, an idle class counts only
/// within its own session: a detached agent would get the share of a whole user. `quiet` gives the session the lowest weight.
///
/// # Errors
/// The kernel doesn't schedule by sessions, or refuses.
pub fn quiet_autogroup(quiet: bool) -> io::Result<()> {
    std::fs::write("/proc/self/autogroup", if quiet { "19" } else { "0" })
}

/// Puts the calling thread into an idle group within our own unit's, where that was delegated to us (cgroup version 2).
#[cfg(target_os = "linux")]
fn idle_group() -> io::Result<()> {
    let own = std::fs::read_to_string("/proc/self/cgroup")?;
    // Only a group that is ours alone: a terminal's holds the shell as well.
    let unit = own.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or_default();
    if !unit.rsplit('/').next().is_some_and(|name| name.starts_with("haul") && name.ends_with(".service")) {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let unit = std::path::Path::new("/sys/fs/cgroup").join(unit.trim_start_matches('/'));
    let group = unit.join("background");
    match std::fs::create_dir(&group) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    std::fs::write(group.join("cgroup.type"), "threaded")?;
    std::fs::write(unit.join("cgroup.subtree_control"), "+cpu")?;
    std::fs::write(group.join("cpu.idle"), "1")?;
    std::fs::write(group.join("cgroup.threads"), rustix::thread::gettid().to_string())
}

#[cfg(not(target_os = "linux"))]
fn idle_group() -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(target_os = "linux")]
fn idle_class() -> io::Result<()> {
    class(libc::SCHED_IDLE)
}

#[cfg(target_os = "linux")]
fn usual_class() -> io::Result<()> {
    class(libc::SCHED_OTHER)
}

#[cfg(target_os = "linux")]
fn class(policy: libc::c_int) -> io::Result<()> {
    let parameters = libc::sched_param { sched_priority: 0 };
    #[expect(unsafe_code, reason = "the kernel reads one sched_param; 0 is the calling thread")]
    let answer = unsafe { libc::sched_setscheduler(0, policy, &raw const parameters) };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// `IOPRIO_CLASS_IDLE` in its place, in `ioprio.h`.
#[cfg(target_os = "linux")]
fn idle_disk() -> io::Result<()> {
    disk(3 << 13)
}

/// `IOPRIO_CLASS_NONE`: by the priority for the processor.
#[cfg(target_os = "linux")]
fn usual_disk() -> io::Result<()> {
    disk(0)
}

#[cfg(target_os = "linux")]
fn disk(priority: libc::c_int) -> io::Result<()> {
    /// `IOPRIO_WHO_PROCESS`, in `ioprio.h`.
    const THREAD: libc::c_int = 1;
    #[expect(unsafe_code, reason = "three plain numbers; 0 is the calling thread")]
    let answer = unsafe { libc::syscall(libc::SYS_ioprio_set, THREAD, 0, priority) };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(not(target_os = "linux"))]
use elsewhere::{idle_class, idle_disk, usual_class, usual_disk};

/// Systems without such classes.
#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use std::io;

    pub(super) fn idle_class() -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn idle_disk() -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn usual_class() -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn usual_disk() -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// The 41st field of a thread's stat, counted behind its name.
    fn policy() -> Option<u32> {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").ok()?;
        stat.rsplit_once(')')?.1.split_whitespace().nth(38)?.parse().ok()
    }

    #[test]
    fn a_thread_becomes_idle_and_its_process_does_not() {
        let of_thread = std::thread::spawn(|| {
            assert!(be_idle());
            let idle = policy();
            be_usual();
            (idle, policy())
        });
        // `SCHED_IDLE` is 5 and `SCHED_OTHER` 0, in `sched.h`.
        assert_eq!(of_thread.join().unwrap(), (Some(5), Some(0)));
        assert_ne!(policy(), Some(5));
    }
}
