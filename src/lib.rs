//! haul.
pub mod engine;
pub mod fetch;
pub mod kernel;
pub mod model;
pub mod store;
