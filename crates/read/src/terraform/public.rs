//! Modules of the public registry that are not among the files, and that many stacks take their
//! services and target groups from: what they make of their arguments, with their own defaults.

use wonin_model::Origin;
use wonin_syntax::hcl::ExprKind;
use wonin_text::Place;

use super::Resource;
use super::eval::{Scope, Step, World};
use super::module::Declared;
use super::value::{Data, Value};

/// What a module of the registry makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// `terraform-aws-modules/alb/aws`: target groups.
    Balancer,
    /// `terraform-aws-modules/ecs/aws//modules/service`: one service with its task definition.
    Service,
}

fn kind(declared: &Declared<'_>) -> Option<Kind> {
    let ExprKind::Text(source, _) = &declared.block.body.attribute("source")?.value.kind else {
        return None;
    };
    match source.as_str() {
        "terraform-aws-modules/alb/aws" => Some(Kind::Balancer),
        "terraform-aws-modules/ecs/aws//modules/service" => Some(Kind::Service),
        _ => None,
    }
}

/// The resources of one call.
pub(super) fn resources(
    world: &World<'_>,
    address: &str,
    declared: &Declared<'_>,
    scope: &Scope,
) -> Vec<Resource> {
    match kind(declared) {
        Some(Kind::Balancer) => target_groups(world, address, declared, scope),
        Some(Kind::Service) => service(world, address, declared, scope),
        None => Vec::new(),
    }
}

/// `module.alb.target_groups["web"].arn`, or `module.alb.target_group_arns[0]` of older versions,
/// as an attribute of the target group.
pub(super) fn output(
    declared: &Declared<'_>,
    address: &str,
    steps: &[Step],
    place: Place,
) -> Option<Value> {
    if kind(declared)? != Kind::Balancer {
        return None;
    }
    let [Step::Name(output), Step::Name(key), ..] = steps else { return None };
    if output != "target_groups" && output != "target_group_arns" {
        return None;
    }
    let address = format!("{address}aws_lb_target_group.this[{key}]");
    Some(Value::new(Data::Resource { address, attribute: "arn".to_owned() }, place))
}

fn argument(
    world: &World<'_>,
    declared: &Declared<'_>,
    scope: &Scope,
    name: &str,
) -> Option<Value> {
    let written = declared.block.body.attribute(name)?;
    Some(world.eval(&written.value, scope)).filter(|value| !value.is_null())
}

fn target_groups(
    world: &World<'_>,
    address: &str,
    declared: &Declared<'_>,
    scope: &Scope,
) -> Vec<Resource> {
    let groups = match argument(world, declared, scope, "target_groups").map(|value| value.data) {
        Some(Data::Map(entries)) => entries,
        Some(Data::List(items)) => (0u32..).map(|n| n.to_string()).zip(items).collect(),
        _ => return Vec::new(),
    };
    let made = groups.into_iter().map(|(key, mut arguments)| {
        if let Data::Map(entries) = &mut arguments.data {
            for (name, to) in [("backend_port", "port"), ("backend_protocol", "protocol")] {
                if let Some((known, _)) = entries.iter_mut().find(|(known, _)| known == name) {
                    to.clone_into(known);
                }
            }
        }
        Resource {
            kind: "aws_lb_target_group".to_owned(),
            address: format!("{address}aws_lb_target_group.this[{key}]"),
            place: arguments.place().unwrap_or_else(|| declared.place()),
            arguments,
        }
    });
    made.collect()
}

/// Arguments that the module passes on as they are.
const PASSED: &[&str] = &[
    "name",
    "scheduling_strategy",
    "health_check_grace_period_seconds",
    "deployment_circuit_breaker",
    "deployment_controller",
    "deployment_configuration",
    "wait_for_steady_state",
    "alarms",
    "capacity_provider_strategy",
    "timeouts",
];

/// Arguments with a default of the module's own.
const OWN: &[(&str, f64)] = &[
    ("desired_count", 1.0),
    ("deployment_minimum_healthy_percent", 66.0),
    ("deployment_maximum_percent", 200.0),
];

