//! # A replica that missed records may lead
//!
//! ## What fails
//!
//! Records that were acknowledged are gone after a broker failed, without an error anywhere.
//!
//! ## Why
//!
//! With `unclean.leader.election.enable=true` a partition that has lost all its in-sync replicas is
//! led by one that had fallen behind. What that one had not copied is cut off everywhere, also on
//! the old leader when it comes back. The default is `false`: the partition waits instead.
//!
//! ## Example
//!
//! ```yaml docker-compose.yml
//! x-environment: &environment
//!   KAFKA_ZOOKEEPER_CONNECT: zookeeper:2181
//!   KAFKA_DEFAULT_REPLICATION_FACTOR: 2
//!   KAFKA_UNCLEAN_LEADER_ELECTION_ENABLE: "true"
//! services:
//!   zookeeper:
//!     image: zookeeper:3.9
//!   kafka1:
//!     image: confluentinc/cp-kafka:7.6.1
//!     environment:
//!       <<: *environment
//!       KAFKA_BROKER_ID: 1
//!       KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://kafka1:9092
//!   kafka2:
//!     image: confluentinc/cp-kafka:7.6.1
//!     environment:
//!       <<: *environment
//!       KAFKA_BROKER_ID: 2
//!       KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://kafka2:9092
//! ```
//!
//! ## Fix
//!
//! Leave the default, or write it.
//!
//! ```yaml docker-compose.yml
//! x-environment: &environment
//!   KAFKA_ZOOKEEPER_CONNECT: zookeeper:2181
//!   KAFKA_DEFAULT_REPLICATION_FACTOR: 2
//!   KAFKA_UNCLEAN_LEADER_ELECTION_ENABLE: "false"
//! services:
//!   zookeeper:
//!     image: zookeeper:3.9
//!   kafka1:
//!     image: confluentinc/cp-kafka:7.6.1
//!     environment:
//!       <<: *environment
//!       KAFKA_BROKER_ID: 1
//!       KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://kafka1:9092
//!   kafka2:
//!     image: confluentinc/cp-kafka:7.6.1
//!     environment:
//!       <<: *environment
//!       KAFKA_BROKER_ID: 2
//!       KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://kafka2:9092
//! ```
//!
//! ## How to rehearse
//!
//! Stop a follower, send, kill the leader, start the follower: read what was acknowledged.
//!
//! ## Evidence
//!
//! - Apache Kafka 3.9 documentation, broker configs, `unclean.leader.election.enable`; design,
//!   "Unclean leader election".

use wonin_model::{Evidence, Finding, Fix, Located, Mode, ModeMeta, NotChecked, Role, Severity};

use crate::shared::kafka::{Cluster, clusters};
use crate::shared::seen::{Part, Shown, recognise, signals};
use crate::shared::words::list;

pub(crate) struct UncleanElection;

static META: ModeMeta = ModeMeta {
    id: "unclean-election",
    family: "replication",
    summary: "acknowledged records may be lost in a failover",
    source: include_str!("unclean_election.rs"),
};

const SETTING: &str = "unclean.leader.election.enable";

impl Mode for UncleanElection {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        let stack = &evidence.stack;
        let several = clusters(stack).into_iter().filter(|one| one.broker_count() > 1);
        let mut own: Vec<Finding> = several.filter_map(|cluster| finding(&cluster)).collect();
        observe(evidence, &mut own);
        findings.extend(own);
    }
}

/// Recognises a failover to a replica that was not in sync, as the controller logs it.
fn observe(evidence: &Evidence, own: &mut Vec<Finding>) {
    let mut partitions: Vec<&str> = Vec::new();
    let mut shown: Shown<'_> = Vec::new();
    for signal in signals(evidence, &["kafka.unclean-election"]) {
        partitions.extend(signal.all("partition"));
        shown
            .push((Part::whole(signal), "a replica that was not in sync became leader".to_owned()));
    }
    partitions.sort_unstable();
    partitions.dedup();
    partitions.truncate(4);
    recognise(own, &shown, || {
        let title = format!(
            "a replica that had missed records became leader of {}: what it missed is lost",
            list(&partitions)
        );
        let finding = Finding::new(&META, title)
            .weigh(Role::Cause, Severity::High, 95)
            .leads_to("acknowledged-records-lost");
        Some(finding.fix(Fix::advice(format!(
            "set {SETTING}=false on brokers and topics; compare what producers had acknowledged with what is there"
        ))))
    });
}

fn finding(cluster: &Cluster<'_>) -> Option<Finding> {
    let mut enabled: Vec<Located<bool>> = cluster
        .brokers()
        .filter(|broker| broker.settings.written(SETTING).is_some())
        .filter_map(|broker| broker.settings.bool(SETTING))
        .filter(|enabled| enabled.value)
        .collect();
    enabled.dedup();
    if enabled.is_empty() {
        return None;
    }
    let title = "a replica that missed records may become leader: what it missed is lost";
    let mut finding = Finding::new(&META, title)
        .service(&cluster.name)
        .weigh(Role::Contributing, Severity::Medium, 90)
        .leads_to("acknowledged-records-lost");
    let mut fix = Fix::advice(format!("set {SETTING}=false, and more replicas for availability"));
    for value in &enabled {
        finding = finding.because("switched on", value);
        fix.edits.extend(Fix::replace("", value, "false").edits);
    }
    fix.edits.sort();
    fix.edits.dedup();
    Some(finding.fix(fix))
}
