//! # Peers are listed by addresses that may change
//!
//! ## What fails
//!
//! After a reboot the members of a cluster do not find each other: `Unable to contact any seeds!`,
//! `master not discovered or elected yet`, `CLUSTERDOWN Hash slot not served`, a Sentinel that watches
//! an address nobody has.
//!
//! ## Why
//!
//! A container without a pinned address gets the lowest free one at its start. Lists of seeds, voters
//! or peers that name it by address are right until the order of starts is another. Redis Cluster
//! writes the addresses of its peers into `nodes.conf` itself; while one node moves the others learn
//! it, but when all move at once nobody finds anybody. Redis Sentinel writes addresses into its own
//! configuration unless it is told to use names.
//!
//! ## Example
//!
//! ```yaml docker-compose.yml
//! services:
//!   cassandra1:
//!     image: cassandra:4.1
//!     environment:
//!       CASSANDRA_SEEDS: 172.28.0.2
//!   cassandra2:
//!     image: cassandra:4.1
//!     environment:
//!       CASSANDRA_SEEDS: 172.28.0.2
//! networks:
//!   default:
//!     ipam:
//!       config:
//!         - subnet: 172.28.0.0/24
//! ```
//!
//! ## Fix
//!
//! ```yaml docker-compose.yml
//! services:
//!   cassandra1:
//!     image: cassandra:4.1
//!     environment:
//!       CASSANDRA_SEEDS: cassandra1
//!   cassandra2:
//!     image: cassandra:4.1
//!     environment:
//!       CASSANDRA_SEEDS: cassandra1
//! networks:
//!   default:
//!     ipam:
//!       config:
//!         - subnet: 172.28.0.0/24
//! ```
//!
//! ## How to rehearse
//!
//! Stop all members, start a dummy first and then the members in another order.
//!
//! ## Evidence
//!
//! - Docker Engine, address management: the lowest free address in the order of starts.
//! - Redis 7: `cluster_legacy.c`, `redis.conf` (`cluster-announce-hostname`), `sentinel.conf`
//!   (`resolve-hostnames`, `announce-hostnames`, both `no`). `CLUSTERDOWN` and `Address updated for
//!   node` were seen when nodes moved.
//! - Elasticsearch, `ClusterFormationFailureHelper`; etcd, "Runtime reconfiguration"; Apache Kafka
//!   3.9, `QuorumConfig` (voters).
//! - Inferred: that an address in 172.17.0.0 to 172.31.255.255 is a container's where no network of
//!   the project declares its subnet.

use std::collections::BTreeMap;

use wonin_model::{
    Evidence, Finding, Fix, KafkaBroker, Located, Mode, ModeMeta, NotChecked, Origin, Role, Server,
    ServerProduct, Service, ServiceId, Settings, Severity, Stack,
};

use crate::shared::addresses::{Where, holder, is_dynamic, locate};
use crate::shared::hosts::{endpoint, ipv4};
use crate::shared::seen::{Part, Shown, all_of, is_sustained, recognise, signals};
use crate::shared::stale::{CONNECTIONS, Failing, failing};
use crate::shared::words::{count, list};

pub(crate) struct PeersByAddress;

static META: ModeMeta = ModeMeta {
    id: "peers-by-address",
    family: "identity",
    summary: "members of a cluster are named by addresses that may change",
    source: include_str!("peers_by_address.rs"),
};

/// Settings that name peers, by product. Lists are separated by commas.
const PEERS: &[(ServerProduct, &[&str])] = &[
    (ServerProduct::Cassandra, &["seeds", "listen_address", "broadcast_address"]),
    (ServerProduct::Consul, &["retry-join", "advertise"]),
    (ServerProduct::Elasticsearch, &["discovery.seed_hosts"]),
    (ServerProduct::Etcd, &["initial-cluster", "initial-advertise-peer-urls"]),
    (ServerProduct::Flink, &["jobmanager.rpc.address"]),
    (ServerProduct::HBase, &["hbase.regionserver.hostname", "hbase.master.hostname"]),
    (ServerProduct::Nacos, &["cluster.nodes"]),
    (ServerProduct::OpenSearch, &["discovery.seed_hosts"]),
    (ServerProduct::Redis, &["cluster-announce-ip"]),
    (ServerProduct::RedisSentinel, &["sentinel.monitor"]),
    (ServerProduct::ZooKeeper, &["servers"]),
];

/// The same for Kafka.
const KAFKA: &[&str] =
    &["controller.quorum.voters", "controller.quorum.bootstrap.servers", "advertised.listeners"];

