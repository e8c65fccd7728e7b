//! Chores of the workspace: generated files and benches. Not part of the product.
#![allow(clippy::print_stdout, reason = "a chore tells what it does")]

pub mod bench;
mod corpus;
pub mod docs;
mod rollouts;

use std::path::PathBuf;

/// The root of the checkout.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}
