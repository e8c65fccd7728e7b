//! Resources to ECS deployments: service, task definition and target groups joined.

use std::borrow::Cow;

use wonin_model::{
    ClusterInstances, Deployment, DeploymentAlarms, EcsContainer, EcsContainerCheck, EcsService,
    LaunchType, Located, MetricAlarm, TargetGroup, TaskDefinition, Unknown, Workload,
};
use wonin_text::Place;

use super::value::{Data, Value};
use super::{Resource, json, zones};
use crate::servers::jvm;

/// Which layer sends the defaults (rollout-semantics 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layer {
    /// The Terraform AWS provider.
    Terraform,
    /// The AWS API itself.
    Api,
}

impl Layer {
    fn source(self) -> &'static str {
        match self {
            Self::Terraform => "Terraform AWS provider documentation",
            Self::Api => "AWS API reference",
        }
    }
}

/// The deployments among the resources of one root.
pub(crate) fn deployments(dir: &str, resources: &[Resource], layer: Layer) -> Vec<Deployment> {
    let services = resources.iter().filter(|resource| resource.kind == "aws_ecs_service");
    services.map(|service| deployment(dir, service, resources, layer)).collect()
}

/// Reads arguments of one block and keeps a list of those that are not known.
struct Reading<'a> {
    value: &'a Value,
    place: Place,
    unknown: &'a mut Vec<Unknown>,
}

impl Reading<'_> {
    fn known(&mut self, name: &str) -> Option<&Value> {
        let value = self.value.get(name)?;
        if let Some(why) = value.why_unknown() {
            let place = value.place().unwrap_or(self.place);
            self.unknown.push(Unknown { setting: name.to_owned(), place, why });
        }
        Some(value)
    }

    fn absent(&self, name: &str) -> bool {
        self.value.get(name).is_none_or(Value::is_null)
    }

    /// An integer; the default where absent, `None` where unknown.
    fn int<T: TryFrom<u64>>(&mut self, name: &str, default: Default<T>) -> Option<Located<T>> {
        if self.absent(name) {
            return default.map(|(value, of, source)| Located::default_of(value, of, source));
        }
        let value = self.known(name)?;
        let number = value.located_int();
        if number.is_none() && value.why_unknown().is_none() {
            let text = value.text().unwrap_or_default();
            let why = format!("`{text}` is not a whole number of 0 or more");
            let place = value.place().unwrap_or(self.place);
            self.unknown.push(Unknown { setting: name.to_owned(), place, why });
        }
        number
    }

    fn bool(&mut self, name: &str, default: Default<bool>) -> Option<Located<bool>> {
        if self.absent(name) {
            return default.map(|(value, of, source)| Located::default_of(value, of, source));
        }
        self.known(name)?.located_bool()
    }

    fn text(&mut self, name: &str, default: Default<&str>) -> Option<Located<String>> {
        if self.absent(name) {
            return default
                .map(|(value, of, source)| Located::default_of(value.to_owned(), of, source));
        }
        self.known(name)?.located_text()
    }
}

/// A default with whose it is and where it is documented.
type Default<T> = Option<Standard<T>>;
type Standard<T> = (T, Cow<'static, str>, Cow<'static, str>);

fn default<T>(value: T, of: &'static str, layer: Layer) -> Standard<T> {
    (value, Cow::Borrowed(of), Cow::Borrowed(layer.source()))
}

/// Nested blocks of one name: a list of maps, or a single map in JSON syntax.
pub(super) fn blocks<'a>(value: &'a Value, name: &str) -> Vec<&'a Value> {
    match value.get(name) {
        Some(value @ Value { data: Data::Map(_), .. }) => vec![value],
        Some(value) => value.items().iter().collect(),
        None => Vec::new(),
    }
}

