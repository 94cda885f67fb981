//! The one table of commands: what each is called, which keys it has, where it belongs, and why it can't act now. Key dispatch, footer,
//! help, palette, config and README are made from it.

mod now;

pub use now::{Facts, Shelf};

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
    CollectionSettings,
    RetryCollection,
    PriorityHigh,
    PriorityNormal,
    PriorityLow,
    Start,
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
pub const TABLE: [Entry; 70] = {
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
        entry(C::MarkAll, "mark-all", &["*"], "mark all", "Mark all that are shown; once more, none", List),
        entry(C::Edit, "edit", &["e"], "edit", "Change name, folder, priority, headers, tags", Download),
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
        entry(C::Left, "left", &["left", "h"], "close", "Close, or one pane to the left", Moving),
        entry(C::Right, "right", &["right", "l"], "right", "Open, or one pane to the right", Moving),
        entry(C::Top, "top", &["home", "g"], "top", "First", Moving),
        entry(C::Bottom, "bottom", &["end", "G"], "bottom", "Last", Moving),
        entry(C::PageUp, "page-up", &["pageup", "ctrl-b"], "page up", "A page up", Moving),
        entry(C::PageDown, "page-down", &["pagedown", "ctrl-f"], "page down", "A page down", Moving),
        entry(C::Enter, "enter", &["enter"], "open", "Open, or take", Moving),
        entry(C::Back, "back", &["esc"], "back", "One step back: marks, filter, pane", Moving),
        entry(C::LimitAll, "limit-all", &[], "limit all", "Limit the speed of everything", Program),
        entry(C::CopyPath, "copy-path", &[], "copy path", "Copy the path of its file", Download),
        entry(C::NewCollection, "new-collection", &["C"], "new", "New collection", Collections),
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
        entry(
            C::CollectionSettings,
            "collection-settings",
            &[],
            "settings",
            "Its folder, files at once, limit, preset, hook",
            Collections,
        ),
        entry(
            C::RetryCollection,
            "retry-collection",
            &[],
            "retry failed",
            "Try all that failed in it again",
            Collections,
        ),
        entry(C::PriorityHigh, "priority-high", &[], "high", "High priority: before the others", Download),
        entry(C::PriorityNormal, "priority-normal", &[], "normal", "Normal priority", Download),
        entry(C::PriorityLow, "priority-low", &[], "low", "Low priority: after the others", Download),
        entry(C::Start, "start", &["A"], "start", "Start the agent, after somebody stopped it", Program),
    ]
};

impl Command {
    /// Its line in the table.
    pub fn entry(self) -> &'static Entry {
        &TABLE[self as usize]
    }
}

/// What keys mean in every dialog, whatever the config says of others.
pub const IN_DIALOGS: [(&str, &str); 6] = [
    ("esc", "One step back; nothing is lost, nothing is done"),
    ("enter", "Take it; in a question, the safe answer"),
    ("tab down", "Next field or line; backtab and up go back"),
    ("space right", "Take or skip a link; the next of several"),
    ("ctrl-u ctrl-w", "Empty the line; take its last word away"),
    ("y", "Yes, where something would be lost"),
];

/// What keys for downloads mean where the collections have the keys: each command with those whose keys it has there.
pub fn on_collections() -> Vec<(&'static Entry, Vec<Command>)> {
    let mut all: Vec<(&'static Entry, Vec<Command>)> = Vec::new();
    for entry in &TABLE {
        let Some(meant) = entry.command.of_collection() else { continue };
        match all.iter_mut().find(|(known, _)| known.command == meant) {
            Some((_, keys)) => keys.push(entry.command),
            None => all.push((meant.entry(), vec![entry.command])),
        }
    }
    all
}

/// The keys as a table in Markdown, for the README.
pub fn markdown() -> String {
    let lines = TABLE.iter().filter(|entry| !entry.keys.is_empty()).map(|entry| {
        let keys: Vec<_> = entry.keys.iter().map(|key| format!("`{key}`")).collect();
        format!("| {} | {} |\n", keys.join(" "), entry.title)
    });
    let table = |first: &str| format!("| {first} | What it does |\n| --- | --- |\n");
    let ticked = |keys: &str| keys.split(' ').map(|key| format!("`{key}`")).collect::<Vec<_>>().join(" ");
    let collections = on_collections().into_iter().map(|(meant, commands)| {
        let keys: Vec<_> =
            commands.iter().flat_map(|command| command.entry().keys).map(|key| ticked(key)).collect();
        format!("| {} | {} |\n", keys.join(" "), meant.title)
    });
    let dialogs = IN_DIALOGS.iter().map(|(keys, told)| format!("| {} | {told} |\n", ticked(keys)));
    std::iter::once(table("Key"))
        .chain(lines)
        .chain([format!("\n{}", table("On a collection"))])
        .chain(collections)
        .chain([format!("\n{}", table("In a dialog"))])
        .chain(dialogs)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn every_key_is_in_the_readmes_table() {
        let readme = include_str!("../../README.md");
        let (_, rest) = readme.split_once("<!-- keys -->\n").unwrap();
        let (table, _) = rest.split_once("<!-- end of keys -->").unwrap();
        assert_eq!(table, markdown(), "README.md is not what the table of commands says");
    }
}
