//! How long this process's threads were at the disk: what the system counts as a shortage of it is partly our own doing.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

static NANOSECONDS: AtomicU64 = AtomicU64::new(0);

/// The time that all threads together have spent writing and syncing.
pub fn spent() -> Duration {
    Duration::from_nanos(NANOSECONDS.load(Ordering::Relaxed))
}

/// Does some work at the disk, and counts its time.
pub(super) fn at_disk<T>(work: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let done = work();
    NANOSECONDS.fetch_add(u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_time_is_counted() {
        let before = spent();
        at_disk(|| std::thread::sleep(Duration::from_millis(3)));
        assert!(spent() >= before + Duration::from_millis(3));
    }
}
