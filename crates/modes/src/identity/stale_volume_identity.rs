//! # The identity on the volume is not that of the node
//!
//! ## What fails
//!
//! Nodes refuse each other or refuse to start: `Invalid cluster.id in: … Expected X, but read Y`,
//! `Expected cluster ID X, but got cluster ID Y`, `Stored node id A doesn't match previous node id B`.
//!
//! ## Why
//!
//! A Kafka node writes its cluster and node id into `meta.properties` on its volume at its first
//! start and compares ever after. Bitnami's image draws a random cluster id on each node that is not
//! given one, so several nodes format themselves for several clusters. One volume mounted into two
//! nodes carries the identity of one of them.
//!
//! ## Example
//!
//! ```yaml docker-compose.yml
//! services:
//!   kafka1:
//!     image: bitnamilegacy/kafka:3.9
//!     environment:
//!       KAFKA_CFG_NODE_ID: 1
//!       KAFKA_CFG_PROCESS_ROLES: broker,controller
//!       KAFKA_CFG_CONTROLLER_QUORUM_VOTERS: 1@kafka1:9093,2@kafka2:9093
//!       KAFKA_CFG_CONTROLLER_LISTENER_NAMES: CONTROLLER
//!       KAFKA_CFG_LISTENERS: PLAINTEXT://:9092,CONTROLLER://:9093
//!   kafka2:
//!     image: bitnamilegacy/kafka:3.9
//!     environment:
//!       KAFKA_CFG_NODE_ID: 2
//!       KAFKA_CFG_PROCESS_ROLES: broker,controller
//!       KAFKA_CFG_CONTROLLER_QUORUM_VOTERS: 1@kafka1:9093,2@kafka2:9093
//!       KAFKA_CFG_CONTROLLER_LISTENER_NAMES: CONTROLLER
//!       KAFKA_CFG_LISTENERS: PLAINTEXT://:9092,CONTROLLER://:9093
//! ```
//!
//! ## Fix
//!
//! One cluster id, written on every node. Nodes that have drawn one already keep it on their volume.
//!
//! ```yaml docker-compose.yml
//! services:
//!   kafka1:
//!     image: bitnamilegacy/kafka:3.9
//!     environment:
//!       KAFKA_KRAFT_CLUSTER_ID: MkU3OEVBNTcwNTJENDM2Qk
//!       KAFKA_CFG_NODE_ID: 1
//!       KAFKA_CFG_PROCESS_ROLES: broker,controller
//!       KAFKA_CFG_CONTROLLER_QUORUM_VOTERS: 1@kafka1:9093,2@kafka2:9093
//!       KAFKA_CFG_CONTROLLER_LISTENER_NAMES: CONTROLLER
//!       KAFKA_CFG_LISTENERS: PLAINTEXT://:9092,CONTROLLER://:9093
//!   kafka2:
//!     image: bitnamilegacy/kafka:3.9
//!     environment:
//!       KAFKA_KRAFT_CLUSTER_ID: MkU3OEVBNTcwNTJENDM2Qk
//!       KAFKA_CFG_NODE_ID: 2
//!       KAFKA_CFG_PROCESS_ROLES: broker,controller
//!       KAFKA_CFG_CONTROLLER_QUORUM_VOTERS: 1@kafka1:9093,2@kafka2:9093
//!       KAFKA_CFG_CONTROLLER_LISTENER_NAMES: CONTROLLER
//!       KAFKA_CFG_LISTENERS: PLAINTEXT://:9092,CONTROLLER://:9093
//! ```
//!
//! ## How to rehearse
//!
//! Start the nodes on empty volumes and read their logs.
//!
//! ## Evidence
//!
//! - Bitnami containers, `libkafka.sh` (3.7): the order volume, variable, random id.
//! - confluentinc/kafka-images, `configure`: `CLUSTER_ID` is required in KRaft mode.
//! - Apache Kafka 3.9: `MetaPropertiesEnsemble`, `ClusterControlManager` (the texts above).
//! - Apache Cassandra, `StorageService`: `Host ID collision for X between A and B`.
//! - Inferred: what other databases do with a directory that two of them use.

use std::collections::{BTreeMap, BTreeSet};

use wonin_model::{
    Evidence, Finding, Fix, KafkaDistribution, Located, Mode, ModeMeta, Mount, MountKind,
    NotChecked, Origin, Role, ServerProduct, Service, ServiceId, Severity, Stack,
};

use crate::shared::jobs::runs_once;
use crate::shared::kafka::{Cluster, clusters};
use crate::shared::seen::{Part, Shown, recognise, signals};
use crate::shared::words::list;

pub(crate) struct StaleVolumeIdentity;

static META: ModeMeta = ModeMeta {
    id: "stale-volume-identity",
    family: "identity",
    summary: "the identity that a node finds on its volume is not its own",
    source: include_str!("stale_volume_identity.rs"),
};

impl Mode for StaleVolumeIdentity {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        let stack = &evidence.stack;
        let mut own = Vec::new();
        for cluster in &clusters(stack) {
            own.extend(random_ids(cluster));
            own.extend(different_ids(cluster));
            own.extend(missing_id(cluster));
        }
        observe(evidence, &mut own);
        findings.extend(own);
        findings.extend(shared_volumes(stack));
    }
}

