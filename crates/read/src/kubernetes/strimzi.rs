//! Kafka clusters that the Strimzi operator makes of its resources `Kafka`, `KafkaNodePool` and
//! `KafkaTopic`, and its clients of them (Strimzi documentation, "Deploying and Managing", "Configuring").
//!
//! The operator itself sets listeners, what is advertised, the ids of nodes and the voters, so
//! nothing that is left out of a resource is left out of the cluster. What it does not set has
//! Kafka's own default.

mod clients;

use std::sync::Arc;

use wonin_model::{
    KafkaBroker, KafkaDistribution, KafkaTopic, Located, PodService, Pods, Server, ServerProduct,
    Settings,
};
use wonin_syntax::Node;
use wonin_text::Place;

use super::environment::filled;
use super::found::{Found, Made, OperatedTopic};
use super::kafka::PODS_MAX;
use super::patches::{STRIMZI, id, is_patch};
use super::{Fields, Object, Wrong, same_namespace};
use crate::kafka::fill_broker;

/// Reads resources, among all objects of their directory.
pub(super) fn read<'a>(
    resources: &[&'a Object<'a>],
    objects: &'a [Object<'a>],
    wrong: &'a Wrong,
    found: &mut Found,
) {
    let is_own = |object: &Object<'_>| {
        let version = object.text(&["apiVersion"]);
        version.is_some_and(|version| version.starts_with(STRIMZI)) && !is_patch(object)
    };
    for &object in resources.iter().filter(|object| is_own(object)) {
        match object.kind {
            "Kafka" => {
                if let Some(cluster) = Cluster::of(object, objects, wrong) {
                    let of = cluster.made_of();
                    let nodes = cluster.nodes().into_iter();
                    found.brokers.extend(nodes.map(|node| Made::new(&of, node)));
                    found.servers.extend(cluster.ensemble());
                }
            }
            "KafkaBridge" | "KafkaConnect" | "KafkaMirrorMaker2" => {
                clients::read(object, wrong, found);
            }
            "KafkaTopic" => found.topics.extend(topic(object, wrong)),
            _ => {}
        }
    }
}

/// A `Kafka` resource with its pools.
struct Cluster<'a> {
    object: &'a Object<'a>,
    at: Fields<'a>,
    name: &'a str,
    kafka: &'a Node,
    pools: Vec<Pool<'a>>,
    /// `spec.zookeeper`, unless its annotations say that the cluster does without.
    zookeeper: Option<&'a Node>,
}

/// Nodes of one kind.
struct Pool<'a> {
    /// Name of its pods without their numbers.
    name: String,
    /// Whether its nodes count from 0: those of several pools share one row of numbers.
    is_counted: bool,
    place: Place,
    replicas: Located<u32>,
    /// `roles`, where each node has some.
    roles: Option<(&'a Node, Place)>,
}

impl Pool<'_> {
    /// The name of a node for people.
    fn node(&self, index: u32) -> String {
        match (self.is_counted, self.replicas.value) {
            (true, _) => format!("{}-{index}", self.name),
            (false, 1) => self.name.clone(),
            (false, count) => format!("{} ({} of {count})", self.name, index + 1),
        }
    }
}

