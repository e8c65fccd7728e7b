//! # A client that knows one broker of several
//!
//! ## What fails
//!
//! A Kafka client that is started, or restarted, while the one broker of its `bootstrap.servers`
//! is down never finds the cluster, although other brokers would answer. The log repeats
//! `Connection to node -1 (…) could not be established`; a producer ends with
//! `Topic … not present in metadata after 60000 ms`.
//!
//! ## Why
//!
//! `bootstrap.servers` is used for the first contact. From it the client learns all brokers and
//! talks to those from then on, so a client that is already running does not mind when the entry's
//! broker stops. At a start it has nothing else. Deployments and restarts tend to happen just when
//! something is broken. In Kubernetes a Service stands for all pods that it selects: its name is one
//! entry that leads to several brokers, while the name of one pod leads to one.
//!
//! ## Example
//!
//! ```yaml compose.yaml
//! services:
//!   kafka-1: &kafka
//!     image: apache/kafka:3.9.0
//!     environment: &settings
//!       CLUSTER_ID: 5L6g3nShT-eMCtK--X86sw
//!       KAFKA_NODE_ID: 1
//!       KAFKA_PROCESS_ROLES: broker,controller
//!       KAFKA_CONTROLLER_QUORUM_VOTERS: 1@kafka-1:9093,2@kafka-2:9093,3@kafka-3:9093
//!       KAFKA_CONTROLLER_LISTENER_NAMES: CONTROLLER
//!       KAFKA_LISTENERS: PLAINTEXT://:9092,CONTROLLER://:9093
//!       KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://kafka-1:9092
//!   kafka-2:
//!     <<: *kafka
//!     environment:
//!       <<: *settings
//!       KAFKA_NODE_ID: 2
//!       KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://kafka-2:9092
//!   kafka-3:
//!     <<: *kafka
//!     environment:
//!       <<: *settings
//!       KAFKA_NODE_ID: 3
//!       KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://kafka-3:9092
//!   orders:
//!     build: orders
//! ```
//!
//! ```yaml orders/src/main/resources/application.yml
//! spring:
//!   kafka:
//!     bootstrap-servers: kafka-1:9092
//! ```
//!
//! ## Fix
//!
//! Name every broker, or a name that resolves to several of them.
//!
//! ```yaml compose.yaml
//! services:
//!   kafka-1: &kafka
//!     image: apache/kafka:3.9.0
//!     environment: &settings
//!       CLUSTER_ID: 5L6g3nShT-eMCtK--X86sw
//!       KAFKA_NODE_ID: 1
//!       KAFKA_PROCESS_ROLES: broker,controller
//!       KAFKA_CONTROLLER_QUORUM_VOTERS: 1@kafka-1:9093,2@kafka-2:9093,3@kafka-3:9093
//!       KAFKA_CONTROLLER_LISTENER_NAMES: CONTROLLER
//!       KAFKA_LISTENERS: PLAINTEXT://:9092,CONTROLLER://:9093
//!       KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://kafka-1:9092
//!   kafka-2:
//!     <<: *kafka
//!     environment:
//!       <<: *settings
//!       KAFKA_NODE_ID: 2
//!       KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://kafka-2:9092
//!   kafka-3:
//!     <<: *kafka
//!     environment:
//!       <<: *settings
//!       KAFKA_NODE_ID: 3
//!       KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://kafka-3:9092
//!   orders:
//!     build: orders
//! ```
//!
//! ```yaml orders/src/main/resources/application.yml
//! spring:
//!   kafka:
//!     bootstrap-servers: kafka-1:9092,kafka-2:9092,kafka-3:9092
//! ```
//!
//! ## How to rehearse
//!
//! Stop the broker (`docker stop`), then restart the client: with one entry it stays without
//! metadata until the broker is back. `wonin rehearse kafka . --up --stop ID` does both on a copy of a
//! Compose project.
//!
//! ## Evidence
//!
//! - Apache Kafka 3.9: `NetworkClient`, `CommonClientConfigs` (`bootstrap.servers`: the initial
//!   connection only); the WARN text is the client's own.

