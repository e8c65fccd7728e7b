//! An ECS service to a plan (rollout-semantics 9).

use std::collections::BTreeMap;

use wonin_model::{
    Deployment, EcsContainer, EcsContainerCheck, EcsService, LaunchType, Located, MetricAlarm,
    TargetGroup, TaskDefinition, Unknown,
};

use super::given::{self, Given};
use super::{Collector, Configured, Home, NO_STARTUP, Platform, Spelling, Unready, assume};
use crate::closed::{self, TaskNeeds};
use crate::draw::{Draw, Phase};
use crate::instances::instance;
use crate::plan::{Alarms, AlbCheck, Breaker, DockerCheck, EcsPlan, Lost, Memory, Plan, Zones};
use crate::solve::Setting;

pub(super) fn configured(
    deployment: &Deployment,
    service: &EcsService,
    given: &Given,
) -> Result<Configured, Unready> {
    plan(deployment, service, given).map_err(|why| {
        let is_meant = |unknown: &&Unknown| why.starts_with(&format!("`{}` ", unknown.setting));
        let meant = deployment.unknown.iter().find(is_meant);
        // One is enough to stop; all of them are worth telling.
        let others = deployment.unknown.iter().filter(|other| {
            meant.is_some() && !is_meant(other) && NUMBERS.contains(&other.setting.as_str())
        });
        let others = others.map(|other| format!("`{}` is not known: {}", other.setting, other.why));
        let at = meant.map(|unknown| unknown.place);
        let why = std::iter::once(why.clone()).chain(others).collect::<Vec<_>>().join("; ");
        Unready {
            name: deployment.name.clone(),
            dir: deployment.dir.clone(),
            platform: Platform::Ecs,
            place: deployment.place,
            at,
            why,
        }
    })
}

/// Settings without which there is no plan.
const NUMBERS: [&str; 8] = [
    "desired_count",
    "deployment_minimum_healthy_percent",
    "deployment_maximum_percent",
    "health_check_grace_period_seconds",
    "interval",
    "timeout",
    "healthy_threshold",
    "unhealthy_threshold",
];

fn plan(
    deployment: &Deployment,
    service: &EcsService,
    given: &Given,
) -> Result<Configured, String> {
    let other = |value: &Option<Located<String>>, usual: &str| {
        value.as_ref().map(|value| value.value.clone()).filter(|value| value != usual)
    };
    if let Some(controller) = other(&service.controller, "ECS") {
        return Err(format!("its deployments are `{controller}`: no rolling update to rehearse"));
    }
    if let Some(strategy) = other(&service.scheduling_strategy, "REPLICA") {
        return Err(format!("it is scheduled as `{strategy}`: no rolling update to rehearse"));
    }
    let mut collector = Collector::default();
    let units = cpu_units(service, &mut collector);
    let startup = given::startup(given.startup.as_ref().ok_or(NO_STARTUP)?, units)?;
    let known = |setting: &str| {
        let unknown = deployment.unknown.iter().find(|unknown| unknown.setting == setting);
        unknown.map_or_else(
            || format!("`{setting}` is not known"),
            |unknown| format!("`{setting}` is not known: {}", unknown.why),
        )
    };
    let desired = service.desired_count.as_ref().ok_or_else(|| known("desired_count"))?;
    if desired.value == 0 {
        return Err("`desired_count` is 0: there is nothing to roll out".to_owned());
    }
    if service.target_groups.is_empty()
        && deployment.unknown.iter().any(|u| u.setting == "target_group_arn")
    {
        return Err(known("target_group_arn"));
    }
    let (target, more_targets) = targets(service, given, &mut collector)?;
    collector.enter(None, Some(Home::Block(deployment.place)));
    let mut plan = EcsPlan::new(desired.value, target.as_ref().map(|(_, check)| *check), startup);
    collector.note(Setting::Desired, "desired_count", Spelling::Plain, desired);
    let percent =
        |value: &Option<Located<u32>>, name: &'static str| value.clone().ok_or_else(|| known(name));
    let min_name = "deployment_minimum_healthy_percent";
    let min = percent(&service.minimum_healthy_percent, min_name)?;
    let max_name = "deployment_maximum_percent";
    let max = percent(&service.maximum_percent, max_name)?;
    let grace_name = "health_check_grace_period_seconds";
    let grace = service.grace_period_s.clone().ok_or_else(|| known(grace_name))?;
    plan.min_percent = min.value;
    plan.max_percent = max.value;
    plan.grace_ms = grace.value.saturating_mul(1000);
    collector.note(Setting::MinPercent, min_name, Spelling::Plain, &min);
    collector.note(Setting::MaxPercent, max_name, Spelling::Plain, &max);
    collector.note(Setting::Grace, grace_name, Spelling::Plain, &grace);
    plan.more_targets = more_targets;
    if let Some((group, delay)) = longest_delay(service) {
        collector.enter(None, Some(Home::Block(group.place)));
        plan.deregistration_ms = delay.value.saturating_mul(1000);
        collector.note(Setting::Deregistration, "deregistration_delay", Spelling::Plain, delay);
    }
    if service.breaker_enabled.as_ref().is_some_and(|enabled| enabled.value) {
        plan.breaker =
            Some(Breaker::new(service.breaker_rollback.as_ref().is_some_and(|r| r.value)));
    }
    if service.wait_for_steady_state.as_ref().is_some_and(|wait| wait.value) {
        plan.pipeline_ms = service.update_timeout_s.as_ref().map(|timeout| timeout.value * 1000);
    }
    if let Some(task) = &service.task {
        plan.container = container_check(task, &mut collector);
        memory(&mut plan, task, given, &mut collector);
    }
    outside(&mut plan, service, given, &mut collector);
    latencies(&mut plan, service, given, &mut collector);
    assume::apply(&given.assumed, &mut plan, &mut collector);
    Ok(Configured {
        name: deployment.name.clone(),
        address: deployment.address.clone(),
        dir: deployment.dir.clone(),
        platform: Platform::Ecs,
        place: deployment.place,
        plan: Plan::Ecs(plan),
        settings: collector.settings,
        assumed: collector.assumed,
        fargate: is_fargate(service),
        shared: BTreeMap::new(),
    })
}

