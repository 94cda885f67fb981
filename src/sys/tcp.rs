//! What the kernel knows of a TCP connection, and the window that it offers.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

/// What the kernel knows of a connection, from the receiving side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpFacts {
    /// The receiver's own estimate of the round trip, queues included; nothing before it has one.
    pub trip: Option<Duration>,
    /// The lowest round trip of what we sent: the handshake's, in most downloads.
    pub handshake: Option<Duration>,
    /// Bytes that have come in order.
    pub bytes: u64,
    /// Segments with data that have come, in order or not; wraps.
    pub segments: u32,
    /// The largest segment that comes, in bytes.
    pub segment: u32,
    /// Whether both directions are still open.
    pub open: bool,
}

/// Reads what the kernel knows of a connection.
///
/// # Errors
/// It is no TCP socket, or the system doesn't tell.
#[cfg(target_os = "linux")]
pub fn facts_of(socket: BorrowedFd<'_>) -> io::Result<TcpFacts> {
    use std::os::fd::AsRawFd;

    use linux_raw_sys::net::{TCP_INFO, tcp_info};

    /// `TCP_ESTABLISHED`, in `tcp_states.h`.
    const ESTABLISHED: u8 = 1;
    let mut info = std::mem::MaybeUninit::<tcp_info>::zeroed();
    let mut length = libc::socklen_t::try_from(size_of::<tcp_info>()).unwrap_or(0);
    #[expect(
        unsafe_code,
        reason = "the kernel writes at most `length` bytes, which is the size of what `info` has room for"
    )]
    let answer = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            TCP_INFO.cast_signed(),
            info.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if answer != 0 {
        return Err(io::Error::last_os_error());
    }
    #[expect(unsafe_code, reason = "zeroed before, and every field is a plain number: any bytes are valid")]
    let info = unsafe { info.assume_init() };
    let micros = |us: u32| (us > 0 && us < u32::MAX).then(|| Duration::from_micros(us.into()));
    Ok(TcpFacts {
        trip: micros(info.tcpi_rcv_rtt),
        handshake: micros(info.tcpi_min_rtt),
        bytes: info.tcpi_bytes_received,
        segments: info.tcpi_data_segs_in,
        segment: info.tcpi_rcv_mss,
        open: info.tcpi_state == ESTABLISHED,
    })
}

/// Limits the window that a connection offers to so many bytes. The kernel's own tuning undoes it in time.
///
/// # Errors
/// It is no TCP socket, or the system has no such option.
#[cfg(target_os = "linux")]
pub fn clamp_window(socket: BorrowedFd<'_>, bytes: u64) -> io::Result<()> {
    use std::os::fd::AsRawFd;

    let bytes = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
    let length = libc::socklen_t::try_from(size_of::<libc::c_int>()).unwrap_or(0);
    #[expect(
        unsafe_code,
        reason = "the kernel reads `length` bytes, which is the size of the number that is pointed to"
    )]
    let answer = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_WINDOW_CLAMP,
            (&raw const bytes).cast(),
            length,
        )
    };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Reads what the kernel knows of a connection.
///
/// # Errors
/// Always: this system doesn't tell.
#[cfg(not(target_os = "linux"))]
pub fn facts_of(_socket: BorrowedFd<'_>) -> io::Result<TcpFacts> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Limits the window that a connection offers.
///
/// # Errors
/// Always: this system has no such option.
#[cfg(not(target_os = "linux"))]
pub fn clamp_window(_socket: BorrowedFd<'_>, _bytes: u64) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn a_connection_tells_what_came_and_takes_a_smaller_window() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut far, _) = listener.accept().unwrap();
        far.write_all(&[7; 5000]).unwrap();
        near.read_exact(&mut [0; 5000]).unwrap();
        let facts = facts_of(near.as_fd()).unwrap();
        assert_eq!(facts.bytes, 5000);
        assert!(facts.open && facts.segments > 0 && facts.handshake.is_some(), "{facts:?}");
        clamp_window(near.as_fd(), 4096).unwrap();
    }

    #[test]
    fn a_file_is_no_connection() {
        let file = tempfile::tempfile().unwrap();
        assert!(facts_of(file.as_fd()).is_err());
        assert!(clamp_window(file.as_fd(), 4096).is_err());
    }
}
