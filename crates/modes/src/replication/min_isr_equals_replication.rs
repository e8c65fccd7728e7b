//! # As many in-sync replicas required as there are replicas
//!
//! ## What fails
//!
//! One broker stops, a leader is there, and producers with `acks=all` get `NOT_ENOUGH_REPLICAS`
//! until the broker is back.
//!
//! ## Why
//!
//! A write with `acks=all` is taken only while at least `min.insync.replicas` replicas are in sync.
//! Of r replicas r − `min.insync.replicas` may be away. If both are equal, none may: the copies
//! protect the data, but not the service. Since 3.7 a minimum above the number of replicas counts as
//! that number.
//!
//! ## Example
//!
//! ```yaml docker-compose.yml
//! x-environment: &environment
//!   CLUSTER_ID: my-cluster-id
//!   KAFKA_PROCESS_ROLES: broker,controller
//!   KAFKA_CONTROLLER_QUORUM_VOTERS: 1@kafka1:9093,2@kafka2:9093,3@kafka3:9093
//!   KAFKA_CONTROLLER_LISTENER_NAMES: CONTROLLER
//!   KAFKA_LISTENERS: PLAINTEXT://:9092,CONTROLLER://:9093
//!   KAFKA_DEFAULT_REPLICATION_FACTOR: 3
//!   KAFKA_MIN_INSYNC_REPLICAS: 3
//! services:
//!   kafka1:
//!     image: apache/kafka:3.9.1
//!     environment:
//!       <<: *environment
//!       KAFKA_NODE_ID: 1
//!       KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://kafka1:9092
//!   kafka2:
//!     image: apache/kafka:3.9.1
//!     environment:
//!       <<: *environment
//!       KAFKA_NODE_ID: 2
//!       KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://kafka2:9092
//!   kafka3:
//!     image: apache/kafka:3.9.1
//!     environment:
//!       <<: *environment
//!       KAFKA_NODE_ID: 3
//!       KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://kafka3:9092
//! ```
//!
//! ## Fix
//!
//! One less than the number of replicas.
//!
//! ```yaml docker-compose.yml
//! x-environment: &environment
//!   CLUSTER_ID: my-cluster-id
//!   KAFKA_PROCESS_ROLES: broker,controller
//!   KAFKA_CONTROLLER_QUORUM_VOTERS: 1@kafka1:9093,2@kafka2:9093,3@kafka3:9093
//!   KAFKA_CONTROLLER_LISTENER_NAMES: CONTROLLER
//!   KAFKA_LISTENERS: PLAINTEXT://:9092,CONTROLLER://:9093
//!   KAFKA_DEFAULT_REPLICATION_FACTOR: 3
//!   KAFKA_MIN_INSYNC_REPLICAS: 2
//! services:
//!   kafka1:
//!     image: apache/kafka:3.9.1
//!     environment:
//!       <<: *environment
//!       KAFKA_NODE_ID: 1
//!       KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://kafka1:9092
//!   kafka2:
//!     image: apache/kafka:3.9.1
//!     environment:
//!       <<: *environment
//!       KAFKA_NODE_ID: 2
//!       KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://kafka2:9092
//!   kafka3:
//!     image: apache/kafka:3.9.1
//!     environment:
//!       <<: *environment
//!       KAFKA_NODE_ID: 3
//!       KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://kafka3:9092
//! ```
//!
//! ## How to rehearse
//!
//! Stop a follower (`docker stop`) and send with `acks=all`: `wonin rehearse kafka . --up --stop ID`
//! on a copy of a Compose project.
//!
//! ## Evidence
//!
//! - Apache Kafka 3.9: `Partition.effectiveMinIsr` and the check before an append in
//!   `Partition.appendRecordsToLeader`; topic configs, `min.insync.replicas`.

use wonin_model::{
    ClientKind, Evidence, Finding, Fix, Hit, Located, Mode, ModeMeta, NotChecked, Origin,
    PartitionState, Role, Severity, Stack, Standing,
};

use crate::shared::kafka::{Cluster, clusters};
use crate::shared::seen::{Part, Shown, number as number_in, recognise, signals};
use crate::shared::words::{count, list};

pub(crate) struct MinIsrEqualsReplication;

static META: ModeMeta = ModeMeta {
    id: "min-isr-equals-replication",
    family: "replication",
    summary: "no replica may be away while records are written",
    source: include_str!("min_isr_equals_replication.rs"),
};

