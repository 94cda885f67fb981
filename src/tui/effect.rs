//! What comes to the screen and what it asks for: everything that `update` takes in, and everything that it can't do itself.

use std::path::PathBuf;
use std::sync::Arc;

use crokey::KeyCombination;
use crokey::crossterm::event::MouseEvent;

use super::keep::{Change, Kept};
use super::library::Asked;
use super::picture::Picture;
use crate::config::Effective;
use crate::model::id::DownloadId;
use crate::model::item::Mode;
use crate::model::media::MediaId;
use crate::model::request::{Refusal, Reply, Request};
use crate::model::update::Update;

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Msg {
    /// A key was pressed.
    Key(KeyCombination),
    /// The mouse did something.
    Mouse(MouseEvent),
    /// A text was pasted.
    Paste(String),
    /// The terminal has this many columns and rows now.
    Resize(u16, u16),
    /// The terminal came to the front, or left it.
    Focus(bool),
    /// Time passed.
    Tick,
    /// The engine can be reached.
    Connected,
    /// The engine can be reached again, and goes on telling where it stopped.
    Back,
    /// The engine can't be reached.
    Lost(String),
    /// Somebody told the engine to end, and it is gone.
    Stopped,
    /// The list changed.
    Changed(Box<Update>),
    /// A request was answered.
    Answered(Purpose, Box<Result<Reply, Refusal>>),
    /// Something outside of the engine was done, or couldn't be.
    Told(Result<String, String>),
    /// Every setting, with where it comes from; or why they can't be read.
    Settings(Result<Vec<Effective>, String>),
    /// A setting was changed, and what holds for the screen now; or why not.
    Kept(Change, Result<Box<Kept>, String>),
    /// A cover is ready to be drawn in so many columns and rows, or can't be shown.
    Pictured(MediaId, (u16, u16), Option<Picture>),
}

/// What a request was made for.
#[derive(Clone, Debug, PartialEq)]
pub enum Purpose {
    /// The details of the download under the cursor.
    Detail(DownloadId),
    /// The log.
    Log,
    /// Something of the library.
    Library(Asked),
    /// Adding; how many, and in which mode.
    Add(Mode),
    /// Which links of the Add dialog are in the list already, from which of them on.
    Known(usize),
    /// Something was done to downloads: the word for it, as in `3 downloads paused`.
    Act(&'static str),
    /// A mode was set, to which.
    SetMode(Mode),
    /// Taking back.
    Undo,
    /// A link to copy.
    CopyLink,
    /// A path to copy.
    CopyPath,
    /// A file to open.
    Open,
    /// A folder to open.
    OpenFolder,
    /// What the edit dialog starts with.
    Edit,
    /// What was typed in the edit dialog was asked for.
    Saved,
    /// What the dialog of limits starts with, and whether it is for everything.
    Limit(bool),
    /// The presets to choose from.
    Presets,
    /// A sentence to say when it is done.
    Say(String),
    /// Real-time downloads were made background ones: leave now.
    ThenLeave,
}

/// Something that the screen wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// A request to the engine.
    Call(Purpose, Box<Request>),
    /// A text for the clipboard.
    Copy(String),
    /// A file or folder to open with the system's program.
    Open(PathBuf),
    /// A finished file to play, with the player that is set or the system's program.
    Play(PathBuf),
    /// A cover to be made ready for so many columns and rows.
    Picture(MediaId, Arc<[u8]>, (u16, u16)),
    /// Ring the terminal's bell.
    Bell,
    /// A desktop notification.
    Notify(String),
    /// Every setting is to be listed.
    ListSettings,
    /// A setting is to be changed and kept.
    Change(Change),
    /// Back to the shell.
    Suspend,
    /// Everything is to be drawn anew.
    Redraw,
    /// An engine that somebody stopped is to be started.
    Start,
    /// The end. Whether the leave was confirmed.
    Quit {
        /// Whether this is a goodbye: what this client owns may end.
        goodbye: bool,
    },
}
