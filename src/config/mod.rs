//! What a person sets: themes and keys.

pub mod keymap;
pub mod theme;
