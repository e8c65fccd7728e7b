//! One load balancer node that checks one target (rollout-semantics 1.2).

use crate::draw::NEVER_MS;
use crate::plan::AlbCheck;

/// What the checks say about a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// Not enough checks yet.
    #[default]
    Initial,
    /// Passing.
    Healthy,
    /// Failed often enough in a row.
    Unhealthy,
}

/// The checks of one target by one node. Times count from the moment the task is RUNNING.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AlbChecker {
    /// Start of the check whose result comes next.
    check_ms: u64,
    failures: u32,
    successes: u32,
    verdict: Verdict,
}

impl AlbChecker {
    pub(crate) const FRESH: Self =
        Self { check_ms: 0, failures: 0, successes: 0, verdict: Verdict::Initial };

    /// Checks start at `ρ + φ`.
    pub(crate) fn new(check: &AlbCheck, phase_ms: u64) -> Self {
        Self { check_ms: check.registration_ms + phase_ms, ..Self::FRESH }
    }

    pub(crate) fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Time and result of the next check, given when the application is up; `None` when the
    /// verdict cannot change any more.
    pub(crate) fn next(&self, check: &AlbCheck, up_ms: u64) -> Option<(u64, bool)> {
        if self.check_ms >= up_ms {
            return (self.verdict != Verdict::Healthy).then_some((self.check_ms, true));
        }
        let stays = self.verdict == Verdict::Unhealthy && up_ms >= NEVER_MS;
        (!stays).then(|| (self.check_ms + check.failure_ms(), false))
    }

    /// Takes the result of the check that [`Self::next`] announced and moves to the one after.
    pub(crate) fn apply(&mut self, check: &AlbCheck, passed: bool) {
        self.check_ms += check.interval_ms.max(1);
        if passed {
            self.failures = 0;
            self.successes += 1;
            let needed = match self.verdict {
                // A first registration needs one success, whatever the threshold.
                Verdict::Initial => 1,
                _ => check.healthy_threshold,
            };
            if self.successes >= needed {
                self.verdict = Verdict::Healthy;
            }
        } else {
            self.successes = 0;
            self.failures += 1;
            if self.failures >= check.unhealthy_threshold {
                self.verdict = Verdict::Unhealthy;
            }
        }
    }

    /// Passes over checks whose results cannot change the verdict, so that a run without a
    /// timeline needs a handful of events for each task.
    pub(crate) fn skip(&mut self, check: &AlbCheck, up_ms: u64) {
        let interval_ms = check.interval_ms.max(1);
        if self.check_ms < up_ms {
            let failing = (up_ms - self.check_ms).div_ceil(interval_ms);
            let idle = if self.verdict == Verdict::Unhealthy {
                failing
            } else {
                let to_verdict = check.unhealthy_threshold.saturating_sub(self.failures + 1);
                u64::from(to_verdict).min(failing)
            };
            self.check_ms += idle * interval_ms;
            self.failures = self.failures.saturating_add(u32::try_from(idle).unwrap_or(u32::MAX));
            if idle > 0 {
                self.successes = 0;
            }
        }
        if self.check_ms >= up_ms && self.verdict == Verdict::Unhealthy {
            let idle = check.healthy_threshold.saturating_sub(self.successes + 1);
            self.check_ms += u64::from(idle) * interval_ms;
            self.successes += idle;
        }
    }
}
