//! # No room for the first new task
//!
//! ## What fails
//!
//! The deployment starts no task: "service web was unable to place a task because no container
//! instance met all of its requirements".
//!
//! ## Why
//!
//! If all old tasks must stay, at least one more than the wanted number has to fit in the cluster. A
//! static host port lets an instance run one task only, so that N tasks fill N instances; CPU,
//! memory and network interfaces limit in the same way. With room for the wanted tasks only, and a
//! minimum of 100 %, nothing can move.
//!
//! ## Example
//!
//! ```terraform main.tf
//! resource "aws_ecs_task_definition" "web" {
//!   family       = "web"
//!   network_mode = "bridge"
//!   container_definitions = jsonencode([{
//!     name         = "web"
//!     image        = "example/web:1"
//!     memory       = 512
//!     portMappings = [{ containerPort = 8080, hostPort = 8080 }]
//!   }])
//! }
//!
//! resource "aws_ecs_service" "web" {
//!   name            = "web"
//!   launch_type     = "EC2"
//!   task_definition = aws_ecs_task_definition.web.arn
//!   desired_count   = 2
//! }
//! ```
//!
//! ## Fix
//!
//! A dynamic host port behind a load balancer (`hostPort = 0`), `awsvpc`, or a minimum that lets one
//! task stop first.
//!
//! ```terraform main.tf
//! resource "aws_ecs_task_definition" "web" {
//!   family       = "web"
//!   network_mode = "bridge"
//!   container_definitions = jsonencode([{
//!     name         = "web"
//!     image        = "example/web:1"
//!     memory       = 512
//!     portMappings = [{ containerPort = 8080, hostPort = 0 }]
//!   }])
//! }
//!
//! resource "aws_ecs_service" "web" {
//!   name            = "web"
//!   launch_type     = "EC2"
//!   task_definition = aws_ecs_task_definition.web.arn
//!   desired_count   = 2
//! }
//! ```
//!
//! ## How to rehearse
//!
//! Deploy the same revision again with `--force-new-deployment` and read the service events.
//!
//! ## Evidence
//!
//! - Amazon ECS developer guide, "Task placement" and "Service event messages"; ECS API,
//!   `PortMapping.hostPort`. Rows E6, E7 and E8 of the rollout rules.
//! - Amazon EC2 instance types guide. Where one Auto Scaling group is declared beside the service,
//!   its largest size and its type tell the room (if nothing else runs there); otherwise the finding
//!   says how many instances are needed.

use wonin_model::{
    ClusterInstances, Evidence, Finding, Fix, LaunchType, Located, Mode, ModeMeta, NotChecked,
    Role, Severity, TaskDefinition,
};

use wonin_rollout::configured::task_needs;
use wonin_rollout::instances::instance;

use crate::shared::deploys::{Ecs, Limits, Seen, Telling, ecs_services};
use crate::shared::words::count;

pub(crate) struct NoRoomToRoll;

static META: ModeMeta = ModeMeta {
    id: "no-room-to-roll",
    family: "rollout",
    summary: "the cluster has to hold one task more than wanted, and may not",
    source: include_str!("no_room_to_roll.rs"),
};

/// What shows it at work.
const SEEN: &[(&str, &str)] = &[("ecs.not-placed", "no instance has room for a new task")];

/// What is left to say where the settings are not known.
fn observed() -> Finding {
    Finding::new(&META, "no instance has room for a new task")
        .weigh(Role::Cause, Severity::High, 90)
        .fix(Fix::advice(
            "add an instance, need less CPU, memory or fixed ports, or let one task stop first",
        ))
}

impl Mode for NoRoomToRoll {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(
        &self,
        evidence: &Evidence,
        findings: &mut Vec<Finding>,
        open: &mut Vec<NotChecked>,
    ) {
        let mut telling = Telling::default();
        for ecs in ecs_services(evidence) {
            let (Some(limits), Some(task)) = (ecs.limits(), &ecs.service.task) else { continue };
            if !on_instances(&ecs, task) || limits.bounds.stop_room() > 0 {
                continue;
            }
            if limits.bounds.is_deadlock() {
                continue;
            }
            let cluster = ecs.service.instances.as_ref();
            let cluster = cluster.and_then(|cluster| Some((cluster, holds(task, cluster)?)));
            if let Some((cluster, held)) = cluster {
                telling.say_some(ecs.deployment, full(&limits, task, cluster, held));
                continue;
            }
            match static_port(task) {
                Some(port) => telling.say(ecs.deployment, one_per_instance(&limits, port)),
                None => telling.leave_open(ecs.deployment, needs(task)),
            }
        }
        let seen = Seen { evidence, signals: SEEN };
        telling.finish_seen(META.id, &seen, findings, open, || Some(observed()));
    }
}

