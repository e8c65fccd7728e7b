//! The Docker engine's health monitor (rollout-semantics 5.1).

use crate::alb::Verdict;
use crate::draw::NEVER_MS;
use crate::plan::DockerCheck;

/// The probes of one container. Times count from the container's start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DockerMonitor {
    /// Start of the probe whose result comes next.
    probe_ms: u64,
    failures: u32,
    was_healthy: bool,
    verdict: Verdict,
}

impl DockerMonitor {
    pub(crate) const FRESH: Self =
        Self { probe_ms: 0, failures: 0, was_healthy: false, verdict: Verdict::Initial };

    pub(crate) fn new(check: &DockerCheck) -> Self {
        Self { probe_ms: check.wait_ms(0, false), ..Self::FRESH }
    }

    pub(crate) fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Time and result of the next probe; `None` when the verdict cannot change any more.
    pub(crate) fn next(&self, check: &DockerCheck, up_ms: u64) -> Option<(u64, bool)> {
        if self.probe_ms >= up_ms {
            return (self.verdict != Verdict::Healthy).then_some((self.probe_ms, true));
        }
        let stays = self.verdict == Verdict::Unhealthy && up_ms >= NEVER_MS;
        (!stays).then(|| (self.probe_ms + check.failure_ms(), false))
    }

    /// Takes the result of the probe that [`Self::next`] announced and moves to the one after.
    pub(crate) fn apply(&mut self, check: &DockerCheck, passed: bool) {
        let mut end_ms = self.probe_ms;
        if passed {
            self.failures = 0;
            self.was_healthy = true;
            self.verdict = Verdict::Healthy;
        } else {
            let counts = self.verdict != Verdict::Initial || self.probe_ms >= check.start_period_ms;
            self.failures += u32::from(counts);
            if self.failures >= check.retries {
                self.verdict = Verdict::Unhealthy;
            }
            end_ms += check.failure_ms();
        }
        // The timer starts when the probe has ended: a slow probe shifts all that follow.
        self.probe_ms = end_ms + check.wait_ms(end_ms, self.was_healthy).max(1);
    }

    /// Passes over probes whose results cannot change the verdict.
    pub(crate) fn skip(&mut self, check: &DockerCheck, up_ms: u64) {
        let counting_ms = self.counting_from_ms(check);
        if self.probe_ms < counting_ms {
            // As long as a probe also ends inside the start period, the next one follows early.
            let until_ms = counting_ms.saturating_sub(check.failure_ms()).min(up_ms);
            let early_ms = check.wait_ms(0, false).max(1) + check.failure_ms();
            self.probe_ms += until_ms.saturating_sub(self.probe_ms).div_ceil(early_ms) * early_ms;
        }
        if self.probe_ms < counting_ms || self.probe_ms >= up_ms {
            return;
        }
        let spacing_ms = (check.interval_ms + check.failure_ms()).max(1);
        let failing = (up_ms - self.probe_ms).div_ceil(spacing_ms);
        let idle = if self.verdict == Verdict::Unhealthy {
            failing
        } else {
            u64::from(check.retries.saturating_sub(self.failures + 1)).min(failing)
        };
        self.probe_ms += idle * spacing_ms;
        self.failures = self.failures.saturating_add(u32::try_from(idle).unwrap_or(u32::MAX));
    }

    /// From when on every probe counts and the spacing is the interval.
    fn counting_from_ms(&self, check: &DockerCheck) -> u64 {
        if self.was_healthy { 0 } else { check.start_period_ms }
    }
}

/// When a container with this check is first healthy and first unhealthy, in milliseconds after
/// its start; [`NEVER_MS`] for what does not happen before the other settles it.
///
/// Unhealthy is reported even when it comes before healthy, since Compose and Swarm act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DockerHealth {
    /// First healthy verdict.
    pub healthy_ms: u64,
    /// First unhealthy verdict.
    pub unhealthy_ms: u64,
}

