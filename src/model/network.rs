//! What the system tells of its network: addresses, default routes, and that its clock jumped.

use std::net::IpAddr;

/// Something that the system tells of its network or its clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetworkEvent {
    /// An interface has an address that can be used; told again whenever its lifetime changes.
    Address(u32, IpAddr),
    /// An interface has an address no longer.
    AddressGone(u32, IpAddr),
    /// There is a default route; told again whenever something about it changes.
    Route(Route),
    /// A default route is gone.
    RouteGone(Route),
    /// What there is was told to its end: all that follows is news.
    Told,
    /// Something was missed.
    Missed,
    /// The wall clock jumped: somebody set it, or the machine slept.
    ClockJumped,
}

/// A default route: by which interface, over which gateway.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// Number of the interface.
    pub interface: u32,
    /// The gateway, where there is one.
    pub gateway: Option<IpAddr>,
    /// Whether it is for IPv6.
    pub is_v6: bool,
}