use std::collections::{BTreeMap, BTreeSet};

use wonin_model::{
    ClientKind, Evidence, Finding, Fix, KafkaBroker, KafkaClient, Located, Mode, ModeMeta,
    NotApplied, NotChecked, Origin, Role, ServiceId, Severity, Stack,
};

use crate::shared::clients::{Owner, owner, owner_name, replace_text};
use crate::shared::hosts::{Endpoint, endpoint, is_loopback};
use crate::shared::kafka::{
    Cluster, advertised, cluster_of, clusters, leads_to_pod, leads_to_pods,
};
use crate::shared::reach::{holders, service_at};
use crate::shared::seen::{Part, Shown, beside, recognise, signals};
use crate::shared::words;

pub(crate) struct SingleBootstrap;

static META: ModeMeta = ModeMeta {
    id: "single-bootstrap",
    family: "client",
    summary: "a Kafka client knows only one of several brokers to start from",
    source: include_str!("single_bootstrap.rs"),
};

impl Mode for SingleBootstrap {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(
        &self,
        evidence: &Evidence,
        findings: &mut Vec<Finding>,
        _open: &mut Vec<NotChecked>,
    ) {
        let clusters = clusters(&evidence.stack);
        let contacts = Contacts::of(&clusters);
        let mut by_owner: BTreeMap<Owner, Vec<Lone>> = BTreeMap::new();
        for client in &evidence.stack.kafka_clients {
            if let Some(lone) = lone(&evidence.stack, &clusters, &contacts, client) {
                by_owner.entry(owner(client)).or_default().push(lone);
            }
        }
        let mut own: Vec<Finding> =
            by_owner.values().map(|lones| report(evidence, lones)).collect();
        observe(evidence, &mut own);
        findings.extend(own);
    }
}

/// How long a client may wait before it says what it waited for, in milliseconds.
const WAITS_MS: i64 = 130_000;

/// Recognises a client that tries its only first contact in vain. Bootstrap entries are numbered
/// -1, -2 and so on: where the second one is tried too, there is a second one.
fn observe(evidence: &Evidence, own: &mut Vec<Finding>) {
    for signal in signals(evidence, &["kafka.connection-not-established"]) {
        let at =
            |node: &str| Part::of(signal, |values| values.get("node").is_some_and(|n| n == node));
        let Some(first) = at("-1").filter(|_| at("-2").is_none()) else { continue };
        let service = signal.service.as_deref();
        let address =
            first.hit.and_then(|hit| hit.values.get("address")).cloned().unwrap_or_default();
        let what = format!("the first contact {address} is down and no second one is tried");
        let mut shown: Shown<'_> = vec![(first, what)];
        // What never came shows that there was nobody else to ask.
        let mut ended = false;
        let window = signal.first_ms.zip(signal.last_ms);
        let window = window.map(|(first, last)| (first, last.saturating_add(WAITS_MS)));
        for (name, what) in [
            ("kafka.bootstrap-disconnected", "the same contact"),
            ("kafka.not-present-in-metadata", "follows: nobody gave the client any metadata"),
            ("kafka.no-node-assigned", "follows: nobody was there to call"),
            ("kafka.api-timeout", "follows: nobody was there to call"),
        ] {
            let other = beside(evidence, name, service);
            if let Some(part) = other.and_then(|other| Part::during(other, window)) {
                ended |= name != "kafka.bootstrap-disconnected";
                shown.push((part, what.to_owned()));
            }
        }
        let lists_one = beside(evidence, "kafka.producer-config", service).is_some_and(|signal| {
            let lists = signal.all("bootstrap_servers");
            !lists.is_empty() && lists.iter().all(|list| !list.contains(','))
        });
        if own.is_empty() && !(ended || lists_one) {
            continue;
        }
        recognise(own, &shown, || {
            let title = format!(
                "the client knows {address} alone to start from: while that broker is down it finds none"
            );
            let finding = Finding::new(&META, title)
                .weigh(Role::Cause, Severity::High, if lists_one { 92 } else { 80 })
                .arithmetic("entries of bootstrap.servers tried = 1 (node -1), reachable = 0");
            Some(finding.fix(Fix::advice(
                "list two or three brokers in bootstrap.servers, or a name with an address of each",
            )))
        });
    }
}

