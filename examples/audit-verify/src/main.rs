//! Crate page.
fn main() {}
