//! The system's word on its network and its clock: addresses and default routes over rtnetlink, and whether the clock jumped,
//! as it does after sleep. Nothing ticks for it: both are descriptors that become readable when something happened.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::OwnedFd;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::model::network::{NetworkEvent, Route};

/// What the system tells: as in `linux/rtnetlink.h` and `linux/if_addr.h`.
const NEW_ADDRESS: u16 = 20;
const GONE_ADDRESS: u16 = 21;
const ASK_ADDRESSES: u16 = 22;
const NEW_ROUTE: u16 = 24;
const GONE_ROUTE: u16 = 25;
const ASK_ROUTES: u16 = 26;
const DONE: u16 = 3;
/// `RTMGRP_IPV4_IFADDR`, `RTMGRP_IPV4_ROUTE`, `RTMGRP_IPV6_IFADDR` and `RTMGRP_IPV6_ROUTE`.
const GROUPS: u32 = 0x10 | 0x40 | 0x100 | 0x400;
/// `NLM_F_REQUEST` and `NLM_F_DUMP`.
const DUMP: u16 = 0x301;
/// Bytes of a message's head, of an address message, of a route message.
const HEAD: usize = 16;
const ADDRESS: usize = 8;
const ROUTE: usize = 12;
/// `IFA_F_TENTATIVE` and `IFA_F_DADFAILED`: the address can't be used yet, or at all.
const NOT_USABLE: u32 = 0x40 | 0x08;
const MAIN_TABLE: u8 = 254;
const UNICAST: u8 = 1;
/// Bytes that are read at a time: more than the kernel ever puts into one.
const READ: usize = 64 * 1024;
/// A moment that never comes, in seconds of the wall clock.
const NEVER: i64 = 1 << 40;

/// The open descriptors.
pub struct Link {
    socket: AsyncFd<OwnedFd>,
    clock: AsyncFd<OwnedFd>,
    ready: VecDeque<NetworkEvent>,
    buffer: Vec<u8>,
    /// Whether routes are still to be asked for, once all addresses were told.
    asks_routes: bool,
}

