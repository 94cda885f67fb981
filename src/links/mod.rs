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

/// The words of a command as a person types it: quotes hold together what has spaces in it.
pub(crate) fn words(text: &str) -> Vec<String> {
    shell::split(text).words
}

/// A command's words in one line, so that [`words`] finds them again.
pub(crate) fn joined_words(words: &[String]) -> String {
    shell::joined(words)
}
