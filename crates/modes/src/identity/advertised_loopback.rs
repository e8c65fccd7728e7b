//! # A broker tells others to dial themselves
//!
//! ## What fails
//!
//! A client in a container reaches the broker once, is told `localhost`, and from then on dials its
//! own container: `Connection to node 1 (localhost/127.0.0.1:9092) could not be established`. Other
//! brokers do the same, so no replica ever follows.
//!
//! ## Why
//!
//! The bootstrap address is for the first contact only. After that clients and other brokers use
//! what the broker advertises, and inside a container `localhost` is that container. One name cannot
//! serve both the host and other containers; that takes two listeners. In Kubernetes each pod is
//! such a container. Pods of one StatefulSet that all advertise the name of their Service cannot be
//! told apart either; below a headless Service each has a name of its own.
//!
//! ## Example
//!
//! ```yaml docker-compose.yml
//! services:
//!   kafka:
//!     image: apache/kafka:3.9.1
//!     ports:
//!       - "9092:9092"
//!     environment:
//!       KAFKA_NODE_ID: 1
//!       KAFKA_PROCESS_ROLES: broker,controller
//!       KAFKA_CONTROLLER_QUORUM_VOTERS: 1@localhost:9093
//!       KAFKA_CONTROLLER_LISTENER_NAMES: CONTROLLER
//!       KAFKA_LISTENERS: PLAINTEXT://:9092,CONTROLLER://:9093
//!       KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://localhost:9092
//!       KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: 1
//!   orders:
//!     image: example/orders:1.4
//!     environment:
//!       KAFKA_BOOTSTRAP_SERVERS: kafka:9092
//! ```
//!
//! ## Fix
//!
//! One listener for containers, one for the host.
//!
//! ```yaml docker-compose.yml
//! services:
//!   kafka:
//!     image: apache/kafka:3.9.1
//!     ports:
//!       - "9092:9092"
//!     environment:
//!       KAFKA_NODE_ID: 1
//!       KAFKA_PROCESS_ROLES: broker,controller
//!       KAFKA_CONTROLLER_QUORUM_VOTERS: 1@localhost:9093
//!       KAFKA_CONTROLLER_LISTENER_NAMES: CONTROLLER
//!       KAFKA_INTER_BROKER_LISTENER_NAME: INTERNAL
//!       KAFKA_LISTENERS: INTERNAL://:19092,EXTERNAL://:9092,CONTROLLER://:9093
//!       KAFKA_ADVERTISED_LISTENERS: INTERNAL://kafka:19092,EXTERNAL://localhost:9092
//!       KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: INTERNAL:PLAINTEXT,EXTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT
//!       KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: 1
//!   orders:
//!     image: example/orders:1.4
//!     environment:
//!       KAFKA_BOOTSTRAP_SERVERS: kafka:19092
//! ```
//!
//! ## How to rehearse
//!
//! From the network of every container dial each advertised address. On a copy of a Compose project
//! `wonin rehearse kafka . --prove` shows whether brokers replicate.
//!
//! ## Evidence
//!
//! - Apache Kafka 3.9: `SocketServerConfigs` and `KafkaConfig` (advertised listeners, listener
//!   between brokers); the three-node example in `docker/examples`, which has two listeners.
//! - Inferred: how long an instance that registers itself as `localhost` in Eureka goes unnoticed.

use std::collections::BTreeSet;

mod two_listeners;

use wonin_model::{
    Evidence, Finding, Fix, KafkaBroker, KafkaClient, Located, Mode, ModeMeta, NotChecked, Role,
    Service, ServiceId, Severity, Stack,
};

use crate::shared::hosts::{Endpoint, endpoint, is_loopback};
use crate::shared::kafka::{Cluster, advertised, bound, clusters, leads_to_pods};
use crate::shared::seen::{Part, Shown, Values, all_of, beside, recognise, signals};
use crate::shared::words::{count, list};

pub(crate) struct AdvertisedLoopback;

static META: ModeMeta = ModeMeta {
    id: "advertised-loopback",
    family: "identity",
    summary: "others are told an address that leads them to themselves",
    source: include_str!("advertised_loopback.rs"),
};

