//! # Requests that are cut when their server leaves
//!
//! ## What fails
//!
//! Each rollout, scale-down and node drain answers some requests with connection resets or 502.
//!
//! ## Why
//!
//! A load balancer that deregisters a target lets open requests end within the deregistration delay;
//! with 0 s there is no such time. In Kubernetes the pod gets its stop signal at the same moment in
//! which its endpoint is taken back, but proxies and balancers learn of that seconds later: without a
//! pause before the signal they send requests to a server that no longer listens. The pause counts
//! against `terminationGracePeriodSeconds`; when it is as long, the application gets hardly any time
//! to end what it has begun.
//!
//! ## Example
//!
//! ```yaml web.yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: web }
//! spec:
//!   replicas: 2
//!   template:
//!     metadata: { labels: { app: web } }
//!     spec:
//!       terminationGracePeriodSeconds: 30
//!       containers:
//!         - name: web
//!           image: example/web:1
//!           lifecycle:
//!             preStop:
//!               exec: { command: [sleep, "30"] }
//! ---
//! apiVersion: v1
//! kind: Service
//! metadata: { name: web }
//! spec:
//!   selector: { app: web }
//!   ports: [{ port: 80 }]
//! ```
//!
//! ## Fix
//!
//! A pause of a few seconds, and a grace period for the pause and the longest request together.
//!
//! ```yaml web.yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: web }
//! spec:
//!   replicas: 2
//!   template:
//!     metadata: { labels: { app: web } }
//!     spec:
//!       terminationGracePeriodSeconds: 60
//!       containers:
//!         - name: web
//!           image: example/web:1
//!           lifecycle:
//!             preStop:
//!               exec: { command: [sleep, "10"] }
//! ---
//! apiVersion: v1
//! kind: Service
//! metadata: { name: web }
//! spec:
//!   selector: { app: web }
//!   ports: [{ port: 80 }]
//! ```
//!
//! ## How to rehearse
//!
//! `kubectl rollout restart deployment/web` under constant load, counting what is not answered.
//!
//! ## In logs
//!
//! Answers that are missing in the half minute after a server began to stop, and at no other time,
//! show it at work. One such failure at another moment has another reason, and nothing is claimed.
//!
//! ## Evidence
//!
//! - Kubernetes documentation, "Pod Lifecycle", termination: the hook runs within the grace period,
//!   and 2 s remain when it takes longer. Elastic Load Balancing user guide, "Deregistration delay".
//!   Rows E22 and K8 of the rollout rules.
//! - Inferred: endpoints lag by 2 s within a cluster and 10 s behind a load balancer. That a pod
//!   without a pause loses requests is therefore likely, not certain; applications that go on
//!   accepting for a while after the signal do not.

use wonin_model::{
    Evidence, Finding, Fix, KubeContainer, Located, Mode, ModeMeta, NotChecked, Origin, Role,
    Severity, TargetGroup,
};

use crate::shared::deploys::{Kube, Telling, ecs_services, steps, workloads};
use crate::shared::rollouts::times;
use crate::shared::seen::{Part, Shown, all_of, signals};

pub(crate) struct RequestsCutAtDrain;

static META: ModeMeta = ModeMeta {
    id: "requests-cut-at-drain",
    family: "rollout",
    summary: "a server leaves before the requests to it have ended",
    source: include_str!("requests_cut_at_drain.rs"),
};

impl Mode for RequestsCutAtDrain {
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
            if let Some(finding) = ecs.target().and_then(no_drain) {
                telling.say(ecs.deployment, finding);
            }
        }
        for kube in workloads(evidence) {
            let told = grace_used_up(&kube).or_else(|| no_pause(&kube));
            if let Some(finding) = told {
                telling.say(kube.deployment, finding);
            }
        }
        let shown = cut(evidence);
        telling.finish_shown(META.id, &shown, findings, open, || Some(observed()));
    }
}

/// What tells that a server begins to leave.
const LEAVES: [&str; 3] = ["app.shutdown-started", "ecs.draining", "ecs.stopped"];
/// What tells that a request to it was cut or found nobody.
const CUT: [(&str, &str); 8] = [
    ("http.status-502", "requests ended with 502"),
    ("http.status-504", "requests ended with 504"),
    ("nginx.prematurely-closed", "connections were closed before the answer"),
    ("nginx.reset", "connections were reset before the answer"),
    ("nginx.connect-failed", "nobody listened any more"),
    ("alb.target-closed", "connections were closed before the answer"),
    ("envoy.upstream-reset", "connections were reset before the answer"),
    ("app.shutdown-aborted", "requests were still running when the time to end them was over"),
];
/// How long after that begin, and how long before (clocks differ), in milliseconds.
const AFTER_MS: i64 = 30_000;
const BEFORE_MS: i64 = 2_000;