/// Recognises data on a volume that belongs to another cluster, node or version than the one that
/// is configured.
fn observe(evidence: &Evidence, own: &mut Vec<Finding>) {
    const TEXTS: [(&str, &str); 5] = [
        ("kafka.stale-cluster-id", "cluster id"),
        ("kafka.stale-node-id", "node id"),
        ("etcd.cluster-id-mismatch", "cluster id"),
        ("cassandra.host-id-collision", "host id"),
        ("postgres.version-mismatch", "version"),
    ];
    for (name, what) in TEXTS {
        for signal in signals(evidence, &[name]) {
            let value = |name: &str| signal.all(name).first().map(|value| (*value).to_owned());
            let pair = value("expected").or(value("server")).zip(value("read").or(value("files")));
            let numbers = pair.map_or(String::new(), |(expected, read)| {
                format!(": {read} is on the volume, {expected} is configured")
            });
            let shown: Shown<'_> =
                vec![(Part::whole(signal), format!("the {what} does not match{numbers}"))];
            let is_kafka = name.starts_with("kafka.");
            let mut none = Vec::new();
            let into = if is_kafka { &mut *own } else { &mut none };
            recognise(into, &shown, || Some(mismatch(name, what, &numbers)));
            own.append(&mut none);
        }
    }
}

fn mismatch(signal: &str, what: &str, numbers: &str) -> Finding {
    let fix = match signal {
        "postgres.version-mismatch" => {
            "go back to the version that wrote the files, dump, and restore into the new one; or use pg_upgrade"
        }
        "cassandra.host-id-collision" => "give each node a volume of its own",
        "etcd.cluster-id-mismatch" => {
            "start the member with the data of its own cluster, or remove it, empty its volume and add it again"
        }
        _ => "write back the id that the volume holds; empty the volume only where its data may go",
    };
    let title =
        format!("the data on the volume has another {what} than the node is given{numbers}");
    Finding::new(&META, title)
        .weigh(Role::Cause, Severity::Critical, 95)
        .leads_to("node-refuses-to-start")
        .fix(Fix::advice(fix))
}

/// Several nodes of Bitnami's image of which at least one draws its own cluster id.
fn random_ids(cluster: &Cluster<'_>) -> Option<Finding> {
    let drawing: Vec<_> = cluster
        .nodes
        .iter()
        .filter(|node| node.is_kraft() && node.distribution == KafkaDistribution::Bitnami)
        .filter(|node| node.cluster_id.is_none())
        .collect();
    if cluster.nodes.len() < 2 || drawing.is_empty() {
        return None;
    }
    let names: Vec<&str> = drawing.iter().map(|node| node.name.as_str()).collect();
    let title = format!(
        "{} draw a random cluster id at the first start: the nodes refuse each other",
        list(&names)
    );
    let mut finding = Finding::new(&META, title)
        .service(&cluster.name)
        .weigh(Role::Cause, Severity::Critical, 93)
        .arithmetic(format!(
            "{} nodes, {} without KAFKA_KRAFT_CLUSTER_ID",
            cluster.nodes.len(),
            drawing.len()
        ))
        .leads_to("nodes-refuse-each-other");
    for node in drawing {
        let claim = format!("{} is given no cluster id", node.name);
        finding = finding.because_at(claim, Origin::Written(node.place));
    }
    Some(finding.fix(Fix::advice(
        "write one KAFKA_KRAFT_CLUSTER_ID on every node; volumes that were formatted before keep the id \
         they have, so take that one or start on empty volumes",
    )))
}

/// Nodes of one cluster that are given different ids.
fn different_ids(cluster: &Cluster<'_>) -> Option<Finding> {
    let ids: Vec<(&str, &Located<String>)> = cluster
        .nodes
        .iter()
        .filter(|node| node.is_kraft())
        .filter_map(|node| Some((node.name.as_str(), node.cluster_id.as_ref()?)))
        .filter(|(_, id)| id.origin.is_certain())
        .collect();
    let different: BTreeSet<&str> = ids.iter().map(|(_, id)| id.value.trim()).collect();
    if different.len() < 2 {
        return None;
    }
    let title = format!(
        "the nodes are given {} different cluster ids: they refuse each other",
        different.len()
    );
    let mut finding = Finding::new(&META, title)
        .service(&cluster.name)
        .weigh(Role::Cause, Severity::Critical, 95)
        .leads_to("nodes-refuse-each-other");
    for (name, id) in &ids {
        finding = finding.because(format!("the id of {name}"), *id);
    }
    Some(
        finding.fix(Fix::advice(
            "write one id on every node: the one on the volume that holds the data",
        )),
    )
}