fn deployment(dir: &str, service: &Resource, all: &[Resource], layer: Layer) -> Deployment {
    let arguments = &service.arguments;
    let mut unknown = Vec::new();
    let task = task_of(arguments, all, layer, service.place, &mut unknown);
    let target_groups = blocks(arguments, "load_balancer")
        .into_iter()
        .filter_map(|block| Some((block, block.get("target_group_arn")?)))
        .filter_map(|(block, arn)| {
            match find(arn, all, &["aws_lb_target_group", "aws_alb_target_group"]) {
                Some(found) => {
                    let mut group = target_group(found, layer, &mut unknown);
                    group.container_name =
                        block.get("container_name").and_then(Value::located_text);
                    group.container_port = block.get("container_port").and_then(Value::located_int);
                    Some(group)
                }
                None => {
                    unknown.push(Unknown {
                        setting: "target_group_arn".to_owned(),
                        place: arn.place().unwrap_or(service.place),
                        why: arn
                            .why_unknown()
                            .unwrap_or_else(|| "no such target group here".into()),
                    });
                    None
                }
            }
        })
        .collect();
    let mut ecs = ecs_service(service, task, target_groups, layer, &mut unknown);
    ecs.instances = instances(all);
    ecs.alarms = alarms(service, all, layer);
    ecs.task_zones = zones::of_tasks(arguments, all);
    ecs.balancer_zones = zones::of_balancer(arguments, all);
    let name = arguments.get("name").and_then(Value::text);
    let name = name.unwrap_or_else(|| own_name(&service.address));
    Deployment {
        name,
        address: service.address.clone(),
        dir: dir.to_owned(),
        place: service.place,
        workload: Workload::Ecs(Box::new(ecs)),
        unknown,
    }
}

/// The last part of an address that says something: what a module calls `this` has the name of the
/// call.
fn own_name(address: &str) -> String {
    let (module, last) = match address.rsplit_once(".aws_ecs_service.") {
        Some((module, last)) => (module, last),
        None => ("", address.rsplit('.').next().unwrap_or(address)),
    };
    let says_nothing = matches!(last.split('[').next(), Some("this" | "main" | "default"));
    let call = module.rsplit_once("module.").map(|(_, call)| call);
    call.filter(|_| says_nothing).unwrap_or(last).to_owned()
}

fn ecs_service(
    service: &Resource,
    task: Option<TaskDefinition>,
    target_groups: Vec<TargetGroup>,
    layer: Layer,
    unknown: &mut Vec<Unknown>,
) -> EcsService {
    let arguments = &service.arguments;
    let breaker = blocks(arguments, "deployment_circuit_breaker").into_iter().next();
    let of_breaker = breaker.map_or((None, None), |block| {
        let mut block = Reading { value: block, place: service.place, unknown };
        (block.bool("enable", None), block.bool("rollback", None))
    });
    let update_timeout = blocks(arguments, "timeouts")
        .into_iter()
        .filter_map(|block| block.get("update"))
        .find_map(|value| value.text().and_then(|t| duration_s(&t)).map(|s| value.located(s)));
    let launch_type = launch_type(arguments, layer);
    let controller = blocks(arguments, "deployment_controller")
        .into_iter()
        .find_map(|block| block.get("type")?.located_text());
    // ECS itself replaces tasks otherwise than one by one: blue/green, linear, canary.
    let strategy = blocks(arguments, "deployment_configuration")
        .into_iter()
        .find_map(|block| block.get("strategy")?.located_text())
        .filter(|strategy| strategy.value != "ROLLING");
    let controller = strategy.or(controller);
    let mut read = Reading { value: arguments, place: service.place, unknown };
    let off = || Located::default_of(false, "aws_ecs_service", layer.source());
    EcsService {
        desired_count: read.int("desired_count", Some(default(0, "aws_ecs_service", layer))),
        minimum_healthy_percent: read.int(
            "deployment_minimum_healthy_percent",
            Some(default(100, "ECS replica service", layer)),
        ),
        maximum_percent: read
            .int("deployment_maximum_percent", Some(default(200, "ECS replica service", layer))),
        grace_period_s: read
            .int("health_check_grace_period_seconds", Some(default(0, "ECS service", layer))),
        controller,
        scheduling_strategy: arguments.get("scheduling_strategy").and_then(Value::located_text),
        launch_type,
        breaker_enabled: of_breaker.0.or_else(|| breaker.is_none().then(off)),
        breaker_rollback: of_breaker.1.or_else(|| breaker.is_none().then(off)),
        wait_for_steady_state: read
            .bool("wait_for_steady_state", Some(default(false, "aws_ecs_service", layer))),
        update_timeout_s: update_timeout.or_else(|| {
            (layer == Layer::Terraform)
                .then(|| Located::default_of(1200, "aws_ecs_service", layer.source()))
        }),
        task,
        target_groups,
        instances: None,
        alarms: None,
        task_zones: Vec::new(),
        balancer_zones: Vec::new(),
    }
}

