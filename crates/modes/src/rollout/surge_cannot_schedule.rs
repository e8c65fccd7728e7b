//! # A new pod that has no place while the old ones stay
//!
//! ## What fails
//!
//! The rollout stands still: the new pod is `Pending` ("didn't have free ports", "didn't match pod
//! anti-affinity rules") or hangs in `ContainerCreating` ("Multi-Attach error for volume"), and the
//! old one is not removed before the new one is ready. After the progress deadline it counts as failed.
//!
//! ## Why
//!
//! With nothing allowed to be missing the controller first adds a pod. A port of the node, or a
//! required anti-affinity between the pods, admits one pod per node, so that one node more than
//! replicas is needed. A volume that one node alone may mount keeps a new pod on another node waiting
//! for the old one, which waits for the new one. Swarm places tasks by what is reserved, by labels and
//! by ports in host mode, and says which of these no node satisfies.
//!
//! ## Example
//!
//! ```yaml edge.yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: edge }
//! spec:
//!   replicas: 1
//!   template:
//!     metadata: { labels: { app: edge } }
//!     spec:
//!       containers:
//!         - name: edge
//!           image: example/edge:1
//!           ports: [{ containerPort: 443, hostPort: 443 }]
//! ```
//!
//! ## Fix
//!
//! Let one old pod go first, or take the reason away.
//!
//! ```yaml edge.yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: edge }
//! spec:
//!   replicas: 1
//!   strategy:
//!     rollingUpdate: { maxSurge: 0, maxUnavailable: 1 }
//!   template:
//!     metadata: { labels: { app: edge } }
//!     spec:
//!       containers:
//!         - name: edge
//!           image: example/edge:1
//!           ports: [{ containerPort: 443, hostPort: 443 }]
//! ```
//!
//! ## How to rehearse
//!
//! `kubectl rollout restart deployment/edge` on a cluster of the real size, then
//! `kubectl describe pod`.
//!
//! ## Evidence
//!
//! - SwarmKit, `manager/scheduler/filter.go`, for the reasons that Swarm gives.
//! - Kubernetes documentation, "Deployments" (surge first), "Assigning Pods to Nodes" (anti-affinity),
//!   "Persistent Volumes" (`ReadWriteOnce` is one node), `deployment/rolling.go`. Row K5 of the rollout
//!   rules.
//! - How many nodes there are, and how full they are, is not in these files.

use wonin_model::{
    Evidence, Finding, Fix, KubeStrategy, Mode, ModeMeta, NotChecked, Role, Severity, Signal,
};

use crate::shared::deploys::{Kube, Seen, Telling, steps, workloads};
use crate::shared::seen::{Part, beside, signals};
use crate::shared::words::{count, list};

pub(crate) struct SurgeCannotSchedule;

static META: ModeMeta = ModeMeta {
    id: "surge-cannot-schedule",
    family: "rollout",
    summary: "a new pod cannot be placed while all old ones stay",
    source: include_str!("surge_cannot_schedule.rs"),
};

/// What shows it at work.
const SEEN: &[(&str, &str)] = &[
    ("kubernetes.volume-not-attached", "a new pod waits for the volume of an old one"),
    ("kubernetes.not-scheduled", "no node takes the new pod"),
];

/// What is left to say where the settings are not known.
fn observed() -> Finding {
    Finding::new(&META, "no node takes a pod")
        .weigh(Role::Cause, Severity::Medium, 75)
        .fix(Fix::advice("read the reason that the event gives: free CPU and memory, ports, anti-affinity, volumes"))
}

