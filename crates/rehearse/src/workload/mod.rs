//! What works while something is broken: the load whose fate a rehearsal tells.
//!
//! A [`Workload`] makes attempts (a request, a record, a run of a command) and notes each one in the
//! run's [`Meter`], at its beginning and at its end. The engine asks the meter alone: live for
//! conditions to abort, and afterwards for every phase. So a workload of a new kind is one file that
//! implements this trait.

pub mod command;
pub mod http;
pub mod kafka;
mod meter;

use std::fmt::Debug;
use std::pin::Pin;
use std::sync::Arc;

use wonin_model::rehearsal::Delivery;

pub(crate) use meter::ATTEMPTS_MAX;
pub use meter::{Attempt, Meter, Snapshot};

/// A future that a trait object gives.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Why a workload could not be started; said to a person: what, why, what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CannotStart(pub String);

/// Whether clients have connections and knowledge of their servers when the fault comes. Different
/// settings bound the two (failure-knowledge 4 and 17), so each is a run of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Temperature {
    /// They worked before the fault came and keep what they have.
    #[default]
    Warm,
    /// They start anew while the fault acts.
    Cold,
}

impl Temperature {
    /// The word of the scenario file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Warm => "warm",
            Self::Cold => "cold",
        }
    }
}

/// What a workload is given when it starts.
#[derive(Clone, Debug)]
pub struct Context {
    /// Where every attempt is noted; its clock is the clock of the run.
    pub meter: Arc<Meter>,
    /// Fixes every random decision of this workload.
    pub seed: u64,
    /// Where fresh things (topics, groups, files) are named, so that runs do not meet: unique in
    /// this machine's time, and `[a-z0-9-]` only.
    pub run_id: String,
    /// Whether it may talk to other machines.
    pub allow_remote: bool,
}

/// What is left when a workload has stopped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What became of its records, where it counts records.
    pub delivery: Option<Delivery>,
    /// Records that the fault made appear twice, where it can tell.
    pub duplicates: Option<u64>,
    /// What else a reader should know; may be empty.
    pub remarks: Vec<String>,
}

/// Work whose success is watched.
pub trait Workload: Debug + Send {
    /// What it does, as a person would say it: `20 requests each second to http://127.0.0.1:81/`.
    fn about(&self) -> String;

    /// Begins to work in the background, and returns once it does: clients exist and attempts are
    /// being made. Called once.
    fn start(&mut self, context: Context) -> Pending<'_, Result<(), CannotStart>>;

    /// Throws away every client and connection and goes on with fresh ones, for
    /// [`Temperature::Cold`]; what was counted stays. Where every attempt is made by a fresh client
    /// anyway there is nothing to do.
    fn chill(&mut self) -> Pending<'_, Result<(), CannotStart>> {
        Box::pin(async { Ok(()) })
    }

    /// Stops making attempts, waits a bounded time for those that are open, reads what there is to
    /// read, and lets go of everything. Also called where a run is cut short.
    fn stop(&mut self) -> Pending<'_, Outcome>;
}