/// The number of replicas and the minimum that belongs to it, with what they are of.
const PAIRS: [(&str, &str, &str); 2] = [
    ("default.replication.factor", "min.insync.replicas", "new topics"),
    (
        "transaction.state.log.replication.factor",
        "transaction.state.log.min.isr",
        "the log of transactions",
    ),
];

impl Mode for MinIsrEqualsReplication {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        let stack = &evidence.stack;
        let all = clusters(stack);
        let mut own = Vec::new();
        for cluster in &all {
            for (factor, minimum, what) in PAIRS {
                own.extend(by_default(stack, cluster, factor, minimum, what));
            }
            own.extend(by_hand(stack, cluster, all.len() == 1));
        }
        observe(evidence, all.is_empty(), &mut own);
        described(evidence, &mut own);
        findings.extend(own);
    }
}

/// Recognises writes that are refused because too few replicas are in sync.
fn observe(evidence: &Evidence, unknown: bool, own: &mut Vec<Finding>) {
    let mut shown: Shown<'_> = Vec::new();
    let mut numbers = None;
    for signal in signals(evidence, &["kafka.not-enough-replicas"]) {
        let told = signal.hits.iter().find(|hit| hit.values.contains_key("min_isr"));
        if let Some(hit) = told {
            let isr = hit.values.get("isr").map_or("", String::as_str);
            numbers = number_of(hit).map(|minimum| (minimum, isr.to_owned()));
        }
        let what = match &numbers {
            Some((minimum, isr)) => format!("writes are refused: in sync {isr}, wanted {minimum}"),
            None => {
                "writes are refused: fewer replicas in sync than min.insync.replicas".to_owned()
            }
        };
        shown.push((Part::whole(signal), what));
    }
    recognise(own, &shown, || {
        // With replicas to spare in the files, more brokers are gone than one.
        if !unknown {
            return None;
        }
        let (wanted, arithmetic) = match &numbers {
            Some((minimum, isr)) => {
                let in_sync =
                    isr.split(',').filter(|one| one.chars().any(|c| c.is_ascii_digit())).count();
                (minimum.to_string(), format!("in sync {in_sync} < min.insync.replicas {minimum}"))
            }
            None => ("min.insync.replicas".to_owned(), "in sync < min.insync.replicas".to_owned()),
        };
        let title = format!(
            "fewer than {wanted} replicas in sync: writes with acks=all are refused; likely min.insync.replicas leaves none to spare"
        );
        let finding = Finding::new(&META, title)
            .weigh(Role::Cause, Severity::High, 70)
            .arithmetic(arithmetic);
        Some(finding.fix(Fix::advice("bring the missing replicas back; keep min.insync.replicas at most replicas - 1 (3 and 2)")))
    });
}

/// Partitions that take no records with `acks=all`, as `kafka-topics --describe` shows them.
fn described(evidence: &Evidence, own: &mut Vec<Finding>) {
    let short: Vec<(&PartitionState, u32)> = evidence
        .partitions
        .iter()
        .filter_map(|one| Some((one, one.min_in_sync?)))
        .filter(|(one, minimum)| one.leader.is_some() && one.in_sync.len() < *minimum as usize)
        .collect();
    let Some((first, minimum)) = short.first() else { return };
    let (replicas, in_sync) = (first.replicas.len(), first.in_sync.len());
    let finding = match own.iter().position(|one| one.role == Role::Cause) {
        Some(index) => own.remove(index),
        None => {
            let title = format!(
                "{} with fewer replicas in sync than min.insync.replicas = {minimum}: writes with acks=all are refused",
                count(short.len(), "partition")
            );
            let advice = if *minimum as usize >= replicas {
                "bring the missing replicas back; keep min.insync.replicas at most replicas - 1 (3 and 2)"
            } else {
                "bring the missing replicas back"
            };
            Finding::new(&META, title)
                .weigh(Role::Cause, Severity::High, 95)
                .fix(Fix::advice(advice))
        }
    };
    let mut finding = finding.arithmetic(format!(
        "{}-{}: in sync {in_sync} of {replicas} < min.insync.replicas {minimum}",
        first.topic, first.partition
    ));
    finding.standing = Standing::Observed;
    for (one, _) in short.iter().take(3) {
        let claim = format!("seen: {}-{} takes no records with acks=all", one.topic, one.partition);
        finding = finding.because_at(claim, Origin::Written(one.place));
    }
    own.push(finding);
}

