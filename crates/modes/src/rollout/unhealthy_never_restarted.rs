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
    Evidence, Finding, Fix, Mode, ModeMeta, NotChecked, Origin, Restart, Role, Service, Severity,
};

use crate::shared::checks::written_check;
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
        findings.extend(by_project.values().map(|services| report(services)));
    }
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