/// CPU that bounds the start: of the task, else of its containers (rollout-semantics 3).
fn cpu_units(service: &EcsService, collector: &mut Collector) -> Option<u32> {
    let task = service.task.as_ref()?;
    if let Some(cpu) = &task.cpu_units {
        collector.note(Setting::Cpu, "cpu", Spelling::Plain, cpu);
        return Some(cpu.value);
    }
    let mut essential = task.containers.iter().filter(|container| container.essential);
    let cpu = essential.next()?.cpu_units.as_ref()?;
    collector.note(Setting::Cpu, "cpu", Spelling::Plain, cpu);
    collector.assume(
        "container cpu",
        "a share, no limit: the start slows down only while other tasks use the CPU",
        "rollout-semantics 3",
    );
    Some(cpu.value)
}

type Target<'a> = (&'a TargetGroup, AlbCheck);

/// The check that allows the shortest start, whose settings are the ones to turn, and the others.
fn targets<'a>(
    service: &'a EcsService,
    given: &Given,
    collector: &mut Collector,
) -> Result<(Option<Target<'a>>, Vec<AlbCheck>), String> {
    let mut checks = Vec::with_capacity(service.target_groups.len());
    for group in &service.target_groups {
        checks.push((group, check_of(group, given)?));
    }
    let allowed = |(_, check): &Target<'_>| {
        let of_grace = u64::from(check.healthy_threshold) * check.interval_ms;
        (closed::check_budget_ms(check), std::cmp::Reverse(of_grace))
    };
    let Some(strictest) = (0..checks.len()).min_by_key(|&index| allowed(&checks[index])) else {
        return Ok((None, Vec::new()));
    };
    let first = checks.remove(strictest);
    note_check(first.0, given, collector);
    if !checks.is_empty() {
        let value =
            format!("all {} must be healthy; {} is the strictest", checks.len() + 1, first.0.name);
        collector.assume("target groups", value, "rollout-semantics 2.2");
    }
    Ok((Some(first), checks.into_iter().map(|(_, check)| check).collect()))
}

/// A task drains from all its target groups at once, for as long as the slowest takes.
fn longest_delay(service: &EcsService) -> Option<(&TargetGroup, &Located<u64>)> {
    let delays = service.target_groups.iter();
    let delays = delays.filter_map(|group| Some((group, group.deregistration_delay_s.as_ref()?)));
    // The first of equals.
    delays.rev().max_by_key(|(_, delay)| delay.value)
}

