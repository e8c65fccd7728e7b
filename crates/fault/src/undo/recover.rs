//! Healing what killed runs left.

use std::path::Path;

use super::{Journal, Outcome, RunLock, heal_all};

/// What a recovery did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoverReport {
    /// Faults that were undone.
    pub healed: Vec<Recovered>,
    /// Faults of which nothing was left.
    pub whole: Vec<Recovered>,
    /// Faults that could not be undone; their records stay.
    pub failed: Vec<Recovered>,
    /// Runs that are alive, or whose watchdog is at it, with how many faults: left alone.
    pub alive: Vec<(String, usize)>,
}

/// One fault that a run left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// The run that did it.
    pub run: String,
    /// What was done to whom; the file where its record cannot be understood.
    pub fault: String,
    /// What was found or done, or what stands in the way.
    pub why: String,
}

/// Undoes what is left of runs that have ended, and leaves those alone that are alive. A directory
/// that is not there holds nothing.
pub async fn recover(journal_dir: &Path) -> RecoverReport {
    let journal = Journal::at(journal_dir);
    let mut report = RecoverReport::default();
    for run in journal.runs() {
        let lock = match RunLock::try_take(&journal, &run) {
            Ok(Some(lock)) => lock,
            Ok(None) => {
                let count = journal.records(&run).len();
                report.alive.push((run, count));
                continue;
            }
            Err(error) => {
                let fault = format!("{run}.run");
                report.failed.push(Recovered { run, fault, why: error.to_string() });
                continue;
            }
        };
        let before = report.failed.len();
        for healed in heal_all(&journal, journal.records(&run)).await {
            let (list, why) = match healed.outcome {
                Ok(Outcome::Healed(what)) => (&mut report.healed, what),
                Ok(Outcome::Whole(why)) => (&mut report.whole, why),
                Err(why) => (&mut report.failed, why),
            };
            list.push(Recovered { run: run.clone(), fault: healed.fault, why });
        }
        if report.failed.len() == before {
            journal.clear(&run);
        }
        drop(lock);
    }
    report
}