impl Mode for AdvertisedLoopback {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        let stack = &evidence.stack;
        let mut own = Vec::new();
        for cluster in &clusters(stack) {
            let mut between: Vec<Finding> =
                between_brokers(evidence, cluster).into_iter().collect();
            observe_brokers(evidence, &mut between);
            own.extend(between);
            own.extend(to_containers(evidence, cluster));
            own.extend(wrong_port(stack, cluster));
            own.extend(one_address_twice(cluster));
        }
        observe_clients(evidence, &mut own);
        findings.extend(own);
        findings.extend(registered_instances(stack));
    }
}

/// Recognises copies between brokers that fail where they advertise loopback to each other.
fn observe_brokers(evidence: &Evidence, own: &mut Vec<Finding>) {
    let what = "a replica cannot be fetched from its leader";
    let shown = all_of(evidence, &[("kafka.replica-fetch-failed", what)]);
    recognise(own, &shown, || None);
}

/// Recognises clients that were told to dial themselves: they reached the cluster by a name and
/// then fail at loopback, which a broker (and not a bootstrap entry) told them.
fn observe_clients(evidence: &Evidence, own: &mut Vec<Finding>) {
    for signal in signals(evidence, &["kafka.connection-not-established"]) {
        let is_told = |values: &Values| {
            let node = values.get("node").is_some_and(|node| !node.starts_with('-'));
            let host = values.get("address").and_then(|address| address.split(['/', ':']).next());
            node && host.is_some_and(is_loopback)
        };
        let Some(part) = Part::of(signal, is_told) else { continue };
        let service = signal.service.as_deref();
        let config = beside(evidence, "kafka.producer-config", service);
        let first = config.and_then(|config| {
            config.all("bootstrap_servers").first().map(|&list| list.to_owned())
        });
        let by_name = first.as_deref().is_some_and(|list| {
            list.split(',').all(|one| {
                !one.trim().is_empty() && !is_loopback(one.trim().split(':').next().unwrap_or(""))
            })
        });
        // A broker of the stack itself that logs it dials another broker in vain.
        let in_container = evidence
            .stack
            .services
            .iter()
            .any(|one| service == Some(one.name.value.as_str()) && one.network_mode.is_none());
        let is_own = !own.is_empty() && (in_container || names_several(&part));
        if !by_name && !is_own {
            continue;
        }
        let address =
            part.hit.and_then(|hit| hit.values.get("address")).cloned().unwrap_or_default();
        let shown: Shown<'_> =
            vec![(part, format!("a broker told it to dial {address}, which is itself"))];
        recognise(own, &shown, || {
            let first = first.clone().unwrap_or_default();
            let title = format!(
                "the client reached {first} and was sent to {address}, which is itself: the broker advertises loopback"
            );
            let finding = Finding::new(&META, title).weigh(Role::Cause, Severity::High, 92);
            Some(finding.fix(Fix::advice(
                "advertise a name that clients of this network resolve, in a listener of their own (`INTERNAL://kafka:19092,EXTERNAL://localhost:9092`)",
            )))
        });
    }
}

/// Whether one address is told of several brokers: at best one of them can be there.
fn names_several(part: &Part<'_>) -> bool {
    let address = part.hit.and_then(|hit| hit.values.get("address"));
    let here = part.signal.values.iter().filter(|(values, _)| values.get("address") == address);
    let brokers = here.filter_map(|(values, _)| broker_of(values.get("node")?.parse().ok()?));
    brokers.collect::<BTreeSet<_>>().len() > 1
}

/// The broker that a client's number of a node stands for: those below 0 are entries of the
/// bootstrap list, and clients dial a coordinator as 2³¹ - 1 - id.
fn broker_of(node: i64) -> Option<i64> {
    let mirrored = i64::from(i32::MAX) - node;
    (node >= 0).then(|| node.min(mirrored))
}

