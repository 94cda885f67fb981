//! What is remembered of hosts: how many connections they bear, until when they want to be left alone, and whether they refuse.

use std::collections::{HashMap, HashSet};

use crate::model::time::UnixMs;

/// So many refused downloads in a row hold the rest of a host.
const REFUSED_IN_A_ROW: u32 = 5;

/// All hosts that anything is remembered of.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    known: HashMap<String, Host>,
    /// Hosts that somebody waits for because they refuse.
    waited_for: HashSet<String>,
}

#[derive(Clone, Debug, Default)]
struct Host {
    cap: Option<u32>,
    asked_until: Option<UnixMs>,
    refused: u32,
    gave_files: bool,
}

/// Whether a download may ask a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// It may.
    Ask,
    /// Not before this moment: the host asked for that.
    After(UnixMs),
    /// Not before somebody tried one by hand: it refused several in a row.
    Held,
}

impl Hosts {
    /// How many connections a host bears, at most `most`.
    pub fn cap(&self, host: &str, most: u32) -> u32 {
        self.known.get(host).and_then(|host| host.cap).map_or(most, |cap| cap.min(most)).max(1)
    }

    /// A host refused one of `active` connections while it serves the others: half of them from now on.
    pub fn crowded(&mut self, host: &str, active: u32) {
        let known = self.host(host);
        let now = known.cap.unwrap_or(active).min(active.max(2));
        known.cap = Some((now / 2).max(1));
    }

    /// A host wants to be left alone until then: all its downloads heed it.
    pub fn asked_to_wait(&mut self, host: &str, until: UnixMs) {
        let known = self.host(host);
        known.asked_until = known.asked_until.max(Some(until));
    }

    /// A host refused a download for good.
    pub fn refused(&mut self, host: &str) {
        self.host(host).refused += 1;
    }

    /// A host gave bytes of a file.
    pub fn served(&mut self, host: &str) {
        let known = self.host(host);
        known.refused = 0;
        known.gave_files = true;
    }

    /// Whether a host ever gave a file: then a web page is suspicious.
    pub fn gave_files(&self, host: &str) -> bool {
        self.known.get(host).is_some_and(|host| host.gave_files)
    }

    /// A download waits because a host refuses.
    pub fn wait_for(&mut self, host: &str) {
        self.waited_for.insert(host.to_owned());
    }

    /// Somebody tries a host again: it is no longer held, nor waited for. Returns whether downloads may have waited for that.
    pub fn release(&mut self, host: &str) -> bool {
        if let Some(known) = self.known.get_mut(host) {
            known.refused = 0;
            known.asked_until = None;
        }
        self.waited_for.remove(host)
    }

    /// Whether a download may ask a host now.
    pub fn leave(&self, host: &str, now: UnixMs) -> Leave {
        match self.known.get(host) {
            Some(known) if known.refused >= REFUSED_IN_A_ROW => Leave::Held,
            Some(Host { asked_until: Some(until), .. }) if *until > now => Leave::After(*until),
            _ => Leave::Ask,
        }
    }

    fn host(&mut self, host: &str) -> &mut Host {
        if !self.known.contains_key(host) {
            self.known.insert(host.to_owned(), Host::default());
        }
        self.known.entry(host.to_owned()).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowded_host_gets_half_and_never_nothing() {
        let mut hosts = Hosts::default();
        assert_eq!(hosts.cap("a", 8), 8);
        hosts.crowded("a", 8);
        assert_eq!(hosts.cap("a", 8), 4);
        hosts.crowded("a", 4);
        hosts.crowded("a", 2);
        hosts.crowded("a", 1);
        assert_eq!((hosts.cap("a", 8), hosts.cap("b", 8)), (1, 8));
    }

    #[test]
    fn all_downloads_of_a_host_heed_its_wish_and_its_refusals() {
        let mut hosts = Hosts::default();
        hosts.asked_to_wait("a", UnixMs(100));
        hosts.asked_to_wait("a", UnixMs(50));
        assert_eq!(hosts.leave("a", UnixMs(99)), Leave::After(UnixMs(100)));
        assert_eq!(hosts.leave("a", UnixMs(100)), Leave::Ask);
        for _ in 0..4 {
            hosts.refused("a");
        }
        assert_eq!(hosts.leave("a", UnixMs(100)), Leave::Ask);
        hosts.refused("a");
        assert_eq!(hosts.leave("a", UnixMs(100)), Leave::Held);
        hosts.release("a");
        assert_eq!(hosts.leave("a", UnixMs(100)), Leave::Ask);
        for _ in 0..4 {
            hosts.refused("a");
        }
        hosts.served("a");
        hosts.refused("a");
        assert_eq!(hosts.leave("a", UnixMs(100)), Leave::Ask);
    }
}
