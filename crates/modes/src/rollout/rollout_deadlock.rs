//! # A rollout that may neither stop nor start
//!
//! ## What fails
//!
//! The deployment begins and nothing happens: no new task starts, no old one stops. ECS repeats the
//! event "was unable to stop or start tasks during a deployment because of the service deployment
//! configuration". Kubernetes refuses the equivalent at once.
//!
//! ## Why
//!
//! Of N tasks ceil(N × minimum / 100) must stay healthy and floor(N × maximum / 100) may exist. With
//! few tasks both round to N: 125 % of 2 tasks is 2.5, which is 2. Percentages that work for ten
//! tasks do not work for two. A Kubernetes Deployment with `maxSurge` 0 and `maxUnavailable` 0 is
//! not accepted.
//!
//! ## Example
//!
//! ```terraform main.tf
//! resource "aws_ecs_service" "web" {
//!   name                               = "web"
//!   desired_count                      = 2
//!   deployment_minimum_healthy_percent = 75
//!   deployment_maximum_percent         = 125
//! }
//! ```
//!
//! ## Fix
//!
//! Room for one more task: at least ceil(100 × (N + 1) / N) %.
//!
//! ```terraform main.tf
//! resource "aws_ecs_service" "web" {
//!   name                               = "web"
//!   desired_count                      = 2
//!   deployment_minimum_healthy_percent = 75
//!   deployment_maximum_percent         = 150
//! }
//! ```
//!
//! ## How to rehearse
//!
//! `wonin rehearse rollout . --service web --startup 30s`: the verdict is `deadlock`.
//!
//! ## Evidence
//!
//! - Amazon ECS developer guide, "Deploy by replacing tasks" (rounding up and down) and "Service
//!   event messages"; ECS API, `DeploymentConfiguration`.
//! - Kubernetes API, `DeploymentSpec.strategy.rollingUpdate`: both may not be 0. Row E5 of the
//!   rollout rules.

use wonin_model::{
    Count, Evidence, Finding, Fix, KubeStrategy, Mode, ModeMeta, NotChecked, Role, Severity,
};
use wonin_rollout::bounds::{largest_min_percent, smallest_max_percent};

use crate::shared::deploys::{
    Ecs, Kube, Limits, Seen, Telling, ecs_services, rehearsal, workloads,
};
use crate::shared::words::count;

pub(crate) struct RolloutDeadlock;

static META: ModeMeta = ModeMeta {
    id: "rollout-deadlock",
    family: "rollout",
    summary: "the bounds of a rollout allow neither a stop nor a start",
    source: include_str!("rollout_deadlock.rs"),
};

/// What shows it at work.
const SEEN: &[(&str, &str)] = &[("ecs.deadlock", "nothing may stop and nothing may start")];

/// What is left to say where the settings are not known.
fn observed() -> Finding {
    Finding::new(&META, "a deployment can neither stop nor start a task")
        .weigh(Role::Cause, Severity::High, 95)
        .fix(Fix::advice("raise `deployment_maximum_percent`, or lower `deployment_minimum_healthy_percent`, until one task has room"))
}

impl Mode for RolloutDeadlock {
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
            match ecs.limits() {
                Some(limits) if limits.bounds.is_deadlock() => {
                    let finding = of_ecs(&limits).rehearse(rehearsal(evidence, ecs.deployment));
                    telling.say(ecs.deployment, finding);
                }
                Some(_) => {}
                None => {
                    if let Some(why) = unknown(&ecs) {
                        telling.leave_open(ecs.deployment, why);
                    }
                }
            }
        }
        for kube in workloads(evidence).filter(refused) {
            telling.say(kube.deployment, of_kubernetes(&kube));
        }
        let seen = Seen { evidence, signals: SEEN };
        telling.finish_seen(META.id, &seen, findings, open, || Some(observed()));
    }
}

fn of_ecs(limits: &Limits) -> Finding {
    let Limits { desired, min, max, bounds } = limits;
    let n = desired.value;
    let (stay, exist) = (bounds.healthy_min, bounds.total_max);
    let title = format!(
        "of {}, {} % must stay and {} % may exist: a deployment can neither stop nor start one",
        count(n as usize, "task"),
        min.value,
        max.value
    );
    let (least, most) = (smallest_max_percent(n), largest_min_percent(n));
    let finding = Finding::new(&META, title)
        .weigh(Role::Cause, Severity::High, 97)
        .arithmetic(format!(
            "ceil({n} × {} %) = {stay} must stay, floor({n} × {} %) = {exist} may exist: \
             {n} - {stay} = 0 may stop, {exist} - {n} = {} may start",
            min.value,
            max.value,
            i64::from(exist) - i64::from(n)
        ))
        .leads_to("deployment-never-starts")
        .fix(Fix::replace(
            format!("let {least} % exist: room for one more task"),
            max,
            least.to_string(),
        ));
    let finding = if n > 1 {
        let title = format!("or let {most} % stay: one task may stop first");
        finding.fix(Fix::replace(title, min, most.to_string()))
    } else {
        finding
    };
    finding
        .because("at most this share of the tasks may exist, in %", max)
        .because("at least this share of the tasks must stay, in %", min)
        .because("tasks", desired)
}

/// Why the bounds are not known, where something is written that could not be told.
fn unknown(ecs: &Ecs) -> Option<String> {
    let names =
        ["desired_count", "deployment_minimum_healthy_percent", "deployment_maximum_percent"];
    let unknown = ecs.deployment.unknown.iter().find(|one| names.contains(&&*one.setting))?;
    Some(format!("`{}` is not known: {}", unknown.setting, unknown.why))
}

/// Kubernetes accepts no step of nothing.
fn refused(kube: &Kube) -> bool {
    let none = |count: Count| matches!(count, Count::Pods(0) | Count::Percent(0));
    kube.is_deployment()
        && kube.workload.strategy.value == KubeStrategy::RollingUpdate
        && none(kube.workload.max_surge.value)
        && none(kube.workload.max_unavailable.value)
}

fn of_kubernetes(kube: &Kube) -> Finding {
    let title = "`maxSurge` and `maxUnavailable` are both 0: Kubernetes refuses the Deployment";
    let shown = |count: &Count| match count {
        Count::Pods(pods) => pods.to_string(),
        Count::Percent(percent) => format!("{percent}%"),
    };
    let surge = kube.workload.max_surge.with(shown(&kube.workload.max_surge.value));
    let unavailable =
        kube.workload.max_unavailable.with(shown(&kube.workload.max_unavailable.value));
    Finding::new(&META, title)
        .weigh(Role::Cause, Severity::High, 97)
        .arithmetic("0 pods may be added + 0 may be missing = no step")
        .because("pods that may be added", &surge)
        .because("pods that may be missing", &unavailable)
        .fix(Fix::replace("add one pod at a time", &surge, "1"))
}