/// Brokers in containers of their own that advertise loopback to each other.
fn between_brokers(evidence: &Evidence, cluster: &Cluster<'_>) -> Option<Finding> {
    let stack = &evidence.stack;
    let apart: Vec<&KafkaBroker> =
        cluster.brokers().filter(|broker| is_apart(stack, broker)).collect();
    let told: Vec<(&KafkaBroker, Endpoint)> = apart
        .iter()
        .filter_map(|broker| Some((*broker, between(broker)?)))
        .filter(|(_, told)| is_loopback(&told.host.value))
        .collect();
    let (_, first) = told.first()?;
    if apart.len() < 2 {
        return None;
    }
    let copies = replicated_settings(stack, cluster);
    let (ending, role) = if copies.is_empty() {
        ("harmless while every topic has 1 replica, fatal once one has 2", Role::Latent)
    } else {
        ("no replica ever follows", Role::Cause)
    };
    let host = &first.host.value;
    let title = match told.len() {
        1 => format!("1 broker advertises {host} to the others, so each dials itself: {ending}"),
        several => format!(
            "{} advertise {host} to each other, so each dials itself: {ending}",
            count(several, "broker")
        ),
    };
    let mut finding = Finding::new(&META, title)
        .service(&cluster.name)
        .weigh(role, Severity::High, 92)
        .leads_to("replica-never-in-sync")
        .towards(cluster.survives_one_broker(), 3);
    let mut shown: Vec<&Located<String>> = Vec::new();
    for (_, one) in &told {
        if shown.contains(&&one.host) {
            continue;
        }
        shown.push(&one.host);
        let alike = told.iter().filter(|(_, other)| other.host == one.host);
        let names: Vec<&str> = alike.map(|(broker, _)| broker.name.as_str()).collect();
        let verb = if names.len() == 1 { "tells" } else { "tell" };
        let claim = format!("{} {verb} other brokers {}", list(&names), one.address());
        finding = finding.because(claim, &one.host);
    }
    for (name, factor) in copies {
        finding = finding.because(format!("{name} makes copies"), factor);
    }
    let mut fixes = vec![two_listeners::fix(evidence, cluster)];
    if !cluster.is_of_pods() {
        fixes.insert(0, rename(stack, &told));
    }
    // What can be applied comes first.
    fixes.sort_by_key(|fix| fix.edits.is_empty());
    finding.fixes = fixes;
    Some(finding)
}

/// Settings that make brokers copy from each other.
fn replicated_settings<'a>(
    stack: &'a Stack,
    cluster: &Cluster<'a>,
) -> Vec<(&'static str, &'a Located<String>)> {
    let transactional = stack
        .kafka_clients
        .iter()
        .any(|client| client.settings.written("transactional.id").is_some());
    let names = [
        ("default.replication.factor", true),
        ("offsets.topic.replication.factor", true),
        ("transaction.state.log.replication.factor", transactional),
    ];
    let brokers = cluster.broker_count();
    names
        .into_iter()
        .filter(|(_, counts)| *counts)
        .filter_map(|(name, _)| {
            let value = cluster.brokers().find_map(|broker| broker.settings.get(name))?;
            let factor: usize = value.value.trim().parse().ok()?;
            (factor > 1 && factor <= brokers).then_some((name, value))
        })
        .collect()
}

/// Containers that reach a listener by a name of the broker and are then told loopback.
fn to_containers(evidence: &Evidence, cluster: &Cluster<'_>) -> Option<Finding> {
    let stack = &evidence.stack;
    let mut misled: Vec<(Located<String>, Located<String>, Endpoint)> = Vec::new();
    for broker in cluster.brokers() {
        let told = advertised(broker).into_iter().filter(|told| is_loopback(&told.host.value));
        for told in told {
            let port = bound_port(broker, &told);
            let mut found = match own_network(stack, broker) {
                Some((id, service)) => dialling(stack, id, service, port),
                None => pods_dialling(stack, broker, port),
            };
            found.retain(|(name, contact)| {
                !misled.iter().any(|(known, at, _)| known == name && at == contact)
            });
            misled.extend(found.into_iter().map(|(name, contact)| (name, contact, told.clone())));
        }
    }
    let (_, _, told) = misled.first()?;
    let names: BTreeSet<&str> = misled.iter().map(|(name, ..)| name.value.as_str()).collect();
    let names: Vec<&str> = names.into_iter().collect();
    let title = format!(
        "{} {} told {} by {}, where nothing listens inside the container",
        list(&names),
        if names.len() == 1 { "is" } else { "are" },
        told.address(),
        cluster.name
    );
    let mut finding = Finding::new(&META, title)
        .service(&cluster.name)
        .weigh(Role::Cause, Severity::High, 94)
        .because("this is what clients are told", &told.host)
        .leads_to("client-dials-itself");
    for (name, contact, _) in &misled {
        finding = finding.because(format!("{} makes its first contact here", name.value), contact);
    }
    Some(finding.fix(two_listeners::fix(evidence, cluster)))
}

