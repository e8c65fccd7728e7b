//! # A pipeline that gives up before the rollout is through
//!
//! ## What fails
//!
//! `terraform apply` ends with "timeout while waiting for state to become 'tfSTABLE'", the pipeline is
//! red, and the rollout goes on and succeeds minutes later. Retries deploy into a running rollout.
//!
//! ## Why
//!
//! A rollout takes ceil(N / tasks at a time) waves of launching, starting, draining and stopping. The
//! deregistration delay alone is 300 s unless it is set. Terraform waits 20 minutes
//! (`timeouts.update`), other waiters 10.
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
//!   name                       = "web"
//!   desired_count              = 10
//!   deployment_maximum_percent = 110
//!   wait_for_steady_state      = true
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
//! Shorter draining, larger steps, or more patience.
//!
//! ```terraform main.tf
//! resource "aws_lb_target_group" "web" {
//!   name                 = "web"
//!   port                 = 8080
//!   deregistration_delay = 30
//! }
//!
//! resource "aws_ecs_service" "web" {
//!   name                       = "web"
//!   desired_count              = 10
//!   deployment_maximum_percent = 150
//!   wait_for_steady_state      = true
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
//! `wonin rehearse rollout . --service web --startup 30s`: when it ends.
//!
//! ## Evidence
//!
//! - Terraform AWS provider, `aws_ecs_service`, timeouts; botocore, waiter `services_stable`: 40 times
//!   15 s. Row E15 of the rollout rules. The duration is simulated by those rules, with an application
//!   that is up at once where its startup time is not known: a lower bound.

use wonin_model::{
    Evidence, Finding, Fix, GivenStartup, Mode, ModeMeta, NotChecked, Origin, Role, Severity,
};
use wonin_rollout::configured::{Given, of_deployment};
use wonin_rollout::plan::Plan;
use wonin_rollout::{Ending, Silent, Simulator, validate};

use crate::shared::deploys::{Ecs, Seen, Telling, ecs_services, rehearsal, start_of};
use crate::shared::measure::about;

pub(crate) struct PipelineGivesUpFirst;

static META: ModeMeta = ModeMeta {
    id: "pipeline-gives-up-first",
    family: "rollout",
    summary: "a rollout takes longer than the pipeline waits",
    source: include_str!("pipeline_gives_up_first.rs"),
};

/// What shows it at work.
const SEEN: &[(&str, &str)] = &[("ecs.not-steady-in-time", "the pipeline gave up")];

/// What is left to say where the settings are not known.
fn observed() -> Finding {
    Finding::new(&META, "the pipeline gave up before the deployment was through: it counts as failed, and it may still complete")
        .weigh(Role::Contributing, Severity::Medium, 75)
        .fix(Fix::advice("look how the deployment ended before starting it again; let the pipeline wait longer than a deployment takes"))
}

impl Mode for PipelineGivesUpFirst {
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
            if let Some(finding) = too_long(evidence, &ecs) {
                telling.say(ecs.deployment, finding);
            }
        }
        let seen = Seen { evidence, signals: SEEN };
        telling.finish_seen(META.id, &seen, findings, open, || Some(observed()));
    }
}

/// More tasks than this are not simulated here: `wonin rehearse` takes the time for them.
const TASKS_MAX: u32 = 200;

/// How long the rollout takes at least, in milliseconds; `None` where it does not complete.
fn duration_ms(evidence: &Evidence, ecs: &Ecs) -> Option<u64> {
    let given = start_of(evidence, &ecs.deployment.name)
        .map_or(GivenStartup::Exact(0), |start| start.given);
    let given = Given { startup: Some(given), ..Given::default() };
    let mut plan = of_deployment(ecs.deployment, &given)?.ok()?.plan;
    let Plan::Ecs(ecs_plan) = &mut plan else { return None };
    ecs_plan.pipeline_ms = None;
    if ecs_plan.desired > TASKS_MAX || !validate(&plan).is_empty() {
        return None;
    }
    let run = Simulator::new().run(&plan, 0, &mut Silent);
    (run.ending == Ending::Completed).then_some(run.ended_ms)
}

fn too_long(evidence: &Evidence, ecs: &Ecs) -> Option<Finding> {
    let wait = ecs.service.wait_for_steady_state.as_ref().filter(|wait| wait.value)?;
    let timeout = ecs.service.update_timeout_s.as_ref()?;
    let takes_ms = duration_ms(evidence, ecs)?;
    let limit_ms = timeout.value.saturating_mul(1000);
    if takes_ms <= limit_ms {
        return None;
    }
    let known = start_of(evidence, &ecs.deployment.name).is_some();
    let least = if known { "" } else { " at least" };
    let title = format!(
        "`terraform apply` gives up after {}, and the rollout takes{least} {}",
        about(limit_ms),
        about(takes_ms)
    );
    let mut finding = Finding::new(&META, title)
        .weigh(Role::Contributing, Severity::Medium, 85)
        .arithmetic(format!(
            "simulated {} s > {} s{}",
            takes_ms / 1000,
            timeout.value,
            if known { "" } else { ", with a start that takes no time" }
        ))
        .because("the pipeline waits for the end", wait)
        .because("for so long, in seconds", timeout);
    if let Some(delay) = ecs.target().and_then(|group| group.deregistration_delay_s.as_ref()) {
        finding = finding.because("each old task drains, in seconds", delay);
    }
    if let Some(limits) = ecs.limits() {
        finding = limits.because(finding);
    }
    let minutes = (takes_ms / 60_000 + 1) * 3 / 2;
    let place = Origin::Written(ecs.deployment.place);
    Some(
        finding
            .because_at("the service", place)
            .leads_to("deploy-into-a-running-rollout")
            .rehearse(rehearsal(evidence, ecs.deployment))
            .fix(Fix::advice(
                "drain for less, or let more tasks be replaced at a time (`deployment_maximum_percent`)",
            ))
            .fix(Fix::advice(format!("or wait longer: `timeouts {{ update = \"{minutes}m\" }}`"))),
    )
}
