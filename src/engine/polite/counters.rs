//! What an interface has received in all: the only sight of other programs on this machine.

use std::fs::File;
use std::os::unix::fs::FileExt;

/// The counter of one interface, kept open.
pub(super) struct Counter {
    file: File,
}

impl Counter {
    /// Opens an interface's counter; nothing where the system has none.
    pub(super) fn of(interface: &str) -> Option<Self> {
        // A name with a slash in it is no interface.
        if interface.is_empty() || interface.contains(['/', '\0']) {
            return None;
        }
        let path = format!("/sys/class/net/{interface}/statistics/rx_bytes");
        let counter = Self { file: File::open(path).ok()? };
        counter.read().map(|_| counter)
    }

    /// Reads it.
    pub(super) fn read(&self) -> Option<u64> {
        let mut text = [0; 24];
        let length = self.file.read_at(&mut text, 0).ok()?;
        std::str::from_utf8(text.get(..length)?).ok()?.trim().parse().ok()
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_counter_counts_and_what_is_no_interface_has_none() {
        let counter = Counter::of("lo").unwrap();
        let before = counter.read().unwrap();
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.send_to(&[0; 1000], socket.local_addr().unwrap()).unwrap();
        assert!(counter.read().unwrap() >= before + 1000);
        assert!(Counter::of("no-such-interface").is_none());
        assert!(Counter::of("../../etc").is_none());
    }
}