fn number_of(hit: &Hit) -> Option<u64> {
    number_in(&hit.values, "min_isr")
}

/// What new topics get from the brokers' settings.
fn by_default(
    stack: &Stack,
    cluster: &Cluster<'_>,
    factor: &str,
    minimum: &str,
    what: &str,
) -> Option<Finding> {
    let transactions = factor.starts_with("transaction.");
    if transactions && !is_transactional(stack) {
        return None;
    }
    let (factor, minimum) = cluster.brokers().find_map(|broker| {
        let factor = number(broker.settings.get(factor)?)?;
        let minimum = number(broker.settings.get(minimum)?)?;
        blocks(factor.value, minimum.value).then_some((factor, minimum))
    })?;
    let written: Vec<Located<u32>> = cluster
        .brokers()
        .filter_map(|broker| number(broker.settings.written("min.insync.replicas")?))
        .collect();
    let fixes = if transactions { Vec::new() } else { written };
    Some(finding(stack, cluster, what, (&factor, &minimum), &fixes))
}

/// Topics that something creates with both numbers.
fn by_hand(stack: &Stack, cluster: &Cluster<'_>, only: bool) -> Option<Finding> {
    let number = cluster.nodes[0].cluster;
    let topics = stack.topics.iter().filter(|topic| topic.cluster.map_or(only, |of| of == number));
    let blocked: Vec<(&str, &Located<u32>, &Located<u32>)> = topics
        .filter_map(|topic| {
            let factor = topic.replication_factor.as_ref()?;
            let minimum = topic.min_insync.as_ref()?;
            Some((topic.name.value.as_str(), factor, minimum))
        })
        .filter(|(_, factor, minimum)| blocks(factor.value, minimum.value))
        .collect();
    let (_, factor, minimum) = *blocked.first()?;
    let names: Vec<&str> = blocked.iter().map(|(name, ..)| *name).collect();
    let minima: Vec<Located<u32>> =
        blocked.iter().map(|(.., minimum)| (*minimum).clone()).collect();
    Some(finding(stack, cluster, &list(&names), (factor, minimum), &minima))
}

fn finding(
    stack: &Stack,
    cluster: &Cluster<'_>,
    what: &str,
    (factor, minimum): (&Located<u32>, &Located<u32>),
    written: &[Located<u32>],
) -> Finding {
    let (replicas, least) = (factor.value, minimum.value.min(factor.value));
    let title = format!(
        "{what}: {replicas} replicas and {} required in sync: any broker that stops ends writes with \
         acks=all",
        minimum.value
    );
    let mut finding = Finding::new(&META, title)
        .service(&cluster.name)
        .arithmetic(format!("{replicas} replicas - {least} required in sync = 0 that may be away"))
        .because(format!("{} must be in sync", minimum.value), minimum)
        .because(format!("{replicas} replicas"), factor)
        .leads_to("not-enough-replicas")
        .towards(cluster.survives_one_broker(), 2);
    finding.rehearse = cluster.rehearsal(stack);
    finding = if weak_producers(stack) {
        finding.weigh(Role::Latent, Severity::Medium, 85)
    } else {
        finding.weigh(Role::Cause, Severity::High, 93)
    };
    let to = (replicas - 1).to_string();
    let mut fix = Fix::advice(format!("set the required number to {to}"));
    fix.edits = written.iter().flat_map(|value| Fix::replace("", value, &to).edits).collect();
    fix.edits.sort();
    fix.edits.dedup();
    finding.fix(fix)
}

/// Whether losing one of several replicas ends writes.
fn blocks(factor: u32, minimum: u32) -> bool {
    factor >= 2 && minimum >= factor
}

/// Whether all producers that are known do without `acks=all`.
fn weak_producers(stack: &Stack) -> bool {
    let mut producers = stack
        .kafka_clients
        .iter()
        .filter(|client| client.kind == ClientKind::Producer)
        .filter_map(|client| client.settings.get("acks"))
        .peekable();
    producers.peek().is_some() && producers.all(|acks| !matches!(acks.value.trim(), "all" | "-1"))
}

fn is_transactional(stack: &Stack) -> bool {
    stack.kafka_clients.iter().any(|client| client.settings.written("transactional.id").is_some())
}

fn number(value: &Located<String>) -> Option<Located<u32>> {
    if !value.origin.is_certain() {
        return None;
    }
    value.and_then(|text| text.trim().parse().ok())
}