/// Services of the broker's project that dial the broker's service on this port, with where that
/// is written.
fn dialling(
    stack: &Stack,
    broker: ServiceId,
    target: &Service,
    port: Option<u16>,
) -> Vec<(Located<String>, Located<String>)> {
    let mut found: Vec<(Located<String>, Located<String>)> = Vec::new();
    for (id, service) in stack.services_of(target.project) {
        if id == broker || stack.broker_of(id).is_some() || service.network_mode.is_some() {
            continue;
        }
        let contact = contacts(stack, id, target, port).next();
        found.extend(contact.map(|contact| (service.name.clone(), contact)));
    }
    found
}

/// Clients in pods that dial this port of the broker's pods through a Service, with where that is
/// written.
fn pods_dialling(
    stack: &Stack,
    broker: &KafkaBroker,
    port: Option<u16>,
) -> Vec<(Located<String>, Located<String>)> {
    let Some(pods) = broker.pods.as_ref().filter(|pods| !pods.on_host) else { return Vec::new() };
    let leads = |client: &KafkaClient, text: &Located<String>| {
        let to = endpoint(text);
        let service = pods.service_at(&to.host.value);
        let leads_there = service.is_some_and(|service| {
            service.ports.iter().any(|(own, target)| Some(*own) == to.port && Some(*target) == port)
        });
        leads_there && leads_to_pods(client, &to, broker)
    };
    let found = stack.kafka_clients.iter().filter_map(|client| {
        let own = client.pods.as_ref().filter(|own| !own.on_host)?;
        let servers = client.settings.list("bootstrap.servers");
        let contact = servers.into_iter().find(|text| leads(client, text))?;
        Some((Located::written(own.name.clone(), own.place), contact))
    });
    found.collect()
}

/// Where a service says that it dials this port of the broker's service.
fn contacts(
    stack: &Stack,
    id: ServiceId,
    target: &Service,
    port: Option<u16>,
) -> impl Iterator<Item = Located<String>> {
    let clients = stack.kafka_clients.iter().filter(move |client| client.service == Some(id));
    let told = clients.flat_map(|client| client.settings.list("bootstrap.servers"));
    let environment = stack.service(id).environment.values().flat_map(|value| value.split(','));
    told.chain(environment).filter(move |text| {
        let contact = endpoint(text);
        contact.port.is_some() && contact.port == port && target.answers_to(&contact.host.value)
    })
}

/// A loopback listener is meant for the host, so the host must lead its port to the broker.
fn wrong_port(stack: &Stack, cluster: &Cluster<'_>) -> Option<Finding> {
    let mut finding: Option<Finding> = None;
    for broker in cluster.brokers() {
        let Some((_, service)) = own_network(stack, broker) else { continue };
        for told in advertised(broker).iter().filter(|told| is_loopback(&told.host.value)) {
            let Some(target) = bound_port(broker, told) else { continue };
            let published: Vec<u16> = service
                .ports
                .iter()
                .filter(|port| port.value.target == target)
                .filter_map(|port| port.value.published)
                .collect();
            if published.is_empty() || told.port.is_none_or(|port| published.contains(&port)) {
                continue;
            }
            let ports: Vec<String> = published.iter().map(u16::to_string).collect();
            let title = format!(
                "{} tells clients on the host {}, but the host leads {} to it",
                broker.name,
                told.address(),
                list(&ports)
            );
            let start = finding.take().unwrap_or_else(|| {
                Finding::new(&META, title)
                    .service(&cluster.name)
                    .weigh(Role::Cause, Severity::High, 90)
                    .fix(Fix::advice(format!(
                        "advertise the port that the host publishes ({})",
                        list(&ports)
                    )))
            });
            let claim = format!("{} is told {}", broker.name, told.address());
            let mut next = start.because(claim.replace("is told", "advertises"), &told.host);
            for port in service.ports.iter().filter(|port| port.value.target == target) {
                next = next.because_at("and this is published", port.origin.clone());
            }
            finding = Some(next);
        }
    }
    finding
}

