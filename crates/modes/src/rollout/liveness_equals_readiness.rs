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
        telling.finish(META.id, findings, open);
    }
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
