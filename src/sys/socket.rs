//! Finds the socket of a connection by its two addresses: the HTTP client has it and doesn't hand it out.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{BorrowedFd, OwnedFd};

/// Returns a second descriptor for the open socket of this process between these addresses. It keeps the connection open: drop it
/// when the first one's owner is done.
///
/// # Errors
/// There is none, or the system doesn't list a process's descriptors.
pub fn duplicate_of(local: SocketAddr, remote: SocketAddr) -> io::Result<OwnedFd> {
    for entry in std::fs::read_dir(LISTED)?.flatten() {
        let Some(number) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        #[expect(
            unsafe_code,
            reason = "borrowed for two questions only: a number that was closed or reused meanwhile answers with an error, or with \
                      other addresses, and does no harm"
        )]
        let listed = unsafe { BorrowedFd::borrow_raw(number) };
        if !joins(listed, local, remote) {
            continue;
        }
        let own = rustix::io::fcntl_dupfd_cloexec(listed, 0)?;
        // Asked again of what is ours: between the question and the copy the number may have become another socket.
        if joins(std::os::fd::AsFd::as_fd(&own), local, remote) {
            return Ok(own);
        }
    }
    Err(io::ErrorKind::NotFound.into())
}

#[cfg(target_os = "linux")]
const LISTED: &str = "/proc/self/fd";
#[cfg(not(target_os = "linux"))]
const LISTED: &str = "/dev/fd";

fn joins(socket: BorrowedFd<'_>, local: SocketAddr, remote: SocketAddr) -> bool {
    let near = rustix::net::getsockname(socket).ok().and_then(|address| SocketAddr::try_from(address).ok());
    if near != Some(local) {
        return false;
    }
    let far = rustix::net::getpeername(socket).ok().flatten();
    far.and_then(|address| SocketAddr::try_from(address).ok()) == Some(remote)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn the_socket_of_a_connection_is_found_and_no_other() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let other = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut far, _) = listener.accept().unwrap();
        let found = duplicate_of(near.local_addr().unwrap(), near.peer_addr().unwrap()).unwrap();
        far.write_all(b"yes").unwrap();
        let mut text = [0; 3];
        TcpStream::from(found).read_exact(&mut text).unwrap();
        assert_eq!(&text, b"yes");
        let wrong = duplicate_of(other.local_addr().unwrap(), near.local_addr().unwrap());
        assert_eq!(wrong.unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
