//! Running downloads: body bytes go from the socket to the file here, past everything that decides.

mod change;
mod heed;
mod lane;
mod live;
mod narrow;
mod open;
mod order;
mod room;
mod run;
mod samples;
mod shared;
mod source;
mod take_up;
mod thread;
mod trouble;
mod verify;

pub(crate) use live::Live;
pub(crate) use order::{Answered, Control, Copied, Ended, Look, News, Order, Outcome, What};
pub(crate) use thread::{Class, TransferThread};
