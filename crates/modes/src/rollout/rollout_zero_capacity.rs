//! # A rollout with nothing left in between
//!
//! ## What fails
//!
//! Every deployment is an outage: the old tasks are gone before a new one is there.
//!
//! ## Why
//!
//! A minimum of 0 % lets ECS stop all old tasks at once; with one task there is then nothing for
//! as long as draining, stopping, launching and starting take. `Recreate`, or a `maxUnavailable` of
//! all replicas, does the same in Kubernetes. `docker compose up` always does: it removes the
//! containers of a changed service before it starts the new ones, however many there are.
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
//!   name                               = "web"
//!   desired_count                      = 1
//!   deployment_minimum_healthy_percent = 0
//!   deployment_maximum_percent         = 100
//!
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
//!   name                               = "web"
//!   desired_count                      = 1
//!   deployment_minimum_healthy_percent = 100
//!   deployment_maximum_percent         = 200
//!
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
//! `wonin rehearse rollout . --service web --startup 30s`: the lowest capacity is 0.
//!
//! ## In logs
//!
//! Events of ECS or Kubernetes in which all that is old goes before anything new is started show it
//! at work; those of ECS only together with the wanted number of tasks.
//!
//! ## Evidence
//!
//! - Amazon ECS developer guide, "Deploy by replacing tasks"; Kubernetes documentation,
//!   "Deployments", strategy. Rows E10, K6 and C3 of the rollout rules.
//! - docker compose `reconcile.go`: a changed service is removed in the create phase, started in the
//!   start phase.
//! - Inferred: that clients notice. Where a volume allows one writer only, `Recreate` is right, and
//!   nothing is said.

use std::collections::BTreeMap;

use wonin_model::{
    Count, Evidence, Finding, Fix, KubeStrategy, Mode, ModeMeta, NotChecked, Role, Service,
    Severity,
};
use wonin_rollout::closed::outage_of_single_task_ms;

use crate::shared::deploys::{
    Ecs, Kube, Limits, Telling, ecs_services, rehearsal, started, steps, workloads,
};
use crate::shared::rollouts::gone_first;
use crate::shared::seen::Shown;
use crate::shared::words::{count, duration_ms, list};

pub(crate) struct RolloutZeroCapacity;

static META: ModeMeta = ModeMeta {
    id: "rollout-zero-capacity",
    family: "rollout",
    summary: "a rollout stops everything before something new serves",
    source: include_str!("rollout_zero_capacity.rs"),
};

impl Mode for RolloutZeroCapacity {
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
            let limits = ecs.limits().filter(|limits| limits.bounds.allows_zero_capacity());
            if let Some(limits) = limits {
                let finding = of_ecs(evidence, &ecs, &limits);
                telling.say(ecs.deployment, finding);
            }
        }
        for kube in workloads(evidence) {
            if let Some(finding) = of_kubernetes(&kube) {
                telling.say(kube.deployment, finding);
            }
        }
        let shown = emptied(evidence);
        telling.finish_shown(META.id, &shown, findings, open, || Some(observed(&shown)));
        findings.extend(of_compose(evidence));
    }
}

/// Everything old went before anything new was started, as events say.
fn emptied(evidence: &Evidence) -> Shown<'_> {
    gone_first(evidence, |went, all| went >= all)
}

/// What is left to say where the settings are not known.
fn observed(shown: &Shown<'_>) -> Finding {
    let times = count(shown.len(), "rollout");
    let title = format!(
        "nothing served during {times}: everything old was stopped before anything new was started"
    );
    Finding::new(&META, title)
        .weigh(Role::Contributing, Severity::Medium, 85)
        .leads_to("outage-at-each-deployment")
        .fix(Fix::advice("let new ones start first (`maxSurge`, 200 % at most), unless two versions must not run at once"))
}

fn of_ecs(evidence: &Evidence, ecs: &Ecs, limits: &Limits) -> Finding {
    let Limits { desired, min, max, bounds } = limits;
    let n = desired.value;
    let all = if n == 1 { "the only task".to_owned() } else { format!("all {n} tasks") };
    let title = format!("a deployment may stop {all} before a new one is healthy: nothing is left");
    // One task that must go first is often one that may not run twice; who runs one knows of outages.
    let exclusive = n == 1 && bounds.start_room() == 0;
    let severity = match (ecs.target().is_some(), exclusive) {
        (true, false) => Severity::High,
        (true, true) => Severity::Medium,
        (false, _) => Severity::Low,
    };
    // With room for new tasks the order is the scheduler's choice.
    let sure = if bounds.start_room() == 0 { 95 } else { 75 };
    let finding = Finding::new(&META, title)
        .weigh(Role::Cause, severity, sure)
        .arithmetic(
            outage(evidence, ecs)
                .unwrap_or_else(|| format!("ceil({n} × {} %) = 0 must stay healthy", min.value)),
        )
        .leads_to("outage-at-each-deployment")
        .rehearse(rehearsal(evidence, ecs.deployment));
    let mut fix = Fix::replace("keep 100 % and let 200 % exist: new tasks start first", min, "100");
    if max.value <= 100 {
        let room = Fix::replace("", max, "200");
        if room.edits.is_empty() {
            fix.edits.clear();
        }
        fix.edits.extend(room.edits);
    }
    limits.because(finding).fix(fix)
}

