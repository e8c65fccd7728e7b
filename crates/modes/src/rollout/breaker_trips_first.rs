//! # A circuit breaker that trips before anything can be healthy
//!
//! ## What fails
//!
//! Every deployment ends with "ECS deployment circuit breaker: tasks failed to start", sooner than the
//! first new task could have become healthy. With rollback the old revision is put back.
//!
//! ## Why
//!
//! The breaker counts tasks that fail their health check and trips at θ = ceil(N / 2), at least 3. Where
//! checks kill every new task, waves of b tasks fail one after the other, and the breaker trips after
//! ceil(θ / b) × (launch + time until the kill). It does its work; what is wrong are the checks.
//!
//! ## Example
//!
//! ```terraform main.tf --startup 150s
//! resource "aws_lb_target_group" "web" {
//!   name = "web"
//!   port = 8080
//!   health_check {
//!     interval            = 15
//!     timeout             = 5
//!     healthy_threshold   = 2
//!     unhealthy_threshold = 3
//!   }
//! }
//!
//! resource "aws_ecs_service" "web" {
//!   name          = "web"
//!   desired_count = 2
//!   deployment_circuit_breaker {
//!     enable   = true
//!     rollback = true
//!   }
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
//! What the checks need, see `health-check-outpaces-startup`.
//!
//! ```terraform main.tf --startup 150s
//! resource "aws_lb_target_group" "web" {
//!   name = "web"
//!   port = 8080
//!   health_check {
//!     interval            = 15
//!     timeout             = 5
//!     healthy_threshold   = 2
//!     unhealthy_threshold = 3
//!   }
//! }
//!
//! resource "aws_ecs_service" "web" {
//!   name                              = "web"
//!   desired_count                     = 2
//!   health_check_grace_period_seconds = 180
//!   deployment_circuit_breaker {
//!     enable   = true
//!     rollback = true
//!   }
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
//! `wonin rehearse rollout . --service web --startup 150s`: `ends` says how and when.
//!
//! ## Evidence
//!
//! - Amazon ECS developer guide, "How the deployment circuit breaker detects failures": half of the
//!   tasks, at least 3, at most 200 (the guide of 2023: at least 10). Rows E11 and E14 of the rollout
//!   rules: a rollback obeys the same checks.
//! - Assumed: 20 s from the decision to start a task until it runs, 40 s on Fargate, and that a full
//!   wave is replaced at once.

use wonin_model::{
    Evidence, Finding, Fix, GivenStartup, Mode, ModeMeta, NotChecked, Origin, Role, Severity,
};
use wonin_rollout::closed::{
    breaker_threshold, breaker_trip_ms, breaker_wins, check_budget_ms, survival_probability,
};

use wonin_rollout::plan::{AlbCheck, EcsPlan};
use wonin_rollout::solve::Setting;

use crate::shared::deploys::{
    Ecs, Seen, Started, Telling, ecs_services, percent, rehearsal, started,
};
use crate::shared::words::duration_ms;

pub(crate) struct BreakerTripsFirst;

static META: ModeMeta = ModeMeta {
    id: "breaker-trips-first",
    family: "rollout",
    summary: "the circuit breaker ends a deployment before a task can be healthy",
    source: include_str!("breaker_trips_first.rs"),
};

/// What shows it at work.
const SEEN: &[(&str, &str)] = &[
    ("ecs.circuit-breaker", "the circuit breaker ended a deployment"),
    ("ecs.deployment-failed", "a deployment was given up"),
];

/// What is left to say where the settings are not known.
fn observed() -> Finding {
    Finding::new(
        &META,
        "the circuit breaker ended a deployment: its tasks failed before one was healthy",
    )
    .weigh(Role::Symptom, Severity::Medium, 85)
    .fix(Fix::advice("read why the tasks stopped: health checks, exits, images"))
}

impl Mode for BreakerTripsFirst {
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
        let breaks = |ecs: &Ecs| ecs.service.breaker_enabled.as_ref().is_some_and(|on| on.value);
        for ecs in ecs_services(evidence).filter(|ecs| ecs.target().is_some() && breaks(ecs)) {
            match started(evidence, ecs.deployment) {
                Some(Ok(started)) => {
                    if let Some(finding) = trips(&ecs, &started) {
                        let finding = finding.rehearse(rehearsal(evidence, ecs.deployment));
                        telling.say(ecs.deployment, finding);
                    }
                }
                Some(Err(why)) => telling.leave_open(ecs.deployment, why),
                None => {}
            }
        }
        let seen = Seen { evidence, signals: SEEN };
        telling.finish_seen(META.id, &seen, findings, open, || Some(observed()));
    }
}

