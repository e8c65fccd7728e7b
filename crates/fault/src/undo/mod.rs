//! Undoing faults, whatever happens to the process that injected them.
//!
//! Before a fault acts, what undoes it is on disk (`journal`). As soon as the process is gone, or
//! a fault has lasted too long, the [watchdog](watch) undoes what is left; where that was killed,
//! too, or the machine was started again, [`recover`] does. Undoing may be repeated: it looks what
//! is, changes what is not as it was, and looks again. Only then is a record removed.

mod heal;
mod journal;
mod recover;
mod watchdog;

pub use recover::{RecoverReport, Recovered, recover};
pub use watchdog::watch;

pub(crate) use heal::{Undo, heal_all, heal_one};
pub(crate) use journal::{Journal, Record, RunLock, Stage};
pub(crate) use watchdog::Leash;

/// How an undo ended well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Something was undone.
    Healed(String),
    /// Nothing had to be done.
    Whole(String),
}

impl Outcome {
    pub(crate) fn healed(what: impl Into<String>) -> Self {
        Self::Healed(what.into())
    }

    pub(crate) fn whole(why: impl Into<String>) -> Self {
        Self::Whole(why.into())
    }
}
