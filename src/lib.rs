//! haul: downloads that resume without a wrong byte.
pub mod agent;
pub mod cli;
pub mod client;
pub mod engine;
pub mod fetch;
pub mod kernel;
pub mod model;
pub mod store;