/// The one Auto Scaling group with the type of its instances. Which of several is the cluster's, and
/// what several types come to, is not told.
fn instances(all: &[Resource]) -> Option<ClusterInstances> {
    let mut groups = all.iter().filter(|one| one.kind == "aws_autoscaling_group");
    let group = &groups.next()?.arguments;
    if groups.next().is_some() {
        return None;
    }
    let template = blocks(group, "launch_template").into_iter().next();
    let template = template.and_then(|block| block.get("id").or_else(|| block.get("name")));
    let made = match (template, group.get("launch_configuration")) {
        (Some(template), _) => find(template, all, &["aws_launch_template"]),
        (None, Some(old)) => find(old, all, &["aws_launch_configuration"]),
        (None, None) => None,
    }?;
    Some(ClusterInstances {
        max: group.get("max_size")?.located_int()?,
        kind: made.arguments.get("instance_type")?.located_text()?,
    })
}

/// The alarms that watch the deployments of a service, where they are written.
fn alarms(service: &Resource, all: &[Resource], layer: Layer) -> Option<DeploymentAlarms> {
    let block = blocks(&service.arguments, "alarms").into_iter().next()?;
    let mut nothing = Vec::new();
    let mut read = Reading { value: block, place: service.place, unknown: &mut nothing };
    let off = || Some(default(false, "ECS deployment alarms", layer));
    let (enable, rollback) = (read.bool("enable", off())?, read.bool("rollback", off())?);
    let names = block.get("alarm_names").map(Value::items).unwrap_or_default();
    let alarms = names.iter().filter_map(|name| metric_alarm(name, all)).collect();
    Some(DeploymentAlarms { enable, rollback, alarms })
}

fn metric_alarm(name: &Value, all: &[Resource]) -> Option<MetricAlarm> {
    let found = find(name, all, &["aws_cloudwatch_metric_alarm"]);
    let get = |key: &str| found.and_then(|alarm| alarm.arguments.get(key));
    let known = get("alarm_name").and_then(Value::text);
    let name = name.located_text().or_else(|| Some(name.located(known?)))?;
    Some(MetricAlarm {
        name,
        period_s: get("period").and_then(Value::located_int),
        evaluation_periods: get("evaluation_periods").and_then(Value::located_int),
        treat_missing_data: get("treat_missing_data").and_then(Value::located_text),
        state: get("state").and_then(Value::located_text),
    })
}

fn launch_type(arguments: &Value, layer: Layer) -> Option<Located<LaunchType>> {
    let kind = |text: &str| match text {
        "FARGATE" | "FARGATE_SPOT" => Some(LaunchType::Fargate),
        "EC2" => Some(LaunchType::Ec2),
        _ => None,
    };
    if let Some(written) = arguments.get("launch_type").filter(|value| !value.is_null()) {
        return written.text().and_then(|text| kind(&text)).map(|kind| written.located(kind));
    }
    let strategies = blocks(arguments, "capacity_provider_strategy");
    if let Some(provider) = strategies.iter().find_map(|block| block.get("capacity_provider")) {
        let kind = provider.text().and_then(|text| kind(&text));
        return Some(provider.located(kind.unwrap_or(LaunchType::Ec2)));
    }
    // `awsvpc` with a task size is what Fargate needs, but EC2 takes it as well: no guess.
    Some(Located::default_of(LaunchType::Ec2, "ECS service", layer.source()))
}

