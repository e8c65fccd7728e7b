//! # A gateway has nobody left to send to
//!
//! ## What fails
//!
//! The gateway answers 502 or 503 by itself, at once and for every request.
//!
//! ## Why
//!
//! It checks what stands behind it, or was told by a registry, and takes out whoever fails. When the
//! last one is out nothing is left: all instances are down or not ready, the check asks the wrong
//! thing, or nobody registered. Swarm's own address of a service is such a gateway: `docker service
//! ls` shows 0 of its tasks running.
//!
//! ## Example
//!
//! ```text logs/haproxy.log
//! 2025-03-02T10:12:31Z Server be_app/app1 is DOWN, reason: Layer4 timeout, check duration: 2001ms. 0 active and 0 backup servers left.
//! 2025-03-02T10:12:31Z backend be_app has no server available!
//! ```
//!
//! ## Fix
//!
//! Bring an instance back, or repair the check.
//!
//! ```text logs/haproxy.log
//! 2025-03-02T10:12:31Z Server be_app/app1 is UP, reason: Layer4 check passed
//! ```
//!
//! ## How to rehearse
//!
//! Stop all instances behind the gateway.
//!
//! ## Evidence
//!
//! - HAProxy, "Management Guide". Envoy, response flags `UH` and `UF`. AWS, "Troubleshoot your
//!   Application Load Balancers" (503 without a registered target). Spring Cloud LoadBalancer.

use wonin_model::{
    ContainerState, Evidence, Finding, Fix, Mode, ModeMeta, NotChecked, Origin, Role, Severity,
    Standing,
};

use crate::shared::rows::{Row, recognised, row};
use crate::shared::seen::{Part, signals};

pub(crate) struct NoHealthyTarget;

static META: ModeMeta = ModeMeta {
    id: "no-healthy-target",
    family: "redundancy",
    summary: "a gateway has taken out all that it could send to",
    source: include_str!("no_healthy_target.rs"),
};

const CHECK: &[&str] = &[
    "ask the instance what the gateway asks, from where the gateway stands: refused means that it is down, an error that it is not well, silence that it is busy or cut off",
];

const ROWS: &[Row] = &[
    row(
        "haproxy.no-server",
        "no server of the backend is up",
        |values| {
            let backend = values.get("backend").map_or("a backend", String::as_str);
            format!("HAProxy has no server left for {backend}")
        },
        CHECK,
    ),
    row(
        "envoy.no-healthy-upstream",
        "no host of the cluster is healthy",
        |_| "Envoy has no healthy host left for a cluster".to_owned(),
        CHECK,
    ),
    row(
        "alb.no-target",
        "the load balancer answered 503 by itself",
        |_| "the load balancer has no target: none is registered or none is healthy".to_owned(),
        CHECK,
    ),
    row(
        "spring-gateway.no-instance",
        "the registry gave no instance",
        |values| {
            let service = values.get("service").map_or("a service", String::as_str);
            format!("the gateway knows no instance of {service}: none is registered")
        },
        &[
            "see whether the service runs and registers, and under which name (spring.application.name)",
        ],
    ),
];

impl Mode for NoHealthyTarget {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        let mut own = recognised(&META, evidence, ROWS);
        for finding in &mut own {
            for signal in signals(evidence, &["haproxy.server-down"]) {
                if finding.title.starts_with("HAProxy") {
                    let why = signal.all("why");
                    let why = why.first().map_or(String::new(), |why| format!(": {why}"));
                    let what = format!("a server was taken out{why}");
                    *finding = Part::whole(signal).tell(finding.clone(), &what);
                }
            }
        }
        findings.extend(own);
        findings.extend(evidence.containers.iter().filter_map(without_task));
    }
}

/// A service of Swarm of which no task runs: its virtual address leads nowhere.
fn without_task(service: &ContainerState) -> Option<Finding> {
    let is_empty = service.source == "swarm" && service.status.as_deref() == Some("without a task");
    let said = service.error.as_deref().filter(|_| is_empty)?;
    let title = format!("{said} of {}: whoever calls it finds nobody", service.name);
    let mut finding = Finding::new(&META, title)
        .weigh(Role::Contributing, Severity::High, 92)
        .because_at("seen: its list of services says so", Origin::Written(service.place));
    finding.standing = Standing::Observed;
    finding.service.clone_from(&service.service);
    Some(finding.leads_to("dependency-down").fix(Fix::advice(format!(
        "`docker service ps --no-trunc {}` says what became of its tasks",
        service.name
    ))))
}
