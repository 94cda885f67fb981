//! The integration tests, in one binary: the real program against scripted and real servers.
//!
//! - `demo` goes to the built-in shop;
//! - `interop` runs it against nginx, Apache and lighttpd;
//! - `kill` kills it at random moments;
//! - `library` shelves what it finished;
//! - `moving` gives downloads other names and folders half way;
//! - `power` cuts the power of a real disk;
//! - `stories` tells what it must do when servers misbehave, one TOML file a story;
//! - `themes` looks at colours;
//! - `support` is the ground that they stand on.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic, in its support code too"
)]

mod demo;
mod interop;
mod kill;
mod moving;
mod library;
mod power;
mod stories;
mod support;
mod themes;