/// The resource that a reference or a name points to.
pub(super) fn find<'a>(value: &Value, all: &'a [Resource], kinds: &[&str]) -> Option<&'a Resource> {
    let of_kind = |resource: &&Resource| kinds.contains(&resource.kind.as_str());
    match &value.data {
        Data::Resource { address, .. } => {
            let base = address.split('[').next().unwrap_or(address);
            let exact = all.iter().filter(of_kind).find(|resource| resource.address == *address);
            exact.or_else(|| {
                let mut same = all.iter().filter(of_kind).filter(|resource| {
                    resource.address.split('[').next().unwrap_or_default() == base
                });
                let only = same.next()?;
                same.next().is_none().then_some(only)
            })
        }
        Data::Text(text) => all.iter().filter(of_kind).find(|resource| {
            let has = |name: &str| resource.arguments.get(name).and_then(Value::text);
            has("arn").is_some_and(|arn| arn == *text)
                || has("alarm_name").is_some_and(|name| name == *text)
                || has("family").is_some_and(|family| {
                    text.rsplit('/').next().unwrap_or(text).split(':').next() == Some(&family)
                })
        }),
        _ => None,
    }
}

fn task_of(
    service: &Value,
    all: &[Resource],
    layer: Layer,
    place: Place,
    unknown: &mut Vec<Unknown>,
) -> Option<TaskDefinition> {
    let reference = service.get("task_definition")?;
    let Some(found) = find(reference, all, &["aws_ecs_task_definition"]) else {
        unknown.push(Unknown {
            setting: "task_definition".to_owned(),
            place: reference.place().unwrap_or(place),
            why: reference.why_unknown().unwrap_or_else(|| "no such task definition here".into()),
        });
        return None;
    };
    Some(task_definition(found, layer, unknown))
}

fn task_definition(
    resource: &Resource,
    layer: Layer,
    unknown: &mut Vec<Unknown>,
) -> TaskDefinition {
    let mut read = Reading { value: &resource.arguments, place: resource.place, unknown };
    let cpu_units = read.int("cpu", None);
    let memory_mib = read.int("memory", None);
    let network_mode = read.text("network_mode", None);
    let mut containers = Vec::new();
    if let Some(definitions) = resource.arguments.get("container_definitions") {
        match json::of(definitions) {
            Ok(list) => {
                for item in list.items() {
                    containers.extend(container(item, resource.place, layer, unknown));
                }
            }
            Err(why) => unknown.push(Unknown {
                setting: "container_definitions".to_owned(),
                place: definitions.place().unwrap_or(resource.place),
                why,
            }),
        }
    }
    TaskDefinition { place: resource.place, cpu_units, memory_mib, network_mode, containers }
}

fn container(
    value: &Value,
    place: Place,
    layer: Layer,
    unknown: &mut Vec<Unknown>,
) -> Option<EcsContainer> {
    let name = value.get("name")?.located_text()?;
    let mut read = Reading { value, place: value.place().unwrap_or(place), unknown };
    let stop = Some(default(30, "ECS task definition", layer));
    let stop_timeout_s = read.int("stopTimeout", stop)?;
    let mappings = value.get("portMappings").map(Value::items).unwrap_or_default();
    let ports = |key: &str| -> Vec<Located<u16>> {
        let numbers = mappings.iter().filter_map(|mapping| mapping.get(key)?.located_int());
        numbers.filter(|port: &Located<u16>| port.value != 0).collect()
    };
    let health_check = value
        .get("healthCheck")
        .filter(|check| matches!(check.data, Data::Map(_)))
        .map(|check| container_check(check, place, layer, read.unknown));
    let mut read = Reading { value, place: value.place().unwrap_or(place), unknown: read.unknown };
    Some(EcsContainer {
        name,
        essential: value.get("essential").and_then(Value::bool).unwrap_or(true),
        cpu_units: read.int("cpu", None).filter(|cpu: &Located<u32>| cpu.value > 0),
        memory_mib: read.int("memory", None),
        memory_reservation_mib: read.int("memoryReservation", None),
        stop_timeout_s,
        host_ports: ports("hostPort"),
        container_ports: ports("containerPort"),
        health_check,
        heap_max_bytes: jvm::heap(texts(value).into_iter()),
    })
}

