//! Who may fill the disk: room is granted in queue order, and what doesn't fit waits while what fits behind it goes on.
//!
//! A claim says up to how many bytes a download may grow. What of it is on disk already is counted once: the file system's own
//! number of free bytes knows it. So what is left to give is what is free, less what others may still write, less a reserve.

use std::collections::HashMap;

use super::queue::Turn;
use crate::model::id::DownloadId;

/// The reserve at most, where none is configured, in bytes.
const MOST_RESERVE: u64 = 1 << 30;
/// The part of a disk that is its reserve at most, as a divisor.
const RESERVE_OF: u64 = 50;
/// How many bytes a file of unknown size is granted at a time.
pub const UNKNOWN: u64 = 1 << 30;

/// A file system's room now, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Which file system.
    pub disk: u64,
    /// Free for us.
    pub free: u64,
    /// In all.
    pub total: u64,
}

/// What a download asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asks {
    /// Which.
    pub id: DownloadId,
    /// Its place in the queue.
    pub turn: Turn,
    /// Bytes that it has on this disk already.
    pub has: u64,
    /// How large it will be; nothing where that is unknown.
    pub size: Option<u64>,
    /// Bytes of its own partials of other versions, which go first where only their room is missing.
    pub set_aside: u64,
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// It may grow up to so many bytes.
    UpTo(u64),
    /// It may, once its set-aside partials are gone.
    WithoutSetAside(u64),
    /// It may not: so many bytes more would have to be free.
    Missing(u64),
}

/// What was granted, and who waits for room.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    claims: HashMap<DownloadId, Claim>,
}

#[derive(Clone, Copy, Debug)]
struct Claim {
    disk: u64,
    turn: Turn,
    /// How far it may grow; nothing where it waits.
    up_to: u64,
}

/// Bytes that are kept free on a disk of this size.
pub fn reserve(total: u64, configured: Option<u64>) -> u64 {
    configured.unwrap_or((total / RESERVE_OF).min(MOST_RESERVE))
}

impl Ledger {
    /// Decides whether a download may grow, and remembers it either way: one that waits is in line for room.
    /// `has` says how many bytes another download has on disk by now.
    pub fn ask(&mut self, asks: Asks, room: Room, reserve: u64, has: impl Fn(DownloadId) -> u64) -> Grant {
        let others = self.claims.iter().filter(|(id, claim)| **id != asks.id && claim.disk == room.disk);
        let (mut promised, mut is_first) = (0_u64, true);
        for (id, claim) in others {
            promised = promised.saturating_add(claim.up_to.saturating_sub(has(*id)));
            is_first &= asks.turn < claim.turn;
        }
        let kept = if is_first { 0 } else { reserve };
        let left = room.free.saturating_sub(promised).saturating_sub(kept);
        let needed = match asks.size {
            Some(size) => size.saturating_sub(asks.has),
            // The first takes what there is: a file whose size nobody knows may well be a small one.
            None if is_first => left.clamp(1, UNKNOWN),
            None => UNKNOWN,
        };
        let up_to = asks.has.saturating_add(needed);
        let grant = if needed <= left {
            Grant::UpTo(up_to)
        } else if needed <= left.saturating_add(asks.set_aside) {
            Grant::WithoutSetAside(up_to)
        } else {
            Grant::Missing(needed - left)
        };
        let up_to = if matches!(grant, Grant::Missing(_)) { 0 } else { up_to };
        self.claims.insert(asks.id, Claim { disk: room.disk, turn: asks.turn, up_to });
        grant
    }

