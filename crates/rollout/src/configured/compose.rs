//! Compose projects and Swarm services to plans (rollout-semantics 5, 9).

use std::collections::BTreeMap;

use wonin_model::{
    Condition as Waits, HealthCheck, HealthTest, Inheritance, Located, Origin, Service, ServiceId,
    Stack, UpdateConfig,
};
use wonin_text::Place;

use super::given::{self, Given};
use super::{Collector, Configured, Home, NO_STARTUP, Platform, Spelling, Unready};
use crate::draw::Draw;
use crate::plan::{
    ComposePlan, ComposeService, Condition, Dependency, DockerCheck, FailureAction, Order, Plan,
    SwarmPlan,
};
use crate::solve::Setting;
use crate::startup::Startup;

/// Every service that others wait for to be healthy, and every Swarm service.
pub(super) fn configured(stack: &Stack, given: &Given) -> Vec<Result<Configured, Unready>> {
    let mut found = Vec::new();
    for (id, service) in stack.services() {
        let Some(place) = service.name.place() else { continue };
        let outcome = if let Some(update) = &service.update {
            swarm(stack, id, update, given)
        } else if is_waited_for(stack, id) && check_of(service).is_some() {
            compose(stack, id, given)
        } else {
            continue;
        };
        found.push(finish(stack, id, place, outcome));
    }
    found
}

type Made = (Platform, Plan, Collector);

fn finish(
    stack: &Stack,
    id: ServiceId,
    place: Place,
    outcome: Result<Made, String>,
) -> Result<Configured, Unready> {
    let name = stack.service(id).name.value.clone();
    match outcome {
        Ok((platform, plan, collector)) => Ok(Configured {
            address: format!("services.{name}"),
            name,
            dir: stack.project_of(id).dir.clone(),
            platform,
            place,
            plan,
            settings: collector.settings,
            assumed: collector.assumed,
            fargate: false,
            shared: BTreeMap::new(),
        }),
        Err(why) => {
            let dir = stack.project_of(id).dir.clone();
            let swarm = stack.service(id).update.is_some();
            let platform = if swarm { Platform::Swarm } else { Platform::Compose };
            Err(Unready { name, dir, platform, place, at: None, why })
        }
    }
}

fn is_waited_for(stack: &Stack, id: ServiceId) -> bool {
    let project = stack.service(id).project;
    stack.services().any(|(_, other)| other.project == project && waits_for(stack, other, id))
}

fn waits_for(stack: &Stack, service: &Service, id: ServiceId) -> bool {
    service.depends_on.iter().any(|dependency| {
        dependency.condition.value == Waits::Healthy
            && stack.resolve(service.project, &dependency.service.value) == Some(id)
    })
}

fn check_of(service: &Service) -> Option<&HealthCheck> {
    let disabled = |check: &&HealthCheck| check.test.value != HealthTest::Disabled;
    service.healthcheck.as_deref().filter(disabled)
}

fn docker_check(check: &HealthCheck) -> DockerCheck {
    let given = |value: &Option<Located<u64>>, default: u64| {
        value.as_ref().map_or(default, |value| value.value)
    };
    let mut docker = DockerCheck::default();
    docker.interval_ms = given(&check.interval_ms, docker.interval_ms);
    docker.timeout_ms = given(&check.timeout_ms, docker.timeout_ms);
    docker.start_period_ms = given(&check.start_period_ms, docker.start_period_ms);
    docker.start_interval_ms = given(&check.start_interval_ms, docker.start_interval_ms);
    docker.retries = check.retries.as_ref().map_or(docker.retries, |retries| retries.value);
    docker
}

