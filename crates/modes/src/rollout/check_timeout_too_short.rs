//! # A check that slow answers fail
//!
//! ## What fails
//!
//! Containers that work are restarted, or taken out, when the machine is busy: a pause of the
//! garbage collector, a cold cache, a full CPU.
//!
//! ## Why
//!
//! A check fails when its answer takes longer than the timeout, 1 s by default in Kubernetes. If a
//! share q of the answers is that slow, U failures in a row come with probability q^U. With one
//! failure allowed each slow answer restarts the container. Commands that start a runtime of their
//! own (a JVM, an Erlang VM, a shell client of a database) take more than a second on a busy node
//! every time, and since Kubernetes 1.20 the timeout holds for commands, too.
//!
//! ## Example
//!
//! ```yaml queue.yaml
//! apiVersion: apps/v1
//! kind: StatefulSet
//! metadata: { name: queue }
//! spec:
//!   template:
//!     metadata: { labels: { app: queue } }
//!     spec:
//!       containers:
//!         - name: rabbitmq
//!           image: rabbitmq:3.13
//!           livenessProbe:
//!             exec: { command: [rabbitmq-diagnostics, -q, ping] }
//! ```
//!
//! ## Fix
//!
//! ```yaml queue.yaml
//! apiVersion: apps/v1
//! kind: StatefulSet
//! metadata: { name: queue }
//! spec:
//!   template:
//!     metadata: { labels: { app: queue } }
//!     spec:
//!       containers:
//!         - name: rabbitmq
//!           image: rabbitmq:3.13
//!           livenessProbe:
//!             exec: { command: [rabbitmq-diagnostics, -q, ping] }
//!             periodSeconds: 30
//!             timeoutSeconds: 20
//! ```
//!
//! ## How to rehearse
//!
//! Run the command, or ask the path, while the CPU is at its limit, and take the time.
//!
//! ## Evidence
//!
//! - Kubernetes documentation, "Configure Liveness, Readiness and Startup Probes": timeout 1 s, and
//!   `ExecProbeTimeout` since 1.20. RabbitMQ documentation, "Monitoring": `rabbitmq-diagnostics`
//!   starts a node of its own, and timeouts should be generous. Rows E18 and K9 of the rollout rules.
//! - Inferred: that these commands take longer than a second on a busy node.

use wonin_model::{
    Evidence, Finding, Fix, Located, Mode, ModeMeta, NotChecked, Probe, ProbeTarget, Role,
    Severity, TargetGroup,
};
use wonin_rollout::closed::run_failure_probability;

use crate::shared::deploys::{Telling, ecs_services, is_http, workloads};
use crate::shared::edits::add_entry;
use crate::shared::seen::{Part, Shown, Values, recognise_each, signals};

pub(crate) struct CheckTimeoutTooShort;

static META: ModeMeta = ModeMeta {
    id: "check-timeout-too-short",
    family: "rollout",
    summary: "an answer that is merely slow fails the check",
    source: include_str!("check_timeout_too_short.rs"),
};

/// Recognises checks that connect and get no answer in time. One that kills is told as such.
fn observe(evidence: &Evidence, own: &mut Vec<Finding>) {
    let is_late = |values: &Values| {
        let why = values.get("why").map_or("", String::as_str);
        why.contains("deadline exceeded")
            || why.contains("timed out")
            || why.contains("Request timed out")
    };
    let names = ["kubernetes.readiness-failed", "ecs.unhealthy"];
    let parts = signals(evidence, &names).into_iter();
    let shown: Shown<'_> = parts
        .filter_map(|signal| Part::of(signal, is_late))
        .filter(|part| part.events >= 3)
        .map(|part| (part, "the check got no answer in time".to_owned()))
        .collect();
    recognise_each(evidence, own, &shown, || {
        let title = "health checks run out of time again and again: what they ask is slower than their timeout";
        let finding = Finding::new(&META, title).weigh(Role::Contributing, Severity::Medium, 75);
        Some(finding.fix(Fix::advice(
            "measure how long the check takes under load; give it more time (timeoutSeconds is 1 unless it is set), and let it ask nothing that others hold up",
        )))
    });
}

impl Mode for CheckTimeoutTooShort {
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
        for kube in workloads(evidence) {
            for container in kube.containers() {
                let probes = [
                    ("livenessProbe", &container.liveness),
                    ("readinessProbe", &container.readiness),
                ];
                for (kind, probe) in probes {
                    let Some(probe) = probe else { continue };
                    let told = slow_command(evidence, kind, probe)
                        .or_else(|| one_slow_answer(evidence, kind, probe));
                    if let Some(finding) = told {
                        telling.say(kube.deployment, finding);
                    }
                }
            }
        }
        for ecs in ecs_services(evidence) {
            for group in ecs.service.target_groups.iter().filter(|group| is_http(group)) {
                if let Some(finding) = quick_to_judge(group) {
                    telling.say(ecs.deployment, finding);
                }
            }
        }
        let mut own = Vec::new();
        telling.finish(META.id, &mut own, open);
        observe(evidence, &mut own);
        findings.extend(own);
    }
}

