//! # A shutdown that is longer than the time for it
//!
//! ## What fails
//!
//! The process is killed in the middle of its orderly shutdown: requests are cut, transactions roll
//! back, locks stay. Exit code 137, and no line that says "shutdown complete".
//!
//! ## Why
//!
//! After the stop signal there is a limited time until SIGKILL: 10 s with `docker stop` and Compose,
//! 30 s in ECS (`stopTimeout`, at most 120 on Fargate), 30 s in Kubernetes, of which a `preStop` hook
//! takes its part. Spring Boot's graceful shutdown waits up to
//! `spring.lifecycle.timeout-per-shutdown-phase`, 30 s, for open requests.
//!
//! ## Example
//!
//! ```yaml compose.yaml
//! services:
//!   shop:
//!     build: shop
//! ```
//!
//! ```dockerfile shop/Dockerfile
//! FROM eclipse-temurin:21-jre
//! ```
//!
//! ```yaml shop/src/main/resources/application.yml
//! server:
//!   shutdown: graceful
//! ```
//!
//! ## Fix
//!
//! ```yaml compose.yaml
//! services:
//!   shop:
//!     build: shop
//!     stop_grace_period: 35s
//! ```
//!
//! ```dockerfile shop/Dockerfile
//! FROM eclipse-temurin:21-jre
//! ```
//!
//! ```yaml shop/src/main/resources/application.yml
//! server:
//!   shutdown: graceful
//! ```
//!
//! ## How to rehearse
//!
//! Send a request that takes 20 s, stop the container, and see whether it is answered.
//!
//! ## Evidence
//!
//! - Spring Boot reference, "Graceful Shutdown"; Compose specification, `stop_grace_period`; ECS API,
//!   `stopTimeout`; Kubernetes documentation, "Pod Lifecycle". Row E24 of the rollout rules.
//! - Only where graceful shutdown is written: then somebody relies on it. Which application a task or
//!   pod runs is taken from equal names.

use wonin_model::{
    App, Deployment, EcsService, Evidence, Finding, Fix, LaunchType, Located, Mode, ModeMeta,
    NotChecked, Role, Severity, Workload,
};

use crate::shared::deploys::Telling;
use crate::shared::edits::add_service_key;
use crate::shared::measure::setting_ms;
use crate::shared::seen::{all_of, recognise_each};
use crate::shared::words::duration_ms;

pub(crate) struct KilledHard;

static META: ModeMeta = ModeMeta {
    id: "killed-hard",
    family: "rollout",
    summary: "the process is killed before its orderly shutdown has ended",
    source: include_str!("killed_hard.rs"),
};

impl Mode for KilledHard {
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
        for deployment in &evidence.stack.deployments {
            if let Workload::Ecs(service) = &deployment.workload
                && let Some(finding) = beyond_fargate(service)
            {
                telling.say(deployment, finding);
            }
            if let Some(finding) =
                app_of(evidence, deployment).and_then(|app| of_deployment(deployment, app))
            {
                telling.say(deployment, finding);
            }
        }
        let mut own = Vec::new();
        telling.finish(META.id, &mut own, open);
        own.extend(evidence.stack.apps.iter().filter_map(|app| of_compose(evidence, app)));
        recognise_each(evidence, &mut own, &all_of(evidence, SEEN), || Some(observed()));
        findings.extend(own);
    }
}

/// What shows it at work.
const SEEN: &[(&str, &str)] = &[
    ("app.shutdown-aborted", "requests were still open when the time for a graceful stop was over"),
    ("systemd.stop-killed", "systemd killed it: its stop took longer than TimeoutStopSec"),
];

/// What is left to say where the settings are not known.
fn observed() -> Finding {
    let title = "a stop ended before its requests did: what was open is cut off";
    Finding::new(&META, title)
        .weigh(Role::Contributing, Severity::Medium, 85)
        .leads_to("requests-cut")
        .fix(Fix::advice(
            "give the stop more time, from the inside out: spring.lifecycle.timeout-per-shutdown-phase < the time until SIGKILL; and find the request that takes so long",
        ))
}

/// How long an application may take to shut down, where it is told to do so in order.
fn shutdown(app: &App) -> Option<Located<u64>> {
    app.properties.get("server.shutdown").filter(|value| {
        !value.origin.is_default() && value.value.eq_ignore_ascii_case("graceful")
    })?;
    let written = setting_ms(&app.properties, "spring.lifecycle.timeout-per-shutdown-phase");
    Some(written.unwrap_or_else(|| {
        Located::default_of(30_000, "Spring Boot", "Spring Boot reference, Graceful Shutdown")
    }))
}

