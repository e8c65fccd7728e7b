//! # One copy of the data
//!
//! ## What fails
//!
//! A broker stops, and the partitions that lived on it have no leader. Nothing can be written to
//! or read from them until that very broker is back. With the topic of group offsets it is the
//! consumers of a group that stop.
//!
//! ## Why
//!
//! Failover chooses a new leader among the in-sync replicas. With a replication factor of 1 there is
//! none left to choose, however many brokers run. `default.replication.factor` is 1 unless somebody
//! sets it, and topics are created on first use unless that is switched off. It counts for topics
//! that are created later; existing ones keep what they have until they are reassigned.
//!
//! ## Example
//!
//! ```yaml docker-compose.yml
//! x-kafka: &kafka
//!   image: apache/kafka:3.9.1
//! x-environment: &environment
//!   CLUSTER_ID: my-cluster-id
//!   KAFKA_PROCESS_ROLES: broker,controller
//!   KAFKA_CONTROLLER_QUORUM_VOTERS: 1@kafka1:9093,2@kafka2:9093,3@kafka3:9093
//!   KAFKA_CONTROLLER_LISTENER_NAMES: CONTROLLER
//!   KAFKA_LISTENERS: PLAINTEXT://:9092,CONTROLLER://:9093
//! services:
//!   kafka1:
//!     <<: *kafka
//!     environment:
//!       <<: *environment
//!       KAFKA_NODE_ID: 1
//!       KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://kafka1:9092
//!   kafka2:
//!     <<: *kafka
//!     environment:
//!       <<: *environment
//!       KAFKA_NODE_ID: 2
//!       KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://kafka2:9092
//!   kafka3:
//!     <<: *kafka
//!     environment:
//!       <<: *environment
//!       KAFKA_NODE_ID: 3
//!       KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://kafka3:9092
//! ```
//!
//! ## Fix
//!
//! Three copies, of which two must have every record; existing topics are reassigned with
//! `kafka-reassign-partitions`.
//!
//! ```yaml docker-compose.yml
//! x-kafka: &kafka
//!   image: apache/kafka:3.9.1
//! x-environment: &environment
//!   CLUSTER_ID: my-cluster-id
//!   KAFKA_PROCESS_ROLES: broker,controller
//!   KAFKA_CONTROLLER_QUORUM_VOTERS: 1@kafka1:9093,2@kafka2:9093,3@kafka3:9093
//!   KAFKA_CONTROLLER_LISTENER_NAMES: CONTROLLER
//!   KAFKA_LISTENERS: PLAINTEXT://:9092,CONTROLLER://:9093
//!   KAFKA_DEFAULT_REPLICATION_FACTOR: 3
//!   KAFKA_MIN_INSYNC_REPLICAS: 2
//!   KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: 3
//! services:
//!   kafka1:
//!     <<: *kafka
//!     environment:
//!       <<: *environment
//!       KAFKA_NODE_ID: 1
//!       KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://kafka1:9092
//!   kafka2:
//!     <<: *kafka
//!     environment:
//!       <<: *environment
//!       KAFKA_NODE_ID: 2
//!       KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://kafka2:9092
//!   kafka3:
//!     <<: *kafka
//!     environment:
//!       <<: *environment
//!       KAFKA_NODE_ID: 3
//!       KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://kafka3:9092
//! ```
//!
//! ## How to rehearse
//!
//! Stop the leader of a partition (`docker stop`) and send to it: `wonin rehearse kafka . --up --stop
//! ID` on a copy of a Compose project; `--prove` repairs it there and stops the broker again.
//!
//! ## Evidence
//!
//! - Apache Kafka 3.9: broker configs (`default.replication.factor` 1, `auto.create.topics.enable`
//!   true, `offsets.topic.num.partitions` 50); the shipped `config/server.properties`, which sets
//!   `offsets.topic.replication.factor=1`; `GroupMetadataManager` for the partition of a group.
//! - Inferred: on which broker a given partition lies, which is drawn at creation.

use wonin_model::{
    Evidence, FileEdit, Finding, Fix, KafkaClient, KafkaTopic, Located, Mode, ModeMeta, NotChecked,
    Origin, PartitionState, Role, Severity, Stack, Standing,
};
use wonin_text::Sources;

use crate::shared::edits::add_property;
use crate::shared::kafka::{Cluster, cluster_of, clusters};
use crate::shared::seen::{
    Part, Shown, Values, all_of, beside, is_sustained, lasted_ms, recognise, signals,
};
use crate::shared::words::{count, list};

