//! `terraform show -json` plans, and JSON answers of the AWS command line, as resources.

use wonin_model::{Skipped, Workload};
use wonin_syntax::{Node, Tree};
use wonin_text::{FileId, Place, SourceFile};

use super::ecs::{self, Layer};
use super::json;
use super::value::{Data, Value};
use super::{Resource, WANTED, is_terraform};
use crate::fragment::Content;
use crate::paths::{directory, file_name};
use crate::pipeline::Joining;

/// Names under which no plan and no AWS answer is kept, to spare their loading.
const OTHER_JSON: &[&str] = &[
    "package.json",
    "package-lock.json",
    "composer.json",
    "composer.lock",
    "tsconfig.json",
    "angular.json",
    "renovate.json",
];

/// Whether a path may hold a plan or an answer of the AWS command line.
pub(crate) fn claims(path: &str) -> bool {
    let name = file_name(path);
    name.strip_suffix(".json")
        .is_some_and(|stem| !is_terraform(stem) && !OTHER_JSON.contains(&name))
}

/// Whether the text is one: by the keys that only they have.
pub(crate) fn accepts(_: &str, text: &str) -> bool {
    let has = |key: &str| text.contains(key);
    (has("\"planned_values\"") && has("\"format_version\""))
        || has("\"containerDefinitions\"")
        || (has("\"deploymentConfiguration\"") && has("\"serviceName\""))
        || has("\"HealthCheckIntervalSeconds\"")
        || (has("\"MetricAlarms\"") && has("\"StateValue\""))
}

/// Parses one JSON file.
pub(crate) fn parse(id: FileId, file: &SourceFile, skipped: &mut Vec<Skipped>) -> Content {
    let tree = wonin_syntax::json::parse(file.text());
    skipped.extend(tree.problems.iter().map(|problem| Skipped {
        path: file.path().to_owned(),
        place: Some(Place { file: id, span: problem.span }),
        why: format!("not valid JSON: {}", problem.message),
    }));
    Content::DeployJson(tree)
}

/// Joins plans (each a world of its own) and AWS answers (all of one directory together).
pub(crate) fn join(joining: &mut Joining<'_>) {
    let files: Vec<(FileId, String, Tree)> = joining
        .fragments
        .iter_mut()
        .filter_map(|fragment| match &mut fragment.content {
            Content::DeployJson(tree) => {
                Some((fragment.file, fragment.path.clone(), std::mem::take(tree)))
            }
            _ => None,
        })
        .collect();
    let mut answers: std::collections::BTreeMap<String, Vec<Resource>> =
        std::collections::BTreeMap::new();
    for (file, path, tree) in &files {
        let Some(root) = tree.documents.first() else { continue };
        if root.get("planned_values").is_some() {
            let resources = planned(*file, root);
            let found = ecs::deployments(directory(path), &resources, Layer::Terraform);
            joining.evidence.stack.deployments.extend(found);
        } else {
            answers.entry(directory(path).to_owned()).or_default().extend(answered(*file, root));
        }
    }
    for (dir, resources) in &answers {
        let found = ecs::deployments(dir, resources, Layer::Api);
        joining.evidence.stack.deployments.extend(found);
    }
    tell_states(joining, &answers.into_values().flatten().collect::<Vec<_>>());
}

/// The states of alarms that an answer of CloudWatch tells, wherever their services stand.
fn tell_states(joining: &mut Joining<'_>, answers: &[Resource]) {
    for deployment in &mut joining.evidence.stack.deployments {
        let Workload::Ecs(service) = &mut deployment.workload else { continue };
        for alarm in service.alarms.iter_mut().flat_map(|alarms| &mut alarms.alarms) {
            let same = |one: &&Resource| {
                let name = one.arguments.get("alarm_name").and_then(Value::text);
                one.kind == ALARM && name.as_deref() == Some(&alarm.name.value)
            };
            let found = answers.iter().find(same).and_then(|one| one.arguments.get("state"));
            if let Some(state) = found.and_then(Value::located_text) {
                alarm.state = Some(state);
            }
        }
    }
}

const ALARM: &str = "aws_cloudwatch_metric_alarm";

fn planned(file: FileId, root: &Node) -> Vec<Resource> {
    let mut out = Vec::new();
    let configuration = root.at(&["configuration", "root_module"]);
    if let Some(module) = root.at(&["planned_values", "root_module"]) {
        planned_module(file, module, configuration, &mut out, 0);
    }
    out
}

