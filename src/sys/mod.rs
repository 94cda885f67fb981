//! What the system offers and no crate does safely: the only `unsafe` of the program, each with its proof.
//!
//! Everything here is small and answers with an `io::Result`. Where a system has no such thing it says `Unsupported`, and the
//! caller goes on with what is left.

mod address;
mod closed;
mod code;
mod heap;
mod schedule;
mod socket;
mod tcp;
mod writeback;

pub use address::{interface_of, interface_out};
pub use closed::stdout_was_closed;
pub use code::let_go_of_code;
pub use heap::keep_little;
pub use schedule::{be_idle, be_usual, quiet_autogroup};
pub use socket::duplicate_of;
pub use tcp::{
    TcpFacts, buffer_of, clamp_window, facts_of, free_buffer, largest_narrow, narrow_buffer, unread,
};
pub use writeback::write_back;