/// Errors that come when servers leave, and at no other time.
fn cut(evidence: &Evidence) -> Shown<'_> {
    let leaves: Vec<i64> = LEAVES.iter().flat_map(|name| times(evidence, name, |_| true)).collect();
    let is_then =
        |at: i64| leaves.iter().any(|left| (left - BEFORE_MS..=left + AFTER_MS).contains(&at));
    let mut shown: Shown<'_> = Vec::new();
    for (name, what) in CUT {
        for signal in signals(evidence, &[name]) {
            // All of them are looked at, or nothing is claimed.
            let all = signal.count == signal.hits.len() as u64;
            if !all || !signal.hits.iter().all(|hit| hit.at_ms.is_some_and(is_then)) {
                return Vec::new();
            }
            let what = format!("{what} within {} s of a stop", AFTER_MS / 1000);
            shown.push((Part::whole(signal), what));
        }
    }
    let events: u64 = shown.iter().map(|(part, _)| part.events).sum();
    if events < 2 {
        return Vec::new();
    }
    shown.extend(all_of(evidence, &LEAVES.map(|name| (name, "servers begin to leave"))));
    shown
}

/// What is left to say where the settings are not known.
fn observed() -> Finding {
    Finding::new(
        &META,
        "requests fail when servers stop, and at no other time: likely they leave before their \
         requests have ended",
    )
    .weigh(Role::Contributing, Severity::Medium, 75)
    .leads_to("errors-at-each-deployment")
    .fix(Fix::advice(
        "let a server be taken out of the balancer first, wait some seconds (`preStop`, deregistration \
         delay), and end requests before the process ends (`server.shutdown: graceful`)",
    ))
}

/// E22, in the one case that is certain without knowing a request.
fn no_drain(group: &TargetGroup) -> Option<Finding> {
    let delay = group.deregistration_delay_s.as_ref().filter(|delay| delay.value == 0)?;
    Some(
        Finding::new(&META, "old tasks drain for 0 s: requests that are on their way are cut")
            .weigh(Role::Contributing, Severity::Medium, 85)
            .arithmetic("any request longer than 0 s is cut")
            .because("deregistration delay, in seconds", delay)
            .leads_to("errors-at-each-deployment")
            .fix(Fix::replace("drain just above the longest request, 30 s", delay, "30")),
    )
}

/// The longest pause among the containers.
fn pause<'a>(kube: &Kube<'a>) -> Option<&'a Located<u64>> {
    let sleeps = kube.workload.containers.iter().filter_map(|one| one.pre_stop_sleep_s.as_ref());
    sleeps.max_by_key(|sleep| sleep.value)
}

/// K8: the pause takes all the time there is before the kill.
fn grace_used_up(kube: &Kube) -> Option<Finding> {
    let sleep = pause(kube)?;
    let grace = &kube.workload.termination_grace_s;
    if sleep.value == 0 || sleep.value < grace.value {
        return None;
    }
    let title = format!(
        "the pause before the stop signal takes {} s of {} s: the application is killed 2 s after it",
        sleep.value, grace.value
    );
    let enough = sleep.value.saturating_add(30);
    Some(
        Finding::new(&META, title)
            .weigh(Role::Contributing, Severity::Medium, 92)
            .arithmetic(format!(
                "{} s - {} s = {} s left, so 2 s remain, for shutting down",
                grace.value,
                sleep.value,
                i128::from(grace.value) - i128::from(sleep.value)
            ))
            .because("`preStop` sleeps, in seconds", sleep)
            .because("time from the deletion to the kill, in seconds", grace)
            .leads_to("killed-hard")
            .fix(Fix::replace(
                format!("allow {enough} s: the pause, and 30 s to end requests"),
                grace,
                enough.to_string(),
            )),
    )
}

/// K8: nothing lets the proxies learn that the pod leaves.
fn no_pause(kube: &Kube) -> Option<Finding> {
    let workload = kube.workload;
    let n = kube.replicas().value;
    let all_go = steps(workload, n).1 >= n;
    let pauses = |one: &KubeContainer| one.has_pre_stop;
    if !kube.is_deployment() || n == 0 || all_go || workload.containers.iter().any(pauses) {
        return None;
    }
    let service = workload.services.iter().find(|service| !service.target_ports.is_empty())?;
    let title = "the stop signal comes while requests still do, likely for some seconds: no pause \
                 before it";
    Some(
        Finding::new(&META, title)
            .weigh(Role::Contributing, Severity::Low, 55)
            .arithmetic("0 s of pause < 2 s until proxies know (10 s behind a load balancer)")
            .because_at("a pod without `preStop`", Origin::Written(kube.deployment.place))
            .because_at("requests come through this Service", service.name.origin.clone())
            .fix(Fix::advice(
                "add `lifecycle: { preStop: { sleep: { seconds: 5 } } }` (10 behind a load balancer)",
            )),
    )
}