fn planned_module(
    file: FileId,
    module: &Node,
    configuration: Option<&Node>,
    out: &mut Vec<Resource>,
    depth: u32,
) {
    let resources = module.get("resources").map(Node::items).unwrap_or_default();
    for resource in resources {
        let text = |key: &str| resource.get(key).and_then(Node::as_str).unwrap_or_default();
        let (kind, name, address) = (text("type"), text("name"), text("address"));
        if !WANTED.contains(&kind) {
            continue;
        }
        let Some(values) = resource.get("values") else { continue };
        let mut arguments = json::document(file, values);
        let prefix = address.rsplit_once(kind).map_or("", |(before, _)| before);
        add_references(file, &mut arguments, configuration, kind, name, prefix);
        let place = Place { file, span: resource.span };
        let (kind, address) = (kind.to_owned(), address.to_owned());
        out.push(Resource { kind, address, place, arguments });
    }
    if depth < 32 {
        for child in module.get("child_modules").map(Node::items).unwrap_or_default() {
            let call = child.get("address").and_then(Node::as_str).unwrap_or_default();
            let name = call.rsplit('.').next().unwrap_or(call).split('[').next().unwrap_or(call);
            let inner = configuration.and_then(|c| c.at(&["module_calls", name, "module"]));
            planned_module(file, child, inner, out, depth + 1);
        }
    }
}

/// Arguments that are known only after apply are absent from the planned values; what they refer
/// to stands in the configuration.
fn add_references(
    file: FileId,
    arguments: &mut Value,
    configuration: Option<&Node>,
    kind: &str,
    name: &str,
    prefix: &str,
) {
    let resources =
        configuration.and_then(|c| c.get("resources")).map(Node::items).unwrap_or_default();
    let is_it = |node: &&Node| {
        node.get("type").and_then(Node::as_str) == Some(kind)
            && node.get("name").and_then(Node::as_str) == Some(name)
    };
    let Some(expressions) = resources.iter().find(is_it).and_then(|node| node.get("expressions"))
    else {
        return;
    };
    let Data::Map(map) = &mut arguments.data else { return };
    if let Some(task) = expressions.get("task_definition") {
        set_reference(file, map, "task_definition", task, prefix);
    }
    let written = expressions.get("load_balancer").map(Node::items).unwrap_or_default();
    if let Some((_, Value { data: Data::List(blocks), .. })) =
        map.iter_mut().find(|(key, _)| key == "load_balancer")
    {
        for (block, expression) in blocks.iter_mut().zip(written) {
            if let (Data::Map(inner), Some(arn)) =
                (&mut block.data, expression.get("target_group_arn"))
            {
                set_reference(file, inner, "target_group_arn", arn, prefix);
            }
        }
    }
}

fn set_reference(
    file: FileId,
    map: &mut Vec<(String, Value)>,
    key: &str,
    expression: &Node,
    prefix: &str,
) {
    let references = expression.get("references").map(Node::items).unwrap_or_default();
    let Some(node) = references.first() else { return };
    let text = node.as_str().unwrap_or_default();
    let mut parts = text.splitn(3, '.');
    let (Some(kind), Some(name)) = (parts.next(), parts.next()) else { return };
    let attribute = parts.next().unwrap_or_default().to_owned();
    let place = Place { file, span: node.span };
    let value = if WANTED.contains(&kind) {
        let address = format!("{prefix}{kind}.{name}");
        Value::new(Data::Resource { address, attribute }, place)
    } else {
        Value::unknown(format!("{text} is known only after apply"), place)
    };
    match map.iter_mut().find(|(known, _)| known == key) {
        Some((_, known)) if known.is_null() => *known = value,
        Some(_) => {}
        None => map.push((key.to_owned(), value)),
    }
}

/// Answers of `aws ecs describe-services`, `describe-task-definition` (or the input of
/// `register-task-definition`) and `aws elbv2 describe-target-groups`, under Terraform's names.
fn answered(file: FileId, root: &Node) -> Vec<Resource> {
    let mut out = Vec::new();
    let place = |node: &Node| Place { file, span: node.span };
    let mut add = |kind: &str, name: &str, node: &Node, renames: &[(&str, &str)]| {
        let mut arguments = json::document(file, node);
        rename(&mut arguments, renames);
        let address = format!("{kind}.{name}");
        out.push(Resource { kind: kind.to_owned(), address, place: place(node), arguments });
    };
    let text = |node: &Node, key: &str| {
        node.get(key).and_then(Node::as_str).unwrap_or_default().to_owned()
    };
    let listed = root.get("services").map(Node::items).unwrap_or_default();
    let single = root.get("service").or(root.get("serviceName").is_some().then_some(root));
    for service in listed.iter().chain(single) {
        add("aws_ecs_service", &text(service, "serviceName"), service, SERVICE_NAMES);
    }
    let task = root.get("taskDefinition").filter(|node| node.is_mapping());
    let task = task.or(root.get("containerDefinitions").is_some().then_some(root));
    if let Some(task) = task {
        add("aws_ecs_task_definition", &text(task, "family"), task, TASK_NAMES);
    }
    for group in root.get("TargetGroups").map(Node::items).unwrap_or_default() {
        add("aws_lb_target_group", &text(group, "TargetGroupName"), group, GROUP_NAMES);
    }
    for alarm in root.get("MetricAlarms").map(Node::items).unwrap_or_default() {
        add(ALARM, &text(alarm, "AlarmName"), alarm, ALARM_NAMES);
    }
    for resource in &mut out {
        nest(resource);
    }
    out
}

