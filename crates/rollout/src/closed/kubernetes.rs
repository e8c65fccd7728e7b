//! Probes, back-off and waves of a Deployment (rollout-semantics 7.3).

use crate::plan::{KubernetesPlan, Probe};

/// `initialDelay + (F−1)·P`: how long a start may take whatever the tick, in milliseconds.
pub fn probe_budget_ms(probe: &Probe) -> u64 {
    probe.initial_delay_ms + u64::from(probe.failure_threshold.max(1) - 1) * probe.period_ms
}

/// Earliest and latest (not reached) time at which a container that is not up is killed, in
/// milliseconds after its start.
pub fn probe_kill_range_ms(probe: &Probe) -> (u64, u64) {
    let first_ms = probe_budget_ms(probe) + probe.failure_ms();
    (first_ms, first_ms + probe.period_ms)
}

/// `ceil((S−initialDelay)/P) + 1`: smallest failure threshold that lets a start of `startup_ms`
/// through whatever the tick (K2).
pub fn probe_failures_needed(probe: &Probe, startup_ms: u64) -> u64 {
    startup_ms.saturating_sub(probe.initial_delay_ms).div_ceil(probe.period_ms.max(1)) + 1
}

/// `ceil(N/(σ+μ))`: steps of a rolling update whose pods all take the same time.
pub fn waves(replicas: u32, surge: u32, unavailable: u32) -> u32 {
    replicas.div_ceil(surge.saturating_add(unavailable).max(1))
}

/// `N − μ`: pods that stay available by the controller's own choice.
pub fn availability_floor(plan: &KubernetesPlan) -> u32 {
    plan.replicas - plan.steps().1
}

/// `waves·(p + t_ready + minReady)`, in milliseconds.
pub fn rolling_duration_ms(plan: &KubernetesPlan, launch_ms: u64, ready_ms: u64) -> u64 {
    let (surge, unavailable) = plan.steps();
    let step_ms = launch_ms + ready_ms + plan.min_ready_ms;
    u64::from(waves(plan.replicas, surge, unavailable)) * step_ms
}

/// Start times of a container whose every run lasts `run_ms`, in milliseconds.
///
/// `killed` says whether the run ends by a probe kill or by the container's own exit; the back-off
/// differs, since a probe kill looks at the instance before (4.2).
pub fn backoff_starts_ms(run_ms: u64, killed: bool, max_ms: u64, count: usize) -> Vec<u64> {
    let mut backoff = crate::kubernetes::BackOff::new(max_ms);
    let mut starts = Vec::with_capacity(count);
    let mut at_ms = 0;
    while starts.len() < count {
        starts.push(at_ms);
        let end_ms = at_ms + run_ms;
        at_ms = backoff.restart_ms(end_ms, killed);
    }
    starts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starts(killed: bool) -> Vec<u64> {
        backoff_starts_ms(25_000, killed, 300_000, 8).into_iter().map(|ms| ms / 1000).collect()
    }

    #[test]
    fn restarts_after_own_exit_and_after_a_kill() {
        assert_eq!(starts(false), [0, 25, 60, 105, 170, 275, 460, 785]);
        assert_eq!(starts(true), [0, 25, 50, 75, 100, 165, 270, 455]);
    }

    #[test]
    fn own_exits_wait_longer_and_longer() {
        let starts = backoff_starts_ms(0, false, 300_000, 9);
        let waits: Vec<_> = starts.windows(2).map(|pair| (pair[1] - pair[0]) / 1000).collect();
        assert_eq!(waits, [0, 10, 20, 40, 80, 160, 300, 300]);
    }

    #[test]
    fn probe_budgets_of_the_table() {
        let probe = Probe::default();
        assert_eq!(probe_kill_range_ms(&probe), (20_000, 30_000));
        assert_eq!(probe_failures_needed(&probe, 150_000), 16);
        let delayed = Probe { initial_delay_ms: 130_000, ..probe };
        assert_eq!(probe_budget_ms(&delayed), 150_000);
    }
}