fn check_of(group: &TargetGroup, given: &Given) -> Result<AlbCheck, String> {
    let missing =
        |name: &str| format!("`{name}` of the health check of {} is not known", group.name);
    let interval = group.interval_s.as_ref().ok_or_else(|| missing("interval"))?;
    let timeout = group.timeout_s.as_ref().ok_or_else(|| missing("timeout"))?;
    let unhealthy =
        group.unhealthy_threshold.as_ref().ok_or_else(|| missing("unhealthy_threshold"))?;
    let healthy = group.healthy_threshold.as_ref().ok_or_else(|| missing("healthy_threshold"))?;
    let mut check = AlbCheck::new(
        interval.value.saturating_mul(1000),
        timeout.value.saturating_mul(1000),
        unhealthy.value,
        healthy.value,
    );
    check.slow_start_ms = group.slow_start_s.as_ref().map_or(0, |slow| slow.value * 1000);
    check.slow_ppm = given.slow_ppm.unwrap_or(0);
    if let Some(ms) = given.phase_ms {
        check.phase = Phase::Fixed { ms };
    }
    Ok(check)
}

/// Notes where the numbers of a check come from.
fn note_check(group: &TargetGroup, given: &Given, collector: &mut Collector) {
    collector.enter(Some("health_check"), Some(Home::Nested(group.place, "health_check")));
    for (setting, name, value) in [
        (Setting::Interval, "interval", &group.interval_s),
        (Setting::Timeout, "timeout", &group.timeout_s),
    ] {
        if let Some(value) = value {
            collector.note(setting, name, Spelling::Plain, value);
        }
    }
    for (setting, name, value) in [
        (Setting::UnhealthyThreshold, "unhealthy_threshold", &group.unhealthy_threshold),
        (Setting::HealthyThreshold, "healthy_threshold", &group.healthy_threshold),
    ] {
        if let Some(value) = value {
            collector.note(setting, name, Spelling::Plain, value);
        }
    }
    match given.phase_ms {
        Some(ms) => collector.assume("phase of the first check", super::seconds(ms), "--phase"),
        None => collector.assume(
            "phase of the first check",
            format!(
                "anywhere within {} s",
                group.interval_s.as_ref().map_or(0, |interval| interval.value)
            ),
            "rollout-semantics 0",
        ),
    }
    if let Some(ppm) = given.slow_ppm {
        let value = format!("{} % of the checks of a started task", f64::from(ppm) / 1e4);
        collector.assume("slow answers", value, "--slow-answers");
    }
}

fn container_check(task: &TaskDefinition, collector: &mut Collector) -> Option<DockerCheck> {
    let mut essential = task.containers.iter().filter(|container| container.essential);
    let check: &EcsContainerCheck =
        essential.find_map(|container| container.health_check.as_ref())?;
    collector.enter(Some("healthCheck"), Some(Home::Map(check.place)));
    collector.note(
        Setting::ContainerStartPeriod,
        "startPeriod",
        Spelling::Plain,
        &check.start_period_s,
    );
    collector.note(Setting::ContainerRetries, "retries", Spelling::Plain, &check.retries);
    collector.note(Setting::ContainerInterval, "interval", Spelling::Plain, &check.interval_s);
    collector.note(Setting::ContainerTimeout, "timeout", Spelling::Plain, &check.timeout_s);
    let mut docker = DockerCheck::new(
        check.interval_s.value.saturating_mul(1000),
        check.timeout_s.value.saturating_mul(1000),
        check.retries.value,
    );
    docker.start_period_ms = check.start_period_s.value.saturating_mul(1000);
    Some(docker)
}

/// What the start needs against what the task may use, else its containers together (E29).
fn memory(plan: &mut EcsPlan, task: &TaskDefinition, given: &Given, collector: &mut Collector) {
    let Some(peak_mib) = given.memory_mib else { return };
    let limit = match (&task.memory_mib, task.containers.as_slice()) {
        (Some(limit), _) => {
            collector.enter(None, Some(Home::Block(task.place)));
            limit
        }
        // Which container starts slowly is not known where there are several.
        (None, [only]) => match &only.memory_mib {
            Some(limit) => limit,
            None => return,
        },
        _ => return,
    };
    plan.memory = Some(Memory { limit_mib: limit.value, peak_mib });
    collector.note(Setting::Memory, "memory", Spelling::Plain, limit);
    collector.assume("memory of the start", format!("{peak_mib} MiB at its peak"), "--memory");
}

