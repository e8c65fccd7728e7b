//! Docker health and Swarm updates (rollout-semantics 5.1, 5.4).

use crate::plan::{DockerCheck, Engine, SwarmPlan};

/// `A`: start of the first probe whose failure counts, in milliseconds after the container's
/// start. Exact for probes that end at once, or without a start period.
pub fn docker_first_counted_ms(check: &DockerCheck) -> u64 {
    let interval_ms = check.interval_ms.max(1);
    if check.start_period_ms == 0 {
        return interval_ms;
    }
    match check.engine {
        Engine::V25 => {
            let step_ms = check.start_interval_ms.max(1);
            step_ms * check.start_period_ms.div_ceil(step_ms)
        }
        Engine::Older => interval_ms * check.start_period_ms.div_ceil(interval_ms).max(1),
    }
}

/// `A + (R−1)·(I+d) + d`: when a container that is not up turns unhealthy, in milliseconds.
pub fn docker_unhealthy_ms(check: &DockerCheck) -> u64 {
    let failure_ms = check.failure_ms();
    let more = u64::from(check.retries.max(1) - 1);
    docker_first_counted_ms(check) + more * (check.interval_ms.max(1) + failure_ms) + failure_ms
}

/// `ceil(n/par)·(t_swap + delay) + monitor`: how long an update without a failure takes, in
/// milliseconds. With a delay at or above the monitor the last wait is the delay and a second.
pub fn swarm_duration_ms(plan: &SwarmPlan, swap_ms: u64) -> u64 {
    let parallel = if plan.parallelism == 0 { plan.replicas } else { plan.parallelism };
    let rounds = u64::from(plan.replicas.div_ceil(parallel.max(1)));
    rounds * (swap_ms + plan.delay_ms) + final_wait_ms(plan)
}

/// How long the last slot is watched after its pause, in milliseconds.
pub(crate) fn final_wait_ms(plan: &SwarmPlan) -> u64 {
    if plan.delay_ms >= plan.monitor_ms { plan.delay_ms + 1000 } else { plan.monitor_ms }
}
