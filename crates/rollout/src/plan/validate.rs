//! What no platform would accept, found before anything is simulated.

use std::fmt;

use super::{AlbCheck, Amount, ComposePlan, Condition, DockerCheck, EcsPlan, KubernetesPlan};
use super::{Fault, MORE_TARGETS_MAX, Plan, Probe, Strategy, SwarmPlan, check::NODES_MAX};
use crate::draw::Draw;
use crate::solve::Setting;

/// The most tasks, replicas or services that are simulated.
pub(crate) const TASKS_MAX: u64 = 5_000;
/// A day and a half: longer times are mistakes of unit.
const TIME_MAX_S: u64 = 130_000;

/// A plan that cannot be simulated as it is.
#[derive(Clone, Debug, PartialEq)]
pub enum Problem {
    /// A number outside what the platform allows, both ends included.
    OutOfRange {
        /// Which setting.
        setting: Setting,
        /// What it is, in the unit of the setting.
        value: u64,
        /// Smallest allowed value.
        min: u64,
        /// Largest allowed value.
        max: u64,
    },
    /// The load balancer refuses an interval that is not above the timeout (E19).
    IntervalNotAboveTimeout {
        /// Interval in milliseconds.
        interval_ms: u64,
        /// Timeout in milliseconds.
        timeout_ms: u64,
    },
    /// Kubernetes refuses surge and unavailable both written as 0.
    NoStepAllowed,
    /// The progress deadline must exceed the time a pod has to be ready.
    DeadlineNotAboveMinReady {
        /// Deadline in milliseconds.
        deadline_ms: u64,
        /// Minimum ready time in milliseconds.
        min_ready_ms: u64,
    },
    /// A service depends on itself, directly or around a corner.
    DependencyCycle {
        /// Name of one service on the cycle.
        service: String,
    },
    /// A dependency names no service of the plan.
    UnknownDependency {
        /// Name of the dependent.
        service: String,
        /// Index that does not exist.
        on: usize,
    },
    /// `service_healthy` on a service without a health check can never hold (C2).
    HealthyWithoutCheck {
        /// Name of the dependent.
        service: String,
        /// Name of the service without a check.
        on: String,
    },
    /// The health check of a service beside the one that is looked at has no usable interval.
    UnusableCheck {
        /// Name of the service.
        service: String,
    },
    /// A share outside 0 to 1, or a distribution without a usable shape.
    BadNumber {
        /// Which field.
        field: &'static str,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfRange { setting, value, min, max } => {
                write!(f, "{} is {value}, allowed is {min} to {max}", setting.id())
            }
            Self::IntervalNotAboveTimeout { interval_ms, timeout_ms } => {
                write!(f, "interval {interval_ms} ms must be above timeout {timeout_ms} ms")
            }
            Self::NoStepAllowed => {
                f.write_str("surge and unavailable are both 0: one of them must be 1 or more")
            }
            Self::DeadlineNotAboveMinReady { deadline_ms, min_ready_ms } => write!(
                f,
                "progress deadline {deadline_ms} ms must be above minimum ready {min_ready_ms} ms"
            ),
            Self::DependencyCycle { service } => write!(f, "`{service}` depends on itself"),
            Self::UnknownDependency { service, on } => {
                write!(f, "`{service}` depends on service number {on}, which does not exist")
            }
            Self::HealthyWithoutCheck { service, on } => {
                write!(f, "`{service}` waits for `{on}` to be healthy, which has no health check")
            }
            Self::UnusableCheck { service } => {
                write!(f, "the health check of `{service}` has no usable interval")
            }
            Self::BadNumber { field } => write!(f, "{field} is not a usable number"),
        }
    }
}

/// Everything that is wrong with a plan; empty when it can be simulated.
pub fn validate(plan: &Plan) -> Vec<Problem> {
    let mut problems = Vec::new();
    for &setting in Setting::ALL {
        if let (Some(value), Some((min, max))) = (setting.get(plan), setting.range(plan))
            && !(min..=max).contains(&value)
        {
            problems.push(Problem::OutOfRange { setting, value, min, max });
        }
    }
    match plan {
        Plan::Ecs(plan) => ecs(plan, &mut problems),
        Plan::Kubernetes(plan) => kubernetes(plan, &mut problems),
        Plan::Compose(plan) => compose(plan, &mut problems),
        Plan::Swarm(plan) => swarm(plan, &mut problems),
    }
    problems
}

