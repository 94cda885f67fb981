//! Decisions: facts in, decisions out. No clock, no randomness, no I/O; time is an argument.

pub mod answer;
pub mod budget;
pub mod governor;
pub mod hosts;
pub mod identity;
pub mod leave;
pub mod limit;
pub mod network;
pub mod place;
pub mod plan;
pub mod queue;
pub mod ramp;
pub mod rate;
pub mod renew;
pub mod resolve;
pub mod retry;
pub mod schedule;
pub mod space;
pub mod transition;
