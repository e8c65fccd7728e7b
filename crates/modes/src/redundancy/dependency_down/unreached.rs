//! Servers that clients do not reach, where the configuration tells nothing of them: with it, the
//! modes of each product say more.

use wonin_model::{Evidence, Finding, Fix, Role, ServerProduct, Severity, Signal};

use super::META;
use crate::shared::seen::{Part, Values, all_of, is_sustained, signals};
use crate::shared::words::list;

/// A start or a change of leader takes less, in milliseconds.
const LASTS_MS: i64 = 20_000;
/// Fewer complaints are those of a moment.
const EVENTS_MIN: u64 = 4;

/// What is not reached.
pub(super) fn examine(evidence: &Evidence) -> Vec<Finding> {
    let mut found = brokers(evidence);
    let known = |product: &ServerProduct| {
        evidence.stack.servers.iter().any(|server| server.product == *product)
    };
    for one in CLUSTERS.iter().filter(|one| !one.products.iter().any(known)) {
        found.extend(cluster(evidence, one));
    }
    found
}

/// Somebody who is told by clients or by itself not to serve.
struct ClusterText {
    /// Signals; the first that occurs tells the service.
    signals: &'static [&'static str],
    /// With configuration of these the modes of `identity` and `replication` tell it.
    products: &'static [ServerProduct],
    title: &'static str,
    /// The title where the first signal does not occur and the others do, if they allow less.
    otherwise: Option<&'static str>,
    advice: &'static str,
}

const CLUSTERS: &[ClusterText] = &[
    ClusterText {
        signals: &["redis.cluster-down"],
        products: &[ServerProduct::Redis],
        title: "the Redis Cluster does not serve: some of its slots have no master that is reached",
        otherwise: None,
        advice: "see `CLUSTER NODES` on each node: who is `fail`, and are the addresses those that the nodes have now",
    },
    ClusterText {
        signals: &["zookeeper.not-running", "zookeeper.cannot-open-channel"],
        products: &[ServerProduct::ZooKeeper],
        title: "the ZooKeeper ensemble has no majority",
        otherwise: Some("a member of the ZooKeeper ensemble is not reached by another one"),
        advice: "bring the members back that are not reached, and see whether they are where the list of servers says",
    },
    ClusterText {
        signals: &["consul.no-leader"],
        products: &[ServerProduct::Consul],
        title: "Consul has no leader: fewer than a majority of its servers are reached",
        otherwise: None,
        advice: "see `consul operator raft list-peers`, and whether the servers are where they advertise",
    },
    ClusterText {
        signals: &["etcd.no-leader"],
        products: &[ServerProduct::Etcd],
        title: "etcd has no leader: fewer than a majority of its members are reached",
        otherwise: None,
        advice: "see `etcdctl endpoint status --cluster`, and whether the members are at their peer URLs",
    },
    ClusterText {
        signals: &["mongo.no-server"],
        products: &[ServerProduct::Mongo],
        title: "the MongoDB driver finds no server that it may use: none is reached, or none is primary",
        otherwise: None,
        advice: "see `rs.status()`: who is primary, and under which names do the members list each other",
    },
    ClusterText {
        signals: &["mysql.read-only", "redis.read-only", "mongo.not-primary"],
        products: &[],
        title: "writes reach a server that takes none: likely a replica, since another one became primary",
        otherwise: None,
        advice: "let the client look for the primary anew after a failover (an endpoint or name of the writer, short DNS caches such as networkaddress.cache.ttl, Sentinel, a replica set in the address), and drop connections that answer read-only",
    },
    ClusterText {
        signals: &["ecs.no-resources"],
        products: &[],
        title: "ECS cannot prepare tasks: what they need before they start (secrets, the registry's login, volumes) is not given",
        otherwise: None,
        advice: "read on in the text: no permission of the execution role, a secret that is gone, or no way to the endpoint (NAT, VPC endpoint, security group)",
    },
    ClusterText {
        signals: &["eureka.unreachable"],
        products: &[ServerProduct::Eureka],
        title: "no Eureka server is reached: clients go on with the list that they had",
        otherwise: None,
        advice: "see whether the registry runs, and whether eureka.client.service-url is its address from here",
    },
    ClusterText {
        signals: &["nacos.unreachable"],
        products: &[ServerProduct::Nacos],
        title: "the Nacos client is not connected to a server",
        otherwise: None,
        advice: "see whether the server runs, and whether its second port (that of its HTTP plus 1000, for gRPC) is open, too",
    },
];

fn cluster(evidence: &Evidence, one: &ClusterText) -> Option<Finding> {
    let told: Vec<&Signal> = signals(evidence, one.signals)
        .into_iter()
        .filter(|signal| is_sustained(signal, EVENTS_MIN, LASTS_MS))
        .collect();
    let first = told.first()?;
    let has_first = told.iter().any(|signal| one.signals.first() == Some(&signal.name));
    let title = if has_first { one.title } else { one.otherwise.unwrap_or(one.title) };
    let mut finding = Finding::new(&META, title).weigh(Role::Cause, Severity::Medium, 75);
    finding.service.clone_from(&first.service);
    for signal in &told {
        let nodes = signal.all("address");
        let what = if nodes.is_empty() {
            "again and again".to_owned()
        } else {
            format!("not reached: {}", list(&nodes[..nodes.len().min(3)]))
        };
        finding = Part::whole(signal).tell(finding, &what);
    }
    Some(finding.fix(Fix::advice(one.advice)))
}

