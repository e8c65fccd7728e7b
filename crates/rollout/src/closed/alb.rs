//! One task behind a load balancer (rollout-semantics 7.1).

use crate::plan::AlbCheck;

/// What becomes of one task; times count from RUNNING.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskFate {
    /// Healthy at this time, in milliseconds.
    Healthy {
        /// `h`.
        at_ms: u64,
    },
    /// The scheduler decides to kill it at this time, in milliseconds.
    Killed {
        /// `max(G, u) + δ`.
        at_ms: u64,
    },
}

/// `(U−1)·I`: how long a start may take whatever the phase of the first check, in milliseconds.
pub fn check_budget_ms(check: &AlbCheck) -> u64 {
    u64::from(check.unhealthy_threshold.saturating_sub(1)) * check.interval_ms
}

/// `S + H·I + δ`: the grace period that is safe for every phase, in milliseconds.
pub fn safe_grace_ms(check: &AlbCheck, startup_ms: u64, lag_ms: u64) -> u64 {
    startup_ms + u64::from(check.healthy_threshold) * check.interval_ms + lag_ms
}

/// `max(G, u) + δ` with `u = ρ + φ + (U−1)·I + d`, in milliseconds after RUNNING (2.4).
pub fn kill_decision_ms(check: &AlbCheck, grace_ms: u64, lag_ms: u64, phase_ms: u64) -> u64 {
    let unhealthy_ms =
        check.registration_ms + phase_ms + check_budget_ms(check) + check.failure_ms();
    grace_ms.max(unhealthy_ms) + lag_ms
}

/// What becomes of a task whose first check comes `phase_ms` after registration, with one
/// checking node and no container check.
pub fn task_fate(
    check: &AlbCheck,
    startup_ms: u64,
    grace_ms: u64,
    lag_ms: u64,
    phase_ms: u64,
) -> TaskFate {
    let killed = TaskFate::Killed { at_ms: kill_decision_ms(check, grace_ms, lag_ms, phase_ms) };
    if !check.can_pass || startup_ms >= crate::NEVER_MS {
        return killed;
    }
    let first_ms = check.registration_ms + phase_ms;
    let interval_ms = check.interval_ms.max(1);
    let passing = startup_ms.saturating_sub(first_ms).div_ceil(interval_ms);
    if passing < u64::from(check.unhealthy_threshold) {
        return TaskFate::Healthy { at_ms: first_ms + passing * interval_ms };
    }
    let recoveries = u64::from(check.healthy_threshold.saturating_sub(1));
    let healthy_ms = first_ms + (passing + recoveries) * interval_ms;
    if grace_ms >= healthy_ms + lag_ms { TaskFate::Healthy { at_ms: healthy_ms } } else { killed }
}

/// P(task survives) for a uniform phase, one node, no registration latency and no lag, 0 to 1.
pub fn survival_probability(check: &AlbCheck, startup_ms: u64, grace_ms: u64) -> f64 {
    if !check.can_pass || startup_ms >= crate::NEVER_MS {
        return 0.0;
    }
    let interval = check.interval_ms.max(1) as f64;
    let (startup, grace) = (startup_ms as f64, grace_ms as f64);
    let unhealthy = f64::from(check.unhealthy_threshold);
    let healthy = f64::from(check.healthy_threshold);
    if startup <= (unhealthy - 1.0) * interval {
        1.0
    } else if startup < unhealthy * interval {
        let late = startup - (unhealthy - 1.0) * interval;
        let saved = (grace - (unhealthy + healthy - 1.0) * interval).clamp(0.0, late);
        (interval - late + saved) / interval
    } else {
        ((grace - startup - (healthy - 1.0) * interval) / interval).clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(interval_s: u64, unhealthy: u32, healthy: u32) -> AlbCheck {
        AlbCheck::new(interval_s * 1000, 5_000, unhealthy, healthy)
    }

    #[test]
    fn the_table() {
        let rows: [(u64, u64, u32, u64, f64); 15] = [
            // S, I, U, G, P with H = 2
            (35, 15, 3, 15, 2.0 / 3.0),
            (35, 15, 3, 65, 1.0),
            (150, 15, 3, 15, 0.0),
            (150, 15, 3, 150, 0.0),
            (150, 15, 3, 165, 0.0),
            (150, 15, 3, 170, 1.0 / 3.0),
            (150, 15, 3, 175, 2.0 / 3.0),
            (150, 15, 3, 180, 1.0),
            (150, 30, 3, 180, 0.0),
            (150, 30, 3, 195, 0.5),
            (150, 30, 3, 200, 2.0 / 3.0),
            (150, 30, 3, 210, 1.0),
            (150, 60, 3, 0, 0.5),
            (150, 75, 3, 0, 1.0),
            (150, 15, 10, 0, 0.0),
        ];
        for (startup, interval, unhealthy, grace, expected) in rows {
            let found =
                survival_probability(&check(interval, unhealthy, 2), startup * 1000, grace * 1000);
            assert!((found - expected).abs() < 1e-9, "S={startup} I={interval} G={grace}: {found}");
        }
        let found = survival_probability(&check(17, 10, 2), 150_000, 0);
        assert!((found - 1.0).abs() < 1e-9);
    }

    #[test]
    fn smallest_grace_of_the_incident_is_180_seconds() {
        assert_eq!(safe_grace_ms(&check(15, 3, 2), 150_000, 0), 180_000);
        assert_eq!(safe_grace_ms(&check(30, 3, 2), 150_000, 0), 210_000);
        assert_eq!(check_budget_ms(&check(15, 3, 2)), 30_000);
    }

    proptest! {
        #[test]
        fn probability_is_the_share_of_surviving_phases(
            interval_s in 5_u64..60, unhealthy in 2_u32..=10, healthy in 2_u32..=10,
            startup_s in 0_u64..400, grace_s in 0_u64..600,
        ) {
            let check = check(interval_s, unhealthy, healthy);
            let steps = 300;
            let survives = (0..steps).filter(|i| {
                let phase_ms = i * check.interval_ms / steps;
                let fate = task_fate(&check, startup_s * 1000, grace_s * 1000, 0, phase_ms);
                matches!(fate, TaskFate::Healthy { .. })
            });
            let share = survives.count() as f64 / steps as f64;
            let exact = survival_probability(&check, startup_s * 1000, grace_s * 1000);
            prop_assert!((share - exact).abs() <= 2.0 / steps as f64, "{share} against {exact}");
        }

        #[test]
        fn safe_grace_is_safe_and_a_second_less_is_not(
            interval_s in 5_u64..60, unhealthy in 2_u32..=10, healthy in 2_u32..=10,
            startup_s in 0_u64..400,
        ) {
            let check = check(interval_s, unhealthy, healthy);
            let startup_ms = startup_s * 1000;
            let safe_ms = safe_grace_ms(&check, startup_ms, 0);
            let probability = |grace_ms| survival_probability(&check, startup_ms, grace_ms);
            prop_assert!((probability(safe_ms) - 1.0).abs() < 1e-9);
            if startup_ms >= u64::from(unhealthy) * check.interval_ms {
                prop_assert!(probability(safe_ms - 1000) < 1.0);
            }
        }
    }
}
