//! # A liveness probe that kills what still starts
//!
//! ## What fails
//!
//! Pods restart without end (`CrashLoopBackOff`, "Liveness probe failed … will be restarted") although
//! nothing is wrong with them; the rollout ends at its progress deadline. It begins with a slower node,
//! a lower CPU limit or a longer migration.
//!
//! ## Why
//!
//! A container that is not up yet is killed after initialDelay + (failureThreshold − 1) × period, one
//! period later at best. With a startup probe, that probe's numbers count and liveness waits for it;
//! without one, liveness counts from the start. After each kill the container starts anew and meets the
//! same limit; the waits between the restarts grow to 5 minutes.
//!
//! ## Example
//!
//! ```yaml web.yaml --startup 150s
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
//! ```
//!
//! ## Fix
//!
//! ```yaml web.yaml --startup 150s
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
//!           startupProbe:
//!             httpGet: { path: /healthz, port: 8080 }
//!             failureThreshold: 30
//!           livenessProbe:
//!             httpGet: { path: /healthz, port: 8080 }
//! ```
//!
//! ## How to rehearse
//!
//! `wonin rehearse rollout . --service web --startup 150s`.
//!
//! ## Evidence
//!
//! - Kubernetes `prober/worker.go`, `kuberuntime_manager.go`; documentation, "Configure Liveness,
//!   Readiness and Startup Probes". Rows K1, K2 and K7 of the rollout rules.
//! - Inferred: that the first probe comes at any moment of its period with equal chance.

use std::collections::BTreeMap;

use wonin_model::{
    Deployment, Evidence, Finding, Fix, KubeContainer, Located, Mode, ModeMeta, NotChecked, Probe,
    Role, Severity,
};
use wonin_rollout::closed::{probe_budget_ms, probe_failures_needed, probe_survival_probability};
use wonin_rollout::plan::KubernetesPlan;
use wonin_rollout::solve::Setting;
use wonin_rollout::{Startup, configured};

use super::liveness_equals_readiness;
use crate::shared::deploys::{
    Kube, Seen, Start, Telling, numbers_of, percent, rehearsal, start_of, started, workloads,
};
use crate::shared::edits::add_entry;
use crate::shared::seen::{Part, signals};
use crate::shared::words::duration_ms;

pub(crate) struct LivenessKillsSlowStart;

static META: ModeMeta = ModeMeta {
    id: "liveness-kills-slow-start",
    family: "rollout",
    summary: "probes restart a container before it is up, every time",
    source: include_str!("liveness_kills_slow_start.rs"),
};

/// What shows it at work.
const SEEN: &[(&str, &str)] = &[("kubernetes.killed-by-probe", "a probe restarted the container")];
/// What stands beside it, and shows nothing by itself.
const BESIDE: &[(&str, &str)] = &[
    ("kubernetes.liveness-failed", "the probe failed"),
    ("kubernetes.startup-failed", "the probe failed"),
    ("kubernetes.back-off", "follows: each restart waits longer than the one before, up to 5 min"),
];

