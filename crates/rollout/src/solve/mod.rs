//! Blame and the smallest settings that work (rollout-semantics 8).
//!
//! The searches ask whether a configuration works for *every* phase at the startup time that must
//! be covered; what they find is then simulated, with longer startups and with the other position
//! of every switch. The entry points are methods of [`Simulator`](crate::Simulator):
//! `propose`, `recommended`, `blame`, `detection_ms`.

mod blame;
mod proposal;
mod search;
mod setting;
mod switch;
mod works;

#[cfg(test)]
mod tests;

pub use blame::{Blame, Role};
pub use proposal::{Change, Proposal, assumed_spread, running_detection_ms};
pub use setting::{Setting, Shape};
pub use switch::Switch;
pub use works::longest_startup_s;