/// What Swarm says of a task that waits for a node.
fn swarm(signal: &Signal) -> Finding {
    let whose = signal.service.as_deref().map_or(String::new(), |name| format!(" of {name}"));
    let reasons = signal.all("why");
    let why = if reasons.is_empty() { String::new() } else { format!(": {}", list(&reasons)) };
    let mut finding = Finding::new(&META, format!("no node takes a task{whose}{why}")).weigh(
        Role::Cause,
        Severity::High,
        90,
    );
    finding.service.clone_from(&signal.service);
    let advice = |text: &str, advice| {
        reasons.iter().any(|why| why.contains(text)).then(|| Fix::advice(advice))
    };
    let fixes = [
        advice(
            "insufficient resources",
            "reserve less (`deploy.resources.reservations`: what is reserved counts, not what is used), or add a node",
        ),
        advice(
            "scheduling constraints",
            "compare `deploy.placement.constraints` with the nodes (`docker node ls`, `docker node inspect`): a label that no node bears, a role, a host name",
        ),
        advice(
            "host-mode port",
            "a port in host mode admits one task per node: `update_config.order: stop-first`, or publish it in ingress mode",
        ),
        advice("unsupported platform", "build the image for the platform of the nodes"),
        advice("max replicas per node", "raise `max_replicas_per_node`, or add a node"),
        advice(
            "not available for new tasks",
            "bring nodes back: `docker node ls` shows who is down, drained or paused",
        ),
    ];
    finding = Part::whole(signal)
        .tell(finding, "Swarm finds no node for it")
        .leads_to("no-healthy-target");
    finding.fixes.extend(fixes.into_iter().flatten());
    if finding.fixes.is_empty() {
        finding = finding.fix(Fix::advice("`docker service ps --no-trunc` gives the whole reason"));
    }
    finding
}

impl Mode for SurgeCannotSchedule {
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
        for kube in workloads(evidence).filter(all_stay) {
            if let Some(finding) = one_per_node(&kube).or_else(|| one_writer(&kube)) {
                telling.say(kube.deployment, finding);
            }
        }
        let seen = Seen { evidence, signals: SEEN };
        telling.finish_seen(META.id, &seen, findings, open, || Some(observed()));
        // `docker service update` says it as well while it waits, and in the end that all is well.
        let waits = signals(evidence, &["swarm.no-node"]).into_iter().filter(|signal| {
            beside(evidence, "swarm.converged", signal.service.as_deref()).is_none()
        });
        findings.extend(waits.map(swarm));
    }
}

/// Whether no old pod may go before a new one is ready.
fn all_stay(kube: &Kube) -> bool {
    let n = kube.replicas().value;
    let rolling = kube.workload.strategy.value == KubeStrategy::RollingUpdate;
    kube.is_deployment() && rolling && n > 0 && steps(kube.workload, n).1 == 0
}

fn one_per_node(kube: &Kube) -> Option<Finding> {
    let n = kube.replicas().value;
    let port = kube.containers().find_map(|one| one.host_ports.first());
    let apart = kube.workload.own_anti_affinity.as_ref();
    let apart = apart.filter(|key| key.value == "kubernetes.io/hostname");
    let why = match (port, apart) {
        (Some(port), _) => format!("host port {}", port.value),
        (None, Some(_)) => "required anti-affinity".to_owned(),
        (None, None) => return None,
    };
    let title = format!(
        "one pod per node ({why}), and a rollout adds one to {} first: {} nodes are needed",
        count(n as usize, "pod"),
        n + 1
    );
    // A second node is nothing special, but a cluster of one node has ports to share.
    let severity = if port.is_some() || n > 1 { Severity::Medium } else { Severity::Low };
    let mut finding = Finding::new(&META, title)
        .weigh(Role::Latent, severity, 65)
        .arithmetic(format!("{n} old pods stay + 1 new one = {} nodes", n + 1))
        .leads_to("progress-deadline-exceeded")
        .fix(Fix::advice("set `maxSurge: 0` and `maxUnavailable: 1`: an old pod goes first"));
    if let Some(port) = port {
        finding = finding.because("port of the node that the pod takes", port);
    }
    if let Some(apart) = apart {
        finding = finding.because("no two of these pods on one", apart);
    }
    Some(finding.because("replicas", kube.replicas()))
}

fn one_writer(kube: &Kube) -> Option<Finding> {
    let claim = kube.workload.single_node_claims.first()?;
    let title = format!(
        "the new pod needs volume `{}`, which one node alone may mount, before the old one lets go",
        claim.value
    );
    Some(
        Finding::new(&META, title)
            .weigh(Role::Latent, Severity::Low, 60)
            .arithmetic(
                "1 old pod holds it + 1 new pod waits for it = stuck, unless both are on one node",
            )
            .because("a volume for one node", claim)
            .leads_to("progress-deadline-exceeded")
            .fix(Fix::advice("set `strategy: { type: Recreate }`: the old pod lets go first")),
    )
}
