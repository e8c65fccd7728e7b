//! One scenario, several runs: each combination of clients and acts is a run of its own, and the
//! steady state is looked at anew before each (failure-knowledge 17).

use super::{FaultAct, Scenario};
use crate::workload::Temperature;

/// One run of a scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// What tells it from the others: `kill, cold clients`; empty for the only one.
    pub label: String,
    /// Whether clients are warm when the fault comes.
    pub temperature: Temperature,
    /// What each fault does, in the order of [`Scenario::faults`].
    pub acts: Vec<FaultAct>,
}

/// More runs than this are a mistake.
pub(crate) const RUNS_MAX: usize = 32;

impl Scenario {
    /// All runs, in the order in which they are done.
    pub fn runs(&self) -> Vec<Run> {
        let mut combinations: Vec<(Vec<String>, Vec<FaultAct>)> = vec![Default::default()];
        for fault in &self.faults {
            let mut longer = Vec::new();
            for (labels, acts) in &combinations {
                for (label, act) in &fault.acts {
                    let labels = labels.iter().cloned().chain(label.clone()).collect();
                    longer.push((labels, acts.iter().cloned().chain([act.clone()]).collect()));
                }
            }
            combinations = longer;
        }
        let mut runs = Vec::new();
        for (labels, acts) in combinations {
            for &temperature in &self.clients {
                let mut labels = labels.clone();
                if self.clients.len() > 1 || temperature == Temperature::Cold {
                    labels.push(format!("{} clients", temperature.name()));
                }
                runs.push(Run { label: labels.join(", "), temperature, acts: acts.clone() });
            }
        }
        runs
    }

    /// How many runs there are.
    pub(crate) fn runs_count(&self) -> usize {
        let acts = self.faults.iter().map(|fault| fault.acts.len());
        acts.fold(self.clients.len(), usize::saturating_mul)
    }
}
