//! The integration tests, in one binary: the real program against scripted and real servers.
//!
//! `stories` tells what the program must do when servers misbehave, one TOML file a story; `kill` kills it at random
//! moments, `agent` lets its clients share an agent, `agent_crowd` many of them, `agent_ssh` from another machine, and `agent_manager` has
//! systemd start it; `power` cuts the power of a real disk; `moving` gives downloads other names and folders half way; `interop` runs it
//! against nginx, Apache and lighttpd; `demo` goes to the built-in shop; `screen` opens the screen in a terminal; `themes` looks at colours; `support` is the ground that they stand on.

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
mod moving;
mod power;
mod screen;
mod stories;
mod support;
mod themes;
