//! Decisions: facts in, decisions out. No clock, no randomness, no I/O; time is an argument.

pub mod answer;
pub mod identity;
pub mod plan;
pub mod ramp;
