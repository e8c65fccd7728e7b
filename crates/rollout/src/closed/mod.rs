//! Closed forms (rollout-semantics 7): what can be said without simulating.
//!
//! They serve as explanations ("(3 − 1) · 15 s = 30 s < 150 s"), and the simulators are held
//! against them by tests.

mod alb;
mod docker;
mod ecs;
mod kubernetes;

pub use alb::{
    TaskFate, check_budget_ms, kill_decision_ms, safe_grace_ms, survival_probability, task_fate,
};
pub(crate) use docker::final_wait_ms;
pub use docker::{docker_first_counted_ms, docker_unhealthy_ms, swarm_duration_ms};
pub use ecs::{
    Instance, TaskNeeds, breaker_threshold, breaker_trip_ms, breaker_wins, container_safe_grace_ms,
    mean_checks_until_unhealthy, outage_of_single_task_ms, run_failure_probability, slots,
    throttle_ms,
};
pub use kubernetes::{
    availability_floor, available_at_latest_ms, backoff_starts_ms, cuts_connections,
    probe_budget_ms, probe_failures_needed, probe_kill_range_ms, probe_survival_probability,
    rolling_duration_ms, waves,
};
