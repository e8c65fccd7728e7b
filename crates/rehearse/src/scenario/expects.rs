//! `[[expect]]` and `[abort]`: what is looked at.

use std::time::Duration;

use wonin_model::rehearsal::Phase;

use super::fields::Fields;
use super::{AbortSpec, Ask, Check, Condition, DeliveryCount, ExpectSpec, Probe};
use crate::tls::TlsSpec;
use crate::workload::http::{self, Statuses};

const PHASES: [(&str, Phase); 3] =
    [("before", Phase::Before), ("during", Phase::During), ("after", Phase::After)];
/// How often a probe asks where the scenario does not say.
const EVERY: Duration = Duration::from_millis(500);
/// How long an answer may take where the scenario does not say.
const TIMEOUT: Duration = Duration::from_secs(2);
/// The keys of which an expectation has exactly one.
const CHECKS: [&str; 14] = [
    "success_at_least",
    "no_failures",
    "p50_below",
    "p95_below",
    "p99_below",
    "http",
    "tcp",
    "command",
    "lost_at_most",
    "not_delivered_at_most",
    "duplicated_at_most",
    "reordered_at_most",
    "anomalies_at_most",
    "recovered_within",
];

pub(super) fn expect(fields: &Fields<'_>, workloads: &[String]) -> Option<ExpectSpec> {
    let name = fields.name();
    let phases = phases(fields);
    let check = check(fields, workloads)?;
    let is_final = matches!(check, Check::Delivery { .. } | Check::Recovered { .. });
    let is_after = phases.as_deref() == Some(&[Phase::After]);
    if is_final && fields.has("phase") && !is_after {
        fields.wrong("phase", "this is known only afterwards: its `phase` is \"after\"");
        return None;
    }
    let phases = match phases {
        Some(phases) => phases,
        None if fields.has("phase") => return None,
        None if is_final => vec![Phase::After],
        None => vec![Phase::Before, Phase::During, Phase::After],
    };
    Some(ExpectSpec { name: name?, phases, check })
}

fn phases(fields: &Fields<'_>) -> Option<Vec<Phase>> {
    let words = fields.texts("phase")?;
    let mut phases = Vec::new();
    for word in words {
        phases.push(fields.choose("phase", &word, &PHASES)?);
    }
    phases.sort_unstable();
    phases.dedup();
    if phases.is_empty() {
        fields.wrong("phase", "`phase` names nothing; there is \"before\", \"during\", \"after\"");
        return None;
    }
    Some(phases)
}

fn check(fields: &Fields<'_>, workloads: &[String]) -> Option<Check> {
    let given: Vec<&str> = CHECKS.into_iter().filter(|key| fields.has(key)).collect();
    let list = || {
        let names: Vec<String> = CHECKS.iter().map(|name| format!("`{name}`")).collect();
        format!("one of {}", names.join(", "))
    };
    let key = match given.as_slice() {
        [key] => *key,
        [] => {
            fields.wrong_with_hint("", "nothing is expected here", format!("add {}", list()));
            // Known from here on, so that a misspelt one is told by its nearest name.
            for key in CHECKS {
                fields.get(key);
            }
            return None;
        }
        [first, second, ..] => {
            let what = format!("`{first}` and `{second}` are two expectations");
            fields.wrong_with_hint(second, what, "give each an `[[expect]]` of its own");
            return None;
        }
    };
    let at_most = |key, count| Some(Check::Delivery { count, at_most: fields.whole(key)? });
    match key {
        "success_at_least" => {
            let at_least = fields.share("success_at_least");
            Some(Check::Success { workload: workload(fields, workloads)?, at_least: at_least? })
        }
        "no_failures" => {
            if fields.truth("no_failures")? {
                return Some(Check::NoFailures { workload: workload(fields, workloads)? });
            }
            fields.wrong("no_failures", "`no_failures = false` expects nothing");
            None
        }
        "p50_below" | "p95_below" | "p99_below" => {
            let (key, share) = match key {
                "p50_below" => ("p50_below", 0.5),
                "p95_below" => ("p95_below", 0.95),
                _ => ("p99_below", 0.99),
            };
            let below = fields.span_of_time(key);
            Some(Check::Latency { workload: workload(fields, workloads)?, share, below: below? })
        }
        "lost_at_most" => at_most("lost_at_most", DeliveryCount::Lost),
        "not_delivered_at_most" => at_most("not_delivered_at_most", DeliveryCount::NotDelivered),
        "duplicated_at_most" => at_most("duplicated_at_most", DeliveryCount::Duplicated),
        "reordered_at_most" => at_most("reordered_at_most", DeliveryCount::Reordered),
        "anomalies_at_most" => at_most("anomalies_at_most", DeliveryCount::Anomalies),
        "recovered_within" => {
            Some(Check::Recovered { within: fields.span_of_time("recovered_within")? })
        }
        _ => probe(fields).map(Check::Probe),
    }
}

