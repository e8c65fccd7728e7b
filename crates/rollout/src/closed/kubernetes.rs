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

/// P(a container is up before its probes kill it) for a uniform tick, 0 to 1.
///
/// While there is a startup probe liveness waits for it, so that only one of them decides.
pub fn probe_survival_probability(plan: &KubernetesPlan, startup_ms: u64) -> f64 {
    let readiness_passes = plan.readiness.is_none_or(|probe| probe.can_pass);
    let lacks_memory = plan.memory.is_some_and(|memory| memory.peak_mib > memory.limit_mib);
    if plan.exits_after_ms.is_some() || lacks_memory || !readiness_passes {
        return 0.0;
    }
    // Once the startup probe has passed, liveness finds an application that is up.
    let blind = plan.startup_probe.is_some() && plan.liveness.is_some_and(|probe| !probe.can_pass);
    let Some(probe) = plan.startup_probe.or(plan.liveness) else { return 1.0 };
    if blind || !probe.can_pass || startup_ms >= crate::NEVER_MS {
        return 0.0;
    }
    let late_ms = startup_ms.saturating_sub(probe_budget_ms(&probe));
    1.0 - (late_ms as f64 / probe.period_ms.max(1) as f64).min(1.0)
}

/// When a pod is available at the latest, in milliseconds after its container's start; `None` when
/// a probe cannot pass.
pub fn available_at_latest_ms(plan: &KubernetesPlan, startup_ms: u64) -> Option<u64> {
    let mut at_ms = 0;
    for probe in [plan.startup_probe, plan.readiness].into_iter().flatten() {
        if !probe.can_pass || startup_ms >= crate::NEVER_MS {
            return None;
        }
        let successes = u64::from(probe.success_threshold.max(1));
        at_ms = startup_ms.max(at_ms).max(probe.initial_delay_ms) + successes * probe.period_ms;
    }
    Some(at_ms + plan.min_ready_ms)
}

/// Requests are cut at termination: the pod goes before the endpoints do, or before the longest
/// request has ended (K8).
pub fn cuts_connections(plan: &KubernetesPlan) -> bool {
    plan.pre_stop_ms < plan.endpoint_lag_ms
        || plan.termination_grace_ms < plan.pre_stop_ms + plan.longest_request_ms
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
    fn survival_needs_the_whole_budget() {
        let mut plan = KubernetesPlan::new(1, crate::Startup::constant(0));
        plan.liveness = Some(Probe::default());
        for (startup_s, expected) in [(20, 1.0), (25, 0.5), (30, 0.0), (150, 0.0)] {
            let found = probe_survival_probability(&plan, startup_s * 1000);
            assert!((found - expected).abs() < 1e-9, "{startup_s}: {found}");
        }
        plan.startup_probe = Some(Probe { failure_threshold: 16, ..Probe::default() });
        assert!((probe_survival_probability(&plan, 150_000) - 1.0).abs() < 1e-9);
        assert_eq!(available_at_latest_ms(&plan, 150_000), Some(160_000));
    }

    #[test]
    fn cut_connections() {
        let mut plan = KubernetesPlan::new(1, crate::Startup::constant(0));
        assert!(cuts_connections(&plan));
        plan.pre_stop_ms = 5_000;
        assert!(!cuts_connections(&plan));
        plan.longest_request_ms = 26_000;
        assert!(cuts_connections(&plan));
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
