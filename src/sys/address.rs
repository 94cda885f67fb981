//! Which network interface has an address.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

/// Returns the name of the interface that has this address: the one that a connection from it goes through.
///
/// # Errors
/// None has it, or the system doesn't tell.
pub fn interface_of(address: IpAddr) -> io::Result<String> {
    let mut list: *mut libc::ifaddrs = std::ptr::null_mut();
    #[expect(
        unsafe_code,
        reason = "the system stores a list at the pointer that it is given, or answers with an error"
    )]
    let answer = unsafe { libc::getifaddrs(&raw mut list) };
    if answer != 0 {
        return Err(io::Error::last_os_error());
    }
    let mut found = None;
    let mut next = list;
    while !next.is_null() {
        #[expect(unsafe_code, reason = "not null, and the list is ours until it is freed below")]
        let entry = unsafe { &*next };
        if address_in(entry.ifa_addr) == Some(address.to_canonical()) {
            #[expect(unsafe_code, reason = "every entry has a name that ends with a zero byte")]
            let name = unsafe { std::ffi::CStr::from_ptr(entry.ifa_name) };
            found = Some(name.to_string_lossy().into_owned());
            break;
        }
        next = entry.ifa_next;
    }
    #[expect(unsafe_code, reason = "the list came from getifaddrs, and nothing of it is kept")]
    unsafe {
        libc::freeifaddrs(list);
    }
    found.ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// Returns the name of the interface that leads out of here.
///
/// # Errors
/// No way leads out, or the system doesn't tell.
pub fn interface_out() -> io::Result<String> {
    // Addresses that are nobody's (RFC 5737, RFC 3849): the system picks a way, and nothing is sent.
    let nobodys = [
        (IpAddr::from(Ipv4Addr::UNSPECIFIED), IpAddr::from(Ipv4Addr::new(192, 0, 2, 1))),
        (IpAddr::from(Ipv6Addr::UNSPECIFIED), IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))),
    ];
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for (from, to) in nobodys {
        let local = UdpSocket::bind((from, 0)).and_then(|socket| {
            socket.connect((to, 9))?;
            socket.local_addr()
        });
        match local.and_then(|local| interface_of(local.ip())) {
            Ok(name) => return Ok(name),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn address_in(address: *const libc::sockaddr) -> Option<IpAddr> {
    if address.is_null() {
        return None;
    }
    #[expect(unsafe_code, reason = "not null: every address begins with its family")]
    let family = i32::from(unsafe { (*address).sa_family });
    match family {
        libc::AF_INET => {
            #[expect(unsafe_code, reason = "of this family it is a whole sockaddr_in, as the system made it")]
            let address = unsafe { std::ptr::read_unaligned(address.cast::<libc::sockaddr_in>()) };
            Some(Ipv4Addr::from(u32::from_be(address.sin_addr.s_addr)).into())
        }
        libc::AF_INET6 => {
            #[expect(
                unsafe_code,
                reason = "of this family it is a whole sockaddr_in6, as the system made it"
            )]
            let address = unsafe { std::ptr::read_unaligned(address.cast::<libc::sockaddr_in6>()) };
            Some(Ipv6Addr::from(address.sin6_addr.s6_addr).into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_address_is_the_loopback_interfaces() {
        let name = interface_of(Ipv4Addr::LOCALHOST.into()).unwrap();
        assert!(name.starts_with("lo"), "{name}");
    }

    #[test]
    fn an_address_of_others_is_nobodys() {
        assert_eq!(
            interface_of(Ipv4Addr::new(192, 0, 2, 1).into()).unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
    }
}