impl Mode for PeersByAddress {
    fn meta(&self) -> &'static ModeMeta {
        &META
    }

    fn examine(&self, evidence: &Evidence, findings: &mut Vec<Finding>, _: &mut Vec<NotChecked>) {
        let stack = &evidence.stack;
        for project in 0..stack.projects.len() {
            let written = written_addresses(stack, project);
            findings.extend(written.map(|finding| observed(evidence, finding, LOST)));
            let cluster = redis_cluster(stack, project);
            findings.extend(cluster.map(|finding| observed(evidence, finding, REDIS)));
            let sentinels = sentinels(stack, project);
            findings.extend(sentinels.map(|finding| observed(evidence, finding, SENTINEL)));
        }
        findings.extend(not_itself(evidence));
        if !findings.iter().any(|one| one.meta.id == META.id) {
            findings.extend(seeds(evidence));
        }
        if !findings.iter().any(|one| one.meta.id == META.id) {
            findings.extend(gone(evidence));
        }
    }
}

/// What members say that do not find each other.
const LOST: &[(&str, &str)] = &[
    ("cassandra.no-seeds", "no seed answers"),
    ("consul.no-leader", "no leader is found"),
    ("elasticsearch.no-master", "no master is found"),
    ("etcd.no-leader", "no leader is found"),
    ("etcd.peer-url-mismatch", "a peer is not where it is listed"),
    ("mongo.not-in-config", "a member does not find itself in the replica set"),
    ("zookeeper.cannot-open-channel", "a member is not reached"),
    ("kafka.raft-candidate", "a voter finds no majority"),
];

const REDIS: &[(&str, &str)] = &[
    ("redis.cluster-down", "the cluster does not serve"),
    ("redis.cluster-state", "the cluster changed its state"),
];

const SENTINEL: &[(&str, &str)] = &[
    ("redis.master-down", "the master is not reached"),
    ("redis.failover-aborted", "no failover is possible"),
];

/// Adds what the members say; what they say alone has other causes, too.
fn observed(evidence: &Evidence, finding: Finding, texts: &[(&str, &str)]) -> Finding {
    let mut own = vec![finding.clone()];
    recognise(&mut own, &all_of(evidence, texts), || None);
    own.pop().unwrap_or(finding)
}

/// A member of a MongoDB replica set that is listed under an address it no longer has.
fn not_itself(evidence: &Evidence) -> Option<Finding> {
    let named = evidence.stack.servers.iter().any(|one| one.product == ServerProduct::Mongo);
    let mut shown = all_of(
        evidence,
        &[("mongo.not-in-config", "the member does not find itself in the replica set")],
    );
    if !shown.is_empty() {
        shown.extend(all_of(evidence, &[("mongo.no-server", "follows: clients find no primary")]));
    }
    let title =
        "the replica set is configured with addresses that its members no longer have: no primary";
    let finding = Finding::new(&META, title)
        .weigh(Role::Cause, Severity::High, 85)
        .leads_to("peers-not-found")
        .fix(Fix::advice(
            "reconfigure the set with names (`rs.reconfig(cfg, {force: true})` on one member)",
        ));
    let mut own = Vec::new();
    if !named {
        recognise(&mut own, &shown, || Some(finding));
    }
    own.pop()
}

/// An Elasticsearch node that looks for the others at addresses, and finds too few for a master.
fn seeds(evidence: &Evidence) -> Option<Finding> {
    let signal = *signals(evidence, &["elasticsearch.no-master"]).first()?;
    let seeds: Vec<&str> = signal.all("seeds");
    let seeds: Vec<&str> = seeds.first()?.split(',').map(str::trim).collect();
    let is_address = |seed: &&str| {
        let host = seed.rsplit_once(':').map_or(*seed, |(host, _)| host);
        ipv4(host).is_some()
    };
    let named = seeds.iter().any(|seed| !is_address(seed));
    if seeds.is_empty() || named || !is_sustained(signal, 2, 0) {
        return None;
    }
    let mut shown: Shown<'_> =
        vec![(Part::whole(signal), "no master is found: too few nodes answer".to_owned())];
    for refused in
        signals(evidence, &["client.refused", "client.no-route", "client.connect-timeout"])
    {
        let part = Part::of(refused, |values| {
            values.get("address").is_some_and(|address| {
                seeds.iter().any(|seed| address.trim_end_matches([':', ',']) == *seed)
            })
        });
        shown.extend(part.map(|part| (part, "nobody answers at a seed's address".to_owned())));
    }
    let title = format!(
        "no master is elected: the other nodes are looked for at {}, and too few answer there: they are down, or have other addresses now",
        list(&seeds)
    );
    let finding = Finding::new(&META, title)
        .weigh(Role::Cause, Severity::High, 75)
        .leads_to("peers-not-found")
        .fix(Fix::advice("see which nodes run and which addresses they have; name the seeds by host (discovery.seed_hosts), not by address"));
    let mut own = Vec::new();
    recognise(&mut own, &shown, || Some(finding));
    own.pop()
}

