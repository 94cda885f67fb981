//! The one table of commands: what each is called, which keys it has, where it belongs, and why it can't act now. Key dispatch, footer,
//! help, palette, config and README are made from it.

use crate::model::item::Mode;
use crate::model::state::StateKind;

/// Something that a person can do on the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[expect(missing_docs, reason = "each is told in TABLE, one line a command")]
pub enum Command {
    Add,
    Pause,
    HoldAll,
    Resume,
    Cancel,
    Remove,
    Undo,
    Mode,
    NewMode,
    Now,
    Earlier,
    Later,
    Mark,
    MarkAll,
    Edit,
    NewLink,
    Collection,
    Limit,
    Open,
    OpenFolder,
    Copy,
    Filter,
    Sort,
    Reverse,
    NextNeed,
    PreviousNeed,
    Freeze,
    NextPane,
    PreviousPane,
    PaneCollections,
    PaneDownloads,
    PaneLibrary,
    PaneLog,
    Theme,
    Palette,
    Help,
    Quit,
    Leave,
    Suspend,
    Redraw,
    Up,
    Down,
    Left,
    Right,
    Top,
    Bottom,
    PageUp,
    PageDown,
    Enter,
    Back,
    LimitAll,
    CopyPath,
    NewCollection,
    RenameCollection,
    RemoveCollection,
    HoldCollection,
    ClearFinished,
    ClearCancelled,
    RetryFailed,
    Since,
    Motion,
    Presets,
    Pages,
    Settings,
}

/// Where a command belongs: its heading in the help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// One download, or those that are marked.
    Download,
    /// The list.
    List,
    /// Collections.
    Collections,
    /// The whole program.
    Program,
    /// Moving about.
    Moving,
}

/// A command's line in the table.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Which.
    pub command: Command,
    /// Its name in the config.
    pub id: &'static str,
    /// What it does, in the help and the palette.
    pub title: &'static str,
    /// What it does in a word or two, in the footer.
    pub short: &'static str,
    /// The keys it has where the config says nothing; none where only the palette has it.
    pub keys: &'static [&'static str],
    /// Where it belongs.
    pub scope: Scope,
}

const fn entry(
    command: Command,
    id: &'static str,
    keys: &'static [&'static str],
    short: &'static str,
    title: &'static str,
    scope: Scope,
) -> Entry {
    Entry { command, id, title, short, keys, scope }
}

