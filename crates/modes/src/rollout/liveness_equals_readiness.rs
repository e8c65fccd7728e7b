//! # The same probe for liveness and readiness
//!
//! ## What fails
//!
//! Under load, or while a dependency is down, containers are restarted that should only have been
//! left alone for a while; restarting them puts more load on the rest.
//!
//! ## Why
//!
//! A failed readiness probe takes a pod out of the endpoints; a failed liveness probe restarts the
//! container. Asking the same with the same patience does both at once, so that being busy means
//! being restarted. It is worst with a path that checks dependencies, such as `/actuator/health`:
//! when the database is gone, every replica restarts.
//!
//! ## Example
//!
//! ```yaml web.yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: web }
//! spec:
//!   template:
//!     metadata: { labels: { app: web } }
//!     spec:
//!       containers:
//!         - name: web
//!           image: example/web:1
//!           livenessProbe:
//!             httpGet: { path: /healthz, port: 8080 }
//!           readinessProbe:
//!             httpGet: { path: /healthz, port: 8080 }
//! ```
//!
//! ## Fix
//!
//! A liveness probe that fails only when a restart helps, or that is more patient.
//!
//! ```yaml web.yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: web }
//! spec:
//!   template:
//!     metadata: { labels: { app: web } }
//!     spec:
//!       containers:
//!         - name: web
//!           image: example/web:1
//!           livenessProbe:
//!             httpGet: { path: /healthz, port: 8080 }
//!             failureThreshold: 9
//!           readinessProbe:
//!             httpGet: { path: /healthz, port: 8080 }
//! ```
//!
//! ## How to rehearse
//!
//! Let the health endpoint answer 503 for a minute and count restarts.
//!
//! ## In logs
//!
//! A liveness probe that is answered with 503 while containers are restarted for it shows the half
//! with dependencies: who answers is neither dead nor still starting. Where nobody answers in time,
//! logs do not tell a busy server from a dead one.
//!
//! ## Evidence
//!
//! - Kubernetes documentation, "Configure Liveness, Readiness and Startup Probes": a common pattern
//!   is the same endpoint with a higher `failureThreshold` for liveness.
//! - Spring Boot reference, "Kubernetes Probes": the liveness state must not depend on external
//!   systems; `/actuator/health` aggregates those.

use wonin_model::{
    Evidence, Finding, Fix, KubeContainer, Mode, ModeMeta, NotChecked, Probe, ProbeTarget, Role,
    Severity,
};

use crate::shared::deploys::{Telling, workloads};
use crate::shared::edits::add_entry;
use crate::shared::seen::{Part, Shown, Values, signals};

pub(crate) struct LivenessEqualsReadiness;

static META: ModeMeta = ModeMeta {
    id: "liveness-equals-readiness",
    family: "rollout",
    summary: "liveness asks what readiness asks: what is busy gets restarted",
    source: include_str!("liveness_equals_readiness.rs"),
};

impl Mode for LivenessEqualsReadiness {
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
        for kube in workloads(evidence) {
            for container in kube.containers() {
                let told =
                    restarts_with_dependencies(container).or_else(|| same(evidence, container));
                if let Some(finding) = told {
                    telling.say(kube.deployment, finding);
                }
            }
        }
        let shown = restarted(evidence);
        telling.finish_shown(META.id, &shown, findings, open, || Some(observed()));
    }
}

/// Restarts by liveness of an application that answered that it is not well: a status, where one
/// that still starts, hangs or is gone gives no answer at all.
pub(super) fn restarted(evidence: &Evidence) -> Shown<'_> {
    let killed = |values: &Values| values.get("probe").is_some_and(|probe| probe == "liveness");
    let killed = signals(evidence, &["kubernetes.killed-by-probe"])
        .into_iter()
        .filter_map(|signal| Part::of(signal, killed));
    let refuses =
        |values: &Values| values.get("why").is_some_and(|why| why.contains("statuscode: 503"));
    let failed: Vec<Part<'_>> = signals(evidence, &["kubernetes.liveness-failed"])
        .into_iter()
        .filter_map(|signal| Part::of(signal, refuses).filter(|part| part.events == signal.count))
        .collect();
    let killed: Vec<Part<'_>> = killed.collect();
    if failed.is_empty() || killed.is_empty() {
        return Vec::new();
    }
    let failed = failed.into_iter().map(|part| {
        (part, "liveness is answered with 503: it runs, and says that it is not well".to_owned())
    });
    let killed =
        killed.into_iter().map(|part| (part, "and the kubelet restarts it for that".to_owned()));
    failed.chain(killed).collect()
}

/// What is left to say where the settings are not known.
fn observed() -> Finding {
    Finding::new(
        &META,
        "liveness is answered with 503 and the container restarted: likely it asks for dependencies, \
         which a restart does not repair",
    )
    .weigh(Role::Cause, Severity::High, 80)
    .fix(Fix::advice(
        "let liveness ask whether the process itself is beyond help, and readiness for the rest \
         (`/actuator/health/liveness` and `/actuator/health/readiness`)",
    ))
}

/// How long a probe has to fail before something is done, in seconds.
fn patience_s(probe: &Probe) -> u64 {
    u64::from(probe.failure_threshold.value).saturating_mul(probe.period_s.value)
}

/// A liveness probe that fails with the dependencies of a Spring Boot application.
fn restarts_with_dependencies(container: &KubeContainer) -> Option<Finding> {
    let liveness = container.liveness.as_ref()?;
    let ProbeTarget::Http { path, .. } = &liveness.target.value else { return None };
    if path.trim_end_matches('/') != "/actuator/health" {
        return None;
    }
    let title = "liveness asks `/actuator/health`, which fails with database or broker: all replicas \
                 restart when one of those is gone";
    Some(
        Finding::new(&META, title)
            .weigh(Role::Latent, Severity::Medium, 75)
            .because_at("what liveness asks", liveness.target.origin.clone())
            .leads_to("restart-storm")
            .fix(Fix::advice(
                "ask `/actuator/health/liveness` (and `/actuator/health/readiness` for readiness)",
            )),
    )
}

fn same(evidence: &Evidence, container: &KubeContainer) -> Option<Finding> {
    let (liveness, readiness) = (container.liveness.as_ref()?, container.readiness.as_ref()?);
    let (patience, ready) = (patience_s(liveness), patience_s(readiness));
    let probes = liveness.target.value == readiness.target.value;
    // A command is often cheap and local; an exec probe that is the same proves nothing wrong.
    let by_network = !matches!(liveness.target.value, ProbeTarget::Exec(_) | ProbeTarget::Tcp(_));
    if !probes || !by_network || patience > ready {
        return None;
    }
    let title = "liveness asks what readiness asks, no more patiently: what is too busy to answer is \
                 restarted";
    let tolerant = ready.saturating_mul(3).div_ceil(liveness.period_s.value.max(1));
    let advice = format!("let liveness fail {tolerant} times before it restarts");
    let mut fix = Fix::replace(advice, &liveness.failure_threshold, tolerant.to_string());
    if liveness.failure_threshold.origin.is_default() {
        let entry = format!("failureThreshold: {tolerant}");
        fix.edits.extend(add_entry(&evidence.sources, liveness.place, &entry));
    }
    Some(
        Finding::new(&META, title)
            .weigh(Role::Latent, Severity::Low, 65)
            .arithmetic(format!("restarted after {patience} s, taken out after {ready} s"))
            .because_at("what liveness asks", liveness.target.origin.clone())
            .because_at("what readiness asks", readiness.target.origin.clone())
            .fix(fix),
    )
}
