//! # A grace period that hides broken releases
//!
//! ## What fails
//!
//! A release that never comes up is not noticed for a long time: its tasks are kept, unhealthy, until
//! the grace period is over, and the circuit breaker counts none of them before.
//!
//! ## Why
//!
//! During the grace period ECS ignores unhealthy checks. The breaker trips after θ failed tasks, in
//! waves of b, each of which takes the launch and at least the grace period:
//! ceil(θ / b) × (launch + grace). What is needed is a grace of startup + healthy threshold ×
//! interval, and not more.
//!
//! ## Example
//!
//! ```terraform main.tf
//! resource "aws_lb_target_group" "web" {
//!   name = "web"
//!   port = 8080
//! }
//!
//! resource "aws_ecs_service" "web" {
//!   name                              = "web"
//!   desired_count                     = 2
//!   health_check_grace_period_seconds = 3600
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
//!   name = "web"
//!   port = 8080
//! }
//!
//! resource "aws_ecs_service" "web" {
//!   name                              = "web"
//!   desired_count                     = 2
//!   health_check_grace_period_seconds = 180
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
//! `wonin rehearse rollout . --service web --startup 30s`: each proposal says what it costs.
//!
//! ## In logs
//!
//! Errors that callers get two minutes or more before a task is called unhealthy show it at work,
//! where the grace period is known to be long.
//!
//! ## Evidence
//!
//! - Amazon ECS API, `healthCheckGracePeriodSeconds`; developer guide, "How the deployment circuit
//!   breaker detects failures". Row E30 of the rollout rules.
//! - Assumed: 20 s from the decision to start a task until it runs, 40 s on Fargate.

use wonin_model::{
    Evidence, Finding, Fix, LaunchType, Mode, ModeMeta, NotChecked, Role, Severity, Standing,
};
use wonin_rollout::closed::{breaker_threshold, breaker_trip_ms, safe_grace_ms};
use wonin_rollout::plan::BreakerThreshold;

use crate::shared::deploys::{Ecs, Telling, ecs_services, rehearsal, started};
use crate::shared::measure::about;
use crate::shared::seen::{Part, Shown, signals, span};

pub(crate) struct SlowDetection;

static META: ModeMeta = ModeMeta {
    id: "slow-detection",
    family: "rollout",
    summary: "a long grace period keeps broken tasks for as long",
    source: include_str!("slow_detection.rs"),
};

impl Mode for SlowDetection {
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
            if let Some(finding) = hidden(evidence, &ecs) {
                telling.say(ecs.deployment, finding);
            }
        }
        let shown = noticed_late(evidence);
        let before = findings.len();
        telling.finish_shown(META.id, &shown, findings, open, || None);
        // What broke is another matter: this only made it last.
        for finding in &mut findings[before..] {
            if finding.standing >= Standing::Observed {
                (finding.role, finding.severity) = (Role::Contributing, Severity::Medium);
            }
        }
    }
}

/// From the first error to the first word of an unhealthy task, at least, in milliseconds.
const LATE_MS: i64 = 120_000;
/// An error that lies further back has another reason.
const FAR_MS: i64 = 3_600_000;

/// Errors that callers got before anybody called a task unhealthy. Only a grace period that is
/// known makes that a claim.
fn noticed_late(evidence: &Evidence) -> Shown<'_> {
    let errors = ["http.status-502", "http.status-503", "http.status-504", "alb.target-closed"];
    let noticed = signals(evidence, &["ecs.unhealthy", "ecs.health-checks-failed"]);
    let noticed = noticed.into_iter().filter_map(|signal| Some((signal, signal.first_ms?)));
    let Some((signal, at)) = noticed.min_by_key(|(_, at)| *at) else { return Vec::new() };
    let first = signals(evidence, &errors)
        .into_iter()
        .filter_map(|error| Some((error, error.first_ms?)))
        .filter(|(_, first)| (LATE_MS..=FAR_MS).contains(&(at - first)))
        .min_by_key(|(_, first)| *first);
    let Some((error, first)) = first else { return Vec::new() };
    vec![
        (Part::whole(error), "callers get errors".to_owned()),
        (Part::whole(signal), format!("a task is called unhealthy {} later", span(at - first))),
    ]
}

/// Longer than what any start needs, in seconds: 10 minutes.
const LONG_S: u64 = 600;
/// The longest grace period that the API takes, in milliseconds.
const GRACE_MAX_MS: u64 = 2_147_483_647_000;

fn hidden(evidence: &Evidence, ecs: &Ecs) -> Option<Finding> {
    let grace = ecs.service.grace_period_s.as_ref()?;
    let limits = ecs.limits()?;
    ecs.target()?;
    let grace_ms = grace.value.saturating_mul(1000);
    let needed_ms = needed_ms(evidence, ecs);
    // Twice what the start needs is caution; more than that only hides.
    let long_ms = needed_ms.map_or(LONG_S * 1000, |needed| (2 * needed).max(LONG_S * 500));
    if grace_ms <= long_ms {
        return None;
    }
    let fargate = ecs.service.launch_type.as_ref().is_some_and(|t| t.value == LaunchType::Fargate);
    let launch_ms = if fargate { 40_000 } else { 20_000 };
    let threshold = breaker_threshold(BreakerThreshold::default(), limits.desired.value);
    let wave = limits.bounds.start_room().clamp(1, limits.desired.value);
    let trip_ms = breaker_trip_ms(threshold, wave, launch_ms, grace_ms.min(GRACE_MAX_MS));
    let counted = ecs.service.breaker_enabled.as_ref().is_some_and(|enabled| enabled.value);
    let (found, sum) = if counted {
        let sum = format!(
            "ceil({threshold} failed tasks / {wave} at a time) × ({} launching + {} grace) = {}",
            about(launch_ms),
            about(grace_ms),
            about(trip_ms)
        );
        (trip_ms, sum)
    } else {
        (grace_ms, format!("a failing task is kept for the grace period of {}", about(grace_ms)))
    };
    let title = format!("a release that never comes up is noticed after {} only", about(found));
    let severity = if grace_ms > 3_600_000 { Severity::Medium } else { Severity::Low };
    let advice = match needed_ms {
        Some(ms) => {
            let seconds = ms.div_ceil(1000);
            let title = format!(
                "a grace period of {seconds} s covers the start and the way back to healthy"
            );
            Fix::replace(title, grace, seconds.to_string())
        }
        None => Fix::advice(
            "set it to the longest start + healthy threshold × interval; `wonin rehearse rollout` \
             says the number for a startup time",
        ),
    };
    Some(
        Finding::new(&META, title)
            .weigh(Role::Latent, severity, 85)
            .arithmetic(sum)
            .because("grace period, in seconds", grace)
            .rehearse(rehearsal(evidence, ecs.deployment))
            .fix(advice),
    )
}

/// The grace period that a start needs, where its time is known.
fn needed_ms(evidence: &Evidence, ecs: &Ecs) -> Option<u64> {
    let started = started(evidence, ecs.deployment)?.ok()?;
    let plan = started.ecs()?;
    let check = plan.target.as_ref()?;
    Some(safe_grace_ms(check, plan.startup.time.max_ms(), plan.lag_ms))
}
