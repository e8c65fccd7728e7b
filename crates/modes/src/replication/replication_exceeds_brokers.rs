//! # More replicas than brokers
//!
//! ## What fails
//!
//! A topic cannot be created. For the topic of group offsets that means: brokers answer, producers
//! send, and no consumer of a group ever receives a record.
//!
//! ## Why
//!
//! Each replica needs a broker of its own, and Kafka enforces that at creation: `The target
//! replication factor of 3 cannot be reached because only 1 broker(s) are registered.` The offsets
//! topic is created when the first group asks for its coordinator; until that works the answer is
//! `COORDINATOR_NOT_AVAILABLE`, which clients retry in silence. Kafka's own default for it is 3.
//! The file that Kafka ships sets 1, but images that are configured by environment variables may
//! start without that file.
//!
//! ## Example
//!
//! ```yaml docker-compose.yml
//! services:
//!   kafka:
//!     image: confluentinc/cp-kafka:7.6.1
//!     environment:
//!       CLUSTER_ID: MkU3OEVBNTcwNTJENDM2Qk
//!       KAFKA_NODE_ID: 1
//!       KAFKA_PROCESS_ROLES: broker,controller
//!       KAFKA_CONTROLLER_QUORUM_VOTERS: 1@kafka:9093
//!       KAFKA_CONTROLLER_LISTENER_NAMES: CONTROLLER
//!       KAFKA_LISTENERS: PLAINTEXT://:9092,CONTROLLER://:9093
//!       KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://kafka:9092
//! ```
//!
//! ## Fix
//!
//! ```yaml docker-compose.yml
//! services:
//!   kafka:
//!     image: confluentinc/cp-kafka:7.6.1
//!     environment:
//!       CLUSTER_ID: MkU3OEVBNTcwNTJENDM2Qk
//!       KAFKA_NODE_ID: 1
//!       KAFKA_PROCESS_ROLES: broker,controller
//!       KAFKA_CONTROLLER_QUORUM_VOTERS: 1@kafka:9093
//!       KAFKA_CONTROLLER_LISTENER_NAMES: CONTROLLER
//!       KAFKA_LISTENERS: PLAINTEXT://:9092,CONTROLLER://:9093
//!       KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://kafka:9092
//!       KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: 1
//!       KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: 1
//!       KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: 1
//! ```
//!
//! ## How to rehearse
//!
//! Start the brokers and read with a consumer group; the broker's log names both numbers.
//!
//! ## Evidence
//!
//! - Apache Kafka 3.9: `GroupCoordinatorConfig` (3), `config/server.properties` (1),
//!   `StripedReplicaPlacer` (the text above), upgrade notes of 0.11 (enforced at creation).
//! - Apache Kafka 3.9, Connect configs: the three topics of Connect default to 3 replicas;
//!   `confluentinc/cp-kafka-connect` starts without the file that Kafka ships.

use wonin_model::{
    Evidence, Finding, Fix, KafkaTopic, Located, Mode, ModeMeta, NotChecked, Origin, Role, Service,
    Severity, Stack,
};
use wonin_text::Sources;

use crate::shared::addresses::members;
use crate::shared::edits::add_property;
use crate::shared::kafka::{Cluster, clusters};
use crate::shared::seen::{Part, Shown, all_of, number as seen_number, recognise, signals};
use crate::shared::words::{count, list};

pub(crate) struct ReplicationExceedsBrokers;

static META: ModeMeta = ModeMeta {
    id: "replication-exceeds-brokers",
    family: "replication",
    summary: "a topic wants more replicas than there are brokers",
    source: include_str!("replication_exceeds_brokers.rs"),
};

const OFFSETS: &str = "offsets.topic.replication.factor";
const TRANSACTIONS: &str = "transaction.state.log.replication.factor";
const DEFAULT: &str = "default.replication.factor";

/// Connect's topics by the environment variable that sets their replicas.
const CONNECT: [&str; 3] = [
    "CONNECT_CONFIG_STORAGE_REPLICATION_FACTOR",
    "CONNECT_OFFSET_STORAGE_REPLICATION_FACTOR",
    "CONNECT_STATUS_STORAGE_REPLICATION_FACTOR",
];

impl Mode for ReplicationExceedsBrokers {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(
        &self,
        evidence: &Evidence,
        findings: &mut Vec<Finding>,
        open: &mut Vec<NotChecked>,
    ) {
        let stack = &evidence.stack;
        let all = clusters(stack);
        let mut own = Vec::new();
        for cluster in &all {
            let view = View {
                sources: &evidence.sources,
                stack,
                only: all.len() == 1,
                cluster,
                brokers: cluster.broker_count(),
            };
            if view.brokers == 0 {
                continue;
            }
            if !cluster.is_whole(stack) {
                open.push(NotChecked {
                    mode: META.id,
                    service: Some(cluster.name.clone()),
                    why:
                        "the settings name members that no file given here declares, so the number \
                          of brokers is not known: give the files of all nodes"
                            .to_owned(),
                });
                continue;
            }
            own.extend(view.broker_settings());
            own.extend(view.topics());
            own.extend(view.connect());
        }
        observe(evidence, &mut own);
        findings.extend(own);
    }
}

