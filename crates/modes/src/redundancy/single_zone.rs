//! # Several in one zone
//!
//! ## What fails
//!
//! One availability zone has trouble, and all instances of a service are gone at once, however many
//! there are.
//!
//! ## Why
//!
//! Instances guard against the loss of an instance. A zone (a building, a power line, a network)
//! takes all instances in it at the same time.
//!
//! ## Example
//!
//! ```yaml web.yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: web }
//! spec:
//!   replicas: 3
//!   template:
//!     metadata: { labels: { app: web } }
//!     spec:
//!       nodeSelector: { topology.kubernetes.io/zone: eu-central-1a }
//!       containers:
//!         - { name: web, image: example/web:1 }
//! ```
//!
//! ## Fix
//!
//! Spread them over zones.
//!
//! ```yaml web.yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: web }
//! spec:
//!   replicas: 3
//!   template:
//!     metadata: { labels: { app: web } }
//!     spec:
//!       topologySpreadConstraints:
//!         - maxSkew: 1
//!           topologyKey: topology.kubernetes.io/zone
//!           whenUnsatisfiable: ScheduleAnyway
//!           labelSelector: { matchLabels: { app: web } }
//!       containers:
//!         - { name: web, image: example/web:1 }
//! ```
//!
//! ## How to rehearse
//!
//! Cordon the nodes of that zone and delete the pods, or take the subnet's route away, in a test
//! environment.
//!
//! ## In logs
//!
//! Nothing tells it: a zone that is gone takes the hosts and their logs along, and no event names
//! the zone of what is left.
//!
//! ## Evidence
//!
//! - AWS Well-Architected Framework, reliability pillar: deploy to several locations. Kubernetes
//!   documentation, "Running in multiple zones" and "Assigning Pods to Nodes". The subnets' zones are
//!   those that the files name.

use wonin_model::{Evidence, Finding, Fix, Located, Mode, ModeMeta, NotChecked, Role, Severity};

use crate::shared::deploys::{Telling, ecs_services, workloads};

pub(crate) struct SingleZone;

static META: ModeMeta = ModeMeta {
    id: "single-zone",
    family: "redundancy",
    summary: "all instances run in one availability zone",
    source: include_str!("single_zone.rs"),
};

impl Mode for SingleZone {
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
            let zones = &ecs.service.task_zones;
            let Some(first) = zones.first() else { continue };
            if zones.iter().all(|zone| zone.value == first.value) {
                let finding =
                    told("task", limits.desired, first, "all its subnets are in this zone");
                telling.say_some(
                    ecs.deployment,
                    finding.map(|finding| {
                        finding.fix(Fix::advice("add a subnet in another zone to the service"))
                    }),
                );
            }
        }
        // A DaemonSet runs where its nodes are.
        for kube in workloads(evidence).filter(|kube| kube.workload.kind != "DaemonSet") {
            let Some(zone) = &kube.workload.only_zone else { continue };
            let finding = told("pod", kube.replicas(), zone, "its pods may run in this zone alone");
            telling.say_some(kube.deployment, finding.map(|finding| {
                finding.fix(Fix::advice("allow other zones, and spread the pods over them (`topologySpreadConstraints`)"))
            }));
        }
        telling.finish(META.id, findings, open);
    }
}

/// One instance has no zone to lose more than itself.
fn told(
    what: &str,
    instances: &Located<u32>,
    zone: &Located<String>,
    claim: &str,
) -> Option<Finding> {
    let several = instances.value;
    if several < 2 {
        return None;
    }
    let name = &zone.value;
    let title = format!("all {several} {what}s run in one zone ({name}): its loss stops every one");
    Some(
        Finding::new(&META, title)
            .weigh(Role::Latent, Severity::Medium, 90)
            .arithmetic(format!("{several} {what}s in 1 zone - 1 zone lost = 0 {what}s"))
            .because(claim, zone)
            .because(format!("{what}s"), instances),
    )
}