fn ecs(plan: &EcsPlan, problems: &mut Vec<Problem>) {
    for target in plan.targets() {
        alb(target, problems);
    }
    if plan.more_targets.len() > MORE_TARGETS_MAX
        || (plan.target.is_none() && !plan.more_targets.is_empty())
    {
        problems.push(Problem::BadNumber { field: "target groups" });
    }
    if plan.zones.is_some_and(|zones| zones.all == 0 || zones.served > zones.all) {
        problems.push(Problem::BadNumber { field: "zones" });
    }
    if let Some(alarms) = plan.alarms {
        time("bake time", alarms.bake_ms, problems);
        time("alarm", alarms.raised_ms.unwrap_or(0), problems);
    }
    time("loss of tasks", plan.lost.map_or(0, |lost| lost.at_ms), problems);
    if let Some(container) = plan.container {
        docker(&container, problems);
    }
    draw("launch", plan.launch, problems);
    draw("stop", plan.stop, problems);
    draw("startup", plan.startup.time, problems);
    time("deregistration", plan.deregistration_ms, problems);
    time("lag", plan.lag_ms, problems);
    if let Fault::Exits { after_ms } = plan.fault {
        time("exit", after_ms, problems);
    }
    time("longest request", plan.longest_request_ms.unwrap_or(0), problems);
    if let Some(previous) = plan.previous_startup {
        draw("previous_startup", previous.time, problems);
    }
}

fn alb(check: &AlbCheck, problems: &mut Vec<Problem>) {
    if check.interval_ms <= check.timeout_ms {
        problems.push(Problem::IntervalNotAboveTimeout {
            interval_ms: check.interval_ms,
            timeout_ms: check.timeout_ms,
        });
    }
    if check.nodes == 0 || check.nodes > NODES_MAX {
        problems.push(Problem::BadNumber { field: "nodes" });
    }
    if check.slow_ppm > 1_000_000 {
        problems.push(Problem::BadNumber { field: "share of slow answers" });
    }
    time("registration", check.registration_ms, problems);
    time("slow_start", check.slow_start_ms, problems);
}

fn docker(check: &DockerCheck, problems: &mut Vec<Problem>) {
    if check.start_interval_ms == 0 && check.start_period_ms > 0 {
        problems.push(Problem::BadNumber { field: "start_interval" });
    }
    time("start_interval", check.start_interval_ms, problems);
    time("container timeout", check.timeout_ms, problems);
    if check.interval_ms == 0 && !problems.iter().any(is_interval) {
        problems.push(Problem::BadNumber { field: "container interval" });
    }
}

fn is_interval(problem: &Problem) -> bool {
    matches!(problem, Problem::OutOfRange { setting: Setting::ContainerInterval, .. })
}

fn kubernetes(plan: &KubernetesPlan, problems: &mut Vec<Problem>) {
    if plan.progress_deadline_ms <= plan.min_ready_ms {
        problems.push(Problem::DeadlineNotAboveMinReady {
            deadline_ms: plan.progress_deadline_ms,
            min_ready_ms: plan.min_ready_ms,
        });
    }
    if let Strategy::RollingUpdate {
        max_surge: Amount::Pods(0) | Amount::Percent(0),
        max_unavailable: Amount::Pods(0) | Amount::Percent(0),
    } = plan.strategy
    {
        problems.push(Problem::NoStepAllowed);
    }
    for probe in [plan.startup_probe, plan.liveness, plan.readiness].into_iter().flatten() {
        check_probe(&probe, problems);
    }
    draw("launch", plan.launch, problems);
    draw("shutdown", plan.shutdown, problems);
    draw("startup", plan.startup.time, problems);
    time("termination grace", plan.termination_grace_ms, problems);
    time("preStop", plan.pre_stop_ms, problems);
    time("exit", plan.exits_after_ms.unwrap_or(0), problems);
    time("backoff_max", plan.backoff_max_ms, problems);
    time("endpoint lag", plan.endpoint_lag_ms, problems);
    time("longest request", plan.longest_request_ms, problems);
}

fn check_probe(probe: &Probe, problems: &mut Vec<Problem>) {
    let successes = 1..=10_000;
    // Period and failure threshold are settings with ranges of their own.
    if !successes.contains(&probe.success_threshold) {
        problems.push(Problem::BadNumber { field: "success threshold of a probe" });
    }
    time("probe timeout", probe.timeout_ms, problems);
    time("probe delay", probe.initial_delay_ms, problems);
    time("probe period", probe.period_ms, problems);
}

