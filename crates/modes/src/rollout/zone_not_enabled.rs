//! # A zone that the load balancer does not serve
//!
//! ## What fails
//!
//! Some tasks never become healthy, always those of the same availability zone. Each is killed and
//! started again in that zone, and no deployment completes. The application itself is fine.
//!
//! ## Why
//!
//! A load balancer serves the zones of its own subnets. A task in another zone is registered, but
//! its target stays `unused`: it is never checked and gets no request. ECS counts it as failed once
//! the grace period is over, and puts its replacement where the service has the fewest tasks, which
//! is the same zone.
//!
//! ## Example
//!
//! ```terraform main.tf
//! resource "aws_subnet" "a" {
//!   availability_zone = "eu-central-1a"
//! }
//! resource "aws_subnet" "b" {
//!   availability_zone = "eu-central-1b"
//! }
//! resource "aws_subnet" "c" {
//!   availability_zone = "eu-central-1c"
//! }
//! resource "aws_lb" "front" {
//!   subnets = [aws_subnet.a.id, aws_subnet.b.id]
//! }
//! resource "aws_lb_listener" "front" {
//!   load_balancer_arn = aws_lb.front.arn
//!   default_action {
//!     type             = "forward"
//!     target_group_arn = aws_lb_target_group.web.arn
//!   }
//! }
//! resource "aws_lb_target_group" "web" {
//!   port        = 8080
//!   target_type = "ip"
//! }
//! resource "aws_ecs_service" "web" {
//!   name          = "web"
//!   desired_count = 3
//!   network_configuration {
//!     subnets = [aws_subnet.a.id, aws_subnet.b.id, aws_subnet.c.id]
//!   }
//!   load_balancer {
//!     target_group_arn = aws_lb_target_group.web.arn
//!   }
//! }
//! ```
//!
//! ## Fix
//!
//! Give the load balancer a subnet in each zone in which tasks run.
//!
//! ```terraform main.tf
//! resource "aws_subnet" "a" {
//!   availability_zone = "eu-central-1a"
//! }
//! resource "aws_subnet" "b" {
//!   availability_zone = "eu-central-1b"
//! }
//! resource "aws_subnet" "c" {
//!   availability_zone = "eu-central-1c"
//! }
//! resource "aws_lb" "front" {
//!   subnets = [aws_subnet.a.id, aws_subnet.b.id, aws_subnet.c.id]
//! }
//! resource "aws_lb_listener" "front" {
//!   load_balancer_arn = aws_lb.front.arn
//!   default_action {
//!     type             = "forward"
//!     target_group_arn = aws_lb_target_group.web.arn
//!   }
//! }
//! resource "aws_lb_target_group" "web" {
//!   port        = 8080
//!   target_type = "ip"
//! }
//! resource "aws_ecs_service" "web" {
//!   name          = "web"
//!   desired_count = 3
//!   network_configuration {
//!     subnets = [aws_subnet.a.id, aws_subnet.b.id, aws_subnet.c.id]
//!   }
//!   load_balancer {
//!     target_group_arn = aws_lb_target_group.web.arn
//!   }
//! }
//! ```
//!
//! ## How to rehearse
//!
//! Ask for the state of the targets: `unused` with the reason `Target.NotInUse` names the zone.
//! `wonin rehearse rollout . --startup 60s` shows which share of the tasks fails.
//!
//! ## In logs
//!
//! The load balancer gives the zone as the reason of an unhealthy target, and ECS repeats it in its
//! events.
//!
//! ## Evidence
//!
//! - Elastic Load Balancing user guide, "Target health status": `unused` when the target is in a zone
//!   that is not enabled. Amazon ECS developer guide, "Troubleshooting service load balancers": tasks in
//!   such a zone are stopped. Row E25 of the rollout rules.
//! - Inferred: that the failure counts only after the grace period.

use wonin_model::{Evidence, Finding, Fix, Mode, ModeMeta, NotChecked, Role, Severity};

use crate::shared::deploys::{Ecs, Seen, Telling, ecs_services, rehearsal};
use crate::shared::words::{count, list};

pub(crate) struct ZoneNotEnabled;

static META: ModeMeta = ModeMeta {
    id: "zone-not-enabled",
    family: "rollout",
    summary: "tasks run in a zone that the load balancer does not serve",
    source: include_str!("zone_not_enabled.rs"),
};

/// What the load balancer says of such a task.
const SEEN: &[(&str, &str)] =
    &[("alb.zone-not-enabled", "the load balancer refuses a task because of its zone")];

/// What is left to say where the settings are not known.
fn observed() -> Finding {
    Finding::new(
        &META,
        "tasks run in a zone that the load balancer does not serve: they get no checks and no requests",
    )
    .weigh(Role::Cause, Severity::High, 95)
    .fix(Fix::advice("give the load balancer a subnet in that zone, or keep tasks out of it"))
}

impl Mode for ZoneNotEnabled {
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
            if let Some(finding) = unserved(evidence, &ecs) {
                telling.say(ecs.deployment, finding);
            }
        }
        let seen = Seen { evidence, signals: SEEN };
        telling.finish_seen(META.id, &seen, findings, open, || Some(observed()));
    }
}

fn unserved(evidence: &Evidence, ecs: &Ecs) -> Option<Finding> {
    let service = ecs.service;
    let share = service.zone_share().filter(|share| !share.unserved.is_empty())?;
    let missing = share.unserved;
    let title = format!(
        "no task in {} can become healthy: the load balancer does not serve {}",
        list(&missing),
        if missing.len() == 1 { "that zone" } else { "those zones" }
    );
    let percent = 100 * missing.len() / share.all;
    let mut finding = Finding::new(&META, title)
        .weigh(Role::Cause, Severity::High, 90)
        .arithmetic(format!(
            "tasks in {} - {} served = {} without checks and requests: about {percent} % of the tasks",
            count(share.all, "zone"),
            share.all - missing.len(),
            missing.len(),
        ));
    for zone in service.task_zones.iter().filter(|zone| missing.contains(&zone.value.as_str())) {
        finding = finding.because("tasks are placed in this zone", zone);
    }
    for zone in &service.balancer_zones {
        finding = finding.because("the load balancer serves this zone", zone);
    }
    let breaks = service.breaker_enabled.as_ref().is_some_and(|enabled| enabled.value);
    Some(
        finding
            .leads_to(if breaks { "breaker-trips-first" } else { "endless-churn" })
            .rehearse(rehearsal(evidence, ecs.deployment))
            .fix(Fix::advice(format!(
                "give the load balancer a subnet in {}, or take the subnet from the service",
                list(&missing)
            ))),
    )
}