/// Recognises topics that could not be made for want of brokers.
fn observe(evidence: &Evidence, own: &mut Vec<Finding>) {
    let mut shown: Shown<'_> = Vec::new();
    let mut numbers = None;
    for signal in signals(evidence, &["kafka.replication-not-reachable"]) {
        let hit = signal.hits.first();
        numbers = hit.and_then(|hit| {
            Some((seen_number(&hit.values, "factor")?, seen_number(&hit.values, "brokers")?))
        });
        let what = numbers.map_or("a topic could not be made".to_owned(), |(factor, brokers)| {
            format!("a topic with {factor} replicas could not be made on {brokers} registered")
        });
        shown.push((Part::whole(signal), what));
    }
    let Some((factor, brokers)) = numbers else { return };
    shown.extend(all_of(
        evidence,
        &[(
            "kafka.coordinator-not-available",
            "follows: without the offsets topic a group has no coordinator",
        )],
    ));
    recognise(own, &shown, || {
        let title =
            format!("{factor} replicas, {brokers} brokers registered: the topic cannot be created");
        let finding = Finding::new(&META, title)
            .weigh(Role::Cause, Severity::High, 95)
            .arithmetic(format!("{factor} replicas need {factor} brokers > {brokers}"))
            .leads_to("consumer-never-joins");
        Some(finding.fix(Fix::advice(format!(
            "start the missing brokers, or ask for at most {brokers} (offsets.topic.replication.factor, default.replication.factor, or the topic's own number)"
        ))))
    });
}

struct View<'a> {
    sources: &'a Sources,
    stack: &'a Stack,
    /// Whether it is the only cluster known.
    only: bool,
    cluster: &'a Cluster<'a>,
    brokers: usize,
}