/// Notes where the numbers of a check come from.
fn note_check(stack: &Stack, id: ServiceId, check: &HealthCheck, collector: &mut Collector) {
    let service = stack.service(id);
    let home = if is_own(stack, service, check) {
        Some(Home::Key(check.place))
    } else {
        service.body.map(Home::Service)
    };
    collector.enter(Some("healthcheck"), home);
    let engine = || Origin::default_of("Docker Engine", "Dockerfile reference, HEALTHCHECK");
    let origin =
        |value: &Option<Located<u64>>| value.as_ref().map_or_else(engine, |v| v.origin.clone());
    for (setting, name, value) in [
        (Setting::ContainerInterval, "interval", &check.interval_ms),
        (Setting::ContainerTimeout, "timeout", &check.timeout_ms),
        (Setting::ContainerStartPeriod, "start_period", &check.start_period_ms),
    ] {
        collector.note_origin(setting, name, Spelling::Seconds, origin(value));
    }
    let retries = check.retries.as_ref().map_or_else(engine, |value| value.origin.clone());
    collector.note_origin(Setting::ContainerRetries, "retries", Spelling::Plain, retries);
    collector.enter(None, None);
}

/// Whether the check stands below the name of its service, or in the Dockerfile: not in a service
/// that this one extends, nor in an anchor.
fn is_own(stack: &Stack, service: &Service, check: &HealthCheck) -> bool {
    let Some(name) = service.name.place() else { return false };
    let key = check.place;
    if key.file != name.file {
        let extended = |origin: &Origin| {
            origin.inherited().is_some_and(|inherited| inherited.how == Inheritance::Extends)
        };
        let times = [&check.interval_ms, &check.timeout_ms, &check.start_period_ms];
        return !extended(&check.test.origin)
            && !times.into_iter().flatten().any(|value| extended(&value.origin));
    }
    let between = |other: Place| {
        let (from, to) = (name.span.start, key.span.start);
        other.file == key.file && from < other.span.start && other.span.start < to
    };
    name.span.start < key.span.start
        && !stack.services().filter_map(|(_, other)| other.name.place()).any(between)
}

/// CPU of a container in units of 1/1024.
fn units(service: &Service, collector: &mut Collector) -> Option<u32> {
    let millis = service.cpu_limit_millis.as_ref()?;
    collector.note(Setting::Cpu, "cpus", Spelling::Cpus, millis);
    u32::try_from(millis.value * 1024 / 1000).ok()
}

fn compose(stack: &Stack, focus: ServiceId, given: &Given) -> Result<Made, String> {
    let mut collector = Collector::default();
    let project = stack.service(focus).project;
    let members: Vec<(ServiceId, &Service)> = stack
        .services()
        .filter(|(_, service)| service.project == project)
        // What waits for the one that is looked at counts, though it starts with a profile only.
        .filter(|(id, service)| {
            service.profiles.is_empty() || *id == focus || waits_for(stack, service, focus)
        })
        .collect();
    let position = |id: ServiceId| members.iter().position(|(other, _)| *other == id);
    let units = units(stack.service(focus), &mut collector);
    let startup = given::startup(given.startup.as_ref().ok_or(NO_STARTUP)?, units)?;
    let stop_ms = collector.time("stop time", given.stop_ms, "--stop", 0, "rollout-semantics 5.3");
    let mut services = Vec::with_capacity(members.len());
    for (id, service) in &members {
        missing_dependency(stack, service)?;
        let is_focus = *id == focus;
        // Services other than the one looked at count as up at once.
        let time = if is_focus { startup } else { Startup::constant(0) };
        let mut made = ComposeService::new(service.name.value.clone(), time);
        made.check = check_of(service).map(docker_check);
        if let Some(check) = check_of(service).filter(|_| is_focus) {
            note_check(stack, focus, check, &mut collector);
        }
        made.stop = Draw::constant(stop_ms);
        made.depends_on = service
            .depends_on
            .iter()
            .filter_map(|dependency| {
                let on = position(stack.resolve(project, &dependency.service.value)?)?;
                let condition = match dependency.condition.value {
                    Waits::Started => Condition::Started,
                    Waits::Healthy => Condition::Healthy,
                    Waits::Completed => Condition::CompletedSuccessfully,
                };
                Some(Dependency { on, condition, required: dependency.required })
            })
            .collect();
        services.push(made);
    }
    // What others wait for to complete is taken to do so at once.
    let completed: Vec<usize> = services
        .iter()
        .flat_map(|service| &service.depends_on)
        .filter(|dependency| dependency.condition == Condition::CompletedSuccessfully)
        .map(|dependency| dependency.on)
        .collect();
    for index in completed {
        services[index].exits = Some((0, 0));
    }
    if members.len() > 1 {
        collector.assume("other services", "up at once", "rollout-semantics 5.3");
    }
    let mut plan = ComposePlan::new(services);
    plan.focus = position(focus).ok_or("the service starts only with a profile")?;
    plan.launch_ms = given.launch_ms.unwrap_or(0);
    Ok((Platform::Compose, Plan::Compose(plan), collector))
}