/// What is left to say where no startup time is known: what the probe was answered, and how long it
/// allows where its settings are.
fn observed(evidence: &Evidence) -> Finding {
    let failed = signals(evidence, &["kubernetes.liveness-failed", "kubernetes.startup-failed"]);
    let service = signals(evidence, &["kubernetes.killed-by-probe"])
        .first()
        .and_then(|signal| signal.service.as_deref());
    let answers: Vec<&str> = failed.iter().flat_map(|signal| signal.all("why")).collect();
    let says = |text: &str| answers.iter().any(|answer| answer.contains(text));
    let why = if says("refused") {
        "nothing listened yet: not up in time, or gone"
    } else if says("deadline exceeded") || says("timeout") {
        "no answer came in time: too busy, stuck, or timeoutSeconds too short"
    } else if says("statuscode: 404") {
        "the path is not there"
    } else if says("statuscode: 5") {
        "it answered that it is not well: a liveness probe must not ask for dependencies"
    } else {
        "not up in time, too busy, or asked wrongly"
    };
    let who = service.map_or("containers are", |_| "its containers are");
    let mut finding = Finding::new(&META, format!("{who} restarted by their probe: {why}")).weigh(
        Role::Cause,
        Severity::High,
        if answers.is_empty() { 65 } else { 78 },
    );
    let own = |kube: &Kube<'_>| Some(kube.deployment.name.as_str()) == service;
    let kubes: Vec<Kube<'_>> = workloads(evidence).filter(own).collect();
    let probed = kubes.iter().flat_map(Kube::containers).find_map(judge);
    if let Some((kind, probe)) = probed
        && let Some(numbers) = numbers_of(probe)
    {
        finding = finding
            .arithmetic(format!(
                "{}({} - 1) × {} = {} until it kills; a start that takes longer never succeeds",
                match numbers.initial_delay_ms {
                    0 => String::new(),
                    delay => format!("{} + ", duration_ms(delay)),
                },
                numbers.failure_threshold,
                duration_ms(numbers.period_ms),
                duration_ms(probe_budget_ms(&numbers))
            ))
            .because_at(format!("`{kind}`"), probe.target.origin.clone());
    }
    for (name, what) in BESIDE {
        for signal in signals(evidence, &[name]) {
            finding = Part::whole(signal).tell(finding, what);
        }
    }
    finding
        .fix(Fix::advice("compare the time that a start takes with initialDelay + (failureThreshold - 1) × period; use a startup probe"))
}

impl Mode for LivenessKillsSlowStart {
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
        let mut waiting: BTreeMap<&str, Vec<(&Deployment, u64)>> = BTreeMap::new();
        for kube in workloads(evidence) {
            // The startup time that is known is that of the first container that is probed.
            let mut probed = kube.containers().filter(|one| judge(one).is_some());
            let Some(container) = probed.next() else { continue };
            let Some((_, probe)) = judge(container) else { continue };
            let Some(start) = start_of(evidence, &kube.deployment.name) else {
                if let Some(numbers) = numbers_of(probe) {
                    let budget = (kube.deployment, probe_budget_ms(&numbers));
                    waiting.entry(&kube.deployment.dir).or_default().push(budget);
                }
                continue;
            };
            let units = container.cpu_limit_millis.as_ref().map(|millis| {
                u32::try_from(millis.value.saturating_mul(1024) / 1000).unwrap_or(u32::MAX)
            });
            match configured::startup(&start.given, units) {
                Ok(startup) => {
                    if let Some(finding) = killed(evidence, &kube, container, startup, &start) {
                        telling.say(kube.deployment, finding);
                    }
                }
                Err(why) => telling.leave_open(kube.deployment, why),
            }
        }
        for deployments in waiting.values() {
            let why = unknown(deployments);
            for (deployment, _) in deployments {
                telling.leave_open(deployment, why.clone());
            }
        }
        let seen = Seen { evidence, signals: SEEN };
        // One that runs and says that it is not well is told by the mode about dependencies.
        let is_up = || !liveness_equals_readiness::restarted(evidence).is_empty();
        telling
            .finish_seen(META.id, &seen, findings, open, || (!is_up()).then(|| observed(evidence)));
    }
}

/// The probe that can kill a container which is not up: startup, else liveness.
fn judge(container: &KubeContainer) -> Option<(&'static str, &Probe)> {
    let startup = container.startup.as_deref().map(|probe| ("startupProbe", probe));
    startup.or_else(|| container.liveness.as_deref().map(|probe| ("livenessProbe", probe)))
}

/// What is missing, and how long a start may take for those that wait for it.
fn unknown(deployments: &[(&Deployment, u64)]) -> String {
    let budgets = || deployments.iter().map(|(_, budget_ms)| *budget_ms);
    let least = duration_ms(budgets().min().unwrap_or(0));
    let most = duration_ms(budgets().max().unwrap_or(0));
    let range = if least == most { least } else { format!("{least} to {most}") };
    format!("no startup time known: give --startup or a log (probes surely allow {range})")
}

