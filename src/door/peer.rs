//! Whose the other end of a connection is. Every user of a machine reaches its loopback addresses and can say the name of any page,
//! so the system is asked who holds the socket that a connection comes from.

use std::io;
use std::net::SocketAddr;

/// The way to ask; none where the system doesn't tell.
pub(super) struct Peers {
    asked: Option<linux::Asked>,
    told: bool,
}

impl Peers {
    /// Finds out with our own listener whether the system tells.
    pub(super) fn new(listener: io::Result<SocketAddr>) -> Self {
        let asked = listener.and_then(linux::Asked::open);
        if let Err(error) = &asked {
            tracing::info!("the door can't tell one user's connections from another's here: {error}");
        }
        Self { asked: asked.ok(), told: false }
    }

    /// Whether a connection from `far` to `near` is known to come from our own user, or can't be known. What has no holder any more
    /// is nobody's: who sends and is gone at once must not pass.
    pub(super) fn may_pass(&mut self, far: SocketAddr, near: io::Result<SocketAddr>) -> bool {
        let Some(asked) = &mut self.asked else { return true };
        let is_ours = near.and_then(|near| asked.is_ours(far, near)).unwrap_or(false);
        if !is_ours && !self.told {
            self.told = true;
            tracing::warn!("another user tried the door; the next ones are not told");
        }
        is_ours
    }
}

/// The kernel's answers about sockets: `sock_diag(7)`.
#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::net::{IpAddr, SocketAddr};

    use rustix::fd::OwnedFd;
    use rustix::net::{
        AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with,
    };
    use rustix::process::geteuid;

    /// `SOCK_DIAG_BY_FAMILY`, as the type of a message.
    const BY_FAMILY: u16 = 20;
    /// `NLM_F_REQUEST`.
    const REQUEST: u16 = 1;
    /// `IPPROTO_TCP`.
    const TCP: u8 = 6;
    /// The length of a message's head.
    const HEAD: usize = 16;
    /// Where `inet_diag_msg` has the ports, the user and the inode.
    const PORTS: usize = HEAD + 4;
    const USER: usize = HEAD + 64;
    const INODE: usize = HEAD + 68;

    pub(super) struct Asked {
        socket: OwnedFd,
        last: u32,
    }

    impl Asked {
        pub(super) fn open(listener: SocketAddr) -> io::Result<Self> {
            let kind = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            let socket =
                socket_with(AddressFamily::NETLINK, SocketType::DGRAM, kind, Some(netlink::SOCK_DIAG))?;
            let mut asked = Self { socket, last: 0 };
            // A kernel without this part says of every socket that it isn't there.
            let nobody = SocketAddr::new(
                if listener.is_ipv4() { IpAddr::from([0; 4]) } else { IpAddr::from([0; 16]) },
                0,
            );
            if asked.is_ours(listener, nobody)? { Ok(asked) } else { Err(io::ErrorKind::Unsupported.into()) }
        }

        /// Whether our user holds the socket at `near` that is connected to `far`.
        pub(super) fn is_ours(&mut self, near: SocketAddr, far: SocketAddr) -> io::Result<bool> {
            self.last = self.last.wrapping_add(1);
            send(&self.socket, &request(self.last, near, far), SendFlags::empty())?;
            let mut answer = [0; 1024];
            loop {
                // The kernel has answered when `send` returns.
                let (_, length) = recv(&self.socket, &mut answer, RecvFlags::empty())?;
                let answer = answer.get(..length).unwrap_or_default();
                if number(answer, 8) == Some(self.last) {
                    return Ok(says_ours(answer, near, far));
                }
            }
        }
    }

    fn request(number: u32, near: SocketAddr, far: SocketAddr) -> Vec<u8> {
        /// `AF_INET` and `AF_INET6`.
        const FAMILIES: [u8; 2] = [2, 10];
        const LENGTH: u32 = 72;
        let address = |of: SocketAddr| {
            let mut bytes = [0; 16];
            match of.ip() {
                IpAddr::V4(ip) => bytes[..4].copy_from_slice(&ip.octets()),
                IpAddr::V6(ip) => bytes = ip.octets(),
            }
            bytes
        };
        let mut message = Vec::with_capacity(LENGTH as usize);
        message.extend(LENGTH.to_ne_bytes());
        message.extend(BY_FAMILY.to_ne_bytes());
        message.extend(REQUEST.to_ne_bytes());
        message.extend(number.to_ne_bytes());
        message.extend([0; 4]);
        // In every state, on any interface, whatever its cookie.
        message.extend([FAMILIES[usize::from(near.is_ipv6())], TCP, 0, 0]);
        message.extend(u32::MAX.to_ne_bytes());
        message.extend(near.port().to_be_bytes());
        message.extend(far.port().to_be_bytes());
        message.extend(address(near));
        message.extend(address(far));
        message.extend([0; 4]);
        message.extend([0xff; 8]);
        message
    }

    fn number(bytes: &[u8], at: usize) -> Option<u32> {
        bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map(u32::from_ne_bytes)
    }

    fn says_ours(answer: &[u8], near: SocketAddr, far: SocketAddr) -> bool {
        let kind = answer.get(4..6).and_then(|two| two.try_into().ok()).map(u16::from_ne_bytes);
        // Where there is no such connection, the kernel may tell of somebody who listens at its port.
        let ports = [near.port().to_be_bytes(), far.port().to_be_bytes()].concat();
        let is_it = kind == Some(BY_FAMILY) && answer.get(PORTS..PORTS + 4) == Some(&ports[..]);
        // One without an inode was let go by its process, and then counts as root's.
        is_it
            && number(answer, INODE).is_some_and(|inode| inode != 0)
            && number(answer, USER) == Some(geteuid().as_raw())
    }
}

/// Elsewhere there is no way to ask for one connection.
#[cfg(not(target_os = "linux"))]
mod linux {
    use std::io;
    use std::net::SocketAddr;

    pub(super) struct Asked;

    impl Asked {
        pub(super) fn open(_listener: SocketAddr) -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(super) fn is_ours(&mut self, _near: SocketAddr, _far: SocketAddr) -> io::Result<bool> {
            Err(io::ErrorKind::Unsupported.into())
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_connection_of_ours_passes_until_its_other_end_is_let_go() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            // A machine may have no IPv6.
            let Ok(listener) = TcpListener::bind(address) else { continue };
            let mut peers = Peers::new(listener.local_addr());
            assert!(peers.asked.is_some(), "this kernel tells");
            let far = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (near, from) = listener.accept().unwrap();
            for _ in 0..3 {
                assert!(peers.may_pass(from, near.local_addr()), "{address}");
            }
            drop(far);
            assert!(!peers.may_pass(from, near.local_addr()), "{address}: nobody holds it");
            drop(near);
            assert!(!peers.may_pass(from, listener.local_addr()), "{address}: it is gone");
            // Somebody of ours listens where there is no such connection.
            let own = listener.local_addr().unwrap();
            assert!(!peers.may_pass(own, Ok(from)), "{address}: a listener is no connection");
        }
    }
}