/// Every command, in the order of the enum, which a test holds it to.
pub const TABLE: [Entry; 64] = {
    use Command as C;
    use Scope::{Collections, Download, List, Moving, Program};
    [
        entry(C::Add, "add", &["a"], "add", "Add downloads", Program),
        entry(C::Pause, "pause", &["p"], "pause", "Pause, or go on", Download),
        entry(C::HoldAll, "hold", &["P"], "hold all", "Hold everything, or release it", Program),
        entry(C::Resume, "resume", &["r"], "retry", "Go on, or try again", Download),
        entry(C::Cancel, "cancel", &["x"], "cancel", "Cancel, keep the bytes until removed", Download),
        entry(C::Remove, "remove", &["d", "delete"], "remove", "Take out of the list", Download),
        entry(C::Undo, "undo", &["z"], "undo", "Take back the last cancel or remove", Download),
        entry(C::Mode, "mode", &["m"], "mode", "Switch between background and real time", Download),
        entry(C::NewMode, "new-mode", &["M"], "new ones", "Mode of new downloads", Program),
        entry(C::Now, "now", &["!"], "now", "This one now, at full speed", Download),
        entry(C::Earlier, "earlier", &["K", "shift-up"], "earlier", "Earlier in the queue", Download),
        entry(C::Later, "later", &["J", "shift-down"], "later", "Later in the queue", Download),
        entry(C::Mark, "mark", &["space"], "mark", "Mark, and go to the next", List),
        entry(C::MarkAll, "mark-all", &["*"], "mark all", "Mark all that are shown, or none", List),
        entry(C::Edit, "edit", &["e"], "edit", "Change name, folder, connections, checksum", Download),
        entry(C::NewLink, "new-link", &["u"], "new link", "Give it a new link for the same file", Download),
        entry(C::Collection, "collection", &["c"], "collection", "Move to another collection", Download),
        entry(C::Limit, "limit", &["L"], "limit", "Limit its speed, its host's, or any other", Download),
        entry(C::Open, "open", &["o"], "open", "Open the finished file", Download),
        entry(C::OpenFolder, "open-folder", &["O"], "folder", "Open its folder", Download),
        entry(C::Copy, "copy", &["y"], "copy link", "Copy its link", Download),
        entry(C::Filter, "filter", &["/"], "filter", "Filter: words, state:failed, host:x, >1GB", List),
        entry(C::Sort, "sort", &["s"], "sort", "Sort by the next column", List),
        entry(C::Reverse, "reverse", &["S"], "reverse", "Turn the order round", List),
        entry(C::NextNeed, "next-need", &["n"], "next", "Next that needs you", List),
        entry(C::PreviousNeed, "previous-need", &["N"], "previous", "Previous that needs you", List),
        entry(C::Freeze, "freeze", &["F"], "freeze", "Freeze the order, or let it go", List),
        entry(C::NextPane, "next-pane", &["tab"], "next pane", "Next pane", Moving),
        entry(C::PreviousPane, "previous-pane", &["backtab"], "pane back", "Previous pane", Moving),
        entry(C::PaneCollections, "pane-collections", &["1"], "collections", "Collections", Moving),
        entry(C::PaneDownloads, "pane-downloads", &["2"], "downloads", "Downloads", Moving),
        entry(C::PaneLibrary, "pane-library", &["3"], "library", "Library", Moving),
        entry(C::PaneLog, "pane-log", &["4"], "log", "Log: what happened", Moving),
        entry(C::Theme, "theme", &["t"], "theme", "Choose a theme", Program),
        entry(C::Palette, "palette", &[":"], "commands", "Every command, by name", Program),
        entry(C::Help, "help", &["?", "f1"], "help", "Every key", Program),
        entry(C::Quit, "quit", &["q"], "quit", "Leave; background downloads go on", Program),
        entry(C::Leave, "leave", &["ctrl-c"], "leave", "Leave; a second time leaves at once", Program),
        entry(C::Suspend, "suspend", &["ctrl-z"], "suspend", "Back to the shell; `fg` returns", Program),
        entry(C::Redraw, "redraw", &["ctrl-l"], "redraw", "Draw everything anew", Program),
        entry(C::Up, "up", &["up", "k"], "up", "Up", Moving),
        entry(C::Down, "down", &["down", "j"], "down", "Down", Moving),
        entry(C::Left, "left", &["left", "h"], "left", "Close, or one pane to the left", Moving),
        entry(C::Right, "right", &["right", "l"], "right", "Open, or one pane to the right", Moving),
        entry(C::Top, "top", &["home", "g"], "top", "First", Moving),
        entry(C::Bottom, "bottom", &["end", "G"], "bottom", "Last", Moving),
        entry(C::PageUp, "page-up", &["pageup", "ctrl-b"], "page up", "A page up", Moving),
        entry(C::PageDown, "page-down", &["pagedown", "ctrl-f"], "page down", "A page down", Moving),
        entry(C::Enter, "enter", &["enter"], "open", "Open, or take", Moving),
        entry(C::Back, "back", &["esc"], "back", "One step back: marks, filter, pane", Moving),
        entry(C::LimitAll, "limit-all", &[], "limit all", "Limit the speed of everything", Program),
        entry(C::CopyPath, "copy-path", &[], "copy path", "Copy the path of its file", Download),
        entry(C::NewCollection, "new-collection", &[], "new", "New collection", Collections),
        entry(C::RenameCollection, "rename-collection", &[], "rename", "Rename the collection", Collections),
        entry(
            C::RemoveCollection,
            "remove-collection",
            &[],
            "remove",
            "Remove the collection, keep its downloads",
            Collections,
        ),
        entry(
            C::HoldCollection,
            "hold-collection",
            &[],
            "hold",
            "Hold the collection, or release it",
            Collections,
        ),
        entry(
            C::ClearFinished,
            "clear-finished",
            &[],
            "clear",
            "Clear completed ones from the list",
            Collections,
        ),
        entry(
            C::ClearCancelled,
            "clear-cancelled",
            &[],
            "clear",
            "Clear cancelled ones from the list",
            Collections,
        ),
        entry(C::RetryFailed, "retry-failed", &[], "retry failed", "Try all failed ones again", List),
        entry(C::Since, "since", &[], "since", "What happened since you last looked", Program),
        entry(C::Motion, "motion", &[], "motion", "Less motion, or more", Program),
        entry(C::Presets, "presets", &[], "presets", "Use another preset for all downloads", Program),
        entry(C::Pages, "pages", &["W"], "answer", "Answer a web page that asks to be let in", Program),
        entry(C::Settings, "settings", &[], "settings", "Settings: what holds, why, and change it", Program),
    ]
};

