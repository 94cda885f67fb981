//! What a command can do in this moment, and else why not.

use super::{Command, Scope};
use crate::model::item::Mode;
use crate::model::state::StateKind;

/// What is known of the moment in which a command would act.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Whether the engine can be reached.
    pub connected: bool,
    /// Whether that is because somebody stopped the agent.
    pub stopped: bool,
    /// How many downloads are meant: the marked ones, or the one under the cursor.
    pub count: usize,
    /// Their state, where all have the same.
    pub state: Option<StateKind>,
    /// Their mode, where all have the same.
    pub mode: Option<Mode>,
    /// Whether the file is on this machine.
    pub here: bool,
    /// Whether a cancel or a remove can be taken back.
    pub undoable: bool,
    /// How many are shown.
    pub shown: usize,
    /// How many need a person.
    pub needy: usize,
    /// Whether the collection under the cursor is the default one, or no collection is under it.
    pub fixed_collection: bool,
    /// Whether no collection is under the cursor.
    pub no_collection: bool,
    /// Whether the collections have the keys.
    pub on_collections: bool,
    /// Whether the log has the keys.
    pub on_log: bool,
    /// Whether the collection under the cursor is held.
    pub held_collection: bool,
    /// Whether a web page asks to be let in.
    pub asked: bool,
    /// What is under the cursor of the library, where that has the keys.
    pub shelf: Option<Shelf>,
}

impl Facts {
    /// Why nothing can be asked of the engine.
    pub fn lost(&self) -> &'static str {
        if self.stopped {
            "the agent was stopped: {start} starts it again"
        } else {
            "the connection is lost: it comes back by itself"
        }
    }
}

/// What is under the cursor of the library.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shelf {
    /// Whether it is a file.
    pub file: bool,
    /// Whether all about it is known.
    pub known: bool,
    /// Whether the file is not where it was.
    pub missing: bool,
}

impl Shelf {
    /// Why a command can't act on it; nothing where it can, or where it is for the whole program.
    fn why_not(self, command: Command, facts: &Facts) -> Option<&'static str> {
        use Command as C;
        match command {
            C::Open | C::OpenFolder | C::Copy | C::CopyPath | C::Edit | C::Remove => {
                let changes = matches!(command, C::Edit | C::Remove);
                let opens = matches!(command, C::Open | C::OpenFolder);
                match () {
                    () if !self.file => Some("choose a file on the shelves first"),
                    () if !self.known => Some("it is being looked up"),
                    () if changes && !facts.connected => Some(facts.lost()),
                    () if opens && !facts.here => Some("its file is on another machine"),
                    () if opens && self.missing => {
                        Some("its file is missing: it is found again when it returns")
                    }
                    () => None,
                }
            }
            C::Mark | C::MarkAll | C::NextNeed | C::PreviousNeed | C::Freeze => {
                Some("that is for downloads: {pane-downloads} goes there")
            }
            C::Undo => None,
            _ if command.entry().scope == Scope::Download => {
                Some("that is for downloads: {pane-downloads} goes there")
            }
            _ => None,
        }
    }
}

