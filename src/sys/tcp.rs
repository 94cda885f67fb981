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
    /// Those of them that came before one that was missing; wraps. Linux counts them from 5.4 on.
    pub astray: Option<u32>,
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
        astray: (usize::try_from(length).unwrap_or(0) > std::mem::offset_of!(tcp_info, tcpi_rcv_ooopack))
            .then_some(info.tcpi_rcv_ooopack),
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

/// Keeps what a socket's kernel takes ahead of its reader to about so many bytes. What is there already stays.
///
/// # Errors
/// It is no socket.
pub fn narrow_buffer(socket: BorrowedFd<'_>, bytes: u64) -> io::Result<()> {
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX).min(i32::MAX as usize / 2);
    Ok(rustix::net::sockopt::set_socket_recv_buffer_size(socket, bytes)?)
}

/// The most that [`narrow_buffer`] can keep a buffer to: what is asked beyond it is not given, though the kernel itself takes more.
pub fn largest_narrow() -> u64 {
    static LARGEST: std::sync::OnceLock<u64> = std::sync::OnceLock::new();
    *LARGEST.get_or_init(|| {
        let told = std::fs::read_to_string("/proc/sys/net/core/rmem_max");
        told.ok().and_then(|told| told.trim().parse().ok()).unwrap_or(u64::MAX)
    })
}

/// Gives a socket's buffer back to the kernel, with room for so many bytes at once: it grows by itself only where more is read in a
/// round trip than ever before.
///
/// # Errors
/// The kernel can't take it back: Linux before 5.16.
#[cfg(target_os = "linux")]
pub fn free_buffer(socket: BorrowedFd<'_>, bytes: u64) -> io::Result<()> {
    /// `SO_BUF_LOCK`, in `socket.h`; nothing of it is locked.
    const BUF_LOCK: libc::c_int = 72;
    set(socket, BUF_LOCK, 0)?;
    if bytes > 0 {
        // Whoever wants to be woken for so many at once is given room for them, and no longer wants to.
        let wanted = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
        set(socket, libc::SO_RCVLOWAT, wanted).and(set(socket, libc::SO_RCVLOWAT, 1))?;
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn set(socket: BorrowedFd<'_>, option: libc::c_int, value: libc::c_int) -> io::Result<()> {
    use std::os::fd::AsRawFd;

    let length = libc::socklen_t::try_from(size_of::<libc::c_int>()).unwrap_or(0);
    #[expect(
        unsafe_code,
        reason = "the kernel reads `length` bytes, which is the size of the number that is pointed to"
    )]
    let answer = unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, option, (&raw const value).cast(), length)
    };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Gives a socket's buffer back to the kernel.
///
/// # Errors
/// Always: this system takes none back.
#[cfg(not(target_os = "linux"))]
pub fn free_buffer(_socket: BorrowedFd<'_>, _bytes: u64) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// What a socket's kernel takes ahead of its reader at most, in bytes.
///
/// # Errors
/// It is no socket.
pub fn buffer_of(socket: BorrowedFd<'_>) -> io::Result<u64> {
    // Half of it is for what comes with each packet.
    Ok(rustix::net::sockopt::socket_recv_buffer_size(socket)? as u64 / 2)
}

/// Bytes that have come and nobody has read yet.
///
/// # Errors
/// It is no socket.
pub fn unread(socket: BorrowedFd<'_>) -> io::Result<u64> {
    Ok(rustix::io::ioctl_fionread(socket)?)
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
    fn a_narrow_buffer_takes_little_ahead_and_has_all_its_room_back_when_it_is_free() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut far, _) = listener.accept().unwrap();
        far.set_nonblocking(true).unwrap();
        // Old kernels have no way back.
        if free_buffer(near.as_fd(), 0).is_err() {
            return;
        }
        let chunk = vec![7; 65_536];
        narrow_buffer(near.as_fd(), 40_000).unwrap();
        for _ in 0..20 {
            while far.write(&chunk).is_ok() {}
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let narrow = unread(near.as_fd()).unwrap();
        assert!((10_000..200_000).contains(&narrow), "{narrow}");
        assert!(buffer_of(near.as_fd()).unwrap() < 50_000);
        free_buffer(near.as_fd(), 1 << 20).unwrap();
        let room = buffer_of(near.as_fd()).unwrap();
        assert!(room >= 1 << 19, "{room}");
    }

    #[test]
    fn a_file_is_no_connection() {
        let file = tempfile::tempfile().unwrap();
        assert!(facts_of(file.as_fd()).is_err());
        assert!(clamp_window(file.as_fd(), 4096).is_err());
    }
}