impl Command {
    /// Its line in the table.
    pub fn entry(self) -> &'static Entry {
        &TABLE[self as usize]
    }
}

/// What is known of the moment in which a command would act.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Whether the engine can be reached.
    pub connected: bool,
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
    /// Whether a web page asks to be let in.
    pub asked: bool,
    /// What is under the cursor of the library, where that has the keys.
    pub shelf: Option<Shelf>,
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
                    () if changes && !facts.connected => {
                        Some("the connection is lost: it comes back by itself")
                    }
                    () if opens && !facts.here => Some("its file is on another machine"),
                    () if opens && self.missing => {
                        Some("its file is missing: it is found again when it returns")
                    }
                    () => None,
                }
            }
            C::Mark | C::MarkAll | C::NextNeed | C::PreviousNeed | C::Freeze => {
                Some("that is for downloads: 2 goes there")
            }
            C::Undo => None,
            _ if command.entry().scope == Scope::Download => Some("that is for downloads: 2 goes there"),
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
        let one = facts.state.filter(|_| facts.count > 0);
        let local = matches!(self, C::Copy | C::CopyPath | C::Open | C::OpenFolder);
        if entry.scope == Scope::Download && self != C::Undo {
            if facts.count == 0 {
                return Some("no download is chosen");
            }
            if !facts.connected && !local {
                return Some("the connection is lost: it comes back by itself");
            }
        }
        match self {
            C::Add | C::HoldAll | C::LimitAll | C::Undo | C::Presets | C::Pages if !facts.connected => {
                Some("the connection is lost: it comes back by itself")
            }
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
            C::Mode | C::Now | C::Earlier | C::Later | C::NewLink | C::Limit => match one? {
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
            C::Open if !facts.here => Some("its file is on another machine"),
            C::Open => match one? {
                S::Completed => None,
                _ => Some("it is not whole yet"),
            },
            C::OpenFolder if !facts.here => Some("its folder is on another machine"),
            C::Mark | C::MarkAll if facts.shown == 0 => Some("there is nothing to mark"),
            C::NextNeed | C::PreviousNeed if facts.needy == 0 => Some("nothing needs you"),
            C::RetryFailed if !facts.connected => Some("the connection is lost: it comes back by itself"),
            C::RenameCollection | C::HoldCollection | C::ClearFinished | C::ClearCancelled
                if facts.no_collection =>
            {
                Some("choose a collection first: {pane-collections}")
            }
            C::RemoveCollection if facts.fixed_collection => Some("the default collection stays"),
            C::NewCollection
            | C::RenameCollection
            | C::RemoveCollection
            | C::HoldCollection
            | C::ClearFinished
            | C::ClearCancelled
                if !facts.connected =>
            {
                Some("the connection is lost: it comes back by itself")
            }
            _ => None,
        }
    }

    /// What the footer calls it now.
    pub fn short(self, facts: &Facts) -> &'static str {
        match (self, facts.state) {
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

/// The keys as a table in Markdown, for the README.
pub fn markdown() -> String {
    let lines = TABLE.iter().filter(|entry| !entry.keys.is_empty()).map(|entry| {
        let keys: Vec<_> = entry.keys.iter().map(|key| format!("`{key}`")).collect();
        format!("| {} | {} |\n", keys.join(" "), entry.title)
    });
    std::iter::once("| Key | What it does |\n| --- | --- |\n".to_owned()).chain(lines).collect()
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
    fn the_table_is_in_order_and_every_name_is_its_own() {
        for (at, entry) in TABLE.iter().enumerate() {
            assert_eq!(entry.command as usize, at, "{}", entry.id);
            assert_eq!(TABLE.iter().filter(|other| other.id == entry.id).count(), 1, "{}", entry.id);
            for key in entry.keys {
                let owners = TABLE.iter().filter(|other| other.keys.contains(key)).count();
                assert_eq!(owners, 1, "{key} has {owners} commands");
            }
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
    fn every_key_is_in_the_readmes_table() {
        let readme = include_str!("../README.md");
        let (_, rest) = readme.split_once("<!-- keys -->\n").unwrap();
        let (table, _) = rest.split_once("<!-- end of keys -->").unwrap();
        assert_eq!(table, markdown(), "README.md is not what the table of commands says");
    }
}
