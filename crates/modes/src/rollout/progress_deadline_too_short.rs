//! # A progress deadline that a good rollout misses
//!
//! ## What fails
//!
//! `kubectl rollout status` ends with "exceeded its progress deadline", the pipeline is red or rolls
//! back, and minutes later the pods are ready.
//!
//! ## Why
//!
//! The clock restarts with every step forward, and one step is one pod becoming available: launch,
//! start, readiness, `minReadySeconds`. If that alone takes longer than `progressDeadlineSeconds`
//! (600), a good rollout counts as failed. The controller goes on all the same; only those who asked
//! are told wrongly. A deadline that is not above `minReadySeconds` is refused.
//!
//! ## Example
//!
//! ```yaml web.yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: web }
//! spec:
//!   progressDeadlineSeconds: 60
//!   template:
//!     metadata: { labels: { app: web } }
//!     spec:
//!       containers:
//!         - name: web
//!           image: example/web:1
//!           readinessProbe:
//!             initialDelaySeconds: 60
//!             httpGet: { path: /ready, port: 8080 }
//! ```
//!
//! ## Fix
//!
//! ```yaml web.yaml
//! apiVersion: apps/v1
//! kind: Deployment
//! metadata: { name: web }
//! spec:
//!   progressDeadlineSeconds: 300
//!   template:
//!     metadata: { labels: { app: web } }
//!     spec:
//!       containers:
//!         - name: web
//!           image: example/web:1
//!           readinessProbe:
//!             initialDelaySeconds: 60
//!             httpGet: { path: /ready, port: 8080 }
//! ```
//!
//! ## How to rehearse
//!
//! `wonin rehearse rollout . --service web --startup 30s`: it ends by `deadline`.
//!
//! ## Evidence
//!
//! - Kubernetes `deployment/progress.go`, and the validation of `progressDeadlineSeconds`;
//!   `kuberuntime` (`doBackOff`) for the waits between restarts. Rows K4 and K7 of the rollout rules.
//! - Assumed: 20 s from the creation of a pod until its container runs.

use wonin_model::{
    Evidence, Finding, Fix, KubeContainer, Mode, ModeMeta, NotChecked, Role, Severity,
};
use wonin_rollout::closed::{
    available_at_latest_ms, backoff_starts_ms, probe_budget_ms, probe_survival_probability,
};
use wonin_rollout::plan::{KubernetesPlan, Plan};

use crate::shared::deploys::{Kube, Seen, Telling, percent, rehearsal, started, workloads};
use crate::shared::words::{count, duration_ms};

pub(crate) struct ProgressDeadlineTooShort;

static META: ModeMeta = ModeMeta {
    id: "progress-deadline-too-short",
    family: "rollout",
    summary: "one pod takes longer to be available than a rollout may stand still",
    source: include_str!("progress_deadline_too_short.rs"),
};

/// What shows it at work.
const SEEN: &[(&str, &str)] = &[("kubernetes.progress-deadline", "a rollout counted as failed")];

/// What is left to say where the settings are not known.
fn observed() -> Finding {
    Finding::new(&META, "a rollout counted as failed: its new pods were not ready within progressDeadlineSeconds, 600 s unless it is set; nothing is rolled back")
        .weigh(Role::Contributing, Severity::Medium, 75)
        .fix(Fix::advice("the events of the new pods say why they are not ready; raise the deadline only where a good start takes longer"))
}

impl Mode for ProgressDeadlineTooShort {
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
        for kube in workloads(evidence).filter(Kube::is_deployment) {
            let known = || match started(evidence, kube.deployment) {
                Some(Ok(started)) => {
                    let Plan::Kubernetes(plan) = &started.configured.plan else { return None };
                    let sure = started.start.confidence().min(85);
                    by_startup(evidence, &kube, plan)
                        .or_else(|| crash_loop(evidence, &kube, plan, sure))
                }
                _ => None,
            };
            let told = refused(&kube).or_else(known).or_else(|| without_start(evidence, &kube));
            if let Some(finding) = told {
                telling.say(kube.deployment, finding);
            }
        }
        let seen = Seen { evidence, signals: SEEN };
        telling.finish_seen(META.id, &seen, findings, open, || Some(observed()));
    }
}

fn with_numbers(finding: Finding, kube: &Kube) -> Finding {
    finding
        .because(
            "time that a rollout may stand still, in seconds",
            &kube.workload.progress_deadline_s,
        )
        .because("time that a pod has to be ready, in seconds", &kube.workload.min_ready_s)
}

fn longer(kube: &Kube, needed_ms: u64) -> Fix {
    let seconds = needed_ms.saturating_mul(2).div_ceil(1000);
    let title = format!("allow {seconds} s, twice what one pod takes");
    Fix::replace(title, &kube.workload.progress_deadline_s, seconds.to_string())
}

fn refused(kube: &Kube) -> Option<Finding> {
    let (deadline, ready) = (&kube.workload.progress_deadline_s, &kube.workload.min_ready_s);
    if deadline.value > ready.value {
        return None;
    }
    let title = format!(
        "a deadline of {} s is not above `minReadySeconds` of {} s: Kubernetes refuses it",
        deadline.value, ready.value
    );
    let finding = Finding::new(&META, title)
        .weigh(Role::Cause, Severity::High, 96)
        .arithmetic(format!("{} s > {} s does not hold", deadline.value, ready.value));
    let needed_ms = ready.value.saturating_add(60).saturating_mul(1000);
    Some(with_numbers(finding, kube).fix(longer(kube, needed_ms)))
}