fn finding(app: &App, shutdown: &Located<u64>, limit_ms: u64, what: &str) -> Option<Finding> {
    let wanted = app.properties.get("server.shutdown")?;
    let title = format!(
        "graceful shutdown may take {}, and the process is killed after {} ({what})",
        duration_ms(shutdown.value),
        duration_ms(limit_ms)
    );
    Some(
        Finding::new(&META, title)
            .weigh(Role::Contributing, Severity::Medium, 75)
            .arithmetic(format!(
                "{} until SIGKILL < {} for open requests",
                duration_ms(limit_ms),
                duration_ms(shutdown.value)
            ))
            .because("open requests are to be ended", wanted)
            .because("time for that, in ms", shutdown)
            .leads_to("requests-cut"),
    )
}

fn of_compose(evidence: &Evidence, app: &App) -> Option<Finding> {
    let shutdown = shutdown(app)?;
    let service = evidence.stack.service(app.service?);
    let grace = service.stop_grace_ms.clone().unwrap_or_else(|| {
        Located::default_of(10_000, "Docker Compose", "Compose specification, stop_grace_period")
    });
    if grace.value >= shutdown.value {
        return None;
    }
    let mut finding = finding(app, &shutdown, grace.value, "`stop_grace_period`")?;
    finding.title = format!("{}: {}", service.name.value, finding.title);
    finding.service = Some(service.name.value.clone());
    let enough = format!("{}s", shutdown.value.div_ceil(1000).saturating_add(5));
    let mut fix = Fix::replace(format!("give it {enough}"), &grace, &*enough);
    if grace.origin.is_default() {
        let line = format!("stop_grace_period: {enough}");
        fix.edits.extend(add_service_key(&evidence.sources, service, &line));
    }
    Some(finding.because("time until SIGKILL, in ms", &grace).fix(fix))
}

/// The application that a deployment runs: of the same name, or the only one.
fn app_of<'a>(evidence: &'a Evidence, deployment: &Deployment) -> Option<&'a App> {
    let stack = &evidence.stack;
    let by_name = stack.apps.iter().find(|app| app.name == deployment.name);
    let only = || match (stack.apps.as_slice(), stack.deployments.as_slice()) {
        ([app], [_]) => Some(app),
        _ => None,
    };
    by_name.or_else(only)
}

fn of_deployment(deployment: &Deployment, app: &App) -> Option<Finding> {
    let shutdown = shutdown(app)?;
    let (limit, pause_s, what) = match &deployment.workload {
        Workload::Ecs(service) => {
            let containers = &service.task.as_ref()?.containers;
            let main = containers.iter().find(|container| container.essential)?;
            (&main.stop_timeout_s, 0, "`stopTimeout`")
        }
        Workload::Kubernetes(workload) => {
            let pauses = workload.containers.iter().filter_map(|one| one.pre_stop_sleep_s.as_ref());
            let pause = pauses.map(|pause| pause.value).max().unwrap_or(0);
            (&workload.termination_grace_s, pause, "`terminationGracePeriodSeconds`")
        }
    };
    let left_ms = limit.value.saturating_sub(pause_s).saturating_mul(1000);
    if left_ms >= shutdown.value {
        return None;
    }
    let enough = shutdown.value.div_ceil(1000).saturating_add(pause_s).saturating_add(5);
    let what = if pause_s > 0 { format!("{what} less the pause before") } else { what.to_owned() };
    let finding = finding(app, &shutdown, left_ms, &what)?;
    let fix = Fix::replace(format!("allow {enough} s"), limit, enough.to_string());
    Some(finding.because("time until SIGKILL, in seconds", limit).fix(fix))
}

/// The longest time that Fargate grants, in seconds.
const FARGATE_MAX_S: u64 = 120;

fn beyond_fargate(service: &EcsService) -> Option<Finding> {
    service.launch_type.as_ref().filter(|launch| launch.value == LaunchType::Fargate)?;
    let containers = &service.task.as_ref()?.containers;
    let long = containers.iter().find(|one| one.stop_timeout_s.value > FARGATE_MAX_S)?;
    let timeout = &long.stop_timeout_s;
    let title = format!(
        "`stopTimeout` of `{}` is {} s, and Fargate takes {FARGATE_MAX_S} at most: it is refused",
        long.name.value, timeout.value
    );
    Some(
        Finding::new(&META, title)
            .weigh(Role::Cause, Severity::Medium, 88)
            .arithmetic(format!("{} s > {FARGATE_MAX_S} s", timeout.value))
            .because("time until SIGKILL, in seconds", timeout)
            .fix(Fix::replace("allow 120 s", timeout, FARGATE_MAX_S.to_string())),
    )
}
