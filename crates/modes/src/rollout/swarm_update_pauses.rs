//! # A Swarm update that pauses, or that notices nothing
//!
//! ## What fails
//!
//! `docker service update` stops after the first task: "update paused due to failure or early
//! termination of task"; with `stop-first` one task is missing from then on. Or the opposite: a
//! release that dies after half a minute is rolled out to all tasks.
//!
//! ## Why
//!
//! With a health check a new task runs only when it is healthy. It is given up when the check calls it
//! unhealthy, after A + (retries − 1) × interval, and with a tolerated failure ratio of 0 the first one
//! pauses the update. Without a health check a task runs as soon as its process does, and only what
//! ends within `monitor`, 5 s by default, counts as a failure of the update.
//!
//! ## Example
//!
//! ```yaml compose.yaml --startup 150s
//! services:
//!   web:
//!     image: example/web:1
//!     healthcheck:
//!       test: curl --fail http://localhost:8080/health
//!       interval: 10s
//!       retries: 3
//!     deploy:
//!       replicas: 2
//!       update_config:
//!         parallelism: 1
//! ```
//!
//! ## Fix
//!
//! ```yaml compose.yaml --startup 150s
//! services:
//!   web:
//!     image: example/web:1
//!     healthcheck:
//!       test: curl --fail http://localhost:8080/health
//!       interval: 10s
//!       retries: 3
//!       start_period: 150s
//!     deploy:
//!       replicas: 2
//!       update_config:
//!         parallelism: 1
//!         order: start-first
//! ```
//!
//! ## How to rehearse
//!
//! `wonin rehearse rollout . --service web --startup 150s`.
//!
//! ## Evidence
//!
//! - swarmkit `orchestrator/update/updater.go`, `api/defaults/service.go`: pause, monitor 5 s, ratio 0.
//!   Rows W1 and W2 of the rollout rules.

use wonin_model::{
    Evidence, Finding, Fix, HealthCheck, Located, Mode, ModeMeta, NotChecked, Origin, Role,
    Service, Severity, UpdateConfig,
};
use wonin_rollout::configured;

use crate::shared::checks::{unhealthy_after_ms, written_check};
use crate::shared::deploys::{Start, start_of};
use crate::shared::seen::{all_of, recognise};
use crate::shared::words::duration_ms;

pub(crate) struct SwarmUpdatePauses;

static META: ModeMeta = ModeMeta {
    id: "swarm-update-pauses",
    family: "rollout",
    summary: "a Swarm update stops at its first slow task, or passes over one that dies",
    source: include_str!("swarm_update_pauses.rs"),
};

impl Mode for SwarmUpdatePauses {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(
        &self,
        evidence: &Evidence,
        findings: &mut Vec<Finding>,
        open: &mut Vec<NotChecked>,
    ) {
        let mut own = Vec::new();
        for service in &evidence.stack.services {
            let Some(update) = &service.update else { continue };
            let name = &service.name.value;
            let known = start_of(evidence, name)
                .and_then(|start| Some((start_ms(service, &start)?, start)));
            match (written_check(service), known) {
                (Some(check), Some((start_ms, start))) => {
                    own.extend(pauses(service, update, check, start_ms, &start));
                }
                (Some(check), None) => open.push(NotChecked {
                    mode: META.id,
                    service: Some(name.clone()),
                    why: format!(
                        "no startup time known: give --startup or a log (a start may take {})",
                        duration_ms(unhealthy_after_ms(check).total_ms)
                    ),
                }),
                (None, known) => {
                    own.extend(unnoticed(service, update, known.map(|(ms, _)| ms)));
                }
            }
        }
        let shown = all_of(evidence, SEEN);
        recognise(&mut own, &shown, || Some(paused()));
        findings.extend(own);
    }
}

/// What shows it at work.
const SEEN: &[(&str, &str)] =
    &[("swarm.update-paused", "the engine paused the update at a task that failed")];

/// What is left to say where nothing is known of the service.
fn paused() -> Finding {
    let title = "a Swarm update is paused: its first task failed, and old and new tasks stay side by side until somebody goes on";
    Finding::new(&META, title)
        .weigh(Role::Cause, Severity::High, 90)
        .leads_to("update-paused")
        .fix(Fix::advice(
            "`docker service ps SERVICE --no-trunc` says why the task failed; repair that and update again, or `docker service rollback SERVICE`",
        ))
}