impl View<'_> {
    /// What the brokers create themselves: offsets, transactions, and topics at first use.
    fn broker_settings(&self) -> Option<Finding> {
        let offsets = self.exceeding(OFFSETS);
        let default = self.exceeding(DEFAULT);
        let transactions = self.exceeding(TRANSACTIONS);
        let transactional = self
            .stack
            .kafka_clients
            .iter()
            .any(|client| client.settings.written("transactional.id").is_some());
        let (first, what, role, severity, sure) = if let Some(offsets) = &offsets {
            let what = "the offsets topic cannot be created, so no consumer group ever joins";
            (offsets, what, Role::Cause, Severity::High, 95)
        } else if let Some(default) = &default {
            let what = "no topic can be created at first use";
            (default, what, Role::Cause, Severity::High, 95)
        } else {
            let what = "the first transactional producer waits for ever";
            let transactions = transactions.as_ref()?;
            if transactional {
                (transactions, what, Role::Cause, Severity::High, 90)
            } else {
                (transactions, what, Role::Latent, Severity::Low, 90)
            }
        };
        let title = format!("{} replicas, {}: {what}", first.value, count(self.brokers, "broker"));
        let mut finding = self.start(title, first).weigh(role, severity, sure);
        let settings = [(OFFSETS, &offsets), (DEFAULT, &default), (TRANSACTIONS, &transactions)];
        for (name, value) in settings.into_iter().filter_map(|(n, v)| Some((n, v.as_ref()?))) {
            finding = finding.because(format!("{name} is {}", value.value), value);
        }
        finding = self.name_brokers(finding);
        let exceeding = settings.into_iter().filter(|(_, value)| value.is_some());
        finding.fixes.push(self.lower(exceeding.map(|(name, _)| name)));
        Some(finding.leads_to("consumer-never-joins"))
    }

    /// Topics that something creates with too many replicas.
    fn topics(&self) -> Option<Finding> {
        let number = self.cluster.nodes[0].cluster;
        let ours = |topic: &&KafkaTopic| topic.cluster.map_or(self.only, |of| of == number);
        let too_many: Vec<(&str, &Located<u32>)> = self
            .stack
            .topics
            .iter()
            .filter(ours)
            .filter_map(|topic| {
                Some((topic.name.value.as_str(), topic.replication_factor.as_ref()?))
            })
            .filter(|(_, factor)| factor.value as usize > self.brokers)
            .collect();
        let (_, first) = too_many.first()?;
        let names: Vec<&str> = too_many.iter().map(|(name, _)| *name).collect();
        let title = format!(
            "{} replicas, {}: {} cannot be created",
            first.value,
            count(self.brokers, "broker"),
            list(&names)
        );
        let mut finding = self.start(title, first).weigh(Role::Cause, Severity::High, 95);
        for (name, factor) in &too_many {
            let claim = format!("{name} is created with {} replicas", factor.value);
            let brokers = self.brokers.to_string();
            finding = finding.because(claim, factor).fix(Fix::replace(
                format!("create {name} with {brokers}"),
                factor,
                brokers,
            ));
        }
        Some(self.name_brokers(finding))
    }

    /// The topics of Kafka Connect, written or by default.
    fn connect(&self) -> Option<Finding> {
        let project = self.cluster.nodes[0].service.map(|id| self.stack.service(id).project)?;
        let services = members(self.stack, project).filter(|_| self.only);
        let too_many: Vec<(&Service, Located<u32>)> = services
            .flat_map(|service| CONNECT.iter().map(move |name| (service, *name)))
            .filter_map(|(service, name)| Some((service, connect_factor(service, name)?)))
            .filter(|(_, factor)| factor.value as usize > self.brokers)
            .collect();
        let (service, first) = too_many.first()?;
        let brokers = count(self.brokers, "broker");
        let title = format!(
            "{} replicas, {brokers}: Kafka Connect in {} cannot create its topics and stops",
            first.value, service.name.value
        );
        let mut finding = self.start(title, first).weigh(Role::Cause, Severity::High, 90);
        finding.service = Some(service.name.value.clone());
        for (service, factor) in &too_many {
            let claim = format!("{} wants {} replicas", service.name.value, factor.value);
            finding = finding.because(claim, factor);
        }
        let place = service.name.origin.clone();
        let set: Vec<String> =
            CONNECT.iter().map(|name| format!("{name}={}", self.brokers)).collect();
        Some(
            finding
                .because_at("it runs here", place)
                .fix(Fix::advice(format!("set {}", list(&set)))),
        )
    }

    fn start(&self, title: String, factor: &Located<u32>) -> Finding {
        let (replicas, brokers) = (factor.value, self.brokers);
        Finding::new(&META, title)
            .service(&self.cluster.name)
            .arithmetic(format!("{replicas} replicas need {replicas} brokers > {brokers}"))
    }

    fn name_brokers(&self, mut finding: Finding) -> Finding {
        for (who, place) in self.cluster.declared() {
            let claim = match self.brokers {
                1 => format!("{who} the only broker"),
                several => format!("{who} among {several} brokers"),
            };
            finding = finding.because_at(claim, Origin::Written(place));
        }
        finding
    }

    /// The value of a setting that is above the number of brokers.
    fn exceeding(&self, name: &str) -> Option<Located<u32>> {
        let values = self.cluster.brokers().filter_map(|broker| broker.settings.get(name));
        let numbers = values.filter_map(number);
        numbers.into_iter().find(|factor| factor.value as usize > self.brokers)
    }

    /// Sets each of these to the number of brokers, 3 at most.
    fn lower<'s>(&self, names: impl Iterator<Item = &'s str>) -> Fix {
        let to = self.brokers.min(3).to_string();
        let names: Vec<&str> = names.collect();
        let mut fix = Fix::advice(format!("set {} to {to}", list(&names)));
        for name in names {
            let written: Vec<&Located<String>> = self
                .cluster
                .brokers()
                .filter_map(|broker| broker.settings.written(name))
                .filter(|value| number(value).is_some_and(|n| n.value as usize > self.brokers))
                .collect();
            let replaced = written.iter().map(|value| Fix::replace("", value, &to).edits);
            let edits: Vec<_> = if written.is_empty() {
                add_property(self.sources, self.cluster, name, &to).unwrap_or_default()
            } else {
                replaced.flatten().collect()
            };
            if edits.is_empty() {
                return Fix { edits: Vec::new(), ..fix };
            }
            fix.edits.extend(edits);
        }
        fix.edits.sort();
        fix.edits.dedup();
        fix
    }
}

/// What a Connect worker asks for: what is written, else 3 in the image that starts without
/// Kafka's file.
fn connect_factor(service: &Service, name: &str) -> Option<Located<u32>> {
    if let Some(value) = service.environment.get(name) {
        return number(value);
    }
    let repository = service.repository();
    let bare = repository.starts_with("confluentinc/cp-") && repository.contains("connect");
    bare.then(|| Located::default_of(3, "Kafka Connect 3.9", "Apache Kafka 3.9, Connect configs"))
}

fn number(value: &Located<String>) -> Option<Located<u32>> {
    if !value.origin.is_certain() {
        return None;
    }
    value.and_then(|text| text.trim().parse().ok())
}