/// Zones, alarms, and what the caller lets happen.
fn outside(plan: &mut EcsPlan, service: &EcsService, given: &Given, collector: &mut Collector) {
    if let Some(share) = service.zone_share().filter(|share| !share.unserved.is_empty()) {
        let (all, served) = (share.all, share.all - share.unserved.len());
        plan.zones = Some(Zones { all: all as u32, served: served as u32 });
        let value = format!("{served} of {all} served by the load balancer, as many tasks in each");
        collector.assume("zones", value, "rollout-semantics 2.3");
    }
    if let Some(alarms) = service.alarms.as_ref().filter(|alarms| alarms.enable.value) {
        let bake_s = |alarm: &MetricAlarm| {
            let (period, count) = (alarm.period_s.as_ref()?, alarm.evaluation_periods.as_ref()?);
            Some(period.value.saturating_mul(count.value))
        };
        let bake_s = alarms.alarms.iter().filter_map(bake_s).max();
        let in_alarm =
            |alarm: &MetricAlarm| alarm.state.as_ref().is_some_and(|state| state.value == "ALARM");
        plan.alarms = Some(Alarms {
            bake_ms: bake_s.unwrap_or(0).min(BAKE_MAX_S) * 1000,
            rollback: alarms.rollback.value,
            in_alarm_at_start: alarms.alarms.iter().any(in_alarm),
            raised_ms: None,
        });
        let value = bake_s.map_or_else(
            || "none: no alarm's period is known".to_owned(),
            |s| format!("{s}s, period × evaluation periods of the slowest alarm"),
        );
        collector.assume("bake time of the alarms", value, "rollout-semantics 2.5");
    }
    if let Some(at_ms) = given.lost_ms {
        plan.lost = Some(Lost { tasks: 1, at_ms });
        collector.assume("an old task dies", format!("after {}", super::seconds(at_ms)), "--lose");
    }
}

/// What one task needs of an instance (rollout-semantics 2.9).
pub fn task_needs(task: &TaskDefinition) -> TaskNeeds {
    let sum = |of: &dyn Fn(&EcsContainer) -> u32| -> u32 {
        task.containers.iter().map(of).fold(0, u32::saturating_add)
    };
    let cpu = task.cpu_units.as_ref().map_or_else(
        || sum(&|one| one.cpu_units.as_ref().map_or(0, |cpu| cpu.value)),
        |cpu| cpu.value,
    );
    let reserved = |one: &EcsContainer| {
        let of = one.memory_reservation_mib.as_ref().or(one.memory_mib.as_ref());
        of.map_or(0, |memory| memory.value)
    };
    let memory = task.memory_mib.as_ref().map(|memory| memory.value);
    let interface = task.network_mode.as_ref().is_some_and(|mode| mode.value == "awsvpc");
    TaskNeeds {
        cpu,
        memory_mib: memory.unwrap_or_else(|| sum(&reserved)),
        one_per_instance: !interface
            && task.containers.iter().any(|container| !container.host_ports.is_empty()),
        network_interface: interface,
    }
}

/// Tasks that fit on the instances of the cluster if nothing else runs there, and in words.
fn room(service: &EcsService) -> Option<(u32, String)> {
    let (instances, task) = (service.instances.as_ref()?, service.task.as_ref()?);
    let (tasks, _) = instance(&instances.kind.value)?.holds(task_needs(task));
    let (max, kind) = (instances.max.value, &instances.kind.value);
    let slots = tasks.checked_mul(max).filter(|&slots| slots <= 100_000)?;
    let words = format!("{slots} tasks on {max} {kind}, if nothing else runs there");
    Some((slots, words))
}

/// Alarms that look back further are none for a deployment: a day.
const BAKE_MAX_S: u64 = 86_400;

fn is_fargate(service: &EcsService) -> bool {
    service.launch_type.as_ref().is_some_and(|launch| launch.value == LaunchType::Fargate)
}

fn latencies(plan: &mut EcsPlan, service: &EcsService, given: &Given, collector: &mut Collector) {
    let fargate = is_fargate(service);
    let assumed = if fargate { 40_000 } else { 20_000 };
    let source = "rollout-semantics 0";
    let launch = collector.time("launch latency", given.launch_ms, "--launch", assumed, source);
    plan.launch = Draw::constant(launch);
    // SIGKILL follows after the longest stop timeout of the task's containers.
    let timeout_ms = service.task.as_ref().and_then(|task| {
        task.containers.iter().map(|container| container.stop_timeout_s.value * 1000).max()
    });
    let source = "rollout-semantics 7.5";
    let stop = collector.time("stop time", given.stop_ms, "--stop", 5_000, source);
    plan.stop = Draw::constant(stop.min(timeout_ms.unwrap_or(30_000)));
    plan.slots = given.slots;
    match (given.slots, room(service).filter(|_| !fargate)) {
        (Some(slots), _) => collector.assume("room in the cluster", slots.to_string(), "--slots"),
        (None, Some((slots, words))) => {
            plan.slots = Some(slots);
            collector.assume("room in the cluster", words, "rollout-semantics 2.9");
        }
        (None, None) if fargate => {}
        (None, None) => {
            let value = "enough for every task";
            collector.assume("room in the cluster", value, "rollout-semantics 2.9");
        }
    }
}