fn finding(kube: &Kube, takes_ms: u64, sum: String, sure: u8) -> Finding {
    let deadline = &kube.workload.progress_deadline_s;
    let title = format!(
        "a pod is available after {}, and a rollout counts as failed after {}",
        duration_ms(takes_ms),
        duration_ms(deadline.value.saturating_mul(1000))
    );
    let finding =
        Finding::new(&META, title).weigh(Role::Cause, Severity::Medium, sure).arithmetic(sum);
    with_numbers(finding, kube).leads_to("good-rollout-reported-failed").fix(longer(kube, takes_ms))
}

fn by_startup(evidence: &Evidence, kube: &Kube, plan: &KubernetesPlan) -> Option<Finding> {
    let (launch, start) = (plan.launch.max_ms(), plan.startup.time.max_ms());
    let takes_ms = launch + available_at_latest_ms(plan, start)?;
    let earliest_ms = launch + plan.startup.time.min_ms() + plan.min_ready_ms;
    if takes_ms <= plan.progress_deadline_ms {
        return None;
    }
    let sure = if earliest_ms > plan.progress_deadline_ms { 88 } else { 60 };
    let sum = format!(
        "{} launching + {} starting and becoming available, at the latest = {} > {}",
        duration_ms(launch),
        duration_ms(takes_ms - launch),
        duration_ms(takes_ms),
        duration_ms(plan.progress_deadline_ms)
    );
    Some(finding(kube, takes_ms, sum, sure).rehearse(rehearsal(evidence, kube.deployment)))
}

/// Restarts that are counted at most; their waits fill any sensible deadline.
const STARTS_MAX: usize = 64;

/// K7: the restarts that fit before the deadline are all killed.
fn crash_loop(
    evidence: &Evidence,
    kube: &Kube,
    plan: &KubernetesPlan,
    sure: u8,
) -> Option<Finding> {
    let start_ms = plan.startup.time.max_ms();
    let lives = probe_survival_probability(plan, start_ms);
    let probe = plan.startup_probe.or(plan.liveness)?;
    if lives >= 1.0 {
        return None;
    }
    // The kill falls anywhere within one period after what the probe surely allows.
    let run_ms = probe_budget_ms(&probe) + probe.period_ms / 2;
    let needs_ms = if lives > 0.0 { start_ms } else { 0 };
    let left_ms = plan.progress_deadline_ms.saturating_sub(plan.launch.max_ms() + needs_ms);
    let starts = backoff_starts_ms(run_ms, true, plan.backoff_max_ms, STARTS_MAX);
    let starts: Vec<u64> = starts.into_iter().take_while(|at_ms| *at_ms <= left_ms).collect();
    let fails = (1.0 - lives).powi(i32::try_from(starts.len()).unwrap_or(i32::MAX));
    if starts.is_empty() || fails < 0.02 {
        return None;
    }
    let deadline = duration_ms(plan.progress_deadline_ms);
    let all = count(starts.len(), "start");
    let title = if lives > 0.0 {
        format!(
            "in {} of the rollouts all {all} before the deadline of {deadline} are killed",
            percent(fails)
        )
    } else {
        format!(
            "all {all} before the deadline of {deadline} are killed: the rollout counts as failed"
        )
    };
    let at: Vec<String> = starts.iter().take(8).map(|ms| (ms / 1000).to_string()).collect();
    let finding = Finding::new(&META, title)
        .weigh(Role::Symptom, Severity::Medium, sure)
        .arithmetic(format!(
            "killed after about {}, started again at {} s{} (the wait doubles from 10 s to 5 min); {} \
             of the starts live",
            duration_ms(run_ms),
            at.join(", "),
            if starts.len() > 8 { " …" } else { "" },
            percent(lives)
        ))
        .leads_to("good-rollout-reported-failed")
        .rehearse(rehearsal(evidence, kube.deployment))
        .fix(Fix::advice("let the start through (`liveness-kills-slow-start`); leave the deadline"));
    Some(with_numbers(finding, kube))
}

/// From the creation of a pod until its container runs, in seconds; assumed.
const LAUNCH_S: u64 = 20;

/// What a pod takes even if the application is up at once.
fn without_start(evidence: &Evidence, kube: &Kube) -> Option<Finding> {
    let delay = |container: &KubeContainer| {
        let probes = [&container.startup, &container.readiness];
        let delays = probes.into_iter().flatten().map(|probe| probe.initial_delay_s.value);
        delays.max().unwrap_or(0)
    };
    let delay_s = kube.containers().map(delay).max().unwrap_or(0);
    let ready_s = kube.workload.min_ready_s.value;
    let least_s = LAUNCH_S.saturating_add(delay_s).saturating_add(ready_s);
    let deadline_s = kube.workload.progress_deadline_s.value;
    if least_s <= deadline_s {
        return None;
    }
    let sum = format!(
        "{LAUNCH_S} s launching + {delay_s} s before the first probe + {ready_s} s ready = {least_s} s \
         at least > {deadline_s} s"
    );
    let told = finding(kube, least_s.saturating_mul(1000), sum, 80);
    Some(told.rehearse(rehearsal(evidence, kube.deployment)))
}