/// A client with one contact, which is one broker of a cluster of several.
struct Lone<'a> {
    client: &'a KafkaClient,
    cluster: &'a Cluster<'a>,
    broker: &'a KafkaBroker,
    contact: Located<String>,
    others: Vec<String>,
}

/// Where brokers of clusters of several are met. Which cluster a client reaches takes a walk over
/// all of them; this tells first whether it is worth it.
struct Contacts<'a> {
    addresses: BTreeSet<String>,
    services: BTreeSet<ServiceId>,
    of_pods: Vec<&'a KafkaBroker>,
}

impl<'a> Contacts<'a> {
    fn of(clusters: &[Cluster<'a>]) -> Self {
        let several = clusters.iter().filter(|cluster| cluster.broker_count() > 1);
        let (mut addresses, mut services) = (BTreeSet::new(), BTreeSet::new());
        let mut of_pods = Vec::new();
        for broker in several.flat_map(Cluster::brokers) {
            addresses.extend(advertised(broker).iter().map(Endpoint::address));
            services.extend(broker.service);
            of_pods.extend(broker.pods.is_some().then_some(broker));
        }
        Self { addresses, services, of_pods }
    }

    fn include(&self, stack: &Stack, client: &KafkaClient, to: &Endpoint) -> bool {
        let runs_there = || service_at(stack, client.service, to).filter(|_| client.pods.is_none());
        self.addresses.contains(&to.address())
            || self.of_pods.iter().any(|broker| is_pod(client, to, broker))
            || (!self.services.is_empty()
                && runs_there().is_some_and(|id| self.services.contains(&id)))
    }
}

fn lone<'a>(
    stack: &Stack,
    clusters: &'a [Cluster<'a>],
    contacts: &Contacts<'_>,
    client: &'a KafkaClient,
) -> Option<Lone<'a>> {
    let mut entries = client.settings.list("bootstrap.servers");
    let contact = entries.pop().filter(|one| entries.is_empty() && one.origin.is_certain())?;
    let to = endpoint(&contact);
    if !contacts.include(stack, client, &to) {
        return None;
    }
    let cluster = cluster_of(clusters, stack, client)?;
    // Among unrelated projects many publish the same port.
    if clusters.len() > 1 && client.service.is_none() && cluster.nearness(stack, client) == 0 {
        return None;
    }
    if cluster.broker_count() < 2 {
        return None;
    }
    let of_service = cluster.brokers().filter(|broker| leads_to_pods(client, &to, broker));
    if holders(stack, client.service, &to.host.value) > 1 || of_service.count() > 1 {
        return None;
    }
    let broker = cluster.brokers().find(|broker| is_contact(stack, client, &to, broker))?;
    let others = cluster.brokers().filter(|other| !std::ptr::eq(*other, broker));
    let others = others.map(|other| same_way(stack, broker, other, &to));
    let others = others.collect::<Option<Vec<String>>>().unwrap_or_default();
    Some(Lone { client, cluster, broker, contact, others })
}

/// Whether the contact is this broker alone: it advertises the address, or runs in the service
/// that the address leads to.
fn is_contact(stack: &Stack, client: &KafkaClient, to: &Endpoint, broker: &KafkaBroker) -> bool {
    let tells = advertised(broker).iter().any(|listener| listener.address() == to.address());
    // Loopback is a pod's own affair, whoever else dials the same.
    (tells && !(broker.pods.is_some() && is_loopback(&to.host.value)))
        || is_pod(client, to, broker)
        || (broker.service.is_some() && service_at(stack, client.service, to) == broker.service)
}

/// Whether the contact leads to the broker's pod, by its own name or by that of a Service.
fn is_pod(client: &KafkaClient, to: &Endpoint, broker: &KafkaBroker) -> bool {
    leads_to_pods(client, to, broker) || leads_to_pod(client, to, broker)
}

