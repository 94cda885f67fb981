//! Links as people give them: a list, a line of the command line, or any text that has some in it. Pure; clients share it.

mod aria2;
mod curl;
pub mod entry;
mod expand;
mod find;
pub(crate) mod header;
mod html;
pub mod list;
mod pairs;
mod prose;
pub(crate) mod proxy;
pub(crate) mod quantity;
mod shell;

pub use find::{Found, find};
