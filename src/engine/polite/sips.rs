//! What a connection that steps aside takes: what is read of it, and no more. Its window can't be made smaller than a segment or two, and
//! the kernel takes that much each round trip, read or not, until its buffer is full: a tenth of a slow line. So the buffer is made
//! small.

use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use crate::sys;

/// How long a connection must have stepped aside: what was on its way until then has its place, or would be sent again.
const SETTLED: Duration = Duration::from_millis(300);
/// More than that is a buffer that is not small any more, in bytes: a limit may keep one to less.
const MOST: u64 = 1 << 20;
/// What the buffer is kept to, in bytes: read four times a second, that is the trickle.
const ROOM: u64 = 4 * 1024;

/// The buffer of one connection.
#[derive(Debug, Default)]
pub(super) enum Sips {
    /// It is the kernel's own.
    #[default]
    Free,
    /// It is about to be made small.
    Since(Instant),
    /// It is small; before, the kernel had made so much of it.
    Small(u64),
    /// A buffer that was made smaller would stay so.
    Never,
}

impl Sips {
    /// The connection, of this round trip, steps aside. Call it every tick.
    pub(super) fn take(&mut self, now: Instant, trip: Duration, socket: BorrowedFd<'_>) {
        match *self {
            Self::Free => *self = Self::Since(now),
            Self::Since(since) if now.saturating_duration_since(since) >= SETTLED.max(trip * 5 / 2) => {
                let before = sys::free_buffer(socket, 0).and_then(|()| sys::buffer_of(socket));
                let small = before.and_then(|before| sys::narrow_buffer(socket, ROOM).map(|()| before));
                *self = small.map_or(Self::Never, Self::Small);
            }
            // A limit that was lifted gave all of it back.
            Self::Small(_) if sys::buffer_of(socket).is_ok_and(|room| room > MOST) => {
                let _ = sys::narrow_buffer(socket, ROOM);
            }
            Self::Since(_) | Self::Small(_) | Self::Never => {}
        }
    }

    /// It has its window again.
    pub(super) fn end(&mut self, socket: BorrowedFd<'_>) {
        match *self {
            Self::Small(before) => {
                // A connection that broke meanwhile needs no buffer.
                let _ = sys::free_buffer(socket, before);
                *self = Self::Free;
            }
            Self::Since(_) => *self = Self::Free,
            Self::Free | Self::Never => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd as _;
    use std::thread::sleep;

    use super::*;

    #[test]
    fn the_kernel_takes_no_more_than_is_read_until_the_window_is_back() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut sender, _) = listener.accept().unwrap();
            while sender.write_all(&vec![7; 1 << 16]).is_ok() {}
        });
        let mut socket = TcpStream::connect(address).unwrap();
        let mut buffer = vec![0; 1 << 20];
        socket.read_exact(&mut buffer).unwrap();
        let mut sips = Sips::default();
        let now = Instant::now();
        sips.take(now, Duration::ZERO, socket.as_fd());
        sips.take(now + SETTLED, Duration::ZERO, socket.as_fd());
        if matches!(sips, Sips::Never) {
            return;
        }
        // What is there already has its place; once that is read, little more comes by itself.
        let mut last = u64::MAX;
        for _ in 0..200 {
            let there = sys::unread(socket.as_fd()).unwrap();
            let take = usize::try_from(there).unwrap().min(buffer.len());
            socket.read_exact(&mut buffer[..take]).unwrap();
            sleep(Duration::from_millis(10));
            last = sys::unread(socket.as_fd()).unwrap();
            if last < 200_000 {
                break;
            }
        }
        sleep(Duration::from_millis(200));
        let still = sys::unread(socket.as_fd()).unwrap();
        assert!(still < 250_000, "{last} and then {still} bytes are there unread");
        let small = sys::buffer_of(socket.as_fd()).unwrap();
        sips.end(socket.as_fd());
        let large = sys::buffer_of(socket.as_fd()).unwrap();
        assert!(small <= 2 * ROOM && large > 8 * ROOM, "{small} and then {large}");
        let began = Instant::now();
        for _ in 0..50 {
            socket.read_exact(&mut buffer).unwrap();
        }
        assert!(began.elapsed() < Duration::from_secs(20), "it does not come back: {:?}", began.elapsed());
    }
}