pub(crate) struct SingleReplica;

static META: ModeMeta = ModeMeta {
    id: "single-replica",
    family: "replication",
    summary: "several brokers, one copy of the data",
    source: include_str!("single_replica.rs"),
};

const DEFAULT: &str = "default.replication.factor";
const OFFSETS: &str = "offsets.topic.replication.factor";
const TRANSACTIONS: &str = "transaction.state.log.replication.factor";

/// Numbers of replicas with the number of them that a record must have reached.
const MINIMA: [(&str, &str); 2] =
    [(DEFAULT, "min.insync.replicas"), (TRANSACTIONS, "transaction.state.log.min.isr")];

impl Mode for SingleReplica {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        let stack = &evidence.stack;
        let all = clusters(stack);
        for cluster in all.iter().filter(|cluster| cluster.broker_count() > 1) {
            let view = View { sources: &evidence.sources, stack, all: &all, cluster };
            let mut topics: Vec<Finding> =
                view.topics_by_default().into_iter().chain(view.topics_by_hand()).collect();
            let mut internal: Vec<Finding> = view.internal_topics().into_iter().collect();
            observe_topics(evidence, &mut topics);
            observe_coordinators(evidence, &mut internal);
            findings.extend(topics.into_iter().chain(internal));
        }
        findings.extend(described(evidence));
        if all.is_empty() {
            let mut topics = Vec::new();
            observe_topics(evidence, &mut topics);
            findings.extend(topics);
        }
    }
}

/// Longer than a new topic is without a leader, in milliseconds.
const LEADERLESS_MS: i64 = 5000;

/// Recognises partitions that stay without a leader.
fn observe_topics(evidence: &Evidence, own: &mut Vec<Finding>) {
    let mut shown: Shown<'_> = Vec::new();
    let is_leaderless =
        |values: &Values| values.get("error").is_some_and(|e| e == "LEADER_NOT_AVAILABLE");
    for signal in signals(evidence, &["kafka.metadata-error"]) {
        let part = Part::of(signal, is_leaderless);
        let part = part.filter(|part| {
            part.events >= 3 && lasted_ms(signal).is_none_or(|ms| ms >= LEADERLESS_MS)
        });
        let Some(part) = part else { continue };
        let topic =
            part.hit.and_then(|hit| hit.values.get("topic")).map_or("a topic", String::as_str);
        shown.push((part, format!("{topic} has no leader and no other replica takes over")));
    }
    for signal in signals(evidence, &["kafka.leader-not-available"]) {
        if is_sustained(signal, 3, LEADERLESS_MS) {
            shown.push((Part::whole(signal), "a partition has no leader".to_owned()));
        }
    }
    let expired = all_of(
        evidence,
        &[(
            "kafka.records-expired",
            "follows: records waited for a leader until delivery.timeout.ms",
        )],
    );
    let is_down = || {
        signals(evidence, &["kafka.connection-not-established"]).iter().any(|signal| {
            is_sustained(signal, 3, LEADERLESS_MS) && Part::of(signal, is_broker).is_some()
        })
    };
    // A record that expires tells of a leader that is gone only where a broker is seen to be.
    if shown.is_empty() && (own.is_empty() || expired.is_empty() || !is_down()) {
        return;
    }
    shown.extend(expired);
    for signal in signals(evidence, &["kafka.connection-not-established"]) {
        // Controllers that dial each other say nothing of partitions.
        let is_node = beside(evidence, "kafka.started", signal.service.as_deref()).is_some();
        let part = Part::of(signal, is_broker).filter(|_| !is_node);
        shown.extend(part.map(|part| (part, "the broker that has it is not reached".to_owned())));
    }
    let is_quorum =
        !signals(evidence, &["kafka.raft-candidate", "kafka.raft-majority-lost"]).is_empty();
    recognise(own, &shown, || {
        if is_quorum {
            return None;
        }
        let title = "partitions stay without a leader: likely their only replica is on a broker that is gone";
        let finding = Finding::new(&META, title)
            .weigh(Role::Cause, Severity::High, 70)
            .arithmetic("likely 1 replica - 1 stopped broker = 0 replicas")
            .leads_to("partitions-without-leader");
        Some(finding.fix(Fix::advice(
            "bring the broker back; then give the topics 3 replicas and min.insync.replicas 2 (default.replication.factor counts for topics made later only)",
        )))
    });
}