fn killed(
    evidence: &Evidence,
    kube: &Kube,
    container: &KubeContainer,
    startup: Startup,
    start: &Start,
) -> Option<Finding> {
    let (kind, probe) = judge(container)?;
    let numbers = numbers_of(probe)?;
    let mut plan = KubernetesPlan::new(1, startup);
    plan.startup_probe = container.startup.as_deref().and_then(numbers_of);
    plan.liveness = container.liveness.as_deref().and_then(numbers_of);
    let start_ms = startup.time.max_ms();
    let survival = probe_survival_probability(&plan, start_ms);
    if survival >= 1.0 {
        return None;
    }
    let budget_ms = probe_budget_ms(&numbers);
    let (began, allowed) = (duration_ms(start_ms), duration_ms(budget_ms));
    let title = if survival > 0.0 {
        format!(
            "luck decides whether a start of {began} ends before `{kind}` kills it ({} do)",
            percent(survival)
        )
    } else {
        format!(
            "`{kind}` allows {allowed}, and a start takes {began}: the container is killed each time"
        )
    };
    let severity = if survival < 0.5 { Severity::High } else { Severity::Medium };
    let finding = Finding::new(&META, title)
        .weigh(Role::Cause, severity, start.confidence())
        .arithmetic(format!(
            "{} + ({} - 1) × {} = {allowed} < {began}",
            duration_ms(numbers.initial_delay_ms),
            numbers.failure_threshold,
            duration_ms(numbers.period_ms)
        ))
        .because("failures in a row that kill", &probe.failure_threshold)
        .because("period of the probe, in seconds", &probe.period_s)
        .because("wait before the first probe, in seconds", &probe.initial_delay_s)
        .because_at(format!("`{kind}`"), probe.target.origin.clone())
        .leads_to("crash-loop")
        .leads_to("progress-deadline-exceeded")
        .rehearse(rehearsal(evidence, kube.deployment));
    let finding = start.because(finding);
    let repairs =
        Repairs { evidence, kube, probe, needed: probe_failures_needed(&numbers, start_ms) };
    Some(if kind == "startupProbe" {
        finding.fix(repairs.more_failures())
    } else {
        let late_s = (start_ms - budget_ms).div_ceil(1000);
        finding.fix(repairs.startup_probe()).fix(repairs.later(late_s))
    })
}

/// What can be changed about the probe that kills.
struct Repairs<'a> {
    evidence: &'a Evidence,
    kube: &'a Kube<'a>,
    probe: &'a Probe,
    /// Failures that let the start through.
    needed: u64,
}

impl Repairs<'_> {
    fn more_failures(&self) -> Fix {
        let needed = self.needed;
        let title = format!("let it fail {needed} times");
        self.set(title, &self.probe.failure_threshold, "failureThreshold", needed)
    }

    fn later(&self, late_s: u64) -> Fix {
        let delay = self.probe.initial_delay_s.value.saturating_add(late_s);
        let title =
            format!("or wait {delay} s before the first probe, which delays every later restart");
        self.set(title, &self.probe.initial_delay_s, "initialDelaySeconds", delay)
    }

    fn set<T>(&self, title: String, value: &Located<T>, name: &str, to: u64) -> Fix {
        let mut fix = Fix::replace(title, value, to.to_string());
        if value.origin.is_default() {
            let entry = format!("{name}: {to}");
            fix.edits.extend(add_entry(&self.evidence.sources, self.probe.place, &entry));
        }
        fix
    }

    /// A startup probe that asks what liveness asks, as often as the start needs.
    fn startup_probe(&self) -> Fix {
        let title = format!(
            "add a `startupProbe` that asks the same, with `failureThreshold: {}` every {} s",
            self.needed, self.probe.period_s.value
        );
        let setting = Setting::StartupFailureThreshold;
        match started(self.evidence, self.kube.deployment) {
            Some(Ok(started)) => {
                started.repair(&self.evidence.sources, title, setting, self.needed)
            }
            _ => Fix::advice(title),
        }
    }
}
