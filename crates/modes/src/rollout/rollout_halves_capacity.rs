//! # A rollout that begins by stopping
//!
//! ## What fails
//!
//! With the first second of a deployment a part of the tasks is gone, before a new one serves. If
//! the new revision is slow or broken, the rest carries everything until somebody rolls back.
//!
//! ## Why
//!
//! A minimum below 100 % lets ECS stop N − ceil(N × minimum / 100) old tasks at once, even where
//! there is room to start the new ones first. Kubernetes removes `maxUnavailable` old pods at once,
//! too. The capacity comes back when the first new task is healthy.
//!
//! ## Example
//!
//! ```terraform main.tf
//! resource "aws_ecs_service" "web" {
//!   name                               = "web"
//!   desired_count                      = 2
//!   deployment_minimum_healthy_percent = 50
//! }
//! ```
//!
//! ## Fix
//!
//! Start first: at least 100 %, at most more than that.
//!
//! ```terraform main.tf
//! resource "aws_ecs_service" "web" {
//!   name                               = "web"
//!   desired_count                      = 2
//!   deployment_minimum_healthy_percent = 100
//! }
//! ```
//!
//! ## How to rehearse
//!
//! `wonin rehearse rollout . --service web --startup 30s` draws the capacity over time.
//!
//! ## In logs
//!
//! Events of ECS or Kubernetes in which a quarter or more goes before anything new is started show
//! it at work; those of ECS only together with the wanted number of tasks.
//!
//! ## Evidence
//!
//! - Amazon ECS developer guide, "Best practices for service parameters": with 50 and 200 the
//!   scheduler "stops three" of six first. Rows E9 and E26 of the rollout rules.
//! - Kubernetes `rolling.go`: old pods are scaled down to N − `maxUnavailable` at once.
//! - Application Load Balancers user guide, "Slow start": a new target's share grows over the
//!   duration, although it counts as healthy from the first check on.

use wonin_model::{
    Count, Evidence, Finding, Fix, KubeStrategy, Mode, ModeMeta, NotChecked, Role, Severity,
};

use crate::shared::deploys::{
    Ecs, Kube, Limits, Telling, ecs_services, rehearsal, steps, workloads,
};
use crate::shared::rollouts::gone_first;
use crate::shared::seen::Shown;
use crate::shared::words::{count, duration_ms};

pub(crate) struct RolloutHalvesCapacity;

static META: ModeMeta = ModeMeta {
    id: "rollout-halves-capacity",
    family: "rollout",
    summary: "a rollout stops a large part of the old tasks before a new one serves",
    source: include_str!("rollout_halves_capacity.rs"),
};

impl Mode for RolloutHalvesCapacity {
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
            let Some(limits) = ecs.limits() else { continue };
            let told = eager_stop(&limits).or_else(|| slow_share(&ecs, &limits));
            if let Some(finding) = told {
                let finding = finding.rehearse(rehearsal(evidence, ecs.deployment));
                telling.say(ecs.deployment, finding);
            }
        }
        for kube in workloads(evidence) {
            if let Some(finding) = of_kubernetes(&kube) {
                telling.say(kube.deployment, finding);
            }
        }
        let shown = thinned(evidence);
        telling.finish_shown(META.id, &shown, findings, open, || Some(observed(&shown)));
    }
}

/// At least a quarter, and not all, went before anything new was started, as events say.
fn thinned(evidence: &Evidence) -> Shown<'_> {
    gone_first(evidence, |went, all| went * 4 >= all && went < all)
}

/// What is left to say where the settings are not known.
fn observed(shown: &Shown<'_>) -> Finding {
    let times = count(shown.len(), "rollout");
    let title =
        format!("{times} stopped a large part of what served before anything new was started");
    Finding::new(&META, title).weigh(Role::Contributing, Severity::Medium, 80).fix(Fix::advice(
        "let new ones start first: `maxUnavailable: 0` with `maxSurge`, 100 % healthy at least",
    ))
}

