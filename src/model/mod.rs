//! The nouns: plain data that every other part speaks in. Names nobody else in the crate.

pub mod checksum;
pub mod coverage;
pub mod file_name;
pub mod heard;
pub mod hook;
pub mod host;
pub mod id;
pub mod item;
pub mod media;
pub mod network;
pub mod page;
pub mod policy;
pub mod printable;
pub mod range;
pub mod record;
pub mod request;
pub mod selector;
pub mod settings;
pub mod shelf;
pub mod state;
pub mod time;
pub mod units;
pub mod update;
pub mod validators;
pub mod view;
pub mod way;
