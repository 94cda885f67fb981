//! The protocol between an engine and its clients: JSON-RPC 2.0, one message a line, over anything that carries bytes.
//!
//! A client sends requests of at most [`frame::MAX_REQUEST`] bytes; what doesn't fit is staged in numbered chunks and committed
//! together. The methods are the object model's ([`crate::model::request::Request`]) and those of the session itself
//! ([`session::Own`]). After `subscribe` the engine sends `update` notifications by itself: first the whole list in pages, then what
//! changed. The reference below is written from [`method::METHODS`], and a test holds it to the code.
#![doc = include_str!("reference.md")]

pub mod error;
pub mod frame;
pub mod message;
pub mod method;
pub mod session;

/// The number of this protocol. It goes up only when an older client could no longer understand.
pub const PROTOCOL: u32 = 1;