impl Link {
    /// Opens both and asks for what there is. Within a tokio runtime.
    ///
    /// # Errors
    /// The system has no such thing, or doesn't give it.
    pub fn open() -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        // Protocol 0 of this family is NETLINK_ROUTE.
        let socket = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
        rustix::net::bind(&socket, &SocketAddrNetlink::new(0, GROUPS))?;
        ask(&socket, ASK_ADDRESSES)?;
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let clock = rustix::time::timerfd_create(TimerfdClockId::Realtime, flags)?;
        arm(&clock)?;
        Ok(Self {
            socket: readable(socket)?,
            clock: readable(clock)?,
            ready: VecDeque::new(),
            buffer: vec![0; READ],
            asks_routes: true,
        })
    }

    /// Returns the next thing that the system tells. Dropping the future loses nothing.
    ///
    /// # Errors
    /// The descriptors are of no more use.
    pub async fn next(&mut self) -> io::Result<NetworkEvent> {
        loop {
            if let Some(heard) = self.ready.pop_front() {
                return Ok(heard);
            }
            tokio::select! {
                guard = self.socket.readable() => {
                    let mut guard = guard?;
                    match rustix::net::recv(&self.socket, &mut self.buffer[..], RecvFlags::empty()) {
                        Ok((len, _)) => {
                            self.ready.extend(read(&self.buffer[..len]));
                        }
                        Err(rustix::io::Errno::NOBUFS) => self.ready.push_back(NetworkEvent::Missed),
                        Err(rustix::io::Errno::AGAIN) => guard.clear_ready(),
                        Err(rustix::io::Errno::INTR) => {}
                        Err(error) => return Err(error.into()),
                    }
                    if self.asks_routes && self.ready.back() == Some(&NetworkEvent::Told) {
                        self.ready.pop_back();
                        self.asks_routes = false;
                        ask(&self.socket, ASK_ROUTES)?;
                    }
                }
                guard = self.clock.readable() => {
                    let mut guard = guard?;
                    match rustix::io::read(&self.clock, &mut [0; 8]) {
                        Err(rustix::io::Errno::CANCELED) => {
                            arm(self.clock.get_ref())?;
                            return Ok(NetworkEvent::ClockJumped);
                        }
                        Err(rustix::io::Errno::AGAIN) => guard.clear_ready(),
                        Ok(_) | Err(rustix::io::Errno::INTR) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
            }
        }
    }
}

#[expect(deprecated, reason = "its successor is unsafe for other types' sake; an owned descriptor is sound")]
fn readable(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(descriptor, Interest::READABLE)
}

/// Sets the timer for a moment that never comes: it is only there to be cancelled by a jump.
fn arm(clock: &OwnedFd) -> io::Result<()> {
    let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
    let never = Itimerspec { it_interval: zero, it_value: Timespec { tv_sec: NEVER, ..zero } };
    let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
    rustix::time::timerfd_settime(clock, flags, &never)?;
    Ok(())
}

fn ask(socket: impl std::os::fd::AsFd, what: u16) -> io::Result<()> {
    let mut message = [0; HEAD + ROUTE];
    let len = u32::try_from(message.len()).unwrap_or(0);
    message[0..4].copy_from_slice(&len.to_ne_bytes());
    message[4..6].copy_from_slice(&what.to_ne_bytes());
    message[6..8].copy_from_slice(&DUMP.to_ne_bytes());
    rustix::net::send(socket, &message, SendFlags::empty())?;
    Ok(())
}

/// Reads the messages of one datagram; what is of no interest or damaged is passed over.
fn read(mut bytes: &[u8]) -> Vec<NetworkEvent> {
    let mut heard = Vec::new();
    while let (Some(len), Some(kind)) = (word(bytes, 0), half(bytes, 4)) {
        let len = usize::try_from(len).unwrap_or(0);
        let Some(body) = bytes.get(HEAD..len) else { break };
        heard.extend(match kind {
            NEW_ADDRESS | GONE_ADDRESS => address(body, kind == NEW_ADDRESS),
            NEW_ROUTE | GONE_ROUTE => route(body, kind == NEW_ROUTE),
            DONE => Some(NetworkEvent::Told),
            _ => None,
        });
        bytes = bytes.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    heard
}

fn address(body: &[u8], is_there: bool) -> Option<NetworkEvent> {
    let interface = word(body, 4)?;
    let mut flags = u32::from(*body.get(2)?);
    let (mut local, mut any) = (None, None);
    for (kind, value) in attributes(body.get(ADDRESS..)?) {
        match kind {
            1 => any = ip(value),
            2 => local = ip(value),
            8 => flags = word(value, 0).unwrap_or(flags),
            _ => {}
        }
    }
    let address = local.or(any)?;
    match is_there {
        true if flags & NOT_USABLE == 0 => Some(NetworkEvent::Address(interface, address)),
        true => None,
        false => Some(NetworkEvent::AddressGone(interface, address)),
    }
}

fn route(body: &[u8], is_there: bool) -> Option<NetworkEvent> {
    let [family, to, _, _, table, _, _, kind, ..] = *body else { return None };
    if to != 0 || table != MAIN_TABLE || kind != UNICAST {
        return None;
    }
    let (mut interface, mut gateway) = (0, None);
    for (kind, value) in attributes(body.get(ROUTE..)?) {
        match kind {
            4 => interface = word(value, 0)?,
            5 => gateway = ip(value),
            _ => {}
        }
    }
    let is_v6 = u16::from(family) == AddressFamily::INET6.as_raw();
    let route = Route { interface, gateway, is_v6 };
    Some(if is_there { NetworkEvent::Route(route) } else { NetworkEvent::RouteGone(route) })
}

/// The attributes behind a message: kind and value.
fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (len, kind) = (usize::from(half(bytes, 0)?), half(bytes, 2)?);
        let value = bytes.get(4..len)?;
        bytes = bytes.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(|bytes| Ipv4Addr::from(bytes).into()),
        16 => <[u8; 16]>::try_from(bytes).ok().map(|bytes| Ipv6Addr::from(bytes).into()),
        _ => None,
    }
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message of a kind with its fixed part and attributes.
    fn message(kind: u16, fixed: &[u8], attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = fixed.to_vec();
        for (kind, value) in attributes {
            body.extend(u16::try_from(value.len() + 4).unwrap().to_ne_bytes());
            body.extend(kind.to_ne_bytes());
            body.extend(*value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        let mut bytes = u32::try_from(HEAD + body.len()).unwrap().to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.resize(HEAD, 0);
        bytes.extend(body);
        bytes
    }

    #[test]
    fn addresses_and_default_routes_are_heard_and_nothing_else() {
        let here: IpAddr = "10.0.0.1".parse().unwrap();
        let address = |flags: u8| [2, 24, flags, 0, 3, 0, 0, 0];
        let route = |to: u8, table: u8| [2, to, 0, 0, table, 3, 0, 1, 0, 0, 0, 0];
        let mut all = message(NEW_ADDRESS, &address(0), &[(1, &[10, 0, 0, 9]), (2, &[10, 0, 0, 1])]);
        all.extend(message(NEW_ADDRESS, &address(0x40), &[(1, &[10, 0, 0, 2])]));
        all.extend(message(GONE_ADDRESS, &address(0), &[(2, &[10, 0, 0, 1])]));
        all.extend(message(NEW_ROUTE, &route(0, 254), &[(5, &[10, 0, 0, 1]), (4, &3_u32.to_ne_bytes())]));
        all.extend(message(NEW_ROUTE, &route(24, 254), &[(4, &3_u32.to_ne_bytes())]));
        all.extend(message(NEW_ROUTE, &route(0, 255), &[(4, &3_u32.to_ne_bytes())]));
        all.extend(message(DONE, &[0; 4], &[]));
        let heard = [
            NetworkEvent::Address(3, here),
            NetworkEvent::AddressGone(3, here),
            NetworkEvent::Route(Route { interface: 3, gateway: Some(here), is_v6: false }),
            NetworkEvent::Told,
        ];
        assert_eq!(read(&all), heard);
        for cut in 0..all.len() {
            assert!(read(&all[..cut]).len() <= heard.len());
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn this_machine_tells_its_own_addresses_first() {
        let mut link = Link::open().unwrap();
        let mut addresses = Vec::new();
        loop {
            match link.next().await.unwrap() {
                NetworkEvent::Address(_, address) => addresses.push(address),
                NetworkEvent::Told => break,
                _ => {}
            }
        }
        assert!(addresses.iter().any(IpAddr::is_loopback), "{addresses:?}");
    }
}
