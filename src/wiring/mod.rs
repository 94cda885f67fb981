//! The parts of the binary that `main` wires: they may name every part of the library.

pub(crate) mod agent;
pub(crate) mod console;
pub(crate) mod context;
pub(crate) mod here;
pub(crate) mod place;
pub(crate) mod porch;
pub(crate) mod reach;
pub(crate) mod settings;
pub(crate) mod stage;