/// The workload that is meant: by name, or the only one.
fn workload(fields: &Fields<'_>, workloads: &[String]) -> Option<usize> {
    let Some(name) = fields.text("workload") else {
        return match workloads {
            _ if fields.has("workload") => None,
            [_] => Some(0),
            [] => {
                fields.wrong("", "there is no workload whose attempts could be counted");
                None
            }
            _ => {
                let names: Vec<String> = workloads.iter().map(|name| format!("`{name}`")).collect();
                let hint = format!("add `workload`: there is {}", names.join(", "));
                fields.wrong_with_hint("", "it is not said which workload is meant", hint);
                None
            }
        };
    };
    let known: Vec<(&str, usize)> =
        workloads.iter().enumerate().map(|(index, name)| (name.as_str(), index)).collect();
    fields.choose("workload", &name, &known)
}

fn probe(fields: &Fields<'_>) -> Option<Probe> {
    let every = fields.duration("every").unwrap_or(EVERY);
    let timeout = fields.span_of_time("timeout").unwrap_or(TIMEOUT);
    let ask = if fields.has("http") {
        let status = Statuses::read(fields, "status");
        let url = fields.text("http")?;
        let tls = TlsSpec::read(fields, &url);
        http::check(fields, "http", &url)?;
        Ask::Http { url, status: status?, tls: tls? }
    } else if fields.has("tcp") {
        Ask::Tcp { address: fields.address("tcp")? }
    } else {
        let output = fields.regex("output");
        let exit = fields.whole("exit").unwrap_or(0);
        let Ok(exit) = i32::try_from(exit) else {
            fields.wrong("exit", "`exit` must be an exit code, 0 to 255");
            return None;
        };
        Ask::Command { command: fields.command("command")?, exit, output }
    };
    if every < Duration::from_millis(10) {
        fields.wrong("every", "`every` must be 10 ms or more");
        return None;
    }
    Some(Probe { ask, every, timeout })
}

pub(super) fn abort(fields: &Fields<'_>, workloads: &[String]) -> Option<AbortSpec> {
    let lasts = fields.duration("for").unwrap_or(Duration::from_secs(5));
    if fields.has("success_below") {
        let share = fields.share("success_below");
        let workload = workload(fields, workloads)?;
        return Some(AbortSpec {
            condition: Condition::SuccessBelow { workload, share: share? },
            lasts,
        });
    }
    if ["http", "tcp", "command"].into_iter().any(|key| fields.has(key)) {
        return Some(AbortSpec { condition: Condition::Probe(probe(fields)?), lasts });
    }
    let hint = "add `success_below`, `http`, `tcp` or `command`, and `for`";
    fields.wrong_with_hint("", "it is not said when to abort", hint);
    _ = fields.get("success_below");
    _ = workload(fields, &workloads[..workloads.len().min(1)]);
    None
}
