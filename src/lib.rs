//! haul.
pub mod fetch;
pub mod kernel;
pub mod model;
