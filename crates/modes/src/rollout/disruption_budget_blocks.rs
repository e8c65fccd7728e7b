//! # A disruption budget that allows no disruption
//!
//! ## What fails
//!
//! Nodes cannot be drained: upgrades of the cluster, scale-downs and replacements hang or are forced
//! after a timeout, with "Cannot evict pod as it would violate the pod's disruption budget".
//!
//! ## Why
//!
//! Evictions ask the PodDisruptionBudget. With `minAvailable` as large as the number of replicas, or
//! `maxUnavailable` 0, not one pod may ever go. A budget for a single replica with `minAvailable: 1`
//! is the usual case. Rolling updates do not ask the budget, so that nobody notices before the
//! first drain.
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
//!       containers: [{ name: web, image: example/web:1 }]
//! ---
//! apiVersion: policy/v1
//! kind: PodDisruptionBudget
//! metadata: { name: web }
//! spec:
//!   minAvailable: 2
//!   selector: { matchLabels: { app: web } }
//! ```
//!
//! ## Fix
//!
//! `maxUnavailable: 1` follows the number of replicas.
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
//!       containers: [{ name: web, image: example/web:1 }]
//! ---
//! apiVersion: policy/v1
//! kind: PodDisruptionBudget
//! metadata: { name: web }
//! spec:
//!   maxUnavailable: 1
//!   selector: { matchLabels: { app: web } }
//! ```
//!
//! ## How to rehearse
//!
//! `kubectl drain NODE --ignore-daemonsets --dry-run=server` on a node that runs a pod.
//!
//! ## Evidence
//!
//! - Kubernetes documentation, "Disruptions" and "Specifying a Disruption Budget for your
//!   Application": percentages of `minAvailable` round up, and a budget of zero disruptions blocks
//!   drains.

use wonin_model::{
    Count, DisruptionBudget, Evidence, Finding, Fix, Located, Mode, ModeMeta, NotChecked, Role,
    Severity,
};

use crate::shared::deploys::{Kube, Seen, Telling, workloads};
use crate::shared::words::count;

pub(crate) struct DisruptionBudgetBlocks;

static META: ModeMeta = ModeMeta {
    id: "disruption-budget-blocks",
    family: "rollout",
    summary: "a disruption budget lets no pod be evicted, so that nodes cannot be drained",
    source: include_str!("disruption_budget_blocks.rs"),
};

/// What shows it at work.
const SEEN: &[(&str, &str)] = &[("kubernetes.disruption-budget", "an eviction was refused")];

/// What is left to say where the settings are not known.
fn observed() -> Finding {
    Finding::new(&META, "a disruption budget refuses an eviction: a node cannot be drained")
        .weigh(Role::Cause, Severity::Medium, 88)
        .fix(Fix::advice("let the budget allow one pod to go (`maxUnavailable: 1`), and see that the others are ready"))
}

impl Mode for DisruptionBudgetBlocks {
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
        for kube in workloads(evidence).filter(|kube| kube.workload.kind != "DaemonSet") {
            for budget in &kube.workload.disruption_budgets {
                if let Some(finding) = blocked(&kube, budget) {
                    telling.say(kube.deployment, finding);
                }
            }
        }
        let seen = Seen { evidence, signals: SEEN };
        telling.finish_seen(META.id, &seen, findings, open, || Some(observed()));
    }
}

fn shown(count: &Located<Count>) -> Located<String> {
    count.with(match count.value {
        Count::Pods(pods) => pods.to_string(),
        Count::Percent(percent) => format!("{percent}%"),
    })
}

fn blocked(kube: &Kube, budget: &DisruptionBudget) -> Option<Finding> {
    let replicas = kube.replicas();
    let n = replicas.value;
    if n == 0 {
        return None;
    }
    let of = |percent: u32| (u64::from(n) * u64::from(percent)).div_ceil(100);
    let (limit, needed, sum) = match (&budget.min_available, &budget.max_unavailable) {
        (Some(min), _) => {
            let (needed, text) = match min.value {
                Count::Pods(pods) => (u64::from(pods), String::new()),
                Count::Percent(percent) => {
                    let needed = of(percent);
                    (needed, format!("ceil({n} × {percent} %) = {needed} must stay, "))
                }
            };
            let spare = u64::from(n).saturating_sub(needed);
            (min, needed, format!("{text}{n} - {} = {spare} may go", needed.min(u64::from(n))))
        }
        (None, Some(max)) => {
            let allowed = match max.value {
                Count::Pods(pods) => u64::from(pods),
                Count::Percent(percent) => of(percent),
            };
            let needed = u64::from(n).saturating_sub(allowed);
            (max, needed, format!("{} may be missing = 0 of {n} may go", shown(max).value))
        }
        (None, None) => return None,
    };
    if needed < u64::from(n) {
        return None;
    }
    let pods = count(n as usize, "pod");
    let title = format!(
        "the budget `{}` lets none of {pods} go: nodes cannot be drained",
        budget.name.value
    );
    let claim = if budget.min_available.is_some() {
        "pods that must stay"
    } else {
        "pods that may be missing"
    };
    let advice = if n == 1 {
        "with one replica choose: run two, or allow `maxUnavailable: 1` and accept the gap"
    } else {
        "write `maxUnavailable: 1`: it follows the number of replicas"
    };
    Some(
        Finding::new(&META, title)
            .weigh(Role::Latent, Severity::Medium, 92)
            .arithmetic(sum)
            .because(claim, &shown(limit))
            .because("replicas", replicas)
            .leads_to("node-drain-hangs")
            .fix(Fix::advice(advice)),
    )
}
