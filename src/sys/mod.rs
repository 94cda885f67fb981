//! What the system offers and no crate does safely: the only `unsafe` of the program, each with its proof.
//!
//! Everything here is small and answers with an `io::Result`. Where a system has no such thing it says `Unsupported`, and the
//! caller goes on with what is left.

mod address;
mod closed;
mod code;
mod schedule;
mod socket;
mod tcp;
mod writeback;

pub use address::{interface_of, interface_out};
pub use closed::stdout_was_closed;
pub use code::let_go_of_code;
pub use schedule::{be_idle, quiet_autogroup};
pub use socket::duplicate_of;
pub use tcp::{TcpFacts, clamp_window, facts_of};
pub use writeback::write_back;