/// Whether the node that a text names is a broker, and not an entry of bootstrap.servers.
fn is_broker(values: &Values) -> bool {
    values.get("node").is_some_and(|node| !node.starts_with('-'))
}

/// Partitions without a leader, as `kafka-topics --describe` shows them.
fn described(evidence: &Evidence) -> Option<Finding> {
    let leaderless: Vec<&PartitionState> = evidence
        .partitions
        .iter()
        .filter(|one| one.leader.is_none() && one.replicas.len() == 1)
        .collect();
    let first = leaderless.first()?;
    let title = format!(
        "{} without a leader: each has 1 replica, and its broker is gone",
        count(leaderless.len(), "partition")
    );
    let mut finding = Finding::new(&META, title)
        .weigh(Role::Cause, Severity::High, 96)
        .arithmetic(format!(
            "replicas of {}-{} = 1 (node {}), in sync and alive = 0",
            first.topic, first.partition, first.replicas[0]
        ))
        .leads_to("partitions-without-leader");
    finding.standing = Standing::Observed;
    for one in leaderless.iter().take(3) {
        let claim = format!("seen: {}-{} has no leader", one.topic, one.partition);
        finding = finding.because_at(claim, Origin::Written(one.place));
    }
    Some(finding.fix(Fix::advice(
        "bring the broker back; then reassign the partitions to 3 replicas with kafka-reassign-partitions",
    )))
}

/// Recognises groups whose coordinator is gone with its broker.
fn observe_coordinators(evidence: &Evidence, own: &mut Vec<Finding>) {
    if own.is_empty() {
        return;
    }
    let mut shown: Shown<'_> = Vec::new();
    for signal in
        signals(evidence, &["kafka.coordinator-unavailable", "kafka.coordinator-not-available"])
    {
        if is_sustained(signal, 3, 0) {
            shown.push((Part::whole(signal), "the group finds no coordinator".to_owned()));
        }
    }
    recognise(own, &shown, || None);
}

/// One cluster of several brokers.
struct View<'a> {
    sources: &'a Sources,
    stack: &'a Stack,
    all: &'a [Cluster<'a>],
    cluster: &'a Cluster<'a>,
}

