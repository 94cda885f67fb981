//! haul.
fn main() {}