fn trips(ecs: &Ecs, started: &Started) -> Option<Finding> {
    let plan = started.ecs()?;
    let (check, breaker) = (plan.target?, plan.breaker?);
    let start_ms = plan.startup.time.min_ms();
    // Where luck saves some tasks, each of them sets the count back to 0.
    if survival_probability(&check, start_ms, plan.grace_ms) > 0.0 || plan.bounds().is_deadlock() {
        return None;
    }
    let threshold = breaker_threshold(breaker.threshold, plan.desired);
    let bounds = plan.bounds();
    let wave = bounds.start_room().max(bounds.stop_room()).clamp(1, plan.desired);
    let launch_ms = plan.launch.max_ms();
    let first_ms = check_budget_ms(&check) + check.failure_ms();
    let trip = |phase_ms: u64| {
        let kill_ms = plan.grace_ms.max(first_ms + phase_ms) + plan.lag_ms;
        breaker_trip_ms(threshold, wave, launch_ms, kill_ms)
    };
    let (early_ms, late_ms) = (trip(0), trip(check.interval_ms));
    let healthy_ms =
        start_ms + u64::from(check.healthy_threshold.saturating_sub(1)) * check.interval_ms;
    let ready_ms = launch_ms + healthy_ms;
    let first = breaker_wins(late_ms, launch_ms, healthy_ms);
    let when = if first {
        format!(", and no task can be healthy before {}", duration_ms(ready_ms))
    } else {
        ", since every task is killed".to_owned()
    };
    let title = format!(
        "the circuit breaker ends each deployment after {} to {}{when}",
        duration_ms(early_ms),
        duration_ms(late_ms)
    );
    let waves = threshold.div_ceil(wave);
    let kill_ms = plan.grace_ms.max(first_ms);
    let after = if breaker.rollback { "silent-rollback" } else { "deployment-failed" };
    let finding = Finding::new(&META, title)
        .weigh(Role::Symptom, Severity::Medium, started.start.confidence().min(85))
        .arithmetic(format!(
            "ceil({threshold} failures / {wave} at a time) = {waves} × ({} launching + {} until the \
             kill at the earliest) = {}; {} launching + {} until healthy = {}",
            duration_ms(launch_ms),
            duration_ms(kill_ms),
            duration_ms(early_ms),
            duration_ms(launch_ms),
            duration_ms(healthy_ms),
            duration_ms(ready_ms)
        ))
        .leads_to(after);
    let finding = match &ecs.service.breaker_enabled {
        Some(enabled) => finding.because("the circuit breaker counts failed tasks", enabled),
        None => finding.because_at("the service", Origin::Written(ecs.deployment.place)),
    };
    let finding = if breaker.rollback { back(finding, started, plan, &check) } else { finding };
    Some(started.start.because(finding).fix(Fix::advice(
        "repair the health check or the start (`health-check-outpaces-startup`); leave the breaker",
    )))
}

/// E14: the revision that comes back is checked in the same way, and lived by luck itself.
fn back(finding: Finding, started: &Started, plan: &EcsPlan, check: &AlbCheck) -> Finding {
    let (Some(cpu), Some(written)) =
        (plan.startup.cpu, started.configured.settings.get(&Setting::Cpu))
    else {
        return finding;
    };
    let GivenStartup::Measured(pairs) = &started.start.given else { return finding };
    let before = pairs.iter().filter(|(units, _)| *units > cpu.units).max();
    let Some(&(units, ms)) = before else { return finding };
    let lived = survival_probability(check, ms, plan.grace_ms);
    if lived >= 1.0 {
        return finding;
    }
    let claim = format!(
        "the old revision with {units} CPU units starts in {} and lives with {} only: the rollback \
         may fail, too",
        duration_ms(ms),
        percent(lived)
    );
    finding.because_at(claim, written.origin.clone())
}
