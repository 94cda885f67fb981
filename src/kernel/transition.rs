//! The one table of a download's life: what may follow what, and the answer where nothing may.

use crate::model::item::Mode;
use crate::model::request::Act;
use crate::model::state::StateKind;

/// Something that happens to a download.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It got a place.
    Start,
    /// A first answer was accepted.
    Answered,
    /// All bytes are here; the checksum is being compared.
    Verify,
    /// All is here and right; it gets its name.
    Publish,
    /// It has its name.
    Published,
    /// A person pauses it.
    Pause,
    /// A person lets it go on.
    Resume,
    /// A person gives it up.
    Cancel,
    /// A person tries it again.
    Retry,
    /// Circumstances stop it.
    Wait,
    /// What it waited for is over.
    Due,
    /// It needs a person.
    Fail,
    /// The engine lets go of it.
    LetGo,
}

/// Every event.
pub const EVENTS: [Event; 13] = [
    Event::Start,
    Event::Answered,
    Event::Verify,
    Event::Publish,
    Event::Published,
    Event::Pause,
    Event::Resume,
    Event::Cancel,
    Event::Retry,
    Event::Wait,
    Event::Due,
    Event::Fail,
    Event::LetGo,
];

/// What an event leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Another state.
    To(StateKind),
    /// Nothing to do: it is so already.
    Stay,
    /// It can't be done, and why; for events of the engine itself: it comes too late and means nothing.
    Refused(&'static str),
}

/// Returns what an event leads to.
#[expect(clippy::match_same_arms, reason = "a table: each row is one fact")]
pub fn next(state: StateKind, event: Event) -> Next {
    use Event as E;
    use Next::{Refused, Stay, To};
    use StateKind as S;
    let late = Refused("it comes too late");
    match (state, event) {
        // The way of a download.
        (S::Queued, E::Start) => To(S::Connecting),
        (S::Connecting | S::Downloading, E::Answered) => To(S::Downloading),
        (S::Connecting | S::Downloading, E::Verify) => To(S::Verifying),
        (S::Connecting | S::Downloading | S::Verifying, E::Publish) => To(S::Processing),
        (S::Processing, E::Published) => To(S::Completed),
        (S::Connecting | S::Downloading | S::Verifying | S::Processing, E::Fail) => To(S::Failed),
        (S::Connecting | S::Downloading | S::Verifying | S::Processing | S::Queued | S::Waiting, E::Wait) => {
            To(S::Waiting)
        }
        (S::Waiting, E::Due) => To(S::Queued),
        (S::Connecting | S::Downloading | S::Verifying | S::Processing, E::LetGo) => To(S::Queued),
        // A person pauses.
        (S::Queued | S::Connecting | S::Downloading | S::Verifying | S::Waiting, E::Pause) => To(S::Paused),
        (S::Paused, E::Pause) => Stay,
        (S::Processing, E::Pause) => Refused("it is whole and gets its name just now"),
        (S::Completed, E::Pause) => Refused("it is completed already"),
        (S::Failed, E::Pause) => Refused("it failed; there is nothing to pause"),
        (S::Cancelled, E::Pause) => Refused("it is cancelled; there is nothing to pause"),
        // A person lets it go on.
        (S::Paused | S::Waiting, E::Resume | E::Retry) => To(S::Queued),
        (S::Queued | S::Connecting | S::Downloading | S::Verifying | S::Processing, E::Resume | E::Retry) => {
            Stay
        }
        (S::Failed | S::Cancelled, E::Resume | E::Retry) => To(S::Queued),
        (S::Completed, E::Resume | E::Retry) => Refused("it is completed already"),
        // A person gives it up.
        (
            S::Queued | S::Connecting | S::Downloading | S::Verifying | S::Paused | S::Waiting | S::Failed,
            E::Cancel,
        ) => To(S::Cancelled),
        (S::Cancelled, E::Cancel) => Stay,
        (S::Processing, E::Cancel) => Refused("it is whole and gets its name just now"),
        (S::Completed, E::Cancel) => {
            Refused("it is completed already; remove takes it out of the list and leaves the file")
        }
        // What the engine says of a run that is over already.
        _ => late,
    }
}

/// Returns why something can't be done to a download in this mode, with the way out.
pub fn refusal_by_mode(mode: Mode, state: StateKind, act: &Act) -> Option<(&'static str, &'static str)> {
    match (mode, act) {
        (Mode::RealTime, Act::Pause) if state.is_unfinished() => {
            Some(("real-time downloads can't pause", "`haul mode background ID` makes it one that can"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One letter a cell: the new state's (`D` downloading, `V` verifying, `O` processing, `K` completed …), `=` stay, `x` refused.
    #[test]
    fn every_state_has_an_answer_to_every_event() {
        let letter = |next| match next {
            Next::Stay => '=',
            Next::Refused(_) => 'x',
            Next::To(kind) => match kind {
                StateKind::Queued => 'Q',
                StateKind::Connecting => 'C',
                StateKind::Downloading => 'D',
                StateKind::Verifying => 'V',
                StateKind::Processing => 'O',
                StateKind::Completed => 'K',
                StateKind::Paused => 'P',
                StateKind::Waiting => 'W',
                StateKind::Failed => 'F',
                StateKind::Cancelled => 'X',
            },
        };
        // Start Answered Verify Publish Published Pause Resume Cancel Retry Wait Due Fail LetGo
        let table = [
            (StateKind::Queued, "CxxxxP=X=Wxxx"),
            (StateKind::Connecting, "xDVOxP=X=WxFQ"),
            (StateKind::Downloading, "xDVOxP=X=WxFQ"),
            (StateKind::Verifying, "xxxOxP=X=WxFQ"),
            (StateKind::Processing, "xxxxKx=x=WxFQ"),
            (StateKind::Completed, "xxxxxxxxxxxxx"),
            (StateKind::Paused, "xxxxx=QXQxxxx"),
            (StateKind::Waiting, "xxxxxPQXQWQxx"),
            (StateKind::Failed, "xxxxxxQXQxxxx"),
            (StateKind::Cancelled, "xxxxxxQ=Qxxxx"),
        ];
        assert_eq!(table.len(), StateKind::ALL.len());
        for (state, row) in table {
            let found: String = EVENTS.iter().map(|event| letter(next(state, *event))).collect();
            assert_eq!(found, row, "{state}");
        }
    }

    #[test]
    fn every_state_can_be_reached_and_only_completed_is_final() {
        for target in StateKind::ALL.into_iter().filter(|kind| *kind != StateKind::Queued) {
            let reached = StateKind::ALL
                .iter()
                .any(|from| EVENTS.iter().any(|event| next(*from, *event) == Next::To(target)));
            assert!(reached, "{target}");
        }
        let leaves = |state: StateKind| EVENTS.iter().any(|event| matches!(next(state, *event), Next::To(_)));
        let last: Vec<_> = StateKind::ALL.into_iter().filter(|state| !leaves(*state)).collect();
        assert_eq!(last, [StateKind::Completed]);
    }

    #[test]
    fn real_time_says_how_to_pause() {
        let (text, hint) = refusal_by_mode(Mode::RealTime, StateKind::Downloading, &Act::Pause).unwrap();
        assert_eq!(text, "real-time downloads can't pause");
        assert!(hint.contains("`haul mode background ID`"));
        assert_eq!(refusal_by_mode(Mode::Background, StateKind::Downloading, &Act::Pause), None);
    }
}
