//! Containers that end by themselves and are started again without end, whoever starts them.

use std::collections::{BTreeMap, BTreeSet};

use wonin_model::{ContainerState, Evidence, Finding, Fix, Origin, Role, Severity, Standing};

use super::META;
use crate::shared::seen::{Part, signals};
use crate::shared::stale;
use crate::shared::words::{count, list};

/// Fewer failures are a start that found something missing for a moment.
const FAILURES_MIN: u64 = 3;

/// Recognises both tasks of Swarm and containers that their engine says to be restarting.
pub(super) fn observe(evidence: &Evidence) -> Vec<Finding> {
    let mut found = tasks(evidence);
    let others = killed(evidence);
    let mut by_service: BTreeMap<&str, Vec<&ContainerState>> = BTreeMap::new();
    for one in evidence.containers.iter().filter(|one| is_restarting(one)) {
        let is_told = one.oom_killed || others.contains(&one.service.as_deref());
        if !is_told {
            by_service.entry(stale::name(evidence, one)).or_default().push(one);
        }
    }
    found.extend(by_service.into_iter().map(|(service, all)| looping(evidence, service, &all)));
    found
}

/// Tasks of Swarm services that fail one after the other.
fn tasks(evidence: &Evidence) -> Vec<Finding> {
    let mut by_service: BTreeMap<Option<&str>, Vec<Part<'_>>> = BTreeMap::new();
    for signal in signals(evidence, &["swarm.task-exited", "swarm.start-failed"]) {
        by_service.entry(signal.service.as_deref()).or_default().push(Part::whole(signal));
    }
    let enough = |parts: &Vec<Part<'_>>| failures(parts) >= FAILURES_MIN;
    let repeated = by_service.into_iter().filter(|(_, parts)| enough(parts));
    repeated.map(|(service, parts)| failing(evidence, service, &parts)).collect()
}

fn failures(parts: &[Part<'_>]) -> u64 {
    parts.iter().map(|part| part.events).sum()
}

fn failing(evidence: &Evidence, service: Option<&str>, parts: &[Part<'_>]) -> Finding {
    let codes: Vec<&str> = parts.iter().flat_map(|part| part.signal.all("code")).collect();
    let how = match codes.as_slice() {
        [] => "they cannot even be started".to_owned(),
        codes => format!("exit code {}", list(codes)),
    };
    let runs = evidence
        .containers
        .iter()
        .any(|one| one.service.as_deref() == service && one.status.as_deref() == Some("running"));
    let title = format!(
        "{} fail and are started again without end: {}, {how}",
        service.map_or("tasks".to_owned(), |name| format!("tasks of {name}")),
        count(usize::try_from(failures(parts)).unwrap_or(usize::MAX), "failure")
    );
    let severity = if runs { Severity::Medium } else { Severity::High };
    let mut finding = Finding::new(&META, title).weigh(Role::Contributing, severity, 88);
    finding.service = service.map(str::to_owned);
    let reasons: Vec<&str> = parts.iter().flat_map(|part| part.signal.all("why")).collect();
    // Where Swarm gives a reason the code says no more.
    let code = codes.first().filter(|_| reasons.is_empty());
    finding.arithmetic = code.and_then(|code| meaning(code.parse().ok()?)).map(str::to_owned);
    for part in parts {
        finding = part.tell(finding, "a task ended, and Swarm started the next one");
    }
    finding
        .leads_to("no-healthy-target")
        .fix(Fix::advice(
            "read what a task says before it ends (`docker service logs`, `docker service ps --no-trunc`)",
        ))
        .fix(Fix::advice(
            "let the loop end: `deploy.restart_policy.max_attempts`; and let an update notice it: `update_config` with `failure_action: rollback` and a `monitor` longer than a start",
        ))
}

/// What an exit code says of itself (`man 1 bash`, EXIT STATUS).
fn meaning(code: i64) -> Option<&'static str> {
    match code {
        126 => Some("126 = the command is there and cannot be run: not executable"),
        127 => Some("127 = the command is not in the image"),
        134 => Some("134 = 128 + 6 (SIGABRT): the program gave up by itself"),
        137 => Some("137 = 128 + 9 (SIGKILL): somebody killed it, or the kernel for memory"),
        139 => Some("139 = 128 + 11 (SIGSEGV): the program crashed"),
        143 => Some("143 = 128 + 15 (SIGTERM): somebody asked it to end"),
        _ => None,
    }
}

/// Whether the engine waits to start it again, after it ended with an error.
fn is_restarting(container: &ContainerState) -> bool {
    match container.status.as_deref() {
        Some("CrashLoopBackOff") => u64::from(container.restarts) >= FAILURES_MIN,
        Some("restarting") => container.exit_code.is_some_and(|code| code != 0),
        _ => false,
    }
}

/// Services of which another mode says why they end: the kernel or a probe killed them.
fn killed(evidence: &Evidence) -> BTreeSet<Option<&str>> {
    let by_probe = signals(evidence, &["kubernetes.killed-by-probe"]).into_iter();
    let for_memory =
        evidence.containers.iter().filter(|one| one.oom_killed && one.service.is_some());
    let by_kernel = for_memory.map(|one| one.service.as_deref());
    by_probe.map(|signal| signal.service.as_deref()).chain(by_kernel).collect()
}

/// Containers of a service that are pointed at; the others are counted.
const SHOWN_MAX: usize = 3;

/// Containers of one service that end again and again.
fn looping(evidence: &Evidence, service: &str, all: &[&ContainerState]) -> Finding {
    let code = all.first().and_then(|one| one.exit_code);
    let code = code.filter(|code| all.iter().all(|one| one.exit_code == Some(*code)));
    let with = code.map_or(String::new(), |code| format!(" with {code}"));
    let times = match all.iter().map(|one| one.restarts).max().unwrap_or(0) {
        0 => String::new(),
        restarts => format!(", {} so far", count(restarts as usize, "restart")),
    };
    let title = match all {
        [one] => format!("{} ends{with} and is started again without end{times}", one.name),
        several => format!(
            "{} of {service} end{with} and are started again without end{}",
            count(several.len(), "container"),
            times.replace(", ", ", up to ")
        ),
    };
    let mut finding = Finding::new(&META, title).weigh(Role::Contributing, Severity::Medium, 88);
    for one in all.iter().take(SHOWN_MAX) {
        finding = finding.because_at("its state says so", Origin::Written(one.place));
    }
    finding.standing = Standing::Observed;
    finding.service = Some(service.to_owned());
    finding.arithmetic = code.and_then(meaning).map(str::to_owned);
    for signal in signals(evidence, &["kubernetes.back-off"]) {
        if all.iter().any(|one| one.service.is_some() && one.service == signal.service) {
            finding = Part::whole(signal).tell(finding, "follows: each start waits longer");
        }
    }
    finding.fix(Fix::advice(
        "read what it says before it ends (`docker logs`, `kubectl logs --previous`)",
    ))
}