impl<'a> Cluster<'a> {
    fn of(object: &'a Object<'a>, objects: &'a [Object<'a>], wrong: &'a Wrong) -> Option<Self> {
        let at = Fields { file: object.file, wrong };
        let name = object.node.at(&["metadata", "name"])?;
        let kafka = object.node.at(&["spec", "kafka"])?;
        let is_kraft = object.text(&["metadata", "annotations", "strimzi.io/kraft"]);
        let zookeeper = object.node.at(&["spec", "zookeeper"]);
        let zookeeper = zookeeper.filter(|_| is_kraft != Some("enabled"));
        let mut pools = pools(object, name.as_str()?, objects, wrong)?;
        let has_pools = object.text(&["metadata", "annotations", "strimzi.io/node-pools"]);
        if pools.is_empty() && has_pools == Some("enabled") {
            return None;
        }
        if pools.is_empty() {
            // Before there were pools the resource itself said how many nodes there are.
            let replicas = at.int(Some(kafka), "replicas")?;
            let name = format!("{}-kafka", name.as_str()?);
            let place = at.place(name_of(object)?);
            pools.push(Pool { name, is_counted: true, place, replicas, roles: None });
        }
        Some(Self { object, at, name: name.as_str()?, kafka, pools, zookeeper })
    }

    /// The resources that say how many nodes there are and what they are told.
    fn made_of(&self) -> Arc<[String]> {
        let pools = self.pools.iter().filter_map(|pool| {
            Some(id("KafkaNodePool", pool.name.strip_prefix(self.name)?.strip_prefix('-')?))
        });
        std::iter::once(id("Kafka", self.name)).chain(pools).collect()
    }

    /// The brokers and controllers, one for each replica.
    fn nodes(&self) -> Vec<KafkaBroker> {
        let voters = self.voters();
        self.pools.iter().flat_map(|pool| self.nodes_of(pool, voters.as_ref())).collect()
    }

    fn nodes_of(&self, pool: &Pool<'_>, voters: Option<&Located<String>>) -> Vec<KafkaBroker> {
        let version = self.kafka.get("version").and_then(Node::as_str).map(str::to_owned);
        let mut settings = self.config();
        if let (Some((roles, place)), None) = (pool.roles, self.zookeeper) {
            let names: Vec<&str> = roles.items().iter().filter_map(Node::as_str).collect();
            settings.set("process.roles", filled(names.join(","), place, vec![], vec![]));
        }
        if let Some(voters) = voters {
            settings.set_default("controller.quorum.voters", || voters.clone());
        }
        fill_broker(&mut settings, KafkaDistribution::Properties, version.as_deref());
        let pods = Arc::new(self.pods(pool));
        let count = pool.replicas.value;
        let node = |index: u32| KafkaBroker {
            name: pool.node(index),
            service: None,
            pods: Some(Arc::clone(&pods)),
            cluster: 0,
            distribution: KafkaDistribution::Other,
            version: version.clone(),
            place: pool.place,
            settings: settings.clone(),
            not_applied: Vec::new(),
            cluster_id: None,
            missing: Vec::new(),
        };
        (0..count.min(PODS_MAX)).map(node).collect()
    }

    /// Every node with the role of a controller votes.
    fn voters(&self) -> Option<Located<String>> {
        let votes = |pool: &&Pool<'_>| {
            pool.roles.is_some_and(|(roles, _)| {
                roles.items().iter().any(|role| role.as_str() == Some("controller"))
            })
        };
        let voting = self.pools.iter().filter(votes).filter(|_| self.zookeeper.is_none());
        let hosts = voting.clone().flat_map(|pool| {
            (0..pool.replicas.value.min(PODS_MAX)).map(|index| format!("{}-{index}", pool.name))
        });
        let list: Vec<String> =
            hosts.enumerate().map(|(id, host)| format!("{id}@{host}:9090")).collect();
        let mut places = voting.filter_map(|pool| pool.replicas.place());
        let first = places.next().filter(|_| !list.is_empty())?;
        Some(filled(list.join(","), first, places.collect(), vec![]))
    }

    /// `spec.kafka.config`.
    fn config(&self) -> Settings {
        let entries = self.kafka.get("config").map(Node::entries).unwrap_or_default();
        let setting = |entry: &wonin_syntax::Entry| {
            Some((entry.key.as_str()?.into(), self.at.text(&entry.value)?))
        };
        entries.iter().filter_map(setting).collect()
    }

    fn pods(&self, pool: &Pool<'_>) -> Pods {
        let listeners = self.kafka.get("listeners").map(Node::items).unwrap_or_default();
        let ports = listeners.iter().filter_map(|one| self.at.int(Some(one), "port"));
        let ports: Vec<(u16, u16)> = ports.map(|port| (port.value, port.value)).collect();
        let service = |of: &str| PodService {
            name: format!("{}-kafka-{of}", self.name),
            ports: ports.clone(),
        };
        Pods {
            name: pool.name.clone(),
            place: pool.place,
            dir: self.object.dir.to_owned(),
            namespace: self.object.namespace().to_owned(),
            replicas: Some(pool.replicas.clone()),
            services: ["bootstrap", "brokers"].map(service).into(),
            on_host: false,
            operated_as: name_of(self.object).and_then(|name| self.at.text(name)),
        }
    }

    /// The ZooKeeper servers of a cluster that has some.
    fn ensemble(&self) -> Option<Server> {
        let replicas: Located<u32> = self.at.int(self.zookeeper, "replicas")?;
        let name = format!("{}-zookeeper", self.name);
        let servers = (0..replicas.value.min(PODS_MAX)).map(|index| format!("{name}-{index}"));
        let list = servers.collect::<Vec<_>>().join(",");
        let mut settings = Settings::default();
        settings.set("servers", filled(list, replicas.place()?, vec![], vec![]));
        Some(Server {
            name,
            product: ServerProduct::ZooKeeper,
            version: None,
            service: None,
            place: replicas.place()?,
            settings,
        })
    }
}