impl View<'_> {
    /// Topics that come into being with `default.replication.factor`.
    fn topics_by_default(&self) -> Option<Finding> {
        let factor = self.factor(DEFAULT).or_else(|| self.assumed_factor())?;
        let assumed = factor.origin.is_default() && self.setting(DEFAULT).is_none();
        let left_open: Vec<&KafkaTopic> =
            self.created().filter(|topic| topic.replication_factor.is_none()).collect();
        let automatic = self.setting("auto.create.topics.enable");
        let at_first_use = automatic.is_none_or(|value| value.value.trim() != "false");
        let used = if at_first_use { self.used_before_created() } else { Vec::new() };
        if !at_first_use && left_open.is_empty() {
            return None;
        }
        let mut names: Vec<&str> =
            left_open.iter().map(|topic| topic.name.value.as_str()).collect();
        names.extend(used.iter().map(|topic| topic.value.as_str()));
        names.sort_unstable();
        names.dedup();
        let mut finding = self.start(&factor, &names);
        if let Some(automatic) = automatic.filter(|_| at_first_use) {
            finding = finding.because("a topic is created at its first use", automatic);
        }
        for topic in &left_open {
            let claim = format!("{} is created without a number of replicas", topic.name.value);
            finding = finding.because(claim, &topic.name);
        }
        for topic in used {
            finding = finding.because(format!("{} is used", topic.value), topic);
        }
        // Without any topic in sight all of them come this way; where some are made with numbers
        // of their own, those that are not may be none.
        let (severity, sure) = match (names.is_empty(), self.created().next().is_none()) {
            (false, _) => (Severity::High, 95),
            (true, true) => (Severity::High, 80),
            (true, false) => (Severity::Medium, 75),
        };
        let (severity, sure) =
            if assumed { (severity.min(Severity::Medium), sure.min(65)) } else { (severity, sure) };
        Some(
            finding
                .weigh(Role::Cause, severity, sure)
                .fix(self.raise(&[DEFAULT]))
                .fix(self.reassign(&names)),
        )
    }

    /// Topics that something creates with one replica.
    fn topics_by_hand(&self) -> Option<Finding> {
        let single: Vec<(&KafkaTopic, &Located<u32>)> = self
            .created()
            .filter_map(|topic| Some((topic, topic.replication_factor.as_ref()?)))
            .filter(|(_, factor)| factor.value == 1)
            .collect();
        let (_, factor) = single.first()?;
        let names: Vec<&str> = single.iter().map(|(topic, _)| topic.name.value.as_str()).collect();
        let mut finding = self.start(factor, &names).weigh(Role::Cause, Severity::High, 95);
        finding.because.clear();
        for (topic, factor) in &single {
            let claim = format!("{} is created with {} replica", topic.name.value, factor.value);
            finding = finding.because(claim, factor);
        }
        Some(self.brokers(finding).fix(self.reassign(&names)))
    }

    /// Topics of the brokers themselves: group offsets, and the log of transactions where a client
    /// uses them.
    fn internal_topics(&self) -> Option<Finding> {
        let offsets = self.factor(OFFSETS);
        let transactions =
            self.factor(TRANSACTIONS).filter(|_| self.clients().any(is_transactional));
        let (mut names, mut factors) = (Vec::new(), Vec::new());
        if offsets.is_some() {
            names.push("__consumer_offsets");
            factors.push(OFFSETS);
        }
        if transactions.is_some() {
            names.push("__transaction_state");
            factors.push(TRANSACTIONS);
        }
        let first = offsets.as_ref().or(transactions.as_ref())?;
        let mut finding = self.start(first, &names).weigh(Role::Contributing, Severity::Medium, 90);
        if offsets.is_some()
            && let Some(arithmetic) = self.coordinators()
        {
            finding = finding.arithmetic(arithmetic);
        }
        if let Some(transactions) = transactions.as_ref().filter(|_| offsets.is_some()) {
            finding = finding.because("so does the log of transactions", transactions);
        }
        Some(finding.fix(self.raise(&factors)).fix(self.reassign(&names)))
    }

    /// `partition of my-group = (hash & 0x7fffffff) % 50 = 36`, for every group that is known.
    fn coordinators(&self) -> Option<String> {
        let partitions = self.setting("offsets.topic.num.partitions")?.value.trim().parse().ok()?;
        let mut groups: Vec<&str> = self
            .clients()
            .filter_map(|client| client.settings.get("group.id"))
            .map(|group| group.value.as_str())
            .filter(|group| !group.is_empty())
            .collect();
        groups.sort_unstable();
        groups.dedup();
        let lines: Vec<String> = groups
            .iter()
            .filter_map(|group| Some((group, coordinator_partition(group, partitions)?)))
            .map(|(group, partition)| {
                format!(
                    "offsets of {group}: partition (hash & 0x7fffffff) % {partitions} = {partition}, \
                     1 replica - 1 stopped broker = 0, if that broker holds it"
                )
            })
            .collect();
        (!lines.is_empty()).then(|| lines.join("; "))
    }

    fn start(&self, factor: &Located<u32>, names: &[&str]) -> Finding {
        let brokers = self.cluster.broker_count();
        let what = match names {
            [] if factor.origin.is_default() && self.setting(DEFAULT).is_none() => {
                "new topics likely have".to_owned()
            }
            [] => "new topics have".to_owned(),
            [name] => format!("{name} has"),
            names => format!("{} have", list(names)),
        };
        let title = format!(
            "{what} 1 replica on {brokers} brokers: a broker that stops takes its partitions along"
        );
        let claim = match names {
            [] => "topics get 1 replica".to_owned(),
            names => format!("1 replica for {}", list(names)),
        };
        let mut finding = Finding::new(&META, title)
            .service(&self.cluster.name)
            .arithmetic("1 replica - 1 stopped broker = 0 replicas that could lead")
            .because(claim, factor)
            .leads_to("partition-without-leader")
            .towards(self.cluster.survives_one_broker(), 2);
        finding.rehearse = self.cluster.rehearsal(self.stack);
        match factor.place() {
            Some(_) => finding,
            None => self.brokers(finding),
        }
    }

    fn brokers(&self, mut finding: Finding) -> Finding {
        for (who, place) in self.cluster.declared() {
            let claim = format!("{who} among the brokers");
            finding = finding.because_at(claim, Origin::Written(place));
        }
        finding
    }

    /// The value of a broker setting where it is 1 on some broker.
    fn factor(&self, name: &str) -> Option<Located<u32>> {
        let values = self.cluster.brokers().filter_map(|broker| broker.settings.get(name));
        let mut single =
            values.filter(|value| value.value.trim() == "1" && value.origin.is_certain());
        single.next().map(|value| value.with(1))
    }

    /// Kafka's own default, where nothing is known of the image: no file that Kafka ships sets it.
    fn assumed_factor(&self) -> Option<Located<u32>> {
        let unknown = self.setting(DEFAULT).is_none();
        let source = "Apache Kafka 3.9 documentation, broker configs";
        unknown
            .then(|| Located::default_of(1, "Apache Kafka 3.9, likely that of the image", source))
    }

    fn setting(&self, name: &str) -> Option<&Located<String>> {
        self.cluster.brokers().find_map(|broker| broker.settings.get(name))
    }

    fn clients(&self) -> impl Iterator<Item = &KafkaClient> {
        let of_this = |client: &&KafkaClient| {
            cluster_of(self.all, self.stack, client)
                .is_some_and(|cluster| cluster.name == self.cluster.name)
        };
        self.stack.kafka_clients.iter().filter(of_this)
    }

    /// Topics that something creates on purpose.
    fn created(&self) -> impl Iterator<Item = &KafkaTopic> {
        let number = self.cluster.nodes[0].cluster;
        let only = self.all.len() == 1;
        let ours = move |topic: &&KafkaTopic| match topic.cluster {
            Some(cluster) => cluster == number,
            None => only,
        };
        self.stack.topics.iter().filter(ours)
    }

    /// Topics that clients name and nobody creates.
    fn used_before_created(&self) -> Vec<&Located<String>> {
        let made: Vec<&str> = self.created().map(|topic| topic.name.value.as_str()).collect();
        let named = self.clients().flat_map(|client| &client.topics);
        named.filter(|topic| !made.contains(&topic.value.as_str())).collect()
    }

    /// Sets factors to what this many brokers can hold, and with three replicas the number of them
    /// that must have a record, so that a broker that stops takes none along: one repair, whose
    /// parts belong together.
    fn raise(&self, properties: &[&str]) -> Fix {
        let factor = self.cluster.broker_count().min(3);
        let mut wanted: Vec<(&str, String)> = Vec::new();
        for &property in properties {
            wanted.push((property, factor.to_string()));
            let minimum = MINIMA.iter().find(|(of, _)| *of == property).map(|(_, name)| *name);
            let is_one = |name: &&str| self.setting(name).is_none_or(|at| at.value.trim() == "1");
            if factor > 2
                && let Some(minimum) = minimum.filter(is_one)
            {
                wanted.push((minimum, "2".to_owned()));
            }
        }
        let words: Vec<String> =
            wanted.iter().map(|(property, value)| format!("{property}={value}")).collect();
        let fix = Fix::advice(format!("set {} on every broker", list(&words)));
        let all: Option<Vec<Vec<FileEdit>>> =
            wanted.iter().map(|(property, value)| self.set(property, value)).collect();
        let mut edits = all.unwrap_or_default().concat();
        edits.sort();
        edits.dedup();
        Fix { edits, ..fix }
    }

    /// The edits that give every broker a property; `None` where one of them cannot be given it.
    fn set(&self, property: &str, value: &str) -> Option<Vec<FileEdit>> {
        let written: Vec<FileEdit> = self
            .cluster
            .brokers()
            .filter_map(|broker| broker.settings.written(property))
            .filter_map(|old| Fix::replace("", old, value).edits.into_iter().next())
            .collect();
        match written.len() {
            0 => add_property(self.sources, self.cluster, property, value),
            some if some == self.cluster.brokers().count() => Some(written),
            _ => None,
        }
    }

    fn reassign(&self, names: &[&str]) -> Fix {
        let brokers = self.cluster.broker_count();
        let which = if names.is_empty() { "them".to_owned() } else { list(names) };
        let insync = match brokers {
            2 => "min.insync.replicas 1, as 2 would block on any loss",
            _ => "min.insync.replicas 2",
        };
        Fix::advice(format!(
            "topics that exist already keep 1 replica: reassign {which} to {} \
             (kafka-reassign-partitions), with {insync}",
            brokers.min(3)
        ))
    }
}

fn is_transactional(client: &KafkaClient) -> bool {
    client.settings.written("transactional.id").is_some()
}

/// The partition of `__consumer_offsets` that holds a group: Java's string hash, made positive.
fn coordinator_partition(group: &str, partitions: i32) -> Option<i32> {
    let hash = group
        .encode_utf16()
        .fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    (hash & i32::MAX).checked_rem(partitions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_hash_as_in_java() {
        assert_eq!(coordinator_partition("my-group", 50), Some(36));
        assert_eq!(coordinator_partition("my-group", 0), None);
    }
}
