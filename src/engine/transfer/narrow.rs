//! A limit that holds on the wire, too: of a connection that is read slowly the kernel would take up to its largest buffer ahead, at
//! full speed, megabytes for each. Under a limit a connection gets no more buffer than the rate needs, and all of it back after that.

use std::os::fd::{AsFd as _, OwnedFd};
use std::time::{Duration, Instant};

use super::super::polite::Ends;
use crate::sys;

/// What may be there unread, as time at the rate; and at least, where the kernel keeps no buffer to so much.
const AHEAD: Duration = Duration::from_millis(100);
const AHEAD_LEAST: Duration = Duration::from_millis(50);
/// How often the buffer is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// No buffer is smaller, in bytes: a few segments.
const LEAST: u64 = 8 * 1024;

/// A connection whose buffer is kept small. Dropping it gives the kernel its buffer back.
pub(super) struct Narrow {
    socket: OwnedFd,
    /// What the kernel had made of it before.
    before: u64,
    /// What the buffer is kept to; 0 where it isn't.
    room: u64,
    looked: Option<Instant>,
}

impl Narrow {
    /// Takes hold of a connection; nothing where its socket can't be found, or a buffer that was made smaller stays so.
    pub(super) fn of(ends: &Ends) -> Option<Self> {
        let socket = sys::duplicate_of(ends.local, ends.remote).ok()?;
        sys::free_buffer(socket.as_fd(), 0).ok()?;
        let before = sys::buffer_of(socket.as_fd()).ok()?;
        Some(Self { socket, before, room: 0, looked: None })
    }

    /// Keeps the buffer to what a rate needs, in bytes a second; `pace` is how fast its bytes came until now.
    pub(super) fn keep_to(&mut self, now: Instant, rate: u64, pace: u64) {
        if self.looked.is_some_and(|at| now.saturating_duration_since(at) < LOOK) {
            return;
        }
        self.looked = Some(now);
        // Whoever steps aside with this connection keeps its buffer, too, and gives it back as it does.
        if self.room > 0 && sys::buffer_of(self.socket.as_fd()).is_ok_and(|room| room != self.room) {
            self.room = 0;
        }
        let (Ok(facts), Ok(unread)) = (sys::facts_of(self.socket.as_fd()), sys::unread(self.socket.as_fd()))
        else {
            return;
        };
        let trip = facts.handshake.unwrap_or_default();
        match next_room(self.room, rate, pace, trip, unread, sys::largest_narrow()) {
            None => self.free(),
            Some(room) if room != self.room => {
                // A connection that broke needs no buffer.
                if sys::narrow_buffer(self.socket.as_fd(), room).is_ok() {
                    self.room = room;
                }
            }
            Some(_) => {}
        }
    }

    fn free(&mut self) {
        if std::mem::take(&mut self.room) > 0 {
            // It was possible before anything was made smaller.
            let _ = sys::free_buffer(self.socket.as_fd(), self.before);
        }
    }
}

impl Drop for Narrow {
    fn drop(&mut self) {
        self.free();
    }
}

/// What a buffer is to hold; nothing where the rate needs more than the largest that the kernel keeps one to. What is there, and at
/// first what is on its way, keeps its place: bytes without one would be sent again.
fn next_room(room: u64, rate: u64, pace: u64, trip: Duration, unread: u64, largest: u64) -> Option<u64> {
    let in_time = |rate: u64, time: Duration| {
        u64::try_from(u128::from(rate) * time.as_micros() / 1_000_000).unwrap_or(u64::MAX)
    };
    if in_time(rate, AHEAD_LEAST.max(2 * trip)) > largest {
        return None;
    }
    let needed = in_time(rate, AHEAD.max(2 * trip)).max(LEAST).min(largest);
    let coming = if room == 0 { in_time(pace.max(rate), 2 * trip + Duration::from_millis(10)) } else { 0 };
    let wanted = needed.max(unread.saturating_add(coming)).min(largest);
    // It follows what is read away, and a limit that becomes another one; small changes are not worth a call.
    let is_to_change = room == 0 || needed > room || wanted < room / 4 * 3;
    Some(if is_to_change { wanted } else { room })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_shrinks_to_what_the_rate_needs_as_it_is_read() {
        let trip = Duration::from_millis(20);
        let next = |room, rate, pace, unread| next_room(room, rate, pace, trip, unread, u64::MAX).unwrap();
        // 10 MB/s for a round trip and more are on their way when a limit begins.
        let first = next(0, 100_000, 10_000_000, 30_000);
        assert_eq!(first, 530_000);
        assert_eq!(next(first, 100_000, 100_000, 500_000), first);
        assert_eq!(next(first, 100_000, 100_000, 300_000), 300_000);
        assert_eq!(next(300_000, 100_000, 100_000, 2_000), 10_000);
        assert_eq!(next(10_000, 100_000, 100_000, 10_000), 10_000);
        // Another limit, and one so low that a segment is more than it gives.
        assert_eq!(next(10_000, 1_000_000, 100_000, 10_000), 100_000);
        assert_eq!(next(100_000, 1_000, 1_000, 10), LEAST);
        // A long way needs more than a tenth of a second.
        assert_eq!(next_room(1, 100_000, 0, Duration::from_millis(300), 0, u64::MAX), Some(60_000));
    }

    #[test]
    fn a_rate_that_needs_more_than_the_kernel_gives_has_a_buffer_of_the_kernel_s_own() {
        const LARGEST: u64 = 212_992;
        let next = |rate, trip, unread| next_room(0, rate, 0, Duration::from_millis(trip), unread, LARGEST);
        assert_eq!(next(1_000_000, 20, 0), Some(100_000));
        // A little less than a tenth of a second will do; a window that is smaller than the way would be slower than the limit.
        assert_eq!(next(3_000_000, 20, 0), Some(LARGEST));
        assert_eq!(next(50_000_000, 20, 0), None);
        assert_eq!(next(2_000_000, 100, 0), None);
        // What lies there has its place however much it is, or is sent again.
        assert_eq!(next(1_000_000, 20, 9_000_000), Some(LARGEST));
    }
}