fn name_of<'a>(object: &'a Object<'a>) -> Option<&'a Node> {
    object.node.at(&["metadata", "name"])
}

/// The name of the cluster that a resource belongs to.
fn cluster_of<'a>(object: &'a Object<'a>) -> Option<&'a str> {
    object.text(&["metadata", "labels", "strimzi.io/cluster"])
}

/// The pools of a cluster; `None` where one of them does not tell how many nodes it has.
fn pools<'a>(
    object: &Object<'_>,
    cluster: &str,
    objects: &'a [Object<'a>],
    wrong: &Wrong,
) -> Option<Vec<Pool<'a>>> {
    // Of several resources of one name each is meant for itself, with what its own file says.
    let is_alone = same_namespace(object, objects, "Kafka")
        .filter(|other| other.text(&["metadata", "name"]) == Some(cluster))
        .all(|other| other.file == object.file);
    let own = same_namespace(object, objects, "KafkaNodePool")
        .filter(|pool| cluster_of(pool) == Some(cluster) && (is_alone || pool.file == object.file));
    let read = |pool: &'a Object<'a>| {
        let at = Fields { file: pool.file, wrong };
        let spec = pool.node.get("spec")?;
        let name = name_of(pool)?;
        let roles = spec.get("roles").map(|roles| (roles, at.place(roles)));
        Some(Pool {
            name: format!("{cluster}-{}", name.as_str()?),
            is_counted: false,
            place: at.place(name),
            replicas: at.int(Some(spec), "replicas")?,
            roles,
        })
    };
    own.map(read).collect()
}

/// A `KafkaTopic`.
fn topic(object: &Object<'_>, wrong: &Wrong) -> Option<OperatedTopic> {
    let at = Fields { file: object.file, wrong };
    let spec = object.node.get("spec");
    let name = spec.and_then(|spec| spec.get("topicName")).or(name_of(object))?;
    let number = |key: &str| {
        let node = spec?.get(key)?;
        node.as_str()?.trim().parse().ok().map(|value| at.located(node, value))
    };
    let minimum = spec.and_then(|spec| spec.at(&["config", "min.insync.replicas"]));
    let minimum = minimum
        .and_then(|node| node.as_str()?.trim().parse().ok().map(|value| at.located(node, value)));
    Some(OperatedTopic {
        cluster: cluster_of(object)?.to_owned(),
        file: object.file,
        dir: object.dir.to_owned(),
        topic: KafkaTopic {
            name: at.text(name)?,
            cluster: None,
            service: None,
            partitions: number("partitions"),
            replication_factor: number("replicas"),
            min_insync: minimum,
        },
    })
}
