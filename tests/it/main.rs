//! The integration tests, in one binary: the real program against scripted and real servers.
//!
//! - `agent` lets its clients share an agent, `agent_crowd` many of them, `agent_ssh` from afar, `agent_manager` under systemd;
//! - `demo` goes to the built-in shop;
//! - `interop` runs it against nginx, Apache and lighttpd;
//! - `kill` kills it at random moments;
//! - `lab` measures what a background download leaves to others;
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

mod agent;
mod agent_crowd;
mod agent_manager;
mod agent_ssh;
mod demo;
mod interop;
mod kill;
mod lab;
mod library;
mod moving;
mod power;
mod stories;
mod support;
mod themes;
