//! Reads what the system counts of shortage: `/proc/pressure`, and how long our own threads waited for a processor.

use std::time::Duration;

use crate::kernel::governor::Strain;
use crate::store::spent;

/// Reads all of it; nothing where the system doesn't count.
pub(super) fn read() -> Option<Strain> {
    Some(Strain {
        short: [some_of("cpu")?, some_of("io")?, some_of("memory")?],
        waited: waited(),
        at_disk: spent::spent(),
    })
}

/// How long somebody lacked it.
fn some_of(what: &str) -> Option<Duration> {
    total(&std::fs::read_to_string(format!("/proc/pressure/{what}")).ok()?)
}

/// Finds the sum in `some avg10=0.48 avg60=1.99 avg300=1.68 total=42791550`, which counts microseconds.
fn total(text: &str) -> Option<Duration> {
    let some = text.lines().find(|line| line.starts_with("some "))?;
    let total = some.split(' ').find_map(|word| word.strip_prefix("total="))?;
    total.parse().ok().map(Duration::from_micros)
}

/// How long our threads were ready to run and did not: the second number of each `schedstat`, in nanoseconds.
fn waited() -> Duration {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return Duration::ZERO };
    let each = threads.flatten().filter_map(|thread| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split(' ').nth(1)?.parse::<u64>().ok()
    });
    Duration::from_nanos(each.sum())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_sum_of_what_somebody_lacks_is_read() {
        let text = "some avg10=0.48 avg60=1.99 avg300=1.68 total=42791550\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n";
        assert_eq!(total(text), Some(Duration::from_micros(42_791_550)));
        assert_eq!(total("full avg10=0.00 total=7\n"), None);
        assert_eq!(total(""), None);
    }

    #[test]
    fn threads_that_crowd_a_processor_are_seen_to_wait() {
        let before = waited();
        let busy = std::thread::available_parallelism().map_or(2, usize::from) * 2;
        let end = std::time::Instant::now() + Duration::from_millis(100);
        let threads: Vec<_> = (0..busy)
            .map(|_| {
                std::thread::spawn(move || {
                    while std::time::Instant::now() < end {
                        std::hint::spin_loop();
                    }
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(80));
        assert!(waited() > before, "nobody waited");
        for thread in threads {
            thread.join().unwrap();
        }
    }
}