/// Two brokers that clients cannot tell apart.
fn one_address_twice(cluster: &Cluster<'_>) -> Option<Finding> {
    let mut known: Vec<(&KafkaBroker, Endpoint)> = Vec::new();
    for broker in cluster.brokers() {
        for told in advertised(broker) {
            let same = |(other, one): &&(&KafkaBroker, Endpoint)| {
                other.name != broker.name
                    && (other.place != broker.place || are_pods_told_apart(broker, &told))
                    && one.address() == told.address()
                    && told.port.is_some()
                    && told.host.origin.is_certain()
                    && !told.host.value.is_empty()
            };
            if let Some((other, one)) = known.iter().find(same) {
                let title = format!(
                    "{} and {} both advertise {}: clients of one reach the other",
                    other.name,
                    broker.name,
                    told.address()
                );
                return Some(
                    Finding::new(&META, title)
                        .service(&cluster.name)
                        .weigh(Role::Cause, Severity::High, 85)
                        .because(format!("{} advertises it", other.name), &one.host)
                        .because(format!("so does {}", broker.name), &told.host)
                        .fix(Fix::advice(if broker.pods.is_some() {
                            two_listeners::OF_PODS
                        } else {
                            "give every broker an address of its own"
                        })),
                );
            }
            known.push((broker, told));
        }
    }
    None
}

/// Whether pods of one object should have been told apart: each has a name of its own, and loopback
/// is another matter.
fn are_pods_told_apart(broker: &KafkaBroker, told: &Endpoint) -> bool {
    broker.pods.as_ref().is_some_and(|pods| !pods.on_host) && !is_loopback(&told.host.value)
}

/// Applications in containers that register themselves as `localhost` in Eureka.
fn registered_instances(stack: &Stack) -> Option<Finding> {
    let registered: Vec<(&str, &Located<String>)> = stack
        .apps
        .iter()
        .filter(|app| app.service.is_some())
        .filter(|app| {
            let own = app.properties.bool("eureka.client.register-with-eureka");
            let by_address = app.properties.bool("eureka.instance.prefer-ip-address");
            own.is_none_or(|own| own.value) && by_address.is_none_or(|ip| !ip.value)
        })
        .filter(|app| !app.properties.iter().any(|(name, _)| name.starts_with("eureka.server.")))
        .filter_map(|app| {
            let host = app.properties.written("eureka.instance.hostname")?;
            is_loopback(&host.value).then_some((app.name.as_str(), host))
        })
        .collect();
    let (_, first) = registered.first()?;
    let names: Vec<&str> = registered.iter().map(|(name, _)| *name).collect();
    let title = format!(
        "{} likely register as {} in Eureka: callers in other containers dial themselves",
        list(&names),
        first.value
    );
    let mut finding = Finding::new(&META, title).weigh(Role::Cause, Severity::High, 65);
    for (name, host) in &registered {
        finding = finding.because(format!("{name} calls itself this"), *host);
    }
    Some(
        finding.fix(Fix::advice(
            "remove eureka.instance.hostname, or set it to the name of the service",
        )),
    )
}

/// Whether a broker has a network of its own, in which loopback is itself.
fn is_apart(stack: &Stack, broker: &KafkaBroker) -> bool {
    own_network(stack, broker).is_some() || broker.pods.as_ref().is_some_and(|pods| !pods.on_host)
}

/// The service of a broker that has a network of its own.
fn own_network<'a>(stack: &'a Stack, broker: &KafkaBroker) -> Option<(ServiceId, &'a Service)> {
    let id = broker.service?;
    let service = stack.service(id);
    service.network_mode.is_none().then_some((id, service))
}

/// The advertised listener that other brokers dial.
fn between(broker: &KafkaBroker) -> Option<Endpoint> {
    let mut all = advertised(broker);
    if all.len() == 1 {
        return all.pop();
    }
    let named = broker.settings.get("inter.broker.listener.name").map(|name| name.value.trim());
    let name = named.unwrap_or("PLAINTEXT");
    all.into_iter().find(|told| told.scheme.as_deref() == Some(name))
}

/// The port in the container behind an advertised listener: that of the listener of its name.
fn bound_port(broker: &KafkaBroker, told: &Endpoint) -> Option<u16> {
    let same = bound(broker).into_iter().find(|one| one.scheme == told.scheme);
    same.map_or(told.port, |one| one.port)
}

/// Where no port of the broker is published, nobody on the host can be meant: the name of the
/// service is right for everybody. The bound port is the one that containers must dial.
fn rename(stack: &Stack, told: &[(&KafkaBroker, Endpoint)]) -> Fix {
    let mut fix = Fix::advice("advertise the name of the service between brokers");
    for (broker, told) in told {
        let Some((_, service)) = own_network(stack, broker) else { continue };
        if !service.ports.is_empty() || told.port != bound_port(broker, told) {
            fix.edits.clear();
            return fix;
        }
        fix.edits.extend(Fix::replace("", &told.host, service.name.value.clone()).edits);
    }
    fix
}
