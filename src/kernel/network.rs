//! What a change of the network means: which addresses and default routes there are, and what is new or gone.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::model::network::{NetworkEvent, Route};

/// What changed for downloads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// There is a new way out: waits for the network are over.
    pub is_new: bool,
    /// This machine has this address no longer: sockets that are bound to it are dead.
    pub gone: Option<IpAddr>,
}

/// The network as far as it is known.
#[derive(Clone, Debug, Default)]
pub struct Network {
    addresses: BTreeSet<(u32, IpAddr)>,
    routes: BTreeSet<Route>,
    is_known: bool,
}

impl Network {
    /// Takes in what the system tells, and returns what changed for downloads.
    pub fn hear(&mut self, event: NetworkEvent) -> Option<Change> {
        let is_new = || Some(Change { is_new: true, gone: None });
        match event {
            NetworkEvent::Address(interface, address) => {
                self.addresses.insert((interface, address)).then(is_new)?.filter(|_| self.is_known)
            }
            NetworkEvent::Route(route) => self.routes.insert(route).then(is_new)?.filter(|_| self.is_known),
            NetworkEvent::AddressGone(interface, address) => {
                let was_there = self.addresses.remove(&(interface, address));
                let is_elsewhere = self.addresses.iter().any(|(_, other)| *other == address);
                (was_there && !is_elsewhere).then_some(Change { is_new: false, gone: Some(address) })
            }
            NetworkEvent::RouteGone(route) => {
                self.routes.remove(&route);
                None
            }
            NetworkEvent::Told => {
                self.is_known = true;
                None
            }
            NetworkEvent::Missed => is_new(),
            // The clock is not the network.
            NetworkEvent::ClockJumped => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn known() -> Network {
        let mut network = Network::default();
        assert_eq!(network.hear(NetworkEvent::Address(1, address("10.0.0.1"))), None);
        assert_eq!(network.hear(NetworkEvent::Told), None);
        network
    }

    fn new() -> Change {
        Change { is_new: true, gone: None }
    }

    #[test]
    fn only_what_was_not_there_before_is_new() {
        let mut network = known();
        assert_eq!(network.hear(NetworkEvent::Address(1, address("10.0.0.1"))), None);
        assert_eq!(network.hear(NetworkEvent::Address(2, address("10.0.0.2"))), Some(new()));
        let route = Route { interface: 1, gateway: Some(address("10.0.0.254")), is_v6: false };
        assert_eq!(network.hear(NetworkEvent::Route(route.clone())), Some(new()));
        assert_eq!(network.hear(NetworkEvent::Route(route.clone())), None);
        assert_eq!(network.hear(NetworkEvent::RouteGone(route.clone())), None);
        assert_eq!(network.hear(NetworkEvent::Route(route)), Some(new()));
    }

    #[test]
    fn an_address_is_gone_when_no_interface_has_it() {
        let mut network = known();
        assert_eq!(network.hear(NetworkEvent::Address(2, address("10.0.0.1"))), Some(new()));
        assert_eq!(network.hear(NetworkEvent::AddressGone(1, address("10.0.0.1"))), None);
        let gone = Change { is_new: false, gone: Some(address("10.0.0.1")) };
        assert_eq!(network.hear(NetworkEvent::AddressGone(2, address("10.0.0.1"))), Some(gone));
        assert_eq!(network.hear(NetworkEvent::AddressGone(2, address("10.0.0.1"))), None);
        assert_eq!(network.hear(NetworkEvent::Address(1, address("10.0.0.1"))), Some(new()));
    }

    #[test]
    fn what_was_missed_may_have_been_anything() {
        assert_eq!(known().hear(NetworkEvent::Missed), Some(new()));
    }
}
