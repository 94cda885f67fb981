//! What a person sets, as the screen sees it: listed with where it comes from, changed one at a time, kept by whoever opened the screen.

use crate::config::keymap::Keymap;
use crate::config::{Effective, Ui};

/// Keeps what a person sets.
pub trait Keep {
    /// Lists every setting that can be shown here, with where it comes from. Called each time that the list is opened, and
    /// after each change.
    ///
    /// # Errors
    /// A sentence: the file can't be read, or is wrong.
    fn list(&self) -> Result<Vec<Effective>, String>;

    /// Changes one and keeps that, or neither.
    ///
    /// # Errors
    /// A sentence: what would go there, or why it can't be kept.
    fn change(&self, change: &Change) -> Result<Kept, String>;
}

/// A change of one setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its section; empty at the top.
    pub section: String,
    /// Its name.
    pub name: String,
    /// What was typed for it; nothing takes it out of the file.
    pub typed: String,
}

impl Change {
    /// Returns a change of what the screen itself reads.
    pub(crate) fn of_ui(name: &str, typed: impl Into<String>) -> Self {
        Self { section: "ui".into(), name: name.into(), typed: typed.into() }
    }

    /// Whether it is for the screen alone, and not for the engine.
    pub(crate) fn is_own(&self) -> bool {
        matches!(self.section.as_str(), "ui" | "keys")
    }
}

/// What holds for the screen after a change.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// What is set for the screen.
    pub ui: Ui,
    /// The keys of every command.
    pub keymap: Keymap,
}