fn compose(plan: &ComposePlan, problems: &mut Vec<Problem>) {
    if plan.services.len() as u64 > TASKS_MAX {
        problems.push(Problem::BadNumber { field: "services" });
    }
    time("launch", plan.launch_ms, problems);
    time("wait timeout", plan.wait_timeout_ms.unwrap_or(0), problems);
    for (index, service) in plan.services.iter().enumerate() {
        time("exit", service.exits.map_or(0, |(after_ms, _)| after_ms), problems);
        if let Some(check) = service.check {
            let mut found = Vec::new();
            docker(&check, &mut found);
            if index == plan.focus {
                problems.append(&mut found);
            } else if !found.is_empty() {
                problems.push(Problem::UnusableCheck { service: service.name.clone() });
            }
        }
        draw("startup", service.startup.time, problems);
        draw("stop", service.stop, problems);
        for dependency in &service.depends_on {
            match plan.services.get(dependency.on) {
                None => problems.push(Problem::UnknownDependency {
                    service: service.name.clone(),
                    on: dependency.on,
                }),
                Some(on) if dependency.condition == Condition::Healthy && on.check.is_none() => {
                    problems.push(Problem::HealthyWithoutCheck {
                        service: service.name.clone(),
                        on: on.name.clone(),
                    });
                }
                Some(_) => {}
            }
        }
    }
    if let Err(index) = crate::compose::order(plan) {
        let service = plan.services[index].name.clone();
        problems.push(Problem::DependencyCycle { service });
    }
}

fn swarm(plan: &SwarmPlan, problems: &mut Vec<Problem>) {
    if let Some(check) = plan.check {
        docker(&check, problems);
    }
    if !(0.0..=1.0).contains(&plan.max_failure_ratio) {
        problems.push(Problem::BadNumber { field: "max_failure_ratio" });
    }
    draw("launch", plan.launch, problems);
    draw("stop", plan.stop, problems);
    draw("startup", plan.startup.time, problems);
    time("delay", plan.delay_ms, problems);
    time("monitor", plan.monitor_ms, problems);
    time("restart delay", plan.restart_delay_ms, problems);
    time("exit", plan.exits_after_ms.unwrap_or(0), problems);
}

fn time(field: &'static str, ms: u64, problems: &mut Vec<Problem>) {
    if ms > TIME_MAX_S * 1000 {
        problems.push(Problem::BadNumber { field });
    }
}

fn draw(field: &'static str, draw: Draw, problems: &mut Vec<Problem>) {
    let usable = match draw {
        Draw::Constant { ms } => ms <= TIME_MAX_S * 1000,
        Draw::Range { min_ms, max_ms } => min_ms <= max_ms && max_ms <= TIME_MAX_S * 1000,
        Draw::LogNormal { median_ms, sigma } => {
            median_ms <= TIME_MAX_S * 1000 && (0.0..=2.0).contains(&sigma)
        }
        Draw::Never => field == "startup" || field == "previous_startup",
    };
    if !usable {
        problems.push(Problem::BadNumber { field });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{ComposeService, Dependency};
    use crate::startup::Startup;

    fn ecs_plan(check: AlbCheck) -> Plan {
        Plan::Ecs(EcsPlan::new(2, Some(check), Startup::constant(35_000)))
    }

    #[test]
    fn interval_at_the_timeout_is_refused() {
        let found = validate(&ecs_plan(AlbCheck::new(10_000, 10_000, 3, 2)));
        assert_eq!(
            found,
            [Problem::IntervalNotAboveTimeout { interval_ms: 10_000, timeout_ms: 10_000 }]
        );
        assert!(validate(&ecs_plan(AlbCheck::new(11_000, 10_000, 3, 2))).is_empty());
    }

    #[test]
    fn thresholds_say_their_range() {
        let found = validate(&ecs_plan(AlbCheck::new(15_000, 5_000, 11, 1)));
        let texts: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "unhealthy_threshold is 11, allowed is 2 to 10",
                "healthy_threshold is 1, allowed is 2 to 10"
            ]
        );
    }

    #[test]
    fn zero_periods_and_cycles_are_found() {
        let mut plan = KubernetesPlan::new(2, Startup::constant(1000));
        plan.readiness = Some(Probe { period_ms: 0, ..Probe::default() });
        assert!(!validate(&Plan::Kubernetes(plan)).is_empty());

        let needs = |on| Dependency { on, condition: Condition::Healthy, required: true };
        let mut first = ComposeService::new("web", Startup::constant(0));
        first.depends_on.push(needs(1));
        let mut second = ComposeService::new("db", Startup::constant(0));
        second.depends_on.push(needs(0));
        let found = validate(&Plan::Compose(ComposePlan::new(vec![first, second])));
        assert!(found.iter().any(|p| matches!(p, Problem::DependencyCycle { .. })), "{found:?}");
        assert!(found.iter().any(|p| matches!(p, Problem::HealthyWithoutCheck { .. })));
    }
}
