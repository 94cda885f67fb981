//! Whether stdout was there when the process began.

#[cfg(target_os = "linux")]
use rustix::fs::{OFlags, fcntl_getfl, fstat, major, minor};
#[cfg(target_os = "linux")]
use rustix::stdio::stdout;

/// The device numbers of `/dev/null` on Linux.
#[cfg(target_os = "linux")]
const NULL: (u32, u32) = (1, 3);

/// Whether the process was started without stdout, so that all that is written there is lost. The standard library opens `/dev/null` in
/// the place of what is not there, for reading too, as no shell's `>/dev/null` does. Where that can't be seen it says that there was one.
#[cfg(target_os = "linux")]
pub fn stdout_was_closed() -> bool {
    let is_for_both = fcntl_getfl(stdout()).is_ok_and(|flags| flags & OFlags::RWMODE == OFlags::RDWR);
    let is_null = fstat(stdout()).is_ok_and(|facts| (major(facts.st_rdev), minor(facts.st_rdev)) == NULL);
    is_for_both && is_null
}

/// Whether the process was started without stdout: nothing tells here.
#[cfg(not(target_os = "linux"))]
pub fn stdout_was_closed() -> bool {
    false
}
