//! A fault as long as somebody's timeout gives contradictory evidence: luck decides what comes
//! first (failure-knowledge 17). Such sizes are refused.

use std::time::Duration;

use super::{FaultAct, Scenario, WorkloadKind, WorkloadSpec, spoken};
use crate::workload::kafka::RecordsSpec;
use wonin_fault::inject::Injection;
use wonin_fault::kafka::Act;

/// A timeout that something in the rehearsed stack has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownTimeout {
    /// Its name: `request.timeout.ms`.
    pub name: String,
    /// How long.
    pub lasts: Duration,
    /// Where it is known from: a file and line, or whose default.
    pub source: String,
}

/// Defaults of Kafka clients that bound waiting for a broker (failure-knowledge 2.1 and 2.3), in
/// milliseconds.
const KAFKA: &[(&str, u64, &str)] = &[
    ("socket.connection.setup.timeout.ms", 10_000, "Java clients 3.9"),
    ("socket.connection.setup.timeout.max.ms", 30_000, "Java clients 3.9"),
    ("request.timeout.ms", 30_000, "Java clients 3.9"),
    ("session.timeout.ms", 45_000, "Java consumer 3.9, librdkafka"),
    ("max.block.ms", 60_000, "Java producer 3.9"),
    ("default.api.timeout.ms", 60_000, "Java consumer and admin client 3.9"),
    ("socket.timeout.ms", 60_000, "librdkafka"),
    ("delivery.timeout.ms", 120_000, "Java producer 3.9"),
    ("max.poll.interval.ms", 300_000, "Java consumer 3.9, librdkafka"),
    ("message.timeout.ms", 300_000, "librdkafka"),
];

/// A size of a fault: what it is, how long, and the key that sets it.
struct Size {
    what: &'static str,
    key: &'static str,
    lasts: Duration,
}

/// What is tied with what, for each fault by its index, with the key that says it.
pub(crate) fn ties(
    scenario: &Scenario,
    timeouts: &[KnownTimeout],
) -> Vec<(usize, &'static str, String)> {
    let known = known(scenario, timeouts);
    let mut found = Vec::new();
    for (index, fault) in scenario.faults.iter().enumerate() {
        for size in fault.acts.iter().flat_map(|(_, act)| sizes(act, fault.lasts)) {
            let Some(tie) = known.iter().find(|known| known.lasts == size.lasts) else { continue };
            let why = format!(
                "{} of {} is exactly `{}` ({}): which comes first is left to luck",
                size.what,
                spoken(size.lasts),
                tie.name,
                tie.source
            );
            if !found.iter().any(|(known, key, _)| *known == index && *key == size.key) {
                found.push((index, size.key, why));
            }
        }
    }
    found
}

fn known(scenario: &Scenario, timeouts: &[KnownTimeout]) -> Vec<KnownTimeout> {
    let mut known = timeouts.to_vec();
    let speaks_kafka = |one: &WorkloadSpec| matches!(one.kind, WorkloadKind::Kafka(_));
    if scenario.kafka.is_some() || scenario.workloads.iter().any(speaks_kafka) {
        known.extend(KAFKA.iter().map(|(name, ms, source)| KnownTimeout {
            name: (*name).to_owned(),
            lasts: Duration::from_millis(*ms),
            source: format!("default of {source}"),
        }));
    }
    for workload in &scenario.workloads {
        let lasts = match &workload.kind {
            WorkloadKind::Http(spec) => spec.timeout,
            WorkloadKind::Command(spec) => spec.timeout,
            WorkloadKind::Kafka(spec) => {
                known.extend(settings(&workload.name, spec));
                continue;
            }
        };
        let source = format!("workload `{}`", workload.name);
        known.push(KnownTimeout { name: "timeout".to_owned(), lasts, source });
    }
    known
}

/// What a Kafka workload sets itself.
fn settings(workload: &str, spec: &RecordsSpec) -> Vec<KnownTimeout> {
    let set = spec.producer.iter().chain(&spec.consumer);
    let times =
        set.filter(|(name, _)| name.ends_with("timeout.ms") || name.ends_with("interval.ms"));
    times
        .filter_map(|(name, value)| {
            Some(KnownTimeout {
                name: name.clone(),
                lasts: Duration::from_millis(value.parse().ok()?),
                source: format!("workload `{workload}`"),
            })
        })
        .collect()
}

/// The delays of a fault; and its whole length where nobody answers while it acts.
fn sizes(act: &FaultAct, lasts: Duration) -> Vec<Size> {
    let mut sizes = Vec::new();
    let mut delay = |ms: u64| {
        let lasts = Duration::from_millis(ms);
        sizes.push(Size { what: "a delay", key: "attributes", lasts });
    };
    let is_outage = match act {
        FaultAct::Tcp { fault, .. } => {
            fault.delays_ms.iter().copied().for_each(delay);
            fault.is_outage
        }
        FaultAct::Kafka(fault) => match &fault.act {
            Act::Delay { ms, .. } | Act::Latency { ms, .. } => {
                delay(*ms);
                false
            }
            Act::Silence { .. } | Act::Refuse { .. } | Act::Disconnect { .. } => true,
            _ => false,
        },
        FaultAct::Inject(Injection::Process(_) | Injection::Container(_))
        | FaultAct::Own { .. } => true,
    };
    if is_outage {
        sizes.push(Size { what: "an outage", key: "for", lasts });
    }
    sizes
}
