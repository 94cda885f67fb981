//! Whether stdout was there when the process began: the standard library opens `/dev/null` in the place of what is not, before `main`.

use std::sync::atomic::{AtomicBool, Ordering};

static STDOUT: AtomicBool = AtomicBool::new(false);

/// Whether the process was started without stdout, so that all that is written there is lost. Where the system has no way to look
/// before the standard library does, it says that there was one.
pub fn stdout_was_closed() -> bool {
    // Named here so that the linker keeps it.
    #[cfg(target_os = "linux")]
    std::hint::black_box(&EARLY);
    STDOUT.load(Ordering::Relaxed)
}

#[cfg(target_os = "linux")]
#[expect(
    unsafe_code,
    reason = "the section is a table of functions that are called once before `main`, and this is one: it allocates nothing, needs \
              nothing that is set up later, and can't panic"
)]
#[used]
#[unsafe(link_section = ".init_array")]
static EARLY: extern "C" fn() = {
    extern "C" fn look() {
        let is_open = rustix::io::fcntl_getfd(rustix::stdio::stdout()).is_ok();
        STDOUT.store(!is_open, Ordering::Relaxed);
    }
    look
};
