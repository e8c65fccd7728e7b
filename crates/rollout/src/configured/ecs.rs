//! An ECS service to a plan (rollout-semantics 9).

use wonin_model::{
    Deployment, EcsContainerCheck, EcsService, LaunchType, Located, TargetGroup, TaskDefinition,
};

use super::given::{self, Given};
use super::{Collector, Configured, Home, NO_STARTUP, Platform, Spelling, Unready};
use crate::draw::{Draw, Phase};
use crate::plan::{AlbCheck, Breaker, DockerCheck, EcsPlan, Plan};
use crate::solve::Setting;

pub(super) fn configured(
    deployment: &Deployment,
    service: &EcsService,
    given: &Given,
) -> Result<Configured, Unready> {
    plan(deployment, service, given).map_err(|why| Unready {
        name: deployment.name.clone(),
        dir: deployment.dir.clone(),
        platform: Platform::Ecs,
        place: deployment.place,
        why,
    })
}

fn plan(
    deployment: &Deployment,
    service: &EcsService,
    given: &Given,
) -> Result<Configured, String> {
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
    let target = match service.target_groups.as_slice() {
        [] if deployment.unknown.iter().any(|u| u.setting == "target_group_arn") => {
            return Err(known("target_group_arn"));
        }
        [] => None,
        [first, rest @ ..] => {
            if !rest.is_empty() {
                collector.assume("target groups", "the first decides", "rollout-semantics 2.2");
            }
            Some((first, alb_check(first, given, &mut collector)?))
        }
    };
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
    if let Some((group, delay)) =
        target.and_then(|(group, _)| Some((group, group.deregistration_delay_s.as_ref()?)))
    {
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
    }
    latencies(&mut plan, service, given, &mut collector);
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

fn alb_check(
    group: &TargetGroup,
    given: &Given,
    collector: &mut Collector,
) -> Result<AlbCheck, String> {
    let missing = |name: &str| format!("`health_check.{name}` of {} is not known", group.name);
    let interval = group.interval_s.as_ref().ok_or_else(|| missing("interval"))?;
    let timeout = group.timeout_s.as_ref().ok_or_else(|| missing("timeout"))?;
    let unhealthy =
        group.unhealthy_threshold.as_ref().ok_or_else(|| missing("unhealthy_threshold"))?;
    let healthy = group.healthy_threshold.as_ref().ok_or_else(|| missing("healthy_threshold"))?;
    collector.enter(Some("health_check"), Some(Home::Nested(group.place, "health_check")));
    collector.note(Setting::Interval, "interval", Spelling::Plain, interval);
    collector.note(Setting::Timeout, "timeout", Spelling::Plain, timeout);
    collector.note(Setting::UnhealthyThreshold, "unhealthy_threshold", Spelling::Plain, unhealthy);
    collector.note(Setting::HealthyThreshold, "healthy_threshold", Spelling::Plain, healthy);
    let mut check = AlbCheck::new(
        interval.value.saturating_mul(1000),
        timeout.value.saturating_mul(1000),
        unhealthy.value,
        healthy.value,
    );
    check.slow_start_ms = group.slow_start_s.as_ref().map_or(0, |slow| slow.value * 1000);
    match given.phase_ms {
        Some(ms) => {
            check.phase = Phase::Fixed { ms };
            collector.assume("phase of the first check", super::seconds(ms), "--phase");
        }
        None => collector.assume(
            "phase of the first check",
            format!("anywhere within {} s", interval.value),
            "rollout-semantics 0",
        ),
    }
    Ok(check)
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
    if !fargate {
        collector.assume("room in the cluster", "enough for every task", "rollout-semantics 2.9");
    }
}
