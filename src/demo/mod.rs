//! The built-in shop: a server on this machine that sells made-up media, for a first look without a network, and for tests.

mod body;
mod cover;
mod flac;
mod goods;
mod http;
mod page;
mod session;
mod shop;
mod tune;
mod wav;

pub use session::play;
pub use shop::Shop;
