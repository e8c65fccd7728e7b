//! Blame and the smallest settings that work (rollout-semantics 8).

mod setting;

pub use setting::{Setting, Shape};
