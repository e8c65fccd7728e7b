//! One load balancer node that checks one target (rollout-semantics 1.2).

use crate::draw::{NEVER_MS, Stream, mix};
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
    /// Decides which answers are slow, check by check.
    salt: u64,
    failures: u32,
    successes: u32,
    verdict: Verdict,
}

impl AlbChecker {
    pub(crate) const FRESH: Self =
        Self { check_ms: 0, salt: 0, failures: 0, successes: 0, verdict: Verdict::Initial };

    /// Checks start at `ρ + φ`. Only a check with slow answers draws more than its phase.
    pub(crate) fn new(check: &AlbCheck, stream: &mut Stream) -> Self {
        let phase_ms = check.phase.sample(check.interval_ms, stream);
        let salt = if check.slow_ppm > 0 { stream.below(u64::MAX) } else { 0 };
        Self { check_ms: check.registration_ms + phase_ms, salt, ..Self::FRESH }
    }

    pub(crate) fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Time and result of the next check, given when the application is up; `None` when the
    /// verdict cannot change any more.
    pub(crate) fn next(&self, check: &AlbCheck, up_ms: u64) -> Option<(u64, bool)> {
        if self.check_ms >= up_ms {
            if check.slow_ppm == 0 {
                return (self.verdict != Verdict::Healthy).then_some((self.check_ms, true));
            }
            let slow = self.is_slow(check);
            let wait_ms = if slow { check.timeout_ms } else { 0 };
            return Some((self.check_ms + wait_ms, !slow));
        }
        let stays = self.verdict == Verdict::Unhealthy && up_ms >= NEVER_MS;
        (!stays).then(|| (self.check_ms + check.failure_ms(), false))
    }

    /// Whether the answer to the check that comes next takes longer than the timeout.
    fn is_slow(&self, check: &AlbCheck) -> bool {
        let draw = mix(self.salt ^ mix(self.check_ms)) >> 32;
        draw * 1_000_000 < u64::from(check.slow_ppm) << 32
    }

    /// Takes the result of the check that [`Self::next`] announced and moves to the one after.
    pub(crate) fn apply(&mut self, check: &AlbCheck, passed: bool) {
        self.check_ms += check.interval_ms.max(1);
        if passed {
            self.failures = 0;
            self.successes = self.successes.saturating_add(1);
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
        if self.check_ms >= up_ms && self.verdict == Verdict::Unhealthy && check.slow_ppm == 0 {
            let idle = check.healthy_threshold.saturating_sub(self.successes + 1);
            self.check_ms += u64::from(idle) * interval_ms;
            self.successes += idle;
        }
        if self.check_ms >= up_ms && self.verdict == Verdict::Healthy && check.slow_ppm > 0 {
            self.skip_to_doubt(check);
        }
    }

    /// A healthy target with slow answers: on to the check that could make it unhealthy.
    fn skip_to_doubt(&mut self, check: &AlbCheck) {
        /// So far at a time; the rest follows when this check is due.
        const AT_ONCE_MAX: u32 = 4_096;
        for _ in 0..AT_ONCE_MAX {
            let slow = self.is_slow(check);
            if slow && self.failures + 1 >= check.unhealthy_threshold {
                return;
            }
            self.failures = if slow { self.failures + 1 } else { 0 };
            self.successes = if slow { 0 } else { self.successes.saturating_add(1) };
            self.check_ms += check.interval_ms.max(1);
        }
    }
}
