//! haul.
pub mod fetch;
pub mod model;
