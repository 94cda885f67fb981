//! Stepping aside: how much of the line background downloads use, decided from what a receiver can see.
//!
//! The server and its congestion control are not ours. The window that we offer is the only handle; delay, our own rate and the
//! interface's counters are the only eyes. A [`Line`] is what an interface leads to, a [`Path`] is a way over it to one
//! server's network, with one window for all background connections on it, which [`share_out`] divides among them.
//! Time is an argument: whoever runs it reads sockets and counters every 10 ms and does what comes out.
//!
//! # What was tried
//!
//! | Way | What came of it |
//! | --- | --- |
//! | the queue of one look decides in the ramp | a burst of a window that doubles looks like a queue: the line is left to nobody for a second. A queue counts only if it stands for two round trips |
//! | the rate over 100 ms decides in the ramp | it lags behind a window that doubles each round trip: a rival is seen where none is. The last round trip counts |
//! | the line's capacity from our rate and the others' newest | who comes is seen at once and what we lose a moment later: the sum is too high. Both over one span |
//! | what headers add, as a mean | a rival that was there from the start hides in it. Others can only add, so the lowest ratio of a minute |
//! | counters times a ratio, in all | the ratio changes, and all that was ever counted with it. Only what grew in a tick is weighed |
//! | all connections stay open while stepping aside | the kernel goes on filling their buffers, a segment each round trip. All but one are closed after 300 ms |
//! | a line that stalls for 10 to 60 ms at a time, as on a busy machine | no rival is seen in it; what is lost alone is the stalls' own (99 % at 10 ms, 75 % at 60 ms) |
//! | a proxy on this machine, paced by what is read | it has up to 10 MB ahead for each connection, in two buffers that are not ours: the foreground has a tenth of the line for four seconds, half after six and 95 % from the seventh on. A window of 256 KiB to it keeps our own buffer out of that; what the interface counted, over half a second, tells of others, for what is read tells nothing |
//!
//! Measured in the lab (`tests/it/lab`, a debug build, median of three rounds on two processors of which 70 % were idle): beside a bulk
//! download on the same host, 50 Mbit/s with 200 ms of buffer, the foreground keeps 99.2 % and the background yields in 0.3 s and is
//! back in 0.7 s; alone it reaches 99 % and adds 6 ms to the 95th percentile of the round trip. On processors that were never idle two of
//! three runs kept only 89 to 92 %. The other lines of the lab were measured on such processors only, where what the
//! machine gives and what the line gives can't be told apart: `fq_codel` with the foreground elsewhere 85 %, a buffer of 20 ms 88 %.

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
