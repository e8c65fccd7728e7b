//! Availability zones of tasks and load balancers, by their subnets.

use wonin_model::Located;

use super::Resource;
use super::ecs::{blocks, find};
use super::value::{Data, Value};

const GROUPS: &[&str] = &["aws_lb_target_group", "aws_alb_target_group"];
const LISTENERS: &[&str] = &["aws_lb_listener", "aws_alb_listener"];
const RULES: &[&str] = &["aws_lb_listener_rule", "aws_alb_listener_rule"];
const BALANCERS: &[&str] = &["aws_lb", "aws_alb"];

/// Zones of the subnets in which a service runs its tasks, one for each subnet; empty where one of
/// them is not known.
pub(super) fn of_tasks(service: &Value, all: &[Resource]) -> Vec<Located<String>> {
    let network = blocks(service, "network_configuration").into_iter().next();
    let subnets = network.and_then(|block| block.get("subnets"));
    subnets.and_then(|subnets| of_subnets(subnets, all)).unwrap_or_default()
}

/// Zones of the load balancer through which requests for a service come.
pub(super) fn of_balancer(service: &Value, all: &[Resource]) -> Vec<Located<String>> {
    let groups = blocks(service, "load_balancer");
    let balancer = groups.into_iter().find_map(|block| {
        let group = find(block.get("target_group_arn")?, all, GROUPS)?;
        balancer_of(group, all)
    });
    balancer.and_then(|balancer| zones_of(balancer, all)).unwrap_or_default()
}

/// The load balancer with a listener, or a rule of one, that forwards to a target group.
fn balancer_of<'a>(group: &Resource, all: &'a [Resource]) -> Option<&'a Resource> {
    let of_kind =
        |kinds: &'static [&str]| all.iter().filter(move |one| kinds.contains(&one.kind.as_str()));
    let forwards = |arguments: &Value, action: &str| {
        targets(arguments, action)
            .iter()
            .any(|arn| find(arn, all, GROUPS).is_some_and(|found| found.address == group.address))
    };
    let direct = of_kind(LISTENERS).find(|one| forwards(&one.arguments, "default_action"));
    let listener = direct.or_else(|| {
        let rule = of_kind(RULES).find(|one| forwards(&one.arguments, "action"))?;
        find(rule.arguments.get("listener_arn")?, all, LISTENERS)
    })?;
    find(listener.arguments.get("load_balancer_arn")?, all, BALANCERS)
}

/// Target groups that the actions of one name forward to.
fn targets<'a>(arguments: &'a Value, action: &str) -> Vec<&'a Value> {
    let mut found = Vec::new();
    for action in blocks(arguments, action) {
        found.extend(action.get("target_group_arn"));
        for forward in blocks(action, "forward") {
            let weighted = blocks(forward, "target_group");
            found.extend(weighted.into_iter().filter_map(|target| target.get("arn")));
        }
    }
    found
}

fn zones_of(balancer: &Resource, all: &[Resource]) -> Option<Vec<Located<String>>> {
    let arguments = &balancer.arguments;
    if let Some(subnets) = arguments.get("subnets") {
        return of_subnets(subnets, all);
    }
    let mappings = blocks(arguments, "subnet_mapping");
    let zones = mappings.into_iter().map(|mapping| of_subnet(mapping.get("subnet_id")?, all));
    Some(zones.collect::<Option<Vec<_>>>()?.concat())
}

fn of_subnets(subnets: &Value, all: &[Resource]) -> Option<Vec<Located<String>>> {
    match &subnets.data {
        Data::List(items) => {
            let zones = items.iter().map(|item| of_subnets(item, all));
            Some(zones.collect::<Option<Vec<_>>>()?.concat())
        }
        _ => of_subnet(subnets, all),
    }
}

/// Zones of one subnet, or of all that a reference with a splat means.
fn of_subnet(subnet: &Value, all: &[Resource]) -> Option<Vec<Located<String>>> {
    let Data::Resource { address, .. } = &subnet.data else { return None };
    let base = |address: &str| address.split('[').next().unwrap_or_default().to_owned();
    let subnets = || all.iter().filter(|one| one.kind == "aws_subnet");
    let exact: Vec<&Resource> = subnets().filter(|one| one.address == *address).collect();
    let meant = if exact.is_empty() && !address.contains('[') {
        subnets().filter(|one| base(&one.address) == *address).collect()
    } else {
        exact
    };
    let zone = |one: &Resource| {
        let zone = one.arguments.get("availability_zone");
        zone.or_else(|| one.arguments.get("availability_zone_id"))?.located_text()
    };
    let zones = meant.into_iter().map(zone).collect::<Option<Vec<_>>>()?;
    (!zones.is_empty()).then_some(zones)
}
