//! The network changes, or the machine wakes: waits for the network are over, and sockets of an address that is gone are dropped.

use std::time::{Duration, Instant};

use super::Engine;
use super::core::{Core, tell};
use super::transfer::Control;
use crate::kernel::network::{Change, Network};
use crate::kernel::transition::Event;
use crate::model::id::DownloadId;
use crate::model::network::NetworkEvent;
use crate::model::state::{State, WaitReason};
use crate::model::time::UnixMs;

/// Nothing starts for so long after the network changed: name servers and routes come one after the other.
const SETTLES: Duration = Duration::from_secs(2);
/// From this time on the machine has slept, and did not just stumble.
const SLEPT: Duration = Duration::from_secs(1);

impl Engine {
    /// Listens to the system until the engine is gone. Where the system tells nothing, waits end by their own time.
    #[cfg(target_os = "linux")]
    pub(super) async fn listen_to_network(self) {
        let Ok(mut link) = crate::fetch::link::Link::open() else { return };
        let mut network = Network::default();
        let mut slept = asleep();
        while let Ok(event) = link.next().await {
            let now = Instant::now();
            if event == NetworkEvent::ClockJumped {
                let before = std::mem::replace(&mut slept, asleep());
                let mut core = self.core.borrow_mut();
                core.clock_jumped(now);
                if slept.saturating_sub(before) >= SLEPT {
                    core.network_changed(&Change { is_new: true, gone: None }, now);
                }
            } else if let Some(change) = network.hear(event) {
                self.core.borrow_mut().network_changed(&change, now);
            }
            self.wake.notify_one();
        }
    }
}

impl Core {
    /// Ends waits for the network, or drops what an address that is gone has left behind.
    pub(super) fn network_changed(&mut self, change: &Change, now: Instant) {
        for thread in self.threads.iter().flatten() {
            thread.forget_connections();
        }
        if let Some(address) = change.gone {
            for id in self.queue.ids_running() {
                if let Some(run) = self.items.get(&id).and_then(|item| item.run.as_ref()) {
                    tell(run, Control::AddressGone(address));
                }
            }
        }
        if !change.is_new {
            return;
        }
        self.quiet_until = Some(now + SETTLES);
        let waits: Vec<DownloadId> = self.due.iter().map(|(_, id)| *id).collect();
        for id in waits {
            let Some(item) = self.items.get_mut(&id) else { continue };
            // What a host asked for is no matter of the network.
            let is_network = matches!(
                &item.record.state,
                State::Waiting { why: WaitReason::Retry { .. } | WaitReason::LoginPage, .. }
            );
            if is_network {
                item.record.attempts = 0;
                self.clear_due(id);
                if self.step(id, Event::Due, || State::Queued) {
                    self.enqueue(id);
                }
            }
        }
    }

    /// Moments of the wall clock come nearer or go further when it is set, and when the machine slept.
    pub(super) fn clock_jumped(&mut self, now: Instant) {
        self.reconsider(now);
        let wall = UnixMs::from(super::wall());
        let due: Vec<(Instant, DownloadId)> = self.due.iter().copied().collect();
        for (at, id) in due {
            let Some(item) = self.items.get_mut(&id) else { continue };
            if let State::Waiting { why: WaitReason::HostAsked { .. }, until: Some(until) } =
                &item.record.state
            {
                let new = now + until.since(wall);
                self.due.remove(&(at, id));
                self.due.insert((new, id));
                item.due = Some(new);
            }
        }
    }

    /// When the network has settled after a change, where that is still to come.
    pub(super) fn settles_at(&mut self, now: Instant) -> Option<Instant> {
        self.quiet_until = self.quiet_until.filter(|until| *until > now);
        self.quiet_until
    }
}

/// How long this machine has slept since it was started.
#[cfg(target_os = "linux")]
fn asleep() -> Duration {
    use rustix::time::{ClockId, Timespec, clock_gettime};
    let at = |time: Timespec| {
        Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
    };
    at(clock_gettime(ClockId::Boottime)).saturating_sub(at(clock_gettime(ClockId::Monotonic)))
}