/// Commands that start a runtime of their own; inferred.
const SLOW_COMMANDS: &[&str] = &[
    "rabbitmq-diagnostics",
    "rabbitmqctl",
    "nodetool",
    "cqlsh",
    "mongo",
    "mongosh",
    "kafka-topics.sh",
    "kafka-broker-api-versions.sh",
    "kafka-topics",
    "java",
    "jcmd",
    "zkServer.sh",
    "zkCli.sh",
];

/// A timeout that such a command keeps, in seconds.
const PATIENT_S: u64 = 10;

fn longer(evidence: &Evidence, probe: &Probe, seconds: u64) -> Fix {
    let title = format!("give it {seconds} s");
    let mut fix = Fix::replace(title, &probe.timeout_s, seconds.to_string());
    if probe.timeout_s.origin.is_default() {
        let entry = format!("timeoutSeconds: {seconds}");
        fix.edits.extend(add_entry(&evidence.sources, probe.place, &entry));
    }
    fix
}

fn slow_command(evidence: &Evidence, kind: &str, probe: &Probe) -> Option<Finding> {
    let ProbeTarget::Exec(command) = &probe.target.value else { return None };
    let program = |word: &str| {
        let name = word.trim_matches(['"', '\'', ';', '(', ')', '`']).rsplit('/').next();
        SLOW_COMMANDS.iter().find(|slow| Some(**slow) == name)
    };
    let slow = command.split_whitespace().find_map(program)?;
    if probe.timeout_s.value > 2 {
        return None;
    }
    let (timeout, failures) = (probe.timeout_s.value, probe.failure_threshold.value);
    let does = if kind == "livenessProbe" { "restarts it" } else { "takes it out" };
    let title = format!(
        "`{kind}` gives `{slow}` {timeout} s, likely too little on a busy node: {failures} in a row {does}"
    );
    let severity = if kind == "livenessProbe" { Severity::Medium } else { Severity::Low };
    Some(
        Finding::new(&META, title)
            .weigh(Role::Contributing, severity, 75)
            .because_at("the command that is run", probe.target.origin.clone())
            .because("timeout, in seconds", &probe.timeout_s)
            .because("failures in a row that count", &probe.failure_threshold)
            .leads_to("restart-under-load")
            .fix(longer(evidence, probe, PATIENT_S)),
    )
}

/// K9: liveness that allows no slow answer at all.
fn one_slow_answer(evidence: &Evidence, kind: &str, probe: &Probe) -> Option<Finding> {
    let (timeout, failures) = (probe.timeout_s.value, probe.failure_threshold.value);
    let asks = matches!(probe.target.value, ProbeTarget::Http { .. } | ProbeTarget::Grpc(_));
    if kind != "livenessProbe" || failures != 1 || timeout > 2 || !asks {
        return None;
    }
    let title = format!(
        "one answer slower than {timeout} s restarts the container: liveness allows no failure"
    );
    let share = 0.01;
    let of_run = 100.0 * run_failure_probability(share, failures);
    let mut allow = Fix::replace("allow 3 failures in a row", &probe.failure_threshold, "3");
    if probe.failure_threshold.origin.is_default() {
        let entry = add_entry(&evidence.sources, probe.place, "failureThreshold: 3");
        allow.edits.extend(entry);
    }
    Some(
        Finding::new(&META, title)
            .weigh(Role::Contributing, Severity::Medium, 80)
            .arithmetic(format!("if 1 % of the answers is that slow: 0.01^1 = {of_run:.0} % of the probes restart it"))
            .because("failures in a row that count", &probe.failure_threshold)
            .because("timeout, in seconds", &probe.timeout_s)
            .leads_to("restart-under-load")
            .fix(allow),
    )
}

/// E18: two slow answers in a row and the task is replaced.
fn quick_to_judge(group: &TargetGroup) -> Option<Finding> {
    let at_most = |value: &Option<Located<u64>>, most: u64| {
        value.clone().filter(|value| value.value <= most && !value.origin.is_default())
    };
    let timeout = at_most(&group.timeout_s, 2)?;
    let interval = at_most(&group.interval_s, 10)?;
    let failures = group.unhealthy_threshold.as_ref().filter(|failures| failures.value <= 2)?;
    let of_run = 100.0 * run_failure_probability(0.1, failures.value);
    let title = format!(
        "{} answers in a row slower than {} s replace a task: {} s of a busy CPU are enough",
        failures.value,
        timeout.value,
        u64::from(failures.value.saturating_sub(1)).saturating_mul(interval.value) + timeout.value
    );
    Some(
        Finding::new(&META, title)
            .weigh(Role::Latent, Severity::Low, 65)
            .arithmetic(format!(
                "if 10 % of the answers are that slow: 0.1^{} = {of_run:.0} % of the runs of {}",
                failures.value, failures.value
            ))
            .because("timeout of the check, in seconds", &timeout)
            .because("failures in a row that count", failures)
            .because("interval of the check, in seconds", &interval)
            .fix(Fix::advice("allow 5 s, below the interval, and 3 failures")),
    )
}