/// E9: at least a quarter of the tasks goes first.
fn eager_stop(limits: &Limits) -> Option<Finding> {
    let Limits { desired, min, max, bounds } = limits;
    let (n, stay) = (desired.value, bounds.healthy_min);
    let gone = bounds.stop_room();
    if stay == 0 || gone * 4 < n {
        return None;
    }
    let share = 100 * stay / n;
    let title = format!(
        "a deployment stops {gone} of {} at once, before a new one is healthy: {share} % of the \
         capacity is left",
        count(n as usize, "task")
    );
    let severity = if gone * 2 >= n { Severity::Medium } else { Severity::Low };
    let room = bounds.start_room();
    let mut finding =
        Finding::new(&META, title).weigh(Role::Contributing, severity, 85).arithmetic(format!(
            "{n} - ceil({n} × {} %) = {n} - {stay} = {gone} may stop, {stay}/{n} = {share} % stay",
            min.value
        ));
    finding = limits.because(finding);
    Some(if room > 0 {
        let title = "keep 100 %: new tasks start first, and there is room for them";
        finding.fix(Fix::replace(title, min, "100"))
    } else {
        let most = wonin_rollout::bounds::smallest_max_percent(n);
        let title = format!("keep 100 % and let {most} % exist, so that new tasks start first");
        let mut fix = Fix::replace(title, min, "100");
        let room = Fix::replace("", max, most.to_string());
        // Without the second edit nothing could move any more.
        if room.edits.is_empty() {
            fix.edits.clear();
        }
        fix.edits.extend(room.edits);
        finding.fix(fix)
    })
}

/// E26: new targets count at once, and take their share only later.
fn slow_share(ecs: &Ecs, limits: &Limits) -> Option<Finding> {
    let slow = ecs.target()?.slow_start_s.as_ref().filter(|slow| slow.value > 0)?;
    let (n, step) = (limits.desired.value, limits.bounds.start_room());
    if step == 0 || step >= n || step * 2 < n {
        return None;
    }
    let title = format!(
        "{step} of {} are replaced at a time, and a new one takes its full share only {} later",
        count(n as usize, "task"),
        duration_ms(slow.value.saturating_mul(1000))
    );
    let finding = Finding::new(&META, title)
        .weigh(Role::Contributing, Severity::Low, 60)
        .arithmetic(format!("{n} - {step} = {} with full weight after the first step", n - step))
        .because("time over which a new target's share grows, in seconds", slow);
    Some(limits.because(finding).fix(Fix::advice("replace fewer tasks at a time")))
}

fn of_kubernetes(kube: &Kube) -> Option<Finding> {
    let workload = kube.workload;
    let rolling = workload.strategy.value == KubeStrategy::RollingUpdate;
    if !kube.is_deployment() || !rolling || workload.max_unavailable.origin.is_default() {
        return None;
    }
    let n = kube.replicas().value;
    let (surge, unavailable) = steps(workload, n);
    if n < 2 || unavailable >= n || unavailable * 2 < n {
        return None;
    }
    let left = n - unavailable;
    let title = format!(
        "a rollout stops {unavailable} of {} at once: {} % of the capacity is left",
        count(n as usize, "pod"),
        100 * left / n
    );
    let shown = match workload.max_unavailable.value {
        Count::Pods(pods) => pods.to_string(),
        Count::Percent(percent) => format!("{percent}%"),
    };
    let finding = Finding::new(&META, title)
        .weigh(Role::Contributing, Severity::Low, 80)
        .arithmetic(format!("{n} - {unavailable} = {left} stay"))
        .because("pods that may be missing", &workload.max_unavailable.with(shown))
        .because("replicas", kube.replicas());
    Some(if surge > 0 {
        let title = "let none be missing: new pods start first, and there is surge for them";
        finding.fix(Fix::replace(title, &workload.max_unavailable, "0"))
    } else {
        finding.fix(Fix::advice("set `maxSurge: 1` and `maxUnavailable: 0`: new pods start first"))
    })
}
