//! The engine's end of connections: the process that owns an engine for all clients of a user, and the sessions of clients wherever
//! an engine runs.

pub mod house;
mod log;
mod notify;
mod page;
pub mod run;
pub mod serve;
pub mod service;
pub mod session;
pub mod socket;
pub mod start;
mod sys;

pub use log::last_lines as last_log_lines;
