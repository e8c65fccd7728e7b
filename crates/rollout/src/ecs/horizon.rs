//! When to stop following a deployment.

use crate::closed;
use crate::draw::NEVER_MS;
use crate::plan::EcsPlan;

/// A longer grace period counts as one without end: a day and a half.
const GRACE_MAX_MS: u64 = 130_000_000;

/// How long a deployment is followed before it counts as one that never ends: several times what
/// the slowest sensible course takes, and an hour.
pub(super) fn horizon_ms(plan: &EcsPlan) -> u64 {
    let bounds = plan.bounds();
    let per_wave = bounds.start_room().max(bounds.stop_room()).max(1);
    let waves = u64::from(plan.desired.div_ceil(per_wave));
    let startup = plan.startup.time.max_ms();
    let up_ms = if startup < NEVER_MS { startup } else { 0 };
    let checks_ms = plan.targets().map(|check| {
        let checks = u64::from(check.unhealthy_threshold.max(check.healthy_threshold)) + 1;
        checks * check.interval_ms + check.registration_ms
    });
    let checks_ms = checks_ms.max().unwrap_or(0);
    let container_ms = plan.container.map_or(0, |check| {
        closed::docker_unhealthy_ms(&check).max(check.interval_ms + check.failure_ms())
    });
    // A grace period of decades must not stretch the run: beyond the start it only hides failures.
    let grace_ms = plan.grace_ms.min(GRACE_MAX_MS);
    let task_ms = plan.launch.max_ms()
        + (up_ms + checks_ms + container_ms + plan.lag_ms).max(grace_ms)
        + plan.drain_ms()
        + plan.stop.max_ms();
    let failures = plan.breaker.map_or(0, |breaker| {
        u64::from(closed::breaker_threshold(breaker.threshold, plan.desired).min(1_000))
    });
    let outside_ms = plan.alarms.map_or(0, |alarms| alarms.bake_ms)
        + plan.lost.map_or(0, |lost| lost.at_ms + task_ms);
    let waves_ms = (4 * waves.max(1) + failures).saturating_mul(task_ms);
    3_600_000_u64.saturating_add(waves_ms).saturating_add(outside_ms)
}
