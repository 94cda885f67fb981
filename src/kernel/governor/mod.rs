//! Stepping aside: how much of the line background downloads use, decided from what a receiver can see.
//!
//! The server and its congestion control are not ours. The window that we offer is the only handle; delay, our own rate and the
//! interface's counters are the only eyes. A [`Line`] is what an interface leads to, a [`Path`] is a way over it to one
//! server's network, with one window for all background connections on it, which [`share_out`] divides among them.
//! Time is an argument: whoever runs it reads sockets and counters every 10 ms and does what comes out.

mod arrived;
mod blind;
mod history;
mod line;
mod path;
mod share;
#[cfg(test)]
mod simulated;

pub use arrived::{Arrived, Step};
pub use blind::Blind;
pub use line::Line;
pub use path::{FLOOR, Grant, Path, Rival, Seen, Stance};
pub use share::{Part, Wants, share_out};
