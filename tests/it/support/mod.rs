//! The ground that the tests stand on: files to serve, servers that serve them, and the program under test.

pub(crate) mod answer;
pub(crate) mod byte_size;
pub(crate) mod content;
pub(crate) mod disk;
pub(crate) mod line;
pub(crate) mod machine;
pub(crate) mod page;
pub(crate) mod proxy;
pub(crate) mod real;
mod reply;
pub(crate) mod site;
pub(crate) mod story;
pub(crate) mod terminal;
pub(crate) mod terminator;
pub(crate) mod tls;
mod wire;