/// How the client would reach another broker in the way it reaches this one: over the listener of
/// the same name, else under the other service's name, else over its published port.
fn same_way(
    stack: &Stack,
    broker: &KafkaBroker,
    other: &KafkaBroker,
    to: &Endpoint,
) -> Option<String> {
    let listener = advertised(broker).into_iter().find(|one| one.address() == to.address());
    if let Some(listener) = listener {
        let theirs = advertised(other).into_iter().find(|one| one.scheme == listener.scheme)?;
        return Some(theirs.address());
    }
    let (mine, theirs) = (stack.service(broker.service?), stack.service(other.service?));
    let port = to.port?;
    if mine.answers_to(&to.host.value) {
        return Some(format!("{}:{port}", theirs.name.value));
    }
    let target = mine.ports.iter().find(|one| one.value.published == Some(port))?.value.target;
    let published = theirs.ports.iter().find(|one| one.value.target == target)?.value.published?;
    Some(format!("{}:{published}", to.host.value))
}

fn report(evidence: &Evidence, lones: &[Lone]) -> Finding {
    let Lone { client, cluster, broker, contact, others } = &lones[0];
    let brokers = cluster.broker_count();
    let severity = match client.kind {
        ClientKind::Producer | ClientKind::Consumer if client.app.is_some() => Severity::High,
        _ => Severity::Medium,
    };
    let owner = owner_name(&evidence.stack, client);
    let who = match client.kind {
        ClientKind::Unknown => format!("{owner} starts"),
        _ => format!("the {} starts", client.name),
    };
    let title = format!(
        "{who} from {} alone, 1 of {brokers} brokers: started while it is down, it finds none",
        contact.value
    );
    let mut finding = Finding::new(&META, title)
        .service(owner)
        .weigh(Role::Cause, severity, 92)
        .arithmetic(format!("entries in bootstrap.servers = 1, brokers = {brokers}; entries that may be down at a start = 1 - 1 = 0"))
        .because("the only contact at a start", contact);
    for other in &lones[1..] {
        let claim = format!("the {} has one contact as well", other.client.name);
        finding = finding.because(claim, &other.contact);
    }
    if let Some(ignored) = ignored_list(client) {
        finding = finding.because("this longer list does not count for it", &ignored.value);
    }
    for (who, place) in cluster.declared().into_iter().take(5) {
        finding = finding.because_at(format!("{who} among the brokers"), Origin::Written(place));
    }
    finding.rehearse = Cluster::rehearsal_of(&evidence.stack, broker);
    finding
        .leads_to("no-metadata-at-start")
        .fix(repair(evidence, contact, others, brokers))
        .towards(cluster.survives_one_broker(), GOAL_STEP)
}

/// After quorum, replication and listeners: those make the cluster able to go on at all.
const GOAL_STEP: u8 = 9;

fn repair(
    evidence: &Evidence,
    contact: &Located<String>,
    others: &[String],
    brokers: usize,
) -> Fix {
    if others.is_empty() {
        return Fix::advice(format!(
            "list all {brokers} brokers in bootstrap.servers, or a name that resolves to several"
        ));
    }
    let protocol = protocol_before(evidence, contact);
    let others: Vec<String> = others.iter().map(|other| format!("{protocol}{other}")).collect();
    let all = format!("{},{}", contact.value, others.join(","));
    let title = format!("start from all {}: {all}", words::count(brokers, "broker"));
    replace_text(evidence, title, contact, all)
}

/// What stands before a broker, as Schema Registry and others want it: `PLAINTEXT://`.
fn protocol_before<'e>(evidence: &'e Evidence, contact: &Located<String>) -> &'e str {
    let Some(place) = contact.place() else { return "" };
    let text = evidence.sources.file(place.file).text();
    let before = text.get(..place.span.start as usize).unwrap_or_default();
    let Some(name) = before.strip_suffix("://") else { return "" };
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    &before[name.trim_end_matches(is_part).len()..]
}

/// A written list of several brokers that this client does not use.
fn ignored_list(client: &KafkaClient) -> Option<&NotApplied> {
    client.not_applied.iter().find(|ignored| {
        ignored.means.as_deref() == Some("bootstrap.servers") && ignored.value.value.contains(',')
    })
}