impl Command {
    /// Why it can't act now, and what would help; nothing where it can. Keys in it are named by the command that they are for, as in
    /// `{mode}`: each person has their own.
    pub fn why_not(self, facts: &Facts) -> Option<&'static str> {
        use Command as C;
        use StateKind as S;
        let entry = self.entry();
        if let Some(shelf) = facts.shelf
            && (entry.scope == Scope::Download && self != C::Undo || entry.scope == Scope::List)
            && self != C::RetryFailed
        {
            return shelf.why_not(self, facts);
        }
        if facts.on_collections && entry.scope == Scope::Download && self != C::Undo {
            return match self.of_collection() {
                Some(meant) => meant.why_not(facts),
                None => Some("that is for downloads: {pane-downloads} goes there"),
            };
        }
        if facts.on_log && self == C::Filter {
            return Some("the log has no filter: {pane-downloads} goes to the downloads, which have one");
        }
        let one = facts.state.filter(|_| facts.count > 0);
        let local = matches!(self, C::Copy | C::CopyPath | C::Open | C::OpenFolder);
        if entry.scope == Scope::Download && self != C::Undo {
            if facts.count == 0 {
                return Some("no download is chosen");
            }
            if !facts.connected && !local {
                return Some(facts.lost());
            }
        }
        match self {
            C::Add | C::HoldAll | C::LimitAll | C::Undo | C::Presets | C::Pages if !facts.connected => {
                Some(facts.lost())
            }
            C::Start if facts.connected => Some("the agent runs"),
            C::Start if !facts.stopped => Some(facts.lost()),
            C::Pages if !facts.asked => Some("no web page asks to be let in"),
            C::Undo if !facts.undoable => Some("nothing was cancelled or removed that could come back"),
            C::Pause | C::Cancel => match one? {
                S::Completed => Some("it is completed already"),
                S::Failed if self == C::Pause => Some("it failed: {resume} tries it again"),
                S::Cancelled if self == C::Pause => Some("it is cancelled: {resume} takes it up again"),
                S::Cancelled => Some("it is cancelled already: {remove} removes it"),
                S::Processing => Some("it is whole and gets its name just now"),
                S::Verifying | S::Downloading | S::Connecting | S::Queued
                    if self == C::Pause && facts.mode == Some(Mode::RealTime) =>
                {
                    Some("real-time downloads can't pause: {mode} switches it to background")
                }
                _ => None,
            },
            C::Resume => match one? {
                S::Completed => Some("it is completed already"),
                S::Connecting | S::Downloading | S::Verifying | S::Processing => {
                    Some("it is running already")
                }
                S::Queued => Some("it is in line already: {now} lets it go first"),
                _ => None,
            },
            C::Earlier | C::Later if one? == S::Failed => {
                Some("it failed and is not in the queue: {resume} tries it again")
            }
            C::Mode
            | C::Now
            | C::Earlier
            | C::Later
            | C::NewLink
            | C::Limit
            | C::PriorityHigh
            | C::PriorityNormal
            | C::PriorityLow => match one? {
                S::Completed => Some("it is completed already"),
                S::Cancelled => Some("it is cancelled: {resume} takes it up again"),
                _ if self == C::NewLink && facts.count > 1 => {
                    Some("a link is for one download: unmark the others")
                }
                _ => None,
            },
            C::Edit | C::Open if facts.count > 1 => Some("one at a time: unmark the others"),
            C::Edit | C::Remove => match one? {
                S::Processing => Some("it is whole and gets its name just now"),
                _ => None,
            },
            // Where the file is on another machine, it is told how to get it.
            C::Open => match one? {
                S::Completed => None,
                _ => Some("it is not whole yet"),
            },
            C::OpenFolder if !facts.here => Some("its folder is on another machine"),
            C::Mark if facts.on_collections => Some("that is for downloads: {pane-downloads} goes there"),
            C::Mark | C::MarkAll if facts.shown == 0 => Some("there is nothing to mark"),
            C::NextNeed | C::PreviousNeed if facts.needy == 0 => Some("nothing needs you"),
            C::RetryFailed if !facts.connected => Some(facts.lost()),
            _ if entry.scope == Scope::Collections => match self {
                _ if !facts.connected => Some(facts.lost()),
                C::NewCollection => None,
                _ if facts.no_collection && facts.on_collections => {
                    Some("this line is all collections together: choose one of them")
                }
                _ if facts.no_collection => Some("choose a collection first: {pane-collections}"),
                C::RemoveCollection if facts.fixed_collection => Some("the default collection stays"),
                _ => None,
            },
            _ => None,
        }
    }

    /// What a key for downloads means where the collections have the keys; nothing where it means nothing there.
    pub fn of_collection(self) -> Option<Self> {
        Some(match self {
            Self::Remove => Self::RemoveCollection,
            Self::Edit | Self::Collection | Self::Limit => Self::CollectionSettings,
            Self::Pause => Self::HoldCollection,
            Self::Resume => Self::RetryCollection,
            _ => return None,
        })
    }

    /// What the footer calls it now.
    pub fn short(self, facts: &Facts) -> &'static str {
        let on_collection = self.of_collection().filter(|_| facts.on_collections);
        match (on_collection.unwrap_or(self), facts.state) {
            (Self::HoldCollection, _) if facts.held_collection => "release",
            (Self::HoldCollection, _) => "hold",
            (meant, _) if on_collection.is_some() => meant.entry().short,
            (Self::Open, _) if facts.shelf.is_some() => "play",
            (Self::Copy, _) if facts.shelf.is_some() => "copy path",
            (Self::Filter, _) if facts.shelf.is_some() => "search",
            (Self::Pause, Some(StateKind::Paused)) => "go on",
            (Self::Resume, Some(StateKind::Paused)) => "resume",
            (Self::Mode, _) if facts.mode == Some(Mode::RealTime) => "background",
            (Self::Mode, _) => "real time",
            _ => self.entry().short,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(state: StateKind, mode: Mode) -> Facts {
        Facts {
            connected: true,
            count: 1,
            state: Some(state),
            mode: Some(mode),
            here: true,
            shown: 1,
            ..Facts::default()
        }
    }

    #[test]
    fn a_key_that_cannot_act_says_why() {
        use Command as C;
        use StateKind as S;
        for (command, state, mode, said) in [
            (
                C::Pause,
                S::Downloading,
                Mode::RealTime,
                "real-time downloads can't pause: {mode} switches it to background",
            ),
            (C::Pause, S::Completed, Mode::Background, "completed already"),
            (C::Pause, S::Failed, Mode::Background, "{resume} tries it again"),
            (C::Later, S::Failed, Mode::Background, "not in the queue: {resume} tries it again"),
            (C::Resume, S::Downloading, Mode::Background, "running already"),
            (C::Open, S::Downloading, Mode::Background, "not whole yet"),
            (C::NextNeed, S::Downloading, Mode::Background, "nothing needs you"),
            (C::Undo, S::Downloading, Mode::Background, "nothing was cancelled"),
        ] {
            let why = command.why_not(&facts(state, mode)).unwrap_or_default();
            assert!(why.contains(said), "{command:?} {state}: {why}");
        }
        assert_eq!(C::Pause.why_not(&facts(S::Downloading, Mode::Background)), None);
        assert_eq!(
            C::Pause.why_not(&Facts { connected: true, ..Facts::default() }),
            Some("no download is chosen")
        );
        let lost = Facts { connected: false, ..facts(S::Downloading, Mode::Background) };
        assert!(C::Pause.why_not(&lost).unwrap().contains("comes back by itself"));
        assert_eq!(C::Copy.why_not(&lost), None);
    }

    #[test]
    fn on_a_collection_a_key_is_about_the_collection_or_says_why_not() {
        use Command as C;
        let on = Facts { on_collections: true, ..facts(StateKind::Downloading, Mode::Background) };
        let all = Facts { no_collection: true, fixed_collection: true, ..on.clone() };
        let fixed = Facts { fixed_collection: true, ..on.clone() };
        for (command, facts, said) in [
            (C::Remove, &all, "choose one of them"),
            (C::Remove, &fixed, "the default collection stays"),
            (C::Edit, &all, "choose one of them"),
            (C::Cancel, &on, "that is for downloads"),
            (C::Mark, &on, "that is for downloads"),
        ] {
            let why = command.why_not(facts).unwrap_or_default();
            assert!(why.contains(said), "{command:?}: {why}");
        }
        for command in [C::Remove, C::Edit, C::Collection, C::Pause, C::Resume] {
            assert_eq!(command.why_not(&on), None, "{command:?}");
        }
        let on_log = Facts { on_log: true, ..facts(StateKind::Downloading, Mode::Background) };
        assert!(C::Filter.why_not(&on_log).unwrap().contains("the log has no filter"));
        assert_eq!(C::Pause.short(&on), "hold");
        assert_eq!(C::Pause.short(&Facts { held_collection: true, ..on }), "release");
    }
}