/// The longest start with the CPU that the service has.
fn start_ms(service: &Service, start: &Start) -> Option<u64> {
    let units = service
        .cpu_limit_millis
        .as_ref()
        .map(|millis| u32::try_from(millis.value.saturating_mul(1024) / 1000).unwrap_or(u32::MAX));
    Some(configured::startup(&start.given, units).ok()?.time.max_ms())
}

/// What the update does at a failure.
fn action(update: &UpdateConfig) -> &'static str {
    match update.failure_action.as_ref().map(|action| action.value.as_str()) {
        Some("rollback") => "rolls back",
        Some("continue") => "goes on without it",
        _ => "pauses",
    }
}

/// W1.
fn pauses(
    service: &Service,
    update: &UpdateConfig,
    check: &HealthCheck,
    start_ms: u64,
    start: &Start,
) -> Option<Finding> {
    let timing = unhealthy_after_ms(check);
    let ratio = update.max_failure_ratio.as_ref();
    let tolerated = ratio.and_then(|ratio| ratio.value.parse::<f64>().ok()).unwrap_or(0.0);
    if timing.total_ms >= start_ms || tolerated > 0.0 {
        return None;
    }
    let name = &service.name.value;
    let title = format!(
        "{name}: a new task is called unhealthy after {}, before a start of {} ends, and the update {}",
        duration_ms(timing.total_ms),
        duration_ms(start_ms),
        action(update)
    );
    let first = update.order.as_ref().is_none_or(|order| order.value == "stop-first");
    let mut finding = Finding::new(&META, title)
        .service(name)
        .weigh(Role::Cause, Severity::High, start.confidence())
        .arithmetic(format!(
            "{} + ({} - 1) × {} = {} < {}",
            duration_ms(timing.first_ms),
            timing.retries,
            duration_ms(timing.interval_ms),
            duration_ms(timing.total_ms),
            duration_ms(start_ms)
        ))
        .because_at("the check of a new task", Origin::Written(check.place))
        .leads_to("update-paused");
    if first {
        finding = finding.leads_to("one-task-missing");
    }
    if let Some(period) = &check.start_period_ms {
        finding = finding.because("start period, in ms", period);
    }
    let seconds = start_ms.div_ceil(1000);
    let title = format!("a `start_period` of {seconds} s: failures within it do not count");
    let fix = match &check.start_period_ms {
        Some(period) => Fix::replace(title, period, format!("{seconds}s")),
        None => Fix::advice(title),
    };
    Some(start.because(finding).fix(fix))
}

/// How long the engine watches a new task, in milliseconds.
const MONITOR_MS: u64 = 5_000;

/// W2, where somebody relies on the update to notice failures.
fn unnoticed(service: &Service, update: &UpdateConfig, start_ms: Option<u64>) -> Option<Finding> {
    let relied_on = update.failure_action.as_ref().filter(|action| action.value != "continue")?;
    let monitor = update.monitor_ms.clone().unwrap_or_else(|| {
        Located::default_of(MONITOR_MS, "Docker Swarm", "swarmkit, api/defaults/service.go")
    });
    // A start takes longer than that for most programs; how long is known for some.
    let least_ms = start_ms.unwrap_or(2 * MONITOR_MS);
    if monitor.value >= least_ms {
        return None;
    }
    let name = &service.name.value;
    let title = format!(
        "{name}: what dies later than {} after its start does not count as a failed update",
        duration_ms(monitor.value)
    );
    let (severity, sure) =
        if start_ms.is_some() { (Severity::Medium, 80) } else { (Severity::Low, 65) };
    let enough = least_ms.max(30_000).div_ceil(1000);
    let fix = Fix::replace(format!("watch for {enough} s"), &monitor, format!("{enough}s"));
    Some(
        Finding::new(&META, title)
            .service(name)
            .weigh(Role::Latent, severity, sure)
            .because("what is to happen at a failure", relied_on)
            .because("how long a new task is watched, in ms", &monitor)
            .fix(fix)
            .fix(Fix::advice(
                "or add a `healthcheck`: a task counts as running when it is healthy",
            )),
    )
}
