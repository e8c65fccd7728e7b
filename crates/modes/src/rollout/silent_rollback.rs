//! # A rollback that looks like success
//!
//! ## What fails
//!
//! The pipeline is green, and the old revision runs. People look for a bug in code that was never
//! deployed.
//!
//! ## Why
//!
//! After a rollback the service is steady again: one deployment, all tasks running. A pipeline that
//! ends when the API has taken the change (`wait_for_steady_state` is off by default), or that waits
//! only for a steady service, sees no difference.
//!
//! ## Example
//!
//! ```terraform main.tf
//! resource "aws_ecs_service" "web" {
//!   name          = "web"
//!   desired_count = 2
//!   deployment_circuit_breaker {
//!     enable   = true
//!     rollback = true
//!   }
//! }
//! ```
//!
//! ## Fix
//!
//! Wait, and afterwards compare the running task definition with the one that was deployed; or be
//! told by an event rule on `SERVICE_DEPLOYMENT_FAILED`.
//!
//! ```terraform main.tf
//! resource "aws_ecs_service" "web" {
//!   name                  = "web"
//!   desired_count         = 2
//!   wait_for_steady_state = true
//!   deployment_circuit_breaker {
//!     enable   = true
//!     rollback = true
//!   }
//! }
//! ```
//!
//! ## How to rehearse
//!
//! Deploy an image whose process ends at once, and read what the pipeline says.
//!
//! ## Evidence
//!
//! - botocore, waiter `services_stable`: one deployment, and as many tasks running as wanted. Reported
//!   in fabfuel/ecs-deploy#185 and containers-roadmap#328. Row E13 of the rollout rules.
//! - What a pipeline outside of these files checks is not known; so this is never more than a hint
//!   unless the rollback is certain.

use wonin_model::{Evidence, Finding, Fix, Mode, ModeMeta, NotChecked, Role, Severity};
use wonin_rollout::closed::survival_probability;

use crate::shared::deploys::{Ecs, Seen, Telling, ecs_services, started};

pub(crate) struct SilentRollback;

static META: ModeMeta = ModeMeta {
    id: "silent-rollback",
    family: "rollout",
    summary: "a deployment that was rolled back is reported as done",
    source: include_str!("silent_rollback.rs"),
};

/// What shows it at work.
const SEEN: &[(&str, &str)] = &[("ecs.rolling-back", "the old revision is put back")];

/// What is left to say where the settings are not known.
fn observed() -> Finding {
    Finding::new(&META, "the old revision was put back: the new tasks did not become healthy, and the pipeline may have said that all is well")
        .weigh(Role::Contributing, Severity::High, 85)
        .fix(Fix::advice("the stopped tasks say why (`aws ecs describe-tasks`, stoppedReason); let the pipeline compare the revision that runs with the one it deployed"))
}

impl Mode for SilentRollback {
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
            if let Some(finding) = unseen(evidence, &ecs) {
                telling.say(ecs.deployment, finding);
            }
        }
        let seen = Seen { evidence, signals: SEEN };
        telling.finish_seen(META.id, &seen, findings, open, || Some(observed()));
    }
}

fn unseen(evidence: &Evidence, ecs: &Ecs) -> Option<Finding> {
    let service = ecs.service;
    service.breaker_enabled.as_ref().filter(|enabled| enabled.value)?;
    let rollback = service.breaker_rollback.as_ref().filter(|rollback| rollback.value)?;
    let wait = service.wait_for_steady_state.as_ref().filter(|wait| !wait.value)?;
    let certain = rolls_back(evidence, ecs);
    let (title, role, severity) = if certain {
        let title =
            "each deployment is rolled back, and `terraform apply` ends before it sees that";
        (title, Role::Contributing, Severity::Medium)
    } else {
        let title = "a rollback stays unseen: `terraform apply` ends before the rollout does";
        (title, Role::Latent, Severity::Low)
    };
    Some(
        Finding::new(&META, title)
            .weigh(role, severity, 70)
            .because("the breaker puts the old revision back", rollback)
            .because("nobody waits for the end", wait)
            .fix(Fix::advice(
                "after the deployment compare the running task definition with the new one, or be told \
                 of `SERVICE_DEPLOYMENT_FAILED`",
            )),
    )
}

/// Whether no new task can live, as far as the startup time is known.
fn rolls_back(evidence: &Evidence, ecs: &Ecs) -> bool {
    let Some(Ok(started)) = started(evidence, ecs.deployment) else { return false };
    let Some(plan) = started.ecs() else { return false };
    plan.target.is_some_and(|check| {
        survival_probability(&check, plan.startup.time.min_ms(), plan.grace_ms) <= 0.0
    })
}