/// Whether the tasks run on instances, which can be full.
fn on_instances(ecs: &Ecs, task: &TaskDefinition) -> bool {
    let launch = ecs.service.launch_type.as_ref();
    let written = launch.is_some_and(|launch| !launch.origin.is_default());
    let ec2 = launch.is_some_and(|launch| launch.value == LaunchType::Ec2);
    // Without a launch type the cluster's default may be Fargate, which takes `awsvpc` alone.
    let mode = task.network_mode.as_ref().map(|mode| mode.value.as_str());
    ec2 && (written || matches!(mode, Some("bridge" | "host")))
}

/// A port of the instance that only one task can have.
fn static_port(task: &TaskDefinition) -> Option<&Located<u16>> {
    let mode = task.network_mode.as_ref().map(|mode| mode.value.as_str());
    if mode == Some("awsvpc") {
        return None;
    }
    task.containers.iter().find_map(|one| one.host_ports.first())
}

fn one_per_instance(limits: &Limits, port: &Located<u16>) -> Finding {
    let n = limits.desired.value;
    let title = format!(
        "each instance can run one task (host port {}), and a deployment needs one more than {}: {} instances",
        port.value,
        count(n as usize, "task"),
        n + 1
    );
    let finding = Finding::new(&META, title)
        .weigh(Role::Latent, Severity::Medium, 70)
        .arithmetic(format!(
            "{n} old tasks must stay + 1 new one = {} instances with port {} free",
            n + 1,
            port.value
        ))
        .because("host port, one task per instance", port)
        .leads_to("task-not-placed");
    let mut finding = limits.because(finding);
    if n > 1 {
        let less = wonin_rollout::bounds::largest_min_percent(n);
        let title = format!("or let one task stop first: at least {less} % stay");
        finding = finding.fix(Fix::replace(title, limits.min, less.to_string()));
    }
    let title = "let the instance choose the port: `hostPort` 0, behind a load balancer";
    finding.fixes.insert(0, Fix::replace(title, port, "0"));
    finding
}

/// What one more task takes.
fn needs(task: &TaskDefinition) -> String {
    let needs = task_needs(task);
    let interface = if needs.network_interface { " and a network interface" } else { "" };
    format!(
        "the size of the cluster is not known: a deployment needs {} CPU units, {} MiB{interface} free \
         on one instance",
        needs.cpu, needs.memory_mib
    )
}

/// Tasks that one instance of the cluster holds, and what bounds them; `None` where its type is not
/// among the common ones.
fn holds(task: &TaskDefinition, cluster: &ClusterInstances) -> Option<(u32, &'static str)> {
    Some(instance(&cluster.kind.value)?.holds(task_needs(task)))
}

/// E6, E8: as many instances as there may be hold the tasks that are wanted, and not one more.
fn full(
    limits: &Limits,
    task: &TaskDefinition,
    cluster: &ClusterInstances,
    (tasks, by): (u32, &'static str),
) -> Option<Finding> {
    let needs = task_needs(task);
    let (max, kind) = (cluster.max.value, &cluster.kind.value);
    let slots = tasks.saturating_mul(max);
    let n = limits.desired.value;
    if slots > n {
        return None;
    }
    let machines = count(max as usize, "instance");
    let title = format!(
        "the cluster holds {} ({machines} of {kind}: {by}), and a deployment needs {}",
        count(slots as usize, "task"),
        n + 1
    );
    // With trunked interfaces an instance has more of them than its type says.
    let sure = if by == "network interfaces" { 65 } else { 85 };
    let need = match by {
        "CPU" => format!("{} CPU units each", needs.cpu),
        "memory" => format!("{} MiB each", needs.memory_mib),
        other => format!("one of the {other} each"),
    };
    let finding = Finding::new(&META, title)
        .weigh(Role::Cause, Severity::High, sure)
        .arithmetic(format!(
            "{machines} × {tasks} tasks ({need}) = {slots} < {n} old tasks that must stay + 1 new one"
        ))
        .because("at most so many instances", &cluster.max)
        .because("of this type", &cluster.kind)
        .leads_to("task-not-placed");
    let mut finding = limits.because(finding);
    if slots < n {
        finding.title.push_str("; it does not even hold those that are wanted");
    }
    let room = (n + 1).div_ceil(tasks.max(1));
    finding = finding.fix(Fix::replace(
        format!("let {room} instances exist"),
        &cluster.max,
        room.to_string(),
    ));
    Some(finding)
}
