//! Which changed setting broke the rollout, and which unchanged one let it (rollout-semantics 8).

use super::proposal::single_changes;
use super::setting::Setting;
use super::works::with;
use crate::monte_carlo::{Sampling, Simulator};
use crate::plan::Plan;

/// How a setting takes part in a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// It changed, and taking the change back restores success.
    Cause,
    /// It did not change, and its smallest change restores success.
    Enabler,
}

impl Role {
    /// The word of `wonin.rollout/1`.
    pub fn id(self) -> &'static str {
        match self {
            Self::Cause => "cause",
            Self::Enabler => "enabler",
        }
    }
}

/// One setting that is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blame {
    /// Which setting.
    pub setting: Setting,
    /// Cause or enabler.
    pub role: Role,
    /// Cause: the value before. Enabler: the value now.
    pub from: u64,
    /// Cause: the value after. Enabler: the smallest value that works.
    pub to: u64,
}

/// Differences of success below this are noise of the sampling.
const NOISE: f64 = 0.02;

impl Simulator {
    /// Compares the last good revision with the one that fails.
    ///
    /// A changed setting is a cause when reverting it alone brings success back to what it was
    /// before; when no single one does, pairs are tried. The old configuration may itself have
    /// depended on luck (E4), so that "what it was before" need not be certainty.
    pub fn blame(&mut self, before: &Plan, after: &Plan, sampling: Sampling) -> Vec<Blame> {
        let changed: Vec<_> = Setting::ALL
            .iter()
            .filter_map(|&setting| {
                let (from, to) = (setting.get(before)?, setting.get(after)?);
                (from != to).then_some(Blame { setting, role: Role::Cause, from, to })
            })
            .collect();
        let mut blame = self.causes(before, after, &changed, sampling);
        for change in single_changes(after) {
            if changed.iter().all(|other| other.setting != change.setting) {
                let (setting, from, to) = (change.setting, change.from, change.to);
                blame.push(Blame { setting, role: Role::Enabler, from, to });
            }
        }
        blame
    }

    fn causes(
        &mut self,
        before: &Plan,
        after: &Plan,
        changed: &[Blame],
        sampling: Sampling,
    ) -> Vec<Blame> {
        let good = self.success(before, sampling);
        let bad = self.success(after, sampling);
        if good <= bad + NOISE {
            return Vec::new();
        }
        let restores =
            |simulator: &mut Self, plan: &Plan| simulator.success(plan, sampling) >= good - NOISE;
        let singles: Vec<_> = changed
            .iter()
            .copied()
            .filter(|change| restores(self, &with(after, change.setting, change.from)))
            .collect();
        if !singles.is_empty() {
            return singles;
        }
        for (i, a) in changed.iter().enumerate() {
            for b in &changed[i + 1..] {
                let plan = with(&with(after, a.setting, a.from), b.setting, b.from);
                if restores(self, &plan) {
                    return vec![*a, *b];
                }
            }
        }
        // Only together, or through something that is no setting.
        changed.to_vec()
    }

    /// Tasks and rollouts both count: a breaker with reset may let a rollout of dying tasks through.
    fn success(&mut self, plan: &Plan, sampling: Sampling) -> f64 {
        let rollouts = self.rollout_success(plan, sampling);
        f64::midpoint(rollouts, self.task_success(plan, sampling))
    }
}
