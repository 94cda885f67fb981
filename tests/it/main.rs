//! The integration tests, in one binary: the real program against scripted and real servers.
//!
//! - `agent` lets its clients share an agent, `agent_bounds` no client take all of it, `agent_crowd` many of them, `agent_lock` only one engine at a store, `agent_ssh` from afar, `agent_upgrade` with older ones, `agent_manager` under systemd;
//! - `commands` does everything to downloads in every state;
//! - `deeds` sees that what was answered is so, and stays so after a kill;
//! - `demo` goes to the built-in shop;
//! - `door` lets web pages in, or not, `door_crowd` too many of them, `door_browser` in a real browser, `door_desktop` opens links;
//! - `flags` and `input` go through the command line, `metalink` through its files;
//! - `http2` asks servers that speak HTTP/2 only;
//! - `interop` runs it against nginx, Apache and lighttpd;
//! - `kill` kills it at random moments;
//! - `lab` measures what a background download leaves to others;
//! - `library` shelves what it finished, `limits` measures how fast it is;
//! - `many` adds and lists ten thousand;
//! - `moving` gives downloads other names and folders half way;
//! - `plan` holds and limits by the clock, by hand and by a budget;
//! - `screen` opens the screen in a terminal, `services` tells of the line and the power;
//! - `power` cuts the power of a real disk; `space`, `sync` and `network` take away room, syncs and addresses;
//! - `stories` tells what it must do when servers misbehave, one TOML file a story;
//! - `themes` looks at colours;
//! - `trouble` lets disks fail and go away, and files be few or short;
//! - `support` is the ground that they stand on.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic, in its support code too"
)]

mod agent;
mod agent_bounds;
mod agent_costs;
mod agent_crowd;
mod agent_lock;
mod agent_login;
mod agent_manager;
mod agent_ssh;
mod agent_upgrade;
mod commands;
mod config;
mod deeds;
mod demo;
mod door;
mod door_browser;
mod door_crowd;
mod door_desktop;
mod door_user;
mod flags;
mod http2;
mod input;
mod interop;
mod kill;
mod lab;
mod library;
mod library_hostile;
mod library_kept;
mod limits;
mod many;
mod metalink;
mod moving;
mod network;
mod plan;
mod power;
mod processor;
mod screen;
mod secrets;
mod services;
mod space;
mod stories;
mod support;
mod sync;
mod themes;
mod trouble;
