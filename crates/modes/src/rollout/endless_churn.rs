//! # Tasks that are killed and started without end
//!
//! ## What fails
//!
//! A deployment of a release that does not pass its health check goes on for days: tasks start, are
//! killed, start again. It costs CPU, log volume and image pulls, and nobody is told.
//!
//! ## Why
//!
//! ECS slows down only tasks that stop before they run. A task killed by a health check after that is
//! replaced at once, every time. What ends a deployment is the circuit breaker, and that is off unless
//! it is switched on.
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
//!   name = "web"
//!   port = 8080
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
//! ## How to rehearse
//!
//! `wonin rehearse rollout . --service web --startup 30m`: it ends never.
//!
//! ## In logs
//!
//! Six failures of tasks or more within 20 minutes and longer, while the circuit breaker ends
//! nothing and the service is never steady, show it at work. So do three failed tasks of a Swarm
//! service that no task outlived for ten minutes (`docker service ps`), and containers that their
//! engine is about to start again after an error (`docker ps`, `CrashLoopBackOff`): those end by
//! themselves, and what they said last tells why.
//!
//! ## Evidence
//!
//! - Amazon ECS developer guide, "Service throttle logic": tasks that were running are not throttled;
//!   "Deployment circuit breaker". Row E12 of the rollout rules.
//! - Docker, "Deploy services to a swarm": tasks that end are replaced without end unless
//!   `max_attempts` bounds it; moby, `daemon/cluster/executor/container`.

mod loops;

use wonin_model::{Evidence, Finding, Fix, Mode, ModeMeta, NotChecked, Origin, Role, Severity};
use wonin_rollout::closed::{check_budget_ms, survival_probability};

use crate::shared::deploys::{Ecs, Telling, ecs_services, rehearsal, started};
use crate::shared::edits::add_argument;
use crate::shared::seen::{Shown, all_of, signals};
use crate::shared::words::{count, duration_ms};

pub(crate) struct EndlessChurn;

static META: ModeMeta = ModeMeta {
    id: "endless-churn",
    family: "rollout",
    summary: "nothing ends a deployment whose tasks fail",
    source: include_str!("endless_churn.rs"),
};

impl Mode for EndlessChurn {
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
            let off = ecs.service.breaker_enabled.as_ref().is_some_and(|enabled| !enabled.value);
            let wanted = ecs.service.desired_count.as_ref().is_none_or(|count| count.value > 0);
            if off && wanted && ecs.target().is_some() {
                telling.say(ecs.deployment, unbroken(evidence, &ecs));
            }
        }
        let shown = churn(evidence);
        telling.finish_shown(META.id, &shown, findings, open, || Some(observed(&shown)));
        findings.extend(loops::observe(evidence));
    }
}

/// Failures of tasks that are one of a rollout that goes wrong, and what each is.
const FAILURES: [(&str, &str); 4] = [
    ("ecs.unhealthy", "tasks fail the check of the load balancer"),
    ("ecs.health-checks-failed", "tasks are stopped for their check"),
    ("ecs.container-unhealthy", "tasks are stopped for the check of their container"),
    ("ecs.essential-exited", "tasks exit by themselves"),
];
/// So many failures, over so long in milliseconds, are no longer a deployment that finds its end.
const FAILURES_MIN: u64 = 6;
const LASTS_MS: i64 = 1_200_000;

/// Failures that go on, while nothing ended the deployment and the service was never steady.
fn churn(evidence: &Evidence) -> Shown<'_> {
    let shown = all_of(evidence, &FAILURES);
    let first = shown.iter().filter_map(|(part, _)| part.signal.first_ms).min();
    let last = shown.iter().filter_map(|(part, _)| part.signal.last_ms).max();
    let lasts = first.zip(last).is_some_and(|(first, last)| last - first >= LASTS_MS);
    let events = failures(&shown);
    let ends =
        ["ecs.circuit-breaker", "ecs.deployment-failed", "ecs.deployment-completed", "ecs.steady"];
    let ended = signals(evidence, &ends)
        .iter()
        .any(|signal| signal.last_ms.is_none_or(|at| first.is_none_or(|first| at >= first)));
    if events < FAILURES_MIN || !lasts || ended { Vec::new() } else { shown }
}

/// How many failures that are: one line may say two things of one task.
fn failures(shown: &Shown<'_>) -> u64 {
    let of = |name: &str| {
        let parts = shown.iter().filter(|(part, _)| part.signal.name == name);
        parts.map(|(part, _)| part.events).sum::<u64>()
    };
    let [check, stopped, container, exited] = FAILURES.map(|(name, _)| of(name));
    check.max(stopped) + container + exited
}

/// What is left to say where the settings are not known.
fn observed(shown: &Shown<'_>) -> Finding {
    let events = failures(shown);
    let title = format!(
        "tasks fail and are started again without end: {} and no deployment ended",
        count(events as usize, "failure")
    );
    Finding::new(&META, title)
        .weigh(Role::Contributing, Severity::Medium, 80)
        .fix(Fix::advice("read why the tasks fail; switch the circuit breaker on, with rollback"))
}

fn unbroken(evidence: &Evidence, ecs: &Ecs) -> Finding {
    let mut finding = match killed_at_ms(evidence, ecs) {
        Some((early_ms, late_ms)) => {
            let title = format!(
                "nothing ends it: each new task is killed {} to {} after it runs, and the next one \
                 started",
                duration_ms(early_ms),
                duration_ms(late_ms)
            );
            Finding::new(&META, title)
                .weigh(Role::Contributing, Severity::Medium, 85)
                .arithmetic("0 failures end a deployment without a circuit breaker")
        }
        None => Finding::new(
            &META,
            "a release that fails its health check is killed and started without end: no circuit \
             breaker",
        )
        .weigh(Role::Latent, Severity::Low, 80),
    };
    let enabled = ecs.service.breaker_enabled.as_ref();
    finding = match enabled.filter(|enabled| !enabled.origin.is_default()) {
        Some(enabled) => finding.because("the circuit breaker is switched off", enabled),
        None => {
            let at = Origin::Written(ecs.deployment.place);
            finding.because_at("no `deployment_circuit_breaker`", at)
        }
    };
    finding.rehearse(rehearsal(evidence, ecs.deployment)).fix(switch_on(evidence, ecs))
}

fn switch_on(evidence: &Evidence, ecs: &Ecs) -> Fix {
    let title = "switch the circuit breaker on, with rollback";
    let Some(enabled) = &ecs.service.breaker_enabled else { return Fix::advice(title) };
    let mut fix = Fix::replace(title, enabled, "true");
    if enabled.origin.is_default() {
        let block = ["deployment_circuit_breaker {", "  enable   = true", "  rollback = true", "}"];
        fix.edits.extend(add_argument(&evidence.sources, ecs.deployment.place, &block));
    }
    fix
}

/// When each task is killed, earliest and latest, where the start is known to lose each time.
fn killed_at_ms(evidence: &Evidence, ecs: &Ecs) -> Option<(u64, u64)> {
    let started = started(evidence, ecs.deployment)?.ok()?;
    let plan = started.ecs()?;
    let check = plan.target?;
    if survival_probability(&check, plan.startup.time.min_ms(), plan.grace_ms) > 0.0 {
        return None;
    }
    let first_ms = check_budget_ms(&check) + check.failure_ms();
    let kill = |phase_ms: u64| plan.grace_ms.max(first_ms + phase_ms) + plan.lag_ms;
    Some((kill(0), kill(check.interval_ms)))
}
