//! What the operator starts beside a cluster, and that is a client of it: Kafka Connect with the
//! topics that it keeps its state in, MirrorMaker and the bridge.

use std::sync::Arc;

use wonin_model::{ClientLibrary, KafkaClient, KafkaTopic, Located, Pods};
use wonin_syntax::Node;

use super::super::found::{CreatedTopic, Found};
use super::super::{Fields, Object, Wrong};
use super::name_of;
use crate::kafka::{Created, client};

/// Connect's topics: the part of the setting's name, and the key of the resource in its newer
/// versions.
const STATE: [(&str, &str); 3] = [
    ("config", "configStorageTopic"),
    ("offset", "offsetStorageTopic"),
    ("status", "statusStorageTopic"),
];

/// Adds the clients of a resource, and the topics that it makes.
pub(super) fn read(object: &Object<'_>, wrong: &Wrong, found: &mut Found) {
    let at = Fields { file: object.file, wrong };
    let Some((pods, spec)) = pods(object, &at).zip(object.node.get("spec")) else { return };
    let pods = Arc::new(pods);
    for servers in servers(object.kind, spec).into_iter().filter_map(|node| at.text(node)) {
        let Some(place) = servers.place() else { continue };
        let name = format!("{} {}", object.kind, pods.name);
        let client = client(name, ClientLibrary::Java, place, servers);
        found.clients.push(KafkaClient { pods: Some(Arc::clone(&pods)), ..client });
    }
    if object.kind == "KafkaConnect" {
        let topics = STATE.iter().filter_map(|(of, key)| state(&at, spec, of, key));
        let topic = |created| CreatedTopic { pods: Arc::clone(&pods), created };
        found.created.extend(topics.map(topic));
    }
}

fn pods(object: &Object<'_>, at: &Fields<'_>) -> Option<Pods> {
    let name = name_of(object)?;
    Some(Pods {
        name: name.as_str()?.to_owned(),
        place: at.place(name),
        dir: object.dir.to_owned(),
        namespace: object.namespace().to_owned(),
        replicas: None,
        services: Vec::new(),
        on_host: false,
        operated_as: None,
    })
}

/// Where a resource names the brokers that it dials.
fn servers<'a>(kind: &str, spec: &'a Node) -> Vec<&'a Node> {
    const KEY: &str = "bootstrapServers";
    if kind != "KafkaMirrorMaker2" {
        return spec.get(KEY).into_iter().collect();
    }
    let items = |key: &str| spec.get(key).map(Node::items).unwrap_or_default();
    let clusters = items("clusters").iter().filter_map(|cluster| cluster.get(KEY));
    let sources = items("mirrors").iter().filter_map(|mirror| mirror.at(&["source", KEY]));
    clusters.chain(sources).chain(spec.at(&["target", KEY])).collect()
}

/// A topic of Connect's state that is made with a number of replicas; -1 leaves it to the brokers.
fn state(at: &Fields<'_>, spec: &Node, of: &str, key: &str) -> Option<Created> {
    let config = spec.get("config")?;
    let factor = config.get(&format!("{of}.storage.replication.factor"))?;
    let replicas: u32 = factor.as_str()?.trim().parse().ok()?;
    let name = spec.get(key).or_else(|| config.get(&format!("{of}.storage.topic")));
    let topic = KafkaTopic {
        name: name.and_then(|name| at.text(name)).unwrap_or_else(|| {
            Located::written(format!("the {of} topic of Kafka Connect"), at.place(factor))
        }),
        cluster: None,
        service: None,
        partitions: None,
        replication_factor: Some(at.located(factor, replicas)),
        min_insync: None,
    };
    Some(Created { topic, servers: spec.get("bootstrapServers").and_then(|node| at.text(node)) })
}
