//! The screen: a client of the engine like any other. State changes in one place ([`App::update`]), drawing reads it ([`draw`]), and
//! [`run`] carries messages, effects and frames between them, the terminal and the engine.

mod app;
mod burst;
mod effect;
mod filter;
mod glyphs;
mod hit;
mod input;
mod keep;
#[cfg(test)]
mod key_tests;
mod layout;
mod library;
mod link;
mod list;
mod look;
mod overlay;
#[cfg(test)]
mod sample;
mod screen;
#[cfg(test)]
mod settings_tests;
mod signals;
#[cfg(test)]
mod snapshot_tests;
mod sort;
mod surroundings;
mod terminal;
mod text;
mod typed;
#[cfg(test)]
mod update_tests;
mod view;
#[cfg(test)]
mod view_tests;
mod words;

pub use app::{App, Options};
pub use effect::{Effect, Msg, Purpose};
pub use hit::Hits;
pub use keep::{Change, Keep, Kept};
pub use link::{Connect, Connecting};
pub use screen::{Ended, run};
pub use surroundings::Surroundings;
pub use view::draw;