/// Confluent's image stops without a cluster id in KRaft mode.
fn missing_id(cluster: &Cluster<'_>) -> Option<Finding> {
    let without: Vec<_> = cluster
        .nodes
        .iter()
        .filter(|node| node.distribution == KafkaDistribution::Confluent)
        .filter(|node| node.missing.iter().any(|name| name == "CLUSTER_ID"))
        .collect();
    let first = without.first()?;
    let names: Vec<&str> = without.iter().map(|node| node.name.as_str()).collect();
    let title = format!("{} cannot start: CLUSTER_ID is not set", list(&names));
    let mut finding = Finding::new(&META, title)
        .service(&cluster.name)
        .weigh(Role::Cause, Severity::Critical, 93)
        .leads_to("container-does-not-start");
    for node in &without {
        let claim = format!("{} has process roles and no cluster id", node.name);
        finding = finding.because_at(claim, Origin::Written(node.place));
    }
    if let Some(roles) = first.settings.written("process.roles") {
        finding = finding.because("KRaft mode", roles);
    }
    Some(finding.fix(Fix::advice("set one CLUSTER_ID on every node (kafka-storage random-uuid)")))
}

/// A service and how it mounts a volume.
type User<'a> = (ServiceId, &'a Located<Mount>);

/// A data directory that two nodes use.
fn shared_volumes(stack: &Stack) -> Vec<Finding> {
    let mut by_volume: BTreeMap<(usize, &str, &str), Vec<User<'_>>> = BTreeMap::new();
    for (id, product) in stateful(stack) {
        let service = stack.service(id);
        // Jobs that prepare or save the data use them too, and one of two profiles runs at a time.
        if runs_once(stack, service) {
            continue;
        }
        for mount in service.mounts.iter().filter(|mount| holds_data(&mount.value)) {
            let key = (service.project, product, mount.value.source.as_str());
            let users = by_volume.entry(key).or_default();
            // Beside each other on one volume is right; within each other is not.
            if users.iter().all(|(_, other)| other.value.target == mount.value.target) {
                users.push((id, mount));
            }
        }
    }
    by_volume
        .into_iter()
        .filter_map(|((_, product, source), users)| shared(stack, product, source, &users))
        .collect()
}

fn shared(stack: &Stack, product: &str, source: &str, users: &[User<'_>]) -> Option<Finding> {
    let containers: usize = users
        .iter()
        .map(|(id, _)| stack.service(*id).replicas.as_ref().map_or(1, |all| all.value as usize))
        .sum();
    if containers < 2 {
        return None;
    }
    let service = |id: &ServiceId| -> &Service { stack.service(*id) };
    let names: Vec<&str> = users.iter().map(|(id, _)| service(id).name.value.as_str()).collect();
    // What Kafka and Cassandra do is known; of others it is inferred that they do not share.
    let (known, likely) = match product {
        "Kafka" | "Cassandra" => (85, ""),
        _ => (65, "likely "),
    };
    let title = format!(
        "{containers} {product} containers ({}) use the one data directory {source}: {likely}they \
         overwrite or refuse each other's identity",
        list(&names)
    );
    let mut finding = Finding::new(&META, title)
        .service(names[0])
        .weigh(Role::Cause, Severity::High, known)
        .leads_to("nodes-refuse-each-other");
    for (id, mount) in users {
        let service = service(id);
        let claim = format!("{} uses it", service.name.value);
        finding = finding.because_at(claim, mount.origin.clone());
        if let Some(replicas) = &service.replicas {
            finding =
                finding.because(format!("{} runs several times", service.name.value), replicas);
        }
    }
    Some(finding.fix(Fix::advice("give each node a volume of its own")))
}

/// Services whose data directory belongs to one node alone, with the product's name.
fn stateful(stack: &Stack) -> Vec<(ServiceId, &'static str)> {
    let servers = stack.servers.iter().filter_map(|server| {
        let product = match server.product {
            ServerProduct::Cassandra => "Cassandra",
            ServerProduct::Elasticsearch => "Elasticsearch",
            ServerProduct::Etcd => "etcd",
            ServerProduct::MariaDb => "MariaDB",
            ServerProduct::Mongo => "MongoDB",
            ServerProduct::MySql => "MySQL",
            ServerProduct::OpenSearch => "OpenSearch",
            ServerProduct::Postgres => "PostgreSQL",
            ServerProduct::RabbitMq => "RabbitMQ",
            ServerProduct::Redis => "Redis",
            ServerProduct::ZooKeeper => "ZooKeeper",
            _ => return None,
        };
        Some((server.service?, product))
    });
    let brokers = stack.brokers.iter().filter_map(|broker| Some((broker.service?, "Kafka")));
    let mut found: Vec<(ServiceId, &'static str)> = servers.chain(brokers).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// A writable volume where a program keeps its data, not certificates, settings or copies.
fn holds_data(mount: &Mount) -> bool {
    let data = ["/data", "/var/lib/", "/bitnami", "/kafka", "/kraft"];
    let other = ["cert", "conf", "backup", "snapshot", "script", "plugin", "secret", "/log"];
    let target = mount.target.to_ascii_lowercase();
    matches!(mount.kind, MountKind::Volume | MountKind::Directory)
        && !mount.read_only
        && data.iter().any(|part| target.contains(part))
        && !other.iter().any(|part| target.contains(part))
}