/// Peers that settings name by address, where those that look for them find nobody: whether the
/// machines are containers or not, the addresses are what they are looked for at.
fn gone(evidence: &Evidence) -> Option<Finding> {
    let mut shown = all_of(evidence, LOST);
    if shown.is_empty() {
        return None;
    }
    let failing = failing(evidence, CONNECTIONS);
    let mut written: Vec<(&str, &str, Located<String>)> = Vec::new();
    for server in &evidence.stack.servers {
        let names = PEERS.iter().find(|(product, _)| *product == server.product);
        for name in names.map_or(&[] as &[&str], |(_, names)| *names) {
            for entry in server.settings.list(name) {
                let host = endpoint(&entry).host;
                if ipv4(&host.value).is_some() {
                    written.push((name, &server.name, host));
                }
            }
        }
    }
    let mut addresses: Vec<&str> = written.iter().map(|(_, _, host)| host.value.as_str()).collect();
    addresses.sort_unstable();
    addresses.dedup();
    let dead = failing.iter().filter(|one| addresses.contains(&one.address.to_string().as_str()));
    let dead: Vec<&Failing<'_>> = dead.collect();
    let named: Vec<String> = dead.iter().map(|one| one.address.to_string()).collect();
    let (setting, server, _) = written.first().filter(|_| !dead.is_empty())?;
    for one in &dead {
        let what = format!("nobody answers at {}", one.shown());
        shown.extend(one.parts.iter().map(|part| (*part, what.clone())));
    }
    let title = format!(
        "{server} looks for its peers at {} ({setting}), and nobody answers at {}: they are down, or have other addresses now",
        list(&addresses),
        list(&named)
    );
    let mut finding = Finding::new(&META, title)
        .service(*server)
        .weigh(Role::Cause, Severity::High, 82)
        .leads_to("peers-not-found")
        .leads_to("dependency-down");
    for (setting, server, host) in &written {
        finding = finding.because(format!("{setting} of {server} names an address"), host);
    }
    let finding = finding
        .fix(Fix::advice("see which addresses the peers have now (`docker network inspect`, `kubectl get pods -o wide`); name peers by the names of their services"));
    let mut own = Vec::new();
    recognise(&mut own, &shown, || Some(finding));
    own.pop()
}

/// A literal address in a setting.
struct Written {
    setting: String,
    service: String,
    address: Located<String>,
    sure: bool,
}

/// Addresses of containers, written into the settings of their peers, that nothing pins.
fn written_addresses(stack: &Stack, project: usize) -> Option<Finding> {
    let servers = stack.servers_in(project).into_iter().flat_map(|server| {
        let names = PEERS.iter().find(|(product, _)| *product == server.product);
        let names = names.map_or(&[] as &[&str], |(_, names)| *names);
        in_settings(stack, project, server.service, &server.settings, names)
    });
    let brokers = stack.brokers_in(project).into_iter().flat_map(|broker: &KafkaBroker| {
        in_settings(stack, project, broker.service, &broker.settings, KAFKA)
    });
    let written: Vec<Written> = servers.chain(brokers).collect();
    let first = written.first()?;
    let mut addresses: Vec<&str> = written.iter().map(|one| one.address.value.as_str()).collect();
    addresses.sort_unstable();
    addresses.dedup();
    let sure = written.iter().all(|one| one.sure);
    let likely = if sure { "" } else { "likely " };
    let title = format!(
        "{} is named by {}, {likely}an address of a container that no ipv4_address pins: after a start \
         in another order somebody else has it",
        first.setting,
        list(&addresses)
    );
    let mut finding = Finding::new(&META, title)
        .service(first.service.clone())
        .weigh(Role::Cause, Severity::High, if sure { 90 } else { 65 })
        .leads_to("peers-not-found");
    for one in &written {
        let claim = format!("{} of {} names an address", one.setting, one.service);
        finding = finding.because(claim, &one.address);
    }
    Some(finding.fix(Fix::advice("name peers by the names of their services")).fix(Fix::advice(
        "or pin the addresses with ipv4_address, and keep dynamic containers away from them \
                 with ip_range",
    )))
}

fn in_settings(
    stack: &Stack,
    project: usize,
    service: Option<ServiceId>,
    settings: &Settings,
    names: &[&str],
) -> Vec<Written> {
    let Some(service) = service.map(|id| stack.service(id)) else { return Vec::new() };
    if service.network_mode.is_some() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for name in names {
        for entry in settings.list(name) {
            let host = endpoint(&entry).host;
            let Some(address) = ipv4(&host.value).filter(|_| host.origin.is_certain()) else {
                continue;
            };
            let place = locate(&stack.projects[project], address);
            if place == Where::Elsewhere || holder(stack, project, address).is_some() {
                continue;
            }
            found.push(Written {
                setting: (*name).to_owned(),
                service: service.name.value.clone(),
                address: host,
                sure: place == Where::Declared,
            });
        }
    }
    found
}