/// Compose refuses a project in which something depends on what it does not have.
fn missing_dependency(stack: &Stack, service: &Service) -> Result<(), String> {
    let missing = service.depends_on.iter().find(|dependency| {
        dependency.required
            && dependency.service.origin.is_certain()
            && stack.resolve(service.project, &dependency.service.value).is_none()
    });
    match missing {
        Some(missing) => Err(format!(
            "`{}` depends on `{}`, and there is no such service",
            service.name.value, missing.service.value
        )),
        None => Ok(()),
    }
}

fn swarm(
    stack: &Stack,
    id: ServiceId,
    update: &UpdateConfig,
    given: &Given,
) -> Result<Made, String> {
    let service = stack.service(id);
    let mut collector = Collector::default();
    let units = units(service, &mut collector);
    let startup = given::startup(given.startup.as_ref().ok_or(NO_STARTUP)?, units)?;
    let replicas = service.replicas.as_ref().map_or(1, |replicas| replicas.value);
    let mut plan = SwarmPlan::new(replicas, startup);
    if let Some(replicas) = &service.replicas {
        collector.note(Setting::Desired, "replicas", Spelling::Plain, replicas);
    }
    if let Some(parallelism) = &update.parallelism {
        plan.parallelism = parallelism.value;
        collector.note(Setting::Parallelism, "parallelism", Spelling::Plain, parallelism);
    }
    if let Some(delay) = &update.delay_ms {
        plan.delay_ms = delay.value;
        collector.note(Setting::UpdateDelay, "delay", Spelling::Seconds, delay);
    }
    if let Some(monitor) = &update.monitor_ms {
        plan.monitor_ms = monitor.value;
        collector.note(Setting::Monitor, "monitor", Spelling::Seconds, monitor);
    }
    plan.failure_action = match update.failure_action.as_ref().map(|action| action.value.as_str()) {
        Some("rollback") => FailureAction::Rollback,
        Some("continue") => FailureAction::Continue,
        _ => FailureAction::Pause,
    };
    plan.order = match update.order.as_ref().map(|order| order.value.as_str()) {
        Some("start-first") => Order::StartFirst,
        _ => Order::StopFirst,
    };
    let ratio = update.max_failure_ratio.as_ref().and_then(|ratio| ratio.value.parse().ok());
    plan.max_failure_ratio = ratio.filter(|ratio| (0.0..=1.0).contains(ratio)).unwrap_or(0.0);
    plan.check = check_of(service).map(docker_check);
    if let Some(check) = check_of(service) {
        note_check(stack, id, check, &mut collector);
    }
    let source = "rollout-semantics 5.4";
    let stop = collector.time("stop time", given.stop_ms, "--stop", 5_000, source);
    let grace_ms = service.stop_grace_ms.as_ref().map_or(10_000, |grace| grace.value);
    plan.stop = Draw::constant(stop.min(grace_ms));
    let launch = collector.time("launch latency", given.launch_ms, "--launch", 1_000, source);
    plan.launch = Draw::constant(launch);
    Ok((Platform::Swarm, Plan::Swarm(plan), collector))
}