    /// A download ended, or no longer wants to grow. Returns whether anything was granted to it.
    pub fn release(&mut self, id: DownloadId) -> bool {
        self.claims.remove(&id).is_some_and(|claim| claim.up_to > 0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::queue::turn;
    use crate::model::item::{Mode, Priority};

    const GIB: u64 = 1 << 30;

    fn asks(id: u64, has: u64, size: Option<u64>) -> Asks {
        let id = DownloadId(id);
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let turn = turn(Mode::Background, Priority::Normal, id.0 as f64, id);
        Asks { id, turn, has, size, set_aside: 0 }
    }

    fn room(free: u64) -> Room {
        Room { disk: 1, free, total: 1000 }
    }

    #[test]
    fn the_reserve_is_two_percent_and_at_most_one_gib_unless_it_is_configured() {
        assert_eq!(reserve(1000, None), 20);
        assert_eq!(reserve(1 << 50, None), GIB);
        assert_eq!(reserve(1000, Some(7)), 7);
    }

    #[test]
    fn room_is_promised_once_and_what_is_on_disk_is_not_counted_again() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.ask(asks(1, 0, Some(600)), room(1000), 20, |_| 0), Grant::UpTo(600));
        // Nothing of the first is written yet: 400 are left, of which 20 are kept.
        assert_eq!(ledger.ask(asks(2, 0, Some(400)), room(1000), 20, |_| 0), Grant::Missing(20));
        assert_eq!(ledger.ask(asks(3, 0, Some(380)), room(1000), 20, |_| 0), Grant::UpTo(380));
        // The first has written 500 by now, and the disk knows it.
        assert!(ledger.release(DownloadId(3)));
        let has = |id| if id == DownloadId(1) { 500 } else { 0 };
        assert_eq!(ledger.ask(asks(2, 0, Some(400)), room(500), 20, has), Grant::Missing(20));
        assert_eq!(ledger.ask(asks(2, 100, Some(400)), room(500), 20, has), Grant::UpTo(400));
    }

    #[test]
    fn the_first_in_the_queue_may_use_the_last_of_it_and_waits_for_what_is_missing() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.ask(asks(2, 0, Some(1000)), room(1000), 20, |_| 0), Grant::UpTo(1000));
        ledger.release(DownloadId(2));
        assert_eq!(ledger.ask(asks(1, 0, Some(1001)), room(1000), 20, |_| 0), Grant::Missing(1));
        // The one that waits is still the first: what fits behind it goes on, and leaves the reserve alone.
        assert_eq!(ledger.ask(asks(2, 0, Some(981)), room(1000), 20, |_| 0), Grant::Missing(1));
        assert_eq!(ledger.ask(asks(3, 0, Some(980)), room(1000), 20, |_| 0), Grant::UpTo(980));
        assert!(!ledger.release(DownloadId(1)));
    }

    #[test]
    fn other_disks_are_other_rooms() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.ask(asks(1, 0, Some(1000)), room(1000), 20, |_| 0), Grant::UpTo(1000));
        let other = Room { disk: 2, ..room(1000) };
        assert_eq!(ledger.ask(asks(2, 0, Some(1000)), other, 20, |_| 0), Grant::UpTo(1000));
    }

    #[test]
    fn unknown_sizes_get_a_gibibyte_at_a_time_and_the_first_what_there_is() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.ask(asks(1, 0, None), room(5 * GIB), 20, |_| 0), Grant::UpTo(GIB));
        assert_eq!(ledger.ask(asks(2, 0, None), room(2 * GIB), 20, |_| 0), Grant::Missing(20));
        let has = |id| if id == DownloadId(1) { GIB } else { 0 };
        assert_eq!(ledger.ask(asks(1, GIB, None), room(GIB), 20, has), Grant::UpTo(2 * GIB));
        assert_eq!(ledger.ask(asks(1, 50, None), room(10), 20, |_| 0), Grant::UpTo(60));
        assert_eq!(ledger.ask(asks(1, 50, None), room(0), 20, |_| 0), Grant::Missing(1));
    }

    #[test]
    fn set_aside_partials_go_first_but_only_where_that_is_enough() {
        let mut ledger = Ledger::default();
        let with = |set_aside| Asks { set_aside, ..asks(1, 0, Some(600)) };
        assert_eq!(ledger.ask(with(100), room(600), 20, |_| 0), Grant::UpTo(600));
        assert_eq!(ledger.ask(with(100), room(500), 20, |_| 0), Grant::WithoutSetAside(600));
        assert_eq!(ledger.ask(with(100), room(499), 20, |_| 0), Grant::Missing(101));
    }

    proptest! {
        #[test]
        fn what_is_promised_together_always_fits(
            sizes in prop::collection::vec(1_u64..500, 1..20), free in 0_u64..2000, reserve in 0_u64..50,
        ) {
            let mut ledger = Ledger::default();
            let mut promised = 0;
            for (id, size) in (1..).zip(sizes) {
                match ledger.ask(asks(id, 0, Some(size)), room(free), reserve, |_| 0) {
                    Grant::UpTo(up_to) => promised += up_to,
                    Grant::Missing(missing) => prop_assert!(promised + size + reserve > free && missing > 0),
                    Grant::WithoutSetAside(_) => prop_assert!(false),
                }
                prop_assert!(promised <= free);
            }
        }
    }
}