/// A broker that is not reached: its host, the number that clients give it, and what was seen.
struct Broker<'e> {
    host: String,
    port: String,
    node: String,
    parts: Vec<Part<'e>>,
}

/// Brokers that Java programs of Kafka do not reach. Votes that are lost, and the list for the first
/// contact where it is known, are told by modes of their own.
fn brokers(evidence: &Evidence) -> Vec<Finding> {
    let stack = &evidence.stack;
    let configured = !stack.brokers.is_empty() || !stack.kafka_clients.is_empty();
    let lost = ["kafka.raft-candidate", "kafka.raft-majority-lost", "kafka.raft-no-leader"];
    if !signals(evidence, &lost).is_empty() {
        return Vec::new();
    }
    let mut found: Vec<Broker<'_>> = Vec::new();
    for signal in signals(evidence, &["kafka.connection-not-established"]) {
        if !is_sustained(signal, EVENTS_MIN, LASTS_MS) {
            continue;
        }
        for address in signal.all("address") {
            let is_it = |values: &Values| values.get("address").is_some_and(|one| one == address);
            let Some(part) = Part::of(signal, is_it).filter(|part| part.events >= EVENTS_MIN)
            else {
                continue;
            };
            let node = part.hit.and_then(|hit| hit.values.get("node")).map_or("", String::as_str);
            if configured && node.starts_with('-') {
                continue;
            }
            let (host, at) = address.split_once('/').unwrap_or((address, address));
            let (ip, number) = at.rsplit_once(':').unwrap_or((at, ""));
            let host = if host == at { ip } else { host };
            let same = |one: &&mut Broker<'_>| one.host == host && one.node == node;
            match found.iter_mut().find(same) {
                Some(known) => {
                    // Several doors of one host: the host is what counts.
                    if known.port != number {
                        known.port.clear();
                    }
                    known.parts.push(part);
                }
                None => found.push(Broker {
                    host: host.to_owned(),
                    port: number.to_owned(),
                    node: node.to_owned(),
                    parts: vec![part],
                }),
            }
        }
    }
    found.iter().map(|one| broker(evidence, one)).collect()
}

/// What follows from it in the log of the same client.
const FOLLOWS: &[(&str, &str)] = &[
    ("kafka.bootstrap-disconnected", "it is one of the list for the first contact"),
    ("kafka.coordinator-unavailable", "follows: a group has no coordinator"),
    ("kafka.not-present-in-metadata", "follows: topics of that broker are not known"),
    ("kafka.leader-not-available", "follows: partitions of that broker have no leader"),
    ("kafka.records-expired", "follows: records are given up"),
    ("kafka.send-failed", "follows: records are not sent"),
    ("kafka.api-timeout", "follows: calls run out of time"),
    ("kafka.no-node-assigned", "follows: there is no node to ask"),
];

fn broker(evidence: &Evidence, one: &Broker<'_>) -> Finding {
    let Broker { host, port, node, parts } = one;
    let shown = if port.is_empty() { host.clone() } else { format!("{host}:{port}") };
    // Servers of the list for the first contact have negative numbers.
    let is_bootstrap = node.starts_with('-');
    let title = if is_bootstrap {
        format!("{shown}, which Kafka's client asks first, is not reached")
    } else {
        format!("broker {node} of Kafka, {shown}, is not reached")
    };
    let mut finding = Finding::new(&META, title)
        .weigh(Role::Cause, Severity::Medium, 75)
        .arithmetic("could not be established = refused, or no answer within socket.connection.setup.timeout.ms (10 s, doubling up to 30 s)");
    let is_service = |name: &str| evidence.stack.services.iter().any(|one| one.answers_to(name));
    finding.service = if is_service(host) {
        Some(host.clone())
    } else {
        parts.first().and_then(|part| part.signal.service.clone())
    };
    for part in parts {
        finding = part.tell(finding, &format!("{host} is not reached"));
    }
    for (follows, what) in all_of(evidence, FOLLOWS) {
        if parts.iter().any(|part| part.signal.service == follows.signal.service) {
            finding = follows.tell(finding, &what);
        }
    }
    let advice = if is_bootstrap {
        "see whether that broker runs; list two or three in bootstrap.servers, so that one may be away at a start"
    } else {
        "see whether that broker runs, and whether the address that it advertises is reached from here"
    };
    finding.fix(Fix::advice(advice)).leads_to("single-replica")
}

#[cfg(test)]
mod tests {
    use wonin_read::MemoryFiles;

    fn title(second: &str) -> String {
        let line = |second: &str, text: &str| {
            format!("2025-03-02 10:12:{second},120 - WARN  [main:Peer@368] - {text}\n")
        };
        let mut log = String::new();
        for at in ["01", "11", "21", "31", "41"] {
            log += &line(at, "Cannot open channel to 2 at election address /10.10.34.12:3888");
            log += &line(at, second);
        }
        let evidence = wonin_read::read(&MemoryFiles::new([("zk.log".to_owned(), log)]));
        let found = super::examine(&evidence);
        found.first().expect("a finding").title.clone()
    }

    #[test]
    fn one_member_that_is_not_reached_is_no_majority_lost() {
        assert!(title("Send worker leaving thread").starts_with("a member"));
        let lost = "Exception causing close of session 0x0: ZooKeeperServer not running";
        assert!(title(lost).ends_with("has no majority"));
    }
}
