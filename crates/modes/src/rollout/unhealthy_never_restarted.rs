//! # Unhealthy containers that nobody restarts
//!
//! ## What fails
//!
//! A container turns `unhealthy` and stays so for days: its restart policy does not apply.
//!
//! ## Why
//!
//! The Docker engine looks at exits only. A health check changes a word in `docker ps` and decides
//! what `depends_on` waits for; it neither stops nor restarts anything. Swarm and other
//! orchestrators do replace unhealthy containers.
//!
//! ## Example
//!
//! ```yaml compose.yaml
//! services:
//!   shop:
//!     build: shop
//!     restart: always
//!     healthcheck:
//!       test: curl --fail http://localhost:8080/actuator/health
//! ```
//!
//! ## Fix
//!
//! Something that acts on the state: an orchestrator, a container that restarts unhealthy ones, or a
//! process that ends itself when it is beyond help.
//!
//! ```yaml compose.yaml
//! services:
//!   shop:
//!     build: shop
//!     restart: always
//!     labels:
//!       autoheal: "true"
//!     healthcheck:
//!       test: curl --fail http://localhost:8080/actuator/health
//!   autoheal:
//!     image: willfarrell/autoheal:1.2.0
//!     restart: always
//!     volumes:
//!       - /var/run/docker.sock:/var/run/docker.sock
//! ```
//!
//! ## How to rehearse
//!
//! Stop the process in the container with SIGSTOP and wait: `unhealthy`, and no restart.
//!
//! ## Evidence
//!
//! - moby `daemon/health.go`, `restartmanager.go`: restart policies see exits only.

use std::collections::{BTreeMap, BTreeSet};

use wonin_model::{
    ContainerState, Evidence, Finding, Fix, Mode, ModeMeta, NotChecked, Origin, Restart, Role,
    Service, Severity, Standing,
};

use crate::shared::checks::written_check;
use crate::shared::stale;
use crate::shared::words::{count, list};

pub(crate) struct UnhealthyNeverRestarted;

static META: ModeMeta = ModeMeta {
    id: "unhealthy-never-restarted",
    family: "rollout",
    summary: "a container that fails its check goes on unhealthy",
    source: include_str!("unhealthy_never_restarted.rs"),
};

impl Mode for UnhealthyNeverRestarted {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        let services = &evidence.stack.services;
        let mut by_project: BTreeMap<usize, Vec<&Service>> = BTreeMap::new();
        let healed: BTreeSet<usize> =
            services.iter().filter(|one| heals(one)).map(|one| one.project).collect();
        for service in services.iter().filter(|service| hopes_for_restart(service)) {
            if !healed.contains(&service.project) {
                by_project.entry(service.project).or_default().push(service);
            }
        }
        let mut own: Vec<Finding> = by_project.values().map(|services| report(services)).collect();
        observe(evidence, &mut own);
        findings.extend(own);
    }
}

/// Recognises containers that run on although they are unhealthy.
fn observe(evidence: &Evidence, own: &mut Vec<Finding>) {
    // Kubernetes and ECS replace what is unhealthy.
    let engines = ["docker-inspect", "docker-ps", "compose-ps"];
    let is_left = |one: &&ContainerState| {
        engines.contains(&one.source)
            && one.health.as_deref() == Some("unhealthy")
            && one.status.as_deref() == Some("running")
    };
    let left: Vec<&ContainerState> = evidence.containers.iter().filter(is_left).collect();
    let Some(first) = left.first() else { return };
    let finding = if own.is_empty() {
        let title = format!(
            "{} is unhealthy and runs on: the engine only says so and restarts nothing",
            stale::name(evidence, first)
        );
        let finding = Finding::new(&META, title).weigh(Role::Contributing, Severity::Medium, 90);
        finding.fix(Fix::advice(
            "find out what the check finds (`docker inspect`, State.Health.Log); a restart may help for now",
        ))
    } else {
        own.remove(0)
    };
    let mut finding = finding;
    finding.standing = Standing::Observed;
    finding.severity = finding.severity.max(Severity::Medium);
    finding.confidence = finding.confidence.max(90);
    for container in left {
        let claim = format!("{} is unhealthy and runs on", container.name);
        finding = finding.because_at(claim, Origin::Written(container.place));
    }
    own.insert(0, finding);
}

/// A check and a restart policy together: whoever wrote them expects one to trigger the other.
fn hopes_for_restart(service: &Service) -> bool {
    let restarts = service.restart.as_ref().is_some_and(|policy| policy.value != Restart::No);
    restarts && written_check(service).is_some()
}

/// A container that restarts unhealthy ones.
fn heals(service: &Service) -> bool {
    let name = service.repository();
    name.contains("autoheal") || name.contains("docker-healthcheck-restart")
}

fn report(services: &[&Service]) -> Finding {
    let names: Vec<&str> = services.iter().map(|one| one.name.value.as_str()).collect();
    let title = if names.len() <= 3 {
        format!(
            "{}: an unhealthy container is not restarted, whatever `restart` says",
            list(&names)
        )
    } else {
        format!(
            "{}, {}, {} and {}: an unhealthy container is not restarted, whatever `restart` says",
            names[0],
            names[1],
            names[2],
            count(names.len() - 3, "other")
        )
    };
    let mut finding = Finding::new(&META, title).weigh(Role::Contributing, Severity::Low, 75);
    for service in services {
        if let Some(check) = written_check(service) {
            let claim = format!("the check of {} only sets its state", service.name.value);
            finding = finding.because_at(claim, Origin::Written(check.place));
        }
        if let Some(restart) = &service.restart {
            let claim = format!("the policy of {} looks at exits", service.name.value);
            finding = finding.because_at(claim, restart.origin.clone());
        }
    }
    finding.fix(Fix::advice(
        "alert on `unhealthy`, or run what restarts such containers (an orchestrator, an autoheal container)",
    ))
}