/// A default of the service module, whichever version it has.
fn own(data: Data) -> Value {
    let of = "terraform-aws-modules/ecs/aws//modules/service";
    Value { data, origin: Origin::default_of(of, "terraform-aws-modules/ecs/aws, inputs") }
}

fn service(
    world: &World<'_>,
    address: &str,
    declared: &Declared<'_>,
    scope: &Scope,
) -> Vec<Resource> {
    let place = declared.place();
    let get = |name: &str| argument(world, declared, scope, name);
    let is_off = |name: &str| get(name).and_then(|value| value.bool()) == Some(false);
    if is_off("create") || is_off("create_service") {
        return Vec::new();
    }
    let mut map: Vec<(String, Value)> =
        PASSED.iter().filter_map(|name| Some(((*name).to_owned(), get(name)?))).collect();
    for (name, number) in OWN {
        let value = get(name).unwrap_or_else(|| own(Data::Number(*number)));
        map.push(((*name).to_owned(), value));
    }
    if get("capacity_provider_strategy").is_none() {
        let launch = get("launch_type").unwrap_or_else(|| own(Data::Text("FARGATE".to_owned())));
        map.push(("launch_type".to_owned(), launch));
    }
    if let Some(Value { data: Data::Map(balancers), origin }) = get("load_balancer") {
        let blocks = balancers.into_iter().map(|(_, block)| block).collect();
        map.push(("load_balancer".to_owned(), Value { data: Data::List(blocks), origin }));
    }
    if let Some(subnets) = get("subnet_ids") {
        let network = Value::new(Data::Map(vec![("subnets".to_owned(), subnets)]), place);
        map.push(("network_configuration".to_owned(), network));
    }
    let task = format!("{address}aws_ecs_task_definition.this");
    let reference = Data::Resource { address: task.clone(), attribute: "arn".to_owned() };
    map.push(("task_definition".to_owned(), Value::new(reference, place)));
    let definition = definition(world, declared, scope);
    let resource = |kind: &str, address: String, arguments: Value| Resource {
        kind: kind.to_owned(),
        address,
        place,
        arguments,
    };
    vec![
        resource(
            "aws_ecs_service",
            format!("{address}aws_ecs_service.this"),
            Value::new(Data::Map(map), place),
        ),
        resource("aws_ecs_task_definition", task, definition),
    ]
}

fn definition(world: &World<'_>, declared: &Declared<'_>, scope: &Scope) -> Value {
    let get = |name: &str| argument(world, declared, scope, name);
    let mut map = Vec::new();
    for (name, number) in [("cpu", 1024.0), ("memory", 2048.0)] {
        map.push((name.to_owned(), get(name).unwrap_or_else(|| own(Data::Number(number)))));
    }
    if let Some(Value { data: Data::Map(containers), origin }) = get("container_definitions") {
        let named = containers.into_iter().map(|(name, container)| named(&name, container));
        let list = Value { data: Data::List(named.collect()), origin: origin.clone() };
        let text = Value { data: Data::Json(Box::new(list)), origin };
        map.push(("container_definitions".to_owned(), text));
    }
    Value::new(Data::Map(map), declared.place())
}

/// Older versions of the module write the keys of a container in snake case.
fn named(name: &str, mut container: Value) -> Value {
    camel(&mut container, 0);
    let origin = container.origin.clone();
    if let Data::Map(entries) = &mut container.data
        && !entries.iter().any(|(key, _)| key == "name")
    {
        entries.push(("name".to_owned(), Value { data: Data::Text(name.to_owned()), origin }));
    }
    container
}

fn camel(value: &mut Value, depth: u32) {
    match &mut value.data {
        Data::Map(entries) if depth < 4 => {
            for (key, inner) in entries {
                let mut parts = key.split('_');
                let mut name = parts.next().unwrap_or_default().to_owned();
                for part in parts {
                    let mut letters = part.chars();
                    name.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
                    name.push_str(letters.as_str());
                }
                *key = name;
                camel(inner, depth + 1);
            }
        }
        Data::List(items) if depth < 4 => {
            for item in items {
                camel(item, depth + 1);
            }
        }
        _ => {}
    }
}
