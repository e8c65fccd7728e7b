//! What goes wrong while something starts, is replaced or is found to be ill.

pub(crate) mod breaker_trips_first;
pub(crate) mod check_timeout_too_short;
pub(crate) mod container_check_kills;
pub(crate) mod dependency_not_ready;
pub(crate) mod disruption_budget_blocks;
pub(crate) mod endless_churn;
pub(crate) mod health_check_outpaces_startup;
pub(crate) mod interval_not_above_timeout;
pub(crate) mod killed_hard;
pub(crate) mod liveness_equals_readiness;
pub(crate) mod liveness_kills_slow_start;
pub(crate) mod matcher_excludes_status;
pub(crate) mod no_room_to_roll;
pub(crate) mod pipeline_gives_up_first;
pub(crate) mod probe_target_wrong;
pub(crate) mod progress_deadline_too_short;
pub(crate) mod requests_cut_at_drain;
pub(crate) mod rollout_deadlock;
pub(crate) mod rollout_halves_capacity;
pub(crate) mod rollout_zero_capacity;
pub(crate) mod silent_rollback;
pub(crate) mod slow_detection;
pub(crate) mod slow_stop;
pub(crate) mod surge_cannot_schedule;
pub(crate) mod swarm_update_pauses;
pub(crate) mod unhealthy_never_restarted;
