//! The engine's end of connections: sessions of clients.

pub mod session;
