//! Durability: the database, the part files with their notes, and the way of a part to its name. Nothing else writes to disk.

pub mod db;
pub mod door;
pub mod error;
pub mod facts;
pub mod files;
mod hole;
pub mod hooks;
pub mod library;
pub mod lock;
pub mod note;
pub mod owner;
pub mod part;
pub mod publish;
pub mod rewrites;
pub mod rows;
mod search;
pub mod shelves;
pub mod space;
pub mod spent;
mod tables;
mod unnamed;
