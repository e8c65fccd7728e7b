//! The ECS service around the task (rollout-semantics 2.5, 2.6, 2.8, 2.9, 6, 7.2).

use crate::plan::{BreakerThreshold, DockerCheck};

/// `θ`: failed tasks that trip the breaker (2.5).
pub fn breaker_threshold(threshold: BreakerThreshold, desired: u32) -> u32 {
    let share = |percent: u32| {
        let tasks = (u64::from(percent) * u64::from(desired)).div_ceil(100);
        u32::try_from(tasks).unwrap_or(u32::MAX)
    };
    match threshold {
        BreakerThreshold::Bounded { percent, at_least } => {
            share(percent).clamp(at_least.clamp(1, 200), 200)
        }
        BreakerThreshold::Unbounded { percent } => share(percent).max(1),
        BreakerThreshold::Count { tasks } => tasks.max(1),
    }
}

/// `ceil(θ/b)·(p + max(G, u))`: when the breaker trips if all phases are equal and a full wave of
/// `per_wave` tasks is replaced at once, in milliseconds. `kill_ms` is `max(G, u)`.
pub fn breaker_trip_ms(threshold: u32, per_wave: u32, launch_ms: u64, kill_ms: u64) -> u64 {
    u64::from(threshold.div_ceil(per_wave.max(1))) * (launch_ms + kill_ms)
}

/// The breaker trips before the first task can be healthy (E11).
pub fn breaker_wins(trip_ms: u64, launch_ms: u64, healthy_ms: u64) -> bool {
    trip_ms < launch_ms.saturating_add(healthy_ms)
}

/// `D + K + p + h`: how long a single task is gone when it may be stopped before its successor
/// starts (E10), in milliseconds.
pub fn outage_of_single_task_ms(
    drain_ms: u64,
    stop_ms: u64,
    launch_ms: u64,
    healthy_ms: u64,
) -> u64 {
    drain_ms + stop_ms + launch_ms + healthy_ms
}

/// Delay before attempt `failures + 1` after tasks that stopped before RUNNING: `min(900, 10·2^n)`
/// seconds, in milliseconds (2.6, inferred).
pub fn throttle_ms(failures: u32) -> u64 {
    (10_u64 << failures.min(20)).min(900) * 1000
}

/// `q^U`: chance that a run of checks that each fail with probability `share` makes a task
/// unhealthy (E18).
pub fn run_failure_probability(share: f64, unhealthy_threshold: u32) -> f64 {
    share.clamp(0.0, 1.0).powf(f64::from(unhealthy_threshold))
}

/// `(1 − q^U) / ((1 − q)·q^U)`: after how many checks, on average, a task that serves has failed
/// `unhealthy_threshold` of them in a row, when each fails with probability `share` on its own
/// (E18). `None` when it never does.
pub fn mean_checks_until_unhealthy(share: f64, unhealthy_threshold: u32) -> Option<f64> {
    let share = share.clamp(0.0, 1.0);
    let run = run_failure_probability(share, unhealthy_threshold);
    if run <= 0.0 {
        return None;
    }
    if share >= 1.0 {
        return Some(f64::from(unhealthy_threshold));
    }
    Some((1.0 - run) / ((1.0 - share) * run))
}

/// `S + interval + d + δ`: grace that is safe for a container check alone, in milliseconds (2.8).
pub fn container_safe_grace_ms(check: &DockerCheck, startup_ms: u64, lag_ms: u64) -> u64 {
    startup_ms + check.interval_ms + check.failure_ms() + lag_ms
}

/// What one task needs of an instance (2.9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TaskNeeds {
    /// CPU units.
    pub cpu: u32,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// A fixed host port or `distinctInstance`: one task per instance.
    pub one_per_instance: bool,
    /// A network interface of its own (`awsvpc`).
    pub network_interface: bool,
}

/// What one instance has to give (2.9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Instance {
    /// CPU units, 1024 per virtual CPU.
    pub cpu: u32,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Network interfaces that tasks may take.
    pub network_interfaces: u32,
}