/// Redis Cluster keeps the addresses of its peers; when all nodes move at once they are lost.
fn redis_cluster(stack: &Stack, project: usize) -> Option<Finding> {
    let nodes: Vec<(&Server, &Service)> = stack
        .servers_in(project)
        .into_iter()
        .filter(|server| server.product == ServerProduct::Redis)
        .filter_map(|server| Some((server, stack.service(server.service?))))
        .filter(|(server, _)| is_on(&server.settings, "cluster-enabled"))
        .collect();
    let containers: usize = nodes
        .iter()
        .map(|(_, service)| service.replicas.as_ref().map_or(1, |all| all.value as usize))
        .sum();
    let moving: Vec<&(&Server, &Service)> = nodes
        .iter()
        .filter(|(server, service)| is_dynamic(service) && !announces_name(&server.settings))
        .collect();
    if containers < 2 || moving.is_empty() {
        return None;
    }
    let title = format!(
        "{} of a Redis Cluster remember each other by addresses that are not pinned: when all start \
         in another order none finds the others",
        count(containers, "node")
    );
    let mut finding = Finding::new(&META, title)
        .service(moving[0].1.name.value.clone())
        .weigh(Role::Cause, Severity::High, 90)
        .leads_to("cluster-down");
    for (server, service) in moving {
        let name = &service.name.value;
        finding = match server.settings.get("cluster-enabled") {
            Some(enabled) => finding.because(format!("{name} is a node"), enabled),
            None => finding,
        };
        let claim = format!("{name} has no pinned address and announces none");
        finding = finding.because_at(claim, service.name.origin.clone());
    }
    Some(
        finding
            .fix(Fix::advice(
                "announce names (cluster-announce-hostname with cluster-preferred-endpoint-type \
                 hostname), or pin each node with ipv4_address",
            ))
            .fix(Fix::advice(
                "a cluster that is down already: CLUSTER MEET with the new addresses",
            )),
    )
}

/// Sentinels rewrite their configuration with the addresses they have seen.
fn sentinels(stack: &Stack, project: usize) -> Option<Finding> {
    let mut by_service: BTreeMap<&str, &Server> = BTreeMap::new();
    let servers = stack.servers_in(project).into_iter();
    for server in servers.filter(|one| one.product == ServerProduct::RedisSentinel) {
        let Some(service) = server.service.map(|id| stack.service(id)) else { continue };
        // Bitnami's image switches names on; the setting then stands in a file that is not here.
        let named = is_on(&server.settings, "sentinel.resolve-hostnames")
            || service.repository().starts_with("bitnami");
        if !named && service.network_mode.is_none() {
            by_service.insert(&service.name.value, server);
        }
    }
    let (_, first) = by_service.iter().next()?;
    let watched: Vec<&Service> = stack
        .services_of(project)
        .filter(|(id, service)| is_redis(stack, *id) && is_dynamic(service))
        .map(|(_, service)| service)
        .collect();
    if watched.is_empty() {
        return None;
    }
    let names: Vec<&str> = by_service.keys().copied().collect();
    let redis: Vec<&str> = watched.iter().map(|service| service.name.value.as_str()).collect();
    let title =
        format!("{} remember {} by addresses that are not pinned", list(&names), list(&redis));
    let mut finding = Finding::new(&META, title)
        .service(names[0])
        .weigh(Role::Cause, Severity::High, 80)
        .leads_to("failover-to-nobody")
        .because_at("names are not used by this Sentinel", Origin::Written(first.place));
    if let Some(resolve) = first.settings.get("sentinel.resolve-hostnames") {
        finding = finding.because("resolve-hostnames", resolve);
    }
    for service in watched {
        let claim = format!("{} has no pinned address", service.name.value);
        finding = finding.because_at(claim, service.name.origin.clone());
    }
    Some(finding.fix(Fix::advice(
        "set sentinel resolve-hostnames yes and sentinel announce-hostnames yes, and replica-announce-ip \
         to the name of the service on each Redis; or pin the addresses",
    )))
}

fn is_redis(stack: &Stack, service: ServiceId) -> bool {
    stack.servers_of(service).any(|(_, server)| server.product == ServerProduct::Redis)
}

fn announces_name(settings: &Settings) -> bool {
    ["cluster-announce-hostname", "cluster-announce-ip"]
        .iter()
        .any(|name| settings.get(name).is_some_and(|value| !value.value.trim().is_empty()))
}

fn is_on(settings: &Settings, name: &str) -> bool {
    settings.get(name).is_some_and(|value| matches!(value.value.trim(), "yes" | "true"))
}