const SERVICE_NAMES: &[(&str, &str)] = &[
    ("serviceName", "name"),
    ("desiredCount", "desired_count"),
    ("taskDefinition", "task_definition"),
    ("launchType", "launch_type"),
    ("healthCheckGracePeriodSeconds", "health_check_grace_period_seconds"),
    ("loadBalancers", "load_balancer"),
    ("capacityProviderStrategy", "capacity_provider_strategy"),
];
const TASK_NAMES: &[(&str, &str)] = &[
    ("taskDefinitionArn", "arn"),
    ("containerDefinitions", "container_definitions"),
    ("networkMode", "network_mode"),
];
const GROUP_NAMES: &[(&str, &str)] = &[
    ("TargetGroupArn", "arn"),
    ("TargetGroupName", "name"),
    ("Port", "port"),
    ("Protocol", "protocol"),
];
const ALARM_NAMES: &[(&str, &str)] = &[
    ("AlarmName", "alarm_name"),
    ("Period", "period"),
    ("EvaluationPeriods", "evaluation_periods"),
    ("TreatMissingData", "treat_missing_data"),
    ("StateValue", "state"),
];
const CHECK_NAMES: &[(&str, &str)] = &[
    ("HealthCheckIntervalSeconds", "interval"),
    ("HealthCheckTimeoutSeconds", "timeout"),
    ("HealthyThresholdCount", "healthy_threshold"),
    ("UnhealthyThresholdCount", "unhealthy_threshold"),
    ("HealthCheckPath", "path"),
    ("HealthCheckPort", "port"),
];

fn rename(value: &mut Value, renames: &[(&str, &str)]) {
    if let Data::Map(entries) = &mut value.data {
        for (key, _) in entries.iter_mut() {
            if let Some((_, to)) = renames.iter().find(|(from, _)| from == key) {
                (*to).clone_into(key);
            }
        }
    }
}

/// What the API nests otherwise than Terraform: the deployment configuration, load balancer
/// entries, the health check of a target group, and container definitions that are no text.
fn nest(resource: &mut Resource) {
    let place = resource.place;
    let whole = resource.arguments.clone();
    let Data::Map(map) = &mut resource.arguments.data else { return };
    match resource.kind.as_str() {
        "aws_ecs_service" => {
            if let Some(configuration) = whole.get("deploymentConfiguration") {
                let pairs = [
                    ("minimumHealthyPercent", "deployment_minimum_healthy_percent"),
                    ("maximumPercent", "deployment_maximum_percent"),
                    ("deploymentCircuitBreaker", "deployment_circuit_breaker"),
                    ("alarms", "alarms"),
                ];
                for (from, to) in pairs {
                    if let Some(value) = configuration.get(from) {
                        let mut value = value.clone();
                        rename(&mut value, &[("alarmNames", "alarm_names")]);
                        map.push((to.to_owned(), value));
                    }
                }
            }
            if let Some((_, Value { data: Data::List(blocks), .. })) =
                map.iter_mut().find(|(key, _)| key == "load_balancer")
            {
                for block in blocks {
                    rename(block, &[("targetGroupArn", "target_group_arn")]);
                }
            }
        }
        "aws_lb_target_group" => {
            let mut check = whole.clone();
            rename(&mut check, CHECK_NAMES);
            if let Data::Map(entries) = &mut check.data {
                entries.retain(|(key, _)| CHECK_NAMES.iter().any(|(_, to)| to == key));
                let code = whole.get("Matcher").and_then(|m| m.get("HttpCode")).cloned();
                entries.extend(code.map(|code| ("matcher".to_owned(), code)));
            }
            map.push(("health_check".to_owned(), Value::new(Data::List(vec![check]), place)));
        }
        "aws_ecs_task_definition" => {
            if let Some((_, definitions)) =
                map.iter_mut().find(|(key, _)| key == "container_definitions")
            {
                let inner = definitions.clone();
                definitions.data = Data::Json(Box::new(inner));
            }
        }
        _ => {}
    }
}
