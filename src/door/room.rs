//! How many may be at the door: who has only connected, who asks to be let in, and who was let in each have room of their own, so
//! that no crowd keeps the others out.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::model::page::PageOrigin;

/// Who needs room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// Somebody with a request.
    Asker,
    /// A page that was not let in.
    Stranger,
    /// A page that was let in.
    Guest,
}

impl Kind {
    /// How many of them there may be, and how many from one origin.
    const fn most(self) -> (usize, usize) {
        match self {
            Self::Asker => (64, 64),
            Self::Stranger => (32, 4),
            Self::Guest => (64, 32),
        }
    }
}

/// The room that there is.
#[derive(Default)]
pub(super) struct Room {
    /// Connections of each kind from each origin; none is of those who have not said where they come from.
    taken: RefCell<HashMap<(Kind, Option<PageOrigin>), usize>>,
}

/// A place in it, until it is dropped.
pub(super) struct Seat {
    room: Rc<Room>,
    key: (Kind, Option<PageOrigin>),
}

impl Room {
    /// Takes a place for somebody of an origin, if there is one left.
    pub(super) fn take(self: &Rc<Self>, kind: Kind, origin: Option<&PageOrigin>) -> Option<Seat> {
        let mut taken = self.taken.borrow_mut();
        let key = (kind, origin.cloned());
        let (most, most_of_one) = kind.most();
        let all: usize = taken.iter().filter(|((of, _), _)| *of == kind).map(|(_, count)| count).sum();
        let own = taken.get(&key).copied().unwrap_or(0);
        if all >= most || own >= most_of_one {
            return None;
        }
        taken.insert(key.clone(), own + 1);
        Some(Seat { room: Rc::clone(self), key })
    }
}

impl Seat {
    /// Moves a page that was let in to the others of its kind, where there is room.
    pub(super) fn promote(&mut self) {
        if self.key.0 == Kind::Stranger
            && let Some(seat) = self.room.take(Kind::Guest, self.key.1.as_ref())
        {
            *self = seat;
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.room.taken.borrow_mut();
        if let Some(count) = taken.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_crowd_keeps_the_others_out() {
        let room = Rc::new(Room::default());
        let origin = |name: &str| name.parse::<PageOrigin>().unwrap();
        let (loud, quiet) = (origin("https://loud.example"), origin("https://quiet.example"));
        let fill = |kind, origin: Option<&PageOrigin>| -> Vec<Seat> {
            std::iter::from_fn(|| room.take(kind, origin)).take(1000).collect()
        };
        let crowd = fill(Kind::Asker, None);
        assert_eq!(crowd.len(), 64);
        let mut strangers = fill(Kind::Stranger, Some(&loud));
        assert_eq!(strangers.len(), 4);
        let guest = room.take(Kind::Guest, Some(&quiet)).unwrap();
        let stranger = room.take(Kind::Stranger, Some(&quiet));
        assert!(stranger.is_some());
        strangers[0].promote();
        assert_eq!(fill(Kind::Guest, Some(&loud)).len(), 31);
        assert_eq!(fill(Kind::Stranger, Some(&loud)).len(), 1);
        drop((crowd, strangers, guest, stranger));
        assert!(room.taken.borrow().is_empty());
    }
}
