//! The screen: a client of the engine like any other. State changes in one place ([`App::update`]), drawing reads it ([`draw`]), and
//! [`run`] carries messages, effects and frames between them, the terminal and the engine.

mod app;
mod burst;
#[cfg(test)]
mod cost_tests;
#[cfg(test)]
mod dialog_tests;
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
#[cfg(test)]
mod library_tests;
mod link;
mod list;
mod look;
#[cfg(test)]
mod moment_tests;
mod overlay;
mod picture;
mod player;
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
mod tally;
mod terminal;
mod text;
mod typed;
#[cfg(test)]
mod update_tests;
mod view;
#[cfg(test)]
mod view_tests;
mod words;

pub use app::{App, CheckFolder, Options};
pub use effect::{Effect, Msg, Purpose};
pub use hit::Hits;
pub use keep::{Change, Keep, Kept};
pub use link::{Connect, Connecting};
pub use picture::{How, Pictures};
pub use screen::{Ended, run};
pub use surroundings::Surroundings;
pub use view::draw;