impl Instance {
    /// How many tasks one instance holds, and what bounds them.
    pub fn holds(&self, needs: TaskNeeds) -> (u32, &'static str) {
        let by_cpu = self.cpu.checked_div(needs.cpu).unwrap_or(u32::MAX);
        let by_memory = self.memory_mib.checked_div(needs.memory_mib).unwrap_or(u32::MAX);
        let by_rule = if needs.one_per_instance { 1 } else { u32::MAX };
        let by_interface = if needs.network_interface { self.network_interfaces } else { u32::MAX };
        let bounds = [
            (by_rule, "host port"),
            (by_memory, "memory"),
            (by_cpu, "CPU"),
            (by_interface, "network interfaces"),
        ];
        // The first of equals.
        bounds.into_iter().rev().min_by_key(|(tasks, _)| *tasks).unwrap_or((u32::MAX, ""))
    }
}

/// How many tasks fit in the cluster at once: the sum over instances of the smallest quotient.
pub fn slots(instances: &[Instance], needs: TaskNeeds) -> u32 {
    instances.iter().map(|instance| instance.holds(needs).0).fold(0, u32::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_of_the_breaker() {
        let rows = [(1, 3), (2, 3), (6, 3), (7, 4), (25, 13), (400, 200), (1000, 200)];
        for (desired, expected) in rows {
            assert_eq!(breaker_threshold(BreakerThreshold::default(), desired), expected);
        }
        let old = BreakerThreshold::Bounded { percent: 50, at_least: 10 };
        assert_eq!(breaker_threshold(old, 2), 10);
        assert_eq!(breaker_threshold(BreakerThreshold::Unbounded { percent: 50 }, 2), 1);
        assert_eq!(breaker_threshold(BreakerThreshold::Count { tasks: 7 }, 2), 7);
    }

    #[test]
    fn trip_of_the_incident() {
        // Two waves of a full pair, 20 s launch, unhealthy 35 s after RUNNING.
        assert_eq!(breaker_trip_ms(3, 2, 20_000, 35_000), 110_000);
        assert_eq!(breaker_trip_ms(3, 2, 20_000, 180_000), 400_000);
        assert_eq!(breaker_trip_ms(10, 2, 20_000, 35_000), 275_000);
        assert!(breaker_wins(110_000, 20_000, 165_000));
    }

    #[test]
    fn smallest_quotient_decides_the_slots() {
        let instance = Instance { cpu: 2048, memory_mib: 3800, network_interfaces: 3 };
        let needs = TaskNeeds { cpu: 256, memory_mib: 900, ..TaskNeeds::default() };
        assert_eq!(slots(&[instance; 2], needs), 8);
        assert_eq!(slots(&[instance; 2], TaskNeeds { one_per_instance: true, ..needs }), 2);
        assert_eq!(slots(&[instance; 2], TaskNeeds { network_interface: true, ..needs }), 6);
        assert_eq!(slots(&[instance], TaskNeeds::default()), u32::MAX);
    }

    #[test]
    fn retries_slow_down_to_a_quarter_of_an_hour() {
        let delays: Vec<_> = (0..9).map(|n| throttle_ms(n) / 1000).collect();
        assert_eq!(delays, [10, 20, 40, 80, 160, 320, 640, 900, 900]);
    }

    #[test]
    fn checks_until_a_row_of_failures() {
        // A fair coin: 2 + 4 + 8 = 14 throws until three tails in a row.
        let mean = |share, failures| mean_checks_until_unhealthy(share, failures);
        assert!(mean(0.5, 3).is_some_and(|mean| (mean - 14.0).abs() < 1e-9));
        assert_eq!(mean(1.0, 3), Some(3.0));
        assert_eq!(mean(0.0, 3), None);
    }

    #[test]
    fn slow_checks_in_a_row() {
        assert!((run_failure_probability(0.1, 3) - 0.001).abs() < 1e-12);
    }
}
