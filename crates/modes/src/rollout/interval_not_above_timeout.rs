//! # A check interval that is not above the timeout
//!
//! ## What fails
//!
//! The load balancer refuses the health check: `ValidationError: Health check interval must be
//! greater than the timeout`. Nothing is deployed.
//!
//! ## Why
//!
//! Both are read together, and equal values are refused, too. It often follows from raising a
//! timeout for a slow start, or from shortening the interval to find failures sooner.
//!
//! ## Example
//!
//! ```terraform main.tf
//! resource "aws_lb_target_group" "web" {
//!   name     = "web"
//!   port     = 8080
//!   protocol = "HTTP"
//!   health_check {
//!     interval = 10
//!     timeout  = 10
//!   }
//! }
//!
//! resource "aws_ecs_service" "web" {
//!   name          = "web"
//!   desired_count = 2
//!   load_balancer {
//!     target_group_arn = aws_lb_target_group.web.arn
//!     container_name   = "web"
//!     container_port   = 8080
//!   }
//! }
//! ```
//!
//! ## Fix
//!
//! ```terraform main.tf
//! resource "aws_lb_target_group" "web" {
//!   name     = "web"
//!   port     = 8080
//!   protocol = "HTTP"
//!   health_check {
//!     interval = 15
//!     timeout  = 10
//!   }
//! }
//!
//! resource "aws_ecs_service" "web" {
//!   name          = "web"
//!   desired_count = 2
//!   load_balancer {
//!     target_group_arn = aws_lb_target_group.web.arn
//!     container_name   = "web"
//!     container_port   = 8080
//!   }
//! }
//! ```
//!
//! ## How to rehearse
//!
//! `terraform apply` in an account for tests: the API answers before anything is created.
//!
//! ## In logs
//!
//! The API refuses it in words, which stand in the output of whatever applied the settings.
//!
//! ## Evidence
//!
//! - Elastic Load Balancing API, `CreateTargetGroup`; the error text as reported in
//!   terraform-provider-aws#48071 and tflint-ruleset-aws#404. Row E19 of the rollout rules.
//! - The documents name 5 s and 6 s as the default timeout, so that a finding about an interval of
//!   5 s without a written timeout is not certain.

use wonin_model::{
    Evidence, Finding, Fix, Mode, ModeMeta, NotChecked, Role, Severity, TargetGroup,
};

use crate::shared::deploys::{Seen, Telling, ecs_services, is_http};

pub(crate) struct IntervalNotAboveTimeout;

static META: ModeMeta = ModeMeta {
    id: "interval-not-above-timeout",
    family: "rollout",
    summary: "the load balancer refuses a check whose interval is not above its timeout",
    source: include_str!("interval_not_above_timeout.rs"),
};

/// What the API answers.
const SEEN: &[(&str, &str)] = &[("alb.interval-not-above-timeout", "the load balancer refused it")];

/// What is left to say where the settings are not known.
fn observed() -> Finding {
    Finding::new(
        &META,
        "the load balancer refused a health check: its interval is not above its timeout",
    )
    .weigh(Role::Cause, Severity::High, 97)
    .fix(Fix::advice("set `timeout` below `interval`; its default is 5 s or more"))
}

impl Mode for IntervalNotAboveTimeout {
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
            for group in ecs.service.target_groups.iter().filter(|group| is_http(group)) {
                if let Some(finding) = refused(group) {
                    telling.say(ecs.deployment, finding);
                }
            }
        }
        let seen = Seen { evidence, signals: SEEN };
        telling.finish_seen(META.id, &seen, findings, open, || Some(observed()));
    }
}

/// The widest and narrowest values that the API takes, in seconds.
const INTERVAL_MAX_S: u64 = 300;
const TIMEOUT_MIN_S: u64 = 2;

fn refused(group: &TargetGroup) -> Option<Finding> {
    let (interval, timeout) = (group.interval_s.as_ref()?, group.timeout_s.as_ref()?);
    if interval.value > timeout.value {
        return None;
    }
    let sure = if timeout.origin.is_default() { 65 } else { 97 };
    let title = format!(
        "a check every {} s with a timeout of {} s: the load balancer refuses it",
        interval.value, timeout.value
    );
    let mut finding = Finding::new(&META, title)
        .weigh(Role::Cause, Severity::High, sure)
        .arithmetic(format!(
            "interval {} s > timeout {} s does not hold",
            interval.value, timeout.value
        ))
        .because("interval of the check, in seconds", interval)
        .because("timeout of the check, in seconds", timeout);
    if timeout.value < INTERVAL_MAX_S {
        let wider = timeout.value.saturating_add(5).min(INTERVAL_MAX_S);
        let title = format!("check every {wider} s");
        finding = finding.fix(Fix::replace(title, interval, wider.to_string()));
    }
    if interval.value > TIMEOUT_MIN_S {
        let shorter = interval.value - 1;
        let title = format!("or give up after {shorter} s");
        finding = finding.fix(Fix::replace(title, timeout, shorter.to_string()));
    }
    Some(finding)
}
