//! What no single table can tell: names that must exist, times that must fit.

use std::time::Duration;

use wonin_model::rehearsal::Phase;

use super::expand::RUNS_MAX;
use super::problem::nearest;
use super::records::THROUGH;
use super::{Check, FaultAct, Scenario, WorkloadKind, spoken};
use crate::workload::ATTEMPTS_MAX;
use crate::workload::command::Success;

/// The shortest time in which a steady state can be seen.
const BEFORE_MIN: Duration = Duration::from_millis(500);

/// The shortest span in which a steady state can be seen again.
const STEADY_MIN: Duration = Duration::from_millis(100);

/// What is wrong, with the table that says it: its name, index and key.
pub(crate) type Wrong = (&'static str, usize, &'static str, String, String);

pub(crate) fn check(scenario: &Scenario) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    names(scenario, &mut wrong);
    targets(scenario, &mut wrong);
    times(scenario, &mut wrong);
    purpose(scenario, &mut wrong);
    wrong
}

/// Names are unique among their kind.
fn names(scenario: &Scenario, wrong: &mut Vec<Wrong>) {
    let kinds: [(&'static str, Vec<&str>); 5] = [
        ("proxy", scenario.proxies.iter().map(|one| one.name.as_str()).collect()),
        ("process", scenario.processes.iter().map(|one| one.name.as_str()).collect()),
        ("workload", scenario.workloads.iter().map(|one| one.name.as_str()).collect()),
        ("fault", scenario.faults.iter().map(|one| one.name.as_str()).collect()),
        ("expect", scenario.expects.iter().map(|one| one.name.as_str()).collect()),
    ];
    for (kind, names) in kinds {
        for (index, name) in names.iter().enumerate() {
            if names[..index].contains(name) {
                let what = format!("there is already a `[[{kind}]]` of the name `{name}`");
                wrong.push((kind, index, "name", what, "choose another name".to_owned()));
            }
        }
    }
}

/// A fault names a proxy or process that exists.
fn targets(scenario: &Scenario, wrong: &mut Vec<Wrong>) {
    let proxies: Vec<&str> = scenario.proxies.iter().map(|one| one.name.as_str()).collect();
    let processes: Vec<&str> = scenario.processes.iter().map(|one| one.name.as_str()).collect();
    for (index, fault) in scenario.faults.iter().enumerate() {
        let (key, name, known) = match fault.acts.first() {
            Some((_, FaultAct::Tcp { proxy, .. })) => ("proxy", proxy, &proxies),
            Some((_, FaultAct::Own { process, .. })) => ("process", process, &processes),
            _ => continue,
        };
        if known.contains(&name.as_str()) {
            continue;
        }
        let what = format!("there is no `[[{key}]]` of the name `{name}`");
        let hint = match nearest(name, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("add `[[{key}]]` with `name = \"{name}\"`"),
        };
        wrong.push(("fault", index, key, what, hint));
    }
}

fn times(scenario: &Scenario, wrong: &mut Vec<Wrong>) {
    for (index, fault) in scenario.faults.iter().enumerate() {
        if fault.at < scenario.warm_up + BEFORE_MIN {
            let what = format!(
                "the fault comes after {}, too early to see a steady state",
                spoken(fault.at)
            );
            let hint = "give the steady state some seconds: `at = \"5s\"`".to_owned();
            wrong.push(("fault", index, "at", what, hint));
        }
    }
    if scenario.steady < STEADY_MIN {
        let what = format!("`steady` must be {} or more", spoken(STEADY_MIN));
        wrong.push(("scenario", 0, "steady", what, "leave it out for 2 s".to_owned()));
    }
    if scenario.steady > scenario.limits.recovery {
        let what = format!(
            "the steady state must hold for {} to be back, longer than it is waited for: `recovery` is {}",
            spoken(scenario.steady),
            spoken(scenario.limits.recovery)
        );
        let hint = "shorten `steady`, or raise `recovery` in `[limits]`".to_owned();
        wrong.push(("scenario", 0, "steady", what, hint));
    }
    paces(scenario, wrong);
    let needed = scenario.heals_at() + scenario.after;
    if needed > scenario.limits.total {
        let what = format!(
            "a run takes {} at least, more than `total` ({})",
            spoken(needed),
            spoken(scenario.limits.total)
        );
        let hint = "raise `total` in `[limits]`, or shorten the faults".to_owned();
        wrong.push(("limits", 0, "total", what, hint));
    }
    for (index, workload) in scenario.workloads.iter().enumerate() {
        let WorkloadKind::Http(http) = &workload.kind else { continue };
        if http.rate * scenario.limits.total.as_secs_f64() > ATTEMPTS_MAX as f64 {
            let what = format!(
                "{} requests each second for up to {} are more than the {ATTEMPTS_MAX} that can be remembered",
                http.rate,
                spoken(scenario.limits.total)
            );
            let hint = "lower `rate`, or `total` in `[limits]`".to_owned();
            wrong.push(("workload", index, "rate", what, hint));
        }
    }
}

/// Whatever is looked at happens at least once in each span that is judged.
fn paces(scenario: &Scenario, wrong: &mut Vec<Wrong>) {
    let seconds = Duration::from_secs_f64;
    let mut paces: Vec<(&'static str, usize, &'static str, Duration)> = Vec::new();
    for (index, workload) in scenario.workloads.iter().enumerate() {
        match &workload.kind {
            WorkloadKind::Http(spec) => {
                paces.push(("workload", index, "rate", seconds((1.0 / spec.rate).min(1e6))));
            }
            WorkloadKind::Kafka(spec) => {
                paces.push(("workload", index, "rate", seconds((1.0 / spec.per_second).min(1e6))));
            }
            WorkloadKind::Command(spec) => {
                if let Success::Exit { every, .. } = &spec.success {
                    paces.push(("workload", index, "every", *every));
                }
            }
        }
    }
    for (index, expect) in scenario.expects.iter().enumerate() {
        if let Check::Probe(probe) = &expect.check {
            paces.push(("expect", index, "every", probe.every));
        }
    }
    let before = scenario.breaks_at().saturating_sub(scenario.warm_up);
    let mut spans =
        vec![(scenario.steady, "`steady`"), (before, "the time before the first fault")];
    // Spans that are too short for anything were told.
    spans.retain(|(span, _)| *span >= STEADY_MIN);
    for (table, index, key, every) in paces {
        let Some((span, name)) = spans.iter().copied().find(|(span, _)| every > *span) else {
            continue;
        };
        let (every, span) = (spoken(every), spoken(span));
        let what = format!("once in {every} is too seldom to be seen within {name}, {span}");
        wrong.push((table, index, key, what, format!("look more often, or lengthen {name}")));
    }
}

/// A scenario that breaks nothing or expects nothing proves nothing.
fn purpose(scenario: &Scenario, wrong: &mut Vec<Wrong>) {
    let mut lacks = |what: &str, hint: &str| {
        wrong.push(("scenario", 0, "", what.to_owned(), hint.to_owned()));
    };
    if scenario.faults.is_empty() {
        lacks("the scenario breaks nothing", "add a `[[fault]]`");
    }
    let is_steady =
        |check: &Check| !matches!(check, Check::Delivery { .. } | Check::Recovered { .. });
    let before = |phases: &[Phase]| phases.contains(&Phase::Before);
    if !scenario.expects.iter().any(|expect| before(&expect.phases) && is_steady(&expect.check)) {
        lacks(
            "nothing is expected before the fault, so that nobody could blame the fault for what comes",
            "add an `[[expect]]` whose `phase` has \"before\"",
        );
    }
    let runs = scenario.runs_count();
    if runs > RUNS_MAX {
        lacks(
            &format!("`runs` and `clients` come to {runs} runs, more than {RUNS_MAX}"),
            "split the scenario",
        );
    }
    let counts_records =
        scenario.workloads.iter().any(|one| matches!(one.kind, WorkloadKind::Kafka(_)));
    for (index, expect) in scenario.expects.iter().enumerate() {
        if matches!(expect.check, Check::Delivery { .. }) && !counts_records {
            let what = "no workload counts records".to_owned();
            let hint = "add a `[[workload]]` with `kind = \"kafka\"`".to_owned();
            wrong.push(("expect", index, "", what, hint));
        }
    }
    for (index, workload) in scenario.workloads.iter().enumerate() {
        let WorkloadKind::Kafka(spec) = &workload.kind else { continue };
        if scenario.kafka.is_none() && spec.bootstrap == [THROUGH] {
            let what = "it is not said where Kafka is".to_owned();
            let hint = "add `bootstrap = \"127.0.0.1:9092\"`, or `[kafka]` to break its traffic";
            wrong.push(("workload", index, "kind", what, hint.to_owned()));
        }
    }
    for (index, fault) in scenario.faults.iter().enumerate() {
        let acts = fault.acts.iter().map(|(_, act)| act);
        let needs_kafka = acts.into_iter().any(|act| matches!(act, FaultAct::Kafka(_)));
        if needs_kafka && scenario.kafka.is_none() {
            let what = "a fault of kind `kafka` needs the Kafka-aware proxy".to_owned();
            let hint = "add `[kafka]` with `bootstrap = \"127.0.0.1:9092\"`".to_owned();
            wrong.push(("fault", index, "kind", what, hint));
        }
    }
}