/// Words of the command and values of the environment.
fn texts(container: &Value) -> Vec<Located<String>> {
    let words = ["entryPoint", "command"].into_iter().filter_map(|key| container.get(key));
    let words = words.flat_map(Value::items).filter_map(Value::located_text);
    let variables = container.get("environment").map(Value::items).unwrap_or_default();
    let values = variables.iter().filter_map(|variable| variable.get("value")?.located_text());
    words.chain(values).collect()
}

fn container_check(
    check: &Value,
    place: Place,
    layer: Layer,
    unknown: &mut Vec<Unknown>,
) -> EcsContainerCheck {
    let command = check.get("command").and_then(|command| {
        let words: Option<Vec<String>> = command.items().iter().map(Value::text).collect();
        words.filter(|words| !words.is_empty()).map(|words| command.located(words.join(" ")))
    });
    let place = check.place().unwrap_or(place);
    let mut read = Reading { value: check, place, unknown };
    let of = "ECS container health check";
    let fallback = |value: u64| Located::default_of(value, of, layer.source());
    EcsContainerCheck {
        place,
        command,
        interval_s: read.int("interval", None).unwrap_or_else(|| fallback(30)),
        timeout_s: read.int("timeout", None).unwrap_or_else(|| fallback(5)),
        retries: read
            .int("retries", None)
            .unwrap_or_else(|| Located::default_of(3, of, layer.source())),
        start_period_s: read.int("startPeriod", None).unwrap_or_else(|| fallback(0)),
    }
}

fn target_group(resource: &Resource, layer: Layer, unknown: &mut Vec<Unknown>) -> TargetGroup {
    let arguments = &resource.arguments;
    let nothing = Value::new(Data::Map(Vec::new()), resource.place);
    let check = blocks(arguments, "health_check").into_iter().next().unwrap_or(&nothing);
    let (healthy, unhealthy) = match layer {
        Layer::Terraform => (3, 3),
        Layer::Api => (5, 2),
    };
    let of = "target group health check";
    let mut read = Reading { value: check, place: resource.place, unknown };
    let timeout = Some((
        5,
        Cow::Borrowed("target group health check (assumed: the documents disagree)"),
        Cow::Borrowed("Application Load Balancers user guide, target group health checks"),
    ));
    let interval_s = read.int("interval", Some(default(30, of, layer)));
    let timeout_s = read.int("timeout", timeout);
    let healthy_threshold = read.int("healthy_threshold", Some(default(healthy, of, layer)));
    let unhealthy_threshold = read.int("unhealthy_threshold", Some(default(unhealthy, of, layer)));
    let matcher = read.text("matcher", Some(default("200", of, layer)));
    let path = read.text("path", Some(default("/", of, layer)));
    let check_port = read.text("port", Some(default("traffic-port", of, layer)));
    let mut read = Reading { value: arguments, place: resource.place, unknown };
    TargetGroup {
        name: read.text("name", None).map_or_else(|| resource.address.clone(), |name| name.value),
        place: resource.place,
        container_name: None,
        container_port: None,
        interval_s,
        timeout_s,
        healthy_threshold,
        unhealthy_threshold,
        matcher,
        path,
        check_port,
        port: read.int("port", None),
        protocol: read.text("protocol", None),
        deregistration_delay_s: read
            .int("deregistration_delay", Some(default(300, "target group", layer))),
        slow_start_s: read.int("slow_start", Some(default(0, "target group", layer))),
    }
}

/// `20m`, `1h30m`, `90s` in seconds.
fn duration_s(text: &str) -> Option<u64> {
    let mut total: u64 = 0;
    let mut number = String::new();
    for character in text.chars() {
        if character.is_ascii_digit() {
            number.push(character);
            continue;
        }
        let factor = match character {
            'h' => 3600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(factor)?)?;
        number.clear();
    }
    number.is_empty().then_some(total)
}
