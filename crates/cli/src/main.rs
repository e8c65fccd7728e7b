//! The `wonin` command.
fn main() {}