/// Follows the monitor of one container that is up `up_ms` after its start.
pub fn docker_health(check: &DockerCheck, up_ms: u64) -> DockerHealth {
    let up_ms = if check.can_pass { up_ms } else { NEVER_MS };
    let mut monitor = DockerMonitor::new(check);
    let mut health = DockerHealth { healthy_ms: NEVER_MS, unhealthy_ms: NEVER_MS };
    monitor.skip(check, up_ms);
    while let Some((at_ms, passed)) = monitor.next(check, up_ms) {
        monitor.apply(check, passed);
        match monitor.verdict() {
            Verdict::Healthy => health.healthy_ms = at_ms,
            Verdict::Unhealthy if health.unhealthy_ms == NEVER_MS => health.unhealthy_ms = at_ms,
            _ => {}
        }
        monitor.skip(check, up_ms);
    }
    health
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::closed;
    use crate::plan::{Engine, Failure};
    use proptest::prelude::*;

    fn never_up(check: &DockerCheck) -> u64 {
        docker_health(check, NEVER_MS).unhealthy_ms
    }

    #[test]
    fn refused_and_hanging() {
        let refused = DockerCheck::new(30_000, 30_000, 3);
        assert_eq!(never_up(&refused), 90_000);
        assert_eq!(never_up(&DockerCheck { failure: Failure::TimesOut, ..refused }), 180_000);
    }

    #[test]
    fn start_period_on_both_engines() {
        let check = |start_period_ms, engine| DockerCheck {
            start_period_ms,
            engine,
            ..DockerCheck::new(30_000, 30_000, 3)
        };
        assert_eq!(never_up(&check(60_000, Engine::V25)), 120_000);
        assert_eq!(never_up(&check(40_000, Engine::V25)), 100_000);
        assert_eq!(never_up(&check(40_000, Engine::Older)), 120_000);
    }

    #[test]
    fn start_period_of_90_is_just_enough_for_150() {
        let check = |start_period_ms| DockerCheck {
            start_period_ms,
            ..DockerCheck::new(30_000, 30_000, 3)
        };
        let health = docker_health(&check(90_000), 150_000);
        assert_eq!(health, DockerHealth { healthy_ms: 150_000, unhealthy_ms: NEVER_MS });
        assert_ne!(docker_health(&check(85_000), 150_000).unhealthy_ms, NEVER_MS);
        assert_eq!(docker_health(&check(150_000), 150_000).unhealthy_ms, NEVER_MS);
    }

    proptest! {
        #[test]
        fn monitor_equals_the_closed_form(
            interval_s in 1_u64..60, timeout_s in 1_u64..60, retries in 1_u32..8,
            start_period_s in 0_u64..200, start_interval_s in 1_u64..20, older: bool, hangs: bool,
        ) {
            let check = DockerCheck {
                start_period_ms: start_period_s * 1000,
                start_interval_ms: start_interval_s * 1000,
                // The closed form of the start period knows only probes that end at once.
                failure: if hangs && start_period_s == 0 { Failure::TimesOut } else { Failure::Refused },
                engine: if older { Engine::Older } else { Engine::V25 },
                ..DockerCheck::new(interval_s * 1000, timeout_s * 1000, retries)
            };
            prop_assert_eq!(never_up(&check), closed::docker_unhealthy_ms(&check));
        }

        #[test]
        fn skipping_changes_nothing(
            interval_s in 1_u64..60, timeout_s in 1_u64..60, retries in 1_u32..8,
            start_period_s in 0_u64..200, start_interval_s in 1_u64..20, older: bool, hangs: bool,
            up_s in 0_u64..400,
        ) {
            let check = DockerCheck {
                start_period_ms: start_period_s * 1000,
                start_interval_ms: start_interval_s * 1000,
                failure: if hangs { Failure::TimesOut } else { Failure::Refused },
                engine: if older { Engine::Older } else { Engine::V25 },
                ..DockerCheck::new(interval_s * 1000, timeout_s * 1000, retries)
            };
            let mut monitor = DockerMonitor::new(&check);
            let mut health = DockerHealth { healthy_ms: NEVER_MS, unhealthy_ms: NEVER_MS };
            while let Some((at_ms, passed)) = monitor.next(&check, up_s * 1000) {
                monitor.apply(&check, passed);
                match monitor.verdict() {
                    Verdict::Healthy => health.healthy_ms = at_ms,
                    Verdict::Unhealthy => health.unhealthy_ms = health.unhealthy_ms.min(at_ms),
                    Verdict::Initial => {}
                }
            }
            prop_assert_eq!(docker_health(&check, up_s * 1000), health);
        }

        #[test]
        fn longer_start_period_never_hurts(
            interval_s in 1_u64..60, retries in 1_u32..8, start_period_s in 0_u64..300, up_s in 0_u64..400,
        ) {
            let unhealthy_ms = |start_period_s: u64| {
                let check = DockerCheck {
                    start_period_ms: start_period_s * 1000,
                    engine: Engine::Older,
                    ..DockerCheck::new(interval_s * 1000, 1000, retries)
                };
                docker_health(&check, up_s * 1000).unhealthy_ms
            };
            prop_assert!(unhealthy_ms(start_period_s) <= unhealthy_ms(start_period_s + 1));
        }
    }
}
