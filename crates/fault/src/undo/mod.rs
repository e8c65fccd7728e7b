//! Undoing faults, whatever happens to the process that injected them.
//!
//! Before a fault acts, what undoes it is on disk (`journal`). As soon as the process is gone, or
//! a fault has lasted too long, the [watchdog](watch) undoes what is left; where that was killed,
//! too, or the machine was started again, [`recover()`] does. Undoing may be repeated: it looks what
//! is, changes what is not as it was, and looks again. Only then is a record removed.

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod heal;
#[cfg(target_os = "linux")]
mod journal;
#[cfg(target_os = "linux")]
mod recover;
mod report;
#[cfg(target_os = "linux")]
mod watchdog;

#[cfg(not(target_os = "linux"))]
pub use elsewhere::{expect_journal, recover, watch};
#[cfg(target_os = "linux")]
pub use recover::{expect_journal, recover};
pub use report::{RecoverReport, Recovered};
#[cfg(target_os = "linux")]
pub use watchdog::watch;

#[cfg(target_os = "linux")]
pub(crate) use self::{
    heal::{Healer, Undo, heal_all, heal_kept, heal_one},
    journal::{Journal, Record, RunLock, Stage},
    report::Outcome,
    watchdog::Leash,
};