/// How long nothing serves, for a single task whose startup time is known.
fn outage(evidence: &Evidence, ecs: &Ecs) -> Option<String> {
    let started = started(evidence, ecs.deployment)?.ok()?;
    let plan = started.ecs()?;
    if plan.desired != 1 {
        return None;
    }
    let (stop, launch) = (plan.stop.max_ms(), plan.launch.max_ms());
    let start = plan.startup.time.max_ms();
    let drain = plan.drain_ms();
    let total = outage_of_single_task_ms(drain, stop, launch, start);
    Some(format!(
        "{} draining + {} stopping + {} launching + {} starting = {} without a task",
        duration_ms(drain),
        duration_ms(stop),
        duration_ms(launch),
        duration_ms(start),
        duration_ms(total)
    ))
}

fn of_kubernetes(kube: &Kube) -> Option<Finding> {
    let workload = kube.workload;
    let n = kube.replicas().value;
    let served = !workload.services.is_empty();
    let one_writer = !workload.single_node_claims.is_empty();
    if !kube.is_deployment() || n == 0 || !served || one_writer {
        return None;
    }
    let pods = count(n as usize, "pod");
    if workload.strategy.value == KubeStrategy::Recreate {
        let title = format!("`Recreate` stops {pods} before a new one starts: nothing serves then");
        let severity = if n > 1 { Severity::Medium } else { Severity::Low };
        return Some(
            Finding::new(&META, title)
                .weigh(Role::Contributing, severity, if n > 1 { 85 } else { 60 })
                .arithmetic(format!("{n} - {n} = 0 pods until the first new one is ready"))
                .because_at("all old pods first", workload.strategy.origin.clone())
                .because("replicas", kube.replicas())
                .fix(Fix::advice("use `RollingUpdate`, unless two versions must not run at once")),
        );
    }
    let (surge, unavailable) = steps(workload, n);
    if unavailable < n || workload.max_unavailable.origin.is_default() {
        return None;
    }
    let title = format!("a rollout may stop {pods} before a new one is ready: nothing serves then");
    // Who runs one knows of outages.
    let severity = if n > 1 { Severity::Medium } else { Severity::Low };
    let shown = match workload.max_unavailable.value {
        Count::Pods(pods) => pods.to_string(),
        Count::Percent(percent) => format!("{percent}%"),
    };
    let mut fix = Fix::advice("set `maxUnavailable: 0` and `maxSurge: 1`: new pods start first");
    if surge > 0 {
        fix.edits = Fix::replace("", &workload.max_unavailable, "0").edits;
    }
    Some(
        Finding::new(&META, title)
            .weigh(Role::Contributing, severity, 85)
            .arithmetic(format!("{n} - {unavailable} = 0 pods must stay available"))
            .because("pods that may be missing", &workload.max_unavailable.with(shown))
            .because("replicas", kube.replicas())
            .fix(fix),
    )
}

/// C3: several containers promise that one may go; `up` replaces them all at once.
fn of_compose(evidence: &Evidence) -> Vec<Finding> {
    let mut projects: BTreeMap<usize, Vec<&Service>> = BTreeMap::new();
    for service in &evidence.stack.services {
        let several = service.replicas.as_ref().is_some_and(|replicas| replicas.value > 1);
        // Swarm, which rolls, takes images alone; what is built here is run by Compose.
        let by_compose = service.build_context.is_some() && service.update.is_none();
        if several && by_compose && service.profiles.is_empty() {
            projects.entry(service.project).or_default().push(service);
        }
    }
    let told = projects.into_values().map(|services| {
        let names: Vec<&str> = services.iter().map(|one| one.name.value.as_str()).collect();
        let title = format!(
            "{}: `docker compose up` replaces all containers of a changed service at once",
            list(&names)
        );
        let mut finding = Finding::new(&META, title)
            .weigh(Role::Contributing, Severity::Low, 60)
            .arithmetic("old containers are removed before the new ones start: 0 in between");
        finding.service = (services.len() == 1).then(|| names[0].to_owned());
        for service in services {
            if let Some(replicas) = &service.replicas {
                finding = finding.because("containers, all replaced at once", replicas);
            }
        }
        finding.fix(Fix::advice(
            "deploy with an orchestrator that rolls, or replace one half after the other behind a proxy",
        ))
    });
    told.collect()
}
